// Package statemachine_test gives the planned state machine of each stack to
// validators that other people wrote.
package statemachine_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"ds-pipeline/internal/simcloud/simtest"
	"ds-pipeline/stack"
)

const machineType = "aws:sfn/stateMachine:StateMachine"

// validators are commands that take a file and exit with 0 if they accept it.
// statelint prints what it finds and exits with 0 all the same.
var validators = []struct {
	name    string
	command []string
	silent  bool // accepts a file by printing nothing
}{
	{"asl-validator", []string{"asl-validator", "--json-path"}, false},
	{"statelint", []string{"statelint"}, true},
}

// variants are the stack files as they are, and all that adds states.
var variants = []struct {
	name, stack string
	set         map[string]string
}{
	{"dev", "dev", nil},
	{"prod", "prod", nil},
	{"everything", "dev", map[string]string{"ds-pipeline:notifySuccess": "true", "ds-pipeline:useSpot": "true"}},
	{"spread over a prefix", "prod", map[string]string{"ds-pipeline:scaleOut": "prefix", "ds-pipeline:scaleOutSpot": "true", "ds-pipeline:useSpot": "true", "ds-pipeline:notifySuccess": "true"}},
	{"spread over an inventory", "dev", map[string]string{"ds-pipeline:scaleOut": "inventory", "ds-pipeline:scaleOutInventoryKey": "inventory/manifest.json"}},
	{"ranges of an object", "dev", map[string]string{"ds-pipeline:scaleOut": "object", "ds-pipeline:scaleOutSpot": "true"}},
}

func TestStateMachine_isAcceptedByOthers(t *testing.T) {
	for _, variant := range variants {
		for _, machine := range []string{"pipeline-machine", "watch-machine"} {
			definition := plannedMachine(t, machine, variant.stack, variant.set)
			for _, validator := range validators {
				t.Run(variant.name+"/"+machine+"/"+validator.name, func(t *testing.T) {
					if output, accepted := validate(t, validator.command, validator.silent, definition); !accepted {
						t.Errorf("%s refuses %s of %s:\n%s", validator.name, machine, variant.name, output)
					}
				})
			}
		}
	}
}

// A validator that accepts everything proves nothing.
func TestValidators_refuseABrokenMachine(t *testing.T) {
	one := plannedMachine(t, "pipeline-machine", "dev", nil)
	many := plannedMachine(t, "pipeline-machine", "dev", map[string]string{"ds-pipeline:scaleOut": "prefix"})
	for _, broken := range []struct{ name, definition, old, new string }{
		{"goes to a state that is not there", one, `"Next":"Preprocess"`, `"Next":"NoSuchState"`},
		{"goes to one in a part that is not there", many, `"Next":"Part"`, `"Next":"NoSuchState"`},
		{"has a map with a field that does not exist", many, `"MaxConcurrency"`, `"MostAtOnce"`},
	} {
		definition := strings.Replace(broken.definition, broken.old, broken.new, 1)
		if definition == broken.definition {
			t.Fatalf("nothing was broken: the machine has no %s", broken.old)
		}
		for _, validator := range validators {
			t.Run(validator.name+" "+broken.name, func(t *testing.T) {
				if output, accepted := validate(t, validator.command, validator.silent, definition); accepted {
					t.Errorf("%s accepts a machine that %s:\n%s", validator.name, broken.name, output)
				}
			})
		}
	}
}

func plannedMachine(t *testing.T, name, stackName string, set map[string]string) string {
	t.Helper()
	result := simtest.File(t, stack.Deploy, "../..", stackName, set).Up()
	for _, resource := range result.Resources {
		if string(resource.Type) == machineType && resource.URN.Name() == name {
			return resource.Inputs["definition"].StringValue()
		}
	}
	t.Fatalf("stack %s plans no %s %s", stackName, machineType, name)
	return ""
}

func validate(t *testing.T, command []string, silent bool, definition string) (output string, accepted bool) {
	t.Helper()
	program := filepath.Join("node_modules", ".bin", command[0])
	if _, err := os.Stat(program); err != nil {
		t.Fatalf("%s is not installed: run `make test`, or `npm ci` in tests/statemachine", command[0])
	}
	file := filepath.Join(t.TempDir(), "machine.json")
	if err := os.WriteFile(file, []byte(definition), 0o600); err != nil {
		t.Fatal(err)
	}
	printed, err := exec.Command(program, append(command[1:], file)...).CombinedOutput()
	if silent {
		rest := withoutNewFields(string(printed))
		return rest, rest == ""
	}
	return string(printed), err == nil
}

// newField is what statelint says of a field that Step Functions has had since
// distributed maps came, in December 2022, and statelint has not learnt. The others
// check these fields.
var newField = regexp.MustCompile(`^Field "(ItemBatcher|ItemReader|Label|ResultWriter|ToleratedFailurePercentage)" not allowed in State Machine\.States\.Parts(Again)?$`)

// withoutNewFields is what statelint prints without such findings; "" if there is
// no other.
func withoutNewFields(printed string) string {
	var rest, headings []string
	for line := range strings.Lines(printed) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || newField.MatchString(line):
		case strings.HasPrefix(line, "ERROR: ") && strings.HasSuffix(line, " is not valid"):
			headings = append(headings, line)
		default:
			rest = append(rest, line)
		}
	}
	if len(rest) == 0 {
		return ""
	}
	return strings.Join(append(headings, rest...), "\n")
}
