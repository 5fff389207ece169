package components

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"ds-pipeline/preprocess/contract"
)

// kind is one of our components, with valid arguments: how to make one called
// name whose physical names end in suffix, and what to compare it with.
type kind struct {
	title string // how its errors name it
	token string
	make  func(ctx *pulumi.Context, name, suffix string) (pulumi.Resource, error)
}

var testPlace = Place{AccountID: "111111111111", Region: "us-east-1"}

func validDataBuckets(suffix string) *DataBucketsArgs {
	return &DataBucketsArgs{Place: testPlace, Environment: "dev", Suffix: suffix, KeepVersionsDays: 30, AccessLogDays: 90}
}

func validProcessingCluster(suffix string) *ProcessingClusterArgs {
	return &ProcessingClusterArgs{
		Place:              testPlace,
		RepositoryName:     "ds-preprocessing" + suffix,
		ClusterName:        "ds-processing-cluster" + suffix,
		TaskFamily:         "ds-preprocessing" + suffix,
		LogGroupName:       "/ecs/ds-preprocessing-dev" + suffix,
		TaskCPU:            2048,
		TaskMemoryMiB:      4096,
		TaskStorageGiB:     20,
		Architecture:       AMD64,
		LogRetentionDays:   30,
		BuildContext:       "testdata/context",
		KeepImages:         10,
		Environment:        "dev",
		Network:            Network{Mode: NetworkPublic, CIDR: "10.0.0.0/24"},
		ParameterPrefix:    "/ds/preprocessing" + suffix + "/",
		InputKey:           "raw/monthly_data.csv",
		ModelKey:           "models/preprocessing_model.pkl",
		InputBucketName:    pulumi.String("in" + suffix),
		OutputBucketName:   pulumi.String("out" + suffix),
		ArtifactBucketName: pulumi.String("artifacts" + suffix),
	}
}

func validPipeline(suffix string) *PipelineArgs {
	return &PipelineArgs{
		Place:              testPlace,
		StateMachineName:   "ds-preprocessing-pipeline" + suffix,
		LogRetentionDays:   30,
		TaskTimeoutMinutes: 240,
		Attempts:           4,
		InputBucketName:    pulumi.String("in" + suffix),
		ParameterPrefix:    "/ds/preprocessing" + suffix + "/",
		OutputBucketName:   pulumi.String("out" + suffix),
		ClusterArn:         pulumi.String("arn:aws:ecs:us-east-1:111111111111:cluster/ds-processing-cluster"),
		ClusterName:        pulumi.String("ds-processing-cluster"),
		TaskDefinitionArn:  pulumi.String("arn:aws:ecs:us-east-1:111111111111:task-definition/ds-preprocessing:7"),
		TaskFamily:         pulumi.String("ds-preprocessing"),
		TaskRoleArn:        pulumi.String("arn:aws:iam::111111111111:role/task"),
		ExecutionRoleArn:   pulumi.String("arn:aws:iam::111111111111:role/execution"),
		TaskLogGroupName:   pulumi.String("/ecs/ds-preprocessing-dev"),
		SubnetIDs:          pulumi.StringArray{pulumi.String("subnet-1"), pulumi.String("subnet-2")},
		SecurityGroupID:    pulumi.String("sg-1"),
		AssignPublicIP:     pulumi.Bool(true),
	}
}

func validSchedule(suffix string) *ScheduleArgs {
	return &ScheduleArgs{
		Place:           testPlace,
		Expression:      "cron(0 9 15 * ? *)",
		Enabled:         true,
		StateMachineArn: pulumi.String("arn:aws:states:us-east-1:111111111111:stateMachine:ds-preprocessing-pipeline" + suffix),
	}
}

func validOutputs(suffix string) *OutputsArgs {
	args := &OutputsArgs{ParameterPrefix: "/ds/preprocessing" + suffix + "/"}
	args.Values.Each(func(o contract.Output, value *pulumi.StringInput) {
		if !o.Optional {
			*value = pulumi.String(o.Stack + suffix)
		}
	})
	args.Values.ScheduleRuleName = pulumi.String("rule" + suffix)
	return args
}

func validWatch(suffix string) *WatchArgs {
	return &WatchArgs{
		Place:            testPlace,
		StateMachineName: "ds-preprocessing-watch" + suffix,
		LogRetentionDays: 30,
		Expression:       "cron(0 9 15 * ? *)",
		Enabled:          true,
		PipelineName:     "ds-preprocessing-pipeline" + suffix,
		PipelineArn:      pulumi.String("arn:aws:states:us-east-1:111111111111:stateMachine:ds-preprocessing-pipeline" + suffix),
		OutputBucketName: pulumi.String("out" + suffix),
		TopicArn:         pulumi.String("arn:aws:sns:us-east-1:111111111111:topic"),
	}
}

func validMonitoring(suffix string) *MonitoringArgs {
	return &MonitoringArgs{
		Place:               testPlace,
		DashboardName:       "ds-preprocessing-dev" + suffix,
		StateMachineArn:     pulumi.String("arn:aws:states:us-east-1:111111111111:stateMachine:ds-preprocessing-pipeline" + suffix),
		Environment:         "dev",
		RejectedPercent:     5,
		DriftedColumns:      3,
		WatchArn:            pulumi.String("watch" + suffix),
		RuleName:            pulumi.String("rule" + suffix),
		DeadLetterQueueName: pulumi.String("dead-letters" + suffix),
		TopicName:           pulumi.String("topic" + suffix),

		WatchRuleName:            pulumi.String("watch-rule" + suffix),
		WatchEndedRuleName:       pulumi.String("watch-ended-rule" + suffix),
		WatchDeadLetterQueueName: pulumi.String("watch-dead-letters" + suffix),
	}
}

func validEncryptionKey(suffix string) *EncryptionKeyArgs {
	return &EncryptionKeyArgs{
		Place:         testPlace,
		AliasName:     "ds-preprocessing-dev" + suffix,
		LogGroupNames: []string{"/ecs/ds-preprocessing-dev" + suffix},
		TrailName:     "ds-preprocessing-dev" + suffix,
		DeletionDays:  30,
	}
}

func validAuditTrail(suffix string) *AuditTrailArgs {
	return &AuditTrailArgs{
		Place:       testPlace,
		Environment: "dev",
		Suffix:      suffix,
		TrailName:   "ds-preprocessing-dev" + suffix,
		KeepDays:    400,
		BucketNames: []pulumi.StringInput{pulumi.String("in" + suffix), pulumi.String("out" + suffix)},
	}
}

func validStateBackend(suffix string) *StateBackendArgs {
	return &StateBackendArgs{Place: testPlace, AliasName: "pulumi-state" + suffix, KeepVersionsDays: 365, KeyDeletionDays: 30}
}

func validDeployAccess(suffix string) *DeployAccessArgs {
	return &DeployAccessArgs{
		Place: testPlace, Project: "ds-pipeline", Stack: "dev", Environment: "dev" + suffix, Repository: "example/ds-pipeline", GitHubEnvironment: "dev",
		PreviewRefs: []string{"refs/heads/main"}, StateBucketName: pulumi.String("state"), StateKeyArn: pulumi.String("arn:aws:kms:us-east-1:111111111111:key/k"),
	}
}

func validAccountBudget(suffix string) *AccountBudgetArgs {
	return &AccountBudgetArgs{Place: testPlace, BudgetName: "ds-account-dev" + suffix, MonthlyUSD: 50, Emails: []string{"you@example.com"}}
}

func kinds() []kind {
	return []kind{
		{"state backend", stateBackendType, func(ctx *pulumi.Context, name, suffix string) (pulumi.Resource, error) {
			args := validStateBackend(suffix)
			if suffix == "-two" { // one in each region
				args.Place.Region = "eu-west-1"
			}
			return NewStateBackend(ctx, name, args)
		}},
		{"deploy access", deployAccessType, func(ctx *pulumi.Context, name, suffix string) (pulumi.Resource, error) {
			return NewDeployAccess(ctx, name, validDeployAccess(suffix))
		}},
		{"account budget", accountBudgetType, func(ctx *pulumi.Context, name, suffix string) (pulumi.Resource, error) {
			return NewAccountBudget(ctx, name, validAccountBudget(suffix))
		}},
		{"audit trail", auditTrailType, func(ctx *pulumi.Context, name, suffix string) (pulumi.Resource, error) {
			return NewAuditTrail(ctx, name, validAuditTrail(suffix))
		}},
		{"data buckets", dataBucketsType, func(ctx *pulumi.Context, name, suffix string) (pulumi.Resource, error) {
			return NewDataBuckets(ctx, name, validDataBuckets(suffix))
		}},
		{"processing cluster", processingClusterType, func(ctx *pulumi.Context, name, suffix string) (pulumi.Resource, error) {
			return NewProcessingCluster(ctx, name, validProcessingCluster(suffix))
		}},
		{"encryption key", encryptionKeyType, func(ctx *pulumi.Context, name, suffix string) (pulumi.Resource, error) {
			return NewEncryptionKey(ctx, name, validEncryptionKey(suffix))
		}},
		{"pipeline", pipelineType, func(ctx *pulumi.Context, name, suffix string) (pulumi.Resource, error) {
			return NewPipeline(ctx, name, validPipeline(suffix))
		}},
		{"schedule", scheduleType, func(ctx *pulumi.Context, name, suffix string) (pulumi.Resource, error) {
			return NewSchedule(ctx, name, validSchedule(suffix))
		}},
		{"outputs", outputsType, func(ctx *pulumi.Context, name, suffix string) (pulumi.Resource, error) {
			return NewOutputs(ctx, name, validOutputs(suffix))
		}},
		{"watch", watchType, func(ctx *pulumi.Context, name, suffix string) (pulumi.Resource, error) {
			return NewWatch(ctx, name, validWatch(suffix))
		}},
		{"monitoring", monitoringType, func(ctx *pulumi.Context, name, suffix string) (pulumi.Resource, error) {
			return NewMonitoring(ctx, name, validMonitoring(suffix))
		}},
	}
}

func TestEveryComponent_parentsAndPrefixesItsChildren(t *testing.T) {
	for _, k := range kinds() {
		t.Run(k.title, func(t *testing.T) {
			r := record(t, func(ctx *pulumi.Context) error {
				_, err := k.make(ctx, "mine", "")
				return err
			})
			own := fmt.Sprintf("::%s::mine", k.token)
			children := 0
			for _, res := range r.resources {
				if res.kind == k.token || res.kind == "pulumi:pulumi:Stack" {
					continue
				}
				children++
				if !strings.HasSuffix(res.parent, own) {
					t.Errorf("%s %q has parent %q, want the component", res.kind, res.name, res.parent)
				}
				if !strings.HasPrefix(res.name, "mine-") {
					t.Errorf("%s is called %q, want mine-<purpose>", res.kind, res.name)
				}
			}
			if children == 0 {
				t.Error("no children")
			}
		})
	}
}

func TestEveryComponent_twoInstancesFitInOneProgram(t *testing.T) {
	for _, k := range kinds() {
		t.Run(k.title, func(t *testing.T) {
			r := record(t, func(ctx *pulumi.Context) error {
				if _, err := k.make(ctx, "one", "-one"); err != nil {
					return err
				}
				_, err := k.make(ctx, "two", "-two")
				return err
			})
			logical, physical := map[string]bool{}, map[string]bool{}
			for _, res := range r.resources {
				if id := res.kind + " " + res.name; logical[id] {
					t.Errorf("two resources are %s", id)
				} else {
					logical[id] = true
				}
				for _, key := range physicalNames[res.kind] {
					id := res.kind + " " + res.text(key)
					if physical[id] {
						t.Errorf("two resources have the physical name %s", id)
					}
					physical[id] = true
				}
			}
			if len(physical) == 0 && k.token != scheduleType {
				t.Error("no physical name was seen")
			}
		})
	}
}

// physicalNames are the inputs by which AWS tells resources of a kind apart.
var physicalNames = map[string][]string{
	"aws:s3/bucketV2:BucketV2":              {"bucket"},
	"aws:ecr/repository:Repository":         {"name"},
	"aws:ecs/cluster:Cluster":               {"name"},
	"aws:ecs/taskDefinition:TaskDefinition": {"family"},
	"aws:cloudwatch/logGroup:LogGroup":      {"name"},
	"aws:sfn/stateMachine:StateMachine":     {"name"},
	"aws:ssm/parameter:Parameter":           {"name"},
	"aws:cloudwatch/dashboard:Dashboard":    {"dashboardName"},
	"aws:kms/alias:Alias":                   {"name"},
	"aws:iam/policy:Policy":                 {"name"},
	"aws:budgets/budget:Budget":             {"name"},
	"awsx:ecr:Image":                        {"imageTag"},
}

// TestEveryComponent_setsEveryOutput reads each field of a component. The SDK
// makes outputs of all before the constructor does: one that it forgets is not
// nil, it is empty.
func TestEveryComponent_setsEveryOutput(t *testing.T) {
	var mu sync.Mutex
	empty := map[string]bool{}
	for _, k := range append(kinds(),
		kind{"schedule in a time zone", scheduleType, func(ctx *pulumi.Context, name, suffix string) (pulumi.Resource, error) {
			args := validSchedule(suffix)
			args.TimeZone = "Europe/Berlin"
			return NewSchedule(ctx, name, args)
		}},
		kind{"watch in a time zone", watchType, func(ctx *pulumi.Context, name, suffix string) (pulumi.Resource, error) {
			args := validWatch(suffix)
			args.TimeZone = "Europe/Berlin"
			return NewWatch(ctx, name, args)
		}}) {
		record(t, func(ctx *pulumi.Context) error {
			made, err := k.make(ctx, "mine", "")
			if err != nil {
				return err
			}
			v := reflect.ValueOf(made).Elem()
			for i := range v.NumField() {
				field := v.Type().Field(i)
				if field.Anonymous {
					continue
				}
				if field.Tag.Get("pulumi") == "" {
					t.Errorf("%s: %s has no pulumi tag", k.title, field.Name)
				}
				id := k.token + " " + field.Name
				if _, seen := empty[id]; !seen {
					empty[id] = true
				}
				pulumi.ToOutput(v.Field(i).Interface()).ApplyT(func(value any) any {
					mu.Lock()
					defer mu.Unlock()
					if value != nil && !reflect.ValueOf(value).IsZero() {
						empty[id] = false
					}
					return value
				})
			}
			return nil
		})
	}
	for id, is := range empty {
		if is {
			t.Errorf("%s is never set", id)
		}
	}
}

// TestEveryComponent_registersWhatItDeclares reads the source, because the
// recorder does not see registered outputs: the tags of the struct and the keys
// of RegisterResourceOutputs are the same list.
func TestEveryComponent_registersWhatItDeclares(t *testing.T) {
	for file, component := range map[string]any{
		"account_budget.go": AccountBudget{}, "deploy_access.go": DeployAccess{}, "state_backend.go": StateBackend{},
		"data_buckets.go": DataBuckets{}, "encryption_key.go": EncryptionKey{}, "processing_cluster.go": ProcessingCluster{}, "pipeline.go": Pipeline{}, "outputs.go": Outputs{}, "schedule.go": Schedule{}, "watch.go": Watch{}, "monitoring.go": Monitoring{},
	} {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, registered, _ := strings.Cut(string(source), "RegisterResourceOutputs(")
		registered, _, _ = strings.Cut(registered, "}); err")
		typ := reflect.TypeOf(component)
		declared := 0
		for i := range typ.NumField() {
			if tag := typ.Field(i).Tag.Get("pulumi"); tag != "" {
				declared++
				if !strings.Contains(registered, `"`+tag+`":`) {
					t.Errorf("%s: %s is declared and not registered", file, tag)
				}
			}
		}
		if got := strings.Count(registered, "\":"); got != declared {
			t.Errorf("%s: %d outputs are registered, %d declared", file, got, declared)
		}
	}
}

func TestEveryComponent_nothingIsCreatedFromBadArgs(t *testing.T) {
	for _, tt := range badArgs() {
		t.Run(tt.name, func(t *testing.T) {
			r := &recorder{}
			var got error
			err := pulumi.RunErr(func(ctx *pulumi.Context) error {
				got = tt.make(ctx)
				return got
			}, pulumi.WithMocks("ds-pipeline", "test", r))
			if err == nil || got == nil {
				t.Fatal("no error")
			}
			if got.Error() != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
			if len(r.resources) != 0 {
				t.Errorf("%d resources were created", len(r.resources))
			}
		})
	}
}

// Of each argument that has to be given, the error says which one is not. The
// environment is part of the names of buckets, which are checked as a whole.
func TestEveryComponent_namesTheArgumentThatIsMissing(t *testing.T) {
	for _, args := range []interface{ validate() error }{
		validStateBackend(""), validDeployAccess(""), validAccountBudget(""), validAuditTrail(""), validDataBuckets(""), validProcessingCluster(""),
		validEncryptionKey(""), validPipeline(""), validSchedule(""), validOutputs(""), validWatch(""), validMonitoring(""),
	} {
		v := reflect.ValueOf(args).Elem()
		if err := args.validate(); err != nil {
			t.Errorf("%s: %v", v.Type(), err)
		}
		for i := range v.NumField() {
			field, value := v.Type().Field(i), v.Field(i)
			if strings.HasSuffix(field.Tag.Get("pulumi"), ",optional") || value.Kind() == reflect.Struct || value.Kind() == reflect.Bool || value.IsZero() {
				continue
			}
			given := reflect.ValueOf(value.Interface())
			value.SetZero()
			err := args.validate()
			switch id := strings.TrimPrefix(v.Type().String(), "components.") + "." + field.Name; id {
			case "DeployAccessArgs.PreviewRefs", "MonitoringArgs.RejectedPercent": // none, and any
				if err != nil {
					t.Errorf("without %s: got %v", id, err)
				}
			case "AuditTrailArgs.Environment", "DataBucketsArgs.Environment":
				if err == nil || !strings.HasPrefix(err.Error(), "bucket name ") {
					t.Errorf("without %s: got %v", id, err)
				}
			default:
				if err == nil || !strings.HasPrefix(err.Error(), field.Name+": ") || strings.Contains(err.Error(), "\n") {
					t.Errorf("without %s: got %v", id, err)
				}
			}
			value.Set(given)
		}
	}
}

type badArgsTest struct {
	name string
	make func(ctx *pulumi.Context) error
	want string
}

func badArgs() []badArgsTest {
	var tests []badArgsTest
	add := func(name, want string, make func(ctx *pulumi.Context) error) {
		tests = append(tests, badArgsTest{name, make, want})
	}
	buckets := func(name string, spoil func(*DataBucketsArgs), want string) {
		add("buckets "+name, `data buckets "data": `+want, func(ctx *pulumi.Context) error {
			args := validDataBuckets("")
			spoil(args)
			_, err := NewDataBuckets(ctx, "data", args)
			return err
		})
	}
	cluster := func(name string, spoil func(*ProcessingClusterArgs), want string) {
		add("cluster "+name, `processing cluster "processing": `+want, func(ctx *pulumi.Context) error {
			args := validProcessingCluster("")
			spoil(args)
			_, err := NewProcessingCluster(ctx, "processing", args)
			return err
		})
	}
	pipeline := func(name string, spoil func(*PipelineArgs), want string) {
		add("pipeline "+name, `pipeline "pipeline": `+want, func(ctx *pulumi.Context) error {
			args := validPipeline("")
			spoil(args)
			_, err := NewPipeline(ctx, "pipeline", args)
			return err
		})
	}
	schedule := func(name string, spoil func(*ScheduleArgs), want string) {
		add("schedule "+name, `schedule "schedule": `+want, func(ctx *pulumi.Context) error {
			args := validSchedule("")
			spoil(args)
			_, err := NewSchedule(ctx, "schedule", args)
			return err
		})
	}

	outputs := func(name string, spoil func(*OutputsArgs), want string) {
		add("outputs "+name, `outputs "outputs": `+want, func(ctx *pulumi.Context) error {
			args := validOutputs("")
			spoil(args)
			_, err := NewOutputs(ctx, "outputs", args)
			return err
		})
	}

	outputs("nothing", func(a *OutputsArgs) {
		*a = OutputsArgs{ParameterPrefix: "ds", Values: validOutputs("").Values}
		a.Values.StateMachineArn, a.Values.LogGroupName, a.Values.ScheduleRuleName = nil, nil, nil
	},
		`ParameterPrefix: got "ds", want 1 to 13 levels of letters, digits, _ . - between slashes, such as /ds/preprocessing/, at most 900 characters, not starting with aws or ssm
Values: logGroupName: missing
Values: stateMachineArn: missing
Values: scheduleRuleName, scheduleGroupName: want one of them`)

	buckets("account", func(a *DataBucketsArgs) { a.Place.AccountID = "12345678901" },
		`Place.AccountID: got "12345678901", want twelve digits`)
	buckets("region", func(a *DataBucketsArgs) { a.Place.Region = "useast1" },
		`Place.Region: got "useast1", want the name of an AWS region such as us-east-1`)
	buckets("versions", func(a *DataBucketsArgs) { a.KeepVersionsDays = 0 }, `KeepVersionsDays: got 0, want 1 to 3650`)
	buckets("access logs", func(a *DataBucketsArgs) { a.AccessLogDays = 3651 }, `AccessLogDays: got 3651, want 0 to 3650`)
	buckets("lifecycles", func(a *DataBucketsArgs) {
		a.InputLifecycle = Lifecycle{TransitionDays: 29, TransitionClass: "STANDARD_IA", NoncurrentDays: -1}
		a.OutputLifecycle = Lifecycle{TransitionDays: 90, TransitionClass: "GLACIER", ExpireDays: 90}
		a.ArtifactLifecycle = Lifecycle{TransitionDays: 5, AbortDays: 3651}
	}, `InputLifecycle.TransitionDays: got 29, want 30 to 3650
InputLifecycle.NoncurrentDays: got -1, want 1 to 3650
OutputLifecycle.TransitionClass: got "GLACIER", want STANDARD_IA, INTELLIGENT_TIERING or GLACIER_IR: a run has to read objects at once
OutputLifecycle.ExpireDays: got 90, want more than the 90 days until the transition
ArtifactLifecycle.AbortDays: got 3651, want 1 to 3650
ArtifactLifecycle.TransitionDays: got 5 with class "", want both or none`)
	add("audit trail", `audit trail "audit": TrailName: got "a b", want 1 to 128 characters: letters, digits and . _ -, 3 or more, with a letter or digit at both ends
KeepDays: got 0, want 1 to 3650
BucketNames: missing
ForceDestroy: cannot be combined with ProtectData`, func(ctx *pulumi.Context) error {
		args := validAuditTrail("")
		args.TrailName, args.KeepDays, args.BucketNames, args.ProtectData, args.ForceDestroy = "a b", 0, nil, true, true
		_, err := NewAuditTrail(ctx, "audit", args)
		return err
	})
	add("state backend", `state backend "state": KeepVersionsDays: got 0, want 1 to 3650
KeyDeletionDays: got 5, want 7 to 30`, func(ctx *pulumi.Context) error {
		args := validStateBackend("")
		args.KeepVersionsDays, args.KeyDeletionDays = 0, 5
		_, err := NewStateBackend(ctx, "state", args)
		return err
	})
	add("deploy access", `deploy access "access": Project: got "", want 1 to 100 characters: letters, digits and . _ -
Stack: got "a b", want 1 to 100 characters: letters, digits and . _ -
Environment: got "Dev", want 1 to 20 lower-case letters, digits and single hyphens, starting with a letter
Repository: got "example", want <owner>/<name> of a repository on GitHub
GitHubEnvironment: got "*", want 1 to 255 characters: no white space and none of : * ? $ { } " \
StateBucketName: missing
StateKeyArn: missing
PreviewRefs[0]: got "refs/heads/*", want one branch or tag such as refs/heads/main
OIDCProviderArn: got "x", want arn:aws:iam::111111111111:oidc-provider/token.actions.githubusercontent.com`, func(ctx *pulumi.Context) error {
		_, err := NewDeployAccess(ctx, "access", &DeployAccessArgs{
			Place: testPlace, Stack: "a b", Environment: "Dev", Repository: "example", GitHubEnvironment: "*", PreviewRefs: []string{"refs/heads/*"}, OIDCProviderArn: "x",
		})
		return err
	})
	add("account budget", `account budget "budget": BudgetName: got "", want 1 to 100 characters: `+trailNameWant+`
MonthlyUSD: got 0, want 1 to 1000000
Emails: got 0 addresses, want 1 to 10`, func(ctx *pulumi.Context) error {
		_, err := NewAccountBudget(ctx, "budget", &AccountBudgetArgs{Place: testPlace})
		return err
	})
	add("no trail args", `audit trail "audit": args are required`, func(ctx *pulumi.Context) error {
		_, err := NewAuditTrail(ctx, "audit", nil)
		return err
	})
	buckets("protected and destroyable", func(a *DataBucketsArgs) { a.ProtectData, a.ForceDestroy = true, true },
		`ForceDestroy: cannot be combined with ProtectData`)
	buckets("long names", func(a *DataBucketsArgs) { a.Suffix = "-a-very-long-suffix-indeed-so" },
		`bucket name "ds-input-dev-111111111111-us-east-1-a-very-long-suffix-indeed-so": 64 characters, want 3 to 63: shorten the environment or the suffix
bucket name "ds-output-dev-111111111111-us-east-1-a-very-long-suffix-indeed-so": 65 characters, want 3 to 63: shorten the environment or the suffix
bucket name "ds-artifacts-dev-111111111111-us-east-1-a-very-long-suffix-indeed-so": 68 characters, want 3 to 63: shorten the environment or the suffix`)

	cluster("pair", func(a *ProcessingClusterArgs) { a.TaskMemoryMiB = 3072 },
		`TaskMemoryMiB: got 3072 MiB with 2048 CPU units, want 4096, 5120, 6144, 7168, 8192, 9216, 10240, 11264, 12288, 13312, 14336, 15360 or 16384 MiB`)
	cluster("cpu", func(a *ProcessingClusterArgs) { a.TaskCPU = 2000 },
		`TaskCPU: got 2000 CPU units, want 256, 512, 1024, 2048, 4096, 8192 or 16384`)
	cluster("storage", func(a *ProcessingClusterArgs) { a.TaskStorageGiB = 19 }, `TaskStorageGiB: got 19 GiB, want 20, which costs nothing, to 200`)
	cluster("retention", func(a *ProcessingClusterArgs) { a.LogRetentionDays = 31 },
		`LogRetentionDays: got 31, want 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653`)
	cluster("architecture", func(a *ProcessingClusterArgs) { a.Architecture = "x86" }, `Architecture: got "x86", want amd64 or arm64`)
	cluster("network", func(a *ProcessingClusterArgs) { a.Network.Mode = "nat" }, `Network.Mode: got "nat", want public, private, endpoints or existing`)
	cluster("package", func(a *ProcessingClusterArgs) { a.ScriptKey, a.PackageKey = "s.py", "/p.zip" },
		`PackageKey: got "/p.zip", want 1 to 1024 bytes, no slash at the start or the end, no white space at either end, no {{`)
	cluster("stage", func(a *ProcessingClusterArgs) { a.ScriptKey, a.ScriptStage = "s.py", "during" }, `ScriptStage: got "during", want before or after the model`)
	cluster("tagged image", func(a *ProcessingClusterArgs) { a.ImageURI = "nginx:latest" },
		`ImageURI: got "nginx:latest", want <account>.dkr.ecr.<region>.amazonaws.com/<repository>@sha256:<64 hex digits>`)
	cluster("what belongs to a script", func(a *ProcessingClusterArgs) {
		a.PackageKey, a.ScriptStage = "p.zip", "after"
		a.JobSettings = JobSettings{ScriptMemoryMiB: "64", ScriptTimeoutSeconds: "1", ScriptNetwork: "true"}
	}, `PackageKey: set, but there is nothing to use it for; set ScriptKey too, or unset it
ScriptStage: set, but there is nothing to use it for; set ScriptKey too, or unset it
JobSettings.ScriptMemoryMiB: set, but there is nothing to use it for; set ScriptKey too, or unset it
JobSettings.ScriptTimeoutSeconds: set, but there is nothing to use it for; set ScriptKey too, or unset it
JobSettings.ScriptNetwork: set, but there is nothing to use it for; set ScriptKey too, or unset it`)
	cluster("limits of no package", func(a *ProcessingClusterArgs) {
		a.ScriptKey, a.JobSettings = "s.py", JobSettings{ScriptNetwork: "false", PackageMaxFiles: "1", PackageMaxMiB: "1"}
	}, `JobSettings.PackageMaxFiles: set, but there is nothing to use it for; set PackageKey too, or unset it
JobSettings.PackageMaxMiB: set, but there is nothing to use it for; set PackageKey too, or unset it`)
	cluster("everything at once", func(a *ProcessingClusterArgs) {
		a.RepositoryName, a.ParameterPrefix, a.Network.CIDR, a.KeepImages = "Upper", "/ds", "8.8.8.0/24", 0
		a.BuildContext, a.InputKey, a.ScriptKey, a.OutputBucketName = "", "/raw", "a{{b", nil
	}, `RepositoryName: got "Upper", want 1 to 256 characters: lower-case letters and digits, with single . _ - or / between them
KeepImages: got 0, want 1 to 1000
Network.CIDR: got "8.8.8.0/24", want a private IPv4 range of /16 to /26 such as 10.0.0.0/24
ParameterPrefix: got "/ds", want 1 to 13 levels of letters, digits, _ . - between slashes, such as /ds/preprocessing/, at most 900 characters, not starting with aws or ssm
InputKey: got "/raw", want an object such as raw/data.csv, a prefix such as raw/ or a glob such as raw/*.csv: 1 to 1024 bytes, no slash at the start, no white space at either end, no {{
OutputBucketName: missing
ScriptKey: got "a{{b", want 1 to 1024 bytes, no slash at the start or the end, no white space at either end, no {{
BuildContext: missing`)

	pipeline("attempts and timeout", func(a *PipelineArgs) { a.Attempts, a.TaskTimeoutMinutes = 0, 10081 },
		"TaskTimeoutMinutes: got 10081, want 1 to 10080\nAttempts: got 0, want 1 to 10")
	pipeline("spot", func(a *PipelineArgs) { a.Attempts, a.UseSpot = 1, true },
		"Attempts: got 1 with Spot, want 2 or more: the last attempt does not use it")
	pipeline("email", func(a *PipelineArgs) { a.NotificationEmail = "someone" }, `NotificationEmail: got "someone", want one e-mail address`)
	pipeline("no input", func(a *PipelineArgs) { a.InputBucketName, a.ParameterPrefix = nil, "/ds" },
		"InputBucketName: missing\nParameterPrefix: got \"/ds\", want 1 to 13 levels of letters, digits, _ . - between slashes, such as /ds/preprocessing/, at most 900 characters, not starting with aws or ssm")
	pipeline("subscriptions", func(a *PipelineArgs) {
		a.Subscriptions = []string{"https://example.com", "sms:12", "https://example.com", "http://example.com"}
	}, `Subscriptions: number 2: the endpoint does not fit sms, want sms:+4915112345678
number 3: got the same as number 1, want each once
number 4: no protocol that is offered, want email:team@example.com, https://example.com/hook, lambda:arn:aws:lambda:<region>:<account>:function:<name>, sms:+4915112345678 or sqs:arn:aws:sqs:<region>:<account>:<queue>`)
	pipeline("nothing to run", func(a *PipelineArgs) { a.TaskDefinitionArn, a.SubnetIDs = nil, nil },
		"TaskDefinitionArn: missing\nSubnetIDs: missing")
	pipeline("name", func(a *PipelineArgs) { a.StateMachineName = "a b" },
		`StateMachineName: got "a b", want 1 to 80 characters: letters, digits, _ and -`)

	schedule("day twice", func(a *ScheduleArgs) { a.Expression = "cron(0 9 15 * * *)" },
		`Expression: got "cron(0 9 15 * * *)": want exactly one of day-of-month and day-of-week to be ?`)
	schedule("no zone", func(a *ScheduleArgs) { a.Expression, a.TimeZone = "monthly", "Berlin" },
		"Expression: got \"monthly\", want cron(minutes hours day-of-month month day-of-week year) or rate(<n> minutes|hours|days)\nTimeZone: got \"Berlin\", want the name of a time zone such as Europe/Berlin")
	schedule("arrival nowhere", func(a *ScheduleArgs) { a.ArrivalKey = "raw/data.csv" }, `ArrivalBucketName: missing`)
	schedule("arrival of nothing", func(a *ScheduleArgs) { a.ArrivalBucketName = pulumi.String("in") },
		`ArrivalKey: got "", want an object such as raw/data.csv, a prefix such as raw/ or a glob such as raw/*.csv: 1 to 1024 bytes, no slash at the start, no white space at either end, no {{`)
	schedule("no machine", func(a *ScheduleArgs) { a.StateMachineArn = nil }, `StateMachineArn: missing`)

	add("monitoring", `monitoring "m": Subscriptions: number 1: the endpoint does not fit sms, want sms:+4915112345678
RejectedPercent: got 101, want 0 to 100
DriftedColumns: got -1, want 0 to 10000
RuleName: want either it or ScheduleGroupName
MonthlyBudgetUSD: got -1, want 1 to 1000000
DashboardName: got "a b", want 1 to 255 characters: letters, digits, _ and -
NotificationEmail: got "me", want one e-mail address`, func(ctx *pulumi.Context) error {
		args := validMonitoring("")
		args.DashboardName, args.NotificationEmail, args.Subscriptions, args.RuleName = "a b", "me", []string{"sms:1"}, nil
		args.MonthlyBudgetUSD, args.RejectedPercent, args.DriftedColumns = -1, 101, -1
		_, err := NewMonitoring(ctx, "m", args)
		return err
	})
	add("watch", `watch "w": StateMachineName: got "a b", want 1 to 80 characters: letters, digits, _ and -
Expression: got "monthly", want cron(minutes hours day-of-month month day-of-week year) or rate(<n> minutes|hours|days)
TopicArn: missing`, func(ctx *pulumi.Context) error {
		args := validWatch("")
		args.StateMachineName, args.Expression, args.TopicArn = "a b", "monthly", nil
		_, err := NewWatch(ctx, "w", args)
		return err
	})
	add("no watch args", `watch "w": args are required`, func(ctx *pulumi.Context) error {
		_, err := NewWatch(ctx, "w", nil)
		return err
	})
	add("no monitoring args", `monitoring "m": args are required`, func(ctx *pulumi.Context) error {
		_, err := NewMonitoring(ctx, "m", nil)
		return err
	})
	add("no buckets args", `data buckets "data": args are required`, func(ctx *pulumi.Context) error {
		_, err := NewDataBuckets(ctx, "data", nil)
		return err
	})
	add("no cluster args", `processing cluster "processing": args are required`, func(ctx *pulumi.Context) error {
		_, err := NewProcessingCluster(ctx, "processing", nil)
		return err
	})
	add("no pipeline args", `pipeline "pipeline": args are required`, func(ctx *pulumi.Context) error {
		_, err := NewPipeline(ctx, "pipeline", nil)
		return err
	})
	add("no schedule args", `schedule "schedule": args are required`, func(ctx *pulumi.Context) error {
		_, err := NewSchedule(ctx, "schedule", nil)
		return err
	})
	return tests
}

// golden compares got, which is JSON, with the file testdata/<name>.json;
// UPDATE_GOLDEN=1 writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".json")
	text := indentJSON(t, got)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if text != string(want) {
		t.Errorf("%s differs; after a change that is meant, write it with UPDATE_GOLDEN=1 and review the diff. Got\n%s", file, text)
	}
}

func indentJSON(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Indent(&b, []byte(text), "", "  "); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	b.WriteByte('\n')
	return b.String()
}
