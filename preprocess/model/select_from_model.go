package model

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"

	"ds-pipeline/preprocess/pickle"
)

// SelectFromModel keeps the columns to which a linear model gave weights, or trees
// importances, of at least a threshold. See sklearn.feature_selection.SelectFromModel.
type SelectFromModel struct{ selection }

func (s *SelectFromModel) read(a *attrs) {
	a.ignore("estimator", "prefit", "threshold", "norm_order", "max_features", "max_features_", "importance_getter")
	v, ok := a.get("estimator_")
	if !ok {
		if v, ok = a.must("estimator"); !ok {
			return
		}
	}
	o, ok := v.(*pickle.Object)
	if !ok {
		a.fail("estimator: got %s, want a fitted model", pickle.Describe(v))
		return
	}
	s.AllowNaN = a.allowsNaN(v)
	scores, ok := a.importancesOf(o)
	if !ok {
		return
	}
	threshold, ok := a.threshold(o, scores)
	if !ok {
		return
	}
	mask := all(len(scores), true)
	if v, ok := a.get("max_features"); ok && v != nil {
		if w, ok := a.get("max_features_"); ok {
			v = w
		}
		n, ok := pickle.Int(v)
		if !ok || n < 0 {
			a.fail("max_features: got %s, want a whole number", pickle.Describe(v))
			return
		}
		order := make([]int, len(scores))
		for i := range order {
			order[i] = i
		}
		// Descending, and NaN last.
		slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(scores[j], scores[i]) })
		mask = all(len(scores), false)
		for _, i := range order[:min(int64(len(order)), n)] {
			mask[i] = true
		}
	}
	for i, v := range scores {
		if v < threshold {
			mask[i] = false
		}
	}
	s.keep(a, mask)
}

func (s *SelectFromModel) compile(b *builder, in matrix) matrix { return s.pick(b, in) }

// importancesOf are what a model says of its columns: the absolute weights of a
// linear one, the importances of trees.
func (a *attrs) importancesOf(o *pickle.Object) ([]float64, bool) {
	const ofTrees = "feature_importances_"
	getter := "coef_"
	if _, has := o.Attr(getter); !has && treeModels[o.Class] != "" {
		getter = ofTrees
	}
	if g, ok := a.get("importance_getter"); ok && g != "auto" {
		name, isText := g.(string)
		_, has := o.Attr(name)
		if !isText || !has && (name != ofTrees || treeModels[o.Class] == "") {
			a.fail("importance_getter: got %s, want auto or an attribute that the estimator has", pickle.Describe(g))
			return nil, false
		}
		getter = name
	}
	if getter == ofTrees && treeModels[o.Class] != "" {
		scores, ok := a.treeImportances(o)
		for i, v := range scores {
			scores[i] = math.Abs(v) // rounding leaves some just below 0
		}
		return scores, ok
	}
	coef, ok := o.Attr(getter)
	arr, isArr := coef.(*pickle.Array)
	if !ok || !isArr || len(arr.Shape) < 1 || len(arr.Shape) > 2 {
		if m := o.Class.Module; m == "sklearn.ensemble._bagging" || m == "sklearn.ensemble._iforest" {
			getter = "coef_ and no feature_importances_, in scikit-learn neither,"
		}
		a.fail("its estimator %s has no %s to select by: keep the chosen columns with a ColumnTransformer instead", o.Class, getter)
		return nil, false
	}
	return a.importances(arr)
}

// importances are the absolute weights, or their norm over the classes.
func (a *attrs) importances(arr *pickle.Array) ([]float64, bool) {
	if !a.im.room(arr.Len(), 1) {
		return nil, false
	}
	fs, err := arr.Floats()
	if err != nil {
		a.fail("coef_: %v", err)
		return nil, false
	}
	for _, f := range fs {
		if f-f != 0 {
			a.fail("coef_: got %v, want finite weights", f)
			return nil, false
		}
	}
	if len(arr.Shape) == 1 {
		for i, f := range fs {
			fs[i] = math.Abs(f)
		}
		return fs, true
	}
	order := 1.0
	if v, ok := a.get("norm_order"); ok {
		if order, ok = pickle.Float(v); !ok || order != 1 && order != 2 && !math.IsInf(order, 1) {
			a.fail("norm_order: got %s, want 1, 2 or infinity", pickle.Describe(v))
			return nil, false
		}
	}
	n := arr.Shape[1]
	if n > MaxColumns {
		a.fail("coef_: %d columns, want at most %d", n, MaxColumns)
		return nil, false
	}
	out := make([]float64, n)
	for i, f := range fs {
		switch j := i % n; order {
		case 1:
			out[j] += math.Abs(f)
		case 2:
			out[j] += float64(f * f)
		default:
			out[j] = max(out[j], math.Abs(f))
		}
	}
	if order == 2 {
		for j := range out {
			out[j] = math.Sqrt(out[j])
		}
	}
	return out, true
}

// threshold is what a weight must reach.
func (a *attrs) threshold(o *pickle.Object, scores []float64) (float64, bool) {
	v, _ := a.get("threshold")
	if v == nil {
		if a.sparsePenalty(o) {
			return 1e-5, true
		}
		v = "mean"
	}
	if f, ok := pickle.Float(v); ok {
		return f, true
	}
	text, _ := v.(string)
	scale := 1.0
	what := text
	if before, after, ok := strings.Cut(text, "*"); ok {
		f, err := strconv.ParseFloat(strings.TrimSpace(before), 64)
		if err != nil {
			a.fail("threshold: got %s, want a number, mean, median or 1.25*mean", pickle.Describe(v))
			return 0, false
		}
		scale, what = f, strings.TrimSpace(after)
	}
	switch what {
	case "mean":
		return scale * (pairwiseSum(scores) / float64(len(scores))), true
	case "median":
		sorted := slices.Clone(scores)
		slices.Sort(sorted)
		n := len(sorted)
		if n == 0 || sorted[0] != sorted[0] { // NaN is first
			return math.NaN(), true
		}
		if n%2 == 1 {
			return scale * sorted[n/2], true
		}
		return scale * ((sorted[n/2-1] + sorted[n/2]) / 2), true
	}
	a.fail("threshold: got %s, want a number, mean, median or 1.25*mean", pickle.Describe(v))
	return 0, false
}

// sparsePenalty says whether the model's own penalty makes weights 0.
func (a *attrs) sparsePenalty(o *pickle.Object) bool {
	if p, ok := o.Attr("penalty"); ok && p == "l1" {
		return true
	}
	name := o.Class.Name
	if strings.Contains(name, "Lasso") {
		return true
	}
	logistic := strings.HasPrefix(name, "LogisticRegression") && !a.before(1, 8)
	if !strings.Contains(name, "ElasticNet") && !logistic {
		return false
	}
	for _, attr := range []string{"l1_ratio_", "l1_ratio"} {
		if v, ok := o.Attr(attr); ok {
			if f, ok := pickle.Float(v); ok && math.Abs(f-1) <= 1e-8+1e-5 {
				return true
			}
		}
	}
	return false
}

// pairwiseSum adds as numpy does, so that a mean compares equal where numpy's
// does.
func pairwiseSum(v []float64) float64 {
	n := len(v)
	switch {
	case n < 8:
		s := 0.0
		for _, x := range v {
			s += x
		}
		return s
	case n <= 128:
		var r [8]float64
		copy(r[:], v[:8])
		i := 8
		for ; i < n-n%8; i += 8 {
			for k := range r {
				r[k] += v[i+k]
			}
		}
		s := ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]))
		for ; i < n; i++ {
			s += v[i]
		}
		return s
	}
	half := n / 2
	half -= half % 8
	return pairwiseSum(v[:half]) + pairwiseSum(v[half:])
}
