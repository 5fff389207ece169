package simcloud

import (
	"cmp"
	"regexp"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ssm"
)

var ssmTypes = []*Type{
	{
		TypeName: "aws:ssm/parameter:Parameter", Args: ssm.ParameterArgs{}, Outputs: ssm.Parameter{},
		Name:    &Naming{Property: "name", Max: 1011, Taken: "ParameterAlreadyExists"},
		Replace: []string{"name", "type", "dataType"},
		Secret:  []string{"value"},
		Rules: []rule{
			oneOf("type", "String", "StringList", "SecureString"),
			oneOf("tier", "Standard", "Advanced", "Intelligent-Tiering"),
			oneOf("dataType", "text", "aws:ec2:image", "aws:ssm:integration"),
			sized("description", 0, 1024),
			parameterName,
			exactlyOne("", "value", "insecureValue"),
			parameterValue,
		},
		Defaults: map[string]any{"dataType": "text", "tier": "Standard"},
		State: func(i *instance) {
			i.arn("ssm", "parameter/"+strings.TrimPrefix(i.id, "/"))
			version := 1.0
			if n, ok := i.old["version"].(float64); ok {
				version = n + 1
			}
			i.set("version", version)
			if i.in["value"] != nil {
				return
			}
			i.set("value", i.in["insecureValue"])
		},
	},
}

var parameterPattern = regexp.MustCompile(`^[a-zA-Z0-9_.\-/]+$`)

// parameterName is Parameter Store's rule for names.
func parameterName(c *checking) {
	name, ok := c.props["name"].(string)
	if !ok {
		return
	}
	bare := strings.ToLower(strings.TrimPrefix(name, "/"))
	switch {
	case !parameterPattern.MatchString(name):
		c.problem("name", "got %q, want letters, digits and _ . - /", name)
	case strings.Contains(name, "/") && !strings.HasPrefix(name, "/"):
		c.problem("name", "got %q, want a leading / because it has levels", name)
	case strings.HasSuffix(name, "/") || strings.Contains(name, "//"):
		c.problem("name", "got %q, want no empty level", name)
	case strings.Count(strings.TrimPrefix(name, "/"), "/") > 14:
		c.problem("name", "got %d levels, want at most 15", 1+strings.Count(strings.TrimPrefix(name, "/"), "/"))
	case strings.HasPrefix(bare, "aws") || strings.HasPrefix(bare, "ssm"):
		c.problem("name", "got %q; names that begin with aws or ssm are reserved", name)
	case len(name) > 1011:
		c.problem("name", "got %d characters, want at most 1011", len(name))
	}
}

func parameterValue(c *checking) {
	limit := 4096
	if t := text(c.props, "tier"); t == "Advanced" || t == "Intelligent-Tiering" {
		limit = 8192
	}
	for _, name := range []string{"value", "insecureValue"} {
		v, ok := c.props[name].(string)
		if !ok {
			continue
		}
		// The value may be a secret, so the messages do not show it.
		switch {
		case v == "":
			c.problem(name, "empty; want at least one character")
		case len(v) > limit:
			c.problem(name, "got %d bytes, want at most %d in tier %s", len(v), limit, cmp.Or(text(c.props, "tier"), "Standard"))
		}
		if pattern, ok := c.props["allowedPattern"].(string); ok {
			re, err := regexp.Compile(pattern)
			if err != nil {
				c.problem("allowedPattern", "%v", err)
			} else if !re.MatchString(v) {
				c.problem(name, "does not match allowedPattern, %s", pattern)
			}
		}
	}
	if c.props["insecureValue"] != nil && c.props["type"] == "SecureString" {
		c.problem("insecureValue", "conflicts with type SecureString; use value")
	}
	if c.props["keyId"] != nil && c.props["type"] != "SecureString" {
		c.problem("keyId", "only with type SecureString")
	}
}
