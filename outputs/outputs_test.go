package outputs_test

import (
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"ds-pipeline/internal/simcloud/simtest"
	"ds-pipeline/outputs"
	"ds-pipeline/preprocess/contract"
)

const producer = "organization/ds-pipeline/prod"

// consumer is a program that exports all that it reads, of a stack with all outputs
// that always exist, which change may spoil.
func consumer(t *testing.T, change func(map[string]property.Value)) *simtest.Scenario {
	t.Helper()
	s := simtest.Program(t, func(ctx *pulumi.Context) error {
		ref, err := pulumi.NewStackReference(ctx, producer, nil)
		if err != nil {
			return err
		}
		stack, err := outputs.FromStack(ref)
		if err != nil {
			return err
		}
		used := pulumi.StringMap{}
		stack.Each(func(o contract.Output, value *pulumi.StringOutput) {
			ctx.Export(o.Stack, *value)
			used[o.Stack] = *value
		})
		ctx.Export(contract.OutputCostEstimate, stack.CostEstimate)
		var queue pulumi.CustomResourceState
		return ctx.RegisterResource("aws:sqs/queue:Queue", "jobs", pulumi.Map{"tags": used}, &queue)
	})
	exported := map[string]property.Value{}
	for _, o := range contract.Outputs() {
		if !o.Optional {
			exported[o.Stack] = property.New("the " + o.Stack)
		}
	}
	exported["outputsVersion"] = property.New(outputs.Version)
	exported[contract.OutputCostEstimate] = property.New(map[string]property.Value{"perRunUSD": property.New(0.5)})
	change(exported)
	s.Others = map[string]property.Map{producer: property.NewMap(exported)}
	return s
}

func TestFromStack_readsAll(t *testing.T) {
	t.Parallel()
	s := consumer(t, func(map[string]property.Value) {})
	got := s.Up().Outputs
	for _, o := range contract.Outputs() {
		v := got[resource.PropertyKey(o.Stack)]
		if o.Object {
			if !v.IsObject() || v.ObjectValue()["perRunUSD"].NumberValue() != 0.5 {
				t.Errorf("%s: got %v, want the object", o.Stack, v)
			}
			continue
		}
		want := "the " + o.Stack
		switch {
		case o.Stack == "outputsVersion":
			want = outputs.Version
		case o.Optional:
			want = ""
		}
		if !v.IsString() || v.StringValue() != want {
			t.Errorf("%s: got %v, want %q", o.Stack, v, want)
		}
	}
	// An output that is unknown in a preview would update the queue's tags.
	s.Settled()
}

func TestFromStack_aSecretStaysOneAndTheOthersDoNotBecomeOne(t *testing.T) {
	t.Parallel()
	s := consumer(t, func(exported map[string]property.Value) {
		exported["topicArn"] = exported["topicArn"].WithSecret(true)
	})
	for name, value := range s.Up().Outputs {
		if value.IsSecret() != (name == "topicArn") {
			t.Errorf("%s: got %v, want only topicArn secret", name, value)
		}
	}
}

func TestFromStack_refusesWhatItCannotRead(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil func(map[string]property.Value)
		want  []string
	}{
		"from before there were versions": {func(m map[string]property.Value) { delete(m, "outputsVersion") },
			[]string{"outputs: the stack has no outputsVersion, so it is older than this program, which needs version " + outputs.Version + " of its outputs: deploy it again with a newer ds-pipeline"}},
		"older":         {func(m map[string]property.Value) { m["outputsVersion"] = property.New("0.9") }, []string{"the stack has version 0.9 of its outputs and this program needs " + outputs.Version}},
		"newer":         {func(m map[string]property.Value) { m["outputsVersion"] = property.New("1000.0") }, []string{"version 1000.0 of its outputs and this program reads "}},
		"not a version": {func(m map[string]property.Value) { m["outputsVersion"] = property.New("latest") }, []string{`outputsVersion: got "latest", want <major>.<minor>`}},
		"incomplete": {func(m map[string]property.Value) {
			delete(m, "topicArn")
			m["clusterName"] = property.New(7.0)
		}, []string{"outputs: clusterName: got float64, want text", "outputs: topicArn: missing; the stack says that it has version " + outputs.Version}},
	} {
		s := consumer(t, c.spoil)
		if _, err := s.Stack.Preview(t.Context()); err == nil || !strings.Contains(err.Error(), c.want[0]) {
			t.Errorf("%s: the preview says %v, want %q", name, err, c.want[0])
		}
		s.UpFails(c.want...)
	}
	if _, err := outputs.FromStack(nil); err == nil || !strings.Contains(err.Error(), "no reference") {
		t.Errorf("got %v", err)
	}
}
