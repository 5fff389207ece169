package simcloud

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// Type is what the simulator knows of one resource type. Args and Outputs say
// what the SDK's types say; the rest is what they cannot.
type Type struct {
	// TypeName is the type in a URN: aws:s3/bucketV2:BucketV2.
	TypeName string
	// Args is the SDK's arguments struct, Outputs its resource struct.
	Args, Outputs any
	// Required lists properties that are required although the Go type, a
	// list, map or any, does not show it. A pattern: "rules[].values".
	Required []string
	// Name is the physical name, nil when there is none.
	Name *Naming
	// Replace lists the properties that AWS cannot change on a resource that
	// exists. "*" is all but those in Update.
	Replace []string
	// Update lists the exceptions to Replace "*".
	Update []string
	// Documents lists properties that hold JSON: equal documents are equal.
	Documents []string
	// Rules look at the inputs alone.
	Rules []rule
	// Parents must exist first, and may not be deleted before.
	Parents []Parent
	// OnePer lists properties whose values identify the resource: a second
	// one with the same values would overwrite the first.
	OnePer []string
	// Secret lists the outputs that are always secret.
	Secret []string
	// Defaults are the outputs of inputs that are not given.
	Defaults map[string]any
	// ID returns the id of a new resource; default: the physical name.
	ID func(*instance) string
	// State adds the outputs that AWS computes, on create and on update.
	State func(*instance)
	// Create refuses what only the cloud can see. The cloud is locked.
	Create func(*instance) error
	// Keeps says that a deletion leaves the resource in the cloud (skipDestroy).
	Keeps func(props map[string]any) bool
	// Delete refuses, or does what else a deletion does. The cloud is locked.
	Delete func(*Cloud, *thing) error
	// Exclusive names what may not be changed twice at once: S3 refuses two
	// changes of a bucket's access settings that arrive together.
	Exclusive func(*instance) string

	once    sync.Once
	inputs  *shape
	outputs map[string]outputKind
}

// Parent says that a property points at another resource.
type Parent struct {
	Property string
	Type     string
	// Holds: the parent cannot be deleted while this resource exists.
	Holds bool
	// Outside: the parent may be one that the simulator did not create.
	Outside bool
}

// Naming is the rule for a physical name.
type Naming struct {
	Property string
	// Scope says how far a name reaches: "global", "account" or "region"; ""
	// is region too. None when names need not be unique.
	Scope string
	// Max is how long an automatic name may be.
	Max int
	// Lower: automatic names are in lower case.
	Lower bool
	// Prefix begins an automatic name ("alias/").
	Prefix string
	// Suffix ends an automatic name when the condition holds (".fifo").
	Suffix func(props map[string]any) string
	// Taken is what AWS calls the error for a name that exists.
	Taken string
	// Given: the program must give the name, there is no automatic one.
	Given bool
}

func (t *Type) load() {
	t.once.Do(func() {
		t.inputs = inputShape(t.Args)
		t.outputs = outputKinds(t.Outputs)
	})
}

// isInput says whether a property is one that a program may set.
func (t *Type) isInput(name string) bool {
	t.load()
	return t.inputs.fields[name] != nil
}

// replaces says whether a change of a top-level property needs a new resource.
func (t *Type) replaces(name string) bool {
	if name == "tags" || name == "tagsAll" {
		return false
	}
	if slices.Contains(t.Replace, "*") {
		return !slices.Contains(t.Update, name)
	}
	return slices.Contains(t.Replace, name)
}

// instance is one resource while it is created or changed.
type instance struct {
	cloud   *Cloud
	session *session
	typ     *Type
	urn     string
	id      string
	in      map[string]any // inputs
	old     map[string]any // state before the change, nil on create
	out     map[string]any // computed outputs
}

// text returns an input, or an output computed so far.
func (i *instance) text(name string) string {
	if v, ok := i.out[name].(string); ok {
		return v
	}
	return text(i.in, name)
}

// set gives an output a value.
func (i *instance) set(name string, v any) { i.out[name] = v }

// arn sets an ARN output in the caller's region and account.
func (i *instance) arn(service, resource string) {
	i.set("arn", i.session.arn(service, resource))
}

// fake returns n hexadecimal digits that belong to this resource. They depend
// on the program and on what exists, not on time or chance.
func (i *instance) fake(n int, more ...string) string {
	return fakeHex(n, append([]string{i.session.account, i.session.region, i.urn, i.id}, more...)...)
}

// newID returns prefix and 17 digits, as EC2 makes ids, free in the cloud.
func newID(prefix string) func(*instance) string {
	return func(i *instance) string {
		for n := 0; ; n++ {
			id := prefix + "0" + fakeHex(16, i.session.account, i.session.region, i.urn, fmt.Sprint(n))
			if i.cloud.find(i.typ.TypeName, id) == nil {
				return id
			}
		}
	}
}

// keep returns an output that stays as it is for the life of the resource.
func (i *instance) keep(name string, fresh func() any) {
	if v, ok := i.old[name]; ok {
		i.set(name, v)
		return
	}
	i.set(name, fresh())
}

// The time at which everything in a simulated cloud was made: fixed, so that
// two plans do not differ.
const epoch = "2026-01-01T00:00:00Z"

const defaultsKey = "__defaults"

// autoName gives the resource a physical name where the program gives none,
// as the bridge does: the logical name, a dash and seven digits. It returns
// whether it did.
func (t *Type) autoName(c *Cloud, s *session, urn resource.URN, props resource.PropertyMap, olds resource.PropertyMap, mode string) bool {
	n := t.Name
	if n == nil || n.Given || mode == "disable" {
		return false
	}
	key := resource.PropertyKey(n.Property)
	if v, ok := props[key]; ok && !v.IsNull() {
		return false
	}
	if v, ok := props[resource.PropertyKey(n.Property+"Prefix")]; ok && !v.IsNull() {
		return false // AWS makes the name, on create
	}
	if old, ok := olds[key]; ok && slices.Contains(defaulted(olds), n.Property) {
		props[key] = old
		return true
	}
	if strings.HasPrefix(mode, "name:") {
		props[key] = resource.NewStringProperty(strings.TrimPrefix(mode, "name:"))
		return true
	}
	stem := n.Prefix + urn.Name()
	if n.Lower {
		stem = strings.ToLower(stem)
	}
	suffix := ""
	if n.Suffix != nil {
		suffix = n.Suffix(plainMap(props))
	}
	limit := 64
	if n.Max > 0 {
		limit = n.Max
	}
	if room := limit - 8 - len(suffix); len(stem) > room {
		stem = stem[:room]
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for try := 0; ; try++ {
		name := stem + "-" + fakeHex(7, s.account, s.region, string(urn), fmt.Sprint(try)) + suffix
		if t.takenBy(c, s, name) == nil {
			props[key] = resource.NewStringProperty(name)
			return true
		}
	}
}

// prefixName makes the physical name of a resource that was given a prefix.
func (i *instance) prefixName() {
	n := i.typ.Name
	if n == nil || i.in[n.Property] != nil {
		return
	}
	prefix, ok := i.in[n.Property+"Prefix"].(string)
	if !ok {
		return
	}
	name := any(prefix + "20260101000000" + fakeHex(12, i.urn))
	if old, ok := i.old[n.Property]; ok {
		name = old
	}
	i.in[n.Property] = name
	i.set(n.Property, name)
}

// takenBy returns what has the name already, as far as the name reaches.
func (t *Type) takenBy(c *Cloud, s *session, name string) *thing {
	if t.Name == nil || t.Name.Scope == "none" {
		return nil
	}
	key := resource.PropertyKey(t.Name.Property)
	for _, other := range c.all(t.TypeName, nil) {
		switch t.Name.Scope {
		case "global":
		case "account":
			if other.account != s.account {
				continue
			}
		default:
			if other.account != s.account || other.region != s.region {
				continue
			}
		}
		if plainValue(other.state[key]) == any(name) {
			return other
		}
	}
	return nil
}

// defaulted lists the inputs that the provider filled in, not the program.
func defaulted(props resource.PropertyMap) []string {
	v, ok := props[defaultsKey]
	if !ok || !v.IsArray() {
		return nil
	}
	var names []string
	for _, e := range v.ArrayValue() {
		if e.IsString() {
			names = append(names, e.StringValue())
		}
	}
	return names
}

// validate returns every problem that the inputs have on their own.
func (t *Type) validate(s *session, props resource.PropertyMap) []string {
	t.load()
	c := &checking{typ: t, session: s, props: plainMap(props)}
	t.inputs.checkObject("", props, func(path, problem string) {
		c.problems = append(c.problems, path+": "+problem)
	})
	for _, pattern := range t.Required {
		c.require(pattern)
	}
	if len(c.problems) > 0 {
		return c.problems // rules may rely on the shape
	}
	for _, r := range t.Rules {
		r(c)
	}
	return c.problems
}

// require wants the last name of a pattern in every object that the rest of
// the pattern reaches.
func (c *checking) require(pattern string) {
	at, name := "", pattern
	if i := strings.LastIndex(pattern, "."); i >= 0 {
		at, name = pattern[:i], pattern[i+1:]
	}
	objects(c.props, at, func(path string, object map[string]any) {
		switch v := object[name].(type) {
		case nil:
			c.problem(join(path, name), "missing, it is required")
		case []any:
			if len(v) == 0 {
				c.problem(join(path, name), "empty, at least one is required")
			}
		}
	})
}

// build computes the whole state of a resource from its inputs.
func (i *instance) build(props resource.PropertyMap) resource.PropertyMap {
	i.typ.load()
	state := resource.PropertyMap{}
	for k, v := range props {
		if k != defaultsKey {
			state[k] = v
		}
	}
	for _, name := range sortedKeys(i.typ.Defaults) {
		if _, ok := state[resource.PropertyKey(name)]; !ok {
			state[resource.PropertyKey(name)] = resource.NewPropertyValue(i.typ.Defaults[name])
		}
	}
	if i.typ.State != nil {
		i.typ.State(i)
	}
	for name, v := range i.out {
		state[resource.PropertyKey(name)] = resource.NewPropertyValue(v)
	}
	if promised, ok := i.typ.outputs["tagsAll"]; ok && promised.sure {
		state["tagsAll"] = i.session.tagsAll(state["tags"])
	}
	for name, promised := range i.typ.outputs {
		key := resource.PropertyKey(name)
		if _, ok := state[key]; ok || !promised.sure {
			continue
		}
		switch promised.kind {
		case textKind:
			state[key] = resource.NewStringProperty("")
		case flagKind:
			state[key] = resource.NewBoolProperty(false)
		case wholeKind, numberKind:
			state[key] = resource.NewNumberProperty(0)
		case listKind:
			state[key] = resource.NewArrayProperty(nil)
		case dictKind, objectKind:
			state[key] = resource.NewObjectProperty(resource.PropertyMap{})
		}
	}
	for _, name := range i.typ.Secret {
		if v, ok := state[resource.PropertyKey(name)]; ok && !v.IsSecret() {
			state[resource.PropertyKey(name)] = resource.MakeSecret(v)
		}
	}
	return state
}

// preview computes what is known of a resource before it exists: its inputs,
// and everything else to come.
func (t *Type) preview(props resource.PropertyMap) resource.PropertyMap {
	t.load()
	state := maps.Clone(props)
	delete(state, defaultsKey)
	for name, promised := range t.outputs {
		key := resource.PropertyKey(name)
		if _, ok := state[key]; !ok && promised.sure {
			state[key] = resource.MakeComputed(resource.NewStringProperty(""))
		}
	}
	return state
}

// checkParents wants what the inputs point at to exist. The cloud is locked.
func (i *instance) checkParents() error {
	for _, p := range i.typ.Parents {
		ref, ok := i.in[p.Property].(string)
		if !ok || p.Outside {
			continue
		}
		if i.cloud.resolve(p.Type, ref) == nil {
			return fmt.Errorf("%s: %q does not exist: there is no %s of that id, name or ARN", p.Property, ref, typeName(p.Type))
		}
	}
	return nil
}

// held returns what would be orphaned by deleting t. The cloud is locked.
func (c *Cloud) held(t *thing) *thing {
	for key, other := range c.things {
		if key == t.key() {
			continue
		}
		for _, p := range other.typ.Parents {
			if !p.Holds || p.Type != t.typ.TypeName {
				continue
			}
			for _, ref := range refsOf(other.plain()[p.Property]) {
				if c.resolve(p.Type, ref) == t {
					return other
				}
			}
		}
	}
	return nil
}

func refsOf(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		var refs []string
		for _, e := range v {
			refs = append(refs, refsOf(e)...)
		}
		return refs
	}
	return nil
}

// typeName shortens a token for a message: aws:s3/bucketV2:BucketV2 is s3.BucketV2.
func typeName(token string) string {
	m := tokenPattern.FindStringSubmatch(token)
	if m == nil {
		return token
	}
	return m[1] + "." + m[2]
}

var tokenPattern = regexp.MustCompile(`^aws:([^/]+)/[^:]+:(\w+)$`)
