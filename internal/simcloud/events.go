package simcloud

import (
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
)

const ruleType = "aws:cloudwatch/eventRule:EventRule"

var eventTypes = []*Type{
	{
		TypeName: ruleType, Args: cloudwatch.EventRuleArgs{}, Outputs: cloudwatch.EventRule{},
		Name:    &Naming{Property: "name", Max: 64, Taken: "ResourceAlreadyExistsException"},
		Replace: []string{"name", "namePrefix", "eventBusName"}, Documents: []string{"eventPattern"},
		Rules: []rule{
			like("name", `^[.\-_A-Za-z0-9]{1,64}$`, "1 to 64 letters, digits and . - _"),
			atMostOne("", "name", "namePrefix"),
			sized("description", 0, 512),
			atLeastOne("", "scheduleExpression", "eventPattern"),
			scheduleExpression("scheduleExpression", false),
			oneOf("state", "ENABLED", "DISABLED", "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"),
			atMostOne("", "isEnabled", "state"),
			arn("roleArn", "iam"),
			eventPattern,
			func(c *checking) {
				bus := text(c.props, "eventBusName")
				if c.has("scheduleExpression") && bus != "" && bus != "default" {
					c.problem("eventBusName", "got %q; only the default bus has schedules", bus)
				}
			},
		},
		Defaults: map[string]any{"eventBusName": "default", "state": "ENABLED", "forceDestroy": false},
		State: func(i *instance) {
			name := "rule/" + i.id
			if bus := text(i.in, "eventBusName"); bus != "" && bus != "default" {
				name = "rule/" + bus + "/" + i.id
			}
			i.arn("events", name)
		},
	},
	{
		TypeName: "aws:cloudwatch/eventTarget:EventTarget", Args: cloudwatch.EventTargetArgs{}, Outputs: cloudwatch.EventTarget{},
		Name:    &Naming{Property: "targetId", Scope: "none", Max: 64},
		Replace: []string{"rule", "targetId", "eventBusName"}, Required: []string{"ecsTarget.networkConfiguration.subnets", "runCommandTargets[].values"},
		Parents: []Parent{{Property: "rule", Type: ruleType, Holds: true}}, OnePer: []string{"rule", "targetId"},
		Rules: []rule{
			like("targetId", `^[.\-_A-Za-z0-9]{1,64}$`, "1 to 64 letters, digits and . - _"),
			arn("arn"), arn("roleArn", "iam"), arn("deadLetterConfig.arn", "sqs"),
			atMostOne("", "input", "inputPath", "inputTransformer"),
			jsonText("input"),
			sized("input", 0, 8192),
			oneOf("ecsTarget.launchType", "EC2", "FARGATE", "EXTERNAL"),
			oneOf("ecsTarget.propagateTags", "TASK_DEFINITION"),
			between("ecsTarget.taskCount", 1, 10),
			arn("ecsTarget.taskDefinitionArn", "ecs"),
			between("retryPolicy.maximumRetryAttempts", 0, 185),
			between("retryPolicy.maximumEventAgeInSeconds", 60, 86400),
			func(c *checking) {
				target, ok := c.props["arn"].(string)
				if !ok || c.has("roleArn") {
					return
				}
				for _, service := range []string{"states", "ecs", "kinesis", "batch", "events", "firehose", "codebuild"} {
					if strings.Contains(target, ":"+service+":") {
						c.problem("roleArn", "missing; EventBridge needs a role to start a target of %s", service)
					}
				}
			},
		},
		Defaults: map[string]any{"eventBusName": "default", "forceDestroy": false},
		ID:       func(i *instance) string { return text(i.in, "rule") + "-" + text(i.in, "targetId") },
	},
}

// eventPattern wants every leaf of a pattern to be a list, as EventBridge does.
func eventPattern(c *checking) {
	source, ok := c.props["eventPattern"].(string)
	if !ok {
		return
	}
	var parsed any
	if err := parseJSON(source, &parsed); err != nil {
		c.problem("eventPattern", "not valid JSON: %v", err)
		return
	}
	object, ok := parsed.(map[string]any)
	if !ok || len(object) == 0 {
		c.problem("eventPattern", "got %s, want an object with at least one field", shown(parsed))
		return
	}
	var visit func(at string, v any)
	visit = func(at string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, k := range sortedKeys(v) {
				visit(at+"."+k, v[k])
			}
		case []any:
			if len(v) == 0 {
				c.problem(at, "empty; want at least one value")
			}
		default:
			c.problem(at, "got %s, want a list of values", shown(v))
		}
	}
	visit("eventPattern", object)
}
