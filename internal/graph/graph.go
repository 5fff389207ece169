// Package graph draws who does what to what in a planned stack: which resource
// starts, reads, writes or tells which other one, as far as the plan says so in
// permissions and in references between resources.
package graph

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
)

// Resource is a planned resource with its resolved inputs and outputs, as JSON
// values. Component is the name of the component that it belongs to, Kind that
// component's type.
type Resource struct {
	Type, Name      string
	Component, Kind string
	Inputs, Outputs map[string]any
}

// Edge says that an actor does something to a target, both by their names in
// Nodes. Data or control flows from the actor to the target, or back when
// Inward: when it reads.
type Edge struct {
	From, To string
	Verb     string
	Inward   bool
}

// Node is a resource that takes part, or several of one type that do the same.
type Node struct {
	Name  string   // of the first one
	Names []string // of all
	Type  string
}

// Group is a component with its nodes, and the resources that take no part,
// counted by type.
type Group struct {
	Name, Kind string
	Nodes      []Node
	Others     map[string]int
}

// Graph is what Draw draws.
type Graph struct {
	Groups []Group
	Edges  []Edge
}

// Of finds the nodes and edges of a plan. A policy that cannot be read is an
// error.
func Of(resources []Resource) (*Graph, error) {
	b := &builder{edges: map[Edge]bool{}, actor: map[string][]*Resource{}, rules: map[string]*Resource{}}
	// The engine creates what does not depend on each other in any order.
	resources = slices.Clone(resources)
	slices.SortFunc(resources, func(a, b Resource) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Type, b.Type))
	})
	for i := range resources {
		r := &resources[i]
		r.Name = contentHash.ReplaceAllString(r.Name, "")
		b.add(r)
	}
	for i := range resources {
		b.follow(&resources[i])
	}
	var errs []error
	for i := range resources {
		if resources[i].Type == rolePolicy {
			errs = append(errs, b.permit(&resources[i]))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return b.graph(resources), nil
}

// contentHash ends the name of what is named by its content.
var contentHash = regexp.MustCompile(`-[0-9a-f]{16}$`)

type builder struct {
	known []address
	edges map[Edge]bool
	actor map[string][]*Resource // who takes on a role, by the role's name and ARN
	rules map[string]*Resource   // rules by their name in AWS
}

// address is how policies and other resources speak of a resource.
type address struct {
	text string
	r    *Resource
}

// isPart says whether resources of a type belong to another one and are not drawn.
func isPart(typ string) bool {
	return strings.HasPrefix(typ, "aws:iam/") || typ == eventTarget || strings.HasSuffix(typ, "Policy") ||
		strings.HasPrefix(typ, "aws:s3/") && typ != bucket
}

const (
	bucket         = "aws:s3/bucketV2:BucketV2"
	eventTarget    = "aws:cloudwatch/eventTarget:EventTarget"
	eventRule      = "aws:cloudwatch/eventRule:EventRule"
	rolePolicy     = "aws:iam/rolePolicy:RolePolicy"
	alarm          = "aws:cloudwatch/metricAlarm:MetricAlarm"
	subscription   = "aws:sns/topicSubscription:TopicSubscription"
	schedule       = "aws:scheduler/schedule:Schedule"
	taskDefinition = "aws:ecs/taskDefinition:TaskDefinition"
	machine        = "aws:sfn/stateMachine:StateMachine"
	budget         = "aws:budgets/budget:Budget"
)

func (b *builder) add(r *Resource) {
	if r.Type == eventRule {
		b.rules[text(r.Inputs["name"])] = r
	}
	if isPart(r.Type) {
		return
	}
	for _, key := range []string{"arn", "arnWithoutRevision"} {
		if arn := text(r.Outputs[key]); strings.HasPrefix(arn, "arn:") {
			b.known = append(b.known, address{strings.TrimSuffix(arn, ":*"), r})
		}
	}
}

// find returns the resources that an ARN in a policy, which may end in a part of
// the resource and hold wildcards, or a reference means.
func (b *builder) find(arn string) []*Resource {
	var found []*Resource
	for _, a := range b.known {
		same := arn == a.text || strings.HasPrefix(arn, a.text+"/") || strings.HasPrefix(arn, a.text+":")
		// A policy names every revision of a task definition at once.
		if stem, ok := strings.CutSuffix(arn, ":*"); ok && strings.HasPrefix(a.text, stem+":") {
			same = true
		}
		if stem, ok := strings.CutSuffix(arn, "*"); ok && strings.Count(stem, ":") >= 5 && strings.HasPrefix(a.text, stem) {
			same = true
		}
		if same && !slices.Contains(found, a.r) {
			found = append(found, a.r)
		}
	}
	return found
}

func (b *builder) edge(from, to *Resource, verb string, inward bool) {
	if from != nil && to != nil && from.Name != to.Name {
		b.edges[Edge{from.Name, to.Name, verb, inward}] = true
	}
}

// follow adds the edges that one resource tells of.
func (b *builder) follow(r *Resource) {
	switch r.Type {
	case eventTarget:
		rule := b.rules[text(r.Inputs["rule"])]
		b.to(rule, r.Inputs["arn"], "starts")
		b.to(rule, at(r.Inputs, "deadLetterConfig", "arn"), "leaves lost starts in")
		b.takesOn(rule, r.Inputs["roleArn"])
	case schedule:
		b.to(r, at(r.Inputs, "target", "arn"), "starts")
		b.to(r, at(r.Inputs, "target", "deadLetterConfig", "arn"), "leaves lost starts in")
		b.takesOn(r, at(r.Inputs, "target", "roleArn"))
	case alarm:
		for _, arn := range list(r.Inputs["alarmActions"]) {
			b.to(r, arn, "tells")
		}
	case budget:
		for _, n := range list(r.Inputs["notifications"]) {
			for _, arn := range list(at(n, "subscriberSnsTopicArns")) {
				b.to(r, arn, "tells")
			}
		}
	case subscription:
		for _, topic := range b.find(text(r.Inputs["topic"])) {
			b.edge(topic, r, "sends to", false)
		}
	case machine:
		b.takesOn(r, r.Inputs["roleArn"])
		b.to(r, at(r.Inputs, "loggingConfiguration", "logDestination"), "logs to")
	case taskDefinition:
		b.takesOn(r, r.Inputs["taskRoleArn"])
		// The agent that starts the task takes it on, to pull and to log.
		b.takesOn(r, r.Inputs["executionRoleArn"])
	}
}

func (b *builder) to(from *Resource, arn any, verb string) {
	for _, target := range b.find(strings.TrimSuffix(text(arn), ":*")) {
		b.edge(from, target, verb, false)
	}
}

func (b *builder) takesOn(r *Resource, arn any) {
	_, name, ok := strings.Cut(text(arn), ":role/")
	if ok && r != nil && !slices.Contains(b.actor[name], r) {
		b.actor[name] = append(b.actor[name], r)
	}
}

// graph puts everything in order.
func (b *builder) graph(resources []Resource) *Graph {
	g := &Graph{}
	in := map[string]bool{}
	for e := range b.edges {
		in[e.From], in[e.To] = true, true
	}
	index := map[string]int{}
	for _, r := range resources {
		i, ok := index[r.Component]
		if !ok {
			i = len(g.Groups)
			index[r.Component] = i
			g.Groups = append(g.Groups, Group{Name: r.Component, Kind: r.Kind, Others: map[string]int{}})
		}
		if in[r.Name] && !isPart(r.Type) {
			g.Groups[i].Nodes = append(g.Groups[i].Nodes, Node{Name: r.Name, Names: []string{r.Name}, Type: r.Type})
		} else {
			g.Groups[i].Others[r.Type]++
		}
	}
	b.merge(g)
	g.sort()
	return g
}

// permit turns the statements of a role's policy into edges of who takes the
// role on.
func (b *builder) permit(r *Resource) error {
	var document struct{ Statement []statement }
	if json.Unmarshal([]byte(text(r.Inputs["policy"])), &document) != nil {
		return fmt.Errorf("%s: policy: %q is not a policy document", r.Name, text(r.Inputs["policy"]))
	}
	name := text(r.Inputs["role"])
	for _, s := range document.Statement {
		if s.Effect != "Allow" {
			continue
		}
		for _, action := range list(s.Action) {
			v, ok := verbOf(text(action))
			if !ok {
				continue
			}
			for _, arn := range list(s.Resource) {
				for _, target := range b.find(text(arn)) {
					for _, actor := range b.actor[name] {
						b.edge(actor, target, v.text, v.inward)
					}
				}
			}
		}
	}
	return nil
}

type statement struct {
	Effect           string
	Action, Resource any
}

type verb struct {
	text   string
	inward bool
}

// verbs are the actions that say what a resource is for, in words. Others, such
// as looking whether something is there, say nothing that these do not.
var verbs = map[string]verb{
	"s3:GetObject":            {"reads", true},
	"s3:PutObject":            {"writes", false},
	"ssm:GetParameter":        {"reads", true},
	"ssm:GetParameters":       {"reads", true},
	"ssm:GetParametersByPath": {"reads", true},
	"dynamodb:PutItem":        {"claims the period in", false},
	"dynamodb:UpdateItem":     {"claims the period in", false},
	"ecs:RunTask":             {"runs", false},
	"ecr:BatchGetImage":       {"is pulled from", true},
	"logs:PutLogEvents":       {"logs to", false},
	"sns:Publish":             {"tells", false},
	"sqs:SendMessage":         {"sends to", false},
	"states:StartExecution":   {"starts", false},
	"kms:Decrypt":             {"decrypts with", true},
}

func verbOf(action string) (verb, bool) {
	v, ok := verbs[action]
	return v, ok
}

// merge makes one node of those in a group that have the same type and the same
// edges, such as a dozen alarms.
func (b *builder) merge(g *Graph) {
	renamed := map[string]string{}
	for i := range g.Groups {
		group := &g.Groups[i]
		byRole := map[string]int{}
		var merged []Node
		for _, n := range group.Nodes {
			var does []string
			for e := range b.edges {
				switch n.Name {
				case e.From:
					does = append(does, ">"+e.Verb+" "+e.To)
				case e.To:
					does = append(does, "<"+e.Verb+" "+e.From)
				}
			}
			slices.Sort(does)
			id := n.Type + strings.Join(does, "|")
			if at, ok := byRole[id]; ok && n.Type != bucket {
				merged[at].Names = append(merged[at].Names, n.Name)
				renamed[n.Name] = merged[at].Name
				continue
			}
			byRole[id] = len(merged)
			merged = append(merged, n)
		}
		group.Nodes = merged
	}
	edges := map[Edge]bool{}
	for e := range b.edges {
		if to, ok := renamed[e.From]; ok {
			e.From = to
		}
		if to, ok := renamed[e.To]; ok {
			e.To = to
		}
		edges[e] = true
	}
	g.Edges = slices.SortedFunc(maps.Keys(edges), func(a, b Edge) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.Verb, b.Verb), cmp.Compare(a.To, b.To))
	})
}

// sort orders groups and nodes so that who acts stands above what it acts on, as
// far as there are no circles.
func (g *Graph) sort() {
	where := map[string]string{}
	for _, group := range g.Groups {
		for _, n := range group.Nodes {
			where[n.Name] = group.Name
		}
	}
	between := map[[2]string]bool{}
	weight := map[string]int{} // of what a group does elsewhere; starting counts most
	for _, e := range g.Edges {
		if a, b := where[e.From], where[e.To]; a != b {
			between[[2]string{a, b}] = true
			weight[a]++
			if e.class() == "do" {
				weight[a] += len(g.Edges)
			}
		}
	}
	slices.SortFunc(g.Groups, func(a, b Group) int {
		return cmp.Or(cmp.Compare(weight[b.Name], weight[a.Name]), cmp.Compare(a.Name, b.Name))
	})
	g.Groups = topological(g.Groups, func(a Group) string { return a.Name }, between)
	within := map[[2]string]bool{}
	for _, e := range g.Edges {
		within[[2]string{e.From, e.To}] = true
	}
	for i := range g.Groups {
		g.Groups[i].Nodes = topological(g.Groups[i].Nodes, func(n Node) string { return n.Name }, within)
	}
}

// topological repeatedly takes what the last one taken acts on, else what is left;
// of those, the first that the fewest of the rest act on.
func topological[T any](list []T, name func(T) string, acts map[[2]string]bool) []T {
	rest := slices.Clone(list)
	var out []T
	for len(rest) > 0 {
		best, fewest := 0, math.MaxInt
		for i, candidate := range rest {
			n := 0
			for _, other := range rest {
				if acts[[2]string{name(other), name(candidate)}] {
					n++
				}
			}
			if len(out) == 0 || !acts[[2]string{name(out[len(out)-1]), name(candidate)}] {
				n += len(list)
			}
			if n < fewest {
				best, fewest = i, n
			}
		}
		out = append(out, rest[best])
		rest = slices.Delete(rest, best, best+1)
	}
	return out
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

// list makes a list of what may stand alone.
func list(v any) []any {
	switch v := v.(type) {
	case []any:
		return v
	case nil:
		return nil
	}
	return []any{v}
}

// at walks into nested objects, through lists of one.
func at(v any, keys ...string) any {
	for _, key := range keys {
		if one, ok := v.([]any); ok && len(one) > 0 {
			v = one[0]
		}
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[key]
	}
	return v
}
