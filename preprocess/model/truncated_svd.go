package model

// TruncatedSVD projects each record on the singular vectors:
//
//	y[k] = sum over i of x[i] * Components[k][i]
//
// Missing cells and infinities are refused.
// See sklearn.decomposition.TruncatedSVD.
type TruncatedSVD struct {
	head
	Components [][]Float `json:"components"`
	DType      string    `json:"dtype,omitempty"` // float32 if fitted on such data
}

func (s *TruncatedSVD) read(a *attrs) {
	a.ignore("n_components", "algorithm", "n_iter", "n_oversamples", "power_iteration_normalizer", "tol",
		"explained_variance_", "explained_variance_ratio_", "singular_values_")
	if s.Components = a.grid("components_"); s.Components == nil {
		a.fail("components_: %v", errNotFitted)
		return
	}
	s.DType = a.narrow("components_")
	if len(s.Components) > 0 {
		s.fixWidth(len(s.Components[0]))
	}
}

func (s *TruncatedSVD) outputs(in int) (int, error) {
	if err := s.checkHead(in); err != nil {
		return 0, err
	}
	if err := s.checkNarrow(s.DType); err != nil {
		return 0, err
	}
	return len(s.Components), s.checkComponents(s.Components, in)
}

func (s *TruncatedSVD) needs(in int, _ []Want) []Want { return same(in, Number) }

func (s *TruncatedSVD) names([]string) []string { return s.classNames(len(s.Components)) }

func (s *TruncatedSVD) compile(b *builder, in matrix) matrix {
	return b.project(s, b.narrowed(in, s.DType), s.DType != "float32", s.Components, nil, nil, false)
}

func (s *TruncatedSVD) describe(o *outline) {
	o.line("TruncatedSVD: %d components", len(s.Components))
}
