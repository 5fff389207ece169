package faults

import (
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// kills is how often a run is killed: FAULTS_KILLS, or 20 with files and 20 with S3.
func kills(t *testing.T) int {
	t.Helper()
	n, err := strconv.Atoi(os.Getenv("FAULTS_KILLS"))
	if err != nil {
		return 20
	}
	return n
}

// seed makes a failure repeatable: FAULTS_SEED.
func seed() *rand.Rand {
	n, _ := strconv.ParseUint(os.Getenv("FAULTS_SEED"), 10, 64)
	return rand.New(rand.NewPCG(n, 1))
}

func TestKill_leavesFilesWhole(t *testing.T) {
	t.Parallel()
	random := seed()
	dir := t.TempDir()
	out := filepath.Join(dir, "out.csv")
	if err := os.WriteFile(out, []byte(previous), 0o600); err != nil {
		t.Fatal(err)
	}
	for range kills(t) {
		signal, wanted := syscall.SIGKILL, -1
		if random.IntN(3) == 0 {
			signal, wanted = syscall.SIGTERM, 75
		}
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		p := start(t, r, nil, "--input", "-", "--output", out)
		_ = r.Close()
		// It waits for the rest, or does not: what it has read so far is random.
		_, _ = io.WriteString(w, input[:random.IntN(len(input))])
		if err := p.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		status := p.status(t)
		_ = w.Close()
		// A signal may come before the program listens for it.
		if status != wanted && status != -1 {
			t.Errorf("%v: status %d, want %d\n%s", signal, status, wanted, p.stderr.String())
		}
		if got, err := os.ReadFile(out); err != nil || string(got) != previous {
			t.Fatalf("%v: the result has %d bytes, %v", signal, len(got), err)
		}
	}
	p := start(t, strings.NewReader(input), nil, "--input", "-", "--output", out)
	if status := p.status(t); status != 0 {
		t.Fatalf("the next run: status %d\n%s", status, p.stderr.String())
	}
	if got, err := os.ReadFile(out); err != nil || string(got) != want {
		t.Errorf("the next run: %d bytes, %v", len(got), err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".tmp") {
			t.Errorf("the next run left %s", e.Name())
		}
	}
}

func TestKill_leavesObjectsWhole(t *testing.T) {
	t.Parallel()
	for name, data := range map[string]table{"csv": csv, "parquet": parquet} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			killAtRequests(t, data)
		})
	}
}

func killAtRequests(t *testing.T, data table) {
	t.Helper()
	random := seed()
	c := newCloudOf(t, data)
	c.good(t)
	requests := len(c.requests())
	for range kills(t) {
		if err := c.Put("ds-out", c.outKey, previous); err != nil {
			t.Fatal(err)
		}
		signal := syscall.SIGKILL
		if random.IntN(3) == 0 {
			signal = syscall.SIGTERM
		}
		at, after := random.IntN(requests), random.IntN(2) == 0
		var p *process
		started := make(chan struct{})
		c.expect(func(n int, w http.ResponseWriter, r *http.Request) bool {
			if n != at {
				return false
			}
			<-started
			if after {
				c.ServeHTTP(w, r)
			}
			_ = p.Process.Signal(signal)
			return after
		})
		p = c.start(t)
		close(started)
		status := p.status(t)
		c.settle()
		got, _ := c.Get("ds-out", c.outKey)
		published := status == 0 || c.incomplete(p.stderr.String())
		switch {
		case got != previous && got != c.want:
			t.Fatalf("%v at request %d: %d bytes", signal, at, len(got))
		case published && got != c.want, status == 75 && !published && got != previous:
			t.Errorf("%v at request %d: status %d, but %d bytes", signal, at, status, len(got))
		case signal == syscall.SIGTERM && status != 75 && status != 0:
			t.Errorf("%v at request %d: status %d\n%s", signal, at, status, p.stderr.String())
		}
		c.good(t)
	}
}
