package operate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"ds-pipeline/internal/cost"
	"ds-pipeline/preprocess/contract"
)

// pipelineRun is an execution of the pipeline and what came of it. What is not
// known is nil or left out.
type pipelineRun struct {
	Name     string     `json:"name"`
	ARN      string     `json:"arn"`
	Status   string     `json:"status"` // as Step Functions has it
	Period   string     `json:"period,omitempty"`
	Request  any        `json:"request,omitempty"` // what it was started with
	Started  time.Time  `json:"started"`
	Stopped  *time.Time `json:"stopped,omitempty"`
	Seconds  float64    `json:"seconds"` // until now, of one that runs
	Redrives int        `json:"redrives,omitempty"`
	Error    string     `json:"error,omitempty"`
	Cause    string     `json:"cause,omitempty"`
	Instead  string     `json:"instead,omitempty"` // the execution that does the work of this one

	Task       string  `json:"task,omitempty"` // ARN of the last one
	ExitStatus *int    `json:"exit_status,omitempty"`
	Meaning    string  `json:"meaning,omitempty"` // of ExitStatus
	Attempts   int     `json:"attempts,omitempty"`
	CostUSD    float64 `json:"cost_usd,omitempty"` // of the last task; about. Not of a run that is spread

	Parts  *parts `json:"parts,omitempty"` // of a run that is spread
	mapRun string // ARN of its last map; "" for a run that is one task

	Job *jobLog `json:"job,omitempty"` // what the job logged at its end
}

// jobLog is what the last lines of the job's log tell: its metrics, and of a
// success where the results are.
type jobLog struct {
	RowsIn       *int64   `json:"rows_in,omitempty"`
	RowsOut      *int64   `json:"rows_out,omitempty"`
	RowsRejected *int64   `json:"rows_rejected,omitempty"`
	Drifted      *int64   `json:"drifted_columns,omitempty"`
	Seconds      *float64 `json:"seconds,omitempty"`
	Result       string   `json:"result,omitempty"`
	Rejects      string   `json:"rejects,omitempty"`
	Report       string   `json:"report,omitempty"`
	Manifest     string   `json:"manifest,omitempty"`
	Newest       string   `json:"newest,omitempty"`
	Repeated     bool     `json:"repeated,omitempty"` // the same was done before, and nothing now
	Message      string   `json:"message,omitempty"`  // the last error
}

// ended reports whether nothing more will happen, unless it is redriven.
func (r *pipelineRun) ended() bool {
	return r.Status != string(types.ExecutionStatusRunning) && r.Status != string(types.ExecutionStatusPendingRedrive)
}

func (r *pipelineRun) succeeded() bool { return r.Status == string(types.ExecutionStatusSucceeded) }

// exitStatus is the job's own of a run that ended, or one that says it has none.
func (r *pipelineRun) exitStatus() int {
	switch {
	case r.succeeded():
		return exitOK
	case r.ExitStatus != nil && *r.ExitStatus != 0:
		return *r.ExitStatus
	}
	return exitNotWell
}

// startedTask is a task of ECS as Step Functions writes it into its history.
type startedTask struct {
	TaskArn       string
	LastStatus    string
	StopCode      string
	StoppedReason string
	CPU           string `json:"Cpu"`
	Memory        string
	PullStartedAt float64 // milliseconds; billed from here
	StoppedAt     float64
	Capacity      string `json:"CapacityProviderName"`
	Attributes    []struct{ Name, Value string }
	Containers    []struct {
		ExitCode *int
		Reason   string
	}
}

// machineArn is the pipeline.
func (s *session) machineArn() (string, error) { return s.place.output(contract.OutputStateMachineArn) }

// executionArn is the ARN of an execution given by its name or its ARN.
func (s *session) executionArn(name string) (string, error) {
	machine, err := s.machineArn()
	if err != nil {
		return "", err
	}
	if strings.HasPrefix(name, "arn:") {
		if !strings.HasPrefix(name, executionPrefix(machine)) {
			return "", usagef("%s is not an execution of %s", name, machine)
		}
		return name, nil
	}
	return executionPrefix(machine) + name, nil
}

// executionPrefix is what the ARNs of a machine's executions begin with.
func executionPrefix(machine string) string {
	a, err := arn.Parse(machine)
	if err != nil {
		return machine
	}
	a.Resource = strings.Replace(a.Resource, "stateMachine:", "execution:", 1) + ":"
	return a.String()
}

func executionName(arn string) string { return arn[strings.LastIndexByte(arn, ':')+1:] }

// executions lists runs from the newest on, at most limit, or all if that is 0.
func (s *session) executions(ctx context.Context, status types.ExecutionStatus, limit int) ([]types.ExecutionListItem, error) {
	machine, err := s.machineArn()
	if err != nil {
		return nil, err
	}
	var found []types.ExecutionListItem
	in := &sfn.ListExecutionsInput{StateMachineArn: &machine, StatusFilter: status}
	if limit > 0 {
		in.MaxResults = int32(min(limit, 1000))
	}
	pages := sfn.NewListExecutionsPaginator(s.aws.sfn(), in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, e := range page.Executions {
			if found = append(found, e); limit > 0 && len(found) == limit {
				return found, nil
			}
		}
	}
	return found, nil
}

// describe tells what is known of a run without its history. One that has just
// been started may not be seen at once.
func (s *session) describe(ctx context.Context, execution string, isNew bool) (*pipelineRun, error) {
	var d *sfn.DescribeExecutionOutput
	err := s.patiently(ctx, isNew, "ExecutionDoesNotExist", func() (err error) {
		d, err = s.aws.sfn().DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: &execution})
		return err
	})
	if err != nil {
		if apiCode(err) == "ExecutionDoesNotExist" {
			return nil, fail(exitNotFound, "`dspipe list` shows the runs of the last 90 days.", "no run %s", executionName(execution))
		}
		return nil, err
	}
	r := &pipelineRun{
		Name: aws.ToString(d.Name), ARN: execution, Status: string(d.Status), Started: aws.ToTime(d.StartDate), Stopped: d.StopDate,
		Redrives: int(aws.ToInt32(d.RedriveCount)), Error: aws.ToString(d.Error), Cause: aws.ToString(d.Cause),
	}
	r.Name = executionName(execution)
	end := time.Now()
	if d.StopDate != nil {
		end = *d.StopDate
	}
	r.Seconds = end.Sub(r.Started).Seconds()
	r.readRequest(aws.ToString(d.Input))
	if d.Output != nil {
		r.readOutput(*d.Output)
	}
	return r, nil
}

// patiently repeats what may be answered by a part of AWS that has not heard yet.
func (s *session) patiently(ctx context.Context, isNew bool, code string, f func() error) error {
	wait := s.wait(time.Second)
	for try := 0; ; try++ {
		err := f()
		if err == nil || !isNew || apiCode(err) != code || try == 8 {
			return err
		}
		if err := sleep(ctx, wait); err != nil {
			return err
		}
		wait += wait / 2
	}
}

// readRequest reads what the execution was started with. The period is the one
// that the machine finds, see the components.
func (r *pipelineRun) readRequest(input string) {
	var request map[string]any
	if json.Unmarshal([]byte(input), &request) != nil {
		return
	}
	r.Request = request
	if p, ok := request[contract.RequestPeriod].(string); ok {
		r.Period = p
		return
	}
	if t, ok := request[contract.RequestScheduled].(string); ok && len(t) >= 7 {
		r.Period = t[:7]
		return
	}
	r.Period = r.Started.UTC().Format("2006-01")
}

// readOutput reads the document of the machine at the end of a success.
func (r *pipelineRun) readOutput(output string) {
	var doc struct {
		Run    struct{ Period struct{ Name string } }
		Holder struct{ Execution string }
		Task   *startedTask

		Results struct{ Map string }
	}
	if json.Unmarshal([]byte(output), &doc) != nil {
		return
	}
	if p := doc.Run.Period.Name; p != "" {
		r.Period = p
	}
	r.mapRun = doc.Results.Map
	if doc.Task != nil {
		r.readTask(doc.Task)
	} else if h := doc.Holder.Execution; h != "" && h != r.ARN {
		r.Instead = h
	}
}

func (r *pipelineRun) readTask(t *startedTask) {
	r.Task = t.TaskArn
	if len(t.Containers) > 0 && t.Containers[0].ExitCode != nil {
		r.ExitStatus = t.Containers[0].ExitCode
		r.Meaning = meaning(*r.ExitStatus)
	}
	cpu, _ := strconv.ParseFloat(t.CPU, 64)
	memory, _ := strconv.ParseFloat(t.Memory, 64)
	if t.PullStartedAt > 0 && t.StoppedAt > t.PullStartedAt {
		arm := slices.ContainsFunc(t.Attributes, func(a struct{ Name, Value string }) bool {
			return a.Name == "ecs.cpu-architecture" && strings.HasPrefix(strings.ToLower(a.Value), "arm")
		})
		seconds := (t.StoppedAt - t.PullStartedAt) / 1000
		r.CostUSD = cost.Task(cpu/1024, memory/1024, seconds, arm, t.Capacity == "FARGATE_SPOT")
	}
}

// meaning is what the job's exit status says.
func meaning(status int) string {
	for _, e := range contract.ExitStatuses() {
		if e.Code == status {
			return e.Meaning
		}
	}
	return "not a status of the job; 137 is a kill, often because memory ran out"
}

// inspect adds to a run what its history and the end of the job's log tell.
func (s *session) inspect(ctx context.Context, r *pipelineRun) error {
	if r.Instead != "" {
		return nil
	}
	if r.Task == "" {
		if err := s.findTask(ctx, r); err != nil {
			return err
		}
	}
	var err error
	if r.mapRun != "" {
		r.CostUSD = 0 // of one task of many
		if r.Parts, err = s.describeParts(ctx, r.mapRun); err != nil {
			return err
		}
	}
	if r.Task == "" {
		return nil
	}
	r.Job, err = s.readJobLog(ctx, r.Task)
	return err
}

// findTask looks in the history for the last task, and for the last map.
func (s *session) findTask(ctx context.Context, r *pipelineRun) error {
	pages := sfn.NewGetExecutionHistoryPaginator(s.aws.sfn(), &sfn.GetExecutionHistoryInput{ExecutionArn: &r.ARN, ReverseOrder: true, MaxResults: 100})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, e := range page.Events {
			if r.mapRun == "" {
				r.mapRun = mapRunOf(e)
			}
			if t := taskOf(e); t != nil && r.Task == "" {
				r.readTask(t)
			}
			// A map comes before the task that merges, and after the one that plans:
			// what comes before the first step tells nothing.
			if r.Task != "" && (r.mapRun != "" || stateEntered(e) == "Preprocess") {
				return nil
			}
		}
	}
	return nil
}

// stateEntered is the state that an event enters; "" for another event.
func stateEntered(e types.HistoryEvent) string {
	if e.StateEnteredEventDetails == nil {
		return ""
	}
	return aws.ToString(e.StateEnteredEventDetails.Name)
}

// taskOf is the task that an event is about; nil for none.
func taskOf(e types.HistoryEvent) *startedTask {
	var t startedTask
	switch {
	case e.TaskSubmittedEventDetails != nil && aws.ToString(e.TaskSubmittedEventDetails.ResourceType) == "ecs":
		var submitted struct{ Tasks []startedTask }
		if json.Unmarshal([]byte(aws.ToString(e.TaskSubmittedEventDetails.Output)), &submitted) != nil || len(submitted.Tasks) == 0 {
			return nil
		}
		t = submitted.Tasks[0]
	case e.TaskSucceededEventDetails != nil && aws.ToString(e.TaskSucceededEventDetails.ResourceType) == "ecs":
		if json.Unmarshal([]byte(aws.ToString(e.TaskSucceededEventDetails.Output)), &t) != nil {
			return nil
		}
	case e.TaskFailedEventDetails != nil && aws.ToString(e.TaskFailedEventDetails.ResourceType) == "ecs":
		if json.Unmarshal([]byte(aws.ToString(e.TaskFailedEventDetails.Cause)), &t) != nil {
			return nil
		}
	}
	if t.TaskArn == "" {
		return nil
	}
	return &t
}

// logGroup is where the job's log is.
func (s *session) logGroup() (string, error) { return s.place.output(contract.OutputLogGroupName) }

// lastLines is how much of a log is read for what the job says at its end.
const lastLines = 20

// readJobLog reads the end of a task's log; nil if there is none.
func (s *session) readJobLog(ctx context.Context, task string) (*jobLog, error) {
	group, err := s.logGroup()
	if err != nil {
		return nil, err
	}
	out, err := s.aws.logs().GetLogEvents(ctx, &cloudwatchlogs.GetLogEventsInput{
		LogGroupName: &group, LogStreamName: aws.String(contract.LogStream(task)), Limit: aws.Int32(lastLines), StartFromHead: aws.Bool(false),
	})
	var missing *logtypes.ResourceNotFoundException
	if errors.As(err, &missing) {
		return nil, nil //nolint:nilnil // no log is no error: the task may not have begun, or its log has expired
	}
	if err != nil {
		return nil, err
	}
	j := &jobLog{}
	found := false
	for _, e := range out.Events {
		found = j.read(aws.ToString(e.Message)) || found
	}
	if !found {
		return nil, nil //nolint:nilnil // as above
	}
	return j, nil
}

// read takes what one line of the log tells.
func (j *jobLog) read(line string) bool {
	var entry struct {
		Level   string `json:"level"`
		Msg     string `json:"msg"`
		Metrics any    `json:"_aws"`

		RowsIn       *float64 `json:"RowsIn"`
		RowsOut      *float64 `json:"RowsOut"`
		RowsRejected *float64 `json:"RowsRejected"`
		Drifted      *float64 `json:"DriftedColumns"`
		Seconds      *float64 `json:"Seconds"`

		Result, Rejects, Report, Manifest, Newest string
	}
	if json.Unmarshal([]byte(line), &entry) != nil {
		return false
	}
	whole := func(f *float64) *int64 {
		if f == nil {
			return nil
		}
		n := int64(*f)
		return &n
	}
	switch {
	case entry.Metrics != nil:
		j.RowsIn, j.RowsOut, j.RowsRejected, j.Drifted = whole(entry.RowsIn), whole(entry.RowsOut), whole(entry.RowsRejected), whole(entry.Drifted)
		j.Seconds = entry.Seconds
	case entry.Manifest != "": // the last line of a success
		j.Result, j.Rejects, j.Report, j.Manifest, j.Newest = entry.Result, entry.Rejects, entry.Report, entry.Manifest, entry.Newest
		var counts struct {
			In       *int64 `json:"rows_in"`
			Out      *int64 `json:"rows_out"`
			Rejected *int64 `json:"rows_rejected"`
			Drifted  *int64 `json:"drifted_columns"`
			Repeated bool   `json:"repeated"`
		}
		if json.Unmarshal([]byte(line), &counts) == nil {
			j.RowsIn, j.RowsOut, j.RowsRejected, j.Drifted = counts.In, counts.Out, counts.Rejected, counts.Drifted
			if j.Repeated = counts.Repeated; j.Repeated {
				j.Drifted = nil // nobody looked
			}
		}
	case entry.Level == "ERROR":
		j.Message = entry.Msg
	default:
		return false
	}
	return true
}

// logLine is a line of the job's log for people; "" for one of metrics.
func logLine(message string) string {
	message = strings.TrimRight(message, "\n")
	dec := json.NewDecoder(strings.NewReader(message))
	dec.UseNumber()
	var entry map[string]any
	if dec.Decode(&entry) != nil || dec.More() {
		return message
	}
	if entry["_aws"] != nil {
		return ""
	}
	text, _ := entry["msg"].(string)
	if level, _ := entry["level"].(string); level != "" && level != "INFO" {
		text = strings.ToLower(level) + ": " + text
	}
	var b bytes.Buffer
	b.WriteString(text)
	for _, key := range jsonKeys(message) {
		v := entry[key]
		if key == "time" || key == "level" || key == "msg" || v == nil || v == "" {
			continue
		}
		fmt.Fprintf(&b, " %s=%v", key, v)
	}
	return b.String()
}

// jsonKeys are the keys of an object in the order in which they stand there.
func jsonKeys(text string) []string {
	dec := json.NewDecoder(strings.NewReader(text))
	var keys []string
	if _, err := dec.Token(); err != nil {
		return nil
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return keys
		}
		name, ok := key.(string)
		if !ok {
			return keys
		}
		keys = append(keys, name)
		var v json.RawMessage
		if dec.Decode(&v) != nil {
			return keys
		}
	}
	return keys
}

// sleep waits, or ends early with the context's error.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// wait is how long to wait between two looks. DSPIPE_POLL_MS makes it shorter
// where AWS is simulated.
func (s *session) wait(usual time.Duration) time.Duration {
	if ms, err := strconv.Atoi(s.Getenv("DSPIPE_POLL_MS")); err == nil && ms > 0 {
		return time.Duration(ms) * time.Millisecond
	}
	return usual
}
