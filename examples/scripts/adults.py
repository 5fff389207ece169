"""Runs before the model, without pandas: leaves out rows and adds a column."""

import ranges  # of the package

filters = True  # fewer rows come back than went in

limits = {}


def setup(context):
    limits["mass"] = ranges.MASS
    print("rows below", limits["mass"], "g are left out", "in", context.period or "any month")


def process(rows):
    for row in rows:
        if row["body_mass_g"] is not None and float(row["body_mass_g"]) < limits["mass"]:
            continue
        row["site"] = row["island"][:1]
        yield row
