package model

import (
	"math"
	"slices"
)

// SelectFdr keeps the columns that an estimated false discovery rate allows.
// See sklearn.feature_selection.SelectFdr.
type SelectFdr struct{ selection }

func (s *SelectFdr) read(a *attrs) {
	a.ignore("score_func", "scores_")
	s.keep(a, fdr(a.scores("pvalues_"), a.share("alpha", 1)))
}

func (s *SelectFdr) compile(b *builder, in matrix) matrix { return s.pick(b, in) }

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
