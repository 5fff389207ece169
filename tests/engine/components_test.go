package engine_test

import (
	"strings"
	"testing"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"ds-pipeline/components"
	"ds-pipeline/internal/simcloud"
	"ds-pipeline/internal/simcloud/simtest"
)

var place = components.Place{AccountID: simcloud.DefaultAccount, Region: "us-east-1"}

// system makes one of each component; suffix ends every physical name.
func system(ctx *pulumi.Context, name, suffix, cidr string, opts ...pulumi.ResourceOption) error {
	data, err := components.NewDataBuckets(ctx, name+"-data", &components.DataBucketsArgs{
		Place: place, Environment: "test", Suffix: suffix, KeepVersionsDays: 30,
	}, opts...)
	if err != nil {
		return err
	}
	processing, err := components.NewProcessingCluster(ctx, name+"-processing", &components.ProcessingClusterArgs{
		Environment:    "dev",
		Place:          place,
		RepositoryName: "repository" + suffix, ClusterName: "cluster" + suffix, TaskFamily: "family" + suffix, LogGroupName: "/ecs/job" + suffix,
		TaskCPU: 1024, TaskMemoryMiB: 2048, TaskStorageGiB: 20, Architecture: components.ARM64,
		LogRetentionDays: 30, BuildContext: root, KeepImages: 3, ForceDestroyImages: true, Network: components.Network{Mode: components.NetworkPublic, CIDR: cidr},
		ParameterPrefix: "/job" + suffix + "/", InputKey: "in.csv", ModelKey: "model.pkl",
		InputBucketName: data.InputBucketName, OutputBucketName: data.OutputBucketName, ArtifactBucketName: data.ArtifactBucketName,
	}, opts...)
	if err != nil {
		return err
	}
	pipeline, err := components.NewPipeline(ctx, name+"-pipeline", &components.PipelineArgs{
		Place: place, StateMachineName: "machine" + suffix, LogRetentionDays: 30, TaskTimeoutMinutes: 60, Attempts: 3,
		NotificationEmail: "someone@example.org", InputBucketName: data.InputBucketName, ParameterPrefix: "/job" + suffix + "/", OutputBucketName: data.OutputBucketName,
		ClusterArn: processing.ClusterArn, ClusterName: processing.ClusterName,
		TaskDefinitionArn: processing.TaskDefinitionArn, TaskFamily: processing.TaskFamily,
		TaskRoleArn: processing.TaskRoleArn, ExecutionRoleArn: processing.ExecutionRoleArn, TaskLogGroupName: processing.LogGroupName,
		SubnetIDs: processing.SubnetIDs, SecurityGroupID: processing.SecurityGroupID, AssignPublicIP: processing.AssignPublicIP,
	}, opts...)
	if err != nil {
		return err
	}
	schedule, err := components.NewSchedule(ctx, name+"-schedule", &components.ScheduleArgs{
		Place: place, Expression: "rate(1 day)", Enabled: true, StateMachineArn: pipeline.StateMachineArn,
	}, opts...)
	if err != nil {
		return err
	}
	_, err = components.NewMonitoring(ctx, name+"-monitoring", &components.MonitoringArgs{
		Environment: "dev", WatchArn: pipeline.StateMachineArn,
		Place: place, DashboardName: "dashboard" + suffix, NotificationEmail: "someone@example.org",
		StateMachineArn: pipeline.StateMachineArn, RuleName: schedule.RuleName,
		DeadLetterQueueName: schedule.DeadLetterQueueName, TopicName: pipeline.TopicName,
		WatchRuleName: schedule.RuleName, WatchEndedRuleName: schedule.RuleName, WatchDeadLetterQueueName: schedule.DeadLetterQueueName,
	}, opts...)
	return err
}

func TestComponents_twoOfEachLiveInOneProgram(t *testing.T) {
	t.Parallel()
	s := simtest.Program(t, func(ctx *pulumi.Context) error {
		if err := system(ctx, "first", "-1", "10.0.0.0/24"); err != nil {
			return err
		}
		return system(ctx, "second", "-2", "10.0.1.0/24")
	})
	deployed := s.Up()
	count := map[string]int{}
	for _, r := range deployed.Resources {
		for _, owner := range []string{"first", "second"} {
			if strings.HasPrefix(r.URN.Name(), owner+"-") {
				count[owner]++
			}
		}
	}
	if count["first"] == 0 || count["first"] != count["second"] {
		t.Errorf("got %v resources, want as many of each", count)
	}
	s.Settled()
	s.Destroy()
}

func TestComponents_childrenBelongToThem(t *testing.T) {
	t.Parallel()
	s := simtest.Program(t, func(ctx *pulumi.Context) error { return system(ctx, "only", "", "10.0.0.0/24") })
	deployed := s.Up()
	owners := map[string]string{}
	for _, r := range deployed.Resources {
		if strings.HasPrefix(string(r.Type), "ds-pipeline:components:") {
			owners[string(r.URN)] = r.URN.Name()
			if len(r.Outputs) == 0 {
				t.Errorf("%s registers no outputs", r.URN)
			}
		}
	}
	if len(owners) != 5 {
		t.Errorf("got components %v, want five", owners)
	}
	for _, r := range deployed.Resources {
		if !strings.HasPrefix(string(r.Type), "aws:") {
			continue
		}
		owner, ok := owners[string(r.Parent)]
		if !ok || !strings.HasPrefix(r.URN.Name(), owner) {
			t.Errorf("%s belongs to %s; want a component whose name it begins with", r.URN.Name(), r.Parent)
		}
	}
}

// The caller's provider reaches every child: with the default ones disabled
// nothing falls back to them.
func TestComponents_useTheProviderTheyAreGiven(t *testing.T) {
	t.Parallel()
	s := simtest.Program(t, func(ctx *pulumi.Context) error {
		provider, err := aws.NewProvider(ctx, "elsewhere", &aws.ProviderArgs{Region: pulumi.String("us-east-1")})
		if err != nil {
			return err
		}
		return system(ctx, "only", "", "10.0.0.0/24", pulumi.Providers(provider))
	})
	s.Set("pulumi:disable-default-providers", `["aws"]`)
	deployed := s.Up()
	for _, r := range deployed.Resources {
		if strings.HasPrefix(string(r.Type), "aws:") && !strings.Contains(r.Provider, "::elsewhere::") {
			t.Errorf("%s: got provider %s, want the one given", r.URN.Name(), r.Provider)
		}
	}
}
