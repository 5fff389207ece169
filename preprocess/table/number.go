package table

import (
	"bytes"
	"math"
	"strconv"
)

// ParseFloat reads a decimal number exactly (to the nearest float64, ties to
// even), as pandas.read_csv(float_precision="round_trip") and Python's float()
// do: an optional sign, digits with an optional point, an optional exponent, or
// inf, infinity and nan in any case. Blanks around it are ignored. Too large a
// number is infinite. Hexadecimal digits and underscores are refused.
func ParseFloat(b []byte) (float64, bool) {
	i, n := 0, len(b)
	neg := false
	if n > 0 && (b[0] == '-' || b[0] == '+') {
		neg = b[0] == '-'
		i = 1
	}
	// Up to 19 digits fit in 64 bits.
	var mant uint64
	start := i
	for i < n && b[i]-'0' <= 9 {
		mant = mant*10 + uint64(b[i]-'0')
		i++
	}
	digits, frac := i-start, 0
	if i < n && b[i] == '.' {
		i++
		start = i
		for i < n && b[i]-'0' <= 9 {
			mant = mant*10 + uint64(b[i]-'0')
			i++
		}
		frac = i - start
		digits += frac
	}
	exponent := -frac
	if i+1 < n && b[i]|0x20 == 'e' {
		i++
		minus := b[i] == '-'
		if minus || b[i] == '+' {
			i++
		}
		e := 0
		start = i
		for i < n && b[i]-'0' <= 9 && e < 10_000 {
			e = e*10 + int(b[i]-'0')
			i++
		}
		if i == start {
			return 0, false
		}
		if minus {
			e = -e
		}
		exponent += e
	}
	if i < n || digits == 0 || digits > 19 {
		return parseFloatSlow(b)
	}
	var f float64
	if mant <= 1<<53 && exponent <= 0 && exponent > -len(pow10) {
		// Both operands are exact, so the quotient is rounded once (Clinger).
		f = float64(mant) / pow10[-exponent]
	} else if v, ok := nearest(mant, exponent); ok {
		f = v
	} else {
		return parseFloatSlow(b)
	}
	if neg {
		f = -f
	}
	return f, true
}

// pow10 holds the powers of ten that a float64 holds exactly.
var pow10 = [...]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

func parseFloatSlow(b []byte) (float64, bool) {
	b = trimBlanks(b)
	if !isDecimal(b) {
		return specialFloat(b)
	}
	f, err := strconv.ParseFloat(string(b), 64)
	if err != nil && !math.IsInf(f, 0) {
		return 0, false
	}
	return f, true
}

// isDecimal tells whether b is [+-] digits [. digits] [e [+-] digits], with a
// digit before or after the point.
func isDecimal(b []byte) bool {
	i, n := 0, len(b)
	if i < n && (b[i] == '-' || b[i] == '+') {
		i++
	}
	digits := 0
	for ; i < n && b[i]-'0' <= 9; i++ {
		digits++
	}
	if i < n && b[i] == '.' {
		for i++; i < n && b[i]-'0' <= 9; i++ {
			digits++
		}
	}
	if digits == 0 {
		return false
	}
	if i < n && b[i]|0x20 == 'e' {
		i++
		if i < n && (b[i] == '-' || b[i] == '+') {
			i++
		}
		if i == n {
			return false
		}
		for i < n && b[i]-'0' <= 9 {
			i++
		}
	}
	return i == n
}

func specialFloat(b []byte) (float64, bool) {
	sign := 1
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		if b[0] == '-' {
			sign = -1
		}
		b = b[1:]
	}
	switch {
	case equalFold(b, "nan"):
		return math.NaN(), true
	case equalFold(b, "inf"), equalFold(b, "infinity"):
		return math.Inf(sign), true
	}
	return 0, false
}

// parseInt reads a decimal integer with an optional sign; blanks around it are
// ignored. big tells that it is an integer that does not fit in 64 bits.
func parseInt(b []byte) (v int64, ok, big bool) {
	b = trimBlanks(b)
	i, neg := 0, false
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		neg = b[0] == '-'
		i = 1
	}
	if i == len(b) {
		return 0, false, false
	}
	var u uint64
	for ; i < len(b); i++ {
		d := b[i] - '0'
		if d > 9 {
			return 0, false, false
		}
		if big || u > (math.MaxUint64-9)/10 {
			big = true
			continue
		}
		u = u*10 + uint64(d)
	}
	switch {
	case big, !neg && u > math.MaxInt64, neg && u > 1<<63:
		return 0, false, true
	case neg:
		return -int64(u), true, false
	}
	return int64(u), true, false
}

// parseBool reads true or false in any case.
func parseBool(b []byte) (v int64, ok bool) {
	switch {
	case equalFold(b, "true"):
		return 1, true
	case equalFold(b, "false"):
		return 0, true
	}
	return 0, false
}

// trimBlanks drops the blanks of C's isspace at both ends.
func trimBlanks(b []byte) []byte {
	for len(b) > 0 && isBlank(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && isBlank(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

func isBlank(c byte) bool { return c == ' ' || c-'\t' <= '\r'-'\t' }

// equalFold compares with an ASCII word in lower case.
func equalFold(b []byte, word string) bool {
	if len(b) != len(word) {
		return false
	}
	for i := range b {
		if b[i]|0x20 != word[i] {
			return false
		}
	}
	return true
}

// AppendFloat appends f as Python's repr writes a float: the shortest text that
// reads back as f, with ".0" or an exponent of at least two digits from 1e16 on
// and below 1e-4. NaN is "nan".
func AppendFloat(dst []byte, f float64) []byte { return appendRepr(dst, f, 64) }

// AppendFloat32 appends f, which must be a float32, as numpy's str writes it.
func AppendFloat32(dst []byte, f float64) []byte { return appendRepr(dst, f, 32) }

func appendRepr(dst []byte, f float64, bits int) []byte {
	abs := math.Abs(f)
	switch {
	case abs < 1e15 && f == math.Trunc(f) && (bits == 64 || abs < 1<<24):
		if f == 0 {
			if math.Signbit(f) {
				dst = append(dst, '-')
			}
			return append(dst, "0.0"...)
		}
		dst = strconv.AppendInt(dst, int64(f), 10)
		return append(dst, ".0"...)
	case f != f:
		return append(dst, "nan"...)
	case abs > math.MaxFloat64:
		if f < 0 {
			dst = append(dst, '-')
		}
		return append(dst, "inf"...)
	case bits == 64:
		return appendShortest(dst, f)
	case abs >= 1e16 || abs < 1e-4:
		return strconv.AppendFloat(dst, f, 'e', -1, bits)
	}
	start := len(dst)
	dst = strconv.AppendFloat(dst, f, 'f', -1, bits)
	if bytes.IndexByte(dst[start:], '.') < 0 {
		dst = append(dst, ".0"...)
	}
	return dst
}
