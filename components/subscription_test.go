package components

import (
	"slices"
	"testing"
)

func TestCheckSubscriptions_takesEveryProtocol(t *testing.T) {
	err := CheckSubscriptions([]string{
		"email:team@example.com", "https://example.com/hook?token=1", "sms:+4915112345678",
		"sqs:arn:aws:sqs:us-east-1:111111111111:alerts", "lambda:arn:aws:lambda:us-east-1:111111111111:function:tell:live",
	})
	if err != nil {
		t.Error(err)
	}
}

func TestCheckSubscriptions_refusesWhatDoesNotFit(t *testing.T) {
	for _, text := range []string{"", "team@example.com", "http://example.com", "https:", "https://", "https://exa mple.com", "sms:0151", "sqs:alerts", "lambda:arn:aws:sqs:us-east-1:111111111111:alerts", "email:team"} {
		if CheckSubscriptions([]string{text}) == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}

func TestCheckAudience_refusesTheAddressThatGetsAllMessagesAlready(t *testing.T) {
	for subscription, right := range map[string]bool{"email:you@example.com": false, "email:team@example.com": true, "https://example.com/hook": true} {
		if err := CheckAudience("you@example.com", []string{subscription}, "us-east-1"); (err == nil) != right {
			t.Errorf("%s: got %v", subscription, err)
		}
	}
}

func TestPipeline_subscriptionsAreNamedAfterTheirEndpoints(t *testing.T) {
	names := func(subscriptions ...string) []string {
		var names []string
		for _, res := range recordPipeline(t, func(a *PipelineArgs) { a.Subscriptions = subscriptions }).resources {
			if res.kind == "aws:sns/topicSubscription:TopicSubscription" {
				names = append(names, res.name+" "+res.text("protocol")+" "+res.text("endpoint"))
			}
		}
		slices.Sort(names)
		return names
	}
	one, other := "sms:+4915112345678", "https://example.com/hook"
	got := names(one, other)
	if len(got) != 2 || !slices.Equal(got, names(other, one)) {
		t.Errorf("got %v, and %v in the other order; want the same two", got, names(other, one))
	}
	if alone := names(one); len(alone) != 1 || !slices.Contains(got, alone[0]) {
		t.Errorf("got %v for one of %v", alone, got)
	}
}

func TestPipeline_secretEndpointsStaySecret(t *testing.T) {
	for _, res := range recordPipeline(t, func(a *PipelineArgs) {
		a.Subscriptions, a.SubscriptionsSecret = []string{"https://example.com/token"}, true
	}).resources {
		if res.kind == "aws:sns/topicSubscription:TopicSubscription" && !res.inputs["endpoint"].IsSecret() {
			t.Errorf("the endpoint of %s is not secret", res.name)
		}
	}
}
