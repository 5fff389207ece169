// Package parameters reads the outputs of a stack from Parameter Store, for
// services. It is package outputs without Pulumi, which a service has no use for:
// docs/decisions/outputs.md tells what that saves.
package parameters

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"ds-pipeline/preprocess/contract"
)

// Outputs are the outputs of a stack that are text; "" is one that there is not.
type Outputs = contract.StackOutputs[string]

// Options say where a stack is.
type Options struct {
	// Prefix comes before the names of the stack's parameters, and is the stack's
	// configuration parameterPrefix. It starts and ends with a slash.
	Prefix string
}

// batch is how many parameters one request may ask for.
const batch = 10

// Read reads the outputs of a stack in the account and region of cfg: below
// /ds/preprocessing/ unless an option says otherwise. It asks three times, for up
// to ten parameters each, so a service asks once, when it starts.
//
// The caller needs ssm:GetParameters on <prefix>outputs/* and nothing else. It is
// an error if the stack is older than this package, or of a newer major version,
// or if outputs that always exist are missing, which are then all named.
func Read(ctx context.Context, cfg aws.Config, with ...func(*Options)) (*Outputs, error) {
	options := Options{Prefix: contract.DefaultParameterPrefix}
	for _, f := range with {
		f(&options)
	}
	prefix := options.Prefix
	if !strings.HasPrefix(prefix, "/") || !strings.HasSuffix(prefix, "/") {
		return nil, fmt.Errorf("prefix: got %q, want a path that starts and ends with a slash, such as %s", prefix, contract.DefaultParameterPrefix)
	}
	read, err := stored(ctx, ssm.NewFromConfig(cfg), prefix)
	if err == nil {
		var outputs *Outputs
		if outputs, err = from(read); err == nil {
			return outputs, nil
		}
	}
	return nil, fmt.Errorf("outputs of the stack below %s in Parameter Store, region %s: %w", prefix, cfg.Region, err)
}

// stored reads the parameters that there are, by the names of the outputs.
func stored(ctx context.Context, client *ssm.Client, prefix string) (map[string]string, error) {
	var names []string
	output := map[string]string{} // by parameter
	for _, o := range contract.Outputs() {
		if o.Name != "" {
			names = append(names, prefix+o.Name)
			output[prefix+o.Name] = o.Stack
		}
	}
	read := map[string]string{}
	for some := range slices.Chunk(names, batch) {
		answer, err := client.GetParameters(ctx, &ssm.GetParametersInput{Names: some})
		if err != nil {
			return nil, err
		}
		for _, p := range answer.Parameters {
			read[output[aws.ToString(p.Name)]] = aws.ToString(p.Value)
		}
	}
	return read, nil
}

// from checks what was read. An empty value counts as none.
func from(read map[string]string) (*Outputs, error) {
	outputs := &Outputs{}
	var missing []string
	found := false
	outputs.Each(func(o contract.Output, value *string) {
		*value = read[o.Stack]
		found = found || *value != ""
		if *value == "" && !o.Optional {
			missing = append(missing, o.Stack)
		}
	})
	if !found {
		return nil, errors.New("there are none: deploy the stack there, or choose another region, account or prefix")
	}
	if err := contract.CheckOutputsVersion(outputs.OutputsVersion, contract.OutputsVersion); err != nil {
		return nil, err
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("missing: %s: somebody deleted them; `pulumi refresh` and `pulumi up` of the stack bring them back", strings.Join(missing, ", "))
	}
	return outputs, nil
}
