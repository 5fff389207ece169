package model

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
