// Package report tells people what was in a run's data: statistics of every
// input and output column, gathered in one pass and bounded memory, and how far
// the input has drifted from what the fitted model remembers.
//
//	Collector ──NewPartial──► Partial.AddInput, AddOutput   (each worker)
//	          ◄────Merge─────                                (one goroutine)
//	          ──Report(Run)──► Report ──WriteHTML, json.Marshal
//
// Personal data: the report has numbers about each column (among them the
// smallest and largest number) and the categories that the model itself knows.
// Other values of text columns are counted, but named only with
// Config.ShowValues.
package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"ds-pipeline/preprocess/frame"
)

// Report is all of it, ready for WriteHTML and for JSON.
type Report struct {
	Run   Run   `json:"run"`
	Drift Drift `json:"drift"`
	// Rows that the statistics are about: those that were used.
	Rows   int64    `json:"rows"`
	Input  []Column `json:"input"`
	Output []Column `json:"output"`
	// ValuesShown tells whether Config.ShowValues was set.
	ValuesShown bool `json:"values_shown"`
}

// Run is what the caller says about the run. Empty fields are not shown.
type Run struct {
	Period   string `json:"period,omitempty"`
	Input    string `json:"input,omitempty"`
	Model    string `json:"model,omitempty"`
	Output   string `json:"output,omitempty"`
	RowsIn   int64  `json:"rows_in"`
	RowsOut  int64  `json:"rows_out"`
	Rejected int64  `json:"rejected"`
	// Rejects is the name of the file of rejected records, beside the report.
	Rejects  string        `json:"rejects,omitempty"`
	Bytes    int64         `json:"bytes,omitempty"` // read
	Seconds  float64       `json:"seconds"`
	Finished time.Time     `json:"finished,omitzero"`
	Versions []NamedString `json:"versions,omitempty"`
	Warnings []string      `json:"warnings,omitempty"`
}

// NamedString is a line of the run's facts, such as a version or a checksum.
type NamedString struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Column is one column, or one run of indicator columns.
type Column struct {
	Name string `json:"name"`
	// Kind is number, whole number, true/false, text, indicators, or unknown
	// if there was no record.
	Kind    string `json:"kind"`
	Present int64  `json:"present"`
	Missing int64  `json:"missing"`

	Numbers    *Numbers        `json:"numbers,omitempty"`
	Categories *CategoryCounts `json:"categories,omitempty"`
	Indicators *Indicators     `json:"indicators,omitempty"`
	// CountsOnly: the table has too many columns to keep more of this one.
	CountsOnly bool `json:"counts_only,omitempty"`

	// Drift is the largest size of the column's findings; "" if the model
	// remembers nothing of it.
	Drift Size `json:"drift,omitempty"`

	reference *Reference
}

// Numbers are the statistics of a column of numbers. Infinities are counted,
// and take no part in the rest, which is absent if nothing else is there.
type Numbers struct {
	InfinityAbove int64 `json:"infinity_above,omitempty"`
	InfinityBelow int64 `json:"infinity_below,omitempty"`

	*Spread
}

// Spread is where numbers lie.
type Spread struct {
	// Mean and StdDev (divided by n, as in scikit-learn's scalers) are right to
	// about 13 digits of the largest value.
	Mean   float64 `json:"mean"`
	StdDev float64 `json:"std_dev"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
	// Quantiles are in the same bucket of a sketch as the exact ones.
	P05 float64 `json:"p05"`
	P25 float64 `json:"p25"`
	P50 float64 `json:"p50"`
	P75 float64 `json:"p75"`
	P95 float64 `json:"p95"`

	Histogram Histogram `json:"histogram"`
}

// Histogram counts numbers in equal bins. A few far values do not squeeze the
// rest into one bin: they are Below and Above. For Whole numbers the bins reach
// from half to half, so that none has more of them than another.
type Histogram struct {
	From   float64 `json:"from"`
	To     float64 `json:"to"`
	Counts []int64 `json:"counts"`
	Below  int64   `json:"below,omitempty"`
	Above  int64   `json:"above,omitempty"`
	Whole  bool    `json:"whole,omitempty"`
}

// CategoryCounts are the statistics of a column of categories.
type CategoryCounts struct {
	// Distinct categories; with More there are more than that.
	Distinct int  `json:"distinct"`
	More     bool `json:"more,omitempty"`
	// Unknown is how many records have a category that the model does not
	// know; absent if it remembers none.
	Unknown *int64 `json:"unknown,omitempty"`
	// Top are the most frequent categories that may be named. With More, their
	// counts may be too low by CountError.
	Top        []Count `json:"top,omitempty"`
	CountError int64   `json:"count_error,omitempty"`
	// Other is how many records have none of the categories in Top.
	Other int64 `json:"other"`
	// Hidden: there are categories that are not named because they may be
	// personal data.
	Hidden bool `json:"hidden,omitempty"`
}

// Indicators is a run of columns of which each record has 1 in one, or none.
type Indicators struct {
	Columns []Count `json:"columns"`
	// None is how many records have 0 in all of them.
	None int64 `json:"none"`
}

// Count is how often a category occurs.
type Count struct {
	Name  string `json:"name"`
	Count int64  `json:"count"`
}

const (
	histogramBins = 32
	topCategories = 12
	// quantileDigits: sketches know no more.
	quantileDigits = 6
)

// Report sums up what was collected and compares it with the references.
func (c *Collector) Report(run Run) *Report {
	r := &Report{Run: run, Rows: c.rows, ValuesShown: c.config.ShowValues}
	names := make([]string, len(c.config.Input))
	for i, in := range c.config.Input {
		names[i] = in.Name
	}
	r.Input = c.input.columns(names, c.config.ShowValues)
	for i := range r.Input {
		in := &r.Input[i]
		in.reference = c.config.Input[i].Reference
		if in.reference == nil || c.input.stats == nil {
			continue
		}
		if in.CountsOnly {
			r.Drift.NotCompared++
		}
		findings := compare(in.Name, in.reference, c.input.stats[i])
		if len(findings) > 0 {
			r.Drift.Compared++
			in.Drift = findings.worst()
			r.Drift.count(in.Drift)
			r.Drift.Findings = append(r.Drift.Findings, findings...)
		}
	}
	r.Drift.sort()
	r.Output = c.output.columns(c.config.OutputNames, c.config.ShowValues)
	return r
}

func (s *side) columns(names []string, showValues bool) []Column {
	list := make([]Column, 0, len(s.shapes))
	if s.stats == nil {
		for _, name := range names {
			list = append(list, Column{Name: name, Kind: "unknown"})
		}
		return list
	}
	for i, sh := range s.shapes {
		own := make([]string, sh.width)
		if n := copy(own, names); n < sh.width {
			for k := n; k < sh.width; k++ {
				own[k] = fmt.Sprintf("column %d", len(list)+k)
			}
		}
		names = names[min(len(names), sh.width):]
		name := ""
		if sh.width > 0 {
			name = own[0]
		}
		c := Column{Name: name, Kind: kindName(sh)}
		switch stats := s.stats[i].(type) {
		case *number:
			c.Present, c.Missing = stats.finite+stats.above+stats.below, stats.missing
			c.Numbers = stats.summary(sh.kind == frame.Int)
		case *follower:
			c.Present, c.Missing = stats.count()
			c.CountsOnly = stats.countsOnly
			if !c.CountsOnly {
				var ok bool
				c.Numbers, ok = stats.numbers(sh.kind == frame.Int)
				c.CountsOnly = !ok
			}
		case *texts:
			c.Present, c.Missing = stats.count, stats.missing
			c.Categories = stats.summary(showValues)
		case *booleans:
			c.Present, c.Missing = stats.counts[0]+stats.counts[1], stats.missing
			c.Categories = stats.summary()
		case *indicators:
			c.Name = groupName(own)
			c.Indicators = &Indicators{None: stats.none, Columns: make([]Count, sh.width)}
			c.Present = stats.none
			for k, ones := range stats.ones {
				c.Indicators.Columns[k] = Count{own[k], ones}
				c.Present += ones
			}
		case *counts:
			c.Present, c.Missing, c.CountsOnly = stats.present, stats.missing, true
			if sh.hot {
				c.Name = groupName(own)
			}
		}
		list = append(list, c)
	}
	return list
}

func kindName(sh shape) string {
	switch {
	case sh.hot:
		return "indicators"
	case sh.kind == frame.Int:
		return "whole number"
	case sh.kind == frame.Bool:
		return "true/false"
	case sh.kind == frame.Text:
		return "text"
	}
	return "number"
}

// groupName is what the names of a run of indicator columns have in common, up
// to the last underscore: "island_Biscoe", "island_Dream" are "island".
func groupName(names []string) string {
	if len(names) == 0 {
		return "(no columns)"
	}
	common := names[0]
	for _, name := range names[1:] {
		for !strings.HasPrefix(name, common) {
			common = common[:len(common)-1]
		}
	}
	if at := strings.LastIndexByte(common, '_'); at > 0 {
		return common[:at]
	}
	return names[0]
}

func (n *number) summary(whole bool) *Numbers {
	return &Numbers{InfinityAbove: n.above, InfinityBelow: n.below, Spread: n.view().summary(whole)}
}

func (v view) summary(whole bool) *Spread {
	if v.count == 0 {
		return nil
	}
	return &Spread{
		Mean: clamp(v.mean, v.low, v.high), StdDev: min(v.sd, v.high/2-v.low/2), // and no more than rounding allows

		Min: v.low + 0, Max: v.high + 0,
		P05: v.d.shown(0.05), P25: v.d.shown(0.25), P50: v.d.shown(0.5), P75: v.d.shown(0.75), P95: v.d.shown(0.95),
		Histogram: v.d.histogram(v.low, v.high, whole || v.d.isWhole()),
	}
}

// shown is a quantile without digits that mean nothing.
func (d distribution) shown(p float64) float64 {
	q := d.quantile(p)
	v, err := strconv.ParseFloat(strconv.FormatFloat(q, 'g', quantileDigits, 64), 64)
	if err != nil {
		return q
	}
	return clamp(v, d.buckets[0].low, d.buckets[len(d.buckets)-1].high) + 0
}

// isWhole tells whether all values are known to be whole numbers.
func (d distribution) isWhole() bool {
	for _, b := range d.buckets {
		if b.low != b.high || b.low != math.Trunc(b.low) {
			return false
		}
	}
	return true
}

// histogram leaves out what is further from the middle 90 % than their width.
func (d distribution) histogram(low, high float64, whole bool) Histogram {
	p05, p95 := d.quantile(0.05), d.quantile(0.95)
	h := Histogram{From: low, To: high}
	if width := p95 - p05; width > 0 && !math.IsInf(width, 0) {
		h.From, h.To = max(low, p05-width), min(high, p95+width)
	}
	bins := histogramBins
	if whole && math.Abs(low) < 1<<52 && math.Abs(high) < 1<<52 {
		h.Whole = true
		h.From, h.To = math.Ceil(h.From)-0.5, math.Floor(h.To)+0.5
		step := math.Ceil((h.To - h.From) / float64(bins))
		bins = int(math.Ceil((h.To - h.From) / step))
		h.To = h.From + step*float64(bins)
	} else if n := len(d.buckets); n < bins {
		bins = max(n, 8)
	}
	span := h.To - h.From
	if !(span > 0) || math.IsInf(span, 0) {
		h.Counts = []int64{d.count}
		return h
	}
	// Rounding the counts up to each edge, not those between, keeps the sum.
	before := int64(0)
	if h.From > low {
		before = int64(math.Round(d.below(h.From)))
		h.Below = before
	}
	h.Counts = make([]int64, bins)
	for i := range h.Counts {
		upTo := d.count
		switch edge := h.From + span*float64(i+1)/float64(bins); {
		case i < bins-1:
			upTo = max(int64(math.Round(d.below(edge))), before)
		case h.To < high:
			upTo = max(int64(math.Round(d.below(math.Nextafter(h.To, math.Inf(1))))), before)
			h.Above = d.count - upTo
		}
		h.Counts[i] = upTo - before
		before = upTo
	}
	return h
}

func (t *texts) summary(showValues bool) *CategoryCounts {
	ranked := t.ranked()
	c := &CategoryCounts{Distinct: len(ranked), More: t.more, CountError: t.lost}
	if t.more {
		c.Distinct = t.limit
	}
	if t.known != nil {
		unknown := t.unknown
		c.Unknown = &unknown
	}
	named := int64(0)
	for i := range ranked {
		e := &ranked[i]
		if !showValues && (t.known == nil || e.unknown) {
			c.Hidden = true
			continue
		}
		// A count that may be mostly chance says nothing.
		if len(c.Top) == topCategories || t.more && e.count*200 < t.count {
			continue
		}
		name := strings.ToValidUTF8(string(t.shown(e)), "\uFFFD")
		if e.size > maxShownBytes {
			name += "…"
		}
		c.Top = append(c.Top, Count{name, e.count})
		named += e.count
	}
	c.Hidden = c.Hidden || t.more && !showValues
	c.Other = t.count - named
	return c
}

func (b *booleans) summary() *CategoryCounts {
	c := &CategoryCounts{}
	for i, name := range []string{"False", "True"} {
		if b.counts[i] > 0 {
			c.Distinct++
		}
		c.Top = append(c.Top, Count{name, b.counts[i]})
	}
	return c
}

// Total is how many records the column has.
func (c Column) Total() int64 { return c.Present + c.Missing }
