package parquet

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/format"
	"github.com/pierrec/lz4/v4"
)

// unpacker unpacks pages, never beyond the size that they say they have.
type unpacker struct {
	zstd *zstd.Decoder
	gzip *gzip.Reader
}

var errSize = errors.New("a page does not unpack to the size that it says")

// unpack fills dst.
func (u *unpacker) unpack(codec format.CompressionCodec, dst, src []byte) error {
	switch codec {
	case format.Uncompressed:
		if len(src) != len(dst) {
			return errSize
		}
		copy(dst, src)
		return nil
	case format.Snappy:
		if n, err := s2.DecodedLen(src); err != nil || n != len(dst) {
			return errSize
		}
		_, err := s2.Decode(dst, src)
		return err
	case format.Gzip:
		var err error
		if u.gzip == nil {
			u.gzip, err = gzip.NewReader(bytes.NewReader(src))
		} else {
			err = u.gzip.Reset(bytes.NewReader(src))
		}
		if err != nil {
			return err
		}
		if _, err := io.ReadFull(u.gzip, dst); err != nil {
			return errSize
		}
		if n, err := u.gzip.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
			return errSize
		}
		return nil
	case format.Zstd:
		if u.zstd == nil {
			var err error
			u.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecodeAllCapLimit(true))
			if err != nil {
				return err
			}
		}
		out, err := u.zstd.DecodeAll(src, dst[:0:len(dst)]) // the capacity is its limit
		if err == nil && len(out) != len(dst) {
			err = errSize
		}
		return err
	case format.Lz4Raw:
		n, err := lz4.UncompressBlock(src, dst)
		if err == nil && n != len(dst) {
			err = errSize
		}
		return err
	}
	return fmt.Errorf("compression %s is not supported, want none, snappy, gzip, zstd or lz4_raw", codec)
}

// supported tells whether unpack knows a compression.
func supported(codec format.CompressionCodec) bool {
	switch codec {
	case format.Uncompressed, format.Snappy, format.Gzip, format.Zstd, format.Lz4Raw:
		return true
	}
	return false
}
