package cost

import (
	"fmt"
	"strings"
)

// PlainCDKUSD is what the same system costs a month at rest as a plain CDK app
// makes it: two NAT gateways and their two addresses, at the prices of the table.
const PlainCDKUSD = 73.00

// Named is the estimate of one stack.
type Named struct {
	Name string
	*Estimate
}

// Markdown is docs/cost.md: the estimates of several stacks with the same
// assumptions, and where their prices come from.
func Markdown(stacks []Named) string {
	var b strings.Builder
	first := stacks[0]
	b.WriteString("# What it costs\n\n<!-- Written by `make golden` from the plans of the stacks and internal/cost/prices.json. -->\n\n")
	fmt.Fprintf(&b, "For whoever decides what to deploy. US dollars, list prices of %s, region %s.\n"+
		"`dsplan --stack dev --cost --input-gb 20 --runs 30` prints it for other sizes; the stack's output `costEstimate` has the totals. \"Alone\" is an account that runs nothing else,\n"+
		"so that what AWS gives every account is free; \"shared\" is one where others have used that up.\n\n", first.AsOf, first.Region)
	b.WriteString("| | at rest, a month: alone | shared | one run: alone | shared |\n|---|---:|---:|---:|---:|\n")
	for _, s := range stacks {
		fmt.Fprintf(&b, "| %s | $%.2f | $%.2f | $%.4f | $%.4f |\n", s.Name, s.AtRestUSD, s.AtRestList, s.PerRunUSD, s.PerRunList)
	}
	fmt.Fprintf(&b, "| the same system as a plain CDK app | $%.2f | | | |\n\n", PlainCDKUSD)
	b.WriteString("The plain CDK app keeps two NAT gateways and their addresses all month. Its other items are not in that number.\n")
	for _, s := range stacks {
		fmt.Fprintf(&b, "\n## %s\n", s.Name)
		for _, part := range []struct {
			title, note string
			items       []Item
			list, alone float64
		}{
			{"At rest, a month", "", s.AtRest, s.AtRestList, s.AtRestUSD},
			{"One run", "", s.PerRun, s.PerRunList, s.PerRunUSD},
		} {
			fmt.Fprintf(&b, "\n| %s | quantity | | alone | shared |\n|---|---:|---|---:|---:|\n", part.title)
			for _, i := range part.items {
				fmt.Fprintf(&b, "| %s | %.4g | %s | %.6f | %.6f |\n", i.What, i.Quantity, i.Unit, i.USD, i.ListUSD)
			}
			fmt.Fprintf(&b, "| **together** | | | **%.6f** | **%.6f** |\n", part.alone, part.list)
		}
		for _, unknown := range s.NotPriced {
			fmt.Fprintf(&b, "\nNot priced: %s\n", unknown)
		}
	}
	b.WriteString("\n## What is assumed\n\n" + first.assumed())
	b.WriteString("\n`bench/README.md` says how the speed was measured, `docs/decisions/scale-study.md` what is assumed of S3. A state machine is counted along its longest way\n" +
		"to success that needs no retry, the watch's check included.\n")
	b.WriteString("\n## Prices\n\nChecked prices were found again in a second public source when they were entered; look the others up before\nrelying on them. How many metrics Container Insights write is not checked either: it is meant as the most.\n\n" +
		"| for | USD | per | as of | checked | source |\n|---|---:|---|---|---|---|\n")
	seen := map[string]bool{}
	for _, s := range stacks {
		for _, i := range append(append([]Item{}, s.AtRest...), s.PerRun...) {
			if seen[i.What] {
				continue
			}
			seen[i.What] = true
			checked := "no"
			if i.Checked {
				checked = "yes"
			}
			if i.Second != "" {
				checked = "[yes](" + i.Second + ")"
			}
			fmt.Fprintf(&b, "| %s | %.10g | %s | %s | %s | <%s> |\n", i.What, i.UnitUSD, i.Unit, i.AsOf, checked, i.Source)
		}
	}
	return b.String()
}
