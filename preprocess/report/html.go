package report

import (
	"bufio"
	"crypto/sha256"
	_ "embed" // the page's template and style
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

//go:embed report.html.tmpl
var pageTemplate string

//go:embed report.css
var pageStyle string

// What a page draws at most; the rest is said in numbers. A browser on a phone
// copes with some thousands of cards while they are folded.
const (
	openCards     = 24  // column cards that are not folded
	foldedCards   = 100 // column cards in each fold after those
	maxCountsRows = 2000
	maxFindings   = 500
	maxIndicators = 200
)

var page = template.Must(template.New("report").Funcs(template.FuncMap{
	"figure":  figure,
	"count":   func(n int64) string { return thousands(strconv.FormatInt(n, 10)) },
	"percent": percent,
	"share":   func(n, of int64) string { return percent(float64(n) / math.Max(1, float64(of))) },
	"plural":  plural,
}).Parse(pageTemplate))

// WriteHTML writes the report as one page that needs nothing else: no script,
// no font, no network, which its content security policy also forbids. After an
// error a part of it may have been written.
func WriteHTML(w io.Writer, r *Report) error {
	hash := sha256.Sum256([]byte(pageStyle))
	v := pageView{
		Report: r,
		Style:  template.CSS(pageStyle), //nolint:gosec // our own file, embedded
		Policy: "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) + "'; img-src data:; base-uri 'none'; form-action 'none'",
	}
	v.Title = "Run report"
	if r.Run.Period != "" {
		v.Title += " " + r.Run.Period
	}
	v.Sections = []section{
		newSection("in", "Input columns", "as they came, before the model", r.Input),
		newSection("out", "Output columns", "what the model made of them", r.Output),
	}
	links := map[string]string{}
	for i := range r.Input {
		if _, twice := links[r.Input[i].Name]; !twice && !r.Input[i].CountsOnly {
			links[r.Input[i].Name] = fmt.Sprintf("in-%d", i+1)
		}
	}
	for _, f := range r.Drift.Findings {
		fv := findingView{Finding: f, ID: links[f.Column]}
		fv.Column = shown(f.Column)
		if f.Size == None {
			v.Quiet = append(v.Quiet, fv)
		} else {
			v.Flagged = append(v.Flagged, fv)
		}
	}
	v.Flagged, v.FlaggedMore = cut(v.Flagged, maxFindings)
	v.Quiet, v.QuietMore = cut(v.Quiet, maxFindings)

	b := bufio.NewWriterSize(w, 64<<10)
	if err := page.Execute(b, v); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return b.Flush()
}

// shown is a column's name or a value as far as a page shows it: it can be as long as
// a record, stands in several places, and may hold what no page may.
func shown(name string) string {
	const most = 200 // bytes
	text := name
	if len(name) > most {
		end := most
		for !utf8.RuneStart(name[end]) {
			end--
		}
		text = fmt.Sprintf("%s… (%s bytes)", name[:end], thousands(strconv.Itoa(len(name))))
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && !strings.ContainsRune("\t\n\r", r) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

func cut[T any](list []T, most int) ([]T, int) {
	if len(list) <= most {
		return list, 0
	}
	return list[:most], len(list) - most
}

type pageView struct {
	*Report
	Title, Policy          string
	Style                  template.CSS
	Sections               []section
	Flagged, Quiet         []findingView
	FlaggedMore, QuietMore int
}

type findingView struct {
	Finding
	ID string // of the column's card, "" if it has none
}

// Verdict is the drift in one line.
func (v pageView) Verdict() string {
	d := v.Drift
	more := ""
	if d.NotCompared > 0 {
		more = fmt.Sprintf("; %s not, as only counts were kept of them", thousands(strconv.Itoa(d.NotCompared)))
	}
	switch {
	case v.Rows == 0:
		return "No records, so nothing to compare"
	case d.Compared == 0:
		return "The model remembers no statistics to compare this input with"
	case d.Large+d.Small == 0:
		return fmt.Sprintf("No drift in %s compared%s", plural(d.Compared, "column", "columns"), more)
	}
	var parts []string
	if d.Large > 0 {
		parts = append(parts, fmt.Sprintf("large in %s", plural(d.Large, "column", "columns")))
	}
	if d.Small > 0 {
		parts = append(parts, fmt.Sprintf("small in %s", plural(d.Small, "column", "columns")))
	}
	return fmt.Sprintf("Drift is %s, of %s compared%s", strings.Join(parts, " and "), thousands(strconv.Itoa(d.Compared)), more)
}

// Worst is the size of the largest drift.
func (v pageView) Worst() Size {
	switch {
	case v.Drift.Large > 0:
		return Large
	case v.Drift.Small > 0:
		return Small
	}
	return None
}

// Facts are the figures at the top.
func (v pageView) Facts() []NamedString {
	run := v.Run
	facts := []NamedString{
		{"rows in", thousands(strconv.FormatInt(run.RowsIn, 10))},
		{"rows out", thousands(strconv.FormatInt(run.RowsOut, 10))},
		{"rejected", thousands(strconv.FormatInt(run.Rejected, 10))},
		{"seconds", figure(run.Seconds)},
	}
	if run.Bytes > 0 && run.Seconds > 0 {
		facts = append(facts, NamedString{"MB/s read", figure(float64(run.Bytes) / 1e6 / run.Seconds)})
	}
	return facts
}

// Details are the lines below the figures.
func (v pageView) Details() []NamedString {
	run := v.Run
	all := []NamedString{{"period", run.Period}, {"input", run.Input}, {"model", run.Model}, {"output", run.Output}}
	if !run.Finished.IsZero() {
		all = append(all, NamedString{"finished", run.Finished.UTC().Format("2006-01-02 15:04:05 UTC")})
	}
	all = append(all, run.Versions...)
	return slices.DeleteFunc(all, func(n NamedString) bool { return n.Value == "" })
}

type section struct {
	ID, Title, Note string
	Columns         int
	Open            []card
	Folds           []fold
	Counts          []Column
	CountsMore      int
}

type fold struct {
	From, To    int
	First, Last string
	Cards       []card
}

type card struct {
	Column
	ID     string
	Chart  *chart
	Bars   []bar
	Folded []bar
	More   int
}

// bar is one category.
type bar struct {
	Count
	Share float64 // of the records with a value
	Quiet bool    // not a category: other, none
}

// Percent is the bar's length.
func (b bar) Percent() string { return strconv.FormatFloat(100*b.Share, 'f', 2, 64) + "%" }

func newSection(id, title, note string, columns []Column) section {
	s := section{ID: id, Title: title, Note: note}
	var cards []card
	for i, c := range columns {
		s.Columns++
		if c.Indicators != nil {
			s.Columns += len(c.Indicators.Columns) - 1
		}
		if c.CountsOnly {
			c.Name = shown(c.Name)
			s.Counts = append(s.Counts, c)
			continue
		}
		cards = append(cards, newCard(fmt.Sprintf("%s-%d", id, i+1), c))
	}
	s.Counts, s.CountsMore = cut(s.Counts, maxCountsRows)
	open := min(openCards, len(cards))
	s.Open = cards[:open]
	for from := open; from < len(cards); from += foldedCards {
		to := min(from+foldedCards, len(cards))
		s.Folds = append(s.Folds, fold{from + 1, to, cards[from].Name, cards[to-1].Name, cards[from:to]})
	}
	return s
}

func newCard(id string, c Column) card {
	k := card{Column: c, ID: id}
	k.Name = shown(c.Name)
	switch {
	case c.Numbers != nil && c.Numbers.Spread != nil:
		k.Chart = newChart(c)
	case c.Categories != nil:
		for _, top := range c.Categories.Top {
			top.Name = shown(top.Name)
			k.Bars = append(k.Bars, bar{top, float64(top.Count) / math.Max(1, float64(c.Present)), false})
		}
		if other := c.Categories.Other; other > 0 {
			name := "other"
			switch {
			case c.Categories.Hidden && len(k.Bars) == 0:
				name = "values not shown"
			case c.Categories.Hidden:
				name = "other, not shown"
			case len(k.Bars) == 0:
				name = "none is frequent"
			}
			k.Bars = append(k.Bars, bar{Count{name, other}, float64(other) / float64(c.Present), true})
		}
	case c.Indicators != nil:
		ordered := slices.Clone(c.Indicators.Columns)
		slices.SortStableFunc(ordered, func(a, b Count) int {
			switch {
			case a.Count > b.Count:
				return -1
			case a.Count < b.Count:
				return 1
			}
			return 0
		})
		ordered, k.More = cut(ordered, maxIndicators)
		for i, one := range ordered {
			one.Name = shown(strings.TrimPrefix(one.Name, c.Name+"_"))
			b := bar{one, float64(one.Count) / math.Max(1, float64(c.Present)), false}
			if i < topCategories {
				k.Bars = append(k.Bars, b)
			} else {
				k.Folded = append(k.Folded, b)
			}
		}
		if none := c.Indicators.None; none > 0 {
			k.Bars = append(k.Bars, bar{Count{"none of them", none}, float64(none) / float64(c.Present), true})
		}
	}
	return k
}

// chart is a histogram with a box below it, in a drawing chartWidth wide.
type chart struct {
	Label    string // for those who cannot see it
	Bars     template.HTML
	Box      *chartBox
	Fit      []chartMark
	From, To string
	Outside  string
}

type chartBox struct{ P05, P25, P50, P75, P95, Width string }

type chartMark struct{ X, Title string }

const (
	chartWidth  = 320
	chartHeight = 72
)

func newChart(c Column) *chart {
	n, h := c.Numbers, c.Numbers.Histogram
	k := &chart{From: figure(h.From), To: figure(h.To)}
	if h.Whole {
		k.From, k.To = figure(max(h.From+0.5, n.Min)), figure(min(h.To-0.5, n.Max))
	}
	k.Label = fmt.Sprintf("Histogram of %s from %s to %s; median %s, middle half from %s to %s",
		shown(c.Name), k.From, k.To, figure(n.P50), figure(n.P25), figure(n.P75))
	most := int64(1)
	for _, count := range h.Counts {
		most = max(most, count)
	}
	step := float64(chartWidth) / float64(len(h.Counts))
	span := h.To - h.From
	var bars strings.Builder
	for i, count := range h.Counts {
		height := float64(count) / float64(most) * chartHeight
		if count > 0 {
			height = max(height, 1)
		}
		low := h.From + span*float64(i)/float64(len(h.Counts))
		high := h.From + span*float64(i+1)/float64(len(h.Counts))
		// There may be tens of thousands, too many for a template. All of it are
		// figures.
		fmt.Fprintf(&bars, `<rect x="%s" y="%s" width="%s" height="%s"><title>%s: %s</title></rect>`,
			coordinate(step*float64(i)+step*0.06), coordinate(chartHeight-height), coordinate(step*0.88), coordinate(height),
			h.interval(low, high), thousands(strconv.FormatInt(count, 10)))
	}
	k.Bars = template.HTML(bars.String()) //nolint:gosec // see above
	if !(span > 0) || math.IsInf(span, 0) {
		k.From, k.To = figure(n.Min), figure(n.Max)
		return k
	}
	x := func(v float64) float64 { return clamp((v-h.From)/span, 0, 1) * chartWidth }
	k.Box = &chartBox{coordinate(x(n.P05)), coordinate(x(n.P25)), coordinate(x(n.P50)), coordinate(x(n.P75)), coordinate(x(n.P95)),
		coordinate(max(x(n.P75)-x(n.P25), 1))}
	mark := func(f *Fact, what string) {
		if f != nil && f.Value >= h.From && f.Value <= h.To {
			k.Fit = append(k.Fit, chartMark{coordinate(x(f.Value)), what + " at fit: " + figure(f.Value)})
		}
	}
	if r := c.reference; r != nil {
		mark(r.Mean, "mean")
		mark(r.Median, "median")
	}
	if outside := h.Below + h.Above; outside > 0 {
		k.Outside = plural(int(outside), "value further out is", "values further out are") + " not drawn"
	}
	return k
}

// interval is a bin in words.
func (h Histogram) interval(low, high float64) string {
	if h.Whole {
		low, high = math.Round(low+0.5), math.Round(high-0.5)
		if low == high {
			return figure(low)
		}
	}
	return figure(low) + " to " + figure(high)
}

func coordinate(v float64) string { return strconv.FormatFloat(math.Round(v*100)/100, 'f', -1, 64) }

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return thousands(strconv.Itoa(n)) + " " + many
}

// Generator stands near the beginning of every report, by which one is known.
const Generator = `<meta name="generator" content="ds-pipeline report">`
