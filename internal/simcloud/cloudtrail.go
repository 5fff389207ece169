package simcloud

import (
	"fmt"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudtrail"
)

var cloudtrailTypes = []*Type{
	{
		TypeName: "aws:cloudtrail/trail:Trail", Args: cloudtrail.TrailArgs{}, Outputs: cloudtrail.Trail{},
		Name:    &Naming{Property: "name", Max: 128, Taken: "TrailAlreadyExistsException"},
		Replace: []string{"name"},
		Required: []string{
			"eventSelectors[].dataResources[].values", "advancedEventSelectors[].fieldSelectors",
		},
		Parents: []Parent{{Property: "s3BucketName", Type: bucketType, Outside: true}},
		Rules: []rule{
			like("name", `^[A-Za-z0-9][A-Za-z0-9._-]{1,126}[A-Za-z0-9]$`, "3 to 128 letters, digits and . _ -, with a letter or digit at both ends"),
			like("s3KeyPrefix", `^[^/].{0,198}[^/]$`, "2 to 200 characters without a slash at either end"),
			atMostOne("", "eventSelectors", "advancedEventSelectors"),
			oneOf("eventSelectors[].readWriteType", "All", "ReadOnly", "WriteOnly"),
			oneOf("eventSelectors[].dataResources[].type", "AWS::S3::Object", "AWS::Lambda::Function", "AWS::DynamoDB::Table"),
			sized("eventSelectors", 0, 5),
			oneOf("insightSelectors[].insightType", "ApiCallRateInsight", "ApiErrorRateInsight"),
			arn("kmsKeyId", "kms"),
			needs("", "cloudWatchLogsGroupArn", "cloudWatchLogsRoleArn"),
			needs("", "cloudWatchLogsRoleArn", "cloudWatchLogsGroupArn"),
			recordsSomething,
		},
		Defaults: map[string]any{
			"enableLogging": true, "enableLogFileValidation": false, "includeGlobalServiceEvents": true,
			"isMultiRegionTrail": false, "isOrganizationTrail": false,
		},
		Create: trailArrives,
		State: func(i *instance) {
			i.arn("cloudtrail", "trail/"+i.id)
			i.set("homeRegion", i.session.region)
		},
	},
}

// recordsSomething wants S3's objects by the ARN of their bucket and a slash, and
// a region of its own for a trail that leaves the global services out.
func recordsSomething(c *checking) {
	objects(c.props, "eventSelectors[].dataResources[]", func(at string, r map[string]any) {
		if text(r, "type") != "AWS::S3::Object" {
			return
		}
		values, _ := r["values"].([]any)
		for n, v := range values {
			if s, ok := v.(string); ok && s != "arn:aws:s3" && (!strings.Contains(s, ":s3:::") || !strings.Contains(s, "/")) {
				c.problem(fmt.Sprintf("%s.values[%d]", at, n), "got %q, want arn:aws:s3:::<bucket>/ and the beginning of a key", s)
			}
		}
	})
	if flag(c.props, "isMultiRegionTrail") && c.props["includeGlobalServiceEvents"] == false {
		c.problem("includeGlobalServiceEvents", "got false, want true with isMultiRegionTrail")
	}
}

// trailArrives refuses a bucket and a key that do not admit the trail. A bucket
// that others made is taken to do so.
func trailArrives(i *instance) error {
	bucket, trail := text(i.in, "s3BucketName"), i.session.arn("cloudtrail", "trail/"+i.id)
	const service = "cloudtrail.amazonaws.com"
	object := "AWSLogs/" + i.session.account + "/CloudTrail/x"
	if prefix := text(i.in, "s3KeyPrefix"); prefix != "" {
		object = prefix + "/" + object
	}
	if i.cloud.resolve(bucketType, bucket) != nil &&
		(!i.cloud.bucketAdmits(i.session, bucket, service, trail, "s3:GetBucketAcl", "") || !i.cloud.bucketAdmits(i.session, bucket, service, trail, "s3:PutObject", object)) {
		return fmt.Errorf("InsufficientS3BucketPolicyException: s3BucketName: the policy of %q does not let %s look at its ACL and write %s for %s", bucket, service, object, trail)
	}
	key := text(i.in, "kmsKeyId")
	if key != "" && !i.cloud.keyAdmits(i.session, key, service, "kms:GenerateDataKey", "aws:cloudtrail:arn", trail) {
		return fmt.Errorf("InsufficientEncryptionPolicyException: kmsKeyId: the key %q does not exist, or its policy does not let %s use it for %s", key, service, trail)
	}
	return nil
}
