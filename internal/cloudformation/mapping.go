package cloudformation

import "fmt"

// absent are the types that CloudFormation has nothing for.
var absent = map[string]bool{
	// CloudFormation cannot change the default group of a VPC; CDK does it with a
	// function of its own.
	"aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": true,
}

const (
	bucketType     = "aws:s3/bucketV2:BucketV2"
	repositoryType = "aws:ecr/repository:Repository"
	ruleType       = "aws:cloudwatch/eventRule:EventRule"
	clusterType    = "aws:ecs/cluster:Cluster"
	roleType       = "aws:iam/role:Role"
	keyType        = "aws:kms/key:Key"
	queueType      = "aws:sqs/queue:Queue"
)

var parts = map[string]part{
	"aws:s3/bucketVersioningV2:BucketVersioningV2": {owner: bucketType, by: "bucket", fields: fields{
		"versioningConfiguration": block("VersioningConfiguration", fields{"status": to("Status")}),
	}},
	"aws:s3/bucketOwnershipControls:BucketOwnershipControls": {owner: bucketType, by: "bucket", under: "OwnershipControls", fields: fields{
		"rule": list("Rules", fields{"objectOwnership": to("ObjectOwnership")}),
	}},
	"aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": {owner: bucketType, by: "bucket", under: "PublicAccessBlockConfiguration", fields: fields{
		"blockPublicAcls": to("BlockPublicAcls"), "blockPublicPolicy": to("BlockPublicPolicy"),
		"ignorePublicAcls": to("IgnorePublicAcls"), "restrictPublicBuckets": to("RestrictPublicBuckets"),
	}},
	"aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2": {owner: bucketType, by: "bucket", under: "BucketEncryption", fields: fields{
		"rules": list("ServerSideEncryptionConfiguration", fields{
			"bucketKeyEnabled": to("BucketKeyEnabled"),
			"applyServerSideEncryptionByDefault": block("ServerSideEncryptionByDefault", fields{
				"sseAlgorithm": to("SSEAlgorithm"), "kmsMasterKeyId": to("KMSMasterKeyID"),
			}),
		}),
	}},
	"aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2": {owner: bucketType, by: "bucket", under: "LifecycleConfiguration", fields: fields{
		"transitionDefaultMinimumObjectSize": to("TransitionDefaultMinimumObjectSize"),
		"rules": list("Rules", fields{
			"id": to("Id"), "status": to("Status"), "prefix": to("Prefix"),
			"filter": flat(fields{
				"prefix": to("Prefix"), "objectSizeGreaterThan": to("ObjectSizeGreaterThan"), "objectSizeLessThan": to("ObjectSizeLessThan"),
			}),
			"expiration": flat(fields{
				"days": to("ExpirationInDays"), "date": to("ExpirationDate"), "expiredObjectDeleteMarker": to("ExpiredObjectDeleteMarker"),
			}),
			"transitions": list("Transitions", fields{
				"days": to("TransitionInDays"), "date": to("TransitionDate"), "storageClass": to("StorageClass"),
			}),
			"noncurrentVersionExpiration": block("NoncurrentVersionExpiration", fields{
				"noncurrentDays": to("NoncurrentDays"), "newerNoncurrentVersions": to("NewerNoncurrentVersions"),
			}),
			"noncurrentVersionTransitions": list("NoncurrentVersionTransitions", fields{
				"noncurrentDays": to("TransitionInDays"), "newerNoncurrentVersions": to("NewerNoncurrentVersions"), "storageClass": to("StorageClass"),
			}),
			"abortIncompleteMultipartUpload": block("AbortIncompleteMultipartUpload", fields{"daysAfterInitiation": to("DaysAfterInitiation")}),
		}),
	}},
	"aws:s3/bucketLoggingV2:BucketLoggingV2": {owner: bucketType, by: "bucket", under: "LoggingConfiguration", fields: fields{
		"targetBucket": reference("DestinationBucketName", bucketType), "targetPrefix": to("LogFilePrefix"),
		"targetObjectKeyFormat": block("TargetObjectKeyFormat", fields{
			"simplePrefix":      block("SimplePrefix", fields{}),
			"partitionedPrefix": block("PartitionedPrefix", fields{"partitionDateSource": to("PartitionDateSource")}),
		}),
	}},
	"aws:s3/bucketNotification:BucketNotification": {owner: bucketType, by: "bucket", under: "NotificationConfiguration", fields: fields{
		"eventbridge": func(_ *converter, out map[string]any, v any) error {
			out["EventBridgeConfiguration"] = map[string]any{"EventBridgeEnabled": v}
			return nil
		},
	}},
	"aws:ecr/lifecyclePolicy:LifecyclePolicy": {owner: repositoryType, by: "repository", under: "LifecyclePolicy", fields: fields{
		"policy": verbatim("LifecyclePolicyText"),
	}},
	"aws:ecs/clusterCapacityProviders:ClusterCapacityProviders": {owner: clusterType, by: "clusterName", fields: fields{
		"capacityProviders": to("CapacityProviders"),
		"defaultCapacityProviderStrategies": list("DefaultCapacityProviderStrategy", fields{
			"capacityProvider": to("CapacityProvider"), "base": to("Base"), "weight": to("Weight"),
		}),
	}},
	"aws:cloudwatch/eventTarget:EventTarget": {owner: ruleType, by: "rule", under: "Targets", list: true, fields: fields{
		"targetId": to("Id"), "arn": to("Arn"), "roleArn": to("RoleArn"), "input": verbatim("Input"), "inputPath": to("InputPath"),
		"eventBusName":     dropped, // the rule has it too
		"deadLetterConfig": block("DeadLetterConfig", fields{"arn": to("Arn")}),
		"retryPolicy":      retryPolicy,
		"inputTransformer": block("InputTransformer", fields{"inputPaths": verbatim("InputPathsMap"), "inputTemplate": verbatim("InputTemplate")}),
	}},
}

var retryPolicy = block("RetryPolicy", fields{
	"maximumEventAgeInSeconds": to("MaximumEventAgeInSeconds"), "maximumRetryAttempts": to("MaximumRetryAttempts"),
})

var kinds = map[string]kind{
	bucketType: {name: "AWS::S3::Bucket", arn: "Arn", fields: fields{
		"bucket": to("BucketName"), "forceDestroy": dropped, "objectLockEnabled": to("ObjectLockEnabled"), "tags": tags,
	}},
	"aws:s3/bucketPolicy:BucketPolicy": {name: "AWS::S3::BucketPolicy", fields: fields{
		"bucket": reference("Bucket", bucketType), "policy": document("PolicyDocument"),
	}},
	repositoryType: {name: "AWS::ECR::Repository", arn: "Arn", fields: fields{
		"name": to("RepositoryName"), "forceDelete": to("EmptyOnDelete"), "imageTagMutability": to("ImageTagMutability"), "tags": tags,
		"imageScanningConfiguration": block("ImageScanningConfiguration", fields{"scanOnPush": to("ScanOnPush")}),
		"encryptionConfigurations":   only("EncryptionConfiguration", fields{"encryptionType": to("EncryptionType"), "kmsKey": to("KmsKey")}),
	}},
	clusterType: {name: "AWS::ECS::Cluster", ref: "name", arn: "Arn", fields: fields{
		"name": to("ClusterName"), "tags": tags,
		"settings":      list("ClusterSettings", fields{"name": to("Name"), "value": to("Value")}),
		"configuration": block("Configuration", fields{"executeCommandConfiguration": block("ExecuteCommandConfiguration", fields{"logging": to("Logging"), "kmsKeyId": to("KmsKeyId")})}),
	}},
	"aws:ecs/taskDefinition:TaskDefinition": {name: "AWS::ECS::TaskDefinition", ref: "arn", fields: fields{
		"family": to("Family"), "cpu": to("Cpu"), "memory": to("Memory"), "networkMode": to("NetworkMode"), "skipDestroy": dropped,
		"executionRoleArn": to("ExecutionRoleArn"), "taskRoleArn": to("TaskRoleArn"), "requiresCompatibilities": to("RequiresCompatibilities"), "tags": tags,
		"runtimePlatform":  block("RuntimePlatform", fields{"cpuArchitecture": to("CpuArchitecture"), "operatingSystemFamily": to("OperatingSystemFamily")}),
		"ephemeralStorage": block("EphemeralStorage", fields{"sizeInGib": to("SizeInGiB")}),
		"volumes":          list("Volumes", fields{"name": to("Name")}),
		"containerDefinitions": parse(list("ContainerDefinitions", fields{
			"name": to("Name"), "image": to("Image"), "command": to("Command"), "entryPoint": to("EntryPoint"), "essential": to("Essential"), "user": to("User"),
			"readonlyRootFilesystem": to("ReadonlyRootFilesystem"), "stopTimeout": to("StopTimeout"), "privileged": to("Privileged"),
			"environment":      list("Environment", fields{"name": to("Name"), "value": to("Value")}),
			"secrets":          list("Secrets", fields{"name": to("Name"), "valueFrom": to("ValueFrom")}),
			"mountPoints":      list("MountPoints", fields{"sourceVolume": to("SourceVolume"), "containerPath": to("ContainerPath"), "readOnly": to("ReadOnly")}),
			"ulimits":          list("Ulimits", fields{"name": to("Name"), "softLimit": to("SoftLimit"), "hardLimit": to("HardLimit")}),
			"logConfiguration": block("LogConfiguration", fields{"logDriver": to("LogDriver"), "options": verbatim("Options")}),
			"linuxParameters": block("LinuxParameters", fields{
				"initProcessEnabled": to("InitProcessEnabled"), "capabilities": block("Capabilities", fields{"add": to("Add"), "drop": to("Drop")}),
			}),
		})),
	}},
	roleType: {name: "AWS::IAM::Role", arn: "Arn", fields: fields{
		"name": to("RoleName"), "description": to("Description"), "path": to("Path"), "maxSessionDuration": to("MaxSessionDuration"), "tags": tags,
		"assumeRolePolicy": document("AssumeRolePolicyDocument"), "permissionsBoundary": to("PermissionsBoundary"), "managedPolicyArns": to("ManagedPolicyArns"),
	}},
	// Scanners look into AWS::IAM::Policy, not into AWS::IAM::RolePolicy.
	"aws:iam/rolePolicy:RolePolicy": {name: "AWS::IAM::Policy", fields: fields{
		"name": to("PolicyName"), "policy": document("PolicyDocument"), "role": inList(reference("Roles", roleType), "Roles"),
	}},
	keyType: {name: "AWS::KMS::Key", arn: "Arn", fields: fields{
		"description": to("Description"), "enableKeyRotation": to("EnableKeyRotation"), "deletionWindowInDays": to("PendingWindowInDays"),
		"policy": document("KeyPolicy"), "rotationPeriodInDays": to("RotationPeriodInDays"), "tags": tags,
	}},
	"aws:kms/alias:Alias": {name: "AWS::KMS::Alias", fields: fields{
		"name": to("AliasName"), "targetKeyId": reference("TargetKeyId", keyType),
	}},
	"aws:cloudwatch/logGroup:LogGroup": {name: "AWS::Logs::LogGroup", fields: fields{
		"name": to("LogGroupName"), "retentionInDays": to("RetentionInDays"), "kmsKeyId": to("KmsKeyId"), "skipDestroy": dropped, "tags": tags,
	}},
	"aws:cloudwatch/metricAlarm:MetricAlarm": {name: "AWS::CloudWatch::Alarm", arn: "Arn", fields: fields{
		"name": to("AlarmName"), "alarmDescription": to("AlarmDescription"), "alarmActions": to("AlarmActions"), "okActions": to("OKActions"),
		"insufficientDataActions": to("InsufficientDataActions"), "actionsEnabled": to("ActionsEnabled"), "comparisonOperator": to("ComparisonOperator"),
		"evaluationPeriods": to("EvaluationPeriods"), "datapointsToAlarm": to("DatapointsToAlarm"), "metricName": to("MetricName"), "namespace": to("Namespace"),
		"period": to("Period"), "statistic": to("Statistic"), "extendedStatistic": to("ExtendedStatistic"), "threshold": to("Threshold"),
		"treatMissingData": to("TreatMissingData"), "unit": to("Unit"), "dimensions": pairs("Dimensions", "Name", "Value"), "tags": tags,
		"metricQueries": list("Metrics", fields{
			"id": to("Id"), "expression": to("Expression"), "label": to("Label"), "returnData": to("ReturnData"),
			"metric": func(c *converter, out map[string]any, v any) error {
				metric, ok := v.(map[string]any)
				if !ok {
					return fmt.Errorf("got %T, want an object", v)
				}
				stat, err := fields{
					"period": to("Period"), "stat": to("Stat"), "unit": to("Unit"), "metricName": dropped, "namespace": dropped, "dimensions": dropped,
				}.convert(c, metric)
				if err != nil {
					return err
				}
				named := map[string]any{}
				for _, key := range []string{"metricName", "namespace", "dimensions"} {
					named[key] = metric[key]
				}
				stat["Metric"], err = fields{
					"metricName": to("MetricName"), "namespace": to("Namespace"), "dimensions": pairs("Dimensions", "Name", "Value"),
				}.convert(c, named)
				out["MetricStat"] = stat
				return err
			},
		}),
	}},
	"aws:cloudwatch/dashboard:Dashboard": {name: "AWS::CloudWatch::Dashboard", fields: fields{
		"dashboardName": to("DashboardName"), "dashboardBody": verbatim("DashboardBody"),
	}},
	ruleType: {name: "AWS::Events::Rule", arn: "Arn", fields: fields{
		"name": to("Name"), "description": to("Description"), "eventBusName": to("EventBusName"), "eventPattern": parse(verbatim("EventPattern")),
		"scheduleExpression": to("ScheduleExpression"), "state": to("State"), "roleArn": to("RoleArn"), "tags": tags,
	}},
	"aws:scheduler/scheduleGroup:ScheduleGroup": {name: "AWS::Scheduler::ScheduleGroup", arn: "Arn", fields: fields{
		"name": to("Name"), "tags": tags,
	}},
	"aws:scheduler/schedule:Schedule": {name: "AWS::Scheduler::Schedule", arn: "Arn", ref: "name", fields: fields{
		"name": to("Name"), "groupName": reference("GroupName", "aws:scheduler/scheduleGroup:ScheduleGroup"), "description": to("Description"), "state": to("State"),
		"scheduleExpression": to("ScheduleExpression"), "scheduleExpressionTimezone": to("ScheduleExpressionTimezone"), "kmsKeyArn": to("KmsKeyArn"),
		"startDate": to("StartDate"), "endDate": to("EndDate"), "actionAfterCompletion": dropped, // CloudFormation has no such property
		"flexibleTimeWindow": block("FlexibleTimeWindow", fields{"mode": to("Mode"), "maximumWindowInMinutes": to("MaximumWindowInMinutes")}),
		"target": block("Target", fields{
			"arn": to("Arn"), "roleArn": to("RoleArn"), "input": verbatim("Input"), "deadLetterConfig": block("DeadLetterConfig", fields{"arn": to("Arn")}), "retryPolicy": retryPolicy,
		}),
	}},
	"aws:sfn/stateMachine:StateMachine": {name: "AWS::StepFunctions::StateMachine", ref: "arn", fields: fields{
		"name": to("StateMachineName"), "type": to("StateMachineType"), "roleArn": to("RoleArn"), "definition": verbatim("DefinitionString"), "tags": tags,
		"tracingConfiguration": block("TracingConfiguration", fields{"enabled": to("Enabled")}),
		"loggingConfiguration": block("LoggingConfiguration", fields{
			"level": to("Level"), "includeExecutionData": to("IncludeExecutionData"),
			"logDestination": func(_ *converter, out map[string]any, v any) error {
				out["Destinations"] = []any{map[string]any{"CloudWatchLogsLogGroup": map[string]any{"LogGroupArn": v}}}
				return nil
			},
		}),
		"encryptionConfiguration": block("EncryptionConfiguration", fields{
			"type": to("Type"), "kmsKeyId": to("KmsKeyId"), "kmsDataKeyReusePeriodSeconds": to("KmsDataKeyReusePeriodSeconds"),
		}),
	}},
	"aws:sns/topic:Topic": {name: "AWS::SNS::Topic", ref: "arn", fields: fields{
		"name": to("TopicName"), "displayName": to("DisplayName"), "kmsMasterKeyId": to("KmsMasterKeyId"), "tags": tags,
	}},
	"aws:sns/topicPolicy:TopicPolicy": {name: "AWS::SNS::TopicPolicy", ref: none, fields: fields{
		"arn": inList(to("Topics"), "Topics"), "policy": document("PolicyDocument"),
	}},
	"aws:sns/topicSubscription:TopicSubscription": {name: "AWS::SNS::Subscription", fields: fields{
		"topic": to("TopicArn"), "protocol": to("Protocol"), "endpoint": to("Endpoint"), "rawMessageDelivery": to("RawMessageDelivery"),
		"redrivePolicy": parse(to("RedrivePolicy")), "filterPolicy": parse(verbatim("FilterPolicy")), "filterPolicyScope": to("FilterPolicyScope"),
	}},
	queueType: {name: "AWS::SQS::Queue", arn: "Arn", fields: fields{
		"name": to("QueueName"), "messageRetentionSeconds": to("MessageRetentionPeriod"), "sqsManagedSseEnabled": to("SqsManagedSseEnabled"), "tags": tags,
		"kmsMasterKeyId": to("KmsMasterKeyId"), "kmsDataKeyReusePeriodSeconds": to("KmsDataKeyReusePeriodSeconds"), "visibilityTimeoutSeconds": to("VisibilityTimeout"),
		"redrivePolicy": parse(to("RedrivePolicy")),
	}},
	"aws:sqs/queuePolicy:QueuePolicy": {name: "AWS::SQS::QueuePolicy", ref: none, fields: fields{
		"queueUrl": inList(to("Queues"), "Queues"), "policy": document("PolicyDocument"),
	}},
	"aws:dynamodb/table:Table": {name: "AWS::DynamoDB::Table", ref: "name", arn: "Arn", fields: fields{
		"name": to("TableName"), "billingMode": to("BillingMode"), "deletionProtectionEnabled": to("DeletionProtectionEnabled"), "tags": tags,
		"attributes": list("AttributeDefinitions", fields{"name": to("AttributeName"), "type": to("AttributeType")}),
		"hashKey": func(_ *converter, out map[string]any, v any) error {
			out["KeySchema"] = append([]any{map[string]any{"AttributeName": v, "KeyType": "HASH"}}, rest(out["KeySchema"])...)
			return nil
		},
		"rangeKey": func(_ *converter, out map[string]any, v any) error {
			out["KeySchema"] = append(rest(out["KeySchema"]), map[string]any{"AttributeName": v, "KeyType": "RANGE"})
			return nil
		},
		"pointInTimeRecovery":  block("PointInTimeRecoverySpecification", fields{"enabled": to("PointInTimeRecoveryEnabled"), "recoveryPeriodInDays": to("RecoveryPeriodInDays")}),
		"ttl":                  block("TimeToLiveSpecification", fields{"attributeName": to("AttributeName"), "enabled": to("Enabled")}),
		"serverSideEncryption": block("SSESpecification", fields{"enabled": to("SSEEnabled"), "kmsKeyArn": keyOfTable}),
	}},
	"aws:ssm/parameter:Parameter": {name: "AWS::SSM::Parameter", fields: fields{
		"name": to("Name"), "description": to("Description"), "dataType": to("DataType"), "insecureValue": to("Value"), "value": to("Value"),
		"tier": to("Tier"), "type": to("Type"), "allowedPattern": to("AllowedPattern"), "overwrite": dropped,
	}},
	"aws:cloudtrail/trail:Trail": {name: "AWS::CloudTrail::Trail", ref: "name", arn: "Arn", fields: fields{
		"name": to("TrailName"), "s3BucketName": reference("S3BucketName", bucketType), "s3KeyPrefix": to("S3KeyPrefix"), "enableLogging": to("IsLogging"),
		"enableLogFileValidation": to("EnableLogFileValidation"), "includeGlobalServiceEvents": to("IncludeGlobalServiceEvents"), "isMultiRegionTrail": to("IsMultiRegionTrail"),
		"isOrganizationTrail": to("IsOrganizationTrail"), "kmsKeyId": to("KMSKeyId"), "cloudWatchLogsGroupArn": to("CloudWatchLogsLogGroupArn"),
		"cloudWatchLogsRoleArn": to("CloudWatchLogsRoleArn"), "snsTopicName": to("SnsTopicName"), "tags": tags,
		"eventSelectors": list("EventSelectors", fields{
			"includeManagementEvents": to("IncludeManagementEvents"), "readWriteType": to("ReadWriteType"), "excludeManagementEventSources": to("ExcludeManagementEventSources"),
			"dataResources": list("DataResources", fields{"type": to("Type"), "values": to("Values")}),
		}),
		"advancedEventSelectors": list("AdvancedEventSelectors", fields{
			"name": to("Name"),
			"fieldSelectors": list("FieldSelectors", fields{
				"field": to("Field"), "equals": to("Equals"), "notEquals": to("NotEquals"), "startsWith": to("StartsWith"), "notStartsWith": to("NotStartsWith"),
				"endsWith": to("EndsWith"), "notEndsWith": to("NotEndsWith"),
			}),
		}),
	}},
	"aws:ec2/vpc:Vpc": {name: "AWS::EC2::VPC", fields: fields{
		"cidrBlock": to("CidrBlock"), "enableDnsHostnames": to("EnableDnsHostnames"), "enableDnsSupport": to("EnableDnsSupport"), "instanceTenancy": to("InstanceTenancy"), "tags": tags,
	}},
	"aws:ec2/subnet:Subnet": {name: "AWS::EC2::Subnet", fields: fields{
		"vpcId": to("VpcId"), "availabilityZone": to("AvailabilityZone"), "cidrBlock": to("CidrBlock"), "mapPublicIpOnLaunch": to("MapPublicIpOnLaunch"), "tags": tags,
	}},
	"aws:ec2/internetGateway:InternetGateway": {name: "AWS::EC2::InternetGateway", fields: fields{
		"vpcId": dropped, "tags": tags,
	}, also: attachment},
	"aws:ec2/routeTable:RouteTable": {name: "AWS::EC2::RouteTable", fields: fields{"vpcId": to("VpcId"), "tags": tags}},
	"aws:ec2/route:Route": {name: "AWS::EC2::Route", fields: fields{
		"routeTableId": to("RouteTableId"), "destinationCidrBlock": to("DestinationCidrBlock"), "gatewayId": to("GatewayId"), "natGatewayId": to("NatGatewayId"),
	}},
	"aws:ec2/routeTableAssociation:RouteTableAssociation": {name: "AWS::EC2::SubnetRouteTableAssociation", fields: fields{
		"routeTableId": to("RouteTableId"), "subnetId": to("SubnetId"),
	}},
	"aws:ec2/securityGroup:SecurityGroup": {name: "AWS::EC2::SecurityGroup", fields: fields{
		"name": to("GroupName"), "description": to("GroupDescription"), "vpcId": to("VpcId"), "tags": tags, "revokeRulesOnDelete": dropped,
		"ingress": securityRules("SecurityGroupIngress", "SourceSecurityGroupId", "SourcePrefixListId"),
		"egress":  securityRules("SecurityGroupEgress", "DestinationSecurityGroupId", "DestinationPrefixListId"),
	}},
	"aws:ec2/eip:Eip": {name: "AWS::EC2::EIP", fields: fields{"domain": to("Domain"), "tags": tags}},
	"aws:ec2/natGateway:NatGateway": {name: "AWS::EC2::NatGateway", fields: fields{
		"subnetId": to("SubnetId"),
		"allocationId": func(c *converter, out map[string]any, v any) error {
			out["AllocationId"] = v
			if ref, ok := c.refer(v).(map[string]any); ok { // Ref of an address is the address itself
				out["AllocationId"] = map[string]any{"Fn::GetAtt": []any{ref["Ref"], "AllocationId"}}
			}
			return nil
		},
		"tags": tags,
	}},
	"aws:ec2/vpcEndpoint:VpcEndpoint": {name: "AWS::EC2::VPCEndpoint", fields: fields{
		"vpcId": to("VpcId"), "serviceName": to("ServiceName"), "vpcEndpointType": to("VpcEndpointType"), "routeTableIds": to("RouteTableIds"), "subnetIds": to("SubnetIds"),
		"securityGroupIds": to("SecurityGroupIds"), "privateDnsEnabled": to("PrivateDnsEnabled"), "policy": document("PolicyDocument"), "tags": tags,
	}},
	"aws:ec2/flowLog:FlowLog": {name: "AWS::EC2::FlowLog", fields: fields{
		"vpcId": func(c *converter, out map[string]any, v any) error {
			out["ResourceId"], out["ResourceType"] = c.refer(v), "VPC"
			return nil
		},
		"trafficType": to("TrafficType"), "logDestinationType": to("LogDestinationType"), "logDestination": to("LogDestination"), "logFormat": to("LogFormat"),
		"iamRoleArn": to("DeliverLogsPermissionArn"), "maxAggregationInterval": to("MaxAggregationInterval"), "tags": tags,
	}},
	"aws:budgets/budget:Budget": {name: "AWS::Budgets::Budget", fields: fields{
		"accountId": dropped, // a template is deployed to one account
		"name":      flatBudget("BudgetName"), "budgetType": flatBudget("BudgetType"), "timeUnit": flatBudget("TimeUnit"),
		"limitAmount": limit("Amount"), "limitUnit": limit("Unit"),
		"notifications": func(c *converter, out map[string]any, v any) error {
			elements, ok := v.([]any)
			if !ok {
				return fmt.Errorf("got %T, want a list", v)
			}
			var converted []any
			for i, element := range elements {
				object, ok := element.(map[string]any)
				if !ok {
					return fmt.Errorf("[%d]: got %T, want an object", i, element)
				}
				subscribers := []any{}
				for key, typ := range map[string]string{"subscriberSnsTopicArns": "SNS", "subscriberEmailAddresses": "EMAIL"} {
					for _, address := range rest(object[key]) {
						subscribers = append(subscribers, map[string]any{"SubscriptionType": typ, "Address": c.refer(address)})
					}
				}
				notification, err := fields{
					"comparisonOperator": to("ComparisonOperator"), "notificationType": to("NotificationType"), "threshold": to("Threshold"), "thresholdType": to("ThresholdType"),
					"subscriberSnsTopicArns": dropped, "subscriberEmailAddresses": dropped,
				}.convert(c, object)
				if err != nil {
					return fmt.Errorf("[%d]: %w", i, err)
				}
				converted = append(converted, map[string]any{"Notification": notification, "Subscribers": subscribers})
			}
			out["NotificationsWithSubscribers"] = converted
			return nil
		},
	}},
}

func rest(v any) []any {
	elements, _ := v.([]any)
	return elements
}

func keyOfTable(c *converter, out map[string]any, v any) error {
	out["KMSMasterKeyId"], out["SSEType"] = c.refer(v), "KMS"
	return nil
}

// budget is where CloudFormation keeps what Pulumi has beside the notifications.
func budget(out map[string]any) map[string]any {
	inner, ok := out["Budget"].(map[string]any)
	if !ok {
		inner = map[string]any{}
		out["Budget"] = inner
	}
	return inner
}

func flatBudget(name string) field {
	return func(_ *converter, out map[string]any, v any) error {
		budget(out)[name] = v
		return nil
	}
}

func limit(name string) field {
	return func(_ *converter, out map[string]any, v any) error {
		inner := budget(out)
		amount, ok := inner["BudgetLimit"].(map[string]any)
		if !ok {
			amount = map[string]any{}
			inner["BudgetLimit"] = amount
		}
		amount[name] = v
		return nil
	}
}

// attachment is what CloudFormation has for the VPC of an internet gateway.
func attachment(c *converter, t *Template, r *Resource) {
	if vpc := r.Inputs["vpcId"]; vpc != nil {
		t.Resources[c.logical[r]+"Attachment"] = &Entity{Type: "AWS::EC2::VPCGatewayAttachment", Properties: map[string]any{
			"VpcId": c.refer(vpc), "InternetGatewayId": map[string]any{"Ref": c.logical[r]},
		}}
	}
}
