package pickle

import (
	"bytes"
	"compress/zlib"
	"errors"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
)

// fuzzLimits are small, so that a fuzzer spends its time on many files, not on long ones.
var fuzzLimits = Limits{Operations: 200_000, Cells: 1 << 16, Bytes: 8 << 20, Walk: 4 << 20, Decompressed: 1 << 20}

// FuzzRead reads pickles that Python wrote, and what the fuzzer makes of them.
func FuzzRead(f *testing.F) {
	for _, name := range corpora {
		for _, c := range readCorpus(f, name) {
			for writer, b := range c.pickled(f) {
				if len(b) < 4096 && (name == "debian12" || writer == "c5") {
					f.Add(b)
				}
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) { readAndWalk(t, data) })
}

// FuzzProgram reads pickles put together from instructions and parts that fit each other:
// each byte of the input picks one. It gets further into the constructors than changes to
// the bytes of a file do.
func FuzzProgram(f *testing.F) {
	var parts []string
	for _, op := range ")]}\x8fN(tldR\x81b\x92aeus\x90\x91\x85\x86\x8720\x94\x88\x89o1" {
		parts = append(parts, string([]byte{byte(op)}))
	}
	for i := range 10 {
		parts = append(parts, "K"+string([]byte{byte(i)}), "h"+string([]byte{byte(i)}))
	}
	for _, s := range []string{
		"", "a", "<", ">", "|", "C", "F", "K", "f8", "f4", "i4", "u1", "b1", "U2", "S3", "O", "O8", "latin1",
		"shape", "dtype", "order", "subclass", "numpy_array_alignment_bytes", "data", "name", "start", "stop", "step", "_mgr", "_ndarray",
	} {
		parts = append(parts, x(s))
	}
	names := []Global{{"things", "Plain"}}
	for g := range constructors {
		names = append(names, g)
	}
	for g := range inert {
		if g.Module != "numpy" {
			names = append(names, g)
		}
	}
	for g := range inertClasses {
		names = append(names, g)
	}
	sort.Slice(names, func(i, j int) bool { return names[i].String() < names[j].String() })
	for _, g := range names {
		parts = append(parts, "c"+g.Module+"\n"+g.Name+"\n")
	}
	dtype := func(kind string) string {
		return "cnumpy\ndtype\n" + x(kind) + "\x89\x88\x87R(K\x03" + x("<") + "NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
	}
	const array = "cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R"
	const record = "cnumpy\ndtype\n\x8c\x03V16\x89\x88\x87R(K\x03\x8c\x01|N\x8c\x01a\x8c\x01b\x86}(\x8c\x01acnumpy\ndtype\n\x8c\x02f8\x89\x88\x87RK\x08\x86" +
		"\x8c\x01bcnumpy\ndtype\n\x8c\x02U1\x89\x88\x87RK\x02\x86uK\x10K\x01K\x10tb"
	wrapper := func(kind, order string) string {
		if kind == "V16" {
			return "cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}(" + x("subclass") + "cnumpy\nndarray\n" + x("shape") + "K\x01\x85" +
				x("order") + x(order) + x("dtype") + record + "ub"
		}
		return "cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}(" + x("subclass") + "cnumpy\nndarray\n" + x("shape") + "K\x01K\x02\x86" +
			x("order") + x(order) + x("dtype") + dtype(kind) + "ub"
	}
	parts = append(parts,
		dtype("f8"), dtype("O"), dtype("U1"), dtype("i2"), dtype("u8"),
		array, array+"(K\x01K\x01\x85"+dtype("f8")+"\x89C\x08\x00\x00\x00\x00\x00\x00\xf0\x3ftb", array+"(K\x01K\x02\x85"+dtype("O")+"\x89]("+x("a")+"Netb",
		array+"(K\x01K\x01K\x02\x86"+dtype("U1")+"\x88C\x08a\x00\x00\x00b\x00\x00\x00tb",
		record, array+"(K\x01K\x02\x85"+record+"\x89C\x20"+strings.Repeat("\x00\x00a\x00\x00\x00\x00\x3f", 4)+"tb", wrapper("V16", "C"), x("V16"), x("b"), "K\x10",
		wrapper("f8", "C"), wrapper("f8", "F"), wrapper("i2", "C"), wrapper("O", "C")+"\x80\x02", "\x80\x02", "\x80\x05", ".",
		"C\x00", "C\x01b", "C\x08\x00\x00\x00\x00\x00\x00\xf0\x3f", "\x00\x01\x02\x03", "\xff\xff\xff\xff",
		"J\xff\xff\xff\xff", "M\x00\x01", "\x8a\x09\xff\xff\xff\xff\xff\xff\xff\xff\x00", "G\x7f\xf8\x00\x00\x00\x00\x00\x00", "G\x3f\xf0\x00\x00\x00\x00\x00\x00",
		"\x96\x02\x00\x00\x00\x00\x00\x00\x00ab", "ithings\nPlain\n", "Va\n", "S'a'\n", "I01\n", "L5L\n", "F1.5\n", "p9\n", "g9\n", "q\x07", "j\x07\x00\x00\x00",
	)
	if len(parts) > 256 {
		f.Fatalf("%d parts, a byte picks among 256", len(parts))
	}
	for i := range parts {
		f.Add([]byte{byte(i)})
		f.Add([]byte{5, byte(i), byte((i + 7) % len(parts)), byte((i + 50) % len(parts)), 6, 9})
	}
	f.Fuzz(func(t *testing.T, picks []byte) {
		program := []byte("\x80\x04")
		for _, p := range picks {
			program = append(program, parts[int(p)%len(parts)]...)
		}
		readAndWalk(t, append(program, '.'))
	})
}

// FuzzReadJoblib reads joblib files: data as it is, and data compressed, so that changes
// reach what is inside. method picks the compression: 0 none, 1 zlib.
func FuzzReadJoblib(f *testing.F) {
	for _, name := range corpora {
		files, err := filepath.Glob("testdata/" + name + "-file*.joblib")
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			b, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b, byte(0))
		}
		for _, c := range readCorpus(f, name) {
			for writer, b := range c.pickled(f) {
				if len(b) < 4096 && len(writer) >= 6 && writer[:6] == "joblib" {
					f.Add(b, byte(0))
					f.Add(b, byte(1))
				}
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, method byte) {
		if method == 1 {
			var b bytes.Buffer
			z := zlib.NewWriter(&b)
			if _, err := z.Write(data); err != nil {
				t.Fatal(err)
			}
			if err := z.Close(); err != nil {
				t.Fatal(err)
			}
			plain, err1 := read(data, anything, fuzzLimits)
			packed, err2 := read(b.Bytes(), anything, fuzzLimits)
			if (err1 == nil) && (err2 == nil) && jsonText(t, describe(plain)) != jsonText(t, describe(packed)) {
				t.Fatal("compression changes what is read")
			}
			data = b.Bytes()
		}
		readAndWalk(t, data)
	})
}

func anything(Global) bool { return true }

// readAndWalk reads data, and if it is accepted uses everything that a consumer may.
func readAndWalk(t *testing.T, data []byte) {
	v, err := read(data, anything, fuzzLimits)
	if err != nil {
		var e *Error
		if !errors.As(err, &e) {
			t.Fatalf("%T is not an *Error", err)
		}
		if len(err.Error()) > 4000 {
			t.Fatalf("a message of %d bytes: %s", len(err.Error()), err)
		}
		return
	}
	walk(t, v, 0)
	first := jsonText(t, describe(v))
	again, err := read(data, anything, fuzzLimits)
	if err != nil {
		t.Fatalf("read once, and then not: %v", err)
	}
	if second := jsonText(t, describe(again)); first != second {
		t.Fatalf("read as\n%.500s\nand then as\n%.500s", first, second)
	}
}

// walk visits all of v by recursion, as consumers do.
func walk(t *testing.T, v Value, depth int) {
	if depth > 2*fuzzLimits.withDefaults().Depth {
		t.Fatal("too deep")
	}
	if s := Describe(v); len(s) > 2000 {
		t.Fatalf("a description of %d bytes", len(s))
	}
	_, _ = Int(v)
	_, _ = Float(v)
	_, _ = Bool(v)
	_, _ = Text(v)
	all := func(items []Value) {
		for _, item := range items {
			walk(t, item, depth+1)
		}
	}
	items, _ := Items(v)
	all(items)
	switch v := v.(type) {
	case *Dict:
		for _, it := range v.Items() {
			walk(t, it.Key, depth+1)
			walk(t, it.Value, depth+1)
			if s, ok := it.Key.(string); ok {
				if _, ok := v.Get(s); !ok {
					t.Fatalf("key %q is not found", s)
				}
			}
		}
	case *Array:
		walkArray(t, v, depth)
	case *Scalar:
		walk(t, v.Value, depth+1)
	case *Slice:
		all([]Value{v.Start, v.Stop, v.Step})
	case *Object:
		all(v.Args)
		all(v.List)
		walk(t, v.State, depth+1)
		if v.Kwargs != nil {
			walk(t, v.Kwargs, depth+1)
		}
		if v.Dict != nil {
			walk(t, v.Dict, depth+1)
		}
		for _, name := range v.Attrs() {
			if _, ok := v.Attr(name); !ok {
				t.Fatalf("attribute %q is not found", name)
			}
		}
	}
}

func walkArray(t *testing.T, a *Array, depth int) {
	for _, f := range a.DType.Fields {
		of, ok := a.Field(f.Name)
		if !ok {
			t.Fatalf("field %q is not found", f.Name)
		}
		walkArray(t, of, depth)
	}
	n := a.Len()
	check := func(name string, got int, err error) {
		if err == nil && got != n {
			t.Fatalf("%s of %s: got %d, want %d", name, Describe(a), got, n)
		}
	}
	values, err := a.Values()
	check("Values", len(values), err)
	floats, err := a.Floats()
	check("Floats", len(floats), err)
	ints, err := a.Ints()
	check("Ints", len(ints), err)
	bools, err := a.Bools()
	check("Bools", len(bools), err)
	texts, err := a.Strings()
	check("Strings", len(texts), err)
	if a.DType.Kind == 'O' && len(a.Shape) != 1 {
		for _, v := range values {
			walk(t, v, depth+1)
		}
	}
}
