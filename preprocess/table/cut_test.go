package table

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
)

// starts are the places where records start in text, as the scanner of a Splitter
// finds the ends of ever longer beginnings.
func starts(d Dialect, text []byte) []int64 {
	all := []int64{0}
	for i := 1; i < len(text); i++ {
		seen := text[:i]
		if text[i-1] == '\r' && text[i] != '\n' {
			seen = text[:i+1] // the next byte decides
		}
		var sc scanner
		if d.JSON {
			sc.scanLines(text[:i])
		} else {
			sc.scan(seen, d.Delimiter, false)
		}
		if sc.end == i {
			all = append(all, int64(i))
		}
	}
	return all
}

// checkSections cuts text at the places and holds every section against what a
// Splitter finds in the whole.
func checkSections(t testing.TB, d Dialect, text []byte, places []int, chunk int) {
	t.Helper()
	records := starts(d, text)
	state, lines := Outside, int64(0)
	for i, from := range places {
		to, prev, next := len(text), noByte, noByte
		if i+1 < len(places) {
			to = places[i+1]
		}
		if from > 0 {
			prev = int(text[from-1])
		}
		if to < len(text) {
			next = int(text[to])
		}
		s := NewSection(d, prev)
		for b := range slices.Chunk(text[from:to], chunk) {
			_, _ = s.Write(b)
		}
		inSection := s.End(next)
		cut, end := s.Resolve(state)
		want := int64(-1)
		if at, _ := slices.BinarySearch(records, int64(from)); at < len(records) && records[at] < int64(to) {
			want = records[at] - int64(from)
		}
		if cut.At != want {
			t.Fatalf("%q from %d to %d in chunks of %d: first record at %d, want %d", text, from, to, chunk, cut.At, want)
		}
		if want >= 0 {
			if got, want := lines+cut.Lines, int64(d.LineEnds(text[:int64(from)+want])); got != want {
				t.Fatalf("%q from %d to %d in chunks of %d: %d lines before the first record, want %d", text, from, to, chunk, got, want)
			}
		}
		state, lines = end, lines+inSection
	}
	if want := int64(d.LineEnds(text)); lines != want {
		t.Fatalf("%q: %d lines in all, want %d", text, lines, want)
	}
}

var cutDialects = []Dialect{CSV, {Delimiter: '\t'}, JSONLines}

func TestSection_findsTheRecordsThatASplitterFinds(t *testing.T) {
	random := rand.New(rand.NewPCG(8, 1))
	const letters = "a,,\"\"\"\"\n\n\r\r\t "
	for range 20_000 {
		text := make([]byte, 1+random.IntN(40))
		for i := range text {
			text[i] = letters[random.IntN(len(letters))]
		}
		places := []int{0}
		for range random.IntN(6) {
			places = append(places, random.IntN(len(text)))
		}
		slices.Sort(places)
		places = slices.Compact(places)
		for _, d := range cutDialects {
			checkSections(t, d, text, places, 1+random.IntN(8))
		}
	}
}

func TestSection_isSureInsideOfQuotesOfManySections(t *testing.T) {
	// Every line of the quoted text looks like a record.
	text := []byte("x,y\n1,\"" + string(bytes.Repeat([]byte("2,3\n"), 100)) + "\"\n4,5\n")
	checkSections(t, CSV, text, []int{0, 50, 100, 200, 300, 405, 408, 410, 412}, 7)
}

func FuzzSection(f *testing.F) {
	f.Add([]byte("a,b\n\"1\n2\",3\r\n4,\"5\"\"6\"\r7,8\n"), uint8(3), uint8(9), uint8(2))
	f.Add([]byte("{\"a\":1}\n{\"a\":2}\n"), uint8(7), uint8(8), uint8(5))
	f.Add([]byte("\"\n\"\r\n\"\r"), uint8(3), uint8(4), uint8(1))
	f.Fuzz(func(t *testing.T, text []byte, a, b, chunk uint8) {
		if len(text) == 0 || len(text) > 200 {
			return
		}
		places := []int{0, int(a) % len(text), int(b) % len(text)}
		slices.Sort(places)
		places = slices.Compact(places)
		for _, d := range cutDialects {
			checkSections(t, d, text, places, int(chunk)+1)
		}
	})
}
