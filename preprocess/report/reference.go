package report

import (
	"math"
	"slices"

	"ds-pipeline/preprocess/frame"
)

// What a fitted model remembers of an input column.
type (
	Reference     = frame.Reference
	Fact          = frame.Fact
	QuantileRange = frame.QuantileRange
	Bins          = frame.Bins
	Categories    = frame.Categories
)

// numbersOf is what has to be counted record by record in a column of numbers.
func numbersOf(r *Reference) *numberReference {
	if r == nil || r.Min == nil && r.Max == nil && r.Bins == nil && (r.Categories == nil || r.Categories.Numbers == nil) {
		return nil
	}
	k := &numberReference{min: math.NaN(), max: math.NaN()}
	if r.Min != nil {
		k.min = r.Min.Value
	}
	if r.Max != nil {
		k.max = r.Max.Value
	}
	if r.Bins != nil && len(r.Bins.Edges) > 2 {
		k.inner = r.Bins.Edges[1 : len(r.Bins.Edges)-1]
	}
	if r.Categories != nil && r.Categories.Numbers != nil {
		k.narrow = r.Categories.Narrow
		k.categories = slices.DeleteFunc(slices.Clone(r.Categories.Numbers), math.IsNaN)
		slices.Sort(k.categories)
	}
	return k
}

// textsOf is the set of known texts, nil if there is none.
func textsOf(r *Reference) map[string]struct{} {
	if r == nil || r.Categories == nil || r.Categories.Texts == nil {
		return nil
	}
	set := make(map[string]struct{}, len(r.Categories.Texts))
	for _, text := range r.Categories.Texts {
		set[text] = struct{}{}
	}
	return set
}

// stepOf names a step that saw values of the column, "" if there is none.
func stepOf(r *Reference) string {
	for _, f := range []*Fact{r.Mean, r.StdDev, r.Median, r.Min, r.Max} {
		if f != nil {
			return f.Step
		}
	}
	switch {
	case r.Range != nil:
		return r.Range.Step
	case r.Bins != nil:
		return r.Bins.Step
	case r.Categories != nil:
		return r.Categories.Step
	}
	return ""
}
