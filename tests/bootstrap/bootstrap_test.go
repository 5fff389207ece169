// Package bootstrap_test prepares an account on the real Pulumi engine, in a
// simulated account.
package bootstrap_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"

	"ds-pipeline/bootstrap/foundation"
	"ds-pipeline/internal/simcloud/simtest"
	"ds-pipeline/stack"
)

const dir = "../../bootstrap"

// account is an account that is prepared; set overrides what this test relies on.
func account(t *testing.T, name string, set map[string]string) *simtest.Scenario {
	t.Helper()
	return simtest.File(t, foundation.Deploy, dir, name, pinned(name, set))
}

func pinned(name string, set map[string]string) map[string]string {
	all := map[string]string{
		"aws:region":                    "us-east-1",
		"ds-bootstrap:accountId":        map[string]string{"dev": "111111111111", "prod": "222222222222"}[name],
		"ds-bootstrap:repository":       "example/ds-pipeline",
		"ds-bootstrap:budgetEmails":     "you@example.com",
		"ds-bootstrap:monthlyBudgetUSD": "50",
	}
	maps.Copy(all, set)
	return all
}

func TestStackFiles_prepareAndSettle(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"dev", "prod"} {
		s := simtest.File(t, foundation.Deploy, dir, name, nil)
		made := s.Up()
		if len(made.Diagnostics) > 0 {
			t.Errorf("%s: got diagnostics %v, want none", name, made.Diagnostics)
		}
		id := s.Cloud.Account()
		want := map[string]string{
			"backendUrl":             "s3://pulumi-state-" + id + "-us-east-1?region=us-east-1",
			"secretsProvider":        "awskms://alias/pulumi-state?region=us-east-1",
			"stateBucketName":        "pulumi-state-" + id + "-us-east-1",
			"permissionsBoundaryArn": "arn:aws:iam::" + id + ":policy/ds-boundary-" + name,
			"previewRoleArn":         "arn:aws:iam::" + id + ":role/ds-preview-" + name,
			"deployRoleArn":          "arn:aws:iam::" + id + ":role/ds-deploy-" + name,
			"budgetName":             "ds-account-" + name,
		}
		for key, value := range made.Outputs {
			if key == "stateKeyArn" {
				if !strings.Contains(value.StringValue(), ":key/") {
					t.Errorf("%s: output stateKeyArn: got %v", name, value)
				}
				continue
			}
			if got := value.StringValue(); got != want[string(key)] {
				t.Errorf("%s: output %s: got %q, want %q", name, key, got, want[string(key)])
			}
			delete(want, string(key))
		}
		if len(want) > 0 {
			t.Errorf("%s: outputs %v are missing", name, want)
		}
		s.Settled()
	}
}

func TestPreview_createsNothing(t *testing.T) {
	t.Parallel()
	s := account(t, "dev", nil)
	planned := s.Preview().Changes()["create"]
	if n := s.Cloud.Count(); n != 0 {
		t.Errorf("got %d resources after a preview, want 0", n)
	}
	if created := s.Up().Changes()["create"]; created != planned {
		t.Errorf("preview creates %d resources, up %d", planned, created)
	}
}

func TestState_isPrivateVersionedAndEncryptedWithItsKey(t *testing.T) {
	t.Parallel()
	s := account(t, "prod", nil)
	made := s.Up()
	find := func(typ, name string) map[string]any {
		t.Helper()
		r := made.Find(typ, name)
		if r == nil {
			t.Fatalf("there is no %s", name)
		}
		return r.Inputs.Mappable()
	}
	if got := find("aws:s3/bucketVersioningV2:BucketVersioningV2", "state-bucket-versioning")["versioningConfiguration"].(map[string]any)["status"]; got != "Enabled" {
		t.Errorf("versioning is %v", got)
	}
	encryption := fmt.Sprint(find("aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2", "state-bucket-encryption")["rules"])
	if !strings.Contains(encryption, made.Outputs["stateKeyArn"].StringValue()) {
		t.Errorf("encryption is %s, want the key of the state", encryption)
	}
	for flag, value := range find("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", "state-bucket-public-access-block") {
		if value != true && flag != "bucket" && flag != "__defaults" {
			t.Errorf("%s is %v", flag, value)
		}
	}
	if policy := fmt.Sprint(find("aws:s3/bucketPolicy:BucketPolicy", "state-bucket-policy")["policy"]); !strings.Contains(policy, "aws:SecureTransport") || strings.Contains(policy, `"Allow"`) {
		t.Errorf("the policy is %s, want plain HTTP denied and nothing allowed", policy)
	}
	if got := find("aws:kms/key:Key", "state-key")["enableKeyRotation"]; got != true {
		t.Errorf("rotation is %v", got)
	}
}

func TestKeepStateDays_updatesTheLifecycleAlone(t *testing.T) {
	t.Parallel()
	s := account(t, "dev", nil)
	s.Up()
	s.Set("ds-bootstrap:keepStateDays", "7")
	if got := simtest.Touched(s.Up()); len(got) != 1 || !slices.Equal(got["update"], []string{"state-bucket-lifecycle"}) {
		t.Errorf("got %v, want the lifecycle updated", got)
	}
	s.Settled()
}

func TestRepository_updatesTheTrustAlone(t *testing.T) {
	t.Parallel()
	s := account(t, "dev", nil)
	s.Up()
	s.Set("ds-bootstrap:repository", "example/renamed")
	got := simtest.Touched(s.Up())
	slices.Sort(got["update"])
	if len(got) != 1 || !slices.Equal(got["update"], []string{"access-deploy", "access-preview"}) {
		t.Errorf("got %v, want both roles updated", got)
	}
}

func TestDestroy_isRefusedForTheState(t *testing.T) {
	t.Parallel()
	s := account(t, "dev", nil)
	s.Up()
	s.DestroyIsRefused("state-bucket")
}

func TestBudget_comesAndGoes(t *testing.T) {
	t.Parallel()
	s := account(t, "dev", nil)
	s.Up()
	s.Set("ds-bootstrap:monthlyBudgetUSD", "0")
	s.Set("ds-bootstrap:budgetEmails", "")
	s.Up()
	if got := s.Cloud.IDs("aws:budgets/budget:Budget"); len(got) != 0 {
		t.Errorf("got budgets %v, want none", got)
	}
	s.Settled()
}

func TestOIDCProvider_ofTheAccountIsUsed(t *testing.T) {
	t.Parallel()
	const arn = "arn:aws:iam::111111111111:oidc-provider/token.actions.githubusercontent.com"
	s := account(t, "dev", map[string]string{"ds-bootstrap:oidcProviderArn": arn})
	role := s.Up().Find("aws:iam/role:Role", "access-deploy")
	if got := s.Cloud.IDs("aws:iam/openIdConnectProvider:OpenIdConnectProvider"); len(got) != 0 {
		t.Errorf("got providers %v, want none", got)
	}
	if trust := role.Inputs["assumeRolePolicy"].StringValue(); !strings.Contains(trust, arn) {
		t.Errorf("got trust %s, want %s in it", trust, arn)
	}
}

func TestWrongAccount_isRefusedBeforeAnythingIsCreated(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"dev", "prod"} {
		simtest.RefusesAccount(t, foundation.Deploy, dir, name, pinned(name, nil))
	}
}

func TestConfiguration_everyProblemAtOnce(t *testing.T) {
	t.Parallel()
	s := account(t, "dev", map[string]string{
		"ds-bootstrap:accountId":         "",
		"ds-bootstrap:repository":        "example/*",
		"ds-bootstrap:githubEnvironment": "pro*",
		"ds-bootstrap:previewRefs":       "refs/heads/main, main",
		"ds-bootstrap:keepStateDays":     "0",
		"ds-bootstrap:keyDeletionDays":   "5",
		"ds-bootstrap:budgetEmails":      "you",
		"ds-bootstrap:repo":              "x",
	})
	s.UpFails(
		"accountId: missing; run `pulumi config set accountId <twelve digits>`",
		`repository: got "example/*", want <owner>/<name> of a repository on GitHub`,
		`githubEnvironment: got "pro*"`,
		`previewRefs: got "main", want one branch or tag such as refs/heads/main`,
		"keepStateDays: got 0, want 1 to 3650",
		"keyDeletionDays: got 5, want 7 to 30",
		`budgetEmails: got "you", want one e-mail address`,
		"repo: unknown key, did you mean",
	)
	if n := s.Cloud.Count(); n != 0 {
		t.Errorf("got %d resources, want none", n)
	}
}

func TestConfiguration_ofAnotherAccountsProvider(t *testing.T) {
	t.Parallel()
	account(t, "dev", map[string]string{"ds-bootstrap:oidcProviderArn": "arn:aws:iam::222222222222:oidc-provider/token.actions.githubusercontent.com"}).
		UpFails("oidcProviderArn: got", "want arn:aws:iam::111111111111:oidc-provider/")
	account(t, "dev", map[string]string{"ds-bootstrap:monthlyBudgetUSD": "0"}).UpFails("budgetEmails: got addresses without a budget")
	account(t, "dev", map[string]string{"aws:region": "us-gov-west-1"}).UpFails("monthlyBudgetUSD: got 50 in us-gov-west-1, want none")
}

// The boundary and the account fit the stack, whose roles all get it.
func TestStack_isDeployedIntoAPreparedAccount(t *testing.T) {
	t.Parallel()
	first := account(t, "dev", nil)
	outputs := first.Up().Outputs
	s := simtest.File(t, stack.Deploy, "../..", "dev", map[string]string{
		"ds-pipeline:accountId": "111111111111", "ds-pipeline:permissionsBoundaryArn": outputs["permissionsBoundaryArn"].StringValue(),
	})
	s.Cloud = first.Cloud
	s.Up()
	s.Settled()
	s.Destroy()
	first.Settled()
}

func TestPulumiYaml_documentsExactlyTheKeysThatAreRead(t *testing.T) {
	t.Parallel()
	project, err := workspace.LoadProject(dir + "/Pulumi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range foundation.Keys() {
		documented, ok := project.Config[k.Name]
		if !ok {
			t.Errorf("%s is not in Pulumi.yaml", k.Name)
			continue
		}
		if documented.TypeName() != k.Kind || fmt.Sprint(documented.Default) != k.Fallback || len(documented.Description) < 20 {
			t.Errorf("%s: got %s, default %v, %q; want %s, default %s, and a description", k.Name, documented.TypeName(), documented.Default, documented.Description, k.Kind, k.Fallback)
		}
		delete(project.Config, k.Name)
	}
	for name := range project.Config {
		t.Errorf("%s is in Pulumi.yaml and nobody reads it", name)
	}
}
