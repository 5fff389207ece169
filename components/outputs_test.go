package components

import (
	"maps"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"ds-pipeline/preprocess/contract"
)

func TestOutputs_storeAllOfTheContractThatThereIs(t *testing.T) {
	everything := func(a *OutputsArgs) {
		a.Values.Each(func(o contract.Output, value *pulumi.StringInput) { *value = pulumi.String("the " + o.Stack) })
		a.Values.ScheduleRuleName = nil
	}
	for name, change := range map[string]func(*OutputsArgs){"least": func(*OutputsArgs) {}, "all": everything} {
		args := validOutputs("")
		change(args)
		want := map[string]string{}
		args.Values.Each(func(o contract.Output, value *pulumi.StringInput) {
			if *value != nil {
				want["/ds/preprocessing/"+o.Name] = string((*value).(pulumi.String))
			}
		})
		r := record(t, func(ctx *pulumi.Context) error {
			_, err := NewOutputs(ctx, "outputs", args)
			return err
		})
		stored := map[string]string{}
		for _, res := range r.resources {
			if res.kind == "aws:ssm/parameter:Parameter" {
				stored[res.text("name")] = res.text("insecureValue")
			}
		}
		if !maps.Equal(stored, want) {
			t.Errorf("%s: got %v, want %v", name, stored, want)
		}
	}
}
