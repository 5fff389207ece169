package job

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"ds-pipeline/preprocess/contract"
	"ds-pipeline/preprocess/frame"
	"ds-pipeline/preprocess/parquet"
	"ds-pipeline/preprocess/script"
	"ds-pipeline/preprocess/table"
)

// A script that runs before the model stands between the feed and the rest of
// the job: what it gives back is read as if it were the input, a CSV.
//
//	feed ──pump──► script ──fill──► blocks of CSV
//	         └─────units──────▲
//
// A unit is a batch and where its records come from.
type before struct {
	*runPass
	feed   *feed
	runner script.Runner
	target int   // bytes of a batch
	plan   *plan // of the columns that the script gets
	header []string
	layout table.Layout // of what it gives back, once that is bound
	gaps   []bool       // of the plan's inputs
	shaper shaper

	failed  atomic.Bool // the script has: only look for kinds
	parser  *table.Parser
	free    chan *unit // for use again
	units   chan *unit
	results chan scriptResult
	quit    chan struct{}
	quitter sync.Once

	queue   []item // what was taken and not yet given
	next    int    // row of the first of queue that has not been given
	made    int64  // rows given
	last    unit   // of a program, what it was given
	formats *table.Formatter
	ended   bool
}

// item is what the script made of a unit. Of a program there are units without
// rows, and rows without a unit.
type item struct {
	unit    *unit
	columns []frame.Column
	rows    int
	exact   bool // row by row
}

type scriptResult struct {
	*script.Result
	err error
}

// unit is some consecutive records of the input.
type unit struct {
	data    []byte // their text; nil where only counts matter
	columns *parquet.Batch
	input   int
	line    int64 // lines before it in its input
	end     int64 // in all inputs, in bytes
	rows    int64 // records in it
	given   int   // rows of batch
	batch   *script.Batch
	starts  []uint32 // of the rows of batch in data
	ends    []uint32
	rejects []table.Reject // of records that the script does not get
	told    int            // of rejects
	blocks  int            // that hold some of it
	over    bool           // nothing more of it will be given
	err     error
}

// startBefore starts the script and gives the columns that it makes.
func (p *runPass) startBefore(ctx context.Context, f *feed, header []string, first []byte) (*before, error) {
	runner, err := p.code.Start(ctx, header, p.Workers)
	if err != nil {
		return nil, p.scriptError(err, nil)
	}
	s := &before{
		runPass: p, feed: f, runner: runner, target: p.batchBytes(), header: header, shaper: shaper{forms: p.forms},
		free: make(chan *unit, 8), units: make(chan *unit, 2), results: make(chan scriptResult, 1), quit: make(chan struct{}),
		formats: table.NewFormatter(table.CSV),
	}
	s.formats.QuoteEmpty = true
	if err := s.planInput(ctx, first); err != nil {
		s.close()
		return nil, err
	}
	if !f.settings.Parquet {
		f.Unread(first)
	}
	go s.pump(ctx)
	go s.receive()
	if err := s.begin(); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// planInput chooses how the script's columns are read: with the kinds that
// pandas.read_csv would find in the whole input, or as they stand.
func (s *before) planInput(ctx context.Context, first []byte) error {
	in := s.feed.settings
	l := table.Layout{Dialect: in.Dialect, Fields: len(s.header), Nulls: table.NewNulls(in.Nulls), KeepMissing: true}
	if in.Dialect.JSON {
		l.Names, l.Strict = s.header, true
	}
	for i, name := range s.header {
		if in.Parquet || !s.runner.AsText() {
			l.Inputs = append(l.Inputs, table.Input{Name: name, Index: i, As: table.AsFound})
		}
		if !in.Parquet {
			l.Keep = append(l.Keep, i)
		}
	}
	s.plan = &plan{layout: l}
	inner := *s.runPass
	inner.Settings, inner.facts = in, s.scriptFacts
	if in.Parquet {
		if _, err := inner.parquetKinds(ctx, s.feed, s.plan); err != nil {
			return err
		}
		if err := s.feed.choose(s.plan); err != nil {
			return s.feed.failed(err, 1)
		}
	} else {
		inner.findKinds(s.plan, first, 0)
	}
	s.scriptFacts = inner.facts
	s.parser = table.NewParser(s.plan.layout)
	s.gaps = make([]bool, len(l.Inputs))
	for i := range s.gaps {
		// The schema of Parquet does not tell: any column may have gaps.
		s.gaps[i] = in.Parquet || l.Inputs[i].Kind == frame.BoolGaps
	}
	return nil
}

// batchBytes is about how much input a batch for a script has.
func (s Settings) batchBytes() int {
	if s.blocks == (blockSizes{}) {
		return 1 << 20
	}
	return s.blocks.in
}

// pump reads the input and gives it to the script.
func (s *before) pump(ctx context.Context) {
	defer close(s.units)
	defer s.runner.CloseSend()
	var contradiction *contradictionError
	lines := int64(0)
	sending, empty := true, true
	var scanner *table.Parser
	for {
		u, err := s.read(lines)
		if table.AtEnd(err) {
			break
		}
		if err == nil && ctx.Err() != nil {
			err = ctx.Err()
		}
		if err == nil && (contradiction != nil || s.failed.Load()) {
			// Only what the rest of the input shows is of interest.
			if s.feed.settings.Parquet {
				s.parseColumns(u)
				continue
			}
			if scanner == nil {
				scanner = table.NewScanner(s.plan.layout)
			}
			scanner.Reset(u.data, 0)
			for b := scanner.Next(maxRows); b != nil; b = scanner.Next(maxRows) {
				for i, f := range b.Facts {
					s.scriptFacts[i] |= f
				}
			}
			lines = u.line + int64(s.plan.layout.Dialect.LineEnds(u.data))
			continue
		}
		if err == nil {
			contradiction, err = s.parse(u)
			lines = u.line + int64(s.plan.layout.Dialect.LineEnds(u.data))
			if s.feed.settings.Parquet {
				lines = u.line + int64(u.columns.Rows)
			}
		}
		if err != nil {
			s.give(&unit{err: readError(err, s.in.uris[u.input], u.line+1)})
			return
		}
		if contradiction != nil {
			continue
		}
		empty = false
		if sending {
			// A program may end before it has read everything.
			sending = s.runner.Send(u.batch) == nil
		}
		if !s.giveRead(u) {
			return
		}
	}
	if contradiction == nil && s.failed.Load() {
		contradiction = s.contradiction()
	}
	if contradiction != nil {
		s.give(&unit{err: contradiction})
		return
	}
	if empty {
		// The script tells its columns all the same.
		u := s.newUnit()
		u.input, u.line, u.end = s.feed.index, lines, s.feed.position()
		for i := range u.batch.Columns {
			u.batch.Columns[i].Kind = frame.Text
			if len(s.plan.layout.Inputs) > 0 {
				u.batch.Columns[i].Kind = s.plan.layout.Inputs[i].Kind.Cells()
			}
		}
		_ = s.runner.Send(u.batch) // receiving tells
		s.give(u)
	}
}

// giveRead passes on a unit, of which little is needed where nobody knows what a
// program makes of which record.
func (s *before) giveRead(u *unit) bool {
	if !s.rowByRow() {
		u.forget()
	}
	return s.give(u)
}

// forget frees what is only needed for the records of a unit.
func (u *unit) forget() {
	u.batch = nil
	if len(u.rejects) == 0 {
		u.data, u.columns, u.starts, u.ends = nil, nil, nil, nil
	}
}

// rowByRow tells whether the script answers batch by batch.
func (s *before) rowByRow() bool { return script.IsPython(s.code.Name) }

func (s *before) give(u *unit) bool {
	select {
	case s.units <- u:
		return true
	case <-s.quit:
		return false
	}
}

// newUnit is an empty unit.
func (s *before) newUnit() *unit {
	select {
	case u := <-s.free:
		u.batch.Reset()
		*u = unit{data: u.data, columns: u.columns, batch: u.batch, starts: u.starts[:0], ends: u.ends[:0], rejects: u.rejects[:0]}
		return u
	default:
		return &unit{batch: script.NewBatch(len(s.header))}
	}
}

// release tells that a block holds nothing of its unit any more.
func (s *before) release(u *unit) {
	if u == nil {
		return
	}
	if u.blocks--; u.blocks == 0 && u.over && u.batch != nil {
		select {
		case s.free <- u:
		default:
		}
	}
}

// read reads the next records. What it returns tells where they are even if there
// is an error.
func (s *before) read(lines int64) (u *unit, err error) {
	u = s.newUnit()
	u.input, u.line = s.feed.index, lines
	defer func() {
		if r := recover(); r != nil {
			err = PanicError(r)
		}
	}()
	if s.feed.settings.Parquet {
		if u.columns == nil {
			u.columns = &parquet.Batch{}
		}
		err = s.feed.nextColumns(u.columns, s.target)
	} else {
		u.data, err = s.feed.Next(u.data[:0], s.target)
	}
	u.input, u.end = s.feed.index, s.feed.position()
	if s.feed.lead >= 0 {
		u.line = s.feed.lead
	}
	s.feed.lead = -1
	return u, err
}

// parse makes the batch of a unit, unless a column turns out to be of another
// kind.
func (s *before) parse(u *unit) (contradiction *contradictionError, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = PanicError(r)
		}
	}()
	if s.feed.settings.Parquet {
		s.parseColumns(u)
		return s.contradiction(), nil
	}
	u.rows = table.CountRecords(s.plan.layout.Dialect, s.plan.layout.Fields, u.data)
	parser := s.parser
	parser.Reset(u.data, s.feed.Offset()-int64(len(u.data)))
	for b := parser.Next(maxRows); b != nil; b = parser.Next(maxRows) {
		for i := range s.plan.layout.Inputs {
			s.scriptFacts[i] |= b.Facts[i]
		}
		u.rejects = append(u.rejects, b.Rejects...)
		for row := range b.Rows {
			start, end := parser.Place(row)
			u.starts, u.ends = append(u.starts, start), append(u.ends, end)
		}
		s.addRows(u, b)
	}
	return s.contradiction(), nil
}

// contradiction is a column that is not what the script was given, by the facts;
// nil if there is none.
func (s *before) contradiction() *contradictionError {
	for i, in := range s.plan.layout.Inputs {
		if now := s.feed.settings.kindOf(in, s.scriptFacts[i]); now != in.Kind {
			return &contradictionError{column: in.Name, was: in.Kind, now: now, ofScript: true}
		}
	}
	return nil
}

// parseColumns is parse of Parquet.
func (s *before) parseColumns(u *unit) {
	u.rows = int64(u.columns.Rows)
	reader := &columnReader{plan: s.feed.chosen, parser: s.parser, names: s.header, layout: s.plan.layout}
	for from := 0; from < u.columns.Rows; {
		b := reader.next(u.columns, from)
		for i, in := range s.plan.layout.Inputs {
			s.scriptFacts[i] |= s.feed.settings.shown(in, b.Facts[i])
		}
		for row := range b.Rows {
			if !b.Bad[row] {
				u.starts = append(u.starts, uint32(from+row))
				u.ends = append(u.ends, uint32(from+row+1))
			}
		}
		from += b.Rows
		u.rejects = append(u.rejects, b.Rejects...)
		s.addRows(u, b)
	}
	slices.SortStableFunc(u.rejects, func(x, y table.Reject) int { return x.Start - y.Start })
	u.rejects = slices.CompactFunc(u.rejects, func(x, y table.Reject) bool { return x.Start == y.Start })
}

// addRows copies the rows of a batch that are not bad.
func (s *before) addRows(u *unit, b *table.Batch) {
	for i := range s.header {
		c := &u.batch.Columns[i]
		if len(b.Inputs) > 0 {
			appendGood(c, &b.Inputs[i], b.Rows, b.Bad)
			c.Gaps = s.gaps[i]
		}
		if len(b.Keep) == 0 {
			continue // of Parquet, whose columns are nothing but their values
		}
		texts := b.Keep[i].Texts[:b.Rows]
		if len(b.Inputs) > 0 {
			c.Source = c.AppendTexts(c.Source, texts, b.KeepNulls[i])
		} else {
			c.Kind, c.Texts = frame.Text, c.AppendTexts(c.Texts, texts, b.KeepNulls[i])
		}
	}
	for row := range b.Rows {
		if !b.Bad[row] {
			u.batch.Rows++
			u.given++
		}
	}
}

// appendGood appends to a column copies of the rows that are not bad.
func appendGood(dst *script.Column, src *frame.Column, rows int, bad []bool) {
	dst.Kind = src.Kind
	switch src.Kind {
	case frame.Float, frame.Float32:
		dst.Floats = appendGoodOf(dst.Floats, src.Floats, rows, bad)
	case frame.Text:
		for row := range rows {
			if !bad[row] {
				dst.Texts = dst.AppendTexts(dst.Texts, src.Texts[row:row+1], nil)
			}
		}
	default:
		dst.Ints = appendGoodOf(dst.Ints, src.Ints, rows, bad)
	}
}

func appendGoodOf[T any](dst, src []T, rows int, bad []bool) []T {
	for row := range rows {
		if !bad[row] {
			dst = append(dst, src[row])
		}
	}
	return dst
}

// receive passes on what the script makes.
func (s *before) receive() {
	defer close(s.results)
	for {
		r, err := s.runner.Receive()
		if table.AtEnd(err) {
			return
		}
		select {
		case s.results <- scriptResult{r, err}:
		case <-s.quit:
			return
		}
		if err != nil {
			return
		}
	}
}

// begin waits for the first rows, which show what the columns are.
func (s *before) begin() error {
	for !s.ended && (len(s.queue) == 0 || s.queue[len(s.queue)-1].rows == 0) {
		if n := len(s.queue); n > 0 {
			s.queue[n-1].unit.forget()
		}
		if err := s.advance(); err != nil {
			return err
		}
	}
	return nil
}

// peek is about the first target bytes of what fill gives.
func (s *before) peek(target int) []byte {
	var text []byte
	if n := len(s.queue); n > 0 {
		text, _ = s.format(nil, &s.queue[n-1], 0, target)
	}
	return text
}

// advance takes what comes next from the script.
func (s *before) advance() error {
	i, err := s.take()
	if err != nil || s.ended {
		return err
	}
	if s.shaper.mistaken == "" {
		s.queue = append(s.queue, i)
		return nil
	}
	// What the rest shows is all that is of interest.
	for !s.ended {
		if _, err := s.take(); err != nil {
			return err
		}
	}
	s.forms = s.shaper.known()
	return restart(s.shaper.mistaken)
}

// take waits for what comes next, until there is nothing more.
func (s *before) take() (item, error) {
	if s.rowByRow() {
		return s.takeAnswer()
	}
	return s.takeEither()
}

// takeAnswer takes a unit and what the script made of it.
func (s *before) takeAnswer() (item, error) {
	u, more := <-s.units
	if more && u.err != nil {
		return item{}, u.err
	}
	r, ok := <-s.results
	switch {
	case ok && r.err != nil:
		err := s.scriptError(r.err, func(row int) string { return s.placeOf(u, row) })
		// It may have failed because of the kinds that columns seemed to have.
		s.failed.Store(true)
		for u := range s.units {
			if errors.As(u.err, new(*contradictionError)) || errors.Is(u.err, context.Canceled) {
				return item{}, u.err
			}
		}
		return item{}, err
	case ok != more:
		return item{}, fail(contract.ExitSoftware, "script %s: its answers are not those of its batches: a fault in this program", s.Script)
	case !ok:
		s.ended = true
		return item{}, nil
	}
	return item{
		unit: u, rows: r.Rows, columns: slices.Clone(s.shaper.shape(r.Result, s.runner.Names())),
		exact: !s.runner.Filters() && r.Rows == u.given,
	}, nil
}

// takeEither takes what a program has read or what it has written.
func (s *before) takeEither() (item, error) {
	for s.units != nil || s.results != nil {
		select {
		case u, ok := <-s.units:
			switch {
			case !ok:
				s.units = nil
			case u.err != nil:
				return item{}, u.err
			default:
				s.last = *u
				return item{unit: u}, nil
			}
		case r, ok := <-s.results:
			switch {
			case !ok:
				s.results = nil
			case r.err != nil:
				return item{}, s.scriptError(r.err, nil)
			default:
				rest := &unit{input: s.last.input, line: s.last.line, end: s.last.end}
				return item{unit: rest, rows: r.Rows, columns: slices.Clone(s.shaper.shape(r.Result, s.runner.Names()))}, nil
			}
		}
	}
	s.ended = true
	return item{}, nil
}

// placeOf says where a row of a unit's batch stands.
func (s *before) placeOf(u *unit, row int) string {
	if u == nil || row >= len(u.starts) {
		return "an unknown record"
	}
	return fmt.Sprintf("line %d of %s", s.lineOf(u, int(u.starts[row])), s.in.uris[u.input])
}

// lineOf is the line of the record of a unit that starts there; of Parquet, the row.
func (s *before) lineOf(u *unit, start int) int64 {
	if u.columns != nil {
		return u.line + int64(start) + 1
	}
	return u.line + int64(s.plan.layout.Dialect.LineEnds(u.data[:start])) + 1
}

// record is the text of a record.
func (s *before) record(u *unit, start, end int) []byte {
	if u.columns != nil {
		return s.feed.chosen.appendRecord(nil, u.columns, start)
	}
	return u.data[start:end]
}

// chunkRows are formatted at once.
const chunkRows = 64

// format appends rows of an item as CSV until there is about target bytes of it.
// It returns the row after the last.
func (s *before) format(dst []byte, i *item, from, target int) ([]byte, int) {
	start := len(dst)
	for from < i.rows && len(dst)-start < target {
		to := min(from+chunkRows, i.rows)
		part := make([]frame.Column, len(i.columns))
		for c := range part {
			part[c] = rowsOf(&i.columns[c], from, to-from)
		}
		dst = s.formats.AppendRows(dst, part, to-from, make([]bool, to-from))
		from = to
	}
	return dst, from
}

// origin is where the records of a block that a script gave back come from.
type origin struct {
	unit     *unit
	row      int   // of the unit's batch, of the first record; -1 if that is not known
	made     int64 // records that the script gave back before
	rejects  []table.Reject
	filtered int64 // records that the script was given, less those it gave back
}

// fill fills a block with the next records that the script gives back.
func (s *before) fill(b *block) error {
	for len(s.queue) == 0 {
		if s.ended {
			return io.EOF
		}
		if err := s.advance(); err != nil {
			return err
		}
	}
	s.release(b.origin.unit)
	i := &s.queue[0]
	u, from := i.unit, s.next
	u.blocks++
	b.origin = origin{unit: u, row: -1, made: s.made}
	b.input, b.lead, b.end = u.input, u.line, u.end
	b.rows = 0
	if from == 0 {
		b.rows, b.origin.filtered = u.rows, int64(u.given)
	}
	b.data, s.next = s.format(b.in[:0], i, from, max(b.target, 1))
	b.in = b.data
	b.taken, b.offset = len(b.data), 0
	b.origin.filtered -= int64(s.next - from)
	s.made += int64(s.next - from)
	if i.exact {
		b.origin.row = from
	}
	upTo := len(u.rejects)
	if s.next < i.rows {
		upTo = u.told
		if i.exact {
			for upTo < len(u.rejects) && u.rejects[upTo].Start < int(u.starts[s.next]) {
				upTo++
			}
		}
	}
	b.origin.rejects, u.told = u.rejects[u.told:upTo], upTo
	if s.next == i.rows {
		u.over = true
		s.queue, s.next = s.queue[1:], 0
	}
	return nil
}

// check looks that no row is lost that the script did not say it would take.
func (s *before) check(sum *Summary) error {
	if sum.RowsFiltered == 0 || s.runner.Filters() {
		return nil
	}
	return fail(contract.ExitData, "script %s: gave back %d rows less than it was given; want the same number, or a script that says filters = True",
		s.Script, sum.RowsFiltered)
}

// originals replaces the rejects of a block by the records of the input that they
// come from, together with those that the script was not given.
func (s *before) originals(b *block) []original {
	var all []original
	u := b.origin.unit
	for _, r := range b.origin.rejects {
		all = append(all, original{
			rejected: rejected{start: uint32(r.Start), column: r.Column, reason: r.Reason},
			input:    s.in.uris[u.input].String(), line: s.lineOf(u, r.Start), record: s.record(u, r.Start, r.End), value: r.Value,
		})
	}
	row, at := 0, 0
	for i, r := range b.rejected {
		row += int(table.CountRecords(table.CSV, s.layout.Fields, b.data[at:r.start]))
		at = int(r.start)
		o := original{rejected: r}
		if i < len(b.values) {
			o.value = b.values[i]
		}
		if b.origin.row >= 0 {
			start, end := int(u.starts[b.origin.row+row]), int(u.ends[b.origin.row+row])
			o.start = uint32(start)
			o.input, o.line, o.record = s.in.uris[u.input].String(), s.lineOf(u, start), s.record(u, start, end)
		} else {
			o.start = math.MaxUint32
			o.input = "output of " + s.Script.String()
			o.line, o.record = b.origin.made+int64(row)+2, b.data[r.start:r.end]
		}
		all = append(all, o)
	}
	slices.SortStableFunc(all, func(x, y original) int { return cmp.Compare(x.start, y.start) })
	return all
}

// original is a rejected record as it is told.
type original struct {
	rejected
	input  string
	line   int64
	record []byte
	value  string
}

func (s *before) close() {
	if s == nil {
		return
	}
	s.quitter.Do(func() {
		close(s.quit)
		s.runner.Close()
	})
}
