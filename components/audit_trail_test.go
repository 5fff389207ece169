package components

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

func TestAuditTrail_recordsTheBucketsAndSigns(t *testing.T) {
	r := record(t, func(ctx *pulumi.Context) error {
		_, err := NewAuditTrail(ctx, "audit", validAuditTrail(""))
		return err
	})
	trail := r.one(t, "audit-trail").inputs
	selector := trail["eventSelectors"].ArrayValue()[0].ObjectValue()
	values := selector["dataResources"].ArrayValue()[0].ObjectValue()["values"].ArrayValue()
	if len(values) != 2 || values[0].StringValue() != "arn:aws:s3:::in/" || selector["includeManagementEvents"].BoolValue() {
		t.Errorf("got %v", selector)
	}
	if !trail["enableLogging"].BoolValue() {
		t.Error("the trail records nothing")
	}
	if !trail["enableLogFileValidation"].BoolValue() {
		t.Error("the trail does not sign its files")
	}
	if trail["includeGlobalServiceEvents"].BoolValue() {
		t.Error("the trail records more than the buckets")
	}
	golden(t, "policy-trail-bucket", r.one(t, "audit-bucket-policy").text("policy"))
}

func TestAuditTrail_isProtectedAndKeptWithTheData(t *testing.T) {
	for _, protect := range []bool{false, true} {
		r := record(t, func(ctx *pulumi.Context) error {
			args := validAuditTrail("")
			args.ProtectData = protect
			_, err := NewAuditTrail(ctx, "audit", args)
			return err
		})
		if res := r.one(t, "audit"); res.retain != protect {
			t.Errorf("ProtectData %v: retained %v", protect, res.retain)
		}
		for _, name := range []string{"audit-trail", "audit-bucket"} {
			if res := r.one(t, name); res.protect != protect {
				t.Errorf("ProtectData %v: %s is protected: %v", protect, name, res.protect)
			}
		}
	}
}

func TestAccessLogs_goToABucketOfTheirOwn(t *testing.T) {
	r := recordDataBuckets(t, func(a *DataBucketsArgs) { a.KMSKeyArn = pulumi.String("arn:aws:kms:us-east-1:111111111111:key/k") })
	for _, bucket := range []string{"data-input", "data-output", "data-artifacts"} {
		logging := r.one(t, bucket+"-logging")
		if got := logging.text("targetBucket"); got != r.one(t, "data-logs").text("bucket") {
			t.Errorf("%s is logged in %q", bucket, got)
		}
	}
	rule := r.one(t, "data-logs-encryption").inputs["rules"].ArrayValue()[0].ObjectValue()
	if got := rule["applyServerSideEncryptionByDefault"].ObjectValue()["sseAlgorithm"].StringValue(); got != "AES256" {
		t.Errorf("logs are encrypted with %s: S3 would not deliver them", got)
	}
	golden(t, "policy-logs-bucket", r.one(t, "data-logs-policy").text("policy"))
}
