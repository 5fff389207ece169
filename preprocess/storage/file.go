package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
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
