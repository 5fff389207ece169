package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pulumi/pulumi/pkg/v3/secrets/passphrase"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"ds-pipeline/stack"
)

const root = "../.."

// With asProcess set, the test binary is dsplan itself; with asSlowProcess its
// program never ends.
const (
	asProcess     = "DSPLAN_TEST_PROCESS"
	asSlowProcess = "DSPLAN_TEST_SLOW_PROCESS"
)

func TestMain(m *testing.M) {
	if os.Getenv(asSlowProcess) != "" {
		stackProgram = func(*pulumi.Context) error {
			fmt.Fprintln(os.Stderr, "running")
			select {}
		}
	}
	if os.Getenv(asProcess) != "" {
		main()
	}
	os.Exit(m.Run())
}

// plan runs dsplan in this process.
func plan(t *testing.T, run pulumi.RunFunc, env map[string]string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	p := program{run: run, getenv: func(name string) string { return env[name] }, stdout: &out, stderr: &errs}
	status = p.main(t.Context(), args)
	return status, out.String(), errs.String()
}

// project writes a project with one stack, dev.
func project(t *testing.T, settings string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"Pulumi.yaml":     "name: sample\nruntime: go\nconfig:\n  size: {type: integer, default: 3}\n  label: {type: string, default: none}\n",
		"Pulumi.dev.yaml": settings,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const plainSettings = "config:\n  aws:region: eu-central-1\n"

// queue makes one queue of the configured size and one secret parameter.
func queue(ctx *pulumi.Context) error {
	var q struct {
		pulumi.CustomResourceState
		ARN pulumi.StringOutput `pulumi:"arn"`
	}
	text, _ := ctx.GetConfig("sample:size")
	size, err := strconv.Atoi(text)
	if err != nil {
		return err
	}
	err = ctx.RegisterResource("aws:sqs/queue:Queue", "jobs", pulumi.Map{
		"name": pulumi.String("jobs"), "delaySeconds": pulumi.Int(size),
	}, &q)
	if err != nil {
		return err
	}
	var p pulumi.CustomResourceState
	err = ctx.RegisterResource("aws:ssm/parameter:Parameter", "key", pulumi.Map{
		"name": pulumi.String("/key"), "type": pulumi.String("SecureString"), "value": pulumi.ToSecret(pulumi.String("hush-7f3a")),
	}, &p)
	ctx.Export("arn", q.ARN)
	label, _ := ctx.GetConfig("sample:label")
	ctx.Export("label", pulumi.String(label))
	ctx.Export("password", pulumi.ToSecret(pulumi.String("hush-9b1c")))
	return err
}

func TestPlan_showsOurStacksAsATree(t *testing.T) {
	for _, name := range []string{"dev", "prod"} {
		status, out, errs := plan(t, stack.Deploy, nil, "--stack", name, "--dir", root)
		if status != exitOK {
			t.Fatalf("%s: got status %d\n%s", name, status, errs)
		}
		for _, want := range []string{
			"Stack " + name + " of ds-pipeline, planned in simulated account ",
			"├─ data ", "DataBuckets", "ProcessingCluster", "├─ schedule ", "├─ monitoring ", "└─ outputs ", "Schedule ",
			"│  ├─ data-input ", "s3.BucketV2", "sfn.StateMachine", "docker-build.Image",
			"\nOutputs\n", "stateMachineArn", "arn:aws:states:",
		} {
			if !strings.Contains(out, want) {
				t.Errorf("%s: the plan does not show %q:\n%s", name, want, out)
			}
		}
	}
}

// The README shows the tree; its spaces may differ.
func TestReadme_showsWhatIsPlanned(t *testing.T) {
	status, out, errs := plan(t, stack.Deploy, nil, "--dir", root, "--stack", "dev")
	if status != exitOK {
		t.Fatal(errs)
	}
	planned := map[string]bool{}
	for line := range strings.Lines(out) {
		planned[strings.Join(strings.Fields(line), " ")] = true
	}
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	shown := 0
	for line := range strings.Lines(string(readme)) {
		text := strings.Join(strings.Fields(line), " ")
		if !strings.HasPrefix(line, "    ") || !strings.HasSuffix(text, " resources") {
			continue
		}
		if shown++; !planned[text] {
			t.Errorf("README.md shows %q, which is not in the plan", text)
		}
	}
	if shown < 7 {
		t.Errorf("README.md shows %d lines of the plan, want the stack and its components", shown)
	}
}

func TestPlan_isTheSameEveryTime(t *testing.T) {
	dir := project(t, plainSettings)
	_, first, _ := plan(t, queue, nil, "-s", "dev", "--dir", dir)
	_, second, _ := plan(t, queue, nil, "-s", "dev", "--dir", dir)
	const want = `Stack dev of sample, planned in simulated account 123456789012

sample-dev  Stack          2 resources
├─ jobs     sqs.Queue      https://sqs.eu-central-1.amazonaws.com/123456789012/jobs
└─ key      ssm.Parameter  /key

Outputs
  arn       arn:aws:sqs:eu-central-1:123456789012:jobs
  label     none
  password  [secret]
`
	if first != want || second != want {
		t.Errorf("got\n%s\nthen\n%s\nwant\n%s", first, second, want)
	}
}

func TestJSON_holdsEveryResourceWithItsInputs(t *testing.T) {
	status, out, errs := plan(t, stack.Deploy, nil, "--stack", "dev", "--dir", root, "--json")
	if status != exitOK {
		t.Fatalf("got status %d\n%s", status, errs)
	}
	var doc document
	dec := json.NewDecoder(strings.NewReader(out))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&doc); err != nil {
		t.Fatal(err)
	}
	if doc.Stack != "dev" || doc.Outputs["stateMachineArn"] == nil {
		t.Errorf("got stack %q and outputs %v", doc.Stack, doc.Outputs)
	}
	urns := map[string]bool{}
	for _, r := range doc.Resources {
		urns[r.URN] = true
	}
	seen := map[string]bool{}
	for _, r := range doc.Resources {
		seen[r.Type] = true
		if r.Parent != "" && !urns[r.Parent] {
			t.Errorf("%s: its parent %s is not in the plan", r.Name, r.Parent)
		}
		if strings.Contains(r.Type, "aws:") && r.Type != "pulumi:providers:aws" && len(r.Inputs) == 0 {
			t.Errorf("%s: got no inputs", r.Name)
		}
		for name, v := range r.Inputs {
			if v == nil || strings.HasPrefix(name, "__") {
				t.Errorf("%s: got input %s = %v, want a resolved one", r.Name, name, v)
			}
		}
		if v, given := r.Inputs["value"]; r.Type == "aws:ssm/parameter:Parameter" && given && v != secret {
			t.Errorf("%s: got value %v, want it masked", r.Name, v)
		}
		if r.Type == "docker-build:index:Image" {
			registries, _ := r.Inputs["registries"].([]any)
			if registry, _ := registries[0].(map[string]any); registry["password"] != secret {
				t.Errorf("%s: got registry %v, want its password masked", r.Name, registry)
			}
		}
		if r.Type == "aws:sfn/stateMachine:StateMachine" && r.Name == "pipeline-machine" {
			if definition, _ := r.Inputs["definition"].(string); !json.Valid([]byte(definition)) || !strings.Contains(definition, "arn:aws:ecs:us-east-1:") {
				t.Errorf("got definition %v, want JSON with the cluster's ARN in it", r.Inputs["definition"])
			}
		}
	}
	for _, want := range []string{"pulumi:pulumi:Stack", "ds-pipeline:components:Pipeline", "awsx:ecr:Image", "aws:s3/bucketV2:BucketV2", "aws:ecs/taskDefinition:TaskDefinition"} {
		if !seen[want] {
			t.Errorf("the plan has no %s", want)
		}
	}
}

func TestExport_isADeploymentWithoutSecretsInClear(t *testing.T) {
	dir, file := project(t, plainSettings), filepath.Join(t.TempDir(), "deployment.json")
	env := map[string]string{"PULUMI_CONFIG_PASSPHRASE": "correct horse"}
	status, _, errs := plan(t, queue, env, "-s", "dev", "--dir", dir, "--export", file)
	if status != exitOK {
		t.Fatalf("got status %d\n%s", status, errs)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, hidden := range []string{"hush-7f3a", "hush-9b1c"} {
		if bytes.Contains(text, []byte(hidden)) {
			t.Errorf("the export holds %s in clear", hidden)
		}
	}
	var exported struct {
		Version    int
		Deployment struct {
			Manifest  struct{ Magic, Version string }
			Secrets   struct{ State struct{ Salt string } } `json:"secrets_providers"`
			Resources []struct{ URN, Type, ID string }
		}
	}
	if err := json.Unmarshal(text, &exported); err != nil {
		t.Fatal(err)
	}
	if exported.Version != 3 || exported.Deployment.Manifest.Magic == "" || len(exported.Deployment.Resources) != 4 {
		t.Errorf("got version %d, manifest %+v and %d resources, want version 3, a manifest, and the stack, its provider and two resources",
			exported.Version, exported.Deployment.Manifest, len(exported.Deployment.Resources))
	}
	if _, err := passphrase.GetPassphraseSecretsManager("correct horse", exported.Deployment.Secrets.State.Salt); err != nil {
		t.Errorf("the secrets cannot be read with the passphrase: %v", err)
	}
	if left, err := os.ReadDir(filepath.Dir(file)); err != nil || len(left) != 1 {
		t.Errorf("got files %v, %v, want the export alone", left, err)
	}
}

func TestExport_withoutAPassphraseIsStillEncrypted(t *testing.T) {
	dir, file := project(t, plainSettings), filepath.Join(t.TempDir(), "deployment.json")
	if status, _, errs := plan(t, queue, nil, "-s", "dev", "--dir", dir, "--export", file); status != exitOK {
		t.Fatalf("got status %d\n%s", status, errs)
	}
	text, err := os.ReadFile(file)
	if err != nil || bytes.Contains(text, []byte("hush")) || !bytes.Contains(text, []byte("ciphertext")) {
		t.Errorf("got %v and\n%s\nwant the secrets encrypted", err, text)
	}
}

func TestExport_thatCannotBeWrittenIsAnError(t *testing.T) {
	dir := project(t, plainSettings)
	status, out, errs := plan(t, queue, nil, "-s", "dev", "--dir", dir, "--export", filepath.Join(dir, "missing", "x.json"))
	if want := `there is no folder "missing" in ` + dir; status != exitUsage || out != "" || !strings.Contains(errs, want) {
		t.Errorf("got status %d, output %q, errors %q; want status 64 and %q", status, out, errs, want)
	}
}

func TestUsage_errorsAre64(t *testing.T) {
	dir := project(t, plainSettings)
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"no stack", nil, "--stack=NAME"},
		{"an unknown flag", []string{"--stack", "dev", "--verbose"}, "unknown flag --verbose"},
		{"an argument too many", []string{"--stack", "dev", "prod"}, "unexpected argument prod"},
		{"no account", []string{"--stack", "dev", "--account", "mine"}, `--account: got "mine", want 12 digits`},
		{"no directory", []string{"--stack", "dev", "--dir", filepath.Join(dir, "missing")}, `there is no folder "missing" in ` + dir},
		{"a file as directory", []string{"--stack", "dev", "--dir", filepath.Join(dir, "Pulumi.yaml")}, "it is a file; want a folder"},
		{"no project", []string{"--stack", "dev", "--dir", t.TempDir()}, "no Pulumi.yaml in "},
		{"nearly a deployment", []string{"--stack", "dev", "--dir", dir, "--diff", filepath.Join(dir, "Pulumi.yml")}, `did you mean "Pulumi.yaml"?`},
		{"nearly a base", []string{"--stack", "dev", "--dir", dir, "--review", filepath.Join(dir, "Pulumi.yml")}, `did you mean "Pulumi.yaml"?`},
		{"a drawing of another kind", []string{"--stack", "dev", "--graph", "png"}, `--graph: got "png", want svg`},
		{"a drawing as JSON", []string{"--stack", "dev", "--graph", "svg", "--json"}, "--graph: got it with --json"},
		{"two answers", []string{"--stack", "dev", "--cost", "--iam"}, "got --cost and --iam, want one of them"},
		{"all mistakes", []string{"--stack", "dev", "--account", "1", "--runs", "NaN", "--input-gb", "1e99"}, "--account: got \"1\", want 12 digits\n--runs: got NaN, want 0 to 1e+06\n--input-gb: got 1e+99"},
		{"an export of nothing", []string{"--stack", "dev", "--diff", "x", "--export", "y"}, "--export: got it with --diff or --review"},
		{"no such stack", []string{"--stack", "test", "--dir", dir}, `stack "test": no such stack: there is no ` + filepath.Join(dir, "Pulumi.test.yaml") + "; there are dev"},
	}
	status, _, errs := plan(t, queue, map[string]string{"PULUMI_CONFIG_PASSPHRASE_FILE": filepath.Join(dir, "phrase")}, "--stack", "dev", "--dir", dir)
	if status != exitUsage || !strings.Contains(errs, "PULUMI_CONFIG_PASSPHRASE_FILE") {
		t.Errorf("a file with the passphrase that is not there: got status %d and %q", status, errs)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, out, errs := plan(t, queue, nil, tt.args...)
			if status != exitUsage || out != "" || !strings.Contains(errs, tt.want) {
				t.Errorf("got status %d, output %q, errors %q; want status 64 and %q", status, out, errs, tt.want)
			}
		})
	}
}

func TestHelp_saysWhatItDoes(t *testing.T) {
	status, out, _ := plan(t, queue, nil, "--help")
	for _, want := range []string{"--stack", "--json", "--export", "--account", "--dir", "Exit status"} {
		if !strings.Contains(out, want) {
			t.Errorf("the help does not mention %s:\n%s", want, out)
		}
	}
	if status != exitOK {
		t.Errorf("got status %d, want 0", status)
	}
}

func TestErrors_areTheEnginesAndAllAtOnce(t *testing.T) {
	mistaken := func(ctx *pulumi.Context) error {
		var q, g pulumi.CustomResourceState
		if err := ctx.RegisterResource("aws:sqs/queue:Queue", "jobs", pulumi.Map{"delaySeconds": pulumi.Int(901)}, &q); err != nil {
			return err
		}
		return ctx.RegisterResource("aws:cloudwatch/logGroup:LogGroup", "logs", pulumi.Map{"retentionInDays": pulumi.Int(2)}, &g, pulumi.DependsOn([]pulumi.Resource{&q}))
	}
	status, out, errs := plan(t, mistaken, nil, "-s", "dev", "--dir", project(t, plainSettings))
	const want = `dsplan: stack "dev" cannot be deployed:
error: logs (aws:cloudwatch/logGroup:LogGroup): aws:cloudwatch/logGroup:LogGroup resource 'logs' has a problem: retentionInDays: got 2, want one of 0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653
error: jobs (aws:sqs/queue:Queue): aws:sqs/queue:Queue resource 'jobs' has a problem: delaySeconds: got 901, want 0 to 900
`
	if status != exitErrors || out != "" || errs != want {
		t.Errorf("got status %d, output %q, errors\n%s\nwant status 1 and\n%s", status, out, errs, want)
	}
}

func TestErrors_ofTheProgramAreShownOnce(t *testing.T) {
	failing := func(*pulumi.Context) error {
		return errors.Join(errors.New("first: got 1, want 2"), errors.New("second: missing"))
	}
	status, _, errs := plan(t, failing, nil, "-s", "dev", "--dir", project(t, plainSettings))
	const want = "dsplan: stack \"dev\" cannot be deployed:\nerror: first: got 1, want 2\n  second: missing\n"
	if status != exitErrors || errs != want {
		t.Errorf("got status %d and %q, want 1 and %q", status, errs, want)
	}
	panicking := func(*pulumi.Context) error { panic("ouch") }
	if status, _, errs := plan(t, panicking, nil, "-s", "dev", "--dir", project(t, plainSettings)); status != exitErrors || !strings.Contains(errs, "panicked: ouch") {
		t.Errorf("got status %d and %q, want 1 and the panic", status, errs)
	}
}

func TestConfiguration_isReadAsTheCommandLineDoes(t *testing.T) {
	tests := []struct {
		name, settings string
		status         int
		want           string // in either output
	}{
		{"defaults", plainSettings, exitOK, "label     none"},
		{"values", plainSettings + "  sample:label: fast\n  sample:size: 9\n", exitOK, "label     fast"},
		{"a value of another type", plainSettings + "  sample:size: many\n", exitErrors, "size"},
		{"no YAML", "config: [", exitErrors, "Pulumi.dev.yaml"},
		{"no region", "config: {}\n", exitErrors, "region: missing; run `pulumi config set aws:region <region>`"},
		{"an environment of the service", plainSettings + "environment: [shared]\n", exitErrors, "environment: a Pulumi Cloud environment cannot be read without an account"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, out, errs := plan(t, queue, nil, "-s", "dev", "--dir", project(t, tt.settings))
			if status != tt.status || !strings.Contains(out+errs, tt.want) {
				t.Errorf("got status %d, output\n%s\nerrors\n%s\nwant status %d and %q", status, out, errs, tt.status, tt.want)
			}
		})
	}
}

func TestSecureValues_areReadWithThePassphraseOrExplained(t *testing.T) {
	salt, manager, err := passphrase.NewPassphraseSecretsManager("correct horse")
	if err != nil {
		t.Fatal(err)
	}
	text, err := manager.Encrypter().EncryptValue(t.Context(), "private-label")
	if err != nil {
		t.Fatal(err)
	}
	dir := project(t, plainSettings+"  sample:label:\n    secure: "+text+"\nencryptionsalt: "+salt+"\n")
	file := filepath.Join(t.TempDir(), "phrase")
	if err := os.WriteFile(file, []byte("correct horse\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		env    map[string]string
		status int
		want   string
	}{
		{"the passphrase", map[string]string{"PULUMI_CONFIG_PASSPHRASE": "correct horse"}, exitOK, "private-label"},
		{"a file with it", map[string]string{"PULUMI_CONFIG_PASSPHRASE_FILE": file}, exitOK, "private-label"},
		{"nothing", nil, exitErrors, "sample:label is encrypted (secure:): set PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, out, errs := plan(t, queue, tt.env, "-s", "dev", "--dir", dir)
			if status != tt.status || !strings.Contains(out+errs, tt.want) {
				t.Errorf("got status %d, output\n%s\nerrors\n%s\nwant status %d and %q", status, out, errs, tt.status, tt.want)
			}
		})
	}
	// The engine remembers a passphrase that fitted, so this takes a new process.
	if status, _, errs, _ := process(t, []string{"PULUMI_CONFIG_PASSPHRASE=wrong"}, nil, "-s", "dev", "--dir", dir); status != exitErrors || !strings.Contains(errs, "the passphrase does not fit") {
		t.Errorf("got status %d and %q for a wrong passphrase, want it refused", status, errs)
	}
	inCloud := project(t, plainSettings+"  sample:label:\n    secure: abc\nsecretsprovider: awskms://alias/x\n")
	if status, _, errs := plan(t, queue, nil, "-s", "dev", "--dir", inCloud); status != exitErrors || !strings.Contains(errs, "with awskms://alias/x, which a plan without an account cannot use") {
		t.Errorf("got status %d and %q, want the provider named", status, errs)
	}
}

// What the configuration names is taken to be there: nobody has the account to ask.
func TestPlan_takesANetworkAndAKeyThatOthersOwn(t *testing.T) {
	settings := func(more string) string {
		return "config:\n  aws:region: eu-central-1\n  ds-pipeline:accountId: \"111111111111\"\n" +
			"  ds-pipeline:imageUri: 111111111111.dkr.ecr.eu-central-1.amazonaws.com/ds@sha256:" + strings.Repeat("0", 64) + "\n" + more
	}
	const network = "  ds-pipeline:networkMode: existing\n  ds-pipeline:vpcId: vpc-0123456789abcdef0\n  ds-pipeline:subnetIds: subnet-0123456789abcdef0, subnet-0123456789abcdef1\n"
	const key = "arn:aws:kms:eu-central-1:111111111111:key/12345678-1234-1234-1234-123456789012"
	dir := project(t, settings(network+"  ds-pipeline:flowLogs: false\n  ds-pipeline:auditTrailDays: 30\n  ds-pipeline:encryption: customer-key\n  ds-pipeline:kmsKeyArn: "+key+"\n"))
	text, err := os.ReadFile(filepath.Join(root, "Pulumi.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "Pulumi.yaml"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	status, out, errs := plan(t, stack.Deploy, nil, "--dir", dir, "--stack", "dev", "--json")
	if status != exitOK || strings.Contains(out, "aws:ec2/vpc:Vpc") {
		t.Fatalf("got status %d, %s, want a plan without a VPC", status, errs)
	}
	for _, want := range []string{`\"subnet-0123456789abcdef0\",\"subnet-0123456789abcdef1\"`, `"vpcId": "vpc-0123456789abcdef0"`, `"kmsKeyId": "` + key + `"`} {
		if !strings.Contains(out, want) {
			t.Errorf("the plan has no %s", want)
		}
	}
}

func TestAccount_isTheStacksUnlessSaid(t *testing.T) {
	dir := project(t, plainSettings+"  aws:allowedAccountIds: [\"222222222222\"]\n")
	if status, out, errs := plan(t, queue, nil, "-s", "dev", "--dir", dir); status != exitOK || !strings.Contains(out, "simulated account 222222222222") {
		t.Errorf("got status %d\n%s%s\nwant the allowed account", status, out, errs)
	}
	if status, _, errs := plan(t, queue, nil, "-s", "dev", "--dir", dir, "--account", "333333333333"); status != exitErrors || !strings.Contains(errs, "AWS account ID not allowed: 333333333333") {
		t.Errorf("got status %d\n%s\nwant the account refused", status, errs)
	}
}

// process runs dsplan as a process of its own, in empty surroundings, and
// returns the files that it left there.
func process(t *testing.T, env []string, then func(*exec.Cmd, *bytes.Buffer), args ...string) (status int, stdout, stderr string, left []string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	surroundings := t.TempDir()
	for _, name := range []string{"home", "tmp"} {
		if err := os.Mkdir(filepath.Join(surroundings, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Env = append([]string{asProcess + "=1", "HOME=" + filepath.Join(surroundings, "home"), "TMPDIR=" + filepath.Join(surroundings, "tmp")}, env...)
	var out, errs bytes.Buffer
	cmd.Stdout = &out
	pipe, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if then != nil {
		then(cmd, readLine(t, pipe.Read))
	}
	if _, err := errs.ReadFrom(pipe); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	err = filepath.WalkDir(surroundings, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			left = append(left, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String(), left
}

// readLine waits for the first line.
func readLine(t *testing.T, read func([]byte) (int, error)) *bytes.Buffer {
	t.Helper()
	var line bytes.Buffer
	for b := make([]byte, 1); !bytes.HasSuffix(line.Bytes(), []byte("\n")); {
		if _, err := read(b); err != nil {
			t.Fatalf("after %q: %v", line.String(), err)
		}
		line.Write(b)
	}
	return &line
}

func TestProcess_needsNothingAndLeavesNothing(t *testing.T) {
	status, out, errs, left := process(t, nil, nil, "--stack", "dev", "--dir", root, "--json")
	if status != exitOK || !json.Valid([]byte(out)) {
		t.Errorf("got status %d and\n%s%s\nwant a plan", status, out, errs)
	}
	if len(left) > 0 {
		t.Errorf("got files %v left, want none", left)
	}
	status, out, _, _ = process(t, nil, nil, "--nonsense")
	if status != exitUsage || out != "" {
		t.Errorf("got status %d and %q for an unknown flag, want 64", status, out)
	}
}

func TestProcess_interruptedEndsSoonAndLeavesNothing(t *testing.T) {
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		start := time.Now()
		dir := t.TempDir()
		status, out, _, left := process(t, []string{asSlowProcess + "=1"}, func(cmd *exec.Cmd, line *bytes.Buffer) {
			if line.String() != "running\n" {
				t.Errorf("got %q, want the program running", line)
			}
			if err := cmd.Process.Signal(signal); err != nil {
				t.Error(err)
			}
		}, "--stack", "dev", "--dir", root, "--export", filepath.Join(dir, "x.json"))
		if status != exitInterrupted || out != "" || len(left) > 0 {
			t.Errorf("%v: got status %d, output %q, files %v; want status 130 and nothing", signal, status, out, left)
		}
		if files, err := os.ReadDir(dir); err != nil || len(files) > 0 {
			t.Errorf("%v: got export %v, %v, want none", signal, files, err)
		}
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("%v: it took %v to end, want seconds", signal, took)
		}
	}
}

func TestPlainValues_maskSecretsAtEveryDepth(t *testing.T) {
	status, out, errs := plan(t, func(ctx *pulumi.Context) error {
		ctx.Export("nested", pulumi.Map{"list": pulumi.Array{pulumi.ToSecret(pulumi.String("hush")), pulumi.Int(1), pulumi.Bool(true)}})
		return nil
	}, nil, "-s", "dev", "--dir", project(t, plainSettings), "--json")
	if status != exitOK || strings.Contains(out, "hush") || !strings.Contains(out, secret) {
		t.Errorf("got status %d\n%s%s\nwant the secret masked", status, out, errs)
	}
}
