package policy

import (
	"regexp"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/property"
)

var anyResource = Option{"anyResource", "actions, with * allowed, that may be allowed on every resource, besides those that accept no resource", []string{}}

func identityRules() []*Rule {
	return []*Rule{
		{
			Name: "no-managed-policies", Family: "IAM", Level: mandatory, Severity: Medium,
			Wants:    "What a role may do is written in the program, not in a policy that AWS changes",
			Remedy:   "write an inline policy with the actions and resources that are used",
			resource: noManagedPolicies,
		},
		{
			Name: "no-wildcard-actions", Family: "IAM", Level: mandatory, Severity: High,
			Wants:  "A policy names each action that it allows",
			Remedy: "list the actions; a wildcard also allows what AWS will add later",
			resource: func(c *check, r *resource) {
				r.statements(identityDocuments, func(s *statement) {
					if !s.allows() {
						return
					}
					for _, action := range s.Action {
						if strings.ContainsAny(action, "*?") {
							c.report(r, "%sallows %s", s.label(), action)
						}
					}
					if len(s.NotAction) > 0 {
						c.report(r, "%sallows everything but %s", s.label(), strings.Join(s.NotAction, ", "))
					}
				})
			},
		},
		{
			Name: "no-wildcard-resources", Family: "IAM", Level: mandatory, Severity: High, Options: []Option{anyResource},
			Wants:    "A policy names the resources that it is about, except for actions that accept none",
			Remedy:   "write the ARN down to the resource's own name; a * may only follow a name",
			resource: noWildcardResources,
		},
		{
			Name: "services-act-for-this-account", Family: "IAM", Level: mandatory, Severity: High,
			Wants:    "A service that a policy lets in acts for this account only, and cannot be made to by another",
			Remedy:   "add a condition on aws:SourceAccount or aws:SourceArn",
			resource: servicesActForThisAccount,
		},
		{
			Name: "policies-let-nobody-in", Family: "IAM", Level: mandatory, Severity: Critical,
			Wants:  "No policy lets everyone in, or takes every role of an account for one",
			Remedy: "name the principals, or add a condition on the account, organization or source",
			resource: func(c *check, r *resource) {
				for _, where := range []map[string][]string{resourceDocuments, trustDocuments} {
					r.statements(where, func(s *statement) {
						if s.allows() && (s.Principal.everyone() || len(s.NotPrincipal) > 0) &&
							!s.requires("aws:SourceAccount", "aws:SourceArn", "aws:SourceOwner", "aws:PrincipalAccount", "aws:PrincipalArn", "aws:PrincipalOrgID", "aws:SourceVpce", "kms:CallerAccount") {
							c.report(r, "%slets everyone in", s.label())
						}
					})
				}
			},
		},
		{
			Name: "no-access-keys", Family: "IAM", Level: mandatory, Severity: High,
			Wants:  "Nothing has a password or key that never ends",
			Remedy: "use a role",
			resource: func(c *check, r *resource) {
				if r.is("iam.AccessKey", "iam.UserLoginProfile") {
					c.report(r, "it is a credential without an end")
				}
			},
		},
	}
}

func (s *statement) label() string {
	if s.Sid == "" {
		return "a statement "
	}
	return "statement " + s.Sid + " "
}

var managedPattern = regexp.MustCompile(`^arn:[a-z-]+:iam::aws:policy/`)

func noManagedPolicies(c *check, r *resource) {
	var given []property.Value
	switch {
	case r.is("iam.Role"):
		given = items(r.get("managedPolicyArns"))
	case r.is("iam.RolePolicyAttachment", "iam.PolicyAttachment", "iam.UserPolicyAttachment", "iam.GroupPolicyAttachment"):
		given = []property.Value{r.get("policyArn")}
	case r.is("iam.RolePolicyAttachmentsExclusive"):
		given = items(r.get("policyArns"))
	}
	for _, v := range given {
		if managedPattern.MatchString(text(v)) {
			c.report(r, "it uses %s", text(v))
		}
	}
}

// withoutResource are actions that accept no resource, so that a policy has to
// say "*": see AWS's Service Authorization Reference. Describe actions that only
// read the account's inventory of networks are among them.
var withoutResource = []string{
	"ce:*", "pricing:*", "tag:GetResources",
	"cloudwatch:GetMetricData", "cloudwatch:GetMetricStatistics", "cloudwatch:ListMetrics", "cloudwatch:PutMetricData",
	"ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface", "ec2:Describe*",
	"ecr:GetAuthorizationToken",
	"ecs:CreateCluster", "ecs:DeregisterTaskDefinition", "ecs:DescribeTaskDefinition", "ecs:ListClusters", "ecs:ListTaskDefinitions", "ecs:RegisterTaskDefinition",
	"iam:ListRoles", "iam:ListUsers", "iam:GetAccountSummary",
	"kms:CreateKey", "kms:GenerateRandom", "kms:ListAliases", "kms:ListKeys",
	"logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:DescribeLogGroups", "logs:DescribeResourcePolicies", "logs:GetLogDelivery",
	"logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:UpdateLogDelivery",
	"s3:ListAllMyBuckets", "sns:ListTopics", "sqs:ListQueues", "ssm:DescribeParameters", "ssmmessages:*",
	"states:ListActivities", "states:ListStateMachines", "states:ValidateStateMachineDefinition",
	"sts:GetCallerIdentity",
	"xray:GetSamplingRules", "xray:GetSamplingStatisticSummaries", "xray:GetSamplingTargets", "xray:PutTelemetryRecords", "xray:PutTraceSegments",
}

func noWildcardResources(c *check, r *resource) {
	allowed := slices.Concat(withoutResource, c.settings.texts(anyResource))
	r.statements(identityDocuments, func(s *statement) {
		if !s.allows() {
			return
		}
		justified := len(s.Action) > 0 && !slices.ContainsFunc(s.Action, func(action string) bool {
			return !slices.ContainsFunc(allowed, func(pattern string) bool { return matchesAction(pattern, action) })
		})
		for _, name := range s.Resource {
			if !justified && unbounded(name) {
				c.report(r, "%sallows %s on %s", s.label(), strings.Join(s.Action, ", "), name)
			}
		}
		if len(s.NotResource) > 0 {
			c.report(r, "%sallows %s on everything but %s", s.label(), strings.Join(s.Action, ", "), strings.Join(s.NotResource, ", "))
		}
	})
}

// unbounded tells whether an ARN has a wildcard before the name of the resource,
// or instead of it.
func unbounded(name string) bool {
	parts := strings.SplitN(name, ":", 6)
	if len(parts) < 6 {
		return strings.ContainsAny(name, "*?")
	}
	if strings.ContainsAny(strings.Join(parts[:5], ":"), "*?") {
		return true
	}
	own := parts[5]
	if parts[2] != "s3" && parts[2] != "sns" && parts[2] != "sqs" && parts[2] != "events" { // elsewhere the type comes first
		if i := strings.IndexAny(own, ":/"); i >= 0 {
			own = own[i+1:]
		}
	}
	if parts[2] == "s3" {
		own, _, _ = strings.Cut(own, "/") // objects belong to a bucket
		return strings.ContainsAny(own, "*?")
	}
	return strings.HasPrefix(own, "*") || strings.HasPrefix(own, "?")
}

// sourceless are services that do not say for whom they act, or cannot act for
// anyone else. In China some of them end in .cn.
var sourceless = []string{"ec2.amazonaws.com", "ecs.amazonaws.com", "lambda.amazonaws.com", "edgelambda.amazonaws.com"}

func servicesActForThisAccount(c *check, r *resource) {
	for _, where := range []map[string][]string{resourceDocuments, trustDocuments} {
		r.statements(where, func(s *statement) {
			if !s.allows() || s.requires("aws:SourceAccount", "aws:SourceArn", "aws:SourceOrgID", "aws:PrincipalOrgID", "kms:CallerAccount", "kms:EncryptionContext:*", "AWS:SourceOwner") {
				return
			}
			for _, service := range slices.Sorted(slices.Values(s.Principal["Service"])) {
				if !slices.Contains(sourceless, strings.TrimSuffix(service, ".cn")) {
					c.report(r, "%slets %s in for any account", s.label(), service)
				}
			}
		})
	}
}
