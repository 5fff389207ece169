// Package dspipe tests the operator's command line as its users meet it: as a
// process, with a real S3 server and modeled services of AWS over HTTP. What a
// run does is done by the real job.
package dspipe

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"ds-pipeline/internal/awstest"
	"ds-pipeline/internal/programtest"
)

const penguins = "../../examples/penguins/"

var binary, job string

func TestMain(m *testing.M) {
	programtest.Main(m, nil, programtest.Program{Package: "../../cmd/dspipe", Path: &binary}, programtest.Program{Package: "../../preprocess", Path: &job})
}

// cloud is a stack with the penguins in it, whose runs are done by the real job.
func cloud(t *testing.T) *awstest.Server {
	t.Helper()
	c := awstest.New(t)
	put(t, c, awstest.Input, "raw/monthly_data.csv", read(t, penguins+"penguins.csv"))
	put(t, c, awstest.Artifacts, "models/preprocessing_model.pkl", read(t, penguins+"model.pkl"))
	c.Stack.Definition = read(t, "../../components/testdata/machine.json")
	c.Stack.Container = read(t, "../../components/testdata/container.json")
	c.Job = func(env map[string]string) ([]string, int) { return runJob(t, c, env) }
	return c
}

// runJob runs the job as its container would.
func runJob(t *testing.T, c *awstest.Server, env map[string]string) ([]string, int) {
	cmd := exec.Command(job, "run")
	cmd.Env = append(append([]string{"HOME=" + t.TempDir(), "DS_ENVIRONMENT=dev"}, c.Env()...), "AWS_MAX_ATTEMPTS=2", "DS_KEEP=species")
	for _, name := range slices.Sorted(maps.Keys(env)) {
		cmd.Env = append(cmd.Env, name+"="+env[name])
	}
	// The server answers the job while it holds its own lock.
	unlocked := c.Unlocked()
	defer unlocked()
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Error(err)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n"), cmd.ProcessState.ExitCode()
}

func put(t *testing.T, c *awstest.Server, bucket, key, text string) {
	t.Helper()
	if err := c.S3.Put(bucket, key, text); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// command prepares a process with nothing in its environment but what it needs.
func command(t *testing.T, env []string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Env = append([]string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH"), "DSPIPE_POLL_MS=5", "AWS_MAX_ATTEMPTS=3"}, env...)
	return cmd
}

// result is what a process left behind.
type result struct {
	status         int
	stdout, stderr string
}

// run waits for a process; it may take a minute at most.
func run(t *testing.T, env []string, args ...string) result {
	t.Helper()
	return runIn(t, "", env, args...)
}

func runIn(t *testing.T, dir string, env []string, args ...string) result {
	t.Helper()
	cmd := command(t, env, args...)
	cmd.Dir = dir
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	err := cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// expect checks the exit status, and that each text is in what was printed.
func (r result) expect(t *testing.T, status int, texts ...string) result {
	t.Helper()
	if r.status != status {
		t.Errorf("exit status %d, want %d\n%s%s", r.status, status, r.stdout, r.stderr)
	}
	for _, text := range texts {
		if !strings.Contains(r.stdout+r.stderr, text) {
			t.Errorf("does not say %q:\n%s--\n%s", text, r.stdout, r.stderr)
		}
	}
	return r
}

// never checks that a text is not in what was printed.
func (r result) never(t *testing.T, texts ...string) result {
	t.Helper()
	for _, text := range texts {
		if strings.Contains(r.stdout+r.stderr, text) {
			t.Errorf("says %q:\n%s--\n%s", text, r.stdout, r.stderr)
		}
	}
	return r
}

// decode reads standard output as one JSON document.
func decode[T any](t *testing.T, r result) T {
	t.Helper()
	var v T
	dec := json.NewDecoder(strings.NewReader(r.stdout))
	if err := dec.Decode(&v); err != nil || dec.More() {
		t.Fatalf("not one JSON document: %v\n%s\n%s", err, r.stdout, r.stderr)
	}
	return v
}

// waitFor reads a stream until a line holds a text.
func waitFor(t *testing.T, s *bufio.Scanner, text string) {
	t.Helper()
	for s.Scan() {
		if strings.Contains(s.Text(), text) {
			return
		}
	}
	t.Fatalf("never said %q", text)
}

// interrupted starts a process without a terminal, interrupts it once it has said
// started, and waits until it has said each of then and ended. It returns its exit
// status.
func interrupted(t *testing.T, env, args []string, started string, then ...string) int {
	t.Helper()
	cmd := command(t, env, args...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := bufio.NewScanner(stderr)
	waitFor(t, s, started)
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	for _, text := range then {
		waitFor(t, s, text)
	}
	for s.Scan() { // to the end, so that it can end
		continue
	}
	_ = cmd.Wait()
	return cmd.ProcessState.ExitCode()
}

// waitForFile waits until a file exists.
func waitForFile(t *testing.T, path string) {
	t.Helper()
	for range 1000 {
		if _, err := os.Stat(path); err == nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%s never came", path)
}
