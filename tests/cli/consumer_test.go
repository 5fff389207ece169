package cli_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"ds-pipeline/examples/consumer/reports"
	"ds-pipeline/stack"
)

// consumer is the project of another team beside the stack dev of a program like
// ours.
func consumer(t *testing.T, program pulumi.RunFunc) (producer, consumer *project) {
	t.Helper()
	producer = deployable(t, "dev")
	producer.language = serveLanguage(t, program)
	producer.must("up", "--yes", "--stack", "dev")
	consumer = &project{account: producer.account, dir: t.TempDir(), language: serveLanguage(t, reports.Deploy)}
	for _, name := range []string{"Pulumi.yaml", "Pulumi.dev.yaml"} {
		copyFile(t, filepath.Join(source, "examples", "consumer", name), filepath.Join(consumer.dir, name))
	}
	consumer.must("stack", "init", "dev")
	return producer, consumer
}

func TestConsumer_getsASecretOutputAsOne(t *testing.T) {
	t.Parallel()
	producer, consumer := consumer(t, func(ctx *pulumi.Context) error {
		if err := stack.Deploy(ctx); err != nil {
			return err
		}
		ctx.Export("outputBucketName", pulumi.ToSecret(ctx.GetCurrentExportMap()["outputBucketName"]))
		return nil
	})
	consumer.must("up", "--yes", "--stack", "dev")
	if got := consumer.outputs("dev"); !strings.HasPrefix(got["readerRoleArn"].(string), "arn:aws:iam::"+testAccount+":role/") {
		t.Errorf("got outputs %v", got)
	}
	const bucket = "ds-output-dev-" + testAccount
	if state := consumer.export("dev"); strings.Contains(state, bucket) || !strings.Contains(state, `"ciphertext"`) {
		t.Error("the consumer's state has the secret name of the bucket in clear")
	}
	if state := consumer.must("stack", "export", "--show-secrets", "--stack", "dev"); !strings.Contains(state, bucket) {
		t.Error("the consumer's state does not have the name of the bucket")
	}
	consumer.must("preview", "--expect-no-changes", "--stack", "dev")
	consumer.must("destroy", "--yes", "--stack", "dev")
	producer.must("preview", "--expect-no-changes", "--stack", "dev")
}

// A stack from before outputs had a version exports what it exports today, less it.
func TestConsumer_isToldThatTheProducerIsOlder(t *testing.T) {
	t.Parallel()
	_, consumer := consumer(t, func(ctx *pulumi.Context) error {
		ctx.Export("outputBucketName", pulumi.String("ds-output-dev"))
		ctx.Export("stateMachineArn", pulumi.String("arn:aws:states:us-east-1:"+testAccount+":stateMachine:ds-preprocessing-pipeline"))
		return nil
	})
	said := consumer.fails("preview", "--stack", "dev")
	if want := "stack organization/ds-pipeline/dev: outputs: the stack has no outputsVersion, so it is older than this program, which needs version"; !strings.Contains(said, want) {
		t.Errorf("got\n%s\nwant %q in it", said, want)
	}
}
