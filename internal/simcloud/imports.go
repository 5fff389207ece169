package simcloud

import (
	"maps"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// notFound are the inputs that an import does not find, by type: AWS does not
// keep them, or the provider reads them under another name.
var notFound = map[string][]resource.PropertyKey{
	bucketType:     {"forceDestroy", "bucketPrefix"},
	repositoryType: {"forceDelete"},
	logGroupType:   {"skipDestroy", "namePrefix"},
	// What was stored as insecureValue is read as value, a secret.
	"aws:ssm/parameter:Parameter": {"insecureValue", "overwrite"},
}

// imported takes from what was read of a resource that no program has declared
// yet what an import does not find, and what is empty.
func (t *Type) imported(inputs, state resource.PropertyMap) {
	for _, key := range notFound[t.TypeName] {
		delete(inputs, key)
		delete(state, key)
	}
	for key, v := range inputs {
		if key != defaultsKey && isZero(v) {
			delete(inputs, key)
		}
	}
}

func isZero(v resource.PropertyValue) bool {
	switch {
	case v.IsBool():
		return !v.BoolValue()
	case v.IsNumber():
		return v.NumberValue() == 0
	case v.IsString():
		return v.StringValue() == ""
	case v.IsArray():
		return len(v.ArrayValue()) == 0
	case v.IsObject():
		return len(v.ObjectValue()) == 0
	}
	return v.IsNull()
}

// withoutDefaults is old without the inputs that a program does not give any
// more, as far as they are what AWS chooses by itself: that changes nothing.
func (t *Type) withoutDefaults(olds, news resource.PropertyMap) resource.PropertyMap {
	kept := maps.Clone(olds)
	for key, v := range olds {
		_, given := news[key]
		if d, ok := t.Defaults[string(key)]; ok && !given && resource.NewPropertyValue(d).DeepEquals(v) {
			delete(kept, key)
		}
	}
	return kept
}
