package simstack_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/config"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"ds-pipeline/internal/simcloud"
	"ds-pipeline/internal/simcloud/simstack"
)

func newStack(program pulumi.RunFunc) *simstack.Stack {
	return &simstack.Stack{
		Project: "sample", Name: "dev", Program: program, Cloud: simcloud.New(simcloud.Options{}),
		Config: config.Map{config.MustMakeKey("aws", "region"): config.NewValue("us-east-1")},
	}
}

func queue(ctx *pulumi.Context) error {
	var q pulumi.CustomResourceState
	return ctx.RegisterResource("aws:sqs/queue:Queue", "jobs", nil, &q)
}

func TestStack_remembersWhatItDeployed(t *testing.T) {
	t.Parallel()
	s := newStack(queue)
	for _, step := range []struct {
		name string
		op   func(context.Context) (*simstack.Result, error)
		want map[string]int
	}{
		{"preview", s.Preview, map[string]int{"create": 2}},
		{"up", s.Up, map[string]int{"create": 2}},
		{"again", s.Up, nil},
		{"refresh", s.Refresh, map[string]int{"refresh": 2}},
		{"destroy", s.Destroy, map[string]int{"delete": 2}},
		{"up after all", s.Up, map[string]int{"create": 2}},
	} {
		r, err := step.op(t.Context())
		if err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		got := r.Changes()
		for op, n := range step.want {
			if got[op] != n {
				t.Errorf("%s: got %v, want %v", step.name, got, step.want)
			}
		}
		if len(got) != len(step.want) {
			t.Errorf("%s: got %v, want %v", step.name, got, step.want)
		}
	}
}

func TestStack_answersStackReferences(t *testing.T) {
	t.Parallel()
	program := func(ctx *pulumi.Context) error {
		ref, err := pulumi.NewStackReference(ctx, "organization/data/prod", nil)
		if err != nil {
			return err
		}
		ctx.Export("bucket", ref.GetOutput(pulumi.String("bucket")))
		return nil
	}
	s := newStack(program)
	s.Others = map[string]property.Map{"organization/data/prod": property.NewMap(map[string]property.Value{"bucket": property.New("b")})}
	if _, err := s.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := s.Outputs()["bucket"]; got != "b" {
		t.Errorf("got %v, want the other stack's output", got)
	}
	unknown := newStack(program)
	if _, err := unknown.Up(t.Context()); err == nil || !strings.Contains(err.Error(), `unknown stack "organization/data/prod"`) {
		t.Errorf("got error %v, want the stack named", err)
	}
}

func TestStack_whatFailedHalfwayGoesOn(t *testing.T) {
	t.Parallel()
	days := 2
	s := newStack(func(ctx *pulumi.Context) error {
		if err := queue(ctx); err != nil {
			return err
		}
		var logs pulumi.CustomResourceState
		return ctx.RegisterResource("aws:cloudwatch/logGroup:LogGroup", "logs", pulumi.Map{"retentionInDays": pulumi.Int(days)}, &logs)
	})
	_, err := s.Up(t.Context())
	var failed *simstack.Error
	if !errors.As(err, &failed) || len(failed.Diagnostics) != 1 || failed.Diagnostics[0].URN.Name() != "logs" {
		t.Fatalf("got error %v, want one on logs", err)
	}
	days = 3
	if _, err := s.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := len(s.Cloud.IDs("aws:sqs/queue:Queue")); got != 1 {
		t.Errorf("got %d queues, want the one of the first attempt or the second", got)
	}
}

func TestStack_isNotExportedBeforeItIsDeployed(t *testing.T) {
	t.Parallel()
	if _, err := newStack(queue).Export(t.Context()); err == nil {
		t.Error("got no error, want one")
	}
}

func TestUp_endsWhenItIsCanceled(t *testing.T) {
	t.Parallel()
	running := make(chan struct{})
	s := newStack(func(ctx *pulumi.Context) error {
		close(running)
		<-ctx.Context().Done()
		return ctx.Context().Err()
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-running
		cancel()
	}()
	start := time.Now()
	if _, err := s.Up(ctx); err == nil {
		t.Error("got no error, want one")
	}
	if took := time.Since(start); took > 30*time.Second {
		t.Errorf("it took %v, want seconds", took)
	}
}
