package script

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// family is the running scripts of this program. As long as there are any, what
// their children leave behind becomes a child of this process, and not of the
// machine's first one: a process cannot leave that relation, as it can its group
// and its session.
var family struct {
	mu      sync.Mutex
	running map[int]bool // by process ID: those that os/exec waits for
	over    chan struct{}
}

const (
	// reapEvery is how often what has ended is looked for while scripts run.
	reapEvery = time.Second
	// sweepTime bounds the killing at the end of a script that starts processes
	// faster than they are killed.
	sweepTime = 5 * time.Second
)

// startChild starts a script.
func startChild(cmd *exec.Cmd) error {
	family.mu.Lock()
	defer family.mu.Unlock()
	if len(family.running) == 0 {
		if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
			return fmt.Errorf("become the reaper of its children: %w", err)
		}
		family.running, family.over = map[int]bool{}, make(chan struct{})
		go reap(family.over)
	}
	err := cmd.Start()
	if err == nil {
		family.running[cmd.Process.Pid] = true
	}
	if len(family.running) == 0 {
		close(family.over)
	}
	return err
}

// endChild is to be called when a script has ended and was waited for. With the
// last one, all that scripts have left behind is killed.
func endChild(cmd *exec.Cmd) {
	family.mu.Lock()
	defer family.mu.Unlock()
	delete(family.running, cmd.Process.Pid)
	if len(family.running) > 0 {
		return
	}
	close(family.over)
	// Whoever loses its parent by this becomes a child of this process, which is
	// why it looks again until there are none.
	for deadline := time.Now().Add(sweepTime); ; time.Sleep(time.Millisecond) {
		left := orphans()
		for _, o := range left {
			_ = unix.Kill(o.pid, unix.SIGKILL)
			_, _ = unix.Wait4(o.pid, nil, unix.WNOHANG, nil)
		}
		if len(left) == 0 || time.Now().After(deadline) {
			break
		}
	}
	_ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
}

// reap waits for what has ended of what scripts have left behind.
func reap(over <-chan struct{}) {
	tick := time.NewTicker(reapEvery)
	defer tick.Stop()
	for {
		select {
		case <-over:
			return
		case <-tick.C:
		}
		family.mu.Lock()
		for _, o := range orphans() {
			if o.ended {
				_, _ = unix.Wait4(o.pid, nil, unix.WNOHANG, nil)
			}
		}
		family.mu.Unlock()
	}
}

// orphan is a process that a script has left behind.
type orphan struct {
	pid   int
	ended bool // and not yet waited for
}

// orphans are the children of this process that it has not started. They have
// no_new_privs, which every script gets and which cannot be taken off: what else
// this program may have started is not touched.
func orphans() []orphan {
	proc, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer func() { _ = proc.Close() }()
	names, _ := proc.Readdirnames(-1)
	self := strconv.Itoa(os.Getpid())
	var all []orphan
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil || family.running[pid] {
			continue
		}
		stat, err := os.ReadFile("/proc/" + name + "/stat")
		if err != nil {
			continue // it is gone
		}
		// The name of the program, in parentheses, may hold anything.
		fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
		if len(fields) < 2 || string(fields[1]) != self {
			continue
		}
		status, err := os.ReadFile("/proc/" + name + "/status")
		if err == nil && bytes.Contains(status, []byte("\nNoNewPrivs:\t1\n")) {
			all = append(all, orphan{pid, fields[0][0] == 'Z'})
		}
	}
	return all
}
