package components

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"ds-pipeline/preprocess/contract"
)

func testMachineInputs() machineInputs {
	return machineInputs{
		place:             testPlace,
		pipelineName:      "ds-preprocessing-pipeline",
		clusterArn:        "arn:aws:ecs:us-east-1:111111111111:cluster/ds-processing-cluster",
		taskDefinitionArn: "arn:aws:ecs:us-east-1:111111111111:task-definition/ds-preprocessing:7",
		securityGroupID:   "sg-1",
		subnetIDs:         []string{"subnet-1", "subnet-2"},
		topicArn:          "arn:aws:sns:us-east-1:111111111111:topic",
		taskLogGroupName:  "/ecs/ds-preprocessing-dev",
		inputBucket:       "ds-input-dev-111111111111-us-east-1",
		parameterPrefix:   "/ds/preprocessing/",
		outputBucket:      "ds-output-dev-111111111111-us-east-1",
		runsTable:         "runs",
		taskTimeout:       240,
		publicIP:          true,
		attempts:          4,
	}
}

func machineJSON(t *testing.T, in machineInputs) string {
	t.Helper()
	text, err := renderJSON(machineDefinition(in))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestMachineDefinition_isTheReviewedOne(t *testing.T) {
	golden(t, "machine", machineJSON(t, testMachineInputs()))
}

// stoppedTask is what Cause holds when a container ended, as ECS writes it.
func stoppedTask(exitCode int) *taskError {
	return &taskError{name: "States.TaskFailed", cause: fmt.Sprintf(
		`{"Containers":[{"ContainerArn":"arn","ExitCode":%d,"LastStatus":"STOPPED","Name":"preprocess"}],`+
			`"LastStatus":"STOPPED","StopCode":"EssentialContainerExited","StoppedReason":"Essential container in task exited",`+
			`"TaskArn":"arn:aws:ecs:us-east-1:111111111111:task/ds-processing-cluster/0123abcd"}`, exitCode)}
}

// world is what the machine meets.
type world struct {
	tasks     []error                                                 // what the task says at each start, the last one again and again
	parameter func(parameters map[string]any) (map[string]any, error) // Parameter Store's answer; nil knows the input
	head      func(parameters map[string]any) (map[string]any, error) // S3's answer; nil finds every object
	list      func(parameters map[string]any) (map[string]any, error) // S3's list of objects; nil has one
	start     func(parameters map[string]any)                         // sees every RunTask
	logs      func(parameters map[string]any) (map[string]any, error) // CloudWatch's; nil has no event
	runs      *runsTable                                              // nil for one of its own
	seen      func(execution string) (status string, err error)       // what Step Functions says of another execution
	refused   error                                                   // what Step Functions answers to a report of failure; nil takes it
	id        string                                                  // of the execution; "" for testExecutionArn
	task      func(parameters map[string]any) error                   // what a task says, instead of tasks
	read      func(reader map[string]any) ([]any, error)              // the items of a map
	records   *[][]*part                                              // gets what a map writes of each of its runs
}

// run drives the machine: answers are what the task says at each start, the
// last one again and again.
func run(t *testing.T, in machineInputs, input string, answers ...error) (outcome, *interpreter, []map[string]any) {
	t.Helper()
	return world{tasks: answers}.run(t, in, input)
}

func (w world) run(t *testing.T, in machineInputs, input string) (outcome, *interpreter, []map[string]any) {
	t.Helper()
	machine, messages := w.machine(t, in)
	out, err := machine.run(input)
	if err != nil {
		t.Fatalf("after %v: %v", machine.visited, err)
	}
	return out, machine, *messages
}

// machine is one execution in this world, and the messages that it sends.
func (w world) machine(t *testing.T, in machineInputs) (*interpreter, *[]map[string]any) {
	t.Helper()
	answers := w.tasks
	machine, err := newInterpreter(machineJSON(t, in))
	if err != nil {
		t.Fatal(err)
	}
	if w.id != "" {
		machine.execution()["Id"] = w.id
	}
	if w.runs == nil {
		w.runs = &runsTable{}
	}
	messages := &[]map[string]any{}
	starts := 0
	machine.read = w.read
	machine.write = func(bucket, prefix string, parts []*part) (string, error) {
		if bucket != in.outputBucket {
			return "", fmt.Errorf("the record goes to bucket %s, want %s", bucket, in.outputBucket)
		}
		*w.records = append(*w.records, parts)
		return prefix + "/00000000-0000-0000-0000-000000000000/manifest.json", nil
	}
	machine.tasks = map[string]func(map[string]any) (any, error){
		getParameter: func(parameters map[string]any) (any, error) {
			if w.parameter == nil {
				return storedInputKey, nil
			}
			return w.parameter(parameters)
		},
		headObject: func(parameters map[string]any) (any, error) {
			if w.head == nil {
				return foundObject, nil
			}
			return w.head(parameters)
		},
		listObjects: func(parameters map[string]any) (any, error) {
			if w.list == nil {
				return listed(false, 1), nil
			}
			return w.list(parameters)
		},
		getLogEvents: func(parameters map[string]any) (any, error) {
			if w.logs == nil {
				return map[string]any{"Events": []any{}}, nil
			}
			return w.logs(parameters)
		},
		"arn:aws:states:::ecs:runTask.sync": func(parameters map[string]any) (any, error) {
			if err := fitsOverrides(parameters["Overrides"]); err != nil {
				return nil, err
			}
			if w.start != nil {
				w.start(parameters)
			}
			if w.task != nil {
				return map[string]any{"LastStatus": "STOPPED"}, w.task(parameters)
			}
			answer := answers[min(starts, len(answers)-1)]
			starts++
			return map[string]any{"LastStatus": "STOPPED"}, answer
		},
		"arn:aws:states:::sns:publish": func(parameters map[string]any) (any, error) {
			*messages = append(*messages, parameters)
			return map[string]any{"MessageId": "1"}, nil
		},
		putItem: w.runs.put,
		getItem: w.runs.get,
		describeExecution: func(parameters map[string]any) (any, error) {
			status, err := w.seen(parameters["ExecutionArn"].(string))
			return map[string]any{"Status": status}, err
		},
		sendTaskFailure: func(parameters map[string]any) (any, error) {
			if w.refused != nil {
				return nil, w.refused
			}
			return reportFailure(machine)(parameters)
		},
	}
	return machine, messages
}

// reportFailure is Step Functions when a task with a token reports its own.
func reportFailure(machine *interpreter) func(parameters map[string]any) (any, error) {
	return func(parameters map[string]any) (any, error) {
		if token := machine.object["Task"].(map[string]any)["Token"]; parameters["TaskToken"] != token {
			return nil, &taskError{name: "Sfn.InvalidTokenException", cause: fmt.Sprint(parameters["TaskToken"])}
		}
		return nil, &taskError{name: parameters["Error"].(string), cause: parameters["Cause"].(string)}
	}
}

const (
	getParameter = "arn:aws:states:::aws-sdk:ssm:getParameter"
	headObject   = "arn:aws:states:::aws-sdk:s3:headObject"
	listObjects  = "arn:aws:states:::aws-sdk:s3:listObjectsV2"
	getLogEvents = "arn:aws:states:::aws-sdk:cloudwatchlogs:getLogEvents"

	putItem           = "arn:aws:states:::dynamodb:putItem"
	getItem           = "arn:aws:states:::dynamodb:getItem"
	describeExecution = "arn:aws:states:::aws-sdk:sfn:describeExecution"
	sendTaskFailure   = "arn:aws:states:::aws-sdk:sfn:sendTaskFailure.waitForTaskToken"
)

// storedInputKey is what Parameter Store says of input-key.
var storedInputKey = map[string]any{"Parameter": map[string]any{"Value": "raw/monthly_data.csv"}}

// foundObject is what S3 says of an object; the real answer has more fields.
var foundObject = map[string]any{"ContentLength": 1234.0, "ETag": `"0"`}

// listed is what S3 says of objects of these sizes; the real answer has more fields.
func listed(more bool, sizes ...float64) map[string]any {
	answer := map[string]any{"KeyCount": float64(len(sizes)), "IsTruncated": more}
	var contents []any // left out when there are none
	for i, size := range sizes {
		contents = append(contents, map[string]any{"Key": fmt.Sprintf("raw/%d.csv", i), "Size": size})
	}
	if contents != nil {
		answer["Contents"] = contents
	}
	return answer
}

func (in *interpreter) starts() int {
	n := in.retries["Preprocess"]
	for _, name := range in.visited {
		if name == "Preprocess" {
			n++
		}
	}
	return n
}

func TestMachine_succeedsWithAnyInput(t *testing.T) {
	for _, input := range []string{`{}`, `{"scheduledTime":"2026-11-15T09:00:00Z"}`, `[]`, `null`} {
		out, machine, messages := run(t, testMachineInputs(), input, nil)
		if !out.succeeded || machine.starts() != 1 || len(messages) != 0 {
			t.Errorf("%s: succeeded %v after %d starts with %d messages", input, out.succeeded, machine.starts(), len(messages))
		}
	}
}

func TestMachine_retriesWhatTheContractSays(t *testing.T) {
	for _, status := range contract.ExitStatuses() {
		if status.Code == contract.ExitOK {
			continue
		}
		out, machine, messages := run(t, testMachineInputs(), `{}`, stoppedTask(status.Code))
		want := 1
		if status.Retry {
			want = 4
		}
		if out.succeeded || machine.starts() != want {
			t.Errorf("exit status %d: succeeded %v after %d starts, want a failure after %d", status.Code, out.succeeded, machine.starts(), want)
		}
		words := fmt.Sprintf("exit status %d (%s): %s", status.Code, status.Name, status.Meaning)
		if len(messages) != 1 || !strings.Contains(messages[0]["Message"].(string), words) {
			t.Errorf("exit status %d: messages %v, want one with %q", status.Code, messages, words)
		}
		if out.err != "PreprocessingFailed" || !strings.Contains(out.cause, words) {
			t.Errorf("exit status %d: ended with %q, %q", status.Code, out.err, out.cause)
		}
	}
}

func TestMachine_succeedsAtALaterAttempt(t *testing.T) {
	out, machine, messages := run(t, testMachineInputs(), `{"a":1}`, stoppedTask(contract.ExitTempFail), stoppedTask(contract.ExitUnavailable), nil)
	if !out.succeeded || machine.starts() != 3 || len(messages) != 0 {
		t.Fatalf("succeeded %v after %d starts with %d messages", out.succeeded, machine.starts(), len(messages))
	}
	document := out.lastDocument.(map[string]any)
	if input, _ := json.Marshal(document["input"]); string(input) != `{"a":1}` {
		t.Errorf("the input became %s", input)
	}
	if _, left := document["error"]; left {
		t.Error("the failure of an earlier attempt is still there")
	}
}

func TestMachine_waitsLongerEachTime(t *testing.T) {
	_, machine, _ := run(t, testMachineInputs(), `{}`, stoppedTask(contract.ExitIO))
	if len(machine.waits) != 3 {
		t.Fatalf("%d waits, want 3", len(machine.waits))
	}
	for i, low := range []int{30, 60, 120} {
		if w := machine.waits[i]; w < low || w >= 2*low {
			t.Errorf("wait %d took %d s, want %d to %d", i+1, w, low, 2*low)
		}
	}
}

func TestMachine_oneAttemptIsNotRetried(t *testing.T) {
	in := testMachineInputs()
	in.attempts = 1
	if _, machine, _ := run(t, in, `{}`, stoppedTask(contract.ExitTempFail)); machine.starts() != 1 {
		t.Errorf("%d starts", machine.starts())
	}
}

func TestMachine_everyFailureEndsInWords(t *testing.T) {
	tests := []struct {
		name   string
		err    *taskError
		starts int
		want   string
	}{
		{"killed", stoppedTask(137), 1, "exit status 137"},
		{"spot", &taskError{name: "States.TaskFailed", cause: `{"Containers":[{"ExitCode":143}],"StopCode":"SpotInterruption","StoppedReason":"Your Spot Task was interrupted."}`}, 4, "exit status 143"},
		{"no image", &taskError{name: "States.TaskFailed", cause: `{"Containers":[{"Name":"preprocess"}],"StopCode":"TaskFailedToStart","StoppedReason":"CannotPullContainerError: not found"}`}, 4, "before the job ran: CannotPullContainerError: not found"},
		{"no containers", &taskError{name: "States.TaskFailed", cause: `{"Containers":[],"StopCode":"UserInitiated","StoppedReason":"Someone stopped it"}`}, 1, "Someone stopped it"},
		{"no reason", &taskError{name: "States.TaskFailed", cause: `{"Containers":[]}`}, 1, "States.TaskFailed"},
		{"cause is not a task", &taskError{name: "States.TaskFailed", cause: "Something else"}, 1, "States.TaskFailed: Something else"},
		{"capacity", &taskError{name: "ECS.ClientException", cause: "Capacity is unavailable at this time. Please try again later."}, 4, "Capacity is unavailable"},
		{"quota", &taskError{name: "ECS.ClientException", cause: "You've reached the limit on the number of vCPUs you can run concurrently"}, 4, "limit on the number of vCPUs"},
		{"not allowed", &taskError{name: "ECS.AccessDeniedException", cause: "not authorized to perform: ecs:RunTask"}, 1, "ECS.AccessDeniedException: not authorized"},
		{"timeout", &taskError{name: "States.Timeout", noCause: true}, 1, "longer than 240 minutes"},
		{"nothing but a name", &taskError{name: "States.Unheard", noCause: true}, 1, "could not be run: States.Unheard"},
		{"throttled", &taskError{name: "ECS.AmazonECSException", cause: "Rate exceeded"}, 6, "Rate exceeded"},
		{"failures in the answer", &taskError{name: "AmazonECS.Unknown", cause: "RESOURCE:CPU"}, 6, "RESOURCE:CPU"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out, machine, messages := run(t, testMachineInputs(), `{}`, tt.err)
			if out.succeeded || machine.starts() != tt.starts {
				t.Errorf("succeeded %v after %d starts, want a failure after %d", out.succeeded, machine.starts(), tt.starts)
			}
			if len(messages) != 1 {
				t.Fatalf("%d messages, want 1", len(messages))
			}
			if message := messages[0]["Message"].(string); !strings.Contains(message, tt.want) || !strings.Contains(out.cause, tt.want) {
				t.Errorf("message\n%s\ncause\n%s\nwant %q in both", message, out.cause, tt.want)
			}
		})
	}
}

func TestMachine_failsEvenWhenNobodyCanBeTold(t *testing.T) {
	machine, err := newInterpreter(machineJSON(t, testMachineInputs()))
	if err != nil {
		t.Fatal(err)
	}
	machine.tasks = map[string]func(map[string]any) (any, error){
		putItem:                             new(runsTable).put,
		sendTaskFailure:                     reportFailure(machine),
		getParameter:                        func(map[string]any) (any, error) { return storedInputKey, nil },
		headObject:                          func(map[string]any) (any, error) { return foundObject, nil },
		getLogEvents:                        func(map[string]any) (any, error) { return nil, &taskError{name: "CloudWatchLogs.X"} },
		"arn:aws:states:::ecs:runTask.sync": func(map[string]any) (any, error) { return nil, stoppedTask(contract.ExitData) },
		"arn:aws:states:::sns:publish":      func(map[string]any) (any, error) { return nil, &taskError{name: "SNS.NotFoundException"} },
	}
	out, err := machine.run(`{}`)
	if err != nil {
		t.Fatal(err)
	}
	if out.succeeded || !strings.Contains(out.cause, "exit status 65") || machine.retries["Notify"] != 4 {
		t.Errorf("got %+v after %d retries", out, machine.retries["Notify"])
	}
}

func TestMachine_everyStateIsReachable(t *testing.T) {
	in := testMachineInputs()
	in.spot, in.notifySuccess = true, true
	var machine struct{ States map[string]state }
	if err := json.Unmarshal([]byte(machineJSON(t, in)), &machine); err != nil {
		t.Fatal(err)
	}
	targets := map[string]bool{"Prepare": true}
	var collect func(v any)
	collect = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for key, inner := range v {
				if name, ok := inner.(string); ok && (key == "Next" || key == "Default") {
					targets[name] = true
				}
				collect(inner)
			}
		case []any:
			for _, inner := range v {
				collect(inner)
			}
		}
	}
	var names []string
	for name, s := range machine.States {
		names = append(names, name)
		collect(s)
	}
	for name := range targets {
		if !slices.Contains(names, name) {
			t.Errorf("%s is named and not there", name)
		}
	}
	for _, name := range names {
		if !targets[name] {
			t.Errorf("nothing leads to %s", name)
		}
	}
}

func TestMachineTimeout_isLongerThanAllAttempts(t *testing.T) {
	in := testMachineInputs()
	in.attempts, in.taskTimeout = 10, 10080
	if got, least := machineTimeoutSeconds(in), 10*(10080*60+5*600)+2*30*(1<<10-1); got <= least || got > 99999999 {
		t.Errorf("got %d s, want more than %d and at most 99999999", got, least)
	}
}

func TestMachineDefinition_fitsAndHasNoNulls(t *testing.T) {
	text := machineJSON(t, testMachineInputs())
	if strings.Contains(text, "null") {
		t.Error("a null in the definition")
	}
	if len(text) > 1<<20 {
		t.Errorf("%d bytes, Step Functions takes 1 MiB", len(text))
	}
}

func TestSubject_fitsIntoAnEmail(t *testing.T) {
	for length, want := range map[int]int{98: 98, 99: 99, 100: 99, 200: 99} {
		if got := subject(strings.Repeat("x", length)); len(got) != want {
			t.Errorf("%d of %d characters, want %d", len(got), length, want)
		}
	}
}

// capacities is where each task was started.
func capacities(t *testing.T, in machineInputs, answers ...error) (out outcome, providers []string) {
	t.Helper()
	out, _, _ = world{tasks: answers, start: func(parameters map[string]any) {
		if parameters["LaunchType"] != nil {
			providers = append(providers, parameters["LaunchType"].(string))
			return
		}
		strategy := parameters["CapacityProviderStrategy"].([]any)[0].(map[string]any)
		providers = append(providers, strategy["CapacityProvider"].(string))
	}}.run(t, in, `{"period":"2026-11"}`)
	return out, providers
}

func TestMachine_lastAttemptIsNotOnSpot(t *testing.T) {
	reclaimed := &taskError{name: "States.TaskFailed", cause: `{"Containers":[{"ExitCode":75}],"StopCode":"SpotInterruption","StoppedReason":"Your Spot Task was interrupted."}`}
	in := testMachineInputs()
	in.spot = true
	tests := []struct {
		attempts  int
		answers   []error
		succeeded bool
		want      string
	}{
		{4, []error{nil}, true, "FARGATE_SPOT"},
		{4, []error{reclaimed, nil}, true, "FARGATE_SPOT FARGATE_SPOT"},
		{4, []error{reclaimed}, false, "FARGATE_SPOT FARGATE_SPOT FARGATE_SPOT FARGATE"},
		{2, []error{reclaimed, nil}, true, "FARGATE_SPOT FARGATE"},
		{4, []error{stoppedTask(contract.ExitData)}, false, "FARGATE_SPOT"},
		{2, []error{&taskError{name: "ECS.ClientException", cause: "Capacity is unavailable at this time."}, nil}, true, "FARGATE_SPOT FARGATE"},
		// RunTask is repeated five times before Spot counts as empty.
		{2, slices.Concat(slices.Repeat([]error{&taskError{name: "AmazonECS.Unknown", cause: "RESOURCE:CPU"}}, 6), []error{nil}), true,
			strings.Repeat("FARGATE_SPOT ", 6) + "FARGATE"},
	}
	for _, tt := range tests {
		in.attempts = tt.attempts
		out, providers := capacities(t, in, tt.answers...)
		if got := strings.Join(providers, " "); got != tt.want || out.succeeded != tt.succeeded {
			t.Errorf("%d attempts, %v: succeeded %v on %s, want %v on %s", tt.attempts, tt.answers[0], out.succeeded, got, tt.succeeded, tt.want)
		}
	}
}

func TestMachine_usesNoSpotUnlessAskedTo(t *testing.T) {
	if _, providers := capacities(t, testMachineInputs(), stoppedTask(contract.ExitTempFail), nil); !slices.Equal(providers, []string{"FARGATE", "FARGATE"}) {
		t.Errorf("started on %v", providers)
	}
}
