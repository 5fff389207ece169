package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/pkg/v3/secrets/passphrase"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"ds-pipeline/internal/simcloud/simstack"
	"ds-pipeline/stack"
)

const testAccount = "111111111111"

// deployable prepares a stack of our project for the account of these tests.
func deployable(t *testing.T, name string) *project {
	t.Helper()
	p := newAccount(t, testAccount).ours(stack.Deploy)
	p.must("stack", "init", name)
	p.must("config", "set", "accountId", testAccount, "--stack", name)
	p.must("config", "set", "aws:region", "us-east-1", "--stack", name)
	return p
}

func TestPreview_plansEverythingAndCreatesNothing(t *testing.T) {
	t.Parallel()
	p := deployable(t, "dev")
	plan := p.must("preview", "--stack", "dev")
	for _, want := range []string{"data-input", "processing-task", "pipeline-machine", "schedule-rule", "to create"} {
		if !strings.Contains(plan, want) {
			t.Errorf("the preview does not show %q:\n%s", want, plan)
		}
	}
	if n := p.cloud.Count(); n != 0 {
		t.Errorf("got %d resources after a preview, want 0", n)
	}
}

// As README.md says.
func TestUp_deploysAndThenHasNothingToDo(t *testing.T) {
	t.Parallel()
	p := deployable(t, "dev")
	p.must("up", "--yes", "--stack", "dev")
	outputs := p.outputs("dev")
	for _, name := range []string{
		"inputBucketName", "outputBucketName", "artifactBucketName", "imageUri", "repositoryUrl", "clusterName", "clusterArn",
		"taskDefinitionArn", "stateMachineName", "stateMachineArn", "logGroupName", "scheduleRuleName", "topicArn", "parameterPrefix",
	} {
		if s, ok := outputs[name].(string); !ok || s == "" {
			t.Errorf("output %s: got %v, want text", name, outputs[name])
		}
	}
	// --expect-no-changes fails when there is anything to do.
	p.must("preview", "--expect-no-changes", "--stack", "dev")
	p.must("refresh", "--yes", "--expect-no-changes", "--stack", "dev")
	p.must("destroy", "--yes", "--stack", "dev")
}

func TestSecrets_stayEncryptedInTheStateAndTheExport(t *testing.T) {
	t.Parallel()
	p := deployable(t, "dev")
	const address = "oncall-7f3a@example.org"
	p.must("config", "set", "--secret", "notificationEmail", address, "--stack", "dev")
	p.must("up", "--yes", "--stack", "dev")
	if export := p.export("dev"); strings.Contains(export, address) {
		t.Error("the export holds the secret address in clear")
	} else if !strings.Contains(export, `"ciphertext"`) {
		t.Error("the export holds no ciphertext at all")
	}
	for _, dir := range []string{p.backend, p.dir} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			text, err := os.ReadFile(path)
			if bytes.Contains(text, []byte(address)) {
				t.Errorf("%s holds the secret address in clear", path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if shown := p.must("stack", "export", "--show-secrets", "--stack", "dev"); !strings.Contains(shown, address) {
		t.Error("the address cannot be read back with the passphrase")
	}
}

func TestStackReference_readsTheOutputs(t *testing.T) {
	t.Parallel()
	producer := deployable(t, "dev")
	producer.must("up", "--yes", "--stack", "dev")
	consumer := producer.other("reports", func(ctx *pulumi.Context) error {
		ref, err := pulumi.NewStackReference(ctx, "organization/ds-pipeline/dev", nil)
		if err != nil {
			return err
		}
		ctx.Export("bucket", ref.GetStringOutput(pulumi.String("outputBucketName")))
		ctx.Export("machine", ref.GetStringOutput(pulumi.String("stateMachineArn")))
		return nil
	})
	consumer.must("stack", "init", "dev")
	consumer.must("up", "--yes", "--stack", "dev")
	want, got := producer.outputs("dev"), consumer.outputs("dev")
	if got["bucket"] != want["outputBucketName"] || got["machine"] != want["stateMachineArn"] || got["bucket"] == nil {
		t.Errorf("got %v, want the bucket and machine of %v", got, want)
	}
}

func TestProd_cannotBeDestroyed(t *testing.T) {
	t.Parallel()
	p := deployable(t, "prod")
	p.must("config", "set", "protectData", "true", "--stack", "prod")
	p.must("config", "set", "forceDestroyData", "false", "--stack", "prod")
	p.must("up", "--yes", "--stack", "prod")
	before := p.cloud.Count()
	if said := p.fails("destroy", "--yes", "--stack", "prod"); !strings.Contains(said, "cannot be deleted") || !strings.Contains(said, "protect") {
		t.Errorf("got\n%s\nwant a refusal that names the protection", said)
	}
	if after := p.cloud.Count(); after != before {
		t.Errorf("got %d resources after the refusal, want all %d", after, before)
	}
	p.must("preview", "--expect-no-changes", "--stack", "prod")
}

func TestWrongAccount_isRefused(t *testing.T) {
	t.Parallel()
	p := newAccount(t, "999999999999").ours(stack.Deploy)
	p.must("stack", "init", "prod")
	p.must("config", "set", "accountId", testAccount, "--stack", "prod")
	said := p.fails("up", "--yes", "--stack", "prod")
	if !strings.Contains(said, "999999999999") || !strings.Contains(said, testAccount) {
		t.Errorf("got\n%s\nwant both accounts named", said)
	}
	if n := p.cloud.Count(); n != 0 {
		t.Errorf("got %d resources, want none", n)
	}
}

func TestMistake_isShownOnItsResource(t *testing.T) {
	t.Parallel()
	p := newAccount(t, testAccount).other("mistaken", func(ctx *pulumi.Context) error {
		var queue pulumi.CustomResourceState
		return ctx.RegisterResource("aws:sqs/queue:Queue", "jobs", pulumi.Map{"delaySeconds": pulumi.Int(901)}, &queue)
	})
	p.must("stack", "init", "dev")
	p.must("config", "set", "aws:region", "us-east-1", "--stack", "dev")
	said := p.fails("preview", "--stack", "dev")
	if want := "aws:sqs/queue:Queue resource 'jobs' has a problem: delaySeconds: got 901, want 0 to 900"; !strings.Contains(said, want) {
		t.Errorf("got\n%s\nwant %q in it", said, want)
	}
}

// What dsplan exports is what the command line reads and writes.
func TestExportOfAPlan_canBeImported(t *testing.T) {
	t.Parallel()
	p := deployable(t, "dev")
	s, err := simstack.Open(context.Background(), stack.Deploy, simstack.OpenOptions{Dir: p.dir, Stack: "dev"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, s.Secrets, err = passphrase.NewPassphraseSecretsManager(testPassphrase); err != nil {
		t.Fatal(err)
	}
	deployment, err := s.Export(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(deployment)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "plan.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	p.must("stack", "import", "--file", file, "--stack", "dev")
	if got, want := p.outputs("dev")["stateMachineArn"], s.Outputs()["stateMachineArn"]; got == nil || got != want {
		t.Errorf("got output %v after the import, want %v", got, want)
	}
}

// The command line decides how names are made; the providers follow.
func TestAutonaming_isTheUsersChoice(t *testing.T) {
	t.Parallel()
	p := newAccount(t, testAccount).other("naming", func(ctx *pulumi.Context) error {
		var queue pulumi.CustomResourceState
		return ctx.RegisterResource("aws:sqs/queue:Queue", "jobs", nil, &queue)
	})
	p.must("stack", "init", "dev")
	p.must("config", "set", "aws:region", "us-east-1", "--stack", "dev")
	p.must("config", "set", "--path", "pulumi:autonaming.mode", "verbatim", "--stack", "dev")
	p.must("up", "--yes", "--stack", "dev")
	if got := p.cloud.IDs("aws:sqs/queue:Queue"); len(got) != 1 || !strings.HasSuffix(got[0], "/jobs") {
		t.Errorf("got queues %v, want one that is called jobs", got)
	}
}
