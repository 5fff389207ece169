package components

import (
	"errors"
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/sqs"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const scheduleType = "ds-pipeline:components:Schedule"

// scheduledInput is what the schedule starts the pipeline with. EventBridge puts
// the time for which the run was scheduled, such as 2026-11-15T09:00:00Z, where
// <time> stands.
const scheduledInput = `{"scheduledTime":"<time>"}`

// ScheduleArgs configures Schedule. Plain Go fields are known while the program
// runs and are checked before anything is created; pulumi inputs may come from
// another resource.
type ScheduleArgs struct {
	// Place is the account and region of everything here.
	Place Place

	// Expression says when: cron(0 9 15 * ? *) or rate(1 day).
	Expression string

	// TimeZone is where Expression, then a cron, is read, such as Europe/Berlin;
	// "" is UTC. With one EventBridge Scheduler starts runs instead of a rule.
	TimeZone string

	// Enabled starts runs. A disabled schedule stays, and starts nothing.
	Enabled bool

	// ArrivalBucketName and ArrivalKey start a run, too, when an object arrives in
	// the bucket and in the folder of the key; nil and "" for no such starts. The
	// bucket must have no other notifications. Enabled does not concern them.
	ArrivalBucketName pulumi.StringInput
	ArrivalKey        string

	// KMSKeyArn encrypts the queue; nil uses keys that SQS owns.
	KMSKeyArn pulumi.StringInput

	// StateMachineArn is what is started.
	StateMachineArn pulumi.StringInput
}

func (a *ScheduleArgs) validate() error {
	if a == nil {
		return errors.New("args are required")
	}
	return errors.Join(
		a.Place.validate(),
		checkTimes(a.Expression, a.TimeZone),
		a.checkArrival(),
		present("StateMachineArn", a.StateMachineArn != nil),
	)
}

func (a *ScheduleArgs) checkArrival() error {
	if a.ArrivalBucketName == nil && a.ArrivalKey == "" {
		return nil
	}
	return errors.Join(present("ArrivalBucketName", a.ArrivalBucketName != nil), named("ArrivalKey", CheckInputKey(a.ArrivalKey)))
}

// checkTimes checks the fields Expression and TimeZone.
func checkTimes(expression, zone string) error {
	if zone == "" {
		return named("Expression", CheckScheduleExpression(expression))
	}
	if err := CheckTimeZone(zone); err != nil {
		return errors.Join(named("Expression", CheckScheduleExpression(expression)), named("TimeZone", err))
	}
	return named("Expression", CheckZonedSchedule(expression, zone))
}

// Schedule starts a state machine at set times:
//
//	<name>-rule          when
//	<name>-role          may start that one machine
//	<name>-dead-letters  starts that could not be delivered for a day, kept two weeks
//	<name>-target        ties them together
//
// With a time zone, instead of all but the queue,
//
//	<name>-group           a group of EventBridge Scheduler for the one schedule
//	<name>-scheduler-role  may start that one machine, and send to the queue
//	<name>-time            when, and what to start
//
// With arrivals there is a second rule:
//
//	<name>-arrival-notification  lets the bucket tell EventBridge
//	<name>-arrival-rule          which objects start a run
//	<name>-arrival-role          may start that one machine
//	<name>-arrival-target        ties them together
//
// EventBridge delivers at least once: now and then it starts a run twice.
// Cost: nothing.
type Schedule struct {
	pulumi.ResourceState

	RuleName            pulumi.StringOutput `pulumi:"ruleName"`
	RuleArn             pulumi.StringOutput `pulumi:"ruleArn"`
	ScheduleGroupName   pulumi.StringOutput `pulumi:"scheduleGroupName"` // with a time zone, else ""; then the rule is ""
	DeadLetterQueueURL  pulumi.StringOutput `pulumi:"deadLetterQueueUrl"`
	DeadLetterQueueName pulumi.StringOutput `pulumi:"deadLetterQueueName"`
}

// NewSchedule creates the rule that starts args.StateMachineArn.
func NewSchedule(ctx *pulumi.Context, name string, args *ScheduleArgs, opts ...pulumi.ResourceOption) (*Schedule, error) {
	if err := args.validate(); err != nil {
		return nil, fmt.Errorf("schedule %q: %w", name, err)
	}
	schedule := &Schedule{}
	if err := ctx.RegisterComponentResource(scheduleType, name, schedule, opts...); err != nil {
		return nil, fmt.Errorf("register schedule %q: %w", name, err)
	}

	var senders []pulumi.StringInput // rules that the queue hears from
	var rule, arrival *cloudwatch.EventRule
	var err error
	if args.TimeZone == "" {
		if rule, err = newRule(ctx, name+"-rule", args, schedule); err != nil {
			return nil, err
		}
		senders = append(senders, rule.Arn)
	}
	if args.ArrivalBucketName != nil {
		if arrival, err = newArrivalRule(ctx, name+"-arrival", args, schedule); err != nil {
			return nil, err
		}
		senders = append(senders, arrival.Arn)
	}
	queue, queuePolicy, err := newDeadLetterQueue(ctx, name+"-dead-letters", args.KMSKeyArn, senders, schedule)
	if err != nil {
		return nil, err
	}
	schedule.DeadLetterQueueURL, schedule.DeadLetterQueueName = queue.Url, queue.Name
	if rule != nil {
		err = schedule.startByRule(ctx, name, args, rule, queue, queuePolicy)
	} else {
		err = schedule.startInZone(ctx, name, args, queue)
	}
	if err != nil {
		return nil, err
	}
	if arrival != nil {
		if err := newArrivalTarget(ctx, name+"-arrival", args, arrival, queue, queuePolicy, schedule); err != nil {
			return nil, err
		}
	}
	if err := ctx.RegisterResourceOutputs(schedule, pulumi.Map{
		"ruleName":            schedule.RuleName,
		"ruleArn":             schedule.RuleArn,
		"scheduleGroupName":   schedule.ScheduleGroupName,
		"deadLetterQueueUrl":  schedule.DeadLetterQueueURL,
		"deadLetterQueueName": schedule.DeadLetterQueueName,
	}); err != nil {
		return nil, fmt.Errorf("register outputs of schedule %q: %w", name, err)
	}
	return schedule, nil
}

func (s *Schedule) startByRule(ctx *pulumi.Context, name string, args *ScheduleArgs, rule *cloudwatch.EventRule, queue *sqs.Queue, queuePolicy *sqs.QueuePolicy) error {
	role, err := newStartRole(ctx, name+"-role", args, rule, s)
	if err != nil {
		return err
	}
	s.RuleName, s.RuleArn, s.ScheduleGroupName = rule.Name, rule.Arn, pulumi.String("").ToStringOutput()
	return newTarget(ctx, name+"-target", args, rule, role, queue, queuePolicy, s)
}

func (s *Schedule) startInZone(ctx *pulumi.Context, name string, args *ScheduleArgs, queue *sqs.Queue) error {
	group, err := newZonedStart(ctx, name, zonedStart{
		place: args.Place, description: "Starts the preprocessing pipeline",
		expression: args.Expression, zone: args.TimeZone, enabled: args.Enabled,
		machineArn: args.StateMachineArn, keyArn: args.KMSKeyArn, queue: queue,
	}, s)
	if err != nil {
		return err
	}
	none := pulumi.String("").ToStringOutput()
	s.RuleName, s.RuleArn, s.ScheduleGroupName = none, none, group.Name
	return nil
}

func newRule(ctx *pulumi.Context, name string, args *ScheduleArgs, parent pulumi.Resource) (*cloudwatch.EventRule, error) {
	state := "DISABLED"
	if args.Enabled {
		state = "ENABLED"
	}
	rule, err := cloudwatch.NewEventRule(ctx, name, &cloudwatch.EventRuleArgs{
		Description:        pulumi.String("Starts the preprocessing pipeline"),
		ScheduleExpression: pulumi.String(args.Expression),
		State:              pulumi.String(state),
	}, pulumi.Parent(parent))
	if err != nil {
		return nil, fmt.Errorf("create rule %q: %w", name, err)
	}
	return rule, nil
}

// newStartRole may start one state machine, for one rule.
func newStartRole(ctx *pulumi.Context, name string, args *ScheduleArgs, rule *cloudwatch.EventRule, parent pulumi.Resource) (*serviceRole, error) {
	return newServiceRole(ctx, name, serviceRoleArgs{
		place:       args.Place,
		service:     eventBridge,
		sourceArn:   rule.Arn,
		description: "Starts the preprocessing pipeline on schedule",
		policy: document(func(in []string) any {
			return newPolicy(statement{
				Sid:      "StartPipeline",
				Effect:   "Allow",
				Action:   []string{"states:StartExecution"},
				Resource: []string{in[0]},
			})
		}, args.StateMachineArn),
	}, parent)
}

// newDeadLetterQueue keeps starts that could not be delivered, for these rules,
// encrypted with the key, or with keys that SQS owns (free), over TLS only. What
// EventBridge Scheduler loses its own role sends.
func newDeadLetterQueue(ctx *pulumi.Context, name string, keyArn pulumi.StringInput, ruleArns []pulumi.StringInput, parent pulumi.Resource) (*sqs.Queue, *sqs.QueuePolicy, error) {
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
		return nil, nil, fmt.Errorf("create queue %q: %w", name, err)
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
		return nil, nil, fmt.Errorf("attach the policy of queue %q: %w", name, err)
	}
	return queue, queuePolicy, nil
}

// newTarget makes the rule start the machine. EventBridge tries for a day, as
// long as it can: a run that starts hours late is better than none this month.
func newTarget(ctx *pulumi.Context, name string, args *ScheduleArgs, rule *cloudwatch.EventRule, role *serviceRole, queue *sqs.Queue, queuePolicy *sqs.QueuePolicy, parent pulumi.Resource) error {
	_, err := cloudwatch.NewEventTarget(ctx, name, &cloudwatch.EventTargetArgs{
		Rule:    rule.Name,
		Arn:     args.StateMachineArn,
		RoleArn: role.role.Arn,
		InputTransformer: &cloudwatch.EventTargetInputTransformerArgs{
			InputPaths:    pulumi.StringMap{"time": pulumi.String("$.time")},
			InputTemplate: pulumi.String(scheduledInput),
		},
		RetryPolicy: &cloudwatch.EventTargetRetryPolicyArgs{
			MaximumEventAgeInSeconds: pulumi.Int(86400),
			MaximumRetryAttempts:     pulumi.Int(185),
		},
		DeadLetterConfig: &cloudwatch.EventTargetDeadLetterConfigArgs{Arn: queue.Arn},
	}, pulumi.Parent(parent), pulumi.DependsOn([]pulumi.Resource{role.policy, queuePolicy}))
	if err != nil {
		return fmt.Errorf("create target %q: %w", name, err)
	}
	return nil
}
