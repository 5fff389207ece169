package simcloud

import (
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/s3"
)

const bucketType = "aws:s3/bucketV2:BucketV2"

var bucketParent = []Parent{{Property: "bucket", Type: bucketType}}

func bucketOf(i *instance) string { return text(i.in, "bucket") }

var s3Types = []*Type{
	{
		TypeName: bucketType, Args: s3.BucketV2Args{}, Outputs: s3.BucketV2{},
		Name:    &Naming{Property: "bucket", Scope: "global", Max: 63, Lower: true, Taken: "BucketAlreadyExists"},
		Replace: []string{"bucket", "bucketPrefix", "objectLockEnabled"},
		Required: []string{
			"corsRules[].allowedMethods", "corsRules[].allowedOrigins", "grants[].permissions",
			"replicationConfigurations[].rules", "serverSideEncryptionConfigurations[].rules",
		},
		Rules: []rule{
			bucketName("bucket"),
			atMostOne("", "bucket", "bucketPrefix"),
			oneOf("acl", "private", "public-read", "public-read-write", "aws-exec-read", "authenticated-read", "log-delivery-write"),
			oneOf("requestPayer", "BucketOwner", "Requester"),
			policy("policy", resourcePolicy),
		},
		Documents: []string{"policy"},
		Defaults:  map[string]any{"forceDestroy": false, "objectLockEnabled": false, "requestPayer": "BucketOwner"},
		State: func(i *instance) {
			name := i.id
			i.arn("s3", name)
			i.set("region", i.session.region)
			i.set("bucketDomainName", name+".s3."+i.session.dnsSuffix())
			i.set("bucketRegionalDomainName", name+".s3."+i.session.region+"."+i.session.dnsSuffix())
			i.set("hostedZoneId", "Z"+strings.ToUpper(fakeHex(13, "s3", i.session.region)))
		},
		Delete: func(c *Cloud, t *thing) error {
			if n := c.objects[t.id]; n > 0 && !flag(t.plain(), "forceDestroy") {
				return fmt.Errorf("BucketNotEmpty: the bucket holds %d objects and forceDestroy is not set", n)
			}
			delete(c.objects, t.id)
			return nil
		},
	},
	{
		TypeName: "aws:s3/bucketVersioningV2:BucketVersioningV2", Args: s3.BucketVersioningV2Args{}, Outputs: s3.BucketVersioningV2{},
		Replace: []string{"bucket", "expectedBucketOwner"},
		Parents: bucketParent, OnePer: []string{"bucket"}, ID: bucketOf,
		Rules: []rule{
			oneOf("versioningConfiguration.status", "Enabled", "Suspended", "Disabled"),
			oneOf("versioningConfiguration.mfaDelete", "Enabled", "Disabled"),
		},
	},
	{
		TypeName: "aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2",
		Args:     s3.BucketServerSideEncryptionConfigurationV2Args{}, Outputs: s3.BucketServerSideEncryptionConfigurationV2{},
		Replace: []string{"bucket", "expectedBucketOwner"}, Required: []string{"rules"},
		Parents: bucketParent, OnePer: []string{"bucket"}, ID: bucketOf,
		Rules: []rule{
			sized("rules", 1, 1),
			oneOf("rules[].applyServerSideEncryptionByDefault.sseAlgorithm", "AES256", "aws:kms", "aws:kms:dsse"),
			func(c *checking) {
				objects(c.props, "rules[].applyServerSideEncryptionByDefault", func(at string, o map[string]any) {
					if o["kmsMasterKeyId"] != nil && o["sseAlgorithm"] == "AES256" {
						c.problem(at+".kmsMasterKeyId", `only with sseAlgorithm "aws:kms" or "aws:kms:dsse"`)
					}
				})
			},
		},
	},
	{
		TypeName: "aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2",
		Args:     s3.BucketLifecycleConfigurationV2Args{}, Outputs: s3.BucketLifecycleConfigurationV2{},
		Replace: []string{"bucket", "expectedBucketOwner"}, Required: []string{"rules"},
		Parents: bucketParent, OnePer: []string{"bucket"}, ID: bucketOf,
		Defaults: map[string]any{"transitionDefaultMinimumObjectSize": "all_storage_classes_128K"},
		Rules: []rule{
			sized("rules", 1, 1000),
			uniqueBy("rules", "id"),
			sized("rules[].id", 1, 255),
			oneOf("rules[].status", "Enabled", "Disabled"),
			atMostOne("rules[]", "filter", "prefix"),
			atLeastOne("rules[]", "abortIncompleteMultipartUpload", "expiration", "noncurrentVersionExpiration", "noncurrentVersionTransitions", "transitions"),
			exactlyOne("rules[].expiration", "date", "days", "expiredObjectDeleteMarker"),
			exactlyOne("rules[].transitions[]", "date", "days"),
			oneOf("rules[].transitions[].storageClass", storageClasses...),
			oneOf("rules[].noncurrentVersionTransitions[].storageClass", storageClasses...),
			between("rules[].expiration.days", 1, 1<<31-1),
			between("rules[].transitions[].days", 0, 1<<31-1),
			between("rules[].noncurrentVersionExpiration.noncurrentDays", 1, 1<<31-1),
			between("rules[].noncurrentVersionExpiration.newerNoncurrentVersions", 1, 100),
			between("rules[].abortIncompleteMultipartUpload.daysAfterInitiation", 1, 1<<31-1),
			oneOf("transitionDefaultMinimumObjectSize", "all_storage_classes_128K", "varies_by_storage_class"),
			expireAfterTransition,
		},
	},
	{
		TypeName: "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", Args: s3.BucketPublicAccessBlockArgs{}, Outputs: s3.BucketPublicAccessBlock{},
		Replace: []string{"bucket"}, Parents: bucketParent, OnePer: []string{"bucket"}, ID: bucketOf, Exclusive: bucketOf,
		Defaults: map[string]any{"blockPublicAcls": false, "blockPublicPolicy": false, "ignorePublicAcls": false, "restrictPublicBuckets": false},
	},
	{
		TypeName: "aws:s3/bucketOwnershipControls:BucketOwnershipControls", Args: s3.BucketOwnershipControlsArgs{}, Outputs: s3.BucketOwnershipControls{},
		Replace: []string{"bucket"}, Parents: bucketParent, OnePer: []string{"bucket"}, ID: bucketOf, Exclusive: bucketOf,
		Rules: []rule{oneOf("rule.objectOwnership", "BucketOwnerPreferred", "ObjectWriter", "BucketOwnerEnforced")},
	},
	{
		TypeName: "aws:s3/bucketPolicy:BucketPolicy", Args: s3.BucketPolicyArgs{}, Outputs: s3.BucketPolicy{},
		Replace: []string{"bucket"}, Required: []string{"policy"}, Documents: []string{"policy"},
		Parents: bucketParent, OnePer: []string{"bucket"}, ID: bucketOf, Exclusive: bucketOf,
		Rules: []rule{policy("policy", resourcePolicy)},
		Create: func(i *instance) error {
			bucket := bucketOf(i)
			if err := policyIsAbout(i.in["policy"], i.session.arn("s3", bucket)); err != nil {
				return err
			}
			if !publicPolicy(i.in["policy"]) {
				return nil
			}
			block := i.cloud.find("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", bucket)
			if block != nil && flag(block.plain(), "blockPublicPolicy") {
				return fmt.Errorf("AccessDenied: the policy lets everyone in, and %s sets blockPublicPolicy", block.urn)
			}
			return nil
		},
	},
	{
		TypeName: "aws:s3/bucketLoggingV2:BucketLoggingV2", Args: s3.BucketLoggingV2Args{}, Outputs: s3.BucketLoggingV2{},
		Replace: []string{"bucket", "expectedBucketOwner"},
		Parents: []Parent{{Property: "bucket", Type: bucketType}, {Property: "targetBucket", Type: bucketType}},
		OnePer:  []string{"bucket"}, ID: bucketOf, Create: logsArrive,
	},
	{
		TypeName: "aws:s3/bucketNotification:BucketNotification", Args: s3.BucketNotificationArgs{}, Outputs: s3.BucketNotification{},
		Replace: []string{"bucket"}, Required: []string{"lambdaFunctions[].events", "queues[].events", "topics[].events"},
		Parents: bucketParent, OnePer: []string{"bucket"}, ID: bucketOf,
		Rules: []rule{
			arn("queues[].queueArn", "sqs"), arn("topics[].topicArn", "sns"), arn("lambdaFunctions[].lambdaFunctionArn", "lambda"),
		},
	},
	{
		TypeName: "aws:s3/bucketObjectv2:BucketObjectv2", Args: s3.BucketObjectv2Args{}, Outputs: s3.BucketObjectv2{},
		Replace: []string{"bucket", "key"}, Required: []string{"bucket"}, Parents: bucketParent, OnePer: []string{"bucket", "key"},
		Name: &Naming{Property: "key", Scope: "none", Max: 1024},
		Rules: []rule{
			atMostOne("", "source", "content", "contentBase64"),
			oneOf("serverSideEncryption", "AES256", "aws:kms", "aws:kms:dsse"),
			oneOf("storageClass", append([]string{"STANDARD", "REDUCED_REDUNDANCY", "EXPRESS_ONEZONE"}, storageClasses...)...),
		},
		ID: func(i *instance) string { return bucketOf(i) + "/" + text(i.in, "key") },
		State: func(i *instance) {
			i.arn("s3", i.id)
			i.set("etag", i.fake(32, text(i.in, "content")))
			i.set("versionId", i.fake(32, text(i.in, "content")))
			if i.old == nil {
				i.cloud.objects[bucketOf(i)]++
			}
		},
		Defaults: map[string]any{"contentType": "application/octet-stream", "serverSideEncryption": "AES256", "storageClass": "STANDARD"},
		Delete: func(c *Cloud, t *thing) error {
			c.objects[text(t.plain(), "bucket")]--
			return nil
		},
	},
}

var storageClasses = []string{"GLACIER", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "DEEP_ARCHIVE", "GLACIER_IR"}

// logsArrive refuses a bucket of logs to which S3 would silently deliver nothing.
func logsArrive(i *instance) error {
	target := text(i.in, "targetBucket")
	source := i.session.arn("s3", bucketOf(i))
	if !i.cloud.bucketAdmits(i.session, target, "logging.s3.amazonaws.com", source, "s3:PutObject", text(i.in, "targetPrefix")+"x") {
		return fmt.Errorf("InvalidTargetBucketForLogging: targetBucket: the policy of %q does not let logging.s3.amazonaws.com write for %s", target, source)
	}
	encryption := i.cloud.find("aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2", target)
	if encryption == nil {
		return nil
	}
	var err error
	objects(encryption.plain(), "rules[].applyServerSideEncryptionByDefault", func(_ string, o map[string]any) {
		if o["sseAlgorithm"] != "AES256" {
			err = fmt.Errorf("InvalidTargetBucketForLogging: targetBucket: %q is encrypted with %s; access logs arrive with AES256 only", target, text(o, "sseAlgorithm"))
		}
	})
	return err
}

// bucketAdmits says whether the policy of a bucket lets a service act on an object
// ("" for the bucket itself), on behalf of a resource of this account. The cloud
// is locked.
func (c *Cloud) bucketAdmits(s *session, bucket, service, source, action, object string) bool {
	attached := c.find("aws:s3/bucketPolicy:BucketPolicy", bucket)
	if attached == nil {
		return false
	}
	resource := s.arn("s3", bucket)
	if object != "" {
		resource += "/" + object
	}
	for _, statement := range statementsOf(attached.plain()["policy"]) {
		principal, _ := statement["Principal"].(map[string]any)
		fits := func(field, value string) bool {
			return slices.ContainsFunc(refsOf(statement[field]), func(pattern string) bool { return wildcard(pattern, value) })
		}
		if statement["Effect"] == "Allow" && slices.Contains(refsOf(principal["Service"]), service) && fits("Action", action) && fits("Resource", resource) &&
			contextFits(statement["Condition"], "aws:SourceArn", source) && contextFits(statement["Condition"], "aws:SourceAccount", s.account) {
			return true
		}
	}
	return false
}

// bucketName is S3's rule for general purpose buckets.
func bucketName(path string) rule {
	pattern := like(path, `^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`, "3 to 63 lower-case letters, digits, dots and dashes, with a letter or digit at both ends")
	return func(c *checking) {
		pattern(c)
		visit(c.props, path, func(at string, v any) {
			s, _ := v.(string)
			switch {
			case net.ParseIP(s) != nil:
				c.problem(at, "got %q, want a name that is not an IP address", s)
			case strings.Contains(s, "..") || strings.Contains(s, ".-") || strings.Contains(s, "-."):
				c.problem(at, "got %q, want no dot beside a dot or dash", s)
			case strings.HasPrefix(s, "xn--") || strings.HasPrefix(s, "sthree-") || strings.HasPrefix(s, "amzn-s3-demo-"):
				c.problem(at, "got %q, want a name without a reserved beginning (xn--, sthree-, amzn-s3-demo-)", s)
			case strings.HasSuffix(s, "-s3alias") || strings.HasSuffix(s, "--ol-s3") || strings.HasSuffix(s, ".mrap") || strings.HasSuffix(s, "--x-s3"):
				c.problem(at, "got %q, want a name without a reserved ending (-s3alias, --ol-s3, .mrap, --x-s3)", s)
			}
		})
	}
}

// expireAfterTransition wants objects to move before they go, and to wait the
// 30 days that the infrequent-access classes ask for.
func expireAfterTransition(c *checking) {
	objects(c.props, "rules[]", func(at string, r map[string]any) {
		expiration, _ := r["expiration"].(map[string]any)
		gone, expires := expiration["days"].(float64)
		transitions, _ := r["transitions"].([]any)
		for n, v := range transitions {
			t, _ := v.(map[string]any)
			days, ok := t["days"].(float64)
			if !ok {
				continue
			}
			here := fmt.Sprintf("%s.transitions[%d].days", at, n)
			if class := text(t, "storageClass"); (class == "STANDARD_IA" || class == "ONEZONE_IA") && days < 30 {
				c.problem(here, "got %s, want at least 30 for %s", shown(days), class)
			}
			if expires && days >= gone {
				c.problem(here, "got %s, want less than expiration.days, %s", shown(days), shown(gone))
			}
		}
	})
}

// policyIsAbout refuses a policy whose statements name something else than
// what it is attached to.
func policyIsAbout(v any, arn string) error {
	for n, s := range statementsOf(v) {
		for _, ref := range refsOf(s["Resource"]) {
			if ref != arn && !strings.HasPrefix(ref, arn+"/") && ref != "*" {
				return fmt.Errorf("MalformedPolicy: policy.Statement[%d].Resource: got %q, want %s or what is in it", n, ref, arn)
			}
		}
	}
	return nil
}
