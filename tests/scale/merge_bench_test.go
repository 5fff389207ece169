package scale

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"ds-pipeline/internal/programtest"
	"ds-pipeline/preprocess/contract"
)

// itemsAtOnce is how many items one process of a benchmark is given: a variable of
// the environment has 128 KiB at most.
const itemsAtOnce = 500

// BenchmarkMerge merges runs of small objects and of small files, and tells what
// the process of the merge alone takes: its time on the clock and on processors,
// its peak memory, and its requests to S3 for each object. The server is in this
// process.
func BenchmarkMerge(b *testing.B) {
	for _, n := range []int{1000, 10_000} {
		b.Run(fmt.Sprintf("S3/%d", n), func(b *testing.B) {
			c := newCloud(b)
			var requests atomic.Int64
			c.before(func(*http.Request) { requests.Add(1) })
			items := make([]item, n)
			for i := range items {
				key, text := fmt.Sprintf("raw/%05d.csv", i), rows(i, 3)
				c.put(b, "ds-in", key, text)
				items[i] = item{"Key": key, "Size": len(text)}
			}
			r := c.newRun("", "raw/")
			measureMerge(b, r, items, func() string {
				u := "results/" + r.name + ".json"
				c.put(b, "ds-out", u, asJSON(b, items))
				requests.Store(0)
				return "s3://ds-out/" + u
			})
			b.ReportMetric(float64(requests.Load())/float64(n), "requests/item")
		})
		b.Run(fmt.Sprintf("files/%d", n), func(b *testing.B) {
			dir := b.TempDir()
			err := errors.Join(os.Mkdir(filepath.Join(dir, "raw"), 0o750), os.Mkdir(filepath.Join(dir, "out"), 0o750))
			items := make([]item, n)
			for i := range items {
				name, text := filepath.Join(dir, "raw", fmt.Sprintf("%05d.csv", i)), rows(i, 3)
				err = errors.Join(err, os.WriteFile(name, []byte(text), 0o600))
				items[i] = item{"Key": name, "Size": len(text)}
			}
			if err != nil {
				b.Fatal(err)
			}
			model, err := filepath.Abs(scalers)
			if err != nil {
				b.Fatal(err)
			}
			r := (&cloud{}).newRun("", "", "DS_INPUT="+dir+"/raw/", "DS_MODEL="+model, "DS_OUTPUT="+dir+"/out/data.csv")
			measureMerge(b, r, items, func() string {
				u := filepath.Join(dir, r.name+".json")
				if err := os.WriteFile(u, []byte(asJSON(b, items)), 0o600); err != nil {
					b.Fatal(err)
				}
				return u
			})
		})
	}
}

// measureMerge does the parts of a run, and merges them, which is what is
// measured. results puts the list of the items somewhere.
func measureMerge(b *testing.B, r *spreadRun, items []item, results func() string) {
	b.Helper()
	var cpu time.Duration
	memory := 0
	run := 0
	limit = 10 * time.Minute
	for b.Loop() {
		b.StopTimer()
		run++
		r.name = fmt.Sprintf("run%d", run)
		r.env = append(r.env, contract.EnvScaleRun+"="+r.name, contract.EnvPeriod+fmt.Sprintf("=2026-%02d", run))
		began := time.Now()
		r.parts(b, items, itemsAtOnce, 1)
		b.Logf("%d parts took %s", len(items), time.Since(began))
		list := results()
		b.StartTimer()
		p := r.merge(b, list)
		peak := programtest.WatchPeak(p.Cmd)
		p.expect(b, 0)
		cpu += p.ProcessState.UserTime() + p.ProcessState.SystemTime()
		memory = max(memory, peak())
	}
	b.ReportMetric(cpu.Seconds()/float64(b.N), "cpu-s/op")
	b.ReportMetric(float64(memory)/1024, "peak-MiB")
}
