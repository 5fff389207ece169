package job

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	pq "github.com/parquet-go/parquet-go"
	"pgregory.net/rapid"

	"ds-pipeline/internal/parquettest"
	"ds-pipeline/preprocess/contract"
	"ds-pipeline/preprocess/storage"
	"ds-pipeline/preprocess/table"
)

// drawn is a random table with a column of each kind, "" for missing, and a
// random model of it.
type drawn struct {
	names []string
	rows  [][]string
	model string
	keep  []string
	nulls []string // texts that mean missing
}

// drawRun draws a table and a model whose output has all kinds of columns.
func drawRun(t *rapid.T) drawn {
	d := drawn{names: []string{"x", "n", "f", "c", "s"}}
	text := rapid.StringOfN(rapid.RuneFrom([]rune("ab,\"\n ö")), 1, 8, -1)
	cells := []*rapid.Generator[string]{
		rapid.Map(rapid.OneOf(rapid.Float64(), rapid.SampledFrom([]float64{0, math.Copysign(0, -1), 0.5, 1.0 / 3})), func(v float64) string {
			return string(table.AppendFloat(nil, v))
		}),
		rapid.Map(rapid.IntRange(-1e15, 1e15), strconv.Itoa),
		rapid.SampledFrom([]string{"True", "False"}),
		rapid.SampledFrom([]string{"red", "green", "öl", "unknown"}),
		text,
	}
	few := rapid.Bool().Draw(t, "few values")
	pool := make([][]string, len(cells))
	for i := range pool {
		pool[i] = rapid.SliceOfN(cells[i], 1, 4).Draw(t, d.names[i])
	}
	for row := range rapid.SampledFrom([]int{1, 2, 9, 60}).Draw(t, "rows") {
		one := make([]string, len(cells))
		for i, cell := range cells {
			switch {
			case row > 0 && rapid.IntRange(0, 5).Draw(t, "missing") == 0:
			case few:
				one[i] = rapid.SampledFrom(pool[i]).Draw(t, d.names[i])
			default:
				one[i] = cell.Draw(t, d.names[i])
			}
		}
		d.rows = append(d.rows, one)
	}
	if rapid.IntRange(0, 2).Draw(t, "texts that mean missing") == 0 {
		// Of a column without any value, CSV has nothing that tells what it is.
		null := rapid.SampledFrom(rapid.SampledFrom(d.rows).Draw(t, "null row")).Draw(t, "null")
		if null != "" && !slices.Contains(d.rows[0], null) {
			d.nulls = []string{null}
		}
	}
	steps := []struct{ name, columns, step string }{
		{"scaled", "[x]", "{class: StandardScaler, mean: [3], scale: [0.7]}"},
		{"hot", "[c]", "{class: OneHotEncoder, categories: [{dtype: object, values: [green, red, öl]}], handle_unknown: ignore, dtype: float64}"},
		{"narrow", "[c]", "{class: OneHotEncoder, categories: [{dtype: object, values: [green, red, öl]}], handle_unknown: ignore, dtype: float32}"},
		{"whole", "[c]", "{class: OneHotEncoder, categories: [{dtype: object, values: [green, red, öl]}], handle_unknown: ignore, dtype: int64}"},
		{"yes", "[c]", "{class: OneHotEncoder, categories: [{dtype: object, values: [green, red, öl]}], handle_unknown: ignore, dtype: bool}"},
		{"code", "[c]", "{class: OrdinalEncoder, categories: [{dtype: object, values: [green, red, öl]}], handle_unknown: use_encoded_value, unknown_value: .nan, encoded_missing_value: .nan, dtype: float64}"},
		{"gone", "[x]", "{class: MissingIndicator, missing_values: {float: .nan}, columns: [0]}"},
		{"same", "[x, n, f, c, s]", "{class: passthrough}"},
		{"number", "[n]", "{class: passthrough}"},
		{"flag", "[f]", "{class: passthrough}"},
	}
	var model strings.Builder
	model.WriteString("format: 1\nmodel:\n  class: ColumnTransformer\n  feature_names_in: [x, n, f, c, s]\n  n_features_in: 5\n  feature_names_out: prefix\n  transformers:\n")
	chosen := rapid.Permutation(steps).Draw(t, "steps")
	for _, s := range chosen[:rapid.IntRange(1, len(chosen)).Draw(t, "number of steps")] {
		fmt.Fprintf(&model, "    - name: %s\n      columns: %s\n      step: %s\n", s.name, s.columns, s.step)
	}
	d.model = model.String()
	d.keep = rapid.Permutation(d.names).Draw(t, "keep")[:rapid.IntRange(0, 5).Draw(t, "kept")]
	return d
}

func (d drawn) csv() string {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	_ = w.Write(d.names)
	_ = w.WriteAll(d.rows)
	return b.String()
}

// parquet is the table as another library writes it.
func (d drawn) parquet(t *rapid.T) string {
	nodes := []pq.Node{pq.Leaf(pq.DoubleType), pq.Leaf(pq.Int64Type), pq.Leaf(pq.BooleanType), pq.String(), pq.Encoded(pq.String(), &pq.RLEDictionary)}
	group := pq.Group{}
	for i, name := range d.names {
		group[name] = pq.Optional(pq.Compressed(nodes[i], &pq.Snappy))
	}
	schema := pq.NewSchema("table", group)
	var out bytes.Buffer
	w := pq.NewWriter(&out, schema, pq.MaxRowsPerRowGroup(rapid.SampledFrom([]int64{3, 1000}).Draw(t, "group")), pq.PageBufferSize(50))
	for _, cells := range d.rows {
		row := make(pq.Row, len(cells))
		for at, path := range schema.Columns() {
			i := slices.Index(d.names, path[0])
			cell := cells[i]
			v := pq.NullValue()
			switch {
			case cell == "":
			case i == 0:
				f, _ := strconv.ParseFloat(cell, 64)
				v = pq.DoubleValue(f)
			case i == 1:
				n, _ := strconv.ParseInt(cell, 10, 64)
				v = pq.Int64Value(n)
			case i == 2:
				v = pq.BooleanValue(cell == "True")
			default:
				v = pq.ByteArrayValue([]byte(cell))
			}
			level := 1
			if v.IsNull() {
				level = 0
			}
			row[at] = v.Level(0, level, at)
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

// runFormats runs the model over one form of the table and returns the result.
func (d drawn) runFormats(t *rapid.T, dir, input string, parquetIn, parquetOut bool) string {
	model := filepath.Join(dir, "model.yaml")
	if err := os.WriteFile(model, []byte(d.model), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := settingsFor(dir, input, model)
	if err != nil {
		t.Fatal(err)
	}
	s.Nulls, s.Keep, s.Parquet, s.ParquetOutput = d.nulls, d.keep, parquetIn, parquetOut
	s.Output = storage.URI{Path: filepath.Join(dir, "out")}
	s.Workers = rapid.IntRange(1, 3).Draw(t, "workers")
	s.blocks = rapid.SampledFrom([]blockSizes{small, {}}).Draw(t, "blocks")
	sum, err := Run(context.Background(), s, quiet)
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, d.model, d.csv())
	}
	if sum.RowsOut != int64(len(d.rows)) {
		t.Fatalf("%d rows, want %d", sum.RowsOut, len(d.rows))
	}
	data, err := os.ReadFile(s.Output.Path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// A result is the same table in both formats, numbers bit for bit, and from both.
func TestParquet_isTheSameTableAsCSV(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		d := drawRun(t)
		file := d.parquet(t)
		want := d.runFormats(t, dir, d.csv(), false, false)
		if got := d.runFormats(t, dir, file, true, false); got != want {
			t.Fatalf("from Parquet:\n%s\nwant\n%s\n%s", got, want, d.model)
		}
		rows, err := csv.NewReader(strings.NewReader(want)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, in := range []string{d.csv(), file} {
			got, err := parquettest.Rows(d.runFormats(t, dir, in, in == file, true))
			if err != nil {
				t.Fatal(err)
			}
			if !slices.EqualFunc(got, rows, slices.Equal) {
				t.Fatalf("as Parquet:\n%q\nwant\n%q\n%s", got, rows, d.model)
			}
		}
	})
}

// The bytes of a result do not depend on chance.
func TestParquet_hasTheSameBytesAgain(t *testing.T) {
	var b strings.Builder
	b.WriteString("species,island,bill_length_mm,bill_depth_mm,flipper_length_mm,body_mass_g,sex\n")
	for i := range 3000 {
		fmt.Fprintf(&b, "%s,Biscoe,%d.5,%d,%d,%d,male\n", strings.Repeat("x", i%50), i%7, i%100, i, i*i%1001)
	}
	var first string
	for _, workers := range []int{2, 2, 2, 2} {
		s, err := settingsFor(t.TempDir(), b.String(), penguins+"model.pkl")
		if err != nil {
			t.Fatal(err)
		}
		s.Keep, s.ParquetOutput, s.Workers = []string{"species"}, true, workers
		s.blocks = blockSizes{first: 1000, in: 1000, out: 700, least: 1}
		if _, err := Run(context.Background(), s, quiet); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(s.Output.Path)
		if err != nil {
			t.Fatal(err)
		}
		if first == "" {
			first = string(data)
		}
		if string(data) != first {
			t.Fatal("the files differ")
		}
	}
}

func TestSettings_chooseTheFormatOfTheOutput(t *testing.T) {
	text := func(s string) *string { return &s }
	for name, test := range map[string]struct {
		flags Flags
		env   map[string]string
		want  bool
		err   string
	}{
		"by name":        {flags: Flags{Output: text("a.PARQUET")}, want: true},
		"CSV by name":    {flags: Flags{Output: text("a.csv")}},
		"by option":      {flags: Flags{Output: text("a.data"), OutputFormat: text("parquet")}, want: true},
		"CSV by option":  {flags: Flags{Output: text("a.parquet"), OutputFormat: text("csv")}},
		"by environment": {flags: Flags{Output: text("a")}, env: map[string]string{contract.EnvOutputFormat: "parquet"}, want: true},
		"unknown":        {flags: Flags{Output: text("a"), OutputFormat: text("arrow")}, err: `output-format (--output-format): got "arrow", want csv or parquet`},
		"delimiter":      {flags: Flags{Output: text("a.parquet"), OutputDelimiter: text("tab")}, err: `output-delimiter (--output-delimiter): got "tab", but the output is Parquet, which has none`},
		"compressed":     {flags: Flags{Output: text("a.parquet.gz")}, err: "a.parquet.gz is to be Parquet, which is compressed inside; want a name that does not promise gzip"},
	} {
		t.Run(name, func(t *testing.T) {
			test.flags.Input, test.flags.Model = text("in.csv"), text("m.pkl")
			s, err := LoadSettings(context.Background(), test.flags, func(k string) string { return test.env[k] }, nil)
			switch {
			case test.err != "":
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Errorf("error %v, want %s", err, test.err)
				}
			case err != nil:
				t.Error(err)
			case s.ParquetOutput != test.want:
				t.Errorf("Parquet %t, want %t", s.ParquetOutput, test.want)
			}
		})
	}
	s, err := LoadSettings(context.Background(), Flags{}, func(k string) string {
		return map[string]string{"DS_INPUT_BUCKET": "in-bucket", "DS_OUTPUT_BUCKET": "out-bucket", "DS_ARTIFACT_BUCKET": "art-bucket",
			"DS_INPUT_KEY": "a.csv", "DS_MODEL_KEY": "m", contract.EnvOutputFormat: "parquet"}[k]
	}, func(context.Context, []string) (map[string]string, error) { return nil, nil })
	if err != nil || s.Output.Key != "processed/data.parquet" || !s.ParquetOutput {
		t.Errorf("output %s, %v, want processed/data.parquet", s.Output, err)
	}
}
