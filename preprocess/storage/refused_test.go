package storage

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"ds-pipeline/internal/s3test"
)

// refusing is a Store whose requests are denied from the call of refuse on: those of
// a method that have a parameter, "" for none, and whose key ends so.
func refusing(t *testing.T) (s *Store, server *s3test.Server, refuse func(method, parameter, key string)) {
	t.Helper()
	_, server = objects(t)
	var denied atomic.Pointer[func(*http.Request) bool] // a request that was given up may still arrive
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if d := denied.Load(); d != nil && (*d)(r) {
			s3test.Fail(w, r, http.StatusForbidden, "AccessDenied")
			return
		}
		server.ServeHTTP(w, r)
	}))
	t.Cleanup(web.Close)
	t.Setenv("AWS_ENDPOINT_URL", web.URL)
	return New(), server, func(method, parameter, key string) {
		d := func(r *http.Request) bool {
			return r.Method == method && (parameter == "" || r.URL.Query().Has(parameter)) && strings.HasSuffix(r.URL.Path, key)
		}
		denied.Store(&d)
	}
}

func TestStore_tellsOfEachRefusal(t *testing.T) {
	ctx, u := context.Background(), URI{Bucket: "results", Key: "processed/data.csv"}
	other := URI{Bucket: "results", Key: "processed/other.csv"}
	held := func(s *Store, size int) (HeldUpload, error) {
		up, err := s.Hold(ctx, u, URI{})
		if err == nil {
			_, err = up.Write(make([]byte, size))
		}
		return up, err
	}
	ranged := func(s *Store, upload Held, size int) (HeldUpload, error) {
		up, err := s.HoldRange(ctx, u, upload, PartSpan{First: 1, Count: 3, Bytes: LeastPart}, other)
		if err == nil {
			_, err = up.Write(make([]byte, size))
		}
		return up, err
	}
	finished := func(up HeldUpload, err error) error {
		if err == nil {
			_, err = up.Finish()
		}
		return errors.Join(err, up.Abort())
	}
	created := func(s *Store, size int) error {
		up, err := s.Create(ctx, u, Condition{})
		if err != nil {
			return err
		}
		if _, err = up.Write(make([]byte, size)); err == nil {
			_, err = up.Commit()
		}
		return errors.Join(err, up.Abort())
	}
	const small, large = 10, 2*LeastPart + 1
	for _, c := range []struct {
		name, method, parameter, key string
		call                         func(s *Store, begun, ended Held, there Info) error
	}{
		{"begin", http.MethodPost, "uploads", "", func(s *Store, _, _ Held, _ Info) error { _, err := s.Begin(ctx, u); return err }},
		{"send a part", http.MethodPut, "partNumber", "", func(s *Store, begun, _ Held, _ Info) error {
			_, err := s.SendPart(ctx, u, begun, 1, []byte("x"))
			return err
		}},
		{"list the parts", http.MethodGet, "uploadId", "", func(s *Store, begun, _ Held, _ Info) error { _, err := s.Current(ctx, u, begun); return err }},
		{"begin to hold what is small", http.MethodPost, "uploads", "", func(s *Store, _, _ Held, _ Info) error { return finished(held(s, small)) }},
		{"begin to hold what is large", http.MethodPost, "uploads", "", func(s *Store, _, _ Held, _ Info) error { return finished(held(s, large)) }},
		{"hold what is small", http.MethodPut, "partNumber", "", func(s *Store, _, _ Held, _ Info) error { return finished(held(s, small)) }},
		{"hold what is large", http.MethodPut, "partNumber", "", func(s *Store, _, _ Held, _ Info) error { return finished(held(s, large)) }},
		{"a large range", http.MethodPut, "partNumber", "", func(s *Store, begun, _ Held, _ Info) error { return finished(ranged(s, begun, large)) }},
		{"what a small range keeps aside", http.MethodPut, "", other.Key, func(s *Store, begun, _ Held, _ Info) error { return finished(ranged(s, begun, small)) }},
		{"what a large range keeps aside", http.MethodPut, "", other.Key, func(s *Store, begun, _ Held, _ Info) error { return finished(ranged(s, begun, large)) }},
		{"look at what is published", http.MethodHead, "", "", func(s *Store, _, ended Held, _ Info) error { _, err := s.Published(ctx, u, ended); return err }},
		{"look before it is published", http.MethodHead, "", "", func(s *Store, _, ended Held, _ Info) error {
			_, err := s.Publish(ctx, u, ended, Condition{})
			return err
		}},
		{"publish", http.MethodPost, "uploadId", "", func(s *Store, _, ended Held, _ Info) error {
			_, err := s.Publish(ctx, u, ended, Condition{})
			return err
		}},
		{"discard", http.MethodDelete, "uploadId", "", func(s *Store, _, ended Held, _ Info) error { return s.Discard(ctx, u, ended) }},
		{"create what is small", http.MethodPut, "", "", func(s *Store, _, _ Held, _ Info) error { return created(s, small) }},
		{"create what is large", http.MethodPut, "partNumber", "", func(s *Store, _, _ Held, _ Info) error { return created(s, large) }},
		{"complete what is large", http.MethodPost, "uploadId", "", func(s *Store, _, _ Held, _ Info) error { return created(s, large) }},
		{"copy", http.MethodPut, "", "", func(s *Store, _, _ Held, there Info) error { _, err := s.Copy(ctx, there, u, Condition{}); return err }},
		{"delete", http.MethodDelete, "", "", func(s *Store, _, _ Held, there Info) error { return s.Delete(ctx, there.URI, Condition{}) }},
		{"list", http.MethodGet, "list-type", "", func(s *Store, _, _ Held, _ Info) error {
			_, err := s.List(ctx, URI{Bucket: "results", Key: "processed/"})
			return err
		}},
		{"each", http.MethodGet, "list-type", "", func(s *Store, _, _ Held, _ Info) error {
			return s.Each(ctx, URI{Bucket: "results"}, func(URI) error { return nil })
		}},
		{"open", http.MethodGet, "", "", func(s *Store, _, _ Held, there Info) error { _, err := s.Open(ctx, there.URI); return err }},
		{"stat", http.MethodHead, "", "", func(s *Store, _, _ Held, there Info) error { _, err := s.Stat(ctx, there.URI); return err }},
		{"compare", http.MethodHead, "", "", func(s *Store, _, _ Held, there Info) error { return s.CompareSum(ctx, there.URI, there.Version, "") }},
		{"read with its checksum", http.MethodHead, "", "", func(s *Store, _, _ Held, there Info) error { _, err := s.ReadAll(ctx, there.URI, 100); return err }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, server, refuse := refusing(t)
			there, err := put(t, s, URI{Bucket: "results", Key: "processed/there.csv"}, "there", Condition{})
			if err != nil {
				t.Fatal(err)
			}
			begun, err := s.Begin(ctx, u)
			if err != nil {
				t.Fatal(err)
			}
			up, err := held(s, small)
			ended := finish(t, up, err, "")
			before := server.Uploads("results")
			refuse(c.method, c.parameter, c.key)
			err = c.call(s, begun, ended, there)
			if !errors.Is(err, ErrDenied) || !strings.Contains(err.Error(), "s3://results/") {
				t.Errorf("error %v, want %v", err, ErrDenied)
			}
			if n := server.Uploads("results"); n != before {
				t.Errorf("%d uploads are left, were %d", n, before)
			}
			refuse("", "", "")
			if look(t, s, u).Exists || content(t, s, there.URI) != "there" {
				t.Error("something changed")
			}
		})
	}
}

// What is published stays published when what others have left cannot be found or
// removed; it is told.
func TestCommit_warnsOfWhatItCannotDiscard(t *testing.T) {
	for name, request := range map[string]struct{ method, parameter string }{
		"not listed":  {http.MethodGet, "uploads"},
		"not removed": {http.MethodDelete, "uploadId"},
	} {
		t.Run(name, func(t *testing.T) {
			s, server, refuse := refusing(t)
			var warned []error
			s.Warn = func(err error) { warned = append(warned, err) }
			u := URI{Bucket: "results", Key: "data.csv"}
			for range 2 {
				if _, err := s.Begin(context.Background(), u); err != nil { // of killed runs
					t.Fatal(err)
				}
			}
			refuse(request.method, request.parameter, "")
			if _, err := put(t, s, u, "new", Condition{}); err != nil {
				t.Fatal(err)
			}
			if len(warned) != 1 || !errors.Is(warned[0], ErrDenied) || content(t, s, u) != "new" || server.Uploads("results") != 2 {
				t.Errorf("warned of %v, %d uploads", warned, server.Uploads("results"))
			}
		})
	}
}

func TestStore_needsItsSettings(t *testing.T) {
	t.Setenv("AWS_ENDPOINT_URL", "")
	t.Setenv("AWS_CONFIG_FILE", "/dev/null")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_DEFAULT_REGION", "")
	t.Setenv("AWS_PROFILE", "nobody")
	s, ctx, u := New(), context.Background(), URI{Bucket: "results", Key: "data.csv"}
	seen := Info{URI: u, Exists: true}
	for name, call := range map[string]func() error{
		"open":       func() error { _, err := s.Open(ctx, u); return err },
		"create":     func() error { _, err := s.Create(ctx, u, Condition{}); return err },
		"stat":       func() error { _, err := s.Stat(ctx, u); return err },
		"copy":       func() error { _, err := s.Copy(ctx, seen, u, Condition{}); return err },
		"delete":     func() error { return s.Delete(ctx, u, Condition{}) },
		"list":       func() error { _, err := s.List(ctx, URI{Bucket: "results"}); return err },
		"each":       func() error { return s.Each(ctx, u, func(URI) error { return nil }) },
		"compare":    func() error { return s.CompareSum(ctx, u, "", "") },
		"hold":       func() error { _, err := s.Hold(ctx, u, URI{}); return err },
		"hold range": func() error { _, err := s.HoldRange(ctx, u, Held{}, PartSpan{}, u); return err },
		"begin":      func() error { _, err := s.Begin(ctx, u); return err },
		"send":       func() error { _, err := s.SendPart(ctx, u, Held{}, 1, nil); return err },
		"current":    func() error { _, err := s.Current(ctx, u, Held{}); return err },
		"publish":    func() error { _, err := s.Publish(ctx, u, Held{}, Condition{}); return err },
		"published":  func() error { _, err := s.Published(ctx, u, Held{}); return err },
		"discard":    func() error { return s.Discard(ctx, u, Held{Upload: "x"}) },
	} {
		if err := call(); !errors.Is(err, ErrTarget) || !strings.Contains(err.Error(), "nobody") {
			t.Errorf("%s: error %v, want %v", name, err, ErrTarget)
		}
	}
}
