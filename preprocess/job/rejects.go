package job

import (
	"context"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"ds-pipeline/preprocess/contract"
	"ds-pipeline/preprocess/manifest"
	"ds-pipeline/preprocess/storage"
	"ds-pipeline/preprocess/table"
)

// RejectLimit is how many records may be rejected: a count, or a share of all.
// The zero value is none.
type RejectLimit struct {
	count int64
	share *big.Rat // nil for a count
	text  string
}

// anyRejects lets all records be rejected.
var anyRejects = RejectLimit{share: big.NewRat(1, 1), text: "100%"}

// ParseRejectLimit reads a count such as 100 or a share such as 0.5%.
func ParseRejectLimit(s string) (RejectLimit, error) {
	if err := contract.CheckRejectLimit(s); err != nil {
		return RejectLimit{}, err
	}
	number, isShare := strings.CutSuffix(s, "%")
	if !isShare {
		n, err := strconv.ParseInt(number, 10, 64)
		return RejectLimit{count: n, text: s}, err
	}
	share, _ := new(big.Rat).SetString(number)
	return RejectLimit{share: share.Quo(share, big.NewRat(100, 1)), text: s}, nil
}

// String is what ParseRejectLimit reads.
func (l RejectLimit) String() string {
	if l.text == "" {
		return "0"
	}
	return l.text
}

// none tells whether no record may be rejected.
func (l RejectLimit) none() bool { return l.count == 0 && (l.share == nil || l.share.Sign() == 0) }

// exceeded tells whether so many rejected records are too many of so many.
func (l RejectLimit) exceeded(rejected, rows int64) bool {
	if l.share == nil {
		return rejected > l.count
	}
	most := new(big.Rat).SetInt64(rows)
	return new(big.Rat).SetInt64(rejected).Cmp(most.Mul(most, l.share)) > 0
}

// rejectsHeader is the first line of a file of rejects, by which one is known.
const rejectsHeader = "input,line,column,reason,record\n"

// rejectsFile is the file of rejected records. It is started by the first of
// them, and nothing of it is visible before publish.
type rejectsFile struct {
	ctx    context.Context
	store  *storage.Store
	uri    storage.URI
	upload storage.Upload
	buf    []byte
	rows   int64
	bytes  int64
	before storage.Info // what was there when the run began
	digest *manifest.Digest
}

// add writes a record. line counts from 1.
func (r *rejectsFile) add(input string, line int64, rej rejected, record []byte) error {
	b := r.buf[:0]
	if r.upload == nil {
		var err error
		if r.upload, err = r.store.Create(r.ctx, r.uri, storage.Unchanged(r.before)); err != nil {
			return fmt.Errorf("rejects: %w", err)
		}
		r.digest = manifest.SHA256.New()
		b = append(b, rejectsHeader...)
	}
	b = append(appendField(b, input), ',')
	b = append(strconv.AppendInt(b, line, 10), ',')
	b = append(appendField(b, rej.column), ',')
	b = append(appendField(b, rej.reason), ',')
	b = append(appendQuoted(b, record), '\n')
	r.buf = b
	r.rows++
	return r.flush(b)
}

func (r *rejectsFile) flush(b []byte) error {
	r.bytes += int64(len(b))
	_, _ = r.digest.Write(b)
	if _, err := r.upload.Write(b); err != nil {
		return fmt.Errorf("rejects: %w", err)
	}
	return nil
}

// publish makes visible what was written.
func (r *rejectsFile) publish() (storage.Info, error) {
	info, err := r.upload.Commit()
	if err != nil {
		return storage.Info{}, fmt.Errorf("rejects: %w", err)
	}
	return info, nil
}

// discard leaves nothing behind. After publish it does nothing.
func (r *rejectsFile) discard() error {
	if r.upload == nil {
		return nil
	}
	return r.upload.Abort()
}

// appendField appends a field of CSV, in quotes if it must be.
func appendField[T string | []byte](dst []byte, text T) []byte {
	for _, c := range []byte(text) {
		if c == '"' || c == ',' || c == '\n' || c == '\r' {
			return appendQuoted(dst, []byte(text))
		}
	}
	return append(dst, text...)
}

func appendQuoted(dst, text []byte) []byte {
	dst = append(dst, '"')
	for {
		i := slices.Index(text, '"')
		if i < 0 {
			return append(append(dst, text...), '"')
		}
		dst = append(append(dst, text[:i+1]...), '"')
		text = text[i+1:]
	}
}

// rejected is a record of a block that cannot be used.
type rejected struct {
	start, end uint32 // in the block, without its line end
	row        uint32 // in the block, of Parquet
	column     string
	reason     string
}

// spot is a rejected record as people look for it.
type spot struct {
	input  string // "" if there is only one
	line   int64
	column string
	value  string
	reason string
}

func (s spot) text(showValue bool) string {
	text := fmt.Sprintf("line %d", s.line)
	if s.input != "" {
		text = s.input + ": " + text
	}
	if s.column != "" {
		text += fmt.Sprintf(", column %q", s.column)
	}
	text += ": " + s.reason
	if showValue && s.value != "" {
		text += fmt.Sprintf(": %q", s.value)
	}
	return text
}

// Messages name so many rejected records, and a run that has failed because of
// them goes on until it has found so many.
const (
	namedSpots  = 5
	countedRows = 1000
)

// rejectCost is about what a rejected record takes in memory, in bytes.
const rejectCost = 64

// addRejects notes the rejects of a batch in order, each record once, by the
// first reason.
func (b *block) addRejects(rejects []table.Reject) {
	slices.SortStableFunc(rejects, func(x, y table.Reject) int { return x.Start - y.Start })
	always := false
	for i, r := range rejects {
		if i == 0 || r.Start != rejects[i-1].Start {
			b.rejected = append(b.rejected, rejected{start: uint32(r.Start), end: uint32(r.End), column: r.Column, reason: r.Reason})
			if len(b.values) < namedSpots {
				b.values = append(b.values, r.Value)
			}
			always = false
		}
		if r.Always && !always {
			always = true
			b.always++
		}
		b.endless = b.endless || r.Endless
	}
}

// rejectCount is what is known of the rejects of a pass.
type rejectCount struct {
	always   int64 // of those, whatever the kinds of columns are
	endless  bool
	hopeless bool // there are too many, whatever follows
}

// reject writes the rejects of a block, of which lines are the lines before.
func (t *transformer) reject(b *block, lines int64) error {
	if t.before != nil {
		return t.rejectOriginals(b)
	}
	input := t.in.uris[b.input].String()
	from := 0
	before := lines
	for i, r := range b.rejected {
		lines += int64(t.Dialect.LineEnds(b.data[from:r.start]))
		if t.Parquet { // a row counts as a line
			lines = before + int64(r.row)
		}
		from = int(r.start)
		if i < len(b.values) && len(t.spots) < namedSpots {
			s := spot{line: lines + 1, column: r.column, value: b.values[i], reason: r.reason}
			if t.sum.Inputs != nil {
				s.input = input
			}
			t.spots = append(t.spots, s)
		}
		if err := t.rejects.add(input, lines+1, r, b.data[r.start:r.end]); err != nil {
			return err
		}
	}
	t.weigh(b)
	return nil
}

// rejectOriginals is reject of what a script gave back.
func (t *transformer) rejectOriginals(b *block) error {
	for _, r := range b.origin.rejects {
		b.always++
		b.endless = b.endless || r.Endless
	}
	for _, o := range t.before.originals(b) {
		if len(t.spots) < namedSpots {
			s := spot{line: o.line, column: o.column, value: o.value, reason: o.reason}
			if t.sum.Inputs != nil || o.start == math.MaxUint32 {
				s.input = o.input
			}
			t.spots = append(t.spots, s)
		}
		if err := t.rejects.add(o.input, o.line, o.rejected, o.record); err != nil {
			return err
		}
	}
	t.weigh(b)
	return nil
}

// weigh counts the rejects of a block and tells whether there are too many.
func (t *transformer) weigh(b *block) {
	c := &t.rejections
	c.always += b.always
	c.endless = c.endless || b.endless
	t.sum.RowsRejected = t.rejects.rows
	if t.part != nil {
		return
	}
	if c.endless || t.MaxRejects.exceeded(t.sum.RowsRejected, t.mostRows()) {
		c.hopeless = true
		t.counted.Store(true)
	}
}

// enough tells whether nothing that follows could save the run and enough was
// counted. Where a column may still turn out to be of another kind, only what is
// rejected whatever the kinds are counts.
func (t *transformer) enough() bool {
	n := t.sum.RowsRejected
	if !t.kindsAreKnown() {
		n = t.rejections.always
	}
	return t.rejections.hopeless && n >= countedRows && t.MaxRejects.exceeded(n, t.mostRows())
}

// kindsAreKnown tells whether nothing that follows can show that a column is of
// another kind.
func (t *transformer) kindsAreKnown() bool {
	open := func(in table.Input) bool { return !in.As.Settled(in.Kind, 0) }
	return t.Parquet || !slices.ContainsFunc(t.plan.layout.Inputs, open)
}

// mostRows is how many records there can be at most, as far as that is known.
func (t *transformer) mostRows() int64 {
	if t.MaxRejects.share == nil {
		return 0 // not asked for
	}
	if t.before != nil {
		return 1 << 62 // it may add some
	}
	if t.Parquet && t.in.only != nil {
		return t.feed.parquet.Rows()
	}
	size, ok := t.feed.textSize()
	if !ok {
		return 1 << 62
	}
	// A record that is not rejected has a delimiter between any two fields, and
	// a line end.
	least := int64(max(t.plan.layout.Fields, 2))
	if t.Dialect.JSON {
		least = int64(len("{}\n"))
	} else if t.plan.layout.Fields == 1 {
		least = 1 // a blank line
	}
	return t.sum.RowsIn + (size-t.sum.BytesIn)/least + 1
}

// tooManyRejects says that a run failed because of its rejects.
type tooManyRejects struct {
	rejectCount
	more           bool // there may be more than were counted
	rejected, rows int64
}

func (e *tooManyRejects) Error() string { return fmt.Sprintf("%d rejects", e.rejected) }

func (t *transformer) tooMany(more bool) error {
	return &tooManyRejects{t.rejections, more, t.sum.RowsRejected, t.sum.RowsIn}
}

// explain says why the run failed, and publishes the rejects for people to look
// at.
func (p *runPass) explain(e *tooManyRejects) error {
	where := ""
	if _, err := p.rejects.publish(); err != nil {
		p.Log.Error(err.Error())
	} else {
		where = "; they are in " + p.rejects.uri.String()
	}
	n, of := fmt.Sprint(e.rejected), "of"
	if e.more {
		n, of = "at least "+n, "of the first"
	}
	why := "--max-rejects is " + p.MaxRejects.String()
	if e.endless {
		why = "one has a quote that is never closed, so that nobody can tell where it ends"
	}
	return fail(contract.ExitData, "input %s: %s %s %d records cannot be used (%s); no result was published%s:%s",
		p.sum.Input, n, of, e.rows, why, where, p.spotLines(p.spots, e.rejected))
}

// spotLines are the first few rejects, one per line.
func (p *runPass) spotLines(spots []spot, rejected int64) string {
	text := ""
	for _, s := range spots {
		text += "\n  " + s.text(p.ShowValues)
	}
	if int64(len(spots)) < rejected {
		text += "\n  ..."
	}
	return text
}

// beside is an object in the folder of u.
func beside(u storage.URI, name string) storage.URI {
	if u.IsS3() {
		return storage.URI{Bucket: u.Bucket, Key: contract.Beside(u.Key, name)}
	}
	return storage.URI{Path: contract.Beside(u.Path, name)}
}
