// Package docs_test writes what can be generated of docs/, and fails when it is
// stale.
package docs_test

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	pkgresource "github.com/pulumi/pulumi/pkg/v3/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"gopkg.in/yaml.v3"

	"ds-pipeline/internal/cost"
	"ds-pipeline/internal/declared"
	"ds-pipeline/internal/simcloud/simstack"
	"ds-pipeline/internal/simcloud/simtest"
	"ds-pipeline/stack"
)

const root = "../.."

// stacks are planned for the pages; effects of the configuration are those on
// the first.
var stacks = []string{"dev", "prod"}

// component is what the code says of one.
type component struct {
	name    string // ProcessingCluster
	file    string
	text    string // its doc comment, as Markdown
	inputs  []field
	outputs []field
	types   map[string][]field // of inputs that are structs
	plans   []plan             // one for each of stacks
	changes []change
}

type field struct{ name, kind, text string }

// plan is what a stack has of a component.
type plan struct {
	resources []planned
	estimate  *cost.Estimate
}

type planned struct {
	name, kind string
	kept       string // what happens instead of a deletion
}

// effect is what happens to some resources of a component.
type effect struct {
	verb  string
	names []string
	whole string // instead of the names
}

// change is what changing one key, or several that go together, does to a
// component.
type change struct {
	keys, from, to []string
	with           map[string]string
	effects        []effect
}

func TestComponentPages_areFresh(t *testing.T) {
	components := components(t)
	deployments := map[string]*simstack.Result{}
	for _, name := range stacks {
		s := simtest.File(t, stack.Deploy, root, name, nil)
		deployments[name] = s.Up()
		for _, c := range components {
			c.plans = append(c.plans, planOf(t, deployments[name], c.name))
		}
		if name == stacks[0] {
			tryKeys(t, s, components, deployments[name])
		}
	}
	pages := map[string]string{"README.md": index(components)}
	for _, c := range components {
		pages[fileName(c.name)] = c.page()
	}
	golden(t, filepath.Join(root, "docs", "components"), pages)
}

// golden compares a folder with what it should hold, or writes it.
func golden(t *testing.T, dir string, want map[string]string) {
	t.Helper()
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatalf("%v; `make golden` writes it", err)
	}
	for _, e := range entries {
		if _, ok := want[e.Name()]; ok {
			continue
		}
		if os.Getenv("UPDATE_GOLDEN") == "" {
			t.Errorf("docs/components/%s describes nothing that there is; run `make golden`", e.Name())
		} else if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
			t.Error(err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		path := filepath.Join(dir, name)
		if os.Getenv("UPDATE_GOLDEN") != "" {
			if err := os.WriteFile(path, []byte(want[name]), 0o644); err != nil {
				t.Error(err)
			}
			continue
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Errorf("%v; run `make golden`", err)
			continue
		}
		if string(got) != want[name] {
			t.Errorf("docs/components/%s is stale: %s; run `make golden` and review the diff", name, firstDifference(string(got), want[name]))
		}
	}
}

func firstDifference(got, want string) string {
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(a), len(b)) {
		if i >= len(a) || i >= len(b) || a[i] != b[i] {
			line := func(list []string) string {
				if i < len(list) {
					return strconv.Quote(list[i])
				}
				return "nothing"
			}
			return fmt.Sprintf("line %d is %s, want %s", i+1, line(a), line(b))
		}
	}
	return "no difference"
}

// components are those that the source declares.
func components(t *testing.T) []*component {
	t.Helper()
	all, err := declared.Components(root)
	if err != nil {
		t.Fatal(err)
	}
	list := func(of []declared.Field, name func(declared.Field) string) []field {
		var fields []field
		for _, f := range of {
			if n := name(f); n != "" {
				fields = append(fields, field{name: n, kind: f.Kind, text: f.Text})
			}
		}
		return fields
	}
	inGo := func(f declared.Field) string { return f.Name }
	var components []*component
	for _, c := range all {
		page := &component{name: c.Name, file: c.File, text: c.Text, inputs: list(c.Inputs, inGo), types: map[string][]field{},
			outputs: list(c.Outputs, func(f declared.Field) string { return f.Tag })}
		for name, fields := range c.Types {
			page.types[name] = list(fields, inGo)
		}
		components = append(components, page)
	}
	return components
}

// contentHash ends the name of what is named by its content.
var contentHash = regexp.MustCompile(`-[0-9a-f]{16}((-kms)?(-python)?)$`)

func pattern(urn resource.URN, instance string) string {
	name := contentHash.ReplaceAllString(urn.Name(), "-<hash>$1")
	if rest, ok := strings.CutPrefix(name, instance); ok && instance != "" {
		return "<name>" + rest
	}
	return name
}

// ownerOf finds the component of ours that a resource belongs to.
func ownerOf(r *pkgresource.State, all map[resource.URN]*pkgresource.State) (owner, instance string) {
	for p := all[r.Parent]; p != nil; p = all[p.Parent] {
		if name, ok := strings.CutPrefix(string(p.Type), "ds-pipeline:components:"); ok {
			return name, p.URN.Name()
		}
	}
	return "", ""
}

func byURN(resources []*pkgresource.State) map[resource.URN]*pkgresource.State {
	all := map[resource.URN]*pkgresource.State{}
	for _, r := range resources {
		all[r.URN] = r
	}
	return all
}

// kept says what stands against the loss of a resource.
func kept(r *pkgresource.State) string {
	var parts []string
	if r.Protect {
		parts = append(parts, "refuses deletion")
	}
	skip := r.Inputs["skipDestroy"]
	if r.RetainOnDelete || skip.IsBool() && skip.BoolValue() {
		parts = append(parts, "stays in AWS")
	}
	return strings.Join(parts, ", ")
}

func planOf(t *testing.T, deployed *simstack.Result, name string) plan {
	t.Helper()
	all := byURN(deployed.Resources)
	var p plan
	var priced []cost.Resource
	region := ""
	for _, r := range deployed.Resources {
		if r.Type == "pulumi:providers:aws" {
			region = r.Inputs["region"].StringValue()
		}
		owner, instance := ownerOf(r, all)
		if owner != name || !r.Custom || strings.HasPrefix(string(r.Type), "pulumi:") {
			continue
		}
		p.resources = append(p.resources, planned{pattern(r.URN, instance), string(r.Type), kept(r)})
		priced = append(priced, cost.Resource{Type: string(r.Type), Name: r.URN.Name(), Inputs: r.Inputs.Mappable()})
	}
	slices.SortFunc(p.resources, func(a, b planned) int { return cmp.Compare(a.name+" "+a.kind, b.name+" "+b.kind) })
	if len(priced) > 0 {
		estimate, err := cost.Of(region, priced, cost.Defaults())
		if err != nil {
			t.Fatal(err)
		}
		p.estimate = estimate
	}
	return p
}

// trial is a change to try: set, on a deployment that has with in addition to
// what its stack file says.
type trial struct {
	with map[string]string
	set  map[string]string
}

// trials are other values of keys, to see what a change does. Flags are turned
// over and numbers get one more; a key whose other value cannot be found like
// that, or that needs another one, has to be here.
func trials(account, region string, existing map[string]string) []trial {
	one := func(key, value string) trial { return trial{set: map[string]string{key: value}} }
	with := func(context map[string]string, key, value string) trial {
		return trial{with: context, set: map[string]string{key: value}}
	}
	private := map[string]string{"networkMode": "private"}
	ownKey := map[string]string{"encryption": "customer-key"}
	script := map[string]string{"scriptKey": "scripts/step.py"}
	packed := map[string]string{"scriptKey": "scripts/step.py", "packageKey": "packages/step.zip"}
	inExisting := maps.Clone(existing)
	inExisting["subnetIds"], _, _ = strings.Cut(existing["subnetIds"], ",")
	moving := func(bucket string) map[string]string {
		return map[string]string{bucket + "TransitionDays": "30", bucket + "TransitionClass": "INTELLIGENT_TIERING"}
	}
	spread := func(over string) map[string]string { return map[string]string{"scaleOut": over} }
	return []trial{
		one("aws:region", "us-west-2"),
		one("environment", "test"),
		one("accountId", ""),
		one("resourceSuffix", "-blue"),
		one("parameterPrefix", "/other/"),
		one("inputKey", "raw/other.csv"),
		one("modelKey", "models/other.pkl"),
		one("scriptKey", "scripts/step.py"),
		with(script, "packageKey", "packages/step.zip"),
		with(script, "scriptStage", "after"),
		one("image", "python"),
		one("inputFormat", "jsonl"),
		one("inputDelimiter", ";"),
		one("inputEncoding", "latin-1"),
		one("nullValues", "none"),
		one("maxRecordBytes", "65536"),
		one("maxRejects", "0.5%"),
		one("keepColumns", "id"),
		one("outputFormat", "parquet"),
		one("outputDelimiter", "tab"),
		one("report", "false"),
		one("checksum", "sha256"),
		with(script, "scriptMemoryMiB", "1024"),
		with(script, "scriptTimeoutSeconds", "60"),
		with(script, "scriptNetwork", "true"),
		with(packed, "packageMaxFiles", "100"),
		with(packed, "packageMaxMiB", "64"),
		one("taskCpu", "1024"),
		one("taskMemoryMiB", "8192"),
		one("architecture", "arm64"),
		one("imageUri", account+".dkr.ecr."+region+".amazonaws.com/ds-preprocessing@sha256:"+strings.Repeat("0", 64)),
		one("scaleOut", "prefix"),
		one("scaleOut", "object"),
		{set: map[string]string{"scaleOut": "inventory", "scaleOutInventoryKey": "inventory/manifest.json"}},
		with(map[string]string{"scaleOut": "inventory", "scaleOutInventoryKey": "inventory/manifest.json"}, "scaleOutInventoryKey", "inventory/new/manifest.json"),
		with(spread("prefix"), "scaleOutObjects", "10"),
		with(spread("object"), "scaleOutRangeMiB", "512"),
		with(spread("prefix"), "scaleOutVcpus", "100"),
		with(spread("prefix"), "scaleOutConcurrency", "5"),
		with(spread("prefix"), "scaleOutToleratedPercent", "1"),
		with(spread("prefix"), "scaleOutSpot", "true"),
		with(spread("prefix"), "scaleOutHours", "48"),
		one("scheduleExpression", "cron(0 10 1 * ? *)"),
		one("scheduleTimezone", "Europe/Berlin"),
		one("notificationEmail", "team@example.com"),
		one("notificationSubscriptions", "https://example.com/hook"),
		one("logRetentionDays", "60"),
		with(map[string]string{"forceDestroyData": "false"}, "protectData", "true"),
		one("networkMode", "private"),
		one("networkMode", "endpoints"),
		{set: existing},
		one("networkCidr", "10.1.0.0/24"),
		with(private, "egressPerZone", "true"),
		with(inExisting, "subnetIds", existing["subnetIds"]),
		with(inExisting, "assignPublicIp", "true"),
		one("encryption", "customer-key"),
		with(ownKey, "kmsKeyArn", "arn:aws:kms:"+region+":"+account+":key/12345678-1234-1234-1234-123456789012"),
		with(ownKey, "keyDeletionDays", "7"),
		with(moving("input"), "inputTransitionDays", "60"),
		with(moving("input"), "inputTransitionClass", "GLACIER_IR"),
		with(moving("output"), "outputTransitionDays", "60"),
		with(moving("output"), "outputTransitionClass", "GLACIER_IR"),
		with(moving("artifact"), "artifactTransitionDays", "60"),
		with(moving("artifact"), "artifactTransitionClass", "GLACIER_IR"),
		one("permissionsBoundaryArn", "arn:aws:iam::"+account+":policy/boundary"),
	}
}

// fullKey is a key with its namespace.
func fullKey(project, key string) string {
	if strings.Contains(key, ":") {
		return key
	}
	return project + ":" + key
}

// another is a network that is there already, in the cloud of s.
func another(t *testing.T, s *simtest.Scenario) map[string]string {
	t.Helper()
	owner := simtest.File(t, stack.Deploy, root, stacks[0], map[string]string{s.Project + ":resourceSuffix": "-owner"})
	owner.Name, owner.Cloud = "owner", s.Cloud
	var vpc string
	var subnets []string
	for _, r := range owner.Up().Resources {
		switch r.Type {
		case "aws:ec2/vpc:Vpc":
			vpc = string(r.ID)
		case "aws:ec2/subnet:Subnet":
			subnets = append(subnets, string(r.ID))
		}
	}
	slices.Sort(subnets)
	return map[string]string{"networkMode": "existing", "vpcId": vpc, "subnetIds": strings.Join(subnets, ",")}
}

// tryKeys asks the engine what changing each key would do to a deployed stack.
func tryKeys(t *testing.T, s *simtest.Scenario, components []*component, deployed *simstack.Result) {
	t.Helper()
	region := ""
	for _, r := range deployed.Resources {
		if r.Type == "pulumi:providers:aws" {
			region = r.Inputs["region"].StringValue()
		}
	}
	all := trials(s.Cloud.Account(), region, another(t, s))
	bases := map[string]*base{"map[]": {s, byURN(deployed.Resources)}}
	for _, k := range configKeys(t) {
		var own []trial
		tried := false
		for _, tr := range all {
			if _, ok := tr.set[k.name]; ok {
				tried = true
				if first(tr.set) == k.name {
					own = append(own, tr)
				}
			}
		}
		if !tried {
			from := valueOf(t, s, k.name)
			if n, err := strconv.Atoi(from); k.kind == "integer" && err == nil {
				own = []trial{{set: map[string]string{k.name: strconv.Itoa(n + 1)}}}
			} else if flag, err := strconv.ParseBool(from); k.kind == "boolean" && err == nil {
				own = []trial{{set: map[string]string{k.name: strconv.FormatBool(!flag)}}}
			} else {
				t.Errorf("configuration key %s is %q: no other value to try; give it one in trials of tests/docs", k.name, from)
			}
		}
		for _, tr := range own {
			id := fmt.Sprint(tr.with) // maps print sorted
			if bases[id] == nil {
				set := map[string]string{}
				for key, v := range tr.with {
					set[fullKey(s.Project, key)] = v
				}
				if tr.with["vpcId"] != "" {
					set[s.Project+":resourceSuffix"] = "-guest"
				}
				other := simtest.File(t, stack.Deploy, root, stacks[0], set)
				if tr.with["vpcId"] != "" {
					other.Cloud = s.Cloud
				}
				bases[id] = &base{other, byURN(other.Up().Resources)}
			}
			bases[id].try(t, components, tr)
		}
	}
}

func first(set map[string]string) string { return slices.Sorted(maps.Keys(set))[0] }

// base is a deployed stack that changes are previewed on.
type base struct {
	*simtest.Scenario
	all map[resource.URN]*pkgresource.State
}

func valueOf(t *testing.T, s *simtest.Scenario, name string) string {
	t.Helper()
	for key, v := range s.Config {
		if key.String() == fullKey(s.Project, name) {
			text, err := v.Value(s.Decrypter)
			if err != nil {
				t.Fatal(err)
			}
			return text
		}
	}
	return ""
}

func (b *base) try(t *testing.T, components []*component, tr trial) {
	t.Helper()
	before := b.Config
	defer func() { b.Config = before }()
	c := change{with: tr.with}
	for _, key := range slices.Sorted(maps.Keys(tr.set)) {
		from := valueOf(t, b.Scenario, key)
		if from == tr.set[key] {
			t.Errorf("configuration key %s is %q already; give it another value in trials of tests/docs", key, from)
		}
		c.keys, c.from, c.to = append(c.keys, key), append(c.from, from), append(c.to, tr.set[key])
		b.Set(fullKey(b.Project, key), tr.set[key])
	}
	preview, err := b.Stack.Preview(t.Context())
	if err != nil {
		t.Errorf("configuration key %s = %q: %v; give it another value in trials of tests/docs", c.keys, c.to, err)
		return
	}
	record(components, preview, b.all, c)
}

// verbs are the engine's operations in words. The deletion of what is replaced
// is part of its replacement.
var verbs = []struct{ op, verb string }{
	{"create-replacement", "replaces"},
	{"delete", "deletes"},
	{"update", "updates"},
	{"create", "creates"},
}

func record(components []*component, preview *simstack.Result, all map[resource.URN]*pkgresource.State, c change) {
	touched := map[string]map[string][]string{} // component, operation, names
	instances := instancesOf(all)
	count := map[string]int{}
	for _, r := range all {
		if owner, _ := ownerOf(r, all); owner != "" && r.Custom {
			count[owner]++
		}
	}
	for _, step := range preview.Steps {
		owner, instance := "", ""
		if r := all[step.URN]; r != nil {
			owner, instance = ownerOf(r, all)
		} else {
			// What is new has its component only in its address.
			for urn, name := range instances {
				if strings.Contains(string(step.URN), "::"+string(urn.QualifiedType())+"$") && strings.HasPrefix(step.URN.Name(), urn.Name()) {
					owner, instance = name, urn.Name()
				}
			}
		}
		// A part of the address may be a component itself: what belongs to none is
		// the stack's.
		if owner == "" {
			if own, ok := strings.CutPrefix(step.Type, "ds-pipeline:components:"); ok {
				owner, instance = own, step.URN.Name()
			}
		}
		if owner == "" {
			continue
		}
		if touched[owner] == nil {
			touched[owner] = map[string][]string{}
		}
		if !strings.HasPrefix(step.Type, "ds-pipeline:components:") {
			touched[owner][step.Op] = append(touched[owner][step.Op], pattern(step.URN, instance))
		} else if step.Op == "create" || step.Op == "delete" {
			touched[owner][step.Op] = append(touched[owner][step.Op], "the component")
		}
	}
	for _, component := range components {
		own := c
		own.effects = nil
		for _, v := range verbs {
			names := touched[component.name][v.op]
			if len(names) == 0 {
				continue
			}
			slices.Sort(names)
			e := effect{verb: v.verb, names: names}
			if slices.Contains(names, "the component") {
				e.whole = "the component with everything in it"
			} else if total := count[component.name]; len(names) == total && total > 3 && v.op != "create" {
				e.whole = fmt.Sprintf("all %d resources", total)
			}
			own.effects = append(own.effects, e)
		}
		component.changes = append(component.changes, own)
	}
}

func instancesOf(all map[resource.URN]*pkgresource.State) map[resource.URN]string {
	found := map[resource.URN]string{}
	for urn, r := range all {
		if name, ok := strings.CutPrefix(string(r.Type), "ds-pipeline:components:"); ok {
			found[urn] = name
		}
	}
	return found
}

type configKey struct{ name, kind string }

// configKeys are the keys of Pulumi.yaml, in its order, after the region.
func configKeys(t *testing.T) []configKey {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "Pulumi.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var project struct{ Config yaml.Node }
	if err := yaml.Unmarshal(text, &project); err != nil {
		t.Fatalf("Pulumi.yaml: %v", err)
	}
	keys := []configKey{{"aws:region", "string"}}
	for i := 0; i+1 < len(project.Config.Content); i += 2 {
		var value struct{ Type string }
		if err := project.Config.Content[i+1].Decode(&value); err != nil {
			t.Fatalf("Pulumi.yaml: %v", err)
		}
		keys = append(keys, configKey{project.Config.Content[i].Value, value.Type})
	}
	return keys
}
