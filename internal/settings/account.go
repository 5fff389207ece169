package settings

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"ds-pipeline/components"
)

// Account is where a program of ours creates resources.
type Account struct {
	ID          string // "" for whatever account the credentials belong to
	Region      string
	Profile     string // "" for the credentials of the environment
	Environment string // for the tags
}

// Provider creates the provider that every resource is given by name. An
// explicit provider does not read the stack's aws: keys by itself: region and
// profile are passed on, and other keys are reported rather than ignored.
func (a Account) Provider(ctx *pulumi.Context) (*aws.Provider, error) {
	unused, err := unusedAWSKeys(ctx)
	if err != nil {
		return nil, err
	}
	for _, name := range unused {
		if err := ctx.Log.Warn(name+" is not used: of the aws namespace only region and profile are", nil); err != nil {
			return nil, err
		}
	}
	args := &aws.ProviderArgs{
		Region: pulumi.String(a.Region),
		DefaultTags: &aws.ProviderDefaultTagsArgs{Tags: pulumi.StringMap{
			"project":     pulumi.String(ctx.Project()),
			"environment": pulumi.String(a.Environment),
			"managed-by":  pulumi.String("pulumi"),
		}},
	}
	if a.Profile != "" {
		args.Profile = pulumi.String(a.Profile)
	}
	if a.ID != "" {
		args.AllowedAccountIds = pulumi.StringArray{pulumi.String(a.ID)}
	}
	provider, err := aws.NewProvider(ctx, "aws", args)
	if err != nil {
		return nil, fmt.Errorf("configure the aws provider: %w", err)
	}
	return provider, nil
}

func unusedAWSKeys(ctx *pulumi.Context) ([]string, error) {
	given, err := Keys(ctx)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(given, func(name string) bool {
		return !strings.HasPrefix(name, "aws:") || name == "aws:region" || name == "aws:profile"
	}), nil
}

// Place asks AWS whose credentials these are and refuses another account than
// the configured one. The provider refuses it too, at the latest when it is
// asked here; both answers name the account that is allowed.
func (a Account) Place(ctx *pulumi.Context, provider pulumi.ProviderResource) (components.Place, error) {
	identity, err := aws.GetCallerIdentity(ctx, &aws.GetCallerIdentityArgs{}, pulumi.Provider(provider))
	if err != nil {
		if a.ID != "" {
			return components.Place{}, fmt.Errorf("ask AWS whether the credentials belong to account %s, the only one that stack %q may use (accountId): %w",
				a.ID, ctx.Stack(), err)
		}
		return components.Place{}, fmt.Errorf("ask AWS which account the credentials belong to: %w", err)
	}
	if a.ID != "" && identity.AccountId != a.ID {
		return components.Place{}, fmt.Errorf("wrong account: the credentials belong to %s, but stack %q may only use %s (accountId);"+
			" use other credentials, or run `pulumi config set accountId %s`",
			identity.AccountId, ctx.Stack(), a.ID, identity.AccountId)
	}
	return components.Place{AccountID: identity.AccountId, Region: a.Region}, nil
}
