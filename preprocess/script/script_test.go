package script

import (
	"context"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ds-pipeline/internal/pythontest"
	"ds-pipeline/preprocess/frame"
	"ds-pipeline/preprocess/table"
)

// made is a script in a folder of its own.
func made(t testing.TB, name, text string) (*Script, func() string) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var logged strings.Builder
	s := &Script{
		Name: name, Path: path, Python: pythontest.Find(t), Scratch: dir,
		Limits:  Limits{MemoryBytes: 1 << 30, Timeout: 30 * time.Second},
		Context: Context{Period: "2026-11", Stage: "before", Keys: map[string]string{"input": "s3://in/raw.csv"}},
		Log: func(line string) {
			mu.Lock()
			defer mu.Unlock()
			logged.WriteString(line + "\n")
		},
	}
	return s, func() string {
		mu.Lock()
		defer mu.Unlock()
		return logged.String()
	}
}

func texts(cells ...string) Column {
	c := Column{Column: frame.Column{Kind: frame.Text}}
	for _, cell := range cells {
		if cell == "-" {
			c.Texts = append(c.Texts, nil)
		} else {
			c.Texts = append(c.Texts, []byte(cell))
		}
	}
	return c
}

func ints(v ...int64) Column { return Column{Column: frame.Column{Kind: frame.Int, Ints: v}} }
func floats(v ...float64) Column {
	return Column{Column: frame.Column{Kind: frame.Float, Floats: v}}
}

func batch(rows int, columns ...Column) *Batch { return &Batch{Rows: rows, Columns: columns} }

// runAll sends batches and returns what comes back as CSV.
func runAll(s *Script, names []string, most int, batches ...*Batch) (string, error) {
	r, err := s.Start(context.Background(), names, most)
	if err != nil {
		return "", err
	}
	defer r.Close()
	go func() {
		for _, b := range batches {
			if r.Send(b) != nil {
				break
			}
		}
		r.CloseSend()
	}()
	f := table.NewFormatter(table.CSV)
	f.QuoteEmpty = true
	var text []byte
	for {
		got, err := r.Receive()
		if errors.Is(err, io.EOF) {
			return string(text), nil
		}
		if err != nil {
			return string(text), err
		}
		if text == nil {
			text = f.AppendHeader(text, r.Names())
		}
		columns := append([]frame.Column{}, got.Columns...)
		for i, same := range got.Same {
			if same < 0 {
				continue
			}
			columns[i] = got.Batch.Columns[same].Column
			if got.Taken != nil {
				columns[i] = pick(columns[i], got.Taken)
			}
		}
		text = f.AppendRows(text, columns, got.Rows, make([]bool, got.Rows))
	}
}

// pick is some rows of a column.
func pick(c frame.Column, rows []int64) frame.Column {
	some := frame.Column{Kind: c.Kind}
	for _, row := range rows {
		switch c.Kind {
		case frame.Text:
			some.Texts = append(some.Texts, c.Texts[row])
		case frame.Int, frame.Bool:
			some.Ints = append(some.Ints, c.Ints[row])
		default:
			some.Floats = append(some.Floats, c.Floats[row])
		}
	}
	return some
}

func TestScript_givesBackWhatItMakes(t *testing.T) {
	tests := []struct {
		name, file, text string
		batches          []*Batch
		want             string
	}{
		{"a frame", "s.py", `
def transform(df):
    assert list(map(str, df.dtypes)) == ["int64", "float64", "object"], df.dtypes
    df["n"] += 1
    df["x"] = df["x"].fillna(0.5)
    df["t"] = df["t"].str.upper()
    return df.rename(columns={"t": "T"})
`, []*Batch{batch(2, ints(1, 2), floats(0.1, math.NaN()), texts("é,", "-")), batch(1, ints(-3), floats(1e300), texts(""))},
			"n,x,T\n2,0.1,\"É,\"\n3,0.5,\n-2,1e+300,\"\"\n"},
		{"rows", "s.py", `
def process(rows):
    for row in rows:
        yield {"n": int(row["n"]) + 1, "x": row["x"], "t": row["t"], "missing": row["t"] is None}
`, []*Batch{batch(2, ints(1, 2), floats(0.1, math.NaN()), texts("é\"", "-")), batch(1, ints(-3), floats(1e300), texts(""))},
			"n,x,t,missing\n2,0.1,\"é\"\"\",False\n3,,,True\n-2,1e+300,\"\",False\n"},
		{"a program", "s.sh", "#!/bin/sh\nsed s/1/2/\n",
			[]*Batch{batch(2, ints(1, 2), floats(0.1, math.NaN()), texts("é\n", "-")), batch(1, ints(-3), floats(1e300), texts(""))},
			"n,x,t\n2,0.1,\"é\n\"\n2,,\n-3,2e+300,\"\"\n"},
		{"fewer rows", "s.py", "filters = True\ndef transform(df):\n    return df[df.n > 1]\n",
			[]*Batch{batch(3, ints(1, 2, 3), floats(1, 2, 3), texts("a", "b", "c"))}, "n,x,t\n2,2.0,b\n3,3.0,c\n"},
		{"more rows", "s.py", "filters = True\ndef process(rows):\n    return [row for row in rows for _ in range(2)]\n",
			[]*Batch{batch(1, ints(1), floats(1), texts("a"))}, "n,x,t\n1,1.0,a\n1,1.0,a\n"},
		{"kinds of pandas", "s.py", `
import datetime
import numpy as np, pandas as pd
def transform(df):
    return pd.DataFrame({
        "nullable": pd.array([1, None], dtype="Int64"), "day": [pd.Timestamp("2026-11-01"), pd.NaT],
        "category": pd.Categorical(["a", None]), "narrow": np.array([0.1, np.nan], "float32"),
        "flag": [True, False], "objects": [True, 2.5], "big": np.array([2**63, 1], "uint64"), 7: ["", None]})
`, []*Batch{batch(2, ints(1, 2), floats(0.1, 0.2), texts("", ""))},
			"nullable,day,category,narrow,flag,objects,big,7\n1,2026-11-01 00:00:00,a,0.1,True,True,9223372036854775808,\"\"\n,,,,False,2.5,1,\n"},
		{"setup and the context", "s.py", `
state = []
def setup(context):
    state.append(f"{context.period} {context.stage} {context.keys['input']} {context.package_path}")
def process(rows):
    return [{"told": state[0]} for _ in rows]
`, []*Batch{batch(1, ints(1), floats(1), texts("a"))}, "told\n2026-11 before s3://in/raw.csv None\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s, _ := made(t, test.file, test.text)
			got, err := runAll(s, []string{"n", "x", "t"}, 1, test.batches...)
			if err != nil {
				t.Fatal(err)
			}
			// Of a program, numbers come back as texts.
			if got != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}

func TestScript_saysWhatIsWrong(t *testing.T) {
	tests := []struct {
		name, file, text, want string
		row                    int
	}{
		{"nothing defined", "s.py", "x = 1\n", "defines neither transform(df) nor process(rows); want one of them", -1},
		{"both defined", "s.py", "def transform(df): pass\ndef process(rows): pass\n", "defines both transform and process; want one of them", -1},
		{"no Python", "s.py", "def process(rows)\n", "File \"s.py\", line 1\n    def process(rows)", -1},
		{"filters is no bool", "s.py", "filters = 'yes'\ndef process(rows): return rows\n", "filters is 'yes'; want True or False", -1},
		{"an exception", "s.py", "def transform(df):\n    df['n'].map(lambda v: 1 // (v - 2))\n    return df\n", "ZeroDivisionError", 1},
		{"an exception in a row", "s.py", "def process(rows):\n    for row in rows:\n        1 // (int(row['n']) - 2)\n        yield row\n", "File \"s.py\", line 3, in process\n    1 // (int(row['n']) - 2)", 1},
		{"another number of rows", "s.py", "def transform(df):\n    return df.head(2)\n", "gave back 2 rows for 3; want the same number, or filters = True in the script", -1},
		{"another order", "s.py", "def transform(df):\n    return df.sort_values('n', ascending=False)\n", "gave back the rows in another order", -1},
		{"nothing given back", "s.py", "def transform(df):\n    pass\n", "transform(df) gave back NoneType; want a pandas data frame", -1},
		{"a row that differs", "s.py", "def process(rows):\n    for i, row in enumerate(rows):\n        if i == 1: del row['t']\n        yield row\n", "a row has other keys than the first one: missing ['t'], too many []", 1},
		{"a cell that is a list", "s.py", "def transform(df):\n    df['t'] = [[1], [2], [3]]\n    return df\n", "column 't': a cell holds list; want text, a number or a date", 0},
		{"no Unicode", "s.py", "def process(rows):\n    for row in rows:\n        row['t'] = '\\udc00'\n        yield row\n", "column 't': a cell holds text that is no valid Unicode", 0},
		{"too much memory to load", "s.py", "x = 'x' * (1 << 31)\ndef process(rows): return rows\n", "its memory is limited to 1024 MiB", -1},
		{"its end", "s.py", "import os\ndef process(rows):\n    os._exit(3)\n", "it ended with exit status 3", -1},
		{"too much memory", "s.py", "def process(rows):\n    x = 'x' * (1 << 31)\n", "its memory is limited to 1024 MiB", -1},
		{"a program that fails", "s.sh", "#!/bin/sh\necho oh no >&2\nexit 7\n", "it ended with exit status 7\n  oh no", -1},
		{"a program that writes nothing", "s.sh", "#!/bin/sh\ncat >/dev/null\n", "gave back 0 rows for 3", -1},
		{"a program that loses rows", "s.sh", "#!/bin/sh\nhead -2\n", "gave back 1 rows for 3; want the same number, or the line # filters = True in the script", -1},
		{"a program that writes no CSV", "s.sh", "#!/bin/sh\nprintf 'a,b\\n1\\n'; cat >/dev/null\n", "wrote no proper CSV: after row 0: 1 field, want 2", -1},
		{"no interpreter", "s", "#!/no/such/thing\n", "not found", -1},
		{"no program", "s", "just text\n", "cannot be run: exec format error; want a .py file, a program for this machine, or a text whose first line is #! and an interpreter", -1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s, _ := made(t, test.file, test.text)
			_, err := runAll(s, []string{"n", "x", "t"}, 1, batch(3, ints(1, 2, 3), floats(1, 2, 3), texts("a", "b", "c")))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v, want %s", err, test.want)
			}
			var e *Error
			if errors.As(err, &e) && e.Row != test.row {
				t.Errorf("row %d, want %d", e.Row, test.row)
			}
		})
	}
}

func TestScript_printsOnceWhenItFails(t *testing.T) {
	s, logged := made(t, "s.py", "def transform(df):\n    print('at work')\n    return 1 // 0\n")
	_, err := runAll(s, []string{"n"}, 1, batch(100, ints(make([]int64, 100)...)))
	if got := logged(); err == nil || got != "at work\n" {
		t.Errorf("logged %q, %v", got, err)
	}
}

func TestScript_isIsolated(t *testing.T) {
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("ECS_CONTAINER_METADATA_URI_V4", "http://169.254.170.2/v4/secret")
	t.Setenv("HTTP_PROXY", "http://secret")
	outside := filepath.Join(t.TempDir(), "outside")
	s, logged := made(t, "s.py", `
import os, subprocess, tempfile
def setup(context):
    print("environment:", sorted(os.environ))
    try:
        print("the job's:", "secret" in open(f"/proc/{os.getppid()}/environ").read())
    except PermissionError:
        print("the job's: denied")
    with tempfile.TemporaryFile() as file:
        print("scratch:", file.write(b"x"))
    try:
        open(`+strconv.Quote(outside)+`, "w")
        print("outside: written")
    except PermissionError:
        print("outside: denied")
    print("group:", os.getpgid(0) != os.getpgid(os.getppid()))
    print("stdin:", os.read(0, 1))
    print("\x1b[31m" + "long" * 10000)
    subprocess.run(["true"], check=True)
def process(rows):
    return rows
`)
	if _, err := runAll(s, []string{"n"}, 1, batch(1, ints(1))); err != nil {
		t.Fatal(err)
	}
	got := logged()
	for _, want := range []string{"scratch: 1\n", "group: True\n", "stdin: b''\n", "\uFFFD[31mlonglong"} {
		if !strings.Contains(got, want) {
			t.Errorf("missing %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "AWS") || strings.Contains(got, "ECS") || strings.Contains(got, "PROXY") || len(got) > 5000 {
		t.Errorf("%d bytes logged:\n%.5000s", len(got), got)
	}
	if os.Getuid() != 0 && !strings.Contains(got, "the job's: denied\n") {
		t.Errorf("the job's environment can be read:\n%s", got)
	}
	if abi, _, errno := syscall.Syscall(444, 0, 0, 1); errno == 0 && abi > 0 && !strings.Contains(got, "outside: denied\n") {
		t.Errorf("the kernel has Landlock, but:\n%s", got)
	}
}

// The launcher limits itself before it becomes the script, and must not need what
// it then has no more.
func TestScript_startsEveryTime(t *testing.T) {
	for range 200 {
		s, _ := made(t, "s.sh", "#!/bin/true\n")
		s.Limits.MemoryBytes = 64 << 20
		if _, err := runAll(s, []string{"n"}, 1); err == nil || err.Error() != "wrote nothing; want CSV with a header" {
			t.Fatal(err)
		}
	}
	s, _ := made(t, "s.sh", "neither a program nor a text\n")
	s.Limits.MemoryBytes = 64 << 20
	if _, err := runAll(s, []string{"n"}, 1); err == nil || !strings.HasPrefix(err.Error(), "cannot be run: exec format error; want") {
		t.Error(err)
	}
}

func TestScript_isKilledWithItsChildren(t *testing.T) {
	for name, test := range map[string]struct{ file, text string }{
		"Python":    {"s.py", "import os, subprocess\nchild = subprocess.Popen(['sleep', '1000'])\nprint('child', child.pid)\ndef process(rows): return rows\n"},
		"a program": {"s.sh", "#!/bin/sh\nsleep 1000 </dev/null >/dev/null &\necho child $! >&2\nexec cat\n"},
	} {
		t.Run(name, func(t *testing.T) {
			s, logged := made(t, test.file, test.text)
			if _, err := runAll(s, []string{"n"}, 1, batch(1, ints(1))); err != nil {
				t.Fatal(err)
			}
			_, pid, ok := strings.Cut(strings.TrimSpace(logged()), "child ")
			child, err := strconv.Atoi(pid)
			if !ok || err != nil {
				t.Fatal("logged", logged())
			}
			for range 100 {
				state, err := os.ReadFile("/proc/" + pid + "/stat")
				if err != nil || strings.Contains(string(state), ") Z ") {
					return
				}
				time.Sleep(50 * time.Millisecond)
			}
			t.Error("child still runs:", syscall.Kill(child, syscall.SIGKILL))
		})
	}
}

func TestScript_hasSoMuchTime(t *testing.T) {
	for name, test := range map[string]struct{ file, text, want string }{
		"Python":    {"s.py", "import time\ndef process(rows): time.sleep(1000)\n", "took longer than 1.5s"},
		"loading":   {"s.py", "import time\ntime.sleep(1000)\n", "took longer than 1.5s"},
		"a program": {"s.sh", "#!/bin/sh\nsleep 1000\n", "neither read nor wrote anything for 1.5s"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _ := made(t, test.file, test.text)
			s.Limits.Timeout = 1500 * time.Millisecond
			if _, err := runAll(s, []string{"n"}, 1, batch(1, ints(1))); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

func TestScript_endsWithItsContext(t *testing.T) {
	s, _ := made(t, "s.py", "import time\ndef process(rows): time.sleep(1000)\n")
	ctx, cancel := context.WithCancel(context.Background())
	r, err := s.Start(ctx, []string{"n"}, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := r.Send(batch(1, ints(1))); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := r.Receive(); err == nil {
		t.Error("it gave something back")
	}
}

func TestScript_withoutStateRunsInSeveralProcesses(t *testing.T) {
	var batches []*Batch
	want := "n\n"
	for i := range int64(9) {
		batches = append(batches, batch(1, ints(i)))
		want += strconv.FormatInt(i, 10) + "\n"
	}
	for _, stateless := range []string{"True", "False"} {
		s, logged := made(t, "s.py", "import os\nstateless = "+stateless+"\ndef setup(context): print(os.getpid())\ndef process(rows): return rows\n")
		got, err := runAll(s, []string{"n"}, 3, batches...)
		if err != nil || got != want {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
		processes := strings.Count(logged(), "\n")
		if (processes == 3) != (stateless == "True") || processes != 3 && processes != 1 {
			t.Errorf("stateless = %s: %d processes", stateless, processes)
		}
	}
}

func TestScript_importsItsPackage(t *testing.T) {
	s, _ := made(t, "s.py", "import helper\ndef process(rows): return [{'is': helper.name()} for _ in rows]\n")
	s.Package = filepath.Join(s.Scratch, "package")
	if err := os.Mkdir(s.Package, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unpack(tarball(t, file("helper-1.0/helper/__init__.py", "def name(): return 'ours'\n")), s.Package, roomy); err != nil {
		t.Fatal(err)
	}
	got, err := runAll(s, []string{"n"}, 1, batch(1, ints(1)))
	if err != nil || got != "is\nours\n" {
		t.Errorf("got %q, %v", got, err)
	}
	_ = filepath.WalkDir(s.Package, func(path string, _ os.DirEntry, _ error) error {
		if strings.Contains(path, "__pycache__") {
			t.Error("left behind:", path)
		}
		return nil
	})
}

func TestTexts_areReadAsPythonWritesThem(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var want [][]byte
		for range rapid.IntRange(0, 5).Draw(t, "n") {
			if rapid.Bool().Draw(t, "missing") {
				want = append(want, nil)
			} else {
				want = append(want, []byte(rapid.String().Draw(t, "text")))
			}
		}
		text := appendTexts(nil, want)
		got, err := parseTexts(text, len(want))
		if err != nil {
			t.Fatal(err, string(text))
		}
		for i := range want {
			if (got[i] == nil) != (want[i] == nil) || string(got[i]) != string(want[i]) {
				t.Errorf("%d: got %q, want %q", i, got[i], want[i])
			}
		}
	})
}

func FuzzTexts(f *testing.F) {
	for _, seed := range []string{`[]`, `["a",null]`, `["\"\\\n\u0007é"]`, `[null,]`, `["a"`, `["\u00e9"]`} {
		f.Add([]byte(seed), 1)
	}
	f.Fuzz(func(t *testing.T, text []byte, rows int) {
		got, err := parseTexts(append([]byte{}, text...), max(rows, 0))
		if err == nil && len(got) != max(rows, 0) {
			t.Errorf("%d texts, want %d", len(got), rows)
		}
	})
}
