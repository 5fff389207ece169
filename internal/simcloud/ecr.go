package simcloud

import (
	"fmt"
	"slices"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ecr"
)

const repositoryType = "aws:ecr/repository:Repository"

var repositoryParent = []Parent{{Property: "repository", Type: repositoryType}}

func repositoryOf(i *instance) string { return text(i.in, "repository") }

func registryOf(i *instance) { i.set("registryId", i.session.account) }

var ecrTypes = []*Type{
	{
		TypeName: repositoryType, Args: ecr.RepositoryArgs{}, Outputs: ecr.Repository{},
		Name:    &Naming{Property: "name", Max: 256, Lower: true, Taken: "RepositoryAlreadyExistsException"},
		Replace: []string{"name", "encryptionConfigurations"},
		Rules: []rule{
			sized("name", 2, 256),
			like("name", `^(?:[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*/)*[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$`, "lower-case letters and digits, with single separators . _ - / between them"),
			oneOf("imageTagMutability", "MUTABLE", "IMMUTABLE"),
			oneOf("encryptionConfigurations[].encryptionType", "AES256", "KMS", "KMS_DSSE"),
			arn("encryptionConfigurations[].kmsKey", "kms"),
		},
		Defaults: map[string]any{
			"imageTagMutability": "MUTABLE", "forceDelete": false,
			"encryptionConfigurations": []any{map[string]any{"encryptionType": "AES256"}},
		},
		State: func(i *instance) {
			i.arn("ecr", "repository/"+i.id)
			registryOf(i)
			i.set("repositoryUrl", fmt.Sprintf("%s.dkr.ecr.%s.%s/%s", i.session.account, i.session.region, i.session.dnsSuffix(), i.id))
		},
		Delete: func(c *Cloud, t *thing) error {
			url := text(t.plain(), "repositoryUrl")
			if n := len(c.images[url]); n > 0 && !flag(t.plain(), "forceDelete") {
				return fmt.Errorf("RepositoryNotEmptyException: the repository holds %d images and forceDelete is not set", n)
			}
			delete(c.images, url)
			return nil
		},
	},
	{
		TypeName: "aws:ecr/lifecyclePolicy:LifecyclePolicy", Args: ecr.LifecyclePolicyArgs{}, Outputs: ecr.LifecyclePolicy{},
		Replace: []string{"repository", "policy"}, Required: []string{"policy"}, Documents: []string{"policy"},
		Parents: repositoryParent, OnePer: []string{"repository"}, ID: repositoryOf, State: registryOf,
		Rules: []rule{imageLifecycle},
	},
	{
		TypeName: "aws:ecr/repositoryPolicy:RepositoryPolicy", Args: ecr.RepositoryPolicyArgs{}, Outputs: ecr.RepositoryPolicy{},
		Replace: []string{"repository"}, Required: []string{"policy"}, Documents: []string{"policy"},
		Parents: repositoryParent, OnePer: []string{"repository"}, ID: repositoryOf, State: registryOf,
		Rules: []rule{policy("policy", repositoryPolicy)},
	},
}

// imageLifecycle checks the JSON of a lifecycle policy as ECR does.
func imageLifecycle(c *checking) {
	v := c.props["policy"]
	document, ok := v.(map[string]any)
	if s, isText := v.(string); isText {
		var parsed any
		if err := parseJSON(s, &parsed); err != nil {
			c.problem("policy", "not valid JSON: %v", err)
			return
		}
		document, ok = parsed.(map[string]any)
	}
	if !ok {
		return
	}
	rules, _ := document["rules"].([]any)
	if len(rules) == 0 {
		c.problem("policy.rules", "missing; want at least one rule")
	}
	priorities := map[float64]bool{}
	highest, anyAt := 0.0, -1.0
	for n, r := range rules {
		at := fmt.Sprintf("policy.rules[%d]", n)
		entry, _ := r.(map[string]any)
		priority, ok := entry["rulePriority"].(float64)
		if !ok || priority < 1 {
			c.problem(at+".rulePriority", "got %s, want a whole number from 1", shown(entry["rulePriority"]))
		}
		if priorities[priority] {
			c.problem(at+".rulePriority", "%s is used twice; want a different one", shown(priority))
		}
		priorities[priority] = true
		highest = max(highest, priority)
		if action, _ := entry["action"].(map[string]any); action["type"] != "expire" {
			c.problem(at+".action.type", `got %s, want "expire"`, shown(action["type"]))
		}
		selection, _ := entry["selection"].(map[string]any)
		status := text(selection, "tagStatus")
		switch {
		case !slices.Contains([]string{"tagged", "untagged", "any"}, status):
			c.problem(at+".selection.tagStatus", `got %s, want "tagged", "untagged" or "any"`, shown(selection["tagStatus"]))
		case status == "any":
			anyAt = priority
		case status == "tagged" && (selection["tagPrefixList"] == nil) == (selection["tagPatternList"] == nil):
			c.problem(at+".selection", "want exactly one of tagPrefixList and tagPatternList")
		case status == "untagged" && (selection["tagPrefixList"] != nil || selection["tagPatternList"] != nil):
			c.problem(at+".selection", "tagPrefixList and tagPatternList are for tagged images")
		}
		if n, ok := selection["countNumber"].(float64); !ok || n < 1 {
			c.problem(at+".selection.countNumber", "got %s, want a whole number from 1", shown(selection["countNumber"]))
		}
		switch text(selection, "countType") {
		case "imageCountMoreThan":
			if selection["countUnit"] != nil {
				c.problem(at+".selection.countUnit", "only with countType sinceImagePushed")
			}
		case "sinceImagePushed":
			if selection["countUnit"] != "days" {
				c.problem(at+".selection.countUnit", `got %s, want "days"`, shown(selection["countUnit"]))
			}
		default:
			c.problem(at+".selection.countType", `got %s, want "imageCountMoreThan" or "sinceImagePushed"`, shown(selection["countType"]))
		}
	}
	if anyAt >= 0 && anyAt != highest {
		c.problem("policy.rules", "the rule for any image has priority %s, want the highest number, %s or more", shown(anyAt), shown(highest))
	}
}
