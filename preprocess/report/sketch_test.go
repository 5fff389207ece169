package report

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// shapes of data that sketches get wrong when they are naive.
var shapesOfData = map[string]func(*rand.Rand) float64{
	"normal":       func(r *rand.Rand) float64 { return r.NormFloat64() },
	"uniform":      func(r *rand.Rand) float64 { return r.Float64() },
	"log-normal":   func(r *rand.Rand) float64 { return math.Exp(4 * r.NormFloat64()) },
	"year":         func(r *rand.Rand) float64 { return float64(1990 + r.IntN(35)) },
	"timestamp":    func(r *rand.Rand) float64 { return 1.7e9 + float64(r.IntN(1e6)) },
	"money":        func(r *rand.Rand) float64 { return math.Round(r.ExpFloat64()*1e5) / 100 },
	"far outlier":  func(r *rand.Rand) float64 { return []float64{r.NormFloat64(), 1e300}[r.IntN(1000)/999] },
	"mostly zero":  func(r *rand.Rand) float64 { return r.NormFloat64() * float64(r.IntN(10)/9) },
	"tiny":         func(r *rand.Rand) float64 { return r.Float64() * 1e-310 },
	"constant":     func(*rand.Rand) float64 { return 0.1 },
	"all binades":  func(r *rand.Rand) float64 { return math.Ldexp(r.NormFloat64(), r.IntN(2000)-1000) },
	"far from 0":   func(r *rand.Rand) float64 { return 1e12 + r.NormFloat64() },
	"cauchy":       func(r *rand.Rand) float64 { return r.NormFloat64() / r.NormFloat64() },
	"plus, minus":  func(r *rand.Rand) float64 { return float64(r.IntN(2)*2-1) * (100 + r.Float64()) },
	"small counts": func(r *rand.Rand) float64 { return float64(r.IntN(5)) },
}

// collect gives the statistics of values put in one after the other.
func collect(values []float64, slots int) *number {
	n := newNumber(slots, nil)
	n.addValues(values)
	return n
}

func TestSketch_quantilesAreInTheBucketOfTheExactOnes(t *testing.T) {
	for name, draw := range shapesOfData {
		for _, slots := range []int{minSlots, maxSlots} {
			t.Run(fmt.Sprintf("%s in %d slots", name, slots), func(t *testing.T) {
				random := rand.New(rand.NewPCG(1, 2))
				values := make([]float64, 30_000)
				for i := range values {
					values[i] = draw(random)
				}
				n := collect(values, slots)
				d := n.sketch.distribution(n.min, n.max)
				slices.Sort(values)
				if n.sketch.shift > 0 && n.sketch.used <= n.sketch.limit()/2 {
					t.Errorf("%d buckets are in use, want more than half of %d", n.sketch.used, n.sketch.limit())
				}
				width := math.Ldexp(1, int(n.sketch.shift)-52)
				if slots == maxSlots && name != "all binades" && width > 1.0/8 {
					t.Errorf("buckets are %g of their values wide, want at most 1/8", width)
				}
				for _, p := range []float64{0, 0.05, 0.25, 0.5, 0.75, 0.95, 1} {
					got := d.quantile(p)
					low := values[int(math.Floor(p*float64(len(values)-1)))]
					high := values[int(math.Ceil(p*float64(len(values)-1)))]
					if n.sketch.shift == 0 {
						width = 0
					}
					if high < smallestNormal {
						high, low = max(high, 0), min(low, 0)
					}
					// Up to shift 52 a bucket lies within a power of two.
					if got < low-math.Abs(low)*width || got > high+math.Abs(high)*width {
						if n.sketch.shift <= 52 {
							t.Errorf("quantile %g: got %g, want %g to %g, off by a share of %g", p, got, low, high, width)
						}
					}
				}
				if d.count != int64(len(values)) {
					t.Errorf("got %d values, want %d", d.count, len(values))
				}
			})
		}
	}
}

func TestSketch_smoothDataIsCloserThanItsBuckets(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	values := make([]float64, 1_000_000)
	for i := range values {
		values[i] = random.NormFloat64()
	}
	n := collect(values, maxSlots)
	d := n.sketch.distribution(n.min, n.max)
	slices.Sort(values)
	for _, p := range []float64{0.05, 0.25, 0.5, 0.75, 0.95} {
		got, want := d.quantile(p), values[int(p*float64(len(values)-1))]
		if math.Abs(got-want) > 0.002 {
			t.Errorf("quantile %g of a million normal numbers: got %g, want %g", p, got, want)
		}
	}
}

func TestSketch_fewValuesAreExact(t *testing.T) {
	values := []float64{0.1, 0.2, 0.3, 1e-9, -7, 1234567.891}
	n := collect(values, maxSlots)
	d := n.sketch.distribution(n.min, n.max)
	slices.Sort(values)
	for i, want := range values {
		if got := d.quantile(float64(i) / 5); got != want {
			t.Errorf("value %d: got %v, want %v", i, got, want)
		}
	}
}

func TestSketch_belowAgreesWithCounting(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	values := make([]float64, 5000)
	for i := range values {
		values[i] = 100 + 10*random.NormFloat64()
	}
	n := collect(values, maxSlots)
	d := n.sketch.distribution(n.min, n.max)
	for v := 60.0; v < 140; v += 7 {
		want := 0.0
		for _, x := range values {
			if x < v {
				want++
			}
		}
		if got := d.below(v); math.Abs(got-want) > 10 {
			t.Errorf("below %g: got %g, want %g", v, got, want)
		}
	}
}

func TestOrder_isNumerical(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Float64().Draw(t, "a"), rapid.Float64().Draw(t, "b")
		ua, ub := order(math.Float64bits(a)), order(math.Float64bits(b))
		if a < b && ua >= ub || a > b && ua <= ub {
			t.Fatalf("%v and %v are in the wrong order", a, b)
		}
		if value(ua) != a {
			t.Fatalf("%v comes back as %v", a, value(ua))
		}
	})
}
