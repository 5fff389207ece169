package scale

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"

	"ds-pipeline/internal/parquettest"

	"ds-pipeline/preprocess/contract"
	"ds-pipeline/preprocess/manifest"
)

var listPage = gofakes3.ListBucketPage{MaxKeys: 1000}

// rows makes a table for the model, the values of which follow from start.
func rows(start, n int) string {
	var b strings.Builder
	b.WriteString("dist_km,price,temp,rooms\n")
	for i := start; i < start+n; i++ {
		_, _ = fmt.Fprintf(&b, "%d.37,%d,%d.1,%d\n", i%1000, 1000+i, i%30, i%7)
	}
	return b.String()
}

// putObjects makes objects of a prefix, some in folders of it.
func (c *cloud) putObjects(t testing.TB, n, each int) {
	t.Helper()
	for i := range n {
		c.put(t, "ds-in", fmt.Sprintf("raw/day=%02d/part %d.csv", i%5, i), rows(i*each, each))
	}
	c.put(t, "ds-in", "raw/_SUCCESS", "")
	c.put(t, "ds-in", "raw/day=00/", "") // as consoles make folders
}

func TestScale_manyProcessesGiveTheResultOfOne(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	c.putObjects(t, 36, 500)
	r := c.newRun("first", "raw/")
	items := c.listed(t, "raw/")

	// One of them is killed while it sends its result, and done again.
	var once sync.Once
	sending := make(chan struct{})
	c.before(func(req *http.Request) {
		if req.Method == http.MethodPut && req.URL.Query().Has("partNumber") {
			once.Do(func() { close(sending) })
		}
	})
	victim := r.part(t, items[:6]...)
	select {
	case <-sending:
	case <-time.After(time.Minute):
		t.Fatalf("the part sends nothing\n%s", victim.stderr.String())
	}
	if err := victim.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if status := victim.status(t); status != -1 {
		t.Fatalf("the killed one has the exit status %d", status)
	}
	c.before(nil)
	r.parts(t, items, 5, 4)
	for _, key := range c.keys(t) {
		if !strings.HasPrefix(key, contract.ScalePrefix) {
			t.Errorf("%s is visible before the merge", key)
		}
	}
	// One batch is handed out again, although it is done.
	again := r.part(t, items[5:10]...)
	again.expect(t, 0)
	if !strings.Contains(again.stdout.String(), "done already") {
		t.Errorf("what is done is done again:\n%s", again.stdout.String())
	}
	r.merge(t, r.record(t, batches(items, 5), nil)).expect(t, 0)
	m := r.settled(t, r.oneTask(t))
	if len(m.Outputs) != 36 || len(m.Inputs) != 36 || m.Scale.Parts != 36 || m.Scale.Rounds != 1 {
		t.Errorf("%d outputs of %d inputs, %+v", len(m.Outputs), len(m.Inputs), m.Scale)
	}
	if want := "s3://ds-out/" + folder + "part-day_3D00_2Fpart_200.csv"; m.Outputs[0].URI != want {
		t.Errorf("the first output is %s, want %s", m.Outputs[0].URI, want)
	}
	if newest, _ := c.Get("ds-out", "processed/"+contract.ManifestName); newest != c.get(t, folder+contract.ManifestName) {
		t.Error("the newest manifest is another one")
	}

	// Merged again, it is there already. What an earlier run of the period had and
	// a later one has not goes away.
	r.merge(t, r.record(t, batches(items, 5), nil)).expect(t, 0)
	c.put(t, "ds-out", folder+"keep.txt", "not ours")
	if _, err := c.Backend.DeleteObject("ds-in", "raw/day=00/part 0.csv"); err != nil {
		t.Fatal(err)
	}
	next := c.newRun("second", "raw/")
	items = c.listed(t, "raw/")
	next.parts(t, items, 9, 4)
	another := next.merge(t, next.record(t, batches(items, 9), nil))
	another.expect(t, contract.ExitAnotherRound)
	if want := "35 of 35 results of an earlier run are not all of this one"; !strings.Contains(another.stdout.String(), want) {
		t.Errorf("merge does not say %q:\n%s", want, another.stdout.String())
	}
	next.round = 2
	next.parts(t, next.planned(t), 9, 4)
	next.merge(t, next.record(t, batches(next.planned(t), 9), nil)).expect(t, 0)
	if m := next.settled(t, next.oneTask(t)); len(m.Outputs) != 35 {
		t.Errorf("%d outputs, want 35", len(m.Outputs))
	}
	if _, there := c.Get("ds-out", folder+"part-day_3D00_2Fpart_200.csv"); there {
		t.Error("the result of an object that is gone is still there")
	}
	if _, there := c.Get("ds-out", folder+"keep.txt"); !there {
		t.Error("what is not the program's was removed")
	}

	// The same again is not done again.
	before := c.get(t, folder+contract.ManifestName)
	same := c.newRun("third", "raw/")
	same.parts(t, items, 9, 4)
	merge := same.merge(t, same.record(t, batches(items, 9), nil))
	merge.expect(t, 0)
	if !strings.Contains(merge.stdout.String(), "nothing to do") || c.get(t, folder+contract.ManifestName) != before {
		t.Errorf("the same run is done again:\n%s", merge.stdout.String())
	}
	next.settled(t, next.oneTask(t))
	if left := slices.DeleteFunc(c.keys(t), func(k string) bool {
		return !strings.HasPrefix(k, contract.ScaleFolder("third")) || strings.Contains(k, "-results/")
	}); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

// ranges plans a run of one object of n rows, in ranges of so many MiB.
func (c *cloud) ranges(t *testing.T, name string, n, mib int, env ...string) (*spreadRun, []item) {
	t.Helper()
	c.put(t, "ds-in", "huge.csv", rows(0, n))
	r := c.newRun(name, "huge.csv", append(env, fmt.Sprintf("%s=%d", contract.EnvScaleRangeMiB, mib))...)
	r.start(t, contract.CommandPlan).expect(t, 0)
	return r, r.planned(t)
}

func TestScale_rangesOfOneObjectGiveTheSameBytes(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	// Its result is some parts of an upload, and every range's is at least one.
	r, items := c.ranges(t, "ranges", 700_000, 4)
	if len(items) < 3 {
		t.Fatalf("%d ranges", len(items))
	}
	first := r.part(t, items[1])
	twice := r.part(t, items[1]) // at the same time
	first.expect(t, 0)
	twice.expect(t, 0)
	r.start(t, contract.CommandPlan).expect(t, 0) // a plan that is made again is the same
	r.parts(t, items, 1, 3)
	r.merge(t, r.record(t, batches(items, 1), nil)).expect(t, 0)
	want := r.oneTask(t)
	m := r.settled(t, want)
	if m.Output.URI != "s3://ds-out/"+folder+"data.csv" || m.Output.Checksum != sumOf(want) || m.Inputs[0].Checksum != sumOf(rows(0, 700_000)) {
		t.Errorf("output %+v, inputs %+v", m.Output, m.Inputs)
	}
	if got := c.get(t, "processed/data.csv"); got != want {
		t.Error("the newest result is another one")
	}
	r.start(t, "verify", contract.EnvScaleRun+"=", contract.EnvPeriod+"=").expect(t, 0)

	// The same again is not done again.
	same := c.newRun("same", "huge.csv", contract.EnvScaleRangeMiB+"=8")
	same.start(t, contract.CommandPlan).expect(t, 0)
	items = same.planned(t)
	same.parts(t, items, 1, 3)
	merge := same.merge(t, same.record(t, batches(items, 1), nil))
	merge.expect(t, 0)
	if !strings.Contains(merge.stdout.String(), "nothing to do") {
		t.Errorf("the same run is done again:\n%s", merge.stdout.String())
	}
	same.settled(t, same.oneTask(t))
}

// sumOf is the checksum that a manifest has of a text, unless other ones are asked for.
func sumOf(text string) manifest.Checksum {
	d := manifest.CRC64NVME.New()
	_, _ = d.Write([]byte(text))
	return d.Checksum()
}

// A sum of the whole does not follow from SHA-256s of its ranges.
func TestScale_rangesHaveSumsOfTheirOwn(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	r, items := c.ranges(t, "sha256", 120_000, 1, contract.EnvChecksum+"=sha256")
	r.parts(t, items, 1, 3)
	r.merge(t, r.record(t, batches(items, 1), nil)).expect(t, 0)
	m := r.settled(t, r.oneTask(t))
	if len(items) < 2 || len(m.Output.Pieces) != len(items) || len(m.Inputs[0].Pieces) != len(items)+1 {
		t.Errorf("%d ranges, output %+v, inputs %+v", len(items), m.Output, m.Inputs)
	}
	r.start(t, "verify", contract.EnvScaleRun+"=", contract.EnvPeriod+"=").expect(t, 0)
}

// Nothing but the checksum of the whole can tell: no task reads all of it.
func TestScale_rangesThatWereDamagedOnTheWayAreNotPublished(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	r, items := c.ranges(t, "damaged", 120_000, 1)
	r.parts(t, items[1:], 1, 3)
	c.mu.Lock()
	c.damage = func(req *http.Request, body []byte) {
		if at := bytes.Index(body, []byte(".37,")); at >= 0 && req.Method == http.MethodGet && strings.HasSuffix(req.URL.Path, "huge.csv") {
			body[at+1] = '4'
		}
	}
	c.mu.Unlock()
	r.part(t, items[0]).expect(t, 0)
	results := r.record(t, batches(items, 1), nil)
	r.merge(t, results).expect(t, contract.ExitIO, "read s3://ds-in/huge.csv: damaged on the way", "start the run again")
	if _, there := c.Get("ds-out", folder+"data.csv"); there {
		t.Error("it was published")
	}
}

func TestScale_aPartThatShowsMoreLeadsToAnotherRound(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	// What passes through the model are whole numbers, unless some object has others.
	c.put(t, "artifacts", "model.pkl", `{"format":1,"model":{"class":"Binarizer","threshold":2,"n_features_in":2,"feature_names_in":["a","b"]}}`)
	c.put(t, "ds-in", "raw/1.csv", "a,b\n1,2\n3,4\n")
	c.put(t, "ds-in", "raw/2.csv", "a,b\n5,6\n")
	c.put(t, "ds-in", "raw/3.csv", "a,b\n7.5,8\n")
	r := c.newRun("rounds", "raw/")
	items := c.listed(t, "raw/")
	r.parts(t, items, 1, 3)
	r.merge(t, r.record(t, batches(items, 1), nil)).expect(t, contract.ExitAnotherRound)
	if _, there := c.Get("ds-out", folder+contract.ManifestName); there {
		t.Fatal("something is published")
	}
	r.round = 2
	again := r.planned(t)
	if len(again) != 2 {
		t.Fatalf("%d items are done again, want 2: %v", len(again), again)
	}
	r.parts(t, again, 2, 1)
	r.merge(t, r.record(t, batches(again, 2), nil)).expect(t, 0)
	want := r.oneTask(t)
	if m := r.settled(t, want); m.Scale.Rounds != 2 {
		t.Errorf("%d rounds", m.Scale.Rounds)
	}
	if !strings.Contains(want, "0.0") {
		t.Errorf("the kind of the columns changes no byte of %q", want)
	}
}

func TestScale_refusesWhatIsNotDoneOnce(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	c.putObjects(t, 6, 20)
	r := c.newRun("once", "raw/")
	items := c.listed(t, "raw/")
	objects := slices.DeleteFunc(slices.Clone(items), func(i item) bool { return !strings.HasSuffix(i["Key"].(string), ".csv") })
	r.parts(t, objects[1:], 2, 2)

	// One is missing.
	missing := objects[0]["Key"].(string)
	r.merge(t, r.record(t, batches(items, 2), nil)).expect(t, contract.ExitData, "1 of 6 items were not done", missing, "--max-missing is 0")
	// The map knows that it failed: the result may do without it, if it is to.
	failed := r.record(t, batches(objects[1:], 2), [][]item{{objects[0]}})
	r.merge(t, failed).expect(t, contract.ExitData, missing)
	r.merge(t, failed, contract.EnvScaleMaxMissing+"=10%").expect(t, contract.ExitData, missing)
	// One was handed out twice, and one not at all.
	r.merge(t, r.record(t, append(batches(objects, 2), []item{objects[1]}), nil)).expect(t, contract.ExitData, "was handed out twice", objects[1]["Key"].(string))
	r.merge(t, r.record(t, batches(objects[:5], 2), nil)).expect(t, contract.ExitData, "the record of an item that the map has not handed out")
	// One has changed since it was listed, or is gone.
	c.put(t, "ds-in", missing, rows(7, 7))
	r.part(t, objects[0]).expect(t, contract.ExitData, missing, "it changed since it was listed")
	if _, err := c.Backend.DeleteObject("ds-in", missing); err != nil {
		t.Fatal(err)
	}
	r.part(t, objects[0]).expect(t, contract.ExitNoInput, missing)
	for _, key := range c.keys(t) {
		if !strings.HasPrefix(key, contract.ScalePrefix) {
			t.Errorf("%s was published", key)
		}
	}
	failed = r.record(t, batches(objects[1:], 2), [][]item{{objects[0]}})
	r.merge(t, failed, contract.EnvScaleMaxMissing+"=1").expect(t, 0)
	m := r.settled(t, r.oneTask(t)) // of what is left
	if len(m.Scale.Missing) != 1 || m.Scale.Missing[0].URI != "s3://ds-in/"+missing {
		t.Errorf("missing: %+v", m.Scale.Missing)
	}
}

// A merge that is killed at any request, and one at the same time, leave nothing
// half done behind after the next one.
func TestScale_aMergeCanBeKilledAnywhere(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"prefix", "ranges"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			c := newCloud(t)
			r := c.newRun("killed-"+mode, "raw/")
			var items []item
			if mode == "prefix" {
				c.putObjects(t, 5, 50)
				items = c.listed(t, "raw/")
			} else {
				c.put(t, "ds-in", "one.csv", rows(0, 120_000))
				r = c.newRun("killed-"+mode, "one.csv", contract.EnvScaleRangeMiB+"=1")
				r.start(t, contract.CommandPlan).expect(t, 0)
				items = r.planned(t)
			}
			r.parts(t, items, 2, 2)
			results := r.record(t, batches(items, 2), nil)
			want := r.oneTask(t)
			for kill := int64(5); ; kill += 7 {
				var count atomic.Int64
				die, dead := make(chan struct{}), make(chan struct{})
				c.before(func(*http.Request) {
					if count.Add(1) == kill {
						close(die)
						<-dead // nobody is left to answer
					}
				})
				p := r.merge(t, results)
				over := make(chan struct{})
				go func() {
					select {
					case <-die:
						_ = p.Process.Signal(syscall.SIGKILL)
					case <-over:
					}
				}()
				status := p.status(t)
				close(over)
				close(dead)
				if status == 0 {
					break
				}
				if status != -1 {
					t.Fatalf("killed at request %d: exit status %d\n%s", kill, status, p.stderr.String())
				}
			}
			c.before(nil)
			r.settled(t, want)
		})
	}
}

func TestScale_twoMergesAtOnceAreOne(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	c.putObjects(t, 12, 50)
	r := c.newRun("twice", "raw/")
	items := c.listed(t, "raw/")
	r.parts(t, items, 4, 2)
	results := r.record(t, batches(items, 4), nil)
	a, b := r.merge(t, results), r.merge(t, results)
	statuses := []int{a.status(t), b.status(t)}
	for _, status := range statuses {
		if status != 0 && status != contract.ExitTempFail { // which is tried again
			t.Errorf("exit statuses %v\n%s%s", statuses, a.stderr.String(), b.stderr.String())
		}
	}
	r.merge(t, results).expect(t, 0)
	r.settled(t, r.oneTask(t))
}

func TestScale_rejectsAreOneFileWithTheLinesOfTheObjects(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	c.put(t, "ds-in", "raw/1.csv", rows(0, 3)+"bad\n")
	c.put(t, "ds-in", "raw/2.csv", "dist_km,price,temp,rooms\nx,1,2,3\n1,2,3,4\n")
	r := c.newRun("rejects", "raw/", contract.EnvMaxRejects+"=2")
	items := c.listed(t, "raw/")
	r.parts(t, items, 1, 2)
	results := r.record(t, batches(items, 1), nil)
	r.merge(t, results, contract.EnvMaxRejects+"=1").expect(t, contract.ExitConfig, "other settings")
	r.merge(t, results).expect(t, 0)
	r.settled(t, r.oneTask(t))
	want, _ := c.Get("results", "rejects/"+contract.RejectsName)
	if got := c.get(t, folder+contract.RejectsName); got != want || !strings.Contains(want, "s3://ds-in/raw/2.csv,2,dist_km") {
		t.Errorf("rejects\n%s\nwant\n%s", got, want)
	}

	// Too many of them: nothing is published but they.
	strict := c.newRun("strict", "raw/", contract.EnvMaxRejects+"=1", contract.EnvPeriod+"=2026-12")
	strict.parts(t, items, 1, 2)
	strict.merge(t, strict.record(t, batches(items, 1), nil)).expect(t, contract.ExitData, "2 of 6 records cannot be used (--max-rejects is 1)", "s3://ds-in/raw/1.csv: line 5")
	if got := c.get(t, "processed/period=2026-12/"+contract.RejectsName); got != want {
		t.Errorf("rejects\n%s\nwant\n%s", got, want)
	}
	if _, there := c.Get("ds-out", "processed/period=2026-12/"+contract.ManifestName); there {
		t.Error("a manifest was published")
	}
}

// An inventory has its columns as text, and keys as in the query of a URL.
func TestScale_anInventoryGivesTheResultOfOne(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	c.putObjects(t, 4, 20)
	c.put(t, "ds-in", "raw/100%+ä.csv", rows(0, 3))
	r := c.newRun("inventory", "raw/", contract.EnvScaleSource+"="+contract.ScaleSourceInventory)
	items := c.listed(t, "raw/")
	for i, o := range items {
		items[i] = item{"Key": url.QueryEscape(o["Key"].(string)), "Size": fmt.Sprint(o["Size"]), "Etag": strings.Trim(o["Etag"].(string), `"`)}
	}
	r.parts(t, items, 2, 2)
	r.merge(t, r.record(t, batches(items, 2), nil)).expect(t, 0)
	if m := r.settled(t, r.oneTask(t)); len(m.Outputs) != 5 {
		t.Errorf("%d outputs", len(m.Outputs))
	}
}

func TestScale_refusesWhatCannotBeCut(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	c.put(t, "ds-in", "one.csv", rows(0, 3))
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := io.WriteString(w, rows(0, 3)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	c.put(t, "ds-in", "packed.csv", packed.String())
	for _, test := range []struct {
		input string
		env   []string
		says  string
	}{
		{"raw/", nil, "it may be several objects"},
		{"packed.csv", nil, "compressed with gzip"},
		{"one.csv", []string{"DS_ENCODING=utf-16"}, "its encoding is utf-16"},
		{"one.csv", []string{"DS_OUTPUT=s3://ds-out/processed/data.parquet"}, "the result is to be Parquet"},
		{"one.csv", []string{"DS_OUTPUT=s3://ds-out/processed/data.csv.gz"}, "the result is to be compressed"},
		{"one.csv", []string{"DS_SCRIPT=s3://artifacts/x.py"}, "cannot have one"},
		{"one.csv", []string{contract.EnvScaleRun + "=a b", contract.EnvScaleRangeMiB + "=0"}, "range-mib"},
	} {
		p := c.newRun("cut", test.input, test.env...).start(t, contract.CommandPlan)
		if status := p.status(t); status != contract.ExitConfig && status != contract.ExitData || !strings.Contains(p.stderr.String(), test.says) {
			t.Errorf("%s %v: exit status %d, want %q\n%s", test.input, test.env, status, test.says, p.stderr.String())
		}
	}
}

// Parquet parts are whole files, which together are a data set: here it is the
// input of the next run.
func TestScale_parquetGoesOutAndIn(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	c.putObjects(t, 4, 300)
	out := c.newRun("parquet", "raw/", "DS_OUTPUT=s3://ds-out/processed/data.parquet")
	items := c.listed(t, "raw/")
	out.parts(t, items, 2, 2)
	out.merge(t, out.record(t, batches(items, 2), nil)).expect(t, 0)
	m, _ := out.published(t)
	if len(m.Outputs) != 4 || !strings.HasSuffix(m.Outputs[0].URI, "/part-day_3D00_2Fpart_200.csv_.parquet") {
		t.Fatalf("outputs %+v", m.Outputs)
	}
	rows := 0
	for i, o := range m.Outputs {
		text := c.get(t, strings.TrimPrefix(o.URI, "s3://ds-out/"))
		records, err := parquettest.Rows(text)
		if err != nil {
			t.Fatal(err)
		}
		rows += len(records) - 1
		c.put(t, "ds-in", fmt.Sprintf("set/%d.parquet", i), text)
	}
	if want := 4 * 300; rows != want {
		t.Errorf("%d rows, want %d", rows, want)
	}

	in := c.newRun("set", "set/", contract.EnvPeriod+"=2026-12")
	items = c.listed(t, "set/")
	in.parts(t, items, 1, 2)
	in.merge(t, in.record(t, batches(items, 1), nil)).expect(t, 0)
	var text strings.Builder
	for i := range items {
		one := c.get(t, fmt.Sprintf("processed/period=2026-12/part-%d.parquet_.csv", i))
		if i > 0 {
			_, one, _ = strings.Cut(one, "\n")
		}
		text.WriteString(one)
	}
	if want := in.oneTask(t); text.String() != want {
		t.Errorf("%d bytes, want %d", text.Len(), len(want))
	}
	if got, want := in.report(t, "ds-out", "processed/period=2026-12/"), in.report(t, "results", "set/"); got != want {
		t.Errorf("the report is not that of one task:\n%s\nwant\n%s", got, want)
	}
}

// What a run says in its metrics is of the whole, and so is drift, which no part
// has enough records for.
func TestScale_driftIsThatOfTheWhole(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	for i := range 10 {
		c.put(t, "ds-in", fmt.Sprintf("far/%d.csv", i), rows(1_000_000+10*i, 10))
	}
	r := c.newRun("drift", "far/", contract.EnvEnvironment+"=dev")
	items := c.listed(t, "far/")
	r.parts(t, items, 5, 2)
	merge := r.merge(t, r.record(t, batches(items, 5), nil))
	merge.expect(t, 0)
	metrics := func(out string) string {
		for line := range strings.Lines(out) {
			var m map[string]any
			if json.Unmarshal([]byte(line), &m) == nil && m["_aws"] != nil {
				return fmt.Sprint(m[contract.MetricRowsIn], m[contract.MetricRowsOut], m[contract.MetricBytesIn], m[contract.MetricDriftedColumns])
			}
		}
		t.Fatalf("no metrics in\n%s", out)
		return ""
	}
	one := r.start(t, "run", "DS_OUTPUT=s3://results/drift/data.csv", contract.EnvPeriod+"=")
	one.expect(t, 0)
	got, want := metrics(merge.stdout.String()), metrics(one.stdout.String())
	if got != want || strings.HasSuffix(got, " 0") || strings.HasSuffix(got, "<nil>") {
		t.Errorf("metrics %s, want %s, with columns that drifted", got, want)
	}
	if !strings.Contains(merge.stdout.String(), `"msg":"drift"`) {
		t.Errorf("the log does not name what drifted:\n%s", merge.stdout.String())
	}
}

// Statistics are checked before anything is visible.
func TestScale_refusesStatisticsThatAreNotAPartsOwn(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	c.putObjects(t, 4, 10)
	r := c.newRun("other", "raw/")
	items := c.listed(t, "raw/")
	r.parts(t, items, 2, 2)
	at := slices.IndexFunc(c.keys(t), func(k string) bool { return strings.HasSuffix(k, ".statistics") })
	if at < 0 {
		t.Fatalf("no statistics: %q", c.keys(t))
	}
	key := c.keys(t)[at]
	text := c.get(t, key)
	results := r.record(t, batches(items, 2), nil)
	c.put(t, "ds-out", key, text+"x")
	r.merge(t, results).expect(t, contract.ExitData, key+" is not what its part has written")
	for _, key := range c.keys(t) {
		if !strings.HasPrefix(key, contract.ScalePrefix) {
			t.Errorf("%s was published", key)
		}
	}
	c.put(t, "ds-out", key, text)
	r.merge(t, results).expect(t, 0)
	r.settled(t, r.oneTask(t))
}

func TestScale_filesAsTheDocsSay(t *testing.T) {
	t.Parallel()
	docs, err := os.ReadFile("../../docs/scale.md")
	if err != nil {
		t.Fatal(err)
	}
	_, script, ok := strings.Cut(string(docs), "<!-- tried by TestScale_filesAsTheDocsSay in tests/scale -->\n\n")
	script, _, _ = strings.Cut(script, "\n\n")
	if !ok || !strings.Contains(script, "preprocess merge") {
		t.Fatalf("the commands are not there: %q", script)
	}
	dir := t.TempDir()
	model, err := os.ReadFile(scalers)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"model.pkl": string(model), "data/a.csv": rows(0, 3), "data/b.csv": rows(3, 2), "out/.keep": ""} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o750), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{"data/a.csv": `"data/a.csv","Size":`, "data/b.csv": `"data/b.csv","Size":`} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		// The sizes there are those of files of the reader's own.
		script = regexp.MustCompile(regexp.QuoteMeta(want)+"[0-9]+").ReplaceAllString(script, fmt.Sprint(want, info.Size()))
	}
	cmd := exec.Command("sh", "-ec", script)
	cmd.Dir = dir
	cmd.Env = []string{"HOME=" + dir, "PATH=" + filepath.Dir(binary) + ":" + os.Getenv("PATH")}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, name := range []string{"part-a.csv", "part-b.csv", contract.ManifestName} {
		if _, err := os.Stat(filepath.Join(dir, "out", name)); err != nil {
			t.Error(err)
		}
	}
}
