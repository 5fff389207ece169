package components

import (
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

func recordPipeline(t *testing.T, spoil func(*PipelineArgs)) *recorder {
	t.Helper()
	return record(t, func(ctx *pulumi.Context) error {
		args := validPipeline("")
		if spoil != nil {
			spoil(args)
		}
		_, err := NewPipeline(ctx, "pipeline", args)
		return err
	})
}

func TestPipeline_policiesAreTheReviewedOnes(t *testing.T) {
	r := recordPipeline(t, nil)
	golden(t, "policy-machine", r.one(t, "pipeline-role-policy").text("policy"))
	golden(t, "trust-machine", r.one(t, "pipeline-role").text("assumeRolePolicy"))
	golden(t, "policy-topic", r.one(t, "pipeline-topic-policy").text("policy"))
}

func TestPipeline_machineLogsTracesAndWaitsForItsRole(t *testing.T) {
	r := recordPipeline(t, nil)
	machine := r.one(t, "pipeline-machine")
	logging := machine.inputs["loggingConfiguration"].ObjectValue()
	if logging["level"].StringValue() != "ALL" || !logging["includeExecutionData"].BoolValue() {
		t.Errorf("logging %v", logging)
	}
	const destination = "arn:aws:logs:us-east-1:111111111111:log-group:/aws/vendedlogs/states/ds-preprocessing-pipeline:*"
	if got := logging["logDestination"].StringValue(); got != destination {
		t.Errorf("logs go to %s, want %s", got, destination)
	}
	if !machine.inputs["tracingConfiguration"].ObjectValue()["enabled"].BoolValue() {
		t.Error("no tracing")
	}
	if !slices.ContainsFunc(machine.dependsOn, func(urn string) bool { return strings.HasSuffix(urn, "::pipeline-role-policy") }) {
		t.Errorf("waits for %v", machine.dependsOn)
	}
}

func TestPipeline_topicIsEncryptedAndMailsOnlyWhoIsConfigured(t *testing.T) {
	for _, email := range []string{"", "team@example.com"} {
		r := recordPipeline(t, func(a *PipelineArgs) { a.NotificationEmail = email })
		if r.one(t, "pipeline-topic").text("kmsMasterKeyId") == "" {
			t.Error("the topic is not encrypted")
		}
		var endpoints []string
		for _, res := range r.resources {
			if res.kind == "aws:sns/topicSubscription:TopicSubscription" {
				endpoints = append(endpoints, res.text("endpoint"))
			}
		}
		if got := strings.Join(endpoints, ","); got != email {
			t.Errorf("got subscriptions of %q, want %q", got, email)
		}
	}
}

func TestPipeline_machineNamesWhatItIsGiven(t *testing.T) {
	r := recordPipeline(t, func(a *PipelineArgs) {
		a.ClusterArn, a.TaskDefinitionArn, a.TaskLogGroupName = pulumi.String("the-cluster"), pulumi.String("the-task"), pulumi.String("the-logs")
		a.SecurityGroupID, a.SubnetIDs = pulumi.String("the-group"), pulumi.StringArray{pulumi.String("a-subnet"), pulumi.String("b-subnet")}
		a.InputBucketName, a.OutputBucketName = pulumi.String("the-input"), pulumi.String("the-output")
	})
	definition := r.one(t, "pipeline-machine").text("definition")
	for _, want := range []string{
		`"Cluster":"the-cluster"`, `"TaskDefinition":"the-task"`, `"LogGroupName":"the-logs"`, `"SecurityGroups":["the-group"]`, `"Subnets":["a-subnet","b-subnet"]`,
		`"Bucket":"the-input"`, `the-output`, `"TableName":"pipeline-runs"`, `"TopicArn":"arn:aws:sns:us-east-1:111111111111:pipeline-topic"`, `"AssignPublicIp":"ENABLED"`,
	} {
		if !strings.Contains(definition, want) {
			t.Errorf("the machine does not name %s", want)
		}
	}
}
