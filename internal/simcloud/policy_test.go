package simcloud

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func policyProblems(v any, kind policyKind) []string {
	var problems []string
	checkPolicy(v, kind, func(where, format string, args ...any) {
		problems = append(problems, where+": "+fmt.Sprintf(format, args...))
	})
	return problems
}

// statement is a policy with one statement.
func oneStatement(body string) string {
	return `{"Version": "2012-10-17", "Statement": [{` + body + `}]}`
}

const (
	allow      = `"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"`
	assume     = `"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ecs-tasks.amazonaws.com"}`
	onBucket   = allow + `, "Principal": "*"`
	pullImages = `"Effect": "Allow", "Action": "ecr:BatchGetImage", "Principal": {"AWS": "123456789012"}`
)

func TestPolicy_acceptsWhatAWSDoes(t *testing.T) {
	tests := []struct {
		kind policyKind
		text string
	}{
		{identityPolicy, oneStatement(allow)},
		{identityPolicy, `{"Version": "2008-10-17", "Id": "x", "Statement": {` + allow + `}}`},
		{identityPolicy, oneStatement(`"Sid": "A1", "Effect": "Deny", "NotAction": ["s3:*", "logs:Create*"], "NotResource": ["*"], "Condition": {"StringEqualsIfExists": {"aws:SourceAccount": "1"}, "ForAnyValue:StringLike": {"aws:PrincipalTag/a": ["x", "y"]}}`)},
		{identityPolicy, oneStatement(`"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::home/${aws:username}/*"`)},
		{trustPolicy, oneStatement(assume)},
		{trustPolicy, oneStatement(`"Effect": "Allow", "Action": ["sts:AssumeRole", "sts:TagSession"], "Principal": {"AWS": ["arn:aws:iam::123456789012:root", "210987654321"], "Federated": "x"}`)},
		{resourcePolicy, oneStatement(onBucket)},
		{resourcePolicy, oneStatement(allow + `, "NotPrincipal": {"AWS": "arn:aws:iam::123456789012:role/a"}, "Condition": {"Bool": {"aws:SecureTransport": "false"}, "NumericLessThan": {"s3:TlsVersion": "1.2"}, "ArnLike": {"aws:SourceArn": "arn:aws:events:*:*:rule/a"}}`)},
		{repositoryPolicy, oneStatement(pullImages)},
	}
	for _, tt := range tests {
		if problems := policyProblems(tt.text, tt.kind); len(problems) > 0 {
			t.Errorf("%s: got problems %q, want none", tt.text, problems)
		}
	}
}

func TestPolicy_refusesWhatAWSDoes(t *testing.T) {
	tests := []struct {
		kind       policyKind
		text, want string
	}{
		{identityPolicy, `{`, "not valid JSON: line 1"},
		{identityPolicy, `{} {}`, "text after the end"},
		{identityPolicy, `[]`, "want a policy document"},
		{identityPolicy, `{"Version": "2012-10-17", "Version": "2012-10-17", "Statement": []}`, `key "Version" occurs twice`},
		{identityPolicy, `{"Statement": [{` + allow + `}]}`, `Version: missing; want "2012-10-17"`},
		{identityPolicy, `{"Version": "2012", "Statement": [{` + allow + `}]}`, `Version: got "2012"`},
		{identityPolicy, `{"Version": "2012-10-17", "Statements": []}`, "Statements: unknown element"},
		{identityPolicy, `{"Version": "2012-10-17"}`, "Statement: missing"},
		{identityPolicy, `{"Version": "2012-10-17", "Statement": []}`, "Statement: empty"},
		{identityPolicy, `{"Version": "2012-10-17", "Statement": "all"}`, `Statement: got "all"`},
		{identityPolicy, `{"Version": "2012-10-17", "Statement": ["all"]}`, `Statement[0]: got "all"`},
		{identityPolicy, oneStatement(`"Action": "s3:*", "Resource": "*"`), `Statement[0].Effect: missing`},
		{identityPolicy, oneStatement(`"Effect": "allow", "Action": "s3:*", "Resource": "*"`), `Statement[0].Effect: got "allow"`},
		{identityPolicy, oneStatement(`"Effect": "Allow", "Resource": "*"`), "want exactly one of Action and NotAction"},
		{identityPolicy, oneStatement(allow + `, "NotAction": "s3:*"`), "want exactly one of Action and NotAction"},
		{identityPolicy, oneStatement(`"Effect": "Allow", "Action": "GetObject", "Resource": "*"`), `Statement[0].Action: got "GetObject", want service:Action`},
		{identityPolicy, oneStatement(`"Effect": "Allow", "Action": [], "Resource": "*"`), "Statement[0].Action: empty"},
		{identityPolicy, oneStatement(`"Effect": "Allow", "Action": [1], "Resource": "*"`), "Statement[0].Action[0]: got 1, want text"},
		{identityPolicy, oneStatement(`"Effect": "Allow", "Action": 1, "Resource": "*"`), "Statement[0].Action: got 1"},
		{identityPolicy, oneStatement(`"Effect": "Allow", "Action": "s3:*"`), "want exactly one of Resource and NotResource"},
		{identityPolicy, oneStatement(`"Effect": "Allow", "Action": "s3:*", "Resource": "my-bucket"`), `Statement[0].Resource: got "my-bucket", want an ARN or "*"`},
		{identityPolicy, oneStatement(allow + `, "Principal": "*"`), "Statement[0].Principal: not allowed here"},
		{identityPolicy, oneStatement(allow + `, "Sid": "a b"`), "Statement[0].Sid: got"},
		{identityPolicy, oneStatement(allow + `, "Conditions": {}`), "Statement[0].Conditions: unknown element"},
		{identityPolicy, oneStatement(allow + `, "Condition": {"StringIs": {"a:b": "c"}}`), "Statement[0].Condition.StringIs: unknown operator"},
		{identityPolicy, oneStatement(allow + `, "Condition": {"StringEquals": {"b": "c"}}`), `got key "b", want one with a prefix`},
		{identityPolicy, oneStatement(allow + `, "Condition": {"StringEquals": {}}`), "want keys and values"},
		{identityPolicy, oneStatement(allow + `, "Condition": "never"`), "Statement[0].Condition: got"},
		{identityPolicy, `{"Version": "2012-10-17", "Statement": [{"Sid": "A", ` + allow + `}, {"Sid": "A", ` + allow + `}]}`, `Statement[1].Sid: "A" is used twice`},
		{identityPolicy, oneStatement(allow + `, "Sid": "` + strings.Repeat("a", 10240) + `"`), "want at most 10240"},
		{trustPolicy, oneStatement(assume + `, "Resource": "*"`), "Statement[0].Resource: not allowed here"},
		{trustPolicy, oneStatement(`"Effect": "Allow", "Action": "s3:GetObject", "Principal": "*"`), "want an action of sts"},
		{trustPolicy, oneStatement(`"Effect": "Allow", "Action": "sts:AssumeRole"`), "want exactly one of Principal and NotPrincipal"},
		{trustPolicy, oneStatement(`"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ecs-tasks"}`), `Statement[0].Principal.Service: got "ecs-tasks"`},
		{trustPolicy, oneStatement(`"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "me"}`), `Statement[0].Principal.AWS: got "me"`},
		{trustPolicy, oneStatement(`"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Services": "ecs-tasks.amazonaws.com"}`), "Statement[0].Principal.Services: unknown kind of principal"},
		{trustPolicy, oneStatement(`"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {}`), "Statement[0].Principal: empty"},
		{trustPolicy, oneStatement(`"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": "me"`), `Statement[0].Principal: got "me"`},
		{trustPolicy, oneStatement(`"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": 7`), "Statement[0].Principal: got 7"},
		{resourcePolicy, oneStatement(allow), "want exactly one of Principal and NotPrincipal"},
		{resourcePolicy, oneStatement(`"Effect": "Allow", "Action": "s3:*", "Principal": "*"`), "want exactly one of Resource and NotResource"},
		{repositoryPolicy, oneStatement(pullImages + `, "Resource": "*"`), "Statement[0].Resource: not allowed here"},
	}
	for _, tt := range tests {
		problems := policyProblems(tt.text, tt.kind)
		if !slices.ContainsFunc(problems, func(p string) bool { return strings.Contains(p, tt.want) }) {
			t.Errorf("%s: got problems %q, want %q", tt.text, problems, tt.want)
		}
	}
}

func TestPolicy_leavesOutWhatIsNotKnownYet(t *testing.T) {
	document := map[string]any{"Version": "2012-10-17", "Statement": []any{
		map[string]any{"Effect": "Allow", "Action": []any{unknown{}}, "Resource": unknown{}},
	}}
	if problems := policyProblems(document, identityPolicy); len(problems) > 0 {
		t.Errorf("got problems %q, want none", problems)
	}
}

func TestPublicPolicy_isAnAllowForEveryoneWithoutACondition(t *testing.T) {
	tests := []struct {
		statement string
		want      bool
	}{
		{onBucket, true},
		{allow + `, "Principal": {"AWS": "*"}`, true},
		{allow + `, "Principal": {"AWS": ["123456789012", "*"]}`, true},
		{allow + `, "Principal": {"AWS": "123456789012"}`, false},
		{onBucket + `, "Condition": {"StringEquals": {"aws:SourceAccount": "123456789012"}}`, false},
		{strings.Replace(onBucket, "Allow", "Deny", 1), false},
	}
	for _, tt := range tests {
		if got := publicPolicy(oneStatement(tt.statement)); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.statement, got, tt.want)
		}
	}
}
