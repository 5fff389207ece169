"""Fit the example's model and write scikit-learn's own output beside it.

Run with Debian's python3-sklearn and python3-pandas:

    python3 examples/penguins/fit.py

Running and testing the pipeline never needs Python; this script only makes files.
"""

import pathlib
import pickle

import joblib
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

HERE = pathlib.Path(__file__).resolve().parent
MEASUREMENTS = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]
KEEP = ["species"]

# pandas' default float parser is off in the last digits of many long decimals.
penguins = pd.read_csv(HERE / "penguins.csv", float_precision="round_trip")

model = ColumnTransformer(
    [
        (
            "size",
            Pipeline([("impute", SimpleImputer(strategy="median")), ("scale", StandardScaler())]),
            MEASUREMENTS,
        ),
        ("where", OneHotEncoder(handle_unknown="ignore"), ["island"]),
        (
            "sex",
            Pipeline(
                [
                    ("impute", SimpleImputer(strategy="most_frequent")),
                    (
                        "code",
                        OrdinalEncoder(
                            categories=[["FEMALE", "MALE"]],  # one record says "."
                            handle_unknown="use_encoded_value",
                            unknown_value=-1,
                        ),
                    ),
                ]
            ),
            ["sex"],
        ),
    ],
    verbose_feature_names_out=False,
)
model.fit(penguins.drop(columns=KEEP))

joblib.dump(model, HERE / "model.joblib")
with open(HERE / "model.pkl", "wb") as file:
    pickle.dump(model, file)

result = pd.DataFrame(model.transform(penguins), columns=model.get_feature_names_out())
pd.concat([penguins[KEEP], result], axis=1).to_csv(HERE / "expected.csv", index=False)
