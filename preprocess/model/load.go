package model

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"ds-pipeline/preprocess/pickle"
)

// classInfo is one supported class.
type classInfo struct {
	make    func() step
	modules []string // where scikit-learn 0.23 to 1.9 keep it
}

// entry makes the classInfo of step type T.
func entry[T any, P interface {
	*T
	step
}](modules ...string) classInfo {
	return classInfo{func() step { return P(new(T)) }, modules}
}

// Load reads a model from the bytes of a pickle or joblib file, or of the JSON
// that MarshalJSON writes, also as YAML. It never runs anything that the file holds. Classes
// and functions that it does not know are refused by name.
func Load(data []byte) (*Model, error) {
	if isYAML(data) {
		return loadYAML(data)
	}
	if isJSON(data) {
		m, err := loadJSON(data)
		if err == nil {
			err = checkKeys(data)
		}
		if err != nil {
			return nil, err
		}
		return m, nil
	}
	var unknown []pickle.Global
	root, err := pickle.Read(data, func(g pickle.Global) bool {
		if allowed(g) || slices.Contains(unknown, g) {
			return true
		}
		unknown = append(unknown, g)
		return len(unknown) < 50
	}, pickle.Limits{})
	if err != nil && len(unknown) > 0 {
		return nil, refuseAll(unknown, nil)
	}
	if err != nil {
		return nil, err
	}
	if bad := unexcused(root, unknown); len(bad) > 0 {
		return nil, refuseAll(bad, whereabouts(root, bad))
	}
	return loadTree(root)
}

// unexcused are those of the unknown names that are more than the name of a
// function that was used in fitting and is not needed any more: what chose the
// columns of a ColumnTransformer, the score of a selector, the inverse of a
// FunctionTransformer.
func unexcused(root pickle.Value, unknown []pickle.Global) []pickle.Global {
	if len(unknown) == 0 {
		return nil
	}
	excused := make(map[pickle.Global]bool)
	called := make(map[pickle.Global]bool)
	partials := make(map[pickle.Global]bool)
	seen := make(map[pickle.Value]bool)
	excuse := func(v pickle.Value) {
		if o, ok := v.(*pickle.Object); ok && o.Class == partialClass && len(o.Args) > 0 {
			v = o.Args[0]
		}
		if g, ok := v.(pickle.Global); ok {
			excused[g] = true
		}
	}
	var walk func(v pickle.Value)
	each := func(vs []pickle.Value) {
		for _, v := range vs {
			walk(v)
		}
	}
	dict := func(d *pickle.Dict) {
		if d == nil {
			return
		}
		for _, it := range d.Items() {
			walk(it.Key)
			walk(it.Value)
		}
	}
	walk = func(v pickle.Value) {
		switch v.(type) {
		case *pickle.Object, *pickle.Dict, *pickle.List, *pickle.Tuple, *pickle.Set, *pickle.Array:
			if seen[v] {
				return
			}
			seen[v] = true
		}
		switch v := v.(type) {
		case *pickle.Object:
			called[v.Class] = true
			if v.Class == partialClass && len(v.Args) > 0 {
				if g, ok := v.Args[0].(pickle.Global); ok {
					partials[g] = true
				}
			}
			for _, name := range []string{"score_func", "inverse_func"} {
				if f, ok := v.Attr(name); ok {
					excuse(f)
				}
			}
			if list, ok := v.Attr("transformers"); ok && v.Class.Name == "ColumnTransformer" {
				items, _ := pickle.Items(list)
				for _, it := range items {
					if t, ok := pickle.Items(it); ok && len(t) == 3 {
						excuse(t[2])
					}
				}
			}
			each(v.Args)
			dict(v.Kwargs)
			walk(v.State)
			each(v.List)
			dict(v.Dict)
		case *pickle.Dict:
			dict(v)
		case *pickle.List:
			each(v.Items)
		case *pickle.Tuple:
			each(v.Items)
		case *pickle.Set:
			each(v.Items)
		case *pickle.Array:
			if v.DType.Kind == 'O' {
				if vs, err := v.Values(); err == nil {
					each(vs)
				}
			}
		}
	}
	walk(root)
	bad := slices.DeleteFunc(slices.Clone(unknown), func(g pickle.Global) bool { return excused[g] && !called[g] })
	if slices.ContainsFunc(bad, func(g pickle.Global) bool { return partials[g] }) {
		bad = append(bad, partialClass)
	}
	return bad
}

// loadTree makes a model of what was unpickled.
func loadTree(root pickle.Value) (*Model, error) {
	o, ok := root.(*pickle.Object)
	if !ok {
		return nil, fmt.Errorf("the file holds %s, want a fitted scikit-learn transformer%s", pickle.Describe(root), inside(root))
	}
	im := &importer{}
	if v, ok := o.Attr("_sklearn_version"); ok {
		im.version, _ = pickle.Text(v)
	}
	im.checkVersion()
	m := &Model{root: im.step(root, ""), version: im.version}
	m.warnings = im.warnings
	if err := errors.Join(im.errs...); err != nil {
		return nil, err
	}
	return m, m.check()
}

// check checks the whole model as far as it can be without a header.
func (m *Model) check() error {
	if n := m.root.width(); n >= 0 || m.root.header().Inputs != 0 {
		_, err := m.root.outputs(n)
		return err
	}
	// A model written by hand may leave n_features_in out. It is whole if it can
	// take some number of columns; Bind checks the number that comes.
	widths := []int{1}
	lengths(reflect.ValueOf(m.root), &widths)
	var why error
	for _, n := range widths {
		_, err := m.root.outputs(n)
		if err == nil {
			return nil
		}
		why = err
	}
	return fmt.Errorf("n_features_in: missing, and what was fitted does not tell it: %w", why)
}

// maxWidths bounds how many numbers of columns are tried for a model that does
// not say its own.
const maxWidths = 100

// lengths adds the lengths of all lists in v, each once.
func lengths(v reflect.Value, into *[]int) {
	if len(*into) >= maxWidths {
		return
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			lengths(v.Elem(), into)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			lengths(v.Field(i), into)
		}
	case reflect.Slice:
		if n := v.Len(); n > 0 && n <= MaxColumns && !slices.Contains(*into, n) {
			*into = append(*into, n)
		}
		switch v.Type().Elem().Kind() {
		case reflect.Slice, reflect.Struct, reflect.Interface:
			for i := range v.Len() {
				lengths(v.Index(i), into)
			}
		}
	}
}

// inside says which transformers stand in a dict or list that was saved instead
// of one.
func inside(root pickle.Value) string {
	var names []string
	add := func(key string, v pickle.Value) {
		if o, ok := v.(*pickle.Object); ok && classes[o.Class.Name].make != nil {
			names = append(names, fmt.Sprintf("the %s at %s", o.Class.Name, key))
		}
	}
	if d, ok := root.(*pickle.Dict); ok {
		for _, it := range d.Items() {
			if key, ok := pickle.Text(it.Key); ok {
				add(quote(key), it.Value)
			}
		}
	} else if n, ok := lengthOf(root); ok && n <= MaxColumns {
		items, _ := pickle.Items(root)
		for i, v := range items {
			add(fmt.Sprint(i), v)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return ": save it alone, such as " + some(names)
}

func (im *importer) checkVersion() {
	major, minor, ok := parseVersion(im.version)
	switch {
	case im.version == "":
		im.warn("the model does not say which scikit-learn wrote it; supported are 0.23 to 1.9")
	case !ok || major > 1 || major == 0 && minor < 23 || major == 1 && minor > 9:
		im.warn(fmt.Sprintf("the model was written by scikit-learn %s; supported are 0.23 to 1.9", im.version))
	}
}

// allowed is the complete list of names that a model may hold. What is not a
// step is only ever looked at as a name or skipped.
func allowed(g pickle.Global) bool {
	if info, ok := classes[g.Name]; ok && slices.Contains(info.modules, g.Module) {
		return true
	}
	return inert[g]
}

// refusal says why an object of class g cannot be a step; nil if it can.
func refusal(g pickle.Global) error {
	if info, ok := classes[g.Name]; ok && slices.Contains(info.modules, g.Module) {
		return nil
	}
	return refuseAll([]pickle.Global{g}, nil)
}

// refuseAll refuses names, which stand at those paths as far as known.
func refuseAll(gs []pickle.Global, paths map[pickle.Global]string) error {
	errs := make([]error, len(gs))
	for i, g := range gs {
		errs[i] = fmt.Errorf("%s is not supported: %s", g, advice(g))
		if at := paths[g]; at != "" {
			errs[i] = fmt.Errorf("%s: %w", at, errs[i])
		}
	}
	return errors.Join(errs...)
}

// advice says what to do instead of a class or function.
func advice(g pickle.Global) string {
	top, _, _ := strings.Cut(g.Module, ".")
	rest := strings.TrimPrefix(g.Module, "sklearn.")
	part, _, _ := strings.Cut(rest, ".")
	switch {
	case top == "__main__" || top == "builtins" && g.Name == "eval":
		return "it is defined in the program that saved the model, and this job runs no Python; replace it by a scikit-learn transformer, or prepare its columns before this job"
	case top == "cloudpickle" || top == "dill":
		return "the file holds Python code, such as a lambda, and this job runs none; save with joblib.dump or pickle.dump, and use a numpy function such as numpy.log1p or a scikit-learn transformer instead"
	case g == partialClass:
		return "only one of a numpy function and a number is, such as functools.partial(numpy.maximum, 0)"
	case g.Name == "KNNImputer" || g.Name == "IterativeImputer":
		return "it needs the training data or a model per column; use SimpleImputer"
	case part == "model_selection":
		return "save the preprocessing part of its best_estimator_ alone, such as search.best_estimator_[:-1]"
	case part == "feature_extraction":
		return "text and dictionary features are not supported; leave these columns out with 'drop' and compute them before this job"
	case top == "sklearn" && slices.Contains([]string{"linear_model", "ensemble", "tree", "svm", "neighbors", "naive_bayes", "neural_network", "cluster", "discriminant_analysis", "gaussian_process", "dummy", "calibration", "multiclass", "multioutput", "isotonic"}, part):
		return "this job prepares data and does not predict; save the preprocessing part alone, such as pipeline[:-1]"
	case top == "sklearn":
		return "save a model of supported steps: " + supported()
	case top == "numpy" || top == "scipy" || top == "pandas":
		return "this job cannot reproduce it; use a supported scikit-learn transformer"
	}
	return "custom code is never run; replace it by a scikit-learn transformer, or prepare its columns before this job"
}

// Classes are the names of the scikit-learn classes that are supported.
func Classes() []string {
	return slices.Sorted(maps.Keys(classes))
}

func supported() string { return strings.Join(Classes(), ", ") }
