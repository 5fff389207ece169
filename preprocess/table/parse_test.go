package table

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"ds-pipeline/preprocess/frame"
)

func TestKind_isWhatPandasFinds(t *testing.T) {
	names := map[string]frame.Kind{"float64": frame.Float, "int64": frame.Int, "bool": frame.Bool, "object": frame.Text}
	for _, c := range readPandas(t).Kinds {
		want, ok := names[c.Dtype]
		if !ok {
			t.Fatalf("dtype %q", c.Dtype)
		}
		cells := make([]string, len(c.Cells))
		for i, cell := range c.Cells {
			cells[i] = `"` + cell + `"`
		}
		b := parseColumn(t, AsFound, DefaultNulls(), cells...)
		if got := b.Inputs[0].Kind; got != want {
			t.Errorf("%q: kind %d, pandas finds %s", c.Cells, got, c.Dtype)
		}
		if len(b.Rejects) > 0 {
			t.Errorf("%q: rejects %v", c.Cells, b.Rejects)
		}
	}
}

func TestParser_readsNumbers(t *testing.T) {
	nan := math.NaN()
	tests := []struct {
		name  string
		nulls []string
		cells []string
		want  []float64
	}{
		{"plain", DefaultNulls(), []string{"1", " 2.5 ", `"3"`, "1e3"}, []float64{1, 2.5, 3, 1000}},
		{"gaps", DefaultNulls(), []string{"", `""`, "NA", `"n/a"`, "None", "7"}, []float64{nan, nan, nan, nan, nan, 7}},
		{"none", nil, []string{"", "nan", "NAN", `"NaN"`, "7"}, []float64{nan, nan, nan, nan, 7}},
		{"a number that means missing", []string{"-999", "x"}, []string{"-999", "999", "x", "-999.0"}, []float64{nan, 999, nan, -999}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := parseColumn(t, AsNumber, test.nulls, test.cells...)
			if len(b.Rejects) > 0 {
				t.Fatalf("rejects %v", b.Rejects)
			}
			for i, got := range b.Inputs[0].Floats {
				if want := test.want[i]; got != want && (got == got || want == want) {
					t.Errorf("%s: %v, want %v", test.cells[i], got, want)
				}
			}
		})
	}
}

func TestParser_readsTruthValues(t *testing.T) {
	for _, as := range []As{AsBool, AsNumber, AsFound} {
		b := parseColumn(t, as, DefaultNulls(), "True", "false", "", `"TRUE"`, "NA", "tRuE")
		if got, want := b.Inputs[0].Ints, []int64{1, 0, -1, 1, -1, 1}; b.Inputs[0].Kind != frame.Bool || !slices.Equal(got, want) {
			t.Errorf("as %d: kind %d, %v, want %v", as, b.Inputs[0].Kind, got, want)
		}
	}
}

func TestParser_readsTexts(t *testing.T) {
	b := parseColumn(t, AsText, []string{"NA"}, "x", " y ", `""`, "", "NA", `"NA"`, `"a ""b"", c"`, `"q"z`, "007", "ö")
	want := []any{"x", " y ", "", nil, nil, nil, `a "b", c`, "qz", "007", "ö"}
	for i, got := range b.Inputs[0].Texts {
		if want[i] == nil && got != nil || want[i] != nil && (got == nil || string(got) != want[i]) {
			t.Errorf("cell %d: %q (nil: %t), want %v", i, got, got == nil, want[i])
		}
	}
}

func TestParser_readsOneFieldForSeveralUses(t *testing.T) {
	p := NewParser(Layout{Dialect: CSV, Fields: 3, Nulls: NewNulls(DefaultNulls()), Keep: []int{2, 1}, Inputs: []Input{
		{Name: "b", Index: 1, As: AsNumber, Kind: frame.Float},
		{Name: "b", Index: 1, As: AsText, Kind: frame.Text},
	}})
	p.Reset([]byte("1,\"02\",x\n4,NA,\"y\"\"\"\n"), 0)
	b := p.Next(10)
	if b.Rows != 2 || b.Inputs[0].Floats[0] != 2 || !math.IsNaN(b.Inputs[0].Floats[1]) {
		t.Errorf("numbers %v", b.Inputs[0].Floats)
	}
	if got := b.Inputs[1].Texts; string(got[0]) != "02" || got[1] != nil {
		t.Errorf("texts %q", got)
	}
	if got := fmt.Sprintf("%s %s", b.Keep[0].Texts, b.Keep[1].Texts); got != `[x y"] [02 NA]` {
		t.Errorf("kept %s", got)
	}
}

func TestParser_rejectsRecordsThatCannotBeUsed(t *testing.T) {
	tests := []struct {
		name, input string
		want        []string
	}{
		{"too few fields", "1,2\n1\n", []string{`"1" : 1 field, want 2`}},
		{"too many fields", "1,2,3\n1,2\n", []string{`"1,2,3" : 3 fields, want 2`}},
		{"a delimiter too many", "1,2,\n", []string{`"1,2," : 3 fields, want 2`}},
		{"not a number", "1,2\nx y,2\n", []string{`"x y,2" x: not a number`}},
		{"quoted text without null values", "\"\",2\n", []string{`"\"\",2" x: not a number`}},
		{"true among numbers", "1,2\ntrue,2\n", []string{`"true,2" x: true or false, where other records have a number`}},
		{"not UTF-8", "1,2\n1,\xff\n1,2\n", []string{`"1,\xff" : not valid UTF-8 at byte 106 of the input`}},
		{"half a character", "1,\xc3\n", []string{`"1,\xc3" : not valid UTF-8 at byte 102 of the input`}},
		{"an open quote", "1,2\n1,\"2\n3,4\n", []string{`"1,\"2\n3,4\n" : a quote is opened and never closed`}},
		{"several", "a,2\n1\nb,2\n", []string{`"1" : 1 field, want 2`, `"a,2" x: not a number`, `"b,2" x: not a number`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := NewParser(Layout{Dialect: CSV, Fields: 2, Nulls: NewNulls(nil), Inputs: []Input{{Name: "x", As: AsNumber, Kind: frame.Float}}})
			p.Reset([]byte(test.input), 100)
			var got []string
			for b := p.Next(100); b != nil; b = p.Next(100) {
				for _, r := range b.Rejects {
					got = append(got, fmt.Sprintf("%q %s: %s", test.input[r.Start:r.End], r.Column, r.Reason))
				}
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestParser_marksRowsWithBadCells(t *testing.T) {
	b := parseColumn(t, AsNumber, nil, "1", "x", "3", "y")
	if want := []bool{false, true, false, true}; !slices.Equal(b.Bad, want) {
		t.Errorf("bad %v, want %v", b.Bad, want)
	}
	if got := b.Rejects[0].Value; got != "x" {
		t.Errorf("value %q, want x", got)
	}
}

func TestParser_cutsABlockIntoBatches(t *testing.T) {
	var text strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&text, "%d,x\n", i)
	}
	p := NewParser(Layout{Dialect: CSV, Fields: 2, Nulls: NewNulls(nil), Inputs: []Input{{Name: "x", As: AsNumber, Kind: frame.Float}}})
	p.Reset([]byte(text.String()), 0)
	next := 0.0
	for b := p.Next(700); b != nil; b = p.Next(700) {
		if b.Rows > 700 {
			t.Fatalf("%d rows", b.Rows)
		}
		for _, v := range b.Inputs[0].Floats[:b.Rows] {
			if v != next {
				t.Fatalf("%v, want %v", v, next)
			}
			next++
		}
	}
	if next != 5000 {
		t.Errorf("%v rows", next)
	}
}

func TestParser_showsWhatContradictsAKind(t *testing.T) {
	tests := []struct {
		as   As
		kind frame.Kind
		cell string
		want frame.Kind
	}{
		{AsFound, frame.Int, "1.5", frame.Float},
		{AsFound, frame.Int, "", frame.Float},
		{AsFound, frame.Int, "x", frame.Text},
		{AsFound, frame.Int, "99999999999999999999", frame.Text},
		{AsFound, frame.Float, "x", frame.Text},
		{AsFound, frame.Float, "True", frame.Text},
		{AsFound, frame.Bool, "1", frame.Text},
		{AsFound, frame.Bool, "x", frame.Text},
		{AsFound, frame.Bool, "", frame.BoolGaps},
		{AsFound, frame.BoolGaps, "", frame.BoolGaps},
		{AsFound, frame.BoolGaps, "True", frame.BoolGaps},
		{AsFound, frame.BoolGaps, "1", frame.Text},
		{AsNumber, frame.Bool, "", frame.Bool},
		{AsNumber, frame.Bool, "1.5", frame.Float},
		{AsFigures, frame.Int, "1.5", frame.Float},
		{AsFigures, frame.Int, "", frame.Float},
		{AsFigures, frame.Int, "x", frame.Int},
		{AsFigures, frame.Int, "True", frame.Int},
		{AsFigures, frame.Int, "99999999999999999999", frame.Float},
		{AsFigures, frame.Float, "x", frame.Float},
		{AsFigures, frame.Bool, "1", frame.Int},
		{AsFigures, frame.Bool, "x", frame.Bool},
		{AsFigures, frame.Bool, "", frame.BoolGaps},
		{AsFigures, frame.BoolGaps, "x", frame.BoolGaps},
		{AsFigures, frame.BoolGaps, "1", frame.Float},
	}
	before := map[frame.Kind]Facts{frame.Int: SawInt, frame.Float: SawFloat, frame.Bool: SawBool, frame.BoolGaps: SawBool | SawMissing}
	for _, test := range tests {
		p := NewParser(Layout{Dialect: CSV, Fields: 2, Nulls: NewNulls(nil), Inputs: []Input{{Name: "x", As: test.as, Kind: test.kind}}})
		p.Reset([]byte(test.cell+",0\n"), 0)
		if got := test.as.Kind(before[test.kind] | p.Next(1).Facts[0]); got != test.want {
			t.Errorf("%q in a column of kind %d: kind %d, want %d", test.cell, test.kind, got, test.want)
		}
	}
	// A column without any value so far is Float, and may still become one of true
	// and false.
	for as, want := range map[As]frame.Kind{AsNumber: frame.Bool, AsFound: frame.BoolGaps, AsFigures: frame.BoolGaps} {
		p := NewParser(Layout{Dialect: CSV, Fields: 2, Nulls: NewNulls(nil), Inputs: []Input{{Name: "x", As: as, Kind: frame.Float}}})
		p.Reset([]byte("True,0\n"), 0)
		if got := as.Kind(SawMissing | p.Next(1).Facts[0]); got != want {
			t.Errorf("read as %d: kind %d, want %d", as, got, want)
		}
	}
}

func TestParser_saysWhyACellCannotBeUsed(t *testing.T) {
	for _, test := range []struct {
		as     As
		kind   frame.Kind
		sure   bool
		cell   string
		reason string
		always bool // whatever the other records hold
	}{
		{AsNumber, frame.Float, false, "x", "not a number", true},
		{AsNumber, frame.Float, false, "true", "true or false, where other records have a number", false},
		{AsBool, frame.Bool, false, "x", "not true or false", true},
		{AsBool, frame.Bool, false, "1", "not true or false", true},
		{AsFigures, frame.Float, false, "x", "not a number", true},
		{AsFound, frame.Int, true, "1.5", "not a whole number, where the records that can be used have one", false},
		{AsFound, frame.Float, true, "x", "not a number, where the records that can be used have one", false},
		{AsFound, frame.Bool, true, "1", "not true or false, where the records that can be used have one", false},
		{AsFound, frame.BoolGaps, true, "x", "not true or false, where the records that can be used have one", false},
	} {
		p := NewParser(Layout{Dialect: CSV, Fields: 2, Nulls: NewNulls(nil), Inputs: []Input{{Name: "c", As: test.as, Kind: test.kind, Sure: test.sure}}})
		p.Reset([]byte(test.cell+",0\n"), 0)
		b := p.Next(1)
		want := Reject{Start: 0, End: len(test.cell) + 2, Column: "c", Value: test.cell, Reason: test.reason, Always: test.always}
		if len(b.Rejects) != 1 || b.Rejects[0] != want {
			t.Errorf("as %d, kind %d: got %+v, want %+v", test.as, test.kind, b.Rejects, want)
		}
	}
}

func TestParser_showsTheBeginningOfALongCell(t *testing.T) {
	for _, n := range []int{maxValue, maxValue + 1} {
		b := parseColumn(t, AsNumber, nil, strings.Repeat("x", n-1)+"é")
		if got := b.Rejects[0].Value; len(got) > maxValue || !utf8.ValidString(got) || !strings.HasPrefix(got, strings.Repeat("x", maxValue-1)) {
			t.Errorf("a cell of %d bytes: %q", n+1, got)
		}
	}
}

func TestParser_refusesWhatIsNoFigure(t *testing.T) {
	for _, test := range []struct {
		cells []string
		kind  frame.Kind
		bad   string // a digit for each cell: 1 if it is refused
	}{
		{[]string{"1", "x", "2"}, frame.Int, "010"},
		{[]string{"1", "x", ""}, frame.Float, "010"},
		{[]string{"1", "True", "2.5"}, frame.Float, "010"},
		{[]string{"True", "x", "False", ""}, frame.Bool, "0100"},
		{[]string{"True", "x", "False"}, frame.Bool, "010"},
		{[]string{"x", "y"}, frame.Float, "11"},
	} {
		b := parseColumn(t, AsFigures, nil, test.cells...)
		bad := ""
		for _, is := range b.Bad {
			bad += map[bool]string{false: "0", true: "1"}[is]
		}
		if b.Inputs[0].Kind != test.kind || bad != test.bad {
			t.Errorf("%q: kind %d, bad %s; want %d, %s", test.cells, b.Inputs[0].Kind, bad, test.kind, test.bad)
		}
	}
}

// Where the kind is that of all records that can be used, no cell of another is
// taken for one.
func TestParser_refusesWhatIsOfAnotherKindThanIsSure(t *testing.T) {
	for _, test := range []struct {
		kind frame.Kind
		cell string
	}{
		{frame.Int, ""}, {frame.Int, "1.5"}, {frame.Int, "x"}, {frame.Int, "99999999999999999999"},
		{frame.Float, "x"}, {frame.Float, "True"}, {frame.Bool, "1"}, {frame.Bool, "x"}, {frame.Bool, ""},
		{frame.BoolGaps, "1"}, {frame.BoolGaps, "x"},
	} {
		for _, as := range []As{AsFound, AsFigures} {
			p := NewParser(Layout{Dialect: CSV, Fields: 2, Nulls: NewNulls(nil), Inputs: []Input{{Name: "x", As: as, Kind: test.kind, Sure: true}}})
			p.Reset([]byte(test.cell+",0\n"), 0)
			if b := p.Next(1); !b.Bad[0] || len(b.Rejects) != 1 || b.Rejects[0].Reason == "" {
				t.Errorf("%q in a column of kind %d: %+v", test.cell, test.kind, b.Rejects)
			}
		}
	}
}

func TestNulls_hasItsTexts(t *testing.T) {
	long := strings.Repeat("x", 100)
	n := NewNulls([]string{"NA", "", long})
	for text, want := range map[string]bool{"NA": true, "": true, long: true, "NB": false, "N": false, long + "x": false, "\tNA": false} {
		if got := n.Has([]byte(text)); got != want {
			t.Errorf("%q: %t", text, got)
		}
	}
	if got := n.Texts(); !slices.Equal(got, []string{"", "NA", long}) {
		t.Errorf("texts %q", got)
	}
	if NewNulls(nil).Has(nil) {
		t.Error("an empty set has the empty text")
	}
}

func TestReadHeader_saysWhatIsWrong(t *testing.T) {
	for input, want := range map[string]string{
		"\"a,b\n1,2\n": "header: a quote is opened and never closed",
		"\n\na,\xff\n": "header: not valid UTF-8 at byte 2 of it (set --encoding if it is in another)",
		"a\x00,\x00":   "header: a NUL at byte 1 of it (set --encoding if it is UTF-16)",
	} {
		if _, _, err := ReadHeader(CSV, []byte(input)); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", input, err, want)
		}
	}
	if names, rest, err := ReadHeader(CSV, []byte("\n \n")); names != nil || rest != 3 || err != nil {
		t.Errorf("blank lines: %q %d %v", names, rest, err)
	}
}

func benchmarkParser(b *testing.B, data []byte, l Layout) {
	_, rest, err := ReadHeader(CSV, data)
	if err != nil {
		b.Fatal(err)
	}
	p := NewParser(l)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		p.Reset(data[rest:], 0)
		for batch := p.Next(1 << 20); batch != nil; batch = p.Next(1 << 20) {
			if len(batch.Rejects) > 0 {
				b.Fatal(batch.Rejects)
			}
		}
	}
}

func BenchmarkParser(b *testing.B) {
	quoted := mixed(20000)
	number := func(i int) Input { return Input{Name: "x", Index: i, As: AsNumber, Kind: frame.Float} }
	text := func(i int) Input { return Input{Name: "x", Index: i, As: AsText, Kind: frame.Text} }
	nulls := NewNulls(DefaultNulls())
	b.Run("nothing", func(b *testing.B) {
		benchmarkParser(b, quoted, Layout{Dialect: CSV, Fields: 7, Nulls: nulls})
	})
	b.Run("all", func(b *testing.B) {
		benchmarkParser(b, quoted, Layout{Dialect: CSV, Fields: 7, Nulls: nulls, Keep: []int{0, 1},
			Inputs: []Input{number(2), number(3), number(4), text(5), text(6)}})
	})
	b.Run("numbers", func(b *testing.B) {
		var data bytes.Buffer
		data.WriteString("a,b,c,d\n")
		for i := range 20000 {
			fmt.Fprintf(&data, "%v,%v,%.2f,%d\n", float64(i)/7, float64(i)*0.001, float64(i)*1.37, i)
		}
		benchmarkParser(b, data.Bytes(), Layout{Dialect: CSV, Fields: 4, Nulls: nulls, Inputs: []Input{number(0), number(1), number(2), number(3)}})
	})
}

func TestParser_watchesEveryCellOfAnOpenColumn(t *testing.T) {
	tests := []struct {
		before Facts
		cell   string
		open   bool
		want   frame.Kind
	}{
		{0, "5", true, frame.Int},
		{0, "99999999999999999999", true, frame.Text},
		{SawBigInt, "1.5", true, frame.Float},
		{SawInt | SawBigInt, "", true, frame.Float},
		{SawBigInt, "7", true, frame.Text},
		{SawMissing, "5", false, frame.Float},
		{SawFloat, "99999999999999999999", false, frame.Float},
		{SawText, "5", false, frame.Text},
	}
	for _, test := range tests {
		if got := AsFound.Open(test.before); got != test.open {
			t.Errorf("%b: open %t", test.before, got)
		}
		p := NewParser(Layout{Dialect: CSV, Fields: 2, Nulls: NewNulls(nil), Inputs: []Input{
			{Name: "x", As: AsFound, Kind: AsFound.Kind(test.before), Open: test.open}}})
		p.Reset([]byte(test.cell+",0\n"), 0)
		if got := AsFound.Kind(test.before | p.Next(1).Facts[0]); got != test.want {
			t.Errorf("%b, then %q: kind %d, want %d", test.before, test.cell, got, test.want)
		}
	}
}
