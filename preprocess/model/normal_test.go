package model

import (
	"math"
	"testing"
)

// TestNormalQuantile_agreesWithScipy compares with scipy.stats.norm.ppf 1.10.
func TestNormalQuantile_agreesWithScipy(t *testing.T) {
	tests := []struct{ p, want float64 }{
		{1e-300, -37.0470962993612},
		{1e-50, -14.933337534788487},
		{1e-16, -8.222082216130435},
		{1e-15, -7.941345326170998},
		{1e-10, -6.361340902404056},
		{1e-07, -5.1993375821928165},
		{1e-05, -4.264890793922825},
		{0.001, -3.090232306167813},
		{0.01, -2.3263478740408408},
		{0.05, -1.6448536269514729},
		{0.1, -1.2815515655446004},
		{0.13, -1.1263911290388007},
		{0.135, -1.1030625561995975},
		{0.136, -1.0984684203398627},
		{0.2, -0.8416212335729142},
		{0.3, -0.5244005127080409},
		{0.4, -0.2533471031357997},
		{0.45, -0.12566134685507402},
		{0.49, -0.02506890825871106},
		{0.4999999, -2.506628274703107e-07},
		{0.5, 0.0},
		{0.5000001, 2.506628273311648e-07},
		{0.51, 0.02506890825871106},
		{0.6, 0.2533471031357997},
		{0.7, 0.5244005127080407},
		{0.8, 0.8416212335729143},
		{0.86, 1.0803193408149558},
		{0.8646, 1.101222112591979},
		{0.87, 1.1263911290388007},
		{0.9, 1.2815515655446004},
		{0.975, 1.959963984540054},
		{0.99, 2.3263478740408408},
		{0.999, 3.090232306167813},
		{0.9999999, 5.199337582290661},
		{0.999999999999, 7.0344869100478356},
	}
	for _, tt := range tests {
		if got := normalQuantile(tt.p); math.Abs(got-tt.want) > 5e-16*math.Abs(tt.want) {
			t.Errorf("p %v: got %v, want %v", tt.p, got, tt.want)
		}
	}
	for _, p := range []float64{-1, 2, math.NaN()} {
		if got := normalQuantile(p); !math.IsNaN(got) {
			t.Errorf("p %v: got %v, want NaN", p, got)
		}
	}
	if !math.IsInf(normalQuantile(0), -1) || !math.IsInf(normalQuantile(1), 1) {
		t.Error("the ends are not infinite")
	}
	// Where scikit-learn cuts off; a tie with it is decided by the last bit.
	if normalMin != -5.199337582605575 || normalMax != 5.19933758270342 {
		t.Errorf("got %v and %v", normalMin, normalMax)
	}
}
