// Package consumer_test deploys another team's stack beside ours, on the real
// Pulumi engine, and runs its service.
package consumer_test

import (
	"encoding/json"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/property"

	"ds-pipeline/examples/consumer/reports"
	"ds-pipeline/internal/awstest"
	"ds-pipeline/internal/simcloud/simtest"
	"ds-pipeline/outputs"
	"ds-pipeline/preprocess/contract"
	"ds-pipeline/stack"
)

const (
	source   = "../.."
	consumer = source + "/examples/consumer"
	producer = "organization/ds-pipeline/dev"
)

// scenario is our stack, deployed, and the consumer's, which finds its outputs and
// is in the same account. change may spoil the outputs.
func scenario(t *testing.T, set map[string]string, change func(map[string]property.Value)) (outputs resource.PropertyMap, s *simtest.Scenario) {
	t.Helper()
	ours := map[string]string{"aws:region": "us-east-1", "ds-pipeline:accountId": "111111111111"}
	maps.Copy(ours, set)
	first := simtest.File(t, stack.Deploy, source, "dev", ours)
	outputs = first.Up().Outputs
	exported := map[string]property.Value{}
	for name, value := range outputs {
		exported[string(name)] = resource.FromResourcePropertyValue(value)
	}
	if change != nil {
		change(exported)
	}
	s = simtest.File(t, reports.Deploy, consumer, "dev", map[string]string{"aws:region": ours["aws:region"]})
	s.Cloud = first.Cloud
	s.Others = map[string]property.Map{producer: property.NewMap(exported)}
	return outputs, s
}

type policy struct {
	Statement []struct {
		Sid, Effect      string
		Action, Resource []string
		Condition        map[string]map[string]string
	}
}

func TestConsumer_readsResultsAndNothingElse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ encryption, region, partition, service string }{
		{"sse-s3", "us-east-1", "aws", ""},
		{"customer-key", "us-east-1", "aws", "s3.us-east-1.amazonaws.com"},
		{"customer-key", "us-gov-west-1", "aws-us-gov", "s3.us-gov-west-1.amazonaws.com"},
		{"customer-key", "cn-north-1", "aws-cn", "s3.cn-north-1.amazonaws.com.cn"},
	} {
		ours, s := scenario(t, map[string]string{"ds-pipeline:encryption": c.encryption, "aws:region": c.region}, nil)
		text := func(name string) string { return ours[resource.PropertyKey(name)].StringValue() }
		made := s.Up()
		if len(made.Diagnostics) > 0 {
			t.Errorf("got diagnostics %v, want none", made.Diagnostics)
		}
		pattern := made.Find("aws:cloudwatch/eventRule:EventRule", "succeeded").Inputs["eventPattern"].StringValue()
		if !strings.Contains(pattern, `"stateMachineArn":["`+text("stateMachineArn")+`"]`) || !strings.Contains(pattern, `"status":["SUCCEEDED"]`) {
			t.Errorf("got pattern %s, want successes of %s", pattern, text("stateMachineArn"))
		}
		var got policy
		if err := json.Unmarshal([]byte(made.Find("aws:iam/rolePolicy:RolePolicy", "reader-policy").Inputs["policy"].StringValue()), &got); err != nil {
			t.Fatal(err)
		}
		bucket := "arn:" + c.partition + ":s3:::" + text("outputBucketName")
		want := map[string]string{
			"ReadResults": "s3:GetObject on " + bucket + "/processed/*", "FindResults": "s3:ListBucket on " + bucket,
			"TakeMessages": "sqs:DeleteMessage, sqs:ReceiveMessage on " + made.Find("aws:sqs/queue:Queue", "results").Outputs["arn"].StringValue(),
		}
		if c.encryption == "customer-key" {
			want["DecryptResults"] = "kms:Decrypt on " + text("kmsKeyArn")
		}
		allowed := map[string]string{}
		for _, st := range got.Statement {
			allowed[st.Sid] = strings.Join(st.Action, ", ") + " on " + strings.Join(st.Resource, ", ")
			if st.Effect != "Allow" || (st.Sid == "FindResults" || st.Sid == "DecryptResults") && len(st.Condition) != 1 {
				t.Errorf("statement %s: got %s with condition %v", st.Sid, st.Effect, st.Condition)
			}
			if service := st.Condition["StringEquals"]["kms:ViaService"]; st.Sid == "DecryptResults" && service != c.service {
				t.Errorf("the key is used by way of %q, want %q", service, c.service)
			}
		}
		if !maps.Equal(allowed, want) {
			t.Errorf("%s in %s: got %v, want %v", c.encryption, c.region, allowed, want)
		}
		s.Settled()
		s.Destroy()
	}
}

func TestConsumer_keepsASecretOutputSecretInItsState(t *testing.T) {
	t.Parallel()
	ours, s := scenario(t, nil, func(exported map[string]property.Value) {
		exported["outputBucketName"] = exported["outputBucketName"].WithSecret(true)
	})
	made := s.Up()
	if p := made.Find("aws:iam/rolePolicy:RolePolicy", "reader-policy").Inputs["policy"]; !p.IsSecret() {
		t.Errorf("got %v, want the policy, which has the name of the bucket, secret", p)
	}
	if p := made.Find("aws:cloudwatch/eventRule:EventRule", "succeeded").Inputs["eventPattern"]; p.IsSecret() {
		t.Errorf("the pattern is secret, but nothing in it is")
	}
	export, err := s.Export(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	state := string(export.Deployment)
	if bucket := ours["outputBucketName"].StringValue(); strings.Contains(state, bucket) || !strings.Contains(state, ours["stateMachineArn"].StringValue()) {
		t.Errorf("the state has %s in clear, or nothing at all", bucket)
	}
}

func TestConsumer_saysThatTheProducerIsOlder(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(map[string]property.Value)
		want   string
	}{
		"no version": {func(m map[string]property.Value) { delete(m, "outputsVersion") },
			"stack " + producer + ": outputs: the stack has no outputsVersion, so it is older than this program, which needs version " + outputs.Version + " of its outputs: deploy it again"},
		"lower": {func(m map[string]property.Value) { m["outputsVersion"] = property.New("0.3") },
			"stack " + producer + ": outputs: the stack has version 0.3 of its outputs and this program needs " + outputs.Version},
	} {
		_, s := scenario(t, nil, c.change)
		before := s.Cloud.Count()
		if _, err := s.Stack.Preview(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: the preview says %v, want %q", name, err, c.want)
		}
		s.UpFails(c.want)
		if after := s.Cloud.Count(); after != before {
			t.Errorf("%s: got %d resources, want none", name, after-before)
		}
	}
}

// What the stack exports and what stands in Parameter Store is the same, and none of
// it is a secret.
func TestProducer_mirrorsItsOutputsAndNoSecret(t *testing.T) {
	t.Parallel()
	s := simtest.File(t, stack.Deploy, source, "dev", map[string]string{"aws:region": "us-east-1", "ds-pipeline:accountId": "111111111111"})
	made := s.Up()
	stored := map[string]string{}
	for _, r := range made.Resources {
		if string(r.Type) == "aws:ssm/parameter:Parameter" && strings.Contains(r.Inputs["name"].StringValue(), contract.OutputsPrefix) {
			if r.Inputs.ContainsSecrets() {
				t.Errorf("%s: its inputs hold a secret", r.URN.Name())
			}
			stored[strings.TrimPrefix(r.Inputs["name"].StringValue(), contract.DefaultParameterPrefix)] = r.Inputs["insecureValue"].StringValue()
		}
	}
	want := map[string]string{}
	for _, o := range contract.Outputs() {
		if v, there := made.Outputs[resource.PropertyKey(o.Stack)]; there && !o.Object {
			if v.ContainsSecrets() {
				t.Errorf("%s is a secret", o.Stack)
				continue
			}
			want[o.Name] = v.StringValue()
		}
	}
	if !maps.Equal(stored, want) || len(want) < 15 {
		t.Errorf("got parameters %v, want %v", stored, want)
	}
}

func TestService_readsWhereResultsAre(t *testing.T) {
	t.Parallel()
	binary := filepath.Join(t.TempDir(), "service")
	build := exec.Command("go", "build", "-o", binary, "./service")
	build.Dir = consumer
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cloud := awstest.New(t)
	run := func() (string, error) {
		cmd := exec.Command(binary)
		cmd.Env = slices.Concat(cloud.Env(), []string{"PATH=", "HOME=" + t.TempDir()})
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if said, err := run(); err == nil || !strings.Contains(said, "the stack has no outputsVersion, so it is older than this program") {
		t.Errorf("got %v\n%s\nwant that the stack is older", err, said)
	}
	for _, o := range contract.Outputs() {
		if !o.Object && !o.Optional {
			cloud.Parameters[o.Name] = "the " + o.Stack
		}
	}
	cloud.Parameters[contract.OutputOutputsVersion] = outputs.Version
	if said, err := run(); err != nil || said != "results are in s3://the outputBucketName/processed/\n" {
		t.Errorf("got %v\n%s", err, said)
	}
}
