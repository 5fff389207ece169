package job

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"ds-pipeline/internal/pythontest"
)

// halves is a model that keeps a and halves b.
const halves = `{"format":1,"sklearn_version":"1.2.1","model":{"class":"MaxAbsScaler","feature_names_in":["a","b"],"n_features_in":2,"scale":[1,2],"max_abs":[1,2]}}`

// scripted writes a script, an input and a model, and returns the flags of a run
// with them and where the result goes.
func scripted(t *testing.T, name, script, input string) (args []string, out string) {
	t.Helper()
	dir := t.TempDir()
	out = filepath.Join(dir, "out", "result.csv")
	if err := os.Mkdir(filepath.Dir(out), 0o700); err != nil {
		t.Fatal(err)
	}
	return []string{
		"run", "--log", "text", "--output", out, "--input", write(t, filepath.Join(dir, "in.csv"), input),
		"--model", write(t, filepath.Join(dir, "model.json"), halves), "--script", write(t, filepath.Join(dir, name), script),
	}, out
}

// python is the environment of a run whose scripts have pandas. What it leaves
// behind in its scratch folder is an error.
func python(t *testing.T) []string {
	t.Helper()
	scratch := t.TempDir()
	t.Cleanup(func() {
		if left := names(t, scratch); len(left) > 0 {
			t.Errorf("left behind in the scratch folder: %v", left)
		}
	})
	return []string{"DS_PYTHON=" + pythontest.Find(t), "TMPDIR=" + scratch}
}

// abc is an input of so many rows, with ids that look like whole numbers.
func abc(rows int, last ...string) string {
	var b strings.Builder
	b.WriteString("id,a,b\n")
	for i := range rows {
		fmt.Fprintf(&b, "%07d,%d,%d.50\n", i, i, i)
	}
	for _, line := range last {
		b.WriteString(line + "\n")
	}
	return b.String()
}

// says expects a run to succeed and to say something in its log.
func (r result) says(t *testing.T, want string) {
	t.Helper()
	r.expect(t, 0)
	if !strings.Contains(r.stdout, want) {
		t.Errorf("%q is not in\n%s", want, r.stdout)
	}
}

// several is more rows than a batch has.
const several = 60_000

func TestScript_runsBeforeAndAfterTheModel(t *testing.T) {
	input := "id,a,b,c\n007,1,2,\"x\"\"\né\"\n\"\",3,,NA\n"
	tests := []struct {
		name, file, text, stage, keep, want string
	}{
		{"transform before", "s.py", "def transform(df):\n    df['b'] = df['b'].fillna(10) * 2\n    return df\n", "before", "id,c",
			"id,c,a,b\n007,\"x\"\"\né\",1.0,2.0\n,NA,3.0,10.0\n"},
		{"transform after", "s.py", "def transform(df):\n    df['sum'] = df['a'] + df['b']\n    return df\n", "after", "id,c",
			"id,c,a,b,sum\n007,\"x\"\"\né\",1.0,1.0,2.0\n,NA,3.0,,\n"},
		{"process before", "s.py", "def process(rows):\n    for row in rows:\n        row['b'] = '4' if row['b'] is None else row['b']\n        row['n'] = row['c']\n        yield row\n", "before", "id,n",
			"id,n,a,b\n007,\"x\"\"\né\",1.0,1.0\n,NA,3.0,2.0\n"},
		{"process after", "s.py", "def process(rows):\n    return [{'a': row['a'], 'id': row['id']} for row in rows]\n", "after", "id", "a,id\n1.0,007\n3.0,\n"},
		{"a program before", "s.sh", "#!/bin/sh\nexec sed s/^007/008/\n", "before", "id,c", "id,c,a,b\n008,\"x\"\"\né\",1.0,1.0\n,NA,3.0,\n"},
		{"a program after", "s.sh", "#!/bin/sh\nexec sed s/3.0/5/\n", "after", "id", "id,a,b\n007,1.0,1.0\n,5,\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			args, out := scripted(t, test.file, test.text, input)
			run(t, python(t), append(args, "--script-stage", test.stage, "--keep", test.keep)...).says(t, "2 in, 2 out")
			if got := read(t, out); got != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}

// Whatever a script does not touch is as if there were no script, in any format.
func TestScript_changesNothingItself(t *testing.T) {
	plain := filepath.Join(t.TempDir(), "plain.csv")
	run(t, nil, "run", "--input", penguins+"penguins.csv", "--model", penguins+"model.pkl", "--output", plain, "--keep", "species").expect(t, 0)
	lines := strings.Split(strings.TrimSpace(read(t, penguins+"penguins.csv")), "\n")
	header := strings.Split(lines[0], ",")
	var jsonl strings.Builder
	for _, line := range lines[1:] {
		object := map[string]any{}
		for i, cell := range strings.Split(line, ",") {
			object[header[i]] = any(cell)
			if _, err := fmt.Sscan(cell, new(float64)); err == nil {
				object[header[i]] = json.Number(cell)
			}
			if cell == "" {
				object[header[i]] = nil
			}
		}
		text, err := json.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		jsonl.Write(append(text, '\n'))
	}
	text := strings.Join(lines, "\n") + "\n"
	for name, input := range map[string]string{"in.csv": text, "in.tsv": strings.ReplaceAll(text, ",", "\t"), "in.jsonl": jsonl.String()} {
		for script, body := range map[string]string{
			"t.py": "stateless = True\ndef transform(df): return df\n", "p.py": "def process(rows): return rows\n", "c.sh": "#!/bin/sh\nexec cat\n",
		} {
			for _, stage := range []string{"before", "after"} {
				if stage == "after" && name != "in.csv" {
					continue // it sees nothing of the input
				}
				t.Run(name+" "+script+" "+stage, func(t *testing.T) {
					dir := t.TempDir()
					out := filepath.Join(dir, "out.csv")
					run(t, python(t), "run", "--input", write(t, filepath.Join(dir, name), input), "--model", penguins+"model.pkl", "--output", out, "--keep", "species",
						"--script", write(t, filepath.Join(dir, script), body), "--script-stage", stage).expect(t, 0)
					if got, want := read(t, out), read(t, plain); got != want {
						t.Errorf("got\n%.300s\nwant\n%.300s", got, want)
					}
				})
			}
		}
	}
}

func TestScript_seesTheKindsOfTheWholeInput(t *testing.T) {
	// Ids are whole numbers until the last row, a has a gap only there, and so on.
	check := `
def transform(df):
    assert list(map(str, df.dtypes)) == ["object", "float64", "float64"], df.dtypes
    df["a"] = df["a"].fillna(0)
    df["whole"] = [v if v % 1 else int(v) for v in df["a"]]
    return df
`
	args, out := scripted(t, "s.py", check, abc(several, "zz,,0.5"))
	r := run(t, python(t), append(args, "--keep", "id,whole")...)
	r.says(t, "60,001 in, 60,001 out")
	if got := read(t, out); !strings.HasPrefix(got, "id,whole,a,b\n0000000,0,0.0,0.25\n") || !strings.HasSuffix(got, "\nzz,0,0.0,0.25\n") {
		t.Errorf("got %.100s ... %s", got, got[len(got)-100:])
	}
}

func TestScript_writesAColumnInOneForm(t *testing.T) {
	// x is whole numbers as they stand, but in the last batch.
	script := `
def transform(df):
    df["x"] = df["a"]
    df.loc[df["id"] == "zz", "a"] = 5
    df["x"] = df["x"] + (0.5 if "zz" in set(df["id"]) else 0)
    return df
`
	args, out := scripted(t, "s.py", script, abc(several, "zz,007,0.5"))
	args[len(args)-1] = write(t, args[len(args)-1], script)
	r := run(t, python(t), append(args, "--keep", "id,x")...)
	r.says(t, `starting again: column "x" of the script had only whole numbers in some batches, but not in all`)
	if got := read(t, out); !strings.HasPrefix(got, "id,x,a,b\n0000000,0.0,0.0,0.25\n") || !strings.HasSuffix(got, "\nzz,7.5,5.0,0.25\n") {
		t.Errorf("got %.100s ... %s", got, got[len(got)-100:])
	}
}

func TestScript_rejectsKeepTheirLines(t *testing.T) {
	input := abc(several, "ragged", `"two`, `lines",1,x`, "x,2,3", "y,y,4")
	for name, text := range map[string]string{
		"transform": "def transform(df):\n    return df[['b', 'a', 'id']]\n",
		"process":   "def process(rows):\n    for row in rows:\n        yield row\n",
	} {
		args, out := scripted(t, "s.py", text, input)
		run(t, python(t), append(args, "--keep", "id", "--max-rejects", "3", "--workers", "2")...).says(t, "60,004 in, 60,001 out, 3 rejected")
		in := args[6]
		want := fmt.Sprintf("input,line,column,reason,record\n%[1]s,60002,,\"1 field, want 3\",\"ragged\"\n%[1]s,60003,b,not a number,\"\"\"two\nlines\"\",1,x\"\n%[1]s,60006,a,not a number,\"y,y,4\"\n", in)
		if got := read(t, filepath.Join(filepath.Dir(out), "rejects.csv")); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
		}
	}
}

func TestScript_filtersIfItSaysSo(t *testing.T) {
	input := abc(several, "x,x,1", "y,60000,x")
	for _, stage := range []string{"before", "after"} {
		args, out := scripted(t, "s.py", "filters = True\ndef process(rows):\n    return [row for row in rows if len(row['id']) == 1 or row['id'][-1] == '0']\n", input)
		r := run(t, python(t), append(args, "--keep", "id", "--max-rejects", "2", "--script-stage", stage)...)
		r.says(t, "60,002 in, 6,000 out, 2 rejected, 54,000 filtered by the script")
		if got := strings.Count(read(t, out), "\n"); got != 6_001 {
			t.Errorf("%d lines", got)
		}
		manifest := read(t, filepath.Join(filepath.Dir(out), "manifest.json"))
		if !strings.Contains(manifest, `"filtered": 54000`) || !strings.Contains(manifest, `"script_stage": "`+stage+`"`) {
			t.Errorf("manifest:\n%s", manifest)
		}
		if stage == "before" { // nobody can tell which line of the input it was
			if got := read(t, filepath.Join(filepath.Dir(out), "rejects.csv")); !strings.Contains(got, "/s.py,6002,a,not a number,\"x,x,1\"\n") || !strings.Contains(got, "\noutput of /") {
				t.Errorf("rejects:\n%s", got)
			}
		}
		run(t, nil, "verify", "--sources", "--output", out).expect(t, 0)
	}
}

func TestScript_faultsAreTold(t *testing.T) {
	for _, test := range []struct {
		name, file, text, last string
		want                   []string
	}{
		{"a row", "s.py", "def process(rows):\n    for row in rows:\n        int(row['a'])\n        yield row\n", "x,x,1",
			[]string{"s.py: batch ", ", first row at fault: line 60002 of /", "ValueError: invalid literal for int()"}},
		{"a frame", "s.py", "def transform(df):\n    assert 'x' not in set(df['id'])\n    return df\n", "x,2,1",
			[]string{"s.py: batch ", ", first row at fault: line 60002 of /", "AssertionError"}},
		{"columns", "s.py", "def transform(df):\n    return df[['a']]\n", "x,2,1", []string{"s.py gave back columns that do not fit: columns: ", `"b"`}},
		{"rows lost", "s.py", "def transform(df):\n    return df.head(5)\n", "x,2,1", []string{"gave back 5 rows for ", "want the same number, or filters = True in the script"}},
		{"a program", "s.sh", "#!/bin/sh\nhead -1\n", "x,2,1", []string{"gave back "}},
	} {
		t.Run(test.name, func(t *testing.T) {
			args, out := scripted(t, test.file, test.text, abc(several, test.last))
			run(t, python(t), append(args, "--keep", "id")...).expect(t, 65, test.want...)
			if left := names(t, filepath.Dir(out)); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestScript_readsParquet(t *testing.T) {
	dir := t.TempDir()
	// The job writes what it then reads: floats, and kept texts.
	in := filepath.Join(dir, "in.parquet")
	run(t, nil, "run", "--input", write(t, filepath.Join(dir, "in.csv"), abc(several, "zz,,7")), "--model", write(t, filepath.Join(dir, "model.json"), halves), "--output", in, "--keep", "id").says(t, "published")
	check := "def transform(df):\n    assert list(map(str, df.dtypes)) == ['object', 'float64', 'float64'], df.dtypes\n    df['a'] = df['a'].fillna(9)\n    return df\n"
	for name, text := range map[string]string{"t.py": check, "p.py": "def process(rows):\n    for row in rows:\n        if row['a'] is None: row['a'] = '9'\n        yield row\n", "s.sh": "#!/bin/sh\nexec sed s/^zz,,/zz,9,/\n"} {
		out := filepath.Join(dir, name+".csv")
		run(t, python(t), "run", "--input", in, "--model", filepath.Join(dir, "model.json"), "--output", out, "--keep", "id", "--script", write(t, filepath.Join(dir, name), text)).says(t, "published")
		if got := read(t, out); !strings.HasPrefix(got, "id,a,b\n0000000,0.0,0.125\n0000001,1.0,0.375\n") || !strings.HasSuffix(got, "\nzz,9.0,1.75\n") {
			t.Errorf("%s: got %.100s ... %s", name, got, got[len(got)-100:])
		}
	}
	// What is rejected has the number of its row.
	text := "def process(rows):\n    for row in rows:\n        if row['id'] == 'zz': row['a'] = 'x'\n        yield row\n"
	out := filepath.Join(dir, "rejecting", "out.csv")
	if err := os.Mkdir(filepath.Dir(out), 0o700); err != nil {
		t.Fatal(err)
	}
	run(t, python(t), "run", "--input", in, "--model", filepath.Join(dir, "model.json"), "--output", out, "--max-rejects", "1", "--script", write(t, filepath.Join(dir, "r.py"), text)).says(t, "published")
	if got, want := read(t, filepath.Join(dir, "rejecting", "rejects.csv")), fmt.Sprintf("input,line,column,reason,record\n%s,60001,a,not a number,\"\"\"zz\"\",,3.5\"\n", in); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// The examples of docs/scripts.md.
func TestScript_examplesRun(t *testing.T) {
	examples := "../../examples/scripts/"
	archive := write(t, filepath.Join(t.TempDir(), "package.tar.gz"), packed(t, "ranges.py", read(t, examples+"package/ranges.py")))
	for _, test := range []struct {
		script string
		args   []string
		log    string
		want   string // in the result
	}{
		{"clean.py", nil, "344 in, 344 out", "\n-0.8876218296573769,0.7872893852538481,"},
		{"adults.py", []string{"--package", archive, "--keep", "site", "--period", "2026-11"}, "344 in, 335 out, 0 rejected, 9 filtered by the script", "\nT,-0.8876218296573769,"},
		{"size.py", []string{"--script-stage", "after"}, "columns   7 in, 9 out", ",size\n-0.8876218296573769,0.7872893852538481,-1.4205408977935217,-0.5646252603760245,0.0,0.0,1.0,1.0,-0.9925830790847731\n"},
		{"shout.sh", []string{"--keep", "species"}, "344 in, 344 out", "\nADELIE,-0.8876218296573769,"},
	} {
		t.Run(test.script, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out.csv")
			args := append([]string{"run", "--log", "text", "--input", penguins + "penguins.csv", "--model", penguins + "model.joblib", "--output", out, "--script", examples + test.script}, test.args...)
			run(t, python(t), args...).says(t, test.log)
			if got := read(t, out); !strings.Contains(got, test.want) {
				t.Errorf("%q is not in\n%.500s", test.want, got)
			}
		})
	}
}

func TestScript_needsPython(t *testing.T) {
	args, _ := scripted(t, "s.py", "def process(rows): return rows\n", abc(1))
	run(t, []string{"DS_PYTHON=/no/python3"}, args...).expect(t, 78,
		"/no/python3: not found; in AWS set image to python or auto in the stack's configuration and deploy it, elsewhere install Python 3 with pandas or name it in DS_PYTHON")
}

// packed is a package with one module.
func packed(t *testing.T, name, text string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	err := w.WriteHeader(&tar.Header{Name: name, Size: int64(len(text)), Mode: 0o644})
	if err == nil {
		_, err = io.WriteString(w, text)
	}
	if err := errors.Join(err, w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestScript_comesFromTheParameters(t *testing.T) {
	c := newCloud(t, "ds-in", "ds-art", "ds-out")
	c.parameters = map[string]string{
		"/ds/preprocessing/input-bucket": "ds-in", "/ds/preprocessing/output-bucket": "ds-out", "/ds/preprocessing/artifact-bucket": "ds-art",
		"/ds/preprocessing/input-key": "raw/monthly_data.csv", "/ds/preprocessing/model-key": "models/m.json",
		"/ds/preprocessing/script-key": "scripts/custom_preprocessing.py", "/ds/preprocessing/package-key": "packages/custom_package.tar.gz",
		"/ds/preprocessing/script-stage": "before",
	}
	c.put(t, "ds-in", "raw/monthly_data.csv", abc(3))
	c.put(t, "ds-art", "models/m.json", halves)
	c.put(t, "ds-art", "scripts/custom_preprocessing.py", "import custom\ndef setup(context):\n    print(context.period, context.keys['package'], context.package_path is not None)\ndef process(rows):\n    return [{**row, 'b': custom.B} for row in rows]\n")
	c.put(t, "ds-art", "packages/custom_package.tar.gz", packed(t, "custom/__init__.py", "B = 8\n"))
	env := c.env(append(python(t), "DS_PERIOD=2026-11")...)
	r := run(t, env, "run")
	r.says(t, `"msg":"2026-11 s3://ds-art/packages/custom_package.tar.gz True","script":"custom_preprocessing.py"`)
	if got, _ := c.get(t, "ds-out", "processed/data.csv"); got != "a,b\n0.0,4.0\n1.0,4.0\n2.0,4.0\n" {
		t.Errorf("got %s", got)
	}
	run(t, env, "run").says(t, "nothing to do")
	run(t, env, "verify", "--sources").expect(t, 0)
	c.put(t, "ds-art", "packages/custom_package.tar.gz", packed(t, "custom/__init__.py", "B = 6\n"))
	run(t, env, "verify", "--sources").expect(t, 65, "package s3://ds-art/packages/custom_package.tar.gz")
	run(t, env, "run").says(t, "published")
	if got, _ := c.get(t, "ds-out", "processed/data.csv"); got != "a,b\n0.0,3.0\n1.0,3.0\n2.0,3.0\n" {
		t.Errorf("got %s", got)
	}
	c.put(t, "ds-art", "packages/custom_package.tar.gz", packed(t, "../custom.py", "B = 6\n"))
	run(t, env, "run").expect(t, 65, `package s3://ds-art/packages/custom_package.tar.gz: entry "../custom.py": want a path without ".."`)
}

func TestScript_stopsWithTheRun(t *testing.T) {
	// It leaves behind a process that has left its group and its session.
	args, out := scripted(t, "s.py", `
import subprocess, time
def process(rows):
    left = subprocess.Popen(["setsid", "sh", "-c", "sleep 1000 & echo $!"], stdout=subprocess.PIPE)
    print('at work, left', int(left.stdout.readline()), flush=True)
    time.sleep(1000)
`, abc(1))
	cmd := command(t, python(t), args...)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	var seen []byte
	left := regexp.MustCompile(`at work, left (\d+)\b.*\n`)
	for b := make([]byte, 100); !left.Match(seen); {
		n, err := stdout.Read(b)
		seen = append(seen, b[:n]...)
		if err != nil {
			t.Fatalf("%v after %s", err, seen)
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, stdout)
	_ = cmd.Wait()
	if status := cmd.ProcessState.ExitCode(); status != 75 {
		t.Errorf("status %d, want 75", status)
	}
	if state, err := os.ReadFile(fmt.Sprintf("/proc/%s/stat", left.FindSubmatch(seen)[1])); err == nil {
		t.Errorf("a child of the script still runs: %s", state)
	}
	if left := names(t, filepath.Dir(out)); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestScript_hasNoNetworkUnlessItMay(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }() // which accepts nobody; the kernel does
	_, port, _ := net.SplitHostPort(l.Addr().String())
	args, _ := scripted(t, "s.py", "import socket\ndef process(rows):\n    socket.create_connection(('127.0.0.1', "+port+"), 5)\n    return rows\n", abc(1))
	run(t, python(t), args...).expect(t, 65, "s.py: batch 1, ", "Traceback (most recent call last):", "PermissionError: [Errno 13] Permission denied", "it may not use the network")
	run(t, python(t), append(args, "--script-network")...).says(t, "1 in, 1 out")
	run(t, append(python(t), "DS_SCRIPT_NETWORK=true"), args...).says(t, "1 in, 1 out")
	run(t, append(python(t), "DS_SCRIPT_NETWORK=yes"), args...).expect(t, 78, `DS_SCRIPT_NETWORK: got "yes", want true or false`)
}
