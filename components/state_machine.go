package components

import (
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
	inputKey          string
	taskTimeout       int // minutes
	attempts          int
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
//	Prepare ─► CheckInput ─► WeighInput ─► Preprocess ─────────────► Succeeded
//	               │ missing      │ empty      ▲   │ any error
//	               │              │            │   ▼
//	               │              │            │ Diagnose ─► ReadTask ─► Classify ─┐
//	               │              │            │   │                      │        │ running again cannot help
//	               │              │            │   └─► MoreAttempts ◄─────┘        ▼
//	               │              │        WaitToRetry ◄─ BackOff      Explain ─► Explain… ─► Notify ─► Failed
//	               └──────────────┴──────────────────────────────────────────────────▲
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
//	newline  a line break, for texts that have more than one line
//	run      inputKey: what this run works on
//	found    bytes: how long the input object is
//	retry    attempt (from 1), seconds (the next wait), wait (the one drawn)
//	task     the finished task, after a success
//	error    Error and Cause of the latest failure
//	stopped  the stopped task, read from Cause, when there was one
//	failure  summary: what to tell people
func machineDefinition(in machineInputs) any {
	states := map[string]state{
		"Prepare": {
			"Type":    "Pass",
			"Comment": "Starts with {} as well as with what the schedule sends",
			"Parameters": map[string]any{
				"input.$": "$",
				"retry":   map[string]any{"attempt": 1, "seconds": firstWaitSeconds, "wait": 0},
				"newline": "\n",
				"run":     map[string]any{"inputKey": in.inputKey},
			},
			"Next": "CheckInput",
		},
		"Preprocess": preprocessState(in),
		"Diagnose": choice("A task that stopped, or an error before there was one?", "Explain",
			and("ReadTask", equals("$.error.Error", "States.TaskFailed"), isPresent("$.error.Cause"), matches("$.error.Cause", "{*}")),
			and("MoreAttempts", isPresent("$.error.Cause"), matches("$.error.Cause", "*Capacity is unavailable*")),
		),
		"ReadTask": {
			"Type":       "Pass",
			"Comment":    "ECS gives the stopped task as JSON text",
			"Parameters": map[string]any{"task.$": "States.StringToJson($.error.Cause)"},
			"ResultPath": "$.stopped",
			"Next":       "Classify",
		},
		"Classify": choice("Can running the same again succeed?", "Explain", classifyRules()...),
		"MoreAttempts": choice("Is there an attempt left?", "Explain",
			state{"Variable": "$.retry.attempt", "NumericLessThan": in.attempts, "Next": "BackOff"},
		),
		"BackOff": {
			"Type":    "Pass",
			"Comment": "Counts the attempt, doubles the wait, forgets the failure",
			"Parameters": map[string]any{
				"input.$":   "$.input",
				"newline.$": "$.newline",
				"run.$":     "$.run",
				"retry": map[string]any{
					"attempt.$": "States.MathAdd($.retry.attempt, 1)",
					"seconds.$": "States.MathAdd($.retry.seconds, $.retry.seconds)",
					"wait.$":    "States.MathRandom($.retry.seconds, States.MathAdd($.retry.seconds, $.retry.seconds))",
				},
			},
			"Next": "WaitToRetry",
		},
		"WaitToRetry": {"Type": "Wait", "SecondsPath": "$.retry.wait", "Next": "Preprocess"},
		"Notify":      notifyState(in),
		"Failed":      {"Type": "Fail", "Error": "PreprocessingFailed", "CausePath": "$.failure.summary"},
		"Succeeded":   {"Type": "Succeed"},
	}
	maps.Copy(states, inputStates(in))
	maps.Copy(states, explainStates(in))
	return map[string]any{
		"Comment":        "Preprocess the data, try again where that can help, and tell people when it did not",
		"StartAt":        "Prepare",
		"TimeoutSeconds": machineTimeoutSeconds(in),
		"States":         states,
	}
}

// machineTimeoutSeconds is more than every attempt and every wait can take
// together, so that it ends only an execution that is stuck.
func machineTimeoutSeconds(in machineInputs) int {
	seconds := 3600 // reserve, and telling people
	for attempt := range in.attempts {
		seconds += in.taskTimeout*60 + apiRetries*apiRetryMaxDelay + 2*firstWaitSeconds<<attempt
	}
	return seconds
}

// preprocessState runs one task and waits until it stops. Errors of the API are
// retried here; what the task itself reported is judged afterwards.
func preprocessState(in machineInputs) state {
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
			"NetworkConfiguration": map[string]any{
				"AwsvpcConfiguration": map[string]any{
					"Subnets":        in.subnetIDs,
					"SecurityGroups": []string{in.securityGroupID},
					"AssignPublicIp": "ENABLED",
				},
			},
		},
		"TimeoutSeconds": in.taskTimeout * 60,
		"ResultPath":     "$.task",
		"Retry": []any{map[string]any{
			// RunTask answered with Failures (no capacity), ECS was throttled or at fault.
			"ErrorEquals":     []string{"AmazonECS.Unknown", "ECS.AmazonECSException", "ECS.ServerException", "ECS.ThrottlingException"},
			"IntervalSeconds": firstWaitSeconds,
			"BackoffRate":     2,
			"MaxDelaySeconds": apiRetryMaxDelay,
			"MaxAttempts":     apiRetries,
			"JitterStrategy":  "FULL",
		}},
		"Catch": []any{catchAll("$.error", "Diagnose")},
		"Next":  "Succeeded",
	}
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

// explainStates put into words why the run failed, one state for each exit
// status of the contract, and leave the words in $.failure.summary.
func explainStates(in machineInputs) map[string]state {
	states := map[string]state{
		"ExplainExit": explain("An exit status that is not the job's own: 137 is a kill, often for memory", map[string]any{
			"summary.$": format("the job ended with exit status {}, which is not one of its own (137: killed, often because memory ran out)", exitCodePath),
		}),
		"ExplainStop": explain("The container never ran", map[string]any{
			"summary.$": format("the task stopped before the job ran: {}", "$.stopped.task.StoppedReason"),
		}),
		"ExplainTimeout": explain("Preprocess took longer than it may", map[string]any{
			"summary": fmt.Sprintf("the task ran longer than %d minutes and was stopped", in.taskTimeout),
		}),
		"ExplainError": explain("ECS or Step Functions refused something", map[string]any{
			"summary.$": format("the task could not be run: {}: {}", "$.error.Error", "$.error.Cause"),
		}),
		"ExplainBareError": explain("An error without a cause", map[string]any{
			"summary.$": format("the task could not be run: {}", "$.error.Error"),
		}),
	}
	rules := []state{{"Variable": "$.error.Error", "StringEquals": "States.Timeout", "Next": "ExplainTimeout"}}
	for _, status := range contract.ExitStatuses() {
		if status.Code == contract.ExitOK {
			continue
		}
		name := fmt.Sprintf("ExplainExit%d", status.Code)
		states[name] = explain(status.Name, map[string]any{
			"summary": fmt.Sprintf("the job ended with exit status %d (%s): %s", status.Code, status.Name, status.Meaning),
		})
		rules = append(rules, and(name, isPresent(exitCodePath), isNumber(exitCodePath, status.Code)))
	}
	rules = append(rules,
		state{"Variable": exitCodePath, "IsPresent": true, "Next": "ExplainExit"},
		state{"Variable": "$.stopped.task.StoppedReason", "IsPresent": true, "Next": "ExplainStop"},
		state{"Variable": "$.error.Cause", "IsPresent": true, "Next": "ExplainError"},
	)
	states["Explain"] = choice("What shall we say?", "ExplainBareError", rules...)
	return states
}

// explain leaves what to tell people in $.failure.
func explain(comment string, summary map[string]any) state {
	return state{"Type": "Pass", "Comment": comment, "Parameters": summary, "ResultPath": "$.failure", "Next": "Notify"}
}

// notifyState tells the topic what failed and where to look. When even that
// fails the execution still ends as failed, with the reason.
func notifyState(in machineInputs) state {
	executions := fmt.Sprintf("https://%s/states/home?region=%s#/v2/executions/details/{}", in.place.consoleHost(), in.place.Region)
	message := strings.Join([]string{
		"{} failed: {}",
		"",
		"Attempts: {}",
		"Execution: " + executions,
		"Logs of the job: " + in.taskLogGroupName,
	}, "\n")
	return state{
		"Type":     "Task",
		"Resource": fmt.Sprintf("arn:%s:states:::sns:publish", in.place.partition()),
		"Parameters": map[string]any{
			"TopicArn":  in.topicArn,
			"Subject":   subject(in.pipelineName + " failed"),
			"Message.$": format(message, "$$.StateMachine.Name", "$.failure.summary", "$.retry.attempt", "$$.Execution.Id"),
		},
		"ResultPath": "$.notification",
		"Retry": []any{map[string]any{
			"ErrorEquals": []string{"States.ALL"}, "IntervalSeconds": 5, "BackoffRate": 2, "MaxAttempts": 4, "JitterStrategy": "FULL",
		}},
		"Catch": []any{catchAll("$.notification", "Failed")},
		"Next":  "Failed",
	}
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
