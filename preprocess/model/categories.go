package model

import (
	"math"
	"strconv"

	"ds-pipeline/preprocess/frame"
	"ds-pipeline/preprocess/pickle"
)

// Categories are the values that an encoder knows of one column, in the order
// of their codes.
type Categories struct {
	// DType is numpy's: float64, float32, int64, bool or object.
	DType  string `json:"dtype"`
	Values []Cell `json:"values"`
}

// categories reads a list of arrays, one per column.
func (a *attrs) categories(name string) []Categories {
	v, ok := a.must(name)
	if !ok {
		return nil
	}
	items := a.list(name, v)
	out := make([]Categories, len(items))
	for i, it := range items {
		arr, ok := it.(*pickle.Array)
		if !ok || len(arr.Shape) != 1 {
			a.fail("%s: column %d: got %s, want an array", name, i, pickle.Describe(it))
			return nil
		}
		if arr.DType.Kind == 'S' {
			a.fail("%s: column %d has categories of bytes, want text or numbers", name, i)
			return nil
		}
		out[i] = a.categoriesOf(name, i, arr)
	}
	return out
}

func (a *attrs) categoriesOf(name string, column int, arr *pickle.Array) Categories {
	if !a.im.room(arr.Len(), cellCost) {
		return Categories{}
	}
	vals, err := arr.Values()
	if err != nil {
		a.fail("%s: column %d: %v", name, column, err)
		return Categories{}
	}
	c := Categories{DType: dataDType(arr.DType), Values: make([]Cell, len(vals))}
	if arr.DType.Kind == 'b' {
		c.DType = "bool"
	}
	for j, v := range vals {
		if c.Values[j], err = toCell(v); err != nil {
			a.fail("%s: column %d: %v", name, column, err)
			return c
		}
	}
	return c
}

// check says what is wrong with the categories, "" if nothing.
func (c *Categories) check() string {
	texts, numbers := false, false
	for i, v := range c.Values {
		ok := true
		switch v.V.(type) {
		case nil, string:
			ok = c.DType == "object"
		case bool:
			ok = c.DType == "object" || c.DType == "bool"
		case int64:
			ok = c.DType == "object" || c.DType == "int64"
		case float64:
			ok = c.DType == "object" || c.DType == "float64" || c.DType == "float32"
		}
		if !ok {
			return "category " + strconv.Itoa(i) + " is not of dtype " + strconv.Quote(c.DType)
		}
		if _, isText := v.V.(string); isText {
			texts = true
		} else if !v.missing() {
			numbers = true
		}
		if f, isFloat := v.V.(float64); isFloat && math.IsInf(f, 0) && c.DType != "object" {
			return "category " + strconv.Itoa(i) + " is infinite"
		}
	}
	if texts && numbers {
		return "mixes texts and numbers"
	}
	return ""
}

// want is how a column with these categories must be read.
func (c *Categories) want() Want {
	numbers, bools, big := false, false, false
	for _, v := range c.Values {
		switch v := v.V.(type) {
		case string:
			return Texts
		case bool:
			bools = true
		case int64:
			numbers = true
			big = big || v > 1<<53 || v < -1<<53
		case float64:
			numbers = numbers || v == v
		}
	}
	switch {
	case big:
		return Infer // a float64 could not tell them apart
	case numbers:
		return Number
	case bools:
		return Bool
	case c.DType == "object":
		return Texts // nothing but missing
	}
	return Number
}

// labels are Python's str() of each category.
func (c *Categories) labels(widened bool) []string {
	bits := 64
	if c.DType == "float32" && !widened {
		bits = 32
	}
	out := make([]string, len(c.Values))
	for i, v := range c.Values {
		out[i] = v.text(bits)
	}
	return out
}

// missingCode is the code of a missing cell: that of NaN, else of None, else
// -1. Text cannot tell the two apart.
func (c *Categories) missingCode() (code int, none bool) {
	code = -1
	for i, v := range c.Values {
		if v.V == nil && code < 0 {
			code, none = i, true
		} else if v.V != nil && v.missing() {
			code, none = i, false
		}
	}
	return code, none
}

// lookup finds the codes of a column's cells. The code refused makes a row bad.
type lookup struct {
	in     int
	column string
	class  string

	texts   textTable
	floats  floatTable
	ints    map[int64]int32
	missing int32
	unknown int32
}

// refused is a code that no encoder gives.
const refused = math.MinInt32

// find builds the lookup of column c: category i becomes codes[i], a missing
// cell missing, all else unknown.
func (b *builder) find(s step, c col, cats *Categories, codes []int32, missing, unknown int32) (*lookup, col) {
	l := &lookup{column: c.from, class: s.header().Class, missing: missing, unknown: unknown}
	if cats.DType == "float32" && c.dt != dtFloat32 && c.kind != frame.Text {
		c = b.cast(c, dtFloat32)
	}
	if c.dt.kind != 'O' {
		b.checked(s.header().Class, c, true)
	}
	l.in = c.reg
	// scikit-learn looks numbers up by bisection, which finds the first of
	// equal categories, and objects in a dict, which keeps the last.
	last := cats.DType == "object"
	texts := cats.want() == Texts
	switch c.kind {
	case frame.Text:
		codesOf := make(map[string]int32, len(cats.Values))
		for i, v := range cats.Values {
			switch v := v.V.(type) {
			case string:
				put(codesOf, v, codes[i], last)
			case nil:
			default:
				if !cats.Values[i].missing() {
					b.fail(s, "column %q holds text, and its categories are numbers such as %s", c.from, cats.Values[i].text(64))
					return l, c
				}
			}
		}
		l.texts = newTextTable(codesOf)
		return l, c
	case frame.Int:
		l.ints = make(map[int64]int32, len(cats.Values))
		for i, v := range cats.Values {
			switch v := v.V.(type) {
			case int64:
				put(l.ints, v, codes[i], last)
			case bool, float64:
				if f, _ := cats.Values[i].number(); f == math.Trunc(f) && math.Abs(f) < 1<<62 {
					put(l.ints, int64(f), codes[i], last)
				}
			}
		}
	case frame.Bool, frame.Float, frame.Float32:
		codesOf := make(map[float64]int32, len(cats.Values))
		for i, v := range cats.Values {
			if f, ok := v.number(); ok && f == f {
				put(codesOf, f, codes[i], last)
			}
		}
		l.floats = newFloatTable(codesOf)
	}
	if texts {
		for _, v := range cats.Values {
			if t, ok := v.V.(string); ok {
				b.fail(s, "column %q holds no text, and its categories are texts such as %q", c.from, t)
				break
			}
		}
	}
	return l, c
}

func put[K comparable](m map[K]int32, k K, code int32, last bool) {
	if _, taken := m[k]; taken && !last {
		return
	}
	m[k] = code
}

// codes writes the code of each row to to.
func (l *lookup) codes(w *Worker, rows int, to []int32) {
	in := &w.regs[l.in]
	switch in.Kind {
	case frame.Text:
		for i, v := range in.Texts[:rows] {
			code := l.missing
			if v != nil {
				var ok bool
				if code, ok = l.texts.find(v); !ok {
					code = l.unknown
				}
			}
			to[i] = code
			if code == refused {
				w.refuseCategory(l, i)
			}
		}
	case frame.Int:
		for i, v := range in.Ints[:rows] {
			code, ok := l.ints[v]
			if !ok {
				code = l.unknown
			}
			to[i] = code
			if code == refused {
				w.refuseCategory(l, i)
			}
		}
	case frame.Bool:
		for i, v := range in.Ints[:rows] {
			code := l.missing
			if v >= 0 {
				var ok bool
				if code, ok = l.floats.find(float64(v)); !ok {
					code = l.unknown
				}
			}
			to[i] = code
			if code == refused {
				w.refuseCategory(l, i)
			}
		}
	default:
		for i, v := range in.Floats[:rows] {
			code := l.missing
			if v == v {
				var ok bool
				if code, ok = l.floats.find(v); !ok {
					code = l.unknown
				}
			}
			to[i] = code
			if code == refused {
				w.refuseCategory(l, i)
			}
		}
	}
}

func (w *Worker) refuseCategory(l *lookup, row int) {
	if w.isBad[row] {
		return
	}
	c := &w.regs[l.in]
	if missingAt(c, row) {
		w.refuse(row, l.column, "", "is missing, and "+l.class+" was fitted without missing cells there")
		return
	}
	value := ""
	switch c.Kind {
	case frame.Text:
		value = string(c.Texts[row])
	case frame.Int:
		value = strconv.FormatInt(c.Ints[row], 10)
	case frame.Bool:
		value = Cell{c.Ints[row] == 1}.text(64)
	default:
		value = pyFloat(c.Floats[row], 64)
	}
	w.refuse(row, l.column, value, "holds a category that "+l.class+" was not fitted with")
}
