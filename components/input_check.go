package components

import (
	"fmt"

	"ds-pipeline/preprocess/contract"
)

// How often a check of the input object is repeated when S3 does not answer it,
// and how long one may take, in seconds.
const (
	checkRetries = 4
	checkTimeout = 30
)

// wildcards start what is not literal in a glob, as the job reads it.
const wildcards = `*?[\`

// listedKeys is how many objects of a pattern are looked at. With keys as long as
// S3 allows the answer is half of what a state may hold, 256 KiB.
const listedKeys = 100

// inputStates look for the input. A missing or empty one ends the run in words
// that name it: no task is started, which would come to the same end minutes later.
//
//	IsPattern ─► CheckInput ─► WeighInput ─► Preprocess
//	    │ a prefix or a glob
//	    └─► Take… ─► ListInput ─► IsAnyListed ─► WeighListed ─► IsAnyFilled ─► NoteListed ─► Preprocess
//
// The language cannot tell which names a glob stands for; the job can. What is
// looked at here are the first objects that start as the glob does, up to its
// first wildcard.
func inputStates(in machineInputs) map[string]state {
	const key = "$.run.input.key"
	input := "the input s3://" + in.inputBucket + "/{} "
	object := "the input object s3://" + in.inputBucket + "/{} "
	parameter := in.parameterPrefix + contract.InputKey
	// S3.S3Exception is every answer of S3 without a name: throttling, its own
	// faults, and 403, which new permissions cause for some seconds.
	again := map[string]any{
		"ErrorEquals":     []string{"S3.S3Exception", "S3.SdkClientException", "States.Timeout"},
		"IntervalSeconds": 2,
		"BackoffRate":     2,
		"MaxAttempts":     checkRetries,
		"JitterStrategy":  "FULL",
	}
	start := func(comment string, prefix map[string]any) state {
		return state{"Type": "Pass", "Comment": comment, "Parameters": prefix, "ResultPath": "$.start", "Next": "ListInput"}
	}
	return map[string]state{
		"FindInput": {
			"Type":     "Task",
			"Comment":  "Where is the data? The job asks the same parameter, which may change between deployments",
			"Resource": fmt.Sprintf("arn:%s:states:::aws-sdk:ssm:getParameter", in.place.partition()),
			"Parameters": map[string]any{
				"Name": parameter,
			},
			"ResultSelector": map[string]any{"key.$": "$.Parameter.Value"},
			"ResultPath":     "$.run.input",
			"TimeoutSeconds": checkTimeout,
			"Retry": []any{
				map[string]any{"ErrorEquals": []string{"Ssm.ParameterNotFoundException"}, "MaxAttempts": 0},
				map[string]any{
					"ErrorEquals":     []string{"Ssm.SsmException", "Ssm.SdkClientException", "Ssm.InternalServerErrorException", "States.Timeout"},
					"IntervalSeconds": 2,
					"BackoffRate":     2,
					"MaxAttempts":     checkRetries,
					"JitterStrategy":  "FULL",
				},
			},
			"Catch": []any{catchAll("$.error", "ExplainUnknownInput")},
			"Next":  "HasModelKey",
		},
		"ExplainUnknownInput": explain("The parameter is gone, or Parameter Store did not answer", remedyParameter, map[string]any{
			"summary.$": format("the parameter "+parameter+" could not be read: {}", "$.error.Error"),
		}),
		"IsPattern": choice("One object, or all that have such names?", "CheckInput",
			state{"Variable": key, "StringMatches": "*/", "Next": "TakePrefix"},
			anyMatches("TakeNoStart", key, `\**`, "?*", "[*", `\\*`),
			anyMatches("TakeStart", key, `*\**`, "*?*", "*[*", `*\\*`),
		),
		"TakePrefix":  start("Everything below it", map[string]any{"text.$": key}),
		"TakeNoStart": start("Anything may match", map[string]any{"text": ""}),
		"TakeStart": start("What comes before the first wildcard", map[string]any{
			"text.$": "States.ArrayGetItem(States.StringSplit(" + key + ", $.wildcards), 0)",
		}),
		"ListInput": {
			"Type":     "Task",
			"Comment":  "Is any of the data there?",
			"Resource": fmt.Sprintf("arn:%s:states:::aws-sdk:s3:listObjectsV2", in.place.partition()),
			"Parameters": map[string]any{
				"Bucket":              in.inputBucket,
				"Prefix.$":            "$.start.text",
				"MaxKeys":             listedKeys,
				"ExpectedBucketOwner": in.place.AccountID,
			},
			"ResultPath":     "$.found",
			"TimeoutSeconds": checkTimeout,
			"Retry":          []any{again},
			"Catch":          []any{catchAll("$.error", "DiagnoseInput")},
			"Next":           "IsAnyListed",
		},
		// Without an object there is no list of them, so it is not asked for.
		"IsAnyListed": choice("Is there one?", "WeighListed", state{"Variable": "$.found.KeyCount", "NumericEquals": 0, "Next": "ExplainNoMatch"}),
		"WeighListed": {
			"Type":       "Pass",
			"Comment":    "The marker of a folder has no byte",
			"Parameters": map[string]any{"sizes.$": "States.ArrayUnique($.found.Contents[*].Size)", "more.$": "$.found.IsTruncated"},
			"ResultPath": "$.found",
			"Next":       "IsAnyFilled",
		},
		"IsAnyFilled": choice("Is there anything in one of them, or in one that was not looked at?", "ExplainEmptyMatches",
			state{"Variable": "$.found.sizes[0]", "NumericGreaterThan": 0, "Next": "NoteListed"},
			state{"Variable": "$.found.sizes[1]", "IsPresent": true, "Next": "NoteListed"}, // no two are the same
			state{"Variable": "$.found.more", "BooleanEquals": true, "Next": "NoteListed"},
		),
		"NoteListed": {"Type": "Pass", "Parameters": map[string]any{"words": "its objects are in the manifest"}, "ResultPath": "$.found", "Next": in.afterInput()},
		"ExplainNoMatch": explain("The data has not come, or has other names", remedyMissing, map[string]any{
			"summary.$": format(input+`stands for no object: nothing there starts with "{}"`, key, "$.start.text"),
		}),
		"ExplainEmptyMatches": explain("Uploads of nothing", remedyEmpty, map[string]any{
			"summary.$": format(input+`stands for empty objects alone: nothing that starts with "{}" has a byte`, key, "$.start.text"),
		}),
		"CheckInput": {
			"Type":     "Task",
			"Comment":  "Is the data there?",
			"Resource": fmt.Sprintf("arn:%s:states:::aws-sdk:s3:headObject", in.place.partition()),
			"Parameters": map[string]any{
				"Bucket": in.inputBucket,
				"Key.$":  key,
				// A bucket of the same name that somebody else owns is not ours.
				"ExpectedBucketOwner": in.place.AccountID,
			},
			"ResultSelector": map[string]any{"bytes.$": "$.ContentLength", "words.$": format("{} bytes", "$.ContentLength")},
			"ResultPath":     "$.found",
			"TimeoutSeconds": checkTimeout,
			"Retry": []any{
				map[string]any{"ErrorEquals": []string{"S3.NoSuchKeyException"}, "MaxAttempts": 0},
				again,
			},
			"Catch": []any{
				map[string]any{"ErrorEquals": []string{"S3.NoSuchKeyException"}, "ResultPath": "$.error", "Next": "ExplainMissingInput"},
				catchAll("$.error", "DiagnoseInput"),
			},
			"Next": "WeighInput",
		},
		"DiagnoseInput": choice("Why could it not be checked?", "ExplainUncheckedInput",
			// The answer to HEAD has no body, so the name of the error may be lost.
			and("ExplainMissingInput", state{"Not": isPresent("$.start")}, isPresent("$.error.Cause"), matches("$.error.Cause", "*Status Code: 404*")),
			and("ExplainRefusedInput", isPresent("$.error.Cause")),
		),
		"WeighInput": choice("Is there anything in it?", in.afterInput(),
			state{"Variable": "$.found.bytes", "NumericEquals": 0, "Next": "ExplainEmptyInput"},
		),
		"ExplainMissingInput": explain("The data has not come, or has another name", remedyMissing, map[string]any{
			"summary.$": format(object+"does not exist", key),
		}),
		"ExplainEmptyInput": explain("An upload of nothing", remedyEmpty, map[string]any{
			"summary.$": format(object+"is empty", key),
		}),
		"ExplainRefusedInput": explain("S3 answered something else", remedyNoAnswer, map[string]any{
			"summary.$": format(input+"could not be checked: {}: {}", key, "$.error.Error", "$.error.Cause"),
		}),
		"ExplainUncheckedInput": explain("S3 did not answer", remedyNoAnswer, map[string]any{
			"summary.$": format(input+"could not be checked: {}", key, "$.error.Error"),
		}),
	}
}
