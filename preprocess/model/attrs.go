package model

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"ds-pipeline/preprocess/pickle"
)

// maxNumbers bounds the numbers that a model holds, counted as often as they
// are used. A text or other value counts as cellCost numbers.
const (
	maxNumbers = 8 << 20
	cellCost   = 4
)

// room says whether the model may hold n more values, and counts them.
func (im *importer) room(n, cost int) bool {
	if n > maxNumbers/cost || im.numbers > maxNumbers {
		if im.numbers <= maxNumbers {
			im.numbers = maxNumbers + 1
			im.errs = append(im.errs, fmt.Errorf("the model holds more than %d numbers, or %d texts", maxNumbers, maxNumbers/cellCost))
		}
		return false
	}
	im.numbers += n * cost
	if im.numbers > maxNumbers {
		im.errs = append(im.errs, fmt.Errorf("the model holds more than %d numbers, or %d texts", maxNumbers, maxNumbers/cellCost))
		return false
	}
	return true
}

// lengthOf is how many items a sequence has, false if v is none.
func lengthOf(v pickle.Value) (int64, bool) {
	switch v := v.(type) {
	case *pickle.List:
		return int64(len(v.Items)), true
	case *pickle.Tuple:
		return int64(len(v.Items)), true
	case *pickle.Set:
		return int64(len(v.Items)), true
	case *pickle.Range:
		return v.Len(), true
	case *pickle.Array:
		return int64(v.Len()), true
	case *pickle.Index:
		return lengthOf(v.Data)
	}
	return 0, false
}

// items are the elements of a sequence of at most MaxColumns.
func (a *attrs) items(v pickle.Value) ([]pickle.Value, bool) {
	n, ok := lengthOf(v)
	if !ok || n > MaxColumns || !a.im.room(int(n), cellCost) {
		return nil, false
	}
	return pickle.Items(v)
}

// importer turns a pickle tree into steps and collects what is wrong with it.
type importer struct {
	version  string
	steps    int
	numbers  int
	treeSums int
	errs     []error
	warnings []string
}

// maxSteps bounds the objects of a model; a shared one counts each time.
const maxSteps = 10_000

func (im *importer) fail(path, format string, args ...any) {
	const most = 20
	if len(im.errs) < most {
		im.errs = append(im.errs, fmt.Errorf("%s: %s", path, fmt.Sprintf(format, args...)))
	}
}

func (im *importer) warn(text string) {
	if len(im.warnings) < 20 && !slices.Contains(im.warnings, text) {
		im.warnings = append(im.warnings, text)
	}
}

// step reads one fitted estimator.
func (im *importer) step(v pickle.Value, path string) step {
	if s, ok := v.(string); ok && s == "passthrough" || v == nil {
		return newPassthrough()
	}
	o, ok := v.(*pickle.Object)
	if !ok {
		im.fail(path, "got %s, want a fitted transformer", pickle.Describe(v))
		return newPassthrough()
	}
	if im.steps++; im.steps > maxSteps {
		if im.steps == maxSteps+1 {
			im.fail(path, "more than %d steps", maxSteps)
		}
		return newPassthrough()
	}
	if err := refusal(o.Class); err != nil {
		if path != "" {
			err = fmt.Errorf("%s: %w", path, err)
		}
		im.errs = append(im.errs, err)
		return newPassthrough()
	}
	s := classes[o.Class.Name].make()
	path = join(path, o.Class.Name)
	s.header().Class = o.Class.Name
	a := &attrs{im: im, obj: o, path: path, seen: map[string]bool{}}
	a.head(s.header())
	s.read(a)
	a.warnUnread()
	return s
}

// attrs reads the attributes of one pickled estimator. Each method records
// what is wrong and returns something harmless.
type attrs struct {
	im   *importer
	obj  *pickle.Object
	path string
	seen map[string]bool
}

func (a *attrs) fail(format string, args ...any) { a.im.fail(a.path, format, args...) }

// get is an attribute, which may be absent.
func (a *attrs) get(name string) (pickle.Value, bool) {
	a.seen[name] = true
	return a.obj.Attr(name)
}

// has says whether a fitted object of this version has the attribute.
func (a *attrs) has(name string) bool {
	_, ok := a.get(name)
	return ok
}

// must is an attribute that every version has.
func (a *attrs) must(name string) (pickle.Value, bool) {
	v, ok := a.get(name)
	if !ok {
		a.fail("%s: missing; is the model fitted?", name)
	}
	return v, ok
}

// ignore names attributes that do not change what transform does.
func (a *attrs) ignore(names ...string) {
	for _, n := range names {
		a.seen[n] = true
	}
}

// warnUnread warns of parameters that this program does not know: they may
// change what a newer scikit-learn does.
func (a *attrs) warnUnread() {
	a.ignore("_sklearn_version", "n_features_in_", "feature_names_in_", "_sklearn_output_config",
		"copy", "n_jobs", "verbose", "random_state", "_repr_html_inner", "_doc_link_module", "_doc_link_template", "_metadata_request")
	for _, n := range a.obj.Attrs() {
		if !a.seen[n] {
			a.im.warn(fmt.Sprintf("%s: unknown attribute %s", a.obj.Class.Name, n))
		}
	}
}

// head reads what every estimator has.
func (a *attrs) head(h *head) {
	if v, ok := a.get("n_features_in_"); ok && v != nil {
		n, isInt := pickle.Int(v)
		if !isInt || n < 0 || n > MaxColumns {
			a.fail("n_features_in_: got %s, want 0 to %d", pickle.Describe(v), MaxColumns)
		} else {
			h.Inputs = int(n)
		}
	}
	if v, ok := a.get("feature_names_in_"); ok && v != nil {
		h.FeatureNames = a.texts("feature_names_in_", v)
		if len(h.FeatureNames) == 0 {
			h.FeatureNames = nil
		}
		if h.Inputs == 0 {
			h.Inputs = len(h.FeatureNames)
		}
		if h.FeatureNames != nil && len(h.FeatureNames) != h.Inputs {
			a.fail("feature_names_in_: %d names for %d columns", len(h.FeatureNames), h.Inputs)
			h.FeatureNames = nil
		}
	}
	if v, ok := a.get("_sklearn_output_config"); ok {
		d, isDict := v.(*pickle.Dict)
		if !isDict {
			a.fail("_sklearn_output_config: got %s, want a dict", pickle.Describe(v))
			return
		}
		if t, ok := d.Get("transform"); ok && t != nil {
			s, _ := t.(string)
			switch s {
			case "default":
			case "pandas":
				h.Output = s
			default:
				a.fail("set_output(transform=%s) is not supported: use default or pandas", pickle.Describe(t))
			}
		}
	}
}

func (a *attrs) texts(name string, v pickle.Value) []string {
	items, ok := a.items(v)
	if !ok || len(items) > MaxColumns {
		a.fail("%s: got %s, want up to %d texts", name, pickle.Describe(v), MaxColumns)
		return nil
	}
	out := make([]string, len(items))
	for i, it := range items {
		if out[i], ok = pickle.Text(it); !ok {
			a.fail("%s: item %d is %s, want text", name, i, pickle.Describe(it))
			return nil
		}
	}
	return out
}

// option is a text parameter with a fixed set of values. def is the value of
// versions that do not have it; "" makes it required.
func (a *attrs) option(name, def string, allowed ...string) string {
	v, ok := a.get(name)
	if !ok {
		if def == "" {
			a.fail("%s: missing", name)
		}
		return def
	}
	s, ok := pickle.Text(v)
	if !ok || !slices.Contains(allowed, s) {
		a.fail("%s: got %s, want %s", name, pickle.Describe(v), strings.Join(allowed, ", "))
		return allowed[0]
	}
	return s
}

// flag is a bool parameter; scikit-learn also takes 0 and 1.
func (a *attrs) flag(name string, def bool) bool {
	v, ok := a.get(name)
	if !ok {
		return def
	}
	if b, ok := pickle.Bool(v); ok {
		return b
	}
	if n, ok := pickle.Int(v); ok && (n == 0 || n == 1) {
		return n == 1
	}
	a.fail("%s: got %s, want True or False", name, pickle.Describe(v))
	return def
}

// number is a float parameter.
func (a *attrs) number(name string, def float64) Float {
	v, ok := a.get(name)
	if !ok {
		return Float(def)
	}
	f, ok := pickle.Float(v)
	if !ok {
		a.fail("%s: got %s, want a number", name, pickle.Describe(v))
	}
	return Float(f)
}

// whole is an int parameter from 0 to MaxColumns.
func (a *attrs) whole(name string, def int) int {
	v, ok := a.get(name)
	if !ok {
		return def
	}
	n, ok := pickle.Int(v)
	if !ok || n < 0 || n > MaxColumns {
		a.fail("%s: got %s, want a whole number from 0 to %d", name, pickle.Describe(v), MaxColumns)
		return def
	}
	return int(n)
}

// pairOf is a parameter of two numbers.
func (a *attrs) pairOf(name string) [2]Float {
	v, ok := a.must(name)
	if !ok {
		return [2]Float{}
	}
	fs, _, err := a.floats(v)
	if err != nil || len(fs) != 2 {
		a.fail("%s: got %s, want two numbers", name, pickle.Describe(v))
		return [2]Float{}
	}
	return [2]Float{Float(fs[0]), Float(fs[1])}
}

// vector is a fitted array of one dimension; nil when None or absent.
func (a *attrs) vector(name string) []Float {
	v, ok := a.get(name)
	if !ok || v == nil {
		return nil
	}
	fs, shape, err := a.floats(v)
	if err == nil && len(shape) != 1 {
		err = fmt.Errorf("has %d dimensions, want 1", len(shape))
	}
	if err != nil {
		a.fail("%s: %v", name, err)
		return nil
	}
	if fs == nil {
		fs = []float64{}
	}
	return toFloats(fs)
}

// grid is a fitted array of two dimensions, as rows; nil when None or absent.
func (a *attrs) grid(name string) [][]Float {
	v, ok := a.get(name)
	if !ok || v == nil {
		return nil
	}
	arr, ok := v.(*pickle.Array)
	if !ok || len(arr.Shape) != 2 {
		a.fail("%s: got %s, want an array of two dimensions", name, pickle.Describe(v))
		return nil
	}
	if !a.im.room(arr.Len(), 1) {
		return nil
	}
	fs, err := arr.Floats()
	if err != nil {
		a.fail("%s: %v", name, err)
		return nil
	}
	if arr.Shape[0] > MaxColumns {
		a.fail("%s: %d rows, want at most %d", name, arr.Shape[0], MaxColumns)
		return nil
	}
	rows := make([][]Float, arr.Shape[0])
	for i := range rows {
		rows[i] = toFloats(fs[i*arr.Shape[1] : (i+1)*arr.Shape[1]])
	}
	return rows
}

// indices is a fitted array of places from 0 to MaxColumns.
func (a *attrs) indices(name string, v pickle.Value) []int {
	items, ok := a.items(v)
	if !ok || len(items) > MaxColumns {
		a.fail("%s: got %s, want up to %d whole numbers", name, pickle.Describe(v), MaxColumns)
		return nil
	}
	out := make([]int, len(items))
	for i, it := range items {
		n, ok := pickle.Int(it)
		if !ok || n < 0 || n > MaxColumns {
			a.fail("%s: item %d is %s, want a whole number from 0", name, i, pickle.Describe(it))
			return nil
		}
		out[i] = int(n)
	}
	return out
}

// mask is a fitted array of bools.
func (a *attrs) mask(name string) []bool {
	v, ok := a.must(name)
	if !ok {
		return nil
	}
	arr, ok := v.(*pickle.Array)
	if !ok || len(arr.Shape) != 1 {
		a.fail("%s: got %s, want an array of True and False", name, pickle.Describe(v))
		return nil
	}
	if !a.im.room(arr.Len(), 1) {
		return nil
	}
	m, err := arr.Bools()
	if err != nil {
		a.fail("%s: %v", name, err)
	}
	return m
}

// list is an attribute that holds a sequence.
func (a *attrs) list(name string, v pickle.Value) []pickle.Value {
	if arr, ok := v.(*pickle.Array); ok && len(arr.Shape) > 1 {
		// A list of equal lengths that numpy made one array of.
		rest := 1
		for _, n := range arr.Shape[1:] {
			rest *= n
		}
		if !a.im.room(arr.Len(), cellCost) {
			return nil
		}
		vals, err := arr.Values()
		if err != nil || arr.Shape[0] > MaxColumns || len(vals) != rest*arr.Shape[0] {
			a.fail("%s: got %s, want a list", name, pickle.Describe(v))
			return nil
		}
		out := make([]pickle.Value, arr.Shape[0])
		for i := range out {
			out[i] = &pickle.List{Items: vals[i*rest : (i+1)*rest]}
		}
		return out
	}
	items, ok := a.items(v)
	if !ok || len(items) > MaxColumns {
		a.fail("%s: got %s, want a list of at most %d", name, pickle.Describe(v), MaxColumns)
		return nil
	}
	return items
}

// dtypeParam is the dtype parameter of an encoder: a class such as
// numpy.float64, a numpy.dtype, or its name.
func (a *attrs) dtypeParam(name, def string) string {
	v, ok := a.get(name)
	if !ok || v == nil {
		return def
	}
	s := ""
	switch v := v.(type) {
	case pickle.Global:
		if v.Module == "numpy" || v.Module == "builtins" {
			s = v.Name
		}
	case pickle.DType:
		s = v.String()
	case *pickle.DType:
		s = v.String()
	case string:
		s = v
	}
	switch s {
	case "float", "float_", "double":
		s = "float64"
	case "int", "int_", "intc", "longlong":
		s = "int64"
	case "bool_":
		s = "bool"
	case "single":
		s = "float32"
	}
	if _, ok := dtypeNames[s]; !ok || s == "object" {
		a.fail("%s: got %s, want a whole number type, float32 or float64", name, pickle.Describe(v))
		return "float64"
	}
	return s
}

// before says whether the model was written by a scikit-learn older than that.
func (a *attrs) before(major, minor int) bool {
	ma, mi, ok := parseVersion(a.im.version)
	return ok && (ma < major || ma == major && mi < minor)
}

func parseVersion(s string) (major, minor int, ok bool) {
	parts := strings.SplitN(s, ".", 3)
	if len(parts) < 2 {
		return 0, 0, false
	}
	major, err := strconv.Atoi(parts[0])
	if err != nil {
		return 0, 0, false
	}
	digits := parts[1]
	for i, r := range digits {
		if r < '0' || r > '9' {
			digits = digits[:i]
			break
		}
	}
	minor, err = strconv.Atoi(digits)
	return major, minor, err == nil
}

var errNotFitted = errors.New("missing; is the model fitted?")
