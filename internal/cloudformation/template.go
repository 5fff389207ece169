// Package cloudformation writes a plan as a CloudFormation template, so that
// tools made for CloudFormation can judge it. The template is for reading: a
// stack is deployed by Pulumi only.
//
// Nothing is left out in silence: a resource type or a property that has no
// place in the mapping is an error that names it.
package cloudformation

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Resource is one planned resource of the AWS provider, without secrets.
type Resource struct {
	Type string // as Pulumi writes it, "aws:sns/topic:Topic"
	Name string // in the program, "pipeline-topic"
	ID   string // as the provider returned it
	// Inputs and Outputs are plain values: nil, bool, float64, string, []any and
	// map[string]any.
	Inputs, Outputs map[string]any
}

// Template is a template as it is written to JSON.
type Template struct {
	FormatVersion string             `json:"AWSTemplateFormatVersion"`
	Resources     map[string]*Entity `json:"Resources"`
}

// Entity is one resource of a template.
type Entity struct {
	Type       string         `json:"Type"`
	Properties map[string]any `json:"Properties,omitempty"`
}

// New converts a plan. What Pulumi keeps in resources of their own and
// CloudFormation within another, as the settings of a bucket, is merged. Where
// one resource names another by its ARN or ID, the template refers to it. The
// error tells everything that cannot be converted.
func New(resources []Resource) (*Template, error) {
	sorted := slices.Clone(resources)
	slices.SortFunc(sorted, func(a, b Resource) int {
		return strings.Compare(a.Type+"\x00"+a.Name, b.Type+"\x00"+b.Name)
	})
	c := newConverter(sorted)
	t := &Template{FormatVersion: "2010-09-09", Resources: map[string]*Entity{}}
	var errs []error
	for i := range sorted {
		r := &sorted[i]
		kind, known := kinds[r.Type]
		if !known {
			continue
		}
		properties, err := kind.convert(c, r.Inputs)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s %q: %w", r.Type, r.Name, err))
			continue
		}
		t.Resources[c.logical[r]] = &Entity{Type: kind.name, Properties: properties}
		if kind.also != nil {
			kind.also(c, t, r)
		}
	}
	for i := range sorted {
		r := &sorted[i]
		part, isPart := parts[r.Type]
		_, isKind := kinds[r.Type]
		switch {
		case isPart:
			if err := part.merge(c, t, r); err != nil {
				errs = append(errs, fmt.Errorf("%s %q: %w", r.Type, r.Name, err))
			}
		case !isKind && !absent[r.Type]:
			errs = append(errs, fmt.Errorf("%s %q: this type is not in the mapping to CloudFormation", r.Type, r.Name))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return t, nil
}

// kind is a resource type that both have.
type kind struct {
	name string // in CloudFormation
	ref  string // the output that Ref gives; "" for the ID, none if the ID is that of another resource
	arn  string // the attribute that is the ARN; "" if there is none
	fields
	// also adds what Pulumi keeps in the resource and CloudFormation beside it.
	also func(*converter, *Template, *Resource)
}

const none = "none"

// part is a resource type that CloudFormation keeps within another.
type part struct {
	owner string // type of the resource that it belongs to
	by    string // the input that names the owner by its ID or name
	under string // the property that holds the fields; "" for the owner itself
	list  bool   // under is a list, and the fields are one element of it
	fields
}

func (p part) merge(c *converter, t *Template, r *Resource) error {
	value, _ := r.Inputs[p.by].(string)
	owner := c.find(p.owner, value)
	if owner == nil {
		return fmt.Errorf("%s: got %q, want the ID or name of a planned %s", p.by, value, p.owner)
	}
	entity := t.Resources[c.logical[owner]]
	if entity == nil {
		return nil // its own error is told
	}
	inputs := maps.Clone(r.Inputs)
	delete(inputs, p.by)
	properties, err := p.convert(c, inputs)
	if err != nil {
		return err
	}
	if p.list {
		elements, _ := entity.Properties[p.under].([]any)
		entity.Properties[p.under] = append(elements, properties)
		return nil
	}
	if p.under != "" {
		properties = map[string]any{p.under: properties}
	}
	for key, v := range properties {
		if _, taken := entity.Properties[key]; taken {
			return fmt.Errorf("sets %s of %q, which something else sets too", key, owner.Name)
		}
		entity.Properties[key] = v
	}
	return nil
}

// converter knows all resources of a plan.
type converter struct {
	resources []Resource
	logical   map[*Resource]string
	// known are the ARNs and IDs that name one resource and nothing else.
	known map[string]any
}

// An ID such as vpc-0a82f74ec01d0c3aa, the URL of a queue or an ARN can mean one
// thing only. A name can be that of several things.
var unmistakable = regexp.MustCompile(`^(arn:.+|https://.+|[a-z]+-[0-9a-f]{8,17})$`)

func newConverter(resources []Resource) *converter {
	c := &converter{resources: resources, logical: map[*Resource]string{}, known: map[string]any{}}
	count := map[string]int{}
	for _, r := range resources {
		if _, ok := kinds[r.Type]; ok {
			count[logicalID(r.Name)]++
		}
	}
	for i := range resources {
		r := &resources[i]
		kind, ok := kinds[r.Type]
		if !ok {
			continue
		}
		id := logicalID(r.Name)
		if count[id] > 1 { // Pulumi's names are unique within a type
			id += kind.name[strings.LastIndex(kind.name, ":")+1:]
		}
		c.logical[r] = id
		ref := r.ID
		if kind.ref != "" {
			ref, _ = r.Outputs[kind.ref].(string)
		}
		if arn, _ := r.Outputs["arn"].(string); arn != "" && kind.arn != "" {
			c.known[arn] = map[string]any{"Fn::GetAtt": []any{id, kind.arn}}
		}
		if unmistakable.MatchString(ref) {
			c.known[ref] = map[string]any{"Ref": id}
		}
	}
	return c
}

// logicalID is a name in letters and digits: "data-input" is DataInput.
func logicalID(name string) string {
	var id strings.Builder
	for _, word := range strings.FieldsFunc(name, func(r rune) bool { return !isLetterOrDigit(r) }) {
		id.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return id.String()
}

func isLetterOrDigit(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}

// find returns the resource of a type with an ID or name, nil if there is none.
func (c *converter) find(typ, value string) *Resource {
	for i := range c.resources {
		r := &c.resources[i]
		if name, _ := r.Outputs["name"].(string); r.Type == typ && value != "" && (r.ID == value || name == value) {
			return r
		}
	}
	return nil
}

// refer replaces ARNs and IDs of planned resources by references to them, also
// where something is appended to an ARN. Everything else stays as it is.
func (c *converter) refer(v any) any {
	switch v := v.(type) {
	case string:
		if known, ok := c.known[v]; ok {
			return known
		}
		longest := ""
		for arn := range c.known {
			if rest, ok := strings.CutPrefix(v, arn); ok && strings.HasPrefix(arn, "arn:") && strings.ContainsAny(rest[:1], ":/") && len(arn) > len(longest) {
				longest = arn
			}
		}
		if longest != "" {
			return map[string]any{"Fn::Join": []any{"", []any{c.known[longest], v[len(longest):]}}}
		}
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = c.refer(v[i])
		}
		return out
	case map[string]any:
		out := map[string]any{}
		for key := range v {
			out[key] = c.refer(v[key])
		}
		return out
	}
	return v
}
