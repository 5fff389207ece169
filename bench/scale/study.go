package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"

	"ds-pipeline/bench/scale/sim"
)

// seeds is how often each scenario runs.
const seeds = 21

// The settings that the study recommends: objects for about this much input in
// each task, no more of them than a task can be told of, and so many tasks at once.
const (
	gbPerTask   = 10
	concurrency = 50
)

// mostObjects is how many objects a task can be told of: the state machine leaves
// 2,200 bytes for them (components/scale_out.go), and one whose key has 35
// characters takes 105.
const mostObjects = 2200 / 105

// batchOf is how many objects of a size a task gets.
func batchOf(gbEach float64) int { return max(1, min(mostObjects, int(gbPerTask/gbEach+0.5))) }

// trial is one scenario of the study, in one of its series.
type trial struct {
	series, variant string
	sim.Scenario
}

// row is what came of a trial: over all seeds, the median and the 5th and 95th
// percentile of the time, and the mean of everything else.
type row struct {
	series, variant                    string
	job                                string
	vCPUs                              float64
	spot                               bool
	gb                                 float64
	objects, perTask, atOnce           int
	fast, seconds, slow                float64
	sim.Cost                           // US dollars
	tasks, refused, reclaimed, repeats float64
	failed                             float64 // share of objects
}

// usdPerTB is the whole cost for a TB of input.
func (r row) usdPerTB() float64 { return r.USD() / r.gb * 1000 }

// trials are the study's.
func trials() []trial {
	var all []trial
	add := func(series, variant string, change func(*sim.Scenario)) {
		s := sim.Scenario{
			Job: sim.Narrow(), Task: sim.Size(1), Objects: 1000, GB: 1000, SizeSpread: 0.5, ObjectsPerTask: gbPerTask,
			Concurrency: concurrency, Assumptions: sim.Documented(),
		}
		change(&s)
		all = append(all, trial{series, variant, s})
	}

	// More data of objects of 1 GB, as one task and as many.
	for _, gb := range []int{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000} {
		grow := func(s *sim.Scenario) { s.Objects, s.GB = gb, float64(gb) }
		if gb <= 1000 {
			add("data", "one task", func(s *sim.Scenario) { grow(s); s.ObjectsPerTask, s.Concurrency = gb, 1 })
		}
		add("data", "10 at once", func(s *sim.Scenario) { grow(s); s.Concurrency = 10 })
		add("data", "50 at once", grow)
		add("data", "50 at once, Spot", func(s *sim.Scenario) { grow(s); s.Task.Spot = true })
		add("data", "50 at once, wide", func(s *sim.Scenario) { grow(s); s.Job = sim.Wide() })
	}
	// The same TB in more and smaller objects, and in one.
	for _, objects := range []int{3, 10, 30, 100, 300, 1000, 2000, 3000, 5000, 10_000} {
		add("objects", "up to 10 GB a task", func(s *sim.Scenario) { s.Objects, s.ObjectsPerTask = objects, batchOf(1000/float64(objects)) })
		add("objects", "one object a task", func(s *sim.Scenario) { s.Objects, s.ObjectsPerTask = objects, 1 })
	}
	for _, vCPUs := range []float64{1, 4} {
		for _, ranges := range []int{30, 100, 300, 1000} {
			add("ranges", fmt.Sprintf("%v vCPU", vCPUs), func(s *sim.Scenario) {
				s.Task, s.Ranges, s.Objects, s.ObjectsPerTask, s.SizeSpread = sim.Size(vCPUs), true, ranges, 1, 0
			})
		}
	}
	// Ten thousand objects in larger batches, up to those for which there is no room.
	for _, mb := range []int{1, 10, 100} {
		for _, batch := range []int{1, 2, 5, 10, 20, 50, 100, 200, 500} {
			add("batch", fmt.Sprintf("objects of %d MB", mb), func(s *sim.Scenario) {
				s.Objects, s.GB, s.ObjectsPerTask = 10_000, float64(mb)*10, batch
			})
		}
	}
	// More tasks at once.
	for _, n := range []int{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000} {
		one := func(s *sim.Scenario) { s.ObjectsPerTask, s.Concurrency = 1, n }
		add("concurrency", "one prefix", one)
		add("concurrency", "a prefix split in ten", func(s *sim.Scenario) { one(s); s.Gets *= 10; s.Puts *= 10 })
		add("concurrency", "a quota of 6 vCPUs", func(s *sim.Scenario) { one(s); s.VCPUQuota = 6 })
	}
	for _, retries := range []int{5, 10} {
		for _, n := range []int{100, 500, 1000, 2000, 5000, 10_000} {
			add("throttling", fmt.Sprintf("%d retries", retries), func(s *sim.Scenario) {
				s.Objects, s.GB, s.ObjectsPerTask, s.Concurrency, s.APIRetries = 10_000, 100, 1, n, retries
			})
		}
	}
	// What goes wrong.
	for _, v := range []struct {
		name   string
		change func(*sim.Scenario)
	}{
		{"on demand", func(*sim.Scenario) {}},
		{"Spot, 5 % reclaimed in a month", func(s *sim.Scenario) { s.Task.Spot = true }},
		{"Spot, 20 % reclaimed in a month", func(s *sim.Scenario) { s.Task.Spot, s.ReclaimsPerHour = true, sim.HourlyReclaims(0.2) }},
		{"Spot, 5 % reclaimed in an hour", func(s *sim.Scenario) { s.Task.Spot, s.ReclaimsPerHour = true, -math.Log(0.95) }},
		{"Spot, half reclaimed in an hour", func(s *sim.Scenario) { s.Task.Spot, s.ReclaimsPerHour = true, math.Ln2 }},
		{"Spot, half of the calls refused", func(s *sim.Scenario) { s.Task.Spot, s.NoCapacity = true, 0.5 }},
		{"no stragglers", func(s *sim.Scenario) { s.StragglerShare = 0 }},
		{"5 % stragglers", func(s *sim.Scenario) { s.StragglerShare = 0.05 }},
		{"every 20th task fails once", func(s *sim.Scenario) { s.Failure = 0.05 }},
		{"three more rounds of a tenth", func(s *sim.Scenario) { s.Round = 1 }},
		{"S3 answers after 100 ms", func(s *sim.Scenario) { s.FirstByteSeconds = 0.1 }},
		{"network of EC2's baseline", func(s *sim.Scenario) { s.NetworkPerVCPU = ec2Baseline }},
		{"starts three times as slow", func(s *sim.Scenario) { s.ProvisionSeconds *= 3; s.StartSeconds *= 3 }},
		{"reads of 8 MiB, 8 writes at once", func(s *sim.Scenario) { s.ReadPartMB *= 8; s.WritesAtOnce = 8 }},
		{"parts of 20 MiB", func(s *sim.Scenario) { s.WritePartMB *= 4 }},
	} {
		add("hazards", v.name, v.change)
	}
	return all
}

// ec2Baseline is the network that EC2 promises for each vCPU of its current
// general instances, in MB/s: m6i.large has 0.781 Gbit/s for two.
const ec2Baseline = 0.781 / 2 * 1000 / 8

// run simulates trials, each with every seed, on all processors.
func run(trials []trial) ([]row, error) {
	rows, errs := make([]row, len(trials)), make([]error, len(trials))
	next := make(chan int)
	var wait sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for i := range next {
				rows[i], errs[i] = trials[i].run()
			}
		})
	}
	for i := range trials {
		next <- i
	}
	close(next)
	wait.Wait()
	for i, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("%s, %s, %v GB: %w", trials[i].series, trials[i].variant, trials[i].GB, err)
		}
	}
	return rows, nil
}

func (t trial) run() (row, error) {
	r := row{
		series: t.series, variant: t.variant, job: t.Job.Name, vCPUs: t.Task.VCPUs, spot: t.Task.Spot, gb: t.GB,
		objects: t.Objects, perTask: t.ObjectsPerTask, atOnce: t.Concurrency,
	}
	var seconds []float64
	for seed := range uint64(seeds) {
		one, err := sim.Run(t.Scenario, seed)
		if err != nil {
			return row{}, err
		}
		seconds = append(seconds, one.Seconds)
		for _, sum := range []struct {
			to    *float64
			value float64
		}{
			{&r.Fargate, one.Fargate}, {&r.Requests, one.Requests}, {&r.Transitions, one.Transitions}, {&r.Logs, one.Logs}, {&r.Addresses, one.Addresses},
			{&r.tasks, float64(one.Tasks)}, {&r.refused, float64(one.Refused)}, {&r.reclaimed, float64(one.Reclaimed)},
			{&r.repeats, float64(one.Repeated)}, {&r.failed, float64(one.Failed) / float64(t.Objects)},
		} {
			*sum.to += sum.value / seeds
		}
	}
	slices.Sort(seconds)
	r.fast, r.seconds, r.slow = seconds[seeds/20], seconds[seeds/2], seconds[seeds-1-seeds/20]
	return r, nil
}

var header = []string{
	"series", "variant", "job", "vcpus", "spot", "gb", "objects", "objects_per_task", "at_once",
	"seconds_p5", "seconds_p50", "seconds_p95", "usd", "usd_per_tb", "usd_fargate", "usd_requests", "usd_transitions", "usd_logs", "usd_addresses",
	"tasks", "refused", "reclaimed", "repeated", "failed_share",
}

// record is a row as it is in the file: four digits of each number.
func (r row) record() []string {
	short := func(v float64) string { return strconv.FormatFloat(v, 'g', 4, 64) }
	fields := []string{
		r.series, r.variant, r.job, short(r.vCPUs), strconv.FormatBool(r.spot), short(r.gb),
		strconv.Itoa(r.objects), strconv.Itoa(r.perTask), strconv.Itoa(r.atOnce),
	}
	for _, v := range []float64{
		r.fast, r.seconds, r.slow, r.USD(), r.usdPerTB(), r.Fargate, r.Requests, r.Transitions, r.Logs, r.Addresses,
		r.tasks, r.refused, r.reclaimed, r.repeats, r.failed,
	} {
		fields = append(fields, short(v))
	}
	return fields
}

func write(to io.Writer, rows []row) error {
	out := csv.NewWriter(to)
	if err := out.Write(header); err != nil {
		return err
	}
	for _, r := range rows {
		if err := out.Write(r.record()); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// of are the rows of a series, and of a variant unless that is empty.
func of(rows []row, series, variant string) []row {
	var some []row
	for _, r := range rows {
		if r.series == series && (variant == "" || r.variant == variant) {
			some = append(some, r)
		}
	}
	return some
}

// linear is from how many GB to how many the cost of a TB stays within a share of
// what it is at the largest of rows, which are in the order of their data.
func linear(rows []row, share float64) (from, to row) {
	to = rows[len(rows)-1]
	from = to
	for _, r := range slices.Backward(rows) {
		if math.Abs(r.usdPerTB()/to.usdPerTB()-1) > share {
			break
		}
		from = r
	}
	return from, to
}

// duration is a time as people say it.
func duration(seconds float64) string {
	switch {
	case seconds < 90:
		return fmt.Sprintf("%.0f s", seconds)
	case seconds < 90*60:
		return fmt.Sprintf("%.0f min", seconds/60)
	case seconds < 48*3600:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", seconds/3600), ".0") + " h"
	}
	return fmt.Sprintf("%.0f days", seconds/86400)
}
