// Package codec turns the bytes of a file into plain UTF-8 text, and text into
// the bytes of a file:
//
//	bytes ──Reader (gzip, zstd)──► bytes ──TextReader (UTF-16, Latin-1)──► UTF-8
//	UTF-8 ──Writer (gzip, zstd)──► bytes
//
// Everything is streamed: memory does not depend on the length of the file, nor
// on how far its bytes expand.
package codec

import (
	"bytes"
	"fmt"
	"io"
	"path"
	"strings"
)

// Compression is how a file is compressed.
type Compression uint8

// The compressions that are known.
const (
	None Compression = iota
	Gzip
	Zstd
)

func (c Compression) String() string {
	switch c {
	case Gzip:
		return "gzip"
	case Zstd:
		return "zstd"
	}
	return "none"
}

// ByName tells how a file of that name is compressed: .gz is gzip, .zst is zstd,
// in any case of letters.
func ByName(name string) Compression {
	switch strings.ToLower(path.Ext(name)) {
	case ".gz":
		return Gzip
	case ".zst":
		return Zstd
	}
	return None
}

// BaseName is a name without the ending that ByName looks at.
func BaseName(name string) string {
	if ByName(name) == None {
		return name
	}
	return strings.TrimSuffix(name, path.Ext(name))
}

// byMagic tells a compression by the first bytes of a file.
func byMagic(head []byte) Compression {
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		return Gzip
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return Zstd
	case len(head) >= 4 && head[0]&0xf0 == 0x50 && bytes.HasPrefix(head[1:], []byte{0x2a, 0x4d, 0x18}): // a skippable frame
		return Zstd
	}
	return None
}

// magicBytes is how much byMagic and others look at.
const magicBytes = 10

// others are files that are often taken for text or for something that is read, by
// their first bytes.
var others = []struct{ format, magic string }{
	{"bzip2", "BZh?1AY&SY"}, // ? is a digit
	{"xz", "\xfd7zXZ\x00"},
	{"7z", "7z\xbc\xaf\x27\x1c"},
	{"zip (.xlsx is one)", "PK\x03\x04"},
	{"an Excel file", "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"},
}

// otherByMagic names a format that is not read; "" for none.
func otherByMagic(head []byte) string {
	for _, o := range others {
		if len(head) < len(o.magic) {
			continue
		}
		same := true
		for i, c := range []byte(o.magic) {
			same = same && (c == head[i] || c == '?')
		}
		if same {
			return o.format
		}
	}
	return ""
}

// Error says that bytes are not what they should be.
type Error struct {
	Format string // "gzip", "UTF-16", ...
	Offset int64  // where, in bytes of what was read
	Reason string
	Err    error // the cause, or nil
}

func (e *Error) Error() string {
	of := "the file"
	if strings.HasPrefix(e.Format, "UTF") {
		of = "the text"
	}
	return fmt.Sprintf("%s: %s at byte %d of %s", e.Format, e.Reason, e.Offset, of)
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// atEnd tells whether err is io.EOF itself: a broken connection may wrap it.
func atEnd(err error) bool { return err == io.EOF } //nolint:errorlint // see above
