package report

import (
	"bytes"
	"cmp"
	"hash/maphash"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"

	"ds-pipeline/preprocess/frame"
)

// texts counts the categories of a text column. Up to limit categories the
// counts are exact. Beyond, the rarest are forgotten and the counts are lower
// bounds, too low by at most lost: the summary of Misra and Gries (Finding
// repeated elements, 1982) with the purge of Anderson and others (A
// high-performance algorithm for identifying frequent items in data streams,
// 2017), whose errors add up when two are merged.
//
// Two texts are one category if they agree in length, in a 64-bit hash and in
// the first maxShownBytes bytes, which are all that is kept.
type texts struct {
	count, missing int64
	unknown        int64 // records whose category the model does not know
	limit          int
	more           bool  // more than limit categories were seen
	lost           int64 // how much a count may be too low
	known          map[string]struct{}
	portable       bool // other processes may have to know the categories

	entries []category
	index   []int32 // entry + 1 by hash, 0 for none; a power of two long
	arena   []byte
	sample  []int64
}

type category struct {
	hash    uint64
	size    int // of the text
	at      int // in arena
	count   int64
	unknown bool
	digest  digest // only if portable
}

const (
	maxShownBytes  = 64
	maxCategories  = 512
	minCategories  = 16
	categoryBytes  = 128 // what one may take with its place in the tables
	purgeSampleLen = 33
)

// seed is the same for all columns of a process, as partials are merged by hash.
var (
	seed = maphash.MakeSeed()
	salt = [2]uint64{rand.Uint64(), rand.Uint64()} //nolint:gosec // only has to differ
)

// hashOf is a hash that nobody who writes the data knows.
func hashOf(text []byte) uint64 {
	if len(text) > 16 {
		return maphash.Bytes(seed, text)
	}
	first, last := frame.Ends(text)
	high, low := bits.Mul64(first^salt[0], last^salt[1]^uint64(len(text)))
	return high ^ low
}

func newTexts(limit int, known map[string]struct{}) *texts {
	size := 4
	for size < 2*(limit+1) {
		size *= 2
	}
	return &texts{limit: limit, known: known, index: make([]int32, size)}
}

func (t *texts) reset() {
	t.count, t.missing, t.unknown, t.more, t.lost = 0, 0, 0, false, 0
	t.forget()
}

func (t *texts) forget() {
	t.entries, t.arena = t.entries[:0], t.arena[:0]
	clear(t.index)
}

func (t *texts) add(c *frame.Column, rows int, skip []bool) {
	for row, text := range c.Texts[:rows] {
		if skip != nil && skip[row] {
			continue
		}
		if text == nil {
			t.missing++
			continue
		}
		t.count++
		e := t.entry(text)
		if e.count == 0 && t.known != nil {
			_, known := t.known[string(text)]
			e.unknown = !known
		}
		e.count++
		if e.unknown {
			t.unknown++
		}
		if len(t.entries) > t.limit {
			t.purge()
		}
	}
}

// entry returns the entry of a text, a new one with count 0 if there is none.
func (t *texts) entry(text []byte) *category {
	if !t.portable || len(text) <= maxShownBytes {
		return t.find(hashOf(text), len(text), text)
	}
	d := digestOf(text)
	e := t.find(hashOfPortable(d, len(text), text), len(text), text)
	e.digest = d
	return e
}

// find returns the entry of a text, a new one with count 0 if there is none.
// shown is the text or its first maxShownBytes bytes.
func (t *texts) find(hash uint64, size int, shown []byte) *category {
	shown = shown[:min(len(shown), maxShownBytes)]
	mask := uint64(len(t.index) - 1)
	for i := hash; ; i++ {
		at := &t.index[i&mask]
		if *at == 0 {
			t.entries = append(t.entries, category{hash: hash, size: size, at: len(t.arena)})
			t.arena = append(t.arena, shown...)
			*at = int32(len(t.entries))
			return &t.entries[len(t.entries)-1]
		}
		if e := &t.entries[*at-1]; e.hash == hash && e.size == size && bytes.Equal(t.shown(e), shown) {
			return e
		}
	}
}

// shown is what is kept of a category's text.
func (t *texts) shown(e *category) []byte {
	return t.arena[e.at : e.at+min(e.size, maxShownBytes)]
}

// purge takes the same off every count, about their median, and forgets those
// of which nothing is left: at least one, and usually half.
func (t *texts) purge() {
	t.more = true
	t.sample = t.sample[:0]
	for i := 0; i < purgeSampleLen; i++ {
		t.sample = append(t.sample, t.entries[i*len(t.entries)/purgeSampleLen].count)
	}
	slices.Sort(t.sample)
	off := t.sample[len(t.sample)/2]
	t.lost += off

	kept, used := 0, 0
	for _, e := range t.entries {
		if e.count <= off {
			continue
		}
		e.count -= off
		used += copy(t.arena[used:], t.shown(&e))
		e.at = used - min(e.size, maxShownBytes)
		t.entries[kept] = e
		kept++
	}
	t.entries, t.arena = t.entries[:kept], t.arena[:used]
	clear(t.index)
	mask := uint64(len(t.index) - 1)
	for n := range t.entries {
		i := t.entries[n].hash
		for t.index[i&mask] != 0 {
			i++
		}
		t.index[i&mask] = int32(n + 1)
	}
}

func (t *texts) merge(other column) {
	o := other.(*texts)
	t.count += o.count
	t.missing += o.missing
	t.unknown += o.unknown
	t.lost += o.lost
	t.more = t.more || o.more
	for i := range o.entries {
		from := &o.entries[i]
		to := t.find(from.hash, from.size, o.shown(from))
		to.unknown, to.digest = from.unknown, from.digest
		to.count += from.count
		if len(t.entries) > t.limit {
			t.purge()
		}
	}
}

// ranked lists the categories, most frequent first, equals by text.
func (t *texts) ranked() []category {
	ranked := slices.Clone(t.entries)
	slices.SortFunc(ranked, func(a, b category) int {
		return cmp.Or(cmp.Compare(b.count, a.count), bytes.Compare(t.shown(&a), t.shown(&b)), cmp.Compare(a.size, b.size), bytes.Compare(a.digest[:], b.digest[:]))
	})
	return ranked
}

// booleans counts a column of true and false.
type booleans struct {
	counts  [2]int64 // false, true
	missing int64
}

func (b *booleans) reset() { *b = booleans{} }

func (b *booleans) add(c *frame.Column, rows int, skip []bool) {
	for row, v := range c.Ints[:rows] {
		switch {
		case skip != nil && skip[row]:
		case v < 0:
			b.missing++
		default:
			b.counts[v&1]++
		}
	}
}

func (b *booleans) merge(other column) {
	o := other.(*booleans)
	b.counts[0] += o.counts[0]
	b.counts[1] += o.counts[1]
	b.missing += o.missing
}

// indicators counts the ones of a run of indicator columns, of which each
// record has one or none.
type indicators struct {
	ones []int64
	none int64
}

func (n *indicators) reset() {
	clear(n.ones)
	n.none = 0
}

func (n *indicators) add(c *frame.Column, rows int, skip []bool) {
	for row, at := range c.Hot[:rows] {
		switch {
		case skip != nil && skip[row]:
		case at < 0:
			n.none++
		default:
			n.ones[at]++
		}
	}
}

func (n *indicators) merge(other column) {
	o := other.(*indicators)
	n.none += o.none
	for i, c := range o.ones {
		n.ones[i] += c
	}
}

// counts is all that is kept of a column when there are too many.
type counts struct{ present, missing int64 }

func (n *counts) reset() { *n = counts{} }

func (n *counts) add(c *frame.Column, rows int, skip []bool) {
	for row := range rows {
		if skip != nil && skip[row] {
			continue
		}
		missing := false
		switch {
		case c.Hot != nil || c.Kind == frame.Int:
		case c.Kind == frame.Bool:
			missing = c.Ints[row] < 0
		case c.Kind == frame.Text:
			missing = c.Texts[row] == nil
		default:
			missing = math.IsNaN(c.Floats[row])
		}
		if missing {
			n.missing++
		} else {
			n.present++
		}
	}
}

func (n *counts) merge(other column) {
	o := other.(*counts)
	n.present += o.present
	n.missing += o.missing
}
