package operate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"golang.org/x/term"

	show "ds-pipeline/preprocess/console"
	"ds-pipeline/preprocess/contract"
	"ds-pipeline/preprocess/manifest"
	"ds-pipeline/preprocess/storage"
)

type backfillCommand struct {
	From     string `required:"" placeholder:"YYYY-MM" help:"First month."`
	To       string `required:"" placeholder:"YYYY-MM" help:"Last month."`
	Parallel int    `default:"3" placeholder:"N" help:"How many runs at the same time, 1 to ${most_parallel}."`
	InputKey string `required:"" placeholder:"KEY" help:"Object of each month in the input bucket; {period} stands for the month, as in raw/{period}.csv."`
	ModelKey string `placeholder:"KEY" help:"Object of the artifact bucket that is the model. Default: as the parameter model-key says."`
	Force    bool   `help:"Run also what is done already."`
	DryRun   bool   `help:"Only show what would be run."`
}

const (
	mostParallel = 20
	mostPeriods  = 600
	periodMark   = "{period}"
)

// How a month of a backfill stands.
const (
	monthWaiting   = "waiting"
	monthDone      = "done before"
	monthRunning   = "running"
	monthSucceeded = "succeeded"
	monthFailed    = "failed"
)

// month is one month of a backfill.
type month struct {
	Period   string       `json:"period"`
	State    string       `json:"state"`
	InputKey string       `json:"input_key"`
	Run      *pipelineRun `json:"run,omitempty"`

	arn  string
	rows string // of what was done before
}

// backfill is a backfill under way.
type backfill struct {
	*session
	c      *backfillCommand
	months []*month

	mu       sync.Mutex
	drawn    int  // lines of the table on the terminal
	detached bool // nothing more is started
}

func (c *backfillCommand) check() error {
	for _, p := range []struct{ flag, period string }{{"from", c.From}, {"to", c.To}} {
		if err := contract.CheckPeriod(p.period); err != nil {
			return usagef("--%s: %w", p.flag, err)
		}
	}
	switch {
	case c.From > c.To:
		return usagef("--from %s is after --to %s", c.From, c.To)
	case c.Parallel < 1 || c.Parallel > mostParallel:
		return usagef("--parallel: got %d, want 1 to %d", c.Parallel, mostParallel)
	case len(c.periods()) > mostPeriods:
		return usagef("%s to %s are more than %d months", c.From, c.To, mostPeriods)
	case c.From != c.To && !strings.Contains(c.InputKey, periodMark):
		return usagef("--input-key %s: every month would read the same object; want %s in it, as in raw/%s.csv", c.InputKey, periodMark, periodMark)
	}
	return request{InputKey: c.inputKey(c.From), ModelKey: c.ModelKey}.check()
}

func (c *backfillCommand) inputKey(period string) string {
	return strings.ReplaceAll(c.InputKey, periodMark, period)
}

// periods are all months, in order.
func (c *backfillCommand) periods() []string {
	var all []string
	t, err := time.Parse("2006-01", c.From)
	for ; err == nil && t.Format("2006-01") <= c.To; t = t.AddDate(0, 1, 0) {
		all = append(all, t.Format("2006-01"))
	}
	return all
}

func (c *backfillCommand) run(ctx context.Context, s *session) error {
	if err := c.check(); err != nil {
		return err
	}
	if err := s.find(ctx); err != nil {
		return err
	}
	b := &backfill{session: s, c: c}
	if err := b.survey(ctx); err != nil {
		return err
	}
	var err error
	if !c.DryRun {
		err = b.work(ctx)
	}
	if err != nil && !errors.Is(err, errInterrupted) {
		return err
	}
	if printErr := b.print(); printErr != nil {
		return printErr
	}
	if err != nil {
		if !s.JSON {
			s.note("the same command goes on: it skips what is done and watches what runs")
		}
		return err
	}
	if slices.ContainsFunc(b.months, func(m *month) bool { return m.State == monthFailed }) {
		return endedError(exitNotWell)
	}
	return nil
}

// survey finds out what is done and what is running already, by manifests and by
// Step Functions: nothing is remembered here.
func (b *backfill) survey(ctx context.Context) error {
	bucket, err := b.place.parameter(contract.OutputBucket)
	if err != nil {
		return err
	}
	running, err := b.executions(ctx, types.ExecutionStatusRunning, 0)
	if err != nil {
		return err
	}
	held := map[string]string{}
	for _, e := range running {
		r, err := b.describe(ctx, aws.ToString(e.ExecutionArn), true)
		if err != nil {
			return err
		}
		held[r.Period] = r.ARN
	}
	for _, period := range b.c.periods() {
		m := &month{Period: period, State: monthWaiting, InputKey: b.c.inputKey(period), arn: held[period]}
		b.months = append(b.months, m)
		if m.arn != "" {
			m.State = monthRunning
			continue
		}
		done, _, err := b.manifest(ctx, storage.URI{Bucket: bucket, Key: contract.PeriodKey(contract.OutputKey, period)})
		if err != nil {
			return err
		}
		if done == nil || b.c.Force {
			continue
		}
		same, err := b.isDone(ctx, *done, m)
		if err != nil {
			return err
		}
		if same {
			m.State, m.rows = monthDone, show.Thousands(done.Rows.Out)
		}
	}
	return nil
}

// isDone tells whether a result is of the inputs and the model that are asked for,
// as they are now.
func (b *backfill) isDone(ctx context.Context, done manifest.Manifest, m *month) (bool, error) {
	bucket, artifacts := b.place.parameters[contract.InputBucket], b.place.parameters[contract.ArtifactBucket]
	input, err := storage.ParsePattern("s3://" + bucket + "/" + m.InputKey)
	if err != nil {
		return false, err
	}
	model := storage.URI{Bucket: artifacts, Key: cmp.Or(b.c.ModelKey, b.place.parameters[contract.ModelKey])}
	if done.Settings.Input != input.String() {
		return false, nil
	}
	uris, err := b.aws.store.List(ctx, input)
	if errors.Is(err, storage.ErrNotFound) {
		uris, err = nil, nil // what is gone was read when it was there
	}
	if err != nil {
		return false, err
	}
	if uris != nil && len(uris) != len(done.Inputs) {
		return false, nil
	}
	for i, u := range append(uris, model) {
		read := done.Model
		if i < len(uris) {
			read = done.Inputs[i]
		}
		if read.URI != u.String() {
			return false, nil
		}
		now, err := b.aws.store.Stat(ctx, u)
		if err != nil || now.Exists && now.Version != read.Version {
			return false, err
		}
	}
	return true, nil
}

// work runs what is not done, some at a time, until all has ended, something is
// refused, or the person has had enough.
func (b *backfill) work(parent context.Context) error {
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	interrupted, release := b.interrupts.take()
	defer release()

	queue := make(chan *month, len(b.months))
	for _, m := range b.months {
		// What runs already takes its place first.
		if m.State == monthRunning {
			queue <- m
		}
	}
	for _, m := range b.months {
		if m.State == monthWaiting {
			queue <- m
		}
	}
	close(queue)
	b.draw()
	errs := make(chan error, b.c.Parallel)
	for range b.c.Parallel {
		go func() { errs <- b.workOff(ctx, queue) }()
	}
	var first error
	for left := b.c.Parallel; left > 0; {
		select {
		case err := <-errs:
			left--
			if err != nil && first == nil {
				first = err
				cancel()
			}
		case <-interrupted:
			if b.asked(ctx, interrupted) {
				first = errInterrupted
				cancel()
			}
		}
	}
	if parent.Err() != nil {
		return errInterrupted
	}
	return first
}

// asked finds out what Ctrl-C means, and tells whether to leave.
func (b *backfill) asked(ctx context.Context, again <-chan struct{}) bool {
	b.mu.Lock()
	b.detached = true // nothing starts while the question is open
	var running []*month
	for _, m := range b.months {
		if m.State == monthRunning {
			running = append(running, m)
		}
	}
	b.mu.Unlock()
	if !b.person {
		b.note("detached; %d runs go on", len(running))
		return true
	}
	answer := make(chan byte, 1)
	go func() {
		answer <- b.ask(fmt.Sprintf("\nStop the %d runs, detach from them, or go on? [s/d/c]", len(running)), 'd')
	}()
	select {
	case <-again:
		b.note("")
		return true
	case a := <-answer:
		switch a {
		case 'c':
			b.mu.Lock()
			b.detached, b.drawn = false, 0
			b.mu.Unlock()
			return false
		case 's':
			for _, m := range running {
				if err := b.stop(ctx, m.arn, "stopped with Ctrl-C in dspipe backfill"); err != nil {
					b.note("%s was not stopped: %v", m.Period, explain(err))
				}
			}
		}
		return true
	}
}

// workOff runs one month after the other.
func (b *backfill) workOff(ctx context.Context, queue <-chan *month) error {
	for m := range queue {
		for b.isDetached() {
			if err := sleep(ctx, 100*time.Millisecond); err != nil {
				return err
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if m.arn == "" {
			arn, err := b.start(ctx, request{Period: m.Period, InputKey: m.InputKey, ModelKey: b.c.ModelKey, Force: b.c.Force})
			if err != nil {
				return err
			}
			m.arn = arn
			b.set(m, monthRunning, nil)
		}
		for {
			r, err := b.describe(ctx, m.arn, true)
			if err != nil {
				return err
			}
			if r.ended() {
				if err := b.inspect(ctx, r); err != nil {
					return err
				}
				state := monthSucceeded
				if !r.succeeded() {
					state = monthFailed
				}
				b.set(m, state, r)
				break
			}
			b.set(m, monthRunning, r)
			if err := sleep(ctx, b.wait(lookEvery)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *backfill) isDetached() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.detached
}

// set changes how a month stands, and shows it.
func (b *backfill) set(m *month, state string, r *pipelineRun) {
	b.mu.Lock()
	changed := m.State != state || state == monthRunning && m.Run == nil
	m.State, m.Run = state, r
	detached := b.detached
	b.mu.Unlock()
	switch {
	case b.JSON || detached:
	case b.canDraw():
		b.draw()
	case changed && r == nil:
		b.note("%s started: %s", m.Period, executionName(m.arn))
	case changed && state != monthRunning:
		b.note("%s %s", m.Period, monthText(m))
	}
}

// draw shows the table on a terminal, in the place of the one before.
func (b *backfill) draw() {
	if b.JSON || !b.canDraw() {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.drawn > 0 {
		b.printf("\x1b[%dA\x1b[J", b.drawn)
	}
	b.drawn = len(b.months) + 1
	b.printf("\x1b[?7l") // a line that is too long is cut, not wrapped
	b.tableOf()
	b.printf("\x1b[?7h")
}

// canDraw tells whether the table can be drawn in its own place: on a terminal
// that is high enough.
func (b *backfill) canDraw() bool {
	f, ok := b.Stdout.(*os.File)
	if !ok || !b.progress || b.Getenv("TERM") == "dumb" {
		return false
	}
	_, height, err := term.GetSize(int(f.Fd()))
	return err == nil && len(b.months)+2 < height
}

// print shows the table for good.
func (b *backfill) print() error {
	if b.JSON {
		return b.printJSON(map[string]any{"periods": b.months})
	}
	if b.drawn > 0 {
		b.draw()
		return nil
	}
	b.tableOf()
	return nil
}

func (b *backfill) tableOf() {
	var rows [][]string
	for _, m := range b.months {
		row := []string{m.Period, m.State, "", m.rows, "", "", "", m.InputKey}
		if r := m.Run; r != nil {
			row[2] = durationText(time.Duration(r.Seconds * float64(time.Second)))
			row[6] = r.Name
			if j := r.Job; j != nil {
				row[3], row[4], row[5] = countText(j.RowsOut), countText(j.RowsRejected), countText(j.Drifted)
			}
		}
		if m.State == monthFailed {
			row[1] = monthText(m)
		}
		rows = append(rows, row)
	}
	b.table([]string{"PERIOD", "STATE", "TOOK", "ROWS", "REJECTED", "DRIFTED", "RUN", "INPUT"}, rows, func(column int, cell string) string {
		switch {
		case column != 1:
			return cell
		case strings.HasPrefix(cell, monthWaiting), strings.HasPrefix(cell, monthDone):
			return b.paint(faint, cell)
		}
		return b.paint(statusColor(cell), cell)
	})
}

// monthText says how a month ended.
func monthText(m *month) string {
	switch {
	case m.State != monthFailed || m.Run == nil:
		return m.State
	case m.Run.ExitStatus != nil && *m.Run.ExitStatus != 0:
		return fmt.Sprintf("failed with %d", *m.Run.ExitStatus)
	}
	const most = 60
	cause := firstLine(m.Run.Cause)
	if len(cause) > most {
		cause = strings.ToValidUTF8(cause[:most], "") + "…"
	}
	return "failed: " + cause
}
