package components

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"ds-pipeline/preprocess/contract"
)

func recordProcessingCluster(t *testing.T, spoil func(*ProcessingClusterArgs)) *recorder {
	t.Helper()
	return record(t, func(ctx *pulumi.Context) error {
		args := validProcessingCluster("")
		if spoil != nil {
			spoil(args)
		}
		_, err := NewProcessingCluster(ctx, "processing", args)
		return err
	})
}

func TestProcessingCluster_policiesAreTheReviewedOnes(t *testing.T) {
	r := recordProcessingCluster(t, nil)
	golden(t, "policy-task", r.one(t, "processing-task-role-policy").text("policy"))
	golden(t, "policy-execution", r.one(t, "processing-execution-role-policy").text("policy"))
	golden(t, "trust-task", r.one(t, "processing-task-role").text("assumeRolePolicy"))
	golden(t, "trust-execution", r.one(t, "processing-execution-role").text("assumeRolePolicy"))
	golden(t, "lifecycle-repository", r.one(t, "processing-repository-lifecycle").text("policy"))
}

func TestProcessingCluster_containerIsTheReviewedOne(t *testing.T) {
	r := recordProcessingCluster(t, func(a *ProcessingClusterArgs) {
		a.ImageURI = "111111111111.dkr.ecr.us-east-1.amazonaws.com/ds-preprocessing@sha256:" + strings.Repeat("a", 64)
	})
	golden(t, "container", r.one(t, "processing-task").text("containerDefinitions"))
}

func TestProcessingCluster_taskRunsOnFargateAndIsKept(t *testing.T) {
	task := recordProcessingCluster(t, nil).one(t, "processing-task")
	for field, want := range map[string]string{
		"family": "ds-preprocessing", "cpu": "2048", "memory": "4096", "networkMode": "awsvpc",
		"taskRoleArn":      "arn:aws:iam::111111111111:role/processing-task-role",
		"executionRoleArn": "arn:aws:iam::111111111111:role/processing-execution-role",
	} {
		if got := task.text(field); got != want {
			t.Errorf("%s is %q, want %q", field, got, want)
		}
	}
	if !task.inputs["skipDestroy"].BoolValue() {
		t.Error("old revisions are deregistered")
	}
	if got := task.inputs["volumes"].ArrayValue(); len(got) != 1 || got[0].ObjectValue()["name"].StringValue() != "scratch" {
		t.Errorf("volumes %v", got)
	}
}

func TestProcessingCluster_architectureFeedsImageAndTask(t *testing.T) {
	for architecture, want := range map[Architecture][2]string{AMD64: {"linux/amd64", "X86_64"}, ARM64: {"linux/arm64", "ARM64"}} {
		r := recordProcessingCluster(t, func(a *ProcessingClusterArgs) { a.Architecture = architecture })
		if got := r.one(t, "processing-image").text("platform"); got != want[0] {
			t.Errorf("%s: the image is built for %s", architecture, got)
		}
		platform := r.one(t, "processing-task").inputs["runtimePlatform"].ObjectValue()
		if got := platform["cpuArchitecture"].StringValue(); got != want[1] {
			t.Errorf("%s: the task runs on %s", architecture, got)
		}
	}
}

// A tag of the repository cannot be moved, so a second build has to give the
// same image; the Dockerfile does the rest.
func TestProcessingCluster_imageCanBeBuiltAgain(t *testing.T) {
	image := recordProcessingCluster(t, nil).one(t, "processing-image")
	if got := image.inputs["args"].ObjectValue()["SOURCE_DATE_EPOCH"].StringValue(); got != "0" {
		t.Errorf("the image is dated %s", got)
	}
	wantCache := "111111111111.dkr.ecr.us-east-1.amazonaws.com/ds-preprocessing:" + image.text("imageTag")
	if got := image.inputs["cacheFrom"].ArrayValue()[0].StringValue(); got != wantCache {
		t.Errorf("the cache is %s, want %s", got, wantCache)
	}
	dockerfile, err := os.ReadFile("../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"-trimpath", "-buildvcs=false", "--date=@0"} {
		if !strings.Contains(string(dockerfile), part) {
			t.Errorf("the Dockerfile has no %s", part)
		}
	}
}

// The two images are made of the same files, and a tag cannot be moved.
func TestProcessingCluster_imageWithPythonIsAnother(t *testing.T) {
	plain := recordProcessingCluster(t, nil).one(t, "processing-image")
	python := recordProcessingCluster(t, func(a *ProcessingClusterArgs) { a.Python = true }).one(t, "processing-image")
	if got, want := python.text("imageTag"), plain.text("imageTag")+"-python"; got != want {
		t.Errorf("tag %s, want %s", got, want)
	}
	if got := python.text("target"); got != "python" {
		t.Errorf("target %q", got)
	}
	if _, set := plain.inputs["target"]; set {
		t.Error("the usual image is not the last target")
	}
	dockerfile, err := os.ReadFile("../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	stage := map[string]string{}
	for _, in := range dockerfileInstructions(string(dockerfile)) {
		switch {
		case in.keyword == "FROM" && stage["FROM"] != "":
			stage["end"] = "yes"
		case in.keyword == "FROM" && strings.HasSuffix(in.rest, " AS python"), stage["FROM"] != "" && stage["end"] == "":
			stage[in.keyword] = in.rest
		}
	}
	for keyword, want := range map[string]string{"USER": containerUser, "VOLUME": `["` + scratchDir + `"]`, "ENTRYPOINT": `["/preprocess"]`, "CMD": `["run"]`, "ENV": contract.EnvPython + "=/usr/bin/python3"} {
		if stage[keyword] != want {
			t.Errorf("target python: %s %s, want %s", keyword, stage[keyword], want)
		}
	}
	if run, set := stage["RUN"]; set {
		t.Errorf("target python runs %s, which differs from build to build", run)
	}
}

func TestProcessingCluster_storesTheContractsParameters(t *testing.T) {
	r := recordProcessingCluster(t, func(a *ProcessingClusterArgs) { a.ScriptKey = "scripts/x.py" })
	want := map[string]string{
		"input-bucket": "in", "output-bucket": "out", "artifact-bucket": "artifacts",
		"input-key": contract.DefaultInputKey, "model-key": contract.DefaultModelKey, "script-key": "scripts/x.py",
	}
	got := map[string]string{}
	for _, res := range r.resources {
		if res.kind == "aws:ssm/parameter:Parameter" {
			got[strings.TrimPrefix(res.text("name"), "/ds/preprocessing/")] = res.text("insecureValue")
		}
	}
	if len(got) != len(want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s is %q, want %q", name, got[name], value)
		}
	}
}

// TestProcessingCluster_everyParameterOfTheContractHasAField fails when the
// contract grows and this package does not.
func TestProcessingCluster_everyParameterOfTheContractHasAField(t *testing.T) {
	args := validProcessingCluster("")
	args.ScriptKey, args.PackageKey, args.ScriptStage = "s", "p", "after"
	values := args.parameters()
	for _, p := range contract.Parameters() {
		if _, ok := values[p.Name]; !ok {
			t.Errorf("%s cannot be configured", p.Name)
		}
		delete(values, p.Name)
	}
	for name := range values {
		t.Errorf("%s is not in the contract", name)
	}
}

func TestProcessingCluster_prebuiltImageNeedsNoBuild(t *testing.T) {
	uri := "333333333333.dkr.ecr.eu-west-1.amazonaws.com/shared/job@sha256:" + strings.Repeat("b", 64)
	r := recordProcessingCluster(t, func(a *ProcessingClusterArgs) { a.ImageURI, a.BuildContext = uri, "" })
	for _, res := range r.resources {
		if strings.HasPrefix(res.kind, "awsx:") {
			t.Errorf("%s %s is built", res.kind, res.name)
		}
	}
	var containers []containerDefinition
	if err := json.Unmarshal([]byte(r.one(t, "processing-task").text("containerDefinitions")), &containers); err != nil {
		t.Fatal(err)
	}
	if containers[0].Image != uri {
		t.Errorf("the task runs %s", containers[0].Image)
	}
	policy := r.one(t, "processing-execution-role-policy").text("policy")
	if !strings.Contains(policy, `"arn:aws:ecr:eu-west-1:333333333333:repository/shared/job"`) {
		t.Errorf("the image cannot be pulled with %s", policy)
	}
}

func TestProcessingCluster_repositoryIsImmutableAndScanned(t *testing.T) {
	repository := recordProcessingCluster(t, nil).one(t, "processing-repository")
	if got := repository.text("imageTagMutability"); got != "IMMUTABLE" {
		t.Errorf("tags are %s", got)
	}
	if !repository.inputs["imageScanningConfiguration"].ObjectValue()["scanOnPush"].BoolValue() {
		t.Error("images are not scanned")
	}
	if repository.inputs["forceDelete"].BoolValue() {
		t.Error("images can be deleted with the repository")
	}
}

func TestProcessingCluster_nobodyCanConnectToATask(t *testing.T) {
	r := recordProcessingCluster(t, nil)
	group := r.one(t, "processing-network-task").inputs
	if in := group["ingress"].ArrayValue(); len(in) != 0 {
		t.Errorf("ingress %v", in)
	}
	out := group["egress"].ArrayValue()
	if len(out) != 1 {
		t.Fatalf("egress %v", out)
	}
	rule := out[0].ObjectValue()
	if rule["fromPort"].NumberValue() != 443 || rule["toPort"].NumberValue() != 443 || rule["protocol"].StringValue() != "tcp" {
		t.Errorf("egress %v", rule)
	}
	for _, direction := range []string{"ingress", "egress"} {
		if rules := r.one(t, "processing-network-default").inputs[key(direction)].ArrayValue(); len(rules) != 0 {
			t.Errorf("default security group: %s %v", direction, rules)
		}
	}
	for _, res := range r.resources {
		if strings.Contains(res.kind, "natGateway") || strings.Contains(res.kind, ":Eip") {
			t.Errorf("%s costs money at rest", res.kind)
		}
	}
}

func TestProcessingCluster_subnetsAreApartAndInside(t *testing.T) {
	r := recordProcessingCluster(t, nil)
	one, two := r.one(t, "processing-network-public-1"), r.one(t, "processing-network-public-2")
	if one.text("cidrBlock") != "10.0.0.0/26" || two.text("cidrBlock") != "10.0.0.64/26" {
		t.Errorf("ranges %s and %s", one.text("cidrBlock"), two.text("cidrBlock"))
	}
	if one.text("availabilityZone") != "us-east-1a" || two.text("availabilityZone") != "us-east-1b" {
		t.Errorf("zones %s and %s", one.text("availabilityZone"), two.text("availabilityZone"))
	}
}

// Python comes from Debian's archive as it was on one day, so that the same files
// give the same image: the base and all that is installed are of that day.
func TestDockerfile_takesPythonFromOneDay(t *testing.T) {
	source, err := os.ReadFile("../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	days := map[string]int{}
	for _, m := range regexp.MustCompile(`(?:debian:trixie-(\d{8})-slim|/(\d{8})T000000Z)`).FindAllStringSubmatch(string(source), -1) {
		days[m[1]+m[2]]++
	}
	if len(days) != 1 {
		t.Errorf("days %v, want one", days)
	}
	for day, times := range days {
		if times != 3 {
			t.Errorf("%s is named %d times, want 3: the base image, the archive and its security fixes", day, times)
		}
	}
	if strings.Contains(string(source), "pip install") {
		t.Error("wheels come from elsewhere")
	}
}

// TestDockerfile_agreesWithTheTaskDefinition reads the real Dockerfile.
func TestDockerfile_agreesWithTheTaskDefinition(t *testing.T) {
	source, err := os.ReadFile("../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	last := map[string]string{} // of the last stage
	stages := 0
	var build string
	for _, in := range dockerfileInstructions(string(source)) {
		if in.keyword == "FROM" {
			stages++
			last = map[string]string{}
		}
		if in.keyword == "RUN" && strings.Contains(in.rest, "go build") {
			build = in.rest
		}
		last[in.keyword] = in.rest
		if in.keyword == "COPY" && stages > 1 && len(in.flags) == 0 {
			t.Errorf("line %d: the last stage copies %s from the build context", in.line, in.rest)
		}
	}
	if stages < 2 {
		t.Errorf("%d stage, want several", stages)
	}
	for keyword, want := range map[string]string{
		"FROM": "scratch", "USER": containerUser, "VOLUME": `["` + scratchDir + `"]`, "ENTRYPOINT": `["/preprocess"]`, "CMD": `["run"]`,
	} {
		if last[keyword] != want {
			t.Errorf("%s %s, want %s", keyword, last[keyword], want)
		}
	}
	if _, shell := last["RUN"]; shell {
		t.Error("the last stage runs something, and has nothing to run it with")
	}
	for _, part := range []string{"CGO_ENABLED=0", "GOARCH=$TARGETARCH", "-trimpath", `-ldflags "-s -w"`, "./preprocess"} {
		if !strings.Contains(build, part) {
			t.Errorf("the build has no %s: %s", part, build)
		}
	}
}
