// Package sim simulates one run that is spread over many Fargate tasks: how long
// it takes and what it costs. It is a discrete-event simulation; the same
// scenario and seed give the same result.
//
// docs/decisions/scale-study.md says where each number comes from.
package sim

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"ds-pipeline/internal/cost"
)

// Job is what the job does with a byte of input, as bench/README.md measured it.
type Job struct {
	Name        string
	CPUMBps     float64 // MB of input for a second of one processor, from and to S3 over TLS
	OutputRatio float64 // bytes of output for a byte of input
}

// Narrow and Wide are the two models of the benchmark. The estimate that a plan
// comes with is of the narrow one.
func Narrow() Job {
	d := cost.Defaults()
	return Job{Name: "narrow", CPUMBps: d.MBPerSecond, OutputRatio: d.OutputRatio}
}

// Wide has a column for each category, so that its output is larger.
func Wide() Job { return Job{Name: "wide", CPUMBps: 91, OutputRatio: 3.3} }

// Task is a size of Fargate task. Fargate offers 0.25 to 16 vCPUs, each with so
// much memory at least.
type Task struct {
	VCPUs     float64
	MemoryGB  float64
	ARM, Spot bool
}

// Sizes are the sizes of Fargate with the least memory that each may have, which
// is more than the job needs.
func Sizes() []Task {
	return []Task{
		{VCPUs: 0.25, MemoryGB: 0.5}, {VCPUs: 0.5, MemoryGB: 1}, {VCPUs: 1, MemoryGB: 2}, {VCPUs: 2, MemoryGB: 4},
		{VCPUs: 4, MemoryGB: 8}, {VCPUs: 8, MemoryGB: 16}, {VCPUs: 16, MemoryGB: 32},
	}
}

// Size is the size with so many vCPUs.
func Size(vCPUs float64) Task {
	for _, t := range Sizes() {
		if t.VCPUs == vCPUs {
			return t
		}
	}
	panic(fmt.Sprintf("no task of Fargate has %v vCPUs", vCPUs))
}

// Limit is a token bucket: at most Burst at once and Rate per second for long.
type Limit struct{ Burst, Rate float64 }

// Platform is what AWS allows and takes.
type Platform struct {
	Calls     Limit   // of RunTask, each of which starts one task here
	Launches  Limit   // of tasks of Fargate
	Children  Limit   // of executions that a Distributed Map starts
	VCPUQuota float64 // of the account, running at once

	ProvisionSeconds float64 // median, from RunTask to the pull of the image: not billed
	ProvisionSpread  float64 // standard deviation of its logarithm
	StartSeconds     float64 // from the pull to the first byte that is read: billed
	NoticeSeconds    float64 // from the end of a task to the next state

	FirstByteSeconds float64 // of a request of S3
	StreamMBps       float64 // that one request transfers then
	Gets, Puts       float64 // requests a second that a prefix answers
	NetworkMBps      float64 // of one task, each way
	NetworkPerVCPU   float64 // MB/s for each vCPU, where less; 0 for no such limit

	ReadsAtOnce, ReadPartMB   float64 // preprocess/storage: readsAtOnce, readPart
	WritesAtOnce, WritePartMB float64 // writesAtOnce, firstWritePart

	ObjectSeconds  float64 // of a task for each object beside its bytes
	MergeRequests  float64 // of the merge, for each object
	MergeAtOnce    float64
	RequestSeconds float64 // of one of them

	ParallelShare float64 // of a second vCPU and each further one that is put to use
}

// Hazards are what goes wrong.
type Hazards struct {
	NoiseSpread float64 // standard deviation of the logarithm of a task's speed

	StragglerShare float64 // of tasks
	StragglerLeast float64 // how many times as long one takes, at least
	StragglerAlpha float64 // exponent of the Pareto distribution above that
	StragglerMost  float64

	ReclaimsPerHour float64 // of a task on Spot
	NoCapacity      float64 // probability that RunTask on Spot is refused
	Failure         float64 // probability that a task fails so that another attempt can help
	Round           float64 // probability of another round
	RoundShare      float64 // of objects that it does again
}

// Machine is how the state machine hands out and retries: components/state_machine.go
// and scale_out.go.
type Machine struct {
	Attempts       int     // of a child, the last of which is on demand
	FirstWait      float64 // seconds before the second attempt, doubled each time, drawn up to its double
	APIRetries     int     // of a refused RunTask
	APIFirstWait   float64 // seconds, doubled each time; drawn from 0 up to it
	APIMostWait    float64
	ChildStates    float64 // transitions of a child that succeeds at once
	AgainStates    float64 // of each further attempt
	ParentStates   float64 // of the run beside the children
	ParentSeconds  float64 // of those
	RoundStates    float64 // of each round beside the children
	ListedPerCall  float64 // objects that the map's listing gets at once
	ListingSeconds float64 // of each of these calls
}

// Use is what a run uses beside the time of its tasks.
type Use struct {
	GetsPerRun, PutsPerRun       float64 // of the merge beside what it does for each object
	GetsPerTask                  float64 // the model
	GetsPerObject, PutsPerObject float64 // beside its parts: its upload begun, listed and completed, its record and statistics; the merge looks at all of it
	LogKBPerTask                 float64 // of the job and of the state machine
}

// Assumptions are all of these together.
type Assumptions struct {
	Platform
	Hazards
	Machine
	Use
	PublicIP bool // of tasks: the network without NAT gateways
}

// Documented are the assumptions of the study: documented figures where there
// are any, measured ones where not.
func Documented() Assumptions {
	d := cost.Defaults() // those that the study shares with estimates of plans
	return Assumptions{
		Platform: Platform{
			Calls: Limit{20, 20}, Launches: Limit{100, 20}, Children: Limit{1300, 300}, VCPUQuota: 4000,
			ProvisionSeconds: 20, ProvisionSpread: math.Log(60.0/20) / 1.645, StartSeconds: d.StartSeconds, NoticeSeconds: 3,
			FirstByteSeconds: d.FirstByteSeconds, StreamMBps: d.RequestMBPerSecond, Gets: 5500, Puts: 3500, NetworkMBps: 625,
			ReadsAtOnce: d.ReadsAtOnce, ReadPartMB: d.ReadPartMB, WritesAtOnce: d.WritesAtOnce, WritePartMB: d.WritePartMB,
			ObjectSeconds: 0.2, MergeRequests: 12, MergeAtOnce: 16, RequestSeconds: 0.05, ParallelShare: 0.87,
		},
		Hazards: Hazards{
			NoiseSpread: 0.1, StragglerShare: 0.005, StragglerLeast: 1.5, StragglerAlpha: 2, StragglerMost: 10,
			ReclaimsPerHour: HourlyReclaims(0.05), NoCapacity: 0.01, Failure: 0.001, Round: 0.02, RoundShare: 0.1,
		},
		Machine: Machine{
			Attempts: 3, FirstWait: 30, APIRetries: 10, APIFirstWait: 30, APIMostWait: 600,
			ChildStates: 4, AgainStates: 9, ParentStates: 31, ParentSeconds: 10, RoundStates: 8, ListedPerCall: 1000, ListingSeconds: 0.2,
		},
		Use: Use{
			GetsPerRun: d.GetsPerRun, PutsPerRun: d.PutsPerRun, GetsPerTask: d.GetsPerTask,
			GetsPerObject: d.GetsPerObject, PutsPerObject: d.PutsPerObject, LogKBPerTask: 28,
		},
		PublicIP: true,
	}
}

// Calm is the same without anything random: every task takes the median time.
func (a Assumptions) Calm() Assumptions {
	a.Hazards, a.ProvisionSpread = Hazards{StragglerLeast: 1, StragglerAlpha: 1, StragglerMost: 1}, 0
	return a
}

const hoursPerMonth = 730

// HourlyReclaims is the hazard by which a share of what runs for a month is
// reclaimed within it.
func HourlyReclaims(shareOfMonth float64) float64 { return -math.Log(1-shareOfMonth) / hoursPerMonth }

// Rate is how many MB of one object's input a task does in a second, when S3 does
// not ask it to slow down, and what it is that keeps it from more.
func (a Assumptions) Rate(job Job, task Task) (mbps float64, by string) {
	useful := task.VCPUs
	if useful > 1 {
		useful = 1 + (useful-1)*a.ParallelShare
	}
	for _, limit := range []struct {
		by   string
		mbps float64
	}{
		{"CPU", job.CPUMBps * useful},
		{"reads", a.stream(a.ReadsAtOnce, a.ReadPartMB)},
		{"writes", a.stream(a.WritesAtOnce, a.WritePartMB) / job.OutputRatio},
		{"network", a.network(task) / max(1, job.OutputRatio)},
	} {
		if by == "" || limit.mbps < mbps {
			mbps, by = limit.mbps, limit.by
		}
	}
	return mbps, by
}

// stream is how many MB/s so many requests at once transfer, of so many MB each.
func (a Assumptions) stream(atOnce, part float64) float64 {
	return cost.Assumptions{FirstByteSeconds: a.FirstByteSeconds, RequestMBPerSecond: a.StreamMBps}.Stream(atOnce, part)
}

// network is how many MB/s a task receives or sends at most.
func (a Assumptions) network(task Task) float64 {
	if share := a.NetworkPerVCPU * task.VCPUs; share > 0 {
		return min(a.NetworkMBps, share)
	}
	return a.NetworkMBps
}

// Scenario is one run.
type Scenario struct {
	Job            Job
	Task           Task
	Objects        int
	GB             float64 // of all objects together
	SizeSpread     float64 // standard deviation of the logarithm of an object's size; 0 for equal sizes
	ObjectsPerTask int
	Concurrency    int // children at once

	// Ranges is for one huge object: a task that plans cuts it into Objects ranges
	// first, which are then what is said of objects here. The parts of its only
	// result are larger, so that there are not too many.
	Ranges bool
	Assumptions
}

// Check reports everything that is wrong with a scenario.
func (s *Scenario) Check() error {
	var errs []error
	for _, n := range []struct {
		name         string
		value, least float64
	}{
		{"Objects", float64(s.Objects), 1}, {"ObjectsPerTask", float64(s.ObjectsPerTask), 1}, {"Concurrency", float64(s.Concurrency), 1},
		{"Attempts", float64(s.Attempts), 1}, {"APIRetries", float64(s.APIRetries), 0}, {"SizeSpread", s.SizeSpread, 0}, {"GB", s.GB, 1e-9},
	} {
		if !(n.value >= n.least && n.value <= 1e9) {
			errs = append(errs, fmt.Errorf("%s: got %v, want %v to 1e9", n.name, n.value, n.least))
		}
	}
	if !slices.ContainsFunc(Sizes(), func(t Task) bool { return t.VCPUs == s.Task.VCPUs }) {
		errs = append(errs, fmt.Errorf("Task.VCPUs: got %v, want a size of Fargate", s.Task.VCPUs))
	}
	if s.VCPUQuota < s.Task.VCPUs {
		errs = append(errs, fmt.Errorf("VCPUQuota: got %v, want at least the %v of one task", s.VCPUQuota, s.Task.VCPUs))
	}
	for _, p := range []struct {
		name  string
		value float64
	}{{"NoCapacity", s.NoCapacity}, {"Failure", s.Failure}, {"Round", s.Round}, {"RoundShare", s.RoundShare}, {"StragglerShare", s.StragglerShare}} {
		if !(p.value >= 0 && p.value <= 1) {
			errs = append(errs, fmt.Errorf("%s: got %v, want 0 to 1", p.name, p.value))
		}
	}
	if mb := s.GB * 1000 / float64(s.Objects) * s.Job.OutputRatio; !s.Ranges && cost.Parts(mb, s.WritePartMB) > cost.MostParts {
		errs = append(errs, fmt.Errorf("%s: got %d, each with a result of %.0f GB, want more and smaller ones: S3 takes no more than %d parts", "Objects", s.Objects, mb/1000, cost.MostParts))
	}
	return errors.Join(errs...)
}
