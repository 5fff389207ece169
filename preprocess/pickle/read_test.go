package pickle

import (
	"errors"
	"strings"
	"testing"
)

// x is a BINUNICODE of a short text.
func x(s string) string { return "\x8c" + string([]byte{byte(len(s))}) + s }

// transposed is an array of 2 rows of 3 as numpy 2.3 pickles it with its axes reordered.
func transposed(axes string) string {
	return "\x80\x05cnumpy._core.numeric\n_frombuffer\n(C\x06\x00\x01\x02\x03\x04\x05cnumpy\ndtype\n" + x("u1") + "\x89\x88\x87RK\x02K\x03\x86" + x("K") + axes + "tR."
}

func TestRead_saysWhatIsWrong(t *testing.T) {
	array := "cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R"
	float8 := "cnumpy\ndtype\n" + x("f8") + "\x89\x88\x87R"
	wrapper := "cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}("
	// record is the dtype of records of 16 bytes with the given names and fields.
	record := func(names, fields string) string {
		return "cnumpy\ndtype\n" + x("V16") + "\x89\x88\x87R(K\x03" + x("|") + "N(" + names + "t}(" + fields + "uK\x10K\x01K\x10tb"
	}
	a := x("a") + float8 + "K\x08\x86"
	objects := wrapper + x("subclass") + "cnumpy\nndarray\n" + x("shape") + ")" + x("order") + x("C") + x("dtype") + "cnumpy\ndtype\n" + x("O8") + "\x89\x88\x87Rub"
	tests := []struct {
		name, file, want string
	}{
		{"empty", "", `pickle: the file is empty`},
		{"a CSV file", "a,b\n1,2\n", `pickle: not a pickle or joblib file: it starts with "a,b\n1,2\n"`},
		{"a zip archive", "PK\x03\x04....", `pickle: not a pickle or joblib file: it starts with "PK\x03\x04`},
		{"HTML", "<html>", `pickle: not a pickle or joblib file: it starts with "<html>"`},
		{"unknown instruction", "\x80\x04\xff", `byte 2: unknown instruction 0xff; the file is damaged`},
		{"future protocol", "\x80\x06N.", `byte 0: pickle protocol 6, supported are 0 to 5`},
		{"no end", "\x80\x04N", `byte 3: 1 bytes wanted, 0 left`},
		{"nothing to return", "\x80\x04.", `the stack has none`},
		{"below a mark", "\x80\x04N(.", `the stack has none`},
		{"no mark", "\x80\x04Nt.", `wants a mark and there is none`},
		{"persistent id", "\x80\x04X\x01\x00\x00\x00aQ.", `a persistent id, which only the program that wrote the file can resolve`},
		{"persistent id of protocol 0", "(Pabc\n.", `a persistent id`},
		{"extension", "\x80\x02\x82\x01.", `an extension code`},
		{"extension of 2 bytes", "\x80\x02\x83\x01\x00.", `an extension code`},
		{"extension of 4 bytes", "\x80\x02\x84\x01\x00\x00\x00.", `an extension code`},
		{"buffer outside", "\x80\x05\x97.", `out-of-band data, which is not in the file`},
		{"read-only buffer outside", "\x80\x05N\x98.", `out-of-band data`},
		{"memo never set", "\x80\x04h\x05.", `memo 5 is used and was never set`},
		{"memo of text", "g-1\n.", `"-1" is not the number of a memo`},
		{"bad UTF-8", "\x80\x04\x8c\x01\xff.", `not UTF-8`},
		{"a surrogate", "\x80\x04\x8c\x03\xed\xa0\x80.", `not UTF-8`},
		{"an escaped surrogate", "V\\ud800\n.", `"\\ud800" in a text is not a character`},
		{"Python 2 text", "\x80\x02U\x01\xe9.", `a text of Python 2 with byte 0xe9, which is not ASCII`},
		{"INT", "Iabc\n.", `"abc" is not an int`},
		{"INT with underscore", "I1_0\n.", `"1_0" is not an int`},
		{"LONG", "L0x10L\n.", `"0x10" is not an int`},
		{"FLOAT", "F0x1p3\n.", `"0x1p3" is not a float`},
		{"FLOAT with underscore", "F1_0.0\n.", `is not a float`},
		{"list as key", "\x80\x04}]Ns.", `a list of 0 is a key of a dict or in a set, which Python cannot do`},
		{"key without value", "\x80\x04}(Nu.", `a dict with a key that has no value`},
		{"append to a tuple", "\x80\x04)Na.", `items are added to a tuple of 0`},
		{"set item of a list", "\x80\x04]NNs.", `items are added to a list of 0`},
		{"add to a frozenset", "\x80\x04(\x91(N\x90.", `items are added to a set of 0`},
		{"state of a list", "\x80\x04]Nb.", `a list of 0 is given a state, which it does not take`},
		{"state twice", "\x80\x04cthings\nPlain\n)\x81NbNb.", `a things.Plain is given its state twice`},
		{"call of a text", "\x80\x04" + x("a") + ")R.", `"a" is called, which is not a class or function`},
		{"call of a call", "\x80\x04cthings\ncalled\n)R)R.", `a things.called is called`},
		{"arguments not a tuple", "\x80\x04cthings\ncalled\n]R.", `the arguments of a class are a list of 0, not a tuple`},
		{"name not text", "\x80\x04" + x("os") + "K\x01\x93.", `the name of a class is 1, not text`},
		{"type called", "\x80\x04cbuiltins\nint\n" + x("1") + "\x85R.", `builtins.int is called, which is not supported`},
		{"dtype of dates", "\x80\x04cnumpy\ndtype\n" + x("M8") + "\x89\x88\x87R.", `numpy.dtype("M8"): datetime64 is not supported; supported are bool`},
		{"dtype of time spans", "\x80\x04cnumpy\ndtype\n" + x("m8") + "\x89\x88\x87R.", `timedelta64 is not supported`},
		{"dtype of void", "\x80\x04cnumpy\ndtype\n" + x("V16") + "\x89\x88\x87R.", `numpy.dtype("V16") has no fields, void data is not supported; supported are bool`},
		{"array of void", "\x80\x04" + array + "(K\x01)cnumpy\ndtype\n" + x("V2") + "\x89\x88\x87R\x89C\x02abtb.", `numpy.dtype("V2") has no fields`},
		{"scalar of void", "\x80\x04cnumpy.core.multiarray\nscalar\ncnumpy\ndtype\n" + x("V1") + "\x89\x88\x87RC\x01a\x86R.", `a scalar of records of 0 fields is not supported`},
		{"wrapper of void", "\x80\x04" + wrapper + x("subclass") + "cnumpy\nndarray\n" + x("shape") + ")" + x("order") + x("C") + x("dtype") + "cnumpy\ndtype\n" + x("V2") + "\x89\x88\x87Rubab.", `numpy.dtype("V2") has no fields`},
		{"record without fields", "\x80\x04" + record("", "") + ".", `records with 0 fields, want 1 to 64`},
		{"record of too many fields", "\x80\x04" + record(strings.Repeat(x("a"), 65), a) + ".", `records with 65 fields, want 1 to 64`},
		{"record with a field twice", "\x80\x04" + record(x("a")+x("a"), a) + ".", `two fields of a numpy.dtype have the name "a"`},
		{"record with a name that is none", "\x80\x04" + record("K\x01", a) + ".", `the name of a field of a numpy.dtype is 1, want text`},
		{"record without a field", "\x80\x04" + record(x("b"), a) + ".", `the field "b" of a numpy.dtype is None, want a tuple of dtype and offset`},
		{"field without a type", "\x80\x04" + record(x("a"), x("a")+"NK\x00\x86") + ".", `the field "a" of a numpy.dtype is None; records within records`},
		{"field of objects", "\x80\x04" + record(x("a"), x("a")+"cnumpy\ndtype\n"+x("O")+"\x89\x88\x87RK\x00\x86") + ".", `the field "a" of a numpy.dtype is the dtype object; records within records and objects in them are not supported`},
		{"field of records", "\x80\x04" + record(x("b"), x("b")+record(x("a"), a)+"K\x00\x86") + ".", `the field "b" of a numpy.dtype is the dtype records of 1 fields; records within records`},
		{"field beyond its record", "\x80\x04" + record(x("a"), x("a")+float8+"K\x09\x86") + ".", `the field "a" of a numpy.dtype is 8 bytes at 9, which is not within the 16 bytes of a record`},
		{"field before its record", "\x80\x04" + record(x("a"), x("a")+float8+"J\xff\xff\xff\xff\x86") + ".", `8 bytes at -1, which is not within`},
		{"fields twice", "\x80\x04" + record(x("a"), a) + "(K\x03" + x("|") + "N" + x("a") + "\x85}K\x10K\x01K\x10tb.", `records is given its fields twice`},
		{"array of records too short", "\x80\x04" + array + "(K\x01)" + record(x("a"), a) + "\x89C\x0801234567tb.", `a numpy array of records of 1 fields and shape () has 8 bytes, want 16`},
		{"record as a key", "\x80\x04}" + record(x("a"), a) + "Ns.", `the dtype records of 1 fields is a key of a dict or in a set`},
		{"dtype of complex", "\x80\x04cnumpy\ndtype\n" + x("c16") + "\x89\x88\x87R.", `complex numbers are not supported`},
		{"dtype of long double", "\x80\x04cnumpy\ndtype\n" + x("f16") + "\x89\x88\x87R.", `a long double is not supported`},
		{"dtype of nothing", "\x80\x04cnumpy\ndtype\n" + x("") + "\x89\x88\x87R.", `is not a type`},
		{"dtype with fields", "\x80\x04" + float8 + "(K\x03" + x("<") + "N" + x("a") + "\x85}J\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb.", `the fields of a numpy.dtype of float64 are a tuple of 1 and a dict of 0, want a tuple of names and a dict, and those only of records`},
		{"dtype of arrays", "\x80\x04" + float8 + "(K\x03" + x("<") + float8 + "K\x02\x86NNK\x08K\x08K\x00tb.", `a numpy.dtype of arrays is not supported`},
		{"dtype of another size", "\x80\x04" + float8 + "(K\x03" + x("<") + "NNNK\x04K\x04K\x00tb.", `the element size of a numpy.dtype is 4 and its type is float64`},
		{"array too short", "\x80\x04" + array + "(K\x01K\x02\x85" + float8 + "\x89C\x08" + "01234567tb.", `a numpy array of float64 and shape (2,) has 8 bytes, want 16`},
		{"array too long", "\x80\x04" + array + "(K\x01)" + float8 + "\x89C\x10" + "0123456701234567tb.", `shape () has 16 bytes, want 8`},
		{"array never filled", "\x80\x04" + array + ".", `a numpy array without elements`},
		{"array of a matrix", "\x80\x04cnumpy.core.multiarray\n_reconstruct\ncthings\nmatrix\nK\x00\x85C\x01b\x87R.", `an array of class things.matrix, want numpy.ndarray`},
		{"array with a list of bytes", "\x80\x04" + array + "(K\x01K\x01\x85" + float8 + "\x89]tb.", `the elements of a numpy array are a list of 0, want bytes`},
		{"scalar too short", "\x80\x04cnumpy.core.multiarray\nscalar\n" + float8 + "C\x01a\x86R.", `a float64 is bytes of length 1, want bytes of length 8`},
		{"wrapper never filled", "\x80\x04cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81.", `a joblib.numpy_pickle.NumpyArrayWrapper without an array`},
		{"axes not in an order", transposed("K\x01K\x01\x86"), `the order of axes is not a permutation of 2`},
		{"too few axes", transposed("K\x00\x85"), `the order of axes is a tuple of 1, want a permutation of 2`},
		{"wrapper without a class", "\x80\x04" + wrapper + "ub.", `an array of class None, want numpy.ndarray`},
		{"wrapper in a wrapper", "\x80\x04" + objects + objects, `inside the pickle of an array of objects, where joblib writes none`},
		{"wrapper cut short", "\x80\x04" + wrapper + x("subclass") + "cnumpy\nndarray\n" + x("shape") + "K\x03\x85" + x("order") + x("C") + x("dtype") + float8 + "ub01234567.", `24 bytes wanted, 9 left`},
		{"wrapper of another order", "\x80\x04" + wrapper + x("subclass") + "cnumpy\nndarray\n" + x("shape") + ")" + x("order") + x("A") + x("dtype") + float8 + "ub01234567.", `the order is "A", want 'C' or 'F'`},
		{"index of another kind", "\x80\x04cpandas.core.indexes.base\n_new_Index\ncthings\nMultiIndex\n}\x86R.", `an index of class things.MultiIndex is not supported; give the columns as a list of names`},
		{"series without values", "\x80\x04cpandas.core.series\nSeries\n)\x81.", `a pandas.core.series.Series without values`},
		{"series of nothing", "\x80\x04cpandas.core.series\nSeries\n)\x81}b.", `the values of a pandas.core.series.Series are held by None`},
		{"codec", "\x80\x02c_codecs\nencode\n" + x("a") + x("rot13") + "\x86R.", `the encoding is "rot13", want latin1`},
		{"old joblib", "ZF0x12                 ", `written by joblib before 0.10`},
		{"damaged zlib", "\x78\x9c\x00\x00", `zlib: `},
		{"damaged gzip", "\x1f\x8b\x00", `gzip: `},
		{"damaged bzip2", "BZh9abc", `bzip2: `},
		{"damaged xz", "\xfd7zXZ\x00\x00\x04", `pickle: xz: the file is damaged or truncated`},
		{"damaged lzma", "\x5d\x00\x00\x80\x00", `lzma: `},
		{"damaged lz4", "\x04\x22\x4d\x18\x00", `lz4: `},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v, err := Read([]byte(tt.file), func(g Global) bool { return g.Module == "things" }, Limits{})
			if err == nil {
				t.Fatalf("accepted: %s", Describe(v))
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %q, want %q in it", err, tt.want)
			}
			var e *Error
			if !errors.As(err, &e) {
				t.Errorf("%T is not an *Error", err)
			}
		})
	}
}

func TestRead_namesEveryGlobalThatIsNotAllowed(t *testing.T) {
	tests := []struct {
		name, file string
		want       []Global
	}{
		{"protocol 0", "cos\nsystem\n(S'true'\ntR.", []Global{{"os", "system"}}},
		{"Python 2 name", "c__builtin__\neval\n(S'1'\ntR.", []Global{{"builtins", "eval"}}},
		{"Python 2 name in a new protocol", "\x80\x04c__builtin__\nset\n)R.", []Global{{"__builtin__", "set"}}},
		{"by the stack", "\x80\x04" + x("posix") + x("system") + "\x93" + x("true") + "\x85R.", []Global{{"posix", "system"}}},
		{"INST", "(S'true'\nios\nsystem\n.", []Global{{"os", "system"}}},
		{"OBJ", "(cos\nsystem\nS'true'\no.", []Global{{"os", "system"}}},
		{"old joblib wrapper", "\x80\x02cjoblib.numpy_pickle\nNDArrayWrapper\n)\x81.", []Global{{"joblib.numpy_pickle", "NDArrayWrapper"}}},
		{"in a method", "\x80\x04cbuiltins\ngetattr\ncos\nsystem\n" + x("__call__") + "\x86R.", []Global{{"os", "system"}, {"os", "system.__call__"}}},
		{"by a ufunc", "\x80\x04cnumpy.core\n_ufunc_reconstruct\n" + x("os") + x("system") + "\x86R.", []Global{{"os", "system"}}},
		{"alike", "\x80\x04cnumpy.core.multiarray\nfromfile\n)R.", []Global{{"numpy.core.multiarray", "fromfile"}}},
		{"dotted into an allowed one", "\x80\x04" + x("things") + x("Plain.__init__.__globals__") + "\x93.", []Global{{"things", "Plain.__init__.__globals__"}}},
		{"several, with other faults after them", "\x80\x04cos\nsystem\n0cos\nsystem\n0csubprocess\nPopen\nt.", []Global{{"os", "system"}, {"subprocess", "Popen"}}},
		{"calls of what is refused", "\x80\x04cfoo\nBar\n)\x81}b(cfoo\nBaz\nN" + "\x85R" + "l.", []Global{{"foo", "Bar"}, {"foo", "Baz"}}},
		{"with keyword arguments", "\x80\x04cfoo\nBar\n)}\x92.", []Global{{"foo", "Bar"}}},
		{"unused", "\x80\x04cos\nsystem\n0N.", []Global{{"os", "system"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Read([]byte(tt.file), func(g Global) bool { return g == Global{"things", "Plain"} }, Limits{})
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want an *Error", err)
			}
			if len(e.Refused) != len(tt.want) {
				t.Fatalf("got %v, want %v: %v", e.Refused, tt.want, err)
			}
			for i, g := range tt.want {
				if e.Refused[i] != g {
					t.Errorf("got %v, want %v", e.Refused[i], g)
				}
				if !strings.Contains(err.Error(), g.String()) {
					t.Errorf("%q does not name %s", err, g)
				}
			}
		})
	}
}

func TestRead_readsWhatOnlyOldPicklersWrite(t *testing.T) {
	tests := []struct{ name, file, want string }{
		{"STRING", "S'a\\x41\\'\\\\\\n\\101\\q'\n.", `"aA'\\\nA\\q"`},
		{"STRING in double quotes", "S\"a'b\"\n.", `"a'b"`},
		{"BINSTRING", "T\x02\x00\x00\x00ab.", `"ab"`},
		{"SHORT_BINSTRING", "U\x02ab.", `"ab"`},
		{"bools of protocol 0", "(I01\nI00\nI1\nl.", `{"list":[true,false,{"int":"1"}]}`},
		{"LONG without L", "L-12\n.", `{"int":"-12"}`},
		{"raw-unicode-escape", "Va\\u00e9\\\\u0041\\x\xe9\\U0001f600\n.", `"aé\\\\u0041\\xé😀"`},
		{"DICT", "(S'a'\nI1\nd.", `{"dict":[["a",{"int":"1"}]]}`},
		{"POP of a mark", "I1\n(0.", `{"int":"1"}`},
		{"POP_MARK", "I1\n(I2\nI3\n1.", `{"int":"1"}`},
		{"DUP", "I1\n2\x86.", `{"tuple":[{"int":"1"},{"int":"1"}]}`},
		{"INST", "(ithings\nPlain\n.", `{"attrs":{},"object":"things.Plain"}`},
		{"OBJ", "(cthings\nPlain\no.", `{"attrs":{},"object":"things.Plain"}`},
		{"memo out of order", "(I1\np7\nI2\np3\ng7\ng3\nt.", `{"tuple":[{"int":"1"},{"int":"2"},{"int":"1"},{"int":"2"}]}`},
		{"memo set again", "I1\np0\n0I2\np0\n0g0\n.", `{"int":"2"}`},
		{"what follows the end", "N.garbage", `null`},
		{"integer floats", "F3\n.", `{"float":"0x1.8000000000000p+1"}`},
		{"Python 2 types", "(c__builtin__\nunicode\nc__builtin__\nlong\nl.", `{"list":[{"global":"builtins.str"},{"global":"builtins.int"}]}`},
		{"copyreg.__newobj__", "ccopy_reg\n__newobj__\n(cthings\nArgued\nI1\ntR.", `{"new":{"tuple":[{"int":"1"}]},"object":"things.Argued"}`},
		{"copyreg.__newobj_ex__", "\x80\x04ccopyreg\n__newobj_ex__\n(cthings\nKeyed\n)}" + x("size") + "K\x03stR.", `{"new":{"int":"3"},"object":"things.Keyed"}`},
		{"OrderedDict of pairs", "ccollections\nOrderedDict\n](](I1\nI2\nee\x85R.", `{"dict":[[{"int":"1"},{"int":"2"}]]}`},
		{"bytearray of text", "\x80\x02c__builtin__\nbytearray\n" + x("a\u00ff") + x("latin-1") + "\x86R.", `{"bytes":"61ff"}`},
		{"array with its axes in another order", transposed("K\x01K\x00\x86"), `{"array":[{"int":"0"},{"int":"3"},{"int":"1"},{"int":"4"},{"int":"2"},{"int":"5"}],"dtype":"uint8","shape":[3,2]}`},
		{"set of a repeated item", "\x80\x04\x8f(K\x01\x88G\x3f\xf0\x00\x00\x00\x00\x00\x00\x90.", `{"set":[{"int":"1"}]}`},
		{"key given twice", "\x80\x04}(K\x01K\x02\x88K\x03u.", `{"dict":[[{"int":"1"},{"int":"3"}]]}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v, err := Read([]byte(tt.file), things, Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.TrimSpace(jsonText(t, describe(v))); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestRead_truncatedIsRefusedWherever(t *testing.T) {
	for _, name := range corpora {
		for _, c := range readCorpus(t, name) {
			for writer, b := range c.pickled(t) {
				step := max(1, len(b)/40)
				for n := 0; n < len(b); n += step {
					if v, err := Read(b[:n], things, Limits{}); err == nil {
						t.Fatalf("%s/%s/%s: first %d of %d bytes accepted: %s", name, c.Name, writer, n, len(b), Describe(v))
					}
				}
			}
		}
	}
}

func TestRead_limitsAreTheCallers(t *testing.T) {
	file := "\x80\x04(K\x01\x94K\x02\x94l\x85."
	tests := []struct {
		name string
		lim  Limits
		want string
	}{
		{"Operations", Limits{Operations: 5}, "more than 5 instructions"},
		{"Memo", Limits{Memo: 1}, "more than 1 memoized values"},
		{"Depth", Limits{Depth: 1}, "nested more than 1 deep"},
		{"Bytes", Limits{Bytes: 100}, "more than 100 bytes of memory"},
		{"Walk", Limits{Walk: 100}, "unfold to more than 100 bytes"},
	}
	if _, err := Read([]byte(file), nil, Limits{Operations: 9, Memo: 2, Depth: 2, Bytes: 1000, Walk: 200}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		if _, err := Read([]byte(file), nil, tt.lim); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q in it", tt.name, err, tt.want)
		}
	}
}
