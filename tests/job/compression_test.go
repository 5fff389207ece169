package job

import (
	"bytes"
	"compress/gzip"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"ds-pipeline/internal/programtest"
)

// squeeze compresses a text as the name says.
func squeeze(t *testing.T, name, text string) string {
	t.Helper()
	var out bytes.Buffer
	var w io.WriteCloser = gzip.NewWriter(&out)
	if strings.HasSuffix(name, ".zst") {
		z, err := zstd.NewWriter(&out)
		if err != nil {
			t.Fatal(err)
		}
		w = z
	}
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// expand undoes squeeze. It reads a single member of gzip, as some readers do.
func expand(t *testing.T, name, data string) string {
	t.Helper()
	var text []byte
	switch {
	case strings.HasSuffix(name, ".gz"):
		r, err := gzip.NewReader(strings.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		r.Multistream(false)
		if text, err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	case strings.HasSuffix(name, ".zst"):
		z, err := zstd.NewReader(nil)
		if err != nil {
			t.Fatal(err)
		}
		defer z.Close()
		if text, err = z.DecodeAll([]byte(data), nil); err != nil {
			t.Fatal(err)
		}
	default:
		return data
	}
	return string(text)
}

func TestCompression_isReadAndWrittenByName(t *testing.T) {
	text := lateSurprise(100_000, "2.5") // read twice
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain-result")
	run(t, nil, "run", "--input", write(t, filepath.Join(dir, "plain.csv"), text), "--model", passthrough, "--output", plain).expect(t, 0)
	want := read(t, plain)
	for in, out := range map[string]string{"in.csv.gz": "out.csv.gz", "in.CSV.ZST": "out.csv.zst"} {
		for _, workers := range []string{"1", "3"} {
			in := write(t, filepath.Join(dir, in), squeeze(t, strings.ToLower(in), text))
			result := filepath.Join(dir, out)
			r := run(t, nil, "run", "--input", in, "--model", passthrough, "--output", result, "--workers", workers)
			r.expect(t, 0)
			data := read(t, result)
			if got := expand(t, out, data); got != want {
				t.Errorf("%s with %s workers: %d bytes, want %d", out, workers, len(got), len(want))
			}
			if entry := r.last(t); entry["bytes_out"] != float64(len(data)) || entry["bytes_in"] != float64(len(text)) {
				t.Errorf("%s: log %v, want %d bytes of the object", out, entry, len(data))
			}
		}
	}
	if left := names(t, dir); len(left) != 8 { // report and manifest too
		t.Errorf("left behind: %v", left)
	}
}

func TestCompression_isRecognisedByItsFirstBytes(t *testing.T) {
	text := read(t, penguins+"penguins.csv")
	half := strings.Index(text, "\n") + 100
	for name, data := range map[string]string{
		"gzip":         squeeze(t, ".gz", text),
		"gzip members": squeeze(t, ".gz", text[:half]) + squeeze(t, ".gz", text[half:]),
		"zstd":         squeeze(t, ".zst", text),
		"zstd frames":  squeeze(t, ".zst", text[:half]) + squeeze(t, ".zst", text[half:]),
	} {
		out := filepath.Join(t.TempDir(), "out.csv")
		runWith(t, strings.NewReader(data), nil, "run", "--input", "-", "--model", penguins+"model.pkl", "--output", out, "--keep", "species").expect(t, 0)
		if read(t, out) != read(t, penguins+"expected.csv") {
			t.Errorf("%s: the result differs from expected.csv", name)
		}
	}
}

func TestCompression_refusesWhatIsDamaged(t *testing.T) {
	text := lateSurprise(200_000, "2.5")
	gz, zst := squeeze(t, ".gz", text), squeeze(t, ".zst", text)
	flip := func(s string, at int) string { return s[:at] + string([]byte{s[at] ^ 1}) + s[at+1:] }
	for _, test := range []struct{ name, file, data, want string }{
		{"truncated gzip", "in.csv.gz", gz[:len(gz)/2], "gzip: it breaks off at byte "},
		{"truncated zstd", "in.csv.zst", zst[:len(zst)/2], "zstd: it breaks off at byte "},
		{"gzip checksum", "in.csv.gz", flip(gz, len(gz)-6), "gzip: corrupt (the checksum is wrong) at byte "},
		{"zstd checksum", "in.csv.zst", flip(zst, len(zst)-2), "zstd: corrupt (the checksum is wrong) at byte "},
		{"text behind gzip", "in.csv.gz", gz + text[:100], "gzip: bytes that are not gzip at byte "},
		{"text called gzip", "in.csv.gz", text, "gzip: by its name it is gzip, but it does not start so at byte 0 of the file"},
		{"nothing called zstd", "in.csv.zst", "", "zstd: by its name it is zstd, but it does not start so at byte 0 of the file"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			in := write(t, filepath.Join(dir, test.file), test.data)
			out := write(t, filepath.Join(dir, "out.csv.gz"), "the previous result")
			run(t, nil, "run", "--input", in, "--model", passthrough, "--output", out).expect(t, 65, "input "+in+": "+test.want)
			if read(t, out) != "the previous result" || len(names(t, dir)) != 2 {
				t.Errorf("the previous result is not as it was, or something is left: %v", names(t, dir))
			}
		})
	}
}

func TestCompression_streamsABomb(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes some seconds")
	}
	var bomb bytes.Buffer
	w, err := gzip.NewWriterLevel(&bomb, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(w, "dist_km,price,temp,rooms\n")
	line := []byte(strings.Repeat("x", 1<<20))
	for range 1 << 9 {
		_, _ = w.Write(line)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	in := write(t, filepath.Join(dir, "in.csv.gz"), bomb.String())
	cmd := command(t, []string{"GOMEMLIMIT=off"}, "run", "--input", in, "--model", passthrough, "--output", filepath.Join(dir, "out.csv"), "--workers", "2")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	peak := programtest.WatchPeak(cmd)
	wait(t, cmd, &stdout, &stderr).expect(t, 65, "line 2: record at byte 25 is longer than 8388608 bytes")
	if kib := peak(); kib == 0 || kib > 64<<10 {
		t.Errorf("peak of %d KiB", kib)
	}
}

func TestCompression_worksInS3(t *testing.T) {
	t.Parallel()
	text := wide()
	c := newCloud(t, "ds-in", "ds-out", "ds-art")
	c.put(t, "ds-in", "raw/data.csv.zst", squeeze(t, ".zst", text))
	c.put(t, "ds-art", "model.pkl", read(t, passthrough))
	run(t, c.env(), "run", "--input", "s3://ds-in/raw/data.csv.zst", "--model", "s3://ds-art/model.pkl", "--output", "s3://ds-out/a.csv.gz").expect(t, 0)
	object, err := c.backend.GetObject("ds-out", "a.csv.gz", nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := object.Metadata["Content-Type"]; got != "application/gzip" {
		t.Errorf("content type %q", got)
	}
	data, _ := c.get(t, "ds-out", "a.csv.gz")
	if got := strings.Count(expand(t, ".gz", data), "\n"); got != strings.Count(text, "\n") {
		t.Errorf("%d lines, want %d", got, strings.Count(text, "\n"))
	}
}

// A body that breaks off is a fault of the service, not of the file.
func TestCompression_isNotBlamedForTheService(t *testing.T) {
	t.Parallel()
	var stored bytes.Buffer // of several parts
	w, err := gzip.NewWriterLevel(&stored, gzip.NoCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, wide()); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	c := newCloud(t, "ds-in", "ds-art")
	c.put(t, "ds-in", "data.csv.gz", stored.String())
	c.put(t, "ds-art", "model.pkl", read(t, passthrough))
	c.setFault(func(r *request) bool {
		return strings.HasPrefix(r.what, "GET /ds-in/") && !strings.HasPrefix(r.r.Header.Get("Range"), "bytes=0-") && r.fail(503, "SlowDown")
	})
	run(t, c.env(), "run", "--input", "s3://ds-in/data.csv.gz", "--model", "s3://ds-art/model.pkl", "--output", filepath.Join(t.TempDir(), "out.csv")).
		expect(t, 69, "read s3://ds-in/data.csv.gz: the service did not answer: SlowDown")
}
