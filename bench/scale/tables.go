package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"ds-pipeline/bench/scale/sim"
	"ds-pipeline/internal/cost"
)

// tables are what scale.md shows, by the names of the places where it does.
// They lack recommendations, which take simulations of their own.
func tables(rows []row) map[string]string {
	return map[string]string{
		"sizes": sizes(), "limits": limits(), "linear": linearTable(rows), "objects": objectsTable(rows), "ranges": rangesTable(rows), "batch": batchTable(rows), "shares": sharesTable(rows),
		"concurrency": concurrencyTable(rows), "throttling": throttlingTable(rows), "hazards": hazardsTable(rows),
	}
}

func mark(name string) (begin, end string) {
	return "<!-- bench/scale: " + name + " -->\n", "<!-- end of " + name + " -->"
}

// fillIn replaces what stands between the marks of each part.
func fillIn(page string, parts map[string]string) (string, error) {
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		begin, end := mark(name)
		before, rest, found := strings.Cut(page, begin)
		_, after, ends := strings.Cut(rest, end)
		if !found || !ends {
			return "", fmt.Errorf("no place for %q: want a line %q and one %q", name, strings.TrimSpace(begin), end)
		}
		page = before + begin + "\n" + parts[name] + "\n" + end + after
	}
	return page, nil
}

func grid(head string, lines []string) string {
	columns := strings.Count(head, "|") - 1
	return head + "\n|---|" + strings.Repeat("---:|", columns-1) + "\n" + strings.Join(lines, "\n") + "\n"
}

// far is what S3 is assumed to answer after in the worst case.
func far(a sim.Assumptions) sim.Assumptions {
	a.FirstByteSeconds = 0.1
	return a
}

// perTB is what tasks of a size cost for a TB, in US dollars.
func perTB(mbps float64, task sim.Task, arm, spot bool) float64 {
	seconds := 1e6 / mbps
	return cost.Task(task.VCPUs, task.MemoryGB, seconds, arm, spot)
}

// sizes tells for each size of task how fast one is and what a TB costs.
func sizes() string {
	var lines []string
	for _, t := range sim.Sizes() {
		narrow, by := sim.Documented().Rate(sim.Narrow(), t)
		wide, wideBy := sim.Documented().Rate(sim.Wide(), t)
		lines = append(lines, fmt.Sprintf("| %v vCPU, %v GB | %.0f | %s | %.2f | %.2f | %.2f | %.2f | %.0f | %s | %.2f |", t.VCPUs, t.MemoryGB,
			narrow*3.6, by, perTB(narrow, t, false, false), perTB(narrow, t, true, false), perTB(narrow, t, false, true), perTB(narrow, t, true, true),
			wide*3.6, wideBy, perTB(wide, t, false, false)))
	}
	return grid("| size of task | narrow GB/h | limited by | x86 $/TB | ARM | x86 Spot | ARM Spot | wide GB/h | limited by | x86 $/TB |", lines)
}

// limits tells how fast one task is by each limit alone.
func limits() string {
	a := sim.Documented()
	var lines []string
	for _, v := range []struct {
		name string
		a    sim.Assumptions
	}{
		{"as measured: 20 ms and 93 MB/s for one request", a},
		{"as AWS says at the worse: 100 ms", far(a)},
		{"20 ms, with 8 parts written at once and reads of 8 MiB", func() sim.Assumptions { b := a; b.WritesAtOnce, b.ReadPartMB = 8, 8*a.ReadPartMB; return b }()},
		{"20 ms, with EC2's baseline of network", func() sim.Assumptions { b := a; b.NetworkPerVCPU = ec2Baseline; return b }()},
	} {
		line := "| " + v.name + " |"
		for _, vCPUs := range []float64{1, 2, 4} {
			for _, job := range []sim.Job{sim.Narrow(), sim.Wide()} {
				rate, by := v.a.Rate(job, sim.Size(vCPUs))
				line += fmt.Sprintf(" %.0f (%s) |", rate*3.6, by)
			}
		}
		lines = append(lines, line)
	}
	return grid("| GB/h of one task | 1 vCPU, narrow | wide | 2 vCPU, narrow | wide | 4 vCPU, narrow | wide |", lines)
}

// tolerance is how far from linear the cost may be.
const tolerance = 0.05

func linearTable(rows []row) string {
	var lines []string
	for _, variant := range []string{"one task", "10 at once", "50 at once", "50 at once, Spot", "50 at once, wide"} {
		series := of(rows, "data", variant)
		from, to := linear(series, tolerance)
		line := fmt.Sprintf("| %s |", variant)
		for _, gb := range []float64{1, 10, 100, 1000, 10_000} {
			cell := " |"
			for _, r := range series {
				if r.gb == gb {
					cell = fmt.Sprintf(" %.2f, %s |", r.usdPerTB(), duration(r.seconds))
				}
			}
			line += cell
		}
		lines = append(lines, line+fmt.Sprintf(" %.0f GB to %.0f TB |", from.gb, to.gb/1000))
	}
	return grid("| $/TB and time of | 1 GB | 10 GB | 100 GB | 1 TB | 10 TB | within 5 % of linear |", lines)
}

func objectsTable(rows []row) string {
	var lines []string
	for i, r := range of(rows, "objects", "up to 10 GB a task") {
		one := of(rows, "objects", "one object a task")[i]
		lines = append(lines, fmt.Sprintf("| %d | %d | %.2f | %s | %.2f | %s |", r.objects, r.perTask, r.USD(), duration(r.seconds), one.USD(), duration(one.seconds)))
	}
	return grid("| 1 TB in so many objects | objects a task | $ | time | $, one object a task | time |", lines)
}

// sharesTable tells what some runs pay for.
func sharesTable(rows []row) string {
	var lines []string
	pick := func(name, series, variant string, match func(row) bool) {
		for _, r := range of(rows, series, variant) {
			if match(r) {
				lines = append(lines, fmt.Sprintf("| %s | %.2f | %.2f | %.2f | %.2f | %.2f | %.2f |", name, r.Fargate, r.Requests, r.Transitions, r.Logs, r.Addresses, r.USD()))
			}
		}
	}
	pick("1 TB, one task", "data", "one task", func(r row) bool { return r.gb == 1000 })
	pick("1 TB in 1,000 objects, 10 a task", "data", "50 at once", func(r row) bool { return r.gb == 1000 })
	pick("the same, wide", "data", "50 at once, wide", func(r row) bool { return r.gb == 1000 })
	pick("1 TB in 10,000 objects, 20 a task", "batch", "objects of 100 MB", func(r row) bool { return r.perTask == mostObjects-mostObjects%10 })
	pick("10 GB in 10,000 objects, 20 a task", "batch", "objects of 1 MB", func(r row) bool { return r.perTask == mostObjects-mostObjects%10 })
	pick("1 TB in one object, 100 ranges", "ranges", "1 vCPU", func(r row) bool { return r.objects == 100 })
	return grid("| $ of | Fargate | requests of S3 | transitions | logs and metrics | addresses | together |", lines)
}

func rangesTable(rows []row) string {
	var lines []string
	for i, r := range of(rows, "ranges", "1 vCPU") {
		four := of(rows, "ranges", "4 vCPU")[i]
		lines = append(lines, fmt.Sprintf("| %d | %.2f | %s | %.2f | %s |", r.objects, r.USD(), duration(r.seconds), four.USD(), duration(four.seconds)))
	}
	return grid("| one object of 1 TB in so many ranges | $, 1 vCPU | time | $, 4 vCPU | time |", lines)
}

func batchTable(rows []row) string {
	var lines []string
	for i, r := range of(rows, "batch", "objects of 1 MB") {
		line := fmt.Sprintf("| %d |", r.perTask)
		if r.perTask > mostObjects {
			line = fmt.Sprintf("| %d, for which there is no room |", r.perTask)
		}
		for _, variant := range []string{"objects of 1 MB", "objects of 10 MB", "objects of 100 MB"} {
			v := of(rows, "batch", variant)[i]
			line += fmt.Sprintf(" %.2f, %s |", v.USD(), duration(v.seconds))
		}
		lines = append(lines, line)
	}
	return grid("| objects a task | 10 GB: 10,000 of 1 MB | 100 GB: 10,000 of 10 MB | 1 TB: 10,000 of 100 MB |", lines)
}

func concurrencyTable(rows []row) string {
	var lines []string
	for _, r := range of(rows, "concurrency", "one prefix") {
		line := fmt.Sprintf("| %d | %s (%s) | %.2f |", r.atOnce, duration(r.seconds), spread(r), r.USD())
		for _, variant := range []string{"a prefix split in ten", "a quota of 6 vCPUs"} {
			for _, o := range of(rows, "concurrency", variant) {
				if o.atOnce != r.atOnce {
					continue
				}
				if o.failed > 0 {
					line += fmt.Sprintf(" %.1f %% fail |", 100*o.failed)
				} else {
					line += fmt.Sprintf(" %s, %.2f |", duration(o.seconds), o.USD())
				}
			}
		}
		lines = append(lines, line)
	}
	return grid("| tasks at once | time (5 to 95 %) | $ | with ten times the requests of a prefix | with 6 vCPUs in the account |", lines)
}

func spread(r row) string { return duration(r.fast) + " to " + duration(r.slow) }

func throttlingTable(rows []row) string {
	var lines []string
	for i, r := range of(rows, "throttling", "5 retries") {
		more := of(rows, "throttling", "10 retries")[i]
		lines = append(lines, fmt.Sprintf("| %d | %.0f | %s | %.2f %% | %.0f | %s | %.2f %% |", r.atOnce,
			r.refused, duration(r.seconds), 100*r.failed, more.refused, duration(more.seconds), 100*more.failed))
	}
	return grid("| 10,000 tasks, so many at once | refused, 5 retries | time | fail | refused, 10 retries | time | fail |", lines)
}

func hazardsTable(rows []row) string {
	var lines []string
	for _, r := range of(rows, "hazards", "") {
		lines = append(lines, fmt.Sprintf("| %s | %s | %s | %.2f | %.1f | %.1f |", r.variant, duration(r.seconds), spread(r), r.USD(), r.repeats, r.reclaimed))
	}
	return grid("| 1 TB in 1,000 objects, 50 at once | time | 5 to 95 % | $ | tasks again | reclaimed |", lines)
}

// dearer is how much more than the cheapest setting a recommended one may cost.
const dearer = 1.1

// load is so much data in so many objects.
type load struct{ gb, objects int }

// loads are those for which there are recommendations.
var loads = []load{
	{1, 1}, {1, 1000}, {10, 10}, {10, 1000}, {10, 10_000}, {100, 10}, {100, 1000}, {100, 10_000},
	{1000, 10}, {1000, 100}, {1000, 1000}, {1000, 10_000}, {10_000, 1000}, {10_000, 10_000},
}

// recommendations tell for each load the fastest setting that costs hardly more
// than the cheapest.
func recommendations(loads []load) ([]string, error) {
	var lines []string
	for _, c := range loads {
		var all []trial
		for _, perTask := range []int{1, 2, 3, 5, 10, mostObjects} {
			for _, atOnce := range []int{1, 5, 10, 20, 50} {
				tasks := (c.objects + perTask - 1) / perTask
				if perTask > c.objects || atOnce > 1 && atOnce > tasks {
					continue
				}
				all = append(all, trial{"", "", sim.Scenario{
					Job: sim.Narrow(), Task: sim.Size(1), Objects: c.objects, GB: float64(c.gb), SizeSpread: 0.5,
					ObjectsPerTask: perTask, Concurrency: atOnce, Assumptions: sim.Documented(),
				}})
			}
		}
		rows, err := run(all)
		if err != nil {
			return nil, err
		}
		best := slices.MinFunc(rows, func(a, b row) int { return cmp.Compare(a.USD(), b.USD()) })
		most := dearer * best.USD()
		for _, r := range rows {
			if r.failed == 0 && r.USD() <= most && r.seconds < best.seconds {
				best = r
			}
		}
		lines = append(lines, fmt.Sprintf("| %d GB in objects of %s | %d | %d | %s | %.3g | %.2f |",
			c.gb, size(float64(c.gb)/float64(c.objects)), best.perTask, best.atOnce, duration(best.seconds), best.USD(), best.usdPerTB()))
	}
	return lines, nil
}

func recommendedTable(lines []string) string {
	return grid("| data | objects a task | tasks at once | time | $ | $/TB |", lines)
}

func size(gb float64) string {
	if gb < 1 {
		return fmt.Sprintf("%.0f MB", gb*1000)
	}
	return fmt.Sprintf("%.0f GB", gb)
}
