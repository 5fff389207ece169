package report

import (
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"ds-pipeline/preprocess/frame"

	"pgregory.net/rapid"
)

// exactMoments are the mean and the standard deviation without any rounding
// but the last.
func exactMoments(values []float64) (mean, sd float64) {
	const precision = 5000 // bits: all of float64's range
	n := new(big.Float).SetPrec(precision).SetInt64(int64(len(values)))
	sum, squares := new(big.Float).SetPrec(precision), new(big.Float).SetPrec(precision)
	for _, v := range values {
		x := new(big.Float).SetPrec(precision).SetFloat64(v)
		sum.Add(sum, x)
		squares.Add(squares, new(big.Float).SetPrec(precision).Mul(x, x))
	}
	m := new(big.Float).SetPrec(precision).Quo(sum, n)
	variance := new(big.Float).SetPrec(precision).Quo(squares, n)
	variance.Sub(variance, new(big.Float).SetPrec(precision).Mul(m, m))
	mean, _ = m.Float64()
	v, _ := new(big.Float).Sqrt(variance.Abs(variance)).Float64()
	return mean, v
}

func TestNumber_momentsAreThoseOfExactArithmetic(t *testing.T) {
	for name, draw := range shapesOfData {
		t.Run(name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(8, 9))
			values := make([]float64, 2000)
			largest := 0.0
			for i := range values {
				values[i] = draw(random)
				largest = max(largest, math.Abs(values[i]))
			}
			mean, sd := exactMoments(values)
			got := collect(values, maxSlots).summary(false)
			if name == "tiny" { // counts as 0
				if got.Mean > largest || got.StdDev > largest {
					t.Errorf("got mean %g and standard deviation %g of values up to %g", got.Mean, got.StdDev, largest)
				}
				return
			}
			// 2^-44 of each value is rounded away.
			if math.Abs(got.Mean-mean) > 1e-12*largest {
				t.Errorf("mean: got %v, want %v", got.Mean, mean)
			}
			if name == "all binades" || name == "far outlier" {
				return // the square is no float64
			}
			tolerance := 1e-9 * sd
			if name == "far from 0" {
				tolerance = 1e-3 * sd
			}
			if math.Abs(got.StdDev-sd) > tolerance+1e-12*largest*1e-3 {
				t.Errorf("standard deviation: got %v, want %v", got.StdDev, sd)
			}
		})
	}
}

// TestNumber_dependsOnTheSetOfValuesAlone splits and orders at random.
func TestNumber_dependsOnTheSetOfValuesAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var values []float64
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		for range rapid.IntRange(1, 6).Draw(t, "kinds") {
			var names []string
			for name := range shapesOfData {
				names = append(names, name)
			}
			slices.Sort(names)
			draw := shapesOfData[rapid.SampledFrom(names).Draw(t, "kind")]
			for range rapid.IntRange(0, 3000).Draw(t, "size") {
				values = append(values, draw(random))
			}
		}
		values = append(values, rapid.SliceOf(rapid.OneOf(rapid.Float64(), rapid.Just(nan), rapid.Just(math.Inf(1)), rapid.Just(math.Inf(-1)))).Draw(t, "odd")...)
		slots := rapid.SampledFrom([]int{minSlots, 256, maxSlots}).Draw(t, "slots")

		want := collect(values, slots)
		random.Shuffle(len(values), func(i, j int) { values[i], values[j] = values[j], values[i] })
		got := newNumber(slots, nil)
		part := newNumber(slots, nil) // used again and again, as partials are
		for rest := values; len(rest) > 0; {
			n := 1 + random.IntN(min(len(rest), 1500))
			part.addValues(rest[:n])
			rest = rest[n:]
			if random.IntN(2) == 0 {
				got.merge(part)
				part.reset()
			}
		}
		got.merge(part)

		if got.finite != want.finite || got.missing != want.missing || got.above != want.above || got.below != want.below ||
			got.min != want.min || got.max != want.max {
			t.Fatalf("counts: got %+v, want %+v", got, want)
		}
		if got.finite == 0 {
			return
		}
		gotMean, gotDeviation := got.meanAndDeviation()
		wantMean, wantDeviation := want.meanAndDeviation()
		if gotMean != wantMean || gotDeviation != wantDeviation {
			t.Fatalf("moments: got %v and %v, want %v and %v", gotMean, gotDeviation, wantMean, wantDeviation)
		}
		if got.sketch.shift != want.sketch.shift {
			t.Fatalf("shift: got %d, want %d", got.sketch.shift, want.sketch.shift)
		}
		if g, w := got.sketch.distribution(got.min, got.max), want.sketch.distribution(want.min, want.max); !slices.Equal(g.buckets, w.buckets) {
			t.Fatalf("buckets differ: got %d, want %d", len(g.buckets), len(w.buckets))
		}
	})
}

func TestNumber_edgeCases(t *testing.T) {
	inf := math.Inf(1)
	tests := []struct {
		name   string
		values []float64
		want   string // mean, sd, min, median, max, infinities
		spread bool
	}{
		{"nothing", nil, "", false},
		{"all missing", []float64{nan, nan}, "", false},
		{"only infinities", []float64{inf, -inf, inf}, "", false},
		{"one row", []float64{0.1}, "0.1 0 0.1 0.1 0.1", true},
		{"infinities aside", []float64{1, inf, 3, -inf, nan}, "2 1 1 2 3", true},
		{"the largest numbers", []float64{math.MaxFloat64, math.MaxFloat64}, "1.798e308 0 1.798e308 1.798e308 1.798e308", true},
		{"opposite ends", []float64{math.MaxFloat64, -math.MaxFloat64}, "0 1.798e308 −1.798e308 0 1.798e308", true},
		{"minus zero", []float64{math.Copysign(0, -1)}, "0 0 0 0 0", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := collect(tt.values, maxSlots).summary(false)
			if (got.Spread != nil) != tt.spread {
				t.Fatalf("got %+v", got)
			}
			if !tt.spread {
				return
			}
			median := got.P50
			text := figure(got.Mean) + " " + figure(got.StdDev) + " " + figure(got.Min) + " " + figure(median) + " " + figure(got.Max)
			if text != tt.want {
				t.Errorf("got %s, want %s", text, tt.want)
			}
			sum := got.Histogram.Below + got.Histogram.Above
			for _, n := range got.Histogram.Counts {
				sum += n
			}
			if finite := collect(tt.values, maxSlots).finite; sum != finite {
				t.Errorf("the histogram has %d values, want %d", sum, finite)
			}
		})
	}
}

func TestNumber_countsAgainstTheModel(t *testing.T) {
	n := newNumber(maxSlots, &numberReference{min: 0, max: 10, inner: []float64{2, 5}, categories: []float64{1, 2, 5}})
	column := frame.Column{Floats: []float64{-1, 0, 1, 2, 2.5, 5, 10, 11, nan, math.Inf(1), 99}}
	n.add(&column, 11, []bool{10: true})
	c := n.counted
	if c.tooLow != 1 || c.tooHigh != 2 || c.unknown != 6 || !slices.Equal(c.bins, []int64{3, 2, 4}) {
		t.Errorf("got %+v", c)
	}
	if n.missing != 1 || n.finite != 8 || n.above != 1 {
		t.Errorf("got %d missing, %d finite, %d infinite", n.missing, n.finite, n.above)
	}
}

func TestHistogram_addsUpAndSplitsWholeNumbersEvenly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.IntRange(-1000, 1000), 1, 2000).Draw(t, "values")
		width := rapid.SampledFrom([]int{1, 3, 1000}).Draw(t, "width")
		var floats []float64
		for _, v := range values {
			floats = append(floats, float64(v%(width+1)))
		}
		h := collect(floats, maxSlots).summary(true).Histogram
		sum := h.Below + h.Above
		for _, n := range h.Counts {
			if n < 0 {
				t.Fatalf("a count is %d", n)
			}
			sum += n
		}
		if sum != int64(len(values)) {
			t.Fatalf("got %d values, want %d", sum, len(values))
		}
		if each := (h.To - h.From) / float64(len(h.Counts)); each != math.Trunc(each) {
			t.Fatalf("bins are %g wide, want a whole number", each)
		}
	})
}
