package cli_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
)

// InstallDependencies has nothing to do: building the plugin downloads modules.
func (l *language) InstallDependencies(*pulumirpc.InstallDependenciesRequest, grpc.ServerStreamingServer[pulumirpc.InstallDependenciesResponse]) error {
	return nil
}

// RunPlugin builds the program in a folder with a PulumiPlugin.yaml and runs it, as
// the host of Go does.
func (l *language) RunPlugin(req *pulumirpc.RunPluginRequest, stream grpc.ServerStreamingServer[pulumirpc.RunPluginResponse]) error {
	dir, err := os.MkdirTemp("", "plugin-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "plugin")
	build := exec.CommandContext(stream.Context(), "go", "build", "-o", binary, ".")
	build.Dir = req.Info.ProgramDirectory
	if out, err := build.CombinedOutput(); err != nil {
		return errors.New(string(out))
	}
	cmd := exec.CommandContext(stream.Context(), binary, req.Args...)
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

var _ io.Writer = sender(nil)

// yamlProject is the example in YAML. The command line finds the host of YAML, which
// `make tools` builds, and our package in the folder plugin.
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
	p := &project{account: a, dir: t.TempDir(), language: serveLanguage(t, nil)}
	copyFile(t, filepath.Join(source, "examples", "yaml", "Pulumi.yaml"), filepath.Join(p.dir, "Pulumi.yaml"))
	plugin, err := filepath.Abs(filepath.Join(source, "plugin"))
	if err != nil {
		t.Fatal(err)
	}
	t.Log(p.must("package", "add", plugin))
	p.must("stack", "init", "dev")
	p.must("config", "set", "aws:region", "us-east-1", "--stack", "dev")
	p.must("config", "set", "imageUri", testAccount+".dkr.ecr.us-east-1.amazonaws.com/scores@sha256:"+strings.Repeat("a", 64), "--stack", "dev")
	return p
}

func TestYAML_usesTheComponents(t *testing.T) {
	t.Parallel()
	p := yamlProject(t)
	p.must("up", "--yes", "--stack", "dev")
	t.Log(p.outputs("dev"))
	p.must("preview", "--expect-no-changes", "--stack", "dev")
	p.must("destroy", "--yes", "--stack", "dev")
}
