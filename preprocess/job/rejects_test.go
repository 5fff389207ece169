package job

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"ds-pipeline/preprocess/contract"
)

func TestParseRejectLimit_readsACountOrAShare(t *testing.T) {
	for text, most := range map[string]int64{"0": 0, "100": 100, "0%": 0, "0.5%": 5, "100%": 1000, "0.05%": 0, "99.99%": 999, "007": 7} {
		l, err := ParseRejectLimit(text)
		if err != nil || l.String() != text || l.exceeded(most, 1000) || !l.exceeded(most+1, 1000) {
			t.Errorf("%s: %v, of 1000 %t %t, want %d at most", text, err, l.exceeded(most, 1000), l.exceeded(most+1, 1000), most)
		}
	}
	for _, text := range []string{"", "-1", "1.5", "0.5", "5 %", "%", "101%", "100.1%", "1e3", "+1", ".5%", "1%%", "many", "1,000", "99999999999999999999", " 1", "1\n", "NaN%", "½"} {
		if _, err := ParseRejectLimit(text); err == nil || !strings.HasPrefix(err.Error(), "got "+strconv.Quote(text)+", want a count such as 100 or a share") {
			t.Errorf("%q: %v", text, err)
		}
	}
	if zero := (RejectLimit{}); zero.String() != "0" || !zero.none() || zero.exceeded(0, 0) || !zero.exceeded(1, 1) {
		t.Error("the zero value is not none")
	}
}

// dirtyRecord draws a record of four fields for the model of passthrough and
// tells whether it is good; neither depends on other records.
func dirtyRecord(t *rapid.T) (record string, good bool) {
	number := rapid.SampledFrom([]string{"1", "-2.5", "", "NA", "1e3", " 7", `"3"`})
	rooms := rapid.SampledFrom([]string{"1", "22", "1", "2", "2.5", "", "True", "x", `"a` + "\n" + `b"`, `"q""q"`})
	cells := []string{number.Draw(t, "dist_km"), number.Draw(t, "price"), number.Draw(t, "temp"), rooms.Draw(t, "rooms")}
	switch rapid.IntRange(0, 12).Draw(t, "fault") {
	case 0:
		return strings.Join(append(cells, "more"), ","), false
	case 1:
		return strings.Join(cells[:2], ","), false
	case 2:
		cells[rapid.IntRange(0, 2).Draw(t, "field")] = rapid.SampledFrom([]string{"secret", "1 2", `"` + "\n" + `"`, "1;2"}).Draw(t, "junk")
		return strings.Join(cells, ","), false
	case 3:
		cells[3] = "\xff" + rapid.SampledFrom([]string{"", "secret"}).Draw(t, "rest")
		return strings.Join(cells, ","), false
	case 4:
		cells[0] = rapid.SampledFrom([]string{"inf", "-Infinity"}).Draw(t, "infinite")
		return strings.Join(cells, ","), false
	}
	return strings.Join(cells, ","), true
}

type outcome struct {
	out, rejects string
	sum          Summary
}

func runFor(t *rapid.T, s Settings) outcome {
	dir := filepath.Dir(s.Output.Path)
	rejects := filepath.Join(dir, contract.RejectsName)
	_, _ = os.Remove(s.Output.Path), os.Remove(rejects)
	sum, err := Run(context.Background(), s, quiet)
	if err != nil {
		t.Fatalf("%v", err)
	}
	out, err := os.ReadFile(s.Output.Path)
	if err != nil {
		t.Fatal(err)
	}
	list, err := os.ReadFile(rejects)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	sum.Elapsed = 0
	return outcome{string(out), string(list), sum}
}

// Whatever the blocks and the workers are, the rejects are the records that are
// not good, with their lines and their bytes, and the result is that of an input
// without them.
func TestRun_rejectsWhatIsNotGoodAndNothingElse(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		header := "dist_km,price,temp,rooms"
		text, clean := header, header
		var want [][]string
		rows := int64(0)
		for range rapid.IntRange(0, 40).Draw(t, "records") {
			record, good := dirtyRecord(t)
			end := rapid.SampledFrom([]string{"\n", "\r\n", "\n", "\n\n", "\r"}).Draw(t, "end")
			text += end
			line := int64(1 + strings.Count(strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n"), "\n"))
			text += record
			rows++
			if good {
				clean += "\n" + record
			} else {
				want = append(want, []string{strconv.FormatInt(line, 10), record})
			}
		}
		s, err := settingsFor(dir, text, cases+"models/pub_scalers.pkl")
		if err != nil {
			t.Fatal(err)
		}
		s.MaxRejects, _ = ParseRejectLimit("100%")
		s.Workers = 1
		s.blocks = blockSizes{first: 1 << 20, in: 1 << 20, out: 1 << 20, least: 1}
		one := runFor(t, s)

		reader := csv.NewReader(strings.NewReader(strings.ReplaceAll(one.rejects, "\r", "<CR>")))
		list, err := reader.ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		var got [][]string
		for _, r := range list[min(1, len(list)):] {
			if r[0] != s.Input.Path || r[3] == "" || strings.Contains(r[3], "secret") {
				t.Fatalf("%q", r)
			}
			got = append(got, []string{r[1], r[4]})
		}
		if fmt.Sprint(got) != fmt.Sprint(want) || (len(want) == 0) != (one.rejects == "") {
			t.Fatalf("%q:\nrejected %q,\nwant     %q", text, got, want)
		}
		if sum := one.sum; sum.RowsIn != rows || sum.RowsRejected != int64(len(want)) || sum.RowsOut != rows-sum.RowsRejected {
			t.Fatalf("%q: %+v", text, sum)
		}

		s.Workers = rapid.IntRange(1, 6).Draw(t, "workers")
		s.blocks = blockSizes{
			first: rapid.IntRange(1, 200).Draw(t, "first"),
			in:    rapid.IntRange(1, 200).Draw(t, "in"),
			out:   rapid.IntRange(1, 500).Draw(t, "out"),
			least: 1,
		}
		workers := s.Workers
		many := runFor(t, s)
		many.sum.Workers = one.sum.Workers
		if many.out != one.out || many.rejects != one.rejects || fmt.Sprint(many.sum) != fmt.Sprint(one.sum) {
			t.Fatalf("%q: %d workers, %+v:\n%+v\nwant\n%+v", text, workers, s.blocks, many, one)
		}

		if s, err = settingsFor(dir, clean, cases+"models/pub_scalers.pkl"); err != nil {
			t.Fatal(err)
		}
		if cleaned := runFor(t, s); cleaned.out != one.out {
			t.Fatalf("%q:\n%s\nbut without the rejects\n%s", text, one.out, cleaned.out)
		}
	})
}

func TestRun_takesTheKindOfAColumnFromWhatIsNotRejected(t *testing.T) {
	const header = "dist_km,price,temp,rooms\n"
	for name, text := range map[string]string{
		"at once":       header + "1,2,3,4\ninf,2,3,many\n1,2,3,5\n",
		"first":         header + "inf,2,3,many\n1,2,3,4\n1,2,3,5\n",
		"late":          header + strings.Repeat("1,2,3,4\n", 100) + "inf,2,3,many\n" + strings.Repeat("1,2,3,4\n", 100),
		"not a number":  header + "1,2,3,4\nx,2,3,many\n1,2,3,5\n",
		"all are wrong": header + "inf,2,3,many\n",
	} {
		t.Run(name, func(t *testing.T) {
			var outs []string
			for _, input := range []string{text, strings.NewReplacer("inf,2,3,many\n", "", "x,2,3,many\n", "").Replace(text)} {
				s, err := settingsFor(t.TempDir(), input, cases+"models/pub_scalers.pkl")
				if err != nil {
					t.Fatal(err)
				}
				s.MaxRejects, _ = ParseRejectLimit("1")
				if _, err := Run(context.Background(), s, quiet); err != nil {
					t.Fatal(err)
				}
				outs = append(outs, mustRead(t, s.Output.Path))
			}
			if outs[0] != outs[1] {
				t.Errorf("got\n%s\nwant\n%s", outs[0], outs[1])
			}
		})
	}
}

func TestRun_givesUpWhenTheShareCannotBeMet(t *testing.T) {
	dir := t.TempDir()
	bad, good := strings.Repeat("x,2,3,4\n", 3000), strings.Repeat("1,2,3,4\n", 3000)
	for name, test := range map[string]struct{ text, limit, want string }{
		"bad first, but in the end few": {bad + good + good, "34%", ""},
		"just too many":                 {good + good + bad, "33.3%", " records cannot be used (--max-rejects is 33.3%)"},
		"hopeless early":                {bad + good, "5%", "at least "},
		"a count":                       {bad + good, "100", "at least "},
		"a count that is enough":        {bad + good, "3000", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := settingsFor(dir, "dist_km,price,temp,rooms\n"+test.text, cases+"models/pub_scalers.pkl")
			if err != nil {
				t.Fatal(err)
			}
			s.MaxRejects, _ = ParseRejectLimit(test.limit)
			sum, err := Run(context.Background(), s, quiet)
			switch {
			case test.want == "" && (err != nil || sum.RowsRejected != 3000):
				t.Errorf("%d rejected, %v", sum.RowsRejected, err)
			case test.want != "" && (err == nil || ExitStatus(err) != contract.ExitData || !strings.Contains(err.Error(), test.want)):
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

func TestRun_neverAcceptsAQuoteThatIsNotClosed(t *testing.T) {
	s, err := settingsFor(t.TempDir(), "dist_km,price,temp,rooms\n1,2,3,4\n1,2,3,\"4\n1,2,3,4\n", cases+"models/pub_scalers.pkl")
	if err != nil {
		t.Fatal(err)
	}
	s.MaxRejects, _ = ParseRejectLimit("100%")
	_, err = Run(context.Background(), s, quiet)
	if err == nil || !strings.Contains(err.Error(), "nobody can tell where it ends") || !strings.Contains(err.Error(), "\n  line 3: a quote is opened and never closed") {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(s.Output.Path); err == nil {
		t.Error("a result was published")
	}
}

func TestRejectsFile_quotesWhatItMust(t *testing.T) {
	var b []byte
	for _, text := range []string{"", "a", "a,b", "a\"b", "\r", "\n", "\xff\""} {
		b = append(appendField(b, text), ';')
	}
	if want := `;a;"a,b";"a""b";"` + "\r\";\"\n\";\"\xff\"\"\";"; !bytes.Equal(b, []byte(want)) {
		t.Errorf("got %q, want %q", b, want)
	}
}

func TestRun_cleansUpForWhatItDoesNotWrite(t *testing.T) {
	s, err := settingsFor(t.TempDir(), "dist_km,price,temp,rooms\n1,2,3,4\n", cases+"models/pub_scalers.pkl")
	if err != nil {
		t.Fatal(err)
	}
	s.Report = false
	dir := filepath.Dir(s.Output.Path)
	for _, left := range []string{".rejects.csv.123.tmp", ".report.html.45.tmp"} {
		if err := os.WriteFile(filepath.Join(dir, left), []byte("of a killed run"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Run(context.Background(), s, quiet); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".tmp") {
			t.Errorf("left %s", e.Name())
		}
	}
}
