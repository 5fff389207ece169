package operate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // a schedule may be in any zone

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"ds-pipeline/internal/cron"
	show "ds-pipeline/preprocess/console"
	"ds-pipeline/preprocess/contract"
)

// schedule is when runs start by themselves.
type schedule struct {
	Name       string     `json:"name"`
	Expression string     `json:"expression"`
	Zone       string     `json:"zone"`
	Enabled    bool       `json:"enabled"`
	Next       *time.Time `json:"next,omitempty"` // nil if disabled, and of a rate
}

// text is the schedule in words.
func (sc *schedule) text() string {
	switch {
	case sc == nil:
		return "none"
	case !sc.Enabled:
		return sc.Expression + ", disabled"
	case sc.Next == nil:
		return sc.Expression
	}
	return fmt.Sprintf("%s UTC, by %s in %s", timeText(*sc.Next), sc.Expression, sc.Zone)
}

// schedule finds the rule, or the schedule in a time zone, that starts runs.
func (s *session) schedule(ctx context.Context) (*schedule, error) {
	var found schedule
	switch rule, group := s.place.outputs[contract.OutputScheduleRuleName], s.place.outputs[contract.OutputScheduleGroupName]; {
	case rule != "":
		out, err := s.aws.events().DescribeRule(ctx, &eventbridge.DescribeRuleInput{Name: &rule})
		if err != nil {
			return nil, err
		}
		found = schedule{Name: rule, Expression: aws.ToString(out.ScheduleExpression), Zone: "UTC", Enabled: out.State == "ENABLED"}
	case group != "":
		list, err := s.aws.scheduler().ListSchedules(ctx, &scheduler.ListSchedulesInput{GroupName: &group})
		if err != nil {
			return nil, err
		}
		if len(list.Schedules) == 0 {
			return nil, fail(exitNotFound, "Deploy the stack again, which restores it.", "schedule group %s is empty", group)
		}
		name := list.Schedules[0].Name
		out, err := s.aws.scheduler().GetSchedule(ctx, &scheduler.GetScheduleInput{GroupName: &group, Name: name})
		if err != nil {
			return nil, err
		}
		found = schedule{Name: aws.ToString(name), Expression: aws.ToString(out.ScheduleExpression),
			Zone: cmp.Or(aws.ToString(out.ScheduleExpressionTimezone), "UTC"), Enabled: out.State == "ENABLED"}
	default:
		return nil, nil //nolint:nilnil // a stack of an older version does not say
	}
	zone, err := time.LoadLocation(found.Zone)
	if err != nil {
		return nil, err
	}
	if next, ok := cron.Next(found.Expression, time.Now(), zone); ok && found.Enabled {
		found.Next = &next
	}
	return &found, nil
}

// deadLetters counts the starts that could not be delivered; -1 if there is no
// queue to look at.
func (s *session) deadLetters(ctx context.Context) (int, error) {
	url := s.place.outputs[contract.OutputDeadLetterQueueURL]
	if url == "" {
		return -1, nil
	}
	out, err := s.aws.sqs().GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &url, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameApproximateNumberOfMessages},
	})
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(out.Attributes[string(sqstypes.QueueAttributeNameApproximateNumberOfMessages)])
}

type statusCommand struct{}

func (c *statusCommand) run(ctx context.Context, s *session) error {
	if err := s.find(ctx); err != nil {
		return err
	}
	machine, err := s.machineArn()
	if err != nil {
		return err
	}
	runs, err := s.recent(ctx, "", 5)
	if err != nil {
		return err
	}
	running, err := s.executions(ctx, types.ExecutionStatusRunning, 0)
	if err != nil {
		return err
	}
	next, err := s.schedule(ctx)
	if err != nil {
		return err
	}
	lost, err := s.deadLetters(ctx)
	if err != nil {
		return err
	}
	if s.JSON {
		doc := struct {
			Pipeline    string         `json:"pipeline"`
			Account     string         `json:"account"`
			Region      string         `json:"region"`
			Running     int            `json:"running"`
			Schedule    *schedule      `json:"schedule"`
			DeadLetters *int           `json:"dead_letters"`
			Runs        []*pipelineRun `json:"runs"` // the newest first
		}{machine, s.place.account, s.aws.region(), len(running), next, &lost, runs}
		if lost < 0 {
			doc.DeadLetters = nil
		}
		return s.printJSON(doc)
	}
	name := machine
	if a, err := arn.Parse(machine); err == nil {
		name = strings.TrimPrefix(a.Resource, "stateMachine:")
	}
	s.printf("%s in account %s, %s\n\n", s.paint(bold, name), s.place.account, s.aws.region())
	s.printf("running      %d\n", len(running))
	s.printf("next start   %s\n", next.text())
	if lost > 0 {
		s.printf("dead letters %s\n", s.paint(red, fmt.Sprintf("%d starts could not be delivered; see dspipe doctor", lost)))
	}
	s.printf("\n")
	s.printRuns(runs)
	return nil
}

type listCommand struct {
	Limit  int    `short:"n" default:"20" help:"How many runs to show; 0 for all."`
	Status string `placeholder:"STATUS" enum:",running,succeeded,failed,timed-out,aborted" default:"" help:"Only those: running, succeeded, failed, timed-out or aborted."`
}

func (c *listCommand) run(ctx context.Context, s *session) error {
	if c.Limit < 0 {
		return usagef("--limit: got %d, want 0 or more", c.Limit)
	}
	if err := s.find(ctx); err != nil {
		return err
	}
	runs, err := s.recent(ctx, types.ExecutionStatus(strings.ToUpper(strings.ReplaceAll(c.Status, "-", "_"))), c.Limit)
	if err != nil {
		return err
	}
	if s.JSON {
		return s.printJSON(runs)
	}
	s.printRuns(runs)
	return nil
}

// lookAtOnce bounds how many runs are asked about at the same time.
const lookAtOnce = 4

// recent tells all that is known of the latest runs.
func (s *session) recent(ctx context.Context, status types.ExecutionStatus, limit int) ([]*pipelineRun, error) {
	found, err := s.executions(ctx, status, limit)
	if err != nil {
		return nil, err
	}
	runs := make([]*pipelineRun, len(found))
	errs := make([]error, len(found))
	var wg sync.WaitGroup
	slots := make(chan struct{}, lookAtOnce)
	for i, e := range found {
		wg.Add(1)
		slots <- struct{}{}
		go func() {
			defer wg.Done()
			defer func() { <-slots }()
			r, err := s.describe(ctx, aws.ToString(e.ExecutionArn), true)
			if err == nil {
				err = s.inspect(ctx, r)
			}
			runs[i], errs[i] = r, err
		}()
	}
	wg.Wait()
	return runs, errors.Join(firstError(errs))
}

func firstError(errs []error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// printRuns prints runs as a table, and below it why the latest one failed.
func (s *session) printRuns(runs []*pipelineRun) {
	if len(runs) == 0 {
		s.printf("no runs\n")
		return
	}
	var rows [][]string
	for _, r := range runs {
		row := []string{r.Started.UTC().Format("2006-01-02 15:04"), r.Period, r.statusText(), durationText(time.Duration(r.Seconds * float64(time.Second))), "", "", "", "", "", r.Name}
		if j := r.Job; j != nil {
			row[4], row[5], row[6] = countText(j.RowsIn), countText(j.RowsRejected), countText(j.Drifted)
		}
		if r.CostUSD > 0 {
			row[7] = fmt.Sprintf("$%.4f", r.CostUSD)
		}
		if r.Redrives > 0 {
			row[8] = strconv.Itoa(r.Redrives)
		}
		rows = append(rows, row)
	}
	s.table([]string{"STARTED (UTC)", "PERIOD", "STATUS", "TOOK", "ROWS", "REJECTED", "DRIFTED", "COST", "REDRIVES", "RUN"}, rows, func(column int, cell string) string {
		if column != 2 {
			return cell
		}
		return s.paint(statusColor(cell), cell)
	})
	if r := runs[0]; r.ended() && !r.succeeded() {
		s.printf("\nThe last run did not succeed: %s\n", cmp.Or(firstLine(r.Cause), r.Error, r.Status))
	}
}

func countText(n *int64) string {
	if n == nil {
		return ""
	}
	return show.Thousands(*n)
}

// statusText is the status of a run in a word or two.
func (r *pipelineRun) statusText() string {
	text := strings.ToLower(strings.ReplaceAll(r.Status, "_", " "))
	if r.Status == string(types.ExecutionStatusAborted) {
		text = "stopped"
	}
	if r.Instead != "" {
		text = "twice"
	}
	if r.ExitStatus != nil && *r.ExitStatus != 0 {
		text += fmt.Sprintf(" (%d)", *r.ExitStatus)
	}
	if r.Parts != nil && !r.ended() {
		text += fmt.Sprintf(" (%d of %d)", r.Parts.Succeeded, r.Parts.Total)
	}
	return text
}

func statusColor(status string) string {
	switch {
	case strings.HasPrefix(status, "succeeded"):
		return green
	case strings.HasPrefix(status, "running"):
		return yellow
	case strings.HasPrefix(status, "twice"):
		return ""
	}
	return red
}

// printRun prints what came of one run.
func (s *session) printRun(r *pipelineRun) {
	field := func(name, format string, args ...any) { s.printf("%-10s%s\n", name, fmt.Sprintf(format, args...)) }
	s.printf("\n")
	field("run", "%s", r.Name)
	field("status", "%s", s.paint(statusColor(r.statusText()), r.statusText()))
	if r.Instead != "" {
		field("", "the same was asked for already; %s does the work", executionName(r.Instead))
		return
	}
	field("period", "%s", r.Period)
	field("time", "%s", durationText(time.Duration(r.Seconds*float64(time.Second))))
	if r.CostUSD > 0 {
		field("cost", "about $%.4f for the task", r.CostUSD)
	}
	switch {
	case r.Parts != nil:
		field("parts", "%s", r.Parts.text())
	case r.mapRun != "":
		field("parts", "there are some; states:DescribeMapRun is missing to say more")
	}
	if j := r.Job; j != nil {
		if j.Repeated {
			field("", "nothing was to be done: the same was published before; --force does it again")
		}
		if j.RowsIn != nil {
			rows := show.Thousands(*j.RowsIn) + " in"
			if j.RowsOut != nil {
				rows += ", " + show.Thousands(*j.RowsOut) + " out"
			}
			if j.RowsRejected != nil {
				rows += ", " + show.Thousands(*j.RowsRejected) + " rejected"
			}
			field("rows", "%s", rows)
		}
		if j.Drifted != nil {
			field("drift", "%d columns differ from what the model was fitted on", *j.Drifted)
		}
		for _, o := range []struct{ name, uri string }{{"result", j.Result}, {"newest", j.Newest}, {"rejects", j.Rejects}, {"report", j.Report}} {
			if o.uri != "" {
				field(o.name, "%s", o.uri)
			}
		}
	}
	if r.succeeded() {
		return
	}
	if r.ExitStatus != nil && *r.ExitStatus != 0 {
		field("exit", "%d: %s", *r.ExitStatus, r.Meaning)
	}
	if r.Cause != "" {
		field("cause", "%s", firstLine(r.Cause))
	}
	if r.Job != nil && r.Job.Message != "" {
		field("log", "%s", firstLine(r.Job.Message))
	}
	if remedy := remedyOf(r); remedy != "" {
		field("next", "%s", remedy)
	}
}

// remedyOf is what to do about a run that did not succeed.
func remedyOf(r *pipelineRun) string {
	if r.Error == tooManyFailed {
		return r.partsRemedy()
	}
	if r.ExitStatus != nil {
		if remedy := remedyOfStatus(*r.ExitStatus); remedy != "" {
			return remedy
		}
	}
	return "Mend what the cause names; then dspipe retry " + r.Name + "."
}

// remedyOfStatus is what to do about an exit status of the job; "" for none.
func remedyOfStatus(status int) string {
	for _, e := range contract.ExitStatuses() {
		if e.Code == status {
			return e.Remedy
		}
	}
	return ""
}
