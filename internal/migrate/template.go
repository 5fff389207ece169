package migrate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Limits of CloudFormation for a template, and one of ours for how deep values
// may be nested.
const (
	maxTemplateBytes = 1_000_000
	maxResources     = 500
	maxDepth         = 100
)

// MaxInputBytes is for a template within what `aws cloudformation get-template`
// prints, where every quote may be escaped and every line indented.
const MaxInputBytes = 8 * maxTemplateBytes

// Template is a CloudFormation template, as far as a migration looks at it.
// Values are nil, bool, string, json.Number, []any and map[string]any, with the
// functions of CloudFormation in their long form: {"Ref": "Name"}.
type Template struct {
	Parameters map[string]parameter
	Mappings   map[string]any
	Conditions map[string]any
	Resources  map[string]*Resource
}

// Resource is one resource of a template.
type Resource struct {
	Type           string
	Condition      string // "" for none
	DeletionPolicy string // "" for the one of the type
	Path           string // aws:cdk:path, where the CDK app made it; "" for none
	Properties     map[string]any
}

type parameter struct {
	Type    string
	Default any // nil for none
}

// ReadTemplate reads a template in JSON or YAML, or what `aws cloudformation
// get-template` prints. The error tells everything that is wrong with its form.
func ReadTemplate(text []byte) (*Template, error) {
	document, err := readDocument(text)
	if err != nil {
		return nil, err
	}
	root, ok := document.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("got %s, want a CloudFormation template: an object with Resources", kindOf(document))
	}
	if body, wrapped := root["TemplateBody"]; wrapped {
		return readBody(body)
	}
	return newTemplate(root)
}

// readBody is for the template within what get-template prints: an object, or
// YAML in a text.
func readBody(body any) (*Template, error) {
	if text, ok := body.(string); ok {
		document, err := readDocument([]byte(text))
		if err != nil {
			return nil, fmt.Errorf("TemplateBody: %w", err)
		}
		body = document
	}
	root, ok := body.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("TemplateBody: got %s, want a template", kindOf(body))
	}
	return newTemplate(root)
}

func newTemplate(root map[string]any) (*Template, error) {
	s := &sections{}
	t := &Template{
		Parameters: map[string]parameter{},
		Mappings:   s.object("Mappings", root["Mappings"]),
		Conditions: s.object("Conditions", root["Conditions"]),
		Resources:  map[string]*Resource{},
	}
	parameters := s.object("Parameters", root["Parameters"])
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		p := s.object("Parameters."+name, parameters[name])
		t.Parameters[name] = parameter{Type: s.text("Parameters."+name+".Type", p["Type"]), Default: p["Default"]}
	}
	resources := s.object("Resources", root["Resources"])
	switch n := len(resources); {
	case n == 0 && s.errs == nil:
		s.problem("Resources: missing, want a CloudFormation template as `cdk synth` writes it")
	case n > maxResources:
		return nil, fmt.Errorf("%s: got %d, want at most %d, as CloudFormation does", "Resources", n, maxResources)
	}
	for _, id := range slices.Sorted(maps.Keys(resources)) {
		at := "Resources." + id
		r := s.object(at, resources[id])
		one := &Resource{
			Type:           s.text(at+".Type", r["Type"]),
			Condition:      s.text(at+".Condition", r["Condition"]),
			DeletionPolicy: s.text(at+".DeletionPolicy", r["DeletionPolicy"]),
			Properties:     s.object(at+".Properties", r["Properties"]),
		}
		if metadata, ok := r["Metadata"].(map[string]any); ok {
			one.Path, _ = metadata["aws:cdk:path"].(string)
		}
		if one.Type == "" {
			s.problem("%s.Type: missing", at)
		}
		t.Resources[id] = one
	}
	if err := errors.Join(s.errs...); err != nil {
		return nil, err
	}
	return t, nil
}

// sections collects what is wrong with the form of a template.
type sections struct{ errs []error }

func (s *sections) problem(format string, args ...any) {
	s.errs = append(s.errs, fmt.Errorf(format, args...))
}

func (s *sections) object(at string, v any) map[string]any {
	switch v := v.(type) {
	case nil:
		return map[string]any{}
	case map[string]any:
		return v
	default:
		s.problem("%s: got %s, want an object", at, kindOf(v))
		return map[string]any{}
	}
}

func (s *sections) text(at string, v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	default:
		s.problem("%s: got %s, want a text", at, kindOf(v))
		return ""
	}
}

func kindOf(v any) string {
	switch v.(type) {
	case nil:
		return "nothing"
	case bool:
		return "true or false"
	case json.Number:
		return "a number"
	case string:
		return "a text"
	case []any:
		return "a list"
	default:
		return "an object"
	}
}

// readDocument reads JSON, or YAML with the short forms of functions.
func readDocument(text []byte) (any, error) {
	if len(text) > MaxInputBytes {
		return nil, fmt.Errorf("got %d bytes, want at most %d, as CloudFormation does", len(text), maxTemplateBytes)
	}
	if !isJSON(text) {
		if len(text) > maxTemplateBytes {
			return nil, fmt.Errorf("got %d bytes, want at most %d, as CloudFormation does", len(text), maxTemplateBytes)
		}
		return readYAML(text)
	}
	var document any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&document); err != nil {
		return nil, fmt.Errorf("read JSON: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("read JSON: something follows the document")
	}
	return document, checkDepth(document, 0)
}

func isJSON(text []byte) bool {
	return bytes.HasPrefix(bytes.TrimLeft(text, "\xef\xbb\xbf \t\r\n"), []byte("{"))
}

func errDepth() error { return fmt.Errorf("values are nested deeper than %d", maxDepth) }

func checkDepth(v any, depth int) error {
	if depth > maxDepth {
		return errDepth()
	}
	switch v := v.(type) {
	case []any:
		for _, element := range v {
			if err := checkDepth(element, depth+1); err != nil {
				return err
			}
		}
	case map[string]any:
		for _, element := range v {
			if err := checkDepth(element, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

func readYAML(text []byte) (any, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, fmt.Errorf("read YAML: %w", err)
	}
	if document.Kind != yaml.DocumentNode || len(document.Content) != 1 {
		return nil, errors.New("read YAML: empty, want a CloudFormation template")
	}
	return fromYAML(document.Content[0], 0)
}

// fromYAML converts a node. A tag such as !Sub is the short form of a function.
func fromYAML(n *yaml.Node, depth int) (any, error) {
	if depth > maxDepth {
		return nil, errDepth()
	}
	if name, isFunction := strings.CutPrefix(n.Tag, "!"); isFunction && name != "" && !strings.HasPrefix(n.Tag, "!!") {
		untagged := *n
		untagged.Tag = ""
		if n.Kind == yaml.ScalarNode {
			untagged.Tag = "!!str"
		}
		argument, err := fromYAML(&untagged, depth+1)
		if err != nil {
			return nil, err
		}
		return function(name, argument), nil
	}
	switch n.Kind {
	case yaml.ScalarNode:
		switch n.ShortTag() {
		case "!!null":
			return nil, nil
		case "!!bool":
			return strings.EqualFold(n.Value, "true"), nil
		case "!!int", "!!float":
			return json.Number(n.Value), nil // as written: an account may begin with 0
		}
		return n.Value, nil
	case yaml.SequenceNode:
		list := make([]any, 0, len(n.Content))
		for _, element := range n.Content {
			v, err := fromYAML(element, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, nil
	case yaml.MappingNode:
		object := make(map[string]any, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			if key.Kind != yaml.ScalarNode {
				return nil, fmt.Errorf("read YAML: line %d: want a text before the colon", key.Line)
			}
			if _, twice := object[key.Value]; twice {
				return nil, fmt.Errorf("read YAML: line %d: %q stands there twice", key.Line, key.Value)
			}
			v, err := fromYAML(n.Content[i+1], depth+1)
			if err != nil {
				return nil, err
			}
			object[key.Value] = v
		}
		return object, nil
	}
	return nil, fmt.Errorf("read YAML: line %d: an alias, which CloudFormation does not support", n.Line)
}

// function is the long form of !Name argument.
func function(name string, argument any) any {
	switch name {
	case "Ref", "Condition":
		return map[string]any{name: argument}
	case "GetAtt":
		if text, ok := argument.(string); ok {
			resource, attribute, _ := strings.Cut(text, ".")
			argument = []any{resource, attribute}
		}
	}
	return map[string]any{"Fn::" + name: argument}
}

// ReadDeployed reads what `aws cloudformation describe-stack-resources` or
// `list-stack-resources` prints as JSON.
func ReadDeployed(text []byte) (*Deployed, error) {
	if len(text) > MaxInputBytes {
		return nil, fmt.Errorf("got %d bytes, want at most %d", len(text), MaxInputBytes)
	}
	type entry struct {
		StackName, StackID, LogicalResourceID, PhysicalResourceID, ResourceStatus string
	}
	var printed struct {
		StackResources, StackResourceSummaries []entry
		NextToken                              string
	}
	if err := json.Unmarshal(text, &printed); err != nil {
		return nil, fmt.Errorf("read JSON: %w", err)
	}
	all := slices.Concat(printed.StackResources, printed.StackResourceSummaries)
	if len(all) == 0 {
		return nil, errors.New("no resources, want what `aws cloudformation describe-stack-resources --output json` or list-stack-resources prints")
	}
	if printed.NextToken != "" {
		return nil, errors.New("NextToken: there are more resources than these; leave --max-items and --no-paginate out")
	}
	d := &Deployed{IDs: map[string]string{}}
	for _, e := range all {
		if e.LogicalResourceID == "" {
			return nil, errors.New("a resource without LogicalResourceId, want what `aws cloudformation describe-stack-resources --output json` prints")
		}
		if d.StackName == "" {
			d.StackName, d.StackID = e.StackName, e.StackID
		}
		if strings.HasPrefix(e.ResourceStatus, "DELETE_COMPLETE") {
			continue
		}
		d.IDs[e.LogicalResourceID] = e.PhysicalResourceID
	}
	return d, nil
}

// Deployed is what CloudFormation says of a stack's resources.
type Deployed struct {
	IDs       map[string]string // physical IDs by logical ones
	StackName string            // "" if it is not said
	StackID   string            // an ARN; "" if it is not said
}
