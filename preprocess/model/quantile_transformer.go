package model

import (
	"math"
	"sort"
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
	DType        string `json:"dtype,omitempty"` // float32 if fitted on such data
}

func (s *QuantileTransformer) read(a *attrs) {
	a.ignore("n_quantiles", "n_quantiles_", "ignore_implicit_zeros", "subsample")
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
		if r := s.References[k]; r != r || k > 0 && r < s.References[k-1] {
			return 0, s.errorf("references: item %d is %v, want ascending numbers", k, r)
		}
		for j, q := range row {
			// A column without any value has NaN throughout.
			if k > 0 && (q < s.Quantiles[k-1][j] || (q != q) != (s.Quantiles[k-1][j] != s.Quantiles[k-1][j])) {
				return 0, s.errorf("quantiles: row %d, column %d: got %v, want ascending numbers", k, j, q)
			}
		}
	}
	return in, nil
}

func (s *QuantileTransformer) needs(in int, _ []Want) []Want { return same(in, Number) }

func (s *QuantileTransformer) names(in []string) []string { return in }

func (s *QuantileTransformer) compile(b *builder, in matrix) matrix {
	if in.sparse {
		b.fail(s, "after a sparse matrix is not supported: set sparse_output=False there")
		return in
	}
	m := b.numbers(s, b.narrowed(in, s.DType))
	if len(b.errs) > 0 {
		return m
	}
	b.allChecked(m, true)
	n := len(s.References)
	up := plainFloats(s.References)
	down := make([]float64, n)
	for k, r := range up {
		down[n-1-k] = -r
	}
	for i, c := range m.cols {
		out := b.derived(c, c.dt)
		o := quantile{in: c.reg, out: out.reg, normal: s.Distribution == "normal", narrow: c.dt == dtFloat32,
			up: up, down: down, column: c.from, q: make([]float64, n), minusQ: make([]float64, n)}
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
	column         string
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
// probability p. It starts from the inverse error function and takes Halley
// steps on the complementary one, which is exact for small p too.
func normalQuantile(p float64) float64 {
	switch {
	case !(p > 0):
		if p == 0 {
			return math.Inf(-1)
		}
		return math.NaN()
	case p > 0.5:
		return -normalQuantile(1 - p)
	}
	z := math.Sqrt2 * math.Erfinv(2*p-1)
	if math.IsInf(z, 0) || z < -8 {
		// Beyond what 2p-1 can tell apart: start from the tail's shape.
		t := math.Sqrt(-2 * math.Log(p))
		z = -(t - math.Log(t*math.Sqrt(2*math.Pi))/t)
	}
	for range 4 {
		e := 0.5*math.Erfc(-z/math.Sqrt2) - p
		u := e * math.Sqrt(2*math.Pi) * math.Exp(z*z/2)
		step := u / (1 + z*u/2)
		z -= step
		if math.Abs(step) <= 1e-16*math.Abs(z) {
			break
		}
	}
	return z
}
