package dspipe

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// complete is what bash offers after a command line that ends in the last word, with
// | between several.
func complete(t *testing.T, words ...string) string {
	t.Helper()
	var quoted []string
	for _, w := range words {
		quoted = append(quoted, "'"+w+"'")
	}
	script := fmt.Sprintf("source <(%s completion bash); COMP_WORDS=(%s); COMP_CWORD=%d; _dspipe; printf '%%s\\n' \"${COMPREPLY[@]}\"", binary, strings.Join(quoted, " "), len(words)-1)
	out, err := exec.Command("bash", "-c", script).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	offered := strings.Split(strings.TrimSpace(string(out)), "\n")
	slices.Sort(offered)
	return strings.Join(offered, "|")
}

func TestCompletion_inBash(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"dspipe re":                        "results|retry",
		"dspipe --st":                      "--stack",
		"dspipe run --pe":                  "--period",
		"dspipe list --status ti":          "timed-out",
		"dspipe --json completion f":       "fish",
		"dspipe upload --no":               "--no-check|--no-parameters",
		"dspipe upload --model ../../exam": "../../examples",
		"dspipe run --period ":             "",
	} {
		if got := complete(t, strings.Split(line, " ")...); got != want {
			t.Errorf("%s: got %q, want %q", line, got, want)
		}
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "my data.csv"), "")
	write(t, filepath.Join(dir, "my other data.csv"), "")
	if got, want := complete(t, "dspipe", "upload", "--input", dir+"/my"), dir+"/my data.csv|"+dir+"/my other data.csv"; got != want {
		t.Errorf("names with blanks: got %q, want %q", got, want)
	}
}

// TestCompletion_isReadByItsShell has the other shells read their scripts, where
// they are installed.
func TestCompletion_isReadByItsShell(t *testing.T) {
	t.Parallel()
	for _, shell := range []string{"bash", "zsh", "fish"} {
		script := run(t, nil, "completion", shell).expect(t, 0).stdout
		for _, want := range []string{"backfill", "dry-run", "parallel", "timed-out"} {
			if !strings.Contains(script, want) {
				t.Errorf("%s: no %s", shell, want)
			}
		}
		path, err := exec.LookPath(shell)
		if err != nil {
			continue
		}
		if out, err := exec.Command(path, "-n", write(t, filepath.Join(t.TempDir(), "script"), script)).CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: %v\n%s", shell, err, out)
		}
	}
	shellcheck := exec.Command("shellcheck", "--shell=bash", "-")
	shellcheck.Stdin = strings.NewReader(run(t, nil, "completion", "bash").expect(t, 0).stdout)
	if out, err := shellcheck.CombinedOutput(); err != nil {
		t.Errorf("shellcheck (make setup installs it): %v\n%s", err, out)
	}
	run(t, nil, "completion", "tcsh").expect(t, 64, "must be one of")
}

func TestMan_isInTheDocs(t *testing.T) {
	t.Parallel()
	const page = "../../docs/dspipe.1"
	got := run(t, nil, "man").expect(t, 0).stdout
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(page, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got != read(t, page) {
		t.Error("docs/dspipe.1 is not what dspipe man prints; run make golden")
	}
	if path, err := exec.LookPath("groff"); err == nil {
		if out, err := exec.Command(path, "-man", "-ww", "-z", page).CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%v\n%s", err, out)
		}
	}
}
