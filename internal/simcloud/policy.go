package simcloud

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// policyKind is where a policy document is attached: that decides whether it
// names principals and resources.
type policyKind int

const (
	identityPolicy   policyKind = iota // of a role or user: no principals
	trustPolicy                        // who may assume a role: no resources
	resourcePolicy                     // of a bucket, queue, topic, key
	repositoryPolicy                   // of an ECR repository: no resources
)

// Characters that a document may have, white space not counted (IAM's quotas;
// 20 KB for a bucket policy).
var policySize = map[policyKind]int{
	identityPolicy:   10240,
	trustPolicy:      2048,
	resourcePolicy:   20480,
	repositoryPolicy: 10240,
}

var (
	actionPattern    = regexp.MustCompile(`^(\*|[a-zA-Z0-9-]+:[a-zA-Z0-9*?]+)$`)
	resourcePattern  = regexp.MustCompile(`^(\*|arn:[^:]*:[^:]*:[^:]*:[^:]*:.+)$`)
	principalPattern = regexp.MustCompile(`^(\*|\d{12}|arn:(aws|aws-cn|aws-us-gov):(iam|sts)::(\d{12}|cloudfront):.+)$`)
	servicePattern   = regexp.MustCompile(`^[a-z0-9.-]+\.amazonaws\.com(\.cn)?$`)
	policyVariable   = regexp.MustCompile(`\$\{[^}]*\}`)
	sidPattern       = regexp.MustCompile(`^[0-9A-Za-z]*$`)
	conditionPattern = regexp.MustCompile(`^(ForAllValues:|ForAnyValue:)?(String(Not)?(Equals|EqualsIgnoreCase|Like)|Numeric(Not)?Equals|Numeric(LessThan|GreaterThan)(Equals)?|Date(Not)?Equals|Date(LessThan|GreaterThan)(Equals)?|Bool|BinaryEquals|(Not)?IpAddress|Arn(Not)?(Equals|Like)|Null)(IfExists)?$`)
)

// checkPolicy reports what AWS would refuse in a policy document. A document
// is JSON text, or already an object: some SDK types accept either.
func checkPolicy(v any, kind policyKind, report func(where, format string, args ...any)) {
	document, ok := v.(map[string]any)
	if s, isText := v.(string); isText {
		var parsed any
		if err := parseJSON(s, &parsed); err != nil {
			report("", "not valid JSON: %v", err)
			return
		}
		document, ok = parsed.(map[string]any)
		if n := len(strings.Join(strings.Fields(s), "")); n > policySize[kind] {
			report("", "got %d characters, want at most %d", n, policySize[kind])
		}
	}
	if !ok {
		report("", "got %s, want a policy document", shown(v))
		return
	}
	for _, k := range sortedKeys(document) {
		if !slices.Contains([]string{"Version", "Id", "Statement"}, k) {
			report(k, "unknown element; a policy has Version, Id and Statement")
		}
	}
	switch version, given := document["Version"]; {
	case !given:
		report("Version", `missing; want "2012-10-17"`)
	case version != "2012-10-17" && version != "2008-10-17":
		if _, later := version.(unknown); !later {
			report("Version", `got %s, want "2012-10-17"`, shown(version))
		}
	}
	statements, ok := document["Statement"].([]any)
	if !ok {
		switch one := document["Statement"].(type) {
		case map[string]any:
			statements = []any{one}
		case unknown:
			return
		case nil:
			report("Statement", "missing")
			return
		default:
			report("Statement", "got %s, want statements", shown(one))
			return
		}
	}
	if len(statements) == 0 {
		report("Statement", "empty; want at least one statement")
	}
	sids := map[string]bool{}
	for i, s := range statements {
		where := fmt.Sprintf("Statement[%d]", i)
		statement, ok := s.(map[string]any)
		if !ok {
			if _, later := s.(unknown); !later {
				report(where, "got %s, want a statement", shown(s))
			}
			continue
		}
		checkStatement(statement, kind, func(at, format string, args ...any) {
			report(join(where, at), format, args...)
		})
		if sid := text(statement, "Sid"); sid != "" {
			if sids[sid] {
				report(where+".Sid", "%q is used twice; want a different one", sid)
			}
			sids[sid] = true
		}
	}
}

func checkStatement(s map[string]any, kind policyKind, report func(at, format string, args ...any)) {
	allowed := []string{"Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"}
	for _, k := range sortedKeys(s) {
		if !slices.Contains(allowed, k) {
			report(k, "unknown element; a statement has %s", strings.Join(allowed, ", "))
		}
	}
	if e, given := s["Effect"]; !given {
		report("Effect", `missing; want "Allow" or "Deny"`)
	} else if e != "Allow" && e != "Deny" {
		report("Effect", `got %s, want "Allow" or "Deny"`, shown(e))
	}
	if sid := text(s, "Sid"); kind == identityPolicy && !sidPattern.MatchString(sid) {
		report("Sid", "got %q, want letters and digits only", sid)
	}

	one := func(a, b string) {
		_, hasA := s[a]
		_, hasB := s[b]
		if hasA == hasB {
			report(a, "want exactly one of %s and %s", a, b)
		}
	}
	one("Action", "NotAction")
	each(s, "Action", "NotAction", report, func(at, v string) {
		if !actionPattern.MatchString(v) {
			report(at, `got %q, want service:Action or "*"`, v)
		}
		if kind == trustPolicy && v != "*" && !strings.HasPrefix(v, "sts:") {
			report(at, "got %q, want an action of sts: nothing else can be done to a role", v)
		}
	})

	_, resource := s["Resource"]
	_, notResource := s["NotResource"]
	switch kind {
	case trustPolicy, repositoryPolicy:
		if resource || notResource {
			report("Resource", "not allowed here: the policy is about what it is attached to")
		}
	case identityPolicy, resourcePolicy:
		one("Resource", "NotResource")
		each(s, "Resource", "NotResource", report, func(at, v string) {
			if !resourcePattern.MatchString(policyVariable.ReplaceAllString(v, "x")) {
				report(at, `got %q, want an ARN or "*"`, v)
			}
		})
	}

	_, principal := s["Principal"]
	_, notPrincipal := s["NotPrincipal"]
	if kind == identityPolicy {
		if principal || notPrincipal {
			report("Principal", "not allowed here: the policy is about whom it is attached to")
		}
	} else {
		one("Principal", "NotPrincipal")
		for _, name := range []string{"Principal", "NotPrincipal"} {
			if p, ok := s[name]; ok {
				checkPrincipal(name, p, report)
			}
		}
	}

	if condition, ok := s["Condition"]; ok {
		operators, ok := condition.(map[string]any)
		if !ok {
			report("Condition", "got %s, want operators, each with keys and values", shown(condition))
		}
		for _, operator := range sortedKeys(operators) {
			if !conditionPattern.MatchString(operator) {
				report("Condition."+operator, "unknown operator")
			}
			keys, ok := operators[operator].(map[string]any)
			if !ok || len(keys) == 0 {
				report("Condition."+operator, "got %s, want keys and values", shown(operators[operator]))
			}
			for _, key := range sortedKeys(keys) {
				if !strings.Contains(key, ":") {
					report("Condition."+operator, "got key %q, want one with a prefix, such as aws:SourceArn", key)
				}
			}
		}
	}
}

func checkPrincipal(at string, p any, report func(at, format string, args ...any)) {
	switch p := p.(type) {
	case unknown:
	case string:
		if p != "*" {
			report(at, `got %q, want "*" or an object with AWS, Service, Federated or CanonicalUser`, p)
		}
	case map[string]any:
		if len(p) == 0 {
			report(at, "empty; want AWS, Service, Federated or CanonicalUser")
		}
		for _, k := range sortedKeys(p) {
			if !slices.Contains([]string{"AWS", "Service", "Federated", "CanonicalUser"}, k) {
				report(join(at, k), "unknown kind of principal; want AWS, Service, Federated or CanonicalUser")
				continue
			}
			eachText(join(at, k), p[k], report, func(at, v string) {
				switch {
				case k == "Service" && !servicePattern.MatchString(v):
					report(at, "got %q, want a service principal such as ecs-tasks.amazonaws.com", v)
				case k == "AWS" && !principalPattern.MatchString(v):
					report(at, `got %q, want an account id, the ARN of a role or user, or "*"`, v)
				}
			})
		}
	default:
		report(at, `got %s, want "*" or an object`, shown(p))
	}
}

// each calls fn for every text of the two elements, which hold one text or a
// list of them.
func each(s map[string]any, a, b string, report func(at, format string, args ...any), fn func(at, v string)) {
	for _, name := range []string{a, b} {
		if v, ok := s[name]; ok {
			eachText(name, v, report, fn)
		}
	}
}

func eachText(at string, v any, report func(at, format string, args ...any), fn func(at, v string)) {
	switch v := v.(type) {
	case unknown:
	case string:
		fn(at, v)
	case []any:
		if len(v) == 0 {
			report(at, "empty; want at least one")
		}
		for i, e := range v {
			here := fmt.Sprintf("%s[%d]", at, i)
			switch e := e.(type) {
			case unknown:
			case string:
				fn(here, e)
			default:
				report(here, "got %s, want text", shown(e))
			}
		}
	default:
		report(at, "got %s, want text or a list of texts", shown(v))
	}
}

// publicPolicy says whether a bucket policy lets anyone in, as the Block
// Public Access feature judges it: a wildcard principal in an Allow statement
// without a condition.
func publicPolicy(v any) bool {
	for _, s := range statementsOf(v) {
		if s["Effect"] != "Allow" || s["Condition"] != nil {
			continue
		}
		everyone := s["Principal"] == "*"
		if p, ok := s["Principal"].(map[string]any); ok {
			everyone = slices.Contains(refsOf(p["AWS"]), "*")
		}
		if everyone {
			return true
		}
	}
	return false
}

// statementsOf returns the statements of a policy document, text or object;
// nothing when it is not one.
func statementsOf(v any) []map[string]any {
	document, ok := v.(map[string]any)
	if s, isText := v.(string); isText {
		var parsed any
		if parseJSON(s, &parsed) != nil {
			return nil
		}
		document, ok = parsed.(map[string]any)
	}
	if !ok {
		return nil
	}
	list, ok := document["Statement"].([]any)
	if !ok {
		list = []any{document["Statement"]}
	}
	var statements []map[string]any
	for _, e := range list {
		if s, ok := e.(map[string]any); ok {
			statements = append(statements, s)
		}
	}
	return statements
}
