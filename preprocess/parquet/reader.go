package parquet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"strconv"
	"time"

	"github.com/parquet-go/parquet-go/format"

	"ds-pipeline/preprocess/frame"
)

// Want is a column to read, as a kind that Column.Refusal allows. Null is what
// missing is of the kind; for Int it is an error.
type Want struct {
	Column int // of File.Columns
	Kind   frame.Kind
	// Stored asks for the values as they are stored, whatever they mean, of the
	// kind that Column.Stored tells; Batch.Nulls says which there are none of.
	Stored bool
}

// Batch is some consecutive rows. It owns its memory, so that it can be used
// while the Reader goes on, and be filled again.
type Batch struct {
	Rows    int
	First   int64          // index in the file of the first row
	Columns []frame.Column // parallel to the wants
	Nulls   [][]bool       // parallel to them; nil of those that are not Stored
	arena   []byte
	mark    int      // where the last text ends
	refs    [][]span // of texts in the arena, for each column; from -1 on for null
	nulls   [][]bool // memory of Nulls
}

// Reader reads columns of a file from the first row to the last. It is not safe
// for concurrent use.
type Reader struct {
	unpacker
	file    *File
	wants   []Want
	cursors []*cursor
	textual []*cursor     // of those, the ones that are stored as bytes that are looked at
	group   int           // the next row group
	rows    int64         // of the current one that are left
	row     int64         // in the file
	turns   chan struct{} // of fetching while reading; nil for no such thing
	held    int           // bytes of pages and dictionaries
	bytes   int64         // of pages read, as they are stored
	plain   int64         // unpacked
	ints    []int64
	scratch []byte // a page as it is stored
}

// Windows are how much of a column is read at once.
const (
	windowBytes = 8 << 20 // of all columns together
	maxWindow   = 128 << 10
	minWindow   = 16 << 10

	// fetchesAtOnce bounds the connections to a service, of which each takes
	// memory, however many columns there are.
	fetchesAtOnce = 16
)

// NewReader reads columns. Where ahead is set, the next piece of each column is
// fetched while the last one is used, which suits a slow service.
func (f *File) NewReader(wants []Want, ahead bool) (*Reader, error) {
	r := &Reader{file: f, wants: wants}
	if ahead {
		r.turns = make(chan struct{}, fetchesAtOnce)
	}
	for _, w := range wants {
		c := &f.columns[w.Column]
		why := c.Refusal(w.Kind)
		if w.Stored {
			if why = c.refusal; w.Kind != c.Stored() {
				return nil, fmt.Errorf("column %q is stored as %s", c.Name, kindName(c.Stored()))
			}
		}
		if why != "" {
			return nil, &Error{Column: c.Name, Reason: why}
		}
		one := &cursor{Reader: r, column: c, stored: w.Stored}
		if r.cursors = append(r.cursors, one); one.isText() {
			r.textual = append(r.textual, one)
		}
	}
	return r, nil
}

// hold keeps account of memory.
func (r *Reader) hold(n int) error {
	r.held += n
	if r.held > r.file.limits.HeldBytes {
		return fmt.Errorf("the pages of all columns together have more than %d bytes", r.file.limits.HeldBytes)
	}
	return nil
}

// Consumed is how many bytes of pages were read, and how many they have unpacked.
func (r *Reader) Consumed() (stored, unpacked int64) { return r.bytes, r.plain }

// Row is how many rows were read.
func (r *Reader) Row() int64 { return r.row }

// fault puts an error of a column into words. Errors of reading the file stay
// what they are.
func (r *Reader) fault(c *cursor, err error) error {
	var e *Error
	if errors.As(err, &e) {
		if e.Column == "" {
			e.Column = c.column.Name
		}
		return err
	}
	if errors.As(err, new(*ioError)) {
		return err
	}
	return &Error{Column: c.column.Name, Row: r.row + 1, Reason: err.Error()}
}

// Next fills b with up to limit rows of at most about budget bytes of text. At
// the end it returns io.EOF.
func (r *Reader) Next(b *Batch, limit, budget int) (err error) {
	defer recovered(&err)
	b.Rows, b.First = 0, r.row
	if len(b.Columns) != len(r.wants) || b.arena == nil {
		b.Columns = make([]frame.Column, len(r.wants))
		b.refs = make([][]span, len(r.wants))
		b.Nulls = make([][]bool, len(r.wants))
		b.arena = make([]byte, 0, 1<<10)
	}
	b.arena, b.mark = b.arena[:0], 0
	for i, w := range r.wants {
		c := &b.Columns[i]
		c.Kind = w.Kind
		c.Floats, c.Ints, c.Texts = c.Floats[:0], c.Ints[:0], c.Texts[:0]
		b.refs[i] = b.refs[i][:0]
		b.Nulls[i] = nil
		if w.Stored {
			b.nulls = grow(b.nulls, len(r.wants))
			b.nulls[i] = b.nulls[i][:0]
		}
	}
	for b.Rows < limit && (len(b.arena) < budget || b.Rows == 0) {
		if r.rows == 0 {
			if r.group == len(r.file.groups) {
				break
			}
			if err := r.startGroup(); err != nil {
				return err
			}
			continue
		}
		n := int(min(int64(limit-b.Rows), r.rows, stride))
		for _, c := range r.cursors {
			if err := c.load(); err != nil {
				return r.fault(c, err)
			}
			n = min(n, c.left)
		}
		if n, err = r.fit(b, n, budget); err != nil {
			return err
		}
		if n == 0 {
			break // the budget is spent
		}
		for i, c := range r.cursors {
			if err := r.take(b, i, c, n); err != nil {
				return r.fault(c, err)
			}
		}
		b.Rows += n
		r.rows -= int64(n)
		r.row += int64(n)
	}
	if b.Rows == 0 {
		return io.EOF
	}
	b.finish()
	return nil
}

func (r *Reader) startGroup() error {
	g, err := r.file.group(r.group)
	if err != nil {
		return err
	}
	r.group++
	r.rows = g.NumRows
	size := min(max(windowBytes/2/max(len(r.cursors), 1), minWindow), maxWindow)
	for _, c := range r.cursors {
		if err := c.start(g, size); err != nil {
			return r.fault(c, err)
		}
	}
	return nil
}

// isText tells whether a column is stored as bytes that are looked at.
func (c *cursor) isText() bool {
	switch c.column.typ {
	case format.ByteArray, format.FixedLenByteArray, format.Int96:
		return true
	}
	return false
}

// fit cuts n to the rows of which the texts fit, one at least.
func (r *Reader) fit(b *Batch, n, budget int) (int, error) {
	for _, c := range r.textual {
		got, err := c.fill(n)
		if err != nil {
			return 0, r.fault(c, err)
		}
		n = min(n, got)
	}
	if len(r.textual) == 0 {
		return n, nil
	}
	used := len(b.arena)
	for i := range n {
		row := 0
		for _, c := range r.textual {
			row += len(c.texts[i])
		}
		if row > r.file.limits.ValueBytes {
			return 0, r.longRow(i)
		}
		used += row
		if used > budget && b.Rows+i > 0 {
			return i, nil
		}
	}
	return n, nil
}

// longRow says which column makes the texts of a row too long.
func (r *Reader) longRow(i int) error {
	row := 0
	for _, c := range r.textual {
		if row += len(c.texts[i]); row > r.file.limits.ValueBytes {
			return r.fault(c, c.tooLong(row))
		}
	}
	return nil
}

// take appends the next n rows of a column.
func (r *Reader) take(b *Batch, i int, c *cursor, n int) error {
	if n == 0 {
		return nil
	}
	if err := r.values(b, i, c, n); err != nil || c.left > 0 {
		return err
	}
	return c.finish()
}

func (r *Reader) values(b *Batch, i int, c *cursor, n int) error {
	col := &b.Columns[i]
	c.left -= n
	if c.isText() {
		texts := c.texts[:n]
		err := c.addTexts(b, i, texts)
		c.texts = c.texts[n:]
		return err
	}
	levels, values, err := c.present(n)
	if err != nil {
		return err
	}
	if c.stored {
		at := len(b.nulls[i])
		b.nulls[i] = extend(b.nulls[i], n)
		for row := range n {
			b.nulls[i][at+row] = levels != nil && levels[row]&1 == 0
		}
	}
	switch c.column.Meaning {
	case Float, Single:
		at := len(col.Floats)
		col.Floats = extend(col.Floats, n)
		cells := col.Floats[at:]
		if err := c.floats(cells[:values]); err != nil {
			return err
		}
		spread(cells, levels, values, math.NaN())
		return nil
	case Bool:
		r.ints = grow(r.ints, n)
		if err := c.bools(r.ints[:values]); err != nil {
			return err
		}
		spread(r.ints, levels, values, -1)
		if col.Kind == frame.Bool {
			col.Ints = append(col.Ints, r.ints...)
			return nil
		}
		for _, v := range r.ints {
			switch v {
			case 0:
				b.arena = append(b.arena, "False"...)
			case 1:
				b.arena = append(b.arena, "True"...)
			}
			b.end(i, v < 0)
		}
		return nil
	}
	r.ints = grow(r.ints, n)
	if err := c.ints(r.ints[:values]); err != nil {
		return err
	}
	spread(r.ints, levels, values, 0)
	if c.stored {
		col.Ints = append(col.Ints, r.ints...)
		return nil
	}
	return c.addInts(b, i, r.ints, levels)
}

// addInts appends whole numbers, or what is stored as such.
func (c *cursor) addInts(b *Batch, i int, cells []int64, levels []uint32) error {
	col := &b.Columns[i]
	unsigned := c.column.Meaning == Uint // as stored, half of them are negative
	null := func(row int) bool { return levels != nil && levels[row]&1 == 0 }
	switch col.Kind {
	case frame.Int:
		if levels != nil {
			return errors.New("it has nulls, which its statistics deny")
		}
		for _, v := range cells {
			if unsigned && v < 0 {
				return errors.New("a number is larger than 9223372036854775807")
			}
		}
		col.Ints = append(col.Ints, cells...)
		return nil
	case frame.Float:
		for row, v := range cells {
			f := float64(v)
			switch {
			case null(row):
				f = math.NaN()
			case c.column.Meaning == Decimal && c.column.scale > 0:
				f, _ = strconv.ParseFloat(string(appendDecimal(nil, big.NewInt(v), c.column.scale)), 64)
			case unsigned && v < 0:
				f = float64(uint64(v))
			}
			col.Floats = append(col.Floats, f)
		}
		return nil
	}
	for row, v := range cells {
		if !null(row) {
			var err error
			if b.arena, err = c.appendText(b.arena, v); err != nil {
				return err
			}
		}
		b.end(i, null(row))
	}
	return nil
}

// appendText writes a whole number, a date or a time as pandas.to_csv does.
func (c *cursor) appendText(dst []byte, v int64) ([]byte, error) {
	switch c.column.Meaning {
	case Uint:
		return strconv.AppendUint(dst, uint64(v), 10), nil
	case Decimal:
		return appendDecimal(dst, big.NewInt(v), c.column.scale), nil
	case Date:
		return c.appendTime(dst, v*86400, 0, "2006-01-02")
	case Timestamp, Time:
		unit := int64(c.column.unit)
		seconds, part := v/unit, v%unit
		if part < 0 {
			seconds, part = seconds-1, part+unit
		}
		return c.appendClock(dst, seconds, part)
	}
	return strconv.AppendInt(dst, v, 10), nil
}

// appendInt96 writes a time as Spark and Impala stored it once: nanoseconds of
// a day, and the day of the Julian calendar.
func (c *cursor) appendInt96(dst, b []byte) ([]byte, error) {
	const epoch, day = 2440588, 86400 // the day of 1970-01-01; seconds
	nano := binary.LittleEndian.Uint64(b)
	if nano >= day*nanos {
		return nil, errors.New("a time is not within a day")
	}
	days := int64(int32(binary.LittleEndian.Uint32(b[8:]))) - epoch
	return c.appendClock(dst, days*day+int64(nano/nanos), int64(nano%nanos))
}

// appendClock writes seconds since 1970, and the part of a second in the
// column's unit.
func (c *cursor) appendClock(dst []byte, seconds, part int64) ([]byte, error) {
	unit := int64(c.column.unit)
	layout := "2006-01-02 15:04:05"
	if c.column.Meaning == Time {
		layout = "15:04:05"
		if seconds < 0 || seconds >= 86400 {
			return nil, errors.New("a time is not within a day")
		}
	}
	if part > 0 {
		// Six digits as of Python's datetime, nine if need be.
		layout += ".000000"
		if c.column.unit == nanos && part%1000 != 0 {
			layout += "000"
		}
	}
	if c.column.utc && c.column.Meaning == Timestamp {
		layout += "-07:00"
	}
	return c.appendTime(dst, seconds, part*(nanos/unit), layout)
}

func (c *cursor) appendTime(dst []byte, seconds, nano int64, layout string) ([]byte, error) {
	t := time.Unix(seconds, nano).UTC()
	if y := t.Year(); y < 1 || y > 9999 {
		return nil, errors.New("a date is not between the years 1 and 9999")
	}
	return t.AppendFormat(dst, layout), nil
}

// appendDecimal writes v/10^scale.
func appendDecimal(dst []byte, v *big.Int, scale int) []byte {
	if v.Sign() < 0 {
		dst = append(dst, '-')
	}
	digits := new(big.Int).Abs(v).String()
	for len(digits) <= scale {
		digits = "0" + digits
	}
	dst = append(dst, digits[:len(digits)-scale]...)
	if scale > 0 {
		dst = append(append(dst, '.'), digits[len(digits)-scale:]...)
	}
	return dst
}

// addTexts appends texts, or decimals that are stored as bytes.
func (c *cursor) addTexts(b *Batch, i int, texts [][]byte) error {
	if c.column.typ == format.Int96 && !c.stored {
		for _, text := range texts {
			if text != nil {
				var err error
				if b.arena, err = c.appendInt96(b.arena, text); err != nil {
					return err
				}
			}
			b.end(i, text == nil)
		}
		return nil
	}
	if c.column.Meaning != Decimal || c.stored {
		arena, refs, mark := b.arena, b.refs[i], b.mark
		for _, text := range texts {
			ref := span{mark, mark + len(text)}
			if arena, mark = append(arena, text...), ref.end; text == nil {
				ref.start = -1
			}
			refs = append(refs, ref)
		}
		b.arena, b.refs[i], b.mark = arena, refs, mark
		return nil
	}
	for _, text := range texts {
		if len(text) > maxDecimal {
			return fmt.Errorf("a decimal has %d bytes, want at most %d", len(text), maxDecimal)
		}
		var cell []byte
		if text != nil {
			cell = appendDecimal(nil, twosComplement(text), c.column.scale)
		}
		if b.Columns[i].Kind == frame.Text {
			b.arena = append(b.arena, cell...)
			b.end(i, text == nil)
			continue
		}
		f := math.NaN()
		if text != nil {
			f, _ = strconv.ParseFloat(string(cell), 64)
		}
		b.Columns[i].Floats = append(b.Columns[i].Floats, f)
	}
	return nil
}

// twosComplement is the number of big-endian bytes.
func twosComplement(b []byte) *big.Int {
	v := new(big.Int).SetBytes(b)
	if len(b) > 0 && b[0]&0x80 != 0 {
		v.Sub(v, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	return v
}

// end notes that a text of a column ends here.
func (b *Batch) end(column int, null bool) {
	ref := span{b.mark, len(b.arena)}
	if null {
		ref.start = -1
	}
	b.mark = len(b.arena)
	b.refs[column] = append(b.refs[column], ref)
}

// finish cuts the arena, which does not move any more, into texts.
func (b *Batch) finish() {
	for i, refs := range b.refs {
		col := &b.Columns[i]
		if b.nulls != nil && len(b.nulls[i]) > 0 {
			b.Nulls[i] = b.nulls[i]
		}
		if col.Kind != frame.Text {
			continue
		}
		col.Texts = grow(col.Texts, len(refs))
		for row, ref := range refs {
			if ref.start < 0 {
				col.Texts[row] = nil
				continue
			}
			col.Texts[row] = b.arena[ref.start:ref.end:ref.end]
		}
	}
}

func extend[T any](s []T, n int) []T {
	if cap(s)-len(s) >= n {
		return s[:len(s)+n]
	}
	return append(s, make([]T, n)...)
}

// Bytes is about how much memory the rows take.
func (b *Batch) Bytes() int {
	size := len(b.arena)
	for i := range b.Columns {
		size += 8 * b.Rows
		if b.Columns[i].Kind == frame.Text {
			size += 16 * b.Rows
		}
	}
	return size
}

// Nulls tells whether a column has nulls, by its statistics or else by looking.
func (f *File) Nulls(column int) (null bool, err error) {
	defer recovered(&err)
	c := &f.columns[column]
	if !c.optional || c.counted {
		return c.optional && c.nulls > 0, nil
	}
	r := &Reader{file: f}
	cur := &cursor{Reader: r, column: c}
	for i := range f.groups {
		g, err := f.group(i)
		if err != nil {
			return false, err
		}
		if err := cur.start(g, maxWindow); err != nil {
			return false, r.fault(cur, err)
		}
		for left := g.NumRows; left > 0; {
			if err := cur.load(); err != nil {
				return false, r.fault(cur, err)
			}
			n := min(cur.left, stride)
			levels, _, err := cur.present(n)
			if err != nil {
				return false, r.fault(cur, err)
			}
			if levels != nil {
				return true, nil
			}
			cur.left -= n
			left -= int64(n)
		}
	}
	return false, nil
}

// IsParquet tells whether a file that starts with head is one.
func IsParquet(head []byte) bool { return bytes.HasPrefix(head, []byte(Magic)) }
