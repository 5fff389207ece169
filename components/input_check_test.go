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
	const name = "s3://ds-input-dev-111111111111-us-east-1/raw/monthly_data.csv "
	const input, object = "the input " + name, "the input object " + name
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
		{"forbidden", 0, &taskError{name: "S3.S3Exception", cause: "null (Service: S3, Status Code: 403, Request ID: X)"}, 4, input + "could not be checked: S3.S3Exception: null (Service: S3, Status Code: 403, Request ID: X)"},
		{"no answer", 0, &taskError{name: "States.Timeout", noCause: true}, 4, input + "could not be checked: States.Timeout"},
		{"something else", 0, &taskError{name: "States.Permissions", cause: "the role"}, 0, input + "could not be checked: States.Permissions: the role"},
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

// ofKey is a world with a task that succeeds, where the parameter says key.
func ofKey(key string, list func(parameters map[string]any) (map[string]any, error)) world {
	return world{
		tasks: []error{nil},
		parameter: func(map[string]any) (map[string]any, error) {
			return map[string]any{"Parameter": map[string]any{"Value": key}}, nil
		},
		list: list,
	}
}

func TestInputCheck_listsWhatAPatternStandsFor(t *testing.T) {
	const none = "not listed"
	for key, want := range map[string]string{
		"raw/2026-11/":       "raw/2026-11/",
		"raw/a*b/":           "raw/a*b/", // a prefix, whatever is in it
		"raw/2026-*.csv.gz":  "raw/2026-",
		"raw/2026-1?.csv":    "raw/2026-1",
		"raw/2026-[01]*.csv": "raw/2026-",
		`raw/a\*.csv`:        "raw/a",
		"raw/*/data.csv":     "raw/",
		"*.csv":              "",
		"?.csv":              "",
		"[ab].csv":           "",
		`\*.csv`:             "",
		"raw/data.csv":       none,
		"data":               none,
		"raw/a b'{}].csv":    none,
	} {
		for _, stored := range []bool{true, false} {
			asked, headed := any(none), any(none)
			w := ofKey("raw/other.csv", func(parameters map[string]any) (map[string]any, error) {
				if parameters["Bucket"] != "ds-input-dev-111111111111-us-east-1" || parameters["ExpectedBucketOwner"] != "111111111111" {
					t.Errorf("asked for %v", parameters)
				}
				asked = parameters["Prefix"]
				return listed(false, 0, 17), nil
			})
			w.head = func(parameters map[string]any) (map[string]any, error) {
				headed = parameters["Key"]
				return foundObject, nil
			}
			var given any
			w.start = func(parameters map[string]any) {
				environment := parameters["Overrides"].(map[string]any)["ContainerOverrides"].([]any)[0].(map[string]any)["Environment"].([]any)
				given = environment[1].(map[string]any)["Value"]
			}
			input, err := renderJSON(map[string]any{"input-key": key})
			if err != nil {
				t.Fatal(err)
			}
			if stored {
				w.parameter, input = ofKey(key, nil).parameter, `{}`
			}
			out, machine, messages := w.run(t, testMachineInputs(), input)
			if !out.succeeded || machine.starts() != 1 || len(messages) != 0 || given != key {
				t.Errorf("%s: got %+v after %d starts with input %v", key, out, machine.starts(), given)
			}
			wantHead := any(none)
			if want == none {
				wantHead = key
			}
			if asked != want || headed != wantHead {
				t.Errorf("%s: listed %q and asked for %q, want %q and %q", key, asked, headed, want, wantHead)
			}
		}
	}
}

func TestInputCheck_startsNothingForAPatternWithoutData(t *testing.T) {
	const bucket = "the input s3://ds-input-dev-111111111111-us-east-1/"
	tests := []struct {
		name, key string
		answer    map[string]any
		err       error
		retries   int
		want      string
	}{
		{"nothing below it", "raw/2026-11/", listed(false), nil, 0, bucket + `raw/2026-11/ stands for no object: nothing there starts with "raw/2026-11/"`},
		{"nothing like it", "raw/2026-*.csv", listed(false), nil, 0, bucket + `raw/2026-*.csv stands for no object: nothing there starts with "raw/2026-"`},
		{"a bucket without objects", "*.csv", listed(false), nil, 0, bucket + `*.csv stands for no object: nothing there starts with ""`},
		{"the marker of a folder", "raw/", listed(false, 0), nil, 0, bucket + `raw/ stands for empty objects alone: nothing that starts with "raw/" has a byte`},
		{"all empty", "raw/*.csv", listed(false, 0, 0, 0), nil, 0, bucket + `raw/*.csv stands for empty objects alone: nothing that starts with "raw/" has a byte`},
		{"forbidden", "raw/", nil, &taskError{name: "S3.S3Exception", cause: "Access Denied (Service: S3, Status Code: 403)"}, 4,
			bucket + "raw/ could not be checked: S3.S3Exception: Access Denied (Service: S3, Status Code: 403)"},
		{"no bucket", "raw/", nil, &taskError{name: "S3.NoSuchBucketException", cause: "The specified bucket does not exist (Service: S3, Status Code: 404)"}, 0,
			bucket + "raw/ could not be checked: S3.NoSuchBucketException: The specified bucket does not exist (Service: S3, Status Code: 404)"},
		{"no answer", "raw/", nil, &taskError{name: "States.Timeout", noCause: true}, 4, bucket + "raw/ could not be checked: States.Timeout"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out, machine, messages := ofKey(tt.key, func(map[string]any) (map[string]any, error) { return tt.answer, tt.err }).run(t, testMachineInputs(), `{}`)
			if out.succeeded || machine.starts() != 0 || machine.retries["ListInput"] != tt.retries {
				t.Errorf("succeeded %v, %d tasks, %d repetitions; want a failure, no task, %d repetitions", out.succeeded, machine.starts(), machine.retries["ListInput"], tt.retries)
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

func TestInputCheck_leavesToTheJobWhatItHasNotSeen(t *testing.T) {
	out, machine, _ := ofKey("raw/", func(map[string]any) (map[string]any, error) { return listed(true, 0, 0), nil }).run(t, testMachineInputs(), `{}`)
	if !out.succeeded || machine.starts() != 1 {
		t.Errorf("got %+v after %d starts, want a run: there are more objects than were looked at", out, machine.starts())
	}
}

func TestInputCheck_tellsOfSeveralObjectsInASuccess(t *testing.T) {
	in := testMachineInputs()
	in.notifySuccess = true
	for key, want := range map[string]string{
		"raw/2026-*.csv": "Input: s3://ds-input-dev-111111111111-us-east-1/raw/2026-*.csv (its objects are in the manifest)\n",
		"raw/data.csv":   "Input: s3://ds-input-dev-111111111111-us-east-1/raw/data.csv (1234 bytes)\n",
	} {
		w := ofKey(key, nil)
		w.tasks = []error{stoppedTask(75), nil}
		out, _, messages := w.run(t, in, `{}`)
		if !out.succeeded || len(messages) != 1 || !strings.Contains(messages[0]["Message"].(string), want) {
			t.Errorf("%s: got %v, want one with %q", key, messages, want)
		}
	}
}
