package codec

import (
	"bytes"
	stdgzip "compress/gzip"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/zstd"
	"pgregory.net/rapid"
)

// packed compresses pieces, every other of them ahead.
func packed(tb testing.TB, c Compression, pieces ...string) []byte {
	tb.Helper()
	var out bytes.Buffer
	w, err := NewWriter(&out, c)
	if err != nil {
		tb.Fatal(err)
	}
	packer := w.Packer()
	for i, piece := range pieces {
		var ahead []byte
		if packer != nil && i%2 == 0 {
			ahead = packer.Pack(nil, []byte(piece))
		}
		if err := w.Write([]byte(piece), ahead); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

func unpacked(data []byte, promised Compression) (string, error) {
	r, err := NewReader(bytes.NewReader(data), promised)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(r)
	return string(text), err
}

// sample is text that compresses, but not to nothing.
func sample(lines int) string {
	random := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	for range lines {
		b.WriteString([]string{"Adelie", "Gentoo", "Chinstrap"}[random.IntN(3)])
		b.WriteString(",0.0,1.0,")
		b.WriteByte(byte('0' + random.IntN(10)))
		b.WriteByte('\n')
	}
	return b.String()
}

func TestByName_looksAtTheEnding(t *testing.T) {
	for name, want := range map[string]struct {
		c    Compression
		base string
	}{
		"a.csv": {None, "a.csv"}, "raw/a.csv.gz": {Gzip, "raw/a.csv"}, "A.CSV.GZ": {Gzip, "A.CSV"}, "a.jsonl.zst": {Zstd, "a.jsonl"},
		"gz": {None, "gz"}, "a.gz/b": {None, "a.gz/b"}, "": {None, ""},
	} {
		if got := ByName(name); got != want.c || BaseName(name) != want.base {
			t.Errorf("%q: %s and %q, want %s and %q", name, got, BaseName(name), want.c, want.base)
		}
	}
}

func TestWriter_isReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pieces := rapid.SliceOfN(rapid.OneOf(rapid.String(), rapid.Just(sample(2000))), 0, 6).Draw(t, "pieces")
		c := rapid.SampledFrom([]Compression{None, Gzip, Zstd}).Draw(t, "compression")
		want := strings.Join(pieces, "")
		if c == None && byMagic([]byte(want)) != None {
			t.Skip("it looks compressed")
		}
		var out bytes.Buffer
		w, err := NewWriter(&out, c)
		if err != nil {
			t.Fatal(err)
		}
		packer := w.Packer()
		for _, p := range pieces {
			var ahead []byte
			if packer != nil && rapid.Bool().Draw(t, "ahead") {
				ahead = packer.Pack([]byte{}, []byte(p))
			}
			if err := w.Write([]byte(p), ahead); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if got, err := unpacked(out.Bytes(), c); err != nil || got != want {
			t.Fatalf("%s: %q, %v, want %q", c, got, err, want)
		}
	})
}

// Readers that stop after the first member or frame are common.
func TestWriter_writesOneMemberAndOneFrame(t *testing.T) {
	pieces := []string{"id,x\n", sample(3000), "", sample(10), "the end\n"}
	want := strings.Join(pieces, "")
	z, err := stdgzip.NewReader(bytes.NewReader(packed(t, Gzip, pieces...)))
	if err != nil {
		t.Fatal(err)
	}
	z.Multistream(false)
	if got, err := io.ReadAll(z); err != nil || string(got) != want {
		t.Errorf("gzip: %d bytes, %v, want %d", len(got), err, len(want))
	}
	data := packed(t, Zstd, pieces...)
	var h zstd.Header
	if err := h.Decode(data); err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(data, []byte{0x28, 0xb5, 0x2f, 0xfd}); n != 1 || !h.HasCheckSum {
		t.Errorf("zstd: %d frames, checksum %t", n, h.HasCheckSum)
	}
}

func TestWriter_writesNothingAsAFile(t *testing.T) {
	for _, c := range []Compression{Gzip, Zstd} {
		data := packed(t, c)
		if got, err := unpacked(data, c); len(data) == 0 || got != "" || err != nil {
			t.Errorf("%s: %d bytes, %q, %v", c, len(data), got, err)
		}
	}
}

func TestWriter_passesErrorsOn(t *testing.T) {
	full := errors.New("full")
	for _, c := range []Compression{None, Gzip, Zstd} {
		w, err := NewWriter(failingWriter{full}, c)
		if err != nil {
			t.Fatal(err)
		}
		err = w.Write([]byte(sample(50_000)), nil)
		if closed := w.Close(); c != None && err == nil {
			err = closed
		}
		if !errors.Is(err, full) {
			t.Errorf("%s: %v", c, err)
		}
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

func TestReader_readsMembersAndFramesToTheLast(t *testing.T) {
	var gz bytes.Buffer
	for _, text := range []string{"a,b\n", "", "1,2\n"} {
		w := stdgzip.NewWriter(&gz)
		w.Name, w.Comment, w.Extra = "a.csv", "part", []byte("extra")
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	frames := append([]byte{0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 'x', 'y', 'z'}, packed(t, Zstd, "a,b\n")...)
	frames = append(frames, packed(t, Zstd, "1,2\n")...)
	for name, data := range map[string][]byte{
		"members":             gz.Bytes(),
		"members and padding": append(bytes.Clone(gz.Bytes()), make([]byte, 700)...),
		"frames":              frames,
		"plain":               []byte("a,b\n1,2\n"),
	} {
		if got, err := unpacked(data, None); err != nil || got != "a,b\n1,2\n" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		r, err := NewReader(iotest.OneByteReader(bytes.NewReader(data)), None)
		if err != nil {
			t.Fatal(err)
		}
		if err := iotest.TestReader(r, []byte("a,b\n1,2\n")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if r.Consumed() != int64(len(data)) {
			t.Errorf("%s: consumed %d of %d bytes", name, r.Consumed(), len(data))
		}
	}
}

func TestReader_saysWhatIsWrongAndWhere(t *testing.T) {
	gz, zs := packed(t, Gzip, sample(1000)), packed(t, Zstd, sample(1000))
	broken := func(data []byte, at int) []byte {
		data = bytes.Clone(data)
		data[at] ^= 0x10
		return data
	}
	large, err := zstd.NewWriter(nil, zstd.WithWindowSize(128<<20))
	if err != nil {
		t.Fatal(err)
	}
	var wide bytes.Buffer
	large.Reset(&wide)
	if _, err := large.Write(make([]byte, 10<<20)); err != nil {
		t.Fatal(err)
	}
	if err := large.Close(); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name     string
		data     []byte
		promised Compression
		want     string
	}{
		{"gzip and a few bytes", append(bytes.Clone(gz), "a,b"...), None, fmt.Sprintf("gzip: bytes that are not gzip at byte %d of the file", len(gz))},
		{"gzip and two bytes", append(bytes.Clone(gz), "ab"...), None, fmt.Sprintf("gzip: bytes that are not gzip at byte %d of the file", len(gz))},
		{"bzip2", []byte("BZh91AY&SY\x01"), None, "bzip2: it is not read; want gzip, zstd or text as it is at byte 0 of the file"},
		{"xz called gzip", []byte("\xfd7zXZ\x00\x00\x04"), Gzip, "xz: it is not read"},
		{"xlsx", []byte("PK\x03\x04\x14\x00"), None, "zip (.xlsx is one): it is not read"},
		{"xls", []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\x00"), None, "an Excel file: it is not read"},
		{"not gzip", []byte("a,b\n"), Gzip, "gzip: by its name it is gzip, but it does not start so at byte 0 of the file"},
		{"not zstd", nil, Zstd, "zstd: by its name it is zstd, but it does not start so at byte 0 of the file"},
		{"truncated gzip", gz[:len(gz)/2], None, "gzip: it breaks off at byte "},
		{"truncated gzip in its end", gz[:len(gz)-3], None, "gzip: it breaks off at byte "},
		{"truncated zstd", zs[:len(zs)/2], None, "zstd: it breaks off at byte "},
		{"gzip checksum", broken(gz, len(gz)-6), None, "gzip: corrupt (the checksum is wrong) at byte "},
		{"zstd checksum", broken(zs, len(zs)-2), None, "zstd: corrupt (the checksum is wrong) at byte "},
		{"gzip and more", append(bytes.Clone(gz), "a,b\n1,2\n3,4\n5,6\n"...), None, "gzip: bytes that are not gzip at byte "},
		{"zstd and more", append(bytes.Clone(zs), "a,b\n1,2\n3,4\n5,6\n"...), None, "zstd: bytes that are not zstd at byte "},
		{"zstd window", wide.Bytes(), None, "zstd: it refers back more than 8 MiB; compress it without --long and --ultra at byte "},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := unpacked(test.data, test.promised)
			var e *Error
			if !errors.As(err, &e) || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("error %v, want %s", err, test.want)
			}
		})
	}
}

func TestReader_noticesEveryTruncation(t *testing.T) {
	for _, c := range []Compression{Gzip, Zstd} {
		data := packed(t, c, sample(100))
		for n := range len(data) {
			if text, err := unpacked(data[:n], c); !errors.As(err, new(*Error)) {
				t.Errorf("%s: %d of %d bytes gave %d bytes and %v", c, n, len(data), len(text), err)
			}
		}
	}
}

func TestReader_noticesEveryDamage(t *testing.T) {
	want := sample(100)
	for _, c := range []Compression{Gzip, Zstd} {
		data := packed(t, c, want)
		for at := range data {
			for _, bit := range []byte{1, 0x80} {
				damaged := bytes.Clone(data)
				damaged[at] ^= bit
				// Some bytes say only who made the file.
				if got, err := unpacked(damaged, c); err == nil && got != want || err != nil && !errors.As(err, new(*Error)) {
					t.Errorf("%s, byte %d: %d bytes, %v", c, at, len(got), err)
				}
			}
		}
	}
}

func TestReader_passesErrorsOfTheFileOn(t *testing.T) {
	reset := errors.New("connection reset")
	for _, c := range []Compression{None, Gzip, Zstd} {
		data := packed(t, c, sample(1000))
		for _, at := range []int{0, 3, len(data) / 2, len(data) - 1, len(data)} {
			r, err := NewReader(io.MultiReader(bytes.NewReader(data[:at]), iotest.ErrReader(reset)), c)
			if err == nil {
				_, err = io.ReadAll(r)
			}
			if !errors.Is(err, reset) || errors.As(err, new(*Error)) {
				t.Errorf("%s, after %d bytes: %v", c, at, err)
			}
		}
	}
}

// A file of some kilobytes can stand for any number of them; the reader holds little of
// it at a time.
func TestReader_streamsABomb(t *testing.T) {
	const size = 256 << 20
	goroutines := runtime.NumGoroutine()
	for _, c := range []Compression{Gzip, Zstd} {
		var bomb bytes.Buffer
		w, err := NewWriter(&bomb, c)
		if err != nil {
			t.Fatal(err)
		}
		chunk := make([]byte, 8<<20)
		ahead := []byte(nil)
		if p := w.Packer(); p != nil {
			ahead = p.Pack(nil, chunk)
		}
		for range size / len(chunk) {
			if err := w.Write(chunk, ahead); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		var before, now runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		r, err := NewReader(&bomb, c)
		if err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 256<<10)
		total, most := int64(0), uint64(0)
		for err == nil {
			var n int
			n, err = r.Read(buf)
			if total += int64(n); total>>24 != (total-int64(n))>>24 {
				runtime.ReadMemStats(&now)
				most = max(most, now.HeapAlloc-min(now.HeapAlloc, before.HeapAlloc))
			}
		}
		if !atEnd(err) || total != size {
			t.Errorf("%s: %d bytes, %v", c, total, err)
		}
		if most > 24<<20 {
			t.Errorf("%s: %d MiB in use", c, most>>20)
		}
	}
	if n := runtime.NumGoroutine(); n > goroutines {
		t.Errorf("%d goroutines are left", n-goroutines)
	}
}

// Whatever the bytes are, they are text or an Error; and what gzip makes of them
// is what Go's own gzip makes of them.
func FuzzReader(f *testing.F) {
	for _, c := range []Compression{None, Gzip, Zstd} {
		data := packed(f, c, "a,b\n", sample(3))
		f.Add(data)
		f.Add(append(bytes.Clone(data), data...))
		f.Add(data[:len(data)-1])
	}
	f.Add([]byte{0x1f, 0x8b, 8, 0xff})
	f.Add([]byte{0x5f, 0x2a, 0x4d, 0x18, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		const limit = 8 << 20
		r, err := NewReader(bytes.NewReader(data), None)
		var text []byte
		var found Compression
		if err == nil {
			found = r.Compression()
			text, err = io.ReadAll(io.LimitReader(r, limit))
		}
		if err != nil && !errors.As(err, new(*Error)) {
			t.Fatalf("error %v", err)
		}
		if found != Gzip || err != nil || len(text) == limit {
			return
		}
		trimmed := bytes.TrimRight(data, "\x00")
		for pad := 0; pad < 9; pad++ { // a member may end in zeros
			z, stdErr := stdgzip.NewReader(bytes.NewReader(append(bytes.Clone(trimmed), make([]byte, pad)...)))
			if stdErr != nil {
				continue
			}
			if want, stdErr := io.ReadAll(z); stdErr == nil && bytes.Equal(want, text) {
				return
			}
		}
		if bytes.Contains(data, []byte{0, 0x1f, 0x8b}) {
			return // zeros between members, which Go's gzip refuses
		}
		t.Fatalf("%d bytes, which Go's gzip does not read", len(text))
	})
}
