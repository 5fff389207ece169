package simcloud_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"ds-pipeline/internal/simcloud"
	"ds-pipeline/internal/simcloud/simtest"
)

const (
	bucketType     = "aws:s3/bucketV2:BucketV2"
	bucketPolicy   = "aws:s3/bucketPolicy:BucketPolicy"
	publicBlock    = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
	versioningType = "aws:s3/bucketVersioningV2:BucketVersioningV2"
	roleType       = "aws:iam/role:Role"
	rolePolicyType = "aws:iam/rolePolicy:RolePolicy"
	repositoryType = "aws:ecr/repository:Repository"
	queueType      = "aws:sqs/queue:Queue"
	logGroupType   = "aws:cloudwatch/logGroup:LogGroup"
	parameterType  = "aws:ssm/parameter:Parameter"
	taskType       = "aws:ecs/taskDefinition:TaskDefinition"
	vpcType        = "aws:ec2/vpc:Vpc"
	subnetType     = "aws:ec2/subnet:Subnet"
	imageType      = "docker-build:index:Image"
)

// res is one resource of a test's program.
type res struct {
	typ, name string
	props     pulumi.Map
	after     []string // names of resources to wait for
	opts      []pulumi.ResourceOption
}

// program makes resources in order.
func program(resources ...res) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		made := map[string]pulumi.Resource{}
		for _, r := range resources {
			opts := slices.Clone(r.opts)
			for _, name := range r.after {
				opts = append(opts, pulumi.DependsOn([]pulumi.Resource{made[name]}))
			}
			var custom pulumi.CustomResourceState
			if err := ctx.RegisterResource(r.typ, r.name, r.props, &custom, opts...); err != nil {
				return err
			}
			made[r.name] = &custom
		}
		return nil
	}
}

func str(s string) pulumi.String { return pulumi.String(s) }

func TestAutoNaming_isStableUniqueAndWithinLimits(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("Long", 30)
	run := func() *simtest.Scenario {
		s := simtest.Program(t, program(
			res{typ: bucketType, name: "Data"},
			res{typ: queueType, name: "jobs", props: pulumi.Map{"fifoQueue": pulumi.Bool(true)}},
			res{typ: queueType, name: long},
			res{typ: logGroupType, name: "logs", props: pulumi.Map{"namePrefix": str("/job/")}},
		))
		s.Up()
		return s
	}
	first, second := run(), run()
	for _, typ := range []string{bucketType, queueType, logGroupType} {
		if a, b := first.Cloud.IDs(typ), second.Cloud.IDs(typ); !slices.Equal(a, b) {
			t.Errorf("got names %v, then %v, want the same in every plan", a, b)
		}
	}
	if got := first.Cloud.IDs(bucketType)[0]; !regexp.MustCompile(`^data-[0-9a-f]{7}$`).MatchString(got) {
		t.Errorf("got bucket %q, want data- and seven digits", got)
	}
	for _, url := range first.Cloud.IDs(queueType) {
		name := url[strings.LastIndex(url, "/")+1:]
		if len(name) > 80 || strings.HasPrefix(name, "jobs") != strings.HasSuffix(name, ".fifo") {
			t.Errorf("got queue %q, want at most 80 characters, and .fifo on jobs alone", name)
		}
	}
	if got := first.Cloud.IDs(logGroupType)[0]; !strings.HasPrefix(got, "/job/") {
		t.Errorf("got log group %q, want the prefix given", got)
	}
	first.Settled()
}

func TestAutoNaming_givesAReplacementAnotherName(t *testing.T) {
	t.Parallel()
	locked := false
	s := simtest.Program(t, func(ctx *pulumi.Context) error {
		return program(res{typ: bucketType, name: "data", props: pulumi.Map{"objectLockEnabled": pulumi.Bool(locked)}})(ctx)
	})
	s.Up()
	before := s.Cloud.IDs(bucketType)
	locked = true
	changed := s.Up().Changes()
	if changed["create-replacement"] != 1 || changed["delete-replaced"] != 1 {
		t.Errorf("got %v, want a replacement", changed)
	}
	if after := s.Cloud.IDs(bucketType); len(after) != 1 || after[0] == before[0] {
		t.Errorf("got buckets %v after %v, want one of another name", after, before)
	}
}

func TestReplacement_ofANamedResourceDeletesFirst(t *testing.T) {
	t.Parallel()
	class := "STANDARD"
	s := simtest.Program(t, func(ctx *pulumi.Context) error {
		return program(res{typ: logGroupType, name: "logs", props: pulumi.Map{"name": str("/job"), "logGroupClass": str(class)}})(ctx)
	})
	s.Up()
	class = "INFREQUENT_ACCESS"
	s.Up() // creating first would collide with the name
	s.Settled()
}

func TestNames_belongToOneResource(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		a, b res
		want string
	}{
		{"bucket", res{typ: bucketType, name: "a", props: pulumi.Map{"bucket": str("same")}}, res{typ: bucketType, name: "b", props: pulumi.Map{"bucket": str("same")}}, `the bucket "same" exists already`},
		{"queue", res{typ: queueType, name: "a", props: pulumi.Map{"name": str("same")}}, res{typ: queueType, name: "b", props: pulumi.Map{"name": str("same")}}, `QueueAlreadyExists: the name "same" exists already`},
		{"parameter", res{typ: parameterType, name: "a", props: pulumi.Map{"name": str("/x"), "type": str("String"), "value": str("1")}}, res{typ: parameterType, name: "b", props: pulumi.Map{"name": str("/x"), "type": str("String"), "value": str("1")}}, "ParameterAlreadyExists"},
		{"repository", res{typ: repositoryType, name: "a", props: pulumi.Map{"name": str("same")}}, res{typ: repositoryType, name: "b", props: pulumi.Map{"name": str("same")}}, "RepositoryAlreadyExistsException"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.b.after = []string{"a"}
			simtest.Program(t, program(tt.a, tt.b)).UpFails(tt.b.typ+" b: ", tt.want)
		})
	}
}

func TestSettings_existOncePerBucket(t *testing.T) {
	t.Parallel()
	lifecycle := func(id string) pulumi.Map {
		return pulumi.Map{"bucket": str("data"), "rules": pulumi.Array{pulumi.Map{
			"id": str(id), "status": str("Enabled"), "expiration": pulumi.Map{"days": pulumi.Int(1)},
		}}}
	}
	const typ = "aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2"
	s := simtest.Program(t, program(
		res{typ: bucketType, name: "data", props: pulumi.Map{"bucket": str("data")}},
		res{typ: typ, name: "one", props: lifecycle("a"), after: []string{"data"}},
		res{typ: typ, name: "two", props: lifecycle("b"), after: []string{"one"}},
	))
	s.UpFails(typ+" two: ", "there is one per bucket", "::one made it already")
}

func TestParents_haveToExist(t *testing.T) {
	t.Parallel()
	s := simtest.Program(t, program(
		res{typ: versioningType, name: "v", props: pulumi.Map{"bucket": str("nowhere"), "versioningConfiguration": pulumi.Map{"status": str("Enabled")}}},
		res{typ: rolePolicyType, name: "p", props: pulumi.Map{"role": str("nobody"), "policy": str(`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}`)}},
	))
	s.UpFails(versioningType+" v: ", `bucket: "nowhere" does not exist`, `role: "nobody" does not exist`)
}

func policyFor(bucket, principal string) pulumi.String {
	return str(fmt.Sprintf(`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::%s/*", "Principal": %s}]}`, bucket, principal))
}

func TestBucketPolicy_isAboutItsBucket(t *testing.T) {
	t.Parallel()
	s := simtest.Program(t, program(
		res{typ: bucketType, name: "data", props: pulumi.Map{"bucket": str("data")}},
		res{typ: bucketPolicy, name: "policy", props: pulumi.Map{"bucket": str("data"), "policy": policyFor("other", `"*"`)}, after: []string{"data"}},
	))
	s.UpFails(bucketPolicy+" policy: ", "policy.Statement[0].Resource", `got "arn:aws:s3:::other/*", want arn:aws:s3:::data`)
}

func TestBucketPolicy_mayNotBePublicWherePublicAccessIsBlocked(t *testing.T) {
	t.Parallel()
	resources := func(principal string) pulumi.RunFunc {
		return program(
			res{typ: bucketType, name: "data", props: pulumi.Map{"bucket": str("data")}},
			res{typ: publicBlock, name: "block", props: pulumi.Map{"bucket": str("data"), "blockPublicPolicy": pulumi.Bool(true)}, after: []string{"data"}},
			res{typ: bucketPolicy, name: "policy", props: pulumi.Map{"bucket": str("data"), "policy": policyFor("data", principal)}, after: []string{"block"}},
		)
	}
	simtest.Program(t, resources(`"*"`)).UpFails("AccessDenied", "::block sets blockPublicPolicy")
	simtest.Program(t, resources(`{"AWS": "123456789012"}`)).Up()
}

// S3 refuses two changes of a bucket's access settings that arrive together.
func TestBucketSettings_areChangedOneAfterTheOther(t *testing.T) {
	t.Parallel()
	resources := func(policyAfter string) pulumi.RunFunc {
		return program(
			res{typ: bucketType, name: "data", props: pulumi.Map{"bucket": str("data")}},
			res{typ: publicBlock, name: "block", props: pulumi.Map{"bucket": str("data")}, after: []string{"data"}},
			res{typ: bucketPolicy, name: "policy", props: pulumi.Map{"bucket": str("data"), "policy": policyFor("data", `"*"`)}, after: []string{policyAfter}},
		)
	}
	simtest.Program(t, resources("block")).Up()
	// Whether two requests meet is a matter of time, there as here.
	for range 20 {
		s := simtest.Program(t, resources("data"))
		if _, err := s.Stack.Up(t.Context()); err != nil {
			if !strings.Contains(err.Error(), "OperationAborted: a conflicting conditional operation is currently in progress") {
				t.Errorf("got error %v, want the conflict named", err)
			}
			return
		}
	}
	t.Error("20 deployments of two settings at once met no conflict, want one")
}

// Step Functions looks at the role's permissions the moment a machine that
// logs is created, so a missing dependency is an error that comes and goes.
func TestStateMachine_thatLogsNeedsItsPolicyFirst(t *testing.T) {
	t.Parallel()
	logs := str(`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "logs:*LogDelivery", "Resource": "*"}]}`)
	tests := []struct {
		name   string
		policy pulumi.String
		order  []string // what is made after the role
		fits   bool
	}{
		{"policy first", logs, []string{"policy", "machine"}, true},
		{"machine first", logs, []string{"machine", "policy"}, false},
		{"another permission", str(`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}`), []string{"policy", "machine"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			all := map[string]res{
				"policy": {typ: rolePolicyType, name: "policy", props: pulumi.Map{"role": str("r"), "name": str("p"), "policy": tt.policy}},
				"machine": {typ: "aws:sfn/stateMachine:StateMachine", name: "machine", props: pulumi.Map{
					"roleArn": str("arn:aws:iam::123456789012:role/r"), "definition": str(`{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}`),
					"loggingConfiguration": pulumi.Map{"level": str("ALL"), "logDestination": str("arn:aws:logs:us-east-1:123456789012:log-group:g:*")},
				}},
			}
			first, second := all[tt.order[0]], all[tt.order[1]]
			first.after, second.after = []string{"role"}, []string{first.name}
			s := simtest.Program(t, program(res{typ: roleType, name: "role", props: pulumi.Map{"name": str("r"), "assumeRolePolicy": str(`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "states.amazonaws.com"}}]}`)}}, first, second))
			if tt.fits {
				s.Up()
			} else {
				s.UpFails("StateMachine machine: ", "not authorized to access the Log Destination")
			}
		})
	}
}

func TestDeletion_waitsForWhatNeedsTheResource(t *testing.T) {
	t.Parallel()
	trust := str(`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ecs-tasks.amazonaws.com"}}]}`)
	s := simtest.Program(t, program(
		res{typ: roleType, name: "role", props: pulumi.Map{"name": str("r"), "assumeRolePolicy": trust}},
		// Nothing tells the engine that the policy needs the role but its name.
		res{typ: rolePolicyType, name: "policy", after: []string{"role"}, props: pulumi.Map{"role": str("r"), "name": str("p"), "policy": str(`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}`)}},
	))
	s.Up()
	s.Destroy() // in the right order, because the program says so
	if n := s.Cloud.Count(); n != 0 {
		t.Errorf("got %d resources left, want none", n)
	}

	retained := pulumi.RetainOnDelete(true)
	s = simtest.Program(t, program(
		res{typ: roleType, name: "role", props: pulumi.Map{"name": str("r"), "assumeRolePolicy": trust}},
		res{typ: rolePolicyType, name: "policy", after: []string{"role"}, opts: []pulumi.ResourceOption{retained}, props: pulumi.Map{"role": str("r"), "name": str("p"), "policy": str(`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}`)}},
	))
	s.Up()
	s.DestroyFails("DeleteConflict", "::policy still needs it")
}

func TestDeletion_ofABucketThatHoldsObjects(t *testing.T) {
	t.Parallel()
	for _, force := range []bool{false, true} {
		s := simtest.Program(t, program(res{typ: bucketType, name: "data", props: pulumi.Map{"bucket": str("data"), "forceDestroy": pulumi.Bool(force)}}))
		s.Up()
		s.Cloud.PutObjects("data", 2)
		if force {
			s.Destroy()
		} else {
			s.DestroyFails("BucketNotEmpty: the bucket holds 2 objects")
		}
	}
}

func TestTaskDefinition_revisionsCountUp(t *testing.T) {
	t.Parallel()
	memory, keep := "512", true
	s := simtest.Program(t, func(ctx *pulumi.Context) error {
		return program(res{typ: taskType, name: "task", props: pulumi.Map{
			"family": str("job"), "memory": str(memory), "skipDestroy": pulumi.Bool(keep),
			"containerDefinitions": str(`[{"name": "a", "image": "b"}]`),
		}})(ctx)
	})
	s.Up()
	memory = "1024"
	s.Up()
	prefix := "arn:aws:ecs:us-east-1:123456789012:task-definition/job:"
	if got, want := s.Cloud.IDs(taskType), []string{prefix + "1", prefix + "2"}; !slices.Equal(got, want) {
		t.Errorf("got revisions %v, want %v", got, want)
	}
	keep = false
	if got := s.Up().Changes(); got["update"] != 1 {
		t.Errorf("switching skipDestroy off is %v, want an update", got)
	}
	s.Destroy()
	if got, want := s.Cloud.IDs(taskType), []string{prefix + "1"}; !slices.Equal(got, want) {
		t.Errorf("got revisions %v after the destruction, want %v", got, want)
	}
}

func TestContainerDefinitions_inAnotherOrderAreTheSame(t *testing.T) {
	t.Parallel()
	definitions := `[{"name": "a", "image": "b"}]`
	s := simtest.Program(t, func(ctx *pulumi.Context) error {
		return program(res{typ: taskType, name: "task", props: pulumi.Map{"family": str("job"), "memory": str("512"), "containerDefinitions": str(definitions)}})(ctx)
	})
	s.Up()
	definitions = `[ {"image":"b","name":"a"} ]`
	if got := s.Up().Changes(); len(got) != 0 {
		t.Errorf("got %v, want no change", got)
	}
}

func TestSubnets_fitIntoTheirNetwork(t *testing.T) {
	t.Parallel()
	network := func(a, b string) *simtest.Scenario {
		return simtest.Program(t, func(ctx *pulumi.Context) error {
			var vpc pulumi.CustomResourceState
			if err := ctx.RegisterResource(vpcType, "net", pulumi.Map{"cidrBlock": str("10.0.0.0/24")}, &vpc); err != nil {
				return err
			}
			var one, two pulumi.CustomResourceState
			if err := ctx.RegisterResource(subnetType, "one", pulumi.Map{"vpcId": vpc.ID(), "cidrBlock": str(a)}, &one); err != nil {
				return err
			}
			return ctx.RegisterResource(subnetType, "two", pulumi.Map{"vpcId": vpc.ID(), "cidrBlock": str(b)}, &two, pulumi.DependsOn([]pulumi.Resource{&one}))
		})
	}
	network("10.0.0.0/26", "10.0.0.64/26").Up()
	network("10.0.0.0/26", "10.0.0.0/25").UpFails(subnetType+" two: ", "InvalidSubnet.Conflict", "overlaps 10.0.0.0/26")
	network("10.0.0.0/26", "10.0.1.0/26").UpFails(subnetType+" two: ", "InvalidSubnet.Range", "not inside the VPC's 10.0.0.0/24")
}

func TestUnknownType_saysWhereToAddIt(t *testing.T) {
	t.Parallel()
	simtest.Program(t, program(res{typ: "aws:lambda/function:Function", name: "f"})).
		UpFails("aws:lambda/function:Function f: ", "does not know this resource type", "add it to its service's table in internal/simcloud")
	simtest.Program(t, program(res{typ: "aws:s3/bucketv2:BucketV2", name: "f"})).UpFails("did you mean " + bucketType + "?")
}

func TestUnknownFunction_saysWhereToAddIt(t *testing.T) {
	t.Parallel()
	simtest.Program(t, func(ctx *pulumi.Context) error {
		return ctx.Invoke("aws:lambda/getFunction:getFunction", map[string]any{}, &map[string]any{})
	}).UpFails("does not know the function aws:lambda/getFunction:getFunction; add it to internal/simcloud/functions.go")
}

func TestUnknownPackage_isNamed(t *testing.T) {
	t.Parallel()
	simtest.Program(t, program(res{typ: "gcp:storage/bucket:Bucket", name: "b"})).UpFails(`no simulated provider for package "gcp"; there are aws, awsx, docker-build`)
}

func TestProvider_defaultTagsReachTagsAll(t *testing.T) {
	t.Parallel()
	s := simtest.Program(t, func(ctx *pulumi.Context) error {
		provider, err := aws.NewProvider(ctx, "tagged", &aws.ProviderArgs{
			Region:      str("eu-west-1"),
			DefaultTags: &aws.ProviderDefaultTagsArgs{Tags: pulumi.StringMap{"team": str("data"), "env": str("dev")}},
		})
		if err != nil {
			return err
		}
		return program(res{typ: queueType, name: "q", props: pulumi.Map{"name": str("q"), "tags": pulumi.StringMap{"env": str("test")}}, opts: []pulumi.ResourceOption{pulumi.Provider(provider)}})(ctx)
	})
	s.Up()
	got, ok := s.Cloud.Properties(queueType, "https://sqs.eu-west-1.amazonaws.com/123456789012/q")
	if !ok {
		t.Fatalf("got queues %v, want one in the provider's region", s.Cloud.IDs(queueType))
	}
	if fmt.Sprint(got["tagsAll"]) != "map[env:test team:data]" || fmt.Sprint(got["tags"]) != "map[env:test]" {
		t.Errorf("got tags %v and tagsAll %v, want the resource's own to win", got["tags"], got["tagsAll"])
	}
	if got["arn"] != "arn:aws:sqs:eu-west-1:123456789012:q" {
		t.Errorf("got ARN %v, want the provider's region and the account in it", got["arn"])
	}
}

func TestProvider_refusesWrongSettings(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		args aws.ProviderArgs
		want string
	}{
		{"no region", aws.ProviderArgs{}, "region: missing"},
		{"no such region", aws.ProviderArgs{Region: str("Frankfurt")}, `region: got "Frankfurt"`},
		{"another account", aws.ProviderArgs{Region: str("us-east-1"), AllowedAccountIds: pulumi.StringArray{str("111111111111")}}, `AWS account ID not allowed: 123456789012`},
		{"a forbidden account", aws.ProviderArgs{Region: str("us-east-1"), ForbiddenAccountIds: pulumi.StringArray{str("123456789012")}}, "it is one of forbiddenAccountIds"},
		{"no account id", aws.ProviderArgs{Region: str("us-east-1"), AllowedAccountIds: pulumi.StringArray{str("mine")}}, `allowedAccountIds: got "mine", want account ids of 12 digits`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := simtest.Program(t, func(ctx *pulumi.Context) error {
				provider, err := aws.NewProvider(ctx, "p", &tt.args)
				if err != nil {
					return err
				}
				return program(res{typ: queueType, name: "q", opts: []pulumi.ResourceOption{pulumi.Provider(provider)}})(ctx)
			})
			s.UpFails(tt.want)
			if n := s.Cloud.Count(); n != 0 {
				t.Errorf("got %d resources, want none", n)
			}
		})
	}
}

func TestProvider_anAssumedRoleIsInItsAccount(t *testing.T) {
	t.Parallel()
	var got string
	s := simtest.Program(t, func(ctx *pulumi.Context) error {
		provider, err := aws.NewProvider(ctx, "p", &aws.ProviderArgs{
			Region:            str("us-east-1"),
			AssumeRole:        &aws.ProviderAssumeRoleArgs{RoleArn: str("arn:aws:iam::222222222222:role/deploy")},
			AllowedAccountIds: pulumi.StringArray{str("222222222222")},
		})
		if err != nil {
			return err
		}
		identity, err := aws.GetCallerIdentity(ctx, nil, pulumi.Provider(provider))
		if err != nil {
			return err
		}
		got = identity.AccountId
		return nil
	})
	s.Up()
	if got != "222222222222" {
		t.Errorf("got account %q, want the role's", got)
	}
}

func TestDefaultProvider_canBeDisabled(t *testing.T) {
	t.Parallel()
	s := simtest.Program(t, program(res{typ: queueType, name: "q"}))
	s.Set("pulumi:disable-default-providers", `["aws"]`)
	s.UpFails("Default provider for 'aws' disabled")
}

func TestSecrets_staySecretInTheState(t *testing.T) {
	t.Parallel()
	s := simtest.Program(t, program(
		res{typ: parameterType, name: "p", props: pulumi.Map{"name": str("/p"), "type": str("SecureString"), "value": pulumi.ToSecret(str("hush"))}},
		res{typ: queueType, name: "q", props: pulumi.Map{"tags": pulumi.Map{"owner": pulumi.ToSecret(str("me"))}}},
	))
	deployed := s.Up()
	if v := deployed.Find(parameterType, "p").Outputs["value"]; !v.IsSecret() {
		t.Errorf("got value %v, want a secret", v)
	}
	if v := deployed.Find(queueType, "q").Outputs["tagsAll"]; !v.ContainsSecrets() {
		t.Errorf("got tagsAll %v, want its tag secret", v)
	}
	s.Settled()
}

func TestSecrets_areNotShownInProblems(t *testing.T) {
	t.Parallel()
	s := simtest.Program(t, program(res{typ: parameterType, name: "p", props: pulumi.Map{
		"name": str("/p"), "type": str("String"), "value": pulumi.ToSecret(str("hush-hush")), "allowedPattern": str("^never$"),
	}}))
	if said := s.UpFails("does not match allowedPattern"); strings.Contains(said, "hush-hush") {
		t.Errorf("got %q, want no secret in it", said)
	}
}

func TestRehearsal_findsEveryMistakeAtOnce(t *testing.T) {
	t.Parallel()
	s := simtest.Program(t, program(
		res{typ: queueType, name: "one", props: pulumi.Map{"delaySeconds": pulumi.Int(901)}},
		res{typ: logGroupType, name: "two", props: pulumi.Map{"retentionInDays": pulumi.Int(2)}, after: []string{"one"}},
		res{typ: bucketType, name: "three", props: pulumi.Map{"bucket": str("X")}, after: []string{"two"}},
		res{typ: "aws:lambda/function:Function", name: "four", after: []string{"three"}},
	))
	s.UpFails("one: ", "delaySeconds: got 901", "two: ", "retentionInDays: got 2", "three: ", `bucket: got "X"`, "four: ", "does not know this resource type")
	if n := s.Cloud.Count(); n != 0 {
		t.Errorf("got %d resources, want none", n)
	}
}

// awsx is a resource of our awsx simulation.
func image(repository pulumi.StringInput, props pulumi.Map) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		var component struct {
			pulumi.ResourceState
			ImageURI pulumi.StringOutput `pulumi:"imageUri"`
		}
		all := pulumi.Map{"repositoryUrl": repository}
		for k, v := range props {
			all[k] = v
		}
		if err := ctx.RegisterRemoteComponentResource("awsx:ecr:Image", "image", all, &component); err != nil {
			return err
		}
		ctx.Export("uri", component.ImageURI)
		return nil
	}
}

func withRepository(mutability string, then func(url pulumi.StringOutput) pulumi.RunFunc) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		var repository struct {
			pulumi.CustomResourceState
			URL pulumi.StringOutput `pulumi:"repositoryUrl"`
		}
		if err := ctx.RegisterResource(repositoryType, "repository", pulumi.Map{"name": str("job"), "imageTagMutability": str(mutability), "forceDelete": pulumi.Bool(true)}, &repository); err != nil {
			return err
		}
		return then(repository.URL)(ctx)
	}
}

const url = "123456789012.dkr.ecr.us-east-1.amazonaws.com/job"

func TestImage_isPushedUnderItsTagAndKnownByItsDigest(t *testing.T) {
	t.Parallel()
	tag, platform := "v1", "linux/amd64"
	s := simtest.Program(t, withRepository("IMMUTABLE", func(u pulumi.StringOutput) pulumi.RunFunc {
		return func(ctx *pulumi.Context) error {
			return image(u, pulumi.Map{"imageTag": str(tag), "platform": str(platform), "context": str("."), "args": pulumi.StringMap{"A": str("1")}})(ctx)
		}
	}))
	uri := func() string { return s.Up().Outputs["uri"].StringValue() }
	first := uri()
	if !regexp.MustCompile(`^` + regexp.QuoteMeta(url) + `@sha256:[0-9a-f]{64}$`).MatchString(first) {
		t.Errorf("got %q, want the repository and a digest", first)
	}
	if child := s.Up().Find(imageType, "v1"); child == nil || !strings.Contains(string(child.Parent), "awsx:ecr:Image::image") {
		t.Errorf("got child %v, want one named after the tag, under the component", child)
	}
	s.Settled()
	tag = "v2"
	if second := uri(); second == first {
		t.Errorf("got %q for another tag too, want another digest", second)
	}
	if got := s.Cloud.ImageTags(url); !slices.Equal(got, []string{"v2"}) {
		t.Errorf("got tags %v, want v2 alone: the child has another name, so the old image goes", got)
	}
	platform = "linux/arm64"
	s.UpFails("ImageTagAlreadyExistsException", `the tag "v2" exists`)
}

func TestImage_needsItsRepository(t *testing.T) {
	t.Parallel()
	simtest.Program(t, image(str(url), pulumi.Map{"imageTag": str("v1")})).UpFails("name unknown: the repository " + url + " does not exist")
	simtest.Program(t, image(str(url), pulumi.Map{"imageTag": str("-v1")})).UpFails(`imageTag: got "-v1"`)
	simtest.Program(t, image(str(url), pulumi.Map{"tag": str("v1")})).UpFails("tag: unknown property")
	simtest.Program(t, withRepository("MUTABLE", func(u pulumi.StringOutput) pulumi.RunFunc {
		return image(u, pulumi.Map{"imageTag": str("v1"), "platform": str("amd64")})
	})).UpFails(`platforms: got "amd64", want a platform such as linux/arm64`)
}

func TestImage_keepsItsRepositoryFromBeingDeleted(t *testing.T) {
	t.Parallel()
	s := simtest.Program(t, program(res{typ: repositoryType, name: "repository", props: pulumi.Map{"name": str("job")}}))
	s.Up()
	pusher := simtest.Program(t, image(str(url), pulumi.Map{"imageTag": str("v1")}))
	pusher.Cloud = s.Cloud
	pusher.Up()
	s.DestroyFails("RepositoryNotEmptyException: the repository holds 1 images")
	pusher.Destroy()
	s.Destroy()
}

func TestFunctions_answerFromTheCloud(t *testing.T) {
	t.Parallel()
	var zones, parts, policy string
	s := simtest.Program(t, func(ctx *pulumi.Context) error {
		z, err := aws.GetAvailabilityZones(ctx, &aws.GetAvailabilityZonesArgs{State: pulumi.StringRef("available"), ExcludeNames: []string{"us-east-1b"}})
		if err != nil {
			return err
		}
		zones = strings.Join(z.Names, " ")
		p, err := aws.GetPartition(ctx, nil)
		if err != nil {
			return err
		}
		r, err := aws.GetRegion(ctx, nil)
		if err != nil {
			return err
		}
		parts = p.Partition + " " + p.DnsSuffix + " " + r.Name
		var document struct {
			JSON string `pulumi:"minifiedJson"`
		}
		err = ctx.Invoke("aws:iam/getPolicyDocument:getPolicyDocument", map[string]any{"statements": []any{map[string]any{
			"sid": "A", "actions": []any{"s3:Get*"}, "resources": []any{"a", "b"},
			"principals": []any{map[string]any{"type": "Service", "identifiers": []any{"x.amazonaws.com"}}},
			"conditions": []any{map[string]any{"test": "Bool", "variable": "aws:SecureTransport", "values": []any{"true"}}},
		}}}, &document)
		policy = document.JSON
		return err
	})
	s.Up()
	if want := "us-east-1a us-east-1c"; zones != want {
		t.Errorf("got zones %q, want %q", zones, want)
	}
	if want := "aws amazonaws.com us-east-1"; parts != want {
		t.Errorf("got %q, want %q", parts, want)
	}
	if want := `{"Statement":[{"Action":"s3:Get*","Condition":{"Bool":{"aws:SecureTransport":"true"}},"Effect":"Allow","Principal":{"Service":"x.amazonaws.com"},"Resource":["a","b"],"Sid":"A"}],"Version":"2012-10-17"}`; policy != want {
		t.Errorf("got policy %s, want %s", policy, want)
	}
}

func TestPreview_leavesOutWhatIsNotKnownYet(t *testing.T) {
	t.Parallel()
	s := simtest.Program(t, func(ctx *pulumi.Context) error {
		var queue struct {
			pulumi.CustomResourceState
			ARN pulumi.StringOutput `pulumi:"arn"`
		}
		if err := ctx.RegisterResource(queueType, "q", nil, &queue); err != nil {
			return err
		}
		var other pulumi.CustomResourceState
		return ctx.RegisterResource(queueType, "other", pulumi.Map{
			"redrivePolicy": pulumi.Sprintf(`{"deadLetterTargetArn": "%s", "maxReceiveCount": 3}`, queue.ARN),
		}, &other)
	})
	if changes := s.Preview().Changes(); changes["create"] != 3 {
		t.Errorf("got %v, want three resources to create", changes)
	}
	s.Up()
	s.Settled()
}

func TestChangeAndRemove_refuseWhatDoesNotExist(t *testing.T) {
	c := simcloud.New(simcloud.Options{})
	if err := c.Change(queueType, "q", "delaySeconds", 1); err == nil {
		t.Error("got no error, want one")
	}
	if err := c.Remove(queueType, "q"); err == nil {
		t.Error("got no error, want one")
	}
}
