package table

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"
)

// ErrNoHeader says that there is no record at all.
var ErrNoHeader = errors.New("the input is empty: want a header")

// ReadHeader reads the first record of a block as column names and returns
// where the next record starts. It returns no names if the block has no record.
// An empty name becomes "Unnamed: N" as in pandas, N counting from 0.
func ReadHeader(d Dialect, block []byte) (names []string, rest int, err error) {
	for rest < len(block) {
		start := rest
		fields, end, closed := readRecord(d, block[start:])
		end += start
		rest = end
		if rest < len(block) {
			rest++
			if block[end] == '\r' && rest < len(block) && block[rest] == '\n' {
				rest++
			}
		}
		switch {
		case !closed:
			return nil, 0, errors.New("header: a quote is opened and never closed")
		case len(fields) == 1 && blank(block[start:end]):
			continue
		case !utf8.Valid(block[start:end]):
			return nil, 0, fmt.Errorf("header: not valid UTF-8 at byte %d of it (set --encoding if it is in another)", invalidAt(block[start:end]))
		case bytes.IndexByte(block[start:end], 0) >= 0:
			return nil, 0, fmt.Errorf("header: a NUL at byte %d of it (set --encoding if it is UTF-16)", bytes.IndexByte(block[start:end], 0))
		}
		for i, name := range fields {
			if name == "" {
				fields[i] = fmt.Sprintf("Unnamed: %d", i)
			}
		}
		return fields, rest, nil
	}
	return nil, rest, nil
}

// readRecord reads the record at the start of b, byte by byte. It returns where
// its line end is, and false if a quote was not closed.
func readRecord(d Dialect, b []byte) (fields []string, end int, closed bool) {
	var field []byte
	start, quoted := true, false
	for i := 0; i < len(b); i++ {
		c := b[i]
		switch {
		case quoted && c == '"' && i+1 < len(b) && b[i+1] == '"':
			field = append(field, c)
			i++
		case quoted && c == '"':
			quoted = false
		case quoted:
			field = append(field, c)
		case c == '"' && start:
			quoted, start = true, false
		case c == '\n' || c == '\r':
			return append(fields, string(field)), i, true
		case c == d.Delimiter:
			fields = append(fields, string(field))
			field, start = field[:0], true
		default:
			field, start = append(field, c), false
		}
	}
	return append(fields, string(field)), len(b), !quoted
}
