package main

import (
	"encoding/json"
	"testing"

	"ds-pipeline/internal/cost"
	"ds-pipeline/stack"
)

func TestCost_devStandsBelowOneDollar(t *testing.T) {
	status, out, errs := plan(t, stack.Deploy, nil, "--stack", "dev", "--dir", root, "--cost", "--json")
	var e cost.Estimate
	if err := json.Unmarshal([]byte(out), &e); err != nil || status != exitOK {
		t.Fatalf("got status %d, %v\n%s", status, err, errs)
	}
	if e.Region != "us-east-1" || e.AtRestUSD <= 0 || e.AtRestUSD >= 1 || e.PerRunUSD <= 0 {
		t.Errorf("got %+v, want less than a dollar at rest in us-east-1", e)
	}
}
