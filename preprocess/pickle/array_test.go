package pickle

import (
	"math"
	"math/big"
	"reflect"
	"strings"
	"testing"
)

// corpusValue reads one case of the corpus made on Debian 12.
func corpusValue(t *testing.T, name string) Value {
	t.Helper()
	for _, c := range readCorpus(t, "debian12") {
		if c.Name == name {
			v, err := Read(c.pickled(t)["c4"], things, Limits{})
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
	}
	t.Fatalf("no case %q", name)
	return nil
}

func corpusArray(t *testing.T, name string) *Array {
	t.Helper()
	a, ok := corpusValue(t, name).(*Array)
	if !ok {
		t.Fatalf("case %q is not an array", name)
	}
	return a
}

func TestArray_givesNumbersOfEveryType(t *testing.T) {
	for _, name := range []string{"i1", "i2", "i4", "i8", "u1", "u2", "u4", "?", ">i2", ">i4", ">i8", ">u2", ">u4"} {
		a := corpusArray(t, "array of "+name)
		ints, err := a.Ints()
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		floats, err := a.Floats()
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		values, err := a.Values()
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for i, v := range values {
			if n, ok := Int(v); !ok || ints[i] != n || floats[i] != float64(n) {
				t.Errorf("%s: got %d and %g, want %s", name, ints[i], floats[i], Describe(v))
			}
		}
	}
	for _, name := range []string{"f2", "f4", "f8", ">f2", ">f4", ">f8"} {
		floats, err := corpusArray(t, "array of "+name).Floats()
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if len(floats) != 12 || floats[2] != 1.5 || !math.Signbit(floats[1]) || !math.IsNaN(floats[8]) || !math.IsInf(floats[10], -1) {
			t.Errorf("%s: got %v", name, floats)
		}
	}
}

func TestArray_unsignedBeyondInt64(t *testing.T) {
	a := corpusArray(t, "array of u8")
	if _, err := a.Ints(); err == nil || !strings.Contains(err.Error(), "element 1 of an array of uint64 is 18446744073709551615, not an integer of 64 bits") {
		t.Errorf("Ints: %v", err)
	}
	floats, err := a.Floats()
	if err != nil || floats[1] != 1<<64 {
		t.Errorf("Floats: %v, %v", floats, err)
	}
	values, err := a.Values()
	if n, ok := values[1].(*big.Int); err != nil || !ok || n.Cmp(new(big.Int).SetUint64(math.MaxUint64)) != 0 {
		t.Errorf("Values: %v, %v", values, err)
	}
}

func TestArray_refusesOtherTypesThanAsked(t *testing.T) {
	texts, floats := corpusArray(t, "array of text"), corpusArray(t, "array of f8")
	mixed := corpusArray(t, "array of objects")
	tests := []struct {
		name string
		get  func() error
		want string
	}{
		{"numbers of text", func() error { _, err := texts.Floats(); return err }, "an array of <U5 is not one of numbers"},
		{"ints of floats", func() error { _, err := floats.Ints(); return err }, "an array of float64 is not one of integers"},
		{"bools of floats", func() error { _, err := floats.Bools(); return err }, "an array of float64 is not one of bools"},
		{"text of floats", func() error { _, err := floats.Strings(); return err }, "an array of float64 is not one of text"},
		{"text of objects", func() error { _, err := mixed.Strings(); return err }, "element 1 of an array of object is 1, not text"},
		{"numbers of objects", func() error { _, err := mixed.Floats(); return err }, `element 0 of an array of object is "a", not a number`},
	}
	for _, tt := range tests {
		if err := tt.get(); err == nil || err.Error() != tt.want {
			t.Errorf("%s: got %v, want %s", tt.name, err, tt.want)
		}
	}
}

func TestArray_rowsFirstWhateverTheOrderInTheFile(t *testing.T) {
	list, _ := Items(corpusValue(t, "arrays by column"))
	want := []float64{0, 1, 2, 3, 4, 5}
	got, err := list[0].(*Array).Floats()
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	a := &Array{DType: DType{Kind: 'f', Size: 8}, Shape: []int{2, 3, 2}, data: make([]byte, 96), strides: []int{1, 2, 6}}
	var places []int
	_ = a.each(func(at int) error { places = append(places, at); return nil })
	if want := []int{0, 6, 2, 8, 4, 10, 1, 7, 3, 9, 5, 11}; !reflect.DeepEqual(places, want) {
		t.Errorf("got %v, want %v", places, want)
	}
}

func TestArray_textThatIsNotUnicode(t *testing.T) {
	a := &Array{DType: DType{Kind: 'U', Size: 4}, Shape: []int{2}, data: []byte{'a', 0, 0, 0, 0, 0xd8, 0, 0}}
	if _, err := a.Strings(); err == nil || err.Error() != "element 1 of an array of <U1 is not Unicode, not text" {
		t.Errorf("Strings: %v", err)
	}
	if _, err := a.Values(); err == nil {
		t.Error("Values: accepted")
	}
}

func TestFloat16_everyValue(t *testing.T) {
	for h := range 1 << 16 {
		f := float16(uint16(h))
		sign, exp, frac := 1.0, h>>10&31, float64(h&1023)/1024
		if h>>15 == 1 {
			sign = -1
		}
		var want float64
		switch {
		case exp == 31 && frac == 0:
			want = math.Inf(int(sign))
		case exp == 31:
			want = math.NaN()
		case exp == 0:
			want = sign * frac * math.Pow(2, -14)
		default:
			want = sign * (1 + frac) * math.Pow(2, float64(exp-15))
		}
		if f != want && !(math.IsNaN(f) && math.IsNaN(want)) || math.Signbit(f) != (h>>15 == 1) && !math.IsNaN(f) {
			t.Fatalf("%04x: got %g, want %g", h, f, want)
		}
	}
}

func TestRange_lenAndValues(t *testing.T) {
	tests := []struct {
		r    Range
		want int64
	}{
		{Range{0, 5, 1}, 5},
		{Range{2, 10, 3}, 3},
		{Range{10, 0, -4}, 3},
		{Range{0, 0, 1}, 0},
		{Range{5, 0, 1}, 0},
		{Range{math.MinInt64, math.MaxInt64, math.MaxInt64}, 3},
		{Range{math.MaxInt64, math.MinInt64, math.MinInt64}, 2},
	}
	for _, tt := range tests {
		values, err := tt.r.Values()
		if got := tt.r.Len(); err != nil || got != tt.want || int64(len(values)) != tt.want {
			t.Errorf("%v: got %d and %v, %v, want %d", tt.r, got, values, err, tt.want)
		}
	}
	endless := Range{0, math.MaxInt64, 1}
	if _, err := endless.Values(); err == nil {
		t.Error("an endless range was expanded")
	}
}

func TestObject_attributesOfSlots(t *testing.T) {
	o := &Object{State: &Tuple{Items: []Value{nil, NewDict(DictItem{"x", int64(1)})}}}
	if v, ok := o.Attr("x"); !ok || v != int64(1) {
		t.Errorf("got %v, %v", v, ok)
	}
	if _, ok := o.Attr("y"); ok {
		t.Error("y is found")
	}
	if got := o.Attrs(); !reflect.DeepEqual(got, []string{"x"}) {
		t.Errorf("got %v", got)
	}
	if _, ok := (&Object{}).Attr("x"); ok {
		t.Error("x of nothing is found")
	}
}
