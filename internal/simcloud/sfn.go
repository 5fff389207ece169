package simcloud

import (
	"errors"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/sfn"
)

var sfnTypes = []*Type{
	{
		TypeName: "aws:sfn/stateMachine:StateMachine", Args: sfn.StateMachineArgs{}, Outputs: sfn.StateMachine{},
		Name:    &Naming{Property: "name", Max: 80, Taken: "StateMachineAlreadyExists"},
		Replace: []string{"name", "namePrefix", "type"}, Documents: []string{"definition"},
		Rules: []rule{
			like("name", `^[0-9A-Za-z_-]{1,80}$`, "1 to 80 letters, digits, - and _"),
			atMostOne("", "name", "namePrefix"),
			oneOf("type", "STANDARD", "EXPRESS"),
			arn("roleArn", "iam"),
			oneOf("loggingConfiguration.level", "ALL", "ERROR", "FATAL", "OFF"),
			stateMachine("definition"),
			func(c *checking) {
				logging, _ := c.props["loggingConfiguration"].(map[string]any)
				level := text(logging, "level")
				destination, given := logging["logDestination"]
				if level != "" && level != "OFF" && !given {
					c.problem("loggingConfiguration.logDestination", "missing; level %s needs it", level)
				}
				s, ok := destination.(string)
				fits := arnPattern.MatchString(s) && strings.Contains(s, ":log-group:") && strings.HasSuffix(s, ":*")
				if ok && !fits {
					c.problem("loggingConfiguration.logDestination", "got %q, want the ARN of a log group that ends in :*", s)
				}
			},
			oneOf("encryptionConfiguration.type", "AWS_OWNED_KEY", "CUSTOMER_MANAGED_KMS_KEY"),
			between("encryptionConfiguration.kmsDataKeyReusePeriodSeconds", 60, 900),
		},
		Create:   mayLog,
		Defaults: map[string]any{"type": "STANDARD", "publish": false},
		ID:       func(i *instance) string { return i.session.arn("states", "stateMachine:"+text(i.in, "name")) },
		State: func(i *instance) {
			i.set("arn", i.id)
			i.set("creationDate", epoch)
			i.set("status", "ACTIVE")
			i.set("revisionId", i.fake(8, text(i.in, "definition"))+"-"+i.fake(4, "a")+"-"+i.fake(4, "b")+"-"+i.fake(4, "c")+"-"+i.fake(12, text(i.in, "definition")))
			for name, fallback := range map[string]map[string]any{
				"encryptionConfiguration": {"type": "AWS_OWNED_KEY"},
				"loggingConfiguration":    {"level": "OFF", "includeExecutionData": false},
				"tracingConfiguration":    {"enabled": false},
			} {
				if i.in[name] == nil {
					i.set(name, fallback)
				}
			}
		},
	},
}

// mayLog refuses a state machine that logs when its role may not: Step
// Functions checks that on create, so the role's policy has to be there before.
// A role that the simulator did not make is trusted.
func mayLog(i *instance) error {
	logging, _ := i.in["loggingConfiguration"].(map[string]any)
	if level := text(logging, "level"); level == "" || level == "OFF" {
		return nil
	}
	role := i.cloud.resolve(roleType, text(i.in, "roleArn"))
	if role == nil || i.cloud.allows(role, "logs:CreateLogDelivery") {
		return nil
	}
	return errors.New("AccessDeniedException: the state machine IAM Role is not authorized to access the Log Destination: at this moment no policy of the role allows logs:CreateLogDelivery; make the machine depend on the policy")
}
