"""What a batch costs on its way to and from transform(df), in Python alone.

Compares the form that the job's driver speaks with Arrow IPC and with CSV, over
rows of the penguins: CPU seconds for 1,000,000 rows, the best of several rounds.

    python3 bench/transfer.py        # Arrow only if pyarrow is there
"""

import importlib.util
import io
import json
import pathlib
import platform
import time

import pandas

ROOT = pathlib.Path(__file__).resolve().parent.parent
ROWS, ROUNDS, TOTAL = 20_000, 7, 1_000_000


def driver():
    spec = importlib.util.spec_from_file_location("driver", ROOT / "preprocess/script/driver.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def cost(work):
    """CPU seconds for TOTAL rows."""
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best * TOTAL / ROWS


class Script:
    """A script whose result is what it was given, but never the same objects."""

    def __init__(self, frame):
        self.frame = frame

    def transform(self, _df):
        return self.frame


def ours(frame):
    module = driver()
    # Columns of another batch, so that none goes back as it came.
    changed = frame.copy()
    for name in changed.columns:
        if changed[name].dtype == object:
            changed[name] = [value + "." if isinstance(value, str) else value for value in changed[name]]
        else:
            changed[name] = changed[name] + 0.5
    runner = module.FrameScript(Script(changed), list(frame.columns), False)
    columns, bodies = [], []
    for name in frame.columns:
        column = frame[name]
        if column.dtype == object:
            values = [value if isinstance(value, str) else None for value in column]
            columns.append({"kind": "text"})
            bodies.append(json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode())
        else:
            columns.append({"kind": "f8"})
            bodies.append(column.to_numpy("<f8").tobytes())

    def there():
        runner.arrays = [runner.array(*pair) for pair in zip(columns, bodies)]
        runner.frame(len(frame))

    return there, lambda: [runner.body(changed[name], name) for name in changed.columns], sum(map(len, bodies))


def csv(frame):
    text = frame.to_csv(index=False)
    return lambda: pandas.read_csv(io.StringIO(text)), lambda: frame.to_csv(index=False), len(text)


def arrow(frame):
    import pyarrow
    from pyarrow import ipc

    schema = pyarrow.Schema.from_pandas(frame, preserve_index=False)

    def back():
        sink = pyarrow.BufferOutputStream()
        with ipc.new_stream(sink, schema) as writer:
            writer.write_batch(pyarrow.RecordBatch.from_pandas(frame, schema=schema, preserve_index=False))
        return sink.getvalue()

    stream = back()

    def there():
        # As pandas.read_csv would give it: texts are str objects, and all can be changed.
        with ipc.open_stream(stream) as reader:
            return reader.read_all().to_pandas(split_blocks=False, strings_to_categorical=False).copy()

    return there, back, stream.size


def main():
    frame = pandas.read_csv(ROOT / "examples/penguins/penguins.csv")
    for name in frame.columns:
        if frame[name].dtype != object and frame[name].dtype.kind not in "fi":
            frame[name] = frame[name].astype(object)
    frame = pandas.concat([frame] * (ROWS // len(frame) + 1), ignore_index=True).iloc[:ROWS].copy()
    forms = {"arrays and JSON": ours, "CSV": csv, "Arrow IPC": arrow}
    print(f"Python {platform.python_version()}, pandas {pandas.__version__}; CPU seconds for {TOTAL:,} rows of {len(frame.columns)} columns")
    first = None
    for name, form in forms.items():
        try:
            there, back, size = form(frame)
        except ImportError as missing:
            print(f"{name:16} {missing}")
            continue
        seconds = cost(there), cost(back)
        first = first or sum(seconds)
        print(f"{name:16} to {seconds[0]:.2f}  from {seconds[1]:.2f}  together {sum(seconds):.2f} ({sum(seconds) / first:.2f})  {size / ROWS:.0f} bytes a row")


if __name__ == "__main__":
    main()
