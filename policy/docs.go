package policy

import (
	"fmt"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/policyx"
)

// Markdown documents every rule.
func Markdown() string {
	var b strings.Builder
	rules := Rules()
	counts := map[policyx.EnforcementLevel]int{}
	for _, r := range rules {
		counts[r.Level]++
	}
	fmt.Fprintf(&b, intro, len(rules), counts[mandatory], counts[advisory])
	family := ""
	for _, r := range rules {
		if r.Family != family {
			family = r.Family
			fmt.Fprintf(&b, "\n## %s\n", family)
		}
		fmt.Fprintf(&b, "\n### %s\n\n%s, %s. %s.\n\n*To do:* %s.\n", r.Name, levelName(r.Level), severityName(r.Severity), prose(r.Wants), prose(r.Remedy))
		if len(r.Options) > 0 {
			b.WriteString("\n| option | | default |\n|---|---|---|\n")
		}
		for _, o := range r.Options {
			value := fmt.Sprint(o.Default)
			if list, ok := o.Default.([]string); ok {
				value = strings.Join(list, ", ")
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", o.Name, o.About, value)
		}
	}
	return b.String()
}

const intro = "<!-- Generated from policy/; `make golden` writes it. -->\n" + `
# Policies

For whoever deploys to AWS with Pulumi, this stack or another: %d rules, as a policy pack for the Pulumi command
line. %d are mandatory and stop a deployment, %d are advisory and only tell. They judge the plan of any program in
any language that uses the provider ` + "`aws`" + `, directly or in components.

<!-- tried by TestPolicies_areKeptByBothStacks in tests/cli -->

    make build-policies
    pulumi preview --policy-pack bin/dspolicies
    pulumi up --policy-pack bin/dspolicies --policy-pack-config policies.json

A rule about one resource speaks before that resource is created, also without a preview. A rule about
several, such as a bucket and its policy, speaks when all are planned. What depends on something that is
not created yet is unknown in a preview; it is judged when the deployment knows it.

The configuration of the pack, ` + "`--policy-pack-config`" + `, is one object per rule. ` + "`enforcementLevel`" + ` is mandatory, advisory or disabled.
` + "`exceptions`" + ` excuse single resources from a rule, each with its reason; an exception that nothing needs any more is reported.
The environment is the key ` + "`environment`" + ` of the project's configuration, or else the stack's name.

    {
        "bucket-access-logged": {"enforcementLevel": "mandatory"},
        "only-https-goes-out": {
            "ports": ["443", "5432"],
            "exceptions": [{
                "resource": "legacy-*",
                "environments": ["dev"],
                "reason": "the old FTP server is switched off in May"
            }]
        }
    }
`

func levelName(level policyx.EnforcementLevel) string {
	if level == mandatory {
		return "Mandatory"
	}
	return "Advisory"
}

func severityName(s Severity) string {
	return map[Severity]string{Low: "low", Medium: "medium", High: "high", Critical: "critical"}[s]
}

// prose is a text in which nothing is Markdown: <name> would be an element of HTML.
func prose(text string) string { return strings.ReplaceAll(text, "<", `\<`) }
