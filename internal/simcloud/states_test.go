package simcloud

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// machine is a state machine that starts with A.
func machine(states string) string { return `{"StartAt": "A", "States": {` + states + `}}` }

const (
	end     = `"B": {"Type": "Succeed"}`
	runTask = `"Type": "Task", "Resource": "arn:aws:states:::ecs:runTask.sync", "Parameters": {"TaskDefinition": "t"}`
)

// distributed is a machine with a distributed map that has more fields.
func distributed(more string) string {
	return machine(`"A": {"Type": "Map", ` + more +
		`"ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "C", "States": {"C": {"Type": "Succeed"}}}, "End": true}`)
}

func TestStates_acceptWhatStepFunctionsDoes(t *testing.T) {
	for _, definition := range []string{
		machine(`"A": {"Type": "Pass", "End": true}`),
		`{"Comment": "c", "StartAt": "A", "TimeoutSeconds": 60, "Version": "1.0", "States": {"A": {"Type": "Fail", "Error": "E", "Cause": "C"}}}`,
		machine(`"A": {` + runTask + `, "TimeoutSeconds": 60, "HeartbeatSeconds": 30, "ResultPath": null, "Next": "B",
			"Retry": [{"ErrorEquals": ["ECS.AmazonECSException", "States.Timeout"], "IntervalSeconds": 2, "MaxAttempts": 3, "BackoffRate": 2, "MaxDelaySeconds": 60, "JitterStrategy": "FULL"}, {"ErrorEquals": ["States.ALL"]}],
			"Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "B"}]}, ` + end),
		machine(`"A": {"Type": "Choice", "Choices": [{"Variable": "$.a", "NumericEquals": 1, "Next": "B"}, {"And": [{"Variable": "$.a", "IsPresent": true}, {"Not": {"Variable": "$.a", "StringMatches": "x*"}}], "Next": "B"}, {"Variable": "$.a", "TimestampLessThanPath": "$.b", "Next": "B"}], "Default": "B"}, ` + end),
		machine(`"A": {"Type": "Wait", "Seconds": 0, "Next": "B"}, ` + end),
		machine(`"A": {"Type": "Parallel", "Branches": [{"StartAt": "C", "States": {"C": {"Type": "Succeed"}}}], "Next": "B"}, ` + end),
		machine(`"A": {"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": {"ProcessorConfig": {}, "StartAt": "C", "States": {"C": {"Type": "Pass", "End": true}}}, "MaxConcurrency": 2, "End": true}`),
		distributed(``),
		distributed(`"Label": "Parts", "MaxConcurrency": 0, "ToleratedFailurePercentage": 100, "ItemSelector": {"a.$": "$$.Map.Item.Value.Key"}, `),
		distributed(`"ItemReader": {"Resource": "arn:aws:states:::s3:listObjectsV2", "Parameters": {"Bucket": "b", "Prefix.$": "$.p"}}, `),
		distributed(`"ItemReader": {"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": {"InputType": "MANIFEST"}, "Parameters": {"Bucket": "b", "Key.$": "$.k"}}, `),
		distributed(`"ItemBatcher": {"MaxItemsPerBatch": 5, "MaxInputBytesPerBatch": 262144, "BatchInput": {"a.$": "$.a"}}, "ResultWriter": {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "b", "Prefix": "p"}}, `),
		machine(`"A": {"Type": "Pass", "Parameters": {"a.$": "$.a", "b.$": "States.Format('{}', $.b)", "c": [{"d.$": "$$.Execution.Id"}]}, "End": true}`),
		`{"QueryLanguage": "JSONata", "StartAt": "A", "States": {"A": {"Type": "Choice", "Choices": [{"Condition": "{% $states.input.a = 1 %}", "Next": "B"}], "Default": "B"}, "B": {"Type": "Pass", "Output": "{% 1 %}", "End": true}}}`,
	} {
		if problems := checkStates(definition); len(problems) > 0 {
			t.Errorf("%s: got problems %q, want none", definition, problems)
		}
	}
}

func TestStates_refuseWhatStepFunctionsDoes(t *testing.T) {
	task := func(more string) string {
		return machine(`"A": {` + runTask + `, ` + more + `, "Next": "B"}, ` + end)
	}
	choice := func(rule string) string {
		return machine(`"A": {"Type": "Choice", "Choices": [` + rule + `], "Default": "B"}, ` + end)
	}
	tests := []struct{ definition, want string }{
		{`{`, "not valid JSON"},
		{`[]`, "want an object with StartAt and States"},
		{`{"StartAt": "A"}`, "States: got nothing"},
		{`{"States": {"A": {"Type": "Succeed"}}}`, "StartAt: got nothing, want the name of a state"},
		{`{"StartAt": "B", "States": {"A": {"Type": "Succeed"}}}`, `StartAt: got "B"`},
		{`{"StartAt": "A", "Sates": 1, "States": {"A": {"Type": "Succeed"}}}`, `Sates: unknown field; did you mean "States"?`},
		{`{"StartAt": "A", "Version": "2", "States": {"A": {"Type": "Succeed"}}}`, "Version: got"},
		{`{"StartAt": "A", "TimeoutSeconds": 0, "States": {"A": {"Type": "Succeed"}}}`, "TimeoutSeconds: got 0"},
		{`{"StartAt": "A", "QueryLanguage": "SQL", "States": {"A": {"Type": "Succeed"}}}`, "QueryLanguage: got"},
		{machine(`"A": {"Type": "Stop"}`), "States.A.Type: got"},
		{machine(`"A": "Succeed"`), "States.A: got"},
		{machine(`"A": {"Type": "Pass", "Next": "C"}`), `States.A.Next: got "C"`},
		{machine(`"A": {"Type": "Pass"}`), "States.A: want exactly one of Next and End"},
		{machine(`"A": {"Type": "Pass", "Next": "B", "End": true}, ` + end), "want exactly one of Next and End"},
		{machine(`"A": {"Type": "Pass", "End": false}`), "States.A.End: got false"},
		{machine(`"A": {"Type": "Pass", "Next": 1}`), "States.A.Next: got 1"},
		{machine(`"A": {"Type": "Pass", "End": true, "Retry": []}`), "States.A.Retry: unknown field"},
		{machine(`"A": {"Type": "Succeed", "Next": "B"}, ` + end), "States.A.Next: unknown field"},
		{machine(`"A": {"Type": "Succeed"}, ` + end), `States.B: no path from "A" leads here`},
		{machine(`"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "Next": "A"}`), "States: no state ends"},
		{machine(`"` + strings.Repeat("A", 81) + `": {"Type": "Succeed"}`), "the name has 81 characters"},
		{machine(`"A": {"Type": "Parallel", "Branches": [{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}], "End": true}`), "the name is used twice"},
		{machine(`"A": {"Type": "Parallel", "Branches": [], "End": true}`), "States.A.Branches: got"},
		{machine(`"A": {"Type": "Parallel", "Branches": ["x"], "End": true}`), "States.A.Branches[0]: got"},
		{machine(`"A": {"Type": "Map", "End": true}`), "want exactly one of ItemProcessor and Iterator"},
		{machine(`"A": {"Type": "Map", "MaxConcurrency": -1, "Iterator": {"StartAt": "C", "States": {"C": {"Type": "Succeed"}}}, "End": true}`), "MaxConcurrency: got -1"},
		{distributed(`"Label": "a b", `), `States.A.Label: got "a b", want 1 to 40 characters`},
		{distributed(`"Label": "` + strings.Repeat("x", 41) + `", `), "States.A.Label: got"},
		{distributed(`"ToleratedFailurePercentage": 101, `), "ToleratedFailurePercentage: got 101, want at most 100"},
		{distributed(`"ItemReader": 1, `), "States.A.ItemReader: got 1, want an object"},
		{distributed(`"ItemReader": {"Resource": "arn:aws:states:::s3:headObject"}, `), "ItemReader.Resource: got"},
		{distributed(`"ItemReader": {"Resource": "arn:aws:states:::s3:listObjectsV2", "Parameters": {}}, `), "ItemReader.Parameters.Bucket: missing"},
		{distributed(`"ItemReader": {"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": {"InputType": "XML"}, "Parameters": {"Bucket": "b"}}, `), `ReaderConfig.InputType: got "XML"`},
		{distributed(`"ItemReader": {"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": {"InputType": "JSON"}, "Parameters": {"Bucket": "b"}}, `), "ItemReader.Parameters.Key: missing"},
		{distributed(`"ItemReader": {"Resource": "arn:aws:states:::s3:listObjectsV2", "Parameters": {"Bucket.$": "b"}}, `), "Bucket.$: got"},
		{distributed(`"ItemReader": {"Resource": "arn:aws:states:::s3:listObjectsV2", "Where": 1, "Parameters": {"Bucket": "b"}}, `), "ItemReader.Where: unknown field"},
		{distributed(`"ItemBatcher": {}, `), "ItemBatcher: want MaxItemsPerBatch, MaxInputBytesPerBatch or both"},
		{distributed(`"ItemBatcher": {"MaxItemsPerBatch": 0}, `), "MaxItemsPerBatch: got 0"},
		{distributed(`"ItemBatcher": {"MaxInputBytesPerBatch": 262145}, `), "MaxInputBytesPerBatch: got 262145, want at most 262144"},
		{distributed(`"ItemBatcher": {"MaxItemsPerBatch": 1, "BatchInput": {"a.$": "a"}}, `), "BatchInput.a.$: got"},
		{distributed(`"ResultWriter": {"Resource": "arn:aws:states:::s3:getObject", "Parameters": {"Bucket": "b"}}, `), "ResultWriter.Resource: got"},
		{distributed(`"ResultWriter": {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "b"}}, `), "ResultWriter.Parameters.Prefix: missing"},
		{strings.Replace(distributed(``), `"STANDARD"`, `"FAST"`, 1), `ExecutionType: got "FAST"`},
		{strings.Replace(distributed(``), `"DISTRIBUTED"`, `"SPREAD"`, 1), `Mode: got "SPREAD"`},
		{strings.Replace(distributed(``), `"DISTRIBUTED"`, `"INLINE"`, 1), "ExecutionType: belongs to the mode DISTRIBUTED"},
		{machine(`"A": {"Type": "Map", "Label": "Parts", "ItemProcessor": {"StartAt": "C", "States": {"C": {"Type": "Succeed"}}}, "End": true}`), "Label: belongs to a map of the mode DISTRIBUTED"},
		{machine(`"A": {"Type": "Wait", "End": true}`), "want exactly one of Seconds"},
		{machine(`"A": {"Type": "Wait", "Seconds": 1, "Timestamp": "x", "End": true}`), "want exactly one of Seconds"},
		{machine(`"A": {"Type": "Wait", "Seconds": 1.5, "End": true}`), "States.A.Seconds: got 1.5"},
		{machine(`"A": {"Type": "Fail", "Error": "E", "ErrorPath": "$.e"}`), "States.A.ErrorPath: conflicts with Error"},
		{machine(`"A": {"Type": "Task", "Resource": "runTask", "End": true}`), "States.A.Resource: got"},
		{machine(`"A": {"Type": "Task", "Resource": "arn:aws:states:::ecs:runTask.sync", "End": true}`), "States.A.Parameters.TaskDefinition: missing; ecs:runTask needs it"},
		{machine(`"A": {"Type": "Task", "Resource": "arn:aws:states:::sns:publish", "Parameters": {"TopicArn": "t"}, "End": true}`), "States.A.Parameters.Message: missing"},
		{task(`"HeartbeatSeconds": 60, "TimeoutSeconds": 60`), "HeartbeatSeconds: got 60, want less than TimeoutSeconds, 60"},
		{task(`"ResultPath": "error"`), "States.A.ResultPath: got"},
		{task(`"InputPath": 1`), "States.A.InputPath: got 1"},
		{task(`"Arguments": {}`), "belongs to JSONata"},
		{task(`"Retry": {}`), "States.A.Retry: got {}, want a list"},
		{task(`"Retry": ["x"]`), "States.A.Retry[0]: got"},
		{task(`"Retry": [{"ErrorEquals": []}]`), "ErrorEquals: got [], want at least one"},
		{task(`"Retry": [{"ErrorEquals": [1]}]`), "ErrorEquals[0]: got 1"},
		{task(`"Retry": [{"ErrorEquals": ["States.All"]}]`), "want a name that Step Functions raises"},
		{task(`"Retry": [{"ErrorEquals": ["States.ALL"]}, {"ErrorEquals": ["E"]}]`), "States.ALL must be alone, in the last entry"},
		{task(`"Retry": [{"ErrorEquals": ["States.ALL", "E"]}]`), "States.ALL must be alone, in the last entry"},
		{task(`"Retry": [{"ErrorEquals": ["E"], "IntervalSeconds": 0}]`), "IntervalSeconds: got 0"},
		{task(`"Retry": [{"ErrorEquals": ["E"], "MaxAttempts": -1}]`), "MaxAttempts: got -1"},
		{task(`"Retry": [{"ErrorEquals": ["E"], "BackoffRate": 0.5}]`), "BackoffRate: got 0.5"},
		{task(`"Retry": [{"ErrorEquals": ["E"], "JitterStrategy": "SOME"}]`), "JitterStrategy: got"},
		{task(`"Retry": [{"ErrorEquals": ["E"], "IntervalSeconds": 5, "MaxDelaySeconds": 5}]`), "MaxDelaySeconds: got 5, want more than IntervalSeconds"},
		{task(`"Retry": [{"ErrorEquals": ["E"], "Delay": 5}]`), "Retry[0].Delay: unknown field"},
		{task(`"Catch": [{"ErrorEquals": ["E"]}]`), "Catch[0].Next: got nothing"},
		{task(`"Catch": [{"ErrorEquals": ["E"], "Next": "Z"}]`), `Catch[0].Next: got "Z"`},
		{task(`"Catch": [{"ErrorEquals": ["E"], "Next": "B", "ResultPath": "e"}]`), "Catch[0].ResultPath: got"},
		{machine(`"A": {"Type": "Pass", "Parameters": {"a.$": "a"}, "End": true}`), "States.A.Parameters.a.$: got"},
		{machine(`"A": {"Type": "Pass", "Parameters": {"a.$": "States.Format('{}', $.b"}, "End": true}`), "want balanced parentheses"},
		{machine(`"A": {"Type": "Pass", "Parameters": {"a": 1, "a.$": "$.a"}, "End": true}`), "given with and without .$"},
		{machine(`"A": {"Type": "Choice", "Choices": []}`), "States.A.Choices: got"},
		{machine(`"A": {"Type": "Choice", "Choices": ["x"], "Default": "B"}, ` + end), "States.A.Choices[0]: got"},
		{machine(`"A": {"Type": "Choice", "Choices": [{"Variable": "$.a", "IsPresent": true, "Next": "B"}], "Default": "C"}, ` + end), `States.A.Default: got "C"`},
		{machine(`"A": {"Type": "Choice", "Choices": [{"Variable": "$.a", "IsPresent": true, "Next": "B"}], "Default": 1}, ` + end), "States.A.Default: got 1"},
		{choice(`{"Variable": "$.a", "IsPresent": true}`), "Choices[0].Next: got nothing"},
		{choice(`{"Variable": "$.a", "Next": "B"}`), "want exactly one comparison"},
		{choice(`{"Variable": "$.a", "IsNull": true, "IsPresent": true, "Next": "B"}`), "want exactly one comparison"},
		{choice(`{"IsPresent": true, "Next": "B"}`), "Choices[0].Variable: missing"},
		{choice(`{"Variable": "a", "IsPresent": true, "Next": "B"}`), "Choices[0].Variable: got"},
		{choice(`{"Variable": "$.a", "IsPresent": "yes", "Next": "B"}`), "want true or false"},
		{choice(`{"Variable": "$.a", "NumericEquals": "1", "Next": "B"}`), "want a number"},
		{choice(`{"Variable": "$.a", "StringEquals": 1, "Next": "B"}`), "want text"},
		{choice(`{"Variable": "$.a", "StringEqualsPath": "b", "Next": "B"}`), "want a path that begins with $"},
		{choice(`{"Variable": "$.a", "Equals": 1, "Next": "B"}`), "Choices[0].Equals: unknown comparison"},
		{choice(`{"And": [], "Next": "B"}`), "Choices[0].And: got"},
		{choice(`{"Or": ["x"], "Next": "B"}`), "Choices[0].Or[0]: got"},
		{choice(`{"Not": "x", "Next": "B"}`), "Choices[0].Not: got"},
		{choice(`{"Not": {"Variable": "$.a", "IsNull": true, "Next": "B"}, "Next": "B"}`), "only a whole choice leads on"},
		{`{"QueryLanguage": "JSONata", ` + machine(`"A": {"Type": "Pass", "Parameters": {}, "End": true}`)[1:], "belongs to JSONPath"},
		{`{"QueryLanguage": "JSONata", ` + choice(`{"Condition": "true", "Next": "B"}`)[1:], "want an expression in {% %}"},
	}
	for _, tt := range tests {
		problems := checkStates(tt.definition)
		if !slices.ContainsFunc(problems, func(p string) bool { return strings.Contains(p, tt.want) }) {
			t.Errorf("%s: got problems %q, want %q", tt.definition, problems, tt.want)
		}
	}
}

func TestContainers_areChecked(t *testing.T) {
	valid := samples[taskDefinitionType].valid
	set := func(containers string) []string {
		return validateProps(catalog()[taskDefinitionType], spoil(t, valid, `containerDefinitions=`+fmt.Sprintf("%q", containers)))
	}
	logs := `"logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "g", "awslogs-region": "r", "awslogs-stream-prefix": "p"}}`
	if problems := set(`[{"name": "a", "image": "b:1", ` + logs + `, "command": ["run"], "cpu": 256, "stopTimeout": 120, "secrets": [{"name": "S", "valueFrom": "arn"}]}]`); len(problems) > 0 {
		t.Errorf("got problems %q, want none", problems)
	}
	for containers, want := range map[string]string{
		`{`:                               "not valid JSON",
		`{}`:                              "want a list of at least one container",
		`[1]`:                             "containerDefinitions[0]: got 1",
		`[{"image": "b"}]`:                "containerDefinitions[0].name: got nothing",
		`[{"name": "a b", "image": "b"}]`: "containerDefinitions[0].name: got",
		`[{"name": "a"}]`:                 "containerDefinitions[0].image: got nothing",
		`[{"name": "a", "image": "b c"}]`: "containerDefinitions[0].image: got",
		`[{"name": "a", "image": "b"}, {"name": "a", "image": "b"}]`:                                                                `"a" is used twice`,
		`[{"name": "a", "image": "b", "essential": false}]`:                                                                         "no container is essential",
		`[{"name": "a", "image": "b", "environmen": []}]`:                                                                           `containerDefinitions[0].environmen: unknown field; did you mean "environment"?`,
		`[{"name": "a", "image": "b", "environment": {}}]`:                                                                          "environment: got {}, want a list",
		`[{"name": "a", "image": "b", "environment": [{"value": "1"}]}]`:                                                            "environment[0].name: got nothing",
		`[{"name": "a", "image": "b", "environment": [{"name": "A", "value": null}]}]`:                                              "environment[0].value: got nothing, want text",
		`[{"name": "a", "image": "b", "environment": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]}]`:                  `"A" is used twice`,
		`[{"name": "a", "image": "b", "environment": [{"name": "A", "value": "1"}], "secrets": [{"name": "A", "valueFrom": "x"}]}]`: `secrets[0].name: "A" is used twice`,
		`[{"name": "a", "image": "b", "mountPoints": [{"sourceVolume": "disk", "containerPath": "/tmp"}]}]`:                         `sourceVolume: got "disk", want one of volumes, "scratch" or "shared"`,
		`[{"name": "a", "image": "b", "mountPoints": [{"sourceVolume": "scratch", "containerPath": "tmp"}]}]`:                       "want an absolute path",
		`[{"name": "a", "image": "b", "cpu": -1}]`:                                                                                  "cpu: got -1",
		`[{"name": "a", "image": "b", "stopTimeout": 121}]`:                                                                         "want at most 120 seconds on FARGATE",
		`[{"name": "a", "image": "b", "memory": 4000}, {"name": "c", "image": "b", "memory": 97}]`:                                  "memory: the containers ask for 4097 together, want at most the task's 4096",
		`[{"name": "a", "image": "b", "cpu": 2049}]`:                                                                                "cpu: the containers ask for 2049 together",
		`[{"name": "a", "image": "b", "privileged": true}]`:                                                                         "privileged: not allowed on FARGATE",
		`[{"name": "a", "image": "b", "command": "run"}]`:                                                                           "command: got",
		`[{"name": "a", "image": "b", "logConfiguration": "awslogs"}]`:                                                              "logConfiguration: got",
		`[{"name": "a", "image": "b", "logConfiguration": {"logDriver": "paper"}}]`:                                                 "logDriver: got",
		`[{"name": "a", "image": "b", "logConfiguration": {"logDriver": "awslogs"}}]`:                                               "options.awslogs-group: got nothing",
		`[{"name": "a", "image": "b", ` + strings.Replace(logs, `"awslogs-group"`, `"mode": "lazy", "awslogs-group"`, 1) + `}]`:     "options.mode: got",
	} {
		problems := set(containers)
		if !slices.ContainsFunc(problems, func(p string) bool { return strings.Contains(p, want) }) {
			t.Errorf("%s: got problems %q, want %q", containers, problems, want)
		}
	}
}

func TestFargate_offersThePairsOfTheDocumentation(t *testing.T) {
	valid := samples[taskDefinitionType].valid
	for pair, want := range map[string]bool{
		"256 512": true, "256 2048": true, "256 3072": false, "512 1024": true, "512 4096": true, "512 5120": false,
		"1024 2048": true, "1024 8192": true, "1024 1024": false, "2048 4096": true, "2048 16384": true, "2048 4608": false,
		"4096 8192": true, "4096 30720": true, "4096 31744": false, "8192 16384": true, "8192 61440": true, "8192 17408": false,
		"16384 32768": true, "16384 122880": true, "16384 36864": false, "2vCPU 4GB": true, "1 vCPU 2 GB": true,
	} {
		cpu, memory := pair[:strings.LastIndex(pair, " ")], pair[strings.LastIndex(pair, " ")+1:]
		if pair == "1 vCPU 2 GB" {
			cpu, memory = "1 vCPU", "2 GB"
		}
		problems := validateProps(catalog()[taskDefinitionType], spoil(t, valid, fmt.Sprintf("cpu=%q & memory=%q", cpu, memory)))
		if got := len(problems) == 0; got != want {
			t.Errorf("%s CPU units and %s MiB: got problems %q, want accepted %v", cpu, memory, problems, want)
		}
	}
}

func TestImageLifecycle_isChecked(t *testing.T) {
	typ := catalog()["aws:ecr/lifecyclePolicy:LifecyclePolicy"]
	rule := func(priority int, selection string) string {
		return fmt.Sprintf(`{"rulePriority": %d, "selection": {%s}, "action": {"type": "expire"}}`, priority, selection)
	}
	count := `"countType": "imageCountMoreThan", "countNumber": 3`
	check := func(rules string) []string {
		return validateProps(typ, map[string]any{"repository": "r", "policy": `{"rules": [` + rules + `]}`})
	}
	if problems := check(rule(1, `"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 1`) + "," + rule(2, `"tagStatus": "any", `+count)); len(problems) > 0 {
		t.Errorf("got problems %q, want none", problems)
	}
	for rules, want := range map[string]string{
		rule(0, `"tagStatus": "any", `+count):                                                    "rulePriority: got 0",
		rule(1, `"tagStatus": "any", `+count) + "," + rule(1, `"tagStatus": "untagged", `+count): "1 is used twice",
		rule(1, `"tagStatus": "any", `+count) + "," + rule(2, `"tagStatus": "untagged", `+count): "want the highest number",
		rule(1, `"tagStatus": "old", `+count):                                                    "tagStatus: got",
		rule(1, `"tagStatus": "tagged", `+count):                                                 "want exactly one of tagPrefixList and tagPatternList",
		rule(1, `"tagStatus": "untagged", "tagPrefixList": ["a"], `+count):                       "are for tagged images",
		rule(1, `"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 0`):       "countNumber: got 0",
		rule(1, `"tagStatus": "any", "countType": "weight", "countNumber": 1`):                   "countType: got",
		rule(1, `"tagStatus": "any", "countUnit": "days", `+count):                               "countUnit: only with",
		rule(1, `"tagStatus": "any", "countType": "sinceImagePushed", "countNumber": 1`):         "countUnit: got nothing",
		strings.Replace(rule(1, `"tagStatus": "any", `+count), "expire", "archive", 1):           "action.type: got",
	} {
		problems := check(rules)
		if !slices.ContainsFunc(problems, func(p string) bool { return strings.Contains(p, want) }) {
			t.Errorf("%s: got problems %q, want %q", rules, problems, want)
		}
	}
}
