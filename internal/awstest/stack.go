package awstest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	cwltypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ebtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"

	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// What the task definition refers to.
const (
	Cluster        = "arn:aws:ecs:" + Region + ":" + Account + ":cluster/ds-processing-cluster"
	TaskDefinition = "arn:aws:ecs:" + Region + ":" + Account + ":task-definition/ds-preprocessing:7"
	ImageDigest    = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	oneDigest      = "sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc" // in an index
	configDigest   = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	layerPath      = "/layers/" // where layers are downloaded from
)

// roleArn is one of the stack's roles: task, execution, machine or schedule.
func roleArn(name string) string { return "arn:aws:iam::" + Account + ":role/" + name }

// Stack is what the doctor looks at. The zero value of each field is what is
// right.
type Stack struct {
	Definition   string // of the state machine
	NoCluster    bool
	Container    string // definition of the container, as the stack makes it
	NoImage      bool
	Architecture string   // of the image; "" is amd64
	ImageIndex   bool     // the image is an index of several platforms
	Python       bool     // is in the image, by its environment
	Denied       []string // "role action"
	NoLogGroup   bool
	OtherTarget  bool // the rule starts something else

	NoSubnets bool
	Routes    []ec2types.Route // nil is one to an internet gateway
	Endpoints []string         // services
}

func describeStateMachine(s *Server, in *sfn.DescribeStateMachineInput) (*sfn.DescribeStateMachineOutput, error) {
	if aws.ToString(in.StateMachineArn) != Machine {
		return nil, &sfntypes.StateMachineDoesNotExist{Message: in.StateMachineArn}
	}
	return &sfn.DescribeStateMachineOutput{StateMachineArn: in.StateMachineArn, Name: aws.String(Pipeline), Status: sfntypes.StateMachineStatusActive,
		Definition: &s.Stack.Definition, RoleArn: aws.String(roleArn("machine")), Type: sfntypes.StateMachineTypeStandard, CreationDate: now()}, nil
}

func describeClusters(s *Server, in *ecs.DescribeClustersInput) (*ecs.DescribeClustersOutput, error) {
	if s.Stack.NoCluster || !slices.Equal(in.Clusters, []string{Cluster}) {
		return &ecs.DescribeClustersOutput{Failures: []ecstypes.Failure{{Arn: aws.String(Cluster), Reason: aws.String("MISSING")}}}, nil
	}
	return &ecs.DescribeClustersOutput{Clusters: []ecstypes.Cluster{{ClusterArn: aws.String(Cluster), ClusterName: aws.String("ds-processing-cluster"), Status: aws.String("ACTIVE")}}}, nil
}

func describeTaskDefinition(s *Server, in *ecs.DescribeTaskDefinitionInput) (*ecs.DescribeTaskDefinitionOutput, error) {
	if aws.ToString(in.TaskDefinition) != TaskDefinition {
		return nil, &ecstypes.ClientException{Message: aws.String("Unable to describe task definition.")}
	}
	var containers []ecstypes.ContainerDefinition
	if err := json.Unmarshal([]byte(s.Stack.Container), &containers); err != nil {
		return nil, err
	}
	return &ecs.DescribeTaskDefinitionOutput{TaskDefinition: &ecstypes.TaskDefinition{
		TaskDefinitionArn: aws.String(TaskDefinition), Family: aws.String("ds-preprocessing"), Revision: 7, Status: ecstypes.TaskDefinitionStatusActive,
		Cpu: aws.String("2048"), Memory: aws.String("4096"), TaskRoleArn: aws.String(roleArn("task")), ExecutionRoleArn: aws.String(roleArn("execution")),
		RuntimePlatform:      &ecstypes.RuntimePlatform{CpuArchitecture: ecstypes.CPUArchitectureX8664, OperatingSystemFamily: ecstypes.OSFamilyLinux},
		ContainerDefinitions: containers,
	}}, nil
}

func batchGetImage(s *Server, in *ecr.BatchGetImageInput) (*ecr.BatchGetImageOutput, error) {
	if aws.ToString(in.RepositoryName) != "ds-preprocessing" {
		return nil, &ecrtypes.RepositoryNotFoundException{Message: in.RepositoryName}
	}
	digest := ""
	if len(in.ImageIds) == 1 {
		digest = aws.ToString(in.ImageIds[0].ImageDigest)
	}
	if s.Stack.NoImage || digest != ImageDigest && digest != oneDigest {
		return &ecr.BatchGetImageOutput{Failures: []ecrtypes.ImageFailure{{FailureCode: ecrtypes.ImageFailureCodeImageNotFound, FailureReason: aws.String("Requested image not found")}}}, nil
	}
	manifest := `{"schemaVersion":2,"config":{"digest":"` + configDigest + `"},"layers":[]}`
	if s.Stack.ImageIndex && digest == ImageDigest {
		manifest = `{"schemaVersion":2,"manifests":[{"digest":"` + oneDigest + `","platform":{"os":"linux","architecture":"` + s.architecture() + `"}},{"platform":{"os":"unknown","architecture":"unknown"}}]}`
	}
	return &ecr.BatchGetImageOutput{Images: []ecrtypes.Image{{RepositoryName: in.RepositoryName, ImageId: &in.ImageIds[0], ImageManifest: &manifest}}}, nil
}

func (s *Server) architecture() string {
	if s.Stack.Architecture == "" {
		return "amd64"
	}
	return s.Stack.Architecture
}

func getDownloadURL(s *Server, in *ecr.GetDownloadUrlForLayerInput) (*ecr.GetDownloadUrlForLayerOutput, error) {
	return &ecr.GetDownloadUrlForLayerOutput{LayerDigest: in.LayerDigest, DownloadUrl: aws.String(s.URL + layerPath + aws.ToString(in.LayerDigest))}, nil
}

// serveLayer is where layers are downloaded from: the configuration of the image.
func (s *Server) serveLayer(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != layerPath+configDigest {
		http.NotFound(w, r)
		return
	}
	env := []string{"PATH=/usr/bin"}
	if s.Stack.Python {
		env = append(env, "DS_PYTHON=/usr/bin/python3")
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"os": "linux", "architecture": s.architecture(), "config": map[string]any{"Env": env}})
}

func describeLogGroups(s *Server, in *cloudwatchlogs.DescribeLogGroupsInput) (*cloudwatchlogs.DescribeLogGroupsOutput, error) {
	var all []cwltypes.LogGroup
	for _, name := range []string{LogGroup, LogGroup + "-other"} {
		if strings.HasPrefix(name, aws.ToString(in.LogGroupNamePrefix)) && (name != LogGroup || !s.Stack.NoLogGroup) {
			all = append(all, cwltypes.LogGroup{LogGroupName: aws.String(name), RetentionInDays: aws.Int32(14)})
		}
	}
	out := &cloudwatchlogs.DescribeLogGroupsOutput{}
	out.LogGroups, out.NextToken = page(s, all, in.NextToken, 0)
	return out, nil
}

func listTargetsByRule(s *Server, in *eventbridge.ListTargetsByRuleInput) (*eventbridge.ListTargetsByRuleOutput, error) {
	if aws.ToString(in.Rule) != Rule {
		return nil, &ebtypes.ResourceNotFoundException{Message: in.Rule}
	}
	arn := Machine
	if s.Stack.OtherTarget {
		arn += "-other"
	}
	return &eventbridge.ListTargetsByRuleOutput{Targets: []ebtypes.Target{{Id: aws.String("t"), Arn: &arn, RoleArn: aws.String(roleArn("schedule"))}}}, nil
}

func receiveMessage(s *Server, in *sqs.ReceiveMessageInput) (*sqs.ReceiveMessageOutput, error) {
	if aws.ToString(in.QueueUrl) != s.queueURL() {
		return nil, &sqstypes.QueueDoesNotExist{Message: in.QueueUrl}
	}
	out := &sqs.ReceiveMessageOutput{}
	for i, body := range s.DeadLetters {
		if i < int(in.MaxNumberOfMessages) {
			out.Messages = append(out.Messages, sqstypes.Message{MessageId: aws.String(fmt.Sprint(i)), Body: aws.String(body), MessageAttributes: map[string]sqstypes.MessageAttributeValue{
				"ERROR_CODE": {DataType: aws.String("String"), StringValue: aws.String("NO_PERMISSIONS")},
			}})
		}
	}
	return out, nil
}

// underCondition are requests of the machine that its policy allows only with a key
// of the context that has this value.
var underCondition = map[string][2]string{
	"ecs:DescribeTasks": {"ecs:cluster", Cluster},
	"ecs:RunTask":       {"ecs:cluster", Cluster},
	"ecs:StopTask":      {"ecs:cluster", Cluster},
	"ecs:TagResource":   {"ecs:CreateAction", "RunTask"},
	"iam:PassRole":      {"iam:PassedToService", "ecs-tasks.amazonaws.com"},
}

// answerIAM simulates policies that allow everything but what Stack.Denied lists,
// and what is under a condition that the request does not meet.
func answerIAM(s *Server, operation string, _ []byte, form url.Values, _ *http.Request) (any, error) {
	if operation != "SimulatePrincipalPolicy" {
		return nil, fmt.Errorf("%s of IAM is not modeled", operation)
	}
	in := &iam.SimulatePrincipalPolicyInput{}
	if err := decodeQuery(form, in, nil); err != nil {
		return nil, err
	}
	role := strings.TrimPrefix(aws.ToString(in.PolicySourceArn), roleArn(""))
	if !slices.Contains([]string{"task", "execution", "machine", "schedule"}, role) {
		return nil, &iamtypes.NoSuchEntityException{Message: aws.String("The role " + role + " cannot be found.")}
	}
	known := map[string]string{}
	for _, entry := range in.ContextEntries {
		known[aws.ToString(entry.ContextKeyName)] = strings.Join(entry.ContextKeyValues, " ")
	}
	var all []iamtypes.EvaluationResult
	for _, action := range in.ActionNames {
		condition, bound := underCondition[action]
		for _, resource := range in.ResourceArns {
			decision := iamtypes.PolicyEvaluationDecisionTypeAllowed
			if slices.Contains(s.Stack.Denied, role+" "+action) || bound && known[condition[0]] != condition[1] {
				decision = iamtypes.PolicyEvaluationDecisionTypeImplicitDeny
			}
			all = append(all, iamtypes.EvaluationResult{EvalActionName: &action, EvalResourceName: &resource, EvalDecision: decision})
		}
	}
	out := &iam.SimulatePrincipalPolicyOutput{}
	out.EvaluationResults, out.Marker = page(s, all, in.Marker, 3)
	out.IsTruncated = out.Marker != nil
	return out, nil
}

// ec2Lists are the names of lists in the answers of EC2.
var ec2Lists = map[string]string{
	"Subnets": "subnetSet", "RouteTables": "routeTableSet", "Routes": "routeSet", "Associations": "associationSet",
	"VpcEndpoints": "vpcEndpointSet", "RouteTableIds": "routeTableIdSet",
}

const vpcID = "vpc-1"

// answerEC2 describes two subnets in one VPC, of which the second has the main
// route table.
func answerEC2(s *Server, operation string, _ []byte, form url.Values, _ *http.Request) (any, error) {
	if operation != "DescribeSubnets" && (form.Get("Filter.1.Name") != "vpc-id" || form.Get("Filter.1.Value.1") != vpcID) {
		return nil, fmt.Errorf("filter %v is not modeled", form)
	}
	switch operation {
	case "DescribeSubnets":
		var subnets []ec2types.Subnet
		for n := 1; form.Has(fmt.Sprintf("SubnetId.%d", n)); n++ {
			id := form.Get(fmt.Sprintf("SubnetId.%d", n))
			if s.Stack.NoSubnets || id != "subnet-1" && id != "subnet-2" {
				return nil, &smithy.GenericAPIError{Code: "InvalidSubnetID.NotFound", Message: "The subnet ID '" + id + "' does not exist"}
			}
			subnets = append(subnets, ec2types.Subnet{SubnetId: &id, VpcId: aws.String(vpcID), AvailabilityZone: aws.String(Region + id[len(id)-1:]), AvailableIpAddressCount: aws.Int32(200)})
		}
		var token *string
		if form.Has("NextToken") {
			token = aws.String(form.Get("NextToken"))
		}
		out := struct {
			Subnets   []ec2types.Subnet
			NextToken *string
		}{}
		out.Subnets, out.NextToken = page(s, subnets, token, 1)
		return &out, nil
	case "DescribeRouteTables":
		routes := s.Stack.Routes
		if routes == nil {
			routes = []ec2types.Route{{DestinationCidrBlock: aws.String("0.0.0.0/0"), GatewayId: aws.String("igw-1"), State: ec2types.RouteStateActive}}
		}
		routes = append([]ec2types.Route{{DestinationCidrBlock: aws.String("10.0.0.0/24"), GatewayId: aws.String("local"), State: ec2types.RouteStateActive}}, routes...)
		return &struct{ RouteTables []ec2types.RouteTable }{[]ec2types.RouteTable{
			{RouteTableId: aws.String("rtb-1"), VpcId: aws.String(vpcID), Routes: routes, Associations: []ec2types.RouteTableAssociation{{SubnetId: aws.String("subnet-1"), Main: aws.Bool(false)}}},
			{RouteTableId: aws.String("rtb-main"), VpcId: aws.String(vpcID), Routes: routes, Associations: []ec2types.RouteTableAssociation{{Main: aws.Bool(true)}}},
		}}, nil
	case "DescribeVpcEndpoints":
		var endpoints []ec2types.VpcEndpoint
		for _, service := range s.Stack.Endpoints {
			endpoints = append(endpoints, ec2types.VpcEndpoint{ServiceName: aws.String("com.amazonaws." + Region + "." + service), VpcId: aws.String(vpcID), State: ec2types.StateAvailable})
		}
		return &struct{ VpcEndpoints []ec2types.VpcEndpoint }{endpoints}, nil
	}
	return nil, fmt.Errorf("%s of EC2 is not modeled", operation)
}
