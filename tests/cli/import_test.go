package cli_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/config"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"ds-pipeline/internal/operate"
	"ds-pipeline/internal/simcloud/simstack"
)

const migrations = source + "/internal/migrate/testdata/"

// entity is a resource of the template, with the ID that CloudFormation gave it.
type entity struct {
	ID             string
	Type           string
	DeletionPolicy string
	Properties     map[string]any
}

// cdkApp reads the resources of the template and what CloudFormation calls them.
func cdkApp(t *testing.T) map[string]*entity {
	t.Helper()
	var template struct{ Resources map[string]*entity }
	var deployed struct {
		StackResources []struct{ LogicalResourceID, PhysicalResourceID string }
	}
	for name, v := range map[string]any{"cdk-app.template.json": &template, "describe-stack-resources.json": &deployed} {
		text, err := os.ReadFile(migrations + name)
		if err != nil {
			t.Fatal(err)
		}
		text = bytes.ReplaceAll(text, []byte("ResourceId"), []byte("ResourceID"))
		if err := json.Unmarshal(text, v); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range deployed.StackResources {
		template.Resources[r.LogicalResourceID].ID = r.PhysicalResourceID
	}
	return template.Resources
}

// at is a value within objects and lists of one.
func at(v any, path ...string) any {
	for _, key := range path {
		if list, ok := v.([]any); ok {
			v = list[0]
		}
		object, _ := v.(map[string]any)
		v = object[key]
	}
	return v
}

// cloudFormation makes what the template has that holds data or has a name, as
// CloudFormation would. Destroying it keeps what is retained.
func cloudFormation(resources map[string]*entity) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		role := &pulumi.CustomResourceState{}
		trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"states.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
		if err := ctx.RegisterResource("aws:iam/role:Role", "machine", pulumi.Map{"assumeRolePolicy": pulumi.String(trust)}, role); err != nil {
			return err
		}
		for _, logical := range slices.Sorted(maps.Keys(resources)) {
			r := resources[logical]
			var made pulumi.Resource
			register := func(typ, suffix string, props map[string]any) error {
				opts := []pulumi.ResourceOption{pulumi.RetainOnDelete(r.DeletionPolicy == "Retain")}
				if made != nil {
					opts = append(opts, pulumi.DependsOn([]pulumi.Resource{made}))
				}
				one := &pulumi.CustomResourceState{}
				err := ctx.RegisterResource(typ, logical+suffix, pulumi.ToMap(props), one, opts...)
				made = one
				return err
			}
			var err error
			switch r.Type {
			case "AWS::S3::Bucket":
				err = makeBucket(r, register)
			case "AWS::ECR::Repository":
				// Its lifecycle policy is overwritten, not adopted.
				err = register("aws:ecr/repository:Repository", "", map[string]any{"name": r.ID})
			case "AWS::Logs::LogGroup":
				err = register("aws:cloudwatch/logGroup:LogGroup", "", map[string]any{"name": r.ID, "retentionInDays": r.Properties["RetentionInDays"]})
			case "AWS::SSM::Parameter":
				value, plain := r.Properties["Value"].(string)
				if !plain {
					value = resources[at(r.Properties, "Value", "Ref").(string)].ID
				}
				err = register("aws:ssm/parameter:Parameter", "", map[string]any{"name": r.ID, "type": r.Properties["Type"], "value": value})
			case "AWS::ECS::Cluster":
				err = register("aws:ecs/cluster:Cluster", "", map[string]any{"name": r.ID})
			case "AWS::StepFunctions::StateMachine":
				err = ctx.RegisterResource("aws:sfn/stateMachine:StateMachine", logical, pulumi.Map{
					"name": pulumi.String(r.Properties["StateMachineName"].(string)), "definition": pulumi.String(`{"StartAt":"Preprocess","States":{"Preprocess":{"Type":"Pass","End":true}}}`),
					"roleArn": role.URN().ApplyT(func(any) string { return "arn:aws:iam::" + testAccount + ":role/machine" }),
				}, &pulumi.CustomResourceState{})
			}
			if err != nil {
				return fmt.Errorf("%s: %w", logical, err)
			}
		}
		return nil
	}
}

func makeBucket(r *entity, register func(typ, suffix string, props map[string]any) error) error {
	p := r.Properties
	settings := []struct {
		property, typ string
		props         map[string]any
	}{
		{"BucketName", "aws:s3/bucketV2:BucketV2", map[string]any{}},
		{"VersioningConfiguration", "aws:s3/bucketVersioningV2:BucketVersioningV2", map[string]any{"versioningConfiguration": map[string]any{"status": at(p, "VersioningConfiguration", "Status")}}},
		{"BucketEncryption", "aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2", map[string]any{"rules": []any{map[string]any{
			"applyServerSideEncryptionByDefault": map[string]any{"sseAlgorithm": at(p, "BucketEncryption", "ServerSideEncryptionConfiguration", "ServerSideEncryptionByDefault", "SSEAlgorithm")},
		}}}},
		{"PublicAccessBlockConfiguration", "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", map[string]any{"blockPublicAcls": true, "blockPublicPolicy": true, "ignorePublicAcls": true, "restrictPublicBuckets": true}},
		{"LifecycleConfiguration", "aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2", map[string]any{"rules": []any{map[string]any{
			"id": at(p, "LifecycleConfiguration", "Rules", "Id"), "status": "Enabled", "filter": map[string]any{"prefix": ""},
			"expiration": map[string]any{"days": at(p, "LifecycleConfiguration", "Rules", "ExpirationInDays")},
		}}}},
	}
	for _, s := range settings {
		if p[s.property] == nil {
			continue
		}
		s.props["bucket"] = r.ID
		if err := register(s.typ, s.property, s.props); err != nil {
			return err
		}
	}
	return nil
}

// migration is an account with the CDK app in it, and our project beside it.
type migration struct {
	*project
	app *simstack.Stack
}

func migrating(t *testing.T) *migration {
	t.Helper()
	p := deployable(t, "dev")
	m := &migration{project: p, app: &simstack.Stack{
		Project: "cdk-app", Name: "dev", Cloud: p.cloud, Program: cloudFormation(cdkApp(t)),
		Config: config.Map{config.MustMakeKey("aws", "region"): config.NewValue("us-east-1")},
	}}
	if _, err := m.app.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, bucket := range p.cloud.IDs("aws:s3/bucketV2:BucketV2") {
		p.cloud.PutObjects(bucket, 3)
	}
	p.cloud.Calls()
	return m
}

// dspipe runs `dspipe import` in the project's directory and returns the file
// that it writes.
func (m *migration) dspipe(args ...string) string {
	m.t.Helper()
	file := filepath.Join(m.dir, "import.json")
	var out bytes.Buffer
	args = append([]string{"import", "--stack", "dev", "--dir", m.dir, "--write", file, "--cloudformation", migrations + "cdk-app.template.json"}, args...)
	if status := (operate.Program{Getenv: func(string) string { return "" }, Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out}).Main(args); status != 0 {
		m.t.Fatalf("dspipe %s: exit status %d\n%s", strings.Join(args, " "), status, &out)
	}
	return file
}

// steps are what a preview would do, by the URN.
func (m *migration) steps() map[string]string {
	m.t.Helper()
	var preview struct {
		Steps []struct{ Op, URN string }
	}
	if err := json.Unmarshal([]byte(m.must("preview", "--json", "--stack", "dev")), &preview); err != nil {
		m.t.Fatal(err)
	}
	steps := map[string]string{}
	for _, s := range preview.Steps {
		steps[s.URN] = s.Op
	}
	return steps
}

func TestImport_replacesNothingOfTheApp(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"names of the template": nil,
		"names as deployed":     {"--resources", migrations + "describe-stack-resources.json"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := migrating(t)
			text, err := os.ReadFile(m.dspipe(args...))
			if err != nil {
				t.Fatal(err)
			}
			var file struct {
				Resources []struct{ Type, Name, ID string }
			}
			if err := json.Unmarshal(text, &file); err != nil {
				t.Fatal(err)
			}
			ids := map[string]string{}
			for _, r := range file.Resources {
				if r.Type != "pulumi:providers:aws" { // a preview does not show it
					ids[r.Type+" "+r.Name] = r.ID
				}
			}

			m.must("import", "--file", filepath.Join(m.dir, "import.json"), "--generate-code=false", "--yes", "--stack", "dev")
			if calls := m.cloud.Calls(); len(calls) > 0 {
				t.Errorf("the import changed %v, want that it only reads", calls)
			}
			seen := 0
			for urn, op := range m.steps() {
				typ, name := urnParts(urn)
				if _, ours := ids[typ+" "+name]; ours {
					seen++
					if op != "same" && op != "update" {
						t.Errorf("%s: %s, want that it stays", urn, op)
					}
				} else if op != "create" && op != "same" && op != "read" && op != "update" {
					t.Errorf("%s: %s, want that nothing else is there", urn, op)
				}
			}
			if seen != len(ids) {
				t.Errorf("the preview has %d of the %d imported resources", seen, len(ids))
			}

			if _, err := m.app.Destroy(t.Context()); err != nil {
				t.Fatal(err)
			}
			for _, call := range m.cloud.Calls() {
				if strings.HasPrefix(call.Type, "aws:s3/") || strings.HasPrefix(call.Type, "aws:ecr/") {
					t.Errorf("the deletion of the CloudFormation stack: %v, want that it is retained", call)
				}
			}
			m.must("up", "--yes", "--stack", "dev")
			updated := 0
			for _, call := range m.cloud.Calls() {
				id, adopted := ids[call.Type+" "+nameOf(call.URN)]
				switch {
				case call.Op == "delete", adopted && call.Op != "update", adopted && call.ID != id:
					t.Errorf("pulumi up: %v, want that it adopts %q", call, id)
				case adopted:
					updated++
				}
			}
			if updated == 0 {
				t.Error("pulumi up changed nothing of what was adopted, not even a tag")
			}
			m.must("preview", "--expect-no-changes", "--stack", "dev")
			m.must("refresh", "--yes", "--expect-no-changes", "--stack", "dev")
		})
	}
}

func urnParts(urn string) (typ, name string) {
	fields := strings.SplitN(urn, "::", 4)
	types := strings.Split(fields[2], "$")
	return types[len(types)-1], fields[3]
}

// With protectData a configuration that would replace a bucket is refused: the
// engine wants the protection both in the state, where the import put it, and in
// the program.
func TestImport_protectsWithProtectData(t *testing.T) {
	t.Parallel()
	m := migrating(t)
	m.must("import", "--file", m.dspipe(), "--generate-code=false", "--yes", "--stack", "dev")
	m.must("config", "set", "forceDestroyData", "false", "--stack", "dev")
	m.must("config", "set", "protectData", "true", "--stack", "dev")
	m.must("config", "set", "environment", "test", "--stack", "dev")
	if said := m.fails("up", "--yes", "--stack", "dev"); !strings.Contains(said, "protect") || !strings.Contains(said, "data-input") {
		t.Errorf("got\n%s\nwant a refusal that names the protection and the bucket", said)
	}
	if calls := m.cloud.Calls(); len(calls) > 0 {
		t.Errorf("got %v, want that nothing changes", calls)
	}
}

func TestImport_ofWhatDoesNotExistFails(t *testing.T) {
	t.Parallel()
	m := migrating(t)
	file := m.dspipe()
	if err := m.cloud.Remove("aws:s3/bucketVersioningV2:BucketVersioningV2", "ds-input-dev-"+testAccount+"-us-east-1"); err != nil {
		t.Fatal(err)
	}
	if said := m.fails("import", "--file", file, "--generate-code=false", "--yes", "--stack", "dev"); !strings.Contains(said, "does not exist") {
		t.Errorf("got\n%s\nwant that it does not exist", said)
	}
}

func nameOf(urn string) string {
	_, name := urnParts(urn)
	return name
}
