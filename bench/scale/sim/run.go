package sim

import (
	"fmt"
	"math"
	"math/rand/v2"

	"ds-pipeline/internal/cost"
)

// Result is what one run took.
type Result struct {
	Seconds float64 // from the start of the execution to its end
	Cost

	Tasks     int // that ran, the merges included
	Refused   int // calls of RunTask that were throttled, or for which there was no capacity
	Reclaimed int // tasks that Spot took back
	Repeated  int // tasks that had to run again, for whatever reason
	Rounds    int
	Failed    int // objects whose child used up its attempts: the run published nothing

	TaskSeconds float64 // billed
	WorkSeconds float64 // of these, spent on input that counts
	PeakTasks   int
}

// Cost is in US dollars, by the list prices that internal/cost has. Logs are also
// the job's metrics, which it writes into its log.
type Cost struct{ Fargate, Requests, Transitions, Logs, Addresses float64 }

// USD is the whole cost.
func (c Cost) USD() float64 { return c.Fargate + c.Requests + c.Transitions + c.Logs + c.Addresses }

// Run simulates a scenario. The error is one of Scenario.Check.
func Run(s Scenario, seed uint64) (Result, error) {
	r, err := newRun(s, seed)
	if err != nil {
		return Result{}, err
	}
	return r.run(), nil
}

// What happens in a run, for those who watch it.
const (
	eventCall   = "call"   // of RunTask
	eventLaunch = "launch" // of a task
	eventStop   = "stop"   // of a task
	eventStart  = "start"  // of a child
	eventEnd    = "end"    // of a child
)

// run is one run on its way.
type run struct {
	Scenario
	prices
	loop
	share  share
	random *rand.Rand
	watch  func(event string, c *child) // may be nil

	calls, launches, children *bucket

	mb      []float64 // of each object
	done    []uint8   // how often it was done in this round
	rate    float64   // MB/s of one task
	pending []*child
	open    int // children
	left    int // children that have not ended
	running int // tasks
	vcpus   float64
	perHour [2]float64 // price of a task, on demand and on Spot
	least   float64    // seconds that are billed for a task
	ended   bool

	gets, puts, transitions, logKB float64
	result                         Result
}

// child is an execution of the map's child workflow: a batch of objects.
type child struct {
	objects  []int // that are left to do
	size     int   // how many there were
	attempt  int   // from 1
	wait     float64
	tries    int // of RunTask, in this attempt
	launched int // counts tasks, so that what was meant for an earlier one is told from this one's
	onSpot   bool
	billed   float64 // when billing began
	work     float64 // seconds of its task's work
	part     float64 // of that, after which it fails; 1 if it does not
	piece    *piece
}

func newRun(s Scenario, seed uint64) (*run, error) {
	if err := s.Check(); err != nil {
		return nil, fmt.Errorf("scenario:\n%w", err)
	}
	p, err := thePrices()
	if err != nil {
		return nil, err
	}
	r := &run{
		Scenario: s, prices: p, random: rand.New(rand.NewPCG(seed, 8)), //nolint:gosec // a simulation that can be repeated
		share: share{gets: s.Gets, puts: s.Puts},
		calls: newBucket(s.Calls), launches: newBucket(s.Launches), children: newBucket(s.Children),
		mb: make([]float64, s.Objects), done: make([]uint8, s.Objects),
	}
	if s.Ranges {
		r.WritePartMB = cost.RangePartMB(s.GB, r.WritePartMB)
	}
	r.rate, _ = r.Rate(s.Job, s.Task)
	for i, spot := range []bool{false, true} {
		r.perHour[i] = cost.Task(s.Task.VCPUs, s.Task.MemoryGB, 3600, s.Task.ARM, spot)
	}
	r.least = cost.Task(s.Task.VCPUs, s.Task.MemoryGB, 0, s.Task.ARM, false) / r.perHour[0] * 3600
	var sum float64
	for i := range r.mb {
		r.mb[i] = math.Exp(s.SizeSpread * r.random.NormFloat64())
		sum += r.mb[i]
	}
	for i := range r.mb {
		r.mb[i] *= s.GB * 1000 / sum
	}
	return r, nil
}

func (r *run) run() Result {
	r.transitions += r.ParentStates
	all := make([]int, r.Objects)
	for i := range all {
		all[i] = i
	}
	calls := math.Ceil(float64(r.Objects) / r.ListedPerCall)
	r.puts += calls // a listing costs as much as a write
	before := r.ParentSeconds + calls*r.ListingSeconds
	if r.Ranges {
		before += r.plan()
	}
	r.after(before, func() { r.round(all) })
	for !r.ended {
		event, any := r.next()
		end, working := r.share.next()
		if working && (!any || end <= event) {
			r.now = end
			r.share.step(end)
			continue
		}
		r.step()
	}
	r.result.Seconds = r.now
	r.result.Requests = r.gets*r.get + r.puts*r.put
	r.result.Transitions = r.transitions * r.transition
	// A metric is billed for the hours in which any task writes it.
	r.result.Logs = r.logKB/1e6*r.logGB + cost.Defaults().JobMetrics*math.Ceil(r.now/3600)/hoursPerMonth*r.metricMonth
	if r.PublicIP {
		r.result.Addresses = r.result.TaskSeconds / 3600 * r.addressHour
	}
	return r.result
}

// planStates are the transitions for a plan.
const planStates = 1

// plan is how long the task takes that cuts a huge object into ranges of whole
// records. It reads all of the object, in as many streams as it has workers.
func (r *run) plan() float64 {
	mbps := max(1, math.Floor(r.Task.VCPUs)) * r.stream(r.ReadsAtOnce, r.ReadPartMB)
	mbps = min(mbps, r.network(r.Task))
	seconds := r.StartSeconds + r.GB*1000/mbps
	r.result.Tasks++
	r.transitions += planStates
	r.logKB += r.LogKBPerTask
	r.gets += r.GetsPerTask + math.Ceil(r.GB*1000/r.ReadPartMB)
	r.bill(seconds, false)
	return r.provision() + seconds + r.NoticeSeconds
}

// round maps over objects, in batches, and merges.
func (r *run) round(objects []int) {
	r.result.Rounds++
	r.transitions += r.RoundStates
	for _, i := range objects {
		r.done[i] = 0
	}
	for start := 0; start < len(objects); start += r.ObjectsPerTask {
		batch := objects[start:min(start+r.ObjectsPerTask, len(objects))]
		r.pending = append(r.pending, &child{objects: batch, size: len(batch), attempt: 1, wait: r.FirstWait})
	}
	r.left = len(r.pending)
	r.fill()
}

// fill starts children until as many are open as may be.
func (r *run) fill() {
	for r.open < r.Concurrency && len(r.pending) > 0 {
		c := r.pending[0]
		r.pending = r.pending[1:]
		r.open++
		r.see(eventStart, c)
		r.at(r.children.reserve(r.now), func() { r.attempt(c) })
	}
}

// attempt is one way through the child's states.
func (r *run) attempt(c *child) {
	if c.attempt == 1 {
		r.transitions += r.ChildStates
	} else {
		r.transitions += r.AgainStates
	}
	c.tries = 0
	c.onSpot = r.Task.Spot && c.attempt < r.Attempts
	r.call(c)
}

// call asks for a task.
func (r *run) call(c *child) {
	r.see(eventCall, c)
	spotIsEmpty := false
	switch {
	case !r.calls.take(r.now), r.vcpus+r.Task.VCPUs > r.VCPUQuota, !r.launches.take(r.now):
	case c.onSpot && r.random.Float64() < r.NoCapacity:
		spotIsEmpty = true
	default:
		r.launch(c)
		return
	}
	r.result.Refused++
	c.tries++
	switch {
	case c.tries <= r.APIRetries:
		r.transitions++ // a retry is one
		most := min(r.APIMostWait, r.APIFirstWait*math.Pow(2, float64(c.tries-1)))
		r.after(r.random.Float64()*most, func() { r.call(c) })
	case spotIsEmpty:
		r.again(c)
	default:
		r.fail(c)
	}
}

func (r *run) launch(c *child) {
	r.see(eventLaunch, c)
	r.result.Tasks++
	r.running++
	r.result.PeakTasks = max(r.result.PeakTasks, r.running)
	r.vcpus += r.Task.VCPUs
	r.logKB += r.LogKBPerTask
	r.gets += r.GetsPerTask
	c.launched++
	r.after(r.provision(), func() { r.boot(c) })
}

// provision is how long it takes until the image is pulled.
func (r *run) provision() float64 {
	return r.ProvisionSeconds * math.Exp(r.ProvisionSpread*r.random.NormFloat64())
}

// boot begins what is billed.
func (r *run) boot(c *child) {
	c.billed = r.now
	c.piece, c.work = nil, 0
	task := c.launched
	if c.onSpot && r.ReclaimsPerHour > 0 {
		r.after(r.random.ExpFloat64()/r.ReclaimsPerHour*3600, func() {
			if c.launched == task && c.billed >= 0 {
				r.reclaim(c)
			}
		})
	}
	r.after(r.StartSeconds, func() {
		if c.launched == task && c.billed >= 0 {
			r.process(c)
		}
	})
}

// process works on the objects of a batch, one after the other. What an earlier
// task of this child completed is not done again.
func (r *run) process(c *child) {
	slow := r.slowness()
	var mb float64
	for _, i := range c.objects {
		mb += r.mb[i]
	}
	c.work = (mb/r.rate + r.ObjectSeconds*float64(len(c.objects))) * slow
	c.part = 1
	if r.random.Float64() < r.Failure {
		c.part = r.random.Float64()
	}
	perSecond := mb / c.work
	c.piece = r.share.begin(r.now, c.work*c.part, perSecond/r.ReadPartMB, perSecond*r.Job.OutputRatio/r.WritePartMB, func() {
		r.progress(c, c.part)
		r.stop(c)
		if c.part < 1 {
			r.again(c)
			return
		}
		r.after(r.NoticeSeconds, func() { r.endChild(c) })
	})
}

// progress is what became of a part of a batch: of its objects those that are
// complete are done, and of the next a share was read and written for nothing.
func (r *run) progress(c *child, part float64) {
	var mb float64
	for _, i := range c.objects {
		mb += r.mb[i]
	}
	unhindered := mb/r.rate + r.ObjectSeconds*float64(len(c.objects))
	spent := part * unhindered
	for len(c.objects) > 0 {
		i := c.objects[0]
		seconds := r.mb[i]/r.rate + r.ObjectSeconds
		if part < 1 && (spent <= 0 || spent < seconds) {
			r.use(i, max(0, spent)/seconds)
			return
		}
		r.use(i, 1)
		r.done[i]++
		r.result.WorkSeconds += seconds / unhindered * c.work
		spent -= seconds
		c.objects = c.objects[1:]
	}
}

// use counts the requests for a share of an object.
func (r *run) use(object int, share float64) {
	r.gets += share * (r.GetsPerObject + math.Ceil(r.mb[object]/r.ReadPartMB))
	r.puts += share * (r.PutsPerObject + cost.Parts(r.mb[object]*r.Job.OutputRatio, r.WritePartMB))
}

// slowness is how many times as long as the median a task takes.
func (r *run) slowness() float64 {
	slow := math.Exp(r.NoiseSpread * r.random.NormFloat64())
	if r.random.Float64() < r.StragglerShare {
		slow *= min(r.StragglerMost, r.StragglerLeast*math.Pow(1-r.random.Float64(), -1/r.StragglerAlpha))
	}
	return slow
}

// reclaim ends a task on Spot. The job stops within the notice that it gets, and
// what it did of the object that it was at is lost.
func (r *run) reclaim(c *child) {
	r.result.Reclaimed++
	if c.piece != nil {
		r.share.pass(r.now)
		r.progress(c, c.part-max(0, c.piece.ends-r.share.work)/c.work)
		r.share.end(r.now, c.piece)
	}
	r.stop(c)
	r.again(c)
}

// stop ends the task of a child.
func (r *run) stop(c *child) {
	r.see(eventStop, c)
	r.bill(r.now-c.billed, c.onSpot)
	c.billed = -1
	r.running--
	r.vcpus -= r.Task.VCPUs
}

// bill adds a task: by the second, and no less than Fargate bills.
func (r *run) bill(seconds float64, onSpot bool) {
	price := r.perHour[0]
	if onSpot {
		price = r.perHour[1]
	}
	seconds = max(r.least, math.Ceil(seconds))
	r.result.TaskSeconds += seconds
	r.result.Fargate += seconds / 3600 * price
}

// again is another attempt after a while, if there is one left.
func (r *run) again(c *child) {
	if c.attempt == r.Attempts {
		r.fail(c)
		return
	}
	r.result.Repeated++
	c.attempt++
	wait := c.wait * (1 + r.random.Float64())
	c.wait *= 2
	r.after(r.NoticeSeconds+wait, func() { r.attempt(c) })
}

func (r *run) fail(c *child) {
	r.result.Failed += c.size
	r.endChild(c)
}

func (r *run) endChild(c *child) {
	r.see(eventEnd, c)
	r.open--
	r.left--
	r.fill()
	if r.left > 0 {
		return
	}
	if r.result.Failed > 0 {
		r.ended = true
		return
	}
	r.merge()
}

// merge completes the uploads of all objects, in a task of its own. Then the run
// has ended, or another round does a share of the objects again.
func (r *run) merge() {
	r.result.Tasks++
	r.logKB += r.LogKBPerTask
	r.gets += r.GetsPerRun + r.GetsPerTask
	r.puts += r.PutsPerRun
	requests := float64(r.Objects) * r.MergeRequests
	seconds := r.StartSeconds + max(requests*r.RequestSeconds/r.MergeAtOnce, requests/r.Puts)
	r.after(r.provision()+seconds+r.NoticeSeconds, func() {
		r.bill(seconds, false)
		if r.result.Rounds == mostRounds || r.random.Float64() >= r.Round {
			r.ended = true
			return
		}
		again := max(1, int(math.Round(r.RoundShare*float64(r.Objects))))
		r.round(r.random.Perm(r.Objects)[:again])
	})
}

// mostRounds is how often the merge may ask for objects to be done again, and once.
const mostRounds = 4

func (r *run) see(event string, c *child) {
	if r.watch != nil {
		r.watch(event, c)
	}
}
