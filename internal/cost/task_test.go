package cost

import (
	"math"
	"testing"
)

func TestTask_isWhatFargateBills(t *testing.T) {
	for name, tt := range map[string]struct {
		got, want float64
	}{
		"an hour of 2 vCPUs and 4 GB": {Task(2, 4, 3600, false, false), 2*0.04048 + 4*0.004445},
		"on ARM":                      {Task(2, 4, 3600, true, false), 2*0.03238 + 4*0.00356},
		"on Spot":                     {Task(2, 4, 3600, false, true), 0.3 * (2*0.04048 + 4*0.004445)},
		"a minute at least":           {Task(2, 4, 3, false, false), Task(2, 4, 60, false, false)},
	} {
		if math.Abs(tt.got-tt.want) > 1e-12 {
			t.Errorf("%s: got %v, want %v", name, tt.got, tt.want)
		}
	}
}
