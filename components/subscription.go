package components

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/sns"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// audience is who gets what is published to a topic.
type audience struct {
	email               string // "" for nobody
	emailSecret         bool
	subscriptions       []string
	subscriptionsSecret bool
}

func subscribeAll(ctx *pulumi.Context, name string, topic *sns.Topic, to audience, parent pulumi.Resource) error {
	if to.email != "" {
		if err := subscribe(ctx, name+"-email", topic, "email", to.email, to.emailSecret, parent); err != nil {
			return err
		}
	}
	for _, subscription := range to.subscriptions {
		protocol, endpoint := splitSubscription(subscription)
		// Called after the endpoint, so that a change of one leaves the others alone.
		if err := subscribe(ctx, fmt.Sprintf("%s-%s-%s", name, protocol, digest(endpoint)), topic, protocol, endpoint, to.subscriptionsSecret, parent); err != nil {
			return err
		}
	}
	return nil
}

func subscribe(ctx *pulumi.Context, name string, topic *sns.Topic, protocol, endpoint string, secret bool, parent pulumi.Resource) error {
	address := pulumi.String(endpoint).ToStringOutput()
	if secret {
		address = pulumi.ToSecret(address).(pulumi.StringOutput)
	}
	if _, err := sns.NewTopicSubscription(ctx, name, &sns.TopicSubscriptionArgs{
		Topic:    topic.Arn,
		Protocol: pulumi.String(protocol),
		Endpoint: address,
	}, pulumi.Parent(parent)); err != nil {
		return fmt.Errorf("create subscription %q: %w", name, err)
	}
	return nil
}

// subscriptionForms are the protocols that a subscription may have. Endpoints
// may be secret or personal, so errors do not show them.
var subscriptionForms = []struct {
	protocol string
	pattern  *regexp.Regexp
	example  string
}{
	{"email", emailPattern, "email:team@example.com"},
	{"https", regexp.MustCompile(`^https://[^\s/]+(/\S*)?$`), "https://example.com/hook"},
	{"lambda", regexp.MustCompile(`^arn:aws[a-z-]*:lambda:[a-z0-9-]+:[0-9]{12}:function:\S+$`), "lambda:arn:aws:lambda:<region>:<account>:function:<name>"},
	{"sms", regexp.MustCompile(`^\+[1-9][0-9]{4,14}$`), "sms:+4915112345678"},
	{"sqs", regexp.MustCompile(`^arn:aws[a-z-]*:sqs:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+$`), "sqs:arn:aws:sqs:<region>:<account>:<queue>"},
}

// splitSubscription returns the protocol and the endpoint of a subscription. The
// endpoint of https is the whole address.
func splitSubscription(text string) (protocol, endpoint string) {
	protocol, endpoint, _ = strings.Cut(text, ":")
	if protocol == "https" {
		endpoint = text
	}
	return protocol, endpoint
}

// CheckSubscriptions reports every one that is not a protocol and an endpoint
// that fits it, such as sqs:arn:aws:sqs:us-east-1:111111111111:alerts.
func CheckSubscriptions(subscriptions []string) error {
	var errs []error
	for i, text := range subscriptions {
		if err := checkSubscription(text); err != nil {
			errs = append(errs, fmt.Errorf("number %d: %w", i+1, err))
		} else if slices.Contains(subscriptions[:i], text) {
			errs = append(errs, fmt.Errorf("number %d: got the same as number %d, want each once", i+1, slices.Index(subscriptions, text)+1))
		}
	}
	return errors.Join(errs...)
}

// CheckAudience reports what does not go together of those that CheckSubscriptions
// accepts: the address of email once more, as a topic has each subscriber once, and
// queues and functions that no topic of region reaches.
func CheckAudience(email string, subscriptions []string, region string) error {
	partition := Place{Region: region}.partition()
	var errs []error
	for i, text := range subscriptions {
		protocol, endpoint := splitSubscription(text)
		switch {
		case protocol == "email" && email != "" && endpoint == email:
			errs = append(errs, fmt.Errorf("number %d: got the address that gets all messages already, want each once", i+1))
		case (protocol == "sqs" || protocol == "lambda") && CheckPartition(endpoint, region) != nil:
			errs = append(errs, fmt.Errorf("number %d: got one of another partition, want arn:%s:%s:<...>, as topics are in %s", i+1, partition, protocol, region))
		}
	}
	return errors.Join(errs...)
}

func checkSubscription(text string) error {
	protocol, endpoint := splitSubscription(text)
	var examples []string
	for _, form := range subscriptionForms {
		examples = append(examples, form.example)
		if form.protocol != protocol {
			continue
		}
		if !form.pattern.MatchString(endpoint) {
			return fmt.Errorf("the endpoint does not fit %s, want %s", protocol, form.example)
		}
		return nil
	}
	return fmt.Errorf("no protocol that is offered, want %s", orList(examples))
}

// digest is a short name for a text.
func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:4])
}
