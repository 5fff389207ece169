package job

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const header = "dist_km,price,temp,rooms\n"

// part is some records of the passthrough model.
func part(from, rows int) string {
	var b strings.Builder
	b.WriteString(header)
	for i := range rows {
		fmt.Fprintf(&b, "%d.5,%d,%d,%d\n", (from+i)%10, 1000+from+i, (from+i)%30, (from+i)%7)
	}
	return b.String()
}

func TestInputs_areReadInNameOrder(t *testing.T) {
	all := part(0, 60_000)
	dir := t.TempDir()
	whole := filepath.Join(dir, "whole")
	run(t, nil, "run", "--input", write(t, filepath.Join(dir, "all.csv"), all), "--model", passthrough, "--output", whole).expect(t, 0)

	in := filepath.Join(dir, "in")
	if err := os.MkdirAll(filepath.Join(in, "2026-11"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(in, "10.csv"), part(0, 20_000))
	write(t, filepath.Join(in, "2.csv.gz"), squeeze(t, ".gz", strings.TrimSuffix(part(20_000, 9999), "\n")))             // its last line does not end
	write(t, filepath.Join(in, "2026-11", "a.csv"), "\ufeff\r\n"+strings.ReplaceAll(part(29_999, 30_001), "\n", "\r\n")) // other line ends
	write(t, filepath.Join(in, "3.csv"), header)
	write(t, filepath.Join(in, "_SUCCESS"), "")
	for _, workers := range []string{"1", "4"} {
		out := filepath.Join(dir, "out.csv")
		r := run(t, nil, "run", "--input", in+"/", "--model", passthrough, "--output", out, "--workers", workers)
		r.expect(t, 0)
		if read(t, out) != read(t, whole) {
			t.Errorf("%s workers: the result is not that of one file", workers)
		}
		if entry := r.last(t); entry["inputs"] != 4.0 || entry["rows_in"] != 60_000.0 {
			t.Errorf("log %v", entry)
		}
		for name, rows := range map[string]int{"/10.csv": 20_000, "/2.csv.gz": 9999, "/2026-11/a.csv": 30_001, "/3.csv": 0} {
			if want := fmt.Sprintf(`"msg":"counted","input":"%s%s","rows":%d}`, in, name, rows); !strings.Contains(r.stdout, want) {
				t.Errorf("no %s in\n%s", want, r.stdout)
			}
		}
	}
	glob := filepath.Join(dir, "glob.csv")
	run(t, nil, "run", "--input", in+"/[0-9]*.csv*", "--model", passthrough, "--output", glob, "--log", "text").expect(t, 0)
	if got := strings.Count(read(t, glob), "\n"); got != 30_000 {
		t.Errorf("the glob gives %d lines", got)
	}
}

func TestInputs_areReadFromS3(t *testing.T) {
	t.Parallel()
	c := newCloud(t, "ds-in", "ds-out", "ds-art")
	c.put(t, "ds-art", "model.pkl", read(t, passthrough))
	for i := range 5 {
		c.put(t, "ds-in", fmt.Sprintf("raw/part-%d.csv", i), part(1000*i, 1000))
	}
	c.put(t, "ds-in", "raw/", "")
	c.put(t, "ds-in", "raw/_SUCCESS", "")
	c.put(t, "ds-in", "rawer.csv", "x")
	c.put(t, "ds-in", "other/all.csv", part(0, 5000))
	result := func(input string) string {
		run(t, c.env("DS_INPUT="+input), "run", "--model", "s3://ds-art/model.pkl", "--output", "s3://ds-out/o.csv").expect(t, 0)
		got, _ := c.get(t, "ds-out", "o.csv")
		return got
	}
	want := result("s3://ds-in/other/all.csv")
	for _, pattern := range []string{"s3://ds-in/raw/", "s3://ds-in/raw/part-*.csv", "s3://ds-in/raw/part-[0-4].csv"} {
		if got := result(pattern); got != want {
			t.Errorf("%s: %d bytes, want %d", pattern, len(got), len(want))
		}
	}
	// As a parameter, too.
	c.parameters = map[string]string{"/ds/preprocessing/input-bucket": "ds-in", "/ds/preprocessing/input-key": "raw/", "/ds/preprocessing/output-bucket": "ds-out",
		"/ds/preprocessing/artifact-bucket": "ds-art", "/ds/preprocessing/model-key": "model.pkl"}
	run(t, c.env(), "run").expect(t, 0)
	if got, _ := c.get(t, "ds-out", "processed/data.csv"); got != want {
		t.Errorf("parameters: %d bytes, want %d", len(got), len(want))
	}
	run(t, c.env(), "run", "--input", "s3://ds-in/none/").expect(t, 66, "input: list s3://ds-in/none/: it does not exist: nothing has such a name")
	c.setFault(func(r *request) bool { return strings.Contains(r.what, "list-type=2") && r.fail(403, "AccessDenied") })
	run(t, c.env(), "run").expect(t, 77, "input: list s3://ds-in/raw/: permission denied: AccessDenied")
}

func TestInputs_haveOneHeader(t *testing.T) {
	for name, test := range map[string]struct{ second, want string }{
		"swapped":   {"dist_km,temp,price,rooms\n1,2,3,4\n", `its header is not that of DIR/a.csv: column 2 is not "price"`},
		"fewer":     {"dist_km,price,temp\n1,2,3\n", `its header is not that of DIR/a.csv: 3 columns, want 4: "rooms" is missing`},
		"more":      {"dist_km,price,temp,rooms,x\n", `its header is not that of DIR/a.csv: 5 columns, want 4`},
		"none":      {"", "the input is empty: want a header"},
		"no header": {"secret,2,3,4\n", `its header is not that of DIR/a.csv: column 1 is not "dist_km"`},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, filepath.Join(dir, "a.csv"), part(0, 50_000))
			write(t, filepath.Join(dir, "b.csv"), test.second)
			out := filepath.Join(t.TempDir(), "out.csv")
			r := run(t, nil, "run", "--input", dir+"/*.csv", "--model", passthrough, "--output", out)
			r.expect(t, 65, "input "+dir+"/b.csv: "+strings.ReplaceAll(test.want, "DIR", dir)+"\n")
			if strings.Contains(r.stdout+r.stderr, "secret") {
				t.Error("a value of the data is shown")
			}
			if left := names(t, filepath.Dir(out)); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestInputs_areNamedWhereTheyAreWrong(t *testing.T) {
	dir := t.TempDir()
	args := []string{"run", "--input", dir + "/", "--model", passthrough, "--output", filepath.Join(t.TempDir(), "out.csv"), "--max-record-bytes", "2000"}
	write(t, filepath.Join(dir, "a.csv"), part(0, 3))
	write(t, filepath.Join(dir, "b.csv"), header+"\n1,2,3,4\nx,2,3,4\n1,2\n")
	write(t, filepath.Join(dir, "c.csv"), "\n\n"+header+"x,2,3,4\n")
	run(t, nil, args...).expect(t, 65, "input "+dir+"/: 3 of 7 records cannot be used (--max-rejects is 0); no result was published; they are in ", "rejects.csv:\n"+
		"  "+dir+"/b.csv: line 4, column \"dist_km\": not a number\n"+
		"  "+dir+"/b.csv: line 5: 2 fields, want 4\n"+
		"  "+dir+"/c.csv: line 4, column \"dist_km\": not a number\n")

	write(t, filepath.Join(dir, "b.csv"), header+"1,2,3,4\n\""+strings.Repeat("x", 3000))
	run(t, nil, args...).expect(t, 65, "input "+dir+"/b.csv: line 3: record at byte 33 is longer than 2000 bytes")
	write(t, filepath.Join(dir, "b.csv"), squeeze(t, ".gz", part(0, 1000))[:100])
	run(t, nil, args...).expect(t, 65, "input "+dir+"/b.csv: gzip: it breaks off at byte 100 of the file")
}

func TestInputs_findTheKindOfAColumnInAllOfThem(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.csv"), part(0, 40_000))
	write(t, filepath.Join(dir, "b.csv"), header+"1,2,3,many\n")
	out := filepath.Join(t.TempDir(), "out.csv")
	run(t, nil, "run", "--input", dir+"/", "--model", passthrough, "--output", out).expect(t, 0)
	if rows := table(t, out); len(rows) != 40_002 || rows[1][3] != "0" || rows[40_001][3] != "many" {
		t.Errorf("%d lines, from %q to %q", len(rows), rows[1], rows[len(rows)-1])
	}
}

func TestInputs_mayBeJSONLines(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.jsonl"), "")
	write(t, filepath.Join(dir, "b.jsonl"), "\n"+`{"dist_km":1,"price":2,"temp":3}`)
	write(t, filepath.Join(dir, "c.jsonl"), "\n \n")
	write(t, filepath.Join(dir, "d.jsonl.zst"), squeeze(t, ".zst", "\n"+`{"dist_km":1,"price":2,"rooms":9}`))
	out := filepath.Join(t.TempDir(), "out.csv")
	args := []string{"run", "--input", dir + "/", "--input-format", "jsonl", "--model", passthrough, "--output", out}
	run(t, nil, args...).expect(t, 0)
	if rows := table(t, out); len(rows) != 3 || rows[1][3] != "" || rows[2][3] != "9.0" || rows[2][2] != "" {
		t.Errorf("%q", rows)
	}
	write(t, filepath.Join(dir, "e.jsonl"), "\n\n[]")
	run(t, nil, args...).expect(t, 65, "  "+dir+"/e.jsonl: line 3: not a JSON object: want one object per line\n")
}

func TestInputs_doNotHoldTheOutput(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.csv"), part(0, 3))
	for _, pattern := range []string{dir + "/", dir + "/*.csv", dir + "/./"} {
		run(t, nil, "run", "--input", pattern, "--model", passthrough, "--output", filepath.Join(dir, "out.csv")).
			expect(t, 78, "output: "+dir+"/out.csv would be one of the objects of "+pattern+"; want a name that is not")
	}
}
