package main

import (
	"encoding/json"
	"io"
	"strings"

	"ds-pipeline/internal/cost"
	"ds-pipeline/internal/simcloud/simstack"
)

// printCost prints what the planned resources cost.
func printCost(w io.Writer, planned *simstack.Result, flags cli) error {
	assumed := cost.Defaults()
	assumed.InputGB, assumed.RunsPerMonth = flags.InputGB, flags.Runs
	estimate, err := estimateOf(planned, assumed)
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

// estimateOf is what the planned resources cost, in the region of their provider.
func estimateOf(planned *simstack.Result, assumed cost.Assumptions) (*cost.Estimate, error) {
	region := ""
	var resources []cost.Resource
	for _, r := range planned.Resources {
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
