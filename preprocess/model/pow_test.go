package model

import (
	"math"
	"os"
	"strconv"
	"strings"
	"testing"
)

func TestPow_isCorrectlyRounded(t *testing.T) {
	const file = "testdata/pow/pow.csv"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	wrong := 0
	for i, line := range lines {
		var v [3]float64
		for k, field := range strings.SplitN(line, ",", 3) {
			if v[k], err = strconv.ParseFloat(field, 64); err != nil {
				t.Fatalf("%s:%d: %v", file, i+1, err)
			}
		}
		got := pow(v[0], v[1])
		if got == v[2] {
			continue
		}
		wrong++
		if away := math.Abs(got-v[2]) / (math.Nextafter(v[2], math.Inf(1)) - v[2]); away > 1 {
			t.Errorf("%s:%d: %v to the power %v: got %v, want %v, %v units in the last place away", file, i+1, v[0], v[1], got, v[2], away)
		}
	}
	if wrong > len(lines)/1000 {
		t.Errorf("%d of %d powers are not correctly rounded, want at most one of a thousand", wrong, len(lines))
	}
}

func TestPow_hasTheLimitsOfMathPow(t *testing.T) {
	values := []float64{0, math.Copysign(0, -1), 1, -1, 2, -2, 0.5, 3, 1e300, 1e-300, 5e-324, math.MaxFloat64, math.Inf(1), math.Inf(-1), math.NaN()}
	for _, x := range values {
		for _, y := range values {
			got, want := pow(x, y), math.Pow(x, y)
			if got != want && !(math.IsNaN(got) && math.IsNaN(want)) && math.Abs(got-want) > 1e-15*math.Abs(want) {
				t.Errorf("%v to the power %v: got %v, want %v", x, y, got, want)
			}
		}
	}
}

func BenchmarkPow(b *testing.B) {
	for _, f := range []struct {
		name string
		pow  func(x, y float64) float64
	}{{"pow", pow}, {"math.Pow", math.Pow}} {
		b.Run(f.name, func(b *testing.B) {
			x := 1.0
			for b.Loop() {
				x = 1 + math.Abs(math.Mod(f.pow(x, 0.37), 100))
			}
		})
	}
}
