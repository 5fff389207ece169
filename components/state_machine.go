package components

import (
	"cmp"
	"fmt"
	"maps"
	"strings"

	"ds-pipeline/preprocess/contract"
)

// state is one state of a state machine in the Amazon States Language.
type state = map[string]any

// machineInputs is what the definition of the machine is made from. Everything
// here is resolved.
type machineInputs struct {
	place             Place
	pipelineName      string
	clusterArn        string
	taskDefinitionArn string
	securityGroupID   string
	subnetIDs         []string
	topicArn          string
	taskLogGroupName  string
	inputBucket       string
	parameterPrefix   string
	outputBucket      string
	runsTable         string
	notifySuccess     bool
	taskTimeout       int // minutes
	attempts          int
	spot              bool // every attempt but the last
	publicIP          bool // of a task, while it runs
	scale             ScaleOut
}

// Seconds before the second attempt; each further one waits twice as long. The
// real wait is drawn between this and its double, so that two runs that failed
// together do not come back together.
const firstWaitSeconds = 30

// How often a refused or throttled RunTask is repeated before the run is given
// up, and the longest wait before a repetition, in seconds.
const (
	apiRetries       = 5
	apiRetryMaxDelay = 600
)

// machineDefinition is the pipeline as a state machine:
//
//	Prepare ─► … ─► CheckInput ─► WeighInput ─► Preprocess ─────────────► Succeeded
//	            │       │ missing      │ empty      ▲   │ any error
//	            │ wrong │              │            │   ▼
//	            │       │              │            │ Diagnose ─► ReadTask ─► Classify ─┐
//	            │       │              │            │   │                      │        │ running again cannot help
//	            │       │              │            │   └─► MoreAttempts ◄─────┘        ▼
//	            │       │              │        WaitToRetry ◄─ BackOff      Explain ─► Explain… ─► Notify ─► … ─► Failed
//	            └───────┴──────────────┴──────────────────────────────────────────────────▲
//
// Between Prepare and CheckInput the request is read and its period is claimed;
// see requestStates and claimStates. An input of several objects goes round
// CheckInput, see inputStates. How Failed fails is in failureStates. A run that is
// spread over many tasks leaves this way before Preprocess, see scaleStates.
//
// On the way from an exit status to Notify, ReadLog fetches the last line of the
// job's log; a run that cannot be helped should not need three consoles. With
// notifySuccess, NotifySuccess comes before Succeeded. With spot, BackOff goes to
// WaitToRetry by way of ChooseCapacity, and the last attempt runs on demand.
//
// CheckInput looks for the input object before anything that costs is started,
// so that data that has not come is told by its name within a second. Diagnose
// tells a task that ran and failed from a task that could not be
// started. Classify decides by the job's exit status, which the contract
// lists, whether another attempt makes sense.
//
// The document that travels between states is
//
//	input    what the execution was started with
//	request  text: the same as JSON
//	newline  a line break, for texts that have more than one line
//	wildcards  what starts the part of a glob that is not literal
//	run      period (name, words), input and model (key), output (uri), force (text): what this run works on
//	holder   execution, request: who claimed the period
//	start    text: how the names of several input objects start
//	found    bytes: how long the input object is; words: the same for people
//	retry    attempt (from 1), seconds (the next wait), wait (the one drawn)
//	task     the finished task, after a success
//	error    Error and Cause of the latest failure
//	stopped  the stopped task, read from Cause, when there was one
//	failure  summary, remedy: what to tell people
//	capacity provider: FARGATE_SPOT or FARGATE, with spot only
//	scale    run, round, items, results: of a run that is spread, see scaleStates
//	log      line, link: the end of the job's log and where to read all of it
//	redrives count: how often the execution had been redriven when it failed
func machineDefinition(in machineInputs) any {
	prepare := map[string]any{
		"input.$": "$$.Execution.Input",
		"request": map[string]any{"text.$": "States.JsonToString($$.Execution.Input)"},
		"retry":   firstAttempt(),
		"newline": "\n",
		// In a quoted text of a function a validator in wide use takes no backslash.
		"wildcards": wildcards,
		"run":       configuredRun(),
		"log":       map[string]any{"line": "none", "link": in.logGroupLink()},
	}
	if in.spot {
		prepare["capacity"] = firstCapacity()
	}
	states := map[string]state{
		"Prepare": {
			"Type":       "Pass",
			"Comment":    "Starts with {} as well as with what the schedule sends, and once more at a redrive",
			"Parameters": prepare,
			"Next":       "HasPeriod",
		},
		"Notify":    notifyState(in),
		"Succeeded": {"Type": "Succeed"},
	}
	maps.Copy(states, attemptStates(in, attempt{keep: runFields, next: in.afterSuccess(), spot: in.spot}))
	maps.Copy(states, requestStates(in))
	maps.Copy(states, claimStates(in))
	maps.Copy(states, inputStates(in))
	maps.Copy(states, explainStates(in))
	maps.Copy(states, logStates(in))
	maps.Copy(states, failureStates(in))
	maps.Copy(states, scaleStates(in))
	if in.notifySuccess {
		states["NotifySuccess"] = notifySuccessState(in)
	}
	return map[string]any{
		"Comment":        "Preprocess the data, try again where that can help, and tell people when it did not",
		"StartAt":        "Prepare",
		"TimeoutSeconds": machineTimeoutSeconds(in),
		"States":         states,
	}
}

// runFields are the fields of the document that outlive an attempt.
var runFields = []string{"input", "request", "newline", "run", "log", "found"}

// attempt is a task of the job, tried as often as that can help.
type attempt struct {
	command     string   // of the job; "" for that of the task definition
	environment []any    // beside what every task gets
	keep        []string // the fields of the document that outlive an attempt
	next        string   // after a success
	rules       []state  // of Classify, before those of every task
	apiRetries  int      // of RunTask; 0 for apiRetries
	spot        bool
}

// firstAttempt is $.retry before the first attempt.
func firstAttempt() map[string]any {
	return map[string]any{"attempt": 1, "seconds": firstWaitSeconds, "wait": 0}
}

// firstCapacity is $.capacity before the first attempt, with Spot.
func firstCapacity() map[string]any { return map[string]any{"provider": spotCapacity} }

// kept copies fields of the document.
func kept(fields []string) map[string]any {
	copies := map[string]any{}
	for _, field := range fields {
		copies[field+".$"] = "$." + field
	}
	return copies
}

// attemptStates run a task of the job from Preprocess on, and end with a.next or
// Explain.
func attemptStates(in machineInputs, a attempt) map[string]state {
	backOff := kept(a.keep)
	backOff["retry"] = map[string]any{
		"attempt.$": "States.MathAdd($.retry.attempt, 1)",
		"seconds.$": "States.MathAdd($.retry.seconds, $.retry.seconds)",
		"wait.$":    "States.MathRandom($.retry.seconds, States.MathAdd($.retry.seconds, $.retry.seconds))",
	}
	states := map[string]state{
		"Preprocess": preprocessState(in, a),
		"Diagnose": choice("A task that stopped, or an error before there was one?", "Explain",
			and("ReadTask", equals("$.error.Error", "States.TaskFailed"), isPresent("$.error.Cause"), matches("$.error.Cause", "{*}")),
			and("MoreAttempts", isPresent("$.error.Cause"), matches("$.error.Cause", "*Capacity is unavailable*")),
			// The quota of vCPUs: others may have gone by then.
			and("MoreAttempts", isPresent("$.error.Cause"), matches("$.error.Cause", "*reached the limit on the number of*")),
		),
		"ReadTask": {
			"Type":       "Pass",
			"Comment":    "ECS gives the stopped task as JSON text",
			"Parameters": map[string]any{"task.$": "States.StringToJson($.error.Cause)"},
			"ResultPath": "$.stopped",
			"Next":       "Classify",
		},
		"Classify": choice("Can running the same again succeed?", "Explain", append(a.rules, classifyRules()...)...),
		"MoreAttempts": choice("Is there an attempt left?", "Explain",
			state{"Variable": "$.retry.attempt", "NumericLessThan": in.attempts, "Next": "BackOff"},
		),
		"BackOff": {
			"Type":       "Pass",
			"Comment":    "Counts the attempt, doubles the wait, forgets the failure",
			"Parameters": backOff,
			"Next":       "WaitToRetry",
		},
		"WaitToRetry": {"Type": "Wait", "SecondsPath": "$.retry.wait", "Next": "Preprocess"},
	}
	if a.spot {
		addSpot(in, states)
	}
	return states
}

// The capacity providers of Fargate.
const (
	onDemandCapacity = "FARGATE"
	spotCapacity     = "FARGATE_SPOT"
)

// addSpot runs every attempt on Spot capacity but the last, so that a run that
// Spot cannot serve still ends today.
func addSpot(in machineInputs, states map[string]state) {
	task := states["Preprocess"]["Parameters"].(map[string]any)
	delete(task, "LaunchType")
	task["CapacityProviderStrategy"] = []any{map[string]any{"CapacityProvider.$": "$.capacity.provider", "Weight": 1}}

	// What is left when RunTask was repeated in vain: Spot has nothing to give.
	diagnose := states["Diagnose"]
	diagnose["Choices"] = append(diagnose["Choices"].([]state), and("MoreAttempts", equals("$.error.Error", noCapacityError)))

	states["BackOff"]["Parameters"].(map[string]any)["capacity.$"] = "$.capacity"
	states["BackOff"]["Next"] = "ChooseCapacity"
	states["ChooseCapacity"] = choice("Is this the last attempt?", "WaitToRetry",
		state{"Variable": "$.retry.attempt", "NumericEquals": in.attempts, "Next": "GoOnDemand"},
	)
	states["GoOnDemand"] = state{
		"Type":       "Pass",
		"Comment":    "Spot had its chances",
		"Parameters": map[string]any{"provider": onDemandCapacity},
		"ResultPath": "$.capacity",
		"Next":       "WaitToRetry",
	}
}

// noCapacityError is what Step Functions makes of an answer of RunTask that
// lists failures.
const noCapacityError = "AmazonECS.Unknown"

// machineTimeoutSeconds is more than every attempt and every wait can take
// together, so that it ends only an execution that is stuck.
func machineTimeoutSeconds(in machineInputs) int {
	seconds := 3600 // reserve, and telling people
	for attempt := range in.attempts {
		seconds += in.taskTimeout*60 + apiRetries*apiRetryMaxDelay + 2*firstWaitSeconds<<attempt
	}
	if in.scale.on() {
		seconds = max(seconds, in.scale.Hours*3600)
	}
	return seconds
}

// preprocessState runs one task and waits until it stops. Errors of the API are
// retried here; what the task itself reported is judged afterwards.
func preprocessState(in machineInputs, a attempt) state {
	return state{
		"Type":     "Task",
		"Resource": fmt.Sprintf("arn:%s:states:::ecs:runTask.sync", in.place.partition()),
		"Parameters": map[string]any{
			"Cluster":        in.clusterArn,
			"TaskDefinition": in.taskDefinitionArn,
			"LaunchType":     "FARGATE",
			// 1.4.0 is what LATEST means for Linux; the largest task sizes need it.
			"PlatformVersion": "1.4.0",
			"PropagateTags":   "TASK_DEFINITION",
			"Overrides":       taskOverrides(a.command, a.environment),
			"NetworkConfiguration": map[string]any{
				"AwsvpcConfiguration": map[string]any{
					"Subnets":        in.subnetIDs,
					"SecurityGroups": []string{in.securityGroupID},
					"AssignPublicIp": in.assignPublicIP(),
				},
			},
		},
		"TimeoutSeconds": in.taskTimeout * 60,
		"ResultPath":     "$.task",
		"Retry": []any{map[string]any{
			// RunTask answered with Failures (no capacity), ECS was throttled or at fault.
			"ErrorEquals":     []string{noCapacityError, "ECS.AmazonECSException", "ECS.ServerException", "ECS.ThrottlingException"},
			"IntervalSeconds": firstWaitSeconds,
			"BackoffRate":     2,
			"MaxDelaySeconds": apiRetryMaxDelay,
			"MaxAttempts":     cmp.Or(a.apiRetries, apiRetries),
			"JitterStrategy":  "FULL",
		}},
		"Catch": []any{catchAll("$.error", "Diagnose")},
		"Next":  a.next,
	}
}

// assignPublicIP is whether a task has a public address, as ECS writes it.
func (in machineInputs) assignPublicIP() string {
	if in.publicIP {
		return "ENABLED"
	}
	return "DISABLED"
}

// exitCodePath is where the stopped task holds the job's exit status. It is
// absent when the container never ran.
const exitCodePath = "$.stopped.task.Containers[0].ExitCode"

// classifyRules send to another attempt what the contract says can succeed then,
// and a task that Fargate stopped or could not start.
func classifyRules() []state {
	var rules []state
	for _, status := range contract.ExitStatuses() {
		if status.Retry {
			rules = append(rules, and("MoreAttempts", isPresent(exitCodePath), isNumber(exitCodePath, status.Code)))
		}
	}
	const stopCode = "$.stopped.task.StopCode"
	for _, code := range []string{"SpotInterruption", "TaskFailedToStart", "TerminationNotice"} {
		rules = append(rules, and("MoreAttempts", isPresent(stopCode), equals(stopCode, code)))
	}
	return rules
}

// afterSuccess is where a run that succeeded goes.
func (in machineInputs) afterSuccess() string {
	if in.notifySuccess {
		return "NotifySuccess"
	}
	return "Succeeded"
}

// subject cuts text to what SNS allows as the subject of an e-mail.
func subject(text string) string {
	if len(text) > 99 {
		return text[:99]
	}
	return text
}

// format calls States.Format: each {} of text is replaced by the value at a
// path. A line break becomes one more {}: the language does not say that a
// quoted text may hold one.
func format(text string, paths ...string) string {
	var arguments []string
	for i, line := range strings.Split(text, "\n") {
		if i > 0 {
			arguments = append(arguments, "$.newline")
		}
		values := strings.Count(line, "{}")
		arguments = append(arguments, paths[:values]...)
		paths = paths[values:]
	}
	quoted := strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", "{}").Replace(text)
	return fmt.Sprintf("States.Format('%s', %s)", quoted, strings.Join(arguments, ", "))
}

func catchAll(resultPath, next string) any {
	return map[string]any{"ErrorEquals": []string{"States.ALL"}, "ResultPath": resultPath, "Next": next}
}

func choice(comment, otherwise string, rules ...state) state {
	return state{"Type": "Choice", "Comment": comment, "Choices": rules, "Default": otherwise}
}

// and goes to next when every condition holds. Conditions are read in order and
// the first that does not hold ends it, so isPresent protects those after it.
func and(next string, conditions ...state) state {
	return state{"And": conditions, "Next": next}
}

func isPresent(path string) state { return state{"Variable": path, "IsPresent": true} }

func equals(path, text string) state { return state{"Variable": path, "StringEquals": text} }

func matches(path, pattern string) state { return state{"Variable": path, "StringMatches": pattern} }

func isNumber(path string, n int) state { return state{"Variable": path, "NumericEquals": n} }
