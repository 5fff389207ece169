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

	{Module: "sklearn.ensemble._weight_boosting", Name: "AdaBoostClassifier"}: "weighted",
	{Module: "sklearn.ensemble._weight_boosting", Name: "AdaBoostRegressor"}:  "weighted",
}

// maxNested bounds how deep ensembles may be made of ensembles.
const maxNested = 8

// maxTreeSums bounds the sums of a model's trees: one per tree and column. It
// bounds the time to read a model, as maxNumbers bounds its memory.
const maxTreeSums = 64 << 20

// treeImportances is feature_importances_ of a tree or an ensemble of trees, with
// every sum in scikit-learn's order, so that what equals a threshold there does so
// here. Of a forest it is the mean over the trees that have a split, each with
// importances that sum to 1; in boosting the trees keep their own weight. The mean
// is made to sum to 1 in either. AdaBoost weighs its members, which may be ensembles.
// See sklearn/ensemble/_forest.py, sklearn/ensemble/_gb.py and
// sklearn/ensemble/_weight_boosting.py.
func (a *attrs) treeImportances(o *pickle.Object) ([]float64, bool) {
	return a.importancesWithin(o, "estimator", 0)
}

func (a *attrs) importancesWithin(o *pickle.Object, where string, depth int) ([]float64, bool) {
	kind := treeModels[o.Class]
	if kind == "tree" {
		t, ok := a.tree(o, where)
		if !ok {
			return nil, false
		}
		return t.importances(true), true
	}
	if depth > maxNested {
		a.fail("%s: ensembles of ensembles, more than %d deep", where, maxNested)
		return nil, false
	}
	where += ": estimators_"
	v, _ := o.Attr("estimators_")
	members, ok := pickle.Items(v)
	if arr, isArr := v.(*pickle.Array); isArr { // in boosting a row per stage
		var err error
		members, err = arr.Values()
		ok = err == nil
	}
	if !ok || len(members) == 0 {
		a.fail("%s: got %s, want fitted trees", where, pickle.Describe(v))
		return nil, false
	}
	var weights []float64
	if kind == "weighted" {
		if weights, ok = a.memberWeights(o, where, len(members)); !ok {
			return nil, false
		}
	}
	var sums []float64
	count := 0
	for i, m := range members {
		member, ok := m.(*pickle.Object)
		switch {
		case kind == "weighted" && ok && treeModels[member.Class] == "":
			a.fail("%s: item %d is a %s, and %s has feature_importances_ only of trees and of ensembles of trees", where, i, member.Class, o.Class.Name)
			return nil, false
		case !ok || kind != "weighted" && treeModels[member.Class] != "tree":
			a.fail("%s: item %d is %s, want a fitted tree", where, i, pickle.Describe(m))
			return nil, false
		}
		var own []float64
		split := true
		if kind == "weighted" {
			own, ok = a.importancesWithin(member, where, depth+1)
		} else {
			var t *tree
			if t, ok = a.tree(member, where); ok {
				own, split = t.importances(kind == "forest"), len(t.left) > 1
			}
		}
		if !ok {
			return nil, false
		}
		if sums == nil {
			sums = make([]float64, len(own))
		}
		if len(own) != len(sums) {
			a.fail("%s: trees of %d and of %d columns", where, len(sums), len(own))
			return nil, false
		}
		if !split {
			continue
		}
		count++
		for j, v := range own {
			if kind == "weighted" {
				v = float64(weights[i] * v)
			}
			sums[j] += v
		}
	}
	if kind == "weighted" {
		total := pairwiseSum(weights) // those of members that were not fitted are 0
		for j := range sums {
			sums[j] /= total
		}
		return sums, true
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

// memberWeights are the weights of the members of AdaBoost, of which at least n are
// there.
func (a *attrs) memberWeights(o *pickle.Object, where string, n int) ([]float64, bool) {
	v, _ := o.Attr("estimator_weights_")
	arr, ok := v.(*pickle.Array)
	if !ok || len(arr.Shape) != 1 || arr.Len() < n {
		a.fail("%s: estimator_weights_: got %s, want a number for each of %d members", where, pickle.Describe(v), n)
		return nil, false
	}
	if !a.im.room(arr.Len(), 1) {
		return nil, false
	}
	weights, err := arr.Floats()
	if err != nil {
		a.fail("%s: estimator_weights_: %v", where, err)
		return nil, false
	}
	return weights, true
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
