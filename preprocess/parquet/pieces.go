package parquet

import (
	"bufio"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"math"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/parquet-go/parquet-go/format"
)

// A page may be as large as its row group, and every column has one. Where
// compression and encoding allow it, a page is unpacked in pieces, as its values
// are asked for: a Reader then holds a piece of each column, whatever the pages are.

const (
	// pieceBytes is how much of a page is unpacked at once. The writers of Snappy
	// look for repetitions in blocks of so many bytes, each of which can be unpacked
	// without the others.
	pieceBytes = 64 << 10
	// aheadBytes is how much of what was unpacked is asked for at once, at most: it
	// stays when the next piece comes.
	aheadBytes = 16 << 10
	// gzipBytes is about what it takes to unpack gzip.
	gzipBytes = 48 << 10
)

// errBlocks says that a page of Snappy is not made of blocks of pieceBytes.
var errBlocks = errors.New("not in blocks")

// pieces is what was not unpacked of the values of a page yet.
type pieces struct {
	win    *window
	codec  format.CompressionCodec
	size   int // bytes that will come out
	step   int // of those at once
	packed int // bytes in the window that they are in

	start int64 // where in the file what is packed starts
	whole int   // how many bytes that was
	plain int   // how many bytes come out of it

	want, crc, before uint32 // checksum of the page, of what was read, of what stands before start; want is 0 for none

	gzip *gzip.Reader
	buf  *bufio.Reader // of gzip
}

// inPieces tells whether a page of so many bytes can be read in pieces.
func (c *cursor) inPieces(encoding format.Encoding, codec format.CompressionCodec, size int) bool {
	if c.entire || size <= c.file.piece || c.column.typ == format.Boolean {
		return false
	}
	switch codec {
	case format.Uncompressed, format.Snappy, format.Gzip:
	default:
		// The blocks of the others refer to any byte of the page before them.
		return false
	}
	switch encoding {
	case format.Plain:
		return true
	case format.RLEDictionary, plainDictionary:
		return c.dict != nil
	}
	return false
}

// open starts the values of a page that has the checksum want, of which the
// window comes to what is packed now. before is the checksum of what stood there
// before.
func (c *cursor) open(codec format.CompressionCodec, size, packed int, want, before uint32) error {
	p := &c.rest
	*p = pieces{
		win: c.win, codec: codec, size: size, step: c.file.piece, packed: packed, start: c.win.pos, whole: packed, plain: size,
		want: want, crc: before, before: before, gzip: p.gzip, buf: p.buf,
	}
	if cap(c.buf) > 4*pieceBytes+1<<20 { // a page before was unpacked whole, or had a very long text
		c.held -= cap(c.buf)
		c.buf = nil
	}
	if cap(c.buf) < aheadBytes+pieceBytes+padding {
		if err := c.resize(aheadBytes + pieceBytes); err != nil {
			return err
		}
	}
	c.data = c.buf[:padding]
	clear(c.data)
	switch codec {
	case format.Snappy:
		p.step = pieceBytes
		head, err := p.win.peek(min(packed, binary.MaxVarintLen32))
		if err != nil {
			return err
		}
		n, width := binary.Uvarint(head[:min(len(head), packed)])
		if width <= 0 || n != uint64(size) {
			return errSize
		}
		p.take(width)
	case format.Gzip:
		if p.gzip != nil {
			p.buf.Reset(p)
			return p.gzip.Reset(p.buf)
		}
		if err := c.hold(gzipBytes); err != nil {
			return err
		}
		var err error
		p.buf = bufio.NewReader(p)
		p.gzip, err = gzip.NewReader(p.buf)
		return err
	}
	return nil
}

// resize makes c.buf as large, which keeps what it has.
func (c *cursor) resize(n int) error {
	if err := c.hold(n + padding - cap(c.buf)); err != nil {
		return err
	}
	buf := make([]byte, n+padding)
	copy(buf, c.buf)
	c.buf = buf
	return nil
}

// more sees to it that data has at least n bytes of the page, or all that are left.
func (c *cursor) more(n int) error {
	for {
		have := len(c.data) - padding
		if have >= n || c.rest.size == 0 {
			return nil
		}
		size := min(c.rest.step, c.rest.size)
		c.buf = c.buf[:cap(c.buf)]
		if at := cap(c.buf) - cap(c.data); at > 0 { // data is the end of buf
			copy(c.buf, c.data[:have])
		}
		if len(c.buf) < have+size+padding {
			if err := c.resize(max(n, aheadBytes) + pieceBytes); err != nil {
				return err
			}
		}
		c.data = c.buf[:have+padding]
		err := c.rest.unpack(c.buf[have:have+size], &c.scratch)
		if errors.Is(err, errBlocks) {
			return c.unpackEntire()
		}
		if err != nil {
			return err
		}
		c.data = c.buf[:have+size+padding]
		clear(c.data[have+size:])
	}
}

// unpackEntire starts the page again, from the file, to unpack it as a whole, and
// leaves what was not taken of it in data. No page of the column is tried in pieces
// again.
func (c *cursor) unpackEntire() error {
	p := &c.rest
	c.entire = true
	taken := p.plain - p.size - (len(c.data) - padding)
	if err := c.fits(p.plain, p.whole); err != nil {
		return err
	}
	c.scratch = grow(c.scratch, p.whole)
	if err := readAt(c.file.r, c.scratch, p.start); err != nil {
		return err
	}
	if err := p.win.skip(p.start + int64(p.whole) - p.win.pos); err != nil {
		return err
	}
	if p.want != 0 && crc32.Update(p.before, crc32.IEEETable, c.scratch) != p.want {
		return errChecksum
	}
	buf, err := c.room(p.plain)
	if err != nil {
		return err
	}
	if err := c.unpack(p.codec, buf[:p.plain], c.scratch); err != nil {
		return err
	}
	p.size, p.packed = 0, 0
	c.data = buf[taken:]
	return nil
}

// finish sees whether the rest of a page is as it should be, once its rows were
// taken.
func (c *cursor) finish() error {
	for c.rest.size > 0 {
		c.data = c.data[len(c.data)-padding:]
		if err := c.more(1); err != nil {
			return err
		}
	}
	return nil
}

// take is the next n bytes of the window, which has them.
func (p *pieces) take(n int) []byte {
	b := p.win.buf[:n]
	p.win.discard(n)
	p.packed -= n
	if p.want != 0 {
		p.crc = crc32.Update(p.crc, crc32.IEEETable, b)
	}
	return b
}

// Read reads what is packed.
func (p *pieces) Read(b []byte) (int, error) {
	if p.packed == 0 {
		return 0, io.EOF
	}
	if err := p.win.fill(); err != nil {
		return 0, err
	}
	return copy(b, p.take(min(len(b), len(p.win.buf), p.packed))), nil
}

// unpack fills dst, which is step long or all that is left.
func (p *pieces) unpack(dst []byte, scratch *[]byte) (err error) {
	switch p.codec {
	case format.Snappy:
		err = p.block(dst, scratch)
	case format.Gzip:
		err = p.full(p.gzip, dst)
	default:
		err = p.full(p, dst)
	}
	if err != nil {
		return err
	}
	if p.size -= len(dst); p.size > 0 {
		return nil
	}
	if p.codec == format.Gzip {
		if n, err := p.gzip.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
			return errSize
		}
	}
	switch {
	case p.packed > 0:
		return errSize
	case p.want != p.crc && p.want != 0:
		return errChecksum
	}
	return nil
}

// full fills dst, and tells an error of the file from one of what is in it.
func (p *pieces) full(r io.Reader, dst []byte) error {
	_, err := io.ReadFull(r, dst)
	if err == nil || errors.As(err, new(*ioError)) || errors.As(err, new(*Error)) {
		return err
	}
	return errSize
}

// block unpacks the tags of Snappy that make dst, unless they refer to what was
// unpacked before them.
func (p *pieces) block(dst []byte, scratch *[]byte) error {
	const head = 3 // bytes of the length, which the library wants first
	packed := (*scratch)[:0]
	packed = append(packed, byte(len(dst))|0x80, byte(len(dst)>>7)|0x80, byte(len(dst)>>14))
	defer func() { *scratch = packed }()
	for t := (tags{want: len(dst)}); ; {
		if p.packed == 0 {
			return errSize
		}
		if err := p.win.fill(); err != nil {
			return err
		}
		piece := p.win.buf[:min(len(p.win.buf), p.packed, pieceBytes)]
		before := len(packed) - head
		b := piece
		if before > 0 {
			packed = append(packed, piece...)
			b = packed[head:]
		}
		done, err := t.walk(b)
		switch {
		case err != nil:
			return err
		case done:
			p.take(t.at - before)
			packed = append(packed[:head], b[:t.at]...)
			_, err := s2.Decode(dst, packed)
			return err
		case before == 0:
			packed = append(packed, piece...)
		}
		p.take(len(piece))
	}
}

// tags goes through the tags of Snappy up to those that make so many bytes.
type tags struct{ at, out, want int }

// tagged is what the first byte of a tag says: how many bytes it makes, how many
// it takes, and of how far back it refers what stands there and which of the next
// bytes say the rest. A literal refers to the byte before it, as it were; makes is
// 0 of one whose length follows.
type tagged struct {
	makes, takes uint8
	back         uint16
	mask         uint32
}

var taggedAs = func() (all [256]tagged) {
	for i := range all {
		high := uint8(i >> 2)
		switch i & 3 {
		case 0:
			if high < 60 {
				all[i] = tagged{makes: high + 1, takes: high + 2, back: 1}
			}
		case 1:
			all[i] = tagged{makes: 4 + high&7, takes: 2, back: uint16(i) >> 5 << 8, mask: 0xff}
		case 2:
			all[i] = tagged{makes: high + 1, takes: 3, mask: 0xffff}
		case 3:
			all[i] = tagged{makes: high + 1, takes: 5, mask: math.MaxUint32}
		}
	}
	return all
}()

// walk goes on in b, which starts as the one before did, and tells whether it has
// all that are wanted. A tag that goes beyond them, or refers to what is before
// them, is errBlocks.
func (t *tags) walk(b []byte) (done bool, err error) {
	at, out := t.at, t.out
	defer func() { t.at, t.out = at, out }()
	const most = 61 // bytes of a tag and its literal, if it says all with its first byte
	for out < t.want && at < len(b) {
		// Which kind a tag is of no processor foresees: there are no jumps for it.
		wrong := 0
		for out > 0 && out < t.want && at+most <= len(b) {
			tag := &taggedAs[b[at]]
			if tag.makes == 0 {
				break
			}
			back := int(binary.LittleEndian.Uint32(b[at+1:])&tag.mask) | int(tag.back)
			wrong |= (out - back) | (back - 1)
			at += int(tag.takes)
			out += int(tag.makes)
		}
		if wrong < 0 || out > t.want {
			return false, errBlocks
		}
		if out == t.want || at == len(b) {
			break
		}
		tag := taggedAs[b[at]]
		size, makes := int(tag.takes), int(tag.makes)
		switch {
		case makes == 0:
			if size = int(b[at]>>2) - 58; len(b)-at < size {
				return false, nil
			}
			for i := size - 1; i > 0; i-- {
				makes = makes<<8 | int(b[at+i])
			}
			makes++
			size += makes
		case tag.mask != 0 && len(b)-at >= size:
			var rest [4]byte
			copy(rest[:], b[at+1:])
			back := int(binary.LittleEndian.Uint32(rest[:])&tag.mask) | int(tag.back)
			if back > out || back == 0 {
				return false, errBlocks
			}
		}
		if makes > t.want-out {
			return false, errBlocks
		}
		if len(b)-at < size {
			return false, nil
		}
		at, out = at+size, out+makes
	}
	return out == t.want, nil
}
