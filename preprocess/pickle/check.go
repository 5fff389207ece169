package pickle

import (
	"math/big"
)

// check walks what was read and refuses what would make a later walk by recursion hang,
// overflow the stack or take without end: a value that contains itself, too deep nesting,
// and sharing that unfolds to more than the limit. Each container is visited once.
func check(v Value, lim Limits) error {
	type visit struct {
		value Value
		node  *node
		next  int
	}
	var path []visit
	// enter notes a value below the last of path, and visits it if it is a new container.
	enter := func(v Value) error {
		weight, depth := leafBytes(v), int32(-1)
		if n := nodeOf(v); n != nil {
			switch n.state {
			case visiting:
				return fail("%s contains itself, which is not supported", Describe(v))
			case unvisited:
				if err := unfinished(v); err != nil {
					return err
				}
				if len(path) >= lim.Depth {
					return fail("values nested more than %d deep, the limit", lim.Depth)
				}
				n.state, n.weight = visiting, weight
				path = append(path, visit{value: v, node: n})
				return nil
			}
			weight, depth = n.weight, n.depth
		} else if err := unfinished(v); err != nil {
			return err
		}
		if len(path) > 0 {
			path[len(path)-1].node.add(weight, depth)
		}
		return nil
	}
	if err := enter(v); err != nil {
		return err
	}
	for len(path) > 0 {
		top := &path[len(path)-1]
		if part, ok := child(top.value, top.next); ok {
			top.next++
			if err := enter(part); err != nil {
				return err
			}
			continue
		}
		n := top.node
		n.state = visited
		if n.weight > lim.Walk {
			return fail("values that share parts unfold to more than %d bytes, the limit", lim.Walk)
		}
		path = path[:len(path)-1]
		if len(path) > 0 {
			path[len(path)-1].node.add(n.weight, n.depth)
		}
		if int(n.depth)+len(path) >= lim.Depth {
			return fail("values nested more than %d deep, the limit", lim.Depth)
		}
	}
	return nil
}

// node is what check notes about a container.
type node struct {
	state  uint8
	depth  int32 // levels of containers below this one
	weight int   // bytes, shared parts repeated
}

const (
	unvisited = iota
	visiting
	visited
)

// maxWeight is where weights stop growing; no limit is above it.
const maxWeight = 1 << 60

// add notes that a value of this weight and depth is part of n.
func (n *node) add(weight int, depth int32) {
	n.weight = min(n.weight+weight, maxWeight)
	n.depth = max(n.depth, depth+1)
}

func nodeOf(v Value) *node {
	switch v := v.(type) {
	case *List:
		return &v.node
	case *Tuple:
		return &v.node
	case *Dict:
		return &v.node
	case *Set:
		return &v.node
	case *Slice:
		return &v.node
	case *Object:
		return &v.node
	case *Array:
		return &v.node
	case *Index:
		return &v.node
	}
	return nil
}

// leafBytes is what a value takes without the containers in it, as its reader sees it: a
// range and an array count with the values they give.
func leafBytes(v Value) int {
	switch v := v.(type) {
	case string:
		return slotBytes + len(v)
	case Bytes:
		return slotBytes + len(v)
	case *big.Int:
		return slotBytes + v.BitLen()/8
	case *Scalar:
		return nodeBytes + leafBytes(v.Value)
	case *Range:
		return nodeBytes + 8*int(min(uint64(v.Len()), maxRange))
	case *Array:
		switch v.DType.Kind {
		case 'O':
			return nodeBytes
		case 'V':
			n := nodeBytes
			for _, f := range v.DType.Fields {
				n = min(n+v.Len()*f.DType.walkBytes(8), maxWeight)
			}
			return n
		}
		return nodeBytes + v.Len()*v.DType.walkBytes(16)
	}
	return slotBytes
}

// walkBytes is what an element takes: a number as many bytes as given, which are 16 of a
// Value and 8 in Floats and Ints, the way to take a field of records.
func (d DType) walkBytes(number int) int {
	if d.numeric() {
		return number
	}
	return 48 + d.Size
}

// unfinished refuses what was begun and never given its contents.
func unfinished(v Value) error {
	switch v := v.(type) {
	case *arrayWrapper:
		return fail("a %s without an array", wrapperClass)
	case *Array:
		if !v.built {
			return fail("a numpy array without elements; the file is damaged")
		}
	case *DType:
		return v.usable()
	case *Index:
		if v.Data == nil {
			return fail("a %s without values; the file is damaged", v.Class)
		}
	}
	return nil
}

// child is the i-th value directly in a container.
func child(v Value, i int) (Value, bool) {
	switch v := v.(type) {
	case *List:
		return item(v.Items, i)
	case *Tuple:
		return item(v.Items, i)
	case *Set:
		return item(v.Items, i)
	case *Array:
		return item(v.objects, i)
	case *Slice:
		return item([]Value{v.Start, v.Stop, v.Step}, i)
	case *Index:
		return item([]Value{v.Data, v.Name}, i)
	case *Dict:
		if i == 2*len(v.items) {
			return v.Default, true
		}
		if i > 2*len(v.items) {
			return nil, false
		}
		if i%2 == 0 {
			return v.items[i/2].Key, true
		}
		return v.items[i/2].Value, true
	case *Object:
		if i < 3 {
			parts := [3]Value{v.State}
			if v.Kwargs != nil {
				parts[1] = v.Kwargs
			}
			if v.Dict != nil {
				parts[2] = v.Dict
			}
			return parts[i], true
		}
		i -= 3
		if i < len(v.Args) {
			return v.Args[i], true
		}
		return item(v.List, i-len(v.Args))
	}
	return nil, false
}

func item(items []Value, i int) (Value, bool) {
	if i < len(items) {
		return items[i], true
	}
	return nil, false
}
