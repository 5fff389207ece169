package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Size says how much something has changed since the model was fitted.
type Size string

// Sizes.
const (
	None  Size = "none"
	Small Size = "small"
	Large Size = "large"
)

func (s Size) rank() int { return slices.Index([]Size{None, Small, Large}, s) }

// Limits from which on a difference is small or large. They hold for the part
// of it that chance cannot explain: each measure is taken at the end of its
// 99.9 % interval that is nearer to no difference, so a handful of records is
// never flagged for what a handful of records does.
//
//   - SmallShift, LargeShift: of a mean or median, in standard deviations at fit.
//     Cohen's d: 0.2 is a small effect and 0.5 one that the naked eye sees
//     (J. Cohen, Statistical power analysis for the behavioral sciences, 2nd
//     edition, 1988; A power primer, 1992).
//   - SmallVarianceRatio, LargeVarianceRatio, or one over them: of variances
//     (D. B. Rubin, Using propensity scores to help design observational studies,
//     2001: 4/5 to 5/4 is close, beyond 1/2 or 2 is far).
//   - SmallH, LargeH: of shares that should be 0, as Cohen's
//     h = 2*asin(sqrt(share)) - 2*asin(sqrt(expected)) (1988, chapter 6). Where
//     nothing is expected they are 1.0 % and 6.1 %.
//   - SmallPSI, LargePSI: of shares per bin, the population stability index
//     sum((p-q) * ln(p/q)) (N. Siddiqi, Credit risk scorecards, 2006). Without
//     drift, n*PSI is distributed as chi-squared with bins-1 degrees of freedom
//     (B. Yurdakul and J. Naranjo, Statistical properties of the population
//     stability index, 2020); its 99.9 % quantile is taken off.
const (
	SmallShift         = 0.2
	LargeShift         = 0.5
	SmallVarianceRatio = 1.25
	LargeVarianceRatio = 2
	SmallH             = 0.2
	LargeH             = 0.5
	SmallPSI           = 0.1
	LargePSI           = 0.25

	// deviates is how many standard errors a 99.9 % interval reaches each way.
	deviates = 3.2905
	// oneSided is the same for an interval that is open on one side.
	oneSided = 3.0902
	// fewestRows is the fewest records whose mean, median or spread is judged:
	// with less, errors are far from normally distributed.
	fewestRows = 30
	// heaviest is the kurtosis that a column may have had at fit: the log-normal
	// distribution's with sigma 1 is 114, the normal's 3.
	heaviest = 100
	// unseen/n is the largest share of values of which n records have none once
	// in a thousand times.
	unseen = 6.91
)

// Drift is how the input differs from what the model remembers.
type Drift struct {
	Compared int `json:"compared"` // input columns of which the model remembers something
	// NotCompared are columns of which the model remembers something and of
	// which only counts were kept.
	NotCompared int `json:"not_compared,omitempty"`

	Small int `json:"small"` // columns whose largest difference is small
	Large int `json:"large"` // columns whose largest difference is large
	// Findings, one for each column and measure, largest first.
	Findings []Finding `json:"findings"`
}

// Finding is one measure of one column.
type Finding struct {
	Column  string `json:"column"`
	Measure string `json:"measure"` // mean, spread, median, range, bins, categories, missing
	Size    Size   `json:"size"`
	// Effect is the measure: standard deviations of a mean or median, ratio of
	// a spread, share of records outside the range, unknown or missing, PSI of
	// bins. It is absent where it is not finite.
	Effect *float64 `json:"effect,omitempty"`
	// Sure is the part of the shift, of Cohen's h, of the PSI or of the variance
	// ratio that chance does not explain. Size is decided by it.
	Sure float64 `json:"sure"`
	// Step is the step of the model that remembers.
	Step     string `json:"step"`
	Sentence string `json:"sentence"`
}

type findings []Finding

func (f findings) worst() Size {
	return slices.MaxFunc(f, func(a, b Finding) int { return cmp.Compare(a.Size.rank(), b.Size.rank()) }).Size
}

func (d *Drift) count(s Size) {
	switch s {
	case Small:
		d.Small++
	case Large:
		d.Large++
	}
}

// sort puts the largest first and keeps columns in order otherwise.
func (d *Drift) sort() {
	slices.SortStableFunc(d.Findings, func(a, b Finding) int { return cmp.Compare(b.Size.rank(), a.Size.rank()) })
}

// comparison compares one column with its reference.
type comparison struct {
	column    string
	reference *Reference
	found     findings
}

func compare(column string, r *Reference, stats column) findings {
	c := &comparison{column: column, reference: r}
	switch stats := stats.(type) {
	case *number:
		c.numbers(stats)
		c.missing(stats.missing, stats.finite+stats.above+stats.below)
	case *texts:
		if r.Categories != nil && r.Categories.Texts != nil && !r.Categories.Open {
			c.categories(stats.unknown, stats.count)
		}
		c.missing(stats.missing, stats.count)
	case *booleans:
		c.booleans(stats)
		c.missing(stats.missing, stats.counts[0]+stats.counts[1])
	case *counts:
		c.missing(stats.missing, stats.present)
	}
	return c.found
}

func size(sure, small, large float64) Size {
	switch {
	case sure >= large:
		return Large
	case sure >= small:
		return Small
	}
	return None
}

func (c *comparison) add(f Finding, effect float64) {
	f.Column = c.column
	if !math.IsNaN(effect) && !math.IsInf(effect, 0) {
		f.Effect = &effect
	}
	if math.IsNaN(f.Sure) || math.IsInf(f.Sure, 0) {
		f.Sure = math.Copysign(math.MaxFloat64, f.Sure)
	}
	c.found = append(c.found, f)
}

// views returns the column as it is, and with missing values filled.
func (c *comparison) views(n *number) func(afterFill bool) view {
	plain := n.view()
	fill := c.reference.Fill
	if fill == nil || n.missing == 0 {
		return func(bool) view { return plain }
	}
	filled := plain.with(fill.Value, n.missing)
	return func(afterFill bool) view {
		if afterFill {
			return filled
		}
		return plain
	}
}

func (c *comparison) numbers(n *number) {
	r := c.reference
	if n.finite == 0 {
		return
	}
	seen := c.views(n)
	if r.Mean != nil {
		c.mean(seen(r.Mean.AfterFill))
	}
	if r.StdDev != nil {
		c.spread(seen(r.StdDev.AfterFill))
	}
	if r.Median != nil {
		c.median(seen(r.Median.AfterFill))
	}
	if r.Range != nil {
		c.quantileRange(seen(r.Range.AfterFill))
	}
	if r.Min != nil || r.Max != nil {
		c.limits(n)
	}
	if r.Bins != nil && r.Bins.Below != nil && len(r.Bins.Edges) > 2 {
		c.bins(n)
	}
	if r.Categories != nil && r.Categories.Numbers != nil && !r.Categories.Open {
		c.categories(n.counted.unknown, n.finite+n.above+n.below)
	}
}

// perRow is 1/n plus, where it is known, 1/n of the fit: the variance of a
// difference of means, in units of the variance.
func (c *comparison) perRow(n float64) float64 {
	if c.reference.Rows > 0 {
		return 1/n + 1/float64(c.reference.Rows)
	}
	return 1 / n
}

// mean: shift = (mean - mean at fit) / standard deviation at fit. Its standard
// error takes the larger of the two standard deviations.
func (c *comparison) mean(now view) {
	was := c.reference.Mean
	unit, of := now.sd, "of this input"
	if sd := c.reference.StdDev; sd != nil {
		unit, of = sd.Value, ""
	}
	difference := now.mean - was.Value
	if math.Abs(difference) <= 1e-9*math.Abs(was.Value) {
		difference = 0 // within rounding
	}
	shift := ratio(difference, unit)
	e := max(unit, now.sd) * math.Sqrt(c.perRow(float64(now.count)))
	sure := ratio(max(0, math.Abs(difference)-deviates*e), unit)
	if now.count < fewestRows {
		sure = 0
	}
	f := Finding{Measure: "mean", Size: size(sure, SmallShift, LargeShift), Sure: sure, Step: was.Step}
	f.Sentence = fmt.Sprintf("mean %s, was %s at fit: %s%s", figure(now.mean), figure(was.Value), shiftText(shift, of), chance(shift, sure))
	c.add(f, shift)
}

// ratio is a/b, 0 where a is.
func ratio(a, b float64) float64 {
	if a == 0 {
		return 0
	}
	return a / b
}

func shiftText(shift float64, of string) string {
	switch {
	case math.IsInf(shift, 0):
		return "changed, in a column that does not vary"
	case math.Abs(shift) < 0.05:
		return "unchanged"
	}
	unit := "standard deviations"
	if of != "" {
		unit += " " + of
	}
	return fmt.Sprintf("%s %s", signed(shift), unit)
}

// chance explains why a difference that looks relevant is not flagged.
func chance(shift, sure float64) string {
	if math.Abs(shift) >= SmallShift && sure < SmallShift {
		return " (too few records to tell it from chance)"
	}
	return ""
}

// spread: ratio = standard deviation / standard deviation at fit. The logarithm
// of the variance has the standard error sqrt((kurtosis-1)/n). A narrower column
// may lack its tail by chance: a share q of the values has at most a share
// sqrt(kurtosis*q) of the variance (Cauchy and Schwarz), which is given back.
func (c *comparison) spread(now view) {
	was := c.reference.StdDev
	if was.Value <= 0 {
		return // a column that did not vary has no spread to compare with
	}
	perRow := c.perRow(float64(now.count))
	log := 2 * math.Log(now.sd/was.Value)
	off := deviates * math.Sqrt((now.d.kurtosis(now.mean, now.sd)-1)*perRow)
	sure := log - off
	if log < 0 {
		share := now.sd / was.Value
		share *= share
		sure = -math.Log(share*math.Exp(min(off, 700)) + math.Sqrt(heaviest*unseen*perRow))
	}
	c.addRatio("spread", "standard deviation", now.sd, was.Value, was.Step, sure, float64(now.count))
}

// addRatio adds a finding on a spread. sure is the logarithm of the ratio of
// variances, or of one over it, as far as it is.
func (c *comparison) addRatio(measure, name string, now, was float64, step string, sure, count float64) {
	times := now / was
	logVariance := 2 * math.Log(times)
	if sure = max(0, sure); count < fewestRows {
		sure = 0
	}
	f := Finding{Measure: measure, Step: step, Size: size(sure, math.Log(SmallVarianceRatio), math.Log(LargeVarianceRatio))}
	f.Sure = math.Exp(min(sure, 700))
	var change string
	switch {
	case now == 0:
		change = "it no longer varies"
	case math.Abs(logVariance) < 0.05:
		change = "unchanged"
	case times > 1:
		change = fmt.Sprintf("%s times as wide", figure(times))
	default:
		change = fmt.Sprintf("%s\u00a0%% as wide", strconv.FormatFloat(100*times, 'f', 0, 64))
	}
	if f.Size == None && math.Abs(logVariance) >= math.Log(SmallVarianceRatio) {
		change += " (too few records to tell it from chance)"
	}
	f.Sentence = fmt.Sprintf("%s %s, was %s at fit: %s", name, figure(now), figure(was), change)
	c.add(f, times)
}

// kurtosis is the fourth central moment over the squared variance, at least the
// normal distribution's 3, as far as the buckets tell.
func (d distribution) kurtosis(mean, sd float64) float64 {
	if sd <= 0 {
		return 3
	}
	sum := 0.0
	for _, b := range d.buckets {
		z := (b.low/2 + b.high/2 - mean) / sd
		sum += float64(b.count) * z * z * z * z
	}
	k := sum / float64(d.count)
	if math.IsNaN(k) || math.IsInf(k, 0) {
		return 3
	}
	return max(k, 3)
}

// median: shift = (median - median at fit) / standard deviation at fit, which
// for a quantile range is that of the normal distribution with such a range.
// What is sure is the distance to the interval of the median: the values at
// ranks half a share deviates*sqrt(1/4n) to each side, whatever the distribution.
func (c *comparison) median(now view) {
	was := c.reference.Median
	unit, of := now.sd, "of this input"
	switch r := c.reference; {
	case r.Range != nil:
		unit, of = r.Range.Value/(normalQuantile(r.Range.High)-normalQuantile(r.Range.Low)), ""
	case r.StdDev != nil:
		unit, of = r.StdDev.Value, ""
	}
	median := now.d.quantile(0.5)
	shift := ratio(median-was.Value, unit)
	sure := 0.0
	if delta := deviates / 2 * math.Sqrt(c.perRow(float64(now.count))); delta < 0.5 && now.count >= fewestRows {
		low, high := now.d.quantile(0.5-delta), now.d.quantile(0.5+delta)
		sure = ratio(max(0, low-was.Value, was.Value-high), unit)
	}
	f := Finding{Measure: "median", Size: size(sure, SmallShift, LargeShift), Sure: sure, Step: was.Step}
	f.Sentence = fmt.Sprintf("median %s, was %s at fit: %s%s", figure(median), figure(was.Value), shiftText(shift, of), chance(shift, sure))
	c.add(f, shift)
}

// quantileRange: ratio of the distance of two quantiles to that at fit; squared,
// the ratio is judged as one of variances. What is sure comes from the intervals
// of both quantiles, whose ranks have the standard error sqrt(p*(1-p)/n).
func (c *comparison) quantileRange(now view) {
	was := c.reference.Range
	if was.Value <= 0 || was.Low >= was.High {
		return
	}
	rank := func(p float64) float64 { return deviates * math.Sqrt(p*(1-p)*c.perRow(float64(now.count))) }
	dLow, dHigh := rank(was.Low), rank(was.High)
	width := now.d.quantile(was.High) - now.d.quantile(was.Low)
	narrow := now.d.quantile(was.High-dHigh) - now.d.quantile(was.Low+dLow)
	wide := now.d.quantile(was.High+dHigh) - now.d.quantile(was.Low-dLow)

	log := func(w float64) float64 { return 2 * math.Log(max(w, 0)/was.Value) }
	off := math.Inf(1)
	switch {
	case was.Low-dLow < 0 || was.High+dHigh > 1: // the intervals have no end
	case log(width) > 0:
		off = log(width) - log(narrow)
	case width < was.Value:
		off = log(wide) - log(width)
	}
	if width == 0 && wide == 0 && !math.IsInf(off, 1) {
		off = 0 // not the difference of two infinities
	}
	name := fmt.Sprintf("range of the middle %s", percent(was.High-was.Low))
	c.addRatio("spread", name, width, was.Value, was.Step, math.Abs(log(width))-off, float64(now.count))
}

// limits: share of records outside what was seen at fit. Of records as at fit,
// few are outside: the share is above 9.23/rows once in a thousand (a gamma
// distribution of shape 2, for both ends). A number of rows that is not known
// counts as many.
func (c *comparison) limits(n *number) {
	r := c.reference
	step, expected := "", 0.0
	var parts []string
	part := func(count int64, limit *Fact, words string) {
		if limit == nil {
			return
		}
		step = limit.Step
		if count > 0 {
			parts = append(parts, fmt.Sprintf("%s %s %s", percent(float64(count)/float64(n.finite)), words, figure(limit.Value)))
		}
	}
	if r.Rows > 0 {
		expected = min(1, 9.23/float64(r.Rows))
	}
	part(n.counted.tooLow, r.Min, "of the values are below all values at fit, the limit being")
	part(n.counted.tooHigh, r.Max, "of the values are above all values at fit, the limit being")
	text := "all values are in the range seen at fit"
	if len(parts) > 0 {
		text = strings.Join(parts, "; ")
	}
	c.addShare("range", n.counted.tooLow+n.counted.tooHigh, n.finite+n.above+n.below, expected, step, text)
}

// addShare adds a finding on a share of records that should be no more than
// expected. What is sure of it is shareLow.
func (c *comparison) addShare(measure string, count, of int64, expected float64, step, text string) {
	if of == 0 {
		return
	}
	share := float64(count) / float64(of)
	sure := max(0, cohenH(shareLow(float64(count), float64(of)), expected))
	f := Finding{Measure: measure, Size: size(sure, SmallH, LargeH), Sure: sure, Step: step, Sentence: text}
	if f.Size == None && cohenH(share, expected) >= SmallH {
		f.Sentence += " (too few records to tell it from chance)"
	}
	c.add(f, share)
}

func cohenH(p, q float64) float64 { return 2*math.Asin(math.Sqrt(p)) - 2*math.Asin(math.Sqrt(q)) }

// shareLow is the lower end of the interval of C. J. Clopper and E. S. Pearson
// (The use of confidence or fiducial limits, 1934): with a smaller share than
// that, count or more of n are seen less than once in a thousand times. Many are
// as good as normally distributed (E. B. Wilson, Probable inference, 1927).
func shareLow(count, n float64) float64 {
	const many = 1000
	switch {
	case count <= 0:
		return 0
	case count > many && n-count > many:
		p, z2 := count/n, oneSided*oneSided
		return (p + z2/(2*n) - oneSided*math.Sqrt(p*(1-p)/n+z2/(4*n*n))) / (1 + z2/n)
	}
	low, high := 0.0, count/n
	for range 60 {
		middle := low/2 + high/2
		if binomialTail(count, n, middle) < 0.001 {
			low = middle
		} else {
			high = middle
		}
	}
	return low
}

// binomialTail is how probable count or more of n are, each with probability p,
// for p at most count/n: a sum of falling terms, each from the one before.
func binomialTail(count, n, p float64) float64 {
	lgamma := func(x float64) float64 { v, _ := math.Lgamma(x); return v }
	term := math.Exp(lgamma(n+1) - lgamma(count+1) - lgamma(n-count+1) + count*math.Log(p) + (n-count)*math.Log1p(-p))
	if count == n {
		return math.Pow(p, n)
	}
	sum := term
	for k := count; k < n && term > 1e-9*sum; k++ {
		term *= (n - k) / (k + 1) * p / (1 - p)
		sum += term
	}
	return sum
}

// bins: the population stability index against the shares at fit. Values that
// lie on an edge are on both sides of its quantile, so that the share below it
// at fit may have been less by as many as lie there now; what comes nearest to
// this input is taken. Half a record is added to each bin, as an empty one would
// make the index infinite.
func (c *comparison) bins(n *number) {
	r := c.reference.Bins
	inner := r.Edges[1 : len(r.Edges)-1]
	counted, ties := slices.Clone(n.counted.bins), slices.Clone(n.counted.ties)
	if fill := c.reference.Fill; r.AfterFill && fill != nil {
		bin, found := slices.BinarySearch(inner, fill.Value)
		if found {
			ties[bin] += n.missing
			bin++
		}
		counted[bin] += n.missing
	}
	total := 0.0
	for _, k := range counted {
		total += float64(k)
	}
	if total == 0 {
		return
	}
	halves := 0.5 * float64(len(counted))
	psi, most, mostShare, mostWas := 0.0, 0, 0.0, 0.0
	below, wasBelow := 0.0, 0.0 // the bin and at fit
	for i, k := range counted {
		share, was := float64(k)/total, 1-wasBelow
		below += share
		if i < len(inner) {
			upTo := clamp(below, r.Below[i]-float64(ties[i])/total, r.Below[i])
			was = max(upTo-wasBelow, 0)
		}
		wasBelow += was
		p, q := (float64(k)+0.5)/(total+halves), (was*total+0.5)/(total+halves)
		psi += (p - q) * math.Log(p/q)
		if math.Abs(share-was) > math.Abs(mostShare-mostWas) || i == 0 {
			most, mostShare, mostWas = i, share, was
		}
	}
	sure := max(0, psi-chiSquared(float64(len(counted)-1))*c.perRow(total))
	f := Finding{Measure: "bins", Size: size(sure, SmallPSI, LargePSI), Sure: sure, Step: r.Step}
	f.Sentence = fmt.Sprintf("shares of %d bins: stability index %s; most changed: %s between %s and %s, was %s",
		len(counted), figure(psi), percent(mostShare), figure(r.Edges[most]), figure(r.Edges[most+1]), percent(mostWas))
	if f.Size == None && psi >= SmallPSI {
		f.Sentence += " (too few records to tell it from chance)"
	}
	c.add(f, psi)
}

// chiSquared is the 99.9 % quantile of the chi-squared distribution with k
// degrees of freedom (E. B. Wilson and M. M. Hilferty, 1931), to about 3 %.
func chiSquared(k float64) float64 {
	v := 1 - 2/(9*k) + oneSided*math.Sqrt(2/(9*k))
	return k * v * v * v
}

func normalQuantile(p float64) float64 { return math.Sqrt2 * math.Erfinv(2*p-1) }

// categories: share of records whose category the model does not know.
func (c *comparison) categories(unknown, of int64) {
	text := "all categories are known to the model"
	if unknown > 0 {
		text = fmt.Sprintf("%s of the records have a category that the model does not know", percent(float64(unknown)/float64(of)))
	}
	c.addShare("categories", unknown, of, 0, c.reference.Categories.Step, text)
}

func (c *comparison) booleans(b *booleans) {
	known := c.reference.Categories
	if known == nil || known.Open {
		return
	}
	names := [2][]string{{"False", "false", "FALSE"}, {"True", "true", "TRUE"}}
	unknown := int64(0)
	for v, count := range b.counts {
		isText := slices.ContainsFunc(known.Texts, func(t string) bool { return slices.Contains(names[v], t) })
		if !isText && !slices.Contains(known.Numbers, float64(v)) {
			unknown += count
		}
	}
	c.categories(unknown, b.counts[0]+b.counts[1])
}

// missing: share of missing values in a column that had none, or that had
// others, as the model knows something of them.
func (c *comparison) missing(missing, present int64) {
	r := c.reference
	step := r.NeverMissing
	if step == "" {
		if step = stepOf(r); step != "" && missing > 0 && present == 0 {
			c.addShare("missing", missing, missing, 0, step, "all values are missing, not so at fit")
		}
		return
	}
	text := "no value is missing, as at fit"
	if missing > 0 {
		text = fmt.Sprintf("%s of the values are missing, none was at fit", percent(float64(missing)/float64(missing+present)))
	}
	c.addShare("missing", missing, missing+present, 0, step, text)
}

// figure writes a number for people: four digits, thousands separated.
func figure(v float64) string {
	switch a := math.Abs(v); {
	case v == 0:
		return "0"
	case a >= 1e15 || a < 1e-4:
		mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(v, 'e', 3, 64), "e")
		if strings.Contains(mantissa, ".") {
			mantissa = strings.TrimRight(strings.TrimRight(mantissa, "0"), ".")
		}
		n, err := strconv.Atoi(exponent)
		if err != nil { // an infinity
			return mantissa
		}
		return strings.ReplaceAll(fmt.Sprintf("%se%d", mantissa, n), "-", "−")
	case a >= 1000:
		return thousands(strconv.FormatFloat(v, 'f', 0, 64))
	}
	digits := 3 - int(math.Floor(math.Log10(math.Abs(v))))
	text := strconv.FormatFloat(v, 'f', max(digits, 0), 64)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return strings.Replace(text, "-", "−", 1)
}

// thousands puts narrow spaces between groups of three digits.
func thousands(text string) string {
	sign := ""
	if rest, negative := strings.CutPrefix(text, "-"); negative {
		sign, text = "−", rest
	}
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "\u202f" + text[at:]
	}
	return sign + text
}

func signed(v float64) string {
	digits := 1
	if math.Abs(v) < 0.95 {
		digits = 2
	}
	if math.Abs(v) >= 1000 {
		if v > 0 {
			return "+" + figure(v)
		}
		return figure(v)
	}
	return strings.Replace(fmt.Sprintf("%+.*f", digits, v), "-", "−", 1)
}

func percent(share float64) string {
	p := 100 * share
	switch {
	case p == 0:
		return "0\u00a0%"
	case p < 0.01:
		return "< 0.01\u00a0%"
	case p < 1:
		return strconv.FormatFloat(p, 'f', 2, 64) + "\u00a0%"
	case p < 99.95 && p != math.Trunc(p):
		return strconv.FormatFloat(p, 'f', 1, 64) + "\u00a0%"
	case p < 100 && p > 99:
		return "> 99.9\u00a0%"
	}
	return strconv.FormatFloat(p, 'f', 0, 64) + "\u00a0%"
}
