package parquet

import (
	"encoding/binary"
	"hash/crc32"
	"math"
	"math/bits"

	"github.com/klauspost/compress/s2"
	"github.com/parquet-go/parquet-go/format"

	"ds-pipeline/preprocess/frame"
)

// Block is some consecutive rows, encoded: a page of each column, or what the
// Writer makes one of. It can be filled again.
type Block struct {
	rows    int
	out     []byte
	indexes []uint16 // of values among the distinct ones of a leaf
	pieces  []share  // of each leaf
	limits  []byte   // what the statistics of the pieces point to

	// few says of which leaves only few distinct values are looked for. The
	// Writer sets it when it takes the block, so that what is in a block does not
	// depend on chance.
	few []bool
}

// Rows is how many rows the block has.
func (b *Block) Rows() int { return b.rows }

// share is what a block has of a leaf.
type share struct {
	page     bool // it is a page; else levels, distinct values and indexes
	plain    bool // of a page: its values are not indexes
	unique   bool // hardly a value occurs twice
	end      int  // in out; it starts where the piece before ends
	dict     int  // where the distinct values start
	indexes  span // in Block.indexes
	unpacked int  // bytes of the page with its header, before compression
	raw      int  // bytes of the values as PLAIN has them
	nulls    int
	stats    limits
}

// limits are the smallest and the largest value, in Block.limits or as they are.
type limits struct {
	known    bool
	min, max []byte
}

// Encoder turns batches of rows into a Block. It belongs to one goroutine.
type Encoder struct {
	layout  *Layout
	rows    int
	columns []cells // of each part
	body    []byte  // a page before compression
	packed  []byte
	dict    distinct
	starts  []int32 // of hot rows, by column
	order   []int32 // rows, by their hot column
}

// NewEncoder makes an Encoder for one goroutine.
func NewEncoder(l *Layout) *Encoder {
	return &Encoder{layout: l, columns: make([]cells, len(l.parts))}
}

// cells are the values of a part so far.
type cells struct {
	data  []byte // as PLAIN has them, nulls left out; of booleans one byte each
	nulls int
	valid []byte // a bit per row, as soon as there is a null
	hot   []int32
	ends  []uint32 // of texts, in data
}

func (c *cells) reset() {
	c.data, c.valid, c.hot, c.ends, c.nulls = c.data[:0], c.valid[:0], c.hot[:0], c.ends[:0], 0
}

// null notes that a row is null.
func (c *cells) null(row int) {
	if c.nulls == 0 { // all rows before are there
		c.valid = grow(c.valid, row/8+1)
		for i := range c.valid {
			c.valid[i] = 0xff
		}
	}
	c.nulls++
	c.cover(row)
	c.valid[row>>3] &^= 1 << (row & 7)
}

// cover makes valid reach a row; rows that are not noted are there.
func (c *cells) cover(row int) {
	for len(c.valid) <= row>>3 {
		c.valid = append(c.valid, 0xff)
	}
}

// Append adds the rows of columns, parallel to the parts of the layout, that are
// not marked in skip. nulls, where there are some, say which cells are null
// whatever they hold.
func (e *Encoder) Append(columns []frame.Column, nulls [][]bool, rows int, skip []bool) {
	added := 0
	for i := range columns {
		var null []bool
		if nulls != nil {
			null = nulls[i]
		}
		added = e.append(&e.columns[i], e.layout.parts[i], &columns[i], null, rows, skip)
	}
	if len(columns) == 0 {
		for row := range rows {
			if !skip[row] {
				added++
			}
		}
	}
	e.rows += added
}

func (e *Encoder) append(c *cells, p part, from *frame.Column, null []bool, rows int, skip []bool) int {
	at := e.rows
	if p.width > 0 {
		for row, h := range from.Hot[:rows] {
			if !skip[row] {
				c.hot = append(c.hot, h)
				at++
			}
		}
		return at - e.rows
	}
	typ := e.layout.leaves[p.first].typ()
	switch typ {
	case format.Double, format.Float:
		for row, v := range from.Floats[:rows] {
			switch {
			case skip[row]:
				continue
			case null == nil && v != v, null != nil && null[row]:
				c.null(at)
			case typ == format.Double:
				c.data = binary.LittleEndian.AppendUint64(c.data, math.Float64bits(v))
			default:
				c.data = binary.LittleEndian.AppendUint32(c.data, math.Float32bits(float32(v)))
			}
			at++
		}
	case format.Int32, format.Int64:
		for row, v := range from.Ints[:rows] {
			switch {
			case skip[row]:
				continue
			case null != nil && null[row]:
				c.null(at)
			case typ == format.Int64:
				c.data = binary.LittleEndian.AppendUint64(c.data, uint64(v))
			default:
				c.data = binary.LittleEndian.AppendUint32(c.data, uint32(v))
			}
			at++
		}
	case format.Boolean:
		for row, v := range from.Ints[:rows] {
			switch {
			case skip[row]:
				continue
			case v < 0:
				c.null(at)
			default:
				c.data = append(c.data, byte(v))
			}
			at++
		}
	default: // bytes
		for row, text := range from.Texts[:rows] {
			switch {
			case skip[row]:
				continue
			case text == nil, p.blank && len(text) == 0:
				c.null(at)
			case typ == format.ByteArray:
				c.data = binary.LittleEndian.AppendUint32(c.data, uint32(len(text)))
				c.data = append(c.data, text...)
				c.ends = append(c.ends, uint32(len(c.data)))
			default: // of the length that all have
				c.data = append(c.data, text...)
			}
			at++
		}
	}
	return at - e.rows
}

// Finish moves what was appended to b and starts anew. It returns about how much
// memory the rows took, in bytes.
func (e *Encoder) Finish(b *Block) int {
	b.rows, b.out, b.indexes, b.pieces, b.limits = e.rows, b.out[:0], b.indexes[:0], b.pieces[:0], b.limits[:0]
	size := 0
	if e.rows > 0 {
		for i := range e.columns {
			c, p := &e.columns[i], e.layout.parts[i]
			size += len(c.data) + 4*len(c.hot) + 4*len(c.ends)
			if p.width > 0 {
				e.finishRun(b, c, p)
				continue
			}
			e.finishColumn(b, c, p.first)
		}
	}
	for i := range e.columns {
		e.columns[i].reset()
	}
	e.rows = 0
	return max(size, len(b.out))
}

func (e *Encoder) finishColumn(b *Block, c *cells, i int) {
	l := &e.layout.leaves[i]
	one := share{nulls: c.nulls, raw: len(c.data)}
	values := e.rows - c.nulls
	few := i < len(b.few) && b.few[i]
	most := min(values, maxIndex)
	if few {
		most = min(values/4, maxDistinct)
	}
	e.body = e.appendLevels(e.body[:0], c)
	one.stats = statistics(b, c, l)
	switch {
	case l.typ() == format.Boolean:
		e.body = appendBits(e.body, c.data)
	case e.dict.find(c, l.width(), most):
		if !few && (values >= manyRows || len(e.layout.leaves) >= manyLeaves) && e.dict.unique() {
			one.unique = true
			e.body = append(e.body, c.data...)
			break
		}
		b.out = append(b.out, e.body...)
		one.dict = len(b.out)
		for _, ref := range e.dict.values {
			b.out = append(b.out, c.data[ref.start:ref.end]...)
		}
		one.end = len(b.out)
		one.indexes.start = len(b.indexes)
		b.indexes = append(b.indexes, e.dict.indexes...)
		one.indexes.end = len(b.indexes)
		b.pieces = append(b.pieces, one)
		return
	default:
		e.body = append(e.body, c.data...)
	}
	one.page, one.plain = true, true
	b.out, one.unpacked = appendPage(b.out, format.DataPage, e.rows, format.Plain, e.body, &e.packed)
	one.end = len(b.out)
	b.pieces = append(b.pieces, one)
}

// appendLevels appends which rows have a value, as a page of version 1 has it.
func (e *Encoder) appendLevels(dst []byte, c *cells) []byte {
	at := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	switch c.nulls {
	case 0:
		dst = append(binary.AppendUvarint(dst, uint64(e.rows)<<1), 1)
	case e.rows:
		dst = append(binary.AppendUvarint(dst, uint64(e.rows)<<1), 0)
	default:
		c.cover(e.rows - 1)
		if over := e.rows & 7; over > 0 {
			c.valid[e.rows>>3] &= 1<<over - 1
		}
		dst = binary.AppendUvarint(dst, uint64(len(c.valid))<<1|1)
		dst = append(dst, c.valid...)
	}
	binary.LittleEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	return dst
}

// appendBits packs bytes of 0 and 1 eight to a byte.
func appendBits(dst, flags []byte) []byte {
	for len(flags) >= 8 {
		dst = append(dst, flags[0]|flags[1]<<1|flags[2]<<2|flags[3]<<3|flags[4]<<4|flags[5]<<5|flags[6]<<6|flags[7]<<7)
		flags = flags[8:]
	}
	if len(flags) > 0 {
		last := byte(0)
		for i, f := range flags {
			last |= f << i
		}
		dst = append(dst, last)
	}
	return dst
}

// finishRun writes the pages of a run of indicator columns: indexes into a
// dictionary of 0 and 1, as runs where ones are rare and else as bits.
func (e *Encoder) finishRun(b *Block, c *cells, p part) {
	// The rows of each column, by counting.
	e.starts = grow(e.starts, p.width+1)
	clear(e.starts)
	for _, h := range c.hot {
		if h >= 0 {
			e.starts[h]++
		}
	}
	sum := int32(0)
	for i, n := range e.starts {
		e.starts[i] = sum
		sum += n
	}
	e.order = grow(e.order, int(sum))
	for row, h := range c.hot {
		if h >= 0 {
			e.order[e.starts[h]] = int32(row)
			e.starts[h]++
		}
	}
	levels := len(e.appendLevels(e.body[:0], c))
	from := int32(0)
	for i := range p.width {
		ones := e.order[from:e.starts[i]]
		from = e.starts[i]
		l := &e.layout.leaves[p.first+i]
		one := share{page: true, plain: !l.hot, stats: hotStatistics(l, len(ones), e.rows)}
		e.body = e.appendLevels(e.body[:0], c)
		encoding := format.Plain
		if l.hot {
			encoding = format.RLEDictionary
			e.body = append(e.body, 1) // bits of an index
			if 6*len(ones) < e.rows/8 {
				e.body = appendRuns(e.body, ones, e.rows)
			} else {
				e.body = binary.AppendUvarint(e.body, uint64(e.rows+7)/8<<1|1)
				e.body = appendOnes(e.body, ones, e.rows)
			}
		} else {
			e.body = appendOnes(e.body[:levels], ones, e.rows)
		}
		b.out, one.unpacked = appendPage(b.out, format.DataPage, e.rows, encoding, e.body, &e.packed)
		one.end = len(b.out)
		b.pieces = append(b.pieces, one)
	}
}

// appendRuns appends zeros with ones at some rows as runs.
func appendRuns(dst []byte, ones []int32, rows int) []byte {
	at := 0
	for i := 0; i < len(ones); {
		row := int(ones[i])
		n := 1
		for i+n < len(ones) && int(ones[i+n]) == row+n {
			n++
		}
		if row > at {
			dst = append(binary.AppendUvarint(dst, uint64(row-at)<<1), 0)
		}
		dst = append(binary.AppendUvarint(dst, uint64(n)<<1), 1)
		at, i = row+n, i+n
	}
	if rows > at {
		dst = append(binary.AppendUvarint(dst, uint64(rows-at)<<1), 0)
	}
	return dst
}

// appendOnes appends zeros with ones at some rows as bits.
func appendOnes(dst []byte, ones []int32, rows int) []byte {
	at := len(dst)
	dst = extend(dst, (rows+7)/8)
	set := dst[at:]
	clear(set)
	for _, row := range ones {
		set[row>>3] |= 1 << (row & 7)
	}
	return dst
}

// appendIndexes appends indexes in a dictionary of so many values as a page has
// them: their width, and one run if they are all the same, else bits.
func appendIndexes(dst []byte, indexes []uint16, to []uint32, entries int) []byte {
	width := bits.Len(uint(max(entries-1, 1)))
	dst = append(dst, byte(width))
	same := true
	for _, i := range indexes {
		same = same && i == indexes[0]
	}
	if same && len(indexes) > 0 {
		dst = binary.AppendUvarint(dst, uint64(len(indexes))<<1)
		value := to[indexes[0]]
		for n := 0; n < width; n += 8 {
			dst = append(dst, byte(value>>n))
		}
		return dst
	}
	groups := (len(indexes) + 7) / 8
	dst = binary.AppendUvarint(dst, uint64(groups)<<1|1)
	end := len(dst) + groups*width
	var acc uint64
	n := 0
	for _, i := range indexes {
		acc |= uint64(to[i]) << n
		for n += width; n >= 8; n -= 8 {
			dst = append(dst, byte(acc))
			acc >>= 8
		}
	}
	if n > 0 {
		dst = append(dst, byte(acc))
	}
	for len(dst) < end {
		dst = append(dst, 0)
	}
	return dst
}

// appendPage appends a page of version 1, compressed, and tells how long it is
// before compression.
func appendPage(dst []byte, typ format.PageType, values int, encoding format.Encoding, body []byte, scratch *[]byte) ([]byte, int) {
	if most := s2.MaxEncodedLen(len(body)); cap(*scratch) < most {
		*scratch = make([]byte, most)
	}
	packed := s2.EncodeSnappy((*scratch)[:cap(*scratch)], body)
	at := len(dst)
	dst = appendPageHeader(dst, typ, values, encoding, len(body), len(packed), crc32.ChecksumIEEE(packed))
	head := len(dst) - at
	return append(dst, packed...), head + len(body)
}

// appendPageHeader writes a format.PageHeader. There is one for each column of
// each block, which is why it is not left to reflection.
func appendPageHeader(dst []byte, typ format.PageType, values int, encoding format.Encoding, size, packed int, crc uint32) []byte {
	const i32, structure = 0x10 | typeI32, 0x10 | typeStruct // of the field after the last one
	i := func(v int) { dst = appendVarint(dst, int64(v)) }
	dst = append(dst, i32) // 1: type
	i(int(typ))
	dst = append(dst, i32) // 2: uncompressed size
	i(size)
	dst = append(dst, i32) // 3: compressed size
	i(packed)
	dst = append(dst, i32) // 4: CRC
	i(int(int32(crc)))
	if typ == format.DictionaryPage {
		dst = append(dst, 0x30|typeStruct, i32) // 7: header; 1: values
		i(values)
		dst = append(dst, i32) // 2: encoding
		i(int(encoding))
		return append(dst, 0, 0)
	}
	dst = append(dst, structure, i32) // 5: header; 1: values
	i(values)
	dst = append(dst, i32) // 2: encoding
	i(int(encoding))
	for range 2 { // 3 and 4: encoding of the levels
		dst = append(dst, i32)
		i(int(format.RLE))
	}
	return append(dst, 0, 0)
}

func appendVarint(dst []byte, v int64) []byte { return binary.AppendVarint(dst, v) }
