// Package faults breaks the preprocess program, as a process, and what it talks
// to at every point of a run, and looks at what is left: the previous result or
// the right one, and after the next good run nothing else.
package faults

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"ds-pipeline/internal/programtest"
	"ds-pipeline/internal/s3test"
	"ds-pipeline/preprocess/contract"
)

const (
	model    = "../../preprocess/model/testdata/public/models/pub_scalers.pkl"
	previous = "the previous result"
	outKey   = "processed/data.csv"
)

// table is an input with its result, both of a format.
type table struct {
	inKey, outKey string
	input, want   string
}

var (
	binary  string
	input   string // its result is three parts of an upload
	want    string // the result
	csv     table  // the same
	parquet table  // with the result of input as input
)

func TestMain(m *testing.M) {
	programtest.Main(m, prepare, programtest.Program{Package: "../../preprocess", Path: &binary})
}

// prepare makes the inputs, and the results that runs without faults have.
func prepare(dir string) error {
	var b strings.Builder
	b.WriteString("dist_km,price,temp,rooms\n")
	for i := range 300_000 {
		fmt.Fprintf(&b, "%d.37,%d,%d.1,%d\n", i%1000, 1000+i, i%30, i%7)
	}
	input = b.String()
	in := filepath.Join(dir, "in.csv")
	if err := os.WriteFile(in, []byte(input), 0o600); err != nil {
		return err
	}
	var failed error
	transform := func(in, out string) string {
		out = filepath.Join(dir, out)
		if text, err := exec.Command(binary, "run", "--input", in, "--model", model, "--output", out).CombinedOutput(); err != nil {
			failed = errors.Join(failed, fmt.Errorf("%w\n%s", err, text))
		}
		result, err := os.ReadFile(out)
		failed = errors.Join(failed, err)
		return string(result)
	}
	want = transform(in, "out.csv")
	csv = table{"data.csv", outKey, input, want}
	parquet = table{"data.parquet", "processed/data.parquet", transform(in, "in.parquet"), transform(filepath.Join(dir, "in.parquet"), "out.parquet")}
	return failed
}

// process is a run under way.
type process struct {
	*exec.Cmd
	stderr bytes.Buffer
}

func start(t *testing.T, stdin io.Reader, env []string, args ...string) *process {
	t.Helper()
	p := &process{Cmd: exec.Command(binary, append([]string{"run", "--model", model}, args...)...)}
	p.Env = append([]string{"HOME=" + t.TempDir(), "AWS_EC2_METADATA_DISABLED=true"}, env...)
	p.Stdin, p.Stderr = stdin, &p.stderr
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// status is the exit status, or -1 of a killed process.
func (p *process) status(t *testing.T) int {
	t.Helper()
	timer := time.AfterFunc(3*time.Minute, func() { _ = p.Process.Kill() })
	defer timer.Stop()
	var exit *exec.ExitError
	if err := p.Wait(); err != nil && !errors.As(err, &exit) && !errors.Is(err, exec.ErrWaitDelay) {
		t.Fatal(err)
	}
	return p.ProcessState.ExitCode()
}

// cloud is an S3 server in front of which something may go wrong.
type cloud struct {
	*s3test.Server
	table
	url    string
	period string // of the runs; "" for none

	web     *httptest.Server
	serving sync.WaitGroup

	mu    sync.Mutex
	count int
	names []string
	fault func(n int, w http.ResponseWriter, r *http.Request) (answered bool)
}

func newCloud(t *testing.T) *cloud {
	t.Helper()
	return newCloudOf(t, csv)
}

func newCloudOf(t *testing.T, data table) *cloud {
	t.Helper()
	server, err := s3test.New("ds-in", "ds-out")
	if err != nil {
		t.Fatal(err)
	}
	c := &cloud{Server: server, table: data}
	if err := errors.Join(server.Put("ds-in", c.inKey, c.input), server.Put("ds-out", c.outKey, previous)); err != nil {
		t.Fatal(err)
	}
	c.web = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.serving.Add(1)
		defer c.serving.Done()
		c.mu.Lock()
		n, fault := c.count, c.fault
		c.count++
		c.names = append(c.names, r.Method+" "+r.URL.RequestURI())
		c.mu.Unlock()
		if fault == nil || !fault(n, w, r) {
			server.ServeHTTP(w, r)
		}
	}))
	c.web.Config.ErrorLog = log.New(io.Discard, "", 0)
	c.url = c.web.URL
	t.Cleanup(c.web.Close)
	return c
}

// settle waits until nothing is under way that a process has asked for that is
// gone: S3 may publish what a killed run wanted after its end.
func (c *cloud) settle() {
	c.web.CloseClientConnections()
	c.serving.Wait()
}

// expect sets what goes wrong from now on, and counts requests anew.
func (c *cloud) expect(fault func(int, http.ResponseWriter, *http.Request) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count, c.names, c.fault = 0, nil, fault
}

func (c *cloud) requests() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.names
}

func (c *cloud) start(t *testing.T) *process {
	t.Helper()
	return start(t, nil, []string{
		"DS_PERIOD=" + c.period, "AWS_ENDPOINT_URL=" + c.url, "AWS_REGION=eu-central-1", "AWS_ACCESS_KEY_ID=x", "AWS_SECRET_ACCESS_KEY=x", "AWS_MAX_ATTEMPTS=3",
	}, "--input", "s3://ds-in/"+c.inKey, "--output", "s3://ds-out/"+c.outKey)
}

// result is where the runs write to.
func (c *cloud) result() string {
	if c.period == "" {
		return c.outKey
	}
	return contract.PeriodKey(c.outKey, c.period)
}

// incomplete tells from what a run says that it failed after it had published the
// result.
func (c *cloud) incomplete(stderr string) bool {
	return strings.Contains(stderr, "the result s3://ds-out/"+c.outKey+" is published, but not what belongs beside it; run again: ")
}

// check compares what is published with what a run said.
func (c *cloud) check(t *testing.T, published bool, stderr string) {
	t.Helper()
	expected := previous
	if published || c.incomplete(stderr) {
		expected = c.want
	}
	if got, _ := c.Get("ds-out", c.outKey); got != expected {
		t.Errorf("there are %d bytes, want %d\n%s", len(got), len(expected), stderr)
	}
}

// good makes a run without faults, after which there is no debris.
func (c *cloud) good(t *testing.T) {
	t.Helper()
	c.expect(nil)
	p := c.start(t)
	if status := p.status(t); status != 0 {
		t.Fatalf("the next run: status %d\n%s", status, p.stderr.String())
	}
	c.check(t, true, "")
	if n := c.Uploads("ds-out"); n != 0 {
		t.Errorf("the next run left %d uploads", n)
	}
}
