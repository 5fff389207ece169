package pickle

import "fmt"

// construct makes the value that Python would get by calling a name with args.
type construct func(r *reader, args []Value) (Value, error)

// constructors are the names that may be called and are understood: the package's own
// allow-list, by exact module and name. It is filled by the files that implement them.
var constructors = map[Global]construct{}

// inert are names that may occur without meaning anything here: types given as parameters
// (dtype=numpy.float64), bases of classes, missing values.
var inert = map[Global]bool{}

// inertClasses are classes whose instances are Objects without the caller's allowing it.
var inertClasses = map[Global]bool{}

func register(c construct, names ...Global) {
	for _, g := range names {
		constructors[g] = c
	}
}

// known says that the package knows a name itself.
func known(g Global) bool {
	_, ok := constructors[g]
	return ok || inert[g] || inertClasses[g]
}

// instance does REDUCE, NEWOBJ, NEWOBJ_EX, OBJ and INST: call something with arguments.
func (r *reader) instance(op byte) error {
	var class Value
	var args []Value
	var kwargs *Dict
	var err error
	switch op {
	case opInst:
		if class, err = r.name(op); err != nil {
			return err
		}
		if args, err = r.popMark(); err != nil {
			return err
		}
	case opObj:
		if args, err = r.popMark(); err != nil {
			return err
		}
		if len(args) == 0 {
			return fail("an instruction makes an object of no class; the file is damaged")
		}
		class, args = args[0], args[1:]
	default:
		if op == opNewObjEx {
			v, err := r.pop()
			if err != nil {
				return err
			}
			d, ok := v.(*Dict)
			if !ok {
				return fail("the keyword arguments of a class are %s, not a dict", Describe(v))
			}
			if d.Len() > 0 {
				kwargs = d
			}
		}
		v, err := r.pop()
		if err != nil {
			return err
		}
		t, ok := v.(*Tuple)
		if !ok {
			return fail("the arguments of a class are %s, not a tuple", Describe(v))
		}
		args = t.Items
		if class, err = r.pop(); err != nil {
			return err
		}
	}
	if op == opInst || op == opObj {
		if args, err = r.keep(args); err != nil {
			return err
		}
	}
	v, err := r.call(class, args, kwargs, op == opNewObj || op == opNewObjEx)
	if err != nil {
		return err
	}
	return r.push(v, 0)
}

// call makes the value of class(*args, **kwargs), or of class.__new__ when isNew.
func (r *reader) call(class Value, args []Value, kwargs *Dict, isNew bool) (Value, error) {
	g, ok := class.(Global)
	if !ok {
		return nil, fail("%s is called, which is not a class or function", Describe(class))
	}
	if c, ok := constructors[g]; ok {
		if kwargs != nil || isNew && !newable[g] {
			return nil, fail("%s is used in a way that is not supported", g)
		}
		v, err := c(r, args)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", g, err)
		}
		return v, nil
	}
	if inert[g] {
		return nil, fail("%s is called, which is not supported", g)
	}
	return r.object(g, args, kwargs)
}

func (r *reader) object(class Global, args []Value, kwargs *Dict) (*Object, error) {
	return &Object{Class: class, Args: args, Kwargs: kwargs}, r.charge(objectBytes)
}

// build does BUILD: gives the instance below the top its state.
func (r *reader) build() error {
	state, err := r.pop()
	if err != nil {
		return err
	}
	target, err := r.top()
	if err != nil {
		return err
	}
	switch t := target.(type) {
	case *Object:
		if t.built {
			return fail("a %s is given its state twice", clip(t.Class.String()))
		}
		t.built, t.State = true, state
		return nil
	case *Array:
		return r.setArray(t, state)
	case *DType:
		return r.setDType(t, state)
	case *Index:
		return t.setSeries(state)
	case *arrayWrapper:
		a, err := r.readWrapped(state)
		if err != nil {
			return fmt.Errorf("%s: %w", wrapperClass, err)
		}
		r.stack[len(r.stack)-1] = a
		return nil
	}
	return fail("%s is given a state, which it does not take", Describe(target))
}

// arity checks the number of arguments.
func arity(args []Value, least, most int) error {
	if len(args) < least || len(args) > most {
		return fail("called with %d arguments, want %d to %d", len(args), least, most)
	}
	return nil
}
