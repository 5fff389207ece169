// Package policy_test runs the policy pack on the real engine: a violating and
// a conforming program for each rule in this process, and both stacks of ours
// through the command line.
package policy_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/blang/semver"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"gopkg.in/yaml.v3"

	"github.com/pulumi/pulumi/pkg/v3/engine"
	"github.com/pulumi/pulumi/pkg/v3/resource/deploy"
	"github.com/pulumi/pulumi/pkg/v3/resource/deploy/deploytest"
	"github.com/pulumi/pulumi/pkg/v3/resource/plugin"
	"github.com/pulumi/pulumi/pkg/v3/util/cancel"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/config"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"ds-pipeline/policy"
)

// programs are what a file of testdata holds about one rule, in the words of
// Pulumi YAML.
type programs struct {
	Violating  yaml.Node `yaml:"violating"`
	Wants      []string  `yaml:"wants"` // names of the resources that violate the rule
	Conforming yaml.Node `yaml:"conforming"`

	Environment string         `yaml:"environment"` // default: dev
	Config      map[string]any `yaml:"config"`      // of the rule, for the conforming program
}

func readPrograms(t *testing.T, rule string) programs {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", rule+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	p := programs{Environment: "dev"}
	decoder := yaml.NewDecoder(strings.NewReader(string(text)))
	decoder.KnownFields(true)
	if err := decoder.Decode(&p); err != nil {
		t.Fatalf("%s: %v", rule, err)
	}
	return p
}

// declaration is a resource of a program.
type declaration struct {
	Type       string         `yaml:"type"`
	Properties map[string]any `yaml:"properties"`
	Options    struct {
		Protect bool `yaml:"protect"`
	} `yaml:"options"`
}

// run registers the resources of a program in their order.
func run(program yaml.Node, monitor *deploytest.ResourceMonitor) error {
	made := map[string]*deploytest.RegisterResourceResponse{}
	for i := 0; i+1 < len(program.Content); i += 2 {
		name := program.Content[i].Value
		var d declaration
		if err := program.Content[i+1].Decode(&d); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		inputs, depends := resource.PropertyMap{}, map[resource.PropertyKey][]resource.URN{}
		for key, v := range d.Properties {
			on := map[resource.URN]bool{}
			value, err := evaluate(v, made, on)
			if err != nil {
				return fmt.Errorf("%s.%s: %w", name, key, err)
			}
			inputs[resource.PropertyKey(key)] = value
			for urn := range on {
				depends[resource.PropertyKey(key)] = append(depends[resource.PropertyKey(key)], urn)
			}
		}
		r, err := monitor.RegisterResource(tokens.Type(d.Type), name, true, deploytest.ResourceOptions{
			Inputs: inputs, PropertyDeps: depends, Protect: &d.Options.Protect,
		})
		if err != nil {
			return err
		}
		made[name] = r
	}
	return nil
}

var reference = regexp.MustCompile(`\$\{([a-z0-9-]+)\.([A-Za-z]+)\}`)

// evaluate turns YAML into a property: ${resource.output} and fn::toJSON are
// understood. What depends on an unknown is unknown.
func evaluate(v any, made map[string]*deploytest.RegisterResourceResponse, on map[resource.URN]bool) (resource.PropertyValue, error) {
	unknown := resource.MakeComputed(resource.NewProperty(""))
	switch v := v.(type) {
	case string:
		text, known, err := v, true, error(nil)
		for _, m := range reference.FindAllStringSubmatch(v, -1) {
			r, ok := made[m[1]]
			if !ok {
				return resource.PropertyValue{}, fmt.Errorf("%s: there is no such resource above", m[0])
			}
			on[r.URN] = true
			output := r.Outputs[resource.PropertyKey(m[2])]
			switch {
			case output.IsString():
				text = strings.ReplaceAll(text, m[0], output.StringValue())
			case output.IsComputed() || output.IsOutput():
				known = false
			default:
				err = fmt.Errorf("%s: there is no such output", m[0])
			}
		}
		if !known {
			return unknown, err
		}
		return resource.NewProperty(text), err
	case []any:
		list := []resource.PropertyValue{}
		for _, e := range v {
			value, err := evaluate(e, made, on)
			if err != nil {
				return value, err
			}
			list = append(list, value)
		}
		return resource.NewProperty(list), nil
	case map[string]any:
		object := resource.PropertyMap{}
		for k, e := range v {
			value, err := evaluate(e, made, on)
			if err != nil {
				return value, err
			}
			object[resource.PropertyKey(k)] = value
		}
		if argument, ok := object["fn::toJSON"]; ok {
			if argument.ContainsUnknowns() {
				return unknown, nil
			}
			text, err := json.Marshal(argument.Mappable())
			return resource.NewProperty(string(text)), err
		}
		return resource.NewProperty(object), nil
	}
	return resource.NewPropertyValue(v), nil
}

// provider stands for any provider: it takes what it is given. Identifiers are
// unknown until a resource is there.
func provider() (plugin.Provider, error) {
	return &deploytest.Provider{
		CreateF: func(_ context.Context, req plugin.CreateRequest) (plugin.CreateResponse, error) {
			outputs := req.Properties.Copy()
			id := req.URN.Name() + "-id"
			for key, value := range map[resource.PropertyKey]string{"id": id, "arn": "arn:aws:test:us-east-1:111111111111:" + req.URN.Name(), "url": "https://" + id} {
				outputs[key] = resource.NewProperty(value)
				if req.Preview {
					outputs[key] = resource.MakeComputed(resource.NewProperty(""))
				}
			}
			if req.Preview {
				id = ""
			}
			return plugin.CreateResponse{ID: resource.ID(id), Properties: outputs, Status: resource.StatusOK}, nil
		},
	}, nil
}

// violation is what the pack said about a resource.
type violation struct {
	rule, resource, message string
	mandatory               bool
}

// judge runs a program under the pack, as a preview or for good, with a
// configuration of the pack. The error is the engine's.
func judge(t *testing.T, program yaml.Node, environment string, settings map[string]any, dryRun bool) ([]violation, error) {
	t.Helper()
	raw := map[string]*json.RawMessage{}
	for name, c := range settings {
		text, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		message := json.RawMessage(text)
		raw[name] = &message
	}
	language := deploytest.NewLanguageRuntimeF(func(_ plugin.RunInfo, monitor *deploytest.ResourceMonitor) error {
		return run(program, monitor)
	})
	analyzer := deploytest.NewAnalyzerLoader(policy.Name, func(opts *plugin.PolicyAnalyzerOptions) (plugin.Analyzer, error) {
		return attach(t, opts)
	})
	host := deploytest.NewPluginHostF(nil, nil, language, nil, nil, analyzer,
		deploytest.NewProviderLoader("aws", semver.MustParse("6.83.2"), provider))
	name, err := tokens.ParseStackName(environment)
	if err != nil {
		t.Fatal(err)
	}
	canceled, _ := cancel.NewContext(t.Context())
	journal := engine.NewTestJournal()
	events := make(chan engine.Event)
	collected := make(chan []violation)
	go func() {
		var found []violation
		for e := range events {
			if v, ok := e.Payload().(engine.PolicyViolationEventPayload); ok {
				found = append(found, violation{v.PolicyName, v.ResourceURN.Name(), v.Message, v.EnforcementLevel == apitype.Mandatory})
			}
		}
		collected <- found
	}()
	_, _, err = engine.Update(engine.UpdateInfo{
		Root:    t.TempDir(),
		Project: &workspace.Project{Name: "sample", Runtime: workspace.NewProjectRuntimeInfo("go", nil)},
		Target:  &deploy.Target{Name: name, Organization: "organization", Config: config.Map{}, Decrypter: config.Base64Crypter},
	}, &engine.Context{
		Cancel: canceled, Events: events, SnapshotManager: journal, PluginManager: noPlugins{},
	}, engine.UpdateOptions{
		Parallel: 4, RequiredPolicies: []engine.RequiredPolicy{required(raw)},
		HostFactory: func(context.Context, diag.Sink, diag.Sink, plugin.DebugContext) (plugin.Host, error) {
			return host(), nil
		},
	}, dryRun)
	close(events)
	found := <-collected
	if closeErr := journal.Close(); closeErr != nil {
		t.Error(closeErr)
	}
	return found, err
}

// noPlugins keeps the engine from looking for plugins on this machine.
type noPlugins struct{ engine.PluginManager }

func (noPlugins) GetPluginPath(context.Context, diag.Sink, workspace.PluginDescriptor, []workspace.ProjectPlugin) (string, error) {
	return "simulated", nil
}
func (noPlugins) HasPlugin(context.Context, workspace.PluginDescriptor) bool { return true }
func (noPlugins) HasPluginGTE(context.Context, workspace.PluginDescriptor) (bool, *semver.Version, error) {
	return true, nil, nil
}
func (noPlugins) GetPlugins(context.Context) ([]workspace.PluginInfo, error) { return nil, nil }

// attach connects to a new server of the pack, as the engine does to a binary.
func attach(t *testing.T, opts *plugin.PolicyAnalyzerOptions) (plugin.Analyzer, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	server := grpc.NewServer()
	pulumirpc.RegisterAnalyzerServer(server, policy.NewServer())
	go func() {
		// It ends when the test stops the server.
		_ = server.Serve(listener)
	}()
	t.Cleanup(server.Stop)
	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = conn.Close() }) // the server is gone with it
	client := pulumirpc.NewAnalyzerClient(conn)
	_, err = client.ConfigureStack(t.Context(), &pulumirpc.AnalyzerStackConfigureRequest{Stack: opts.Stack, Project: opts.Project})
	return plugin.NewAnalyzerWithClient(policy.Name, client), err
}

// required is the pack with a configuration.
type required map[string]*json.RawMessage

func (required) Name() string                                                       { return policy.Name }
func (required) Version() string                                                    { return policy.Version }
func (required) Installed() bool                                                    { return true }
func (required) LocalPath() (string, error)                                         { return "", nil }
func (r required) Config() map[string]*json.RawMessage                              { return r }
func (required) Install(*plugin.Context, io.ReadCloser, io.Writer, io.Writer) error { return nil }
func (required) Download(context.Context, func(io.ReadCloser, int64) io.ReadCloser) (io.ReadCloser, int64, error) {
	return nil, 0, nil
}
func (required) ResolveEnvironments(context.Context) (*engine.ResolvedPolicyEnvironment, error) {
	return nil, nil
}

// of returns the names of the resources that violate a rule, sorted.
func of(violations []violation, rule string) []string {
	names := []string{}
	for _, v := range violations {
		if v.rule == rule {
			names = append(names, v.resource)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
