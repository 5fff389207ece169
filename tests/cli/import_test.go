package cli_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/config"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"ds-pipeline/internal/simcloud/simstack"
	"ds-pipeline/stack"
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
	ids map[string]string // of what the import file has, by type and name
}

func migrating(t *testing.T) *migration {
	t.Helper()
	p := newAccount(t, testAccount).ours(stack.Deploy)
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

var buildDspipe = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "dspipe")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "dspipe")
	if out, err := exec.Command("go", "build", "-o", path, source+"/cmd/dspipe").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build dspipe: %w\n%s", err, out)
	}
	return path, nil
})

// command does what a command of the page does. CloudFormation's are answered by
// the app's stack.
func (m *migration) command(words ...string) {
	m.t.Helper()
	switch strings.Join(words[:min(3, len(words))], " ") {
	case "aws cloudformation get-template":
		template := m.read("cdk-app.template.json")
		m.write(words[len(words)-1], append(append([]byte(`{"StagesAvailable": ["Original", "Processed"], "TemplateBody": `), template...), '}'))
		return
	case "aws cloudformation describe-stack-resources":
		m.write(words[len(words)-1], m.read("describe-stack-resources.json"))
		return
	case "aws cloudformation delete-stack":
		if _, err := m.app.Destroy(m.t.Context()); err != nil {
			m.t.Fatal(err)
		}
		return
	case "aws cloudformation wait":
		return
	}
	switch words[0] {
	case "dspipe":
		dspipe, err := buildDspipe()
		if err != nil {
			m.t.Fatal(err)
		}
		cmd := exec.Command(dspipe, words[1:]...)
		cmd.Dir, cmd.Env = m.dir, []string{"HOME=" + m.home}
		if out, err := cmd.CombinedOutput(); err != nil {
			m.t.Fatalf("%s: %v\n%s", strings.Join(words, " "), err, out)
		}
	case "pulumi":
		if words[1] == "up" || words[1] == "import" || strings.HasPrefix(strings.Join(words, " "), "pulumi stack rm") {
			words = append(words, "--yes")
		}
		m.must(words[1:]...)
	default:
		m.t.Fatalf("%s: this test cannot do that", strings.Join(words, " "))
	}
}

func (m *migration) read(name string) []byte {
	m.t.Helper()
	text, err := os.ReadFile(migrations + name)
	if err != nil {
		m.t.Fatal(err)
	}
	return text
}

func (m *migration) write(name string, text []byte) {
	m.t.Helper()
	if err := os.WriteFile(filepath.Join(m.dir, name), text, 0o600); err != nil {
		m.t.Fatal(err)
	}
}

// page is the commands of docs/migration.md.
func page(t *testing.T) (commands [][]string) {
	t.Helper()
	text, err := os.ReadFile(source + "/docs/migration.md")
	if err != nil {
		t.Fatal(err)
	}
	for l := range strings.Lines(string(text)) {
		command, ok := strings.CutPrefix(l, "    ")
		if !ok {
			command, ok = strings.CutPrefix(l, "$ ")
		}
		if ok {
			commands = append(commands, strings.Fields(command))
		}
	}
	return commands
}

// until does the commands of the page up to the first with these words.
func (m *migration) until(t *testing.T, words string) {
	t.Helper()
	for _, command := range page(t) {
		m.command(command...)
		if strings.Contains(strings.Join(command, " "), words) {
			return
		}
	}
	t.Fatalf("the page has no command %q", words)
}

// imported reads the import file.
func (m *migration) imported() {
	m.t.Helper()
	text, err := os.ReadFile(filepath.Join(m.dir, "import.json"))
	if err != nil {
		m.t.Fatal(err)
	}
	var file struct {
		Resources []struct{ Type, Name, ID string }
	}
	if err := json.Unmarshal(text, &file); err != nil {
		m.t.Fatal(err)
	}
	m.ids = map[string]string{}
	for _, r := range file.Resources {
		if r.Type != "pulumi:providers:aws" { // a preview does not show it
			m.ids[r.Type+" "+r.Name] = r.ID
		}
	}
}

// checkPreview wants that all that was imported stays.
func (m *migration) checkPreview() {
	m.t.Helper()
	var preview struct {
		Steps []struct{ Op, URN string }
	}
	if err := json.Unmarshal([]byte(m.must("preview", "--json", "--show-sames", "--stack", "dev")), &preview); err != nil {
		m.t.Fatal(err)
	}
	seen := 0
	for _, s := range preview.Steps {
		typ, name := urnParts(s.URN)
		if _, adopted := m.ids[typ+" "+name]; adopted {
			seen++
			if s.Op != "same" && s.Op != "update" {
				m.t.Errorf("%s: %s, want that it stays", s.URN, s.Op)
			}
		} else if s.Op != "create" && s.Op != "same" && s.Op != "update" {
			m.t.Errorf("%s: %s, want that it is new", s.URN, s.Op)
		}
	}
	if seen != len(m.ids) {
		m.t.Errorf("the preview has %d of the %d imported resources", seen, len(m.ids))
	}
}

// checkUp wants that what was imported was updated, and nothing deleted.
func (m *migration) checkUp() {
	m.t.Helper()
	updated := 0
	for _, call := range m.cloud.Calls() {
		typ, name := urnParts(call.URN)
		id, adopted := m.ids[typ+" "+name]
		switch {
		case call.Op == "delete", adopted && (call.Op != "update" || call.ID != id):
			m.t.Errorf("pulumi up: %v, want that it adopts %q", call, id)
		case adopted:
			updated++
		}
	}
	if updated == 0 {
		m.t.Error("pulumi up changed nothing of what was adopted, not even a description")
	}
}

// docs/migration.md, start to finish: no resource with data is replaced.
func TestMigration_goesAsThePageSays(t *testing.T) {
	t.Parallel()
	m := migrating(t)
	for _, command := range page(t) {
		m.command(command...)
		switch strings.Join(command[:2], " ") {
		case "dspipe import":
			m.imported()
		case "pulumi import":
			if calls := m.cloud.Calls(); len(calls) > 0 {
				t.Errorf("the import changed %v, want that it only reads", calls)
			}
			m.checkPreview()
		case "aws cloudformation":
			for _, call := range m.cloud.Calls() {
				if call.Op != "delete" || strings.HasPrefix(call.Type, "aws:s3/") || strings.HasPrefix(call.Type, "aws:ecr/") || strings.HasPrefix(call.Type, "aws:cloudwatch/logGroup") {
					t.Errorf("the deletion of the CloudFormation stack: %v, want that it is retained", call)
				}
			}
		case "pulumi up":
			m.checkUp()
		}
	}
	m.must("refresh", "--yes", "--expect-no-changes", "--stack", "dev")
	if n := len(m.ids); n != 21 {
		t.Errorf("got %d resources in the import file, want 21", n)
	}
}

// The names in the template lead to the same file as those that are deployed.
func TestMigration_needsNoListOfResources(t *testing.T) {
	t.Parallel()
	m := migrating(t)
	m.until(t, "dspipe import")
	m.command("dspipe", "import", "--stack", "dev", "--cloudformation", "template.json", "--write", "names.json")
	with, errWith := os.ReadFile(filepath.Join(m.dir, "import.json"))
	without, errWithout := os.ReadFile(filepath.Join(m.dir, "names.json"))
	if errWith != nil || errWithout != nil || !bytes.Equal(with, without) {
		t.Errorf("got %s\nwithout --resources, want %s", without, with)
	}
}

// The page's protectData refuses a configuration that would replace a bucket:
// the engine wants the protection both in the state, where the import put it, and
// in the program.
func TestMigration_protectsTheBuckets(t *testing.T) {
	t.Parallel()
	m := migrating(t)
	m.until(t, "pulumi import")
	m.must("config", "set", "environment", "test", "--stack", "dev")
	if said := m.fails("up", "--yes", "--stack", "dev"); !strings.Contains(said, "protect") || !strings.Contains(said, "data-input") {
		t.Errorf("got\n%s\nwant a refusal that names the protection and the bucket", said)
	}
	if calls := m.cloud.Calls(); len(calls) > 0 {
		t.Errorf("got %v, want that nothing changes", calls)
	}
}

// Going back, as the page says, touches nothing in AWS, and one can begin again.
func TestMigration_canBeUndone(t *testing.T) {
	t.Parallel()
	m := migrating(t)
	m.until(t, "pulumi import")
	m.command(strings.Fields("pulumi stack rm dev --force --preserve-config")...)
	if calls := m.cloud.Calls(); len(calls) > 0 {
		t.Errorf("got %v, want that nothing changes", calls)
	}
	m.until(t, "pulumi import")
}

// A stack with another suffix and the app share nothing.
func TestMigration_canBeTriedBeside(t *testing.T) {
	t.Parallel()
	m := migrating(t)
	before := len(m.cloud.IDs("aws:s3/bucketV2:BucketV2"))
	for _, command := range []string{
		"stack init dev", "config set accountId " + testAccount + " --stack dev", "config set-all --plaintext resourceSuffix=-blue --stack dev", "up --yes --stack dev", "destroy --yes --stack dev",
	} {
		m.must(strings.Fields(command)...)
	}
	if after := len(m.cloud.IDs("aws:s3/bucketV2:BucketV2")); after != before || before != 3 {
		t.Errorf("got %d buckets, want the app's %d", after, before)
	}
	for _, call := range m.cloud.Calls() {
		if strings.Contains(call.URN, "::cdk-app::") {
			t.Errorf("got %v, want that nothing of the app changes", call)
		}
	}
}

func TestMigration_refusesWhatDoesNotExist(t *testing.T) {
	t.Parallel()
	m := migrating(t)
	m.until(t, "dspipe import")
	if err := m.cloud.Remove("aws:s3/bucketVersioningV2:BucketVersioningV2", "ds-input-dev-"+testAccount+"-us-east-1"); err != nil {
		t.Fatal(err)
	}
	if said := m.fails("import", "--file", "import.json", "--generate-code=false", "--yes", "--stack", "dev"); !strings.Contains(said, "does not exist") {
		t.Errorf("got\n%s\nwant that it does not exist", said)
	}
}

// urnParts are the type and the name in a URN.
func urnParts(urn string) (typ, name string) {
	fields := strings.SplitN(urn, "::", 4)
	types := strings.Split(fields[2], "$")
	return types[len(types)-1], fields[3]
}
