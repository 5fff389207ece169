package operate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"ds-pipeline/preprocess/contract"
)

// How often the history and the log are looked at, and how often a log is looked
// at in vain after the end of its run: it comes late.
const (
	lookEvery = 2 * time.Second
	lastLooks = 3
)

// waiting are the flags of a command that starts something.
type waiting struct {
	Wait   bool `help:"Wait for the end and show the steps; then exit with the job's status."`
	Follow bool `short:"f" help:"As --wait, and print the job's log as it comes."`
}

// follower watches one run.
type follower struct {
	*session
	arn     string
	logs    bool
	seen    int64  // id of the last event that was shown
	mapRun  string // ARN of the map that was last begun; "" for none
	parts   string // what was last said of its parts
	streams []*stream
}

// stream is the log of one task.
type stream struct {
	task  string
	token *string
}

// line is what a follower tells, as JSON.
type line struct {
	Event   string       `json:"event"` // step, log or ended
	Time    *time.Time   `json:"time,omitempty"`
	Step    string       `json:"step,omitempty"`
	Message string       `json:"message,omitempty"`
	Run     *pipelineRun `json:"run,omitempty"`
}

// watch shows a run until its end, or until the person detaches from it, which is
// errInterrupted. With stream the lines are printed as they come, with --json too.
func (s *session) watch(ctx context.Context, arn string, logs bool) (*pipelineRun, error) {
	f := &follower{session: s, arn: arn, logs: logs}
	interrupted, release := s.interrupts.take()
	defer release()
	for {
		r, err := f.look(ctx)
		if err != nil {
			return nil, err
		}
		if r.ended() {
			if err := f.drain(ctx); err != nil {
				return nil, err
			}
			if err := s.inspect(ctx, r); err != nil {
				return nil, err
			}
			return r, nil
		}
		select {
		case <-ctx.Done():
			s.note("detached; the run goes on: dspipe logs %s --follow", r.Name)
			return nil, errInterrupted
		case <-interrupted:
			if err := f.asked(ctx, r, interrupted); err != nil {
				return nil, err
			}
		case <-time.After(s.wait(lookEvery)):
		}
	}
}

// asked finds out what Ctrl-C means. Where nobody can be asked, and at a second
// one, the run goes on.
func (f *follower) asked(ctx context.Context, r *pipelineRun, again <-chan struct{}) error {
	detach := func() error {
		f.note("detached; the run goes on.\n  dspipe logs %s --follow   goes on watching\n  dspipe stop %s            stops it", r.Name, r.Name)
		return errInterrupted
	}
	if !f.person {
		return detach()
	}
	answer := make(chan byte, 1)
	go func() { answer <- f.ask("\nStop the run, detach from it, or go on watching? [s/d/c]", 'd') }()
	select {
	case <-again:
		f.note("")
		return detach()
	case a := <-answer:
		switch a {
		case 's':
			return f.stop(ctx, r.ARN, "stopped with Ctrl-C in dspipe")
		case 'c':
			return nil
		}
		return detach()
	}
}

// stop ends an execution, and with it its task.
func (s *session) stop(ctx context.Context, arn, cause string) error {
	_, err := s.aws.sfn().StopExecution(ctx, &sfn.StopExecutionInput{ExecutionArn: &arn, Error: aws.String("Stopped"), Cause: &cause})
	return err
}

// look shows what has happened since the last look.
func (f *follower) look(ctx context.Context) (*pipelineRun, error) {
	// The state before the events, so that no event of the end is missed.
	r, err := f.describe(ctx, f.arn, true)
	if err != nil {
		return nil, err
	}
	events, err := f.history(ctx)
	if err != nil {
		return nil, err
	}
	for _, e := range events {
		step, text, color := describeEvent(e)
		if step == "" {
			continue
		}
		if f.JSON {
			if f.logs {
				_ = f.printLine(line{Event: "step", Time: e.Timestamp, Step: step, Message: text})
			}
			continue
		}
		f.note("%s %s", f.faintErr(aws.ToTime(e.Timestamp).UTC().Format("15:04:05")), f.paintErr(color, strings.TrimSpace(step+"  "+text)))
	}
	if err := f.lookAtParts(ctx); err != nil {
		return nil, err
	}
	if f.logs {
		if _, err := f.readLogs(ctx); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// lookAtParts says how far the parts are of a run that is spread, if that has
// changed.
func (f *follower) lookAtParts(ctx context.Context) error {
	if f.mapRun == "" {
		return nil
	}
	p, err := f.describeParts(ctx, f.mapRun)
	if err != nil || p == nil || p.text() == f.parts {
		return err
	}
	f.parts = p.text()
	if f.JSON {
		if f.logs {
			at := time.Now().UTC()
			return f.printLine(line{Event: "step", Time: &at, Step: "parts", Message: f.parts})
		}
		return nil
	}
	f.note("%s %s", f.faintErr(time.Now().UTC().Format("15:04:05")), "parts  "+f.parts)
	return nil
}

// history gives the events since the last time, and notes the tasks in them.
func (f *follower) history(ctx context.Context) ([]types.HistoryEvent, error) {
	var news []types.HistoryEvent
	err := f.patiently(ctx, true, "ExecutionDoesNotExist", func() error {
		news = nil
		pages := sfn.NewGetExecutionHistoryPaginator(f.aws.sfn(), &sfn.GetExecutionHistoryInput{ExecutionArn: &f.arn, MaxResults: 1000})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return err
			}
			for _, e := range page.Events {
				if e.Id > f.seen {
					news = append(news, e)
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, e := range news {
		f.seen = e.Id
		if m := mapRunOf(e); m != "" {
			f.mapRun, f.parts = m, ""
		}
		if t := taskOf(e); t != nil {
			f.addStream(t.TaskArn)
		}
	}
	return news, nil
}

func (f *follower) addStream(task string) {
	for _, st := range f.streams {
		if st.task == task {
			return
		}
	}
	f.streams = append(f.streams, &stream{task: task})
}

// paintErr paints for standard error.
func (s *session) paintErr(color, text string) string {
	if !s.progress || s.Getenv("NO_COLOR") != "" || s.Getenv("TERM") == "dumb" || color == "" {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}

func (s *session) faintErr(text string) string { return s.paintErr(faint, text) }

// describeEvent says what an event means for a person; "" for one of no interest.
func describeEvent(e types.HistoryEvent) (step, text, color string) {
	switch {
	case e.ExecutionStartedEventDetails != nil:
		return "started", "", ""
	case e.ExecutionRedrivenEventDetails != nil:
		return "redriven", "", ""
	case e.StateEnteredEventDetails != nil:
		name := aws.ToString(e.StateEnteredEventDetails.Name)
		switch e.Type {
		case types.HistoryEventTypeTaskStateEntered, types.HistoryEventTypeMapStateEntered:
			return name, stepText[name], ""
		case types.HistoryEventTypeWaitStateEntered:
			var doc struct{ Retry struct{ Wait, Attempt int } }
			_ = json.Unmarshal([]byte(aws.ToString(e.StateEnteredEventDetails.Input)), &doc)
			return name, fmt.Sprintf("attempt %d comes in %d s", doc.Retry.Attempt, doc.Retry.Wait), yellow
		}
	case e.TaskSubmittedEventDetails != nil:
		if t := taskOf(e); t != nil {
			return "task", t.TaskArn[strings.LastIndexByte(t.TaskArn, '/')+1:] + " was started", ""
		}
	case e.TaskFailedEventDetails != nil:
		if t := taskOf(e); t != nil {
			return "task", "stopped: " + stopText(t), red
		}
		return "failed", firstLine(aws.ToString(e.TaskFailedEventDetails.Error) + ": " + aws.ToString(e.TaskFailedEventDetails.Cause)), red
	case e.TaskSucceededEventDetails != nil:
		if t := taskOf(e); t != nil {
			return "task", "ended with exit status 0", green
		}
	case e.MapRunFailedEventDetails != nil:
		return "parts", firstLine(aws.ToString(e.MapRunFailedEventDetails.Error) + ": " + aws.ToString(e.MapRunFailedEventDetails.Cause)), red
	case e.TaskTimedOutEventDetails != nil:
		return "timed out", aws.ToString(e.TaskTimedOutEventDetails.Error), red
	case e.TaskSubmitFailedEventDetails != nil:
		return "task", "could not be started: " + firstLine(aws.ToString(e.TaskSubmitFailedEventDetails.Cause)), red
	}
	return "", "", ""
}

// stepText says what the machine's steps do; of others their name has to do.
var stepText = map[string]string{
	"FindInput":  "which object is the input?",
	"Claim":      "claiming the period",
	"FindHolder": "another run has the period",
	"SeeHolder":  "is it still running?",
	"TakeOver":   "it is not: taking over",
	"CheckInput": "is the input there?",
	"Preprocess": "starting the job",
	"Plan":       "starting the task that cuts the object",
	"Parts":      "a task for each part",
	"PartsAgain": "a task for each part that has to be done again",
	"Merge":      "starting the task that puts the parts together",
	"ReadLog":    "reading the last line of the log",
	"Notify":     "telling people",
}

// stopText says why a task stopped.
func stopText(t *startedTask) string {
	if len(t.Containers) > 0 {
		if c := t.Containers[0]; c.ExitCode != nil {
			text := fmt.Sprintf("exit status %d: %s", *c.ExitCode, meaning(*c.ExitCode))
			if c.Reason != "" {
				text += " (" + c.Reason + ")"
			}
			return text
		}
	}
	return strings.TrimSpace(t.StopCode + " " + t.StoppedReason)
}

func firstLine(text string) string {
	text, _, _ = strings.Cut(text, "\n")
	const most = 300
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

// drain reads what comes of the logs after the end.
func (f *follower) drain(ctx context.Context) error {
	if !f.logs {
		return nil
	}
	for quiet := 0; quiet < lastLooks; {
		n, err := f.readLogs(ctx)
		if err != nil {
			return err
		}
		if n > 0 {
			quiet = 0
			continue
		}
		if quiet++; quiet < lastLooks {
			if err := sleep(ctx, f.wait(time.Second)); err != nil {
				return err
			}
		}
	}
	return nil
}

// readLogs prints what the logs have had since the last time, and counts lines.
func (f *follower) readLogs(ctx context.Context) (int, error) {
	group, err := f.logGroup()
	if err != nil {
		return 0, err
	}
	lines := 0
	for _, st := range f.streams {
		n, err := f.readStream(ctx, group, st, nil)
		if err != nil {
			return lines, err
		}
		lines += n
	}
	return lines, nil
}

// readStream prints what a stream has after its token.
func (s *session) readStream(ctx context.Context, group string, st *stream, since *int64) (int, error) {
	lines := 0
	for {
		out, err := s.aws.logs().GetLogEvents(ctx, &cloudwatchlogs.GetLogEventsInput{
			LogGroupName: &group, LogStreamName: aws.String(contract.LogStream(st.task)), StartFromHead: aws.Bool(true), NextToken: st.token, StartTime: since,
		})
		var missing *logtypes.ResourceNotFoundException
		if errors.As(err, &missing) {
			return lines, nil // the job has not said anything yet
		}
		if err != nil {
			return lines, err
		}
		for _, e := range out.Events {
			s.printLog(aws.ToInt64(e.Timestamp), aws.ToString(e.Message))
			lines++
		}
		end := aws.ToString(out.NextForwardToken) == aws.ToString(st.token)
		st.token = out.NextForwardToken
		if end {
			return lines, nil
		}
	}
}

// printLog prints one line of the job's log: as a person reads it, or as it is
// within JSON.
func (s *session) printLog(millis int64, message string) {
	at := time.UnixMilli(millis).UTC()
	if s.JSON {
		_ = s.printLine(line{Event: "log", Time: &at, Message: strings.TrimRight(message, "\n")})
		return
	}
	text := logLine(message)
	if text == "" {
		return
	}
	color := ""
	switch {
	case strings.HasPrefix(text, "error: "):
		color = red
	case strings.HasPrefix(text, "warn: "):
		color = yellow
	}
	_, _ = io.WriteString(s.out, s.paint(faint, at.Format("15:04:05"))+" "+s.paint(color, text)+"\n")
}

// conclude shows the end of a run that was watched, and gives its exit status.
func (s *session) conclude(r *pipelineRun, lines bool) error {
	switch {
	case s.JSON && lines:
		if err := s.printLine(line{Event: "ended", Run: r}); err != nil {
			return err
		}
	case s.JSON:
		if err := s.printJSON(r); err != nil {
			return err
		}
	default:
		s.printRun(r)
	}
	if status := r.exitStatus(); status != exitOK {
		return endedError(status)
	}
	return nil
}
