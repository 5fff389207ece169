package model

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

// kBest is SelectKBest's rule.
func kBest(scores []float64, k int) []bool {
	if k == 0 {
		return all(len(scores), false)
	}
	return largest(cleaned(scores), k)
}
