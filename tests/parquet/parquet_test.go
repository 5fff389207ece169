// Package parquet_test has a reader of Parquet that other people wrote read what
// the program writes.
package parquet_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"ds-pipeline/internal/programtest"
	"ds-pipeline/internal/pythontest"
)

const penguins = "../../examples/penguins/"

// file is what read.mjs prints.
type file struct {
	Columns []struct {
		Name, Type string
		Converted  string `json:"converted_type"`
		Repetition string `json:"repetition_type"`
	}
	RowGroups []struct {
		Rows       int
		Codecs     []string
		Statistics []map[string]any
	}
	Rows [][]any
}

var binary string

func TestMain(m *testing.M) {
	programtest.Main(m, nil, programtest.Program{Package: "../../preprocess", Path: &binary})
}

func read(t *testing.T, path string) file {
	t.Helper()
	if _, err := os.Stat("node_modules/hyparquet"); err != nil {
		t.Fatal("hyparquet is not installed: run make tests/parquet/node_modules")
	}
	cmd := exec.Command("node", "read.mjs", path)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var f file
	if err := json.Unmarshal(out, &f); err != nil {
		t.Fatal(err)
	}
	return f
}

// compare compares the rows with those of a CSV: numbers bit for bit.
func compare(t *testing.T, f file, path string) {
	t.Helper()
	text, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = text.Close() }()
	rows, err := csv.NewReader(text).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows)-1 != len(f.Rows) || len(f.Columns) != len(rows[0]) {
		t.Fatalf("%d rows of %d columns, want %d of %d", len(f.Rows), len(f.Columns), len(rows)-1, len(rows[0]))
	}
	for c, column := range f.Columns {
		if column.Name != rows[0][c] {
			t.Fatalf("column %q, want %q", column.Name, rows[0][c])
		}
		for i, row := range f.Rows {
			want := rows[i+1][c]
			switch got := row[c].(type) {
			case nil:
				if want == "" {
					continue
				}
			case float64:
				if v, err := strconv.ParseFloat(want, 64); err == nil && math.Float64bits(v) == math.Float64bits(got) {
					continue
				}
			case string:
				if v, err := strconv.ParseFloat(want, 64); got == want || got == "-0" && err == nil && v == 0 && math.Signbit(v) {
					continue
				}
			}
			t.Fatalf("row %d, column %q: %v, want %q", i+1, column.Name, row[c], want)
		}
	}
}

func TestHyparquet_readsTheResult(t *testing.T) {
	dir := t.TempDir()
	run := func(input, output string, more ...string) {
		t.Helper()
		args := append([]string{"run", "--input", input, "--model", penguins + "model.pkl", "--output", output, "--keep", "species"}, more...)
		if out, err := exec.Command(binary, args...).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	t.Run("penguins", func(t *testing.T) {
		path := filepath.Join(dir, "small.parquet")
		run(penguins+"penguins.csv", path)
		f := read(t, path)
		compare(t, f, penguins+"expected.csv")
		if c := f.Columns[0]; c.Type != "BYTE_ARRAY" || c.Converted != "UTF8" || c.Repetition != "OPTIONAL" {
			t.Errorf("species is %+v", c)
		}
		if c := f.Columns[1]; c.Type != "DOUBLE" {
			t.Errorf("bill_length_mm is %+v", c)
		}
		if s := f.RowGroups[0].Statistics[0]; s["min_value"] != "Adelie" || s["max_value"] != "Gentoo" || s["null_count"] != "0" {
			t.Errorf("statistics of species: %v", s)
		}
	})
	t.Run("after a script", func(t *testing.T) {
		script := []string{"--script", "../../examples/scripts/size.py", "--script-stage", "after"}
		csvPath, path := filepath.Join(dir, "sized", "small.csv"), filepath.Join(dir, "sized.parquet")
		if err := os.Mkdir(filepath.Dir(csvPath), 0o700); err != nil {
			t.Fatal(err)
		}
		t.Setenv("DS_PYTHON", pythontest.Find(t))
		run(penguins+"penguins.csv", csvPath, script...)
		run(penguins+"penguins.csv", path, script...)
		f := read(t, path)
		compare(t, f, csvPath)
		if c := f.Columns[len(f.Columns)-1]; c.Name != "size" || c.Type != "DOUBLE" {
			t.Errorf("the last column is %+v, want size, DOUBLE", c)
		}
	})
	t.Run("many blocks", func(t *testing.T) {
		text, err := os.ReadFile(penguins + "penguins.csv")
		if err != nil {
			t.Fatal(err)
		}
		header, records, _ := strings.Cut(string(text), "\n")
		in := filepath.Join(dir, "large.csv")
		var b strings.Builder
		b.WriteString(header + "\n")
		for i := range 100 {
			// Some other values, and records without any.
			b.WriteString(strings.ReplaceAll(records, "181", fmt.Sprintf("%d.25", 100+i)))
			b.WriteString("Adelie,,,,,,\n")
		}
		if err := os.WriteFile(in, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		csvPath, path := filepath.Join(dir, "csv", "large.csv"), filepath.Join(dir, "large.parquet")
		if err := os.Mkdir(filepath.Dir(csvPath), 0o700); err != nil {
			t.Fatal(err)
		}
		run(in, csvPath)
		run(in, path)
		compare(t, read(t, path), csvPath)
	})
}
