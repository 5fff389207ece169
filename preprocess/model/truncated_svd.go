package model

// TruncatedSVD projects each record on the singular vectors:
//
//	y[k] = sum over i of x[i] * Components[k][i]
//
// Missing cells and infinities are refused.
// See sklearn.decomposition.TruncatedSVD.
type TruncatedSVD struct{ uncentered }

func (s *TruncatedSVD) read(a *attrs) {
	a.ignore("n_components", "algorithm", "n_iter", "n_oversamples", "power_iteration_normalizer", "tol",
		"explained_variance_", "explained_variance_ratio_", "singular_values_")
	s.readComponents(a)
}

func (s *TruncatedSVD) compile(b *builder, in matrix) matrix { return s.multiply(b, s, in) }
