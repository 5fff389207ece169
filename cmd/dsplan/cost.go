package main

import (
	"encoding/json"
	"io"
	"strings"

	pkgresource "github.com/pulumi/pulumi/pkg/v3/resource"

	"ds-pipeline/internal/cost"
	"ds-pipeline/internal/simcloud/simstack"
)

// printCost prints what the planned resources cost.
func printCost(w io.Writer, planned *simstack.Result, flags cli) error {
	estimate, err := estimateOf(planned.Resources, flags.assumed())
	if err != nil {
		return err
	}
	if flags.JSON {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(estimate)
	}
	_, err = io.WriteString(w, estimate.Text())
	return err
}

// assumed are the assumptions about runs.
func (flags cli) assumed() cost.Assumptions {
	assumed := cost.Defaults()
	assumed.InputGB, assumed.Objects, assumed.RunsPerMonth = flags.InputGB, flags.Objects, flags.Runs
	return assumed
}

// estimateOf is what resources cost, in the region of their provider.
func estimateOf(states []*pkgresource.State, assumed cost.Assumptions) (*cost.Estimate, error) {
	region := ""
	var resources []cost.Resource
	for _, r := range states {
		inputs := plainMap(r.Inputs)
		if r.Type == "pulumi:providers:aws" && region == "" {
			region, _ = inputs["region"].(string)
		}
		if r.Custom && !strings.HasPrefix(string(r.Type), "pulumi:") {
			resources = append(resources, cost.Resource{Type: string(r.Type), Name: r.URN.Name(), Inputs: inputs})
		}
	}
	return cost.Of(region, resources, assumed)
}
