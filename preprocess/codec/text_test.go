package codec

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func encoded(text string, e Encoding) []byte {
	var b []byte
	switch e {
	case Latin1:
		for _, r := range text {
			b = append(b, byte(r))
		}
	case UTF16LE, UTF16BE:
		for _, u := range utf16.Encode([]rune(text)) {
			if e == UTF16BE {
				b = append(b, byte(u>>8), byte(u))
			} else {
				b = append(b, byte(u), byte(u>>8))
			}
		}
	default:
		b = []byte(text)
	}
	return b
}

func decoded(data []byte, e Encoding) (string, error) {
	r, err := NewTextReader(bytes.NewReader(data), e)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(r)
	return string(text), err
}

func TestTextReader_convertsEveryCharacter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := rapid.SampledFrom([]Encoding{UTF8, UTF16LE, UTF16BE, Latin1}).Draw(t, "encoding")
		runes := rapid.Rune()
		if e == Latin1 {
			runes = rapid.Map(rapid.IntRange(0, 255), func(i int) rune { return rune(i) })
		}
		text := strings.ToValidUTF8(rapid.StringOf(runes).Draw(t, "text"), "")
		text = strings.Repeat(text, rapid.SampledFrom([]int{1, 1, 1, 5000}).Draw(t, "times"))
		slow := rapid.SampledFrom([]func(io.Reader) io.Reader{iotest.HalfReader, iotest.OneByteReader, iotest.DataErrReader}).Draw(t, "reader")
		r, err := NewTextReader(slow(bytes.NewReader(encoded(text, e))), e)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err != nil || string(got) != text {
			t.Fatalf("%s: %q, %v, want %q", e, got, err, text)
		}
	})
}

func TestTextReader_convertsTheFirstAndLastOfEachLength(t *testing.T) {
	const text = "\x00\x7f\u0080\u00ff\u07ff\u0800\ud7ff\ue000\uffff\U00010000\U0010ffff"
	for e, text := range map[Encoding]string{UTF8: text, UTF16LE: text, UTF16BE: text, Latin1: text[:6]} {
		for name, slow := range map[string]func(io.Reader) io.Reader{"at once": func(r io.Reader) io.Reader { return r }, "byte by byte": iotest.OneByteReader} {
			r, err := NewTextReader(slow(bytes.NewReader(encoded(text, e))), e)
			if err != nil {
				t.Fatal(err)
			}
			if err := iotest.TestReader(r, []byte(text)); err != nil {
				t.Errorf("%s, %s: %v", e, name, err)
			}
		}
	}
}

func TestTextReader_findsTheOrderOfBytes(t *testing.T) {
	const text = "id,naïve 🐧\n"
	for name, data := range map[string][]byte{
		"little-endian, marked": encoded("\ufeff"+text, UTF16LE),
		"big-endian, marked":    encoded("\ufeff"+text, UTF16BE),
		"little-endian":         encoded(text, UTF16LE),
		"big-endian":            encoded(text, UTF16BE),
	} {
		if got, err := decoded(data, UTF16); err != nil || strings.TrimPrefix(got, "\ufeff") != text {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for name, text := range map[string]string{"neither mark nor ASCII": "дом", "half of a mark": "\uff01a", "the other half": "\u01fea", "nothing": "\x00a"} {
		if got, err := decoded(encoded(text, UTF16LE), UTF16); err != nil || got != text {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestTextReader_losesNothing(t *testing.T) {
	long := strings.Repeat("ab", textChunk/4) // the pair lies across two chunks
	for name, test := range map[string]struct {
		encoding Encoding
		data     []byte
		want     string
	}{
		"half a pair":            {UTF16LE, []byte{'a', 0, 0x3d, 0xd8, 'b', 0}, "UTF-16: half of a surrogate pair at byte 2 of the text"},
		"second half":            {UTF16BE, []byte{0, 'a', 0xdc, 0x00}, "UTF-16: half of a surrogate pair at byte 2 of the text"},
		"half a pair at the end": {UTF16BE, []byte{0, 'a', 0xd8, 0x3d}, "UTF-16: half of a surrogate pair at byte 2 of the text"},
		"three bytes of a pair":  {UTF16LE, []byte{'a', 0, 0x3d, 0xd8, 0x00}, "UTF-16: half of a surrogate pair at byte 2 of the text"},
		"half a character":       {UTF16LE, []byte{'a', 0, 'b'}, "UTF-16: half a character at byte 2 of the text"},
		"far behind":             {UTF16LE, append(encoded(long, UTF16LE), 0, 0xdc, 0, 0), "UTF-16: half of a surrogate pair at byte 32768 of the text"},
		"UTF-16 as UTF-8":        {UTF8, encoded("\ufeffid\n", UTF16LE), "UTF-8: it starts as UTF-16 does (set --encoding utf-16) at byte 0 of the text"},
	} {
		_, err := decoded(test.data, test.encoding)
		if !errors.As(err, new(*Error)) || err.Error() != test.want {
			t.Errorf("%s: error %v, want %s", name, err, test.want)
		}
	}
}

func TestTextReader_refusesWhatIsStillCompressed(t *testing.T) {
	for _, c := range []Compression{Gzip, Zstd} {
		inner := packed(t, c, sample(10))
		_, err := NewTextReader(bytes.NewReader(inner), UTF8)
		if want := "UTF-8: it starts as " + c.String() + " does; want a file that is compressed once at byte 0 of the text"; err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestTextReader_passesErrorsOn(t *testing.T) {
	reset := fmt.Errorf("the body broke off: %w", io.ErrUnexpectedEOF) // no end of the file
	for _, e := range []Encoding{UTF8, UTF16, Latin1} {
		r, err := NewTextReader(io.MultiReader(strings.NewReader("a"), iotest.ErrReader(reset)), e)
		if err == nil {
			_, err = io.ReadAll(r)
		}
		if !errors.Is(err, reset) {
			t.Errorf("%s: %v", e, err)
		}
	}
	r, err := NewTextReader(io.MultiReader(bytes.NewReader(encoded("ab", UTF16LE)), iotest.ErrReader(reset)), UTF16LE)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); string(got) != "ab" || !errors.Is(err, reset) {
		t.Errorf("%q and %v", got, err)
	}
}

// failsOnce is a reader whose error does not come again.
type failsOnce struct{ err error }

func (f *failsOnce) Read([]byte) (int, error) {
	err := f.err
	f.err = io.EOF
	return 0, err
}

func TestTextReader_passesAnErrorOnThatComesOnce(t *testing.T) {
	reset := errors.New("connection reset")
	for _, e := range []Encoding{UTF8, UTF16, Latin1} {
		r, err := NewTextReader(&failsOnce{reset}, e)
		if err == nil {
			_, err = io.ReadAll(r)
		}
		if !errors.Is(err, reset) {
			t.Errorf("%s: %v", e, err)
		}
	}
}

// pausing is a reader that gives nothing for a while before each byte.
type pausing struct {
	r     io.Reader
	pause int
	left  int
}

func (p *pausing) Read(b []byte) (int, error) {
	if p.left--; p.left >= 0 {
		return 0, nil
	}
	p.left = p.pause
	return p.r.Read(b[:1])
}

func TestTextReader_givesUpAReaderThatGivesNothing(t *testing.T) {
	for _, e := range []Encoding{UTF8, UTF16, Latin1} {
		for pause, want := range map[int]error{0: nil, 90: nil, 1000: io.ErrNoProgress} {
			data := []byte("ab")
			if e == UTF16 {
				data = encoded("ab", UTF16LE)
			}
			r, err := NewTextReader(&pausing{bytes.NewReader(data), pause, pause}, e)
			var got []byte
			if err == nil {
				got, err = io.ReadAll(r)
			}
			if !errors.Is(err, want) || want == nil && string(got) != "ab" {
				t.Errorf("%s, after %d times nothing: %q, %v", e, pause, got, err)
			}
		}
	}
}

func TestParseEncoding_takesTheUsualNames(t *testing.T) {
	for name, want := range map[string]Encoding{"utf-8": UTF8, "UTF8": UTF8, "UTF-16": UTF16, "utf-16BE": UTF16BE, "latin1": Latin1, "ISO-8859-1": Latin1} {
		if got, err := ParseEncoding(name); err != nil || got != want {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
	if _, err := ParseEncoding("ebcdic"); err == nil || err.Error() != `got "ebcdic", want utf-8, utf-16, utf-16le, utf-16be or latin-1` {
		t.Errorf("error %v", err)
	}
}

// Whatever the bytes are, what comes out of a conversion is valid UTF-8 that
// encodes to the same bytes.
func FuzzTextReader(f *testing.F) {
	f.Add([]byte("a,b\n"), uint8(0))
	f.Add(encoded("id,🐧\n", UTF16LE), uint8(1))
	f.Add(encoded("id,🐧\n", UTF16BE), uint8(2))
	f.Add([]byte{0x3d, 0xd8}, uint8(1))
	f.Fuzz(func(t *testing.T, data []byte, which uint8) {
		e := []Encoding{Latin1, UTF16LE, UTF16BE}[which%3]
		got, err := decoded(data, e)
		if !utf8.ValidString(got) {
			t.Fatalf("%s: %q", e, got)
		}
		back := encoded(got, e)
		if err == nil && !bytes.Equal(back, data) || !bytes.HasPrefix(data, back) {
			t.Fatalf("%s: %q gives %q", e, data, back)
		}
		if err != nil && !errors.As(err, new(*Error)) {
			t.Fatalf("%s: error %v", e, err)
		}
	})
}
