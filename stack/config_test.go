package stack

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/config"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"ds-pipeline/components"
)

// load reads a configuration through the SDK, as a program would. Keys without
// a namespace are ours.
func load(t *testing.T, values map[string]string) (Config, error) {
	t.Helper()
	full := map[string]string{"aws:region": "us-east-1"}
	for name, value := range values {
		if !strings.Contains(name, ":") {
			name = "ds-pipeline:" + name
		}
		full[name] = value
		if value == "<unset>" {
			delete(full, name)
		}
	}
	var cfg Config
	var loadErr error
	err := pulumi.RunErr(func(ctx *pulumi.Context) error {
		cfg, loadErr = LoadConfig(ctx)
		return nil
	}, pulumi.WithMocks("ds-pipeline", "dev", &cloud{}), func(info *pulumi.RunInfo) { info.Config = full })
	if err != nil {
		t.Fatal(err)
	}
	return cfg, loadErr
}

func TestLoadConfig_hasDefaults(t *testing.T) {
	got, err := load(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := Config{
		Region: "us-east-1", Environment: "dev", ParameterPrefix: "/ds/preprocessing/",
		InputKey: "raw/monthly_data.csv", ModelKey: "models/preprocessing_model.pkl",
		TaskCPU: 2048, TaskMemoryMiB: 4096, TaskStorageGiB: 20, Architecture: components.AMD64, Image: "auto", KeepImages: 10, TaskTimeoutMinutes: 240, TaskAttempts: 4,
		ScaleSource: "off", ScaleObjects: 20, ScaleRangeMiB: 1024, ScaleVCPUs: 6, ScaleHours: 24,
		ScheduleExpression: "cron(0 9 15 * ? *)", ScheduleEnabled: true, Alarms: true, Dashboard: true,
		LogRetentionDays: 30, NetworkMode: "public", NetworkCIDR: "10.0.0.0/24", KeepVersionsDays: 30, Encryption: "sse-s3", KeyDeletionDays: 30,
		InputLifecycle: components.Lifecycle{AbortDays: 7}, OutputLifecycle: components.Lifecycle{AbortDays: 7}, ArtifactLifecycle: components.Lifecycle{AbortDays: 7},
	}
	if got != want {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
}

func TestLoadConfig_readsEveryKey(t *testing.T) {
	image := "111111111111.dkr.ecr.us-east-1.amazonaws.com/x@sha256:" + strings.Repeat("0", 64)
	got, err := load(t, map[string]string{
		"aws:region": "eu-west-1", "aws:profile": "p", "environment": "test", "accountId": "111111111111", "resourceSuffix": "-blue",
		"inputKey": "i", "modelKey": "m", "scriptKey": "s", "packageKey": "p", "scriptStage": "after",
		"inputFormat": "csv", "inputDelimiter": ";", "inputEncoding": "latin-1", "nullValues": "none", "maxRecordBytes": "2048", "maxRejects": "0.5%", "keepColumns": "id,ts",
		"outputFormat": "csv", "outputDelimiter": "tab", "report": "false", "taskCpu": "4096", "taskMemoryMiB": "8192", "taskStorageGiB": "100", "useSpot": "true",
		"architecture": "arm64", "imageUri": image, "image": "python", "keepImages": "3", "taskTimeoutMinutes": "60", "taskAttempts": "2",
		"scaleOut": "off", "scaleOutObjects": "5", "scaleOutRangeMiB": "128", "scaleOutVcpus": "100", "scaleOutConcurrency": "7", "scaleOutToleratedPercent": "3", "scaleOutSpot": "true", "scaleOutHours": "48", "scaleOutInventoryKey": "k",
		"scheduleExpression": "rate(1 day)", "scheduleEnabled": "false", "notificationEmail": "a@example.com", "notificationSubscriptions": "sms:+491511234567", "notifySuccess": "true", "alarms": "true", "dashboard": "false", "monthlyBudgetUSD": "20", "logRetentionDays": "7",
		"containerInsights": "true", "networkMode": "existing", "egressPerZone": "false", "vpcId": "vpc-01234567", "subnetIds": "subnet-01234567, subnet-12345678", "assignPublicIp": "true", "flowLogs": "false",
		"encryption": "customer-key", "kmsKeyArn": "arn:aws:kms:eu-west-1:111111111111:key/12345678-1234-1234-1234-123456789012", "permissionsBoundaryArn": "arn:aws:iam::111111111111:policy/b", "keepVersionsDays": "5", "accessLogDays": "6", "auditTrailDays": "7", "protectData": "true", "forceDestroyData": "false",
		"inputTransitionDays": "30", "inputTransitionClass": "STANDARD_IA", "inputExpireDays": "400", "inputKeepVersionsDays": "8", "inputAbortUploadDays": "1",
		"outputTransitionDays": "1", "outputTransitionClass": "INTELLIGENT_TIERING", "outputExpireDays": "2", "outputKeepVersionsDays": "3", "outputAbortUploadDays": "4",
		"artifactTransitionDays": "5", "artifactTransitionClass": "GLACIER_IR", "artifactExpireDays": "6", "artifactKeepVersionsDays": "7", "artifactAbortUploadDays": "8",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := Config{
		Region: "eu-west-1", Profile: "p", Environment: "test", AccountID: "111111111111", ResourceSuffix: "-blue",
		ParameterPrefix: "/ds/preprocessing-blue/", InputKey: "i", ModelKey: "m", ScriptKey: "s", PackageKey: "p", ScriptStage: "after",
		JobSettings: components.JobSettings{
			InputFormat: "csv", InputDelimiter: ";", InputEncoding: "latin-1", NullValues: "none", MaxRecordBytes: "2048", MaxRejects: "0.5%", KeepColumns: "id,ts",
			OutputFormat: "csv", OutputDelimiter: "tab", Report: "false",
		},
		TaskCPU: 4096, TaskMemoryMiB: 8192, TaskStorageGiB: 100, UseSpot: true, Architecture: components.ARM64, ImageURI: image, Image: "python", KeepImages: 3, TaskTimeoutMinutes: 60, TaskAttempts: 2,
		ScaleSource: "off", ScaleObjects: 5, ScaleRangeMiB: 128, ScaleVCPUs: 100, ScaleConcurrency: 7, ScaleToleratedPercent: 3, ScaleSpot: true, ScaleHours: 48, ScaleInventoryKey: "k",
		ScheduleExpression: "rate(1 day)", NotificationEmail: "a@example.com", NotificationSubscriptions: "sms:+491511234567", NotifySuccess: true, Alarms: true, MonthlyBudgetUSD: 20, LogRetentionDays: 7, ContainerInsights: true,
		NetworkMode: "existing", VPCID: "vpc-01234567", SubnetIDs: "subnet-01234567, subnet-12345678", AssignPublicIP: true,
		Encryption: "customer-key", KMSKeyArn: "arn:aws:kms:eu-west-1:111111111111:key/12345678-1234-1234-1234-123456789012", KeyDeletionDays: 30, PermissionsBoundaryArn: "arn:aws:iam::111111111111:policy/b",
		NetworkCIDR: "10.0.0.0/24", KeepVersionsDays: 5, AccessLogDays: 6, AuditTrailDays: 7, ProtectData: true,
		InputLifecycle:    components.Lifecycle{TransitionDays: 30, TransitionClass: "STANDARD_IA", ExpireDays: 400, NoncurrentDays: 8, AbortDays: 1},
		OutputLifecycle:   components.Lifecycle{TransitionDays: 1, TransitionClass: "INTELLIGENT_TIERING", ExpireDays: 2, NoncurrentDays: 3, AbortDays: 4},
		ArtifactLifecycle: components.Lifecycle{TransitionDays: 5, TransitionClass: "GLACIER_IR", ExpireDays: 6, NoncurrentDays: 7, AbortDays: 8},
	}
	if got != want {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
}

// TestLoadConfig_readsWhatNeedsAnother is for the keys that go with none of those
// above.
func TestLoadConfig_readsWhatNeedsAnother(t *testing.T) {
	got, err := load(t, map[string]string{
		"networkCidr": "10.1.0.0/20", "encryption": "customer-key", "keyDeletionDays": "7", "alarmRejectedPercent": "3", "alarmDriftedColumns": "4",
		"scriptKey": "s", "packageKey": "p", "scriptMemoryMiB": "64", "scriptTimeoutSeconds": "5", "scriptNetwork": "true", "packageMaxFiles": "6", "packageMaxMiB": "7",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := defaults()
	want.Region, want.Environment, want.ParameterPrefix = "us-east-1", "dev", "/ds/preprocessing/"
	want.NetworkCIDR, want.Encryption, want.KeyDeletionDays, want.AlarmRejectedPercent, want.AlarmDriftedColumns = "10.1.0.0/20", "customer-key", 7, 3, 4
	want.ScriptKey, want.PackageKey = "s", "p"
	want.JobSettings = components.JobSettings{ScriptMemoryMiB: "64", ScriptTimeoutSeconds: "5", ScriptNetwork: "true", PackageMaxFiles: "6", PackageMaxMiB: "7"}
	if got != want {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
}

// TestLoadConfig_refusesWhatHasNoEffect sets keys alone that need another one.
func TestLoadConfig_refusesWhatHasNoEffect(t *testing.T) {
	const script = ": set, but there is nothing to use it for; set scriptKey too, or unset it"
	const pack = ": set, but there is nothing to use it for; set packageKey too, or unset it"
	existing := map[string]string{"networkMode": "existing", "vpcId": "vpc-01234567", "subnetIds": "subnet-01234567"}
	with := func(base map[string]string, key, value string) map[string]string {
		set := map[string]string{key: value}
		for k, v := range base {
			set[k] = v
		}
		return set
	}
	for _, tt := range []struct {
		name   string
		values map[string]string
		want   string // "" if it may stand
	}{
		{"package", map[string]string{"packageKey": "p"}, "packageKey" + script},
		{"stage", map[string]string{"scriptStage": "before"}, "scriptStage" + script},
		{"limits of a script", map[string]string{"scriptMemoryMiB": "64", "scriptTimeoutSeconds": "5", "scriptNetwork": "true"},
			"scriptMemoryMiB" + script + "\nscriptTimeoutSeconds" + script + "\nscriptNetwork" + script},
		{"no network without a script", map[string]string{"scriptNetwork": "false"}, ""},
		{"limits of a package", map[string]string{"scriptKey": "s", "packageMaxFiles": "1", "packageMaxMiB": "1"}, "packageMaxFiles" + pack + "\npackageMaxMiB" + pack},
		{"range of existing network", with(existing, "networkCidr", "10.1.0.0/24"), "networkCidr: only with networkMode public, private or endpoints, got existing"},
		{"existing network", with(existing, "networkCidr", "10.0.0.0/24"), ""},
		{"deletion of no key", map[string]string{"keyDeletionDays": "7"}, "keyDeletionDays: got 7 for a key that the stack creates, want none: it creates one only with encryption customer-key and without kmsKeyArn"},
		{"deletion of another's key", map[string]string{"encryption": "customer-key", "keyDeletionDays": "7", "kmsKeyArn": "arn:aws:kms:us-east-1:111111111111:key/12345678-1234-1234-1234-123456789012"},
			"keyDeletionDays: got 7 for a key that the stack creates, want none: it creates one only with encryption customer-key and without kmsKeyArn"},
		{"alarms that are off", map[string]string{"alarms": "false", "dashboard": "false", "alarmRejectedPercent": "5", "alarmDriftedColumns": "2"},
			"alarmRejectedPercent: got 5 without alarms, want 0: it is one of them\nalarmDriftedColumns: got 2 without alarms, want 0: it is one of them"},
		{"ranges of objects", map[string]string{"scaleOut": "prefix", "scaleOutRangeMiB": "64"}, "scaleOutRangeMiB: got 64 with scaleOut prefix, want none: only scaleOut object cuts an object into ranges"},
		{"objects of a range", map[string]string{"scaleOut": "object", "scaleOutObjects": "2"}, "scaleOutObjects: got 2 with scaleOut object, want none: a task gets one range"},
		{"a share that is passed", map[string]string{"scaleOut": "prefix", "scaleOutVcpus": "16", "scaleOutConcurrency": "9"},
			"scaleOutVcpus: got 16, want 18 or more: scaleOutConcurrency lets 9 tasks of 2048 CPU units run at once; 0 there lets as many as scaleOutVcpus allows"},
		{"a share that is not", map[string]string{"scaleOut": "prefix", "scaleOutVcpus": "16", "scaleOutConcurrency": "8"}, ""},
		{"tasks and no share", map[string]string{"scaleOut": "prefix", "scaleOutConcurrency": "8"}, ""},
		{"a switch that is off", map[string]string{"scaleOut": "off", "scaleOutRangeMiB": "64", "scaleOutObjects": "2", "scaleOutSpot": "true"}, ""},
		{"a schedule that is off", map[string]string{"scheduleEnabled": "false", "scheduleTimezone": "Europe/Berlin"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := load(t, tt.values)
			want := "configuration of stack \"dev\":\n" + tt.want
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || err.Error() != want) {
				t.Errorf("got %v\nwant %s", err, want)
			}
		})
	}
}

func TestLoadConfig_saysWhatIsWrongAndWhatIsAllowed(t *testing.T) {
	tests := []struct {
		name   string
		values map[string]string
		want   string
	}{
		{"unknown key", map[string]string{"taskCPUs": "1024"}, "taskCPUs: unknown key, did you mean taskCpu? Pulumi.yaml lists all of them"},
		{"case counts", map[string]string{"taskcpu": "1024"}, "taskcpu: unknown key, did you mean taskCpu? Pulumi.yaml lists all of them"},
		{"part of a structure", map[string]string{"task.cpu": "1024"}, "task.cpu: unknown key, did you mean taskCpu? Pulumi.yaml lists all of them"},
		{"not a number", map[string]string{"taskCpu": "a month"}, `taskCpu: got "a month", want a whole number`},
		{"empty number", map[string]string{"keepImages": ""}, `keepImages: got "", want a whole number`},
		{"not a flag", map[string]string{"protectData": "yes"}, `protectData: got "yes", want true or false`},
		{"cpu", map[string]string{"taskCpu": "1000"}, "taskCpu: got 1000 CPU units, want 256, 512, 1024, 2048, 4096, 8192 or 16384"},
		{"pair", map[string]string{"taskCpu": "256", "taskMemoryMiB": "4096"}, "taskMemoryMiB: got 4096 MiB with 256 CPU units, want 512, 1024 or 2048 MiB"},
		{"no memory", map[string]string{"taskMemoryMiB": "0"}, "taskMemoryMiB: got 0 MiB with 2048 CPU units, want 4096, 5120"},
		{"retention", map[string]string{"logRetentionDays": "31"}, "logRetentionDays: got 31, want 1, 3, 5, 7, 14, 30, 60"},
		{"scale", map[string]string{"scaleOut": "bucket"}, `scaleOut: got "bucket", want prefix, inventory or object, or off`},
		{"scale fields, off or not", map[string]string{"scaleOutObjects": "0"}, "scaleOutObjects: got 0, want 1 to 1000"},
		{"scale fields at once", map[string]string{"scaleOut": "bucket", "scaleOutRangeMiB": "1", "scaleOutHours": "0", "scaleOutToleratedPercent": "-1"},
			"scaleOutRangeMiB: got 1, want 64 to 1048576\nscaleOutToleratedPercent: got -1, want 0 to 100\nscaleOutHours: got 0, want 1 to 336"},
		{"scale concurrency", map[string]string{"scaleOut": "prefix", "scaleOutConcurrency": "10001"}, "scaleOutConcurrency: got 10001, want 0 to 10000"},
		{"scale share", map[string]string{"scaleOut": "prefix", "taskCpu": "8192", "taskMemoryMiB": "16384"}, "scaleOutVcpus: got 6, want 8 or more: one task has 8192 CPU units"},
		{"scale uploads", map[string]string{"scaleOut": "object", "scaleOutHours": "336"}, "outputAbortUploadDays: got 7 days for unfinished uploads, want 15 or more: a run of 336 hours completes its uploads at its end"},
		{"scale inventory", map[string]string{"scaleOut": "inventory"}, `scaleOutInventoryKey: got "", want 1 to 1024 bytes`},
		{"scale without inventory", map[string]string{"scaleOut": "prefix", "scaleOutInventoryKey": "k"}, `scaleOutInventoryKey: got "k" without an inventory to read, want none`},
		{"scale ranges", map[string]string{"scaleOut": "object", "scaleOutToleratedPercent": "1"}, "scaleOutToleratedPercent: got 1 for ranges of one object, want 0"},
		{"scale network", map[string]string{"scaleOut": "prefix", "scaleOutVcpus": "500"}, "networkCidr: got 10.0.0.0/24 with addresses for 110 tasks, want /22 or larger for the 250 that there may be at once"},
		{"scale cuts", map[string]string{"scaleOut": "object", "inputEncoding": "latin-1", "outputFormat": "parquet"},
			"inputEncoding: got latin-1 with scaleOut object, want utf-8: of no other an object can be cut into ranges\noutputFormat: got parquet with scaleOut object, want csv"},
		{"scale Spot", map[string]string{"scaleOut": "prefix", "scaleOutSpot": "true", "taskAttempts": "1"}, "taskAttempts: got 1 with Spot, want 2 or more"},
		{"scale script", map[string]string{"scaleOut": "prefix", "scriptKey": "scripts/a.py"}, "scaleOut: got prefix with a script, want off"},
		{"schedule", map[string]string{"scheduleExpression": "0 9 15 * *"}, `scheduleExpression: got "0 9 15 * *", want cron(`},
		{"account", map[string]string{"accountId": "1111"}, `accountId: got "1111", want twelve digits`},
		{"environment", map[string]string{"environment": "Dev_1"}, `environment: got "Dev_1", want 1 to 20 lower-case letters`},
		{"suffix", map[string]string{"resourceSuffix": "_b"}, `resourceSuffix: got "_b", want at most 20 lower-case letters`},
		{"prefix", map[string]string{"parameterPrefix": "ds"}, `parameterPrefix: got "ds", want 1 to 13 levels`},
		{"architecture", map[string]string{"architecture": "x86_64"}, `architecture: got "x86_64", want amd64 or arm64`},
		{"kind of image", map[string]string{"image": "alpine"}, `image: got "alpine", want default, python or auto`},
		{"image without Python", map[string]string{"image": "default", "scriptKey": "scripts/a.py"}, "image: got default, which has no Python for the script scripts/a.py; want auto or python"},
		{"script stage", map[string]string{"scriptKey": "s", "scriptStage": "during"}, `scriptStage: got "during", want before or after the model`},
		{"image", map[string]string{"imageUri": "nginx"}, `imageUri: got "nginx", want <account>`},
		{"email", map[string]string{"notificationEmail": "me"}, `notificationEmail: got "me", want one e-mail address`},
		{"subscriptions", map[string]string{"notificationSubscriptions": "sqs:queue, fax:1"}, "notificationSubscriptions: number 1: the endpoint does not fit sqs, want sqs:arn:aws:sqs:<region>:<account>:<queue>\nnumber 2: no protocol that is offered, want email:"},
		{"network", map[string]string{"networkCidr": "1.2.3.0/24"}, `networkCidr: got "1.2.3.0/24", want a private IPv4 range`},
		{"mode", map[string]string{"networkMode": "nat"}, `networkMode: got "nat", want public, private, endpoints or existing`},
		{"existing without", map[string]string{"networkMode": "existing"}, "vpcId: got \"\", want the id of a VPC such as vpc-0123456789abcdef0\nsubnetIds: missing, want one subnet or more of the VPC"},
		{"for other modes", map[string]string{"vpcId": "vpc-01234567", "subnetIds": "subnet-01234567", "assignPublicIp": "true", "egressPerZone": "true"}, "egressPerZone: only with networkMode private or endpoints, got public\nvpcId: only with networkMode existing, got public\nsubnetIds: only with networkMode existing, got public\nassignPublicIp: only with networkMode existing, got public"},
		{"flow logs of others", map[string]string{"networkMode": "existing", "vpcId": "vpc-01234567", "subnetIds": "subnet-01234567", "flowLogs": "true"}, "flowLogs: only with networkMode public, private or endpoints, got existing"},
		{"subnets", map[string]string{"networkMode": "existing", "vpcId": "vpc-01234567", "subnetIds": "subnet-1, subnet-01234567, subnet-01234567"}, "subnetIds: number 1: got \"subnet-1\", want the id of a subnet such as subnet-0123456789abcdef0\nnumber 3: got subnet-01234567 again, want each once"},
		{"image elsewhere", map[string]string{"networkMode": "endpoints", "imageUri": "111111111111.dkr.ecr.eu-west-1.amazonaws.com/x@sha256:" + strings.Repeat("0", 64)}, "imageUri: got an image in eu-west-1, want one in us-east-1: endpoints lead to no other region"},
		{"image in another partition", map[string]string{"imageUri": "111111111111.dkr.ecr.cn-north-1.amazonaws.com.cn/x@sha256:" + strings.Repeat("0", 64)}, "imageUri: got an image in cn-north-1, want one in the partition of us-east-1"},
		{"image at the wrong end", map[string]string{"imageUri": "111111111111.dkr.ecr.cn-north-1.amazonaws.com/x@sha256:" + strings.Repeat("0", 64)}, "want amazonaws.com.cn after cn-north-1"},
		{"isolated region", map[string]string{"aws:region": "us-iso-east-1"}, `aws:region: got "us-iso-east-1", want a region of the partitions aws, aws-cn or aws-us-gov`},
		{"subscribers of two kinds", map[string]string{"notificationEmail": "a@example.com", "notificationSubscriptions": "sqs:arn:aws-cn:sqs:cn-north-1:111111111111:q, email:a@example.com"},
			"notificationSubscriptions: number 1: got one of another partition, want arn:aws:sqs:<...>, as topics are in us-east-1\nnumber 2: got the address that gets all messages already, want each once"},
		{"budget elsewhere", map[string]string{"aws:region": "us-gov-west-1", "monthlyBudgetUSD": "20"}, "monthlyBudgetUSD: got 20 in us-gov-west-1, want none"},
		{"boundary elsewhere", map[string]string{"aws:region": "cn-north-1", "permissionsBoundaryArn": "arn:aws:iam::111111111111:policy/b"}, `permissionsBoundaryArn: got "arn:aws:iam::111111111111:policy/b", want an ARN of the partition of cn-north-1, arn:aws-cn:<...>`},
		{"boundary of others", map[string]string{"accountId": "222222222222", "permissionsBoundaryArn": "arn:aws:iam::111111111111:policy/b"}, "permissionsBoundaryArn: got a policy of account 111111111111, want one of 222222222222, whose roles it bounds"},
		{"key in another partition", map[string]string{"encryption": "customer-key", "kmsKeyArn": "arn:aws-cn:kms:us-east-1:111111111111:key/12345678-1234-1234-1234-123456789012"}, "kmsKeyArn: got \"arn:aws-cn:kms:us-east-1:111111111111:key/12345678-1234-1234-1234-123456789012\", want an ARN of the partition of us-east-1"},
		{"day that never comes", map[string]string{"scheduleExpression": "cron(0 9 30 2 ? *)"}, `scheduleExpression: got "cron(0 9 30 2 ? *)", want a day that there is`},
		{"encryption", map[string]string{"encryption": "kms"}, `encryption: got "kms", want sse-s3 or customer-key`},
		{"key without encryption", map[string]string{"kmsKeyArn": "x"}, "kmsKeyArn: got a key with encryption sse-s3, want encryption customer-key, or no key"},
		{"alias", map[string]string{"encryption": "customer-key", "kmsKeyArn": "alias/x"}, `kmsKeyArn: got "alias/x", want arn:aws:kms:<region>:<account>:key/<id>`},
		{"key elsewhere", map[string]string{"encryption": "customer-key", "kmsKeyArn": "arn:aws:kms:eu-west-1:111111111111:key/12345678-1234-1234-1234-123456789012"}, "kmsKeyArn: got a key of eu-west-1, want one of us-east-1"},
		{"deletion", map[string]string{"keyDeletionDays": "6"}, "keyDeletionDays: got 6, want 7 to 30"},
		{"boundary", map[string]string{"permissionsBoundaryArn": "policy"}, `permissionsBoundaryArn: got "policy", want arn:aws:iam::<account>:policy/<name>`},
		{"key", map[string]string{"inputKey": "/raw"}, `inputKey: got "/raw", want an object such as raw/data.csv, a prefix such as raw/ or a glob such as raw/*.csv`},
		{"empty key", map[string]string{"modelKey": ""}, `modelKey: got "", want 1 to 1024 bytes`},
		{"rejects", map[string]string{"maxRejects": "some"}, `maxRejects: got "some", want a count such as 100 or a share from 0% to 100%`},
		{"columns", map[string]string{"keepColumns": "id,,id"}, "keepColumns: empty name in \"id,,id\"; want column names with commas between them\ncolumn \"id\" is named twice"},
		{"delimiter of none", map[string]string{"inputFormat": "parquet", "inputDelimiter": ";", "inputEncoding": "utf-16", "outputFormat": "parquet", "outputDelimiter": "tab"},
			"inputDelimiter: got \";\", want none: Parquet has no delimiter\ninputEncoding: got \"utf-16\", want none: Parquet has its own encoding\noutputDelimiter: got \"tab\", want none"},
		{"drift without reports", map[string]string{"report": "false", "alarmDriftedColumns": "3"}, "alarmDriftedColumns: got 3 without reports, want 0"},
		{"attempts", map[string]string{"taskAttempts": "11"}, "taskAttempts: got 11, want 1 to 10"},
		{"storage", map[string]string{"taskStorageGiB": "201"}, "taskStorageGiB: got 201 GiB, want 20, which costs nothing, to 200"},
		{"spot alone", map[string]string{"useSpot": "true", "taskAttempts": "1"}, "taskAttempts: got 1 with Spot, want 2 or more: the last attempt does not use it"},
		{"dashboard alone", map[string]string{"alarms": "false"}, "dashboard: got true without alarms, want false"},
		{"budget", map[string]string{"monthlyBudgetUSD": "-1"}, "monthlyBudgetUSD: got -1, want 0 to 1000000"},
		{"budget alone", map[string]string{"monthlyBudgetUSD": "5", "alarms": "false", "dashboard": "false"}, "monthlyBudgetUSD: got 5 without alarms, want 0"},
		{"transition without a class", map[string]string{"inputTransitionDays": "30"}, `inputTransitionDays: got 30 with class "", want both or none`},
		{"archive", map[string]string{"outputTransitionDays": "30", "outputTransitionClass": "DEEP_ARCHIVE"}, `outputTransitionClass: got "DEEP_ARCHIVE", want STANDARD_IA, INTELLIGENT_TIERING or GLACIER_IR: a run has to read objects at once`},
		{"transition too early", map[string]string{"artifactTransitionDays": "29", "artifactTransitionClass": "STANDARD_IA"}, "artifactTransitionDays: got 29, want 30 to 3650"},
		{"gone before it moves", map[string]string{"inputTransitionDays": "90", "inputTransitionClass": "GLACIER_IR", "inputExpireDays": "90"}, "inputExpireDays: got 90, want more than the 90 days until the transition"},
		{"versions", map[string]string{"outputKeepVersionsDays": "-1"}, "outputKeepVersionsDays: got -1, want 1 to 3650"},
		{"uploads", map[string]string{"inputAbortUploadDays": "a week", "outputAbortUploadDays": "3651"}, "inputAbortUploadDays: got \"a week\", want a whole number\noutputAbortUploadDays: got 3651, want 1 to 3650"},
		{"region", map[string]string{"aws:region": "here"}, `aws:region: got "here", want the name of an AWS region`},
		{"no region", map[string]string{"aws:region": "<unset>"}, "aws:region: missing; run `pulumi config set aws:region us-east-1`"},
		{"protected and destroyable", map[string]string{"protectData": "true", "forceDestroyData": "true"}, "forceDestroyData: got true together with protectData"},
		{"bucket names", map[string]string{"accountId": "111111111111", "environment": "a-long-environment", "resourceSuffix": "-a-long-suffix"}, `characters, want 3 to 63`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := load(t, tt.values)
			if err == nil || !strings.HasPrefix(err.Error(), "configuration of stack \"dev\":\n") || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

func TestLoadConfig_reportsEverythingAtOnce(t *testing.T) {
	_, err := load(t, map[string]string{
		"taskCpu": "x", "taskMemoryMiB": "y", "protectData": "1", "scheduleExpresion": "", "logRetentionDays": "2", "aws:region": "<unset>",
	})
	want := `configuration of stack "dev":
scheduleExpresion: unknown key, did you mean scheduleExpression? Pulumi.yaml lists all of them
taskCpu: got "x", want a whole number
taskMemoryMiB: got "y", want a whole number
logRetentionDays: got 2, want 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653
protectData: got "1", want true or false
aws:region: missing; run ` + "`pulumi config set aws:region us-east-1`"
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func TestLoadConfig_leavesOtherNamespacesAlone(t *testing.T) {
	if _, err := load(t, map[string]string{"pulumi:disable-default-providers": `["*"]`, "other:taskCpuu": "1"}); err != nil {
		t.Error(err)
	}
}

// TestPulumiYaml_documentsExactlyTheKeysThatAreRead goes through the CLI's own
// loader, which also checks the file against the schema of Pulumi.
func TestPulumiYaml_documentsExactlyTheKeysThatAreRead(t *testing.T) {
	project, err := workspace.LoadProject("../Pulumi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys() {
		documented, ok := project.Config[k.Name]
		if !ok {
			t.Errorf("%s is not in Pulumi.yaml", k.Name)
			continue
		}
		if documented.TypeName() != k.Kind {
			t.Errorf("%s: type %q in Pulumi.yaml, %q in the program", k.Name, documented.TypeName(), k.Kind)
		}
		if got := fmt.Sprint(documented.Default); got != k.Fallback {
			t.Errorf("%s: default %q in Pulumi.yaml, %q in the program", k.Name, got, k.Fallback)
		}
		if len(documented.Description) < 20 {
			t.Errorf("%s: description %q says too little", k.Name, documented.Description)
		}
		delete(project.Config, k.Name)
	}
	for name := range project.Config {
		t.Errorf("%s is in Pulumi.yaml and nobody reads it", name)
	}
}

// problems are the lines of an error of LoadConfig that are about a key.
func problems(err error, key string) (lines []string) {
	if err == nil {
		return nil
	}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		if strings.HasPrefix(line, key+": ") {
			lines = append(lines, line)
		}
	}
	return lines
}

func TestLoadConfig_numbersHaveTheRangesThatPulumiYamlSays(t *testing.T) {
	project, err := workspace.LoadProject("../Pulumi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	said := regexp.MustCompile(`(?:([0-9]+) to|up to) ([0-9]+)`)
	checked := 0
	for name, documented := range project.Config {
		bounds := said.FindStringSubmatch(documented.Description)
		if documented.TypeName() != "integer" || bounds == nil {
			continue
		}
		checked++
		low, _ := strconv.Atoi(bounds[1]) // 0 for "up to"
		high, _ := strconv.Atoi(bounds[2])
		tries := map[int]bool{low - 1: false, high: true, high + 1: false}
		if bounds[1] != "" {
			tries[low] = true
		}
		if documented.Default == 0 { // none, beside the range
			tries[0] = true
		}
		for number, right := range tries {
			set := map[string]string{name: strconv.Itoa(number), "encryption": "customer-key"} // whose deletion waits
			if bucket, ok := strings.CutSuffix(name, "TransitionDays"); ok && number > 0 {
				set[bucket+"TransitionClass"] = "INTELLIGENT_TIERING"
			}
			_, err := load(t, set)
			if got := problems(err, name); (len(got) == 0) != right {
				t.Errorf("%s %d is to be accepted: %v; got %q", name, number, right, got)
			}
		}
	}
	if checked < 30 {
		t.Errorf("%d ranges were found", checked)
	}
}

func TestLoadConfig_aWrongValueIsOneProblem(t *testing.T) {
	for name, wrong := range map[string]string{
		"taskCpu": "1000", "taskMemoryMiB": "much", "taskAttempts": "0", "scaleOut": "bucket", "scaleOutVcpus": "0", "scaleOutConcurrency": "-1", "scaleOutHours": "0",
		"scheduleExpression": "monthly", "scheduleTimezone": "Berlin", "alarms": "maybe", "monthlyBudgetUSD": "-1", "notificationSubscriptions": "fax:1", "outputAbortUploadDays": "0",
		"networkMode": "nat", "networkCidr": "1.2.3.0/24", "accountId": "1", "resourceSuffix": "_", "imageUri": "nginx", "permissionsBoundaryArn": "policy", "encryption": "kms", "kmsKeyArn": "x",
	} {
		set := map[string]string{
			"scaleOut": "prefix", "scaleOutSpot": "true", "scheduleTimezone": "Europe/Berlin", "monthlyBudgetUSD": "20", "accountId": "222222222222",
			"imageUri": "222222222222.dkr.ecr.us-east-1.amazonaws.com/x@sha256:" + strings.Repeat("0", 64), "permissionsBoundaryArn": "arn:aws:iam::222222222222:policy/b",
			"encryption": "customer-key", "kmsKeyArn": "arn:aws:kms:us-east-1:222222222222:key/12345678-1234-1234-1234-123456789012",
		}
		if _, err := load(t, set); err != nil {
			t.Fatal(err)
		}
		set[name] = wrong
		_, err := load(t, set)
		if err == nil || strings.Count(err.Error(), "\n") != 1 || len(problems(err, name)) != 1 {
			t.Errorf("%s %s: got\n%v\nwant one line", name, wrong, err)
		}
	}
}

// stackFile reads a stack's configuration as the CLI does.
func stackFile(t *testing.T, name string) map[string]string {
	t.Helper()
	project, err := workspace.LoadProject("../Pulumi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	stack, err := workspace.LoadProjectStack(nil, project, "../Pulumi."+name+".yaml")
	if err != nil {
		t.Fatal(err)
	}
	values, err := stack.Config.Decrypt(config.NopDecrypter)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for k, v := range values {
		out[k.String()] = v
	}
	return out
}

func TestStackFiles_differWhereTheyShould(t *testing.T) {
	dev, err := load(t, stackFile(t, "dev"))
	if err != nil {
		t.Fatal(err)
	}
	prod, err := load(t, stackFile(t, "prod"))
	if err != nil {
		t.Fatal(err)
	}
	if dev.ProtectData || !prod.ProtectData || !dev.ForceDestroyData || prod.ForceDestroyData {
		t.Error("dev can be destroyed and prod cannot: not so")
	}
	if dev.LogRetentionDays >= prod.LogRetentionDays || dev.KeepVersionsDays >= prod.KeepVersionsDays || dev.KeepImages >= prod.KeepImages {
		t.Error("prod keeps more for longer: not so")
	}
	if dev.AccountID == "" || prod.AccountID == "" || dev.AccountID == prod.AccountID {
		t.Errorf("accounts %q and %q", dev.AccountID, prod.AccountID)
	}
	if dev.ScheduleEnabled || !prod.ScheduleEnabled {
		t.Error("only prod runs by itself: not so")
	}
	if dev.Environment != "dev" || prod.Environment != "prod" {
		t.Errorf("environments %q and %q", dev.Environment, prod.Environment)
	}
}

func TestConfig_takesPythonForScripts(t *testing.T) {
	for _, test := range []struct {
		image, script string
		want          bool
	}{{"auto", "", false}, {"auto", "scripts/x.py", true}, {"python", "", true}, {"default", "scripts/program", false}} {
		cfg, err := load(t, map[string]string{"image": test.image, "scriptKey": test.script})
		if err != nil || cfg.python() != test.want {
			t.Errorf("image %s with script %q: got %v, %v", test.image, test.script, cfg.python(), err)
		}
	}
}

func TestLoadConfig_scaleOutIsAsTheComponentsKnowIt(t *testing.T) {
	got, err := load(t, map[string]string{"scaleOut": "prefix", "scaleOutVcpus": "100", "scaleOutSpot": "true", "scaleOutToleratedPercent": "2"})
	if err != nil {
		t.Fatal(err)
	}
	want := components.ScaleOut{Source: "prefix", ObjectsPerTask: 20, RangeMiB: 1024, MaxConcurrency: 50, ToleratedPercent: 2, Spot: true, Hours: 24}
	if s := got.scaleOut(); s != want || !got.spot() {
		t.Errorf("got %+v and Spot %v, want %+v", s, got.spot(), want)
	}
	if got.ScaleConcurrency = 3; got.scaleOut().MaxConcurrency != 3 {
		t.Errorf("got %d tasks at once, want the 3 that are configured", got.scaleOut().MaxConcurrency)
	}
	if got.ScaleSource = scaleOff; got.scaleOut() != (components.ScaleOut{}) || got.spot() {
		t.Errorf("off: got %+v and Spot %v", got.scaleOut(), got.spot())
	}
}
