package report

import "math"

var nan = math.NaN()

// even is the share below each inner edge of n equally full bins.
func even(n int) []float64 {
	var below []float64
	for i := 1; i < n; i++ {
		below = append(below, float64(i)/float64(n))
	}
	return below
}
