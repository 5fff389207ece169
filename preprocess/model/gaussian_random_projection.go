package model

// GaussianRandomProjection projects each record on random vectors:
//
//	y[k] = sum over i of x[i] * Components[k][i]
//
// Missing cells and infinities are refused.
// See sklearn.random_projection.GaussianRandomProjection.
type GaussianRandomProjection struct{ uncentered }

func (s *GaussianRandomProjection) read(a *attrs) {
	a.ignore("n_components", "n_components_", "eps", "compute_inverse_components", "inverse_components_", "dense_output", "_n_features_out")
	s.readComponents(a)
}

func (s *GaussianRandomProjection) compile(b *builder, in matrix) matrix {
	return s.multiply(b, s, in)
}
