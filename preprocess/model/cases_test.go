package model_test

import (
	"archive/zip"
	"encoding/json"
	"fmt"
	"io/fs"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"ds-pipeline/preprocess/frame"
	"ds-pipeline/preprocess/model"
)

// A caseFile describes what scikit-learn did: see testdata/public/manifest.json.
type caseFile struct {
	ID            string   `json:"id"`
	Sklearn       string   `json:"sklearn"`
	Model         string   `json:"model"`
	Expect        string   `json:"expect"`
	ErrorContains string   `json:"error_contains"`
	InputCSV      string   `json:"input_csv"`
	InputSchema   []schema `json:"input_schema"`
	ExpectedCSV   string   `json:"expected_csv"`
	NamesFrom     string   `json:"names_from"`
	BadRows       []int    `json:"bad_rows"`
	RTol          float64  `json:"rtol"`
	ATol          float64  `json:"atol"`
}

type schema struct{ Name, Type string }

type cell struct {
	text   string
	quoted bool
}

func (c cell) missing() bool { return c.text == "" && !c.quoted }

// readCSV is a small reader of the CSV files of the cases: comma, double quotes.
func readCSV(t *testing.T, dir fs.FS, path string) [][]cell {
	t.Helper()
	data, err := fs.ReadFile(dir, path)
	if err != nil {
		t.Fatal(err)
	}
	var rows [][]cell
	var row []cell
	var c cell
	in := false
	s := string(data)
	for i := 0; i < len(s); i++ {
		switch ch := s[i]; {
		case in && ch == '"' && i+1 < len(s) && s[i+1] == '"':
			c.text += `"`
			i++
		case ch == '"':
			in = !in
			c.quoted = true
		case in:
			c.text += s[i : i+1]
		case ch == ',':
			row = append(row, c)
			c = cell{}
		case ch == '\n':
			rows = append(rows, append(row, c))
			row, c = nil, cell{}
		case ch != '\r':
			c.text += s[i : i+1]
		}
	}
	return rows
}

// runCase applies a model file to a CSV file, in batches of several sizes, and
// returns the names and cells of the result as text ready to compare.
func runCase(t *testing.T, dir fs.FS, modelFile, csvFile string, types map[string]string, batch int) (names []string, out [][]string, bad []frame.RowError, err error) {
	t.Helper()
	data, err := fs.ReadFile(dir, modelFile)
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.Load(data)
	if err != nil {
		return nil, nil, nil, err
	}
	return runModel(t, dir, m, csvFile, types, batch)
}

func runModel(t *testing.T, dir fs.FS, m *model.Model, csvFile string, types map[string]string, batch int) (names []string, out [][]string, bad []frame.RowError, err error) {
	t.Helper()
	rows := readCSV(t, dir, csvFile)
	header := make([]string, len(rows[0]))
	for i, c := range rows[0] {
		header[i] = c.text
	}
	rows = rows[1:]
	b, err := m.Bind(header)
	if err != nil {
		return nil, nil, nil, err
	}
	var kinds []frame.Kind
	for _, in := range b.Inputs() {
		kinds = append(kinds, kindOf(in, rows, types))
	}
	p, err := b.Compile(kinds)
	if err != nil {
		return nil, nil, nil, err
	}
	w := p.NewWorker()
	for at := 0; at < len(rows); at += batch {
		part := rows[at:min(at+batch, len(rows))]
		cols := make([]frame.Column, len(kinds))
		for i, in := range b.Inputs() {
			if cols[i], err = columnOf(in, kinds[i], part); err != nil {
				return nil, nil, nil, err
			}
		}
		res, rowErrs, err := w.Apply(cols, len(part))
		if err != nil {
			return nil, nil, nil, err
		}
		for _, e := range rowErrs {
			e.Row += at
			bad = append(bad, e)
		}
		for r := range part {
			var line []string
			for _, c := range res {
				line = appendCells(line, &c, r)
			}
			out = append(out, line)
		}
	}
	return p.Names(), out, bad, nil
}

// kindOf is the kind that pandas.read_csv would find, or that the schema says.
func kindOf(in model.Input, rows [][]cell, types map[string]string) frame.Kind {
	switch in.Want {
	case model.Number:
		return frame.Float
	case model.Bool:
		return frame.Bool
	case model.Texts:
		return frame.Text
	}
	missing, ints, bools, floats := false, true, true, true
	for _, r := range rows {
		c := r[in.Index]
		if c.missing() {
			missing = true
			continue
		}
		if _, err := strconv.ParseInt(c.text, 10, 64); err != nil {
			ints = false
		}
		if _, err := strconv.ParseFloat(c.text, 64); err != nil {
			floats = false
		}
		if l := strings.ToLower(c.text); l != "true" && l != "false" {
			bools = false
		}
	}
	if types[in.Name] == "VARCHAR" {
		return frame.Text
	}
	switch {
	case ints && !missing:
		return frame.Int
	case floats:
		return frame.Float
	case bools && missing:
		return frame.BoolGaps
	case bools:
		return frame.Bool
	}
	return frame.Text
}

func columnOf(in model.Input, k frame.Kind, rows [][]cell) (frame.Column, error) {
	col := frame.Column{Kind: k.Cells()}
	for _, r := range rows {
		c := r[in.Index]
		switch col.Kind {
		case frame.Float:
			v := math.NaN()
			if !c.missing() {
				var err error
				if v, err = strconv.ParseFloat(c.text, 64); err != nil && !math.IsInf(v, 0) {
					switch strings.ToLower(c.text) {
					case "true":
						v = 1
					case "false":
						v = 0
					default:
						return col, fmt.Errorf("column %q: not a number", in.Name)
					}
				}
			}
			col.Floats = append(col.Floats, v)
		case frame.Int:
			v, err := strconv.ParseInt(c.text, 10, 64)
			if err != nil {
				return col, err
			}
			col.Ints = append(col.Ints, v)
		case frame.Bool:
			v := int64(-1)
			switch strings.ToLower(c.text) {
			case "true":
				v = 1
			case "false":
				v = 0
			case "":
			default:
				return col, fmt.Errorf("column %q: not true or false", in.Name)
			}
			col.Ints = append(col.Ints, v)
		case frame.Text:
			var v []byte
			if !c.missing() {
				v = append([]byte{}, c.text...)
			}
			col.Texts = append(col.Texts, v)
		}
	}
	return col, nil
}

func appendCells(line []string, c *frame.Column, r int) []string {
	if c.Hot != nil {
		for j := range c.Width {
			v := "0"
			if int(c.Hot[r]) == j {
				v = "1"
			}
			switch c.Kind {
			case frame.Float, frame.Float32:
				v += ".0"
			case frame.Bool:
				v = map[string]string{"0": "False", "1": "True"}[v]
			}
			line = append(line, v)
		}
		return line
	}
	switch c.Kind {
	case frame.Float, frame.Float32:
		v := c.Floats[r]
		if math.IsNaN(v) {
			return append(line, "")
		}
		bits := 64
		if c.Kind == frame.Float32 {
			bits = 32
		}
		text := strconv.FormatFloat(v, 'g', -1, bits)
		if !strings.ContainsAny(text, ".eI") {
			text += ".0"
		}
		return append(line, text)
	case frame.Int:
		return append(line, strconv.FormatInt(c.Ints[r], 10))
	case frame.Bool:
		return append(line, [3]string{"", "False", "True"}[c.Ints[r]+1])
	}
	return append(line, string(c.Texts[r]))
}

// compare fails the test where a result differs from what scikit-learn made.
func compare(t *testing.T, c caseFile, dir fs.FS, names []string, got [][]string) {
	t.Helper()
	want := readCSV(t, dir, c.ExpectedCSV)
	if c.NamesFrom == "get_feature_names_out" {
		var wantNames []string
		for _, h := range want[0] {
			wantNames = append(wantNames, h.text)
		}
		if len(names) == 0 && len(want[0]) == 1 && wantNames[0] == "" {
			wantNames = nil
		}
		if strings.Join(names, "\x00") != strings.Join(wantNames, "\x00") {
			t.Errorf("names\n got %q\nwant %q", names, wantNames)
		}
	}
	want = want[1:]
	if len(got) != len(want) {
		t.Fatalf("got %d rows, want %d", len(got), len(want))
	}
	failures := 0
	for r := range want {
		if len(got[r]) == 0 && len(names) == 0 && len(want[r]) == 1 {
			continue // no columns at all: an empty line
		}
		if len(got[r]) != len(want[r]) {
			t.Fatalf("row %d: got %d cells, want %d", r, len(got[r]), len(want[r]))
		}
		for j := range want[r] {
			if !sameCell(got[r][j], want[r][j].text, c.RTol, c.ATol) {
				t.Errorf("row %d column %d: got %s, want %s", r, j, got[r][j], want[r][j].text)
				if failures++; failures > 10 {
					t.FailNow()
				}
			}
		}
	}
}

// sameCell says whether cells are equal: of the same type, so that they print
// alike, and within the tolerance.
func sameCell(got, want string, rtol, atol float64) bool {
	if want == "nan" {
		want = ""
	}
	if got == want {
		return true
	}
	isFloat := func(s string) bool { return s == "" || strings.ContainsAny(s, ".eEIi") }
	if _, err := strconv.ParseFloat(want, 64); err == nil && isFloat(got) != isFloat(want) {
		return false
	}
	number := func(s string) (float64, bool) {
		switch strings.ToLower(s) {
		case "", "nan":
			return math.NaN(), true
		}
		v, err := strconv.ParseFloat(s, 64)
		return v, err == nil
	}
	g, ok1 := number(got)
	w, ok2 := number(want)
	if !ok1 || !ok2 {
		return false
	}
	if math.IsNaN(g) || math.IsNaN(w) {
		return math.IsNaN(g) && math.IsNaN(w)
	}
	return g == w || math.Abs(g-w) <= atol+rtol*math.Abs(w)
}

func loadManifest(t *testing.T, dir fs.FS) []caseFile {
	t.Helper()
	data, err := fs.ReadFile(dir, "manifest.json")
	if err != nil {
		t.Fatal(err)
	}
	var m struct{ Cases []caseFile }
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	return m.Cases
}

func runCases(t *testing.T, dir fs.FS) {
	for _, c := range loadManifest(t, dir) {
		t.Run(c.ID, func(t *testing.T) {
			types := map[string]string{}
			for _, s := range c.InputSchema {
				types[s.Name] = s.Type
			}
			if c.Expect == "unsupported" || c.Expect == "refuse" {
				data, err := fs.ReadFile(dir, c.Model)
				if err != nil {
					t.Fatal(err)
				}
				_, err = model.Load(data)
				if err == nil {
					t.Fatal("loaded, want a refusal")
				}
				if !strings.Contains(err.Error(), c.ErrorContains) {
					t.Errorf("got %q, want it to name %q", err, c.ErrorContains)
				}
				return
			}
			for _, batch := range []int{1 << 20, 7} {
				names, out, bad, err := runCase(t, dir, c.Model, c.InputCSV, types, batch)
				if c.Expect == "transform_error" {
					if err == nil && len(bad) == 0 {
						t.Error("applied, want an error")
					}
					var rows []int
					for _, e := range bad {
						rows = append(rows, e.Row)
					}
					if err == nil && c.BadRows != nil && !slices.Equal(rows, c.BadRows) {
						t.Errorf("refused rows %v, want %v", rows, c.BadRows)
					}
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				if len(bad) > 0 {
					t.Fatalf("refused rows: %v", bad)
				}
				compare(t, c, dir, names, out)
			}
		})
	}
}

var inf, nan = math.Inf(1), math.NaN()

func TestModel_reproducesPublicCases(t *testing.T) { runCases(t, os.DirFS("testdata/public")) }

// TestModel_keepsTheTypesOfMixedColumns: weights, parts without columns, arrays
// of which not all is used, and small types.
func TestModel_keepsTheTypesOfMixedColumns(t *testing.T) { runCases(t, os.DirFS("testdata/mixed")) }

// releases are the scikit-learn releases of testdata/sklearn.
var releases = []string{"0.23.2", "1.2.1", "1.4.2", "1.9.0"}

func TestModel_reproducesEveryRelease(t *testing.T) {
	for _, release := range releases {
		t.Run(release, func(t *testing.T) { runCases(t, openRelease(t, release)) })
	}
}

// TestModel_readsBackItsJSON applies every model twice: as pickled, and as the
// JSON that inspect prints of it.
func TestModel_readsBackItsJSON(t *testing.T) {
	for _, release := range releases {
		dir := openRelease(t, release)
		for _, c := range loadManifest(t, dir) {
			t.Run(release+"/"+c.ID, func(t *testing.T) {
				data, err := fs.ReadFile(dir, c.Model)
				if err != nil {
					t.Fatal(err)
				}
				m, err := model.Load(data)
				if err != nil {
					if c.Expect == "ok" {
						t.Fatal(err)
					}
					return // there is nothing to read back
				}
				text, err := json.Marshal(m)
				if err != nil {
					t.Fatal(err)
				}
				back, err := model.Load(text)
				if err != nil {
					t.Fatalf("%v in\n%s", err, text)
				}
				again, err := json.Marshal(back)
				if err != nil || string(again) != string(text) {
					t.Fatalf("%v\n got %s\nwant %s", err, again, text)
				}
				if len(text) < 100_000 {
					// JSON is YAML; the comment makes it one that is read as YAML.
					fromYAML, err := model.Load(append([]byte("# as YAML\n"), text...))
					if err != nil {
						t.Fatalf("as YAML: %v in\n%s", err, text)
					}
					if again, err := json.Marshal(fromYAML); err != nil || string(again) != string(text) {
						t.Fatalf("as YAML: %v\n got %s\nwant %s", err, again, text)
					}
				}
				if strings.Contains(m.Describe(), "%!") || m.Describe() == "" || m.Describe() != back.Describe() {
					t.Errorf("got %q, want %q", back.Describe(), m.Describe())
				}
				types := map[string]string{}
				for _, s := range c.InputSchema {
					types[s.Name] = s.Type
				}
				names, out, bad, err := runModel(t, dir, m, c.InputCSV, types, 9)
				names2, out2, bad2, err2 := runModel(t, dir, back, c.InputCSV, types, 9)
				one := fmt.Sprint(names, out, bad, err)
				two := fmt.Sprint(names2, out2, bad2, err2)
				if one != two {
					t.Errorf("got %s\nwant %s", two, one)
				}
			})
		}
	}
}

func openRelease(t testing.TB, release string) fs.FS {
	t.Helper()
	z, err := zip.OpenReader("testdata/sklearn/" + release + ".zip")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = z.Close() })
	return z
}
