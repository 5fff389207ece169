package model

import "ds-pipeline/preprocess/pickle"

// RobustScaler moves each column by its median and divides it by the range of
// its quantiles:
//
//	y[i] = (x[i] - Center[i]) / Scale[i]
//
// Missing cells stay missing; infinities are refused.
// See sklearn.preprocessing.RobustScaler.
type RobustScaler struct {
	head
	Center []Float `json:"center,omitempty"` // absent: with_centering=False
	Scale  []Float `json:"scale,omitempty"`  // absent: with_scaling=False
	DType  string  `json:"dtype,omitempty"`  // float32 if fitted on such data
	// Quantiles are the percentages between which the range lies, and
	// UnitVariance says that it was divided by that of the normal distribution.
	// They do not change the result.
	Quantiles    *[2]Float `json:"quantile_range,omitempty"`
	UnitVariance bool      `json:"unit_variance,omitempty"`
}

func (s *RobustScaler) read(a *attrs) {
	a.ignore("center_", "scale_")
	if v, ok := a.get("quantile_range"); ok {
		if q, _, err := a.floats(v); err == nil && len(q) == 2 {
			s.Quantiles = &[2]Float{Float(q[0]), Float(q[1])}
		}
	}
	if v, ok := a.get("unit_variance"); ok {
		s.UnitVariance, _ = pickle.Bool(v)
	}
	if a.flag("with_centering", true) {
		if s.Center = a.vector("center_"); s.Center == nil {
			a.fail("center_: %v", errNotFitted)
		}
		s.DType = a.narrow("center_")
	}
	if a.flag("with_scaling", true) {
		if s.Scale = a.vector("scale_"); s.Scale == nil {
			a.fail("scale_: %v", errNotFitted)
		}
	}
	s.fixWidth(len(s.Center), len(s.Scale))
}

func (s *RobustScaler) outputs(in int) (int, error) {
	if err := s.checkHead(in); err != nil {
		return 0, err
	}
	if err := s.checkNarrow(s.DType); err != nil {
		return 0, err
	}
	return in, s.checkShift("center", s.Center, "scale", s.Scale, in)
}

// A scale of 1 tells nothing: scikit-learn puts it for a range of 0 too.
func (s *RobustScaler) remember(i int, n *note) {
	if s.Center != nil {
		n.fact(&n.reference.Median, at(s.Center, i))
	}
	if s.Scale == nil || s.Quantiles == nil || s.Scale[i] == 1 {
		return
	}
	low, high, width := float64(s.Quantiles[0])/100, float64(s.Quantiles[1])/100, float64(s.Scale[i])
	if s.UnitVariance {
		width *= normalQuantile(high) - normalQuantile(low)
	}
	n.quantileRange(width, low, high)
}

func (s *RobustScaler) needs(in int, _ []Want) []Want { return same(in, Number) }

func (s *RobustScaler) names(in []string) []string { return in }

func (s *RobustScaler) compile(b *builder, in matrix) matrix {
	return compileShift(b, s, b.narrowed(in, s.DType), s.Center, s.Scale, false)
}

func (s *RobustScaler) describe(o *outline) {
	switch {
	case s.Center == nil && s.Scale == nil:
		o.line("RobustScaler: leave numbers as they are")
	case s.Center == nil:
		o.line("RobustScaler: divide by %s", o.of(s.Scale))
	case s.Scale == nil:
		o.line("RobustScaler: subtract %s", o.of(s.Center))
	default:
		o.line("RobustScaler: subtract %s, divide by %s", o.of(s.Center), o.of(s.Scale))
	}
}
