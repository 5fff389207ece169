package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"

	"github.com/parquet-go/parquet-go/format"
)

// cursor reads one column of a row group, page by page.
type cursor struct {
	*Reader
	column *Column
	stored bool // values are wanted as they are stored
	meta   columnMeta
	win    *window
	rows   int64 // of the row group that are not in a page read so far

	left   int    // rows of the page
	rest   pieces // of the page, what is not in data yet
	entire bool   // pages cannot be read in pieces
	buf    []byte
	defs   hybrid
	marks  []byte // of defs
	data   []byte // values of the page that are left, padded; the end of buf
	kind   source
	index  hybrid // into the dictionary
	diffs  delta
	suffix delta
	prefix []byte // the last value, of DELTA_BYTE_ARRAY

	dict    []byte // values of the dictionary, padded
	entries int
	starts  []uint32 // of texts in the dictionary, and the end

	levels    []uint32
	indexes   []uint32
	bits      int // of booleans
	store     [][]byte
	textBytes int      // about how long one is
	texts     [][]byte // of store, read ahead: nil is null; they alias buf, dict or arena
	arena     []byte
}

// source is how the values of a page are stored.
type source uint8

const (
	plain source = iota
	dictionary
	deltas   // whole numbers
	lengths  // texts, DELTA_LENGTH_BYTE_ARRAY
	prefixes // texts, DELTA_BYTE_ARRAY
	split    // BYTE_STREAM_SPLIT
	runs     // booleans as runs
)

// plainDictionary is what old files call RLEDictionary.
const plainDictionary format.Encoding = 2

// stride is how many rows are read at once.
const stride = 1 << 10

// start begins a row group.
func (c *cursor) start(g *groupMeta, windowSize int) error {
	chunk := &g.Columns[c.column.leaf]
	m, ok := chunk.Meta.Get()
	switch {
	case chunk.Encrypted.Valid || !ok:
		return errors.New("it is encrypted, which is not supported")
	case chunk.FilePath != "":
		return errors.New("its values are in another file, which is not supported")
	case m.Type != c.column.typ:
		return fmt.Errorf("a row group stores it as %s, want %s", m.Type, c.column.typ)
	case m.NumValues != g.NumRows:
		return fmt.Errorf("a row group has %d values of it, want %d", m.NumValues, g.NumRows)
	case !supported(m.Codec):
		return fmt.Errorf("compression %s is not supported, want none, snappy, gzip, zstd or lz4_raw", m.Codec)
	}
	from := m.DataPageOffset
	if d := m.DictionaryPageOffset; d > 0 && d < from {
		from = d
	}
	if from < int64(len(Magic)) || m.TotalCompressedSize < 0 || from > c.file.size || m.TotalCompressedSize > c.file.size-from {
		return errors.New("its place in the file is damaged")
	}
	c.meta, c.rows, c.left = m, g.NumRows, 0
	c.rest.size, c.rest.packed = 0, 0
	c.held -= len(c.dict)
	c.dict, c.starts, c.entries = nil, nil, 0
	c.texts = c.texts[:0]
	size := int(min(int64(windowSize), max(m.TotalCompressedSize, 1)))
	var base []byte // memory of the row group before, unless a fetch may still fill it
	if c.win != nil && c.turns == nil {
		base = c.win.base
	}
	c.win = newWindow(c.file.r, from, from+m.TotalCompressedSize, size, c.turns)
	c.win.base = base
	return nil
}

// load reads pages up to the next one with rows.
func (c *cursor) load() error {
	for c.left == 0 {
		if c.rows == 0 {
			return errors.New("its pages have fewer rows than others")
		}
		if err := c.page(); err != nil {
			return err
		}
	}
	return nil
}

// header reads the header of the next page.
func (c *cursor) header() (h format.PageHeader, err error) {
	defer recovered(&err)
	for n := 64; ; n *= 4 {
		b, err := c.win.peek(n)
		if err != nil {
			return h, err
		}
		if len(b) == 0 {
			return h, errors.New("its pages end too early")
		}
		w := walker{b: b[:min(len(b), maxHeader)]}
		err = w.structure(1)
		if errors.Is(err, errCut) && len(b) >= n && n < maxHeader {
			continue
		}
		if err != nil {
			return h, fmt.Errorf("a page header is damaged: %w", err)
		}
		if err := decode(b[:w.at], &h); err != nil {
			return h, fmt.Errorf("a page header is damaged: %w", err)
		}
		// Statistics alias what is discarded now, and are not used.
		c.win.discard(w.at)
		return h, nil
	}
}

func (c *cursor) page() error {
	if err := c.win.skip(int64(c.rest.packed)); err != nil { // its values were not asked for
		return err
	}
	c.rest.size, c.rest.packed = 0, 0
	h, err := c.header()
	if err != nil {
		return err
	}
	size, packed := int(h.UncompressedPageSize), int(h.CompressedPageSize)
	switch {
	case size < 0 || packed < 0:
		return errors.New("a page has a negative size")
	case int64(packed) > c.win.left():
		return errors.New("a page is longer than its column")
	}
	c.bytes += int64(packed)
	c.plain += int64(size)
	switch h.Type {
	case format.DictionaryPage:
		body, err := c.body(&h)
		if err != nil {
			return err
		}
		return c.dictionaryPage(&h, body, size)
	case format.DataPage:
		d, ok := h.DataPageHeader.Get()
		if !ok {
			return errors.New("a page header is damaged")
		}
		return c.dataPage(&h, &d)
	case format.DataPageV2:
		d, ok := h.DataPageHeaderV2.Get()
		if !ok {
			return errors.New("a page header is damaged")
		}
		return c.dataPageV2(&h, &d)
	}
	return c.win.skip(int64(packed)) // of another kind, which may be skipped
}

// fits says what is wrong with a page that is to be unpacked as a whole.
func (c *cursor) fits(size, packed int) error {
	if most := c.file.limits.PageBytes; size > most || packed > most {
		return fmt.Errorf("a page has %d bytes, %d unpacked, want at most %d", packed, size, most)
	}
	return nil
}

// body reads a page as a whole, as it is stored.
func (c *cursor) body(h *format.PageHeader) ([]byte, error) {
	if err := c.fits(int(h.UncompressedPageSize), int(h.CompressedPageSize)); err != nil {
		return nil, err
	}
	body, err := c.win.take(int(h.CompressedPageSize), &c.scratch)
	if err != nil {
		return nil, err
	}
	if h.CRC != 0 && crc32.ChecksumIEEE(body) != uint32(h.CRC) {
		return nil, errChecksum
	}
	return body, nil
}

// room is memory for a page of n bytes, padded.
func (c *cursor) room(n int) ([]byte, error) {
	if cap(c.buf) < n+padding || cap(c.buf) > 4*n+(1<<20) {
		// The next one is a little longer as often as not.
		size := n + n/16 + padding
		if err := c.hold(size - cap(c.buf)); err != nil {
			return nil, err
		}
		c.buf = make([]byte, size)
	}
	c.buf = c.buf[:n+padding]
	clear(c.buf[n:])
	return c.buf, nil
}

func (c *cursor) dictionaryPage(h *format.PageHeader, body []byte, size int) error {
	d, ok := h.DictionaryPageHeader.Get()
	switch {
	case !ok || d.NumValues < 0:
		return errors.New("the header of its dictionary is damaged")
	case c.dict != nil || c.rows != c.meta.NumValues:
		return errors.New("its dictionary is not its first page")
	case d.Encoding != format.Plain && d.Encoding != plainDictionary:
		return fmt.Errorf("its dictionary is encoded as %s, which is not supported", d.Encoding)
	}
	if err := c.hold(size + padding); err != nil {
		return err
	}
	dict := make([]byte, size+padding)
	if err := c.unpack(c.meta.Codec, dict[:size], body); err != nil {
		return err
	}
	c.dict, c.entries = dict, int(d.NumValues)
	if width := c.width(); width > 0 {
		if c.entries > size/width {
			return errors.New("its dictionary has fewer values than it says")
		}
		return nil
	}
	if c.column.typ == format.Boolean {
		return errors.New("it has a dictionary of true and false, which is not supported")
	}
	if c.entries > size/4 {
		return errors.New("its dictionary has fewer values than it says")
	}
	c.starts = make([]uint32, c.entries)
	at := 0
	for i := range c.starts {
		if size-at < 4 {
			return errors.New("its dictionary has fewer values than it says")
		}
		n := int(binary.LittleEndian.Uint32(dict[at:]))
		if n > size-at-4 {
			return errLong
		}
		c.starts[i] = uint32(at)
		at += 4 + n
	}
	return nil
}

// width is how many bytes a value takes, or 0.
func (c *cursor) width() int {
	switch c.column.typ {
	case format.Int32, format.Float:
		return 4
	case format.Int64, format.Double:
		return 8
	case format.FixedLenByteArray, format.Int96:
		return c.column.length
	}
	return 0
}

func (c *cursor) dataPage(h *format.PageHeader, d *format.DataPageHeader) error {
	if err := c.startValues(h, c.meta.Codec, d.Encoding, 0, 0); err != nil {
		return err
	}
	if c.column.optional {
		if d.DefinitionLevelEncoding != format.RLE {
			return fmt.Errorf("its nulls are encoded as %s, which is not supported", d.DefinitionLevelEncoding)
		}
		const head = 4
		if err := c.more(head); err != nil {
			return err
		}
		size := int64(h.UncompressedPageSize)
		if size < head {
			return errShort
		}
		n := int64(binary.LittleEndian.Uint32(c.data))
		if n > size-head {
			return errShort
		}
		if err := c.fits(int(n), 0); err != nil {
			return err
		}
		if err := c.more(head + int(n)); err != nil {
			return err
		}
		if err := c.mark(c.data[head : head+int(n)]); err != nil {
			return err
		}
		c.data = c.data[head+int(n):]
	}
	return c.begin(int(d.NumValues), d.Encoding)
}

func (c *cursor) dataPageV2(h *format.PageHeader, d *format.DataPageHeaderV2) error {
	n := int64(d.DefinitionLevelsByteLength) + int64(d.RepetitionLevelsByteLength)
	if d.DefinitionLevelsByteLength < 0 || d.RepetitionLevelsByteLength < 0 || n > int64(h.UncompressedPageSize) || n > int64(h.CompressedPageSize) {
		return errShort
	}
	if d.NumRows != d.NumValues {
		return errors.New("a page has more values than rows")
	}
	codec := c.meta.Codec
	if compressed, ok := d.IsCompressed.Get(); ok && !compressed {
		codec = format.Uncompressed
	}
	if err := c.startValues(h, codec, d.Encoding, int(n), int(d.RepetitionLevelsByteLength)); err != nil {
		return err
	}
	return c.begin(int(d.NumValues), d.Encoding)
}

// startValues starts to unpack a page, as a whole or in pieces. It begins with so many
// bytes of levels that are not packed, of which those from marks on say which rows
// have a value; the page of the first version has none.
func (c *cursor) startValues(h *format.PageHeader, codec format.CompressionCodec, encoding format.Encoding, levels, marks int) error {
	size, packed := int(h.UncompressedPageSize)-levels, int(h.CompressedPageSize)-levels
	if c.inPieces(encoding, codec, size) {
		if err := c.fits(levels, 0); err != nil {
			return err
		}
		head, err := c.win.take(levels, &c.scratch)
		if err != nil {
			return err
		}
		if err := c.mark(head[marks:]); err != nil {
			return err
		}
		return c.open(codec, size, packed, uint32(h.CRC), crc32.ChecksumIEEE(head))
	}
	body, err := c.body(h)
	if err != nil {
		return err
	}
	if c.data, err = c.room(size); err != nil {
		return err
	}
	if err := c.mark(body[marks:levels]); err != nil {
		return err
	}
	if size == 0 && codec != format.Uncompressed {
		return nil // some write nothing then, which is no packed text
	}
	return c.unpack(codec, c.data[:size], body[levels:])
}

// mark takes over which rows of a page have a value.
func (c *cursor) mark(levels []byte) error {
	if !c.column.optional {
		return nil
	}
	if n := len(levels) + padding; cap(c.marks) < n {
		if err := c.hold(n - cap(c.marks)); err != nil {
			return err
		}
		c.marks = make([]byte, n)
	}
	c.marks = c.marks[:len(levels)+padding]
	clear(c.marks[copy(c.marks, levels):])
	c.defs.reset(c.marks, 1)
	return nil
}

// begin starts a page of so many rows, of which the values are in data.
func (c *cursor) begin(rows int, encoding format.Encoding) error {
	if rows < 0 || int64(rows) > c.rows {
		return fmt.Errorf("a page has %d rows, and its row group %d more", rows, c.rows)
	}
	c.rows -= int64(rows)
	c.left = rows
	c.bits = 0
	c.texts, c.arena = c.texts[:0], c.arena[:0]
	if rows == 0 {
		return c.finish()
	}
	if err := c.more(1); err != nil {
		return err
	}
	values := c.data
	text := c.column.typ == format.ByteArray
	number := c.column.typ == format.Int32 || c.column.typ == format.Int64
	switch {
	case encoding == format.Plain:
		c.kind = plain
	case (encoding == format.RLEDictionary || encoding == plainDictionary) && c.dict != nil:
		if len(values) == padding { // all null
			c.kind = plain
			return nil
		}
		c.kind = dictionary
		if values[0] > 32 {
			return errors.New("the width of its indexes is damaged")
		}
		c.index.reset(values[1:], uint(values[0]))
	case encoding == format.DeltaBinaryPacked && number:
		c.kind = deltas
		return c.diffs.reset(values)
	case encoding == format.DeltaLengthByteArray && text:
		c.kind = lengths
		return c.startLengths(values)
	case encoding == format.DeltaByteArray && text:
		c.kind, c.prefix = prefixes, nil
		if err := c.diffs.reset(values); err != nil {
			return err
		}
		skip := c.diffs
		rest, err := skip.rest()
		if err != nil {
			return err
		}
		return c.startLengths(rest)
	case encoding == format.ByteStreamSplit && c.width() > 0:
		c.kind = split
	case encoding == format.RLE && c.column.typ == format.Boolean:
		c.kind = runs
		if len(values) < 4+padding {
			return errShort
		}
		c.index.reset(values[4:], 1)
	case encoding == format.RLEDictionary || encoding == plainDictionary:
		return errors.New("a page needs a dictionary, and there is none")
	default:
		return fmt.Errorf("its encoding %s is not supported", encoding)
	}
	return nil
}

// startLengths starts texts of which the lengths come first.
func (c *cursor) startLengths(values []byte) (err error) {
	if err := c.suffix.reset(values); err != nil {
		return err
	}
	skip := c.suffix
	c.data, err = skip.rest()
	return err
}

// present reads which of the next n rows have a value. It returns nil if all have.
func (c *cursor) present(n int) (levels []uint32, values int, err error) {
	if !c.column.optional {
		return nil, n, nil
	}
	all, err := c.defs.skip(n, 1)
	if all || err != nil {
		return nil, n, err
	}
	c.levels = grow(c.levels, n)
	if err := c.defs.read(c.levels); err != nil {
		return nil, 0, err
	}
	for _, l := range c.levels {
		values += int(l & 1)
	}
	if values == n {
		return nil, n, nil
	}
	return c.levels, values, nil
}

// fixed takes the next n values of a fixed width, which get is called for. It
// covers what is stored plain, split, or as indexes into a dictionary.
func (c *cursor) fixed(n int, get func(i int, b []byte)) error {
	width := c.width()
	switch c.kind {
	case plain:
		if err := c.more(n * width); err != nil {
			return err
		}
		if n > (len(c.data)-padding)/width {
			return errShort
		}
		for i := range n {
			get(i, c.data[i*width:])
		}
		c.data = c.data[n*width:]
	case split:
		// The first bytes of all values, then the second ones.
		all := (len(c.data) - padding) / width
		if c.bits+n > all {
			return errShort
		}
		var cell [maxDecimal]byte
		for i := range n {
			for j := range width {
				cell[j] = c.data[j*all+c.bits+i]
			}
			get(i, cell[:])
		}
		c.bits += n
	case dictionary:
		if err := c.lookUp(n); err != nil {
			return err
		}
		for i, at := range c.indexes {
			get(i, c.dict[int(at)*width:])
		}
	default:
		return errors.New("its values are stored in a way that is not of its type")
	}
	return nil
}

// lookUp reads the next n indexes.
func (c *cursor) lookUp(n int) error {
	if c.rest.size > 0 {
		c.data = c.index.b
		if err := c.more(aheadBytes); err != nil { // more than so many indexes take
			return err
		}
		c.index.b = c.data
	}
	c.indexes = grow(c.indexes, n)
	if err := c.index.read(c.indexes); err != nil {
		return err
	}
	for _, at := range c.indexes {
		if int64(at) >= int64(c.entries) {
			return errors.New("a page refers to a value that its dictionary has not")
		}
	}
	return nil
}

// ints reads the next values of a column of whole numbers, dates or times.
func (c *cursor) ints(dst []int64) error {
	if c.kind == deltas {
		for i := range dst {
			v, err := c.diffs.next()
			if err != nil {
				return err
			}
			dst[i] = v
			if c.column.typ == format.Int32 {
				dst[i] = int64(int32(v))
			}
		}
	} else if c.column.typ == format.Int32 {
		if err := c.fixed(len(dst), func(i int, b []byte) { dst[i] = int64(int32(binary.LittleEndian.Uint32(b))) }); err != nil {
			return err
		}
	} else if err := c.fixed(len(dst), func(i int, b []byte) { dst[i] = int64(binary.LittleEndian.Uint64(b)) }); err != nil {
		return err
	}
	if c.column.Meaning == Uint && c.column.typ == format.Int32 {
		for i, v := range dst {
			dst[i] = int64(uint32(v))
		}
	}
	return nil
}

// floats reads the next values of a column of FLOAT or DOUBLE.
func (c *cursor) floats(dst []float64) error {
	if c.column.typ == format.Float {
		return c.fixed(len(dst), func(i int, b []byte) { dst[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(b))) })
	}
	switch c.kind {
	case dictionary:
		if err := c.lookUp(len(dst)); err != nil {
			return err
		}
		for i, at := range c.indexes {
			dst[i] = math.Float64frombits(binary.LittleEndian.Uint64(c.dict[int(at)*8:]))
		}
		return nil
	case plain:
		if err := c.more(len(dst) * 8); err != nil {
			return err
		}
		if len(dst) > (len(c.data)-padding)/8 {
			return errShort
		}
		for i := range dst {
			dst[i] = math.Float64frombits(binary.LittleEndian.Uint64(c.data[i*8:]))
		}
		c.data = c.data[len(dst)*8:]
		return nil
	}
	return c.fixed(len(dst), func(i int, b []byte) { dst[i] = math.Float64frombits(binary.LittleEndian.Uint64(b)) })
}

// bools reads the next values of a column of BOOLEAN.
func (c *cursor) bools(dst []int64) error {
	if c.kind == runs {
		c.indexes = grow(c.indexes, len(dst))
		if err := c.index.read(c.indexes); err != nil {
			return err
		}
		for i, v := range c.indexes {
			dst[i] = int64(v)
		}
		return nil
	}
	if c.kind != plain || c.bits+len(dst) > (len(c.data)-padding)*8 {
		return errShort
	}
	for i := range dst {
		dst[i] = int64(c.data[c.bits>>3] >> (c.bits & 7) & 1)
		c.bits++
	}
	return nil
}

// binaries reads the next n values of bytes to c.texts.
func (c *cursor) binaries(n int) error {
	if c.column.typ == format.FixedLenByteArray || c.column.typ == format.Int96 {
		width := c.column.length
		if c.kind == split {
			start := len(c.arena)
			err := c.fixed(n, func(_ int, b []byte) { c.arena = append(c.arena, b[:width]...) })
			for i := range n {
				if err == nil {
					c.texts = append(c.texts, c.arena[start+i*width:][:width])
				}
			}
			return err
		}
		return c.fixed(n, func(_ int, b []byte) { c.texts = append(c.texts, b[:width:width]) })
	}
	switch c.kind {
	case plain:
		for range n {
			if len(c.data)-padding < 4 {
				return errShort
			}
			size := binary.LittleEndian.Uint32(c.data)
			if int64(size) > int64(len(c.data)-padding-4) {
				return errLong
			}
			end := 4 + int(size)
			c.texts = append(c.texts, c.data[4:end:end])
			c.data = c.data[end:]
		}
	case dictionary:
		if err := c.lookUp(n); err != nil {
			return err
		}
		for _, i := range c.indexes {
			at := int(c.starts[i])
			end := at + 4 + int(binary.LittleEndian.Uint32(c.dict[at:]))
			c.texts = append(c.texts, c.dict[at+4:end:end])
		}
	case lengths, prefixes:
		for range n {
			if err := c.suffixed(); err != nil {
				return err
			}
		}
	default:
		return errors.New("its values are stored in a way that is not of its type")
	}
	return nil
}

// suffixed reads a text of which the length stands elsewhere, and the start
// perhaps in the text before.
func (c *cursor) suffixed() error {
	size, err := c.suffix.next()
	if err != nil {
		return err
	}
	if size < 0 || size > int64(len(c.data)-padding) {
		return errLong
	}
	text := c.data[:size:size]
	c.data = c.data[size:]
	if c.kind == prefixes {
		same, err := c.diffs.next()
		if err != nil {
			return err
		}
		if same < 0 || same > int64(len(c.prefix)) {
			return errLong
		}
		if same > 0 {
			whole := make([]byte, 0, int(same)+len(text))
			text = append(append(whole, c.prefix[:same]...), text...)
		}
		if len(text) > c.file.limits.ValueBytes {
			return c.tooLong(len(text))
		}
		c.prefix = text
	}
	c.texts = append(c.texts, text)
	return nil
}

func (c *cursor) tooLong(n int) error {
	return fmt.Errorf("a text has %d bytes, want at most %d", n, c.file.limits.ValueBytes)
}

// fill reads up to n texts ahead, and tells how many there are.
func (c *cursor) fill(n int) (int, error) {
	n = min(n, c.left)
	if len(c.texts) > 0 {
		return min(n, len(c.texts)), nil
	}
	c.arena = c.arena[:0]
	if c.kind == prefixes {
		// Each may be as long as the page, however few bytes it takes there.
		most := max(c.file.limits.PageBytes/max(len(c.buf), 1), 1)
		n = min(n, most)
	}
	if c.rest.size > 0 && c.kind == plain {
		var err error
		if n, err = c.ready(n); err != nil {
			return 0, err
		}
	}
	levels, values, err := c.present(n)
	if err != nil {
		return 0, err
	}
	c.store = grow(c.store, n)
	c.texts = c.store[:0]
	if err := c.binaries(values); err != nil {
		return 0, err
	}
	if levels == nil {
		return n, nil
	}
	// Spread them out from the end.
	c.texts = c.texts[:n]
	at := values
	for i := n - 1; i >= 0; i-- {
		if levels[i]&1 == 0 {
			c.texts[i] = nil
			continue
		}
		at--
		c.texts[i] = c.texts[at]
	}
	return n, nil
}

// ready sees to it that texts of a page that is read in pieces are there, and
// tells of how many rows, up to n. At the end of the page it is n.
func (c *cursor) ready(n int) (int, error) {
	if width := c.width(); width > 0 {
		return min(n, max(pieceBytes/width, 1)), nil
	}
	if err := c.more(min(n*c.textBytes, aheadBytes)); err != nil {
		return 0, err
	}
	for at, texts := 0, 0; ; {
		next := at + 4
		if there := len(c.data) - padding; next <= there {
			size := int64(binary.LittleEndian.Uint32(c.data[at:]))
			if size > int64(c.file.limits.ValueBytes) {
				return 0, c.tooLong(int(size))
			}
			next += int(size)
		}
		if next > len(c.data)-padding {
			if texts > 0 && c.rest.size > 0 {
				return texts, nil
			}
			if c.rest.size == 0 {
				return n, nil
			}
			if err := c.more(next); err != nil {
				return 0, err
			}
			continue
		}
		at = next
		if texts++; texts == n {
			c.textBytes = at/n + 1
			return n, nil
		}
	}
}

// spread moves values to the rows that have one, from the end.
func spread[T any](cells []T, levels []uint32, values int, null T) {
	if levels == nil {
		return
	}
	for i := len(cells) - 1; i >= 0; i-- {
		if levels[i]&1 == 0 {
			cells[i] = null
			continue
		}
		values--
		cells[i] = cells[values]
	}
}

func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}
