package components

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

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
