package components

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"ds-pipeline/preprocess/contract"
)

func spreadInputs(source string) machineInputs {
	in := testMachineInputs()
	in.scale = ScaleOut{Source: source, ObjectsPerTask: 3, RangeMiB: 64, MaxConcurrency: 5, Hours: 24}
	if source == contract.ScaleSourceInventory {
		in.scale.InventoryKey = "inventory/manifest.json"
	}
	return in
}

// spread is what a run that is spread meets: objects below raw/, the job's commands
// and what they write.
type spread struct {
	objects   []map[string]any                  // as the reader of the first round gives them
	written   map[string][]any                  // items, by key
	task      func(env map[string]string) error // what a task of the job says; nil succeeds
	tasks     []map[string]string               // the environment of each, with its command as "command"
	providers []string                          // the capacity of each
	records   [][]*part                         // of each run of a map
	readers   []map[string]any                  // what the items were read with
	readErr   error
}

// listing are objects as listObjectsV2 gives them to a map.
func listing(n int) []map[string]any {
	var objects []map[string]any
	for i := range n {
		objects = append(objects, map[string]any{
			"Key": fmt.Sprintf("raw/%03d.csv", i), "Etag": fmt.Sprintf(`"%032x"`, i), "Size": float64(100 + i), "LastModified": 1.7e9, "StorageClass": "STANDARD",
		})
	}
	return objects
}

func (w *spread) world() world {
	return world{
		list: func(map[string]any) (map[string]any, error) { return listed(true, 5, 6), nil },
		head: func(map[string]any) (map[string]any, error) { return map[string]any{"ContentLength": 1e12}, nil },
		parameter: func(map[string]any) (map[string]any, error) {
			return map[string]any{"Parameter": map[string]any{"Value": "raw/"}}, nil
		},
		read: func(reader map[string]any) ([]any, error) {
			w.readers = append(w.readers, reader)
			if w.readErr != nil {
				return nil, w.readErr
			}
			var all []any
			if key, ok := reader["Parameters"].(map[string]any)["Key"].(string); ok && w.written[key] != nil {
				return slices.Clone(w.written[key]), nil
			}
			for _, o := range w.objects {
				all = append(all, o)
			}
			return all, nil
		},
		task: func(parameters map[string]any) error {
			container := parameters["Overrides"].(map[string]any)["ContainerOverrides"].([]any)[0].(map[string]any)
			env := map[string]string{}
			for _, v := range container["Environment"].([]any) {
				env[v.(map[string]any)["Name"].(string)] = v.(map[string]any)["Value"].(string)
			}
			if command, ok := container["Command"].([]any); ok {
				env["command"] = command[0].(string)
			}
			w.tasks = append(w.tasks, env)
			provider, _ := parameters["LaunchType"].(string)
			if strategy, ok := parameters["CapacityProviderStrategy"].([]any); ok {
				provider = strategy[0].(map[string]any)["CapacityProvider"].(string)
			}
			w.providers = append(w.providers, provider)
			if w.task == nil {
				return nil
			}
			return w.task(env)
		},
		records: &w.records,
	}
}

// run is the machine in this world, started with input.
func (w *spread) run(t *testing.T, in machineInputs, input string) (outcome, *interpreter, []map[string]any) {
	t.Helper()
	return w.world().run(t, in, input)
}

func (w *spread) commands() string {
	var all []string
	for _, env := range w.tasks {
		all = append(all, env["command"])
	}
	return strings.Join(all, " ")
}

// keys are those of the items that the parts were given, in order.
func (w *spread) keys(t *testing.T) (keys []string) {
	t.Helper()
	for _, env := range w.tasks {
		if env["command"] != contract.CommandPart {
			continue
		}
		var items []struct{ Key string }
		if err := json.Unmarshal([]byte(env[contract.EnvScaleItems]), &items); err != nil {
			t.Fatalf("items %q: %v", env[contract.EnvScaleItems], err)
		}
		for _, item := range items {
			keys = append(keys, item.Key)
		}
	}
	return keys
}

func TestScale_machineIsTheReviewedOne(t *testing.T) {
	in := spreadInputs(contract.ScaleSourcePrefix)
	in.scale.Spot = true
	golden(t, "machine-scale-prefix", machineJSON(t, in))
	golden(t, "machine-scale-object", machineJSON(t, spreadInputs(contract.ScaleSourceObject)))
}

func TestScale_everyObjectOfAPrefixIsHandedOutOnce(t *testing.T) {
	w := &spread{objects: listing(7)}
	out, machine, messages := w.run(t, spreadInputs(contract.ScaleSourcePrefix), `{"period":"2026-11"}`)
	if !out.succeeded || len(messages) != 0 {
		t.Fatalf("succeeded %v with messages %v: %s", out.succeeded, messages, out.cause)
	}
	if got := w.commands(); got != "part part part merge" {
		t.Errorf("ran %s", got)
	}
	var want []string
	for _, o := range w.objects {
		want = append(want, o["Key"].(string))
	}
	if got := w.keys(t); !slices.Equal(got, want) {
		t.Errorf("handed out %v, want %v", got, want)
	}
	if got := fmt.Sprint(w.readers); got != "[map[Parameters:map[Bucket:ds-input-dev-111111111111-us-east-1 Prefix:raw/] Resource:arn:aws:states:::s3:listObjectsV2]]" {
		t.Errorf("read %s", got)
	}
	if machine.starts() != 0 {
		t.Error("the task of a run that is not spread was started too")
	}
	wantItems := `[{"Etag":"\"00000000000000000000000000000006\"","Key":"raw/006.csv","Size":106}]`
	if got := w.tasks[2][contract.EnvScaleItems]; got != wantItems {
		t.Errorf("items %s, want %s", got, wantItems)
	}
	for i, env := range w.tasks {
		for name, want := range map[string]string{
			contract.EnvScaleRun: "run", contract.EnvScaleRound: "1", contract.EnvScaleSource: "prefix",
			contract.EnvPeriod: "2026-11", "DS_INPUT_KEY": "raw/", "DS_MODEL_KEY": "", contract.EnvOutput: "", contract.EnvForce: "",
		} {
			if env[name] != want {
				t.Errorf("task %d gets %s %q, want %q", i+1, name, env[name], want)
			}
		}
	}
	merge := w.tasks[3]
	if got := merge[contract.EnvScaleResults]; got != "s3://ds-output-dev-111111111111-us-east-1/"+contract.ScaleResults("run", 1)+"00000000-0000-0000-0000-000000000000/manifest.json" {
		t.Errorf("the merge gets the record %s", got)
	}
	if merge[contract.EnvScaleMaxMissing] != "0%" {
		t.Errorf("the merge gets %q as tolerated", merge[contract.EnvScaleMaxMissing])
	}
	if document, _ := json.Marshal(w.records[0][0].out.lastDocument); string(document) != `{"attempt":1,"seconds":30,"wait":0}` {
		t.Errorf("the record holds %s of a part, want its retries alone", document)
	}
}

func TestScale_whatTheSourceIsNotForIsOneTask(t *testing.T) {
	const small = 64 << 20
	tests := []struct {
		source, input string
		bytes         float64
		spread        bool
	}{
		{"prefix", "raw/", 0, true}, {"prefix", "raw/*.csv", 0, true}, {"prefix", "*", 0, true}, {"prefix", "raw/one.csv", 1e12, false},
		{"inventory", "raw/one.csv", 1e12, false}, {"inventory", "raw/", 0, true}, {"inventory", "raw/2026-??.csv", 0, true},
		{"object", "raw/one.csv", small + 1, true}, {"object", "raw/one.csv", small, false}, {"object", "raw/one.csv.gz", 1e12, false}, {"object", "raw/one.parquet", 1e12, false}, {"object", "raw/", 0, false}, {"object", "raw/*.csv", 0, false},
	}
	for _, tt := range tests {
		w := &spread{objects: listing(1), written: map[string][]any{contract.ScaleItems("run", 1): {map[string]any{"Key": tt.input}}}}
		if tt.source == "inventory" {
			w.objects = []map[string]any{{"Key": "raw/a.csv", "ETag": "0", "Size": "5", "Bucket": "b"}}
		}
		world := w.world()
		world.head = func(map[string]any) (map[string]any, error) { return map[string]any{"ContentLength": tt.bytes}, nil }
		input, _ := json.Marshal(map[string]any{"input-key": tt.input})
		out, _, _ := world.run(t, spreadInputs(tt.source), string(input))
		want := "" // the command of the task definition
		if tt.spread {
			want = "part merge"
			if tt.source == "object" {
				want = "plan part merge"
			}
		}
		if got := w.commands(); !out.succeeded || got != want {
			t.Errorf("%s with %s of %g bytes: ran %q, succeeded %v, want %q", tt.source, tt.input, tt.bytes, got, out.succeeded, want)
		}
	}
}

func TestScale_rangesOfAnObjectAreThoseOfThePlan(t *testing.T) {
	var ranges []any
	for i := range 4 {
		ranges = append(ranges, map[string]any{"Key": "raw/big.csv", "Range": float64(i), "Start": float64(i * 100), "End": float64(i*100 + 100)})
	}
	w := &spread{}
	w.task = func(env map[string]string) error {
		if env["command"] == contract.CommandPlan {
			w.written = map[string][]any{contract.ScaleItems(env[contract.EnvScaleRun], 1): ranges}
		}
		return nil
	}
	out, _, _ := w.run(t, spreadInputs(contract.ScaleSourceObject), `{"input-key":"raw/big.csv"}`)
	if got := w.commands(); !out.succeeded || got != "plan part part part part merge" {
		t.Errorf("ran %s, succeeded %v: %s", got, out.succeeded, out.cause)
	}
	if got := w.tasks[0][contract.EnvScaleRangeMiB]; got != "64" {
		t.Errorf("the plan is to make ranges of %s MiB", got)
	}
	if got := w.tasks[2][contract.EnvScaleItems]; got != `[{"End":200,"Key":"raw/big.csv","Range":1,"Start":100}]` {
		t.Errorf("the second part gets %s", got)
	}
}

func TestScale_globIsListedByItsStart(t *testing.T) {
	w := &spread{objects: listing(1)}
	out, _, _ := w.run(t, spreadInputs(contract.ScaleSourcePrefix), `{"input-key":"raw/2026-*.csv"}`)
	if got := w.readers[0]["Parameters"].(map[string]any)["Prefix"]; !out.succeeded || got != "raw/2026-" {
		t.Errorf("succeeded %v, listed %v", out.succeeded, got)
	}
	if got := w.tasks[0]["DS_INPUT_KEY"]; got != "raw/2026-*.csv" {
		t.Errorf("a part takes %s for the input: it could not leave out the others", got)
	}
}

func TestScale_inventoryIsReadAsOne(t *testing.T) {
	for request, want := range map[string]string{`{}`: "inventory/manifest.json", `{"inventory-key":"inventory/2026-11-29T01-00Z/manifest.json"}`: "inventory/2026-11-29T01-00Z/manifest.json"} {
		w := &spread{objects: []map[string]any{{"Bucket": "b", "Key": "raw/a%20b.csv", "Size": "5", "ETag": "0123", "LastModifiedDate": "2026-11-01T00:00:00.000Z"}}}
		out, _, _ := w.run(t, spreadInputs(contract.ScaleSourceInventory), request)
		if !out.succeeded {
			t.Fatal(out.cause)
		}
		if got := fmt.Sprint(w.readers[0]); !strings.Contains(got, "ReaderConfig:map[InputType:MANIFEST]") || !strings.Contains(got, "Key:"+want+" ") && !strings.Contains(got, "Key:"+want+"]") {
			t.Errorf("%s: read %s", request, got)
		}
		if got := w.tasks[0][contract.EnvScaleItems]; got != `[{"Etag":"0123","Key":"raw/a%20b.csv","Size":"5"}]` {
			t.Errorf("items %s", got)
		}
		if got := w.tasks[0]["DS_INPUT_KEY"]; got != "raw/" {
			t.Errorf("a part takes %s for the input", got)
		}
	}
}

func TestScale_wrongInventoryStartsNothing(t *testing.T) {
	for _, request := range []string{`{"inventory-key":7}`, `{"inventory-key":""}`, `{"inventory-key":"inventory/"}`, `{"inventory-key":"/a"}`} {
		w := &spread{}
		out, _, messages := w.run(t, spreadInputs(contract.ScaleSourceInventory), request)
		if out.succeeded || len(w.tasks) != 0 || len(messages) != 1 || !strings.Contains(messages[0]["Message"].(string), "inventory-key: want the key") {
			t.Errorf("%s: succeeded %v after %d tasks with messages %v", request, out.succeeded, len(w.tasks), messages)
		}
	}
}

// askedAgain is a merge that asks for further rounds until one.
func askedAgain(w *spread, last string) func(env map[string]string) error {
	return func(env map[string]string) error {
		if env["command"] != contract.CommandMerge || env[contract.EnvScaleRound] == last {
			return nil
		}
		round := int(env[contract.EnvScaleRound][0] - '0')
		if w.written == nil {
			w.written = map[string][]any{}
		}
		w.written[contract.ScaleItems(env[contract.EnvScaleRun], round+1)] = []any{map[string]any{"Key": "raw/001.csv", "Again": true}}
		return stoppedTask(contract.ExitAnotherRound)
	}
}

func TestScale_anotherRoundHasTheItemsThatTheMergeWrote(t *testing.T) {
	for _, source := range []string{contract.ScaleSourcePrefix, contract.ScaleSourceObject} {
		w := &spread{objects: listing(2), written: map[string][]any{contract.ScaleItems("run", 1): {map[string]any{"Key": "raw/one.csv"}}}}
		w.task = askedAgain(w, "3")
		input, want := `{}`, "part merge part merge part merge"
		if source == contract.ScaleSourceObject {
			input, want = `{"input-key":"raw/one.csv"}`, "plan "+want
		}
		out, _, messages := w.run(t, spreadInputs(source), input)
		if got := w.commands(); !out.succeeded || got != want || len(messages) != 0 {
			t.Errorf("%s: ran %s, succeeded %v: %s", source, got, out.succeeded, out.cause)
		}
		last := w.tasks[len(w.tasks)-2]
		if last[contract.EnvScaleRound] != "3" || last[contract.EnvScaleItems] != `[{"Again":true,"Key":"raw/001.csv"}]` {
			t.Errorf("%s: the last part gets round %s of %s", source, last[contract.EnvScaleRound], last[contract.EnvScaleItems])
		}
		if got := w.tasks[len(w.tasks)-1][contract.EnvScaleResults]; !strings.Contains(got, contract.ScaleResults("run", 3)) {
			t.Errorf("%s: the last merge gets the record %s", source, got)
		}
	}
}

func TestScale_doesNotGoRoundForEver(t *testing.T) {
	w := &spread{objects: listing(1)}
	w.task = askedAgain(w, "")
	out, _, messages := w.run(t, spreadInputs(contract.ScaleSourcePrefix), `{}`)
	if got := strings.Count(w.commands(), "merge"); out.succeeded || got != contract.ScaleMaxRounds {
		t.Errorf("succeeded %v after %d merges, want a failure after %d", out.succeeded, got, contract.ScaleMaxRounds)
	}
	if len(messages) != 1 || !strings.Contains(messages[0]["Message"].(string), "exit status 79") {
		t.Errorf("messages %v", messages)
	}
}

func TestScale_planAndMergeHaveAttemptsAndAreTold(t *testing.T) {
	for _, command := range []string{contract.CommandPlan, contract.CommandMerge} {
		for _, status := range contract.ExitStatuses() {
			if status.Code == contract.ExitOK {
				continue
			}
			w := &spread{written: map[string][]any{contract.ScaleItems("run", 1): {map[string]any{"Key": "raw/one.csv"}}}}
			w.task = func(env map[string]string) error {
				if env["command"] == command {
					return stoppedTask(status.Code)
				}
				return nil
			}
			out, _, messages := w.run(t, spreadInputs(contract.ScaleSourceObject), `{"input-key":"raw/one.csv"}`)
			want := 1
			if status.Retry {
				want = 4
			}
			if status.Code == contract.ExitAnotherRound && command == contract.CommandMerge {
				continue // see TestScale_doesNotGoRoundForEver
			}
			words := fmt.Sprintf("exit status %d (%s)", status.Code, status.Name)
			if got := strings.Count(w.commands(), command); out.succeeded || got != want || len(messages) != 1 || !strings.Contains(messages[0]["Message"].(string), words) {
				t.Errorf("%s with status %d: succeeded %v after %d, messages %v; want a failure after %d with %q", command, status.Code, out.succeeded, got, messages, want, words)
			}
		}
	}
}

func TestScale_planAndMergeTrySpotFirst(t *testing.T) {
	in := spreadInputs(contract.ScaleSourceObject)
	in.spot = true
	starts := map[string]int{}
	w := &spread{written: map[string][]any{contract.ScaleItems("run", 1): {map[string]any{"Key": "raw/one.csv"}}}}
	w.task = func(env map[string]string) error {
		starts[env["command"]]++
		if env["command"] != contract.CommandPart && starts[env["command"]]%in.attempts != 0 {
			return stoppedTask(contract.ExitTempFail)
		}
		return nil
	}
	out, _, _ := w.run(t, in, `{"input-key":"raw/one.csv"}`)
	tries := append(slices.Repeat([]string{"FARGATE_SPOT"}, in.attempts-1), "FARGATE")
	if want := slices.Concat(tries, []string{"FARGATE"}, tries); !out.succeeded || !slices.Equal(w.providers, want) {
		t.Errorf("succeeded %v: %s; ran %s on %v, want %v", out.succeeded, out.cause, w.commands(), w.providers, want)
	}
	// Another round, whose merge has attempts of its own.
	w = &spread{objects: listing(2)}
	w.task = askedAgain(w, "2")
	in = spreadInputs(contract.ScaleSourcePrefix)
	in.spot = true
	out, _, _ = w.run(t, in, `{}`)
	if want := []string{"FARGATE", "FARGATE_SPOT", "FARGATE", "FARGATE_SPOT"}; !out.succeeded || !slices.Equal(w.providers, want) {
		t.Errorf("succeeded %v: %s; ran %s on %v, want %v", out.succeeded, out.cause, w.commands(), w.providers, want)
	}
}

func TestScale_partsHaveTheAttemptsOfATask(t *testing.T) {
	reclaimed := &taskError{name: "States.TaskFailed", cause: `{"Containers":[{"ExitCode":75}],"StopCode":"SpotInterruption","StoppedReason":"Your Spot Task was interrupted."}`}
	throttled := &taskError{name: "ECS.ThrottlingException", cause: "Rate exceeded"}
	tests := []struct {
		name      string
		err       *taskError
		times     int // how often the second part fails with it
		tasks     int // of the second part
		succeeded bool
		provider  string // of its last
	}{
		{"interrupted", stoppedTask(contract.ExitTempFail), 2, 3, true, "FARGATE_SPOT"},
		{"reclaimed each time on Spot", reclaimed, 3, 4, true, "FARGATE"},
		{"wrong data", stoppedTask(contract.ExitData), 1, 1, false, "FARGATE_SPOT"},
		{"tried in vain", stoppedTask(contract.ExitIO), 9, 4, false, "FARGATE"},
		{"throttled", throttled, 10, 11, true, "FARGATE_SPOT"},
		{"no capacity", &taskError{name: "ECS.ClientException", cause: "Capacity is unavailable at this time."}, 1, 2, true, "FARGATE_SPOT"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := &spread{objects: listing(9)}
			failures, last := 0, ""
			w.task = func(env map[string]string) error {
				if !strings.Contains(env[contract.EnvScaleItems], "raw/003.csv") {
					return nil
				}
				last = w.providers[len(w.providers)-1]
				if failures++; failures <= tt.times {
					return tt.err
				}
				return nil
			}
			in := spreadInputs(contract.ScaleSourcePrefix)
			in.scale.Spot = true
			out, _, _ := w.run(t, in, `{}`)
			if out.succeeded != tt.succeeded || failures != tt.tasks || last != tt.provider {
				t.Errorf("succeeded %v after %d tasks, the last on %s; want %v, %d, %s: %s", out.succeeded, failures, last, tt.succeeded, tt.tasks, tt.provider, out.cause)
			}
			if part := w.records[0][1]; !tt.succeeded && (part.out.err != errorFailed || !strings.Contains(part.out.cause, "exit status")) {
				t.Errorf("the part ended with %+v, want its exit status", part.out)
			}
			if merged := strings.Contains(w.commands(), contract.CommandMerge); merged != tt.succeeded {
				t.Errorf("merged %v", merged)
			}
			if got := w.providers[len(w.providers)-1]; tt.succeeded && got != "FARGATE" {
				t.Errorf("the merge ran on %s without being asked to", got)
			}
		})
	}
}

func TestScale_toleratesTheShareThatIsConfigured(t *testing.T) {
	for _, tt := range []struct {
		percent   int
		succeeded bool
	}{{0, false}, {32, false}, {34, true}, {100, true}} {
		w := &spread{objects: listing(9)}
		w.task = func(env map[string]string) error {
			if strings.Contains(env[contract.EnvScaleItems], "raw/003.csv") {
				return stoppedTask(contract.ExitData)
			}
			return nil
		}
		in := spreadInputs(contract.ScaleSourcePrefix)
		in.scale.ToleratedPercent = tt.percent
		out, _, _ := w.run(t, in, `{}`)
		if out.succeeded != tt.succeeded {
			t.Errorf("%d%%: succeeded %v: %s", tt.percent, out.succeeded, out.cause)
		}
		if last := w.tasks[len(w.tasks)-1]; tt.succeeded && last[contract.EnvScaleMaxMissing] != fmt.Sprintf("%d%%", tt.percent) {
			t.Errorf("%d%%: the merge gets %q", tt.percent, last[contract.EnvScaleMaxMissing])
		}
	}
}

// A map that a Catch follows has ended, and a redrive would begin with all parts.
func TestScale_redriveRunsTheFailedPartsAlone(t *testing.T) {
	w := &spread{objects: listing(9)}
	mended := false
	w.task = func(env map[string]string) error {
		if strings.Contains(env[contract.EnvScaleItems], "raw/003.csv") && !mended {
			return stoppedTask(contract.ExitData)
		}
		return nil
	}
	machine, messages := w.world().machine(t, spreadInputs(contract.ScaleSourcePrefix))
	out, err := machine.run(`{}`)
	if err != nil || out.succeeded || out.err != "States.ExceedToleratedFailureThreshold" || machine.stopped != partsLabel {
		t.Fatalf("got %+v, %v at %s; want a map that failed", out, err, machine.stopped)
	}
	if len(*messages) != 0 {
		t.Errorf("%d messages: the watch is to tell of this", len(*messages))
	}
	mended = true
	w.tasks = nil
	out, err = machine.redrive()
	if err != nil || !out.succeeded {
		t.Fatalf("the redrive ended with %+v, %v", out, err)
	}
	if got := w.keys(t); !slices.Equal(got, []string{"raw/003.csv", "raw/004.csv", "raw/005.csv"}) || w.commands() != "part merge" {
		t.Errorf("the redrive ran %s with %v", w.commands(), got)
	}
}

func TestScale_unreadableItemsAreTold(t *testing.T) {
	for _, cause := range []string{"Access Denied", ""} {
		w := &spread{readErr: &taskError{name: "States.ItemReaderFailed", cause: cause, noCause: cause == ""}}
		out, machine, messages := w.run(t, spreadInputs(contract.ScaleSourcePrefix), `{}`)
		if out.succeeded || out.err != errorFailed || len(messages) != 1 || !strings.Contains(messages[0]["Message"].(string), "States.ItemReaderFailed") {
			t.Errorf("cause %q: got %+v and messages %v", cause, out, messages)
		}
		w.readErr, w.objects = nil, listing(2)
		if out, err := machine.redrive(); err != nil || !out.succeeded {
			t.Errorf("cause %q: a redrive ended with %+v, %v", cause, out, err)
		}
	}
}

func TestScale_unreadableItemsOfALaterRoundAreTold(t *testing.T) {
	for _, source := range []string{contract.ScaleSourcePrefix, contract.ScaleSourceObject} {
		w := &spread{objects: listing(2), written: map[string][]any{contract.ScaleItems("run", 1): {map[string]any{"Key": "raw/one.csv"}}}}
		w.task = func(env map[string]string) error {
			if env["command"] == contract.CommandMerge {
				w.readErr = &taskError{name: "States.ItemReaderFailed", cause: "NoSuchKey"}
				return stoppedTask(contract.ExitAnotherRound)
			}
			return nil
		}
		input := map[bool]string{true: `{"input-key":"raw/one.csv"}`, false: `{}`}[source == contract.ScaleSourceObject]
		out, _, messages := w.run(t, spreadInputs(source), input)
		if out.succeeded || len(messages) != 1 || !strings.Contains(messages[0]["Message"].(string), "NoSuchKey") {
			t.Errorf("%s: got %+v and messages %v", source, out, messages)
		}
	}
}

// A second start of the period while the parts run changes nothing.
func TestScale_claimsThePeriod(t *testing.T) {
	w := &spread{objects: listing(1)}
	runs := &runsTable{}
	first := w.world()
	first.runs = runs
	if out, _, _ := first.run(t, spreadInputs(contract.ScaleSourcePrefix), `{"period":"2026-11"}`); !out.succeeded {
		t.Fatal(out.cause)
	}
	again := &spread{objects: listing(1)}
	second := again.world()
	second.runs, second.id = runs, testExecutionArn+"-2"
	second.seen = func(string) (string, error) { return "RUNNING", nil }
	if out, _, _ := second.run(t, spreadInputs(contract.ScaleSourcePrefix), `{"period":"2026-11","force":true}`); out.succeeded || len(again.tasks) != 0 {
		t.Errorf("succeeded %v after %s", out.succeeded, again.commands())
	}
}

// Ten thousand objects, whose names alone are more than a state may hold.
func TestScale_noItemTravelsThroughTheDocument(t *testing.T) {
	w := &spread{objects: listing(10000)}
	in := spreadInputs(contract.ScaleSourcePrefix)
	in.scale.ObjectsPerTask = 1000
	in.notifySuccess = true
	out, _, messages := w.run(t, in, `{}`)
	if !out.succeeded || len(messages) != 1 {
		t.Fatalf("succeeded %v with %d messages: %s", out.succeeded, len(messages), out.cause)
	}
	document, _ := json.Marshal(out.lastDocument)
	if len(document) > 4096 {
		t.Errorf("the document has %d bytes at the end", len(document))
	}
	if got := len(w.keys(t)); got != 10000 {
		t.Errorf("%d objects were handed out", got)
	}
	t.Logf("%d objects a task, %d bytes of document", 10000/len(w.records[0]), len(document))
}

// RunTask refuses overrides of more than 8,192 characters; the world of these
// tests does, too.
func TestScale_longestKeysFitIntoTheOverrides(t *testing.T) {
	long := func(c string) string { return "raw/" + strings.Repeat(c, (1020-4)/len(c)) + ".csv" }
	longest, rest := 0, 0
	for name, key := range map[string]string{
		"letters": long("k"), "quotation marks": long(`"`), "backslashes": long(`\`), "both": long(`\"`), "four bytes each": long("𝄞"), "tabs": long("\t"),
		"escaped in an inventory": url.QueryEscape(long("ü"))[:1024],
	} {
		for _, n := range []int{1, 2, 30} {
			w := &spread{}
			for range n {
				w.objects = append(w.objects, map[string]any{"Key": key, "Etag": `"` + strings.Repeat("f", 32) + `-10000"`, "Size": 5e12})
			}
			for range n { // and short ones beside it
				w.objects = append(w.objects, listing(20)...)
			}
			in := spreadInputs(contract.ScaleSourcePrefix)
			in.scale.ObjectsPerTask = 1000
			plain := strings.Repeat("k", 1023-len("processed/"))
			input, _ := json.Marshal(map[string]any{
				"input-key": "raw/" + strings.Repeat("k", 1019) + "/", "model-key": strings.Repeat("m", 1024), "output-key": "processed/" + plain, "force": true,
			})
			world := w.world()
			world.start = func(parameters map[string]any) {
				text, _ := renderJSON(parameters["Overrides"])
				longest = max(longest, len(text))
				for _, v := range parameters["Overrides"].(map[string]any)["ContainerOverrides"].([]any)[0].(map[string]any)["Environment"].([]any) {
					if v := v.(map[string]any); v["Name"] == contract.EnvScaleItems {
						items, _ := renderJSON(v["Value"])
						rest = max(rest, len(text)-len(items)+2)
					}
				}
			}
			out, _, _ := world.run(t, in, string(input))
			if got := len(w.keys(t)); !out.succeeded || got != 21*n {
				t.Fatalf("%d of %s: succeeded %v, %d objects handed out, want %d: %s", n, name, out.succeeded, got, 21*n, out.cause)
			}
		}
	}
	// The name of an execution may have 80 characters; here it has three.
	const name = 80 - 3
	if most := rest + name + 2*scaleBatchBytes; most > overridesCharacters {
		t.Errorf("a batch of which every byte has to be escaped makes %d characters", most)
	}
	if most := longest + name; most > overridesCharacters || most < overridesCharacters-500 {
		t.Errorf("the longest overrides have %d characters, want nearly %d", most, overridesCharacters)
	}
}

func TestScale_everyStateIsReachableAndNamedOnce(t *testing.T) {
	for _, source := range scaleSources {
		in := spreadInputs(source)
		in.spot, in.notifySuccess, in.scale.Spot = true, true, true
		text := machineJSON(t, in)
		if len(text) > 1<<20 || strings.Contains(text, "null") {
			t.Errorf("%s: %d bytes, or a null in them", source, len(text))
		}
		seen := map[string]bool{}
		var look func(start string, states map[string]any)
		look = func(start string, states map[string]any) {
			targets := map[string]bool{start: true}
			var collect func(v any)
			collect = func(v any) {
				switch v := v.(type) {
				case map[string]any:
					for key, inner := range v {
						if name, ok := inner.(string); ok && (key == "Next" || key == "Default") {
							targets[name] = true
						}
						if key == "ItemProcessor" {
							processor := inner.(map[string]any)
							look(processor["StartAt"].(string), processor["States"].(map[string]any))
							continue
						}
						collect(inner)
					}
				case []any:
					for _, inner := range v {
						collect(inner)
					}
				}
			}
			for name, s := range states {
				if seen[name] {
					t.Errorf("%s: two states are called %s", source, name)
				}
				seen[name] = true
				collect(s)
			}
			for name := range targets {
				if states[name] == nil {
					t.Errorf("%s: %s is named and not there", source, name)
				}
			}
			for name := range states {
				if !targets[name] {
					t.Errorf("%s: nothing leads to %s", source, name)
				}
			}
		}
		var machine struct {
			StartAt string
			States  map[string]any
		}
		if err := json.Unmarshal([]byte(text), &machine); err != nil {
			t.Fatal(err)
		}
		look(machine.StartAt, machine.States)
	}
}

func TestCheckScaleOut_saysEverything(t *testing.T) {
	err := CheckScaleOut(ScaleOut{Source: "bucket", RangeMiB: 1, ToleratedPercent: 101, MaxConcurrency: 20000}, func(field string) string { return "scale" + field })
	want := `scaleSource: got "bucket", want prefix, inventory or object
scaleObjectsPerTask: got 0, want 1 to 1000
scaleRangeMiB: got 1, want 64 to 1048576
scaleMaxConcurrency: got 20000, want 1 to 10000
scaleToleratedPercent: got 101, want 0 to 100
scaleHours: got 0, want 1 to 336`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	if err := CheckScaleOut(ScaleOut{RangeMiB: -1}, nil); err != nil {
		t.Errorf("what is off is checked: %v", err)
	}
}

func TestCheckUploadsOutlast_leavesADay(t *testing.T) {
	for _, tt := range []struct {
		days, hours int
		ok          bool
	}{{7, 24, true}, {2, 24, true}, {1, 24, false}, {1, 1, false}, {2, 25, false}, {15, 336, true}, {14, 336, false}} {
		if err := CheckUploadsOutlast(tt.days, tt.hours); (err == nil) != tt.ok {
			t.Errorf("%d days for %d hours: %v", tt.days, tt.hours, err)
		}
	}
}

func TestScaleConcurrency_isTheShareOfVCPUs(t *testing.T) {
	for _, tt := range []struct{ vcpus, cpu, want int }{{6, 2048, 3}, {6, 4096, 1}, {6, 16384, 0}, {1, 256, 4}, {100000, 256, 10000}, {6, 0, 0}} {
		if got := ScaleConcurrency(tt.vcpus, tt.cpu); got != tt.want {
			t.Errorf("%d vCPUs in tasks of %d: got %d, want %d", tt.vcpus, tt.cpu, got, tt.want)
		}
	}
}

func TestScale_timeoutIsTheConfiguredOneUnlessOneTaskMayTakeLonger(t *testing.T) {
	in := spreadInputs(contract.ScaleSourcePrefix)
	in.scale.Hours = 100
	if got := machineTimeoutSeconds(in); got != 360000 {
		t.Errorf("got %d s, want 100 hours", got)
	}
	in.scale.Hours = 1
	if got, want := machineTimeoutSeconds(in), machineTimeoutSeconds(testMachineInputs()); got != want {
		t.Errorf("got %d s, want the %d of one task", got, want)
	}
}

func scaledPipeline(source string) *PipelineArgs {
	args := validPipeline("")
	scale := spreadInputs(source).scale
	args.ScaleOut = &scale
	return args
}

func TestScale_policiesAreTheReviewedOnes(t *testing.T) {
	r := record(t, func(ctx *pulumi.Context) error {
		_, err := NewPipeline(ctx, "pipeline", scaledPipeline(contract.ScaleSourcePrefix))
		return err
	})
	golden(t, "policy-machine-scale", r.one(t, "pipeline-role-policy").text("policy"))
	golden(t, "trust-machine-scale", r.one(t, "pipeline-role").text("assumeRolePolicy"))
	r = recordWatch(t, func(a *WatchArgs) { a.ScaleOut = true })
	golden(t, "policy-watch-scale", r.one(t, "watch-role-policy").text("policy"))
	golden(t, "watch-machine-scale", r.one(t, "watch-machine").text("definition"))
}

func TestScale_machineEncryptsTheRecordOfAMapAlone(t *testing.T) {
	for spread, args := range map[bool]*PipelineArgs{false: validPipeline(""), true: scaledPipeline(contract.ScaleSourcePrefix)} {
		args.KMSKeyArn = pulumi.String(testKeyArn)
		r := record(t, func(ctx *pulumi.Context) error {
			_, err := NewPipeline(ctx, "pipeline", args)
			return err
		})
		may := map[string]bool{}
		for _, s := range parsePolicy(t, r.one(t, "pipeline-role-policy").text("policy")).Statement {
			if s.Sid == "UseKeyOfInput" {
				for _, action := range s.Action {
					may[action] = true
				}
			}
		}
		if !may["kms:Decrypt"] || may["kms:GenerateDataKey"] != spread || len(may) > 2 {
			t.Errorf("spread %v: the machine may %v with the key of the buckets", spread, may)
		}
	}
}

func TestScale_argumentsAreChecked(t *testing.T) {
	args := scaledPipeline("bucket")
	args.Attempts, args.ScaleOut.Spot, args.ScaleOut.Hours = 1, true, 0
	err := args.validate()
	for _, want := range []string{"Attempts: got 1 with Spot, want 2 or more", `ScaleOut.Source: got "bucket"`, "ScaleOut.Hours: got 0, want 1 to 336"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
	args = scaledPipeline(contract.ScaleSourcePrefix)
	args.Attempts = 1
	if err := args.validate(); err != nil {
		t.Errorf("one attempt without Spot: %v", err)
	}
}

func TestScale_recordsOfRunsExpire(t *testing.T) {
	for on, want := range map[bool]int{false: 2, true: 3} {
		r := record(t, func(ctx *pulumi.Context) error {
			args := validDataBuckets("")
			args.ScaleOut = on
			_, err := NewDataBuckets(ctx, "data", args)
			return err
		})
		for _, bucket := range []string{"input", "output", "artifacts"} {
			rules := r.one(t, "data-"+bucket+"-lifecycle").inputs["rules"].ArrayValue()
			if bucket != "output" {
				want := 2
				if len(rules) != want {
					t.Errorf("%s has %d rules, want %d", bucket, len(rules), want)
				}
				continue
			}
			if len(rules) != want {
				t.Fatalf("the output has %d rules, want %d", len(rules), want)
			}
			if on {
				rule := rules[2].ObjectValue()
				if rule["filter"].ObjectValue()["prefix"].StringValue() != contract.ScalePrefix || rule["expiration"].ObjectValue()["days"].NumberValue() != 30 {
					t.Errorf("the rule is %v", rule)
				}
			}
		}
	}
}

func TestWatch_tellsHowManyPartsFailedAndWhy(t *testing.T) {
	const sdk = "arn:aws:states:::aws-sdk:sfn:"
	const failure = `{"executionArn":"arn:e","status":"FAILED","error":"States.ExceedToleratedFailureThreshold"}`
	answers := func() map[string]func(map[string]any) (any, error) {
		return map[string]func(map[string]any) (any, error){
			sdk + "listMapRuns": func(p map[string]any) (any, error) {
				if p["ExecutionArn"] != "arn:e" {
					t.Errorf("asks for maps of %v", p["ExecutionArn"])
				}
				return map[string]any{"MapRuns": []any{map[string]any{"MapRunArn": "arn:m"}}}, nil
			},
			sdk + "describeMapRun": func(p map[string]any) (any, error) {
				return map[string]any{"ExecutionCounts": map[string]any{"Failed": 3.0, "Total": 400.0}}, nil
			},
			sdk + "listExecutions": func(p map[string]any) (any, error) {
				if p["MapRunArn"] != "arn:m" || p["StatusFilter"] != "FAILED" {
					t.Errorf("asks for %v", p)
				}
				return map[string]any{"Executions": []any{map[string]any{"ExecutionArn": "arn:p"}}}, nil
			},
			sdk + "describeExecution": func(p map[string]any) (any, error) {
				return map[string]any{"Status": "FAILED", "Cause": "the job ended with exit status 65"}, nil
			},
		}
	}
	out, _, messages := watchedWith(t, failure, true, answers())
	if !out.succeeded || len(messages) != 1 {
		t.Fatalf("got %+v and %d messages", out, len(messages))
	}
	message := messages[0]["Message"].(string)
	for _, want := range []string{"3 of 400 parts", "arn:p: the job ended with exit status 65", "aws stepfunctions redrive-execution", "dspipe retry", "arn:e"} {
		if !strings.Contains(message, want) {
			t.Errorf("message\n%s\nwants %q", message, want)
		}
	}
	for _, call := range []string{"listMapRuns", "describeMapRun", "listExecutions", "describeExecution"} {
		tasks := answers()
		tasks[sdk+call] = func(map[string]any) (any, error) { return nil, &taskError{name: "Sfn.SfnException", cause: "no"} }
		out, _, messages := watchedWith(t, failure, true, tasks)
		if !out.succeeded || len(messages) != 1 || !strings.Contains(messages[0]["Message"].(string), "too many parts") {
			t.Errorf("without %s: got %+v and messages %v", call, out, messages)
		}
	}
	// Without scaleOut nothing of it is there, and the execution is one that broke.
	out, _, messages = watchedWith(t, failure, false, map[string]func(map[string]any) (any, error){})
	if !out.succeeded || len(messages) != 1 || !strings.Contains(messages[0]["Message"].(string), "could not say why") {
		t.Errorf("without scaleOut: got %+v and messages %v", out, messages)
	}
}

// RunTask lets 20 calls a second through, and Fargate starts 100 tasks at once and
// then 20 a second. Those that are refused come back as their Retry says.
func TestScale_throttledStartsGetThrough(t *testing.T) {
	var machine struct {
		States map[string]struct {
			ItemProcessor struct {
				States map[string]struct {
					Retry []struct {
						IntervalSeconds, BackoffRate, MaxDelaySeconds float64
						MaxAttempts                                   int
						JitterStrategy                                string
					}
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(machineJSON(t, spreadInputs(contract.ScaleSourcePrefix))), &machine); err != nil {
		t.Fatal(err)
	}
	retry := machine.States[partsLabel].ItemProcessor.States["Part"].Retry[0]
	if retry.JitterStrategy != "FULL" {
		t.Fatalf("the retry is %+v, want waits that are drawn", retry)
	}
	for _, parts := range []int{100, 1000, 5000} {
		random := rand.New(rand.NewPCG(1, 2))
		due := make([]float64, parts) // when each calls next; less than 0 once it is through
		calls := make([]int, parts)   // of each
		const burst, perSecond = 100, 20
		tokens, most := float64(burst), 0
		ended := 0.0
		for now, left := 0.0, parts; left > 0; now++ {
			tokens = min(burst, tokens+perSecond)
			allowed := perSecond // calls in this second
			for i := range due {
				if due[i] < 0 || due[i] > now {
					continue
				}
				if allowed > 0 && tokens >= 1 {
					allowed--
					tokens--
					due[i], ended = -1, now
					left--
					continue
				}
				if calls[i]++; calls[i] > retry.MaxAttempts {
					t.Fatalf("%d parts: one gave up after %d calls and %.0f s", parts, calls[i], now)
				}
				most = max(most, calls[i])
				delay := retry.IntervalSeconds
				for range calls[i] - 1 {
					delay = min(delay*retry.BackoffRate, retry.MaxDelaySeconds)
				}
				due[i] = now + random.Float64()*delay
			}
		}
		t.Logf("%d parts: all started after %.0f s, with %d calls more at most", parts, ended, most)
		if ended > 3600 {
			t.Errorf("%d parts: the last started after %.0f s", parts, ended)
		}
	}
}
