"""Makes the models of TestReferences and, from the data alone, what they should remember.

    python3 make.py     needs Debian's python3-sklearn (1.2.1) and python3-pandas
"""
import json
import pathlib
import warnings

import joblib
import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.feature_selection import VarianceThreshold
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import (FunctionTransformer, KBinsDiscretizer, MaxAbsScaler, MinMaxScaler, OneHotEncoder,
                                   OrdinalEncoder, PowerTransformer, QuantileTransformer, RobustScaler, StandardScaler)

warnings.simplefilter("ignore")
here = pathlib.Path(__file__).parent
random = np.random.RandomState(7)
n = 400
data = pd.DataFrame({
    "a": random.normal(50, 10, n),
    "b": np.where(random.rand(n) < 0.1, np.nan, random.exponential(3, n)),
    "zeros": np.where(random.rand(n) < 0.4, 0.0, random.rand(n) + 1),
    "same": np.full(n, 0.1),
    "count": random.poisson(3, n).astype(float),
    "city": random.choice(["Oslo", "Rome", "Lima"], n),
    "gap": np.where(random.rand(n) < 0.2, None, random.choice(["x", "y"], n)),
})
a, b, zeros = data.a, data.b, data.zeros
filled = b.fillna(b.mean())


def fact(value, step, after_fill=False):
    f = {"value": float(value), "step": step}
    if after_fill:
        f["after_fill"] = True
    return f


def scaled(column, step, after_fill=False, rows=n):
    return {"mean": fact(column.mean(), step, after_fill), "std_dev": fact(column.std(ddof=0), step, after_fill), "rows": rows}


def distance(column, low, high, step):
    return {**fact(np.nanpercentile(column, high) - np.nanpercentile(column, low), step), "low": low / 100, "high": high / 100}


cases = {}


def case(name, model, columns, want):
    x = data[columns]
    model.fit(x)
    joblib.dump(model, here / f"{name}.joblib")
    cases[name] = {"columns": columns, "want": want}


case("scaler", StandardScaler(), ["a", "b", "same"], {
    "a": scaled(a, "StandardScaler"),
    "b": scaled(b, "StandardScaler", rows=int(b.count())),
    "same": {"mean": fact(0.1, "StandardScaler"), "std_dev": fact(0, "StandardScaler"), "rows": n},
})
case("filled_then_scaled", Pipeline([("fill", SimpleImputer()), ("scale", StandardScaler())]), ["a", "b"], {
    "a": {**scaled(a, "StandardScaler", True), "mean": fact(a.mean(), "SimpleImputer"), "fill": fact(a.mean(), "SimpleImputer")},
    "b": {**scaled(filled, "StandardScaler", True), "mean": fact(b.mean(), "SimpleImputer"), "fill": fact(b.mean(), "SimpleImputer")},
})
case("limits", FeatureUnion([("one", MinMaxScaler()), ("two", MaxAbsScaler()), ("three", RobustScaler(quantile_range=(10, 90)))]), ["a", "b"], {
    c: {"min": fact(data[c].min(), "one > MinMaxScaler"), "max": fact(data[c].max(), "one > MinMaxScaler"), "rows": n,
        "median": fact(data[c].median(), "three > RobustScaler"), "range": distance(data[c], 10, 90, "three > RobustScaler")}
    for c in ["a", "b"]
})
case("unit_variance", Pipeline([("keep", VarianceThreshold()), ("scale", RobustScaler(unit_variance=True))]), ["same", "b"], {
    "b": {"median": fact(b.median(), "RobustScaler"), "range": distance(b, 25, 75, "RobustScaler")},
})
case("largest", MaxAbsScaler(), ["a"], {"a": {"min": fact(-a.abs().max(), "MaxAbsScaler"), "max": fact(a.abs().max(), "MaxAbsScaler"), "rows": n}})
case("bins", ColumnTransformer([
    ("quantile", KBinsDiscretizer(4, encode="ordinal"), ["a"]),
    ("uniform", KBinsDiscretizer(4, encode="onehot-dense", strategy="uniform"), ["count"]),
    ("merged", KBinsDiscretizer(5, encode="ordinal"), ["zeros"]),
]), ["a", "count", "zeros"], {
    "a": {"min": fact(a.min(), "quantile > KBinsDiscretizer"), "max": fact(a.max(), "quantile > KBinsDiscretizer"),
          "bins": {"edges": list(np.percentile(a, [0, 25, 50, 75, 100])), "below": [0.25, 0.5, 0.75], "step": "quantile > KBinsDiscretizer"}},
    "count": {"min": fact(data["count"].min(), "uniform > KBinsDiscretizer"), "max": fact(data["count"].max(), "uniform > KBinsDiscretizer"),
              "bins": {"edges": list(np.linspace(data["count"].min(), data["count"].max(), 5)), "step": "uniform > KBinsDiscretizer"}},
    "zeros": {"min": fact(0, "merged > KBinsDiscretizer"), "max": fact(zeros.max(), "merged > KBinsDiscretizer"),
              "bins": {"edges": sorted(set(np.percentile(zeros, np.linspace(0, 100, 6)))), "step": "merged > KBinsDiscretizer"}},
})
rank = {p: float(np.percentile(a, p)) for p in range(0, 101, 10)}
case("quantiles", QuantileTransformer(n_quantiles=101), ["a"], {
    "a": {"min": fact(a.min(), "QuantileTransformer"), "max": fact(a.max(), "QuantileTransformer"),
          "bins": {"edges": list(rank.values()), "below": [p / 100 for p in range(10, 100, 10)], "step": "QuantileTransformer"}},
})
tied = np.percentile(zeros, range(101))
last = int(np.flatnonzero(tied == 0)[-1])
upper = [p for p in range(10, 100, 10) if tied[p] > 0]
case("quantiles_tied", QuantileTransformer(n_quantiles=101), ["zeros"], {
    "zeros": {"min": fact(0, "QuantileTransformer"), "max": fact(zeros.max(), "QuantileTransformer"),
              "bins": {"edges": [0, 5e-324] + [float(tied[p]) for p in upper] + [float(tied[100])],
                       "below": [last / 100] + [p / 100 for p in upper], "step": "QuantileTransformer"}},
})
case("quantiles_of_few", QuantileTransformer(), ["a"], {
    "a": {"min": fact(a.min(), "QuantileTransformer"), "max": fact(a.max(), "QuantileTransformer"), "rows": n,
          "bins": {"edges": [float(np.sort(a)[k * (n - 1) // 10]) for k in range(10)] + [float(a.max())],
                   "below": [(k * (n - 1) // 10) / (n - 1) for k in range(1, 10)], "step": "QuantileTransformer"}},
})
case("categories", ColumnTransformer([
    ("hot", OneHotEncoder(handle_unknown="ignore"), ["city"]),
    ("told", OrdinalEncoder(categories=[["x", "y", None]], handle_unknown="use_encoded_value", unknown_value=-1), ["gap"]),
    ("codes", OrdinalEncoder(), ["count"]),
]), ["city", "gap", "count"], {
    "city": {"categories": {"texts": ["Lima", "Oslo", "Rome"], "step": "hot > OneHotEncoder"}, "never_missing": "hot > OneHotEncoder"},
    "gap": {"categories": {"texts": ["x", "y"], "step": "told > OrdinalEncoder", "open": True}},
    "count": {"categories": {"numbers": sorted(set(data["count"])), "step": "codes > OrdinalEncoder"}, "never_missing": "codes > OrdinalEncoder"},
})
gap = data.gap.where(data.gap.notna(), np.nan).to_frame()
pipe = Pipeline([("fill", SimpleImputer(strategy="most_frequent")), ("hot", OneHotEncoder())]).fit(gap)
joblib.dump(pipe, here / "filled_category.joblib")
cases["filled_category"] = {"columns": ["gap"], "want": {"gap": {"categories": {"texts": ["x", "y"], "step": "OneHotEncoder"}}}}
case("missing", FeatureUnion([("is", MissingIndicator()), ("fill", SimpleImputer(strategy="median", add_indicator=True))]), ["a", "b"], {
    "a": {"never_missing": "is > MissingIndicator", "median": fact(a.median(), "fill > SimpleImputer"), "fill": fact(a.median(), "fill > SimpleImputer")},
    "b": {"median": fact(b.median(), "fill > SimpleImputer"), "fill": fact(b.median(), "fill > SimpleImputer")},
})
# What a step sees after another has changed the column says nothing of the input.
case("changed_before", Pipeline([("log", FunctionTransformer(np.log1p)), ("scale", StandardScaler())]), ["zeros"], {})
case("twice", Pipeline([("power", PowerTransformer()), ("scale", MinMaxScaler())]), ["a"], {"a": {"rows": n}})
case("weighed", Pipeline([("side", ColumnTransformer([("same", "passthrough", ["a", "b"])], transformer_weights={"same": 2})),
                          ("scale", StandardScaler())]), ["a", "b"], {})
case("sentinel", Pipeline([("fill", SimpleImputer(missing_values=0.0)), ("scale", StandardScaler())]), ["zeros"], {})
case("chosen", Pipeline([("pick", ColumnTransformer([("same", "passthrough", ["b", "a"])])), ("fill", SimpleImputer(strategy="constant", fill_value=-1.0)),
                         ("center", PCA(1))]), ["a", "b"], {
    "a": {"mean": fact(a.mean(), "PCA", True), "fill": fact(-1, "SimpleImputer"), "rows": n},
    "b": {"mean": fact(b.fillna(-1).mean(), "PCA", True), "fill": fact(-1, "SimpleImputer"), "rows": n},
})
# A filling that differs from that of another branch.
case("two_fills", FeatureUnion([
    ("zero", SimpleImputer(strategy="constant", fill_value=0.0)),
    ("mean", Pipeline([("fill", SimpleImputer()), ("scale", StandardScaler())])),
]), ["b"], {"b": {"fill": fact(0, "zero > SimpleImputer"), "mean": fact(b.mean(), "mean > SimpleImputer"), "rows": n}})
narrow = a.to_numpy(np.float32).reshape(-1, 1)
joblib.dump(MinMaxScaler().fit(narrow), here / "narrow.joblib")
low, high = narrow.min(), narrow.max()
cases["narrow"] = {"columns": ["x0"], "want": {"x0": {
    "min": fact((float(low) + float(np.nextafter(low, np.float32(-np.inf)))) / 2, "MinMaxScaler"),
    "max": fact((float(high) + float(np.nextafter(high, np.float32(np.inf)))) / 2, "MinMaxScaler"), "rows": n}}}
(here / "want.json").write_text(json.dumps(cases, indent=1) + "\n")
