package components

import (
	"strings"
	"testing"

	"ds-pipeline/preprocess/contract"
)

const testExecution = "https://us-east-1.console.aws.amazon.com/states/home?region=us-east-1#/v2/executions/details/arn:aws:states:us-east-1:111111111111:execution:machine:run"

const testLog = "https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1#logsV2:log-groups/log-group/$252Fecs$252Fds-preprocessing-dev"

func TestMessage_saysWhatFailedWhatToTryAndWhereToLook(t *testing.T) {
	var asked map[string]any
	_, _, messages := world{tasks: []error{stoppedTask(contract.ExitData)}, logs: func(parameters map[string]any) (map[string]any, error) {
		asked = parameters
		return map[string]any{"Events": []any{map[string]any{"Message": `{"level":"ERROR","msg":"line 7: column \"age\": it's {odd}"}`, "Timestamp": 1.0}}}, nil
	}}.run(t, testMachineInputs(), `{}`)
	if asked["LogGroupName"] != "/ecs/ds-preprocessing-dev" || asked["LogStreamName"] != "run/preprocess/0123abcd" || asked["Limit"] != 1.0 || asked["StartFromHead"] != false {
		t.Errorf("asked for %v", asked)
	}
	want := `machine failed: the job ended with exit status 65 (EX_DATAERR): the input data, the model or the script was refused

What to try: The log names the row, the column or the step: replace the data, the model or the script, then start again.
Last line of the log: {"level":"ERROR","msg":"line 7: column \"age\": it's {odd}"}

Period: 2026-12
Attempts: 1
Execution: ` + testExecution + `
Log of the job: ` + testLog + `/log-events/run$252Fpreprocess$252F0123abcd`
	if got := messages[0]["Message"]; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if messages[0]["Subject"] != "ds-preprocessing-pipeline failed" || messages[0]["TopicArn"] != testMachineInputs().topicArn {
		t.Errorf("subject %v, topic %v", messages[0]["Subject"], messages[0]["TopicArn"])
	}
}

func TestMessage_isSentWithoutALog(t *testing.T) {
	refuses := func(map[string]any) (map[string]any, error) {
		return nil, &taskError{name: "CloudWatchLogs.ResourceNotFoundException", cause: "The specified log stream does not exist."}
	}
	tests := []struct {
		name  string
		world world
		link  string
	}{
		{"no stream", world{tasks: []error{stoppedTask(65)}, logs: refuses}, testLog + "/log-events/"},
		{"no event", world{tasks: []error{stoppedTask(65)}}, testLog + "/log-events/"},
		{"no ARN", world{tasks: []error{&taskError{name: "States.TaskFailed", cause: `{"Containers":[{"ExitCode":65}]}`}}}, testLog},
		{"no task", world{tasks: []error{&taskError{name: "States.Timeout", noCause: true}}}, testLog},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out, _, messages := tt.world.run(t, testMachineInputs(), `{}`)
			if out.succeeded || len(messages) != 1 {
				t.Fatalf("succeeded %v with %d messages", out.succeeded, len(messages))
			}
			message := messages[0]["Message"].(string)
			if !strings.Contains(message, "Last line of the log: none\n") || !strings.Contains(message, "Log of the job: "+tt.link) {
				t.Errorf("got\n%s\nwant no line and the link %s", message, tt.link)
			}
		})
	}
}

func TestMessage_saysWhyAContainerWasKilled(t *testing.T) {
	out, _, _ := run(t, testMachineInputs(), `{}`, &taskError{name: "States.TaskFailed",
		cause: `{"Containers":[{"ExitCode":137,"Reason":"OutOfMemoryError: Container killed due to memory usage"}],"StopCode":"EssentialContainerExited"}`})
	if want := "exit status 137, which is not one of its own: OutOfMemoryError: Container killed due to memory usage"; !strings.Contains(out.cause, want) {
		t.Errorf("got %q, want %q in it", out.cause, want)
	}
}

func TestMessage_hasARemedyForEveryStatus(t *testing.T) {
	for _, status := range contract.ExitStatuses() {
		if status.Code == contract.ExitOK {
			continue
		}
		_, _, messages := run(t, testMachineInputs(), `{}`, stoppedTask(status.Code))
		if status.Remedy == "" || !strings.Contains(messages[0]["Message"].(string), "What to try: "+status.Remedy+"\n") {
			t.Errorf("exit status %d: want the remedy %q in\n%s", status.Code, status.Remedy, messages[0]["Message"])
		}
	}
}

func TestMessage_ofASuccessIsSentWhenAskedFor(t *testing.T) {
	in := testMachineInputs()
	in.notifySuccess = true
	out, _, messages := run(t, in, `{}`, stoppedTask(contract.ExitTempFail), nil)
	want := `machine succeeded

Input: s3://ds-input-dev-111111111111-us-east-1/raw/monthly_data.csv (1234 bytes)
Period: 2026-12
Attempts: 2
Execution: ` + testExecution + `
Log of the job: ` + testLog
	if !out.succeeded || len(messages) != 1 || messages[0]["Message"] != want || messages[0]["Subject"] != "ds-preprocessing-pipeline succeeded" {
		t.Errorf("succeeded %v, got %v, want one message:\n%s", out.succeeded, messages, want)
	}
}

func TestConsoleEscape_isTheConsolesOwn(t *testing.T) {
	if got := consoleEscape("/ecs/a#b"); got != "$252Fecs$252Fa$2523b" {
		t.Errorf("got %s", got)
	}
}
