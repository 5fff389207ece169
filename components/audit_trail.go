package components

import (
	"errors"
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudtrail"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const auditTrailType = "ds-pipeline:components:AuditTrail"

// AuditTrailArgs configures AuditTrail.
type AuditTrailArgs struct {
	// Place is the account and region of the trail and of the buckets.
	Place Place `pulumi:"place"`

	// Environment and Suffix are part of the name of the trail's bucket, as of
	// those of DataBuckets.
	Environment string `pulumi:"environment"`
	Suffix      string `pulumi:"suffix,optional"`

	// TrailName is the published name. Changing it replaces the trail; the record
	// goes on in the same bucket.
	TrailName string `pulumi:"trailName"`

	// KeepDays is how long the record is kept: 1 to 3650 days.
	KeepDays int `pulumi:"keepDays"`

	// BucketNames are the buckets whose objects are watched.
	BucketNames []pulumi.StringInput `pulumi:"bucketNames"`

	// KMSKeyArn encrypts the record; its policy has to admit the trail. nil uses
	// keys of S3.
	KMSKeyArn pulumi.StringInput `pulumi:"kmsKeyArn,optional"`

	// ProtectData refuses to delete the trail and the record, and keeps both in
	// AWS even when they leave the program.
	ProtectData bool `pulumi:"protectData,optional"`

	// ForceDestroy deletes the record together with its bucket. It cannot be
	// combined with ProtectData.
	ForceDestroy bool `pulumi:"forceDestroy,optional"`
}

func (a *AuditTrailArgs) validate() error {
	if a == nil {
		return errors.New("args are required")
	}
	errs := []error{
		a.Place.validate(),
		named("TrailName", checkName(a.TrailName, 128, trailNamePattern, trailNameWant)),
		named("KeepDays", CheckRange(a.KeepDays, 1, 3650)),
		present("BucketNames", len(a.BucketNames) > 0),
		checkBucketName(a.bucketName()),
	}
	for i, name := range a.BucketNames {
		errs = append(errs, present(fmt.Sprintf("BucketNames[%d]", i), name != nil))
	}
	if a.ProtectData && a.ForceDestroy {
		errs = append(errs, errors.New("ForceDestroy: cannot be combined with ProtectData"))
	}
	return errors.Join(errs...)
}

func (a *AuditTrailArgs) bucketName() string {
	b := DataBucketsArgs{Place: a.Place, Environment: a.Environment, Suffix: a.Suffix}
	return b.bucketName("trail")
}

func (a *AuditTrailArgs) trailArn() string { return a.Place.arn("cloudtrail", "trail/"+a.TrailName) }

// AuditTrail records every request for an object of some buckets: who, when, from
// where, and whether it was granted. In contrast to access logs nothing is left
// out, and a change to the record is seen.
//
//	<name>-trail   the trail; it signs its files
//	<name>-bucket  the record, private as the buckets with data are
//
// Requests that change resources are not recorded: the event history of the
// account has them for 90 days, free. Cost: $0.10 for 100,000 requests, of which
// a run makes a few hundred, and the storage.
type AuditTrail struct {
	pulumi.ResourceState

	TrailArn   pulumi.StringOutput `pulumi:"trailArn"`
	BucketName pulumi.StringOutput `pulumi:"bucketName"`
}

// NewAuditTrail creates the trail and the bucket of its record.
func NewAuditTrail(ctx *pulumi.Context, name string, args *AuditTrailArgs, opts ...pulumi.ResourceOption) (*AuditTrail, error) {
	if err := args.validate(); err != nil {
		return nil, fmt.Errorf("audit trail %q: %w", name, err)
	}
	if args.ProtectData {
		opts = append(opts, pulumi.Protect(true), pulumi.RetainOnDelete(true))
	}
	audit := &AuditTrail{}
	if err := ctx.RegisterComponentResource(auditTrailType, name, audit, opts...); err != nil {
		return nil, fmt.Errorf("register audit trail %q: %w", name, err)
	}

	record, err := newPrivateBucket(ctx, name+"-bucket", privateBucketArgs{
		place:        args.Place,
		bucketName:   args.bucketName(),
		forceDestroy: args.ForceDestroy,
		// Not the key: CloudTrail names it for the record itself, and signs with
		// files that it encrypts by keys of S3.
		lifecycle:  Lifecycle{ExpireDays: args.KeepDays}.or(logVersionDays),
		statements: args.letTrailWrite,
	}, audit)
	if err != nil {
		return nil, err
	}
	var objects pulumi.StringArray
	for _, bucket := range args.BucketNames {
		objects = append(objects, pulumi.Sprintf("%s%s/", args.Place.bucketArn(""), bucket))
	}
	trail, err := cloudtrail.NewTrail(ctx, name+"-trail", &cloudtrail.TrailArgs{
		Name:                       pulumi.String(args.TrailName),
		S3BucketName:               record.bucket.Bucket,
		KmsKeyId:                   keyPtr(args.KMSKeyArn),
		EnableLogging:              pulumi.Bool(true),
		EnableLogFileValidation:    pulumi.Bool(true),
		IncludeGlobalServiceEvents: pulumi.Bool(false),
		EventSelectors: cloudtrail.TrailEventSelectorArray{&cloudtrail.TrailEventSelectorArgs{
			ReadWriteType:           pulumi.String("All"),
			IncludeManagementEvents: pulumi.Bool(false),
			DataResources: cloudtrail.TrailEventSelectorDataResourceArray{&cloudtrail.TrailEventSelectorDataResourceArgs{
				Type:   pulumi.String("AWS::S3::Object"),
				Values: objects,
			}},
		}},
	}, pulumi.Parent(audit), pulumi.DependsOn([]pulumi.Resource{record.policy}))
	if err != nil {
		return nil, fmt.Errorf("create trail %q: %w", name+"-trail", err)
	}

	audit.TrailArn = trail.Arn
	audit.BucketName = record.bucket.Bucket
	if err := ctx.RegisterResourceOutputs(audit, pulumi.Map{
		"trailArn":   audit.TrailArn,
		"bucketName": audit.BucketName,
	}); err != nil {
		return nil, fmt.Errorf("register outputs of audit trail %q: %w", name, err)
	}
	return audit, nil
}

// letTrailWrite admits one trail to its bucket, and only below its account.
func (a *AuditTrailArgs) letTrailWrite(bucketArn string) []statement {
	itself := map[string]any{"aws:SourceArn": a.trailArn()}
	return []statement{
		{
			Sid:       "LetTrailLook",
			Effect:    "Allow",
			Principal: map[string]any{"Service": cloudTrail},
			Action:    []string{"s3:GetBucketAcl"},
			Resource:  []string{bucketArn},
			Condition: map[string]any{"StringEquals": itself},
		},
		{
			// CloudTrail names the files of the record, by region and day.
			Sid:       "LetTrailWrite",
			Effect:    "Allow",
			Principal: map[string]any{"Service": cloudTrail},
			Action:    []string{"s3:PutObject"},
			Resource:  []string{fmt.Sprintf("%s/AWSLogs/%s/*", bucketArn, a.Place.AccountID)},
			Condition: map[string]any{"StringEquals": map[string]any{"aws:SourceArn": a.trailArn(), "s3:x-amz-acl": "bucket-owner-full-control"}},
		},
	}
}
