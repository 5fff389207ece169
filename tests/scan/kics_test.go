package scan_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"ds-pipeline/internal/cloudformation"
)

// kicsModule is where the queries of KICS are: what `make tools` builds has none.
const kicsModule = "github.com/Checkmarx/kics/v2"

// kics returns what KICS finds in each template: all its queries for
// CloudFormation, of every severity, and those for secrets.
func kics(t *testing.T, templates []*cloudformation.Template) [][]finding {
	t.Helper()
	binary := os.Getenv("KICS_BIN")
	if binary == "" {
		binary = "../../.tools/kics"
	}
	binary, err := filepath.Abs(binary)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(binary); err != nil {
		t.Fatalf("no KICS: %v\nrun `make tools`, or set KICS_BIN", err)
	}
	dir, out := t.TempDir(), t.TempDir()
	for i, planned := range templates {
		text, err := json.MarshalIndent(planned, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.json", i)), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	assets := filepath.Join(moduleDir(t, "../../tools/kics", kicsModule), "assets")
	command := exec.CommandContext(t.Context(), binary, "scan", "--path", dir, "--type", "CloudFormation",
		"--queries-path", filepath.Join(assets, "queries"), "--libraries-path", filepath.Join(assets, "libraries"),
		"--report-formats", "json", "--output-path", out, "--ignore-on-exit", "results", "--ci", "--no-progress")
	command.Env = append(os.Environ(), "DISABLE_CRASH_REPORT=true")
	if printed, err := command.CombinedOutput(); err != nil {
		t.Fatalf("kics scan: %v\n%s", err, printed)
	}
	text, err := os.ReadFile(filepath.Join(out, "results.json"))
	if err != nil {
		t.Fatal(err)
	}
	found, err := readKICS(text, len(templates))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// moduleDir is where the go command has the source of a module.
func moduleDir(t *testing.T, tool, module string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", module)
	command.Dir = tool
	output, err := command.Output()
	if err != nil {
		t.Fatalf("go list -m %s in %s: %v", module, tool, err)
	}
	return strings.TrimSpace(string(output))
}

// readKICS reads results.json of a scan of the files 0.json, 1.json and so on.
func readKICS(text []byte, files int) ([][]finding, error) {
	var results struct {
		Parsed  int `json:"files_parsed"`
		Failed  int `json:"queries_failed_to_execute"`
		Total   int `json:"queries_total"`
		Queries []struct {
			Name        string `json:"query_name"`
			Description string `json:"description"`
			Files       []struct {
				Name     string `json:"file_name"`
				Key      string `json:"search_key"`
				Expected string `json:"expected_value"`
			} `json:"files"`
		} `json:"queries"`
	}
	if err := json.Unmarshal(text, &results); err != nil {
		return nil, fmt.Errorf("results of kics: %w", err)
	}
	if results.Parsed != files || results.Failed != 0 || results.Total == 0 {
		return nil, fmt.Errorf("results of kics: %d files parsed, %d of %d queries failed; want %d files and queries that all ran",
			results.Parsed, results.Failed, results.Total, files)
	}
	found := make([][]finding, files)
	for _, q := range results.Queries {
		for _, f := range q.Files {
			var i int
			if n, err := fmt.Sscanf(filepath.Base(f.Name), "%d.json", &i); n != 1 || i < 0 || i >= files {
				return nil, fmt.Errorf("results of kics: a finding in %q: %w", f.Name, err)
			}
			// Resources.DataInput.Properties..., or Resources for all of the template.
			resource := "(template)"
			if parts := strings.Split(f.Key, "."); len(parts) > 1 {
				resource = parts[1]
			}
			found[i] = append(found[i], finding{Rule: "KICS " + q.Name, Resource: resource, Description: f.Expected})
		}
	}
	return found, nil
}

func TestReadKICS_refusesAScanThatIsNotWhole(t *testing.T) {
	for _, text := range []string{
		``, `{}`, `{"files_parsed": 1, "queries_total": 9}`, `{"files_parsed": 2, "queries_total": 9, "queries_failed_to_execute": 1}`, `{"files_parsed": 2}`,
		`{"files_parsed": 2, "queries_total": 9, "queries": [{"query_name": "Q", "files": [{"file_name": "other.json"}]}]}`,
		`{"files_parsed": 2, "queries_total": 9, "queries": [{"query_name": "Q", "files": [{"file_name": "2.json"}]}]}`,
	} {
		if found, err := readKICS([]byte(text), 2); err == nil {
			t.Errorf("%s: got %v, want an error", text, found)
		}
	}
}
