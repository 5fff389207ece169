package awstest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cwltypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"ds-pipeline/preprocess/contract"
)

// execution goes a step further each time that somebody looks at it.
type execution struct {
	name, arn   string
	input       string
	status      types.ExecutionStatus
	started     *time.Time
	stopped     *time.Time
	output      *string
	error       *string
	cause       *string
	redrives    int32
	redriveDate *time.Time
	blind       int

	period   string
	env      map[string]string
	taskID   string
	attempts int
	events   []types.HistoryEvent
	steps    []func()                     // what is still to come
	parts    *types.MapRunExecutionCounts // nil for one task
}

// request is what an execution may be started with.
type request struct {
	Period        string `json:"period"`
	ScheduledTime string `json:"scheduledTime"`
	InputKey      string `json:"input-key"`
	ModelKey      string `json:"model-key"`
	OutputKey     string `json:"output-key"`
	Force         bool   `json:"force"`
}

func (s *Server) startExecution(in *sfn.StartExecutionInput) (*sfn.StartExecutionOutput, error) {
	if aws.ToString(in.StateMachineArn) != Machine {
		return nil, &types.StateMachineDoesNotExist{Message: aws.String("State Machine Does Not Exist: '" + aws.ToString(in.StateMachineArn) + "'")}
	}
	name := aws.ToString(in.Name)
	for _, e := range s.executions {
		if e.name == name && e.input == aws.ToString(in.Input) {
			return &sfn.StartExecutionOutput{ExecutionArn: &e.arn, StartDate: e.started}, nil
		}
		if e.name == name {
			return nil, &types.ExecutionAlreadyExists{Message: aws.String("Execution Already Exists: '" + e.arn + "'")}
		}
	}
	if len(name) > 80 || strings.ContainsAny(name, " <>{}[]?*\"#%\\^|~`$&,;:/") {
		return nil, &types.InvalidName{Message: aws.String("Invalid Name: '" + name + "'")}
	}
	e := s.newExecution(name, aws.ToString(in.Input), time.Now())
	e.blind = s.Blind
	s.run(e)
	return &sfn.StartExecutionOutput{ExecutionArn: &e.arn, StartDate: e.started}, nil
}

func (s *Server) newExecution(name, input string, started time.Time) *execution {
	started = started.UTC().Truncate(time.Millisecond)
	e := &execution{name: name, arn: strings.Replace(Machine, "stateMachine", "execution", 1) + ":" + name, input: input,
		status: types.ExecutionStatusRunning, started: &started}
	var r request
	_ = json.Unmarshal([]byte(input), &r)
	e.period = r.Period
	if e.period == "" && r.ScheduledTime != "" {
		e.period = r.ScheduledTime[:7]
	}
	if e.period == "" {
		e.period = started.Format("2006-01")
	}
	e.env = map[string]string{contract.EnvPeriod: e.period, "DS_INPUT_KEY": cmp.Or(r.InputKey, s.Parameters[contract.InputKey]), "DS_MODEL_KEY": r.ModelKey}
	if r.Force {
		e.env[contract.EnvForce] = "true"
	}
	if r.OutputKey != "" {
		e.env[contract.EnvOutput] = "s3://" + Output + "/" + r.OutputKey
	}
	s.executions = slices.Insert(s.executions, 0, e)
	return e
}

// run lays out what the machine does.
func (s *Server) run(e *execution) {
	e.steps = []func(){
		func() {
			e.add(types.HistoryEvent{Type: types.HistoryEventTypeExecutionStarted, ExecutionStartedEventDetails: &types.ExecutionStartedEventDetails{Input: &e.input}})
			e.enter("Prepare", types.HistoryEventTypePassStateEntered)
		},
		func() { e.enter("Claim", types.HistoryEventTypeTaskStateEntered) },
		func() {
			for _, other := range s.executions {
				if other != e && other.status == types.ExecutionStatusRunning && other.period == e.period && len(other.events) > 0 {
					if other.input == e.input {
						s.succeed(e, map[string]any{"holder": map[string]any{"execution": other.arn}, "run": map[string]any{"period": map[string]any{"name": e.period}}})
					} else {
						s.fail(e, "another execution is working on period "+e.period+": "+other.arn)
					}
					return
				}
			}
			e.enter("CheckInput", types.HistoryEventTypeTaskStateEntered)
			if text, ok := s.S3.Get(Input, e.env["DS_INPUT_KEY"]); !ok || text == "" {
				what := map[bool]string{false: "does not exist", true: "is empty"}[ok]
				s.fail(e, fmt.Sprintf("the input object s3://%s/%s %s", Input, e.env["DS_INPUT_KEY"], what))
			}
		},
		func() {
			if s.Spread > 0 {
				s.spread(e)
			} else {
				s.task(e, "Preprocess")
			}
		},
	}
}

// mapRun is the ARN of the map of an execution.
func (e *execution) mapRun() string {
	return strings.Replace(e.arn, ":execution:"+Pipeline+":", ":mapRun:"+Pipeline+"/Parts:", 1)
}

// spread runs parts, of which half are done when somebody looks, and then the task
// that merges them. A redrive runs those that failed.
func (s *Server) spread(e *execution) {
	e.enter("Parts", types.HistoryEventTypeMapStateEntered)
	arn := e.mapRun()
	if e.parts == nil {
		e.parts = &types.MapRunExecutionCounts{Total: s.Spread, Pending: s.Spread}
		e.add(types.HistoryEvent{Type: types.HistoryEventTypeMapRunStarted, MapRunStartedEventDetails: &types.MapRunStartedEventDetails{MapRunArn: &arn}})
	} else {
		e.add(types.HistoryEvent{Type: types.HistoryEventTypeMapRunRedriven, MapRunRedrivenEventDetails: &types.MapRunRedrivenEventDetails{MapRunArn: &arn, RedriveCount: &e.redrives}})
	}
	p := e.parts
	e.steps = append(e.steps,
		func() {
			*p = types.MapRunExecutionCounts{Total: p.Total, Succeeded: p.Total / 2, Running: p.Total - p.Total/2}
		},
		func() {
			*p = types.MapRunExecutionCounts{Total: p.Total, Succeeded: p.Total - s.FailParts, Failed: s.FailParts}
			if s.FailParts == 0 {
				e.add(types.HistoryEvent{Type: types.HistoryEventTypeMapRunSucceeded})
				s.task(e, "Merge")
				return
			}
			e.error, e.cause = aws.String("States.ExceedToleratedFailureThreshold"), aws.String("The specified tolerated failure threshold was exceeded")
			e.add(types.HistoryEvent{Type: types.HistoryEventTypeMapRunFailed, MapRunFailedEventDetails: &types.MapRunFailedEventDetails{Error: e.error, Cause: e.cause}})
			e.status, e.stopped, e.steps = types.ExecutionStatusFailed, now(), nil
			e.add(types.HistoryEvent{Type: types.HistoryEventTypeExecutionFailed, ExecutionFailedEventDetails: &types.ExecutionFailedEventDetails{Error: e.error, Cause: e.cause}})
		})
}

func (s *Server) describeMapRun(in *sfn.DescribeMapRunInput) (*sfn.DescribeMapRunOutput, error) {
	for _, e := range s.executions {
		if e.parts == nil || e.mapRun() != aws.ToString(in.MapRunArn) {
			continue
		}
		status := types.MapRunStatusRunning
		switch {
		case e.parts.Failed > 0:
			status = types.MapRunStatusFailed
		case e.parts.Succeeded == e.parts.Total:
			status = types.MapRunStatusSucceeded
		}
		return &sfn.DescribeMapRunOutput{ExecutionArn: &e.arn, MapRunArn: in.MapRunArn, Status: status, StartDate: e.started, ExecutionCounts: e.parts,
			ItemCounts: &types.MapRunItemCounts{Total: 20 * e.parts.Total}}, nil
	}
	return nil, &types.ResourceNotFound{Message: aws.String("Map Run Does Not Exist: '" + aws.ToString(in.MapRunArn) + "'")}
}

// task starts the task; the job's log comes line by line, then its end.
func (s *Server) task(e *execution, state string) {
	e.attempts++
	e.taskID = fmt.Sprintf("%032x", len(s.executions)*100+e.attempts)
	arn := "arn:aws:ecs:" + Region + ":" + Account + ":task/ds-processing-cluster/" + e.taskID
	task := map[string]any{"TaskArn": arn, "LastStatus": "PROVISIONING", "Cpu": "2048", "Memory": "4096", "Containers": []any{map[string]any{"Name": contract.ContainerName}}}
	e.enter(state, types.HistoryEventTypeTaskStateEntered)
	e.add(types.HistoryEvent{Type: types.HistoryEventTypeTaskSubmitted, TaskSubmittedEventDetails: &types.TaskSubmittedEventDetails{
		Resource: aws.String("runTask.sync"), ResourceType: aws.String("ecs"), Output: text(map[string]any{"Tasks": []any{task}, "Failures": []any{}})}})
	began := time.Now()
	lines, status := []string(nil), 0
	end := func() {
		task["LastStatus"], task["StopCode"], task["StoppedReason"] = "STOPPED", "EssentialContainerExited", "Essential container in task exited"
		task["PullStartedAt"], task["StoppedAt"] = began.UnixMilli(), began.Add(90*time.Second).UnixMilli()
		task["Containers"] = []any{map[string]any{"Name": contract.ContainerName, "ExitCode": status}}
		if status == 0 {
			e.add(types.HistoryEvent{Type: types.HistoryEventTypeTaskSucceeded, TaskSucceededEventDetails: &types.TaskSucceededEventDetails{
				Resource: aws.String("runTask.sync"), ResourceType: aws.String("ecs"), Output: text(task)}})
			output := map[string]any{"run": map[string]any{"period": map[string]any{"name": e.period}}, "task": task, "holder": map[string]any{"execution": e.arn}}
			if e.parts != nil {
				output["results"] = map[string]any{"key": contract.ScaleResults(e.name, 1) + "0/manifest.json", "map": e.mapRun()}
			}
			s.succeed(e, output)
			return
		}
		e.add(types.HistoryEvent{Type: types.HistoryEventTypeTaskFailed, TaskFailedEventDetails: &types.TaskFailedEventDetails{
			Resource: aws.String("runTask.sync"), ResourceType: aws.String("ecs"), Error: aws.String("States.TaskFailed"), Cause: text(task)}})
		for _, known := range contract.ExitStatuses() {
			if known.Code == status && known.Retry && e.attempts < 4 {
				e.add(types.HistoryEvent{Type: types.HistoryEventTypeWaitStateEntered, StateEnteredEventDetails: &types.StateEnteredEventDetails{
					Name: aws.String("WaitToRetry"), Input: text(map[string]any{"retry": map[string]any{"attempt": e.attempts + 1, "wait": 42}})}})
				e.steps = append(e.steps, func() { s.task(e, state) })
				return
			}
			if known.Code == status {
				s.fail(e, fmt.Sprintf("the job ended with exit status %d (%s): %s", status, known.Name, known.Meaning))
				return
			}
		}
		s.fail(e, fmt.Sprintf("the job ended with exit status %d, which is not one of its own", status))
	}
	e.steps = append(e.steps, func() {
		if s.Job != nil {
			lines, status = s.Job(e.env)
		}
		stream := contract.LogStream(arn)
		half := (len(lines) + 1) / 2
		for i, part := range [][]string{lines[:half], lines[half:]} {
			show := func() {
				for _, l := range part {
					s.Logs[stream] = append(s.Logs[stream], cwltypes.OutputLogEvent{Message: aws.String(l), Timestamp: aws.Int64(time.Now().UnixMilli())})
				}
			}
			if i == 0 {
				show()
			} else {
				e.steps = append(e.steps, show)
			}
		}
		e.steps = append(e.steps, end)
	})
}

// advance does the next step, unless the server holds.
func (s *Server) advance(e *execution) {
	if e.status != types.ExecutionStatusRunning || len(e.steps) == 0 || s.Hold && e.taskID != "" {
		return
	}
	step := e.steps[0]
	e.steps = e.steps[1:]
	step()
}

func (e *execution) add(event types.HistoryEvent) {
	event.Id, event.PreviousEventId, event.Timestamp = int64(len(e.events)+1), int64(len(e.events)), now()
	e.events = append(e.events, event)
}

func (e *execution) enter(state string, kind types.HistoryEventType) {
	e.add(types.HistoryEvent{Type: kind, StateEnteredEventDetails: &types.StateEnteredEventDetails{Name: &state, Input: aws.String("{}")}})
}

func (s *Server) succeed(e *execution, output map[string]any) {
	e.output = text(output)
	e.status, e.stopped, e.steps = types.ExecutionStatusSucceeded, now(), nil
	e.add(types.HistoryEvent{Type: types.HistoryEventTypeExecutionSucceeded, ExecutionSucceededEventDetails: &types.ExecutionSucceededEventDetails{Output: e.output}})
}

func (s *Server) fail(e *execution, cause string) {
	e.enter("Notify", types.HistoryEventTypeTaskStateEntered)
	e.error, e.cause = aws.String("PreprocessingFailed"), &cause
	e.status, e.stopped, e.steps = types.ExecutionStatusFailed, now(), nil
	e.add(types.HistoryEvent{Type: types.HistoryEventTypeExecutionFailed, ExecutionFailedEventDetails: &types.ExecutionFailedEventDetails{Error: e.error, Cause: e.cause}})
}

func text(v any) *string {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return aws.String(string(data))
}

func (s *Server) find(arn *string) (*execution, error) {
	for _, e := range s.executions {
		if e.arn != aws.ToString(arn) {
			continue
		}
		if e.blind > 0 {
			e.blind--
			break
		}
		return e, nil
	}
	return nil, &types.ExecutionDoesNotExist{Message: aws.String("Execution Does Not Exist: '" + aws.ToString(arn) + "'")}
}

func (s *Server) stopExecution(in *sfn.StopExecutionInput) (*sfn.StopExecutionOutput, error) {
	e, err := s.find(in.ExecutionArn)
	if err != nil {
		return nil, err
	}
	if e.status == types.ExecutionStatusRunning {
		e.status, e.stopped, e.error, e.cause, e.steps = types.ExecutionStatusAborted, now(), in.Error, in.Cause, nil
		e.add(types.HistoryEvent{Type: types.HistoryEventTypeExecutionAborted, ExecutionAbortedEventDetails: &types.ExecutionAbortedEventDetails{Error: in.Error, Cause: in.Cause}})
	}
	return &sfn.StopExecutionOutput{StopDate: e.stopped}, nil
}

func (s *Server) redriveExecution(in *sfn.RedriveExecutionInput) (*sfn.RedriveExecutionOutput, error) {
	e, err := s.find(in.ExecutionArn)
	if err != nil {
		return nil, err
	}
	if time.Since(*e.started) > 14*24*time.Hour {
		return nil, &types.ExecutionNotRedrivable{Message: aws.String("Execution redrivable period exceeded")}
	}
	if e.status == types.ExecutionStatusRunning || e.status == types.ExecutionStatusSucceeded {
		return nil, &types.ExecutionNotRedrivable{Message: aws.String("Execution is " + string(e.status) + " and cannot be redriven")}
	}
	e.redrives++
	e.redriveDate = now()
	e.status, e.stopped, e.error, e.cause, e.taskID = types.ExecutionStatusRunning, nil, nil, nil, ""
	e.add(types.HistoryEvent{Type: types.HistoryEventTypeExecutionRedriven, ExecutionRedrivenEventDetails: &types.ExecutionRedrivenEventDetails{RedriveCount: &e.redrives}})
	s.run(e)
	e.steps = e.steps[1:]
	return &sfn.RedriveExecutionOutput{RedriveDate: e.redriveDate}, nil
}

func (s *Server) describeExecution(in *sfn.DescribeExecutionInput) (*sfn.DescribeExecutionOutput, error) {
	e, err := s.find(in.ExecutionArn)
	if err != nil {
		return nil, err
	}
	s.advance(e)
	return &sfn.DescribeExecutionOutput{ExecutionArn: &e.arn, Name: &e.name, StateMachineArn: aws.String(Machine), Status: e.status, StartDate: e.started, StopDate: e.stopped,
		Input: &e.input, Output: e.output, Error: e.error, Cause: e.cause, RedriveCount: &e.redrives, RedriveDate: e.redriveDate}, nil
}

func (s *Server) listExecutions(in *sfn.ListExecutionsInput) (*sfn.ListExecutionsOutput, error) {
	if aws.ToString(in.StateMachineArn) != Machine {
		return nil, &types.StateMachineDoesNotExist{Message: aws.String("State Machine Does Not Exist: '" + aws.ToString(in.StateMachineArn) + "'")}
	}
	all := []types.ExecutionListItem{}
	for _, e := range s.executions {
		if in.StatusFilter == "" || in.StatusFilter == e.status {
			all = append(all, types.ExecutionListItem{ExecutionArn: &e.arn, Name: &e.name, StateMachineArn: aws.String(Machine), Status: e.status, StartDate: e.started, StopDate: e.stopped})
		}
	}
	out := &sfn.ListExecutionsOutput{}
	out.Executions, out.NextToken = page(s, all, in.NextToken, in.MaxResults)
	return out, nil
}

func (s *Server) getExecutionHistory(in *sfn.GetExecutionHistoryInput) (*sfn.GetExecutionHistoryOutput, error) {
	e, err := s.find(in.ExecutionArn)
	if err != nil {
		return nil, err
	}
	events := slices.Clone(e.events)
	if in.ReverseOrder {
		slices.Reverse(events)
	}
	out := &sfn.GetExecutionHistoryOutput{}
	out.Events, out.NextToken = page(s, events, in.NextToken, in.MaxResults)
	return out, nil
}

// Past adds an execution that began some time ago and has ended by now, as if its
// job had said and returned this.
func (s *Server) Past(name, input string, ago time.Duration, lines []string, status int) {
	defer s.Lock()()
	e := s.newExecution(name, input, time.Now().Add(-ago))
	job, hold := s.Job, s.Hold
	s.Job, s.Hold = func(map[string]string) ([]string, int) { return lines, status }, false
	s.run(e)
	e.steps[2] = func() { e.enter("CheckInput", types.HistoryEventTypeTaskStateEntered) } // its input was there then
	for e.status == types.ExecutionStatusRunning {
		s.advance(e)
	}
	stopped := e.started.Add(2 * time.Minute)
	e.stopped = &stopped
	s.Job, s.Hold = job, hold
}

// Status is how an execution stands, given its name; "" if there is none.
func (s *Server) Status(name string) string {
	defer s.Lock()()
	for _, e := range s.executions {
		if e.name == name {
			return string(e.status)
		}
	}
	return ""
}

// Started lists the executions from the newest on: their names and inputs.
func (s *Server) Started() (names, inputs []string) {
	defer s.Lock()()
	for _, e := range s.executions {
		names, inputs = append(names, e.name), append(inputs, e.input)
	}
	return names, inputs
}
