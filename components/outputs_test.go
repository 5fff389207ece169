package components

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"ds-pipeline/preprocess/contract"
)

func TestOutputs_storeAllOfTheContractThatThereIs(t *testing.T) {
	for _, zoned := range []bool{false, true} {
		args := validOutputs("")
		absent := contract.OutputScheduleGroupName
		if zoned {
			args.ScheduleRuleName, args.ScheduleGroupName, absent = nil, pulumi.String("group"), contract.OutputScheduleRuleName
		}
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
		for _, o := range contract.Outputs() {
			if value, there := stored["/ds/preprocessing/"+o.Name]; there != (o.Name != absent) || there && value == "" {
				t.Errorf("zoned %v: %s: %v, %q", zoned, o.Name, there, value)
			}
		}
	}
}
