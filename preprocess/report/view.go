package report

import (
	"math"
	"slices"

	"ds-pipeline/preprocess/frame"
)

// view is what there is to tell of finite numbers.
type view struct {
	count     int64
	mean, sd  float64
	low, high float64
	d         distribution
}

// view is that of the finite values.
func (n *number) view() view {
	mean, sd := n.meanAndDeviation()
	return view{n.finite, mean, sd, n.min, n.max, n.sketch.distribution(n.min, n.max)}
}

// with is v with n more numbers of one value.
func (v view) with(value float64, n int64) view {
	if v.count == 0 {
		v.mean, v.sd, v.low, v.high = value, 0, value, value
	}
	// The mean and standard deviation of two groups together.
	count := v.count + n
	share, distance := float64(n)/float64(count), value-v.mean
	return view{
		count: count,
		mean:  v.mean + share*distance,
		sd:    math.Hypot(math.Sqrt(1-share)*v.sd, math.Sqrt(share*(1-share))*distance),
		low:   min(v.low, value),
		high:  max(v.high, value),
		d:     v.d.with(value, n),
	}
}

// along is v after f.
func (v view) along(f *frame.Follow) view {
	if v.count == 0 {
		return v
	}
	to := view{v.count, f.Map(v.mean), math.Abs(f.Slope) * v.sd, f.Map(v.low), f.Map(v.high), distribution{make([]bucket, 0, len(v.d.buckets)), v.d.count}}
	for _, b := range v.d.buckets {
		to.d.buckets = append(to.d.buckets, bucket{f.Map(b.low), f.Map(b.high), b.count})
	}
	if f.Slope < 0 {
		to.low, to.high = to.high, to.low
		slices.Reverse(to.d.buckets)
		for i, b := range to.d.buckets {
			to.d.buckets[i].low, to.d.buckets[i].high = b.high, b.low
		}
	}
	// Rounding may have made neighbors the same.
	kept := to.d.buckets[:0]
	for _, b := range to.d.buckets {
		if last := len(kept) - 1; last >= 0 && b.low == b.high && kept[last].low == b.low && kept[last].high == b.low {
			kept[last].count += b.count
			continue
		}
		kept = append(kept, b)
	}
	to.d.buckets = kept
	return to
}

// follower stands for an output column that follows from one of the input, of
// which there is either number or counts.
type follower struct {
	*frame.Follow
	number     *number
	counts     *counts
	countsOnly bool
}

func (f *follower) add(*frame.Column, int, []bool) {}
func (f *follower) merge(column)                   {}
func (f *follower) reset()                         {}

// fill is what the model puts in place of missing values; NaN for nothing.
func (f *follower) fill() float64 { return f.Map(math.NaN()) }

// present and missing count values as counts does.
func (f *follower) count() (present, missing int64) {
	if f.number != nil {
		present, missing = f.number.finite+f.number.above+f.number.below, f.number.missing
	} else {
		present, missing = f.counts.present, f.counts.missing
	}
	if fill := f.fill(); fill == fill {
		return present + missing, 0
	}
	return present, missing
}

// numbers sums up the column; false if it has values that the model made
// infinite, of which nobody knows how many there are.
func (f *follower) numbers(whole bool) (*Numbers, bool) {
	n := f.number
	sum := &Numbers{InfinityAbove: n.above, InfinityBelow: n.below}
	if f.Slope < 0 {
		sum.InfinityAbove, sum.InfinityBelow = n.below, n.above
	}
	v := n.view().along(f.Follow)
	if fill := f.fill(); fill == fill && n.missing > 0 {
		v = v.with(fill, n.missing)
	}
	if v.count > 0 && (math.IsInf(v.low, 0) || math.IsInf(v.high, 0)) {
		return nil, false
	}
	sum.Spread = v.summary(whole)
	return sum, true
}
