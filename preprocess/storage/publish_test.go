package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"ds-pipeline/internal/s3test"
)

// places are a folder and a bucket, with what makes their URIs.
func places(t *testing.T, test func(t *testing.T, s *Store, at func(name string) URI)) {
	t.Run("files", func(t *testing.T) {
		dir := t.TempDir()
		test(t, New(), func(name string) URI { return URI{Path: filepath.Join(dir, name)} })
	})
	t.Run("objects", func(t *testing.T) {
		store, _ := objects(t)
		test(t, store, func(name string) URI { return URI{Bucket: "results", Key: "processed/" + name} })
	})
}

func objects(t *testing.T) (*Store, *s3test.Server) {
	t.Helper()
	server, err := s3test.New("results")
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(server)
	t.Cleanup(web.Close)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": web.URL, "AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x",
		"AWS_MAX_ATTEMPTS": "2", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
	} {
		t.Setenv(name, value)
	}
	return New(), server
}

func put(t *testing.T, s *Store, u URI, text string, c Condition) (Info, error) {
	t.Helper()
	up, err := s.Create(context.Background(), u, c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(up, text); err != nil {
		t.Fatal(err)
	}
	info, err := up.Commit()
	if err != nil {
		if err := up.Abort(); err != nil {
			t.Error(err)
		}
	}
	return info, err
}

func look(t *testing.T, s *Store, u URI) Info {
	t.Helper()
	info, err := s.Stat(context.Background(), u)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func content(t *testing.T, s *Store, u URI) string {
	t.Helper()
	data, err := s.ReadAll(context.Background(), u, 100<<20)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// two are the sizes of a result that is sent at once and of one sent in parts.
var two = map[string]string{"small": "old", "large": strings.Repeat("0123456789abcdef", 400_000)}

func TestCreate_publishesOnlyWhatNobodyChanged(t *testing.T) {
	places(t, func(t *testing.T, s *Store, at func(string) URI) {
		for name, text := range two {
			u := at(name)
			nothing := look(t, s, u)
			if nothing.Exists {
				t.Fatal("it exists")
			}
			first, err := put(t, s, u, text, Unchanged(nothing))
			if err != nil {
				t.Fatal(err)
			}
			if now := look(t, s, u); now.Version != first.Version || now.Size != int64(len(text)) || first.Size != now.Size {
				t.Errorf("%s: committed %+v, there is %+v", name, first, now)
			}
			if _, err := put(t, s, u, "late", Unchanged(nothing)); !errors.Is(err, ErrConflict) {
				t.Errorf("%s: error %v, want %v", name, err, ErrConflict)
			}
			if _, err := put(t, s, u, text+"2", Unchanged(first)); err != nil {
				t.Error(err)
			}
			if _, err := put(t, s, u, text+"3", Unchanged(first)); !errors.Is(err, ErrConflict) {
				t.Errorf("%s: error %v, want %v", name, err, ErrConflict)
			}
			if got := content(t, s, u); got != text+"2" {
				t.Errorf("%s: %d bytes", name, len(got))
			}
			if err := s.Delete(context.Background(), u, Unchanged(first)); !errors.Is(err, ErrConflict) {
				t.Errorf("%s: error %v, want %v", name, err, ErrConflict)
			}
			now := look(t, s, u)
			for range 2 {
				if err := s.Delete(context.Background(), u, Condition{}); err != nil {
					t.Error(err)
				}
			}
			if _, err := put(t, s, u, text, Unchanged(now)); !errors.Is(err, ErrConflict) {
				t.Errorf("%s: after a deletion: error %v, want %v", name, err, ErrConflict)
			}
		}
	})
}

func TestCopy_publishesExactlyWhatWasSeen(t *testing.T) {
	places(t, func(t *testing.T, s *Store, at func(string) URI) {
		for name, text := range two {
			from, to := at(name+" from+é.csv"), at(name+"-to.csv")
			seen, err := put(t, s, from, text, Condition{})
			if err != nil {
				t.Fatal(err)
			}
			copied, err := s.Copy(context.Background(), seen, to, Unchanged(look(t, s, to)))
			if err != nil {
				t.Fatal(err)
			}
			if now := look(t, s, to); content(t, s, to) != text || copied.Version != now.Version {
				t.Errorf("%s: copied %+v, there is %+v", name, copied, now)
			}
			if _, err := s.Copy(context.Background(), seen, to, Unchanged(copied)); err != nil {
				t.Errorf("%s: again: %v", name, err)
			}
			if _, err := s.Copy(context.Background(), seen, to, Unchanged(Info{URI: to})); !errors.Is(err, ErrConflict) {
				t.Errorf("%s: over what is new: error %v, want %v", name, err, ErrConflict)
			}
			if _, err := put(t, s, from, "other", Condition{}); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Copy(context.Background(), seen, to, Condition{}); !errors.Is(err, ErrConflict) {
				t.Errorf("%s: of what changed: error %v, want %v", name, err, ErrConflict)
			}
			if content(t, s, to) != text {
				t.Errorf("%s: the copy changed", name)
			}
		}
	})
}

func TestCopy_ofALargeObjectIsInParts(t *testing.T) {
	s, server := objects(t)
	c, err := s.s3(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	c.maxCopy, c.copyPart = 1<<20, 5<<20
	from, to := URI{Bucket: "results", Key: "processed/a"}, URI{Bucket: "results", Key: "processed/b"}
	seen, err := put(t, s, from, two["large"], Condition{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Copy(context.Background(), seen, to, Unchanged(look(t, s, to))); err != nil {
		t.Fatal(err)
	}
	if content(t, s, to) != two["large"] || !strings.Contains(look(t, s, to).ETag, "-2") {
		t.Errorf("%+v", look(t, s, to))
	}
	if _, err := s.Copy(context.Background(), seen, to, Unchanged(Info{URI: to})); !errors.Is(err, ErrConflict) {
		t.Errorf("error %v, want %v", err, ErrConflict)
	}
	if n := server.Uploads("results"); n != 0 {
		t.Errorf("%d uploads left", n)
	}
}

func TestCommit_discardsWhatOthersBegan(t *testing.T) {
	s, server := objects(t)
	u := URI{Bucket: "results", Key: "processed/data.csv"}
	begin := func(u URI) Upload {
		up, err := s.Create(context.Background(), u, Condition{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(up, two["large"]); err != nil {
			t.Fatal(err)
		}
		return up
	}
	loser, neighbor := begin(u), begin(URI{Bucket: "results", Key: "processed/data.csv.gz"})
	for range 1100 { // more than a page of the list
		server.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/results/"+u.Key+"?uploads", nil))
	}
	if _, err := put(t, s, u, "new", Condition{}); err != nil {
		t.Fatal(err)
	}
	if _, err := loser.Commit(); !errors.Is(err, ErrConflict) {
		t.Errorf("error %v, want %v", err, ErrConflict)
	}
	if err := loser.Abort(); err != nil {
		t.Error(err)
	}
	if _, err := neighbor.Commit(); err != nil {
		t.Error(err)
	}
	if n := server.Uploads("results"); n != 0 {
		t.Errorf("%d uploads left", n)
	}
}

func TestCreate_removesWhatKilledRunsLeft(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{".data.csv.17.tmp", ".data.csv.gz.17.tmp", ".data.csv.x.tmp", ".data.csv.18.tmp"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	living, err := os.Open(filepath.Join(dir, ".data.csv.18.tmp"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = living.Close() }()
	if err := lock(living, syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	store := New()
	for _, step := range []struct{ name, want string }{
		{"data.csv", "map[.data.csv.18.tmp: .data.csv.gz.17.tmp: .data.csv.x.tmp: data.csv:new]"},
		{"data.csv.gz", "map[.data.csv.18.tmp: .data.csv.x.tmp: data.csv:new data.csv.gz:new]"}, // the folder is not looked through again
	} {
		if _, err := put(t, store, URI{Path: filepath.Join(dir, step.name)}, "new", Condition{}); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(contents(t, dir)); got != step.want {
			t.Errorf("%s, want %s", got, step.want)
		}
	}
}
