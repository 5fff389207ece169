package pickle

import (
	"bytes"
	"encoding/binary"
)

// stream is the file being read. A length that the file declares is compared with what is
// left of the file before anything is made of it.
type stream struct {
	data []byte
	pos  int
}

func (s *stream) byte() (byte, error) {
	if s.pos >= len(s.data) {
		return 0, errEnd(1, 0)
	}
	s.pos++
	return s.data[s.pos-1], nil
}

// next is the next n bytes, not copied.
func (s *stream) next(n int) ([]byte, error) {
	if left := len(s.data) - s.pos; n < 0 || n > left {
		return nil, errEnd(n, left)
	}
	b := s.data[s.pos : s.pos+n : s.pos+n]
	s.pos += n
	return b, nil
}

// line is the text up to the next newline, without it.
func (s *stream) line() ([]byte, error) {
	n := bytes.IndexByte(s.data[s.pos:], '\n')
	if n < 0 {
		return nil, fail("the file ends within a line; it is truncated")
	}
	b := s.data[s.pos : s.pos+n]
	s.pos += n + 1
	return b, nil
}

// length reads a little-endian length of 1, 2, 4 or 8 bytes.
func (s *stream) length(size int) (int, error) {
	b, err := s.next(size)
	if err != nil {
		return 0, err
	}
	var n uint64
	switch size {
	case 1:
		n = uint64(b[0])
	case 2:
		n = uint64(binary.LittleEndian.Uint16(b))
	case 4:
		n = uint64(binary.LittleEndian.Uint32(b))
	default:
		n = binary.LittleEndian.Uint64(b)
	}
	if n > uint64(len(s.data)) && size == 8 {
		return 0, fail("a length of %d bytes, %d left; the file is truncated or damaged", n, len(s.data)-s.pos)
	}
	return int(n), nil
}

// block reads a length of the given size, and that many bytes.
func (s *stream) block(size int) ([]byte, error) {
	n, err := s.length(size)
	if err != nil {
		return nil, err
	}
	return s.next(n)
}

func errEnd(want, left int) error {
	return fail("%d bytes wanted, %d left; the file is truncated or damaged", want, left)
}
