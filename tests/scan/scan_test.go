// Package scan_test has the plan of each stack judged by rules that other people
// wrote: those of cdk-nag and KICS, on the plan as a CloudFormation template.
package scan_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"ds-pipeline/internal/cloudformation"
	"ds-pipeline/internal/simcloud/simtest"
	"ds-pipeline/stack"
)

const region = "us-east-1"

var stacks = []string{"dev", "prod", "spread"}

// variants are stacks that no file describes: a file, and what is set beside it.
var variants = map[string]struct {
	stack string
	set   map[string]string
}{
	"spread": {"prod", map[string]string{"ds-pipeline:scaleOut": "prefix", "ds-pipeline:scaleOutSpot": "true"}},
}

// packs are the rule packs, with what they find in the plain CDK application
// that this project replaces.
var packs = map[string]int{"AwsSolutions": 22, "NIST": 32}

// finding is one rule that one resource breaks. Accounts and the region are
// written {account} and {region}.
type finding struct {
	Rule        string `json:"rule"`
	Resource    string `json:"resource"`
	Description string `json:"description"`
}

func (f finding) String() string { return f.Rule + " " + f.Resource + ": " + f.Description }

// report is what scan.mjs prints.
type report struct {
	Unknown   []string             `json:"unknown"`
	Resources int                  `json:"resources"`
	Packs     map[string][]finding `json:"packs"`
}

// reason says why a finding stays. Rule and resource are regular expressions
// for all of the text.
type reason struct {
	Rule     string   `json:"rule"`
	Resource string   `json:"resource"`
	Stacks   []string `json:"stacks,omitempty"` // default: all
	Reason   string   `json:"reason"`
}

func readReasons(text []byte) ([]reason, error) {
	var reasons []reason
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&reasons); err != nil {
		return nil, err
	}
	var errs []error
	for i, r := range reasons {
		for _, pattern := range []string{r.Rule, r.Resource} {
			if _, err := whole(pattern); err != nil {
				errs = append(errs, fmt.Errorf("reasons.json[%d]: got pattern %q, want a regular expression: %w", i, pattern, err))
			}
			if pattern == "" {
				errs = append(errs, fmt.Errorf("reasons.json[%d]: rule or resource is missing, want a regular expression", i))
			}
		}
		if len(strings.Fields(r.Reason)) < 4 {
			errs = append(errs, fmt.Errorf("reasons.json[%d]: got reason %q, want a sentence", i, r.Reason))
		}
	}
	return reasons, errors.Join(errs...)
}

func whole(pattern string) (*regexp.Regexp, error) { return regexp.Compile(`^(?:` + pattern + `)$`) }

func (r reason) covers(stackName string, f finding) bool {
	in := len(r.Stacks) == 0
	for _, s := range r.Stacks {
		in = in || s == stackName
	}
	return in && regexp.MustCompile(`^(?:`+r.Rule+`)$`).MatchString(f.Rule) && regexp.MustCompile(`^(?:`+r.Resource+`)$`).MatchString(f.Resource)
}

// judge returns the findings that no reason covers, and the reasons that cover
// none: they would hide what comes.
func judge(found map[string][]finding, reasons []reason) (open, stale []string) {
	for i, r := range reasons {
		applied := map[string]bool{}
		for stackName, findings := range found {
			for _, f := range findings {
				if r.covers(stackName, f) {
					applied[stackName] = true
				}
			}
		}
		if len(applied) == 0 {
			stale = append(stale, fmt.Sprintf("reasons.json[%d]: %s %s: nothing is found any more; delete it", i, r.Rule, r.Resource))
		}
		for _, s := range r.Stacks {
			if !applied[s] {
				stale = append(stale, fmt.Sprintf("reasons.json[%d]: %s %s: nothing is found in %s any more; take it out", i, r.Rule, r.Resource, s))
			}
		}
	}
	for _, stackName := range stacks {
	next:
		for _, f := range found[stackName] {
			for _, r := range reasons {
				if r.covers(stackName, f) {
					continue next
				}
			}
			open = append(open, stackName+": "+f.String())
		}
	}
	return open, stale
}

func TestPlans_haveNoFindingWithoutReason(t *testing.T) {
	text, err := os.ReadFile("reasons.json")
	if err != nil {
		t.Fatal(err)
	}
	reasons, err := readReasons(text)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]finding{}
	plans := make([]*cloudformation.Template, len(stacks))
	accounts := make([]string, len(stacks))
	for i, name := range stacks {
		plans[i], accounts[i] = template(t, name)
	}
	all := slices.Concat(plans, []*cloudformation.Template{bad})
	reports, scanned := scan(t, all), kics(t, all)
	checkBad(t, reports[len(plans)], scanned[len(plans)])
	for i, name := range stacks {
		planned, account, report := plans[i], accounts[i], reports[i]
		for _, unknown := range report.Unknown {
			t.Errorf("%s: %s", name, unknown)
		}
		if report.Resources != len(planned.Resources) {
			t.Errorf("%s: %d resources were judged, want all %d", name, report.Resources, len(planned.Resources))
		}
		for pack, plain := range packs {
			for _, f := range report.Packs[pack] {
				f.Rule = strings.NewReplacer(account, "{account}", region, "{region}").Replace(f.Rule)
				found[name] = append(found[name], f)
			}
			t.Logf("%s: %d findings of %s; the plain application has %d", name, len(report.Packs[pack]), pack, plain)
		}
		found[name] = append(found[name], scanned[i]...)
		t.Logf("%s: %d findings of KICS", name, len(scanned[i]))
	}
	open, stale := judge(found, reasons)
	for _, f := range open {
		t.Errorf("%s\nmend it, or say in tests/scan/reasons.json why it stays", f)
	}
	for _, s := range stale {
		t.Error(s)
	}
}

// template is the plan of a stack and the account that it is for.
func template(t *testing.T, stackName string) (*cloudformation.Template, string) {
	t.Helper()
	set := map[string]string{"aws:region": region}
	if v, ok := variants[stackName]; ok {
		stackName = v.stack
		maps.Copy(set, v.set)
	}
	scenario := simtest.File(t, stack.Deploy, "../..", stackName, set)
	var resources []cloudformation.Resource
	for _, r := range scenario.Up().Resources {
		if r.Custom && strings.HasPrefix(string(r.Type), "aws:") {
			resources = append(resources, cloudformation.Resource{
				Type: string(r.Type), Name: r.URN.Name(), ID: string(r.ID), Inputs: plain(r.Inputs), Outputs: plain(r.Outputs),
			})
		}
	}
	planned, err := cloudformation.New(resources)
	if err != nil {
		t.Fatal(err)
	}
	return planned, scenario.Cloud.Account()
}

// plain drops what the engine adds, and what is secret.
func plain(m resource.PropertyMap) map[string]any {
	return withoutDefaults(m.MapRepl(nil, func(v resource.PropertyValue) (any, bool) {
		return "(secret)", v.IsSecret() || v.IsOutput() && v.OutputValue().Secret
	})).(map[string]any)
}

func withoutDefaults(v any) any {
	switch v := v.(type) {
	case map[string]any:
		delete(v, "__defaults")
		for key := range v {
			v[key] = withoutDefaults(v[key])
		}
	case []any:
		for i := range v {
			v[i] = withoutDefaults(v[i])
		}
	}
	return v
}

// scan returns what is found in each template.
func scan(t *testing.T, templates []*cloudformation.Template) []report {
	t.Helper()
	if _, err := os.Stat("node_modules"); err != nil {
		t.Fatal("the scanner is not installed: run `make test`, or `npm ci` in tests/scan")
	}
	arguments := []string{"scan.mjs"}
	for i, planned := range templates {
		text, err := json.Marshal(planned)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), fmt.Sprintf("template-%d.json", i))
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		arguments = append(arguments, file)
	}
	var failure strings.Builder
	command := exec.CommandContext(t.Context(), "node", arguments...)
	command.Stderr = &failure
	output, err := command.Output()
	if err != nil {
		t.Fatalf("node scan.mjs: %v\n%s", err, failure.String())
	}
	var reports []report
	if err := json.Unmarshal(output, &reports); err != nil || len(reports) != len(templates) {
		t.Fatalf("got %s, want %d reports: %v", output, len(templates), err)
	}
	for _, r := range reports {
		for pack := range packs {
			if _, ran := r.Packs[pack]; !ran {
				t.Fatalf("the pack %s did not run", pack)
			}
		}
	}
	return reports
}

// bad is a bucket with nothing that keeps it safe.
var bad = &cloudformation.Template{FormatVersion: "2010-09-09", Resources: map[string]*cloudformation.Entity{
	"Bare": {Type: "AWS::S3::Bucket", Properties: map[string]any{"BucketNamed": "a"}},
}}

// checkBad tells when a scanner does not see what is wrong with bad: then its
// silence about the plans would mean nothing.
func checkBad(t *testing.T, r report, scanned []finding) {
	t.Helper()
	text, err := json.Marshal([]any{r, scanned})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"BucketNamed", "AwsSolutions-S1", "AwsSolutions-S10", "NIST.800.53.R5-S3BucketVersioningEnabled",
		"KICS S3 Bucket Without Server-side-encryption", "KICS S3 Bucket Allows Public Policy", "KICS S3 Bucket Without SSL In Write Actions"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("a bare bucket: got %s, want %s in it", text, want)
		}
	}
}

func TestJudge_tellsOfOpenFindingsAndStaleReasons(t *testing.T) {
	found := map[string][]finding{
		"dev":  {{Rule: "S1", Resource: "Data"}, {Rule: "S10", Resource: "Data"}},
		"prod": {{Rule: "S10", Resource: "Data"}},
	}
	open, stale := judge(found, []reason{
		{Rule: "S1", Resource: "Da.*"}, {Rule: "S10", Resource: "Data", Stacks: []string{"dev"}},
		{Rule: "S1", Resource: "Dat"}, {Rule: "S1", Resource: "Data", Stacks: []string{"dev", "prod"}},
	})
	if len(open) != 1 || !strings.HasPrefix(open[0], "prod: S10 Data") {
		t.Errorf("got open %q, want S10 of prod only", open)
	}
	if len(stale) != 2 || !strings.Contains(stale[0], "[2]") || !strings.Contains(stale[1], "in prod") {
		t.Errorf("got stale %q, want the third reason and prod in the fourth", stale)
	}
}

func TestReasons_areSentences(t *testing.T) {
	for text, want := range map[string]string{
		`[{"rule": "S1", "resource": "(", "reason": "it is as it is"}]`:  "want a regular expression",
		`[{"rule": "S1", "resource": "Data", "reason": "because"}]`:      "want a sentence",
		`[{"rule": "S1", "resource": "Data", "why": "it is as it is"}]`:  "unknown field",
		`[{"rule": "", "resource": "Data", "reason": "it is as it is"}]`: "want a regular expression",
	} {
		if _, err := readReasons([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}
