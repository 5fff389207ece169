package policy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	sdkresource "github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/policyx"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/structpb"
)

// Serve answers the engine until it goes away. started is given the port, which
// the engine reads from the standard output of a pack.
func Serve(started func(port int)) error {
	handle, err := rpcutil.ServeWithOptions(rpcutil.ServeOptions{
		Init: func(s *grpc.Server) error {
			pulumirpc.RegisterAnalyzerServer(s, NewServer())
			return nil
		},
	})
	if err != nil {
		return fmt.Errorf("serve the policy pack: %w", err)
	}
	started(handle.Port)
	if err := <-handle.Done; err != nil {
		return fmt.Errorf("serve the policy pack: %w", err)
	}
	return nil
}

// NewServer returns the pack as the engine sees it, for one operation on one
// stack. policyx has a server too, but that one looks at single resources only,
// without their options.
func NewServer() pulumirpc.AnalyzerServer {
	s := &server{rules: Rules(), settings: map[string]*settings{}, registered: map[string]*registration{}}
	for _, rule := range s.rules {
		defaults, err := newSettings(rule, rule.Level, nil)
		if err != nil {
			panic(err) // the rule is wrong, whatever the configuration
		}
		s.settings[rule.Name] = &defaults
	}
	return s
}

type server struct {
	pulumirpc.UnimplementedAnalyzerServer
	rules []*Rule

	// The engine asks about several resources at once.
	mu          sync.Mutex
	environment string
	dryRun      bool
	settings    map[string]*settings
	registered  map[string]*registration // by URN
}

// registration is what the engine told about a resource before it was created.
type registration struct {
	inputs    property.Map
	protected bool
}

func (s *server) Handshake(context.Context, *pulumirpc.AnalyzerHandshakeRequest) (*pulumirpc.AnalyzerHandshakeResponse, error) {
	return &pulumirpc.AnalyzerHandshakeResponse{}, nil
}

// ConfigureStack tells which environment the stack is: the project's own key
// `environment`, or else the stack's name.
func (s *server) ConfigureStack(_ context.Context, req *pulumirpc.AnalyzerStackConfigureRequest) (*pulumirpc.AnalyzerStackConfigureResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dryRun = req.DryRun
	s.environment = req.Config[req.Project+":environment"]
	if s.environment == "" {
		s.environment = req.Stack[strings.LastIndex(req.Stack, "/")+1:]
	}
	return &pulumirpc.AnalyzerStackConfigureResponse{}, nil
}

func (s *server) GetPluginInfo(context.Context, *emptypb.Empty) (*pulumirpc.PluginInfo, error) {
	return &pulumirpc.PluginInfo{Version: Version}, nil
}

func (s *server) Cancel(context.Context, *emptypb.Empty) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, nil
}

// Remediate changes nothing: what is deployed is what the program says.
func (s *server) Remediate(context.Context, *pulumirpc.AnalyzeRequest) (*pulumirpc.RemediateResponse, error) {
	return &pulumirpc.RemediateResponse{}, nil
}

func (s *server) GetAnalyzerInfo(context.Context, *emptypb.Empty) (*pulumirpc.AnalyzerInfo, error) {
	info := &pulumirpc.AnalyzerInfo{Name: Name, DisplayName: "Data pipeline policies", Version: Version, SupportsConfig: true}
	for _, rule := range s.rules {
		schema, err := rule.schema()
		if err != nil {
			return nil, fmt.Errorf("policy %s: %w", rule.Name, err)
		}
		kind := pulumirpc.PolicyType_POLICY_TYPE_RESOURCE
		if rule.stack != nil {
			kind = pulumirpc.PolicyType_POLICY_TYPE_STACK
		}
		info.Policies = append(info.Policies, &pulumirpc.PolicyInfo{
			Name: rule.Name, DisplayName: rule.Name, Description: rule.Wants, Message: rule.Wants + ": " + rule.Remedy,
			EnforcementLevel: pulumirpc.EnforcementLevel(rule.Level), Severity: rule.Severity,
			PolicyType: kind, RemediationSteps: rule.Remedy, Tags: []string{rule.Family}, ConfigSchema: schema,
		})
	}
	return info, nil
}

// schema describes what may be configured, in JSON schema.
func (r *Rule) schema() (*pulumirpc.PolicyConfigSchema, error) {
	text := map[string]any{"type": "string"}
	properties := map[string]any{
		exceptionsOption: map[string]any{
			"type": "array", "description": "resources that may be as they are, each with the reason",
			"items": map[string]any{
				"type": "object", "required": []any{"resource", "reason"}, "additionalProperties": false,
				"properties": map[string]any{
					"resource": text, "reason": text, "environments": map[string]any{"type": "array", "items": text},
				},
			},
		},
	}
	for _, o := range r.Options {
		switch value := o.Default.(type) {
		case int:
			properties[o.Name] = map[string]any{"type": "integer", "minimum": 0, "default": value, "description": o.About}
		case []string:
			list := []any{}
			for _, v := range value {
				list = append(list, v)
			}
			properties[o.Name] = map[string]any{"type": "array", "items": text, "default": list, "description": o.About}
		}
	}
	schema, err := structpb.NewStruct(properties)
	if err != nil {
		return nil, err
	}
	return &pulumirpc.PolicyConfigSchema{Properties: schema}, nil
}

// Configure reads what the user wants of each rule, and reports every mistake.
func (s *server) Configure(_ context.Context, req *pulumirpc.ConfigureAnalyzerRequest) (*emptypb.Empty, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(req.PolicyConfig)) {
		i := slices.IndexFunc(s.rules, func(r *Rule) bool { return r.Name == name })
		if i < 0 {
			errs = append(errs, fmt.Errorf("configuration of policy %s: there is no such policy", name))
			continue
		}
		asked := req.PolicyConfig[name]
		read, err := newSettings(s.rules[i], policyx.EnforcementLevel(asked.EnforcementLevel), asked.Properties.AsMap())
		if err != nil {
			errs = append(errs, err)
			continue
		}
		s.settings[name] = &read
	}
	return &emptypb.Empty{}, errors.Join(errs...)
}

// Analyze judges one resource before it is created, and remembers its inputs.
func (s *server) Analyze(_ context.Context, req *pulumirpc.AnalyzeRequest) (*pulumirpc.AnalyzeResponse, error) {
	inputs, err := properties(req.Properties)
	if err != nil {
		return nil, fmt.Errorf("read the inputs of %s: %w", req.Urn, err)
	}
	r := newResource(req.Urn, req.Type)
	r.inputs, r.protected = inputs, req.Options.GetProtect()

	s.mu.Lock()
	defer s.mu.Unlock()
	s.registered[req.Urn] = &registration{inputs, r.protected}
	var found []*pulumirpc.AnalyzeDiagnostic
	for _, rule := range s.rules {
		if rule.resource != nil {
			found = append(found, s.apply(rule, func(c *check) { rule.resource(c, r) })...)
		}
	}
	return &pulumirpc.AnalyzeResponse{Diagnostics: found}, nil
}

// AnalyzeStack judges all resources together. The engine sends their outputs,
// where a preview has an unknown for all that AWS would fill in; the inputs are
// those that it sent before.
func (s *server) AnalyzeStack(_ context.Context, req *pulumirpc.AnalyzeStackRequest) (*pulumirpc.AnalyzeResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := &plan{}
	for _, asked := range req.Resources {
		outputs, err := properties(asked.Properties)
		if err != nil {
			return nil, fmt.Errorf("read the outputs of %s: %w", asked.Urn, err)
		}
		r := newResource(asked.Urn, asked.Type)
		r.inputs, r.outputs, r.protected, r.depends = outputs, outputs, asked.Options.GetProtect(), map[string][]string{}
		if known, ok := s.registered[asked.Urn]; ok {
			r.inputs, r.protected = known.inputs, known.protected
		}
		for name, on := range asked.PropertyDependencies {
			r.depends[name] = on.GetUrns()
		}
		p.resources = append(p.resources, r)
	}
	// The engine's order is by chance.
	slices.SortFunc(p.resources, func(a, b *resource) int { return strings.Compare(a.urn, b.urn) })
	var found []*pulumirpc.AnalyzeDiagnostic
	for _, rule := range s.rules {
		if rule.stack != nil {
			found = append(found, s.apply(rule, func(c *check) { rule.stack(c, p) })...)
		}
	}
	return &pulumirpc.AnalyzeResponse{Diagnostics: append(found, s.unused()...)}, nil
}

// apply runs one rule and turns what it finds into the engine's terms.
func (s *server) apply(rule *Rule, run func(c *check)) []*pulumirpc.AnalyzeDiagnostic {
	settings := s.settings[rule.Name]
	if settings.level == policyx.EnforcementLevelDisabled {
		return nil
	}
	var found []*pulumirpc.AnalyzeDiagnostic
	run(&check{rule: rule, settings: *settings, environment: s.environment, found: func(r *resource, message string) {
		if settings.excepts(r.name, s.environment) {
			return
		}
		found = append(found, s.diagnostic(rule, settings.level, r.urn, fmt.Sprintf("%s: %s\n%s: %s", r.name, message, rule.Wants, rule.Remedy)))
	}})
	return found
}

// unused reports exceptions that excepted nothing: what they were for is gone.
// In a preview it may only be unknown yet.
func (s *server) unused() []*pulumirpc.AnalyzeDiagnostic {
	if s.dryRun {
		return nil
	}
	var found []*pulumirpc.AnalyzeDiagnostic
	for _, rule := range s.rules {
		for _, e := range s.settings[rule.Name].exceptions {
			if !e.used && e.holdsIn(s.environment) && s.settings[rule.Name].level != policyx.EnforcementLevelDisabled {
				found = append(found, s.diagnostic(rule, advisory, "", fmt.Sprintf("exception for %q is not needed in %q: remove it", e.resource, s.environment)))
			}
		}
	}
	return found
}

func (s *server) diagnostic(rule *Rule, level policyx.EnforcementLevel, urn, message string) *pulumirpc.AnalyzeDiagnostic {
	return &pulumirpc.AnalyzeDiagnostic{
		PolicyName: rule.Name, PolicyPackName: Name, PolicyPackVersion: Version,
		Description: rule.Wants, Message: message,
		EnforcementLevel: pulumirpc.EnforcementLevel(level), Severity: rule.Severity, Urn: urn,
	}
}

func newResource(urn, typ string) *resource {
	return &resource{urn: urn, typ: typ, name: urn[strings.LastIndex(urn, "::")+2:]}
}

// properties reads what the engine sends.
func properties(sent *structpb.Struct) (property.Map, error) {
	m, err := plugin.UnmarshalProperties(sent, plugin.MarshalOptions{KeepUnknowns: true, KeepSecrets: true, KeepResources: true, KeepOutputValues: true})
	if err != nil {
		return property.Map{}, err
	}
	return sdkresource.FromResourcePropertyMap(m), nil
}
