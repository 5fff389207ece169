package components

import (
	"errors"
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/budgets"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const accountBudgetType = "ds-pipeline:components:AccountBudget"

// AccountBudgetArgs configures AccountBudget.
type AccountBudgetArgs struct {
	// Place is the account whose cost is watched.
	Place Place

	// BudgetName is the published name. Changing it replaces the budget.
	BudgetName string

	// MonthlyUSD is what a month may cost: 1 to 1000000 US dollars.
	MonthlyUSD int

	// Emails are told; AWS asks nobody for a confirmation. One to ten.
	Emails []string
}

func (a *AccountBudgetArgs) validate() error {
	if a == nil {
		return errors.New("args are required")
	}
	errs := []error{
		a.Place.validate(),
		named("BudgetName", checkName(a.BudgetName, 100, trailNamePattern, trailNameWant)),
		named("MonthlyUSD", CheckBudget(a.MonthlyUSD, a.Place.Region)),
		named("Emails", CheckEmails(a.Emails)),
	}
	return errors.Join(errs...)
}

// CheckEmails reports whether a budget can tell the addresses.
func CheckEmails(addresses []string) error {
	if len(addresses) < 1 || len(addresses) > 10 {
		return fmt.Errorf("got %d addresses, want 1 to 10", len(addresses))
	}
	var errs []error
	for _, address := range addresses {
		errs = append(errs, CheckEmail(address))
	}
	return errors.Join(errs...)
}

// AccountBudget tells people when a month of the whole account has cost more than
// it may, and already when AWS expects that it will:
//
//	<name>-limit  the budget
//
// It stops nothing. Cost: none.
type AccountBudget struct {
	pulumi.ResourceState

	BudgetName pulumi.StringOutput `pulumi:"budgetName"`
}

// NewAccountBudget creates the budget.
func NewAccountBudget(ctx *pulumi.Context, name string, args *AccountBudgetArgs, opts ...pulumi.ResourceOption) (*AccountBudget, error) {
	if err := args.validate(); err != nil {
		return nil, fmt.Errorf("account budget %q: %w", name, err)
	}
	account := &AccountBudget{}
	if err := ctx.RegisterComponentResource(accountBudgetType, name, account, opts...); err != nil {
		return nil, fmt.Errorf("register account budget %q: %w", name, err)
	}
	made, err := newCostBudget(ctx, name+"-limit", costBudgetArgs{
		place:      args.Place,
		budgetName: args.BudgetName,
		monthlyUSD: args.MonthlyUSD,
		tell:       budgets.BudgetNotificationArgs{SubscriberEmailAddresses: pulumi.ToStringArray(args.Emails)},
	}, account)
	if err != nil {
		return nil, err
	}
	account.BudgetName = made.Name
	if err := ctx.RegisterResourceOutputs(account, pulumi.Map{
		"budgetName": account.BudgetName,
	}); err != nil {
		return nil, fmt.Errorf("register outputs of account budget %q: %w", name, err)
	}
	return account, nil
}
