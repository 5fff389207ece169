package stack

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

type mocks struct{ account string }

func (m mocks) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	return args.Name + "-id", args.Inputs, nil
}

func (m mocks) Call(args pulumi.MockCallArgs) (resource.PropertyMap, error) {
	if args.Token == "aws:index/getCallerIdentity:getCallerIdentity" {
		return resource.NewPropertyMapFromMap(map[string]any{"accountId": m.account}), nil
	}
	return args.Args, nil
}

func TestDeploy_smoke(t *testing.T) {
	err := pulumi.RunErr(Deploy, pulumi.WithMocks("ds-pipeline", "dev", mocks{"111111111111"}), func(i *pulumi.RunInfo) {
		i.Config = map[string]string{"aws:region": "us-east-1", "ds-pipeline:accountId": "111111111111"}
	})
	if err != nil {
		t.Fatal(err)
	}
}
