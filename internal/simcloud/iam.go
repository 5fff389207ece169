package simcloud

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
)

const (
	roleType   = "aws:iam/role:Role"
	policyType = "aws:iam/policy:Policy"
	oidcType   = "aws:iam/openIdConnectProvider:OpenIdConnectProvider"
)

var iamTypes = []*Type{
	{
		TypeName: roleType, Args: iam.RoleArgs{}, Outputs: iam.Role{},
		Name:    &Naming{Property: "name", Scope: "account", Max: 64, Taken: "EntityAlreadyExists"},
		Replace: []string{"name", "namePrefix", "path"}, Required: []string{"assumeRolePolicy"},
		Documents: []string{"assumeRolePolicy"},
		Rules: []rule{
			like("name", `^[\w+=,.@-]{1,64}$`, "1 to 64 letters, digits and + = , . @ _ -"),
			atMostOne("", "name", "namePrefix"),
			like("path", `^(/|/[\x21-\x7e]+/)$`, "a path that begins and ends with /"),
			sized("description", 0, 1000),
			between("maxSessionDuration", 3600, 43200),
			policy("assumeRolePolicy", trustPolicy),
			policy("inlinePolicies[].policy", identityPolicy),
			arn("managedPolicyArns[]", "iam"),
			arn("permissionsBoundary", "iam"),
		},
		Defaults: map[string]any{"path": "/", "maxSessionDuration": 3600, "forceDetachPolicies": false, "description": ""},
		State: func(i *instance) {
			i.arn("iam", "role"+pathOf(i)+i.id)
			i.set("createDate", epoch)
			i.set("uniqueId", "AROA"+strings.ToUpper(i.fake(17)))
		},
	},
	{
		TypeName: "aws:iam/rolePolicy:RolePolicy", Args: iam.RolePolicyArgs{}, Outputs: iam.RolePolicy{},
		Name:    &Naming{Property: "name", Scope: "none", Max: 128},
		Replace: []string{"name", "namePrefix", "role"}, Required: []string{"policy", "role"}, Documents: []string{"policy"},
		Parents: []Parent{{Property: "role", Type: roleType, Holds: true}}, OnePer: []string{"role", "name"},
		Rules: []rule{
			like("name", `^[\w+=,.@-]{1,128}$`, "1 to 128 letters, digits and + = , . @ _ -"),
			atMostOne("", "name", "namePrefix"),
			policy("policy", identityPolicy),
		},
		ID: func(i *instance) string { return text(i.in, "role") + ":" + text(i.in, "name") },
	},
	{
		TypeName: "aws:iam/rolePolicyAttachment:RolePolicyAttachment", Args: iam.RolePolicyAttachmentArgs{}, Outputs: iam.RolePolicyAttachment{},
		Replace: []string{"*"}, Required: []string{"role"},
		Parents: []Parent{{Property: "role", Type: roleType, Holds: true}, {Property: "policyArn", Type: policyType, Holds: true, Outside: true}},
		OnePer:  []string{"role", "policyArn"},
		Rules:   []rule{arn("policyArn", "iam")},
		ID: func(i *instance) string {
			return text(i.in, "role") + "-" + fakeHex(12, text(i.in, "policyArn"))
		},
		Create: func(i *instance) error {
			arn := text(i.in, "policyArn")
			if strings.Contains(arn, "::aws:policy/") || i.cloud.resolve(policyType, arn) != nil {
				return nil
			}
			return fmt.Errorf("NoSuchEntity: policyArn: there is no policy %q", arn)
		},
	},
	{
		TypeName: policyType, Args: iam.PolicyArgs{}, Outputs: iam.Policy{},
		Name:    &Naming{Property: "name", Scope: "account", Max: 128, Taken: "EntityAlreadyExists"},
		Replace: []string{"name", "namePrefix", "path", "description"}, Required: []string{"policy"}, Documents: []string{"policy"},
		Rules: []rule{
			like("name", `^[\w+=,.@-]{1,128}$`, "1 to 128 letters, digits and + = , . @ _ -"),
			atMostOne("", "name", "namePrefix"),
			policy("policy", identityPolicy),
			func(c *checking) {
				if s, ok := c.props["policy"].(string); ok && len(strings.Join(strings.Fields(s), "")) > 6144 {
					c.problem("policy", "got more than 6144 characters, the most that a managed policy may have")
				}
			},
		},
		Defaults: map[string]any{"path": "/"},
		ID:       func(i *instance) string { return i.session.arn("iam", "policy"+pathOf(i)+text(i.in, "name")) },
		State: func(i *instance) {
			i.set("arn", i.id)
			i.set("policyId", "ANPA"+strings.ToUpper(i.fake(17)))
		},
	},
	{
		TypeName: oidcType, Args: iam.OpenIdConnectProviderArgs{}, Outputs: iam.OpenIdConnectProvider{},
		Replace: []string{"url"}, Required: []string{"url", "clientIdLists"}, OnePer: []string{"url"},
		Rules: []rule{
			like("url", `^https://[^?#]{1,247}$`, "an https address of at most 255 characters without a query"),
			sized("clientIdLists", 1, 100),
			sized("clientIdLists[]", 1, 255),
			sized("thumbprintLists", 0, 5),
			like("thumbprintLists[]", `^[0-9a-fA-F]{40}$`, "40 hexadecimal digits"),
		},
		ID: func(i *instance) string {
			return i.session.arn("iam", "oidc-provider/"+strings.TrimPrefix(text(i.in, "url"), "https://"))
		},
		State: func(i *instance) { i.set("arn", i.id) },
	},
}

func pathOf(i *instance) string {
	if p := text(i.in, "path"); p != "" {
		return p
	}
	return "/"
}

// allows says whether some policy of a role allows an action on anything. The
// cloud is locked.
func (c *Cloud) allows(role *thing, action string) bool {
	var documents []any
	for _, p := range c.all("aws:iam/rolePolicy:RolePolicy", nil) {
		if props := p.plain(); c.resolve(roleType, text(props, "role")) == role {
			documents = append(documents, props["policy"])
		}
	}
	inline, _ := role.plain()["inlinePolicies"].([]any)
	for _, e := range inline {
		entry, _ := e.(map[string]any)
		documents = append(documents, entry["policy"])
	}
	attached := refsOf(role.plain()["managedPolicyArns"])
	for _, a := range c.all("aws:iam/rolePolicyAttachment:RolePolicyAttachment", nil) {
		if props := a.plain(); c.resolve(roleType, text(props, "role")) == role {
			attached = append(attached, text(props, "policyArn"))
		}
	}
	for _, arn := range attached {
		if p := c.resolve(policyType, arn); p != nil {
			documents = append(documents, p.plain()["policy"])
		} else if strings.Contains(arn, "::aws:policy/") {
			return true // what AWS's own policies allow is not known here
		}
	}
	for _, d := range documents {
		for _, s := range statementsOf(d) {
			if s["Effect"] != "Allow" {
				continue
			}
			for _, pattern := range refsOf(s["Action"]) {
				if wildcard(pattern, action) {
					return true
				}
			}
		}
	}
	return false
}

// wildcard matches an action with a pattern of * and ?, in any case.
func wildcard(pattern, action string) bool {
	quoted := regexp.QuoteMeta(strings.ToLower(pattern))
	re, err := regexp.Compile("^" + strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(quoted) + "$")
	return err == nil && re.MatchString(strings.ToLower(action))
}
