// Package cli_test drives the plain Pulumi command line against simulated
// providers: what the engine's tests in this process cannot show, because it
// belongs to the command line, its backend or its secrets.
package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"ds-pipeline/internal/simcloud"
)

// source is the project's directory.
const source = "../.."

const testPassphrase = "correct horse"

// pulumiBinary is the command under test: PULUMI_BIN, or what `make tools`
// builds.
func pulumiBinary(t *testing.T) string {
	t.Helper()
	path := os.Getenv("PULUMI_BIN")
	if path == "" {
		path = filepath.Join(source, ".tools", "pulumi")
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(abs); err != nil {
		t.Fatalf("no Pulumi command: %v\nrun `make tools`, or set PULUMI_BIN", err)
	}
	return abs
}

// account is a simulated AWS account and a backend, shared by the projects of
// one test.
type account struct {
	t       *testing.T
	binary  string
	cloud   *simcloud.Cloud
	server  *simcloud.Server
	home    string
	backend string
	env     []string   // more of it
	ran     [][]string // arguments of the commands so far
}

func newAccount(t *testing.T, id string) *account {
	t.Helper()
	a := &account{t: t, binary: pulumiBinary(t), cloud: simcloud.New(simcloud.Options{Account: id}), home: t.TempDir(), backend: t.TempDir()}
	server, err := simcloud.Serve(a.cloud)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	a.server = server
	return a
}

// project is a directory with a Pulumi.yaml, and the program that runs there.
type project struct {
	*account
	dir      string
	language string // port of its language server
}

// ours is a copy of our project: the command line writes into stack files.
func (a *account) ours(program pulumi.RunFunc) *project {
	a.t.Helper()
	dir := a.t.TempDir()
	for _, name := range []string{"Dockerfile", ".dockerignore", "go.mod", "go.sum", "Pulumi.yaml", "Pulumi.dev.yaml", "Pulumi.prod.yaml"} {
		copyFile(a.t, filepath.Join(source, name), filepath.Join(dir, name))
	}
	err := filepath.WalkDir(filepath.Join(source, "preprocess"), func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == "testdata":
			return fs.SkipDir
		case d.IsDir():
			return nil
		}
		rel, err := filepath.Rel(source, path)
		if err != nil {
			return err
		}
		copyFile(a.t, path, filepath.Join(dir, rel))
		return nil
	})
	if err != nil {
		a.t.Fatal(err)
	}
	return &project{account: a, dir: dir, language: serveLanguage(a.t, program)}
}

// other is a project of its own.
func (a *account) other(name string, program pulumi.RunFunc) *project {
	a.t.Helper()
	dir := a.t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "Pulumi.yaml"), []byte("name: "+name+"\nruntime: go\n"), 0o600); err != nil {
		a.t.Fatal(err)
	}
	return &project{account: a, dir: dir, language: serveLanguage(a.t, program)}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// run runs the command; it returns standard output, and both outputs together.
func (p *project) run(args ...string) (stdout, all string, err error) {
	p.t.Helper()
	p.ran = append(p.ran, args)
	ctx, cancel := context.WithCancel(p.t.Context())
	defer cancel()
	cmd := exec.CommandContext(ctx, p.binary, append(args, "--non-interactive", "--color=never")...)
	cmd.Dir = p.dir
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=" + p.home,
		"TMPDIR=" + p.t.TempDir(),
		"PULUMI_HOME=" + filepath.Join(p.home, ".pulumi"),
		"PULUMI_BACKEND_URL=file://" + p.backend,
		"PULUMI_CONFIG_PASSPHRASE=" + testPassphrase,
		"PULUMI_SKIP_UPDATE_CHECK=true",
		"PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION=true",
		"PULUMI_DEBUG_PROVIDERS=" + p.server.DebugProviders(),
		"PULUMI_DEBUG_LANGUAGES=go:" + p.language,
	}
	cmd.Env = append(cmd.Env, p.env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	return out.String(), out.String() + errs.String(), err
}

// must runs the command, which has to work, and returns its standard output.
func (p *project) must(args ...string) string {
	p.t.Helper()
	stdout, all, err := p.run(args...)
	if err != nil {
		p.t.Fatalf("pulumi %s: %v\n%s", strings.Join(args, " "), err, all)
	}
	return stdout
}

// fails runs the command, which must not work, and returns all it prints.
func (p *project) fails(args ...string) string {
	p.t.Helper()
	_, all, err := p.run(args...)
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		p.t.Fatalf("pulumi %s: got %v, want a failure\n%s", strings.Join(args, " "), err, all)
	}
	return all
}

// export returns the stack's deployment as text.
func (p *project) export(stack string) string {
	p.t.Helper()
	return p.must("stack", "export", "--stack", stack)
}

// outputs returns the stack's outputs.
func (p *project) outputs(stack string) map[string]any {
	p.t.Helper()
	var outputs map[string]any
	if err := json.Unmarshal([]byte(p.must("stack", "output", "--json", "--stack", stack)), &outputs); err != nil {
		p.t.Fatal(err)
	}
	return outputs
}

// language runs a program in this process for the command line.
type language struct {
	pulumirpc.UnimplementedLanguageRuntimeServer
	program pulumi.RunFunc
	plugin  string // the program of our package; see RunPlugin

	engine string // set by the handshake of each command
}

func serveLanguage(t *testing.T, program pulumi.RunFunc) (port string) {
	t.Helper()
	return (&language{program: program}).serve(t)
}

func (l *language) serve(t *testing.T) (port string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	pulumirpc.RegisterLanguageRuntimeServer(server, l)
	go func() {
		// It ends when the test stops the server.
		_ = server.Serve(listener)
	}()
	t.Cleanup(server.Stop)
	return strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
}

func (l *language) Handshake(_ context.Context, req *pulumirpc.LanguageHandshakeRequest) (*pulumirpc.LanguageHandshakeResponse, error) {
	l.engine = req.EngineAddress
	return &pulumirpc.LanguageHandshakeResponse{}, nil
}

func (l *language) GetPluginInfo(context.Context, *emptypb.Empty) (*pulumirpc.PluginInfo, error) {
	return &pulumirpc.PluginInfo{Version: "3.255.0"}, nil
}

func (l *language) GetRequiredPackages(context.Context, *pulumirpc.GetRequiredPackagesRequest) (*pulumirpc.GetRequiredPackagesResponse, error) {
	return &pulumirpc.GetRequiredPackagesResponse{}, nil
}

func (l *language) Cancel(context.Context, *emptypb.Empty) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, nil
}

func (l *language) Run(ctx context.Context, req *pulumirpc.RunRequest) (*pulumirpc.RunResponse, error) {
	info := pulumi.RunInfo{
		Project: req.Project, Stack: req.Stack, Organization: req.Organization,
		Config: req.Config, ConfigSecretKeys: req.ConfigSecretKeys,
		Parallel: req.Parallel, DryRun: req.DryRun,
		MonitorAddr: req.MonitorAddress, EngineAddr: l.engine,
	}
	if req.Info != nil {
		info.RootDirectory = req.Info.RootDirectory
	}
	pctx, err := pulumi.NewContext(ctx, info)
	if err != nil {
		return nil, err
	}
	if err := pulumi.RunWithContext(pctx, l.program); err != nil {
		return &pulumirpc.RunResponse{Error: err.Error()}, errors.Join(nil, pctx.Close())
	}
	return &pulumirpc.RunResponse{}, pctx.Close()
}
