package policy_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/policyx"

	"ds-pipeline/policy"
)

func TestRules_tellAViolatingProgramFromAConformingOne(t *testing.T) {
	for _, rule := range policy.Rules() {
		t.Run(rule.Name, func(t *testing.T) {
			t.Parallel()
			p := readPrograms(t, rule.Name)
			if len(p.Wants) == 0 {
				t.Fatal("wants: names no resource")
			}
			slices.Sort(p.Wants)
			for _, dryRun := range []bool{true, false} {
				found, err := judge(t, p.Violating, p.Environment, alone(rule.Name, nil), dryRun)
				mandatory := rule.Level == policyx.EnforcementLevelMandatory
				if !dryRun && mandatory && err == nil {
					t.Error("the violating program is deployed, want the engine to refuse it")
				}
				if got := of(found, rule.Name); !slices.Equal(got, p.Wants) && (dryRun || !mandatory || len(got) == 0) {
					t.Errorf("dry run %v: got violations by %q, want by %q\nall: %+v\nerror: %v", dryRun, got, p.Wants, found, err)
				}
				for _, v := range found {
					if v.rule == rule.Name && (v.mandatory != mandatory || !strings.Contains(v.message, rule.Remedy)) {
						t.Errorf("got %+v, want its level and remedy", v)
					}
				}
				found, err = judge(t, p.Conforming, p.Environment, alone(rule.Name, p.Config), dryRun)
				if got := of(found, rule.Name); len(got) > 0 {
					t.Errorf("dry run %v: got violations %+v by the conforming program, want none", dryRun, found)
				}
				if err != nil {
					t.Errorf("dry run %v: the conforming program fails: %v", dryRun, err)
				}
			}
		})
	}
}

// alone configures one rule and turns the others off: they have programs of
// their own.
func alone(name string, settings map[string]any) map[string]any {
	config := map[string]any{}
	for _, rule := range policy.Rules() {
		config[rule.Name] = map[string]any{"enforcementLevel": "disabled"}
	}
	delete(config, name)
	if settings != nil {
		config[name] = settings
	}
	return config
}

func TestRules_eachHasItsPrograms(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, rule := range policy.Rules() {
		if names[rule.Name] {
			t.Errorf("rule %s: there are two of it", rule.Name)
		}
		names[rule.Name] = true
	}
	for _, file := range files {
		if name := strings.TrimSuffix(filepath.Base(file), ".yaml"); !names[name] {
			t.Errorf("%s: there is no rule %s", file, name)
		}
	}
}

const documentation = "../../docs/policies.md"

func TestDocumentation_isWhatTheRulesSay(t *testing.T) {
	want := policy.Markdown()
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(documentation, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(documentation)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not what the rules say: run `make golden`", documentation)
	}
}

func TestConfiguration_changesLevelOptionsAndExceptions(t *testing.T) {
	t.Parallel()
	p := readPrograms(t, "bucket-versioned")
	exception := func(fields map[string]any) map[string]any {
		return map[string]any{"bucket-versioned": map[string]any{"exceptions": []any{fields}}}
	}
	for _, test := range []struct {
		name   string
		config map[string]any
		want   []string // violating resources
		says   string   // in the first message about the rule, or in the error
	}{
		{"disabled", map[string]any{"bucket-versioned": map[string]any{"enforcementLevel": "disabled"}}, nil, ""},
		{"advisory", map[string]any{"bucket-versioned": map[string]any{"enforcementLevel": "advisory"}}, p.Wants, "versioning is not enabled"},
		{"excepted", exception(map[string]any{"resource": "*", "reason": "tried out"}), nil, ""},
		{"excepted elsewhere", exception(map[string]any{"resource": "*", "reason": "tried out", "environments": []any{"prod"}}), p.Wants, "versioning is not enabled"},
		{"exception without need", exception(map[string]any{"resource": "gone-*", "reason": "tried out"}), append([]string{"sample-dev"}, p.Wants...), `exception for "gone-*" is not needed`},
		{"no reason", exception(map[string]any{"resource": "*", "reason": " "}), nil, "reason: missing"},
		{"unknown option", map[string]any{"bucket-versioned": map[string]any{"ports": []any{"1"}}}, nil, "unknown option, want exceptions"},
	} {
		t.Run(test.name, func(t *testing.T) {
			found, err := judge(t, p.Violating, "dev", test.config, true)
			want := slices.Sorted(slices.Values(test.want))
			if got := of(found, "bucket-versioned"); !slices.Equal(got, want) {
				t.Errorf("got violations by %q, want by %q\n%+v", got, want, found)
			}
			var said strings.Builder
			for _, v := range found {
				said.WriteString(v.message + "\n")
			}
			if err != nil {
				said.WriteString(err.Error())
			}
			if !strings.Contains(said.String(), test.says) {
				t.Errorf("got\n%s\nwant %q in it", said.String(), test.says)
			}
		})
	}
}

func TestConfiguration_productionMayHaveMoreWaysOut(t *testing.T) {
	t.Parallel()
	p := readPrograms(t, "few-nat-gateways")
	for environment, want := range map[string][]string{"dev": p.Wants, "prod": nil} {
		found, _ := judge(t, p.Violating, environment, map[string]any{"few-nat-gateways": map[string]any{"limit": 1, "productionLimit": 2}}, true)
		if got := of(found, "few-nat-gateways"); !slices.Equal(got, want) {
			t.Errorf("%s: got violations by %q, want by %q", environment, got, want)
		}
	}
}
