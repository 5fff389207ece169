package model

import (
	"math"
	"sort"
	"strconv"

	"ds-pipeline/preprocess/frame"
	"ds-pipeline/preprocess/pickle"
)

// KBinsDiscretizer replaces each number by the bin it falls in:
//
//	y[i] = how many of the inner edges are <= x[i]
//
// as a number (Encode ordinal) or as one column of 0 and 1 per bin. Missing
// cells and infinities are refused.
// See sklearn.preprocessing.KBinsDiscretizer.
type KBinsDiscretizer struct {
	head
	Edges [][]Float `json:"bin_edges"` // per column, with the outer ones
	// Encode is ordinal, onehot or onehot-dense.
	Encode string `json:"encode"`
	// DType is float64 or float32, or "" for that of the data.
	DType string `json:"dtype,omitempty"`
	// Tolerant is how scikit-learn before 1.1 did it: a number just below an
	// edge, by 1e-8 + 1e-5*|x|, counts as above.
	Tolerant bool `json:"tolerant,omitempty"`
	// Strategy is uniform, quantile or kmeans, and Wanted how many bins were asked
	// for, of each column or of all. They do not change the result.
	Strategy string  `json:"strategy,omitempty"`
	Wanted   []Float `json:"n_bins,omitempty"`
}

func (s *KBinsDiscretizer) read(a *attrs) {
	a.ignore("subsample", "n_bins_", "quantile_method")
	if v, ok := a.get("strategy"); ok {
		s.Strategy, _ = pickle.Text(v)
	}
	s.Encode = a.option("encode", "", "ordinal", "onehot", "onehot-dense")
	if v, ok := a.get("dtype"); ok && v != nil {
		s.DType = a.dtypeParam("dtype", "")
	}
	s.Tolerant = a.before(1, 1)
	v, ok := a.must("bin_edges_")
	if !ok {
		return
	}
	for i, it := range a.list("bin_edges_", v) {
		fs, shape, err := a.floats(it)
		if err != nil || len(shape) != 1 {
			a.fail("bin_edges_: column %d: got %s, want an array of numbers", i, pickle.Describe(it))
			return
		}
		s.Edges = append(s.Edges, toFloats(fs))
	}
	s.fixWidth(len(s.Edges))
	s.Wanted = a.samples("n_bins", len(s.Edges))
	if s.Encode == "ordinal" {
		a.ignore("_encoder")
		return
	}
	v, ok = a.must("_encoder")
	if !ok {
		return
	}
	enc, isEnc := a.im.step(v, a.path+" _encoder").(*OneHotEncoder)
	if !isEnc || len(enc.Categories) != len(s.Edges) || enc.Drop != nil || enc.Groups != nil {
		a.fail("_encoder: got %s, want a plain OneHotEncoder of as many columns", pickle.Describe(v))
		return
	}
	for i, c := range enc.Categories {
		if len(c.Values) != len(s.Edges[i])-1 {
			a.fail("_encoder: column %d has %d categories for %d bins", i, len(c.Values), len(s.Edges[i])-1)
			return
		}
		for k, v := range c.Values {
			if f, ok := v.number(); !ok || f != float64(k) {
				a.fail("_encoder: column %d: category %d is %s", i, k, v.text(64))
				return
			}
		}
	}
}

func (s *KBinsDiscretizer) outputs(in int) (int, error) {
	if err := s.checkHead(in); err != nil {
		return 0, err
	}
	if err := s.checkLen("bin_edges", len(s.Edges), in); err != nil {
		return 0, err
	}
	if err := s.checkNarrow(s.DType); err != nil {
		return 0, err
	}
	if len(s.Wanted) != 1 {
		if err := s.checkExtra("n_bins", len(s.Wanted), in); err != nil {
			return 0, err
		}
	}
	total := 0
	for i, edges := range s.Edges {
		if len(edges) < 2 {
			return 0, s.errorf("bin_edges: column %d has %d, want at least 2", i, len(edges))
		}
		for k, e := range edges {
			if e.isNaN() || k > 0 && e < edges[k-1] {
				return 0, s.errorf("bin_edges: column %d: edge %d is %v, want ascending numbers", i, k, e)
			}
		}
		if total += len(edges) - 1; total > MaxColumns {
			return 0, s.errorf("has more than %d bins", MaxColumns)
		}
	}
	switch s.Encode {
	case "ordinal":
		return in, nil
	case "onehot", "onehot-dense":
		return total, nil
	}
	return 0, s.errorf("encode: got %q, want ordinal, onehot or onehot-dense", s.Encode)
}

// The outer edges are the smallest and the largest value. Quantile bins had
// equal shares unless some were merged, which makes them fewer than wanted.
func (s *KBinsDiscretizer) remember(i int, n *note) {
	edges := plainFloats(s.Edges[i])
	n.limits(edges[0], edges[len(edges)-1], s.DType == "float32")
	var below []float64
	if count := len(edges) - 1; s.Strategy == "quantile" && float64(count) == at(s.Wanted, i) {
		for k := 1; k < count; k++ {
			below = append(below, float64(k)/float64(count))
		}
	}
	n.bins(edges, below)
}

func (s *KBinsDiscretizer) needs(in int, _ []Want) []Want { return same(in, Number) }

func (s *KBinsDiscretizer) names(in []string) []string {
	if s.Encode == "ordinal" {
		return in
	}
	var names []string
	for i, edges := range s.Edges {
		for k := range len(edges) - 1 {
			names = append(names, in[i]+"_"+strconv.Itoa(k)+".0")
		}
	}
	return names
}

func (s *KBinsDiscretizer) compile(b *builder, in matrix) matrix {
	m := b.numbers(s, in)
	if len(b.errs) > 0 {
		return m
	}
	out := matrix{sparse: s.Encode == "onehot"}
	for i, c := range m.cols {
		if s.DType != "" {
			c = b.cast(c, dtypeNames[s.DType])
		}
		b.checked(s.Class, c, false)
		n := len(s.Edges[i]) - 1
		o := bins{in: c.reg, inner: plainFloats(s.Edges[i][1:n]), tolerant: s.Tolerant, narrow: c.dt == dtFloat32}
		if s.Tolerant {
			o.inner = plainFloats(s.Edges[i][1:])
			o.last = n - 1
		} else {
			o.last = n - 1
		}
		oc := b.derived(c, c.dt)
		if s.Encode != "ordinal" {
			if s.Tolerant {
				oc.dt, oc.kind = dtFloat64, frame.Float
				b.regs[oc.reg] = frame.Float
			}
			oc.hot = n
			o.hot = true
		}
		o.out = oc.reg
		b.add(o)
		out.cols = append(out.cols, oc)
	}
	return out
}

func (s *KBinsDiscretizer) describe(o *outline) {
	o.line("KBinsDiscretizer: the bin of each number, as %s", s.Encode)
	for i, e := range s.Edges {
		o.line("  %s: edges %s", o.column(i), some(e))
	}
}

// bins finds the bin of each number.
type bins struct {
	in, out  int
	inner    []float64
	last     int
	hot      bool
	tolerant bool
	narrow   bool
}

func (o bins) run(w *Worker, rows int) {
	from := w.regs[o.in].Floats[:rows]
	var hot []int32
	var to []float64
	if o.hot {
		hot = hotOf(&w.regs[o.out], rows)
	} else {
		to = floatsOf(&w.regs[o.out], rows)
	}
	for i, v := range from {
		if o.tolerant {
			eps := 1e-8 + float64(1e-5*math.Abs(v))
			v += eps
			if o.narrow {
				v = float64(float32(v))
			}
		}
		k := 0
		if v == v {
			k = min(sort.Search(len(o.inner), func(j int) bool { return o.inner[j] > v }), o.last)
		}
		if o.hot {
			hot[i] = int32(k)
		} else {
			to[i] = float64(k)
		}
	}
}
