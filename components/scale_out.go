package components

import (
	"errors"
	"fmt"
	"maps"

	"ds-pipeline/preprocess/contract"
)

// ScaleOut spreads a run over many tasks. The zero value does not.
type ScaleOut struct {
	// Source says what is spread, one of contract.ScaleSource…: the objects of a
	// prefix or a glob, the same as an inventory of S3 lists them, or ranges of one
	// object. "" is one task for each run, whatever its input.
	Source string `pulumi:"source"`

	// ObjectsPerTask is how many objects a task gets at most: 1 to 1000. Long
	// names make it fewer, see scaleBatchBytes.
	ObjectsPerTask int `pulumi:"objectsPerTask"`

	// RangeMiB is about how long a range of one object is: 64 MiB to 1 TiB. An
	// object that is not longer is not spread.
	RangeMiB int `pulumi:"rangeMiB"`

	// MaxConcurrency is how many tasks of a run there are at once: 1 to 10000.
	MaxConcurrency int `pulumi:"maxConcurrency"`

	// ToleratedPercent is the share of the objects that may fail before the run
	// does: 0 to 100. No range may: the result is one object.
	ToleratedPercent int `pulumi:"toleratedPercent,optional"`

	// Spot runs the parts on Spot capacity, every attempt but the last. The task
	// before and the one after them follow PipelineArgs.UseSpot.
	Spot bool `pulumi:"spot,optional"`

	// InventoryKey is the manifest.json of the inventory, an object in the input
	// bucket, unless an execution names another. Other sources have none.
	InventoryKey string `pulumi:"inventoryKey,optional"`

	// Hours is how long a run may take: 1 to 336, two weeks. Uploads that are not
	// complete have to last longer, see CheckUploadsOutlast.
	Hours int `pulumi:"hours"`
}

func (s ScaleOut) on() bool { return s.Source != "" }

// scaleSources are what a source may be.
var scaleSources = []string{contract.ScaleSourcePrefix, contract.ScaleSourceInventory, contract.ScaleSourceObject}

// The limits of Step Functions for one map, and of what is sensible.
const (
	scaleMaxConcurrency = 10000 // child executions at once
	scaleMaxHours       = 14 * 24
)

// CheckScaleOut reports everything that is wrong. name is what the author of s
// calls a field. What nobody asked for is not checked.
func CheckScaleOut(s ScaleOut, name func(field string) string) error {
	if !s.on() {
		return nil
	}
	check := func(field string, got, low, high int) error {
		return named(name(field), CheckRange(got, low, high))
	}
	return errors.Join(
		named(name("Source"), CheckScaleSource(s.Source)),
		check("ObjectsPerTask", s.ObjectsPerTask, 1, 1000),
		check("RangeMiB", s.RangeMiB, 64, 1<<20),
		check("MaxConcurrency", s.MaxConcurrency, 1, scaleMaxConcurrency),
		check("ToleratedPercent", s.ToleratedPercent, 0, 100),
		check("Hours", s.Hours, 1, scaleMaxHours),
		s.checkTogether(name),
	)
}

// checkTogether checks what depends on the source.
func (s ScaleOut) checkTogether(name func(field string) string) error {
	var errs []error
	if s.Source == contract.ScaleSourceObject && s.ToleratedPercent > 0 {
		errs = append(errs, fmt.Errorf("%s: got %d for ranges of one object, want 0", name("ToleratedPercent"), s.ToleratedPercent))
	}
	switch {
	case s.Source == contract.ScaleSourceInventory:
		errs = append(errs, named(name("InventoryKey"), CheckObjectKey(s.InventoryKey)))
	case s.InventoryKey != "":
		errs = append(errs, fmt.Errorf("%s: got %q without an inventory to read, want none", name("InventoryKey"), s.InventoryKey))
	}
	return errors.Join(errs...)
}

// CheckScaleSource reports whether a run can be spread over what source names.
func CheckScaleSource(source string) error {
	for _, s := range scaleSources {
		if s == source {
			return nil
		}
	}
	return fmt.Errorf("got %q, want %s", source, orList(scaleSources))
}

// ScaleConcurrency is how many tasks of taskCPU units (1024 are one vCPU) may run
// at once without taking more than a number of vCPUs: 0 if not even one may.
func ScaleConcurrency(vcpus, taskCPU int) int {
	if taskCPU < 1 {
		return 0
	}
	return min(vcpus*1024/taskCPU, scaleMaxConcurrency)
}

// CheckUploadsOutlast reports whether an upload that was begun in the first minute
// of a run that is spread is there in its last: S3 deletes those that are not
// complete after abortDays. One more day is for a redrive.
func CheckUploadsOutlast(abortDays, hours int) error {
	if abortDays*24 < hours+24 {
		return fmt.Errorf("got %d days for unfinished uploads, want %d or more: a run of %d hours completes its uploads at its end",
			abortDays, (hours+24+23)/24, hours)
	}
	return nil
}

// scaleKeepDays is how long it is kept what only a run that is spread itself
// needs: longer than such a run, and the two weeks in which it can be redriven.
const scaleKeepDays = 30

// scaleBatchBytes is how long the items of one task are as JSON, at most. RunTask
// takes 8,192 characters of overrides. There the items are text within JSON: each
// quotation mark and each backslash of them becomes two characters, so that
// nothing becomes more than twice as long. The rest is for the keys that the
// request may name, 1,024 bytes each. One item with a key as long as S3 allows,
// all of it quotation marks, is shorter than this.
const scaleBatchBytes = 2200

// partAPIRetries is apiRetries for a part. A thousand tasks that are started at
// once meet a bucket of 100 starts that fills with 20 a second: all but the first
// hundred are refused and come back, spread over twice the time at each attempt.
const partAPIRetries = 10

// The labels of the maps, which are part of the ARNs of their executions.
const (
	partsLabel      = "Parts"
	partsAgainLabel = "PartsAgain"
)

// scaleRights are what the machine may do so that a run can be spread: start
// executions of itself for the parts, see to them and redrive them, read the items
// and write its record.
func scaleRights(args *PipelineArgs, outputBucketArn string) []statement {
	if !args.scaleOut().on() {
		return nil
	}
	place, name := args.Place, args.StateMachineName
	labels := []string{partsLabel}
	if args.scaleOut().Source != contract.ScaleSourceObject {
		labels = append(labels, partsAgainLabel)
	}
	var parts []string
	for _, label := range labels {
		parts = append(parts, place.arn("states", "execution:"+name+"/"+label+":*"))
	}
	records := outputBucketArn + "/" + contract.ScalePrefix + "*"
	return []statement{
		{
			Sid:      "StartParts",
			Effect:   "Allow",
			Action:   []string{"states:StartExecution"},
			Resource: []string{place.arn("states", "stateMachine:"+name)},
		},
		{
			// A part's execution has a name that is not known before. AWS's own
			// policy for maps names those of the machine in both ways.
			Sid:      "SeeAndStopParts",
			Effect:   "Allow",
			Action:   []string{"states:DescribeExecution", "states:StopExecution"},
			Resource: append([]string{place.arn("states", "execution:"+name+":*")}, parts...),
		},
		{
			// With a redrive of the run, and of parts alone.
			Sid:      "RedriveParts",
			Effect:   "Allow",
			Action:   []string{"states:RedriveExecution"},
			Resource: parts,
		},
		{
			// The items of a round, which the job wrote, and the map's record of it,
			// which is put there in parts if it is long. Of any run.
			Sid:      "KeepRecordOfParts",
			Effect:   "Allow",
			Action:   []string{"s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"},
			Resource: []string{records},
		},
	}
}

// scaleFields are the fields that outlive an attempt of a run that is spread.
var scaleFields = append([]string{"scale"}, runFields...)

// scaleStates spread a run over many tasks, once its input is there:
//
//	IsSpread ─► BeginScale ─► [Plan] ─► NameRound ─► Parts ─► BeginMerge ─► Merge ─► …
//	    │ no                                ▲        for each batch of items        │ exit status 79
//	    ▼                                   │          Part ─► …                    ▼
//	Preprocess                              └────────── NextRound ◄────────── IsLastRound ─► Explain
//
// Parts is a Distributed Map over all objects whose names start as the input's, of
// which the job leaves out those that it does not stand for, over those of an
// inventory, or over the items that Plan wrote; PartsAgain is one over those that
// Merge wrote, for a further round. No item and no result travels through the document, which holds 256 KiB:
// the map reads them from S3 and writes its record there, and the task that merges
// reads that. Plan, Part and Merge are tasks with the attempts of every task, see
// attemptStates.
//
// A part that failed for good makes its own execution fail. If more did so than is
// tolerated, Parts fails, and with it the execution, without a Catch: only a map
// that ended in that way goes on with the parts that failed, and with them alone,
// when the execution is redriven. The watch tells people, who are told by the
// machine itself of all else.
func scaleStates(in machineInputs) map[string]state {
	if !in.scale.on() {
		return nil
	}
	first, afterNaming := "NameRound", "WhichItems"
	switch in.scale.Source {
	case contract.ScaleSourceObject:
		first, afterNaming = "Plan", partsLabel
	case contract.ScaleSourceInventory:
		first = "HasInventoryKey"
	}
	merge := kept(scaleFields)
	merge["results.$"] = "$.results"
	merge["retry"] = firstAttempt()
	next := kept(runFields)
	next["retry"] = firstAttempt() // also a message about a map says how many there were
	next["scale"] = map[string]any{"run.$": "$.scale.run", "round.$": "States.MathAdd($.scale.round, 1)"}
	states := map[string]state{
		"IsSpread": choice("One task, or many?", "Preprocess", in.isSpread()),
		"BeginScale": {
			"Type":       "Pass",
			"Comment":    "Everything of the run is kept below its name",
			"Parameters": map[string]any{"run.$": "$$.Execution.Name", "round": 1},
			"ResultPath": "$.scale",
			"Next":       first,
		},
		"NameRound": {
			"Type": "Pass",
			"Parameters": map[string]any{
				"run.$":     "$.scale.run",
				"round.$":   "$.scale.round",
				"items.$":   format(scaleItemsKey, "$.scale.run", "$.scale.round"),
				"results.$": format(scaleResultsPrefix, "$.scale.run", "$.scale.round"),
			},
			"ResultPath": "$.scale",
			"Next":       afterNaming,
		},
		partsLabel: partsState(in, partsLabel, "Part", in.firstItems()),
		"DiagnoseParts": choice("Does anything say why?", "ExplainBareError",
			and("ExplainParts", isPresent("$.error.Cause")),
		),
		"ExplainParts": explain("The items could not be read, or their record could not be written", remedyParts, map[string]any{
			"summary.$": format("the parts of the run could not be handed out: {}: {}", "$.error.Error", "$.error.Cause"),
		}),
		"BeginMerge": {"Type": "Pass", "Comment": "Another task, with attempts of its own", "Parameters": merge, "Next": "Merge"},
		"IsLastRound": choice("How often shall parts be done again?", "Explain",
			state{"Variable": "$.scale.round", "NumericLessThan": contract.ScaleMaxRounds, "Next": "NextRound"},
		),
		"NextRound": {"Type": "Pass", "Comment": "The items that the merge asks for", "Parameters": next, "Next": "NameRound"},
	}
	if in.scale.Source != contract.ScaleSourceObject {
		states["WhichItems"] = choice("All of them, or those that the merge asks for?", partsAgainLabel,
			state{"Variable": "$.scale.round", "NumericEquals": 1, "Next": partsLabel},
		)
		states[partsAgainLabel] = partsState(in, partsAgainLabel, "PartAgain", in.writtenItems())
	}
	if in.scale.Source == contract.ScaleSourceInventory {
		maps.Copy(states, inventoryStates(in))
	}
	if in.spot {
		merge["capacity"] = firstCapacity()
	}
	if in.scale.Source == contract.ScaleSourceObject {
		maps.Copy(states, statesNamed("Plan", attemptStates(in, attempt{
			command: contract.CommandPlan, keep: scaleFields, next: "NameRound", spot: in.spot,
			environment: append(in.scaleVariables(),
				map[string]any{"Name": contract.EnvScaleRangeMiB, "Value": fmt.Sprint(in.scale.RangeMiB)}),
		})))
	}
	merging := append(in.scaleVariables(), variable(contract.EnvScaleResults, format("s3://"+in.outputBucket+"/{}", "$.results.key")))
	if in.scale.Source != contract.ScaleSourceObject {
		merging = append(merging, map[string]any{"Name": contract.EnvScaleMaxMissing, "Value": fmt.Sprintf("%d%%", in.scale.ToleratedPercent)})
	}
	maps.Copy(states, statesNamed("Merge", attemptStates(in, attempt{
		command: contract.CommandMerge, keep: append([]string{"results"}, scaleFields...), next: in.afterSuccess(), spot: in.spot,
		rules:       []state{and("IsLastRound", isPresent(exitCodePath), isNumber(exitCodePath, contract.ExitAnotherRound))},
		environment: merging,
	})))
	return states
}

const remedyParts = "Compare the policies of the buckets, of the encryption key and of the machine's role; then redrive this execution or start it again."

// Where a round is, with {} for the run and the number of the round.
var (
	scaleItemsKey      = contract.ScalePrefix + "{}/round-{}.json"
	scaleResultsPrefix = contract.ScalePrefix + "{}/round-{}-results"
)

// afterInput is where a run goes whose input is there.
func (in machineInputs) afterInput() string {
	if in.scale.on() {
		return "IsSpread"
	}
	return "Preprocess"
}

// isSpread goes to BeginScale with an input that the source is for: one large
// object that can be cut, or a prefix or a glob, whose names start as $.start says.
// Any other is one task's as ever.
func (in machineInputs) isSpread() state {
	if in.scale.Source == contract.ScaleSourceObject {
		var whole []state
		for _, ending := range []string{".gz", ".zst", ".parquet"} {
			whole = append(whole, matches("$.run.input.key", "*"+ending))
		}
		return and("BeginScale", isPresent("$.found.bytes"), state{"Variable": "$.found.bytes", "NumericGreaterThan": int64(in.scale.RangeMiB) << 20},
			state{"Not": state{"Or": whole}})
	}
	return state{"Variable": "$.start", "IsPresent": true, "Next": "BeginScale"}
}

const requestInventory = "$.input['" + contract.RequestInventoryKey + "']"

// inventoryStates find out which inventory to read: that of the request, or the
// configured one.
func inventoryStates(in machineInputs) map[string]state {
	take := func(comment string, key map[string]any) state {
		return state{"Type": "Pass", "Comment": comment, "Parameters": key, "ResultPath": "$.inventory", "Next": "NameRound"}
	}
	return map[string]state{
		"HasInventoryKey": choice("Another inventory than the configured one?", "TakeInventoryKey",
			absent("TakeInventory", requestInventory), wrongKey("RefuseInventoryKey", requestInventory), and("RefuseInventoryKey", matches(requestInventory, "*/"))),
		"TakeInventory":    take("As configured", map[string]any{"key": in.scale.InventoryKey}),
		"TakeInventoryKey": take("This inventory", map[string]any{"key.$": format("{}", requestInventory)}),
		"RefuseInventoryKey": explain("Not what was asked for, so nothing at all", remedyRequest, map[string]any{
			"summary": "the input of the execution cannot be used: " + contract.RequestInventoryKey + ": want the key of an inventory's manifest.json in the input bucket",
		}),
	}
}

// scaleVariables are what each task of a run that is spread gets.
func (in machineInputs) scaleVariables() []any {
	return []any{
		map[string]any{"Name": contract.EnvScaleSource, "Value": in.scale.Source},
		variable(contract.EnvScaleRun, "$.scale.run"),
		variable(contract.EnvScaleRound, format("{}", "$.scale.round")),
	}
}

// items is where a map reads its items, and what of each it hands on; nil for all
// of it.
type items struct {
	reader   map[string]any
	selector map[string]any
}

// firstItems are those of the first round. The listing of a prefix and the columns
// of an inventory are cut down to what a part needs, for lack of room.
func (in machineInputs) firstItems() items {
	selector := func(etag string) map[string]any {
		const item = "$$.Map.Item.Value."
		return map[string]any{"Key.$": item + "Key", "Etag.$": item + etag, "Size.$": item + "Size"}
	}
	switch in.scale.Source {
	case contract.ScaleSourcePrefix:
		return items{map[string]any{
			"Resource":   fmt.Sprintf("arn:%s:states:::s3:listObjectsV2", in.place.partition()),
			"Parameters": map[string]any{"Bucket": in.inputBucket, "Prefix.$": "$.start.text"},
		}, selector("Etag")}
	case contract.ScaleSourceInventory:
		return items{in.readItems("MANIFEST", map[string]any{"Bucket": in.inputBucket, "Key.$": "$.inventory.key"}), selector("ETag")}
	default:
		return in.writtenItems()
	}
}

// writtenItems are those that a plan or a merge wrote.
func (in machineInputs) writtenItems() items {
	return items{reader: in.readItems("JSON", map[string]any{"Bucket": in.outputBucket, "Key.$": "$.scale.items"})}
}

func (in machineInputs) readItems(kind string, object map[string]any) map[string]any {
	return map[string]any{
		"Resource":     fmt.Sprintf("arn:%s:states:::s3:getObject", in.place.partition()),
		"ReaderConfig": map[string]any{"InputType": kind},
		"Parameters":   object,
	}
}

// partsState runs a part for each batch of items, each in an execution of its own,
// whose states end with suffix.
func partsState(in machineInputs, label, suffix string, from items) state {
	s := state{
		"Type":       "Map",
		"Label":      label,
		"ItemReader": from.reader,
		"ItemBatcher": map[string]any{
			"MaxItemsPerBatch":      in.scale.itemsPerTask(),
			"MaxInputBytesPerBatch": scaleBatchBytes,
			"BatchInput": map[string]any{
				"run.$": "$.run",
				"scale": map[string]any{"run.$": "$.scale.run", "round.$": "$.scale.round"},
			},
		},
		"ItemProcessor": map[string]any{
			"ProcessorConfig": map[string]any{"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
			"StartAt":         "Prepare" + suffix,
			"States":          statesNamed(suffix, partStates(in)),
		},
		"MaxConcurrency":             in.scale.MaxConcurrency,
		"ToleratedFailurePercentage": in.scale.ToleratedPercent,
		"ResultWriter": map[string]any{
			"Resource":   fmt.Sprintf("arn:%s:states:::s3:putObject", in.place.partition()),
			"Parameters": map[string]any{"Bucket": in.outputBucket, "Prefix.$": "$.scale.results"},
		},
		"ResultSelector": map[string]any{"key.$": "$.ResultWriterDetails.Key", "map.$": "$.MapRunArn"},
		"ResultPath":     "$.results",
		// Too many failures are not among them, see scaleStates.
		"Catch": []any{map[string]any{
			"ErrorEquals": []string{"States.ItemReaderFailed", "States.ResultWriterFailed"}, "ResultPath": "$.error", "Next": "DiagnoseParts",
		}},
		"Next": "BeginMerge",
	}
	if from.selector != nil {
		s["ItemSelector"] = from.selector
	}
	return s
}

// itemsPerTask is how many items a task gets at most: one range, or several
// objects.
func (s ScaleOut) itemsPerTask() int {
	if s.Source == contract.ScaleSourceObject {
		return 1
	}
	return s.ObjectsPerTask
}

// partStates are the execution of one part: the attempts, and the end of every
// failure, which can be redriven, as for a run of one task.
func partStates(in machineInputs) map[string]state {
	const input = "$$.Execution.Input."
	prepare := map[string]any{
		"run.$":   input + "BatchInput.run",
		"scale.$": input + "BatchInput.scale",
		"items":   map[string]any{"text.$": "States.JsonToString(" + input + "Items)"},
		"retry":   firstAttempt(),
	}
	if in.scale.Spot {
		prepare["capacity"] = firstCapacity()
	}
	states := map[string]state{
		"Prepare": {"Type": "Pass", "Comment": "Once more at a redrive", "Parameters": prepare, "Next": "Preprocess"},
		// The output stands in the record of the map: not the whole task.
		"Succeeded": {"Type": "Succeed", "OutputPath": "$.retry"},
	}
	maps.Copy(states, attemptStates(in, attempt{
		command: contract.CommandPart, keep: []string{"run", "scale", "items"}, next: "Succeeded",
		apiRetries: partAPIRetries, spot: in.scale.Spot,
		environment: append(in.scaleVariables(), variable(contract.EnvScaleItems, "$.items.text")),
	}))
	for name, s := range explainStates(in) {
		if s["Type"] == "Pass" { // the words are the cause of the failure; nobody is told of one part
			s["Next"] = "CountRedrives"
		}
		states[name] = s
	}
	maps.Copy(states, failureStates(in))
	return states
}

// statesNamed gives states, and what leads from one of them to another, names of
// their own: a name is used once in a machine. Preprocess is called suffix alone.
// What leads elsewhere stays.
func statesNamed(suffix string, states map[string]state) map[string]state {
	rename := func(name string) string {
		if name == "Preprocess" {
			return suffix
		}
		return name + suffix
	}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for key, inner := range v {
				if name, ok := inner.(string); ok && (key == "Next" || key == "Default") && states[name] != nil {
					v[key] = rename(name)
				}
				walk(inner)
			}
		case []any:
			for _, inner := range v {
				walk(inner)
			}
		case []state:
			for _, inner := range v {
				walk(inner)
			}
		}
	}
	renamed := map[string]state{}
	for name, s := range states {
		walk(s)
		renamed[rename(name)] = s
	}
	return renamed
}
