package faults

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"ds-pipeline/internal/s3test"
)

// kinds are what may go wrong with one request, and the exit statuses that a run
// may end with. 0 is one of them where trying again helps.
var kinds = []struct {
	name     string
	statuses []int
	do       func(c *cloud, w http.ResponseWriter, r *http.Request)
}{
	{"503", []int{0}, func(_ *cloud, w http.ResponseWriter, r *http.Request) {
		s3test.Fail(w, r, http.StatusServiceUnavailable, "SlowDown")
	}},
	{"500", []int{0}, func(_ *cloud, w http.ResponseWriter, r *http.Request) {
		s3test.Fail(w, r, http.StatusInternalServerError, "InternalError")
	}},
	{"connection reset", []int{0}, func(*cloud, http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }},
	{"lost answer", []int{0}, func(c *cloud, _ http.ResponseWriter, r *http.Request) {
		c.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	}},
	{"truncated answer", []int{0, 69, 74}, func(c *cloud, w http.ResponseWriter, r *http.Request) {
		answer := httptest.NewRecorder()
		c.ServeHTTP(answer, r)
		body := answer.Body.Bytes()
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		send(w, answer, body[:len(body)/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}},
	{"403", []int{0, 77}, func(_ *cloud, w http.ResponseWriter, r *http.Request) {
		s3test.Fail(w, r, http.StatusForbidden, "AccessDenied")
	}},
	{"damaged request", []int{0}, func(c *cloud, w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Method == http.MethodPut && len(body) > 0 {
			body[len(body)/2] ^= 4
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		c.ServeHTTP(w, r)
	}},
	{"damaged answer", []int{0, 74}, func(c *cloud, w http.ResponseWriter, r *http.Request) {
		answer := httptest.NewRecorder()
		c.ServeHTTP(answer, r)
		body := answer.Body.Bytes()
		if r.Method == http.MethodGet && !strings.HasSuffix(r.URL.Path, "/") && len(body) > 0 {
			// Another digit: nothing but the checksum can tell.
			if at := bytes.IndexAny(body[len(body)/2:], "0123456789"); at >= 0 {
				body[len(body)/2+at] ^= 1
			}
		}
		send(w, answer, body)
	}},
	{"slow answer", []int{0}, func(c *cloud, w http.ResponseWriter, r *http.Request) {
		answer := httptest.NewRecorder()
		c.ServeHTTP(answer, r)
		body := answer.Body.Bytes()
		for name, values := range answer.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(answer.Code)
		for piece := range slices.Chunk(body, max(1, len(body)/20)) {
			_, _ = w.Write(piece)
			_ = http.NewResponseController(w).Flush()
			time.Sleep(10 * time.Millisecond)
		}
	}},
	{"changed meanwhile", []int{0, 75}, func(c *cloud, w http.ResponseWriter, r *http.Request) {
		publishes := r.Method == http.MethodPost && r.URL.Query().Has("uploadId") || r.Method == http.MethodPut && r.URL.RawQuery == "x-id=PutObject"
		if publishes {
			s3test.Fail(w, r, http.StatusPreconditionFailed, "PreconditionFailed")
			return
		}
		c.ServeHTTP(w, r)
	}},
}

func send(w http.ResponseWriter, answer *httptest.ResponseRecorder, body []byte) {
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(body)
}

// target is a request of a run: which of those of the same name, from 0. Requests
// that are sent at the same time come in any order.
type target struct {
	name string
	nth  int
}

var uploadID = regexp.MustCompile(`uploadId=[^&]*`)

// plainName is a request's name, which is the same in every run.
func plainName(request string) string { return uploadID.ReplaceAllString(request, "uploadId=") }

func targets(requests []string) []target {
	seen := map[string]int{}
	all := make([]target, len(requests))
	for i, r := range requests {
		name := plainName(r)
		all[i] = target{name, seen[name]}
		seen[name]++
	}
	return all
}

// hits is a fault of the target only.
func (t target) hits(do func(http.ResponseWriter, *http.Request)) func(int, http.ResponseWriter, *http.Request) bool {
	var seen atomic.Int64
	return func(_ int, w http.ResponseWriter, r *http.Request) bool {
		if plainName(r.Method+" "+r.URL.RequestURI()) != t.name || seen.Add(1)-1 != int64(t.nth) {
			return false
		}
		do(w, r)
		return true
	}
}

func TestRequest_mayFailAtAnyPoint(t *testing.T) {
	t.Parallel()
	normal := newCloud(t)
	normal.good(t)
	requests := normal.requests()
	if !slices.ContainsFunc(requests, func(r string) bool { return strings.Contains(r, "partNumber=3") }) {
		t.Fatalf("the upload has too few parts: %q", requests)
	}
	for _, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			c := newCloud(t)
			seen := map[int]bool{}
			for _, request := range targets(requests) {
				if err := c.Put("ds-out", outKey, previous); err != nil {
					t.Fatal(err)
				}
				c.expect(request.hits(func(w http.ResponseWriter, r *http.Request) { kind.do(c, w, r) }))
				p := c.start(t)
				status := p.status(t)
				if !slices.Contains(kind.statuses, status) {
					t.Errorf("%s, number %d: status %d, want %d\n%s", request.name, request.nth, status, kind.statuses, p.stderr.String())
				}
				c.check(t, status == 0, p.stderr.String())
				seen[status] = true
			}
			if !seen[kind.statuses[len(kind.statuses)-1]] {
				t.Errorf("no request ended with %v: the fault is none", kind.statuses)
			}
			c.good(t)
		})
	}
}

func TestService_mayFailForGood(t *testing.T) {
	t.Parallel()
	normal := newCloud(t)
	normal.good(t)
	c := newCloud(t)
	for k := 0; k < len(normal.requests()); k += 4 {
		if err := c.Put("ds-out", outKey, previous); err != nil {
			t.Fatal(err)
		}
		c.expect(func(n int, w http.ResponseWriter, r *http.Request) bool {
			if n >= k {
				s3test.Fail(w, r, http.StatusServiceUnavailable, "SlowDown")
			}
			return n >= k
		})
		p := c.start(t)
		if status := p.status(t); status != 69 {
			t.Errorf("from request %d on: status %d, want 69\n%s", k, status, p.stderr.String())
		}
		c.check(t, false, p.stderr.String())
	}
	c.good(t)
}

// Each run waits at its first look at the output until all have begun.
func TestRuns_ofOneOutputPublishOnce(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		runs   int
		period string
	}{{2, ""}, {4, ""}, {2, "2026-11"}, {4, "2026-11"}} {
		runs := test.runs
		c := newCloud(t)
		c.period = test.period
		if test.period != "" {
			if err := c.Put("ds-out", c.result(), previous); err != nil {
				t.Fatal(err)
			}
		}
		arrived, all := make(chan struct{}, runs), make(chan struct{})
		go func() {
			for range runs {
				<-arrived
			}
			close(all)
		}()
		c.expect(func(_ int, w http.ResponseWriter, r *http.Request) bool {
			if r.Method != http.MethodHead || r.URL.Path != "/ds-out/"+c.result() {
				return false
			}
			answer := httptest.NewRecorder()
			c.ServeHTTP(answer, r)
			select {
			case <-all:
			case arrived <- struct{}{}:
				<-all
			}
			send(w, answer, nil)
			return true
		})
		var processes []*process
		for range runs {
			processes = append(processes, c.start(t))
		}
		statuses := map[int]int{}
		for _, p := range processes {
			statuses[p.status(t)]++
		}
		if statuses[0] != 1 || statuses[75] != runs-1 {
			t.Errorf("%d runs of period %q ended with %v, want one with 0 and the others with 75", runs, test.period, statuses)
		}
		if got, _ := c.Get("ds-out", c.result()); got != want {
			t.Errorf("period %q: %d bytes, want %d", test.period, len(got), len(want))
		}
		c.check(t, true, "")
		if n := c.Uploads("ds-out"); n != 0 {
			t.Errorf("%d uploads left", n)
		}
	}
}

// A run that is told to stop ends in time, whatever request it waits for.
func TestSigterm_endsInTime(t *testing.T) {
	t.Parallel()
	normal := newCloud(t)
	normal.good(t)
	var all sync.WaitGroup
	for k := range normal.requests() {
		c := newCloud(t)
		hangs, over := make(chan struct{}), make(chan struct{})
		c.expect(func(n int, _ http.ResponseWriter, _ *http.Request) bool {
			if n < k {
				return false
			}
			if n == k {
				close(hangs)
			}
			<-over
			panic(http.ErrAbortHandler)
		})
		p := c.start(t)
		all.Go(func() { // each waits, and costs nothing
			defer close(over)
			<-hangs
			told := time.Now()
			if err := p.Process.Signal(syscall.SIGTERM); err != nil {
				t.Error(err)
			}
			status, took := p.status(t), time.Since(told)
			if status != 75 || took > 30*time.Second {
				t.Errorf("request %d: status %d after %v, want 75 within 30 s\n%s", k, status, took, p.stderr.String())
			}
			if got, _ := c.Get("ds-out", outKey); got != previous && !c.incomplete(p.stderr.String()) && got != want {
				t.Errorf("request %d: %d bytes", k, len(got))
			}
		})
	}
	all.Wait()
}
