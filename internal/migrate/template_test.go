package migrate_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"ds-pipeline/internal/migrate"
)

const short = `
AWSTemplateFormatVersion: 2010-09-09
Parameters:
  Environment: {Type: String, Default: dev}
Conditions:
  Dev: !Equals [!Ref Environment, dev]
  Never: !Not [!Condition Dev]
Resources:
  InputBucket:
    Type: AWS::S3::Bucket
    DeletionPolicy: Retain
    Properties:
      BucketName: !Sub "ds-input-${Environment}-${AWS::AccountId}-${AWS::Region}"
      VersioningConfiguration: {Status: Enabled}
      LifecycleConfiguration: !If [Never, {Rules: []}, !Ref AWS::NoValue]
  OutputBucket:
    Type: AWS::S3::Bucket
    DeletionPolicy: Retain
    Properties:
      BucketName: !Join ["-", [ds-output, !Ref Environment, 111111111111, us-east-1]]
  Policy:
    Type: AWS::S3::BucketPolicy
    DeletionPolicy: Retain
    Properties:
      Bucket: !Select [5, !Split [":", !GetAtt OutputBucket.Arn]]
  Other:
    Type: AWS::S3::Bucket
    Condition: Never
`

func TestReadTemplate_readsYAMLWithShortForms(t *testing.T) {
	t.Parallel()
	wrapped, err := json.Marshal(map[string]any{"TemplateBody": short, "StagesAvailable": []string{"Original"}})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"a template": []byte(short), "what get-template prints": wrapped} {
		template, err := migrate.ReadTemplate(text)
		if err != nil {
			t.Fatal(err)
		}
		m, err := migrate.New(template, nil, dev(), nil)
		if err != nil {
			t.Fatal(err)
		}
		var got [][]string
		for _, i := range m.Adopted {
			got = append(got, i.As)
		}
		if want := [][]string{{"data-input", "data-input-versioning"}, {"data-output"}, {"data-output-policy"}}; !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
}

func TestReadTemplate_readsWhatGetTemplatePrints(t *testing.T) {
	t.Parallel()
	wrapped := append(append([]byte(`{"StagesAvailable": ["Original", "Processed"], "TemplateBody": `), read(t, "cdk-app.template.json")...), '}')
	got, err := migrate.ReadTemplate(wrapped)
	if err != nil {
		t.Fatal(err)
	}
	if want := cdkApp(t).template(t); !reflect.DeepEqual(got, want) {
		t.Errorf("got %d resources, want the %d of the template", len(got.Resources), len(want.Resources))
	}
}

func TestReadTemplate_refuses(t *testing.T) {
	t.Parallel()
	many := map[string]any{}
	for i := range 501 {
		many[fmt.Sprint("R", i)] = map[string]string{"Type": "AWS::SNS::Topic"}
	}
	tooMany, err := json.Marshal(map[string]any{"Resources": many})
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"":                          "read YAML: empty",
		"- a":                       "got a list, want a CloudFormation template",
		"{}":                        "Resources: missing",
		"{":                         "read JSON: unexpected EOF",
		"{} {}":                     "something follows the document",
		`{"TemplateBody": 1}`:       "TemplateBody: got a number, want a template",
		`{"TemplateBody": "a: *b"}`: "TemplateBody: read YAML",
		`{"Resources": []}`:         "Resources: got a list, want an object",
		`{"Resources": {"A": {}}}`:  "Resources.A.Type: missing",
		`{"Resources": {"A": {"Type": 1, "DeletionPolicy": true}}}`:         "Resources.A.DeletionPolicy: got true or false, want a text",
		"Resources:\n  A: {Type: x}\n  A: {Type: y}":                        `line 3: "A" stands there twice`,
		"A: &a {b: c}\nB: *a":                                               "line 2: an alias, which CloudFormation does not support",
		"? [a]\n: b":                                                        "line 1: want a text before the colon",
		strings.Repeat("[", 200) + strings.Repeat("]", 200):                 "nested deeper than 100",
		`{"a":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`: "nested deeper than 100",
		"#" + strings.Repeat("x", 1_000_000):                                "got 1000001 bytes, want at most 1000000",
		"{" + strings.Repeat(" ", migrate.MaxInputBytes) + "}":              "bytes, want at most",
		string(tooMany): "Resources: got 501, want at most 500",
	} {
		if _, err := migrate.ReadTemplate([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: got %v, want %q in it", text, err, want)
		}
	}
}

func FuzzReadTemplate(f *testing.F) {
	f.Add([]byte(short))
	f.Add(bucketNamed(`{"Fn::Sub": ["ds-${a}-${Log.Arn}-${!x}", {"a": {"Fn::Select": [0, {"Ref": "Words"}]}}]}`))
	f.Add([]byte(`{"TemplateBody": "Resources: {A: {Type: !Sub 'x'}}"}`))
	f.Add([]byte("A: !GetAtt\n- b\n- c\nB: !!binary aGk=\nC: !x\n"))
	f.Add([]byte(`{"Conditions":{"A":{"Fn::Or":[{"Condition":"A"}]}},"Resources":{"A":{"Type":"AWS::SSM::Parameter","Condition":"A","Properties":{"Name":{"Fn::FindInMap":["a","b","c"]}}}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		template, err := migrate.ReadTemplate(text)
		if err != nil {
			return
		}
		if len(template.Resources) == 0 || len(template.Resources) > 500 {
			t.Errorf("got %d resources, want 1 to 500", len(template.Resources))
		}
		m, err := migrate.New(template, nil, dev(), nil)
		if err != nil {
			return
		}
		for _, i := range m.Adopted {
			if i.ID == "" || len(i.As) == 0 {
				t.Errorf("%s is adopted as %q with ID %q", i.LogicalID, i.As, i.ID)
			}
		}
	})
}

func FuzzReadDeployed(f *testing.F) {
	f.Add([]byte(`{"StackResources":[{"StackId":"arn:aws:cloudformation:us-east-1:111111111111:stack/A/b","StackName":"A","LogicalResourceId":"InputBucket","PhysicalResourceId":"x"}]}`))
	f.Add([]byte(`{"StackResourceSummaries":[{"LogicalResourceId":"OutputBucket"}]}`))
	template, err := migrate.ReadTemplate([]byte(short))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		deployed, err := migrate.ReadDeployed(text)
		if err != nil {
			return
		}
		m, err := migrate.New(template, deployed, dev(), nil)
		if err == nil && len(m.Adopted) == 0 {
			t.Error("nothing is adopted, want an error")
		}
	})
}
