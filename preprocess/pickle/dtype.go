package pickle

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// DType is the type of a numpy array's elements. Dates, complex numbers, long doubles, and
// records within records or with objects never get this far: Read refuses them.
type DType struct {
	// Kind is numpy's letter: 'b' bool, 'i' int, 'u' unsigned int, 'f' float, 'U' text,
	// 'S' bytes, 'O' Python objects, 'V' records.
	Kind byte
	// Size is the bytes of one element: of 'U' four per character, of 'O' eight.
	Size int
	// Big says that the bytes of a number or character come most significant first.
	Big bool
	// Fields are those of a record, in the order of numpy's names; nil of any other kind.
	Fields []Field
}

// Field is one field of a record.
type Field struct {
	Name string
	// Offset is the first byte of the field within a record. Fields may overlap, and there
	// may be bytes of no field.
	Offset int
	// DType is of any kind but objects and records.
	DType DType
}

// String is numpy's name of the type, such as float64, bool, object or <U5.
func (d DType) String() string {
	switch d.Kind {
	case 'b':
		return "bool"
	case 'O':
		return "object"
	case 'V':
		return fmt.Sprintf("records of %d fields", len(d.Fields))
	case 'S':
		return "|S" + strconv.Itoa(d.Size)
	case 'U':
		if d.Big {
			return ">U" + strconv.Itoa(d.Size/4)
		}
		return "<U" + strconv.Itoa(d.Size/4)
	}
	name := map[byte]string{'i': "int", 'u': "uint", 'f': "float"}[d.Kind]
	if name == "" {
		return "no type"
	}
	name += strconv.Itoa(d.Size * 8)
	if d.Big {
		name += " (big-endian)"
	}
	return name
}

// numeric says that an element is a bool, an int or a float.
func (d DType) numeric() bool { return strings.IndexByte("biuf", d.Kind) >= 0 }

func (d DType) order() binary.ByteOrder {
	if d.Big {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

// aliases are the names of numpy.dtype's argument that do not end in their size in bytes.
// numpy itself writes kind and size ("f8", "U5", "O8" or "O"); the letters are of hand-made
// files and cost nothing.
var aliases = map[string]DType{
	"?": {Kind: 'b', Size: 1}, "bool": {Kind: 'b', Size: 1}, "b1": {Kind: 'b', Size: 1},
	"b": {Kind: 'i', Size: 1}, "B": {Kind: 'u', Size: 1}, "h": {Kind: 'i', Size: 2}, "H": {Kind: 'u', Size: 2},
	"i": {Kind: 'i', Size: 4}, "I": {Kind: 'u', Size: 4}, "l": {Kind: 'i', Size: 8}, "L": {Kind: 'u', Size: 8},
	"q": {Kind: 'i', Size: 8}, "Q": {Kind: 'u', Size: 8}, "e": {Kind: 'f', Size: 2}, "f": {Kind: 'f', Size: 4}, "d": {Kind: 'f', Size: 8},
	"O": {Kind: 'O', Size: 8}, "O4": {Kind: 'O', Size: 8}, "O8": {Kind: 'O', Size: 8}, "object": {Kind: 'O', Size: 8},
	"i1": {Kind: 'i', Size: 1}, "i2": {Kind: 'i', Size: 2}, "i4": {Kind: 'i', Size: 4}, "i8": {Kind: 'i', Size: 8},
	"u1": {Kind: 'u', Size: 1}, "u2": {Kind: 'u', Size: 2}, "u4": {Kind: 'u', Size: 4}, "u8": {Kind: 'u', Size: 8},
	"f2": {Kind: 'f', Size: 2}, "f4": {Kind: 'f', Size: 4}, "f8": {Kind: 'f', Size: 8},
	"int8": {Kind: 'i', Size: 1}, "int16": {Kind: 'i', Size: 2}, "int32": {Kind: 'i', Size: 4}, "int64": {Kind: 'i', Size: 8},
	"uint8": {Kind: 'u', Size: 1}, "uint16": {Kind: 'u', Size: 2}, "uint32": {Kind: 'u', Size: 4}, "uint64": {Kind: 'u', Size: 8},
	"float16": {Kind: 'f', Size: 2}, "float32": {Kind: 'f', Size: 4}, "float64": {Kind: 'f', Size: 8},
}

// parseDType reads the first argument of numpy.dtype.
func parseDType(text string) (DType, error) {
	name, big := text, false
	if name != "" && strings.IndexByte("<>=|", name[0]) >= 0 {
		big = name[0] == '>'
		name = name[1:]
	}
	if d, ok := aliases[name]; ok {
		d.Big = big && d.Size > 1 && d.numeric()
		return d, nil
	}
	if name == "" {
		return DType{}, fmt.Errorf("numpy.dtype(%q) is not a type", clip(text))
	}
	kind, digits := name[0], name[1:]
	size := 0
	if digits != "" {
		n, err := strconv.ParseUint(digits, 10, 24)
		if err != nil {
			return DType{}, errDType(text)
		}
		size = int(n)
	}
	switch kind {
	case 'U':
		return DType{Kind: 'U', Size: 4 * size, Big: big}, nil
	case 'S', 'a':
		return DType{Kind: 'S', Size: size}, nil
	case 'V':
		return DType{Kind: 'V', Size: size}, nil // its fields follow in its state
	}
	return DType{}, errDType(text)
}

// supported are the types of elements, for messages.
const supported = "supported are bool, int8 to int64, uint8 to uint64, float16 to float64, str, bytes, object and records of these"

// errDType names a type that is not supported, in words where numpy's letter needs them.
// The text has at least one character after the byte order.
func errDType(text string) error {
	words := map[byte]string{
		'M': "datetime64 is", 'm': "timedelta64 is", 'g': "a long double is",
		'c': "complex numbers are", 'F': "complex numbers are", 'D': "complex numbers are", 'G': "complex numbers are",
	}
	name := text
	if strings.IndexByte("<>=|", text[0]) >= 0 {
		name = text[1:]
	}
	if name == "f16" || name == "f12" {
		return fmt.Errorf("numpy.dtype(%q): a long double is not supported; %s", text, supported)
	}
	if w, ok := words[name[0]]; ok {
		return fmt.Errorf("numpy.dtype(%q): %s not supported; %s", clip(text), w, supported)
	}
	return fmt.Errorf("numpy.dtype(%q) is not supported; %s", clip(text), supported)
}

// usable refuses a type that elements cannot be of: numpy.void, which says nothing of what
// its bytes are.
func (d DType) usable() error {
	if d.Kind == 'V' && d.Fields == nil {
		return fmt.Errorf("numpy.dtype(\"V%d\") has no fields, void data is not supported; %s", d.Size, supported)
	}
	return nil
}

// setFields gives a record its fields: a tuple of names, and a dict of each name's pair of
// dtype and offset.
func (d *DType) setFields(names, fields Value) error {
	t, ok1 := names.(*Tuple)
	of, ok2 := fields.(*Dict)
	if !ok1 || !ok2 || d.Kind != 'V' {
		return fail("the fields of a numpy.dtype of %s are %s and %s, want a tuple of names and a dict, and those only of records", d, Describe(names), Describe(fields))
	}
	if len(t.Items) == 0 || len(t.Items) > maxFields {
		return fail("a numpy.dtype of records with %d fields, want 1 to %d", len(t.Items), maxFields)
	}
	list := make([]Field, 0, len(t.Items))
	for _, item := range t.Items {
		name, ok := item.(string)
		if !ok {
			return fail("the name of a field of a numpy.dtype is %s, want text", Describe(item))
		}
		if slices.ContainsFunc(list, func(f Field) bool { return f.Name == name }) {
			return fail("two fields of a numpy.dtype have the name %s", Describe(name))
		}
		v, _ := of.Get(name)
		f, err := newField(name, v, d.Size)
		if err != nil {
			return err
		}
		list = append(list, f)
	}
	d.Fields = list
	return nil
}

// newField reads the pair of dtype and offset of a field in a record of that size.
func newField(name string, v Value, size int) (Field, error) {
	pair, ok := v.(*Tuple)
	if !ok || len(pair.Items) != 2 {
		return Field{}, fail("the field %s of a numpy.dtype is %s, want a tuple of dtype and offset", Describe(name), Describe(v))
	}
	d, ok := pair.Items[0].(*DType)
	if !ok || d.Kind == 'V' || d.Kind == 'O' {
		return Field{}, fail("the field %s of a numpy.dtype is %s; records within records and objects in them are not supported", Describe(name), Describe(pair.Items[0]))
	}
	at, ok := Int(pair.Items[1])
	if !ok || at < 0 || at > int64(size-d.Size) {
		return Field{}, fail("the field %s of a numpy.dtype is %d bytes at %s, which is not within the %d bytes of a record", Describe(name), d.Size, Describe(pair.Items[1]), size)
	}
	return Field{Name: name, Offset: int(at), DType: *d}, nil
}
