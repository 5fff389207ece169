// Package reports is what another team deploys to work on the pipeline's results.
package reports

import (
	"encoding/json"
	"errors"
	"fmt"

	awsarn "github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/sqs"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"ds-pipeline/outputs"
)

// Deploy creates a queue that gets a message after each run that worked, and a role
// for the tasks that build reports: they read results and that queue, and nothing
// else. It has to be in the account and region of the pipeline.
//
// It exports
//
//	queueUrl       where the messages are
//	readerRoleArn  the role of the tasks
func Deploy(ctx *pulumi.Context) error {
	name, set := ctx.GetConfig(ctx.Project() + ":pipelineStack")
	if !set {
		return errors.New("pipelineStack: missing; run `pulumi config set pipelineStack organization/ds-pipeline/dev`")
	}
	ref, err := pulumi.NewStackReference(ctx, name, nil)
	if err != nil {
		return fmt.Errorf("refer to stack %s: %w", name, err)
	}
	pipeline, err := outputs.FromStack(ref)
	if err != nil {
		return fmt.Errorf("stack %s: %w", name, err)
	}

	queue, err := newQueue(ctx, pipeline)
	if err != nil {
		return err
	}
	reader, err := newReader(ctx, pipeline, queue)
	if err != nil {
		return err
	}
	ctx.Export("queueUrl", queue.Url)
	ctx.Export("readerRoleArn", reader.Arn)
	return nil
}

// newQueue creates a queue that EventBridge tells of each execution that succeeded.
func newQueue(ctx *pulumi.Context, pipeline *outputs.Stack) (*sqs.Queue, error) {
	rule, err := cloudwatch.NewEventRule(ctx, "succeeded", &cloudwatch.EventRuleArgs{
		Description: pulumi.String("Runs of the pipeline that worked"),
		EventPattern: pulumi.JSONMarshal(pulumi.Map{
			"source":      pulumi.ToStringArray([]string{"aws.states"}),
			"detail-type": pulumi.ToStringArray([]string{"Step Functions Execution Status Change"}),
			"detail": pulumi.Map{
				"status":          pulumi.ToStringArray([]string{"SUCCEEDED"}),
				"stateMachineArn": pulumi.StringArray{pipeline.StateMachineArn},
			},
		}),
	})
	if err != nil {
		return nil, err
	}
	queue, err := sqs.NewQueue(ctx, "results", &sqs.QueueArgs{
		SqsManagedSseEnabled:    pulumi.Bool(true),
		MessageRetentionSeconds: pulumi.Int(14 * 24 * 3600),
	})
	if err != nil {
		return nil, err
	}
	policy, err := sqs.NewQueuePolicy(ctx, "results-policy", &sqs.QueuePolicyArgs{
		QueueUrl: queue.Url,
		Policy: pulumi.JSONMarshal(pulumi.Map{
			"Version": pulumi.String("2012-10-17"),
			"Statement": pulumi.Array{
				pulumi.Map{
					"Sid": pulumi.String("ReceiveFromRule"), "Effect": pulumi.String("Allow"),
					"Principal": pulumi.StringMap{"Service": pulumi.String("events.amazonaws.com")},
					"Action":    pulumi.String("sqs:SendMessage"), "Resource": queue.Arn,
					"Condition": pulumi.Map{"ArnEquals": pulumi.StringMap{"aws:SourceArn": rule.Arn}},
				},
				pulumi.Map{
					"Sid": pulumi.String("DenyPlainHTTP"), "Effect": pulumi.String("Deny"), "Principal": pulumi.String("*"),
					"Action": pulumi.String("sqs:*"), "Resource": queue.Arn,
					"Condition": pulumi.Map{"Bool": pulumi.StringMap{"aws:SecureTransport": pulumi.String("false")}},
				},
			},
		}),
	})
	if err != nil {
		return nil, err
	}
	_, err = cloudwatch.NewEventTarget(ctx, "succeeded-target", &cloudwatch.EventTargetArgs{
		Rule: rule.Name,
		Arn:  queue.Arn,
	}, pulumi.DependsOn([]pulumi.Resource{policy}))
	return queue, err
}

// newReader creates the role of the tasks that build reports.
func newReader(ctx *pulumi.Context, pipeline *outputs.Stack, queue *sqs.Queue) (*iam.Role, error) {
	trust := pipeline.ClusterArn.ApplyT(func(cluster string) (string, error) {
		place, err := awsarn.Parse(cluster)
		if err != nil {
			return "", fmt.Errorf("clusterArn: got %q, want an ARN", cluster)
		}
		return document(statement{
			Effect: "Allow", Principal: map[string]string{"Service": "ecs-tasks.amazonaws.com"}, Action: []string{"sts:AssumeRole"},
			Condition: map[string]any{"StringEquals": map[string]string{"aws:SourceAccount": place.AccountID}},
		})
	}).(pulumi.StringOutput)
	role, err := iam.NewRole(ctx, "reader", &iam.RoleArgs{
		Description:      pulumi.String("Builds reports of the pipeline's results"),
		AssumeRolePolicy: trust,
	})
	if err != nil {
		return nil, err
	}
	_, err = iam.NewRolePolicy(ctx, "reader-policy", &iam.RolePolicyArgs{
		Role: role.Name,
		Policy: pulumi.All(pipeline.OutputBucketName, pipeline.KMSKeyArn, pipeline.ClusterArn, queue.Arn).ApplyT(func(in []any) (string, error) {
			return readerPolicy(in[0].(string), in[1].(string), in[2].(string), in[3].(string))
		}).(pulumi.StringOutput),
	})
	return role, err
}

// readerPolicy allows to read results and to take messages; keyArn is "" where S3
// encrypts with its own keys.
func readerPolicy(bucket, keyArn, cluster, queueArn string) (string, error) {
	place, err := awsarn.Parse(cluster)
	if err != nil {
		return "", fmt.Errorf("clusterArn: got %q, want an ARN", cluster)
	}
	bucketArn := "arn:" + place.Partition + ":s3:::" + bucket
	statements := []statement{
		{Sid: "ReadResults", Effect: "Allow", Action: []string{"s3:GetObject"}, Resource: []string{bucketArn + "/processed/*"}},
		{Sid: "FindResults", Effect: "Allow", Action: []string{"s3:ListBucket"}, Resource: []string{bucketArn},
			Condition: map[string]any{"StringLike": map[string]string{"s3:prefix": "processed/*"}}},
		{Sid: "TakeMessages", Effect: "Allow", Action: []string{"sqs:DeleteMessage", "sqs:ReceiveMessage"}, Resource: []string{queueArn}},
	}
	if keyArn != "" {
		statements = append(statements, statement{Sid: "DecryptResults", Effect: "Allow", Action: []string{"kms:Decrypt"}, Resource: []string{keyArn},
			Condition: map[string]any{"StringEquals": map[string]string{"kms:ViaService": "s3." + place.Region + "." + dnsSuffix(place.Partition)}}})
	}
	return document(statements...)
}

// dnsSuffix ends the names of the services of a partition.
func dnsSuffix(partition string) string {
	if partition == "aws-cn" {
		return "amazonaws.com.cn"
	}
	return "amazonaws.com"
}

type statement struct {
	Sid       string `json:",omitempty"`
	Effect    string
	Principal any      `json:",omitempty"`
	Action    []string `json:",omitempty"`
	Resource  []string `json:",omitempty"`
	Condition any      `json:",omitempty"`
}

func document(statements ...statement) (string, error) {
	text, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": statements})
	return string(text), err
}
