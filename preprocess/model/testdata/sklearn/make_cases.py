"""Fits models with scikit-learn and writes them with its own results.

    python3 make_cases.py OUTDIR

Run it once per scikit-learn release; the folders beside it were made with
0.23.2, 1.2.1, 1.4.2 and 1.9.0. Conventions are those of ../public/manifest.json:
text is quoted, an unquoted empty field is missing, a case of expect
"transform_error" is one that scikit-learn raises on, bad_rows those rows on
which it raises when they are alone.
"""
import io
import json
import os
import pickle
import re
import sys
import warnings

import joblib
import numpy as np
import pandas as pd
import scipy.sparse as sp
import sklearn

warnings.filterwarnings("ignore")

from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.decomposition import PCA, IncrementalPCA, TruncatedSVD
from sklearn.feature_selection import (
    RFE,
    RFECV,
    GenericUnivariateSelect,
    SelectFdr,
    SelectFpr,
    SelectFromModel,
    SelectFwe,
    SelectKBest,
    SelectPercentile,
    VarianceThreshold,
    chi2,
    f_classif,
    f_regression,
    mutual_info_classif,
)
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import BayesianRidge, ElasticNet, Lasso, LassoCV, LinearRegression, LogisticRegression, Ridge, RidgeCV
from sklearn.model_selection import KFold
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.svm import LinearSVC
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

VERSION = tuple(int(p) for p in sklearn.__version__.split(".")[:2])
DENSE = {"sparse_output": False} if VERSION >= (1, 2) else {"sparse": False}
out = sys.argv[1]
rng = np.random.RandomState(7)


def frame(n, seed, unknown=False):
    """Houses: numbers with and without gaps, whole numbers, bools, texts."""
    r = np.random.RandomState(seed)
    heating = ["gas", "oil", "wood", "heat pump"] + (["coal"] if unknown else [])
    district = ["North", "Old Town", "St. Mary's", "Östra", "Harbour, \"East\""] + (["Atlantis"] if unknown else [])
    df = pd.DataFrame(
        {
            "area": np.round(r.lognormal(4.5, 0.5, n), 1),
            "price": np.round(r.lognormal(12, 0.6, n)),
            "temp": np.round(r.normal(5, 9, n), 2),
            "dist": np.round(r.lognormal(0.5, 1.2, n), 3) + 0.001,
            "rooms": r.randint(1, 9, n),
            "year": r.choice([1950, 1975, 1999, 2010], n),
            "heating": r.choice(heating, n),
            "district": r.choice(district, n),
            "rating": r.choice(list("ABCD"), n, p=[0.5, 0.3, 0.15, 0.05]),
            "garden": r.choice([True, False], n),
            "const": np.full(n, 3.5),
            "big": r.choice([1e16, -1e16, 12345678.25, 1e-7, 0.0], n),
            "floor": r.choice([0.0, 1.0, 2.5], n),
        }
    )
    df["tempna"] = df["temp"].where(r.rand(n) > 0.25)
    df["areana"] = df["area"].where(r.rand(n) > 0.3)
    df["floorna"] = df["floor"].where(r.rand(n) > 0.2)
    df["heatingna"] = df["heating"].where(r.rand(n) > 0.2, np.nan)
    df["ratingna"] = df["rating"].where(r.rand(n) > 0.15, np.nan)
    df["gardenna"] = df["garden"].astype(object).where(r.rand(n) > 0.2, np.nan)
    df["empty"] = np.full(n, np.nan)
    return df


TRAIN = frame(150, 1)
TEST = frame(22, 2)
UNK = frame(22, 3, unknown=True)
Y = (TRAIN["area"] + 20 * TRAIN["rooms"] > 170).astype(int).values
YF = (TRAIN["price"] / 1e5 + TRAIN["rooms"]).values
NUM = ["area", "price", "temp", "dist", "rooms"]
GAP = ["tempna", "areana", "floorna"]

cases = []


def csv_cell(v):
    if v is None or (isinstance(v, (float, np.floating)) and np.isnan(v)):
        return ""
    if isinstance(v, (bool, np.bool_)):
        return "true" if v else "false"
    if isinstance(v, str):
        return '"' + v.replace('"', '""') + '"'
    if isinstance(v, (int, np.integer)):
        return str(int(v))
    if isinstance(v, np.float32):
        return str(v)
    return repr(float(v))


def out_cell(v):
    if v is None or (isinstance(v, (float, np.floating)) and np.isnan(v)):
        return ""
    if isinstance(v, (bool, np.bool_)):
        return "True" if v else "False"
    if isinstance(v, str):
        return '"' + v.replace('"', '""') + '"'
    if isinstance(v, (int, np.integer)):
        return str(int(v))
    return str(v) if isinstance(v, np.floating) else repr(float(v))


def write_csv(path, names, rows, cell):
    with open(path, "w", encoding="utf-8", newline="") as f:
        f.write(",".join('"' + str(n).replace('"', '""') + '"' for n in names) + "\n")
        for row in rows:
            f.write(",".join(cell(v) for v in row) + "\n")


def rows_of(x):
    if sp.issparse(x):
        x = x.toarray()
    if hasattr(x, "iloc"):
        return [[x.iloc[i, j] for j in range(x.shape[1])] for i in range(x.shape[0])]
    return [list(r) for r in np.asarray(x)]


written = {}


def data_file(df):
    buf = io.StringIO()
    names = list(df.columns)
    buf.write(",".join('"' + n + '"' for n in names) + "\n")
    for i in range(len(df)):
        buf.write(",".join(csv_cell(df.iloc[i, j]) for j in range(len(names))) + "\n")
    text = buf.getvalue()
    if text not in written:
        name = "data/d%02d.csv" % len(written)
        with open(os.path.join(out, name), "w", encoding="utf-8", newline="") as f:
            f.write(text)
        written[text] = name
    return written[text]


TYPES = {"f": "DOUBLE", "i": "BIGINT", "b": "BOOLEAN", "O": "VARCHAR"}


def case(name, make, cols, test=None, array=False, y=None, rtol=1e-12, fit_as=None, extra=None, dtype=None, before_dump=None):
    """Fits make() on columns of TRAIN and writes what it does to test."""
    test = TEST if test is None else test
    train_x, test_x = TRAIN[cols].copy(), test[cols].copy()
    if dtype is not None:
        train_x, test_x = train_x.astype(dtype), test_x.astype(dtype)
    if fit_as is not None:
        train_x, test_x = fit_as(train_x), fit_as(test_x)
    csv_x = test_x
    if extra is not None:
        csv_x = extra(test_x)
    if array:
        csv_x = pd.DataFrame({"x%d" % i: test_x[c].values for i, c in enumerate(test_x.columns)})
        train_x, test_x = train_x.values, test_x.values
    try:
        model = make()
        if isinstance(model, (ColumnTransformer, FeatureUnion)):
            model.n_jobs = None
        model.fit(train_x, y)
    except Exception as e:
        print("skip", name, "fit:", type(e).__name__, str(e)[:100])
        return
    entry = {
        "id": name,
        "sklearn": re.sub(r" at 0x[0-9a-f]+", "", " ".join(str(model).split())),
        "sklearn_version": sklearn.__version__,
        "input_csv": data_file(csv_x),
        "rtol": rtol,
        "atol": rtol,
    }
    schema = []
    for c in csv_x.columns:
        k = csv_x[c].dtype.kind
        t = TYPES[k]
        if k == "O" and all(isinstance(v, bool) or v is None or v != v for v in csv_x[c]):
            t = "BOOLEAN"
        schema.append({"name": str(c), "type": t})
    entry["input_schema"] = schema
    fitted = model
    if before_dump is not None:
        fitted = before_dump(model)
    fmt = len(cases) % 5
    if fmt < 4:
        entry["model"] = "models/%s.pkl" % name
        with open(os.path.join(out, entry["model"]), "wb") as f:
            pickle.dump(fitted, f, protocol=[2, 3, 4, 4][fmt])
    else:
        entry["model"] = "models/%s.joblib" % name
        joblib.dump(fitted, os.path.join(out, entry["model"]), compress=3)
    try:
        res = model.transform(test_x)
        rows = rows_of(res)
    except Exception as e:
        entry["expect"] = "transform_error"
        entry["python_error"] = "%s: %s" % (type(e).__name__, str(e)[:150])
        entry["bad_rows"] = []
        for i in range(len(test_x)):
            try:
                model.transform(test_x.iloc[i : i + 1] if hasattr(test_x, "iloc") else test_x[i : i + 1])
            except Exception:
                entry["bad_rows"].append(i)
        cases.append(entry)
        return
    entry["expect"] = "ok"
    names = None
    try:
        names = list(model.get_feature_names_out())
        entry["names_from"] = "get_feature_names_out"
    except Exception:
        names = ["c%d" % i for i in range(len(rows[0]) if rows else 0)]
    entry["expected_csv"] = "expected/%s.csv" % name
    write_csv(os.path.join(out, entry["expected_csv"]), names, rows, out_cell)
    cases.append(entry)


def inf_in(df, col, v=np.inf):
    df = df.copy()
    df[col] = df[col].astype(float)
    df.loc[df.index[3], col] = v
    return df


def with_nan(df, col):
    return inf_in(df, col, np.nan)


for d in ("models", "data", "expected"):
    os.makedirs(os.path.join(out, d), exist_ok=True)

# Scalers
for wm in (True, False):
    for ws in (True, False):
        case("std_mean%d_std%d" % (wm, ws), lambda: StandardScaler(with_mean=wm, with_std=ws), NUM + ["const", "tempna"])
case("std_array", StandardScaler, NUM, array=True)
case("std_bool", StandardScaler, ["garden", "area"])
case("std_boolna", StandardScaler, ["gardenna", "area"])
case("std_inf", StandardScaler, NUM, test=inf_in(TEST, "area"))
case("std_big", StandardScaler, ["big", "area"], rtol=1e-11)
if VERSION >= (1, 0):
    case("std_extra_columns", StandardScaler, NUM, extra=lambda x: TEST[["heating"] + NUM[::-1] + ["garden"]])
case("std_empty_column", StandardScaler, ["empty", "area"])
for clip in (True, False):
    for rg in ((0, 1), (-1, 2.5)):
        if VERSION >= (0, 24):
            case("minmax_clip%d_%s" % (clip, rg[0]), lambda: MinMaxScaler(feature_range=rg, clip=clip), NUM + ["const", "tempna"], test=UNK)
        else:
            case("minmax_clip%d_%s" % (clip, rg[0]), lambda: MinMaxScaler(feature_range=rg), NUM + ["const", "tempna"], test=UNK)
case("minmax_f32", MinMaxScaler, NUM, dtype="float32", array=True, rtol=1e-6)
case("maxabs", MaxAbsScaler, NUM + ["const", "tempna"])
if VERSION >= (1, 8):
    case("maxabs_clip", lambda: MaxAbsScaler(clip=True), NUM + ["const", "tempna"], test=UNK)
for c in (True, False):
    for s in (True, False):
        case("robust_c%d_s%d" % (c, s), lambda: RobustScaler(with_centering=c, with_scaling=s, quantile_range=(10, 80)), NUM + ["const", "tempna"])
if VERSION >= (0, 24):
    case("robust_unit", lambda: RobustScaler(unit_variance=True), NUM)
for norm in ("l1", "l2", "max"):
    case("norm_" + norm, lambda: Normalizer(norm=norm), NUM)
case("norm_nan", Normalizer, ["area", "temp"], test=with_nan(TEST, "temp"))
case("norm_zero", Normalizer, ["floor", "rooms"], test=TEST.assign(floor=0.0, rooms=0))
case("bin_float", lambda: Binarizer(threshold=5.0), ["temp", "area"])
case("bin_int", lambda: Binarizer(threshold=3), ["rooms", "year"])
case("bin_mixed", lambda: Binarizer(threshold=3), ["rooms", "area"])
case("bin_nan", Binarizer, ["temp"], test=with_nan(TEST, "temp"))

# Imputers
for strat in ("mean", "median", "most_frequent", "constant"):
    for ind in (False, True):
        case("imp_%s_%d" % (strat, ind), lambda: SimpleImputer(strategy=strat, add_indicator=ind), GAP + ["rooms"])
case("imp_const_num", lambda: SimpleImputer(strategy="constant", fill_value=-7.5), GAP)
case("imp_most_text", lambda: SimpleImputer(strategy="most_frequent"), ["heatingna", "ratingna"])
case("imp_most_text_ind", lambda: SimpleImputer(strategy="most_frequent", add_indicator=True), ["heatingna", "ratingna"])
case("imp_most_mixed", lambda: SimpleImputer(strategy="most_frequent"), ["heatingna", "rooms", "tempna"])
case("imp_const_text", lambda: SimpleImputer(strategy="constant", fill_value="none"), ["heatingna", "district"])
case("imp_const_default_text", lambda: SimpleImputer(strategy="constant"), ["heatingna"])
case("imp_most_bool", lambda: SimpleImputer(strategy="most_frequent"), ["gardenna"])
case("imp_most_bool_mixed", lambda: SimpleImputer(strategy="most_frequent"), ["gardenna", "tempna"])
case("imp_int_mean", lambda: SimpleImputer(missing_values=3, strategy="mean"), ["rooms", "year"])
case("imp_int_most", lambda: SimpleImputer(missing_values=3, strategy="most_frequent"), ["rooms", "year"])
case("imp_int_const", lambda: SimpleImputer(missing_values=3, strategy="constant", fill_value=99), ["rooms", "year"])
case("imp_int_nan", lambda: SimpleImputer(missing_values=3), ["area", "rooms"], test=with_nan(TEST, "area"))
case("imp_zero", lambda: SimpleImputer(missing_values=0, strategy="median", add_indicator=True), ["floor", "area"])
case("imp_text_value", lambda: SimpleImputer(missing_values="A", strategy="most_frequent"), ["rating", "heating"])
case("imp_text_value_nan", lambda: SimpleImputer(missing_values="A", strategy="most_frequent"), ["rating", "heating"], test=TEST.assign(heating=TEST["heatingna"]))
case("imp_empty", lambda: SimpleImputer(), ["empty", "tempna"])
if VERSION >= (1, 2):
    case("imp_empty_keep", lambda: SimpleImputer(keep_empty_features=True), ["empty", "tempna"])
    case("imp_empty_keep_most", lambda: SimpleImputer(keep_empty_features=True, strategy="most_frequent"), ["empty", "tempna"])
case("imp_empty_const", lambda: SimpleImputer(strategy="constant"), ["empty", "tempna"])
case("imp_inf", SimpleImputer, GAP, test=inf_in(TEST, "tempna"))
case("imp_array_text", lambda: SimpleImputer(strategy="most_frequent"), ["heatingna", "rating"], array=True)
case("imp_f32", lambda: SimpleImputer(add_indicator=True), GAP, dtype="float32", array=True, rtol=1e-6)
for feats in ("missing-only", "all"):
    case("ind_" + feats, lambda: MissingIndicator(features=feats), GAP + ["area"])
case("ind_text", lambda: MissingIndicator(), ["heatingna", "tempna"])
case("ind_new", lambda: MissingIndicator(), ["area", "tempna"], test=with_nan(TEST, "area"))
case("ind_new_ok", lambda: MissingIndicator(error_on_new=False), ["area", "tempna"], test=with_nan(TEST, "area"))
case("ind_sparse", lambda: MissingIndicator(sparse=True), GAP)
case("ind_value", lambda: MissingIndicator(missing_values=3), ["rooms", "year"])

case("imp_pdna", lambda: SimpleImputer(missing_values=pd.NA, strategy="most_frequent"), ["heatingna", "ratingna"])
case("imp_pdna_num", lambda: SimpleImputer(missing_values=pd.NA), GAP)

# OneHotEncoder
CATS = ["heating", "district", "year", "garden", "floor"]
case("oh_plain", OneHotEncoder, CATS)
case("oh_dense", lambda: OneHotEncoder(**DENSE), CATS)
case("oh_unknown_error", OneHotEncoder, CATS, test=UNK)
case("oh_unknown_ignore", lambda: OneHotEncoder(handle_unknown="ignore"), CATS, test=UNK)
case("oh_first", lambda: OneHotEncoder(drop="first"), CATS)
case("oh_if_binary", lambda: OneHotEncoder(drop="if_binary"), CATS + ["const"])
case("oh_drop_list", lambda: OneHotEncoder(drop=["oil", "North", 1999, True, 2.5]), CATS)
case("oh_first_ignore", lambda: OneHotEncoder(drop="first", handle_unknown="ignore"), CATS, test=UNK)
case("oh_first_const", lambda: OneHotEncoder(drop="first"), ["const", "heating"])
case("oh_f32", lambda: OneHotEncoder(dtype=np.float32), CATS)
case("oh_int", lambda: OneHotEncoder(dtype=int, **DENSE), CATS)
case("oh_bool", lambda: OneHotEncoder(dtype=bool, **DENSE), CATS)
case("oh_int8", lambda: OneHotEncoder(dtype=np.int8, **DENSE), CATS)
case("oh_nan", OneHotEncoder, ["heatingna", "floorna", "gardenna", "tempna"], test=TRAIN.head(30))
case("oh_nan_drop", lambda: OneHotEncoder(drop="first", handle_unknown="ignore"), ["heatingna", "floorna"], test=UNK)
case("oh_nan_drop_nan", lambda: OneHotEncoder(drop=[np.nan, np.nan]), ["heatingna", "floorna"])
case("oh_nan_unseen", OneHotEncoder, ["heating"], test=TEST.assign(heating=TEST["heatingna"]))
case("oh_nan_unseen_ignore", lambda: OneHotEncoder(handle_unknown="ignore"), ["heating", "floor"], test=TEST.assign(heating=TEST["heatingna"], floor=TEST["floorna"]))
case("oh_none", OneHotEncoder, ["heatingna", "ratingna"], fit_as=lambda x: x.where(x.notna(), None))
case("oh_labels", OneHotEncoder, ["big", "dist"], test=TRAIN.head(25))
case("oh_labels_f32", OneHotEncoder, ["dist", "floor"], dtype="float32", test=TRAIN.head(25))
case("oh_object_ints", OneHotEncoder, ["rooms", "heating"], array=True)
case("oh_user", lambda: OneHotEncoder(categories=[["wood", "oil", "gas", "heat pump"], [1950, 1975, 1980, 1999, 2010]]), ["heating", "year"])
case("oh_user_unknown", lambda: OneHotEncoder(categories=[["wood", "oil"], [1950, 1975]], handle_unknown="ignore"), ["heating", "year"])
BIG = TRAIN.head(30).assign(rooms=2**60 + TRAIN["rooms"].head(30).astype("int64"))
_train, TRAIN = TRAIN, BIG
case("oh_bigint", OneHotEncoder, ["rooms"], test=BIG)
case("ord_bigint", OrdinalEncoder, ["rooms", "year"], test=BIG)
TRAIN = TRAIN.assign(rating=["1", "2", "10", "007", "1.0", "nan", "", " a", "true", "None"] * 3)
case("oh_odd_text", OneHotEncoder, ["rating", "heatingna"], test=TRAIN)
case("ord_odd_text", OrdinalEncoder, ["rating", "heatingna"], test=TRAIN)
case("imp_odd_text", lambda: SimpleImputer(strategy="most_frequent"), ["rating", "heatingna"], test=TRAIN)
case("oh_array_bool", OneHotEncoder, ["garden", "rooms"], array=True, test=TRAIN)
TRAIN = _train
case("oh_inf", lambda: OneHotEncoder(handle_unknown="ignore"), ["floor"], test=inf_in(TEST, "floor"))
case("oh_str_dtype", OneHotEncoder, ["heating", "rating"], array=True, fit_as=lambda x: x.astype(str))
if VERSION >= (1, 1):
    case("oh_minfreq", lambda: OneHotEncoder(min_frequency=30), CATS)
    case("oh_minfreq_share", lambda: OneHotEncoder(min_frequency=0.24, handle_unknown="infrequent_if_exist"), CATS, test=UNK)
    case("oh_maxcat", lambda: OneHotEncoder(max_categories=3, handle_unknown="infrequent_if_exist"), CATS, test=UNK)
    case("oh_maxcat_ignore", lambda: OneHotEncoder(max_categories=3, handle_unknown="ignore"), CATS, test=UNK)
    case("oh_maxcat_first", lambda: OneHotEncoder(max_categories=3, drop="first", handle_unknown="infrequent_if_exist"), CATS, test=UNK)
    case("oh_maxcat_if_binary", lambda: OneHotEncoder(max_categories=2, drop="if_binary", handle_unknown="infrequent_if_exist"), CATS, test=UNK)
    case("oh_all_infrequent", lambda: OneHotEncoder(min_frequency=100, handle_unknown="infrequent_if_exist"), ["heating", "district"], test=UNK)
    case("oh_maxcat_nan", lambda: OneHotEncoder(max_categories=3, handle_unknown="infrequent_if_exist"), ["heatingna", "floorna"], test=UNK)
    case("oh_maxcat_drop_list", lambda: OneHotEncoder(max_categories=4, drop=["gas", "North"]), ["heating", "district"])
    case("oh_infreq_f32", lambda: OneHotEncoder(max_categories=3), ["dist"], dtype="float32", test=TRAIN.head(10))
if VERSION >= (1, 6):
    case("oh_warn", lambda: OneHotEncoder(handle_unknown="warn", max_categories=3), CATS, test=UNK)

# OrdinalEncoder
case("ord_plain", OrdinalEncoder, CATS)
case("ord_error", OrdinalEncoder, CATS, test=UNK)
case("ord_int", lambda: OrdinalEncoder(dtype=int), CATS)
case("ord_f32", lambda: OrdinalEncoder(dtype=np.float32), CATS)
case("ord_int16", lambda: OrdinalEncoder(dtype=np.int16), CATS)
case("ord_user", lambda: OrdinalEncoder(categories=[["D", "C", "B", "A"]]), ["rating"])
if VERSION >= (0, 24):
    case("ord_unknown", lambda: OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), CATS, test=UNK)
    case("ord_unknown_nan", lambda: OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan), CATS, test=UNK)
    case("ord_unknown_int", lambda: OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=99, dtype=np.int32), CATS, test=UNK)
    case("ord_missing_unknown", lambda: OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), ["heating", "floor"], test=TEST.assign(heating=TEST["heatingna"], floor=TEST["floorna"]))
case("ord_nan", OrdinalEncoder, ["heatingna", "floorna", "gardenna"])
case("ord_none", OrdinalEncoder, ["heatingna", "ratingna"], fit_as=lambda x: x.where(x.notna(), None))
if VERSION >= (1, 1):
    case("ord_encoded_missing", lambda: OrdinalEncoder(encoded_missing_value=-5), ["heatingna", "floorna"])
    case("ord_encoded_missing_unk", lambda: OrdinalEncoder(encoded_missing_value=-5, handle_unknown="use_encoded_value", unknown_value=-9, dtype=int), ["heatingna", "floorna"], test=UNK)
if VERSION >= (1, 3):
    case("ord_maxcat", lambda: OrdinalEncoder(max_categories=3), CATS)
    case("ord_maxcat_nan", lambda: OrdinalEncoder(max_categories=3, handle_unknown="use_encoded_value", unknown_value=-1), ["heatingna", "floorna", "district"], test=UNK)
    case("ord_minfreq", lambda: OrdinalEncoder(min_frequency=0.24, encoded_missing_value=-2), ["heatingna", "floorna", "district"])
case("ord_nan_refused", OrdinalEncoder, ["heating"], test=TEST.assign(heating=TEST["heatingna"]))

if VERSION >= (1, 3):
    from sklearn.preprocessing import TargetEncoder

    case("te_binary", lambda: TargetEncoder(random_state=0), ["heating", "district", "year"], test=UNK, y=Y)
    case("te_continuous", lambda: TargetEncoder(random_state=0, smooth=5.0), ["heatingna", "floorna", "garden"], test=UNK, y=YF)
    case("te_user", lambda: TargetEncoder(categories=[["A", "B", "C", "D", "E"]], random_state=0), ["rating"], y=YF)
    if VERSION >= (1, 4):
        case("te_multi", lambda: TargetEncoder(random_state=0), ["heatingna", "district"], test=UNK, y=TRAIN["rating"].values)
        case("te_multi_int", lambda: TargetEncoder(random_state=0), ["heating"], test=UNK, y=TRAIN["year"].values)

# Bins, powers, quantiles
for enc in ("ordinal", "onehot", "onehot-dense"):
    for st in ("uniform", "quantile", "kmeans"):
        case("kb_%s_%s" % (enc, st), lambda: KBinsDiscretizer(4, encode=enc, strategy=st), NUM)
case("kb_edges", lambda: KBinsDiscretizer(5, encode="ordinal", strategy="uniform"), ["rooms", "floor"], test=TRAIN.head(40))
case("kb_list", lambda: KBinsDiscretizer([3, 6], encode="onehot", strategy="quantile"), ["rooms", "area"])
if VERSION >= (0, 24):
    case("kb_f32", lambda: KBinsDiscretizer(4, encode="ordinal", dtype=np.float32), ["area", "temp"])
    case("kb_f32_onehot", lambda: KBinsDiscretizer(4, encode="onehot-dense", dtype=np.float32), ["area", "temp"])
case("kb_nan", lambda: KBinsDiscretizer(4, encode="ordinal"), ["temp"], test=with_nan(TEST, "temp"))
case("kb_outside", lambda: KBinsDiscretizer(4, encode="ordinal", strategy="uniform"), ["temp"], test=TEST.assign(temp=TEST["temp"] * 100))
P10 = 1e-10
case("pow_yj", PowerTransformer, NUM, rtol=P10)
case("pow_yj_nan", PowerTransformer, GAP, rtol=P10)
case("pow_yj_raw", lambda: PowerTransformer(standardize=False), NUM, rtol=P10)
case("pow_bc", lambda: PowerTransformer(method="box-cox"), ["area", "dist", "rooms"], rtol=P10)
case("pow_bc_raw", lambda: PowerTransformer(method="box-cox", standardize=False), ["area", "dist", "areana"], rtol=P10)
case("pow_bc_neg", lambda: PowerTransformer(method="box-cox"), ["area"], test=TEST.assign(area=-TEST["area"]))
case("pow_const", PowerTransformer, ["const", "area"], rtol=P10)


def lambdas(method, ls):
    p = PowerTransformer(method=method, standardize=False)
    fit = p.fit

    def patched(x, y=None):
        fit(x, y)
        p.lambdas_ = np.array(ls, dtype=float)
        del p.fit
        return p

    p.fit = patched
    return p


case("pow_yj_lambdas", lambda: lambdas("yeo-johnson", [0, 2, 1, -1.5]), ["temp", "tempna", "area", "dist"], rtol=P10)
case("pow_bc_lambdas", lambda: lambdas("box-cox", [0, 2, -1.5]), ["area", "dist", "rooms"], rtol=P10)
for dist in ("uniform", "normal"):
    for n in (10, 60):
        case("q_%s_%d" % (dist, n), lambda: QuantileTransformer(n_quantiles=n, output_distribution=dist, random_state=0), NUM + ["tempna", "const", "floor"], rtol=P10)
case("q_outside", lambda: QuantileTransformer(n_quantiles=20, output_distribution="normal", random_state=0), ["temp", "area"], test=TEST.assign(temp=TEST["temp"] * 3), rtol=P10)
case("q_sparse", lambda: make_pipeline(OneHotEncoder(handle_unknown="ignore"), QuantileTransformer(n_quantiles=10, random_state=0)), ["heating", "year"], test=UNK, rtol=P10)
case("q_sparse_ct", lambda: make_pipeline(ColumnTransformer([("o", OneHotEncoder(), ["year"]), ("p", "passthrough", ["rooms", "floor"])], sparse_threshold=1.0), QuantileTransformer(n_quantiles=10, random_state=0, output_distribution="normal")), ["year", "rooms", "floor"], rtol=P10)
case("q_sparse_negative", lambda: make_pipeline(ColumnTransformer([("o", OneHotEncoder(), ["year"]), ("p", "passthrough", ["floor"])], sparse_threshold=1.0), QuantileTransformer(n_quantiles=10, random_state=0)), ["year", "floor"], test=TEST.assign(floor=-TEST["floor"]), rtol=P10)
case("q_sparse_ignore", lambda: make_pipeline(ColumnTransformer([("o", OneHotEncoder(), ["year"]), ("p", "passthrough", ["temp"])], sparse_threshold=1.0), QuantileTransformer(n_quantiles=10, random_state=0, ignore_implicit_zeros=True)), ["year", "temp"], rtol=P10)
case("q_randomstate", lambda: QuantileTransformer(n_quantiles=20, random_state=np.random.RandomState(3)), NUM, rtol=P10)
case("q_train", lambda: QuantileTransformer(n_quantiles=50, output_distribution="normal", random_state=0), NUM, test=TRAIN.head(60), rtol=P10)
if VERSION >= (1, 0):
    from sklearn.preprocessing import SplineTransformer

    for ex in ("error", "constant", "linear", "continue", "periodic"):
        for kn in ("uniform", "quantile"):
            case("sp_%s_%s" % (ex, kn), lambda: SplineTransformer(n_knots=5, degree=3, extrapolation=ex, knots=kn), ["area", "temp"], test=TEST if ex != "error" else TRAIN.head(20), rtol=P10)
            case("sp_%s_%s_out" % (ex, kn), lambda: SplineTransformer(n_knots=4, degree=2, extrapolation=ex, knots=kn, include_bias=False), ["area", "temp"], test=TEST.assign(area=TEST["area"] * 4 - 100), rtol=P10)
    for dg in (0, 1, 2, 4, 5):
        case("sp_degree%d" % dg, lambda: SplineTransformer(n_knots=4, degree=dg), ["temp", "dist"], test=UNK, rtol=P10)
    case("sp_knots", lambda: SplineTransformer(knots=np.array([[-30.0, 0], [0, 2], [10, 5], [40, 60]]), degree=3), ["temp", "dist"], rtol=P10)
    case("sp_nan", SplineTransformer, ["temp"], test=with_nan(TEST, "temp"))
    if VERSION >= (1, 2):
        case("sp_sparse", lambda: SplineTransformer(sparse_output=True), ["area", "temp"], rtol=P10)
    if VERSION >= (1, 8):
        case("sp_missing_zeros", lambda: SplineTransformer(handle_missing="zeros"), ["tempna", "area"], rtol=P10)

# Products
for deg in (1, 2, 3):
    for io_ in (False, True):
        for bias in (True, False):
            case("poly_%d_%d_%d" % (deg, io_, bias), lambda: PolynomialFeatures(deg, interaction_only=io_, include_bias=bias), ["area", "temp", "rooms"])
case("poly_4", lambda: PolynomialFeatures(4), ["area", "temp"])
case("poly_nan", PolynomialFeatures, ["temp"], test=with_nan(TEST, "temp"))
if VERSION >= (1, 0):
    case("poly_range", lambda: PolynomialFeatures((2, 3)), ["area", "temp", "rooms"])
    case("poly_range_nobias", lambda: PolynomialFeatures((2, 3), include_bias=False, interaction_only=True), ["area", "temp", "rooms"])
    case("poly_0", lambda: PolynomialFeatures((0, 1)), ["area", "temp"])
case("poly_sparse", lambda: make_pipeline(OneHotEncoder(), PolynomialFeatures(2, interaction_only=True)), ["heating", "garden"])

if (1, 0) <= VERSION:
    case("sp_constant_periodic", lambda: SplineTransformer(extrapolation="periodic", degree=1, n_knots=3), ["const", "temp"], rtol=P10)
    case("sp_linear_degree1", lambda: SplineTransformer(extrapolation="linear", degree=1, n_knots=3), ["area", "temp", "dist"], test=TEST.assign(area=TEST["area"] * 4 - 100, temp=TEST["temp"] * 3, dist=TEST["dist"] * 30 - 20), rtol=P10)
    case("sp_linear_degree0", lambda: SplineTransformer(extrapolation="linear", degree=0, n_knots=4), ["area", "temp", "dist"], test=TEST.assign(area=TEST["area"] * 4 - 100, temp=TEST["temp"] * 3, dist=TEST["dist"] * 30 - 20), rtol=P10)

# Functions
O2O = {"feature_names_out": "one-to-one"} if VERSION >= (1, 1) else {}
for f in (np.log1p, np.sqrt, np.log, np.log2, np.log10, np.exp, np.expm1, np.exp2, np.abs, np.square, np.cbrt, np.sign, np.negative, np.sin, np.cos, np.tan,
          np.arctan, np.arcsinh, np.tanh, np.sinh, np.cosh, np.rint, np.deg2rad, np.rad2deg, np.isnan, np.isfinite, np.arccosh, np.fabs):
    case("fn_" + f.__name__, lambda: FunctionTransformer(f, **O2O), ["floorna", "rooms"], test=TEST)
for f in (np.floor, np.ceil, np.trunc, np.reciprocal):
    case("fn_" + f.__name__, lambda: FunctionTransformer(f, **O2O), ["tempna"])
case("fn_log1p_neg", lambda: FunctionTransformer(np.log1p, **O2O), ["temp"])
case("fn_abs_int", lambda: FunctionTransformer(np.abs, **O2O), ["rooms", "year"])
case("fn_none", lambda: FunctionTransformer(**O2O), ["rooms", "area"])
case("fn_none_mixed", lambda: FunctionTransformer(**O2O), ["rooms", "heating", "garden", "tempna"])
case("fn_validate", lambda: FunctionTransformer(np.log1p, validate=True, inverse_func=np.expm1, **O2O), ["rooms", "area"])
case("fn_validate_nan", lambda: FunctionTransformer(np.log1p, validate=True, **O2O), ["temp"], test=with_nan(TEST, "temp"))
case("fn_noname", lambda: FunctionTransformer(np.log1p), ["area"])

# Selectors
case("var_0", VarianceThreshold, NUM + ["const", "tempna"])
case("var_1", lambda: VarianceThreshold(threshold=70.0), NUM + ["const"])
case("var_inf", VarianceThreshold, ["area", "const"], test=inf_in(TEST, "area"))
case("k_2", lambda: SelectKBest(f_classif, k=2), NUM + ["const"], y=Y)
case("k_all", lambda: SelectKBest(f_regression, k="all"), NUM, y=YF)
case("k_mutual", lambda: SelectKBest(mutual_info_classif, k=3), NUM, y=Y)
case("k_nan", lambda: SelectKBest(f_classif, k=1), ["area", "rooms"], y=Y, test=with_nan(TEST, "rooms"))
for p in (0, 10, 33, 50, 75, 100):
    case("pct_%d" % p, lambda: SelectPercentile(f_classif, percentile=p), NUM + ["floor", "year"], y=Y)
case("fpr", lambda: SelectFpr(f_classif, alpha=0.05), NUM, y=Y)
case("fdr", lambda: SelectFdr(f_classif, alpha=0.2), NUM, y=Y)
case("fwe", lambda: SelectFwe(f_classif, alpha=0.3), NUM, y=Y)
for mode, param in (("percentile", 40), ("k_best", 2), ("fpr", 0.1), ("fdr", 0.2), ("fwe", 0.2)):
    case("gen_" + mode, lambda: GenericUnivariateSelect(f_classif, mode=mode, param=param), NUM, y=Y)
case("k_ints", lambda: SelectKBest(chi2, k=1), ["rooms", "year"], y=Y)
case("rfe", lambda: RFE(LinearRegression(), n_features_to_select=2), NUM, y=YF)
case("rfecv", lambda: RFECV(Ridge(), cv=3), NUM, y=YF)
case("rfecv_folds", lambda: RFECV(Ridge(), cv=KFold(3, shuffle=True, random_state=np.random.RandomState(1))), NUM, y=YF)
case("sfm_lassocv", lambda: SelectFromModel(LassoCV(cv=3)), NUM, y=YF)
case("sfm_ridgecv", lambda: SelectFromModel(RidgeCV(), threshold="median"), NUM, y=YF)
case("sfm_lda", lambda: SelectFromModel(LinearDiscriminantAnalysis()), ["temp", "rooms", "floor"], y=TRAIN["rating"].values)
case("sfm_svc", lambda: SelectFromModel(LinearSVC(C=0.01, penalty="l1", dual=False)), ["temp", "rooms", "floor"], y=Y)
case("sfm_bayes", lambda: SelectFromModel(BayesianRidge(), norm_order=1), NUM, y=YF)
case("rfe_logit", lambda: RFE(LogisticRegression(max_iter=200), n_features_to_select=1), ["temp", "rooms", "floor"], y=Y)
case("svd_randomstate", lambda: TruncatedSVD(2, random_state=np.random.RandomState(0)), NUM, rtol=P10)
case("pipe_memory", lambda: Pipeline([("s", StandardScaler()), ("m", MinMaxScaler())], memory=joblib.Memory(None)), NUM)
case("sfm_lasso", lambda: SelectFromModel(Lasso(alpha=0.5)), NUM, y=YF)
case("sfm_ridge", lambda: SelectFromModel(Ridge(), threshold="1.25*median"), NUM, y=YF)
case("sfm_logit", lambda: SelectFromModel(LogisticRegression(max_iter=200)), ["temp", "rooms", "floor"], y=Y)
case("sfm_logit_multi", lambda: SelectFromModel(LogisticRegression(max_iter=300), norm_order=2), ["temp", "rooms", "floor"], y=TRAIN["rating"].values)
case("sfm_max", lambda: SelectFromModel(ElasticNet(), max_features=2, threshold=-np.inf), NUM, y=YF)
if VERSION >= (0, 24):
    from sklearn.feature_selection import SequentialFeatureSelector

    case("sfs", lambda: SequentialFeatureSelector(LinearRegression(), n_features_to_select=2, cv=3), NUM, y=YF)

# Projections
case("pca_2", lambda: PCA(2, svd_solver="full"), NUM, rtol=P10)
case("pca_whiten", lambda: PCA(3, whiten=True, svd_solver="full"), NUM, rtol=P10)
case("pca_share", lambda: make_pipeline(StandardScaler(), PCA(0.9)), NUM, rtol=P10)
case("pca_nan", PCA, ["area", "temp"], test=with_nan(TEST, "temp"))
case("pca_onehot", lambda: make_pipeline(OneHotEncoder(**DENSE), PCA(3, svd_solver="full")), ["heating", "district"], rtol=P10)
case("pca_array", lambda: PCA(2, svd_solver="full"), NUM, array=True, rtol=P10)
case("ipca", lambda: IncrementalPCA(2, batch_size=50), NUM, rtol=P10)
case("svd", lambda: TruncatedSVD(2, random_state=0), NUM, rtol=P10)
case("svd_onehot", lambda: make_pipeline(OneHotEncoder(handle_unknown="ignore"), TruncatedSVD(3, random_state=0)), ["heating", "district", "year"], test=UNK, rtol=P10)

# Compositions
num_pipe = lambda: Pipeline([("i", SimpleImputer(strategy="median", add_indicator=True)), ("s", StandardScaler())])
cat_pipe = lambda: Pipeline([("i", SimpleImputer(strategy="most_frequent")), ("o", OneHotEncoder(handle_unknown="ignore"))])
ALL = NUM + GAP + ["heatingna", "district", "year", "garden", "ratingna"]


def ct(*args, **kw):
    return lambda: ColumnTransformer(list(args), **kw)


NUMS = ("num", num_pipe(), GAP + ["rooms"])
CATP = ("cat", cat_pipe(), ["heatingna", "district"])
VERB = {"verbose_feature_names_out": False} if VERSION >= (1, 0) else {}
case("ct_typical", ct(NUMS, CATP), ALL, test=UNK)
case("ct_sparse", ct(("o", OneHotEncoder(handle_unknown="ignore"), ["heatingna", "district", "year"]), ("s", StandardScaler(), ["area"]), sparse_threshold=1.0), ALL, test=UNK)
case("ct_sparse_ints", ct(("o", OneHotEncoder(), ["year"]), ("p", "passthrough", ["rooms"]), sparse_threshold=1.0), ALL)
case("ct_sparse_text", ct(("o", OneHotEncoder(), ["year"]), ("p", "passthrough", ["district"]), sparse_threshold=1.0), ALL)
case("ct_dense", ct(NUMS, CATP, sparse_threshold=0), ALL, test=UNK)
case("ct_pass_num", ct(("s", StandardScaler(), ["area"]), remainder="passthrough"), NUM + GAP)
case("ct_pass_ints", ct(("p", "passthrough", ["rooms", "year"])), ALL)
case("ct_pass_int_bool", ct(("p", "passthrough", ["rooms", "garden"])), ALL)
case("ct_pass_int_bool2", ct(("p", "passthrough", ["rooms"]), ("q", "passthrough", ["garden"])), ALL)
case("ct_pass_mixed", ct(("s", StandardScaler(), ["area"]), ("p", "passthrough", ["rooms", "heatingna", "garden"])), ALL)
case("ct_pass_text", ct(("s", MinMaxScaler(), ["area"]), remainder="passthrough"), ["rooms", "area", "heatingna", "tempna"])
case("ct_pass_boolfloat", ct(("s", MinMaxScaler(), ["area"]), ("p", "passthrough", ["garden", "tempna"])), ALL)
case("ct_plain_names", ct(("s", StandardScaler(), ["area"]), ("o", OneHotEncoder(), ["year"]), ("p", "passthrough", ["rooms"]), **VERB), ALL)
case("ct_drop", ct(("s", StandardScaler(), ["area"]), ("d", "drop", ["price", "heatingna"]), remainder="passthrough"), NUM + ["heatingna", "tempna"])
case("ct_empty", ct(("s", StandardScaler(), ["area"]), ("e", OneHotEncoder(), [])), ALL)
case("ct_mask", ct(("s", StandardScaler(), np.array([True, False, True, False, False])), remainder="passthrough"), NUM)
case("ct_mask_list", ct(("s", StandardScaler(), [True, False, True, False, False])), NUM)
case("ct_slice_int", ct(("s", StandardScaler(), slice(1, 3)), ("m", MinMaxScaler(), slice(-2, None))), NUM)
case("ct_slice_name", ct(("s", StandardScaler(), slice("price", "dist")), remainder="passthrough"), NUM)
case("ct_index_frame", ct(("s", StandardScaler(), [0, -1]), remainder="passthrough"), NUM)
case("ct_index_array", ct(("s", StandardScaler(), [2, 0]), ("m", MinMaxScaler(), [1]), remainder="passthrough"), NUM, array=True)
case("ct_index_array_text", ct(("o", OneHotEncoder(), [0]), ("s", StandardScaler(), [1]), remainder="passthrough"), ["heating", "area", "rooms", "district"], array=True)
case("ct_callable", ct(("s", StandardScaler(), make_column_selector(dtype_include="number")), ("o", OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_include=object))), ["area", "rooms", "heating", "district"], test=UNK)
case("ct_weights", ct(NUMS, CATP, transformer_weights={"num": 0.5, "cat": 3}), ALL, test=UNK)
case("ct_remainder_est", ct(("o", OneHotEncoder(), ["year"]), remainder=StandardScaler()), NUM + ["year"])
case("ct_nested", ct(("in", ColumnTransformer([("s", StandardScaler(), ["area"]), ("p", "passthrough", ["rooms"])]), ["area", "rooms"]), ("o", OrdinalEncoder(), ["rating"])), NUM + ["rating"])
case("ct_reorder", ct(("b", MinMaxScaler(), ["temp", "area"]), ("a", StandardScaler(), ["rooms"])), ALL, extra=lambda x: x[list(x.columns)[::-1]])
case("ct_twice", ct(("a", StandardScaler(), ["area"]), ("b", MinMaxScaler(), ["area"]), ("k", KBinsDiscretizer(3, encode="ordinal"), ["area"])), ALL)
case("ct_unused_missing", ct(("a", StandardScaler(), ["area"]), ("d", "drop", ["temp"])), ["area", "temp", "heating"], extra=lambda x: x[["area"]])
case("ct_all_dropped", ct(("a", "drop", ["area"])), ["area", "temp"])
case("ct_ord_f32", ct(("a", OrdinalEncoder(dtype=np.float32), ["heating"]), ("b", OneHotEncoder(dtype=np.float32, **DENSE), ["year"])), ALL + ["heating"])
case("ct_ord_i16_bool", ct(("a", OrdinalEncoder(dtype=np.int16), ["heating"]), ("b", "passthrough", ["garden"])), ALL + ["heating"])
case("ct_f32_int", ct(("a", OrdinalEncoder(dtype=np.float32), ["heating"]), ("b", "passthrough", ["rooms"])), ALL + ["heating"])
case("ct_tuple_cols", ct(("a", StandardScaler(), pd.Index(["area", "temp"]))), ALL)
case("pipe_nested", lambda: Pipeline([("a", Pipeline([("i", SimpleImputer()), ("p", "passthrough")])), ("s", StandardScaler())]), GAP)
case("pipe_ct_then", lambda: Pipeline([("c", ColumnTransformer([NUMS, CATP])), ("v", VarianceThreshold(0.05)), ("m", MaxAbsScaler())]), ALL, test=UNK)
case("pipe_ct_ct", lambda: Pipeline([("c", ColumnTransformer([NUMS, CATP], sparse_threshold=0)), ("d", ColumnTransformer([("s", MinMaxScaler(), [9, 0, 8]), ("o", "passthrough", slice(1, 4))]))]), ALL, test=UNK)
case("pipe_oh_std", lambda: make_pipeline(OneHotEncoder(handle_unknown="ignore"), StandardScaler(with_mean=False)), ["heating", "year"], test=UNK)
case("pipe_oh_k", lambda: make_pipeline(OneHotEncoder(handle_unknown="ignore"), SelectKBest(chi2, k=4)), ["heating", "district", "year"], test=UNK, y=Y)
case("pipe_ord_imp", lambda: make_pipeline(OrdinalEncoder(), SimpleImputer(strategy="most_frequent")), ["heatingna", "ratingna"])
case("pipe_imp_oh_mixed", lambda: make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")), ["heatingna", "rooms", "gardenna"], test=UNK)
case("pipe_imp_oh_float", lambda: make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")), ["floorna", "rooms"], test=UNK)
case("pipe_imp_ord", lambda: make_pipeline(SimpleImputer(strategy="constant", fill_value="?"), OrdinalEncoder()), ["heatingna", "ratingna"])
case("pipe_fn_poly", lambda: make_pipeline(FunctionTransformer(np.log1p, **O2O), PolynomialFeatures(2, include_bias=False)), ["dist", "rooms"])
case("pipe_kb_std", lambda: make_pipeline(KBinsDiscretizer(3, encode="onehot-dense"), StandardScaler()), ["area", "temp"])
case("pipe_q_pca", lambda: make_pipeline(QuantileTransformer(n_quantiles=20, output_distribution="normal"), PCA(2, svd_solver="full")), NUM, rtol=P10)
case("pipe_normalize_oh", lambda: make_pipeline(OneHotEncoder(handle_unknown="ignore"), Normalizer()), ["heating", "year"], test=UNK)
case("fu_basic", lambda: FeatureUnion([("s", StandardScaler()), ("p", PCA(2, svd_solver="full"))]), NUM, rtol=P10)
case("fu_weights", lambda: FeatureUnion([("s", StandardScaler()), ("m", MinMaxScaler())], transformer_weights={"s": 2.0}), NUM)
case("fu_pass", lambda: FeatureUnion([("s", StandardScaler()), ("p", "passthrough")]), NUM)
case("fu_drop", lambda: FeatureUnion([("s", StandardScaler()), ("p", "drop")]), NUM)
case("fu_sparse", lambda: FeatureUnion([("o", OneHotEncoder(handle_unknown="ignore")), ("r", OrdinalEncoder())]), ["heating", "year"])
case("fu_ind", lambda: FeatureUnion([("i", SimpleImputer()), ("m", MissingIndicator())]), GAP)
if VERSION >= (1, 5):
    case("fu_plain", lambda: FeatureUnion([("s", StandardScaler()), ("p", PCA(2, svd_solver="full"))], verbose_feature_names_out=False), NUM, rtol=P10)
if VERSION >= (1, 6):
    case("ct_format_names", ct(("s", StandardScaler(), ["area"]), ("o", OneHotEncoder(), ["year"]), verbose_feature_names_out="{feature_name}@{transformer_name}"), ALL)
if VERSION >= (1, 2):
    case("pd_ct", lambda: ColumnTransformer([("s", StandardScaler(), ["area"]), ("p", "passthrough", ["rooms", "garden", "heatingna"]), ("o", OrdinalEncoder(dtype=int), ["rating"])]).set_output(transform="pandas"), ALL + ["rating"])
    case("pd_ct_plain", lambda: ColumnTransformer([("s", StandardScaler(), ["area"]), ("p", "passthrough", ["rooms"])], verbose_feature_names_out=False).set_output(transform="pandas"), ALL)
    case("pd_fu", lambda: FeatureUnion([("s", StandardScaler()), ("p", "passthrough")]).set_output(transform="pandas"), ["rooms", "area"])
    case("pd_pipe", lambda: make_pipeline(ColumnTransformer([("o", OneHotEncoder(**DENSE), ["heating"]), ("p", "passthrough", ["rooms", "temp"])]), SelectKBest(f_classif, k=3)).set_output(transform="pandas"), ALL + ["heating"], y=Y)
    case("pd_imp", lambda: make_pipeline(SimpleImputer(strategy="most_frequent").set_output(transform="pandas"), OneHotEncoder(handle_unknown="ignore")), ["heatingna", "ratingna"], test=UNK)

if (1, 4) <= VERSION < (1, 5):
    # 1.5 to 1.7 keep the remainder's columns in a list of their own kind.
    from collections import UserList

    from sklearn.compose import _column_transformer

    class _RemainderColsList(UserList):
        def __init__(self, columns):
            super().__init__(columns)
            self.future_dtype = "str"
            self.warning_was_emitted = False
            self.warning_enabled = True

    _RemainderColsList.__module__ = "sklearn.compose._column_transformer"
    _RemainderColsList.__qualname__ = "_RemainderColsList"
    _column_transformer._RemainderColsList = _RemainderColsList

    def remainder_list(model):
        import copy

        model = copy.copy(model)
        name, trans, cols = model.transformers_[-1]
        model.transformers_ = model.transformers_[:-1] + [(name, trans, _RemainderColsList(cols))]
        model._remainder = (name, model.remainder, _RemainderColsList(cols))
        return model

    case("ct_remainder_list", ct(("s", StandardScaler(), ["area"]), remainder="passthrough"), NUM + GAP, before_dump=remainder_list)
    case("ct_remainder_list_drop", ct(("s", StandardScaler(), ["area"])), NUM + GAP, before_dump=remainder_list)

# float32 through a chain
F32 = dict(dtype="float32", rtol=2e-6)
case("f32_chain_pca", lambda: make_pipeline(StandardScaler(), PCA(2, svd_solver="full")), NUM, **F32)
case("f32_chain_imp", lambda: make_pipeline(SimpleImputer(), StandardScaler(), PolynomialFeatures(2)), GAP, **F32)
case("f32_std_ord", lambda: make_pipeline(OrdinalEncoder(dtype=np.float32), StandardScaler(with_mean=False), MinMaxScaler()), ["heating", "year"], rtol=1e-9)
case("f32_weights", ct(("o", OrdinalEncoder(dtype=np.float32), ["heating", "year"]), transformer_weights={"o": 0.3}), ["heating", "year"], rtol=1e-9)
case("f32_robust", RobustScaler, NUM, **F32)
case("f32_maxabs", MaxAbsScaler, NUM, array=True, **F32)
case("f32_svd", lambda: TruncatedSVD(2, random_state=0), NUM, **F32)
case("f32_ord", lambda: OrdinalEncoder(), ["floor", "dist"], test=TRAIN.head(20), **F32)


# Functions that fitting used up
def choose(x):
    return ["area", "temp"]


def own_score(x, y):
    return f_classif(x, y)


def own_inverse(x):
    return np.expm1(x)


case("own_selector", ct(("s", StandardScaler(), choose), remainder="passthrough"), NUM)
case("own_score", lambda: SelectKBest(own_score, k=2), NUM, y=Y)
case("own_inverse", lambda: FunctionTransformer(np.log1p, inverse_func=own_inverse, check_inverse=False, **O2O), ["area", "rooms"])


# Selectors by trees. Those of a threshold keep what equals it to the last bit.
from sklearn.base import clone
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor

WIDE = NUM + ["year", "floor", "big"]
RATING = TRAIN["rating"].values
LAD, LSE = ("absolute_error", "squared_error") if VERSION >= (1, 0) else ("lad", "ls")
MAE = LAD if VERSION >= (1, 0) else "mae"


def small(cls, **options):
    options.setdefault("max_depth", 3)
    if "n_estimators" in cls().get_params():
        options.setdefault("n_estimators", 6)
    return cls(random_state=0, **options)


def at_importance(model, k, cols, y, **options):
    """A selector with the k-th smallest importance for its threshold."""
    importances = clone(model).fit(TRAIN[cols], y).feature_importances_
    return SelectFromModel(model, threshold=float(np.sort(importances)[k]), **options)


case("sfm_tree", lambda: SelectFromModel(small(DecisionTreeClassifier)), NUM, y=Y)
case("sfm_tree_entropy", lambda: at_importance(small(DecisionTreeClassifier, criterion="entropy", max_depth=6), 5, WIDE, RATING), WIDE, y=RATING)
case("sfm_tree_regressor", lambda: SelectFromModel(small(DecisionTreeRegressor, max_depth=None), threshold="median"), NUM, y=YF)
case("sfm_tree_mae", lambda: at_importance(small(DecisionTreeRegressor, criterion=MAE, max_depth=5), 3, NUM, YF), NUM, y=YF)
if VERSION >= (1, 2):
    case("sfm_tree_frame", lambda: SelectFromModel(small(DecisionTreeRegressor), max_features=2).set_output(transform="pandas"), NUM, y=YF)
case("sfm_tree_root", lambda: SelectFromModel(small(DecisionTreeRegressor)), NUM, y=np.ones(150))
case("sfm_extra_tree", lambda: SelectFromModel(small(ExtraTreeClassifier), max_features=2, threshold=-np.inf), NUM, y=Y)
case("sfm_extra_tree_regressor", lambda: at_importance(small(ExtraTreeRegressor, max_depth=7), 2, NUM, YF), NUM, y=YF)
case("sfm_forest", lambda: SelectFromModel(small(RandomForestClassifier), threshold="1.25*mean"), NUM, y=Y)
case("sfm_forest_weights", lambda: at_importance(small(RandomForestClassifier, class_weight="balanced"), 4, WIDE, RATING), WIDE, y=RATING)
case("sfm_forest_regressor", lambda: SelectFromModel(small(RandomForestRegressor), max_features=2, threshold=-np.inf), NUM, y=YF)
case("sfm_forest_equal", lambda: at_importance(small(RandomForestRegressor, n_estimators=12, max_features=2), 5, WIDE, YF), WIDE, y=YF)
case("sfm_forest_two_targets", lambda: SelectFromModel(small(RandomForestRegressor), threshold="0.5*mean"), NUM, y=np.c_[YF, Y])
case("sfm_forest_some_roots", lambda: at_importance(small(RandomForestRegressor, min_samples_leaf=70, max_features=1), 4, NUM, YF), NUM, y=YF)
case("sfm_forest_roots", lambda: SelectFromModel(small(RandomForestRegressor)), NUM, y=np.ones(150))
case("sfm_extra_trees", lambda: at_importance(small(ExtraTreesClassifier, n_estimators=9), 3, WIDE, RATING), WIDE, y=RATING)
case("sfm_extra_trees_regressor", lambda: SelectFromModel(small(ExtraTreesRegressor, bootstrap=True), threshold="median"), NUM, y=YF)
case(
    "sfm_extra_trees_many",
    lambda: make_pipeline(PolynomialFeatures(3), SelectFromModel(small(ExtraTreesRegressor, n_estimators=9, max_depth=5), threshold="3*mean")),
    NUM + ["year", "floor", "const"],
    y=YF,
)
case("sfm_boosting", lambda: SelectFromModel(small(GradientBoostingClassifier)), NUM, y=Y)
case("sfm_boosting_classes", lambda: at_importance(small(GradientBoostingClassifier), 5, WIDE, RATING), WIDE, y=RATING)
case("sfm_boosting_exponential", lambda: SelectFromModel(small(GradientBoostingClassifier, loss="exponential", init="zero"), threshold=0.1), NUM, y=Y)
for loss in (LSE, LAD, "huber", "quantile"):
    case("sfm_boosting_" + loss, lambda: at_importance(small(GradientBoostingRegressor, loss=loss), 3, NUM, YF), NUM, y=YF)
case("sfm_boosting_early", lambda: SelectFromModel(small(GradientBoostingRegressor, n_estimators=30, n_iter_no_change=2, subsample=0.5, max_depth=2)), NUM, y=YF)
case("sfm_boosting_roots", lambda: SelectFromModel(small(GradientBoostingRegressor)), NUM, y=np.ones(150))


def corners(x):
    """Two columns of which neither tells alone what XOR is, so that no split gains anything."""
    i = np.arange(len(x) // 4 * 4)
    return pd.DataFrame({"a": i % 2, "b": i // 2 % 2})


XOR = np.logical_xor(*corners(TRAIN).values.T).astype(int)
for name, cls, options in (
    ("tree", DecisionTreeRegressor, {}),
    ("forest", RandomForestClassifier, {"threshold": "median"}),
    ("extra_trees", ExtraTreesRegressor, {"max_features": 1}),
    ("boosting", GradientBoostingRegressor, {}),
    ("boosting_median", GradientBoostingClassifier, {"threshold": "0.5*median"}),
    ("boosting_max", GradientBoostingRegressor, {"threshold": 0.5, "max_features": 1}),
):
    bootstrap = {"bootstrap": False} if "Forest" in cls.__name__ else {}
    case("sfm_no_gain_" + name, lambda: SelectFromModel(small(cls, max_depth=1, **bootstrap), **options), NUM, y=XOR, fit_as=corners)
case("sfm_prefit_tree", lambda: SelectFromModel(small(DecisionTreeRegressor).fit(TRAIN[NUM], YF), prefit=True), NUM, y=YF)
case("sfm_getter", lambda: SelectFromModel(small(RandomForestRegressor), importance_getter="feature_importances_"), NUM, y=YF)
case(
    "sfm_forest_in_columns",
    ct(
        ("n", make_pipeline(SimpleImputer(add_indicator=True), SelectFromModel(small(RandomForestClassifier))), GAP),
        ("h", make_pipeline(OneHotEncoder(), SelectFromModel(small(ExtraTreesClassifier), threshold="median")), ["heating", "district"]),
    ),
    GAP + ["heating", "district"],
    y=Y,
)
case("rfe_tree", lambda: RFE(small(DecisionTreeClassifier), n_features_to_select=2), NUM, y=Y)
case("rfe_forest", lambda: RFE(small(RandomForestRegressor), n_features_to_select=2, step=2), WIDE, y=YF)
case("rfe_boosting", lambda: RFE(small(GradientBoostingClassifier, n_estimators=2), n_features_to_select=1), NUM, y=RATING)
case("rfecv_extra_trees", lambda: RFECV(small(ExtraTreesRegressor), cv=3), NUM, y=YF)
# Trees take missing cells or not, by release, criterion and the way they look for splits.
for name, cls, options in (
    ("tree", DecisionTreeRegressor, {}),
    ("tree_mae", DecisionTreeRegressor, {"criterion": MAE}),
    ("tree_random", DecisionTreeClassifier, {"splitter": "random"}),
    ("extra_tree", ExtraTreeClassifier, {}),
    ("extra_tree_best", ExtraTreeRegressor, {"splitter": "best"}),
    ("forest", RandomForestClassifier, {}),
    ("forest_mae", RandomForestRegressor, {"criterion": MAE}),
    ("extra_trees", ExtraTreesRegressor, {}),
    ("boosting", GradientBoostingRegressor, {}),
):
    target = Y if "Classifier" in cls.__name__ else YF
    case("sfm_gap_" + name, lambda: SelectFromModel(small(cls, **options)), NUM, y=target, test=with_nan(TEST, "temp"))
if VERSION >= (0, 24):
    case("sfs_tree", lambda: SequentialFeatureSelector(small(DecisionTreeRegressor), n_features_to_select=2, cv=3), NUM, y=YF)
if VERSION >= (1, 0):
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    HIST = {"max_iter": 3, "max_depth": 2, "max_bins": 8, "random_state": 0}
    # Of a model that is fitted before, the selector keeps what was fitted.
    case(
        "sfs_hist",
        lambda: SequentialFeatureSelector(HistGradientBoostingClassifier(**HIST).fit(TRAIN[NUM], RATING), n_features_to_select=1, cv=2),
        NUM,
        y=Y,
        test=with_nan(TEST, "temp"),
    )
    case("sfs_hist_regressor", lambda: SequentialFeatureSelector(HistGradientBoostingRegressor(loss="poisson", **HIST).fit(TRAIN[NUM], YF), n_features_to_select=1, cv=2), NUM, y=YF)


# Functions with arguments, and functions of two numbers. Their results are the same to the last bit.
from functools import partial

CALL = dict(rtol=0)


def fn(func, *args, **kw_args):
    """A FunctionTransformer of func, with the first of its arguments, and others by name."""
    options = dict(O2O, kw_args=kw_args) if kw_args else O2O
    return FunctionTransformer(partial(func, *args) if args else func, **options)


def edges(df):
    """Halves, signed zeros, infinities and numbers that rounding moves."""
    df = df.copy()
    df["temp"] = df["temp"].astype(float)
    df["floorna"] = df["floorna"].astype(float)
    odd = [0.5, 1.5, -2.5, -0.0, 1e-9, 0.285, 2.675, 1.005, 123456.785, -1e20, 1e300, -1e-300, np.inf, -np.inf, 0.05, 0.1 + 0.2]
    df.loc[df.index[: len(odd)], "temp"] = odd
    df.loc[df.index[: len(odd)], "floorna"] = np.array(odd[::-1]) * 0.1
    return df


EDGES = edges(TEST)
MIXED = ["rooms", "tempna", "year"]
case("fn_clip", lambda: fn(np.clip, a_min=0, a_max=20), MIXED, **CALL)
case("fn_clip_floats", lambda: fn(np.clip, a_min=-3.25, a_max=11.1), ["temp", "tempna", "areana"], test=EDGES, **CALL)
case("fn_clip_whole_floats", lambda: fn(np.clip, a_min=2.0, a_max=np.inf), MIXED, **CALL)
case("fn_clip_low", lambda: fn(np.clip, a_min=0.1, a_max=None), ["temp", "floorna"], **CALL)
case("fn_clip_high", lambda: fn(np.clip, a_min=None, a_max=np.float64(7.3)), ["temp", "floorna"], **CALL)
if VERSION >= (1, 0):
    # Before, an array that a function was fitted on cannot be told from a DataFrame.
    case("fn_clip_array_floats", lambda: fn(np.clip, a_min=2, a_max=5.0), ["rooms"], array=True, **CALL)
    case("fn_clip_array_turned", lambda: fn(np.clip, a_min=6.5, a_max=2), ["rooms", "tempna"], array=True, **CALL)
    case("fn_round_array", lambda: fn(np.round, decimals=np.int64(2)), ["temp", "rooms"], test=EDGES, array=True, **CALL)
    case("fn_clip_turned", lambda: fn(np.clip, a_min=6, a_max=2), MIXED, **CALL)
case("fn_clip_array", lambda: fn(np.clip, a_min=2, a_max=5), ["rooms"], array=True, **CALL)
case("fn_clip_scaled", lambda: make_pipeline(fn(np.clip, a_min=1.5, a_max=6.5), StandardScaler()), ["rooms", "temp"])
case("fn_clip_beside", lambda: ColumnTransformer([("c", fn(np.clip, a_min=1.5, a_max=6.5), ["rooms"]), ("s", MinMaxScaler(), ["area"])]), ["rooms", "area"])
case("fn_clip_validate", lambda: FunctionTransformer(np.clip, validate=True, kw_args={"a_min": 2.5, "a_max": 5}, **O2O), ["rooms", "area"], **CALL)
case("fn_clip_validate_nan", lambda: FunctionTransformer(np.clip, validate=True, kw_args={"a_min": 2.5, "a_max": 5}, **O2O), ["rooms", "temp"], test=with_nan(TEST, "temp"))
case("fn_clip_text", lambda: fn(np.clip, a_min=2, a_max=5), ["rooms", "heating"])
case("fn_clip_one_bound", lambda: fn(np.clip, a_min=2), ["rooms"])
case("fn_clip_partial", lambda: FunctionTransformer(partial(np.clip, a_min=0, a_max=3), kw_args={"a_max": 8.5}, **O2O), ["temp"], **CALL)
case("fn_clip_log", lambda: make_pipeline(fn(np.clip, a_min=1, a_max=None), FunctionTransformer(np.log1p, **O2O)), ["rooms", "tempna"])
case("fn_clip_onehot", lambda: make_pipeline(fn(np.clip, a_min=2, a_max=5), OneHotEncoder()), ["rooms"])
case("fn_clip_f32", lambda: make_pipeline(StandardScaler(), fn(np.clip, a_min=-1.1, a_max=0.7)), NUM, dtype="float32", array=True, rtol=1e-6)
if VERSION >= (1, 4):
    case("fn_clip_min_max", lambda: fn(np.clip, min=0, max=20), MIXED, **CALL)
    case("fn_clip_min", lambda: fn(np.clip, min=4), MIXED, **CALL)
for d in (None, 0, 1, 2, 5, 12, 23, -1, -2, -9):
    options = {} if d is None else {"decimals": d}
    case("fn_round_%s" % d, lambda: fn(np.round, **options), ["temp", "floorna", "rooms", "year"], test=EDGES, **CALL)
case("fn_around", lambda: fn(np.around, decimals=1), ["temp", "areana"], test=EDGES, **CALL)
case("fn_round_array_ints", lambda: fn(np.round, decimals=-1), ["rooms", "year"], array=True, **CALL)
case("fn_round_mixed", lambda: fn(np.round, decimals=1), ["temp", "heatingna", "garden", "rooms"], **CALL)
case("fn_round_f32", lambda: make_pipeline(MaxAbsScaler(), fn(np.round, decimals=2)), NUM, dtype="float32", array=True, rtol=1e-6)
case("fn_round_beside", lambda: ColumnTransformer([("r", fn(np.round, decimals=1), ["tempna", "rooms"]), ("o", OneHotEncoder(**DENSE), ["year"])]), ["tempna", "rooms", "year"], **CALL)
case("fn_nan_to_num", lambda: fn(np.nan_to_num), ["tempna", "temp", "rooms"], test=EDGES, **CALL)
case("fn_nan_to_num_all", lambda: fn(np.nan_to_num, nan=-0.3, posinf=1e6, neginf=-1), ["tempna", "temp", "rooms"], test=EDGES, **CALL)
case("fn_nan_to_num_ints", lambda: fn(np.nan_to_num, nan=-1), ["rooms", "year"], **CALL)
case("fn_nan_to_num_array", lambda: fn(np.nan_to_num, posinf=9, copy=True), ["temp", "tempna"], test=EDGES, array=True, **CALL)
case("fn_nan_to_num_scaled", lambda: make_pipeline(fn(np.nan_to_num), StandardScaler()), GAP)
case("fn_nan_to_num_in", lambda: ColumnTransformer([("n", fn(np.nan_to_num), GAP), ("s", StandardScaler(), ["area"])]), GAP + ["area"])
for name in ("add", "subtract", "multiply", "divide", "maximum", "minimum", "fmax", "fmin"):
    for i, x in enumerate((3, 2.5, np.float64(-0.1))):
        case("fn_%s_%d" % (name, i), lambda: fn(getattr(np, name), x), ["rooms", "tempna", "temp"], test=EDGES, **CALL)
case("fn_maximum_ints", lambda: fn(np.maximum, 4), ["rooms", "year"], **CALL)
case("fn_subtract_ints", lambda: fn(np.subtract, 2023), ["rooms", "year"], **CALL)
case("fn_maximum_array", lambda: fn(np.maximum, 0), ["temp", "rooms"], test=EDGES, array=True, **CALL)
case("fn_multiply_array_ints", lambda: fn(np.multiply, 3), ["rooms", "year"], array=True, **CALL)
case("fn_multiply_f32", lambda: make_pipeline(MaxAbsScaler(), fn(np.multiply, 0.7), fn(np.maximum, 0.1)), NUM, dtype="float32", array=True, rtol=1e-6)
case("fn_maximum_log", lambda: make_pipeline(fn(np.maximum, 0), FunctionTransformer(np.log1p, **O2O)), ["temp", "tempna"])
case("fn_floor_scaled", lambda: make_pipeline(FunctionTransformer(np.floor, **O2O), StandardScaler()), ["rooms", "temp"])
for f in (np.sign, np.floor, np.ceil, np.trunc, np.rint, np.sqrt, np.square, np.abs, np.negative, np.reciprocal, np.deg2rad, np.rad2deg):
    case("fn_exact_" + f.__name__, lambda: FunctionTransformer(f, **O2O), ["temp", "floorna"], test=EDGES, **CALL)
for f in (np.sqrt, np.rint, np.abs, np.exp, np.sign, np.square, np.isnan):
    case("fn_sparse_" + f.__name__, lambda: make_pipeline(OneHotEncoder(handle_unknown="ignore"), FunctionTransformer(f)), ["heating", "year"])
case("fn_sparse_valid", lambda: make_pipeline(OneHotEncoder(handle_unknown="ignore"), FunctionTransformer(np.log1p, validate=True, accept_sparse=True)), ["heating", "year"])
if VERSION >= (1, 2):
    case("pd_clip", lambda: fn(np.clip, a_min=3, a_max=6.0).set_output(transform="pandas"), MIXED, **CALL)
    case("pd_round", lambda: ColumnTransformer([("r", fn(np.round, decimals=-1), ["tempna", "rooms"]), ("p", "passthrough", ["heating", "garden"])]).set_output(transform="pandas"), ["tempna", "rooms", "heating", "garden"], **CALL)
    case("pd_nan_to_num", lambda: ColumnTransformer([("n", fn(np.nan_to_num), ["tempna", "rooms"]), ("p", "passthrough", ["year"])]).set_output(transform="pandas"), ["tempna", "rooms", "year"], **CALL)
    case("pd_maximum", lambda: ColumnTransformer([("m", fn(np.maximum, 3), ["rooms", "year"]), ("p", "passthrough", ["floor"])]).set_output(transform="pandas"), ["rooms", "year", "floor"], **CALL)
case("k_partial", lambda: SelectKBest(partial(mutual_info_classif, random_state=0), k=2), NUM, y=Y)
case("k_partial_own", lambda: SelectKBest(partial(own_score), k=2), NUM, y=Y)

# AdaBoost weighs the importances of its members
from sklearn.ensemble import AdaBoostClassifier, AdaBoostRegressor, BaggingClassifier, BaggingRegressor, IsolationForest

case("sfm_adaboost", lambda: SelectFromModel(AdaBoostClassifier(n_estimators=7, random_state=0)), NUM, y=Y)
case("sfm_adaboost_equal", lambda: at_importance(AdaBoostClassifier(n_estimators=20, random_state=0), 4, WIDE, RATING), WIDE, y=RATING)
case("sfm_adaboost_regressor", lambda: at_importance(AdaBoostRegressor(n_estimators=11, random_state=0), 5, WIDE, YF), WIDE, y=YF)
for loss in ("square", "exponential"):
    case("sfm_adaboost_" + loss, lambda: at_importance(AdaBoostRegressor(n_estimators=40, loss=loss, random_state=1), 3, NUM, YF), NUM, y=YF)
case("sfm_adaboost_median", lambda: SelectFromModel(AdaBoostRegressor(n_estimators=9, random_state=0), threshold="median", max_features=3), NUM, y=YF)
case("sfm_adaboost_early", lambda: SelectFromModel(AdaBoostClassifier(n_estimators=50, random_state=0)), ["area", "rooms", "temp"], y=(TRAIN["area"] > 90).astype(int).values)
case("sfm_adaboost_forest", lambda: at_importance(AdaBoostClassifier(small(ExtraTreesClassifier, n_estimators=3), n_estimators=4, random_state=0), 5, WIDE, RATING), WIDE, y=RATING)
case("sfm_adaboost_boosting", lambda: at_importance(AdaBoostRegressor(small(GradientBoostingRegressor, n_estimators=3), n_estimators=3, random_state=0), 5, WIDE, YF), WIDE, y=YF)
case("sfm_adaboost_twice", lambda: at_importance(AdaBoostRegressor(AdaBoostRegressor(n_estimators=3, random_state=0), n_estimators=3, random_state=0), 2, NUM, YF), NUM, y=YF)
case("sfm_adaboost_nan", lambda: SelectFromModel(AdaBoostClassifier(n_estimators=3, random_state=0)), NUM, y=Y, test=with_nan(TEST, "temp"))
case("sfm_adaboost_no_gain", lambda: SelectFromModel(AdaBoostRegressor(small(DecisionTreeRegressor, max_depth=1), n_estimators=2, random_state=0)), NUM, y=XOR, fit_as=corners)
case("sfm_adaboost_logit", lambda: SelectFromModel(AdaBoostClassifier(LogisticRegression(max_iter=200), n_estimators=3, random_state=0)), ["temp", "rooms"], y=Y)
case("sfm_bagging", lambda: SelectFromModel(BaggingClassifier(n_estimators=3, random_state=0)), NUM, y=Y)
case("sfm_iforest", lambda: SelectFromModel(IsolationForest(n_estimators=3, random_state=0)), NUM, y=Y)
case("rfe_adaboost", lambda: RFE(AdaBoostRegressor(n_estimators=3, random_state=0), n_features_to_select=2), NUM, y=YF)
if VERSION >= (0, 24):
    case("sfs_bagging", lambda: SequentialFeatureSelector(BaggingRegressor(n_estimators=2, random_state=0), n_features_to_select=2, cv=2), NUM, y=YF)
    case("sfs_bagging_nan", lambda: SequentialFeatureSelector(BaggingRegressor(n_estimators=2, random_state=0), n_features_to_select=2, cv=2), NUM, y=YF, test=with_nan(TEST, "temp"))
    case("sfs_bagging_logit_nan", lambda: SequentialFeatureSelector(BaggingClassifier(LogisticRegression(max_iter=200), n_estimators=2, random_state=0), n_features_to_select=1, cv=2), ["temp", "rooms"], y=Y, test=with_nan(TEST, "temp"))


# Random projections, and groups of columns
from sklearn.cluster import FeatureAgglomeration
from sklearn.random_projection import GaussianRandomProjection, SparseRandomProjection

case("grp", lambda: GaussianRandomProjection(3, random_state=0), NUM, rtol=P10)
case("grp_array", lambda: GaussianRandomProjection(2, random_state=1), NUM, array=True, rtol=P10)
case("grp_f32", lambda: GaussianRandomProjection(2, random_state=1), NUM, **F32)
case("grp_nan", lambda: GaussianRandomProjection(2, random_state=1), NUM, test=with_nan(TEST, "temp"))
case("grp_onehot", lambda: make_pipeline(OneHotEncoder(handle_unknown="ignore"), GaussianRandomProjection(3, random_state=0)), ["heating", "district"], test=UNK, rtol=P10)
case("srp", lambda: SparseRandomProjection(3, random_state=0), NUM, **CALL)
case("srp_half", lambda: SparseRandomProjection(4, density=0.5, random_state=3), WIDE, **CALL)
case("srp_full", lambda: SparseRandomProjection(2, density=1.0, random_state=3), NUM, array=True, rtol=P10)
case("srp_few", lambda: SparseRandomProjection(6, density=0.1, random_state=0), NUM, **CALL)
case("srp_f32", lambda: SparseRandomProjection(3, density=0.6, random_state=1), NUM, dtype="float32", rtol=1e-6)
case("srp_nan", lambda: SparseRandomProjection(2, random_state=1), NUM, test=with_nan(TEST, "temp"))
case("srp_inverse", lambda: SparseRandomProjection(2, random_state=1, **({"compute_inverse_components": True} if VERSION >= (1, 1) else {})), NUM, **CALL)
MANY = make_pipeline(ColumnTransformer([("o", OneHotEncoder(handle_unknown="ignore"), ["heating", "district"]), ("p", "passthrough", ["dist", "temp"])], sparse_threshold=1.0))
for dense in (False, True):
    case("srp_sparse_%d" % dense, lambda: make_pipeline(clone(MANY), SparseRandomProjection(3, density=0.7, dense_output=dense, random_state=2)), ["heating", "district", "dist", "temp"], test=UNK, **CALL)
case("fa", lambda: FeatureAgglomeration(3), WIDE, **CALL)
case("fa_array", lambda: FeatureAgglomeration(2, linkage="average"), NUM, array=True, **CALL)
case("fa_one", lambda: FeatureAgglomeration(1), NUM, **CALL)
case("fa_all", lambda: FeatureAgglomeration(5), NUM, **CALL)
case("fa_nan", lambda: FeatureAgglomeration(2), NUM, test=with_nan(TEST, "temp"))
case("fa_distance", lambda: FeatureAgglomeration(n_clusters=None, distance_threshold=1e4), WIDE, **CALL)
case("fa_bool", lambda: FeatureAgglomeration(2), ["garden", "area", "rooms"], **CALL)
for pooling in (np.max, np.min, np.median):
    case("fa_" + pooling.__name__.replace("amax", "max").replace("amin", "min"), lambda: FeatureAgglomeration(3, pooling_func=pooling), WIDE, **CALL)
    case("fa_ints_" + pooling.__name__.replace("amax", "max").replace("amin", "min"), lambda: FeatureAgglomeration(1, pooling_func=pooling), ["rooms", "year"], **CALL)
case("fa_chain", lambda: make_pipeline(SimpleImputer(), StandardScaler(), FeatureAgglomeration(2)), GAP + ["area"])
case("fa_onehot", lambda: make_pipeline(OneHotEncoder(**DENSE), FeatureAgglomeration(3)), ["heating", "year"], **CALL)
if VERSION >= (1, 2):
    case("pd_fa", lambda: FeatureAgglomeration(2).set_output(transform="pandas"), NUM, **CALL)


# Refused by name
class Custom(StandardScaler):
    """Not scikit-learn's."""


def custom_function(x):
    return x


def refused(name, make, cols, contains, y=None):
    """Fits make(); the model must be refused with an error that has contains."""
    try:
        model = make()
        model.fit(TRAIN[cols], y)
    except Exception as e:
        print("skip", name, "fit:", type(e).__name__, str(e)[:100])
        return
    path = "models/%s.pkl" % name
    with open(os.path.join(out, path), "wb") as f:
        pickle.dump(model, f, protocol=4)
    cases.append({"id": name, "model": path, "expect": "unsupported", "error_contains": contains, "sklearn_version": sklearn.__version__})


from sklearn.cluster import KMeans
from sklearn.decomposition import NMF, KernelPCA
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.impute import IterativeImputer, KNNImputer
from sklearn.preprocessing import KernelCenterer

refused("no_knn", KNNImputer, GAP, "KNNImputer")
refused("no_iterative", IterativeImputer, GAP, "IterativeImputer")
refused("no_count", ct(("t", CountVectorizer(), "district")), ALL, "CountVectorizer")
refused("no_tfidf", ct(("t", TfidfVectorizer(), "district"), ("s", StandardScaler(), ["area"])), ALL, "TfidfVectorizer")
refused("no_predictor", lambda: make_pipeline(StandardScaler(), LogisticRegression()), NUM, "LogisticRegression", y=Y)
refused("no_forest", lambda: make_pipeline(StandardScaler(), RandomForestClassifier(n_estimators=2)), NUM, "RandomForestClassifier", y=Y)
refused("no_kmeans", lambda: make_pipeline(StandardScaler(), KMeans(2, n_init=1)), NUM, "KMeans")
refused("no_nmf", lambda: NMF(1), ["rooms", "floor"], "NMF")
refused("no_pooling", lambda: FeatureAgglomeration(2, pooling_func=np.std), NUM, "std")
refused("no_kpca", lambda: KernelPCA(1), ["temp"], "KernelPCA")
refused("no_class", Custom, NUM, "Custom")
refused("no_function", lambda: FunctionTransformer(custom_function), NUM, "custom_function")
refused("no_clip_columns", lambda: FunctionTransformer(np.clip, kw_args={"a_min": np.zeros(5), "a_max": 1}), NUM, "a_min")
refused("no_clip_nan", lambda: FunctionTransformer(np.clip, kw_args={"a_min": np.nan, "a_max": 1}), NUM, "a_min")
refused("no_round_columns", lambda: FunctionTransformer(np.round, kw_args={"decimals": {"area": 1}}), NUM, "decimals")
refused("no_partial", lambda: FunctionTransformer(partial(np.power, 2)), NUM, "partial")
refused("no_partial_own", lambda: FunctionTransformer(partial(custom_function)), NUM, "custom_function")
refused("no_maximum", lambda: FunctionTransformer(np.maximum, kw_args={"x2": 0}), NUM, "maximum")
refused("no_kw", lambda: FunctionTransformer(np.log1p, kw_args={"where": True}), NUM, "kw_args")
refused("no_scalar_column", ct(("s", FunctionTransformer(np.log1p), "area"), sparse_threshold=0), ["area"], "not in a list")
refused("no_unfitted_step", lambda: FeatureUnion([("c", CountVectorizer())]), ["district"], "CountVectorizer")

with open(os.path.join(out, "manifest.json"), "w", encoding="utf-8") as f:
    f.write('{"cases": [\n' + ",\n".join(json.dumps(c, sort_keys=True) for c in cases) + "\n]}\n")
print(sklearn.__version__, np.__version__, len(cases), "cases")
