package components

import "fmt"

// tooManyFailed is how an execution ends of whose parts more failed than are
// tolerated; see scaleStates.
const tooManyFailed = "States.ExceedToleratedFailureThreshold"

const remedyFailedParts = "Mend what the cause names. Then redrive the execution within 14 days: it runs the parts again that failed, and no other. " +
	"`dspipe retry <run>` does it, or `aws stepfunctions redrive-execution --execution-arn <the run's>`."

// partsToldStates find out what became of the parts of a run:
//
//	HasTold ─► FindParts ─► CountParts ─► FindFailedPart ─► SeeFailedPart ─► ExplainParts
//
// When one of these cannot be answered, ExplainSomeParts says what is known.
func partsToldStates(in machineInputs) map[string]state {
	const execution = "$.input.executionArn"
	ask := func(comment, call, resultPath, next string, parameters, selector map[string]any) state {
		return state{
			"Type":           "Task",
			"Comment":        comment,
			"Resource":       fmt.Sprintf("arn:%s:states:::aws-sdk:sfn:%s", in.place.partition(), call),
			"Parameters":     parameters,
			"ResultSelector": selector,
			"ResultPath":     resultPath,
			"TimeoutSeconds": checkTimeout,
			"Retry":          []any{claimRetry("States.ALL")},
			"Catch":          []any{catchAll("$.unseen", "ExplainSomeParts")},
			"Next":           next,
		}
	}
	return map[string]state{
		"FindParts": ask("Of the last map of the run", "listMapRuns", "$.map", "CountParts",
			map[string]any{"ExecutionArn.$": execution, "MaxResults": 1}, map[string]any{"arn.$": "$.MapRuns[0].MapRunArn"}),
		"CountParts": ask("How many?", "describeMapRun", "$.counts", "FindFailedPart",
			map[string]any{"MapRunArn.$": "$.map.arn"},
			map[string]any{"failed.$": "$.ExecutionCounts.Failed", "total.$": "$.ExecutionCounts.Total"}),
		"FindFailedPart": ask("One of those that failed", "listExecutions", "$.part", "SeeFailedPart",
			map[string]any{"MapRunArn.$": "$.map.arn", "StatusFilter": "FAILED", "MaxResults": 1}, map[string]any{"arn.$": "$.Executions[0].ExecutionArn"}),
		"SeeFailedPart": ask("Why?", "describeExecution", "$.why", "ExplainParts",
			map[string]any{"ExecutionArn.$": "$.part.arn"}, map[string]any{"cause.$": "$.Cause"}),
		"ExplainParts": explain("More than are tolerated", remedyFailedParts, map[string]any{
			"summary.$": format(in.pipelineName+" failed, as {} of {} parts of a run did: "+in.executionLink()+"\nOne of them, {}: {}",
				"$.counts.failed", "$.counts.total", execution, "$.part.arn", "$.why.cause"),
		}),
		"ExplainSomeParts": explain("More than are tolerated", remedyFailedParts, map[string]any{
			"summary.$": format(in.pipelineName+" failed, as too many parts of a run did: "+in.executionLink(), execution),
		}),
	}
}

// seePartsRights let the watch ask about the parts of a run.
func seePartsRights(args *WatchArgs) []statement {
	if !args.ScaleOut {
		return nil
	}
	place, pipeline := args.Place, args.PipelineName
	return []statement{
		{
			// A run has a name that is not known before.
			Sid:      "FindParts",
			Effect:   "Allow",
			Action:   []string{"states:ListMapRuns"},
			Resource: []string{place.arn("states", "execution:"+pipeline+":*")},
		},
		{
			// Nor have its maps and their parts.
			Sid:      "CountParts",
			Effect:   "Allow",
			Action:   []string{"states:DescribeMapRun", "states:ListExecutions"},
			Resource: []string{place.arn("states", "mapRun:"+pipeline+"/*")},
		},
		{
			// Any part of any run.
			Sid:      "SeeFailedPart",
			Effect:   "Allow",
			Action:   []string{"states:DescribeExecution"},
			Resource: []string{place.arn("states", "execution:"+pipeline+"/*")},
		},
	}
}
