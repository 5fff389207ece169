package report

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"

	"ds-pipeline/preprocess/frame"
)

// randomBatch has a column of every kind.
func randomBatch(random *rand.Rand, rows int) []frame.Column {
	batch := []frame.Column{{Kind: frame.Float}, {Kind: frame.Float32}, {Kind: frame.Int}, {Kind: frame.Bool}, {Kind: frame.Text}, {Kind: frame.Int, Width: 5, Hot: []int32{}}}
	for range rows {
		batch[0].Floats = append(batch[0].Floats, []float64{random.NormFloat64(), math.NaN(), math.Inf(1)}[random.IntN(20)/18*random.IntN(3)])
		batch[1].Floats = append(batch[1].Floats, float64(float32(random.ExpFloat64())))
		batch[2].Ints = append(batch[2].Ints, random.Int64N(2000)-1000)
		batch[3].Ints = append(batch[3].Ints, random.Int64N(3)-1)
		var text []byte
		if n := random.IntN(12); n > 0 {
			text = fmt.Append([]byte{}, n)
		}
		batch[4].Texts = append(batch[4].Texts, text)
		batch[5].Hot = append(batch[5].Hot, random.Int32N(6)-1)
	}
	return batch
}

var batchInputs = []InputColumn{{Name: "f", Reference: &Reference{Mean: &Fact{Value: 0.5}, StdDev: &Fact{Value: 1}}}, {Name: "f32"}, {Name: "i"}, {Name: "b"}, {Name: "t"}, {Name: "g"}}

var batchOutputs = []string{"f", "f32", "i", "b", "t", "g_1", "g_2", "g_3", "g_4", "g_5"}

func TestCollector_doesNotDependOnWorkersOrBlocks(t *testing.T) {
	const rows, batchRows = 40_000, 100
	random := rand.New(rand.NewPCG(1, 2))
	var batches [][]frame.Column
	for range rows / batchRows {
		batches = append(batches, randomBatch(random, batchRows))
	}
	run := func(workers, batchesPerBlock int) *Report {
		c := NewCollector(Config{Input: batchInputs, OutputNames: batchOutputs, ShowValues: true})
		var group sync.WaitGroup
		var mutex sync.Mutex
		for w := range workers {
			group.Go(func() {
				p := c.NewPartial()
				inBlock := 0
				for i := w; i < len(batches); i += workers {
					if err := p.AddInput(batches[i], batchRows, nil); err != nil {
						t.Error(err)
					}
					if err := p.AddOutput(batches[i], batchRows, nil); err != nil {
						t.Error(err)
					}
					if inBlock++; inBlock == batchesPerBlock || i+workers >= len(batches) {
						mutex.Lock()
						if err := c.Merge(p); err != nil {
							t.Error(err)
						}
						mutex.Unlock()
						inBlock = 0
					}
				}
			})
		}
		group.Wait()
		return c.Report(Run{})
	}
	want := run(1, len(batches))
	if want.Rows != rows {
		t.Fatalf("got %d rows, want %d", want.Rows, rows)
	}
	for _, workers := range []int{1, 2, 7} {
		if got := run(workers, 1+workers); !reflect.DeepEqual(got, want) {
			t.Errorf("the report of %d workers differs from that of one", workers)
		}
	}
}

func TestCollector_leavesSkippedRowsOut(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	batch := randomBatch(random, 200)
	// The second half is skipped, so it may be anything.
	skip := make([]bool, 200)
	for i := 100; i < 200; i++ {
		skip[i] = true
		batch[0].Floats[i], batch[1].Floats[i], batch[2].Ints[i], batch[3].Ints[i], batch[4].Texts[i], batch[5].Hot[i] = 1e9, math.NaN(), 1e9, 1, []byte("no"), 4
	}
	collect := func(rows int, skip []bool) *Report {
		c := NewCollector(Config{Input: batchInputs, OutputNames: batchOutputs, ShowValues: true})
		p := c.NewPartial()
		if err := p.AddInput(batch, rows, skip); err != nil {
			t.Fatal(err)
		}
		if err := p.AddOutput(batch, rows, skip); err != nil {
			t.Fatal(err)
		}
		if err := c.Merge(p); err != nil {
			t.Fatal(err)
		}
		return c.Report(Run{})
	}
	if got, want := collect(200, skip), collect(100, nil); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func TestCollector_namesTheOutputsOfIndicators(t *testing.T) {
	c := NewCollector(Config{OutputNames: []string{"a", "kind_x_1", "kind_x_2", "kind_y", "z"}})
	p := c.NewPartial()
	if err := p.AddOutput([]frame.Column{{Floats: []float64{1, 2}}, {Width: 3, Hot: []int32{2, -1}}, {Kind: frame.Bool, Ints: []int64{0, -1}}}, 2, nil); err != nil {
		t.Fatal(err)
	}
	if err := c.Merge(p); err != nil {
		t.Fatal(err)
	}
	out := c.Report(Run{}).Output
	if out[1].Name != "kind" || out[2].Name != "z" || out[2].Missing != 1 {
		t.Errorf("got %q and %q with %d missing", out[1].Name, out[2].Name, out[2].Missing)
	}
	if want := (&Indicators{None: 1, Columns: []Count{{"kind_x_1", 0}, {"kind_x_2", 0}, {"kind_y", 1}}}); !reflect.DeepEqual(out[1].Indicators, want) {
		t.Errorf("got %+v, want %+v", out[1].Indicators, want)
	}
}

func TestPartial_refusesOtherColumns(t *testing.T) {
	c := NewCollector(Config{Input: []InputColumn{{Name: "a"}}})
	one := []frame.Column{{Floats: []float64{1}}}
	tests := []struct {
		name  string
		add   func(*Partial) error
		wants string
	}{
		{"too many", func(p *Partial) error { return p.AddInput(append(one, one...), 1, nil) }, "statistics of the input: got 2 columns, want 1"},
		{"another kind", func(p *Partial) error { return p.AddInput([]frame.Column{{Kind: frame.Int, Ints: []int64{1}}}, 1, nil) }, "statistics of the input: column 0: its kind or width is not that of the first batch"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := c.NewPartial()
			if err := p.AddInput(one, 1, nil); err != nil {
				t.Fatal(err)
			}
			if err := tt.add(p); err == nil || err.Error() != tt.wants {
				t.Errorf("got %v, want %s", err, tt.wants)
			}
		})
	}
	a, b := c.NewPartial(), c.NewPartial()
	if err := a.AddInput(one, 1, nil); err != nil {
		t.Fatal(err)
	}
	if err := b.AddInput([]frame.Column{{Kind: frame.Text, Texts: [][]byte{nil}}}, 1, nil); err != nil {
		t.Fatal(err)
	}
	if err := c.Merge(a); err != nil {
		t.Fatal(err)
	}
	if err := c.Merge(b); err == nil {
		t.Error("parts of different kinds were merged")
	}
}

func TestPartial_makesNoGarbage(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	batch := randomBatch(random, 1000)
	skip := make([]bool, 1000)
	skip[7] = true
	c := NewCollector(Config{Input: batchInputs, OutputNames: batchOutputs})
	p := c.NewPartial()
	block := func() {
		if p.AddInput(batch, 1000, skip) != nil || p.AddOutput(batch, 1000, nil) != nil || c.Merge(p) != nil {
			t.Fatal("refused")
		}
	}
	block()
	if n := testing.AllocsPerRun(20, block); n > float64(2*len(batch)) { // shapes of batches
		t.Errorf("got %v allocations for a block of 1000 records, want none that grow with them", n)
	}
}

func TestPartial_resetForgets(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	c := NewCollector(Config{Input: batchInputs, OutputNames: batchOutputs})
	p := c.NewPartial()
	if err := p.AddInput(randomBatch(random, 1000), 1000, nil); err != nil {
		t.Fatal(err)
	}
	p.Reset()
	if err := c.Merge(p); err != nil {
		t.Fatal(err)
	}
	r := c.Report(Run{})
	for _, in := range r.Input {
		if in.Total() != 0 || r.Rows != 0 {
			t.Errorf("%s: got %d records of %d, want 0", in.Name, in.Total(), r.Rows)
		}
	}
}

// TestCollector_memoryIsBounded has far more columns than get detail.
func TestCollector_memoryIsBounded(t *testing.T) {
	const columns, rows = 6000, 16
	random := rand.New(rand.NewPCG(1, 2))
	batch := make([]frame.Column, columns)
	names := make([]string, columns)
	for i := range batch {
		names[i] = fmt.Sprintf("column %d", i)
		if i%2 == 0 {
			batch[i].Kind = frame.Text
		}
		for range rows {
			batch[i].Floats = append(batch[i].Floats, random.NormFloat64())
			batch[i].Texts = append(batch[i].Texts, fmt.Appendf(nil, "%x%s", random.Uint64(), strings.Repeat("x", 100)))
		}
	}
	inUse := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	c := NewCollector(Config{OutputNames: names})
	p := c.NewPartial()
	before := inUse()
	for range 100 {
		for i := 0; i < columns; i += 2 {
			for _, text := range batch[i].Texts {
				text[random.IntN(16)] = 'a' + byte(random.IntN(26))
			}
		}
		if err := p.AddOutput(batch, rows, nil); err != nil {
			t.Fatal(err)
		}
		if err := c.Merge(p); err != nil {
			t.Fatal(err)
		}
	}
	used := int64(inUse() - before)
	limit := int64(2 * (2*defaultPartialBytes + defaultDetailedColumns*1024 + columns*128))
	if used > limit {
		t.Errorf("a Collector and a Partial take %d bytes, want at most %d", used, limit)
	}
	t.Logf("a Collector and a Partial of %d columns take %d KiB", columns, used/1024)
	out := c.Report(Run{}).Output
	if out[499].CountsOnly || !out[500].CountsOnly || out[500].Present != 100*rows {
		t.Errorf("column 500 should be the first with counts only; got %+v, %+v", out[499], out[500])
	}
	runtime.KeepAlive(p)
	runtime.KeepAlive(batch)
}

func TestCollector_prefersColumnsThatCanBeCompared(t *testing.T) {
	known := &Reference{Mean: fact(0), StdDev: fact(1)}
	c := NewCollector(Config{DetailedColumns: 2, Input: []InputColumn{{Name: "a"}, {"b", known}, {Name: "c"}, {"d", known}, {"e", known}}})
	p := c.NewPartial()
	batch := make([]frame.Column, 5)
	for i := range batch {
		batch[i].Floats = []float64{1, math.NaN()}
	}
	if err := p.AddInput(batch, 2, nil); err != nil {
		t.Fatal(err)
	}
	if err := c.Merge(p); err != nil {
		t.Fatal(err)
	}
	r := c.Report(Run{})
	for i, countsOnly := range []bool{true, false, true, false, true} {
		if in := r.Input[i]; in.CountsOnly != countsOnly || in.Present != 1 || in.Missing != 1 {
			t.Errorf("%s: got %+v", in.Name, in)
		}
	}
	if r.Drift.Compared != 2 || r.Drift.NotCompared != 1 {
		t.Errorf("got %d compared and %d not, want 2 and 1", r.Drift.Compared, r.Drift.NotCompared)
	}
}

func TestReport_marshalsToJSON(t *testing.T) {
	for name, r := range map[string]*Report{
		"sample": sampleReport(t, false),
		"empty":  NewCollector(Config{Input: batchInputs}).Report(Run{}),
	} {
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var back map[string]any
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"run", "drift", "rows", "input", "output"} {
			if _, ok := back[key]; !ok {
				t.Errorf("%s: no %q", name, key)
			}
		}
		if strings.Contains(string(text), "heat pump") {
			t.Errorf("%s: names a value that the model does not know", name)
		}
	}
}
