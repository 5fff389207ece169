package foundation

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"ds-pipeline/components"
	"ds-pipeline/internal/settings"
)

// Deploy prepares one account and exports
//
//	backendUrl              for pulumi login
//	secretsProvider         for pulumi stack init --secrets-provider
//	stateBucketName
//	stateKeyArn
//	permissionsBoundaryArn  the stack's configuration key of the same name
//	previewRoleArn          for workflows that preview
//	deployRoleArn           for workflows that deploy
//	budgetName              unless there is none
//
// Nothing is created when the configuration is wrong or the credentials belong
// to another account.
func Deploy(ctx *pulumi.Context) error {
	cfg, err := LoadConfig(ctx)
	if err != nil {
		return err
	}
	account := settings.Account{ID: cfg.AccountID, Region: cfg.Region, Profile: cfg.Profile, Environment: cfg.Environment}
	provider, err := account.Provider(ctx)
	if err != nil {
		return err
	}
	place, err := account.Place(ctx, provider)
	if err != nil {
		return err
	}
	with := pulumi.Providers(provider)

	state, err := components.NewStateBackend(ctx, "state", &components.StateBackendArgs{
		Place:            place,
		AliasName:        "pulumi-state",
		KeepVersionsDays: cfg.KeepStateDays,
		KeyDeletionDays:  cfg.KeyDeletionDays,
	}, with)
	if err != nil {
		return err
	}
	access, err := components.NewDeployAccess(ctx, "access", &components.DeployAccessArgs{
		Place:             place,
		Project:           cfg.Project,
		Stack:             cfg.StackName,
		Environment:       cfg.Environment,
		Repository:        cfg.Repository,
		GitHubEnvironment: cfg.GitHubEnvironment,
		PreviewRefs:       settings.SplitList(cfg.PreviewRefs),
		OIDCProviderArn:   cfg.OIDCProviderArn,
		DestroyData:       cfg.DestroyData,
		StateBucketName:   state.BucketName,
		StateKeyArn:       state.KeyArn,
	}, with)
	if err != nil {
		return err
	}
	if cfg.MonthlyBudgetUSD > 0 {
		budget, err := components.NewAccountBudget(ctx, "budget", &components.AccountBudgetArgs{
			Place:      place,
			BudgetName: "ds-account-" + cfg.Environment,
			MonthlyUSD: cfg.MonthlyBudgetUSD,
			Emails:     settings.SplitList(cfg.BudgetEmails),
		}, with)
		if err != nil {
			return err
		}
		ctx.Export("budgetName", budget.BudgetName)
	}

	ctx.Export("backendUrl", state.BackendURL)
	ctx.Export("secretsProvider", state.SecretsProvider)
	ctx.Export("stateBucketName", state.BucketName)
	ctx.Export("stateKeyArn", state.KeyArn)
	ctx.Export("permissionsBoundaryArn", access.BoundaryArn)
	ctx.Export("previewRoleArn", access.PreviewRoleArn)
	ctx.Export("deployRoleArn", access.DeployRoleArn)
	return nil
}
