package contract

import (
	"reflect"
	"strings"
	"testing"
	"unicode"
)

func TestOutputs_areDescribed(t *testing.T) {
	seen := map[string]bool{}
	for _, o := range Outputs() {
		if o.Stack == "" || o.About == "" || seen[o.Stack] || (o.Name == "") != o.Object {
			t.Errorf("got %+v, want a name of its own, what it means, and a parameter for text", o)
		}
		seen[o.Stack] = true
		if _, _, err := ParseOutputsVersion(o.Since); err != nil {
			t.Errorf("%s: since: %v", o.Stack, err)
		} else if err := CheckOutputsVersion(OutputsVersion, o.Since); err != nil {
			t.Errorf("%s: since %s, but the list has version %s", o.Stack, o.Since, OutputsVersion)
		}
	}
}

// A field and its output have one name, up to the case of ARN, ID, URI and URL.
func TestStackOutputs_fieldsAreCalledAsTheOutputs(t *testing.T) {
	typ := reflect.TypeFor[StackOutputs[string]]()
	for i := range typ.NumField() {
		name, _, _ := strings.Cut(typ.Field(i).Tag.Get("output"), ",")
		if !strings.EqualFold(typ.Field(i).Name, name) || !unicode.IsLower(rune(name[0])) {
			t.Errorf("field %s is output %q", typ.Field(i).Name, name)
		}
	}
}

func TestParameters_areCalledAsDspipeReadsThem(t *testing.T) {
	names := map[string]string{}
	for _, o := range Outputs() {
		names[o.Stack] = o.Name
	}
	for stack, want := range map[string]string{
		"stateMachineArn": OutputStateMachineArn, "logGroupName": OutputLogGroupName, "scheduleRuleName": OutputScheduleRuleName,
		"scheduleGroupName": OutputScheduleGroupName, "deadLetterQueueUrl": OutputDeadLetterQueueURL, "outputsVersion": OutputOutputsVersion,
	} {
		if names[stack] != want {
			t.Errorf("%s: got parameter %q, want %q", stack, names[stack], want)
		}
	}
}

func TestCheckOutputsVersion(t *testing.T) {
	for _, c := range []struct{ got, want, says string }{
		{"1.2", "1.2", ""},
		{"1.10", "1.9", ""},
		{"", "1.2", "no outputsVersion, so it is older than this program, which needs version 1.2 of its outputs: deploy it again"},
		{"1.9", "1.10", "version 1.9 of its outputs and this program needs 1.10: deploy it again with a newer ds-pipeline"},
		{"1.9", "2.0", "version 1.9 of its outputs and this program needs 2.0"},
		{"2.0", "1.9", "version 2.0 of its outputs and this program reads 1.x: build it with"},
		{"1", "1.0", `outputsVersion: got "1", want <major>.<minor> such as `},
		{"1.01", "1.0", `got "1.01"`},
	} {
		err := CheckOutputsVersion(c.got, c.want)
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("stack %q, program %q: got %v, want %q", c.got, c.want, err, c.says)
		}
	}
}

func FuzzParseOutputsVersion(f *testing.F) {
	for _, text := range []string{"1.0", "10.20", "", "1", "1.", ".1", "01.1", "1.0.0", "-1.0", "999999999999.1", "1.0\n", "١.٠"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		major, minor, err := ParseOutputsVersion(text)
		if err == nil && (major < 0 || minor < 0) {
			t.Errorf("%q: got %d.%d", text, major, minor)
		}
		if err == nil && CheckOutputsVersion(text, text) != nil {
			t.Errorf("%q does not fit itself", text)
		}
	})
}
