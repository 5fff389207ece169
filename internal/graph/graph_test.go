package graph

import (
	"encoding/xml"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

const account = "us-east-1:111111111111"

func plan(policy string) []Resource {
	machineARN := "arn:aws:states:" + account + ":stateMachine:m"
	return []Resource{
		{Type: bucket, Name: "data-in", Component: "data", Outputs: map[string]any{"arn": "arn:aws:s3:::in"}},
		{Type: bucket, Name: "data-inner", Component: "data", Outputs: map[string]any{"arn": "arn:aws:s3:::in-ner"}},
		{Type: machine, Name: "m", Component: "work", Inputs: map[string]any{"roleArn": "arn:aws:iam::111111111111:role/r"}, Outputs: map[string]any{"arn": machineARN}},
		{Type: rolePolicy, Name: "p", Component: "work", Inputs: map[string]any{"role": "r", "policy": policy}},
		{Type: taskDefinition, Name: "task", Component: "work", Outputs: map[string]any{"arn": "arn:aws:ecs:" + account + ":task-definition/t:3"}},
		{Type: eventRule, Name: "rule", Component: "when", Inputs: map[string]any{"name": "rule-1"}},
		{Type: eventTarget, Name: "target", Component: "when", Inputs: map[string]any{"rule": "rule-1", "arn": machineARN}},
		{Type: alarm, Name: "alarm-a", Component: "when", Inputs: map[string]any{"alarmActions": []any{"arn:aws:sns:" + account + ":t"}}},
		{Type: alarm, Name: "alarm-b", Component: "when", Inputs: map[string]any{"alarmActions": []any{"arn:aws:sns:" + account + ":t"}}},
		{Type: "aws:sns/topic:Topic", Name: "topic", Component: "when", Outputs: map[string]any{"arn": "arn:aws:sns:" + account + ":t"}},
	}
}

const allowed = `{"Statement":[
	{"Effect":"Allow","Action":["s3:GetObject","s3:ListBucket"],"Resource":"arn:aws:s3:::in/raw/*"},
	{"Effect":"Allow","Action":"ecs:RunTask","Resource":["arn:aws:ecs:us-east-1:111111111111:task-definition/t:*"]},
	{"Effect":"Deny","Action":"sns:Publish","Resource":["arn:aws:sns:us-east-1:111111111111:t"]},
	{"Effect":"Allow","Action":"s3:PutObject","Resource":"*"}]}`

func TestOf_findsWhoDoesWhat(t *testing.T) {
	g, err := Of(plan(allowed))
	if err != nil {
		t.Fatal(err)
	}
	want := []Edge{
		{From: "alarm-a", To: "topic", Verb: "tells"},
		{From: "m", To: "data-in", Verb: "reads", Inward: true},
		{From: "m", To: "task", Verb: "runs"},
		{From: "rule", To: "m", Verb: "starts"},
	}
	if !slices.Equal(g.Edges, want) {
		t.Errorf("got %v, want %v", g.Edges, want)
	}
}

func TestOf_putsActorsFirstAndCountsTheRest(t *testing.T) {
	g, err := Of(plan(allowed))
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, group := range g.Groups {
		order = append(order, group.Name)
	}
	if want := []string{"when", "work", "data"}; !slices.Equal(order, want) {
		t.Errorf("got groups %v, want %v", order, want)
	}
	if got := g.Groups[2].Others[bucket]; got != 1 {
		t.Errorf("got %d other buckets, want the one that nobody reads", got)
	}
	for _, n := range g.Groups[0].Nodes {
		if n.Type == alarm && !slices.Equal(n.Names, []string{"alarm-a", "alarm-b"}) {
			t.Errorf("got alarms %v, want both in one node", n.Names)
		}
	}
}

func TestOf_namesAPolicyThatIsNone(t *testing.T) {
	_, err := Of(plan("none"))
	if want := `p: policy: "none" is not a policy document`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestSVG_isTheSameEachTimeAndWellFormed(t *testing.T) {
	var first string
	for range 20 {
		resources := plan(allowed)
		rand.Shuffle(len(resources), func(i, j int) { resources[i], resources[j] = resources[j], resources[i] })
		g, err := Of(resources)
		if err != nil {
			t.Fatal(err)
		}
		text := g.SVG(`a <b> & "c"`)
		if first == "" {
			first = text
		}
		if text != first {
			t.Fatal("got two drawings of one plan")
		}
	}
	decoder := xml.NewDecoder(strings.NewReader(first))
	for {
		_, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if !strings.Contains(first, `a &lt;b&gt; &amp;`) || !strings.Contains(first, "prefers-color-scheme: dark") {
		t.Error("the title or the dark colors are missing")
	}
}

func TestAssign_keepsBusesApart(t *testing.T) {
	var buses []*bus
	for i := range 40 {
		buses = append(buses, &bus{target: float64(i * 37 % 400), actors: []float64{float64(i * 91 % 400), float64(i * 53 % 400)}})
	}
	n := assign(buses)
	for i, a := range buses {
		if a.track >= n {
			t.Errorf("track %d of %d", a.track, n)
		}
		for _, b := range buses[:i] {
			topA, bottomA := a.span()
			topB, bottomB := b.span()
			if a.track == b.track && topA <= bottomB && topB <= bottomA {
				t.Errorf("two buses share track %d between %g-%g and %g-%g", a.track, topA, bottomA, topB, bottomB)
			}
		}
	}
}
