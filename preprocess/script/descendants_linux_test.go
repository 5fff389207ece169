package script

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// leave makes a process that has left its parents, its group and its session, and
// another one that has left that.
const leave = `
import os, time
def leave(depth=2):
    read, write = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.write(1, b"left %d\n" % os.getpid())
            if depth > 1:
                leave(depth - 1)
            os.write(write, b"x")
            time.sleep(1000)
        os._exit(0)
    os.close(write)
    os.read(read, 1)
    os.wait()
leave()
`

// leftPIDs are the processes that a script has told of.
func leftPIDs(t *testing.T, logged string) []int {
	t.Helper()
	var pids []int
	for line := range strings.Lines(logged) {
		if number, ok := strings.CutPrefix(strings.TrimSpace(line), "left "); ok {
			pid, err := strconv.Atoi(number)
			if err != nil {
				t.Fatal(err)
			}
			pids = append(pids, pid)
		}
	}
	if len(pids) == 0 {
		t.Fatalf("nothing was left behind: %s", logged)
	}
	return pids
}

// gone fails for each process that is there, also for those that have ended and
// were not waited for.
func gone(t *testing.T, pids []int) {
	t.Helper()
	for _, pid := range pids {
		if state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil {
			t.Errorf("it outlived the script: %s", state)
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	}
}

func TestScript_isOutlivedByNobody(t *testing.T) {
	for name, test := range map[string]struct {
		file, text string
		cancel     bool
		want       string
	}{
		"done":      {"s.py", leave + "def process(rows): return rows\n", false, ""},
		"failed":    {"s.py", leave + "def process(rows): raise ValueError\n", false, "ValueError"},
		"ended":     {"s.py", leave + "def process(rows): os._exit(3)\n", false, "exit status 3"},
		"too late":  {"s.py", leave + "def process(rows): time.sleep(1000)\n", false, "took longer than 2s"},
		"canceled":  {"s.py", leave + "def process(rows): time.sleep(1000)\n", true, "ended with signal: killed"},
		"a program": {"s.sh", "#!/bin/sh\nsetsid sh -c 'echo left $$ >&2; sleep 1000 & exec sleep 1000' </dev/null >/dev/null &\nsleep 1\nexec cat\n", false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s, logged := made(t, test.file, test.text)
			s.Limits.Timeout = 2 * time.Second
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			r, err := s.Start(ctx, []string{"n"}, 1)
			if err != nil {
				t.Fatal(err)
			}
			if err := r.Send(batch(1, ints(1))); err != nil {
				t.Fatal(err)
			}
			if test.cancel {
				cancel()
			}
			r.CloseSend()
			for err == nil {
				_, err = r.Receive()
			}
			if err.Error() != "EOF" && test.want == "" || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
			r.Close()
			gone(t, leftPIDs(t, logged()))
		})
	}
}

func TestScript_leavesNoDeadChildren(t *testing.T) {
	s, logged := made(t, "s.py", `
import os
for n in range(5):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.write(1, b"left %d\n" % os.getpid())
        os._exit(0)
    os.wait()
def process(rows): return rows
`)
	r, err := s.Start(context.Background(), []string{"n"}, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for range 200 {
		family.mu.Lock()
		left := orphans()
		family.mu.Unlock()
		if len(left) == 0 && strings.Count(logged(), "left ") == 5 {
			gone(t, leftPIDs(t, logged()))
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("still there: %v\n%s", orphans(), logged())
}

// What else the program starts and waits for is not waited for by anybody else.
func TestScript_leavesOtherChildrenAlone(t *testing.T) {
	if on, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0); err != nil || on == 1 {
		t.Skip("every process has no_new_privs here: nothing tells the children of a script apart")
	}
	other := exec.Command("sleep", "1000")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	short := exec.Command("true")
	if err := short.Start(); err != nil {
		t.Fatal(err)
	}
	s, logged := made(t, "s.py", leave+"def process(rows): return rows\n")
	if _, err := runAll(s, []string{"n"}, 1, batch(1, ints(1))); err != nil {
		t.Fatal(err)
	}
	gone(t, leftPIDs(t, logged()))
	if err := short.Wait(); err != nil {
		t.Error(err)
	}
	if err := other.Process.Kill(); err != nil {
		t.Error("it was killed:", err)
	}
	if err := other.Wait(); err == nil || err.Error() != "signal: killed" {
		t.Error(err)
	}
}
