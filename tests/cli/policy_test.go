package cli_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// policyPack builds the pack as `make build-policies` does.
func policyPack(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "dspolicies")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", path, "./cmd/dspolicies")
	build.Dir = source
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the policy pack: %v\n%s", err, output)
	}
	return path
}

// As docs/policies.md says.
func TestPolicies_areKeptByBothStacks(t *testing.T) {
	t.Parallel()
	pack := policyPack(t)
	config, err := filepath.Abs(filepath.Join(source, "policies.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, stack := range []struct{ name, scaleOut string }{{"dev", "off"}, {"prod", "off"}, {"prod", "object"}} {
		t.Run(stack.name+" with scaleOut "+stack.scaleOut, func(t *testing.T) {
			t.Parallel()
			name := stack.name
			p := deployable(t, name)
			p.must("config", "set", "scaleOut", stack.scaleOut, "--stack", name)
			said := p.must("up", "--yes", "--stack", name, "--policy-pack", pack, "--policy-pack-config", config)
			if !strings.Contains(said, "ds-policies@") {
				t.Errorf("got\n%s\nwant the pack named: it may not have run", said)
			}
			if strings.Contains(said, "is not needed") {
				t.Errorf("got\n%s\nwant no exception in policies.json without a need", said)
			}
		})
	}
}

func TestPolicies_stopAViolation(t *testing.T) {
	t.Parallel()
	p := newAccount(t, testAccount).other("careless", func(ctx *pulumi.Context) error {
		var bucket pulumi.CustomResourceState
		return ctx.RegisterResource("aws:s3/bucketV2:BucketV2", "data", pulumi.Map{"bucket": pulumi.String("careless-data")}, &bucket)
	})
	p.must("stack", "init", "dev")
	p.must("config", "set", "aws:region", "us-east-1", "--stack", "dev")
	said := p.fails("preview", "--stack", "dev", "--policy-pack", policyPack(t))
	for _, want := range []string{"[mandatory]", "bucket-blocks-public-access", "no public access block is attached", "bucket-refuses-plain-http"} {
		if !strings.Contains(said, want) {
			t.Errorf("got\n%s\nwant %q in it", said, want)
		}
	}
}
