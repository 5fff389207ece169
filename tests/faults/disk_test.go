package faults

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// A limit on the size of files ends a write as a full disk does, and needs no
// rights.
func TestDisk_mayBeFull(t *testing.T) {
	t.Parallel()
	dir, in := t.TempDir(), filepath.Join(t.TempDir(), "in.csv")
	out := filepath.Join(dir, "out.csv")
	for path, text := range map[string]string{in: input, out: previous} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, blocks := range []string{"0", "1", "2000", "20000"} {
		cmd := exec.Command("sh", "-c", `ulimit -f "$0" && exec "$@"`, blocks, binary, "run", "--model", model, "--input", in, "--output", out)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		_ = cmd.Run()
		if status := cmd.ProcessState.ExitCode(); status != 74 {
			t.Errorf("%s blocks: status %d, want 74\n%s", blocks, status, stderr.String())
		}
		if !bytes.Contains(stderr.Bytes(), []byte("write "+out+": file too large")) {
			t.Errorf("%s blocks: it says %s", blocks, stderr.String())
		}
		if got, err := os.ReadFile(out); err != nil || string(got) != previous {
			t.Errorf("%s blocks: the result has %d bytes, %v", blocks, len(got), err)
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
			t.Errorf("%s blocks: left %v, %v", blocks, entries, err)
		}
	}
}
