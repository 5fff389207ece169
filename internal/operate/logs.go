package operate

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"

	"ds-pipeline/preprocess/contract"
)

type logsCommand struct {
	Execution string        `arg:"" optional:"" help:"Name or ARN of the run. Default: the last one; with --since, all."`
	Follow    bool          `short:"f" help:"Go on until the run ends, and show its steps."`
	Since     time.Duration `placeholder:"DURATION" help:"Only what was printed so long ago at most, such as 90m or 36h."`
}

func (c *logsCommand) run(ctx context.Context, s *session) error {
	if c.Since < 0 {
		return usagef("--since: got %s, want a duration such as 90m", c.Since)
	}
	if err := s.find(ctx); err != nil {
		return err
	}
	if c.Execution == "" && c.Since > 0 && !c.Follow {
		return s.printAll(ctx, time.Now().Add(-c.Since))
	}
	arn, err := s.choose(ctx, c.Execution, "last")
	if err != nil {
		return err
	}
	r, err := s.describe(ctx, arn, false)
	if err != nil {
		return err
	}
	if c.Follow && !r.ended() {
		r, err := s.watch(ctx, arn, true)
		if err != nil {
			return err
		}
		return s.conclude(r, true)
	}
	tasks, err := s.tasks(ctx, arn)
	if err != nil {
		return err
	}
	if len(tasks) == 0 {
		return fail(exitNotFound, firstLine(r.Cause), "run %s has not started a task, so that there is no log", r.Name)
	}
	group, err := s.logGroup()
	if err != nil {
		return err
	}
	var since *int64
	if c.Since > 0 {
		since = aws.Int64(time.Now().Add(-c.Since).UnixMilli())
	}
	lines := 0
	for _, task := range tasks {
		if !s.JSON && len(tasks) > 1 {
			s.note("task %s", task)
		}
		n, err := s.readStream(ctx, group, &stream{task: task}, since)
		if err != nil {
			return err
		}
		lines += n
	}
	if lines == 0 && since == nil {
		s.note("the log is empty: it comes some seconds late, and is kept for a limited time")
	}
	return nil
}

// tasks are the tasks of a run, one for each attempt.
func (s *session) tasks(ctx context.Context, arn string) ([]string, error) {
	f := &follower{session: s, arn: arn}
	if _, err := f.history(ctx); err != nil {
		return nil, err
	}
	var tasks []string
	for _, st := range f.streams {
		tasks = append(tasks, st.task)
	}
	return tasks, nil
}

// printAll prints what every run has printed since then.
func (s *session) printAll(ctx context.Context, since time.Time) error {
	group, err := s.logGroup()
	if err != nil {
		return err
	}
	pages := cloudwatchlogs.NewFilterLogEventsPaginator(s.aws.logs(), &cloudwatchlogs.FilterLogEventsInput{
		LogGroupName: &group, LogStreamNamePrefix: aws.String(contract.LogStream("")), StartTime: aws.Int64(since.UnixMilli()),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, e := range page.Events {
			s.printLog(aws.ToInt64(e.Timestamp), aws.ToString(e.Message))
		}
	}
	return nil
}
