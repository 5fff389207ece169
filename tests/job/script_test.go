package job

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"ds-pipeline/internal/pythontest"
)

// scripted writes a script and an input, and returns the flags of a run with
// them and where the result goes.
func scripted(t *testing.T, name, script, input string) (args []string, out string) {
	t.Helper()
	dir := t.TempDir()
	for file, text := range map[string]string{name: script, "in.csv": input} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out = filepath.Join(dir, "out", "result.csv")
	if err := os.Mkdir(filepath.Dir(out), 0o700); err != nil {
		t.Fatal(err)
	}
	return []string{"run", "--log", "text", "--input", filepath.Join(dir, "in.csv"), "--model", passthrough, "--output", out, "--script", filepath.Join(dir, name)}, out
}

// python is the environment of a run whose scripts have pandas. Its scratch is
// a folder of its own.
func python(t *testing.T) []string {
	t.Helper()
	return []string{"DS_PYTHON=" + pythontest.Find(t), "TMPDIR=" + t.TempDir()}
}

// abc is an input for the model passthrough, of so many rows.
func abc(rows int) string {
	var b strings.Builder
	b.WriteString("id,a,b,c\n")
	for i := range rows {
		fmt.Fprintf(&b, "%03d,%d,%d.50,x\n", i, i, i)
	}
	return b.String()
}

func TestScript_probe(t *testing.T) {
	r := run(t, nil, "inspect", "--model", passthrough)
	t.Log(r.stdout)
	_ = errors.New
	_ = tar.TypeReg
	_ = gzip.BestSpeed
	_ = bytes.MinRead
	_ = syscall.SIGINT
	_ = time.Second
}
