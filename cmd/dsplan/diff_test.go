package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"ds-pipeline/internal/review"
	"ds-pipeline/stack"
)

var phrase = map[string]string{"PULUMI_CONFIG_PASSPHRASE": "a phrase"}

// exported deploys and writes the deployment to a file.
func exported(t *testing.T, run pulumi.RunFunc, dir string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "deployment.json")
	if status, _, errs := plan(t, run, phrase, "-s", "dev", "--dir", dir, "--export", file); status != exitOK {
		t.Fatalf("status %d: %s", status, errs)
	}
	return file
}

// configure changes the stack file of a project.
func configure(t *testing.T, dir, more string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "Pulumi.dev.yaml"), []byte(plainSettings+more), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestDiff_findsNothingInWhatIsDeployed(t *testing.T) {
	file := exported(t, stack.Deploy, root)
	status, out, errs := plan(t, stack.Deploy, phrase, "-s", "dev", "--dir", root, "--diff", file)
	if status != exitOK || out != "nothing would change\n" {
		t.Errorf("status %d: %s%s", status, out, errs)
	}
}

func TestDiff_namesWhatWouldChange(t *testing.T) {
	dir := project(t, plainSettings)
	file := exported(t, queue, dir)
	configure(t, dir, "  sample:size: 7\n")
	status, out, errs := plan(t, queue, phrase, "-s", "dev", "--dir", dir, "--diff", file)
	if want := "~ update   jobs                               sqs.Queue  delaySeconds\n\n0 to delete, 0 to replace, 1 to update, 0 to create\n"; status != exitChanges || out != want {
		t.Errorf("status %d, got\n%swant\n%s%s", status, out, want, errs)
	}
	configure(t, dir, "")
	other := func(ctx *pulumi.Context) error {
		var q pulumi.CustomResourceState
		return ctx.RegisterResource("aws:sqs/queue:Queue", "jobs", pulumi.Map{"name": pulumi.String("others"), "delaySeconds": pulumi.Int(3)}, &q)
	}
	status, out, _ = plan(t, other, phrase, "-s", "dev", "--dir", dir, "--diff", file)
	if status != exitChanges || !strings.Contains(out, "- delete   key ") || !strings.Contains(out, "± replace  jobs ") || !strings.Contains(out, "because of name") || !strings.Contains(out, "1 to delete, 1 to replace, 0 to update, 0 to create") {
		t.Errorf("status %d, got\n%s", status, out)
	}
	status, out, _ = plan(t, other, phrase, "-s", "dev", "--dir", dir, "--diff", file, "--json")
	var doc struct{ Changes []review.Change }
	if err := json.Unmarshal([]byte(out), &doc); err != nil || status != exitChanges || len(doc.Changes) != 2 {
		t.Errorf("status %d, got %s, %v", status, out, err)
	}
}

func TestDiff_showsNoSecret(t *testing.T) {
	dir := project(t, plainSettings)
	file := exported(t, queue, dir)
	_, out, errs := plan(t, queue, phrase, "-s", "dev", "--dir", dir, "--diff", file, "--json")
	if strings.Contains(out+errs, "hush") {
		t.Errorf("shows a secret: %s%s", out, errs)
	}
}

func TestDiff_saysWhyADeploymentCannotBeRead(t *testing.T) {
	dir := project(t, plainSettings)
	file := exported(t, queue, dir)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	write := func(text string) string {
		name := filepath.Join(t.TempDir(), "d.json")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	// Pulumi remembers, within a process, what has been opened by the right phrase.
	unopened := exported(t, queue, dir)
	for name, tt := range map[string]struct {
		file string
		env  map[string]string
		want string
	}{
		"no phrase":       {file, nil, "set PULUMI_CONFIG_PASSPHRASE"},
		"another phrase":  {unopened, map[string]string{"PULUMI_CONFIG_PASSPHRASE": "other"}, "is not the passphrase of the deployment"},
		"another service": {write(strings.Replace(string(text), `"type": "passphrase"`, `"type": "service"`, 1)), phrase, "export it with --show-secrets"},
		"another stack":   {write(strings.ReplaceAll(string(text), "urn:pulumi:dev::", "urn:pulumi:prod::")), phrase, "the deployment is of stack prod of sample, want dev of sample"},
		"no deployment":   {write(`{"version":3}`), phrase, "want a deployment, as 'pulumi stack export' writes it"},
		"no JSON":         {write("version: 3"), phrase, "want a deployment"},
	} {
		if status, _, errs := plan(t, queue, tt.env, "-s", "dev", "--dir", dir, "--diff", tt.file); status != exitErrors || !strings.Contains(errs, tt.want) {
			t.Errorf("%s: status %d, got %q, want %q", name, status, errs, tt.want)
		}
	}
	if status, _, errs := plan(t, queue, phrase, "-s", "dev", "--dir", dir, "--diff", file, "--cost"); status != exitUsage || !strings.Contains(errs, "got --cost and --diff, want one of them") {
		t.Errorf("status %d, got %q", status, errs)
	}
	// An empty stack has everything to create.
	status, out, _ := plan(t, queue, nil, "-s", "dev", "--dir", dir, "--diff", write(`{"version":3,"deployment":{"manifest":{"time":"2026-01-01T00:00:00Z","magic":"","version":""}}}`))
	if status != exitChanges || !strings.Contains(out, "0 to delete, 0 to replace, 0 to update, 3 to create") {
		t.Errorf("status %d, got %s", status, out)
	}
}
