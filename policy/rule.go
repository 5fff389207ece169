// Package policy is a Pulumi policy pack: what an auditor asks of a stack on
// AWS, as rules that the engine applies to any program's plan. It knows nothing
// of this project's components. cmd/dspolicies is the pack as a program.
//
// Rules judge what a program asks for, not what AWS would fill in: the inputs of
// each resource. An input that depends on something not created yet is unknown
// in a preview; a rule that needs it waits for the deployment, where the engine
// asks again before it creates the resource.
package policy

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/policyx"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// Name and Version identify the pack.
const (
	Name    = "ds-policies"
	Version = "1.0.0"
)

// Severity is how bad it is when a rule is not followed.
type Severity = pulumirpc.PolicySeverity

// The severities of the rules.
const (
	Low      = pulumirpc.PolicySeverity_POLICY_SEVERITY_LOW
	Medium   = pulumirpc.PolicySeverity_POLICY_SEVERITY_MEDIUM
	High     = pulumirpc.PolicySeverity_POLICY_SEVERITY_HIGH
	Critical = pulumirpc.PolicySeverity_POLICY_SEVERITY_CRITICAL
)

const (
	mandatory = policyx.EnforcementLevelMandatory
	advisory  = policyx.EnforcementLevelAdvisory
)

// Rule is one thing that a program has to do. It looks at each resource by
// itself, or at all of them together.
type Rule struct {
	// Name is how configuration and messages call the rule.
	Name string
	// Family is the service it is about.
	Family string
	// Wants says what is right, in a sentence without a full stop.
	Wants string
	// Remedy says what to change in a program that does otherwise.
	Remedy string
	// Level is mandatory or advisory; configuration may change it.
	Level policyx.EnforcementLevel
	// Severity is how bad it is.
	Severity Severity
	// Options are what may be configured besides the level and exceptions.
	Options []Option

	resource func(c *check, r *resource) // before the resource is created
	stack    func(c *check, p *plan)     // once everything is planned
}

// Option is a list of texts or a number that a rule lets users choose.
type Option struct {
	Name  string
	About string
	// Default is a []string or an int.
	Default any
}

// Rules returns every rule, sorted by family and name.
func Rules() []*Rule {
	var all []*Rule
	for _, family := range [][]*Rule{
		bucketRules(), repositoryRules(), containerRules(), identityRules(), machineRules(),
		messageRules(), logRules(), networkRules(), secretRules(), dataRules(),
	} {
		all = append(all, family...)
	}
	slices.SortFunc(all, func(a, b *Rule) int {
		return cmp.Or(cmp.Compare(a.Family, b.Family), cmp.Compare(a.Name, b.Name))
	})
	return all
}

// Options that several rules share.
var (
	production = Option{"production", "names of environments that are production", []string{"prod", "production", "live"}}
	throwAway  = Option{"throwAway", "names of environments that may be destroyed with everything in them", []string{"dev", "development", "test", "sandbox"}}
)

// check is one rule at work.
type check struct {
	rule        *Rule
	settings    settings
	environment string
	found       func(r *resource, message string)
}

// report says that a resource does not follow the rule. The remedy is added.
func (c *check) report(r *resource, format string, args ...any) {
	c.found(r, fmt.Sprintf(format, args...))
}

// in tells whether the environment is one of those that an option names.
func (c *check) in(option Option) bool {
	return slices.Contains(c.settings.texts(option), c.environment)
}
