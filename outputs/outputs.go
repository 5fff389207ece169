// Package outputs reads what a stack of ds-pipeline exports: in a Pulumi program
// by a reference to the stack, in a service from Parameter Store. Both give the
// same names. docs/outputs.md lists them.
//
// A program is built with one version of the list of outputs, and reads any stack
// of that version or of a later one with the same major number. Anything else is
// an error that says which of the two is too old.
package outputs

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"ds-pipeline/outputs/parameters"
	"ds-pipeline/preprocess/contract"
)

// Version is the version of the list of outputs that this package reads.
const Version = contract.OutputsVersion

// Outputs are what FromParameters reads: every output that is text; "" is one that
// there is not.
type Outputs = parameters.Outputs

// Options are those of FromParameters.
type Options = parameters.Options

// FromParameters reads the outputs of a stack from Parameter Store, as
// parameters.Read, which links no Pulumi.
func FromParameters(ctx context.Context, cfg aws.Config, with ...func(*Options)) (*Outputs, error) {
	return parameters.Read(ctx, cfg, with...)
}

// Stack is what FromStack reads. Each output depends on the reference, and is a
// secret if it is one in the other stack. An optional output that there is not
// resolves to "".
type Stack struct {
	contract.StackOutputs[pulumi.StringOutput]

	// CostEstimate is an object: asOf, atRestUSD, perRunUSD and more.
	CostEstimate pulumi.AnyOutput
}

// FromStack reads the outputs of the stack that ref refers to. What is wrong with
// them is an error at once, in a preview too, before the caller creates anything:
// a stack that is older than this package, or of a newer major version, or that
// lacks outputs, which are then all named.
//
// The name of the stack must be known while the program runs; it may not come from
// a resource that a preview has yet to create.
func FromStack(ref *pulumi.StackReference) (*Stack, error) {
	if ref == nil {
		return nil, errors.New("outputs: no reference to a stack, want one of pulumi.NewStackReference")
	}
	version, err := text(ref, "outputsVersion")
	if err != nil {
		return nil, err
	}
	if err := contract.CheckOutputsVersion(version, contract.OutputsVersion); err != nil {
		return nil, fmt.Errorf("outputs: %w", err)
	}

	stack := &Stack{CostEstimate: ref.GetOutput(pulumi.String(contract.OutputCostEstimate))}
	var errs []error
	stack.Each(func(o contract.Output, value *pulumi.StringOutput) {
		there, err := text(ref, o.Stack)
		switch {
		case err != nil:
			errs = append(errs, err)
		case there != "":
			*value = ref.GetStringOutput(pulumi.String(o.Stack))
		case o.Optional:
			// The reference would make it unknown in every preview.
			*value = pulumi.String("").ToStringOutput()
		default:
			errs = append(errs, fmt.Errorf("outputs: %s: missing; the stack says that it has version %s of its outputs", o.Stack, version))
		}
	})
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return stack, nil
}

// text is an output as it is now, to look at and not to hand on: a secret, too, is
// in clear. "" is one that there is not.
func text(ref *pulumi.StackReference, name string) (string, error) {
	details, err := ref.GetOutputDetails(name)
	if err != nil {
		return "", fmt.Errorf("outputs: %s: %w", name, err)
	}
	value := details.Value
	if value == nil {
		value = details.SecretValue
	}
	switch v := value.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	default:
		return "", fmt.Errorf("outputs: %s: got %T, want text", name, value)
	}
}
