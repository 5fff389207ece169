package model

import "ds-pipeline/preprocess/frame"

// Binarizer says which numbers exceed a threshold:
//
//	y[i] = 1 if x[i] > Threshold, else 0
//
// Missing cells and infinities are refused. See sklearn.preprocessing.Binarizer.
type Binarizer struct {
	head
	mixture
	Threshold Float `json:"threshold"`
}

func (s *Binarizer) read(a *attrs) {
	s.Threshold = a.number("threshold", 0)
	s.CommonType = a.commonType()
}

func (s *Binarizer) outputs(in int) (int, error) { return in, s.checkHead(in) }

func (s *Binarizer) needs(in int, _ []Want) []Want { return same(in, Infer) }

func (s *Binarizer) names(in []string) []string { return in }

func (s *Binarizer) compile(b *builder, in matrix) matrix {
	m := b.validNumbers(s, in, s.mixture)
	if len(b.errs) > 0 {
		return m
	}
	for i, c := range m.cols {
		out := b.derived(c, c.dt)
		b.add(exceeds{in: c.reg, out: out.reg, threshold: float64(s.Threshold)})
		m.cols[i] = out
	}
	return m
}

func (s *Binarizer) describe(o *outline) {
	o.line("Binarizer: 1 above %v, else 0", s.Threshold)
}

type exceeds struct {
	in, out   int
	threshold float64
}

func (o exceeds) run(w *Worker, rows int) {
	in, out := &w.regs[o.in], &w.regs[o.out]
	if in.Kind == frame.Int || in.Kind == frame.Bool {
		to := intsOf(out, rows)
		for i, v := range in.Ints[:rows] {
			to[i] = 0
			if float64(v) > o.threshold {
				to[i] = 1
			}
		}
		return
	}
	to := floatsOf(out, rows)
	for i, v := range in.Floats[:rows] {
		to[i] = 0
		if v > o.threshold {
			to[i] = 1
		}
	}
}
