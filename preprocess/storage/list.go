package storage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// MaxList bounds how many objects a pattern may stand for.
const MaxList = 10_000

const globChars = `*?[\`

// ParsePattern reads what ParseURI reads and also a prefix, which ends in a
// slash, and a glob, in which * and ? stand for characters other than a slash
// and [a-z] for one of some.
func ParsePattern(s string) (URI, error) {
	if strings.HasPrefix(s, s3Scheme) && strings.HasSuffix(s, "/") {
		u, err := ParseURI(s + "x") // the bucket alone may be meant
		u.Key = strings.TrimSuffix(u.Key, "x")
		if err != nil {
			return URI{}, err
		}
		return u, nil
	}
	return ParseURI(s)
}

// CheckPattern says what is wrong with a key, a prefix or a glob.
func CheckPattern(key string) error {
	if len(key) > 1 && strings.HasSuffix(key, "/") {
		return CheckKey(strings.TrimSuffix(key, "/"))
	}
	return CheckKey(key)
}

// IsPattern tells a prefix or a glob from an object.
func (u URI) IsPattern() bool {
	name := u.Key + u.Path
	return name == "" || strings.HasSuffix(name, "/") || strings.ContainsAny(name, globChars)
}

// List returns the objects that a pattern stands for, in the order of their
// names' bytes. A prefix stands for everything below it. Names that start with a
// dot or an underscore are left out, as those of temporary files and markers,
// unless they are asked for; what has exactly the name of a glob is that object.
func (s *Store) List(ctx context.Context, u URI) ([]URI, error) {
	if !u.IsPattern() {
		return []URI{u}, nil
	}
	if _, err := path.Match(u.Key+u.Path, ""); err != nil && !strings.HasSuffix(u.Key+u.Path, "/") {
		return nil, &Error{Op: "list", URI: u, Kind: ErrTarget, Err: errors.New("a bracket or a backslash in it is not closed; want a glob such as data/*.csv")}
	}
	list := listFiles
	if u.IsS3() {
		c, err := s.s3(ctx)
		if err != nil {
			return nil, &Error{Op: "list", URI: u, Kind: ErrTarget, Err: err}
		}
		list = c.list
	}
	var found []URI
	exact := false
	err := list(ctx, u, func(name string) error {
		if name == u.Key+u.Path && !strings.HasSuffix(name, "/") { // not the marker of a folder
			exact = true
		}
		if !matches(u.Key+u.Path, name) {
			return nil
		}
		if len(found) == MaxList {
			return &Error{Op: "list", URI: u, Kind: ErrTooLarge, Err: fmt.Errorf("want at most %d objects", MaxList)}
		}
		one := URI{Path: name}
		if u.IsS3() {
			one = URI{Bucket: u.Bucket, Key: name}
		}
		found = append(found, one)
		return nil
	})
	switch {
	case err != nil:
		return nil, err
	case exact:
		return []URI{u}, nil
	case len(found) == 0:
		return nil, &Error{Op: "list", URI: u, Kind: ErrNotFound, Err: errors.New("nothing has such a name")}
	}
	slices.SortFunc(found, func(a, b URI) int { return strings.Compare(a.Key+a.Path, b.Key+b.Path) })
	return found, nil
}

// Matches tells whether an object is or would be one that a pattern stands for.
func Matches(pattern, u URI) bool {
	if u.IsS3() || pattern.IsS3() {
		return pattern.Bucket == u.Bucket && matches(pattern.Key, u.Key)
	}
	dir := ""
	if strings.HasSuffix(pattern.Path, "/") {
		dir = "/"
	}
	return matches(absolute(pattern.Path)+dir, absolute(u.Path))
}

// absolute is one of the ways to write a path, the same for most that lead there.
func absolute(path string) string {
	if full, err := filepath.Abs(path); err == nil {
		return full
	}
	return filepath.Clean(path)
}

// matches tells whether a name is what a pattern stands for.
func matches(pattern, name string) bool {
	if pattern == "" || strings.HasSuffix(pattern, "/") {
		below, ok := strings.CutPrefix(name, pattern)
		if !ok || below == "" || strings.HasSuffix(below, "/") {
			return false
		}
		return !slices.ContainsFunc(strings.Split(below, "/"), hidden)
	}
	if ok, err := path.Match(pattern, name); !ok || err != nil {
		return false
	}
	return !hidden(path.Base(name)) || !strings.ContainsAny(path.Base(pattern)[:1], globChars)
}

func hidden(name string) bool { return strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") }

// listFiles calls each with every regular file that may match.
func listFiles(ctx context.Context, u URI, each func(name string) error) error {
	if strings.HasSuffix(u.Path, "/") {
		err := filepath.WalkDir(u.Path, func(name string, d fs.DirEntry, err error) error {
			switch {
			case ctx.Err() != nil:
				return ctx.Err()
			case err != nil:
				return fileError("list", URI{Path: name}, err)
			case d.IsDir() && name != u.Path && hidden(d.Name()):
				return fs.SkipDir
			case d.IsDir():
				return nil
			}
			switch info, err := os.Stat(name); { // it may be a link
			case err != nil:
				return fileError("list", URI{Path: name}, err)
			case info.IsDir():
				return nil
			}
			return each(name)
		})
		return err
	}
	if _, err := os.Stat(u.Path); err == nil {
		return each(u.Path)
	}
	names, err := filepath.Glob(u.Path)
	if err != nil {
		return fileError("list", u, err)
	}
	if len(names) == 0 {
		// A folder that cannot be read has no names for Glob.
		if _, err := os.ReadDir(fixedDir(u.Path)); errors.Is(err, fs.ErrPermission) {
			return fileError("list", u, err)
		}
	}
	for _, name := range names {
		if info, err := os.Stat(name); err != nil || info.IsDir() {
			continue
		}
		if err := each(name); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// fixedDir is the folder of a glob, up to its first wildcard.
func fixedDir(glob string) string {
	return filepath.Dir(glob[:strings.IndexAny(glob, globChars)] + "x")
}

// listAllFiles calls each with every file whose name starts as u does, hidden or
// not. A folder that does not exist, or not any more, has none.
func listAllFiles(ctx context.Context, u URI, each func(name string) error) error {
	failed := func(err error) error {
		if err = fileError("list", u, err); errors.Is(err, ErrNotFound) {
			return nil
		}
		return err
	}
	if !strings.HasSuffix(u.Path, "/") {
		dir, start := filepath.Split(u.Path)
		entries, err := os.ReadDir(filepath.Clean(dir))
		if err != nil {
			return failed(err)
		}
		for _, entry := range entries {
			if entry.Type().IsRegular() && strings.HasPrefix(entry.Name(), start) {
				if err := each(dir + entry.Name()); err != nil {
					return err
				}
			}
		}
		return nil
	}
	return filepath.WalkDir(u.Path, func(name string, d fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return failed(err)
		case d.IsDir():
			return nil
		}
		return each(name)
	})
}

// list calls each with the keys that start as the pattern does.
func (c *s3Client) list(ctx context.Context, u URI, each func(name string) error) error {
	prefix := u.Key
	if !strings.HasSuffix(prefix, "/") {
		if i := strings.IndexAny(prefix, globChars); i >= 0 {
			prefix = prefix[:i]
		}
	}
	return c.listAll(ctx, u, prefix, each)
}

// listAll calls each with the keys that start with a prefix; u is what errors name.
func (c *s3Client) listAll(ctx context.Context, u URI, prefix string, each func(name string) error) error {
	pages := s3.NewListObjectsV2Paginator(c.api, &s3.ListObjectsV2Input{Bucket: &u.Bucket, Prefix: &prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return serviceError("list", u, err)
		}
		for _, o := range page.Contents {
			if err := each(aws.ToString(o.Key)); err != nil {
				return err
			}
		}
	}
	return nil
}
