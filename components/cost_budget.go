package components

import (
	"fmt"
	"strconv"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/budgets"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// CheckBudget reports whether a budget in US dollars can be made by an account of
// region: GovCloud has no service for budgets, and China bills in its own currency.
func CheckBudget(monthlyUSD int, region string) error {
	if err := CheckRange(monthlyUSD, 1, 1000000); err != nil {
		return err
	}
	if (Place{Region: region}).partition() != "aws" {
		return fmt.Errorf("got %d in %s, want none: accounts of this partition have no budgets in US dollars", monthlyUSD, region)
	}
	return nil
}

type costBudgetArgs struct {
	place      Place
	budgetName string // "" for one that Pulumi makes
	monthlyUSD int
	tell       budgets.BudgetNotificationArgs // its subscribers
}

// newCostBudget tells when a month has cost more than it may, and already when AWS
// expects that it will.
func newCostBudget(ctx *pulumi.Context, name string, args costBudgetArgs, parent pulumi.Resource, opts ...pulumi.ResourceOption) (*budgets.Budget, error) {
	var notifications budgets.BudgetNotificationArray
	for _, kind := range []string{"ACTUAL", "FORECASTED"} {
		notification := args.tell
		notification.NotificationType = pulumi.String(kind)
		notification.ComparisonOperator = pulumi.String("GREATER_THAN")
		notification.Threshold = pulumi.Float64(100)
		notification.ThresholdType = pulumi.String("PERCENTAGE")
		notifications = append(notifications, notification)
	}
	budgetArgs := &budgets.BudgetArgs{
		AccountId:     pulumi.String(args.place.AccountID),
		BudgetType:    pulumi.String("COST"),
		TimeUnit:      pulumi.String("MONTHLY"),
		LimitAmount:   pulumi.String(strconv.Itoa(args.monthlyUSD)),
		LimitUnit:     pulumi.String("USD"),
		Notifications: notifications,
	}
	if args.budgetName != "" {
		budgetArgs.Name = pulumi.String(args.budgetName)
	}
	budget, err := budgets.NewBudget(ctx, name, budgetArgs, append(opts, pulumi.Parent(parent))...)
	if err != nil {
		return nil, fmt.Errorf("create budget %q: %w", name, err)
	}
	return budget, nil
}
