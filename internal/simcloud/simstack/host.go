package simstack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/blang/semver"
	"github.com/hashicorp/go-multierror"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/pulumi/pulumi/pkg/v3/pluginstorage"
	"github.com/pulumi/pulumi/pkg/v3/resource/deploy/deploytest"
	"github.com/pulumi/pulumi/pkg/v3/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/env"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"ds-pipeline/internal/simcloud"
)

// host gives the engine the simulated providers and the program. The rest of
// plugin.Host is the engine's own in-memory host.
type host struct {
	plugin.Host
	server *simcloud.Server

	mu    sync.Mutex
	conns []*grpc.ClientConn
}

func newHost(server *simcloud.Server, d, status diag.Sink, program pulumi.RunFunc) *host {
	h := &host{server: server}
	runtime := &language{
		LanguageRuntime: deploytest.NewLanguageRuntime(nil),
		program:         program,
		sink:            d,
	}
	h.Host = deploytest.NewPluginHost(d, status, runtime)
	runtime.engine = h.ServerAddr()
	return h
}

// Provider connects to a simulated provider. Versions are not told apart:
// there is one simulator of each.
func (h *host) Provider(ctx *plugin.Context, descriptor workspace.PluginDescriptor, _ env.Env) (plugin.Provider, error) {
	address, ok := h.server.Address(descriptor.Name)
	if !ok {
		return nil, fmt.Errorf("no simulated provider for package %q; there are %s", descriptor.Name, strings.Join(h.server.Packages(), ", "))
	}
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, fmt.Errorf("connect to provider %s: %w", descriptor.Name, err)
	}
	h.mu.Lock()
	h.conns = append(h.conns, conn)
	h.mu.Unlock()
	provider := plugin.NewProviderWithClient(ctx, pulumirpc.NewResourceProviderClient(conn), false)
	if _, err := provider.Handshake(ctx.Request(), plugin.ProviderHandshakeRequest{
		EngineAddress:    h.ServerAddr(),
		ConfigureWithUrn: true,
	}); err != nil {
		return nil, fmt.Errorf("handshake with provider %s: %w", descriptor.Name, err)
	}
	return provider, nil
}

// Close ends the connections and the engine's server.
func (h *host) Close() error {
	h.mu.Lock()
	conns := h.conns
	h.conns = nil
	h.mu.Unlock()
	var errs []error
	for _, c := range conns {
		errs = append(errs, c.Close())
	}
	return errors.Join(append(errs, h.Host.Close())...)
}

// language runs the program in this process.
type language struct {
	plugin.LanguageRuntime
	program pulumi.RunFunc
	engine  string
	sink    diag.Sink
}

// Run reports the program's errors as the Go runtime does, and then bails out:
// the engine adds nothing of its own.
func (l *language) Run(ctx context.Context, info plugin.RunInfo) (string, bool, error) {
	run := pulumi.RunInfo{
		Project:       info.Project,
		RootDirectory: info.Info.RootDirectory(),
		Stack:         info.Stack,
		Config:        map[string]string{},
		Parallel:      info.Parallel,
		DryRun:        info.DryRun,
		MonitorAddr:   info.MonitorAddress,
		EngineAddr:    l.engine,
		Organization:  info.Organization,
	}
	for k, v := range info.Config {
		run.Config[k.String()] = v
	}
	for _, k := range info.ConfigSecretKeys {
		run.ConfigSecretKeys = append(run.ConfigSecretKeys, k.String())
	}
	pctx, err := pulumi.NewContext(ctx, run)
	if err != nil {
		return "", false, fmt.Errorf("start the program: %w", err)
	}
	err = protectFromPanic(func() error { return pulumi.RunWithContext(pctx, l.program) })
	if closeErr := pctx.Close(); err == nil && closeErr != nil {
		err = closeErr
	}
	if err == nil {
		return "", false, nil
	}
	for _, e := range flatten(err) {
		if consequence(e) {
			continue
		}
		l.sink.Errorf(diag.RawMessage("", e.Error()))
	}
	return "", true, nil
}

func protectFromPanic(fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the program panicked: %v", p)
		}
	}()
	return fn()
}

// flatten takes apart the lists that the SDK wraps errors in.
func flatten(err error) []error {
	var list *multierror.Error
	if errors.As(err, &list) {
		var out []error
		for _, e := range list.Errors {
			out = append(out, flatten(e)...)
		}
		return out
	}
	return []error{err}
}

// consequence says whether an error only repeats what the engine said about a
// resource already.
func consequence(err error) bool {
	for _, phrase := range []string{"resource monitor shut down", "marshaling properties: awaiting input property", "failed to register"} {
		if strings.Contains(err.Error(), phrase) {
			return true
		}
	}
	return false
}

// backend answers the engine's questions about other stacks.
type backend struct{ outputs map[string]property.Map }

func (b backend) GetStackOutputs(_ context.Context, name string, _ func(error) error) (property.Map, error) {
	outputs, ok := b.outputs[name]
	if !ok {
		return property.Map{}, fmt.Errorf("unknown stack %q", name)
	}
	return outputs, nil
}

func (b backend) GetStackResourceOutputs(_ context.Context, name string) (property.Map, error) {
	return property.Map{}, fmt.Errorf("the resources of stack %q are not simulated", name)
}

// noPlugins keeps the engine from looking for plugins on this machine.
type noPlugins struct{}

func (noPlugins) GetPluginPath(context.Context, diag.Sink, workspace.PluginDescriptor, []workspace.ProjectPlugin) (string, error) {
	return "simulated", nil
}
func (noPlugins) HasPlugin(context.Context, workspace.PluginDescriptor) bool { return true }
func (noPlugins) HasPluginGTE(context.Context, workspace.PluginDescriptor) (bool, *semver.Version, error) {
	return true, nil, nil
}
func (noPlugins) GetLatestVersion(context.Context, workspace.PluginDescriptor) (*semver.Version, error) {
	return nil, errors.New("plugins are simulated")
}
func (noPlugins) GetPlugins(context.Context) ([]workspace.PluginInfo, error) { return nil, nil }
func (noPlugins) DownloadPlugin(context.Context, workspace.PluginDescriptor, func(io.ReadCloser, int64) io.ReadCloser, func(error, int, int, time.Duration)) (io.ReadCloser, int64, error) {
	return nil, 0, errors.New("plugins are simulated")
}
func (noPlugins) InstallPlugin(context.Context, workspace.PluginDescriptor, pluginstorage.Content, bool) error {
	return errors.New("plugins are simulated")
}
