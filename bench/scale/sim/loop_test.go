package sim

import (
	"math"
	"math/rand/v2"
	"testing"
)

// A single server with random arrivals and constant service waits as long as
// Pollaczek and Khinchine say: load/(2(1-load)) services.
func TestLoop_waitsAsAnMD1QueueDoes(t *testing.T) {
	for _, load := range []float64{0.3, 0.6, 0.8} {
		random := rand.New(rand.NewPCG(1, 2))
		var l loop
		const service, customers = 1.0, 300_000
		free, waited, served := 0.0, 0.0, 0
		var arrive func()
		arrive = func() {
			start := max(l.now, free)
			waited += start - l.now
			free = start + service
			if served++; served < customers {
				l.after(random.ExpFloat64()/load, arrive)
			}
		}
		l.at(0, arrive)
		for {
			if _, any := l.next(); !any {
				break
			}
			l.step()
		}
		if got, want := waited/customers, load/(2*(1-load)); !near(got, want, 0.04) {
			t.Errorf("load %v: a mean wait of %v services, want %v", load, got, want)
		}
	}
}

func TestLoop_ordersByTimeAndThenByTurn(t *testing.T) {
	var l loop
	var got []int
	l.at(2, func() { got = append(got, 3) })
	l.at(1, func() { got = append(got, 1); l.at(0, func() { got = append(got, 2) }) })
	l.at(2, func() { got = append(got, 4) })
	for {
		if _, any := l.next(); !any {
			break
		}
		l.step()
	}
	for i, n := range got {
		if n != i+1 {
			t.Fatalf("order %v", got)
		}
	}
	if len(got) != 4 || l.now != 2 {
		t.Errorf("%v at %v", got, l.now)
	}
}

// Work that shares a prefix ends as if it were done by one server that is as
// fast as the prefix: processor sharing.
func TestShare_slowsAllWorkDownTogether(t *testing.T) {
	s := share{gets: 100, puts: 1e9}
	var ends []float64
	now := 0.0
	for range 4 { // four pieces that want 50 a second each, for 10 s
		s.begin(now, 10, 50, 1, func() { ends = append(ends, now) })
	}
	now = 5
	s.begin(now, 1, 50, 1, func() { ends = append(ends, now) })
	for {
		at, any := s.next()
		if !any {
			break
		}
		now = at
		s.step(now)
	}
	// At half speed for 5 s, at 2/5 until the fifth is done after 2.5 s, then at half
	// speed for the 6.5 s of work that the four still need.
	want := []float64{7.5, 20.5, 20.5, 20.5, 20.5}
	for i := range want {
		if i >= len(ends) || math.Abs(ends[i]-want[i]) > 1e-9 {
			t.Fatalf("ends at %v, want %v", ends, want)
		}
	}
	if s.asked.gets != 0 || s.factor() != 1 {
		t.Errorf("%v requests a second are left", s.asked.gets)
	}
}

func TestShare_isLimitedByWritesToo(t *testing.T) {
	s := share{gets: 100, puts: 10}
	s.begin(0, 10, 100, 40, func() {})
	if at, _ := s.next(); at != 40 {
		t.Errorf("it ends at %v, want 40", at)
	}
}

func TestShare_forgetsWorkThatIsTakenAway(t *testing.T) {
	s := share{gets: 100, puts: 100}
	p := s.begin(0, 10, 100, 0, func() { t.Error("it ended") })
	q := s.begin(0, 10, 100, 0, func() {})
	s.end(4, p)
	s.end(4, p) // twice does nothing
	if at, _ := s.next(); at != 12 {
		t.Errorf("the other ends at %v, want 12", at)
	}
	s.end(12, q)
	if _, any := s.next(); any {
		t.Error("work is left")
	}
}

func TestBucket_givesItsBurstAndThenItsRate(t *testing.T) {
	b := newBucket(Limit{Burst: 3, Rate: 2})
	taken := 0
	for i := range 101 { // 10 s
		for b.take(float64(i) / 10) {
			taken++
		}
	}
	if taken != 23 {
		t.Errorf("%d tokens in 10 s, want 3 and 20", taken)
	}
	c := newBucket(Limit{Burst: 2, Rate: 4})
	for i, want := range []float64{0, 0, 0.25, 0.5, 0.75} {
		if got := c.reserve(0); got != want {
			t.Errorf("token %d at %v, want %v", i, got, want)
		}
	}
}
