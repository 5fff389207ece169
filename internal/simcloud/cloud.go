package simcloud

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// DefaultAccount is the account of a cloud that is not told otherwise.
const DefaultAccount = "123456789012"

// Options configures New.
type Options struct {
	// Account is the 12-digit id that the caller's credentials belong to.
	// Default: DefaultAccount.
	Account string
}

// Others is what is in the account already, made by nobody that is simulated.
type Others struct {
	Subnets map[string]string // the ids of their VPCs, by their own
	Keys    []string          // ARNs of keys of KMS, with policies that admit whoever asks
}

// Cloud is a simulated AWS: what exists, in every account and region that a
// provider was configured for. It is safe for concurrent use.
type Cloud struct {
	account string

	mu       sync.Mutex
	others   Others
	things   map[thingKey]*thing
	images   map[string]map[string]string // repository URL, tag, digest
	objects  map[string]int               // bucket, number of objects
	revision map[string]int               // task definition family, last revision
	busy     map[string]int               // bucket, conflicting operations in flight
	calls    []Call
	lenient  bool
	refused  map[string]bool // in a rehearsal: type and id of what was refused
}

// Call is one change that the engine asked a provider for, in order.
type Call struct {
	Op   string // create, update, delete
	Type string // aws:s3/bucketV2:BucketV2
	URN  string
	ID   string
}

type thingKey struct{ typ, region, id string }

// thing is one resource that exists in the cloud.
type thing struct {
	typ     *Type
	urn     string
	region  string
	account string
	id      string
	state   resource.PropertyMap
}

func (t *thing) key() thingKey { return thingKey{t.typ.TypeName, t.region, t.id} }

// plain returns the thing's properties as plain Go values.
func (t *thing) plain() map[string]any { return plainMap(t.state) }

// New returns an empty cloud.
func New(opts Options) *Cloud {
	if opts.Account == "" {
		opts.Account = DefaultAccount
	}
	return &Cloud{
		account:  opts.Account,
		things:   map[thingKey]*thing{},
		images:   map[string]map[string]string{},
		objects:  map[string]int{},
		revision: map[string]int{},
		busy:     map[string]int{},
		refused:  map[string]bool{},
	}
}

// Rehearsal returns a copy of the cloud in which nothing is refused: what
// would be an error of a resource is reported to the engine, and the resource
// is made nevertheless. So one deployment shows every mistake, where the first
// one would end a program.
func (c *Cloud) Rehearsal() *Cloud {
	c.mu.Lock()
	defer c.mu.Unlock()
	copied := New(Options{Account: c.account})
	copied.lenient = true
	for k, t := range c.things {
		same := *t
		copied.things[k] = &same
	}
	for repository, tags := range c.images {
		copied.images[repository] = maps.Clone(tags)
	}
	copied.others = c.others
	copied.objects = maps.Clone(c.objects)
	copied.revision = maps.Clone(c.revision)
	return copied
}

// Know makes the cloud answer as if others were in it. They are not counted or
// listed, and cannot be changed.
func (c *Cloud) Know(others Others) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.others = others
}

// Account is the account of the caller's credentials.
func (c *Cloud) Account() string { return c.account }

// IDs lists what exists of a type, sorted.
func (c *Cloud) IDs(token string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var ids []string
	for key := range c.things {
		if key.typ == token {
			ids = append(ids, key.id)
		}
	}
	slices.Sort(ids)
	return ids
}

// Count is how many resources of all types exist.
func (c *Cloud) Count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.things)
}

// Properties returns a copy of what the cloud holds of one resource, as plain
// Go values, and whether it exists.
func (c *Cloud) Properties(token, id string) (map[string]any, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.find(token, id)
	if t == nil {
		return nil, false
	}
	return t.plain(), true
}

// Change sets a property behind the engine's back, as a person in the console
// would; a nil value removes it. A refresh then finds the drift.
func (c *Cloud) Change(token, id, property string, value any) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.find(token, id)
	if t == nil {
		return fmt.Errorf("change %s of %s %q: it does not exist", property, token, id)
	}
	state := maps.Clone(t.state)
	if value == nil {
		delete(state, resource.PropertyKey(property))
	} else {
		state[resource.PropertyKey(property)] = resource.NewPropertyValue(value)
	}
	t.state = state
	return nil
}

// Remove deletes a resource behind the engine's back.
func (c *Cloud) Remove(token, id string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.find(token, id)
	if t == nil {
		return fmt.Errorf("remove %s %q: it does not exist", token, id)
	}
	delete(c.things, t.key())
	return nil
}

// PutObjects stores n objects in a bucket, so that it is not empty.
func (c *Cloud) PutObjects(bucket string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.objects[bucket] += n
}

// ImageTags lists the tags in a repository, by its URL, sorted.
func (c *Cloud) ImageTags(repositoryURL string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(maps.Keys(c.images[repositoryURL]))
}

// Calls lists what the engine asked for since the last call of Calls.
func (c *Cloud) Calls() []Call {
	c.mu.Lock()
	defer c.mu.Unlock()
	calls := c.calls
	c.calls = nil
	return calls
}

func (c *Cloud) record(op string, t *thing) {
	c.calls = append(c.calls, Call{Op: op, Type: t.typ.TypeName, URN: t.urn, ID: t.id})
}

// find returns a thing by its id in any region; c.mu is held.
func (c *Cloud) find(token, id string) *thing {
	for key, t := range c.things {
		if key.typ == token && key.id == id {
			return t
		}
	}
	return nil
}

// all returns the things of a type that satisfy keep; c.mu is held. The order
// is by id, so that messages do not change from run to run.
func (c *Cloud) all(token string, keep func(*thing) bool) []*thing {
	var found []*thing
	for key, t := range c.things {
		if key.typ == token && (keep == nil || keep(t)) {
			found = append(found, t)
		}
	}
	slices.SortFunc(found, func(a, b *thing) int { return strings.Compare(a.id, b.id) })
	return found
}

// resolve finds what a property of another resource points at: by id, ARN,
// name or URL.
func (c *Cloud) resolve(token, ref string) *thing {
	for key, t := range c.things {
		if key.typ != token {
			continue
		}
		if t.id == ref {
			return t
		}
		for _, by := range []resource.PropertyKey{"arn", "name", "url"} {
			if v, ok := t.state[by]; ok && plainValue(v) == any(ref) {
				return t
			}
		}
	}
	return nil
}

// conflictWindow is how long an operation on a bucket's access settings holds
// the bucket. Two of them at once are refused, as S3 does (409,
// OperationAborted); two in a chain never meet.
const conflictWindow = 15 * time.Millisecond

// enter marks a bucket as being changed and reports whether another change is
// in flight.
func (c *Cloud) enter(bucket string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.busy[bucket]++
	return c.busy[bucket] > 1
}

func (c *Cloud) leave(bucket string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.busy[bucket]--
}

// fakeHex returns n hexadecimal digits that depend on the seeds alone, so that
// two plans of one program print the same ids.
func fakeHex(n int, seeds ...string) string {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		sum := sha256.Sum256([]byte(fmt.Sprintf("%d|%s", i, strings.Join(seeds, "|"))))
		b.WriteString(hex.EncodeToString(sum[:]))
	}
	return b.String()[:n]
}
