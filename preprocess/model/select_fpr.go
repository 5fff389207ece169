package model

// SelectFpr keeps the columns with p-values below alpha.
// See sklearn.feature_selection.SelectFpr.
type SelectFpr struct{ selection }

func (s *SelectFpr) read(a *attrs) {
	a.ignore("score_func", "scores_")
	s.keep(a, below(a.scores("pvalues_"), a.share("alpha", 1)))
}

func (s *SelectFpr) compile(b *builder, in matrix) matrix { return s.pick(b, in) }
