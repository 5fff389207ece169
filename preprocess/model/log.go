package model

import "math"

// naturalLog is math.Log, which is wrong for subnormal numbers on amd64: -709
// for the smallest, whose logarithm is -744.
func naturalLog(x float64) float64 {
	if x > 0 && x < 0x1p-1022 {
		const shift = 54
		return math.Log(x*(1<<shift)) - shift*math.Ln2
	}
	return math.Log(x)
}
