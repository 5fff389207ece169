package components

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

func TestArrival_startsTheMachineWithTheKeyThatCame(t *testing.T) {
	r := recordSchedule(t, func(a *ScheduleArgs) { a.ArrivalBucketName, a.ArrivalKey = pulumi.String("in"), "raw/monthly_data.csv" })
	if n := r.one(t, "schedule-arrival-notification"); n.text("bucket") != "in" || !n.inputs["eventbridge"].BoolValue() {
		t.Errorf("notification %v", n.inputs)
	}
	golden(t, "arrival-pattern", r.one(t, "schedule-arrival-rule").text("eventPattern"))
	golden(t, "policy-arrival-dead-letters", r.one(t, "schedule-dead-letters-policy").text("policy"))
	golden(t, "policy-schedule", r.one(t, "schedule-arrival-role-policy").text("policy")) // the same right
	golden(t, "trust-arrival", r.one(t, "schedule-arrival-role").text("assumeRolePolicy"))

	target := r.one(t, "schedule-arrival-target")
	if got := target.inputs["deadLetterConfig"].ObjectValue()["arn"].StringValue(); got != "arn:aws:sqs:us-east-1:111111111111:schedule-dead-letters" {
		t.Errorf("what is lost goes to %s", got)
	}
	template := target.inputs["inputTransformer"].ObjectValue()["inputTemplate"].StringValue()
	for _, name := range []string{"raw/november.csv", `raw/a "quoted" name.csv`, "raw/\u00fc.csv"} {
		text, err := json.Marshal(name) // as EventBridge fills in a text
		if err != nil {
			t.Fatal(err)
		}
		input := strings.NewReplacer("<time>", "2026-11-03T10:00:00Z", "<key>", string(text)).Replace(template)
		var checked any
		out, machine, _ := world{tasks: []error{nil}, head: func(parameters map[string]any) (map[string]any, error) {
			checked = parameters["Key"]
			return foundObject, nil
		}}.run(t, testMachineInputs(), input)
		if !out.succeeded || machine.starts() != 1 || checked != name {
			t.Errorf("%s: got %+v, checked %v", input, out, checked)
		}
	}
}

func TestArrival_hearsOfTheInputsFolderAlone(t *testing.T) {
	for at, want := range map[string]string{
		"raw/monthly_data.csv": `[{"prefix":"raw/"}]`, "raw/2026/": `[{"prefix":"raw/2026/"}]`, "raw/*.csv": `[{"prefix":"raw/"}]`, "data.csv": `["data.csv"]`,
		"raw/*/data.csv": `[{"prefix":"raw/"}]`, "raw/[ab]/": `[{"prefix":"raw/[ab]/"}]`, "*.csv": `[{"exists":true}]`,
	} {
		if got, err := renderJSON(arrivalKeys(at)); err != nil || got != want {
			t.Errorf("%s: got %s, %v, want %s", at, got, err, want)
		}
	}
}

func TestArrival_goesWithATimeZone(t *testing.T) {
	r := recordSchedule(t, func(a *ScheduleArgs) {
		a.TimeZone, a.ArrivalBucketName, a.ArrivalKey = "Asia/Tokyo", pulumi.String("in"), "raw/data.csv"
	})
	r.one(t, "schedule-time")
	if policy := r.one(t, "schedule-dead-letters-policy").text("policy"); !strings.Contains(policy, "rule/schedule-arrival-rule") || strings.Contains(policy, "rule/schedule-rule") {
		t.Errorf("the queue takes %s", policy)
	}
}
