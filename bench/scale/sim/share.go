package sim

import "container/heap"

// share lets work progress together under the request rates of one prefix: while
// all of it asks for more than S3 answers, all of it slows down by one factor.
//
// It counts in work time, which stands for a second of unhindered work and passes
// slower than the clock when there is too much. So only the factor changes when
// work comes or goes, not the order in which it ends.
type share struct {
	gets, puts float64 // a second, in all
	asked      struct{ gets, puts float64 }
	work       float64 // work time
	clock      float64 // when that was
	running    pieces
	turn       int
}

type piece struct {
	ends       float64 // in work time
	turn       int
	gets, puts float64 // a second, unhindered
	at         int     // its index in the heap; -1 when it is over
	do         func()
}

// factor is how many seconds of work time a second is.
func (s *share) factor() float64 {
	f := 1.0
	if s.asked.gets > s.gets {
		f = s.gets / s.asked.gets
	}
	if s.asked.puts > s.puts {
		f = min(f, s.puts/s.asked.puts)
	}
	return f
}

func (s *share) pass(now float64) {
	s.work += (now - s.clock) * s.factor()
	s.clock = now
}

// begin starts work that takes so many seconds unhindered.
func (s *share) begin(now, seconds, gets, puts float64, do func()) *piece {
	s.pass(now)
	s.turn++
	p := &piece{ends: s.work + seconds, turn: s.turn, gets: gets, puts: puts, do: do}
	heap.Push(&s.running, p)
	s.asked.gets += gets
	s.asked.puts += puts
	return p
}

// end takes work away, whether it is done or not.
func (s *share) end(now float64, p *piece) {
	if p == nil || p.at < 0 {
		return
	}
	s.pass(now)
	heap.Remove(&s.running, p.at)
	p.at = -1
	s.asked.gets -= p.gets
	s.asked.puts -= p.puts
	if len(s.running) == 0 {
		s.asked.gets, s.asked.puts = 0, 0 // what rounding left
	}
}

// next is when the first piece of work ends if nothing else happens.
func (s *share) next() (float64, bool) {
	if len(s.running) == 0 {
		return 0, false
	}
	return s.clock + max(0, s.running[0].ends-s.work)/s.factor(), true
}

// step ends it.
func (s *share) step(now float64) {
	p := s.running[0]
	s.end(now, p)
	p.do()
}

type pieces []*piece

func (p pieces) Len() int { return len(p) }
func (p pieces) Less(i, j int) bool {
	return p[i].ends < p[j].ends || p[i].ends == p[j].ends && p[i].turn < p[j].turn
}
func (p pieces) Swap(i, j int) {
	p[i], p[j] = p[j], p[i]
	p[i].at, p[j].at = i, j
}
func (p *pieces) Push(x any) {
	x.(*piece).at = len(*p)
	*p = append(*p, x.(*piece))
}
func (p *pieces) Pop() any {
	old := *p
	last := old[len(old)-1]
	old[len(old)-1] = nil
	*p = old[:len(old)-1]
	return last
}
