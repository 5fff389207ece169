package main

import (
	"bytes"
	"encoding/csv"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"ds-pipeline/bench/scale/sim"
)

// checked are the numbers that are in the repository, by the first fields of
// their rows.
func checked(t *testing.T) [][]string {
	t.Helper()
	file, err := os.Open(results)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	records, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Join(records[0], ",") != strings.Join(header, ",") {
		t.Fatalf("%s has %q, want %q; run `make study`", results, records[0], header)
	}
	return records[1:]
}

// field is a number of a record.
func field(t *testing.T, record []string, name string) float64 {
	t.Helper()
	for i, h := range header {
		if h == name {
			v, err := strconv.ParseFloat(record[i], 64)
			if err != nil {
				t.Fatalf("%q: %s: %v", record, name, err)
			}
			return v
		}
	}
	t.Fatalf("no column %q", name)
	return 0
}

// What is in the repository is what the simulator gives: of every trial that has
// no more than 300 tasks, and of each fifth of the others.
func TestResults_areWhatTheSimulatorGives(t *testing.T) {
	records, all := checked(t), trials()
	if len(records) != len(all) {
		t.Fatalf("%s has %d rows, want %d; run `make study`", results, len(records), len(all))
	}
	var some []trial
	var want [][]string
	for i, tr := range all {
		key := []string{tr.series, tr.variant, tr.Job.Name}
		if strings.Join(records[i][:3], ",") != strings.Join(key, ",") {
			t.Fatalf("row %d is of %q, want %q; run `make study`", i+1, records[i][:3], key)
		}
		if field(t, records[i], "tasks") <= 300 || i%5 == 0 && field(t, records[i], "tasks") < 3000 {
			some, want = append(some, tr), append(want, records[i])
		}
	}
	if len(some) < len(all)/3 {
		t.Fatalf("only %d of %d trials are looked at", len(some), len(all))
	}
	rows, err := run(some)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range rows {
		for j, got := range r.record() {
			if got == want[i][j] {
				continue
			}
			// Processors that add and multiply at once round otherwise.
			a, err1 := strconv.ParseFloat(got, 64)
			b, err2 := strconv.ParseFloat(want[i][j], 64)
			if err1 != nil || err2 != nil || math.Abs(a-b) > 0.01*math.Abs(b) {
				t.Errorf("%q: %s is %s, want %s; run `make study`", want[i][:7], header[j], got, want[i][j])
			}
		}
	}
}

// With the settings that the study recommends, the cost is within 5 % of linear
// from 100 GB to 10 TB, and of one task to the TB that it goes to.
func TestResults_costIsLinear(t *testing.T) {
	for _, variant := range []string{"one task", "10 at once", "50 at once", "50 at once, Spot", "50 at once, wide"} {
		var last float64
		seen := 0
		for _, r := range checked(t) {
			if r[0] == "data" && r[1] == variant {
				last = field(t, r, "usd_per_tb")
			}
		}
		for _, r := range checked(t) {
			gb := field(t, r, "gb")
			if r[0] != "data" || r[1] != variant || gb < 100 {
				continue
			}
			seen++
			if got := field(t, r, "usd_per_tb"); math.Abs(got/last-1) > tolerance {
				t.Errorf("%s: %v dollars for a TB with %v GB, and %v at last: not within 5 %%", variant, got, gb, last)
			}
			if failed := field(t, r, "failed_share"); failed != 0 {
				t.Errorf("%s, %v GB: a share of %v failed", variant, gb, failed)
			}
		}
		if seen < 4 {
			t.Errorf("%s: only %d rows", variant, seen)
		}
	}
}

// What a run costs in any case and what a TB does make up all of the cost, within
// 5 % from 1 GB to 10 TB.
func TestResults_costIsAFixedAndALinearPart(t *testing.T) {
	var gbs, usds []float64
	for _, r := range checked(t) {
		if r[0] == "data" && r[1] == "50 at once" {
			gbs, usds = append(gbs, field(t, r, "gb")), append(usds, field(t, r, "usd"))
		}
	}
	n := len(gbs) - 1
	each := usds[n] / gbs[n]
	fixed := usds[0] - each*gbs[0]
	if fixed < 0.005 || fixed > 0.007 {
		t.Errorf("a run costs %v dollars in any case, the page says 0.006", fixed)
	}
	for i, gb := range gbs {
		if want := fixed + each*gb; math.Abs(usds[i]/want-1) > tolerance {
			t.Errorf("%v GB cost %v dollars, want %v within 5 %%", gb, usds[i], want)
		}
	}
}

func TestLinear_endsWhereACostIsOff(t *testing.T) {
	var rows []row
	for i, perTB := range []float64{2, 2.02, 3, 2.06, 2.0, 2.04} {
		gb := math.Pow10(i)
		rows = append(rows, row{gb: gb, Cost: sim.Cost{Fargate: perTB * gb / 1000}})
	}
	from, to := linear(rows, 0.05)
	if from.gb != 1000 || to.gb != 1e5 {
		t.Errorf("%v to %v GB, want 1000 to 100000", from.gb, to.gb)
	}
}

// Every trial can be simulated, and none is there twice.
func TestTrials_areValid(t *testing.T) {
	seen := map[string]bool{}
	for _, tr := range trials() {
		if err := tr.Check(); err != nil {
			t.Errorf("%s, %s: %v", tr.series, tr.variant, err)
		}
		key := strings.Join(row{series: tr.series, variant: tr.variant, gb: tr.GB, objects: tr.Objects, perTask: tr.ObjectsPerTask, atOnce: tr.Concurrency}.record()[:9], ",")
		if seen[key] {
			t.Errorf("twice: %s", key)
		}
		seen[key] = true
	}
}

// few are rows of every series, of trials made small, for the plots and tables.
func few(t *testing.T) []row {
	t.Helper()
	all := trials()
	for i := range all {
		all[i].GB /= float64(all[i].Objects)
		all[i].Objects, all[i].Concurrency = 1, 1
		all[i].GB = min(all[i].GB, 1)
	}
	rows, err := run(all)
	if err != nil {
		t.Fatal(err)
	}
	for i, tr := range trials() { // what they are told apart by
		rows[i].gb, rows[i].objects, rows[i].atOnce = tr.GB, tr.Objects, tr.Concurrency
	}
	return rows
}

func TestPlots_areTheSameWellFormedFileEachTime(t *testing.T) {
	rows := few(t)
	for i, p := range plots(rows) {
		first, err := p.draw()
		if err != nil {
			t.Fatal(err)
		}
		again, err := plots(rows)[i].draw()
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(first, again) {
			t.Errorf("%s is drawn in two ways", p.file)
		}
		text := ""
		for d := xml.NewDecoder(bytes.NewReader(first)); ; {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", p.file, err)
			}
			if data, ok := token.(xml.CharData); ok {
				text += string(data) + "\n"
			}
		}
		for _, want := range []string{p.title, p.x, p.y} {
			if !strings.Contains(text, want) {
				t.Errorf("%s does not say %q", p.file, want)
			}
		}
		for _, c := range p.curves {
			if !strings.Contains(text, c.name) {
				t.Errorf("%s does not name %q", p.file, c.name)
			}
		}
	}
}

// The page has a place for each table and shows each plot, and the tables that
// come of formulas alone are those of today.
func TestPage_showsTheStudy(t *testing.T) {
	docs := "../../docs"
	page, err := os.ReadFile(filepath.Join(docs, "scale.md"))
	if err != nil {
		t.Fatal(err)
	}
	parts := tables(few(t))
	if _, err := fillIn(string(page), parts); err != nil {
		t.Error(err)
	}
	formulas := map[string]string{"sizes": parts["sizes"], "limits": parts["limits"]}
	if filled, err := fillIn(string(page), formulas); err != nil || filled != string(page) {
		t.Errorf("scale.md is stale (%v); run `make study`", err)
	}
	some, err := recommendations(loads[:3])
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range some {
		if !strings.Contains(string(page), line+"\n") {
			t.Errorf("scale.md does not recommend %q; run `make study`", line)
		}
	}
	for _, p := range plots(few(t)) {
		if !strings.Contains(string(page), "("+p.file+")") {
			t.Errorf("scale.md does not show %s", p.file)
		}
		if _, err := os.Stat(filepath.Join(docs, p.file)); err != nil {
			t.Error(err)
		}
	}
}

func TestFillIn_needsAPlace(t *testing.T) {
	begin, end := mark("x")
	got, err := fillIn("a\n"+begin+"old\n"+end+"\nb", map[string]string{"x": "| new |\n"})
	if want := "a\n" + begin + "\n| new |\n\n" + end + "\nb"; err != nil || got != want {
		t.Errorf("%q and %v, want %q", got, err, want)
	}
	if again, err := fillIn(got, map[string]string{"x": "| new |\n"}); err != nil || again != got {
		t.Errorf("%q and %v when it is filled in again", again, err)
	}
	for _, page := range []string{"", begin, end} {
		if _, err := fillIn(page, map[string]string{"x": ""}); err == nil || !strings.Contains(err.Error(), `no place for "x"`) {
			t.Errorf("%q: %v", page, err)
		}
	}
}

func TestDuration_isShort(t *testing.T) {
	for seconds, want := range map[float64]string{4: "4 s", 100: "2 min", 5399: "90 min", 5400: "1.5 h", 7200: "2 h", 200_000: "2 days"} {
		if got := duration(seconds); got != want {
			t.Errorf("%v s: %q, want %q", seconds, got, want)
		}
	}
}
