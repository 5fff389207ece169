package policy

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/property"
)

// resource is one resource of a program.
type resource struct {
	urn, typ, name string
	inputs         property.Map
	protected      bool

	// What only the whole plan tells.
	outputs property.Map
	depends map[string][]string // URNs that a property depends on
}

var typePattern = regexp.MustCompile(`^aws:([a-z0-9]+)/[A-Za-z0-9]+:([A-Za-z0-9]+)$`)

// kind is service and type, the same for every generation of the provider:
// "s3.BucketVersioning" for BucketVersioningV2, too. It is "" for what is not of
// the aws provider.
func (r *resource) kind() string {
	m := typePattern.FindStringSubmatch(r.typ)
	if m == nil {
		return ""
	}
	return m[1] + "." + strings.TrimSuffix(m[2], "V2")
}

// is tells whether the resource is of one of the kinds.
func (r *resource) is(kinds ...string) bool { return slices.Contains(kinds, r.kind()) }

// get returns an input, null when it is not there. A list in between stands for
// its first element, as the provider turns lists of at most one into objects.
func (r *resource) get(path ...string) property.Value {
	return within(property.New(r.inputs), path...)
}

func within(v property.Value, path ...string) property.Value {
	for _, name := range path {
		if v.IsArray() && v.AsArray().Len() > 0 {
			v = v.AsArray().Get(0)
		}
		switch {
		case v.IsComputed():
			return v
		case !v.IsMap():
			return property.Value{}
		}
		v = v.AsMap().Get(name)
	}
	return v
}

// has tells whether an input is given, be it unknown.
func (r *resource) has(path ...string) bool {
	v := r.get(path...)
	return v.IsComputed() || !v.IsNull() && (!v.IsString() || v.AsString() != "") && (!v.IsArray() || v.AsArray().Len() > 0)
}

// isNot tells whether an input is known to be something else than want, or
// not given.
func isNot[T bool | string](v property.Value, want T) bool {
	if v.IsComputed() {
		return false
	}
	switch want := any(want).(type) {
	case bool:
		return !v.IsBool() || v.AsBool() != want
	case string:
		return !v.IsString() || v.AsString() != want
	}
	return true
}

// isTrue tells whether an input is known to be true.
func isTrue(v property.Value) bool { return v.IsBool() && v.AsBool() }

// isFalse tells whether an input is known to be false.
func isFalse(v property.Value) bool { return v.IsBool() && !v.AsBool() }

// text is a known text, or "".
func text(v property.Value) string {
	if !v.IsString() {
		return ""
	}
	return v.AsString()
}

// items are the elements of a list; an object stands for a list of one.
func items(v property.Value) []property.Value {
	switch {
	case v.IsArray():
		return v.AsArray().AsSlice()
	case v.IsMap():
		return []property.Value{v}
	}
	return nil
}

// texts are the known texts of a list, or of a text.
func texts(v property.Value) []string {
	if v.IsString() {
		return []string{v.AsString()}
	}
	var out []string
	for _, e := range items(v) {
		if e.IsString() {
			out = append(out, e.AsString())
		}
	}
	return out
}

// decode reads JSON from a text input, or takes an object as it is. known is
// false while the text is; err says that it is no JSON.
func decode(v property.Value, into any) (known bool, err error) {
	if v.HasComputed() || v.IsNull() {
		return false, nil
	}
	if v.IsString() {
		return true, json.Unmarshal([]byte(v.AsString()), into)
	}
	plainText, err := json.Marshal(plain(v))
	if err != nil {
		return true, err
	}
	return true, json.Unmarshal(plainText, into)
}

// plain is a value as encoding/json would decode it.
func plain(v property.Value) any {
	switch {
	case v.IsBool():
		return v.AsBool()
	case v.IsNumber():
		return v.AsNumber()
	case v.IsString():
		return v.AsString()
	case v.IsArray():
		list := []any{}
		for _, e := range v.AsArray().All {
			list = append(list, plain(e))
		}
		return list
	case v.IsMap():
		object := map[string]any{}
		for k, e := range v.AsMap().All {
			object[k] = plain(e)
		}
		return object
	}
	return nil
}

// plan is all that a program makes.
type plan struct{ resources []*resource }

// of returns the resources of some kinds, in the program's order.
func (p *plan) of(kinds ...string) []*resource {
	var out []*resource
	for _, r := range p.resources {
		if r.is(kinds...) {
			out = append(out, r)
		}
	}
	return out
}

// attached returns the resources of a kind whose property names the target.
func (p *plan) attached(target *resource, property string, kinds ...string) []*resource {
	var out []*resource
	for _, r := range p.of(kinds...) {
		if r.refers(property, target) {
			out = append(out, r)
		}
	}
	return out
}

// refers tells whether a property names the target: by a known name, ARN or id,
// or, as long as that is unknown, because it depends on the target.
func (r *resource) refers(property string, target *resource) bool {
	v := r.get(property)
	// An id is the engine's, and not every provider repeats it among the outputs.
	cannotTell := v.HasComputed() || strings.HasSuffix(property, "Id") && text(target.outputs.Get("id")) == ""
	if cannotTell && slices.Contains(r.depends[property], target.urn) {
		return true
	}
	own := target.identities()
	found := false
	leaves(v, func(s string) {
		for _, id := range own {
			found = found || s == id || strings.HasPrefix(id, "arn:") && strings.Contains(s, `"`+id+`"`)
		}
	})
	return found
}

// identities are the texts that other resources call this one.
func (r *resource) identities() []string {
	var out []string
	for _, from := range []property.Map{r.inputs, r.outputs} {
		for _, name := range []string{"id", "arn", "bucket", "name", "url"} {
			if s := text(from.Get(name)); s != "" {
				out = append(out, s)
			}
		}
	}
	return out
}

// leaves calls fn for each known text in a value.
func leaves(v property.Value, fn func(string)) {
	switch {
	case v.IsString():
		fn(v.AsString())
	case v.IsArray():
		for _, e := range v.AsArray().All {
			leaves(e, fn)
		}
	case v.IsMap():
		for _, e := range v.AsMap().All {
			leaves(e, fn)
		}
	}
}
