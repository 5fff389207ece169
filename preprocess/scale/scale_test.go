package scale

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
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
	_, err := ParseItems(`[{"Key":"a"},{"Size":1},{"Key":"a"},{"Key":"b","Range":1},{"Key":"c","Size":3,"Range":0,"Start":2,"End":9,"Lines":0},{"Key":"d","Size":"x"},{"Key":""}]`)
	for _, want := range []string{
		`item 2: item without a "Key"`, "item 3: a stands there twice", `item 4: item "b": want Range, Start, End and Lines`,
		`item 5: item "c": range 0 from byte 2 to byte 9 of 3`, `item 6: got "x", want a whole number`,
		`item 7: item with the key "": want the name of an object`,
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

func TestParseItems_checksEachNumber(t *testing.T) {
	good := Item{"a.csv", "4cb1", 9, &Range{1, 4, 9, 2}}
	for name, test := range map[string]struct {
		change func(*Item)
		want   string // "" for an item as it should be
	}{
		"as it is":                     {func(*Item) {}, ""},
		"all of an object":             {func(i *Item) { i.Range = &Range{0, 0, 9, 0} }, ""},
		"nothing of an object":         {func(i *Item) { i.Start = 9 }, ""},
		"an object with nothing in it": {func(i *Item) { i.Size, i.Range = 0, &Range{} }, ""},
		"the last number":              {func(i *Item) { i.Number = MaxItems - 1 }, ""},
		"one number more":              {func(i *Item) { i.Number = MaxItems }, "range 10000 from byte 4 to byte 9 of 9 after line 2"},
		"a number below 0":             {func(i *Item) { i.Number = -1 }, "range -1 from byte 4"},
		"a start below 0":              {func(i *Item) { i.Start = -1 }, "from byte -1 to byte 9"},
		"an end before the start":      {func(i *Item) { i.End = 3 }, "from byte 4 to byte 3"},
		"an end behind the object's":   {func(i *Item) { i.End = 10 }, "to byte 10 of 9"},
		"fewer lines than none":        {func(i *Item) { i.Lines = -1 }, "after line -1"},
		"an object smaller than none":  {func(i *Item) { i.Size, i.Range = -1, nil }, "Size: got -1"},
	} {
		item := good
		r := *good.Range
		item.Range = &r
		test.change(&item)
		text, err := json.Marshal([]Item{item})
		if err != nil {
			t.Fatal(err)
		}
		switch got, err := ParseItems(string(text)); {
		case test.want == "" && (err != nil || !reflect.DeepEqual(got, []Item{item})):
			t.Errorf("%s: got %+v, %v", name, got, err)
		case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
	}
	for _, member := range []string{`"Range":1`, `"Start":4`, `"End":9`, `"Lines":2`} {
		whole := `[{"Key":"a.csv","Size":9,"Range":1,"Start":4,"End":9,"Lines":2}]`
		for what, text := range map[string]string{"alone": `[{"Key":"a.csv","Size":9,` + member + `}]`, "left out": strings.Replace(strings.Replace(whole, ","+member, "", 1), member+",", "", 1)} {
			if got, err := ParseItems(text); err == nil || !strings.Contains(err.Error(), "all of them or none") {
				t.Errorf("%s %s: got %+v, %v", member, what, got, err)
			}
		}
	}
}

func TestParseItems_isBounded(t *testing.T) {
	fits := `[{"Key":"a"}]`
	fits += strings.Repeat(" ", 128<<10-len(fits))
	if got, err := ParseItems(fits); err != nil || len(got) != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := ParseItems(fits + " "); err == nil || err.Error() != "131073 bytes; want at most 131072" {
		t.Errorf("got %v", err)
	}
}

func TestItem_hasANameAndAnID(t *testing.T) {
	for _, test := range []struct {
		item     Item
		name, id string
	}{
		{Item{Key: "raw/a.csv"}, "raw/a.csv", "6fe166ca1a625f2aa55620aaa81dfa90"},
		{Item{"a.csv", "4cb1", 9, &Range{12, 4, 9, 2}}, "a.csv, range 12 (bytes 4 to 9)", "range-00012"},
	} {
		if got := test.item.String(); got != test.name {
			t.Errorf("got %q, want %q", got, test.name)
		}
		if got := test.item.ID(); got != test.id {
			t.Errorf("%s: got %q, want %q", test.name, got, test.id)
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
		"@AZ[`az{/09:-": "part-_40AZ_5B_60az_7B_2F09_3A-_.csv",

		strings.Repeat("a", 175): "part-" + strings.Repeat("a", 175) + "_.csv", // the longest that is told in full
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

func somePlan() Plan {
	return Plan{
		Schema: PlanSchema, Input: manifest.Object{URI: "s3://in/a.csv", Size: 9}, Head: manifest.Piece{Size: 2},
		Ranges: 3, PartBytes: storage.LeastPart, Output: "s3://out/a.csv",
	}
}

// refuses wants that a record is written and read again, and with each change
// refused with what is said of it; a change of which nothing is said is read.
func refuses[T record](t *testing.T, some func() T, changes []change[T]) {
	t.Helper()
	for _, c := range append([]change[T]{{"as it is", func(*T) {}, ""}}, changes...) {
		r := some()
		c.change(&r)
		text, err := Encode(r)
		if err != nil {
			t.Fatal(err)
		}
		switch got, err := Decode[T](text); {
		case c.want == "" && (err != nil || !reflect.DeepEqual(got, r)):
			t.Errorf("%s: got %+v, %v", c.name, got, err)
		case c.want != "" && (err == nil || err.Error() != c.want):
			t.Errorf("%s: got %v, want %s", c.name, err, c.want)
		}
	}
}

type change[T record] struct {
	name   string
	change func(*T)
	want   string
}

func TestDecode_checksParts(t *testing.T) {
	part := func(number int32) storage.HeldPart { return storage.HeldPart{Number: number, ETag: `"e"`, Sum: "c"} }
	refuses(t, somePart, []change[Part]{
		{"of no record", func(p *Part) { p.Rows, p.Rejects = manifest.Rows{}, nil }, ""},
		{"of records that are all good", func(p *Part) { p.Rows, p.Rejects = manifest.Rows{In: 2, Out: 2}, nil }, ""},
		{"of a script that makes more", func(p *Part) { p.Rows = manifest.Rows{In: 2, Out: 4, Rejected: 1, Filtered: -3} }, ""},
		{"of nothing", func(p *Part) { p.Held.Size, p.Input.Size, p.Bytes = 0, 0, manifest.Bytes{} }, ""},
		{"all the parts there may be", func(p *Part) { p.Held.Parts = []storage.HeldPart{part(1), part(2), part(storage.MaxParts)} }, ""},
		{"a part number of 0", func(p *Part) { p.Held.Parts[0].Number = 0 }, "part number 0 after others"},
		{"a part number above all", func(p *Part) { p.Held.Parts[0].Number = 10_001 }, "part number 10001 after others"},
		{"a part twice", func(p *Part) { p.Held.Parts = []storage.HeldPart{part(3), part(3)} }, "part number 3 after others"},
		{"parts in another order", func(p *Part) { p.Held.Parts = []storage.HeldPart{part(1), part(3), part(2)} }, "part number 2 after others"},
		{"facts of another number of columns", func(p *Part) { p.Facts.Accepted = nil }, "kinds and facts of 1, 1 and 0 columns"},
		{"kinds of another number of columns", func(p *Part) { p.Kinds = nil }, "kinds and facts of 0, 1 and 1 columns"},
		{"fewer than no records", func(p *Part) { p.Rows = manifest.Rows{In: -1, Filtered: -2, Rejected: 1} }, "rows: -1 in, but 0 out, 1 rejected and -2 filtered"},
		{"fewer than no results", func(p *Part) { p.Rows = manifest.Rows{Out: -1, Rejected: 1} }, "rows: 0 in, but -1 out, 1 rejected and 0 filtered"},
		{"fewer than no rejects", func(p *Part) { p.Rows, p.Rejects = manifest.Rows{In: 1, Out: 2, Rejected: -1}, nil }, "rows: 1 in, but 2 out, -1 rejected and 0 filtered"},
		{"rejects that are nowhere", func(p *Part) { p.Rejects = nil }, "rejects: want where they are if there are any, and only then"},
		{"no rejects that are somewhere", func(p *Part) { p.Rows = manifest.Rows{In: 2, Out: 2} }, "rejects: want where they are if there are any, and only then"},
		{"an input below 0", func(p *Part) { p.Input.Size = -1 }, "a size below 0"},
		{"a result below 0", func(p *Part) { p.Held.Size = -1 }, "a size below 0"},
		{"text below 0", func(p *Part) { p.Bytes.In = -1 }, "a size below 0"},
		{"a result's text below 0", func(p *Part) { p.Bytes.Out = -1 }, "a size below 0"},
	})
}

func TestDecode_checksPlans(t *testing.T) {
	refuses(t, somePlan, []change[Plan]{
		{"one range", func(p *Plan) { p.Ranges = 1 }, ""},
		{"all the ranges there may be", func(p *Plan) { p.Ranges = storage.MaxParts }, ""},
		{"the largest parts", func(p *Plan) { p.PartBytes = 1 << 30 }, ""},
		{"nothing but a head", func(p *Plan) { p.Head.Size = 9 }, ""},
		{"nothing", func(p *Plan) { p.Head.Size, p.Input.Size = 0, 0 }, ""},
		{"of another schema", func(p *Plan) { p.Schema = PartSchema }, `schema: got "ds-pipeline/scale/part/1", want "ds-pipeline/scale/plan/1"`},
		{"no range", func(p *Plan) { p.Ranges = 0 }, "ranges: got 0"},
		{"more ranges than parts", func(p *Plan) { p.Ranges = 10_001 }, "ranges: got 10001"},
		{"parts that S3 does not take", func(p *Plan) { p.PartBytes = storage.LeastPart - 1 }, fmt.Sprint("part_bytes: got ", storage.LeastPart-1)},
		{"parts that no task holds", func(p *Plan) { p.PartBytes = 1<<30 + 1 }, "part_bytes: got 1073741825"},
		{"a head below 0", func(p *Plan) { p.Head.Size = -1 }, "head: -1 of 9 bytes"},
		{"a head larger than all", func(p *Plan) { p.Head.Size = 10 }, "head: 10 of 9 bytes"},
		{"no output", func(p *Plan) { p.Output = "" }, "input, output: missing"},
		{"no input", func(p *Plan) { p.Input.URI = "" }, "input, output: missing"},
	})
}

func TestDecode_checksRounds(t *testing.T) {
	refuses(t, func() Round { return Round{Schema: RoundSchema, Number: 1} }, []change[Round]{
		{"refined", func(r *Round) { r.Number, r.Start.Refined = 3, 2 }, ""},
		{"of another schema", func(r *Round) { r.Schema = "x" }, `schema "x", number 1: want "ds-pipeline/scale/round/1"`},
		{"before the first", func(r *Round) { r.Number = 0 }, `schema "ds-pipeline/scale/round/1", number 0: want "ds-pipeline/scale/round/1"`},
		{"refined less than never", func(r *Round) { r.Start.Refined = -1 }, `schema "ds-pipeline/scale/round/1", number 1: want "ds-pipeline/scale/round/1"`},
	})
}

func TestDecode_readsAllOfATextAndNoMore(t *testing.T) {
	encoded, err := Encode(somePlan())
	if err != nil {
		t.Fatal(err)
	}
	text := string(encoded)
	fits := text + strings.Repeat(" ", 32<<20-len(text))
	if got, err := Decode[Plan]([]byte(fits)); err != nil || !reflect.DeepEqual(got, somePlan()) {
		t.Errorf("got %+v, %v", got, err)
	}
	for want, text := range map[string]string{
		"33554433 bytes; want at most 33554432": fits + " ",
		"something follows it":                  text + "1",
		"unexpected EOF":                        text[:len(text)/2],
		"cannot unmarshal string":               strings.Replace(text, `"ranges": 3`, `"ranges": "3"`, 1),
	} {
		if _, err := Decode[Plan]([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestEncode_saysWhatCannotBeWritten(t *testing.T) {
	part := somePart()
	part.Seconds = math.NaN()
	if text, err := Encode(part); err == nil {
		t.Errorf("got %s", text)
	}
}

func TestPlan_givesEachRangeItsParts(t *testing.T) {
	for ranges, want := range map[int][]storage.PartSpan{
		1: {{First: 1, Count: 10_000, Bytes: storage.LeastPart}},
		3: {{First: 1, Count: 3333, Bytes: storage.LeastPart}, {First: 3334, Count: 3333, Bytes: storage.LeastPart}, {First: 6667, Count: 3333, Bytes: storage.LeastPart}},
	} {
		p := somePlan()
		p.Ranges = ranges
		for number, want := range want {
			if got := p.Span(number); got != want {
				t.Errorf("range %d of %d: got %+v, want %+v", number, ranges, got, want)
			}
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

func TestReadResults_isBounded(t *testing.T) {
	fits := results("FAILED")
	fits += strings.Repeat(" ", 8<<20-len(fits))
	if _, err := ReadResults([]byte(fits)); err != nil {
		t.Error(err)
	}
	if _, err := ReadResults([]byte(fits + " ")); err == nil || err.Error() != "8388609 bytes; want at most 8388608" {
		t.Errorf("got %v", err)
	}
}

func TestReadExecutions_isBounded(t *testing.T) {
	for more, want := range map[int]string{0: "", 1: "execution 1: more than 2097152 bytes"} {
		one := `{"Input":"[]","Output":""}`
		one = strings.Replace(one, `"Output":"`, `"Output":"`+strings.Repeat("x", 2<<20-len(one)+more), 1)
		err := ReadExecutions(strings.NewReader("["+one+"]"), func([]Item) error { return nil })
		if got := fmt.Sprint(err); err != nil && got != want || err == nil && want != "" {
			t.Errorf("%d bytes: got %v, want %q", len(one), err, want)
		}
	}
}

func TestReadItems_givesEachItem(t *testing.T) {
	var keys []string
	each := func(i Item) error { keys = append(keys, i.Key); return nil }
	if err := ReadItems(strings.NewReader(`[{"Key":"a"},{"Key":"b","Size":"7"}]`), each); err != nil || !reflect.DeepEqual(keys, []string{"a", "b"}) {
		t.Errorf("got %q, %v", keys, err)
	}
	for text, want := range map[string]string{
		"":                           "want a JSON array of items",
		`{"Key":"a"}`:                "want a JSON array of items",
		`[{"Key":"a"},{"Key":""}]`:   "item 2: ",
		`[{"Key":"a"},{"Key":"b"}`:   "EOF",
		`[{"Key":"a"},{"Key":"b"}}]`: "invalid character",
	} {
		if err := ReadItems(strings.NewReader(text), each); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
	stop := errors.New("stop")
	calls := 0
	if err := ReadItems(strings.NewReader(`[{"Key":"a"},{"Key":"b"}]`), func(Item) error { calls++; return stop }); !errors.Is(err, stop) || calls != 1 {
		t.Errorf("got %v after %d calls", err, calls)
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
