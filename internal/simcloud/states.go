package simcloud

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"ds-pipeline/preprocess/named"
)

// stateMachine wants the text at path to be a state machine in the Amazon
// States Language, checked as the Step Functions API checks it on create:
// every name that is used exists, every state can be reached and left.
func stateMachine(path string) rule {
	return func(c *checking) {
		visit(c.props, path, func(at string, v any) {
			s, ok := v.(string)
			if !ok {
				return
			}
			for _, problem := range checkStates(s) {
				c.problem(at, "%s", problem)
			}
		})
	}
}

// Fields of the language, by type of state. Each state may have the common ones.
var (
	commonFields = []string{"Type", "Comment", "QueryLanguage"}
	stateFields  = map[string][]string{
		"Task":     {"Resource", "Parameters", "Arguments", "ResultSelector", "ResultPath", "InputPath", "OutputPath", "Output", "Assign", "Next", "End", "Retry", "Catch", "TimeoutSeconds", "TimeoutSecondsPath", "HeartbeatSeconds", "HeartbeatSecondsPath", "Credentials"},
		"Pass":     {"Result", "Parameters", "ResultPath", "InputPath", "OutputPath", "Output", "Assign", "Next", "End"},
		"Wait":     {"Seconds", "SecondsPath", "Timestamp", "TimestampPath", "InputPath", "OutputPath", "Output", "Assign", "Next", "End"},
		"Choice":   {"Choices", "Default", "InputPath", "OutputPath", "Output", "Assign"},
		"Succeed":  {"InputPath", "OutputPath", "Output"},
		"Fail":     {"Error", "ErrorPath", "Cause", "CausePath"},
		"Parallel": {"Branches", "Parameters", "Arguments", "ResultSelector", "ResultPath", "InputPath", "OutputPath", "Output", "Assign", "Next", "End", "Retry", "Catch"},
		"Map":      {"ItemProcessor", "Iterator", "ItemReader", "ItemSelector", "ItemBatcher", "Items", "ItemsPath", "MaxConcurrency", "MaxConcurrencyPath", "ToleratedFailureCount", "ToleratedFailureCountPath", "ToleratedFailurePercentage", "ToleratedFailurePercentagePath", "ResultWriter", "Label", "Parameters", "ResultSelector", "ResultPath", "InputPath", "OutputPath", "Output", "Assign", "Next", "End", "Retry", "Catch"},
	}
	comparison = regexp.MustCompile(`^(String|Numeric|Boolean|Timestamp)(Equals|LessThan|GreaterThan|LessThanEquals|GreaterThanEquals|Matches)(Path)?$|^Is(Null|Present|Numeric|String|Boolean|Timestamp)$`)
	// What the optimized integrations refuse to do without.
	taskParameters = map[string][]string{
		"ecs:runTask":           {"TaskDefinition"},
		"sns:publish":           {"Message"},
		"sqs:sendMessage":       {"QueueUrl", "MessageBody"},
		"states:startExecution": {"StateMachineArn"},
		"events:putEvents":      {"Entries"},
		"lambda:invoke":         {"FunctionName"},
		"glue:startJobRun":      {"JobName"},
		"batch:submitJob":       {"JobDefinition", "JobName", "JobQueue"},
	}
	taskResource = regexp.MustCompile(`^arn:(aws|aws-cn|aws-us-gov):states:[a-z0-9-]*:(\d{12})?:(activity:.+|[a-z0-9-]+:[A-Za-z0-9:]+?)(\.(sync|sync:2|waitForTaskToken))?$`)
)

type statesChecker struct {
	problems []string
	names    map[string]bool
}

func (c *statesChecker) problem(at, format string, args ...any) {
	c.problems = append(c.problems, at+": "+fmt.Sprintf(format, args...))
}

// checkStates returns what is wrong with a state machine's definition.
func checkStates(definition string) []string {
	var root any
	if err := parseJSON(definition, &root); err != nil {
		return []string{"not valid JSON: " + err.Error()}
	}
	machine, ok := root.(map[string]any)
	if !ok {
		return []string{"got " + shown(root) + ", want an object with StartAt and States"}
	}
	if len(definition) > 1<<20 {
		return []string{fmt.Sprintf("got %d bytes, want at most 1 MiB", len(definition))}
	}
	c := &statesChecker{names: map[string]bool{}}
	c.fields("", machine, "Comment", "StartAt", "States", "Version", "TimeoutSeconds", "QueryLanguage")
	c.language("", machine)
	if v, ok := machine["Version"]; ok && v != "1.0" {
		c.problem("Version", `got %s, want "1.0"`, shown(v))
	}
	c.whole("", machine, "TimeoutSeconds", 1)
	c.machine("", machine, machine["QueryLanguage"] == "JSONata")
	return c.problems
}

func (c *statesChecker) fields(at string, object map[string]any, allowed ...string) {
	for _, k := range sortedKeys(object) {
		if slices.Contains(allowed, k) {
			continue
		}
		hint := "want one of " + strings.Join(allowed, ", ")
		if near := named.Nearest(k, allowed); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		c.problem(join(at, k), "unknown field; %s", hint)
	}
}

func (c *statesChecker) language(at string, object map[string]any) {
	if v, ok := object["QueryLanguage"]; ok && v != "JSONPath" && v != "JSONata" {
		c.problem(join(at, "QueryLanguage"), `got %s, want "JSONPath" or "JSONata"`, shown(v))
	}
}

// whole wants a field, when given, to be a whole number of at least low.
func (c *statesChecker) whole(at string, object map[string]any, name string, low float64) {
	v, given := object[name]
	if !given || expression(v) {
		return
	}
	if n, ok := v.(float64); !ok || n < low || n > 99999999 || n != float64(int64(n)) {
		c.problem(join(at, name), "got %s, want a whole number from %s to 99999999", shown(v), shown(low))
	}
}

// expression says whether a value is a JSONata expression.
func expression(v any) bool {
	s, ok := v.(string)
	return ok && strings.HasPrefix(s, "{%") && strings.HasSuffix(s, "%}")
}

// machine checks StartAt and States of the whole machine, a branch or an
// iterator.
func (c *statesChecker) machine(at string, m map[string]any, jsonata bool) {
	states, ok := m["States"].(map[string]any)
	if !ok || len(states) == 0 {
		c.problem(join(at, "States"), "got %s, want at least one state", shown(m["States"]))
		return
	}
	start, _ := m["StartAt"].(string)
	if _, ok := states[start]; !ok {
		c.problem(join(at, "StartAt"), "got %s, want the name of a state: %s", shown(m["StartAt"]), quotedList(sortedKeys(states)))
	}

	next := map[string][]string{}
	ends := false
	for _, name := range sortedKeys(states) {
		here := join(at, "States."+name)
		if len([]rune(name)) > 80 {
			c.problem(here, "the name has %d characters, want at most 80", len([]rune(name)))
		}
		if c.names[name] {
			c.problem(here, "the name is used twice in this machine; want a different one")
		}
		c.names[name] = true
		state, ok := states[name].(map[string]any)
		if !ok {
			c.problem(here, "got %s, want a state", shown(states[name]))
			continue
		}
		to, end := c.state(here, state, jsonata)
		ends = ends || end
		for _, target := range to {
			if _, ok := states[target.name]; !ok {
				c.problem(target.at, "got %q, want the name of a state here: %s", target.name, quotedList(sortedKeys(states)))
				continue
			}
			next[name] = append(next[name], target.name)
		}
	}

	reached := map[string]bool{}
	queue := []string{start}
	for len(queue) > 0 {
		name := queue[0]
		queue = queue[1:]
		if reached[name] {
			continue
		}
		reached[name] = true
		queue = append(queue, next[name]...)
	}
	for _, name := range sortedKeys(states) {
		if _, ok := states[start]; ok && !reached[name] {
			c.problem(join(at, "States."+name), "no path from %q leads here", start)
		}
	}
	if !ends {
		c.problem(join(at, "States"), "no state ends; want one with End, or of type Succeed or Fail")
	}
}

type transition struct{ at, name string }

// state checks one state; it returns where it can go and whether it can end.
func (c *statesChecker) state(at string, s map[string]any, jsonata bool) (to []transition, ends bool) {
	kind, _ := s["Type"].(string)
	allowed, ok := stateFields[kind]
	if !ok {
		c.problem(at+".Type", "got %s, want %s", shown(s["Type"]), quotedList(sortedKeys(stateFields)))
		return nil, true
	}
	c.fields(at, s, append(slices.Clone(commonFields), allowed...)...)
	c.language(at, s)
	if v, ok := s["QueryLanguage"]; ok {
		jsonata = v == "JSONata"
	}
	if jsonata {
		for _, f := range []string{"Parameters", "ResultSelector", "ResultPath", "InputPath", "OutputPath", "ItemsPath"} {
			if _, ok := s[f]; ok {
				c.problem(join(at, f), "belongs to JSONPath, this state uses JSONata")
			}
		}
	} else {
		for _, f := range []string{"Arguments", "Output", "Items"} {
			if _, ok := s[f]; ok {
				c.problem(join(at, f), "belongs to JSONata, this state uses JSONPath")
			}
		}
		for _, f := range []string{"InputPath", "OutputPath", "ResultPath"} {
			c.path(at, s, f, true)
		}
		for _, f := range []string{"TimeoutSecondsPath", "HeartbeatSecondsPath", "SecondsPath", "TimestampPath", "ItemsPath", "ErrorPath", "CausePath"} {
			c.path(at, s, f, false)
		}
		for _, f := range []string{"Parameters", "ResultSelector", "ItemSelector"} {
			c.template(join(at, f), s[f])
		}
	}

	switch kind {
	case "Succeed", "Fail":
		ends = true
		if kind == "Fail" {
			for _, pair := range [][2]string{{"Error", "ErrorPath"}, {"Cause", "CausePath"}} {
				if s[pair[0]] != nil && s[pair[1]] != nil {
					c.problem(join(at, pair[1]), "conflicts with %s", pair[0])
				}
			}
		}
	case "Choice":
		to = c.choice(at, s, jsonata)
	default:
		target, hasNext := s["Next"]
		end, hasEnd := s["End"]
		switch {
		case hasNext == hasEnd:
			c.problem(at, "want exactly one of Next and End")
		case hasEnd && end != true:
			c.problem(at+".End", "got %s, want true", shown(end))
		}
		if name, ok := target.(string); ok {
			to = append(to, transition{at + ".Next", name})
		} else if hasNext {
			c.problem(at+".Next", "got %s, want the name of a state", shown(target))
		}
		ends = end == true
	}

	switch kind {
	case "Task":
		c.task(at, s)
	case "Wait":
		var set []string
		for _, f := range []string{"Seconds", "SecondsPath", "Timestamp", "TimestampPath"} {
			if s[f] != nil {
				set = append(set, f)
			}
		}
		if len(set) != 1 {
			c.problem(at, "got %s, want exactly one of Seconds, SecondsPath, Timestamp and TimestampPath", quotedList(set))
		}
		c.whole(at, s, "Seconds", 0)
	case "Parallel":
		branches, _ := s["Branches"].([]any)
		if len(branches) == 0 {
			c.problem(at+".Branches", "got %s, want at least one branch", shown(s["Branches"]))
		}
		for i, b := range branches {
			c.inner(fmt.Sprintf("%s.Branches[%d]", at, i), b, jsonata)
		}
	case "Map":
		if (s["ItemProcessor"] == nil) == (s["Iterator"] == nil) {
			c.problem(at, "want exactly one of ItemProcessor and Iterator")
		}
		for _, f := range []string{"ItemProcessor", "Iterator"} {
			if s[f] != nil {
				c.inner(join(at, f), s[f], jsonata)
			}
		}
		c.whole(at, s, "MaxConcurrency", 0)
		c.distributed(at, s, jsonata)
	}
	c.retry(at, s)
	to = append(to, c.catch(at, s)...)
	return to, ends
}

func (c *statesChecker) inner(at string, v any, jsonata bool) {
	m, ok := v.(map[string]any)
	if !ok {
		c.problem(at, "got %s, want StartAt and States", shown(v))
		return
	}
	c.fields(at, m, "StartAt", "States", "Comment", "ProcessorConfig", "QueryLanguage")
	c.machine(at, m, jsonata)
}

// distributedFields are those that a map has only in the mode DISTRIBUTED.
var distributedFields = []string{"ItemBatcher", "ItemReader", "Label", "ResultWriter", "ToleratedFailureCount", "ToleratedFailureCountPath", "ToleratedFailurePercentage", "ToleratedFailurePercentagePath"}

// maxBatchBytes is what a batch may have at most: the input of an execution.
const maxBatchBytes = 256 << 10

var (
	mapLabel  = regexp.MustCompile(`^[^\s?*<>{}\[\]:;,\\|^~$#%&` + "`" + `"]{1,40}$`)
	mapReader = regexp.MustCompile(`^arn:(aws|aws-cn|aws-us-gov):states:::s3:(getObject|listObjectsV2)$`)
	mapWriter = regexp.MustCompile(`^arn:(aws|aws-cn|aws-us-gov):states:::s3:putObject$`)
)

// distributed checks what a map has for the mode DISTRIBUTED, and that another
// has none of it.
func (c *statesChecker) distributed(at string, s map[string]any, jsonata bool) {
	processor, _ := s["ItemProcessor"].(map[string]any)
	config, _ := processor["ProcessorConfig"].(map[string]any)
	if config != nil {
		where := at + ".ItemProcessor.ProcessorConfig"
		c.fields(where, config, "Mode", "ExecutionType")
		mode, kind := config["Mode"], config["ExecutionType"]
		switch {
		case mode != nil && mode != "INLINE" && mode != "DISTRIBUTED":
			c.problem(where+".Mode", `got %s, want "INLINE" or "DISTRIBUTED"`, shown(mode))
		case mode == "DISTRIBUTED" && kind != "STANDARD" && kind != "EXPRESS":
			c.problem(where+".ExecutionType", `got %s, want "STANDARD" or "EXPRESS"`, shown(kind))
		case mode != "DISTRIBUTED" && kind != nil:
			c.problem(where+".ExecutionType", "belongs to the mode DISTRIBUTED")
		}
	}
	if config["Mode"] != "DISTRIBUTED" {
		for _, f := range distributedFields {
			if s[f] != nil {
				c.problem(join(at, f), "belongs to a map of the mode DISTRIBUTED")
			}
		}
		return
	}
	if label, given := s["Label"]; given {
		if text, _ := label.(string); !mapLabel.MatchString(text) {
			c.problem(at+".Label", "got %s, want 1 to 40 characters without white space, wildcards and brackets", shown(label))
		}
	}
	c.whole(at, s, "ToleratedFailureCount", 0)
	c.whole(at, s, "ToleratedFailurePercentage", 0)
	if n, ok := s["ToleratedFailurePercentage"].(float64); ok && n > 100 {
		c.problem(at+".ToleratedFailurePercentage", "got %s, want at most 100", shown(n))
	}
	if reader, ok := c.object(at, s, "ItemReader", "Resource", "Parameters", "Arguments", "ReaderConfig"); ok {
		where := at + ".ItemReader"
		parts := mapReader.FindStringSubmatch(fmt.Sprint(reader["Resource"]))
		if parts == nil {
			c.problem(where+".Resource", "got %s, want arn:aws:states:::s3:getObject or arn:aws:states:::s3:listObjectsV2", shown(reader["Resource"]))
			return
		}
		want := []string{"Bucket"}
		if parts[2] == "getObject" {
			want = append(want, "Key")
			config, _ := reader["ReaderConfig"].(map[string]any)
			kinds := []string{"CSV", "JSON", "JSONL", "MANIFEST", "PARQUET"}
			if kind, _ := config["InputType"].(string); !slices.Contains(kinds, kind) {
				c.problem(where+".ReaderConfig.InputType", "got %s, want %s", shown(config["InputType"]), quotedList(kinds))
			}
		}
		c.place(where, reader, jsonata, want...)
	}
	if batcher, ok := c.object(at, s, "ItemBatcher", "BatchInput", "MaxItemsPerBatch", "MaxItemsPerBatchPath", "MaxInputBytesPerBatch", "MaxInputBytesPerBatchPath"); ok {
		where := at + ".ItemBatcher"
		limits := 0
		for _, f := range []string{"MaxItemsPerBatch", "MaxInputBytesPerBatch"} {
			c.whole(where, batcher, f, 1)
			if batcher[f] != nil || batcher[f+"Path"] != nil {
				limits++
			}
		}
		if limits == 0 {
			c.problem(where, "want MaxItemsPerBatch, MaxInputBytesPerBatch or both")
		}
		if n, ok := batcher["MaxInputBytesPerBatch"].(float64); ok && n > maxBatchBytes {
			c.problem(where+".MaxInputBytesPerBatch", "got %s, want at most %d", shown(n), maxBatchBytes)
		}
		if !jsonata {
			c.template(where+".BatchInput", batcher["BatchInput"])
		}
	}
	if writer, ok := c.object(at, s, "ResultWriter", "Resource", "Parameters", "Arguments", "WriterConfig"); ok && writer["Resource"] != nil {
		if !mapWriter.MatchString(fmt.Sprint(writer["Resource"])) {
			c.problem(at+".ResultWriter.Resource", "got %s, want arn:aws:states:::s3:putObject", shown(writer["Resource"]))
		}
		c.place(at+".ResultWriter", writer, jsonata, "Bucket", "Prefix")
	}
}

// object returns a field that is an object, with fields of these names alone.
func (c *statesChecker) object(at string, s map[string]any, name string, allowed ...string) (map[string]any, bool) {
	v, given := s[name]
	if !given {
		return nil, false
	}
	object, ok := v.(map[string]any)
	if !ok {
		c.problem(join(at, name), "got %s, want an object", shown(v))
		return nil, false
	}
	c.fields(join(at, name), object, allowed...)
	return object, true
}

// place checks the parameters of a reader or a writer.
func (c *statesChecker) place(at string, object map[string]any, jsonata bool, want ...string) {
	field := "Parameters"
	if jsonata {
		field = "Arguments"
	}
	parameters, _ := object[field].(map[string]any)
	for _, name := range want {
		if parameters[name] == nil && parameters[name+".$"] == nil {
			c.problem(join(at, field)+"."+name, "missing; the map needs it")
		}
	}
	if !jsonata {
		c.template(join(at, field), object[field])
	}
}

func (c *statesChecker) task(at string, s map[string]any) {
	resource, _ := s["Resource"].(string)
	lambda := strings.Contains(resource, ":lambda:") && arnPattern.MatchString(resource)
	if !lambda && !taskResource.MatchString(resource) {
		c.problem(at+".Resource", "got %s, want an ARN such as arn:aws:states:::ecs:runTask.sync", shown(s["Resource"]))
		return
	}
	c.whole(at, s, "TimeoutSeconds", 1)
	c.whole(at, s, "HeartbeatSeconds", 1)
	timeout, ok := s["TimeoutSeconds"].(float64)
	if beat, given := s["HeartbeatSeconds"].(float64); ok && given && beat >= timeout {
		c.problem(at+".HeartbeatSeconds", "got %s, want less than TimeoutSeconds, %s", shown(beat), shown(timeout))
	}
	if parts := taskResource.FindStringSubmatch(resource); parts != nil {
		parameters, _ := s["Parameters"].(map[string]any)
		if parameters == nil {
			parameters, _ = s["Arguments"].(map[string]any)
		}
		for _, want := range taskParameters[parts[3]] {
			if parameters[want] == nil && parameters[want+".$"] == nil {
				c.problem(at+".Parameters."+want, "missing; %s needs it", parts[3])
			}
		}
	}
}

// path wants a field, when given, to be a JSONPath; null is allowed where it
// means "nothing".
func (c *statesChecker) path(at string, s map[string]any, name string, null bool) {
	v, given := s[name]
	if !given || v == nil && null {
		return
	}
	if p, ok := v.(string); !ok || !strings.HasPrefix(p, "$") && !strings.HasPrefix(p, "States.") {
		c.problem(join(at, name), "got %s, want a path that begins with $", shown(v))
	}
}

// template wants the value of every key that ends in .$ to be a path or an
// intrinsic function.
func (c *statesChecker) template(at string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for _, k := range sortedKeys(v) {
			if !strings.HasSuffix(k, ".$") {
				c.template(join(at, k), v[k])
				continue
			}
			p, ok := v[k].(string)
			if !ok || !strings.HasPrefix(p, "$") && !strings.HasPrefix(p, "States.") {
				c.problem(join(at, k), "got %s, want a path that begins with $ or an intrinsic function", shown(v[k]))
			} else if strings.HasPrefix(p, "States.") && strings.Count(p, "(") != strings.Count(p, ")") {
				c.problem(join(at, k), "got %s, want balanced parentheses", shown(p))
			}
			if _, twice := v[strings.TrimSuffix(k, ".$")]; twice {
				c.problem(join(at, k), "given with and without .$")
			}
		}
	case []any:
		for i, e := range v {
			c.template(fmt.Sprintf("%s[%d]", at, i), e)
		}
	}
}

func (c *statesChecker) choice(at string, s map[string]any, jsonata bool) (to []transition) {
	choices, _ := s["Choices"].([]any)
	if len(choices) == 0 {
		c.problem(at+".Choices", "got %s, want at least one choice", shown(s["Choices"]))
	}
	for i, v := range choices {
		here := fmt.Sprintf("%s.Choices[%d]", at, i)
		choice, ok := v.(map[string]any)
		if !ok {
			c.problem(here, "got %s, want a choice", shown(v))
			continue
		}
		if name, ok := choice["Next"].(string); ok {
			to = append(to, transition{here + ".Next", name})
		} else {
			c.problem(here+".Next", "got %s, want the name of a state", shown(choice["Next"]))
		}
		if jsonata {
			c.fields(here, choice, "Condition", "Next", "Comment", "Assign", "Output")
			if condition, _ := choice["Condition"].(string); !expression(condition) {
				c.problem(here+".Condition", "got %s, want an expression in {%% %%}", shown(choice["Condition"]))
			}
			continue
		}
		c.comparison(here, choice, true)
	}
	if d, ok := s["Default"]; ok {
		if name, ok := d.(string); ok {
			to = append(to, transition{at + ".Default", name})
		} else {
			c.problem(at+".Default", "got %s, want the name of a state", shown(d))
		}
	}
	return to
}

func (c *statesChecker) comparison(at string, r map[string]any, top bool) {
	if !top && r["Next"] != nil {
		c.problem(at+".Next", "only a whole choice leads on")
	}
	var operators []string
	for _, k := range sortedKeys(r) {
		switch {
		case k == "Next" || k == "Comment" || k == "Variable" || k == "Assign" || k == "Output":
		case k == "And" || k == "Or":
			operators = append(operators, k)
			parts, _ := r[k].([]any)
			if len(parts) == 0 {
				c.problem(join(at, k), "got %s, want at least one comparison", shown(r[k]))
			}
			for i, p := range parts {
				if part, ok := p.(map[string]any); ok {
					c.comparison(fmt.Sprintf("%s.%s[%d]", at, k, i), part, false)
				} else {
					c.problem(fmt.Sprintf("%s.%s[%d]", at, k, i), "got %s, want a comparison", shown(p))
				}
			}
		case k == "Not":
			operators = append(operators, k)
			if part, ok := r[k].(map[string]any); ok {
				c.comparison(at+".Not", part, false)
			} else {
				c.problem(at+".Not", "got %s, want a comparison", shown(r[k]))
			}
		case comparison.MatchString(k):
			operators = append(operators, k)
			c.path(at, r, "Variable", false)
			if r["Variable"] == nil {
				c.problem(at+".Variable", "missing; %s needs it", k)
			}
			c.operand(join(at, k), k, r[k])
		default:
			c.problem(join(at, k), "unknown comparison")
		}
	}
	if len(operators) != 1 {
		c.problem(at, "got %s, want exactly one comparison", quotedList(operators))
	}
}

func (c *statesChecker) operand(at, operator string, v any) {
	_, isText := v.(string)
	_, isNumber := v.(float64)
	_, isFlag := v.(bool)
	switch {
	case strings.HasSuffix(operator, "Path"):
		if s, _ := v.(string); !strings.HasPrefix(s, "$") {
			c.problem(at, "got %s, want a path that begins with $", shown(v))
		}
	case strings.HasPrefix(operator, "Is") || strings.HasPrefix(operator, "Boolean"):
		if !isFlag {
			c.problem(at, "got %s, want true or false", shown(v))
		}
	case strings.HasPrefix(operator, "Numeric"):
		if !isNumber {
			c.problem(at, "got %s, want a number", shown(v))
		}
	default:
		if !isText {
			c.problem(at, "got %s, want text", shown(v))
		}
	}
}

// list returns the objects of a list field, reporting what is not one.
func (c *statesChecker) list(at string, s map[string]any, name string) []map[string]any {
	v, given := s[name]
	if !given {
		return nil
	}
	list, ok := v.([]any)
	if !ok {
		c.problem(join(at, name), "got %s, want a list", shown(v))
		return nil
	}
	var out []map[string]any
	for i, e := range list {
		object, ok := e.(map[string]any)
		if !ok {
			c.problem(fmt.Sprintf("%s.%s[%d]", at, name, i), "got %s, want an object", shown(e))
			object = map[string]any{"ErrorEquals": []any{"x"}, "Next": nil}
		}
		out = append(out, object)
	}
	return out
}

// errorEquals checks the list of error names; States.ALL must be alone, in the
// last entry, and only names of States.* that exist may be used.
func (c *statesChecker) errorEquals(at string, entry map[string]any, last bool) {
	names, _ := entry["ErrorEquals"].([]any)
	if len(names) == 0 {
		c.problem(at+".ErrorEquals", "got %s, want at least one error name", shown(entry["ErrorEquals"]))
	}
	known := []string{"States.ALL", "States.HeartbeatTimeout", "States.Timeout", "States.TaskFailed", "States.Permissions", "States.ResultPathMatchFailure", "States.ParameterPathFailure", "States.BranchFailed", "States.NoChoiceMatched", "States.IntrinsicFailure", "States.ExceedToleratedFailureThreshold", "States.ItemReaderFailed", "States.ResultWriterFailed", "States.Runtime", "States.DataLimitExceeded", "States.QueryEvaluationError", "States.Http.StatusCode"}
	for i, v := range names {
		name, ok := v.(string)
		here := fmt.Sprintf("%s.ErrorEquals[%d]", at, i)
		switch {
		case !ok:
			c.problem(here, "got %s, want an error name", shown(v))
		case name == "States.ALL" && (len(names) > 1 || !last):
			c.problem(here, "States.ALL must be alone, in the last entry")
		case strings.HasPrefix(name, "States.") && !slices.Contains(known, name) && !strings.HasPrefix(name, "States.Http."):
			c.problem(here, "got %q, want a name that Step Functions raises: %s", name, strings.Join(known, ", "))
		}
	}
}

func (c *statesChecker) retry(at string, s map[string]any) {
	entries := c.list(at, s, "Retry")
	for i, r := range entries {
		here := fmt.Sprintf("%s.Retry[%d]", at, i)
		c.fields(here, r, "ErrorEquals", "IntervalSeconds", "MaxAttempts", "BackoffRate", "MaxDelaySeconds", "JitterStrategy", "Comment")
		c.errorEquals(here, r, i == len(entries)-1)
		c.whole(here, r, "IntervalSeconds", 1)
		c.whole(here, r, "MaxAttempts", 0)
		c.whole(here, r, "MaxDelaySeconds", 1)
		if v, ok := r["BackoffRate"]; ok {
			if n, ok := v.(float64); !ok || n < 1 {
				c.problem(here+".BackoffRate", "got %s, want a number from 1", shown(v))
			}
		}
		if v, ok := r["JitterStrategy"]; ok && v != "FULL" && v != "NONE" {
			c.problem(here+".JitterStrategy", `got %s, want "FULL" or "NONE"`, shown(v))
		}
		interval, ok := r["IntervalSeconds"].(float64)
		if !ok {
			interval = 1
		}
		if limit, ok := r["MaxDelaySeconds"].(float64); ok && limit <= interval {
			c.problem(here+".MaxDelaySeconds", "got %s, want more than IntervalSeconds, %s", shown(limit), shown(interval))
		}
	}
}

func (c *statesChecker) catch(at string, s map[string]any) (to []transition) {
	entries := c.list(at, s, "Catch")
	for i, r := range entries {
		here := fmt.Sprintf("%s.Catch[%d]", at, i)
		c.fields(here, r, "ErrorEquals", "Next", "ResultPath", "Comment", "Assign", "Output")
		c.errorEquals(here, r, i == len(entries)-1)
		c.path(here, r, "ResultPath", true)
		if name, ok := r["Next"].(string); ok {
			to = append(to, transition{here + ".Next", name})
		} else {
			c.problem(here+".Next", "got %s, want the name of a state", shown(r["Next"]))
		}
	}
	return to
}

// sameJSON says whether two texts are the same JSON document, whatever their
// white space and order of keys.
func sameJSON(a, b string) bool {
	var va, vb any
	if json.Unmarshal([]byte(a), &va) != nil || json.Unmarshal([]byte(b), &vb) != nil {
		return a == b
	}
	ja, errA := json.Marshal(va)
	jb, errB := json.Marshal(vb)
	return errA == nil && errB == nil && string(ja) == string(jb)
}
