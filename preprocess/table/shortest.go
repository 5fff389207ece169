package table

import (
	"encoding/binary"
	"math"
	"math/big"
	"math/bits"
)

// Powers of ten from 1e-348 to 1e347 as 128-bit numbers, truncated, whose top
// bit is set:
//
//	10^e ≈ (hi·2^64 + lo) · 2^(⌊log2 10^e⌋ - 127)
const (
	minPower = -348
	maxPower = 347
)

type power struct {
	hi, lo uint64
	exact  bool // nothing was cut off
}

var powers = makePowers()

func makePowers() *[maxPower - minPower + 1]power {
	var table [maxPower - minPower + 1]power
	mask := new(big.Int).SetUint64(math.MaxUint64)
	split := func(p *power, v *big.Int) {
		p.lo = new(big.Int).And(v, mask).Uint64()
		p.hi = new(big.Int).Rsh(v, 64).Uint64()
	}
	value := big.NewInt(1)
	ten := big.NewInt(10)
	for e := 0; e <= -minPower; e++ {
		length := value.BitLen()
		if e <= maxPower {
			p := &table[e-minPower] //nolint:gosec // the limits of the loop keep it inside
			cut := new(big.Int)
			if length <= 128 {
				cut.Lsh(value, uint(128-length))
				p.exact = true
			} else {
				cut.Rsh(value, uint(length-128))
			}
			split(p, cut)
		}
		if e > 0 {
			// 2^(length+127) / 10^e has 128 bits, as 10^e is no power of two.
			quotient := new(big.Int).Lsh(big.NewInt(1), uint(length+127))
			split(&table[-e-minPower], quotient.Quo(quotient, value))
		}
		value.Mul(value, ten)
	}
	return &table
}

// nearest returns the float64 nearest to mantissa·10^exponent, or false in the
// rare cases that need more than 128 bits, are subnormal or overflow. The
// method is Eisel and Lemire's: D. Lemire, Number parsing at a gigabyte per
// second, Software: Practice and Experience 51 (2021).
func nearest(mantissa uint64, exponent int) (float64, bool) {
	if mantissa == 0 {
		return 0, true
	}
	if exponent < minPower || exponent > maxPower {
		return 0, false
	}
	p := &powers[exponent-minPower]
	zeros := bits.LeadingZeros64(mantissa)
	mantissa <<= zeros
	// 217706/2^16 is log2(10), to as many digits as the range needs.
	binary := (217706*exponent)>>16 + 64 + 1023 - zeros

	hi, lo := bits.Mul64(mantissa, p.hi)
	if hi&0x1ff == 0x1ff && lo+mantissa < lo {
		// What was cut off the power could carry into the bits that count.
		hi2, lo2 := bits.Mul64(mantissa, p.lo)
		var carry uint64
		lo, carry = bits.Add64(lo, hi2, 0)
		hi += carry
		if hi&0x1ff == 0x1ff && lo == math.MaxUint64 && lo2+mantissa < lo2 {
			return 0, false
		}
	}
	top := hi >> 63
	result := hi >> (top + 9) // 54 bits
	binary -= int(1 ^ top)
	if lo == 0 && hi&0x1ff == 0 && result&3 == 1 {
		return 0, false // perhaps half-way between two
	}
	result = (result + result&1) >> 1
	if result>>53 != 0 {
		result >>= 1
		binary++
	}
	if binary < 1 || binary >= 0x7ff {
		return 0, false
	}
	return math.Float64frombits(uint64(binary)<<52 | result&(1<<52-1)), true
}

// shortest returns the decimal digits·10^exponent with the fewest digits that
// reads back as f, a finite number above 0; among those the one nearest to f. The
// digits may end in zeros. The method is Schubfach: R. Giulietti, The Schubfach
// way to render doubles, 2020.
func shortest(f float64) (digits uint64, exponent int) {
	word := math.Float64bits(f)
	fraction := word & (1<<52 - 1)
	biased := int(word >> 52)

	// f = c·2^q
	c, q := fraction, -1074
	if biased != 0 {
		c, q = fraction|1<<52, biased-1075
	}
	// The interval of the numbers that round to f, in quarters of an ulp.
	left := 4*c - 2
	closer := 0
	if fraction == 0 && biased > 1 {
		left++ // the number below is only half as far away
		closer = 524031
	}
	// k = ⌊log10 2^q⌋, or of 3/4·2^q.
	k := (q*1262611 - closer) >> 22
	// h = q + ⌊log2 10^-k⌋ + 1
	h := uint(q+(-k*1741647)>>19+1) & 63 // a few

	p := powers[-k-minPower]
	if !p.exact { // round the power up
		var carry uint64
		p.lo, carry = bits.Add64(p.lo, 1, 0)
		p.hi += carry
	}
	lower := roundToOdd(p.hi, p.lo, left<<h)
	middle := roundToOdd(p.hi, p.lo, 4*c<<h)
	upper := roundToOdd(p.hi, p.lo, (4*c+2)<<h)
	odd := c & 1
	lower += odd
	upper -= odd

	// Which of the neighbors it is, is a matter of chance that no processor
	// foresees: there are no jumps.
	s := middle / 4
	up := (middle&3 + s&1 + 1) >> 2 // half goes to even
	_, tooLow := bits.Sub64(4*s, lower, 0)
	_, tooHigh := bits.Sub64(upper, 4*s+4, 0)
	if tooLow != tooHigh { // exactly one of the two is inside
		up = tooLow
	}
	best := s + up
	if s >= 10 {
		// One digit less, if exactly one such number is inside.
		t := s / 10 * 10
		_, tooLow := bits.Sub64(4*t, lower, 0)
		_, tooHigh := bits.Sub64(upper, 4*t+40, 0)
		t += 10 * tooLow
		if tooLow != tooHigh {
			best = t
		}
	}
	return best, k
}

// roundToOdd is ⌊(hi·2^64 + lo)·v/2^128⌋ with the last bit set if anything was
// cut off.
func roundToOdd(hi, lo, v uint64) uint64 {
	low, _ := bits.Mul64(lo, v)
	high, middle := bits.Mul64(hi, v)
	middle, carry := bits.Add64(middle, low, 0)
	high += carry
	_, rest := bits.Sub64(1, middle, 0)
	return high | rest
}

// room makes sure that n more bytes fit.
func room(dst []byte, n int) []byte {
	if cap(dst)-len(dst) < n {
		dst = append(dst, make([]byte, n)...)[:len(dst)]
	}
	return dst
}

// eightDigits has the decimal digits of v < 1e8 as bytes from 0 to 9, the first
// one lowest, zeros in front included. It divides by 10^4, 100 and 10 in
// 1, 2 and 4 lanes at once.
func eightDigits(v uint64) uint64 {
	x := v/1e4 | v%1e4<<32
	q := x * 10486 >> 20 & 0x7f0000007f // x/100: 10486/2^20 is close enough below 10^4
	x = q | (x-100*q)<<16
	q = x * 103 >> 10 & 0xf000f000f000f // x/10: 103/2^10 is close enough below 100
	return q | (x-10*q)<<8
}

// maxShortest is how many bytes appendShortest needs, those included that it
// writes and does not keep.
const maxShortest = 32

// appendShortest appends a finite number that is not 0 as Python's repr does.
func appendShortest(dst []byte, f float64) []byte {
	dst = room(dst, maxShortest)
	length := len(dst)
	sign := int(math.Float64bits(f) >> 63)
	dst = dst[:length+sign+maxShortest-1]
	dst[length] = '-' // overwritten if f is above 0
	b := (*[maxShortest - 1]byte)(dst[length+sign:])

	digits, exponent := shortest(math.Abs(f))
	point := 17 + exponent // digits before the decimal point
	if more := digits * 10; digits < 1e16 {
		digits = more
		point--
	}
	for digits < 1e16 {
		digits *= 10
		point--
	}

	// 17 digits, those at the end being zeros: one, eight and eight.
	const ascii = 0x3030303030303030
	first := byte('0' + digits/1e16)
	middle, last := eightDigits(digits%1e16/1e8), eightDigits(digits%1e8)
	n := 17 - bits.LeadingZeros64(last)/8 // those that count
	if last == 0 {
		n = 9 - bits.LeadingZeros64(middle)/8
	}
	middle, last = middle|ascii, last|ascii

	put := func(at int, eight uint64) { binary.LittleEndian.PutUint64(b[at:at+8], eight) }
	end := 0
	switch {
	case point > 16 || point < -3: // d.ddde+XX
		b[0], b[1] = first, '.'
		put(2, middle)
		put(10, last)
		if end = n + 1; n == 1 {
			end = 1
		}
		mark, e := byte('+'), point-1
		if e < 0 {
			mark, e = '-', -e
		}
		b[end], b[end+1] = 'e', mark
		end += 2
		if e >= 100 {
			b[end] = '0' + byte(e/100)
			end++
		}
		b[end], b[end+1] = '0'+byte(e/10%10), '0'+byte(e%10)
		end += 2
	case point <= 0: // 0.000ddd
		put(0, 0x3030303030302e30) // 0.000000
		b[2-point] = first
		put(3-point, middle)
		put(11-point, last)
		end = 2 - point + n
	default: // ddd.ddd, ddd000.0
		b[0] = first
		put(1, middle)
		put(9, last)
		// What comes after the point is put there anew.
		shift := 8 * uint(point-1)
		if point > 8 {
			middle, last, shift = last, ascii, shift-64
		}
		b[point] = '.'
		put(point+1, middle>>shift|last<<(64-shift))
		if point <= 8 {
			put(point+9, last>>shift)
		}
		end = max(n, point+1) + 1
	}
	return dst[:length+sign+end]
}
