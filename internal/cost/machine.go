package cost

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"ds-pipeline/preprocess/contract"
)

// path is what one execution of a state machine does when nothing goes wrong.
type path struct {
	transitions float64
	tasks       []string // the resources that its Task states call
	runsTask    bool     // starts a task of ECS
	publicIP    bool     // that has a public address
	spot        bool     // and starts on Spot capacity
	ran         float64  // how many tasks of ECS it starts, maps aside
	fan         *fan     // the map that it goes through, if any
}

// fan is a distributed map: how many items each of its executions gets, how many
// of them there are at once, and what one does. RangeBytes is not 0 if an item is a
// range of an object, of about so many bytes.
type fan struct {
	items, concurrency float64
	rangeBytes         float64
	part               path
}

// count is how many of its tasks call a resource with this ending.
func (p path) count(ending string) (n float64) {
	for _, t := range p.tasks {
		if strings.HasSuffix(t, ending) {
			n++
		}
	}
	return n
}

// definitionOf is a state machine, or the part of one that a map runs.
type definitionOf struct {
	StartAt string
	States  map[string]stateOf
}

type stateOf struct {
	Type, Next, Default string
	Resource            string
	End                 bool
	Choices             []struct{ Next string }
	MaxConcurrency      float64
	ItemBatcher         struct{ MaxItemsPerBatch float64 }
	ItemProcessor       struct {
		ProcessorConfig struct{ ExecutionType string }
		definitionOf
	}
	Parameters struct {
		Overrides struct {
			ContainerOverrides []struct {
				Environment []struct{ Name, Value string }
			}
		}
		CapacityProviderStrategy []any
		NetworkConfiguration     struct {
			AwsvpcConfiguration struct{ AssignPublicIp string }
		}
	}
}

// maxSteps bounds the search for a path: a definition is at most 1 MB, but the
// ways through it can be many more than its states.
const maxSteps = 1 << 20

// normalPath is the way from the first state of a definition to success that
// follows no Catch. Of several it is one that runs a task, then the longest,
// then the one with the fewest messages. Its transitions are the states on it
// and the one into the first.
func normalPath(definition string) (path, error) {
	var d definitionOf
	if err := json.Unmarshal([]byte(definition), &d); err != nil {
		return path{}, fmt.Errorf("definition: %w", err)
	}
	return d.normalPath()
}

func (d definitionOf) normalPath() (path, error) {
	var best, now []string
	rank := func(names []string) [3]int {
		r := [3]int{0, len(names), 0}
		for _, name := range names {
			if isRunTask(d.States[name].Resource) {
				r[0] = 1
			}
			if strings.HasSuffix(d.States[name].Resource, ":sns:publish") {
				r[2]--
			}
		}
		return r
	}
	steps := 0
	var visit func(name string) error
	visit = func(name string) error {
		s, ok := d.States[name]
		if steps++; steps > maxSteps {
			return errors.New("definition: too many ways through it")
		}
		if !ok || slices.Contains(now, name) {
			return nil
		}
		now = append(now, name)
		defer func() { now = now[:len(now)-1] }()
		next := []string{s.Next}
		switch {
		case s.Type == "Parallel" || s.Type == "Map" && s.ItemProcessor.ProcessorConfig.ExecutionType != "STANDARD":
			return fmt.Errorf("definition: state %s: a %s is not counted", name, s.Type)
		case s.Type == "Fail":
			return nil
		case s.Type == "Succeed" || s.End:
			if best == nil {
				best = slices.Clone(now)
			} else if have, found := rank(best), rank(now); slices.Compare(found[:], have[:]) > 0 {
				best = slices.Clone(now)
			}
			return nil
		case s.Type == "Choice":
			next = []string{s.Default}
			for _, c := range s.Choices {
				if !slices.Contains(next, c.Next) {
					next = append(next, c.Next)
				}
			}
		}
		for _, n := range next {
			if err := visit(n); err != nil {
				return err
			}
		}
		return nil
	}
	if err := visit(d.StartAt); err != nil {
		return path{}, err
	}
	if best == nil {
		return path{}, errors.New("definition: no way to success")
	}
	p := path{transitions: float64(len(best) + 1)}
	rangeBytes := 0.0
	for _, name := range best {
		s := d.States[name]
		if s.Type == "Map" {
			if p.fan != nil {
				return path{}, fmt.Errorf("definition: state %s: a second Map is not counted", name)
			}
			part, err := s.ItemProcessor.normalPath()
			if err != nil {
				return path{}, err
			}
			p.fan = &fan{items: max(1, s.ItemBatcher.MaxItemsPerBatch), concurrency: max(1, s.MaxConcurrency), rangeBytes: rangeBytes, part: part}
		}
		if s.Type != "Task" {
			continue
		}
		for _, container := range s.Parameters.Overrides.ContainerOverrides {
			for _, v := range container.Environment {
				if n, err := strconv.ParseFloat(v.Value, 64); v.Name == contract.EnvScaleRangeMiB && err == nil && n > 0 {
					rangeBytes = n * (1 << 20)
				}
			}
		}
		p.tasks = append(p.tasks, s.Resource)
		if isRunTask(s.Resource) {
			p.runsTask = true
			p.ran++
			p.publicIP = s.Parameters.NetworkConfiguration.AwsvpcConfiguration.AssignPublicIp == "ENABLED"
			p.spot = len(s.Parameters.CapacityProviderStrategy) > 0
		}
	}
	return p, nil
}

func isRunTask(resource string) bool { return strings.Contains(resource, ":ecs:runTask") }
