package table

import (
	"testing"

	"pgregory.net/rapid"
)

// parsedRecords counts the records that a Parser finds.
func parsedRecords(d Dialect, fields int, block []byte) int64 {
	l := Layout{Dialect: d, Fields: fields, Nulls: NewNulls(nil)}
	if d.JSON {
		l.Names = []string{"a", "b"}
		l.Fields = 2
	}
	p := NewParser(l)
	p.Reset(block, 0)
	n := 0
	for b := p.Next(7); b != nil; b = p.Next(7) {
		n += b.Rows
		for _, r := range b.Rejects {
			if r.Column == "" {
				n++
			}
		}
	}
	return int64(n)
}

func TestCountRecords_countsWhatTheParserFinds(t *testing.T) {
	piece := rapid.SampledFrom([]string{"\n", "\n", "\r\n", "\r", ",", ",", "\"", "\"", "\"\"", "a", " ", "\t", "1,2", "\"x\ny\"", "{", "{}", "\xff"})
	rapid.Check(t, func(t *rapid.T) {
		text := ""
		for _, p := range rapid.SliceOfN(piece, 0, 40).Draw(t, "pieces") {
			text += p
		}
		fields := rapid.IntRange(1, 3).Draw(t, "fields")
		for _, d := range []Dialect{CSV, {Delimiter: ' '}, {Delimiter: '\t'}, JSONLines} {
			got, want := CountRecords(d, fields, []byte(text)), parsedRecords(d, fields, []byte(text))
			if got != want {
				t.Fatalf("%+v, %d fields, %q: counted %d, parsed %d", d, fields, text, got, want)
			}
		}
	})
}

func FuzzCountRecords(f *testing.F) {
	for _, seed := range []string{"", "a,b\n1,2\n", "\"a\r\nb\",\"c\"\r\n\r\n \r\n\"", "\"a\"\"\n\",b", "{}\n \r\n{}", " \n\n\r\r"} {
		f.Add([]byte(seed), uint8(2))
	}
	f.Fuzz(func(t *testing.T, block []byte, n uint8) {
		fields := int(n)%4 + 1
		for _, d := range []Dialect{CSV, {Delimiter: ' '}, JSONLines} {
			if got, want := CountRecords(d, fields, block), parsedRecords(d, fields, block); got != want {
				t.Fatalf("%+v, %d fields, %q: counted %d, parsed %d", d, fields, block, got, want)
			}
		}
	})
}
