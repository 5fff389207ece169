"""Fits models whose results depend on the types of several columns, with scikit-learn's own results.

    python3 make.py

The files beside it were made with scikit-learn 1.2.1 and numpy 1.24.2. Conventions are those of
../public/manifest.json.
"""
import json
import pathlib

import joblib
import numpy as np
import pandas as pd
import sklearn
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import IncrementalPCA
from sklearn.feature_selection import GenericUnivariateSelect, SelectKBest, f_regression
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import Binarizer, FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler

HERE = pathlib.Path(__file__).parent
TYPES = {"float64": "DOUBLE", "int64": "BIGINT", "bool": "BOOLEAN", "object": "VARCHAR"}

rng = np.random.default_rng(7)
N = 24
FRAME = pd.DataFrame(
    {
        "rooms": rng.integers(1, 6, N),
        "floor": rng.integers(-2, 9, N),
        "garden": rng.random(N) < 0.5,
        "heating": rng.choice(["gas", "oil", "wood"], N),
        "id": 2**53 + rng.integers(0, 3, N),
        "unknown": np.full(N, np.nan),
        "area": np.round(rng.normal(90, 20, N), 1),
    }
)
GAPS = FRAME.assign(quiet=FRAME["rooms"] > 2)
GAPS["garden"] = GAPS["garden"].astype(object)
GAPS.loc[::5, "garden"] = np.nan
NUMBERS = FRAME[["rooms", "floor", "area"]]

cases = []


def case(name, model, data, array=None, expect="ok"):
    x = data if array is None else array
    model.fit(x, np.arange(len(data)))
    joblib.dump(model, HERE / f"{name}.joblib")
    quoted = data.copy()
    for column in data:
        if set(map(type, data[column])) == {str}:
            quoted[column] = '"' + data[column] + '"'
    quoted.to_csv(HERE / f"{name}.in.csv", index=False, quoting=3)
    entry = {
        "id": name,
        "sklearn": str(model),
        "model": f"{name}.joblib",
        "expect": expect,
        "sklearn_version": sklearn.__version__,
        "input_csv": f"{name}.in.csv",
        "input_schema": [
            {"name": c, "type": "VARCHAR" if c == "heating" else "BOOLEAN" if c in ("garden", "quiet") else TYPES[str(data[c].dtype)]} for c in data
        ],
        "rtol": 1e-12,
        "atol": 1e-12,
    }
    if expect == "ok":
        result = model.transform(x)
        result = result.toarray() if hasattr(result, "toarray") else result
        pd.DataFrame(result, columns=model.get_feature_names_out()).to_csv(HERE / f"{name}.want.csv", index=False)
        entry |= {"expected_csv": f"{name}.want.csv", "names_from": "get_feature_names_out"}
    cases.append(entry)


def hot(dtype, **options):
    return OneHotEncoder(dtype=dtype, sparse_output=False, **options)


# A Python int leaves whole numbers whole, a float does not.
case("weight_int", ColumnTransformer([("n", "passthrough", ["rooms", "floor"]), ("h", hot(np.int8), ["heating"])], transformer_weights={"n": -3, "h": 2}), FRAME)
case("weight_float", ColumnTransformer([("n", "passthrough", ["rooms"]), ("h", hot(np.int8), ["heating"])], transformer_weights={"n": 2.0}), FRAME)
case("weight_bool", ColumnTransformer([("b", "passthrough", ["garden"])], transformer_weights={"b": 2}), FRAME)
case("weight_union", FeatureUnion([("o", OrdinalEncoder(dtype=np.uint8)), ("h", hot(np.int64))], transformer_weights={"o": 200, "h": 5}), FRAME[["heating"]])
case("weight_frame", ColumnTransformer([("n", "passthrough", ["rooms", "area"])], transformer_weights={"n": 2}).set_output(transform="pandas"), FRAME)

# Weighted or not, nothing uses the first column in the end; it has its say in the type of the array between.
LAST = ColumnTransformer([("last", "passthrough", [-1])])
case("weight_unused", make_pipeline(ColumnTransformer([("n", "passthrough", ["area", "floor"])], transformer_weights={"n": 2}), LAST), FRAME)
case("weight_unused_number", make_pipeline(ColumnTransformer([("n", "passthrough", ["area", "floor"])], transformer_weights={"n": 2}), ColumnTransformer([("last", StandardScaler(), [-1])])), FRAME)
case("between_unused_int", make_pipeline(ColumnTransformer([("n", "passthrough", ["rooms", "floor"])]), LAST), FRAME)

# A part without columns has a type, and a say in that of the result.
case("bare_imputer", ColumnTransformer([("h", hot(np.int64), ["heating"]), ("u", SimpleImputer(), ["unknown"])]), FRAME)
case(
    "bare_selection",
    ColumnTransformer(
        [("s", make_pipeline(hot(np.bool_), GenericUnivariateSelect(f_regression, mode="percentile", param=1)), ["heating"]), ("b", "passthrough", ["garden"])]
    ),
    FRAME,
)

# Of an array, columns that are not used have a say too.
case("array_unused_int", ColumnTransformer([("n", "passthrough", [1])]), FRAME[["rooms", "floor"]], FRAME[["rooms", "floor"]].to_numpy())
case("array_unused_float", ColumnTransformer([("n", "passthrough", [1])]), NUMBERS, NUMBERS.to_numpy())
case(
    "array_unused_text",
    ColumnTransformer([("id", OrdinalEncoder(), [1]), ("n", "passthrough", [2])]),
    FRAME[["heating", "id", "rooms"]],
    FRAME[["heating", "id", "rooms"]].to_numpy(),
)

# Components or a mean of float64 make float64 of float32 data: of several batches both are, of one only the mean.
case("ipca_float32", make_pipeline(hot(np.float32), IncrementalPCA(2, batch_size=8)), FRAME[["heating"]])
case("ipca_float32_one_batch", make_pipeline(hot(np.float32), IncrementalPCA(2, batch_size=24, whiten=True)), FRAME[["heating"]])

# numpy has float16 and float32 for small whole numbers.
case("ufunc_int16", make_pipeline(hot(np.int16), FunctionTransformer(np.log1p, feature_names_out="one-to-one")), FRAME[["heating"]])
case("ufunc_int8", make_pipeline(hot(np.int8), FunctionTransformer(np.log1p, feature_names_out="one-to-one")), FRAME[["heating"]], expect="transform_error")

# Of an array, set_output makes the names that the next step was fitted with.
case(
    "array_made_names",
    Pipeline([("log", FunctionTransformer(np.abs, feature_names_out="one-to-one")), ("ct", ColumnTransformer([("s", StandardScaler(), ["x0", "x2"])]))]).set_output(transform="pandas"),
    NUMBERS,
    NUMBERS.to_numpy(),
)

# A number is filled in among True and False, which then count as 1 and 0.
case("fill_bool", ColumnTransformer([("b", make_pipeline(SimpleImputer(strategy="constant", fill_value=-1), StandardScaler()), ["garden"])]), GAPS[["garden", "area"]])

# True and False among numbers of a DataFrame take the type that is common to all.
BOOLS = FRAME.assign(quiet=FRAME["rooms"] > 2)
for kind, columns in {"alone": ["garden", "quiet"], "ints": ["garden", "rooms"], "floats": ["garden", "area", "rooms"]}.items():
    case(f"bools_{kind}_binarizer", Binarizer(), BOOLS[columns])
    case(f"bools_{kind}_valid", FunctionTransformer(validate=True, feature_names_out="one-to-one"), BOOLS[columns])
    case(f"bools_{kind}_selection", SelectKBest(f_regression, k=1 if kind == "alone" else 2), BOOLS[columns])
    if kind != "alone":
        case(f"bools_{kind}_imputer", SimpleImputer(strategy="most_frequent"), BOOLS[columns])
        case(f"bools_{kind}_indicator", MissingIndicator(missing_values=0, features="all"), BOOLS[columns])

# True and False of which some are missing are Python objects, and make such of all that stands beside them.
for kind, beside in {"floats": ["area"], "ints": ["rooms"], "bools": ["quiet"], "texts": ["heating"], "alone": []}.items():
    parts = [("g", "passthrough", ["garden"])] + [("b", "passthrough", beside)] * bool(beside)
    case(f"gaps_{kind}", ColumnTransformer(parts), GAPS)
    if beside:
        case(f"gaps_{kind}_array", SimpleImputer(strategy="most_frequent"), GAPS[["garden", *beside]], GAPS[["garden", *beside]].to_numpy())
PASS = [("all", "passthrough", ["garden", "rooms", "area"])]
case("gaps_one_part", ColumnTransformer(PASS), GAPS)
case("gaps_frame", ColumnTransformer([("n", StandardScaler(), ["area"])], remainder="passthrough").set_output(transform="pandas"), GAPS)
case("gaps_remainder", ColumnTransformer([("n", StandardScaler(), ["area"]), ("h", OneHotEncoder(), ["heating"])], remainder="passthrough"), GAPS)
case("gaps_sparse", ColumnTransformer([("h", OneHotEncoder(), ["heating"]), ("g", "passthrough", ["garden"])], sparse_threshold=1), GAPS)
case("gaps_function", ColumnTransformer([("f", FunctionTransformer(feature_names_out="one-to-one"), ["garden", "floor"])]), GAPS)
case("gaps_weight", ColumnTransformer([("g", "passthrough", ["garden"]), ("n", "passthrough", ["rooms"])], transformer_weights={"g": 0.5}), GAPS)
case("gaps_imputer", ColumnTransformer([("f", SimpleImputer(strategy="most_frequent", add_indicator=True), ["garden"]), ("n", "passthrough", ["rooms"])]), GAPS)
case("gaps_constant", ColumnTransformer([("f", SimpleImputer(strategy="constant", fill_value=True), ["garden"]), ("n", "passthrough", ["area"])]), GAPS)
case("gaps_indicator", MissingIndicator(features="all"), GAPS[["garden", "quiet"]])
case("gaps_encoders", ColumnTransformer([("h", hot(np.int64), ["garden"]), ("o", OrdinalEncoder(encoded_missing_value=-2), ["garden"]), ("g", "passthrough", ["garden"])]), GAPS)
case("gaps_numbers", make_pipeline(ColumnTransformer(PASS), StandardScaler()), GAPS)
case("gaps_binarizer", ColumnTransformer([("b", make_pipeline(SimpleImputer(strategy="most_frequent"), Binarizer()), ["garden"])]), GAPS)

# Each part is an array of one type before they are put beside each other.
case("parts_texts", ColumnTransformer([("n", "passthrough", ["rooms", "area"]), ("h", "passthrough", ["heating"])]), FRAME)

text = json.dumps({"cases": cases}, indent=1, ensure_ascii=False)
(HERE / "manifest.json").write_text(text + "\n", encoding="utf-8")
