package model

import (
	"fmt"

	"ds-pipeline/preprocess/frame"
)

// dtype is a numpy dtype: its kind (b, i, u, f or O) and size in bytes. It
// decides how cells print (1, 1.0 or True) and how arrays promote each other.
type dtype struct {
	kind byte
	size int
}

var (
	dtBool    = dtype{'b', 1}
	dtInt64   = dtype{'i', 8}
	dtFloat32 = dtype{'f', 4}
	dtFloat64 = dtype{'f', 8}
	dtObject  = dtype{'O', 8}
)

// dtypeNames are the dtypes an encoder may be asked for.
var dtypeNames = map[string]dtype{
	"bool": dtBool, "float64": dtFloat64, "float32": dtFloat32, "object": dtObject,
	"int8": {'i', 1}, "int16": {'i', 2}, "int32": {'i', 4}, "int64": dtInt64,
	"uint8": {'u', 1}, "uint16": {'u', 2}, "uint32": {'u', 4}, "uint64": {'u', 8},
}

func (d dtype) String() string {
	switch d.kind {
	case 'b':
		return "bool"
	case 'O':
		return "object"
	case 'i':
		return fmt.Sprintf("int%d", 8*d.size)
	case 'u':
		return fmt.Sprintf("uint%d", 8*d.size)
	}
	return fmt.Sprintf("float%d", 8*d.size)
}

// cells is the kind of column that holds such an array. An array of objects
// has cells of their own kinds.
func (d dtype) cells() frame.Kind {
	switch d.kind {
	case 'b':
		return frame.Bool
	case 'i', 'u':
		return frame.Int
	case 'O':
		return frame.Text
	}
	if d.size == 4 {
		return frame.Float32
	}
	return frame.Float
}

// dtypeOf is the dtype that pandas gives such a column.
func dtypeOf(k frame.Kind) dtype {
	switch k {
	case frame.Float:
		return dtFloat64
	case frame.Float32:
		return dtFloat32
	case frame.Int:
		return dtInt64
	case frame.Bool:
		return dtBool
	}
	return dtObject
}

// promote is numpy.promote_types.
func promote(a, b dtype) dtype {
	if a == b {
		return a
	}
	if a.kind == b.kind {
		return dtype{a.kind, max(a.size, b.size)}
	}
	if rank(a) > rank(b) {
		a, b = b, a
	}
	switch {
	case b.kind == 'O':
		return dtObject
	case a.kind == 'b':
		return b
	case b.kind == 'f':
		if b.size == 4 && a.size <= 2 {
			return b
		}
		return dtFloat64
	}
	// unsigned with signed
	switch {
	case b.size > a.size:
		return b
	case a.size < 8:
		return dtype{'i', 2 * a.size}
	}
	return dtFloat64
}

func rank(d dtype) int {
	switch d.kind {
	case 'b':
		return 0
	case 'u':
		return 1
	case 'i':
		return 2
	case 'f':
		return 3
	}
	return 4
}

// interleave is the dtype of DataFrame.to_numpy(): bools and numbers together
// become objects.
func interleave(ds []dtype) dtype {
	if len(ds) == 0 {
		return dtFloat64
	}
	d := ds[0]
	for _, e := range ds[1:] {
		if (d.kind == 'b') != (e.kind == 'b') {
			return dtObject
		}
		d = promote(d, e)
	}
	return d
}

// wrap is v as a whole number of that type keeps it.
func (d dtype) wrap(v int64) int64 {
	unused := 64 - 8*d.size
	switch d.kind {
	case 'i':
		return v << unused >> unused
	case 'u':
		return int64(uint64(v) << unused >> unused)
	}
	return v
}
