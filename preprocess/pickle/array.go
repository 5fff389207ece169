package pickle

import (
	"fmt"
	"math"
	"math/big"
	"unicode/utf8"
)

// Array is a numpy array. Its methods give the elements in row-major (C) order, whatever
// the order in the file.
type Array struct {
	DType DType
	Shape []int

	data    []byte  // elements as in the file, unless DType is object
	objects []Value // elements as in the file, if DType is object
	strides []int   // per axis, in elements; nil: row-major already
	pitch   int     // bytes from one element of data to the next; 0: DType.Size
	built   bool
	node    node
}

// Len is the number of elements: the product of Shape.
func (a *Array) Len() int {
	n := 1
	for _, d := range a.Shape {
		n *= d
	}
	return n
}

// each calls f with the place in the file of every element, in row-major order.
func (a *Array) each(f func(at int) error) error {
	n := a.Len()
	if a.strides == nil {
		for i := range n {
			if err := f(i); err != nil {
				return err
			}
		}
		return nil
	}
	pos := make([]int, len(a.Shape))
	at := 0
	for range n {
		if err := f(at); err != nil {
			return err
		}
		for k := len(pos) - 1; k >= 0; k-- {
			pos[k]++
			at += a.strides[k]
			if pos[k] < a.Shape[k] {
				break
			}
			at -= pos[k] * a.strides[k]
			pos[k] = 0
		}
	}
	return nil
}

// collect gathers elements converted by get, and says which one get refused.
func collect[T any](a *Array, want string, get func(at int) (T, bool)) ([]T, error) {
	out := make([]T, 0, a.Len())
	err := a.each(func(at int) error {
		v, ok := get(at)
		if !ok {
			return fmt.Errorf("element %d of an array of %s is %s, not %s", len(out), a.DType, Describe(a.at(at)), want)
		}
		out = append(out, v)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Floats are the elements as float64. Bools are 0 and 1, ints are rounded to the nearest
// float64 as numpy rounds them; in an array of objects each must be a number.
func (a *Array) Floats() ([]float64, error) {
	if !a.DType.numeric() && a.DType.Kind != 'O' {
		return nil, fmt.Errorf("an array of %s is not one of numbers", a.DType)
	}
	return collect(a, "a number", func(at int) (float64, bool) {
		if a.DType.Kind == 'f' {
			return a.float(at), true
		}
		return Float(a.at(at))
	})
}

// Ints are the elements as int64. The array must be of ints, unsigned ints that fit, bools,
// or objects that are such numbers.
func (a *Array) Ints() ([]int64, error) {
	if a.DType.Kind == 'f' || !a.DType.numeric() && a.DType.Kind != 'O' {
		return nil, fmt.Errorf("an array of %s is not one of integers", a.DType)
	}
	return collect(a, "an integer of 64 bits", func(at int) (int64, bool) { return Int(a.at(at)) })
}

// Bools are the elements as bools. The array must be of bools, or objects that are.
func (a *Array) Bools() ([]bool, error) {
	if a.DType.Kind != 'b' && a.DType.Kind != 'O' {
		return nil, fmt.Errorf("an array of %s is not one of bools", a.DType)
	}
	return collect(a, "a bool", func(at int) (bool, bool) { return Bool(a.at(at)) })
}

// Strings are the elements as text. The array must be of str, or objects that are.
func (a *Array) Strings() ([]string, error) {
	if a.DType.Kind != 'U' && a.DType.Kind != 'O' {
		return nil, fmt.Errorf("an array of %s is not one of text", a.DType)
	}
	return collect(a, "text", func(at int) (string, bool) { return Text(a.at(at)) })
}

// Values are the elements as Values: bool, int64, *big.Int (only beyond int64), float64
// (float16 and float32 too), string or Bytes after DType; for objects whatever they are.
// Those of records are taken field by field.
func (a *Array) Values() ([]Value, error) {
	if a.DType.Kind == 'V' {
		return nil, fmt.Errorf("an array of %s has values by field only", a.DType)
	}
	return collect(a, "text", func(at int) (Value, bool) {
		v := a.at(at)
		_, bad := v.(badText)
		return v, !bad
	})
}

// badText stands for the characters of an element of kind 'U' that are not Unicode.
type badText struct{}

// Field is an array of what the records of a have in the field of that name. ok is false if
// they have none, or a is not of records.
func (a *Array) Field(name string) (field *Array, ok bool) {
	for _, f := range a.DType.Fields {
		if f.Name == name {
			data := a.data[min(f.Offset, len(a.data)):]
			return &Array{DType: f.DType, Shape: a.Shape, data: data, strides: a.strides, pitch: a.DType.Size, built: true}, true
		}
	}
	return nil, false
}

// at is the element at a place in the file.
func (a *Array) at(at int) Value {
	if a.DType.Kind == 'O' {
		return a.objects[at]
	}
	return a.DType.element(a.bytes(at))
}

func (a *Array) float(at int) float64 { return a.DType.float(a.bytes(at)) }

// bytes are those of the element at a place in the file.
func (a *Array) bytes(at int) []byte {
	pitch := a.DType.Size
	if a.pitch > 0 {
		pitch = a.pitch
	}
	return a.data[at*pitch:][:a.DType.Size]
}

// element is the value of one element's bytes.
func (d DType) element(b []byte) Value {
	switch d.Kind {
	case 'b':
		return b[0] != 0
	case 'i':
		return int64(d.uint(b)<<(64-8*d.Size)) >> (64 - 8*d.Size)
	case 'u':
		u := d.uint(b)
		if u > math.MaxInt64 {
			return new(big.Int).SetUint64(u)
		}
		return int64(u)
	case 'f':
		return d.float(b)
	case 'U':
		return d.text(b)
	}
	return Bytes(trimZeros(b))
}

func (d DType) uint(b []byte) uint64 {
	switch d.Size {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(d.order().Uint16(b))
	case 4:
		return uint64(d.order().Uint32(b))
	}
	return d.order().Uint64(b)
}

func (d DType) float(b []byte) float64 {
	switch d.Size {
	case 2:
		return float16(d.order().Uint16(b))
	case 4:
		return float64(math.Float32frombits(d.order().Uint32(b)))
	}
	return math.Float64frombits(d.order().Uint64(b))
}

// text decodes UTF-32 and drops the zeros that fill up a short text, as numpy does.
func (d DType) text(b []byte) Value {
	n := len(b) / 4
	for n > 0 && d.order().Uint32(b[4*(n-1):]) == 0 {
		n--
	}
	out := make([]byte, 0, n)
	for i := range n {
		r := d.order().Uint32(b[4*i:])
		if r > utf8.MaxRune || !utf8.ValidRune(rune(r)) {
			return badText{}
		}
		out = utf8.AppendRune(out, rune(r))
	}
	return string(out)
}

func trimZeros(b []byte) []byte {
	for len(b) > 0 && b[len(b)-1] == 0 {
		b = b[:len(b)-1]
	}
	return b
}

// float16 is the value of IEEE 754 half precision bits: 1 sign, 5 exponent, 10 fraction.
func float16(h uint16) float64 {
	exp, frac := int(h>>10&31), float64(h&1023)
	var f float64
	switch exp {
	case 0:
		f = math.Ldexp(frac, -24)
	case 31:
		f = math.Inf(1)
		if frac != 0 {
			f = math.NaN()
		}
	default:
		f = math.Ldexp(1024+frac, exp-25)
	}
	if h>>15 == 1 {
		f = -f
	}
	return f
}

// Values are the integers of the range.
func (r *Range) Values() ([]Value, error) {
	n := r.Len()
	if n < 0 || n > maxRange {
		return nil, fmt.Errorf("range(%d, %d, %d) has too many integers, at most %d are supported", r.Start, r.Stop, r.Step, maxRange)
	}
	out := make([]Value, n)
	for i := range out {
		out[i] = r.Start + int64(i)*r.Step
	}
	return out, nil
}
