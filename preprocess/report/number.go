package report

import (
	"math"
	"math/bits"
	"slices"

	"ds-pipeline/preprocess/frame"
)

// number has the statistics of a column of numbers. Its size is fixed, and
// equal sets of values give equal numbers whatever their order.
type number struct {
	finite, missing int64
	above, below    int64 // infinities
	min, max        float64
	moments         moments
	sketch          sketch
	// summed: the values of the sketch are in moments. As long as each value has
	// a bucket of its own, it is enough to count them.
	summed bool

	known   *numberReference // nil if the model knows nothing to count by
	counted numberCounts

	scratch *[]float64 // of all columns of a partial
}

// numberReference is what the model knows that needs counting record by record.
type numberReference struct {
	min, max   float64   // NaN if unknown
	inner      []float64 // bin edges without the first and the last
	categories []float64 // sorted; nil if unknown
	narrow     bool      // categories are compared as float32
}

// numberCounts has what is counted against a numberReference.
type numberCounts struct {
	tooLow, tooHigh int64
	unknown         int64
	bins            []int64
	ties            []int64 // values that lie on an inner edge
}

func newNumber(slots int, known *numberReference) *number {
	n := &number{sketch: newSketch(slots), known: known, scratch: new([]float64)}
	if known != nil && known.inner != nil {
		n.counted.bins = make([]int64, len(known.inner)+1)
		n.counted.ties = make([]int64, len(known.inner))
	}
	n.reset()
	return n
}

func (n *number) reset() {
	n.finite, n.missing, n.above, n.below = 0, 0, 0, 0
	n.min, n.max = math.Inf(1), math.Inf(-1)
	n.moments = moments{}
	n.sketch.reset()
	n.summed = n.sketch.shift > 0
	clear(n.counted.bins)
	clear(n.counted.ties)
	n.counted = numberCounts{bins: n.counted.bins, ties: n.counted.ties}
}

func (n *number) add(c *frame.Column, rows int, skip []bool) {
	scratch := (*n.scratch)[:0]
	var values []float64
	switch {
	case c.Kind == frame.Int:
		for row, v := range c.Ints[:rows] {
			if skip == nil || !skip[row] {
				scratch = append(scratch, float64(v))
			}
		}
		values, *n.scratch = scratch, scratch
	case skip != nil:
		for row, v := range c.Floats[:rows] {
			if !skip[row] {
				scratch = append(scratch, v)
			}
		}
		values, *n.scratch = scratch, scratch
	default:
		values = c.Floats[:rows]
	}
	n.addValues(values)
	if n.known != nil {
		n.compare(values)
	}
}

func (n *number) addValues(values []float64) {
	if !n.summed {
		values = n.countValues(values)
	}
	if len(values) == 0 {
		return
	}
	low, high := n.min, n.max
	m := &n.moments
	s := &n.sketch
	slots, mask := s.slots, uint64(len(s.slots)-1)
	shift, log := s.shift&63, (64-s.log)&63
	other := int64(0)
	for _, v := range values {
		b := math.Float64bits(v)
		exponent := int(b >> 52 & 0x7ff)
		if exponent == 0x7ff {
			other++
			n.addOther(v)
			continue
		}
		if v < low {
			low = v
		}
		if v > high {
			high = v
		}

		l := exponent >> levelBits
		if l > m.top {
			m.advance(l)
		}
		// The masks stand for branches, which mixed data would mispredict.
		normal := uint64(-exponent >> 63)
		b &= normal // below smallestNormal: 0
		d := whole(b) << (exponent & (1<<levelBits - 1))
		d &= normal & uint64((m.top-l-levelCount)>>63) // too small: 0
		sign := int64(b) >> 63
		signed := (int64(d) ^ sign) - sign
		at := &m.levels[l%levelCount]
		var carry uint64
		at.sumLow, carry = bits.Add64(at.sumLow, uint64(signed), 0)
		at.sumHigh += uint64(signed>>63) + carry
		squareHigh, squareLow := bits.Mul64(d, d)
		at.squareLow, carry = bits.Add64(at.squareLow, squareLow, 0)
		at.squareHigh += squareHigh + carry

		key := order(b) >> shift
		if at := &slots[key*hashFactor>>log&mask]; at.key == key && at.count > 0 {
			at.count++
		} else {
			s.add(key, 1)
			shift = s.shift & 63
		}
	}
	n.min, n.max = low, high
	n.finite += int64(len(values)) - other
}

// countValues counts values one by one as long as they all fit in the sketch, and
// returns the rest.
func (n *number) countValues(values []float64) (rest []float64) {
	low, high := n.min, n.max
	s := &n.sketch
	slots, mask := s.slots, uint64(len(s.slots)-1)
	other := int64(0)
	for i, v := range values {
		b := math.Float64bits(v)
		exponent := int(b >> 52 & 0x7ff)
		if exponent == 0x7ff {
			other++
			n.addOther(v)
			continue
		}
		b &^= uint64((exponent - 1) >> 63) // below smallestNormal: 0
		key := order(b)
		if at := &slots[home(key, s.log)&mask]; at.key != key || at.count == 0 {
			if s.used == s.limit() {
				n.sum()
				values, rest = values[:i], values[i:]
				break
			}
			s.add(key, 1)
		} else {
			at.count++
		}
		if v < low {
			low = v
		}
		if v > high {
			high = v
		}
	}
	n.min, n.max = low, high
	n.finite += int64(len(values)) - other
	return rest
}

// sum adds the values of the sketch, each of which has its own bucket, to the
// moments.
func (n *number) sum() {
	if !n.summed {
		n.summed = true
		n.moments.addCounted(&n.sketch)
	}
}

// addOther counts what is not finite.
func (n *number) addOther(v float64) {
	switch {
	case v > 0:
		n.above++
	case v < 0:
		n.below++
	default:
		n.missing++
	}
}

// compare counts values against what the model knows.
func (n *number) compare(values []float64) {
	k := n.known
	for _, v := range values {
		if v != v {
			continue
		}
		if v < k.min {
			n.counted.tooLow++
		} else if v > k.max {
			n.counted.tooHigh++
		}
		if n.counted.bins != nil {
			bin, found := slices.BinarySearch(k.inner, v)
			if found {
				n.counted.ties[bin]++
				bin++ // an edge belongs to the bin above it
			}
			n.counted.bins[bin]++
		}
		if k.categories != nil {
			if k.narrow {
				v = float64(float32(v))
			}
			if _, found := slices.BinarySearch(k.categories, v); !found {
				n.counted.unknown++
			}
		}
	}
}

func (n *number) merge(other column) {
	o := other.(*number)
	n.finite += o.finite
	n.missing += o.missing
	n.above += o.above
	n.below += o.below
	n.min, n.max = min(n.min, o.min), max(n.max, o.max)
	n.sum()
	if o.summed {
		n.moments.merge(&o.moments)
	} else {
		n.moments.addCounted(&o.sketch)
	}
	n.sketch.merge(&o.sketch)
	n.counted.tooLow += o.counted.tooLow
	n.counted.tooHigh += o.counted.tooHigh
	n.counted.unknown += o.counted.unknown
	for i, c := range o.counted.bins {
		n.counted.bins[i] += c
	}
	for i, c := range o.counted.ties {
		n.counted.ties[i] += c
	}
}

// meanAndDeviation are those of the finite values.
func (n *number) meanAndDeviation() (mean, sd float64) {
	n.sum()
	return n.moments.meanAndDeviation(n.finite)
}
