package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		found[e.Name()] = string(data)
	}
	return found
}

func TestFileUpload_appearsWholeOrNotAtAll(t *testing.T) {
	tests := []struct {
		name string
		end  func(Upload, context.CancelFunc) error
		want string
	}{
		{"commit", func(u Upload, _ context.CancelFunc) error { _, err := u.Commit(); return err }, "new"},
		{"commit and abort", func(u Upload, _ context.CancelFunc) error { _, err := u.Commit(); return errors.Join(err, u.Abort()) }, "new"},
		{"abort", func(u Upload, _ context.CancelFunc) error { return u.Abort() }, "old"},
		{"interrupted", func(u Upload, cancel context.CancelFunc) error {
			cancel()
			if _, err := u.Commit(); !errors.Is(err, context.Canceled) {
				return errors.New("committed")
			}
			return u.Abort()
		}, "old"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "out.csv")
			if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			up, err := New().Create(ctx, URI{Path: path}, Condition{})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(up, "new"); err != nil {
				t.Fatal(err)
			}
			if got := contents(t, dir); got["out.csv"] != "old" || len(got) != 2 {
				t.Errorf("while writing: %v", got)
			}
			if err := test.end(up, cancel); err != nil {
				t.Fatal(err)
			}
			if got := contents(t, dir); got["out.csv"] != test.want || len(got) != 1 {
				t.Errorf("at the end: %v, want %q", got, test.want)
			}
		})
	}
}

func TestFileUpload_takesALongName(t *testing.T) {
	path := filepath.Join(t.TempDir(), strings.Repeat("x", 255))
	up, err := New().Create(context.Background(), URI{Path: path}, Condition{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := up.Commit(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}

func TestFileObject_noticesAChange(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"longer":  func(path string) error { return os.WriteFile(path, []byte("longer than before"), 0o600) },
		"shorter": func(path string) error { return os.Truncate(path, 2) },
		"touched": func(path string) error {
			return os.Chtimes(path, time.Time{}, time.Now().Add(time.Hour))
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "in.csv")
			if err := os.WriteFile(path, []byte("before"), 0o600); err != nil {
				t.Fatal(err)
			}
			o, err := New().Open(context.Background(), URI{Path: path})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = o.Close() }()
			if err := change(path); err != nil {
				t.Fatal(err)
			}
			r, err := o.Reader(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadAll(r); !errors.Is(err, ErrChanged) {
				t.Errorf("error %v, want %v", err, ErrChanged)
			}
		})
	}
}

func TestFileObject_canBeReadAgain(t *testing.T) {
	for _, text := range []string{"text", ""} {
		path := filepath.Join(t.TempDir(), "in.csv")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		o, err := New().Open(context.Background(), URI{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = o.Close() }()
		for range 2 {
			r, err := o.Reader(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			if data, err := io.ReadAll(r); err != nil || string(data) != text || o.Size() != int64(len(text)) {
				t.Errorf("%q %v, size %d", data, err, o.Size())
			}
		}
	}
}

func TestFileObject_ofAPipeIsReadOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	go func() { _ = os.WriteFile(path, []byte("text"), 0o600) }()
	o, err := New().Open(context.Background(), URI{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = o.Close() }()
	r, err := o.Reader(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if data, err := io.ReadAll(r); err != nil || string(data) != "text" || o.Size() != -1 || o.Version() != "" {
		t.Errorf("%q %v, size %d, version %q", data, err, o.Size(), o.Version())
	}
	if _, err := o.Reader(context.Background()); !errors.Is(err, ErrOnce) {
		t.Errorf("error %v, want %v", err, ErrOnce)
	}
}

func TestFileUpload_saysWhereNothingCanBe(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := errors.Join(os.Mkdir(at("folder"), 0o700), os.WriteFile(at("file"), nil, 0o600), os.Symlink("gone", at("broken")),
		os.Symlink("folder", at("link")), syscall.Mkfifo(at("pipe"), 0o600)); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		Stdin:                        "write standard output: it cannot be used: a result appears whole or not at all",
		at("folder"):                 "it is a directory; want the name of a file",
		at("link"):                   "it is a directory; want the name of a file",
		at("pipe"):                   "it is not a regular file",
		at("broken"):                 "it is a symbolic link to what does not exist",
		at("new") + "/":              "it ends in a slash; want the name of a file",
		at("nowhere/new"):            "there is no directory " + at("nowhere"),
		at("file/new"):               "there is no directory " + at("file"),
		at(strings.Repeat("x", 256)): "it cannot be used: ",
		at("folder/" + strings.Repeat("x", 5000)): "it cannot be used: ",
	} {
		if _, err := New().Create(context.Background(), URI{Path: path}, Condition{}); !errors.Is(err, ErrTarget) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.80s: error %v, want %s", path, err, want)
		}
	}
	if got := fmt.Sprint(names(t, New(), URI{Path: at("folder") + "/"})); got != "[]" {
		t.Errorf("there are %s", got)
	}
}

func TestFileUpload_keepsALinkAndItsMode(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	if err := errors.Join(os.WriteFile(file, []byte("old"), 0o600), os.Chmod(file, 0o640), os.Symlink("file", link)); err != nil {
		t.Fatal(err)
	}
	if _, err := put(t, New(), URI{Path: link}, "new", Condition{}); err != nil {
		t.Fatal(err)
	}
	to, err := os.Readlink(link)
	if err != nil || to != "file" || content(t, New(), URI{Path: file}) != "new" {
		t.Errorf("the link leads to %q, %v", to, err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode() != 0o640 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func TestMakeFolder_makesOneOrAll(t *testing.T) {
	dir, s := t.TempDir(), New()
	at := func(name string) URI { return URI{Path: filepath.Join(dir, name)} }
	for range 2 { // it may exist
		if err := s.MakeFolder(at("a/file")); err != nil {
			t.Error(err)
		}
		if err := s.MakeFolders(at("b/c/d/file")); err != nil {
			t.Error(err)
		}
	}
	for _, name := range []string{"a", "b/c/d"} {
		if info, err := os.Stat(at(name).Path); err != nil || !info.IsDir() {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := s.MakeFolder(at("nowhere/x/file")); !errors.Is(err, ErrNotFound) {
		t.Errorf("error %v", err)
	}
	if _, err := put(t, s, at("file"), "", Condition{}); err != nil {
		t.Fatal(err)
	}
	if err := s.MakeFolders(at("file/x/file")); !errors.Is(err, ErrNotFound) {
		t.Errorf("error %v", err)
	}
	if err := errors.Join(s.MakeFolder(URI{Bucket: "b", Key: "nowhere/x/file"}), s.MakeFolders(URI{Bucket: "b", Key: "nowhere/x/file"})); err != nil {
		t.Error(err)
	}
}

func TestClean_removesWhatKilledRunsLeft(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{".data.csv.17.tmp", ".other.csv.17.tmp", "data.csv"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := New()
	s.Clean(URI{Path: filepath.Join(dir, "data.csv")})
	s.Clean(URI{Path: filepath.Join(dir, "nowhere", "data.csv")})
	s.Clean(URI{Bucket: "b", Key: "data.csv"})
	if got, want := fmt.Sprint(contents(t, dir)), "map[.other.csv.17.tmp: data.csv:]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// A file on another file system has no second name here.
func TestCopy_ofAFileThatCannotBeLinked(t *testing.T) {
	for _, c := range []struct {
		name      string
		condition Condition
		text      string
		want      error
	}{
		{"it goes", Condition{}, "text", nil},
		{"the target is new", Unchanged(Info{}), "old", ErrConflict},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, dir, ctx := New(), t.TempDir(), context.Background()
			s.Warn = func(err error) { t.Error(err) }
			memory, err := os.MkdirTemp("/dev/shm", "storage")
			if err != nil {
				t.Skip("needs a second file system: ", err)
			}
			t.Cleanup(func() { _ = os.RemoveAll(memory) })
			from, to := URI{Path: filepath.Join(memory, "from")}, URI{Path: filepath.Join(dir, "to")}
			if c.condition.seen != nil {
				c.condition.seen.URI = to
			}
			seen, err := put(t, s, from, "text", Condition{})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := put(t, s, to, "old", Condition{}); err != nil {
				t.Fatal(err)
			}
			info, err := s.Copy(ctx, seen, to, c.condition)
			if !errors.Is(err, c.want) || err == nil && info.Version != look(t, s, to).Version {
				t.Errorf("%+v, error %v, want %v", info, err, c.want)
			}
			if got := contents(t, dir); len(got) != 1 || got["to"] != c.text {
				t.Errorf("there are %q", got)
			}
		})
	}
}

func TestCopy_wantsTwoOfAKind(t *testing.T) {
	s := New()
	for _, c := range []struct {
		from Info
		to   URI
		kind error
		want string
	}{
		{Info{URI: URI{Path: "a"}, Exists: true}, URI{Bucket: "b", Key: "k"}, ErrTarget, "copy a: it cannot be used: s3://b/k is of another kind; want two files or two objects"},
		{Info{URI: URI{Bucket: "b", Key: "k"}, Exists: true}, URI{Path: "a"}, ErrTarget, "copy s3://b/k: it cannot be used: a is of another kind; want two files or two objects"},
		{Info{URI: URI{Path: "a"}}, URI{Path: "b"}, ErrNotFound, "copy a: it does not exist"},
	} {
		if _, err := s.Copy(context.Background(), c.from, c.to, Condition{}); !errors.Is(err, c.kind) || err.Error() != c.want {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}

func TestConditions_areAboutOnePlace(t *testing.T) {
	places(t, func(t *testing.T, s *Store, at func(string) URI) {
		ctx, seen, other := context.Background(), Info{URI: at("a")}, at("b")
		_, create := s.Create(ctx, other, Unchanged(seen))
		_, copied := s.Copy(ctx, Info{URI: at("c"), Exists: true}, other, Unchanged(seen))
		want := fmt.Sprintf("write %s: its condition is about %s", other, at("a"))
		for name, err := range map[string]error{"create": create, "copy": copied, "delete": s.Delete(ctx, other, Unchanged(seen))} {
			if err == nil || err.Error() != want {
				t.Errorf("%s: error %v, want %s", name, err, want)
			}
		}
	})
}

func TestReadAll_refusesWhatIsTooLarge(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model.pkl")
	if err := os.WriteFile(path, []byte("12345"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New().ReadAll(context.Background(), URI{Path: path}, 4); !errors.Is(err, ErrTooLarge) {
		t.Errorf("error %v, want %v", err, ErrTooLarge)
	}
	if data, err := New().ReadAll(context.Background(), URI{Path: path}, 5); err != nil || string(data) != "12345" {
		t.Errorf("%q %v", data, err)
	}
	if _, err := New().ReadAll(context.Background(), URI{Path: "/dev/zero"}, 1000); !errors.Is(err, ErrTooLarge) {
		t.Errorf("error %v, want %v", err, ErrTooLarge)
	}
}

func TestOneOf_knowsAFileByAnyPath(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"a.csv", "b.csv"} {
		if err := os.WriteFile(at(name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Symlink("a.csv", at("link.csv")), os.Symlink(dir, at("folder")), os.Link(at("a.csv"), at("hard.csv")), os.Symlink("gone", at("broken"))); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	in := OneOf(URI{}, URI{Path: "a.csv"}, URI{Path: "missing"}, URI{Bucket: "b", Key: "k"})
	for u, want := range map[URI]bool{
		{Path: "a.csv"}: true, {Path: "./a.csv"}: true, {Path: at("a.csv")}: true, {Path: "link.csv"}: true, {Path: "folder/folder/a.csv"}: true,
		{Path: "folder/../a.csv"}: false, // the folder above dir has no such file
		{Path: "b.csv"}:           false,
		{Path: "hard.csv"}:        false, // replacing it leaves the other
		{Path: "broken"}:          false, {}: false,
		{Path: "missing"}: true, {Bucket: "b", Key: "k"}: true, {Bucket: "b", Key: "./k"}: false,
	} {
		if got := in(u); got != want {
			t.Errorf("%+v: %t", u, got)
		}
	}
}
