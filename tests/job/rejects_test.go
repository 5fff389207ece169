package job

import (
	"path/filepath"
	"strings"
	"testing"
)

const dirty = "dist_km,price,temp,rooms\n1,2,3,4\nsecret,2,3,4\n1,\"2\n\"\"x\"\n1,2,3,\xff\n1,2,3,5\n"

func rejectsOf(input string) string {
	return "input,line,column,reason,record\n" +
		input + ",3,dist_km,not a number,\"secret,2,3,4\"\n" +
		input + ",4,,\"2 fields, want 4\",\"1,\"\"2\n\"\"\"\"x\"\"\"\n" +
		input + ",6,,not valid UTF-8 at byte 62 of the input,\"1,2,3,\xff\"\n"
}

func TestRejects_standBesideTheResult(t *testing.T) {
	for _, limit := range []string{"3", "60%", "99.5%"} {
		dir := t.TempDir()
		in, out := write(t, filepath.Join(dir, "in.csv"), dirty), filepath.Join(dir, "out.csv")
		r := run(t, []string{"DS_MAX_REJECTS=0"}, "run", "--input", in, "--model", passthrough, "--output", out, "--max-rejects", limit)
		r.expect(t, 0)
		if got, want := read(t, filepath.Join(dir, "rejects.csv")), rejectsOf(in); got != want {
			t.Errorf("%s: got\n%q\nwant\n%q", limit, got, want)
		}
		if rows := table(t, out); len(rows) != 3 || rows[2][3] != "5.0" {
			t.Errorf("%s: result %q", limit, rows)
		}
		entry := r.last(t)
		if entry["rows_in"] != 5.0 || entry["rows_out"] != 2.0 || entry["rows_rejected"] != 3.0 || entry["rejects"] != filepath.Join(dir, "rejects.csv") {
			t.Errorf("log %v", entry)
		}
		if strings.Contains(r.stdout+r.stderr, "secret") || !strings.Contains(r.stdout, `3 of 5 records cannot be used`) {
			t.Errorf("log:\n%s", r.stdout)
		}
	}
}

func TestRejects_failTheRunWhenTheyAreTooMany(t *testing.T) {
	for _, limit := range []string{"2", "59.9%", ""} {
		dir := t.TempDir()
		in, out := write(t, filepath.Join(dir, "in.csv"), dirty), write(t, filepath.Join(dir, "out.csv"), "the previous result")
		r := run(t, []string{"DS_MAX_REJECTS=" + limit}, "run", "--input", in, "--model", passthrough, "--output", out)
		r.expect(t, 65, "3 of 5 records cannot be used", "no result was published; they are in "+filepath.Join(dir, "rejects.csv"), "line 4: 2 fields, want 4")
		if read(t, filepath.Join(dir, "rejects.csv")) != rejectsOf(in) || read(t, out) != "the previous result" || len(names(t, dir)) != 3 {
			t.Errorf("%q: left %v", limit, names(t, dir))
		}
	}
}

func TestRejects_goToS3(t *testing.T) {
	for limit, status := range map[string]int{"3": 0, "2": 65} {
		c := withModel(t, dirty)
		run(t, c.env("DS_MAX_REJECTS="+limit), s3Args()...).expect(t, status)
		if got, _ := c.get(t, "ds-out", "processed/rejects.csv"); got != rejectsOf("s3://ds-in/raw/data.csv") {
			t.Errorf("rejects %q", got)
		}
		if _, ok := c.get(t, "ds-out", "processed/data.csv"); ok != (status == 0) {
			t.Errorf("result published: %t", ok)
		}
		if n := c.uploads(t, "ds-out"); n != 0 {
			t.Errorf("%d uploads left", n)
		}
	}
}

func TestRejects_areThoseOfTheLastPass(t *testing.T) {
	c := withModel(t, "dist_km,price,temp,rooms\nx,1,2,3\n"+strings.TrimPrefix(lateSurprise(300_000, "many"), "dist_km,price,temp,rooms\n")+"y,1,2,3\n")
	run(t, c.env(), s3Args("--max-rejects", "0.01%")...).expect(t, 0)
	got, _ := c.get(t, "ds-out", "processed/rejects.csv")
	want := "input,line,column,reason,record\n" +
		"s3://ds-in/raw/data.csv,2,dist_km,not a number,\"x,1,2,3\"\n" +
		"s3://ds-in/raw/data.csv,300004,dist_km,not a number,\"y,1,2,3\"\n"
	if got != want {
		t.Errorf("got %q", got)
	}
}

func TestRejects_limitIsCheckedFirst(t *testing.T) {
	for _, limit := range []string{"-1", "some", "0.5", "101%", "5 %", "1e2"} {
		run(t, nil, "run", "--input", "a.csv", "--model", "m.pkl", "--output", "b.csv", "--max-rejects="+limit).
			expect(t, 78, `max-rejects (--max-rejects): got "`+limit+`", want a count such as 100 or a share from 0% to 100% such as 0.5%`)
	}
	run(t, nil, "run", "--max-reject", "1").expect(t, 64, "--max-reject")
	run(t, nil, "run", "--max-rejects").expect(t, 64, "--max-rejects")
}

// A step that keeps whole numbers reads its column as it is found. One text there
// makes its record useless, not the whole input.
func TestRejects_areTextsAmongWholeNumbers(t *testing.T) {
	dir := t.TempDir()
	model := write(t, filepath.Join(dir, "model.yaml"), "format: 1\nmodel: {class: Binarizer, feature_names_in: [n], n_features_in: 1, threshold: 5}\n")
	in, out := write(t, filepath.Join(dir, "in.csv"), "n,m\n4,0\n12:30,0\n7,0\n"), filepath.Join(dir, "out.csv")
	run(t, nil, "run", "--input", in, "--model", model, "--output", out).
		expect(t, 65, `1 of 3 records cannot be used`, `line 3, column "n": not a number`)
	run(t, nil, "run", "--input", in, "--model", model, "--output", out, "--max-rejects", "1").expect(t, 0)
	if got := read(t, out); got != "n\n0\n1\n" {
		t.Errorf("result %q", got)
	}
	if got := read(t, filepath.Join(dir, "rejects.csv")); !strings.HasSuffix(got, `,3,n,not a number,"12:30,0"`+"\n") {
		t.Errorf("rejects %q", got)
	}
}
