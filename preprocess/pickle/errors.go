package pickle

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Error says why a file was not read.
type Error struct {
	// Offset is the byte of the pickle stream (after decompression) at fault, -1 where it is
	// the file as a whole.
	Offset int
	// Refused are the names that the file uses and that are not allowed, in the order of
	// the file, each once; empty when the file was not read for another reason. At most
	// 20 are kept.
	Refused []Global
	// What is the reason.
	What string
}

// Error is the reason, with the place.
func (e *Error) Error() string {
	if e.Offset < 0 {
		return "pickle: " + e.What
	}
	return fmt.Sprintf("pickle: byte %d: %s", e.Offset, e.What)
}

func errIndexData(x *Index) error {
	return fmt.Errorf("the labels of a %s are %s, not an array", x.Class, Describe(x.Data))
}

// Describe says in a few words what v is, for messages: `"mean"`, `3.5`, `a list of 2`,
// `a sklearn.pipeline.Pipeline`. It is short whatever v holds.
func Describe(v Value) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case bool:
		if v {
			return "True"
		}
		return "False"
	case int64:
		return strconv.FormatInt(v, 10)
	case *big.Int:
		if v.BitLen() > 128 {
			return fmt.Sprintf("an int of %d bits", v.BitLen())
		}
		return v.String()
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case complex128:
		return "a complex number"
	case string:
		return strconv.Quote(clip(v))
	case Bytes:
		return fmt.Sprintf("bytes of length %d", len(v))
	case *List:
		return fmt.Sprintf("a list of %d", len(v.Items))
	case *Tuple:
		return fmt.Sprintf("a tuple of %d", len(v.Items))
	case *Dict:
		return fmt.Sprintf("a dict of %d", v.Len())
	case *Set:
		return fmt.Sprintf("a set of %d", len(v.Items))
	case *Slice:
		return "a slice"
	case *Range:
		return fmt.Sprintf("range(%d, %d, %d)", v.Start, v.Stop, v.Step)
	case *Array:
		return fmt.Sprintf("an array of %s with shape %s", v.DType, shapeText(v.Shape))
	case *Scalar:
		return fmt.Sprintf("%s of type %s", Describe(v.Value), v.DType)
	case *DType:
		return "the dtype " + v.String()
	case *Index:
		return "a " + clip(v.Class.String())
	case Global:
		return clip(v.String())
	case *Object:
		return "a " + clip(v.Class.String())
	case badText:
		return "not Unicode"
	}
	return fmt.Sprintf("a %T", v)
}

func shapeText(shape []int) string {
	var b strings.Builder
	b.WriteByte('(')
	for i, n := range shape {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(strconv.Itoa(n))
	}
	if len(shape) == 1 {
		b.WriteByte(',')
	}
	b.WriteByte(')')
	return b.String()
}

// clip shortens text for a message to at most 80 bytes.
func clip(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	n := most - len("…")
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}
