package cloudformation

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// fields says, for each property of Pulumi, where it goes.
type fields map[string]field

// field writes one value to the properties of CloudFormation.
type field func(c *converter, out map[string]any, v any) error

func (f fields) convert(c *converter, in map[string]any) (map[string]any, error) {
	out := map[string]any{}
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(in)) {
		if in[key] == nil {
			continue
		}
		write, known := f[key]
		if !known {
			errs = append(errs, fmt.Errorf("%s: this property is not in the mapping to CloudFormation", key))
			continue
		}
		if err := write(c, out, in[key]); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", key, err))
		}
	}
	return out, errors.Join(errs...)
}

// to copies a value, with references instead of ARNs and IDs.
func to(name string) field {
	return func(c *converter, out map[string]any, v any) error {
		out[name] = c.refer(v)
		return nil
	}
}

// verbatim copies a value without looking into it.
func verbatim(name string) field {
	return func(_ *converter, out map[string]any, v any) error {
		out[name] = v
		return nil
	}
}

// dropped is for what only Pulumi needs to know.
func dropped(*converter, map[string]any, any) error { return nil }

// block converts an object.
func block(name string, inner fields) field {
	return func(c *converter, out map[string]any, v any) error {
		object, err := inner.object(c, v)
		if err == nil {
			out[name] = object
		}
		return err
	}
}

// flat converts an object whose properties CloudFormation keeps one level up.
func flat(inner fields) field {
	return func(c *converter, out map[string]any, v any) error {
		object, err := inner.object(c, v)
		maps.Copy(out, object)
		return err
	}
}

// list converts a list of objects; one object is a list of one.
func list(name string, inner fields) field {
	return func(c *converter, out map[string]any, v any) error {
		elements, ok := v.([]any)
		if !ok {
			elements = []any{v}
		}
		converted := []any{}
		var errs []error
		for i, element := range elements {
			object, err := inner.object(c, element)
			if err != nil {
				errs = append(errs, fmt.Errorf("[%d]: %w", i, err))
			}
			converted = append(converted, object)
		}
		out[name] = converted
		return errors.Join(errs...)
	}
}

// only converts the first and only element of a list, which Pulumi has where
// CloudFormation has an object.
func only(name string, inner fields) field {
	return func(c *converter, out map[string]any, v any) error {
		elements, ok := v.([]any)
		if !ok || len(elements) != 1 {
			return fmt.Errorf("got %v, want a list of one object", v)
		}
		return block(name, inner)(c, out, elements[0])
	}
}

func (f fields) object(c *converter, v any) (map[string]any, error) {
	object, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("got %T, want an object", v)
	}
	return f.convert(c, object)
}

// reference names another resource by its ID or name. A resource outside the
// plan stays as it is.
func reference(name, typ string) field {
	return func(c *converter, out map[string]any, v any) error {
		value, ok := v.(string)
		if !ok {
			return fmt.Errorf("got %T, want text", v)
		}
		out[name] = value
		if r := c.find(typ, value); r != nil {
			out[name] = map[string]any{"Ref": c.logical[r]}
		}
		return nil
	}
}

// inList is a field whose value CloudFormation wants in a list.
func inList(inner field, name string) field {
	return func(c *converter, out map[string]any, v any) error {
		one := map[string]any{}
		err := inner(c, one, v)
		out[name] = []any{one[name]}
		return err
	}
}

// document parses a policy. Only what its statements are about becomes
// references: a condition that names a resource which uses this one would make
// a circle.
func document(name string) field {
	return func(c *converter, out map[string]any, v any) error {
		policy, err := parsed[map[string]any](v)
		if err != nil {
			return err
		}
		statements, ok := policy["Statement"].([]any)
		if !ok {
			return errors.New("got no list of statements, want a policy")
		}
		for i := range statements {
			s, ok := statements[i].(map[string]any)
			if !ok {
				return fmt.Errorf("statement %d: got %T, want an object", i, statements[i])
			}
			for _, key := range []string{"Resource", "NotResource"} {
				if about, ok := s[key]; ok {
					s[key] = c.refer(about)
				}
			}
		}
		out[name] = policy
		return nil
	}
}

// parse replaces JSON in a text by what it means.
func parse(inner field) field {
	return func(c *converter, out map[string]any, v any) error {
		value, err := parsed[any](v)
		if err != nil {
			return err
		}
		return inner(c, out, value)
	}
}

func parsed[T any](v any) (T, error) {
	var value T
	text, ok := v.(string)
	if !ok {
		return value, fmt.Errorf("got %T, want JSON in a text", v)
	}
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		return value, fmt.Errorf("want JSON: %w", err)
	}
	return value, nil
}

// pairs turns a map into a list of objects with a key and a value.
func pairs(name, keyName, valueName string) field {
	return func(c *converter, out map[string]any, v any) error {
		values, ok := v.(map[string]any)
		if !ok {
			return fmt.Errorf("got %T, want a map", v)
		}
		var elements []any
		for _, key := range slices.Sorted(maps.Keys(values)) {
			elements = append(elements, map[string]any{keyName: key, valueName: c.refer(values[key])})
		}
		out[name] = elements
		return nil
	}
}

func tags(c *converter, out map[string]any, v any) error {
	return pairs("Tags", "Key", "Value")(c, out, v)
}

// securityRules writes one rule for each peer: CloudFormation has no lists of
// them. groupKey and listKey are the peer's names there.
func securityRules(name, groupKey, listKey string) field {
	return func(c *converter, out map[string]any, v any) error {
		rules, ok := v.([]any)
		if !ok {
			return fmt.Errorf("got %T, want a list", v)
		}
		converted := []any{}
		for i, rule := range rules {
			object, ok := rule.(map[string]any)
			if !ok {
				return fmt.Errorf("[%d]: got %T, want an object", i, rule)
			}
			object = maps.Clone(object)
			var peers []map[string]any
			for _, peer := range []struct{ from, to string }{
				{"cidrBlocks", "CidrIp"}, {"ipv6CidrBlocks", "CidrIpv6"}, {"prefixListIds", listKey}, {"securityGroups", groupKey},
			} {
				values, _ := object[peer.from].([]any)
				for _, value := range values {
					peers = append(peers, map[string]any{peer.to: c.refer(value)})
				}
				delete(object, peer.from)
			}
			if len(peers) == 0 {
				return fmt.Errorf("[%d]: no peer, want a range, a prefix list or a security group", i)
			}
			for _, peer := range peers {
				rest, err := fields{
					"description": to("Description"), "fromPort": to("FromPort"), "toPort": to("ToPort"), "protocol": to("IpProtocol"),
				}.convert(c, object)
				if err != nil {
					return fmt.Errorf("[%d]: %w", i, err)
				}
				maps.Copy(rest, peer)
				converted = append(converted, rest)
			}
		}
		out[name] = converted
		return nil
	}
}
