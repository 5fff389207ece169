package model

import (
	"math"
	"strconv"

	"ds-pipeline/preprocess/pickle"
)

// SplineTransformer replaces each number x by the values at x of the B-splines
// of a degree k over the knots t:
//
//	B(i,0)(x) = 1 if t[i] <= x < t[i+1], else 0
//	B(i,k)(x) = (x-t[i])/(t[i+k]-t[i]) B(i,k-1)(x) + (t[i+k+1]-x)/(t[i+k+1]-t[i+1]) B(i+1,k-1)(x)
//
// after de Boor. Beyond the base knots the splines go on as Extrapolation
// says. See sklearn.preprocessing.SplineTransformer.
type SplineTransformer struct {
	head
	Degree int       `json:"degree"`
	Knots  [][]Float `json:"knots"` // per column, with degree more on either side
	// Extrapolation is error, constant, linear, continue or periodic.
	Extrapolation string `json:"extrapolation"`
	Bias          bool   `json:"include_bias"` // false drops the last spline of each column
	Sparse        bool   `json:"sparse_output,omitempty"`
	// HandleMissing is error, or zeros: a missing cell has 0 for every spline.
	HandleMissing string `json:"handle_missing"`
	// ConstantIsNaN: before 1.8 a column that was constant when fitted gives NaN
	// under periodic extrapolation.
	ConstantIsNaN bool `json:"constant_is_nan,omitempty"`
}

func (s *SplineTransformer) read(a *attrs) {
	a.ignore("n_knots", "knots", "order", "n_features_out_")
	s.Degree = a.whole("degree", 3)
	s.Extrapolation = a.option("extrapolation", "", "error", "constant", "linear", "continue", "periodic")
	s.Bias = a.flag("include_bias", true)
	s.ConstantIsNaN = s.Extrapolation == "periodic" && a.before(1, 8)
	s.Sparse = a.flag("sparse_output", false)
	s.HandleMissing = a.option("handle_missing", "error", "error", "zeros")
	v, ok := a.must("bsplines_")
	if !ok {
		return
	}
	for i, it := range a.list("bsplines_", v) {
		o, ok := it.(*pickle.Object)
		if !ok || o.Class.Name != "BSpline" {
			a.fail("bsplines_: item %d is %s, want a BSpline", i, pickle.Describe(it))
			return
		}
		t, ok := s.knotsOf(a, o, i)
		if !ok {
			return
		}
		s.Knots = append(s.Knots, t)
	}
	s.fixWidth(len(s.Knots))
}

// knotsOf reads one BSpline and makes sure that it is the plain basis.
func (s *SplineTransformer) knotsOf(a *attrs, o *pickle.Object, i int) ([]Float, bool) {
	tv, ok := o.Attr("t")
	if !ok {
		tv, _ = o.Attr("_t") // recent scipy
	}
	kv, _ := o.Attr("k")
	cv, ok := o.Attr("c")
	if !ok {
		cv, _ = o.Attr("_c")
	}
	t, shape, err := a.floats(tv)
	k, isInt := pickle.Int(kv)
	c, isArr := cv.(*pickle.Array)
	if err != nil || len(shape) != 1 || !isInt || k != int64(s.Degree) || !isArr || len(c.Shape) != 2 {
		a.fail("bsplines_: item %d: want knots, coefficients and degree %d", i, s.Degree)
		return nil, false
	}
	basis := len(t) - s.Degree - 1
	splines := s.splines(len(t))
	values, _, err := a.floats(c)
	if err != nil || splines < 1 || c.Shape[0] != basis || c.Shape[1] != splines {
		a.fail("bsplines_: item %d: coefficients of shape %v for %d knots", i, c.Shape, len(t))
		return nil, false
	}
	for b := range basis {
		for k, v := range values[b*splines : (b+1)*splines] {
			if v != truth(k == b%splines) {
				a.fail("bsplines_: item %d: coefficient %d, %d is %v; want the plain basis", i, b, k, v)
				return nil, false
			}
		}
	}
	return toFloats(t), true
}

// splines is how many splines a column of that many knots has.
func (s *SplineTransformer) splines(knots int) int {
	n := knots - s.Degree - 1
	if s.Extrapolation == "periodic" {
		n -= s.Degree
	}
	return n
}

func (s *SplineTransformer) outputs(in int) (int, error) {
	if err := s.checkHead(in); err != nil {
		return 0, err
	}
	if err := s.checkLen("knots", len(s.Knots), in); err != nil {
		return 0, err
	}
	switch s.Extrapolation {
	case "error", "constant", "linear", "continue", "periodic":
	default:
		return 0, s.errorf("extrapolation: got %q, want error, constant, linear, continue or periodic", s.Extrapolation)
	}
	if s.HandleMissing != "error" && s.HandleMissing != "zeros" {
		return 0, s.errorf("handle_missing: got %q, want error or zeros", s.HandleMissing)
	}
	if s.Degree < 0 || s.Degree > 1000 {
		return 0, s.errorf("degree: got %d, want 0 to 1000", s.Degree)
	}
	total := 0
	for i, t := range s.Knots {
		if len(t) != len(s.Knots[0]) {
			return 0, s.errorf("knots: column %d has %d, column 0 has %d", i, len(t), len(s.Knots[0]))
		}
		// Two base knots at least.
		if len(t) < 2*s.Degree+2 || s.splines(len(t)) < max(1, s.Degree) {
			return 0, s.errorf("knots: column %d has %d, too few for degree %d", i, len(t), s.Degree)
		}
		for k, v := range t {
			if !v.isFinite() || k > 0 && v < t[k-1] {
				return 0, s.errorf("knots: column %d: knot %d is %v, want ascending numbers", i, k, v)
			}
		}
		if s.Extrapolation == "linear" && s.splines(len(t)) < 2 {
			return 0, s.errorf("knots: column %d has %d, too few for linear extrapolation", i, len(t))
		}
		if total += s.splines(len(t)); total > MaxColumns {
			return 0, s.errorf("makes more than %d columns", MaxColumns)
		}
	}
	if !s.Bias {
		total -= in
	}
	return total, nil
}

func (s *SplineTransformer) needs(in int, _ []Want) []Want { return same(in, Number) }

func (s *SplineTransformer) names(in []string) []string {
	var names []string
	for i, t := range s.Knots {
		n := s.splines(len(t))
		if !s.Bias {
			n--
		}
		for k := range n {
			names = append(names, in[i]+"_sp_"+strconv.Itoa(k))
		}
	}
	return names
}

func (s *SplineTransformer) compile(b *builder, in matrix) matrix {
	m := b.numbers(s, in)
	if len(b.errs) > 0 {
		return m
	}
	if s.HandleMissing == "error" {
		b.allChecked(s.Class, m, false)
	}
	out := matrix{sparse: s.Sparse}
	degree := s.Degree
	for i, c := range m.cols {
		t := plainFloats(s.Knots[i])
		o := spline{in: c.reg, column: c.from, t: t, k: s.Degree, n: s.splines(len(t)), how: s.Extrapolation,
			lo: t[degree], hi: t[len(t)-degree-1], constantNaN: s.ConstantIsNaN, narrow: c.dt == dtFloat32}
		if s.Extrapolation == "linear" && degree <= 1 {
			// scikit-learn counts up here, for the columns that follow too.
			degree++
		}
		o.ends = degree
		switch s.Extrapolation {
		case "constant":
			o.fLo, o.fHi = o.values(o.lo, 0), o.values(o.hi, 0)
		case "linear":
			o.fLo, o.fHi = o.values(o.lo, 0), o.values(o.hi, 0)
			o.dLo, o.dHi = o.values(o.lo, 1), o.values(o.hi, 1)
		}
		n := o.n
		if !s.Bias {
			n--
		}
		for range n {
			oc := b.derived(c, c.dt)
			o.out = append(o.out, oc.reg)
			out.cols = append(out.cols, oc)
		}
		b.add(o)
	}
	return out
}

func (s *SplineTransformer) describe(o *outline) {
	o.line("SplineTransformer: B-splines of degree %d, beyond the knots: %s", s.Degree, s.Extrapolation)
	for i, t := range s.Knots {
		o.line("  %s: knots %s", o.column(i), some(t))
	}
}

// spline evaluates the splines of one column.
type spline struct {
	in     int
	out    []int
	column string
	t      []float64
	k, n   int // degree, number of splines
	how    string
	lo, hi float64 // the base interval
	// ends is how many splines at either end go on beyond it.
	ends               int
	fLo, fHi, dLo, dHi []float64
	constantNaN        bool
	narrow             bool
}

// values are all splines, or their first derivatives, at x.
func (o *spline) values(x float64, derivative int) []float64 {
	all := make([]float64, o.n)
	h := make([]float64, 2*(o.k+1))
	first, ok := o.basis(x, derivative, h)
	for j := range o.k + 1 {
		if !ok {
			break
		}
		all[(first+j)%o.n] += h[j]
	}
	return all
}

// basis evaluates the k+1 splines that are not 0 at x, or their derivatives,
// into h, and returns the first one's place; false outside the knots.
func (o *spline) basis(x float64, derivative int, h []float64) (int, bool) {
	t, k := o.t, o.k
	n := len(t) - k - 1
	if x != x || (x < t[k] || x > t[n]) && o.how != "continue" && o.how != "periodic" {
		return 0, false
	}
	lo, hi := k, n-1
	for lo < hi { // the last knot <= x, within the base interval
		mid := (lo + hi + 1) / 2
		if x >= t[mid] {
			lo = mid
		} else {
			hi = mid - 1
		}
	}
	l := lo
	hh := h[k+1:]
	h[0] = 1
	for j := 1; j <= k-derivative; j++ {
		copy(hh, h[:j])
		h[0] = 0
		for m := 1; m <= j; m++ {
			xb, xa := t[l+m], t[l+m-j]
			if xb == xa {
				h[m] = 0
				continue
			}
			w := hh[m-1] / (xb - xa)
			h[m-1] += float64(w * (xb - x))
			h[m] = w * (x - xa)
		}
	}
	for j := max(k-derivative+1, 1); j <= k; j++ {
		copy(hh, h[:j])
		h[0] = 0
		for m := 1; m <= j; m++ {
			xb, xa := t[l+m], t[l+m-j]
			if xb == xa {
				h[m] = 0
				continue
			}
			w := float64(j) * hh[m-1] / (xb - xa)
			h[m-1] -= w
			h[m] = w
		}
	}
	if derivative > k {
		h[0] = 0
	}
	return l - k, true
}

func (o spline) run(w *Worker, rows int) {
	for _, r := range o.out {
		clear(floatsOf(&w.regs[r], rows))
	}
	var small [16]float64
	h := small[:]
	if len(h) < 2*(o.k+1) {
		h = make([]float64, 2*(o.k+1))
	}
	for i, x := range w.regs[o.in].Floats[:rows] {
		if x != x {
			continue // refused already, or zeros
		}
		switch {
		case o.how == "periodic":
			period := o.t[len(o.t)-o.k-1] - o.t[o.k]
			switch {
			case period > 0:
				x = o.t[o.k] + pyMod(x-o.t[o.k], period)
			case o.constantNaN:
				for _, r := range o.out {
					w.regs[r].Floats[i] = math.NaN()
				}
				continue
			default:
				x = 0
			}
		case o.how == "constant" && x < o.lo:
			o.put(w, i, o.fLo, 0, o.k)
			continue
		case o.how == "constant" && x > o.hi:
			if o.k == 0 {
				w.refuse(i, o.column, pyFloat(x, 64), "is above the knots, where scikit-learn fails on splines of degree 0")
				continue
			}
			o.put(w, i, o.fHi, o.n-o.k, o.n)
			continue
		case o.how == "linear" && (x < o.lo || x > o.hi):
			for j := range o.ends {
				if x < o.lo {
					o.set(w, i, j, o.fLo[j]+float64((x-o.lo)*o.dLo[j]))
				}
				if x > o.hi {
					k := o.n - 1 - j
					o.set(w, i, k, o.fHi[k]+float64((x-o.hi)*o.dHi[k]))
				}
			}
			continue
		}
		first, ok := o.basis(x, 0, h)
		if !ok {
			w.refuse(i, o.column, pyFloat(x, 64), "is beyond the knots, and extrapolation is error")
			continue
		}
		for j := range o.k + 1 {
			if k := (first + j) % o.n; k < len(o.out) {
				w.regs[o.out[k]].Floats[i] += h[j]
			}
		}
	}
	if o.narrow {
		for _, r := range o.out {
			roundAll(w.regs[r].Floats[:rows])
		}
	}
}

func (o *spline) put(w *Worker, row int, values []float64, from, to int) {
	for k := from; k < to; k++ {
		o.set(w, row, k, values[k])
	}
}

func (o *spline) set(w *Worker, row, k int, v float64) {
	if k < len(o.out) {
		w.regs[o.out[k]].Floats[row] = v
	}
}

// pyMod is Python's %: the result has the sign of b.
func pyMod(a, b float64) float64 {
	m := math.Mod(a, b)
	if m != 0 && (b < 0) != (m < 0) {
		m += b
	}
	return m
}
