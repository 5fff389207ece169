package simcloud

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"ds-pipeline/preprocess/named"
)

// kind is what a property holds.
type kind int

const (
	anything kind = iota
	textKind
	wholeKind
	numberKind
	flagKind
	listKind
	dictKind
	objectKind
)

// shape is the type of a value, read from the SDK's Go types.
type shape struct {
	kind   kind
	elem   *shape            // of a list or a dict
	fields map[string]*field // of an object
	names  []string          // of an object's fields, sorted
}

type field struct {
	shape    *shape
	required bool
}

var shapes = struct {
	sync.Mutex
	known map[reflect.Type]*shape
}{known: map[reflect.Type]*shape{}}

// elementTyper is what every Args struct of the SDK implements: ElementType
// returns the private struct of plain Go values that its fields resolve to.
type elementTyper interface{ ElementType() reflect.Type }

// inputShape reads the shape of a resource's inputs from its Args struct. The
// Go types say what is required except for lists, maps and `any`: those are
// listed in Type.Required.
func inputShape(args any) *shape {
	return shapeOf(args.(elementTyper).ElementType())
}

func shapeOf(t reflect.Type) *shape {
	shapes.Lock()
	defer shapes.Unlock()
	return shapeOfLocked(t)
}

func shapeOfLocked(t reflect.Type) *shape {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if s, ok := shapes.known[t]; ok {
		return s
	}
	s := &shape{}
	shapes.known[t] = s // before the fields: a type may contain itself
	switch t.Kind() {
	case reflect.String:
		s.kind = textKind
	case reflect.Bool:
		s.kind = flagKind
	case reflect.Int:
		s.kind = wholeKind
	case reflect.Float64:
		s.kind = numberKind
	case reflect.Slice:
		s.kind, s.elem = listKind, shapeOfLocked(t.Elem())
	case reflect.Map:
		s.kind, s.elem = dictKind, shapeOfLocked(t.Elem())
	case reflect.Struct:
		s.kind, s.fields = objectKind, map[string]*field{}
		for i := range t.NumField() {
			f := t.Field(i)
			name, _, _ := strings.Cut(f.Tag.Get("pulumi"), ",")
			if name == "" {
				continue
			}
			s.fields[name] = &field{shape: shapeOfLocked(f.Type), required: mustBeSet(f.Type)}
		}
		s.names = sortedKeys(s.fields)
	}
	return s
}

// mustBeSet says whether the SDK's plain struct has no room for absence.
func mustBeSet(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.String, reflect.Bool, reflect.Int, reflect.Float64, reflect.Struct:
		return true
	}
	return false
}

// check compares a value with its shape and reports every difference by path.
func (s *shape) check(path string, v resource.PropertyValue, report func(path, problem string)) {
	for v.IsSecret() || v.IsOutput() {
		if v.IsSecret() {
			v = v.SecretValue().Element
			continue
		}
		if !v.OutputValue().Known {
			return
		}
		v = v.OutputValue().Element
	}
	if v.IsComputed() || v.IsResourceReference() {
		return
	}
	switch s.kind {
	case anything:
	case textKind:
		if !v.IsString() && !v.IsNumber() && !v.IsBool() { // the bridge turns both into text
			report(path, fmt.Sprintf("got %s, want text", v.TypeString()))
		}
	case flagKind:
		if _, err := strconv.ParseBool(stringOf(v)); !v.IsBool() && err != nil {
			report(path, fmt.Sprintf("got %s, want true or false", v.TypeString()))
		}
	case wholeKind, numberKind:
		n, err := strconv.ParseFloat(stringOf(v), 64)
		if v.IsNumber() {
			n = v.NumberValue()
		} else if err != nil {
			report(path, fmt.Sprintf("got %s, want a number", v.TypeString()))
			return
		}
		if s.kind == wholeKind && n != float64(int64(n)) {
			report(path, fmt.Sprintf("got %s, want a whole number", shown(n)))
		}
	case listKind:
		if !v.IsArray() {
			report(path, fmt.Sprintf("got %s, want a list", v.TypeString()))
			return
		}
		for i, e := range v.ArrayValue() {
			s.elem.check(fmt.Sprintf("%s[%d]", path, i), e, report)
		}
	case dictKind:
		if !v.IsObject() {
			report(path, fmt.Sprintf("got %s, want a map", v.TypeString()))
			return
		}
		for _, k := range v.ObjectValue().StableKeys() {
			s.elem.check(path+"["+strconv.Quote(string(k))+"]", v.ObjectValue()[k], report)
		}
	case objectKind:
		if !v.IsObject() {
			report(path, fmt.Sprintf("got %s, want an object", v.TypeString()))
			return
		}
		s.checkObject(path, v.ObjectValue(), report)
	}
}

func (s *shape) checkObject(path string, object resource.PropertyMap, report func(path, problem string)) {
	for _, k := range object.StableKeys() {
		if strings.HasPrefix(string(k), "__") {
			continue
		}
		f, ok := s.fields[string(k)]
		if !ok {
			hint := "known are " + strings.Join(s.names, ", ")
			if near := named.Nearest(string(k), s.names); near != "" {
				hint = fmt.Sprintf("did you mean %q?", near)
			}
			report(join(path, string(k)), "unknown property; "+hint)
			continue
		}
		if object[k].IsNull() {
			continue
		}
		f.shape.check(join(path, string(k)), object[k], report)
	}
	for _, name := range s.names {
		if !s.fields[name].required {
			continue
		}
		if v, ok := object[resource.PropertyKey(name)]; !ok || v.IsNull() {
			report(join(path, name), "missing, it is required")
		}
	}
}

func stringOf(v resource.PropertyValue) string {
	if v.IsString() {
		return v.StringValue()
	}
	return ""
}

// outputKind is what a resource promises under one name.
type outputKind struct {
	kind kind
	sure bool // never absent
}

// outputKinds reads what a resource promises from its Go struct: a field of
// type StringOutput always has a value, one of type StringPtrOutput may not.
func outputKinds(res any) map[string]outputKind {
	t := reflect.TypeOf(res)
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	out := map[string]outputKind{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("pulumi"), ",")
		if name == "" || f.Type.Name() == "ProviderResourceState" {
			continue
		}
		typed, ok := reflect.New(f.Type).Elem().Interface().(elementTyper)
		if !ok {
			continue
		}
		elem := typed.ElementType()
		k := outputKind{sure: elem.Kind() != reflect.Pointer && elem.Kind() != reflect.Interface}
		k.kind = shapeOf(elem).kind
		out[name] = k
	}
	return out
}
