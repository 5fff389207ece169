package operate

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"ds-pipeline/preprocess/contract"
	"ds-pipeline/preprocess/storage"
)

// request is what a run is started with; what is "" is left to the stack.
type request struct {
	Period    string `placeholder:"YYYY-MM" help:"Month that the run is for. Default: this month, in UTC."`
	InputKey  string `placeholder:"KEY" help:"Object of the input bucket to read, or a prefix that ends in a slash or a glob for several. Default: as the parameter input-key says."`
	ModelKey  string `placeholder:"KEY" help:"Object of the artifact bucket that is the model. Default: as the parameter model-key says."`
	OutputKey string `placeholder:"KEY" help:"Where the result goes, below ${output_prefix}. Default: data.csv there."`
	Inventory string `name:"inventory-key" placeholder:"KEY" help:"With scaleOut inventory, the manifest.json of the S3 inventory to read, in the input bucket. Default: as the stack says."`
	Force     bool   `help:"Run also if the same was done before: the same month, inputs, model, settings and program."`
}

func (r request) check() error {
	if r.Period != "" {
		if err := contract.CheckPeriod(r.Period); err != nil {
			return usagef("--period: %w", err)
		}
	}
	for _, k := range []struct{ flag, key string }{{"input-key", r.InputKey}, {"model-key", r.ModelKey}, {"output-key", r.OutputKey}, {contract.RequestInventoryKey, r.Inventory}} {
		if k.key == "" {
			continue
		}
		check := storage.CheckKey
		if k.flag == contract.InputKey {
			check = storage.CheckPattern
		}
		if err := errors.Join(checkObjectKey(k.key), check(k.key)); err != nil {
			return usagef("--%s: %w", k.flag, err)
		}
	}
	if r.OutputKey != "" && !strings.HasPrefix(r.OutputKey, contract.OutputPrefix) {
		return usagef("--output-key: got %q, want a key below %s: the job may write nowhere else", r.OutputKey, contract.OutputPrefix)
	}
	return nil
}

// checkObjectKey refuses what the state machine would, see the components.
func checkObjectKey(key string) error {
	if strings.HasPrefix(key, "s3://") {
		return fmt.Errorf("got %q, want the key alone, without the bucket", key)
	}
	if strings.HasPrefix(key, "/") || strings.TrimSpace(key) != key || strings.ContainsAny(key, "\n\r") {
		return fmt.Errorf("got %q, want no slash at the start, white space at either end or line break", key)
	}
	return nil
}

// input is the request as the state machine reads it.
func (r request) input() string {
	doc := map[string]any{}
	for _, m := range []struct{ name, value string }{
		{contract.RequestPeriod, r.Period}, {contract.InputKey, r.InputKey}, {contract.ModelKey, r.ModelKey}, {contract.RequestOutputKey, r.OutputKey},
		{contract.RequestInventoryKey, r.Inventory},
	} {
		if m.value != "" {
			doc[m.name] = m.value
		}
	}
	if r.Force {
		doc[contract.RequestForce] = true
	}
	text, err := json.Marshal(doc)
	if err != nil {
		panic(err) // not of these
	}
	return string(text)
}

// start starts a run. Its name is ours, so that a request that is repeated by the
// network does not start two.
func (s *session) start(ctx context.Context, r request) (arn string, err error) {
	machine, err := s.machineArn()
	if err != nil {
		return "", err
	}
	name := fmt.Sprintf("dspipe-%s-%s-%s", cmp.Or(r.Period, "now"), time.Now().UTC().Format("20060102T150405"), rand.Text()[:6])
	out, err := s.aws.sfn().StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: &machine, Name: &name, Input: aws.String(r.input())})
	if err != nil {
		return "", err
	}
	return aws.ToString(out.ExecutionArn), nil
}

type runCommand struct {
	request
	waiting
}

func (c *runCommand) run(ctx context.Context, s *session) error {
	if err := c.check(); err != nil {
		return err
	}
	if err := s.find(ctx); err != nil {
		return err
	}
	arn, err := s.start(ctx, c.request)
	if err != nil {
		return err
	}
	return s.started(ctx, arn, c.waiting)
}

// started tells of a run that was started, and watches it if that is wished.
func (s *session) started(ctx context.Context, arn string, w waiting) error {
	name := executionName(arn)
	if !w.Wait && !w.Follow {
		if s.JSON {
			return s.printJSON(map[string]string{"name": name, "arn": arn})
		}
		s.printf("%s\n", name)
		s.note("started; `dspipe logs %s --follow` watches it, `dspipe status` shows how it stands", name)
		return nil
	}
	if !s.JSON {
		s.note("run %s", name)
	}
	r, err := s.watch(ctx, arn, w.Follow)
	if err != nil {
		return err
	}
	return s.conclude(r, w.Follow)
}

type stopCommand struct {
	Execution string `arg:"" optional:"" help:"Name or ARN of the run. Default: the one that is running."`
	Yes       bool   `short:"y" help:"Do not ask."`
}

func (c *stopCommand) run(ctx context.Context, s *session) error {
	if err := s.find(ctx); err != nil {
		return err
	}
	arn, err := s.choose(ctx, c.Execution, "running")
	if err != nil {
		return err
	}
	r, err := s.describe(ctx, arn, false)
	if err != nil {
		return err
	}
	if r.ended() {
		return fail(exitNotFound, "", "run %s has ended already: %s", r.Name, r.Status)
	}
	if !c.Yes && c.Execution == "" {
		question := fmt.Sprintf("Stop run %s of period %s, which began %s ago? [y/N]", r.Name, r.Period, durationText(time.Since(r.Started)))
		if !s.person {
			return usagef("there is nobody to ask; name the run, %s, or give --yes", r.Name)
		}
		if s.ask(question, 'n') != 'y' {
			return fail(exitInterrupted, "", "not stopped")
		}
	}
	if err := s.stop(ctx, arn, "stopped with dspipe stop by "+s.place.caller); err != nil {
		return err
	}
	if s.JSON {
		return s.printJSON(map[string]string{"name": r.Name, "arn": arn, "status": "ABORTED"})
	}
	s.printf("stopped %s; `dspipe retry %s` goes on where it was\n", r.Name, r.Name)
	return nil
}

type retryCommand struct {
	Execution string `arg:"" optional:"" help:"Name or ARN of the run. Default: the last one, if it did not succeed."`
	waiting
}

func (c *retryCommand) run(ctx context.Context, s *session) error {
	if err := s.find(ctx); err != nil {
		return err
	}
	arn, err := s.choose(ctx, c.Execution, "failed")
	if err != nil {
		return err
	}
	r, err := s.describe(ctx, arn, false)
	if err != nil {
		return err
	}
	again := "Start it again: dspipe run --period " + r.Period + "."
	switch {
	case !r.ended():
		return fail(exitNotFound, fmt.Sprintf("`dspipe logs %s --follow` watches it.", r.Name), "run %s is still running", r.Name)
	case r.succeeded():
		return fail(exitNotFound, again, "run %s succeeded, so that there is nothing to try again", r.Name)
	}
	_, err = s.aws.sfn().RedriveExecution(ctx, &sfn.RedriveExecutionInput{ExecutionArn: &arn})
	if apiCode(err) == "ExecutionNotRedrivable" {
		return fail(exitNotFound, again, "run %s cannot be redriven: %s", r.Name, apiMessage(err))
	}
	if err != nil {
		return err
	}
	return s.started(ctx, arn, c.waiting)
}

// choose finds the execution that is meant: by its name, or the only one that is
// running, the last one if it failed, or the last one.
func (s *session) choose(ctx context.Context, name, otherwise string) (arn string, err error) {
	if name != "" {
		return s.executionArn(name)
	}
	switch otherwise {
	case "running":
		found, err := s.executions(ctx, "RUNNING", 0)
		if err != nil {
			return "", err
		}
		switch len(found) {
		case 0:
			return "", fail(exitNotFound, "", "no run is running")
		case 1:
			return aws.ToString(found[0].ExecutionArn), nil
		}
		var names []string
		for _, e := range found {
			names = append(names, aws.ToString(e.Name))
		}
		return "", usagef("%d runs are running; name one of %s", len(found), strings.Join(names, ", "))
	default:
		found, err := s.executions(ctx, "", 1)
		if err != nil {
			return "", err
		}
		if len(found) == 0 {
			return "", fail(exitNotFound, "`dspipe run` starts one.", "there was no run yet")
		}
		return aws.ToString(found[0].ExecutionArn), nil
	}
}
