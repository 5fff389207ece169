package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"ds-pipeline/internal/review"
	"ds-pipeline/stack"
)

func TestIAM_saysWhoMayDoWhat(t *testing.T) {
	status, out, errs := plan(t, stack.Deploy, nil, "--stack", "dev", "--dir", root, "--iam")
	if status != exitOK {
		t.Fatalf("status %d: %s", status, errs)
	}
	for _, want := range []string{
		"role processing-task-role\n  may ssm:GetParameters  (processing-task-role-policy: ReadSettings)\n      on arn:aws:ssm:us-east-1:111111111111:parameter/ds/preprocessing/input-bucket\n",
		"  may ecs:RunTask  (pipeline-role-policy: RunTask)\n      on arn:aws:ecs:us-east-1:111111111111:task-definition/ds-preprocessing:*\n      if ecs:cluster ArnEquals arn:aws:ecs:us-east-1:111111111111:cluster/ds-processing-cluster\n",
		"service states.amazonaws.com\n  may sts:AssumeRole  (pipeline-role: Assume)\n",
		"anybody\n", "  MAY NOT s3:*  (data-input-policy: DenyPlainHTTP)\n",
		"service events.amazonaws.com\n", "  may sqs:SendMessage  (schedule-dead-letters-policy: ReceiveFromRule)\n",
		"through endpoint processing-network-s3\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("does not say\n%s", want)
		}
	}
}

func TestIAM_hasEveryStatementOfThePlan(t *testing.T) {
	_, planned, _ := plan(t, stack.Deploy, nil, "--stack", "prod", "--dir", root, "--json")
	status, out, errs := plan(t, stack.Deploy, nil, "--stack", "prod", "--dir", root, "--iam", "--json")
	var doc document
	var listed struct{ Grants []review.Grant }
	if err := json.Unmarshal([]byte(planned), &doc); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(out), &listed); err != nil || status != exitOK {
		t.Fatalf("status %d: %v %s", status, err, errs)
	}
	statements := 0
	for _, r := range doc.Resources {
		for _, v := range r.Inputs {
			text, ok := v.(string)
			if !ok || !strings.HasPrefix(text, `{"Version":"2012-10-17"`) {
				continue
			}
			var p struct{ Statement []struct{ Sid string } }
			if err := json.Unmarshal([]byte(text), &p); err != nil {
				t.Fatal(err)
			}
			for _, s := range p.Statement {
				statements++
				if !slices.ContainsFunc(listed.Grants, func(g review.Grant) bool { return g.Where == r.Name && g.Why == s.Sid }) {
					t.Errorf("%s %s: statement %s is not listed", r.Type, r.Name, s.Sid)
				}
			}
		}
	}
	if statements < 50 {
		t.Errorf("%d statements in the plan", statements)
	}
}
