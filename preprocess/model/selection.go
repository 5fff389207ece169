package model

import (
	"math"
	"slices"

	"ds-pipeline/preprocess/pickle"
)

// selection keeps some of the columns. Which ones is decided when the model is
// read, from what was fitted; the classes differ in that only.
type selection struct {
	head
	// Selected lists the columns that are kept, ascending.
	Selected []int `json:"selected"`
	// AllowNaN lets missing cells and infinities pass; otherwise they are refused
	// in every column, also in one that is not kept, as scikit-learn does.
	AllowNaN bool `json:"allow_nan,omitempty"`
	// KeepTypes: with set_output, scikit-learn since 1.3 leaves each column its
	// own type.
	KeepTypes bool `json:"keep_types,omitempty"`
}

// keep keeps the columns of a mask.
func (s *selection) keep(a *attrs, mask []bool) {
	s.KeepTypes = s.Output == "pandas" && !a.before(1, 3)
	s.Selected = []int{}
	for i, on := range mask {
		if on {
			s.Selected = append(s.Selected, i)
		}
	}
	s.fixWidth(len(mask))
}

func (s *selection) outputs(in int) (int, error) {
	if err := s.checkHead(in); err != nil {
		return 0, err
	}
	last := -1
	for _, k := range s.Selected {
		if k <= last || k >= in {
			return 0, s.errorf("selected: column %d, want ascending columns below %d", k, in)
		}
		last = k
	}
	return len(s.Selected), nil
}

func (s *selection) needs(in int, down []Want) []Want {
	wants := same(in, Infer)
	for j, k := range s.Selected {
		wants[k] = down[j]
	}
	return wants
}

func (s *selection) names(in []string) []string {
	names := make([]string, len(s.Selected))
	for j, k := range s.Selected {
		names[j] = in[k]
	}
	return names
}

func (s *selection) pick(b *builder, in matrix) matrix {
	m := in
	if !s.KeepTypes {
		m = in.array(b)
	}
	for _, c := range m.cols {
		switch {
		case c.reg < 0 || s.AllowNaN:
		case c.dt.kind != 'O':
			b.checked(c, false)
		default:
			b.add(mustBePresent{in: c.reg, column: c.from})
		}
	}
	return b.take(m, m.places(), s.Selected)
}

func (s *selection) describe(o *outline) {
	o.line("%s: keep %s", s.Class, o.columns(s.Selected))
}

// scores reads a fitted array of scores or p-values.
func (a *attrs) scores(name string) []float64 {
	v := a.vector(name)
	if v == nil {
		a.fail("%s: %v", name, errNotFitted)
	}
	return plainFloats(v)
}

// cleaned has the smallest number for NaN.
func cleaned(scores []float64) []float64 {
	out := slices.Clone(scores)
	for i, v := range out {
		if v != v {
			out[i] = -math.MaxFloat64
		}
	}
	return out
}

func all(n int, on bool) []bool {
	m := make([]bool, n)
	for i := range m {
		m[i] = on
	}
	return m
}

// largest marks the k largest scores; of equal ones the later.
func largest(scores []float64, k int) []bool {
	order := make([]int, len(scores))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		switch {
		case scores[i] < scores[j]:
			return -1
		case scores[i] > scores[j]:
			return 1
		}
		return 0
	})
	mask := all(len(scores), false)
	for _, i := range order[max(0, len(order)-k):] {
		mask[i] = true
	}
	return mask
}

// kBest is SelectKBest's rule.
func kBest(scores []float64, k int) []bool {
	if k == 0 {
		return all(len(scores), false)
	}
	return largest(cleaned(scores), k)
}

// percentile is SelectPercentile's rule.
func (a *attrs) percentile(scores []float64, p float64) []bool {
	n := len(scores)
	switch {
	case p == 100:
		return all(n, true)
	case p == 0 || n == 0:
		return all(n, false)
	}
	scores = cleaned(scores)
	threshold := numpyPercentile(scores, 100-p, a.before(0, 24))
	mask := make([]bool, n)
	kept := 0
	var ties []int
	for i, v := range scores {
		mask[i] = v > threshold
		if mask[i] {
			kept++
		}
		if v == threshold {
			ties = append(ties, i)
		}
	}
	// As Python slices: a negative end counts from the back.
	end := int(float64(n)*p/100) - kept
	if end < 0 {
		end = max(0, len(ties)+end)
	}
	for _, i := range ties[:min(end, len(ties))] {
		mask[i] = true
	}
	return mask
}

// numpyPercentile is numpy.percentile with linear interpolation, weighted as
// numpy did before 1.20 if old.
func numpyPercentile(values []float64, p float64, old bool) float64 {
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	n := len(sorted)
	at := float64(n-1) * (p / 100)
	below := math.Floor(at)
	i := int(below)
	if i >= n-1 {
		return sorted[n-1]
	}
	t := at - below
	a, b := sorted[i], sorted[i+1]
	if old {
		return float64(a*(1-t)) + float64(b*t)
	}
	d := b - a
	if t >= 0.5 {
		return b - float64(d*(1-t))
	}
	return a + float64(d*t)
}

// fdr is SelectFdr's rule, after Benjamini and Hochberg.
func fdr(p []float64, alpha float64) []bool {
	n := len(p)
	sorted := slices.Clone(p)
	slices.Sort(sorted)
	// numpy sorts NaN last, Go first.
	nans := 0
	for nans < n && sorted[nans] != sorted[nans] {
		nans++
	}
	sorted = sorted[nans:]
	limit := math.Inf(-1)
	for i, v := range sorted {
		if v <= alpha/float64(n)*float64(i+1) {
			limit = v
		}
	}
	mask := make([]bool, n)
	for i, v := range p {
		mask[i] = v <= limit
	}
	return mask
}

// below marks the values below a limit.
func below(values []float64, limit float64) []bool {
	mask := make([]bool, len(values))
	for i, v := range values {
		mask[i] = v < limit
	}
	return mask
}

// SelectKBest keeps the columns with the K highest scores.
// See sklearn.feature_selection.SelectKBest.
type SelectKBest struct{ selection }

func (s *SelectKBest) read(a *attrs) {
	a.ignore("score_func", "pvalues_")
	scores := a.scores("scores_")
	if v, ok := a.must("k"); ok {
		if v == "all" {
			s.keep(a, all(len(scores), true))
			return
		}
		s.keep(a, kBest(scores, a.whole("k", 0)))
	}
}

func (s *SelectKBest) compile(b *builder, in matrix) matrix { return s.pick(b, in) }

// SelectPercentile keeps a share of the columns, those with the highest
// scores. See sklearn.feature_selection.SelectPercentile.
type SelectPercentile struct{ selection }

func (s *SelectPercentile) read(a *attrs) {
	a.ignore("score_func", "pvalues_")
	s.keep(a, a.percentile(a.scores("scores_"), a.share("percentile", 100)))
}

func (s *SelectPercentile) compile(b *builder, in matrix) matrix { return s.pick(b, in) }

// share is a number from 0 to most.
func (a *attrs) share(name string, most float64) float64 {
	v, ok := a.must(name)
	if !ok {
		return 0
	}
	f, ok := pickle.Float(v)
	if !ok || !(f >= 0 && f <= most) {
		a.fail("%s: got %s, want a number from 0 to %v", name, pickle.Describe(v), most)
		return 0
	}
	return f
}

// SelectFpr keeps the columns with p-values below alpha.
// See sklearn.feature_selection.SelectFpr.
type SelectFpr struct{ selection }

func (s *SelectFpr) read(a *attrs) {
	a.ignore("score_func", "scores_")
	s.keep(a, below(a.scores("pvalues_"), a.share("alpha", 1)))
}

func (s *SelectFpr) compile(b *builder, in matrix) matrix { return s.pick(b, in) }

// SelectFdr keeps the columns that an estimated false discovery rate allows.
// See sklearn.feature_selection.SelectFdr.
type SelectFdr struct{ selection }

func (s *SelectFdr) read(a *attrs) {
	a.ignore("score_func", "scores_")
	s.keep(a, fdr(a.scores("pvalues_"), a.share("alpha", 1)))
}

func (s *SelectFdr) compile(b *builder, in matrix) matrix { return s.pick(b, in) }

// SelectFwe keeps the columns that a family-wise error rate allows.
// See sklearn.feature_selection.SelectFwe.
type SelectFwe struct{ selection }

func (s *SelectFwe) read(a *attrs) {
	a.ignore("score_func", "scores_")
	p := a.scores("pvalues_")
	s.keep(a, below(p, a.share("alpha", 1)/float64(len(p))))
}

func (s *SelectFwe) compile(b *builder, in matrix) matrix { return s.pick(b, in) }

// GenericUnivariateSelect keeps columns by one of the rules above.
// See sklearn.feature_selection.GenericUnivariateSelect.
type GenericUnivariateSelect struct{ selection }

func (s *GenericUnivariateSelect) read(a *attrs) {
	a.ignore("score_func", "scores_", "pvalues_")
	mode := a.option("mode", "", "percentile", "k_best", "fpr", "fdr", "fwe")
	v, ok := a.must("param")
	if !ok {
		return
	}
	switch mode {
	case "percentile":
		s.keep(a, a.percentile(a.scores("scores_"), a.share("param", 100)))
	case "k_best":
		scores := a.scores("scores_")
		if v == "all" {
			s.keep(a, all(len(scores), true))
			return
		}
		s.keep(a, kBest(scores, a.whole("param", 0)))
	case "fpr":
		s.keep(a, below(a.scores("pvalues_"), a.share("param", 1)))
	case "fdr":
		s.keep(a, fdr(a.scores("pvalues_"), a.share("param", 1)))
	case "fwe":
		p := a.scores("pvalues_")
		s.keep(a, below(p, a.share("param", 1)/float64(len(p))))
	}
}

func (s *GenericUnivariateSelect) compile(b *builder, in matrix) matrix { return s.pick(b, in) }

// VarianceThreshold keeps the columns that varied more than a threshold when
// fitted. See sklearn.feature_selection.VarianceThreshold.
type VarianceThreshold struct{ selection }

func (s *VarianceThreshold) read(a *attrs) {
	s.AllowNaN = true
	t := float64(a.number("threshold", 0))
	variances := a.scores("variances_")
	mask := make([]bool, len(variances))
	for i, v := range variances {
		mask[i] = v > t
	}
	s.keep(a, mask)
}

func (s *VarianceThreshold) compile(b *builder, in matrix) matrix { return s.pick(b, in) }
