package review

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"sort"
	"strings"

	"ds-pipeline/internal/cost"
)

const (
	// Marker begins a comment and is not shown. The comment that begins with it is
	// the one to update.
	Marker = "<!-- ds-pipeline: offline plan -->"

	// MaxCommentBytes is what GitHub takes, which counts characters: 65,536. Bytes
	// are never fewer.
	MaxCommentBytes = 65536

	maxText  = 160 // characters of a name
	maxError = 600 // characters of an error
	maxNames = 8   // of properties, actions and resources in one cell
)

var commitPattern = regexp.MustCompile(`^[0-9a-f]{40}$`)

// Comment renders reports, by stack, as one comment of MaxCommentBytes at most:
// what does not fit is counted. head is the SHA-1 of the commit that was planned.
func Comment(head string, reports []*Report) (string, error) {
	if !commitPattern.MatchString(head) {
		return "", fmt.Errorf("commit: got %q, want 40 hexadecimal digits", clip(head, 60))
	}
	if len(reports) == 0 || len(reports) > MaxStacks {
		return "", fmt.Errorf("got reports of %d stacks, want 1 to %d", len(reports), MaxStacks)
	}
	reports = slices.SortedStableFunc(slices.Values(reports), func(a, b *Report) int { return cmp.Compare(a.Stack, b.Stack) })
	most := 0
	for i, r := range reports {
		if i > 0 && reports[i-1].Stack == r.Stack {
			return "", fmt.Errorf("got two reports of stack %q, want one", r.Stack)
		}
		most = max(most, len(r.Changes), len(r.Errors), len(r.Added)+len(r.Removed), len(items(r))+len(unpriced(r)))
	}
	// As many rows in each list as fit.
	tooLong := sort.Search(most+1, func(rows int) bool { return len(render(head, reports, rows)) > MaxCommentBytes })
	if tooLong == 0 {
		return "", errors.New("the shortest comment is longer than GitHub takes")
	}
	return render(head, reports, tooLong-1), nil
}

// render shows up to rows entries of each list.
func render(head string, reports []*Report, rows int) string {
	p := &page{rows: rows}
	p.line(Marker)
	p.line("### Offline plan")
	p.line("")
	p.summary(reports)
	for _, r := range reports {
		p.losses(r)
	}
	for _, r := range reports {
		p.errors(r)
		p.changes(r)
		p.cost(r)
		p.rights(r)
	}
	p.line("")
	if p.leftOut > 0 {
		p.line("**%d lines are left out**, as a comment is limited: `dsplan --review` shows everything.", p.leftOut)
		p.line("")
	}
	p.line("<sub>Planned on simulated providers, without an account, for %s and its base. What was changed in AWS by hand does not show.</sub>", head)
	return p.b.String()
}

// page is a comment in the making.
type page struct {
	b       strings.Builder
	rows    int
	leftOut int
}

func (p *page) line(format string, args ...any) {
	fmt.Fprintf(&p.b, format+"\n", args...)
}

func (p *page) summary(reports []*Report) {
	p.line("| stack | create | update | replace | delete | a month at rest | one run | rights |")
	p.line("|---|--:|--:|--:|--:|---|---|---|")
	for _, r := range reports {
		name := code(r.Stack)
		if len(r.Errors) > 0 {
			p.line("| %s | | | | | **cannot be planned** | | |", name)
			continue
		}
		if r.New {
			name += " (nothing to compare with)"
		}
		counts := map[string]int{}
		for _, c := range r.Changes {
			counts[c.Op]++
		}
		p.line("| %s | %s | %s | %s | %s | %s | %s | %s |", name,
			number(counts[Create]), number(counts[Update]), loud(counts[Replace]), loud(counts[Delete]),
			amounts(r, 2, func(e *cost.Estimate) float64 { return e.AtRestUSD }),
			amounts(r, 4, func(e *cost.Estimate) float64 { return e.PerRunUSD }), rightsText(r))
	}
}

func number(n int) string {
	if n == 0 {
		return "–"
	}
	return fmt.Sprint(n)
}

func loud(n int) string {
	if n == 0 {
		return number(n)
	}
	return fmt.Sprintf("**%d**", n)
}

// amounts are dollars before and after.
func amounts(r *Report, places int, of func(*cost.Estimate) float64) string {
	text := func(e *cost.Estimate) string { return fmt.Sprintf("$%.*f", places, of(e)) }
	switch {
	case r.After == nil:
		return "unknown"
	case r.Before == nil || text(r.Before) == text(r.After):
		return text(r.After)
	}
	return fmt.Sprintf("%s → **%s**", text(r.Before), text(r.After))
}

func rightsText(r *Report) string {
	var parts []string
	if n := len(r.Added); n > 0 {
		parts = append(parts, fmt.Sprintf("%d added", n))
	}
	if n := len(r.Removed); n > 0 {
		parts = append(parts, fmt.Sprintf("%d removed", n))
	}
	return cmp.Or(strings.Join(parts, ", "), "–")
}

// losses tells first, and openly, what nobody gets back.
func (p *page) losses(r *Report) {
	lost := slices.DeleteFunc(slices.Clone(r.Changes), func(c Change) bool { return c.Loses == "" || c.Op != Delete && c.Op != Replace })
	if len(lost) == 0 {
		return
	}
	p.line("")
	p.line("> [!CAUTION]")
	p.line("> **%s loses data**", code(r.Stack))
	p.line(">")
	for _, c := range lost[:p.fit(len(lost))] {
		refused := ""
		if c.Refused {
			refused = " – **protected: the deployment is refused**"
		}
		p.line("> - %ss %s (%s): %s%s", c.Op, code(clip(c.Name, maxText)), code(clip(ShortType(c.Type), maxText)), code(clip(c.Loses, maxText)), refused)
	}
	if n := len(lost) - p.rows; n > 0 {
		p.line("> - and %d more", n)
	}
}

// fit is how many of n lines have place; the rest is counted.
func (p *page) fit(n int) int {
	if n <= p.rows {
		return n
	}
	p.leftOut += n - p.rows
	return p.rows
}

// table writes a list of n rows that is folded until somebody asks for it.
func (p *page) table(title, head string, n int, row func(i int) string) {
	if n == 0 {
		return
	}
	p.line("")
	p.line("<details><summary>%s</summary>", title)
	p.line("")
	p.line("%s", head)
	p.line("%s", strings.Repeat("|---", strings.Count(head, "|")-1)+"|")
	for i := range p.fit(n) {
		p.line("| %s |", row(i))
	}
	p.line("")
	if rest := n - p.rows; rest > 0 {
		p.line("and %d more", rest)
		p.line("")
	}
	p.line("</details>")
}

func (p *page) errors(r *Report) {
	p.table(code(r.Stack)+": why it cannot be planned", "| error |", len(r.Errors), func(i int) string { return code(clip(r.Errors[i], maxError)) })
}

func (p *page) changes(r *Report) {
	order, marks := map[string]int{}, map[string]string{}
	for i, op := range Operations() {
		order[op.Name], marks[op.Name] = i, op.Mark
	}
	sorted := slices.SortedStableFunc(slices.Values(r.Changes), func(a, b Change) int { return cmp.Compare(order[a.Op], order[b.Op]) })
	p.table(fmt.Sprintf("%s: %s", code(r.Stack), counted(len(sorted), "change")), "| | resource | type | properties |", len(sorted), func(i int) string {
		c, why := sorted[i], ""
		switch {
		case len(c.Keys) > 0:
			why = "because of " + listed(c.Keys)
		case len(c.Diffs) > 0:
			why = listed(c.Diffs)
		}
		return cells(code(marks[c.Op])+" "+c.Op, code(clip(c.Name, maxText)), code(clip(ShortType(c.Type), maxText)), why)
	})
}

// ShortType shortens a type of Pulumi's: aws:s3/bucketV2:BucketV2 is s3.BucketV2,
// our own ds-pipeline:components:DataBuckets is DataBuckets.
func ShortType(typ string) string {
	pkg, rest, _ := strings.Cut(typ, ":")
	module, name, found := strings.Cut(rest, ":")
	module, _, _ = strings.Cut(module, "/")
	switch {
	case !found:
		return typ
	case typ == "pulumi:pulumi:Stack", module == "components":
		return name
	case pkg == "aws":
		return module + "." + name
	case pkg == "awsx":
		return "awsx." + module + "." + name
	}
	return pkg + "." + name
}

// cells are what a row of a table has between its outer lines.
func cells(parts ...string) string { return strings.Join(parts, " | ") }

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// priced is what an item costs before and after.
type priced struct {
	what, per     string
	places        int
	before, after float64
}

// items are those whose cost changes, a month's first.
func items(r *Report) []priced {
	if r.After == nil || r.Before == nil {
		return nil
	}
	var changed []priced
	for _, part := range []struct {
		per           string
		places        int
		before, after []cost.Item
	}{{"a month", 2, r.Before.AtRest, r.After.AtRest}, {"a run", 4, r.Before.PerRun, r.After.PerRun}} {
		sums := map[string]*priced{}
		of := func(what string) *priced {
			if sums[what] == nil {
				sums[what] = &priced{what: what, per: part.per, places: part.places}
			}
			return sums[what]
		}
		for _, item := range part.before {
			of(item.What).before += item.USD
		}
		for _, item := range part.after {
			of(item.What).after += item.USD
		}
		for _, what := range slices.Sorted(maps.Keys(sums)) {
			if s := sums[what]; s.text(s.before) != s.text(s.after) {
				changed = append(changed, *s)
			}
		}
	}
	return changed
}

// unpriced are the items without a price that were not there before.
func unpriced(r *Report) []string {
	if r.After == nil || r.Before == nil {
		return nil
	}
	var added []string
	for _, what := range r.After.NotPriced {
		if !slices.Contains(r.Before.NotPriced, what) {
			added = append(added, what)
		}
	}
	return added
}

func (s *priced) text(usd float64) string { return fmt.Sprintf("$%.*f", s.places, usd) }

func (p *page) cost(r *Report) {
	changed, more := items(r), unpriced(r)
	p.table(code(r.Stack)+": cost", "| what | per | before | after |", len(changed)+len(more), func(i int) string {
		if i >= len(changed) {
			return cells(code(clip(more[i-len(changed)], maxText)), "", "", "**not priced**")
		}
		item := changed[i]
		return cells(code(clip(item.what, maxText)), item.per, item.text(item.before), item.text(item.after))
	})
}

func (p *page) rights(r *Report) {
	p.table(fmt.Sprintf("%s: rights, %s", code(r.Stack), rightsText(r)), "| | who | | on | if | policy |", len(r.Added)+len(r.Removed), func(i int) string {
		sign, g := "+", Grant{}
		if i < len(r.Added) {
			g = r.Added[i]
		} else {
			sign, g = "-", r.Removed[i-len(r.Added)]
		}
		may := "may"
		if g.Deny {
			may = "**may not**"
		}
		where := g.Where
		if g.Why != "" {
			where += ": " + g.Why
		}
		return cells(code(sign), code(clip(g.Who, maxText)), may+" "+listed(g.Actions), listed(g.Resources), listed(g.If), code(clip(where, maxText)))
	})
}
