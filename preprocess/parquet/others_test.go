package parquet_test

import (
	"bytes"
	"encoding/csv"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"ds-pipeline/preprocess/frame"
	"ds-pipeline/preprocess/parquet"
)

// The files in testdata hold one table, written by DuckDB and by Arrow, see
// bench/parquet. table.csv has its cells.
func tableOfOthers(t testing.TB) map[string][]string {
	t.Helper()
	f, err := os.Open("testdata/table.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	table := map[string][]string{}
	for i, name := range rows[0] {
		for _, row := range rows[1:] {
			table[name] = append(table[name], row[i])
		}
	}
	return table
}

func filesOfOthers(t testing.TB) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.parquet")
	if err != nil || len(paths) == 0 {
		t.Fatal("no files", err)
	}
	files := map[string][]byte{}
	for _, path := range paths {
		if files[strings.TrimSuffix(filepath.Base(path), ".parquet")], err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// naturalText is a cell as CSV would have it.
func naturalText(c *frame.Column, row int) string {
	switch c.Kind {
	case frame.Float:
		return number(c.Floats[row])
	case frame.Float32:
		if v := c.Floats[row]; v == v {
			return strconv.FormatFloat(v, 'g', -1, 32)
		}
		return ""
	case frame.Bool:
		return map[int64]string{-1: "", 0: "False", 1: "True"}[c.Ints[row]]
	}
	return string(c.Texts[row])
}

func readNatural(data []byte) (names []string, cells map[string][]string, err error) {
	f, err := parquet.Open(bytes.NewReader(data), int64(len(data)), parquet.DefaultLimits())
	if err != nil {
		return nil, nil, err
	}
	var wants []parquet.Want
	for i, c := range f.Columns() {
		wants = append(wants, parquet.Want{Column: i, Kind: c.Natural()})
		names = append(names, c.Name)
	}
	r, err := f.NewReader(wants, false)
	if err != nil {
		return nil, nil, err
	}
	cells = map[string][]string{}
	var b parquet.Batch
	for err = r.Next(&b, 33, 1<<12); err == nil; err = r.Next(&b, 33, 1<<12) {
		for i, name := range names {
			for row := range b.Rows {
				cells[name] = append(cells[name], naturalText(&b.Columns[i], row))
			}
		}
	}
	if err == io.EOF { //nolint:errorlint // it is itself
		err = nil
	}
	return names, cells, err
}

func compareWithTable(t *testing.T, names []string, cells map[string][]string) {
	t.Helper()
	table := tableOfOthers(t)
	for _, name := range names {
		want := table[name]
		if len(want) == 0 || len(cells[name]) != len(want) {
			t.Fatalf("column %s: %d rows, want %d", name, len(cells[name]), len(want))
		}
		for row, cell := range cells[name] {
			if cell != want[row] {
				t.Errorf("column %s, row %d: %q, want %q", name, row, cell, want[row])
				break
			}
		}
	}
}

func TestReader_readsFilesOfOthers(t *testing.T) {
	for name, data := range filesOfOthers(t) {
		t.Run(name, func(t *testing.T) {
			if strings.Contains(name, "brotli") {
				if _, _, err := readNatural(data); err == nil || !strings.Contains(err.Error(), "compression BROTLI is not supported, want none, snappy") {
					t.Errorf("%v", err)
				}
				return
			}
			names, cells, err := readNatural(data)
			if err != nil {
				t.Fatal(err)
			}
			if len(names) < 18 {
				t.Fatalf("%d columns", len(names))
			}
			compareWithTable(t, names, cells)
		})
	}
}

// What is read as it is stored and written again has the same types and cells.
func TestWriter_keepsTypesOfOthers(t *testing.T) {
	for name, data := range filesOfOthers(t) {
		if strings.Contains(name, "brotli") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			f, err := parquet.Open(bytes.NewReader(data), int64(len(data)), parquet.DefaultLimits())
			if err != nil {
				t.Fatal(err)
			}
			layout := &parquet.Layout{}
			var wants []parquet.Want
			for i := range f.Columns() {
				c := &f.Columns()[i]
				wants = append(wants, parquet.Want{Column: i, Kind: c.Stored(), Stored: true})
				layout.AddAs(c.Name, c)
			}
			r, err := f.NewReader(wants, false)
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			w, err := parquet.NewWriter(&out, layout)
			if err != nil {
				t.Fatal(err)
			}
			e := parquet.NewEncoder(layout)
			var b parquet.Batch
			var block parquet.Block
			for err = r.Next(&b, 40, 1<<12); err == nil; err = r.Next(&b, 40, 1<<12) {
				e.Append(b.Columns, b.Nulls, b.Rows, make([]bool, b.Rows))
				e.Finish(&block)
				if err := w.Add(&block); err != nil {
					t.Fatal(err)
				}
			}
			if err != io.EOF { //nolint:errorlint // it is itself
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			names, cells, err := readNatural(out.Bytes())
			if err != nil {
				t.Fatal(err)
			}
			compareWithTable(t, names, cells)
			again, err := parquet.Open(bytes.NewReader(out.Bytes()), int64(out.Len()), parquet.DefaultLimits())
			if err != nil {
				t.Fatal(err)
			}
			for i := range f.Columns() {
				if differs := parquet.SameColumn(&again.Columns()[i], &f.Columns()[i]); differs != "" {
					t.Errorf("column %s: %s", names[i], differs)
				}
			}
			if path := os.Getenv("PARQUET_KEEP"); path != "" {
				if err := os.WriteFile(filepath.Join(path, name+".parquet"), out.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}
