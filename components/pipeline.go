package components

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/dynamodb"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/sfn"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/sns"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"ds-pipeline/preprocess/contract"
)

const pipelineType = "ds-pipeline:components:Pipeline"

// PipelineArgs configures Pipeline. Plain Go fields are known while the program
// runs and are checked before anything is created; pulumi inputs may come from
// another resource.
type PipelineArgs struct {
	// Place is the account and region of everything here.
	Place Place `pulumi:"place"`

	// StateMachineName is the published name. Changing it replaces the machine,
	// and with it the history of its executions.
	StateMachineName string `pulumi:"stateMachineName"`

	// LogRetentionDays is how long the history of executions is kept: one of the
	// values of CloudWatch Logs.
	LogRetentionDays int `pulumi:"logRetentionDays"`

	// TaskTimeoutMinutes is how long one attempt may take: 1 to 10080, a week.
	TaskTimeoutMinutes int `pulumi:"taskTimeoutMinutes"`

	// Attempts is how often a run is tried when trying again can help: 1 to 10.
	Attempts int `pulumi:"attempts"`

	// UseSpot runs every attempt but the last on Spot capacity, which costs up to
	// 70% less and can be reclaimed at any time. It needs two attempts, and a
	// cluster that offers Spot.
	UseSpot bool `pulumi:"useSpot,optional"`

	// ScaleOut spreads a run over many tasks; nil and the zero value do not.
	ScaleOut *ScaleOut `pulumi:"scaleOut,optional"`

	// NotificationEmail gets a message when a run fails. "" subscribes nobody; the
	// topic is there in any case. AWS asks the address to confirm first.
	NotificationEmail string `pulumi:"notificationEmail,optional"`

	// NotificationEmailSecret keeps the address encrypted in the state.
	NotificationEmailSecret bool `pulumi:"notificationEmailSecret,optional"`

	// Subscriptions get the same messages as NotificationEmail: each is a protocol
	// and an endpoint, see CheckSubscription. A queue or a function has to let the
	// topic in by its own policy; an https endpoint has to confirm.
	Subscriptions []string `pulumi:"subscriptions,optional"`

	// SubscriptionsSecret keeps the endpoints encrypted in the state.
	SubscriptionsSecret bool `pulumi:"subscriptionsSecret,optional"`

	// NotifySuccess sends a message for each run that succeeded, too.
	NotifySuccess bool `pulumi:"notifySuccess,optional"`

	// ProtectData refuses to delete the table of runs.
	ProtectData bool `pulumi:"protectData,optional"`

	// KMSKeyArn encrypts the topic, the table of runs and the history, and is what the input bucket is
	// encrypted with; nil uses keys of the services.
	KMSKeyArn pulumi.StringInput `pulumi:"kmsKeyArn,optional"`

	// InputBucketName holds the object that has to be there before a task is
	// started. Its key is in the parameter input-key below ParameterPrefix, unless
	// the execution names another.
	InputBucketName pulumi.StringInput `pulumi:"inputBucketName"`
	ParameterPrefix string             `pulumi:"parameterPrefix"`

	// OutputBucketName is where an execution may choose another key for its
	// result, below the prefix of the contract.
	OutputBucketName pulumi.StringInput `pulumi:"outputBucketName"`

	// Where and how the task runs.
	ClusterArn        pulumi.StringInput      `pulumi:"clusterArn"`
	ClusterName       pulumi.StringInput      `pulumi:"clusterName"`
	TaskDefinitionArn pulumi.StringInput      `pulumi:"taskDefinitionArn"`
	TaskFamily        pulumi.StringInput      `pulumi:"taskFamily"`
	TaskRoleArn       pulumi.StringInput      `pulumi:"taskRoleArn"`
	ExecutionRoleArn  pulumi.StringInput      `pulumi:"executionRoleArn"`
	TaskLogGroupName  pulumi.StringInput      `pulumi:"taskLogGroupName"`
	SubnetIDs         pulumi.StringArrayInput `pulumi:"subnetIds"`
	SecurityGroupID   pulumi.StringInput      `pulumi:"securityGroupId"`

	// AssignPublicIP gives a task a public address while it runs: it needs one in
	// a subnet whose way out is an internet gateway.
	AssignPublicIP pulumi.BoolInput `pulumi:"assignPublicIp"`
}

var stateMachineNamePattern = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

func (a *PipelineArgs) scaleOut() ScaleOut {
	if a.ScaleOut == nil {
		return ScaleOut{}
	}
	return *a.ScaleOut
}

func (a *PipelineArgs) validate() error {
	if a == nil {
		return errors.New("args are required")
	}
	errs := []error{
		a.Place.validate(),
		named("StateMachineName", checkName(a.StateMachineName, 80, stateMachineNamePattern, "letters, digits, _ and -")),
		named("LogRetentionDays", CheckLogRetentionDays(a.LogRetentionDays)),
		named("TaskTimeoutMinutes", CheckRange(a.TaskTimeoutMinutes, 1, 10080)),
		named("Attempts", CheckRange(a.Attempts, 1, 10)),
		present("InputBucketName", a.InputBucketName != nil),
		named("ParameterPrefix", CheckParameterPrefix(a.ParameterPrefix)),
		present("OutputBucketName", a.OutputBucketName != nil),
		present("ClusterArn", a.ClusterArn != nil),
		present("ClusterName", a.ClusterName != nil),
		present("TaskDefinitionArn", a.TaskDefinitionArn != nil),
		present("TaskFamily", a.TaskFamily != nil),
		present("TaskRoleArn", a.TaskRoleArn != nil),
		present("ExecutionRoleArn", a.ExecutionRoleArn != nil),
		present("TaskLogGroupName", a.TaskLogGroupName != nil),
		present("SubnetIDs", a.SubnetIDs != nil),
		present("SecurityGroupID", a.SecurityGroupID != nil),
		present("AssignPublicIP", a.AssignPublicIP != nil),
	}
	if a.UseSpot || a.scaleOut().on() && a.scaleOut().Spot {
		errs = append(errs, named("Attempts", CheckSpotAttempts(a.Attempts)))
	}
	errs = append(errs, CheckScaleOut(a.scaleOut(), func(field string) string { return "ScaleOut." + field }))
	if a.NotificationEmail != "" {
		errs = append(errs, named("NotificationEmail", CheckEmail(a.NotificationEmail)))
	}
	errs = append(errs, named("Subscriptions", errors.Join(CheckSubscriptions(a.Subscriptions), CheckAudience(a.NotificationEmail, a.Subscriptions, a.Place.Region))))
	return errors.Join(errs...)
}

// Pipeline runs the job once for each execution, once the input object is seen
// to be there, tries again where that can help, and tells people when it did not:
//
//	<name>-topic    gets one message for each failed run, or for every run
//	<name>-runs     the table that keeps two executions off one period
//	<name>-logs     every event of every execution
//	<name>-role     what the machine may do
//	<name>-machine  the state machine; see machineDefinition
//
// With ScaleOut a run may be many tasks, each in an execution of its own below that
// of the run; see scaleStates.
//
// Cost: $0.025 per 1,000 transitions after the first 4,000 of a month, logs, and
// e-mail beyond 1,000 messages.
type Pipeline struct {
	pulumi.ResourceState

	StateMachineArn  pulumi.StringOutput `pulumi:"stateMachineArn"`
	StateMachineName pulumi.StringOutput `pulumi:"stateMachineName"`
	TopicArn         pulumi.StringOutput `pulumi:"topicArn"`
	TopicName        pulumi.StringOutput `pulumi:"topicName"`
	LogGroupName     pulumi.StringOutput `pulumi:"logGroupName"`
}

// StateMachineLogGroupName is where the history of a state machine's executions
// is. With this beginning, delivery does not fill the account's resource policy.
func StateMachineLogGroupName(machine string) string { return "/aws/vendedlogs/states/" + machine }

// NewPipeline creates the state machine and what it tells and writes to.
func NewPipeline(ctx *pulumi.Context, name string, args *PipelineArgs, opts ...pulumi.ResourceOption) (*Pipeline, error) {
	if err := args.validate(); err != nil {
		return nil, fmt.Errorf("pipeline %q: %w", name, err)
	}
	pipeline := &Pipeline{}
	if err := ctx.RegisterComponentResource(pipelineType, name, pipeline, opts...); err != nil {
		return nil, fmt.Errorf("register pipeline %q: %w", name, err)
	}

	topic, err := newFailureTopic(ctx, name+"-topic", args, pipeline)
	if err != nil {
		return nil, err
	}
	logs, err := newLogGroup(ctx, name+"-logs", StateMachineLogGroupName(args.StateMachineName), args.LogRetentionDays, args.KMSKeyArn, pipeline)
	if err != nil {
		return nil, err
	}
	runs, err := newRunsTable(ctx, name+"-runs", args, pipeline)
	if err != nil {
		return nil, err
	}
	role, err := newMachineRole(ctx, name+"-role", args, topic, runs, pipeline)
	if err != nil {
		return nil, err
	}
	machine, err := newStandardMachine(ctx, name+"-machine", args.StateMachineName, role, logs, args.definition(topic, runs), pipeline)
	if err != nil {
		return nil, err
	}

	pipeline.StateMachineArn = machine.Arn
	pipeline.StateMachineName = machine.Name
	pipeline.TopicArn = topic.Arn
	pipeline.TopicName = topic.Name
	pipeline.LogGroupName = logs.Name
	if err := ctx.RegisterResourceOutputs(pipeline, pulumi.Map{
		"stateMachineArn":  pipeline.StateMachineArn,
		"stateMachineName": pipeline.StateMachineName,
		"topicArn":         pipeline.TopicArn,
		"topicName":        pipeline.TopicName,
		"logGroupName":     pipeline.LogGroupName,
	}); err != nil {
		return nil, fmt.Errorf("register outputs of pipeline %q: %w", name, err)
	}
	return pipeline, nil
}

// newFailureTopic creates the topic that failures go to. It is encrypted with the
// key, or with AWS's own key for SNS, which is free. AWS's lets any role of the
// account publish that may use the topic, as the state machine's does, but no AWS
// service that publishes as itself: an alarm of CloudWatch needs a key of our own
// ($1 a month) with a policy that admits it. So Monitoring has a topic of its own.
func newFailureTopic(ctx *pulumi.Context, name string, args *PipelineArgs, parent pulumi.Resource) (*sns.Topic, error) {
	key := keyPtr(args.KMSKeyArn)
	if key == nil {
		key = pulumi.String("alias/aws/sns")
	}
	topic, err := sns.NewTopic(ctx, name, &sns.TopicArgs{
		DisplayName:    pulumi.String("ds-pipeline"),
		KmsMasterKeyId: key,
	}, pulumi.Parent(parent))
	if err != nil {
		return nil, fmt.Errorf("create topic %q: %w", name, err)
	}
	if _, err := sns.NewTopicPolicy(ctx, name+"-policy", &sns.TopicPolicyArgs{
		Arn: topic.Arn,
		Policy: document(func(in []string) any {
			return newPolicy(denyPlainHTTP([]string{"sns:Publish"}, []string{in[0]}))
		}, topic.Arn),
	}, pulumi.Parent(parent)); err != nil {
		return nil, fmt.Errorf("attach the policy of topic %q: %w", name, err)
	}
	return topic, subscribeAll(ctx, name, topic, audience{
		email: args.NotificationEmail, emailSecret: args.NotificationEmailSecret,
		subscriptions: args.Subscriptions, subscriptionsSecret: args.SubscriptionsSecret,
	}, parent)
}

// newMachineRole is what the state machine may do: ask where the input is and
// look at objects of its bucket, claim a period, run tasks of one family on one
// cluster, watch and stop them, quote their log, publish to one topic, and write
// its own logs and traces. What a run that is spread needs more is in scaleRights.
func newMachineRole(ctx *pulumi.Context, name string, args *PipelineArgs, topic *sns.Topic, runs *dynamodb.Table, parent pulumi.Resource) (*serviceRole, error) {
	place := args.Place
	bucketUse := []string{"kms:Decrypt"}
	actsFor := []pulumi.StringInput{pulumi.String(place.arn("states", "stateMachine:"+args.StateMachineName))}
	if args.scaleOut().on() {
		bucketUse = append(bucketUse, "kms:GenerateDataKey") // for the record of a map
		// The executions of a map are of the machine with the label of the map, and an
		// id that is not known before.
		actsFor = append(actsFor, pulumi.String(place.arn("states", "stateMachine:"+args.StateMachineName+"/*")))
	}
	return newServiceRole(ctx, name, serviceRoleArgs{
		place:       place,
		service:     stepFunctions,
		sourceArns:  actsFor,
		description: "What the preprocessing pipeline may do",
		policy: document(func(in []string) any {
			clusterArn, clusterName, family, topicArn := in[0], in[1], in[2], in[3]
			input := place.bucketArn(in[6])
			onCluster := map[string]any{"ArnEquals": map[string]any{"ecs:cluster": clusterArn}}
			tasks := place.arn("ecs", "task/"+clusterName+"/*")
			return newPolicy(
				statement{
					Sid:      "FindInput",
					Effect:   "Allow",
					Action:   []string{"ssm:GetParameter"},
					Resource: []string{place.arn("ssm", "parameter"+args.ParameterPrefix+contract.InputKey)},
				},
				statement{
					// HeadObject is part of GetObject: IAM has no smaller right. An
					// execution may name any object of the bucket.
					Sid:      "CheckInput",
					Effect:   "Allow",
					Action:   []string{"s3:GetObject"},
					Resource: []string{input + "/*"},
				},
				statement{
					// Without it S3 answers 403 for a key that does not exist, and a
					// missing input would pass for a forbidden one.
					Sid:      "TellMissingFromForbidden",
					Effect:   "Allow",
					Action:   []string{"s3:ListBucket"},
					Resource: []string{input},
				},
				statement{
					Sid:      "ClaimPeriod",
					Effect:   "Allow",
					Action:   []string{"dynamodb:GetItem", "dynamodb:PutItem"},
					Resource: []string{in[8]},
				},
				statement{
					// Its own executions: does the one that claimed the period still run?
					Sid:      "SeeOtherRun",
					Effect:   "Allow",
					Action:   []string{"states:DescribeExecution"},
					Resource: []string{place.arn("states", "execution:"+args.StateMachineName+":*")},
				},
				statement{
					// Reports the failure of its own last task, nobody else's.
					Sid:      "FailInWords",
					Effect:   "Allow",
					Action:   []string{"states:SendTaskFailure"},
					Resource: []string{place.arn("states", "stateMachine:"+args.StateMachineName)},
				},
				statement{
					// Every revision: an execution that began before a deployment
					// still runs the one it began with.
					Sid:       "RunTask",
					Effect:    "Allow",
					Action:    []string{"ecs:RunTask"},
					Resource:  []string{place.arn("ecs", "task-definition/"+family+":*")},
					Condition: onCluster,
				},
				statement{
					// A task's ARN ends in an id that is not known before it runs.
					Sid:       "WatchAndStopTask",
					Effect:    "Allow",
					Action:    []string{"ecs:DescribeTasks", "ecs:StopTask"},
					Resource:  []string{tasks},
					Condition: onCluster,
				},
				statement{
					Sid:       "TagNewTask",
					Effect:    "Allow",
					Action:    []string{"ecs:TagResource"},
					Resource:  []string{tasks},
					Condition: map[string]any{"StringEquals": map[string]any{"ecs:CreateAction": "RunTask"}},
				},
				statement{
					Sid:       "PassRolesToTask",
					Effect:    "Allow",
					Action:    []string{"iam:PassRole"},
					Resource:  []string{in[4], in[5]},
					Condition: map[string]any{"StringEquals": map[string]any{"iam:PassedToService": ecsTasks}},
				},
				statement{
					// Step Functions learns through this rule, which it manages, that
					// a task stopped.
					Sid:      "HearOfStoppedTask",
					Effect:   "Allow",
					Action:   []string{"events:DescribeRule", "events:PutRule", "events:PutTargets"},
					Resource: []string{place.arn("events", "rule/StepFunctionsGetEventsForECSTaskRule")},
				},
				statement{
					// The streams of the job's container; a stream's name ends in the
					// id of a task.
					Sid:      "QuoteLog",
					Effect:   "Allow",
					Action:   []string{"logs:GetLogEvents"},
					Resource: []string{place.arn("logs", "log-group:"+in[7]+":log-stream:"+logStreamPrefix+"*")},
				},
				statement{
					Sid:      "Notify",
					Effect:   "Allow",
					Action:   []string{"sns:Publish"},
					Resource: []string{topicArn},
				},
			).and(machineRights()...).
				and(scaleRights(args, place.bucketArn(in[10]))...).
				and(useKey("UseKeyOfInput", place, in[9], "s3", bucketUse...)...).
				and(useKey("UseKeyOfRuns", place, in[9], "dynamodb", "kms:Decrypt")...).
				and(useKey("UseKeyOfTopic", place, in[9], "sns", "kms:Decrypt", "kms:GenerateDataKey")...)
		}, args.ClusterArn, args.ClusterName, args.TaskFamily, topic.Arn, args.TaskRoleArn, args.ExecutionRoleArn, args.InputBucketName, args.TaskLogGroupName, runs.Arn, keyOrNone(args.KMSKeyArn), args.OutputBucketName),
	}, parent)
}

// Outline is the definition of the machine with nothing in the place of what is
// known only once it exists: its states and their order, at once. publicIP is
// AssignPublicIP.
func (a *PipelineArgs) Outline(publicIP bool) (string, error) {
	m := a.machine()
	m.publicIP = publicIP
	return renderJSON(machineDefinition(m))
}

// machine is what is known of the machine while the program runs.
func (a *PipelineArgs) machine() machineInputs {
	return machineInputs{
		place:           a.Place,
		pipelineName:    a.StateMachineName,
		parameterPrefix: a.ParameterPrefix,
		notifySuccess:   a.NotifySuccess,
		taskTimeout:     a.TaskTimeoutMinutes,
		attempts:        a.Attempts,
		spot:            a.UseSpot,
		scale:           a.scaleOut(),
	}
}

// definition is the machine's, known once everything that it names is there.
func (a *PipelineArgs) definition(topic *sns.Topic, runs *dynamodb.Table) pulumi.StringOutput {
	return pulumi.All(a.ClusterArn, a.TaskDefinitionArn, a.SecurityGroupID, a.SubnetIDs, topic.Arn, a.TaskLogGroupName, a.InputBucketName, a.OutputBucketName, runs.Name, a.AssignPublicIP).
		ApplyT(func(in []any) (string, error) {
			m := a.machine()
			m.clusterArn = in[0].(string)
			m.taskDefinitionArn = in[1].(string)
			m.securityGroupID = in[2].(string)
			m.subnetIDs = in[3].([]string)
			m.topicArn = in[4].(string)
			m.taskLogGroupName = in[5].(string)
			m.inputBucket = in[6].(string)
			m.outputBucket = in[7].(string)
			m.runsTable = in[8].(string)
			m.publicIP = in[9].(bool)
			return renderJSON(machineDefinition(m))
		}).(pulumi.StringOutput)
}

// newStandardMachine creates a state machine once its role can do everything:
// Step Functions checks the permissions for logging when it creates a machine.
func newStandardMachine(ctx *pulumi.Context, name, machineName string, role *serviceRole, logs *cloudwatch.LogGroup, definition pulumi.StringOutput, parent pulumi.Resource) (*sfn.StateMachine, error) {
	machine, err := sfn.NewStateMachine(ctx, name, &sfn.StateMachineArgs{
		Name:       pulumi.String(machineName),
		Type:       pulumi.String("STANDARD"),
		RoleArn:    role.role.Arn,
		Definition: definition,
		LoggingConfiguration: &sfn.StateMachineLoggingConfigurationArgs{
			Level:                pulumi.String("ALL"),
			IncludeExecutionData: pulumi.Bool(true),
			LogDestination:       pulumi.Sprintf("%s:*", logs.Arn),
		},
		TracingConfiguration: &sfn.StateMachineTracingConfigurationArgs{Enabled: pulumi.Bool(true)},
	}, pulumi.Parent(parent), pulumi.DependsOn([]pulumi.Resource{role.policy}))
	if err != nil {
		return nil, fmt.Errorf("create state machine %q: %w", name, err)
	}
	return machine, nil
}
