package job

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"sync"
	"sync/atomic"

	"ds-pipeline/preprocess/contract"
	"ds-pipeline/preprocess/model"
	"ds-pipeline/preprocess/parquet"
	"ds-pipeline/preprocess/report"
	"ds-pipeline/preprocess/script"
	"ds-pipeline/preprocess/storage"
	"ds-pipeline/preprocess/table"
)

// blockSizes are in bytes. What comes out of a block counts as much as what goes
// in: the input of a block shrinks to least when records grow on the way.
type blockSizes struct {
	first, in, out, least int
}

func (s Settings) sizes() blockSizes {
	if s.blocks == (blockSizes{}) && s.ScriptStage == contract.ScriptAfter && s.Script != (storage.URI{}) {
		// A batch for a script is what comes out of a block, and each costs it some time.
		return blockSizes{first: 128 << 10, in: 1 << 20, out: 2 << 20, least: 4 << 10}
	}
	if s.blocks == (blockSizes{}) {
		return blockSizes{first: 128 << 10, in: 256 << 10, out: 512 << 10, least: 4 << 10}
	}
	return s.blocks
}

// probeRows are tried to learn how much records grow.
const (
	probeRows = 16
	maxRows   = math.MaxInt
)

// block is a piece of the input on its way through the job.
type block struct {
	in      []byte        // recycled memory
	columns parquet.Batch // of Parquet, in place of data
	taken   int           // bytes of either
	target  int           // bytes of its input
	data    []byte        // whole records
	offset  int64         // in its input, in bytes of text
	input   int
	lead    int64 // lines before it, if it is the first of its input; else -1
	end     int64 // in all inputs
	err     error // of reading, or a fault; the last block
	done    chan struct{}

	out     []byte
	packed  []byte        // out, compressed ahead; nil if that is not done
	pages   parquet.Block // in place of out
	batch   *script.Batch // in place of out
	grown   int           // bytes of what came out, before compression
	rows    int64         // records, rejected ones included
	written int64         // records in out
	lines   int64

	origin origin // of records that a script gave back

	rejected []rejected
	values   []string // of the first few
	always   int64    // of rejected: whatever the kinds of columns are
	endless  bool     // the last one's end is not known

	facts    []table.Facts // of all records that may be good
	accepted []table.Facts // of those that are not rejected
}

func (t *transformer) newBlock() *block {
	inputs := len(t.plan.layout.Inputs)
	return &block{facts: make([]table.Facts, inputs), accepted: make([]table.Facts, inputs)}
}

// transformer is the machinery of one pass:
//
//	reader ──work──► workers
//	   └────order──────────► collector ──► out
//	   ▲                         │
//	   └──────────free───────────┘
//
// The number of blocks is fixed, and so is the memory.
type transformer struct {
	*runPass
	feed    *feed
	before  *before // between the feed and the rest; nil for no script
	result  *result
	plan    *plan
	program *model.Program
	scan    atomic.Bool // the result is lost: only look for facts
	counted atomic.Bool // the result is lost: only look for rejects

	rejections rejectCount

	mu   sync.Mutex
	seen []bool // fields that some record had, of JSON lines
	lost error  // of merging the statistics
}

func (p *runPass) transform(parent context.Context, feed *feed, before *before, first []byte, pl *plan, program *model.Program, out *result) error {
	t := &transformer{runPass: p, feed: feed, before: before, result: out, plan: pl, seen: make([]bool, pl.layout.Fields), program: program}
	target, err := t.probe(first)
	if err != nil {
		return err
	}
	if !p.part.isInside() {
		if err := out.begin(); err != nil {
			return fmt.Errorf("output: %w", err)
		}
	}

	ctx, cancel := context.WithCancel(parent)
	blocks := 2*p.Workers + 2
	work := make(chan *block, blocks)
	order := make(chan *block, blocks)
	free := make(chan *block, blocks)
	for range blocks {
		b := t.newBlock()
		b.target = target
		free <- b
	}
	if before != nil {
		before.layout = pl.layout
	} else if !p.Parquet {
		feed.Unread(first)
	}
	go t.read(ctx, free, work, order)
	var workers sync.WaitGroup
	for range p.Workers {
		workers.Add(1)
		go func() {
			defer workers.Done()
			t.work(ctx, work)
		}()
	}
	err = t.collect(ctx, order, free)
	cancel()
	// The reader is not waited for: it may hang in a read that nothing ends.
	workers.Wait()
	if err == nil && p.part != nil {
		p.part.seen = t.seen // others may have seen the rest
	} else if err == nil {
		err = pl.unseen(t.seen)
	}
	if err == nil {
		err = t.lost
	}
	if parent.Err() != nil && err != nil {
		return ErrInterrupted
	}
	return err
}

// probe finds the first target by trying a few rows. Of Parquet, the first blocks
// try them.
func (t *transformer) probe(first []byte) (int, error) {
	if t.Parquet {
		return 2 * t.sizes().least, nil
	}
	w := t.newWorker()
	b := t.newBlock()
	b.data = first
	w.parser.Reset(first, 0)
	rows := 0
	if batch := w.parser.Next(probeRows); batch != nil {
		rows = batch.Rows
		if err := w.transform(b, batch); err != nil {
			return 0, err
		}
		w.encoder.finish(b)
	}
	return t.adapt(w.parser.Pos(), b.size(), rows), nil
}

// size is about what came out of the block, in bytes.
func (b *block) size() int { return b.grown + rejectCost*len(b.rejected) }

// adapt chooses the target from what came out of in bytes of n records. A block is filled
// again by what it was the last time, so that blocks are the same whenever the
// settings are, and with them the pages of Parquet.
func (t *transformer) adapt(in, out, n int) int {
	size := t.sizes()
	// A page of a few values is mostly header, and so is the work for it.
	const rows, most = 64, 2 << 20
	if t.Parquet {
		size.in = max(size.in, min(8*rows*len(t.feed.chosen.wants), most))
	}
	if t.ParquetOutput {
		size.in = max(size.in, min(rows*in/max(n, 1), most))
		size.out = max(size.out, min(8*rows*t.sum.ColumnsOut, most))
	}
	target := int64(size.in)
	if out > 0 {
		target = min(target, int64(in)*int64(size.out)/int64(out))
	}
	return int(max(target, int64(size.least)))
}

// read cuts the input into blocks until it ends or fails.
func (t *transformer) read(ctx context.Context, free <-chan *block, work, order chan<- *block) {
	defer close(order)
	defer close(work)
	for {
		var b *block
		select {
		case b = <-free:
		case <-ctx.Done():
			return
		}
		b.done = make(chan struct{})
		if t.before != nil {
			b.err = t.fromScript(b)
		} else {
			t.fromFeed(b)
		}
		if table.AtEnd(b.err) {
			return
		}
		if b.err != nil {
			close(b.done)
			order <- b
			return
		}
		if !t.Parquet && t.before == nil {
			b.in = b.data
		}
		order <- b
		work <- b
	}
}

func (t *transformer) fromFeed(b *block) {
	if t.Parquet {
		b.err = t.nextColumns(b)
		b.taken = b.columns.Bytes()
	} else {
		b.data, b.err = t.next(b.in, b.target)
		b.taken, b.offset = len(b.data), t.feed.Offset()-int64(len(b.data))
	}
	b.input, b.lead, b.end = t.feed.index, t.feed.lead, t.feed.position()
	t.feed.lead = -1
}

func (t *transformer) fromScript(b *block) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = PanicError(r)
		}
	}()
	return t.before.fill(b)
}

func (t *transformer) next(buf []byte, target int) (data []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = PanicError(r)
		}
	}()
	return t.feed.Next(buf, target)
}

// worker owns what cannot be shared.
type worker struct {
	*transformer
	parser   *table.Parser
	columnar *columnReader // in place of parser; nil unless the input is Parquet
	scanner  *table.Parser // made when needed
	model    *model.Worker
	encoder  encoder
	partial  *report.Partial // nil for none
	known    []table.Facts   // of the records that were not rejected
}

func (t *transformer) newWorker() *worker {
	w := &worker{
		transformer: t,
		columnar:    t.newColumnReader(),
		model:       t.program.NewWorker(),
		encoder:     t.result.newEncoder(),
		known:       make([]table.Facts, len(t.plan.layout.Inputs)),
	}
	if w.columnar != nil {
		w.parser = w.columnar.parser
	} else {
		w.parser = table.NewParser(t.plan.layout)
	}
	return w
}

func (t *transformer) work(ctx context.Context, work <-chan *block) {
	w := t.newWorker()
	w.partial = t.statistics.partial()
	for b := range work {
		if ctx.Err() == nil {
			b.err = w.process(b)
		}
		close(b.done)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.statistics.merge(w.partial); err != nil {
		t.lost = err
	}
	for field, seen := range w.parser.Seen() {
		t.seen[field] = t.seen[field] || seen
	}
}

// process turns one block into text. A panic becomes an error: its message may
// hold values of the data, so it is not shown.
func (w *worker) process(b *block) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = PanicError(r)
		}
	}()
	b.out, b.written, b.grown = b.out[:0], 0, 0
	b.rejected, b.values, b.always, b.endless = b.rejected[:0], b.values[:0], 0, false
	clear(b.facts)
	clear(b.accepted)
	if w.Parquet {
		return w.processColumns(b)
	}
	if w.before == nil {
		b.lines = int64(w.Dialect.LineEnds(b.data))
	}

	if w.scan.Load() {
		if w.scanner == nil {
			w.scanner = table.NewScanner(w.plan.layout)
		}
		w.scanner.Reset(b.data, b.offset)
		for batch := w.scanner.Next(maxRows); batch != nil; batch = w.scanner.Next(maxRows) {
			w.addFacts(b, batch)
		}
		return nil
	}
	if w.before == nil {
		b.rows = table.CountRecords(w.Dialect, w.plan.layout.Fields, b.data)
	}
	w.parser.Reset(b.data, b.offset)
	for batch := w.parser.Next(maxRows); batch != nil; batch = w.parser.Next(maxRows) {
		if err := w.transform(b, batch); err != nil {
			return err
		}
	}
	w.encoder.finish(b)
	return nil
}

func (w *worker) addFacts(b *block, batch *table.Batch) {
	for i, f := range batch.Facts {
		b.facts[i] |= f
	}
}

// addAccepted collects what the records show that are not rejected. It looks
// until they prove the kind of a column, which is soon as a rule.
func (w *worker) addAccepted(b *block, batch *table.Batch) {
	if w.MaxRejects.none() {
		return
	}
	for i, in := range w.plan.layout.Inputs {
		if w.Parquet || in.As.Settled(in.Kind, w.known[i]) && (!w.refined || !batch.Facts[i].Unusual()) {
			continue
		}
		f := w.parser.Look(i, batch.Bad)
		w.known[i] |= f
		b.accepted[i] |= f
	}
}

// transform appends the batch's rows to the block's output.
func (w *worker) transform(b *block, batch *table.Batch) error {
	w.addFacts(b, batch)
	out, bad, err := w.model.Apply(batch.Inputs, batch.Rows)
	if err != nil {
		return fail(contract.ExitData, "model %s: %w", w.sum.Model, err)
	}
	// A record's cell that could not be parsed comes first among its reasons.
	rejects := batch.Rejects
	for _, e := range bad {
		if !batch.Bad[e.Row] {
			batch.Bad[e.Row] = true
			rejects = append(rejects, w.parser.BatchReject(e))
		}
	}
	if len(rejects) > 0 {
		b.addRejects(rejects)
		batch.Rejects = rejects[:0]
	}
	w.addAccepted(b, batch)
	if w.counted.Load() {
		return nil
	}
	if err := w.count(batch.Inputs, out, batch.Rows, batch.Bad, len(rejects) > 0); err != nil {
		return err
	}
	w.encoder.append(b, batch, out)
	return nil
}

// collect writes the blocks in order and keeps the count.
func (t *transformer) collect(ctx context.Context, order <-chan *block, free chan<- *block) error {
	kinds := t.plan.layout.Inputs
	var contradiction *contradictionError
	accepted := make([]table.Facts, len(kinds))
	lines := int64(0)
	for {
		var b *block
		var ok bool
		select {
		case b, ok = <-order:
		case <-ctx.Done():
			return ctx.Err()
		}
		if !ok {
			break
		}
		select {
		case <-b.done:
		case <-ctx.Done():
			return ctx.Err()
		}
		if b.lead >= 0 {
			lines = b.lead
		}
		if b.err != nil {
			return readError(b.err, t.in.uris[b.input], lines+1)
		}
		for i, f := range b.accepted {
			accepted[i] |= f
		}
		for i, f := range b.facts {
			if t.refined {
				break // rejected records may contradict
			}
			t.facts[i] |= t.shown(kinds[i], f)
			if now := t.kindOf(kinds[i], t.facts[i]); now != kinds[i].Kind && contradiction == nil {
				contradiction = &contradictionError{column: kinds[i].Name, was: kinds[i].Kind, now: now}
				t.scan.Store(true)
			}
		}
		if contradiction == nil {
			t.sum.RowsIn += b.rows
			if t.sum.Inputs != nil {
				t.sum.Inputs[b.input].Rows += b.rows
			}
			t.sum.RowsFiltered += b.origin.filtered
			if len(b.rejected) > 0 || len(b.origin.rejects) > 0 {
				if err := t.reject(b, lines); err != nil {
					return err
				}
			}
			if t.enough() {
				return t.tooMany(true)
			}
			if !t.rejections.hopeless {
				if err := t.result.Write(b); err != nil {
					return err
				}
				t.sum.RowsOut += b.written
			}
			b.target = t.adapt(b.taken, b.size(), int(b.rows))
		}
		lines += b.lines
		t.sum.BytesIn = b.end
		if t.Progress != nil {
			t.Progress(t.feed.progress(t.sum.BytesIn))
		}
		free <- b
	}
	t.sum.BytesIn = t.feed.position()
	rejects, rows := t.sum.RowsRejected, t.sum.RowsIn
	if t.part != nil && contradiction == nil {
		t.part.accepted, t.part.rejections = accepted, t.rejections // how many are too many is not for a part to say
	} else if contradiction == nil && !t.Parquet && (rejects > 0 || t.refined) && rejects < rows && !t.MaxRejects.none() && !t.MaxRejects.exceeded(t.rejections.always, rows) {
		contradiction = t.refine(accepted)
	}
	switch {
	case contradiction != nil:
		return contradiction
	case t.rejections.hopeless || t.MaxRejects.exceeded(t.sum.RowsRejected, t.sum.RowsIn):
		return t.tooMany(false)
	case t.sum.RowsIn != t.sum.RowsOut+t.sum.RowsRejected+t.sum.RowsFiltered:
		return fail(contract.ExitSoftware, "%d rows in, but %d out, %d rejected and %d filtered: a fault in this program; nothing was published",
			t.sum.RowsIn, t.sum.RowsOut, t.sum.RowsRejected, t.sum.RowsFiltered)
	case t.before != nil:
		return t.before.check(&t.sum)
	}
	return nil
}

// refine tells whether the records that are not rejected show that a column is
// of another kind, and leaves the facts that the next pass starts from.
func (t *transformer) refine(accepted []table.Facts) *contradictionError {
	var first *contradictionError
	for i, in := range t.plan.layout.Inputs {
		if now := in.As.Kind(accepted[i]); now != in.Kind && !in.As.Settled(in.Kind, 0) && first == nil {
			first = &contradictionError{column: in.Name, was: in.Kind, now: now, refine: true}
		}
	}
	if first == nil {
		return nil
	}
	for i, in := range t.plan.layout.Inputs {
		if !in.As.Settled(in.Kind, 0) { // else nothing was looked at
			t.facts[i] = accepted[i]
		}
	}
	return first
}

// PanicError describes a panic without its message, which may hold data, unless
// the message is the runtime's own.
func PanicError(r any) error {
	what := fmt.Sprintf("%T", r)
	if e, ok := r.(runtime.Error); ok {
		what = e.Error()
	}
	return fail(contract.ExitSoftware, "a fault in this program: panic: %s at %s", what, panicPlace())
}

// panicPlace is the function and line that panicked.
func panicPlace() string {
	var pcs [32]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	panicked := false
	for {
		f, more := frames.Next()
		if panicked && !isRuntime(f.Function) {
			return fmt.Sprintf("%s:%d", f.Function, f.Line)
		}
		panicked = panicked || f.Function == "runtime.gopanic"
		if !more {
			return "an unknown place"
		}
	}
}

func isRuntime(function string) bool { return len(function) > 8 && function[:8] == "runtime." }
