package dspipe

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"ds-pipeline/internal/awstest"
	"ds-pipeline/internal/consoletest"
)

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

	all, err := consoletest.Page(read(t, "../../docs/first-run.md"))
	if err != nil || len(all) < 8 {
		t.Fatalf("%d steps, %v", len(all), err)
	}
	env := append(c.Env(), "HOME="+t.TempDir(), "PATH="+filepath.Dir(binary)+":/usr/bin:/bin", "DSPIPE_POLL_MS=5", "DSPIPE_STACK=dev")
	for _, s := range all {
		cmd := exec.Command("bash", "-c", s.Command)
		cmd.Dir, cmd.Env = dir, env
		out, _ := cmd.CombinedOutput() // some are to fail
		if !consoletest.Prints(string(out), s.Want) {
			t.Errorf("$ %s\n%s\nthe page says\n%s", s.Command, out, strings.Join(s.Want, "\n"))
		}
	}
	if got, _ := c.S3.Get(awstest.Output, "processed/data.csv"); !strings.HasPrefix(got, "bill_length_mm,") {
		t.Errorf("the result begins %q", got[:min(len(got), 40)])
	}
}
