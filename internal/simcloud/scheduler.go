package simcloud

import (
	"time"
	_ "time/tzdata" // zones must be known on every machine

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/scheduler"
)

var schedulerTypes = []*Type{
	{
		TypeName: "aws:scheduler/schedule:Schedule", Args: scheduler.ScheduleArgs{}, Outputs: scheduler.Schedule{},
		Name:    &Naming{Property: "name", Max: 64, Taken: "ConflictException"},
		Replace: []string{"name", "namePrefix", "groupName"},
		Rules: []rule{
			like("name", `^[0-9a-zA-Z_.-]{1,64}$`, "1 to 64 letters, digits and _ . -"),
			atMostOne("", "name", "namePrefix"),
			sized("description", 0, 512),
			scheduleExpression("scheduleExpression", true),
			oneOf("state", "ENABLED", "DISABLED"),
			oneOf("flexibleTimeWindow.mode", "OFF", "FLEXIBLE"),
			between("flexibleTimeWindow.maximumWindowInMinutes", 1, 1440),
			arn("kmsKeyArn", "kms"), arn("target.arn"), arn("target.roleArn", "iam"), arn("target.deadLetterConfig.arn", "sqs"),
			jsonText("target.input"),
			between("target.retryPolicy.maximumRetryAttempts", 0, 185),
			between("target.retryPolicy.maximumEventAgeInSeconds", 60, 86400),
			func(c *checking) {
				if zone := text(c.props, "scheduleExpressionTimezone"); zone != "" {
					if _, err := time.LoadLocation(zone); err != nil || zone == "Local" {
						c.problem("scheduleExpressionTimezone", "got %q, want the name of a time zone such as Europe/Berlin", zone)
					}
				}
			},
			func(c *checking) {
				window, _ := c.props["flexibleTimeWindow"].(map[string]any)
				_, minutes := window["maximumWindowInMinutes"]
				if mode := text(window, "mode"); mode != "" && (mode == "FLEXIBLE") != minutes {
					c.problem("flexibleTimeWindow.maximumWindowInMinutes", "want it exactly with mode FLEXIBLE, got mode %s", mode)
				}
			},
		},
		Defaults: map[string]any{"groupName": "default", "state": "ENABLED", "scheduleExpressionTimezone": "UTC"},
		ID:       func(i *instance) string { return text(i.in, "groupName") + "/" + text(i.in, "name") },
		State:    func(i *instance) { i.arn("scheduler", "schedule/"+i.id) },
	},
	{
		TypeName: "aws:scheduler/scheduleGroup:ScheduleGroup", Args: scheduler.ScheduleGroupArgs{}, Outputs: scheduler.ScheduleGroup{},
		Name:    &Naming{Property: "name", Max: 64, Taken: "ConflictException"},
		Replace: []string{"name", "namePrefix"},
		Rules: []rule{
			like("name", `^[0-9a-zA-Z_.-]{1,64}$`, "1 to 64 letters, digits and _ . -"),
			atMostOne("", "name", "namePrefix"),
		},
		State: func(i *instance) {
			i.arn("scheduler", "schedule-group/"+i.id)
			i.set("state", "ACTIVE")
		},
	},
}
