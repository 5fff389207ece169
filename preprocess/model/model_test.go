package model_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"strings"
	"testing"

	"ds-pipeline/preprocess/frame"
	"ds-pipeline/preprocess/model"
)

// load reads a model of the cases.
func load(t *testing.T, release, id string) *model.Model {
	t.Helper()
	dir := openRelease(t, release)
	for _, ext := range []string{"pkl", "joblib"} {
		data, err := fs.ReadFile(dir, "models/"+id+"."+ext)
		if err != nil {
			continue
		}
		m, err := model.Load(data)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	t.Fatalf("no model %s", id)
	return nil
}

func TestModel_saysItsFeatures(t *testing.T) {
	tests := []struct {
		release, id string
		names       string
		named       bool
	}{
		{"1.2.1", "std_extra_columns", "area price temp dist rooms", true},
		{"1.2.1", "std_array", "x0 x1 x2 x3 x4", false},
		{"0.23.2", "std_array", "x0 x1 x2 x3 x4", false},
		{"0.23.2", "ct_drop", "area price temp dist rooms heatingna tempna", true},
	}
	for _, tt := range tests {
		names, named := load(t, tt.release, tt.id).Features()
		if got := strings.Join(names, " "); got != tt.names || named != tt.named {
			t.Errorf("%s %s: got %q, %v; want %q, %v", tt.release, tt.id, got, named, tt.names, tt.named)
		}
	}
}

func TestModel_saysItsVersion(t *testing.T) {
	m := load(t, "0.23.2", "std_array")
	if m.Version() != "0.23.2" || len(m.Warnings()) != 0 {
		t.Errorf("got %q, warnings %q", m.Version(), m.Warnings())
	}
}

func TestModel_warnsOfNothingInReleasesItKnows(t *testing.T) {
	for _, release := range releases {
		dir := openRelease(t, release)
		for _, c := range loadManifest(t, dir) {
			data, err := fs.ReadFile(dir, c.Model)
			if err != nil {
				t.Fatal(err)
			}
			if m, err := model.Load(data); err == nil && len(m.Warnings()) > 0 {
				t.Errorf("%s %s: %q", release, c.ID, m.Warnings())
			}
		}
	}
}

func TestBind_reportsEveryMissingColumn(t *testing.T) {
	_, err := load(t, "1.2.1", "std_extra_columns").Bind([]string{"price", "id", "rooms"})
	want := `the input lacks columns that the model was fitted with: "area", "temp", "dist"`
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestBind_countsColumnsByPosition(t *testing.T) {
	_, err := load(t, "1.2.1", "std_array").Bind([]string{"a", "b"})
	want := "the input has 2 columns, and the model, fitted without column names, takes exactly 5: give it those, in that order"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestBind_readsOnlyWhatItNeeds(t *testing.T) {
	b, err := load(t, "1.2.1", "ct_drop").Bind([]string{"tempna", "rooms", "area", "temp", "dist", "id"})
	if err != nil {
		t.Fatal(err) // price and heatingna are dropped, so they may be missing
	}
	got := ""
	for _, in := range b.Inputs() {
		got += in.Name + " " + in.Want.String() + ", "
	}
	want := "area number, temp as found, dist as found, rooms as found, tempna as found, "
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestBind_namesDuplicatesAsPandas: the first column of a name has it, further
// ones are name.1, name.2.
func TestBind_namesDuplicatesAsPandas(t *testing.T) {
	m := loadJSON(t, `{"format": 1, "model": {"class": "MaxAbsScaler", "feature_names_in": ["a", "a.1"], "n_features_in": 2, "scale": [1, 2]}}`)
	b, err := m.Bind([]string{"b", "a", "c", "a"})
	if err != nil {
		t.Fatal(err)
	}
	if in := b.Inputs(); in[0].Index != 1 || in[1].Index != 3 {
		t.Errorf("got %v", in)
	}
}

func loadJSON(t *testing.T, text string) *model.Model {
	t.Helper()
	m, err := model.Load([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestApply_namesRowColumnAndValue(t *testing.T) {
	ordinal := `{"format": 1, "model": {"class": "OrdinalEncoder", "n_features_in": 1, "feature_names_in": ["rating"],
		"categories": [{"dtype": "object", "values": ["A", "B"]}], "handle_unknown": "error", "encoded_missing_value": "nan", "dtype": "float64"}}`
	scaler := `{"format": 1, "model": {"class": "StandardScaler", "n_features_in": 1, "feature_names_in": ["age"], "mean": [1], "scale": [2]}}`
	binarizer := `{"format": 1, "model": {"class": "Binarizer", "feature_names_in": ["age"], "n_features_in": 1, "threshold": 2}}`
	texts := frame.Column{Kind: frame.Text, Texts: [][]byte{[]byte("A"), []byte("Zürich"), nil, []byte("B")}}
	floats := frame.Column{Kind: frame.Float, Floats: []float64{1, inf, nan, 2}}
	tests := []struct {
		name, model string
		in          frame.Column
		want        []frame.RowError
	}{
		{"unknown category", ordinal, texts, []frame.RowError{
			{Row: 1, Column: "rating", Value: "Zürich", Reason: "holds a category that OrdinalEncoder was not fitted with"},
			{Row: 2, Column: "rating", Reason: "is missing, and OrdinalEncoder was fitted without missing cells there"}}},
		{"infinity", scaler, floats, []frame.RowError{
			{Row: 1, Column: "age", Value: "inf", Reason: "is infinite, which StandardScaler refuses"}}},
		{"missing", binarizer, floats, []frame.RowError{
			{Row: 1, Column: "age", Value: "inf", Reason: "is infinite, which Binarizer refuses"},
			{Row: 2, Column: "age", Reason: "is missing, which Binarizer refuses"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := loadJSON(t, tt.model)
			names, _ := m.Features()
			b, err := m.Bind(names)
			if err != nil {
				t.Fatal(err)
			}
			p, err := b.Compile([]frame.Kind{tt.in.Kind})
			if err != nil {
				t.Fatal(err)
			}
			w := p.NewWorker()
			for range 2 { // a worker starts afresh with every batch
				_, bad, err := w.Apply([]frame.Column{tt.in}, 4)
				if err != nil {
					t.Fatal(err)
				}
				got, _ := json.Marshal(bad)
				want, _ := json.Marshal(tt.want)
				if string(got) != string(want) {
					t.Errorf("got %s\nwant %s", got, want)
				}
			}
		})
	}
}

func TestApply_refusesOtherColumnsThanCompiled(t *testing.T) {
	m := loadJSON(t, `{"format": 1, "model": {"class": "StandardScaler", "n_features_in": 1, "mean": [1], "scale": [2]}}`)
	b, err := m.Bind([]string{"a"})
	if err != nil {
		t.Fatal(err)
	}
	p, err := b.Compile([]frame.Kind{frame.Float})
	if err != nil {
		t.Fatal(err)
	}
	for name, in := range map[string][]frame.Column{
		"none":  nil,
		"short": {{Kind: frame.Float, Floats: []float64{1}}},
		"kind":  {{Kind: frame.Int, Ints: []int64{1, 2}}},
		"hot":   {{Kind: frame.Float, Hot: []int32{0, 0}, Width: 1}},
	} {
		if _, _, err := p.NewWorker().Apply(in, 2); err == nil {
			t.Errorf("%s: applied, want an error", name)
		}
	}
}

func TestCompile_refusesTextForNumbers(t *testing.T) {
	m := load(t, "1.2.1", "bin_mixed")
	b, err := m.Bind([]string{"rooms", "area"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.Compile([]frame.Kind{frame.Int, frame.Text})
	if err == nil || !strings.Contains(err.Error(), `Binarizer: column "area" holds text, want numbers`) {
		t.Errorf("got %v", err)
	}
}

func TestLoad_refusesByNameWithAdvice(t *testing.T) {
	tests := []struct{ id, want string }{
		{"no_knn", "sklearn.impute._knn.KNNImputer is not supported: it needs the training data or a model per column; use SimpleImputer"},
		{"no_predictor", "Pipeline \"logisticregression\": sklearn.linear_model._logistic.LogisticRegression is not supported: this job prepares data and does not predict; save the preprocessing part alone, such as pipeline[:-1]"},
		{"no_forest", "Pipeline \"randomforestclassifier\": sklearn.ensemble._forest.RandomForestClassifier is not supported: this job prepares data and does not predict; save the preprocessing part alone, such as pipeline[:-1]"},
		{"no_class", "__main__.Custom is not supported: it is defined in the program that saved the model, and this job runs no Python"},
		{"no_count", "sklearn.feature_extraction.text.CountVectorizer is not supported: text and dictionary features are not supported"},
	}
	dir := openRelease(t, "1.2.1")
	for _, tt := range tests {
		data, err := fs.ReadFile(dir, "models/"+tt.id+".pkl")
		if err != nil {
			t.Fatal(err)
		}
		if _, err = model.Load(data); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", tt.id, err, tt.want)
		}
	}
}

func TestLoad_refusesWhatIsNoModel(t *testing.T) {
	tests := []struct{ name, data, want string }{
		{"nothing", "", "pickle"},
		{"a list", "\x80\x04]\x94.", "the file holds a list of 0, want a fitted scikit-learn transformer"},
		{"a list of one", "\x80\x04](csklearn.preprocessing._data\nBinarizer\n)\x81e.", "the file holds a list of 1, want a fitted scikit-learn transformer: save it alone, such as the Binarizer at 0"},
		{"a dict", "\x80\x04}X\x05\x00\x00\x00modelcsklearn.preprocessing._data\nBinarizer\n)\x81s.", `the file holds a dict of 1, want a fitted scikit-learn transformer: save it alone, such as the Binarizer at "model"`},
		{"no format", `{"model": {"class": "passthrough"}}`, "format: got 0, want 1"},
		{"no model", `{"format": 1}`, "model: missing"},
		{"no class", `{"format": 1, "model": {}}`, "class: missing; want one of passthrough, Binarizer"},
		{"other class", `{"format": 1, "model": {"class": "KNNImputer"}}`, `class "KNNImputer" is not supported; want one of`},
		{"unknown field", `{"format": 1, "model": {"class": "Binarizer", "treshold": 2}}`, `unknown field "treshold"`},
		{"null", `{"format": 1, "model": null}`, "class: missing"},
		{"null step", `{"format": 1, "model": {"class": "Pipeline", "steps": [{"name": "a", "step": null}]}}`, "Pipeline: class: missing"},
		{"no step", `{"format": 1, "model": {"class": "Pipeline", "steps": [{"name": "a"}]}}`, `"a": step: missing`},
		{"more", `{"format": 1, "model": {"class": "passthrough"}} x`, "something follows"},
		{"line", "{\"format\": 1,\n\"model\": }", "line 2"},
		{"deep", strings.Repeat(`{"model":`, 500) + strings.Repeat("}", 500), "nested 500 deep"},
		{"null number", `{"format": 1, "model": {"class": "Binarizer", "threshold": null}}`, "got null"},
		{"other case", "{\"formAt\": 1,\n\"model\": {\"class\": \"passthrough\"}}", `line 1: unknown key "formAt"; did you mean "format"?`},
		{"other case below", "{\"format\": 1, \"model\": {\n\"class\": \"Binarizer\", \"Threshold\": 2}}", `line 2: unknown key "Threshold"`},
		{"twice", "{\"format\": 1, \"model\": {\"class\": \"Binarizer\",\n\"threshold\": 2, \"threshold\": 3}}", `line 2: "threshold" occurs twice`},
		{"not UTF-8", "{\"format\": 1, \"model\": {\"class\": \"Pipeline\", \"steps\": [{\"name\": \"\xff\", \"step\": {\"class\": \"passthrough\"}}]}}", "not UTF-8"},
		{"yaml other case", "format: 1\nmodel:\n  Class: passthrough\n", `line 3: unknown key "Class"; did you mean "class"?`},
		{"no width", `{"format": 1, "model": {"class": "StandardScaler", "mean": [1, 2], "scale": [1, 2, 3]}}`, "n_features_in: missing, and what was fitted does not tell it: "},
		{"yaml alias", "format: &a 1\nmodel: *a\n", "line 1: anchors and aliases are not supported"},
		{"yaml twice", "format: 1\nformat: 1\n", `occurs twice`},
		{"yaml key", "format: 1\n2: 3\n", "line 1: a key is not text"},
	}
	for _, tt := range tests {
		_, err := model.Load([]byte(tt.data))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", tt.name, err, tt.want)
		}
	}
}

// TestLoad_checksEveryField starts from what is right and breaks one thing.
func TestLoad_checksEveryField(t *testing.T) {
	cats := `"categories": [{"dtype": "object", "values": ["a", "b", "c"]}]`
	tests := []struct{ name, good, spoil, by, want string }{
		{"mean", `{"class": "StandardScaler", "n_features_in": 2, "mean": [1, 2], "scale": [1, 2]}`, "[1, 2], ", "[1], ", "StandardScaler: mean: 1 values for 2 columns"},
		{"scale 0", `{"class": "StandardScaler", "n_features_in": 2, "mean": [1, 2], "scale": [1, 2]}`, `"scale": [1, 2]`, `"scale": [1, 0]`, "scale: 0 for column 1"},
		{"too many features", `{"class": "Binarizer", "n_features_in": 2, "threshold": 0}`, "2", "1000000", "n_features_in: got 1000000, want 0 to 100000"},
		{"negative features", `{"class": "Binarizer", "n_features_in": 2, "threshold": 0}`, "2", "-1", "n_features_in: got -1"},
		{"names", `{"class": "Binarizer", "n_features_in": 1, "feature_names_in": ["a"], "threshold": 0}`, `["a"]`, `["a", "b"]`, "feature_names_in: got 2 names, want 1"},
		{"output", `{"class": "Binarizer", "set_output": "pandas", "n_features_in": 1, "threshold": 0}`, "pandas", "polars", `set_output: got "polars", want default or pandas`},
		{"range", `{"class": "MinMaxScaler", "n_features_in": 1, "scale": [1], "min": [0], "feature_range": [0, 1], "clip": true}`, "[0, 1]", "[1, 0]", "feature_range: got 1.0 to 0.0, want the smaller first"},
		{"drop", `{"class": "OneHotEncoder", "n_features_in": 1, ` + cats + `, "drop": [2], "handle_unknown": "error", "dtype": "float64"}`, "[2]", "[3]", "drop: column 0: got 3, want -1 to 2"},
		{"group", `{"class": "OneHotEncoder", "n_features_in": 1, ` + cats + `, "groups": [[0, 1, 1]], "handle_unknown": "error", "dtype": "float64"}`, "[0, 1, 1]", "[0, 2, 2]", "groups: column 0: no category has 1"},
		{"mixed", `{"class": "OneHotEncoder", "n_features_in": 1, ` + cats + `, "handle_unknown": "error", "dtype": "float64"}`, `"c"`, "3", "categories: column 0: mixes texts and numbers"},
		{"dtype of a category", `{"class": "OneHotEncoder", "n_features_in": 1, ` + cats + `, "handle_unknown": "error", "dtype": "float64"}`, `"object"`, `"int64"`, `category 0 is not of dtype "int64"`},
		{"unknown value", `{"class": "OrdinalEncoder", "n_features_in": 1, ` + cats + `, "handle_unknown": "use_encoded_value", "unknown_value": -1, "encoded_missing_value": "nan", "dtype": "int64"}`, `-1`, `0.5`, "unknown_value: 0.5 does not fit int64"},
		{"column", `{"class": "ColumnTransformer", "n_features_in": 2, "feature_names_in": ["a", "b"], "feature_names_out": "prefix", "transformers": [{"name": "t", "columns": ["b"], "step": {"class": "passthrough"}}]}`, `["b"]`, `["c"]`, `"t": ColumnTransformer: column "c" is not one of feature_names_in`},
		{"place", `{"class": "ColumnTransformer", "n_features_in": 2, "feature_names_out": "prefix", "transformers": [{"name": "t", "columns": [1], "step": {"class": "passthrough"}}]}`, `[1]`, `[2]`, `"t": ColumnTransformer: column 2, want one below 2`},
		{"format", `{"class": "ColumnTransformer", "n_features_in": 1, "feature_names_out": "{feature_name}", "transformers": []}`, `{feature_name}`, `{name}`, `has {name}, want {transformer_name} and {feature_name}`},
		{"edges", `{"class": "KBinsDiscretizer", "n_features_in": 1, "bin_edges": [[0, 1, 2]], "encode": "ordinal"}`, "[0, 1, 2]", "[0, 2, 1]", "bin_edges: column 0: edge 2 is 1.0, want ascending numbers"},
		{"quantiles", `{"class": "QuantileTransformer", "n_features_in": 1, "quantiles": [[0], [1]], "references": [0, 1], "output_distribution": "uniform"}`, "[[0], [1]]", "[[0]]", "quantiles: 1 rows for 2 references"},
		{"components", `{"class": "PCA", "n_features_in": 2, "components": [[1, 2]], "mean": [0, 0]}`, "[[1, 2]]", "[[1]]", "components: row 0 has 1 values for 2 columns"},
		{"degree", `{"class": "PolynomialFeatures", "n_features_in": 3, "min_degree": 0, "max_degree": 2}`, `"max_degree": 2`, `"max_degree": 2000`, "makes more than 100000 columns"},
		{"knots", `{"class": "SplineTransformer", "n_features_in": 1, "degree": 1, "knots": [[0, 1, 2, 3]], "extrapolation": "constant", "handle_missing": "error", "include_bias": true}`, "[0, 1, 2, 3]", "[0, 1]", "knots: column 0 has 2, too few for degree 1"},
		{"selected", `{"class": "SelectKBest", "n_features_in": 3, "selected": [0, 2]}`, "[0, 2]", "[2, 0]", "selected: column 0, want ascending columns below 3"},
		{"statistics", `{"class": "SimpleImputer", "n_features_in": 1, "strategy": "mean", "missing_values": {"float": "nan"}, "statistics": [{"float": 1}], "dtype": "float64"}`, `{"float": 1}`, `"x"`, "statistics: item 0 is x, want a number"},
		{"function", `{"class": "FunctionTransformer", "func": "log1p", "n_features_in": 1}`, "log1p", "system", `func: got "system", want a numpy function`},
		{"bound", `{"class": "FunctionTransformer", "func": "clip", "lower": 1, "n_features_in": 1}`, `"lower": 1, `, ``, "lower and upper: got none, want one of them for clip"},
		{"bound of another", `{"class": "FunctionTransformer", "func": "clip", "lower": 1, "n_features_in": 1}`, `clip`, `round`, `lower: got 1, want none for func "round"`},
		{"bound that is no number", `{"class": "FunctionTransformer", "func": "clip", "upper": {"float": 1.5}, "n_features_in": 1}`, `1.5`, `"nan"`, "upper: got nan, want a number"},
		{"bound that is text", `{"class": "FunctionTransformer", "func": "clip", "upper": {"float": 1.5}, "n_features_in": 1}`, `{"float": 1.5}`, `"1"`, "upper: got 1, want one number for all columns"},
		{"large bound", `{"class": "FunctionTransformer", "func": "clip", "upper": 15, "n_features_in": 1}`, `15`, `9007199254740993`, "upper: got 9007199254740993, want at most 2**53"},
		{"decimals", `{"class": "FunctionTransformer", "func": "round", "decimals": 2, "n_features_in": 1}`, `2`, `401`, "decimals: got 401, want -400 to 400"},
		{"decimals of another", `{"class": "FunctionTransformer", "func": "log1p", "n_features_in": 1}`, `"log1p"`, `"log1p", "decimals": 1`, "decimals: got 1, want"},
		{"operand", `{"class": "FunctionTransformer", "func": "maximum", "operand": 0, "n_features_in": 1}`, `"operand": 0, `, ``, "operand: missing for maximum"},
		{"fill", `{"class": "FunctionTransformer", "func": "nan_to_num", "nan": -1, "n_features_in": 1}`, `nan_to_num`, `sqrt`, "want them for nan_to_num only"},
		{"random vectors", `{"class": "GaussianRandomProjection", "n_features_in": 2, "components": [[1, 2]]}`, "[[1, 2]]", "[[1]]", "components: row 0 has 1 values for 2 columns"},
		{"sparse column", `{"class": "SparseRandomProjection", "n_features_in": 2, "columns": [[1, 0]], "values": [[1, 2]]}`, "[[1, 0]]", "[[1, 2]]", "columns: component 0 has column 2, want one below 2"},
		{"sparse values", `{"class": "SparseRandomProjection", "n_features_in": 2, "columns": [[1, 0]], "values": [[1, 2]]}`, "[[1, 2]]", "[[1]]", "values: component 0 has 1 for 2 columns"},
		{"sparse infinity", `{"class": "SparseRandomProjection", "n_features_in": 2, "columns": [[1, 0]], "values": [[1, 2]]}`, "[[1, 2]]", `[[1, "inf"]]`, "values: component 0 has inf, want finite numbers"},
		{"sparse components", `{"class": "SparseRandomProjection", "n_features_in": 2, "columns": [[1, 0]], "values": [[1, 2]]}`, "[[1, 2]]", "[]", "columns and values: 1 and 0 components"},
		{"labels", `{"class": "FeatureAgglomeration", "n_features_in": 3, "labels": [0, 1, 0], "pooling": "mean"}`, "[0, 1, 0]", "[0, 1]", "labels: 2 values for 3 columns"},
		{"empty group", `{"class": "FeatureAgglomeration", "n_features_in": 3, "labels": [0, 1, 0], "pooling": "mean"}`, "[0, 1, 0]", "[0, 2, 0]", "labels: no column has 1, and one has 2"},
		{"negative group", `{"class": "FeatureAgglomeration", "n_features_in": 3, "labels": [0, 1, 0], "pooling": "mean"}`, "[0, 1, 0]", "[0, -1, 0]", "labels: got -1, want 0 to 2"},
		{"pooling", `{"class": "FeatureAgglomeration", "n_features_in": 3, "labels": [0, 1, 0], "pooling": "mean"}`, `"mean"`, `"amax"`, `pooling: got "amax", want mean, max, min or median`},
		{"inner width", `{"class": "Pipeline", "n_features_in": 1, "steps": [{"name": "a", "step": {"class": "StandardScaler", "n_features_in": 1, "mean": [0]}}, {"name": "b", "step": {"class": "MaxAbsScaler", "n_features_in": 1, "scale": [1]}}]}`, `"MaxAbsScaler", "n_features_in": 1`, `"MaxAbsScaler", "n_features_in": 2`, `"b": MaxAbsScaler: gets 1 columns, was fitted on 2`},
		{"encodings", `{"class": "TargetEncoder", "n_features_in": 1, ` + cats + `, "encodings": [[1, 2, 3]], "target_mean": [0]}`, "[[1, 2, 3]]", "[[1, 2]]", "encodings: item 0 has 2 values for 3 categories"},
		{"lambdas", `{"class": "PowerTransformer", "n_features_in": 1, "method": "yeo-johnson", "lambdas": [1]}`, "yeo-johnson", "log", `method: got "log", want yeo-johnson or box-cox`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			doc := `{"format": 1, "model": ` + tt.good + `}`
			if _, err := model.Load([]byte(doc)); err != nil {
				t.Fatalf("the start is not right: %v", err)
			}
			bad := strings.Replace(doc, tt.spoil, tt.by, 1)
			if bad == doc {
				t.Fatal("nothing spoilt")
			}
			_, err := model.Load([]byte(bad))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

func TestLoad_takesTheWidthFromWhatWasFitted(t *testing.T) {
	for _, text := range []string{
		`{"format": 1, "model": {"class": "StandardScaler", "mean": [1, 2], "scale": [1, 2]}}`,
		`{"format": 1, "model": {"class": "Binarizer", "threshold": 2}}`,
		`{"format": 1, "model": {"class": "PCA", "components": [[1, 2]], "mean": [0, 0]}}`,
		`{"format": 1, "model": {"class": "Pipeline", "steps": [{"name": "a", "step": {"class": "Binarizer", "threshold": 2}}, {"name": "b", "step": {"class": "MaxAbsScaler", "scale": [1, 2]}}]}}`,
	} {
		m := loadJSON(t, text)
		if _, err := m.Bind([]string{"x", "y"}); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestDescribe_readsAsAnOutline(t *testing.T) {
	data, err := os.ReadFile("testdata/public/models/pub_typical.pkl")
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.Load(data)
	if err != nil {
		t.Fatal(err)
	}
	want := `ColumnTransformer: side by side
  num: of area, temp, rooms
    Pipeline: one after the other
      impute:
        SimpleImputer: fill missing cells by mean: `
	if got := m.Describe(); !strings.HasPrefix(got, want) {
		t.Errorf("got\n%s\nwant it to start with\n%s", got, want)
	}
}

// TestModel_inYAMLThatAPersonWrote is the example of the documentation.
func TestModel_inYAMLThatAPersonWrote(t *testing.T) {
	text, err := os.ReadFile("testdata/by_hand.yaml")
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.Load(text)
	if err != nil {
		t.Fatal(err)
	}
	b, err := m.Bind([]string{"id", "heating", "area"})
	if err != nil {
		t.Fatal(err)
	}
	p, err := b.Compile([]frame.Kind{frame.Float, frame.Text})
	if err != nil {
		t.Fatal(err)
	}
	out, bad, err := p.NewWorker().Apply([]frame.Column{
		{Kind: frame.Float, Floats: []float64{120, nan}},
		{Kind: frame.Text, Texts: [][]byte{[]byte("oil"), nil}},
	}, 2)
	if err != nil || len(bad) > 0 {
		t.Fatal(err, bad)
	}
	if got := strings.Join(p.Names(), " "); got != "num__area cat__heating_gas cat__heating_oil" {
		t.Errorf("names: %s", got)
	}
	var rows [2][]string
	for r := range rows {
		for i := range out {
			rows[r] = appendCells(rows[r], &out[i], r)
		}
	}
	if got := strings.Join(rows[0], ",") + ";" + strings.Join(rows[1], ","); got != "0.4,0.0,1.0;0.0,0.0,0.0" {
		t.Errorf("got %s", got)
	}
}
