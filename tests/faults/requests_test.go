package faults

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

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
		for name, values := range answer.Header() {
			w.Header()[name] = values
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		w.WriteHeader(answer.Code)
		_, _ = w.Write(body[:len(body)/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}},
	{"403", []int{0, 77}, func(_ *cloud, w http.ResponseWriter, r *http.Request) {
		s3test.Fail(w, r, http.StatusForbidden, "AccessDenied")
	}},
	{"damaged request", []int{0, 74}, func(c *cloud, w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Method == http.MethodPut && len(body) > 0 {
			body[len(body)/2] ^= 4
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		c.ServeHTTP(w, r)
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
			for k := range requests {
				if err := c.Put("ds-out", outKey, previous); err != nil {
					t.Fatal(err)
				}
				what := "no request"
				c.expect(func(n int, w http.ResponseWriter, r *http.Request) bool {
					if n != k {
						return false
					}
					what = r.Method + " " + r.URL.RequestURI()
					kind.do(c, w, r)
					return true
				})
				p := c.start(t)
				status := p.status(t)
				if !slices.Contains(kind.statuses, status) {
					t.Errorf("request %d, %s: status %d, want %d\n%s", k, what, status, kind.statuses, p.stderr.String())
				}
				c.check(t, status == 0, p.stderr.String())
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
	for _, runs := range []int{2, 4} {
		c := newCloud(t)
		arrived, all := make(chan struct{}, runs), make(chan struct{})
		go func() {
			for range runs {
				<-arrived
			}
			close(all)
		}()
		c.expect(func(_ int, w http.ResponseWriter, r *http.Request) bool {
			if r.Method != http.MethodHead || r.URL.Path != "/ds-out/"+outKey {
				return false
			}
			answer := httptest.NewRecorder()
			c.ServeHTTP(answer, r)
			select {
			case <-all:
			case arrived <- struct{}{}:
				<-all
			}
			for name, values := range answer.Header() {
				w.Header()[name] = values
			}
			w.WriteHeader(answer.Code)
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
			t.Errorf("%d runs ended with %v, want one with 0 and the others with 75", runs, statuses)
		}
		c.check(t, true, "")
		if n := c.Uploads("ds-out"); n != 0 {
			t.Errorf("%d uploads left", n)
		}
	}
}
