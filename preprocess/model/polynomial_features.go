package model

import (
	"strconv"
	"strings"

	"ds-pipeline/preprocess/frame"
	"ds-pipeline/preprocess/pickle"
)

// PolynomialFeatures makes every product of up to MaxDegree columns:
//
//	1, a, b, a², ab, b², ...
//
// by degree, each product with its first factor multiplied last. Missing cells
// and infinities are refused. See sklearn.preprocessing.PolynomialFeatures.
type PolynomialFeatures struct {
	head
	MinDegree int `json:"min_degree"`
	MaxDegree int `json:"max_degree"`
	// InteractionOnly leaves out products with a column twice.
	InteractionOnly bool `json:"interaction_only,omitempty"`
	// Bias adds the column of 1.
	Bias bool `json:"include_bias,omitempty"`
}

func (s *PolynomialFeatures) read(a *attrs) {
	a.ignore("order", "n_output_features_", "_n_out_full", "n_input_features_", "_min_degree", "_max_degree")
	if v, ok := a.must("degree"); ok {
		if n, ok := pickle.Int(v); ok && n >= 0 && n <= MaxColumns {
			s.MaxDegree = int(n)
		} else if items, ok := a.items(v); ok && len(items) == 2 {
			r := a.indices("degree", v)
			if len(r) == 2 {
				s.MinDegree, s.MaxDegree = r[0], r[1]
			}
		} else {
			a.fail("degree: got %s, want a whole number or two", pickle.Describe(v))
		}
	}
	s.InteractionOnly = a.flag("interaction_only", false)
	s.Bias = a.flag("include_bias", true)
	if v, ok := a.get("n_input_features_"); ok && s.Inputs == 0 {
		if n, ok := pickle.Int(v); ok && n > 0 && n <= MaxColumns {
			s.Inputs = int(n)
		}
	}
}

func (s *PolynomialFeatures) outputs(in int) (int, error) {
	if err := s.checkHead(in); err != nil {
		return 0, err
	}
	if s.MinDegree < 0 || s.MaxDegree < s.MinDegree {
		return 0, s.errorf("degree: got %d to %d", s.MinDegree, s.MaxDegree)
	}
	full, n := s.count(in)
	if full > MaxColumns {
		return 0, s.errorf("degree %d of %d columns makes more than %d columns", s.MaxDegree, in, MaxColumns)
	}
	return n, nil
}

// count is how many products there are of every degree, and how many of them
// are put out.
func (s *PolynomialFeatures) count(in int) (full, out int) {
	if s.Bias {
		full, out = 1, 1
	}
	n := 1.0 // products of degree d
	for d := 1; d <= s.MaxDegree && n > 0 && full <= MaxColumns; d++ {
		if s.InteractionOnly {
			n = n * float64(in-d+1) / float64(d)
		} else {
			n = n * float64(in+d-1) / float64(d)
		}
		if n > MaxColumns {
			return MaxColumns + 1, 0
		}
		k := int(n + 0.5)
		n = float64(k)
		full += k
		if d >= max(s.MinDegree, 1) {
			out += k
		}
	}
	return full, out
}

// term is a product: column factor times the earlier term rest, or the bare
// column if rest is -1.
type term struct {
	factor, rest, degree int
	// power is how often factor occurs, and others the term of the other
	// factors, -1 for none.
	power, others int
}

// terms lists the products of one degree after the other, without the bias.
func (s *PolynomialFeatures) terms(in int) []term {
	var all []term
	// start[f] is where, among the terms of the degree before, those begin
	// whose first factor is f.
	start := make([]int, in+1)
	for f := range in {
		start[f] = len(all)
		all = append(all, term{f, -1, 1, 1, -1})
	}
	start[in] = len(all)
	for d := 2; d <= s.MaxDegree; d++ {
		next := make([]int, in+1)
		end := start[in]
		for f := range in {
			next[f] = len(all)
			from := start[f]
			if s.InteractionOnly {
				from = start[f+1]
			}
			for t := from; t < end; t++ {
				made := term{f, t, d, 1, t}
				if all[t].factor == f {
					made.power, made.others = all[t].power+1, all[t].others
				}
				all = append(all, made)
			}
		}
		next[in] = len(all)
		if next[in] == next[0] {
			break
		}
		start = next
	}
	if s.MaxDegree == 0 {
		return nil
	}
	return all
}

func (s *PolynomialFeatures) needs(in int, _ []Want) []Want { return same(in, Number) }

func (s *PolynomialFeatures) names(in []string) []string {
	var names []string
	if s.Bias {
		names = append(names, "1")
	}
	terms := s.terms(len(in))
	for _, t := range terms {
		if t.degree < s.MinDegree {
			continue
		}
		var parts []string
		for {
			part := in[t.factor]
			if t.power > 1 {
				part += "^" + strconv.Itoa(t.power)
			}
			parts = append(parts, part)
			if t.others < 0 {
				break
			}
			t = terms[t.others]
		}
		names = append(names, strings.Join(parts, " "))
	}
	return names
}

func (s *PolynomialFeatures) compile(b *builder, in matrix) matrix {
	m := b.numbers(s, in)
	if len(b.errs) > 0 {
		return m
	}
	b.allChecked(s.Class, m, false)
	out := matrix{sparse: in.sparse}
	dt := dtFloat64
	if len(m.cols) > 0 {
		dt = m.cols[0].dt
	}
	if s.Bias {
		one := b.derived(col{}, dt)
		b.add(constant{out: one.reg, value: 1})
		out.cols = append(out.cols, one)
	}
	terms := s.terms(len(m.cols))
	made := make([]col, len(terms))
	for i, t := range terms {
		made[i] = m.cols[t.factor]
		if t.rest >= 0 {
			made[i] = b.derived(col{from: both2(m.cols[t.factor].from, made[t.rest].from)}, dt)
			b.add(cellProduct{a: made[t.rest].reg, b: m.cols[t.factor].reg, out: made[i].reg, narrow: dt == dtFloat32})
		}
		if t.degree >= s.MinDegree {
			out.cols = append(out.cols, made[i])
		}
	}
	return out
}

// both2 is the input column of something made from two.
func both2(a, b string) string {
	if a == b {
		return a
	}
	return ""
}

func (s *PolynomialFeatures) describe(o *outline) {
	what := "products"
	if s.InteractionOnly {
		what = "products of different columns"
	}
	bias := ""
	if s.Bias {
		bias = ", and a column of 1"
	}
	o.line("PolynomialFeatures: %s of degree %d to %d%s", what, max(s.MinDegree, 1), s.MaxDegree, bias)
}

// constant fills a column.
type constant struct {
	out   int
	value float64
}

func (o constant) run(w *Worker, rows int) {
	out := &w.regs[o.out]
	if out.Kind == frame.Float || out.Kind == frame.Float32 {
		to := floatsOf(out, rows)
		for i := range to {
			to[i] = o.value
		}
		return
	}
	to := intsOf(out, rows)
	for i := range to {
		to[i] = int64(o.value)
	}
}

// cellProduct is y = a * b.
type cellProduct struct {
	a, b, out int
	narrow    bool
}

func (o cellProduct) run(w *Worker, rows int) {
	to := floatsOf(&w.regs[o.out], rows)
	x, y := w.regs[o.a].Floats[:len(to)], w.regs[o.b].Floats[:len(to)]
	for i, v := range x {
		to[i] = v * y[i]
	}
	if o.narrow {
		for i, v := range to {
			to[i] = float64(float32(v))
		}
	}
}
