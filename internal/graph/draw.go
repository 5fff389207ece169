package graph

import (
	"cmp"
	"fmt"
	"html"
	"maps"
	"slices"
	"strings"
)

// Measures in pixels. The drawing is one column, narrow enough for a phone:
// components below each other, and arrows in the margin to their right.
const (
	margin     = 10
	boxWidth   = 420
	padding    = 12
	titleLine  = 30
	nodeLine   = 24
	edgeLine   = 19
	otherLine  = 16
	groupGap   = 18
	trackFirst = 22 // from the box to the first track
	trackGap   = 13
	perLine    = 64 // characters of the line about what is not drawn
)

// kinds are types in the words of those who use them.
var kinds = map[string]string{
	alarm:                                "alarm",
	bucket:                               "S3 bucket",
	budget:                               "budget",
	eventRule:                            "EventBridge rule",
	machine:                              "Step Functions state machine",
	schedule:                             "EventBridge schedule",
	subscription:                         "subscription",
	taskDefinition:                       "Fargate task",
	"aws:cloudwatch/logGroup:LogGroup":   "log group",
	"aws:dynamodb/table:Table":           "DynamoDB table",
	"aws:ecr/repository:Repository":      "image repository",
	"aws:kms/key:Key":                    "KMS key",
	"aws:sns/topic:Topic":                "SNS topic",
	"aws:sqs/queue:Queue":                "SQS queue",
	"aws:ssm/parameter:Parameter":        "parameter",
	"aws:cloudwatch/dashboard:Dashboard": "dashboard",
}

// kindOf is a type in short: aws:s3/bucketPolicy:BucketPolicy is BucketPolicy.
func kindOf(typ string) string {
	if name, ok := kinds[typ]; ok {
		return name
	}
	name := typ[strings.LastIndex(typ, ":")+1:]
	return strings.TrimSuffix(name, "V2")
}

// class is how an edge is drawn.
func (e Edge) class() string {
	switch {
	case strings.HasPrefix(e.Verb, "logs"):
		return "log"
	case strings.HasPrefix(e.Verb, "tells"), strings.HasPrefix(e.Verb, "sends"), strings.HasPrefix(e.Verb, "leaves"):
		return "tell"
	case e.Inward:
		return "in"
	case strings.HasPrefix(e.Verb, "writes"), strings.HasPrefix(e.Verb, "claims"):
		return "out"
	}
	return "do"
}

// rank is the order in which an actor usually does things.
func (e Edge) rank() int {
	return slices.Index([]string{"in", "out", "do", "tell", "log"}, e.class())
}

// legend explains the classes.
var legend = []struct{ class, text string }{
	{"do", "starts"}, {"in", "reads"}, {"out", "writes"}, {"tell", "tells"}, {"log", "logs"},
}

// bus joins all edges of one direction and class at one target.
type bus struct {
	class  string
	inward bool
	target float64   // y of the target
	actors []float64 // y of the actors
	track  int
}

func (b *bus) span() (top, bottom float64) {
	return min(b.target, slices.Min(b.actors)), max(b.target, slices.Max(b.actors))
}

// SVG draws the graph, by its own colors on light and dark screens.
func (g *Graph) SVG(title string) string {
	p := &page{yOf: map[string]float64{}}
	p.layout(g)
	buses := p.buses()
	tracks := assign(buses)
	width := float64(margin + boxWidth + trackFirst + tracks*trackGap + margin)

	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" width="%g" height="%g" role="img" aria-labelledby="title desc">
  <title id="title">%s</title>
  <desc id="desc">%s</desc>
  <style>%s</style>
  <rect class="page" width="100%%" height="100%%"/>
`, width, p.y, width, p.y, html.EscapeString(title), html.EscapeString(g.words()), style)
	fmt.Fprintf(&b, "  <text class=\"head\" x=\"%d\" y=\"28\">%s</text>\n", margin, html.EscapeString(title))
	x := float64(margin)
	for _, l := range legend {
		fmt.Fprintf(&b, "  <path class=\"%s\" d=\"M%g 46h18\"/><path class=\"tip %s\" d=\"M%g 42l7 4l-7 4z\"/><text class=\"edge\" x=\"%g\" y=\"50\">%s</text>\n",
			l.class, x, l.class, x+16, x+29, l.text)
		x += 84
	}
	b.WriteString(p.boxes.String())
	b.WriteString(p.texts.String())
	// Long ones first: a short one is drawn over what it crosses.
	slices.SortStableFunc(buses, func(a, b *bus) int { return cmp.Compare(b.track, a.track) })
	for _, bus := range buses {
		bus.draw(&b)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// words is the drawing for who cannot see it.
func (g *Graph) words() string {
	var parts []string
	for _, e := range g.Edges {
		parts = append(parts, e.From+" "+e.Verb+" "+e.To)
	}
	return strings.Join(parts, "; ") + "."
}

type page struct {
	boxes, texts strings.Builder
	y            float64
	yOf          map[string]float64 // of a node's name
	ends         []end
}

// end is where an edge leaves its actor.
type end struct {
	edge Edge
	y    float64
}

func (p *page) layout(g *Graph) {
	p.y = 68
	for _, group := range g.Groups {
		top := p.y
		p.text("group", margin+padding, top+20, group.Name)
		p.textEnd("kind", margin+boxWidth-padding, top+20, group.Kind)
		p.y += titleLine
		for _, n := range group.Nodes {
			p.node(g, n)
		}
		p.others(group)
		p.y += 8
		fmt.Fprintf(&p.boxes, "  <rect class=\"box\" x=\"%d\" y=\"%g\" width=\"%d\" height=\"%g\" rx=\"8\"/>\n", margin, top, boxWidth, p.y-top)
		p.y += groupGap
	}
}

func (p *page) node(g *Graph, n Node) {
	var own []Edge
	for _, e := range g.Edges {
		if e.From == n.Name {
			own = append(own, e)
		}
	}
	slices.SortStableFunc(own, func(a, b Edge) int { return cmp.Compare(a.rank(), b.rank()) })
	var names []string
	if len(n.Names) > 1 {
		names = wrap("", n.Names)
	}
	height := float64(nodeLine + otherLine*len(names) + edgeLine*len(own))
	fmt.Fprintf(&p.texts, "  <rect class=\"node\" x=\"%d\" y=\"%g\" width=\"%d\" height=\"%g\" rx=\"5\"/>\n", margin+6, p.y, boxWidth-12, height)
	mid := p.y + nodeLine/2
	p.yOf[n.Name] = mid
	name, kind := n.Name, kindOf(n.Type)
	if len(n.Names) > 1 {
		name = shared(n.Names)
		kind = fmt.Sprintf("%d %ss", len(n.Names), kind)
	}
	p.text("name", margin+padding+2, mid+5, name)
	p.textEnd("kind", margin+boxWidth-padding, mid+5, kind)
	p.y += nodeLine
	for _, line := range names {
		p.text("other", margin+padding+16, p.y+9, line)
		p.y += otherLine
	}
	for _, e := range own {
		mid := p.y + edgeLine/2 - 2
		fmt.Fprintf(&p.texts, "  <text class=\"edge\" x=\"%d\" y=\"%g\"><tspan class=\"verb %s\">%s</tspan> %s</text>\n",
			margin+padding+16, mid+4.5, e.class(), html.EscapeString(e.Verb), html.EscapeString(g.label(e.To)))
		p.ends = append(p.ends, end{e, mid})
		p.y += edgeLine
	}
	p.y += 4
}

// label is how a node is called: several by what their names share.
func (g *Graph) label(name string) string {
	for _, group := range g.Groups {
		for _, n := range group.Nodes {
			if n.Name == name && len(n.Names) > 1 {
				return fmt.Sprintf("%d %ss of %s", len(n.Names), kindOf(n.Type), group.Name)
			}
		}
	}
	return name
}

// shared is what the names of several resources begin with, and an ellipsis.
func shared(names []string) string {
	prefix := names[0]
	for _, n := range names[1:] {
		for !strings.HasPrefix(n, prefix) {
			prefix = prefix[:len(prefix)-1]
		}
	}
	return prefix[:strings.LastIndex(prefix, "-")+1] + "…"
}

func (p *page) others(group Group) {
	if len(group.Others) == 0 {
		return
	}
	types := slices.SortedFunc(maps.Keys(group.Others), func(a, b string) int {
		return cmp.Or(cmp.Compare(group.Others[b], group.Others[a]), cmp.Compare(a, b))
	})
	var words []string
	for _, typ := range types {
		words = append(words, fmt.Sprintf("%d %s", group.Others[typ], kindOf(typ)))
	}
	for _, line := range wrap("and ", words) {
		p.text("other", margin+padding+2, p.y+12, line)
		p.y += otherLine
	}
}

// wrap makes lines of a list, with commas.
func wrap(lead string, words []string) []string {
	var lines []string
	line := lead
	for i, word := range words {
		if i < len(words)-1 {
			word += ", "
		}
		if line != "" && len(line)+len(word) > perLine {
			lines = append(lines, strings.TrimSpace(line))
			line = ""
		}
		line += word
	}
	return append(lines, line)
}

func (p *page) text(class string, x, y float64, text string) {
	fmt.Fprintf(&p.texts, "  <text class=\"%s\" x=\"%g\" y=\"%g\">%s</text>\n", class, x, y, html.EscapeString(text))
}

func (p *page) textEnd(class string, x, y float64, text string) {
	fmt.Fprintf(&p.texts, "  <text class=\"%s\" x=\"%g\" y=\"%g\" text-anchor=\"end\">%s</text>\n", class, x, y, html.EscapeString(text))
}

func (p *page) buses() []*bus {
	type key struct {
		target, class string
		inward        bool
	}
	found := map[key]*bus{}
	var list []*bus
	at := map[string][]*bus{}
	for _, e := range p.ends {
		k := key{e.edge.To, e.edge.class(), e.edge.Inward}
		if found[k] == nil {
			found[k] = &bus{class: k.class, inward: k.inward, target: p.yOf[e.edge.To]}
			list = append(list, found[k])
			at[k.target] = append(at[k.target], found[k])
		}
		found[k].actors = append(found[k].actors, e.y)
	}
	// Several of them meet a target side by side.
	for _, together := range at {
		for i, b := range together {
			b.target += (float64(i) - float64(len(together)-1)/2) * 8
		}
	}
	return list
}

// assign gives every bus a track that no other one uses at the same height, the
// short ones the near tracks, and returns how many tracks there are.
func assign(buses []*bus) int {
	order := slices.Clone(buses)
	slices.SortStableFunc(order, func(a, b *bus) int {
		topA, bottomA := a.span()
		topB, bottomB := b.span()
		return cmp.Compare(bottomA-topA, bottomB-topB)
	})
	var tracks [][][2]float64
	for _, b := range order {
		top, bottom := b.span()
		b.track = len(tracks)
		for i, used := range tracks {
			if !slices.ContainsFunc(used, func(u [2]float64) bool { return top-6 < u[1] && u[0] < bottom+6 }) {
				b.track = i
				break
			}
		}
		if b.track == len(tracks) {
			tracks = append(tracks, nil)
		}
		tracks[b.track] = append(tracks[b.track], [2]float64{top, bottom})
	}
	return len(tracks)
}

func (b *bus) draw(w *strings.Builder) {
	edge := float64(margin + boxWidth)
	x := edge + trackFirst + float64(b.track*trackGap)
	top, bottom := b.span()
	line := fmt.Sprintf("M%g %gV%g", x, top, bottom)
	for _, y := range append(slices.Clone(b.actors), b.target) {
		line += fmt.Sprintf("M%g %gH%g", edge-5, y, x)
	}
	fmt.Fprintf(w, "  <path class=\"halo\" d=\"%s\"/><path class=\"%s\" d=\"%s\"/>", line, b.class, line)
	tip := func(y float64) {
		fmt.Fprintf(w, "<path class=\"tip %s\" d=\"M%g %gl8 -4.5v9z\"/>", b.class, edge-6, y)
	}
	start := func(y float64) {
		fmt.Fprintf(w, "<circle class=\"tip %s\" cx=\"%g\" cy=\"%g\" r=\"3\"/>", b.class, edge-5, y)
	}
	if b.inward {
		start(b.target)
	} else {
		tip(b.target)
	}
	for _, y := range b.actors {
		if b.inward {
			tip(y)
		} else {
			start(y)
		}
	}
	w.WriteString("\n")
}

const style = `
    :root { color-scheme: light dark; --page: #ffffff; --box: #f3f5f8; --line: #c9d1db; --node: #ffffff; --ink: #17202b; --soft: #5a6675;
      --do: #6b3fd4; --in: #0b69c7; --out: #1a7f37; --tell: #b35900; --log: #77818e; }
    @media (prefers-color-scheme: dark) { :root { --page: #0d1117; --box: #161c25; --line: #38424f; --node: #1e2631; --ink: #e8edf3; --soft: #9aa7b6;
      --do: #b294ff; --in: #66b3ff; --out: #56d273; --tell: #ffa657; --log: #8b96a3; } }
    text { font-family: system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; fill: var(--ink); }
    .page { fill: var(--page); } .box { fill: var(--box); stroke: var(--line); } .node { fill: var(--node); stroke: var(--line); stroke-width: .7; }
    .head { font-size: 18px; font-weight: 600; } .group { font-size: 15px; font-weight: 700; } .name { font-size: 14px; font-weight: 600; }
    .kind { font-size: 12.5px; fill: var(--soft); } .edge { font-size: 13px; } .other { font-size: 11.5px; fill: var(--soft); }
    path { fill: none; stroke-width: 1.8; } .halo { stroke: var(--page); stroke-width: 5; }
    .do { stroke: var(--do); } .in { stroke: var(--in); } .out { stroke: var(--out); } .tell { stroke: var(--tell); } .log { stroke: var(--log); }
    .tip { stroke: none; } .tip.do, .verb.do { fill: var(--do); } .tip.in, .verb.in { fill: var(--in); } .tip.out, .verb.out { fill: var(--out); }
    .tip.tell, .verb.tell { fill: var(--tell); } .tip.log, .verb.log { fill: var(--log); } .verb { stroke: none; font-weight: 600; }
  `
