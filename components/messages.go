package components

import (
	"fmt"
	"net/url"
	"strings"

	"ds-pipeline/preprocess/contract"
)

// What to try when no task ended with a status of the job's own.
const (
	remedyKilled    = "If memory ran out, give the task more: taskMemoryMiB. Else see who stopped it, and start again."
	remedyStop      = "If the reason names the image or the network, deploy the stack again; else start again later."
	remedyTimeout   = "Look at the log for where the time went; allow more with taskTimeoutMinutes, or a larger task with taskCpu."
	remedyRefused   = "Deploy the stack again, which restores roles and task definition; if capacity or a quota is short, start again later."
	remedyMissing   = "Upload the data under this key, or set inputKey, then start again."
	remedyParameter = "Deploy again, which restores the parameter, then start again."
	remedyEmpty     = "Upload the data once more, then start again."
	remedyNoAnswer  = "Compare the policies of the bucket, of the encryption key and of the machine's role; else start again later."
)

// explainStates put into words why the run failed, one state for each exit
// status of the contract, and leave the words in $.failure.
func explainStates(in machineInputs) map[string]state {
	const reason = "$.stopped.task.Containers[0].Reason"
	states := map[string]state{
		"ExplainKill": readLogNext(explain("What stopped the container from outside says why", remedyKilled, map[string]any{
			"summary.$": format("the job ended with exit status {}, which is not one of its own: {}", exitCodePath, reason),
		})),
		"ExplainExit": readLogNext(explain("An exit status that is not the job's own: 137 is a kill, often for memory", remedyKilled, map[string]any{
			"summary.$": format("the job ended with exit status {}, which is not one of its own (137: killed, often because memory ran out)", exitCodePath),
		})),
		"ExplainStop": explain("The container never ran", remedyStop, map[string]any{
			"summary.$": format("the task stopped before the job ran: {}", "$.stopped.task.StoppedReason"),
		}),
		"ExplainTimeout": explain("Preprocess took longer than it may", remedyTimeout, map[string]any{
			"summary": fmt.Sprintf("the task ran longer than %d minutes and was stopped", in.taskTimeout),
		}),
		"ExplainError": explain("ECS or Step Functions refused something", remedyRefused, map[string]any{
			"summary.$": format("the task could not be run: {}: {}", "$.error.Error", "$.error.Cause"),
		}),
		"ExplainBareError": explain("An error without a cause", remedyRefused, map[string]any{
			"summary.$": format("the task could not be run: {}", "$.error.Error"),
		}),
	}
	rules := []state{{"Variable": "$.error.Error", "StringEquals": "States.Timeout", "Next": "ExplainTimeout"}}
	for _, status := range contract.ExitStatuses() {
		if status.Code == contract.ExitOK {
			continue
		}
		name := fmt.Sprintf("ExplainExit%d", status.Code)
		states[name] = readLogNext(explain(status.Name, status.Remedy, map[string]any{
			"summary": fmt.Sprintf("the job ended with exit status %d (%s): %s", status.Code, status.Name, status.Meaning),
		}))
		rules = append(rules, and(name, isPresent(exitCodePath), isNumber(exitCodePath, status.Code)))
	}
	rules = append(rules,
		and("ExplainKill", isPresent(exitCodePath), isPresent(reason)),
		state{"Variable": exitCodePath, "IsPresent": true, "Next": "ExplainExit"},
		state{"Variable": "$.stopped.task.StoppedReason", "IsPresent": true, "Next": "ExplainStop"},
		state{"Variable": "$.error.Cause", "IsPresent": true, "Next": "ExplainError"},
	)
	states["Explain"] = choice("What shall we say?", "ExplainBareError", rules...)
	return states
}

// explain leaves in $.failure what to tell people: summary says what happened,
// remedy what to try.
func explain(comment, remedy string, summary map[string]any) state {
	summary["remedy"] = remedy
	return state{"Type": "Pass", "Comment": comment, "Parameters": summary, "ResultPath": "$.failure", "Next": "Notify"}
}

// readLogNext is for a job that ran, and so has a log.
func readLogNext(s state) state {
	s["Next"] = "FindLog"
	return s
}

// logStates fetch the last line of the job's log. Without it the message is
// sent all the same.
func logStates(in machineInputs) map[string]state {
	const taskArn = "$.stopped.task.TaskArn"
	return map[string]state{
		"FindLog": choice("Which task was it?", "Notify",
			and("NameLog", isPresent(taskArn), matches(taskArn, "*:task/*/*")),
		),
		"NameLog": {
			"Type":       "Pass",
			"Comment":    "The log stream is called after the task",
			"Parameters": map[string]any{"task.$": "States.ArrayGetItem(States.StringSplit(" + taskArn + ", '/'), 2)"},
			"ResultPath": "$.attempt",
			"Next":       "LinkLog",
		},
		"LinkLog": {
			"Type": "Pass",
			"Parameters": map[string]any{
				"stream.$": format(logStreamPrefix+"{}", "$.attempt.task"),
				"line":     "none",
				"link.$":   format(in.logGroupLink()+"/log-events/"+consoleEscape(logStreamPrefix)+"{}", "$.attempt.task"),
			},
			"ResultPath": "$.log",
			"Next":       "ReadLog",
		},
		"ReadLog": {
			"Type":     "Task",
			"Resource": fmt.Sprintf("arn:%s:states:::aws-sdk:cloudwatchlogs:getLogEvents", in.place.partition()),
			"Parameters": map[string]any{
				"LogGroupName":    in.taskLogGroupName,
				"LogStreamName.$": "$.log.stream",
				"Limit":           1, // the latest, as it is read from the end
				"StartFromHead":   false,
			},
			"ResultSelector": map[string]any{"events.$": "$.Events"},
			"ResultPath":     "$.read",
			"TimeoutSeconds": checkTimeout,
			"Retry": []any{map[string]any{
				"ErrorEquals": []string{"States.ALL"}, "IntervalSeconds": 3, "BackoffRate": 2, "MaxAttempts": 2, "JitterStrategy": "FULL",
			}},
			"Catch": []any{catchAll("$.read", "Notify")},
			"Next":  "HasLine",
		},
		"HasLine": choice("Did the job say anything?", "Notify",
			and("QuoteLine", isPresent("$.read.events[0].Message")),
		),
		"QuoteLine": {
			"Type": "Pass",
			"Parameters": map[string]any{
				"line.$": "$.read.events[0].Message",
				"link.$": "$.log.link",
			},
			"ResultPath": "$.log",
			"Next":       "Notify",
		},
	}
}

// logGroupLink is where a browser shows the job's log.
func (in machineInputs) logGroupLink() string {
	return fmt.Sprintf("https://%s/cloudwatch/home?region=%s#logsV2:log-groups/log-group/%s",
		in.place.consoleHost(), in.place.Region, consoleEscape(in.taskLogGroupName))
}

// consoleEscape writes a name as the console of CloudWatch does after the #:
// escaped twice, with $ for %.
func consoleEscape(name string) string {
	return strings.ReplaceAll(url.QueryEscape(url.QueryEscape(name)), "%", "$")
}

// executionLink is where a browser shows the execution whose ARN fills the {}.
func (in machineInputs) executionLink() string {
	return fmt.Sprintf("https://%s/states/home?region=%s#/v2/executions/details/{}", in.place.consoleHost(), in.place.Region)
}

// notifyState tells the topic what failed, what to try and where to look. When
// even that fails the execution still ends as failed, with the reason.
func notifyState(in machineInputs) state {
	message := strings.Join([]string{
		"{} failed: {}",
		"",
		"What to try: {}",
		"Last line of the log: {}",
		"",
		"Period: {}",
		"Attempts: {}",
		"Execution: " + in.executionLink(),
		"Log of the job: {}",
	}, "\n")
	return publish(in, "failed", "CountRedrives",
		format(message, "$$.StateMachine.Name", "$.failure.summary", "$.failure.remedy", "$.log.line", "$.run.period.words", "$.retry.attempt", "$$.Execution.Id", "$.log.link"))
}

// notifySuccessState tells the topic that a result is there. A run is a success
// also when nobody can be told.
func notifySuccessState(in machineInputs) state {
	message := strings.Join([]string{
		"{} succeeded",
		"",
		"Input: s3://" + in.inputBucket + "/{} ({})",
		"Period: {}",
		"Attempts: {}",
		"Execution: " + in.executionLink(),
		"Log of the job: {}",
	}, "\n")
	return publish(in, "succeeded", "Succeeded",
		format(message, "$$.StateMachine.Name", "$.run.input.key", "$.found.words", "$.run.period.words", "$.retry.attempt", "$$.Execution.Id", "$.log.link"))
}

func publish(in machineInputs, what, next, message string) state {
	return state{
		"Type":     "Task",
		"Resource": fmt.Sprintf("arn:%s:states:::sns:publish", in.place.partition()),
		"Parameters": map[string]any{
			"TopicArn":  in.topicArn,
			"Subject":   subject(in.pipelineName + " " + what),
			"Message.$": message,
		},
		"ResultPath": "$.notification",
		"Retry": []any{map[string]any{
			"ErrorEquals": []string{"States.ALL"}, "IntervalSeconds": 5, "BackoffRate": 2, "MaxAttempts": 4, "JitterStrategy": "FULL",
		}},
		"Catch": []any{catchAll("$.notification", next)},
		"Next":  next,
	}
}
