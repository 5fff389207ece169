package main

import (
	"os"
	"strings"
	"testing"

	"ds-pipeline/stack"
)

// The drawing in docs/architecture.md is that of the plan.
func TestGraph_isTheOneInTheDocs(t *testing.T) {
	const file = root + "/docs/architecture.svg"
	status, got, stderr := plan(t, stack.Deploy, nil, "--stack", "prod", "--dir", root, "--graph", "svg")
	if status != exitOK {
		t.Fatalf("status %d: %s", status, stderr)
	}
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v; run `make golden`", err)
	}
	if got != string(want) {
		t.Errorf("docs/architecture.svg is stale; run `make golden` and look at the drawing")
	}
}

func TestGraph_drawsAStackWithoutComponents(t *testing.T) {
	status, got, stderr := plan(t, queue, nil, "--stack", "dev", "--dir", project(t, plainSettings), "--graph", "svg")
	if status != exitOK || !strings.Contains(got, "Stack dev: who does what") || !strings.Contains(got, "SQS queue") {
		t.Errorf("got status %d, %s%s", status, got, stderr)
	}
}
