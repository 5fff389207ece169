package model

// GaussianRandomProjection projects each record on random vectors:
//
//	y[k] = sum over i of x[i] * Components[k][i]
//
// Missing cells and infinities are refused.
// See sklearn.random_projection.GaussianRandomProjection.
type GaussianRandomProjection struct {
	head
	Components [][]Float `json:"components"`
	DType      string    `json:"dtype,omitempty"` // float32 if fitted on such data
}

func (s *GaussianRandomProjection) read(a *attrs) {
	a.ignore("n_components", "n_components_", "eps", "compute_inverse_components", "inverse_components_", "dense_output", "_n_features_out")
	if s.Components = a.grid("components_"); s.Components == nil {
		a.fail("components_: %v", errNotFitted)
		return
	}
	s.DType = a.narrow("components_")
	if len(s.Components) > 0 {
		s.fixWidth(len(s.Components[0]))
	}
}

func (s *GaussianRandomProjection) outputs(in int) (int, error) {
	if err := s.checkHead(in); err != nil {
		return 0, err
	}
	if err := s.checkNarrow(s.DType); err != nil {
		return 0, err
	}
	return len(s.Components), s.checkComponents(s.Components, in)
}

func (s *GaussianRandomProjection) needs(in int, _ []Want) []Want { return same(in, Number) }

func (s *GaussianRandomProjection) names([]string) []string { return s.classNames(len(s.Components)) }

func (s *GaussianRandomProjection) compile(b *builder, in matrix) matrix {
	return b.project(s, b.narrowed(in, s.DType), s.DType != "float32", s.Components, nil, nil, false)
}

func (s *GaussianRandomProjection) describe(o *outline) {
	o.line("GaussianRandomProjection: %d components", len(s.Components))
}
