package script

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"ds-pipeline/preprocess/frame"
	"ds-pipeline/preprocess/table"
)

// filtersLine is how a program that is a text says what filters = True says in
// Python.
var filtersLine = []byte("# filters = True")

// says tells whether one of the first lines of a file is filtersLine.
func says(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer func() { _ = f.Close() }()
	head := make([]byte, 4<<10)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return false, err
	}
	for line := range bytes.Lines(head[:n]) {
		if bytes.Equal(bytes.TrimSpace(line), filtersLine) {
			return true, nil
		}
	}
	return false, nil
}

// program is a script that reads CSV with a header and writes such.
type program struct {
	script  *Script
	process *process
	filters bool
	columns []string
	stdin   *os.File
	stdout  *os.File
	in      chan *Batch
	out     chan received
	names   []string
	writing atomic.Int64 // when something was last read or written, in nanoseconds
	rowsIn  atomic.Int64
	stopped chan struct{}
	over    chan struct{}
	end     sync.Once
	unwatch func() bool
	timer   *time.Timer
	late    atomic.Bool
}

// block is how much is read from a program at once, in bytes.
const block = 256 << 10

func (s *Script) startProgram(ctx context.Context, columns []string) (Runner, error) {
	if err := os.Chmod(s.Path, 0o700); err != nil { //nolint:gosec // it is to be executed
		return nil, err
	}
	filters, err := says(s.Path)
	if err != nil {
		return nil, err
	}
	inRead, inWrite, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	outRead, outWrite, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, inRead.Close(), inWrite.Close())
	}
	p := &program{
		script: s, filters: filters, columns: columns, stdin: inWrite, stdout: outRead,
		in: make(chan *Batch), out: make(chan received, 1), stopped: make(chan struct{}), over: make(chan struct{}),
	}
	p.process, err = s.start(s.Path, []string{s.Path}, inRead, outWrite)
	_, _ = inRead.Close(), outWrite.Close()
	if err != nil {
		return nil, errors.Join(err, inWrite.Close(), outRead.Close())
	}
	p.touch()
	p.timer = time.AfterFunc(s.Limits.Timeout, p.check)
	p.unwatch = context.AfterFunc(ctx, p.process.kill)
	go p.write()
	go p.read()
	return p, nil
}

func (p *program) Filters() bool   { return p.filters }
func (p *program) AsText() bool    { return true }
func (p *program) Names() []string { return p.names }

func (p *program) touch() { p.writing.Store(time.Now().UnixNano()) }

// check kills a program that has neither read nor written for too long.
func (p *program) check() {
	idle := time.Since(time.Unix(0, p.writing.Load()))
	if left := p.script.Limits.Timeout - idle; left > 0 {
		p.timer.Reset(left)
		return
	}
	p.late.Store(true)
	p.process.kill()
}

func (p *program) Send(b *Batch) error {
	select {
	case p.in <- b:
		return nil
	case <-p.stopped:
		return errStopped
	}
}

func (p *program) CloseSend() { close(p.in) }

// chunk is how much is written at once: after it, the program is known to be alive.
const chunk = 64 << 10

// write writes what is sent. A program may end its reading early, which is known
// by what it has written.
func (p *program) write() {
	defer close(p.stopped)
	defer func() { _ = p.stdin.Close() }()
	f := table.NewFormatter(table.CSV)
	f.QuoteEmpty = true
	text := f.AppendHeader(nil, p.columns)
	for {
		for len(text) > 0 {
			n, err := p.stdin.Write(text[:min(len(text), chunk)])
			text = text[n:]
			p.touch()
			if err != nil {
				return
			}
		}
		var b *Batch
		select {
		case b = <-p.in:
		case <-p.over:
			return
		}
		if b == nil {
			return
		}
		p.rowsIn.Add(int64(b.Rows))
		text = f.AppendRows(text[:0], b.asTexts(), b.Rows, make([]bool, b.Rows))
	}
}

// asTexts are the columns as process(rows) and programs get them.
func (b *Batch) asTexts() []frame.Column {
	columns := make([]frame.Column, len(b.Columns))
	for i := range b.Columns {
		c := &b.Columns[i]
		columns[i] = c.Column
		if len(c.Source) > 0 {
			columns[i] = frame.Column{Kind: frame.Text, Texts: c.Source}
		}
	}
	return columns
}

// texts are the cells of a column as CSV has them, nil for missing ones.
func (c *Column) texts() [][]byte {
	texts := make([][]byte, 0, max(len(c.Floats), len(c.Ints)))
	var arena []byte
	for row := range cap(texts) {
		from := len(arena)
		var there bool
		arena, there = table.AppendCell(arena, &c.Column, row)
		text := arena[from:len(arena):len(arena)]
		if !there {
			text = nil
		}
		texts = append(texts, text)
	}
	return texts
}

// aliveReader notes that the program writes. Waiting for the consumer is not the
// program's fault.
type aliveReader struct {
	r io.Reader
	p *program
}

func (r aliveReader) Read(b []byte) (int, error) {
	r.p.touch()
	n, err := r.r.Read(b)
	r.p.touch()
	return n, err
}

func (p *program) read() {
	defer close(p.out)
	rows, err := p.readAll()
	if err == nil {
		err = p.finish(rows)
	}
	if err != nil {
		p.give(received{err: err})
	}
}

func (p *program) give(r received) bool {
	select {
	case p.out <- r:
		return true
	case <-p.over:
		return false
	}
}

// readAll passes on what the program writes and counts the rows.
func (p *program) readAll() (int64, error) {
	splitter := table.NewSplitter(aliveReader{bufio.NewReaderSize(p.stdout, chunk), p}, table.CSV, table.DefaultRecordLimit)
	rows := int64(0)
	var parser *table.Parser
	for {
		text, err := splitter.Next(nil, block)
		if table.AtEnd(err) {
			return rows, nil
		}
		if err != nil {
			return 0, p.wrote(rows, err.Error())
		}
		if parser == nil {
			names, rest, err := table.ReadHeader(table.CSV, text)
			if err != nil {
				return 0, p.wrote(rows, err.Error())
			}
			if names == nil {
				continue
			}
			layout := table.Layout{Dialect: table.CSV, Fields: len(names), Nulls: table.NewNulls(nil), KeepMissing: true}
			for i := range names {
				layout.Keep = append(layout.Keep, i)
			}
			parser = table.NewParser(layout)
			text = text[rest:]
			// Even without rows the columns are known now.
			if !p.give(received{result: &Result{}, names: names}) {
				return 0, errStopped
			}
		}
		parser.Reset(text, 0)
		for b := parser.Next(1 << 30); b != nil; b = parser.Next(1 << 30) {
			if len(b.Rejects) > 0 {
				return 0, p.wrote(rows+int64(b.Rows), b.Rejects[0].Reason)
			}
			rows += int64(b.Rows)
			if !p.give(received{result: copied(b)}) {
				return 0, errStopped
			}
		}
	}
}

// wrote refuses what the program wrote after so many rows.
func (p *program) wrote(rows int64, reason string) error {
	return &Error{Text: fmt.Sprintf("wrote no proper CSV: after row %d: %s", rows, reason), Row: -1}
}

// finish waits for the program's end, and says what is wrong with it.
func (p *program) finish(rows int64) error {
	<-p.process.done
	if p.late.Load() {
		return &Error{Text: fmt.Sprintf("neither read nor wrote anything for %s", p.script.Limits.Timeout), Row: -1}
	}
	if p.process.err != nil {
		return p.process.ended()
	}
	<-p.stopped
	if in := p.rowsIn.Load(); rows != in && !p.filters {
		return &Error{Text: fmt.Sprintf("gave back %d rows for %d; want the same number, or the line %s in the script", rows, in, filtersLine), Row: -1}
	}
	return nil
}

// copied is a batch that stays as it is.
func copied(b *table.Batch) *Result {
	r := &Result{Rows: b.Rows, Columns: make([]frame.Column, len(b.Keep)), Same: make([]int, len(b.Keep))}
	for i := range b.Keep {
		r.Same[i] = -1
		var c Column
		r.Columns[i] = frame.Column{Kind: frame.Text, Texts: c.AppendTexts(nil, b.Keep[i].Texts[:b.Rows], b.KeepNulls[i])}
	}
	return r
}

func (p *program) Receive() (*Result, error) {
	r, ok := <-p.out
	switch {
	case !ok && p.names == nil:
		return nil, &Error{Text: "wrote nothing; want CSV with a header", Row: -1}
	case !ok:
		return nil, io.EOF
	case r.err != nil:
		return nil, r.err
	}
	if p.names == nil {
		p.names = r.names
	}
	return r.result, nil
}

func (p *program) Close() {
	p.end.Do(func() {
		close(p.over)
		p.unwatch()
		p.timer.Stop()
		p.process.stop()
		_, _ = p.stdin.Close(), p.stdout.Close()
	})
}
