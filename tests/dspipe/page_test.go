package dspipe

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"ds-pipeline/internal/awstest"
)

// step is a command of a page and what it should print.
type step struct {
	command string
	want    []string
}

// steps reads the console blocks of a page: a command after "$ ", then what it
// prints.
func steps(t *testing.T, page string) []step {
	t.Helper()
	var all []step
	for _, block := range regexp.MustCompile("(?s)```console\n(.*?)```").FindAllStringSubmatch(page, -1) {
		for _, l := range strings.Split(strings.TrimSuffix(block[1], "\n"), "\n") {
			if command, ok := strings.CutPrefix(l, "$ "); ok {
				all = append(all, step{command: command})
				continue
			}
			if len(all) == 0 {
				t.Fatalf("output without a command: %q", l)
			}
			all[len(all)-1].want = append(all[len(all)-1].want, l)
		}
	}
	return all
}

// matches tells whether what was printed is what a page shows: … stands for
// anything within a line, and alone in a line for any lines.
func matches(got string, want []string) bool {
	var pattern strings.Builder
	for _, l := range want {
		if strings.TrimSpace(l) == "…" {
			pattern.WriteString(`(?:[^\n]*\n)*?`)
			continue
		}
		for i, part := range strings.Split(strings.TrimRight(l, " "), "…") {
			if i > 0 {
				pattern.WriteString(`[^\n]*`)
			}
			pattern.WriteString(regexp.QuoteMeta(part))
		}
		pattern.WriteString(` *\n`)
	}
	return regexp.MustCompile(`^` + pattern.String() + `$`).MatchString(got)
}

// TestPage_firstRunGoesAsItSays does what the page tells a data scientist to do.
func TestPage_firstRunGoesAsItSays(t *testing.T) {
	t.Parallel()
	c := awstest.New(t)
	good := cloud(t) // for the stack's definitions
	c.Stack = good.Stack
	c.Job = func(env map[string]string) ([]string, int) {
		env["DS_KEEP"] = "" // as the stack's container has it
		return runJob(t, c, env)
	}

	dir := project(t, "config:\n  aws:region: us-east-1\n  ds-pipeline:accountId: \"111111111111\"\n  ds-pipeline:scheduleEnabled: false\n")
	c.RuleDisabled = true
	text := read(t, penguins+"penguins.csv")
	write(t, filepath.Join(dir, "data.csv"), text)
	write(t, filepath.Join(dir, "broken.csv"), strings.Replace(text, "181", "many", 1))
	write(t, filepath.Join(dir, "model.joblib"), read(t, penguins+"model.joblib"))

	all := steps(t, read(t, "../../docs/first-run.md"))
	if len(all) < 8 {
		t.Fatalf("%d steps", len(all))
	}
	env := append(c.Env(), "HOME="+t.TempDir(), "PATH="+filepath.Dir(binary)+":/usr/bin:/bin", "DSPIPE_POLL_MS=5", "DSPIPE_STACK=dev")
	for _, s := range all {
		cmd := exec.Command("bash", "-c", s.command)
		cmd.Dir, cmd.Env = dir, env
		out, _ := cmd.CombinedOutput() // some are to fail
		if !matches(string(out), s.want) {
			t.Errorf("$ %s\n%s\nthe page says\n%s", s.command, out, strings.Join(s.want, "\n"))
		}
	}
	if got, _ := c.S3.Get(awstest.Output, "processed/data.csv"); !strings.HasPrefix(got, "bill_length_mm,") {
		t.Errorf("the result begins %q", got[:min(len(got), 40)])
	}
}

func TestMatches_isNotTooKind(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		got  string
		want []string
		is   bool
	}{
		{"a\nb\n", []string{"a", "b"}, true},
		{"a\nx\ny\nb\n", []string{"a", "…", "b"}, true},
		{"a 12 s\n", []string{"a … s"}, true},
		{"a\nb\n", []string{"a"}, false},
		{"a\nc\n", []string{"a", "b"}, false},
		{"a\nb\n", []string{"a…b"}, false},
		{"", nil, true},
	} {
		if matches(tt.got, tt.want) != tt.is {
			t.Errorf("%q as %q: want %v", tt.got, tt.want, tt.is)
		}
	}
}
