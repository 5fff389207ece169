package dspipe

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// terminal is a process in a terminal of its own.
type terminal struct {
	t    *testing.T
	cmd  *exec.Cmd
	pty  *os.File
	mu   sync.Mutex
	seen strings.Builder
}

func inTerminal(t *testing.T, env []string, args ...string) *terminal {
	t.Helper()
	pty, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("no terminals on this system: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(pty.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(pty.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(int(pty.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 50, Col: 200}); err != nil {
		t.Fatal(err)
	}
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	term := &terminal{t: t, cmd: command(t, append(env, "TERM=xterm"), args...), pty: pty}
	term.cmd.Stdin, term.cmd.Stdout, term.cmd.Stderr = tty, tty, tty
	term.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := term.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = tty.Close()
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := pty.Read(buf)
			term.mu.Lock()
			term.seen.Write(buf[:n])
			term.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = term.cmd.Process.Kill()
		_ = pty.Close()
	})
	return term
}

func (term *terminal) shown() string {
	term.mu.Lock()
	defer term.mu.Unlock()
	return term.seen.String()
}

// waitFor waits until a text has been shown so many times.
func (term *terminal) waitFor(text string, times int) {
	term.t.Helper()
	for range 2000 {
		if strings.Count(term.shown(), text) >= times {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	term.t.Fatalf("never showed %q:\n%s", text, term.shown())
}

func (term *terminal) press(keys string) {
	term.t.Helper()
	if _, err := term.pty.WriteString(keys); err != nil {
		term.t.Fatal(err)
	}
}

func (term *terminal) end() int {
	term.t.Helper()
	_ = term.cmd.Wait()
	return term.cmd.ProcessState.ExitCode()
}

const ctrlC = "\x03"

func TestTerminal_CtrlCAsks(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		keys   []string
		status int
		run    string
	}{
		{"stop", []string{"s\n"}, 1, "ABORTED"},
		{"detach", []string{"d\n"}, 130, "RUNNING"},
		{"no answer is to detach", []string{"\n"}, 130, "RUNNING"},
		{"again", []string{ctrlC}, 130, "RUNNING"},
		{"go on, then stop", []string{"c\n", ctrlC, "s\n"}, 1, "ABORTED"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := cloud(t)
			c.Hold = true
			term := inTerminal(t, c.Env(), "run", "--period", "2026-11", "--follow")
			term.waitFor("was started", 1)
			asked := 0
			for _, keys := range append([]string{ctrlC}, tt.keys...) {
				term.press(keys)
				switch keys {
				case ctrlC:
					if asked++; asked == 1 || tt.name != "again" {
						term.waitFor("Stop the run, detach from it, or go on watching?", asked)
					}
				case "c\n":
					time.Sleep(100 * time.Millisecond) // watching again
				}
			}
			if status := term.end(); status != tt.status {
				t.Errorf("exit status %d, want %d:\n%s", status, tt.status, term.shown())
			}
			if names, _ := c.Started(); c.Status(names[0]) != tt.run {
				t.Errorf("the run is %s, want %s:\n%s", c.Status(names[0]), tt.run, term.shown())
			}
		})
	}
}

func TestTerminal_hasColorsUnlessTheyAreUnwanted(t *testing.T) {
	t.Parallel()
	c := cloud(t)
	c.Past("fine", `{"period":"2026-10"}`, time.Hour, []string{metrics("1", "1", "0", "0")}, 0)
	term := inTerminal(t, c.Env(), "list")
	term.end()
	term.waitFor("\x1b[32msucceeded", 1)
	term = inTerminal(t, append(c.Env(), "NO_COLOR=1"), "doctor")
	status := term.end()
	term.waitFor("last runs", 1)
	if shown := term.shown(); status != 0 || strings.Contains(shown, "\x1b[") {
		t.Errorf("status %d\n%q", status, shown)
	}
}

func TestTerminal_stopAsksFirst(t *testing.T) {
	t.Parallel()
	c := cloud(t)
	c.Hold = true
	run(t, c.Env(), "run", "--period", "2026-11").expect(t, 0)
	names, _ := c.Started()
	term := inTerminal(t, c.Env(), "stop")
	term.waitFor("of period 2026-11, which began", 1)
	term.press("n\n")
	if status := term.end(); status != 130 || c.Status(names[0]) != "RUNNING" {
		t.Errorf("exit status %d, the run is %s", status, c.Status(names[0]))
	}
	term = inTerminal(t, c.Env(), "stop")
	term.waitFor("[y/N]", 1)
	term.press("y\n")
	if status := term.end(); status != 0 || c.Status(names[0]) != "ABORTED" {
		t.Errorf("exit status %d, the run is %s", status, c.Status(names[0]))
	}
}

func TestTerminal_backfillDrawsItsTableInPlace(t *testing.T) {
	t.Parallel()
	c := monthly(t)
	term := inTerminal(t, c.Env(), "backfill", "--from", "2026-05", "--to", "2026-06", "--input-key", "raw/{period}.csv")
	if status := term.end(); status != 0 {
		t.Errorf("exit status %d:\n%s", status, term.shown())
	}
	term.waitFor("2026-05  \x1b[32msucceeded", 1)
	term.waitFor("2026-06  \x1b[32msucceeded", 1)
	if shown := term.shown(); !strings.Contains(shown, "waiting") || strings.Count(shown, "\x1b[3A\x1b[J") < 3 {
		t.Errorf("showed %q", shown)
	}
}
