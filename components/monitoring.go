package components

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/budgets"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/sns"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"ds-pipeline/preprocess/contract"
)

const monitoringType = "ds-pipeline:components:Monitoring"

// MonitoringArgs configures Monitoring. Plain Go fields are known while the
// program runs and are checked before anything is created; pulumi inputs may
// come from another resource.
type MonitoringArgs struct {
	// Place is the account and region of everything here.
	Place Place `pulumi:"place"`

	// DashboardName is the published name of the dashboard; "" makes none. The
	// first three of an account are free, each further one costs $3 a month.
	DashboardName string `pulumi:"dashboardName,optional"`

	// MonthlyBudgetUSD tells when the account costs more in a month, or will: 1 to
	// 1000000; 0 has no budget. It counts the whole account: a filter by tag counts
	// nothing until somebody activates the tag for cost allocation.
	MonthlyBudgetUSD int `pulumi:"monthlyBudgetUSD,optional"`

	// Environment tells the metrics of this environment's job apart: "prod".
	Environment string `pulumi:"environment"`

	// RejectedPercent is the share of records of a run that may be rejected before
	// an alarm goes off: 0 to 100.
	RejectedPercent int `pulumi:"rejectedPercent"`

	// DriftedColumns is from how many columns on that differ from what the model
	// was fitted on an alarm goes off: 1 to 10000; 0 has no such alarm.
	DriftedColumns int `pulumi:"driftedColumns,optional"`

	// NotificationEmail and Subscriptions get the alarms, as they get the messages
	// of the pipeline. An address has to be confirmed for either topic.
	NotificationEmail       string   `pulumi:"notificationEmail,optional"`
	NotificationEmailSecret bool     `pulumi:"notificationEmailSecret,optional"`
	Subscriptions           []string `pulumi:"subscriptions,optional"`
	SubscriptionsSecret     bool     `pulumi:"subscriptionsSecret,optional"`

	// KMSKeyArn encrypts the topic; nil leaves it without a key of KMS.
	KMSKeyArn pulumi.StringInput `pulumi:"kmsKeyArn,optional"`

	// What is watched.
	StateMachineArn     pulumi.StringInput `pulumi:"stateMachineArn"`
	WatchArn            pulumi.StringInput `pulumi:"watchArn"`                   // the machine that watches StateMachineArn
	RuleName            pulumi.StringInput `pulumi:"ruleName,optional"`          // of a schedule; nil with a time zone
	ScheduleGroupName   pulumi.StringInput `pulumi:"scheduleGroupName,optional"` // of a schedule with a time zone; else nil
	DeadLetterQueueName pulumi.StringInput `pulumi:"deadLetterQueueName"`
	TopicName           pulumi.StringInput `pulumi:"topicName"` // of the pipeline's messages

	// What starts the watching machine, and keeps the starts that got lost.
	WatchRuleName            pulumi.StringInput `pulumi:"watchRuleName,optional"`          // or
	WatchScheduleGroupName   pulumi.StringInput `pulumi:"watchScheduleGroupName,optional"` // as above
	WatchEndedRuleName       pulumi.StringInput `pulumi:"watchEndedRuleName"`
	WatchDeadLetterQueueName pulumi.StringInput `pulumi:"watchDeadLetterQueueName"`
}

var dashboardNamePattern = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

func (a *MonitoringArgs) validate() error {
	if a == nil {
		return errors.New("args are required")
	}
	errs := []error{
		a.Place.validate(),
		named("Subscriptions", errors.Join(CheckSubscriptions(a.Subscriptions), CheckAudience(a.NotificationEmail, a.Subscriptions, a.Place.Region))),
		present("StateMachineArn", a.StateMachineArn != nil),
		present("WatchArn", a.WatchArn != nil),
		present("Environment", a.Environment != ""),
		named("RejectedPercent", CheckRange(a.RejectedPercent, 0, 100)),
		named("DriftedColumns", CheckRange(a.DriftedColumns, 0, 10000)),
		oneGiven("RuleName", a.RuleName, "ScheduleGroupName", a.ScheduleGroupName),
		present("DeadLetterQueueName", a.DeadLetterQueueName != nil),
		present("TopicName", a.TopicName != nil),
		oneGiven("WatchRuleName", a.WatchRuleName, "WatchScheduleGroupName", a.WatchScheduleGroupName),
		present("WatchEndedRuleName", a.WatchEndedRuleName != nil),
		present("WatchDeadLetterQueueName", a.WatchDeadLetterQueueName != nil),
	}
	if a.MonthlyBudgetUSD != 0 {
		errs = append(errs, named("MonthlyBudgetUSD", CheckBudget(a.MonthlyBudgetUSD, a.Place.Region)))
	}
	if a.DashboardName != "" {
		errs = append(errs, named("DashboardName", checkName(a.DashboardName, 255, dashboardNamePattern, "letters, digits, _ and -")))
	}
	if a.NotificationEmail != "" {
		errs = append(errs, named("NotificationEmail", CheckEmail(a.NotificationEmail)))
	}
	return errors.Join(errs...)
}

func oneGiven(name string, value pulumi.StringInput, other string, otherValue pulumi.StringInput) error {
	if (value == nil) == (otherValue == nil) {
		return fmt.Errorf("%s: want either it or %s", name, other)
	}
	return nil
}

// notStarted counts starts that a schedule gave up, and starts that not even its
// dead-letter queue took. A rule and EventBridge Scheduler count by other names.
func notStarted(ruleName, groupName pulumi.StringInput) (failed, lost metric) {
	if ruleName != nil {
		return metric{"AWS/Events", "FailedInvocations", "RuleName", ruleName, "Sum"},
			metric{"AWS/Events", "InvocationsFailedToBeSentToDlq", "RuleName", ruleName, "Sum"}
	}
	return metric{"AWS/Scheduler", "InvocationDroppedCount", "ScheduleGroup", groupName, "Sum"},
		metric{"AWS/Scheduler", "InvocationsFailedToBeSentToDeadLetterCount", "ScheduleGroup", groupName, "Sum"}
}

// Monitoring is the second net: it tells people what the pipeline itself cannot
// tell, because it did not start, was stopped, or could not send its message:
//
//	<name>-topic      gets the alarms
//	<name>-<alarm>    one alarm for each of machineAlarms and its siblings
//	<name>-dashboard  runs, how long they took, what got lost
//	<name>-budget     what a month may cost, when that is given
//
// Cost: the budget is free, as are two of an account; the first ten alarms of an account are free, each further one costs
// $0.10 a month.
type Monitoring struct {
	pulumi.ResourceState

	AlarmTopicArn pulumi.StringOutput `pulumi:"alarmTopicArn"`
	DashboardName pulumi.StringOutput `pulumi:"dashboardName"`
}

// NewMonitoring creates the alarms and the dashboard of one pipeline.
func NewMonitoring(ctx *pulumi.Context, name string, args *MonitoringArgs, opts ...pulumi.ResourceOption) (*Monitoring, error) {
	if err := args.validate(); err != nil {
		return nil, fmt.Errorf("monitoring %q: %w", name, err)
	}
	monitoring := &Monitoring{}
	if err := ctx.RegisterComponentResource(monitoringType, name, monitoring, opts...); err != nil {
		return nil, fmt.Errorf("register monitoring %q: %w", name, err)
	}

	topic, topicPolicy, err := newAlarmTopic(ctx, name+"-topic", args, monitoring)
	if err != nil {
		return nil, err
	}
	for _, alarm := range args.alarms() {
		if err := newAlarm(ctx, name+"-"+alarm.name, alarm, topic, monitoring); err != nil {
			return nil, err
		}
	}
	if err := newBudget(ctx, name+"-budget", args, topic, topicPolicy, monitoring); err != nil {
		return nil, err
	}
	dashboardName, err := newDashboard(ctx, name+"-dashboard", args, monitoring)
	if err != nil {
		return nil, err
	}

	monitoring.AlarmTopicArn = topic.Arn
	monitoring.DashboardName = dashboardName
	if err := ctx.RegisterResourceOutputs(monitoring, pulumi.Map{
		"alarmTopicArn": monitoring.AlarmTopicArn,
		"dashboardName": monitoring.DashboardName,
	}); err != nil {
		return nil, fmt.Errorf("register outputs of monitoring %q: %w", name, err)
	}
	return monitoring, nil
}

// newAlarmTopic creates the topic that CloudWatch publishes to. Without a
// key of our own it has none of KMS: CloudWatch may not use AWS's own key for SNS, alias/aws/sns, and alarms
// would be lost without a word; a key of our own costs $1 a month. SNS encrypts
// the disks, and an alarm says no more than which number passed which limit.
func newAlarmTopic(ctx *pulumi.Context, name string, args *MonitoringArgs, parent pulumi.Resource) (*sns.Topic, *sns.TopicPolicy, error) {
	topic, err := sns.NewTopic(ctx, name, &sns.TopicArgs{
		DisplayName:    pulumi.String("ds-pipeline alarms"),
		KmsMasterKeyId: keyPtr(args.KMSKeyArn),
	}, pulumi.Parent(parent))
	if err != nil {
		return nil, nil, fmt.Errorf("create topic %q: %w", name, err)
	}
	topicPolicy, err := sns.NewTopicPolicy(ctx, name+"-policy", &sns.TopicPolicyArgs{
		Arn: topic.Arn,
		Policy: document(func(in []string) any {
			statements := []statement{
				{
					// Every alarm of this account and region: which ones act here is
					// for the alarms to say.
					Sid:       "ReceiveAlarms",
					Effect:    "Allow",
					Principal: map[string]any{"Service": cloudWatch},
					Action:    []string{"sns:Publish"},
					Resource:  []string{in[0]},
					Condition: map[string]any{
						"StringEquals": map[string]any{"aws:SourceAccount": args.Place.AccountID},
						"ArnLike":      map[string]any{"aws:SourceArn": args.Place.arn("cloudwatch", "alarm:*")},
					},
				},
				denyPlainHTTP([]string{"sns:Publish"}, []string{in[0]}),
			}
			if args.MonthlyBudgetUSD != 0 {
				statements = append(statements, statement{
					// Pulumi names the budget once the topic is there.
					Sid:       "ReceiveBudget",
					Effect:    "Allow",
					Principal: map[string]any{"Service": awsBudgets},
					Action:    []string{"sns:Publish"},
					Resource:  []string{in[0]},
					Condition: map[string]any{
						"StringEquals": map[string]any{"aws:SourceAccount": args.Place.AccountID},
						"ArnLike":      map[string]any{"aws:SourceArn": fmt.Sprintf("arn:%s:budgets::%s:*", args.Place.partition(), args.Place.AccountID)},
					},
				})
			}
			return newPolicy(statements...)
		}, topic.Arn),
	}, pulumi.Parent(parent))
	if err != nil {
		return nil, nil, fmt.Errorf("attach the policy of topic %q: %w", name, err)
	}
	return topic, topicPolicy, subscribeAll(ctx, name, topic, audience{
		email: args.NotificationEmail, emailSecret: args.NotificationEmailSecret,
		subscriptions: args.Subscriptions, subscriptionsSecret: args.SubscriptionsSecret,
	}, parent)
}

// metric is one number of CloudWatch, by the dimension that tells ours apart.
type metric struct {
	namespace, name string
	dimension       string
	value           pulumi.StringInput
	statistic       string
}

// alarm goes off when metric is more than threshold in five minutes, or less
// than it with below.
type alarm struct {
	name, says string
	metric     metric
	threshold  float64
	below      bool
}

// alarms are all that have to be looked at by a person.
func (a *MonitoringArgs) alarms() []alarm {
	executions := func(name string) metric {
		return metric{"AWS/States", name, "StateMachineArn", a.StateMachineArn, "Sum"}
	}
	failed, lost := notStarted(a.RuleName, a.ScheduleGroupName)
	watchFailed, _ := notStarted(a.WatchRuleName, a.WatchScheduleGroupName)
	endedFailed, _ := notStarted(a.WatchEndedRuleName, nil)
	waiting := func(queue pulumi.StringInput) metric {
		return metric{"AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", queue, "Maximum"}
	}
	// What the job counted itself, once for each run.
	job := func(name string) metric {
		return metric{contract.MetricNamespace, name, contract.MetricDimension, pulumi.String(a.Environment), "Maximum"}
	}
	alarms := []alarm{
		{name: "failed", says: "A run of the preprocessing pipeline failed; its message says why", metric: executions("ExecutionsFailed")},
		{name: "timed-out", says: "A run of the preprocessing pipeline took longer than all its attempts may", metric: executions("ExecutionsTimedOut")},
		{name: "throttled", says: "Step Functions held the preprocessing pipeline back", metric: executions("ExecutionThrottled")},
		{name: "not-started", says: "The schedule could not start the preprocessing pipeline", metric: failed},
		{name: "start-lost", says: "A start of the preprocessing pipeline is lost: not even the dead-letter queue took it", metric: lost},
		{name: "dead-letters", says: "Starts of the preprocessing pipeline wait in the dead-letter queue", metric: waiting(a.DeadLetterQueueName)},
		{name: "not-told", says: "A message of the preprocessing pipeline could not be delivered", metric: metric{
			"AWS/SNS", "NumberOfNotificationsFailed", "TopicName", a.TopicName, "Sum",
		}},
		{name: "watch-failed", says: "Nobody could be told of a missed or broken run of the preprocessing pipeline", metric: metric{
			"AWS/States", "ExecutionsFailed", "StateMachineArn", a.WatchArn, "Sum",
		}},
		{name: "watch-not-started", says: "Nobody looks whether a run of the preprocessing pipeline was missed: the watch could not be started", metric: watchFailed},
		{name: "watch-not-heard", says: "A run of the preprocessing pipeline ended badly, and the watch could not be started", metric: endedFailed},
		{name: "watch-dead-letters", says: "Starts of the watch over the preprocessing pipeline wait in its dead-letter queue", metric: waiting(a.WatchDeadLetterQueueName)},
		{name: "rejected", says: fmt.Sprintf("More than %d%% of the records of a run were rejected; rejects.csv beside the result has them", a.RejectedPercent),
			metric: job(contract.MetricRejectedShare), threshold: float64(a.RejectedPercent)},
		{name: "no-rows", says: "A run of the preprocessing pipeline wrote no rows", metric: job(contract.MetricRowsOut), threshold: 1, below: true},
	}
	if a.DriftedColumns > 0 {
		alarms = append(alarms, alarm{
			name: "drifted", says: fmt.Sprintf("%d or more columns of a run differ from what the model was fitted on; report.html beside the result shows them", a.DriftedColumns),
			metric: job(contract.MetricDriftedColumns), threshold: float64(a.DriftedColumns) - 0.5,
		})
	}
	return alarms
}

func newAlarm(ctx *pulumi.Context, name string, a alarm, topic *sns.Topic, parent pulumi.Resource) error {
	comparison := "GreaterThanThreshold"
	if a.below {
		comparison = "LessThanThreshold"
	}
	_, err := cloudwatch.NewMetricAlarm(ctx, name, &cloudwatch.MetricAlarmArgs{
		AlarmDescription:   pulumi.String(a.says),
		Namespace:          pulumi.String(a.metric.namespace),
		MetricName:         pulumi.String(a.metric.name),
		Dimensions:         pulumi.StringMap{a.metric.dimension: a.metric.value},
		Statistic:          pulumi.String(a.metric.statistic),
		Period:             pulumi.Int(300),
		EvaluationPeriods:  pulumi.Int(1),
		Threshold:          pulumi.Float64(a.threshold),
		ComparisonOperator: pulumi.String(comparison),
		// A pipeline that runs once a month is silent nearly always.
		TreatMissingData: pulumi.String("notBreaching"),
		AlarmActions:     pulumi.Array{topic.Arn},
	}, pulumi.Parent(parent))
	if err != nil {
		return fmt.Errorf("create alarm %q: %w", name, err)
	}
	return nil
}

// newBudget tells the topic when a month costs more than it may; 0 has none.
func newBudget(ctx *pulumi.Context, name string, args *MonitoringArgs, topic *sns.Topic, topicPolicy *sns.TopicPolicy, parent pulumi.Resource) error {
	if args.MonthlyBudgetUSD == 0 {
		return nil
	}
	// AWS tries the topic when a budget is made, so its policy comes first.
	_, err := newCostBudget(ctx, name, costBudgetArgs{
		place:      args.Place,
		monthlyUSD: args.MonthlyBudgetUSD,
		tell:       budgets.BudgetNotificationArgs{SubscriberSnsTopicArns: pulumi.StringArray{topic.Arn}},
	}, parent, pulumi.DependsOn([]pulumi.Resource{topicPolicy}))
	return err
}

// newDashboard shows three months of runs and what they counted. Its
// name is "" when there is none.
func newDashboard(ctx *pulumi.Context, name string, args *MonitoringArgs, parent pulumi.Resource) (pulumi.StringOutput, error) {
	if args.DashboardName == "" {
		return pulumi.String("").ToStringOutput(), nil
	}
	failed, _ := notStarted(args.RuleName, args.ScheduleGroupName)
	dashboard, err := cloudwatch.NewDashboard(ctx, name, &cloudwatch.DashboardArgs{
		DashboardName: pulumi.String(args.DashboardName),
		DashboardBody: document(func(in []string) any {
			machine, schedule, queue, topic := in[0], in[1], in[2], in[3]
			widget := func(x, y int, title, statistic string, metrics ...[]string) any {
				return map[string]any{
					"type": "metric", "x": x, "y": y, "width": 8, "height": 6,
					"properties": map[string]any{
						"title": title, "region": args.Place.Region, "stat": statistic, "period": 86400, "view": "timeSeries", "metrics": metrics,
					},
				}
			}
			executions := func(name string) []string { return []string{"AWS/States", name, "StateMachineArn", machine} }
			job := func(name string) []string {
				return []string{contract.MetricNamespace, name, contract.MetricDimension, args.Environment}
			}
			widgets := []any{
				widget(0, 0, "Runs", "Sum", executions("ExecutionsStarted"), executions("ExecutionsSucceeded"),
					executions("ExecutionsFailed"), executions("ExecutionsTimedOut"), executions("ExecutionsAborted")),
				widget(8, 0, "Duration of a run, ms", "Maximum", executions("ExecutionTime")),
				widget(16, 0, "What got lost", "Maximum",
					[]string{failed.namespace, failed.name, failed.dimension, schedule},
					[]string{"AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", queue},
					[]string{"AWS/SNS", "NumberOfNotificationsFailed", "TopicName", topic}),
				widget(0, 6, "Rows of a run", "Maximum", job(contract.MetricRowsIn), job(contract.MetricRowsOut)),
				widget(8, 6, "Rejected rows of a run", "Maximum", job(contract.MetricRowsRejected)),
				widget(16, 6, "Columns that drifted", "Maximum", job(contract.MetricDriftedColumns)),
				widget(0, 12, "Duration of the job, s", "Maximum", job(contract.MetricSeconds)),
				widget(8, 12, "Bytes of a run", "Maximum", job(contract.MetricBytesIn), job(contract.MetricBytesOut)),
			}
			if args.Place.partition() == "aws" {
				// The metric is in us-east-1 alone, whatever region the costs are of, and
				// only in an account that has switched billing alerts on.
				widgets = append(widgets, map[string]any{
					"type": "metric", "x": 16, "y": 12, "width": 8, "height": 6,
					"properties": map[string]any{
						"title": "Cost of the account this month, USD", "region": "us-east-1", "stat": "Maximum", "period": 86400, "view": "timeSeries",
						"metrics": [][]string{{"AWS/Billing", "EstimatedCharges", "Currency", "USD"}},
					},
				})
			}
			return map[string]any{"start": "-P3M", "widgets": widgets}
		}, args.StateMachineArn, failed.value, args.DeadLetterQueueName, args.TopicName),
	}, pulumi.Parent(parent))
	if err != nil {
		return pulumi.StringOutput{}, fmt.Errorf("create dashboard %q: %w", name, err)
	}
	return dashboard.DashboardName, nil
}
