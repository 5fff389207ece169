package stack

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"ds-pipeline/internal/cost"
)

// costs collects what the program asks for, to say what it costs. It reads the
// inputs that are known while the program runs and waits for no output, so that
// a preview knows the estimate too.
type costs struct {
	resources []cost.Resource
}

// watchCosts collects every resource that the program registers from here on.
func watchCosts(ctx *pulumi.Context) (*costs, error) {
	c := &costs{}
	err := ctx.RegisterStackTransformation(func(args *pulumi.ResourceTransformationArgs) *pulumi.ResourceTransformationResult {
		if strings.HasPrefix(args.Type, "aws:") {
			inputs, _ := plain(reflect.ValueOf(args.Props)).(map[string]any)
			c.resources = append(c.resources, cost.Resource{Type: args.Type, Name: args.Name, Inputs: inputs})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("collect resources for the cost estimate: %w", err)
	}
	return c, nil
}

// define gives a state machine the definition that counts for its cost: its own
// is not known before what it names is there.
func (c *costs) define(machine, definition string) {
	for _, r := range c.resources {
		if r.Type == "aws:sfn/stateMachine:StateMachine" && r.Name == machine {
			r.Inputs["definition"] = definition
		}
	}
}

// estimate is the stack's output costEstimate.
func (c *costs) estimate(region string) (pulumi.Map, error) {
	e, err := cost.Of(region, c.resources, cost.Defaults())
	if err != nil {
		return nil, err
	}
	assumptions := pulumi.Map{}
	v := reflect.ValueOf(e.Assumptions)
	for i := range v.NumField() {
		assumptions[v.Type().Field(i).Tag.Get("json")] = pulumi.Float64(v.Field(i).Float())
	}
	return pulumi.Map{
		"asOf":          pulumi.String(e.AsOf),
		"region":        pulumi.String(e.Region),
		"note":          pulumi.String(e.Note),
		"atRestUSD":     pulumi.Float64(e.AtRestUSD),
		"atRestListUSD": pulumi.Float64(e.AtRestList),
		"perRunUSD":     pulumi.Float64(e.PerRunUSD),
		"perRunListUSD": pulumi.Float64(e.PerRunList),
		"monthUSD":      pulumi.Float64(e.MonthUSD),
		"notPriced":     pulumi.ToStringArray(e.NotPriced),
		"assumptions":   assumptions,
	}, nil
}

// plain is what is known of an input as a value of JSON, nil for an output. An
// array keeps its length, whatever is known of its elements.
func plain(v reflect.Value) any {
	for v.IsValid() && (v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface) {
		if v.IsNil() {
			return nil
		}
		if _, isOutput := v.Interface().(pulumi.Output); isOutput {
			return nil
		}
		v = v.Elem()
	}
	if !v.IsValid() || !v.CanInterface() {
		return nil
	}
	if _, isOutput := v.Interface().(pulumi.Output); isOutput {
		return nil
	}
	switch v.Kind() {
	case reflect.String:
		return v.String()
	case reflect.Bool:
		return v.Bool()
	case reflect.Int, reflect.Int64:
		return float64(v.Int())
	case reflect.Float64:
		return v.Float()
	case reflect.Slice, reflect.Array:
		list := make([]any, v.Len())
		for i := range list {
			list[i] = plain(v.Index(i))
		}
		return list
	case reflect.Map:
		m := map[string]any{}
		for _, k := range v.MapKeys() {
			if value := plain(v.MapIndex(k)); value != nil {
				m[k.String()] = value
			}
		}
		return m
	case reflect.Struct:
		return plainStruct(v)
	}
	return nil
}

// plainStruct names the fields of Args as the engine does. The tags are those of
// the type that the inputs resolve to.
func plainStruct(v reflect.Value) any {
	names := v.Type()
	if input, ok := v.Interface().(pulumi.Input); ok {
		if t := input.ElementType(); t.Kind() == reflect.Struct {
			names = t
		}
	}
	m := map[string]any{}
	for i := range v.NumField() {
		field, ok := names.FieldByName(v.Type().Field(i).Name)
		if !ok {
			continue
		}
		name, _, _ := strings.Cut(field.Tag.Get("pulumi"), ",")
		if value := plain(v.Field(i)); name != "" && value != nil {
			m[name] = value
		}
	}
	return m
}
