#!/usr/bin/env python3
"""Compare the job with scikit-learn on random models and random data.

    python3 scripts/parity.py [--count 200] [--seed 1] [--job bin/preprocess] [--stop]

Needs python3-sklearn and python3-pandas (any version that the job supports) and a
built job. Each round fits a random model on random data, saves it in a random
format, lets the job transform other random data, and compares with what
scikit-learn says. A round ends as
  same      both gave the same numbers, names and rows (same text is counted apart)
  refused   the job refused by name (exit status 65), and left no output
  error     both refused the data
  WRONG     anything else; the files of the round are kept for a look
and the exit status is 1 if any round was WRONG.
"""

import argparse
import collections
import csv
import functools
import math
import pathlib
import pickle
import random
import shutil
import subprocess
import sys
import tempfile
import warnings

import joblib
import numpy as np
import pandas as pd
import sklearn
from sklearn import (
    cluster,
    compose,
    decomposition,
    feature_selection,
    impute,
    pipeline,
    preprocessing,
    random_projection,
)

warnings.filterwarnings("ignore")

HALF_POWER = 1e-10  # relative tolerance where powers and quantiles are involved
EXACT = 1e-12
VERSION = tuple(int(part) for part in sklearn.__version__.split(".")[:2])


def numbers(rng, rows, missing):
    kind = rng.choice(["normal", "skewed", "small", "huge", "constant", "few", "decimal"])
    base = {
        "normal": lambda: np_rng(rng).normal(rng.uniform(-50, 50), rng.uniform(0.1, 30), rows),
        "skewed": lambda: np_rng(rng).lognormal(1, 1.5, rows),
        "small": lambda: np_rng(rng).normal(0, 1, rows) * 1e-4,
        "huge": lambda: np_rng(rng).normal(0, 1, rows) * 1e14,
        "constant": lambda: np.full(rows, float(rng.randint(-3, 3))),
        "few": lambda: np_rng(rng).integers(0, 5, rows).astype(float),
        "decimal": lambda: np.round(np_rng(rng).normal(10, 5, rows), 2),
    }[kind]()
    if missing and rng.random() < 0.6:
        base[np_rng(rng).random(rows) < rng.choice([0.05, 0.3])] = np.nan
    return base


def np_rng(rng):
    return np.random.default_rng(rng.getrandbits(32))


WORDS = ["gas", "oil", "heat pump", "Ö", 'quote"d', "comma, inside", "x", "wood", "東京", "NA-ish", "0", "1.5", "True", "a<b", "[z]"]


def frame(rng, rows, missing, unknown, kinds):
    columns = {}
    for name, (kind, vocabulary) in kinds.items():
        if kind == "float":
            columns[name] = numbers(rng, rows, missing)
        elif kind == "int":
            columns[name] = np_rng(rng).integers(vocabulary[0], vocabulary[1] + (2 if unknown else 0), rows)
        elif kind == "bool":
            columns[name] = np_rng(rng).random(rows) < 0.5
        else:
            words = vocabulary + (["never seen"] if unknown else [])
            column = np.array([rng.choice(words) for _ in range(rows)], dtype=object)
            if missing and rng.random() < 0.5:
                column[np_rng(rng).random(rows) < 0.15] = np.nan
            columns[name] = column
    return pd.DataFrame(columns)


def maybe(rng, value, other):
    return value if rng.random() < 0.5 else other


def accepted(cls, **options):
    """Make cls with the options that this scikit-learn knows."""
    known = cls().get_params() if cls is not preprocessing.FunctionTransformer else cls(None).get_params()
    return cls(**{key: value for key, value in options.items() if key in known})


def dense_encoder(rng, dense=None):
    dense = rng.random() < 0.5 if dense is None else dense
    unknown = rng.choice(["error", "ignore", "infrequent_if_exist"])
    options = {
        "handle_unknown": unknown,
        "drop": rng.choice([None, None, "first", "if_binary"]),
        "dtype": rng.choice([np.float64, np.float64, np.float32, np.int64]),
    }
    if rng.random() < 0.3:
        options[rng.choice(["min_frequency", "max_categories"])] = rng.choice([2, 3, 5, 10])
    options["sparse_output" if VERSION >= (1, 2) else "sparse"] = not dense
    if VERSION < (1, 1):
        options.pop("min_frequency", None)
        options.pop("max_categories", None)
        options["handle_unknown"] = "ignore" if unknown != "error" else "error"
    return preprocessing.OneHotEncoder(**options)


def ordinal(rng):
    options = rng.choice(
        [
            {},
            {"handle_unknown": "use_encoded_value", "unknown_value": -1},
            {"handle_unknown": "use_encoded_value", "unknown_value": np.nan},
            {"handle_unknown": "use_encoded_value", "unknown_value": -1, "encoded_missing_value": -2},
            {"dtype": np.float32},
            {"dtype": np.int32, "handle_unknown": "use_encoded_value", "unknown_value": 99},
        ]
    )
    return accepted(preprocessing.OrdinalEncoder, **options)


def imputer(rng, numeric):
    if numeric:
        strategy = rng.choice(["mean", "median", "most_frequent", "constant"])
    else:
        strategy = rng.choice(["most_frequent", "constant"])
    options = {"strategy": strategy, "add_indicator": rng.random() < 0.3, "keep_empty_features": rng.random() < 0.3}
    if strategy == "constant" and rng.random() < 0.7:
        options["fill_value"] = -1.5 if numeric else "missing!"
    return accepted(impute.SimpleImputer, **options)


def numpy_function(rng):
    """One FunctionTransformer of a numpy function that has arguments."""
    whole, part = rng.choice([-2, 0, 1, 3, 5]), rng.choice([-0.5, 0.1, 2.5, 4.0, -1e9])
    low, high = rng.choice([(whole, whole + 4), (part, part + 3.7), (whole, None), (None, part), (whole, part), (7, 2), (2.0, 6.0), (0, np.inf), (np.float64(part), whole)])
    function, arguments = rng.choice(
        [
            (np.clip, {"a_min": low, "a_max": high}),
            (np.clip, {"a_min": low, "a_max": high}),
            (np.round, {"decimals": rng.choice([-3, -1, 0, 1, 2, 3, 8, 15])}),
            (np.around, {}),
            (np.nan_to_num, {}),
            (np.nan_to_num, {"nan": part, "posinf": 9, "neginf": -9.5}),
            (functools.partial(rng.choice([np.add, np.subtract, np.multiply, np.divide, np.maximum, np.minimum, np.fmax, np.fmin]), rng.choice([whole, part, np.float64(part)])), {}),
            (np.floor, {}),
            (np.ceil, {}),
        ]
    )
    if arguments and rng.random() < 0.3:
        function, arguments = functools.partial(function, **arguments), {}
    step = preprocessing.FunctionTransformer(function, kw_args=arguments or None, validate=rng.random() < 0.2, **({"feature_names_out": "one-to-one"} if VERSION >= (1, 1) else {}))
    return step.set_output(transform="pandas") if VERSION >= (1, 2) and rng.random() < 0.2 else step


def numeric_step(rng):
    """One transformer over complete numbers, and the tolerance it needs."""
    choices = [
        (lambda: preprocessing.StandardScaler(with_mean=rng.random() < 0.8, with_std=rng.random() < 0.8), EXACT),
        (lambda: accepted(preprocessing.MinMaxScaler, feature_range=rng.choice([(0, 1), (-2, 3)]), clip=rng.random() < 0.5), EXACT),
        (lambda: preprocessing.MaxAbsScaler(), EXACT),
        (lambda: preprocessing.RobustScaler(with_centering=rng.random() < 0.8, with_scaling=rng.random() < 0.8, quantile_range=rng.choice([(25, 75), (10, 90)])), EXACT),
        (lambda: preprocessing.Normalizer(norm=rng.choice(["l1", "l2", "max"])), EXACT),
        (lambda: preprocessing.Binarizer(threshold=rng.choice([0.0, 1.0, 2.5])), EXACT),
        (lambda: preprocessing.KBinsDiscretizer(rng.choice([2, 3, 5]), encode=rng.choice(["onehot", "onehot-dense", "ordinal"]), strategy=rng.choice(["uniform", "quantile", "kmeans"])), EXACT),
        (lambda: preprocessing.PowerTransformer(standardize=rng.random() < 0.5), HALF_POWER),
        (lambda: preprocessing.QuantileTransformer(n_quantiles=rng.choice([5, 20, 50]), output_distribution=rng.choice(["uniform", "normal"]), random_state=0), HALF_POWER),
        (lambda: preprocessing.PolynomialFeatures(rng.choice([2, 3]), include_bias=rng.random() < 0.5, interaction_only=rng.random() < 0.3), EXACT),
        (lambda: preprocessing.FunctionTransformer(rng.choice([np.abs, np.square, np.sign, np.tanh, np.cbrt, np.arctan, np.floor, np.negative, np.expm1]), feature_names_out="one-to-one" if VERSION >= (1, 1) else None, validate=rng.random() < 0.2) if VERSION >= (1, 1) else preprocessing.FunctionTransformer(np.abs), HALF_POWER),
        (lambda: numpy_function(rng), EXACT),
        (lambda: numpy_function(rng), EXACT),
        (lambda: feature_selection.VarianceThreshold(), EXACT),
        (lambda: random_projection.GaussianRandomProjection(2, random_state=rng.randint(0, 99)), HALF_POWER),
        (lambda: random_projection.SparseRandomProjection(2, density=rng.choice([0.3, 0.7]), random_state=rng.randint(0, 99)), EXACT),
        (lambda: cluster.FeatureAgglomeration(1, pooling_func=rng.choice([np.mean, np.max, np.min, np.median])), EXACT),
        (lambda: decomposition.PCA(1, whiten=rng.random() < 0.3, svd_solver="full"), HALF_POWER),
    ]
    if VERSION >= (1, 0):
        choices.append((lambda: preprocessing.SplineTransformer(n_knots=rng.choice([3, 5]), degree=rng.choice([1, 2, 3]), extrapolation=rng.choice(["constant", "linear", "continue", "periodic"]), include_bias=rng.random() < 0.5), HALF_POWER))
    make, tolerance = rng.choice(choices)
    return make(), tolerance


def numeric_pipeline(rng, missing):
    steps, tolerance = [], EXACT
    if missing:
        steps.append(("impute", imputer(rng, True)))
    for index in range(rng.choice([0, 1, 1, 1, 2])):
        step, needed = numeric_step(rng)
        steps.append((f"s{index}", step))
        tolerance = max(tolerance, needed)
    if not steps:
        return "passthrough", EXACT
    if len(steps) == 1 and rng.random() < 0.5:
        return steps[0][1], tolerance
    if rng.random() < 0.1:
        steps.insert(rng.randrange(len(steps) + 1), ("nothing", "passthrough"))
    return pipeline.Pipeline(steps), tolerance


def text_pipeline(rng):
    encoder = maybe(rng, dense_encoder(rng), ordinal(rng))
    if rng.random() < 0.5:
        return pipeline.Pipeline([("impute", accepted(impute.SimpleImputer, strategy=rng.choice(["most_frequent", "constant"]), fill_value="?")), ("encode", encoder)])
    return encoder


def random_model(rng, kinds, missing):
    floats = [name for name, (kind, _) in kinds.items() if kind == "float"]
    ints = [name for name, (kind, _) in kinds.items() if kind == "int"]
    bools = [name for name, (kind, _) in kinds.items() if kind == "bool"]
    texts = [name for name, (kind, _) in kinds.items() if kind == "text"]
    tolerance = EXACT
    parts = []
    if floats:
        groups = [floats] if rng.random() < 0.5 else [[name] for name in floats]
        for index, group in enumerate(groups):
            step, needed = numeric_pipeline(rng, missing)
            tolerance = max(tolerance, needed)
            parts.append((f"num{index}", step, group))
    if ints and rng.random() < 0.8:
        step, needed = rng.choice([lambda: numeric_pipeline(rng, False), lambda: (dense_encoder(rng), EXACT), lambda: (ordinal(rng), EXACT)])()
        tolerance = max(tolerance, needed)
        parts.append(("int", step, ints))
    if bools and rng.random() < 0.7:
        parts.append(("flag", rng.choice([dense_encoder(rng), "passthrough", ordinal(rng)]), bools))
    if texts and rng.random() < 0.9:
        parts.append(("text", text_pipeline(rng), texts))
    rng.shuffle(parts)
    options = {"remainder": rng.choice(["drop", "drop", "passthrough"]), "sparse_threshold": rng.choice([0, 0.3, 1.0])}
    if VERSION >= (1, 0):
        options["verbose_feature_names_out"] = rng.random() < 0.6
    if rng.random() < 0.15 and len(floats) > 1:
        return pipeline.FeatureUnion([("a", numeric_step(rng)[0]), ("b", numeric_step(rng)[0])]), HALF_POWER, floats
    if rng.random() < 0.2 and (floats or texts):
        if floats and not missing and rng.random() < 0.7:
            step, needed = numeric_step(rng)
            return step, needed, floats
        if texts:
            return maybe(rng, dense_encoder(rng), ordinal(rng)), EXACT, texts
    return compose.ColumnTransformer(parts, **options), tolerance, None


def save(rng, model, folder):
    how = rng.choice(["p0", "p1", "p2", "p3", "p4", "p5", "joblib", "zlib", "gzip", "bz2", "xz", "lzma"])
    if how.startswith("p"):
        path = folder / f"model_{how}.pkl"
        with open(path, "wb") as file:
            pickle.dump(model, file, protocol=int(how[1:]))
    elif how == "joblib":
        path = folder / "model.joblib"
        joblib.dump(model, path)
    else:
        path = folder / f"model_{how}.joblib"
        joblib.dump(model, path, compress=(how, 3))
    return path


def quoted(value):
    if isinstance(value, str):
        return '"' + value.replace('"', '""') + '"'
    if isinstance(value, (bool, np.bool_)):
        return "True" if value else "False"
    if value is None or (isinstance(value, (float, np.floating)) and math.isnan(value)):
        return ""
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    return repr(float(value))


def write_input(data, path):
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.write(",".join(quoted(str(name)) for name in data.columns) + "\n")
        for record in data.itertuples(index=False):
            file.write(",".join(quoted(value) for value in record) + "\n")


def same_number(cell, expected):
    """A text column that holds nothing but numbers, or True and False, is read as such."""
    truth = {"True": "1", "False": "0"}
    try:
        return float(truth.get(cell, cell)) == float(truth.get(expected, expected))
    except ValueError:
        return False


def compare(want, path, tolerance):
    """Return None if the file holds the wanted frame, else what differs."""
    with open(path, encoding="utf-8", newline="") as file:
        header, *got = csv.reader(file)
    if want.shape[1] and header != [str(name) for name in want.columns]:
        return f"header {header[:12]} want {list(want.columns)[:12]}"
    if len(got) != len(want):
        return f"{len(got)} rows, want {len(want)}"
    for index, name in enumerate(want.columns):
        cells = [record[index] for record in got]
        for row, expected in enumerate(want.iloc[:, index].tolist()):
            if expected is None or (isinstance(expected, float) and math.isnan(expected)):
                if cells[row] not in ("", "nan"):
                    return f"row {row} column {name}: {cells[row]!r} want missing"
                continue
            if isinstance(expected, (float, int, np.number)) and not isinstance(expected, bool):
                try:
                    value = float(cells[row])
                except ValueError:
                    return f"row {row} column {name}: {cells[row]!r} want {expected!r}"
                if value != expected and not abs(value - expected) <= tolerance + tolerance * abs(expected):
                    return f"row {row} column {name}: {value!r} want {expected!r}"
            elif cells[row] != str(expected) and not same_number(cells[row], expected):
                return f"row {row} column {name}: {cells[row]!r} want {expected!r}"
    return None


def output_names(model):
    """get_feature_names_out(), or None where the result has no usable names."""
    if VERSION < (1, 1):
        return None
    try:
        return model.get_feature_names_out()
    except ValueError as problem:
        if "not unique" in str(problem):
            return None
        raise


def one_round(seed, args, folder):
    rng = random.Random(seed)
    missing = rng.random() < 0.5
    kinds = {}
    for index in range(rng.randint(1, 6)):
        kind = rng.choice(["float", "float", "float", "int", "bool", "text", "text"])
        vocabulary = None
        if kind == "int":
            low = rng.choice([0, -3, 1990])
            vocabulary = (low, low + rng.randint(2, 8))
        if kind == "text":
            vocabulary = rng.sample(WORDS, rng.randint(2, 6))
        kinds[rng.choice(["area", "köln", "a b", "x,y", "n"]) + str(index)] = (kind, vocabulary)
    train = frame(rng, rng.choice([30, 80, 200]), missing, False, kinds)
    test = frame(rng, rng.choice([1, 7, 60]), missing or rng.random() < 0.1, rng.random() < 0.3, kinds)
    model, tolerance, only = random_model(rng, kinds, missing)
    if only:
        train, test = train[only], test[only]
    by_position = only and len({kinds[name][0] for name in only}) == 1 and rng.random() < 0.3
    try:
        model.fit(train.to_numpy() if by_position else train)
    except Exception as problem:
        return "unfit", str(problem)
    path = save(rng, model, folder)
    try:
        result = model.transform(test.to_numpy() if by_position else test)
        if hasattr(result, "toarray"):
            result = result.toarray()
        want, python_error = pd.DataFrame(result, columns=output_names(model)), None
    except AttributeError as problem:
        return "unfit", str(problem)
    except Exception as problem:
        want, python_error = None, problem
    source, output = folder / "input.csv", folder / "output.csv"
    columns = list(test.columns)
    if not by_position and rng.random() < 0.3:
        rng.shuffle(columns)
        test.insert(0, "an extra column", "text")
        columns.insert(rng.randrange(len(columns) + 1), "an extra column")
    write_input(test[columns], source)
    command = [args.job, "run", "--input", str(source), "--model", str(path), "--output", str(output), "--null-values", "none"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    note = (done.stderr + done.stdout)[-600:]
    if python_error is not None:
        if done.returncode == 65 and not output.exists():
            return "error", str(python_error)
        return "WRONG", f"scikit-learn says {python_error}; exit {done.returncode} {note}"
    if done.returncode == 65 and not output.exists():
        return "refused", note
    if done.returncode != 0:
        return "WRONG", f"exit {done.returncode}: {note}"
    if list(want.columns) == list(range(want.shape[1])):
        with open(output, encoding="utf-8", newline="") as file:
            want.columns = next(csv.reader(file))
    difference = compare(want, output, tolerance)
    if difference:
        return "WRONG", difference
    text = want.to_csv(index=False)
    return ("same text" if text == output.read_text(encoding="utf-8") else "same"), ""


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--job", default="bin/preprocess")
    parser.add_argument("--stop", action="store_true", help="stop at the first WRONG round")
    parser.add_argument("--show", default="", help="print rounds that end so, for example refused")
    args = parser.parse_args()
    tally = collections.Counter()
    for seed in range(args.seed, args.seed + args.count):
        folder = pathlib.Path(tempfile.mkdtemp(prefix=f"parity-{seed}-"))
        verdict, note = one_round(seed, args, folder)
        tally[verdict] += 1
        if verdict == "WRONG" or verdict == args.show:
            print(f"{verdict} seed {seed}: {note}\n  files: {folder}")
        if verdict != "WRONG":
            shutil.rmtree(folder)
        elif args.stop:
            break
    print(f"scikit-learn {sklearn.__version__}, numpy {np.__version__}:", ", ".join(f"{count} {verdict}" for verdict, count in sorted(tally.items())))
    return 1 if tally["WRONG"] else 0


if __name__ == "__main__":
    sys.exit(main())
