package pickle

// builtin names something in Python's builtins module.
func builtin(name string) Global { return Global{"builtins", name} }

// newable are the constructors that NEWOBJ may use: their __new__ does what a call does.
var newable = map[Global]bool{
	{"collections", "OrderedDict"}: true,
	{"collections", "defaultdict"}: true,
	wrapperClass:                   true,
	seriesClass:                    true,
}

func init() {
	for _, name := range []string{"object", "int", "float", "str", "bool", "dict", "list", "tuple"} {
		inert[builtin(name)] = true
	}
	register(newSet, builtin("set"))
	register(newFrozenSet, builtin("frozenset"))
	register(newSlice, builtin("slice"))
	register(newRange, builtin("range"))
	register(newComplex, builtin("complex"))
	register(newBytes, builtin("bytes"), builtin("bytearray"))
	register(newOrderedDict, Global{"collections", "OrderedDict"})
	register(newDefaultDict, Global{"collections", "defaultdict"})
	register(getAttr, builtin("getattr"))
	register(encode, Global{"_codecs", "encode"})
	register(reconstructor, Global{"copyreg", "_reconstructor"})
	register(newObj, Global{"copyreg", "__newobj__"})
	register(newObjEx, Global{"copyreg", "__newobj_ex__"})
}

// sequence is the one argument of set, frozenset and OrderedDict, none meaning empty.
func sequence(args []Value) ([]Value, error) {
	if err := arity(args, 0, 1); err != nil || len(args) == 0 {
		return nil, err
	}
	switch v := args[0].(type) {
	case *List:
		return v.Items, nil
	case *Tuple:
		return v.Items, nil
	}
	return nil, fail("called with %s, want a list", Describe(args[0]))
}

func newSet(r *reader, args []Value) (Value, error) {
	items, err := sequence(args)
	if err != nil {
		return nil, err
	}
	s := &Set{}
	return s, r.addItems(s, items)
}

func newFrozenSet(r *reader, args []Value) (Value, error) {
	v, err := newSet(r, args)
	if err != nil {
		return nil, err
	}
	v.(*Set).Frozen = true
	return v, nil
}

func newSlice(r *reader, args []Value) (Value, error) {
	if err := arity(args, 3, 3); err != nil {
		return nil, err
	}
	return &Slice{Start: args[0], Stop: args[1], Step: args[2]}, r.charge(nodeBytes)
}

func newRange(r *reader, args []Value) (Value, error) {
	if err := arity(args, 1, 3); err != nil {
		return nil, err
	}
	n := [3]int64{0, 0, 1}
	for i, v := range args {
		at := i
		if len(args) == 1 {
			at = 1
		}
		var ok bool
		if n[at], ok = v.(int64); !ok {
			return nil, fail("called with %s, want ints", Describe(v))
		}
	}
	if n[2] == 0 {
		return nil, fail("the step is 0")
	}
	return &Range{n[0], n[1], n[2]}, r.charge(nodeBytes)
}

func newComplex(_ *reader, args []Value) (Value, error) {
	if err := arity(args, 2, 2); err != nil {
		return nil, err
	}
	re, ok1 := Float(args[0])
	im, ok2 := Float(args[1])
	if !ok1 || !ok2 {
		return nil, fail("called with %s and %s, want numbers", Describe(args[0]), Describe(args[1]))
	}
	return complex(re, im), nil
}

// newBytes is bytes(), bytearray(bytes) or bytearray(text, encoding).
func newBytes(r *reader, args []Value) (Value, error) {
	if err := arity(args, 0, 2); err != nil {
		return nil, err
	}
	if len(args) == 0 {
		return Bytes{}, nil
	}
	switch v := args[0].(type) {
	case Bytes:
		if len(args) == 1 {
			return v, nil
		}
	case string:
		if len(args) == 2 {
			return encode(r, args)
		}
	}
	return nil, fail("called with %s, want bytes", Describe(args[0]))
}

// encode is how protocols 0 to 2 write bytes: as Latin-1 text to be encoded.
func encode(r *reader, args []Value) (Value, error) {
	if err := arity(args, 1, 2); err != nil {
		return nil, err
	}
	s, ok := args[0].(string)
	if !ok {
		return nil, fail("called with %s, want text", Describe(args[0]))
	}
	if len(args) == 2 && args[1] != "latin1" && args[1] != "latin-1" {
		return nil, fail("the encoding is %s, want latin1", Describe(args[1]))
	}
	if err := r.charge(len(s) + slotBytes); err != nil {
		return nil, err
	}
	return latin1(s)
}

// getAttr is how protocols 0 to 3 name something inside a class, and all of them a method:
// getattr(class or instance, name). The result is a name, which must be allowed.
func getAttr(r *reader, args []Value) (Value, error) {
	if err := arity(args, 2, 2); err != nil {
		return nil, err
	}
	name, ok := args[1].(string)
	if !ok {
		return nil, fail("called with %s, want a name", Describe(args[1]))
	}
	switch of := args[0].(type) {
	case Global:
		return r.global(of.Module, of.Name+"."+name[:min(len(name), maxName+1)])
	case *Object:
		return r.global(of.Class.Module, of.Class.Name+"."+name[:min(len(name), maxName+1)])
	}
	return nil, fail("called with %s, want a class", Describe(args[0]))
}

// newOrderedDict is an empty one, or one of a list of pairs.
func newOrderedDict(r *reader, args []Value) (Value, error) {
	pairs, err := sequence(args)
	if err != nil {
		return nil, err
	}
	d := &Dict{}
	for _, p := range pairs {
		kv, err := sequence([]Value{p})
		if err != nil || len(kv) != 2 {
			return nil, fail("an entry is %s, want a pair", Describe(p))
		}
		if err := r.setItems(d, kv); err != nil {
			return nil, err
		}
	}
	return d, r.charge(nodeBytes)
}

func newDefaultDict(r *reader, args []Value) (Value, error) {
	if err := arity(args, 0, 1); err != nil {
		return nil, err
	}
	d := &Dict{}
	if len(args) == 1 {
		d.Default = args[0]
	}
	return d, r.charge(nodeBytes)
}

// reconstructor is how protocols 0 and 1 make an instance: of a class, with the part of it
// that its built-in base holds.
func reconstructor(r *reader, args []Value) (Value, error) {
	if err := arity(args, 3, 3); err != nil {
		return nil, err
	}
	g, ok1 := args[0].(Global)
	base, ok2 := args[1].(Global)
	if !ok1 || !ok2 {
		return nil, fail("called with %s and %s, want classes", Describe(args[0]), Describe(args[1]))
	}
	if base == builtin("object") {
		return r.call(g, nil, nil, true)
	}
	if constructors[g] != nil || inert[g] {
		return nil, fail("%s is used in a way that is not supported", g)
	}
	o, err := r.object(g, nil, nil)
	if err != nil {
		return nil, err
	}
	switch part := args[2].(type) {
	case *Dict:
		if base == builtin("dict") {
			o.Dict = part
			return o, nil
		}
	case *List:
		if base == builtin("list") {
			o.List, err = r.keep(part.Items)
			return o, err
		}
	default:
		if base == builtin("int") || base == builtin("float") || base == builtin("str") || base == builtin("tuple") {
			o.Args = args[2:]
			return o, nil
		}
	}
	return nil, fail("a %s made of %s is not supported", g, Describe(args[2]))
}

func newObj(r *reader, args []Value) (Value, error) {
	if len(args) == 0 {
		return nil, fail("called without a class")
	}
	return r.call(args[0], args[1:], nil, true)
}

func newObjEx(r *reader, args []Value) (Value, error) {
	if err := arity(args, 3, 3); err != nil {
		return nil, err
	}
	t, ok1 := args[1].(*Tuple)
	d, ok2 := args[2].(*Dict)
	if !ok1 || !ok2 {
		return nil, fail("called with %s and %s, want a tuple and a dict", Describe(args[1]), Describe(args[2]))
	}
	if d.Len() == 0 {
		d = nil
	}
	return r.call(args[0], t.Items, d, true)
}
