package model

import (
	"math"
	"sort"

	"ds-pipeline/preprocess/pickle"
)

// QuantileTransformer replaces each number by its place in the distribution it
// was fitted on, interpolated between the quantiles from both ends and
// averaged, since quantiles repeat:
//
//	p = (interp(x, Q, R) - interp(-x, -reversed Q, -reversed R)) / 2
//
// as p itself (uniform), or as the normal quantile of p, cut off where
// scikit-learn cuts it off (normal). Missing cells stay missing; infinities
// are refused. See sklearn.preprocessing.QuantileTransformer.
type QuantileTransformer struct {
	head
	// Quantiles has one row per reference and one column per column.
	Quantiles  [][]Float `json:"quantiles"`
	References []Float   `json:"references"`
	// Distribution is uniform or normal.
	Distribution string `json:"output_distribution"`
	// IgnoreZeros is ignore_implicit_zeros: of a sparse matrix, negative numbers
	// are then not refused. Its zeros stay 0 in any case.
	IgnoreZeros bool   `json:"ignore_implicit_zeros,omitempty"`
	DType       string `json:"dtype,omitempty"` // float32 if fitted on such data
	// Samples is the number of records when fitted, 0 if not known. It does not
	// change the result.
	Samples Float `json:"n_samples,omitempty"`
}

func (s *QuantileTransformer) read(a *attrs) {
	a.ignore("n_quantiles", "n_quantiles_", "subsample")
	if wanted, ok := a.get("n_quantiles"); ok {
		// There are as many quantiles as wanted, or as many as records.
		n, _ := pickle.Float(wanted)
		if v, _ := a.get("n_quantiles_"); v != nil {
			if m, ok := pickle.Float(v); ok && m < n {
				s.Samples = Float(m)
			}
		}
	}
	s.IgnoreZeros = a.flag("ignore_implicit_zeros", false)
	s.Distribution = a.option("output_distribution", "", "uniform", "normal")
	s.Quantiles = a.grid("quantiles_")
	s.References = a.vector("references_")
	s.DType = a.narrow("quantiles_")
	if s.Quantiles == nil || s.References == nil {
		a.fail("quantiles_ or references_: %v", errNotFitted)
		return
	}
	if len(s.Quantiles) > 0 {
		s.fixWidth(len(s.Quantiles[0]))
	}
}

func (s *QuantileTransformer) outputs(in int) (int, error) {
	if err := s.checkHead(in); err != nil {
		return 0, err
	}
	if err := s.checkNarrow(s.DType); err != nil {
		return 0, err
	}
	if s.Distribution != "uniform" && s.Distribution != "normal" {
		return 0, s.errorf("output_distribution: got %q, want uniform or normal", s.Distribution)
	}
	if len(s.Quantiles) == 0 || len(s.Quantiles) != len(s.References) {
		return 0, s.errorf("quantiles: %d rows for %d references, want as many and at least 1", len(s.Quantiles), len(s.References))
	}
	for k, row := range s.Quantiles {
		if len(row) != in {
			return 0, s.errorf("quantiles: row %d has %d values for %d columns", k, len(row), in)
		}
		if r := s.References[k]; r.isNaN() || k > 0 && r < s.References[k-1] {
			return 0, s.errorf("references: item %d is %v, want ascending numbers", k, r)
		}
		for j, q := range row {
			// A column without any value has NaN throughout.
			if k > 0 && (q < s.Quantiles[k-1][j] || q.isNaN() != s.Quantiles[k-1][j].isNaN()) {
				return 0, s.errorf("quantiles: row %d, column %d: got %v, want ascending numbers", k, j, q)
			}
		}
	}
	return in, nil
}

// rememberedBins is how many bins are made of the quantiles.
const rememberedBins = 10

// The quantiles tell the shares of bins between some of them. A value that has
// several quantiles gets a bin of its own.
func (s *QuantileTransformer) remember(i int, n *note) {
	if s.Samples > 0 {
		n.rows(float64(s.Samples))
	}
	last := len(s.Quantiles) - 1
	value := func(k int) float64 { return float64(s.Quantiles[k][i]) }
	low, high := value(0), value(last)
	if !finite(low) || !finite(high) || s.References[0] != 0 || s.References[last] != 1 {
		return
	}
	n.limits(low, high, s.DType == "float32")
	edges, below := []float64{low}, []float64(nil)
	edge := func(v float64, share Float) {
		if v > edges[len(edges)-1] && v <= high {
			edges, below = append(edges, v), append(below, float64(share))
		}
	}
	for bin := range rememberedBins {
		k := bin * last / rememberedBins
		first, final := k, k
		for first > 0 && value(first-1) == value(k) {
			first--
		}
		for final < last && value(final+1) == value(k) {
			final++
		}
		edge(value(k), s.References[first])
		if final > first {
			edge(math.Nextafter(value(k), math.Inf(1)), s.References[final])
		}
	}
	if last >= 10*rememberedBins {
		n.bins(append(edges, high), below)
	}
}

func (s *QuantileTransformer) needs(in int, _ []Want) []Want { return same(in, Number) }

func (s *QuantileTransformer) names(in []string) []string { return in }

func (s *QuantileTransformer) compile(b *builder, in matrix) matrix {
	m := b.numbers(s, b.narrowed(in, s.DType)) // stays sparse
	if len(b.errs) > 0 {
		return m
	}
	b.allChecked(s.Class, m, true)
	n := len(s.References)
	up := plainFloats(s.References)
	down := make([]float64, n)
	for k, r := range up {
		down[n-1-k] = -r
	}
	for i, c := range m.cols {
		out := b.derived(c, c.dt)
		o := quantile{in: c.reg, out: out.reg, normal: s.Distribution == "normal", narrow: c.dt == dtFloat32,
			up: up, down: down, column: c.from, sparse: in.sparse, refuseNegative: in.sparse && !s.IgnoreZeros, q: make([]float64, n), minusQ: make([]float64, n)}
		for k := range n {
			o.q[k] = float64(s.Quantiles[k][i])
			o.minusQ[n-1-k] = -o.q[k]
		}
		b.add(o)
		m.cols[i] = out
	}
	return m
}

func (s *QuantileTransformer) describe(o *outline) {
	o.line("QuantileTransformer: to a %s distribution by %d quantiles", s.Distribution, len(s.References))
}

type quantile struct {
	in, out        int
	q, minusQ      []float64
	up, down       []float64
	normal, narrow bool
	// A sparse matrix is transformed where it is not 0.
	sparse, refuseNegative bool
	column                 string
}

// boundsThreshold is how close to an end, under normal, counts as the end.
const boundsThreshold = 1e-7

var (
	normalMin = normalQuantile(boundsThreshold - 0x1p-52)
	normalMax = normalQuantile(1 - (boundsThreshold - 0x1p-52))
)

func (o quantile) run(w *Worker, rows int) {
	to := floatsOf(&w.regs[o.out], rows)
	lo, hi := o.q[0], o.q[len(o.q)-1]
	for i, x := range w.regs[o.in].Floats[:len(to)] {
		if x != x {
			to[i] = x
			continue
		}
		if o.sparse && x == 0 {
			to[i] = 0
			continue
		}
		if o.refuseNegative && x < 0 {
			w.refuse(i, o.column, pyFloat(x, 64), "is negative, which QuantileTransformer refuses in a sparse matrix")
		}
		if lo != lo {
			w.refuse(i, o.column, pyFloat(x, 64), "holds a number, and had none when the model was fitted")
		}
		y := 0.5 * (interpolate(x, o.q, o.up) - interpolate(-x, o.minusQ, o.down))
		if o.normal {
			if x+boundsThreshold > hi {
				y = 1
			}
			if x-boundsThreshold < lo {
				y = 0
			}
			y = normalQuantile(y)
			y = min(max(y, normalMin), normalMax)
		} else {
			if x == hi {
				y = 1
			}
			if x == lo {
				y = 0
			}
		}
		to[i] = y
	}
	if o.narrow {
		roundAll(to)
	}
}

// interpolate is numpy.interp: linear between ascending xs, constant outside.
func interpolate(x float64, xs, ys []float64) float64 {
	n := len(xs)
	if x > xs[n-1] {
		return ys[n-1]
	}
	if x < xs[0] {
		return ys[0]
	}
	j := sort.Search(n, func(k int) bool { return xs[k] > x }) - 1
	switch {
	case j < 0:
		return ys[0]
	case j == n-1 || xs[j] == x:
		return ys[j]
	}
	slope := (ys[j+1] - ys[j]) / (xs[j+1] - xs[j])
	y := float64(slope*(x-xs[j])) + ys[j]
	if y != y {
		y = float64(slope*(x-xs[j+1])) + ys[j+1]
		if y != y && ys[j] == ys[j+1] {
			y = ys[j]
		}
	}
	return y
}

// normalQuantile is the z below which a standard normal variable falls with
// probability p, by the rational approximations of ndtri in Moshier's Cephes
// library, which scipy.stats.norm.ppf uses: ties must stay ties.
func normalQuantile(p float64) float64 {
	const expMinus2 = 0.13533528323661269189
	switch {
	case p == 0:
		return math.Inf(-1)
	case p == 1:
		return math.Inf(1)
	case !(p > 0 && p < 1):
		return math.NaN()
	}
	upper := p > 1-expMinus2
	if upper {
		p = 1 - p
	}
	if p > expMinus2 {
		p -= 0.5
		q := p * p
		x := p + float64(p*float64(float64(q*polynomial(q, normalP0))/polynomial(q, normalQ0)))
		return x * 2.50662827463100050242 // root of 2 pi
	}
	x := math.Sqrt(-2 * math.Log(p))
	x0 := x - math.Log(x)/x
	z := 1 / x
	x1 := float64(z*polynomial(z, normalP2)) / polynomial(z, normalQ2)
	if x < 8 {
		x1 = float64(z*polynomial(z, normalP1)) / polynomial(z, normalQ1)
	}
	if upper {
		return x0 - x1
	}
	return -(x0 - x1)
}

// polynomial has its coefficients from the highest power down.
func polynomial(x float64, coefficients []float64) float64 {
	y := coefficients[0]
	for _, c := range coefficients[1:] {
		y = float64(y*x) + c
	}
	return y
}

// Coefficients of normalQuantile: around 1/2, for exp(-32) < p < exp(-2), and
// beyond.
var (
	normalP0 = []float64{-5.99633501014107895267e1, 9.80010754185999661536e1, -5.66762857469070293439e1,
		1.39312609387279679503e1, -1.23916583867381258016e0}
	normalQ0 = []float64{1, 1.95448858338141759834e0, 4.67627912898881538453e0, 8.63602421390890590575e1,
		-2.25462687854119370527e2, 2.00260212380060660359e2, -8.20372256168333339912e1,
		1.59056225126211695515e1, -1.18331621121330003142e0}
	normalP1 = []float64{4.05544892305962419923e0, 3.15251094599893866154e1, 5.71628192246421288162e1,
		4.40805073893200834700e1, 1.46849561928858024014e1, 2.18663306850790267539e0,
		-1.40256079171354495875e-1, -3.50424626827848203418e-2, -8.57456785154685413611e-4}
	normalQ1 = []float64{1, 1.57799883256466749731e1, 4.53907635128879210584e1, 4.13172038254672030440e1,
		1.50425385692907503408e1, 2.50464946208309415979e0, -1.42182922854787788574e-1,
		-3.80806407691578277194e-2, -9.33259480895457427372e-4}
	normalP2 = []float64{3.23774891776946035970e0, 6.91522889068984211695e0, 3.93881025292474443415e0,
		1.33303460815807542389e0, 2.01485389549179081538e-1, 1.23716634817820021358e-2,
		3.01581553508235416007e-4, 2.65806974686737550832e-6, 6.23974539184983293730e-9}
	normalQ2 = []float64{1, 6.02427039364742014255e0, 3.67983563856160859403e0, 1.37702099489081330271e0,
		2.16236993594496635890e-1, 1.34204006088543189037e-2, 3.28014464682127739104e-4,
		2.89247864745380683936e-6, 6.79019408009981274425e-9}
)
