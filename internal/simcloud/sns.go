package simcloud

import (
	"regexp"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/sns"
)

const topicType = "aws:sns/topic:Topic"

var topicPattern = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,256}$`)

var snsTypes = []*Type{
	{
		TypeName: topicType, Args: sns.TopicArgs{}, Outputs: sns.Topic{},
		Name: &Naming{Property: "name", Max: 256, Taken: "TopicAlreadyExists", Suffix: func(props map[string]any) string {
			if flag(props, "fifoTopic") {
				return ".fifo"
			}
			return ""
		}},
		Replace: []string{"name", "namePrefix", "fifoTopic"}, Documents: []string{"policy", "deliveryPolicy", "archivePolicy"},
		Rules: []rule{
			fifoName("name", "fifoTopic", topicPattern, "1 to 256 letters, digits, - and _"),
			atMostOne("", "name", "namePrefix"),
			sized("displayName", 0, 100),
			policy("policy", resourcePolicy),
			jsonText("deliveryPolicy"),
			numbers("signatureVersion", 1, 2),
			oneOf("tracingConfig", "PassThrough", "Active"),
		},
		Defaults: map[string]any{"fifoTopic": false, "contentBasedDeduplication": false, "signatureVersion": 1, "tracingConfig": "PassThrough"},
		ID:       func(i *instance) string { return i.session.arn("sns", text(i.in, "name")) },
		State: func(i *instance) {
			i.set("arn", i.id)
			i.set("owner", i.session.account)
		},
	},
	{
		TypeName: "aws:sns/topicPolicy:TopicPolicy", Args: sns.TopicPolicyArgs{}, Outputs: sns.TopicPolicy{},
		Replace: []string{"arn"}, Required: []string{"policy"}, Documents: []string{"policy"},
		Parents: []Parent{{Property: "arn", Type: topicType}}, OnePer: []string{"arn"},
		Rules: []rule{arn("arn", "sns"), policy("policy", resourcePolicy)},
		ID:    func(i *instance) string { return text(i.in, "arn") },
		Create: func(i *instance) error {
			return policyIsAbout(i.in["policy"], text(i.in, "arn"))
		},
		State: func(i *instance) { i.set("owner", i.session.account) },
	},
	{
		TypeName: "aws:sns/topicSubscription:TopicSubscription", Args: sns.TopicSubscriptionArgs{}, Outputs: sns.TopicSubscription{},
		Replace: []string{"topic", "protocol", "endpoint"}, Required: []string{"topic"},
		Parents: []Parent{{Property: "topic", Type: topicType}}, OnePer: []string{"topic", "protocol", "endpoint"},
		Documents: []string{"filterPolicy", "redrivePolicy", "deliveryPolicy"},
		Rules: []rule{
			arn("topic", "sns"),
			oneOf("protocol", "sqs", "sms", "lambda", "firehose", "application", "email", "email-json", "http", "https"),
			endpointFits,
			jsonText("filterPolicy"), jsonText("redrivePolicy"), jsonText("deliveryPolicy"),
			oneOf("filterPolicyScope", "MessageAttributes", "MessageBody"),
			arn("subscriptionRoleArn", "iam"),
		},
		Defaults: map[string]any{"rawMessageDelivery": false, "confirmationTimeoutInMinutes": 1, "endpointAutoConfirms": false},
		ID: func(i *instance) string {
			id := fakeHex(32, text(i.in, "topic"), text(i.in, "protocol"), text(i.in, "endpoint"))
			return text(i.in, "topic") + ":" + strings.Join([]string{id[:8], id[8:12], id[12:16], id[16:20], id[20:]}, "-")
		},
		State: func(i *instance) {
			i.set("arn", i.id)
			i.set("ownerId", i.session.account)
			confirmed := strings.HasPrefix(text(i.in, "protocol"), "sqs") || text(i.in, "protocol") == "lambda"
			i.set("confirmationWasAuthenticated", confirmed)
			i.set("pendingConfirmation", !confirmed)
		},
	},
}

// fifoName is the rule of queues and topics: a name, and .fifo exactly when
// the resource is first in, first out.
func fifoName(name, fifo string, pattern *regexp.Regexp, want string) rule {
	return func(c *checking) {
		s, ok := c.props[name].(string)
		if !ok {
			return
		}
		if !pattern.MatchString(strings.TrimSuffix(s, ".fifo")) {
			c.problem(name, "got %q, want %s", s, want)
		}
		if strings.HasSuffix(s, ".fifo") != flag(c.props, fifo) {
			c.problem(name, "got %q with %s %v; want .fifo at the end exactly when it is true", s, fifo, flag(c.props, fifo))
		}
	}
}

var (
	emailPattern = regexp.MustCompile(`^[^@\s]+@[^@\s]+\.[^@\s]+$`)
	phonePattern = regexp.MustCompile(`^\+[1-9]\d{4,14}$`)
)

// endpointFits wants the endpoint to be of the protocol's kind. Addresses are
// personal data, so messages do not show them.
func endpointFits(c *checking) {
	endpoint, ok := c.props["endpoint"].(string)
	if !ok {
		return
	}
	protocol := text(c.props, "protocol")
	fits, want := true, ""
	switch protocol {
	case "email", "email-json":
		fits, want = emailPattern.MatchString(endpoint), "an e-mail address"
	case "sms":
		fits, want = phonePattern.MatchString(endpoint), "a phone number such as +4915112345678"
	case "http", "https":
		fits, want = strings.HasPrefix(endpoint, protocol+"://"), "a URL that begins with "+protocol+"://"
	case "sqs", "lambda", "firehose":
		fits, want = arnPattern.MatchString(endpoint) && strings.Contains(endpoint, ":"+protocol+":"), "an ARN of "+protocol
	}
	if !fits {
		c.problem("endpoint", "does not fit protocol %s, want %s", protocol, want)
	}
}
