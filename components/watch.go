package components

import (
	"errors"
	"fmt"
	"maps"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/sfn"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/sqs"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"ds-pipeline/preprocess/contract"
)

const watchType = "ds-pipeline:components:Watch"

// WatchArgs configures Watch. Plain Go fields are known while the program runs
// and are checked before anything is created; pulumi inputs may come from another
// resource.
type WatchArgs struct {
	// Place is the account and region of everything here.
	Place Place `pulumi:"place"`

	// KMSKeyArn encrypts the history, the output bucket and the topic; nil uses
	// keys of the services.
	KMSKeyArn pulumi.StringInput `pulumi:"kmsKeyArn,optional"`

	// StateMachineName is the published name of the watching machine.
	StateMachineName string `pulumi:"stateMachineName"`

	// LogRetentionDays is how long its history is kept: one of the values of
	// CloudWatch Logs.
	LogRetentionDays int `pulumi:"logRetentionDays"`

	// Expression and TimeZone are the schedule of the pipeline.
	Expression string `pulumi:"expression"`
	TimeZone   string `pulumi:"timeZone,optional"`

	// Enabled looks for missed runs: on when the schedule is on.
	Enabled bool `pulumi:"enabled"`

	// PipelineName and PipelineArn are what is watched.
	PipelineName string             `pulumi:"pipelineName"`
	PipelineArn  pulumi.StringInput `pulumi:"pipelineArn"`

	// OutputBucketName is where a run leaves its manifest.
	OutputBucketName pulumi.StringInput `pulumi:"outputBucketName"`

	// TopicArn gets the messages.
	TopicArn pulumi.StringInput `pulumi:"topicArn"`

	// ScaleOut tells of runs that are spread how many parts failed, and why one did.
	ScaleOut bool `pulumi:"scaleOut,optional"`
}

func (a *WatchArgs) validate() error {
	if a == nil {
		return errors.New("args are required")
	}
	return errors.Join(
		a.Place.validate(),
		named("StateMachineName", checkName(a.StateMachineName, 80, stateMachineNamePattern, "letters, digits, _ and -")),
		named("LogRetentionDays", CheckLogRetentionDays(a.LogRetentionDays)),
		checkTimes(a.Expression, a.TimeZone),
		named("PipelineName", checkName(a.PipelineName, 80, stateMachineNamePattern, "letters, digits, _ and -")),
		present("PipelineArn", a.PipelineArn != nil),
		present("OutputBucketName", a.OutputBucketName != nil),
		present("TopicArn", a.TopicArn != nil),
	)
}

// Watch tells people of the runs that cannot tell it themselves: one that never
// came, and one that was stopped, timed out or broke.
//
//	<name>-machine       looks and tells; see watchDefinition
//	<name>-role          what it may do
//	<name>-logs          every event of its executions
//	<name>-rule          starts it with the schedule, by a rule of its own
//	<name>-ended-rule    starts it when an execution of the pipeline ends badly
//	<name>-start-role    lets both rules start it, and nothing else
//	<name>-dead-letters  starts that could not be delivered for a day, kept two weeks
//
// With a time zone, EventBridge Scheduler stands in for <name>-rule, see Schedule.
// A check begins when the run is due and then waits for two days, which costs
// nothing. So it is right for every schedule, whatever the length of the month.
// Cost: $0.025 per 1,000 transitions after the first 4,000 of a month; a check is
// about eight.
type Watch struct {
	pulumi.ResourceState

	StateMachineArn     pulumi.StringOutput `pulumi:"stateMachineArn"`
	RuleName            pulumi.StringOutput `pulumi:"ruleName"`
	ScheduleGroupName   pulumi.StringOutput `pulumi:"scheduleGroupName"` // with a time zone, else ""; then RuleName is ""
	EndedRuleName       pulumi.StringOutput `pulumi:"endedRuleName"`
	DeadLetterQueueName pulumi.StringOutput `pulumi:"deadLetterQueueName"`
}

// Outline is the definition of the machine with nothing in the place of what is
// known only once it exists.
func (a *WatchArgs) Outline() (string, error) {
	return renderJSON(watchDefinition(machineInputs{place: a.Place, pipelineName: a.PipelineName}, "", a.ScaleOut))
}

// NewWatch creates the machine that watches args.PipelineArn.
func NewWatch(ctx *pulumi.Context, name string, args *WatchArgs, opts ...pulumi.ResourceOption) (*Watch, error) {
	if err := args.validate(); err != nil {
		return nil, fmt.Errorf("watch %q: %w", name, err)
	}
	watch := &Watch{}
	if err := ctx.RegisterComponentResource(watchType, name, watch, opts...); err != nil {
		return nil, fmt.Errorf("register watch %q: %w", name, err)
	}

	logs, err := newLogGroup(ctx, name+"-logs", StateMachineLogGroupName(args.StateMachineName), args.LogRetentionDays, args.KMSKeyArn, watch)
	if err != nil {
		return nil, err
	}
	role, err := newWatchRole(ctx, name+"-role", args, watch)
	if err != nil {
		return nil, err
	}
	// An express machine could not wait for two days.
	machine, err := newStandardMachine(ctx, name+"-machine", args.StateMachineName, role, logs, document(func(in []string) any {
		return watchDefinition(machineInputs{place: args.Place, pipelineName: args.PipelineName, outputBucket: in[0], topicArn: in[1]}, in[2], args.ScaleOut)
	}, args.OutputBucketName, args.TopicArn, args.PipelineArn), watch)
	if err != nil {
		return nil, err
	}
	starts, err := newWatchRules(ctx, name, args, machine, watch)
	if err != nil {
		return nil, err
	}

	watch.StateMachineArn = machine.Arn
	watch.RuleName = starts.ruleName
	watch.ScheduleGroupName = starts.groupName
	watch.EndedRuleName = starts.ended.Name
	watch.DeadLetterQueueName = starts.queue.Name
	if err := ctx.RegisterResourceOutputs(watch, pulumi.Map{
		"stateMachineArn":     watch.StateMachineArn,
		"ruleName":            watch.RuleName,
		"scheduleGroupName":   watch.ScheduleGroupName,
		"endedRuleName":       watch.EndedRuleName,
		"deadLetterQueueName": watch.DeadLetterQueueName,
	}); err != nil {
		return nil, fmt.Errorf("register outputs of watch %q: %w", name, err)
	}
	return watch, nil
}

// newWatchRole may look for the manifests of periods and publish to one topic.
func newWatchRole(ctx *pulumi.Context, name string, args *WatchArgs, parent pulumi.Resource) (*serviceRole, error) {
	return newServiceRole(ctx, name, serviceRoleArgs{
		place:       args.Place,
		service:     stepFunctions,
		sourceArns:  []pulumi.StringInput{pulumi.String(args.Place.arn("states", "stateMachine:"+args.StateMachineName))},
		description: "Looks for missed runs of the preprocessing pipeline",
		policy: document(func(in []string) any {
			bucket := args.Place.bucketArn(in[0])
			return newPolicy(
				statement{
					// HeadObject is part of GetObject. The period is any month.
					Sid:      "FindManifest",
					Effect:   "Allow",
					Action:   []string{"s3:GetObject"},
					Resource: []string{bucket + "/" + manifestKey("*")},
				},
				statement{
					// Without it S3 answers 403 for a key that does not exist.
					Sid:      "TellMissingFromForbidden",
					Effect:   "Allow",
					Action:   []string{"s3:ListBucket"},
					Resource: []string{bucket},
				},
				statement{
					Sid:      "Notify",
					Effect:   "Allow",
					Action:   []string{"sns:Publish"},
					Resource: []string{in[1]},
				},
			).and(machineRights()...).
				and(seePartsRights(args)...).
				and(useKey("UseKeyOfOutput", args.Place, in[2], "s3", "kms:Decrypt")...).
				and(useKey("UseKeyOfTopic", args.Place, in[2], "sns", "kms:Decrypt", "kms:GenerateDataKey")...)
		}, args.OutputBucketName, args.TopicArn, keyOrNone(args.KMSKeyArn)),
	}, parent)
}

// watchStarts is what starts the watching machine.
type watchStarts struct {
	ruleName, groupName pulumi.StringOutput // one of them is ""
	ended               *cloudwatch.EventRule
	queue               *sqs.Queue // starts that could not be delivered
}

// newWatchRules start the machine: one when a run is due, independent of the
// rule that starts the run, and one when an execution of the pipeline ended badly.
func newWatchRules(ctx *pulumi.Context, name string, args *WatchArgs, machine *sfn.StateMachine, parent pulumi.Resource) (*watchStarts, error) {
	ended, err := newEndedRule(ctx, name+"-ended-rule", args, parent)
	if err != nil {
		return nil, err
	}
	ruleArns := []pulumi.StringInput{ended.Arn}
	var due *cloudwatch.EventRule
	if args.TimeZone == "" { // which a rule cannot have
		if due, err = newTimeRule(ctx, name+"-rule", watchDue, args.Expression, args.Enabled, parent); err != nil {
			return nil, err
		}
		ruleArns = []pulumi.StringInput{due.Arn, ended.Arn}
	}
	role, err := newStartRole(ctx, name+"-start-role", args.Place, "Starts the watch over the preprocessing pipeline", machine.Arn, ruleArns, parent)
	if err != nil {
		return nil, err
	}
	lost, err := newDeadLetterQueue(ctx, name+"-dead-letters", args.KMSKeyArn, ruleArns, parent)
	if err != nil {
		return nil, err
	}
	start := ruleStart{rule: ended, machineArn: machine.Arn, role: role, queue: lost, inputPath: "$.detail"}
	if err := newRuleTarget(ctx, name+"-ended-target", start, parent); err != nil {
		return nil, err
	}
	none := pulumi.String("").ToStringOutput()
	starts := &watchStarts{ruleName: none, groupName: none, ended: ended, queue: lost.queue}
	if due != nil {
		starts.ruleName = due.Name
		start.rule, start.paths, start.template = due, map[string]string{"time": "$.time"}, scheduledInput
		return starts, newRuleTarget(ctx, name+"-target", start, parent)
	}
	group, err := newZonedStart(ctx, name, zonedStart{
		place: args.Place, description: watchDue,
		expression: args.Expression, zone: args.TimeZone, enabled: args.Enabled,
		machineArn: machine.Arn, keyArn: args.KMSKeyArn, queue: lost.queue,
	}, parent)
	if err != nil {
		return nil, err
	}
	starts.groupName = group.Name
	return starts, nil
}

const watchDue = "Checks, two days later, that a run of the preprocessing pipeline left a result"

// newEndedRule hears of executions of the pipeline that ended without success.
func newEndedRule(ctx *pulumi.Context, name string, args *WatchArgs, parent pulumi.Resource) (*cloudwatch.EventRule, error) {
	rule, err := cloudwatch.NewEventRule(ctx, name, &cloudwatch.EventRuleArgs{
		Description: pulumi.String("Tells of runs of the preprocessing pipeline that could not tell themselves"),
		EventPattern: document(func(in []string) any {
			return map[string]any{
				"source":      []string{"aws.states"},
				"detail-type": []string{"Step Functions Execution Status Change"},
				"detail":      map[string]any{"stateMachineArn": []string{in[0]}, "status": []string{"ABORTED", "FAILED", "TIMED_OUT"}},
			}
		}, args.PipelineArn),
	}, pulumi.Parent(parent))
	if err != nil {
		return nil, fmt.Errorf("create rule %q: %w", name, err)
	}
	return rule, nil
}

// manifestKey is where the run of a period leaves its manifest, unless its
// execution was given another output-key: such a run is one more, whose result is
// not where those who read the period's look for it.
func manifestKey(period string) string {
	return contract.Beside(contract.PeriodKey(contract.OutputKey, period), contract.ManifestName)
}

// graceSeconds is how long a run may take to leave its result: two days.
const graceSeconds = 2 * 24 * 3600

const (
	remedyMissed    = "Look at the executions of the pipeline and whether the data has come, then start one for this period: {\"period\": \"<year>-<month>\"}. A run that was given another output-key does not count."
	remedyUnchecked = "Compare the policies of the bucket, of the encryption key and of the watch's role; then look yourself."
	remedyAborted   = "If that was not meant, redrive the execution: it goes on where it was stopped."
	remedyTimedOut  = "See in the execution where the time went, then redrive it."
	remedyBroken    = "The execution's history says at which state; redrive it once that is repaired."
)

// watchDefinition is the machine that watches the pipeline:
//
//	Prepare ─► WhatHappened ─► WaitForResult ─► FindPeriod ─► FindManifest ─► Present
//	                 │                                            │ 404
//	                 │ an execution ended                         ▼
//	                 └─► HasTold ─► Explain… ───────────────► Explain… ─► Notify ─► Told
//	                        └─► AlreadyTold
//
// When not even the message can be sent, its execution fails. With scaleOut, more is
// found out about parts that failed, see partsToldStates.
func watchDefinition(in machineInputs, pipelineArn string, scaleOut bool) any {
	notify := publish(in, "needs a look", "Told", format("{}\n\nWhat to try: {}\n\nPipeline: "+
		fmt.Sprintf("https://%s/states/home?region=%s#/statemachines/view/%s", in.place.consoleHost(), in.place.Region, pipelineArn),
		"$.failure.summary", "$.failure.remedy"))
	delete(notify, "Catch")
	manifest := fmt.Sprintf("s3://%s/%s", in.outputBucket, manifestKey("{}"))
	const execution = "$.input.executionArn"
	states := map[string]state{
		"Prepare": {
			"Type":       "Pass",
			"Parameters": map[string]any{"input.$": "$$.Execution.Input", "newline": "\n", "wait": graceSeconds},
			"Next":       "WhatHappened",
		},
		"WhatHappened": choice("A run is due, or one has ended?", "UnknownInput",
			and("WaitForResult", isPresent(requestScheduled), isTimestamp(requestScheduled)),
			and("HasTold", isPresent(execution), isPresent("$.input.status")),
		),
		"UnknownInput":  {"Type": "Fail", "Error": "UnknownInput", "Cause": "want scheduledTime, or the detail of an event about an execution"},
		"WaitForResult": {"Type": "Wait", "SecondsPath": "$.wait", "Next": "FindPeriod"},
		"FindPeriod": {
			"Type": "Pass", "Comment": "Of the time when the run was due", "Parameters": monthOf(requestScheduled), "ResultPath": "$.period", "Next": "FindManifest",
		},
		"FindManifest": {
			"Type":     "Task",
			"Comment":  "A run writes its manifest last",
			"Resource": fmt.Sprintf("arn:%s:states:::aws-sdk:s3:headObject", in.place.partition()),
			"Parameters": map[string]any{
				"Bucket": in.outputBucket, "Key.$": format(manifestKey("{}"), "$.period.name"), "ExpectedBucketOwner": in.place.AccountID,
			},
			"ResultSelector": map[string]any{"bytes.$": "$.ContentLength"},
			"ResultPath":     "$.found",
			"TimeoutSeconds": checkTimeout,
			"Retry": []any{
				map[string]any{"ErrorEquals": []string{"S3.NoSuchKeyException"}, "MaxAttempts": 0},
				claimRetry("States.ALL"),
			},
			"Catch": []any{
				map[string]any{"ErrorEquals": []string{"S3.NoSuchKeyException"}, "ResultPath": "$.error", "Next": "ExplainMissed"},
				catchAll("$.error", "DiagnoseManifest"),
			},
			"Next": "Present",
		},
		"DiagnoseManifest": choice("Why could it not be found?", "ExplainUnchecked",
			and("ExplainMissed", isPresent("$.error.Cause"), matches("$.error.Cause", "*Status Code: 404*")),
		),
		"ExplainMissed": explain("No run, or none that finished", remedyMissed, map[string]any{
			"summary.$": format("two days after the run of "+in.pipelineName+" for {} was due, it has left no result: "+manifest+" does not exist", "$.period.name", "$.period.name"),
		}),
		"ExplainUnchecked": explain("S3 answered something else", remedyUnchecked, map[string]any{
			"summary.$": format("it could not be checked that "+in.pipelineName+" left a result: "+manifest+": {}", "$.period.name", "$.error.Error"),
		}),
		"HasTold": choice("Did the execution say why?", "ExplainBroken",
			and("AlreadyTold", isPresent("$.input.error"), equals("$.input.error", errorFailed)),
			state{"Variable": "$.input.status", "StringEquals": "ABORTED", "Next": "ExplainAborted"},
			state{"Variable": "$.input.status", "StringEquals": "TIMED_OUT", "Next": "ExplainTimedOut"},
		),
		"ExplainAborted":  explain("Somebody stopped it", remedyAborted, map[string]any{"summary.$": format(in.pipelineName+" was stopped: "+in.executionLink(), execution)}),
		"ExplainTimedOut": explain("Longer than all attempts together may take", remedyTimedOut, map[string]any{"summary.$": format(in.pipelineName+" took longer than it may: "+in.executionLink(), execution)}),
		"ExplainBroken":   explain("It failed before it could tell", remedyBroken, map[string]any{"summary.$": format(in.pipelineName+" failed and could not say why: "+in.executionLink(), execution)}),
		"Notify":          notify,
		"Present":         {"Type": "Succeed"},
		"AlreadyTold":     {"Type": "Succeed"},
		"Told":            {"Type": "Succeed"},
	}
	if scaleOut {
		told := states["HasTold"]
		told["Choices"] = append(told["Choices"].([]state), and("FindParts", isPresent("$.input.error"), equals("$.input.error", tooManyFailed)))
		maps.Copy(states, partsToldStates(in))
	}
	return map[string]any{
		"Comment": "Tell people of runs that never came, were stopped or broke",
		// The wait, and more than all repetitions of its requests take.
		"TimeoutSeconds": graceSeconds + 3600,
		"StartAt":        "Prepare",
		"States":         states,
	}
}
