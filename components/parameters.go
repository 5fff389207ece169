package components

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"ds-pipeline/preprocess/contract"
)

// newParameters stores the job's settings under prefix, in the order of the
// contract. values is keyed by the contract's names; an optional parameter
// without a value is not created, so that the job sees it as not set.
func newParameters(ctx *pulumi.Context, name, prefix string, values map[string]pulumi.StringInput, parent pulumi.Resource) error {
	for _, p := range contract.Parameters() {
		value, ok := values[p.Name]
		if !ok {
			if p.Required {
				return fmt.Errorf("parameter %q: the job requires it and it has no value", p.Name)
			}
			continue
		}
		if err := newParameter(ctx, name+"-"+p.Name, prefix+p.Name, p.About, value, parent); err != nil {
			return err
		}
	}
	return nil
}

// parameterArns names every parameter that the job may ask for, also those that
// are not set: asking for one without permission would be an error.
func parameterArns(place Place, prefix string) []string {
	var arns []string
	for _, p := range contract.Parameters() {
		arns = append(arns, place.arn("ssm", "parameter"+prefix+p.Name))
	}
	return arns
}
