package engine_test

import (
	"encoding/json"
	"strings"
	"testing"

	"ds-pipeline/internal/simcloud/simstack"
	"ds-pipeline/internal/simcloud/simtest"
)

const stateMachine = "aws:sfn/stateMachine:StateMachine"

// machineState is one state of the deployed machine.
func machineState(t *testing.T, r *simstack.Result, name string) map[string]any {
	t.Helper()
	var machine struct{ States map[string]map[string]any }
	definition := r.Find(stateMachine, "pipeline-machine").Inputs["definition"].StringValue()
	if err := json.Unmarshal([]byte(definition), &machine); err != nil {
		t.Fatal(err)
	}
	if machine.States[name] == nil {
		t.Fatalf("the machine has no state %q", name)
	}
	return machine.States[name]
}

func TestInputKey_changesWhatTheJobReadsAndWhatTheMachineChecks(t *testing.T) {
	t.Parallel()
	s := ours(t, "dev", nil)
	s.Up()
	s.Set("ds-pipeline:inputKey", "raw/other.csv")
	changed := s.Up()
	want(t, changed, map[string][]string{"update": {"processing-input-key"}})
	parameters := machineState(t, changed, "CheckInput")["Parameters"].(map[string]any)
	if got := parameters["Bucket"]; got != "ds-input-dev-111111111111-us-east-1" {
		t.Errorf("the machine looks into %v", got)
	}
	if got := machineState(t, changed, "FindInput")["Parameters"].(map[string]any)["Name"]; got != "/ds/preprocessing/input-key" {
		t.Errorf("the machine reads parameter %v", got)
	}
	s.Settled()
}

func TestArrival_comesMovesAndGoes(t *testing.T) {
	t.Parallel()
	const rule, target = "aws:cloudwatch/eventRule:EventRule", "aws:cloudwatch/eventTarget:EventTarget"
	arrival := []string{"schedule-arrival-notification", "schedule-arrival-role", "schedule-arrival-role-policy", "schedule-arrival-rule", "schedule-arrival-target"}
	s := ours(t, "dev", nil)
	s.Up()
	s.Set("ds-pipeline:startOnArrival", "true")
	deployed := s.Up()
	want(t, deployed, map[string][]string{"create": arrival, "update": {"schedule-dead-letters-policy"}})
	started := deployed.Find(target, "schedule-arrival-target").Inputs
	if got, machine := started["arn"].StringValue(), deployed.Outputs["stateMachineArn"].StringValue(); got != machine {
		t.Errorf("an arrival starts %s, want %s", got, machine)
	}
	pattern := deployed.Find(rule, "schedule-arrival-rule").Inputs["eventPattern"].StringValue()
	if bucket := deployed.Outputs["inputBucketName"].StringValue(); !strings.Contains(pattern, bucket) || !strings.Contains(pattern, `{"prefix":"raw/"}`) {
		t.Errorf("the rule hears of %s, want raw/ of %s", pattern, bucket)
	}
	s.Settled()

	for key, filter := range map[string]string{"raw/2026/": `[{"prefix":"raw/2026/"}]`, "monthly-*.csv": `[{"exists":true}]`} {
		s.Set("ds-pipeline:inputKey", key)
		moved := s.Up()
		want(t, moved, map[string][]string{"update": {"processing-input-key", "schedule-arrival-rule"}})
		if pattern := moved.Find(rule, "schedule-arrival-rule").Inputs["eventPattern"].StringValue(); !strings.Contains(pattern, `"key":`+filter) {
			t.Errorf("%s: the rule hears of %s, want %s", key, pattern, filter)
		}
	}

	// With a time zone EventBridge Scheduler starts runs, arrivals keep their rule.
	s.Set("ds-pipeline:scheduleTimezone", "Asia/Tokyo")
	if zoned := s.Up(); zoned.Find(target, "schedule-arrival-target").Inputs["arn"].StringValue() == "" {
		t.Error("an arrival starts nothing")
	}
	s.Settled()
	s.Set("ds-pipeline:startOnArrival", "false")
	want(t, s.Up(), map[string][]string{"delete": arrival, "update": {"schedule-dead-letters-policy"}})
	s.Settled()
	s.Destroy()
}

func TestNotifications_areAddedOneByOne(t *testing.T) {
	t.Parallel()
	s := ours(t, "dev", nil)
	s.Up()
	s.Set("ds-pipeline:notificationSubscriptions", "https://example.com/hook, sms:+4915112345678")
	if created := simtest.Touched(s.Up())["create"]; len(created) != 4 {
		t.Fatalf("got %v, want two subscriptions, to messages and to alarms", created)
	}
	s.Set("ds-pipeline:notificationSubscriptions", "sms:+4915112345678")
	if touched := simtest.Touched(s.Up()); len(touched) != 1 || len(touched["delete"]) != 2 {
		t.Errorf("got %v, want one subscription deleted, to messages and to alarms", touched)
	}
	s.Set("ds-pipeline:notifySuccess", "true")
	changed := s.Up()
	want(t, changed, map[string][]string{"update": {"pipeline-machine"}})
	if next := machineState(t, changed, "Preprocess")["Next"]; next != "NotifySuccess" {
		t.Errorf("a run that succeeded goes to %v", next)
	}
	s.Settled()
}

func TestRequest_goesToTheBucketsOfTheStack(t *testing.T) {
	t.Parallel()
	s := ours(t, "dev", nil)
	deployed := s.Up()
	uri := machineState(t, deployed, "TakeOutputKey")["Parameters"].(map[string]any)["uri.$"]
	if want := "States.Format('s3://" + deployed.Outputs["outputBucketName"].StringValue() + "/{}', $.input['output-key'])"; uri != want {
		t.Errorf("got %v, want %s", uri, want)
	}
	// The execution's input is what the schedule's target sends.
	target := deployed.Find("aws:cloudwatch/eventTarget:EventTarget", "schedule-target")
	template := target.Inputs["inputTransformer"].ObjectValue()["inputTemplate"].StringValue()
	choices := machineState(t, deployed, "HasPeriod")["Choices"]
	text, err := json.Marshal(choices)
	if err != nil {
		t.Fatal(err)
	}
	if template != `{"scheduledTime":"<time>"}` || !strings.Contains(string(text), `"$.input.scheduledTime"`) {
		t.Errorf("the schedule sends %s, the machine reads %s", template, text)
	}
}

func TestSpot_isOfferedByTheClusterAndAskedForByTheMachine(t *testing.T) {
	t.Parallel()
	s := ours(t, "dev", nil)
	s.Up()
	s.Set("ds-pipeline:useSpot", "true")
	want(t, s.Up(), map[string][]string{"create": {"processing-cluster-capacity"}, "update": {"pipeline-machine"}})
	s.Settled()
	s.Set("ds-pipeline:taskAttempts", "1")
	s.UpFails("taskAttempts: got 1 with Spot, want 2 or more")
	s.Set("ds-pipeline:taskAttempts", "2")
	s.Set("ds-pipeline:useSpot", "false")
	want(t, s.Up(), map[string][]string{"delete": {"processing-cluster-capacity"}, "update": {"pipeline-machine"}})
	s.Destroy()
}

func TestTaskStorage_isARevisionOfTheTask(t *testing.T) {
	t.Parallel()
	s := ours(t, "dev", nil)
	s.Up()
	s.Set("ds-pipeline:taskStorageGiB", "21")
	changed := s.Up()
	want(t, changed, map[string][]string{
		"create-replacement": {"processing-task"}, "update": {"outputs-task-definition-arn", "pipeline-machine"}, "delete-replaced": {"processing-task"},
	})
	storage := changed.Find(taskDefinition, "processing-task").Inputs["ephemeralStorage"].ObjectValue()
	if got := storage["sizeInGib"].NumberValue(); got != 21 {
		t.Errorf("got %v GiB, want 21", got)
	}
	s.Settled()
}

func TestAlarms_areSwitchedOffTogether(t *testing.T) {
	t.Parallel()
	s := ours(t, "dev", map[string]string{"ds-pipeline:dashboard": "true"})
	deployed := s.Up()
	alarms := len(s.Cloud.IDs("aws:cloudwatch/metricAlarm:MetricAlarm"))
	if alarms == 0 || !strings.Contains(deployed.Outputs["alarmTopicArn"].StringValue(), ":sns:") {
		t.Errorf("got %d alarms that tell %v", alarms, deployed.Outputs["alarmTopicArn"])
	}
	machine := deployed.Outputs["stateMachineArn"].StringValue()
	dimensions := deployed.Find("aws:cloudwatch/metricAlarm:MetricAlarm", "monitoring-failed").Inputs["dimensions"].ObjectValue()
	if got := dimensions["StateMachineArn"].StringValue(); got != machine {
		t.Errorf("got an alarm for %s, want one for %s", got, machine)
	}
	s.Settled()
	s.Set("ds-pipeline:dashboard", "false")
	want(t, s.Up(), map[string][]string{"delete": {"monitoring-dashboard"}})
	s.Set("ds-pipeline:alarms", "false")
	if touched := simtest.Touched(s.Up()); len(touched) != 1 || len(touched["delete"]) != alarms+4 {
		t.Errorf("got %v, want %d alarms, their topic, its policy, its parameter and the component deleted", touched, alarms)
	}
	s.Settled()
}

func TestBudget_isAddedToTheAlarms(t *testing.T) {
	t.Parallel()
	s := ours(t, "dev", nil)
	s.Up()
	s.Set("ds-pipeline:monthlyBudgetUSD", "20")
	want(t, s.Up(), map[string][]string{"create": {"monitoring-budget"}, "update": {"monitoring-topic-policy"}})
	s.Settled()
	s.Set("ds-pipeline:monthlyBudgetUSD", "30")
	want(t, s.Up(), map[string][]string{"update": {"monitoring-budget"}})
	s.Destroy()
}
