// Package statemachine_test gives the planned state machine of each stack to
// validators that other people wrote.
package statemachine_test

import (
	"os"
	"os/exec"
	"path/filepath"
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
	definition := plannedMachine(t, "pipeline-machine", "dev", nil)
	broken := strings.Replace(definition, `"Next":"Preprocess"`, `"Next":"NoSuchState"`, 1)
	if broken == definition {
		t.Fatal(`nothing was broken: the machine has no "Next":"Preprocess"`)
	}
	for _, validator := range validators {
		t.Run(validator.name, func(t *testing.T) {
			if output, accepted := validate(t, validator.command, validator.silent, broken); accepted {
				t.Errorf("%s accepts a machine that goes to a state that is not there:\n%s", validator.name, output)
			}
		})
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
	return string(printed), err == nil && (!silent || strings.TrimSpace(string(printed)) == "")
}
