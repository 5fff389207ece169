"""Fit the two models of the benchmark and write the same arithmetic as SQL.

    python3 fit.py SAMPLE.csv FOLDER

writes narrow.joblib, wide.joblib, narrow.sql and wide.sql into FOLDER. The SQL
has {input} and {output} where the paths go.
"""

import pathlib
import sys

import joblib
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
)

KEEP = ["id", "ts"]
STANDARD = [f"n{i}" for i in range(5)]
MINMAX = [f"n{i}" for i in range(5, 8)]
ROBUST = [f"n{i}" for i in range(8, 10)]
NUMBERS = STANDARD + MINMAX + ROBUST
CATEGORIES = ["c0", "c1", "c2", "c3"]


def scaled(scaler):
    return Pipeline([("impute", SimpleImputer(strategy="median")), ("scale", scaler)])


def model(encoder):
    return ColumnTransformer(
        [
            ("standard", scaled(StandardScaler()), STANDARD),
            ("minmax", scaled(MinMaxScaler()), MINMAX),
            ("robust", scaled(RobustScaler()), ROBUST),
            ("category", encoder, CATEGORIES),
        ],
        verbose_feature_names_out=False,
        sparse_threshold=0,
    )


def name(column):
    return '"' + column.replace('"', '""') + '"'


def text(value):
    return "'" + value.replace("'", "''") + "'"


def arithmetic(fitted):
    """The scaled columns as SQL, in the model's order."""
    for part, columns in (("standard", STANDARD), ("minmax", MINMAX), ("robust", ROBUST)):
        steps = fitted.named_transformers_[part].named_steps
        for i, column in enumerate(columns):
            value = f"coalesce({column}, {float(steps['impute'].statistics_[i])!r}::DOUBLE)"
            scale = steps["scale"]
            if part == "standard":
                formula = f"({value} - {float(scale.mean_[i])!r}::DOUBLE) / {float(scale.scale_[i])!r}::DOUBLE"
            elif part == "minmax":
                formula = f"{value} * {float(scale.scale_[i])!r}::DOUBLE + {float(scale.min_[i])!r}::DOUBLE"
            else:
                formula = f"({value} - {float(scale.center_[i])!r}::DOUBLE) / {float(scale.scale_[i])!r}::DOUBLE"
            yield f"{formula} AS {name(column)}"


def codes(fitted):
    for column, known in zip(CATEGORIES, fitted.named_transformers_["category"].categories_):
        cases = " ".join(f"WHEN {text(value)} THEN {i}.0::DOUBLE" for i, value in enumerate(known))
        yield f"CASE {column} {cases} ELSE -1.0::DOUBLE END AS {name(column)}"


def indicators(fitted):
    for column, known in zip(CATEGORIES, fitted.named_transformers_["category"].categories_):
        for value in known:
            yield f"CASE WHEN {column} = {text(value)} THEN 1.0::DOUBLE ELSE 0.0::DOUBLE END AS {name(column + '_' + value)}"


def query(columns):
    types = ", ".join([f"'{c}': 'VARCHAR'" for c in KEEP] + [f"'{c}': 'DOUBLE'" for c in NUMBERS] + [f"'{c}': 'VARCHAR'" for c in CATEGORIES])
    return (
        "COPY (SELECT " + ", ".join([*KEEP, *columns])
        + " FROM read_csv('{input}', header = true, columns = {" + types + "})) TO '{output}' (FORMAT csv, HEADER)"
    )


def main():
    sample, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    data = pd.read_csv(sample, float_precision="round_trip")
    narrow = model(OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)).fit(data)
    wide = model(OneHotEncoder(handle_unknown="ignore")).fit(data)
    joblib.dump(narrow, folder / "narrow.joblib")
    joblib.dump(wide, folder / "wide.joblib")
    (folder / "narrow.sql").write_text(query([*arithmetic(narrow), *codes(narrow)]), encoding="utf-8")
    (folder / "wide.sql").write_text(query([*arithmetic(wide), *indicators(wide)]), encoding="utf-8")


main()
