package migrate

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// maxText is how long a resolved text may be: more than any name and any
// parameter's value of AWS.
const maxText = 16 << 10

// resolver computes values of a template. It remembers what it has computed, so
// that references which fan out cost nothing.
type resolver struct {
	template *Template
	deployed *Deployed // nil if it is not known
	account  string    // "" if it is not known
	region   string

	names      map[string]resolved // of resources, by logical ID
	conditions map[string]resolved
}

// resolved is a value that was computed, or why it cannot be.
type resolved struct {
	text string
	err  error
	done bool // false while it is computed
}

func newResolver(t *Template, deployed *Deployed, account, region string) *resolver {
	return &resolver{template: t, deployed: deployed, account: account, region: region, names: map[string]resolved{}, conditions: map[string]resolved{}}
}

const helpResources = "give the output of `aws cloudformation describe-stack-resources` with --resources"

// unresolved says what cannot be computed and what would help.
func unresolved(what, help string) error {
	return fmt.Errorf("%s is not in the template; %s", what, help)
}

// text computes a value that has to be a text.
func (r *resolver) text(v any) (string, error) {
	text, err := r.anyText(v)
	if err == nil && len(text) > maxText {
		return "", fmt.Errorf("a text of %d bytes, want at most %d", len(text), maxText)
	}
	return text, err
}

func (r *resolver) anyText(v any) (string, error) {
	switch v := v.(type) {
	case string:
		if strings.Contains(v, "{{resolve:") {
			return "", unresolved("the value of "+v, helpResources)
		}
		return v, nil
	case json.Number:
		return v.String(), nil
	case bool:
		return strconv.FormatBool(v), nil
	case map[string]any:
		name, argument, ok := functionOf(v)
		if !ok {
			return "", errors.New("an object, want a text or a function")
		}
		return r.call(name, argument)
	}
	return "", fmt.Errorf("%s, want a text", kindOf(v))
}

// functionOf is the function that an object stands for.
func functionOf(v any) (name string, argument any, ok bool) {
	object, isObject := v.(map[string]any)
	if !isObject || len(object) != 1 {
		return "", nil, false
	}
	for name, argument = range object {
		ok = name == "Ref" || strings.HasPrefix(name, "Fn::")
	}
	return name, argument, ok
}

func (r *resolver) call(name string, argument any) (string, error) {
	switch name {
	case "Ref":
		target, ok := argument.(string)
		if !ok {
			return "", fmt.Errorf("function Ref: %s, want a name", kindOf(argument))
		}
		return r.ref(target)
	case "Fn::Sub":
		return r.sub(argument)
	case "Fn::Join":
		arguments, err := listOf(name, argument, 2)
		if err != nil {
			return "", err
		}
		separator, err := r.text(arguments[0])
		if err != nil {
			return "", err
		}
		parts, err := r.list(arguments[1])
		if err != nil {
			return "", err
		}
		return strings.Join(parts, separator), nil
	case "Fn::Select":
		arguments, err := listOf(name, argument, 2)
		if err != nil {
			return "", err
		}
		index, err := r.text(arguments[0])
		if err != nil {
			return "", err
		}
		elements, err := r.list(arguments[1])
		if err != nil {
			return "", err
		}
		i, err := strconv.Atoi(index)
		if err != nil || i < 0 || i >= len(elements) {
			return "", fmt.Errorf("Fn::Select: got index %q of %d elements", index, len(elements))
		}
		return elements[i], nil
	case "Fn::FindInMap":
		return r.findInMap(argument)
	case "Fn::GetAtt":
		return r.getAtt(argument)
	case "Fn::If":
		chosen, err := r.choose(argument)
		if err != nil {
			return "", err
		}
		return r.text(chosen)
	}
	return "", unresolved("the value of "+name, helpResources)
}

// choose is the branch that Fn::If takes.
func (r *resolver) choose(argument any) (any, error) {
	arguments, err := listOf("Fn::If", argument, 3)
	if err != nil {
		return nil, err
	}
	name, ok := arguments[0].(string)
	if !ok {
		return nil, fmt.Errorf("Fn::If: %s, want the name of a condition", kindOf(arguments[0]))
	}
	holds, err := r.condition(name)
	if err != nil {
		return nil, err
	}
	if holds {
		return arguments[1], nil
	}
	return arguments[2], nil
}

func listOf(name string, argument any, n int) ([]any, error) {
	arguments, ok := argument.([]any)
	if !ok || len(arguments) != n {
		return nil, fmt.Errorf("%s: want a list of %d", name, n)
	}
	return arguments, nil
}

// maxElements is how long a list may be.
const maxElements = 10_000

// list computes a value that has to be a list of texts.
func (r *resolver) list(v any) ([]string, error) {
	if elements, ok := v.([]any); ok {
		var texts []string
		for _, element := range elements {
			text, err := r.text(element)
			if err != nil {
				return nil, err
			}
			texts = append(texts, text)
		}
		return texts, nil
	}
	name, argument, ok := functionOf(v)
	if !ok {
		return nil, fmt.Errorf("%s, want a list", kindOf(v))
	}
	switch name {
	case "Fn::Split":
		arguments, err := listOf(name, argument, 2)
		if err != nil {
			return nil, err
		}
		separator, err := r.text(arguments[0])
		if err != nil {
			return nil, err
		}
		text, err := r.text(arguments[1])
		if err != nil {
			return nil, err
		}
		if separator == "" {
			return nil, errors.New("Fn::Split: an empty separator")
		}
		return strings.SplitN(text, separator, maxElements), nil
	case "Fn::If":
		chosen, err := r.choose(argument)
		if err != nil {
			return nil, err
		}
		return r.list(chosen)
	case "Ref":
		target, _ := argument.(string)
		if p, ok := r.template.Parameters[target]; ok && (p.Type == "CommaDelimitedList" || strings.HasPrefix(p.Type, "List<")) {
			text, err := r.ref(target)
			if err != nil {
				return nil, err
			}
			return strings.SplitN(text, ",", maxElements), nil
		}
	}
	return nil, unresolved("the value of "+name, helpResources)
}

// ref computes what Ref gives: a pseudo parameter, a parameter's default, or
// the physical ID of a resource.
func (r *resolver) ref(target string) (string, error) {
	if strings.HasPrefix(target, "AWS::") {
		return r.pseudo(target)
	}
	if p, ok := r.template.Parameters[target]; ok {
		switch {
		case strings.HasPrefix(p.Type, "AWS::SSM::Parameter::"):
			return "", unresolved(fmt.Sprintf("parameter %q, a value of Parameter Store,", target), helpResources)
		case p.Default == nil:
			return "", unresolved(fmt.Sprintf("a default of parameter %q", target), "write one into a copy of the template, or "+helpResources)
		}
		return r.literal("the default of parameter "+target, p.Default)
	}
	if r.template.Resources[target] == nil {
		return "", fmt.Errorf("function Ref: there is no %q in the template", target)
	}
	return r.physical(target)
}

func (r *resolver) pseudo(name string) (string, error) {
	switch name {
	case "AWS::AccountId":
		if r.account == "" {
			return "", unresolved("AWS::AccountId", "set accountId of the stack, or "+helpResources)
		}
		return r.account, nil
	case "AWS::Region":
		return r.region, nil
	case "AWS::Partition":
		return partition(r.region), nil
	case "AWS::URLSuffix":
		if partition(r.region) == "aws-cn" {
			return "amazonaws.com.cn", nil
		}
		return "amazonaws.com", nil
	case "AWS::StackName", "AWS::StackId":
		value := ""
		if r.deployed != nil {
			value = map[string]string{"AWS::StackName": r.deployed.StackName, "AWS::StackId": r.deployed.StackID}[name]
		}
		if value == "" {
			return "", unresolved(name, helpResources)
		}
		return value, nil
	}
	return "", fmt.Errorf("function Ref: %s has no value that a name could be made of", name)
}

func partition(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}

var substitution = regexp.MustCompile(`\$\{([^}]*)\}`)

// sub computes Fn::Sub: a text, or a list of a text and variables.
func (r *resolver) sub(argument any) (string, error) {
	variables := map[string]any{}
	if list, ok := argument.([]any); ok {
		if len(list) != 2 {
			return "", errors.New("Fn::Sub: want a text, or a list of a text and variables")
		}
		argument = list[0]
		if variables, ok = list[1].(map[string]any); !ok {
			return "", fmt.Errorf("Fn::Sub: %s, want an object of variables", kindOf(list[1]))
		}
	}
	pattern, ok := argument.(string)
	if !ok {
		return "", fmt.Errorf("Fn::Sub: %s, want a text", kindOf(argument))
	}
	var out strings.Builder
	for pattern != "" {
		at := substitution.FindStringSubmatchIndex(pattern)
		if at == nil {
			out.WriteString(pattern)
			break
		}
		out.WriteString(pattern[:at[0]])
		name := pattern[at[2]:at[3]]
		pattern = pattern[at[1]:]
		value, err := r.variable(name, variables)
		if err != nil {
			return "", err
		}
		if out.WriteString(value); out.Len() > maxText {
			return "", fmt.Errorf("a text of more than %d bytes", maxText)
		}
	}
	return out.String(), nil
}

// variable is what stands for ${name} in Fn::Sub.
func (r *resolver) variable(name string, variables map[string]any) (string, error) {
	if literal, ok := strings.CutPrefix(name, "!"); ok {
		return "${" + literal + "}", nil
	}
	name = strings.TrimSpace(name)
	if v, ok := variables[name]; ok {
		return r.text(v)
	}
	if resource, attribute, ok := strings.Cut(name, "."); ok {
		return r.getAtt([]any{resource, attribute})
	}
	return r.ref(name)
}

func (r *resolver) findInMap(argument any) (string, error) {
	arguments, err := listOf("Fn::FindInMap", argument, 3)
	if err != nil {
		return "", err
	}
	var found any = r.template.Mappings
	path := ""
	for _, a := range arguments {
		key, err := r.text(a)
		if err != nil {
			return "", err
		}
		path += "." + key
		object, _ := found.(map[string]any)
		if found = object[key]; found == nil {
			return "", fmt.Errorf("Fn::FindInMap: there is no Mappings%s", path)
		}
	}
	return r.literal("Mappings"+path, found)
}

// literal is a value that must not be a function: it could name itself.
func (r *resolver) literal(what string, v any) (string, error) {
	switch v.(type) {
	case string, bool, json.Number:
		return r.text(v)
	}
	return "", fmt.Errorf("%s is %s, want a text", what, kindOf(v))
}

// condition says whether a condition of the template holds.
func (r *resolver) condition(name string) (bool, error) {
	known, ok := r.conditions[name]
	if !ok {
		expression, exists := r.template.Conditions[name]
		if !exists {
			return false, fmt.Errorf("there is no condition %q", name)
		}
		r.conditions[name] = resolved{}
		holds, err := r.holds(expression)
		known = resolved{text: strconv.FormatBool(holds), err: err, done: true}
		r.conditions[name] = known
	}
	if !known.done {
		return false, fmt.Errorf("condition %q depends on itself", name)
	}
	if known.err != nil {
		return false, fmt.Errorf("condition %q: %w", name, known.err)
	}
	return known.text == "true", nil
}

func (r *resolver) holds(expression any) (bool, error) {
	object, ok := expression.(map[string]any)
	if !ok || len(object) != 1 {
		return false, fmt.Errorf("%s, want a function", kindOf(expression))
	}
	for name, argument := range object {
		switch name {
		case "Condition":
			other, _ := argument.(string)
			return r.condition(other)
		case "Fn::Equals":
			arguments, err := listOf(name, argument, 2)
			if err != nil {
				return false, err
			}
			a, err := r.text(arguments[0])
			if err != nil {
				return false, err
			}
			b, err := r.text(arguments[1])
			return a == b, err
		case "Fn::Not":
			arguments, err := listOf(name, argument, 1)
			if err != nil {
				return false, err
			}
			holds, err := r.holds(arguments[0])
			return !holds, err
		case "Fn::And", "Fn::Or":
			arguments, ok := argument.([]any)
			if !ok {
				return false, fmt.Errorf("%s: %s, want a list", name, kindOf(argument))
			}
			for _, a := range arguments {
				holds, err := r.holds(a)
				if err != nil || holds == (name == "Fn::Or") {
					return holds, err
				}
			}
			return name == "Fn::And", nil
		}
		return false, fmt.Errorf("%s: not a function of conditions", name)
	}
	return false, errors.New("empty")
}

// physical is the physical ID of a resource: what CloudFormation says, else the
// name that the template gives.
func (r *resolver) physical(id string) (string, error) {
	known, ok := r.names[id]
	if !ok {
		r.names[id] = resolved{}
		text, err := r.findPhysical(id)
		known = resolved{text: text, err: err, done: true}
		r.names[id] = known
	}
	if !known.done {
		return "", fmt.Errorf("%s depends on itself", id)
	}
	return known.text, known.err
}

func (r *resolver) findPhysical(id string) (string, error) {
	resource := r.template.Resources[id]
	named, isNamed := nameProperty[resource.Type]
	given, hasName := resource.Properties[named]
	var text string
	var err error
	if isNamed && hasName {
		text, err = r.text(given)
		if err != nil {
			err = fmt.Errorf("%s: %w", named, err)
		}
	}
	if r.deployed != nil {
		deployed := r.deployed.IDs[id]
		switch {
		case deployed == "":
			return "", fmt.Errorf("%s (%s) is in the template and not among the deployed resources: deploy the template first, or give the resources of its stack", id, resource.Type)
		case text != "" && text != deployed:
			return "", fmt.Errorf("%s (%s) is called %q in the template and %q where it is deployed: want the template and the resources of one stack, account and region", id, resource.Type, text, deployed)
		}
		return deployed, nil
	}
	switch {
	case err != nil:
		return "", fmt.Errorf("%s (%s): %w", id, resource.Type, err)
	case text == "":
		return "", fmt.Errorf("%s (%s): %w", id, resource.Type, unresolved("its name", helpResources))
	}
	return text, nil
}

// nameProperty is the property with what Ref gives, of the types whose physical
// ID is a name.
var nameProperty = map[string]string{
	bucketType:       "BucketName",
	repositoryType:   "RepositoryName",
	logGroupType:     "LogGroupName",
	parameterType:    "Name",
	clusterType:      "ClusterName",
	roleType:         "RoleName",
	ruleType:         "Name",
	tableType:        "TableName",
	dashboardType:    "DashboardName",
	scheduleType:     "Name",
	metricAlarmType:  "AlarmName",
	bucketPolicyType: "Bucket",
}

// getAtt computes an attribute that is made of a name.
func (r *resolver) getAtt(argument any) (string, error) {
	arguments, err := listOf("Fn::GetAtt", argument, 2)
	if err != nil {
		return "", err
	}
	id, okID := arguments[0].(string)
	attribute, okAttribute := arguments[1].(string)
	if !okID || !okAttribute {
		return "", errors.New("Fn::GetAtt: want a resource and an attribute")
	}
	resource := r.template.Resources[id]
	if resource == nil {
		return "", fmt.Errorf("Fn::GetAtt: there is no %q in the template", id)
	}
	service, kind := "", ""
	switch resource.Type + " " + attribute {
	case bucketType + " Arn":
		name, err := r.physical(id)
		return "arn:" + partition(r.region) + ":s3:::" + name, err
	case repositoryType + " Arn":
		service, kind = "ecr", "repository/"
	case clusterType + " Arn":
		service, kind = "ecs", "cluster/"
	case tableType + " Arn":
		service, kind = "dynamodb", "table/"
	case logGroupType + " Arn":
		service, kind = "logs", "log-group:"
	case stateMachineType + " Arn":
		return r.physical(id)
	case keyType + " Arn":
		service, kind = "kms", "key/"
	default:
		return "", unresolved(fmt.Sprintf("attribute %s of %s (%s)", attribute, id, resource.Type), helpResources)
	}
	name, err := r.physical(id)
	if err != nil {
		return "", err
	}
	account, err := r.pseudo("AWS::AccountId")
	if err != nil {
		return "", err
	}
	arn := fmt.Sprintf("arn:%s:%s:%s:%s:%s%s", partition(r.region), service, r.region, account, kind, name)
	if resource.Type == logGroupType {
		arn += ":*"
	}
	return arn, nil
}

// present says whether a property is given: a function may leave it out.
func (r *resolver) present(v any) (bool, error) {
	name, argument, ok := functionOf(v)
	switch {
	case v == nil:
		return false, nil
	case ok && name == "Ref" && argument == "AWS::NoValue":
		return false, nil
	case ok && name == "Fn::If":
		chosen, err := r.choose(argument)
		if err != nil {
			return false, err
		}
		return r.present(chosen)
	}
	return true, nil
}

// member finds a text within objects and lists of one, and says whether it is
// there.
func (r *resolver) member(v any, path ...string) (text string, ok bool, err error) {
	for _, key := range path {
		if list, isList := v.([]any); isList && len(list) > 0 {
			v = list[0]
		}
		object, _ := v.(map[string]any)
		if v = object[key]; v == nil {
			return "", false, nil
		}
	}
	text, err = r.text(v)
	return text, true, err
}
