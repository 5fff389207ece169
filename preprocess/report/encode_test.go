package report

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"ds-pipeline/preprocess/frame"
)

// codedConfig has references of every kind, and an output that follows.
func codedConfig() Config {
	inputs := append([]InputColumn{}, batchInputs[:5]...)
	inputs[0].Reference = &Reference{
		Mean: &Fact{Value: 0.5}, StdDev: &Fact{Value: 1}, Min: &Fact{Value: -1}, Max: &Fact{Value: 1},
		Bins: &Bins{Edges: []float64{-2, -1, 0, 1, 2}, Below: even(4)},
	}
	inputs[2].Reference = &Reference{Categories: &Categories{Numbers: []float64{1, 2, 3}}}
	inputs[4].Reference = &Reference{Categories: &Categories{Texts: []string{"1", "2"}}}
	follows := make([]*frame.Follow, 6)
	follows[0] = &frame.Follow{Input: 0, Slope: -2, Map: func(v float64) float64 { return 3 - 2*v }}
	return Config{Input: inputs, OutputNames: batchOutputs, Follows: follows, ShowValues: true, Portable: true}
}

func addAll(t testing.TB, c *Collector, batch []frame.Column, rows int) {
	t.Helper()
	p := c.NewPartial()
	if err := p.AddInput(batch[:5], rows, nil); err != nil {
		t.Fatal(err)
	}
	if err := p.AddOutput(batch, rows, nil); err != nil {
		t.Fatal(err)
	}
	if err := c.Merge(p); err != nil {
		t.Fatal(err)
	}
}

func encoded(t testing.TB, c *Collector) []byte {
	t.Helper()
	text, err := c.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// However the records are split, and in whatever order what was written down is
// read, the report is that of all of them, and so is what is written down of it.
func TestEncode_isAsGoodAsTheRecords(t *testing.T) {
	for seed := range uint64(30) {
		random := rand.New(rand.NewPCG(seed, 1))
		whole := NewCollector(codedConfig())
		var texts [][]byte
		for range random.IntN(6) {
			part, rows := NewCollector(codedConfig()), random.IntN(900)
			batch := randomBatch(random, rows)
			for i := range rows {
				switch random.IntN(20) {
				case 0:
					batch[0].Floats[i] = math.Ldexp(random.NormFloat64(), random.IntN(600)-300)
				case 1:
					batch[0].Floats[i] = []float64{0, math.Copysign(0, -1), 5e-324, -math.MaxFloat64, math.Inf(-1)}[random.IntN(5)]
				case 2:
					batch[4].Texts[i] = []byte(strings.Repeat("x", maxShownBytes-2+random.IntN(3)) + fmt.Sprint(random.IntN(3))) // all of it is kept, or not
				case 3:
					batch[4].Texts[i] = []byte{}
				}
			}
			addAll(t, whole, batch, rows)
			addAll(t, part, batch, rows)
			texts = append(texts, encoded(t, part))
		}
		texts = append(texts, encoded(t, NewCollector(codedConfig()))) // of no records
		random.Shuffle(len(texts), func(a, b int) { texts[a], texts[b] = texts[b], texts[a] })
		merged := NewCollector(codedConfig())
		for _, text := range texts {
			p, err := merged.DecodePartial(text)
			if err != nil {
				t.Fatal(err)
			}
			if err := merged.Merge(p); err != nil {
				t.Fatal(err)
			}
		}
		if got, want := merged.Report(Run{}), whole.Report(Run{}); !reflect.DeepEqual(got, want) {
			t.Fatalf("seed %d: the report differs:\n%+v\nwant\n%+v", seed, got, want)
		}
		if got, want := encoded(t, merged), encoded(t, whole); !bytes.Equal(got, want) {
			t.Fatalf("seed %d: what is written down differs", seed)
		}
	}
}

// The hash of a process is no other's, and neither are the places of its entries.
func TestEncode_doesNotDependOnTheHash(t *testing.T) {
	batch := randomBatch(rand.New(rand.NewPCG(1, 1)), 500)
	batch[4].Texts[7] = []byte(strings.Repeat("y", 100))
	text := func() []byte {
		c := NewCollector(codedConfig())
		addAll(t, c, batch, 500)
		return encoded(t, c)
	}
	want, before := text(), salt
	defer func() { salt = before }()
	salt = [2]uint64{1, 2}
	if !bytes.Equal(text(), want) {
		t.Error("with another hash, other bytes")
	}
}

func TestEncode_wantsPortable(t *testing.T) {
	if _, err := NewCollector(Config{}).Encode(); err == nil || !strings.Contains(err.Error(), "not Portable") {
		t.Errorf("error %v", err)
	}
}

func TestDecodePartial_refusesOthers(t *testing.T) {
	c := NewCollector(codedConfig())
	addAll(t, c, randomBatch(rand.New(rand.NewPCG(1, 1)), 50), 50)
	text := encoded(t, c)
	other := codedConfig()
	other.OutputNames = append(slices.Clone(other.OutputNames), "z")
	fewer := codedConfig()
	fewer.Input = fewer.Input[1:]
	for _, tt := range []struct {
		name  string
		c     *Collector
		text  []byte
		wants string
	}{
		{"other outputs", NewCollector(other), text, "columns, want 11"},
		{"fewer inputs", NewCollector(fewer), text, "columns, want 4"},
		{"another version", c, bytes.Replace(text, []byte("/1\n"), []byte("/2\n"), 1), "start with"},
		{"more", c, append(bytes.Clone(text), 0), "1 bytes follow"},
		{"too much", c, make([]byte, MaxEncodedBytes+1), "at most"},
		{"nothing", c, nil, "start with"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := tt.c.DecodePartial(tt.text); err == nil || !strings.Contains(err.Error(), tt.wants) {
				t.Errorf("error %v, want %q", err, tt.wants)
			}
		})
	}
	for n := range text {
		if _, err := c.DecodePartial(text[:n]); err == nil {
			t.Fatalf("the first %d of %d bytes were taken", n, len(text))
		}
	}
}

// Whatever is read, it is refused, or becomes a report; and what is written of it
// says the same.
func FuzzDecodePartial(f *testing.F) {
	for rows := range 4 {
		c := NewCollector(codedConfig())
		addAll(f, c, randomBatch(rand.New(rand.NewPCG(uint64(rows), 3)), rows*rows*4), rows*rows*4)
		f.Add(encoded(f, c))
	}
	f.Add(encoded(f, NewCollector(codedConfig())))
	f.Add([]byte(encodedAs))
	f.Fuzz(func(t *testing.T, text []byte) {
		c := NewCollector(codedConfig())
		p, err := c.DecodePartial(text)
		if err != nil {
			return
		}
		addAll(t, c, randomBatch(rand.New(rand.NewPCG(1, 3)), 5), 5)
		if err := c.Merge(p); err != nil {
			return // its columns are of other kinds
		}
		r := c.Report(Run{})
		if err := WriteHTML(io.Discard, r); err != nil {
			t.Fatal(err)
		}
		again := NewCollector(codedConfig())
		if p, err = again.DecodePartial(encoded(t, c)); err != nil {
			t.Fatal(err)
		}
		if err := again.Merge(p); err != nil {
			t.Fatal(err)
		}
		if got := again.Report(Run{}); !reflect.DeepEqual(got, r) {
			t.Fatalf("%+v\nwant\n%+v", got, r)
		}
	})
}
