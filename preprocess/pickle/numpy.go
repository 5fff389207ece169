package pickle

func init() {
	for _, name := range []string{
		"bool_", "bool", "object_", "str_", "bytes_", "generic", "number", "integer", "floating",
		"int8", "int16", "int32", "int64", "intc", "longlong", "uint8", "uint16", "uint32", "uint64", "uintc", "ulonglong",
		"float16", "float32", "float64",
	} {
		inert[Global{"numpy", name}] = true
	}
	// A random generator given to a step is of no use after fitting.
	for _, g := range []Global{
		{"numpy.random._pickle", "__randomstate_ctor"}, {"numpy.random._pickle", "__bit_generator_ctor"},
		{"numpy.random._mt19937", "MT19937"},
	} {
		inertClasses[g] = true
	}
	inert[ndarray] = true
	inert[memmap] = true
	register(newDType, Global{"numpy", "dtype"})
	// numpy 1 says numpy.core, numpy 2 numpy._core.
	for _, core := range []string{"numpy.core", "numpy._core"} {
		register(reconstructArray, Global{core + ".multiarray", "_reconstruct"})
		register(newScalar, Global{core + ".multiarray", "scalar"})
		register(fromBuffer, Global{core + ".numeric", "_frombuffer"})
		register(ufunc, Global{core, "_ufunc_reconstruct"})
	}
}

var (
	ndarray = Global{"numpy", "ndarray"}
	memmap  = Global{"numpy", "memmap"}
)

// newDType is numpy.dtype(name, align, copy).
func newDType(r *reader, args []Value) (Value, error) {
	if err := arity(args, 1, 3); err != nil {
		return nil, err
	}
	name, ok := args[0].(string)
	if !ok {
		return nil, fail("called with %s, want text", Describe(args[0]))
	}
	d, err := parseDType(name)
	return &d, firstError(err, r.charge(nodeBytes))
}

// setDType gives a dtype its state: (version, byte order, subarray, names, fields, size,
// alignment, flags), and in version 4 the metadata.
func (r *reader) setDType(d *DType, state Value) error {
	t, ok := state.(*Tuple)
	if !ok || len(t.Items) < 6 || len(t.Items) > 9 {
		return fail("the state of a numpy.dtype is %s, want a tuple of 8", Describe(state))
	}
	if t.Items[2] != nil {
		return fail("a numpy.dtype of arrays is not supported; %s", supported)
	}
	if d.Fields != nil {
		return fail("a numpy.dtype of records is given its fields twice")
	}
	order, ok := t.Items[1].(string)
	switch {
	case ok && order == ">":
		d.Big = d.Size > 1 && d.numeric() || d.Kind == 'U'
	case ok && (order == "<" || order == "|" || order == "="):
		d.Big = false
	default:
		return fail("the byte order of a numpy.dtype is %s, want '<', '>', '=' or '|'", Describe(t.Items[1]))
	}
	size, ok := t.Items[5].(int64)
	switch {
	case !ok:
		return fail("the element size of a numpy.dtype is %s, want an int", Describe(t.Items[5]))
	case size == -1:
	case (d.Kind == 'S' || d.Kind == 'V') && size >= 0 && size < 1<<30, d.Kind == 'U' && size >= 0 && size < 1<<30 && size%4 == 0:
		d.Size = int(size)
	case size != int64(d.Size):
		return fail("the element size of a numpy.dtype is %d and its type is %s", size, d)
	}
	if t.Items[3] == nil && t.Items[4] == nil {
		return nil
	}
	return firstError(d.setFields(t.Items[3], t.Items[4]), r.charge(fieldBytes*len(d.Fields)))
}

// reconstructArray is an array without contents; BUILD gives it them.
func reconstructArray(r *reader, args []Value) (Value, error) {
	if err := arity(args, 3, 3); err != nil {
		return nil, err
	}
	if args[0] != ndarray && args[0] != memmap {
		return nil, fail("an array of class %s, want numpy.ndarray", Describe(args[0]))
	}
	return &Array{}, r.charge(nodeBytes)
}

// setArray gives an array its state: (version, shape, dtype, column-major, elements), the
// elements being bytes as in memory, or a list in row-major order for objects.
func (r *reader) setArray(a *Array, state Value) error {
	t, ok := state.(*Tuple)
	if !ok || len(t.Items) != 4 && len(t.Items) != 5 {
		return fail("the state of a numpy array is %s, want a tuple of 5", Describe(state))
	}
	if a.built {
		return fail("a numpy array is given its state twice")
	}
	parts := t.Items[len(t.Items)-4:]
	shape, err := shapeOf(parts[0])
	if err != nil {
		return err
	}
	d, ok := parts[1].(*DType)
	if !ok {
		return fail("the dtype of a numpy array is %s", Describe(parts[1]))
	}
	fortran, ok := Int(parts[2])
	if !ok {
		return fail("the order of a numpy array is %s, want a bool", Describe(parts[2]))
	}
	if d.Kind == 'O' {
		list, ok := parts[3].(*List)
		if !ok {
			return fail("the elements of a numpy array of objects are %s, want a list", Describe(parts[3]))
		}
		return r.fill(a, *d, shape, nil, list.Items)
	}
	raw, ok := parts[3].(Bytes)
	if !ok {
		return fail("the elements of a numpy array are %s, want bytes", Describe(parts[3]))
	}
	if err := r.fill(a, *d, shape, raw, nil); err != nil {
		return err
	}
	if fortran != 0 {
		a.strides = fortranStrides(shape)
	}
	return nil
}

// fill sets what an array holds, after checking that there is exactly as much of it as the
// shape says.
func (r *reader) fill(a *Array, d DType, shape []int, raw []byte, objects []Value) error {
	count, err := r.shape(shape)
	if err = firstError(err, d.usable()); err != nil {
		return err
	}
	if d.Kind == 'O' {
		if len(objects) != count {
			return fail("a numpy array of shape %s has %d elements", shapeText(shape), len(objects))
		}
	} else if len(raw) != count*d.Size {
		return fail("a numpy array of %s and shape %s has %d bytes, want %d", d, shapeText(shape), len(raw), count*d.Size)
	}
	a.set(d, shape, raw, objects)
	return nil
}

func (a *Array) set(d DType, shape []int, raw []byte, objects []Value) {
	a.DType, a.Shape, a.data, a.objects, a.built = d, shape, raw, objects[:len(objects):len(objects)], true
}

func shapeOf(v Value) ([]int, error) {
	t, ok := v.(*Tuple)
	if !ok {
		return nil, fail("the shape of a numpy array is %s, want a tuple", Describe(v))
	}
	shape := make([]int, len(t.Items))
	for i, item := range t.Items {
		n, ok := Int(item)
		if !ok {
			return nil, fail("an axis of a numpy array has length %s, want an int", Describe(item))
		}
		shape[i] = int(n)
	}
	return shape, nil
}

// fortranStrides are the distances of neighbors along each axis, when the first axis
// varies fastest.
func fortranStrides(shape []int) []int {
	strides := make([]int, len(shape))
	step := 1
	for i, n := range shape {
		strides[i] = step
		step *= n
	}
	return strides
}

// newScalar is numpy's scalar(dtype, bytes), or (dtype, object) for a dtype of objects.
func newScalar(r *reader, args []Value) (Value, error) {
	if err := arity(args, 1, 2); err != nil {
		return nil, err
	}
	d, ok := args[0].(*DType)
	if !ok {
		return nil, fail("the dtype is %s", Describe(args[0]))
	}
	if len(args) == 1 {
		return nil, fail("called without a value")
	}
	if d.Kind == 'O' {
		return args[1], nil
	}
	if d.Kind == 'V' {
		return nil, fail("a scalar of %s is not supported", d)
	}
	raw, ok := args[1].(Bytes)
	if !ok || len(raw) != d.Size {
		return nil, fail("a %s is %s, want bytes of length %d", d, Describe(args[1]), d.Size)
	}
	if err := r.charge(nodeBytes + len(raw)); err != nil {
		return nil, err
	}
	v := d.element(raw)
	if _, ok := v.(badText); ok {
		return nil, fail("a %s is not Unicode", d)
	}
	return &Scalar{DType: *d, Value: v}, nil
}

// fromBuffer is how protocol 5 makes an array: _frombuffer(bytes, dtype, shape, order), and
// since numpy 2.3 the axes in the order they have in memory, when order is 'K'.
func fromBuffer(r *reader, args []Value) (Value, error) {
	if err := arity(args, 4, 5); err != nil {
		return nil, err
	}
	raw, ok := args[0].(Bytes)
	if !ok {
		return nil, fail("the elements are %s, want bytes", Describe(args[0]))
	}
	d, ok := args[1].(*DType)
	if !ok {
		return nil, fail("the dtype is %s", Describe(args[1]))
	}
	if d.Kind == 'O' {
		return nil, fail("the dtype is object, which is not bytes")
	}
	shape, err := shapeOf(args[2])
	if err != nil {
		return nil, err
	}
	a := &Array{}
	if err := r.fill(a, *d, shape, raw, nil); err != nil {
		return nil, err
	}
	order, axes := args[3], Value(nil)
	if len(args) == 5 {
		axes = args[4]
	}
	switch {
	case order == "C" && axes == nil, order == "K" && axes == nil:
	case order == "F" && axes == nil:
		a.strides = fortranStrides(shape)
	case order == "K":
		return a, a.transpose(axes)
	default:
		return nil, fail("the order is %s, want 'C', 'F' or 'K'", Describe(order))
	}
	return a, nil
}

// transpose permutes the axes of a row-major array: axis i of the result is axis axes[i].
func (a *Array) transpose(axes Value) error {
	perm, err := shapeOf(axes)
	if err != nil || len(perm) != len(a.Shape) {
		return fail("the order of axes is %s, want a permutation of %d", Describe(axes), len(a.Shape))
	}
	shape, strides := make([]int, len(perm)), make([]int, len(perm))
	step := 1
	inMemory := make([]int, len(perm))
	for i := len(perm) - 1; i >= 0; i-- {
		inMemory[i] = step
		step *= a.Shape[i]
	}
	seen := make([]bool, len(perm))
	for i, k := range perm {
		if k < 0 || k >= len(perm) || seen[k] {
			return fail("the order of axes is not a permutation of %d", len(perm))
		}
		seen[k] = true
		shape[i], strides[i] = a.Shape[k], inMemory[k]
	}
	a.Shape, a.strides = shape, strides
	return nil
}

// ufunc is how numpy before 1.20 names a ufunc: _ufunc_reconstruct(module, name). The
// result is the name itself, which must be allowed as any other.
func ufunc(r *reader, args []Value) (Value, error) {
	if err := arity(args, 2, 2); err != nil {
		return nil, err
	}
	module, ok1 := args[0].(string)
	name, ok2 := args[1].(string)
	if !ok1 || !ok2 {
		return nil, fail("called with %s and %s, want names", Describe(args[0]), Describe(args[1]))
	}
	return r.global(module, name)
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
