package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ds-pipeline/preprocess/job"
)

func TestProgram_reportsItsOwnFaultWithoutData(t *testing.T) {
	tests := []struct {
		name   string
		params job.Parameters
		want   string
	}{
		{"a value as the reason", func(context.Context, []string) (map[string]string, error) { panic("secret") },
			"preprocess: a fault in this program: panic: string at ds-pipeline/preprocess.TestProgram_"},
		{"the runtime's reason", func(_ context.Context, names []string) (map[string]string, error) {
			return map[string]string{}, []error{}[len(names)]
		}, "preprocess: a fault in this program: panic: runtime error: index out of range [7] with length 0 at ds-pipeline/preprocess.TestProgram_"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			p := program{getenv: func(string) string { return "" }, stdout: &stdout, stderr: &stderr, params: test.params}
			if got := p.run(context.Background(), []string{"run"}); got != 70 {
				t.Errorf("exit status %d, want 70", got)
			}
			if !strings.HasPrefix(stderr.String(), test.want) || strings.Contains(stdout.String()+stderr.String(), "secret") {
				t.Errorf("got %q, want %q...", stderr.String(), test.want)
			}
		})
	}
}

func TestProgram_tellsThatItCannotPrint(t *testing.T) {
	var stderr bytes.Buffer
	r, w := io.Pipe()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	p := program{getenv: os.Getenv, stdout: w, stderr: &stderr, params: nil}
	if got := p.run(context.Background(), []string{"inspect", "--model", "../examples/penguins/model.pkl"}); got != 74 {
		t.Errorf("exit status %d, want 74: %s", got, &stderr)
	}
}

func TestSummary_isAlignedAndReadable(t *testing.T) {
	var out bytes.Buffer
	printSummary(&out, job.Summary{
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
	log := slog.New(&textHandler{out: &out}).With("input", "a.csv")
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
	if isTerminal(f) || isTerminal(null) || isTerminal(io.Discard) {
		t.Error("a file, /dev/null or a buffer is taken for a terminal")
	}
}
