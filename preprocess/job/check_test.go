package job

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"ds-pipeline/preprocess/storage"
)

func TestCheck_saysWhatARunWouldMake(t *testing.T) {
	input, err := os.ReadFile(penguins + "penguins.csv")
	if err != nil {
		t.Fatal(err)
	}
	s, err := settingsFor(t.TempDir(), string(input), penguins+"model.pkl")
	if err != nil {
		t.Fatal(err)
	}
	s.blocks, s.Keep = blockSizes{}, []string{"species"}
	c, err := Check(t.Context(), s, quiet)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Columns) != 7 || len(c.Result) != 9 || c.Result[0] != "species" || c.Records != 344 || c.Rejected != 0 || c.Steps == "" {
		t.Errorf("got %+v", c)
	}
	if entries, err := os.ReadDir(filepath.Dir(s.Output.Path)); err != nil || len(entries) != 1 {
		t.Errorf("it left %v, %v", entries, err)
	}
}

func TestCheck_namesTheLine(t *testing.T) {
	s, err := settingsFor(t.TempDir(), "dist_km,price,temp,rooms\n\n1,2,3,4\n1,2,many,4\n", cases+"models/pub_scalers.pkl")
	if err != nil {
		t.Fatal(err)
	}
	s.blocks = blockSizes{}
	if _, err := Check(t.Context(), s, quiet); err == nil || !strings.Contains(err.Error(), `line 4: column "temp"`) {
		t.Errorf("got %v", err)
	}
}

// TestCheck_refusesNothingThatARunTakes compares it with runs of all kinds of
// input, in small blocks, so that much of the input comes after what it looks at.
func TestCheck_refusesNothingThatARunTakes(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		s, err := settingsFor(dir, penguinsInput(t, rapid.Bool().Draw(t, "bad")), penguins+"model.pkl")
		if err != nil {
			t.Fatal(err)
		}
		_, refused := Check(t.Context(), s, quiet)
		s.Output = storage.URI{Path: filepath.Join(dir, "out", rapid.StringMatching(`[a-z]{12}`).Draw(t, "name")+".csv")}
		_ = os.Mkdir(filepath.Dir(s.Output.Path), 0o755)
		_, failed := Run(t.Context(), s, quiet)
		if refused != nil && failed == nil {
			t.Fatalf("refused what a run takes: %v", refused)
		}
	})
}

func TestCheckModel_readsIt(t *testing.T) {
	c, err := CheckModel(t.Context(), storage.URI{Path: penguins + "model.pkl"}, quiet)
	if err != nil || !strings.Contains(c.Steps, "SimpleImputer") {
		t.Errorf("got %q, %v", c.Steps, err)
	}
	if _, err := CheckModel(t.Context(), storage.URI{Path: penguins + "penguins.csv"}, quiet); ExitStatus(err) != 65 {
		t.Errorf("got %v", err)
	}
}
