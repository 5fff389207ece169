package job

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"ds-pipeline/preprocess/contract"
	"ds-pipeline/preprocess/table"
)

// The same records give the same result as CSV and as JSON lines, in which keys
// stand in any order and missing ones may be left out.
func TestRun_isTheSameWithJSONLines(t *testing.T) {
	dir := t.TempDir()
	names := []string{"dist_km", "price", "temp", "rooms", "note"}
	cells := rapid.SampledFrom([]string{"", "1", "-2.50", "1e3", "0.1"})
	rapid.Check(t, func(t *rapid.T) {
		var lines, text strings.Builder
		text.WriteString(strings.Join(names, ",") + "\n")
		for row := range rapid.IntRange(1, 60).Draw(t, "rows") {
			var members, fields []string
			for _, name := range names {
				value, field := "null", ""
				if name == "note" {
					note := strings.ToValidUTF8(rapid.String().Draw(t, "note"), "")
					data, err := json.Marshal(note)
					if err != nil {
						t.Fatal(err)
					}
					value, field = string(data), `"`+strings.ReplaceAll(note, `"`, `""`)+`"`
				} else if cell := cells.Draw(t, name); cell != "" {
					value, field = cell, cell
				}
				fields = append(fields, field)
				if value == "null" && row > 0 && rapid.Bool().Draw(t, "left out") {
					continue
				}
				members = append(members, `"`+name+`": `+value)
			}
			lines.WriteString("{" + strings.Join(rapid.Permutation(members).Draw(t, "order"), " ,") + " }" + rapid.SampledFrom([]string{"\n", "\r\n", "\n \n"}).Draw(t, "end"))
			text.WriteString(strings.Join(fields, ",") + "\n")
		}
		result := func(input string, d table.Dialect) string {
			s, err := settingsFor(dir, input, cases+"models/pub_scalers.pkl")
			if err != nil {
				t.Fatal(err)
			}
			s.Dialect, s.Nulls, s.Keep = d, nil, []string{"note"}
			s.Workers = rapid.IntRange(1, 4).Draw(t, "workers")
			if _, err := Run(context.Background(), s, quiet); err != nil {
				t.Fatalf("%q: %v", input, err)
			}
			out, err := os.ReadFile(s.Output.Path)
			if err != nil {
				t.Fatal(err)
			}
			return string(out)
		}
		got, want := result(lines.String(), table.JSONLines), result(text.String(), table.CSV)
		if got != want {
			t.Fatalf("%s\ngives\n%s\nwant\n%s", &lines, got, want)
		}
	})
}

// As FuzzRun, of JSON lines.
func FuzzRunJSONLines(f *testing.F) {
	for _, seed := range []string{
		`{"dist_km":1,"price":2,"temp":3,"rooms":4}`, "{\"rooms\":true}\n{\"dist_km\":1}\n{\"price\":null,\"temp\":\"x\"}", "", "\n{}\n", "[]",
		"{\"dist_km\":1,\"price\":2,\"temp\":3,\"rooms\":4}\n{\"rooms\":4.5}\r\n\n{\"rooms\":[]}\n{", `{"rooms":1,"rooms":2}`,
	} {
		f.Add([]byte(seed), uint8(20), uint8(2))
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, input []byte, size, workers uint8) {
		s, err := settingsFor(dir, string(input), cases+"models/pub_scalers.pkl")
		if err != nil {
			t.Fatal(err)
		}
		s.Dialect, s.Nulls = table.JSONLines, nil
		outcome := func() string {
			_ = os.Remove(s.Output.Path)
			sum, err := Run(context.Background(), s, quiet)
			out, missing := os.ReadFile(s.Output.Path)
			if err != nil {
				if ExitStatus(err) != contract.ExitData || missing == nil {
					t.Fatalf("exit status %d: %v (published: %t)", ExitStatus(err), err, missing == nil)
				}
				return err.Error()
			}
			if lines := bytes.Count(out, []byte("\n")); !bytes.ContainsRune(out, '"') && int64(lines) != sum.RowsOut+1 {
				t.Fatalf("%d lines of %d rows", lines, sum.RowsOut)
			}
			return string(out)
		}
		s.blocks = blockSizes{}
		want := outcome()
		n := int(size) + 1
		s.blocks, s.Workers = blockSizes{first: n, in: n, out: n, least: 1}, int(workers)%4+1
		if got := outcome(); got != want && !strings.Contains(want, "at least") {
			t.Fatalf("blocks of %d, %d workers:\n%q\nwant\n%q", n, s.Workers, got, want)
		}
	})
}

// A carriage return is a blank of JSON and ends no line.
func TestRun_countsTheLinesOfJSONByLineFeeds(t *testing.T) {
	text := "{\"dist_km\":1,\r\"price\":2,\"temp\":3,\r\"rooms\":4}\r\n" + "\r\n" + "{\"dist_km\":\"far\",\"price\":2,\"temp\":3,\"rooms\":4}\n"
	s, err := settingsFor(t.TempDir(), text, cases+"models/pub_scalers.pkl")
	if err != nil {
		t.Fatal(err)
	}
	s.Dialect, s.Nulls = table.JSONLines, nil
	s.blocks = blockSizes{first: 1, in: 1, out: 1, least: 1}
	_, err = Run(context.Background(), s, quiet)
	if want := "line 3, column \"dist_km\": not a number"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

// Which columns there are is known from the first record that can be read; those
// before it are rejected as any other.
func TestRun_rejectsTheFirstRecordsOfJSON(t *testing.T) {
	good := "{\"dist_km\":1,\"price\":2,\"temp\":3,\"rooms\":4}\n"
	bad := "{\"dist_km\":}\n\n[]\n{\"dist_km\":1,\"dist_km\":2}\n"
	for name, test := range map[string]struct {
		text           string
		lines          []string
		most, rejected int
		fails          string
	}{
		"at once":         {bad + good + bad + good, []string{"1", "3", "4", "6", "8", "9"}, 6, 6, ""},
		"after blanks":    {"\n \n" + bad + good, []string{"3", "5", "6"}, 3, 3, ""},
		"none allowed":    {bad + good, []string{"1", "3", "4"}, 0, 3, "3 of 4 records cannot be used (--max-rejects is 0)"},
		"none is right":   {bad, nil, 9, 0, "line 1: not valid JSON at byte 11 of the line: want a value"},
		"right, but late": {strings.Repeat("[]\n", maxUnreadable/3+1) + good, nil, 1 << 30, 0, "line 1: not a JSON object"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, first := range []int{1, 30, 1 << 17} {
				if test.lines == nil && first < 1<<17 {
					continue // slow
				}
				s, err := settingsFor(t.TempDir(), test.text, cases+"models/pub_scalers.pkl")
				if err != nil {
					t.Fatal(err)
				}
				s.Dialect, s.Nulls = table.JSONLines, nil
				s.MaxRejects, _ = ParseRejectLimit(fmt.Sprint(test.most))
				s.blocks = blockSizes{first: first, in: first, out: first, least: 1}
				sum, err := Run(context.Background(), s, quiet)
				if got := fmt.Sprint(err); test.fails == "" && err != nil || !strings.Contains(got, test.fails) {
					t.Fatalf("got %v, want %q", err, test.fails)
				}
				if test.lines == nil {
					continue
				}
				list, err := csv.NewReader(strings.NewReader(mustRead(t, filepath.Join(filepath.Dir(s.Output.Path), contract.RejectsName)))).ReadAll()
				if err != nil {
					t.Fatal(err)
				}
				var lines []string
				for _, record := range list[1:] {
					lines = append(lines, record[1])
				}
				if !slices.Equal(lines, test.lines) || sum.RowsRejected != int64(test.rejected) {
					t.Errorf("blocks of %d: rejected %v, %d in all", first, lines, sum.RowsRejected)
				}
			}
		})
	}
}
