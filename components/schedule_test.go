package components

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

func recordSchedule(t *testing.T, spoil func(*ScheduleArgs)) *recorder {
	t.Helper()
	return record(t, func(ctx *pulumi.Context) error {
		args := validSchedule("")
		if spoil != nil {
			spoil(args)
		}
		_, err := NewSchedule(ctx, "schedule", args)
		return err
	})
}

func TestSchedule_policiesAreTheReviewedOnes(t *testing.T) {
	r := recordSchedule(t, nil)
	golden(t, "policy-schedule", r.one(t, "schedule-role-policy").text("policy"))
	golden(t, "trust-schedule", r.one(t, "schedule-role").text("assumeRolePolicy"))
	golden(t, "policy-dead-letters", r.one(t, "schedule-dead-letters-policy").text("policy"))
}

func TestSchedule_isOnOrOff(t *testing.T) {
	for enabled, want := range map[bool]string{true: "ENABLED", false: "DISABLED"} {
		rule := recordSchedule(t, func(a *ScheduleArgs) { a.Enabled = enabled }).one(t, "schedule-rule")
		if rule.text("state") != want || rule.text("scheduleExpression") != "cron(0 9 15 * ? *)" {
			t.Errorf("enabled %v: %s, %s", enabled, rule.text("state"), rule.text("scheduleExpression"))
		}
	}
}

func TestSchedule_targetPassesTheTimeAndKeepsWhatIsLost(t *testing.T) {
	target := recordSchedule(t, nil).one(t, "schedule-target")
	transformer := target.inputs["inputTransformer"].ObjectValue()
	if got := transformer["inputPaths"].ObjectValue()["time"].StringValue(); got != "$.time" {
		t.Errorf("time comes from %s", got)
	}
	filled := strings.ReplaceAll(transformer["inputTemplate"].StringValue(), "<time>", "2026-11-15T09:00:00Z")
	var input map[string]string
	if err := json.Unmarshal([]byte(filled), &input); err != nil || input["scheduledTime"] != "2026-11-15T09:00:00Z" {
		t.Errorf("the machine gets %s: %v", filled, err)
	}
	if got := target.inputs["deadLetterConfig"].ObjectValue()["arn"].StringValue(); got != "arn:aws:sqs:us-east-1:111111111111:schedule-dead-letters" {
		t.Errorf("what is lost goes to %s", got)
	}
	triesForADay(t, target.inputs["retryPolicy"])
}

// triesForADay looks at how often, and for how long, a start is tried: as long as
// EventBridge can.
func triesForADay(t *testing.T, policy resource.PropertyValue) {
	t.Helper()
	if p := policy.ObjectValue(); p["maximumEventAgeInSeconds"].NumberValue() != 86400 || p["maximumRetryAttempts"].NumberValue() != 185 {
		t.Errorf("gives up after %v s and %v tries", p["maximumEventAgeInSeconds"], p["maximumRetryAttempts"])
	}
}

func TestSchedule_deadLettersAreEncrypted(t *testing.T) {
	queue := recordSchedule(t, nil).one(t, "schedule-dead-letters")
	if !queue.inputs["sqsManagedSseEnabled"].BoolValue() || queue.inputs["messageRetentionSeconds"].NumberValue() != 1209600 {
		t.Errorf("queue %v", queue.inputs)
	}
}
