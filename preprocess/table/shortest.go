package table

import (
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
	even := c&1 == 0
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
	h := q + (-k*1741647)>>19 + 1

	p := powers[-k-minPower]
	if !p.exact { // round the power up
		var carry uint64
		p.lo, carry = bits.Add64(p.lo, 1, 0)
		p.hi += carry
	}
	lower := roundToOdd(&p, left<<h)
	middle := roundToOdd(&p, 4*c<<h)
	upper := roundToOdd(&p, (4*c+2)<<h)
	if !even {
		lower++
		upper--
	}

	s := middle / 4
	if s >= 10 {
		// One digit less, if exactly one such number is inside.
		t := s / 10
		under, over := lower <= 40*t, 40*t+40 <= upper
		if under != over {
			if over {
				t++
			}
			return t, k + 1
		}
	}
	under, over := lower <= 4*s, 4*s+4 <= upper
	if under != over {
		if over {
			s++
		}
		return s, k
	}
	if half := 4*s + 2; middle > half || middle == half && s&1 == 1 {
		s++
	}
	return s, k
}

// roundToOdd is ⌊p·v/2^128⌋ with the last bit set if anything was cut off.
func roundToOdd(p *power, v uint64) uint64 {
	low, _ := bits.Mul64(p.lo, v)
	high, middle := bits.Mul64(p.hi, v)
	middle, carry := bits.Add64(middle, low, 0)
	high += carry
	if middle > 1 {
		high |= 1
	}
	return high
}

// trimZeros drops the zeros at the end of digits.
func trimZeros(digits uint64, exponent int) (uint64, int) {
	if digits%10 != 0 {
		return digits, exponent
	}
	if digits%1e8 == 0 {
		digits, exponent = digits/1e8, exponent+8
	}
	if digits%1e4 == 0 {
		digits, exponent = digits/1e4, exponent+4
	}
	if digits%100 == 0 {
		digits, exponent = digits/100, exponent+2
	}
	for digits%10 == 0 {
		digits, exponent = digits/10, exponent+1
	}
	return digits, exponent
}

const pairs = "00010203040506070809" +
	"10111213141516171819" +
	"20212223242526272829" +
	"30313233343536373839" +
	"40414243444546474849" +
	"50515253545556575859" +
	"60616263646566676869" +
	"70717273747576777879" +
	"80818283848586878889" +
	"90919293949596979899"

// writeDigits writes the last len(b) digits of v.
func writeDigits(b []byte, v uint64) {
	i := len(b)
	for i >= 2 {
		d := v % 100 * 2
		v /= 100
		i -= 2
		b[i], b[i+1] = pairs[d], pairs[d+1]
	}
	if i == 1 {
		b[0] = '0' + byte(v%10)
	}
}

// countDigits is the number of decimal digits of v, at least 1.
func countDigits(v uint64) int {
	// 1233/2^12 is log10(2).
	n := bits.Len64(v|1) * 1233 >> 12
	if n < len(tens) && v >= tens[n] {
		n++
	}
	return max(n, 1)
}

var tens = [...]uint64{
	1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
}

// appendShortest appends a finite number that is not 0 as Python's repr does.
func appendShortest(dst []byte, f float64) []byte {
	if f < 0 {
		dst = append(dst, '-')
		f = -f
	}
	digits, exponent := trimZeros(shortest(f))
	n := countDigits(digits)
	point := n + exponent // digits before the decimal point

	var buf [32]byte
	switch {
	case point > 16 || point < -3: // d.ddde+XX
		writeDigits(buf[1:n+1], digits)
		buf[0] = buf[1]
		buf[1] = '.'
		end := n + 1
		if n == 1 {
			end = 1
		}
		sign, e := byte('+'), point-1
		if e < 0 {
			sign, e = '-', -e
		}
		buf[end], buf[end+1] = 'e', sign
		end += 2
		width := max(countDigits(uint64(e)), 2)
		writeDigits(buf[end:end+width], uint64(e))
		return append(dst, buf[:end+width]...)
	case point <= 0: // 0.000ddd
		copy(buf[:], "0.000")
		writeDigits(buf[2-point:2-point+n], digits)
		return append(dst, buf[:2-point+n]...)
	case point < n: // ddd.ddd
		writeDigits(buf[1:n+1], digits)
		copy(buf[:point], buf[1:])
		buf[point] = '.' //nolint:gosec // fewer than 17 digits
		return append(dst, buf[:n+1]...)
	}
	// ddd000.0
	writeDigits(buf[:n], digits)
	for i := n; i < point; i++ {
		buf[i] = '0'
	}
	buf[point], buf[point+1] = '.', '0' //nolint:gosec // 16 at most
	return append(dst, buf[:point+2]...)
}
