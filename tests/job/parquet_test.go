package job

import (
	"bytes"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	pq "github.com/parquet-go/parquet-go"
)

// parquetOf is rows of text as Parquet, written by another library: numbers where
// a column has nothing else, null where a cell is empty, row groups of 100 rows.
func parquetOf(t *testing.T, rows [][]string) string {
	t.Helper()
	numbers := make([]bool, len(rows[0]))
	group := pq.Group{}
	for c, name := range rows[0] {
		numbers[c] = true
		for _, row := range rows[1:] {
			_, err := strconv.ParseFloat(row[c], 64)
			numbers[c] = numbers[c] && (err == nil || row[c] == "")
		}
		node := pq.Encoded(pq.String(), &pq.RLEDictionary)
		if numbers[c] {
			node = pq.Leaf(pq.DoubleType)
		}
		group[name] = pq.Optional(pq.Compressed(node, &pq.Snappy))
	}
	schema := pq.NewSchema("table", group)
	at := map[string]int{}
	for i, path := range schema.Columns() {
		at[path[0]] = i
	}
	var out bytes.Buffer
	w := pq.NewWriter(&out, schema, pq.MaxRowsPerRowGroup(100), pq.PageBufferSize(200))
	for _, cells := range rows[1:] {
		row := make(pq.Row, len(cells))
		for c, cell := range cells {
			i := at[rows[0][c]]
			f, _ := strconv.ParseFloat(cell, 64)
			switch {
			case cell == "":
				row[i] = pq.NullValue().Level(0, 0, i)
			case numbers[c]:
				row[i] = pq.DoubleValue(f).Level(0, 1, i)
			default:
				row[i] = pq.ByteArrayValue([]byte(cell)).Level(0, 1, i)
			}
		}
		if _, err := w.WriteRows([]pq.Row{row}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestParquet_givesTheResultOfTheCSV(t *testing.T) {
	rows := table(t, penguins+"penguins.csv")
	whole := parquetOf(t, rows)
	for name, test := range map[string]struct {
		file string
		args []string
	}{
		"by name":      {"in.parquet", nil},
		"by content":   {"in.data", nil},
		"by option":    {"in.csv", []string{"--input-format", "parquet"}},
		"more workers": {"in.PARQUET", []string{"--workers", "5"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			out := filepath.Join(dir, "out.csv")
			args := append([]string{"run", "--input", write(t, filepath.Join(dir, test.file), whole), "--model", penguins + "model.pkl", "--output", out, "--keep", "species"}, test.args...)
			run(t, nil, args...).expect(t, 0)
			if read(t, out) != read(t, penguins+"expected.csv") {
				t.Error("the result differs from expected.csv")
			}
			checkManifest(t, filepath.Join(dir, "manifest.json"))
		})
	}
	t.Run("several", func(t *testing.T) {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "a.parquet"), parquetOf(t, append([][]string{rows[0]}, rows[1:150]...)))
		write(t, filepath.Join(dir, "b.parquet"), parquetOf(t, append([][]string{rows[0]}, rows[150:]...)))
		out := filepath.Join(t.TempDir(), "out.csv")
		run(t, nil, "run", "--input", filepath.Join(dir, "*.parquet"), "--model", penguins+"model.pkl", "--output", out, "--keep", "species").expect(t, 0)
		if read(t, out) != read(t, penguins+"expected.csv") {
			t.Error("the result differs from expected.csv")
		}
		if m := checkManifest(t, filepath.Join(filepath.Dir(out), "manifest.json")); len(m.Inputs) != 2 || m.Inputs[1].Size == 0 {
			t.Errorf("inputs: got %v, want both", m.Inputs)
		}
	})
	t.Run("S3", func(t *testing.T) {
		t.Parallel()
		c := newCloud(t, "ds-in", "ds-out", "ds-art")
		c.put(t, "ds-in", "raw/data.csv", whole) // known by its content
		c.put(t, "ds-art", "model.pkl", read(t, penguins+"model.pkl"))
		run(t, c.env(), s3Args("--keep", "species")...).expect(t, 0)
		if got, _ := c.get(t, "ds-out", "processed/data.csv"); got != read(t, penguins+"expected.csv") {
			t.Error("the result differs from expected.csv")
		}
	})
}

func TestParquet_rejectsRowsAndSaysWhich(t *testing.T) {
	dir := t.TempDir()
	rows := table(t, penguins+"penguins.csv")
	const bad = 200
	for c, name := range rows[0] {
		if name == "body_mass_g" {
			rows[bad][c] = "heavy"
		}
		if name == "species" {
			rows[bad-1][c] = "two\nlines"
		}
	}
	in := write(t, filepath.Join(dir, "in.parquet"), parquetOf(t, rows))
	out := filepath.Join(dir, "out.csv")
	args := []string{"run", "--input", in, "--model", penguins + "model.pkl", "--output", out, "--keep", "species"}
	run(t, nil, args...).expect(t, 65, "1 of 344 records", `line 200, column "body_mass_g": not a number`)
	run(t, nil, append(args, "--max-rejects", "1")...).expect(t, 0)
	if n := len(table(t, out)); n != 344 {
		t.Errorf("%d records, want 344", n)
	}
}

func TestParquet_refusesBadFiles(t *testing.T) {
	whole := parquetOf(t, table(t, penguins+"penguins.csv"))
	flipped := []byte(whole)
	flipped[len(flipped)/3] ^= 0xff
	for name, test := range map[string]struct{ data, want string }{
		"truncated": {whole[:len(whole)/2], "is it truncated?"},
		"empty":     {"", "0 bytes are no Parquet file"},
		"CSV":       {read(t, penguins+"penguins.csv"), "does not end in PAR1"},
		"no footer": {"PAR1\xff\xff\xff\x7fPAR1", "more than the file"},
		"encrypted": {"PAR1\x00\x00\x00\x00PARE", "encrypted"},
		"flipped":   {string(flipped), "Parquet"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			out := filepath.Join(dir, "out.csv")
			run(t, nil, "run", "--input", write(t, filepath.Join(dir, "in.parquet"), test.data), "--model", penguins+"model.pkl", "--output", out).expect(t, 65, test.want)
		})
	}
	t.Run("pipe", func(t *testing.T) {
		runWith(t, strings.NewReader(whole), nil, "run", "--input", "-", "--input-format", "parquet", "--model", penguins+"model.pkl",
			"--output", filepath.Join(t.TempDir(), "out.csv")).expect(t, 65, "cannot be read from a pipe")
	})
}
