package model

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
