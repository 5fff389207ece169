package simcloud

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"ds-pipeline/preprocess/named"
)

// session is one configured provider: whose account, which region, which tags.
type session struct {
	account string
	region  string
	tags    map[string]string
}

var (
	regionPattern  = regexp.MustCompile(`^[a-z]{2}(-gov)?-(north|south|east|west|central|northeast|northwest|southeast|southwest)-\d$`)
	accountPattern = regexp.MustCompile(`^\d{12}$`)
	rolePattern    = regexp.MustCompile(`^arn:aws[a-z-]*:iam::(\d{12}):role/.+$`)
)

// providerConfig decodes a provider's configuration: everything but text
// arrives as JSON in text.
func providerConfig(props resource.PropertyMap) map[string]any {
	plain := plainMap(props)
	fields := shapeOf(aws.ProviderArgs{}.ElementType()).fields
	for name, v := range plain {
		s, ok := v.(string)
		if f := fields[name]; !ok || f == nil || f.shape.kind == textKind {
			continue
		}
		var decoded any
		if json.Unmarshal([]byte(s), &decoded) == nil {
			plain[name] = decoded
		}
	}
	return plain
}

// checkProvider returns what is wrong with a provider's configuration.
func checkProvider(props resource.PropertyMap) []string {
	var problems []string
	config := providerConfig(props)
	known := shapeOf(aws.ProviderArgs{}.ElementType())
	for _, name := range sortedKeys(config) {
		if name == "version" || name == "pluginDownloadURL" || strings.HasPrefix(name, "__") {
			continue
		}
		f := known.fields[name]
		if f == nil {
			hint := ""
			if near := named.Nearest(name, known.names); near != "" {
				hint = fmt.Sprintf("; did you mean %q?", near)
			}
			problems = append(problems, name+": unknown setting of the aws provider"+hint)
			continue
		}
		f.shape.check(name, resource.NewPropertyValue(withoutUnknowns(config[name])), func(path, problem string) {
			problems = append(problems, path+": "+problem)
		})
	}
	if r, ok := config["region"].(string); ok && !regionPattern.MatchString(r) {
		problems = append(problems, fmt.Sprintf("region: got %q, want a region such as eu-central-1", r))
	}
	if config["region"] == nil {
		problems = append(problems, "region: missing; run `pulumi config set aws:region <region>`")
	}
	for _, list := range []string{"allowedAccountIds", "forbiddenAccountIds"} {
		for _, id := range refsOf(config[list]) {
			if !accountPattern.MatchString(id) {
				problems = append(problems, fmt.Sprintf("%s: got %q, want account ids of 12 digits", list, id))
			}
		}
	}
	if config["allowedAccountIds"] != nil && config["forbiddenAccountIds"] != nil {
		problems = append(problems, "forbiddenAccountIds: conflicts with allowedAccountIds")
	}
	return problems
}

// withoutUnknowns drops values that are not known yet from a plain value.
func withoutUnknowns(v any) any {
	switch v := v.(type) {
	case unknown:
		return nil
	case []any:
		out := []any{}
		for _, e := range v {
			if e = withoutUnknowns(e); e != nil {
				out = append(out, e)
			}
		}
		return out
	case map[string]any:
		out := map[string]any{}
		for k, e := range v {
			if e = withoutUnknowns(e); e != nil {
				out[k] = e
			}
		}
		return out
	}
	return v
}

// newSession configures a provider, or refuses as the real one does when the
// credentials are of an account that the program does not want.
func newSession(c *Cloud, props resource.PropertyMap) (*session, error) {
	config := providerConfig(props)
	s := &session{account: c.account, region: text(config, "region"), tags: map[string]string{}}
	for _, name := range []string{"assumeRole", "assumeRoles"} {
		roles, ok := config[name].([]any)
		if !ok {
			roles = []any{config[name]}
		}
		for _, r := range roles {
			role, _ := r.(map[string]any)
			if m := rolePattern.FindStringSubmatch(text(role, "roleArn")); m != nil {
				s.account = m[1]
			}
		}
	}
	if defaults, ok := config["defaultTags"].(map[string]any); ok {
		tags, _ := defaults["tags"].(map[string]any)
		for k, v := range tags {
			if t, ok := v.(string); ok {
				s.tags[k] = t
			}
		}
	}
	if allowed := refsOf(config["allowedAccountIds"]); len(allowed) > 0 && !slices.Contains(allowed, s.account) {
		return nil, fmt.Errorf("AWS account ID not allowed: %s; the credentials belong to another account than allowedAccountIds, %s", s.account, quotedList(allowed))
	}
	if forbidden := refsOf(config["forbiddenAccountIds"]); slices.Contains(forbidden, s.account) {
		return nil, fmt.Errorf("AWS account ID not allowed: %s; it is one of forbiddenAccountIds", s.account)
	}
	return s, nil
}

func (s *session) partition() string {
	switch {
	case strings.HasPrefix(s.region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(s.region, "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}

func (s *session) dnsSuffix() string {
	if s.partition() == "aws-cn" {
		return "amazonaws.com.cn"
	}
	return "amazonaws.com"
}

// arn builds an ARN. S3 has neither region nor account, IAM no region.
func (s *session) arn(service, resource string) string {
	region, account := s.region, s.account
	switch service {
	case "s3":
		region, account = "", ""
	case "iam":
		region = ""
	}
	return strings.Join([]string{"arn", s.partition(), service, region, account, resource}, ":")
}

// tagsAll merges the provider's default tags with a resource's own.
func (s *session) tagsAll(own resource.PropertyValue) resource.PropertyValue {
	all := resource.PropertyMap{}
	for k, v := range s.tags {
		all[resource.PropertyKey(k)] = resource.NewStringProperty(v)
	}
	for own.IsSecret() {
		own = own.SecretValue().Element
	}
	if own.IsObject() {
		for k, v := range own.ObjectValue() {
			all[k] = v
		}
	}
	return resource.NewObjectProperty(all)
}

// checkTags refuses what no service takes: too many tags, long or reserved
// keys, long values.
func checkTags(c *checking) {
	tags, _ := c.props["tags"].(map[string]any)
	all := len(tags)
	for k := range c.session.tags {
		if _, own := tags[k]; !own {
			all++
		}
	}
	if all > 50 {
		c.problem("tags", "got %d tags with the default ones, want at most 50", all)
	}
	for _, k := range sortedKeys(tags) {
		v, _ := tags[k].(string)
		switch {
		case k == "" || len([]rune(k)) > 128:
			c.problem("tags", "got a key of %d characters, want 1 to 128", len([]rune(k)))
		case strings.HasPrefix(strings.ToLower(k), "aws:"):
			c.problem("tags", "got key %q; keys that begin with aws: are reserved", k)
		case len([]rune(v)) > 256:
			c.problem("tags", "key %q: got a value of %d characters, want at most 256", k, len([]rune(v)))
		case !tagPattern.MatchString(k) || !tagPattern.MatchString(v):
			c.problem("tags", "key %q: want letters, digits, spaces and _ . : / = + - @ only", k)
		}
	}
}

var tagPattern = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`)
