package scale

import (
	"fmt"
	"math"
	"net/http"
	"sync"
	"testing"

	"ds-pipeline/internal/cost"
)

// requests are how many of each price S3 got: reads of objects or of what is known
// of them, and writes and listings. Deletions are free.
type requests struct {
	mu         sync.Mutex
	gets, puts float64
}

func (n *requests) count(r *http.Request) {
	n.mu.Lock()
	defer n.mu.Unlock()
	query := r.URL.Query()
	switch lists := query.Has("uploads") || query.Has("list-type"); {
	case r.Method == http.MethodDelete:
	case (r.Method == http.MethodGet || r.Method == http.MethodHead) && !lists:
		n.gets++
	default:
		n.puts++
	}
}

// What internal/cost assumes of the requests of a run is what a run asks for: no
// less, and little more.
func TestRequests_areThoseOfTheEstimate(t *testing.T) {
	t.Parallel()
	d := cost.Defaults()
	for _, c := range []struct {
		name           string
		objects, batch int
		each           int // records of an object
	}{
		{"one task", 1, 0, 600_000},
		{"ten objects, two a task", 10, 2, 60_000},
		{"many small objects", 60, 20, 100},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s3 := newCloud(t)
			text := rows(0, c.each)
			for i := range c.objects {
				s3.put(t, "ds-in", fmt.Sprintf("raw/%03d.csv", i), text)
			}
			var n requests
			s3.before(n.count)
			r := s3.newRun("counted", "raw/")
			tasks := 1.0
			if c.batch == 0 {
				r.start(t, "run").expect(t, 0)
			} else {
				items := s3.listed(t, "raw/")
				r.parts(t, items, c.batch, 1)
				r.merge(t, r.record(t, batches(items, c.batch), nil)).expect(t, 0)
				tasks += math.Ceil(float64(c.objects) / float64(c.batch))
			}
			objects := float64(c.objects)
			_, result := r.published(t)
			output := float64(len(result)) / 1e6 / objects
			gets := d.GetsPerRun + d.GetsPerTask*tasks + objects*(d.GetsPerObject+math.Ceil(float64(len(text))/1e6/d.ReadPartMB))
			puts := d.PutsPerRun + objects*(d.PutsPerObject+cost.Parts(output, d.WritePartMB))
			t.Logf("%.0f reads, estimated %.0f; %.0f writes, estimated %.0f", n.gets, gets, n.puts, puts)
			const allowance = 20 // a run of one task has no merge
			if gets < n.gets || gets > 1.05*n.gets+allowance {
				t.Errorf("%v reads, and internal/cost assumes %v", n.gets, gets)
			}
			if puts < n.puts || puts > 1.05*n.puts+allowance {
				t.Errorf("%v writes and listings, and internal/cost assumes %v", n.puts, puts)
			}
		})
	}
}
