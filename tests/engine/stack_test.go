// Package engine_test deploys our stack, and programs of our components, on
// the real Pulumi engine in a simulated account.
package engine_test

import (
	"context"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"ds-pipeline/internal/programtest"
	"ds-pipeline/internal/simcloud/simstack"
	"ds-pipeline/internal/simcloud/simtest"
	"ds-pipeline/stack"
)

// source is the project's directory, root a copy of what a deployment reads of
// it: no test sees a file change in the middle.
const source = "../.."

var root string

func TestMain(m *testing.M) {
	programtest.Main(m, func(dir string) error {
		root = dir
		return copyProject(dir)
	})
}

const (
	bucket         = "aws:s3/bucketV2:BucketV2"
	logGroup       = "aws:cloudwatch/logGroup:LogGroup"
	taskDefinition = "aws:ecs/taskDefinition:TaskDefinition"
	role           = "aws:iam/role:Role"
)

// ours is our stack with what these tests rely on; the stack files belong to
// whoever deploys, and may say otherwise.
func ours(t *testing.T, name string, set map[string]string) *simtest.Scenario {
	t.Helper()
	return simtest.File(t, stack.Deploy, root, name, pinned(name, set))
}

func pinned(name string, set map[string]string) map[string]string {
	all := map[string]string{
		"aws:region":                   "us-east-1",
		"ds-pipeline:accountId":        "111111111111",
		"ds-pipeline:environment":      name,
		"ds-pipeline:logRetentionDays": "14",
		"ds-pipeline:resourceSuffix":   "",
		"ds-pipeline:scheduleEnabled":  "false",
		"ds-pipeline:taskCpu":          "2048",
		"ds-pipeline:taskMemoryMiB":    "4096",
		"ds-pipeline:protectData":      strconv.FormatBool(name == "prod"),
		"ds-pipeline:forceDestroyData": strconv.FormatBool(name == "dev"),
	}
	maps.Copy(all, set)
	return all
}

func TestStackFiles_deployAndSettle(t *testing.T) {
	for _, name := range []string{"dev", "prod"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := simtest.File(t, stack.Deploy, root, name, nil)
			deployed := s.Up()
			if len(deployed.Diagnostics) > 0 {
				t.Errorf("got diagnostics %v, want none", deployed.Diagnostics)
			}
			for name, value := range deployed.Outputs {
				if value.ContainsUnknowns() || value.IsString() && value.StringValue() == "" {
					t.Errorf("output %s: got %v, want a value", name, value)
				}
			}
			for _, id := range s.Cloud.IDs(bucket) {
				if !strings.Contains(id, s.Cloud.Account()) {
					t.Errorf("got bucket %q, want the account in its name", id)
				}
			}
			s.Settled()
		})
	}
}

func TestPreview_createsNothing(t *testing.T) {
	t.Parallel()
	s := ours(t, "dev", nil)
	planned := s.Preview()
	if n := s.Cloud.Count(); n != 0 {
		t.Errorf("got %d resources after a preview, want 0", n)
	}
	created := planned.Changes()["create"]
	// The image cannot be planned while its repository's address is unknown.
	if want := s.Up().Changes()["create"]; created != want && created != want-1 {
		t.Errorf("preview creates %d resources, up %d", created, want)
	}
}

func TestLogRetention_updatesTheLogGroupsOnly(t *testing.T) {
	t.Parallel()
	s := ours(t, "dev", nil)
	s.Up()
	s.Set("ds-pipeline:logRetentionDays", "60")
	want(t, s.Up(), map[string][]string{"update": {"pipeline-logs", "processing-logs", "watch-logs"}})
	s.Settled()
}

func TestTaskSize_replacesTheTaskDefinitionAndKeepsTheOldRevision(t *testing.T) {
	t.Parallel()
	s := ours(t, "dev", nil)
	s.Up()
	s.Set("ds-pipeline:taskMemoryMiB", "8192")
	want(t, s.Up(), map[string][]string{
		"create-replacement": {"processing-task"},
		"update":             {"outputs-task-definition-arn", "pipeline-machine"},
		"delete-replaced":    {"processing-task"},
	})
	// An execution that is under way still refers to it.
	if got := s.Cloud.IDs(taskDefinition); len(got) != 2 {
		t.Errorf("got revisions %v, want the old one and the new one", got)
	}
	s.Settled()
}

func TestPreview_saysWhatUpDoes(t *testing.T) {
	t.Parallel()
	s := ours(t, "dev", nil)
	s.Up()
	for key, value := range map[string]string{
		"ds-pipeline:logRetentionDays": "60",
		"ds-pipeline:taskMemoryMiB":    "8192",
		"ds-pipeline:networkCidr":      "10.1.0.0/24",
	} {
		s.Set(key, value)
		planned := simtest.Touched(s.Preview())
		done := simtest.Touched(s.Up())
		for op, names := range done {
			for _, name := range names {
				if !slices.Contains(planned[op], name) {
					t.Errorf("%s = %s: up did %s of %s, the preview said %v", key, value, op, name, planned)
				}
			}
		}
	}
}

func TestSchedule_switchesOnWithoutAReplacement(t *testing.T) {
	t.Parallel()
	s := ours(t, "dev", nil)
	s.Up()
	s.Set("ds-pipeline:scheduleEnabled", "true")
	want(t, s.Up(), map[string][]string{"update": {"schedule-rule", "watch-rule"}})
}

func TestSchedule_movesIntoATimeZoneAndBack(t *testing.T) {
	t.Parallel()
	s := ours(t, "dev", nil)
	s.Up()
	s.Set("ds-pipeline:scheduleTimezone", "Europe/Berlin")
	changed := simtest.Touched(s.Up())
	for _, name := range []string{"schedule-time", "schedule-group", "watch-time", "watch-group"} {
		if !slices.Contains(changed["create"], name) {
			t.Errorf("%s: got %v, want it created", name, changed)
		}
	}
	for _, name := range []string{"schedule-rule", "schedule-target", "watch-rule", "watch-target"} {
		if !slices.Contains(changed["delete"], name) {
			t.Errorf("%s: got %v, want it deleted", name, changed)
		}
	}
	s.Settled()
	s.Set("ds-pipeline:scheduleTimezone", "")
	s.Up()
	s.Settled()
	s.Destroy()
}

func TestSuffix_replacesTheBuckets(t *testing.T) {
	t.Parallel()
	s := ours(t, "dev", nil)
	s.Up()
	s.Set("ds-pipeline:resourceSuffix", "-blue")
	changed := simtest.Touched(s.Up())
	for _, name := range []string{"data-input", "data-output", "data-artifacts"} {
		if !slices.Contains(changed["create-replacement"], name) || !slices.Contains(changed["delete-replaced"], name) {
			t.Errorf("%s: got %v, want a replacement", name, changed)
		}
	}
	for _, id := range s.Cloud.IDs(bucket) {
		if !strings.HasSuffix(id, "-blue") {
			t.Errorf("got bucket %q, want only those that end in -blue", id)
		}
	}
	s.Settled()
}

func TestSuffix_twoEnvironmentsShareAnAccount(t *testing.T) {
	t.Parallel()
	first := ours(t, "dev", nil)
	first.Up()
	second := ours(t, "dev", map[string]string{"ds-pipeline:resourceSuffix": "-green"})
	second.Name = "green"
	second.Cloud = first.Cloud
	second.Up()
	if got := len(first.Cloud.IDs(bucket)); got != 6 {
		t.Errorf("got %d buckets, want 3 of each environment", got)
	}
	second.Destroy()
	first.Settled()
}

func TestNames_collisionsAreTheEnginesErrors(t *testing.T) {
	t.Parallel()
	first := ours(t, "dev", nil)
	first.Up()
	second := ours(t, "dev", nil)
	second.Name = "twin"
	second.Cloud = first.Cloud
	second.UpFails(
		`aws:s3/bucketV2:BucketV2 data-input: `, `the bucket "ds-input-dev-111111111111-us-east-1" exists already`,
		`aws:ecr/repository:Repository processing-repository: `,
		`aws:cloudwatch/logGroup:LogGroup processing-logs: `,
	)
}

func TestProd_refusesToBeDestroyed(t *testing.T) {
	t.Parallel()
	s := ours(t, "prod", nil)
	s.Up()
	s.DestroyIsRefused("data-input")
}

func TestWrongAccount_isRefusedBeforeAnythingIsCreated(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"dev", "prod"} {
		simtest.RefusesAccount(t, stack.Deploy, root, name, pinned(name, nil))
	}
}

func TestConfiguration_everyProblemAtOnce(t *testing.T) {
	t.Parallel()
	s := ours(t, "dev", map[string]string{
		"ds-pipeline:taskMemoryMiB":      "4097",
		"ds-pipeline:scheduleExpression": "cron(0 9 15 * * *)",
		"ds-pipeline:logRetentionDays":   "17",
		"ds-pipeline:logRetentionDay":    "30",
	})
	s.UpFails("logRetentionDay:", "logRetentionDays", "17", "scheduleExpression", "taskMemoryMiB", "4097")
	if n := s.Cloud.Count(); n != 0 {
		t.Errorf("got %d resources, want none", n)
	}
}

// A mistake that our own checks miss is the engine's error on its resource.
func TestMistake_isTheEnginesErrorOnItsResource(t *testing.T) {
	t.Parallel()
	spoil := func(typ, property string, value pulumi.Input) pulumi.RunFunc {
		return func(ctx *pulumi.Context) error {
			err := ctx.RegisterResourceTransform(func(_ context.Context, args *pulumi.ResourceTransformArgs) *pulumi.ResourceTransformResult {
				if args.Type != typ {
					return nil
				}
				args.Props[property] = value
				return &pulumi.ResourceTransformResult{Props: args.Props, Opts: args.Opts}
			})
			if err != nil {
				return err
			}
			return stack.Deploy(ctx)
		}
	}
	tests := []struct {
		name     string
		typ      string
		property string
		value    pulumi.Input
		want     string
	}{
		{"an unknown property", bucket, "buckt", pulumi.String("x"), `BucketV2 data-input: aws:s3/bucketV2:BucketV2 resource 'data-input' has a problem: buckt: unknown property; did you mean "bucket"?`},
		{"a value not offered", logGroup, "retentionInDays", pulumi.Int(17), `processing-logs: aws:cloudwatch/logGroup:LogGroup resource 'processing-logs' has a problem: retentionInDays: got 17, want one of 0, 1, 3`},
		{"a pair not offered", taskDefinition, "cpu", pulumi.String("256"), `processing-task: aws:ecs/taskDefinition:TaskDefinition resource 'processing-task' has a problem: memory: got "4096", want one of [512 1024 2048] with 256 CPU units`},
		{"no state machine", "aws:sfn/stateMachine:StateMachine", "definition", pulumi.String(`{"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}}}`), `definition: States.A.Next: got "B", want the name of a state here: "A"`},
		{"no policy", role, "assumeRolePolicy", pulumi.String(`{"Statement": []}`), `assumeRolePolicy.Version: missing`},
		{"no schedule", "aws:cloudwatch/eventRule:EventRule", "scheduleExpression", pulumi.String("cron(0 9 15 * * *)"), `want ? in exactly one of day-of-month and day-of-week`},
		{"a required property gone", "aws:ssm/parameter:Parameter", "type", nil, `type: missing, it is required`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := simtest.File(t, spoil(tt.typ, tt.property, tt.value), root, "dev", pinned("dev", nil))
			s.UpFails(tt.want)
		})
	}
}

func TestDestroy_leavesOnlyWhatIsKeptOnPurpose(t *testing.T) {
	t.Parallel()
	s := ours(t, "dev", nil)
	s.Up()
	s.Cloud.PutObjects("ds-input-dev-111111111111-us-east-1", 3) // forceDestroyData is true in dev
	s.Cloud.Calls()
	s.Destroy()
	if kept := s.Cloud.IDs(taskDefinition); s.Cloud.Count() != len(kept) {
		t.Errorf("got %d resources left, want the task definition's revisions %v alone", s.Cloud.Count(), kept)
	}
	order := map[string]int{}
	for i, call := range s.Cloud.Calls() {
		order[call.URN[strings.LastIndex(call.URN, ":")+1:]] = i
	}
	for _, pair := range [][2]string{
		{"schedule-target", "schedule-rule"}, {"schedule-target", "pipeline-machine"},
		{"pipeline-machine", "pipeline-role-policy"}, {"pipeline-role-policy", "pipeline-role"},
		{"data-input-policy", "data-input"}, {"processing-network-public-1", "processing-network"},
		{"processing-network-internet", "processing-network-gateway"},
	} {
		first, ok1 := order[pair[0]]
		second, ok2 := order[pair[1]]
		if !ok1 || !ok2 || first > second {
			t.Errorf("%s was deleted as number %d, %s as number %d; want the former first", pair[0], first, pair[1], second)
		}
	}
}

func TestDestroy_refusesToDeleteData(t *testing.T) {
	t.Parallel()
	// With an image of elsewhere the repository is empty and does not refuse first.
	s := ours(t, "dev", map[string]string{"ds-pipeline:forceDestroyData": "false",
		"ds-pipeline:imageUri": "111111111111.dkr.ecr.us-east-1.amazonaws.com/ds@sha256:" + strings.Repeat("0", 64)})
	s.Up()
	s.Cloud.PutObjects("ds-output-dev-111111111111-us-east-1", 1)
	s.DestroyFails("data-output", "BucketNotEmpty")
}

func TestDrift_isFoundAndRepaired(t *testing.T) {
	t.Parallel()
	s := ours(t, "dev", nil)
	s.Up()
	if err := s.Cloud.Change(logGroup, "/ecs/ds-preprocessing-dev", "retentionInDays", 1); err != nil {
		t.Fatal(err)
	}
	found := s.Refresh()
	if got := found.Find(logGroup, "processing-logs").Outputs["retentionInDays"].NumberValue(); got != 1 {
		t.Errorf("a refresh finds a retention of %v days, want 1", got)
	}
	want(t, s.Up(), map[string][]string{"update": {"processing-logs"}})
	got, _ := s.Cloud.Properties(logGroup, "/ecs/ds-preprocessing-dev")
	if got["retentionInDays"] != 14.0 {
		t.Errorf("up leaves a retention of %v days, want 14", got["retentionInDays"])
	}
}

func TestDrift_whatIsGoneIsMadeAgain(t *testing.T) {
	t.Parallel()
	s := ours(t, "dev", nil)
	s.Up()
	if err := s.Cloud.Remove(logGroup, "/ecs/ds-preprocessing-dev"); err != nil {
		t.Fatal(err)
	}
	s.Refresh()
	want(t, s.Up(), map[string][]string{"create": {"processing-logs"}})
}

// copyProject copies what an image is built from, and the stack files.
func copyProject(dir string) error {
	for _, name := range []string{"Dockerfile", ".dockerignore", "go.mod", "go.sum", "Pulumi.yaml", "Pulumi.dev.yaml", "Pulumi.prod.yaml"} {
		text, err := os.ReadFile(filepath.Join(source, name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			return err
		}
	}
	sources := os.DirFS(filepath.Join(source, "preprocess"))
	return fs.WalkDir(sources, ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == "testdata":
			return fs.SkipDir
		case d.IsDir():
			return os.MkdirAll(filepath.Join(dir, "preprocess", path), 0o700)
		}
		text, err := fs.ReadFile(sources, path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, "preprocess", path), text, 0o600)
	})
}

func TestImage_followsWhatItIsMadeOf(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := copyProject(dir); err != nil {
		t.Fatal(err)
	}
	s := simtest.File(t, stack.Deploy, dir, "dev", pinned("dev", nil))
	deployed := s.Up()
	repository := deployed.Outputs["repositoryUrl"].StringValue()
	first := s.Cloud.ImageTags(repository)
	if len(first) != 1 {
		t.Fatalf("got images %v, want one", first)
	}

	change := func(name string) {
		t.Helper()
		f, err := os.OpenFile(filepath.Join(dir, name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString("\n// changed\n"); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	change("README.md")
	if changes := s.Up().Changes(); len(changes) > 0 {
		t.Errorf("a file that is not in the image changes %v, want nothing", changes)
	}

	change("preprocess/main.go")
	changed := simtest.Touched(s.Up())
	if !slices.Contains(changed["create-replacement"], "processing-task") {
		t.Errorf("a new image changes %v, want a new task definition", changed)
	}
	second := s.Cloud.ImageTags(repository)
	if len(second) != 2 || !slices.Contains(second, first[0]) {
		t.Errorf("got images %v, want the new one beside the old one, %v: there must be something to roll back to", second, first)
	}
	s.Settled()
}

// want compares what an operation touched; components and the stack itself
// do not count.
func want(t *testing.T, r *simstack.Result, touched map[string][]string) {
	t.Helper()
	got := simtest.Touched(r)
	for op := range got {
		slices.Sort(got[op])
	}
	for op := range touched {
		slices.Sort(touched[op])
		if !slices.Equal(got[op], touched[op]) {
			t.Errorf("%s: got %v, want %v", op, got[op], touched[op])
		}
	}
	for op := range got {
		if touched[op] == nil {
			t.Errorf("%s: got %v, want none", op, got[op])
		}
	}
}

// Runs can be spread and be one task again; no bucket, table or machine is
// replaced on the way.
func TestScaleOut_comesAndGoesInPlace(t *testing.T) {
	t.Parallel()
	for _, source := range []string{"prefix", "inventory", "object"} {
		t.Run(source, func(t *testing.T) {
			t.Parallel()
			s := ours(t, "prod", nil)
			s.Up()
			changed := []string{"data-output-lifecycle", "pipeline-machine", "pipeline-role", "pipeline-role-policy", "processing-network-s3", "processing-task-role-policy", "watch-machine", "watch-role-policy"}
			s.Set("ds-pipeline:scaleOut", source)
			if source == "inventory" {
				s.Set("ds-pipeline:scaleOutInventoryKey", "inventory/manifest.json")
			}
			s.Set("ds-pipeline:scaleOutSpot", "true")
			want(t, s.Up(), map[string][]string{"update": changed, "create": {"processing-cluster-capacity"}})
			s.Settled()
			s.Set("ds-pipeline:scaleOutVcpus", "60")
			want(t, s.Up(), map[string][]string{"update": {"pipeline-machine"}})
			s.Set("ds-pipeline:scaleOut", "off")
			want(t, s.Up(), map[string][]string{"update": changed, "delete": {"processing-cluster-capacity"}})
			s.Settled()
		})
	}
}

// A stack that is new begins with it just as well.
func TestScaleOut_deploysAtOnce(t *testing.T) {
	t.Parallel()
	s := ours(t, "dev", map[string]string{"ds-pipeline:scaleOut": "object", "ds-pipeline:networkMode": "endpoints"})
	if got := s.Up().Diagnostics; len(got) > 0 {
		t.Errorf("got diagnostics %v, want none", got)
	}
	s.Settled()
}
