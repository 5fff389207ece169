package script

import (
	"bufio"
	"context"
	_ "embed"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"ds-pipeline/preprocess/frame"
)

//go:embed driver.py
var driver []byte

// driverFile is where the driver is put in the folder of a script.
const driverFile = "driver.py"

// ready is what the driver says of a script that it has loaded.
type ready struct {
	Mode      string     `json:"mode"` // transform or process
	Filters   bool       `json:"filters"`
	Stateless bool       `json:"stateless"`
	Error     *wireError `json:"error"`
}

type wireError struct {
	Kind string `json:"kind"` // exception, memory, network, fault or missing
	Text string `json:"text"`
	Row  *int   `json:"row"`
}

// answer is the head of what a script made of a batch.
type answer struct {
	Rows    int          `json:"rows"`
	Names   []string     `json:"names"` // nil if they are those of the batch before
	Columns []wireColumn `json:"columns"`
	Taken   int          `json:"taken"` // bytes
	Error   *wireError   `json:"error"`
}

// Runner runs batches through a script. One goroutine sends and one receives;
// the results come in the order of the batches.
type Runner interface {
	// Filters tells whether the script says that it gives back another number of
	// rows than it gets.
	Filters() bool
	// AsText tells whether the script gets all cells as text.
	AsText() bool
	// Send hands over a batch. It waits while the script is behind. After CloseSend
	// it must not be called.
	Send(b *Batch) error
	// CloseSend says that no batch follows.
	CloseSend()
	// Receive waits for a result, and gives io.EOF after the last one.
	Receive() (*Result, error)
	// Names are the columns that the script gives back, after the first Receive.
	Names() []string
	// Close kills the script with its children and waits until they are gone.
	Close()
}

// Start starts a script for a table with these columns: in up to most processes
// if it says that it is stateless, and else in one. Canceling ctx kills it.
func (s *Script) Start(ctx context.Context, columns []string, most int) (Runner, error) {
	if !IsPython(s.Name) {
		return s.startProgram(ctx, columns)
	}
	interpreter, err := exec.LookPath(s.Python)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.Python, ErrMissing)
	}
	first, err := s.startPython(interpreter, columns)
	if err != nil {
		return nil, err
	}
	p := &pool{script: s, ready: first.ready, workers: []*worker{first}}
	if first.ready.Stateless {
		for len(p.workers) < most {
			w, err := s.startPython(interpreter, columns)
			if err != nil {
				p.Close()
				return nil, err
			}
			p.workers = append(p.workers, w)
		}
	}
	for _, w := range p.workers {
		w.run()
	}
	p.unwatch = context.AfterFunc(ctx, p.kill)
	return p, nil
}

// pool is the processes of a Python script, which take turns.
type pool struct {
	script         *Script
	ready          ready
	workers        []*worker
	sent, received int
	names          []string
	unwatch        func() bool
	closed         sync.Once
}

func (p *pool) Filters() bool   { return p.ready.Filters }
func (p *pool) AsText() bool    { return p.ready.Mode == "process" }
func (p *pool) Names() []string { return p.names }

func (p *pool) Send(b *Batch) error {
	w := p.workers[p.sent%len(p.workers)]
	p.sent++
	select {
	case w.in <- b:
		return nil
	case <-w.stopped:
		return errStopped
	}
}

// errStopped says that a script has ended: Receive tells why.
var errStopped = errors.New("the script has stopped")

func (p *pool) CloseSend() {
	for _, w := range p.workers {
		close(w.in)
	}
}

func (p *pool) Receive() (*Result, error) {
	w := p.workers[p.received%len(p.workers)]
	r, ok := <-w.out
	if !ok {
		return nil, io.EOF // each of the others has less to give
	}
	p.received++
	var e *Error
	if errors.As(r.err, &e) && e.Batch == 0 {
		e.Batch = p.received
	}
	if r.err != nil {
		return nil, r.err
	}
	if p.names == nil {
		p.names = r.names
	}
	if differs := sameNames(r.names, p.names); differs != "" {
		return nil, &Error{Text: "gave back other columns than at first: " + differs, Batch: p.received, Row: -1, Rows: r.result.Batch}
	}
	return r.result, nil
}

func sameNames(got, want []string) string {
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			return fmt.Sprintf("column %d is %q, want %q", i+1, got[i], want[i])
		}
	}
	if len(got) != len(want) {
		return fmt.Sprintf("%d columns, want %d", len(got), len(want))
	}
	return ""
}

func (p *pool) kill() {
	for _, w := range p.workers {
		w.process.kill()
	}
}

func (p *pool) Close() {
	p.closed.Do(func() {
		if p.unwatch != nil {
			p.unwatch()
		}
		for _, w := range p.workers {
			w.close()
		}
	})
}

// worker is one process of a Python script. Requests are encoded and written
// while the script is at work, at most so many ahead as its channels hold.
type worker struct {
	process  *process
	ready    ready
	requests *os.File
	answers  *os.File
	reader   *bufio.Reader
	names    []string
	in       chan *Batch
	sent     chan *Batch // written, and not yet answered
	out      chan received
	stopped  chan struct{} // closed when nothing is taken from in any more
	end      sync.Once
	over     chan struct{} // closed by close
}

type received struct {
	result *Result
	names  []string
	err    error
}

func (s *Script) startPython(interpreter string, columns []string) (*worker, error) {
	path := filepath.Join(s.Scratch, driverFile)
	if err := os.WriteFile(path, driver, 0o600); err != nil {
		return nil, err
	}
	requestRead, requestWrite, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	answerRead, answerWrite, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, requestRead.Close(), requestWrite.Close())
	}
	w := &worker{
		requests: requestWrite, answers: answerRead, reader: bufio.NewReaderSize(answerRead, 1<<16),
		in: make(chan *Batch), sent: make(chan *Batch, 1), out: make(chan received, 1),
		stopped: make(chan struct{}), over: make(chan struct{}),
	}
	w.process, err = s.start(interpreter, []string{interpreter, "-s", "-B", path, "3", "4"}, nil, nil, requestRead, answerWrite)
	_, _ = requestRead.Close(), answerWrite.Close()
	if err != nil {
		return nil, errors.Join(err, requestWrite.Close(), answerRead.Close())
	}
	if err := w.greet(s, columns); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

// greet tells the driver what to run and waits until it is loaded.
func (w *worker) greet(s *Script, columns []string) error {
	err := w.write(map[string]any{
		"path": s.Path, "name": s.Name,
		"context": map[string]any{"period": s.Context.Period, "stage": s.Context.Stage, "keys": s.Context.Keys, "package_path": s.Package},
		// The columns of a message are those whose bytes follow it.
		"columns": []any{}, "names": columns,
	}, nil)
	if err != nil {
		return w.process.ended()
	}
	if err := w.read(&w.ready); err != nil {
		return err
	}
	if e := w.ready.Error; e != nil {
		if e.Kind == "missing" {
			return fmt.Errorf("%s: %w", e.Text, ErrMissing)
		}
		return &Error{Text: w.told(e), Row: -1}
	}
	return nil
}

// told is what the driver says is wrong.
func (w *worker) told(e *wireError) string {
	limits := w.process.script.Limits
	switch {
	case e.Kind == "memory":
		return fmt.Sprintf("%s\nits memory is limited to %d MiB", e.Text, limits.MemoryBytes>>20)
	case e.Kind == "network" && !limits.Network:
		return e.Text + "\nit may not use the network"
	}
	return e.Text
}

func (w *worker) write(head any, body []byte) error {
	text, err := json.Marshal(head)
	if err != nil {
		return err
	}
	message := binary.LittleEndian.AppendUint32(make([]byte, 0, 4+len(text)), uint32(len(text)))
	if _, err := w.requests.Write(append(message, text...)); err != nil {
		return err
	}
	_, err = w.requests.Write(body)
	return err
}

// read reads the head of an answer, for which the script has its time.
func (w *worker) read(head any) error {
	limit := w.process.script.Limits.Timeout
	if err := w.answers.SetReadDeadline(time.Now().Add(limit)); err != nil {
		return err
	}
	var size [4]byte
	if _, err := io.ReadFull(w.reader, size[:]); err != nil {
		return w.failed(err)
	}
	n := binary.LittleEndian.Uint32(size[:])
	if n > maxHead {
		return &Error{Text: fmt.Sprintf("an answer with a head of %d bytes, want at most %d", n, maxHead), Row: -1}
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(w.reader, text); err != nil {
		return w.failed(err)
	}
	if err := json.Unmarshal(text, head); err != nil {
		return &Error{Text: "an answer that cannot be read: " + err.Error(), Row: -1}
	}
	return nil
}

func (w *worker) failed(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return &Error{Text: fmt.Sprintf("took longer than %s", w.process.script.Limits.Timeout), Row: -1}
	}
	return w.process.ended()
}

// run starts the goroutines that send and receive.
func (w *worker) run() {
	go func() {
		defer close(w.sent)
		defer close(w.stopped)
		asText := w.ready.Mode == "process"
		var body []byte
		for {
			var b *Batch
			select {
			case b = <-w.in:
			case <-w.over:
				return
			}
			if b == nil {
				break
			}
			var columns []wireColumn
			body, columns = b.encode(body[:0], asText)
			select {
			case w.sent <- b:
			case <-w.over:
				return
			}
			if err := w.write(map[string]any{"rows": b.Rows, "columns": columns}, body); err != nil {
				return // the reader knows more
			}
		}
		_ = w.requests.Close()
	}()
	go func() {
		defer close(w.out)
		for b := range w.sent {
			result, err := w.receive(b)
			select {
			case w.out <- received{result, w.names, err}:
			case <-w.over:
				return
			}
			if err != nil {
				w.process.kill() // what is still being written to it fails
				for range w.sent {
				}
				return
			}
		}
	}()
}

func (w *worker) receive(b *Batch) (*Result, error) {
	r, err := w.result(b)
	var e *Error
	if errors.As(err, &e) {
		e.Rows = b
	}
	return r, err
}

func (w *worker) result(b *Batch) (*Result, error) {
	var head answer
	if err := w.read(&head); err != nil {
		return nil, err
	}
	if e := head.Error; e != nil {
		fault := &Error{Text: w.told(e), Row: -1}
		if e.Row != nil {
			fault.Row = *e.Row
		}
		return nil, fault
	}
	if head.Names != nil {
		w.names = head.Names
	}
	broken := func(format string, args ...any) error {
		return &Error{Text: "an answer that is not whole: " + fmt.Sprintf(format, args...), Row: -1}
	}
	total := head.Taken
	for _, c := range head.Columns {
		if c.Bytes < 0 || c.Bytes > maxAnswer {
			return nil, broken("a column of %d bytes", c.Bytes)
		}
		total += c.Bytes
	}
	switch {
	case head.Rows < 0, head.Taken < 0, head.Taken%8 != 0, len(head.Columns) != len(w.names):
		return nil, broken("%d rows of %d columns with %d names", head.Rows, len(head.Columns), len(w.names))
	case total > maxAnswer:
		return nil, &Error{Text: fmt.Sprintf("gave back %d bytes for one batch, want at most %d", total, maxAnswer), Row: -1}
	case len(w.names) == 0:
		return nil, &Error{Text: "gave back no columns", Row: -1}
	case head.Rows != b.Rows && !w.ready.Filters:
		return nil, &Error{Text: fmt.Sprintf("gave back %d rows for %d; want the same number, or filters = True in the script", head.Rows, b.Rows), Row: -1}
	}
	r := &Result{
		Batch: b, Rows: head.Rows, Columns: make([]frame.Column, len(head.Columns)), Same: make([]int, len(head.Columns)),
		Of: make([]frame.Kind, len(head.Columns)),
	}
	if head.Taken > 0 {
		taken := make([]byte, head.Taken)
		if _, err := io.ReadFull(w.reader, taken); err != nil {
			return nil, w.failed(err)
		}
		for ; len(taken) > 0; taken = taken[8:] {
			row := int64(binary.LittleEndian.Uint64(taken))
			if row < 0 || row >= int64(b.Rows) {
				return nil, broken("row %d of %d", row, b.Rows)
			}
			r.Taken = append(r.Taken, row)
		}
	}
	for i, c := range head.Columns {
		r.Same[i], r.Of[i] = -1, c.of()
		if c.Same != nil {
			rows := len(r.Taken)
			if r.Taken == nil && head.Rows > 0 {
				rows = b.Rows
			}
			if *c.Same < 0 || *c.Same >= len(b.Columns) || rows != head.Rows {
				return nil, broken("column %d is not that of the batch", i)
			}
			r.Same[i] = *c.Same
			continue
		}
		body := make([]byte, c.Bytes)
		if _, err := io.ReadFull(w.reader, body); err != nil {
			return nil, w.failed(err)
		}
		var err error
		if r.Columns[i], err = decode(c, body, head.Rows); err != nil {
			return nil, broken("column %d: %v", i, err)
		}
	}
	return r, nil
}

// close kills the process and frees what belongs to it.
func (w *worker) close() {
	w.end.Do(func() {
		close(w.over)
		w.process.stop()
		_, _ = w.requests.Close(), w.answers.Close()
	})
}
