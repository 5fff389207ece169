package policy

import (
	"slices"
)

func machineRules() []*Rule {
	return []*Rule{
		{
			Name: "machine-logs-everything", Family: "Step Functions", Level: mandatory, Severity: Medium,
			Wants:  "A state machine logs every event",
			Remedy: "set loggingConfiguration with level ALL and a logDestination",
			resource: func(c *check, r *resource) {
				if r.is("sfn.StateMachine") && (isNot(r.get("loggingConfiguration", "level"), "ALL") || !r.has("loggingConfiguration", "logDestination")) {
					c.report(r, "its log level is not ALL, or it has no destination")
				}
			},
		},
		{
			Name: "machine-is-traced", Family: "Step Functions", Level: mandatory, Severity: Low,
			Wants:  "A state machine is traced with X-Ray",
			Remedy: "set tracingConfiguration.enabled to true",
			resource: func(c *check, r *resource) {
				if r.is("sfn.StateMachine") && isNot(r.get("tracingConfiguration", "enabled"), true) {
					c.report(r, "tracing is off")
				}
			},
		},
		{
			Name: "machine-ends", Family: "Step Functions", Level: mandatory, Severity: Medium,
			Wants:  "A state machine ends after a time, whatever it waits for",
			Remedy: "set TimeoutSeconds at the top of its definition",
			resource: func(c *check, r *resource) {
				var definition struct{ TimeoutSeconds float64 }
				if !r.is("sfn.StateMachine") {
					return
				}
				if known, err := decode(r.get("definition"), &definition); known && (err != nil || definition.TimeoutSeconds <= 0) {
					c.report(r, "it may run for a year")
				}
			},
		},
	}
}

func messageRules() []*Rule {
	return []*Rule{
		{
			Name: "topic-encrypted", Family: "SNS", Level: advisory, Severity: Medium,
			Wants:  "A topic encrypts its messages with a key of KMS",
			Remedy: "set kmsMasterKeyId; CloudWatch alarms need a key of your own, alias/aws/sns does not let them in",
			resource: func(c *check, r *resource) {
				if r.is("sns.Topic") && !r.has("kmsMasterKeyId") {
					c.report(r, "kmsMasterKeyId is not set")
				}
			},
		},
		{
			Name: "topic-refuses-plain-http", Family: "SNS", Level: mandatory, Severity: Medium,
			Wants:  "A topic's policy denies publishing to whoever comes without TLS",
			Remedy: `add to its sns.TopicPolicy: Deny, Principal "*", Action "sns:Publish", where aws:SecureTransport is false`,
			stack: func(c *check, p *plan) {
				for _, topic := range p.of("sns.Topic") {
					policies := append(p.attached(topic, "arn", "sns.TopicPolicy"), topic)
					if !anyRefuses(policies, "sns:Publish") {
						c.report(topic, "no statement denies plain HTTP")
					}
				}
			},
		},
		{
			Name: "queue-encrypted", Family: "SQS", Level: mandatory, Severity: Medium,
			Wants:  "A queue encrypts its messages",
			Remedy: "set sqsManagedSseEnabled to true, or kmsMasterKeyId",
			resource: func(c *check, r *resource) {
				if r.is("sqs.Queue") && !r.has("kmsMasterKeyId") && isNot(r.get("sqsManagedSseEnabled"), true) {
					c.report(r, "no encryption is configured")
				}
			},
		},
		{
			Name: "queue-refuses-plain-http", Family: "SQS", Level: mandatory, Severity: Medium,
			Wants:  "A queue's policy denies everything to whoever comes without TLS",
			Remedy: `add to its sqs.QueuePolicy: Deny, Principal "*", Action "sqs:*", where aws:SecureTransport is false`,
			stack: func(c *check, p *plan) {
				for _, queue := range p.of("sqs.Queue") {
					policies := append(p.attached(queue, "queueUrl", "sqs.QueuePolicy"), queue)
					if !anyRefuses(policies, "sqs:SendMessage") {
						c.report(queue, "no statement denies plain HTTP")
					}
				}
			},
		},
		{
			Name: "queue-has-dead-letters", Family: "SQS", Level: mandatory, Severity: Low,
			Wants:  "A message that nobody can handle goes to a dead-letter queue",
			Remedy: "set redrivePolicy, or use the queue as the dead-letter queue of something",
			stack:  queueHasDeadLetters,
		},
		{
			Name: "start-has-dead-letters", Family: "EventBridge", Level: mandatory, Severity: Medium,
			Wants:  "An event that could not be delivered goes to a dead-letter queue",
			Remedy: "set deadLetterConfig",
			resource: func(c *check, r *resource) {
				if r.is("cloudwatch.EventTarget") && !r.has("deadLetterConfig", "arn") ||
					r.is("scheduler.Schedule") && !r.get("target").IsComputed() && !r.has("target", "deadLetterConfig", "arn") {
					c.report(r, "it has no dead-letter queue")
				}
			},
		},
	}
}

func anyRefuses(policies []*resource, action string) bool {
	return slices.ContainsFunc(policies, func(r *resource) bool {
		return r.refusesPlainHTTP("policy", action, func(names []string) bool { return len(names) > 0 })
	})
}

// Where the dead-letter queues of other resources are named.
var deadLetterProperties = map[string]string{
	"sqs.Queue": "redrivePolicy", "sqs.RedrivePolicy": "redrivePolicy", "sns.TopicSubscription": "redrivePolicy",
	"cloudwatch.EventTarget": "deadLetterConfig", "scheduler.Schedule": "target", "lambda.Function": "deadLetterConfig", "pipes.Pipe": "sourceParameters",
}

func queueHasDeadLetters(c *check, p *plan) {
	for _, queue := range p.of("sqs.Queue") {
		isOne := slices.ContainsFunc(p.resources, func(r *resource) bool {
			property := deadLetterProperties[r.kind()]
			return property != "" && r != queue && r.refers(property, queue)
		})
		if !isOne && !queue.has("redrivePolicy") && len(p.attached(queue, "queueUrl", "sqs.RedrivePolicy")) == 0 {
			c.report(queue, "it has no dead-letter queue, and is none")
		}
	}
}

func logRules() []*Rule {
	return []*Rule{
		{
			Name: "logs-expire", Family: "CloudWatch", Level: mandatory, Severity: Low,
			Wants:  "A log group keeps its events for a time that somebody chose",
			Remedy: "set retentionInDays",
			resource: func(c *check, r *resource) {
				if v := r.get("retentionInDays"); r.is("cloudwatch.LogGroup") && !v.IsComputed() && (!v.IsNumber() || v.AsNumber() < 1) {
					c.report(r, "retentionInDays is not set")
				}
			},
		},
		{
			Name: "logs-encrypted-with-own-key", Family: "CloudWatch", Level: advisory, Severity: Low, Options: []Option{production},
			Wants:  "A log group of production is encrypted with a key of the account, and not only with CloudWatch's own",
			Remedy: "set kmsKeyId; the key's policy has to let logs.<region>.amazonaws.com use it for the group",
			resource: func(c *check, r *resource) {
				if r.is("cloudwatch.LogGroup") && c.in(production) && !r.has("kmsKeyId") {
					c.report(r, "kmsKeyId is not set")
				}
			},
		},
		{
			Name: "alarm-tells-somebody", Family: "CloudWatch", Level: mandatory, Severity: Medium,
			Wants:  "An alarm does something when it goes off",
			Remedy: "set alarmActions",
			resource: func(c *check, r *resource) {
				if r.is("cloudwatch.MetricAlarm", "cloudwatch.CompositeAlarm") && (!r.has("alarmActions") || isFalse(r.get("actionsEnabled"))) {
					c.report(r, "it has no action")
				}
			},
		},
		{
			Name: "key-rotates", Family: "KMS", Level: mandatory, Severity: Medium,
			Wants:  "A key for encryption gets new material every year",
			Remedy: "set enableKeyRotation to true",
			resource: func(c *check, r *resource) {
				usage, spec := text(r.get("keyUsage")), text(r.get("customerMasterKeySpec"))
				symmetric := (usage == "" || usage == "ENCRYPT_DECRYPT") && (spec == "" || spec == "SYMMETRIC_DEFAULT")
				if r.is("kms.Key") && symmetric && isNot(r.get("enableKeyRotation"), true) {
					c.report(r, "it does not rotate")
				}
			},
		},
		{
			Name: "trail-can-be-trusted", Family: "CloudTrail", Level: mandatory, Severity: Medium,
			Wants:  "A trail is on and signs its files, so that a change to them is seen",
			Remedy: "set enableLogFileValidation to true, and leave enableLogging",
			resource: func(c *check, r *resource) {
				if r.is("cloudtrail.Trail") && (isNot(r.get("enableLogFileValidation"), true) || isFalse(r.get("enableLogging"))) {
					c.report(r, "it is off, or its files are not signed")
				}
			},
		},
		{
			Name: "bucket-access-recorded", Family: "CloudTrail", Level: advisory, Severity: Medium, Options: []Option{production},
			Wants:  "In production, a trail records who reads and writes objects",
			Remedy: "add a cloudtrail.Trail with data events for AWS::S3::Object",
			stack:  bucketAccessRecorded,
		},
	}
}

func bucketAccessRecorded(c *check, p *plan) {
	buckets := p.of(bucketKind)
	if !c.in(production) || len(buckets) == 0 {
		return
	}
	for _, trail := range p.of("cloudtrail.Trail") {
		for _, name := range []string{"eventSelectors", "advancedEventSelectors"} {
			selectors := trail.get(name)
			recorded := selectors.IsComputed()
			leaves(selectors, func(s string) { recorded = recorded || s == "AWS::S3::Object" })
			if recorded {
				return
			}
		}
	}
	c.report(buckets[0], "no trail of this program records what is done to the objects of its %d buckets", len(buckets))
}
