package settings

import (
	"slices"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// nothing answers a program that creates and asks nothing.
type nothing struct{}

func (nothing) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	return args.Name, args.Inputs, nil
}

func (nothing) Call(pulumi.MockCallArgs) (resource.PropertyMap, error) { return nil, nil }

// TestKeys_areFoundInThisSDK fails when an update of the SDK moves what
// Keys reads.
func TestKeys_areFoundInThisSDK(t *testing.T) {
	err := pulumi.RunErr(func(ctx *pulumi.Context) error {
		if !contextConfig(ctx).IsValid() {
			t.Error("the context holds its configuration somewhere else")
		}
		got, err := Keys(ctx)
		if want := []string{"a:b", "ds-pipeline:c"}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		return err
	}, pulumi.WithMocks("ds-pipeline", "dev", nothing{}), func(info *pulumi.RunInfo) {
		info.Config = map[string]string{"ds-pipeline:c": "1", "a:b": "2"}
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestUnusedAWSKeys_areThoseThatAnExplicitProviderDoesNotRead(t *testing.T) {
	err := pulumi.RunErr(func(ctx *pulumi.Context) error {
		got, err := unusedAWSKeys(ctx)
		if want := []string{"aws:assumeRole"}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		return err
	}, pulumi.WithMocks("ds-pipeline", "dev", nothing{}), func(info *pulumi.RunInfo) {
		info.Config = map[string]string{"aws:region": "us-east-1", "aws:profile": "p", "aws:assumeRole": "{}", "awsx:x": "1", "ds-pipeline:taskCpu": "256"}
	})
	if err != nil {
		t.Fatal(err)
	}
}
