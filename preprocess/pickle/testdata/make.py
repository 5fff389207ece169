"""Writes the files that the tests of package pickle read: Python values, as many
environments pickle them, beside what each value is.

    python3 make.py NAME        writes NAME.json, NAME-file*.joblib and, the same each time,
                                file.json, in this folder

NAME says where it ran: debian12 (numpy 1.24, joblib 1.2, pandas 1.5), debian11, debian13,
sid. Needs python3-sklearn, python3-pandas and python3-lz4 of that release. Each case of
NAME.json has

    name     what is pickled
    want     the value, in the notation of `describe` below
    pickles  by writer (c0..c5: C pickler, py0..py5: Python pickler where it writes
             something else, joblib, joblib0..5 by protocol), zlib and base64
"""

import base64
import collections
import io
import json
import pickle
import sys
import warnings
import zlib

import joblib
import numpy as np
import pandas as pd

warnings.simplefilter("ignore")


class Plain:
    """Attributes in a dict."""

    def __init__(self, **attrs):
        self.__dict__.update(attrs)


class Slots:
    """Attributes in slots and in a dict."""

    __slots__ = ("x", "y", "__dict__")


class Argued:
    """Made by __new__ with arguments."""

    def __new__(cls, *args):
        o = super().__new__(cls)
        o.args = args
        return o

    def __getnewargs__(self):
        return self.args

    def __getstate__(self):
        return None


class Keyed:
    """Made by __new__ with keyword arguments."""

    def __new__(cls, *, size):
        o = super().__new__(cls)
        o.size = size
        return o

    def __getnewargs_ex__(self):
        return (), {"size": self.size}

    def __getstate__(self):
        return None


class Bag(dict):
    """Extends dict, as sklearn.utils.Bunch does."""


class Row(list):
    """Extends list."""


class Outer:
    class Inner:
        """A class with a dot in its name."""


def called(*args):
    """What a REDUCE calls."""
    return Reduced(*args)


class Reduced:
    """Made by a function."""

    def __init__(self, *args):
        self.args = args

    def __reduce__(self):
        return called, self.args


for _c in (Plain, Slots, Argued, Keyed, Bag, Row, Outer, Outer.Inner, called, Reduced):
    _c.__module__ = "things"
sys.modules["things"] = sys.modules["__main__"]


def number(f):
    """Exact text of a float."""
    f = float(f)
    return "nan" if f != f else "inf" if f == float("inf") else "-inf" if f == float("-inf") else f.hex()


def describe(v):
    """What the reader should make of v, as JSON."""
    t = type(v)
    if v is None or t is bool or t is str:
        return v
    if t is int:
        return {"int": str(v)}
    if t is float:
        return {"float": number(v)}
    if t is complex:
        return {"complex": [number(v.real), number(v.imag)]}
    if t in (bytes, bytearray):
        return {"bytes": v.hex()}
    if t in (list, tuple):
        return {t.__name__: [describe(x) for x in v]}
    if t in (set, frozenset):
        return {t.__name__: sorted((describe(x) for x in v), key=json.dumps)}
    if t in (dict, collections.OrderedDict):
        return {"dict": [[describe(k), describe(x)] for k, x in v.items()]}
    if t is collections.defaultdict:
        return {"dict": [[describe(k), describe(x)] for k, x in v.items()], "default": describe(v.default_factory)}
    if t is slice:
        return {"slice": [describe(v.start), describe(v.stop), describe(v.step)]}
    if t is range:
        return {"range": [v.start, v.stop, v.step]}
    if isinstance(v, np.dtype):
        if v.names:
            return {"dtype": "records of %d fields" % len(v.names), "fields": [[n, dtype_name(v[n]), v.fields[n][1]] for n in v.names]}
        return {"dtype": dtype_name(v)}
    if t is np.ndarray and v.dtype.names:
        return {
            "records": [[name, [element(x) for x in v[name].ravel(order="C")], dtype_name(v.dtype[name])] for name in v.dtype.names],
            "shape": list(v.shape),
        }
    if t is np.ndarray or t is np.memmap:
        return {
            "array": [element(x) for x in v.ravel(order="C")],
            "dtype": dtype_name(v.dtype),
            "shape": list(v.shape),
        }
    if isinstance(v, np.generic):
        return {"scalar": element(v), "dtype": dtype_name(v.dtype)}
    if isinstance(v, pd.RangeIndex):
        return {"index": "RangeIndex", "values": [describe(int(x)) for x in v], "label": describe(v.name)}
    if isinstance(v, pd.Index):
        return {"index": t.__name__, "values": [element(x) for x in v], "label": describe(v.name)}
    if isinstance(v, pd.Series):
        return {"series": [element(x) for x in v]}
    if isinstance(v, np.random.RandomState):
        return {"random": "state"}
    if isinstance(v, joblib.Memory):
        return {"memory": "of joblib"}
    if v is pd.NA:
        return {"global": "pandas._libs.missing.NA"}
    if isinstance(v, np.ufunc):
        return {"ufunc": v.__name__}
    if isinstance(v, type) or t is type(called):
        return {"global": v.__module__ + "." + v.__qualname__}
    o = {"object": t.__module__ + "." + t.__qualname__}
    if t is Argued or t is Keyed:
        o["new"] = describe(v.args if t is Argued else v.size)
    elif t is Reduced:
        o = {"object": "things.called", "new": describe(v.args)}
    else:
        attrs = dict(vars(v))
        if t is Slots:
            attrs.update(x=v.x, y=v.y)
        o["attrs"] = {k: describe(x) for k, x in sorted(attrs.items())}
    if isinstance(v, dict):
        o["dict"] = [[describe(k), describe(x)] for k, x in v.items()]
    if isinstance(v, list):
        o["list"] = [describe(x) for x in v]
    return o


def dtype_name(d):
    """The name that Go's DType.String gives."""
    d = np.dtype(d)
    if d.kind == "O":
        return "object"
    if d.kind in "US":
        return d.str
    return d.newbyteorder("=").name + (" (big-endian)" if d.byteorder == ">" else "")


def element(x):
    """An element of an array, without its numpy type."""
    if isinstance(x, np.str_):
        return str(x)
    if isinstance(x, np.bytes_):
        return {"bytes": bytes(x).hex()}
    if isinstance(x, np.bool_):
        return bool(x)
    if isinstance(x, np.integer):
        return describe(int(x))
    if isinstance(x, np.floating):
        return describe(float(x))
    return describe(x)


def values():
    """Pairs of a name and a value."""
    yield "none", None
    yield "bools", [True, False]
    yield "ints", [0, 1, -1, 127, 128, 255, 256, 65535, 65536, 2**31 - 1, 2**31, -(2**31), -(2**31) - 1,
                   2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**64, -(2**64), 2**1000, -(2**1000), 10**600]
    yield "floats", [0.0, -0.0, 1.5, -2.25, 0.1, 1e16, 1e-300, 5e-324, 1.7976931348623157e308,
                     float("inf"), float("-inf"), float("nan"), 123456789.123456789, 3.0]
    yield "complex numbers", [1 + 2j, complex("nan"), -0.5j]
    yield "texts", ["", "a", "Östra", "日本語", "😀", "a\nb", "a\\b", "\\u0041", "\\\\u0041", "\\", "'\"", "\x00\x1a\r",
                    "\x7f\x80\xff", "\ud7ff\ue000\uffff\U00010000\U0010ffff", "x" * 300, "é" * 200]
    yield "long text", "ab" * 33000
    yield "bytes", [b"", b"a", bytes(range(256)), b"\\x00'\"\n", b"y" * 300]
    yield "bytearrays", [bytearray(), bytearray(b"abc\xff"), bytearray(bytes(range(256)))]
    yield "lists", [[], [1], [[2], [[3]]], list(range(1100))]
    yield "tuples", [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), ((),), tuple(range(300))]
    yield "dicts", [{}, {"a": 1}, {1: "x", None: 2, (1, "a"): 3, 2.5: 4, b"k": 5, True: 6}, {str(i): i for i in range(1100)}]
    yield "dict of like keys", {"1": 1, 1: 2, b"1": 3, (1,): 4, ("1",): 5, ((1,),): 6, 1.5: 7}
    yield "sets", [set(), {1, "a", None, (1, 2)}, frozenset(), frozenset({1.5, "b"}), set(range(1100))]
    yield "set of frozensets", {frozenset({1}), frozenset({2, 3})}
    yield "slices", [slice(None), slice(1, 5), slice(0, None, 2), slice(-3, None, -1), slice("a", "c")]
    yield "ranges", [range(5), range(2, 10, 3), range(10, 0, -4), range(0), range(5, 5, -1)]
    yield "ordered dict", collections.OrderedDict([("b", 1), ("a", 2)])
    yield "default dict", collections.defaultdict(int, {"x": 3})
    shared, text = ["shared"], "text that is shared"
    yield "shared parts", [shared, (shared, text), {text: shared}, shared]
    yield "types", [int, float, str, bool, object, dict, tuple, list, bytes, set, slice]
    yield "numpy types", [np.float64, np.float32, np.int64, np.int32, np.bool_, np.object_, np.str_, np.uint8]
    yield "things", [Plain(), Plain(a=1, b=[2]), Plain(sub=Plain(x=None))]
    yield "made with arguments", [Argued(), Argued(1, "a")]
    yield "extends dict and list", [Bag(a=1), Row([1, 2]), Bag(), Row()]
    yield "a nested class", Outer.Inner
    yield "a function", called
    yield "made by a function", [Reduced(), Reduced(1, [2])]
    yield "ufuncs", [np.log1p, np.sqrt, np.expm1]

    yield "dtypes", [np.dtype(x) for x in ("?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8",
                                           ">i2", ">i4", ">u8", ">f4", ">f8", "O", "U3", ">U3", "S4", "U0")]
    for code in ("?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8",
                 ">i2", ">i4", ">i8", ">u2", ">u4", ">u8", ">f2", ">f4", ">f8"):
        yield "array of " + code, numbers(code)
        yield "scalars of " + code, list(numbers(code.lstrip(">")))
    yield "arrays of shapes", [np.arange(n, dtype=float).reshape(s) for n, s in (
        (0, (0,)), (0, (0, 3)), (0, (3, 0)), (1, ()), (6, (2, 3)), (24, (2, 3, 4)), (1, (1, 1, 1)))]
    yield "arrays by column", [np.asfortranarray(np.arange(n).reshape(s)) for n, s in (
        (6, (2, 3)), (24, (2, 3, 4)), (5, (5, 1)))]
    yield "array transposed", np.arange(24, dtype="f4").reshape(2, 3, 4).transpose(1, 2, 0)
    yield "array of every second", np.arange(20)[::2]
    yield "array reversed", np.arange(6).reshape(2, 3)[:, ::-1]
    yield "array of text", np.array(["a", "Östra", "", "😀x", "日本"])
    yield "array of text, big-endian", np.array(["a", "Östra", ""]).astype(">U5")
    yield "array of text by column", np.asfortranarray(np.array([["a", "b", "c"], ["d", "e", "ff"]]))
    yield "array of bytes", np.array([b"a", b"abc", b""])
    yield "array of objects", np.array(["a", 1, 2.5, None, float("nan"), True, (1, 2), 10**30], dtype=object)
    yield "array of objects, two axes", np.array([["a", 1], [None, 2.5], ["b", "c"]], dtype=object)
    yield "array of objects by column", np.asfortranarray(np.array([["a", 1, 2], [None, 2.5, "x"]], dtype=object))
    yield "array of objects, no axes", np.array(None, dtype=object)
    yield "array of arrays", objects(np.arange(3), np.array(["a"]), np.array([None, 1], dtype=object))
    yield "array of numpy scalars", objects(np.float64(1.5), np.int32(3), np.str_("s"))
    yield "text scalars", [np.str_("abc"), np.str_(""), np.bytes_(b"ab")]
    yield "an array twice", twice(np.arange(3.0))
    yield "an array of objects twice", twice(np.array(["a", None], dtype=object))
    yield "text shared with an array", (text, np.array([text, text], dtype=object), text)
    yield "read-only array", readonly(np.arange(4.0))
    yield "array longer than a frame", [np.array(["x" * 17000]), "after"]

    yield "index of text", pd.Index(["a", "b", "Ö"])
    yield "index with a label", pd.Index(["a"], name="columns")
    yield "index of objects", pd.Index(["a", 1, None], dtype=object)
    yield "index of ints", pd.Index([3, 1, 2])
    yield "index of floats", pd.Index([0.5, 1.5])
    yield "index of bools", pd.Index([True, False])
    yield "range index", pd.RangeIndex(2, 10, 3)
    yield "columns of a frame", pd.DataFrame({"a": [1], "b": [2.5]}).columns
    frame = pd.DataFrame({"a": [1.5], "b": [2], "c": ["x"]})
    yield "series of bools", frame.dtypes == object
    yield "series of text", pd.Series(["a", "b"])
    yield "series of floats", pd.Series([1.5, 2.5, None], index=["x", "y", "z"], name="n")
    yield "series of pandas strings", pd.Series(["a", None], dtype="string")
    yield "random state", [np.random.RandomState(3)]
    yield "memory", [joblib.Memory("somewhere", verbose=0)]
    if hasattr(pd, "NA"):
        yield "missing value of pandas", pd.NA
        yield "array with missing values of pandas", np.array(["a", pd.NA], dtype=object)
    s = Slots()
    s.x, s.y, s.z = 1, "two", [3]
    yield "slots", s
    yield "made with keyword arguments", Keyed(size=3)
    yield "index of pandas strings", pd.Index(pd.array(["a", "b"], dtype="string"))
    yield "dtypes of records", [np.dtype(d) for d in (PACKED, ALIGNED, SPREAD)]
    yield "records", [records(3, d) for d in (PACKED, ALIGNED, SPREAD)]
    yield "records of shapes", [records(0, ALIGNED), records(1, ALIGNED).reshape(()), records(6, PACKED).reshape(2, 3)]
    yield "records by column", np.asfortranarray(records(6, ALIGNED).reshape(2, 3))
    yield "records twice", twice(records(2, PACKED))


# Fields without gaps, with the gaps of C, and in an order and with gaps of their own.
PACKED = np.dtype([("left", "<i8"), ("share", ">f4"), ("leaf", "?"), ("name", "<U2"), ("raw", "S3")])
ALIGNED = np.dtype([("left", "<i8"), ("weight", "<f8"), ("leaf", "u1")], align=True)
SPREAD = np.dtype({"names": ["b", "a"], "formats": ["<u2", "<f8"], "offsets": [13, 2], "itemsize": 24})


def records(n, dtype):
    a = np.zeros(n, dtype=dtype)
    for name in dtype.names:
        if dtype[name].kind in "US":
            a[name] = ["x", "yy", ""][:n] if n <= 3 else "z"
        else:
            a[name] = np.arange(n) * (0.5 if dtype[name].kind == "f" else 1)
    return a


def numbers(code):
    d = np.dtype(code)
    if d.kind == "b":
        v = [True, False]
    elif d.kind in "iu":
        i = np.iinfo(d)
        v = [i.min, i.max, 0, 1, 100]
    else:
        f = np.finfo(d)
        v = [0.0, -0.0, 1.5, f.max, f.min, f.tiny, f.tiny / 4, f.eps, np.nan, np.inf, -np.inf, 0.1]
    return np.array(v, dtype=d)


def objects(*items):
    a = np.empty(len(items), dtype=object)
    for i, v in enumerate(items):
        a[i] = v
    return a


def twice(a):
    return [a, a, {"again": a}]


def readonly(a):
    a.setflags(write=False)
    return a


# The first protocol that keeps what the case is about; before it Python itself loses the
# arguments, refuses, or writes a functools.partial.
SINCE = {"made with arguments": 2, "slots": 2, "made with keyword arguments": 4}


def pickles(name, v, protocols, joblibs):
    """What each writer makes of v."""

    def python(p):
        f = io.BytesIO()
        pickle._Pickler(f, p).dump(v)
        return f.getvalue()

    def by_joblib(p):
        f = io.BytesIO()
        joblib.dump(v, f, protocol=p)
        return f.getvalue()

    writers = {}
    for p in protocols:
        if p < SINCE.get(name, 0):
            continue
        writers["c%d" % p] = lambda p=p: pickle.dumps(v, p)
        writers["py%d" % p] = lambda p=p: python(p)
    for p in joblibs:
        if p is not None and p < SINCE.get(name, 0):
            continue
        writers["joblib%s" % ("" if p is None else p)] = lambda p=p: by_joblib(p)
    out = {}
    for writer, write in writers.items():
        if writer == "py5" and name == "arrays of shapes":
            continue  # the Python pickler asserts that a buffer is not empty
        b = write()
        if b not in out.values():
            out[writer] = b
    return out


COMPRESSIONS = [("zlib", 1), ("zlib", 3), ("zlib", 9), ("gzip", 3), ("bz2", 3), ("xz", 3), ("lzma", 3), ("xz", 9), ("lz4", 3)]


def joblib_files(where):
    v = {
        "floats": np.arange(1000, dtype=float).reshape(10, 100),
        "by column": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "objects": np.array(["a", None, 1.5], dtype=object),
        "texts": np.array(["x", "yy"]),
        "empty": np.array([]),
        "after": "all is well",
    }
    with open("file.json", "w") as f:
        json.dump(describe(v), f)
    joblib.dump(v, where + "-file.joblib")
    for method, level in COMPRESSIONS:
        joblib.dump(v, "%s-file-%s%d.joblib" % (where, method, level), compress=(method, level))


def main(where):
    protocols, joblibs = ((2, 4, 5), (None,))
    if where == "debian12":
        protocols, joblibs = range(6), (None, 0, 2, 5)
    with open(where + ".json", "w") as out:
        lines = []
        for name, v in values():
            lines.append(json.dumps({
                "name": name, "want": describe(v),
                "pickles": {k: base64.b64encode(zlib.compress(b, 9)).decode() for k, b in pickles(name, v, protocols, joblibs).items()},
            }, ensure_ascii=False))
        out.write("[\n" + ",\n".join(lines) + "\n]\n")
    joblib_files(where)
    print("%s: Python %s, numpy %s, pandas %s, joblib %s: %d cases" % (
        where, sys.version.split()[0], np.__version__, pd.__version__, joblib.__version__, len(lines)))


if __name__ == "__main__":
    main(sys.argv[1])
