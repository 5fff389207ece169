package policy

import (
	"encoding/json"
	"path"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/property"
)

// document is a policy of IAM. One text stands for a list of one everywhere.
type document struct {
	Statement list[statement]
}

type statement struct {
	Sid                   string
	Effect                string
	Principal             principal
	NotPrincipal          principal
	Action, NotAction     list[string]
	Resource, NotResource list[string]
	Condition             map[string]map[string]list[any]
}

type list[T any] []T

func (l *list[T]) UnmarshalJSON(data []byte) error {
	var many []T
	if err := json.Unmarshal(data, &many); err == nil {
		*l = many
		return nil
	}
	var one T
	if err := json.Unmarshal(data, &one); err != nil {
		return err
	}
	*l = []T{one}
	return nil
}

// principal is whom a statement is about, by kind: AWS, Service, ... "*" stands
// for everyone as AWS.
type principal map[string]list[string]

func (p *principal) UnmarshalJSON(data []byte) error {
	if string(data) == `"*"` {
		*p = principal{"AWS": {"*"}}
		return nil
	}
	var kinds map[string]list[string]
	err := json.Unmarshal(data, &kinds)
	*p = kinds
	return err
}

func (p principal) everyone() bool { return slices.Contains(p["AWS"], "*") }

func (s *statement) allows() bool { return s.Effect == "Allow" }

// does tells whether the statement is about an action.
func (s *statement) does(action string) bool {
	matches := func(pattern string) bool { return matchesAction(pattern, action) }
	if len(s.NotAction) > 0 {
		return !slices.ContainsFunc(s.NotAction, matches)
	}
	return slices.ContainsFunc(s.Action, matches)
}

func matchesAction(pattern, action string) bool {
	matched, err := path.Match(strings.ToLower(pattern), strings.ToLower(action))
	return err == nil && matched
}

// requires tells whether the statement holds under a condition on one of the keys.
func (s *statement) requires(keys ...string) bool {
	for _, values := range s.Condition {
		for key := range values {
			for _, k := range keys {
				if strings.EqualFold(key, k) || strings.HasSuffix(k, ":*") && strings.HasPrefix(strings.ToLower(key), strings.ToLower(strings.TrimSuffix(k, "*"))) {
					return true
				}
			}
		}
	}
	return false
}

// deniesPlainHTTP tells whether the statement refuses an action to everyone who
// comes without TLS.
func (s *statement) deniesPlainHTTP(action string) bool {
	if s.Effect != "Deny" || !s.Principal.everyone() || !s.does(action) || len(s.Condition) != 1 {
		return false
	}
	for operator, values := range s.Condition {
		if !strings.HasPrefix(operator, "Bool") || len(values) != 1 {
			return false
		}
		for key, wanted := range values {
			if !strings.EqualFold(key, "aws:SecureTransport") {
				return false
			}
			for _, v := range wanted {
				if v != "false" && v != false {
					return false
				}
			}
		}
	}
	return true
}

// Where documents are: on identities, on what they may do things to, and on
// roles, who may take them.
var (
	identityDocuments = map[string][]string{
		"iam.RolePolicy": {"policy"}, "iam.Policy": {"policy"}, "iam.UserPolicy": {"policy"}, "iam.GroupPolicy": {"policy"},
	}
	resourceDocuments = map[string][]string{
		"s3.BucketPolicy": {"policy"}, "s3.Bucket": {"policy"},
		"sns.TopicPolicy": {"policy"}, "sns.Topic": {"policy"},
		"sqs.QueuePolicy": {"policy"}, "sqs.Queue": {"policy"},
		"kms.KeyPolicy": {"policy"}, "kms.Key": {"policy"},
		"ecr.RepositoryPolicy": {"policy"}, "secretsmanager.SecretPolicy": {"policy"}, "secretsmanager.Secret": {"policy"},
		"cloudwatch.LogResourcePolicy": {"policyDocument"}, "cloudwatch.EventBusPolicy": {"policy"},
	}
	trustDocuments = map[string][]string{"iam.Role": {"assumeRolePolicy"}}
)

// statements calls fn for every statement of the documents that a resource has.
// A document that is not known yet, or is none, has no statements here: the
// provider refuses the latter.
func (r *resource) statements(where map[string][]string, fn func(s *statement)) {
	values := []property.Value{}
	for _, name := range where[r.kind()] {
		values = append(values, r.get(name))
	}
	if _, identities := where["iam.RolePolicy"]; identities && r.is("iam.Role") {
		for _, inline := range items(r.get("inlinePolicies")) {
			values = append(values, within(inline, "policy"))
		}
	}
	for _, v := range values {
		var d document
		if known, err := decode(v, &d); !known || err != nil {
			continue
		}
		for i := range d.Statement {
			fn(&d.Statement[i])
		}
	}
}

// refusesPlainHTTP tells whether a policy refuses an action to whoever comes
// without TLS; a policy that is not known yet may.
func (r *resource) refusesPlainHTTP(property, action string, covers func(resources []string) bool) bool {
	v := r.get(property)
	if v.HasComputed() {
		return true
	}
	var d document
	if _, err := decode(v, &d); err != nil {
		return false
	}
	return slices.ContainsFunc(d.Statement, func(s statement) bool {
		return s.deniesPlainHTTP(action) && covers(s.Resource)
	})
}
