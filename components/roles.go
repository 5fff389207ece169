package components

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// The services that act for us, as principals of IAM.
const (
	awsBudgets     = "budgets.amazonaws.com"
	cloudTrail     = "cloudtrail.amazonaws.com"
	cloudWatch     = "cloudwatch.amazonaws.com"
	ecsTasks       = "ecs-tasks.amazonaws.com"
	eventBridge    = "events.amazonaws.com"
	eventScheduler = "scheduler.amazonaws.com"
	flowLogs       = "vpc-flow-logs.amazonaws.com"
	s3Logging      = "logging.s3.amazonaws.com"
	stepFunctions  = "states.amazonaws.com"
)

// serviceRole is a role for one AWS service, with exactly one inline policy.
// The policy is a resource of its own, so that whatever uses the role can wait
// for it: a role without its policy exists for a moment and can do nothing.
type serviceRole struct {
	role   *iam.Role
	policy *iam.RolePolicy
}

type serviceRoleArgs struct {
	place       Place
	service     string               // its principal
	sourceArns  []pulumi.StringInput // what the service acts for, may end in "*"; none for anything of this account
	description string
	policy      pulumi.StringOutput
}

// newServiceRole lets a service, acting for this account only (the confused
// deputy), assume a role that can do what args.policy says.
func newServiceRole(ctx *pulumi.Context, name string, args serviceRoleArgs, parent pulumi.Resource) (*serviceRole, error) {
	trust := document(func(in []string) any {
		condition := map[string]any{"StringEquals": map[string]any{"aws:SourceAccount": args.place.AccountID}}
		switch len(in) {
		case 0:
		case 1:
			condition["ArnLike"] = map[string]any{"aws:SourceArn": in[0]}
		default:
			condition["ArnLike"] = map[string]any{"aws:SourceArn": in}
		}
		return newPolicy(statement{
			Sid:       "Assume",
			Effect:    "Allow",
			Principal: map[string]any{"Service": args.service},
			Action:    []string{"sts:AssumeRole"},
			Condition: condition,
		})
	}, args.sourceArns...)

	role, err := iam.NewRole(ctx, name, &iam.RoleArgs{
		Description:      pulumi.String(args.description),
		AssumeRolePolicy: trust,
	}, pulumi.Parent(parent))
	if err != nil {
		return nil, fmt.Errorf("create role %q: %w", name, err)
	}
	rolePolicy, err := iam.NewRolePolicy(ctx, name+"-policy", &iam.RolePolicyArgs{
		Role:   role.Name,
		Policy: args.policy,
	}, pulumi.Parent(parent))
	if err != nil {
		return nil, fmt.Errorf("create policy of role %q: %w", name, err)
	}
	return &serviceRole{role: role, policy: rolePolicy}, nil
}

// machineRights are what a state machine needs for its own history.
func machineRights() []statement {
	return []statement{
		{
			// These actions accept no resource: log deliveries belong to the account.
			Sid:    "DeliverLogs",
			Effect: "Allow",
			Action: []string{
				"logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:DescribeLogGroups",
				"logs:DescribeResourcePolicies", "logs:GetLogDelivery", "logs:ListLogDeliveries",
				"logs:PutResourcePolicy", "logs:UpdateLogDelivery",
			},
			Resource: []string{"*"},
		},
		{
			// These actions accept no resource: traces belong to the account.
			Sid:    "Trace",
			Effect: "Allow",
			Action: []string{
				"xray:GetSamplingRules", "xray:GetSamplingTargets",
				"xray:PutTelemetryRecords", "xray:PutTraceSegments",
			},
			Resource: []string{"*"},
		},
	}
}
