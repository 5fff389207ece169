package pickle

import (
	"math"
	"math/big"
	"strconv"
)

// Dict is a Python dict in the order of insertion.
type Dict struct {
	// Default is what a defaultdict makes missing values with, nil in any other dict.
	Default Value

	items []DictItem
	index map[any]int
	node  node
}

// DictItem is one entry of a Dict.
type DictItem struct{ Key, Value Value }

// NewDict makes a dict. Entries whose key Python could not hash are left out.
func NewDict(items ...DictItem) *Dict {
	d := &Dict{}
	for _, it := range items {
		if k, err := hashKey(it.Key); err == nil {
			d.set(k, it)
		}
	}
	return d
}

// Len is the number of entries.
func (d *Dict) Len() int { return len(d.items) }

// Items are the entries, in order. Do not change the slice.
func (d *Dict) Items() []DictItem { return d.items }

// Get is the value of a text key.
func (d *Dict) Get(key string) (Value, bool) {
	if d == nil {
		return nil, false
	}
	if i, ok := d.index[key]; ok {
		return d.items[i].Value, true
	}
	return nil, false
}

func (d *Dict) set(key any, it DictItem) {
	if i, ok := d.index[key]; ok {
		d.items[i].Value = it.Value // Python keeps the first key
		return
	}
	if d.index == nil {
		d.index = make(map[any]int)
	}
	d.index[key] = len(d.items)
	d.items = append(d.items, it)
}

// Keys that are not their own Go value.
type (
	noneKey  struct{}
	bytesKey string
	bigKey   string
	tupleKey string
	dtypeKey struct {
		kind byte
		size int
		big  bool
	}
)

// hashKey is a Go value that is equal for two keys when Python takes them for the same:
// 1, 1.0, True and numpy.int64(1) are. NaN is equal to nothing, not even itself.
func hashKey(v Value) (any, error) {
	switch v := v.(type) {
	case nil:
		return noneKey{}, nil
	case bool:
		n, _ := Int(v)
		return n, nil
	case int64, string, Global:
		return v, nil
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<63 {
			return int64(v), nil
		}
		return v, nil
	case complex128:
		if imag(v) == 0 {
			return hashKey(real(v))
		}
		return v, nil
	case *big.Int:
		return bigKey(v.Text(16)), nil
	case Bytes:
		return bytesKey(v), nil
	case *Scalar:
		return hashKey(v.Value)
	case *DType:
		if v.Fields == nil {
			return dtypeKey{v.Kind, v.Size, v.Big}, nil
		}
	case *Range:
		return *v, nil
	case *Tuple:
		b, err := appendKey(nil, v)
		return tupleKey(b), err
	case *Set:
		if v.Frozen {
			return v, nil
		}
	case *Object:
		return v, nil
	}
	return nil, fail("%s is a key of a dict or in a set, which Python cannot do", Describe(v))
}

// key is hashKey, with a bound on how much is hashed in all: a long text can be used as a
// key any number of times at no cost in bytes of the file.
func (r *reader) key(v Value) (any, error) {
	size := 1
	switch v := v.(type) {
	case string:
		size = len(v)
	case Bytes:
		size = len(v)
	case *big.Int:
		size = maxIntBytes
	case *Tuple:
		size = maxKey
	case *Scalar:
		return r.key(v.Value)
	}
	if size > maxKeyBytes {
		return nil, fail("a key of a dict of %d bytes, at most %d are supported", size, maxKeyBytes)
	}
	if r.hashed += size; r.hashed > maxHashed {
		return nil, fail("the keys of dicts take more than %d bytes together, the limit", maxHashed)
	}
	return hashKey(v)
}

// appendKey writes a tuple so that equal tuples give equal bytes and no others do.
func appendKey(b []byte, v Value) ([]byte, error) {
	if len(b) > maxKey {
		return nil, fail("a tuple with more than %d bytes is a key of a dict or in a set", maxKey)
	}
	if t, ok := v.(*Tuple); ok {
		b = append(b, '(')
		for _, item := range t.Items {
			var err error
			if b, err = appendKey(b, item); err != nil {
				return nil, err
			}
		}
		return append(b, ')'), nil
	}
	k, err := hashKey(v)
	if err != nil {
		return nil, err
	}
	if s, ok := k.(string); ok && len(s) > maxKey {
		return appendKey(make([]byte, maxKey+1), nil)
	}
	text := func(kind byte, s string) {
		b = append(b, kind)
		b = strconv.AppendInt(b, int64(len(s)), 10)
		b = append(b, ':')
		b = append(b, s...)
	}
	switch k := k.(type) {
	case noneKey:
		b = append(b, 'N')
	case int64:
		b = append(strconv.AppendInt(append(b, 'i'), k, 10), ';')
	case float64:
		b = append(strconv.AppendUint(append(b, 'f'), math.Float64bits(k), 16), ';')
	case string:
		text('s', k)
	case bytesKey:
		text('b', string(k))
	case bigKey:
		text('l', string(k))
	case Global:
		text('m', k.Module)
		text('g', k.Name)
	default:
		return nil, fail("a tuple with %s is a key of a dict or in a set, which is not supported", Describe(v))
	}
	return b, nil
}
