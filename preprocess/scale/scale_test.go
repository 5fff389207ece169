package scale

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"ds-pipeline/preprocess/frame"
	"ds-pipeline/preprocess/manifest"
	"ds-pipeline/preprocess/storage"
	"ds-pipeline/preprocess/table"
)

func TestParseItems_readsWhatMapsHandOut(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		want Item
	}{
		"a listing":    {`[{"Etag":"\"4cb1\"","Key":"raw/a b.csv","LastModified":1668699881,"Size":1500,"StorageClass":"STANDARD"}]`, Item{Key: "raw/a b.csv", ETag: "4cb1", Size: 1500}},
		"an inventory": {`[{"Bucket":"b","Key":"raw/a.csv","Size":"1500","ETag":"4cb1"}]`, Item{Key: "raw/a.csv", ETag: "4cb1", Size: 1500}},
		"a plan":       {`[{"Key":"a.csv","Etag":"4cb1","Size":9,"Range":1,"Start":4,"End":9,"Lines":2}]`, Item{"a.csv", "4cb1", 9, &Range{1, 4, 9, 2}}},
	} {
		got, err := ParseItems(test.text)
		if err != nil || len(got) != 1 || !reflect.DeepEqual(got[0], test.want) {
			t.Errorf("%s: got %+v, %v, want %+v", name, got, err, test.want)
			continue
		}
		text, err := json.Marshal(got)
		if again, err2 := ParseItems(string(text)); err != nil || err2 != nil || !reflect.DeepEqual(again, got) {
			t.Errorf("%s: %s is read as %+v, %v %v", name, text, again, err, err2)
		}
	}
}

func TestParseItems_saysEverythingThatIsWrong(t *testing.T) {
	_, err := ParseItems(`[{"Key":"a"},{"Size":1},{"Key":"a"},{"Key":"b","Range":1},{"Key":"c","Size":3,"Range":0,"Start":2,"End":9,"Lines":0},{"Key":"d","Size":"x"}]`)
	for _, want := range []string{
		`item 2: item without a "Key"`, "item 3: a stands there twice", `item 4: item "b": want Range, Start, End and Lines`,
		`item 5: item "c": range 0 from byte 2 to byte 9 of 3`, `item 6: got "x", want a whole number`,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
	for text, want := range map[string]string{"": "want a JSON array", "[]": "no items", "{}": "want a JSON array", "[" + strings.Repeat(" ", MaxItemsBytes): "want at most"} {
		if _, err := ParseItems(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: got %v, want %q", text, err, want)
		}
	}
}

func TestPartName_tellsNamesApart(t *testing.T) {
	for name, want := range map[string]string{
		"a.csv":         "part-a.csv",
		"a":             "part-a_.csv",
		"a_.csv":        "part-a_5F.csv",
		"x/day=1/ö.csv": "part-x_2Fday_3D1_2F_C3_B6.csv",
		"a.csv.gz":      "part-a.csv.gz_.csv",
	} {
		if got := PartName(name, ".csv"); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		some := rapid.StringOf(rapid.SampledFrom([]rune("a_/.cs v5F2x\x00ö")))
		a, b := some.Draw(t, "a"), some.Draw(t, "b")
		if rapid.Bool().Draw(t, "long") {
			a, b = strings.Repeat("long/", 50)+a, strings.Repeat("long/", 50)+b
		}
		x, y := PartName(a, ".csv"), PartName(b, ".csv")
		if (x == y) != (a == b) {
			t.Fatalf("%q and %q give %q and %q", a, b, x, y)
		}
		if len(x) > 200 || strings.ContainsAny(x, "/ ") {
			t.Fatalf("%q gives %q", a, x)
		}
	})
}

// somePart is a record as a part writes it.
func somePart() Part {
	digest := strings.Repeat("ab", 32)
	return Part{
		Schema: PartSchema, Round: 1, Item: Item{Key: "raw/a.csv", ETag: "x", Size: 10}, Output: "s3://out/part-a.csv", Sum: manifest.Checksum{SHA256: digest},
		Common: Common{Job: manifest.Job{Version: "v1", Build: digest}, Model: manifest.Object{URI: "m", Checksum: manifest.Checksum{SHA256: digest}}},
		Facts:  Facts{All: []table.Facts{table.SawInt}, Accepted: []table.Facts{table.SawInt}},
		Kinds:  []Kind{{As: table.AsFound, Kind: frame.Int}}, Header: []string{"a"}, Names: []string{"a"},
		Held: storage.Held{Upload: "u", Mark: "m", Size: 3, Parts: []storage.HeldPart{{Number: 1, ETag: `"e"`, Sum: "c"}}},
		Rows: manifest.Rows{In: 2, Out: 1, Rejected: 1}, Rejects: &manifest.Object{URI: "r", Checksum: manifest.Checksum{SHA256: digest}},
	}
}

func TestDecode_readsWhatEncodeWrote(t *testing.T) {
	part := somePart()
	text, err := Encode(part)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Decode[Part](text); err != nil || !reflect.DeepEqual(got, part) {
		t.Errorf("got %+v, %v", got, err)
	}
	for name, spoil := range map[string]func(*Part){
		"schema": func(p *Part) { p.Schema = "x" },
		"round":  func(p *Part) { p.Round = 0 },
		"kinds":  func(p *Part) { p.Kinds = nil },
		"rows":   func(p *Part) { p.Rows.Out = 2 },
		"reject": func(p *Part) { p.Rejects = nil },
		"number": func(p *Part) { p.Held.Parts[0].Number = 10_001 },
		"output": func(p *Part) { p.Output = "" },
		"size":   func(p *Part) { p.Held.Size = -1 },
	} {
		part := somePart()
		spoil(&part)
		text, err := Encode(part)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Decode[Part](text); err == nil {
			t.Errorf("%s: it passed", name)
		}
	}
}

func results(status string) string {
	return fmt.Sprintf(`{"DestinationBucket":"b","MapRunArn":"arn","ResultFiles":{"%s":[{"Key":"r/FAILED_0.json","Size":3}],"PENDING":[],"SUCCEEDED":[{"Key":"r/SUCCEEDED_0.json","Size":9}]}}`, status)
}

func TestReadResults_knowsTheFilesOfAMap(t *testing.T) {
	got, err := ReadResults([]byte(results("FAILED")))
	want := Results{Bucket: "b", Done: []string{"r/SUCCEEDED_0.json"}, Failed: []string{"r/FAILED_0.json"}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	for _, text := range []string{"", "{}", "[]", results("LOST"), `{"DestinationBucket":"b","ResultFiles":{"FAILED":[{}]}}`} {
		if _, err := ReadResults([]byte(text)); err == nil {
			t.Errorf("%q passed", text)
		}
	}
}

func TestReadExecutions_findsTheItemsOfEachInput(t *testing.T) {
	text := `[{"Input":"{\"BatchInput\":{},\"Items\":[{\"Key\":\"a\"},{\"Key\":\"b\"}]}","Status":"SUCCEEDED","Output":"{}"},
		{"Input":"[{\"Key\":\"c\"}]"},{"Input":"{\"Key\":\"d\",\"Size\":3}"}]`
	var keys []string
	err := ReadExecutions(strings.NewReader(text), func(items []Item) error {
		for _, item := range items {
			keys = append(keys, item.Key)
		}
		return nil
	})
	if err != nil || !reflect.DeepEqual(keys, []string{"a", "b", "c", "d"}) {
		t.Errorf("got %q, %v", keys, err)
	}
	for _, text := range []string{"", "{}", "[{}]", `[{"Input":"x"}]`, `[{"Input":"{}"}]`, `[{"Input":"[]"}`} {
		if err := ReadExecutions(strings.NewReader(text), func([]Item) error { return nil }); err == nil {
			t.Errorf("%q passed", text)
		}
	}
	wanted := errors.New("stop")
	if err := ReadExecutions(strings.NewReader(`[{"Input":"[]"}]`), func([]Item) error { return wanted }); !errors.Is(err, wanted) {
		t.Errorf("got %v", err)
	}
}

func FuzzParseItems(f *testing.F) {
	f.Add(`[{"Etag":"\"4cb1\"","Key":"raw/a.csv","Size":1500}]`)
	f.Add(`[{"Key":"a","Size":9,"Range":1,"Start":4,"End":9,"Lines":2},{"key":"b","Size":"7"}]`)
	f.Fuzz(func(t *testing.T, text string) {
		items, err := ParseItems(text)
		if err != nil {
			return
		}
		for _, item := range items {
			if item.check() != nil || item.ID() == "" {
				t.Fatalf("%q gives %+v", text, item)
			}
		}
		again, err := json.Marshal(items)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := ParseItems(string(again)); len(again) <= MaxItemsBytes && (err != nil || !reflect.DeepEqual(got, items)) {
			t.Fatalf("%q gives %s, which gives %+v, %v", text, again, got, err)
		}
	})
}

func FuzzDecode(f *testing.F) {
	text, err := Encode(somePart())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"schema":"` + PlanSchema + `","ranges":3,"part_bytes":5242880,"output":"o","input":{"uri":"i","size":9},"head":{"size":2}}`))
	f.Add([]byte(`{"schema":"` + RoundSchema + `","number":2,"start":{"header":["a"],"facts":"Ag=="}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if p, err := Decode[Part](text); err == nil {
			again, err := Encode(p)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Decode[Part](again); err != nil {
				t.Fatalf("%s is written as %s: %v", text, again, err)
			}
		}
		if p, err := Decode[Plan](text); err == nil {
			last := p.Span(p.Ranges - 1)
			if last.First < 1 || last.First+last.Count-1 > storage.MaxParts {
				t.Fatalf("%s: the last range has the parts %+v", text, last)
			}
		}
		_, _ = Decode[Round](text)
	})
}

func FuzzReadResults(f *testing.F) {
	f.Add([]byte(results("FAILED")), `[{"Input":"{\"Items\":[{\"Key\":\"a\"}]}"}]`)
	f.Fuzz(func(t *testing.T, text []byte, executions string) {
		_, _ = ReadResults(text)
		check := func(items []Item) error {
			for _, item := range items {
				if item.Key == "" {
					t.Fatal("an item without a key")
				}
			}
			return nil
		}
		_ = ReadExecutions(strings.NewReader(executions), check)
		_ = ReadItems(strings.NewReader(executions), func(i Item) error { return check([]Item{i}) })
	})
}
