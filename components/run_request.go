package components

import (
	"fmt"

	"ds-pipeline/preprocess/contract"
)

// What an execution's input may say. Each is optional: {} is a run of the
// configured objects, for the month in which the execution was started.
const (
	requestPeriod    = "$.input." + contract.RequestPeriod    // the month that the run is for: "2026-11"
	requestScheduled = "$.input." + contract.RequestScheduled // from the schedule; its month (UTC) is the period, unless there is one
	requestInputKey  = "$.input['" + contract.InputKey + "']"
	requestModelKey  = "$.input['" + contract.ModelKey + "']"
	requestOutputKey = "$.input['" + contract.RequestOutputKey + "']"
	requestForce     = "$.input." + contract.RequestForce // true: also when the same run is complete already
)

const remedyRequest = "Start again with an input that is right; {} runs what is configured."

// requestStates read what the execution was started with into $.run, and refuse
// what is not right: a wrong value must not pass for a default.
//
//	HasPeriod ─► HasInputKey ─► HasModelKey ─► HasOutputKey ─► HasForce ─► Claim
//	                  └─► FindInput ─┘
//
// each by way of Take…, when there is something to take, or out to Refuse….
func requestStates(in machineInputs) map[string]state {
	take := func(comment, resultPath, next string, parameters map[string]any) state {
		return state{"Type": "Pass", "Comment": comment, "Parameters": parameters, "ResultPath": resultPath, "Next": next}
	}
	// A validator in wide use takes the path of a name with a hyphen for no path,
	// but not inside a function.
	copied := func(path string) string { return format("{}", path) }
	refuse := func(problem string) state {
		return explain("Not what was asked for, so nothing at all", remedyRequest, map[string]any{
			"summary": "the input of the execution cannot be used: " + problem,
		})
	}
	const keyRule = "text without a slash at the start, white space at either end or a line break"
	return map[string]state{
		"HasPeriod": choice("What month is this run for?", "TakeCurrentPeriod",
			and("FindFirstDay", isPresent(requestPeriod), isText(requestPeriod)),
			and("RefusePeriod", isPresent(requestPeriod)),
			and("TakeScheduledPeriod", isPresent(requestScheduled), isTimestamp(requestScheduled)),
			and("RefuseScheduledTime", isPresent(requestScheduled)),
		),
		// The language has no patterns, but it knows a point in time: only a month
		// becomes one with this after it.
		"FindFirstDay": take("A month as a point in time", "$.first", "IsMonth", map[string]any{"day.$": format("{}-01T00:00:00Z", requestPeriod)}),
		"IsMonth":      choice("Is the period a month?", "RefusePeriod", and("TakePeriod", isTimestamp("$.first.day"))),
		"TakePeriod":   take("As it was given", "$.run.period", "HasInputKey", map[string]any{"name.$": requestPeriod, "words.$": requestPeriod}),
		"TakeScheduledPeriod": take("The month of 2026-11-15T09:00:00Z is 2026-11", "$.run.period", "HasInputKey",
			monthOf(requestScheduled)),
		"TakeCurrentPeriod":   take("The month in which the execution was started", "$.run.period", "HasInputKey", monthOf("$$.Execution.StartTime")),
		"RefusePeriod":        refuse(`period: want a month such as "2026-11"`),
		"RefuseScheduledTime": refuse(`scheduledTime: want a time such as "2026-11-15T09:00:00Z"`),

		"HasInputKey": choice("Another input than the configured one?", "TakeInputKey",
			absent("FindInput", requestInputKey), wrongKey("RefuseInputKey", requestInputKey)),
		"TakeInputKey":   take("This input", "$.run.input", "HasModelKey", map[string]any{"key.$": copied(requestInputKey)}),
		"RefuseInputKey": refuse(contract.InputKey + ": want the key of an object in the input bucket, a prefix that ends in a slash or a glob: " + keyRule),

		"HasModelKey": choice("Another model than the configured one?", "TakeModelKey",
			absent("HasOutputKey", requestModelKey), wrongKey("RefuseModelKey", requestModelKey), and("RefuseModelKey", matches(requestModelKey, "*/"))),
		"TakeModelKey":   take("This model", "$.run.model", "HasOutputKey", map[string]any{"key.$": copied(requestModelKey)}),
		"RefuseModelKey": refuse(contract.ModelKey + ": want the key of an object in the artifact bucket, which does not end in a slash: " + keyRule),

		"HasOutputKey": choice("Another place for the result than "+contract.OutputKey+"?", "RefuseOutputKey",
			absent("HasForce", requestOutputKey),
			wrongKey("RefuseOutputKey", requestOutputKey),
			and("RefuseOutputKey", matches(requestOutputKey, "*/")),
			// The job may write nowhere else.
			and("TakeOutputKey", matches(requestOutputKey, contract.OutputPrefix+"*")),
		),
		"TakeOutputKey": take("This place", "$.run.output", "HasForce", map[string]any{
			"uri.$": format("s3://"+in.outputBucket+"/{}", requestOutputKey),
		}),
		"RefuseOutputKey": refuse("output-key: want a key below " + contract.OutputPrefix + " that does not end in a slash: " + keyRule),

		"HasForce": choice("Also when the same run is complete already?", "RefuseForce",
			absent("Claim", requestForce),
			and("TakeForce", state{"Variable": requestForce, "IsBoolean": true}, state{"Variable": requestForce, "BooleanEquals": true}),
			state{"Variable": requestForce, "IsBoolean": true, "Next": "Claim"},
		),
		"TakeForce":   take("Yes", "$.run.force", "Claim", map[string]any{"text": "true"}),
		"RefuseForce": refuse("force: want true or false"),
	}
}

// monthOf is the month of a point in time such as 2026-11-15T09:00:00Z, as name
// and words.
func monthOf(path string) map[string]any {
	part := func(i int) string {
		return fmt.Sprintf("States.ArrayGetItem(States.StringSplit(%s, '-'), %d)", path, i)
	}
	text := format("{}-{}", part(0), part(1))
	return map[string]any{"name.$": text, "words.$": text}
}

// configuredRun is $.run before the request is read. What is "" leaves the
// choice to the job's parameters.
func configuredRun() map[string]any {
	return map[string]any{
		"period": map[string]any{"name": "", "words": "none"},
		"input":  map[string]any{"key": ""},
		"model":  map[string]any{"key": ""},
		"output": map[string]any{"uri": ""},
		"force":  map[string]any{"text": ""},
	}
}

// taskOverrides hand $.run to the job. RunTask takes at most 8,192 characters
// here; with keys as long as S3 allows there is room left. command is the job's,
// "" for that of the task definition, and more are further variables.
func taskOverrides(command string, more []any) map[string]any {
	var environment []any
	for _, v := range []struct{ name, path string }{
		{contract.EnvPeriod, "$.run.period.name"},
		{parameterEnv(contract.InputKey), "$.run.input.key"}, // the one that was checked
		{parameterEnv(contract.ModelKey), "$.run.model.key"},
		{contract.EnvOutput, "$.run.output.uri"},
		{contract.EnvForce, "$.run.force.text"},
	} {
		environment = append(environment, variable(v.name, v.path))
	}
	container := map[string]any{"Name": containerName, "Environment": append(environment, more...)}
	if command != "" {
		container["Command"] = []string{command}
	}
	return map[string]any{"ContainerOverrides": []any{container}}
}

// variable is a variable of the job's environment with what stands at a path.
func variable(name, path string) any { return map[string]any{"Name": name, "Value.$": path} }

// parameterEnv is the environment variable that beats a parameter.
func parameterEnv(name string) string {
	for _, p := range contract.Parameters() {
		if p.Name == name {
			return p.Env
		}
	}
	panic(fmt.Sprintf("the contract has no parameter %q", name))
}

func absent(next, path string) state {
	return state{"Not": isPresent(path), "Next": next}
}

// wrongKey goes to next when the value is not a key that CheckObjectKey takes.
// That it is text is asked first: the other conditions need it.
func wrongKey(next, path string) state {
	rule := anyMatches(next, path, "/*", " *", "* ", "\t*", "*\t", "*\n*", "*\r*")
	rule["Or"] = append([]state{{"Not": isText(path)}, equals(path, "")}, rule["Or"].([]state)...)
	return rule
}

// anyMatches goes to next when the text at path matches one of the patterns.
func anyMatches(next, path string, patterns ...string) state {
	var conditions []state
	for _, pattern := range patterns {
		conditions = append(conditions, matches(path, pattern))
	}
	return state{"Or": conditions, "Next": next}
}

func isText(path string) state { return state{"Variable": path, "IsString": true} }

func isTimestamp(path string) state { return state{"Variable": path, "IsTimestamp": true} }
