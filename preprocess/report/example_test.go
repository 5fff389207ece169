package report_test

import (
	"fmt"
	"math"

	"ds-pipeline/preprocess/frame"
	"ds-pipeline/preprocess/report"
)

// A run makes one Collector, each of its workers a Partial that it fills block
// by block, and the writer merges them.
func Example() {
	scaler := &report.Reference{
		Mean:   &report.Fact{Value: 50.1, Step: "num > StandardScaler"},
		StdDev: &report.Fact{Value: 10, Step: "num > StandardScaler"},
	}
	c := report.NewCollector(report.Config{
		Input:       []report.InputColumn{{Name: "age", Reference: scaler}},
		OutputNames: []string{"num__age"},
	})

	p := c.NewPartial()
	age := frame.Column{Kind: frame.Float, Floats: []float64{math.NaN()}}
	for i := range 100 {
		age.Floats = append(age.Floats, 61.2+float64(i%2*20-10))
	}
	if err := p.AddInput([]frame.Column{age}, 101, nil); err != nil {
		panic(err)
	}
	if err := c.Merge(p); err != nil {
		panic(err)
	}

	r := c.Report(report.Run{RowsIn: 101, RowsOut: 101})
	fmt.Println(r.Input[0].Present, "values,", r.Input[0].Missing, "missing")
	fmt.Println(r.Drift.Findings[0].Size, "drift:", r.Drift.Findings[0].Sentence)
	// Output:
	// 100 values, 1 missing
	// large drift: mean 61.2, was 50.1 at fit: +1.1 standard deviations
}
