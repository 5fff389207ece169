package cost

import "math"

// MostParts is how many parts S3 takes of one upload.
const MostParts = 10_000

// Parts is how many parts the upload of a result of so many MB has when the first
// of them have so many: preprocess/storage makes the later ones larger, and its
// tests compare this with what it does. More than MostParts are more than S3 takes.
func Parts(mb, firstMB float64) float64 {
	n := 0.0
	for _, step := range []struct{ parts, times float64 }{{6500, 1}, {500, 4}} {
		size := step.times * firstMB
		if mb <= step.parts*size {
			return n + max(1, math.Ceil(mb/size))
		}
		n, mb = n+step.parts, mb-step.parts*size
	}
	return n + math.Ceil(mb/(30*firstMB))
}

// RangePartMB is how large the first parts of a result are that is put together
// from ranges of one object of so many GB: preprocess/job, partBytes.
func RangePartMB(inputGB, leastMB float64) float64 {
	const mib = 1 << 20 / 1e6
	return max(leastMB, math.Ceil(inputGB*1000*1.5/MostParts/mib)*mib)
}

// Stream is how many MB/s so many requests of S3 at once transfer, of so many MB
// each.
func (a Assumptions) Stream(atOnce, partMB float64) float64 {
	return atOnce * partMB / (a.FirstByteSeconds + partMB/a.RequestMBPerSecond)
}

// writePartMB is how large the first parts of a result are, one that is put
// together from ranges or another one.
func (a Assumptions) writePartMB(ranges bool) float64 {
	if ranges {
		return RangePartMB(a.InputGB, a.WritePartMB)
	}
	return a.WritePartMB
}

// requests are what one run asks of S3, by their price: reads of objects or of what
// is known of them, and writes and listings. Deletions are free. Objects are ranges
// of a single one where ranges is true.
func (a Assumptions) requests(tasks, objects float64, ranges bool) (gets, puts float64) {
	mb := a.InputGB * 1000 / objects
	gets = a.GetsPerRun + a.GetsPerTask*tasks + objects*(a.GetsPerObject+math.Ceil(mb/a.ReadPartMB))
	puts = a.PutsPerRun + objects*(a.PutsPerObject+Parts(mb*a.OutputRatio, a.writePartMB(ranges)))
	return gets, puts
}

// work is how many seconds one task with so many vCPUs takes for all of the input:
// those of its processors, or those that S3 takes for its result. (Reads are
// faster.)
func (a Assumptions) work(vCPUs float64, ranges bool) float64 {
	return a.InputGB * 1000 / min(a.MBPerSecond*vCPUs, a.Stream(a.WritesAtOnce, a.writePartMB(ranges))/a.OutputRatio)
}
