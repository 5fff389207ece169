package components

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ecr"
	awsxecr "github.com/pulumi/pulumi-awsx/sdk/v2/go/awsx/ecr"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

var (
	repositoryNamePattern = regexp.MustCompile(`^[a-z0-9]+([._-][a-z0-9]+)*(/[a-z0-9]+([._-][a-z0-9]+)*)*$`)
	ecrImagePattern       = regexp.MustCompile(`^([0-9]{12})\.dkr\.ecr\.([a-z0-9-]+)\.(amazonaws\.com(?:\.cn)?)/([a-z0-9._/-]+)@sha256:[0-9a-f]{64}$`)
)

// CheckImageURI reports whether uri names one image of an ECR repository by its
// digest. A tag would not do: what it names can change between two runs.
func CheckImageURI(uri string) error {
	m := ecrImagePattern.FindStringSubmatch(uri)
	if m == nil {
		return fmt.Errorf("got %q, want <account>.dkr.ecr.<region>.amazonaws.com/<repository>@sha256:<64 hex digits>", uri)
	}
	if want := (Place{Region: m[2]}).dnsSuffix(); m[3] != want {
		return fmt.Errorf("got %q, want %s after %s", uri, want, m[2])
	}
	return nil
}

// CheckImagePlace reports whether tasks in region, in a network of mode, can pull an
// image that CheckImageURI accepted: credentials are of one partition, and without a
// way to the internet no other region can be reached.
func CheckImagePlace(uri, region string, mode NetworkMode) error {
	m := ecrImagePattern.FindStringSubmatch(uri)
	switch {
	case m == nil || m[2] == region:
		return nil
	case (Place{Region: m[2]}).partition() != (Place{Region: region}).partition():
		return fmt.Errorf("got an image in %s, want one in the partition of %s", m[2], region)
	case mode == NetworkEndpoints:
		return fmt.Errorf("got an image in %s, want one in %s: endpoints lead to no other region", m[2], region)
	}
	return nil
}

// newImageRepository creates a repository whose tags cannot be moved and whose
// images are scanned. Only the newest keep images stay; a rollback can go back
// that far.
func newImageRepository(ctx *pulumi.Context, name string, args *ProcessingClusterArgs, parent pulumi.Resource) (*ecr.Repository, error) {
	encryption := &ecr.RepositoryEncryptionConfigurationArgs{EncryptionType: pulumi.String("AES256")}
	if args.KMSKeyArn != nil {
		encryption = &ecr.RepositoryEncryptionConfigurationArgs{EncryptionType: pulumi.String("KMS"), KmsKey: keyPtr(args.KMSKeyArn)}
	}
	repository, err := ecr.NewRepository(ctx, name, &ecr.RepositoryArgs{
		Name:               pulumi.String(args.RepositoryName),
		ImageTagMutability: pulumi.String("IMMUTABLE"),
		ForceDelete:        pulumi.Bool(args.ForceDestroyImages),
		ImageScanningConfiguration: &ecr.RepositoryImageScanningConfigurationArgs{
			ScanOnPush: pulumi.Bool(true),
		},
		EncryptionConfigurations: ecr.RepositoryEncryptionConfigurationArray{encryption},
	}, pulumi.Parent(parent))
	if err != nil {
		return nil, fmt.Errorf("create image repository %q: %w", name, err)
	}
	lifecycle, err := renderJSON(imageLifecycle(args.KeepImages))
	if err != nil {
		return nil, fmt.Errorf("write the lifecycle of image repository %q: %w", name, err)
	}
	if _, err := ecr.NewLifecyclePolicy(ctx, name+"-lifecycle", &ecr.LifecyclePolicyArgs{
		Repository: repository.Name,
		Policy:     pulumi.String(lifecycle),
	}, pulumi.Parent(parent)); err != nil {
		return nil, fmt.Errorf("set the lifecycle of image repository %q: %w", name, err)
	}
	return repository, nil
}

// imageLifecycle is the document of an ECR lifecycle policy: layers that lost
// their tag go after a day, tagged images once there are more than keep.
func imageLifecycle(keep int) any {
	expire := map[string]any{"type": "expire"}
	return map[string]any{"rules": []any{
		map[string]any{
			"rulePriority": 1,
			"description":  "Delete images without a tag after a day",
			"selection": map[string]any{
				"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 1,
			},
			"action": expire,
		},
		map[string]any{
			"rulePriority": 2,
			"description":  fmt.Sprintf("Keep the newest %d images", keep),
			"selection": map[string]any{
				// Not "any": what a build pushes besides the image has no tag, and
				// would be counted too.
				"tagStatus": "tagged", "tagPatternList": []string{"*"},
				"countType": "imageCountMoreThan", "countNumber": keep,
			},
			"action": expire,
		},
	}}
}

// pythonTarget is the target of the Dockerfile with Python and pandas.
const pythonTarget = "python"

// newImage builds the image and pushes it, and returns its address with the
// digest. With a prebuilt image there is nothing to build.
func newImage(ctx *pulumi.Context, name string, args *ProcessingClusterArgs, repository *ecr.Repository, parent pulumi.Resource) (pulumi.StringOutput, error) {
	if args.ImageURI != "" {
		return pulumi.String(args.ImageURI).ToStringOutput(), nil
	}
	tag, err := imageTag(name, args.BuildContext, args.Architecture)
	if err != nil {
		return pulumi.StringOutput{}, fmt.Errorf("image %q: %w", name, err)
	}
	if args.KMSKeyArn != nil {
		// Another encryption is another repository, which is empty: the image has
		// to be pushed again, and only another tag makes that happen.
		tag += "-kms"
	}
	location, err := relativeToWorkingDir(args.BuildContext)
	if err != nil {
		return pulumi.StringOutput{}, fmt.Errorf("image %q: %w", name, err)
	}
	var target pulumi.StringPtrInput // nil for the last one
	if args.Python {
		tag += "-" + pythonTarget
		target = pulumi.String(pythonTarget)
	}
	image, err := awsxecr.NewImage(ctx, name, &awsxecr.ImageArgs{
		RepositoryUrl: repository.RepositoryUrl,
		Context:       pulumi.String(location),
		Platform:      pulumi.String(args.Architecture.platform()),
		ImageTag:      pulumi.String(tag),
		Target:        target,
		// BuildKit writes this time, and not the present, into the image. With a
		// Dockerfile to match, a second build of a tag gives the image that the
		// repository already has, and pushing it is allowed.
		Args:      pulumi.StringMap{"SOURCE_DATE_EPOCH": pulumi.String("0")},
		CacheFrom: pulumi.StringArray{pulumi.Sprintf("%s:%s", repository.RepositoryUrl, tag)},
	}, pulumi.Parent(parent), pulumi.Transforms([]pulumi.ResourceTransform{keepOldImages}))
	if err != nil {
		return pulumi.StringOutput{}, fmt.Errorf("build image %q: %w", name, err)
	}
	return image.ImageUri, nil
}

// imageTag names an image after what it is made of: the same files give the
// same tag, so nothing is rebuilt, and other files another, so an immutable tag
// is never pushed twice. It starts with the name of the component, because awsx
// also names a child resource after it and two components may build one context.
func imageTag(name, buildContext string, architecture Architecture) (string, error) {
	hash, err := buildContextHash(buildContext)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s-%s-%s", name, architecture, hash[:16]), nil
}

// relativeToWorkingDir makes the state the same on every machine: it holds the
// path of the build context as it is written here.
func relativeToWorkingDir(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	wd, err := filepath.Abs(".")
	if err != nil {
		return "", err
	}
	rel, err := filepath.Rel(wd, abs)
	if err != nil {
		return "", err
	}
	return filepath.ToSlash(rel), nil
}

// keepOldImages leaves an image in the repository when a newer one takes its
// place, so that there is something to roll back to; the lifecycle policy
// deletes it in time. awsx renames its child with every tag, which would
// otherwise delete the old one. Transforms, unlike transformations, reach the
// children of a packaged component.
func keepOldImages(_ context.Context, args *pulumi.ResourceTransformArgs) *pulumi.ResourceTransformResult {
	if args.Type != "docker-build:index:Image" {
		return nil
	}
	args.Opts.RetainOnDelete = true
	return &pulumi.ResourceTransformResult{Props: args.Props, Opts: args.Opts}
}
