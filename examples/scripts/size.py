"""Runs after the model: adds a column to the result."""


def transform(df):
    df["size"] = (df["flipper_length_mm"] + df["body_mass_g"]) / 2
    return df
