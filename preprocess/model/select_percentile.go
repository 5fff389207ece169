package model

import (
	"math"
	"slices"
)

// SelectPercentile keeps a share of the columns, those with the highest
// scores. See sklearn.feature_selection.SelectPercentile.
type SelectPercentile struct{ selection }

func (s *SelectPercentile) read(a *attrs) {
	a.ignore("score_func", "pvalues_")
	s.keep(a, a.percentile(a.scores("scores_"), a.share("percentile", 100)))
}

func (s *SelectPercentile) compile(b *builder, in matrix) matrix { return s.pick(b, in) }

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
	at := float64(float64(n-1) * (p / 100))
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
