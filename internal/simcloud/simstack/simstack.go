// Package simstack runs a Pulumi program on the real engine, in this process,
// against a simulated cloud: up, preview, refresh and destroy of one stack,
// without a backend, plugins, credentials or a network beyond the loopback.
package simstack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/pulumi/pulumi/pkg/v3/display"
	"github.com/pulumi/pulumi/pkg/v3/engine"
	pkgresource "github.com/pulumi/pulumi/pkg/v3/resource"
	"github.com/pulumi/pulumi/pkg/v3/resource/deploy"
	"github.com/pulumi/pulumi/pkg/v3/resource/plugin"
	"github.com/pulumi/pulumi/pkg/v3/resource/stack"
	"github.com/pulumi/pulumi/pkg/v3/secrets"
	"github.com/pulumi/pulumi/pkg/v3/secrets/b64"
	"github.com/pulumi/pulumi/pkg/v3/util/cancel"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag/colors"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/config"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/result"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"ds-pipeline/internal/simcloud"
)

// Stack is one stack of one program. It remembers what it deployed, as a
// backend would. It is not safe for concurrent use; different stacks are, also
// when they share a cloud.
type Stack struct {
	// Project is the project's name.
	Project string
	// Name is the stack's name.
	Name string
	// Program is what `pulumi up` would run.
	Program pulumi.RunFunc
	// Cloud is where resources are created.
	Cloud *simcloud.Cloud
	// Config is the stack's configuration, Decrypter what reads its secrets.
	Config    config.Map
	Decrypter config.Decrypter
	// Root is the project's directory; default: the working directory.
	Root string
	// Secrets encrypts what an export holds; default: not at all, for tests.
	Secrets secrets.Manager
	// Others answers StackReferences: the outputs of a stack, by its full name.
	Others map[string]property.Map

	snapshot *deploy.Snapshot
}

// Result is what one operation did.
type Result struct {
	// Steps are the engine's steps in order of beginning, without the
	// providers' own.
	Steps []Step
	// Diagnostics are the errors and warnings.
	Diagnostics []Diagnostic
	// Outputs are the stack's outputs; secrets are resource.Secret.
	Outputs resource.PropertyMap
	// Resources are what the stack holds after the operation.
	Resources []*pkgresource.State
}

// Step is what the engine did to one resource.
type Step struct {
	Op   string // create, update, same, delete, create-replacement, ...
	URN  resource.URN
	Type string
	// Keys are the properties that ask for a replacement, Diffs all that differ.
	Keys  []string
	Diffs []string
}

// Diagnostic is what the engine said about a resource, or about the program
// when URN is empty.
type Diagnostic struct {
	Severity string // error, warning
	URN      resource.URN
	Message  string
}

// Error is the operation's failure: every error that the engine reported.
type Error struct {
	Operation   string
	Diagnostics []Diagnostic
}

func (e *Error) Error() string {
	var lines []string
	for _, d := range e.Diagnostics {
		line := d.Message
		if d.URN != "" {
			line = string(d.URN.Type()) + " " + d.URN.Name() + ": " + line
		}
		lines = append(lines, line)
	}
	return e.Operation + ":\n" + strings.Join(lines, "\n")
}

// Changes counts the steps by operation; `same` and `read`, which change nothing,
// are left out.
func (r *Result) Changes() map[string]int {
	counts := map[string]int{}
	for _, s := range r.Steps {
		if s.Op != "same" && s.Op != "read" {
			counts[s.Op]++
		}
	}
	return counts
}

// Find returns the resource with a type and name, nil when there is none.
func (r *Result) Find(typ, name string) *pkgresource.State {
	for _, s := range r.Resources {
		if string(s.Type) == typ && s.URN.Name() == name && !s.Delete {
			return s
		}
	}
	return nil
}

// Up deploys the program. When that fails, the error holds every mistake that
// can be found, not only the one that ended the program.
func (s *Stack) Up(ctx context.Context) (*Result, error) {
	rehearsal := *s
	rehearsal.Cloud = s.Cloud.Rehearsal()
	r, err := s.run(ctx, "up", engine.Update, false)
	var failed *Error
	if !errors.As(err, &failed) || ctx.Err() != nil {
		return r, err
	}
	_, err = rehearsal.run(ctx, "up", engine.Update, false)
	var all *Error
	if errors.As(err, &all) {
		for _, d := range all.Diagnostics {
			if !slices.Contains(failed.Diagnostics, d) {
				failed.Diagnostics = append(failed.Diagnostics, d)
			}
		}
	}
	slices.SortStableFunc(failed.Diagnostics, func(a, b Diagnostic) int { return strings.Compare(string(a.URN), string(b.URN)) })
	return r, failed
}

// Preview says what Up would do.
func (s *Stack) Preview(ctx context.Context) (*Result, error) {
	return s.run(ctx, "preview", engine.Update, true)
}

// Refresh reads what exists into the stack's state.
func (s *Stack) Refresh(ctx context.Context) (*Result, error) {
	return s.run(ctx, "refresh", engine.Refresh, false)
}

// Destroy deletes what the stack holds, or nothing when any of it is
// protected, as the command line does: it previews first.
func (s *Stack) Destroy(ctx context.Context) (*Result, error) {
	if r, err := s.run(ctx, "destroy", engine.Destroy, true); err != nil {
		return r, err
	}
	return s.run(ctx, "destroy", engine.Destroy, false)
}

// Outputs are what the deployed stack exports, secrets left out.
func (s *Stack) Outputs() map[string]any {
	outputs := map[string]any{}
	if s.snapshot == nil {
		return outputs
	}
	for _, r := range s.snapshot.Resources {
		if r.Type != "pulumi:pulumi:Stack" {
			continue
		}
		for k, v := range r.Outputs {
			if !v.ContainsSecrets() {
				outputs[string(k)] = v.Mappable()
			}
		}
	}
	return outputs
}

// Export is the deployment as `pulumi stack export` writes it. Secrets are
// encrypted by Secrets.
func (s *Stack) Export(ctx context.Context) (*apitype.UntypedDeployment, error) {
	if s.snapshot == nil {
		return nil, errors.New("export: nothing is deployed")
	}
	snapshot := *s.snapshot
	snapshot.SecretsManager = s.secrets()
	snapshot.Manifest = deploy.Manifest{Time: time.Now(), Version: engineVersion()}
	snapshot.Manifest.Magic = snapshot.Manifest.NewMagic()
	deployment, _, features, err := stack.SerializeDeploymentWithMetadata(ctx, &snapshot, false)
	if err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	text, err := json.Marshal(deployment)
	if err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	version := apitype.DeploymentSchemaVersionCurrent
	if len(features) > 0 {
		version = apitype.DeploymentSchemaVersionLatest
	}
	return &apitype.UntypedDeployment{Version: version, Features: features, Deployment: text}, nil
}

// engineVersion is the version of the engine's module in this binary.
func engineVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, m := range info.Deps {
		if m.Path == "github.com/pulumi/pulumi/pkg/v3" {
			return m.Version
		}
	}
	return ""
}

func (s *Stack) secrets() secrets.Manager {
	if s.Secrets != nil {
		return s.Secrets
	}
	return b64.NewBase64SecretsManager()
}

type operation func(engine.UpdateInfo, *engine.Context, engine.UpdateOptions, bool) (*deploy.Plan, display.ResourceChanges, error)

func (s *Stack) run(ctx context.Context, name string, op operation, dryRun bool) (*Result, error) {
	server, err := simcloud.Serve(s.Cloud)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	defer server.Close()
	target, err := s.target()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	root, err := filepath.Abs(s.Root)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}

	canceled, source := cancel.NewContext(context.Background())
	finished := make(chan struct{})
	defer close(finished)
	go func() {
		select {
		case <-ctx.Done():
			source.Cancel()
		case <-finished:
		}
	}()

	events := make(chan engine.Event)
	collected := make(chan *Result)
	go func() { collected <- collect(events) }()
	journal := engine.NewTestJournal()
	var hosted plugin.Host
	opts := engine.UpdateOptions{
		Parallel:        16,
		ContinueOnError: name == "up", // so that one run shows every mistake
		HostFactory: func(_ context.Context, d, status diag.Sink, _ plugin.DebugContext) (plugin.Host, error) {
			hosted = newHost(server, d, status, s.Program)
			return hosted, nil
		},
	}
	_, _, opErr := op(engine.UpdateInfo{
		Root:    root,
		Project: &workspace.Project{Name: tokens.PackageName(s.Project), Runtime: workspace.NewProjectRuntimeInfo("go", nil)},
		Target:  target,
	}, &engine.Context{
		Cancel:          canceled,
		Events:          events,
		SnapshotManager: journal,
		BackendClient:   backend{s.Others},
		PluginManager:   noPlugins{},
	}, opts, dryRun)
	close(events)
	res := <-collected
	if err := journal.Close(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if hosted != nil {
		if err := hosted.Close(); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}

	if !dryRun {
		snap, err := journal.Entries().Snap(target.Snapshot)
		if err != nil {
			return nil, fmt.Errorf("%s: rebuild the state: %w", name, err)
		}
		if err := snap.VerifyIntegrity(); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		s.snapshot = snap
	}
	if s.snapshot != nil {
		res.Resources = s.snapshot.Resources
		for _, r := range s.snapshot.Resources {
			if r.Type == "pulumi:pulumi:Stack" && !r.Delete {
				res.Outputs = r.Outputs
			}
		}
	}
	return res, failure(name, res.Diagnostics, opErr)
}

var endPattern = regexp.MustCompile(`^(preview|update|refresh|destroy) failed$`)

// failure is nil, or an *Error with everything that the engine called one.
func failure(name string, diagnostics []Diagnostic, err error) error {
	e := &Error{Operation: name}
	for _, d := range diagnostics {
		// "preview failed" alone follows the errors that say why.
		if d.Severity == string(diag.Error) && !endPattern.MatchString(d.Message) {
			e.Diagnostics = append(e.Diagnostics, d)
		}
	}
	if err != nil && !result.IsBail(err) && len(e.Diagnostics) == 0 {
		e.Diagnostics = append(e.Diagnostics, Diagnostic{Severity: string(diag.Error), Message: err.Error()})
	}
	if err == nil && len(e.Diagnostics) == 0 {
		return nil
	}
	if len(e.Diagnostics) == 0 {
		e.Diagnostics = []Diagnostic{{Severity: string(diag.Error), Message: err.Error()}}
	}
	return e
}

// target copies what the engine may change.
func (s *Stack) target() (*deploy.Target, error) {
	name, err := tokens.ParseStackName(s.Name)
	if err != nil {
		return nil, fmt.Errorf("stack %q: %w", s.Name, err)
	}
	t := &deploy.Target{Name: name, Organization: "organization", Config: s.Config, Decrypter: s.Decrypter}
	if t.Decrypter == nil {
		t.Decrypter = config.Base64Crypter
	}
	if t.Config == nil {
		t.Config = config.Map{}
	}
	if s.snapshot != nil {
		copied := *s.snapshot
		copied.Resources = nil
		for _, r := range s.snapshot.Resources {
			copied.Resources = append(copied.Resources, r.Copy())
		}
		// The engine finds resources of a snapshot by address, so operations
		// that never ended cannot be carried over; there are none in a
		// simulation that came to its end.
		copied.PendingOperations = nil
		t.Snapshot = &copied
	}
	return t, nil
}

// collect gathers what the engine reports until it closes the channel.
func collect(events <-chan engine.Event) *Result {
	r := &Result{}
	for event := range events {
		switch p := event.Payload().(type) {
		case engine.DiagEventPayload:
			if p.Severity != diag.Error && p.Severity != diag.Warning || p.Ephemeral {
				continue
			}
			d := Diagnostic{
				Severity: string(p.Severity),
				URN:      p.URN,
				Message:  strings.TrimSpace(colors.Never.Colorize(p.Message)),
			}
			if !slices.Contains(r.Diagnostics, d) {
				r.Diagnostics = append(r.Diagnostics, d)
			}
		case engine.ResourcePreEventPayload:
			m := p.Metadata
			if strings.HasPrefix(string(m.Type), "pulumi:providers:") || m.Logical && m.Op == deploy.OpReplace {
				continue
			}
			r.Steps = append(r.Steps, Step{Op: string(m.Op), URN: m.URN, Type: string(m.Type), Keys: names(m.Keys), Diffs: names(m.Diffs)})
		}
	}
	return r
}

func names(keys []resource.PropertyKey) []string {
	var out []string
	for _, k := range keys {
		out = append(out, string(k))
	}
	return out
}
