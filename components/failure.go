package components

import "fmt"

// errorFailed is the error of an execution that told people why it failed.
const errorFailed = "PreprocessingFailed"

// errorRedriven never leaves the machine; see failureStates.
const errorRedriven = "Redriven"

// failureStates end an execution, so that it can be redriven. A redrive goes on
// at the state that failed. A Fail state would only fail once more, so the last
// state is a task that reports its own failure, with our words as error and cause:
//
//	Notify ─► CountRedrives ─► Failed ─► (the execution fails)
//	                             │ redriven               │ refused
//	                             ▼                        ▼
//	                          Prepare                   GiveUp
//
// CountRedrives is not repeated by a redrive, Failed is: there it finds a number
// of redrives that is not the one that was counted, calls that an error of another
// name and catches it, and the run begins anew. GiveUp is for the day on which
// Step Functions does not answer: the same end, but no redrive.
func failureStates(in machineInputs) map[string]state {
	return map[string]state{
		"CountRedrives": {
			"Type":       "Pass",
			"Comment":    "So that Failed can tell a redrive",
			"Parameters": map[string]any{"count.$": "$$.Execution.RedriveCount"},
			"ResultPath": "$.redrives",
			"Next":       "Failed",
		},
		"Failed": {
			"Type":     "Task",
			"Comment":  "Fails, and begins anew when it is redriven",
			"Resource": fmt.Sprintf("arn:%s:states:::aws-sdk:sfn:sendTaskFailure.waitForTaskToken", in.place.partition()),
			"Parameters": map[string]any{ //nolint:gosec // the path of a token, not a token
				"TaskToken.$": "$$.Task.Token",
				// The language does not compare here, but a list without what is
				// twice in it has one item or two.
				"Error.$": fmt.Sprintf("States.ArrayGetItem(States.Array('', '%s', '%s'), States.ArrayLength(States.ArrayUnique(States.Array($.redrives.count, $$.Execution.RedriveCount))))",
					errorFailed, errorRedriven),
				"Cause.$": "$.failure.summary",
			},
			"ResultPath":     "$.redrives",
			"TimeoutSeconds": checkTimeout,
			"Catch": []any{
				map[string]any{"ErrorEquals": []string{errorRedriven}, "ResultPath": "$.redrives", "Next": "Prepare"},
				map[string]any{
					"ErrorEquals": []string{"Sfn.SfnException", "Sfn.SdkClientException", "Sfn.InvalidTokenException", "Sfn.TaskDoesNotExistException", "Sfn.TaskTimedOutException",
						"States.Permissions", "States.Timeout"},
					"ResultPath": "$.redrives", "Next": "GiveUp",
				},
			},
			"Next": "GiveUp",
		},
		"GiveUp": {"Type": "Fail", "Error": errorFailed, "CausePath": "$.failure.summary"},
	}
}
