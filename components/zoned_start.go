package components

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/scheduler"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/sqs"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// scheduledUTC is what EventBridge Scheduler starts a machine with. It puts the
// time for which the run was scheduled, in UTC, where <aws.scheduler.scheduled-time>
// stands.
const scheduledUTC = `{"scheduledTime":"<aws.scheduler.scheduled-time>"}`

// zonedStart is a start at the time of a zone, by EventBridge Scheduler.
type zonedStart struct {
	place            Place
	description      string
	expression, zone string
	enabled          bool
	machineArn       pulumi.StringInput
	keyArn           pulumi.StringInput // of queue; nil for keys that SQS owns
	queue            *sqs.Queue         // gets what could not be delivered
}

// newZonedStart makes
//
//	<name>-group           a group for this schedule alone: the trust of a role and metrics name groups
//	<name>-scheduler-role  may start that one machine, and send to the queue
//	<name>-time            when
//
// and returns the group. Scheduler tries for a day, as long as it can.
func newZonedStart(ctx *pulumi.Context, name string, args zonedStart, parent pulumi.Resource) (*scheduler.ScheduleGroup, error) {
	group, err := scheduler.NewScheduleGroup(ctx, name+"-group", &scheduler.ScheduleGroupArgs{}, pulumi.Parent(parent))
	if err != nil {
		return nil, fmt.Errorf("create schedule group %q: %w", name+"-group", err)
	}
	role, err := newServiceRole(ctx, name+"-scheduler-role", serviceRoleArgs{
		place:       args.place,
		service:     eventScheduler,
		sourceArns:  []pulumi.StringInput{group.Arn},
		description: args.description,
		policy: document(func(in []string) any {
			return newPolicy(
				mayStart(in[0]),
				statement{Sid: "KeepWhatIsLost", Effect: "Allow", Action: []string{"sqs:SendMessage"}, Resource: []string{in[1]}},
			).and(useKey("UseKeyOfQueue", args.place, in[2], "sqs", "kms:Decrypt", "kms:GenerateDataKey")...)
		}, args.machineArn, args.queue.Arn, keyOrNone(args.keyArn)),
	}, parent)
	if err != nil {
		return nil, err
	}
	if _, err := scheduler.NewSchedule(ctx, name+"-time", &scheduler.ScheduleArgs{
		Description:                pulumi.String(args.description),
		GroupName:                  group.Name,
		ScheduleExpression:         pulumi.String(args.expression),
		ScheduleExpressionTimezone: pulumi.String(args.zone),
		State:                      pulumi.String(enabledState(args.enabled)),
		FlexibleTimeWindow:         &scheduler.ScheduleFlexibleTimeWindowArgs{Mode: pulumi.String("OFF")},
		Target: &scheduler.ScheduleTargetArgs{
			Arn:              args.machineArn,
			RoleArn:          role.role.Arn,
			Input:            pulumi.String(scheduledUTC),
			DeadLetterConfig: &scheduler.ScheduleTargetDeadLetterConfigArgs{Arn: args.queue.Arn},
			RetryPolicy: &scheduler.ScheduleTargetRetryPolicyArgs{
				MaximumEventAgeInSeconds: pulumi.Int(startMaxAgeSeconds),
				MaximumRetryAttempts:     pulumi.Int(startMaxRetries),
			},
		},
	}, pulumi.Parent(parent), pulumi.DependsOn([]pulumi.Resource{role.policy})); err != nil {
		return nil, fmt.Errorf("create schedule %q: %w", name+"-time", err)
	}
	return group, nil
}
