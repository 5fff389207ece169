package job

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"ds-pipeline/preprocess/frame"
	"ds-pipeline/preprocess/table"

	"ds-pipeline/internal/parquettest"
)

// plainStep is one step of a model: as JSON, and as what scikit-learn documents
// of it, for one cell; a cell that it refuses is not ok.
type plainStep struct {
	json  map[string]any
	names func(column string) []string // nil for the column's own
	apply func(plainCell) (out []plainCell, ok bool)
}

// plainCell is a number, or a text that was not replaced by one yet.
type plainCell struct {
	number  float64 // NaN if missing
	text    string
	isText  bool
	missing bool
}

func number(f float64) plainCell { return plainCell{number: f, missing: math.IsNaN(f)} }

func (c plainCell) String() string {
	if c.missing {
		return ""
	}
	text := strconv.FormatFloat(c.number, 'g', -1, 64)
	if abs := math.Abs(c.number); abs == 0 || abs >= 1e-4 && abs < 1e16 {
		text = strconv.FormatFloat(c.number, 'f', -1, 64)
	}
	if !strings.ContainsAny(text, ".e") {
		text += ".0"
	}
	return text
}

// ofNumbers makes a step that maps numbers and leaves missing cells.
func ofNumbers(attributes map[string]any, f func(float64) float64) plainStep {
	return plainStep{json: attributes, apply: func(c plainCell) ([]plainCell, bool) {
		if c.missing {
			return []plainCell{c}, true
		}
		return []plainCell{number(f(c.number))}, true
	}}
}

func someFloat(t *rapid.T, label string) float64 {
	return rapid.SampledFrom([]float64{0, 1, -1, 0.1, 2.5, -37.25, 1e-7, 123456.789, 3e12}).Draw(t, label)
}

func someScale(t *rapid.T) float64 {
	return rapid.SampledFrom([]float64{1, 0.1, 3, 17.5, 1e-3, 9999.5}).Draw(t, "scale")
}

// numberSteps draws what is done with a column of numbers.
func numberSteps(t *rapid.T) []plainStep {
	nan := map[string]any{"float": "nan"}
	var steps []plainStep
	if rapid.Bool().Draw(t, "fill") {
		fill := someFloat(t, "fill")
		steps = append(steps, plainStep{
			json: map[string]any{
				"class": "SimpleImputer", "strategy": "mean", "missing_values": nan,
				"statistics": []any{map[string]any{"float": fill}}, "dtype": "float64",
			},
			apply: func(c plainCell) ([]plainCell, bool) {
				if c.missing {
					c = number(fill)
				}
				return []plainCell{c}, true
			},
		})
	}
	for range rapid.IntRange(0, 2).Draw(t, "scalers") {
		a, b := someFloat(t, "a"), someScale(t)
		steps = append(steps, rapid.SampledFrom([]plainStep{
			ofNumbers(map[string]any{"class": "StandardScaler", "mean": []float64{a}, "scale": []float64{b}},
				func(x float64) float64 { return (x - a) / b }),
			ofNumbers(map[string]any{"class": "RobustScaler", "center": []float64{a}, "scale": []float64{b}},
				func(x float64) float64 { return (x - a) / b }),
			ofNumbers(map[string]any{"class": "MaxAbsScaler", "scale": []float64{b}},
				func(x float64) float64 { return x / b }),
			ofNumbers(map[string]any{"class": "MinMaxScaler", "scale": []float64{b}, "min": []float64{a}, "feature_range": []float64{-1, 2}, "clip": true},
				func(x float64) float64 { product := x * b; return min(max(product+a, -1), 2) }),
		}).Draw(t, "scaler"))
	}
	if rapid.IntRange(0, 3).Draw(t, "threshold") == 0 {
		limit := someFloat(t, "limit")
		steps = append(steps, plainStep{
			json: map[string]any{"class": "Binarizer", "threshold": limit},
			apply: func(c plainCell) ([]plainCell, bool) {
				if c.missing {
					return nil, false
				}
				if c.number > limit {
					return []plainCell{number(1)}, true
				}
				return []plainCell{number(0)}, true
			},
		})
	}
	if len(steps) == 0 {
		return []plainStep{ofNumbers(map[string]any{"class": "MaxAbsScaler", "scale": []float64{1}}, func(x float64) float64 { return x })}
	}
	return steps
}

var someTexts = []string{"a", "b", "Zürich", "x,y", `say "it"`, "two\nlines", "1", "true", "-"}

// textSteps draws what is done with a column of texts.
func textSteps(t *rapid.T) []plainStep {
	known := rapid.SliceOfNDistinct(rapid.SampledFrom(someTexts), 1, len(someTexts), rapid.ID[string]).Draw(t, "known")
	slices.Sort(known)
	categories := []any{map[string]any{"dtype": "object", "values": known}}
	var steps []plainStep
	fill := rapid.SampledFrom(known).Draw(t, "fill")
	steps = append(steps, plainStep{
		json: map[string]any{
			"class": "SimpleImputer", "strategy": "most_frequent", "missing_values": map[string]any{"float": "nan"},
			"statistics": []any{fill}, "dtype": "object",
		},
		apply: func(c plainCell) ([]plainCell, bool) {
			if c.missing {
				c = plainCell{isText: true, text: fill}
			}
			return []plainCell{c}, true
		},
	})
	lenient := rapid.Bool().Draw(t, "lenient")
	if rapid.Bool().Draw(t, "codes") {
		code := map[string]any{"class": "OrdinalEncoder", "categories": categories, "handle_unknown": "error", "encoded_missing_value": "nan", "dtype": "float64"}
		if lenient {
			code["handle_unknown"], code["unknown_value"] = "use_encoded_value", -1
		}
		return append(steps, plainStep{json: code, apply: func(c plainCell) ([]plainCell, bool) {
			return []plainCell{number(float64(slices.Index(known, c.text)))}, lenient || slices.Contains(known, c.text)
		}})
	}
	unknown := "error"
	if lenient {
		unknown = "ignore"
	}
	return append(steps, plainStep{
		json: map[string]any{"class": "OneHotEncoder", "categories": categories, "handle_unknown": unknown, "dtype": "float64"},
		names: func(column string) []string {
			var names []string
			for _, k := range known {
				names = append(names, column+"_"+k)
			}
			return names
		},
		apply: func(c plainCell) ([]plainCell, bool) {
			out := slices.Repeat([]plainCell{number(0)}, len(known))
			at := slices.Index(known, c.text)
			if at >= 0 {
				out[at] = number(1)
			}
			return out, lenient || at >= 0
		},
	})
}

// plainColumn is a column of the input and what a model does with it. One of true
// and false is passed through.
type plainColumn struct {
	name   string
	isText bool
	isFlag bool
	steps  []plainStep
}

// plainModel draws a ColumnTransformer of pipelines, and its JSON.
func plainModel(t *rapid.T) ([]plainColumn, []byte) {
	var columns []plainColumn
	var transformers []any
	for i := range rapid.IntRange(1, 5).Draw(t, "columns") {
		c := plainColumn{name: fmt.Sprintf("c%d", i)}
		switch rapid.SampledFrom([]string{"text", "number", "flag"}).Draw(t, "what") {
		case "text":
			c.isText, c.steps = true, textSteps(t)
		case "number":
			c.steps = numberSteps(t)
		default:
			c.isFlag, c.steps = true, []plainStep{{
				json:  map[string]any{"class": "passthrough"},
				apply: func(c plainCell) ([]plainCell, bool) { return []plainCell{c}, true },
			}}
		}
		var steps []any
		for j, s := range c.steps {
			one := maps.Clone(s.json)
			one["n_features_in"] = 1
			steps = append(steps, map[string]any{"name": fmt.Sprintf("s%d", j), "step": one})
		}
		transformers = append(transformers, map[string]any{
			"name": "t_" + c.name, "columns": []string{c.name},
			"step": map[string]any{"class": "Pipeline", "n_features_in": 1, "feature_names_in": []string{c.name}, "steps": steps},
		})
		columns = append(columns, c)
	}
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.name
	}
	text, err := json.Marshal(map[string]any{"format": 1, "model": map[string]any{
		"class": "ColumnTransformer", "feature_names_in": names, "n_features_in": len(names),
		"transformers": transformers, "feature_names_out": "plain",
	}})
	if err != nil {
		t.Fatal(err)
	}
	return columns, text
}

// plainTable draws the records of an input, some of which cannot be used.
func plainTable(t *rapid.T, columns []plainColumn) [][]string {
	numbers := rapid.OneOf(
		rapid.Map(rapid.IntRange(-1000, 9999), strconv.Itoa),
		rapid.Map(rapid.Float64Range(-1e9, 1e9), func(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }),
		rapid.SampledFrom([]string{"", "NA", "1e3", " 7 ", "+.5", "-0", "1e-320"}),
		rapid.SampledFrom([]string{"", "5", "6", "7", "8", "x", "12:30"}),
	)
	texts := rapid.SampledFrom(append([]string{"", "NA", "unknown"}, someTexts...))
	flags := rapid.SampledFrom([]string{"True", "False", "true", "FALSE"})
	if rapid.Bool().Draw(t, "gaps") {
		flags = rapid.SampledFrom([]string{"True", "False", "False", "True", "true", "", "NA"})
	}
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) []string {
		record := []string{strconv.Itoa(rapid.IntRange(0, 9).Draw(t, "note"))}
		for _, c := range columns {
			switch {
			case c.isText:
				record = append(record, texts.Draw(t, c.name))
			case c.isFlag:
				record = append(record, flags.Draw(t, c.name))
			default:
				record = append(record, numbers.Draw(t, c.name))
			}
		}
		if rapid.IntRange(0, 15).Draw(t, "ragged") == 0 {
			record = append(record, "one more")
		}
		return record
	}), 0, 40).Draw(t, "records")
}

// plainResult is what the documentation says: the result's records and the
// places of the rejected ones.
func plainResult(columns []plainColumn, records [][]string, nulls []string) (result [][]string, rejected []int) {
	header, of := []string{"note"}, []int{-1} // of: the column that each was made of
	for i, c := range columns {
		names := []string{c.name}
		if last := c.steps[len(c.steps)-1]; last.names != nil {
			names = last.names(c.name)
		}
		header = append(header, names...)
		of = append(of, slices.Repeat([]int{i}, len(names))...)
	}
	result = append(result, header)
	kinds := newPlainKinds(columns)
	for at, record := range records {
		row, ok := []string{record[0]}, len(record) == len(columns)+1
		for i, c := range columns {
			if !ok {
				break
			}
			field := record[i+1]
			cells := []plainCell{{isText: c.isText, text: field, missing: slices.Contains(nulls, field)}}
			switch {
			case c.isFlag && !cells[0].missing:
				cells[0] = number(map[string]float64{"true": 1, "false": 0}[strings.ToLower(field)])
			case !c.isText:
				f, err := strconv.ParseFloat(strings.TrimSpace(field), 64)
				if err != nil && !cells[0].missing {
					ok = false
					break
				}
				if cells[0].missing {
					f = math.NaN()
				}
				cells[0] = number(f)
			}
			for _, s := range c.steps {
				if !ok {
					break
				}
				cells, ok = s.apply(cells[0])
			}
			for _, cell := range cells {
				row = append(row, cell.String())
			}
		}
		if ok {
			result = append(result, row)
			kinds.see(record[1:], nulls)
		} else {
			rejected = append(rejected, at)
		}
	}
	for _, row := range result[1:] {
		for i := range row[1:] {
			row[i+1] = kinds.print(of[i+1], row[i+1])
		}
	}
	return result, rejected
}

// plainKinds tells the types of a result's columns by the records that are in it:
// as numpy has it, an array is of one type.
type plainKinds struct {
	columns     []plainColumn
	whole       []bool // whole numbers, which only Binarizer keeps
	flags, gaps []bool // true or false was seen, and that it was missing
}

func newPlainKinds(columns []plainColumn) plainKinds {
	n := len(columns)
	k := plainKinds{columns, make([]bool, n), make([]bool, n), make([]bool, n)}
	for i, c := range columns {
		k.whole[i] = len(c.steps) == 1 && c.steps[0].json["class"] == "Binarizer"
	}
	return k
}

func (k plainKinds) see(record, nulls []string) {
	for i, field := range record {
		_, err := strconv.ParseInt(strings.TrimSpace(field), 10, 64)
		k.whole[i] = k.whole[i] && err == nil
		missing := slices.Contains(nulls, field)
		k.flags[i] = k.flags[i] || k.columns[i].isFlag && !missing
		k.gaps[i] = k.gaps[i] || missing
	}
}

// print is a cell of a column, of which text is what it is as a float.
func (k plainKinds) print(column int, text string) string {
	objects, floats, ints := false, false, false
	for i := range k.columns {
		objects = objects || k.flags[i] && k.gaps[i]
		ints = ints || k.whole[i]
		floats = floats || !k.whole[i] && !k.flags[i]
	}
	flag, whole := k.flags[column], k.whole[column]
	switch {
	case text != "" && flag && (objects || !floats && !ints):
		return map[string]string{"1.0": "True", "0.0": "False"}[text]
	case whole && objects, !objects && !floats:
		return strings.TrimSuffix(text, ".0")
	}
	return text
}

func plainText(t *rapid.T, records [][]string) string {
	var b strings.Builder
	w := csv.NewWriter(&b)
	if err := w.WriteAll(records); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// A random model over random records gives what scikit-learn documents of its
// steps, whatever the blocks and the workers are.
func TestRun_ofRandomModelsIsWhatTheirFormulasSay(t *testing.T) {
	dir := t.TempDir()
	modelPath := filepath.Join(dir, "model.json")
	rapid.Check(t, func(t *rapid.T) {
		columns, text := plainModel(t)
		if err := os.WriteFile(modelPath, text, 0o600); err != nil {
			t.Fatal(err)
		}
		records := plainTable(t, columns)
		// The columns of the input are in another order than the model's.
		places := make([]int, len(columns)+1)
		for i := range places {
			places[i] = i
		}
		order := rapid.Permutation(places).Draw(t, "order")
		header := []string{"note"}
		for _, c := range columns {
			header = append(header, c.name)
		}
		input := [][]string{}
		for _, record := range append([][]string{header}, records...) {
			var moved []string
			for _, i := range order {
				moved = append(moved, record[i])
			}
			input = append(input, append(moved, record[len(order):]...))
		}
		s, err := settingsFor(dir, plainText(t, input), modelPath)
		if err != nil {
			t.Fatal(err)
		}
		s.Keep = []string{"note"}
		s.MaxRejects, _ = ParseRejectLimit("100%")
		want, rejected := plainResult(columns, records, s.Nulls)

		check := func(what string) {
			got := runFor(t, s)
			var rows [][]string
			var err error
			if s.ParquetOutput {
				rows, err = parquettest.Rows(got.out)
			} else {
				rows, err = csv.NewReader(strings.NewReader(got.out)).ReadAll()
			}
			if err != nil {
				t.Fatal(err)
			}
			if !slices.EqualFunc(rows, want, slices.Equal[[]string]) {
				t.Fatalf("%s: model %s\ninput %q\ngot  %q\nwant %q", what, text, input, rows, want)
			}
			if got.sum.RowsRejected != int64(len(rejected)) || got.sum.RowsIn != int64(len(records)) {
				t.Fatalf("%s: model %s\ninput %q\n%+v, want %d rejected", what, text, input, got.sum, len(rejected))
			}
		}
		s.Workers, s.blocks = 1, blockSizes{first: 1 << 20, in: 1 << 20, out: 1 << 20, least: 1}
		check("one worker")
		s.Workers = rapid.IntRange(2, 6).Draw(t, "workers")
		s.blocks = blockSizes{
			first: rapid.IntRange(1, 200).Draw(t, "first"),
			in:    rapid.IntRange(1, 200).Draw(t, "in"),
			out:   rapid.IntRange(1, 500).Draw(t, "out"),
			least: 1,
		}
		check("many workers")
		s.ParquetOutput = true
		check("Parquet")
	})
}

// What the property above finds now and then.
func TestRun_rejectsWhatOneStepRefusesByTheKindOfTheRest(t *testing.T) {
	const binarizer = `{"format": 1, "model": {"class": "Binarizer", "feature_names_in": ["n"], "n_features_in": 1, "threshold": 5}}`
	for name, test := range map[string]struct{ input, want, reason string }{
		"missing among whole numbers": {"n,m\n7,0\n,0\n4,0\n", "n\n1\n0\n", `"missing, where the records`},
		"text among whole numbers":    {"n,m\n7,0\n12:30,0\n4,0\n", "n\n1\n0\n", "not a number"},
		"text among numbers":          {"n,m\n7.5,0\nx,0\n4,0\n", "n\n1.0\n0.0\n", "not a number"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			model := filepath.Join(dir, "model.json")
			if err := os.WriteFile(model, []byte(binarizer), 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := settingsFor(dir, test.input, model)
			if err != nil {
				t.Fatal(err)
			}
			s.MaxRejects, _ = ParseRejectLimit("1")
			if _, err := Run(context.Background(), s, quiet); err != nil {
				t.Fatal(err)
			}
			if got := mustRead(t, s.Output.Path); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if rejects := mustRead(t, filepath.Join(dir, "rejects.csv")); !strings.Contains(rejects, ",3,n,"+test.reason) {
				t.Errorf("rejects %q, want line 3: %s", rejects, test.reason)
			}
		})
	}
}

// Only where no column can change its kind may a run stop early for rejects that
// another kind could make good.
func TestEnough_waitsWhileAColumnMayChangeItsKind(t *testing.T) {
	for _, test := range []struct {
		in      table.Input
		parquet bool
		want    bool
	}{
		{table.Input{As: table.AsNumber, Kind: frame.Float}, false, true},
		{table.Input{As: table.AsText, Kind: frame.Text}, false, true},
		{table.Input{As: table.AsNumber, Kind: frame.Bool}, false, false},
		{table.Input{As: table.AsFound, Kind: frame.Int}, false, false},
		{table.Input{As: table.AsFound, Kind: frame.Text}, false, false},
		{table.Input{As: table.AsFound, Kind: frame.Int}, true, true},
	} {
		settled := table.Input{As: table.AsText, Kind: frame.Text}
		p := &runPass{Settings: Settings{Parquet: test.parquet}}
		p.sum.RowsRejected, p.sum.RowsIn = countedRows, countedRows
		tr := &transformer{runPass: p, plan: &plan{layout: table.Layout{Inputs: []table.Input{settled, test.in}}}}
		tr.rejections.hopeless = true
		if got := tr.enough(); got != test.want {
			t.Errorf("%+v, Parquet %v: enough %v, want %v", test.in, test.parquet, got, test.want)
		}
	}
}
