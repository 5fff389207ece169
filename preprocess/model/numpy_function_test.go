package model

import (
	"math"
	"strings"
	"testing"

	"ds-pipeline/preprocess/frame"
	"ds-pipeline/preprocess/pickle"
)

func dict(keysAndValues ...pickle.Value) *pickle.Dict {
	var items []pickle.DictItem
	for i := 0; i < len(keysAndValues); i += 2 {
		items = append(items, pickle.DictItem{Key: keysAndValues[i], Value: keysAndValues[i+1]})
	}
	return pickle.NewDict(items...)
}

func tuple(items ...pickle.Value) *pickle.Tuple { return &pickle.Tuple{Items: items} }

// partialOf is functools.partial(f, *args, **kwargs) as it is pickled.
func partialOf(f, args, kwargs pickle.Value) *pickle.Object {
	return &pickle.Object{Class: partialClass, Args: []pickle.Value{f}, State: tuple(f, args, kwargs, nil)}
}

// bound is a step, as JSON, bound to columns.
func bound(t *testing.T, step string, columns ...string) *Binding {
	t.Helper()
	m, err := Load([]byte(`{"format": 1, "model": ` + step + `}`))
	if err != nil {
		t.Fatal(err)
	}
	b, err := m.Bind(columns)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func numpy(name string) pickle.Global { return pickle.Global{Module: "numpy", Name: name} }

// TestFunctionTransformer_refusesArguments changes func and kw_args of a model of
// scikit-learn 1.2.1.
func TestFunctionTransformer_refusesArguments(t *testing.T) {
	array := &pickle.Array{}
	other := partialOf(numpy("clip"), tuple(), nil)
	other.State = tuple(numpy("round"), tuple(), nil, nil)
	ofNothing := partialOf(numpy("clip"), tuple(), nil)
	ofNothing.State = nil
	withAttributes := partialOf(numpy("clip"), tuple(), nil)
	withAttributes.State = tuple(numpy("clip"), tuple(), nil, dict("x", int64(1)))
	ofBytes := partialOf(pickle.Bytes("clip"), tuple(), nil)
	tests := []struct {
		name   string
		f      pickle.Value
		kwargs pickle.Value
		want   string
	}{
		{"one bound by name", numpy("clip"), dict("a_min", int64(1)), "kw_args: got one of a_min and a_max, want both"},
		{"no bound", numpy("clip"), dict("a_min", nil, "a_max", nil), "kw_args: got no bound for clip"},
		{"no arguments", numpy("clip"), nil, "kw_args: got no bound for clip"},
		{"both names", numpy("clip"), dict("a_min", int64(1), "a_max", int64(2), "max", int64(3)), "kw_args: max: got 3, want numpy.clip without it"},
		{"a bound per column", numpy("clip"), dict("a_min", array, "a_max", nil), "a_min: got"},
		{"text", numpy("clip"), dict("a_min", "1", "a_max", nil), `a_min: got 1, want one number`},
		{"truth", numpy("clip"), dict("a_min", true, "a_max", nil), `a_min: got True, want one number`},
		{"an array to write to", numpy("clip"), dict("a_min", int64(1), "a_max", nil, "out", array), "kw_args: out: got"},
		{"another type", numpy("clip"), dict("a_min", int64(1), "a_max", nil, "dtype", "float32"), `kw_args: dtype: got "float32", want numpy.clip without it`},
		{"too large", numpy("clip"), dict("a_min", nil, "a_max", int64(1<<60)), "a_max: got 1152921504606846976, want at most 2**53"},
		{"small bound of numpy", numpy("clip"), dict("a_min", &pickle.Scalar{DType: pickle.DType{Kind: 'i', Size: 1}, Value: int64(1)}, "a_max", nil), "want a number of Python, or of 32 or 64 bits"},
		{"no dict", numpy("clip"), int64(1), "kw_args: got 1, want a dict"},
		{"a name that is no text", numpy("clip"), dict(int64(1), int64(1)), "kw_args: the name of an argument is 1, want text"},
		{"fractions of decimals", numpy("round"), dict("decimals", 1.5), "decimals: got 1.5, want a whole number from -400 to 400"},
		{"true decimals", numpy("round"), dict("decimals", true), "decimals: got True, want"},
		{"many decimals", numpy("around"), dict("decimals", int64(500)), "decimals: got 500, want"},
		{"into the data", numpy("nan_to_num"), dict("copy", false), "kw_args: copy: got False, want True"},
		{"nothing for NaN", numpy("nan_to_num"), dict("nan", nil), "kw_args: nan: got None, want a number"},
		{"text for NaN", numpy("nan_to_num"), dict("posinf", "9"), `kw_args: posinf: got "9", want a number`},
		{"where", numpy("log1p"), dict("where", true), "kw_args: where: got True, want numpy.log1p without it"},
		{"two numbers by name", numpy("maximum"), dict("x2", int64(1)), "numpy.maximum of 0 arguments beside the columns, want one"},
		{"three numbers", partialOf(numpy("maximum"), tuple(int64(1), int64(2)), nil), nil, "numpy.maximum of 2 arguments"},
		{"nothing", partialOf(numpy("maximum"), tuple(nil), nil), nil, "func: got None, want a number for numpy.maximum"},
		{"in place of the columns", partialOf(numpy("clip"), tuple(int64(1)), dict("a_min", int64(0), "a_max", int64(1))), nil, "functools.partial gives numpy.clip 1 before the columns"},
		{"of a number", partialOf(int64(1), tuple(), nil), nil, "func: got functools.partial of 1, want a numpy function"},
		{"of bytes", ofBytes, nil, "func: got functools.partial of bytes"},
		{"of a partial", partialOf(partialOf(numpy("clip"), tuple(), nil), tuple(), nil), nil, "func: got functools.partial of a functools.partial"},
		{"of an unknown function", partialOf(numpy("power"), tuple(int64(2)), nil), nil, "func: got functools.partial of numpy.power"},
		{"of another function", other, nil, "a functools.partial of numpy.clip that becomes one of numpy.round"},
		{"of nothing", ofNothing, nil, "func: a functools.partial that is not one of a function and its arguments"},
		{"with attributes", withAttributes, nil, "func: a functools.partial that is not one of a function and its arguments"},
		{"arguments that are none", partialOf(numpy("clip"), nil, nil), nil, "func: a functools.partial"},
		{"no function", nil, dict("decimals", int64(1)), "kw_args: got some, want none without a function"},
		{"a module that numpy has not", pickle.Global{Module: "os", Name: "clip"}, nil, "func: got os.clip, want a numpy function"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root, err := pickle.Read(releasePickle(t, "fn_clip.pkl"), allowed, pickle.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			setAttr(t, root.(*pickle.Object), "func", tt.f)
			setAttr(t, root.(*pickle.Object), "kw_args", tt.kwargs)
			if _, err := loadTree(root); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q in it", err, tt.want)
			}
		})
	}
}

// TestFunctionTransformer_whereTheTypeIsNotKnown: of whole numbers that pandas or numpy
// makes floats of, or not, floats come only where nothing shows that they were not.
func TestFunctionTransformer_whereTheTypeIsNotKnown(t *testing.T) {
	const clip = `{"class": "FunctionTransformer", "func": "clip", "lower": {"float": 1.5}}`
	const refused = `column "a" holds whole numbers: pandas makes floats of it if clip cuts any cell off`
	chain := func(next string) string {
		return `{"class": "Pipeline", "n_features_in": 2, "feature_names_in": ["a", "b"], "steps": [{"name": "c", "step": ` + clip + `}, {"name": "n", "step": ` + next + `}]}`
	}
	beside := func(step, output string) string {
		return `{"class": "ColumnTransformer", "n_features_in": 2, "feature_names_in": ["a", "b"], "feature_names_out": "prefix"` + output +
			`, "transformers": [{"name": "c", "columns": ["a"], "step": ` + clip + `}, {"name": "d", "columns": ["b"]` + step + `}]}`
	}
	const scale = `, "step": {"class": "StandardScaler", "scale": [2]}`
	const through = `, "step": {"class": "passthrough"}`
	tests := []struct{ name, model, want string }{
		{"as it is", strings.Replace(clip, `"func"`, `"n_features_in": 2, "feature_names_in": ["a", "b"], "func"`, 1), refused},
		{"scaled", chain(`{"class": "StandardScaler", "scale": [2, 2]}`), ""},
		{"passed on", chain(`{"class": "passthrough"}`), refused},
		{"rounded", chain(`{"class": "FunctionTransformer", "func": "round"}`), refused},
		{"logarithm", chain(`{"class": "FunctionTransformer", "func": "log1p"}`), ""},
		{"selected", chain(`{"class": "SelectKBest", "selected": [0]}`), refused},
		{"beside fractions", beside(scale, ""), ""},
		{"beside whole numbers", beside(through, ""), refused},
		{"in a DataFrame", beside(strings.Replace(scale, `"scale"`, `"set_output": "pandas", "scale"`, 1), `, "set_output": "pandas"`), refused},
		{"beside what is multiplied by a fraction", beside(through+`, "weight": 1`, ""), ""},
		{"multiplied by a whole number", strings.Replace(beside(through, ""), `["a"]`, `["a"], "weight": 2, "whole_weight": true`, 1), refused},
		{"multiplied by a fraction", strings.Replace(beside(through, ""), `["a"]`, `["a"], "weight": 2`, 1), ""},
		{"twice", `{"class": "FeatureUnion", "n_features_in": 2, "transformers": [{"name": "c", "step": ` + clip + `}, {"name": "s", "step": {"class": "StandardScaler", "scale": [2, 2]}}]}`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := bound(t, tt.model, "a", "b")
			kinds := make([]frame.Kind, len(b.Inputs()))
			cols := make([]frame.Column, len(kinds))
			for i, in := range b.Inputs() {
				kinds[i] = frame.Int
				cols[i] = frame.Column{Kind: frame.Int, Ints: []int64{1, 2}}
				if in.Want == Number {
					kinds[i] = frame.Float
					cols[i] = frame.Column{Kind: frame.Float, Floats: []float64{1, 2}}
				}
			}
			p, err := b.Compile(kinds)
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("got %v, want %q in it", err, tt.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			out, bad, err := p.NewWorker().Apply(cols, 2)
			if err != nil || len(bad) > 0 {
				t.Fatal(err, bad)
			}
			if out[0].Kind != frame.Float {
				t.Errorf("got column 0 of kind %v, want floats", out[0].Kind)
			}
		})
	}
}

// TestFunctionTransformer_sharesNoColumnThatItMayChange: pandas 2.2 lets nan_to_num of
// numpy 2 write into the DataFrame.
func TestFunctionTransformer_sharesNoColumnThatItMayChange(t *testing.T) {
	fill := func(overwrites string) string {
		return `{"class": "Pipeline", "steps": [{"name": "p", "step": {"class": "passthrough"}}, {"name": "f", "step": {"class": "FunctionTransformer", "func": "nan_to_num"` + overwrites + `}}]}`
	}
	const may = `, "overwrites": true`
	of := func(first, columns string) string {
		return `{"class": "ColumnTransformer", "n_features_in": 2, "feature_names_in": ["a", "b"], "feature_names_out": "prefix", "transformers": [{"name": "c", "columns": ["a"], "step": ` +
			first + `}, {"name": "d", "columns": ` + columns + `, "step": {"class": "StandardScaler"}}]}`
	}
	const refused = `numpy.nan_to_num in "c" may change the columns that "d" takes as well`
	union := `{"class": "FeatureUnion", "n_features_in": 2, "feature_names_in": ["a", "b"], "transformers": [{"name": "c", "step": ` + fill(may) + `}, {"name": "d", "step": {"class": "StandardScaler"}}]}`
	for _, tt := range []struct{ name, model, want string }{
		{"shared", of(fill(may), `["b", "a"]`), refused},
		{"not shared", of(fill(may), `["b"]`), ""},
		{"of a release that does not", of(fill(""), `["b", "a"]`), ""},
		{"nested", strings.Replace(of(of(fill(may), `["b"]`), `["a"]`), `["a"]`, `["a", "b"]`, 1), refused},
		{"union", union, refused},
		{"union of an array", strings.Replace(union, `, "feature_names_in": ["a", "b"]`, "", 1), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := bound(t, tt.model, "a", "b")
			_, err := b.Compile(make([]frame.Kind, len(b.Inputs())))
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestFunctionTransformer_saysItsArguments(t *testing.T) {
	for _, tt := range []struct{ model, want string }{
		{`"func": "clip", "lower": 1, "upper": {"float": 2.5}`, "numpy.clip of every cell: from 1 to 2.5"},
		{`"func": "clip", "lower": 1`, "numpy.clip of every cell: at least 1"},
		{`"func": "clip", "upper": {"float": 3}`, "numpy.clip of every cell: at most 3.0"},
		{`"func": "round", "decimals": -2`, "numpy.round of every cell to -2 decimals"},
		{`"func": "nan_to_num", "nan": -1, "posinf": 9`, "numpy.nan_to_num of every cell: -1.0 for missing ones, 9.0 and the smallest for infinities"},
		{`"func": "subtract", "operand": 10`, "numpy.subtract(10, x) of every cell x"},
	} {
		m, err := Load([]byte(`{"format": 1, "model": {"class": "FunctionTransformer", ` + tt.model + `}}`))
		if err != nil {
			t.Fatal(err)
		}
		if want := "FunctionTransformer: " + tt.want + "\n"; m.Describe() != want {
			t.Errorf("got %q, want %q", m.Describe(), want)
		}
	}
}

// TestFollows_throughArithmetic: a report can follow a column through a sum, a
// difference and a product.
func TestFollows_throughArithmetic(t *testing.T) {
	for _, tt := range []struct {
		f     string
		slope float64
	}{{"add", 1}, {"subtract", -1}, {"multiply", 2.5}, {"divide", math.NaN()}, {"maximum", math.NaN()}} {
		b := bound(t, `{"class": "FunctionTransformer", "n_features_in": 1, "func": "`+tt.f+`", "operand": {"float": 2.5}}`, "a")
		p, err := b.Compile([]frame.Kind{frame.Float})
		if err != nil {
			t.Fatal(err)
		}
		switch follow := p.Follows()[0]; {
		case math.IsNaN(tt.slope):
			if follow != nil {
				t.Errorf("%s: followed, want no straight line", tt.f)
			}
		case follow == nil || follow.Slope != tt.slope:
			t.Errorf("%s: got %+v, want a slope of %v", tt.f, follow, tt.slope)
		}
	}
}

func TestSign_ofZeroHasNone(t *testing.T) {
	if v := sign(negativeZero); math.Signbit(v) {
		t.Errorf("got %v, want 0", v)
	}
	if v := sign(math.NaN()); v == v {
		t.Errorf("got %v, want NaN", v)
	}
}
