package report

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"ds-pipeline/preprocess/frame"
)

func BenchmarkPartial_addNumbers(b *testing.B) {
	const rows, columns = 1000, 10
	random := rand.New(rand.NewPCG(1, 2))
	for _, kind := range []string{"normal", "whole", "gaps", "zeros"} {
		b.Run(kind, func(b *testing.B) {
			var batches [][]frame.Column
			for range 8 {
				batch := make([]frame.Column, columns)
				for i := range batch {
					for range rows {
						v := random.NormFloat64()
						switch kind {
						case "whole":
							v = float64(random.IntN(100))
						case "gaps":
							if random.IntN(10) == 0 {
								v = nan
							}
						case "zeros":
							if random.IntN(2) == 0 {
								v = 0
							}
						}
						batch[i].Floats = append(batch[i].Floats, v)
					}
				}
				batches = append(batches, batch)
			}
			c := NewCollector(Config{OutputNames: make([]string, columns)})
			p := c.NewPartial()
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				for k := range 4 { // a block is some batches
					if err := p.AddOutput(batches[(i*4+k)%8], rows, nil); err != nil {
						b.Fatal(err)
					}
				}
				if err := c.Merge(p); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*4*rows*columns), "ns/cell")
		})
	}
}

func BenchmarkPartial_addTexts(b *testing.B) {
	const rows = 1000
	random := rand.New(rand.NewPCG(1, 2))
	for _, distinct := range []int{5, 300, 1_000_000} {
		b.Run(fmt.Sprint(distinct), func(b *testing.B) {
			column := frame.Column{Kind: frame.Text}
			for range 16 * rows {
				column.Texts = append(column.Texts, fmt.Appendf(nil, "category %d", random.IntN(distinct)))
			}
			c := NewCollector(Config{OutputNames: []string{""}})
			p := c.NewPartial()
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				part := frame.Column{Kind: frame.Text, Texts: column.Texts[i%16*rows:][:rows]}
				if err := p.AddOutput([]frame.Column{part}, rows, nil); err != nil {
					b.Fatal(err)
				}
				if err := c.Merge(p); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*rows), "ns/cell")
		})
	}
}

func BenchmarkPartial_addIndicators(b *testing.B) {
	const rows = 1000
	column := frame.Column{Width: 2000}
	for i := range rows {
		column.Hot = append(column.Hot, int32(i*7%2000))
	}
	c := NewCollector(Config{OutputNames: make([]string, 2000)})
	p := c.NewPartial()
	b.ReportAllocs()
	for b.Loop() {
		if err := p.AddOutput([]frame.Column{column}, rows, nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*rows), "ns/cell")
}
