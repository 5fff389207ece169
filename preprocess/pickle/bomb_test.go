package pickle

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"
	"github.com/ulikunitz/xz/lzma"
)

// bombs are small files that ask for much. Each must be refused, in under 5 seconds and
// 512 MiB, by the limit that `want` names.
var bombs = []struct {
	name  string
	write func(w io.Writer) error
	want  string
}{
	{"lists", repeat("\x80\x04(", "]", 20e6), "bytes of memory, the limit"},
	{"marks", repeat("\x80\x04", "(", 20e6), "bytes of memory, the limit"},
	{"nones", repeat("\x80\x04(", "N", 20e6), "bytes of memory, the limit"},
	{"none memoized", repeat("\x80\x04N", "\x94", 20e6), "memoized values, the limit"},
	{"sets", repeat("\x80\x04(", "\x8f", 20e6), "bytes of memory, the limit"},
	{"dicts with an entry", repeat("\x80\x04(", "}NNs", 8e6), "bytes of memory, the limit"},
	{"pushed and popped", repeat("\x80\x04", "N0", 15e6), "bytes of memory, the limit"},
	{"appended and popped", repeat("\x80\x04]", "NaNaNaNa", 4e6), "bytes of memory, the limit"},
	{"marks and tuples", repeat("\x80\x04", "(t0", 8e6), "bytes of memory, the limit"},
	{"frames", repeat("\x80\x04", "\x95\x00\x00\x00\x00\x00\x00\x00\x00", 4e6), "truncated"},
	{"versions", repeat("\x80\x04", "\x80\x04", 21e6), "instructions, the limit"},
	{"nested tuples", repeat("\x80\x04N", "\x85", 1e6, "."), "nested more than 200 deep"},
	{"nested lists", repeat("\x80\x04", "]", 1e6, "N", strings.Repeat("a", 1e6), "."), "nested more than 200 deep"},
	{"dicts in dicts", repeat("\x80\x04}K\x00", "}K\x00", 400000, "N", strings.Repeat("s", 400001), "."), "nested more than 200 deep"},
	{"list in itself", repeat("\x80\x04]\x94h\x00a.", "", 0), "contains itself"},
	{"dict in itself", repeat("\x80\x04}\x94K\x01h\x00s.", "", 0), "contains itself"},
	{"tuple in itself by a list", repeat("\x80\x04]\x94h\x00\x85\x94ah\x01.", "", 0), "contains itself"},
	{"object in itself", repeat("\x80\x04cthings\nPlain\n)\x81\x94}X\x01\x00\x00\x00ah\x00sb.", "", 0), "contains itself"},
	{"billion laughs", laughs, "unfold to more than"},
	{"text again and again", textLaughs, "unfold to more than"},
	{"long key used again", longKey, "a key of a dict of 1000000 bytes"},
	{"key used again", keyAgain, "keys of dicts take more than"},
	{"tuple key of shared parts", repeat("\x80\x04N", "2\x86", 60, "\x940}h\x00Ns."), "a tuple with more than 4096 bytes"},
	{"array of nothing", arrayState("(J\xff\xff\xff\x7fJ\xff\xff\xff\x7ft", "U0"), "the limit"},
	{"array of empty texts", arrayState("J\x00\x00\x00\x01\x85", "U0"), "unfold to more than"},
	{"array of empty records", arrayOf("J\x00\x00\x00\x01\x85", "cnumpy\ndtype\nX\x02\x00\x00\x00V0\x89\x88\x87R(K\x03\x8c\x01|N\x8c\x01a\x85}\x8c\x01acnumpy\ndtype\nX\x02\x00\x00\x00U0\x89\x88\x87RK\x00\x86sK\x00K\x01K\x10tb"), "unfold to more than"},
	{"array of many fields", manyFields, "unfold to more than"},
	{"array overflowing", arrayState("(\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7ft", "f8"), "the limit"},
	{"array of 64 axes", arrayState("("+strings.Repeat("K\xff", 64)+"t", "f8"), "the limit"},
	{"array of -1", arrayState("J\xff\xff\xff\xff\x85", "f8"), "axis of length -1"},
	{"declared text", repeat("\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x7f", "", 0), "truncated"},
	{"declared negative text", repeat("\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\xff", "", 0), "truncated"},
	{"declared bytes", repeat("\x80\x04B\xff\xff\xff\xff", "", 0), "truncated"},
	{"declared bytearray", repeat("\x80\x05\x96\x00\x00\x00\x00\x01\x00\x00\x00", "", 0), "truncated"},
	{"declared int", repeat("\x80\x04\x8b\xff\xff\xff\x7f", "", 0), "truncated"},
	{"long int", repeat("\x80\x04\x8b\x00\x00\x20\x00", "\x01", 1<<21), "int of 2097152 bytes"},
	{"digits", repeat("L", "7", 4e6, "L\n."), "int of 4000001 digits"},
	{"line without end", repeat("V", "a", 8e6), "ends within a line"},
	{"many lines", repeat("", "I1\n0", 6e6), "bytes of memory, the limit"},
	{"names", names, "not supported: "},
	{"zlib", compressed(func(w io.Writer) (io.WriteCloser, error) { return zlib.NewWriter(w), nil }), "zlib: more than"},
	{"gzip", compressed(func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil }), "gzip: more than"},
	{"lz4", compressed(func(w io.Writer) (io.WriteCloser, error) { return lz4.NewWriter(w), nil }), "lz4: more than"},
	{"xz", compressed(func(w io.Writer) (io.WriteCloser, error) { return xz.NewWriter(w) }), "xz: more than"},
	{"lzma", compressed(func(w io.Writer) (io.WriteCloser, error) { return lzma.NewWriter(w) }), "lzma: more than"},
	{"bzip2", bzip2Bomb, "bzip2: more than"},
	{"zlib of lists", zlibOf(repeat("\x80\x04(", "]", 50<<20)), "bytes of memory, the limit"},
	{"zlib of text encoded again", zlibOf(repeat("\x80\x04\x8d\x00\x00\x20\x03\x00\x00\x00\x00", "a", 50<<20, "\x94(", strings.Repeat("c_codecs\nencode\nh\x00\x85R", 9), "l.")), "bytes of memory, the limit"},
	{"zlib of bytes again", zlibOf(repeat("\x80\x04\x8e\x00\x00\x20\x03\x00\x00\x00\x00", "a", 50<<20, "\x94("+strings.Repeat("h\x00", 10)+"t.")), "unfold to more than"},
	{"bzip2 of nothing", repeat("", "BZh9\x17\x72\x45\x38\x50\x90\x00\x00\x00\x00", 1e6), "the file is empty"},
	{"xz asking for a window of 4 GiB", xzWindow(0x28, 1), "dictionary of 4294967295 bytes"},
	{"xz of many blocks", xzWindow(0x1c, 100000), "dictionaries of more than"},
	{"lzma asking for a window of 2 GiB", repeat("\x5d\x00\x00\x00\x80\xff\xff\xff\xff\xff\xff\xff\xff", "\x00", 1000), "exceeds configured dictionary"},
}

func TestRead_refusesBombsInTimeAndMemory(t *testing.T) {
	if file := os.Getenv("PICKLE_BOMB"); file != "" {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		v, err := Read(b, things, Limits{})
		if err == nil {
			t.Fatalf("accepted: %s", Describe(v))
		}
		fmt.Println("refused:", err)
		status, _ := os.ReadFile("/proc/self/status")
		if _, after, ok := strings.Cut(string(status), "VmHWM:"); ok {
			fmt.Println("peak:", strings.Fields(after)[0], "kB")
		}
		return
	}
	dir := t.TempDir()
	for _, bomb := range bombs {
		t.Run(bomb.name, func(t *testing.T) {
			file := filepath.Join(dir, "bomb")
			var b bytes.Buffer
			if err := bomb.write(&b); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(os.Args[0], "-test.run=^TestRead_refusesBombsInTimeAndMemory$")
			cmd.Env = append(os.Environ(), "PICKLE_BOMB="+file)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%.2000s", err, out)
			}
			if !strings.Contains(string(out), bomb.want) {
				t.Errorf("got %.300s, want %q in it", out, bomb.want)
			}
			// Time on the processor. The worst takes 2 s where nothing else runs; a
			// busy machine takes longer, and what grows with the square far longer.
			took := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
			if took > 20*time.Second {
				t.Errorf("took %v, want at most 5 s on an idle machine", took)
			}
			_, after, ok := strings.Cut(string(out), "peak: ")
			if !ok {
				t.Skip("no account of memory on this system")
			}
			var kib int
			if _, err := fmt.Sscan(after, &kib); err != nil || kib > 512<<10 {
				t.Errorf("took %d KiB, want at most 512 MiB; %v", kib, err)
			}
			t.Logf("%v, %d MiB, file of %d bytes", took.Round(time.Millisecond), kib>>10, b.Len())
		})
	}
}

// repeat writes a text, another n times, and the rest.
func repeat(before, again string, n int, after ...string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, before+strings.Repeat(again, n)+strings.Join(after, ""))
		return err
	}
}

// laughs is a list of ten times a list of ten times a list of ..., 40 deep.
func laughs(w io.Writer) error {
	var b strings.Builder
	b.WriteString("\x80\x04X\x02\x00\x00\x00ha\x94")
	for i := range 40 {
		fmt.Fprintf(&b, "(%sl\x94", strings.Repeat("h"+string([]byte{byte(i)}), 10))
	}
	_, err := io.WriteString(w, b.String()+".")
	return err
}

// textLaughs is a list of 10,000 times the same text of 1 MB.
func textLaughs(w io.Writer) error {
	return repeat("\x80\x04X\x40\x42\x0f\x00"+strings.Repeat("a", 1e6)+"\x94(", "h\x00", 1e4, "l.")(w)
}

func longKey(w io.Writer) error {
	return repeat("\x80\x04X\x40\x42\x0f\x00"+strings.Repeat("a", 1e6)+"\x94}", "h\x00Ns", 1e6, ".")(w)
}

func keyAgain(w io.Writer) error {
	return repeat("\x80\x04X\x60\xea\x00\x00"+strings.Repeat("a", 60000)+"\x94}", "h\x00Ns", 900000, ".")(w)
}

// arrayState is a numpy array whose shape is made by the given instructions, with no bytes.
func arrayState(shape, dtype string) func(io.Writer) error {
	return arrayOf(shape, "cnumpy\ndtype\nX\x02\x00\x00\x00"+dtype+"\x89\x88\x87R")
}

// arrayOf is one whose dtype is made by instructions too.
func arrayOf(shape, dtype string) func(io.Writer) error {
	return repeat("\x80\x04cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R(K\x01"+shape+dtype+"\x89C\x00tb.", "", 0)
}

// manyFields is an array of a million bytes as records whose 64 fields are all the same byte.
func manyFields(w io.Writer) error {
	var names, fields strings.Builder
	for i := range 64 {
		name := "\x8c\x01" + string([]byte{byte('0' + i)})
		names.WriteString(name)
		fields.WriteString(name + "h\x01")
	}
	return repeat("\x80\x04cnumpy\ndtype\n\x8c\x02u1\x89\x88\x87R\x94K\x00\x86\x940cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R(K\x01J\x40\x42\x0f\x00\x85"+
		"cnumpy\ndtype\n\x8c\x02V1\x89\x88\x87R(K\x03\x8c\x01|N("+names.String()+"t}("+fields.String()+"uK\x01K\x01K\x10tb\x89B\x40\x42\x0f\x00",
		"a", 1e6, "tb.")(w)
}

// names is 400,000 different names that are not allowed.
func names(w io.Writer) error {
	var b strings.Builder
	for i := range 400000 {
		fmt.Fprintf(&b, "cos\nf%d\n0", i)
	}
	_, err := io.WriteString(w, b.String()+"N.")
	return err
}

// compressed is 65 MiB of zeros.
func compressed(open func(io.Writer) (io.WriteCloser, error)) func(io.Writer) error {
	return func(w io.Writer) error {
		z, err := open(w)
		if err != nil {
			return err
		}
		zeros := make([]byte, 1<<20)
		for range 65 {
			if _, err := z.Write(zeros); err != nil {
				return err
			}
		}
		return z.Close()
	}
}

// zlibOf compresses what write writes.
func zlibOf(write func(io.Writer) error) func(io.Writer) error {
	return func(w io.Writer) error {
		z := zlib.NewWriter(w)
		if err := write(z); err != nil {
			return err
		}
		return z.Close()
	}
}

const bzip2Zeros = "QlpoOTFBWSZTWQ4J4t8BX45AAMAAAAggADCATUZCoCWpCoCXMUFZJlNZl6e+HAAJ2sAEwAAAAQAIIAAwzAmqaZIhW1REK8XckU4UJCLtHuiA"

// bzip2Bomb is `head -c 45M /dev/zero | bzip2 -9` a hundred times: bzip2 files may follow
// one another.
func bzip2Bomb(w io.Writer) error {
	b, err := base64.StdEncoding.DecodeString(bzip2Zeros)
	if err != nil {
		return err
	}
	_, err = w.Write(bytes.Repeat(b, 100))
	return err
}

// xzWindow is an xz file of empty blocks, each asking for a window of the given code.
func xzWindow(code byte, blocks int) func(io.Writer) error {
	return func(w io.Writer) error {
		var b bytes.Buffer
		b.WriteString(xzMagic + "\x00\x00")
		le := binary.LittleEndian
		b.Write(le.AppendUint32(nil, crc32.ChecksumIEEE(b.Bytes()[6:8])))
		header := []byte{2, 0, lzma2Filter, 1, code, 0, 0, 0}
		header = le.AppendUint32(header, crc32.ChecksumIEEE(header))
		for range blocks {
			b.Write(header)
			b.WriteString("\x00\x00\x00\x00") // no chunk, padding
		}
		_, err := w.Write(b.Bytes())
		return err
	}
}
