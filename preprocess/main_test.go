package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"strings"
	"testing"

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
		}, "preprocess: a fault in this program: panic: runtime error: index out of range [8] with length 0 at ds-pipeline/preprocess.TestProgram_"},
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
