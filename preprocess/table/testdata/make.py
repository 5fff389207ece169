"""Writes pandas.json: what pandas.read_csv makes of awkward inputs.

Run with Debian's python3-pandas: /usr/bin/python3 make.py
"""
import io
import json
import pathlib

import numpy as np
import pandas as pd

HERE = pathlib.Path(__file__).parent

SPLIT = [
    "a,b\n1,2\n", "a,b\n1,2", "a,b", "a,b\n", "a\n1\n\n2\n \n3", "\n\na,b\n1,2\n",
    " \na,b\n1,2", "a,b\n1,2\n\n3,4\n", "a,b\n1,2\n  \n3,4\n", "a,b\n \t\n\n1,2",
    "a,b\r1,2\r3,4\r", "a,b\r\n1,2\r\n", "a,b\r\n1,2\n3,4\r5,6", "a,b\n1,2\r\r3,4",
    "a,b\n1,2\r\n\r\n3,4", "a,b\n1,2\n\r3,4",
    'a,b\n"1"x,2', 'a,b\n"1""x"y"z,2', 'a,b\n1"2,3\n', 'a,b\n "xy",3\n', 'a,b\n""x,3\n',
    'a,b\n"x\ny",2\n', 'a,b\n"x\r\ny","z\r"\n', 'a,b\n"x,y","""z"""\n', 'a,b\n"",""\n', "a,b\n,\n",
    'a\n""\n1\n', 'a\n" "\n1\n', 'a\n"x"\r"y"\r', '"a"x,b\n1,2', '"a\nb",c\n1,2',
    "a,b\n 1 , 2 \n", "a,b\n\t1,\t\n", "\ufeffa,b\n1,2\n", '\ufeff"a",b\n1,2\n',
    ",b\n1,2\n", "a,b\nö,日本\n", 'a,b\n"5"" pipe",5"\n', "a,b\n1,2\n3,4\n\n\n",
    'a,b\n"""",""""""\n', 'a,b\n"a""","b"\n', "a,b\n'1','2'\n", "a,b\n#,1\n", "a,b\n\\,1\n",
]

KINDS = [
    ["1"], ["1", "2"], ["1", ""], ["1", "NA"], ["1.5", "2"], ["1", "2.5"], ["1.", ".5"], ["+1", "-1"],
    ["007"], [" 1", "2 "], ["1e5"], ["1E+05"], ["1e"], ["0x10"], ["1_0"], ["--1"], ["- 1"], ["1 2"],
    ["inf"], ["-Infinity", "1"], ["nan"], ["nan", "x"], ["True", "False"], ["true", "FALSE"], ["True", ""],
    ["tRuE"], ["True", "1"], ["1", "True"], ["x", "1"], ["1", "x"], ["", ""], ["NULL", "n/a"], ["null", "a"],
    ["9223372036854775807"], ["-9223372036854775808"], ["99999999999999999999"],
    ["1.5", "99999999999999999999"], ["1e-400"], ["yes", "no"], ["2020-01-01"], ["1,5"], ["."], ["-"], ["+"],
    ["0", "0"], ["-0"], ["-0.0"], ["True", "x"], ["True ", "False"], ["1", "2", "", "x"], ["1", "", "True"],
]


def split(text):
    frame = pd.read_csv(io.BytesIO(text.encode()), dtype=str, keep_default_na=False, na_values=[], index_col=False)
    return {"input": text, "header": list(frame.columns), "rows": frame.values.tolist()}


def kind(cells):
    text = "x,y\n" + "".join('"%s",0\n' % c for c in cells)
    column = pd.read_csv(io.StringIO(text), float_precision="round_trip")["x"]
    name = str(column.dtype)
    if name == "object" and all(isinstance(v, bool) or v != v for v in column):
        name = "bool"  # with gaps
    return {"cells": cells, "dtype": name}



def main():
    data = {
        "pandas": pd.__version__,
        "split": [split(t) for t in SPLIT],
        "kinds": [kind(c) for c in KINDS],
    }
    (HERE / "pandas.json").write_text(json.dumps(data, indent=1, ensure_ascii=True) + "\n")

    # The bits of a number and the text that to_csv writes.
    rng = np.random.default_rng(20261123)
    exact = [0.0, -0.0, 1.0, -1.0, 0.1, 1 / 3, 1e-4, 9.999999999999999e-05, 1e-05, 1.5e-07, 1e15, 1e16, 123456789012345.6,
             9999999999999998.0, 9007199254740993.0, 1e17, 1e22, 1e23, 5e-324, 2.2250738585072014e-308,
             1.7976931348623157e308, 100000.0, 123456.789, 2.5, 1e100, 1.0000000000000002, float("inf"), float("-inf"),
             999999999999999.9, 1e15 + 0.5, 0.0001234, 4.35, 0.3, 2 / 3, 1e21, 16777216.0, 16777217.0, 33554432.0]
    bits64 = np.concatenate([
        np.array(exact).view(np.uint64),
        rng.integers(0, 2**64, 1500, dtype=np.uint64),
        rng.normal(size=800).view(np.uint64),
        np.round(rng.normal(size=400) * 1e3, 2).view(np.uint64),
        np.power(10.0, np.arange(-25, 26)).view(np.uint64),
    ])
    values = bits64.view(np.float64)
    with np.errstate(over="ignore"):
        single = values.astype(np.float32)
    random32 = rng.integers(0, 2**32, 1500, dtype=np.uint32).view(np.float32)
    single = np.concatenate([single, random32, np.power(np.float32(10), np.arange(-12, 20)).astype(np.float32)])
    for name, array, uint in [("float64", values, np.uint64), ("float32", single, np.uint32)]:
        array = array[~np.isnan(array)]
        texts = pd.DataFrame({"x": array}).to_csv(index=False, header=False).split()
        with open(HERE / (name + ".csv"), "w") as f:
            for bits, text in zip(array.view(uint), texts):
                f.write(f"{bits:x},{text}\n")


main()
