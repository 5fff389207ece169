package components

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/s3"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// logVersionDays is how long a log that was deleted or overwritten can be
// restored. Logs come under new names, so that few ever are.
const logVersionDays = 30

// newAccessLogs creates the bucket that S3 writes the access logs of the others
// to. It is encrypted with keys of S3 in any case: S3 does not deliver to a bucket
// with a key of ours, and does not say so.
func newAccessLogs(ctx *pulumi.Context, name string, args *DataBucketsArgs, parent pulumi.Resource) (*privateBucket, error) {
	var sources []string
	for _, purpose := range bucketPurposes {
		sources = append(sources, args.Place.bucketArn(args.bucketName(purpose)))
	}
	return newPrivateBucket(ctx, name, privateBucketArgs{
		place:        args.Place,
		bucketName:   args.bucketName(logsPurpose),
		forceDestroy: args.ForceDestroy,
		lifecycle:    Lifecycle{ExpireDays: args.AccessLogDays}.or(logVersionDays),
		statements: func(bucketArn string) []statement {
			return []statement{{
				// S3 names what it delivers, after the bucket, the time and a number.
				Sid:       "DeliverAccessLogs",
				Effect:    "Allow",
				Principal: map[string]any{"Service": s3Logging},
				Action:    []string{"s3:PutObject"},
				Resource:  []string{bucketArn + "/*"},
				Condition: map[string]any{
					"StringEquals": map[string]any{"aws:SourceAccount": args.Place.AccountID},
					"ArnLike":      map[string]any{"aws:SourceArn": sources},
				},
			}}
		},
	}, parent)
}

// logAccess writes who reads and writes a bucket below its name in another one,
// whose policy has to let S3 in first.
func logAccess(ctx *pulumi.Context, name string, bucket *s3.BucketV2, logs *privateBucket, parent pulumi.Resource) error {
	_, err := s3.NewBucketLoggingV2(ctx, name+"-logging", &s3.BucketLoggingV2Args{
		Bucket:       bucket.Bucket,
		TargetBucket: logs.bucket.Bucket,
		TargetPrefix: pulumi.Sprintf("%s/", bucket.Bucket),
	}, pulumi.Parent(parent), pulumi.DependsOn([]pulumi.Resource{logs.policy}))
	if err != nil {
		return fmt.Errorf("log the access to bucket %q: %w", name, err)
	}
	return nil
}
