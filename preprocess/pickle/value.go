// Package pickle reads what Python's pickle and joblib write into an inert tree of values.
//
// Nothing in a file is ever run: a class or function is a name, [Global], and what Python
// would make by calling it is an [Object] that remembers the name and the arguments. Only
// the constructors of builtins, numpy arrays and pandas indexes are understood, each by its
// exact module and name; every other name must be allowed by the caller.
//
// A tree that [Read] returns is safe to walk by plain recursion: it has no cycles, it is at
// most [Limits].Depth deep, and visiting every value once per reference, shared or not, is
// bounded by [Limits].Bytes.
package pickle

import "math/big"

// Value is one Python value:
//
//	nil           None
//	bool          bool
//	int64         int that fits
//	*big.Int      any other int
//	float64       float
//	complex128    complex
//	string        str (always valid UTF-8)
//	Bytes         bytes and bytearray
//	*List         list
//	*Tuple        tuple
//	*Dict         dict, OrderedDict, defaultdict
//	*Set          set and frozenset
//	*Slice        slice
//	*Range        range
//	*Array        numpy.ndarray
//	*Scalar       a numpy scalar, such as numpy.float32(1)
//	*DType        numpy.dtype
//	*Index        a pandas Index or Series
//	Global        a class, function, ufunc or named constant, by name only
//	*Object       an instance of an allowed class, or the result of an allowed function
type Value any

// Bytes is a Python bytes or bytearray. It may alias the input of Read: do not change it.
type Bytes []byte

// Global names something in a Python module: a class, a function, a constant. Names of
// Python 2 are given as in Python 3 (builtins, not __builtin__). Name has dots when it is
// nested, as in "Outer.Inner".
type Global struct{ Module, Name string }

// String is the dotted name, "module.name".
func (g Global) String() string { return g.Module + "." + g.Name }

// List is a Python list.
type List struct {
	Items []Value
	node  node
}

// Tuple is a Python tuple.
type Tuple struct {
	Items []Value
	node  node
}

// Set is a Python set or frozenset. Items are distinct, in the order of the file.
type Set struct {
	Items  []Value
	Frozen bool
	keys   map[any]struct{}
	node   node
}

// Slice is a Python slice; each part is nil when it is None.
type Slice struct {
	Start, Stop, Step Value
	node              node
}

// Range is a Python range.
type Range struct{ Start, Stop, Step int64 }

// Len is the number of integers in the range, 0 when the step cannot reach.
func (r *Range) Len() int64 {
	switch {
	case r.Step > 0 && r.Start < r.Stop:
		return int64((uint64(r.Stop)-uint64(r.Start)-1)/uint64(r.Step)) + 1
	case r.Step < 0 && r.Start > r.Stop:
		return int64((uint64(r.Start)-uint64(r.Stop)-1)/(-uint64(r.Step))) + 1
	}
	return 0
}

// Object is an inert instance: what Python would have built by calling Class.
type Object struct {
	// Class is the class, or the function whose result this is.
	Class Global
	// Args are what __new__, or the function, was called with.
	Args []Value
	// Kwargs are its keyword arguments; nil when there were none.
	Kwargs *Dict
	// State is what __setstate__ would have received, usually the *Dict of attributes; nil
	// when the file gives none.
	State Value
	// List holds what was appended, when the class extends list.
	List []Value
	// Dict holds what was set, when the class extends dict; else nil.
	Dict *Dict

	built bool
	node  node
}

// Attr is the attribute of that name in State. It knows both forms of a state: a dict, and
// a pair of a dict and the dict of __slots__.
func (o *Object) Attr(name string) (Value, bool) {
	for _, d := range o.attrDicts() {
		if v, ok := d.Get(name); ok {
			return v, true
		}
	}
	return nil, false
}

// Attrs lists the names of the attributes in State, in the order of the file.
func (o *Object) Attrs() []string {
	var names []string
	for _, d := range o.attrDicts() {
		for _, it := range d.items {
			if s, ok := it.Key.(string); ok {
				names = append(names, s)
			}
		}
	}
	return names
}

func (o *Object) attrDicts() []*Dict {
	switch s := o.State.(type) {
	case *Dict:
		return []*Dict{s}
	case *Tuple:
		var ds []*Dict
		if len(s.Items) != 2 {
			return nil
		}
		for _, v := range s.Items {
			if d, ok := v.(*Dict); ok {
				ds = append(ds, d)
			}
		}
		return ds
	}
	return nil
}

// Scalar is one numpy scalar.
type Scalar struct {
	DType DType
	// Value is a bool, int64, *big.Int (a uint64 beyond int64), float64, string or Bytes,
	// after DType. A float16 or float32 is exact as float64.
	Value Value
}

// Index is a pandas Index of one level, or the values of a pandas Series, which masks and
// lists of columns may be. The index of the Series is left out.
type Index struct {
	// Class is the pandas class, such as pandas.core.indexes.base.Index or
	// pandas.core.series.Series.
	Class Global
	// Data is the *Array of labels or values, or the *Range of a RangeIndex.
	Data Value
	// Name is the label of the Index or Series itself, usually nil.
	Name Value

	node node
}

// Values are the labels, or the values of a Series.
func (x *Index) Values() ([]Value, error) {
	switch d := x.Data.(type) {
	case *Array:
		return d.Values()
	case *Range:
		return d.Values()
	}
	return nil, errIndexData(x)
}

// Int is v as an int: a Python int or bool, or a numpy one. ok is false for all else and
// for a number that does not fit.
func Int(v Value) (n int64, ok bool) {
	switch v := v.(type) {
	case int64:
		return v, true
	case bool:
		if v {
			return 1, true
		}
		return 0, true
	case *Scalar:
		return Int(v.Value)
	}
	return 0, false
}

// Float is v as a float: a Python or numpy int, bool or float. ok is false for all else.
func Float(v Value) (f float64, ok bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case int64:
		return float64(v), true
	case bool:
		if v {
			return 1, true
		}
		return 0, true
	case *big.Int:
		f, _ := v.Float64()
		return f, true
	case *Scalar:
		return Float(v.Value)
	}
	return 0, false
}

// Bool is v as a bool: a Python or numpy bool. ok is false for all else, numbers too.
func Bool(v Value) (b, ok bool) {
	switch v := v.(type) {
	case bool:
		return v, true
	case *Scalar:
		return Bool(v.Value)
	}
	return false, false
}

// Text is v as text: a str or numpy.str_. ok is false for all else.
func Text(v Value) (s string, ok bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case *Scalar:
		return Text(v.Value)
	}
	return "", false
}

// Items are the elements of a list, tuple, set, range, array of one dimension, pandas Index
// or Series. ok is false for all else.
func Items(v Value) (items []Value, ok bool) {
	switch v := v.(type) {
	case *List:
		return v.Items, true
	case *Tuple:
		return v.Items, true
	case *Set:
		return v.Items, true
	case *Range:
		items, err := v.Values()
		return items, err == nil
	case *Array:
		if len(v.Shape) != 1 {
			return nil, false
		}
		items, err := v.Values()
		return items, err == nil
	case *Index:
		items, err := v.Values()
		return items, err == nil
	}
	return nil, false
}
