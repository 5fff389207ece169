package console

import (
	"bytes"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"ds-pipeline/preprocess/job"
)

func TestSummary_isAlignedAndReadable(t *testing.T) {
	var out bytes.Buffer
	PrintSummary(&out, job.Summary{
		Output: "s3://out/processed/data.csv", RowsIn: 1234567, RowsOut: 1234567, ColumnsIn: 16, ColumnsOut: 91,
		BytesIn: 250e6, BytesOut: 1.5e9, Workers: 2, Elapsed: 2 * time.Second,
	})
	want := `rows      1,234,567 in, 1,234,567 out, 0 rejected
columns   16 in, 91 out
time      2.00 s with 2 workers, 125.0 MB/s
result    s3://out/processed/data.csv (1.5 GB)
`
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}

func TestTextHandler_writesForPeople(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(NewTextHandler(&out)).With("input", "a.csv")
	log.Info("starting again", "pass", 2)
	log.Warn("careful")
	log.Debug("not shown")
	if want := "starting again input=a.csv pass=2\nwarn: careful input=a.csv\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestIsTerminal_isNoFile(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = null.Close() }()
	if IsTerminal(f) || IsTerminal(null) || IsTerminal(io.Discard) {
		t.Error("a file, /dev/null or a buffer is taken for a terminal")
	}
}
