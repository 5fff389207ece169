package stack

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"ds-pipeline/preprocess/contract"
)

// cloud answers as an AWS account, and keeps what was asked for.
type cloud struct {
	account string
	down    bool // identity cannot be asked

	mu        sync.Mutex
	resources []pulumi.MockResourceArgs
	calls     []pulumi.MockCallArgs
}

func (c *cloud) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.resources = append(c.resources, args)
	out := args.Inputs.Copy()
	for _, computed := range []string{"arn", "name", "url", "repositoryUrl", "imageUri"} {
		if _, ok := out[resource.PropertyKey(computed)]; !ok {
			out[resource.PropertyKey(computed)] = resource.NewProperty(computed + " of " + args.Name)
		}
	}
	return args.Name + "-id", out, nil
}

func (c *cloud) Call(args pulumi.MockCallArgs) (resource.PropertyMap, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls = append(c.calls, args)
	switch {
	case args.Token != "aws:index/getCallerIdentity:getCallerIdentity":
		return args.Args, nil
	case c.down:
		return nil, fmt.Errorf("AWS account ID not allowed: %s", c.account)
	}
	return resource.NewPropertyMapFromMap(map[string]any{"accountId": c.account}), nil
}

// deploy runs Deploy with a configuration and returns the stack's outputs.
func deploy(c *cloud, values map[string]string) (map[string]pulumi.Input, error) {
	var outputs map[string]pulumi.Input
	err := pulumi.RunErr(func(ctx *pulumi.Context) error {
		err := Deploy(ctx)
		outputs = ctx.GetCurrentExportMap()
		return err
	}, pulumi.WithMocks("ds-pipeline", "dev", c), func(info *pulumi.RunInfo) { info.Config = values })
	return outputs, err
}

// only is the smallest configuration that allows one account.
func only(account string) map[string]string {
	return map[string]string{"aws:region": "us-east-1", "ds-pipeline:accountId": account}
}

func TestStackFiles_deploy(t *testing.T) {
	for _, name := range []string{"dev", "prod"} {
		t.Run(name, func(t *testing.T) {
			values := stackFile(t, name)
			c := &cloud{account: values["ds-pipeline:accountId"]}
			outputs, err := deploy(c, values)
			if err != nil {
				t.Fatal(err)
			}
			listed := map[string]bool{}
			for _, o := range contract.Outputs() {
				listed[o.Stack] = true
				if outputs[o.Stack] == nil && !o.Optional {
					t.Errorf("no output %s, which is not optional", o.Stack)
				}
			}
			for output := range outputs {
				if !listed[output] {
					t.Errorf("output %s is not in contract.Outputs", output)
				}
			}
		})
	}
}

func TestDeploy_exportsEveryOutputSometimes(t *testing.T) {
	seen := map[string]bool{}
	for _, set := range []map[string]string{
		{"ds-pipeline:encryption": "customer-key", "ds-pipeline:auditTrailDays": "30", "ds-pipeline:alarms": "true"},
		{"ds-pipeline:scheduleTimezone": "Europe/Berlin"},
	} {
		maps.Copy(set, only("111111111111"))
		outputs, err := deploy(&cloud{account: "111111111111"}, set)
		if err != nil {
			t.Fatal(err)
		}
		for name := range outputs {
			seen[name] = true
		}
	}
	for _, o := range contract.Outputs() {
		if !seen[o.Stack] {
			t.Errorf("output %s is never exported", o.Stack)
		}
	}
}

func TestDeploy_refusesAnotherAccountBeforeAnythingIsCreated(t *testing.T) {
	c := &cloud{account: "333333333333"}
	_, err := deploy(c, only("222222222222"))
	if err == nil || !strings.Contains(err.Error(), "333333333333") || !strings.Contains(err.Error(), "222222222222") {
		t.Errorf("got %v, want an error with both accounts", err)
	}
	for _, res := range c.resources {
		if !strings.HasPrefix(res.TypeToken, "pulumi:providers:") {
			t.Errorf("%s %s was created", res.TypeToken, res.Name)
		}
	}
}

func TestDeploy_saysWhichAccountIsAllowedWhenTheProviderRefuses(t *testing.T) {
	_, err := deploy(&cloud{account: "333333333333", down: true}, only("222222222222"))
	if err == nil || !strings.Contains(err.Error(), "333333333333") || !strings.Contains(err.Error(), "222222222222") {
		t.Errorf("got %v, want an error with both accounts", err)
	}
}

func TestDeploy_usesAnyAccountWhenNoneIsConfigured(t *testing.T) {
	c := &cloud{account: "444444444444"}
	if _, err := deploy(c, map[string]string{"aws:region": "us-east-1"}); err != nil {
		t.Fatal(err)
	}
	for _, res := range c.resources {
		if res.TypeToken == "pulumi:providers:aws" && res.Inputs.HasValue("allowedAccountIds") {
			t.Error("the provider allows only some accounts")
		}
		if res.TypeToken == "aws:s3/bucketV2:BucketV2" && !strings.Contains(res.Inputs["bucket"].StringValue(), "-444444444444-") {
			t.Errorf("bucket %v", res.Inputs["bucket"])
		}
	}
}

func TestDeploy_createsNothingFromABadConfiguration(t *testing.T) {
	c := &cloud{account: "111111111111"}
	if _, err := deploy(c, map[string]string{"aws:region": "us-east-1", "ds-pipeline:taskCpu": "1"}); err == nil {
		t.Error("no error")
	}
	if len(c.resources)+len(c.calls) != 0 {
		t.Errorf("%d resources and %d calls", len(c.resources), len(c.calls))
	}
}

// TestDeploy_usesNoDefaultProvider holds for resources and for calls: with the
// default providers disabled, one that named none would fail. What awsx creates
// below its image inherits the providers of our component.
func TestDeploy_usesNoDefaultProvider(t *testing.T) {
	c := &cloud{account: "111111111111"}
	if _, err := deploy(c, only("111111111111")); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"aws": "::aws::aws-id", "awsx": "::awsx::awsx-id"}
	check := func(what, pkg, provider string) {
		if suffix, ok := want[pkg]; ok && !strings.HasSuffix(provider, suffix) {
			t.Errorf("%s uses provider %q", what, provider)
		}
	}
	for _, res := range c.resources {
		pkg, _, _ := strings.Cut(res.TypeToken, ":")
		check(res.TypeToken+" "+res.Name, pkg, res.Provider)
		if pkg == "ds-pipeline" {
			for inherited := range want {
				check(res.TypeToken+" "+res.Name, inherited, res.RegisterRPC.GetProviders()[inherited])
			}
		}
	}
	for _, call := range c.calls {
		pkg, _, _ := strings.Cut(call.Token, ":")
		check(call.Token, pkg, call.Provider)
	}
}

func TestDeploy_usesTheProfileThatIsConfigured(t *testing.T) {
	for _, profile := range []string{"", "operator"} {
		set := only("111111111111")
		if profile != "" {
			set["aws:profile"] = profile
		}
		c := &cloud{account: "111111111111"}
		if _, err := deploy(c, set); err != nil {
			t.Fatal(err)
		}
		for _, res := range c.resources {
			if got := res.Inputs["profile"]; res.TypeToken == "pulumi:providers:aws" && (got.IsString() != (profile != "") || got.IsString() && got.StringValue() != profile) {
				t.Errorf("with profile %q the provider has %v", profile, got)
			}
		}
	}
}

func TestDeploy_tagsEverything(t *testing.T) {
	c := &cloud{account: "111111111111"}
	if _, err := deploy(c, only("111111111111")); err != nil {
		t.Fatal(err)
	}
	for _, res := range c.resources {
		if res.TypeToken != "pulumi:providers:aws" {
			continue
		}
		got := res.Inputs["defaultTags"].ObjectValue()["tags"].ObjectValue().Mappable()
		want := map[string]any{"environment": "dev", "managed-by": "pulumi", "project": "ds-pipeline"}
		if !maps.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		return
	}
	t.Error("no provider")
}

func TestDeploy_suffixReachesEveryPublishedName(t *testing.T) {
	physical := func(suffix string) []string {
		c := &cloud{account: "111111111111"}
		if _, err := deploy(c, map[string]string{"aws:region": "us-east-1", "ds-pipeline:resourceSuffix": suffix}); err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, res := range c.resources {
			for kind, field := range map[string]resource.PropertyKey{
				"aws:s3/bucketV2:BucketV2": "bucket", "aws:ecr/repository:Repository": "name", "aws:ecs/cluster:Cluster": "name",
				"aws:ecs/taskDefinition:TaskDefinition": "family", "aws:cloudwatch/logGroup:LogGroup": "name",
				"aws:sfn/stateMachine:StateMachine": "name", "aws:ssm/parameter:Parameter": "name",
			} {
				if res.TypeToken == kind {
					names = append(names, res.Inputs[field].StringValue())
				}
			}
		}
		slices.Sort(names)
		return names
	}
	plain := []string{
		"/aws/vendedlogs/states/ds-preprocessing-pipeline", "/aws/vendedlogs/states/ds-preprocessing-watch", "ds-preprocessing-watch",
		"/ds/preprocessing/artifact-bucket", "/ds/preprocessing/input-bucket", "/ds/preprocessing/input-key",
		"/ds/preprocessing/model-key", "/ds/preprocessing/output-bucket",
		"/ecs/ds-preprocessing-dev",
		"ds-artifacts-dev-111111111111-us-east-1", "ds-input-dev-111111111111-us-east-1", "ds-output-dev-111111111111-us-east-1",
		"ds-preprocessing", "ds-preprocessing", "ds-preprocessing-pipeline", "ds-processing-cluster",
	}
	for _, o := range contract.Outputs() {
		if !o.Optional && !o.Object || slices.Contains([]string{"scheduleRuleName", "alarmTopicArn"}, o.Stack) {
			plain = append(plain, "/ds/preprocessing/"+o.Name)
		}
	}
	slices.Sort(plain)
	if got := physical(""); !slices.Equal(got, plain) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(plain, "\n"))
	}
	other := physical("-two")
	if len(other) != len(plain) {
		t.Errorf("%d names with a suffix, %d without", len(other), len(plain))
	}
	for _, name := range other {
		if slices.Contains(plain, name) {
			t.Errorf("both environments have %s", name)
		}
	}
}

func TestProjectRoot_isWherePulumiYamlIs(t *testing.T) {
	root := func(given string) (string, error) {
		var dir string
		var rootErr error
		err := pulumi.RunErr(func(ctx *pulumi.Context) error {
			dir, rootErr = projectRoot(ctx)
			return nil
		}, pulumi.WithMocks("ds-pipeline", "dev", &cloud{}), func(info *pulumi.RunInfo) { info.RootDirectory = given })
		if err != nil {
			t.Fatal(err)
		}
		return dir, rootErr
	}
	if dir, err := root("/somewhere"); dir != "/somewhere" || err != nil {
		t.Errorf("got %s, %v", dir, err)
	}
	project := t.TempDir()
	if err := os.WriteFile(filepath.Join(project, "Pulumi.yaml"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	below := filepath.Join(project, "a", "b")
	if err := os.MkdirAll(below, 0o750); err != nil {
		t.Fatal(err)
	}
	t.Chdir(below)
	if dir, err := root(""); err != nil || !sameFile(t, dir, project) {
		t.Errorf("got %s, %v, want %s", dir, err, project)
	}
	t.Chdir(t.TempDir())
	if dir, err := root(""); err == nil || !strings.Contains(err.Error(), "no Pulumi.yaml in ") {
		t.Errorf("got %s, %v", dir, err)
	}
}

func sameFile(t *testing.T, a, b string) bool {
	t.Helper()
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(infoA, infoB)
}
