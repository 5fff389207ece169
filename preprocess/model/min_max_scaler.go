package model

// MinMaxScaler moves each column into a range:
//
//	y[i] = x[i]*Scale[i] + Min[i]
//
// and, with clip, cuts it off at the range. Missing cells stay missing;
// infinities are refused. See sklearn.preprocessing.MinMaxScaler.
type MinMaxScaler struct {
	head
	Scale []Float  `json:"scale"`
	Min   []Float  `json:"min"`
	Range [2]Float `json:"feature_range"`
	Clip  bool     `json:"clip,omitempty"`
	DType string   `json:"dtype,omitempty"` // float32 if fitted on such data
	// DataMin, DataMax and Samples are the smallest and the largest value and the
	// number of records when fitted. They do not change the result.
	DataMin []Float `json:"data_min,omitempty"`
	DataMax []Float `json:"data_max,omitempty"`
	Samples []Float `json:"n_samples_seen,omitempty"` // of all columns
}

func (s *MinMaxScaler) read(a *attrs) {
	a.ignore("data_range_")
	s.Scale, s.Min = a.vector("scale_"), a.vector("min_")
	if s.Scale == nil || s.Min == nil {
		a.fail("scale_ or min_: %v", errNotFitted)
	}
	s.Range = a.pairOf("feature_range")
	s.Clip = a.flag("clip", false)
	s.DType = a.narrow("scale_")
	s.fixWidth(len(s.Scale))
	s.DataMin, s.DataMax = a.extra("data_min_", len(s.Scale)), a.extra("data_max_", len(s.Scale))
	s.Samples = a.samples("n_samples_seen_", len(s.Scale))
}

func (s *MinMaxScaler) outputs(in int) (int, error) {
	if err := s.checkHead(in); err != nil {
		return 0, err
	}
	if err := s.checkNarrow(s.DType); err != nil {
		return 0, err
	}
	if err := s.checkLen("scale", len(s.Scale), in); err != nil {
		return 0, err
	}
	if s.Clip && !(s.Range[0] < s.Range[1]) {
		return 0, s.errorf("feature_range: got %v to %v, want the smaller first", s.Range[0], s.Range[1])
	}
	for _, extra := range []struct {
		name string
		got  []Float
	}{{"data_min", s.DataMin}, {"data_max", s.DataMax}} {
		if err := s.checkExtra(extra.name, len(extra.got), in); err != nil {
			return 0, err
		}
	}
	if err := s.checkSamples(s.Samples, in); err != nil {
		return 0, err
	}
	return in, s.checkLen("min", len(s.Min), in)
}

func (s *MinMaxScaler) remember(i int, n *note) {
	if s.DataMin != nil && s.DataMax != nil {
		n.limits(at(s.DataMin, i), at(s.DataMax, i), s.DType == "float32")
	}
	n.rows(at(s.Samples, i))
}

func (s *MinMaxScaler) needs(in int, _ []Want) []Want { return same(in, Number) }

func (s *MinMaxScaler) names(in []string) []string { return in }

func (s *MinMaxScaler) compile(b *builder, in matrix) matrix {
	m := b.numbers(s, b.narrowed(in, s.DType))
	if len(b.errs) > 0 {
		return m
	}
	b.allChecked(s.Class, m, true)
	for i, c := range m.cols {
		out := b.derived(c, c.dt)
		b.add(stretch{in: c.reg, out: out.reg, mul: float64(s.Scale[i]), add: float64(s.Min[i]),
			clip: s.Clip, lo: float64(s.Range[0]), hi: float64(s.Range[1]), narrow: c.dt == dtFloat32})
		m.cols[i] = out
	}
	return m
}

func (s *MinMaxScaler) describe(o *outline) {
	clip := ""
	if s.Clip {
		clip = ", cut off there"
	}
	o.line("MinMaxScaler: to the range %v to %v%s: multiply by %s, add %s", s.Range[0], s.Range[1], clip, o.of(s.Scale), o.of(s.Min))
}

// stretch is y = x*mul + add, cut off at lo and hi.
type stretch struct {
	in, out          int
	mul, add, lo, hi float64
	clip, narrow     bool
}

func (o stretch) run(w *Worker, rows int) {
	to := floatsOf(&w.regs[o.out], rows)
	from := w.regs[o.in].Floats[:len(to)]
	if o.narrow {
		for i, v := range from {
			p := float64(float32(v * o.mul))
			to[i] = float64(float32(p + o.add))
		}
	} else {
		mul, add := o.mul, o.add
		for i, v := range from {
			to[i] = float64(v*mul) + add // rounded twice, never fused
		}
	}
	if !o.clip {
		return
	}
	lo, hi := o.lo, o.hi
	if o.narrow {
		lo, hi = float64(float32(lo)), float64(float32(hi))
	}
	for i, v := range to {
		if v < lo {
			to[i] = lo
		} else if v > hi {
			to[i] = hi
		}
	}
}
