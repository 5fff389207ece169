package pickle

import (
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"

	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz/lzma"
)

// compressions are what joblib writes and reads, told by the first bytes of the file. No
// pickle begins with any of them.
var compressions = []struct {
	name  string
	magic string
	open  func(r io.Reader) (io.Reader, error)
}{
	{"zlib", "\x78\x01", openZlib},
	{"zlib", "\x78\x5e", openZlib},
	{"zlib", "\x78\x9c", openZlib},
	{"zlib", "\x78\xda", openZlib},
	{"gzip", "\x1f\x8b", func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }},
	{"bzip2", "BZh", func(r io.Reader) (io.Reader, error) { return bzip2.NewReader(r), nil }},
	{"xz", "\xfd7zXZ\x00", openXZ},
	{"lzma", "\x5d\x00\x00", openLZMA},
	{"lz4", "\x04\x22\x4d\x18", func(r io.Reader) (io.Reader, error) { return lz4.NewReader(r), nil }},
	{"", "ZF", func(io.Reader) (io.Reader, error) {
		return nil, errors.New("written by joblib before 0.10, which is not supported; save the model again with a newer joblib")
	}},
}

// maxDictionary bounds the window that an xz or lzma file may ask for: that of xz -9.
const maxDictionary = 64 << 20

// maxDictionaries bounds the sum over the blocks of an xz file, each of which is given a
// window of its own.
const maxDictionaries = 4 * maxDictionary

func openZlib(r io.Reader) (io.Reader, error) { return zlib.NewReader(r) }

func openLZMA(r io.Reader) (io.Reader, error) {
	return lzma.ReaderConfig{DictCap: maxDictionary}.NewReader(r)
}

// decompress returns data as it is when it is not compressed.
func decompress(data []byte, limit int) ([]byte, error) {
	for _, c := range compressions {
		if !bytes.HasPrefix(data, []byte(c.magic)) {
			continue
		}
		r, err := c.open(bytes.NewReader(data))
		if err == nil {
			data, err = readUpTo(r, len(data), limit)
		}
		if err != nil && c.name != "" {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		return data, err
	}
	return data, nil
}

// readUpTo reads all of r, which may not be more than limit bytes. It asks for memory by a
// guess from the compressed size and, where that is not enough, for all that the limit
// permits: the system gives pages only as they are filled, and growing step by step would
// leave the earlier steps behind.
func readUpTo(r io.Reader, compressed, limit int) ([]byte, error) {
	buf := make([]byte, min(max(16*compressed, 64<<10), limit+1))
	n := 0
	for {
		if n > limit {
			return nil, fmt.Errorf("more than %d bytes after decompression, the limit; save the model without compression", limit)
		}
		if n == len(buf) {
			grown := make([]byte, limit+1)
			copy(grown, buf)
			buf = grown
		}
		k, err := r.Read(buf[n:])
		n += k
		if errors.Is(err, io.EOF) {
			return shrink(buf[:n]), nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// shrink copies b when most of the room that it holds is not used.
func shrink(b []byte) []byte {
	if len(b) < cap(b)/2 {
		return append(make([]byte, 0, len(b)), b...)
	}
	return b
}
