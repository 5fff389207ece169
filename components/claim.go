package components

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/dynamodb"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const (
	remedyOverlap = "Nothing of this request has run. Wait until the other execution has ended, then redrive this one or start it again."
	remedyClaim   = "Compare the table of runs and the policy of the machine's role with what the stack deploys; else start again later."
)

// The attributes of an item in the table of runs, one for each period.
const (
	claimPeriod    = "period"    // the key: "2026-11"
	claimExecution = "execution" // ARN of the execution that may work on the period
	claimRequest   = "request"   // what that one was started with, as JSON
)

// claimStates let one execution at a time work on a period. It writes its ARN
// into the table of runs on the condition that nobody else stands there:
//
//	Claim ─► IsPattern
//	  │ taken            the other one has ended
//	  ▼                                 │
//	FindHolder ─► SeeHolder ─► IsHolderRunning ─► TakeOver ─► IsPattern
//	  ▲                             │ it runs         │
//	  └─────────────────────────────┼─────────────────┘ somebody was faster
//	                                ▼
//	                          IsSameRequest ─► AlreadyRunning, a success
//	                                │ another request
//	                                ▼
//	                          ExplainOverlap ─► Notify
//
// EventBridge delivers at least once, so that the same start comes twice now and
// then: that is nothing to tell people. Another request for the period would be
// lost, so they are told. Nobody gives a claim back: who finds one of an execution
// that has ended takes it over, however that one ended.
func claimStates(in machineInputs) map[string]state {
	names := map[string]any{"#execution": claimExecution}
	me := map[string]any{"S.$": "$$.Execution.Id"}
	put := func(comment, condition string, names, values map[string]any) state {
		return state{
			"Type":     "Task",
			"Comment":  comment,
			"Resource": fmt.Sprintf("arn:%s:states:::dynamodb:putItem", in.place.partition()),
			"Parameters": map[string]any{
				"TableName": in.runsTable,
				"Item": map[string]any{
					claimPeriod:    map[string]any{"S.$": "$.run.period.name"},
					claimExecution: me,
					claimRequest:   map[string]any{"S.$": "$.request.text"},
				},
				"ConditionExpression":       condition,
				"ExpressionAttributeNames":  names,
				"ExpressionAttributeValues": values,
			},
			"ResultSelector": map[string]any{"execution.$": "$$.Execution.Id"},
			"ResultPath":     "$.holder",
			"TimeoutSeconds": checkTimeout,
			"Retry": []any{
				map[string]any{"ErrorEquals": []string{takenError}, "MaxAttempts": 0},
				claimRetry("States.ALL"),
			},
			"Catch": []any{
				map[string]any{"ErrorEquals": []string{takenError}, "ResultPath": "$.error", "Next": "FindHolder"},
				catchAll("$.error", "ExplainClaim"),
			},
			"Next": "IsPattern",
		}
	}
	return map[string]state{
		// A repetition finds what it wrote itself, and so does a redrive.
		"Claim": put("One run of a period at a time", "attribute_not_exists(#execution) OR #execution = :me", names, map[string]any{":me": me}),
		"FindHolder": {
			"Type":     "Task",
			"Comment":  "Who works on this period?",
			"Resource": fmt.Sprintf("arn:%s:states:::dynamodb:getItem", in.place.partition()),
			"Parameters": map[string]any{
				"TableName":      in.runsTable,
				"Key":            map[string]any{claimPeriod: map[string]any{"S.$": "$.run.period.name"}},
				"ConsistentRead": true,
			},
			"ResultSelector": map[string]any{
				"execution.$": "$.Item." + claimExecution + ".S",
				"request.$":   "$.Item." + claimRequest + ".S",
			},
			"ResultPath":     "$.holder",
			"TimeoutSeconds": checkTimeout,
			"Retry":          []any{claimRetry("States.ALL")},
			"Catch":          []any{catchAll("$.error", "ExplainClaim")},
			"Next":           "SeeHolder",
		},
		"SeeHolder": {
			"Type":           "Task",
			"Comment":        "Does it still?",
			"Resource":       fmt.Sprintf("arn:%s:states:::aws-sdk:sfn:describeExecution", in.place.partition()),
			"Parameters":     map[string]any{"ExecutionArn.$": "$.holder.execution"},
			"ResultSelector": map[string]any{"status.$": "$.Status"},
			"ResultPath":     "$.seen",
			"TimeoutSeconds": checkTimeout,
			// An execution that has just begun may not be seen at once, so that one
			// that does not exist is looked for again, too.
			"Retry": []any{claimRetry("States.ALL")},
			"Catch": []any{
				map[string]any{"ErrorEquals": []string{"Sfn.ExecutionDoesNotExistException"}, "ResultPath": "$.error", "Next": "TakeOver"},
				catchAll("$.error", "ExplainClaim"),
			},
			"Next": "IsHolderRunning",
		},
		"IsHolderRunning": choice("Or has it ended, in whatever way?", "TakeOver",
			state{"Variable": "$.seen.status", "StringEquals": "RUNNING", "Next": "IsSameRequest"},
			state{"Variable": "$.seen.status", "StringEquals": "PENDING_REDRIVE", "Next": "IsSameRequest"},
		),
		"TakeOver": put("Unless somebody else was faster", "#execution = :holder", names, map[string]any{
			":holder": map[string]any{"S.$": "$.holder.execution"},
		}),
		"IsSameRequest": choice("The same start, delivered twice?", "ExplainOverlap",
			state{"Variable": "$.holder.request", "StringEqualsPath": "$.request.text", "Next": "AlreadyRunning"},
		),
		"AlreadyRunning": {"Type": "Succeed", "Comment": "The other execution does the work; $.holder names it"},
		"ExplainOverlap": explain("Two requests for one period", remedyOverlap, map[string]any{
			"summary.$": format("another execution is working on period {}: {}", "$.run.period.name", "$.holder.execution"),
		}),
		"ExplainClaim": explain("The table of runs or Step Functions did not answer", remedyClaim, map[string]any{
			"summary.$": format("it could not be found out whether another execution is working on period {}: {}", "$.run.period.name", "$.error.Error"),
		}),
	}
}

// takenError is what DynamoDB says when the condition of a write does not hold.
const takenError = "DynamoDB.ConditionalCheckFailedException"

func claimRetry(names ...string) any {
	return map[string]any{
		"ErrorEquals": names, "IntervalSeconds": 2, "BackoffRate": 2, "MaxAttempts": checkRetries, "JitterStrategy": "FULL",
	}
}

// newRunsTable creates the table of runs: for each period, which execution may
// work on it. It is billed by request, which is nothing for a few a month. Nobody
// needs what was in it, but without it no run gets past its first step: so what
// protects the data protects it, too.
func newRunsTable(ctx *pulumi.Context, name string, args *PipelineArgs, parent pulumi.Resource) (*dynamodb.Table, error) {
	table, err := dynamodb.NewTable(ctx, name, &dynamodb.TableArgs{
		BillingMode: pulumi.String("PAY_PER_REQUEST"),
		HashKey:     pulumi.String(claimPeriod),
		Attributes: dynamodb.TableAttributeArray{
			&dynamodb.TableAttributeArgs{Name: pulumi.String(claimPeriod), Type: pulumi.String("S")},
		},
		PointInTimeRecovery:  &dynamodb.TablePointInTimeRecoveryArgs{Enabled: pulumi.Bool(true)},
		ServerSideEncryption: tableEncryption(args.KMSKeyArn),
		// DynamoDB refuses, too, whoever goes round this program.
		DeletionProtectionEnabled: pulumi.Bool(args.ProtectData),
	}, pulumi.Parent(parent), pulumi.Protect(args.ProtectData))
	if err != nil {
		return nil, fmt.Errorf("create table %q: %w", name, err)
	}
	return table, nil
}

// tableEncryption is the key of a table; nil leaves it to a key that DynamoDB owns.
func tableEncryption(keyArn pulumi.StringInput) dynamodb.TableServerSideEncryptionPtrInput {
	if keyArn == nil {
		return nil
	}
	return &dynamodb.TableServerSideEncryptionArgs{Enabled: pulumi.Bool(true), KmsKeyArn: keyPtr(keyArn)}
}
