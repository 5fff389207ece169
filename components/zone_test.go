package components

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

func TestCheckTimeZone_knowsNamesOfZones(t *testing.T) {
	for _, zone := range []string{"Europe/Berlin", "America/Argentina/Buenos_Aires", "Asia/Tokyo", "UTC", "Etc/GMT+5"} {
		if err := CheckTimeZone(zone); err != nil {
			t.Errorf("%s: %v", zone, err)
		}
	}
	for _, zone := range []string{"", "Local", "Berlin", "europe/berlin", "../etc/passwd", "/Europe/Berlin", "Europe/Berlin ", "posix/Europe/Berlin", "+02:00"} {
		if err := CheckTimeZone(zone); err == nil || !strings.Contains(err.Error(), "want the name of a time zone such as Europe/Berlin") {
			t.Errorf("%q: got %v", zone, err)
		}
	}
}

func TestCheckZonedSchedule_refusesATimeOfAnotherMonth(t *testing.T) {
	tests := []struct{ expression, zone, want string }{
		{"cron(0 9 15 * ? *)", "Europe/Berlin", ""},
		{"cron(30 0 1 * ? *)", "Europe/Berlin", "in Europe/Berlin want 02:00 or later"},
		{"cron(59 1 1 * ? *)", "Europe/Berlin", "want 02:00 or later"}, // summer
		{"cron(0 2 1 * ? *)", "Europe/Berlin", ""},
		{"cron(0 8 1 * ? *)", "Asia/Tokyo", "want 09:00 or later"},
		{"cron(0 9 1 * ? *)", "Asia/Tokyo", ""},
		{"cron(0 19 L * ? *)", "America/New_York", "want a time before 19:00"}, // winter
		{"cron(59 18 L * ? *)", "America/New_York", ""},
		{"cron(0 23 28 2 ? *)", "America/New_York", "want a time before 19:00"},
		{"cron(0 23 28 JAN,MAR ? *)", "America/New_York", ""},
		{"cron(0 23 30 * ? *)", "America/New_York", "want a time before 19:00"},
		{"cron(0 23 30 JAN ? *)", "America/New_York", ""},
		{"cron(0 23 31W JAN ? *)", "America/New_York", "want a time before 19:00"},
		{"cron(0 0 2W * ? *)", "Asia/Tokyo", "want 09:00 or later"}, // a Saturday's is the first
		{"cron(0 0 ? * MON#1 *)", "Asia/Tokyo", "want 09:00 or later"},
		{"cron(0 0 ? * MON#2 *)", "Asia/Tokyo", ""},
		{"cron(0 22 ? * 6L *)", "America/New_York", "want a time before 19:00"},
		{"cron(0 22 ? * 6L *)", "Asia/Tokyo", ""},
		{"cron(0 22 ? JAN 6L *)", "America/New_York", "want a time before 19:00"}, // the last of January
		{"cron(0 0 ? * MON *)", "Asia/Tokyo", "want 09:00 or later"},
		{"cron(0 0 ? * L *)", "Asia/Tokyo", "want 09:00 or later"}, // any Saturday
		{"cron(0 0/6 */10 * ? *)", "Asia/Tokyo", "want 09:00 or later"},
		{"cron(0 0 ? * * *)", "UTC", ""},
		{"rate(1 day)", "Europe/Berlin", "a rate knows no time zone"},
		{"cron(0 9 15 * * *)", "Europe/Berlin", "exactly one of day-of-month and day-of-week"},
		{"cron(0 9 15 * ? *)", "Berlin", "want the name of a time zone"},
	}
	for _, tt := range tests {
		err := CheckZonedSchedule(tt.expression, tt.zone)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s in %s: got %v, want %q", tt.expression, tt.zone, err, tt.want)
		}
	}
}

// Every day and hour of six years: what is accepted never runs in another month.
func TestCheckZonedSchedule_acceptsOnlyTimesOfOneMonth(t *testing.T) {
	for _, zone := range []string{"Europe/Berlin", "America/New_York", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kathmandu", "UTC"} {
		location, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		accepted := map[[2]int]bool{}
		for day := 1; day <= 31; day++ {
			for hour := range 24 {
				accepted[[2]int{day, hour}] = CheckZonedSchedule(fmt.Sprintf("cron(0 %d %d * ? *)", hour, day), zone) == nil
			}
		}
		for at := time.Date(2026, 1, 1, 0, 0, 0, 0, location); at.Year() < 2032; at = at.Add(time.Hour) {
			if at.Month() != at.UTC().Month() && accepted[[2]int{at.Day(), at.Hour()}] {
				t.Fatalf("%s is accepted and is %s in UTC", at, at.UTC())
			}
		}
		if !accepted[[2]int{15, 0}] {
			t.Errorf("%s: midnight of the 15th is refused", zone)
		}
	}
}

func TestSchedule_inATimeZoneUsesTheScheduler(t *testing.T) {
	r := recordSchedule(t, func(a *ScheduleArgs) {
		a.TimeZone, a.KMSKeyArn = "Europe/Berlin", pulumi.String("arn:aws:kms:us-east-1:111111111111:key/k")
	})
	golden(t, "policy-scheduler", r.one(t, "schedule-scheduler-role-policy").text("policy"))
	golden(t, "trust-scheduler", r.one(t, "schedule-scheduler-role").text("assumeRolePolicy"))
	at := r.one(t, "schedule-time")
	target := at.inputs["target"].ObjectValue()
	if at.text("scheduleExpression") != "cron(0 9 15 * ? *)" || at.text("scheduleExpressionTimezone") != "Europe/Berlin" || at.text("state") != "ENABLED" ||
		at.text("groupName") != "schedule-group" || at.inputs["flexibleTimeWindow"].ObjectValue()["mode"].StringValue() != "OFF" {
		t.Errorf("got %v", at.inputs)
	}
	if got := target["input"].StringValue(); got != `{"scheduledTime":"<aws.scheduler.scheduled-time>"}` {
		t.Errorf("the machine gets %s", got)
	}
	if got := target["deadLetterConfig"].ObjectValue()["arn"].StringValue(); got != "arn:aws:sqs:us-east-1:111111111111:schedule-dead-letters" {
		t.Errorf("what is lost goes to %s", got)
	}
	triesForADay(t, target["retryPolicy"])
	for _, res := range r.resources {
		if strings.HasPrefix(res.kind, "aws:cloudwatch/event") {
			t.Errorf("got %s %s, too", res.kind, res.name)
		}
	}
}

func TestWatch_followsTheScheduleIntoItsTimeZone(t *testing.T) {
	r := recordWatch(t, func(a *WatchArgs) { a.TimeZone, a.Enabled = "Europe/Berlin", false })
	at := r.one(t, "watch-time")
	if at.text("scheduleExpression") != "cron(0 9 15 * ? *)" || at.text("scheduleExpressionTimezone") != "Europe/Berlin" || at.text("state") != "DISABLED" ||
		at.inputs["target"].ObjectValue()["arn"].StringValue() != "arn:aws:states:us-east-1:111111111111:stateMachine:ds-preprocessing-watch" {
		t.Errorf("got %v", at.inputs)
	}
	for _, res := range r.resources {
		if res.name == "watch-rule" || res.name == "watch-target" {
			t.Errorf("got %s, too", res.name)
		}
	}
	golden(t, "policy-watch-dead-letters-zoned", r.one(t, "watch-dead-letters-policy").text("policy"))
}

func TestMonitoring_watchesTheScheduler(t *testing.T) {
	r := recordMonitoring(t, func(a *MonitoringArgs) {
		a.RuleName, a.ScheduleGroupName = nil, pulumi.String("group")
		a.WatchRuleName, a.WatchScheduleGroupName = nil, pulumi.String("watch-group")
	})
	for name, want := range map[string][2]string{
		"monitoring-not-started":       {"InvocationDroppedCount", "group"},
		"monitoring-start-lost":        {"InvocationsFailedToBeSentToDeadLetterCount", "group"},
		"monitoring-watch-not-started": {"InvocationDroppedCount", "watch-group"},
	} {
		alarm := r.one(t, name)
		if got := alarm.inputs["dimensions"].ObjectValue()["ScheduleGroup"].StringValue(); alarm.text("namespace") != "AWS/Scheduler" || alarm.text("metricName") != want[0] || got != want[1] {
			t.Errorf("%s watches %v", name, alarm.inputs)
		}
	}
}
