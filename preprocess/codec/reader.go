package codec

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// MaxWindow is how far back a zstd file may refer, in bytes: what RFC 8878 asks
// every reader for, and as far as `zstd -19` goes. A reader holds that much.
const MaxWindow = 8 << 20

// readBuffer is what is read at once from the file, in bytes.
const readBuffer = 64 << 10

// Reader reads a file that may be compressed. What is wrong with its bytes is an
// *Error; the errors of the file itself come through as they are.
type Reader struct {
	io.Reader
	compression Compression
	source      *source
}

// NewPlainReader reads what is known not to be compressed, whatever it starts with.
func NewPlainReader(r io.Reader) *Reader {
	src := &source{r: r}
	src.buf = bufio.NewReaderSize(src, readBuffer)
	return &Reader{Reader: src.buf, compression: None, source: src}
}

// NewReader tells from the first bytes of r whether and how it is compressed. A
// file whose name promises a compression has to start as such files do.
func NewReader(r io.Reader, promised Compression) (*Reader, error) {
	src := &source{r: r}
	src.buf = bufio.NewReaderSize(src, readBuffer)
	head, err := src.buf.Peek(magicBytes)
	if err != nil && !atEnd(err) {
		return nil, err
	}
	found := &Reader{Reader: src.buf, compression: byMagic(head), source: src}
	switch found.compression {
	case Gzip:
		found.Reader = &gzipReader{src: src}
	case Zstd:
		z, err := zstd.NewReader(nil,
			zstd.WithDecoderConcurrency(1), // in the goroutine that reads: nothing is left to be closed
			zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(MaxWindow),
			zstd.WithDecoderMaxMemory(MaxWindow),
		)
		if err != nil {
			return nil, err
		}
		if err := z.Reset(src.buf); err != nil {
			return nil, src.fault(Zstd, err)
		}
		found.Reader = &zstdReader{src: src, z: z}
	case None:
		if other := otherByMagic(head); other != "" {
			return nil, &Error{Format: other, Reason: "it is not read; want gzip, zstd or text as it is"}
		}
		if promised != None {
			return nil, &Error{Format: promised.String(), Reason: fmt.Sprintf("by its name it is %s, but it does not start so", promised)}
		}
	}
	return found, nil
}

// Compression is what was found.
func (r *Reader) Compression() Compression { return r.compression }

// Consumed is how much of the file was read so far, in bytes. It may be called
// from any goroutine.
func (r *Reader) Consumed() int64 { return r.source.read.Load() }

// source is the file: it counts, and keeps the file's own error.
type source struct {
	r    io.Reader
	buf  *bufio.Reader
	read atomic.Int64
	err  error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.read.Add(int64(n))
	if err != nil && !atEnd(err) {
		s.err = err
	}
	return n, err
}

// offset is how much of the file was used so far, in bytes.
func (s *source) offset() int64 { return s.read.Load() - int64(s.buf.Buffered()) }

// fault describes what a decompressor complains of.
func (s *source) fault(c Compression, err error) error {
	if s.err != nil {
		return s.err
	}
	e := &Error{Format: c.String(), Offset: s.offset(), Reason: "corrupt", Err: err}
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		// What is damaged may also seem to break off.
		if _, err := s.buf.Peek(1); atEnd(err) {
			e.Reason = "it breaks off"
		}
	case errors.Is(err, gzip.ErrChecksum), errors.Is(err, zstd.ErrCRCMismatch):
		e.Reason = "corrupt (the checksum is wrong)"
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		e.Reason = fmt.Sprintf("it refers back more than %d MiB; compress it without --long and --ultra", MaxWindow>>20)
	case errors.Is(err, zstd.ErrUnknownDictionary):
		e.Reason = "it needs a dictionary; compress it without one"
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, zstd.ErrMagicMismatch):
		e.Reason = fmt.Sprintf("bytes that are not %s", c)
	}
	return e
}

// gzipReader reads members one after the other, and zeros after the last, which
// tapes and block devices leave.
type gzipReader struct {
	src *source
	z   *gzip.Reader // nil between members
	any bool         // a member was read
	err error
}

func (g *gzipReader) Read(p []byte) (int, error) {
	for len(p) > 0 && g.err == nil {
		if g.z == nil || !g.any {
			g.err = g.member()
			continue
		}
		n, err := g.z.Read(p)
		switch {
		case atEnd(err):
			g.err = g.next()
		case err != nil:
			g.err = g.src.fault(Gzip, err)
		}
		if n > 0 {
			return n, nil
		}
	}
	return 0, g.err
}

// member starts a member.
func (g *gzipReader) member() error {
	var err error
	if g.z == nil {
		g.z, err = gzip.NewReader(g.src.buf)
	} else {
		err = g.z.Reset(g.src.buf)
	}
	if err != nil {
		return g.src.fault(Gzip, err)
	}
	g.z.Multistream(false)
	g.any = true
	return nil
}

// next looks for another member.
func (g *gzipReader) next() error {
	for {
		b, err := g.src.buf.ReadByte()
		switch {
		case err != nil:
			return err // io.EOF, or the file's own
		case b == 0:
			continue
		}
		if err := g.src.buf.UnreadByte(); err != nil {
			return err
		}
		// Few bytes would seem to be the beginning of a member.
		if head, err := g.src.buf.Peek(2); err == nil && byMagic(head) != Gzip {
			return g.src.fault(Gzip, gzip.ErrHeader)
		}
		return g.member()
	}
}

type zstdReader struct {
	src *source
	z   *zstd.Decoder
}

func (z *zstdReader) Read(p []byte) (int, error) {
	n, err := z.z.Read(p)
	if err != nil && !atEnd(err) {
		err = z.src.fault(Zstd, err)
	}
	return n, err
}
