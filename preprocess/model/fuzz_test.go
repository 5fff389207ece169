package model_test

import (
	"encoding/json"
	"io/fs"
	"math"
	"os"
	"testing"

	"ds-pipeline/preprocess/frame"
	"ds-pipeline/preprocess/model"
)

// FuzzLoad feeds the importer mutated models. Whatever comes out of Load must
// be applicable to any columns without a panic, and its JSON must load back.
func FuzzLoad(f *testing.F) {
	public, err := fs.Glob(os.DirFS("testdata/public"), "models/*")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range public {
		data, err := os.ReadFile("testdata/public/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	for _, release := range []string{"1.2.1", "1.9.0"} {
		dir := openRelease(f, release)
		names, err := fs.Glob(dir, "models/*")
		if err != nil {
			f.Fatal(err)
		}
		for i, name := range names {
			data, err := fs.ReadFile(dir, name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
			if m, err := model.Load(data); err == nil && i%3 == 0 {
				text, err := json.Marshal(m)
				if err != nil {
					f.Fatal(err)
				}
				f.Add(text)
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := model.Load(data)
		if err != nil {
			return
		}
		text, err := json.Marshal(m)
		if err != nil {
			t.Fatalf("no JSON: %v", err)
		}
		if _, err := model.Load(text); err != nil {
			t.Fatalf("its JSON is refused: %v\n%s", err, text)
		}
		_ = m.Describe()
		header, named := m.Features()
		if !named && len(header) == 0 {
			header = []string{"a", "b", "c"}
		}
		if len(header) > 2000 {
			return
		}
		b, err := m.Bind(header)
		if err != nil {
			return
		}
		for _, infer := range []frame.Kind{frame.Float, frame.Int, frame.Bool, frame.Text, frame.BoolGaps} {
			apply(t, b, infer)
		}
	})
}

// apply applies a binding to a few rows of odd values.
func apply(t *testing.T, b *model.Binding, infer frame.Kind) {
	t.Helper()
	var kinds []frame.Kind
	for _, in := range b.Inputs() {
		k := infer
		switch in.Want {
		case model.Number:
			k = frame.Float
		case model.Bool:
			k = frame.Bool
		case model.Texts:
			k = frame.Text
		}
		kinds = append(kinds, k)
	}
	p, err := b.Compile(kinds)
	if err != nil || len(p.Names()) > 2000 {
		return
	}
	const rows = 6
	cols := make([]frame.Column, len(kinds))
	for i, k := range kinds {
		cols[i] = frame.Column{
			Kind:   k.Cells(),
			Floats: []float64{0, 1.5, -3, math.NaN(), math.Inf(1), 1e300},
			Ints:   []int64{0, 1, 1, 0, 1, 0},
			Texts:  [][]byte{[]byte("gas"), []byte(""), nil, []byte("A"), []byte("nan"), []byte("é")},
		}
		if k.Cells() == frame.Bool {
			cols[i].Ints = []int64{0, 1, -1, 0, 1, -1}
		}
	}
	out, _, err := p.NewWorker().Apply(cols, rows)
	if err != nil {
		return
	}
	width := 0
	for i := range out {
		if out[i].Hot == nil {
			width++
			continue
		}
		width += out[i].Width
		for _, h := range out[i].Hot[:rows] {
			if int(h) >= out[i].Width || h < -1 {
				t.Fatalf("hot %d of %d", h, out[i].Width)
			}
		}
	}
	if width != len(p.Names()) {
		t.Fatalf("%d columns for %d names", width, len(p.Names()))
	}
}
