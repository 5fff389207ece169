package report

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"ds-pipeline/preprocess/frame"

	"pgregory.net/rapid"
)

func textColumn(texts ...string) *frame.Column {
	c := &frame.Column{Kind: frame.Text}
	for _, text := range texts {
		c.Texts = append(c.Texts, []byte(text))
	}
	return c
}

func TestTexts_areExactUpToTheLimitInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pool := rapid.SliceOfNDistinct(rapid.String(), 1, 40, rapid.ID).Draw(t, "pool")
		texts := rapid.SliceOfN(rapid.SampledFrom(pool), 0, 300).Draw(t, "texts")
		whole := newTexts(40, nil)
		part := newTexts(40, nil)
		want := map[string]int64{}
		for _, text := range texts {
			want[text]++
		}
		for len(texts) > 0 {
			n := rapid.IntRange(1, len(texts)).Draw(t, "block")
			part.add(textColumn(texts[:n]...), n, nil)
			texts = texts[n:]
			whole.merge(part)
			part.reset()
		}
		got := map[string]int64{}
		for _, e := range whole.ranked() {
			got[string(whole.shown(&e))] += e.count
		}
		if whole.more || whole.lost != 0 || len(whole.entries) != len(want) {
			t.Fatalf("got %d categories, more %v, lost %d; want %d", len(whole.entries), whole.more, whole.lost, len(want))
		}
		for text, n := range want {
			if len(text) <= maxShownBytes && got[text] != n {
				t.Fatalf("%q: got %d, want %d", text, got[text], n)
			}
		}
	})
}

func TestTexts_tooManyAreLowerBoundsWithinTheStatedError(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	zipf := rand.NewZipf(random, 1.3, 1, 100_000)
	whole, part := newTexts(100, nil), newTexts(100, nil)
	want := map[string]int64{}
	for block := 0; block < 50; block++ {
		c := &frame.Column{Kind: frame.Text}
		for range 2000 {
			text := fmt.Sprint(zipf.Uint64())
			want[text]++
			c.Texts = append(c.Texts, []byte(text))
		}
		part.add(c, 2000, nil)
		whole.merge(part)
		part.reset()
	}
	if !whole.more || whole.count != 100_000 || len(whole.entries) > 100 {
		t.Fatalf("got more %v, %d records, %d entries", whole.more, whole.count, len(whole.entries))
	}
	if whole.lost > whole.count/20 {
		t.Errorf("counts may be too low by %d of %d records: want at most a twentieth", whole.lost, whole.count)
	}
	found := map[string]int64{}
	for i := range whole.entries {
		e := &whole.entries[i]
		found[string(whole.shown(e))] = e.count
	}
	for text, n := range want {
		if got := found[text]; got > n || got < n-whole.lost {
			t.Errorf("%s: got %d, want %d to %d", text, got, n-whole.lost, n)
		}
	}
}

func TestTexts_memoryIsBounded(t *testing.T) {
	n := newTexts(maxCategories, nil)
	c := &frame.Column{Kind: frame.Text, Texts: [][]byte{nil}}
	for i := range 200_000 {
		c.Texts[0] = fmt.Appendf(c.Texts[0][:0], "%d%s", i, strings.Repeat("x", 1000))
		n.add(c, 1, nil)
	}
	if got := cap(n.arena) + cap(n.entries)*48 + 4*len(n.index); got > 2*maxCategories*categoryBytes {
		t.Errorf("%d bytes for %d categories, want at most %d", got, maxCategories, 2*maxCategories*categoryBytes)
	}
}

func TestTexts_longOnesDifferByTheirEnd(t *testing.T) {
	long := strings.Repeat("x", 1000)
	n := newTexts(10, nil)
	n.add(textColumn(long+"a", long+"b", long+"a"), 3, nil)
	s := n.summary(true)
	if s.Distinct != 2 || s.Top[0].Count != 2 || s.Top[0].Name != strings.Repeat("x", maxShownBytes)+"…" {
		t.Errorf("got %+v", s)
	}
}

func TestTexts_knownOnesAreNamedAndUnknownOnesCounted(t *testing.T) {
	known := map[string]struct{}{"a": {}, "b": {}}
	whole, part := newTexts(10, known), newTexts(10, known)
	column := textColumn("a", "a", "secret", "b", "other secret", "skipped")
	column.Texts = append(column.Texts, nil, []byte{})
	for range 2 {
		part.add(column, 8, []bool{5: true, 7: false})
		whole.merge(part)
		part.reset()
	}
	s := whole.summary(false)
	if *s.Unknown != 6 || whole.missing != 2 || whole.count != 12 || s.Distinct != 5 || s.Other != 6 || !s.Hidden {
		t.Errorf("got %+v, %d missing, %d in all", s, whole.missing, whole.count)
	}
	if want := []Count{{"a", 4}, {"b", 2}}; !slices.Equal(s.Top, want) {
		t.Errorf("got %v, want %v", s.Top, want)
	}
}

func TestTexts_unknownOnesAreCountedExactlyBeyondTheLimit(t *testing.T) {
	known := map[string]struct{}{}
	for i := range 1000 {
		known[fmt.Sprint(i)] = struct{}{}
	}
	random := rand.New(rand.NewPCG(1, 2))
	whole, part := newTexts(minCategories, known), newTexts(minCategories, known)
	want := int64(0)
	for range 20 {
		c := &frame.Column{Kind: frame.Text}
		for range 500 {
			n := random.IntN(1100)
			if n >= 1000 {
				want++
			}
			c.Texts = append(c.Texts, fmt.Append(nil, n))
		}
		part.add(c, 500, nil)
		whole.merge(part)
		part.reset()
	}
	if whole.unknown != want {
		t.Errorf("got %d, want %d", whole.unknown, want)
	}
}

func TestTexts_notUTF8IsShownAsText(t *testing.T) {
	n := newTexts(10, nil)
	n.add(textColumn("a\xff", strings.Repeat("é", 40)[1:]), 2, nil)
	for _, top := range n.summary(true).Top {
		if !bytes.ContainsRune([]byte(top.Name), '\uFFFD') {
			t.Errorf("got %q, want the bytes that are no text marked", top.Name)
		}
	}
}
