// Package programtest builds programs of this repository for tests that start them
// as processes.
package programtest

import (
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Program is one that is built before tests run.
type Program struct {
	Package string  // folder of its package, as seen from the tests
	Path    *string // is told where the program is
}

// Main is a TestMain: it builds programs in a temporary folder, calls prepare with
// the folder, unless that is nil, and runs the tests.
func Main(m *testing.M, prepare func(dir string) error, programs ...Program) {
	status, err := run(m, prepare, programs)
	if err != nil {
		log.Fatal(err)
	}
	os.Exit(status)
}

func run(m *testing.M, prepare func(dir string) error, programs []Program) (int, error) {
	dir, err := os.MkdirTemp("", "programs-*")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	for _, p := range programs {
		*p.Path = filepath.Join(dir, filepath.Base(p.Package))
		if out, err := exec.Command("go", "build", "-o", *p.Path, p.Package).CombinedOutput(); err != nil { //nolint:gosec // named by a test
			return 0, fmt.Errorf("build %s: %w\n%s", p.Package, err, out)
		}
	}
	if prepare != nil {
		if err := prepare(dir); err != nil {
			return 0, err
		}
	}
	return m.Run(), nil
}

// WatchPeak looks at the memory of a running process, whose rusage would count
// that of its parent too. The result tells the peak in KiB, after the end: 0 where
// there is no /proc.
func WatchPeak(cmd *exec.Cmd) (peak func() int) {
	status := fmt.Sprintf("/proc/%d/status", cmd.Process.Pid)
	result := make(chan int, 1)
	go func() {
		most := 0
		for {
			data, err := os.ReadFile(status)
			_, rest, found := strings.Cut(string(data), "VmHWM:")
			if err != nil || !found { // it has ended
				result <- most
				return
			}
			kib := 0
			_, _ = fmt.Sscan(rest, &kib)
			most = max(most, kib)
			time.Sleep(2 * time.Millisecond)
		}
	}()
	return func() int { return <-result }
}
