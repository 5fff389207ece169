package simcloud

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"ds-pipeline/preprocess/named"
)

// awsProvider simulates pulumi-aws.
type awsProvider struct{ base }

func (p *awsProvider) CheckConfig(_ context.Context, req *pulumirpc.CheckRequest) (*pulumirpc.CheckResponse, error) {
	news, err := unmarshal(req.News)
	if err != nil {
		return nil, err
	}
	return &pulumirpc.CheckResponse{Inputs: req.News, Failures: failures(checkProvider(news))}, nil
}

func (p *awsProvider) DiffConfig(_ context.Context, req *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	olds, err := unmarshal(req.OldInputs)
	if err != nil {
		return nil, err
	}
	news, err := unmarshal(req.News)
	if err != nil {
		return nil, err
	}
	changes := differences("", olds, news, nil)
	// Another region is another provider: what it made stays behind.
	return diffResponse(changes, func(name string) bool { return name == "region" }, nil), nil
}

func (p *awsProvider) Configure(ctx context.Context, req *pulumirpc.ConfigureRequest) (*pulumirpc.ConfigureResponse, error) {
	args, err := unmarshal(req.Args)
	if err != nil {
		return nil, err
	}
	s, err := newSession(p.cloud, args)
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	c := connectionOf(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.session = s
	return configured(), nil
}

// lookUp returns the type of a URN, or an error that says where to add it.
func lookUp(urn resource.URN) (*Type, error) {
	token := string(urn.Type())
	t, ok := catalog()[token]
	if !ok {
		hint := ""
		if near := named.Nearest(token, sortedKeys(catalog())); near != "" {
			hint = fmt.Sprintf(" (did you mean %s?)", near)
		}
		return nil, fmt.Errorf("%w: %s%s; add it to its service's table in internal/simcloud", errUnknownType, token, hint)
	}
	return t, nil
}

func (p *awsProvider) Check(ctx context.Context, req *pulumirpc.CheckRequest) (*pulumirpc.CheckResponse, error) {
	urn := resource.URN(req.Urn)
	t, err := lookUp(urn)
	if err != nil {
		return &pulumirpc.CheckResponse{Inputs: req.News, Failures: p.refuse(ctx, req.Urn, []string{err.Error()})}, nil
	}
	s, err := sessionOf(ctx)
	if err != nil {
		return nil, err
	}
	news, err := unmarshal(req.News)
	if err != nil {
		return nil, err
	}
	olds, err := unmarshal(req.Olds)
	if err != nil {
		return nil, err
	}
	for k, v := range news {
		if v.IsNull() {
			delete(news, k)
		}
	}

	mode := ""
	if a := req.Autonaming; a != nil {
		switch a.Mode {
		case pulumirpc.CheckRequest_AutonamingOptions_DISABLE:
			mode = "disable"
		default:
			mode = "name:" + a.ProposedName
		}
	}
	filled := []resource.PropertyValue{}
	if t.autoName(p.cloud, s, urn, news, olds, mode) {
		filled = append(filled, resource.NewStringProperty(t.Name.Property))
	}
	problems := t.validate(s, news)
	news[defaultsKey] = resource.NewArrayProperty(filled)
	inputs, err := marshal(news)
	if err != nil {
		return nil, err
	}
	return &pulumirpc.CheckResponse{Inputs: inputs, Failures: p.refuse(ctx, req.Urn, problems)}, nil
}

func (p *awsProvider) Diff(_ context.Context, req *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	t, err := lookUp(resource.URN(req.Urn))
	if err != nil {
		return nil, status.Error(codes.NotFound, err.Error())
	}
	olds, err := unmarshal(req.OldInputs)
	if err != nil {
		return nil, err
	}
	news, err := unmarshal(req.News)
	if err != nil {
		return nil, err
	}
	for _, ignored := range req.IgnoreChanges {
		path, err := resource.ParsePropertyPath(ignored)
		if err != nil {
			continue
		}
		path.Reset(olds, news)
	}
	changes := differences("", t.withoutDefaults(olds, news), news, t.Documents)
	var first *bool
	if t.Name != nil && t.Name.Scope != "none" && !slices.Contains(defaulted(news), t.Name.Property) {
		// The program gave the name, so the old resource has to go first.
		key := resource.PropertyKey(t.Name.Property)
		same := olds[key].DeepEquals(news[key])
		first = &same
	}
	return diffResponse(changes, t.replaces, first), nil
}

// change is one difference between old and new inputs.
type change struct {
	path string
	top  string
	kind pulumirpc.PropertyDiff_Kind
}

// differences lists what changed between two sets of inputs, by path.
func differences(at string, olds, news resource.PropertyMap, documents []string) []change {
	var out []change
	keys := map[resource.PropertyKey]bool{}
	for k := range olds {
		keys[k] = true
	}
	for k := range news {
		keys[k] = true
	}
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		if strings.HasPrefix(string(k), "__") {
			continue
		}
		before, had := olds[k]
		after, has := news[k]
		path := join(at, string(k))
		switch {
		case !had:
			out = append(out, change{path, topOf(path), pulumirpc.PropertyDiff_ADD})
		case !has:
			out = append(out, change{path, topOf(path), pulumirpc.PropertyDiff_DELETE})
		default:
			out = append(out, valueDifferences(path, before, after, slices.Contains(documents, path))...)
		}
	}
	return out
}

func valueDifferences(path string, before, after resource.PropertyValue, document bool) []change {
	for before.IsSecret() {
		before = before.SecretValue().Element
	}
	for after.IsSecret() {
		after = after.SecretValue().Element
	}
	switch {
	case before.DeepEquals(after):
		return nil
	case document && before.IsString() && after.IsString() && sameJSON(before.StringValue(), after.StringValue()):
		return nil
	case before.IsObject() && after.IsObject():
		return differences(path, before.ObjectValue(), after.ObjectValue(), nil)
	case before.IsArray() && after.IsArray() && len(before.ArrayValue()) == len(after.ArrayValue()):
		var out []change
		for i := range before.ArrayValue() {
			out = append(out, valueDifferences(fmt.Sprintf("%s[%d]", path, i), before.ArrayValue()[i], after.ArrayValue()[i], false)...)
		}
		return out
	}
	return []change{{path, topOf(path), pulumirpc.PropertyDiff_UPDATE}}
}

func topOf(path string) string {
	if i := strings.IndexAny(path, ".["); i >= 0 {
		return path[:i]
	}
	return path
}

func diffResponse(changes []change, replaces func(string) bool, deleteFirst *bool) *pulumirpc.DiffResponse {
	resp := &pulumirpc.DiffResponse{
		Changes:         pulumirpc.DiffResponse_DIFF_NONE,
		DetailedDiff:    map[string]*pulumirpc.PropertyDiff{},
		HasDetailedDiff: true,
	}
	for _, c := range changes {
		resp.Changes = pulumirpc.DiffResponse_DIFF_SOME
		kind := c.kind
		if replaces(c.top) {
			kind++ // ADD_REPLACE follows ADD, and so for the others
			if !slices.Contains(resp.Replaces, c.top) {
				resp.Replaces = append(resp.Replaces, c.top)
			}
		}
		if !slices.Contains(resp.Diffs, c.top) {
			resp.Diffs = append(resp.Diffs, c.top)
		}
		resp.DetailedDiff[c.path] = &pulumirpc.PropertyDiff{Kind: kind, InputDiff: true}
	}
	resp.DeleteBeforeReplace = len(resp.Replaces) > 0 && deleteFirst != nil && *deleteFirst
	return resp
}

func (p *awsProvider) Create(ctx context.Context, req *pulumirpc.CreateRequest) (*pulumirpc.CreateResponse, error) {
	t, err := lookUp(resource.URN(req.Urn))
	if err != nil {
		if p.cloud.lenient { // Check reported it
			return &pulumirpc.CreateResponse{Id: fakeHex(17, req.Urn), Properties: req.Properties}, nil
		}
		return nil, status.Error(codes.NotFound, err.Error())
	}
	s, err := sessionOf(ctx)
	if err != nil {
		return nil, err
	}
	inputs, err := unmarshal(req.Properties)
	if err != nil {
		return nil, err
	}
	if req.Preview {
		state, err := marshal(t.preview(inputs))
		return &pulumirpc.CreateResponse{Properties: state}, err
	}
	i := &instance{cloud: p.cloud, session: s, typ: t, urn: req.Urn, in: plainMap(inputs), out: map[string]any{}}
	if t.Exclusive != nil {
		leave, err := i.exclusive()
		switch {
		case err == nil:
			defer leave()
		case p.cloud.lenient:
			report(ctx, req.Urn, status.Convert(err).Message())
		default:
			return nil, err
		}
	}
	made, err := p.cloud.create(i, inputs)
	if err != nil {
		err = fmt.Errorf("creating %s: %w", i.label(), err)
		if !p.cloud.lenient {
			return nil, status.Error(codes.AlreadyExists, err.Error())
		}
		var follows bool
		if made, follows = p.cloud.pretend(i, inputs); !follows {
			report(ctx, req.Urn, err.Error())
		}
	}
	state, err := marshal(made.state)
	return &pulumirpc.CreateResponse{Id: made.id, Properties: state}, err
}

// label names a resource for a message: s3.BucketV2 (ds-input-dev).
func (i *instance) label() string {
	name := i.id
	if name == "" && i.typ.Name != nil {
		name = text(i.in, i.typ.Name.Property)
	}
	if name == "" {
		return typeName(i.typ.TypeName)
	}
	return fmt.Sprintf("%s (%s)", typeName(i.typ.TypeName), name)
}

// exclusive holds what must not be changed twice at once.
func (i *instance) exclusive() (leave func(), err error) {
	on := i.typ.Exclusive(i)
	if i.cloud.enter(on) {
		i.cloud.leave(on)
		return nil, status.Errorf(codes.Aborted, "changing %s: OperationAborted: a conflicting conditional operation is currently in progress against this resource; make one depend on the other", i.label())
	}
	time.Sleep(conflictWindow)
	return func() { i.cloud.leave(on) }, nil
}

// create makes a resource exist.
func (c *Cloud) create(i *instance, inputs resource.PropertyMap) (*thing, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := i.typ
	i.prefixName()
	if n := t.Name; n != nil {
		if name, ok := i.in[n.Property].(string); ok {
			if other := t.takenBy(c, i.session, name); other != nil {
				return nil, fmt.Errorf("%s: the %s %q exists already, made by %s", cmp.Or(n.Taken, "AlreadyExists"), n.Property, name, other.urn)
			}
		}
	}
	if err := i.checkParents(); err != nil {
		return nil, err
	}
	if len(t.OnePer) > 0 {
		for _, other := range c.all(t.TypeName, func(o *thing) bool { return o.region == i.session.region && o.account == i.session.account }) {
			if sameIn(i.in, other.plain(), t.OnePer) {
				return nil, fmt.Errorf("there is one per %s, and %s made it already: they would overwrite each other", strings.Join(t.OnePer, " and "), other.urn)
			}
		}
	}
	i.assignID()
	if t.Create != nil {
		if err := t.Create(i); err != nil {
			return nil, err
		}
	}
	made := &thing{typ: t, urn: i.urn, region: i.session.region, account: i.session.account, id: i.id}
	if _, exists := c.things[made.key()]; exists {
		return nil, fmt.Errorf("AlreadyExists: id %q is in use", i.id)
	}
	made.state = i.build(inputs)
	c.things[made.key()] = made
	c.record("create", made)
	return made, nil
}

// pretend gives a resource that was refused the state that it would have, so
// that those after it can be judged too. It says whether the refusal only
// follows from that of a parent. A place that is taken stays so.
func (c *Cloud) pretend(i *instance, inputs resource.PropertyMap) (made *thing, follows bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range i.typ.Parents {
		follows = follows || c.refused[p.Type+" "+text(i.in, p.Property)]
	}
	i.assignID()
	made = &thing{typ: i.typ, urn: i.urn, region: i.session.region, account: i.session.account, id: i.id}
	c.refused[i.typ.TypeName+" "+i.id] = true
	if name, ok := i.in["name"].(string); ok {
		c.refused[i.typ.TypeName+" "+name] = true
	}
	made.state = i.build(inputs)
	if _, taken := c.things[made.key()]; !taken {
		c.things[made.key()] = made
	}
	return made, follows
}

// assignID gives a new resource its id. The cloud is locked.
func (i *instance) assignID() {
	switch {
	case i.id != "":
	case i.typ.ID != nil:
		i.id = i.typ.ID(i)
	case i.typ.Name != nil:
		i.id = text(i.in, i.typ.Name.Property)
	}
}

func sameIn(a, b map[string]any, names []string) bool {
	for _, n := range names {
		if shown(a[n]) != shown(b[n]) {
			return false
		}
	}
	return true
}

func (p *awsProvider) Read(ctx context.Context, req *pulumirpc.ReadRequest) (*pulumirpc.ReadResponse, error) {
	t, err := lookUp(resource.URN(req.Urn))
	if err != nil {
		return nil, status.Error(codes.NotFound, err.Error())
	}
	if _, err := sessionOf(ctx); err != nil {
		return nil, err
	}
	known, err := unmarshal(req.Inputs)
	if err != nil {
		return nil, err
	}
	p.cloud.mu.Lock()
	defer p.cloud.mu.Unlock()
	found := p.cloud.find(t.TypeName, req.Id)
	if found == nil {
		return &pulumirpc.ReadResponse{}, nil // an empty id says: it does not exist
	}
	inputs := resource.PropertyMap{}
	for name, v := range found.state {
		if !t.isInput(string(name)) {
			continue
		}
		// What the program never set and AWS defaults is no input of the program.
		if _, set := known[name]; !set && len(known) > 0 && sameAsDefault(t, string(name), v) {
			continue
		}
		inputs[name] = v
	}
	if d, ok := known[defaultsKey]; ok {
		inputs[defaultsKey] = d
	} else {
		inputs[defaultsKey] = resource.NewArrayProperty([]resource.PropertyValue{})
	}
	read := found.state
	if len(known) == 0 {
		read = maps.Clone(read)
		t.imported(inputs, read)
	}
	state, err := marshal(read)
	if err != nil {
		return nil, err
	}
	ins, err := marshal(inputs)
	return &pulumirpc.ReadResponse{Id: found.id, Properties: state, Inputs: ins}, err
}

// sameAsDefault says whether an input that a program did not set still has the
// value that AWS gave it.
func sameAsDefault(t *Type, name string, v resource.PropertyValue) bool {
	d, ok := t.Defaults[name]
	if !ok {
		return true // computed, or empty
	}
	return resource.NewPropertyValue(d).DeepEquals(v)
}

func (p *awsProvider) Update(ctx context.Context, req *pulumirpc.UpdateRequest) (*pulumirpc.UpdateResponse, error) {
	t, err := lookUp(resource.URN(req.Urn))
	if err != nil {
		return nil, status.Error(codes.NotFound, err.Error())
	}
	s, err := sessionOf(ctx)
	if err != nil {
		return nil, err
	}
	news, err := unmarshal(req.News)
	if err != nil {
		return nil, err
	}
	olds, err := unmarshal(req.Olds)
	if err != nil {
		return nil, err
	}
	i := &instance{cloud: p.cloud, session: s, typ: t, urn: req.Urn, id: req.Id, in: plainMap(news), old: plainMap(olds), out: map[string]any{}}
	if req.Preview {
		state := t.preview(news)
		for name, v := range olds {
			if _, set := news[name]; !set && !t.isInput(string(name)) && name != "version" && name != "revisionId" {
				state[name] = v
			}
		}
		out, err := marshal(state)
		return &pulumirpc.UpdateResponse{Properties: out}, err
	}
	if t.Exclusive != nil {
		leave, err := i.exclusive()
		if err != nil {
			return nil, err
		}
		defer leave()
	}
	p.cloud.mu.Lock()
	defer p.cloud.mu.Unlock()
	existing := p.cloud.find(t.TypeName, req.Id)
	if existing == nil {
		return nil, status.Errorf(codes.NotFound, "updating %s: it does not exist; run a refresh", i.label())
	}
	i.prefixName()
	err = i.checkParents()
	if err == nil && t.Create != nil {
		err = t.Create(i)
	}
	if err != nil {
		err = fmt.Errorf("updating %s: %w", i.label(), err)
		if !p.cloud.lenient {
			return nil, status.Error(codes.InvalidArgument, err.Error())
		}
		report(ctx, req.Urn, err.Error())
	}
	existing.state = i.build(news)
	existing.urn = req.Urn // it may have been imported
	p.cloud.record("update", existing)
	out, err := marshal(existing.state)
	return &pulumirpc.UpdateResponse{Properties: out}, err
}

func (p *awsProvider) Delete(_ context.Context, req *pulumirpc.DeleteRequest) (*emptypb.Empty, error) {
	t, err := lookUp(resource.URN(req.Urn))
	if err != nil {
		return nil, status.Error(codes.NotFound, err.Error())
	}
	p.cloud.mu.Lock()
	defer p.cloud.mu.Unlock()
	existing := p.cloud.find(t.TypeName, req.Id)
	if existing == nil {
		return &emptypb.Empty{}, nil // it is gone, which is what was asked for
	}
	if t.Keeps != nil && t.Keeps(existing.plain()) {
		return &emptypb.Empty{}, nil
	}
	if other := p.cloud.held(existing); other != nil {
		return nil, status.Errorf(codes.FailedPrecondition, "deleting %s (%s): DeleteConflict: %s still needs it", typeName(t.TypeName), req.Id, other.urn)
	}
	if t.Delete != nil {
		if err := t.Delete(p.cloud, existing); err != nil {
			return nil, status.Errorf(codes.FailedPrecondition, "deleting %s (%s): %v", typeName(t.TypeName), req.Id, err)
		}
	}
	delete(p.cloud.things, existing.key())
	p.cloud.record("delete", existing)
	return &emptypb.Empty{}, nil
}

func (p *awsProvider) Invoke(ctx context.Context, req *pulumirpc.InvokeRequest) (*pulumirpc.InvokeResponse, error) {
	fn, ok := functions[req.Tok]
	if !ok {
		return nil, status.Errorf(codes.NotFound, "the simulated cloud does not know the function %s; add it to internal/simcloud/functions.go", req.Tok)
	}
	s, err := sessionOf(ctx)
	if err != nil {
		return nil, err
	}
	args, err := unmarshal(req.Args)
	if err != nil {
		return nil, err
	}
	p.cloud.mu.Lock()
	defer p.cloud.mu.Unlock()
	result, err := fn(p.cloud, s, plainMap(args))
	if err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "%s: %v", req.Tok, err)
	}
	out, err := marshal(resource.NewPropertyMapFromMap(result))
	return &pulumirpc.InvokeResponse{Return: out}, err
}
