package job

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"ds-pipeline/preprocess/storage"
	"ds-pipeline/preprocess/table"
)

// What was written before a column of true and false shows its first gap, at the
// end of the last input, is written again: True is 1.0 beside numbers, and True
// beside objects.
func TestRun_seesTheFirstGapOfTrueAndFalse(t *testing.T) {
	const (
		model = "format: 1\nmodel: {class: ColumnTransformer, feature_names_in: [f, x], n_features_in: 2, feature_names_out: plain, transformers: [" +
			"{name: f, columns: [f], step: {class: passthrough}}, {name: x, columns: [x], step: {class: passthrough}}]}\n"
		rows = 400
	)
	dir := t.TempDir()
	path := filepath.Join(dir, "model.yaml")
	if err := os.WriteFile(path, []byte(model), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, last := range []string{"", "False"} {
		value := "1.0"
		if last == "" {
			value = "True"
		}
		want := "f,x\n" + strings.Repeat(value+",2.5\n", rows) + map[string]string{"": "", "False": "0.0"}[last] + ",2.5\n"
		for _, workers := range []int{1, 3} {
			s, err := settingsFor(dir, "", path)
			if err != nil {
				t.Fatal(err)
			}
			s.Workers = workers
			check := func(what string) {
				if _, err := Run(context.Background(), s, quiet); err != nil {
					t.Fatalf("%s: %v", what, err)
				}
				if got := mustRead(t, s.Output.Path); got != want {
					t.Errorf("%s, %d workers, last cell %q: %.60q ... %q", what, workers, last, got, got[max(0, len(got)-30):])
				}
			}
			text := "f,x\n" + strings.Repeat("True,2.5\n", rows) + last + ",2.5\n"
			if err := os.WriteFile(s.Input.Path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			check("one input")

			parts := filepath.Join(t.TempDir(), "parts")
			if err := os.Mkdir(parts, 0o700); err != nil {
				t.Fatal(err)
			}
			for name, text := range map[string]string{"0.csv": "f,x\n" + strings.Repeat("True,2.5\n", rows), "1.csv": "f,x\n" + last + ",2.5\n"} {
				if err := os.WriteFile(filepath.Join(parts, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			s.Input = storage.URI{Path: parts + "/"}
			check("two inputs")

			s.Input = storage.URI{Path: filepath.Join(dir, "in.jsonl")}
			s.Dialect = table.JSONLines
			final := map[string]string{"": "null", "False": "false"}[last]
			text = strings.Repeat("{\"f\":true,\"x\":2.5}\n", rows) + "{\"f\":" + final + ",\"x\":2.5}\n"
			if err := os.WriteFile(s.Input.Path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			check("JSON lines")
		}
	}
}

// An input in several files, cut between records, with any delimiter, gives the
// result, the counts and the complaints of the same input in one file.
func TestRun_isTheSameWithSeveralInputs(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		delimiter := rapid.SampledFrom([]string{",", ";", "\t", "|", " ", "\x1f"}).Draw(t, "delimiter")
		cell := rapid.SampledFrom([]string{"", "1", "-2.5", "x", "\"3\"", "\"a\nb\"", "\"" + delimiter + "\""})
		var records []string
		for range rapid.IntRange(0, 30).Draw(t, "records") {
			fields := []string{cell.Draw(t, "dist_km"), "2", "3", cell.Draw(t, "rooms")}
			if rapid.IntRange(0, 3).Draw(t, "plain") > 0 {
				fields[0] = "1"
			}
			records = append(records, strings.Join(fields, delimiter)+rapid.SampledFrom([]string{"\n", "\r\n", "\n\n"}).Draw(t, "end"))
		}
		header := strings.Join([]string{"dist_km", "price", "temp", "rooms"}, delimiter) + "\n"
		s, err := settingsFor(dir, header+strings.Join(records, ""), cases+"models/pub_scalers.pkl")
		if err != nil {
			t.Fatal(err)
		}
		s.Dialect.Delimiter = delimiter[0]
		s.Workers = rapid.IntRange(1, 4).Draw(t, "workers")
		outcome := func() (string, Summary) {
			_ = os.Remove(s.Output.Path)
			sum, err := Run(context.Background(), s, quiet)
			if err != nil {
				lines := strings.SplitN(err.Error(), "\n", 2)
				return fmt.Sprintf("exit %d, %d lines", ExitStatus(err), len(lines)), sum
			}
			data, err := os.ReadFile(s.Output.Path)
			if err != nil {
				t.Fatal(err)
			}
			return string(data), sum
		}
		want, whole := outcome()

		parts := filepath.Join(dir, "parts")
		if err := os.RemoveAll(parts); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(parts, 0o700); err != nil {
			t.Fatal(err)
		}
		for n := 0; n == 0 || len(records) > 0; n++ {
			take := rapid.IntRange(0, len(records)).Draw(t, "take")
			text := header + strings.Join(records[:take], "")
			if rapid.Bool().Draw(t, "last line ends") {
				text = strings.TrimRight(text, "\r\n")
			}
			records = records[take:]
			if err := os.WriteFile(filepath.Join(parts, fmt.Sprintf("%03d.csv", n)), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if n == 50 {
				t.Skip("too many empty ones")
			}
		}
		s.Input = storage.URI{Path: parts + "/"}
		got, several := outcome()
		rows := int64(0)
		for _, one := range several.Inputs {
			rows += one.Rows
		}
		if got != want || rows != whole.RowsIn || several.RowsRejected != whole.RowsRejected {
			t.Fatalf("%q (%+v)\nwant\n%q (%+v)", got, several, want, whole)
		}
	})
}

func TestRun_noticesThatOneOfSeveralInputsChanged(t *testing.T) {
	dir := t.TempDir()
	s, err := settingsFor(dir, "", cases+"models/pub_scalers.pkl")
	if err != nil {
		t.Fatal(err)
	}
	parts := filepath.Join(dir, "parts")
	if err := os.Mkdir(parts, 0o700); err != nil {
		t.Fatal(err)
	}
	const header = "dist_km,price,temp,rooms\n"
	for name, text := range map[string]string{"a.csv": header + strings.Repeat("1,2,3,4\n", 100), "b.csv": header + "1,2,3,many\n"} {
		if err := os.WriteFile(filepath.Join(parts, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.Input = storage.URI{Path: parts + "/"}
	env := quiet
	changed := false
	env.Progress = func(done, size int64) {
		if !changed && done > 0 {
			changed = true
			if err := os.WriteFile(filepath.Join(parts, "a.csv"), []byte(header+"1,2,3,5\n"), 0o600); err != nil {
				t.Error(err)
			}
		}
	}
	_, err = Run(context.Background(), s, env)
	if err == nil || !strings.Contains(err.Error(), "a.csv: it changed while it was read") {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(s.Output.Path); err == nil {
		t.Error("a result was published")
	}
}

// What is meant by a folder is only said of one.
func TestOpenInputs_tellsAFolderFromALinkToItself(t *testing.T) {
	dir := t.TempDir()
	loop := filepath.Join(dir, "loop")
	if err := os.Symlink(loop, loop); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		dir:  "read " + dir + ": it cannot be used: it is a directory; want a file, or " + dir + "/ for all files in it",
		loop: "read " + loop + ": it cannot be used: too many levels of symbolic links",
	} {
		_, err := openInputs(context.Background(), storage.New(), Settings{Input: storage.URI{Path: path}})
		if err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("got %v, want … %s", err, want)
		}
	}
}
