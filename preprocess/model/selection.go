package model

import (
	"math"
	"slices"
	"strings"

	"ds-pipeline/preprocess/pickle"
)

// selection keeps some of the columns. Which ones is decided when the model is
// read, from what was fitted; the classes differ in that only.
type selection struct {
	head
	// Selected lists the columns that are kept, ascending.
	Selected []int `json:"selected"`
	// AllowNaN lets missing cells and infinities pass; otherwise they are refused
	// in every column, also in one that is not kept, as scikit-learn does.
	AllowNaN bool `json:"allow_nan,omitempty"`
	// KeepTypes: with set_output, scikit-learn since 1.3 leaves each column its
	// own type.
	KeepTypes bool `json:"keep_types,omitempty"`
	mixture
}

// keep keeps the columns of a mask.
func (s *selection) keep(a *attrs, mask []bool) {
	s.KeepTypes = s.Output == "pandas" && !a.before(1, 3)
	s.CommonType = !s.KeepTypes && a.commonType()
	s.Selected = []int{}
	for i, on := range mask {
		if on {
			s.Selected = append(s.Selected, i)
		}
	}
	if s.Inputs != 0 && s.Inputs != len(mask) {
		a.fail("fitted on %d columns, and selects of %d", s.Inputs, len(mask))
	}
	s.fixWidth(len(mask))
}

func (s *selection) outputs(in int) (int, error) {
	if err := s.checkHead(in); err != nil {
		return 0, err
	}
	last := -1
	for _, k := range s.Selected {
		if k <= last || k >= in {
			return 0, s.errorf("selected: column %d, want ascending columns below %d", k, in)
		}
		last = k
	}
	return len(s.Selected), nil
}

func (s *selection) selected() []int { return s.Selected }

func (s *selection) needs(in int, down []Want) []Want {
	wants := same(in, Infer)
	for j, k := range s.Selected {
		wants[k] = down[j]
	}
	return wants
}

func (s *selection) names(in []string) []string {
	names := make([]string, len(s.Selected))
	for j, k := range s.Selected {
		names[j] = in[k]
	}
	return names
}

func (s *selection) pick(b *builder, in matrix) matrix {
	m := in
	if !s.KeepTypes {
		m = s.common(b, in).array(b)
	}
	for _, c := range m.cols {
		switch {
		case c.reg < 0 || s.AllowNaN:
		case c.dt.kind != 'O':
			b.checked(s.Class, c, false)
		default:
			b.add(mustBePresent{in: c.reg, column: c.from, class: s.Class})
		}
	}
	return b.take(m, m.places(), s.Selected)
}

func (s *selection) describe(o *outline) {
	o.line("%s: keep %s", s.Class, o.columns(s.Selected))
}

// scores reads a fitted array of scores or p-values.
func (a *attrs) scores(name string) []float64 {
	v := a.vector(name)
	if v == nil {
		a.fail("%s: %v", name, errNotFitted)
	}
	return plainFloats(v)
}

// cleaned has the smallest number for NaN.
func cleaned(scores []float64) []float64 {
	out := slices.Clone(scores)
	for i, v := range out {
		if v != v {
			out[i] = -math.MaxFloat64
		}
	}
	return out
}

func all(n int, on bool) []bool {
	m := make([]bool, n)
	for i := range m {
		m[i] = on
	}
	return m
}

// largest marks the k largest scores; of equal ones the later.
func largest(scores []float64, k int) []bool {
	order := make([]int, len(scores))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		switch {
		case scores[i] < scores[j]:
			return -1
		case scores[i] > scores[j]:
			return 1
		}
		return 0
	})
	mask := all(len(scores), false)
	for _, i := range order[max(0, len(order)-k):] {
		mask[i] = true
	}
	return mask
}

// below marks the values below a limit.
func below(values []float64, limit float64) []bool {
	mask := make([]bool, len(values))
	for i, v := range values {
		mask[i] = v < limit
	}
	return mask
}

// share is a number from 0 to most.
func (a *attrs) share(name string, most float64) float64 {
	v, ok := a.must(name)
	if !ok {
		return 0
	}
	f, ok := pickle.Float(v)
	if !ok || !(f >= 0 && f <= most) {
		a.fail("%s: got %s, want a number from 0 to %v", name, pickle.Describe(v), most)
		return 0
	}
	return f
}

// readSupport reads a selector that keeps its mask.
func (s *selection) readSupport(a *attrs) {
	a.ignore("estimator", "estimator_", "n_features_to_select", "step", "importance_getter", "n_features_", "ranking_",
		"cv", "scoring", "min_features_to_select", "cv_results_", "grid_scores_", "tol", "direction",
		"n_features_to_select_")
	s.keep(a, a.mask("support_"))
	v, _ := a.get("estimator")
	s.AllowNaN = a.allowsNaN(v)
}

// allowsNaN says whether an estimator takes missing cells, so that a selector
// over it does.
func (a *attrs) allowsNaN(v pickle.Value) bool {
	o, ok := v.(*pickle.Object)
	if !ok {
		return false
	}
	name := o.Class.Name
	if strings.HasPrefix(name, "HistGradientBoosting") {
		return true
	}
	if strings.HasPrefix(name, "Bagging") && !a.before(1, 3) { // as what it is made of
		for _, attr := range []string{"estimator", "base_estimator"} {
			if member, _ := o.Attr(attr); member != nil && member != "deprecated" {
				return a.allowsNaN(member)
			}
		}
		return true // decision trees
	}
	// Trees do if their criterion and the way they look for splits do.
	if c, _ := o.Attr("criterion"); (c == "absolute_error" || c == "mae") && a.before(1, 9) {
		return false
	}
	splitter, _ := o.Attr("splitter")
	switch {
	case strings.HasPrefix(name, "RandomForest"):
		return !a.before(1, 4)
	case strings.HasPrefix(name, "ExtraTrees"):
		return !a.before(1, 6)
	case strings.HasPrefix(name, "DecisionTree") && !a.before(1, 6):
		return true
	case strings.HasPrefix(name, "ExtraTree") && !a.before(1, 6):
		return splitter == "random"
	case strings.HasPrefix(name, "DecisionTree"), strings.HasPrefix(name, "ExtraTree"):
		return !a.before(1, 3) && splitter == "best"
	}
	return false
}
