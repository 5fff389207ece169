package scale

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// MaxResultsBytes bounds the record of a map that names its files.
const MaxResultsBytes = 8 << 20

// Results is what a map's ResultWriter leaves: where its files are. See
// https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html.
type Results struct {
	Bucket string
	// Done are files of executions that succeeded, Failed of those that failed or
	// did not start, in the order in which they are named.
	Done, Failed []string
}

// ReadResults reads the manifest.json of a ResultWriter.
func ReadResults(text []byte) (Results, error) {
	if len(text) > MaxResultsBytes {
		return Results{}, fmt.Errorf("%d bytes; want at most %d", len(text), MaxResultsBytes)
	}
	var raw struct {
		DestinationBucket string
		ResultFiles       map[string][]struct{ Key string }
	}
	if err := json.Unmarshal(text, &raw); err != nil {
		return Results{}, fmt.Errorf("want the manifest.json of a ResultWriter: %w", err)
	}
	if raw.DestinationBucket == "" || raw.ResultFiles == nil {
		return Results{}, errors.New("want the manifest.json of a ResultWriter, with DestinationBucket and ResultFiles")
	}
	r := Results{Bucket: raw.DestinationBucket}
	for _, status := range []string{"SUCCEEDED", "FAILED", "PENDING"} {
		for _, f := range raw.ResultFiles[status] {
			if f.Key == "" {
				return Results{}, fmt.Errorf("ResultFiles: a file of %s without a Key", status)
			}
			if status == "SUCCEEDED" {
				r.Done = append(r.Done, f.Key)
			} else {
				r.Failed = append(r.Failed, f.Key)
			}
		}
	}
	var unknown []string
	for status := range raw.ResultFiles {
		if !slices.Contains([]string{"SUCCEEDED", "FAILED", "PENDING"}, status) {
			unknown = append(unknown, status)
		}
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		return Results{}, fmt.Errorf("ResultFiles: %q are not known", unknown)
	}
	return r, nil
}

// maxExecutionBytes bounds the record of one execution: input and output have at
// most 256 KiB each.
const maxExecutionBytes = 2 << 20

// ReadExecutions calls each with the items that the executions of one file were
// given, one after the other. Only one execution is held in memory.
func ReadExecutions(r io.Reader, each func(items []Item) error) error {
	d := json.NewDecoder(r)
	start, err := d.Token()
	if err != nil || start != json.Delim('[') {
		return errors.Join(errors.New("want a JSON array of executions"), err)
	}
	for n := 1; d.More(); n++ {
		var raw struct{ Input *string }
		before := d.InputOffset()
		if err := d.Decode(&raw); err != nil {
			return fmt.Errorf("execution %d: %w", n, err)
		}
		if d.InputOffset()-before > maxExecutionBytes {
			return fmt.Errorf("execution %d: more than %d bytes", n, maxExecutionBytes)
		}
		if raw.Input == nil {
			return fmt.Errorf(`execution %d: without an "Input"`, n)
		}
		items, err := readInput([]byte(*raw.Input))
		if err == nil {
			err = each(items)
		}
		if err != nil {
			return fmt.Errorf("execution %d: %w", n, err)
		}
	}
	_, err = d.Token()
	return err
}

// readInput reads the items of one execution: a batch, a list, or one item.
func readInput(text []byte) ([]Item, error) {
	var batch struct{ Items json.RawMessage }
	var list []json.RawMessage
	switch err := json.Unmarshal(text, &batch); {
	case err == nil && batch.Items != nil:
		text = batch.Items
	case err == nil:
		list = []json.RawMessage{text}
	}
	if list == nil {
		if err := json.Unmarshal(text, &list); err != nil {
			return nil, fmt.Errorf("input: want items: %w", err)
		}
	}
	items := make([]Item, len(list))
	for i, one := range list {
		if err := json.Unmarshal(one, &items[i]); err != nil {
			return nil, fmt.Errorf("input: %w", err)
		}
	}
	return items, nil
}

// ReadItems calls each with the items of a JSON array, as a round's is.
func ReadItems(r io.Reader, each func(Item) error) error {
	d := json.NewDecoder(r)
	start, err := d.Token()
	if err != nil || start != json.Delim('[') {
		return errors.Join(errors.New("want a JSON array of items"), err)
	}
	for n := 1; d.More(); n++ {
		var item Item
		if err := d.Decode(&item); err != nil {
			return fmt.Errorf("item %d: %w", n, err)
		}
		if err := each(item); err != nil {
			return err
		}
	}
	_, err = d.Token()
	return err
}
