package storage

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
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
	path := filepath.Join(t.TempDir(), "in.csv")
	if err := os.WriteFile(path, []byte("text"), 0o600); err != nil {
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
		if data, err := io.ReadAll(r); err != nil || string(data) != "text" || o.Size() != 4 {
			t.Errorf("%q %v, size %d", data, err, o.Size())
		}
	}
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
