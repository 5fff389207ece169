package model

import "math"

// floatTable finds the code of a number: by place, where the categories are
// whole numbers close together, otherwise in a map.
type floatTable struct {
	lowest float64
	codes  []int32 // of lowest, lowest+1, ...; noCode for none
	rest   map[float64]int32
}

// noCode is a code that no category has.
const noCode = math.MinInt32 + 1

// newFloatTable makes a table of codes.
func newFloatTable(codes map[float64]int32) floatTable {
	t := floatTable{rest: codes}
	lo, hi := math.Inf(1), math.Inf(-1)
	for v := range codes {
		if v != math.Trunc(v) || math.Abs(v) > 1<<52 {
			return t
		}
		lo, hi = min(lo, v), max(hi, v)
	}
	if len(codes) == 0 || hi-lo > 8192 {
		return t
	}
	t.lowest = lo
	t.codes = make([]int32, int(hi-lo)+1)
	for i := range t.codes {
		t.codes[i] = noCode
	}
	for v, code := range codes {
		t.codes[int(v-lo)] = code
	}
	return t
}

// find is the code of a number, and whether it has one.
func (t *floatTable) find(v float64) (int32, bool) {
	if t.codes == nil {
		code, ok := t.rest[v]
		return code, ok
	}
	d := v - t.lowest
	if !(d >= 0 && d < float64(len(t.codes))) {
		return 0, false
	}
	i := int(d)
	code := t.codes[i]
	return code, code != noCode && t.lowest+float64(i) == v
}
