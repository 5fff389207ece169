package storage

import (
	"testing"

	"ds-pipeline/internal/cost"
)

// What a plan says that a run costs rests on how this package asks S3.
func TestRequests_areThoseOfTheEstimate(t *testing.T) {
	d := cost.Defaults()
	for name, c := range map[string]struct{ got, want float64 }{
		"ReadPartMB":   {d.ReadPartMB, readPart / 1e6},
		"WritePartMB":  {d.WritePartMB, firstWritePart / 1e6},
		"ReadsAtOnce":  {d.ReadsAtOnce, readsAtOnce},
		"WritesAtOnce": {d.WritesAtOnce, writesAtOnce},
		"MostParts":    {cost.MostParts, maxParts},
	} {
		if c.got != c.want {
			t.Errorf("internal/cost has %v as %s, want %v", c.got, name, c.want)
		}
	}
	sum := 0.0
	for n := 1; n <= maxParts; n++ {
		sum += float64(writePart(n)) / 1e6
		if got := cost.Parts(sum-1, d.WritePartMB); got != float64(n) {
			t.Fatalf("internal/cost counts %v parts of %.0f MB, want %d", got, sum, n)
		}
	}
}
