package policy

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"path"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/policyx"
)

// settings are what a user configured for one rule.
type settings struct {
	level      policyx.EnforcementLevel
	values     map[string]any // by the option's name: []string or int
	exceptions []*exception
}

// exception lets resources be as they are.
type exception struct {
	resource     string   // pattern of names, as path.Match has them
	environments []string // none for all
	reason       string
	used         bool
}

const exceptionsOption = "exceptions"

// newSettings reads the configuration of a rule and reports every mistake in it.
func newSettings(rule *Rule, level policyx.EnforcementLevel, properties map[string]any) (settings, error) {
	s := settings{level: level, values: map[string]any{}}
	for _, o := range rule.Options {
		s.values[o.Name] = o.Default
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		if err := s.set(rule, name, properties[name]); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return settings{}, fmt.Errorf("configuration of policy %s:\n%w", rule.Name, err)
	}
	return s, nil
}

func (s *settings) set(rule *Rule, name string, value any) (err error) {
	if name == exceptionsOption {
		s.exceptions, err = readExceptions(value)
		return err
	}
	for _, o := range rule.Options {
		if o.Name != name {
			continue
		}
		if _, isNumber := o.Default.(int); isNumber {
			n, ok := value.(float64)
			if !ok || n != math.Trunc(n) || n < 0 {
				return fmt.Errorf("got %v, want a whole number", value)
			}
			s.values[name] = int(n)
			return nil
		}
		s.values[name], err = readTexts(value)
		return err
	}
	known := []string{exceptionsOption}
	for _, o := range rule.Options {
		known = append(known, o.Name)
	}
	return fmt.Errorf("unknown option, want %s", strings.Join(known, ", "))
}

func readTexts(value any) ([]string, error) {
	list, ok := value.([]any)
	if !ok {
		return nil, fmt.Errorf("got %v, want a list of texts", value)
	}
	texts := []string{}
	for _, v := range list {
		s, ok := v.(string)
		if !ok || s == "" {
			return nil, fmt.Errorf("got %v, want a list of texts", value)
		}
		texts = append(texts, s)
	}
	return texts, nil
}

func readExceptions(value any) ([]*exception, error) {
	list, ok := value.([]any)
	if !ok {
		return nil, fmt.Errorf("got %v, want a list of exceptions", value)
	}
	var exceptions []*exception
	var errs []error
	for i, v := range list {
		e, err := readException(v)
		if err != nil {
			errs = append(errs, fmt.Errorf("[%d]: %w", i, err))
		}
		exceptions = append(exceptions, e)
	}
	return exceptions, errors.Join(errs...)
}

func readException(value any) (*exception, error) {
	fields, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("got %v, want an object with resource and reason", value)
	}
	e := &exception{}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		var err error
		text, isText := fields[name].(string)
		switch name {
		case "resource":
			e.resource = text
			_, err = path.Match(text, "")
		case "reason":
			e.reason = strings.TrimSpace(text)
		case "environments":
			isText = true
			e.environments, err = readTexts(fields[name])
		default:
			isText = true
			err = errors.New("unknown field, want resource, reason or environments")
		}
		if !isText {
			err = fmt.Errorf("got %v, want text", fields[name])
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	if e.resource == "" {
		errs = append(errs, errors.New("resource: missing; want a resource's name, * and ? allowed"))
	}
	if e.reason == "" {
		errs = append(errs, errors.New("reason: missing; an exception without one is not reviewed"))
	}
	return e, errors.Join(errs...)
}

// excepts tells whether an exception of this environment lets the resource be.
func (s *settings) excepts(name, environment string) bool {
	excepted := false
	for _, e := range s.exceptions {
		if matched, err := path.Match(e.resource, name); err == nil && matched && e.holdsIn(environment) {
			e.used, excepted = true, true
		}
	}
	return excepted
}

func (e *exception) holdsIn(environment string) bool {
	return len(e.environments) == 0 || slices.Contains(e.environments, environment)
}

func (s *settings) texts(o Option) []string { return s.values[o.Name].([]string) }
func (s *settings) number(o Option) int     { return s.values[o.Name].(int) }
