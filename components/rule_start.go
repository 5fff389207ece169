package components

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/sqs"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// scheduledInput is what a rule at set times starts a machine with. EventBridge
// puts the time for which the start was scheduled, such as 2026-11-15T09:00:00Z,
// where <time> stands.
const scheduledInput = `{"scheduledTime":"<time>"}`

// newTimeRule goes off at set times of UTC.
func newTimeRule(ctx *pulumi.Context, name, description, expression string, enabled bool, parent pulumi.Resource) (*cloudwatch.EventRule, error) {
	rule, err := cloudwatch.NewEventRule(ctx, name, &cloudwatch.EventRuleArgs{
		Description:        pulumi.String(description),
		ScheduleExpression: pulumi.String(expression),
		State:              pulumi.String(enabledState(enabled)),
	}, pulumi.Parent(parent))
	if err != nil {
		return nil, fmt.Errorf("create rule %q: %w", name, err)
	}
	return rule, nil
}

// enabledState is how rules and schedules say whether they start anything.
func enabledState(enabled bool) string {
	if enabled {
		return "ENABLED"
	}
	return "DISABLED"
}

// newStartRole may start one state machine, for these rules.
func newStartRole(ctx *pulumi.Context, name string, place Place, description string, machineArn pulumi.StringInput, ruleArns []pulumi.StringInput, parent pulumi.Resource) (*serviceRole, error) {
	return newServiceRole(ctx, name, serviceRoleArgs{
		place:       place,
		service:     eventBridge,
		sourceArns:  ruleArns,
		description: description,
		policy:      document(func(in []string) any { return newPolicy(mayStart(in[0])) }, machineArn),
	}, parent)
}

func mayStart(machineArn string) statement {
	return statement{Sid: "Start", Effect: "Allow", Action: []string{"states:StartExecution"}, Resource: []string{machineArn}}
}

// EventBridge tries for a day, as long as it can: a run that starts hours late is
// better than none this month.
const (
	startMaxAgeSeconds = 86400
	startMaxRetries    = 185
)

// ruleStart lets a rule start a machine.
type ruleStart struct {
	rule       *cloudwatch.EventRule
	machineArn pulumi.StringInput
	role       *serviceRole
	queue      *deadLetters // gets what could not be delivered
	paths      map[string]string
	template   string // of the input, with <name> for each of paths; "" passes what stands at inputPath
	inputPath  string
}

func newRuleTarget(ctx *pulumi.Context, name string, args ruleStart, parent pulumi.Resource) error {
	target := &cloudwatch.EventTargetArgs{
		Rule:    args.rule.Name,
		Arn:     args.machineArn,
		RoleArn: args.role.role.Arn,
		RetryPolicy: &cloudwatch.EventTargetRetryPolicyArgs{
			MaximumEventAgeInSeconds: pulumi.Int(startMaxAgeSeconds),
			MaximumRetryAttempts:     pulumi.Int(startMaxRetries),
		},
		DeadLetterConfig: &cloudwatch.EventTargetDeadLetterConfigArgs{Arn: args.queue.queue.Arn},
	}
	if args.template == "" {
		target.InputPath = pulumi.String(args.inputPath)
	} else {
		target.InputTransformer = &cloudwatch.EventTargetInputTransformerArgs{
			InputPaths:    pulumi.ToStringMap(args.paths),
			InputTemplate: pulumi.String(args.template),
		}
	}
	_, err := cloudwatch.NewEventTarget(ctx, name, target, pulumi.Parent(parent), pulumi.DependsOn([]pulumi.Resource{args.role.policy, args.queue.policy}))
	if err != nil {
		return fmt.Errorf("create target %q: %w", name, err)
	}
	return nil
}

// deadLetters is a queue of starts that could not be delivered.
type deadLetters struct {
	queue  *sqs.Queue
	policy *sqs.QueuePolicy
}

// newDeadLetterQueue keeps starts that could not be delivered, for these rules,
// encrypted with the key, or with keys that SQS owns (free), over TLS only. What
// EventBridge Scheduler loses its own role sends.
func newDeadLetterQueue(ctx *pulumi.Context, name string, keyArn pulumi.StringInput, ruleArns []pulumi.StringInput, parent pulumi.Resource) (*deadLetters, error) {
	var ownedBySQS pulumi.BoolPtrInput // one or the other: SQS refuses both
	if keyArn == nil {
		ownedBySQS = pulumi.Bool(true)
	}
	queue, err := sqs.NewQueue(ctx, name, &sqs.QueueArgs{
		SqsManagedSseEnabled:    ownedBySQS,
		KmsMasterKeyId:          keyPtr(keyArn),
		MessageRetentionSeconds: pulumi.Int(14 * 24 * 3600), // the longest SQS offers
	}, pulumi.Parent(parent))
	if err != nil {
		return nil, fmt.Errorf("create queue %q: %w", name, err)
	}
	queuePolicy, err := sqs.NewQueuePolicy(ctx, name+"-policy", &sqs.QueuePolicyArgs{
		QueueUrl: queue.Url,
		Policy: document(func(in []string) any {
			queueArn, ruleArns := in[0], in[1:]
			noPlainHTTP := denyPlainHTTP([]string{"sqs:*"}, []string{queueArn})
			if len(ruleArns) == 0 {
				return newPolicy(noPlainHTTP)
			}
			return newPolicy(
				statement{
					Sid:       "ReceiveFromRule",
					Effect:    "Allow",
					Principal: map[string]any{"Service": eventBridge},
					Action:    []string{"sqs:SendMessage"},
					Resource:  []string{queueArn},
					Condition: map[string]any{"ArnEquals": map[string]any{"aws:SourceArn": ruleArns}},
				},
				noPlainHTTP,
			)
		}, append([]pulumi.StringInput{queue.Arn}, ruleArns...)...),
	}, pulumi.Parent(parent))
	if err != nil {
		return nil, fmt.Errorf("attach the policy of queue %q: %w", name, err)
	}
	return &deadLetters{queue, queuePolicy}, nil
}
