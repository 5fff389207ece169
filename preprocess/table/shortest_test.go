package table

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
)

// randomFloats are of every size and shape: any bits, few digits, near powers
// of two and ten.
func randomFloats(n int, each func(f float64)) {
	r := rand.New(rand.NewPCG(1, 2))
	for range n {
		each(math.Float64frombits(r.Uint64() &^ (1 << 63)))
		each(float64(r.IntN(1e9)) / tensOf[r.IntN(len(tensOf))])
		each(math.Abs(r.NormFloat64()))
		each(math.Ldexp(1, r.IntN(2098)-1074) * (1 + float64(r.IntN(3)-1)*0x1p-52))
		each(math.Float64frombits(r.Uint64() >> 12)) // subnormal
	}
	for e := -324; e < 309; e++ {
		f, _ := strconv.ParseFloat("1e"+strconv.Itoa(e), 64)
		each(f)
		each(math.Nextafter(f, 0))
		each(math.Nextafter(f, math.Inf(1)))
	}
}

var tensOf = []float64{1, 10, 100, 1e3, 1e4, 1e6, 1e9, 1e12}

func TestShortest_equalsStrconv(t *testing.T) {
	n := 40_000
	if testing.Short() {
		n = 5_000
	}
	var got, want []byte
	randomFloats(n, func(f float64) {
		if f == 0 || math.IsInf(f, 0) || f != f {
			return
		}
		digits, exponent := shortest(f)
		for digits%10 == 0 {
			digits, exponent = digits/10, exponent+1
		}
		got = strconv.AppendUint(got[:0], digits, 10)
		want = strconv.AppendFloat(want[:0], f, 'e', -1, 64)
		mantissa := string(want[:1])
		e := len(want) - 1
		for want[e] != 'e' {
			e--
		}
		if e > 1 {
			mantissa += string(want[2:e])
		}
		wantExponent, _ := strconv.Atoi(string(want[e+1:]))
		if string(got) != mantissa || exponent != wantExponent-len(mantissa)+1 {
			t.Fatalf("%x: %s·10^%d, strconv has %s", math.Float64bits(f), got, exponent, want)
		}
	})
}

func TestParseFloat_readsBackEveryText(t *testing.T) {
	n := 20_000
	if testing.Short() {
		n = 5_000
	}
	r := rand.New(rand.NewPCG(3, 4))
	var text []byte
	randomFloats(n, func(f float64) {
		if f != f {
			return
		}
		for _, precision := range []int{-1, r.IntN(25)} {
			text = strconv.AppendFloat(text[:0], f, "efg"[r.IntN(3)], precision, 64)
			want, _ := strconv.ParseFloat(string(text), 64)
			if got, ok := ParseFloat(text); !ok || got != want {
				t.Fatalf("%s: %v %v, want %v", text, got, ok, want)
			}
		}
	})
}

func TestNearest_equalsStrconv(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	var text []byte
	failed := 0
	const n = 100_000
	for range n {
		mantissa, exponent := r.Uint64()>>r.IntN(64), r.IntN(maxPower-minPower+1)+minPower
		if r.IntN(2) == 0 {
			exponent = -r.IntN(20)
		}
		got, ok := nearest(mantissa, exponent)
		text = strconv.AppendInt(append(strconv.AppendUint(text[:0], mantissa, 10), 'e'), int64(exponent), 10)
		want, err := strconv.ParseFloat(string(text), 64)
		if ok && (got != want || err != nil) {
			t.Fatalf("%s: %v, strconv has %v", text, got, want)
		}
		if !ok && mantissa > 1<<53 && want > 1e-300 && err == nil {
			failed++
		}
	}
	if failed > n/1000 {
		t.Errorf("%d of %d were not decided", failed, n)
	}
}
