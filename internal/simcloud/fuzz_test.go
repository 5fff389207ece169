package simcloud

import (
	"strings"
	"testing"
)

// The checkers read text that a program made. Whatever it is, they answer; and
// what is not JSON never passes.

func FuzzStates(f *testing.F) {
	for _, s := range []string{`{`, `[]`, machine(`"A": {"Type": "Succeed"}`), machine(`"A": {` + runTask + `, "End": true}`),
		machine(`"A": {"Type": "Choice", "Choices": [{"And": [{"Variable": "$.a", "IsPresent": true}], "Next": "A"}]}`),
		machine(`"A": {"Type": "Map", "Iterator": {"StartAt": "B", "States": {"B": {"Type": "Fail"}}}, "Catch": [{}], "Retry": [null], "End": true}`)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		problems := checkStates(s)
		if err := parseJSON(s, new(any)); err != nil && len(problems) == 0 {
			t.Errorf("%q passes, though it is no JSON: %v", s, err)
		}
	})
}

func FuzzPolicy(f *testing.F) {
	for _, s := range []string{`{`, `[]`, oneStatement(allow), oneStatement(assume), oneStatement(onBucket), oneStatement(`"Condition": {"Bool": {"a:b": [null]}}`)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, kind := range []policyKind{identityPolicy, trustPolicy, resourcePolicy, repositoryPolicy} {
			problems := policyProblems(s, kind)
			if err := parseJSON(s, new(any)); err != nil && len(problems) == 0 {
				t.Errorf("%q passes, though it is no JSON: %v", s, err)
			}
		}
		publicPolicy(s)
	})
}

func FuzzContainers(f *testing.F) {
	for _, s := range []string{`[]`, `[{}]`, `[{"name": "a", "image": "b", "logConfiguration": {"logDriver": "awslogs"}}]`, `[{"environment": [null], "mountPoints": [1], "cpu": "x"}]`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c := &checking{typ: catalog()[taskDefinitionType], session: testSession(), props: map[string]any{
			"containerDefinitions": s, "requiresCompatibilities": []any{"FARGATE"}, "cpu": "256", "memory": "512",
		}}
		containers(c)
		if err := parseJSON(s, new(any)); err != nil && len(c.problems) == 0 {
			t.Errorf("%q passes, though it is no JSON: %v", s, err)
		}
	})
}

func FuzzSchedule(f *testing.F) {
	for _, s := range []string{"cron(0 9 15 * ? *)", "rate(1 day)", "at(2026-11-15T09:00:00)", "cron(0/5 8-17 ? * MON-FRI,SUN 2026/2)", "cron(L LW 3W ? #6 -)"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if checkSchedule(s, true) == "" && !strings.HasSuffix(s, ")") {
			t.Errorf("%q passes, though it does not end in )", s)
		}
	})
}
