package storage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// tree makes empty files below a folder and returns its path with a slash.
func tree(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir() + "/"
	for _, name := range names {
		if err := os.MkdirAll(filepath.Dir(dir+name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(dir+name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestList_findsFilesInNameOrder(t *testing.T) {
	dir := tree(t, "b.csv", "a.csv", "10.csv", "9.csv", "sub/a.csv", "sub/deep/c.csv", ".hidden.csv", "_SUCCESS", "_temp/x.csv", "notes.txt", "odd[1].csv")
	for pattern, want := range map[string][]string{
		"":                  {"10.csv", "9.csv", "a.csv", "b.csv", "notes.txt", "odd[1].csv", "sub/a.csv", "sub/deep/c.csv"},
		"sub/":              {"sub/a.csv", "sub/deep/c.csv"},
		"*.csv":             {"10.csv", "9.csv", "a.csv", "b.csv", "odd[1].csv"},
		"?.csv":             {"9.csv", "a.csv", "b.csv"},
		"[ab].csv":          {"a.csv", "b.csv"},
		"*/*.csv":           {"_temp/x.csv", "sub/a.csv"},
		".h*":               {".hidden.csv"},
		"odd[1].csv":        {"odd[1].csv"},
		"a.csv":             {"a.csv"},
		"does/not/exist.gz": {"does/not/exist.gz"}, // whoever opens it will say so
	} {
		got, err := New().List(context.Background(), URI{Path: dir + pattern})
		if err != nil {
			t.Errorf("%q: %v", pattern, err)
		}
		var names []string
		for _, u := range got {
			names = append(names, strings.TrimPrefix(u.Path, dir))
		}
		if !slices.Equal(names, want) {
			t.Errorf("%q: %q, want %q", pattern, names, want)
		}
	}
}

func TestList_isTheSameForFilesAndObjects(t *testing.T) {
	places(t, func(t *testing.T, s *Store, at func(string) URI) {
		for _, name := range []string{"raw/b.csv", "raw/a.csv", "raw/sub/c.csv", "raw/_SUCCESS", "raw[1]/d.csv", "rawer/e.csv"} {
			if err := s.MakeFolders(at(name)); err != nil {
				t.Fatal(err)
			}
			if _, err := put(t, s, at(name), "x", Condition{}); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range []struct {
			pattern URI
			want    string
		}{
			{folder(at("raw/")), "[a.csv b.csv c.csv]"},
			{folder(at("raw[1]/")), "[d.csv]"},
			{at("raw/*.csv"), "[a.csv b.csv]"},
			{at("raw/[b-z].csv"), "[b.csv]"},
			{at("raw*/?.csv"), "[a.csv b.csv d.csv e.csv]"},
			{at("raw/_*"), "[_SUCCESS]"},
			{at("raw/nothing"), "[nothing]"},
		} {
			found, err := s.List(context.Background(), c.pattern)
			var names []string
			for _, u := range found {
				names = append(names, path.Base(u.Key+u.Path))
			}
			if got := fmt.Sprint(names); err != nil || got != c.want {
				t.Errorf("%s: %s, %v, want %s", c.pattern, got, err, c.want)
			}
		}
		if _, err := s.List(context.Background(), at("raw/*.gz")); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "raw/*.gz") {
			t.Errorf("error %v", err)
		}
	})
}

func TestList_saysWhatIsWrong(t *testing.T) {
	dir := tree(t, "a.csv", "empty/.keep")
	for pattern, want := range map[string]struct {
		kind error
		text string
	}{
		"*.gz":     {ErrNotFound, "list DIR*.gz: it does not exist: nothing has such a name"},
		"empty/":   {ErrNotFound, "list DIRempty/: it does not exist: nothing has such a name"},
		"nowhere/": {ErrNotFound, "list DIRnowhere/: it does not exist"},
		"[a.csv":   {ErrTarget, "list DIR[a.csv: it cannot be used: a bracket or a backslash in it is not closed; want a glob such as data/*.csv"},
	} {
		_, err := New().List(context.Background(), URI{Path: dir + pattern})
		if !errors.Is(err, want.kind) || err.Error() != strings.ReplaceAll(want.text, "DIR", dir) {
			t.Errorf("%q: %v, want %s", pattern, err, want.text)
		}
	}
}

func TestMatches_knowsAFileByAnyPath(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, pattern := range []string{"raw/", "./raw/", dir + "/raw/", "raw/*.csv", dir + "/raw/*.csv"} {
		for name, want := range map[string]bool{"raw/a.csv": true, "./raw/../raw/a.csv": true, dir + "/raw/a.csv": true, "a.csv": false, dir + "/a.csv": false} {
			if got := Matches(URI{Path: pattern}, URI{Path: name}); got != want {
				t.Errorf("%s, %s: %t", pattern, name, got)
			}
		}
	}
}

func TestMatches_isTheSameForKeys(t *testing.T) {
	for _, test := range []struct {
		pattern, name string
		want          bool
	}{
		{"raw/", "raw/a.csv", true},
		{"raw/", "raw/2026/11/a.csv", true},
		{"raw/", "raw/", false},
		{"raw/", "raw/2026/", false},
		{"raw/", "raw/_SUCCESS", false},
		{"raw/", "raw/.tmp/a.csv", false},
		{"raw/", "rawer/a.csv", false},
		{"", "a.csv", true},
		{"raw/*.csv", "raw/a.csv", true},
		{"raw/*.csv", "raw/2026/a.csv", false},
		{"raw/*", "raw/_SUCCESS", false},
		{"raw/_*", "raw/_SUCCESS", true},
		{"raw/2026-1[12]/*", "raw/2026-12/a.csv", true},
		{"raw/2026-1[12]/*", "raw/2026-10/a.csv", false},
	} {
		if got := matches(test.pattern, test.name); got != test.want {
			t.Errorf("%q and %q: %t", test.pattern, test.name, got)
		}
	}
}

func TestParsePattern_takesPrefixes(t *testing.T) {
	for text, want := range map[string]URI{
		"s3://my-bucket/raw/":      {Bucket: "my-bucket", Key: "raw/"},
		"s3://my-bucket/":          {Bucket: "my-bucket"},
		"s3://my-bucket/raw/*.csv": {Bucket: "my-bucket", Key: "raw/*.csv"},
		"s3://my-bucket/raw/a.csv": {Bucket: "my-bucket", Key: "raw/a.csv"},
		"data/":                    {Path: "data/"},
	} {
		if got, err := ParsePattern(text); err != nil || got != want {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "s3://B/", "s3:///", "s3://my-bucket"} {
		if got, err := ParsePattern(text); err == nil {
			t.Errorf("%q: %+v", text, got)
		}
	}
	for key, ok := range map[string]bool{"raw/": true, "raw/*.csv": true, "a": true, "": false, "/": false, strings.Repeat("a", 1025): false} {
		if err := CheckPattern(key); (err == nil) != ok {
			t.Errorf("%q: %v", key, err)
		}
	}
}
