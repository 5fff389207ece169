package job

import (
	"context"
	"fmt"

	"ds-pipeline/preprocess/codec"
	"ds-pipeline/preprocess/contract"
	"ds-pipeline/preprocess/frame"
	"ds-pipeline/preprocess/model"
	"ds-pipeline/preprocess/script"
	"ds-pipeline/preprocess/table"
)

// afterWriter gives the result to a script, and writes what that gives back.
// Encoders make batches in the workers; one goroutine sends them, another
// receives and writes.
type afterWriter struct {
	*runPass
	runner script.Runner
	names  []string
	kinds  []frame.Kind
	sink   sink
	given  int64 // rows
	made   int64
	free   chan *script.Batch // for use again
	done   chan struct{}
	err    error // of receiving, after done
}

// sink writes what a script gives back, in a format.
type sink interface {
	// add writes the rows of a result, unless it shows, or one before has shown,
	// that the run has to start again.
	add(r *script.Result, names []string) error
	// again is why the run has to start again, and what it knows then; "" if it
	// need not.
	again() (string, []form)
	// close writes what comes after the last row. Before it, written is how many
	// bytes the rows are before compression.
	close() error
	written() int64
	abandon()
}

func (p *runPass) newAfterWriter(ctx context.Context, w counter, pl *plan, program *model.Program, names []string) (*afterWriter, error) {
	a := &afterWriter{runPass: p, names: names, free: make(chan *script.Batch, 8), done: make(chan struct{})}
	for range pl.keep {
		a.kinds = append(a.kinds, frame.Text)
	}
	for _, c := range program.Shapes() {
		for range max(c.Width, 1) {
			a.kinds = append(a.kinds, c.Kind)
		}
	}
	if p.ParquetOutput {
		a.sink = newParquetSink(w, p, names, a.kinds)
	} else {
		packed, err := codec.NewWriter(w, codec.ByName(name(p.Output)))
		if err != nil {
			return nil, err
		}
		a.sink = &textSink{packed: packed, format: table.NewFormatter(p.OutputDialect), shaper: shaper{forms: p.forms}}
	}
	var err error
	a.runner, err = p.code.Start(ctx, names, p.Workers)
	if err != nil {
		a.sink.abandon()
		return nil, p.scriptError(err, nil)
	}
	go a.receive()
	return a, nil
}

func (a *afterWriter) begin() error { return nil }

// receive writes what the script gives back until it ends.
func (a *afterWriter) receive() {
	defer close(a.done)
	for {
		r, err := a.runner.Receive()
		if table.AtEnd(err) {
			return
		}
		if err != nil {
			made := a.made
			a.err = a.scriptError(err, func(row int) string { return fmt.Sprintf("row %d of the result", made+int64(row)+1) })
			return
		}
		a.made += int64(r.Rows)
		if a.err = a.sink.add(r, a.runner.Names()); a.err != nil {
			return
		}
		if r.Batch != nil {
			select {
			case a.free <- r.Batch:
			default:
			}
		}
	}
}

// send hands a batch to the script.
func (a *afterWriter) send(b *script.Batch) error {
	if err := a.runner.Send(b); err != nil && a.isOver() {
		return a.err // nil of a program that has ended before it read everything
	}
	return nil
}

// isOver waits until nothing is received any more.
func (a *afterWriter) isOver() bool {
	<-a.done
	return true
}

func (a *afterWriter) add(b *block) (int, error) {
	if b.batch == nil || b.batch.Rows == 0 {
		return 0, nil
	}
	a.given += int64(b.batch.Rows)
	return 0, a.send(b.batch)
}

// finish waits for the script's end and takes over its counts.
func (a *afterWriter) finish(r *result) error {
	if a.given == 0 {
		// The script tells its columns all the same.
		b := script.NewBatch(len(a.names))
		for i, kind := range a.kinds {
			b.Columns[i].Kind = kind
		}
		if err := a.send(b); err != nil {
			return err
		}
	}
	a.runner.CloseSend()
	<-a.done
	reason, forms := a.sink.again()
	switch {
	case a.err != nil:
		return a.err
	case reason != "":
		a.forms = forms
		return restart(reason)
	case a.made != a.given && !a.runner.Filters():
		return fail(contract.ExitData, "script %s: gave back %d rows for %d; want the same number, or a script that says filters = True", a.Script, a.made, a.given)
	}
	r.text += a.sink.written()
	a.sum.RowsOut, a.sum.RowsFiltered = a.made, a.given-a.made
	a.sum.ColumnsOut = len(a.runner.Names())
	return nil
}

func (a *afterWriter) close() error {
	a.runner.Close()
	return a.sink.close()
}

func (a *afterWriter) abandon() {
	a.runner.Close()
	<-a.done
	a.sink.abandon()
}

// textSink writes CSV, compressed or not.
type textSink struct {
	packed codec.Writer
	format *table.Formatter
	shaper shaper
	text   []byte
	header bool // is written
	bytes  int64
}

func (s *textSink) add(r *script.Result, names []string) error {
	if !s.header {
		s.header = true
		s.text = s.format.AppendHeader(s.text, names)
	}
	columns := s.shaper.shape(r, names)
	if s.shaper.mistaken != "" {
		return nil
	}
	s.text = s.format.AppendRows(s.text, columns, r.Rows, make([]bool, r.Rows))
	s.bytes += int64(len(s.text))
	err := s.packed.Write(s.text, nil)
	s.text = s.text[:0]
	if err != nil {
		return fmt.Errorf("output: %w", err)
	}
	return nil
}

func (s *textSink) again() (string, []form) { return s.shaper.mistaken, s.shaper.known() }
func (s *textSink) written() int64          { return s.bytes }
func (s *textSink) close() error            { return s.packed.Close() }
func (s *textSink) abandon()                { _ = s.packed.Close() } // what it writes is discarded

func (a *afterWriter) newEncoder() encoder { return &afterEncoder{kinds: a.kinds, free: a.free} }

// afterEncoder makes batches for the script.
type afterEncoder struct {
	kinds []frame.Kind
	free  <-chan *script.Batch
	batch *script.Batch
	bytes int
}

func (e *afterEncoder) newBatch() *script.Batch {
	select {
	case b := <-e.free:
		b.Reset()
		return b
	default:
		return script.NewBatch(len(e.kinds))
	}
}

// append copies the rows, as they are used after the memory of the worker's
// columns is used again.
func (e *afterEncoder) append(_ *block, batch *table.Batch, made []frame.Column) {
	if e.batch == nil {
		e.batch = e.newBatch()
	}
	good := 0
	for row := range batch.Rows {
		if !batch.Bad[row] {
			good++
		}
	}
	e.batch.Rows += good
	at := 0
	add := func(c *frame.Column) {
		appendGood(&e.batch.Columns[at], c, batch.Rows, batch.Bad)
		e.batch.Columns[at].Gaps = true // whether cells are missing is not known of all rows
		at++
	}
	for i := range batch.Keep {
		kept := batch.Keep[i]
		if kept.Kind != frame.Text {
			kept = asText(&kept, batch.Rows)
		}
		kept.Texts = missingTexts(kept.Texts[:batch.Rows], batch.KeepNulls[i])
		add(&kept)
	}
	var one frame.Column
	for i := range made {
		c := &made[i]
		if c.Hot == nil && c.Width == 0 {
			add(c)
			continue
		}
		for hot := range c.Width {
			one.Kind = c.Kind
			one.Floats, one.Ints = one.Floats[:0], one.Ints[:0]
			for row := range batch.Rows {
				v := 0
				if int(c.Hot[row]) == hot {
					v = 1
				}
				if c.Kind == frame.Float || c.Kind == frame.Float32 {
					one.Floats = append(one.Floats, float64(v))
				} else {
					one.Ints = append(one.Ints, int64(v))
				}
			}
			add(&one)
		}
	}
	e.bytes += good * 8 * len(e.kinds)
}

// missingTexts makes texts missing that are empty, as a result has them.
func missingTexts(texts [][]byte, nulls []bool) [][]byte {
	out := make([][]byte, len(texts))
	for row, text := range texts {
		if len(text) > 0 && (nulls == nil || !nulls[row]) {
			out[row] = text
		}
	}
	return out
}

// asText is a column as CSV has it.
func asText(c *frame.Column, rows int) frame.Column {
	texts := make([][]byte, rows)
	for row := range rows {
		if text, ok := table.AppendCell(nil, c, row); ok {
			texts[row] = text
		}
	}
	return frame.Column{Kind: frame.Text, Texts: texts}
}

func (e *afterEncoder) finish(b *block) {
	b.batch, b.grown, b.written = e.batch, e.bytes, 0
	if e.batch != nil {
		b.written = int64(e.batch.Rows)
	}
	e.batch, e.bytes = nil, 0
}
