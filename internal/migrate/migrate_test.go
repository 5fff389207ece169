package migrate_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"ds-pipeline/internal/migrate"
	"ds-pipeline/preprocess/contract"
)

func read(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// app is the template of the CDK app, which a test may spoil.
type app map[string]any

func cdkApp(t *testing.T) app {
	t.Helper()
	var a app
	if err := json.Unmarshal(read(t, "cdk-app.template.json"), &a); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a app) resources() map[string]any { return a["Resources"].(map[string]any) }

func (a app) resource(id string) map[string]any { return a.resources()[id].(map[string]any) }

func (a app) properties(id string) map[string]any {
	return a.resource(id)["Properties"].(map[string]any)
}

func (a app) template(t *testing.T) *migrate.Template {
	t.Helper()
	text, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	template, err := migrate.ReadTemplate(text)
	if err != nil {
		t.Fatal(err)
	}
	return template
}

func dev() migrate.Target {
	return migrate.Target{
		Project: "ds-pipeline", Environment: "dev", Account: "111111111111", Region: "us-east-1", ParameterPrefix: contract.DefaultParameterPrefix,
		Settings: map[string]string{contract.InputKey: "raw/customers.csv", contract.ModelKey: contract.DefaultModelKey},
	}
}

const (
	input      = "InputBucket3BF8630A"
	output     = "OutputBucket7114EB27"
	repository = "Repository22E53BBD"
	logs       = "JobLogs8CBA6B0E"
	machine    = "Machine5A4C4F30"
	inputKey   = "InputKeyParameter0B0F2AA4"
	modelKey   = "ModelKeyParameter6D8C1E3B"
	key        = "Key961B73FD"
	keyArn     = "arn:aws:kms:us-east-1:111111111111:key/1234abcd-12ab-34cd-56ef-1234567890ab"
)

func TestNew_adoptsWhatHoldsData(t *testing.T) {
	t.Parallel()
	m, err := migrate.New(cdkApp(t).template(t), nil, dev(), nil)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, i := range m.Adopted {
		got[i.LogicalID] = i.ID + " " + strings.Join(i.As, " ")
	}
	for id, want := range map[string]string{
		input:      "ds-input-dev-111111111111-us-east-1 data-input data-input-versioning data-input-encryption data-input-public-access-block",
		output:     "ds-output-dev-111111111111-us-east-1 data-output data-output-versioning data-output-encryption data-output-lifecycle data-output-public-access-block",
		repository: "ds-preprocessing processing-repository",
		logs:       "/ecs/ds-preprocessing-dev processing-logs",
		inputKey:   "/ds/preprocessing/input-key processing-input-key",
	} {
		if got[id] != want {
			t.Errorf("%s: got %q, want %q", id, got[id], want)
		}
	}
	if len(got) != 9 || len(m.Left) != 0 || len(m.Anew)+len(m.Adopted) != len(cdkApp(t).resources()) {
		t.Errorf("got %d adopted, %d left, %d anew of %d; want 9, none and the rest", len(got), len(m.Left), len(m.Anew), len(cdkApp(t).resources()))
	}
}

func TestNew_tellsWhatToKnow(t *testing.T) {
	t.Parallel()
	target := dev()
	target.KeepVersionsDays, target.KeepImages, target.LogRetentionDays, target.ForceDestroy = 7, 5, 14, true
	target.Settings[contract.InputKey] = contract.DefaultInputKey
	a := cdkApp(t)
	a.properties(input)["BucketEncryption"] = map[string]any{"ServerSideEncryptionConfiguration": []any{map[string]any{"ServerSideEncryptionByDefault": map[string]any{"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": keyArn}}}}
	a.properties(output)["ObjectLockEnabled"] = true
	m, err := migrate.New(a.template(t), nil, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	said := strings.Join(m.Notes, "\n")
	for _, want := range []string{
		"overwritten or deleted more than 7 days ago is deleted for good",
		"pulumi destroy deletes them with all objects",
		"ds-preprocessing: only the newest 5 images are kept",
		"/ecs/ds-preprocessing-dev: records older than 14 days are deleted (logRetentionDays); so far they are kept 30 days",
		"`pulumi config set inputKey 'raw/customers.csv'` keeps the app's",
		"`pulumi config set kmsKeyArn " + keyArn + "`",
		"Object Lock stays",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("got\n%s\nwant %q in it", said, want)
		}
	}
	target.LogRetentionDays = 30
	if m, err = migrate.New(a.template(t), nil, target, nil); err != nil {
		t.Fatal(err)
	}
	if said := strings.Join(m.Notes, "\n"); strings.Contains(said, "records older") {
		t.Errorf("got\n%s\nwant nothing of records that are kept as long", said)
	}
}

func TestNew_refusesWhatWouldLoseData(t *testing.T) {
	t.Parallel()
	customerKey := func(target *migrate.Target) { target.CustomerKey = true }
	tests := []struct {
		name   string
		spoil  func(app)
		target func(*migrate.Target)
		leave  []string
		want   string
	}{
		{"bucket not retained", func(a app) { delete(a.resource(input), "DeletionPolicy") }, nil, nil, input + " (AWS::S3::Bucket, DsPreprocessingStack/InputBucket/Resource): ds-input-dev-111111111111-us-east-1 holds data and DeletionPolicy is Delete"},
		{"repository not retained", func(a app) { a.resource(repository)["DeletionPolicy"] = "Delete" }, nil, nil, "ds-preprocessing holds data and DeletionPolicy is Delete"},
		{"other bucket not retained", func(a app) {
			a.resources()["Other"] = map[string]any{"Type": "AWS::S3::Bucket", "Properties": map[string]any{"BucketName": "other"}}
		}, nil, nil, "say --leave Other"},
		{"table not retained", func(a app) { a.resources()["Table"] = map[string]any{"Type": "AWS::DynamoDB::Table"} }, nil, nil, "what it holds would be lost"},
		{"key not retained", func(a app) { a.resources()[key] = map[string]any{"Type": "AWS::KMS::Key"} }, nil, nil, "everything that it encrypted would be lost"},
		{"bucket that is emptied", func(a app) {
			a.resources()["Empty"] = map[string]any{"Type": "Custom::S3AutoDeleteObjects", "Properties": map[string]any{"BucketName": map[string]any{"Ref": input}}}
		}, nil, nil, "it deletes everything in ds-input-dev-111111111111-us-east-1 when the CloudFormation stack goes: take autoDeleteObjects out"},
		{"some bucket that is emptied", func(a app) {
			a.resources()["Empty"] = map[string]any{"Type": "Custom::S3AutoDeleteObjects"}
		}, nil, nil, "it deletes everything in BucketName"},
		{"repository that is emptied", func(a app) {
			a.resources()["Empty"] = map[string]any{"Type": "Custom::ECRAutoDeleteImages", "Properties": map[string]any{"RepositoryName": "ds-preprocessing"}}
		}, nil, nil, "take autoDeleteImages or emptyOnDelete out"},
		{"repository of a customer's key", func(a app) {
			a.properties(repository)["EncryptionConfiguration"] = map[string]any{"EncryptionType": "KMS", "KmsKey": keyArn}
		}, nil, nil, "it is encrypted with KMS, and this stack with AES256, which would replace it"},
		{"customer's key of the stack", func(app) {}, customerKey, nil, "it is encrypted with AES256, and this stack with a key that it makes, which would replace it"},
		{"machine that is retained", func(a app) { a.resource(machine)["DeletionPolicy"] = "Retain" }, nil, nil, `pulumi up creates another "ds-preprocessing-pipeline"`},
		{"retained repository that is left", func(app) {}, nil, []string{repository}, `--leave: pulumi up creates another "ds-preprocessing"`},
		{"leaves what is not there", func(app) {}, nil, []string{"Nothing"}, "--leave Nothing: there is no such resource"},
		{"parameter of another type", func(a app) { a.properties(inputKey)["Type"] = "StringList" }, nil, nil, `Type is "StringList", and this stack's is "String"`},
		{"parameter that the stack has not", func(a app) {
			a.resources()["Script"] = map[string]any{"Type": "AWS::SSM::Parameter", "DeletionPolicy": "Retain", "Properties": map[string]any{"Name": "/ds/preprocessing/script-key", "Value": "scripts/a.py"}}
		}, nil, nil, "/ds/preprocessing/script-key is retained and this stack does not have it"},
		{"two of one name", func(a app) { a.resources()["Zzz"] = a.resource(input) }, nil, nil, input + " is also called ds-input-dev-111111111111-us-east-1"},
		{"bucket without a name", func(a app) { delete(a.properties(input), "BucketName") }, nil, nil, input + " (AWS::S3::Bucket): its name is not in the template; give the output of `aws cloudformation describe-stack-resources` with --resources"},
		{"no account", func(app) {}, func(target *migrate.Target) { target.Account = "" }, nil, "BucketName: AWS::AccountId is not in the template; set accountId of the stack"},
		{"nothing to adopt", func(a app) {
			for id, r := range a.resources() {
				if r.(map[string]any)["Type"] != "AWS::EC2::VPC" {
					delete(a.resources(), id)
				}
			}
		}, nil, nil, "nothing in the template can be adopted"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a, target := cdkApp(t), dev()
			tt.spoil(a)
			if tt.target != nil {
				tt.target(&target)
			}
			_, err := migrate.New(a.template(t), nil, target, tt.leave)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v\nwant %q in it", err, tt.want)
			}
		})
	}
}

func TestNew_reportsEveryProblemAtOnce(t *testing.T) {
	t.Parallel()
	a := cdkApp(t)
	delete(a.resource(input), "DeletionPolicy")
	delete(a.properties(output), "BucketName")
	a.resource(machine)["DeletionPolicy"] = "Retain"
	_, err := migrate.New(a.template(t), nil, dev(), nil)
	for _, want := range []string{input, output, machine} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v\nwant %s in it", err, want)
		}
	}
}

// A customer's key that both have is no reason to replace anything.
func TestNew_takesTheKeyThatTheAppHas(t *testing.T) {
	t.Parallel()
	a, target := cdkApp(t), dev()
	a.resources()[key] = map[string]any{"Type": "AWS::KMS::Key", "DeletionPolicy": "Retain"}
	a.properties(repository)["EncryptionConfiguration"] = map[string]any{"EncryptionType": "KMS", "KmsKey": keyArn}
	target.CustomerKey, target.KMSKeyArn = true, keyArn
	m, err := migrate.New(a.template(t), nil, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Left) != 1 || m.Left[0].LogicalID != key || !strings.Contains(m.Left[0].Why, "kmsKeyArn") {
		t.Errorf("got %v left, want the key, and how the stack uses it", m.Left)
	}
}

func TestNew_saysWhatABucketOfAnotherNameNeeds(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"ds-input-staging-111111111111-us-east-1-blue": `environment "staging" and resourceSuffix "-blue" would make them one`,
		"dspreprocessingstack-inputbucket-1x2y3z":      "`aws s3 sync s3://dspreprocessingstack-inputbucket-1x2y3z s3://ds-input-dev-111111111111-us-east-1`",
	} {
		a := cdkApp(t)
		a.properties(input)["BucketName"] = name
		m, err := migrate.New(a.template(t), nil, dev(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(m.Left) != 1 || m.Left[0].LogicalID != input || !strings.Contains(m.Left[0].Why, want) {
			t.Errorf("%s: got %v left, want %q", name, m.Left, want)
		}
	}
}

// The policy of a bucket and what is retained of parameters are adopted, unless
// --leave says otherwise.
func TestNew_goesByTheDeletionPolicy(t *testing.T) {
	t.Parallel()
	const policy = "InputBucketPolicy3BF8630A"
	a := cdkApp(t)
	a.resource(policy)["DeletionPolicy"] = "RetainExceptOnCreate"
	a.resource(modelKey)["DeletionPolicy"] = "Retain"
	where := func(leave ...string) map[string]string {
		m, err := migrate.New(a.template(t), nil, dev(), leave)
		if err != nil {
			t.Fatal(err)
		}
		all := map[string]string{}
		for group, items := range map[string][]migrate.Item{"adopted": m.Adopted, "anew": m.Anew, "left": m.Left} {
			for _, i := range items {
				all[i.LogicalID] = group + " " + strings.Join(i.As, " ")
			}
		}
		return all
	}
	if got := where(); got[policy] != "adopted data-input-policy" || got[modelKey] != "adopted processing-model-key" {
		t.Errorf("got %q and %q, want both adopted", got[policy], got[modelKey])
	}
	if got := where(policy); got[policy] != "left " {
		t.Errorf("got %q, want that --leave leaves it", got[policy])
	}
}

func TestNew_goesByWhatIsDeployed(t *testing.T) {
	t.Parallel()
	deployed := func(from, to string) *migrate.Deployed {
		d, err := migrate.ReadDeployed([]byte(strings.ReplaceAll(string(read(t, "describe-stack-resources.json")), from, to)))
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	a := cdkApp(t)
	for _, id := range []string{input, output, repository, logs} {
		for _, property := range []string{"BucketName", "RepositoryName", "LogGroupName"} {
			delete(a.properties(id), property)
		}
	}
	target := dev()
	target.Account = ""
	m, err := migrate.New(a.template(t), deployed("", ""), target, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Adopted) != 9 {
		t.Errorf("got %v adopted, want all 9 by their physical IDs", m.Adopted)
	}
	if accounts := m.File.Resources[0].Inputs["allowedAccountIds"]; accounts.([]any)[0] != "111111111111" {
		t.Errorf("got accounts %v, want that of the CloudFormation stack", accounts)
	}
	for _, tt := range []struct{ from, to, want string }{
		{"cloudformation:us-east-1", "cloudformation:eu-west-1", "is in eu-west-1 and this stack in us-east-1"},
		{"us-east-1:111111111111:stack", "us-east-1:333333333333:stack", "is in account 333333333333 and this stack in 111111111111"},
		{`"LogicalResourceId": "` + input, `"LogicalResourceId": "Gone`, input + " (AWS::S3::Bucket) is in the template and not among the deployed resources"},
		{`"PhysicalResourceId": "ds-input-dev`, `"PhysicalResourceId": "ds-input-old`, `is called "ds-input-dev-111111111111-us-east-1" in the template and "ds-input-old-111111111111-us-east-1" where it is deployed`},
	} {
		if _, err := migrate.New(cdkApp(t).template(t), deployed(tt.from, tt.to), dev(), nil); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("got %v\nwant %q in it", err, tt.want)
		}
	}
}

func TestReadDeployed_readsWhatTheCommandsPrint(t *testing.T) {
	t.Parallel()
	d, err := migrate.ReadDeployed([]byte(`{"StackResourceSummaries":[
		{"LogicalResourceId":"A","PhysicalResourceId":"a","ResourceType":"AWS::S3::Bucket","LastUpdatedTimestamp":"2026-03-27T08:15:42.183000+00:00","ResourceStatus":"CREATE_COMPLETE"},
		{"LogicalResourceId":"B","PhysicalResourceId":"b","ResourceStatus":"DELETE_COMPLETE"}]}`))
	if err != nil || len(d.IDs) != 1 || d.IDs["A"] != "a" {
		t.Errorf("got %v, %v; want a alone", d, err)
	}
	for text, want := range map[string]string{
		`{}`: "no resources, want what `aws cloudformation describe-stack-resources", `[`: "read JSON", `{"StackResources":[{}]}`: "without LogicalResourceId",
		`{"StackResources":[{"LogicalResourceId":"A"}],"NextToken":"x"}`: "there are more resources than these",
	} {
		if _, err := migrate.ReadDeployed([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
}
