package console

import (
	"bytes"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
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

func TestSummary_saysWhatElseThereIs(t *testing.T) {
	for _, c := range []struct {
		name    string
		summary job.Summary
		want    string
	}{
		{"a script that filters", job.Summary{RowsIn: 5, RowsOut: 3, RowsRejected: 1, RowsFiltered: 1}, "rows      5 in, 3 out, 1 rejected, 1 filtered by the script\n"},
		{"a script that adds", job.Summary{RowsIn: 5, RowsOut: 1005, RowsFiltered: -1000}, "rows      5 in, 1,005 out, 0 rejected, 1,000 added by the script\n"},
		{"several inputs", job.Summary{Inputs: make([]job.InputRows, 1000)}, "inputs    1,000\n"},
		{"the newest result", job.Summary{Newest: "s3://out/newest.csv"}, "newest    s3://out/newest.csv\n"},
		{"rejects", job.Summary{Rejects: "s3://out/rejects.csv"}, "rejects   s3://out/rejects.csv\n"},
		{"a report", job.Summary{Report: "s3://out/report.html", Drift: job.Drift{Compared: 7}}, "drift     0 of 7 columns, see s3://out/report.html\n"},
		{"the report of a run before", job.Summary{Report: "s3://out/report.html", Repeated: true}, "report    s3://out/report.html\n"},
	} {
		var with, without bytes.Buffer
		PrintSummary(&with, c.summary)
		if !strings.Contains(with.String(), c.want) {
			t.Errorf("%s: got\n%swant\n%s", c.name, with.String(), c.want)
		}
		if told := strings.Contains(with.String(), "time "); told == c.summary.Repeated {
			t.Errorf("%s: the time is told: %t", c.name, told)
		}
		PrintSummary(&without, job.Summary{})
		for _, label := range []string{"inputs", "newest", "rejects ", "report", "drift", "script"} {
			if strings.Contains(without.String(), label) {
				t.Errorf("%s is told of nothing:\n%s", label, without.String())
			}
		}
	}
}

func TestSize_isInDecimalUnits(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 999: "999 B", 999_949: "999.9 kB", 999_950: "1.0 MB", 999_999_999: "1.0 GB", 1000: "1.0 kB", 1500: "1.5 kB", 1e6: "1.0 MB", 25e5: "2.5 MB", 1e9: "1.0 GB", 35e8: "3.5 GB", 2e12: "2000.0 GB",
	} {
		if got := Size(n); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
}

func TestThousands_areSeparated(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0", 999: "999", 1000: "1,000", 12345: "12,345", 123456: "123,456", 1234567: "1,234,567", -1: "-1", -999: "-999", -1000: "-1,000", -123456: "-123,456",
	} {
		if got := Thousands(n); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
}

func TestBar_isThereUntilItIsCleared(t *testing.T) {
	for _, size := range []int64{100, -1} { // -1 if it is unknown
		var out bytes.Buffer
		b := NewBar(&out)
		b.Clear()
		if out.Len() != 0 {
			t.Errorf("of %d bytes: %q before it is set", size, out.String())
		}
		b.Set(50, size)
		if !strings.Contains(out.String(), "preprocessing") {
			t.Errorf("of %d bytes: it shows %q", size, out.String())
		}
	}
	var out bytes.Buffer
	b := NewBar(&out)
	b.Set(99, 100)
	shown := out.Len()
	b.Set(100, 100) // the result may not be published yet
	if out.Len() != shown {
		t.Errorf("at the end it shows %q", out.String()[shown:])
	}
	b.Clear()
	if out.Len() == shown {
		t.Error("it is not removed")
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
	out.Reset()
	part := log.With("part", 1).WithGroup("g").With("x", 1)
	one, other := part.With("y", 1), part.With("y", 2)
	one.Error("first")
	other.Info("second")
	if want := "error: first input=a.csv part=1 x=1 y=1\nsecond input=a.csv part=1 x=1 y=2\n"; out.String() != want {
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
