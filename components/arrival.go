package components

import (
	"fmt"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/s3"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// arrivalInput is what an arrival starts the pipeline with. <key> without quotes
// becomes a text of JSON, whatever characters are in the key.
const arrivalInput = `{"scheduledTime":"<time>","input-key":<key>}`

// arrivalKeys is what an event filter says of the keys that start a run: those in
// the folder of key, or key alone when it is in none. The folder of a glob is
// the one before its first wildcard; without one it is the whole bucket.
func arrivalKeys(key string) []any {
	start, several := literalStart(key)
	if slash := strings.LastIndex(start, "/"); slash >= 0 {
		return []any{map[string]any{"prefix": start[:slash+1]}}
	}
	if several {
		return []any{map[string]any{"exists": true}}
	}
	return []any{key}
}

// newArrivalRule hears of each object that is new below the folder of the input,
// and not empty: a folder made in the console is an object without a byte. The
// bucket is made to tell EventBridge, of everything; that costs nothing.
func newArrivalRule(ctx *pulumi.Context, name string, args *ScheduleArgs, parent pulumi.Resource) (*cloudwatch.EventRule, error) {
	if _, err := s3.NewBucketNotification(ctx, name+"-notification", &s3.BucketNotificationArgs{
		Bucket:      args.ArrivalBucketName,
		Eventbridge: pulumi.Bool(true),
	}, pulumi.Parent(parent)); err != nil {
		return nil, fmt.Errorf("let the input bucket tell EventBridge (%q): %w", name+"-notification", err)
	}
	rule, err := cloudwatch.NewEventRule(ctx, name+"-rule", &cloudwatch.EventRuleArgs{
		Description: pulumi.String(startsPipeline + " when data arrives"),
		EventPattern: document(func(in []string) any {
			return map[string]any{
				"source":      []string{"aws.s3"},
				"detail-type": []string{"Object Created"},
				"account":     []string{args.Place.AccountID},
				"detail": map[string]any{
					"bucket": map[string]any{"name": []string{in[0]}},
					"object": map[string]any{
						"key":  arrivalKeys(args.ArrivalKey),
						"size": []any{map[string]any{"numeric": []any{">", 0}}},
					},
				},
			}
		}, args.ArrivalBucketName),
	}, pulumi.Parent(parent))
	if err != nil {
		return nil, fmt.Errorf("create rule %q: %w", name+"-rule", err)
	}
	return rule, nil
}

// newArrivalTarget makes the rule start the machine with the key of the object.
func newArrivalTarget(ctx *pulumi.Context, name string, args *ScheduleArgs, rule *cloudwatch.EventRule, lost *deadLetters, parent pulumi.Resource) error {
	role, err := newStartRole(ctx, name+"-role", args.Place, startsPipeline+" when data arrives", args.StateMachineArn, []pulumi.StringInput{rule.Arn}, parent)
	if err != nil {
		return err
	}
	return newRuleTarget(ctx, name+"-target", ruleStart{
		rule: rule, machineArn: args.StateMachineArn, role: role, queue: lost,
		paths: map[string]string{"time": "$.time", "key": "$.detail.object.key"}, template: arrivalInput,
	}, parent)
}
