package engine_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	pkgresource "github.com/pulumi/pulumi/pkg/v3/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/protobuf/types/known/structpb"

	"ds-pipeline/internal/simcloud/simstack"
	"ds-pipeline/policy"
	"ds-pipeline/preprocess/contract"
)

// checkPlan holds what is deployed with a configuration against rules that hold
// whatever is configured. That AWS accepts names and documents is for the simulator
// to say; what an auditor asks is for the policy pack.
func checkPlan(t *testing.T, set map[string]string, deployed *simstack.Result) {
	t.Helper()
	partition := "aws"
	switch region := set["aws:region"]; {
	case strings.HasPrefix(region, "cn-"):
		partition = "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		partition = "aws-us-gov"
	}
	for _, r := range deployed.Resources {
		if !strings.HasPrefix(string(r.Type), "aws:") {
			continue
		}
		checkTexts(t, r, partition)
		checkTags(t, r, set["ds-pipeline:environment"])
		checkSizes(t, r)
	}
	checkOutputs(t, deployed)
	checkPolicies(t, set, deployed)
}

var arnPattern = regexp.MustCompile(`\barn:([a-z*-]*):`)

// checkTexts looks at every text that a resource was given or has: ARNs are of one
// partition, and who is told is never in clear.
func checkTexts(t *testing.T, r *pkgresource.State, partition string) {
	t.Helper()
	for _, properties := range []resource.PropertyMap{r.Inputs, r.Outputs} {
		eachText(resource.NewProperty(properties), r.URN.Name(), func(path, text string) {
			for _, m := range arnPattern.FindAllStringSubmatch(text, -1) {
				if m[1] != partition {
					t.Errorf("%s: got %s..., want the partition %s", path, m[0], partition)
				}
			}
			if strings.Contains(text, "hush") {
				t.Errorf("%s: got a secret in clear", path)
			}
		})
	}
}

// eachText calls f with each text that is not a secret.
func eachText(v resource.PropertyValue, path string, f func(path, text string)) {
	switch {
	case v.IsString():
		f(path, v.StringValue())
	case v.IsArray():
		for _, e := range v.ArrayValue() {
			eachText(e, path, f)
		}
	case v.IsObject():
		for k, e := range v.ObjectValue() {
			eachText(e, path+"."+string(k), f)
		}
	case v.IsOutput() && !v.OutputValue().Secret:
		eachText(v.OutputValue().Element, path, f)
	}
}

// checkTags expects the tags of the stack on whatever can have tags.
func checkTags(t *testing.T, r *pkgresource.State, environment string) {
	t.Helper()
	all, taggable := r.Outputs["tagsAll"]
	if !taggable {
		return
	}
	for tag, want := range map[resource.PropertyKey]string{"project": "ds-pipeline", "environment": environment, "managed-by": "pulumi"} {
		if got := all.ObjectValue()[tag]; !got.IsString() || got.StringValue() != want {
			t.Errorf("%s: got tag %s %v, want %q", r.URN.Name(), tag, got, want)
		}
	}
}

// limits are those of AWS that are counted in bytes of a property.
var limits = map[string]struct {
	property resource.PropertyKey
	most     int
}{
	"aws:ssm/parameter:Parameter":                 {"insecureValue", 4096},         // of the standard tier, which is free
	"aws:ecs/taskDefinition:TaskDefinition":       {"containerDefinitions", 60000}, // of 64 KiB for all of it
	"aws:sfn/stateMachine:StateMachine":           {"definition", 1 << 20},
	"aws:cloudwatch/eventRule:EventRule":          {"eventPattern", 4096},
	"aws:cloudwatch/metricAlarm:MetricAlarm":      {"alarmDescription", 1024},
	"aws:cloudwatch/eventTarget:EventTarget":      {"input", 8192},
	"aws:iam/rolePolicy:RolePolicy":               {"policy", 10240},
	"aws:ec2/vpcEndpoint:VpcEndpoint":             {"policy", 20480},
	"aws:s3/bucketPolicy:BucketPolicy":            {"policy", 20480},
	"aws:kms/key:Key":                             {"policy", 32768},
	"aws:sns/topicSubscription:TopicSubscription": {"filterPolicy", 256 << 10},
}

func checkSizes(t *testing.T, r *pkgresource.State) {
	t.Helper()
	limit, ok := limits[string(r.Type)]
	if !ok {
		return
	}
	if v := r.Inputs[limit.property]; v.IsString() && len(v.StringValue()) > limit.most {
		t.Errorf("%s: got %s of %d bytes, want at most %d", r.URN.Name(), limit.property, len(v.StringValue()), limit.most)
	}
}

// checkOutputs expects each output, the same in Parameter Store.
func checkOutputs(t *testing.T, deployed *simstack.Result) {
	t.Helper()
	parameters := map[string]string{}
	for _, r := range deployed.Resources {
		if r.Type == "aws:ssm/parameter:Parameter" {
			name, value := r.Inputs["name"].StringValue(), r.Inputs["insecureValue"]
			if i := strings.LastIndex(name, contract.OutputsPrefix); i >= 0 && value.IsString() {
				parameters[name[i:]] = value.StringValue()
			}
		}
	}
	for _, o := range contract.Outputs() {
		value, given := deployed.Outputs[resource.PropertyKey(o.Stack)]
		switch {
		case o.Object:
		case !given && o.Optional:
			if stored := parameters[o.Name]; stored != "" {
				t.Errorf("output %s: got parameter %q without the output", o.Stack, stored)
			}
		case !value.IsString() || value.StringValue() == "":
			t.Errorf("output %s: got %v, want a text", o.Stack, value)
		case parameters[o.Name] != value.StringValue():
			t.Errorf("output %s: got %q, and %q in Parameter Store", o.Stack, value.StringValue(), parameters[o.Name])
		}
	}
}

// chosen are the policies about what a stack may choose, in production too, where
// they ask the one who chooses.
var chosen = []string{"cluster-has-insights", "data-not-thrown-away", "data-protected", "few-nat-gateways", "network-traffic-recorded"}

// checkPolicies lets the policy pack judge what was deployed.
func checkPolicies(t *testing.T, set map[string]string, deployed *simstack.Result) {
	t.Helper()
	server := policy.NewServer()
	ctx := t.Context()
	if _, err := server.ConfigureStack(ctx, &pulumirpc.AnalyzerStackConfigureRequest{
		Stack: "dev", Project: "ds-pipeline", Config: map[string]string{"ds-pipeline:environment": set["ds-pipeline:environment"]},
	}); err != nil {
		t.Fatal(err)
	}
	properties := func(m resource.PropertyMap) *structpb.Struct {
		sent, err := plugin.MarshalProperties(m, plugin.MarshalOptions{KeepUnknowns: true, KeepSecrets: true, KeepResources: true})
		if err != nil {
			t.Fatal(err)
		}
		return sent
	}
	var all []*pulumirpc.AnalyzerResource
	tell := func(answer *pulumirpc.AnalyzeResponse, err error) {
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range answer.Diagnostics {
			if d.EnforcementLevel == pulumirpc.EnforcementLevel_MANDATORY && !slices.Contains(chosen, d.PolicyName) {
				t.Errorf("policy %s: %s", d.PolicyName, d.Message)
			}
		}
	}
	for _, r := range deployed.Resources {
		options := &pulumirpc.AnalyzerResourceOptions{Protect: r.Protect}
		tell(server.Analyze(ctx, &pulumirpc.AnalyzeRequest{Type: string(r.Type), Urn: string(r.URN), Name: r.URN.Name(), Properties: properties(r.Inputs), Options: options}))
		on := map[string]*pulumirpc.AnalyzerPropertyDependencies{}
		for property, urns := range r.PropertyDependencies {
			d := &pulumirpc.AnalyzerPropertyDependencies{}
			for _, urn := range urns {
				d.Urns = append(d.Urns, string(urn))
			}
			on[string(property)] = d
		}
		all = append(all, &pulumirpc.AnalyzerResource{Type: string(r.Type), Urn: string(r.URN), Name: r.URN.Name(), Properties: properties(r.Outputs), Options: options, PropertyDependencies: on})
	}
	tell(server.AnalyzeStack(ctx, &pulumirpc.AnalyzeStackRequest{Resources: all}))
}
