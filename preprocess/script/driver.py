"""Runs a team's script for the job, over batches of a table.

The job writes requests to one pipe and reads answers from another. A message is
the length of its head (4 bytes, little endian), the head (JSON) and then the
columns one after the other, each of as many bytes as the head says:

    f8, f4      numbers, 8 or 4 bytes each, little endian; NaN is missing
    i8          whole numbers, 8 bytes each
    b1          true 1, false 0, missing -1, a byte each
    text        a JSON array of strings, null is missing; an answer says with "of"
                if they stand for values that are all f8, i8 or b1

What the script prints goes to the log. docs/scripts.md is the contract.
"""

import contextlib
import errno
import json
import linecache
import os
import struct
import sys
import time
import traceback

MAX_TRACEBACK = 16000  # characters of a traceback that are told
FAULT_SECONDS = 10  # to look for the first row at fault


class Fault(Exception):
    """Something is wrong with what the script defines or gives back."""

    def __init__(self, reason, row=None):
        super().__init__(reason)
        self.row = row


class Missing(Exception):
    """Something that the script needs is not installed."""


class Rows(list):
    """Rows of a batch as a list, which remembers the one that was taken last."""

    taken = None

    def __iter__(self):
        for index, row in enumerate(super().__iter__()):
            self.taken = index
            yield row


class Context:
    """What setup(context) gets: period, keys, package_path and stage."""

    def __init__(self, values):
        self.period = values["period"] or None
        self.keys = values["keys"]
        self.package_path = values["package_path"] or None
        self.stage = values["stage"]


def read_exactly(stream, size):
    data = stream.read(size)
    if len(data) != size:
        raise EOFError
    return data


def receive(stream):
    """The head and the columns of the next message; None at the end."""
    size = stream.read(4)
    if not size:
        return None
    (size,) = struct.unpack("<I", size)
    head = json.loads(read_exactly(stream, size))
    return head, [read_exactly(stream, column["bytes"]) for column in head.get("columns", ())]


def send(stream, head, bodies=()):
    text = json.dumps(head).encode()
    stream.write(struct.pack("<I", len(text)))
    stream.write(text)
    for body in bodies:
        stream.write(body)
    stream.flush()


def load(config):
    """Run the script's file and return its names."""
    with open(config["path"], "rb") as file:
        source = file.read()
    name = config["name"]
    lines = source.decode("utf-8", "replace").splitlines(True)
    linecache.cache[name] = (len(source), None, lines, name)
    stem = os.path.splitext(name)[0]
    module = type(sys)(stem if stem not in sys.modules else "script")
    module.__file__ = config["path"]
    sys.modules[module.__name__] = module
    exec(compile(source, name, "exec"), module.__dict__)  # pylint: disable=exec-used
    return module


def flag(module, name):
    value = getattr(module, name, False)
    if not isinstance(value, bool):
        raise Fault(f"{name} is {value!r}; want True or False")
    return value


def convert(value, name, row):
    """The text of a cell, None if it is missing."""
    kind = type(value)
    if kind is str or value is None:
        return value
    if isinstance(value, str):
        return str(value)
    if hasattr(value, "item") and hasattr(value, "dtype"):
        if getattr(value, "shape", ()) != ():
            raise Fault(f"column {name!r}: a cell holds {kind.__name__}; want text, a number or a date", row)
        if str(value.dtype) == "float32":
            return None if value != value else str(value)
        if value.dtype.kind in "fiub":
            value = value.item()
            kind = type(value)
    if isinstance(value, bool):
        return "True" if value else "False"
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, float):
        return None if value != value else float.__repr__(float(value))
    if isinstance(value, (list, tuple, dict, set, frozenset, bytes, bytearray)):
        raise Fault(f"column {name!r}: a cell holds {kind.__name__}; want text, a number or a date", row)
    if kind.__name__ in ("NaTType", "NAType"):
        return None
    return str(value)


def kind_of(values, kinds):
    """What values of these Python types all are: f8, i8 or b1, None if something else."""
    numpy = sys.modules.get("numpy")
    found = set()
    for kind in kinds:
        if kind is type(None) or kind.__name__ in ("NaTType", "NAType"):
            continue
        if issubclass(kind, bool) or numpy and issubclass(kind, numpy.bool_):
            found.add("b1")
        elif issubclass(kind, int) or numpy and issubclass(kind, numpy.integer):
            found.add("i8")
        elif kind is float or numpy and kind is numpy.float64:
            found.add("f8")
        else:
            return None
    if len(found) > 1 and "f8" in found and all(value != value for value in values if isinstance(value, float)):
        found.remove("f8")  # missing
    if found == {"b1"} or found == {"f8"}:
        return found.pop()
    whole = [value for value in values if not isinstance(value, float) and hasattr(value, "__index__")]
    if found == {"i8"} and all(-(2**63) <= value < 2**63 for value in whole):
        return "i8"
    if found == {"i8", "f8"} and all(-(2**53) <= value <= 2**53 for value in whole):
        return "f8"
    return None


def text_body(values, name):
    """A column of any values as it is described, and as a JSON array."""
    kinds = set(map(type, values))
    of = None
    if not kinds <= {str, type(None)}:
        of = kind_of(values, kinds)
        values = [value if type(value) is str else convert(value, name, row) for row, value in enumerate(values)]
    try:
        body = json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        for row, value in enumerate(values):
            try:
                (value or "").encode()
            except UnicodeEncodeError:
                raise Fault(f"column {name!r}: a cell holds text that is no valid Unicode", row) from None
        raise
    about = {"kind": "text", "bytes": len(body)}
    if of is not None:
        about["of"] = of
    return about, body


def same_objects(left, right):
    return len(left) == len(right) and all(map(same_object, left, right))


def same_object(left, right):
    return left is right


@contextlib.contextmanager
def quiet():
    """What is printed again is not logged again."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(1), os.dup(2)]
    nothing = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 1)
        os.dup2(nothing, 2)
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for descriptor, copy in enumerate(kept, 1):
            os.dup2(copy, descriptor)
            os.close(copy)
        os.close(nothing)


class RowScript:
    """process(rows): an iterable of dictionaries in, one out."""

    def __init__(self, module, names):
        self.function = module.process
        self.names = names
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise Fault(f"columns that stand twice in the input: {', '.join(map(repr, twice))}; process(rows) needs different names")
        self.out_names = getattr(module, "columns", None)
        if self.out_names is not None:
            self.out_names = [str(name) for name in self.out_names]
        self.rows = None

    def run(self, head, bodies):
        columns = [json.loads(body) for body in bodies]
        count = head["rows"]
        self.rows = Rows(dict(zip(self.names, values)) for values in zip(*columns)) if columns else Rows({} for _ in range(count))
        result = self.function(self.rows)
        if result is None or isinstance(result, (str, bytes, dict)):
            raise Fault(f"process(rows) gave back {type(result).__name__}; want a list of dictionaries, or yield them")
        out = []
        for row, cells in enumerate(result):
            if not isinstance(cells, dict):
                raise Fault(f"process(rows) gave back a row that is {type(cells).__name__}; want a dictionary", row)
            if self.out_names is None:
                self.out_names = list(cells)
                self.check_names()
            if len(cells) != len(self.out_names) or any(name not in cells for name in self.out_names):
                missing = [name for name in self.out_names if name not in cells]
                more = [name for name in cells if name not in self.out_names]
                raise Fault(f"a row has other keys than the first one: missing {missing!r}, too many {more!r}", row)
            out.append(cells)
        if self.out_names is None:
            if count:
                raise Fault('process(rows) gave back no row at first, so that its columns are not known; define columns = ["...", ...] in the script')
            self.out_names = self.names
        answer, made = [], []
        places = {name: place for place, name in enumerate(self.names)}
        for name in self.out_names:
            values = [cells[name] for cells in out]
            place = places.get(name)
            if place is not None and same_objects(values, columns[place]):
                answer.append({"same": place})
                continue
            about, body = text_body(values, name)
            answer.append(about)
            made.append(body)
        return len(out), self.out_names, answer, made, None

    def check_names(self):
        for name in self.out_names:
            if not isinstance(name, str):
                raise Fault(f"process(rows) gave back a row with the key {name!r}; want text")

    def fault_row(self, _error):
        return self.rows.taken if self.rows is not None else None


class FrameScript:
    """transform(df): a pandas data frame in, one out."""

    def __init__(self, module, names, filters):
        import numpy
        import pandas

        self.numpy, self.pandas = numpy, pandas
        self.function = module.transform
        self.names = names
        self.filters = filters
        self.places = {}
        for place, name in enumerate(names):
            self.places.setdefault(name, []).append(place)
        self.arrays, self.count = [], 0

    def array(self, column, body):
        numpy = self.numpy
        kind = column["kind"]
        if kind == "text":
            values = json.loads(body)
            array = numpy.empty(len(values), dtype=object)
            array[:] = [numpy.nan if value is None else value for value in values] if None in values else values
            return array
        if kind == "b1":
            array = numpy.frombuffer(body, "i1")
            if not column.get("gaps"):
                return array.astype(bool)
            values = numpy.array([False, True, numpy.nan], dtype=object)
            return values[array]
        return numpy.frombuffer(body, "<" + kind)

    def frame(self, rows):
        arrays = {place: array[:rows] for place, array in enumerate(self.arrays)}
        frame = self.pandas.DataFrame(arrays, index=self.pandas.RangeIndex(rows), copy=True)
        frame.columns = self.names
        return frame

    def run(self, head, bodies):
        pandas = self.pandas
        self.count = head["rows"]
        self.arrays = [self.array(*pair) for pair in zip(head["columns"], bodies)]
        out = self.function(self.frame(self.count))
        if not isinstance(out, pandas.DataFrame):
            raise Fault(f"transform(df) gave back {type(out).__name__}; want a pandas data frame")
        if out.columns.nlevels > 1:
            raise Fault("transform(df) gave back columns of several levels; want one name for each")
        names = [str(name) for name in out.columns]
        taken = self.taken(out)
        answer, made = [], []
        seen = {}
        for at, name in enumerate(names):
            column = out.iloc[:, at]
            nth = seen[name] = seen.get(name, -1) + 1
            places = self.places.get(name, ())
            place = places[nth] if nth < len(places) else None
            if place is not None and taken is not None and self.same(column, place, taken):
                answer.append({"same": place})
                continue
            about, body = self.body(column, name)
            answer.append(about)
            made.append(body)
        rows = None
        if taken is not None and not isinstance(taken, slice):
            rows = taken.astype("<i8").tobytes()
        return len(out), names, answer, made, rows

    def taken(self, out):
        """Which rows of the batch those of out may be: a slice for all, an array, or None."""
        numpy, index = self.numpy, out.index
        if isinstance(index, self.pandas.RangeIndex) and index.start == 0 and index.step == 1:
            if len(index) == self.count:
                return slice(None)
            return numpy.arange(len(index)) if len(index) < self.count else None
        if index.nlevels > 1 or index.name is not None or index.dtype.kind not in "iu":
            return None if len(out) != self.count else slice(None)
        labels = index.to_numpy()
        if len(labels) and (labels.min() < 0 or labels.max() >= self.count):
            return None if len(out) != self.count else slice(None)
        if len(labels) != self.count:
            return labels
        if (labels == numpy.arange(self.count)).all():
            return slice(None)
        if not self.filters:
            raise Fault("transform(df) gave back the rows in another order; want the order of df, or filters = True")
        return labels

    def same(self, column, place, taken):
        before = self.arrays[place]
        if column.dtype != before.dtype:
            return False
        now, before = column.to_numpy(), before[taken]
        if len(now) != len(before):
            return False
        if before.dtype.kind == "O":
            return same_objects(now.tolist(), before.tolist())
        if before.dtype.kind == "f":  # NaN is the same as itself
            now, before = now.view("i%d" % now.itemsize), before.view("i%d" % before.itemsize)
        return bool((now == before).all())

    def body(self, column, name):
        dtype = column.dtype
        kind = getattr(dtype, "kind", "O")
        if isinstance(dtype, self.numpy.dtype):
            array, to = column.to_numpy(), None
            if kind == "f":
                to = "f8" if dtype.itemsize >= 8 else "f4"
            elif kind == "i" or kind == "u" and (dtype.itemsize < 8 or not len(array) or array.max() < 2**63):
                to = "i8"
            elif kind == "b":
                body = array.astype("i1").tobytes()
                return {"kind": "b1", "bytes": len(body)}, body
            elif kind == "c":
                raise Fault(f"column {name!r}: complex numbers; want text, numbers or dates")
            if to:
                body = array.astype("<" + to).tobytes()
                return {"kind": to, "bytes": len(body)}, body
        return text_body(column.astype(object).tolist(), name)

    def fault_row(self, error):
        """The last row of the shortest batch that fails in the same way."""
        if self.count == 0:
            return None
        deadline = time.monotonic() + FAULT_SECONDS

        def fails(rows):
            try:
                self.function(self.frame(rows))
            except BaseException as again:  # pylint: disable=broad-except
                return type(again) is type(error)
            return False

        good, bad = 0, self.count
        with quiet():
            if not fails(bad):
                return None  # it depends on what came before
            while bad - good > 1:
                if time.monotonic() > deadline:
                    return None
                middle = (good + bad) // 2
                if fails(middle):
                    bad = middle
                else:
                    good = middle
        return bad - 1


def start(config):
    module = load(config)
    filters, stateless = flag(module, "filters"), flag(module, "stateless")
    has = [name for name in ("transform", "process") if callable(getattr(module, name, None))]
    if len(has) != 1:
        what = "defines both transform and process" if has else "defines neither transform(df) nor process(rows)"
        raise Fault(f"{what}; want one of them")
    if has == ["transform"]:
        try:
            import pandas  # noqa: F401  pylint: disable=unused-import
        except ImportError as problem:
            raise Missing(f"pandas in {sys.executable}, which transform(df) needs: {problem}") from None
        runner = FrameScript(module, config["names"], filters)
    else:
        runner = RowScript(module, config["names"])
    setup = getattr(module, "setup", None)
    if callable(setup):
        setup(Context(config["context"]))
    return runner, {"mode": has[0], "filters": filters, "stateless": stateless}


def of_network(error):
    """Whether an exception comes from a socket that the script may not have."""
    socket = sys.modules.get("socket")
    seen = set()
    while socket and error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, socket.gaierror) or isinstance(error, PermissionError) and error.errno == errno.EACCES and error.filename is None:
            return True
        error = error.__cause__ or error.__context__
    return False


def told(error, runner):
    """What the job is told of an exception."""
    if isinstance(error, Fault):
        return {"kind": "fault", "text": str(error), "row": error.row}
    if isinstance(error, Missing):
        return {"kind": "missing", "text": str(error), "row": None}
    kind = "memory" if isinstance(error, MemoryError) else "network" if of_network(error) else "exception"
    ours = os.path.abspath(__file__)
    trace = traceback.TracebackException.from_exception(error)
    trace.stack = traceback.StackSummary.from_list([frame for frame in trace.stack if os.path.abspath(frame.filename) != ours])
    text = "".join(trace.format()).rstrip()
    if len(text) > MAX_TRACEBACK:
        text = text[: MAX_TRACEBACK // 2] + "\n...\n" + text[-MAX_TRACEBACK // 2 :]
    row = runner.fault_row(error) if runner is not None and kind != "memory" else None
    return {"kind": kind, "text": text.encode("utf-8", "replace").decode(), "row": row}


def main():
    for descriptor in map(int, sys.argv[1:3]):
        os.set_inheritable(descriptor, False)
    requests = os.fdopen(int(sys.argv[1]), "rb", 1 << 16)
    answers = os.fdopen(int(sys.argv[2]), "wb", 1 << 16)
    sys.path.pop(0)  # the folder of this file
    runner = None
    try:
        config, _ = receive(requests)
        runner, ready = start(config)
    except BaseException as error:  # pylint: disable=broad-except
        send(answers, {"error": told(error, None)})
        return
    send(answers, ready)
    last_names = None
    while True:
        message = receive(requests)
        if message is None:
            return
        try:
            rows, names, columns, bodies, taken = runner.run(*message)
        except BaseException as error:  # pylint: disable=broad-except
            send(answers, {"error": told(error, runner)})
            return
        head = {"rows": rows, "columns": columns}
        if names != last_names:
            head["names"] = last_names = names
        if taken is not None:
            head["taken"] = len(taken)
            bodies = [taken, *bodies]
        send(answers, head, bodies)


if __name__ == "__main__":
    main()
