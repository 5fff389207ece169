package job

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// penguinsLines is the penguins' file as JSON lines: numbers as numbers, gaps
// left out.
func penguinsLines(t *testing.T) string {
	t.Helper()
	rows := table(t, penguins+"penguins.csv")
	var b strings.Builder
	for _, row := range rows[1:] {
		b.WriteByte('{')
		comma := ""
		for i, cell := range row {
			if cell == "" {
				continue
			}
			key, _ := json.Marshal(rows[0][i])
			value := []byte(cell)
			if _, err := strconv.ParseFloat(cell, 64); err != nil {
				value, _ = json.Marshal(cell)
			}
			b.WriteString(comma + string(key) + ":" + string(value))
			comma = ", "
		}
		b.WriteString("}\n")
	}
	return b.String()
}

func TestJSONLines_giveTheResultOfTheCSV(t *testing.T) {
	text := penguinsLines(t)
	for name, test := range map[string]struct {
		file, data string
		args       []string
	}{
		"jsonl":        {"in.jsonl", text, nil},
		"ndjson":       {"in.NDJSON", "\ufeff" + text, nil},
		"packed":       {"in.jsonl.gz", squeeze(t, ".gz", text), nil},
		"by option":    {"in.txt", strings.ReplaceAll(text, "\n", "\r\n\r\n"), []string{"--input-format", "jsonl"}},
		"as UTF-16":    {"in.jsonl", utf16Of(text, false), []string{"--encoding", "utf-16"}},
		"more workers": {"in.jsonl", strings.TrimSuffix(text, "\n"), []string{"--workers", "5"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			out := filepath.Join(dir, "out.csv")
			args := append([]string{"run", "--input", write(t, filepath.Join(dir, test.file), test.data), "--model", penguins + "model.pkl", "--output", out, "--keep", "species"}, test.args...)
			run(t, nil, args...).expect(t, 0)
			if read(t, out) != read(t, penguins+"expected.csv") {
				t.Error("the result differs from expected.csv")
			}
		})
	}
}

func TestJSONLines_tellTextFromMissing(t *testing.T) {
	dir := t.TempDir()
	in := write(t, filepath.Join(dir, "in.jsonl"), `{"id":"NA","dist_km":1,"price":2,"temp":3,"rooms":4}
{"rooms":5,"temp":null,"price":"2","dist_km":1e0,"id":null}
{"rooms":6,"id":"a,\"b\""}
`)
	out := filepath.Join(dir, "out.csv")
	args := []string{"run", "--input", in, "--model", passthrough, "--output", out, "--keep", "id"}
	run(t, nil, args...).expect(t, 0)
	rows := table(t, out)
	var ids, rooms []string
	for _, row := range rows {
		ids, rooms = append(ids, row[0]), append(rooms, row[len(row)-1])
	}
	if !slices.Equal(ids, []string{"id", "NA", "", `a,"b"`}) || !slices.Equal(rooms, []string{"rooms", "4.0", "5.0", "6.0"}) {
		t.Errorf("%q %q", ids, rooms)
	}
	if rows[1][1] != rows[2][1] || rows[1][2] != rows[2][2] {
		t.Errorf("numbers as text and as numbers differ: %q", rows)
	}
}

func TestJSONLines_refuseWhatIsNotFlatOrNotThere(t *testing.T) {
	const first = `{"dist_km":1,"price":2,"temp":3,"rooms":4}` + "\n"
	for name, test := range map[string]struct{ text, want string }{
		"nested":           {first + "\n" + `{"dist_km":{"secret":1},"price":2,"temp":3,"rooms":4}`, "\n  line 3: \"dist_km\" is nested: want text, a number, true, false or null\n"},
		"not a number":     {first + `{"dist_km":"secret"}`, "\n  line 2, column \"dist_km\": not a number\n"},
		"broken":           {first + `{"dist_km":1,`, "\n  line 2: not valid JSON at byte 13 of the line: want a key in quotes\n"},
		"an array":         {"[\n" + first + "]\n", "\n  line 1: not a JSON object: want one object per line\n"},
		"pretty":           {"{\n  \"dist_km\": 1\n}\n", ": line 1: not valid JSON at byte 1 of the line: want a key in quotes\n"},
		"CSV":              {"dist_km,price,temp,rooms\n1,2,3,4\n", ": line 1: not a JSON object: want one object per line\n"},
		"nothing":          {"\n\n", "the input is empty: want a record\n"},
		"a key is nowhere": {strings.Repeat(`{"dist_km":1,"Price":2,"temp":3}`+"\n", 9), "columns: \"price\", \"rooms\" in no record of the input\n"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			in := write(t, filepath.Join(dir, "in.jsonl"), test.text)
			r := run(t, nil, "run", "--input", in, "--model", passthrough, "--output", filepath.Join(dir, "out.csv"))
			r.expect(t, 65, test.want)
			if strings.Contains(r.stdout+r.stderr, "secret") {
				t.Error("a value of the data is shown")
			}
			left := slices.DeleteFunc(names(t, dir), func(name string) bool { return name == "rejects.csv" })
			if len(left) != 1 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestJSONLines_findAKeyThatComesLate(t *testing.T) {
	dir := t.TempDir()
	in := write(t, filepath.Join(dir, "in.jsonl"), strings.Repeat(`{"dist_km":1,"price":2,"temp":3}`+"\n", 50_000)+`{"rooms":"many","extra":false}`+"\n")
	out := filepath.Join(dir, "out.csv")
	run(t, nil, "run", "--input", in, "--model", passthrough, "--output", out).expect(t, 0)
	rows := table(t, out)
	if len(rows) != 50_002 || rows[1][3] != "" || rows[50_001][3] != "many" {
		t.Errorf("%d lines, from %q to %q", len(rows), rows[1], rows[len(rows)-1])
	}
}

// A model of an array knows its columns by position: those of the first record.
func TestJSONLines_bindByPositionToTheFirstRecord(t *testing.T) {
	rows := table(t, cases+"data/pub_arr.csv")
	var lines strings.Builder
	for n, row := range rows[1:] {
		var members []string
		for i, cell := range row {
			if cell == "" {
				cell = "null"
			}
			members = append(members, strconv.Quote("key of "+rows[0][i])+":"+cell)
		}
		if n%2 == 1 {
			slices.Reverse(members)
		}
		lines.WriteString("{" + strings.Join(members, ",") + "}\n")
	}
	dir := t.TempDir()
	args := func(in, out string) []string {
		return []string{"run", "--input", in, "--model", cases + "models/pub_ct_by_index.pkl", "--output", filepath.Join(dir, out)}
	}
	in := write(t, filepath.Join(dir, "in.jsonl"), lines.String())
	run(t, nil, args(cases+"data/pub_arr.csv", "csv")...).expect(t, 0)
	run(t, nil, args(in, "jsonl")...).expect(t, 0)
	if read(t, filepath.Join(dir, "csv")) != read(t, filepath.Join(dir, "jsonl")) {
		t.Error("the results differ")
	}
	late := write(t, filepath.Join(dir, "late.jsonl"), lines.String()+`{"late":1}`)
	run(t, nil, args(late, "late")...).expect(t, 65, "it has a key that the first record has not")
}

func TestJSONLines_haveNoDelimiter(t *testing.T) {
	run(t, []string{"DS_DELIMITER=;"}, "run", "--input", "a.jsonl", "--model", "m.pkl", "--output", "b.csv").
		expect(t, 78, `delimiter (DS_DELIMITER): got ";", but the input is JSON lines, which have none`)
	run(t, nil, "run", "--input", "a.csv", "--model", "m.pkl", "--output", "b.csv", "--input-format", "xml").
		expect(t, 78, `input-format (--input-format): got "xml", want csv, jsonl or parquet`)
}
