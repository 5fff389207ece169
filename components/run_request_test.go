package components

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"ds-pipeline/preprocess/contract"
)

// overridden runs the machine with input and returns what the job finds in its
// environment at each start.
func overridden(t *testing.T, input string, answers ...error) (out outcome, environments []map[string]string, overrides any) {
	t.Helper()
	out, _, _ = world{tasks: answers, start: func(parameters map[string]any) {
		overrides = parameters["Overrides"]
		container := overrides.(map[string]any)["ContainerOverrides"].([]any)[0].(map[string]any)
		if container["Name"] != containerName {
			t.Errorf("the overrides are for container %v, want %s", container["Name"], containerName)
		}
		environment := map[string]string{}
		for _, v := range container["Environment"].([]any) {
			pair := v.(map[string]any)
			environment[pair["Name"].(string)] = pair["Value"].(string)
		}
		environments = append(environments, environment)
	}}.run(t, testMachineInputs(), input)
	return out, environments, overrides
}

func TestRequest_reachesTheJob(t *testing.T) {
	env := func(period, input, model, output string) map[string]string {
		return map[string]string{"DS_PERIOD": period, "DS_INPUT_KEY": input, "DS_MODEL_KEY": model, "DS_OUTPUT": output, "DS_FORCE": ""}
	}
	forced := env("2026-12", "raw/monthly_data.csv", "", "")
	forced["DS_FORCE"] = "true"
	const configured = "raw/monthly_data.csv"
	const now = "2026-12" // when the execution was started
	tests := []struct {
		input string
		want  map[string]string
	}{
		{`{}`, env(now, configured, "", "")},
		{`[]`, env(now, configured, "", "")},
		{`null`, env(now, configured, "", "")},
		{`{"period":"2026-11"}`, env("2026-11", configured, "", "")},
		{`{"scheduledTime":"2026-11-15T09:00:00Z"}`, env("2026-11", configured, "", "")},
		{`{"scheduledTime":"2026-11-15T09:00:00Z","period":"2026-10"}`, env("2026-10", configured, "", "")},
		{`{"input-key":"raw/a b's {}.csv"}`, env(now, "raw/a b's {}.csv", "", "")},
		{`{"model-key":"models/other.pkl"}`, env(now, configured, "models/other.pkl", "")},
		{`{"output-key":"processed/again/data.csv"}`, env(now, configured, "", "s3://ds-output-dev-111111111111-us-east-1/processed/again/data.csv")},
		{`{"force":true}`, forced},
		{`{"force":false}`, env(now, configured, "", "")},
		{`{"something":"else"}`, env(now, configured, "", "")},
	}
	for _, tt := range tests {
		out, environments, _ := overridden(t, tt.input, nil)
		if !out.succeeded || len(environments) != 1 || !maps.Equal(environments[0], tt.want) {
			t.Errorf("%s: succeeded %v, got %v, want %v", tt.input, out.succeeded, environments, tt.want)
		}
	}
}

func TestRequest_isKeptForEveryAttempt(t *testing.T) {
	out, environments, _ := overridden(t, `{"period":"2026-11","model-key":"m"}`, stoppedTask(contract.ExitTempFail), stoppedTask(contract.ExitTempFail), nil)
	if !out.succeeded || len(environments) != 3 {
		t.Fatalf("succeeded %v after %d starts", out.succeeded, len(environments))
	}
	for i, environment := range environments {
		if environment["DS_PERIOD"] != "2026-11" || environment["DS_MODEL_KEY"] != "m" {
			t.Errorf("attempt %d gets %v", i+1, environment)
		}
	}
}

func TestRequest_chosenInputIsTheOneThatIsChecked(t *testing.T) {
	var asked any
	out, _, _ := world{tasks: []error{nil}, head: func(parameters map[string]any) (map[string]any, error) {
		asked = parameters["Key"]
		return map[string]any{"ContentLength": 0.0}, nil
	}}.run(t, testMachineInputs(), `{"input-key":"raw/again.csv"}`)
	if want := "s3://ds-input-dev-111111111111-us-east-1/raw/again.csv is empty"; asked != "raw/again.csv" || !strings.HasSuffix(out.cause, want) {
		t.Errorf("asked for %v, ended with %q, want %q", asked, out.cause, want)
	}
}

func TestRequest_wrongOnesStartNothing(t *testing.T) {
	wrong := map[string][]string{ // JSON values by field
		"period":        {`"2026"`, `"2026-1"`, `"2026-13"`, `"2026-11-15"`, `"november"`, `""`, `202611`, `null`, `["2026-11"]`, `"2026-11 "`},
		"force":         {`"true"`, `1`, `null`, `[]`},
		"scheduledTime": {`"2026-11-15"`, `""`, `17`, `null`, `{}`},
		"input-key":     {`""`, `"/raw/a.csv"`, `" a"`, `"a "`, `"a\nb"`, `"a\rb"`, `"\ta"`, `1`, `true`, `null`, `["a"]`, `{"a":"b"}`},
		"model-key":     {`""`, `"/m"`, `"m "`, `1`, `null`},
		"output-key":    {`""`, `"/processed/a"`, `"processed"`, `"processed/"`, `"processed/a/"`, `"processed/a "`, `"other/a.csv"`, `"Processed/a"`, `"../processed/a"`, `1`, `null`},
	}
	for field, values := range wrong {
		for _, value := range values {
			input := fmt.Sprintf(`{%q:%s}`, field, value)
			out, machine, messages := run(t, testMachineInputs(), input, nil)
			if out.succeeded || machine.starts() != 0 {
				t.Errorf("%s: succeeded %v after %d starts, want a refusal", input, out.succeeded, machine.starts())
			}
			want := "the input of the execution cannot be used: " + field + ": want "
			if !strings.HasPrefix(out.cause, want) || len(messages) != 1 || !strings.Contains(messages[0]["Message"].(string), out.cause) {
				t.Errorf("%s: ended with %q, messages %v; want %q in both", input, out.cause, messages, want)
			}
		}
	}
}

// The machine's rule is the one of the configuration, but for {{, which only
// Parameter Store refuses, lengths, which S3 itself checks, and a glob that is
// not whole, which the job refuses.
func TestRequest_takesTheKeysThatTheConfigurationTakes(t *testing.T) {
	for _, key := range []string{"a", "raw/ü.csv", "raw//a", "a/", "a b", "*", `a\b`, "/a", "", " a", "a\t", "a\nb"} {
		for field, check := range map[string]func(string) error{contract.InputKey: CheckInputKey, contract.ModelKey: CheckObjectKey} {
			input, err := json.Marshal(map[string]string{field: key})
			if err != nil {
				t.Fatal(err)
			}
			out, _, _ := run(t, testMachineInputs(), string(input), nil)
			if configured := check(key) == nil; out.succeeded != configured {
				t.Errorf("%s %q: the machine takes it: %v, the configuration: %v", field, key, out.succeeded, configured)
			}
		}
	}
}

func TestRequest_periodIsInTheMessages(t *testing.T) {
	_, _, messages := run(t, testMachineInputs(), `{"scheduledTime":"2026-11-15T09:00:00Z"}`, stoppedTask(contract.ExitData))
	if !strings.Contains(messages[0]["Message"].(string), "\nPeriod: 2026-11\n") {
		t.Errorf("got\n%s\nwant the period", messages[0]["Message"])
	}
}

func TestRequest_everyMonthIsAPeriod(t *testing.T) {
	for month := time.January; month <= time.December; month++ {
		period := fmt.Sprintf("2027-%02d", month)
		if _, environments, _ := overridden(t, fmt.Sprintf(`{"period":%q}`, period), nil); len(environments) != 1 || environments[0]["DS_PERIOD"] != period {
			t.Errorf("%s: got %v", period, environments)
		}
	}
}

// RunTask refuses overrides of more than 8,192 characters.
func TestRequest_longestKeysFitIntoTheOverrides(t *testing.T) {
	longest := strings.Repeat("k", 1024)
	input, err := json.Marshal(map[string]string{
		"period": "2026-11", "input-key": longest, "model-key": longest, "output-key": contract.OutputPrefix + longest[len(contract.OutputPrefix):],
	})
	if err != nil {
		t.Fatal(err)
	}
	_, _, overrides := overridden(t, string(input), nil)
	text, err := json.MarshalIndent(overrides, "", "    ")
	if err != nil {
		t.Fatal(err)
	}
	if len(text) < 3*1024 || len(text) > 8192 {
		t.Errorf("got %d characters, want the three keys in at most 8192", len(text))
	}
}
