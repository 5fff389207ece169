package codec

import (
	"encoding/binary"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/zstd"
)

// How results are compressed: fast, as a job that has two CPUs should not spend
// them here.
const (
	gzipLevel         = 3
	zstdLevel         = zstd.SpeedFastest
	zstdEncoderWindow = 1 << 20
	zstdConcurrency   = 2 // one finds matches, the other encodes them
)

// Writer compresses a stream of pieces in order. Pieces may be packed ahead, in
// parallel; the result is one gzip member or one zstd frame, since not every
// reader looks for a second.
type Writer interface {
	// Packer makes a packer for one goroutine. It is nil if nothing is to be
	// done ahead.
	Packer() Packer
	// Write writes a piece, and is given what a Packer made of it, or nil.
	Write(plain, packed []byte) error
	// Close ends the stream and frees memory; after an error it only does the
	// latter. It does not close what is written to.
	Close() error
}

// Packer does what can be done to a piece without knowing those before it.
type Packer interface {
	// Pack appends the packed piece to dst.
	Pack(dst, plain []byte) []byte
}

// NewWriter compresses to w.
func NewWriter(w io.Writer, c Compression) (Writer, error) {
	switch c {
	case Gzip:
		return &gzipWriter{w: w}, nil
	case Zstd:
		z, err := zstd.NewWriter(w,
			zstd.WithEncoderLevel(zstdLevel),
			zstd.WithEncoderConcurrency(zstdConcurrency),
			zstd.WithWindowSize(zstdEncoderWindow),
			zstd.WithLowerEncoderMem(true),
			zstd.WithEncoderCRC(true),
			zstd.WithZeroFrames(true), // no text is a frame too
		)
		if err != nil {
			return nil, err
		}
		return &zstdWriter{z: z}, nil
	}
	return plainWriter{w}, nil
}

type plainWriter struct{ w io.Writer }

func (p plainWriter) Packer() Packer { return nil }

func (p plainWriter) Write(plain, _ []byte) error {
	_, err := p.w.Write(plain)
	return err
}

func (p plainWriter) Close() error { return nil }

// gzipWriter writes one member (RFC 1952). Each piece is deflated on its own and
// ends at a byte, so that pieces can stand one after the other in one stream.
type gzipWriter struct {
	w    io.Writer
	own  Packer
	buf  []byte
	crc  uint32
	size uint32
	open bool
	err  error
}

func (g *gzipWriter) Packer() Packer { return newDeflater() }

func (g *gzipWriter) write(b []byte) error {
	if g.err == nil {
		_, g.err = g.w.Write(b)
	}
	return g.err
}

func (g *gzipWriter) header() error {
	if g.open {
		return g.err
	}
	g.open = true
	// Deflate, no flags, no time, fast, unknown system.
	return g.write([]byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255})
}

func (g *gzipWriter) Write(plain, packed []byte) error {
	if len(plain) == 0 {
		return g.err
	}
	if packed == nil {
		if g.own == nil {
			g.own = newDeflater()
		}
		g.buf = g.own.Pack(g.buf[:0], plain)
		packed = g.buf
	}
	if err := g.header(); err != nil {
		return err
	}
	g.crc = crc32.Update(g.crc, crc32.IEEETable, plain)
	g.size += uint32(len(plain))
	return g.write(packed)
}

func (g *gzipWriter) Close() error {
	if err := g.header(); err != nil {
		return err
	}
	end := []byte{3, 0} // an empty last block
	end = binary.LittleEndian.AppendUint32(end, g.crc)
	return g.write(binary.LittleEndian.AppendUint32(end, g.size))
}

// deflater packs pieces as blocks of a deflate stream that is not ended.
type deflater struct {
	w   *flate.Writer
	out appender
}

type appender struct{ b []byte }

func (a *appender) Write(p []byte) (int, error) {
	a.b = append(a.b, p...)
	return len(p), nil
}

func newDeflater() *deflater {
	d := &deflater{}
	w, err := flate.NewWriter(&d.out, gzipLevel)
	if err != nil {
		panic(err) // the level is one of flate's
	}
	d.w = w
	return d
}

// Pack cannot fail: it writes to memory.
func (d *deflater) Pack(dst, plain []byte) []byte {
	d.out.b = dst
	d.w.Reset(&d.out)
	_, _ = d.w.Write(plain)
	_ = d.w.Flush()
	dst, d.out.b = d.out.b, nil
	return dst
}

type zstdWriter struct{ z *zstd.Encoder }

func (z *zstdWriter) Packer() Packer { return nil }

func (z *zstdWriter) Write(plain, _ []byte) error {
	_, err := z.z.Write(plain)
	return err
}

func (z *zstdWriter) Close() error { return z.z.Close() }
