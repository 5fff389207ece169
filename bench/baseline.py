"""What the job replaces: pandas reads, scikit-learn transforms, pandas writes.

    python3 baseline.py INPUT.csv MODEL.joblib OUTPUT.csv [ROWS_PER_CHUNK]
"""

import sys

import joblib
import pandas as pd

KEEP = ["id", "ts"]


def main():
    source, path, target = sys.argv[1:4]
    chunk = int(sys.argv[4]) if len(sys.argv) > 4 else None
    model = joblib.load(path)
    names = model.get_feature_names_out()
    parts = pd.read_csv(source, float_precision="round_trip", chunksize=chunk)
    with open(target, "w", encoding="utf-8", newline="") as file:
        for i, data in enumerate(parts if chunk else [parts]):
            data = data.reset_index(drop=True)
            result = pd.DataFrame(model.transform(data), columns=names)
            pd.concat([data[KEEP], result], axis=1).to_csv(file, index=False, header=i == 0)


main()
