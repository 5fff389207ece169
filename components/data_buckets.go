package components

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/s3"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"ds-pipeline/preprocess/contract"
)

const dataBucketsType = "ds-pipeline:components:DataBuckets"

// DataBucketsArgs configures DataBuckets. Plain Go fields are known while the
// program runs and are checked before anything is created; pulumi inputs may come
// from another resource.
type DataBucketsArgs struct {
	// Place is the account and region of the buckets; both are part of their names.
	Place Place `pulumi:"place"`

	// Environment is part of the names: "dev", "prod".
	Environment string `pulumi:"environment"`

	// Suffix ends the names. It tells two environments in one account apart.
	Suffix string `pulumi:"suffix,optional"`

	// KeepVersionsDays is how long an overwritten or deleted object can still be
	// restored: 1 to 3650 days. Lowering it deletes older versions within a day or two.
	KeepVersionsDays int `pulumi:"keepVersionsDays"`

	// InputLifecycle, OutputLifecycle and ArtifactLifecycle are what happens to
	// objects as they age. Nothing, when zero, but what KeepVersionsDays says. The
	// model in use is an object, too, however old: an ExpireDays deletes it.
	InputLifecycle    Lifecycle `pulumi:"inputLifecycle"`
	OutputLifecycle   Lifecycle `pulumi:"outputLifecycle"`
	ArtifactLifecycle Lifecycle `pulumi:"artifactLifecycle"`

	// ScaleOut deletes what runs that are spread keep for themselves, below
	// contract.ScalePrefix of the output, after 30 days.
	ScaleOut bool `pulumi:"scaleOut,optional"`

	// AccessLogDays is how long it is kept who read and wrote objects, up to 3650
	// days, in a bucket of its own; 0 records nothing. Delivery is free and takes
	// hours, the logs cost their storage.
	AccessLogDays int `pulumi:"accessLogDays,optional"`

	// KMSKeyArn encrypts the buckets; nil uses keys that S3 owns. Changing it
	// leaves what is there under the old key, so keep that key.
	KMSKeyArn pulumi.StringInput `pulumi:"kmsKeyArn,optional"`

	// ProtectData refuses to delete the buckets, and keeps them and their
	// settings in AWS even when they leave the program.
	ProtectData bool `pulumi:"protectData,optional"`

	// ForceDestroy deletes all objects together with their bucket. It cannot be
	// combined with ProtectData.
	ForceDestroy bool `pulumi:"forceDestroy,optional"`
}

func (a *DataBucketsArgs) validate() error {
	if a == nil {
		return errors.New("args are required")
	}
	errs := []error{a.Place.validate(), named("KeepVersionsDays", CheckRange(a.KeepVersionsDays, 1, 3650)), named("AccessLogDays", CheckRange(a.AccessLogDays, 0, 3650))}
	for _, l := range []struct {
		name      string
		lifecycle Lifecycle
	}{{"InputLifecycle", a.InputLifecycle}, {"OutputLifecycle", a.OutputLifecycle}, {"ArtifactLifecycle", a.ArtifactLifecycle}} {
		errs = append(errs, CheckLifecycle(l.lifecycle, func(field string) string { return l.name + "." + field }))
	}
	// The name of the bucket of logs is shorter than the others.
	for _, purpose := range bucketPurposes {
		errs = append(errs, checkBucketName(a.bucketName(purpose)))
	}
	if a.ProtectData && a.ForceDestroy {
		errs = append(errs, errors.New("ForceDestroy: cannot be combined with ProtectData"))
	}
	return errors.Join(errs...)
}

// bucketPurposes is the second word of the name of each bucket with data.
var bucketPurposes = []string{contract.InputPurpose, contract.OutputPurpose, contract.ArtifactPurpose}

// logsPurpose is the second word of the name of the bucket of access logs.
const logsPurpose = "logs"

// bucketName is the published name of a bucket.
func (a *DataBucketsArgs) bucketName(purpose string) string {
	return contract.BucketName(purpose, a.Environment, a.Place.AccountID, a.Place.Region, a.Suffix)
}

// CheckBucketNames reports every bucket name that S3 would refuse for an
// environment, place and suffix.
func CheckBucketNames(environment string, place Place, suffix string) error {
	a := &DataBucketsArgs{Place: place, Environment: environment, Suffix: suffix}
	var errs []error
	for _, purpose := range bucketPurposes {
		errs = append(errs, checkBucketName(a.bucketName(purpose)))
	}
	return errors.Join(errs...)
}

var bucketNamePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*[a-z0-9]$`)

// checkBucketName applies the rules of S3 for general purpose buckets, without
// dots: a dot breaks TLS on virtual-hosted addresses.
func checkBucketName(name string) error {
	switch {
	case len(name) < 3 || len(name) > 63:
		return fmt.Errorf("bucket name %q: %d characters, want 3 to 63: shorten the environment or the suffix", name, len(name))
	case !bucketNamePattern.MatchString(name) || strings.Contains(name, "--"):
		return fmt.Errorf("bucket name %q: want lower-case letters and digits, with single hyphens between them", name)
	case strings.HasSuffix(name, "-s3alias"), strings.HasSuffix(name, "-an"):
		return fmt.Errorf("bucket name %q: ends as a name that S3 reserves: choose another suffix", name)
	}
	return nil
}

// DataBuckets is where files wait before and after the job:
//
//	<name>-input      raw data, written by whoever owns it
//	<name>-output     results, written by the job alone
//	<name>-artifacts  models, scripts and packages
//	<name>-logs       who read and wrote the others, with AccessLogDays
//
// Each is private, owned by the account, encrypted with keys of S3 or one of
// ours, versioned, and reachable over TLS 1.2 or newer only. Multipart uploads that nobody
// finished are deleted after a week, old versions after KeepVersionsDays, and
// objects as the bucket's lifecycle says.
// Cost: storage and requests only.
type DataBuckets struct {
	pulumi.ResourceState

	InputBucketName    pulumi.StringOutput `pulumi:"inputBucketName"`
	OutputBucketName   pulumi.StringOutput `pulumi:"outputBucketName"`
	ArtifactBucketName pulumi.StringOutput `pulumi:"artifactBucketName"`
}

// NewDataBuckets creates the input, output and artifact buckets.
func NewDataBuckets(ctx *pulumi.Context, name string, args *DataBucketsArgs, opts ...pulumi.ResourceOption) (*DataBuckets, error) {
	if err := args.validate(); err != nil {
		return nil, fmt.Errorf("data buckets %q: %w", name, err)
	}
	if args.ProtectData {
		// On the component, so that the settings that keep the data private stay
		// with the buckets: a retained bucket without them would be a hole.
		opts = append(opts, pulumi.Protect(true), pulumi.RetainOnDelete(true))
	}
	data := &DataBuckets{}
	if err := ctx.RegisterComponentResource(dataBucketsType, name, data, opts...); err != nil {
		return nil, fmt.Errorf("register data buckets %q: %w", name, err)
	}

	var logs *privateBucket
	if args.AccessLogDays > 0 {
		var err error
		if logs, err = newAccessLogs(ctx, name+"-logs", args, data); err != nil {
			return nil, err
		}
	}
	input, err := newDataBucket(ctx, name, "input", args, args.InputLifecycle, logs, data)
	if err != nil {
		return nil, err
	}
	outputLifecycle := args.OutputLifecycle
	outputLifecycle.scaleOut = args.ScaleOut
	output, err := newDataBucket(ctx, name, "output", args, outputLifecycle, logs, data)
	if err != nil {
		return nil, err
	}
	artifacts, err := newDataBucket(ctx, name, "artifacts", args, args.ArtifactLifecycle, logs, data)
	if err != nil {
		return nil, err
	}

	data.InputBucketName = input.Bucket
	data.OutputBucketName = output.Bucket
	data.ArtifactBucketName = artifacts.Bucket
	if err := ctx.RegisterResourceOutputs(data, pulumi.Map{
		"inputBucketName":    data.InputBucketName,
		"outputBucketName":   data.OutputBucketName,
		"artifactBucketName": data.ArtifactBucketName,
	}); err != nil {
		return nil, fmt.Errorf("register outputs of data buckets %q: %w", name, err)
	}
	return data, nil
}

// newDataBucket creates one of the buckets with data; logs, unless nil, gets to
// know who uses it.
func newDataBucket(ctx *pulumi.Context, name, purpose string, args *DataBucketsArgs, lifecycle Lifecycle, logs *privateBucket, parent pulumi.Resource) (*s3.BucketV2, error) {
	made, err := newPrivateBucket(ctx, name+"-"+purpose, privateBucketArgs{
		place:        args.Place,
		bucketName:   args.bucketName(purpose),
		forceDestroy: args.ForceDestroy,
		keyArn:       args.KMSKeyArn,
		lifecycle:    lifecycle.or(args.KeepVersionsDays),
	}, parent)
	if err != nil {
		return nil, err
	}
	if logs != nil {
		if err := logAccess(ctx, name+"-"+purpose, made.bucket, logs, parent); err != nil {
			return nil, err
		}
	}
	return made.bucket, nil
}

type privateBucketArgs struct {
	place        Place
	bucketName   string
	forceDestroy bool
	keyArn       pulumi.StringInput // nil for keys of S3
	lifecycle    Lifecycle          // with all defaults

	// statements are added to the policy of the bucket; nil adds none.
	statements func(bucketArn string) []statement
}

// privateBucket is a bucket and its policy, which whatever writes to the bucket
// as a service has to wait for.
type privateBucket struct {
	bucket *s3.BucketV2
	policy *s3.BucketPolicy
}

// newPrivateBucket creates one bucket and everything that keeps it private.
func newPrivateBucket(ctx *pulumi.Context, name string, args privateBucketArgs, parent pulumi.Resource) (*privateBucket, error) {
	bucket, err := s3.NewBucketV2(ctx, name, &s3.BucketV2Args{
		Bucket:       pulumi.String(args.bucketName),
		ForceDestroy: pulumi.Bool(args.forceDestroy),
	}, pulumi.Parent(parent))
	if err != nil {
		return nil, fmt.Errorf("create bucket %q: %w", name, err)
	}
	policy, err := closeBucket(ctx, name, bucket, args, parent)
	if err != nil {
		return nil, err
	}
	if err := encryptBucket(ctx, name, bucket, args.keyArn, parent); err != nil {
		return nil, err
	}
	if err := versionBucket(ctx, name, bucket, args.lifecycle, parent); err != nil {
		return nil, err
	}
	return &privateBucket{bucket: bucket, policy: policy}, nil
}

// closeBucket refuses public access, ACLs and plain HTTP. S3 answers 409 when
// two of these settings arrive at once, so each waits for the one before.
func closeBucket(ctx *pulumi.Context, name string, bucket *s3.BucketV2, args privateBucketArgs, parent pulumi.Resource) (*s3.BucketPolicy, error) {
	place := args.place
	block, err := s3.NewBucketPublicAccessBlock(ctx, name+"-public-access-block", &s3.BucketPublicAccessBlockArgs{
		Bucket:                bucket.Bucket,
		BlockPublicAcls:       pulumi.Bool(true),
		BlockPublicPolicy:     pulumi.Bool(true),
		IgnorePublicAcls:      pulumi.Bool(true),
		RestrictPublicBuckets: pulumi.Bool(true),
	}, pulumi.Parent(parent))
	if err != nil {
		return nil, fmt.Errorf("block public access to bucket %q: %w", name, err)
	}
	ownership, err := s3.NewBucketOwnershipControls(ctx, name+"-ownership", &s3.BucketOwnershipControlsArgs{
		Bucket: bucket.Bucket,
		Rule:   &s3.BucketOwnershipControlsRuleArgs{ObjectOwnership: pulumi.String("BucketOwnerEnforced")},
	}, pulumi.Parent(parent), pulumi.DependsOn([]pulumi.Resource{block}))
	if err != nil {
		return nil, fmt.Errorf("enforce the owner of bucket %q: %w", name, err)
	}
	attached, err := s3.NewBucketPolicy(ctx, name+"-policy", &s3.BucketPolicyArgs{
		Bucket: bucket.Bucket,
		Policy: document(func(in []string) any {
			resources := []string{place.bucketArn(in[0]), place.bucketArn(in[0]) + "/*"}
			statements := []statement{
				denyPlainHTTP([]string{"s3:*"}, resources),
				{
					Sid:       "DenyOldTLS",
					Effect:    "Deny",
					Principal: "*",
					Action:    []string{"s3:*"},
					Resource:  resources,
					Condition: map[string]any{"NumericLessThan": map[string]any{"s3:TlsVersion": "1.2"}},
				},
			}
			if key := in[1]; key != "" {
				statements = append(statements, denyOtherKeys(key, resources[1])...)
			}
			if args.statements != nil {
				statements = append(statements, args.statements(resources[0])...)
			}
			return newPolicy(statements...)
		}, bucket.Bucket, keyOrNone(args.keyArn)),
	}, pulumi.Parent(parent), pulumi.DependsOn([]pulumi.Resource{ownership}))
	if err != nil {
		return nil, fmt.Errorf("attach the policy of bucket %q: %w", name, err)
	}
	return attached, nil
}

// denyOtherKeys refuses objects whose writer asks for something else than the
// bucket's key. Whoever asks for nothing gets that key.
func denyOtherKeys(keyArn, objects string) []statement {
	const algorithm, key = "s3:x-amz-server-side-encryption", "s3:x-amz-server-side-encryption-aws-kms-key-id"
	deny := func(sid, header, operator, want string) statement {
		return statement{
			Sid:       sid,
			Effect:    "Deny",
			Principal: "*",
			Action:    []string{"s3:PutObject"},
			Resource:  []string{objects},
			Condition: map[string]any{
				"Null":   map[string]any{header: "false"},
				operator: map[string]any{header: want},
			},
		}
	}
	return []statement{
		deny("DenyOtherEncryption", algorithm, "StringNotEquals", "aws:kms"),
		deny("DenyOtherKeys", key, "ArnNotEquals", keyArn),
	}
}

// encryptBucket encrypts new objects with the key, or with keys that S3 owns
// (SSE-S3, free). A bucket key makes one request to KMS do for many objects.
func encryptBucket(ctx *pulumi.Context, name string, bucket *s3.BucketV2, keyArn pulumi.StringInput, parent pulumi.Resource) error {
	rule := &s3.BucketServerSideEncryptionConfigurationV2RuleArgs{
		ApplyServerSideEncryptionByDefault: &s3.BucketServerSideEncryptionConfigurationV2RuleApplyServerSideEncryptionByDefaultArgs{
			SseAlgorithm: pulumi.String("AES256"),
		},
	}
	if keyArn != nil {
		rule = &s3.BucketServerSideEncryptionConfigurationV2RuleArgs{
			ApplyServerSideEncryptionByDefault: &s3.BucketServerSideEncryptionConfigurationV2RuleApplyServerSideEncryptionByDefaultArgs{
				SseAlgorithm:   pulumi.String("aws:kms"),
				KmsMasterKeyId: keyPtr(keyArn),
			},
			BucketKeyEnabled: pulumi.Bool(true),
		}
	}
	_, err := s3.NewBucketServerSideEncryptionConfigurationV2(ctx, name+"-encryption", &s3.BucketServerSideEncryptionConfigurationV2Args{
		Bucket: bucket.Bucket,
		Rules:  s3.BucketServerSideEncryptionConfigurationV2RuleArray{rule},
	}, pulumi.Parent(parent))
	if err != nil {
		return fmt.Errorf("encrypt bucket %q: %w", name, err)
	}
	return nil
}

// versionBucket keeps versions of objects and lets things age. A bucket has one
// lifecycle configuration, so every rule is here.
func versionBucket(ctx *pulumi.Context, name string, bucket *s3.BucketV2, lifecycle Lifecycle, parent pulumi.Resource) error {
	versioning, err := s3.NewBucketVersioningV2(ctx, name+"-versioning", &s3.BucketVersioningV2Args{
		Bucket:                  bucket.Bucket,
		VersioningConfiguration: &s3.BucketVersioningV2VersioningConfigurationArgs{Status: pulumi.String("Enabled")},
	}, pulumi.Parent(parent))
	if err != nil {
		return fmt.Errorf("version bucket %q: %w", name, err)
	}
	_, err = s3.NewBucketLifecycleConfigurationV2(ctx, name+"-lifecycle", &s3.BucketLifecycleConfigurationV2Args{
		Bucket: bucket.Bucket,
		Rules:  lifecycle.rules(),
	}, pulumi.Parent(parent), pulumi.DependsOn([]pulumi.Resource{versioning}))
	if err != nil {
		return fmt.Errorf("set the lifecycle of bucket %q: %w", name, err)
	}
	return nil
}
