package script

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode"
)

// Limits of a running script.
type Limits struct {
	MemoryBytes int64         // address space of each process
	Network     bool          // it may use the network
	Timeout     time.Duration // for a batch; of a program, without reading or writing anything
}

// Script is a script that can be run.
type Script struct {
	Name    string // for people, such as custom_preprocessing.py
	Path    string // of its file, which nobody else can write
	Python  string // of a .py file: the interpreter
	Package string // folder of the unpacked package; "" for none
	Scratch string // private folder, where a script may write
	Limits  Limits
	Context Context
	// Log is told each line that the script prints. It is called from several
	// goroutines.
	Log func(line string)
}

// Context is what a script is told of the run.
type Context struct {
	Period string            // such as 2026-11; "" for none
	Stage  string            // before or after
	Keys   map[string]string // of input, model, output, script and package
}

// IsPython tells by its name whether a script is a Python file.
func IsPython(name string) bool { return strings.EqualFold(filepath.Ext(name), ".py") }

// Error is a fault of a script: what it did, not what this program did.
type Error struct {
	Text  string // several lines: a traceback may be among them
	Batch int    // from 1; 0 for none
	Row   int    // of the batch, from 0; -1 if unknown
	Rows  *Batch // the batch at fault; nil for none
}

func (e *Error) Error() string { return e.Text }

// ErrMissing says that what runs the script is not there: Python, or the
// interpreter that a script names in its first line.
var ErrMissing = errors.New("not found")

// ErrNetwork says that a script that may not use the network cannot be kept from
// it here.
var ErrNetwork = errors.New("this kernel cannot keep a script from the network")

// networkFailed marks why the launcher could not keep a script from the network.
const networkFailed = "network: "

const (
	maxLine   = 2 << 10 // bytes of a line in the log
	tailLines = 5       // that an error tells
)

// process is a running script.
type process struct {
	script *Script
	cmd    *exec.Cmd
	done   chan struct{} // closed when it has ended and what it has left behind is killed
	err    error         // of waiting, after done
	logged sync.WaitGroup

	mu   sync.Mutex
	tail []string // last lines on its standard error
	why  string   // it could not be started
}

// start runs a program with the files from descriptor 3 on. stdin and stdout may
// be nil: nothing, and the log.
func (s *Script) start(path string, args []string, stdin, stdout *os.File, extra ...*os.File) (*process, error) {
	if err := hide(); err != nil {
		return nil, fmt.Errorf("hide the environment: %w", err)
	}
	home, tmp := filepath.Join(s.Scratch, "home"), filepath.Join(s.Scratch, "tmp")
	for _, folder := range []string{home, tmp} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return nil, err
		}
	}
	paths := []string{}
	if s.Package != "" {
		var err error
		if paths, err = ModulePaths(s.Package); err != nil {
			return nil, err
		}
	}
	path, argv, err := launcher(path, args, s.Limits, []string{home, tmp})
	if err != nil {
		return nil, err
	}
	p := &process{script: s, done: make(chan struct{})}
	p.cmd = &exec.Cmd{
		Path: path, Args: argv, Dir: home, Stdin: stdin, Stdout: stdout, ExtraFiles: extra,
		Env: environment(s, home, tmp, paths),
		// Its own group, so that it can be killed with its children, and so that
		// Ctrl-C reaches it only through the job.
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true},
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p.cmd.Stderr = write
	if stdout == nil {
		p.cmd.Stdout = write
	}
	err = startChild(p.cmd)
	_ = write.Close()
	if err != nil {
		_ = read.Close()
		return nil, fmt.Errorf("start %s: %w", s.Name, err)
	}
	p.logged.Add(1)
	go p.log(read)
	go func() {
		p.err = p.cmd.Wait()
		p.kill() // what it has left behind in its group
		endChild(p.cmd)
		close(p.done)
	}()
	return p, nil
}

// environment is all that a script knows of its surroundings: nothing of the
// job's own, where credentials and the addresses of metadata are.
func environment(s *Script, home, tmp string, paths []string) []string {
	env := []string{
		"PATH=/usr/local/bin:/usr/bin:/bin",
		"HOME=" + home,
		"TMPDIR=" + tmp,
		"LANG=C.UTF-8",
		"TZ=UTC",
		"PYTHONDONTWRITEBYTECODE=1",
		"PYTHONUNBUFFERED=1",
		"PYTHONHASHSEED=0",
		"PYTHONPATH=" + strings.Join(paths, ":"),
		// Each thread of a numerical library takes address space.
		"OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1", "MKL_NUM_THREADS=1", "NUMEXPR_NUM_THREADS=1", "MALLOC_ARENA_MAX=2",
		"DS_PERIOD=" + s.Context.Period,
		"DS_SCRIPT_STAGE=" + s.Context.Stage,
		"DS_PACKAGE_PATH=" + s.Package,
	}
	for name, key := range s.Context.Keys {
		env = append(env, "DS_"+strings.ToUpper(name)+"="+key)
	}
	return env
}

// kill kills the whole group.
func (p *process) kill() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
}

// stop kills the process and waits until it is gone and all was logged.
func (p *process) stop() {
	p.kill()
	<-p.done
	finished := make(chan struct{})
	go func() {
		p.logged.Wait()
		close(finished)
	}()
	select {
	case <-finished:
	case <-time.After(time.Second): // a child may hold it open as long as another script runs
	}
}

// log passes lines on, cut to a length and without what a terminal would obey.
func (p *process) log(r *os.File) {
	defer p.logged.Done()
	defer func() { _ = r.Close() }()
	lines := bufio.NewReaderSize(r, maxLine)
	for {
		line, err := lines.ReadSlice('\n')
		if len(line) > 0 {
			cut := errors.Is(err, bufio.ErrBufferFull)
			text := printable(bytes.TrimRight(line, "\r\n"))
			for errors.Is(err, bufio.ErrBufferFull) {
				_, err = lines.ReadSlice('\n')
			}
			if cut {
				text += "..."
			}
			p.keep(text)
		}
		if err != nil {
			_, _ = io.Copy(io.Discard, r)
			return
		}
	}
}

func (p *process) keep(line string) {
	if why, ok := strings.CutPrefix(line, launchFailed); ok {
		p.mu.Lock()
		p.why = why
		p.mu.Unlock()
		return
	}
	p.mu.Lock()
	p.tail = append(p.tail, line)
	p.tail = p.tail[max(0, len(p.tail)-tailLines):]
	p.mu.Unlock()
	if p.script.Log != nil {
		p.script.Log(line)
	}
}

func printable(line []byte) string {
	return strings.Map(func(r rune) rune {
		if r != '\t' && unicode.IsControl(r) {
			return unicode.ReplacementChar
		}
		return r
	}, strings.ToValidUTF8(string(line), "\uFFFD"))
}

// ended says how a process ended that should not have.
func (p *process) ended() error {
	p.stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	if strings.HasPrefix(p.why, syscall.ENOEXEC.Error()) {
		return &Error{Text: "cannot be run: " + p.why + "; want a .py file, a program for this machine, or a text whose first line is #! and an interpreter", Row: -1}
	}
	if why, ok := strings.CutPrefix(p.why, networkFailed); ok {
		return fmt.Errorf("%w: %s", ErrNetwork, why)
	}
	if p.why != "" {
		return fmt.Errorf("start %s: %s: %w", p.script.Name, p.why, ErrMissing)
	}
	how := "it ended by itself"
	var exit *exec.ExitError
	if errors.As(p.err, &exit) {
		how = "it ended with " + exit.String()
	}
	if status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() && status.Signal() == syscall.SIGKILL {
		how += "; was there too little memory?"
	}
	for _, line := range p.tail {
		how += "\n  " + line
	}
	return &Error{Text: how, Row: -1}
}
