package model

// SelectFwe keeps the columns that a family-wise error rate allows.
// See sklearn.feature_selection.SelectFwe.
type SelectFwe struct{ selection }

func (s *SelectFwe) read(a *attrs) {
	a.ignore("score_func", "scores_")
	p := a.scores("pvalues_")
	s.keep(a, below(p, a.share("alpha", 1)/float64(len(p))))
}

func (s *SelectFwe) compile(b *builder, in matrix) matrix { return s.pick(b, in) }
