package model

// StandardScaler moves each column to mean 0 and standard deviation 1:
//
//	y[i] = (x[i] - Mean[i]) / Scale[i]
//
// Missing cells stay missing; infinities are refused. scikit-learn stores the
// scale of a constant column as 1, so a 0 means the model file is damaged.
// See sklearn.preprocessing.StandardScaler.
type StandardScaler struct {
	head
	Mean  []Float `json:"mean,omitempty"`  // absent: with_mean=False
	Scale []Float `json:"scale,omitempty"` // absent: with_std=False
	// Var and Samples are the variance and the number of records when fitted.
	// They do not change the result.
	Var     []Float `json:"var,omitempty"`
	Samples []Float `json:"n_samples_seen,omitempty"` // of all columns, or of each
	// RoundFirst rounds both to float32 before they meet float32 data, as
	// scikit-learn does since 1.8.
	RoundFirst bool `json:"round_first,omitempty"`
}

func (s *StandardScaler) read(a *attrs) {
	a.ignore("mean_", "scale_")
	s.RoundFirst = !a.before(1, 8)
	if a.flag("with_mean", true) {
		if s.Mean = a.vector("mean_"); s.Mean == nil {
			a.fail("mean_: %v", errNotFitted)
		}
	}
	if a.flag("with_std", true) {
		if s.Scale = a.vector("scale_"); s.Scale == nil {
			a.fail("scale_: %v", errNotFitted)
		}
	}
	s.fixWidth(len(s.Mean), len(s.Scale))
	s.Var = a.extra("var_", max(len(s.Mean), len(s.Scale)))
	s.Samples = a.samples("n_samples_seen_", max(len(s.Mean), len(s.Scale)))
}

func (s *StandardScaler) outputs(in int) (int, error) {
	if err := s.checkHead(in); err != nil {
		return 0, err
	}
	if err := s.checkExtra("var", len(s.Var), in); err != nil {
		return 0, err
	}
	if err := s.checkSamples(s.Samples, in); err != nil {
		return 0, err
	}
	return in, s.checkShift("mean", s.Mean, "scale", s.Scale, in)
}

func (s *StandardScaler) needs(in int, _ []Want) []Want { return same(in, Number) }

func (s *StandardScaler) names(in []string) []string { return in }

func (s *StandardScaler) compile(b *builder, in matrix) matrix {
	return compileShift(b, s, in, s.Mean, s.Scale, s.RoundFirst)
}

func (s *StandardScaler) describe(o *outline) {
	switch {
	case s.Mean == nil && s.Scale == nil:
		o.line("StandardScaler: leave numbers as they are")
	case s.Mean == nil:
		o.line("StandardScaler: divide by %s", o.of(s.Scale))
	case s.Scale == nil:
		o.line("StandardScaler: subtract %s", o.of(s.Mean))
	default:
		o.line("StandardScaler: subtract %s, divide by %s", o.of(s.Mean), o.of(s.Scale))
	}
}

func (s *StandardScaler) remember(i int, n *note) {
	if s.Mean != nil {
		n.fact(&n.reference.Mean, at(s.Mean, i))
	}
	if s.Scale != nil {
		n.spread(at(s.Scale, i), at(s.Var, i))
	}
	n.rows(at(s.Samples, i))
}

// fixWidth sets the number of columns of a model that does not say it, from
// the length of what was fitted.
func (h *head) fixWidth(lengths ...int) {
	for _, n := range lengths {
		if h.Inputs == 0 {
			h.Inputs = n
		}
	}
}

// checkLen checks the length of a fitted array; an absent one is fine.
func (h *head) checkLen(name string, got, want int) error {
	if got != want {
		return h.errorf("%s: %d values for %d columns", name, got, want)
	}
	return nil
}

// checkShift checks the arrays of a step that subtracts one and divides by the
// other. Either may be absent.
func (h *head) checkShift(subName string, sub []Float, divName string, div []Float, in int) error {
	if sub != nil {
		if err := h.checkLen(subName, len(sub), in); err != nil {
			return err
		}
	}
	if div == nil {
		return nil
	}
	if err := h.checkLen(divName, len(div), in); err != nil {
		return err
	}
	for i, v := range div {
		if v == 0 {
			return h.errorf("%s: 0 for column %d, and a fitted model has no 0 there", divName, i)
		}
	}
	return nil
}

// compileShift compiles y = (x - sub) / div, column by column, each step
// rounded to the column's type, and with roundFirst sub and div too.
func compileShift(b *builder, s step, in matrix, sub, div []Float, roundFirst bool) matrix {
	m := b.numbers(s, in)
	if len(b.errs) > 0 {
		return m
	}
	b.allChecked(s.header().Class, m, true)
	for i, c := range m.cols {
		out := b.derived(c, c.dt)
		o := shift{in: c.reg, out: out.reg, narrow: c.dt == dtFloat32, div: 1}
		if sub != nil {
			o.sub = float64(sub[i])
		}
		if div != nil {
			o.div = float64(div[i])
		}
		if o.narrow && roundFirst {
			o.sub, o.div = float64(float32(o.sub)), float64(float32(o.div))
		}
		b.add(o)
		m.cols[i] = out
	}
	return m
}

// shift is y = (x - sub) / div. Subtracting 0 and dividing by 1 are exact, but
// for the sign of a zero, which prints: x - 0 keeps it.
type shift struct {
	in, out  int
	sub, div float64
	narrow   bool
}

func (o shift) run(w *Worker, rows int) {
	to := floatsOf(&w.regs[o.out], rows)
	from := w.regs[o.in].Floats[:len(to)]
	if o.narrow {
		for i, v := range from {
			d := float64(float32(v - o.sub))
			to[i] = float64(float32(d / o.div))
		}
		return
	}
	sub, div := o.sub, o.div
	for i, v := range from {
		to[i] = (v - sub) / div
	}
}
