package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
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
	case errors.Is(err, fs.ErrPermission):
		e.Kind, e.Err = ErrDenied, nil
	}
	return e
}

type fileObject struct {
	uri  URI
	f    *os.File
	info fs.FileInfo
	used bool
}

func openFile(u URI) (Object, error) {
	path := u.Path
	if path == Stdin {
		path = "/dev/stdin" // opened anew, a read of a pipe can be interrupted
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
	return fmt.Sprintf("%d bytes of %d", o.info.Size(), o.info.ModTime().UnixNano())
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

// fileUpload is a temporary file beside its target.
type fileUpload struct {
	ctx    context.Context
	uri    URI
	target string
	f      *os.File
	done   bool
}

func createFile(ctx context.Context, u URI) (Upload, error) {
	refuse := func(format string, args ...any) (Upload, error) {
		return nil, &Error{Op: "write", URI: u, Kind: ErrTarget, Err: fmt.Errorf(format, args...)}
	}
	if u.Path == Stdin {
		return refuse("a result appears whole or not at all, so it cannot be a stream; want s3://bucket/key or a path")
	}
	// A symbolic link stays, and what it points to is replaced.
	target, err := filepath.EvalSymlinks(u.Path)
	if errors.Is(err, fs.ErrNotExist) {
		target, err = u.Path, nil
	}
	if err != nil {
		return nil, fileError("write", u, err)
	}
	mode := fs.FileMode(0o644)
	switch info, err := os.Stat(target); {
	case err == nil && info.IsDir():
		return refuse("it is a directory; want the name of a file")
	case err == nil && !info.Mode().IsRegular():
		return refuse("it is not a regular file")
	case err == nil:
		mode = info.Mode().Perm()
	}
	dir, base := filepath.Split(target)
	if dir == "" {
		dir = "."
	}
	if base == "" {
		return refuse("it ends in a slash; want the name of a file")
	}
	if info, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || err == nil && !info.IsDir() {
		return refuse("there is no directory %s", filepath.Clean(dir))
	}
	// Short, as a name may have 255 bytes at most.
	f, err := os.CreateTemp(dir, ".preprocess-*.tmp")
	if err != nil {
		return nil, fileError("write", u, err)
	}
	up := &fileUpload{ctx: ctx, uri: u, target: target, f: f}
	if err := f.Chmod(mode); err != nil {
		return nil, errors.Join(fileError("write", u, err), up.Abort())
	}
	return up, nil
}

func (up *fileUpload) Write(p []byte) (int, error) {
	if err := up.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := up.f.Write(p)
	if err != nil {
		err = fileError("write", up.uri, err)
	}
	return n, err
}

func (up *fileUpload) Commit() error {
	if err := up.ctx.Err(); err != nil {
		return err
	}
	if err := up.f.Sync(); err != nil {
		return fileError("write", up.uri, err)
	}
	if err := up.f.Close(); err != nil {
		return fileError("write", up.uri, err)
	}
	if err := os.Rename(up.f.Name(), up.target); err != nil {
		return fileError("write", up.uri, err)
	}
	up.done = true
	// The rename itself is durable once the directory is; not every file
	// system can sync one.
	if d, err := os.Open(filepath.Dir(up.target)); err == nil {
		_ = d.Sync()
		_ = d.Close()
	}
	return nil
}

func (up *fileUpload) Abort() error {
	if up.done {
		return nil
	}
	up.done = true
	_ = up.f.Close()
	if err := os.Remove(up.f.Name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fileError("write", up.uri, err)
	}
	return nil
}
