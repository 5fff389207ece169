package job

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"ds-pipeline/preprocess/contract"
)

func TestExit_statusSaysWhatIsWrong(t *testing.T) {
	deny := func(what, code string, status int) func(*request) bool {
		return func(r *request) bool { return strings.Contains(r.what, what) && r.fail(status, code) }
	}
	dir := t.TempDir()
	garbage := write(t, filepath.Join(dir, "garbage.pkl"), "not a model")
	empty := write(t, filepath.Join(dir, "empty.csv"), "")
	mine := write(t, filepath.Join(dir, "mine.csv"), read(t, penguins+"penguins.csv"))
	links := t.TempDir()
	link, broken := filepath.Join(links, "link.csv"), filepath.Join(links, "broken")
	for name, target := range map[string]string{link: mine, broken: filepath.Join(links, "nothing")} {
		if err := os.Symlink(target, name); err != nil {
			t.Fatal(err)
		}
	}
	in, model, out := penguins+"penguins.csv", penguins+"model.pkl", filepath.Join(t.TempDir(), "out.csv")
	files := func(in, model, out string) []string {
		return []string{"run", "--input", in, "--model", model, "--output", out}
	}
	tests := []struct {
		name   string
		fault  func(*request) bool
		env    []string
		args   []string
		status int
		text   string
	}{
		{"no command", nil, nil, nil, 64, "expected one of"},
		{"unknown command", nil, nil, []string{"runn"}, 64, "runn"},
		{"unknown flag", nil, nil, []string{"run", "--imput", "x"}, 64, "--imput"},
		{"flag without value", nil, nil, []string{"run", "--input"}, 64, "--input"},
		{"too many arguments", nil, nil, append(files(in, model, out), "more"), 64, "more"},
		{"bad choice", nil, nil, append(files(in, model, out), "--log", "xml"), 64, "--log"},

		{"model refused", nil, nil, files(in, garbage, out), 65, "model " + garbage},
		{"empty input", nil, nil, files(empty, model, out), 65, "the input is empty: want a header"},

		{"no input file", nil, nil, files("nowhere.csv", model, out), 66, "input: read nowhere.csv: it does not exist"},
		{"no model file", nil, nil, files(in, "nowhere.pkl", out), 66, "model: read nowhere.pkl: it does not exist"},
		{"a file that was not meant", nil, nil, files(penguins+"pengiuns.csv", model, out), 66, `examples/penguins; did you mean "penguins.csv"?`},
		{"a folder that was not meant", nil, nil, files("../../exmaples/x.csv", model, out), 66, `there is no folder "exmaples" in `},
		{"a prefix that was not meant", nil, nil, files("../../exmaples/", model, out), 66, `did you mean "examples"?`},
		{"a pattern below no folder", nil, nil, files("../../exmaples/*.csv", model, out), 66, `did you mean "examples"?`},
		{"a file below a file", nil, nil, files(penguins+"penguins.csv/x", model, out), 66, "penguins.csv is a file, not a folder"},
		{"nearly a URI", nil, nil, files("s3//bucket/key", model, out), 66, "an object of S3 is s3://bucket/key"},
		{"no folder for the result", nil, nil, files(in, model, "../../exmaples/x.csv"), 78, `there is no directory ../../exmaples; did you mean "examples"?`},
		{"a folder without a slash", nil, nil, files("../../examples/penguins", model, out), 78, "it is a directory; want a file, or ../../examples/penguins/ for all files in it"},
		{"a model to look at", nil, nil, []string{"inspect", "--model", penguins + "modle.pkl"}, 66, `did you mean "model.pkl"?`},
		{"a result to look at", nil, nil, []string{"verify", "--output", penguins + "x/data.csv"}, 66, `there is no folder "x" in `},
		{"no input object", nil, nil, files("s3://ds-in/nothing.csv", model, out), 66, "input: read s3://ds-in/nothing.csv: it does not exist: NoSuchKey"},
		{"no input bucket", nil, nil, files("s3://no-such-bucket/a.csv", model, out), 66, "NoSuchBucket"},
		{"no model object", nil, nil, files(in, "s3://ds-art/nothing.pkl", out), 66, "model: read s3://ds-art/nothing.pkl: it does not exist"},

		{"throttled", deny("/ds-in/", "SlowDown", 503), nil, files("s3://ds-in/raw/data.csv", model, out), 69, "the service did not answer: SlowDown"},
		{"broken service", deny("/ds-in/", "InternalError", 500), nil, files("s3://ds-in/raw/data.csv", model, out), 69, "InternalError"},
		{"nobody there", nil, []string{"AWS_ENDPOINT_URL=http://127.0.0.1:1"}, files("s3://ds-in/raw/data.csv", model, out), 69, "read s3://ds-in/raw/data.csv: the service did not answer"},
		{"parameters throttled", deny("GetParameters", "ThrottlingException", 400), nil, []string{"run"}, 69, "read parameters /ds/preprocessing/input-bucket, "},

		{"read error", nil, nil, files("/proc/self/mem", model, out), 74, "read /proc/self/mem"},

		{"input denied", deny("/ds-in/", "AccessDenied", 403), nil, files("s3://ds-in/raw/data.csv", model, out), 77, "read s3://ds-in/raw/data.csv: permission denied: AccessDenied"},
		{"output denied", deny("PUT /ds-out/", "AccessDenied", 403), nil, files(in, model, "s3://ds-out/x.csv"), 77, "write s3://ds-out/x.csv: permission denied: AccessDenied"},
		{"parameters denied", deny("GetParameters", "AccessDeniedException", 400), nil, []string{"run"}, 77, "permission denied: AccessDeniedException"},
		{"no credentials", nil, []string{"AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY="}, files("s3://ds-in/raw/data.csv", model, out), 77, "AWS credentials"},

		{"no settings", nil, nil, []string{"run"}, 78, "input-bucket: missing"},
		{"no region for the parameters", nil, []string{"AWS_REGION="}, []string{"run"}, 78, "AWS region: missing; set AWS_REGION"},
		{"no region and no settings", nil, []string{"AWS_REGION="}, []string{"run"}, 78, "input-key: missing; set --input, DS_INPUT, DS_INPUT_KEY or parameter /ds/preprocessing/input-key"},
		{"no such scheme", nil, nil, files("https://x/y.csv", model, out), 78, `input (--input): "https://x/y.csv": scheme "https" is not known; want s3://bucket/key or a path`},
		{"empty flag", nil, nil, files("", model, out), 78, "input (--input): empty; want s3://bucket/key or a path"},
		{"bad prefix", nil, []string{"DS_PARAMETER_PREFIX=ds"}, files(in, model, out), 78, `DS_PARAMETER_PREFIX: got "ds", want a path that starts and ends with a slash`},
		{"no region", nil, []string{"AWS_REGION="}, files("s3://ds-in/raw/data.csv", model, out), 78, "AWS region: missing; set AWS_REGION"},
		{"output is a directory", nil, nil, files(in, model, dir), 78, "it is a directory"},
		{"output is a device", nil, nil, files(in, model, "/dev/null"), 78, "it is not a regular file"},
		{"no output directory", nil, nil, files(in, model, "no/such/out.csv"), 78, "there is no directory no/such"},
		{"no output bucket", nil, nil, files(in, model, "s3://no-such-bucket/x.csv"), 78, "NoSuchBucket"},
		{"output is a stream", nil, nil, files(in, model, "-"), 78, "it cannot be a stream"},
		{"input is a directory", nil, nil, files(dir, model, out), 78, "it is a directory; want a file"},
		{"result over the input", nil, nil, files(in, model, in), 78, "would be overwritten"},
		{"result over the input, by another path", nil, nil, files(mine, model, dir+"/./mine.csv"), 78, "would be overwritten"},
		{"result over the input, by a link", nil, nil, files(link, model, mine), 78, "would be overwritten"},
		{"result over one of the inputs", nil, nil, files(links+"/*.csv", model, mine), 78, "one of its objects, and also the model or the output"},
		{"result below a file", nil, nil, files(mine, model, mine+"/x.csv"), 78, "there is no directory " + mine},
		{"input below a file", nil, nil, files(mine+"/x.csv", model, out), 66, "it does not exist: not a directory"},
		{"output name too long", nil, nil, files(in, model, filepath.Join(dir, strings.Repeat("x", 256))), 78, "it cannot be used: file name too long"},
		{"output is a link to nothing", nil, nil, files(in, model, broken), 78, "it is a symbolic link to what does not exist"},
	}
	seen := map[int]bool{contract.ExitOK: true}
	for _, test := range tests {
		seen[test.status] = true
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := newCloud(t, "ds-in", "ds-out", "ds-art")
			c.put(t, "ds-in", "raw/data.csv", read(t, in))
			c.setFault(test.fault)
			run(t, c.env(test.env...), test.args...).expect(t, test.status, test.text)
			if left := names(t, filepath.Dir(out)); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
	seen[contract.ExitTempFail] = true     // TestExit_endsOnASignal
	seen[contract.ExitSoftware] = true     // in package main: it takes a fault in the program
	seen[contract.ExitAnotherRound] = true // in tests/scale: of merge alone
	for _, s := range contract.ExitStatuses() {
		if !seen[s.Code] {
			t.Errorf("exit status %d is not tested", s.Code)
		}
	}
}

func TestExit_endsOnASignal(t *testing.T) {
	head := lateSurprise(300_000, "1")
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run("file "+signal.String(), func(t *testing.T) {
			dir := t.TempDir()
			write(t, filepath.Join(dir, "out.csv"), "the previous result")
			r := interrupt(t, signal, nil, head, func() bool { return len(names(t, dir)) > 1 },
				"run", "--input", "-", "--model", passthrough, "--output", filepath.Join(dir, "out.csv"))
			r.expect(t, 75, "interrupted; nothing was published, try again")
			if left := names(t, dir); len(left) != 1 || read(t, filepath.Join(dir, "out.csv")) != "the previous result" {
				t.Errorf("left behind: %v", left)
			}
		})
		t.Run("S3 "+signal.String(), func(t *testing.T) {
			c := newCloud(t, "ds-out")
			r := interrupt(t, signal, c.env(), head, func() bool { return len(c.asked("partNumber=1")) > 0 },
				"run", "--input", "-", "--model", passthrough, "--output", "s3://ds-out/processed/data.csv")
			r.expect(t, 75, "interrupted")
			if _, ok := c.get(t, "ds-out", "processed/data.csv"); ok {
				t.Error("a result was published")
			}
			if n := c.uploads(t, "ds-out"); n != 0 {
				t.Errorf("%d uploads left", n)
			}
		})
	}
}

// A reader of the log that goes away must not end a run between two of the objects
// that it publishes.
func TestExit_aBrokenPipeOfTheLogIsNoReasonToEnd(t *testing.T) {
	for _, log := range []string{"text", "json"} {
		dir := t.TempDir()
		out := filepath.Join(dir, "out.csv")
		cmd := command(t, nil, "run", "--log", log, "--input", penguins+"penguins.csv", "--model", penguins+"model.joblib", "--output", out)
		reader, writer, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := reader.Close(); err != nil {
			t.Fatal(err)
		}
		cmd.Stdout, cmd.Stderr = writer, writer
		if err := cmd.Run(); err != nil {
			t.Errorf("%s: %v", log, err)
		}
		_ = writer.Close()
		if left := names(t, dir); !slices.Equal(left, []string{"manifest.json", "out.csv", "report.html"}) {
			t.Errorf("%s: left %v", log, left)
		}
		run(t, nil, "verify", "--output", out).expect(t, 0)
	}
}

// interrupt starts a run whose standard input gives head and then nothing more,
// and sends a signal once the run is under way.
func interrupt(t *testing.T, signal os.Signal, env []string, head string, underWay func() bool, args ...string) result {
	t.Helper()
	cmd := command(t, env, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stdin.Close() }()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.WriteString(stdin, head) }()
	for start := time.Now(); !underWay(); time.Sleep(10 * time.Millisecond) {
		if time.Since(start) > 30*time.Second {
			_ = cmd.Process.Kill()
			t.Fatalf("the run does not get under way\n%s", stderr.String())
		}
	}
	time.Sleep(100 * time.Millisecond)
	if err := cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	asked := time.Now()
	timer := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	r := wait(t, cmd, &stdout, &stderr)
	if took := time.Since(asked); took > 10*time.Second {
		t.Errorf("it took %s to end", took)
	}
	return r
}

func TestExit_helpDocumentsStatusesAndEnvironment(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"run", "--help"}} {
		r := run(t, nil, args...)
		r.expect(t, 0)
		var wants []string
		for _, s := range contract.ExitStatuses() {
			wants = append(wants, fmt.Sprintf("%d", s.Code), s.Name, s.Meaning)
		}
		for _, p := range contract.Parameters() {
			wants = append(wants, p.Env, p.Name)
		}
		wants = append(wants, contract.EnvInput, contract.EnvModel, contract.EnvOutput, contract.EnvScript, contract.EnvPackage,
			contract.EnvKeep, contract.EnvNullValues, contract.EnvWorkers, contract.EnvMaxRecordBytes, contract.EnvMaxRejects, contract.EnvParameterPrefix)
		for _, want := range wants {
			if !strings.Contains(r.stdout, want) {
				t.Errorf("%v: no %q in\n%s", args, want, r.stdout)
			}
		}
	}
	r := run(t, nil, "--version")
	r.expect(t, 0)
	if !strings.HasPrefix(r.stdout, "preprocess ") {
		t.Errorf("version %q", r.stdout)
	}
}

func TestExit_leavesThePreviousResultWhenTheDiskIsFull(t *testing.T) {
	dir := t.TempDir()
	out := write(t, filepath.Join(dir, "out.csv"), "the previous result")
	in := write(t, filepath.Join(dir, "in.csv"), lateSurprise(100_000, "1"))
	cmd := command(t, nil)
	// A file may not grow beyond 100 kB.
	cmd.Path = "/bin/sh"
	cmd.Args = []string{"sh", "-c", `ulimit -f 200; exec "$0" "$@"`, binary,
		"run", "--input", in, "--model", passthrough, "--output", out}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	wait(t, cmd, &stdout, &stderr).expect(t, 74, "output: write "+out+": file too large")
	if left := names(t, dir); len(left) != 2 || read(t, out) != "the previous result" {
		t.Errorf("left behind: %v", left)
	}
}
