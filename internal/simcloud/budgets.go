package simcloud

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/budgets"
)

var budgetTypes = []*Type{
	{
		TypeName: "aws:budgets/budget:Budget", Args: budgets.BudgetArgs{}, Outputs: budgets.Budget{},
		Name:    &Naming{Property: "name", Scope: "account", Max: 100, Taken: "DuplicateRecordException"},
		Replace: []string{"accountId", "name", "namePrefix"},
		Rules: []rule{
			like("name", `^[^:\\]{1,100}$`, `1 to 100 characters without : and \`),
			atMostOne("", "name", "namePrefix"),
			like("accountId", `^\d{12}$`, "twelve digits"),
			oneOf("budgetType", "COST", "USAGE", "RI_UTILIZATION", "RI_COVERAGE", "SAVINGS_PLANS_UTILIZATION", "SAVINGS_PLANS_COVERAGE"),
			oneOf("timeUnit", "DAILY", "MONTHLY", "QUARTERLY", "ANNUALLY"),
			like("limitAmount", `^\d{1,15}(\.\d+)?$`, "an amount such as 10 or 2.5"),
			oneOf("notifications[].comparisonOperator", "LESS_THAN", "EQUAL_TO", "GREATER_THAN"),
			oneOf("notifications[].notificationType", "ACTUAL", "FORECASTED"),
			oneOf("notifications[].thresholdType", "PERCENTAGE", "ABSOLUTE_VALUE"),
			between("notifications[].threshold", 0.1, 40000000000),
			arn("notifications[].subscriberSnsTopicArns[]", "sns"),
			func(c *checking) {
				visit(c.props, "notifications[]", func(at string, v any) {
					n, ok := v.(map[string]any)
					if ok && len(refsOf(n["subscriberSnsTopicArns"])) == 0 && len(refsOf(n["subscriberEmailAddresses"])) == 0 {
						c.problem(at, "tells nobody, want a topic or an address")
					}
				})
			},
		},
		Defaults: map[string]any{"timePeriodStart": "2026-01-01_00:00", "timePeriodEnd": "2087-06-15_00:00"},
		ID:       func(i *instance) string { return i.session.account + ":" + text(i.in, "name") },
		State: func(i *instance) {
			i.set("arn", fmt.Sprintf("arn:%s:budgets::%s:budget/%s", i.session.partition(), i.session.account, text(i.in, "name")))
		},
	},
}
