package pickle

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/big"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"testing"
)

// corpora are the environments in which testdata/make.py ran.
var corpora = []string{"debian11", "debian12", "debian13", "sid"}

// corpusCase is one value of testdata/*.json.
type corpusCase struct {
	Name    string
	Want    any
	Pickles map[string]string
}

// pickled gives the pickles of a case by writer.
func (c corpusCase) pickled(t testing.TB) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	for writer, text := range c.Pickles {
		z, err := zlib.NewReader(base64.NewDecoder(base64.StdEncoding, strings.NewReader(text)))
		if err != nil {
			t.Fatal(err)
		}
		if out[writer], err = io.ReadAll(z); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func readCorpus(t testing.TB, name string) []corpusCase {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var cases []corpusCase
	if err := json.Unmarshal(b, &cases); err != nil {
		t.Fatal(err)
	}
	return cases
}

// things allows what testdata/make.py defines, and ufuncs.
func things(g Global) bool {
	return g.Module == "things" || strings.HasPrefix(g.Module, "numpy") && (g.Name == "log1p" || g.Name == "sqrt" || g.Name == "expm1")
}

func TestRead_agreesWithPython(t *testing.T) {
	for _, name := range corpora {
		for _, c := range readCorpus(t, name) {
			t.Run(name+"/"+c.Name, func(t *testing.T) {
				want := jsonText(t, sortSets(c.Want))
				for writer, b := range c.pickled(t) {
					v, err := Read(b, things, Limits{})
					if err != nil {
						t.Errorf("%s: %v", writer, err)
						continue
					}
					if got := jsonText(t, sortSets(describe(v))); got != want {
						t.Errorf("%s:\n got %.2000s\nwant %.2000s", writer, got, want)
					}
				}
			})
		}
	}
}

func TestRead_agreesWithPythonOnJoblibFiles(t *testing.T) {
	b, err := os.ReadFile("testdata/file.json")
	if err != nil {
		t.Fatal(err)
	}
	var want any
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	for _, name := range corpora {
		files, err := filepath.Glob("testdata/" + name + "-file*.joblib")
		if err != nil || len(files) != 10 {
			t.Fatalf("%d files of %s, want 10; %v", len(files), name, err)
		}
		for _, file := range files {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			v, err := Read(b, nil, Limits{})
			if err != nil {
				t.Errorf("%s: %v", file, err)
				continue
			}
			if got, want := jsonText(t, describe(v)), jsonText(t, want); got != want {
				t.Errorf("%s:\n got %.1000s\nwant %.1000s", file, got, want)
			}
		}
	}
}

func jsonText(t testing.TB, v any) string {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// sortSets orders the items of sets, which have none in Python.
func sortSets(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = sortSets(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = sortSets(v[k])
			if items, ok := v[k].([]any); ok && (k == "set" || k == "frozenset") {
				sort.Slice(items, func(i, j int) bool { return fmt.Sprint(items[i]) < fmt.Sprint(items[j]) })
			}
		}
	}
	return v
}

// describe is `describe` of testdata/make.py.
func describe(v Value) any {
	switch v := v.(type) {
	case nil, bool, string:
		return v
	case int64:
		return map[string]any{"int": strconv.FormatInt(v, 10)}
	case *big.Int:
		return map[string]any{"int": v.String()}
	case float64:
		return map[string]any{"float": hexFloat(v)}
	case complex128:
		return map[string]any{"complex": []any{hexFloat(real(v)), hexFloat(imag(v))}}
	case Bytes:
		return map[string]any{"bytes": hex.EncodeToString(v)}
	case *List:
		return map[string]any{"list": describeAll(v.Items)}
	case *Tuple:
		return map[string]any{"tuple": describeAll(v.Items)}
	case *Set:
		if v.Frozen {
			return map[string]any{"frozenset": describeAll(v.Items)}
		}
		return map[string]any{"set": describeAll(v.Items)}
	case *Dict:
		m := map[string]any{"dict": describeEntries(v)}
		if v.Default != nil {
			m["default"] = describe(v.Default)
		}
		return m
	case *Slice:
		return map[string]any{"slice": []any{describe(v.Start), describe(v.Stop), describe(v.Step)}}
	case *Range:
		return map[string]any{"range": []any{v.Start, v.Stop, v.Step}}
	case *DType:
		m := map[string]any{"dtype": v.String()}
		if v.Fields != nil {
			fields := []any{}
			for _, f := range v.Fields {
				fields = append(fields, []any{f.Name, f.DType.String(), f.Offset})
			}
			m["fields"] = fields
		}
		return m
	case *Array:
		if v.DType.Fields != nil {
			return describeRecords(v)
		}
		items, err := v.Values()
		if err != nil {
			return err.Error()
		}
		return map[string]any{"array": elements(items), "dtype": v.DType.String(), "shape": append([]int{}, v.Shape...)}
	case *Scalar:
		return map[string]any{"scalar": describe(v.Value), "dtype": v.DType.String()}
	case *Index:
		items, err := v.Values()
		if err != nil {
			return err.Error()
		}
		if v.Class == seriesClass {
			return map[string]any{"series": elements(items)}
		}
		return map[string]any{"index": v.Class.Name, "values": elements(items), "label": describe(v.Name)}
	case Global:
		if strings.HasSuffix(v.Module, "_umath") || v.Module == "numpy" && (v.Name == "log1p" || v.Name == "sqrt" || v.Name == "expm1") {
			return map[string]any{"ufunc": v.Name}
		}
		return map[string]any{"global": v.String()}
	case *Object:
		switch v.Class.Name {
		case "__randomstate_ctor":
			return map[string]any{"random": "state"}
		case "Memory":
			return map[string]any{"memory": "of joblib"}
		}
		return describeObject(v)
	}
	return fmt.Sprintf("%T", v)
}

func describeRecords(a *Array) any {
	fields := []any{}
	for _, f := range a.DType.Fields {
		of, _ := a.Field(f.Name)
		items, err := of.Values()
		if err != nil {
			return err.Error()
		}
		fields = append(fields, []any{f.Name, elements(items), f.DType.String()})
	}
	return map[string]any{"records": fields, "shape": append([]int{}, a.Shape...)}
}

func describeObject(o *Object) any {
	m := map[string]any{"object": o.Class.String()}
	switch o.Class.Name {
	case "Argued", "called":
		m["new"] = describe(&Tuple{Items: o.Args})
	case "Keyed":
		v, _ := o.Kwargs.Get("size")
		m["new"] = describe(v)
	default:
		attrs := map[string]any{}
		for _, name := range o.Attrs() {
			v, _ := o.Attr(name)
			attrs[name] = describe(v)
		}
		m["attrs"] = attrs
	}
	switch o.Class.Name {
	case "Bag":
		m["dict"] = describeEntries(o.Dict)
	case "Row":
		m["list"] = describeAll(o.List)
	}
	return m
}

func describeAll(items []Value) []any {
	out := make([]any, len(items))
	for i, v := range items {
		out[i] = describe(v)
	}
	return out
}

func describeEntries(d *Dict) []any {
	out := []any{}
	if d == nil {
		return out
	}
	for _, it := range d.Items() {
		out = append(out, []any{describe(it.Key), describe(it.Value)})
	}
	return out
}

// elements are the items of an array without the numpy type of scalars.
func elements(items []Value) []any {
	out := make([]any, len(items))
	for i, v := range items {
		if s, ok := v.(*Scalar); ok {
			v = s.Value
		}
		out[i] = describe(v)
	}
	return out
}

// hexFloat is Python's float.hex, with our names of what is not finite.
func hexFloat(f float64) string {
	switch {
	case math.IsNaN(f):
		return "nan"
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	}
	bits := math.Float64bits(f)
	sign, exp, frac := "", int(bits>>52&0x7ff), bits&(1<<52-1)
	if bits>>63 == 1 {
		sign = "-"
	}
	switch {
	case exp == 0 && frac == 0:
		return sign + "0x0.0p+0"
	case exp == 0:
		return fmt.Sprintf("%s0x0.%013xp-1022", sign, frac)
	}
	return fmt.Sprintf("%s0x1.%013xp%+d", sign, frac, exp-1023)
}
