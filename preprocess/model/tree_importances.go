package model

import (
	"ds-pipeline/preprocess/pickle"
)

// treeClass is what holds the nodes of a fitted decision tree.
var treeClass = pickle.Global{Module: "sklearn.tree._tree", Name: "Tree"}

// treeModels are the classes of which feature_importances_ is known, by what they
// are.
var treeModels = map[pickle.Global]string{
	{Module: "sklearn.tree._classes", Name: "DecisionTreeClassifier"}:    "tree",
	{Module: "sklearn.tree._classes", Name: "DecisionTreeRegressor"}:     "tree",
	{Module: "sklearn.tree._classes", Name: "ExtraTreeClassifier"}:       "tree",
	{Module: "sklearn.tree._classes", Name: "ExtraTreeRegressor"}:        "tree",
	{Module: "sklearn.ensemble._forest", Name: "RandomForestClassifier"}: "forest",
	{Module: "sklearn.ensemble._forest", Name: "RandomForestRegressor"}:  "forest",
	{Module: "sklearn.ensemble._forest", Name: "ExtraTreesClassifier"}:   "forest",
	{Module: "sklearn.ensemble._forest", Name: "ExtraTreesRegressor"}:    "forest",
	{Module: "sklearn.ensemble._gb", Name: "GradientBoostingClassifier"}: "boosting",
	{Module: "sklearn.ensemble._gb", Name: "GradientBoostingRegressor"}:  "boosting",
}

// maxTreeSums bounds the sums of a model's trees: one per tree and column. It
// bounds the time to read a model, as maxNumbers bounds its memory.
const maxTreeSums = 64 << 20

// treeImportances is feature_importances_ of a tree or an ensemble of trees, with
// every sum in scikit-learn's order, so that what equals a threshold there does so
// here. Of a forest it is the mean over the trees that have a split, each with
// importances that sum to 1; in boosting the trees keep their own weight. The mean
// is made to sum to 1 in either.
// See sklearn/ensemble/_forest.py and sklearn/ensemble/_gb.py.
func (a *attrs) treeImportances(o *pickle.Object) ([]float64, bool) {
	kind := treeModels[o.Class]
	if kind == "tree" {
		t, ok := a.tree(o, "estimator")
		if !ok {
			return nil, false
		}
		return t.importances(true), true
	}
	v, _ := o.Attr("estimators_")
	members, ok := pickle.Items(v)
	if arr, isArr := v.(*pickle.Array); isArr { // in boosting a row per stage
		var err error
		members, err = arr.Values()
		ok = err == nil
	}
	if !ok || len(members) == 0 {
		a.fail("estimator: estimators_: got %s, want fitted trees", pickle.Describe(v))
		return nil, false
	}
	var sums []float64
	count := 0
	for i, m := range members {
		member, ok := m.(*pickle.Object)
		if !ok || treeModels[member.Class] != "tree" {
			a.fail("estimator: estimators_: item %d is %s, want a fitted tree", i, pickle.Describe(m))
			return nil, false
		}
		t, ok := a.tree(member, "estimator: estimators_")
		if !ok {
			return nil, false
		}
		if sums == nil {
			sums = make([]float64, t.columns)
		}
		if t.columns != len(sums) {
			a.fail("estimator: estimators_: trees of %d and of %d columns", len(sums), t.columns)
			return nil, false
		}
		if len(t.left) <= 1 {
			continue
		}
		count++
		for j, v := range t.importances(kind == "forest") {
			sums[j] += v
		}
	}
	if count == 0 {
		return sums, true
	}
	for j := range sums {
		sums[j] /= float64(count)
	}
	total := pairwiseSum(sums)
	for j := range sums {
		sums[j] /= total // NaN in each if no split of any tree gained anything
	}
	return sums, true
}

// tree is a fitted decision tree, as far as importances need it. Node 0 is its
// root; a leaf has -1 for its nodes below.
type tree struct {
	columns             int
	left, right, column []int64
	impurity, weight    []float64
}

// tree reads the tree_ of an estimator, and checks that it refers to nodes and
// columns that there are.
func (a *attrs) tree(o *pickle.Object, where string) (*tree, bool) {
	v, _ := o.Attr("tree_")
	held, ok := v.(*pickle.Object)
	if !ok || held.Class != treeClass || len(held.Args) == 0 {
		a.fail("%s: tree_: got %s, want a fitted %s", where, pickle.Describe(v), treeClass)
		return nil, false
	}
	n, ok := pickle.Int(held.Args[0])
	if !ok || n < 1 || n > MaxColumns {
		a.fail("%s: tree_: got %s columns, want 1 to %d", where, pickle.Describe(held.Args[0]), MaxColumns)
		return nil, false
	}
	if a.im.treeSums += int(n); a.im.treeSums > maxTreeSums {
		a.fail("%s: trees times columns are more than %d", where, maxTreeSums)
		return nil, false
	}
	v, _ = held.Attr("nodes")
	nodes, ok := v.(*pickle.Array)
	if !ok || len(nodes.Shape) != 1 || nodes.Len() == 0 {
		a.fail("%s: tree_: nodes: got %s, want records in one dimension", where, pickle.Describe(v))
		return nil, false
	}
	v, _ = held.Attr("node_count")
	if n, ok := pickle.Int(v); !ok || n != int64(nodes.Len()) {
		a.fail("%s: tree_: node_count: got %s for %d nodes", where, pickle.Describe(v), nodes.Len())
		return nil, false
	}
	t := &tree{columns: int(n)}
	whole := func(name string, into *[]int64) bool {
		f, ok := nodes.Field(name)
		return ok && gotAll(f.Ints, into)
	}
	number := func(name string, into *[]float64) bool {
		f, ok := nodes.Field(name)
		return ok && gotAll(f.Floats, into)
	}
	if !whole("left_child", &t.left) || !whole("right_child", &t.right) || !whole("feature", &t.column) ||
		!number("impurity", &t.impurity) || !number("weighted_n_node_samples", &t.weight) {
		a.fail("%s: tree_: nodes: want left_child, right_child, feature, impurity and weighted_n_node_samples in each", where)
		return nil, false
	}
	count := int64(nodes.Len())
	for i, l := range t.left {
		if r := t.right[i]; l != -1 && (l < 0 || l >= count || r < 0 || r >= count || t.column[i] < 0 || t.column[i] >= n) {
			a.fail("%s: tree_: node %d splits column %d into nodes %d and %d, of %d columns and %d nodes", where, i, t.column[i], l, r, n, count)
			return nil, false
		}
	}
	return t, true
}

func gotAll[T any](get func() ([]T, error), into *[]T) bool {
	v, err := get()
	*into = v
	return err == nil
}

// importances is Tree.compute_feature_importances of sklearn/tree/_tree.pyx: by how
// much the splits of each column lower the impurity, in shares of the root's weight.
// Each product is rounded before it is subtracted, as without fused instructions.
func (t *tree) importances(normalize bool) []float64 {
	out := make([]float64, t.columns)
	for i, l := range t.left {
		if l == -1 {
			continue
		}
		r := t.right[i]
		out[t.column[i]] += float64(t.weight[i]*t.impurity[i]) - float64(t.weight[l]*t.impurity[l]) - float64(t.weight[r]*t.impurity[r])
	}
	for j := range out {
		out[j] /= t.weight[0]
	}
	if total := pairwiseSum(out); normalize && total > 0 {
		for j := range out {
			out[j] /= total
		}
	}
	return out
}
