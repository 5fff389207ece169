package simcloud

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// checking is one resource's inputs while its rules look at them.
type checking struct {
	typ      *Type
	session  *session
	props    map[string]any
	problems []string
}

// problem records what is wrong at a path. Texts follow the form "got X, want Y".
func (c *checking) problem(path, format string, args ...any) {
	c.problems = append(c.problems, path+": "+fmt.Sprintf(format, args...))
}

// has says whether a top-level property is given, known or not.
func (c *checking) has(name string) bool {
	v, ok := c.props[name]
	return ok && v != nil
}

// rule looks at the inputs and records problems. Rules never see values that
// are not known yet.
type rule func(c *checking)

// oneOf wants each text that path reaches to be one of values.
func oneOf(path string, values ...string) rule {
	return func(c *checking) {
		visit(c.props, path, func(at string, v any) {
			if s, ok := v.(string); ok && !slices.Contains(values, s) {
				c.problem(at, "got %s, want %s", shown(v), quotedList(values))
			}
		})
	}
}

// between wants each number that path reaches inside a closed range.
func between(path string, low, high float64) rule {
	return func(c *checking) {
		visit(c.props, path, func(at string, v any) {
			if n, ok := v.(float64); ok && (n < low || n > high) {
				c.problem(at, "got %s, want %s to %s", shown(n), shown(low), shown(high))
			}
		})
	}
}

// numbers wants each number that path reaches to be one of values.
func numbers(path string, values ...float64) rule {
	return func(c *checking) {
		visit(c.props, path, func(at string, v any) {
			if n, ok := v.(float64); ok && !slices.Contains(values, n) {
				c.problem(at, "got %s, want one of %s", shown(n), strings.Trim(strings.ReplaceAll(fmt.Sprint(values), " ", ", "), "[]"))
			}
		})
	}
}

// like wants each text that path reaches to match a pattern; want says the
// pattern in words.
func like(path, pattern, want string) rule {
	re := regexp.MustCompile(pattern)
	return func(c *checking) {
		visit(c.props, path, func(at string, v any) {
			if s, ok := v.(string); ok && !re.MatchString(s) {
				c.problem(at, "got %s, want %s", shown(v), want)
			}
		})
	}
}

// sized wants the length of each text or list that path reaches in a range.
func sized(path string, low, high int) rule {
	return func(c *checking) {
		visit(c.props, path, func(at string, v any) {
			n, unit := 0, "characters"
			switch v := v.(type) {
			case string:
				n = len([]rune(v))
			case []any:
				n, unit = len(v), "elements"
			default:
				return
			}
			if n < low || n > high {
				c.problem(at, "got %d %s, want %d to %d", n, unit, low, high)
			}
		})
	}
}

var arnPattern = regexp.MustCompile(`^arn:(aws|aws-cn|aws-us-gov):([a-z0-9-]+):([a-z0-9-]*):(\d{12}|aws)?:(.+)$`)

// arn wants each text that path reaches to be an ARN of one of the services.
func arn(path string, services ...string) rule {
	return func(c *checking) {
		visit(c.props, path, func(at string, v any) {
			s, ok := v.(string)
			if !ok {
				return
			}
			parts := arnPattern.FindStringSubmatch(s)
			switch {
			case parts == nil:
				c.problem(at, "got %s, want an ARN (arn:aws:service:region:account:resource)", shown(v))
			case len(services) > 0 && !slices.Contains(services, parts[2]):
				c.problem(at, "got %s, want an ARN of %s", shown(v), quotedList(services))
			}
		})
	}
}

// exactlyOne wants one, and only one, of the names in each object at path.
func exactlyOne(path string, names ...string) rule {
	return func(c *checking) {
		objects(c.props, path, func(at string, object map[string]any) {
			if set := given(object, names); len(set) != 1 {
				c.problem(join(at, names[0]), "got %s, want exactly one of %s", quotedList(set), quotedList(names))
			}
		})
	}
}

// atMostOne refuses two of the names together in an object at path.
func atMostOne(path string, names ...string) rule {
	return func(c *checking) {
		objects(c.props, path, func(at string, object map[string]any) {
			if set := given(object, names); len(set) > 1 {
				c.problem(join(at, set[1]), "conflicts with %s; want at most one of %s", quotedList(set[:1]), quotedList(names))
			}
		})
	}
}

// atLeastOne wants one or more of the names in each object at path.
func atLeastOne(path string, names ...string) rule {
	return func(c *checking) {
		objects(c.props, path, func(at string, object map[string]any) {
			if len(given(object, names)) == 0 {
				c.problem(join(at, names[0]), "missing; want at least one of %s", quotedList(names))
			}
		})
	}
}

// needs wants the others whenever name is given in an object at path.
func needs(path, name string, others ...string) rule {
	return func(c *checking) {
		objects(c.props, path, func(at string, object map[string]any) {
			if len(given(object, []string{name})) == 0 {
				return
			}
			for _, other := range others {
				if len(given(object, []string{other})) == 0 {
					c.problem(join(at, other), "missing; %q needs it", name)
				}
			}
		})
	}
}

// given lists which names an object holds. An empty list or map counts as
// absent, false does too: the providers treat them so.
func given(object map[string]any, names []string) []string {
	var set []string
	for _, n := range names {
		switch v := object[n].(type) {
		case nil:
		case []any:
			if len(v) > 0 {
				set = append(set, n)
			}
		case map[string]any:
			if len(v) > 0 {
				set = append(set, n)
			}
		case bool:
			if v {
				set = append(set, n)
			}
		default:
			set = append(set, n)
		}
	}
	return set
}

// uniqueBy refuses two elements of a list that agree in a field.
func uniqueBy(list, field string) rule {
	return func(c *checking) {
		seen := map[any]string{}
		visit(c.props, list+"[]", func(at string, v any) {
			object, _ := v.(map[string]any)
			key, ok := object[field].(string)
			if !ok {
				return
			}
			if before, ok := seen[key]; ok {
				c.problem(at+"."+field, "%q is used by %s already; want a different one", key, before)
				return
			}
			seen[key] = at
		})
	}
}

// jsonText wants each text that path reaches to be valid JSON.
func jsonText(path string) rule {
	return func(c *checking) {
		visit(c.props, path, func(at string, v any) {
			s, ok := v.(string)
			if !ok {
				return
			}
			if err := parseJSON(s, new(any)); err != nil {
				c.problem(at, "not valid JSON: %v", err)
			}
		})
	}
}

// policy wants each value that path reaches to be an IAM policy document of a
// kind.
func policy(path string, k policyKind) rule {
	return func(c *checking) {
		visit(c.props, path, func(at string, v any) {
			checkPolicy(v, k, func(where, format string, args ...any) {
				c.problem(join(at, where), format, args...)
			})
		})
	}
}

// parseJSON reads exactly one JSON value and says where a mistake is. An
// object with a key twice is refused: AWS takes one of them silently.
func parseJSON(s string, into any) error {
	dec := json.NewDecoder(strings.NewReader(s))
	if err := dec.Decode(into); err != nil {
		line := 1 + strings.Count(s[:min(int(dec.InputOffset()), len(s))], "\n")
		return fmt.Errorf("line %d: %w", line, err)
	}
	if rest := strings.TrimSpace(s[dec.InputOffset():]); rest != "" {
		return fmt.Errorf("text after the end: %s", shown(rest))
	}
	return duplicateKeys(json.NewDecoder(strings.NewReader(s)), "")
}

func duplicateKeys(dec *json.Decoder, at string) error {
	token, err := dec.Token()
	if err != nil {
		return err
	}
	switch token {
	case json.Delim('{'):
		seen := map[string]bool{}
		for dec.More() {
			key, err := dec.Token()
			if err != nil {
				return err
			}
			name := fmt.Sprint(key)
			if seen[name] {
				return fmt.Errorf("key %q occurs twice", join(at, name))
			}
			seen[name] = true
			if err := duplicateKeys(dec, join(at, name)); err != nil {
				return err
			}
		}
		_, err = dec.Token()
	case json.Delim('['):
		for i := 0; dec.More(); i++ {
			if err := duplicateKeys(dec, fmt.Sprintf("%s[%d]", at, i)); err != nil {
				return err
			}
		}
		_, err = dec.Token()
	}
	return err
}
