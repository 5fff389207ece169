package model

// uncentered is a projection without a mean. The classes differ in where the
// components come from only.
type uncentered struct {
	head
	Components [][]Float `json:"components"`
	DType      string    `json:"dtype,omitempty"` // float32 if fitted on such data
}

func (s *uncentered) readComponents(a *attrs) {
	if s.Components = a.grid("components_"); s.Components == nil {
		a.fail("components_: %v", errNotFitted)
		return
	}
	s.DType = a.narrow("components_")
	if len(s.Components) > 0 {
		s.fixWidth(len(s.Components[0]))
	}
}

func (s *uncentered) outputs(in int) (int, error) {
	if err := s.checkHead(in); err != nil {
		return 0, err
	}
	if err := s.checkNarrow(s.DType); err != nil {
		return 0, err
	}
	return len(s.Components), s.checkComponents(s.Components, in)
}

func (s *uncentered) needs(in int, _ []Want) []Want { return same(in, Number) }

func (s *uncentered) names([]string) []string { return s.classNames(len(s.Components)) }

func (s *uncentered) fittedNarrow() bool { return s.DType == "float32" }

func (s *uncentered) describe(o *outline) {
	o.line("%s: %d components", s.Class, len(s.Components))
}

// multiply compiles the projection. whole is the step itself.
func (s *uncentered) multiply(b *builder, whole step, in matrix) matrix {
	return b.project(whole, b.narrowed(in, s.DType), s.DType != "float32", s.Components, nil, nil, false)
}

// project compiles a projection. wide says that components or mean are of
// float64. mean and scale may be nil.
func (b *builder) project(s step, in matrix, wide bool, rows [][]Float, mean, scale []Float, centerLast bool) matrix {
	m := b.numbers(s, in)
	if len(b.errs) > 0 {
		return m
	}
	if wide { // and make float64 of float32 data
		for i, c := range m.cols {
			m.cols[i] = b.cast(c, dtFloat64)
		}
	}
	b.allChecked(s.header().Class, m, false)
	o := projection{rows: make([][]float64, len(rows)), center: make([]float64, len(m.cols))}
	dt := dtFloat64
	if len(m.cols) > 0 {
		dt = m.cols[0].dt
	}
	o.narrow = dt == dtFloat32
	from := ""
	for i, c := range m.cols {
		o.in = append(o.in, c.reg)
		if mean != nil && !centerLast {
			o.center[i] = float64(mean[i])
		}
		from = c.from
	}
	if len(m.cols) != 1 {
		from = ""
	}
	out := matrix{}
	for k, row := range rows {
		o.rows[k] = plainFloats(row)
		shift := 0.0
		if mean != nil && centerLast {
			for i, v := range row {
				shift += float64(float64(mean[i]) * float64(v))
			}
		}
		o.shift = append(o.shift, shift)
		div := 1.0
		if scale != nil {
			div = float64(scale[k])
		}
		o.div = append(o.div, div)
		oc := b.derived(col{from: from}, dt)
		o.out = append(o.out, oc.reg)
		out.cols = append(out.cols, oc)
	}
	b.add(o)
	return out
}

// projection is y[k] = (sum of (x[i]-center[i])*rows[k][i] - shift[k]) / div[k].
type projection struct {
	in, out            []int
	rows               [][]float64
	center, shift, div []float64
	narrow             bool
}

func (o projection) run(w *Worker, rows int) {
	for _, r := range o.out {
		clear(floatsOf(&w.regs[r], rows))
	}
	x := w.scratch(rows)
	for i, r := range o.in {
		c := o.center[i]
		for j, v := range w.regs[r].Floats[:rows] {
			x[j] = v - c
		}
		for k, out := range o.out {
			f := o.rows[k][i]
			to := w.regs[out].Floats[:len(x)]
			for j, v := range x {
				to[j] += float64(v * f)
			}
		}
	}
	for k, r := range o.out {
		to := w.regs[r].Floats[:rows]
		if o.shift[k] != 0 || o.div[k] != 1 {
			for j, v := range to {
				to[j] = (v - o.shift[k]) / o.div[k]
			}
		}
		if o.narrow {
			roundAll(to)
		}
	}
}
