package main

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"ds-pipeline/internal/cost"
	"ds-pipeline/internal/simcloud/simstack"
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

// planned deploys a stack of this project in the simulated cloud, with further
// keys of configuration.
func planned(t *testing.T, name string, more map[string]string) *simstack.Result {
	t.Helper()
	dir := t.TempDir()
	// What is built is the project's own; only the configuration may differ.
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	settings := "Pulumi." + name + ".yaml"
	for _, entry := range entries {
		if entry.Name() == settings {
			continue
		}
		from, err := filepath.Abs(filepath.Join(root, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(from, filepath.Join(dir, entry.Name())); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(filepath.Join(root, settings))
	if err != nil {
		t.Fatal(err)
	}
	for key, value := range more {
		text = append(text, "  ds-pipeline:"+key+": "+value+"\n"...)
	}
	if err := os.WriteFile(filepath.Join(dir, settings), text, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := simstack.Open(t.Context(), stack.Deploy, simstack.OpenOptions{Dir: dir, Stack: name, Env: func(string) string { return "" }})
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Up(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestCostEstimate_isWhatThePlanCosts holds the stack's output, which knows only
// what is plain while the program runs, to the estimate from everything resolved.
func TestCostEstimate_isWhatThePlanCosts(t *testing.T) {
	image := map[string]string{"imageUri": "111111111111.dkr.ecr.us-east-1.amazonaws.com/ds@sha256:" +
		"0123456789012345678901234567890123456789012345678901234567890123"}
	for name, c := range map[string]struct {
		stack string
		more  map[string]string
	}{
		"dev":       {"dev", nil},
		"prod":      {"prod", nil},
		"endpoints": {"dev", map[string]string{"networkMode": "endpoints", "egressPerZone": "true"}},
		"private":   {"dev", map[string]string{"networkMode": "private", "flowLogs": "true"}},
		"cheap":     {"dev", map[string]string{"useSpot": "true", "architecture": "arm64", "taskStorageGiB": "100"}},
		"spread":    {"prod", map[string]string{"scaleOut": "prefix", "scaleOutSpot": "true", "networkMode": "private"}},
		"ranges":    {"dev", map[string]string{"scaleOut": "object", "networkMode": "endpoints"}},
		"told":      {"dev", map[string]string{"notifySuccess": "true", "notificationEmail": "a@example.org", "monthlyBudgetUSD": "5"}},
	} {
		t.Run(name, func(t *testing.T) {
			more := maps.Clone(image)
			maps.Copy(more, c.more)
			plan := planned(t, c.stack, more)
			want, err := estimateOf(plan.Resources, cost.Defaults())
			if err != nil {
				t.Fatal(err)
			}
			got := plan.Outputs["costEstimate"].ObjectValue()
			for key, number := range map[resource.PropertyKey]float64{
				"atRestUSD": want.AtRestUSD, "atRestListUSD": want.AtRestList, "perRunUSD": want.PerRunUSD, "perRunListUSD": want.PerRunList, "monthUSD": want.MonthUSD,
			} {
				if !got[key].IsNumber() || got[key].NumberValue() != number {
					t.Errorf("%s: got %v, want %v", key, got[key], number)
				}
			}
			if got["asOf"].V != want.AsOf || got["region"].V != want.Region || len(got["notPriced"].ArrayValue()) != len(want.NotPriced) {
				t.Errorf("got %v of %v, %v not priced; want %v of %v, %v", got["asOf"], got["region"], got["notPriced"], want.AsOf, want.Region, want.NotPriced)
			}
			if len(want.NotPriced) > 0 {
				t.Errorf("not priced: %v", want.NotPriced)
			}
			if got["assumptions"].ObjectValue()["inputGB"].V != want.Assumptions.InputGB {
				t.Errorf("got %v, want the assumptions of the estimate", got["assumptions"])
			}
		})
	}
}
