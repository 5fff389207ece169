package components

import (
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

func recordWatch(t *testing.T, spoil func(*WatchArgs)) *recorder {
	t.Helper()
	return record(t, func(ctx *pulumi.Context) error {
		args := validWatch("")
		if spoil != nil {
			spoil(args)
		}
		_, err := NewWatch(ctx, "watch", args)
		return err
	})
}

// watched runs the watching machine; head is S3's answer.
func watched(t *testing.T, input string, head func(parameters map[string]any) (any, error)) (outcome, *interpreter, []map[string]any) {
	t.Helper()
	return watchedWith(t, input, false, map[string]func(map[string]any) (any, error){headObject: head})
}

// watchedWith runs the watching machine with these tasks and messages.
func watchedWith(t *testing.T, input string, scaleOut bool, tasks map[string]func(map[string]any) (any, error)) (outcome, *interpreter, []map[string]any) {
	t.Helper()
	definition, err := renderJSON(watchDefinition(testMachineInputs(), "arn:aws:states:us-east-1:111111111111:stateMachine:machine", scaleOut))
	if err != nil {
		t.Fatal(err)
	}
	machine, err := newInterpreter(definition)
	if err != nil {
		t.Fatal(err)
	}
	var messages []map[string]any
	machine.tasks = tasks
	machine.tasks["arn:aws:states:::sns:publish"] = func(parameters map[string]any) (any, error) {
		messages = append(messages, parameters)
		return map[string]any{}, nil
	}
	out, err := machine.run(input)
	if err != nil {
		t.Fatalf("after %v: %v", machine.visited, err)
	}
	return out, machine, messages
}

func TestWatch_policiesAreTheReviewedOnes(t *testing.T) {
	r := recordWatch(t, nil)
	golden(t, "policy-watch", r.one(t, "watch-role-policy").text("policy"))
	golden(t, "policy-watch-start", r.one(t, "watch-start-role-policy").text("policy"))
	golden(t, "trust-watch-start", r.one(t, "watch-start-role").text("assumeRolePolicy"))
	golden(t, "policy-watch-dead-letters", r.one(t, "watch-dead-letters-policy").text("policy"))
	golden(t, "watch-pattern", r.one(t, "watch-ended-rule").text("eventPattern"))
	golden(t, "watch-machine", r.one(t, "watch-machine").text("definition"))
}

func TestWatch_startsThatGetLostAreKept(t *testing.T) {
	r := recordWatch(t, nil)
	for _, name := range []string{"watch-target", "watch-ended-target"} {
		target := r.one(t, name)
		if got := target.inputs["deadLetterConfig"].ObjectValue()["arn"].StringValue(); got != "arn:aws:sqs:us-east-1:111111111111:watch-dead-letters" {
			t.Errorf("what %s loses goes to %s", name, got)
		}
		triesForADay(t, target.inputs["retryPolicy"])
	}
}

func TestWatch_isToldWhenARunIsDueAndHowOneEnded(t *testing.T) {
	r := recordWatch(t, nil)
	due := r.one(t, "watch-target")
	transformer := due.inputs["inputTransformer"].ObjectValue()
	if got := transformer["inputPaths"].ObjectValue()["time"].StringValue(); due.text("rule") != "watch-rule" || got != "$.time" || transformer["inputTemplate"].StringValue() != `{"scheduledTime":"<time>"}` {
		t.Errorf("when a run is due the watch gets %v", due.inputs)
	}
	if ended := r.one(t, "watch-ended-target"); ended.text("rule") != "watch-ended-rule" || ended.text("inputPath") != "$.detail" || !ended.inputs["inputTransformer"].IsNull() {
		t.Errorf("when a run ended the watch gets %v", ended.inputs)
	}
}

func TestWatch_isOffWhenTheScheduleIs(t *testing.T) {
	for enabled, want := range map[bool]string{true: "ENABLED", false: "DISABLED"} {
		if got := recordWatch(t, func(a *WatchArgs) { a.Enabled = enabled }).one(t, "watch-rule").text("state"); got != want {
			t.Errorf("enabled %v: got %s", enabled, got)
		}
	}
}

func TestWatch_looksTwoDaysLaterForTheManifestOfTheMonthThatWasDue(t *testing.T) {
	for due, want := range map[string]string{
		"2026-11-15T09:00:00Z": "processed/period=2026-11/manifest.json",
		"2026-12-31T23:59:00Z": "processed/period=2026-12/manifest.json", // looked for in January
		"2028-02-29T00:00:00Z": "processed/period=2028-02/manifest.json",
	} {
		var asked any
		out, machine, messages := watched(t, `{"scheduledTime":"`+due+`"}`, func(parameters map[string]any) (any, error) {
			asked = parameters["Key"]
			return foundObject, nil
		})
		if !out.succeeded || len(messages) != 0 || asked != want || len(machine.waits) != 1 || machine.waits[0] != 172800 {
			t.Errorf("due %s: succeeded %v, asked for %v after %v s, %d messages", due, out.succeeded, asked, machine.waits, len(messages))
		}
	}
}

func TestWatch_tellsOfAMissedRun(t *testing.T) {
	for _, missing := range []*taskError{
		{name: "S3.NoSuchKeyException"}, {name: "S3.S3Exception", cause: "null (Service: S3, Status Code: 404, Request ID: X)"},
	} {
		out, _, messages := watched(t, `{"scheduledTime":"2026-11-15T09:00:00Z"}`, func(map[string]any) (any, error) { return nil, missing })
		const want = "two days after the run of ds-preprocessing-pipeline for 2026-11 was due, it has left no result:" +
			" s3://ds-output-dev-111111111111-us-east-1/processed/period=2026-11/manifest.json does not exist\n\nWhat to try: "
		if !out.succeeded || len(messages) != 1 || !strings.HasPrefix(messages[0]["Message"].(string), want) {
			t.Errorf("%v: got %+v, messages %v, want %q", missing, out, messages, want)
		}
	}
}

func TestWatch_tellsThatItCouldNotLook(t *testing.T) {
	_, machine, messages := watched(t, `{"scheduledTime":"2026-11-15T09:00:00Z"}`, func(map[string]any) (any, error) {
		return nil, &taskError{name: "S3.S3Exception", cause: "Status Code: 403"}
	})
	if len(messages) != 1 || !strings.Contains(messages[0]["Message"].(string), "could not be checked") || machine.retries["FindManifest"] != checkRetries {
		t.Errorf("got %v after %d repetitions", messages, machine.retries["FindManifest"])
	}
}

func TestWatch_tellsOfWhatCouldNotTellItself(t *testing.T) {
	const execution = `"executionArn":"arn:aws:states:us-east-1:111111111111:execution:machine:run"`
	for input, want := range map[string]string{
		`{` + execution + `,"status":"ABORTED"}`:                                       "was stopped",
		`{` + execution + `,"status":"TIMED_OUT","error":null}`:                        "took longer than it may",
		`{` + execution + `,"status":"FAILED","error":"States.Runtime","cause":"..."}`: "failed and could not say why",
		`{` + execution + `,"status":"FAILED"}`:                                        "failed and could not say why",
		`{` + execution + `,"status":"FAILED","error":"PreprocessingFailed"}`:          "",
	} {
		out, _, messages := watched(t, input, nil)
		if want == "" {
			if !out.succeeded || len(messages) != 0 {
				t.Errorf("%s: got %+v, messages %v, want silence", input, out, messages)
			}
			continue
		}
		if !out.succeeded || len(messages) != 1 || !strings.Contains(messages[0]["Message"].(string), want) || !strings.Contains(messages[0]["Message"].(string), testExecution) {
			t.Errorf("%s: got %+v, messages %v, want %q and the link", input, out, messages, want)
		}
	}
}

func TestWatch_refusesWhatItDoesNotKnow(t *testing.T) {
	for _, input := range []string{`{}`, `{"scheduledTime":"soon"}`, `[]`} {
		if out, _, messages := watched(t, input, nil); out.succeeded || out.err != "UnknownInput" || len(messages) != 0 {
			t.Errorf("%s: got %+v", input, out)
		}
	}
}
