package simcloud

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sort"
	"strings"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/protobuf/types/known/structpb"
)

// Versions of the providers that are simulated: those of our SDKs, and the
// docker-build that awsx brings.
const (
	AWSVersion         = "6.83.2"
	AWSXVersion        = "2.22.0"
	DockerBuildVersion = "0.0.8"
)

// Server listens on the loopback interface, one port for each provider.
type Server struct {
	addresses map[string]string
	servers   []*grpc.Server
	served    sync.WaitGroup
}

// Serve starts the providers of a cloud. Close stops them.
func Serve(cloud *Cloud) (*Server, error) {
	s := &Server{addresses: map[string]string{}}
	for name, provider := range map[string]pulumirpc.ResourceProviderServer{
		"aws":          &awsProvider{base: base{cloud: cloud, version: AWSVersion}},
		"awsx":         &awsxProvider{base: base{cloud: cloud, version: AWSXVersion}},
		"docker-build": &dockerProvider{base: base{cloud: cloud, version: DockerBuildVersion}},
	} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			s.Close()
			return nil, fmt.Errorf("listen for provider %s: %w", name, err)
		}
		server := grpc.NewServer(grpc.StatsHandler(connections{}), grpc.MaxRecvMsgSize(maxMessage))
		pulumirpc.RegisterResourceProviderServer(server, provider)
		s.addresses[name] = listener.Addr().String()
		s.servers = append(s.servers, server)
		s.served.Go(func() {
			// Serve returns when the server stops; nobody is left to be told.
			_ = server.Serve(listener)
		})
	}
	return s, nil
}

const maxMessage = 400 << 20

// Address is where a provider listens, and whether it is simulated at all.
func (s *Server) Address(pkg string) (string, bool) {
	a, ok := s.addresses[pkg]
	return a, ok
}

// Packages lists the simulated providers, sorted.
func (s *Server) Packages() []string { return sortedKeys(s.addresses) }

// DebugProviders is the value of PULUMI_DEBUG_PROVIDERS that makes the plain
// CLI attach to these providers.
func (s *Server) DebugProviders() string {
	var parts []string
	for name, address := range s.addresses {
		_, port, _ := net.SplitHostPort(address)
		parts = append(parts, name+":"+port)
	}
	sort.Strings(parts)
	return strings.Join(parts, ",")
}

// Close stops the providers and waits until they have.
func (s *Server) Close() {
	for _, server := range s.servers {
		server.Stop()
	}
	s.served.Wait()
}

// connections gives every connection a place for its provider's configuration:
// the engine opens one connection for each provider instance, and a debugged
// provider serves all of them from one process.
type connections struct{}

type connectionKey struct{}

// connection is one provider instance.
type connection struct {
	mu      sync.Mutex
	session *session
	engine  *grpc.ClientConn
}

func (connections) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context {
	return context.WithValue(ctx, connectionKey{}, &connection{})
}

func (connections) HandleConn(ctx context.Context, event stats.ConnStats) {
	if _, ended := event.(*stats.ConnEnd); ended {
		c := connectionOf(ctx)
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.engine != nil {
			// The engine is going away too.
			_ = c.engine.Close()
		}
	}
}

func (connections) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }
func (connections) HandleRPC(context.Context, stats.RPCStats)                       {}

func connectionOf(ctx context.Context) *connection {
	return ctx.Value(connectionKey{}).(*connection)
}

// sessionOf returns the configuration of the provider instance that a request
// came through.
func sessionOf(ctx context.Context) (*session, error) {
	c := connectionOf(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session == nil {
		return nil, status.Error(codes.FailedPrecondition, "the provider is not configured")
	}
	return c.session, nil
}

// base is what every simulated provider does the same way.
type base struct {
	pulumirpc.UnimplementedResourceProviderServer
	cloud   *Cloud
	version string
}

func (b *base) Handshake(ctx context.Context, req *pulumirpc.ProviderHandshakeRequest) (*pulumirpc.ProviderHandshakeResponse, error) {
	if err := dialEngine(ctx, req.EngineAddress); err != nil {
		return nil, err
	}
	return &pulumirpc.ProviderHandshakeResponse{
		AcceptSecrets:                   true,
		SupportsAutonamingConfiguration: true,
	}, nil
}

func (b *base) Attach(ctx context.Context, req *pulumirpc.PluginAttach) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, dialEngine(ctx, req.Address)
}

func dialEngine(ctx context.Context, address string) error {
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage)))
	if err != nil {
		return fmt.Errorf("connect to the engine: %w", err)
	}
	c := connectionOf(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.engine != nil {
		// It was never used for a call that is still under way.
		_ = c.engine.Close()
	}
	c.engine = conn
	return nil
}

func (b *base) GetPluginInfo(context.Context, *emptypb.Empty) (*pulumirpc.PluginInfo, error) {
	return &pulumirpc.PluginInfo{Version: b.version}, nil
}

func (b *base) Cancel(context.Context, *emptypb.Empty) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, nil
}

func (b *base) CheckConfig(_ context.Context, req *pulumirpc.CheckRequest) (*pulumirpc.CheckResponse, error) {
	return &pulumirpc.CheckResponse{Inputs: req.News}, nil
}

func (b *base) DiffConfig(context.Context, *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	return &pulumirpc.DiffResponse{Changes: pulumirpc.DiffResponse_DIFF_NONE}, nil
}

func (b *base) Configure(ctx context.Context, _ *pulumirpc.ConfigureRequest) (*pulumirpc.ConfigureResponse, error) {
	c := connectionOf(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.session = &session{account: b.cloud.account}
	return configured(), nil
}

func configured() *pulumirpc.ConfigureResponse {
	return &pulumirpc.ConfigureResponse{
		AcceptSecrets:                   true,
		SupportsPreview:                 true,
		SupportsAutonamingConfiguration: true,
	}
}

func unmarshal(s *structpb.Struct) (resource.PropertyMap, error) {
	return plugin.UnmarshalProperties(s, plugin.MarshalOptions{KeepUnknowns: true, KeepSecrets: true})
}

func marshal(m resource.PropertyMap) (*structpb.Struct, error) {
	return plugin.MarshalProperties(m, plugin.MarshalOptions{KeepUnknowns: true, KeepSecrets: true})
}

// refuse turns problems into the engine's form, or reports them and lets the
// resource pass when this is a rehearsal. The property is part of the text:
// the engine would print the value beside a property, secret or not.
func (b *base) refuse(ctx context.Context, urn string, problems []string) []*pulumirpc.CheckFailure {
	if b.cloud.lenient {
		for _, p := range problems {
			u := resource.URN(urn)
			report(ctx, urn, fmt.Sprintf("%s resource '%s' has a problem: %s", u.Type(), u.Name(), p))
		}
		return nil
	}
	return failures(problems)
}

// report tells the engine of an error on a resource.
func report(ctx context.Context, urn, message string) {
	c := connectionOf(ctx)
	c.mu.Lock()
	engine := c.engine
	c.mu.Unlock()
	if engine == nil {
		return
	}
	// An engine that cannot be told is going away, and the operation with it.
	_, _ = pulumirpc.NewEngineClient(engine).Log(ctx, &pulumirpc.LogRequest{Severity: pulumirpc.LogSeverity_ERROR, Message: message, Urn: urn})
}

func failures(problems []string) []*pulumirpc.CheckFailure {
	var out []*pulumirpc.CheckFailure
	for _, p := range problems {
		out = append(out, &pulumirpc.CheckFailure{Reason: p})
	}
	return out
}

var errUnknownType = errors.New("the simulated cloud does not know this resource type")
