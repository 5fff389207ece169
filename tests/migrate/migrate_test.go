// Package migrate_test holds what `dspipe import` knows of the program against a
// plan of the program: dspipe imports no Pulumi, so it cannot ask.
package migrate_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	pkgresource "github.com/pulumi/pulumi/pkg/v3/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"ds-pipeline/internal/cloudformation"
	"ds-pipeline/internal/migrate"
	"ds-pipeline/internal/simcloud/simtest"
	"ds-pipeline/preprocess/contract"
	"ds-pipeline/stack"
)

// planned is a plan of the dev stack with everything that can be adopted.
func planned(t *testing.T) ([]*pkgresource.State, migrate.Target) {
	t.Helper()
	scenario := simtest.File(t, stack.Deploy, "../..", "dev", map[string]string{
		"ds-pipeline:resourceSuffix": "-blue", "ds-pipeline:environment": "test", "aws:region": "eu-west-1", "aws:profile": "own",
		"ds-pipeline:scriptKey": "scripts/a.py", "ds-pipeline:packageKey": "packages/a.zip", "ds-pipeline:scriptStage": "after",
	})
	return scenario.Up().Resources, migrate.Target{
		Project: "ds-pipeline", Environment: "test", Account: scenario.Cloud.Account(), Region: "eu-west-1", Profile: "own", Suffix: "-blue", ParameterPrefix: "/ds/preprocessing-blue/",
		Settings: map[string]string{
			contract.InputKey: contract.DefaultInputKey, contract.ModelKey: contract.DefaultModelKey,
			contract.ScriptKey: "scripts/a.py", contract.PackageKey: "packages/a.zip", contract.ScriptStage: "after",
		},
	}
}

// retained is a plan as a CDK app would have it: a template that retains what is
// of these types of Pulumi.
func retained(t *testing.T, plan []*pkgresource.State, types []string) *migrate.Template {
	t.Helper()
	var resources []cloudformation.Resource
	for _, r := range plan {
		if r.Custom && strings.HasPrefix(string(r.Type), "aws:") {
			resources = append(resources, cloudformation.Resource{Type: string(r.Type), Name: r.URN.Name(), ID: string(r.ID), Inputs: plain(r.Inputs), Outputs: plain(r.Outputs)})
		}
	}
	template, err := cloudformation.New(resources)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(template)
	if err != nil {
		t.Fatal(err)
	}
	read, err := migrate.ReadTemplate(text)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range read.Resources {
		if slices.Contains(types, r.Type) {
			r.DeletionPolicy = "Retain"
		}
	}
	return read
}

func plain(m resource.PropertyMap) map[string]any {
	out := m.MapRepl(nil, func(v resource.PropertyValue) (any, bool) { return "(secret)", v.IsSecret() })
	delete(out, "__defaults")
	return out
}

// adopting are CloudFormation's types that are adopted, and Pulumi's for them.
func adopting() (cfn, pulumi []string) {
	for _, d := range migrate.Decisions() {
		if len(d.As) > 0 {
			cfn, pulumi = append(cfn, d.Type), append(pulumi, d.As...)
		}
	}
	return cfn, pulumi
}

// An import of what the program itself made leads to the same URNs, IDs and
// provider, and nothing that could be adopted is missing.
func TestImportFile_isWhatTheProgramDeclares(t *testing.T) {
	t.Parallel()
	plan, target := planned(t)
	cfn, pulumi := adopting()
	m, err := migrate.New(retained(t, plan, append(cfn, "AWS::DynamoDB::Table")), nil, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	declared := map[string]*pkgresource.State{}
	for _, r := range plan {
		parent := ""
		if r.Parent != "" && r.Parent.Type() != resource.RootStackType {
			parent = string(r.Parent.Type()) + " " + r.Parent.Name()
		}
		declared[fmt.Sprintf("%s %s under %q", r.Type, r.URN.Name(), parent)] = r
	}
	components := map[string]string{}
	for _, i := range m.File.Resources {
		if i.Component {
			components[i.Name] = i.Type + " " + i.Name
		}
		at := fmt.Sprintf("%s %s under %q", i.Type, i.Name, components[i.Parent])
		r := declared[at]
		delete(declared, at)
		switch {
		case r == nil:
			t.Errorf("%s: the program does not declare it", at)
		case r.Custom == i.Component:
			t.Errorf("%s: component is %v", at, i.Component)
		case i.Type == "pulumi:providers:aws":
			checkProvider(t, r, i)
		case !i.Component && (string(r.ID) != i.ID || i.ID == ""):
			t.Errorf("%s: got ID %q, want %q", at, i.ID, r.ID)
		case !i.Component && (i.Provider != "aws" || !strings.Contains(r.Provider, "::pulumi:providers:aws::aws::")):
			t.Errorf("%s: got provider %q, want that of %q", at, i.Provider, r.Provider)
		}
	}
	var missing []string
	for at, r := range declared {
		// Outputs are new, and no CDK app has them.
		if slices.Contains(pulumi, string(r.Type)) && !strings.HasPrefix(r.URN.Name(), "outputs-") {
			missing = append(missing, at)
		}
	}
	slices.Sort(missing)
	if missing != nil {
		t.Errorf("the program declares what is never adopted:\n%s", strings.Join(missing, "\n"))
	}
}

func checkProvider(t *testing.T, r *pkgresource.State, i migrate.Import) {
	t.Helper()
	want := plain(r.Inputs)
	delete(want, "__internal")
	if want["version"] != i.Version {
		t.Errorf("got version %q of the provider, want %v", i.Version, want["version"])
	}
	delete(want, "version")
	got, errGot := json.Marshal(i.Inputs)
	text, errWant := json.Marshal(want)
	if errGot != nil || errWant != nil || string(got) != string(text) {
		t.Errorf("got a provider with %s, want %s", got, text)
	}
}

// What the program gives a fixed name must be free: retaining it is a problem
// for each, and for nothing else.
func TestProblems_nameWhatTheProgramNames(t *testing.T) {
	t.Parallel()
	plan, target := planned(t)
	cfn, _ := adopting()
	_, err := migrate.New(retained(t, plan, append(cfn, "AWS::DynamoDB::Table", "AWS::ECS::Cluster", "AWS::StepFunctions::StateMachine")), nil, target, nil)
	if err == nil {
		t.Fatal("got no error, want one for each name")
	}
	names := map[string]bool{}
	for _, r := range plan {
		if r.Type == "aws:ecs/cluster:Cluster" || r.Type == "aws:sfn/stateMachine:StateMachine" {
			names[r.Inputs["name"].StringValue()] = true
		}
	}
	for name := range names {
		if !strings.Contains(err.Error(), fmt.Sprintf("pulumi up creates another %q", name)) {
			t.Errorf("got %v\nwant %q in it", err, name)
		}
	}
	if got := strings.Count(err.Error(), "\n") + 1; got != len(names) || got != 3 {
		t.Errorf("got %d problems for %v, want one each:\n%v", got, slices.Sorted(maps.Keys(names)), err)
	}
}

// Each type that the plan has, and each that the template has, is decided by
// name, not by chance.
func TestDecisions_coverTheTypes(t *testing.T) {
	t.Parallel()
	plan, _ := planned(t)
	types := map[string]bool{}
	for _, r := range retained(t, plan, nil).Resources {
		types[r.Type] = true
	}
	text, err := os.ReadFile("../../internal/migrate/testdata/cdk-app.template.json")
	if err != nil {
		t.Fatal(err)
	}
	template, err := migrate.ReadTemplate(text)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range template.Resources {
		types[r.Type] = true
	}
	for typ := range types {
		decided := slices.ContainsFunc(migrate.Decisions(), func(d migrate.Decision) bool {
			prefix, open := strings.CutSuffix(d.Type, "*")
			return d.Type == typ || open && prefix != "" && strings.HasPrefix(typ, prefix)
		})
		if !decided && typ != "AWS::DynamoDB::Table" && typ != "AWS::Budgets::Budget" { // a CDK app of this kind has neither
			t.Errorf("%s: want a decision", typ)
		}
	}
}

// docs/migration.md has the decisions as a table.
func TestPage_hasTheDecisions(t *testing.T) {
	t.Parallel()
	const page = "../../docs/migration.md"
	var table strings.Builder
	table.WriteString("| in the template | | in the stack |\n|---|---|---|\n")
	for _, d := range migrate.Decisions() {
		typ := "`" + d.Type + "`"
		if d.Type == "*" {
			typ = "anything else"
		}
		var as []string
		for _, a := range d.As {
			as = append(as, a[strings.LastIndex(a, ":")+1:])
		}
		why := d.Why
		if as != nil {
			why = "`" + strings.Join(as, "`, `") + "`. " + why
		}
		fmt.Fprintf(&table, "| %s | %s | %s |\n", typ, d.Becomes, why)
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- decisions: written by make golden -->\n\n", "\n<!-- /decisions -->"
	before, rest, ok := strings.Cut(string(text), begin)
	_, after, okEnd := strings.Cut(rest, end)
	if !ok || !okEnd {
		t.Fatalf("%s has no place for the decisions", page)
	}
	want := before + begin + table.String() + end + after
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want != string(text) {
		t.Errorf("%s is out of date; run make golden", page)
	}
}
