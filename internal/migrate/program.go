package migrate

import (
	"ds-pipeline/preprocess/contract"
)

// Types of CloudFormation that are told apart.
const (
	bucketType       = "AWS::S3::Bucket"
	bucketPolicyType = "AWS::S3::BucketPolicy"
	repositoryType   = "AWS::ECR::Repository"
	logGroupType     = "AWS::Logs::LogGroup"
	parameterType    = "AWS::SSM::Parameter"
	keyType          = "AWS::KMS::Key"
	clusterType      = "AWS::ECS::Cluster"
	stateMachineType = "AWS::StepFunctions::StateMachine"
	roleType         = "AWS::IAM::Role"
	ruleType         = "AWS::Events::Rule"
	tableType        = "AWS::DynamoDB::Table"
	dashboardType    = "AWS::CloudWatch::Dashboard"
	scheduleType     = "AWS::Scheduler::Schedule"
	metricAlarmType  = "AWS::CloudWatch::Alarm"
)

// Types of Pulumi that are adopted.
const (
	pulumiBucket       = "aws:s3/bucketV2:BucketV2"
	pulumiBucketPolicy = "aws:s3/bucketPolicy:BucketPolicy"
	pulumiRepository   = "aws:ecr/repository:Repository"
	pulumiLogGroup     = "aws:cloudwatch/logGroup:LogGroup"
	pulumiParameter    = "aws:ssm/parameter:Parameter"
	pulumiProvider     = "pulumi:providers:aws"
)

// providerVersion is the version of the AWS provider whose resources the
// program declares: that of the SDK in go.mod.
const providerVersion = "6.83.2"

// part is a setting that CloudFormation keeps within a resource and Pulumi
// beside it. Its ID is that of the resource.
type part struct {
	Property string // in CloudFormation
	Type     string // in Pulumi
	suffix   string // of the name in the program
}

// parts are the settings of the resources that are adopted, by CloudFormation's
// type.
var parts = map[string][]part{
	bucketType: {
		{"VersioningConfiguration", "aws:s3/bucketVersioningV2:BucketVersioningV2", "-versioning"},
		{"BucketEncryption", "aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2", "-encryption"},
		{"LifecycleConfiguration", "aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2", "-lifecycle"},
		{"PublicAccessBlockConfiguration", "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", "-public-access-block"},
		{"OwnershipControls", "aws:s3/bucketOwnershipControls:BucketOwnershipControls", "-ownership"},
	},
}

// component is a component of the program that adopted resources belong to.
type component struct{ typ, name string }

var components = []component{
	{"ds-pipeline:components:DataBuckets", "data"},
	{"ds-pipeline:components:ProcessingCluster", "processing"},
	{"ds-pipeline:components:Pipeline", "pipeline"},
	{"ds-pipeline:components:Watch", "watch"},
}

// slot is a resource of the program that one in AWS can take the place of.
type slot struct {
	cfn      string // type in CloudFormation
	id       string // the name in AWS, which is also what Pulumi imports by
	typ      string // type in Pulumi
	name     string // in the program
	parent   string // name of the component
	declared bool   // with this configuration; else pulumi up would delete it
}

// slots lists what can be adopted. A test compares it with a plan.
func (t *Target) slots() []slot {
	var all []slot
	for _, purpose := range []string{contract.InputPurpose, contract.OutputPurpose, contract.ArtifactPurpose} {
		all = append(all, slot{bucketType, t.bucketName(purpose), pulumiBucket, "data-" + purpose, "data", true})
	}
	all = append(all,
		slot{repositoryType, "ds-preprocessing" + t.Suffix, pulumiRepository, "processing-repository", "processing", true},
		slot{logGroupType, "/ecs/ds-preprocessing-" + t.Environment + t.Suffix, pulumiLogGroup, "processing-logs", "processing", true},
		slot{logGroupType, "/aws/vendedlogs/states/" + t.machine(), pulumiLogGroup, "pipeline-logs", "pipeline", true},
		slot{logGroupType, "/aws/vendedlogs/states/ds-preprocessing-watch" + t.Suffix, pulumiLogGroup, "watch-logs", "watch", true},
	)
	for _, p := range contract.Parameters() {
		all = append(all, slot{parameterType, t.ParameterPrefix + p.Name, pulumiParameter, "processing-" + p.Name, "processing", p.Required || t.Settings[p.Name] != ""})
	}
	return all
}

func (t *Target) bucketName(purpose string) string {
	return contract.BucketName(purpose, t.Environment, t.Account, t.Region, t.Suffix)
}

func (t *Target) machine() string { return "ds-preprocessing-pipeline" + t.Suffix }

// taken is a name that the program gives to what it creates.
type taken struct {
	cfn, property string // CloudFormation's type, and its property with the name
	typ           string // Pulumi's type
	name          string
}

// taken lists the names that a resource of the app must not have any more when
// the program creates its own. A test compares it with a plan.
func (t *Target) taken() []taken {
	return []taken{
		{clusterType, "ClusterName", "aws:ecs/cluster:Cluster", "ds-processing-cluster" + t.Suffix},
		{stateMachineType, "StateMachineName", "aws:sfn/stateMachine:StateMachine", t.machine()},
		{stateMachineType, "StateMachineName", "aws:sfn/stateMachine:StateMachine", "ds-preprocessing-watch" + t.Suffix},
	}
}

// Decision is what becomes of the resources of a type.
type Decision struct {
	Type    string   // of CloudFormation; it may end in an asterisk
	Becomes string   // "adopted", "made anew", "left"
	As      []string // types of Pulumi that adopt it
	Why     string
}

// What becomes of a resource.
const (
	adopted = "adopted"
	anew    = "made anew"
	left    = "left"
)

// Decisions lists what becomes of each type; docs/migration.md shows it.
func Decisions() []Decision {
	types := func(owner string, first ...string) []string {
		for _, p := range parts[owner] {
			first = append(first, p.Type)
		}
		return first
	}
	return []Decision{
		{bucketType, adopted, types(bucketType, pulumiBucket), "It holds the data. Of its settings those that the template has."},
		{bucketPolicyType, adopted, []string{pulumiBucketPolicy}, "If it is retained; else it is made anew."},
		{repositoryType, adopted, types(repositoryType, pulumiRepository), "It holds the images that one can go back to. Its lifecycle policy is not adopted: a change of one replaces it, while pulumi up overwrites one that Pulumi does not know."},
		{logGroupType, adopted, []string{pulumiLogGroup}, "If it has the name of one of this stack's; others are left, or deleted with the CloudFormation stack."},
		{parameterType, adopted, []string{pulumiParameter}, "If it is retained; else it is made anew. Its value follows the stack's configuration."},
		{keyType, left, nil, "What it encrypted needs it. `kmsKeyArn` has the stack use it."},
		{"AWS::KMS::Alias", left, nil, "It goes with the CloudFormation stack, unless it is retained."},
		{clusterType, anew, nil, "It holds nothing between runs."},
		{"AWS::ECS::TaskDefinition", anew, nil, "Each deployment makes a new revision."},
		{stateMachineType, anew, nil, "Its history of executions goes: other states, other input."},
		{ruleType, anew, nil, "It starts the new machine."},
		{scheduleType, anew, nil, "It starts the new machine."},
		{"AWS::Scheduler::ScheduleGroup", anew, nil, "It belongs to the schedule."},
		{"AWS::IAM::*", anew, nil, "Roles of this stack may do less."},
		{"AWS::EC2::*", anew, nil, "This stack's network has no NAT gateways by default."},
		{"AWS::SNS::*", anew, nil, "Subscriptions by mail have to be confirmed again."},
		{"AWS::SQS::*", anew, nil, "Messages in it go with it."},
		{"AWS::CloudWatch::*", anew, nil, "Alarms are about this stack's resources."},
		{"AWS::CloudTrail::Trail", anew, nil, "`auditTrailDays` has the stack record requests."},
		{"AWS::Lambda::*", anew, nil, "Nothing here needs a function; those of the CDK help its stack only."},
		{"AWS::CDK::Metadata", anew, nil, "It tells the CDK's authors what is used; nothing comes in its place."},
		{"Custom::*", anew, nil, "They help the CDK's stack only. One that empties what is adopted is a problem."},
		{"*", left, nil, "This stack has nothing for it."},
	}
}

// holdsData are the types whose deletion loses what cannot be made again.
var holdsData = map[string]bool{
	bucketType: true, keyType: true, tableType: true, "AWS::DynamoDB::GlobalTable": true, "AWS::EFS::FileSystem": true,
	"AWS::RDS::DBInstance": true, "AWS::RDS::DBCluster": true, "AWS::SecretsManager::Secret": true, "AWS::S3Tables::Table": true,
	"AWS::Kinesis::Stream": true, "AWS::Redshift::Cluster": true, "AWS::Glue::Table": true,
}
