package job

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// wide is an input whose result is about 10 MB: two parts of an upload.
func wide() string {
	var b strings.Builder
	b.WriteString("dist_km,price,temp,rooms\n")
	for i := range 200_000 {
		fmt.Fprintf(&b, "%d.37,%d,%d.1,%d\n", i%1000, 1000+i, i%30, i%7)
	}
	return b.String()
}

func s3Args(more ...string) []string {
	return append([]string{"run", "--input", "s3://ds-in/raw/data.csv", "--model", "s3://ds-art/model.pkl", "--output", "s3://ds-out/processed/data.csv"}, more...)
}

// withModel is a cloud with the passthrough model and an input.
func withModel(t *testing.T, input string) *cloud {
	t.Helper()
	c := newCloud(t, "ds-in", "ds-out", "ds-art")
	c.put(t, "ds-in", "raw/data.csv", input)
	c.put(t, "ds-art", "model.pkl", read(t, passthrough))
	return c
}

func TestS3_writesWhatFilesWould(t *testing.T) {
	t.Parallel()
	for name, input := range map[string]string{
		"small":     read(t, cases+"data/pub_scalers.csv"),
		"multipart": wide(),
		"no rows":   "dist_km,price,temp,rooms\n",
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			out := filepath.Join(dir, "out.csv")
			run(t, nil, "run", "--input", write(t, filepath.Join(dir, "in.csv"), input), "--model", passthrough, "--output", out).expect(t, 0)

			c := withModel(t, input)
			run(t, c.env(), s3Args()...).expect(t, 0)
			got, ok := c.get(t, "ds-out", "processed/data.csv")
			if !ok || got != read(t, out) {
				t.Errorf("object: %t, %d bytes, want %d", ok, len(got), len(read(t, out)))
			}
			if n := c.uploads(t, "ds-out"); n != 0 {
				t.Errorf("%d uploads left", n)
			}
			if parts := len(c.asked("partNumber=")); name == "multipart" && parts < 2 || name != "multipart" && parts > 0 {
				t.Errorf("%d parts", parts)
			}
		})
	}
}

func TestS3_readsTwiceWhenAColumnIsNotWhatItSeemed(t *testing.T) {
	t.Parallel()
	c := withModel(t, lateSurprise(300_000, "many"))
	run(t, c.env(), s3Args()...).expect(t, 0)
	got, _ := c.get(t, "ds-out", "processed/data.csv")
	if !strings.HasSuffix(got, ",many\n") || strings.Count(got, "\n") != 300_002 {
		t.Errorf("got ...%q", got[max(0, len(got)-100):])
	}
	if n := c.uploads(t, "ds-out"); n != 0 {
		t.Errorf("%d uploads left", n)
	}
}

func TestS3_asksAgainForABodyThatBreaksOff(t *testing.T) {
	t.Parallel()
	input := wide()
	c := withModel(t, input)
	var broken atomic.Int32
	c.setFault(func(r *request) bool {
		if !strings.HasPrefix(r.what, "GET /ds-in/") || broken.Add(1)%2 == 0 {
			return false
		}
		r.next.ServeHTTP(&shortWriter{ResponseWriter: r.w, left: 100_000}, r.r)
		return true
	})
	run(t, c.env(), s3Args()...).expect(t, 0)
	got, _ := c.get(t, "ds-out", "processed/data.csv")
	if strings.Count(got, "\n") != strings.Count(input, "\n") {
		t.Errorf("%d lines, want %d", strings.Count(got, "\n"), strings.Count(input, "\n"))
	}
	if broken.Load() < 2 {
		t.Error("nothing broke")
	}
}

// shortWriter hangs up in the middle of a body.
type shortWriter struct {
	http.ResponseWriter
	left int
}

func (w *shortWriter) Write(p []byte) (int, error) {
	if len(p) > w.left {
		_, _ = w.ResponseWriter.Write(p[:w.left])
		_ = http.NewResponseController(w.ResponseWriter).Flush()
		panic(http.ErrAbortHandler)
	}
	w.left -= len(p)
	return w.ResponseWriter.Write(p)
}

func TestS3_noticesThatTheInputChanges(t *testing.T) {
	t.Parallel()
	var input strings.Builder
	for input.Len() < 30<<20 {
		input.WriteString(wide()[len("dist_km,price,temp,rooms\n"):])
	}
	text := "dist_km,price,temp,rooms\n" + input.String()
	c := withModel(t, text)
	changed := text[:len(text)-2] + "9\n"
	var gets atomic.Int32
	c.setFault(func(r *request) bool {
		if strings.HasPrefix(r.what, "GET /ds-in/") && gets.Add(1) == 3 {
			if _, err := c.backend.PutObject("ds-in", "raw/data.csv", map[string]string{}, strings.NewReader(changed), int64(len(changed)), nil); err != nil {
				t.Error(err)
			}
		}
		return false
	})
	run(t, c.env(), s3Args()...).expect(t, 74, "read s3://ds-in/raw/data.csv: it changed while it was read")
	if _, ok := c.get(t, "ds-out", "processed/data.csv"); ok {
		t.Error("a result was published")
	}
	if n := c.uploads(t, "ds-out"); n != 0 {
		t.Errorf("%d uploads left", n)
	}
}

func TestS3_leavesNothingBehindAfterAnError(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		fault  func(*request) bool
		status int
		text   string
	}{
		{"a part is refused", func(r *request) bool {
			return strings.Contains(r.what, "partNumber=2") && r.fail(403, "AccessDenied")
		}, 77, "write s3://ds-out/processed/data.csv: permission denied"},
		{"a part fails", func(r *request) bool {
			return strings.Contains(r.what, "partNumber=2") && r.fail(503, "SlowDown")
		}, 69, "write s3://ds-out/processed/data.csv: the service did not answer: SlowDown"},
		{"the completion fails", func(r *request) bool {
			return strings.HasPrefix(r.what, "POST /ds-out/") && strings.Contains(r.what, "uploadId=") && r.fail(500, "InternalError")
		}, 69, "write s3://ds-out/processed/data.csv"},
		{"the upload cannot start", func(r *request) bool {
			return strings.HasPrefix(r.what, "POST /ds-out/") && strings.Contains(r.what, "uploads") && r.fail(403, "AccessDenied")
		}, 77, "write s3://ds-out/processed/data.csv: permission denied"},
		{"a read fails", func(r *request) bool {
			return strings.HasPrefix(r.what, "GET /ds-in/") && !strings.HasPrefix(r.r.Header.Get("Range"), "bytes=0-") && r.fail(503, "SlowDown")
		}, 69, "read s3://ds-in/raw/data.csv: the service did not answer: SlowDown"},
	}
	input := "dist_km,price,temp,rooms\n" + strings.Repeat(wide()[len("dist_km,price,temp,rooms\n"):], 2)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := withModel(t, input)
			c.put(t, "ds-out", "processed/data.csv", "the previous result")
			c.setFault(test.fault)
			run(t, c.env(), s3Args()...).expect(t, test.status, test.text)
			c.setFault(nil)
			if got, _ := c.get(t, "ds-out", "processed/data.csv"); got != "the previous result" {
				t.Errorf("the previous result became %d bytes", len(got))
			}
			if n := c.uploads(t, "ds-out"); n != 0 {
				t.Errorf("%d uploads left", n)
			}
		})
	}
}

func TestS3_retriesWhatPasses(t *testing.T) {
	t.Parallel()
	c := withModel(t, wide())
	seen := map[string]bool{}
	c.setFault(func(r *request) bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		key := r.what + r.r.Header.Get("Range")
		if seen[key] {
			return false
		}
		seen[key] = true
		return r.fail(503, "SlowDown")
	})
	run(t, c.env("AWS_MAX_ATTEMPTS=4"), s3Args()...).expect(t, 0)
	if _, ok := c.get(t, "ds-out", "processed/data.csv"); !ok {
		t.Error("no result")
	}
}

func TestS3_writesOnceItMayFlow(t *testing.T) {
	t.Parallel()
	// The first part is uploaded before the last of the input is read.
	text := "dist_km,price,temp,rooms\n" + strings.Repeat(wide()[len("dist_km,price,temp,rooms\n"):], 6)
	c := withModel(t, text)
	last := fmt.Sprintf("-%d", len(text)-1)
	var early atomic.Bool
	c.setFault(func(r *request) bool {
		if strings.HasPrefix(r.what, "GET /ds-in/") && strings.HasSuffix(r.r.Header.Get("Range"), last) {
			for range 100 {
				if len(c.asked("partNumber=1")) > 0 {
					early.Store(true)
					break
				}
				time.Sleep(50 * time.Millisecond)
			}
		}
		return false
	})
	run(t, c.env(), s3Args()...).expect(t, 0)
	if !early.Load() {
		t.Error("nothing was uploaded before the input had been read")
	}
}

// What is not there is told with what was meant, for one more request, where listing
// is permitted.
func TestS3_saysWhichObjectWasMeant(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "out.csv")
	files := func(in, model string, more ...string) []string {
		return append([]string{"run", "--input", in, "--model", model, "--output", out}, more...)
	}
	const in, model = "s3://ds-in/raw/data.csv", "s3://ds-art/models/model.pkl"
	for _, test := range []struct {
		name string
		args []string
		what string
		want string // "" for no suggestion
		list string // what is listed
	}{
		{"input", files("s3://ds-in/raw/dta.csv", model), "input: read s3://ds-in/raw/dta.csv", `; did you mean "s3://ds-in/raw/data.csv"?`, "/ds-in?delimiter=%2F&list-type=2&max-keys=1000&prefix=raw%2F"},
		{"input at the top", files("s3://ds-in/todday.csv", model), "input: read s3://ds-in/todday.csv", `; did you mean "s3://ds-in/today.csv"?`, "/ds-in?delimiter=%2F&list-type=2&max-keys=1000&prefix="},
		{"nothing like it", files("s3://ds-in/raw/x.parquet", model), "input: read s3://ds-in/raw/x.parquet", "", "/ds-in?"},
		{"another folder", files("s3://ds-in/rw/data.csv", model), "input: read s3://ds-in/rw/data.csv", "; there is nothing in rw/", "/ds-in?"},
		{"prefix", files("s3://ds-in/rwa/", model), "input: list s3://ds-in/rwa/", `; did you mean "s3://ds-in/raw/"?`, "/ds-in?delimiter"},
		{"prefix below another", files("s3://ds-in/raw/2025/", model), "input: list s3://ds-in/raw/2025/", `; did you mean "s3://ds-in/raw/2026/"?`, "/ds-in?delimiter"},
		{"glob", files("s3://ds-in/rwa/*.csv", model), "input: list s3://ds-in/rwa/*.csv", `; did you mean "s3://ds-in/raw/"?`, "/ds-in?delimiter"},
		{"glob in a folder that is there", files("s3://ds-in/raw/*.parquet", model), "input: list s3://ds-in/raw/*.parquet", "", "/ds-in?delimiter"},
		{"model", files(in, "s3://ds-art/models/modle.pkl"), "model: read s3://ds-art/models/modle.pkl", `; did you mean "s3://ds-art/models/model.pkl"?`, "/ds-art?"},
		{"a model to look at", []string{"inspect", "--model", "s3://ds-art/models/modle.pkl"}, "model: read s3://ds-art/models/modle.pkl", `; did you mean "s3://ds-art/models/model.pkl"?`, "/ds-art?"},
		{"script", files(in, model, "--script", "s3://ds-art/scripts/staep"), "script: read s3://ds-art/scripts/staep", `; did you mean "s3://ds-art/scripts/step"?`, "/ds-art?"},
		{"package", files(in, model, "--script", "s3://ds-art/scripts/step", "--package", "s3://ds-art/packages/p.zpi"), "package: read s3://ds-art/packages/p.zpi", `; did you mean "s3://ds-art/packages/p.zip"?`, "/ds-art?"},
		{"bucket", files("s3://no-such-bucket/a.csv", model), "input: read s3://no-such-bucket/a.csv", "", "/no-such-bucket?"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := newCloud(t, "ds-in", "ds-art")
			for _, key := range []string{"raw/data.csv", "raw/2026/data.csv", "today.csv"} {
				c.put(t, "ds-in", key, read(t, cases+"data/pub_scalers.csv"))
			}
			c.put(t, "ds-art", "models/model.pkl", read(t, passthrough))
			c.put(t, "ds-art", "scripts/step", "#!/bin/sh\nexec cat\n")
			c.put(t, "ds-art", "packages/p.zip", "x")
			r := run(t, c.env(), test.args...)
			r.expect(t, 66, test.what+": it does not exist", test.want)
			if said := r.stderr; test.want == "" && (strings.Contains(said, "did you mean") || strings.Contains(said, "there is nothing")) {
				t.Errorf("got %s", said)
			}
			if got := c.asked("delimiter="); len(got) != 1 || !strings.Contains(got[0], test.list) {
				t.Errorf("listed %q, want %s", got, test.list)
			}

			c.mu.Lock()
			c.fault = func(r *request) bool { return strings.Contains(r.what, "delimiter=") && r.fail(403, "AccessDenied") }
			c.mu.Unlock()
			r = run(t, c.env(), test.args...)
			r.expect(t, 66, test.what+": it does not exist")
			if said := r.stderr; strings.Contains(said, "did you mean") || strings.Contains(said, "there is nothing") || strings.Contains(said, "denied") {
				t.Errorf("where listing is denied, got %s", said)
			}
		})
	}
}
