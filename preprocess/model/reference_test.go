package model_test

import (
	"encoding/json"
	"math"
	"os"
	"reflect"
	"testing"

	"ds-pipeline/preprocess/frame"
	"ds-pipeline/preprocess/model"
)

const referencesFolder = "testdata/references/"

type referenceCase struct {
	Columns []string                    `json:"columns"`
	Want    map[string]*frame.Reference `json:"want"`
}

func referenceCases(t *testing.T) map[string]referenceCase {
	t.Helper()
	data, err := os.ReadFile(referencesFolder + "want.json")
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]referenceCase{}
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) < 15 {
		t.Fatalf("only %d cases", len(cases))
	}
	return cases
}

// TestReferences_areWhatTheDataWere compares what fitted models remember with
// what make.py calculated from the data that they were fitted on.
func TestReferences_areWhatTheDataWere(t *testing.T) {
	for name, c := range referenceCases(t) {
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(referencesFolder + name + ".joblib")
			if err != nil {
				t.Fatal(err)
			}
			m, err := model.Load(data)
			if err != nil {
				t.Fatal(err)
			}
			compareReferences(t, m, c)

			text, err := m.MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			if m, err = model.Load(text); err != nil {
				t.Fatalf("its JSON: %v", err)
			}
			compareReferences(t, m, c)
		})
	}
}

func compareReferences(t *testing.T, m *model.Model, c referenceCase) {
	t.Helper()
	header := append([]string{}, c.Columns...)
	if _, named := m.Features(); named {
		header = append([]string{"unused"}, header...)
	}
	b, err := m.Bind(header)
	if err != nil {
		t.Fatal(err)
	}
	references := b.References()
	if len(references) != len(b.Inputs()) {
		t.Fatalf("%d references for %d inputs", len(references), len(b.Inputs()))
	}
	for i, in := range b.Inputs() {
		got, want := references[i], c.Want[in.Name]
		if want != nil && want.Rows == 0 && got != nil {
			want.Rows = got.Rows // of other columns
			if got.Rows != 0 && got.Rows != 400 {
				t.Errorf("column %s: %d rows", in.Name, got.Rows)
			}
		}
		if !near(reflect.ValueOf(got), reflect.ValueOf(want)) {
			a, _ := json.MarshalIndent(got, "", " ")
			b, _ := json.MarshalIndent(want, "", " ")
			t.Errorf("column %s: got %s\nwant %s", in.Name, a, b)
		}
	}
}

// near is reflect.DeepEqual that allows numbers to differ in their rounding.
func near(a, b reflect.Value) bool {
	switch {
	case a.Kind() != b.Kind():
		return false
	case a.Kind() == reflect.Float64:
		return math.Abs(a.Float()-b.Float()) <= 1e-12*math.Max(math.Abs(a.Float()), math.Abs(b.Float()))
	case a.Kind() == reflect.Pointer:
		return a.IsNil() == b.IsNil() && (a.IsNil() || near(a.Elem(), b.Elem()))
	case a.Kind() == reflect.Struct:
		for i := range a.NumField() {
			if !near(a.Field(i), b.Field(i)) {
				return false
			}
		}
		return true
	case a.Kind() == reflect.Slice:
		if a.Len() != b.Len() {
			return false
		}
		for i := range a.Len() {
			if !near(a.Index(i), b.Index(i)) {
				return false
			}
		}
		return true
	}
	return a.Interface() == b.Interface()
}

func TestModel_refusesFactsOfAnotherNumberOfColumns(t *testing.T) {
	for class, fields := range map[string]string{
		"StandardScaler": `"mean": [1, 2], "scale": [1, 2], "var": [1]`,
		"MinMaxScaler":   `"scale": [1, 2], "min": [0, 0], "feature_range": [0, 1], "data_max": [1, 2, 3]`,
		"MaxAbsScaler":   `"scale": [1, 2], "n_samples_seen": [1, 2, 3]`,
	} {
		text := `{"format": 1, "model": {"class": "` + class + `", "n_features_in": 2, ` + fields + `}}`
		if _, err := model.Load([]byte(text)); err == nil {
			t.Errorf("%s passed", class)
		}
	}
}
