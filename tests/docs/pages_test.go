package docs_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"ds-pipeline/internal/cost"
)

const generated = "<!-- Generated from the code by `make golden`; do not edit. -->\n\n"

// fileName is the page of a component: DataBuckets is data-buckets.md.
func fileName(name string) string {
	var b strings.Builder
	for i, r := range name {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte('-')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String() + ".md"
}

// cell is a text that fits into a table.
func cell(text string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(text), " "), "|", `\|`)
}

func dollars(usd float64, places int) string {
	return fmt.Sprintf("$%.*f", places, usd)
}

func index(components []*component) string {
	var b strings.Builder
	b.WriteString("# Components\n\n" + generated)
	b.WriteString("What each part of the stack takes, gives, creates and costs, and what a change of the\n" +
		"configuration does to it. How they work together: [architecture](../architecture.md).\n\n")
	fmt.Fprintf(&b, "| component | what it is |%s\n|---|---|%s\n",
		join(stacks, func(s string) string { return " in " + s + " |" }), strings.Repeat("---|", len(stacks)))
	for _, c := range components {
		first, _, _ := strings.Cut(c.text, "\n")
		sentence, _, _ := strings.Cut(c.text, "\n\n")
		sentence = cell(sentence)
		if sentence == "" {
			sentence = first
		}
		fmt.Fprintf(&b, "| [%s](%s) | %s |", c.name, fileName(c.name), strings.TrimSuffix(sentence, ":"))
		for _, p := range c.plans {
			if p.estimate == nil {
				b.WriteString(" not there |")
				continue
			}
			fmt.Fprintf(&b, " %d resources, %s a month at rest |", len(p.resources), dollars(p.estimate.AtRestUSD, 2))
		}
		b.WriteString("\n")
	}

	fmt.Fprintf(&b, "\n## What a change of the configuration does\n\n"+
		"Previews of the engine: the stack `%s` is deployed to the simulated account, then one key is\n"+
		"changed, or several that go together. **Replaces** creates the new and deletes the old: a bucket loses its objects, a queue its\n"+
		"messages, a log group its records. **Nothing** is nothing in AWS, while the other keys are as in\n"+
		"`Pulumi.%s.yaml`: `protectData` changes what Pulumi refuses to delete, `aws:profile` only who deploys.\n"+
		"An image cannot be planned while the address of its repository is not known: where the repository is\n"+
		"replaced, the image only seems to be deleted; it is built again.\n\n", stacks[0], stacks[0])
	b.WriteString("| key | from | to | effect |\n|---|---|---|---|\n")
	for i, c := range components[0].changes {
		var effects []string
		for _, other := range components {
			if e := other.changes[i].effects; len(e) > 0 {
				effects = append(effects, fmt.Sprintf("[%s](%s): %s", other.name, fileName(other.name), effectText(e, 6)))
			}
		}
		if len(effects) == 0 {
			effects = []string{"nothing"}
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", c.label(), values(c.from), values(c.to), strings.Join(effects, "<br>"))
	}
	return b.String()
}

// label names what is changed, and on what.
func (c *change) label() string {
	var parts []string
	for _, k := range c.keys {
		parts = append(parts, "`"+k+"`")
	}
	text := strings.Join(parts, "<br>")
	if len(c.with) > 0 {
		var with []string
		for _, k := range slices.Sorted(maps.Keys(c.with)) {
			with = append(with, fmt.Sprintf("`%s` %s", k, value(c.with[k])))
		}
		text += "<br>where " + strings.Join(with, ", ")
	}
	return text
}

// effectText puts effects into words; more than most names are counted. What
// loses something stands out.
func effectText(effects []effect, most int) string {
	var parts []string
	for _, e := range effects {
		verb := e.verb
		if verb == "replaces" || verb == "deletes" {
			verb = "**" + verb + "**"
		}
		switch {
		case e.whole != "":
			parts = append(parts, verb+" "+e.whole)
		case len(e.names) > most:
			parts = append(parts, fmt.Sprintf("%s %d resources", verb, len(e.names)))
		default:
			parts = append(parts, verb+" `"+strings.Join(e.names, "`, `")+"`")
		}
	}
	return strings.Join(parts, "; ")
}

func values(list []string) string {
	var parts []string
	for _, v := range list {
		parts = append(parts, value(v))
	}
	return strings.Join(parts, "<br>")
}

// ids are of no interest: a simulated account made them up.
var ids = regexp.MustCompile(`\b(vpc|subnet)-[0-9a-f]{8,}`)

func value(text string) string {
	if text == "" {
		return "empty"
	}
	text = ids.ReplaceAllString(text, "$1-…")
	if len(text) > 40 {
		text = text[:20] + "…" + text[len(text)-8:]
	}
	return "`" + cell(text) + "`"
}

func join(list []string, f func(string) string) string {
	var b strings.Builder
	for _, s := range list {
		b.WriteString(f(s))
	}
	return b.String()
}

func (c *component) page() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s%s\n\nCode: [%s](../../%s). All components: [index](README.md).\n", c.name, generated, c.text, c.file, c.file)

	b.WriteString("\n## Inputs\n\n")
	table(&b, c.inputs)
	for _, name := range slices.Sorted(maps.Keys(c.types)) {
		fmt.Fprintf(&b, "\n### %s\n\n", name)
		table(&b, c.types[name])
	}
	b.WriteString("\n## Outputs\n\n")
	table(&b, c.outputs)

	b.WriteString("\n## Resources\n\n")
	c.writeResources(&b)
	b.WriteString("\n## Cost\n\n")
	c.writeCost(&b)

	fmt.Fprintf(&b, "\n## What a change of the configuration does\n\n"+
		"To the resources above, when one key of the deployed stack `%s` is changed; from previews of the engine.\n\n", stacks[0])
	rows := 0
	for _, change := range c.changes {
		if len(change.effects) == 0 {
			continue
		}
		if rows++; rows == 1 {
			b.WriteString("| key | from | to | effect |\n|---|---|---|---|\n")
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", change.label(), values(change.from), values(change.to), effectText(change.effects, 1000))
	}
	if rows > 0 {
		b.WriteString("\nThe other keys change nothing here.\n")
	} else {
		b.WriteString("No key changes anything here.\n")
	}
	return b.String()
}

func table(b *strings.Builder, list []field) {
	if len(list) == 0 {
		b.WriteString("None.\n")
		return
	}
	b.WriteString("| name | type | |\n|---|---|---|\n")
	for _, f := range list {
		text := cell(f.text)
		if !strings.Contains(text, "`") {
			text = strings.ReplaceAll(text, "*", `\*`) // no emphasis, as in a cron
		}
		fmt.Fprintf(b, "| `%s` | `%s` | %s |\n", f.name, f.kind, text)
	}
}

func (c *component) writeResources(b *strings.Builder) {
	type key struct{ name, kind string }
	in := map[key][]string{}
	kept := map[key][]string{}
	for i, p := range c.plans {
		for _, r := range p.resources {
			k := key{r.name, r.kind}
			in[k] = append(in[k], stacks[i])
			if r.kept != "" {
				kept[k] = append(kept[k], stacks[i]+": "+r.kept)
			}
		}
	}
	if len(in) == 0 {
		fmt.Fprintf(b, "None in %s.\n", strings.Join(stacks, " and "))
		return
	}
	b.WriteString("`<name>` is the name that the component is given.\n\n| name | type | in | instead of a loss |\n|---|---|---|---|\n")
	keys := slices.SortedFunc(maps.Keys(in), func(a, b key) int {
		return strings.Compare(a.name+" "+a.kind, b.name+" "+b.kind)
	})
	for _, k := range keys {
		fmt.Fprintf(b, "| `%s` | `%s` | %s | %s |\n", k.name, k.kind, strings.Join(in[k], ", "), strings.Join(kept[k], "; "))
	}
}

func (c *component) writeCost(b *strings.Builder) {
	for i, p := range c.plans {
		e := p.estimate
		if e == nil {
			continue
		}
		fmt.Fprintf(b, "In `%s`, at list prices of %s in %s: %s a month at rest, %s for each run.\n", stacks[i], e.AsOf, e.Region,
			dollars(e.AtRestUSD, 2), dollars(e.PerRunUSD, 4))
		if e.AtRestList > e.AtRestUSD {
			fmt.Fprintf(b, "Where the account has used up what is free: %s a month.\n", dollars(e.AtRestList, 2))
		}
		b.WriteString("\n")
		if len(e.AtRest)+len(e.PerRun) > 0 {
			b.WriteString("| what | quantity | USD |\n|---|---|---|\n")
			for _, item := range e.AtRest {
				writeItem(b, item, "a month", 2)
			}
			for _, item := range e.PerRun {
				writeItem(b, item, "a run", 4)
			}
			b.WriteString("\n")
		}
		if len(e.NotPriced) > 0 {
			fmt.Fprintf(b, "Not priced, and not counted as free: %s.\n\n", strings.Join(e.NotPriced, "; "))
		}
	}
	b.WriteString("`dsplan --cost` states the assumptions, and the whole stack.\n")
}

func writeItem(b *strings.Builder, item cost.Item, per string, places int) {
	fmt.Fprintf(b, "| %s, %s | %.4g × %s | %s |\n", cell(item.What), per, item.Quantity, cell(item.Unit), dollars(item.USD, places))
}
