package job

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ds-pipeline/internal/pythontest"
	"ds-pipeline/preprocess/contract"
	"ds-pipeline/preprocess/script"
	"ds-pipeline/preprocess/storage"
)

// outcomeOf runs and tells all that a run leaves behind, or why it failed.
func outcomeOf(s Settings) string {
	dir := filepath.Dir(s.Output.Path)
	for _, name := range []string{"out.csv", contract.RejectsName} {
		_ = os.Remove(filepath.Join(dir, name))
	}
	sum, err := Run(context.Background(), s, quiet)
	text := fmt.Sprintln(sum.RowsIn, sum.RowsOut, sum.RowsRejected, sum.RowsFiltered, sum.ColumnsIn, sum.ColumnsOut)
	if err != nil {
		text = err.Error() + "\n"
	}
	for _, name := range []string{"out.csv", contract.RejectsName} {
		left, _ := os.ReadFile(filepath.Join(dir, name))
		text += name + "\n" + string(left)
	}
	return text
}

// With a script that changes nothing, everything is as without one, however its
// batches are cut: also what is rejected, by its lines and bytes.
func TestScript_isTheSameWithAnyBatches(t *testing.T) {
	dir := t.TempDir()
	scripts := map[string]string{
		"rows.py":  "stateless = True\ndef process(rows):\n    for row in rows:\n        yield row\n",
		"frame.py": "def transform(df):\n    return df\n",
	}
	for i := range 8 {
		input := rapid.Custom(func(t *rapid.T) string { return penguinsInput(t, i%2 == 1) }).Example(i)
		s, err := settingsFor(dir, input, penguins+"model.pkl")
		if err != nil {
			t.Fatal(err)
		}
		s.Keep = []string{"species", "note"}
		if s.MaxRejects, err = ParseRejectLimit("100%"); err != nil {
			t.Fatal(err)
		}
		want := outcomeOf(s)
		s.Python, s.ScriptStage = pythontest.Find(t), contract.ScriptBefore
		s.ScriptLimits = script.Limits{MemoryBytes: 2 << 30, Timeout: time.Minute}
		for name, text := range scripts {
			s.Script = storage.URI{Path: filepath.Join(dir, name)}
			if err := os.WriteFile(s.Script.Path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			s.Workers = 1 + i%3
			s.blocks = blockSizes{first: 40, in: 60 + 100*i, out: 100, least: 1}
			if got := outcomeOf(s); got != want {
				t.Errorf("input %d %s:\n%q\ngot\n%s\nwant\n%s", i, name, input, got, want)
			}
		}
		if strings.Count(want, "\n") < 3 {
			t.Logf("input %d tells little: %s", i, want)
		}
	}
}

// Texts of Parquet that mean missing make of a column what nulls make of it, also
// where the first one comes late.
func TestScript_isGivenWhatIsMissingInParquet(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) storage.URI {
		u := storage.URI{Path: filepath.Join(dir, name)}
		if err := os.WriteFile(u.Path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return u
	}
	same := write("same.yaml", "format: 1\nmodel: {class: passthrough}\n")
	s, err := settingsFor(dir, "b,i\n"+strings.Repeat("True,7\n", 300)+"False,-999\nTrue,8\n", same.Path)
	if err != nil {
		t.Fatal(err)
	}
	made := s
	made.ParquetOutput, made.Output = true, storage.URI{Path: filepath.Join(dir, "made.parquet")}
	made.Model = write("parts.yaml", "format: 1\nmodel: {class: ColumnTransformer, feature_names_in: [b, i], n_features_in: 2, feature_names_out: plain, set_output: pandas, "+
		"transformers: [{name: all, columns: [b, i], step: {class: passthrough}}]}\n")
	if _, err := Run(context.Background(), made, quiet); err != nil {
		t.Fatal(err)
	}
	s.Input, s.Parquet, s.Nulls = made.Output, true, []string{"-999", "False"}
	want := "b,i\n" + strings.Repeat("True,7.0\n", 300) + ",\nTrue,8.0\n"
	check := func(what string) {
		if _, err := Run(context.Background(), s, quiet); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if got := mustRead(t, s.Output.Path); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", what, got, want)
		}
	}
	check("no script")
	s.Python, s.ScriptStage = pythontest.Find(t), contract.ScriptBefore
	s.ScriptLimits = script.Limits{MemoryBytes: 2 << 30, Timeout: time.Minute}
	s.Script = write("types.py", "def transform(df):\n    assert list(map(str, df.dtypes)) == ['object', 'float64'], df.dtypes\n    return df\n")
	check("with a script")
}
