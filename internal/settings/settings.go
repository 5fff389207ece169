// Package settings reads the configuration of a Pulumi program: typed, with
// defaults, and every problem at once.
package settings

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"ds-pipeline/components"
	"ds-pipeline/preprocess/named"
)

// Key is one key of a configuration C: its default, which Pulumi.yaml repeats
// and a test compares, and how its text becomes a field.
type Key[C any] struct {
	Name     string
	Kind     string // string, integer or boolean, as in Pulumi.yaml
	Fallback string
	Read     func(c *C, text string) error
}

// Read reads every key. It returns the names of those that are wrong by
// themselves, and what is wrong: values, and keys of the project that it does
// not have.
func Read[C any](ctx *pulumi.Context, all []Key[C]) (cfg C, wrong map[string]bool, errs []error) {
	var names []string
	for _, k := range all {
		names = append(names, k.Name)
	}
	errs = unknownKeys(ctx, names)
	wrong = map[string]bool{}
	for _, k := range all {
		value, set := ctx.GetConfig(ctx.Project() + ":" + k.Name)
		if !set {
			value = k.Fallback
		}
		if err := k.Read(&cfg, value); err != nil {
			wrong[k.Name] = true
			errs = append(errs, Prefixed(k.Name, err))
		}
	}
	return cfg, wrong, errs
}

// Place reads the two keys of the aws namespace that a program of ours uses;
// profile is "" for the credentials of the environment.
func Place(ctx *pulumi.Context) (region, profile string, err error) {
	profile, _ = ctx.GetConfig("aws:profile")
	region, set := ctx.GetConfig("aws:region")
	if !set {
		return "", profile, errors.New("aws:region: missing; run `pulumi config set aws:region us-east-1`")
	}
	return region, profile, Prefixed("aws:region", components.CheckRegion(region))
}

// Optional accepts "" for "not set".
func Optional(check func(string) error) func(string) error {
	return func(text string) error {
		if text == "" {
			return nil
		}
		return check(text)
	}
}

// Text is a key for a text, which check looks at unless it is nil.
func Text[C any](name, fallback string, field func(*C) *string, check func(string) error) Key[C] {
	return Key[C]{name, "string", fallback, func(c *C, value string) error {
		*field(c) = value
		if check == nil {
			return nil
		}
		return check(value)
	}}
}

// Number is a key for a whole number, which check looks at unless it is nil.
func Number[C any](name string, fallback int, field func(*C) *int, check func(int) error) Key[C] {
	return Key[C]{name, "integer", strconv.Itoa(fallback), func(c *C, value string) error {
		n, err := strconv.Atoi(value)
		if err != nil {
			return fmt.Errorf("got %q, want a whole number", value)
		}
		*field(c) = n
		if check == nil {
			return nil
		}
		return check(n)
	}}
}

// Flag is a key for true or false.
func Flag[C any](name string, fallback bool, field func(*C) *bool) Key[C] {
	return Key[C]{name, "boolean", strconv.FormatBool(fallback), func(c *C, value string) error {
		switch value {
		case "true", "false":
			*field(c) = value == "true"
			return nil
		}
		return fmt.Errorf("got %q, want true or false", value)
	}}
}

// Prefixed puts a key before err, and keeps nil as nil.
func Prefixed(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", name, err)
}

// unknownKeys reports every key under the project's namespace that is not ours,
// with the nearest one that is.
func unknownKeys(ctx *pulumi.Context, names []string) []error {
	given, err := Keys(ctx)
	if err != nil {
		return []error{err}
	}
	var errs []error
	for _, full := range given {
		name, ours := strings.CutPrefix(full, ctx.Project()+":")
		if !ours || slices.Contains(names, name) {
			continue
		}
		errs = append(errs, fmt.Errorf("%s: unknown key, did you mean %s? Pulumi.yaml lists all of them", name, named.Any(name, names)))
	}
	return errs
}

// Keys lists the keys of the whole configuration, sorted. The SDK looks up
// a key but does not list them, so this reads the names (never a value) from the
// context's own copy; reflection may read an unexported field. Where a later SDK
// keeps them elsewhere, the environment variable that the language host sets is
// the same list.
func Keys(ctx *pulumi.Context) ([]string, error) {
	var names []string
	if values := contextConfig(ctx); values.IsValid() {
		for _, k := range values.MapKeys() {
			names = append(names, k.String())
		}
		sort.Strings(names)
		return names, nil
	}
	var values map[string]json.RawMessage
	if err := json.Unmarshal([]byte(os.Getenv(pulumi.EnvConfig)), &values); err != nil {
		return nil, fmt.Errorf("the list of configuration keys is not where this SDK keeps it, so unknown keys cannot be found: %w", err)
	}
	for name := range values {
		names = append(names, name)
	}
	sort.Strings(names)
	return names, nil
}

// contextConfig is the field ctx.state.info.Config, or the zero Value when this
// SDK has no such field.
func contextConfig(ctx *pulumi.Context) reflect.Value {
	v := reflect.ValueOf(ctx)
	for _, field := range []string{"state", "info", "Config"} {
		if v.Kind() == reflect.Pointer {
			v = v.Elem()
		}
		if v.Kind() != reflect.Struct {
			return reflect.Value{}
		}
		v = v.FieldByName(field)
	}
	if v.Kind() != reflect.Map || v.Type().Key().Kind() != reflect.String {
		return reflect.Value{}
	}
	return v
}

// SplitList cuts a list at its commas; blanks around an entry do not count.
func SplitList(text string) []string {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	entries := strings.Split(text, ",")
	for i := range entries {
		entries[i] = strings.TrimSpace(entries[i])
	}
	return entries
}
