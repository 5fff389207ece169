package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"ds-pipeline/preprocess/frame"
)

// MaxEncodedBytes bounds what Encode gives. It is less than what a Partial takes
// in memory: with the default limits 3 MiB, and one to three bytes for each of the
// indicator columns, of which there would have to be millions.
const MaxEncodedBytes = 8 << 20

// encodedAs starts what Encode gives, with its version.
const encodedAs = "ds-pipeline/statistics/1\n"

// maxRows bounds counts, so that no sum of them overflows: sums of squares are
// right up to 2^32 values, and there are up to 10,000 partials.
const maxRows = 1 << 48

// Encode writes down all that was collected, for DecodePartial of a Collector with
// the same Config, in which Portable has to be set. Equal sets of records give
// equal bytes, as they give equal reports.
func (c *Collector) Encode() ([]byte, error) {
	if !c.config.Portable {
		return nil, errors.New("statistics that are not Portable cannot be written down")
	}
	e := encoder{[]byte(encodedAs)}
	e.count(c.rows)
	c.input.encode(&e)
	c.output.encode(&e)
	if len(e.b) > MaxEncodedBytes {
		return nil, fmt.Errorf("the statistics take %d bytes; want at most %d", len(e.b), MaxEncodedBytes)
	}
	return e.b, nil
}

// DecodePartial reads what Encode has written, and refuses everything else.
func (c *Collector) DecodePartial(text []byte) (*Partial, error) {
	if len(text) > MaxEncodedBytes {
		return nil, fmt.Errorf("statistics: %d bytes; want at most %d", len(text), MaxEncodedBytes)
	}
	rest, ok := bytes.CutPrefix(text, []byte(encodedAs))
	if !ok {
		return nil, fmt.Errorf("statistics: want bytes that start with %q", encodedAs)
	}
	d := &decoder{b: rest}
	p := c.NewPartial()
	p.rows = d.count(maxRows)
	p.input.decode(d, p.rows, len(c.config.Input))
	p.output.decode(d, p.rows, len(c.config.OutputNames))
	if d.err == nil && len(d.b) > 0 {
		d.fail("%d bytes follow", len(d.b))
	}
	if d.err != nil {
		return nil, fmt.Errorf("statistics, byte %d: %w", len(text)-len(d.b), d.err)
	}
	return p, nil
}

// encoder writes numbers so that small ones are short.
type encoder struct{ b []byte }

func (e *encoder) count(n int64)   { e.bits(uint64(n)) }
func (e *encoder) bits(n uint64)   { e.b = binary.AppendUvarint(e.b, n) }
func (e *encoder) float(v float64) { e.b = binary.LittleEndian.AppendUint64(e.b, math.Float64bits(v)) }

func (e *encoder) flag(set bool) {
	if set {
		e.b = append(e.b, 1)
	} else {
		e.b = append(e.b, 0)
	}
}

// decoder reads what encoder wrote. After an error, all it reads is 0.
type decoder struct {
	b   []byte
	err error
}

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf(format, args...)
	}
}

func (d *decoder) bits() uint64 {
	v, n := binary.Uvarint(d.b)
	if d.err != nil || n <= 0 || n > 1 && d.b[n-1] == 0 {
		d.fail("want a number")
		return 0
	}
	d.b = d.b[n:]
	return v
}

// count reads a count of at most most.
func (d *decoder) count(most int64) int64 {
	v := d.bits()
	if v > uint64(most) {
		d.fail("got a count of %d, want at most %d", v, most)
		return 0
	}
	return int64(v)
}

func (d *decoder) take(n int) []byte {
	if d.err != nil || n > len(d.b) {
		d.fail("want %d more bytes", n)
		return make([]byte, n)
	}
	taken := d.b[:n]
	d.b = d.b[n:]
	return taken
}

// float reads a finite number.
func (d *decoder) float() float64 {
	v := math.Float64frombits(binary.LittleEndian.Uint64(d.take(8)))
	if v-v != 0 {
		d.fail("want a finite number")
	}
	return v
}

func (d *decoder) flag() bool {
	v := d.take(1)[0]
	if v > 1 {
		d.fail("want 0 or 1, got %d", v)
	}
	return v == 1
}

// coded is a column that can be written down. What is decoded is an empty column
// of the same shape before, and has the values of rows records then.
type coded interface {
	encode(e *encoder)
	decode(d *decoder, rows int64)
}

func (s *side) encode(e *encoder) {
	e.flag(s.stats != nil)
	if s.stats == nil {
		return
	}
	e.count(int64(len(s.shapes)))
	for _, sh := range s.shapes {
		e.count(int64(sh.kind))
		e.flag(sh.hot)
		if sh.hot {
			e.count(int64(sh.width))
		}
	}
	for _, c := range s.stats {
		c.(coded).encode(e)
	}
}

// decode fills a side that has so many names of columns.
func (s *side) decode(d *decoder, rows int64, names int) {
	if !d.flag() {
		if rows > 0 && names > 0 {
			d.fail("%d records without columns", rows)
		}
		return
	}
	var shapes []shape
	wide := 0
	for n := d.count(int64(len(d.b))); n > 0 && d.err == nil; n-- {
		sh := shape{kind: frame.Kind(d.count(int64(frame.Text))), hot: d.flag(), width: 1}
		if sh.hot {
			sh.width = int(d.count(int64(names - min(wide, names))))
		}
		wide += sh.width
		shapes = append(shapes, sh)
	}
	if wide != names || s.known != nil && len(shapes) != len(s.known) {
		d.fail("%d columns, want %d", wide, names)
	}
	if d.err != nil {
		return
	}
	if err := s.prepare(shapes); err != nil {
		d.fail("%w", err)
		return
	}
	for i, c := range s.stats {
		if c.(coded).decode(d, rows); d.err != nil {
			d.err = fmt.Errorf("column %d: %w", i, d.err)
			return
		}
	}
}

func (n *number) encode(e *encoder) {
	n.sum()
	for _, v := range []int64{n.finite, n.missing, n.above, n.below} {
		e.count(v)
	}
	if n.finite > 0 {
		e.float(n.min)
		e.float(n.max)
		e.count(int64(n.moments.top))
		for l := max(n.moments.top-levelCount+1, 0); l <= n.moments.top; l++ {
			at := n.moments.levels[l%levelCount]
			for _, v := range []uint64{at.sumHigh, at.sumLow, at.squareHigh, at.squareLow} {
				e.bits(v)
			}
		}
	}
	n.sketch.encode(e)
	if n.known == nil {
		return
	}
	for _, v := range slices.Concat([]int64{n.counted.tooLow, n.counted.tooHigh, n.counted.unknown}, n.counted.bins, n.counted.ties) {
		e.count(v)
	}
}

func (n *number) decode(d *decoder, rows int64) {
	for _, v := range []*int64{&n.finite, &n.missing, &n.above, &n.below} {
		*v = d.count(rows)
	}
	if n.finite+n.missing+n.above+n.below != rows {
		d.fail("values of %d records, want %d", n.finite+n.missing+n.above+n.below, rows)
	}
	n.summed = true
	if n.finite > 0 {
		n.min, n.max = d.float(), d.float()
		n.moments.top = int(d.count(0x7fe >> levelBits))
		for l := max(n.moments.top-levelCount+1, 0); l <= n.moments.top; l++ {
			at := &n.moments.levels[l%levelCount]
			for _, v := range []*uint64{&at.sumHigh, &at.sumLow, &at.squareHigh, &at.squareLow} {
				*v = d.bits()
			}
		}
	}
	n.sketch.decode(d, n.finite, n.min, n.max)
	if n.known == nil {
		return
	}
	for _, v := range []*int64{&n.counted.tooLow, &n.counted.tooHigh, &n.counted.unknown} {
		*v = d.count(rows)
	}
	for _, list := range [][]int64{n.counted.bins, n.counted.ties} {
		sum := int64(0)
		for i := range list {
			list[i] = d.count(rows - sum) // infinities are in the outermost
			sum += list[i]
		}
	}
}

func (s *sketch) encode(e *encoder) {
	used := s.inOrder()
	e.count(int64(s.shift))
	e.count(int64(len(used)))
	before := uint64(0)
	for _, at := range used {
		e.bits(at.key - before)
		e.count(at.count)
		before = at.key
	}
}

// decode reads the buckets of values from low to high.
func (s *sketch) decode(d *decoder, values int64, low, high float64) {
	s.shift = uint(d.count(63))
	used := int(d.count(int64(s.limit())))
	key, sum := uint64(0), int64(0)
	for i := range used {
		more := d.bits()
		count := d.count(values - sum)
		key += more
		if count == 0 || i > 0 && (more == 0 || key < more) {
			d.fail("want buckets in order, with something in each")
		}
		if i == 0 && key != keyOf(low)>>s.shift || i == used-1 && key != keyOf(high)>>s.shift {
			d.fail("the outermost buckets are not those of the smallest and the largest value")
		}
		if d.err != nil {
			return
		}
		s.add(key, count)
		sum += count
	}
	if sum != values || used > 0 && low > high {
		d.fail("buckets with %d values from %g to %g, want %d", sum, low, high, values)
	}
}

// keyOf is the key of a finite value at shift 0.
func keyOf(v float64) uint64 {
	if math.Abs(v) < smallestNormal {
		v = 0
	}
	return order(math.Float64bits(v))
}

func (t *texts) encode(e *encoder) {
	for _, v := range []int64{t.count, t.missing, t.unknown, t.lost} {
		e.count(v)
	}
	e.flag(t.more)
	ranked := t.ranked()
	e.count(int64(len(ranked)))
	for _, c := range ranked {
		e.count(c.count)
		e.count(int64(c.size))
		e.b = append(e.b, t.shown(&c)...)
		if c.size > maxShownBytes {
			e.b = append(e.b, c.digest[:]...)
			e.flag(c.unknown)
		}
	}
}

func (t *texts) decode(d *decoder, rows int64) {
	t.count, t.missing = d.count(rows), d.count(rows)
	t.unknown, t.lost, t.more = d.count(t.count), d.count(t.count), d.flag()
	if t.count+t.missing != rows {
		d.fail("values of %d records, want %d", t.count+t.missing, rows)
	}
	sum := int64(0)
	for range d.count(int64(t.limit)) {
		count, size := d.count(t.count-sum), int(d.count(math.MaxInt32))
		shown := d.take(min(size, maxShownBytes))
		unknown := false
		var digest digest
		if size > maxShownBytes {
			copy(digest[:], d.take(len(digest)))
			unknown = d.flag()
		} else if t.known != nil {
			_, known := t.known[string(shown)]
			unknown = !known
		}
		if d.err != nil {
			return
		}
		c := t.find(hashOfPortable(digest, size, shown), size, shown)
		if c.count > 0 || count == 0 {
			d.fail("want each category once, with something in it")
		}
		c.count, c.unknown, c.digest = count, unknown, digest
		sum += count
	}
	if !t.more && (sum != t.count || t.lost > 0) {
		d.fail("categories with %d values, want %d", sum, t.count)
	}
}

// digest tells apart texts of which not all is kept, in every process.
type digest [16]byte

// digestOf is that of a text of more than maxShownBytes.
func digestOf(text []byte) (d digest) {
	sum := sha256.Sum256(text)
	copy(d[:], sum[:])
	return d
}

// hashOfPortable is the hash of a text, from what is written down of it.
func hashOfPortable(d digest, size int, text []byte) uint64 {
	if size > maxShownBytes {
		return hashOf(d[:])
	}
	return hashOf(text)
}

func (b *booleans) encode(e *encoder) {
	e.count(b.counts[0])
	e.count(b.counts[1])
	e.count(b.missing)
}

func (b *booleans) decode(d *decoder, rows int64) {
	b.counts[0], b.counts[1], b.missing = d.count(rows), d.count(rows), d.count(rows)
	if sum := b.counts[0] + b.counts[1] + b.missing; sum != rows {
		d.fail("values of %d records, want %d", sum, rows)
	}
}

func (n *indicators) encode(e *encoder) {
	e.count(n.none)
	for _, ones := range n.ones {
		e.count(ones)
	}
}

func (n *indicators) decode(d *decoder, rows int64) {
	n.none = d.count(rows)
	sum := n.none
	for i := range n.ones {
		n.ones[i] = d.count(rows - sum)
		sum += n.ones[i]
	}
	if sum != rows {
		d.fail("values of %d records, want %d", sum, rows)
	}
}

func (n *counts) encode(e *encoder) {
	e.count(n.present)
	e.count(n.missing)
}

func (n *counts) decode(d *decoder, rows int64) {
	n.present, n.missing = d.count(rows), d.count(rows)
	if n.present+n.missing != rows {
		d.fail("values of %d records, want %d", n.present+n.missing, rows)
	}
}

func (f *follower) encode(*encoder)        {}
func (f *follower) decode(*decoder, int64) {}
