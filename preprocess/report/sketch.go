package report

import (
	"math"
	"math/bits"
	"slices"
)

// sketch counts float64 values in buckets so that quantiles can be told later.
//
// A bucket is all values whose bits, put in numerical order, agree after
// dropping the lowest shift bits. At shift 0 each value has its own bucket; at
// 46 there are 64 buckets between a power of two and the next. When more
// buckets are in use than the table may hold, shift grows. It is always the
// smallest at which the values fit: a function of the set of values, not of their
// order or of how they were split into partials. Integers and other columns with
// few distinct values stay exact, a far outlier costs one bucket, and numbers
// far from 0 that differ little have as many buckets as others.
//
// The width of a bucket relative to its values is 2^(shift-52).
type sketch struct {
	shift uint
	log   uint // of len(slots)
	used  int
	slots []slot
}

type slot struct {
	key   uint64
	count int64 // 0: the slot is free
}

const (
	slotBytes = 16
	minSlots  = 64
	maxSlots  = 1024
)

// smallestNormal is 2^-1022: what is smaller counts as 0, in quantiles as in
// moments.
const smallestNormal = 0x1p-1022

// limit is how many slots may be in use: more would make probing slow.
func (s *sketch) limit() int { return len(s.slots) * 5 / 8 }

func newSketch(slots int) sketch {
	return sketch{slots: make([]slot, slots), log: uint(bits.TrailingZeros(uint(slots)))}
}

// order maps the bits of a float64 to integers in numerical order; -0 comes
// just before 0.
func order(b uint64) uint64 {
	return b ^ (uint64(int64(b)>>63) | 1<<63)
}

// value is the float64 that order maps to u.
func value(u uint64) float64 {
	if u>>63 == 0 {
		return math.Float64frombits(^u)
	}
	return math.Float64frombits(u &^ (1 << 63))
}

// home is the slot where the search for a key starts.
func home(key uint64, log uint) uint64 {
	return key * hashFactor >> ((64 - log) & 63)
}

const hashFactor = 0x9E3779B97F4A7C15 // 2^64 by the golden ratio

// add counts a key of the current shift n times. If the table became too full
// it is made coarser, so the caller must read shift again.
func (s *sketch) add(key uint64, n int64) {
	mask := uint64(len(s.slots) - 1)
	for i := home(key, s.log); ; i++ {
		at := &s.slots[i&mask]
		if at.count == 0 {
			*at = slot{key, n}
			s.used++
			break
		}
		if at.key == key {
			at.count += n
			return
		}
	}
	if s.used > s.limit() {
		s.coarsen(s.fitting())
	}
}

// fitting is the smallest shift at which the keys fit.
func (s *sketch) fitting() uint {
	// Enough for every table, and on the stack.
	var buffer [maxSlots]uint64
	keys := buffer[:0]
	for i := range s.slots {
		if s.slots[i].count > 0 {
			keys = append(keys, s.slots[i].key)
		}
	}
	slices.Sort(keys)
	// Two neighbors are one bucket once all bits in which they differ are dropped.
	var differ [65]int
	for i := 1; i < len(keys); i++ {
		differ[bits.Len64(keys[i-1]^keys[i])]++
	}
	by, used := 0, len(keys)
	for used > s.limit() {
		by++
		used -= differ[by]
	}
	return s.shift + uint(by)
}

// coarsen goes to a larger shift.
func (s *sketch) coarsen(shift uint) {
	by := shift - s.shift
	var buffer [maxSlots]slot
	old := append(buffer[:0], s.slots...)
	s.shift, s.used = shift, 0
	clear(s.slots)
	for _, o := range old {
		if o.count > 0 {
			s.add(o.key>>by, o.count)
		}
	}
}

// merge adds the counts of o, whose table is of the same size.
func (s *sketch) merge(o *sketch) {
	if o.shift > s.shift {
		s.coarsen(o.shift)
	}
	for i := range o.slots {
		if o.slots[i].count > 0 {
			s.add(o.slots[i].key>>(s.shift-o.shift), o.slots[i].count)
		}
	}
}

// reset forgets the counts but keeps the shift: what was too many buckets once
// is too many in the whole, so starting there again changes nothing.
func (s *sketch) reset() {
	clear(s.slots)
	s.used = 0
}

// bucket is an interval of values and how many there are in it.
type bucket struct {
	low, high float64 // both included
	count     int64
}

// distribution is the buckets of a column in order.
type distribution struct {
	buckets []bucket
	count   int64
}

// inOrder lists the slots in use in the order of their keys.
func (s *sketch) inOrder() []slot {
	used := make([]slot, 0, s.used)
	for _, at := range s.slots {
		if at.count > 0 {
			used = append(used, at)
		}
	}
	slices.SortFunc(used, func(a, b slot) int {
		if a.key < b.key {
			return -1
		}
		return 1
	})
	return used
}

// distribution lists the buckets, cut to [low, high], which all values lie in.
func (s *sketch) distribution(low, high float64) distribution {
	used := s.inOrder()
	d := distribution{buckets: make([]bucket, 0, len(used))}
	for _, at := range used {
		first := at.key << s.shift
		b := bucket{value(first), value(first | (1<<s.shift - 1)), at.count}
		// The outermost buckets may reach beyond all numbers.
		if !(b.low > low) {
			b.low = low
		}
		if !(b.high < high) {
			b.high = high
		}
		if b.low == 0 && b.high < smallestNormal {
			b.high = 0
		}
		d.buckets = append(d.buckets, b)
		d.count += at.count
	}
	return d
}

// with is d with n more values v.
func (d distribution) with(v float64, n int64) distribution {
	if n == 0 {
		return d
	}
	at, _ := slices.BinarySearchFunc(d.buckets, v, func(b bucket, v float64) int {
		if b.low <= v {
			return -1
		}
		return 1
	})
	if at > 0 && d.buckets[at-1].low == v && d.buckets[at-1].high == v {
		d = distribution{slices.Clone(d.buckets), d.count + n}
		d.buckets[at-1].count += n
		return d
	}
	return distribution{slices.Insert(slices.Clone(d.buckets), at, bucket{v, v, n}), d.count + n}
}

// quantile is numpy.quantile's: the value at rank p*(count-1) in sorted order,
// on the line between its neighbors where that is not whole. A neighbor's place
// in its bucket is guessed, as if the bucket's values were evenly spread.
func (d distribution) quantile(p float64) float64 {
	if d.count == 0 {
		return math.NaN()
	}
	rank := clamp(p, 0, 1) * float64(d.count-1)
	whole := math.Floor(rank)
	low := d.at(int64(whole))
	if rank == whole {
		return low
	}
	high := d.at(int64(whole) + 1)
	if low == high {
		return low
	}
	return low*(1-(rank-whole)) + high*(rank-whole)
}

// at is the value of a rank from 0.
func (d distribution) at(rank int64) float64 {
	for _, b := range d.buckets {
		if rank >= b.count {
			rank -= b.count
			continue
		}
		if b.low == b.high {
			return b.low
		}
		share := (float64(rank) + 0.5) / float64(b.count)
		return b.low*(1-share) + b.high*share
	}
	return d.buckets[len(d.buckets)-1].high
}

// below is how many values are less than v, values in one bucket taken as
// evenly spread.
func (d distribution) below(v float64) float64 {
	sum := 0.0
	for _, b := range d.buckets {
		switch {
		case b.high < v:
			sum += float64(b.count)
		case b.low < v:
			sum += float64(b.count) * ((v/2 - b.low/2) / (b.high/2 - b.low/2))
		default:
			return sum
		}
	}
	return sum
}

func clamp(v, low, high float64) float64 { return min(max(v, low), high) }
