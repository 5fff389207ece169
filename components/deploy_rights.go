package components

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// deployRights is what a role needs in order to create, read, update and delete
// resources of one type: the requests of pulumi-aws 6 to AWS. Names of resources
// are those that stack and components give; {partition}, {region}, {account} and
// {environment} stand in them for where and what is deployed.
type deployRights struct {
	// on are the resources of the type, as ARNs.
	on []string

	create, read, update, remove []string

	// anywhere are reading requests that accept no resource.
	anywhere []string

	// bounded are requests that are allowed for roles with the boundary only.
	bounded []string

	// tagged: AWS names the resources, so the stack's tags tell which are its own.
	// create then asks for the tags, and all else needs them on what is there.
	tagged bool

	// unnamed are creating requests that accept no resource but ask for the tags.
	unnamed []string

	// within are those of the requests above that also name something else, one of
	// parents, which the stack owns.
	within, parents []string
}

// ec2Rights are those of a type of EC2: its Describe requests accept no resource.
func ec2Rights(kind string, parents []string, r deployRights) deployRights {
	r.on, r.parents, r.tagged = []string{ec2Arn(kind)}, nil, true
	for _, parent := range parents {
		r.parents = append(r.parents, ec2Arn(parent))
	}
	return r
}

func ec2Arn(kind string) string { return "arn:{partition}:ec2:{region}:{account}:" + kind + "/*" }

// The names that stack and components give, each as an ARN; the endings are those
// of resourceSuffix or of Pulumi.
const (
	deployedBuckets      = "arn:{partition}:s3:::ds-*-{environment}-{account}-{region}*"
	deployedRepositories = "arn:{partition}:ecr:{region}:{account}:repository/ds-preprocessing*"
	deployedClusters     = "arn:{partition}:ecs:{region}:{account}:cluster/ds-processing-cluster*"
	deployedMachines     = "arn:{partition}:states:{region}:{account}:stateMachine:ds-preprocessing-*"
	deployedParameters   = "arn:{partition}:ssm:{region}:{account}:parameter/ds/preprocessing*"
	deployedKeyAlias     = "arn:{partition}:kms:{region}:{account}:alias/ds-preprocessing-{environment}*"
	deployedKeys         = "arn:{partition}:kms:{region}:{account}:key/*"
	deployedTables       = "arn:{partition}:dynamodb:{region}:{account}:table/pipeline-runs-*"
	logGroupArn          = "arn:{partition}:logs:{region}:{account}:log-group:"
)

var (
	bucketsOnly    = []string{deployedBuckets}
	keysOnly       = []string{deployedKeys}
	deployedTopics = []string{"arn:{partition}:sns:{region}:{account}:pipeline-topic-*", "arn:{partition}:sns:{region}:{account}:monitoring-topic-*"}
	deployedQueues = []string{"arn:{partition}:sqs:{region}:{account}:schedule-dead-letters-*", "arn:{partition}:sqs:{region}:{account}:watch-dead-letters-*"}
	deployedRules  = []string{"arn:{partition}:events:{region}:{account}:rule/schedule-*", "arn:{partition}:events:{region}:{account}:rule/watch-*"}
	deployedLogs   = []string{
		logGroupArn + "/ecs/ds-preprocessing-{environment}*", logGroupArn + "/vpc/ds-preprocessing-{environment}*",
		logGroupArn + "/aws/vendedlogs/states/ds-preprocessing-*",
	}
	deployedRoles = []string{
		"arn:{partition}:iam::{account}:role/processing-*", "arn:{partition}:iam::{account}:role/pipeline-role-*",
		"arn:{partition}:iam::{account}:role/schedule-*", "arn:{partition}:iam::{account}:role/watch-*",
	}
)

// deployTypes has every type that components can create, in any configuration.
// tests/iam holds it to the plans.
var deployTypes = map[string]deployRights{
	"aws:s3/bucketV2:BucketV2": {
		on:     bucketsOnly,
		create: []string{"s3:CreateBucket"},
		read: []string{
			"s3:GetAccelerateConfiguration", "s3:GetBucketAcl", "s3:GetBucketCORS", "s3:GetBucketLocation", "s3:GetBucketLogging",
			"s3:GetBucketObjectLockConfiguration", "s3:GetBucketPolicy", "s3:GetBucketRequestPayment", "s3:GetBucketTagging", "s3:GetBucketVersioning",
			"s3:GetBucketWebsite", "s3:GetEncryptionConfiguration", "s3:GetLifecycleConfiguration", "s3:GetReplicationConfiguration", "s3:ListBucket",
		},
		update: []string{"s3:PutBucketTagging"},
		remove: []string{"s3:DeleteBucket"},
	},
	"aws:s3/bucketVersioningV2:BucketVersioningV2": {on: bucketsOnly, create: []string{"s3:PutBucketVersioning"}, read: []string{"s3:GetBucketVersioning"}},
	"aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2": {on: bucketsOnly,
		create: []string{"s3:PutLifecycleConfiguration"}, read: []string{"s3:GetLifecycleConfiguration"}},
	"aws:s3/bucketLoggingV2:BucketLoggingV2": {on: bucketsOnly, create: []string{"s3:PutBucketLogging"}, read: []string{"s3:GetBucketLogging"}},
	"aws:s3/bucketNotification:BucketNotification": {on: bucketsOnly,
		create: []string{"s3:PutBucketNotification"}, read: []string{"s3:GetBucketNotification"}},
	"aws:s3/bucketOwnershipControls:BucketOwnershipControls": {on: bucketsOnly,
		create: []string{"s3:PutBucketOwnershipControls"}, read: []string{"s3:GetBucketOwnershipControls"}},
	"aws:s3/bucketPolicy:BucketPolicy": {on: bucketsOnly,
		create: []string{"s3:PutBucketPolicy"}, read: []string{"s3:GetBucketPolicy"}, remove: []string{"s3:DeleteBucketPolicy"}},
	"aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": {on: bucketsOnly,
		create: []string{"s3:PutBucketPublicAccessBlock"}, read: []string{"s3:GetBucketPublicAccessBlock"}},
	"aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2": {on: bucketsOnly,
		create: []string{"s3:PutEncryptionConfiguration"}, read: []string{"s3:GetEncryptionConfiguration"}},

	"aws:kms/key:Key": {
		on: keysOnly, tagged: true, unnamed: []string{"kms:CreateKey"},
		create: []string{"kms:TagResource"},
		read:   []string{"kms:DescribeKey", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListResourceTags"},
		update: []string{"kms:EnableKeyRotation", "kms:PutKeyPolicy", "kms:TagResource", "kms:UntagResource", "kms:UpdateKeyDescription"},
		remove: []string{"kms:ScheduleKeyDeletion"},
	},
	"aws:kms/alias:Alias": {
		on: []string{deployedKeyAlias}, parents: keysOnly, within: []string{"kms:CreateAlias", "kms:DeleteAlias", "kms:UpdateAlias"},
		create: []string{"kms:CreateAlias"}, update: []string{"kms:UpdateAlias"}, remove: []string{"kms:DeleteAlias"}, anywhere: []string{"kms:ListAliases"},
	},

	"aws:cloudtrail/trail:Trail": {
		on:       []string{"arn:{partition}:cloudtrail:{region}:{account}:trail/ds-preprocessing-{environment}*"},
		create:   []string{"cloudtrail:AddTags", "cloudtrail:CreateTrail", "cloudtrail:PutEventSelectors", "cloudtrail:StartLogging"},
		read:     []string{"cloudtrail:GetEventSelectors", "cloudtrail:GetInsightSelectors", "cloudtrail:GetTrail", "cloudtrail:GetTrailStatus", "cloudtrail:ListTags"},
		update:   []string{"cloudtrail:RemoveTags", "cloudtrail:StopLogging", "cloudtrail:UpdateTrail"},
		remove:   []string{"cloudtrail:DeleteTrail"},
		anywhere: []string{"cloudtrail:DescribeTrails"},
	},
	"aws:cloudwatch/dashboard:Dashboard": {
		on:     []string{"arn:{partition}:cloudwatch::{account}:dashboard/ds-preprocessing-{environment}*"},
		create: []string{"cloudwatch:PutDashboard"}, read: []string{"cloudwatch:GetDashboard"}, remove: []string{"cloudwatch:DeleteDashboards"},
	},
	"aws:cloudwatch/metricAlarm:MetricAlarm": {
		on:     []string{"arn:{partition}:cloudwatch:{region}:{account}:alarm:monitoring-*"},
		create: []string{"cloudwatch:PutMetricAlarm"}, read: []string{"cloudwatch:DescribeAlarms", "cloudwatch:ListTagsForResource"},
		update: []string{"cloudwatch:TagResource", "cloudwatch:UntagResource"}, remove: []string{"cloudwatch:DeleteAlarms"},
	},
	"aws:cloudwatch/eventRule:EventRule": {
		on: deployedRules, create: []string{"events:PutRule"}, read: []string{"events:DescribeRule", "events:ListTagsForResource"},
		update: []string{"events:TagResource", "events:UntagResource"}, remove: []string{"events:DeleteRule"},
	},
	"aws:cloudwatch/eventTarget:EventTarget": {
		on: deployedRules, create: []string{"events:PutTargets"}, read: []string{"events:ListTargetsByRule"}, remove: []string{"events:RemoveTargets"},
	},
	"aws:cloudwatch/logGroup:LogGroup": {
		on:       append(slices.Clone(deployedLogs), suffixed(deployedLogs, ":*")...),
		create:   []string{"logs:CreateLogGroup", "logs:PutRetentionPolicy"},
		read:     []string{"logs:ListTagsForResource"},
		update:   []string{"logs:AssociateKmsKey", "logs:DisassociateKmsKey", "logs:TagResource", "logs:UntagResource"},
		remove:   []string{"logs:DeleteLogGroup"},
		anywhere: []string{"logs:DescribeLogGroups"},
	},
	"aws:scheduler/scheduleGroup:ScheduleGroup": {
		on:     []string{"arn:{partition}:scheduler:{region}:{account}:schedule-group/schedule-*", "arn:{partition}:scheduler:{region}:{account}:schedule-group/watch-*"},
		create: []string{"scheduler:CreateScheduleGroup"}, read: []string{"scheduler:GetScheduleGroup", "scheduler:ListTagsForResource"},
		update: []string{"scheduler:TagResource", "scheduler:UntagResource"}, remove: []string{"scheduler:DeleteScheduleGroup"},
	},
	"aws:scheduler/schedule:Schedule": {
		on:     []string{"arn:{partition}:scheduler:{region}:{account}:schedule/schedule-*/*", "arn:{partition}:scheduler:{region}:{account}:schedule/watch-*/*"},
		create: []string{"scheduler:CreateSchedule"}, read: []string{"scheduler:GetSchedule"}, update: []string{"scheduler:UpdateSchedule"}, remove: []string{"scheduler:DeleteSchedule"},
	},
	"aws:budgets/budget:Budget": {
		on:     []string{"arn:{partition}:budgets::{account}:budget/monitoring-*"},
		create: []string{"budgets:ModifyBudget", "budgets:TagResource"}, read: []string{"budgets:ListTagsForResource", "budgets:ViewBudget"}, update: []string{"budgets:UntagResource"},
	},
	"aws:dynamodb/table:Table": {
		on:     []string{deployedTables},
		create: []string{"dynamodb:CreateTable"},
		read:   []string{"dynamodb:DescribeContinuousBackups", "dynamodb:DescribeTable", "dynamodb:DescribeTimeToLive", "dynamodb:ListTagsOfResource"},
		update: []string{"dynamodb:TagResource", "dynamodb:UntagResource", "dynamodb:UpdateContinuousBackups", "dynamodb:UpdateTable", "dynamodb:UpdateTimeToLive"},
		remove: []string{"dynamodb:DeleteTable"},
	},

	"aws:ecr/repository:Repository": {
		on: []string{deployedRepositories}, create: []string{"ecr:CreateRepository"}, read: []string{"ecr:DescribeRepositories", "ecr:ListTagsForResource"},
		update: []string{"ecr:PutImageScanningConfiguration", "ecr:PutImageTagMutability", "ecr:TagResource", "ecr:UntagResource"},
		remove: []string{"ecr:DeleteRepository"},
	},
	"aws:ecr/lifecyclePolicy:LifecyclePolicy": {
		on:     []string{deployedRepositories},
		create: []string{"ecr:PutLifecyclePolicy"}, read: []string{"ecr:GetLifecyclePolicy"}, remove: []string{"ecr:DeleteLifecyclePolicy"},
	},
	// A preview builds, too, and starts from the layers that are there.
	"docker-build:index:Image": {
		on:       []string{deployedRepositories},
		create:   []string{"ecr:CompleteLayerUpload", "ecr:InitiateLayerUpload", "ecr:PutImage", "ecr:UploadLayerPart"},
		read:     []string{"ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"},
		remove:   []string{"ecr:BatchDeleteImage"},
		anywhere: []string{"ecr:GetAuthorizationToken"},
	},
	"aws:ecs/cluster:Cluster": {
		on: []string{deployedClusters}, create: []string{"ecs:CreateCluster"}, read: []string{"ecs:DescribeClusters", "ecs:ListTagsForResource"},
		update: []string{"ecs:TagResource", "ecs:UntagResource", "ecs:UpdateCluster", "ecs:UpdateClusterSettings"}, remove: []string{"ecs:DeleteCluster"},
	},
	"aws:ecs/clusterCapacityProviders:ClusterCapacityProviders": {
		on: []string{deployedClusters}, create: []string{"ecs:PutClusterCapacityProviders"}, read: []string{"ecs:DescribeClusters"},
	},
	// Revisions stay registered, so nothing deletes one.
	"aws:ecs/taskDefinition:TaskDefinition": {
		on:     []string{"arn:{partition}:ecs:{region}:{account}:task-definition/ds-preprocessing*:*"},
		create: []string{"ecs:RegisterTaskDefinition"}, read: []string{"ecs:ListTagsForResource"},
		update: []string{"ecs:TagResource", "ecs:UntagResource"}, anywhere: []string{"ecs:DescribeTaskDefinition"},
	},
	"aws:sfn/stateMachine:StateMachine": {
		on: []string{deployedMachines}, create: []string{"states:CreateStateMachine"},
		read:   []string{"states:DescribeStateMachine", "states:ListStateMachineVersions", "states:ListTagsForResource"},
		update: []string{"states:TagResource", "states:UntagResource", "states:UpdateStateMachine"}, remove: []string{"states:DeleteStateMachine"},
		anywhere: []string{"states:ValidateStateMachineDefinition"},
	},
	"aws:ssm/parameter:Parameter": {
		on:     []string{deployedParameters},
		create: []string{"ssm:AddTagsToResource", "ssm:PutParameter"}, read: []string{"ssm:GetParameter", "ssm:GetParameters", "ssm:ListTagsForResource"},
		update: []string{"ssm:RemoveTagsFromResource"}, remove: []string{"ssm:DeleteParameter"}, anywhere: []string{"ssm:DescribeParameters"},
	},
	"aws:sns/topic:Topic": {
		on: deployedTopics, create: []string{"sns:CreateTopic", "sns:SetTopicAttributes"}, read: []string{"sns:GetTopicAttributes", "sns:ListTagsForResource"},
		update: []string{"sns:TagResource", "sns:UntagResource"}, remove: []string{"sns:DeleteTopic"},
	},
	"aws:sns/topicPolicy:TopicPolicy": {on: deployedTopics, create: []string{"sns:SetTopicAttributes"}, read: []string{"sns:GetTopicAttributes"}},
	"aws:sns/topicSubscription:TopicSubscription": {
		on: deployedTopics, create: []string{"sns:Subscribe"}, read: []string{"sns:GetSubscriptionAttributes", "sns:ListSubscriptionsByTopic"},
		update: []string{"sns:SetSubscriptionAttributes"}, remove: []string{"sns:Unsubscribe"},
	},
	"aws:sqs/queue:Queue": {
		on: deployedQueues, create: []string{"sqs:CreateQueue", "sqs:SetQueueAttributes"}, read: []string{"sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:ListQueueTags"},
		update: []string{"sqs:TagQueue", "sqs:UntagQueue"}, remove: []string{"sqs:DeleteQueue"},
	},
	"aws:sqs/queuePolicy:QueuePolicy": {on: deployedQueues, create: []string{"sqs:SetQueueAttributes"}, read: []string{"sqs:GetQueueAttributes"}},

	"aws:iam/role:Role": {
		on:      deployedRoles,
		read:    []string{"iam:GetRole", "iam:ListAttachedRolePolicies", "iam:ListInstanceProfilesForRole", "iam:ListRolePolicies"},
		update:  []string{"iam:TagRole", "iam:UntagRole", "iam:UpdateRole", "iam:UpdateRoleDescription"},
		remove:  []string{"iam:DeleteRole"},
		bounded: []string{"iam:CreateRole", "iam:PutRolePermissionsBoundary", "iam:UpdateAssumeRolePolicy"},
	},
	"aws:iam/rolePolicy:RolePolicy": {
		on: deployedRoles, read: []string{"iam:GetRolePolicy"}, remove: []string{"iam:DeleteRolePolicy"}, bounded: []string{"iam:PutRolePolicy"},
	},

	"aws:ec2/vpc:Vpc": ec2Rights("vpc", nil, deployRights{
		create: []string{"ec2:CreateVpc"}, read: []string{"ec2:DescribeVpcAttribute"}, update: []string{"ec2:ModifyVpcAttribute"}, remove: []string{"ec2:DeleteVpc"},
		anywhere: []string{"ec2:DescribeNetworkAcls", "ec2:DescribeVpcs"},
	}),
	// The group comes with the VPC and without tags.
	"aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": ec2Rights("security-group", nil, deployRights{
		update:   []string{"ec2:RevokeSecurityGroupEgress", "ec2:RevokeSecurityGroupIngress"},
		anywhere: []string{"ec2:DescribeSecurityGroupRules", "ec2:DescribeSecurityGroups"},
	}),
	"aws:ec2/securityGroup:SecurityGroup": ec2Rights("security-group", []string{"vpc"}, deployRights{
		within: []string{"ec2:CreateSecurityGroup"},
		create: []string{"ec2:CreateSecurityGroup"},
		update: []string{"ec2:AuthorizeSecurityGroupEgress", "ec2:AuthorizeSecurityGroupIngress", "ec2:RevokeSecurityGroupEgress", "ec2:RevokeSecurityGroupIngress",
			"ec2:UpdateSecurityGroupRuleDescriptionsEgress", "ec2:UpdateSecurityGroupRuleDescriptionsIngress"},
		remove: []string{"ec2:DeleteSecurityGroup"}, anywhere: []string{"ec2:DescribeNetworkInterfaces", "ec2:DescribeSecurityGroups"},
	}),
	"aws:ec2/subnet:Subnet": ec2Rights("subnet", []string{"vpc"}, deployRights{
		within: []string{"ec2:CreateSubnet"},
		create: []string{"ec2:CreateSubnet"}, remove: []string{"ec2:DeleteSubnet"}, update: []string{"ec2:ModifySubnetAttribute"},
		anywhere: []string{"ec2:DescribeAvailabilityZones", "ec2:DescribeSubnets"},
	}),
	"aws:ec2/internetGateway:InternetGateway": ec2Rights("internet-gateway", []string{"vpc"}, deployRights{
		within: []string{"ec2:AttachInternetGateway", "ec2:DetachInternetGateway"},
		create: []string{"ec2:CreateInternetGateway"}, update: []string{"ec2:AttachInternetGateway", "ec2:DetachInternetGateway"},
		remove: []string{"ec2:DeleteInternetGateway"}, anywhere: []string{"ec2:DescribeInternetGateways"},
	}),
	"aws:ec2/routeTable:RouteTable": ec2Rights("route-table", []string{"vpc"}, deployRights{
		within: []string{"ec2:CreateRouteTable"},
		create: []string{"ec2:CreateRouteTable"}, remove: []string{"ec2:DeleteRouteTable"}, anywhere: []string{"ec2:DescribeRouteTables"},
	}),
	"aws:ec2/route:Route": ec2Rights("route-table", nil, deployRights{
		update: []string{"ec2:CreateRoute", "ec2:DeleteRoute", "ec2:ReplaceRoute"}, anywhere: []string{"ec2:DescribeRouteTables"},
	}),
	"aws:ec2/routeTableAssociation:RouteTableAssociation": ec2Rights("route-table", []string{"subnet"}, deployRights{
		within: []string{"ec2:AssociateRouteTable", "ec2:DisassociateRouteTable", "ec2:ReplaceRouteTableAssociation"},
		update: []string{"ec2:AssociateRouteTable", "ec2:DisassociateRouteTable", "ec2:ReplaceRouteTableAssociation"}, anywhere: []string{"ec2:DescribeRouteTables"},
	}),
	"aws:ec2/vpcEndpoint:VpcEndpoint": ec2Rights("vpc-endpoint", []string{"vpc", "route-table", "subnet", "security-group"}, deployRights{
		within: []string{"ec2:CreateVpcEndpoint", "ec2:ModifyVpcEndpoint"},
		create: []string{"ec2:CreateVpcEndpoint"}, update: []string{"ec2:ModifyVpcEndpoint"}, remove: []string{"ec2:DeleteVpcEndpoints"},
		anywhere: []string{"ec2:DescribePrefixLists", "ec2:DescribeVpcEndpoints"},
	}),
	"aws:ec2/flowLog:FlowLog": ec2Rights("vpc-flow-log", []string{"vpc"}, deployRights{
		within: []string{"ec2:CreateFlowLogs"},
		create: []string{"ec2:CreateFlowLogs"}, remove: []string{"ec2:DeleteFlowLogs"}, anywhere: []string{"ec2:DescribeFlowLogs"},
	}),
	"aws:ec2/eip:Eip": ec2Rights("elastic-ip", nil, deployRights{
		create: []string{"ec2:AllocateAddress"}, remove: []string{"ec2:ReleaseAddress"}, anywhere: []string{"ec2:DescribeAddresses", "ec2:DescribeAddressesAttribute"},
	}),
	"aws:ec2/natGateway:NatGateway": ec2Rights("natgateway", []string{"subnet", "elastic-ip"}, deployRights{
		within: []string{"ec2:CreateNatGateway"},
		create: []string{"ec2:CreateNatGateway"}, remove: []string{"ec2:DeleteNatGateway"}, anywhere: []string{"ec2:DescribeNatGateways"},
	}),
}

func suffixed(texts []string, suffix string) []string {
	var out []string
	for _, text := range texts {
		out = append(out, text+suffix)
	}
	return out
}

// DeployTypes lists the types of resources that a deploy role may create, sorted.
func DeployTypes() []string { return slices.Sorted(maps.Keys(deployTypes)) }

// DeployRequests are the requests that a deploy role may make for resources of one
// type.
type DeployRequests struct {
	Create, Read, Update, Delete []string // on the resource, Create not on those that AWS names
	Bounded                      []string // on roles with the boundary
	Anywhere, Unnamed            []string // on no resource; Unnamed creates
	Kind                         string   // of EC2, such as "vpc"; "" for others
	Within                       []string // also on what the resource is in
}

// RequestsOf are the requests for a type of resource, with no fields for one that a
// deploy role may not create.
func RequestsOf(typ string) DeployRequests {
	r := deployTypes[typ]
	requests := DeployRequests{
		Create: r.create, Read: r.read, Update: r.update, Delete: r.remove, Bounded: r.bounded, Anywhere: r.anywhere, Unnamed: r.unnamed, Within: r.within,
	}
	if len(r.on) > 0 && strings.Contains(r.on[0], ":ec2:") {
		_, kind, _ := strings.Cut(r.on[0], "{account}:")
		requests.Kind = strings.TrimSuffix(kind, "/*")
	}
	return requests
}

// rightsWriter turns deployTypes into statements, as few as there can be.
type rightsWriter struct {
	args *DeployAccessArgs
	fill *strings.Replacer
	sids map[string]int
}

func newRightsWriter(args *DeployAccessArgs) *rightsWriter {
	return &rightsWriter{args: args, sids: map[string]int{}, fill: strings.NewReplacer(
		"{partition}", args.Place.partition(), "{region}", args.Place.Region, "{account}", args.Place.AccountID, "{environment}", args.Environment)}
}

// group is what is allowed together: requests with the same resources.
type group struct{ actions, resources []string }

// gather puts the requests of every type of the services together by their resources.
func gather(services []string, of func(deployRights) (actions, resources []string)) []group {
	byResources := map[string]*group{}
	for _, name := range DeployTypes() {
		actions, resources := of(deployTypes[name])
		actions = slices.DeleteFunc(slices.Clone(actions), func(action string) bool {
			service, _, _ := strings.Cut(action, ":")
			return !slices.Contains(services, service)
		})
		if len(actions) == 0 {
			continue
		}
		key := strings.Join(resources, " ")
		if byResources[key] == nil {
			byResources[key] = &group{resources: resources}
		}
		byResources[key].actions = append(byResources[key].actions, actions...)
	}
	var groups []group
	for _, key := range slices.Sorted(maps.Keys(byResources)) {
		g := byResources[key]
		slices.Sort(g.actions)
		groups = append(groups, group{slices.Compact(g.actions), g.resources})
	}
	return groups
}

// allow turns groups into statements under a condition; nil for none.
func (w *rightsWriter) allow(sid string, groups []group, condition map[string]any) []statement {
	var statements []statement
	for _, g := range groups {
		var resources []string
		for _, r := range g.resources {
			resources = append(resources, w.fill.Replace(r))
		}
		w.sids[sid]++
		statements = append(statements, statement{
			Sid: fmt.Sprintf("%s%d", sid, w.sids[sid]), Effect: "Allow", Action: g.actions, Resource: resources, Condition: condition,
		})
	}
	return statements
}

func everywhere() []string { return []string{"*"} }

// reads are what a refresh asks for. What accepts no resource, and what is known
// by tags alone, is allowed for the account: names and settings, no data.
func (w *rightsWriter) reads(services []string) []statement {
	named := gather(services, func(r deployRights) ([]string, []string) { return r.read, r.on })
	anywhere := gather(services, func(r deployRights) ([]string, []string) { return r.anywhere, everywhere() })
	return slices.Concat(w.allow("Read", named, nil), w.allow("Look", anywhere, nil))
}

// deploys are what creates, reads, changes and deletes.
func (w *rightsWriter) deploys(services []string) []statement {
	requested, owned, bounded := w.tags("aws:RequestTag/"), w.tags("aws:ResourceTag/"), w.bounded()
	named := gather(services, func(r deployRights) ([]string, []string) {
		if r.tagged {
			return r.read, r.on
		}
		return slices.Concat(r.read, r.create, r.update, r.remove), r.on
	})
	anywhere := gather(services, func(r deployRights) ([]string, []string) { return r.anywhere, everywhere() })
	unnamed := gather(services, func(r deployRights) ([]string, []string) { return r.unnamed, everywhere() })
	// One statement for each kind: the parent of what is created is no news.
	created := gather(services, func(r deployRights) ([]string, []string) {
		if !r.tagged {
			return nil, nil
		}
		return r.create, r.on
	})
	if slices.Contains(services, "kms") {
		// CreateKey asks for the right to tag the key, which has no tags yet. On one
		// that has, the state's for example, it would be the right to take it over.
		requested["Null"] = map[string]any{"aws:ResourceTag/project": "true"}
	}
	roles := gather(services, func(r deployRights) ([]string, []string) { return r.bounded, r.on })
	return slices.Concat(w.allow("Manage", named, nil), w.allow("Look", anywhere, nil), w.allow("New", unnamed, w.tags("aws:RequestTag/")),
		w.allow("Create", created, requested), w.allow("Owned", w.owned(services), owned), w.allow("Bounded", roles, bounded))
}

// owned are all requests about what the stack owns by its tags, as one group.
func (w *rightsWriter) owned(services []string) []group {
	all := group{}
	for _, g := range slices.Concat(
		gather(services, func(r deployRights) ([]string, []string) {
			if !r.tagged {
				return nil, nil
			}
			return slices.Concat(r.update, r.remove), r.on
		}),
		gather(services, func(r deployRights) ([]string, []string) {
			return r.within, r.parents
		})) {
		all.actions, all.resources = append(all.actions, g.actions...), append(all.resources, g.resources...)
	}
	if len(all.actions) == 0 {
		return nil
	}
	slices.Sort(all.actions)
	slices.Sort(all.resources)
	return []group{{slices.Compact(all.actions), slices.Compact(all.resources)}}
}

// tags is the condition that a request, or what it is about, has the tags of the
// stack.
func (w *rightsWriter) tags(of string) map[string]any {
	return map[string]any{"StringEquals": map[string]any{of + "project": w.args.Project, of + "environment": w.args.Environment}}
}

func (w *rightsWriter) bounded() map[string]any {
	return map[string]any{"StringEquals": map[string]any{"iam:PermissionsBoundary": w.args.boundaryArn()}}
}
