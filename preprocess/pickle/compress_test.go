package pickle

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"io"
	"strings"
	"testing"

	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"
	"github.com/ulikunitz/xz/lzma"
)

// xzFiles are made by xz 5.4 of the text hello.
var xzFiles = map[string]string{
	"no check":             "/Td6WFoAAAD/EtlBAgAhARYAAAB0L+WjAQAEaGVsbG8AAAAAAAEVBbCnWWcGcp56AQAAAAAAWVo=",
	"CRC32":                "/Td6WFoAAAFpIt42AgAhARYAAAB0L+WjAQAEaGVsbG8AAAAAhqYQNgABGQW86OzLkEKZDQEAAAAAAVla",
	"CRC64":                "/Td6WFoAAATm1rRGAgAhARYAAAB0L+WjAQAEaGVsbG8AAAAAsTe52+XaHpsAAR0FuC2Arx+2830BAAAAAARZWg==",
	"SHA-256":              "/Td6WFoAAArh+wyhAgAhARYAAAB0L+WjAQAEaGVsbG8AAAAALPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQAATUFEoPd8hibS5oBAAAAAApZWg==",
	"window of 4 KiB":      "/Td6WFoAAATm1rRGAgAhAQAAAAA3J5fWAQAEaGVsbG8AAAAAsTe52+XaHpsAAR0FuC2Arx+2830BAAAAAARZWg==",
	"three blocks":         "/Td6WFoAAATm1rRGAgAhARYAAAB0L+WjAQABaGUAAACrS6kRMY7UxAIAIQEWAAAAdC/lowEAAWxsAAAAE3JdMeQMJkECACEBFgAAAHQv5aMBAABvAAAAAAtptIat9vdLAAMaAhoCGQFyTWBcscRn+wIAAAAABFla",
	"two streams":          "/Td6WFoAAATm1rRGAAAAABzfRCEftvN9AQAAAAAEWVr9N3pYWgAABObWtEYCACEBFgAAAHQv5aMBAARoZWxsbwAAAACxN7nb5doemwABHQW4LYCvH7bzfQEAAAAABFla",
	"sizes in the header":  "/Td6WFoAAATm1rRGAsAJBSEBFgCcjiEBAQAEaGVsbG8AAAAAsTe52+XaHpsAAR0FuC2Arx+2830BAAAAAARZWg==",
	"padding after stream": "/Td6WFoAAATm1rRGAgAhARYAAAB0L+WjAQAEaGVsbG8AAAAAsTe52+XaHpsAAR0FuC2Arx+2830BAAAAAARZWgAAAAA=",
}

func TestXZ_readsWhatXZWrites(t *testing.T) {
	for name, text := range xzFiles {
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		got, err := decompress(b, 100)
		if err != nil || string(got) != "hello" {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
}

func TestXZ_refusesFilters(t *testing.T) {
	b, err := base64.StdEncoding.DecodeString("/Td6WFoAAATm1rRGAgEEACEBFgANhjUfAQAEaGVsbG8AAAAAsTe52+XaHpsAAR0FuC2Arx+2830BAAAAAARZWg==")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := decompress(b, 100); err == nil || !strings.Contains(err.Error(), "a filter other than LZMA2") {
		t.Errorf("got %v", err)
	}
}

func TestXZ_everyChangedByteIsNoticed(t *testing.T) {
	for name, text := range xzFiles {
		if name == "no check" {
			continue
		}
		good, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		for i := 6; i < len(good); i++ {
			b := bytes.Clone(good)
			b[i] ^= 0x11
			// What the index says of the sizes of blocks is not used.
			if got, err := decompress(b, 100); err == nil && string(got) != "hello" {
				t.Errorf("%s: byte %d changed: got %q", name, i, got)
			}
		}
		for n := 6; n < len(good)-4; n++ {
			if name == "two streams" && n == 32 {
				continue // the first of them, which is empty
			}
			if got, err := decompress(good[:n], 100); err == nil {
				t.Errorf("%s: first %d of %d bytes: got %q", name, n, len(good), got)
			}
		}
	}
}

// compressors write what decompress reads.
var compressors = map[string]func(io.Writer) (io.WriteCloser, error){
	"zlib": func(w io.Writer) (io.WriteCloser, error) { return zlib.NewWriter(w), nil },
	"gzip": func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil },
	"lz4":  func(w io.Writer) (io.WriteCloser, error) { return lz4.NewWriter(w), nil },
	"xz":   func(w io.Writer) (io.WriteCloser, error) { return xz.NewWriter(w) },
	"lzma": func(w io.Writer) (io.WriteCloser, error) { return lzma.NewWriter(w) },
}

func compress(t *testing.T, name string, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z, err := compressors[name](&b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := z.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestDecompress_exactlyUpToTheLimit(t *testing.T) {
	// Long enough to need more room than the first guess.
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	for name := range compressors {
		b := compress(t, name, data)
		got, err := decompress(b, len(data))
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s: got %d bytes, %v, want %d", name, len(got), err, len(data))
		}
		if _, err := decompress(b, len(data)-1); err == nil || err.Error() != name+": more than 1048575 bytes after decompression, the limit; save the model without compression" {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestDecompress_truncatedIsRefused(t *testing.T) {
	data := bytes.Repeat([]byte("0123456789abcdef"), 100)
	for name := range compressors {
		b := compress(t, name, data)
		for n := 6; n < len(b); n++ {
			// lzma of this library marks no end unless asked, and zlib's checksum is 4 bytes:
			// none of the data may be missing, whatever is.
			if got, err := decompress(b[:n], 1<<20); err == nil && !bytes.Equal(got, data) {
				t.Errorf("%s: first %d of %d bytes: got %d bytes", name, n, len(b), len(got))
			}
		}
	}
}

func TestDecompress_leavesOtherFilesAlone(t *testing.T) {
	for _, s := range []string{"", "x", "\x80\x04N.", "]q\x00.", "BZ", "\x5d", "\x1f"} {
		got, err := decompress([]byte(s), 10)
		if err != nil || string(got) != s {
			t.Errorf("%q: got %q, %v", s, got, err)
		}
	}
}
