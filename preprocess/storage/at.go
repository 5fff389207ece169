package storage

import (
	"context"
	"fmt"
	"io"
)

// ReaderAt reads any part of an object, of the version that was opened: ErrChanged
// if it is another one meanwhile, ErrOnce if it is a pipe. It is safe for
// concurrent use.
func ReaderAt(ctx context.Context, o Object) (io.ReaderAt, error) {
	switch o := o.(type) {
	case *s3Object:
		return s3At{ctx, o}, nil
	case *fileObject:
		if o.Size() >= 0 {
			return fileAt{o}, nil
		}
	}
	return nil, &Error{Op: "read", URI: o.URI(), Kind: ErrOnce}
}

// Forget drops what Open has read of an object's beginning, unless that is all of
// it: who reads here and there does not need it in memory all the time.
func Forget(o Object) {
	if o, ok := o.(*s3Object); ok && o.size > readPart {
		o.takeFirst()
	}
}

// Section reads the bytes from start up to end of an object, of the version that
// was opened: ErrChanged if it is another one meanwhile, ErrOnce if it is a pipe.
// Of an object of S3 it is read ahead, and not compared with a checksum.
func Section(ctx context.Context, o Object, start, end int64) (io.ReadCloser, error) {
	if start < 0 || start > end || end > o.Size() && o.Size() >= 0 {
		return nil, &Error{Op: "read", URI: o.URI(), Err: fmt.Errorf("bytes %d to %d of %d", start, end, o.Size())}
	}
	if o, ok := o.(*s3Object); ok {
		return o.section(ctx, start, end), nil
	}
	r, err := ReaderAt(ctx, o)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(io.NewSectionReader(r, start, end-start)), nil
}

type s3At struct {
	ctx context.Context
	o   *s3Object
}

func (r s3At) ReadAt(p []byte, offset int64) (int, error) {
	if offset >= r.o.size {
		return 0, io.EOF
	}
	if r.o.copyFirst(p, offset) {
		return len(p), nil
	}
	want := int(min(int64(len(p)), r.o.size-offset))
	if want == 0 {
		return 0, nil
	}
	n, err := r.o.fetch(r.ctx, p[:want], offset)
	if err == nil && n < len(p) {
		err = io.EOF
	}
	return n, err
}

type fileAt struct{ o *fileObject }

func (r fileAt) ReadAt(p []byte, offset int64) (int, error) {
	n, err := r.o.f.ReadAt(p, offset)
	now, statErr := r.o.f.Stat()
	switch {
	case statErr != nil:
		return n, fileError("read", r.o.uri, statErr)
	case fileVersion(now) != r.o.Version():
		return n, &Error{Op: "read", URI: r.o.uri, Kind: ErrChanged}
	case err != nil && !atEnd(err):
		return n, fileError("read", r.o.uri, err)
	}
	return n, err
}
