package components

import (
	"errors"
	"fmt"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ssm"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"ds-pipeline/preprocess/contract"
)

const outputsType = "ds-pipeline:components:Outputs"

// OutputsArgs configures Outputs. Plain Go fields are known while the program
// runs and are checked before anything is created; pulumi inputs may come from
// another resource.
type OutputsArgs struct {
	// ParameterPrefix comes before the name of each parameter, starts and ends with
	// a slash.
	ParameterPrefix string

	// Values are the outputs; nil for an optional one that there is not.
	Values contract.StackOutputs[pulumi.StringInput]
}

func (a *OutputsArgs) validate() error {
	if a == nil {
		return errors.New("args are required")
	}
	errs := []error{named("ParameterPrefix", CheckParameterPrefix(a.ParameterPrefix))}
	a.Values.Each(func(o contract.Output, value *pulumi.StringInput) {
		errs = append(errs, present("Values: "+o.Stack, *value != nil || o.Optional))
	})
	if (a.Values.ScheduleRuleName == nil) == (a.Values.ScheduleGroupName == nil) {
		errs = append(errs, named("Values", errors.New("scheduleRuleName, scheduleGroupName: want one of them")))
	}
	return errors.Join(errs...)
}

// Outputs says in Parameter Store where the parts of a stack are, so that dspipe
// and other programs need no access to Pulumi's state:
//
//	<name>-state-machine-arn, <name>-log-group-name, …  one for each of contract.StackOutputs
//
// None of them is a secret: whoever may read parameters below the prefix sees them.
// Cost: nothing.
type Outputs struct {
	pulumi.ResourceState

	ParameterPrefix pulumi.StringOutput `pulumi:"parameterPrefix"` // of these parameters
}

// NewOutputs stores the outputs.
func NewOutputs(ctx *pulumi.Context, name string, args *OutputsArgs, opts ...pulumi.ResourceOption) (*Outputs, error) {
	if err := args.validate(); err != nil {
		return nil, fmt.Errorf("outputs %q: %w", name, err)
	}
	outputs := &Outputs{}
	if err := ctx.RegisterComponentResource(outputsType, name, outputs, opts...); err != nil {
		return nil, fmt.Errorf("register outputs %q: %w", name, err)
	}
	var errs []error
	args.Values.Each(func(o contract.Output, value *pulumi.StringInput) {
		if *value == nil {
			return // Parameter Store takes no empty value
		}
		purpose := strings.TrimPrefix(o.Name, contract.OutputsPrefix)
		errs = append(errs, newParameter(ctx, name+"-"+purpose, args.ParameterPrefix+o.Name, o.About, *value, outputs))
	})
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	outputs.ParameterPrefix = pulumi.String(args.ParameterPrefix + contract.OutputsPrefix).ToStringOutput()
	if err := ctx.RegisterResourceOutputs(outputs, pulumi.Map{
		"parameterPrefix": outputs.ParameterPrefix,
	}); err != nil {
		return nil, fmt.Errorf("register outputs of outputs %q: %w", name, err)
	}
	return outputs, nil
}

// newParameter stores one value that is no secret.
func newParameter(ctx *pulumi.Context, name, parameter, about string, value pulumi.StringInput, parent pulumi.Resource) error {
	if _, err := ssm.NewParameter(ctx, name, &ssm.ParameterArgs{
		Name:        pulumi.String(parameter),
		Description: pulumi.String("ds-pipeline: " + about),
		Type:        pulumi.String("String"),
		Tier:        pulumi.String("Standard"),
		DataType:    pulumi.String("text"),
		// None of these is a secret, so a preview may show what changes. In
		// Value everything counts as one.
		InsecureValue: value.ToStringOutput().ToStringPtrOutput(),
	}, pulumi.Parent(parent)); err != nil {
		return fmt.Errorf("create parameter %q: %w", parameter, err)
	}
	return nil
}
