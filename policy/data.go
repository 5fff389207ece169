package policy

import (
	"regexp"
	"slices"
)

var dataKinds = Option{"kinds", "kinds of resources that hold data, as service.Type", []string{
	"dynamodb.Table", "efs.FileSystem", "kms.Key", "rds.Cluster", "rds.Instance", "s3.Bucket",
}}

func dataRules() []*Rule {
	return []*Rule{
		{
			Name: "data-protected", Family: "Data", Level: mandatory, Severity: High,
			Options: []Option{production, dataKinds},
			Wants:   "In production, what holds data cannot be deleted by a deployment",
			Remedy:  "give the resource, or the component around it, the option protect",
			resource: func(c *check, r *resource) {
				if c.in(production) && slices.Contains(c.settings.texts(dataKinds), r.kind()) && !r.protected {
					c.report(r, "it is not protected")
				}
			},
		},
		{
			Name: "data-not-thrown-away", Family: "Data", Level: mandatory, Severity: High, Options: []Option{throwAway},
			Wants:  "Outside of development, nothing is deleted together with what it holds",
			Remedy: "set forceDestroy and forceDelete to false, skipFinalSnapshot too",
			resource: func(c *check, r *resource) {
				if r.kind() == "" || c.in(throwAway) {
					return
				}
				for _, name := range []string{"forceDestroy", "forceDelete", "skipFinalSnapshot"} {
					if isTrue(r.get(name)) {
						c.report(r, "%s is true in %q", name, c.environment)
					}
				}
			},
		},
	}
}

// secretName is how names of secrets end, in words.
var secretName = regexp.MustCompile(`(?i)(^|[^a-z])(password|passwd|passphrase|secret|token|credentials?|api[-_]?key|private[-_]?key|access[-_]?key)$`)

func secretRules() []*Rule {
	return []*Rule{
		{
			Name: "container-environment-has-no-secrets", Family: "Secrets", Level: mandatory, Severity: Critical,
			Wants:  "No secret is written in a task definition, which many may read",
			Remedy: "name a parameter or secret under secrets, not a value under environment",
			resource: eachContainer(func(d *container) string {
				for _, e := range d.Environment {
					if e.Value != "" && secretName.MatchString(e.Name) {
						return "variable " + e.Name + " looks like a secret in clear"
					}
				}
				return ""
			}),
		},
		{
			Name: "parameter-has-no-secret", Family: "Secrets", Level: mandatory, Severity: Critical,
			Wants:  "A parameter that holds a secret is encrypted",
			Remedy: "set type to SecureString",
			resource: func(c *check, r *resource) {
				if name := text(r.get("name")); r.is("ssm.Parameter") && isNot(r.get("type"), "SecureString") && secretName.MatchString(name) {
					c.report(r, "parameter %s looks like a secret in clear", name)
				}
			},
		},
	}
}
