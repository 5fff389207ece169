package table

import (
	"bytes"
	"io"
)

// Limits of a record's length in bytes.
const (
	MinRecordLimit     = 1 << 10
	DefaultRecordLimit = 8 << 20
)

// byteOrderMark is U+FEFF in UTF-8.
const byteOrderMark = "\xef\xbb\xbf"

// Splitter cuts a stream into blocks of whole records. Each byte is looked at
// once or twice, however long the records are.
type Splitter struct {
	r       io.Reader
	dialect Dialect
	limit   int
	carry   []byte // start of a record that did not end in the last block
	offset  int64  // of the next block in the stream
	started bool
	eof     bool
	err     error
}

// NewSplitter reads r. A record longer than limit bytes is an error.
func NewSplitter(r io.Reader, d Dialect, limit int) *Splitter {
	return &Splitter{r: r, dialect: d, limit: max(limit, 1)}
}

// NewSplitterAt reads the rest of an input from offset on, in bytes of text, where
// a record starts.
func NewSplitterAt(r io.Reader, d Dialect, limit int, offset int64) *Splitter {
	s := NewSplitter(r, d, limit)
	s.offset, s.started = offset, true // a byte order mark is none there
	return s
}

// Offset is where the next block starts in the stream, in bytes.
func (s *Splitter) Offset() int64 { return s.offset }

// Next returns the next block: whole records, about target bytes of them, or
// one that is longer. It uses buf's memory if that is enough. After the last
// block it returns io.EOF. A byte order mark at the start is dropped.
func (s *Splitter) Next(buf []byte, target int) ([]byte, error) {
	if s.err != nil {
		return nil, s.err
	}
	target = max(min(target, s.limit), 1)
	if !s.started {
		target = max(target, len(byteOrderMark))
	}
	if cap(buf) < target {
		buf = make([]byte, 0, target)
	}
	if cap(buf) < len(s.carry) {
		buf = make([]byte, 0, len(s.carry))
	}
	buf = append(buf[:0], s.carry...)
	s.carry = s.carry[:0]

	var sc scanner
	size := max(target, len(buf))
	for {
		if err := s.fill(&buf, size); err != nil {
			s.err = err
			return nil, err
		}
		if s.dialect.JSON {
			sc.scanLines(buf)
		} else {
			sc.scan(buf, s.dialect.Delimiter, s.eof)
		}
		if sc.end > 0 || s.eof {
			break
		}
		// Of a record as long as the limit, the CR is there and what decides about it is not.
		undecided := len(buf) == s.limit+1 && buf[s.limit] == '\r' && !sc.quoted
		if len(buf) > s.limit && !undecided {
			s.err = &RecordTooLongError{Offset: s.offset, Limit: s.limit, Quoted: sc.quoted}
			return nil, s.err
		}
		size = min(2*size, s.limit+1)
		if undecided {
			size = s.limit + 2
		}
	}

	end := sc.end
	if s.eof {
		end = len(buf)
		// What follows the last line end is a record of its own.
		if last := end - sc.end; last > s.limit {
			s.err = &RecordTooLongError{Offset: s.offset + int64(sc.end), Limit: s.limit, Quoted: sc.quoted}
			return nil, s.err
		}
		s.err = io.EOF
		if end == 0 {
			return nil, io.EOF
		}
	}
	s.carry = append(s.carry, buf[end:]...)
	s.offset += int64(end)
	return buf[:end], nil
}

// AtEnd tells whether err is io.EOF itself. A broken connection may wrap io.EOF,
// and must not pass for the end of the input.
func AtEnd(err error) bool { return err == io.EOF } //nolint:errorlint // see above

// fill reads until buf holds size bytes or the stream ends.
func (s *Splitter) fill(buf *[]byte, size int) error {
	b := *buf
	if cap(b) < size {
		b = append(make([]byte, 0, size), b...)
	}
	idle := 0
	for len(b) < size && !s.eof {
		n, err := s.r.Read(b[len(b):size])
		b = b[:len(b)+n]
		switch {
		case AtEnd(err):
			s.eof = true
		case err != nil:
			return err
		case n > 0:
			idle = 0
		default:
			if idle++; idle == 100 {
				return io.ErrNoProgress
			}
		}
		if !s.started && (len(b) >= len(byteOrderMark) || s.eof) {
			s.started = true
			if bytes.HasPrefix(b, []byte(byteOrderMark)) {
				b = b[:copy(b, b[len(byteOrderMark):])]
				s.offset = int64(len(byteOrderMark))
			}
		}
	}
	*buf = b
	return nil
}

// scanner finds the last record end in a growing buffer that starts with a
// record. It hops from quote to quote.
type scanner struct {
	pos    int  // everything before it was looked at
	end    int  // just after the last line end that ends a record; 0 for none
	quoted bool // pos is inside quotes
}

func (s *scanner) scan(b []byte, delimiter byte, eof bool) {
	for s.pos < len(b) {
		if s.quoted {
			q := indexFrom(b, s.pos, '"')
			if q < 0 {
				s.pos = len(b)
				return
			}
			if q+1 == len(b) && !eof {
				s.pos = q // the next byte decides what this quote is
				return
			}
			if q+1 < len(b) && b[q+1] == '"' {
				s.pos = q + 2
				continue
			}
			s.quoted = false
			s.pos = q + 1
			continue
		}

		q := indexFrom(b, s.pos, '"')
		to := q
		if q < 0 {
			to = len(b)
		}
		for i := to - 1; i >= s.pos; i-- {
			if b[i] == '\n' || b[i] == '\r' && (i+1 < len(b) || eof) {
				s.end = i + 1
				break
			}
		}
		if q < 0 {
			s.pos = len(b)
			if b[len(b)-1] == '\r' && !eof {
				s.pos-- // the next byte decides whether the line ends here
			}
			return
		}
		s.pos = q + 1
		if q == 0 || b[q-1] == delimiter || b[q-1] == '\n' || b[q-1] == '\r' {
			s.quoted = true
		}
	}
}

// scanLines is scan where every line feed ends a record.
func (s *scanner) scanLines(b []byte) {
	if i := bytes.LastIndexByte(b[s.pos:], '\n'); i >= 0 {
		s.end = s.pos + i + 1
	}
	s.pos = len(b)
}

func indexFrom(b []byte, from int, c byte) int {
	i := bytes.IndexByte(b[from:], c)
	if i < 0 {
		return -1
	}
	return from + i
}

func count(b []byte, c byte) int { return bytes.Count(b, []byte{c}) }

// Unread puts back the last bytes that Next returned. They need not be records.
func (s *Splitter) Unread(b []byte) {
	again := append(append([]byte(nil), b...), s.carry...)
	s.offset -= int64(len(b))
	s.carry = s.carry[:0]
	rest := s.r
	if s.eof {
		rest = bytes.NewReader(nil)
	}
	s.r = io.MultiReader(bytes.NewReader(again), rest)
	s.eof, s.err = false, nil
}
