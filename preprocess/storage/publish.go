package storage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Info is what is known of an object without reading it.
type Info struct {
	URI    URI
	Exists bool // if not, the rest is zero
	Size   int64
	// ETag is the one of S3, quotes included; "" of a file.
	ETag string
	// Version is that of an Object: it differs when the content does.
	Version  string
	Modified time.Time

	file fs.FileInfo // of a file
}

// Condition is what has to be where something is to be published. The zero
// value holds always.
type Condition struct{ seen *Info }

// Unchanged holds as long as there is what was seen, which may be nothing.
func Unchanged(seen Info) Condition { return Condition{&seen} }

func (c Condition) isFor(u URI) error {
	if c.seen != nil && c.seen.URI != u {
		return &Error{Op: "write", URI: u, Err: fmt.Errorf("its condition is about %s", c.seen.URI)}
	}
	return nil
}

// Stat looks at an object. It is no error that it does not exist. What a
// symbolic link points to counts.
func (s *Store) Stat(ctx context.Context, u URI) (Info, error) {
	if !u.IsS3() {
		return statFile(u, u.Path)
	}
	c, err := s.s3(ctx)
	if err != nil {
		return Info{}, &Error{Op: "read", URI: u, Kind: ErrTarget, Err: err}
	}
	info, _, err := c.stat(ctx, u)
	return info, err
}

// Copy publishes at another place what from says, and nothing else: it is an
// ErrConflict if that changed, or if the condition does not hold. Both are files,
// or both are objects, which S3 copies by itself. A file is linked if that is
// possible, so that it takes no space.
func (s *Store) Copy(ctx context.Context, from Info, to URI, condition Condition) (Info, error) {
	if err := condition.isFor(to); err != nil {
		return Info{}, err
	}
	switch {
	case !from.Exists:
		return Info{}, &Error{Op: "copy", URI: from.URI, Kind: ErrNotFound}
	case from.URI.IsS3() != to.IsS3():
		return Info{}, &Error{Op: "copy", URI: from.URI, Kind: ErrTarget, Err: fmt.Errorf("%s is of another kind; want two files or two objects", to)}
	case !to.IsS3():
		return s.copyFile(ctx, from, to, condition)
	}
	c, err := s.s3(ctx)
	if err != nil {
		return Info{}, &Error{Op: "write", URI: to, Kind: ErrTarget, Err: err}
	}
	return c.copy(ctx, from, to, condition, s.warn)
}

// Delete removes an object if the condition holds. It is no error that there is
// none.
func (s *Store) Delete(ctx context.Context, u URI, condition Condition) error {
	if err := condition.isFor(u); err != nil {
		return err
	}
	if condition.seen != nil && !condition.seen.Exists {
		return nil
	}
	if !u.IsS3() {
		return deleteFile(u, condition)
	}
	c, err := s.s3(ctx)
	if err != nil {
		return &Error{Op: "delete", URI: u, Kind: ErrTarget, Err: err}
	}
	return c.delete(ctx, u, condition)
}

// Clean removes what killed runs have left of uploads to a file to which this run
// has nothing to write. Of objects, the next upload to the same place does that.
func (s *Store) Clean(u URI) {
	if u.IsS3() {
		return
	}
	if t, err := findTarget(u); err == nil {
		s.leftovers.clean(t, s.warn)
	}
}

// MakeFolders makes the folder that a file is to be in and all above it.
func (s *Store) MakeFolders(u URI) error {
	if u.IsS3() {
		return nil
	}
	dir := filepath.Dir(u.Path)
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // as the umask says
		return fileError("write", URI{Path: dir}, err)
	}
	return nil
}

// MakeFolder makes the folder that a file is to be in, unless it exists. The
// folder above has to exist. Objects need none.
func (s *Store) MakeFolder(u URI) error {
	if u.IsS3() {
		return nil
	}
	dir := filepath.Dir(u.Path)
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) { //nolint:gosec // as the umask says
		return fileError("write", URI{Path: dir}, err)
	}
	return nil
}
