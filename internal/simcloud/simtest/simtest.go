// Package simtest makes a scenario on the real engine a few lines of a test:
//
//	s := simtest.Program(t, func(ctx *pulumi.Context) error { ... })
//	s.Up()
//	s.Settled()
//
// Every method fails the test when the engine does something else than asked.
package simtest

import (
	"context"
	"maps"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/config"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"ds-pipeline/internal/simcloud"
	"ds-pipeline/internal/simcloud/simstack"
)

// Scenario is a stack under test.
type Scenario struct {
	*simstack.Stack
	t testing.TB
}

// Program is a scenario of a program alone, in us-east-1.
func Program(t testing.TB, program pulumi.RunFunc) *Scenario {
	t.Helper()
	return &Scenario{t: t, Stack: &simstack.Stack{
		Project: "test",
		Name:    "dev",
		Program: program,
		Cloud:   simcloud.New(simcloud.Options{}),
		Config:  config.Map{config.MustMakeKey("aws", "region"): config.NewValue("us-east-1")},
	}}
}

// File is a scenario of a project's stack file; set overrides configuration
// by full key.
func File(t testing.TB, program pulumi.RunFunc, dir, stack string, set map[string]string) *Scenario {
	t.Helper()
	s, err := simstack.Open(context.Background(), program, simstack.OpenOptions{
		Dir: dir, Stack: stack, Set: set, Env: func(string) string { return "" },
	})
	if err != nil {
		t.Fatal(err)
	}
	return &Scenario{t: t, Stack: s}
}

// RefusesAccount expects that a project's stack is not deployed with credentials of
// another account, and that nothing is created.
func RefusesAccount(t testing.TB, program pulumi.RunFunc, dir, stack string, set map[string]string) {
	t.Helper()
	const other = "999999999999"
	s, err := simstack.Open(t.Context(), program, simstack.OpenOptions{Dir: dir, Stack: stack, Account: other, Set: set})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Up(t.Context())
	if err == nil || !strings.Contains(err.Error(), other) || !strings.Contains(err.Error(), "accountId") {
		t.Errorf("%s: got error %v, want one that names the account and accountId", stack, err)
	}
	if n := s.Cloud.Count(); n != 0 {
		t.Errorf("%s: got %d resources, want none", stack, n)
	}
}

// DestroyIsRefused expects that the stack, which holds the resource with that name
// protected, cannot be destroyed, that all of it stays, and that it is still settled.
func (s *Scenario) DestroyIsRefused(name string) {
	s.t.Helper()
	before := s.Cloud.Count()
	s.DestroyFails(name, "cannot be deleted", "because it is protected")
	if after := s.Cloud.Count(); after != before {
		s.t.Errorf("got %d resources after the refusal, want all %d", after, before)
	}
	s.Settled()
}

// Set changes the configuration for what comes next.
func (s *Scenario) Set(key, value string) {
	s.t.Helper()
	parsed, err := config.ParseKey(key)
	if err != nil {
		s.t.Fatal(err)
	}
	s.Config = maps.Clone(s.Config)
	s.Config[parsed] = config.NewValue(value)
}

// Up deploys.
func (s *Scenario) Up() *simstack.Result { s.t.Helper(); return s.must(s.Stack.Up) }

// Preview says what Up would do.
func (s *Scenario) Preview() *simstack.Result { s.t.Helper(); return s.must(s.Stack.Preview) }

// Refresh reads what exists.
func (s *Scenario) Refresh() *simstack.Result { s.t.Helper(); return s.must(s.Stack.Refresh) }

// Destroy deletes everything.
func (s *Scenario) Destroy() *simstack.Result { s.t.Helper(); return s.must(s.Stack.Destroy) }

func (s *Scenario) must(op func(context.Context) (*simstack.Result, error)) *simstack.Result {
	s.t.Helper()
	r, err := op(context.Background())
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// UpFails deploys, expects that it does not work, and expects each text among
// the errors. It returns them all.
func (s *Scenario) UpFails(want ...string) string {
	s.t.Helper()
	return s.fails("up", s.Stack.Up, want)
}

// DestroyFails is UpFails for Destroy.
func (s *Scenario) DestroyFails(want ...string) string {
	s.t.Helper()
	return s.fails("destroy", s.Stack.Destroy, want)
}

func (s *Scenario) fails(name string, op func(context.Context) (*simstack.Result, error), want []string) string {
	s.t.Helper()
	_, err := op(context.Background())
	if err == nil {
		s.t.Fatalf("%s worked, want an error with %q", name, want)
	}
	for _, w := range want {
		if !strings.Contains(err.Error(), w) {
			s.t.Errorf("got error\n%v\nwant %q in it", err, w)
		}
	}
	return err.Error()
}

// Settled expects that another preview, an up and a refresh change nothing.
func (s *Scenario) Settled() {
	s.t.Helper()
	for name, r := range map[string]*simstack.Result{"preview": s.Preview(), "up": s.Up()} {
		if changes := r.Changes(); len(changes) > 0 {
			s.t.Errorf("%s of what is deployed changes %v, want nothing:\n%s", name, changes, Steps(r))
		}
	}
	for _, step := range s.Refresh().Steps {
		if step.Op != "refresh" && step.Op != "same" {
			s.t.Errorf("refresh finds %s of %s, want no drift", step.Op, step.URN)
		}
	}
	if changes := s.Up().Changes(); len(changes) > 0 {
		s.t.Errorf("up after a refresh changes %v, want nothing", changes)
	}
}

// Steps renders what changed, one line per step: op, name, properties.
func Steps(r *simstack.Result) string {
	var b strings.Builder
	for _, s := range r.Steps {
		if s.Op == "same" {
			continue
		}
		b.WriteString(s.Op + " " + s.URN.Name() + " " + strings.Join(s.Diffs, ",") + "\n")
	}
	return b.String()
}

// Touched lists the names of the resources that a step other than `same`
// touched, by operation.
func Touched(r *simstack.Result) map[string][]string {
	out := map[string][]string{}
	for _, s := range r.Steps {
		if s.Op != "same" {
			out[s.Op] = append(out[s.Op], s.URN.Name())
		}
	}
	return out
}

// SetSecret is Set for a value that is a secret, as `pulumi config set --secret`
// makes it.
func (s *Scenario) SetSecret(key, value string) {
	s.t.Helper()
	parsed, err := config.ParseKey(key)
	if err != nil {
		s.t.Fatal(err)
	}
	encrypted, err := config.Base64Crypter.EncryptValue(s.t.Context(), value)
	if err != nil {
		s.t.Fatal(err)
	}
	s.Config = maps.Clone(s.Config)
	s.Config[parsed] = config.NewSecureValue(encrypted)
}
