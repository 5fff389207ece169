package pickle

// wrapperClass is what joblib pickles in place of a numpy array. The elements follow, in
// the file, the instruction that gives the wrapper its state.
var wrapperClass = Global{"joblib.numpy_pickle", "NumpyArrayWrapper"}

// arrayWrapper is a NumpyArrayWrapper that has no state yet.
type arrayWrapper struct{}

func init() {
	register(newWrapper, wrapperClass)
	// Where a pipeline kept results while it was fitted.
	inertClasses[Global{"joblib.memory", "Memory"}] = true
	inertClasses[Global{"joblib._store_backends", "FileSystemStoreBackend"}] = true
}

func newWrapper(r *reader, args []Value) (Value, error) {
	return &arrayWrapper{}, firstError(arity(args, 0, 0), r.charge(nodeBytes))
}

// readWrapped reads the array of a wrapper with the given attributes:
//
//   - of objects: a pickle of its own, memo and all, holding the array;
//   - of anything else, since joblib 1.2 (attribute numpy_array_alignment_bytes): a byte n,
//     n bytes of padding, the elements;
//   - before: the elements.
func (r *reader) readWrapped(state Value) (*Array, error) {
	if r.nested {
		return nil, fail("inside the pickle of an array of objects, where joblib writes none")
	}
	attrs, ok := state.(*Dict)
	if !ok {
		return nil, fail("the state is %s, want a dict", Describe(state))
	}
	if class, _ := attrs.Get("subclass"); class != ndarray && class != memmap {
		return nil, fail("an array of class %s, want numpy.ndarray", Describe(class))
	}
	v, _ := attrs.Get("shape")
	shape, err := shapeOf(v)
	if err != nil {
		return nil, err
	}
	v, _ = attrs.Get("dtype")
	d, ok := v.(*DType)
	if !ok {
		return nil, fail("the dtype is %s", Describe(v))
	}
	if err := d.usable(); err != nil {
		return nil, err
	}
	order, _ := attrs.Get("order")
	if order != "C" && order != "F" {
		return nil, fail("the order is %s, want 'C' or 'F'", Describe(order))
	}
	if d.Kind == 'O' {
		return r.nestedArray(shape)
	}
	if align, ok := attrs.Get("numpy_array_alignment_bytes"); ok && align != nil {
		if _, err := r.block(1); err != nil {
			return nil, err
		}
	}
	count, err := r.shape(shape)
	if err != nil {
		return nil, err
	}
	raw, err := r.next(count * d.Size)
	if err != nil {
		return nil, err
	}
	a := &Array{}
	a.set(*d, shape, raw, nil)
	if order == "F" {
		a.strides = fortranStrides(shape)
	}
	return a, nil
}

// nestedArray reads an array of objects, which joblib leaves to a plain pickle.
func (r *reader) nestedArray(shape []int) (*Array, error) {
	inner := &reader{stream: r.stream, budget: r.budget, nested: true}
	v, err := inner.run()
	r.pos = inner.pos
	if err != nil {
		return nil, fail("in the pickle of an array of objects, at byte %d: %w", inner.at, err)
	}
	a, ok := v.(*Array)
	if !ok || !a.built || shapeText(a.Shape) != shapeText(shape) {
		return nil, fail("an array of objects of shape %s is %s in the file", shapeText(shape), Describe(v))
	}
	return a, nil
}
