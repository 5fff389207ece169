package table

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"strings"
	"unicode/utf8"

	"ds-pipeline/preprocess/frame"
)

// Input is a column to parse.
type Input struct {
	Name  string
	Index int // position in the record, from 0
	As    As
	Kind  frame.Kind // as As.Kind found it
	Open  bool       // as As.Open found it: every cell is a fact

	// Sure says that Kind is that of all records that can be used, so that a cell
	// of another makes its record useless.
	Sure bool
}

// Layout says which fields of a record are wanted.
type Layout struct {
	Dialect Dialect
	Fields  int // of every record
	Inputs  []Input
	Keep    []int // positions of fields to copy as they stand

	// Of JSON lines: the key of every field, and whether a record with another
	// key is refused.
	Names  []string
	Strict bool

	Nulls *Nulls

	// KeepMissing makes a Parser set Batch.KeepNulls: which fields are empty
	// without quotes, or absent.
	KeepMissing bool
}

// Batch is some consecutive records of a block, by column. It is valid until
// the next call of the Parser's Next or Reset.
type Batch struct {
	Rows   int
	Inputs []frame.Column // parallel to Layout.Inputs
	Keep   []frame.Column // parallel to Layout.Keep: texts, none of them nil, unless others put them there
	// KeepNulls, parallel to Keep, say which cells are missing whatever they
	// hold; nil where the cells tell. A Parser sets them for Layout.KeepMissing.
	KeepNulls [][]bool
	// Bad marks rows that are in Rejects: their cells are placeholders.
	Bad     []bool
	Rejects []Reject // in no particular order; a record may have several
	// Facts has what contradicts or confirms the Kind of each input, parallel
	// to Layout.Inputs. Records that are rejected whatever the kinds are show
	// nothing.
	Facts []Facts
}

// batchCells bounds the cells of a batch, and maxBatchRows its rows: a batch
// should stay in the processor's cache.
const (
	batchCells   = 1 << 16
	maxBatchRows = 1 << 10
	minBatchRows = 1 << 4
)

// Parser reads the wanted fields of the records in one block after the other.
// It is not safe for concurrent use.
type Parser struct {
	layout  Layout
	maxRows int
	scan    bool    // only collect facts
	slots   []int32 // of each field in refs, or -1
	inSlot  []int   // of each input
	keeps   []int   // slot of each kept field
	swar    uint64  // delimiter, repeated
	keyed   *keyed  // of JSON lines

	raggedFields int
	raggedText   string

	block []byte
	pos   int
	bytes int64 // offset of block in the stream
	dirty bool  // block is not valid UTF-8

	rows    int
	useless []bool // rows that are rejected whatever the kinds of columns are
	spoilt  bool   // a row is useless
	starts  []uint32
	ends    []uint32
	refs    []ref  // slot*maxRows + row
	arena   []byte // unescaped fields
	batch   Batch
}

// ref is a field: bytes of the block, or of the arena if it had to be rewritten.
type ref struct {
	pos uint32
	len uint32 // with flags
}

const (
	refQuoted = 1 << 31
	refArena  = 1 << 30
	refLen    = refArena - 1
)

// MaxRecordLimit is the longest record a Parser can hold, in bytes.
const MaxRecordLimit = refLen / 2

// NewParser makes a parser for a layout.
func NewParser(l Layout) *Parser {
	p := &Parser{layout: l, slots: make([]int32, l.Fields)}
	p.swar = ones * uint64(l.Dialect.Delimiter)
	for i := range p.slots {
		p.slots[i] = -1
	}
	slots := 0
	slot := func(field int) int {
		if p.slots[field] < 0 {
			p.slots[field] = int32(slots)
			slots++
		}
		return int(p.slots[field])
	}
	for _, in := range l.Inputs {
		p.inSlot = append(p.inSlot, slot(in.Index))
	}
	for _, field := range l.Keep {
		p.keeps = append(p.keeps, slot(field))
	}
	if l.Dialect.JSON {
		p.keyed = newKeyed(l)
	}
	p.maxRows = min(max(batchCells/max(slots, 1), minBatchRows), maxBatchRows)
	p.refs = make([]ref, slots*p.maxRows)
	p.starts = make([]uint32, p.maxRows)
	p.ends = make([]uint32, p.maxRows)
	p.batch.Inputs = make([]frame.Column, len(l.Inputs))
	p.batch.Keep = make([]frame.Column, len(l.Keep))
	p.batch.KeepNulls = make([][]bool, len(l.Keep))
	p.batch.Facts = make([]Facts, len(l.Inputs))
	p.batch.Bad = make([]bool, p.maxRows)
	p.useless = make([]bool, p.maxRows)
	return p
}

// NewScanner makes a parser whose batches have only Rows, Rejects of whole
// records and the Facts of every column whose kind depends on the data.
func NewScanner(l Layout) *Parser {
	p := NewParser(l)
	p.scan = true
	return p
}

// Reset starts a block that is at offset in the stream. The parser keeps
// references to it until the next Reset.
func (p *Parser) Reset(block []byte, offset int64) {
	p.block, p.pos, p.bytes = block, 0, offset
	p.dirty = !utf8.Valid(block)
}

// MaxRows is how many rows a batch may have.
func (p *Parser) MaxRows() int { return p.maxRows }

// Start begins a batch of rows that come from elsewhere, where the first one has
// the number first: whoever calls it fills Inputs, by Cells or otherwise, and
// Keep. Reject.Start of a row is its number, and Reject.End the one after.
func (p *Parser) Start(first, rows int) *Batch {
	b := &p.batch
	p.rows, p.arena = rows, p.arena[:0]
	b.Rows, b.Rejects, b.Bad = rows, b.Rejects[:0], b.Bad[:rows]
	clear(b.Facts)
	clear(b.Bad)
	clear(p.useless)
	p.spoilt = false
	for row := range rows {
		p.starts[row], p.ends[row] = uint32(first+row), uint32(first+row+1)
	}
	return b
}

// Cells parses the cells of one input, which cell appends as text: false is
// missing, as an empty field is that has no quotes.
func (p *Parser) Cells(input int, cell func(dst []byte, row int) ([]byte, bool)) {
	refs := p.column(p.inSlot[input])
	for row := range refs {
		from := len(p.arena)
		var there bool
		p.arena, there = cell(p.arena, row)
		refs[row] = ref{pos: uint32(from), len: uint32(len(p.arena)-from) | refQuoted | refArena}
		if !there {
			refs[row] = ref{}
		}
	}
	p.convert(input)
}

// Pos is where in the block the next batch starts.
func (p *Parser) Pos() int { return p.pos }

// Next parses the next batch, at most limit records. It returns nil at the end
// of the block.
func (p *Parser) Next(limit int) *Batch {
	if p.pos >= len(p.block) {
		return nil
	}
	b := &p.batch
	b.Rejects = b.Rejects[:0]
	clear(b.Facts)
	p.arena = p.arena[:0]
	if p.keyed != nil {
		p.tokenizeJSON(min(limit, p.maxRows))
	} else {
		p.tokenize(min(limit, p.maxRows))
	}
	b.Rows = p.rows
	b.Bad = b.Bad[:p.rows]
	clear(b.Bad)
	clear(p.useless)
	p.spoilt = false
	if p.scan {
		for i := range p.layout.Inputs {
			p.judge(i)
		}
		for i := range p.layout.Inputs {
			b.Facts[i] = p.Look(i, p.useless)
		}
		return b
	}
	for i := range p.layout.Inputs {
		p.convert(i)
	}
	for i, f := range b.Facts {
		if p.spoilt && f.Unusual() {
			b.Facts[i] = p.Look(i, p.useless)
		}
	}
	for i, slot := range p.keeps {
		col := &b.Keep[i]
		col.Kind = frame.Text
		col.Texts = grow(col.Texts, p.rows)
		for row, r := range p.column(slot) {
			col.Texts[row] = p.bytesOf(r)
		}
		if p.layout.KeepMissing {
			b.KeepNulls[i] = grow(b.KeepNulls[i], p.rows)
			for row, r := range p.column(slot) {
				b.KeepNulls[i][row] = r.len == 0
			}
		}
	}
	return b
}

func (p *Parser) column(slot int) []ref {
	return p.refs[slot*p.maxRows:][:p.rows]
}

func (p *Parser) bytesOf(r ref) []byte {
	n := r.len & refLen
	if r.len&refArena != 0 {
		return p.arena[r.pos : r.pos+n : r.pos+n]
	}
	return p.block[r.pos : r.pos+n : r.pos+n]
}

// ones and highs have the lowest and the highest bit of each of eight bytes.
const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// tokenize finds the fields of up to limit records.
func (p *Parser) tokenize(limit int) {
	b, n := p.block, len(p.block)
	delimiter := p.layout.Dialect.Delimiter
	slots, maxRows := p.slots, p.maxRows
	row, pos := 0, p.pos

records:
	for row < limit && pos < n && len(p.batch.Rejects) < maxBatchRows {
		start, field := pos, 0
		for {
			// One field: it starts at pos.
			r := ref{pos: uint32(pos)}
			i := pos
			if i < n && b[i] == '"' {
				var ok bool
				if r, i, ok = p.quotedField(pos, field); !ok {
					p.reject(start, n, "a quote is opened and never closed")
					p.batch.Rejects[len(p.batch.Rejects)-1].Endless = true
					pos = n
					break records
				}
			} else {
				for {
					if i+8 <= n {
						// Bytes below '#' (line ends among them) and delimiters;
						// the lowest bit set is exact.
						x := binary.LittleEndian.Uint64(b[i:])
						d := x ^ p.swar
						m := ((x-ones*'#')&^x | (d-ones)&^d) & highs
						if m == 0 {
							i += 8
							continue
						}
						i += bits.TrailingZeros64(m) >> 3
					} else if i >= n {
						break
					}
					if c := b[i]; c == delimiter || c == '\n' || c == '\r' {
						break
					}
					i++
				}
				r.len = uint32(i - pos)
			}
			if field < len(slots) {
				if slot := slots[field]; slot >= 0 {
					p.refs[int(slot)*maxRows+row] = r
				}
			}
			field++
			if i < n && b[i] == delimiter {
				pos = i + 1
				continue
			}

			// The end of a record.
			pos = i + 1
			if i+1 < n && b[i] == '\r' && b[i+1] == '\n' {
				pos++
			}
			// In a table of one column a blank line is a missing cell: a row
			// is not lost because it is empty.
			if field == 1 && len(slots) > 1 && blank(b[start:i]) {
				break
			}
			switch {
			case p.dirty && !utf8.Valid(b[start:i]):
				at := invalidAt(b[start:i])
				p.reject(start, i, fmt.Sprintf("not valid UTF-8 at byte %d of the input", p.bytes+int64(start+at)))
			case field != len(slots):
				p.reject(start, i, p.ragged(field))
			default:
				p.starts[row], p.ends[row] = uint32(start), uint32(i)
				row++
			}
			break
		}
	}
	p.rows, p.pos = row, min(pos, n)
}

// quotedField reads the field that starts with the quote at pos. It returns
// where the field ends, or false if its quote is never closed.
func (p *Parser) quotedField(pos, field int) (ref, int, bool) {
	b := p.block
	plain := true
	i := pos + 1
	for {
		q := indexFrom(b, i, '"')
		if q < 0 {
			return ref{}, 0, false
		}
		i = q + 1
		if i == len(b) || b[i] != '"' {
			break
		}
		plain = false
		i++
	}
	end := i
	for end < len(b) && b[end] != p.layout.Dialect.Delimiter && b[end] != '\n' && b[end] != '\r' {
		end++
	}
	inner := b[pos+1 : i-1]
	if plain && end == i {
		return ref{pos: uint32(pos + 1), len: uint32(len(inner)) | refQuoted}, end, true
	}
	if field >= len(p.slots) || p.slots[field] < 0 {
		return ref{}, end, true
	}
	from := len(p.arena)
	for {
		q := bytes.IndexByte(inner, '"')
		if q < 0 {
			break
		}
		p.arena = append(p.arena, inner[:q+1]...)
		inner = inner[q+2:]
	}
	p.arena = append(p.arena, inner...)
	p.arena = append(p.arena, b[i:end]...)
	return ref{pos: uint32(from), len: uint32(len(p.arena)-from) | refQuoted | refArena}, end, true
}

// reject refuses a record as a whole.
func (p *Parser) reject(start, end int, reason string) {
	p.batch.Rejects = append(p.batch.Rejects, Reject{Start: start, End: end, Reason: reason, Always: true})
}

// ragged says that a record has so many fields.
func (p *Parser) ragged(fields int) string {
	if p.raggedText == "" || p.raggedFields != fields { // often there are many with the same number
		p.raggedFields = fields
		p.raggedText = fmt.Sprintf("%s, want %d", fieldCount(fields), p.layout.Fields)
	}
	return p.raggedText
}

// blank tells whether a record of one field is no record at all, as in pandas.
func blank(b []byte) bool {
	for _, c := range b {
		if c != ' ' && c != '\t' {
			return false
		}
	}
	return true
}

func invalidAt(b []byte) int {
	for i := 0; i < len(b); {
		r, size := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return len(b)
}

func fieldCount(n int) string {
	if n == 1 {
		return "1 field"
	}
	return fmt.Sprintf("%d fields", n)
}

// Look collects the facts of one input from the rows of the last batch that are
// not marked in skip.
func (p *Parser) Look(input int, skip []bool) Facts {
	in := p.layout.Inputs[input]
	if in.As == AsBool || in.As == AsText {
		return 0
	}
	var f Facts
	for row, r := range p.column(p.inSlot[input]) {
		if skip[row] {
			continue
		}
		b := p.bytesOf(r)
		if r.len == 0 || p.layout.Nulls.Has(b) {
			f |= SawMissing
		} else {
			f |= look(b)
		}
	}
	return f
}

// judge marks the rows that are useless because of one input.
func (p *Parser) judge(input int) {
	in := p.layout.Inputs[input]
	if in.As == AsFound || in.As == AsText {
		return
	}
	for row, r := range p.column(p.inSlot[input]) {
		b := p.bytesOf(r)
		if r.len != 0 && !p.layout.Nulls.Has(b) && in.As.refuses(look(b)) {
			p.useless[row], p.spoilt = true, true
		}
	}
}

// convert parses one input.
func (p *Parser) convert(input int) {
	in := p.layout.Inputs[input]
	col := &p.batch.Inputs[input]
	refs := p.column(p.inSlot[input])
	nulls := p.layout.Nulls
	col.Kind = in.Kind.Cells()
	var facts Facts

	switch in.Kind {
	case frame.Float, frame.Float32:
		col.Floats = grow(col.Floats, p.rows)
		numbers := 0
		for row, r := range refs {
			if r.len == 0 {
				col.Floats[row] = math.NaN()
				continue
			}
			b := p.bytesOf(r)
			f, ok := ParseFloat(b)
			switch {
			case ok && (!nulls.numbers || !nulls.Has(b)):
				numbers++
			case ok || nulls.Has(b):
				f = math.NaN()
			default:
				f = math.NaN()
				facts |= p.unexpected(in, row, b)
			}
			col.Floats[row] = f
		}
		if numbers > 0 {
			facts |= SawFloat
		}

	case frame.Int:
		col.Ints = grow(col.Ints, p.rows)
		for row, r := range refs {
			b := p.bytesOf(r)
			v, ok, _ := parseInt(b)
			if !ok || nulls.numbers && nulls.Has(b) {
				v = 0
				switch missing := r.len == 0 || nulls.Has(b); {
				case missing && in.Sure:
					p.refuse(in, row, b, "missing, where the records that can be used have a whole number", false)
				case missing:
					facts |= SawMissing
				default:
					facts |= p.unexpected(in, row, b)
				}
			}
			col.Ints[row] = v
		}

	case frame.Bool, frame.BoolGaps:
		whole := in.Kind == frame.Bool && in.As.finds()
		col.Ints = grow(col.Ints, p.rows)
		for row, r := range refs {
			b := p.bytesOf(r)
			v, ok := parseBool(b)
			if !ok || nulls.Has(b) {
				v = -1
				switch missing := r.len == 0 || nulls.Has(b); {
				case !missing:
					facts |= p.unexpected(in, row, b)
				case whole && in.Sure:
					p.refuse(in, row, b, "missing, where the records that can be used have true or false", false)
				case whole:
					facts |= SawMissing
				}
			}
			col.Ints[row] = v
		}

	case frame.Text:
		col.Texts = grow(col.Texts, p.rows)
		for row, r := range refs {
			b := p.bytesOf(r)
			if r.len == 0 || nulls.Has(b) {
				b = nil
			}
			col.Texts[row] = b
		}
	}
	if in.Open {
		facts = p.Look(input, p.useless)
	}
	p.batch.Facts[input] = facts
}

// unexpected deals with a cell that is not of the column's kind: it either
// shows that the kind is another, or makes the record useless.
func (p *Parser) unexpected(in Input, row int, b []byte) Facts {
	f := look(b)
	refuses := in.As.refuses(f)
	switch {
	case in.Sure && !refuses && in.As.finds():
		p.refuse(in, row, b, "not "+noun(in.Kind)+", where the records that can be used have one", false)
		return 0
	case in.As == AsFound, in.As == AsFigures && f != SawText && f != SawBool:
		return f
	}
	reason := "not a number"
	switch {
	case in.As == AsBool:
		reason = "not true or false"
	case f == SawBool:
		reason = "true or false, where other records have a number"
	}
	p.refuse(in, row, b, reason, refuses)
	switch {
	case in.As == AsBool:
		return 0
	case f&(SawInt|SawBigInt|SawFloat) != 0: // a number in a column of true and false
		return SawFloat
	}
	return f &^ SawText
}

func noun(k frame.Kind) string {
	switch k {
	case frame.Int:
		return "a whole number"
	case frame.Bool, frame.BoolGaps:
		return "true or false"
	}
	return "a number"
}

// refuse makes a record useless because of a cell.
func (p *Parser) refuse(in Input, row int, b []byte, reason string, always bool) {
	p.batch.Bad[row] = true
	p.useless[row] = p.useless[row] || always
	p.spoilt = p.spoilt || always
	p.batch.Rejects = append(p.batch.Rejects, Reject{
		Start:  int(p.starts[row]),
		End:    int(p.ends[row]),
		Column: in.Name,
		Value:  strings.ToValidUTF8(string(b[:min(len(b), maxValue)]), "?"),
		Reason: reason,
		Always: always,
	})
}

// maxValue bounds the part of a value that a Reject holds, in bytes.
const maxValue = 100

func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}
