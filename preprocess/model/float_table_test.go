package model

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestFloatTable_findsWhatAMapFinds(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	odd := []float64{0, math.Copysign(0, -1), 1e-20, -1e-20, 0.5, 1e300, -1e300, math.Inf(1), math.Inf(-1), math.NaN(), 1950.0000000001, 1 << 53}
	byPlace := 0
	for n := range 300 {
		codes := map[float64]int32{}
		for len(codes) < n%40 {
			v := float64(r.IntN(100)) - 50
			switch n % 3 {
			case 1:
				v += 1950
			case 2:
				v *= 1.25
			}
			codes[v] = int32(len(codes))
		}
		table := newFloatTable(codes)
		if table.codes != nil {
			byPlace++
		}
		probe := append([]float64{}, odd...)
		for v := range codes {
			probe = append(probe, v, v+1, v-1, v+0.5, math.Nextafter(v, 1e9), math.Nextafter(v, -1e9))
		}
		for _, v := range probe {
			want, known := codes[v]
			if got, ok := table.find(v); ok != known || known && got != want {
				t.Fatalf("%v in %v: got %d, %v; want %d, %v", v, codes, got, ok, want, known)
			}
		}
	}
	if byPlace < 100 {
		t.Errorf("only %d of 300 tables are by place", byPlace)
	}
}
