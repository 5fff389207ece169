package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

func fileError(op string, u URI, err error) error {
	e := &Error{Op: op, URI: u, Err: err}
	var pe *fs.PathError
	if errors.As(err, &pe) {
		e.Err = pe.Err // the path is in URI
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.Kind, e.Err = ErrNotFound, nil
	case errors.Is(err, syscall.ENOTDIR):
		e.Kind = ErrNotFound
	case errors.Is(err, fs.ErrPermission):
		e.Kind, e.Err = ErrDenied, nil
	case errors.Is(err, syscall.EROFS):
		e.Kind = ErrDenied
	case errors.Is(err, syscall.ENAMETOOLONG), errors.Is(err, syscall.ELOOP):
		e.Kind = ErrTarget
	}
	return e
}

// OneOf tells of URIs whether they lead to one of some objects, or to one of the
// names of some files: directly, over symbolic links, or as the standard input. Two
// hard links are two names, of which one can be replaced without the other. A zero
// URI leads nowhere.
func OneOf(places ...URI) func(URI) bool {
	var files []resolved
	for _, u := range places {
		if r, ok := resolve(u); ok {
			files = append(files, r)
		}
	}
	return func(u URI) bool {
		if u != (URI{}) && slices.Contains(places, u) {
			return true
		}
		if len(files) == 0 {
			return false
		}
		r, ok := resolve(u)
		return ok && slices.ContainsFunc(files, r.same)
	}
}

// resolved is a file and the folder of its name, behind symbolic links.
type resolved struct {
	name      string
	dir, file fs.FileInfo
}

// same tells whether two names are one. On some file systems Data.csv is data.csv.
func (r resolved) same(o resolved) bool {
	return os.SameFile(r.file, o.file) && os.SameFile(r.dir, o.dir) && strings.EqualFold(r.name, o.name)
}

// resolve is not ok if there is no such file.
func resolve(u URI) (r resolved, ok bool) {
	path := u.Path
	switch path {
	case "":
		return r, false
	case Stdin:
		path = stdinPath
	}
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return r, false
	}
	r.name = filepath.Base(path)
	if r.dir, err = os.Stat(filepath.Dir(path)); err != nil {
		return r, false
	}
	r.file, err = os.Stat(path)
	return r, err == nil
}

// stdinPath is the standard input: opened anew, a read of a pipe can be interrupted.
const stdinPath = "/dev/stdin"

type fileObject struct {
	uri  URI
	f    *os.File
	info fs.FileInfo
	used bool
}

func openFile(u URI) (Object, error) {
	path := u.Path
	if path == Stdin {
		path = stdinPath
	}
	f, err := os.Open(path)
	if err != nil && u.Path == Stdin {
		f, err = os.Stdin, nil
	}
	if err != nil {
		return nil, fileError("read", u, err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(fileError("read", u, err), f.Close())
	}
	if info.IsDir() {
		return nil, errors.Join(&Error{Op: "read", URI: u, Kind: ErrTarget, Err: errors.New("it is a directory; want a file")}, f.Close())
	}
	return &fileObject{uri: u, f: f, info: info}, nil
}

func (o *fileObject) URI() URI { return o.uri }

func (o *fileObject) Size() int64 {
	if !o.info.Mode().IsRegular() {
		return -1
	}
	return o.info.Size()
}

// Version is the size and the time of the last change.
func (o *fileObject) Version() string {
	if o.Size() < 0 {
		return ""
	}
	return fileVersion(o.info)
}

func fileVersion(info fs.FileInfo) string {
	return fmt.Sprintf("%d bytes of %d", info.Size(), info.ModTime().UnixNano())
}

func (o *fileObject) Close() error { return o.f.Close() }

func (o *fileObject) Reader(ctx context.Context) (io.ReadCloser, error) {
	if o.Size() < 0 {
		if o.used {
			return nil, &Error{Op: "read", URI: o.uri, Kind: ErrOnce}
		}
		o.used = true
		context.AfterFunc(ctx, func() { _ = o.f.Close() })
		return pipeReader{o}, nil
	}
	return &fileReader{o: o}, nil
}

// fileReader reads a regular file at its own position and tells at the end
// whether the file changed since it was opened.
type fileReader struct {
	o   *fileObject
	pos int64
}

func (r *fileReader) Read(p []byte) (int, error) {
	n, err := r.o.f.ReadAt(p, r.pos)
	r.pos += int64(n)
	if err == nil {
		return n, nil
	}
	if !atEnd(err) {
		return n, fileError("read", r.o.uri, err)
	}
	if n > 0 {
		return n, nil
	}
	now, err := r.o.f.Stat()
	if err != nil {
		return 0, fileError("read", r.o.uri, err)
	}
	if now.Size() != r.o.info.Size() || !now.ModTime().Equal(r.o.info.ModTime()) || r.pos != now.Size() {
		return 0, &Error{Op: "read", URI: r.o.uri, Kind: ErrChanged}
	}
	return 0, io.EOF
}

func (r *fileReader) Close() error { return nil }

// pipeReader reads what can be read only once.
type pipeReader struct{ o *fileObject }

func (r pipeReader) Read(p []byte) (int, error) {
	n, err := r.o.f.Read(p)
	if err != nil && !atEnd(err) {
		err = fileError("read", r.o.uri, err)
	}
	return n, err
}

func (r pipeReader) Close() error { return r.o.f.Close() }
