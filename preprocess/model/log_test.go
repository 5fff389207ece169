package model

import (
	"math"
	"testing"
)

func TestNaturalLog_ofSubnormalNumbers(t *testing.T) {
	for _, tt := range []struct{ x, want float64 }{
		{5e-324, -744.4400719213812},
		{1e-310, -713.8013788281542},
		{0x1p-1022, -708.3964185322641},
		{math.E, 1},
		{0, math.Inf(-1)},
		{math.Inf(1), math.Inf(1)},
	} {
		if got := naturalLog(tt.x); got != tt.want {
			t.Errorf("log of %v: got %v, want %v", tt.x, got, tt.want)
		}
	}
	if got := naturalLog(-5e-324); got == got {
		t.Errorf("log of a negative number: got %v, want NaN", got)
	}
	if got, want := log10(5e-324), -323.3062153431158; math.Abs(got-want) > 1e-12 {
		t.Errorf("log10: got %v, want %v", got, want)
	}
}
