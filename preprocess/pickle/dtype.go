package pickle

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// DType is the type of a numpy array's elements. Records, dates, complex numbers and long
// doubles never get this far: Read refuses them.
type DType struct {
	// Kind is numpy's letter: 'b' bool, 'i' int, 'u' unsigned int, 'f' float, 'U' text,
	// 'S' bytes, 'O' Python objects.
	Kind byte
	// Size is the bytes of one element: of 'U' four per character, of 'O' eight.
	Size int
	// Big says that the bytes of a number or character come most significant first.
	Big bool
}

// String is numpy's name of the type, such as float64, bool, object or <U5.
func (d DType) String() string {
	switch d.Kind {
	case 'b':
		return "bool"
	case 'O':
		return "object"
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
	"?": {'b', 1, false}, "bool": {'b', 1, false}, "b1": {'b', 1, false},
	"b": {'i', 1, false}, "B": {'u', 1, false}, "h": {'i', 2, false}, "H": {'u', 2, false},
	"i": {'i', 4, false}, "I": {'u', 4, false}, "l": {'i', 8, false}, "L": {'u', 8, false},
	"q": {'i', 8, false}, "Q": {'u', 8, false}, "e": {'f', 2, false}, "f": {'f', 4, false}, "d": {'f', 8, false},
	"O": {'O', 8, false}, "O4": {'O', 8, false}, "O8": {'O', 8, false}, "object": {'O', 8, false},
	"i1": {'i', 1, false}, "i2": {'i', 2, false}, "i4": {'i', 4, false}, "i8": {'i', 8, false},
	"u1": {'u', 1, false}, "u2": {'u', 2, false}, "u4": {'u', 4, false}, "u8": {'u', 8, false},
	"f2": {'f', 2, false}, "f4": {'f', 4, false}, "f8": {'f', 8, false},
	"int8": {'i', 1, false}, "int16": {'i', 2, false}, "int32": {'i', 4, false}, "int64": {'i', 8, false},
	"uint8": {'u', 1, false}, "uint16": {'u', 2, false}, "uint32": {'u', 4, false}, "uint64": {'u', 8, false},
	"float16": {'f', 2, false}, "float32": {'f', 4, false}, "float64": {'f', 8, false},
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
	}
	return DType{}, errDType(text)
}

// errDType names a type that is not supported, in words where numpy's letter needs them.
// The text has at least one character after the byte order.
func errDType(text string) error {
	const supported = "supported are bool, int8 to int64, uint8 to uint64, float16 to float64, str, bytes and object"
	words := map[byte]string{
		'M': "datetime64 is", 'm': "timedelta64 is", 'V': "structured or void data is", 'g': "a long double is",
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
