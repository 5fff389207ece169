// Package job tests the preprocess program as its users meet it: as a process,
// with files, with a real S3 server over HTTP and with a Parameter Store.
package job

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"ds-pipeline/internal/programtest"
)

// Inputs and models made by scikit-learn.
const (
	cases    = "../../preprocess/model/testdata/public/"
	penguins = "../../examples/penguins/"
)

var binary string

func TestMain(m *testing.M) {
	programtest.Main(m, nil, programtest.Program{Package: "../../preprocess", Path: &binary})
}

// result is what a process left behind.
type result struct {
	status         int
	stdout, stderr string
}

// command prepares a process with nothing in its environment but env.
func command(t *testing.T, env []string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Env = append([]string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH"), "AWS_EC2_METADATA_DISABLED=true"}, env...)
	return cmd
}

// run waits for a process; it may take a minute at most.
func run(t *testing.T, env []string, args ...string) result {
	t.Helper()
	return runWith(t, nil, env, args...)
}

func runWith(t *testing.T, stdin io.Reader, env []string, args ...string) result {
	t.Helper()
	cmd := command(t, env, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	return wait(t, cmd, &stdout, &stderr)
}

func wait(t *testing.T, cmd *exec.Cmd, stdout, stderr *bytes.Buffer) result {
	t.Helper()
	err := cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// expect checks the exit status and that each text is in standard error.
func (r result) expect(t *testing.T, status int, texts ...string) {
	t.Helper()
	if r.status != status {
		t.Errorf("exit status %d, want %d\n%s%s", r.status, status, r.stdout, r.stderr)
	}
	for _, text := range texts {
		if !strings.Contains(r.stderr, text) {
			t.Errorf("standard error does not say %q:\n%s", text, r.stderr)
		}
	}
}

// last is the last line of a JSON log.
func (r result) last(t *testing.T) map[string]any {
	t.Helper()
	var entry map[string]any
	lines := strings.Split(strings.TrimSpace(r.stdout), "\n")
	for _, line := range lines {
		entry = nil
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatalf("not a JSON line: %q", line)
		}
	}
	return entry
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// names lists a directory.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// cloud is AWS as far as the job needs it: S3 and Parameter Store at one
// endpoint.
type cloud struct {
	*httptest.Server
	backend gofakes3.Backend

	mu         sync.Mutex
	parameters map[string]string
	requests   []string            // "GET /bucket/key?query" or "GetParameters a b"
	fault      func(*request) bool // answers a request itself, or not
}

// request is one that a fault may answer.
type request struct {
	w    http.ResponseWriter
	r    *http.Request
	what string // as in requests
	next http.Handler
}

// fail answers with an error as the service would.
func (r *request) fail(status int, code string) bool {
	_, _ = io.Copy(io.Discard, r.r.Body)
	if strings.HasPrefix(r.what, "GetParameters") {
		r.w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		r.w.WriteHeader(status)
		_, _ = fmt.Fprintf(r.w, `{"__type":%q,"message":"as the test wants"}`, code)
		return true
	}
	r.w.Header().Set("Content-Type", "application/xml")
	r.w.WriteHeader(status)
	_, _ = fmt.Fprintf(r.w, "<?xml version=\"1.0\"?><Error><Code>%s</Code><Message>as the test wants</Message></Error>", code)
	return true
}

func newCloud(t *testing.T, buckets ...string) *cloud {
	t.Helper()
	c := &cloud{backend: s3mem.New(), parameters: map[string]string{}}
	for _, b := range buckets {
		if err := c.backend.CreateBucket(b); err != nil {
			t.Fatal(err)
		}
	}
	s3 := gofakes3.New(c.backend, gofakes3.WithLogger(gofakes3.DiscardLog())).Server()
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		what := r.Method + " " + r.URL.RequestURI()
		handler := s3
		var body []byte
		if r.Header.Get("X-Amz-Target") == "AmazonSSM.GetParameters" {
			body, _ = io.ReadAll(r.Body)
			var in struct{ Names []string }
			_ = json.Unmarshal(body, &in)
			what = "GetParameters " + strings.Join(in.Names, " ")
			handler = c.getParameters(in.Names)
		}
		c.mu.Lock()
		c.requests = append(c.requests, what)
		fault := c.fault
		c.mu.Unlock()
		if fault == nil || !fault(&request{w, r, what, handler}) {
			handler.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *cloud) getParameters(names []string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		type parameter struct{ Name, Value, Type string }
		out := struct {
			Parameters        []parameter
			InvalidParameters []string
		}{}
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		if len(names) == 0 || len(names) > 10 {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"__type":"ValidationException","message":"1 to 10 names"}`)
			return
		}
		for _, name := range names {
			if v, ok := c.parameters[name]; ok {
				out.Parameters = append(out.Parameters, parameter{name, v, "String"})
			} else {
				out.InvalidParameters = append(out.InvalidParameters, name)
			}
		}
		_ = json.NewEncoder(w).Encode(out)
	}
}

// env is the environment of a process that uses the cloud.
func (c *cloud) env(more ...string) []string {
	return append([]string{
		"AWS_ENDPOINT_URL=" + c.URL,
		"AWS_REGION=eu-central-1",
		"AWS_ACCESS_KEY_ID=test",
		"AWS_SECRET_ACCESS_KEY=test",
		"AWS_MAX_ATTEMPTS=2",
	}, more...)
}

func (c *cloud) put(t *testing.T, bucket, key, text string) {
	t.Helper()
	_, err := c.backend.PutObject(bucket, key, map[string]string{}, strings.NewReader(text), int64(len(text)), nil)
	if err != nil {
		t.Fatal(err)
	}
}

// get returns an object, or false.
func (c *cloud) get(t *testing.T, bucket, key string) (string, bool) {
	t.Helper()
	o, err := c.backend.GetObject(bucket, key, nil)
	if err != nil {
		return "", false
	}
	data, err := io.ReadAll(o.Contents)
	if err != nil {
		t.Fatal(err)
	}
	return string(data), true
}

// uploads counts the multipart uploads that are neither completed nor aborted.
func (c *cloud) uploads(t *testing.T, bucket string) int {
	t.Helper()
	response, err := http.Get(c.URL + "/" + bucket + "?uploads")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode == http.StatusNotFound {
		return 0 // there never was one
	}
	data, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("list uploads: %s %v", response.Status, err)
	}
	return bytes.Count(data, []byte("<UploadId>"))
}

func (c *cloud) setFault(f func(*request) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fault = f
}

// asked lists the requests that contain a text.
func (c *cloud) asked(text string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(c.requests), func(r string) bool { return !strings.Contains(r, text) })
}
