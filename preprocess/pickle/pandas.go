package pickle

import "fmt"

var (
	rangeIndex     = Global{"pandas.core.indexes.range", "RangeIndex"}
	seriesClass    = Global{"pandas.core.series", "Series"}
	managerClass   = Global{"pandas.core.internals.managers", "SingleBlockManager"}
	stringArray    = Global{"pandas.core.arrays.string_", "StringArray"}
	indexOfOneAxis = []Global{
		{"pandas.core.indexes.base", "Index"},
		{"pandas.core.indexes.numeric", "Int64Index"},
		{"pandas.core.indexes.numeric", "UInt64Index"},
		{"pandas.core.indexes.numeric", "Float64Index"},
		rangeIndex,
	}
)

func init() {
	for _, g := range indexOfOneAxis {
		inert[g] = true
	}
	inert[Global{"pandas._libs.missing", "NA"}] = true
	inertClasses[stringArray] = true
	inertClasses[managerClass] = true
	register(newSeries, seriesClass)
	inertClasses[Global{"pandas.core.arrays.string_", "StringDtype"}] = true
	register(newIndex, Global{"pandas.core.indexes.base", "_new_Index"})
	register(newBackedArray, Global{"pandas._libs.arrays", "__pyx_unpickle_NDArrayBacked"})
}

// newIndex is _new_Index(class, attributes).
func newIndex(r *reader, args []Value) (Value, error) {
	if err := arity(args, 2, 2); err != nil {
		return nil, err
	}
	class, _ := args[0].(Global)
	supported := false
	for _, g := range indexOfOneAxis {
		supported = supported || g == class
	}
	if !supported {
		return nil, fail("an index of class %s is not supported; give the columns as a list of names", Describe(args[0]))
	}
	d, ok := args[1].(*Dict)
	if !ok {
		return nil, fail("the attributes are %s, want a dict", Describe(args[1]))
	}
	x := &Index{Class: class}
	x.Name, _ = d.Get("name")
	if class == rangeIndex {
		var parts [3]Value
		for i, name := range []string{"start", "stop", "step"} {
			parts[i], _ = d.Get(name)
		}
		v, err := newRange(r, parts[:])
		x.Data = v
		return x, firstError(err, r.charge(nodeBytes))
	}
	data, _ := d.Get("data")
	a, err := labels(data)
	x.Data = a
	return x, firstError(err, r.charge(nodeBytes))
}

// labels is the array that an index holds: as numpy's, or wrapped in pandas' own for text.
func labels(data Value) (*Array, error) {
	if o, ok := data.(*Object); ok && o.Class == stringArray {
		if v, ok := o.Attr("_ndarray"); ok { // pandas before 1.3
			data = v
		}
		if t, ok := o.State.(*Tuple); ok {
			for _, part := range t.Items {
				if a, ok := part.(*Array); ok {
					data = a
				}
			}
		}
	}
	a, ok := data.(*Array)
	if !ok || !a.built {
		return nil, fail("the values are %s, want an array; give the columns as a list of names", Describe(data))
	}
	if len(a.Shape) != 1 {
		return nil, fail("the values are %s, want one axis", Describe(a))
	}
	return a, nil
}

// newSeries is a Series without contents; BUILD gives it them.
func newSeries(r *reader, args []Value) (Value, error) {
	return &Index{Class: seriesClass}, firstError(arity(args, 0, 0), r.charge(nodeBytes))
}

// setSeries gives a Series its attributes, of which the manager's state holds the one block
// of values: ([index], [values], [index], ...).
func (x *Index) setSeries(state Value) error {
	if x.Class != seriesClass || x.Data != nil {
		return fail("%s is given a state, which it does not take", Describe(x))
	}
	attrs, ok := state.(*Dict)
	if !ok {
		return fail("the state of a %s is %s, want a dict", seriesClass, Describe(state))
	}
	manager, ok := attrs.Get("_mgr")
	if !ok {
		manager, _ = attrs.Get("_data") // until pandas 1.0
	}
	m, ok := manager.(*Object)
	if !ok || m.Class != managerClass {
		return fail("the values of a %s are held by %s, want %s", seriesClass, Describe(manager), managerClass)
	}
	parts, ok := m.State.(*Tuple)
	if !ok || len(parts.Items) < 3 {
		return fail("the state of a %s is %s, want a tuple", managerClass, Describe(m.State))
	}
	blocks, ok := parts.Items[1].(*List)
	if !ok || len(blocks.Items) != 1 {
		return fail("the values of a %s are %s, want a list of 1", managerClass, Describe(parts.Items[1]))
	}
	a, err := labels(blocks.Items[0])
	if err != nil {
		return fmt.Errorf("%s: %w", seriesClass, err)
	}
	x.Data = a
	x.Name, _ = attrs.Get("name")
	return nil
}

// newBackedArray is how pandas makes an array of its own that keeps its elements in one of
// numpy: (class, checksum, None), with the elements in the state.
func newBackedArray(r *reader, args []Value) (Value, error) {
	if err := arity(args, 3, 3); err != nil {
		return nil, err
	}
	class, ok := args[0].(Global)
	if !ok || class != stringArray {
		return nil, fail("an array of class %s is not supported", Describe(args[0]))
	}
	return r.object(class, nil, nil)
}
