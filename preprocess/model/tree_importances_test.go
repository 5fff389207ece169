package model

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"io/fs"
	"strings"
	"testing"

	"ds-pipeline/preprocess/pickle"
)

// releasePickle is a model of the cases of scikit-learn 1.2.1.
func releasePickle(t *testing.T, name string) []byte {
	t.Helper()
	z, err := zip.OpenReader("testdata/sklearn/1.2.1.zip")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = z.Close() })
	data, err := fs.ReadFile(z, "models/"+name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func object(t *testing.T, v pickle.Value, path ...string) *pickle.Object {
	t.Helper()
	for _, name := range path {
		v = attribute(t, v, name)
		if items, ok := pickle.Items(v); ok {
			v = items[0]
		}
	}
	return v.(*pickle.Object)
}

func attribute(t *testing.T, v pickle.Value, name string) pickle.Value {
	t.Helper()
	of, ok := v.(*pickle.Object).Attr(name)
	if !ok {
		t.Fatalf("no attribute %s", name)
	}
	return of
}

func setAttr(t *testing.T, o *pickle.Object, name string, v pickle.Value) {
	t.Helper()
	items := o.State.(*pickle.Dict).Items()
	for i := range items {
		if items[i].Key == name {
			items[i].Value = v
			return
		}
	}
	t.Fatalf("no attribute %s", name)
}

func TestSelectFromModel_refusesTreesThatAreNone(t *testing.T) {
	const forest, ada = "sfm_forest.pkl", "sfm_adaboost.pkl"
	tests := []struct {
		name, file string
		change     func(t *testing.T, root pickle.Value)
		want       string
	}{
		{"not fitted", forest, func(t *testing.T, root pickle.Value) {
			setAttr(t, object(t, root, "estimator_"), "estimators_", nil)
		}, "SelectFromModel: estimator: estimators_: got None, want fitted trees"},
		{"no trees", forest, func(t *testing.T, root pickle.Value) {
			setAttr(t, object(t, root, "estimator_"), "estimators_", &pickle.List{})
		}, "estimators_: got a list of 0, want fitted trees"},
		{"forest of a forest", forest, func(t *testing.T, root pickle.Value) {
			f := object(t, root, "estimator_")
			setAttr(t, f, "estimators_", &pickle.List{Items: []pickle.Value{object(t, root, "estimator")}})
		}, "estimators_: item 0 is a sklearn.ensemble._forest.RandomForestClassifier, want a fitted tree"},
		{"tree of nothing", forest, func(t *testing.T, root pickle.Value) {
			setAttr(t, object(t, root, "estimator_", "estimators_"), "tree_", nil)
		}, "estimators_: tree_: got None, want a fitted sklearn.tree._tree.Tree"},
		{"tree without columns", forest, func(t *testing.T, root pickle.Value) {
			object(t, root, "estimator_", "estimators_", "tree_").Args[0] = int64(0)
		}, "tree_: got 0 columns, want 1 to 100000"},
		{"tree of too many columns", forest, func(t *testing.T, root pickle.Value) {
			object(t, root, "estimator_", "estimators_", "tree_").Args[0] = int64(1 << 40)
		}, "tree_: got 1099511627776 columns, want 1 to 100000"},
		{"tree of fewer columns", forest, func(t *testing.T, root pickle.Value) {
			object(t, root, "estimator_", "estimators_", "tree_").Args[0] = int64(1)
		}, "of 1 columns and"},
		{"tree of more columns", forest, func(t *testing.T, root pickle.Value) {
			object(t, root, "estimator_", "estimators_", "tree_").Args[0] = int64(7)
		}, "estimators_: trees of 7 and of 5 columns"},
		{"all trees of more columns", "sfm_tree.pkl", func(t *testing.T, root pickle.Value) {
			object(t, root, "estimator_", "tree_").Args[0] = int64(7)
		}, "SelectFromModel: fitted on 5 columns, and selects of 7"},
		{"no nodes", forest, func(t *testing.T, root pickle.Value) {
			setAttr(t, object(t, root, "estimator_", "estimators_", "tree_"), "nodes", nil)
		}, "tree_: nodes: got None, want records in one dimension"},
		{"nodes of numbers", forest, func(t *testing.T, root pickle.Value) {
			tree := object(t, root, "estimator_", "estimators_", "tree_")
			left, _ := attribute(t, tree, "nodes").(*pickle.Array).Field("left_child")
			setAttr(t, tree, "nodes", left)
		}, "tree_: nodes: want left_child, right_child, feature, impurity and weighted_n_node_samples in each"},
		{"more nodes than there are", forest, func(t *testing.T, root pickle.Value) {
			setAttr(t, object(t, root, "estimator_", "estimators_", "tree_"), "node_count", int64(1000))
		}, "tree_: node_count: got 1000 for"},
		{"the same tree again and again", "sfm_forest_roots.joblib", func(t *testing.T, root pickle.Value) {
			f := object(t, root, "estimator_")
			object(t, f, "estimators_", "tree_").Args[0] = int64(MaxColumns)
			again := &pickle.List{Items: make([]pickle.Value, 1000)}
			for i := range again.Items {
				again.Items[i] = object(t, f, "estimators_")
			}
			setAttr(t, f, "estimators_", again)
		}, "estimators_: trees times columns are more than 67108864"},
		{"weights of fewer members", ada, func(t *testing.T, root pickle.Value) {
			boosted := object(t, root, "estimator_")
			items, _ := pickle.Items(attribute(t, boosted, "estimators_"))
			setAttr(t, boosted, "estimators_", &pickle.List{Items: append(items, items...)})
		}, "SelectFromModel: estimator: estimators_: estimator_weights_: got an array of float64 with shape (7,), want a number for each of 14 members"},
		{"weights that are none", ada, func(t *testing.T, root pickle.Value) {
			setAttr(t, object(t, root, "estimator_"), "estimator_weights_", int64(1))
		}, "estimators_: estimator_weights_: got 1, want a number for each of 7 members"},
		{"members that are no trees", ada, func(t *testing.T, root pickle.Value) {
			setAttr(t, object(t, root, "estimator_"), "estimators_", &pickle.List{Items: []pickle.Value{root}})
		}, "item 0 is a sklearn.feature_selection._from_model.SelectFromModel, and AdaBoostClassifier has feature_importances_ only of trees and of ensembles of trees"},
		{"members of members", ada, func(t *testing.T, root pickle.Value) {
			boosted := object(t, root, "estimator_")
			for range 10 {
				outer := *boosted
				outer.State = pickle.NewDict(pickle.DictItem{Key: "estimators_", Value: &pickle.List{Items: []pickle.Value{boosted}}},
					pickle.DictItem{Key: "estimator_weights_", Value: attribute(t, boosted, "estimator_weights_")})
				boosted = &outer
			}
			setAttr(t, root.(*pickle.Object), "estimator_", boosted)
		}, "ensembles of ensembles, more than 8 deep"},
		{"importances of a linear model", "sfm_ridge.pkl", func(t *testing.T, root pickle.Value) {
			setAttr(t, root.(*pickle.Object), "importance_getter", "feature_importances_")
		}, `importance_getter: got "feature_importances_", want auto or an attribute that the estimator has`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root, err := pickle.Read(releasePickle(t, tt.file), allowed, pickle.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			tt.change(t, root)
			if _, err := loadTree(root); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q in it", err, tt.want)
			}
		})
	}
}

// TestSelectFromModel_refusesNodesThatAreNotThere changes the root's nodes below it
// and its column.
func TestSelectFromModel_refusesNodesThatAreNotThere(t *testing.T) {
	data := releasePickle(t, "sfm_tree_regressor.pkl")
	root, err := pickle.Read(data, allowed, pickle.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	nodes := attribute(t, object(t, root, "estimator_", "tree_"), "nodes").(*pickle.Array)
	var was []byte
	for _, name := range []string{"left_child", "right_child", "feature"} {
		f, _ := nodes.Field(name)
		v, err := f.Ints()
		if err != nil {
			t.Fatal(err)
		}
		was = binary.LittleEndian.AppendUint64(was, uint64(v[0]))
	}
	if bytes.Count(data, was) != 1 {
		t.Fatalf("the root occurs %d times", bytes.Count(data, was))
	}
	for place := range 3 {
		for _, wrong := range []int64{-2, int64(nodes.Len()), 1 << 62, -1 << 63} {
			is := bytes.Clone(was)
			binary.LittleEndian.PutUint64(is[8*place:], uint64(wrong))
			if _, err := Load(bytes.Replace(data, was, is, 1)); err == nil || !strings.Contains(err.Error(), "tree_: node 0 splits column") {
				t.Errorf("%d at %d: got %v", wrong, place, err)
			}
		}
	}
}
