package simcloud

import (
	"fmt"
	"regexp"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/sqs"
)

const queueType = "aws:sqs/queue:Queue"

var sqsTypes = []*Type{
	{
		TypeName: queueType, Args: sqs.QueueArgs{}, Outputs: sqs.Queue{},
		Name: &Naming{Property: "name", Max: 80, Taken: "QueueAlreadyExists", Suffix: func(props map[string]any) string {
			if flag(props, "fifoQueue") {
				return ".fifo"
			}
			return ""
		}},
		Replace: []string{"name", "namePrefix", "fifoQueue"}, Documents: []string{"policy", "redrivePolicy", "redriveAllowPolicy"},
		Rules: []rule{
			sized("name", 1, 80),
			fifoName("name", "fifoQueue", regexp.MustCompile(`^[a-zA-Z0-9_-]{1,80}$`), "1 to 80 letters, digits, - and _"),
			atMostOne("", "name", "namePrefix"),
			between("delaySeconds", 0, 900),
			between("maxMessageSize", 1024, 1048576),
			between("messageRetentionSeconds", 60, 1209600),
			between("receiveWaitTimeSeconds", 0, 20),
			between("visibilityTimeoutSeconds", 0, 43200),
			between("kmsDataKeyReusePeriodSeconds", 60, 86400),
			atMostOne("", "sqsManagedSseEnabled", "kmsMasterKeyId"),
			policy("policy", resourcePolicy),
			redrive,
			oneOf("deduplicationScope", "messageGroup", "queue"),
			oneOf("fifoThroughputLimit", "perQueue", "perMessageGroupId"),
			func(c *checking) {
				if flag(c.props, "contentBasedDeduplication") && !flag(c.props, "fifoQueue") {
					c.problem("contentBasedDeduplication", "only with fifoQueue")
				}
			},
		},
		Defaults: map[string]any{
			"delaySeconds": 0, "maxMessageSize": 262144, "messageRetentionSeconds": 345600, "receiveWaitTimeSeconds": 0,
			"visibilityTimeoutSeconds": 30, "fifoQueue": false, "contentBasedDeduplication": false, "kmsDataKeyReusePeriodSeconds": 300,
		},
		ID: func(i *instance) string {
			return fmt.Sprintf("https://sqs.%s.%s/%s/%s", i.session.region, i.session.dnsSuffix(), i.session.account, text(i.in, "name"))
		},
		State: func(i *instance) {
			i.set("url", i.id)
			i.arn("sqs", text(i.in, "name"))
			if i.in["sqsManagedSseEnabled"] == nil {
				i.set("sqsManagedSseEnabled", i.in["kmsMasterKeyId"] == nil)
			}
		},
	},
	{
		TypeName: "aws:sqs/queuePolicy:QueuePolicy", Args: sqs.QueuePolicyArgs{}, Outputs: sqs.QueuePolicy{},
		Replace: []string{"queueUrl"}, Required: []string{"policy"}, Documents: []string{"policy"},
		Parents: []Parent{{Property: "queueUrl", Type: queueType}}, OnePer: []string{"queueUrl"},
		Rules: []rule{
			like("queueUrl", `^https://sqs\.`, "the URL of a queue"),
			policy("policy", resourcePolicy),
		},
		ID: func(i *instance) string { return text(i.in, "queueUrl") },
		Create: func(i *instance) error {
			queue := i.cloud.resolve(queueType, text(i.in, "queueUrl"))
			return policyIsAbout(i.in["policy"], text(queue.plain(), "arn"))
		},
	},
}

// redrive checks where a queue's undeliverable messages go.
func redrive(c *checking) {
	source, ok := c.props["redrivePolicy"].(string)
	if !ok {
		return
	}
	var policy map[string]any
	if err := parseJSON(source, &policy); err != nil {
		c.problem("redrivePolicy", "not valid JSON: %v", err)
		return
	}
	if target := text(policy, "deadLetterTargetArn"); !arnPattern.MatchString(target) {
		c.problem("redrivePolicy.deadLetterTargetArn", "got %s, want the ARN of a queue", shown(policy["deadLetterTargetArn"]))
	}
	if n, ok := policy["maxReceiveCount"].(float64); !ok || n < 1 || n > 1000 {
		c.problem("redrivePolicy.maxReceiveCount", "got %s, want 1 to 1000", shown(policy["maxReceiveCount"]))
	}
}
