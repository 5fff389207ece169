package components

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"ds-pipeline/preprocess/contract"
)

// runsTable is DynamoDB for one table: items by period, and the conditions that
// the machine uses.
type runsTable struct {
	items map[string]map[string]any
	puts  []error // answers before the table itself has its say; nil lets it
}

func (r *runsTable) put(parameters map[string]any) (any, error) {
	if len(r.puts) > 0 {
		err := r.puts[0]
		if r.puts = r.puts[1:]; err != nil {
			return nil, err
		}
	}
	item := parameters["Item"].(map[string]any)
	period := item["period"].(map[string]any)["S"].(string)
	holds, err := conditionHolds(parameters, r.items[period])
	if err != nil {
		return nil, err
	}
	if !holds {
		return nil, &taskError{name: takenError, cause: "The conditional request failed"}
	}
	if r.items == nil {
		r.items = map[string]map[string]any{}
	}
	r.items[period] = item
	return map[string]any{"SdkHttpMetadata": map[string]any{"HttpStatusCode": 200.0}}, nil
}

// conditionHolds reads a ConditionExpression of attribute_not_exists(#a) and
// #a = :b with OR between them.
func conditionHolds(parameters, item map[string]any) (bool, error) {
	names := parameters["ExpressionAttributeNames"].(map[string]any)
	values := parameters["ExpressionAttributeValues"].(map[string]any)
	used := map[string]bool{}
	holds := false
	for _, term := range strings.Split(parameters["ConditionExpression"].(string), " OR ") {
		if name, ok := strings.CutPrefix(term, "attribute_not_exists("); ok {
			name = strings.TrimSuffix(name, ")")
			used[name] = true
			_, there := item[names[name].(string)]
			holds = holds || !there
			continue
		}
		name, value, ok := strings.Cut(term, " = ")
		if !ok || names[name] == nil || values[value] == nil {
			return false, fmt.Errorf("condition %q is not interpreted", term)
		}
		used[name], used[value] = true, true
		got, there := item[names[name].(string)].(map[string]any)
		holds = holds || there && maps.Equal(got, values[value].(map[string]any))
	}
	// DynamoDB refuses names and values that no expression uses.
	for _, given := range slices.Concat(slices.Collect(maps.Keys(names)), slices.Collect(maps.Keys(values))) {
		if !used[given] {
			return false, fmt.Errorf("%s is given and not used", given)
		}
	}
	return holds, nil
}

func (r *runsTable) get(parameters map[string]any) (any, error) {
	if parameters["ConsistentRead"] != true {
		return nil, fmt.Errorf("a claim may be read only as it is now")
	}
	period := parameters["Key"].(map[string]any)["period"].(map[string]any)["S"].(string)
	if r.items[period] == nil {
		return map[string]any{}, nil
	}
	return map[string]any{"Item": r.items[period]}, nil
}

func (r *runsTable) holder(period string) string {
	return r.items[period]["execution"].(map[string]any)["S"].(string)
}

const otherExecution = "arn:aws:states:us-east-1:111111111111:execution:machine:other"

// taken is a table in which the other execution claimed 2026-11 with request.
func taken(request string) *runsTable {
	text := func(s string) map[string]any { return map[string]any{"S": s} }
	return &runsTable{items: map[string]map[string]any{"2026-11": {
		"period": text("2026-11"), "execution": text(otherExecution), "request": text(request),
	}}}
}

func sees(status string, err error) func(string) (string, error) {
	return func(string) (string, error) { return status, err }
}

func TestClaim_isMadeBeforeAnythingIsStarted(t *testing.T) {
	runs := &runsTable{}
	out, machine, _ := world{tasks: []error{nil}, runs: runs}.run(t, testMachineInputs(), `{"period":"2026-11"}`)
	if !out.succeeded || runs.holder("2026-11") != testExecutionArn {
		t.Errorf("succeeded %v, the table holds %v", out.succeeded, runs.items)
	}
	if claim, start := slices.Index(machine.visited, "Claim"), slices.Index(machine.visited, "CheckInput"); claim < 0 || claim > start {
		t.Errorf("went %v", machine.visited)
	}
}

func TestClaim_sameStartTwiceRunsOnceAndTellsNobody(t *testing.T) {
	const scheduled = `{"scheduledTime":"2026-11-15T09:00:00Z"}`
	runs := &runsTable{}
	tasks := 0
	first := world{tasks: []error{nil}, runs: runs, id: otherExecution, start: func(map[string]any) {
		// While the task of the first runs, the second is started.
		tasks++
		out, machine, messages := world{tasks: []error{nil}, runs: runs, seen: sees("RUNNING", nil)}.run(t, testMachineInputs(), scheduled)
		if !out.succeeded || machine.starts() != 0 || len(messages) != 0 {
			t.Errorf("the second: succeeded %v after %d starts with %d messages, want a success that did nothing", out.succeeded, machine.starts(), len(messages))
		}
		if last := machine.visited[len(machine.visited)-1]; last != "AlreadyRunning" {
			t.Errorf("the second ended at %s", last)
		}
	}}
	if out, _, _ := first.run(t, testMachineInputs(), scheduled); !out.succeeded || tasks != 1 {
		t.Errorf("the first: succeeded %v after %d tasks", out.succeeded, tasks)
	}
}

func TestClaim_anotherRequestForThePeriodIsRefusedInWords(t *testing.T) {
	for _, status := range []string{"RUNNING", "PENDING_REDRIVE"} {
		runs := taken(`{"scheduledTime":"2026-11-15T09:00:00Z"}`)
		out, machine, messages := world{tasks: []error{nil}, runs: runs, seen: sees(status, nil)}.run(t, testMachineInputs(), `{"period":"2026-11","input-key":"raw/late.csv"}`)
		const want = "another execution is working on period 2026-11: " + otherExecution
		if out.succeeded || machine.starts() != 0 || out.cause != want || len(messages) != 1 || !strings.Contains(messages[0]["Message"].(string), want) {
			t.Errorf("%s: got %+v after %d starts with messages %v", status, out, machine.starts(), messages)
		}
		if runs.holder("2026-11") != otherExecution {
			t.Errorf("%s: the claim went to %s", status, runs.holder("2026-11"))
		}
	}
}

func TestClaim_otherPeriodsRunAtTheSameTime(t *testing.T) {
	out, machine, _ := world{tasks: []error{nil}, runs: taken(`{}`)}.run(t, testMachineInputs(), `{"period":"2026-10"}`)
	if !out.succeeded || machine.starts() != 1 {
		t.Errorf("succeeded %v after %d starts", out.succeeded, machine.starts())
	}
}

func TestClaim_ofAnExecutionThatEndedIsTakenOver(t *testing.T) {
	gone := &taskError{name: "Sfn.ExecutionDoesNotExistException", cause: "Execution Does Not Exist"}
	for _, tt := range []struct {
		status string
		err    error
	}{{"SUCCEEDED", nil}, {"FAILED", nil}, {"TIMED_OUT", nil}, {"ABORTED", nil}, {"", gone}} {
		runs := taken(`{"period":"2026-11"}`)
		out, machine, messages := world{tasks: []error{nil}, runs: runs, seen: sees(tt.status, tt.err)}.run(t, testMachineInputs(), `{"period":"2026-11"}`)
		if !out.succeeded || machine.starts() != 1 || len(messages) != 0 || runs.holder("2026-11") != testExecutionArn {
			t.Errorf("%s %v: succeeded %v after %d starts with %d messages, held by %s", tt.status, tt.err, out.succeeded, machine.starts(), len(messages), runs.holder("2026-11"))
		}
	}
}

// Step Functions may not know yet an execution that began a moment ago.
func TestClaim_newExecutionIsLookedForMoreThanOnce(t *testing.T) {
	asked := 0
	runs := taken(`{"period":"2026-11"}`)
	out, machine, _ := world{tasks: []error{nil}, runs: runs, seen: func(string) (string, error) {
		if asked++; asked < 4 {
			return "", &taskError{name: "Sfn.ExecutionDoesNotExistException", cause: "Execution Does Not Exist"}
		}
		return "RUNNING", nil
	}}.run(t, testMachineInputs(), `{"period":"2026-11"}`)
	if !out.succeeded || machine.starts() != 0 || runs.holder("2026-11") != otherExecution {
		t.Errorf("succeeded %v after %d starts, held by %s", out.succeeded, machine.starts(), runs.holder("2026-11"))
	}
}

func TestClaim_onlyOneTakesOver(t *testing.T) {
	runs := taken(`{"period":"2026-11"}`)
	const third = "arn:aws:states:us-east-1:111111111111:execution:machine:third"
	out, machine, _ := world{tasks: []error{nil}, runs: runs, seen: func(execution string) (string, error) {
		if execution == third {
			return "RUNNING", nil
		}
		// Between the look and the takeover somebody else takes over.
		runs.items["2026-11"]["execution"] = map[string]any{"S": third}
		return "FAILED", nil
	}}.run(t, testMachineInputs(), `{"period":"2026-11"}`)
	if !out.succeeded || machine.starts() != 0 || runs.holder("2026-11") != third {
		t.Errorf("succeeded %v after %d starts, held by %s", out.succeeded, machine.starts(), runs.holder("2026-11"))
	}
}

func TestClaim_repetitionFindsItsOwn(t *testing.T) {
	runs := taken(`{"period":"2026-11"}`)
	runs.items["2026-11"]["execution"] = map[string]any{"S": testExecutionArn}
	// The first write arrived, its answer did not.
	runs.puts = []error{&taskError{name: "DynamoDB.SdkClientException", cause: "timeout"}}
	out, machine, _ := world{tasks: []error{nil}, runs: runs}.run(t, testMachineInputs(), `{"period":"2026-11"}`)
	if !out.succeeded || machine.starts() != 1 || machine.retries["Claim"] != 1 {
		t.Errorf("succeeded %v after %d starts and %d repetitions", out.succeeded, machine.starts(), machine.retries["Claim"])
	}
}

func TestClaim_noAnswerStartsNothing(t *testing.T) {
	refused := &taskError{name: "DynamoDB.AmazonDynamoDBException", cause: "not authorized"}
	const want = "it could not be found out whether another execution is working on period 2026-11: "
	for name, w := range map[string]world{
		"claim":     {runs: &runsTable{puts: slices.Repeat([]error{refused}, 9)}},
		"holder":    {runs: taken(`{}`), seen: sees("", &taskError{name: "Sfn.SfnException", cause: "not authorized"})},
		"take over": {runs: &runsTable{items: taken(`{}`).items, puts: append([]error{nil}, slices.Repeat([]error{error(refused)}, 9)...)}, seen: sees("FAILED", nil)},
	} {
		w.tasks = []error{nil}
		out, machine, messages := w.run(t, testMachineInputs(), `{"period":"2026-11"}`)
		if out.succeeded || machine.starts() != 0 || len(messages) != 1 || !strings.HasPrefix(out.cause, want) {
			t.Errorf("%s: got %+v after %d starts with %d messages", name, out, machine.starts(), len(messages))
		}
	}
}

func TestRedrive_beginsAnewAfterAFailure(t *testing.T) {
	runs := &runsTable{}
	machine, messages := world{tasks: []error{stoppedTask(contract.ExitData), stoppedTask(contract.ExitNoPerm), nil}, runs: runs}.machine(t, testMachineInputs())
	out, err := machine.run(`{"period":"2026-11"}`)
	if err != nil || out.succeeded || out.err != errorFailed || !strings.Contains(out.cause, "exit status 65") {
		t.Fatalf("got %+v, %v", out, err)
	}
	out, err = machine.redrive()
	if err != nil || out.succeeded || out.err != errorFailed || !strings.Contains(out.cause, "exit status 77") {
		t.Fatalf("the first redrive: got %+v, %v", out, err)
	}
	out, err = machine.redrive()
	if err != nil || !out.succeeded || machine.starts() != 3 || len(*messages) != 2 {
		t.Fatalf("the second redrive: got %+v, %v after %d starts with %d messages", out, err, machine.starts(), len(*messages))
	}
	if _, err := machine.redrive(); err == nil {
		t.Error("a success was redriven")
	}
}

// A redrive has all its attempts again, and reads again where the input is.
func TestRedrive_hasItsAttemptsAgain(t *testing.T) {
	asked := 0
	machine, _ := world{
		tasks: append(slices.Repeat([]error{error(stoppedTask(contract.ExitIO))}, 4), stoppedTask(contract.ExitIO), nil),
		parameter: func(map[string]any) (map[string]any, error) {
			asked++
			return storedInputKey, nil
		},
	}.machine(t, testMachineInputs())
	if out, err := machine.run(`{}`); err != nil || out.succeeded || machine.starts() != 4 {
		t.Fatalf("got %+v, %v after %d starts", out, err, machine.starts())
	}
	if out, err := machine.redrive(); err != nil || !out.succeeded || machine.starts() != 6 || asked != 2 {
		t.Errorf("got %+v, %v after %d starts, asked %d times for the input", out, err, machine.starts(), asked)
	}
}

func TestRedrive_goesOnWhereAnExecutionWasStopped(t *testing.T) {
	for _, at := range []string{"Claim", "CheckInput", "Preprocess", "Notify", "CountRedrives"} {
		answers := []error{stoppedTask(contract.ExitData), nil}
		starts := 0
		machine, _ := world{tasks: answers, start: func(map[string]any) { starts++ }}.machine(t, testMachineInputs())
		machine.abortAt = at
		if out, err := machine.run(`{}`); err != nil || out.err != "aborted" {
			t.Fatalf("%s: got %+v, %v", at, out, err)
		}
		// The task fails once after the stop or before it; then a redrive of that
		// failure is one more.
		out, err := machine.redrive()
		if err != nil || out.succeeded || out.err != errorFailed {
			t.Fatalf("%s: got %+v, %v, want the failure of the task", at, out, err)
		}
		if out, err := machine.redrive(); err != nil || !out.succeeded || starts != 2 {
			t.Errorf("%s: got %+v, %v after %d starts", at, out, err, starts)
		}
	}
}

func TestRedrive_doesNotOvertakeWhoTookOver(t *testing.T) {
	runs := &runsTable{}
	status := "RUNNING"
	machine, _ := world{tasks: []error{stoppedTask(contract.ExitData), nil}, runs: runs, seen: func(string) (string, error) { return status, nil }}.machine(t, testMachineInputs())
	if out, err := machine.run(`{"period":"2026-11"}`); err != nil || out.succeeded {
		t.Fatalf("got %+v, %v", out, err)
	}
	runs.items = taken(`{"period":"2026-11","model-key":"m"}`).items
	if out, err := machine.redrive(); err != nil || out.succeeded || !strings.Contains(out.cause, otherExecution) || machine.starts() != 1 {
		t.Fatalf("got %+v, %v after %d starts", out, err, machine.starts())
	}
	status = "SUCCEEDED"
	if out, err := machine.redrive(); err != nil || !out.succeeded || machine.starts() != 2 || runs.holder("2026-11") != testExecutionArn {
		t.Errorf("got %+v, %v after %d starts", out, err, machine.starts())
	}
}

func TestFailure_hasItsWordsAlsoWhenItCannotBeReported(t *testing.T) {
	for _, name := range []string{"Sfn.SfnException", "Sfn.InvalidTokenException", "States.Timeout"} {
		out, _, messages := world{tasks: []error{stoppedTask(contract.ExitData)}, refused: &taskError{name: name}}.run(t, testMachineInputs(), `{}`)
		if out.succeeded || out.err != errorFailed || !strings.Contains(out.cause, "exit status 65") || len(messages) != 1 {
			t.Errorf("%s: got %+v with %d messages", name, out, len(messages))
		}
	}
}

func TestRunsTable_isKeptAsTheDataIs(t *testing.T) {
	for _, kept := range []bool{false, true} {
		r := record(t, func(ctx *pulumi.Context) error {
			args := validPipeline("")
			if args.ProtectData = kept; kept {
				args.KMSKeyArn = pulumi.String("arn:aws:kms:us-east-1:111111111111:key/k")
			}
			_, err := NewPipeline(ctx, "pipeline", args)
			return err
		})
		table := r.one(t, "pipeline-runs")
		encryption, encrypted := table.inputs["serverSideEncryption"]
		if table.protect != kept || table.inputs["deletionProtectionEnabled"].BoolValue() != kept || encrypted != kept {
			t.Errorf("ProtectData and KMSKeyArn %v: protected %v, %v", kept, table.protect, table.inputs)
		}
		if kept && encryption.ObjectValue()["kmsKeyArn"].StringValue() != "arn:aws:kms:us-east-1:111111111111:key/k" {
			t.Errorf("got %v, want the key", encryption)
		}
		allowed := strings.Contains(r.one(t, "pipeline-role-policy").text("policy"), `"kms:ViaService":"dynamodb.us-east-1.amazonaws.com"`)
		if allowed != kept {
			t.Errorf("the machine may use the key of the table: %v, want %v", allowed, kept)
		}
	}
}
