package sim

import (
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"ds-pipeline/internal/cost"
)

// scenario is a valid one without anything random: tasks objects of one GB, one for
// each task.
func scenario(objects, concurrency int) Scenario {
	return Scenario{
		Job: Narrow(), Task: Size(2), Objects: objects, GB: float64(objects), ObjectsPerTask: 1, Concurrency: concurrency,
		Assumptions: Documented().Calm(),
	}
}

// any draws a scenario in which everything may go wrong.
func draw(t *rapid.T) Scenario {
	s := scenario(rapid.IntRange(1, 300).Draw(t, "objects"), rapid.IntRange(1, 400).Draw(t, "concurrency"))
	s.ObjectsPerTask = rapid.IntRange(1, 40).Draw(t, "objectsPerTask")
	s.GB = rapid.Float64Range(0.01, min(2000, 100*float64(s.Objects))).Draw(t, "GB")
	s.Job = rapid.SampledFrom([]Job{Narrow(), Wide()}).Draw(t, "job")
	s.Task = rapid.SampledFrom(Sizes()).Draw(t, "task")
	s.Task.Spot = rapid.Bool().Draw(t, "spot")
	s.Assumptions = Documented()
	s.SizeSpread = rapid.Float64Range(0, 1).Draw(t, "sizeSpread")
	s.Ranges = rapid.Bool().Draw(t, "ranges")
	s.ReclaimsPerHour = rapid.SampledFrom([]float64{0, 0.1, 20}).Draw(t, "reclaims")
	s.NoCapacity = rapid.SampledFrom([]float64{0, 0.1, 0.9}).Draw(t, "noCapacity")
	s.Failure = rapid.SampledFrom([]float64{0, 0.01, 0.3}).Draw(t, "failure")
	s.Round = rapid.SampledFrom([]float64{0, 0.5, 1}).Draw(t, "round")
	s.Attempts = rapid.IntRange(1, 4).Draw(t, "attempts")
	s.VCPUQuota = max(s.Task.VCPUs, rapid.SampledFrom([]float64{6, 64, 4000}).Draw(t, "quota"))
	limits := rapid.SampledFrom([]Limit{{20, 20}, {100, 20}, {1, 1}, {1e4, 1e4}})
	s.Calls, s.Launches = limits.Draw(t, "calls"), limits.Draw(t, "launches")
	s.Gets = rapid.SampledFrom([]float64{50, 5500}).Draw(t, "gets")
	return s
}

func mustRun(t interface{ Fatal(...any) }, s Scenario, seed uint64) Result {
	r, err := Run(s, seed)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func near(got, want, part float64) bool { return math.Abs(got-want) <= part*math.Abs(want) }

// Whatever goes wrong, each object of a run that ends well was done once in the
// last round that had it, all that began ended, and no limit was passed.
func TestRun_keepsItsInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := draw(t)
		r, err := newRun(s, rapid.Uint64().Draw(t, "seed"))
		if err != nil {
			t.Fatal(err)
		}
		var calls, launches []float64
		open, tasks := 0, 0
		r.watch = func(event string, _ *child) {
			switch event {
			case eventCall:
				calls = append(calls, r.now)
			case eventLaunch:
				launches = append(launches, r.now)
				tasks++
			case eventStop:
				tasks--
			case eventStart:
				open++
			case eventEnd:
				open--
			}
			if open > s.Concurrency || tasks > open {
				t.Fatalf("%d children and %d tasks at once, want at most %d", open, tasks, s.Concurrency)
			}
			if used := float64(tasks) * s.Task.VCPUs; used > s.VCPUQuota {
				t.Fatalf("%v vCPUs at once, want at most %v", used, s.VCPUQuota)
			}
			if f := r.share.factor(); f*r.share.asked.gets > s.Gets*1.000001 || f*r.share.asked.puts > s.Puts*1.000001 {
				t.Fatalf("S3 is asked for %v and %v requests a second", f*r.share.asked.gets, f*r.share.asked.puts)
			}
		}
		got := r.run()
		if open != 0 || tasks != 0 || len(r.share.running) != 0 {
			t.Fatalf("%d children, %d tasks and %d pieces of work are left", open, tasks, len(r.share.running))
		}
		if !slices.IsSorted(calls) || !slices.IsSorted(launches) {
			t.Fatal("time went back")
		}
		for i := range launches {
			for j := i; j < len(launches); j++ {
				if n, most := float64(j-i+1), s.Launches.Burst+s.Launches.Rate*(launches[j]-launches[i])+1e-6; n > most {
					t.Fatalf("%v launches in %v seconds, want at most %v", n, launches[j]-launches[i], most)
				}
				if n, most := float64(j-i+1), s.Calls.Burst+s.Calls.Rate*(launches[j]-launches[i])+1e-6; n > most {
					t.Fatalf("%v calls that were answered in %v seconds, want at most %v", n, launches[j]-launches[i], most)
				}
			}
		}
		doneOnce := 0
		for _, n := range r.done {
			if n > 1 {
				t.Fatalf("an object was done %d times in one round", n)
			}
			doneOnce += int(n)
		}
		if got.Failed == 0 && doneOnce != s.Objects {
			t.Fatalf("%d of %d objects are done", doneOnce, s.Objects)
		}
		merges := got.Rounds - min(1, got.Failed)
		if s.Ranges {
			merges++ // and a plan
		}
		if len(launches) != got.Tasks-merges {
			t.Fatalf("%d launches, but %d tasks of which %d were no parts", len(launches), got.Tasks, merges)
		}
		if got.WorkSeconds > got.TaskSeconds {
			t.Fatalf("%v s of work in %v s of tasks", got.WorkSeconds, got.TaskSeconds)
		}
		if got.Rounds > mostRounds {
			t.Fatalf("%d rounds", got.Rounds)
		}
	})
}

func TestRun_repeatsItself(t *testing.T) {
	s := scenario(200, 50)
	s.Assumptions, s.SizeSpread, s.Task.Spot = Documented(), 0.5, true
	first, second, other := mustRun(t, s, 1), mustRun(t, s, 1), mustRun(t, s, 2)
	if !reflect.DeepEqual(first, second) {
		t.Errorf("one seed: %+v\nand then  %+v", first, second)
	}
	if first == other {
		t.Error("two seeds give the same run")
	}
}

// Without anything random and with no more children than RunTask's burst, the
// run is waves of equal tasks.
func TestRun_inWavesTakesWhatTheFormulaSays(t *testing.T) {
	for _, c := range []struct{ objects, concurrency, waves int }{{1, 1, 1}, {20, 20, 1}, {60, 20, 3}, {61, 20, 4}, {5, 20, 1}, {7, 1, 7}} {
		s := scenario(c.objects, c.concurrency)
		rate, _ := s.Rate(s.Job, s.Task)
		work := 1000/rate + s.ObjectSeconds
		task := s.StartSeconds + work
		merge := s.StartSeconds + float64(c.objects)*s.MergeRequests*s.RequestSeconds/s.MergeAtOnce
		want := s.ParentSeconds + s.ListingSeconds +
			float64(c.waves)*(s.ProvisionSeconds+task+s.NoticeSeconds) + s.ProvisionSeconds + merge + s.NoticeSeconds
		got := mustRun(t, s, 1)
		if !near(got.Seconds, want, 1e-9) {
			t.Errorf("%d objects, %d at once: %v s, want %v", c.objects, c.concurrency, got.Seconds, want)
		}
		fargate := float64(c.objects)*cost.Task(2, 4, math.Ceil(task), false, false) + cost.Task(2, 4, math.Ceil(merge), false, false)
		if !near(got.Fargate, fargate, 1e-9) {
			t.Errorf("%d objects: %v dollars for tasks, want %v", c.objects, got.Fargate, fargate)
		}
		if got.Tasks != c.objects+1 || got.PeakTasks != min(c.objects, c.concurrency) || got.Refused+got.Repeated+got.Failed != 0 {
			t.Errorf("%d objects: %+v", c.objects, got)
		}
	}
}

// A task that ends early leaves what it completed to the next.
func TestRun_goesOnWithTheObjectThatWasLost(t *testing.T) {
	s := scenario(40, 1)
	s.ObjectsPerTask = 40
	whole := mustRun(t, s, 1)
	s.Failure, s.Attempts, s.FirstWait = 0.7, 1000, 1e-9
	got := mustRun(t, s, 5)
	if got.Failed != 0 || got.Repeated < 1 {
		t.Fatalf("%+v, want a run that is repeated and succeeds", got)
	}
	rate, _ := s.Rate(s.Job, s.Task)
	object := 1000/rate + s.ObjectSeconds
	most := whole.TaskSeconds + float64(got.Repeated)*(object+s.StartSeconds+1+60)
	if got.TaskSeconds <= whole.TaskSeconds || got.TaskSeconds > most {
		t.Errorf("%v s of tasks, %v with no failure; want up to %v for %d failures", got.TaskSeconds, whole.TaskSeconds, most, got.Repeated)
	}
	if !near(got.WorkSeconds, whole.WorkSeconds, 1e-9) {
		t.Errorf("%v s of work, want the %v without failures", got.WorkSeconds, whole.WorkSeconds)
	}
}

// Without anything random all that is paid for can be counted.
func TestRun_countsWhatItUses(t *testing.T) {
	p, err := thePrices()
	if err != nil {
		t.Fatal(err)
	}
	s := scenario(20, 20)
	got := mustRun(t, s, 1)
	gets := 20*(s.GetsPerObject+math.Ceil(1000/s.ReadPartMB)) + 21*s.GetsPerTask + s.GetsPerRun
	puts := 20*(s.PutsPerObject+math.Ceil(1500/s.WritePartMB)) + s.PutsPerRun + 1
	if want := gets*p.get + puts*p.put; !near(got.Requests, want, 1e-9) {
		t.Errorf("requests cost %v, want %v", got.Requests, want)
	}
	if want := (20*s.ChildStates + s.ParentStates + s.RoundStates) * p.transition; !near(got.Transitions, want, 1e-9) {
		t.Errorf("transitions cost %v, want %v", got.Transitions, want)
	}
	if want := 21*s.LogKBPerTask/1e6*p.logGB + cost.Defaults().JobMetrics/hoursPerMonth*p.metricMonth; !near(got.Logs, want, 1e-9) {
		t.Errorf("logs and metrics cost %v, want %v", got.Logs, want)
	}
	if want := got.TaskSeconds / 3600 * p.addressHour; !near(got.Addresses, want, 1e-9) {
		t.Errorf("addresses cost %v, want %v", got.Addresses, want)
	}
	s.PublicIP = false
	if got := mustRun(t, s, 1); got.Addresses != 0 {
		t.Errorf("addresses cost %v where there are none", got.Addresses)
	}
	s.Objects, s.GB, s.Concurrency = 30, 30, 30
	if got := mustRun(t, s, 1); !near(got.Transitions, (30*s.ChildStates+s.ParentStates+s.RoundStates+float64(got.Refused))*p.transition, 1e-9) || got.Refused < 10 {
		t.Errorf("transitions cost %v with %d calls refused", got.Transitions, got.Refused)
	}
	s.Objects, s.GB, s.Failure = 1, 1, 1
	if got := mustRun(t, s, 1); !near(got.Transitions, (s.ChildStates+2*s.AgainStates+s.ParentStates+s.RoundStates)*p.transition, 1e-9) {
		t.Errorf("transitions of three attempts cost %v", got.Transitions)
	}
}

func TestRun_spotCostsItsShare(t *testing.T) {
	s := scenario(20, 20)
	onDemand := mustRun(t, s, 1)
	s.Task.Spot = true
	got := mustRun(t, s, 1)
	merge := cost.Task(2, 4, 0, false, false) // a minute, on demand in both
	if want := merge + (onDemand.Fargate-merge)*cost.Defaults().SpotShare; !near(got.Fargate, want, 1e-9) {
		t.Errorf("tasks on Spot cost %v, want %v", got.Fargate, want)
	}
}

// The second wait is drawn from twice as long an interval as the first.
func TestRun_waitsTwiceAsLongEachTime(t *testing.T) {
	s := scenario(1, 1)
	s.Attempts, s.Task.Spot, s.ReclaimsPerHour = 3, true, 1e12 // at once
	calm := s
	calm.ReclaimsPerHour = 0
	straight := mustRun(t, calm, 1).Seconds
	for seed := range uint64(50) {
		lost := 2 * (s.ProvisionSeconds + s.NoticeSeconds)
		if waited := mustRun(t, s, seed).Seconds - straight - lost; waited < 90-1e-3 || waited > 180+1e-3 {
			t.Errorf("two waits take %v s, want 30 to 60 and 60 to 120", waited)
		}
	}
}

// Graham's bounds hold for any order in which tasks are started as others end.
func TestRun_isWithinTheBoundsOfListScheduling(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := scenario(rapid.IntRange(1, 200).Draw(t, "objects"), rapid.IntRange(1, 20).Draw(t, "concurrency"))
		s.SizeSpread = rapid.Float64Range(0, 1.5).Draw(t, "sizeSpread")
		s.NoiseSpread = 0.3
		s.Calls.Burst, s.Calls.Rate, s.Launches.Burst = 1e6, 1e6, 1e6
		r, err := newRun(s, rapid.Uint64().Draw(t, "seed"))
		if err != nil {
			t.Fatal(err)
		}
		began := map[*child]float64{}
		first, last, longest, total := math.Inf(1), 0.0, 0.0, 0.0
		r.watch = func(event string, c *child) {
			switch event {
			case eventStart:
				began[c] = r.now
				first = min(first, r.now)
			case eventEnd:
				took := r.now - began[c]
				last, longest, total = r.now, max(longest, took), total+took
			}
		}
		got := r.run()
		if len(began) != s.Objects {
			t.Fatalf("%d children, want %d", len(began), s.Objects)
		}
		slots := float64(s.Concurrency)
		if took, least, most := last-first, max(total/slots, longest), total/slots+(1-1/slots)*longest; took < least-1e-6 || took > most+1e-6 {
			t.Fatalf("%v s, want %v to %v", took, least, most)
		}
		if got.Refused != 0 {
			t.Fatalf("%d calls were refused", got.Refused)
		}
	})
}

// RunTask hands out its burst and then its rate, however many ask.
func TestRun_cannotBeFasterThanRunTask(t *testing.T) {
	s := scenario(1000, 1000)
	s.GB = 1
	s.APIRetries = 40
	got := mustRun(t, s, 1)
	if least := (1000 - s.Calls.Burst) / s.Calls.Rate; got.Seconds < least {
		t.Errorf("%v s for 1000 tasks, want at least %v", got.Seconds, least)
	}
	if got.Failed != 0 || got.Refused == 0 {
		t.Errorf("%d failed, %d calls were refused", got.Failed, got.Refused)
	}
}

// Ten thousand children that ask at once use up the retries that a run of one task
// has, and not those of a part.
func TestRun_manyChildrenAtOnceNeedMoreRetries(t *testing.T) {
	s := scenario(30_000, 10_000)
	s.GB, s.APIRetries = 3000, 5
	got := mustRun(t, s, 1)
	if got.Failed == 0 {
		t.Errorf("none of 30,000 children failed; %d calls were refused", got.Refused)
	}
	s.APIRetries = Documented().APIRetries
	if more := mustRun(t, s, 1); more.Failed*10 > got.Failed {
		t.Errorf("%d of 30,000 children failed with the retries of a part, %d with fewer", more.Failed, got.Failed)
	}
	s.Concurrency = 1000
	if got := mustRun(t, s, 1); got.Failed != 0 {
		t.Errorf("%d of 30,000 children failed with 1,000 at once", got.Failed)
	}
}

func TestRun_reclaimedTasksRunAgainAndTheLastOnDemand(t *testing.T) {
	s := scenario(40, 10)
	s.Task.Spot = true
	s.ReclaimsPerHour = 1e6 // at once
	got := mustRun(t, s, 1)
	if got.Failed != 0 || got.Reclaimed != 2*40 || got.Tasks != 3*40+1 {
		t.Errorf("%d failed, %d reclaimed, %d tasks: want 0, 80 and 121", got.Failed, got.Reclaimed, got.Tasks)
	}
	s.Attempts = 1 // on demand
	if got := mustRun(t, s, 1); got.Reclaimed != 0 {
		t.Errorf("%d reclaimed on demand", got.Reclaimed)
	}
}

// A constant hazard reclaims as many tasks as it says.
func TestRun_reclaimsAtItsRate(t *testing.T) {
	s := scenario(2000, 20)
	s.Task.Spot, s.Attempts = true, 1000
	s.ReclaimsPerHour = 5
	got := mustRun(t, s, 3)
	rate, _ := s.Rate(s.Job, s.Task)
	exposed := s.StartSeconds + 1000/rate + s.ObjectSeconds
	// Each try survives with this probability, so that tries are geometric.
	survives := math.Exp(-s.ReclaimsPerHour / 3600 * exposed)
	if want := 2000 * (1 - survives) / survives; !near(float64(got.Reclaimed), want, 0.15) {
		t.Errorf("%d tasks were reclaimed, want about %v", got.Reclaimed, want)
	}
}

func TestRun_failuresCostAttempts(t *testing.T) {
	s := scenario(50, 20)
	s.Failure = 1
	if got := mustRun(t, s, 1); got.Failed != 50 || got.Repeated != 50*(s.Attempts-1) || got.Rounds != 1 {
		t.Errorf("%+v, want 50 objects failed after %d attempts each", got, s.Attempts)
	}
}

func TestRun_roundsEnd(t *testing.T) {
	s := scenario(50, 20)
	s.Round, s.RoundShare = 1, 0.1
	got := mustRun(t, s, 1)
	if got.Rounds != mostRounds || got.Tasks != 50+3*5+mostRounds {
		t.Errorf("%d rounds and %d tasks, want %d and %d", got.Rounds, got.Tasks, mostRounds, 50+3*5+mostRounds)
	}
}

// The tail is calibrated: stragglers prolong a job by a third at the median, as
// the authors of Mantri found.
func TestDocumented_stragglersProlongAJobAsMeasured(t *testing.T) {
	var ratios []float64
	for seed := range uint64(201) {
		s := scenario(100, 100)
		s.NoiseSpread, s.StragglerShare = Documented().NoiseSpread, Documented().StragglerShare
		s.StragglerLeast, s.StragglerAlpha, s.StragglerMost = Documented().StragglerLeast, Documented().StragglerAlpha, Documented().StragglerMost
		r, err := newRun(s, seed)
		if err != nil {
			t.Fatal(err)
		}
		longest, sum := 0.0, 0.0
		for range 100 {
			x := r.slowness()
			longest, sum = max(longest, x), sum+x
		}
		ratios = append(ratios, longest/(sum/100))
	}
	slices.Sort(ratios)
	if got := ratios[100]; got < 1.25 || got > 1.45 {
		t.Errorf("100 tasks take %v times their mean, want 1.25 to 1.45", got)
	}
}

func TestRate_saysWhatLimitsIt(t *testing.T) {
	a := Documented()
	for _, c := range []struct {
		job    Job
		vCPUs  float64
		by     string
		change func(*Assumptions)
	}{
		{Narrow(), 0.25, "CPU", nil},
		{Narrow(), 2, "writes", nil},
		{Wide(), 1, "writes", nil},
		{Narrow(), 16, "reads", func(a *Assumptions) { a.WritesAtOnce = 100 }},
		{Narrow(), 16, "network", func(a *Assumptions) { a.WritesAtOnce, a.ReadsAtOnce = 100, 100 }},
		{Narrow(), 2, "network", func(a *Assumptions) { a.NetworkPerVCPU = 49 }},
	} {
		b := a
		if c.change != nil {
			c.change(&b)
		}
		if rate, by := b.Rate(c.job, Size(c.vCPUs)); by != c.by || rate <= 0 {
			t.Errorf("%s, %v vCPUs: %v MB/s by %s, want %s", c.job.Name, c.vCPUs, rate, by, c.by)
		}
	}
}

func TestScenario_checkReportsEverything(t *testing.T) {
	s := scenario(1, 1)
	s.Objects, s.Concurrency, s.GB, s.Task.VCPUs, s.Failure = 0, -1, math.NaN(), 3, 2
	_, err := Run(s, 1)
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"Objects: got 0", "Concurrency: got -1", "GB: got NaN", "Task.VCPUs: got 3", "Failure: got 2"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %v", want, err)
		}
	}
}

func TestThePrices_areThoseOfTheEstimate(t *testing.T) {
	p, err := thePrices()
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []float64{p.get, p.put, p.transition, p.logGB, p.addressHour, p.metricMonth} {
		if v <= 0 {
			t.Errorf("prices %+v, want all above 0", p)
		}
	}
}

// A huge object is read once more before its ranges are.
func TestRun_plansRangesFirst(t *testing.T) {
	s := scenario(20, 20)
	whole := mustRun(t, s, 1)
	s.Ranges = true
	got := mustRun(t, s, 1)
	read := 2 * s.ReadsAtOnce * s.ReadPartMB / (s.FirstByteSeconds + s.ReadPartMB/s.StreamMBps) // two workers
	if want := whole.Seconds + s.ProvisionSeconds + s.StartSeconds + 20_000/read + s.NoticeSeconds; !near(got.Seconds, want, 1e-9) {
		t.Errorf("%v s, want %v", got.Seconds, want)
	}
	if got.Tasks != whole.Tasks+1 || got.Requests <= whole.Requests {
		t.Errorf("%+v after %+v without a plan", got, whole)
	}
}

func TestCheck_refusesAResultOfTooManyParts(t *testing.T) {
	s := scenario(1, 1)
	s.GB = 1000
	if err := s.Check(); err == nil || !strings.Contains(err.Error(), "10000 parts") {
		t.Errorf("one object of a TB: %v, want that its result has too many parts", err)
	}
	s.Objects = 10
	if err := s.Check(); err != nil {
		t.Errorf("ten objects of 100 GB: %v", err)
	}
}

// A task that would have failed may be reclaimed before: what it did until then
// is no more than the time it had.
func TestRun_isReclaimedBeforeItFails(t *testing.T) {
	s := scenario(40, 1)
	s.ObjectsPerTask, s.GB, s.Task.Spot, s.Attempts, s.FirstWait = 40, 400, true, 1000, 1e-300
	s.Failure, s.ReclaimsPerHour, s.PublicIP = 1, 20, false
	for seed := range uint64(20) {
		r, err := newRun(s, seed)
		if err != nil {
			t.Fatal(err)
		}
		objects := s.Objects
		r.watch = func(event string, c *child) {
			if event != eventStop {
				return
			}
			worked := max(0, r.now-c.billed-s.StartSeconds)
			if n := objects - len(c.objects); float64(n)*10_000/r.rate > worked+1e-6 {
				t.Fatalf("%d objects in %v s", n, worked)
			}
			objects = len(c.objects)
		}
		r.run()
	}
}
