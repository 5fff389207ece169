package components

import (
	"errors"
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"ds-pipeline/internal/cron"
)

const scheduleType = "ds-pipeline:components:Schedule"

// ScheduleArgs configures Schedule. Plain Go fields are known while the program
// runs and are checked before anything is created; pulumi inputs may come from
// another resource.
type ScheduleArgs struct {
	// Place is the account and region of everything here.
	Place Place `pulumi:"place"`

	// Expression says when: cron(0 9 15 * ? *) or rate(1 day).
	Expression string `pulumi:"expression"`

	// TimeZone is where Expression, then a cron, is read, such as Europe/Berlin;
	// "" is UTC. With one EventBridge Scheduler starts runs instead of a rule.
	TimeZone string `pulumi:"timeZone,optional"`

	// Enabled starts runs. A disabled schedule stays, and starts nothing.
	Enabled bool `pulumi:"enabled"`

	// ArrivalBucketName and ArrivalKey start a run, too, when an object arrives in
	// the bucket and in the folder of the key; nil and "" for no such starts. The
	// bucket must have no other notifications. Enabled does not concern them.
	ArrivalBucketName pulumi.StringInput `pulumi:"arrivalBucketName,optional"`
	ArrivalKey        string             `pulumi:"arrivalKey,optional"`

	// KMSKeyArn encrypts the queue; nil uses keys that SQS owns.
	KMSKeyArn pulumi.StringInput `pulumi:"kmsKeyArn,optional"`

	// StateMachineArn is what is started.
	StateMachineArn pulumi.StringInput `pulumi:"stateMachineArn"`
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

// CheckScheduleExpression reports whether an EventBridge rule accepts text as its
// schedule.
func CheckScheduleExpression(text string) error { return cron.Check(text) }

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
		if rule, err = newTimeRule(ctx, name+"-rule", startsPipeline, args.Expression, args.Enabled, schedule); err != nil {
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
	lost, err := newDeadLetterQueue(ctx, name+"-dead-letters", args.KMSKeyArn, senders, schedule)
	if err != nil {
		return nil, err
	}
	schedule.DeadLetterQueueURL, schedule.DeadLetterQueueName = lost.queue.Url, lost.queue.Name
	if rule != nil {
		err = schedule.startByRule(ctx, name, args, rule, lost)
	} else {
		err = schedule.startInZone(ctx, name, args, lost)
	}
	if err != nil {
		return nil, err
	}
	if arrival != nil {
		if err := newArrivalTarget(ctx, name+"-arrival", args, arrival, lost, schedule); err != nil {
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

const startsPipeline = "Starts the preprocessing pipeline"

func (s *Schedule) startByRule(ctx *pulumi.Context, name string, args *ScheduleArgs, rule *cloudwatch.EventRule, lost *deadLetters) error {
	role, err := newStartRole(ctx, name+"-role", args.Place, startsPipeline+" on schedule", args.StateMachineArn, []pulumi.StringInput{rule.Arn}, s)
	if err != nil {
		return err
	}
	s.RuleName, s.RuleArn, s.ScheduleGroupName = rule.Name, rule.Arn, pulumi.String("").ToStringOutput()
	return newRuleTarget(ctx, name+"-target", ruleStart{
		rule: rule, machineArn: args.StateMachineArn, role: role, queue: lost,
		paths: map[string]string{"time": "$.time"}, template: scheduledInput,
	}, s)
}

func (s *Schedule) startInZone(ctx *pulumi.Context, name string, args *ScheduleArgs, lost *deadLetters) error {
	group, err := newZonedStart(ctx, name, zonedStart{
		place: args.Place, description: startsPipeline,
		expression: args.Expression, zone: args.TimeZone, enabled: args.Enabled,
		machineArn: args.StateMachineArn, keyArn: args.KMSKeyArn, queue: lost.queue,
	}, s)
	if err != nil {
		return err
	}
	none := pulumi.String("").ToStringOutput()
	s.RuleName, s.RuleArn, s.ScheduleGroupName = none, none, group.Name
	return nil
}
