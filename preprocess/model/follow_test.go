package model_test

import (
	"math"
	"testing"

	"ds-pipeline/preprocess/frame"
	"ds-pipeline/preprocess/model"
)

// TestFollows_tellWhatApplyDoes compares every cell of every case.
func TestFollows_tellWhatApplyDoes(t *testing.T) {
	dir := openRelease(t, "1.9.0")
	compared := 0
	for _, c := range loadManifest(t, dir) {
		if c.Expect != "ok" {
			continue
		}
		b, kinds, cells := bindCase(t, dir, c)
		p, err := b.Compile(kinds)
		if err != nil {
			t.Fatal(c.ID, err)
		}
		in := make([]frame.Column, len(kinds))
		for i, input := range b.Inputs() {
			if in[i], err = columnOf(input, kinds[i], cells); err != nil {
				t.Fatal(c.ID, err)
			}
		}
		out, bad, err := p.NewWorker().Apply(in, len(cells))
		if err != nil {
			t.Fatal(c.ID, err)
		}
		isBad := make([]bool, len(cells))
		for _, e := range bad {
			isBad[e.Row] = true
		}
		for k, f := range p.Follows() {
			if f == nil {
				continue
			}
			from := numbersOf(in[f.Input])
			var low, high int
			for row, got := range numbersOf(out[k])[:len(cells)] {
				if isBad[row] {
					continue
				}
				compared++
				if want := f.Map(from[row]); math.Float64bits(got) != math.Float64bits(want) && (got == got || want == want) {
					t.Fatalf("%s: column %d of row %d: %v became %v, and Map gives %v", c.ID, k, row, from[row], got, want)
				}
				if !(from[row] >= from[low]) {
					low = row
				}
				if !(from[row] <= from[high]) {
					high = row
				}
			}
			if rise, run := f.Map(from[high])-f.Map(from[low]), from[high]-from[low]; run > 0 && math.Abs(rise-f.Slope*run) > 1e-9*math.Abs(rise) {
				t.Errorf("%s: column %d: the slope is %v, want %v", c.ID, k, f.Slope, rise/run)
			}
		}
	}
	if compared < 1000 {
		t.Errorf("only %d cells were compared", compared)
	}
}

func numbersOf(c frame.Column) []float64 {
	if c.Kind != frame.Int {
		return c.Floats
	}
	var floats []float64
	for _, v := range c.Ints {
		floats = append(floats, float64(v))
	}
	return floats
}

func TestFollows_leaveOutWhatIsNoLine(t *testing.T) {
	for name, step := range map[string]string{
		"clipped":     `{"class": "MinMaxScaler", "n_features_in": 1, "scale": [2], "min": [1], "feature_range": [0, 1], "clip": true}`,
		"not clipped": `{"class": "MinMaxScaler", "n_features_in": 1, "scale": [2], "min": [1], "feature_range": [0, 1]}`,
	} {
		m, err := model.Load([]byte(`{"format": 1, "model": ` + step + `}`))
		if err != nil {
			t.Fatal(err)
		}
		b, err := m.Bind([]string{"a"})
		if err != nil {
			t.Fatal(err)
		}
		p, err := b.Compile([]frame.Kind{frame.Float})
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Follows()[0] == nil; got != (name == "clipped") {
			t.Errorf("%s: left out %t", name, got)
		}
	}
}
