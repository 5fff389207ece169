// Package foundation prepares an account for stacks of ds-pipeline.
package foundation

import (
	"errors"
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"ds-pipeline/components"
	"ds-pipeline/internal/settings"
)

// Config is everything an account may choose. Pulumi.yaml documents each key, its
// type and its default; a key under our namespace that is not listed here is an
// error.
type Config struct {
	Region  string // aws:region
	Profile string // aws:profile, "" for the credentials of the environment

	AccountID   string
	Environment string

	Repository        string
	GitHubEnvironment string
	PreviewRefs       string // with commas between them
	OIDCProviderArn   string // "" to create it

	Project     string // of the stack to be deployed
	StackName   string
	DestroyData bool

	KeepStateDays   int
	KeyDeletionDays int

	MonthlyBudgetUSD int    // 0 for none
	BudgetEmails     string // with commas between them
}

var (
	text   = settings.Text[Config]
	number = settings.Number[Config]
	flag   = settings.Flag[Config]
)

// Keys lists every key, in the order of Pulumi.yaml.
func Keys() []settings.Key[Config] {
	between := func(low, high int) func(int) error {
		return func(n int) error { return components.CheckRange(n, low, high) }
	}
	return []settings.Key[Config]{
		text("accountId", "", func(c *Config) *string { return &c.AccountID }, required("accountId <twelve digits>", components.CheckAccountID)),
		text("environment", "", func(c *Config) *string { return &c.Environment }, settings.Optional(components.CheckEnvironment)),
		text("repository", "", func(c *Config) *string { return &c.Repository }, required("repository <owner>/<name>", components.CheckRepository)),
		text("githubEnvironment", "", func(c *Config) *string { return &c.GitHubEnvironment }, settings.Optional(components.CheckGitHubEnvironment)),
		text("previewRefs", "refs/heads/main", func(c *Config) *string { return &c.PreviewRefs }, checkRefs),
		text("oidcProviderArn", "", func(c *Config) *string { return &c.OIDCProviderArn }, nil),
		text("project", "ds-pipeline", func(c *Config) *string { return &c.Project }, components.CheckStackName),
		text("stackName", "", func(c *Config) *string { return &c.StackName }, settings.Optional(components.CheckStackName)),
		flag("destroyData", false, func(c *Config) *bool { return &c.DestroyData }),
		number("keepStateDays", 365, func(c *Config) *int { return &c.KeepStateDays }, between(1, 3650)),
		number("keyDeletionDays", 30, func(c *Config) *int { return &c.KeyDeletionDays }, between(7, 30)),
		number("monthlyBudgetUSD", 50, func(c *Config) *int { return &c.MonthlyBudgetUSD }, between(0, 1000000)),
		text("budgetEmails", "", func(c *Config) *string { return &c.BudgetEmails }, nil),
	}
}

// required refuses "", and says how to set the key.
func required(setting string, check func(string) error) func(string) error {
	return func(text string) error {
		if text == "" {
			return fmt.Errorf("missing; run `pulumi config set %s`", setting)
		}
		return check(text)
	}
}

func checkRefs(text string) error {
	var errs []error
	for _, ref := range settings.SplitList(text) {
		errs = append(errs, components.CheckRef(ref))
	}
	return errors.Join(errs...)
}

// LoadConfig reads the whole configuration and reports every problem at once.
func LoadConfig(ctx *pulumi.Context) (Config, error) {
	cfg, wrong, errs := settings.Read(ctx, Keys())
	var err error
	cfg.Region, cfg.Profile, err = settings.Place(ctx)
	errs = append(errs, err)

	if cfg.Environment == "" {
		cfg.Environment = ctx.Stack()
		if err := components.CheckEnvironment(cfg.Environment); err != nil {
			errs = append(errs, fmt.Errorf("environment: not set, and the stack's name cannot be used instead: %w", err))
		}
	}
	if cfg.GitHubEnvironment == "" {
		cfg.GitHubEnvironment = cfg.Environment
	}
	if cfg.StackName == "" {
		cfg.StackName = cfg.Environment
	}
	if cfg.OIDCProviderArn != "" && !wrong["accountId"] {
		errs = append(errs, settings.Prefixed("oidcProviderArn", components.CheckOIDCProviderArn(cfg.OIDCProviderArn, cfg.AccountID)))
	}
	switch emails := settings.SplitList(cfg.BudgetEmails); {
	case wrong["monthlyBudgetUSD"]:
	case cfg.MonthlyBudgetUSD > 0:
		if components.CheckRegion(cfg.Region) == nil {
			errs = append(errs, settings.Prefixed("monthlyBudgetUSD", components.CheckBudget(cfg.MonthlyBudgetUSD, cfg.Region)))
		}
		if err := components.CheckEmails(emails); err != nil {
			errs = append(errs, fmt.Errorf("budgetEmails: %w; or set monthlyBudgetUSD to 0", err))
		}
	case len(emails) > 0:
		errs = append(errs, errors.New("budgetEmails: got addresses without a budget, want monthlyBudgetUSD above 0, or none"))
	}
	if err := errors.Join(errs...); err != nil {
		return Config{}, fmt.Errorf("configuration of stack %q:\n%w", ctx.Stack(), err)
	}
	return cfg, nil
}
