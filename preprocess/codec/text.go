package codec

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Encoding is how characters are written as bytes.
type Encoding string

// The encodings that are known.
const (
	UTF8    Encoding = "utf-8"
	UTF16   Encoding = "utf-16" // the order of bytes as its first character shows
	UTF16LE Encoding = "utf-16le"
	UTF16BE Encoding = "utf-16be"
	Latin1  Encoding = "latin-1" // ISO 8859-1: every byte is the character of that number
)

// ParseEncoding reads the name of an encoding, in any case of letters.
func ParseEncoding(name string) (Encoding, error) {
	switch lower := strings.ToLower(name); lower {
	case "utf-8", "utf8":
		return UTF8, nil
	case "utf-16", "utf16":
		return UTF16, nil
	case "utf-16le", "utf-16be":
		return Encoding(lower), nil
	case "latin-1", "latin1", "iso-8859-1":
		return Latin1, nil
	}
	return "", fmt.Errorf("got %q, want utf-8, utf-16, utf-16le, utf-16be or latin-1", name)
}

// textChunk is how many bytes are converted at once.
const textChunk = 32 << 10

// NewTextReader converts text to UTF-8 on the way. UTF-8 itself is passed on
// unchecked. A byte order mark is converted as any other character.
//
// Half a surrogate pair and half a character are errors: a replacement would
// lose what stood there.
func NewTextReader(r io.Reader, e Encoding) (io.Reader, error) {
	switch e {
	case UTF8:
		return checkMark(r)
	case UTF16, UTF16LE, UTF16BE:
		return &textReader{r: r, convert: (&utf16Text{order: e}).convert}, nil
	case Latin1:
		return &textReader{r: r, convert: latin1}, nil
	}
	return nil, fmt.Errorf("encoding %q is not known", e)
}

// checkMark refuses UTF-16 that passes for UTF-8, in which its first byte cannot
// occur, and what is still compressed, in which the second cannot.
func checkMark(r io.Reader) (io.Reader, error) {
	buf := bufio.NewReaderSize(r, 16) // what is read at once is larger, and passes it by
	head, err := buf.Peek(4)
	if err != nil && !atEnd(err) {
		return nil, err
	}
	if c := byMagic(head); c == Gzip || c == Zstd && head[1] >= utf8.RuneSelf {
		return nil, &Error{Format: "UTF-8", Reason: fmt.Sprintf("it starts as %s does; want a file that is compressed once", c)}
	}
	if mark := string(head[:min(len(head), 2)]); mark == "\xff\xfe" || mark == "\xfe\xff" {
		return nil, &Error{Format: "UTF-8", Reason: "it starts as UTF-16 does (set --encoding utf-16)"}
	}
	return buf, nil
}

// textReader converts chunks of bytes.
type textReader struct {
	r       io.Reader
	convert func(dst, src []byte, offset int64, last bool) (out []byte, used int, err error)

	in     []byte
	offset int64 // of in
	out    []byte
	done   int // of out
	err    error
}

func (t *textReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for idle := 0; t.done == len(t.out); {
		if t.err != nil {
			return 0, t.err
		}
		if t.in == nil {
			t.in = make([]byte, 0, textChunk)
		}
		n, err := t.r.Read(t.in[len(t.in):textChunk])
		t.in = t.in[:len(t.in)+n]
		t.err = err
		if idle++; n > 0 {
			idle = 0
		} else if idle == 100 && err == nil {
			t.err = io.ErrNoProgress
		}
		if err != nil && !atEnd(err) {
			return 0, err
		}
		out, used, fault := t.convert(t.out[:0], t.in, t.offset, atEnd(err))
		if fault != nil {
			t.err = fault
		}
		t.out, t.done = out, 0
		t.offset += int64(used)
		t.in = t.in[:copy(t.in, t.in[used:])]
	}
	n := copy(p, t.out[t.done:])
	t.done += n
	return n, nil
}

func latin1(dst, src []byte, _ int64, _ bool) ([]byte, int, error) {
	for _, b := range src {
		if b < utf8.RuneSelf {
			dst = append(dst, b)
		} else {
			dst = utf8.AppendRune(dst, rune(b))
		}
	}
	return dst, len(src), nil
}

type utf16Text struct{ order Encoding }

// order is what the first character shows: the byte order mark, or the zero half
// of an ASCII character; little-endian if it shows nothing.
func orderOf(first, second byte) Encoding {
	if first == 0xfe && second == 0xff || first == 0 && second != 0 {
		return UTF16BE
	}
	return UTF16LE
}

func (u *utf16Text) convert(dst, src []byte, offset int64, last bool) ([]byte, int, error) {
	fault := func(at int, reason string) error {
		return &Error{Format: "UTF-16", Offset: offset + int64(at), Reason: reason}
	}
	i := 0
	for ; i+1 < len(src); i += 2 {
		if u.order == UTF16 {
			u.order = orderOf(src[0], src[1])
		}
		c := u.unit(src[i:])
		if c < utf8.RuneSelf {
			dst = append(dst, byte(c))
			continue
		}
		if !utf16.IsSurrogate(c) {
			dst = utf8.AppendRune(dst, c)
			continue
		}
		if i+3 >= len(src) {
			if last {
				return dst, i, fault(i, "half of a surrogate pair")
			}
			return dst, i, nil
		}
		pair := utf16.DecodeRune(c, u.unit(src[i+2:]))
		if pair == utf8.RuneError {
			return dst, i, fault(i, "half of a surrogate pair")
		}
		dst = utf8.AppendRune(dst, pair)
		i += 2
	}
	if last && i < len(src) {
		return dst, i, fault(i, "half a character")
	}
	return dst, i, nil
}

func (u *utf16Text) unit(b []byte) rune {
	if u.order == UTF16BE {
		return rune(b[0])<<8 | rune(b[1])
	}
	return rune(b[1])<<8 | rune(b[0])
}
