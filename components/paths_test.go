package components

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"ds-pipeline/preprocess/contract"
)

// edge is a transition between two states.
type edge struct{ from, to string }

// edgesOf lists every transition that a definition has, and the tasks that it
// repeats.
func edgesOf(t *testing.T, definition string) (edges []edge, repeated []string) {
	t.Helper()
	var machine struct {
		States map[string]struct {
			Next, Default  string
			Choices, Catch []struct{ Next string }
			Retry          []struct{ MaxAttempts int }
		}
	}
	if err := json.Unmarshal([]byte(definition), &machine); err != nil {
		t.Fatal(err)
	}
	for name, s := range machine.States {
		for _, next := range []string{s.Next, s.Default} {
			if next != "" {
				edges = append(edges, edge{name, next})
			}
		}
		for _, rule := range slices.Concat(s.Choices, s.Catch) {
			edges = append(edges, edge{name, rule.Next})
		}
		for _, retrier := range s.Retry {
			if retrier.MaxAttempts > 0 {
				repeated = append(repeated, name)
			}
		}
	}
	return edges, repeated
}

// takenPaths are the transitions that executions took, and the tasks that they
// repeated.
type takenPaths struct {
	edges   map[edge]bool
	retried map[string]bool
}

func (p *takenPaths) add(machine *interpreter) {
	for i := 1; i < len(machine.visited); i++ {
		p.edges[edge{machine.visited[i-1], machine.visited[i]}] = true
	}
	for name := range machine.retries {
		p.retried[name] = true
	}
}

// check tells which transitions of a definition nothing has taken, and which
// tasks nothing has repeated.
func (p *takenPaths) check(t *testing.T, definition string) {
	t.Helper()
	edges, repeated := edgesOf(t, definition)
	for _, e := range edges {
		if !p.edges[e] {
			t.Errorf("no execution goes from %s to %s", e.from, e.to)
		}
	}
	for _, name := range repeated {
		if !p.retried[name] {
			t.Errorf("no execution repeats %s", name)
		}
	}
	t.Logf("%d transitions taken, %d tasks repeated", len(edges), len(repeated))
}

// What each execution ends with is tested beside each part of the machine. Here
// every transition has to be taken by one that ends as it should.
func TestMachine_everyTransitionIsTaken(t *testing.T) {
	in := testMachineInputs()
	in.spot, in.notifySuccess, in.attempts = true, true, 3
	paths := &takenPaths{map[edge]bool{}, map[string]bool{}}
	const period = `{"period":"2026-11"}`

	stopped := func(task string) []error { return []error{&taskError{name: "States.TaskFailed", cause: task}} }
	always := func(err *taskError) func(map[string]any) (map[string]any, error) {
		return func(map[string]any) (map[string]any, error) { return nil, err }
	}
	sizes := func(more bool, of ...float64) world {
		return world{list: func(map[string]any) (map[string]any, error) { return listed(more, of...), nil }}
	}
	refused := &taskError{name: "DynamoDB.AmazonDynamoDBException", cause: "not authorized"}
	notFound := &taskError{name: "Sfn.ExecutionDoesNotExistException", cause: "Execution Does Not Exist"}
	throttled := &taskError{name: "S3.S3Exception", cause: "Slow Down (Service: S3, Status Code: 503)"}
	third := taken(period)
	asIfTaken := func(puts ...error) *runsTable { return &runsTable{items: taken(period).items, puts: puts} }

	for _, run := range []struct {
		name, input string
		world       world
		want        string // the end of the cause, "" for a success
	}{
		{"nothing said", `{}`, world{}, ""},
		{"everything said", `{"period":"2026-11","input-key":"raw/a.csv","model-key":"m","output-key":"processed/a.csv","force":true}`, world{}, ""},
		{"not by force", `{"force":false}`, world{}, ""},
		{"force: a text", `{"force":"true"}`, world{}, "force: want true or false"},
		{"scheduled", `{"scheduledTime":"2026-11-15T09:00:00Z"}`, world{}, ""},
		{"period: a number", `{"period":11}`, world{}, `want a month such as "2026-11"`},
		{"period: no month", `{"period":"2026-13"}`, world{}, `want a month such as "2026-11"`},
		{"no time", `{"scheduledTime":"noon"}`, world{}, `want a time such as "2026-11-15T09:00:00Z"`},
		{"no input", `{"input-key":""}`, world{}, "or a line break"},
		{"no model", `{"model-key":"/m"}`, world{}, "or a line break"},
		{"model: a folder", `{"model-key":"m/"}`, world{}, "or a line break"},
		{"no output", `{"output-key":7}`, world{}, "or a line break"},
		{"output: a folder", `{"output-key":"processed/"}`, world{}, "or a line break"},
		{"output elsewhere", `{"output-key":"raw/a.csv"}`, world{}, "or a line break"},
		{"no parameter", `{}`, world{parameter: always(&taskError{name: "Ssm.SsmException"})}, "Ssm.SsmException"},

		{"claim: no answer", period, world{runs: &runsTable{puts: slices.Repeat([]error{refused}, 9)}}, refused.name},
		{"claim: no answer about the holder", period, world{runs: taken(period), seen: sees("", &taskError{name: "Sfn.SfnException"})}, "Sfn.SfnException"},
		{"double start", period, world{runs: taken(period), seen: sees("RUNNING", nil)}, ""},
		{"another request", period, world{runs: taken(`{}`), seen: sees("PENDING_REDRIVE", nil)}, otherExecution},
		{"a holder that ended", period, world{runs: taken(`{}`), seen: sees("FAILED", nil)}, ""},
		{"a holder that is gone", period, world{runs: taken(`{}`), seen: sees("", notFound)}, ""},
		{"takeover: no answer", period, world{runs: asIfTaken(append([]error{nil}, slices.Repeat([]error{error(refused)}, 9)...)...), seen: sees("FAILED", nil)}, refused.name},
		{"takeover: somebody was faster", period, world{runs: third, seen: func(execution string) (string, error) {
			if execution != otherExecution {
				return "RUNNING", nil
			}
			third.items["2026-11"]["execution"] = map[string]any{"S": "the third"}
			return "FAILED", nil
		}}, ""},

		{"missing", `{}`, world{head: always(&taskError{name: "S3.NoSuchKeyException"})}, "does not exist"},
		{"missing, by its status alone", `{}`, world{head: always(&taskError{name: "S3.S3Exception", cause: "null (Service: S3, Status Code: 404)"})}, "does not exist"},
		{"forbidden", `{}`, world{head: always(throttled)}, throttled.cause},
		{"S3 does not answer", `{}`, world{head: always(&taskError{name: "States.Timeout", noCause: true})}, "could not be checked: States.Timeout"},
		{"empty", `{}`, world{head: func(map[string]any) (map[string]any, error) { return map[string]any{"ContentLength": 0.0}, nil }}, "is empty"},
		{"a prefix", `{"input-key":"raw/"}`, sizes(false, 0, 5), ""},
		{"a prefix of one object", `{"input-key":"raw/"}`, sizes(false, 5), ""},
		{"a glob", `{"input-key":"raw/*.csv"}`, sizes(true, 0), ""},
		{"a glob without a start", `{"input-key":"*.csv"}`, sizes(false), `starts with ""`},
		{"a glob of empty objects", `{"input-key":"raw/?.csv"}`, sizes(false, 0, 0), "has a byte"},
		{"a glob that S3 does not list", `{"input-key":"raw/[ab].csv"}`, world{list: always(throttled)}, throttled.cause},

		{"Spot reclaims once", `{}`, world{tasks: append(stopped(`{"Containers":[{"ExitCode":75}],"StopCode":"SpotInterruption"}`), nil)}, ""},
		{"Spot has nothing", `{}`, world{tasks: []error{&taskError{name: noCapacityError, cause: "RESOURCE:CPU"}}}, noCapacityError + ": RESOURCE:CPU"},
		{"no capacity", `{}`, world{tasks: []error{&taskError{name: "ECS.ClientException", cause: "Capacity is unavailable at this time."}}}, "at this time."},
		{"not allowed", `{}`, world{tasks: []error{&taskError{name: "ECS.AccessDeniedException", cause: "no"}}}, "ECS.AccessDeniedException: no"},
		{"too long", `{}`, world{tasks: []error{&taskError{name: "States.Timeout", noCause: true}}}, "was stopped"},
		{"nothing but a name", `{}`, world{tasks: []error{&taskError{name: "States.Unheard", noCause: true}}}, "States.Unheard"},
		{"no image", `{}`, world{tasks: stopped(`{"Containers":[{}],"StopCode":"TaskFailedToStart","StoppedReason":"CannotPullContainerError"}`)}, "CannotPullContainerError"},
		{"killed, with a reason", `{}`, world{tasks: stopped(`{"Containers":[{"ExitCode":137,"Reason":"OutOfMemoryError"}]}`)}, "OutOfMemoryError"},
		{"killed", `{}`, world{tasks: []error{stoppedTask(137)}}, "because memory ran out)"},
		{"no log", `{}`, world{tasks: []error{stoppedTask(65)}, logs: always(&taskError{name: "CloudWatchLogs.X"})}, "was refused"},
		{"a line of the log", `{}`, world{tasks: []error{stoppedTask(65)}, logs: func(map[string]any) (map[string]any, error) {
			return map[string]any{"Events": []any{map[string]any{"Message": "input.csv:7"}}}, nil
		}}, "was refused"},
		{"the report of the failure is refused", `{}`, world{tasks: []error{stoppedTask(65)}, refused: &taskError{name: "Sfn.SfnException"}}, "was refused"},
	} {
		t.Run(run.name, func(t *testing.T) {
			if run.world.tasks == nil {
				run.world.tasks = []error{nil}
			}
			out, machine, messages := run.world.run(t, in, run.input)
			paths.add(machine)
			if run.want == "" && !out.succeeded || run.want != "" && (out.succeeded || !strings.HasSuffix(out.cause, run.want)) {
				t.Errorf("got %+v, want a cause that ends in %q (none: a success)", out, run.want)
			}
			if run.want != "" && len(messages) != 1 {
				t.Errorf("got %d messages, want one", len(messages))
			}
		})
	}
	for _, status := range contract.ExitStatuses() {
		if status.Code != contract.ExitOK {
			out, machine, _ := world{tasks: []error{stoppedTask(status.Code)}}.run(t, in, `{}`)
			paths.add(machine)
			if want := fmt.Sprintf("exit status %d (%s): %s", status.Code, status.Name, status.Meaning); out.succeeded || !strings.HasSuffix(out.cause, want) {
				t.Errorf("exit status %d: got %+v", status.Code, out)
			}
		}
	}

	redriven, _ := world{tasks: []error{stoppedTask(65), nil}}.machine(t, in)
	if _, err := redriven.run(`{}`); err != nil {
		t.Fatal(err)
	}
	if out, err := redriven.redrive(); err != nil || !out.succeeded {
		t.Errorf("redriven: got %+v, %v", out, err)
	}
	paths.add(redriven)

	unheard, _ := world{tasks: []error{nil}}.machine(t, in)
	publish := func(map[string]any) (any, error) { return nil, &taskError{name: "SNS.SnsException"} }
	unheard.tasks["arn:aws:states:::sns:publish"] = publish
	if out, err := unheard.run(`{}`); err != nil || !out.succeeded {
		t.Errorf("a success that nobody hears of: got %+v, %v", out, err)
	}
	paths.add(unheard)
	silent, _ := world{tasks: []error{stoppedTask(65)}}.machine(t, in)
	silent.tasks["arn:aws:states:::sns:publish"] = publish
	if out, err := silent.run(`{}`); err != nil || out.succeeded {
		t.Errorf("a failure that nobody hears of: got %+v, %v", out, err)
	}
	paths.add(silent)

	// DynamoDB takes the claim for another's and then does not say whose it is.
	lost, _ := world{tasks: []error{nil}, runs: taken(period), seen: sees("RUNNING", nil)}.machine(t, in)
	lost.tasks[getItem] = func(map[string]any) (any, error) { return nil, refused }
	if out, err := lost.run(period); err != nil || out.succeeded || !strings.HasSuffix(out.cause, refused.name) {
		t.Errorf("a claim whose holder nobody knows: got %+v, %v", out, err)
	}
	paths.add(lost)

	paths.check(t, machineJSON(t, in))
}

func TestWatch_everyTransitionIsTaken(t *testing.T) {
	paths := &takenPaths{map[edge]bool{}, map[string]bool{}}
	found := func(map[string]any) (any, error) { return map[string]any{"ContentLength": 9.0}, nil }
	fails := func(name, cause string) func(map[string]any) (any, error) {
		return func(map[string]any) (any, error) { return nil, &taskError{name: name, cause: cause} }
	}
	const due, ended = `{"scheduledTime":"2026-11-15T09:00:00Z"}`, `{"executionArn":"arn","status":"%s","error":"%s"}`
	var definition string
	for _, run := range []struct {
		input string
		head  func(map[string]any) (any, error)
		end   string // the last state
	}{
		{due, found, "Present"},
		{due, fails("S3.NoSuchKeyException", ""), "Told"},
		{due, fails("S3.S3Exception", "Status Code: 404"), "Told"},
		{due, fails("S3.S3Exception", "Status Code: 403"), "Told"},
		{`{}`, found, "UnknownInput"},
		{fmt.Sprintf(ended, "FAILED", errorFailed), nil, "AlreadyTold"},
		{fmt.Sprintf(ended, "FAILED", "States.Runtime"), nil, "Told"},
		{fmt.Sprintf(ended, "ABORTED", ""), nil, "Told"},
		{fmt.Sprintf(ended, "TIMED_OUT", ""), nil, "Told"},
	} {
		_, machine, _ := watched(t, run.input, run.head)
		paths.add(machine)
		if last := machine.visited[len(machine.visited)-1]; last != run.end {
			t.Errorf("%s: ended at %s, want %s", run.input, last, run.end)
		}
		definition = machine.definition
	}
	unheard, err := newInterpreter(definition)
	if err != nil {
		t.Fatal(err)
	}
	unheard.tasks = map[string]func(map[string]any) (any, error){
		"arn:aws:states:::sns:publish": fails("SNS.SnsException", "no"),
	}
	if out, err := unheard.run(fmt.Sprintf(ended, "ABORTED", "")); err != nil || out.succeeded {
		t.Errorf("nobody can be told: got %+v, %v, want a failure, which sets off an alarm", out, err)
	}
	paths.add(unheard)
	paths.check(t, definition)
}
