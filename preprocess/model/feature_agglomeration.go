package model

import (
	"math"
	"slices"

	"ds-pipeline/preprocess/frame"
	"ds-pipeline/preprocess/pickle"
)

// FeatureAgglomeration makes one column of each group of columns: their mean, summed
// in their order, or their largest, smallest or median. Missing cells and infinities
// are refused. See sklearn.cluster.FeatureAgglomeration.
type FeatureAgglomeration struct {
	head
	Labels  []int  `json:"labels"`  // the group of each column
	Pooling string `json:"pooling"` // mean, max, min or median
	mixture
}

// poolings are the functions of numpy by what they do.
var poolings = map[string]string{"mean": "mean", "max": "max", "amax": "max", "min": "min", "amin": "min", "median": "median"}

func (s *FeatureAgglomeration) read(a *attrs) {
	a.ignore("n_clusters", "n_clusters_", "affinity", "metric", "_metric", "memory", "connectivity", "compute_full_tree", "linkage",
		"distance_threshold", "compute_distances", "children_", "distances_", "n_leaves_", "n_connected_components_", "_n_features_out")
	s.CommonType = a.commonType()
	f, _ := a.get("pooling_func")
	g, ok := f.(pickle.Global)
	if s.Pooling = poolings[g.Name]; !ok || g.Module != "numpy" || s.Pooling == "" {
		a.fail("pooling_func: got %s, want numpy.mean, numpy.max, numpy.min or numpy.median", pickle.Describe(f))
	}
	if v, ok := a.must("labels_"); ok {
		s.Labels = a.indices("labels_", v)
		s.fixWidth(len(s.Labels))
	}
}

func (s *FeatureAgglomeration) outputs(in int) (int, error) {
	if err := s.checkHead(in); err != nil {
		return 0, err
	}
	if err := s.checkLen("labels", len(s.Labels), in); err != nil {
		return 0, err
	}
	if poolings[s.Pooling] != s.Pooling || s.Pooling == "" {
		return 0, s.errorf("pooling: got %q, want mean, max, min or median", s.Pooling)
	}
	n := 0
	for _, k := range s.Labels {
		if k < 0 || k >= in {
			return 0, s.errorf("labels: got %d, want 0 to %d", k, in-1)
		}
		n = max(n, k+1)
	}
	for k, members := range s.groups(n) {
		if len(members) == 0 {
			return 0, s.errorf("labels: no column has %d, and one has %d", k, n-1)
		}
	}
	return n, nil
}

// groups are the columns of each of n groups.
func (s *FeatureAgglomeration) groups(n int) [][]int {
	groups := make([][]int, n)
	for i, k := range s.Labels {
		groups[k] = append(groups[k], i)
	}
	return groups
}

func (s *FeatureAgglomeration) needs(in int, down []Want) []Want {
	if s.Pooling == "mean" || !slices.ContainsFunc(down, func(w Want) bool { return w != Number }) {
		return same(in, Number)
	}
	return same(in, Infer)
}

func (s *FeatureAgglomeration) names([]string) []string {
	n, _ := s.outputs(len(s.Labels))
	return s.classNames(n)
}

func (s *FeatureAgglomeration) compile(b *builder, in matrix) matrix {
	if in.sparse {
		b.fail(s, "a sparse matrix, which scikit-learn refuses; make the encoder before it dense")
		return in
	}
	m := b.validNumbers(s, in, s.mixture)
	if len(b.errs) > 0 {
		return m
	}
	m = b.plain(m)
	dt := m.dtype()
	switch {
	case s.Pooling == "mean", s.Pooling == "median" && dt.kind != 'f':
		dt = dtFloat64
	case dt.kind == 'b' || dt.kind == 'u':
		b.fail(s, "columns of %s, want int64 or floats for %s", dt, s.Pooling)
		return m
	}
	for i, c := range m.cols {
		m.cols[i] = b.cast(c, dt)
	}
	n, _ := s.outputs(len(m.cols))
	out := matrix{}
	for _, members := range s.groups(n) {
		oc := b.derived(col{}, dt)
		o := pool{out: oc.reg, how: s.Pooling, narrow: dt == dtFloat32}
		for _, i := range members {
			o.in = append(o.in, m.cols[i].reg)
		}
		if len(members) == 1 {
			oc.from = m.cols[members[0]].from
		}
		b.add(o)
		out.cols = append(out.cols, oc)
	}
	return out
}

func (s *FeatureAgglomeration) describe(o *outline) {
	n, _ := s.outputs(len(s.Labels))
	o.line("FeatureAgglomeration: the %s of each of %d groups of columns", s.Pooling, n)
}

// pool makes one column of several.
type pool struct {
	in     []int
	out    int
	how    string
	narrow bool
}

func (o pool) run(w *Worker, rows int) {
	out := &w.regs[o.out]
	if out.Kind == frame.Int {
		to := intsOf(out, rows)
		copy(to, w.regs[o.in[0]].Ints[:rows])
		for _, r := range o.in[1:] {
			for i, v := range w.regs[r].Ints[:rows] {
				if o.how == "max" {
					to[i] = max(to[i], v)
				} else {
					to[i] = min(to[i], v)
				}
			}
		}
		return
	}
	to := floatsOf(out, rows)
	if o.how == "median" {
		o.median(w, to)
		return
	}
	clear(to)
	if o.how != "mean" {
		copy(to, w.regs[o.in[0]].Floats[:rows])
	}
	for _, r := range o.in {
		for i, v := range w.regs[r].Floats[:rows] {
			switch o.how {
			case "mean":
				to[i] += v
			case "max":
				to[i] = maximum(v, to[i])
			default:
				to[i] = minimum(v, to[i])
			}
		}
	}
	if o.how == "mean" {
		for i := range to {
			to[i] /= float64(len(o.in))
		}
	}
}

func (o pool) median(w *Worker, to []float64) {
	cells := make([]float64, len(o.in))
	for i := range to {
		for j, r := range o.in {
			cells[j] = w.regs[r].Floats[i]
		}
		slices.Sort(cells)
		if math.IsNaN(cells[0]) { // in a record that is refused
			to[i] = math.NaN()
			continue
		}
		half := len(cells) / 2
		to[i] = cells[half]
		if len(cells)%2 == 0 {
			sum := cells[half-1] + cells[half]
			if o.narrow {
				sum = float64(float32(sum))
			}
			to[i] = sum / 2
		}
	}
	if o.narrow {
		roundAll(to)
	}
}
