package simcloud

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"ds-pipeline/preprocess/named"
)

// dockerProvider simulates pulumi-docker-build: an image is not built, but it
// is pushed: into a repository of the same cloud, under a digest that depends
// on its tag and platform.
type dockerProvider struct{ base }

const dockerImage = "docker-build:index:Image"

var (
	tagReference     = regexp.MustCompile(`^([a-z0-9.-]+(?::\d+)?/[a-z0-9._/-]+):([A-Za-z0-9_][A-Za-z0-9._-]{0,127})$`)
	registryHost     = regexp.MustCompile(`^\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/`)
	platformPattern  = regexp.MustCompile(`^(linux|windows|darwin|freebsd|netbsd|openbsd|solaris|plan9|aix|android|dragonfly|js|ios)/[a-z0-9]+(/v\d)?$`)
	dockerProperties = []string{
		"addHosts", "buildArgs", "buildOnPreview", "builder", "cacheFrom", "cacheTo", "context", "dockerfile", "exec", "exports",
		"labels", "load", "network", "noCache", "platforms", "pull", "push", "registries", "secrets", "ssh", "tags", "target",
	}
)

func (p *dockerProvider) Check(ctx context.Context, req *pulumirpc.CheckRequest) (*pulumirpc.CheckResponse, error) {
	news, err := unmarshal(req.News)
	if err != nil {
		return nil, err
	}
	return &pulumirpc.CheckResponse{Inputs: req.News, Failures: p.refuse(ctx, req.Urn, checkImage(resource.URN(req.Urn), plainMap(news)))}, nil
}

func checkImage(urn resource.URN, in map[string]any) []string {
	if string(urn.Type()) != dockerImage {
		return []string{fmt.Sprintf("%v: %s; add it to internal/simcloud/docker.go", errUnknownType, urn.Type())}
	}
	var problems []string
	for _, name := range sortedKeys(in) {
		if strings.HasPrefix(name, "__") {
			continue
		}
		if near := named.Nearest(name, dockerProperties); near != name {
			problems = append(problems, fmt.Sprintf("%s: unknown property; did you mean %q?", name, near))
		}
	}
	if in["push"] == nil {
		problems = append(problems, "push: missing, it is required")
	}
	if flag(in, "push") && in["tags"] == nil {
		problems = append(problems, "tags: missing; an image that is pushed needs one")
	}
	for _, tag := range refsOf(in["tags"]) {
		if !tagReference.MatchString(tag) {
			problems = append(problems, fmt.Sprintf("tags: got %q, want registry/repository:tag", tag))
		}
	}
	for _, platform := range refsOf(in["platforms"]) {
		if !platformPattern.MatchString(platform) {
			problems = append(problems, fmt.Sprintf("platforms: got %q, want a platform such as linux/arm64", platform))
		}
	}
	return problems
}

func (p *dockerProvider) Diff(_ context.Context, req *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	olds, err := unmarshal(req.OldInputs)
	if err != nil {
		return nil, err
	}
	news, err := unmarshal(req.News)
	if err != nil {
		return nil, err
	}
	var changes []change
	for _, c := range differences("", olds, news, nil) {
		if c.top != "registries" { // credentials differ every time
			changes = append(changes, c)
		}
	}
	return diffResponse(changes, func(string) bool { return false }, nil), nil
}

// push puts an image under its tags and returns its state.
func (p *dockerProvider) push(in map[string]any, inputs resource.PropertyMap, urn string) (resource.PropertyMap, string, error) {
	platforms := strings.Join(refsOf(in["platforms"]), ",")
	tags := refsOf(in["tags"])
	digest := "sha256:" + fakeHex(64, "image", strings.Join(tagsOnly(tags), ","), platforms)
	p.cloud.mu.Lock()
	defer p.cloud.mu.Unlock()
	ref := ""
	for _, tag := range tags {
		m := tagReference.FindStringSubmatch(tag)
		if m == nil || !flag(in, "push") {
			continue
		}
		repository, name := m[1], m[2]
		ref = tag + "@" + digest
		if !registryHost.MatchString(repository) {
			continue
		}
		owner := p.cloud.repository(repository)
		if owner == nil {
			return nil, "", fmt.Errorf("name unknown: the repository %s does not exist in the registry", repository)
		}
		if before := p.cloud.images[repository][name]; before != "" && before != digest && text(owner.plain(), "imageTagMutability") == "IMMUTABLE" {
			return nil, "", fmt.Errorf("ImageTagAlreadyExistsException: the tag %q exists in %s, whose tags are immutable", name, repository)
		}
		if p.cloud.images[repository] == nil {
			p.cloud.images[repository] = map[string]string{}
		}
		p.cloud.images[repository][name] = digest
	}
	state := inputs.Copy()
	state["digest"] = resource.NewStringProperty(digest)
	state["ref"] = resource.NewStringProperty(ref)
	state["contextHash"] = resource.NewStringProperty(fakeHex(64, shown(in["context"]), shown(in["dockerfile"])))
	p.cloud.calls = append(p.cloud.calls, Call{Op: "create", Type: dockerImage, URN: urn, ID: digest})
	return state, fakeHex(12, urn, digest), nil
}

func tagsOnly(refs []string) []string {
	var tags []string
	for _, r := range refs {
		tags = append(tags, r[strings.LastIndex(r, ":")+1:])
	}
	return tags
}

// repository finds an ECR repository by its URL; c.mu is held.
func (c *Cloud) repository(url string) *thing {
	for _, t := range c.all(repositoryType, nil) {
		if text(t.plain(), "repositoryUrl") == url {
			return t
		}
	}
	return nil
}

func (p *dockerProvider) Create(_ context.Context, req *pulumirpc.CreateRequest) (*pulumirpc.CreateResponse, error) {
	inputs, err := unmarshal(req.Properties)
	if err != nil {
		return nil, err
	}
	if req.Preview {
		state := inputs.Copy()
		for _, name := range []resource.PropertyKey{"digest", "ref", "contextHash"} {
			state[name] = resource.MakeComputed(resource.NewStringProperty(""))
		}
		out, err := marshal(state)
		return &pulumirpc.CreateResponse{Properties: out}, err
	}
	state, id, err := p.push(plainMap(inputs), inputs, req.Urn)
	if err != nil {
		return nil, status.Errorf(codes.FailedPrecondition, "pushing image: %v", err)
	}
	out, err := marshal(state)
	return &pulumirpc.CreateResponse{Id: id, Properties: out}, err
}

func (p *dockerProvider) Update(_ context.Context, req *pulumirpc.UpdateRequest) (*pulumirpc.UpdateResponse, error) {
	inputs, err := unmarshal(req.News)
	if err != nil {
		return nil, err
	}
	if req.Preview {
		out, err := marshal(inputs)
		return &pulumirpc.UpdateResponse{Properties: out}, err
	}
	state, _, err := p.push(plainMap(inputs), inputs, req.Urn)
	if err != nil {
		return nil, status.Errorf(codes.FailedPrecondition, "pushing image: %v", err)
	}
	out, err := marshal(state)
	return &pulumirpc.UpdateResponse{Properties: out}, err
}

func (p *dockerProvider) Read(_ context.Context, req *pulumirpc.ReadRequest) (*pulumirpc.ReadResponse, error) {
	state, err := unmarshal(req.Properties)
	if err != nil {
		return nil, err
	}
	plain := plainMap(state)
	p.cloud.mu.Lock()
	defer p.cloud.mu.Unlock()
	for _, tag := range refsOf(plain["tags"]) {
		m := tagReference.FindStringSubmatch(tag)
		if m != nil && registryHost.MatchString(m[1]) && p.cloud.images[m[1]][m[2]] == "" {
			return &pulumirpc.ReadResponse{}, nil // somebody deleted it
		}
	}
	return &pulumirpc.ReadResponse{Id: req.Id, Properties: req.Properties, Inputs: req.Inputs}, nil
}

func (p *dockerProvider) Delete(_ context.Context, req *pulumirpc.DeleteRequest) (*emptypb.Empty, error) {
	state, err := unmarshal(req.Properties)
	if err != nil {
		return nil, err
	}
	plain := plainMap(state)
	p.cloud.mu.Lock()
	defer p.cloud.mu.Unlock()
	for _, tag := range refsOf(plain["tags"]) {
		if m := tagReference.FindStringSubmatch(tag); m != nil && p.cloud.images[m[1]][m[2]] == text(plain, "digest") {
			delete(p.cloud.images[m[1]], m[2])
		}
	}
	p.cloud.calls = append(p.cloud.calls, Call{Op: "delete", Type: dockerImage, URN: req.Urn, ID: text(plain, "digest")})
	return &emptypb.Empty{}, nil
}

func (p *dockerProvider) Invoke(_ context.Context, req *pulumirpc.InvokeRequest) (*pulumirpc.InvokeResponse, error) {
	return nil, status.Errorf(codes.NotFound, "the simulated cloud does not know the function %s; add it to internal/simcloud/docker.go", req.Tok)
}
