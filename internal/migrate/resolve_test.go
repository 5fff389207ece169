package migrate_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"ds-pipeline/internal/migrate"
)

// bucketNamed is a template whose input bucket has a name in JSON.
func bucketNamed(name string) []byte {
	return []byte(`{
"Parameters": {"Env": {"Type": "String", "Default": "dev"}, "None": {"Type": "String"}, "Loop": {"Type": "String", "Default": {"Ref": "Loop"}}, "Stored": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/x"}, "Words": {"Type": "CommaDelimitedList", "Default": "input,dev"}},
"Mappings": {"Names": {"us-east-1": {"env": "dev", "loop": {"Fn::FindInMap": ["Names", "us-east-1", "loop"]}}}},
"Conditions": {
	"Dev": {"Fn::And": [{"Fn::Equals": [{"Ref": "Env"}, "dev"]}, {"Fn::Not": [{"Condition": "Prod"}]}]},
	"Prod": {"Fn::Or": [{"Fn::Equals": [{"Ref": "Env"}, "prod"]}, {"Fn::Equals": ["a", "b"]}]},
	"Round": {"Fn::Not": [{"Condition": "Round"}]}, "Strange": {"Fn::Contains": []}},
"Resources": {
	"In": {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain", "Properties": {"BucketName": ` + name + `}},
	"Log": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "dev"}},
	"Self": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": {"Ref": "Self"}}},
	"Machine": {"Type": "AWS::StepFunctions::StateMachine"}}}`)
}

func TestNew_resolvesNames(t *testing.T) {
	t.Parallel()
	const rest = `,"-111111111111-us-east-1"`
	for _, name := range []string{
		`"ds-input-dev-111111111111-us-east-1"`,
		`{"Fn::Join": ["-", ["ds-input-dev", {"Ref": "AWS::AccountId"}, {"Ref": "AWS::Region"}]]}`,
		`{"Fn::Sub": "ds-input-${Env}-${AWS::AccountId}-${ AWS::Region }"}`,
		`{"Fn::Sub": ["ds-${what}-${Log}-${AWS::AccountId}-${AWS::Region}", {"what": {"Fn::Select": [0, {"Ref": "Words"}]}}]}`,
		`{"Fn::Join": ["", ["ds-input-", {"Fn::FindInMap": ["Names", {"Ref": "AWS::Region"}, "env"]}` + rest + `]]}`,
		`{"Fn::Join": ["", ["ds-input-", {"Fn::Select": ["1", {"Fn::Split": ["/", "x/dev/y"]}]}` + rest + `]]}`,
		`{"Fn::Join": ["", {"Fn::If": ["Dev", ["ds-input-dev"` + rest + `], ["other"]]}]}`,
		`{"Fn::If": ["Prod", "other", "ds-input-dev-111111111111-us-east-1"]}`,
		`{"Fn::Join": ["", ["ds-input-", {"Fn::Select": [6, {"Fn::Split": [":", {"Fn::GetAtt": ["Log", "Arn"]}]}]}` + rest + `]]}`,
		`{"Fn::Join": ["-", ["ds-input-dev", {"Fn::Select": [4, {"Fn::Split": [":", {"Fn::Sub": "${Log.Arn}"}]}]}, "us-east-1"]]}`,
	} {
		template, err := migrate.ReadTemplate(bucketNamed(name))
		if err != nil {
			t.Fatal(err)
		}
		m, err := migrate.New(onlyBucket(template), nil, dev(), nil)
		if err != nil || len(m.Adopted) != 1 || m.Adopted[0].ID != "ds-input-dev-111111111111-us-east-1" {
			t.Errorf("%s: got %v, %v; want the input bucket", name, m, err)
		}
	}
}

// onlyBucket keeps the others for references alone: they do not exist.
func onlyBucket(template *migrate.Template) *migrate.Template {
	for id, r := range template.Resources {
		if id != "In" {
			r.Condition = "Prod"
		}
	}
	return template
}

func TestNew_namesWhatCannotBeResolved(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		`{"Ref": "None"}`:   `a default of parameter "None" is not in the template; write one into a copy`,
		`{"Ref": "Stored"}`: `parameter "Stored", a value of Parameter Store, is not in the template`,
		`{"Ref": "Loop"}`:   "the default of parameter Loop is an object, want a text",
		`{"Fn::FindInMap": ["Names", "us-east-1", "loop"]}`: "Mappings.Names.us-east-1.loop is an object, want a text",
		`{"Ref": "Nothing"}`:                               `there is no "Nothing" in the template`,
		`{"Ref": "AWS::StackName"}`:                        "AWS::StackName is not in the template; give the output of",
		`{"Ref": "AWS::NotificationARNs"}`:                 "AWS::NotificationARNs has no value that a name could be made of",
		`{"Ref": "Machine"}`:                               "Machine (AWS::StepFunctions::StateMachine): its name is not in the template",
		`{"Ref": "Self"}`:                                  "Self depends on itself",
		`{"Ref": ["Env"]}`:                                 "Ref: a list, want a name",
		`{"Fn::ImportValue": "x"}`:                         "the value of Fn::ImportValue is not in the template",
		`{"Fn::GetAtt": ["Machine", "Name"]}`:              "attribute Name of Machine (AWS::StepFunctions::StateMachine) is not in the template",
		`{"Fn::GetAtt": ["Nothing", "Arn"]}`:               `Fn::GetAtt: there is no "Nothing"`,
		`{"Fn::GetAtt": "Machine.Arn"}`:                    "Fn::GetAtt: want a list of 2",
		`{"Fn::If": ["Round", "a", "b"]}`:                  `condition "Round" depends on itself`,
		`{"Fn::If": ["Strange", "a", "b"]}`:                "Fn::Contains: not a function of conditions",
		`{"Fn::If": ["None", "a", "b"]}`:                   `there is no condition "None"`,
		`{"Fn::Select": [2, ["a", "b"]]}`:                  `Fn::Select: got index "2" of 2 elements`,
		`{"Fn::Split": ["", "a"]}`:                         "the value of Fn::Split",
		`{"Fn::Join": ["", "a"]}`:                          "a text, want a list",
		`{"Fn::Join": [""]}`:                               "Fn::Join: want a list of 2",
		`{"Fn::Sub": "${Nothing}"}`:                        `there is no "Nothing"`,
		`{"Fn::Sub": ["a"]}`:                               "Fn::Sub: want a text, or a list",
		`{"Fn::FindInMap": ["Names", "eu-west-1", "env"]}`: "there is no Mappings.Names.eu-west-1",
		`"{{resolve:ssm:/x}}"`:                             "the value of {{resolve:ssm:/x}} is not in the template",
		`["a"]`:                                            "a list, want a text",
		`{"a": 1}`:                                         "an object, want a text or a function",
		`{"Fn::Join": ["` + strings.Repeat("x", 9000) + `", ["a", "b", "c"]]}`: "a text of 18003 bytes",
	} {
		template, err := migrate.ReadTemplate(bucketNamed(name))
		if err != nil {
			t.Fatal(err)
		}
		if _, err = migrate.New(onlyBucket(template), nil, dev(), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v\nwant %q in it", name, err, want)
		}
	}
}

// References that fan out cost time and memory in proportion to the template.
func TestNew_isBounded(t *testing.T) {
	t.Parallel()
	resources := map[string]any{}
	for i := range 400 {
		name := any("x")
		if i > 0 {
			name = map[string]any{"Fn::Join": []any{"", []any{map[string]any{"Ref": fmt.Sprintf("R%d", i-1)}, map[string]any{"Ref": fmt.Sprintf("R%d", i-1)}}}}
		}
		resources[fmt.Sprintf("R%d", i)] = map[string]any{"Type": "AWS::Logs::LogGroup", "Properties": map[string]any{"LogGroupName": name}}
	}
	text, err := json.Marshal(map[string]any{"Resources": resources})
	if err != nil {
		t.Fatal(err)
	}
	template, err := migrate.ReadTemplate(text)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = migrate.New(template, nil, dev(), nil); err == nil || !strings.Contains(err.Error(), "bytes, want at most 16384") {
		t.Errorf("got %.300v, want a text that is too long", err)
	}
}
