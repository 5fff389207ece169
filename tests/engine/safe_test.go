package engine_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"ds-pipeline/internal/simcloud/simtest"
	"ds-pipeline/stack"
)

const key = "aws:kms/key:Key"

func TestEncryption_aKeyOfOursIsAddedAndTakenAway(t *testing.T) {
	t.Parallel()
	s := ours(t, "dev", map[string]string{"ds-pipeline:encryption": "customer-key", "ds-pipeline:flowLogs": "true"})
	deployed := s.Up()
	if keys := s.Cloud.IDs(key); len(keys) != 1 || !strings.HasSuffix(deployed.Outputs["kmsKeyArn"].StringValue(), keys[0]) {
		t.Errorf("got keys %v, output %v", keys, deployed.Outputs["kmsKeyArn"])
	}
	for _, r := range deployed.Resources {
		if r.Type == logGroup && !strings.Contains(r.Inputs["kmsKeyId"].String(), ":key/") {
			t.Errorf("%s is not encrypted with the key", r.URN.Name())
		}
	}
	s.Settled()
	s.Set("ds-pipeline:encryption", "sse-s3")
	s.Up()
	if keys := s.Cloud.IDs(key); len(keys) != 0 {
		t.Errorf("got keys %v, want none", keys)
	}
	s.Settled()
	s.Destroy()
}

func TestEncryption_theKeyOfProtectedDataCannotBeDestroyed(t *testing.T) {
	t.Parallel()
	s := ours(t, "prod", map[string]string{"ds-pipeline:encryption": "customer-key"})
	s.Up()
	s.DestroyFails("encryption-alias", "because it is protected")
	if keys := s.Cloud.IDs(key); len(keys) != 1 {
		t.Errorf("got keys %v, want the one", keys)
	}
}

// The simulated CloudWatch Logs refuses, as the real one does, a key that does
// not admit it: here one that does not exist.
func TestEncryption_aKeyThatIsNotThereIsRefused(t *testing.T) {
	t.Parallel()
	s := ours(t, "dev", map[string]string{
		"ds-pipeline:encryption": "customer-key",
		"ds-pipeline:kmsKeyArn":  "arn:aws:kms:us-east-1:111111111111:key/12345678-1234-1234-1234-123456789012",
	})
	s.UpFails("processing-logs", "kmsKeyId", "does not let logs.us-east-1.amazonaws.com use it")
}

func TestNetwork_modesFollowEachOther(t *testing.T) {
	t.Parallel()
	s := ours(t, "dev", map[string]string{"ds-pipeline:flowLogs": "true"})
	s.Up()
	for _, change := range []struct{ mode, perZone, address string }{
		{"private", "false", "DISABLED"}, {"private", "true", "DISABLED"}, {"endpoints", "true", "DISABLED"}, {"endpoints", "false", "DISABLED"}, {"public", "false", "ENABLED"},
	} {
		s.Set("ds-pipeline:networkMode", change.mode)
		s.Set("ds-pipeline:egressPerZone", change.perZone)
		deployed := s.Up()
		network := machineState(t, deployed, "Preprocess")["Parameters"].(map[string]any)["NetworkConfiguration"].(map[string]any)["AwsvpcConfiguration"].(map[string]any)
		if network["AssignPublicIp"] != change.address {
			t.Errorf("%s: public address %v, want %s", change.mode, network["AssignPublicIp"], change.address)
		}
		if subnets := network["Subnets"].([]any); len(subnets) != 2 {
			t.Errorf("%s: tasks run in %v, want two subnets", change.mode, subnets)
		}
		s.Settled()
	}
	s.Destroy()
}

func TestNetwork_existingOneIsUsedAndLeftAlone(t *testing.T) {
	t.Parallel()
	owner := simtest.Program(t, func(ctx *pulumi.Context) error {
		for i, cidr := range []string{"10.9.0.0/24", "10.8.0.0/24"} {
			name := []string{"theirs", "other"}[i]
			v, err := ec2.NewVpc(ctx, name, &ec2.VpcArgs{CidrBlock: pulumi.String(cidr)})
			if err != nil {
				return err
			}
			sn, err := ec2.NewSubnet(ctx, name, &ec2.SubnetArgs{VpcId: v.ID(), CidrBlock: pulumi.String(cidr)})
			if err != nil {
				return err
			}
			ctx.Export(name+"Vpc", v.ID())
			ctx.Export(name+"Subnet", sn.ID())
		}
		return nil
	})
	theirs := owner.Up()
	vpc, subnet := theirs.Outputs["theirsVpc"].StringValue(), theirs.Outputs["theirsSubnet"].StringValue()
	s := ours(t, "dev", map[string]string{"ds-pipeline:accountId": owner.Cloud.Account(), "ds-pipeline:networkMode": "existing", "ds-pipeline:vpcId": vpc, "ds-pipeline:subnetIds": subnet})
	s.Cloud = owner.Cloud
	other := theirs.Outputs["otherSubnet"].StringValue()
	s.Set("ds-pipeline:subnetIds", subnet+", "+other)
	s.UpFails("SubnetIDs", other, "want a subnet of "+vpc)
	s.Set("ds-pipeline:subnetIds", subnet)
	s.Up()
	s.Settled()
	s.Destroy()
	if got := s.Cloud.IDs("aws:ec2/vpc:Vpc"); len(got) != 2 {
		t.Errorf("got VPCs %v, want the two of their owner", got)
	}
}

func TestBoundary_isOnEveryRole(t *testing.T) {
	t.Parallel()
	const boundary = "arn:aws:iam::111111111111:policy/boundary"
	s := ours(t, "prod", map[string]string{"ds-pipeline:permissionsBoundaryArn": boundary, "ds-pipeline:flowLogs": "true", "ds-pipeline:protectData": "false"})
	roles := 0
	for _, r := range s.Up().Resources {
		if r.Type != role {
			continue
		}
		roles++
		if got := r.Inputs["permissionsBoundary"]; !got.IsString() || got.StringValue() != boundary {
			t.Errorf("%s has the boundary %v", r.URN.Name(), got)
		}
	}
	if roles < 5 {
		t.Errorf("saw %d roles", roles)
	}
	s.Settled()
	s.Set("ds-pipeline:permissionsBoundaryArn", "")
	if touched := simtest.Touched(s.Up()); len(touched) != 1 || len(touched["update"]) != roles {
		t.Errorf("got %v, want %d roles updated", touched, roles)
	}
}

// A stack of v1 gets v2 and goes back: the first image is still in the
// repository, its revision is still registered, and a run can use it again.
func TestRollback_goesBackToTheImageBefore(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := copyProject(dir); err != nil {
		t.Fatal(err)
	}
	s := simtest.File(t, stack.Deploy, dir, "dev", pinned("dev", nil))
	first := s.Up()
	image, revision := first.Outputs["imageUri"].StringValue(), first.Outputs["taskDefinitionArn"].StringValue()

	appendTo(t, dir, "preprocess/main.go", "\n// version two\n")
	second := s.Up()
	if got := second.Outputs["imageUri"].StringValue(); got == image {
		t.Fatalf("the second version runs the first image %s", got)
	}

	s.Set("ds-pipeline:imageUri", image)
	back := s.Up()
	if got := back.Outputs["imageUri"].StringValue(); got != image {
		t.Errorf("got image %s, want %s", got, image)
	}
	containers := back.Find(taskDefinition, "processing-task").Inputs["containerDefinitions"].StringValue()
	_, digest, _ := strings.Cut(image, "@")
	if !strings.Contains(containers, image) || !strings.Contains(containers, `{"name":"DS_IMAGE","value":"`+digest+`"}`) {
		t.Errorf("the task runs %s, want %s, and its digest for the manifest", containers, image)
	}
	if tags := s.Cloud.ImageTags(back.Outputs["repositoryUrl"].StringValue()); len(tags) != 2 {
		t.Errorf("got images %v, want both", tags)
	}
	if revisions := s.Cloud.IDs(taskDefinition); len(revisions) != 3 || back.Outputs["taskDefinitionArn"].StringValue() == revision {
		t.Errorf("got revisions %v, want the first two and a third", revisions)
	}
	s.Settled()
	s.Set("ds-pipeline:imageUri", "")
	if got := s.Up().Outputs["imageUri"].StringValue(); got != second.Outputs["imageUri"].StringValue() {
		t.Errorf("going forward again runs %s, want the second image", got)
	}
}

func appendTo(t *testing.T, dir, name, text string) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestAudit_logsAndTrailComeAndGo(t *testing.T) {
	t.Parallel()
	s := ours(t, "dev", map[string]string{"ds-pipeline:accessLogDays": "30", "ds-pipeline:auditTrailDays": "30", "ds-pipeline:encryption": "customer-key"})
	outputs := s.Up().Outputs
	for name, want := range map[resource.PropertyKey]string{"auditTrailArn": "trail/ds-preprocessing-dev", "auditTrailBucketName": "ds-trail-dev-111111111111-us-east-1"} {
		if got := outputs[name]; !got.IsString() || !strings.HasSuffix(got.StringValue(), want) {
			t.Errorf("output %s: got %v, want one that ends in %s", name, got, want)
		}
	}
	s.Settled()
	for kind, want := range map[string]int{"aws:cloudtrail/trail:Trail": 1, "aws:s3/bucketLoggingV2:BucketLoggingV2": 3, "aws:s3/bucketV2:BucketV2": 5} {
		if got := s.Cloud.IDs(kind); len(got) != want {
			t.Errorf("got %v, want %d of %s", got, want, kind)
		}
	}
	s.Set("ds-pipeline:accessLogDays", "0")
	s.Set("ds-pipeline:auditTrailDays", "0")
	if outputs := s.Up().Outputs; outputs["auditTrailArn"].IsString() {
		t.Errorf("a trail that is gone is the output %v", outputs["auditTrailArn"])
	}
	s.Settled()
	s.Destroy()
}

func TestLifecycle_isOneOfEachBucket(t *testing.T) {
	t.Parallel()
	s := ours(t, "dev", nil)
	s.Up()
	s.Set("ds-pipeline:outputTransitionDays", "90")
	s.Set("ds-pipeline:outputTransitionClass", "GLACIER_IR")
	s.Set("ds-pipeline:outputExpireDays", "400")
	s.Set("ds-pipeline:outputKeepVersionsDays", "3")
	s.Set("ds-pipeline:outputAbortUploadDays", "1")
	changed := s.Up()
	want(t, changed, map[string][]string{"update": {"data-output-lifecycle"}})
	got := changed.Find("aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2", "data-output-lifecycle").Inputs["rules"].String()
	for _, part := range []string{"daysAfterInitiation:{1}", "noncurrentDays:{3}", "days:{90} storageClass:{GLACIER_IR}", "expiration:{map[days:{400}]}"} {
		if !strings.Contains(got, part) {
			t.Errorf("got %s, want %s in it", got, part)
		}
	}
	s.Settled()
	s.Set("ds-pipeline:outputTransitionClass", "GLACIER")
	s.UpFails("outputTransitionClass", "a run has to read objects at once")
	s.Set("ds-pipeline:outputTransitionClass", "INTELLIGENT_TIERING")
	want(t, s.Up(), map[string][]string{"update": {"data-output-lifecycle"}})
	s.Destroy()
}
