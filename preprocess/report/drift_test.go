package report

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"ds-pipeline/preprocess/frame"
)

func fact(v float64) *Fact { return &Fact{Value: v, Step: "step"} }

// driftOf compares values with a reference.
func driftOf(r *Reference, values []float64) map[string]Finding {
	n := newNumber(maxSlots, numbersOf(r))
	n.add(&frame.Column{Floats: values}, len(values), nil)
	found := map[string]Finding{}
	for _, f := range compare("x", r, n) {
		found[f.Measure] = f
	}
	return found
}

func draw(n int, from func(*rand.Rand) float64) []float64 {
	random := rand.New(rand.NewPCG(21, 42))
	values := make([]float64, n)
	for i := range values {
		values[i] = from(random)
	}
	return values
}

func normal(mean, sd float64) func(*rand.Rand) float64 {
	return func(r *rand.Rand) float64 { return mean + sd*r.NormFloat64() }
}

func gaps(share float64, from func(*rand.Rand) float64) func(*rand.Rand) float64 {
	return func(r *rand.Rand) float64 {
		v := from(r)
		if r.Float64() < share {
			return nan
		}
		return v
	}
}

func TestDrift_sizes(t *testing.T) {
	scaler := &Reference{Mean: fact(50), StdDev: fact(10)}
	robust := &Reference{Median: fact(50), Range: &QuantileRange{Fact: Fact{Value: 13.49, Step: "step"}, Low: 0.25, High: 0.75}}
	limits := &Reference{Min: fact(20), Max: fact(80), Rows: 100_000}
	bins := &Reference{Bins: &Bins{Edges: []float64{0, 25, 50, 75, 100}, Below: even(4), Step: "step"}}
	codes := &Reference{Categories: &Categories{Numbers: []float64{3, 1, 2}, Step: "step"}}
	complete := &Reference{NeverMissing: "step"}
	uniform := func(low, high float64) func(*rand.Rand) float64 {
		return func(r *rand.Rand) float64 { return low + (high-low)*r.Float64() }
	}
	upTo := func(n int) func(*rand.Rand) float64 {
		return func(r *rand.Rand) float64 { return float64(1 + r.IntN(n)) }
	}
	tests := []struct {
		name      string
		reference *Reference
		values    []float64
		measure   string
		want      Size
		sentence  string // its start
	}{
		{"same", scaler, draw(5000, normal(50, 10)), "mean", None, "mean 49."},
		{"same spread", scaler, draw(5000, normal(50, 10)), "spread", None, "standard deviation 10.02, was 10 at fit: unchanged"},
		{"small shift", scaler, draw(5000, normal(53, 10)), "mean", Small, "mean 52.8"},
		{"large shift", scaler, draw(5000, normal(61.1, 10)), "mean", Large, "mean 60.9, was 50 at fit: +1.1 standard deviations"},
		{"large shift down", scaler, draw(5000, normal(30, 10)), "mean", Large, "mean 29.8, was 50 at fit: −2.0 standard deviations"},
		{"few records", scaler, draw(6, normal(58, 10)), "mean", None, ""},
		{"one record", scaler, []float64{75}, "mean", None, "mean 75, was 50 at fit: +2.5 standard deviations (too few records to tell it from chance)"},
		{"few but far", scaler, draw(6, normal(90, 10)), "mean", None, ""},
		{"thirty, and far", scaler, draw(30, normal(90, 10)), "mean", Large, ""},
		{"wider", scaler, draw(5000, normal(50, 12.5)), "spread", Small, ""},
		{"much wider", scaler, draw(5000, normal(50, 20)), "spread", Large, "standard deviation 20.05, was 10 at fit: 2.005 times as wide"},
		{"much narrower", scaler, draw(20_000, normal(50, 4)), "spread", Large, "standard deviation 4.02, was 10 at fit: 40\u00a0% as wide"},
		{"constant now", scaler, draw(5000, normal(50, 0)), "spread", Large, "standard deviation 0, was 10 at fit: it no longer varies"},
		{"two records", scaler, []float64{50, 50}, "spread", None, ""},
		{"constant, was constant", &Reference{Mean: fact(3), StdDev: fact(0)}, draw(1000, normal(3, 0)), "mean", None, "mean 3, was 3 at fit: unchanged"},
		{"another constant", &Reference{Mean: fact(3), StdDev: fact(0)}, draw(1000, normal(4, 0)), "mean", Large, "mean 4, was 3 at fit: changed, in a column that does not vary"},
		{"mean alone", &Reference{Mean: fact(50)}, draw(5000, normal(61.1, 10)), "mean", Large, "mean 60.9, was 50 at fit: +1.1 standard deviations of this input"},
		{"mean alone, few", &Reference{Mean: fact(50)}, []float64{60}, "mean", None, ""},

		{"same median", robust, draw(5000, normal(50, 10)), "median", None, ""},
		{"small shift of median", robust, draw(5000, normal(53.5, 10)), "median", Small, ""},
		{"large shift of median", robust, draw(5000, normal(60, 10)), "median", Large, "median 59.78"},
		{"outliers move no median", robust, append(draw(5000, normal(50, 10)), 1e9, 1e9), "median", None, ""},
		{"few records for a median", robust, draw(8, normal(70, 10)), "median", None, ""},
		{"same range", robust, draw(5000, normal(50, 10)), "spread", None, "range of the middle 50\u00a0% 13."},
		{"wider range", robust, draw(5000, normal(50, 13)), "spread", Small, ""},
		{"much narrower range", robust, draw(5000, normal(50, 5)), "spread", Large, ""},

		{"in range", limits, draw(5000, uniform(20, 80)), "range", None, "all values are in the range seen at fit"},
		{"a few outside", limits, draw(5000, uniform(20, 81.5)), "range", Small, "2.6\u00a0% of the values are above all values at fit, the limit being 80"},
		{"many outside", limits, draw(5000, uniform(10, 90)), "range", Large, ""},
		{"fitted on few", &Reference{Min: fact(20), Max: fact(80), Rows: 50}, draw(5000, uniform(18, 82)), "range", None, ""},
		{"one of three outside", limits, []float64{30, 40, 90}, "range", None, ""},

		{"same bins", bins, draw(5000, uniform(0, 100)), "bins", None, ""},
		{"other bins", bins, draw(5000, uniform(0, 82)), "bins", Small, ""},
		{"an empty bin", bins, draw(5000, uniform(0, 75)), "bins", Large, "shares of 4 bins: stability index "},
		{"few records in bins", bins, []float64{1, 2, 3, 4, 5}, "bins", None, ""},

		{"known codes", codes, draw(5000, upTo(3)), "categories", None, "all categories are known to the model"},
		{"unknown codes", codes, draw(5000, upTo(4)), "categories", Large, "24.1\u00a0% of the records"},
		{"an unknown code among few", codes, []float64{1, 2, 4}, "categories", None, ""},

		{"complete", complete, draw(500, normal(0, 1)), "missing", None, "no value is missing, as at fit"},
		{"some gaps", complete, draw(5000, gaps(0.04, normal(0, 1))), "missing", Small, ""},
		{"many gaps", complete, draw(5000, gaps(0.2, normal(0, 1))), "missing", Large, ""},
		{"nothing left", scaler, draw(200, gaps(1, normal(0, 1))), "missing", Large, "all values are missing, not so at fit"},
		{"nothing left of few", scaler, []float64{nan}, "missing", None, ""},
		{"huge", scaler, draw(1000, normal(0, 1e300)), "spread", Large, "standard deviation 1.0"},
		{"all missing", complete, []float64{nan, nan, nan, nan, nan, nan, nan, nan, nan, nan, nan, nan}, "missing", Large, "100\u00a0% of the values are missing, none was at fit"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f, ok := driftOf(tt.reference, tt.values)[tt.measure]
			if !ok {
				t.Fatalf("no finding on %s", tt.measure)
			}
			if f.Size != tt.want || !strings.HasPrefix(f.Sentence, tt.sentence) {
				t.Errorf("got %s (%v of it sure): %q; want %s: %q", f.Size, f.Sure, f.Sentence, tt.want, tt.sentence)
			}
		})
	}
}

// TestDrift_doesNotFlagChance draws the fit and the input from one
// distribution, many times: at most one in a hundred may be flagged at all, where
// the intervals aim at one in a thousand.
func TestDrift_doesNotFlagChance(t *testing.T) {
	distributions := map[string]func(*rand.Rand) float64{
		"normal":      normal(50, 10),
		"exponential": func(r *rand.Rand) float64 { return r.ExpFloat64() },
		"log-normal":  func(r *rand.Rand) float64 { return math.Exp(r.NormFloat64()) },
		"dice":        func(r *rand.Rand) float64 { return float64(1 + r.IntN(6)) },
		"rare":        func(r *rand.Rand) float64 { return float64(r.IntN(50) / 49) },
	}
	for name, from := range distributions {
		for _, rows := range []int{1, 2, 5, 12, 30, 100, 1000} {
			t.Run(fmt.Sprintf("%s of %d", name, rows), func(t *testing.T) {
				random := rand.New(rand.NewPCG(uint64(rows), 5))
				sample := func(n int) []float64 {
					values := make([]float64, n)
					for i := range values {
						values[i] = from(random)
					}
					return values
				}
				const tries = 200
				flagged := map[string]int{}
				for range tries {
					fit := sample(2000)
					n := newNumber(maxSlots, nil)
					n.addValues(fit)
					d := n.sketch.distribution(n.min, n.max)
					mean, sd := n.meanAndDeviation()
					r := &Reference{Mean: fact(mean), StdDev: fact(sd), Median: fact(d.quantile(0.5)), Min: fact(n.min), Max: fact(n.max), Rows: 2000,
						Range: &QuantileRange{Fact: Fact{Value: d.quantile(0.75) - d.quantile(0.25)}, Low: 0.25, High: 0.75}}
					if name != "dice" && name != "rare" { // whose quantiles are no equal shares
						r.Bins = &Bins{Below: even(5), Edges: []float64{n.min, d.quantile(0.2), d.quantile(0.4), d.quantile(0.6), d.quantile(0.8), n.max}}
					}
					input := newNumber(maxSlots, numbersOf(r))
					input.add(&frame.Column{Floats: sample(rows)}, rows, nil)
					for _, f := range compare("x", r, input) {
						if f.Size != None {
							flagged[f.Measure]++
						}
					}
				}
				for measure, n := range flagged {
					if n > 2 {
						t.Errorf("%s was flagged %d times of %d", measure, n, tries)
					}
				}
			})
		}
	}
}

// TestDrift_looksAtTheColumnAsTheStepSawIt: a scaler after an imputer.
func TestDrift_looksAtTheColumnAsTheStepSawIt(t *testing.T) {
	values := draw(20_000, gaps(0.3, normal(50, 10)))
	filled := make([]float64, len(values))
	for i, v := range values {
		filled[i] = v
		if v != v {
			filled[i] = 20
		}
	}
	want := collect(filled, maxSlots)
	mean, sd := want.moments.meanAndDeviation(want.finite)
	d := want.sketch.distribution(want.min, want.max)
	after := func(v float64) Fact { return Fact{Value: v, AfterFill: true} }
	a, b, c := after(mean), after(sd), after(d.quantile(0.5))
	r := &Reference{Fill: fact(20), Mean: &a, StdDev: &b, Median: &c,
		Range: &QuantileRange{Fact: after(d.quantile(0.9) - d.quantile(0.1)), Low: 0.1, High: 0.9},
		Bins:  &Bins{Edges: []float64{0, 30, 100}, Below: even(2), AfterFill: true}}
	found := driftOf(r, values)
	for measure, effect := range map[string]float64{"mean": 0, "median": 0, "spread": 1} {
		if got := *found[measure].Effect; math.Abs(got-effect) > 1e-3 || found[measure].Size != None {
			t.Errorf("%s: got %v, %s, want %v", measure, got, found[measure].Sentence, effect)
		}
	}
	if got := *found["bins"].Effect; got < 0.1 || got > 0.3 { // 32 % filled with 20, against half
		t.Errorf("bins: got %v, %s", got, found["bins"].Sentence)
	}
}

func TestDrift_ofTextsAndBooleans(t *testing.T) {
	r := &Reference{Categories: &Categories{Texts: []string{"a", "True"}, Step: "encoder"}, NeverMissing: "encoder"}
	texts := newTexts(10, textsOf(r))
	words := &frame.Column{Kind: frame.Text}
	for i := range 1000 {
		words.Texts = append(words.Texts, [][]byte{[]byte("a"), []byte("b"), nil, []byte("a")}[i%4])
	}
	texts.add(words, 1000, nil)
	booleans := &booleans{}
	flags := &frame.Column{Kind: frame.Bool}
	for i := range 1000 {
		flags.Ints = append(flags.Ints, int64(i%2))
	}
	booleans.add(flags, 1000, nil)

	for name, tt := range map[string]struct {
		stats    column
		sentence []string
	}{
		"texts":    {texts, []string{"33.3\u00a0% of the records have a category that the model does not know", "25\u00a0% of the values are missing, none was at fit"}},
		"booleans": {booleans, []string{"50\u00a0% of the records have a category that the model does not know", "no value is missing, as at fit"}},
	} {
		t.Run(name, func(t *testing.T) {
			found := compare("x", r, tt.stats)
			for i, want := range tt.sentence {
				if found[i].Sentence != want {
					t.Errorf("got %q, want %q", found[i].Sentence, want)
				}
			}
		})
	}
}

func TestDrift_countsColumnsByTheirWorst(t *testing.T) {
	r := sampleReport(t, false)
	d := r.Drift
	if d.Compared != 5 || d.Large != 1 || d.Small != 2 {
		t.Errorf("got %d compared, %d large, %d small", d.Compared, d.Large, d.Small)
	}
	if d.Findings[0].Size != Large || d.Findings[len(d.Findings)-1].Size != None {
		t.Error("the findings are not sorted by size")
	}
	if r.Input[0].Drift != Large || r.Input[1].Drift != None || r.Input[6].Drift != "" {
		t.Errorf("got %q, %q, %q", r.Input[0].Drift, r.Input[1].Drift, r.Input[6].Drift)
	}
}

func TestQuantilesOfKnownDistributions(t *testing.T) {
	// From tables: chi-squared at 0.999, the normal distribution.
	for k, want := range map[float64]float64{1: 10.828, 4: 18.467, 9: 27.877, 30: 59.703} {
		if got := chiSquared(k); math.Abs(got-want) > 0.04*want {
			t.Errorf("chi-squared with %g degrees of freedom: got %g, want %g", k, got, want)
		}
	}
	if got := normalQuantile(0.75) - normalQuantile(0.25); math.Abs(got-1.34898) > 1e-5 {
		t.Errorf("range of the middle half: got %g, want 1.34898", got)
	}
	// One of one, two of two and so on: the root of 0.001. None: 0. Many: normal.
	for _, tt := range []struct{ count, n, want float64 }{{0, 5, 0}, {1, 1, 0.001}, {3, 3, 0.1}, {1, 1000, 1.0005e-6}, {500_000, 1_000_000, 0.5 - 3.0902*0.0005}} {
		if got := shareLow(tt.count, tt.n); math.Abs(got-tt.want) > 1e-3*tt.want {
			t.Errorf("%g of %g: got at least %g, want %g", tt.count, tt.n, got, tt.want)
		}
	}
}

func TestFigure_isShortAndReadable(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 1: "1", -1.5: "−1.5", 0.1: "0.1", 12.3456: "12.35", 999.99: "1000", 1234567.8: "1\u202f234\u202f568", -4321: "−4\u202f321",
		1e-7: "1e−7", 2.5e20: "2.5e20", 0.0001234567: "0.0001235", 5e-324: "4.941e−324",
	} {
		if got := figure(v); got != want {
			t.Errorf("%g: got %q, want %q", v, got, want)
		}
	}
}

// A quantile bin of whole numbers is not equally full, as many of them lie on
// its edges. Input like that of the fit has not drifted.
func TestDrift_allowsForValuesOnEdges(t *testing.T) {
	var fit, moved []float64
	for i := range 5000 {
		fit = append(fit, float64(i%5+1))
		moved = append(moved, float64(i%3+1))
	}
	r := &Reference{Bins: &Bins{Edges: []float64{1, 2, 4, 5}, Below: even(3), Step: "step"}} // quantiles of 1 to 5
	if f := driftOf(r, fit)["bins"]; f.Size != None {
		t.Errorf("the same data: %s: %s", f.Size, f.Sentence)
	}
	if f := driftOf(r, moved)["bins"]; f.Size != Large {
		t.Errorf("other data: %s: %s", f.Size, f.Sentence)
	}
}

func TestDrift_ofAnOpenEncoderIsNotTold(t *testing.T) {
	for open, want := range map[bool]int{true: 0, false: 1} {
		r := &Reference{Categories: &Categories{Numbers: []float64{1, 2}, Step: "step", Open: open}}
		if got := len(driftOf(r, []float64{1, 2, 3, 3, 3})); got != want {
			t.Errorf("open %v: %d findings, want %d", open, got, want)
		}
	}
}

func TestDrift_comparesNarrowCategoriesAsFloat32(t *testing.T) {
	r := &Reference{Categories: &Categories{Numbers: []float64{float64(float32(0.1))}, Step: "step", Narrow: true}}
	if f := driftOf(r, []float64{0.1, 0.1})["categories"]; f.Size != None {
		t.Error(f.Sentence)
	}
}
