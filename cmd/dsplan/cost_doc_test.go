package main

import (
	"os"
	"path/filepath"
	"testing"

	"ds-pipeline/internal/cost"
)

// TestCostDoc_isWhatThePlansCost compares docs/cost.md with the plans of both
// stacks; UPDATE_GOLDEN=1 writes it.
func TestCostDoc_isWhatThePlansCost(t *testing.T) {
	var stacks []cost.Named
	for _, name := range []string{"dev", "prod"} {
		e, err := estimateOf(planned(t, name, nil).Resources, cost.Defaults())
		if err != nil {
			t.Fatal(err)
		}
		stacks = append(stacks, cost.Named{Name: name, Estimate: e})
	}
	if dev := stacks[0]; dev.AtRestUSD >= 1 {
		t.Errorf("dev costs %.2f a month at rest, want less than 1", dev.AtRestUSD)
	}
	got, file := cost.Markdown(stacks), filepath.Join(root, "docs", "cost.md")
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; after a change that is meant, run `make golden` and review the diff. Got\n%s", file, got)
	}
}
