package components

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// recorded is one resource that a program asked for.
type recorded struct {
	kind, name, parent string // parent is a URN
	custom             bool
	protect, retain    bool
	dependsOn          []string // URNs
	inputs             resource.PropertyMap
}

// text is an input that is a string; "" when it is not there.
func (r recorded) text(key string) string {
	v := r.inputs[resource.PropertyKey(key)]
	if v.IsSecret() { // the SDK treats every value of Parameter Store as one
		v = v.SecretValue().Element
	}
	if !v.IsString() {
		return ""
	}
	return v.StringValue()
}

// recorder answers a program as AWS would, and keeps what it asked for.
type recorder struct {
	mu        sync.Mutex
	resources []recorded
}

func (r *recorder) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	out := args.Inputs.Copy()
	set := func(key, value string) {
		if _, ok := out[resource.PropertyKey(key)]; !ok {
			out[resource.PropertyKey(key)] = resource.NewProperty(value)
		}
	}
	physical := args.Name
	if n := args.Inputs["name"]; n.IsString() {
		physical = n.StringValue()
	}
	set("name", physical)
	const account, region = "111111111111", "us-east-1"
	arn := func(service, rest string) {
		set("arn", fmt.Sprintf("arn:aws:%s:%s:%s:%s", service, region, account, rest))
	}
	switch args.TypeToken {
	case "aws:ecr/repository:Repository":
		arn("ecr", "repository/"+physical)
		set("repositoryUrl", account+".dkr.ecr."+region+".amazonaws.com/"+physical)
	case "aws:cloudtrail/trail:Trail":
		arn("cloudtrail", "trail/"+physical)
	case "aws:ecs/cluster:Cluster":
		arn("ecs", "cluster/"+physical)
	case "aws:ecs/taskDefinition:TaskDefinition":
		arn("ecs", "task-definition/"+args.Inputs["family"].StringValue()+":1")
	case "aws:cloudwatch/logGroup:LogGroup":
		arn("logs", "log-group:"+physical)
	case "aws:cloudwatch/eventRule:EventRule":
		arn("events", "rule/"+physical)
	case "aws:scheduler/scheduleGroup:ScheduleGroup":
		arn("scheduler", "schedule-group/"+physical)
	case "aws:iam/role:Role":
		set("arn", "arn:aws:iam::"+account+":role/"+physical)
	case "aws:iam/policy:Policy":
		set("arn", "arn:aws:iam::"+account+":policy/"+physical)
	case "aws:kms/key:Key":
		arn("kms", "key/"+physical)
		set("keyId", physical)
	case "aws:sfn/stateMachine:StateMachine":
		arn("states", "stateMachine:"+physical)
	case "aws:sns/topic:Topic":
		arn("sns", physical)
	case "aws:sqs/queue:Queue":
		arn("sqs", physical)
		set("url", "https://sqs."+region+".amazonaws.com/"+account+"/"+physical)
	case "awsx:ecr:Image":
		set("imageUri", out["repositoryUrl"].StringValue()+"@sha256:"+strings.Repeat("0", 64))
	}

	rpc := args.RegisterRPC
	r.mu.Lock()
	defer r.mu.Unlock()
	r.resources = append(r.resources, recorded{
		kind: args.TypeToken, name: args.Name, parent: rpc.GetParent(), custom: args.Custom,
		protect: rpc.GetProtect(), retain: rpc.GetRetainOnDelete(), dependsOn: rpc.GetDependencies(), inputs: args.Inputs,
	})
	return args.Name + "-id", out, nil
}

func (r *recorder) Call(args pulumi.MockCallArgs) (resource.PropertyMap, error) {
	if args.Token == "aws:index/getAvailabilityZones:getAvailabilityZones" {
		return resource.NewPropertyMapFromMap(map[string]any{"names": []any{"us-east-1a", "us-east-1b", "us-east-1c"}}), nil
	}
	if args.Token == "aws:ec2/getSubnet:getSubnet" { // the last digit of a subnet is that of its VPC
		id := args.Args["id"].StringValue()
		return resource.NewPropertyMapFromMap(map[string]any{"id": id, "vpcId": "vpc-0123456" + id[len(id)-1:]}), nil
	}
	return nil, fmt.Errorf("unexpected call of %s", args.Token)
}

// one is the only resource with the name.
func (r *recorder) one(t *testing.T, name string) recorded {
	t.Helper()
	var found []recorded
	for _, res := range r.resources {
		if res.name == name {
			found = append(found, res)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d resources are called %q, want 1", len(found), name)
	}
	return found[0]
}

// record runs a program and returns what it asked for.
func record(t *testing.T, program pulumi.RunFunc) *recorder {
	t.Helper()
	r := &recorder{}
	if err := pulumi.RunErr(program, pulumi.WithMocks("ds-pipeline", "test", r)); err != nil {
		t.Fatal(err)
	}
	return r
}

func key(name string) resource.PropertyKey { return resource.PropertyKey(name) }
