package components

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
)

// part is one child execution of a distributed map.
type part struct {
	*interpreter
	items []any
	input any
	out   outcome
}

// stateBytes is what Step Functions passes from one state to the next at most.
const stateBytes = 256 << 10

func fitsState(document any) error {
	text, err := json.Marshal(document)
	if err != nil {
		return err
	}
	if len(text) > stateBytes {
		return fmt.Errorf("States.DataLimitExceeded: %d bytes", len(text))
	}
	return nil
}

// overridesCharacters is what RunTask takes as overrides at most, written as JSON.
const overridesCharacters = 8192

func fitsOverrides(overrides any) error {
	text, err := renderJSON(overrides)
	if err != nil {
		return err
	}
	if n := len([]rune(text)); n > overridesCharacters {
		return &taskError{name: "ECS.InvalidParameterException", cause: fmt.Sprintf("container overrides length %d, want at most %d", n, overridesCharacters)}
	}
	return nil
}

// distribute runs a Map of mode DISTRIBUTED: items from its reader, through the
// selector, in batches, each an execution of its own. A redrive runs those again
// that did not succeed.
func (in *interpreter) distribute(s state, document any) (string, any, error) {
	name := in.visited[len(in.visited)-1]
	parts := in.maps[name]
	redriven := in.execution()["RedriveCount"].(float64) > 0 && parts != nil
	if !redriven {
		var err error
		if parts, err = in.startParts(s, document); err != nil {
			if failed := (*taskError)(nil); errors.As(err, &failed) {
				return in.catch(s, document, failed)
			}
			return "", nil, err
		}
	}
	if in.maps == nil {
		in.maps = map[string][]*part{}
	}
	in.maps[name] = parts
	failed, total := 0, 0
	for _, p := range parts {
		var err error
		switch {
		case p.out.succeeded:
		case redriven:
			p.out, err = p.redrive()
		default:
			p.execution()["Input"] = p.input
			p.out, err = p.from(p.start, p.input)
		}
		if err != nil {
			return "", nil, fmt.Errorf("part with %v: %w", p.items, err)
		}
		total += len(p.items)
		if !p.out.succeeded {
			failed += len(p.items)
		}
	}
	writer := s["ResultWriter"].(map[string]any)
	if writer["Resource"] != "arn:aws:states:::s3:putObject" {
		return "", nil, fmt.Errorf("writer %v is not interpreted", writer["Resource"])
	}
	parameters, err := in.template(document, writer["Parameters"])
	if err != nil {
		return "", nil, err
	}
	where := parameters.(map[string]any)
	key, err := in.write(where["Bucket"].(string), where["Prefix"].(string), parts)
	if err != nil {
		return "", nil, err
	}
	if float64(failed)*100 > s["ToleratedFailurePercentage"].(float64)*float64(total) {
		return in.catch(s, document, &taskError{name: "States.ExceedToleratedFailureThreshold", cause: "The specified tolerated failure threshold was exceeded"})
	}
	delete(in.maps, name) // what comes after it is another run of the map
	result, err := in.template(map[string]any{
		"MapRunArn":           "arn:aws:states:us-east-1:111111111111:mapRun:machine/" + s["Label"].(string) + ":0",
		"ResultWriterDetails": map[string]any{"Bucket": where["Bucket"], "Key": key},
	}, s["ResultSelector"])
	if err != nil {
		return "", nil, err
	}
	out, err := place(document, s["ResultPath"], result)
	return s["Next"].(string), out, err
}

// startParts reads the items and makes an execution of each batch.
func (in *interpreter) startParts(s state, document any) ([]*part, error) {
	processor := s["ItemProcessor"].(map[string]any)
	if config := processor["ProcessorConfig"].(map[string]any); config["Mode"] != "DISTRIBUTED" || config["ExecutionType"] != "STANDARD" {
		return nil, fmt.Errorf("processor %v is not interpreted", config)
	}
	if n := s["MaxConcurrency"].(float64); n < 1 || n > 10000 {
		return nil, fmt.Errorf("MaxConcurrency %v: want 1 to 10000", n)
	}
	reader, err := in.template(document, s["ItemReader"])
	if err != nil {
		return nil, err
	}
	all, err := in.read(reader.(map[string]any))
	if err != nil {
		return nil, err
	}
	if s["ItemSelector"] != nil {
		for i, item := range all {
			in.object["Map"] = map[string]any{"Item": map[string]any{"Index": float64(i), "Value": item}}
			if all[i], err = in.template(document, s["ItemSelector"]); err != nil {
				return nil, err
			}
		}
		delete(in.object, "Map")
	}
	batcher := s["ItemBatcher"].(map[string]any)
	batches, err := batched(all, int(batcher["MaxItemsPerBatch"].(float64)), int(batcher["MaxInputBytesPerBatch"].(float64)))
	if err != nil {
		return nil, err
	}
	common, err := in.template(document, batcher["BatchInput"])
	if err != nil {
		return nil, err
	}
	states := map[string]state{}
	for name, inner := range processor["States"].(map[string]any) {
		states[name] = inner.(map[string]any)
	}
	var parts []*part
	for i, batch := range batches {
		input := map[string]any{"BatchInput": common, "Items": batch}
		if err := fitsState(input); err != nil {
			return nil, err
		}
		object := maps.Clone(in.object)
		object["Execution"] = map[string]any{
			"Id": fmt.Sprintf("%s/%s:%d", in.execution()["Id"], s["Label"], i), "Name": fmt.Sprint(i),
			"StartTime": in.execution()["StartTime"], "RedriveCount": 0.0,
		}
		parts = append(parts, &part{items: batch, input: input, interpreter: &interpreter{
			states: states, start: processor["StartAt"].(string), tasks: in.tasks, object: object, retries: map[string]int{},
		}})
	}
	return parts, nil
}

// batched cuts items into batches of at most so many items and bytes. What Step
// Functions does with an item that is longer by itself is not documented.
func batched(all []any, most, mostBytes int) ([][]any, error) {
	var batches [][]any
	var batch []any
	size := 2 // of the brackets
	for _, item := range all {
		text, err := renderJSON(item)
		if err != nil {
			return nil, err
		}
		if len(text)+2 > mostBytes {
			return nil, fmt.Errorf("an item of %d bytes does not fit into a batch of %d", len(text), mostBytes)
		}
		if len(batch) == most || len(batch) > 0 && size+1+len(text) > mostBytes {
			batches, batch, size = append(batches, batch), nil, 2
		}
		if len(batch) > 0 {
			size++
		}
		batch = append(batch, item)
		size += len(text)
	}
	if len(batch) > 0 {
		batches = append(batches, batch)
	}
	return batches, nil
}
