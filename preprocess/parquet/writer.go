package parquet

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// Sizes of row groups. A row group is held until it is written, compressed: its
// columns stand one after the other, and come side by side.
const (
	// groupBytes is how large a row group grows, and groupLeafBytes what each
	// column of a wide one may take, up to maxGroupBytes: many columns of a few
	// bytes make a footer that is larger than the data.
	groupBytes     = 4 << 20
	groupLeafBytes = 8 << 10
	maxGroupBytes  = 32 << 20
	// groupRows is how many rows it has at most: readers share row groups out.
	groupRows = 1 << 20
)

// createdBy is who wrote a file, in the form that readers know.
const createdBy = "ds-pipeline version 1"

// Writer writes blocks as the row groups of a file. It is not safe for
// concurrent use. Columns are compressed with Snappy, which every reader has.
type Writer struct {
	w      *bufio.Writer
	layout *Layout
	offset int64
	rows   int64
	groups int
	footer metadata
	few    []bool // leaves of which there are too many values for a dictionary

	target int // bytes of a row group
	group  group

	body, packed, scratch []byte // of a page: before and after compression
}

// group is the row group that is being filled.
type group struct {
	rows   int64
	held   int // bytes of pages and dictionaries
	known  int // entries of all dictionaries
	pages  slabs
	blocks []blockPages
	chunks []chunk // of each leaf
}

// blockPages is where the pages of a block are: of each leaf in turn.
type blockPages struct {
	start int      // in the slabs
	ends  []uint32 // from there
}

// chunk is a column of the row group.
type chunk struct {
	unpacked       int64
	raw, rows      int64 // bytes as PLAIN, and values, of pages of indexes
	nulls          int64
	stats          limits
	dict           dictionaryOf
	plain, indexed bool // how its pages are encoded
}

// NewWriter starts a file. Nothing but the Writer may write to w.
func NewWriter(w io.Writer, l *Layout) (*Writer, error) {
	p := &Writer{w: bufio.NewWriterSize(w, 128<<10), layout: l}
	p.target = min(max(groupBytes, groupLeafBytes*len(l.leaves)), maxGroupBytes)
	p.group.chunks = make([]chunk, len(l.leaves))
	p.few = make([]bool, len(l.leaves))
	return p, p.write([]byte(Magic))
}

// Columns is how many columns the file has.
func (l *Layout) Columns() int { return len(l.leaves) }

func (p *Writer) write(b []byte) error {
	n, err := p.w.Write(b)
	p.offset += int64(n)
	return err
}

// Add adds the rows of a block, which may be filled again after that.
func (p *Writer) Add(b *Block) error {
	if b.rows == 0 {
		return nil
	}
	g := &p.group
	if g.rows > 0 && g.rows+int64(b.rows) > groupRows {
		if err := p.flush(); err != nil {
			return err
		}
	}
	if cap(g.blocks) > len(g.blocks) {
		g.blocks = g.blocks[:len(g.blocks)+1]
	} else {
		g.blocks = append(g.blocks, blockPages{})
	}
	at := &g.blocks[len(g.blocks)-1]
	at.start, at.ends = g.pages.size, at.ends[:0]
	from := 0
	for i := range b.pieces {
		one := &b.pieces[i]
		c, l := &g.chunks[i], &p.layout.leaves[i]
		c.nulls += int64(one.nulls)
		c.stats.widen(l, one.stats)
		if one.page {
			g.pages.add(b.out[from:one.end])
			c.unpacked += int64(one.unpacked)
			c.plain, c.indexed = c.plain || one.plain, c.indexed || !one.plain
			p.few[i] = p.few[i] || one.unique
		} else {
			p.addPage(b, from, i)
		}
		from = one.end
		if n := g.pages.size - at.start; n <= math.MaxUint32 {
			at.ends = append(at.ends, uint32(n))
		} else {
			return fmt.Errorf("a block of rows takes more than %d bytes", math.MaxUint32)
		}
	}
	b.few = append(b.few[:0], p.few...)
	g.rows += int64(b.rows)
	g.held += g.pages.size - at.start + 4*len(at.ends)
	if g.held >= p.target {
		return p.flush()
	}
	return nil
}

// addPage makes a page of levels, distinct values and indexes.
func (p *Writer) addPage(b *Block, from, i int) {
	g := &p.group
	one, c, l := &b.pieces[i], &g.chunks[i], &p.layout.leaves[i]
	values, indexes := b.out[one.dict:one.end], b.indexes[one.indexes.start:one.indexes.end]
	p.body = append(p.body[:0], b.out[from:one.dict]...)
	encoding := format.RLEDictionary
	size, entries := len(c.dict.values), c.dict.entries
	ok, own := c.dict.merge(values, l.width(), g.known)
	if ok {
		g.held += len(c.dict.values) - size
		g.known += c.dict.entries - entries
		p.body = appendIndexes(p.body, indexes, c.dict.to, c.dict.entries)
		c.indexed = true
		c.raw += int64(one.raw)
		c.rows += int64(len(indexes))
		own = c.rows >= 4*manyRows && int64(c.dict.entries)*20 > c.rows*19
	} else {
		encoding = format.Plain
		p.body = appendValues(p.body, values, indexes, l.width())
		c.plain = true
	}
	p.few[i] = p.few[i] || own
	page, unpacked := appendPage(p.packed[:0], format.DataPage, b.rows, encoding, p.body, &p.scratch)
	p.packed = page
	g.pages.add(page)
	c.unpacked += int64(unpacked)
}

// appendValues writes out what indexes stand for.
func appendValues(dst, values []byte, indexes []uint16, width int) []byte {
	var starts []int
	at := 0
	for at < len(values) {
		starts = append(starts, at)
		at += valueBytes(values[at:], width)
	}
	starts = append(starts, at)
	for _, i := range indexes {
		dst = append(dst, values[starts[i]:starts[i+1]]...)
	}
	return dst
}

// flush writes the row group.
func (p *Writer) flush() error {
	g := &p.group
	meta := format.RowGroup{NumRows: g.rows, FileOffset: p.offset, Ordinal: int16(min(p.groups, math.MaxInt16))}
	meta.Columns = make([]format.ColumnChunk, len(g.chunks))
	for i := range g.chunks {
		if err := p.flushColumn(i, &meta.Columns[i].MetaData); err != nil {
			return err
		}
		meta.TotalByteSize += meta.Columns[i].MetaData.TotalUncompressedSize
		meta.TotalCompressedSize += meta.Columns[i].MetaData.TotalCompressedSize
	}
	if err := p.footer.add(meta); err != nil {
		return err
	}
	p.groups++
	p.rows += g.rows
	g.rows, g.held, g.known, g.blocks = 0, 0, 0, g.blocks[:0]
	g.pages.reset()
	for i := range g.chunks {
		c := &g.chunks[i]
		c.dict.reset()
		*c = chunk{stats: limits{min: c.stats.min[:0], max: c.stats.max[:0]}, dict: c.dict}
	}
	return nil
}

func (p *Writer) flushColumn(i int, meta *format.ColumnMetaData) error {
	g := &p.group
	c, l := &g.chunks[i], &p.layout.leaves[i]
	start := p.offset
	*meta = format.ColumnMetaData{
		Type:         l.typ(),
		Encoding:     []format.Encoding{format.RLE},
		PathInSchema: []string{l.element.Name},
		Codec:        format.Snappy,
		NumValues:    g.rows,
	}
	if c.plain {
		meta.Encoding = append(meta.Encoding, format.Plain)
	}
	if c.indexed {
		meta.Encoding = append(meta.Encoding, format.RLEDictionary)
		if !c.plain { // as the dictionary is
			meta.Encoding = append(meta.Encoding, format.Plain)
		}
		values, entries := c.dict.values, c.dict.entries
		if l.hot {
			values, entries = append(append(p.body[:0], l.top...), l.one...), 2
		}
		// A dictionary that does not pay is the last one.
		p.few[i] = p.few[i] || !l.hot && 4*(c.unpacked+int64(len(values))) > 3*(c.raw+c.rows/8) && c.rows >= 4*manyRows
		page, unpacked := appendPage(p.packed[:0], format.DictionaryPage, entries, format.Plain, values, &p.scratch)
		p.packed = page
		c.unpacked += int64(unpacked)
		meta.DictionaryPageOffset = start
		if err := p.write(page); err != nil {
			return err
		}
	}
	meta.DataPageOffset = p.offset
	for _, b := range g.blocks {
		from := 0
		if i > 0 {
			from = int(b.ends[i-1])
		}
		if err := g.pages.each(b.start+from, b.start+int(b.ends[i]), p.write); err != nil {
			return err
		}
	}
	meta.TotalUncompressedSize, meta.TotalCompressedSize = c.unpacked, p.offset-start
	meta.Statistics.NullCount = c.nulls
	meta.Statistics.MinValue, meta.Statistics.MaxValue = c.stats.told()
	return nil
}

// Close writes what is left and the footer. It does not close what is written to.
func (p *Writer) Close() error {
	if p.group.rows > 0 {
		if err := p.flush(); err != nil {
			return err
		}
	}
	start := p.offset
	if err := p.writeFooter(); err != nil {
		return err
	}
	n := p.offset - start
	if n > math.MaxInt32 {
		return fmt.Errorf("its %d row groups of %d columns need a footer of %d bytes, and Parquet allows %d; write fewer rows or CSV", p.groups, len(p.layout.leaves), n, math.MaxInt32)
	}
	end := binary.LittleEndian.AppendUint32(nil, uint32(n))
	if err := p.write(append(end, Magic...)); err != nil {
		return err
	}
	return p.w.Flush()
}

// writeFooter writes a format.FileMetaData, of which the row groups are encoded
// already.
func (p *Writer) writeFooter() error {
	b := []byte{0x10 | typeI32}
	b = appendVarint(b, 2) // the version of the format
	schema := p.layout.schema()
	b = appendList(append(b, 0x10|typeList), len(schema))
	var err error
	for i := range schema {
		if b, err = appendStruct(b, &schema[i]); err != nil {
			return err
		}
	}
	b = appendVarint(append(b, 0x10|typeI64), p.rows)
	b = appendList(append(b, 0x10|typeList), p.groups)
	if err := p.write(b); err != nil {
		return err
	}
	if err := p.footer.each(p.write); err != nil {
		return err
	}
	b = append(b[:0], 0x20|typeBinary)
	b = append(binary.AppendUvarint(b, uint64(len(createdBy))), createdBy...)
	b = appendList(append(b, 0x10|typeList), len(p.layout.leaves))
	for range p.layout.leaves {
		if b, err = appendStruct(b, &format.ColumnOrder{Value: &format.TypeDefinedOrder{}}); err != nil {
			return err
		}
	}
	return p.write(append(b, 0))
}

// appendList appends the head of a list of structs.
func appendList(dst []byte, n int) []byte {
	if n < 15 {
		return append(dst, byte(n<<4|typeStruct))
	}
	return binary.AppendUvarint(append(dst, 0xf0|typeStruct), uint64(n))
}

func appendStruct[T any](dst []byte, v *T) ([]byte, error) {
	out, err := thrift.Marshal(new(thrift.CompactProtocol), *v)
	return append(dst, out...), err
}

// metadata holds the row groups of the footer until the end of the file. They
// repeat each other, so many are held compressed.
type metadata struct {
	first  []byte
	packed bytes.Buffer
	z      *zstd.Encoder
}

// plainFooter is how much of the footer is held as it is, in bytes.
const plainFooter = 1 << 20

func (m *metadata) add(g format.RowGroup) error {
	b, err := appendStruct(nil, &g)
	if err != nil {
		return err
	}
	if m.z == nil && len(m.first)+len(b) <= plainFooter {
		m.first = append(m.first, b...)
		return nil
	}
	if m.z == nil {
		m.z, err = zstd.NewWriter(&m.packed, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
			zstd.WithWindowSize(1<<20), zstd.WithLowerEncoderMem(true))
		if err != nil {
			return err
		}
	}
	_, err = m.z.Write(b)
	return err
}

func (m *metadata) each(write func([]byte) error) error {
	if err := write(m.first); err != nil || m.z == nil {
		return err
	}
	if err := m.z.Close(); err != nil {
		return err
	}
	r, err := zstd.NewReader(&m.packed, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = io.Copy(writerFunc(write), r)
	return err
}

type writerFunc func([]byte) error

func (f writerFunc) Write(b []byte) (int, error) {
	if err := f(b); err != nil {
		return 0, err
	}
	return len(b), nil
}

// slabs is memory that grows without being moved.
type slabs struct {
	slabs [][]byte
	size  int
}

const slabBytes = 256 << 10

func (s *slabs) add(b []byte) {
	for len(b) > 0 {
		i, at := s.size/slabBytes, s.size%slabBytes
		if i == len(s.slabs) {
			s.slabs = append(s.slabs, make([]byte, slabBytes))
		}
		n := copy(s.slabs[i][at:], b)
		s.size += n
		b = b[n:]
	}
}

// each gives the bytes between two places, in pieces.
func (s *slabs) each(from, to int, f func([]byte) error) error {
	for from < to {
		i, at := from/slabBytes, from%slabBytes
		n := min(slabBytes-at, to-from)
		if err := f(s.slabs[i][at : at+n]); err != nil {
			return err
		}
		from += n
	}
	return nil
}

func (s *slabs) reset() { s.size = 0 }
