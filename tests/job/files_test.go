package job

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestRun_writesThePenguinsAsScikitLearn(t *testing.T) {
	want := read(t, penguins+"expected.csv")
	for _, model := range []string{"model.joblib", "model.pkl"} {
		out := filepath.Join(t.TempDir(), "out.csv")
		run(t, nil, "run", "--input", penguins+"penguins.csv", "--model", penguins+model, "--output", out, "--keep", "species").expect(t, 0)
		if got := read(t, out); got != want {
			t.Errorf("%s: the result differs from expected.csv:\n%s", model, got[:min(len(got), 500)])
		}
	}
}

type manifest struct {
	Cases []struct {
		ID, Model, Expect string
		ErrorContains     string  `json:"error_contains"`
		InputCSV          string  `json:"input_csv"`
		ExpectedCSV       string  `json:"expected_csv"`
		NamesFrom         string  `json:"names_from"`
		RTol, ATol        float64 // |got-want| <= atol + rtol*|want|
	}
}

func TestRun_reproducesScikitLearn(t *testing.T) {
	var m manifest
	if err := json.Unmarshal([]byte(read(t, cases+"manifest.json")), &m); err != nil {
		t.Fatal(err)
	}
	if len(m.Cases) < 19 {
		t.Fatalf("%d cases", len(m.Cases))
	}
	for _, c := range m.Cases {
		t.Run(c.ID, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			out := filepath.Join(dir, "out.csv")
			input := c.InputCSV
			if input == "" {
				input = "data/pub_arr.csv"
			}
			r := run(t, nil, "run", "--input", cases+input, "--model", cases+c.Model, "--output", out, "--null-values", "none")
			if c.Expect != "ok" {
				r.expect(t, 65, c.ErrorContains)
				if left := names(t, dir); len(left) > 0 && !slices.Equal(left, []string{"rejects.csv"}) {
					t.Errorf("left behind: %v", left)
				}
				return
			}
			r.expect(t, 0)
			compare(t, out, cases+c.ExpectedCSV, c.NamesFrom != "", c.RTol, c.ATol)
		})
	}
}

// compare checks a result cell by cell.
func compare(t *testing.T, gotPath, wantPath string, header bool, rtol, atol float64) {
	t.Helper()
	got, want := table(t, gotPath), table(t, wantPath)
	if len(got) != len(want) {
		t.Fatalf("%d lines, want %d", len(got), len(want))
	}
	if header && !slices.Equal(got[0], want[0]) {
		t.Fatalf("header %q, want %q", got[0], want[0])
	}
	for i := range want[1:] {
		for j, w := range want[i+1] {
			if g := got[i+1][j]; !near(g, w, rtol, atol) {
				t.Errorf("row %d, column %s: %q, want %q", i+1, want[0][j], g, w)
			}
		}
	}
}

func near(got, want string, rtol, atol float64) bool {
	if got == want {
		return true
	}
	number := func(s string) float64 {
		f, err := strconv.ParseFloat(s, 64)
		if err != nil {
			f = math.NaN()
		}
		return f
	}
	if (got == "" || got == "nan") && (want == "" || want == "nan") {
		return true
	}
	g, w := number(got), number(want)
	return math.Abs(g-w) <= atol+rtol*math.Abs(w)
}

func table(t *testing.T, path string) [][]string {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(read(t, path))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestRun_bindsColumnsByName(t *testing.T) {
	dir := t.TempDir()
	args := func(in, out string) []string {
		return []string{"run", "--input", in, "--model", cases + "models/pub_typical.pkl", "--output", out, "--null-values", "none"}
	}
	plain := filepath.Join(dir, "plain.csv")
	run(t, nil, args(cases+"data/pub_houses_unk.csv", plain)...).expect(t, 0)

	rows := table(t, cases+"data/pub_houses_unk.csv")
	var text strings.Builder
	w := csv.NewWriter(&text)
	for i, r := range rows {
		slices.Reverse(r)
		extra := "extra"
		if i > 0 {
			extra = "x,\"y\n" + strconv.Itoa(i)
		}
		_ = w.Write(slices.Insert(r, 2, extra))
	}
	w.Flush()
	other := filepath.Join(dir, "other.csv")
	run(t, nil, args(write(t, filepath.Join(dir, "reversed.csv"), text.String()), other)...).expect(t, 0)
	if read(t, plain) != read(t, other) {
		t.Error("the order of columns and other columns matter")
	}
}

func TestRun_readsEveryLineEnd(t *testing.T) {
	dir := t.TempDir()
	lines := strings.Split(strings.TrimSpace(read(t, penguins+"penguins.csv")), "\n")
	mixed := ""
	for i, line := range lines {
		mixed += line + []string{"\n", "\r\n", "\r", "\n\n", "\r\n \t\r\n"}[i%5]
	}
	for name, text := range map[string]string{
		"crlf":           strings.Join(lines, "\r\n") + "\r\n",
		"cr":             strings.Join(lines, "\r") + "\r",
		"bom":            "\ufeff" + strings.Join(lines, "\n") + "\n",
		"no last line":   strings.Join(lines, "\n"),
		"blank lines":    "\n\n" + strings.Join(lines, "\n\n") + "\n\n",
		"mixed":          mixed,
		"everything odd": "\ufeff\r\n" + mixed + "\n\n",
	} {
		t.Run(name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out.csv")
			in := write(t, filepath.Join(dir, name+".csv"), text)
			run(t, nil, "run", "--input", in, "--model", penguins+"model.pkl", "--output", out, "--keep", "species").expect(t, 0)
			if read(t, out) != read(t, penguins+"expected.csv") {
				t.Error("the result differs from expected.csv")
			}
		})
	}
}

func TestRun_readsStandardInput(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out.csv")
	r := runWith(t, strings.NewReader(read(t, penguins+"penguins.csv")), nil,
		"run", "--input", "-", "--model", penguins+"model.pkl", "--output", out, "--keep", "species")
	r.expect(t, 0)
	if read(t, out) != read(t, penguins+"expected.csv") {
		t.Error("the result differs from expected.csv")
	}
}

// The column "rooms" of this model passes through, so its kind is up to the data.
const passthrough = cases + "models/pub_scalers.pkl"

func lateSurprise(rows int, last string) string {
	var b strings.Builder
	b.WriteString("dist_km,price,temp,rooms\n")
	for i := range rows {
		fmt.Fprintf(&b, "%d.5,%d,%d,%d\n", i%10, 1000+i%99, i%30, i%7)
	}
	return b.String() + "1,2,3," + last + "\n"
}

func TestRun_findsTheKindOfAColumnInTheWholeInput(t *testing.T) {
	// The other columns are numbers with a fraction, and numpy joins columns of
	// numbers to one kind.
	for last, want := range map[string][2]string{"8": {"0.0", "8.0"}, "2.5": {"0.0", "2.5"}, "": {"0.0", ""}, "many": {"0", "many"}} {
		for _, rows := range []int{10, 100_000} { // in the first block, and far behind it
			t.Run(fmt.Sprintf("%q after %d", last, rows), func(t *testing.T) {
				dir := t.TempDir()
				in, out := write(t, filepath.Join(dir, "in.csv"), lateSurprise(rows, last)), filepath.Join(dir, "out.csv")
				run(t, nil, "run", "--input", in, "--model", passthrough, "--output", out).expect(t, 0)
				got := table(t, out)
				if len(got) != rows+2 {
					t.Fatalf("%d lines", len(got))
				}
				if cells := [2]string{got[1][3], got[rows+1][3]}; cells != want {
					t.Errorf("first and last cell %q, want %q", cells, want)
				}
			})
		}
	}
}

func TestRun_cannotReadAStreamTwice(t *testing.T) {
	dir := t.TempDir()
	r := runWith(t, strings.NewReader(lateSurprise(100_000, "many")), nil,
		"run", "--input", "-", "--model", passthrough, "--output", filepath.Join(dir, "out.csv"))
	r.expect(t, 65, "a stream cannot be read again; want a file or an object")
	if left := names(t, dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestRun_saysWhereRecordsAreWrong(t *testing.T) {
	in := "species,island,bill_length_mm,bill_depth_mm,flipper_length_mm,body_mass_g,sex\n" + // line 1
		"\"A\nd\",Torgersen,39.1,18.7,181,3750,male\r\n" + // 2 and 3
		"\r\n" + // 4
		"Adelie,Torgersen,secret,18.7,181,3750,male\n" + // 5
		"Adelie,Torgersen,39.1,18.7,181\r" + // 6
		"\"x\r\n\r\ny\",Torgersen,39.1,18.7,181,3750,male\n" + // 7 to 9
		"Adelie,Torgersen,39.1,18.7,181,3750,male,more\n" + // 10
		"Ad\xfflie,Torgersen,39.1,18.7,181,3750,male\n" // 11
	dir := t.TempDir()
	write(t, filepath.Join(dir, "in.csv"), in)
	write(t, filepath.Join(dir, "out.csv"), "the previous result\n")
	args := []string{"run", "--input", filepath.Join(dir, "in.csv"), "--model", penguins + "model.pkl", "--output", filepath.Join(dir, "out.csv")}
	r := run(t, nil, args...)
	r.expect(t, 65, "4 of 6 records cannot be used (--max-rejects is 0); no result was published; they are in "+filepath.Join(dir, "rejects.csv")+":\n"+
		"  line 5, column \"bill_length_mm\": not a number\n"+
		"  line 6: 5 fields, want 7\n"+
		"  line 10: 8 fields, want 7\n"+
		"  line 11: not valid UTF-8 at byte "+strconv.Itoa(strings.Index(in, "\xff"))+" of the input\n")
	if strings.Contains(r.stdout+r.stderr, "secret") {
		t.Error("a value of the data is shown")
	}
	if read(t, filepath.Join(dir, "out.csv")) != "the previous result\n" || !slices.Equal(names(t, dir), []string{"in.csv", "out.csv", "rejects.csv"}) {
		t.Errorf("the previous result is not as it was, or something is left: %v", names(t, dir))
	}
	if entry := r.last(t); entry["level"] != "ERROR" || entry["exit"] != 65.0 {
		t.Errorf("log %v", entry)
	}

	run(t, nil, append(args, "--show-values")...).expect(t, 65, `line 5, column "bill_length_mm": not a number: "secret"`)
}

func TestRun_stopsCountingAtSomePoint(t *testing.T) {
	dir := t.TempDir()
	in := write(t, filepath.Join(dir, "in.csv"), "dist_km,price,temp,rooms\n"+strings.Repeat("x,1,2,3\n", 100_000))
	run(t, nil, "run", "--input", in, "--model", passthrough, "--output", filepath.Join(dir, "out.csv")).
		expect(t, 65, "at least ", `line 2, column "dist_km": not a number`, `line 6, column "dist_km": not a number`+"\n  ...\n")
}

func TestRun_reportsAllColumnsAtOnce(t *testing.T) {
	dir := t.TempDir()
	in := write(t, filepath.Join(dir, "in.csv"), "price,price,note,note\n1,2,3,4\n")
	r := run(t, nil, "run", "--input", in, "--model", passthrough, "--output", filepath.Join(dir, "out.csv"), "--keep", "id,note,ts")
	r.expect(t, 65, `"dist_km"`, `"temp"`, `"rooms"`, `"price" of the model stands 2 times in the header`,
		`"note" to keep stands 2 times in the header`, `"id", "ts" to keep not in the header, which has 4 columns (--show-values names them)`,
		"preprocess: input "+in+": columns: ")
	if strings.Contains(r.stderr, "delimiter") {
		t.Errorf("a delimiter is guessed\n%s", r.stderr)
	}
}

// Where a header is missing, a record stands in its place, and is not to be shown.
func TestRun_doesNotShowTheRecordThatStandsForAHeader(t *testing.T) {
	dir := t.TempDir()
	in := write(t, filepath.Join(dir, "in.csv"), "secret;2;3;4\nsecret;6;7;8\n")
	args := []string{"run", "--input", in, "--model", passthrough, "--output", filepath.Join(dir, "out.csv"), "--keep", "id"}
	r := run(t, nil, args...)
	r.expect(t, 65, "to keep not in the header, which has 1 column (--show-values names it)", "the header is one column, in which \";\" stands: is --delimiter right?")
	if strings.Contains(r.stdout+r.stderr, "secret") {
		t.Errorf("a value of the data is shown\n%s", r.stderr)
	}
	run(t, nil, append(args, "--show-values")...).expect(t, 65, `which has "secret;2;3;4"`)
}

func TestRun_refusesToKeepAColumnTheModelMakes(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out.csv")
	run(t, nil, "run", "--input", cases+"data/pub_scalers.csv", "--model", passthrough, "--output", out, "--keep", "rooms").
		expect(t, 65, `"rooms" to keep also made by the model`)
}

func TestRun_keepsColumnsAsTheyStand(t *testing.T) {
	dir := t.TempDir()
	in := write(t, filepath.Join(dir, "in.csv"), "id,dist_km,price,temp,rooms,\"no,te\"\n007,1,2,3,4,NA\n\"a,\"\"b\",1,2,3,4,\" x\"\n,1,2,3,4,\"c\nd\"\n")
	out := filepath.Join(dir, "out.csv")
	run(t, nil, "run", "--input", in, "--model", passthrough, "--output", out, "--keep", `"no,te",id`).expect(t, 0)
	var got []string
	for _, row := range table(t, out) {
		got = append(got, row[0]+"|"+row[1])
	}
	if want := []string{"no,te|id", "NA|007", " x|a,\"b", "c\nd|"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestRun_takesTheTextsThatMeanMissing(t *testing.T) {
	dir := t.TempDir()
	in := write(t, filepath.Join(dir, "in.csv"), "dist_km,price,temp,rooms\n-,2,3,4\n1,none yet,3,4\n")
	out := filepath.Join(dir, "out.csv")
	run(t, nil, "run", "--input", in, "--model", passthrough, "--output", out, "--null-values=-,none yet").expect(t, 0)
	run(t, []string{"DS_NULL_VALUES=-,none yet"}, "run", "--input", in, "--model", passthrough, "--output", out).expect(t, 0)
	run(t, []string{"DS_NULL_VALUES=-,none yet"}, "run", "--input", in, "--model", passthrough, "--output", out, "--null-values", "none").
		expect(t, 65, "2 of 2 records cannot be used")
}

func TestRun_writesAHeaderForNoRecords(t *testing.T) {
	dir := t.TempDir()
	in := write(t, filepath.Join(dir, "in.csv"), "dist_km,price,temp,rooms\n")
	out := filepath.Join(dir, "out.csv")
	run(t, nil, "run", "--input", in, "--model", passthrough, "--output", out).expect(t, 0)
	if got := read(t, out); got != "dist_km,price,temp,rooms\n" {
		t.Errorf("got %q", got)
	}
}

func TestRun_boundsTheLengthOfARecord(t *testing.T) {
	dir := t.TempDir()
	in := write(t, filepath.Join(dir, "in.csv"), "dist_km,price,temp,rooms\n1,2,3,4\n\"1,2,3,4\n"+strings.Repeat("1,2,3,4\n", 50_000))
	run(t, nil, "run", "--input", in, "--model", passthrough, "--output", filepath.Join(dir, "out.csv"), "--max-record-bytes", "100000").
		expect(t, 65, "line 3: record at byte 33 is longer than 100000 bytes", "is a closing quote missing?", "--max-record-bytes")
}

func TestRun_isTheSameWithAnyNumberOfWorkers(t *testing.T) {
	dir := t.TempDir()
	in := write(t, filepath.Join(dir, "in.csv"), lateSurprise(200_000, "2.5"))
	var want string
	for _, workers := range []string{"1", "2", "7"} {
		out := filepath.Join(dir, "out"+workers)
		run(t, nil, "run", "--input", in, "--model", passthrough, "--output", out, "--workers", workers).expect(t, 0)
		got := read(t, out)
		if want == "" {
			want = got
		}
		if got != want {
			t.Errorf("%s workers write something else", workers)
		}
	}
}

func TestRun_keepsTheLinkAndThePermissionsOfAResult(t *testing.T) {
	dir := t.TempDir()
	target := write(t, filepath.Join(dir, "target.csv"), "old")
	link := filepath.Join(dir, "link.csv")
	if err := os.Symlink("target.csv", link); err != nil {
		t.Fatal(err)
	}
	run(t, nil, "run", "--input", penguins+"penguins.csv", "--model", penguins+"model.pkl", "--output", link).expect(t, 0)
	info, err := os.Lstat(link)
	if err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is gone: %v %v", info, err)
	}
	if info, err = os.Stat(target); err != nil || info.Mode().Perm() != 0o600 || info.Size() < 1000 {
		t.Errorf("target %v %v", info, err)
	}
}

func TestRun_logsJSONLines(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out.csv")
	r := run(t, nil, "run", "--input", penguins+"penguins.csv", "--model", penguins+"model.pkl", "--output", out)
	r.expect(t, 0)
	entry := r.last(t)
	for key, want := range map[string]any{"msg": "published", "rows_in": 344.0, "rows_out": 344.0, "rows_rejected": 0.0, "result": out,
		"bytes_out": float64(len(read(t, out))), "bytes_in": float64(len(read(t, penguins+"penguins.csv")))} {
		if entry[key] != want {
			t.Errorf("%s: %v, want %v", key, entry[key], want)
		}
	}
	if r.stderr != "" {
		t.Errorf("standard error: %s", r.stderr)
	}
}

func TestRun_logsForPeople(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out.csv")
	r := run(t, nil, "run", "--log", "text", "--input", penguins+"penguins.csv", "--model", penguins+"model.pkl", "--output", out)
	r.expect(t, 0)
	for _, want := range []string{"344 in, 344 out, 0 rejected", "7 in, 8 out", "MB/s", out} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("no %q in\n%s", want, r.stdout)
		}
	}
}

func TestInspect_describesAModel(t *testing.T) {
	r := run(t, nil, "inspect", "--model", penguins+"model.joblib")
	r.expect(t, 0)
	for _, want := range []string{"ColumnTransformer", "StandardScaler", "bill_length_mm"} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("no %q in\n%s", want, r.stdout)
		}
	}
	r = run(t, []string{"DS_MODEL=" + penguins + "model.joblib"}, "inspect", "--json")
	r.expect(t, 0)
	if !json.Valid([]byte(r.stdout)) || !strings.Contains(r.stdout, "StandardScaler") {
		t.Errorf("not the model as JSON:\n%s", r.stdout)
	}
}
