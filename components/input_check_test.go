package components

import (
	"strings"
	"testing"
)

func TestInputCheck_looksForTheObjectBeforeATaskIsStarted(t *testing.T) {
	var asked map[string]any
	out, machine, _ := world{tasks: []error{nil}, head: func(parameters map[string]any) (map[string]any, error) {
		asked = parameters
		return foundObject, nil
	}}.run(t, testMachineInputs(), `{}`)
	if !out.succeeded || machine.starts() != 1 {
		t.Errorf("succeeded %v after %d starts", out.succeeded, machine.starts())
	}
	if asked["Bucket"] != "ds-input-dev-111111111111-us-east-1" || asked["Key"] != "raw/monthly_data.csv" || asked["ExpectedBucketOwner"] != "111111111111" {
		t.Errorf("asked for %v", asked)
	}
}

func TestInputCheck_startsNothingWithoutData(t *testing.T) {
	const object = "the input object s3://ds-input-dev-111111111111-us-east-1/raw/monthly_data.csv "
	tests := []struct {
		name    string
		size    float64
		err     *taskError
		retries int
		want    string
	}{
		{"missing", 0, &taskError{name: "S3.NoSuchKeyException", cause: "null (Service: S3, Status Code: 404, Request ID: X)"}, 0, object + "does not exist"},
		{"missing, by its status alone", 0, &taskError{name: "S3.S3Exception", cause: "null (Service: S3, Status Code: 404, Request ID: X)"}, 4, object + "does not exist"},
		{"empty", 0, nil, 0, object + "is empty"},
		{"forbidden", 0, &taskError{name: "S3.S3Exception", cause: "null (Service: S3, Status Code: 403, Request ID: X)"}, 4, object + "could not be checked: S3.S3Exception: null (Service: S3, Status Code: 403, Request ID: X)"},
		{"no answer", 0, &taskError{name: "States.Timeout", noCause: true}, 4, object + "could not be checked: States.Timeout"},
		{"something else", 0, &taskError{name: "States.Permissions", cause: "the role"}, 0, object + "could not be checked: States.Permissions: the role"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out, machine, messages := world{tasks: []error{nil}, head: func(map[string]any) (map[string]any, error) {
				if tt.err != nil {
					return nil, tt.err
				}
				return map[string]any{"ContentLength": tt.size}, nil
			}}.run(t, testMachineInputs(), `{}`)
			if out.succeeded || machine.starts() != 0 || machine.retries["CheckInput"] != tt.retries {
				t.Errorf("succeeded %v, %d tasks, %d repetitions; want a failure, no task, %d repetitions", out.succeeded, machine.starts(), machine.retries["CheckInput"], tt.retries)
			}
			if out.cause != tt.want {
				t.Errorf("ended with\n%s\nwant\n%s", out.cause, tt.want)
			}
			if len(messages) != 1 || !strings.Contains(messages[0]["Message"].(string), tt.want) {
				t.Errorf("got messages %v, want one with %q", messages, tt.want)
			}
		})
	}
}

func TestInputCheck_goesOnWhenS3AnswersAtLast(t *testing.T) {
	asked := 0
	out, machine, messages := world{tasks: []error{nil}, head: func(map[string]any) (map[string]any, error) {
		if asked++; asked < 4 {
			return nil, &taskError{name: "S3.S3Exception", cause: "Slow down (Service: S3, Status Code: 503)"}
		}
		return foundObject, nil
	}}.run(t, testMachineInputs(), `{}`)
	if !out.succeeded || machine.starts() != 1 || len(messages) != 0 {
		t.Errorf("succeeded %v after %d starts with %d messages", out.succeeded, machine.starts(), len(messages))
	}
}

func TestMachine_asksWhereTheInputIs(t *testing.T) {
	var asked, checked any
	w := world{
		tasks: []error{nil},
		parameter: func(parameters map[string]any) (map[string]any, error) {
			asked = parameters["Name"]
			return map[string]any{"Parameter": map[string]any{"Value": "raw/renamed.csv"}}, nil
		},
		head: func(parameters map[string]any) (map[string]any, error) {
			checked = parameters["Key"]
			return foundObject, nil
		},
	}
	if out, _, _ := w.run(t, testMachineInputs(), `{}`); !out.succeeded {
		t.Fatalf("got %+v", out)
	}
	if asked != "/ds/preprocessing/input-key" || checked != "raw/renamed.csv" {
		t.Errorf("asked parameter %v and checked %v, want what the parameter says now", asked, checked)
	}
}

func TestMachine_startsNothingWhenTheInputIsUnknown(t *testing.T) {
	w := world{tasks: []error{nil}, parameter: func(map[string]any) (map[string]any, error) {
		return nil, &taskError{name: "Ssm.ParameterNotFoundException", cause: "gone"}
	}}
	out, machine, messages := w.run(t, testMachineInputs(), `{}`)
	const want = "the parameter /ds/preprocessing/input-key could not be read: Ssm.ParameterNotFoundException"
	if out.succeeded || machine.starts() != 0 || len(messages) != 1 || out.cause != want {
		t.Errorf("got %+v after %d starts and %d messages, want no start, one message and %q", out, machine.starts(), len(messages), want)
	}
}
