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

// inputStates look for the input object. A missing or empty one ends the run in
// words that name it: no task is started, which would come to the same end
// minutes later.
func inputStates(in machineInputs) map[string]state {
	const key = "$.run.input.key"
	object := "the input object s3://" + in.inputBucket + "/{} "
	parameter := in.parameterPrefix + contract.InputKey
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
			"ResultSelector": map[string]any{"bytes.$": "$.ContentLength"},
			"ResultPath":     "$.found",
			"TimeoutSeconds": checkTimeout,
			"Retry": []any{
				map[string]any{"ErrorEquals": []string{"S3.NoSuchKeyException"}, "MaxAttempts": 0},
				// S3.S3Exception is every other answer of S3: throttling, its own
				// faults, and 403, which new permissions cause for some seconds.
				map[string]any{
					"ErrorEquals":     []string{"S3.S3Exception", "S3.SdkClientException", "States.Timeout"},
					"IntervalSeconds": 2,
					"BackoffRate":     2,
					"MaxAttempts":     checkRetries,
					"JitterStrategy":  "FULL",
				},
			},
			"Catch": []any{
				map[string]any{"ErrorEquals": []string{"S3.NoSuchKeyException"}, "ResultPath": "$.error", "Next": "ExplainMissingInput"},
				catchAll("$.error", "DiagnoseInput"),
			},
			"Next": "WeighInput",
		},
		"DiagnoseInput": choice("Why could it not be checked?", "ExplainUncheckedInput",
			// The answer to HEAD has no body, so the name of the error may be lost.
			and("ExplainMissingInput", isPresent("$.error.Cause"), matches("$.error.Cause", "*Status Code: 404*")),
			and("ExplainRefusedInput", isPresent("$.error.Cause")),
		),
		"WeighInput": choice("Is there anything in it?", "Preprocess",
			state{"Variable": "$.found.bytes", "NumericEquals": 0, "Next": "ExplainEmptyInput"},
		),
		"ExplainMissingInput": explain("The data has not come, or has another name", remedyMissing, map[string]any{
			"summary.$": format(object+"does not exist", key),
		}),
		"ExplainEmptyInput": explain("An upload of nothing", remedyEmpty, map[string]any{
			"summary.$": format(object+"is empty", key),
		}),
		"ExplainRefusedInput": explain("S3 answered something else", remedyNoAnswer, map[string]any{
			"summary.$": format(object+"could not be checked: {}: {}", key, "$.error.Error", "$.error.Cause"),
		}),
		"ExplainUncheckedInput": explain("S3 did not answer", remedyNoAnswer, map[string]any{
			"summary.$": format(object+"could not be checked: {}", key, "$.error.Error"),
		}),
	}
}
