package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
)

// s3Object is one version of an object: every request names its ETag.
type s3Object struct {
	client *s3Client
	uri    URI
	size   int64
	etag   string

	mu    sync.Mutex
	first []byte // the first part, for the first reader; nil once it is taken

	sum   *sum // nil for none, or before it was asked for
	asked bool
}

// open reads the first part, which tells the size and the ETag too.
func (c *s3Client) open(ctx context.Context, u URI) (Object, error) {
	o := &s3Object{client: c, uri: u, size: -1, first: []byte{}}
	// Not before the answer is it known how much memory that takes: who reads
	// thousands of small objects needs little.
	if _, err := o.fill(ctx, nil, readPart, 0, func(n int) []byte {
		o.first = make([]byte, n)
		return o.first
	}); err != nil {
		return nil, err
	}
	return o, nil
}

func (o *s3Object) URI() URI        { return o.uri }
func (o *s3Object) Size() int64     { return o.size }
func (o *s3Object) Version() string { return objectVersion(o.size, o.etag) }

func (o *s3Object) Close() error { return nil }

// fetch fills buf from offset on and returns how much there was.
func (o *s3Object) fetch(ctx context.Context, buf []byte, offset int64) (int, error) {
	return o.fill(ctx, buf, len(buf), offset, nil)
}

// fill reads up to most bytes from offset on, into buf or, if that is nil, into
// what room makes of what there is, and returns how much that was. A body that
// breaks off is asked for again from where it broke; the SDK retries only what
// comes before the body.
func (o *s3Object) fill(ctx context.Context, buf []byte, most int, offset int64, room func(n int) []byte) (int, error) {
	got := 0
	for attempt := 1; ; attempt++ {
		n, err := o.fetchOnce(ctx, most-got, offset+int64(got), func(n int) []byte {
			if buf == nil {
				buf = room(n)
			}
			return buf[got : got+n]
		})
		got += n
		if err == nil {
			return got, nil
		}
		var broken *bodyError
		if ctx.Err() != nil || !errors.As(err, &broken) || attempt >= maxAttempts {
			return got, err
		}
		if n > 0 {
			attempt = 0
		}
		select {
		case <-ctx.Done():
			return got, serviceError("read", o.uri, ctx.Err())
		case <-time.After(min(100*time.Millisecond<<attempt, 5*time.Second)):
		}
	}
}

type bodyError struct{ err error }

func (e *bodyError) Error() string { return e.err.Error() }
func (e *bodyError) Unwrap() error { return e.err }

func (o *s3Object) fetchOnce(parent context.Context, most int, offset int64, room func(n int) []byte) (int, error) {
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	in := &s3.GetObjectInput{
		Bucket: &o.uri.Bucket,
		Key:    &o.uri.Key,
		Range:  aws.String(fmt.Sprintf("bytes=%d-%d", offset, offset+int64(most)-1)),
	}
	if o.etag != "" {
		in.IfMatch = &o.etag
	}
	out, err := o.client.api.GetObject(ctx, in)
	var api smithy.APIError
	if offset == 0 && errors.As(err, &api) && api.ErrorCode() == "InvalidRange" {
		o.size = 0 // an empty object has no range
		return 0, nil
	}
	if err != nil {
		return 0, serviceError("read", o.uri, err)
	}
	defer func() { _ = out.Body.Close() }()

	size := aws.ToInt64(out.ContentLength)
	if out.ContentRange != nil {
		_, total, ok := strings.Cut(*out.ContentRange, "/")
		if size, err = strconv.ParseInt(total, 10, 64); !ok || err != nil {
			return 0, &Error{Op: "read", URI: o.uri, Err: fmt.Errorf("the service answered with the range %q", *out.ContentRange)}
		}
	} else if offset != 0 {
		return 0, &Error{Op: "read", URI: o.uri, Err: errors.New("the service does not answer ranges")}
	}
	etag := aws.ToString(out.ETag)
	switch {
	case o.size < 0:
		o.size, o.etag = size, etag
	case size != o.size || etag != o.etag:
		// Not every server heeds If-Match.
		return 0, &Error{Op: "read", URI: o.uri, Kind: ErrChanged}
	}

	// A body that stops coming is given up.
	stall := time.AfterFunc(o.client.stall, cancel)
	defer stall.Stop()
	want := int(min(int64(most), o.size-offset))
	buf := room(want)
	for n := 0; ; {
		m, err := out.Body.Read(buf[n:])
		n += m
		stall.Reset(o.client.stall)
		switch {
		case n == want:
			return n, nil
		case err == nil:
		case parent.Err() != nil:
			return n, serviceError("read", o.uri, parent.Err())
		default:
			if atEnd(err) {
				err = io.ErrUnexpectedEOF
			}
			return n, &Error{Op: "read", URI: o.uri, Kind: ErrUnavailable, Err: &bodyError{fmt.Errorf("body broke off: %w", err)}}
		}
	}
}

// Reader reads parts ahead, up to readsAtOnce at a time if that many are needed:
// whoever computes more than it reads, as with compressed input, needs few. Whoever reads to the end
// reads what has the checksum that S3 keeps, or gets an error instead of io.EOF.
func (o *s3Object) Reader(ctx context.Context) (io.ReadCloser, error) {
	r := o.newReader(ctx)
	offset := int64(0)
	if first := o.takeFirst(); first != nil {
		r.data, r.unchecked = first, first
		offset = int64(len(first))
		if cap(r.data) == readPart {
			r.buf, r.atOnce = r.data, 1 // is read into again once it is checked
		}
	}
	r.start(offset, o.size)
	return r, nil
}

// takeFirst gives away the first part: from here on nobody else reads it.
func (o *s3Object) takeFirst() []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	first := o.first
	o.first = nil
	return first
}

// copyFirst fills p from the first part, if that has all of it.
func (o *s3Object) copyFirst(p []byte, offset int64) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if offset+int64(len(p)) > int64(len(o.first)) {
		return false
	}
	copy(p, o.first[offset:])
	return true
}

// section reads from start up to end, without a checksum: S3 keeps none of it.
func (o *s3Object) section(ctx context.Context, start, end int64) io.ReadCloser {
	r := o.newReader(ctx)
	r.checking = true // nothing
	r.start(start, end)
	return r
}

func (o *s3Object) newReader(ctx context.Context) *s3Reader {
	ctx, cancel := context.WithCancel(ctx)
	return &s3Reader{o: o, ctx: ctx, cancel: cancel, free: make(chan []byte, readsAtOnce+1), parts: make(chan *part, readsAtOnce+1)}
}

// start reads ahead from offset up to end.
func (r *s3Reader) start(offset, end int64) {
	o, ctx := r.o, r.ctx
	for r.atOnce < firstReads {
		r.more()
	}
	go func() {
		defer close(r.parts)
		for ; offset < end; offset += readPart {
			var buf []byte
			select {
			case buf = <-r.free:
			case <-ctx.Done():
				return
			}
			if buf == nil {
				buf = make([]byte, readPart)
			}
			p := &part{done: make(chan struct{})}
			go func(offset int64) {
				defer close(p.done)
				var n int
				n, p.err = o.fetch(ctx, buf[:min(readPart, end-offset)], offset)
				p.data = buf[:n]
			}(offset)
			r.parts <- p // has room for every buffer
		}
	}()
}

// more lets one more part be read at once.
func (r *s3Reader) more() {
	if r.atOnce < readsAtOnce {
		r.atOnce++
		r.free <- nil
	}
}

type part struct {
	done chan struct{}
	data []byte
	err  error
}

type s3Reader struct {
	o      *s3Object
	ctx    context.Context
	cancel context.CancelFunc
	free   chan []byte // has room for every buffer
	atOnce int         // buffers that there are
	parts  chan *part
	data   []byte // what is left of buf
	buf    []byte
	err    error

	unchecked []byte // what was read before the checksum was asked for
	check     *check
	checking  bool
}

// startCheck asks for the checksum, which is not worth a request where only the
// beginning of an object is read.
func (r *s3Reader) startCheck() error {
	if r.checking {
		return nil
	}
	s, err := r.o.findSum(r.ctx)
	if err != nil {
		return err
	}
	r.check, r.checking = newCheck(s), true
	r.check.write(r.unchecked)
	r.unchecked = nil
	return nil
}

// end is io.EOF if all was read and is as it should be.
func (r *s3Reader) end() error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	if err := r.check.finish(r.o.uri); err != nil {
		return err
	}
	return io.EOF
}

func (r *s3Reader) Read(p []byte) (int, error) {
	for len(r.data) == 0 {
		if r.err != nil {
			return 0, r.err
		}
		if r.o.size > 0 {
			if r.err = r.startCheck(); r.err != nil {
				continue
			}
		}
		if r.buf != nil {
			r.free <- r.buf[:readPart]
			r.buf = nil
		}
		next, ok := <-r.parts
		if !ok {
			r.err = r.end()
			continue
		}
		select {
		case <-next.done:
		default:
			r.more()
			<-next.done
		}
		r.err = next.err
		r.data, r.buf = next.data, next.data[:0]
	}
	n := copy(p, r.data)
	r.data = r.data[n:]
	r.check.write(p[:n]) // which is near to the processor now
	return n, nil
}

func (r *s3Reader) Close() error {
	r.cancel()
	return nil
}
