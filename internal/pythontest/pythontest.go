// Package pythontest finds a Python with pandas for tests.
package pythontest

import (
	"os/exec"
	"sync"
	"testing"
)

var find = sync.OnceValue(func() string {
	for _, name := range []string{"python3", "/usr/bin/python3"} {
		path, err := exec.LookPath(name)
		if err == nil && exec.Command(path, "-c", "import pandas").Run() == nil { //nolint:gosec // one of two names
			return path
		}
	}
	return ""
})

// Find is the path of the interpreter. Without one the test fails.
func Find(t testing.TB) string {
	t.Helper()
	path := find()
	if path == "" {
		t.Fatal("no python3 with pandas; scripts/setup installs one")
	}
	return path
}
