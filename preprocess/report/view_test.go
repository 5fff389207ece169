package report

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"ds-pipeline/preprocess/frame"
)

// TestFollower_tellsWhatLookingTells compares a column that follows from another
// with the same column looked at.
func TestFollower_tellsWhatLookingTells(t *testing.T) {
	var names []string
	for name := range shapesOfData {
		names = append(names, name)
	}
	slices.Sort(names)
	rapid.Check(t, func(t *rapid.T) {
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		name := rapid.SampledFrom(names).Draw(t, "shape")
		draw := shapesOfData[name]
		f := &frame.Follow{Slope: rapid.SampledFrom([]float64{1, 0.3, -2, 1e-5, -7e8}).Draw(t, "slope")}
		offset := rapid.SampledFrom([]float64{0, 0.1, -50, 1e6}).Draw(t, "offset")
		fill := rapid.SampledFrom([]float64{nan, 0, 1, -1e3}).Draw(t, "fill")
		f.Map = func(v float64) float64 {
			if v != v {
				return fill
			}
			return float64(v*f.Slope) + offset
		}
		var in, out frame.Column
		for range rapid.IntRange(1, 3000).Draw(t, "rows") {
			v := draw(random)
			if random.IntN(10) == 0 {
				v = []float64{nan, nan, math.Inf(1), math.Inf(-1)}[random.IntN(4)]
			}
			in.Floats, out.Floats = append(in.Floats, v), append(out.Floats, f.Map(v))
		}
		rows := len(in.Floats)
		report := func(follows []*frame.Follow) Column {
			c := NewCollector(Config{Input: []InputColumn{{Name: "x"}}, OutputNames: []string{"y"}, Follows: follows})
			p := c.NewPartial()
			if err := p.AddInput([]frame.Column{in}, rows, nil); err != nil {
				t.Fatal(err)
			}
			if err := p.AddOutput([]frame.Column{out}, rows, nil); err != nil {
				t.Fatal(err)
			}
			if err := c.Merge(p); err != nil {
				t.Fatal(err)
			}
			return c.Report(Run{}).Output[0]
		}
		got, want := report([]*frame.Follow{f}), report(nil)
		if got.Present != want.Present || got.Missing != want.Missing {
			t.Fatalf("got %d present and %d missing, want %d and %d", got.Present, got.Missing, want.Present, want.Missing)
		}
		if got.CountsOnly { // some became infinite
			if want.Numbers.InfinityAbove+want.Numbers.InfinityBelow == 0 {
				t.Fatal("only counts, although all values are finite")
			}
			return
		}
		g, w := got.Numbers, want.Numbers
		if g.InfinityAbove != w.InfinityAbove || g.InfinityBelow != w.InfinityBelow || (g.Spread == nil) != (w.Spread == nil) {
			t.Fatalf("got %+v, want %+v", g, w)
		}
		if g.Spread == nil {
			return
		}
		if g.Min != w.Min || g.Max != w.Max {
			t.Fatalf("got %v to %v, want %v to %v", g.Min, g.Max, w.Min, w.Max)
		}
		// The moments are right to 2^-44 of the largest values.
		largest := max(math.Abs(f.Slope)*largestOf(in.Floats), math.Abs(offset), math.Abs(g.Min), math.Abs(g.Max))
		// Of the input, numbers smaller than the smallest normal one count as 0.
		const normal = 0x1p-1022
		lost := math.Abs(f.Slope) * normal
		if math.Abs(g.Mean-w.Mean) > 1e-12*largest+lost {
			t.Fatalf("mean: got %v, want %v", g.Mean, w.Mean)
		}
		if largest < 1e150 && math.Abs(g.StdDev-w.StdDev) > 1e-6*largest+lost {
			t.Fatalf("standard deviation: got %v, want %v", g.StdDev, w.StdDev)
		}
		if fill == fill || name == "tiny" { // which stands in the middle of a bucket; which count as 0
			return
		}
		n := newNumber(maxSlots, nil)
		n.addValues(in.Floats)
		exact, d := sorted(out.Floats), n.view().along(f).d
		bucketOf := func(v float64) bucket {
			at := slices.IndexFunc(d.buckets, func(b bucket) bool { return b.high >= v })
			return d.buckets[at]
		}
		for p, q := range map[float64]float64{0.05: g.P05, 0.25: g.P25, 0.5: g.P50, 0.75: g.P75, 0.95: g.P95} {
			rank := p * float64(len(exact)-1)
			low, high := bucketOf(exact[int(math.Floor(rank))]).low, bucketOf(exact[int(math.Ceil(rank))]).high
			if rounding := 1e-5 * math.Abs(q); q < low-rounding || q > high+rounding {
				t.Fatalf("%s: quantile %v: got %v, want %v to %v", name, p, q, low, high)
			}
		}
	})
}

func sorted(values []float64) []float64 {
	finite := slices.DeleteFunc(slices.Clone(values), func(v float64) bool { return v != v || math.IsInf(v, 0) })
	slices.Sort(finite)
	return finite
}

func largestOf(values []float64) float64 {
	largest := 0.0
	for _, v := range sorted(values) {
		largest = max(largest, math.Abs(v))
	}
	return largest
}
