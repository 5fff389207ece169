package components

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// interpreter runs a state machine as Step Functions does, for the part of the
// Amazon States Language (with JSONPath) that our machine uses. Whatever else a
// definition says is an error, so that a state cannot pass unread.
type interpreter struct {
	definition string
	states     map[string]state
	start      string
	tasks      map[string]func(parameters map[string]any) (any, error) // by Resource
	object     map[string]any                                          // the context object, $$

	abortAt string // someone stops the execution when this state is entered; "" for never
	stopped string // the state at which it ended without success, from where a redrive goes on
	left    any    // the document with which that state was entered

	// What a distributed map reads its items with, and writes its record with; see
	// map_test.go.
	read  func(reader map[string]any) ([]any, error)
	write func(bucket, prefix string, parts []*part) (key string, err error)
	maps  map[string][]*part // by state: those of its last run

	visited []string
	waits   []int          // seconds
	retries map[string]int // by Retry of a Task, by state
}

// taskError is what a task fails with.
type taskError struct {
	name, cause string
	noCause     bool
}

func (e *taskError) Error() string { return e.name + ": " + e.cause }

// outcome is how an execution ended.
type outcome struct {
	succeeded    bool
	err, cause   string
	lastDocument any
}

func newInterpreter(definition string) (*interpreter, error) {
	var machine struct {
		StartAt string
		States  map[string]state
	}
	if err := json.Unmarshal([]byte(definition), &machine); err != nil {
		return nil, err
	}
	return &interpreter{definition: definition, states: machine.States, start: machine.StartAt, retries: map[string]int{}, object: map[string]any{
		"Execution": map[string]any{
			"Id": testExecutionArn, "Name": "run", "StartTime": "2026-12-03T08:00:00.123Z", "RedriveCount": 0.0,
		},
		"StateMachine": map[string]any{"Name": "machine"},
		"Task":         map[string]any{"Token": "the task's token"},
	}}, nil
}

const testExecutionArn = "arn:aws:states:us-east-1:111111111111:execution:machine:run"

// execution is one field of the context object's Execution.
func (in *interpreter) execution() map[string]any { return in.object["Execution"].(map[string]any) }

// run executes from the start with input, which is JSON.
func (in *interpreter) run(input string) (outcome, error) {
	var document any
	if err := json.Unmarshal([]byte(input), &document); err != nil {
		return outcome{}, err
	}
	in.execution()["Input"] = document
	return in.from(in.start, document)
}

// redrive goes on at the state that did not succeed, with the document that it
// had: a task is started again, a Choice is read again, a Fail fails again. What
// came before is not repeated.
func (in *interpreter) redrive() (outcome, error) {
	if in.stopped == "" {
		return outcome{}, errors.New("an execution that succeeded cannot be redriven")
	}
	in.abortAt = ""
	in.execution()["RedriveCount"] = in.execution()["RedriveCount"].(float64) + 1
	return in.from(in.stopped, in.left)
}

func (in *interpreter) from(name string, document any) (outcome, error) {
	for range 1000 {
		s, ok := in.states[name]
		if !ok {
			return outcome{}, fmt.Errorf("no state %q", name)
		}
		in.visited = append(in.visited, name)
		in.stopped, in.left = name, document
		if name == in.abortAt {
			return outcome{err: "aborted", lastDocument: document}, nil
		}
		if err := fitsState(document); err != nil {
			return outcome{}, fmt.Errorf("state %q: %w", name, err)
		}
		if s["Type"] == "Succeed" {
			in.stopped = ""
			if path, ok := s["OutputPath"].(string); ok {
				var err error
				if document, err = in.lookup(document, path); err != nil {
					return outcome{}, fmt.Errorf("state %q: %w", name, err)
				}
			}
			return outcome{succeeded: true, lastDocument: document}, nil
		}
		if cause, fixed := s["Cause"].(string); fixed && s["Type"] == "Fail" {
			return outcome{err: s["Error"].(string), cause: cause, lastDocument: document}, nil
		}
		if s["Type"] == "Fail" {
			cause, err := in.lookup(document, s["CausePath"].(string))
			if err != nil {
				return outcome{}, fmt.Errorf("state %q: %w", name, err)
			}
			return outcome{err: s["Error"].(string), cause: cause.(string), lastDocument: document}, nil
		}
		var err error
		name, document, err = in.step(s, document)
		if failed := (*taskError)(nil); errors.As(err, &failed) && (s["Type"] == "Task" || s["Type"] == "Map") {
			return outcome{err: failed.name, cause: failed.cause, lastDocument: in.left}, nil
		}
		if err != nil {
			return outcome{}, fmt.Errorf("state %q: %w", in.visited[len(in.visited)-1], err)
		}
	}
	return outcome{}, errors.New("1000 states and no end")
}

func (in *interpreter) step(s state, document any) (next string, out any, err error) {
	allowed := map[string][]string{
		"Pass":   {"Parameters", "ResultPath", "Next"},
		"Wait":   {"SecondsPath", "Next"},
		"Choice": {"Choices", "Default"},
		"Task":   {"Resource", "Parameters", "ResultSelector", "ResultPath", "TimeoutSeconds", "Retry", "Catch", "Next"},
		"Map": {"Label", "ItemReader", "ItemSelector", "ItemBatcher", "ItemProcessor", "MaxConcurrency", "ToleratedFailurePercentage",
			"ResultWriter", "ResultSelector", "ResultPath", "Catch", "Next"},
	}[s["Type"].(string)]
	for field := range s {
		if field != "Type" && field != "Comment" && !slices.Contains(allowed, field) {
			return "", nil, fmt.Errorf("field %s of a %s is not interpreted", field, s["Type"])
		}
	}
	switch s["Type"] {
	case "Pass":
		result, err := in.template(document, s["Parameters"])
		if err != nil {
			return "", nil, err
		}
		out, err = place(document, s["ResultPath"], result)
		return s["Next"].(string), out, err
	case "Wait":
		seconds, err := in.lookup(document, s["SecondsPath"].(string))
		if err != nil {
			return "", nil, err
		}
		in.waits = append(in.waits, int(seconds.(float64)))
		return s["Next"].(string), document, nil
	case "Choice":
		for _, rule := range s["Choices"].([]any) {
			holds, err := in.holds(document, rule.(map[string]any))
			if err != nil {
				return "", nil, err
			}
			if holds {
				return rule.(map[string]any)["Next"].(string), document, nil
			}
		}
		return s["Default"].(string), document, nil
	case "Map":
		return in.distribute(s, document)
	default:
		return in.task(s, document)
	}
}

func (in *interpreter) task(s state, document any) (string, any, error) {
	parameters, err := in.template(document, s["Parameters"])
	if err != nil {
		return "", nil, err
	}
	retries := map[int]int{} // by position of the retrier
	for {
		result, err := in.tasks[s["Resource"].(string)](parameters.(map[string]any))
		if err == nil && s["ResultSelector"] != nil {
			result, err = in.template(result, s["ResultSelector"])
		}
		if err == nil {
			out, err := place(document, s["ResultPath"], result)
			return s["Next"].(string), out, err
		}
		var failed *taskError
		if !errors.As(err, &failed) {
			return "", nil, err
		}
		if in.retry(s, failed, retries) {
			continue
		}
		return in.catch(s, document, failed)
	}
}

// catch goes where a Catch says, or fails as the state did.
func (in *interpreter) catch(s state, document any, failed *taskError) (string, any, error) {
	output := map[string]any{"Error": failed.name, "Cause": failed.cause}
	if failed.noCause {
		delete(output, "Cause")
	}
	catchers, _ := s["Catch"].([]any)
	for _, c := range catchers {
		catcher := c.(map[string]any)
		if failed.matches(catcher["ErrorEquals"].([]any)) {
			out, err := place(document, catcher["ResultPath"], output)
			return catcher["Next"].(string), out, err
		}
	}
	return "", nil, failed
}

func (in *interpreter) retry(s state, failed *taskError, retries map[int]int) bool {
	retriers, _ := s["Retry"].([]any)
	for i, r := range retriers {
		retrier := r.(map[string]any)
		if failed.matches(retrier["ErrorEquals"].([]any)) {
			retries[i]++
			if retries[i] > int(retrier["MaxAttempts"].(float64)) {
				return false
			}
			in.retries[in.visited[len(in.visited)-1]]++
			return true
		}
	}
	return false
}

// matches follows the two wildcards of the language: States.ALL is everything,
// States.TaskFailed everything but States.Timeout.
func (e *taskError) matches(names []any) bool {
	for _, name := range names {
		if name == e.name || name == "States.ALL" || name == "States.TaskFailed" && e.name != "States.Timeout" {
			return true
		}
	}
	return false
}

// place puts result where ResultPath says: everywhere, or in one field.
func place(document any, resultPath, result any) (any, error) {
	if resultPath == nil || resultPath == "$" {
		return result, nil
	}
	path, ok := strings.CutPrefix(resultPath.(string), "$.")
	if !ok || strings.Contains(path, "[") {
		return nil, fmt.Errorf("ResultPath %v is not interpreted", resultPath)
	}
	object, ok := document.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("ResultPath %v: nothing to put it into", resultPath)
	}
	out := map[string]any{}
	for k, v := range object {
		out[k] = v
	}
	field, rest, nested := strings.Cut(path, ".")
	if !nested {
		out[field] = result
		return out, nil
	}
	inner, err := place(out[field], "$."+rest, result)
	out[field] = inner
	return out, err
}

// holds evaluates one rule of a Choice. A comparison with a path that leads
// nowhere is an error, as it is in Step Functions.
func (in *interpreter) holds(document any, rule map[string]any) (bool, error) {
	if all, ok := rule["And"]; ok {
		for _, condition := range all.([]any) {
			if holds, err := in.holds(document, condition.(map[string]any)); !holds || err != nil {
				return false, err
			}
		}
		return true, nil
	}
	if some, ok := rule["Or"]; ok {
		for _, condition := range some.([]any) {
			if holds, err := in.holds(document, condition.(map[string]any)); holds || err != nil {
				return holds, err
			}
		}
		return false, nil
	}
	if not, ok := rule["Not"]; ok {
		holds, err := in.holds(document, not.(map[string]any))
		return !holds, err
	}
	value, err := in.lookup(document, rule["Variable"].(string))
	if want, ok := rule["IsPresent"]; ok {
		return (err == nil) == want.(bool), nil
	}
	if err != nil {
		return false, err
	}
	for operator, operand := range rule {
		switch operator {
		case "Variable", "Next":
		case "IsString":
			_, is := value.(string)
			return is == operand.(bool), nil
		case "IsBoolean":
			_, is := value.(bool)
			return is == operand.(bool), nil
		case "IsTimestamp":
			text, is := value.(string)
			_, err := time.Parse(time.RFC3339, text)
			return (is && err == nil) == operand.(bool), nil
		case "StringEquals":
			return value == operand, nil
		case "StringEqualsPath":
			other, err := in.lookup(document, operand.(string))
			text, ok := value.(string)
			return ok && text == other, err
		case "NumericEquals":
			return value == operand, nil
		case "NumericLessThan":
			number, ok := value.(float64)
			return ok && number < operand.(float64), nil
		case "NumericGreaterThan":
			number, ok := value.(float64)
			return ok && number > operand.(float64), nil
		case "BooleanEquals":
			return value == operand, nil
		case "StringMatches":
			text, ok := value.(string)
			return ok && matchesPattern(operand.(string)).MatchString(text), nil
		default:
			return false, fmt.Errorf("%s is not interpreted", operator)
		}
	}
	return false, errors.New("a rule without an operator")
}

// matchesPattern is an operand of StringMatches: * is any text, \* and \\ are
// themselves.
func matchesPattern(operand string) *regexp.Regexp {
	pattern := `\A`
	for i := 0; i < len(operand); i++ {
		switch c := operand[i]; {
		case c == '*':
			pattern += `(?s:.*)`
		case c == '\\' && i+1 < len(operand):
			i++
			pattern += regexp.QuoteMeta(operand[i : i+1])
		default:
			pattern += regexp.QuoteMeta(operand[i : i+1])
		}
	}
	return regexp.MustCompile(pattern + `\z`)
}

// template fills in the fields whose names end in ".$".
func (in *interpreter) template(document, value any) (any, error) {
	switch v := value.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, inner := range v {
			name, dynamic := strings.CutSuffix(key, ".$")
			var err error
			if dynamic {
				out[name], err = in.evaluate(document, inner.(string))
			} else {
				out[key], err = in.template(document, inner)
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %w", key, err)
			}
		}
		return out, nil
	case []any:
		out := make([]any, len(v))
		for i, inner := range v {
			var err error
			if out[i], err = in.template(document, inner); err != nil {
				return nil, fmt.Errorf("[%d]: %w", i, err)
			}
		}
		return out, nil
	default:
		return value, nil
	}
}

// evaluate reads a path or calls an intrinsic function.
func (in *interpreter) evaluate(document any, expression string) (any, error) {
	name, rest, isCall := strings.Cut(expression, "(")
	if !isCall || !strings.HasPrefix(name, "States.") {
		return in.lookup(document, expression)
	}
	var args []any
	for _, text := range splitArguments(strings.TrimSuffix(rest, ")")) {
		var arg any
		var err error
		if quoted, ok := strings.CutPrefix(text, "'"); ok {
			arg = strings.NewReplacer(`\\`, `\`, `\'`, `'`).Replace(strings.TrimSuffix(quoted, "'"))
		} else if number, numberErr := strconv.ParseFloat(text, 64); numberErr == nil {
			arg = number
		} else if arg, err = in.evaluate(document, text); err != nil {
			return nil, err
		}
		args = append(args, arg)
	}
	switch name {
	case "States.Format":
		text := args[0].(string)
		if strings.Count(text, "{}") != len(args)-1 {
			return nil, fmt.Errorf("%d arguments for %q", len(args)-1, text)
		}
		var b strings.Builder
		for i, part := range strings.Split(text, "{}") {
			if i > 0 {
				if number, ok := args[i].(float64); ok {
					b.WriteString(strconv.FormatFloat(number, 'f', -1, 64))
				} else {
					b.WriteString(args[i].(string))
				}
			}
			b.WriteString(part)
		}
		return b.String(), nil
	case "States.StringSplit":
		separators := args[1].(string)
		var parts []any
		for _, part := range strings.FieldsFunc(args[0].(string), func(r rune) bool { return strings.ContainsRune(separators, r) }) {
			parts = append(parts, part)
		}
		return parts, nil
	case "States.ArrayGetItem":
		list, i := args[0].([]any), int(args[1].(float64))
		if i >= len(list) {
			return nil, fmt.Errorf("item %d of %d", i, len(list))
		}
		return list[i], nil
	case "States.Array":
		return args, nil
	case "States.ArrayUnique":
		var unique []any
		for _, v := range args[0].([]any) {
			if !slices.ContainsFunc(unique, func(u any) bool { return reflect.DeepEqual(u, v) }) {
				unique = append(unique, v)
			}
		}
		return unique, nil
	case "States.ArrayLength":
		return float64(len(args[0].([]any))), nil
	case "States.JsonToString":
		text, err := json.Marshal(args[0])
		return string(text), err
	case "States.StringToJson":
		var v any
		err := json.Unmarshal([]byte(args[0].(string)), &v)
		return v, err
	case "States.MathAdd":
		return args[0].(float64) + args[1].(float64), nil
	case "States.MathRandom": // the end is not drawn
		low, high := int(args[0].(float64)), int(args[1].(float64))
		return float64(low + rand.IntN(high-low)), nil
	}
	return nil, fmt.Errorf("%s is not interpreted", name)
}

// splitArguments cuts at the commas that are outside quotes and parentheses.
func splitArguments(text string) []string {
	var args []string
	start, depth, quoted := 0, 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '\'':
			quoted = !quoted
		case quoted:
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == ',' && depth == 0:
			args = append(args, strings.TrimSpace(text[start:i]))
			start = i + 1
		}
	}
	return append(args, strings.TrimSpace(text[start:]))
}

var pathStep = regexp.MustCompile(`\A(?:\.([A-Za-z0-9_]+)|\[([0-9]+)\]|\['([^']+)'\])`)

// everyField takes one field of every item of a list.
var everyField = regexp.MustCompile(`\A\[\*\]\.([A-Za-z0-9_]+)\z`)

// lookup follows a reference path such as $.a.b[0].c, or $$.x in the context
// object, and a path that ends in one field of all items.
func (in *interpreter) lookup(document any, path string) (any, error) {
	value := document
	rest, ok := strings.CutPrefix(path, "$")
	if !ok {
		return nil, fmt.Errorf("%q is not a path", path)
	}
	if inner, ok := strings.CutPrefix(rest, "$"); ok {
		value, rest = in.object, inner
	}
	for rest != "" {
		if m := everyField.FindStringSubmatch(rest); m != nil {
			list, ok := value.([]any)
			if !ok {
				return nil, fmt.Errorf("path %q leads nowhere", path)
			}
			fields := []any{}
			for _, item := range list {
				fields = append(fields, item.(map[string]any)[m[1]])
			}
			return fields, nil
		}
		m := pathStep.FindStringSubmatch(rest)
		if m == nil {
			return nil, fmt.Errorf("path %q is not interpreted", path)
		}
		rest = rest[len(m[0]):]
		if m[1] += m[3]; m[1] != "" {
			object, _ := value.(map[string]any)
			if value, ok = object[m[1]]; !ok {
				return nil, fmt.Errorf("path %q leads nowhere", path)
			}
			continue
		}
		list, _ := value.([]any)
		i, _ := strconv.Atoi(m[2])
		if i >= len(list) {
			return nil, fmt.Errorf("path %q leads nowhere", path)
		}
		value = list[i]
	}
	return value, nil
}
