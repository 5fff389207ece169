package model

import "math"

// pow is x to the power y, correctly rounded in all but about one of ten
// thousand cases, where it may be off by one unit in the last place. math.Pow is
// off more often; numpy's is nearly always right, and (x^y - 1)/y, which power
// transforms calculate, magnifies the last bit where x is near 1.
//
// For positive finite x it is exp(y log x), both in pairs of doubles (Dekker
// 1971), each reduced by a table (Tang 1989, 1990). The rest is math.Pow's.
func pow(x, y float64) float64 {
	if !(x >= 0x1p-1022 && x <= math.MaxFloat64) || !(math.Abs(y) <= 0x1p64) || x == 1 || y == 0 {
		return math.Pow(x, y)
	}
	l := logPair(x)
	p := times(l, y)
	// Where the result nears the limits of a double, its rounding is special.
	if !(p.hi > -700 && p.hi < 700) {
		return math.Pow(x, y)
	}
	return expPair(p)
}

// pair is the unevaluated sum hi + lo, with |lo| at most half a unit in the last
// place of hi: about 106 bits.
type pair struct{ hi, lo float64 }

// fastSum is a + b exactly, for |a| >= |b| or a == 0.
func fastSum(a, b float64) pair {
	s := a + b
	return pair{s, b - (s - a)}
}

// sum is a + b exactly.
func sum(a, b float64) pair {
	s := a + b
	t := s - a
	return pair{s, (a - (s - t)) + (b - t)}
}

func plus(a, b pair) pair {
	s := sum(a.hi, b.hi)
	return fastSum(s.hi, s.lo+(a.lo+b.lo))
}

// exactProduct is a * b exactly.
func exactProduct(a, b float64) pair {
	p := a * b
	return pair{p, math.FMA(a, b, -p)}
}

func times(a pair, b float64) pair {
	p := exactProduct(a.hi, b)
	return fastSum(p.hi, math.FMA(a.lo, b, p.lo))
}

func multiply(a, b pair) pair {
	p := exactProduct(a.hi, b.hi)
	return fastSum(p.hi, p.lo+math.FMA(a.hi, b.lo, float64(a.lo*b.hi)))
}

const (
	logBits = 7
	expBits = 6
)

// ln2 is the natural logarithm of 2.
var ln2 = pair{math.Ln2, 2.3190468138462996e-17}

// logTable holds, for the middle of each 1/128 of [1, 2), a double near its
// reciprocal and minus the logarithm of that double.
var logTable = makeLogTable()

type logEntry struct {
	inverse float64
	log     pair
}

func makeLogTable() (table [1 << logBits]logEntry) {
	for i := range table {
		middle := 1 + (float64(i)+0.5)/(1<<logBits)
		// With few bits its product with a mantissa is exact in a pair, and the
		// upper half of the octave counts down to 0 at x = 1 from below.
		inverse := float64(float32(1 / middle))
		table[i] = logEntry{inverse, negative(slowLog(inverse))}
	}
	// Near 1 the reciprocal is 1, so that the logarithm keeps its relative precision.
	table[0] = logEntry{inverse: 1}
	table[len(table)-1] = logEntry{0.5, ln2}
	return table
}

func negative(a pair) pair { return pair{-a.hi, -a.lo} }

// slowLog is log x for x in [0.5, 1], by 2 atanh((x-1)/(x+1)).
func slowLog(x float64) pair {
	above, below := sum(x, -1), sum(x, 1)
	s := divide(above, below)
	square := multiply(s, s)
	total := pair{}
	for k := 81; k >= 1; k -= 2 {
		total = plus(multiply(total, square), divide(pair{1, 0}, pair{float64(k), 0}))
	}
	total = multiply(total, s)
	return pair{2 * total.hi, 2 * total.lo}
}

func divide(a, b pair) pair {
	q := a.hi / b.hi
	r := plus(a, negative(times(b, q)))
	q2 := r.hi / b.hi
	r = plus(r, negative(times(b, q2)))
	return plus(fastSum(q, q2), pair{r.hi / b.hi, 0})
}

// logPair is log x for a positive normal x, with a relative error below 2^-80.
func logPair(x float64) pair {
	bits := math.Float64bits(x)
	exponent := int(bits>>52) - 1023
	mantissa := math.Float64frombits(bits&(1<<52-1) | 1023<<52)
	entry := &logTable[bits>>(52-logBits)&(1<<logBits-1)]

	// mantissa*inverse is 1 + r, |r| below 2^-7.
	p := exactProduct(mantissa, entry.inverse)
	r := fastSum(p.hi-1, p.lo)

	// log(1+r) = r - r^2/2 + r^3/3 - ..., from r^5 on in one double.
	h := r.hi
	tail := h * h * h * h * h * (1.0/5 - h*(1.0/6-h*(1.0/7-h*(1.0/8-h*(1.0/9-h*(1.0/10-h*(1.0/11-h*(1.0/12-h/13))))))))
	l := plus(third, times(r, -0.25))
	l = plus(pair{-0.5, 0}, multiply(l, r))
	l = multiply(multiply(l, r), r)
	l = plus(plus(l, pair{tail, 0}), r)

	e := float64(exponent)
	base := plus(entry.log, times(ln2, e))
	if entry.inverse == 0.5 && exponent == -1 {
		base = pair{} // x is just below 1: ln2 - ln2, exactly
	}
	return plus(base, l)
}

var third = pair{1.0 / 3, 1.850371707708594e-17}

// expTable holds 2^(i/64).
var expTable = makeExpTable()

func makeExpTable() (table [1 << expBits]pair) {
	table[0] = pair{1, 0}
	// Each entry by its series, not from the one before: errors do not add up.
	for i := 1; i < len(table); i++ {
		x := times(ln2, float64(i)/(1<<expBits))
		total := pair{1, 0}
		for k := 40; k >= 1; k-- {
			total = plus(pair{1, 0}, divide(multiply(total, x), pair{float64(k), 0}))
		}
		table[i] = total
	}
	return table
}

// ln2Short is ln2/64 with so few bits that its multiples below 2^17 are exact;
// ln2Rest is what it lacks.
var ln2Short, ln2Rest = splitLn2()

func splitLn2() (float64, pair) {
	step := pair{ln2.hi / (1 << expBits), ln2.lo / (1 << expBits)}
	short := math.Float64frombits(math.Float64bits(step.hi) &^ (1<<20 - 1))
	return short, plus(step, pair{-short, 0})
}

// expPair is e^x rounded to a double, for |x| < 700.
func expPair(x pair) float64 {
	k := math.RoundToEven(x.hi * ((1 << expBits) / math.Ln2))
	r := plus(sum(x.hi, -k*ln2Short), pair{x.lo, 0})
	r = plus(r, negative(times(ln2Rest, k)))

	// e^r - 1 = r + r^2/2 + r^3/6 + ..., from r^4 on in one double; |r| < 0.0055.
	h := r.hi
	tail := h * h * h * h * (1.0/24 + h*(1.0/120+h*(1.0/720+h*(1.0/5040+h/40320))))
	e := plus(pair{0.5, 0}, multiply(sixth, r))
	e = multiply(multiply(e, r), r)
	e = plus(plus(e, pair{tail, 0}), r)

	n := int(k)
	entry := expTable[n&(1<<expBits-1)]
	result := plus(entry, multiply(entry, e))
	return math.Ldexp(result.hi, n>>expBits)
}

var sixth = pair{1.0 / 6, 9.25185853854297e-18}
