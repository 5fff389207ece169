package model

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"

	"ds-pipeline/preprocess/pickle"
)

// Float is a float64 that JSON can hold: NaN and the infinities are the texts
// "nan", "inf" and "-inf".
type Float float64

// MarshalJSON writes the shortest text that reads back as the same number.
func (f Float) MarshalJSON() ([]byte, error) {
	switch v := float64(f); {
	case math.IsNaN(v):
		return []byte(`"nan"`), nil
	case math.IsInf(v, 1):
		return []byte(`"inf"`), nil
	case math.IsInf(v, -1):
		return []byte(`"-inf"`), nil
	case v == 0 && math.Signbit(v):
		return []byte("-0.0"), nil
	}
	return strconv.AppendFloat(nil, float64(f), 'g', -1, 64), nil
}

// UnmarshalJSON reads a number, or one of the three texts.
func (f *Float) UnmarshalJSON(data []byte) error {
	switch string(data) {
	case `"nan"`:
		*f = Float(math.NaN())
		return nil
	case `"inf"`:
		*f = Float(math.Inf(1))
		return nil
	case `"-inf"`:
		*f = Float(math.Inf(-1))
		return nil
	case "null":
		return errors.New(`got null, want a number, "nan", "inf" or "-inf"`)
	}
	var v float64
	if err := json.Unmarshal(data, &v); err != nil {
		return errors.New(`want a number, "nan", "inf" or "-inf"`)
	}
	*f = Float(v)
	return nil
}

func (f Float) isNaN() bool { return math.IsNaN(float64(f)) }

func (f Float) isFinite() bool { return !math.IsNaN(float64(f)) && !math.IsInf(float64(f), 0) }

func (f Float) String() string { return pyFloat(float64(f), 64) }

// plainFloats are the numbers for computing.
func plainFloats(fs []Float) []float64 {
	out := make([]float64, len(fs))
	for i, f := range fs {
		out[i] = float64(f)
	}
	return out
}

func toFloats(fs []float64) []Float {
	if fs == nil {
		return nil
	}
	out := make([]Float, len(fs))
	for i, f := range fs {
		out[i] = Float(f)
	}
	return out
}

// Cell is one Python value of an array: nil (None), bool, int64, float64 or
// string. In JSON an int is a number without a point or exponent, and a float
// is {"float": 1.5}, so that 1 and 1.0 differ as they do in Python.
type Cell struct{ V any }

type jsonFloat struct {
	Float *Float `json:"float"`
}

// MarshalJSON writes the cell.
func (c Cell) MarshalJSON() ([]byte, error) {
	if v, ok := c.V.(float64); ok {
		f := Float(v)
		return json.Marshal(jsonFloat{&f})
	}
	return json.Marshal(c.V)
}

// UnmarshalJSON reads the cell.
func (c *Cell) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '{' {
		var f jsonFloat
		if err := json.Unmarshal(data, &f); err != nil {
			return err
		}
		if f.Float == nil {
			return errors.New(`want {"float": number}`)
		}
		c.V = float64(*f.Float)
		return nil
	}
	if len(data) > 0 && (data[0] == '-' || data[0] >= '0' && data[0] <= '9') {
		n, err := strconv.ParseInt(string(data), 10, 64)
		if err != nil {
			return fmt.Errorf(`%s is not a whole number that fits int64; a float is {"float": 1.5}`, data)
		}
		c.V = n
		return nil
	}
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		return err
	}
	switch v.(type) {
	case nil, bool, string:
		c.V = v
		return nil
	}
	return errors.New(`want null, true, false, a text, a whole number or {"float": 1.5}`)
}

// missing says whether the cell is None or NaN.
func (c Cell) missing() bool {
	if f, ok := c.V.(float64); ok {
		return math.IsNaN(f)
	}
	return c.V == nil
}

// number is the cell as a number, if it is a bool, an int or a float.
func (c Cell) number() (float64, bool) {
	switch v := c.V.(type) {
	case bool:
		if v {
			return 1, true
		}
		return 0, true
	case int64:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}

// text is Python's str() of the cell.
func (c Cell) text(bits int) string {
	switch v := c.V.(type) {
	case bool:
		if v {
			return "True"
		}
		return "False"
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return pyFloat(v, bits)
	case string:
		return v
	}
	return "None"
}

// pyFloat is Python's repr of a float of 64 or 32 bits.
func pyFloat(v float64, bits int) string {
	switch {
	case math.IsNaN(v):
		return "nan"
	case math.IsInf(v, 1):
		return "inf"
	case math.IsInf(v, -1):
		return "-inf"
	}
	if a := math.Abs(v); a != 0 && (a < 1e-4 || a >= 1e16) {
		s := strconv.FormatFloat(v, 'e', -1, bits)
		return s
	}
	s := strconv.FormatFloat(v, 'f', -1, bits)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// toCell makes a Cell of a pickled scalar.
func toCell(v pickle.Value) (Cell, error) {
	switch v := v.(type) {
	case nil, bool, int64, float64, string:
		return Cell{v}, nil
	case *pickle.Scalar:
		return toCell(v.Value)
	case *big.Int:
		return Cell{}, fmt.Errorf("the number %s does not fit int64", v)
	}
	if isPandasNA(v) {
		return Cell{}, errors.New("pandas.NA is not supported: use numpy.nan for missing values")
	}
	return Cell{}, fmt.Errorf("got %s, want None, a bool, a number or a text", pickle.Describe(v))
}

// pandasNA is pandas.NA in a pickle.
var pandasNA = pickle.Global{Module: "pandas._libs.missing", Name: "NA"}

func isPandasNA(v pickle.Value) bool { return v == pandasNA }

// floats is an array or list of numbers, with its shape.
func (a *attrs) floats(v pickle.Value) ([]float64, []int, error) {
	switch v := v.(type) {
	case *pickle.Array:
		if !a.im.room(v.Len(), 1) {
			return nil, nil, errors.New("too many numbers")
		}
		f, err := v.Floats()
		return f, v.Shape, err
	case *pickle.List, *pickle.Tuple:
		items, ok := a.items(v)
		if !ok {
			return nil, nil, errors.New("too many numbers")
		}
		out := make([]float64, len(items))
		for i, it := range items {
			f, ok := pickle.Float(it)
			if !ok {
				return nil, nil, fmt.Errorf("item %d is %s, want a number", i, pickle.Describe(it))
			}
			out[i] = f
		}
		return out, []int{len(out)}, nil
	}
	return nil, nil, fmt.Errorf("got %s, want an array of numbers", pickle.Describe(v))
}
