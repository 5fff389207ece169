package simcloud

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// unknown stands for a value that is not known yet: in a preview, an output
// of a resource that does not exist. Rules skip it.
type unknown struct{}

// plainMap turns engine values into plain Go values: string, float64, bool,
// []any, map[string]any, unknown. Secrets lose their mark, so what it returns
// must not reach a message: messages name values through shown.
func plainMap(m resource.PropertyMap) map[string]any {
	out := make(map[string]any, len(m))
	for k, v := range m {
		if k == defaultsKey || v.IsNull() {
			continue
		}
		out[string(k)] = plainValue(v)
	}
	return out
}

func plainValue(v resource.PropertyValue) any {
	switch {
	case v.IsComputed():
		return unknown{}
	case v.IsOutput():
		if !v.OutputValue().Known {
			return unknown{}
		}
		return plainValue(v.OutputValue().Element)
	case v.IsSecret():
		return plainValue(v.SecretValue().Element)
	case v.IsArray():
		list := make([]any, len(v.ArrayValue()))
		for i, e := range v.ArrayValue() {
			list[i] = plainValue(e)
		}
		return list
	case v.IsObject():
		return plainMap(v.ObjectValue())
	case v.IsString():
		return v.StringValue()
	case v.IsNumber():
		return v.NumberValue()
	case v.IsBool():
		return v.BoolValue()
	case v.IsNull():
		return nil
	case v.IsAsset():
		return "asset " + v.AssetValue().Hash
	case v.IsArchive():
		return "archive " + v.ArchiveValue().Hash
	case v.IsResourceReference():
		ref := v.ResourceReferenceValue()
		if id, ok := ref.IDString(); ok {
			return id
		}
		return string(ref.URN)
	}
	return unknown{}
}

// shown renders a plain value for a message, short.
func shown(v any) string {
	switch v := v.(type) {
	case string:
		if len(v) > 80 {
			v = v[:77] + "..."
		}
		return strconv.Quote(v)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case unknown:
		return "a value not known yet"
	case nil:
		return "nothing"
	}
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	if len(text) > 80 {
		text = append(text[:77], "..."...)
	}
	return string(text)
}

// visit calls fn for each value that pattern reaches inside props. A pattern
// is property names with dots; "rules[]" walks every element, "tags{}" every
// value of a map. Missing and unknown parts are skipped.
func visit(props map[string]any, pattern string, fn func(path string, v any)) {
	walk("", props, strings.Split(pattern, "."), fn)
}

func walk(at string, v any, rest []string, fn func(string, any)) {
	if len(rest) == 0 {
		switch v.(type) {
		case nil, unknown:
		default:
			fn(at, v)
		}
		return
	}
	object, ok := v.(map[string]any)
	if !ok {
		return
	}
	name := rest[0]
	switch {
	case strings.HasSuffix(name, "[]"):
		name = strings.TrimSuffix(name, "[]")
		list, ok := object[name].([]any)
		if !ok {
			return
		}
		for i, e := range list {
			walk(fmt.Sprintf("%s[%d]", join(at, name), i), e, rest[1:], fn)
		}
	case strings.HasSuffix(name, "{}"):
		name = strings.TrimSuffix(name, "{}")
		entries, ok := object[name].(map[string]any)
		if !ok {
			return
		}
		for _, key := range sortedKeys(entries) {
			walk(join(at, name)+"["+strconv.Quote(key)+"]", entries[key], rest[1:], fn)
		}
	default:
		if e, ok := object[name]; ok {
			walk(join(at, name), e, rest[1:], fn)
		}
	}
}

// objects calls fn for each object that pattern reaches; "" is props itself.
func objects(props map[string]any, pattern string, fn func(path string, object map[string]any)) {
	if pattern == "" {
		fn("", props)
		return
	}
	visit(props, pattern, func(path string, v any) {
		if object, ok := v.(map[string]any); ok {
			fn(path, object)
		}
	})
}

func join(at, name string) string {
	switch {
	case at == "":
		return name
	case name == "":
		return at
	}
	return at + "." + name
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func text(props map[string]any, name string) string {
	s, _ := props[name].(string)
	return s
}

func flag(props map[string]any, name string) bool {
	b, _ := props[name].(bool)
	return b
}

// quotedList renders names for a message: "a", "b" or "c".
func quotedList(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = strconv.Quote(n)
	}
	switch len(quoted) {
	case 0:
		return "nothing"
	case 1:
		return quoted[0]
	}
	return strings.Join(quoted[:len(quoted)-1], ", ") + " or " + quoted[len(quoted)-1]
}
