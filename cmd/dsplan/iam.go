package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	pkgresource "github.com/pulumi/pulumi/pkg/v3/resource"

	"ds-pipeline/internal/review"
	"ds-pipeline/internal/simcloud/simstack"
)

// policyFields are the properties that hold a policy, by type, and the one that
// says what it is attached to.
var policyFields = map[string]struct{ policy, to string }{
	"aws:ec2/vpcEndpoint:VpcEndpoint":           {"policy", "serviceName"},
	"aws:ecr/repositoryPolicy:RepositoryPolicy": {"policy", "repository"},
	"aws:iam/rolePolicy:RolePolicy":             {"policy", "role"},
	"aws:kms/key:Key":                           {"policy", ""},
	"aws:kms/keyPolicy:KeyPolicy":               {"policy", "keyId"},
	"aws:s3/bucketPolicy:BucketPolicy":          {"policy", "bucket"},
	"aws:sns/topicPolicy:TopicPolicy":           {"policy", "arn"},
	"aws:sqs/queuePolicy:QueuePolicy":           {"policy", "queueUrl"},
}

// grants lists who may do what by the policies of resources.
func grants(resources []*pkgresource.State) ([]review.Grant, error) {
	roles := map[string]string{} // names in AWS to names in the program
	for _, r := range resources {
		if r.Type == "aws:iam/role:Role" {
			roles[textOf(r.Outputs.Mappable()["name"])] = r.URN.Name()
		}
	}
	var all []review.Grant
	for _, r := range resources {
		if r.Type == "aws:iam/role:Role" {
			found, err := read(r, textOf(r.Inputs.Mappable()["assumeRolePolicy"]), func(principals []string) []string { return principals })
			if err != nil {
				return nil, err
			}
			all = append(all, found...)
			continue
		}
		field, ok := policyFields[string(r.Type)]
		if !ok {
			continue
		}
		inputs := plainMap(r.Inputs)
		text := textOf(inputs[field.policy])
		if text == "" {
			continue
		}
		found, err := read(r, text, func(principals []string) []string {
			if role := textOf(inputs[field.to]); r.Type == "aws:iam/rolePolicy:RolePolicy" {
				if name := roles[role]; name != "" {
					role = name
				}
				return []string{"role " + role}
			}
			if r.Type == "aws:ec2/vpcEndpoint:VpcEndpoint" {
				// It limits what others allow, and allows nothing itself.
				return []string{"through endpoint " + r.URN.Name()}
			}
			return principals
		})
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	slices.SortStableFunc(all, func(a, b review.Grant) int {
		return cmp.Or(strings.Compare(a.Who, b.Who), strings.Compare(a.Where, b.Where))
	})
	return all, nil
}

func textOf(v any) string {
	s, _ := v.(string)
	return s
}

// read turns a policy into grants; who decides about whom a statement is.
func read(r *pkgresource.State, text string, who func(principals []string) []string) ([]review.Grant, error) {
	var document struct {
		Statement []struct {
			Sid, Effect                 string
			Principal                   any
			Action, NotAction, Resource any
			Condition                   map[string]map[string]any
		}
	}
	if err := json.Unmarshal([]byte(text), &document); err != nil {
		return nil, fmt.Errorf("policy of %s: %w", r.URN.Name(), err)
	}
	var all []review.Grant
	for _, s := range document.Statement {
		actions := texts(s.Action)
		for _, a := range texts(s.NotAction) {
			actions = append(actions, "all but "+a)
		}
		for _, w := range who(principals(s.Principal)) {
			all = append(all, review.Grant{Who: w, Where: r.URN.Name(), Deny: s.Effect == "Deny", Actions: actions, Resources: texts(s.Resource), If: conditions(s.Condition), Why: s.Sid})
		}
	}
	return all, nil
}

// texts are one text or several.
func texts(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		var all []string
		for _, one := range v {
			all = append(all, fmt.Sprint(one))
		}
		return all
	case bool, float64:
		return []string{fmt.Sprint(v)}
	}
	return nil
}

// principals are whom a statement is about.
func principals(v any) []string {
	kinds, ok := v.(map[string]any)
	if !ok {
		if v == nil {
			return []string{"nobody in particular"}
		}
		return []string{"anybody"}
	}
	var all []string
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		for _, name := range texts(kinds[kind]) {
			switch {
			case name == "*":
				all = append(all, "anybody")
			case kind == "Service":
				all = append(all, "service "+name)
			default:
				all = append(all, name)
			}
		}
	}
	return all
}

func conditions(c map[string]map[string]any) []string {
	var all []string
	for _, operator := range slices.Sorted(maps.Keys(c)) {
		for _, key := range slices.Sorted(maps.Keys(c[operator])) {
			all = append(all, fmt.Sprintf("%s %s %s", key, operator, strings.Join(texts(c[operator][key]), " or ")))
		}
	}
	return all
}

// printIAM lists who may do what.
func printIAM(w io.Writer, planned *simstack.Result, asJSON bool) error {
	all, err := grants(planned.Resources)
	if err != nil {
		return err
	}
	if asJSON {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		return enc.Encode(map[string]any{"grants": all})
	}
	var b strings.Builder
	last := ""
	for _, g := range all {
		if g.Who != last {
			fmt.Fprintf(&b, "%s\n", g.Who)
			last = g.Who
		}
		verb := "may"
		if g.Deny {
			verb = "MAY NOT"
		}
		fmt.Fprintf(&b, "  %s %s  (%s)\n", verb, strings.Join(g.Actions, ", "), strings.TrimSuffix(g.Where+": "+g.Why, ": "))
		for _, resource := range g.Resources {
			fmt.Fprintf(&b, "      on %s\n", resource)
		}
		for _, condition := range g.If {
			fmt.Fprintf(&b, "      if %s\n", condition)
		}
	}
	_, err = io.WriteString(w, b.String())
	return err
}
