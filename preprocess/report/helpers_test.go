package report

import "math"

var nan = math.NaN()
