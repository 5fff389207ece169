package cli_test

import (
	"bytes"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// InstallDependencies has nothing to do: building the plugin downloads modules.
func (l *language) InstallDependencies(*pulumirpc.InstallDependenciesRequest, grpc.ServerStreamingServer[pulumirpc.InstallDependenciesResponse]) error {
	return nil
}

// RunPlugin runs the program in the folder plugin. The host of Go builds it each time
// it is asked to; here that is done once.
func (l *language) RunPlugin(req *pulumirpc.RunPluginRequest, stream grpc.ServerStreamingServer[pulumirpc.RunPluginResponse]) error {
	cmd := exec.CommandContext(stream.Context(), l.plugin, req.Args...)
	cmd.Dir, cmd.Env = req.Pwd, append(os.Environ(), req.Env...)
	var sending sync.Mutex
	cmd.Stdout = sender(func(p []byte) error {
		sending.Lock()
		defer sending.Unlock()
		return stream.Send(&pulumirpc.RunPluginResponse{Output: &pulumirpc.RunPluginResponse_Stdout{Stdout: p}})
	})
	cmd.Stderr = sender(func(p []byte) error {
		sending.Lock()
		defer sending.Unlock()
		return stream.Send(&pulumirpc.RunPluginResponse{Output: &pulumirpc.RunPluginResponse_Stderr{Stderr: p}})
	})
	if err := cmd.Run(); err != nil && stream.Context().Err() == nil {
		return err
	}
	return nil
}

type sender func([]byte) error

func (s sender) Write(p []byte) (int, error) { return len(p), s(bytes.Clone(p)) }

// yamlProject is the example in YAML. The command line finds the host of YAML, which
// `make tools` builds, and adds our package as the folder that the plugin is in.
func yamlProject(t *testing.T) *project {
	t.Helper()
	tools, err := filepath.Abs(filepath.Join(source, ".tools"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(tools, "pulumi-language-yaml")); err != nil {
		t.Fatalf("no host of YAML: %v\nrun `make tools`", err)
	}
	a := newAccount(t, testAccount)
	a.env = append(a.env, "PATH="+tools+string(os.PathListSeparator)+os.Getenv("PATH"))
	binary := filepath.Join(t.TempDir(), "plugin")
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Dir = filepath.Join(source, "plugin")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the plugin: %v\n%s", err, out)
	}
	p := &project{account: a, dir: t.TempDir(), language: (&language{plugin: binary}).serve(t)}
	copyFile(t, filepath.Join(source, "examples", "yaml", "Pulumi.yaml"), filepath.Join(p.dir, "Pulumi.yaml"))
	// A copy, because the host of YAML writes the schema beside the folder.
	plugin := filepath.Join(t.TempDir(), "plugin")
	copyFile(t, filepath.Join(source, "plugin", "PulumiPlugin.yaml"), filepath.Join(plugin, "PulumiPlugin.yaml"))
	p.must("package", "add", plugin)
	p.must("stack", "init", "dev")
	p.must("config", "set", "aws:region", "us-east-1", "--stack", "dev")
	p.must("config", "set", "imageUri", testAccount+".dkr.ecr.us-east-1.amazonaws.com/scores@sha256:"+strings.Repeat("a", 64), "--stack", "dev")
	return p
}

// docs/languages.md goes the same way.
func TestYAML_usesTheComponents(t *testing.T) {
	t.Parallel()
	p := yamlProject(t)
	if added, err := os.ReadFile(filepath.Join(p.dir, "Pulumi.yaml")); err != nil || !strings.Contains(string(added), "packages:") {
		t.Errorf("got %v and\n%s\nwant the package in Pulumi.yaml", err, added)
	}
	p.must("up", "--yes", "--stack", "dev")
	want := map[string]any{
		"outputBucketName": "ds-output-dev-" + testAccount + "-us-east-1-scores",
		"stateMachineArn":  "arn:aws:states:us-east-1:" + testAccount + ":stateMachine:scores",
	}
	if got := p.outputs("dev"); !maps.Equal(got, want) {
		t.Errorf("got outputs %v, want %v", got, want)
	}
	// Children below their components, and outputs of one that went into the next.
	state := p.export("dev")
	for _, want := range []string{
		"ds-pipeline:components:DataBuckets$aws:s3/bucketV2:BucketV2::data-output",
		"ds-pipeline:components:ProcessingCluster$aws:ecs/taskDefinition:TaskDefinition::processing-task",
		"ds-pipeline:components:Pipeline$aws:sfn/stateMachine:StateMachine::pipeline-machine",
		"ds-pipeline:components:Schedule$aws:cloudwatch/eventRule:EventRule::schedule-rule",
	} {
		if !strings.Contains(state, want) {
			t.Errorf("the state has no %s", want)
		}
	}
	p.must("preview", "--expect-no-changes", "--stack", "dev")

	// What is wrong is said as it is in Go, all at once, and nothing changes.
	file := filepath.Join(p.dir, "Pulumi.yaml")
	program, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	wrong := strings.NewReplacer("keepVersionsDays: 30", "keepVersionsDays: 0", "expireDays: 400", "expireDays: -1").Replace(string(program))
	if err := os.WriteFile(file, []byte(wrong), 0o600); err != nil {
		t.Fatal(err)
	}
	said := p.fails("preview", "--stack", "dev")
	for _, want := range []string{`data buckets "data": KeepVersionsDays: got 0, want 1 to 3650`, "OutputLifecycle.ExpireDays: got -1, want 1 to 3650"} {
		if !strings.Contains(said, want) {
			t.Errorf("got\n%s\nwant %q in it", said, want)
		}
	}
	if err := os.WriteFile(file, program, 0o600); err != nil {
		t.Fatal(err)
	}
	p.must("destroy", "--yes", "--stack", "dev")
	if left := p.cloud.IDs("aws:s3/bucketV2:BucketV2"); len(left) > 0 {
		t.Errorf("got buckets %v, want none", left)
	}
}
