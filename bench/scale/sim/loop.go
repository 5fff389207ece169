package sim

import "container/heap"

// loop runs events in the order of their times, and those of one time in the
// order in which they were asked for.
type loop struct {
	now    float64
	events events
	asked  int
}

type event struct {
	at   float64
	turn int
	do   func()
}

// at asks for an event; one that lies in the past comes at once.
func (l *loop) at(t float64, do func()) {
	l.asked++
	heap.Push(&l.events, event{max(t, l.now), l.asked, do})
}

func (l *loop) after(seconds float64, do func()) { l.at(l.now+seconds, do) }

// next is the time of the next event.
func (l *loop) next() (float64, bool) {
	if len(l.events) == 0 {
		return 0, false
	}
	return l.events[0].at, true
}

// step runs the next event.
func (l *loop) step() {
	e := heap.Pop(&l.events).(event)
	l.now = e.at
	e.do()
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].turn < e[j].turn
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	old := *e
	last := old[len(old)-1]
	old[len(old)-1] = event{}
	*e = old[:len(old)-1]
	return last
}

// bucket is a token bucket, full at first.
type bucket struct {
	Limit
	tokens, asOf float64
}

func newBucket(l Limit) *bucket { return &bucket{Limit: l, tokens: l.Burst} }

func (b *bucket) fill(now float64) {
	b.tokens = min(b.Burst, b.tokens+(now-b.asOf)*b.Rate)
	b.asOf = now
}

// A token that is short of 1 by rounding is one.
const tokenSlack = 1e-9

// take tells whether there was a token.
func (b *bucket) take(now float64) bool {
	b.fill(now)
	if b.tokens < 1-tokenSlack {
		return false
	}
	b.tokens--
	return true
}

// reserve takes a token that may still have to come, and tells when it does.
func (b *bucket) reserve(now float64) float64 {
	b.fill(now)
	b.tokens--
	return now + max(0, -b.tokens)/b.Rate
}
