package policy

import (
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/property"
)

const bucketKind = "s3.Bucket"

func bucketRules() []*Rule {
	return []*Rule{
		{
			Name: "bucket-blocks-public-access", Family: "S3", Level: mandatory, Severity: Critical,
			Wants:  "A bucket refuses public ACLs and public policies",
			Remedy: "add a s3.BucketPublicAccessBlock with all four settings true",
			stack:  bucketBlocksPublicAccess,
		},
		{
			Name: "bucket-refuses-plain-http", Family: "S3", Level: mandatory, Severity: High,
			Wants:  "A bucket's policy denies everything to whoever comes without TLS",
			Remedy: `add to its s3.BucketPolicy: Deny, Principal "*", Action "s3:*", on the bucket and its objects, where aws:SecureTransport is false`,
			stack:  bucketRefusesPlainHTTP,
		},
		{
			Name: "bucket-encrypted", Family: "S3", Level: mandatory, Severity: High,
			Wants:  "A bucket says how its objects are encrypted",
			Remedy: "add a s3.BucketServerSideEncryptionConfigurationV2 with AES256 or aws:kms",
			stack:  bucketEncrypted,
		},
		{
			Name: "bucket-versioned", Family: "S3", Level: mandatory, Severity: Medium,
			Wants:  "A bucket keeps old versions, so that what was overwritten can be restored",
			Remedy: "add a s3.BucketVersioningV2 with status Enabled",
			stack:  bucketVersioned,
		},
		{
			Name: "bucket-aborts-unfinished-uploads", Family: "S3", Level: mandatory, Severity: Low,
			Wants:  "A bucket deletes the parts of uploads that were never finished, which nobody sees and everybody pays for",
			Remedy: "add to its lifecycle a rule for every object with abortIncompleteMultipartUpload",
			stack:  bucketAbortsUploads,
		},
		{
			Name: "bucket-expires-old-versions", Family: "S3", Level: mandatory, Severity: Low,
			Wants:  "A bucket that keeps old versions deletes them in the end",
			Remedy: "add to its lifecycle a rule with noncurrentVersionExpiration",
			stack:  bucketExpiresVersions,
		},
		{
			Name: "bucket-owns-its-objects", Family: "S3", Level: mandatory, Severity: Medium,
			Wants:  "A bucket owns whatever is put into it, and has no ACLs",
			Remedy: "add a s3.BucketOwnershipControls with BucketOwnerEnforced",
			stack:  bucketOwnsObjects,
		},
		{
			Name: "bucket-access-logged", Family: "S3", Level: advisory, Severity: Medium,
			Wants:  "A bucket writes down who reads and writes it, unless it holds such logs itself",
			Remedy: "add a s3.BucketLoggingV2 that names another bucket",
			stack:  bucketAccessLogged,
		},
	}
}

// eachBucket reports every bucket that is not as holds wants it.
func eachBucket(c *check, p *plan, message string, holds func(bucket *resource) bool) {
	for _, bucket := range p.of(bucketKind) {
		if !holds(bucket) {
			c.report(bucket, "%s", message)
		}
	}
}

func bucketBlocksPublicAccess(c *check, p *plan) {
	flags := []string{"blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"}
	for _, bucket := range p.of(bucketKind) {
		blocks := p.attached(bucket, "bucket", "s3.BucketPublicAccessBlock")
		if len(blocks) == 0 {
			c.report(bucket, "no public access block is attached")
			continue
		}
		var off []string
		for _, flag := range flags {
			if slices.ContainsFunc(blocks, func(b *resource) bool { return isNot(b.get(flag), true) }) {
				off = append(off, flag)
			}
		}
		if len(off) > 0 {
			c.report(bucket, "%s: not true in its public access block", strings.Join(off, ", "))
		}
	}
}

func bucketRefusesPlainHTTP(c *check, p *plan) {
	covers := func(resources []string) bool {
		objects := slices.ContainsFunc(resources, func(s string) bool { return strings.HasSuffix(s, "*") })
		itself := slices.ContainsFunc(resources, func(s string) bool { return !strings.HasSuffix(s, "/*") })
		return objects && itself
	}
	eachBucket(c, p, "no statement denies plain HTTP for the bucket and its objects", func(bucket *resource) bool {
		policies := append(p.attached(bucket, "bucket", "s3.BucketPolicy"), bucket)
		return slices.ContainsFunc(policies, func(r *resource) bool { return r.refusesPlainHTTP("policy", "s3:GetObject", covers) })
	})
}

func bucketEncrypted(c *check, p *plan) {
	algorithms := []string{"AES256", "aws:kms", "aws:kms:dsse"}
	encrypts := func(rules property.Value) bool {
		return rules.IsComputed() || slices.ContainsFunc(items(rules), func(rule property.Value) bool {
			v := within(rule, "applyServerSideEncryptionByDefault", "sseAlgorithm")
			return v.IsComputed() || slices.Contains(algorithms, text(v))
		})
	}
	eachBucket(c, p, "no encryption is configured", func(bucket *resource) bool {
		return encrypts(bucket.get("serverSideEncryptionConfiguration", "rule")) ||
			slices.ContainsFunc(p.attached(bucket, "bucket", "s3.BucketServerSideEncryptionConfiguration"), func(r *resource) bool { return encrypts(r.get("rules")) })
	})
}

func versioned(p *plan, bucket *resource) bool {
	enabled := bucket.get("versioning", "enabled")
	return enabled.IsComputed() || isTrue(enabled) ||
		slices.ContainsFunc(p.attached(bucket, "bucket", "s3.BucketVersioning"), func(r *resource) bool {
			return !isNot(r.get("versioningConfiguration", "status"), "Enabled")
		})
}

func bucketVersioned(c *check, p *plan) {
	eachBucket(c, p, "versioning is not enabled", func(bucket *resource) bool { return versioned(p, bucket) })
}

// lifecycle tells whether an enabled lifecycle rule that filters nothing out has
// one of the settings.
func lifecycle(p *plan, bucket *resource, settings ...string) bool {
	everything := func(rule property.Value) bool {
		filter := within(rule, "filter")
		filtered := text(within(rule, "prefix")) != ""
		leaves(filter, func(s string) { filtered = filtered || s != "" })
		for _, size := range []string{"objectSizeGreaterThan", "objectSizeLessThan"} {
			filtered = filtered || !within(filter, size).IsNull() || !within(filter, "and", size).IsNull()
		}
		return !filtered
	}
	holds := func(rule property.Value) bool {
		return rule.IsComputed() || everything(rule) &&
			(!isNot(within(rule, "status"), "Enabled") || isTrue(within(rule, "enabled"))) &&
			slices.ContainsFunc(settings, func(name string) bool { return !within(rule, name).IsNull() })
	}
	rules := items(bucket.get("lifecycleRules"))
	for _, r := range p.attached(bucket, "bucket", "s3.BucketLifecycleConfiguration") {
		if r.get("rules").IsComputed() {
			return true
		}
		rules = append(rules, items(r.get("rules"))...)
	}
	return slices.ContainsFunc(rules, holds)
}

func bucketAbortsUploads(c *check, p *plan) {
	eachBucket(c, p, "no lifecycle rule for every object aborts unfinished uploads", func(bucket *resource) bool {
		return lifecycle(p, bucket, "abortIncompleteMultipartUpload", "abortIncompleteMultipartUploadDays")
	})
}

func bucketExpiresVersions(c *check, p *plan) {
	eachBucket(c, p, "versions are kept and no lifecycle rule for every object expires them", func(bucket *resource) bool {
		return !versioned(p, bucket) || lifecycle(p, bucket, "noncurrentVersionExpiration")
	})
}

func bucketOwnsObjects(c *check, p *plan) {
	eachBucket(c, p, "BucketOwnerEnforced is not set", func(bucket *resource) bool {
		return slices.ContainsFunc(p.attached(bucket, "bucket", "s3.BucketOwnershipControls"), func(r *resource) bool {
			return !isNot(r.get("rule", "objectOwnership"), "BucketOwnerEnforced")
		})
	})
}

func bucketAccessLogged(c *check, p *plan) {
	eachBucket(c, p, "access is not logged", func(bucket *resource) bool {
		return bucket.has("loggings") || bucket.has("logging") ||
			len(p.attached(bucket, "bucket", "s3.BucketLogging")) > 0 ||
			len(p.attached(bucket, "targetBucket", "s3.BucketLogging")) > 0
	})
}
