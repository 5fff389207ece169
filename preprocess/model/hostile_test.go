package model

import (
	"archive/zip"
	"io"
	"math"
	"math/rand/v2"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"ds-pipeline/preprocess/frame"
	"ds-pipeline/preprocess/pickle"
)

// slot is a place in a tree that holds a value.
type slot struct {
	in  any // the container
	set func(pickle.Value)
	old pickle.Value
}

// slotsOf lists the places of a tree, each once.
func slotsOf(root pickle.Value) []slot {
	var slots []slot
	seen := map[any]bool{}
	var walk func(v pickle.Value)
	add := func(in any, p *pickle.Value) {
		slots = append(slots, slot{in, func(v pickle.Value) { *p = v }, *p})
		walk(*p)
	}
	walk = func(v pickle.Value) {
		switch v.(type) {
		case *pickle.Dict, *pickle.List, *pickle.Tuple, *pickle.Object:
			if seen[v] {
				return
			}
			seen[v] = true
		}
		switch v := v.(type) {
		case *pickle.Dict:
			items := v.Items()
			for i := range items {
				add(v, &items[i].Value)
			}
		case *pickle.List:
			for i := range v.Items {
				add(v, &v.Items[i])
			}
		case *pickle.Tuple:
			for i := range v.Items {
				add(v, &v.Items[i])
			}
		case *pickle.Object:
			walk(v.State)
		}
	}
	walk(root)
	return slots
}

// reaches says whether a walk from v meets target.
func reaches(v pickle.Value, target any) bool {
	if v == target {
		return true
	}
	for _, s := range slotsOf(v) {
		if s.in == target || s.old == target {
			return true
		}
	}
	return false
}

// TestLoad_survivesWrongShapes puts wrong values into the trees of real models:
// arrays of other lengths, other steps, numbers out of range. Whatever loads
// must be applicable without a panic.
func TestLoad_survivesWrongShapes(t *testing.T) {
	rounds := 20
	if testing.Short() {
		rounds = 6
	}
	odd := []pickle.Value{nil, int64(-1), int64(0), int64(1), int64(2), int64(7), int64(1 << 40), 3.5, -2.0, math.NaN(), math.Inf(1), "x", "",
		"passthrough", "drop", "all", "mean", "constant", true, false, &pickle.List{}, &pickle.Tuple{},
		&pickle.List{Items: []pickle.Value{int64(5), int64(0)}}, pickle.NewDict(),
		&pickle.Range{Start: 0, Stop: 1 << 60, Step: 1}, &pickle.Slice{Start: int64(3), Stop: int64(-1), Step: int64(-2)}}
	r := rand.New(rand.NewPCG(1, 2))
	loaded, tried := 0, 0
	for _, release := range []string{"0.23.2", "1.2.1", "1.9.0"} {
		z, err := zip.OpenReader("testdata/sklearn/" + release + ".zip")
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range z.File {
			if !strings.HasPrefix(f.Name, "models/") {
				continue
			}
			rc, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			data, err := io.ReadAll(rc)
			if err != nil {
				t.Fatal(err)
			}
			for range rounds {
				root, err := pickle.Read(data, allowed, pickle.Limits{})
				if err != nil {
					break
				}
				slots := slotsOf(root)
				for range 1 + r.IntN(2) {
					s := slots[r.IntN(len(slots))]
					v := odd[r.IntN(len(odd))]
					if r.IntN(2) == 0 {
						v = slots[r.IntN(len(slots))].old
						if reaches(v, s.in) {
							continue // no cycles: Read makes none
						}
					}
					s.set(v)
				}
				tried++
				if tryTree(t, release+"/"+f.Name, root) {
					loaded++
				}
			}
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d of %d wrong models loaded", loaded, tried)
	if loaded == 0 || loaded == tried {
		t.Errorf("loaded %d of %d: this test does not test", loaded, tried)
	}
}

// tryTree loads and applies a tree; false if it is refused.
func tryTree(t *testing.T, name string, root pickle.Value) bool {
	t.Helper()
	defer func() {
		if p := recover(); p != nil {
			t.Fatalf("%s: panic: %v\n%s", name, p, debug.Stack())
		}
	}()
	start := time.Now()
	defer func() {
		if d := time.Since(start); d > 4*time.Second {
			t.Errorf("%s: took %v", name, d)
		}
	}()
	m, err := loadTree(root)
	if err != nil {
		return false
	}
	if m.Describe() == "" {
		t.Errorf("%s: nothing to say", name)
	}
	header, named := m.Features()
	if !named && len(header) == 0 {
		header = []string{"a", "b", "c"}
	}
	b, err := m.Bind(header)
	if err != nil {
		return false
	}
	for _, infer := range []frame.Kind{frame.Float, frame.Int, frame.Bool, frame.Text, frame.BoolGaps} {
		kinds := make([]frame.Kind, len(b.inputs))
		cols := make([]frame.Column, len(kinds))
		for i, in := range b.inputs {
			kinds[i] = map[Want]frame.Kind{Number: frame.Float, Bool: frame.Bool, Texts: frame.Text, Infer: infer}[in.Want]
			cols[i] = frame.Column{Kind: kinds[i].Cells(), Floats: []float64{0, math.NaN(), math.Inf(-1), 4}, Ints: []int64{0, 1, -1, 1}, Texts: [][]byte{nil, {}, []byte("gas"), []byte("x")}}
		}
		p, err := b.Compile(kinds)
		if err != nil {
			continue
		}
		out, _, err := p.NewWorker().Apply(cols, 4)
		if err != nil {
			continue
		}
		width := 0
		for _, c := range out {
			if c.Hot != nil {
				width += c.Width
				continue
			}
			width++
		}
		if width != len(p.Names()) {
			t.Fatalf("%s: %d columns for %d names", name, width, len(p.Names()))
		}
	}
	return true
}
