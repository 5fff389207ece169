// Package scale spreads runs of the preprocess program over many processes and
// one S3 server, as a state machine would over tasks: some are killed, some are
// started twice, and objects change on the way. The result is that of one process.
package scale

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ds-pipeline/internal/programtest"
	"ds-pipeline/internal/s3test"
	"ds-pipeline/preprocess/contract"
	"ds-pipeline/preprocess/manifest"
)

const (
	scalers = "../../preprocess/model/testdata/public/models/pub_scalers.pkl"
	period  = "2026-11"
	folder  = "processed/period=2026-11/"
)

var binary string

func TestMain(m *testing.M) {
	programtest.Main(m, nil, programtest.Program{Package: "../../preprocess", Path: &binary})
}

// cloud is a server that a test can look behind.
type cloud struct {
	*s3test.Server
	url string

	mu   sync.Mutex
	each func(*http.Request) // called before each request; nil for nothing
	// damage changes the body of an answer; nil for none.
	damage func(r *http.Request, body []byte)
}

func newCloud(t testing.TB) *cloud {
	t.Helper()
	server, err := s3test.New("ds-in", "ds-out", "artifacts", "results")
	if err != nil {
		t.Fatal(err)
	}
	c := &cloud{Server: server}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		each, damage := c.each, c.damage
		c.mu.Unlock()
		if each != nil {
			each(r)
		}
		if damage == nil {
			server.ServeHTTP(w, r)
			return
		}
		answer := httptest.NewRecorder()
		server.ServeHTTP(answer, r)
		damage(r, answer.Body.Bytes())
		maps.Copy(w.Header(), answer.Header())
		w.WriteHeader(answer.Code)
		_, _ = answer.Body.WriteTo(w)
	}))
	t.Cleanup(web.Close)
	c.url = web.URL
	model, err := os.ReadFile(scalers)
	if err != nil {
		t.Fatal(err)
	}
	c.put(t, "artifacts", "model.pkl", string(model))
	return c
}

func (c *cloud) before(each func(*http.Request)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.each = each
}

func (c *cloud) put(t testing.TB, bucket, key, text string) {
	t.Helper()
	if err := c.Put(bucket, key, text); err != nil {
		t.Fatal(err)
	}
}

func (c *cloud) get(t testing.TB, key string) string {
	t.Helper()
	text, ok := c.Get("ds-out", key)
	if !ok {
		t.Fatalf("%s is not there", key)
	}
	return text
}

// keys lists the output bucket.
func (c *cloud) keys(t testing.TB) []string {
	t.Helper()
	list, err := c.Backend.ListBucket("ds-out", nil, listPage)
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, o := range list.Contents {
		keys = append(keys, o.Key)
	}
	return keys
}

// spreadRun is a run, and the settings of all its commands.
type spreadRun struct {
	*cloud
	name  string
	env   []string
	round int
}

func (c *cloud) newRun(name, input string, env ...string) *spreadRun {
	return &spreadRun{cloud: c, name: name, round: 1, env: append([]string{
		"AWS_ENDPOINT_URL=" + c.url, "AWS_REGION=eu-central-1", "AWS_ACCESS_KEY_ID=x", "AWS_SECRET_ACCESS_KEY=x", "AWS_MAX_ATTEMPTS=3",
		"AWS_EC2_METADATA_DISABLED=true", "DS_WORKERS=2",
		"DS_INPUT=s3://ds-in/" + input, "DS_MODEL=s3://artifacts/model.pkl", "DS_OUTPUT=s3://ds-out/processed/data.csv",
		contract.EnvPeriod + "=" + period, contract.EnvScaleRun + "=" + name,
	}, env...)}
}

// process is one command under way.
type process struct {
	*exec.Cmd
	stdout, stderr bytes.Buffer
}

func (r *spreadRun) start(t testing.TB, command string, env ...string) *process {
	t.Helper()
	p := &process{Cmd: exec.Command(binary, command)}
	p.Env = append(append(slices.Clone(r.env), fmt.Sprintf("%s=%d", contract.EnvScaleRound, r.round)), env...)
	p.Env = append(p.Env, "HOME="+t.TempDir())
	p.Stdout, p.Stderr = &p.stdout, &p.stderr
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// limit is how long a command may take.
var limit = 2 * time.Minute

// status waits for the end and tells the exit status, or -1 of a killed process.
func (p *process) status(t testing.TB) int {
	t.Helper()
	timer := time.AfterFunc(limit, func() { _ = p.Process.Kill() })
	defer timer.Stop()
	var exit *exec.ExitError
	if err := p.Wait(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return p.ProcessState.ExitCode()
}

// expect waits for the end and checks the status, and that standard error says
// each of the texts.
func (p *process) expect(t testing.TB, status int, texts ...string) {
	t.Helper()
	if got := p.status(t); got != status {
		t.Fatalf("%s: exit status %d, want %d\n%s%s", p.Args[1], got, status, p.stdout.String(), p.stderr.String())
	}
	for _, text := range texts {
		if !strings.Contains(p.stderr.String(), text) {
			t.Errorf("%s does not say %q:\n%s", p.Args[1], text, p.stderr.String())
		}
	}
}

// item is what a map hands out, as S3 lists it.
type item map[string]any

// listed are the items of a prefix as a map's reader has them.
func (c *cloud) listed(t testing.TB, prefix string) []item {
	t.Helper()
	list, err := c.Backend.ListBucket("ds-in", nil, listPage)
	if err != nil {
		t.Fatal(err)
	}
	var items []item
	for _, o := range list.Contents {
		if strings.HasPrefix(o.Key, prefix) {
			items = append(items, item{"Etag": o.ETag, "Key": o.Key, "LastModified": 1668699881, "Size": o.Size, "StorageClass": "STANDARD"})
		}
	}
	return items
}

// planned are the items of a round, as a map reads them from their object.
func (r *spreadRun) planned(t testing.TB) []item {
	t.Helper()
	var items []item
	if err := json.Unmarshal([]byte(r.get(t, contract.ScaleItems(r.name, r.round))), &items); err != nil {
		t.Fatal(err)
	}
	return items
}

func asJSON(t testing.TB, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func (r *spreadRun) part(t testing.TB, items ...item) *process {
	t.Helper()
	return r.start(t, contract.CommandPart, contract.EnvScaleItems+"="+asJSON(t, items))
}

// parts does batches of items, so many processes at once, and waits for all.
func (r *spreadRun) parts(t testing.TB, items []item, batch, atOnce int) {
	t.Helper()
	var running []*process
	for some := range slices.Chunk(items, batch) {
		if len(running) == atOnce {
			running[0].expect(t, 0)
			running = running[1:]
		}
		running = append(running, r.part(t, some...))
	}
	for _, p := range running {
		p.expect(t, 0)
	}
}

// record writes what a map's ResultWriter writes, of batches that succeeded and
// that failed, and returns where.
func (r *spreadRun) record(t testing.TB, done, failed [][]item) string {
	t.Helper()
	prefix := contract.ScaleResults(r.name, r.round) + "4977ded7-b097-3bee-81e1-7863c5660f29/"
	files := map[string][]map[string]any{"FAILED": {}, "PENDING": {}, "SUCCEEDED": {}}
	for _, kind := range []struct {
		status  string
		batches [][]item
	}{{"SUCCEEDED", done}, {"FAILED", failed}} {
		if len(kind.batches) == 0 {
			continue
		}
		var executions []map[string]any
		for i, batch := range kind.batches {
			executions = append(executions, map[string]any{
				"ExecutionArn": fmt.Sprintf("arn:aws:states:eu-central-1:123456789012:execution:scale/Map:%d", i), "Name": fmt.Sprint(i),
				"Input": asJSON(t, map[string]any{"BatchInput": map[string]any{"run": r.name}, "Items": batch}), "InputDetails": map[string]any{"Included": true},
				"Output": "{}", "OutputDetails": map[string]any{"Included": true}, "Status": kind.status,
				"StartDate": "2026-12-01T02:00:00.000Z", "StopDate": "2026-12-01T02:01:00.000Z",
			})
		}
		text := asJSON(t, executions)
		r.put(t, "ds-out", prefix+kind.status+"_0.json", text)
		files[kind.status] = append(files[kind.status], map[string]any{"Key": prefix + kind.status + "_0.json", "Size": len(text)})
	}
	r.put(t, "ds-out", prefix+"manifest.json", asJSON(t, map[string]any{
		"DestinationBucket": "ds-out", "MapRunArn": "arn:aws:states:eu-central-1:123456789012:mapRun:scale/Map:4977ded7-b097-3bee-81e1-7863c5660f29", "ResultFiles": files,
	}))
	return "s3://ds-out/" + prefix + "manifest.json"
}

func batches(items []item, size int) [][]item { return slices.Collect(slices.Chunk(items, size)) }

func (r *spreadRun) merge(t testing.TB, results string, env ...string) *process {
	t.Helper()
	return r.start(t, contract.CommandMerge, append([]string{contract.EnvScaleResults + "=" + results}, env...)...)
}

// oneTask is the result of a single run over the same input.
func (r *spreadRun) oneTask(t testing.TB) string {
	t.Helper()
	p := r.start(t, "run", "DS_OUTPUT=s3://results/"+r.name+"/data.csv", contract.EnvPeriod+"=")
	p.expect(t, 0)
	text, ok := r.Get("results", r.name+"/data.csv")
	if !ok {
		t.Fatal("the run of one task has no result")
	}
	return text
}

// published is the manifest, and all that it says was published, but for the
// headers of all results but the first.
func (r *spreadRun) published(t testing.TB) (m manifest.Manifest, text string) {
	t.Helper()
	m, err := manifest.Read([]byte(r.get(t, folder+contract.ManifestName)))
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range m.Published() {
		if o.Name == "rejects" || o.Name == "report" {
			continue
		}
		one := r.get(t, strings.TrimPrefix(o.URI, "s3://ds-out/"))
		if i > 0 {
			_, one, _ = strings.Cut(one, "\n")
		}
		text += one
	}
	return m, text
}

var reportTimes = regexp.MustCompile("<dt>(seconds|MB/s read|finished)</dt><dd>[^<]*</dd>")

// report is the one in a folder, but for times and the place of the result.
func (r *spreadRun) report(t testing.TB, bucket, folder string) string {
	t.Helper()
	text, ok := r.Get(bucket, folder+contract.ReportName)
	if !ok {
		t.Fatalf("there is no report in %s of %s", folder, bucket)
	}
	return strings.ReplaceAll(reportTimes.ReplaceAllString(text, ""), "s3://"+bucket+"/"+folder, "")
}

// settled checks that what is published is want, with the report of one task, that the program finds it right,
// and that nothing else is left.
func (r *spreadRun) settled(t testing.TB, want string) manifest.Manifest {
	t.Helper()
	m, got := r.published(t)
	if got != want {
		t.Errorf("the result has %d bytes, want %d", len(got), len(want))
	}
	want, got = r.report(t, "results", r.name+"/"), r.report(t, "ds-out", folder)
	if got != want || m.Report == nil {
		t.Errorf("the report is not that of one task:\n%s\nwant\n%s", got, want)
	}
	p := r.start(t, "verify", contract.EnvScaleRun+"=")
	p.expect(t, 0)
	if n := r.Uploads("ds-out"); n > 0 {
		t.Errorf("%d uploads are left", n)
	}
	for _, key := range r.keys(t) {
		if strings.HasPrefix(key, contract.ScaleFolder(r.name)) && !strings.Contains(key, "-results/") {
			t.Errorf("%s is left", key)
		}
	}
	return m
}
