package report

import (
	"math"
	"math/big"
	"math/bits"
)

// moments sums values and their squares without rounding errors that depend on
// the order: in integers, so that the same values give the same mean and
// standard deviation however they were split into partials.
//
// A value counts in the level of its exponent, 4 powers of two wide, as a whole
// number of 48 bits: its relative rounding, to the nearest, is at most 2^-44.
// Only the 16 levels up to the largest value are kept: what is 2^60 times smaller
// than the largest value counts as 0. Sums of squares stay below 2^128 up to
// 2^32 values.
type moments struct {
	top    int // level of the largest value
	levels [levelCount]level
}

type level struct {
	sumHigh, sumLow       uint64 // two's complement
	squareHigh, squareLow uint64
}

const (
	levelCount = 16
	levelBits  = 2 // a level is 2^levelBits exponents wide
	// levelUnit: a value counts as value / 2^(level<<levelBits - levelUnit).
	levelUnit = 1075 - droppedBits
	// droppedBits of the 53 of a mantissa are rounded away.
	droppedBits = 9
)

// whole is a value without its exponent, from the bits of a normal number.
func whole(b uint64) uint64 {
	return (b&(1<<52-1) | 1<<52 + 1<<(droppedBits-1)) >> droppedBits
}

// addCounted adds the values of a sketch at shift 0, each as often as it was
// counted.
func (m *moments) addCounted(s *sketch) {
	for _, at := range s.slots {
		if at.count == 0 {
			continue
		}
		b := math.Float64bits(value(at.key))
		exponent := int(b >> 52 & 0x7ff)
		l := exponent >> levelBits
		if l > m.top {
			m.advance(l)
		}
		if exponent == 0 || l <= m.top-levelCount {
			continue // counts as 0
		}
		d, n := whole(b)<<(exponent&(1<<levelBits-1)), uint64(at.count)
		to := &m.levels[l%levelCount]
		squareHigh, squareLow := bits.Mul64(d, d)
		high, low := bits.Mul64(squareLow, n)
		var carry uint64
		to.squareLow, carry = bits.Add64(to.squareLow, low, 0)
		to.squareHigh += squareHigh*n + high + carry

		high, low = bits.Mul64(d, n)
		if b>>63 == 0 {
			to.sumLow, carry = bits.Add64(to.sumLow, low, 0)
			to.sumHigh, _ = bits.Add64(to.sumHigh, high, carry)
		} else {
			to.sumLow, carry = bits.Sub64(to.sumLow, low, 0)
			to.sumHigh, _ = bits.Sub64(to.sumHigh, high, carry)
		}
	}
}

// advance makes room for a level above the top.
func (m *moments) advance(top int) {
	for l := m.top + 1; l <= top && l <= m.top+levelCount; l++ {
		m.levels[l%levelCount] = level{}
	}
	m.top = top
}

func (m *moments) merge(o *moments) {
	if o.top > m.top {
		m.advance(o.top)
	}
	for l := max(o.top-levelCount+1, m.top-levelCount+1, 0); l <= o.top; l++ {
		to, from := &m.levels[l%levelCount], &o.levels[l%levelCount]
		var carry uint64
		to.sumLow, carry = bits.Add64(to.sumLow, from.sumLow, 0)
		to.sumHigh, _ = bits.Add64(to.sumHigh, from.sumHigh, carry)
		to.squareLow, carry = bits.Add64(to.squareLow, from.squareLow, 0)
		to.squareHigh, _ = bits.Add64(to.squareHigh, from.squareHigh, carry)
	}
}

// meanAndDeviation of n values; the standard deviation is that of the values as
// they are (divided by n), as scikit-learn's scalers have it.
func (m *moments) meanAndDeviation(n int64) (mean, sd float64) {
	if n == 0 {
		return math.NaN(), math.NaN()
	}
	lowest := max(m.top-levelCount+1, 0)
	sum, squares := new(big.Int), new(big.Int)
	for l := lowest; l <= m.top; l++ {
		at := m.levels[l%levelCount]
		s := new(big.Int).Lsh(big.NewInt(int64(at.sumHigh)), 64)
		s.Add(s, new(big.Int).SetUint64(at.sumLow))
		sum.Add(sum, s.Lsh(s, uint((l-lowest)<<levelBits)))
		q := new(big.Int).Lsh(new(big.Int).SetUint64(at.squareHigh), 64)
		q.Add(q, new(big.Int).SetUint64(at.squareLow))
		squares.Add(squares, q.Lsh(q, uint(2*(l-lowest)<<levelBits)))
	}
	// mean = sum/n, variance = (n*squares - sum^2) / n^2, in units of 2^unit.
	unit := lowest<<levelBits - levelUnit
	mean = scaled(ratioOf(sum, big.NewInt(n)), unit)
	squares.Mul(squares, big.NewInt(n))
	squares.Sub(squares, new(big.Int).Mul(sum, sum))
	if squares.Sign() < 0 { // of no values, but it may have been read
		squares.SetInt64(0)
	}
	sd = scaled(new(big.Float).Quo(new(big.Float).Sqrt(new(big.Float).SetPrec(precision).SetInt(squares)), big.NewFloat(float64(n))), unit)
	return mean, sd
}

const precision = 128 // bits of intermediate results

func ratioOf(a, b *big.Int) *big.Float {
	return new(big.Float).SetPrec(precision).SetRat(new(big.Rat).SetFrac(a, b))
}

// scaled is f * 2^exponent.
func scaled(f *big.Float, exponent int) float64 {
	v, _ := new(big.Float).SetMantExp(f, exponent).Float64()
	return v
}
