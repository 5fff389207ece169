package pickle

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"

	"github.com/ulikunitz/xz/lzma"
)

// The container format .xz 1.1.0: streams of a header, blocks, an index of the blocks and a
// footer. The library has a reader of it, but that one makes room for whatever window a
// block's header asks for, 4 GiB if it says so; this one looks first.
const (
	xzMagic      = "\xfd7zXZ\x00"
	xzFooter     = "YZ"
	xzHeaderSize = 12
	lzma2Filter  = 0x21
)

var errXZ = errors.New("the file is damaged or truncated")

// xzChecks are the sizes of a block's check by its type, and how to compute it.
var xzChecks = map[byte]struct {
	size int
	make func() hash.Hash
}{
	0:  {0, nil},
	1:  {4, func() hash.Hash { return crc32.NewIEEE() }},
	4:  {8, func() hash.Hash { return crc64.New(crc64.MakeTable(crc64.ECMA)) }},
	10: {32, sha256.New},
}

type xzReader struct {
	in     *bytes.Reader
	size   int64 // of the whole input
	check  byte
	block  *lzma.Reader2 // nil between blocks
	begun  int64         // offset of the block's data
	blocks int
	rooms  int64 // bytes of windows so far, over all blocks
	sum    hash.Hash
}

func openXZ(r io.Reader) (io.Reader, error) {
	in := r.(*bytes.Reader)
	x := &xzReader{in: in, size: in.Size()}
	return x, x.header()
}

// bytes reads n bytes.
func (x *xzReader) bytes(n int) ([]byte, error) {
	if n < 0 || n > x.in.Len() {
		return nil, errXZ
	}
	b := make([]byte, n)
	_, err := io.ReadFull(x.in, b)
	return b, err
}

func (x *xzReader) at() int64 { return x.size - int64(x.in.Len()) }

// header reads the header of a stream.
func (x *xzReader) header() error {
	b, err := x.bytes(xzHeaderSize)
	if err != nil {
		return err
	}
	if string(b[:6]) != xzMagic || crc32.ChecksumIEEE(b[6:8]) != binary.LittleEndian.Uint32(b[8:]) || b[6] != 0 {
		return errXZ
	}
	if _, ok := xzChecks[b[7]]; !ok {
		return fmt.Errorf("a check of type %d, which is not supported", b[7])
	}
	x.check, x.blocks = b[7], 0
	return nil
}

func (x *xzReader) Read(p []byte) (int, error) {
	for {
		if x.block == nil {
			if err := x.nextBlock(); err != nil {
				return 0, err
			}
		}
		n, err := x.block.Read(p)
		if x.sum != nil {
			x.sum.Write(p[:n])
		}
		if errors.Is(err, io.EOF) {
			err = x.endBlock()
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// nextBlock opens the next block, in this stream or one that follows. At the end of the
// last stream it returns io.EOF.
func (x *xzReader) nextBlock() error {
	for {
		size, err := x.in.ReadByte()
		if err != nil {
			return errXZ
		}
		if size != 0 {
			return x.openBlock(size)
		}
		if err := x.index(); err != nil {
			return err
		}
		for x.in.Len() > 0 {
			b, err := x.bytes(4)
			if err != nil {
				return err
			}
			if string(b) == "\x00\x00\x00\x00" { // padding between streams
				continue
			}
			if _, err := x.in.Seek(-4, io.SeekCurrent); err != nil {
				return err
			}
			break
		}
		if x.in.Len() == 0 {
			return io.EOF
		}
		if err := x.header(); err != nil {
			return err
		}
	}
}

func (x *xzReader) openBlock(size byte) error {
	b, err := x.bytes(int(size)*4 + 3)
	if err != nil {
		return err
	}
	n := len(b) - 4
	sum := crc32.Update(crc32.ChecksumIEEE([]byte{size}), crc32.IEEETable, b[:n])
	if sum != binary.LittleEndian.Uint32(b[n:]) || b[0]&0x3c != 0 {
		return errXZ
	}
	flags, h := b[0], bytes.NewReader(b[1:n])
	output := uint64(lzma.MaxDictCap)
	for _, present := range []byte{0x40, 0x80} { // compressed and uncompressed size
		if flags&present == 0 {
			continue
		}
		size, err := xzInt(h)
		if err != nil {
			return err
		}
		if present == 0x80 {
			output = min(output, size)
		}
	}
	id, err1 := xzInt(h)
	props, err2 := xzInt(h)
	code, err3 := h.ReadByte()
	if flags&3 != 0 || id != lzma2Filter && err1 == nil {
		return errors.New("a filter other than LZMA2, which is not supported")
	}
	if err1 != nil || err2 != nil || err3 != nil || props != 1 {
		return errXZ
	}
	window, err := lzma.DecodeDictCap(code)
	if err != nil {
		return errXZ
	}
	if window > maxDictionary {
		return fmt.Errorf("a dictionary of %d bytes, at most %d are supported", window, maxDictionary)
	}
	window = max(min(window, int64(output)), lzma.MinDictCap) // no need to look further back
	if x.rooms += window; x.rooms > maxDictionaries {
		return fmt.Errorf("dictionaries of more than %d bytes together, the limit; compress in fewer blocks", maxDictionaries)
	}
	x.blocks++
	x.begun = x.at()
	x.sum = nil
	if c := xzChecks[x.check]; c.make != nil {
		x.sum = c.make()
	}
	x.block, err = lzma.Reader2Config{DictCap: int(window)}.NewReader2(x.in)
	return err
}

// endBlock reads the padding and the check after a block.
func (x *xzReader) endBlock() error {
	x.block = nil
	if _, err := x.bytes(int(-(x.at() - x.begun) & 3)); err != nil {
		return err
	}
	want, err := x.bytes(xzChecks[x.check].size)
	if err != nil || x.sum == nil {
		return err
	}
	got := x.sum.Sum(nil)
	if x.check != 10 { // Go writes a CRC with the highest byte first, xz with the lowest
		for i, j := 0, len(got)-1; i < j; i, j = i+1, j-1 {
			got[i], got[j] = got[j], got[i]
		}
	}
	if !bytes.Equal(got, want) {
		return errors.New("the checksum does not match; the file is damaged")
	}
	return nil
}

// index reads the index, whose first byte has been read, and the footer.
func (x *xzReader) index() error {
	start := x.at() - 1
	count, err := xzInt(x.in)
	if err != nil || count != uint64(x.blocks) {
		return errXZ
	}
	for range 2 * x.blocks {
		if _, err := xzInt(x.in); err != nil {
			return err
		}
	}
	if _, err := x.bytes(int(-(x.at() - start) & 3)); err != nil {
		return err
	}
	if _, err := x.bytes(4); err != nil { // the index's CRC: nothing of it is used
		return err
	}
	b, err := x.bytes(xzHeaderSize)
	if err != nil {
		return err
	}
	if string(b[10:]) != xzFooter || crc32.ChecksumIEEE(b[4:10]) != binary.LittleEndian.Uint32(b) || b[9] != x.check {
		return errXZ
	}
	return nil
}

// xzInt reads a number of 7 bits per byte, the lowest first.
func xzInt(r io.ByteReader) (uint64, error) {
	n, err := binary.ReadUvarint(r)
	if err != nil {
		return 0, errXZ
	}
	return n, nil
}
