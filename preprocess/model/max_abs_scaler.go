package model

// MaxAbsScaler divides each column by its largest absolute value:
//
//	y[i] = x[i] / Scale[i]
//
// Missing cells stay missing; infinities are refused.
// See sklearn.preprocessing.MaxAbsScaler.
type MaxAbsScaler struct {
	head
	Scale []Float `json:"scale"`
	// Clip cuts off at -1 and 1. scikit-learn has it since 1.8.
	Clip  bool   `json:"clip,omitempty"`
	DType string `json:"dtype,omitempty"` // float32 if fitted on such data
	// MaxAbs and Samples are the largest absolute value and the number of records
	// when fitted. They do not change the result.
	MaxAbs  []Float `json:"max_abs,omitempty"`
	Samples []Float `json:"n_samples_seen,omitempty"` // of all columns
}

func (s *MaxAbsScaler) read(a *attrs) {
	if s.Scale = a.vector("scale_"); s.Scale == nil {
		a.fail("scale_: %v", errNotFitted)
	}
	s.Clip = a.flag("clip", false)
	s.DType = a.narrow("scale_")
	s.fixWidth(len(s.Scale))
	s.MaxAbs = a.extra("max_abs_", len(s.Scale))
	s.Samples = a.samples("n_samples_seen_", len(s.Scale))
}

func (s *MaxAbsScaler) outputs(in int) (int, error) {
	if err := s.checkHead(in); err != nil {
		return 0, err
	}
	if err := s.checkNarrow(s.DType); err != nil {
		return 0, err
	}
	if err := s.checkLen("scale", len(s.Scale), in); err != nil {
		return 0, err
	}
	if err := s.checkExtra("max_abs", len(s.MaxAbs), in); err != nil {
		return 0, err
	}
	if err := s.checkSamples(s.Samples, in); err != nil {
		return 0, err
	}
	return in, s.checkShift("", nil, "scale", s.Scale, in)
}

func (s *MaxAbsScaler) remember(i int, n *note) {
	if s.MaxAbs != nil {
		n.limits(-at(s.MaxAbs, i), at(s.MaxAbs, i), s.DType == "float32")
	}
	n.rows(at(s.Samples, i))
}

func (s *MaxAbsScaler) needs(in int, _ []Want) []Want { return same(in, Number) }

func (s *MaxAbsScaler) names(in []string) []string { return in }

func (s *MaxAbsScaler) compile(b *builder, in matrix) matrix {
	m := compileShift(b, s, b.narrowed(in, s.DType), nil, s.Scale, false)
	if !s.Clip || len(b.errs) > 0 {
		return m
	}
	for i, c := range m.cols {
		out := b.derived(c, c.dt)
		b.add(stretch{in: c.reg, out: out.reg, mul: 1, clip: true, lo: -1, hi: 1})
		m.cols[i] = out
	}
	return m
}

func (s *MaxAbsScaler) describe(o *outline) {
	clip := ""
	if s.Clip {
		clip = ", cut off at -1 and 1"
	}
	o.line("MaxAbsScaler: divide by %s%s", o.of(s.Scale), clip)
}
