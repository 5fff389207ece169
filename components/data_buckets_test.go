package components

import (
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

func recordDataBuckets(t *testing.T, spoil func(*DataBucketsArgs)) *recorder {
	t.Helper()
	return record(t, func(ctx *pulumi.Context) error {
		args := validDataBuckets("")
		if spoil != nil {
			spoil(args)
		}
		_, err := NewDataBuckets(ctx, "data", args)
		return err
	})
}

func TestDataBuckets_haveThePublishedNames(t *testing.T) {
	r := recordDataBuckets(t, func(a *DataBucketsArgs) { a.Suffix = "-blue" })
	for logical, want := range map[string]string{
		"data-input":     "ds-input-dev-111111111111-us-east-1-blue",
		"data-output":    "ds-output-dev-111111111111-us-east-1-blue",
		"data-artifacts": "ds-artifacts-dev-111111111111-us-east-1-blue",
	} {
		if got := r.one(t, logical).text("bucket"); got != want {
			t.Errorf("%s is %q, want %q", logical, got, want)
		}
	}
}

func TestDataBuckets_areClosedEncryptedAndVersioned(t *testing.T) {
	r := recordDataBuckets(t, nil)
	for _, bucket := range []string{"data-input", "data-output", "data-artifacts"} {
		block := r.one(t, bucket+"-public-access-block").inputs
		for _, flag := range []string{"blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"} {
			if v := block[key(flag)]; !v.IsBool() || !v.BoolValue() {
				t.Errorf("%s: %s is %v", bucket, flag, v)
			}
		}
		if got := r.one(t, bucket+"-ownership").inputs["rule"].ObjectValue()["objectOwnership"].StringValue(); got != "BucketOwnerEnforced" {
			t.Errorf("%s: ownership %s", bucket, got)
		}
		encryption := r.one(t, bucket+"-encryption").inputs["rules"].ArrayValue()[0].ObjectValue()
		if got := encryption["applyServerSideEncryptionByDefault"].ObjectValue()["sseAlgorithm"].StringValue(); got != "AES256" {
			t.Errorf("%s: encrypted with %s", bucket, got)
		}
		versioning := r.one(t, bucket+"-versioning").inputs["versioningConfiguration"].ObjectValue()
		if got := versioning["status"].StringValue(); got != "Enabled" {
			t.Errorf("%s: versioning %s", bucket, got)
		}
		rules := r.one(t, bucket+"-lifecycle").inputs["rules"].ArrayValue()
		if got := rules[0].ObjectValue()["abortIncompleteMultipartUpload"].ObjectValue()["daysAfterInitiation"].NumberValue(); got != 7 {
			t.Errorf("%s: uploads are aborted after %v days", bucket, got)
		}
		if got := rules[1].ObjectValue()["noncurrentVersionExpiration"].ObjectValue()["noncurrentDays"].NumberValue(); got != 30 {
			t.Errorf("%s: old versions expire after %v days", bucket, got)
		}
	}
}

func TestDataBuckets_policyIsTheReviewedOne(t *testing.T) {
	golden(t, "policy-bucket", recordDataBuckets(t, nil).one(t, "data-input-policy").text("policy"))
}

func TestDataBuckets_settingsThatRaceWaitForEachOther(t *testing.T) {
	r := recordDataBuckets(t, nil)
	for _, pair := range [][2]string{
		{"data-input-ownership", "data-input-public-access-block"},
		{"data-input-policy", "data-input-ownership"},
		{"data-input-lifecycle", "data-input-versioning"},
	} {
		waits := slices.ContainsFunc(r.one(t, pair[0]).dependsOn, func(urn string) bool { return strings.HasSuffix(urn, "::"+pair[1]) })
		if !waits {
			t.Errorf("%s does not wait for %s", pair[0], pair[1])
		}
	}
}

func TestDataBuckets_protectionCoversTheBucketsAndTheirSettings(t *testing.T) {
	for _, protect := range []bool{false, true} {
		r := recordDataBuckets(t, func(a *DataBucketsArgs) { a.ProtectData = protect })
		for _, res := range r.resources {
			// The SDK passes Protect on to children, the engine passes RetainOnDelete.
			if res.protect != protect {
				t.Errorf("ProtectData %v: %s is protected: %v", protect, res.name, res.protect)
			}
			if res.kind == dataBucketsType && res.retain != protect {
				t.Errorf("ProtectData %v: the component is retained: %v", protect, res.retain)
			}
		}
	}
}

func TestDataBuckets_onlyForceDestroyDeletesObjects(t *testing.T) {
	for _, force := range []bool{false, true} {
		r := recordDataBuckets(t, func(a *DataBucketsArgs) { a.ForceDestroy = force })
		if got := r.one(t, "data-output").inputs["forceDestroy"].BoolValue(); got != force {
			t.Errorf("ForceDestroy %v: forceDestroy is %v", force, got)
		}
	}
}

func TestCheckBucketName_followsTheRulesOfS3(t *testing.T) {
	for name, want := range map[string]bool{
		"abc": true, "a-1": true, strings.Repeat("a", 63): true,
		"ab": false, strings.Repeat("a", 64): false, "Abc": false, "a_b": false, "a.b": false,
		"-ab": false, "ab-": false, "a--b": false, "abc-s3alias": false, "": false,
	} {
		if got := checkBucketName(name) == nil; got != want {
			t.Errorf("%q: accepted %v, want %v", name, got, want)
		}
	}
}
