package model

import "math"

// Normalizer divides each record by its norm:
//
//	y[i] = x[i] / norm(x),  norm = sum of |x| (l1), root of the sum of x² (l2), largest |x| (max)
//
// A record of norm 0 stays as it is. Missing cells and infinities are refused.
// See sklearn.preprocessing.Normalizer.
type Normalizer struct {
	head
	Norm string `json:"norm"`
	// Smallest: a norm below it counts as 1. scikit-learn since 1.0 takes ten
	// times the spacing of floats at 1, before that only 0 itself.
	Smallest Float `json:"smallest_norm"`
}

func (s *Normalizer) read(a *attrs) {
	s.Norm = a.option("norm", "", "l1", "l2", "max")
	s.Smallest = 10 * 0x1p-52
	if a.before(1, 0) {
		s.Smallest = 0
	}
}

func (s *Normalizer) outputs(in int) (int, error) {
	switch s.Norm {
	case "l1", "l2", "max":
	default:
		return 0, s.errorf("norm: got %q, want l1, l2 or max", s.Norm)
	}
	if !(s.Smallest >= 0) {
		return 0, s.errorf("smallest_norm: got %v, want 0 or more", s.Smallest)
	}
	return in, s.checkHead(in)
}

func (s *Normalizer) needs(in int, _ []Want) []Want { return same(in, Number) }

func (s *Normalizer) names(in []string) []string { return in }

func (s *Normalizer) compile(b *builder, in matrix) matrix {
	m := b.numbers(s, in)
	if len(b.errs) > 0 {
		return m
	}
	b.allChecked(s.Class, m, false)
	o := normalize{norm: s.Norm, smallest: float64(s.Smallest)}
	for i, c := range m.cols {
		out := b.derived(c, c.dt)
		o.in = append(o.in, c.reg)
		o.out = append(o.out, out.reg)
		o.narrow = c.dt == dtFloat32
		m.cols[i] = out
	}
	if o.narrow && o.smallest > 0 {
		o.smallest = 10 * 0x1p-23
	}
	if in.sparse {
		o.smallest = 0 // scikit-learn's code for sparse matrices looks for 0
	}
	b.add(o)
	return m
}

func (s *Normalizer) describe(o *outline) {
	o.line("Normalizer: divide each record by its %s norm", s.Norm)
}

type normalize struct {
	in, out  []int
	norm     string
	smallest float64
	narrow   bool
}

func (o normalize) run(w *Worker, rows int) {
	sums := w.scratch(rows)
	clear(sums)
	for _, r := range o.in {
		from := w.regs[r].Floats[:len(sums)]
		switch o.norm {
		case "l1":
			for i, v := range from {
				sums[i] += math.Abs(v)
			}
		case "l2":
			for i, v := range from {
				sums[i] += float64(v * v)
			}
		default:
			for i, v := range from {
				sums[i] = max(sums[i], math.Abs(v))
			}
		}
	}
	for i, v := range sums {
		if o.norm == "l2" {
			v = math.Sqrt(v)
		}
		if o.narrow {
			v = float64(float32(v))
		}
		if v == 0 || v < o.smallest {
			v = 1
		}
		sums[i] = v
	}
	for j, r := range o.out {
		to := floatsOf(&w.regs[r], rows)
		for i, v := range w.regs[o.in[j]].Floats[:len(to)] {
			to[i] = v / sums[i]
		}
		if o.narrow {
			for i, v := range to {
				to[i] = float64(float32(v))
			}
		}
	}
}
