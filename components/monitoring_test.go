package components

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

func recordMonitoring(t *testing.T, spoil func(*MonitoringArgs)) *recorder {
	t.Helper()
	return record(t, func(ctx *pulumi.Context) error {
		args := validMonitoring("")
		if spoil != nil {
			spoil(args)
		}
		_, err := NewMonitoring(ctx, "monitoring", args)
		return err
	})
}

func TestMonitoring_watchesWhatNoMessageTells(t *testing.T) {
	const machine = "arn:aws:states:us-east-1:111111111111:stateMachine:ds-preprocessing-pipeline"
	want := map[string][4]string{ // namespace, metric, dimension, value
		"monitoring-failed":       {"AWS/States", "ExecutionsFailed", "StateMachineArn", machine},
		"monitoring-timed-out":    {"AWS/States", "ExecutionsTimedOut", "StateMachineArn", machine},
		"monitoring-throttled":    {"AWS/States", "ExecutionThrottled", "StateMachineArn", machine},
		"monitoring-not-started":  {"AWS/Events", "FailedInvocations", "RuleName", "rule"},
		"monitoring-start-lost":   {"AWS/Events", "InvocationsFailedToBeSentToDlq", "RuleName", "rule"},
		"monitoring-watch-failed": {"AWS/States", "ExecutionsFailed", "StateMachineArn", "watch"},

		"monitoring-watch-not-started":  {"AWS/Events", "FailedInvocations", "RuleName", "watch-rule"},
		"monitoring-watch-not-heard":    {"AWS/Events", "FailedInvocations", "RuleName", "watch-ended-rule"},
		"monitoring-watch-dead-letters": {"AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", "watch-dead-letters"},

		"monitoring-rejected":     {"DSPipeline", "RejectedShare", "Environment", "dev"},
		"monitoring-no-rows":      {"DSPipeline", "RowsOut", "Environment", "dev"},
		"monitoring-drifted":      {"DSPipeline", "DriftedColumns", "Environment", "dev"},
		"monitoring-dead-letters": {"AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", "dead-letters"},
		"monitoring-not-told":     {"AWS/SNS", "NumberOfNotificationsFailed", "TopicName", "topic"},
	}
	seen := 0
	for _, res := range recordMonitoring(t, nil).resources {
		if res.kind != "aws:cloudwatch/metricAlarm:MetricAlarm" {
			continue
		}
		seen++
		w := want[res.name]
		dimensions := res.inputs["dimensions"].ObjectValue()
		if len(dimensions) != 1 || res.text("namespace") != w[0] || res.text("metricName") != w[1] || dimensions[key(w[2])].StringValue() != w[3] {
			t.Errorf("%s watches %s %s %v, want %v", res.name, res.text("namespace"), res.text("metricName"), dimensions, w)
		}
		statistic := "Sum" // of what happens; of what is, the most
		if w[0] == "AWS/SQS" || w[0] == "DSPipeline" {
			statistic = "Maximum"
		}
		if got := res.text("statistic"); got != statistic {
			t.Errorf("%s looks at %s, want %s", res.name, got, statistic)
		}
		comparison, threshold := "GreaterThanThreshold", 0.0
		switch res.name {
		case "monitoring-rejected":
			threshold = 5
		case "monitoring-no-rows":
			comparison, threshold = "LessThanThreshold", 1
		case "monitoring-drifted":
			threshold = 2.5 // from 3 on
		}
		if res.text("comparisonOperator") != comparison || res.inputs["threshold"].NumberValue() != threshold || res.text("treatMissingData") != "notBreaching" {
			t.Errorf("%s goes off at %v", res.name, res.inputs)
		}
		actions := res.inputs["alarmActions"].ArrayValue()
		if len(actions) != 1 || actions[0].StringValue() != "arn:aws:sns:us-east-1:111111111111:monitoring-topic" {
			t.Errorf("%s tells %v", res.name, actions)
		}
	}
	if seen != len(want) {
		t.Errorf("got %d alarms, want %d", seen, len(want))
	}
}

// A topic encrypted with alias/aws/sns would swallow every alarm.
func TestMonitoring_cloudWatchMayPublishToTheTopic(t *testing.T) {
	r := recordMonitoring(t, nil)
	if got := r.one(t, "monitoring-topic").inputs["kmsMasterKeyId"]; !got.IsNull() {
		t.Errorf("the topic is encrypted with %v", got)
	}
	golden(t, "policy-alarm-topic", r.one(t, "monitoring-topic-policy").text("policy"))
}

func TestMonitoring_tellsWhomThePipelineTells(t *testing.T) {
	var endpoints []string
	for _, res := range recordMonitoring(t, func(a *MonitoringArgs) {
		a.NotificationEmail, a.Subscriptions = "team@example.com", []string{"https://example.com/hook"}
	}).resources {
		if res.kind == "aws:sns/topicSubscription:TopicSubscription" {
			endpoints = append(endpoints, res.text("endpoint"))
		}
	}
	slices.Sort(endpoints)
	if !slices.Equal(endpoints, []string{"https://example.com/hook", "team@example.com"}) {
		t.Errorf("got %v", endpoints)
	}
}

func TestMonitoring_dashboardShowsTheRuns(t *testing.T) {
	var body struct {
		Widgets []struct {
			Properties struct {
				Region  string
				Metrics [][]string
			}
		}
	}
	text := recordMonitoring(t, nil).one(t, "monitoring-dashboard").text("dashboardBody")
	if err := json.Unmarshal([]byte(text), &body); err != nil {
		t.Fatal(err)
	}
	var shown []string
	for _, widget := range body.Widgets {
		if widget.Properties.Region != "us-east-1" { // also the cost, which AWS counts there
			t.Errorf("region %q", widget.Properties.Region)
		}
		for _, m := range widget.Properties.Metrics {
			shown = append(shown, m[1]+" "+m[3])
		}
	}
	for _, want := range []string{
		"ExecutionsSucceeded arn:aws:states:us-east-1:111111111111:stateMachine:ds-preprocessing-pipeline",
		"ExecutionTime arn:aws:states:us-east-1:111111111111:stateMachine:ds-preprocessing-pipeline",
		"RowsIn dev", "RowsOut dev", "RowsRejected dev", "DriftedColumns dev", "Seconds dev", "EstimatedCharges USD",
		"FailedInvocations rule", "ApproximateNumberOfMessagesVisible dead-letters", "NumberOfNotificationsFailed topic",
	} {
		if !slices.Contains(shown, want) {
			t.Errorf("%s is not shown: %v", want, shown)
		}
	}
}

func TestMonitoring_needsNoDashboard(t *testing.T) {
	for _, res := range recordMonitoring(t, func(a *MonitoringArgs) { a.DashboardName = "" }).resources {
		if res.kind == "aws:cloudwatch/dashboard:Dashboard" {
			t.Errorf("got dashboard %s", res.name)
		}
	}
}

func TestMonitoring_budgetTellsBeforeAndAfter(t *testing.T) {
	r := recordMonitoring(t, func(a *MonitoringArgs) { a.MonthlyBudgetUSD = 20 })
	budget := r.one(t, "monitoring-budget")
	if budget.text("limitAmount") != "20" || budget.text("limitUnit") != "USD" || budget.text("timeUnit") != "MONTHLY" || budget.text("accountId") != "111111111111" {
		t.Errorf("got %v", budget.inputs)
	}
	var kinds []string
	for _, n := range budget.inputs["notifications"].ArrayValue() {
		notification := n.ObjectValue()
		kinds = append(kinds, notification["notificationType"].StringValue())
		if to := notification["subscriberSnsTopicArns"].ArrayValue(); len(to) != 1 || to[0].StringValue() != "arn:aws:sns:us-east-1:111111111111:monitoring-topic" {
			t.Errorf("tells %v", to)
		}
		if notification["threshold"].NumberValue() != 100 || notification["thresholdType"].StringValue() != "PERCENTAGE" || notification["comparisonOperator"].StringValue() != "GREATER_THAN" {
			t.Errorf("tells at %v", notification)
		}
	}
	if !slices.Equal(kinds, []string{"ACTUAL", "FORECASTED"}) {
		t.Errorf("tells of %v", kinds)
	}
	golden(t, "policy-budget-topic", r.one(t, "monitoring-topic-policy").text("policy"))
}

func TestMonitoring_driftHasAnAlarmOnlyWhenAskedFor(t *testing.T) {
	for _, res := range recordMonitoring(t, func(a *MonitoringArgs) { a.DriftedColumns = 0 }).resources {
		if res.name == "monitoring-drifted" {
			t.Error("got an alarm")
		}
	}
}

func TestMonitoring_dashboardShowsCostsOnlyWhereTheyAre(t *testing.T) {
	for region, want := range map[string]bool{"us-east-1": true, "eu-central-1": true, "us-gov-west-1": false, "cn-north-1": false} {
		text := recordMonitoring(t, func(a *MonitoringArgs) { a.Place.Region = region }).one(t, "monitoring-dashboard").text("dashboardBody")
		if got := strings.Contains(text, "AWS/Billing"); got != want {
			t.Errorf("%s: got costs on the dashboard: %v, want %v", region, got, want)
		}
	}
}
