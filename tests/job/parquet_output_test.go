package job

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"

	pq "github.com/parquet-go/parquet-go"

	"ds-pipeline/internal/parquettest"
)

// rowsOf are the rows of a Parquet result as CSV would have them.
func rowsOf(t *testing.T, data string) [][]string {
	t.Helper()
	rows, err := parquettest.Rows(data)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func toParquet(out string, more ...string) []string {
	return append([]string{"run", "--input", penguins + "penguins.csv", "--model", penguins + "model.pkl", "--output", out}, more...)
}

func TestParquetOutput_isTheResultOfTheCSV(t *testing.T) {
	want := table(t, penguins+"expected.csv")
	for name, test := range map[string]struct {
		file string
		args []string
	}{
		"by name":      {"out.parquet", nil},
		"by option":    {"out.csv", []string{"--output-format", "parquet"}},
		"more workers": {"out.PARQUET", []string{"--workers", "5"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			out := filepath.Join(dir, test.file)
			run(t, nil, toParquet(out, append(test.args, "--keep", "species")...)...).expect(t, 0)
			if got := rowsOf(t, read(t, out)); !slices.EqualFunc(got, want, slices.Equal) {
				t.Errorf("%d rows, want %d: %q", len(got), len(want), got[:2])
			}
			m := checkManifest(t, filepath.Join(dir, "manifest.json"))
			if m.Settings.OutputFormat != "parquet" || m.Settings.OutputDelimiter != "" || m.Rows.Out != 344 {
				t.Errorf("manifest: %+v", m.Settings)
			}
			if !strings.Contains(read(t, filepath.Join(dir, "report.html")), "bill_length_mm") {
				t.Error("the report lacks a column")
			}
		})
	}
	t.Run("Parquet in and out", func(t *testing.T) {
		dir := t.TempDir()
		in := write(t, filepath.Join(dir, "in.parquet"), parquetOf(t, table(t, penguins+"penguins.csv")))
		out := filepath.Join(dir, "out.parquet")
		run(t, nil, "run", "--input", in, "--model", penguins+"model.pkl", "--output", out, "--keep", "species").expect(t, 0)
		if got := rowsOf(t, read(t, out)); !slices.EqualFunc(got, want, slices.Equal) {
			t.Errorf("%d rows, want %d: %q", len(got), len(want), got[:2])
		}
	})
}

func TestParquetOutput_goesToS3InParts(t *testing.T) {
	t.Parallel()
	const rows = 1_000_000 // enough for two row groups
	var b strings.Builder
	b.WriteString("dist_km,price,temp,rooms\n")
	for i := range rows {
		b.WriteString([]string{"1.37,1000,30.1,7\n", "2.5,1e-3,0.1,\n", "-3,5000.125,7,1\n"}[i%3])
	}
	dir := t.TempDir()
	in, out := write(t, filepath.Join(dir, "in.csv"), b.String()), filepath.Join(dir, "out.parquet")
	run(t, nil, "run", "--input", in, "--model", passthrough, "--output", out, "--workers", "2").expect(t, 0)
	c := withModel(t, b.String())
	args := []string{"run", "--input", "s3://ds-in/raw/data.csv", "--model", "s3://ds-art/model.pkl", "--output", "s3://ds-out/processed/data.parquet", "--workers", "2"}
	run(t, c.env(), args...).expect(t, 0)
	got, ok := c.get(t, "ds-out", "processed/data.parquet")
	if !ok || got != read(t, out) {
		t.Errorf("object: %t, %d bytes, want those of the file", ok, len(got))
	}
	if n := c.uploads(t, "ds-out"); n != 0 {
		t.Errorf("%d uploads left", n)
	}
	if _, ok := c.get(t, "ds-out", "processed/manifest.json"); !ok {
		t.Error("no manifest")
	}
	f, err := pq.OpenFile(strings.NewReader(got), int64(len(got)))
	if err != nil {
		t.Fatal(err)
	}
	if f.NumRows() != rows {
		t.Errorf("%d rows, want %d", f.NumRows(), rows)
	}
}

func TestParquetOutput_ofAPeriod(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "data.parquet")
	run(t, []string{"DS_OUTPUT_FORMAT=parquet"}, toParquet(out, "--period", "2026-11")...).expect(t, 0)
	if read(t, out) != read(t, filepath.Join(dir, "period=2026-11", "data.parquet")) {
		t.Error("the newest is not that of November")
	}
	checkManifest(t, filepath.Join(dir, "manifest.json"))
	run(t, []string{"DS_OUTPUT_FORMAT=parquet"}, toParquet(out, "--period", "2026-11")...).expect(t, 0)
	if n := len(rowsOf(t, read(t, out))); n != 345 {
		t.Errorf("%d rows", n)
	}
}

func TestParquetOutput_leavesRejectsOut(t *testing.T) {
	dir := t.TempDir()
	rows := strings.Split(read(t, penguins+"penguins.csv"), "\n")
	rows[7] = "ragged"
	rows[9] = strings.Replace(rows[9], ",", ",\xff", 1)
	in, out := write(t, filepath.Join(dir, "in.csv"), strings.Join(rows, "\n")), filepath.Join(dir, "out.parquet")
	write(t, out, "the previous result")
	args := []string{"run", "--input", in, "--model", penguins + "model.pkl", "--output", out, "--keep", "species"}
	run(t, nil, args...).expect(t, 65, "2 of 344 records")
	if read(t, out) != "the previous result" {
		t.Error("a run that failed has changed the result")
	}
	run(t, nil, append(args, "--max-rejects", "2")...).expect(t, 0)
	want := slices.Delete(slices.Clone(table(t, penguins+"expected.csv")), 7, 8)
	want = slices.Delete(want, 8, 9)
	if got := rowsOf(t, read(t, out)); !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("%d rows, want %d", len(got), len(want))
	}
	if m := checkManifest(t, filepath.Join(dir, "manifest.json")); m.Rows.Rejected != 2 || m.Rejects == nil {
		t.Errorf("manifest: %+v", m.Rows)
	}
}

func TestParquetOutput_hasAFileForNoRecords(t *testing.T) {
	dir := t.TempDir()
	in := write(t, filepath.Join(dir, "in.csv"), "dist_km,price,temp,rooms\n")
	out := filepath.Join(dir, "out.parquet")
	run(t, nil, "run", "--input", in, "--model", passthrough, "--output", out).expect(t, 0)
	if got := rowsOf(t, read(t, out)); len(got) != 1 || len(got[0]) == 0 {
		t.Errorf("got %q, want a header", got)
	}
	again := filepath.Join(dir, "again.csv")
	run(t, nil, "run", "--input", out, "--model", passthrough, "--output", again).expect(t, 0)
}

// Kept columns of Parquet have the types that they had.
func TestParquetOutput_keepsTypes(t *testing.T) {
	dir := t.TempDir()
	in := "../../preprocess/parquet/testdata/pyarrow-v2-zstd.parquet"
	columns := []string{"row", "flag", "int8", "uint64", "float", "text", "day", "local", "moment", "time", "price", "huge"}
	model := write(t, filepath.Join(dir, "model.yaml"), `format: 1
model:
  class: ColumnTransformer
  feature_names_in: [double, int32]
  n_features_in: 2
  feature_names_out: prefix
  transformers:
    - {name: num, columns: [double, int32], step: {class: StandardScaler, mean: [1, 2], scale: [3, 4]}}
`)
	out := filepath.Join(dir, "out.parquet")
	args := []string{"run", "--input", in, "--model", model, "--keep", strings.Join(columns, ",")}
	run(t, nil, append(args, "--output", out)...).expect(t, 0)
	schema := func(data string) *pq.Schema {
		f, err := pq.OpenFile(strings.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		return f.Schema()
	}
	before, after := schema(read(t, in)), schema(read(t, out))
	for _, name := range columns {
		was, _ := before.Lookup(name)
		is, found := after.Lookup(name)
		if !found || !reflect.DeepEqual(is.Node.Type().String(), was.Node.Type().String()) {
			t.Errorf("%s: %v, want %v", name, is.Node.Type(), was.Node.Type())
		}
	}
	// As CSV they are what the table has that the file was made of.
	csv := filepath.Join(dir, "csv", "out.csv")
	mkdir(t, filepath.Dir(csv))
	run(t, nil, append(args, "--output", csv)...).expect(t, 0)
	again := filepath.Join(dir, "again", "out.csv")
	mkdir(t, filepath.Dir(again))
	args[2] = out
	other := write(t, filepath.Join(dir, "none.yaml"), `format: 1
model:
  class: ColumnTransformer
  feature_names_in: [num__double, num__int32]
  n_features_in: 2
  feature_names_out: prefix
  transformers:
    - {name: same, columns: [num__double, num__int32], step: {class: passthrough}}
`)
	run(t, nil, "run", "--input", out, "--model", other, "--keep", strings.Join(columns, ","), "--output", again).expect(t, 0)
	got, want := table(t, again), table(t, csv)
	if !slices.EqualFunc(got[1:], want[1:], slices.Equal) {
		t.Errorf("got %q..., want %q...", got[1], want[1])
	}
	original := table(t, "../../preprocess/parquet/testdata/table.csv")
	for c, name := range columns {
		at := slices.Index(original[0], name)
		for row := range original[1:] {
			if got, want := want[row+1][c], original[row+1][at]; got != want {
				t.Errorf("row %d, column %s: %q, want %q", row, name, got, want)
				break
			}
		}
	}
}

func TestParquetOutput_leavesNothingWhenStopped(t *testing.T) {
	dir := t.TempDir()
	out := write(t, filepath.Join(dir, "out.parquet"), "the previous result")
	r := interrupt(t, syscall.SIGTERM, nil, lateSurprise(300_000, "1"), func() bool { return len(names(t, dir)) > 1 },
		"run", "--input", "-", "--model", passthrough, "--output", out)
	r.expect(t, 75, "interrupted; nothing was published")
	if left := names(t, dir); len(left) != 1 || read(t, out) != "the previous result" {
		t.Errorf("left behind: %v", left)
	}
}

func TestParquetOutput_refusesWhatCannotBe(t *testing.T) {
	dir := t.TempDir()
	run(t, nil, toParquet(filepath.Join(dir, "out.parquet.gz"))...).expect(t, 78, "is to be Parquet, which is compressed inside")
	run(t, nil, toParquet(filepath.Join(dir, "out.parquet"), "--output-delimiter", "tab")...).expect(t, 78, "but the output is Parquet, which has none")
	run(t, nil, toParquet(filepath.Join(dir, "out.parquet"), "--output-format", "orc")...).expect(t, 78, `got "orc", want csv or parquet`)
	if left := names(t, dir); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func mkdir(t *testing.T, path string) {
	t.Helper()
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
}
