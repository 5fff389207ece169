// Package programtest builds programs of this repository for tests that start them
// as processes.
package programtest

import (
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Main is a TestMain: it builds the packages, given by their folders as seen from
// the tests, as programs of the same names in a temporary folder, calls prepare
// with the folder, unless that is nil, and runs the tests.
func Main(m *testing.M, prepare func(dir string) error, packages ...string) {
	status, err := run(m, prepare, packages)
	if err != nil {
		log.Fatal(err)
	}
	os.Exit(status)
}

func run(m *testing.M, prepare func(dir string) error, packages []string) (int, error) {
	dir, err := os.MkdirTemp("", "programs-*")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	for _, pkg := range packages {
		if out, err := exec.Command("go", "build", "-o", filepath.Join(dir, filepath.Base(pkg)), pkg).CombinedOutput(); err != nil { //nolint:gosec // named by a test
			return 0, fmt.Errorf("build %s: %w\n%s", pkg, err, out)
		}
	}
	if prepare != nil {
		if err := prepare(dir); err != nil {
			return 0, err
		}
	}
	return m.Run(), nil
}
