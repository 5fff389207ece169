package components

import (
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const testKeyArn = "arn:aws:kms:us-east-1:111111111111:key/12345678-1234-1234-1234-123456789012"

func TestEncryptionKey_policyIsTheReviewedOne(t *testing.T) {
	r := record(t, func(ctx *pulumi.Context) error {
		_, err := NewEncryptionKey(ctx, "encryption", validEncryptionKey(""))
		return err
	})
	key := r.one(t, "encryption-key")
	golden(t, "policy-key", key.text("policy"))
	if !key.inputs["enableKeyRotation"].BoolValue() || key.inputs["deletionWindowInDays"].NumberValue() != 30 {
		t.Errorf("rotated %v, deleted after %v days", key.inputs["enableKeyRotation"], key.inputs["deletionWindowInDays"])
	}
}

func TestEncryptionKey_letsInWhatItIsForAlone(t *testing.T) {
	for service, leave := range map[string]func(*EncryptionKeyArgs){
		"logs.":       func(a *EncryptionKeyArgs) { a.LogGroupNames = nil },
		"cloudtrail.": func(a *EncryptionKeyArgs) { a.TrailName = "" },
	} {
		args := validEncryptionKey("")
		if text, err := renderJSON(keyPolicy(args)); err != nil || !strings.Contains(text, service) {
			t.Errorf("%s has no use of the key in %s, %v", service, text, err)
		}
		leave(args)
		if text, err := renderJSON(keyPolicy(args)); err != nil || strings.Contains(text, service) {
			t.Errorf("%s has a use of the key in %s, %v", service, text, err)
		}
	}
}

func TestEncryptionKey_isProtectedAndKeptWithTheData(t *testing.T) {
	for _, protect := range []bool{false, true} {
		r := record(t, func(ctx *pulumi.Context) error {
			args := validEncryptionKey("")
			args.ProtectData = protect
			_, err := NewEncryptionKey(ctx, "encryption", args)
			return err
		})
		if res := r.one(t, "encryption"); res.retain != protect || res.protect != protect {
			t.Errorf("ProtectData %v: retained %v, protected %v", protect, res.retain, res.protect)
		}
		if res := r.one(t, "encryption-key"); res.protect != protect {
			t.Errorf("ProtectData %v: the key is protected: %v", protect, res.protect)
		}
	}
}

func TestEncryptionKey_reportsEveryProblem(t *testing.T) {
	args := &EncryptionKeyArgs{Place: testPlace, AliasName: "a/b", LogGroupNames: []string{"a b"}, TrailName: "-", DeletionDays: 31}
	err := args.validate()
	want := `AliasName: got "a/b", want 1 to 250 characters: letters, digits, _ and -
DeletionDays: got 31, want 7 to 30
LogGroupNames[0]: got "a b", want 1 to 512 characters: letters, digits and _ / . # -
TrailName: got "-", want 1 to 128 characters: letters, digits and . _ -, 3 or more, with a letter or digit at both ends`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func TestCheckKMSKeyArn_wantsAKeyOfTheRegion(t *testing.T) {
	for arn, want := range map[string]bool{
		testKeyArn: true,
		"arn:aws:kms:us-east-1:111111111111:key/mrk-0123456789abcdef0123456789abcdef":   true,
		"arn:aws:kms:us-east-1:111111111111:alias/mine":                                 false,
		"arn:aws:kms:eu-west-1:111111111111:key/12345678-1234-1234-1234-123456789012":   false,
		"12345678-1234-1234-1234-123456789012":                                          false,
		"arn:aws:kms:us-east-1:111111111111:key/*":                                      false,
		"arn:aws:kms:us-east-1:111111111111:key/12345678-1234-1234-1234-123456789012/x": false,
	} {
		if got := CheckKMSKeyArn(arn, "us-east-1") == nil; got != want {
			t.Errorf("%s: accepted %v, want %v", arn, got, want)
		}
	}
}

func TestCustomerKey_encryptsEverything(t *testing.T) {
	key := pulumi.String(testKeyArn)
	r := record(t, func(ctx *pulumi.Context) error {
		data, processing, pipeline := validDataBuckets(""), validProcessingCluster(""), validPipeline("")
		schedule, monitoring := validSchedule(""), validMonitoring("")
		data.KMSKeyArn, processing.KMSKeyArn, pipeline.KMSKeyArn, schedule.KMSKeyArn, monitoring.KMSKeyArn = key, key, key, key, key
		processing.Network.FlowLogGroupName = "/vpc/flow"
		if _, err := NewDataBuckets(ctx, "data", data); err != nil {
			return err
		}
		if _, err := NewProcessingCluster(ctx, "processing", processing); err != nil {
			return err
		}
		if _, err := NewPipeline(ctx, "pipeline", pipeline); err != nil {
			return err
		}
		if _, err := NewSchedule(ctx, "schedule", schedule); err != nil {
			return err
		}
		_, err := NewMonitoring(ctx, "monitoring", monitoring)
		return err
	})
	fields := map[string]string{
		"aws:cloudwatch/logGroup:LogGroup": "kmsKeyId", "aws:sns/topic:Topic": "kmsMasterKeyId", "aws:sqs/queue:Queue": "kmsMasterKeyId",
	}
	seen := map[string]int{}
	for _, res := range r.resources {
		if field, ok := fields[res.kind]; ok {
			seen[res.kind]++
			if got := res.text(field); got != testKeyArn {
				t.Errorf("%s is encrypted with %q", res.name, got)
			}
		}
		if strings.HasSuffix(res.kind, ":BucketServerSideEncryptionConfigurationV2") && res.name != "data-logs-encryption" {
			seen["buckets"]++
			rule := res.inputs["rules"].ArrayValue()[0].ObjectValue()
			algorithm := rule["applyServerSideEncryptionByDefault"].ObjectValue()
			if algorithm["kmsMasterKeyId"].StringValue() != testKeyArn || algorithm["sseAlgorithm"].StringValue() != "aws:kms" || !rule["bucketKeyEnabled"].BoolValue() {
				t.Errorf("%s: %v", res.name, rule)
			}
		}
	}
	if seen["aws:cloudwatch/logGroup:LogGroup"] < 3 || seen["aws:sns/topic:Topic"] < 2 || seen["aws:sqs/queue:Queue"] < 1 || seen["buckets"] < 3 {
		t.Errorf("saw %v", seen)
	}
	repository := r.one(t, "processing-repository").inputs["encryptionConfigurations"].ArrayValue()[0].ObjectValue()
	if repository["encryptionType"].StringValue() != "KMS" || repository["kmsKey"].StringValue() != testKeyArn {
		t.Errorf("the repository is encrypted with %v", repository)
	}
	golden(t, "policy-bucket-key", r.one(t, "data-input-policy").text("policy"))
	golden(t, "policy-task-key", r.one(t, "processing-task-role-policy").text("policy"))
	for _, name := range []string{"processing-execution-role-policy", "schedule-role-policy", "processing-network-flow-role-policy"} {
		if policy := r.one(t, name).text("policy"); strings.Contains(policy, "kms:") {
			t.Errorf("%s may use a key, and calls nothing that needs one", name)
		}
	}
	machine := r.one(t, "pipeline-role-policy").text("policy")
	for _, service := range []string{"s3", "sns"} {
		if !strings.Contains(machine, `{"kms:ViaService":"`+service+`.us-east-1.amazonaws.com"}`) {
			t.Errorf("the machine may not use the key through %s", service)
		}
	}
}
