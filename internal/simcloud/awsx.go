package simcloud

import (
	"context"
	"crypto/sha1" //nolint:gosec // awsx names images so; nothing is protected by it
	"encoding/hex"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/provider"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	awsxecr "github.com/pulumi/pulumi-awsx/sdk/v2/go/awsx/ecr"
)

// awsxProvider simulates pulumi-awsx: its components create the same children
// as the real ones, of the simulated aws and docker-build providers.
type awsxProvider struct{ base }

// components is every awsx component that the simulator knows.
var components = map[string]provider.ConstructFunc{
	"awsx:ecr:Image": constructImage,
}

func (p *awsxProvider) Construct(ctx context.Context, req *pulumirpc.ConstructRequest) (*pulumirpc.ConstructResponse, error) {
	construct, ok := components[req.Type]
	if !ok {
		return nil, status.Errorf(codes.NotFound, "%v: %s; add it to internal/simcloud/awsx.go", errUnknownType, req.Type)
	}
	c := connectionOf(ctx)
	c.mu.Lock()
	engine := c.engine
	c.mu.Unlock()
	return provider.Construct(ctx, req, engine, construct)
}

func (p *awsxProvider) Invoke(_ context.Context, req *pulumirpc.InvokeRequest) (*pulumirpc.InvokeResponse, error) {
	return nil, status.Errorf(codes.NotFound, "the simulated cloud does not know the function %s; add it to internal/simcloud/awsx.go", req.Tok)
}

// image is awsx:ecr:Image as its provider sees it.
type image struct {
	pulumi.ResourceState

	ImageURI pulumi.StringOutput `pulumi:"imageUri"`
}

// dockerImageResource is the child that awsx builds an image with.
type dockerImageResource struct {
	pulumi.CustomResourceState

	Ref pulumi.StringOutput `pulumi:"ref"`
}

var imageTagPattern = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$`)

// constructImage follows awsx 2.22: one docker-build Image, named after the
// tag, pushed to the repository; the component's output is its address by
// digest, without the tag.
func constructImage(ctx *pulumi.Context, typ, name string, inputs provider.ConstructInputs, options pulumi.ResourceOption) (*provider.ConstructResult, error) {
	args, err := inputs.Map()
	if err != nil {
		return nil, err
	}
	known := shapeOf(awsxecr.ImageArgs{}.ElementType())
	for _, k := range slices.Sorted(maps.Keys(args)) {
		if known.fields[k] == nil {
			return nil, fmt.Errorf("%s: unknown property; known are %s", k, strings.Join(known.names, ", "))
		}
	}
	if args["repositoryUrl"] == nil {
		return nil, fmt.Errorf("repositoryUrl: missing, it is required")
	}
	c := &image{}
	if err := ctx.RegisterComponentResourceV2(typ, name, args, c, options); err != nil {
		return nil, err
	}
	// Everything that names the child must be known, or the child cannot be
	// registered: in a preview awsx skips it too while an input is unknown.
	c.ImageURI = pulumi.All(pulumi.ToOutput(args)).ApplyT(func(resolved []any) (pulumi.StringOutput, error) {
		in, _ := resolved[0].(map[string]any)
		return pushImage(ctx, in, c)
	}).(pulumi.StringOutput)
	if err := ctx.RegisterResourceOutputs(c, pulumi.Map{"imageUri": c.ImageURI}); err != nil {
		return nil, err
	}
	return provider.NewConstructResult(c)
}

func pushImage(ctx *pulumi.Context, in map[string]any, parent *image) (pulumi.StringOutput, error) {
	tag := text(in, "imageName")
	if tag == "" {
		tag = text(in, "imageTag")
	}
	if tag == "" {
		tag = defaultTag(in, ctx.Stack())
	}
	if !imageTagPattern.MatchString(tag) {
		return pulumi.StringOutput{}, fmt.Errorf("imageTag: got %q, want 1 to 128 letters, digits, _ . -, not beginning with . or -", tag)
	}
	repository := strings.TrimPrefix(text(in, "repositoryUrl"), "https://")
	registry := text(in, "registryId")
	if registry == "" {
		registry, _, _ = strings.Cut(repository, ".")
	}
	reference := repository + ":" + tag
	var credentials map[string]any
	if err := ctx.Invoke("aws:ecr/getCredentials:getCredentials", map[string]any{"registryId": registry}, &credentials, pulumi.Parent(parent)); err != nil {
		return pulumi.StringOutput{}, err
	}

	directory := text(in, "context")
	if directory == "" {
		directory = "."
	}
	cacheFrom := refsOf(in["cacheFrom"])
	if list, ok := in["cacheFrom"].([]string); ok {
		cacheFrom = list
	}
	if len(cacheFrom) == 0 {
		cacheFrom = []string{reference}
	}
	caches := pulumi.Array{}
	for _, ref := range cacheFrom {
		caches = append(caches, pulumi.Map{"registry": pulumi.Map{"ref": pulumi.String(ref)}})
	}
	platforms := pulumi.StringArray{}
	if p := text(in, "platform"); p != "" {
		platforms = append(platforms, pulumi.String(p))
	}
	args := pulumi.Map{
		"tags":      pulumi.StringArray{pulumi.String(reference)},
		"cacheFrom": caches,
		"cacheTo":   pulumi.Array{pulumi.Map{"inline": pulumi.Map{}}},
		"context":   pulumi.Map{"location": pulumi.String(directory)},
		"platforms": platforms,
		"push":      pulumi.Bool(true),
		"registries": pulumi.Array{pulumi.Map{
			"address":  pulumi.String(fmt.Sprint(credentials["proxyEndpoint"])),
			"username": pulumi.String("AWS"),
			"password": pulumi.ToSecret(pulumi.String(fmt.Sprint(credentials["authorizationToken"]))),
		}},
	}
	dockerfile := pulumi.Map{}
	if d := text(in, "dockerfile"); d != "" {
		dockerfile["location"] = pulumi.String(d)
	}
	args["dockerfile"] = dockerfile
	if t := text(in, "target"); t != "" {
		args["target"] = pulumi.String(t)
	}
	if buildArgs, ok := in["args"]; ok && buildArgs != nil {
		args["buildArgs"] = pulumi.ToOutput(buildArgs)
	}
	var child dockerImageResource
	if err := ctx.RegisterResource(dockerImage, tag, args, &child, pulumi.Parent(parent), pulumi.Version(DockerBuildVersion)); err != nil {
		return pulumi.StringOutput{}, err
	}
	return child.Ref.ApplyT(func(ref string) string {
		_, digest, ok := strings.Cut(ref, "@")
		if !ok {
			return ref
		}
		return repository + "@" + digest
	}).(pulumi.StringOutput), nil
}

// defaultTag is awsx's name for an image without one: a hash of where the
// build context is, not of what is in it.
func defaultTag(in map[string]any, stack string) string {
	signature := text(in, "context")
	if signature == "" {
		signature = "."
	}
	if d := text(in, "dockerfile"); d != "" {
		signature += ";dockerfile=" + d
	}
	if args, ok := in["args"].(map[string]string); ok {
		for _, k := range sortedKeys(args) {
			signature += fmt.Sprintf(";arg[%s]=%s", k, args[k])
		}
	}
	sum := sha1.Sum([]byte(signature + stack)) //nolint:gosec // see the import
	return hex.EncodeToString(sum[:]) + "-container"
}
