package simcloud

const (
	anyRole  = "arn:aws:iam::123456789012:role/r"
	anyQueue = "arn:aws:sqs:us-east-1:123456789012:q"
	anyKey   = "arn:aws:kms:us-east-1:123456789012:key/k"

	trust      = `{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"sts:AssumeRole\",\"Principal\":{\"Service\":\"ecs-tasks.amazonaws.com\"}}]}`
	identity   = `{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"s3:GetObject\",\"Resource\":\"*\"}]}`
	onResource = `{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\",\"Principal\":\"*\"}]}`
	onImages   = `{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"ecr:BatchGetImage\",\"Principal\":{\"AWS\":\"123456789012\"}}]}`
	noPolicy   = `"{}"`
	oneState   = `{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Succeed\"}}}`
	oneBox     = `[{\"name\":\"job\",\"image\":\"a/b@sha256:00\",\"logConfiguration\":{\"logDriver\":\"awslogs\",\"options\":{\"awslogs-group\":\"g\",\"awslogs-region\":\"us-east-1\",\"awslogs-stream-prefix\":\"p\"}},\"mountPoints\":[{\"sourceVolume\":\"scratch\",\"containerPath\":\"/tmp\"}],\"environment\":[{\"name\":\"A\",\"value\":\"1\"}]}]`
)

// long is a text of n letters, as JSON.
func long(n int) string {
	text := make([]byte, n+2)
	for i := range text {
		text[i] = 'a'
	}
	text[0], text[n+1] = '"', '"'
	return string(text)
}

var samples = map[string]sample{
	bucketType: {`{"bucket": "data-2026", "forceDestroy": true, "tags": {"a": "b"}}`, []spoiled{
		{`bucket="Data"`, `bucket: got "Data", want 3 to 63 lower-case letters`},
		{`bucket="ab"`, "bucket: "}, {`bucket=` + long(64), "bucket: "}, {`bucket="a..b"`, "no dot beside"}, {`bucket="10.0.0.1"`, "not an IP address"},
		{`bucket="xn--a"`, "reserved beginning"}, {`bucket="a-s3alias"`, "reserved ending"}, {`bucket="-ab"`, "bucket: "}, {`bucket="a_b"`, "bucket: "},
		{`bucketPrefix="a"`, "bucketPrefix: conflicts with"},
		{`acl="public"`, `acl: got "public", want "private"`},
		{`requestPayer="Me"`, "requestPayer: "},
		{`policy="{"`, "policy: not valid JSON"},
	}},
	"aws:s3/bucketVersioningV2:BucketVersioningV2": {`{"bucket": "b", "versioningConfiguration": {"status": "Enabled"}}`, []spoiled{
		{`versioningConfiguration.status="On"`, `versioningConfiguration.status: got "On", want "Enabled", "Suspended" or "Disabled"`},
		{`versioningConfiguration.mfaDelete="Yes"`, "versioningConfiguration.mfaDelete: "},
		{`versioningConfiguration.status=null`, "versioningConfiguration.status: missing"},
	}},
	"aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2": {
		`{"bucket": "b", "rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}]}`, []spoiled{
			{`rules[1]={}`, "rules: got 2 elements, want 1 to 1"},
			{`rules[0].applyServerSideEncryptionByDefault.sseAlgorithm="aes"`, "rules[0].applyServerSideEncryptionByDefault.sseAlgorithm: "},
			{`rules[0].applyServerSideEncryptionByDefault.kmsMasterKeyId="` + anyKey + `"`, "kmsMasterKeyId: only with"},
			{`rules=[]`, "rules: empty"},
		}},
	"aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2": {
		`{"bucket": "b", "rules": [{"id": "old", "status": "Enabled", "filter": {"prefix": "a/"}, "expiration": {"days": 90},
			"transitions": [{"days": 30, "storageClass": "STANDARD_IA"}], "noncurrentVersionExpiration": {"noncurrentDays": 7, "newerNoncurrentVersions": 2},
			"noncurrentVersionTransitions": [{"noncurrentDays": 3, "storageClass": "GLACIER"}], "abortIncompleteMultipartUpload": {"daysAfterInitiation": 7}}]}`, []spoiled{
			{`rules=[]`, "rules: empty"},
			{`rules[1]={"id": "old", "status": "Enabled", "expiration": {"days": 1}}`, `rules[1].id: "old" is used by rules[0] already`},
			{`rules[0].id=` + long(256), "rules[0].id: got 256 characters"},
			{`rules[0].status="On"`, "rules[0].status: "},
			{`rules[0].prefix="b/"`, `rules[0].prefix: conflicts with "filter"`},
			{`rules[1]={"id": "idle", "status": "Enabled"}`, "rules[1].abortIncompleteMultipartUpload: missing; want at least one of"},
			{`rules[0].expiration.date="2030-01-01T00:00:00Z"`, "rules[0].expiration.date: got"},
			{`rules[0].transitions[0].date="2030-01-01T00:00:00Z"`, "rules[0].transitions[0].date: got"},
			{`rules[0].transitions[0].storageClass="TAPE"`, "rules[0].transitions[0].storageClass: "},
			{`rules[0].noncurrentVersionTransitions[0].storageClass="TAPE"`, "rules[0].noncurrentVersionTransitions[0].storageClass: "},
			{`rules[0].expiration.days=0`, "rules[0].expiration.days: got 0"},
			{`rules[0].transitions[0].days=-1`, "rules[0].transitions[0].days: got -1"},
			{`rules[0].transitions[0].days=7`, "want at least 30 for STANDARD_IA"},
			{`rules[0].transitions[0].days=90`, "want less than expiration.days, 90"},
			{`rules[0].noncurrentVersionExpiration.noncurrentDays=0`, "noncurrentDays: got 0"},
			{`rules[0].noncurrentVersionExpiration.newerNoncurrentVersions=101`, "newerNoncurrentVersions: got 101"},
			{`rules[0].abortIncompleteMultipartUpload.daysAfterInitiation=0`, "daysAfterInitiation: got 0"},
			{`transitionDefaultMinimumObjectSize="1 MB"`, "transitionDefaultMinimumObjectSize: "},
			{`rules=` + manyRules(1001), "rules: got 1001 elements, want 1 to 1000"},
		}},
	"aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": {`{"bucket": "b", "blockPublicAcls": true}`, nil},
	"aws:s3/bucketOwnershipControls:BucketOwnershipControls": {`{"bucket": "b", "rule": {"objectOwnership": "BucketOwnerEnforced"}}`, []spoiled{
		{`rule.objectOwnership="Mine"`, "rule.objectOwnership: "},
	}},
	"aws:s3/bucketPolicy:BucketPolicy":       {`{"bucket": "b", "policy": "` + onResource + `"}`, []spoiled{{`policy=` + noPolicy, "policy.Version: missing"}}},
	"aws:s3/bucketLoggingV2:BucketLoggingV2": {`{"bucket": "b", "targetBucket": "logs", "targetPrefix": "b/"}`, nil},
	"aws:cloudtrail/trail:Trail": {`{"name": "audit", "s3BucketName": "b", "eventSelectors": [{"readWriteType": "All", "dataResources": [{"type": "AWS::S3::Object", "values": ["arn:aws:s3:::data/"]}]}]}`, []spoiled{
		{`name="a b"`, "name: got"}, {`s3KeyPrefix="/a"`, "s3KeyPrefix: got"}, {`kmsKeyId="k"`, "kmsKeyId: got"},
		{`eventSelectors[0].readWriteType="Some"`, "eventSelectors[0].readWriteType: "},
		{`eventSelectors[0].dataResources[0].type="AWS::SQS::Queue"`, "eventSelectors[0].dataResources[0].type: "},
		{`eventSelectors[0].dataResources[0].values[0]="arn:aws:s3:::data"`, "want arn:aws:s3:::<bucket>/"},
		{`advancedEventSelectors=[{"fieldSelectors": [{"field": "eventCategory", "equals": ["Data"]}]}]`, "advancedEventSelectors: conflicts with"},
		{`eventSelectors=[{},{},{},{},{},{}]`, "eventSelectors: got 6 elements"},
		{`eventSelectors[0].dataResources[0].values=[]`, "values: "},
		{`cloudWatchLogsGroupArn="arn:aws:logs:us-east-1:123456789012:log-group:g:*"`, "cloudWatchLogsRoleArn: "},
		{`cloudWatchLogsRoleArn="` + anyRole + `"`, "cloudWatchLogsGroupArn: "},
		{`insightSelectors=[{"insightType": "Any"}]`, "insightSelectors[0].insightType: "},
	}},
	"aws:s3/bucketNotification:BucketNotification": {`{"bucket": "b", "queues": [{"queueArn": "` + anyQueue + `", "events": ["s3:ObjectCreated:*"]}]}`, []spoiled{
		{`queues[0].queueArn="q"`, "queues[0].queueArn: got"},
		{`topics[0]={"topicArn": "` + anyQueue + `", "events": ["s3:ObjectCreated:*"]}`, `topics[0].topicArn: got "` + anyQueue + `", want an ARN of "sns"`},
		{`lambdaFunctions[0]={"lambdaFunctionArn": "f", "events": ["s3:ObjectCreated:*"]}`, "lambdaFunctions[0].lambdaFunctionArn: "},
		{`queues[0].events=[]`, "queues[0].events: empty"},
	}},
	"aws:s3/bucketObjectv2:BucketObjectv2": {`{"bucket": "b", "key": "a/b", "content": "hello"}`, []spoiled{
		{`contentBase64="aGk="`, "contentBase64: conflicts"},
		{`serverSideEncryption="rot13"`, "serverSideEncryption: "},
		{`storageClass="TAPE"`, "storageClass: "},
	}},
	repositoryType: {`{"name": "team/job", "imageTagMutability": "IMMUTABLE", "encryptionConfigurations": [{"encryptionType": "KMS", "kmsKey": "` + anyKey + `"}]}`, []spoiled{
		{`name="a"`, "name: got 1 characters"}, {`name="Team"`, "name: got"}, {`name="a--/b"`, "name: got"},
		{`imageTagMutability="FROZEN"`, "imageTagMutability: "},
		{`encryptionConfigurations[0].encryptionType="ROT13"`, "encryptionConfigurations[0].encryptionType: "},
		{`encryptionConfigurations[0].kmsKey="k"`, "encryptionConfigurations[0].kmsKey: "},
	}},
	"aws:ecr/lifecyclePolicy:LifecyclePolicy": {`{"repository": "r", "policy": "{\"rules\":[{\"rulePriority\":1,\"selection\":{\"tagStatus\":\"any\",\"countType\":\"imageCountMoreThan\",\"countNumber\":5},\"action\":{\"type\":\"expire\"}}]}"}`, []spoiled{
		{`policy="{\"rules\":[]}"`, "policy.rules: missing"},
	}},
	"aws:ecr/repositoryPolicy:RepositoryPolicy": {`{"repository": "r", "policy": "` + onImages + `"}`, []spoiled{{`policy="` + onResource + `"`, "policy.Statement[0].Resource: not allowed here"}}},
	clusterType: {`{"name": "c", "settings": [{"name": "containerInsights", "value": "enabled"}], "configuration": {"executeCommandConfiguration": {"logging": "DEFAULT"}}}`, []spoiled{
		{`name="a b"`, "name: got"},
		{`settings[0].name="insights"`, "settings[0].name: "}, {`settings[0].value="on"`, "settings[0].value: "},
		{`configuration.executeCommandConfiguration.logging="x"`, "logging: "},
	}},
	"aws:ecs/clusterCapacityProviders:ClusterCapacityProviders": {`{"clusterName": "c", "capacityProviders": ["FARGATE_SPOT"], "defaultCapacityProviderStrategies": [{"capacityProvider": "FARGATE_SPOT"}]}`, []spoiled{
		{`capacityProviders=["FARGATE"]`, `capacityProvider: got "FARGATE_SPOT", want one of capacityProviders, "FARGATE"`},
	}},
	taskDefinitionType: {`{"family": "job", "requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "2048", "memory": "4096",
		"containerDefinitions": "` + oneBox + `", "executionRoleArn": "` + anyRole + `", "taskRoleArn": "` + anyRole + `",
		"runtimePlatform": {"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"}, "ephemeralStorage": {"sizeInGib": 21},
		"volumes": [{"name": "scratch"}, {"name": "shared", "efsVolumeConfiguration": {"fileSystemId": "fs-1", "transitEncryption": "ENABLED"}}]}`, []spoiled{
		{`family="a b"`, "family: got"},
		{`networkMode="wifi"`, "networkMode: "},
		{`requiresCompatibilities[0]="MOON"`, "requiresCompatibilities[0]: "},
		{`pidMode="mine"`, "pidMode: "}, {`ipcMode="mine"`, "ipcMode: "}, {`placementConstraints[0]={"type": "near"}`, "placementConstraints[0].type: "},
		{`runtimePlatform.cpuArchitecture="RISCV"`, "runtimePlatform.cpuArchitecture: "},
		{`runtimePlatform.operatingSystemFamily="BEOS"`, "runtimePlatform.operatingSystemFamily: "},
		{`executionRoleArn="role"`, "executionRoleArn: "}, {`taskRoleArn="` + anyQueue + `"`, `taskRoleArn: got "` + anyQueue + `", want an ARN of "iam"`},
		{`ephemeralStorage.sizeInGib=20`, "ephemeralStorage.sizeInGib: got 20, want 21 to 200"},
		{`volumes[1].name="scratch"`, `volumes[1].name: "scratch" is used by volumes[0] already`},
		{`volumes[1].efsVolumeConfiguration.transitEncryption="yes"`, "transitEncryption: "},
		{`memory="2048"`, `memory: got "2048", want one of [4096 5120`}, {`cpu="1000"`, `cpu: got "1000", want one of [256 512`},
		{`cpu="16384" & memory="32769"`, "memory: "}, {`cpu=null`, "cpu: missing; FARGATE needs it"}, {`networkMode="bridge"`, `networkMode: got "bridge", want "awsvpc" for FARGATE`},
		{`executionRoleArn=null`, "executionRoleArn: missing; FARGATE needs it for the log driver awslogs of containerDefinitions[0]"},
		{`containerDefinitions="[]"`, "containerDefinitions: got [], want a list of at least one container"},
	}},
	roleType: {`{"name": "r", "path": "/team/", "assumeRolePolicy": "` + trust + `", "maxSessionDuration": 3600, "description": "d",
		"inlinePolicies": [{"name": "i", "policy": "` + identity + `"}], "managedPolicyArns": ["arn:aws:iam::aws:policy/ReadOnlyAccess"], "permissionsBoundary": "arn:aws:iam::123456789012:policy/b"}`, []spoiled{
		{`name="a b"`, "name: got"}, {`name=` + long(65), "name: got"}, {`namePrefix="a"`, "namePrefix: conflicts"},
		{`path="team"`, "path: got"}, {`description=` + long(1001), "description: got 1001"}, {`maxSessionDuration=60`, "maxSessionDuration: got 60"},
		{`assumeRolePolicy="` + identity + `"`, "assumeRolePolicy.Statement[0].Action: got"},
		{`inlinePolicies[0].policy="` + trust + `"`, "inlinePolicies[0].policy.Statement[0].Principal: not allowed here"},
		{`managedPolicyArns[0]="ReadOnlyAccess"`, "managedPolicyArns[0]: "}, {`permissionsBoundary="b"`, "permissionsBoundary: "},
	}},
	oidcType: {`{"url": "https://token.actions.githubusercontent.com", "clientIdLists": ["sts.amazonaws.com"]}`, []spoiled{
		{`url="http://token.actions.githubusercontent.com"`, "url: got"},
		{`clientIdLists=[]`, "clientIdLists: empty"}, {`clientIdLists[0]=` + long(256), "clientIdLists[0]: got 256 characters"},
		{`thumbprintLists=["a"]`, "thumbprintLists[0]: got"},
		{`thumbprintLists=["a","a","a","a","a","a"]`, "thumbprintLists: got 6 elements"},
	}},
	"aws:iam/rolePolicy:RolePolicy": {`{"role": "r", "name": "p", "policy": "` + identity + `"}`, []spoiled{
		{`name="a b"`, "name: got"}, {`namePrefix="a"`, "namePrefix: conflicts"}, {`policy="` + trust + `"`, "policy.Statement[0].Principal: not allowed"},
	}},
	"aws:iam/rolePolicyAttachment:RolePolicyAttachment": {`{"role": "r", "policyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}`, []spoiled{{`policyArn="x"`, "policyArn: "}}},
	policyType: {`{"name": "p", "policy": "` + identity + `"}`, []spoiled{
		{`name="a b"`, "name: got"}, {`namePrefix="a"`, "namePrefix: conflicts"}, {`policy="[]"`, "policy: got"}, {`policy=` + long(6145), "more than 6144"},
	}},
	"aws:sfn/stateMachine:StateMachine": {`{"name": "m", "roleArn": "` + anyRole + `", "definition": "` + oneState + `",
		"loggingConfiguration": {"level": "ALL", "logDestination": "arn:aws:logs:us-east-1:123456789012:log-group:/aws/vendedlogs/states/m:*"},
		"encryptionConfiguration": {"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsDataKeyReusePeriodSeconds": 300}}`, []spoiled{
		{`name="a b"`, "name: got"}, {`namePrefix="a"`, "namePrefix: conflicts"}, {`type="FAST"`, "type: "}, {`roleArn="r"`, "roleArn: "},
		{`loggingConfiguration.level="LOUD"`, "loggingConfiguration.level: "},
		{`definition="{}"`, "definition: States: got nothing"},
		{`loggingConfiguration.logDestination="arn:aws:logs:us-east-1:123456789012:log-group:g"`, "want the ARN of a log group that ends in :*"},
		{`loggingConfiguration.logDestination=null`, "loggingConfiguration.logDestination: missing; level ALL needs it"},
		{`encryptionConfiguration.type="NONE"`, "encryptionConfiguration.type: "}, {`encryptionConfiguration.kmsDataKeyReusePeriodSeconds=59`, "kmsDataKeyReusePeriodSeconds: got 59"},
	}},
	logGroupType: {`{"name": "/ecs/job", "retentionInDays": 30, "logGroupClass": "STANDARD", "kmsKeyId": "` + anyKey + `"}`, []spoiled{
		{`name="a b"`, "name: got"}, {`namePrefix="a"`, "namePrefix: conflicts"}, {`retentionInDays=31`, "retentionInDays: got 31, want one of 0, 1, 3"},
		{`logGroupClass="CHEAP"`, "logGroupClass: "}, {`kmsKeyId="k"`, "kmsKeyId: "},
	}},
	"aws:cloudwatch/logResourcePolicy:LogResourcePolicy": {`{"policyName": "p", "policyDocument": "` + onResource + `"}`, []spoiled{
		{`policyDocument="{}"`, "policyDocument.Version: missing"}, {`policyDocument=` + long(5121), "policyDocument: got 5121 characters"},
	}},
	"aws:cloudwatch/logMetricFilter:LogMetricFilter": {`{"name": "f", "logGroupName": "g", "pattern": "ERROR", "metricTransformation": {"name": "n", "namespace": "s", "value": "1"}}`, []spoiled{
		{`name="a:b"`, "name: got"}, {`pattern=` + long(1025), "pattern: got 1025"}, {`metricTransformation.defaultValue="0" & metricTransformation.dimensions={"a": "$.a"}`, "metricTransformation.dimensions: conflicts"},
	}},
	"aws:cloudwatch/metricAlarm:MetricAlarm": {`{"name": "a", "comparisonOperator": "GreaterThanThreshold", "evaluationPeriods": 2, "datapointsToAlarm": 1, "metricName": "m", "namespace": "n",
		"period": 60, "statistic": "Sum", "threshold": 1, "treatMissingData": "missing", "alarmActions": ["arn:aws:sns:us-east-1:123456789012:t"],
		"okActions": ["arn:aws:sns:us-east-1:123456789012:t"], "insufficientDataActions": ["arn:aws:sns:us-east-1:123456789012:t"]}`, []spoiled{
		{`name=` + long(256), "name: got 256"}, {`comparisonOperator=">"`, "comparisonOperator: "}, {`statistic="Median"`, "statistic: "}, {`treatMissingData="fine"`, "treatMissingData: "},
		{`metricName=null`, "metricName: got nothing, want exactly one"}, {`extendedStatistic="p99"`, "extendedStatistic: conflicts"}, {`namespace=null`, `namespace: missing; "metricName" needs it`},
		{`evaluationPeriods=0`, "evaluationPeriods: got 0"}, {`alarmActions[0]="t"`, "alarmActions[0]: "}, {`okActions[0]="t"`, "okActions[0]: "}, {`insufficientDataActions[0]="t"`, "insufficientDataActions[0]: "},
		{`period=45`, "period: got 45"}, {`datapointsToAlarm=3`, "datapointsToAlarm: got 3"}, {`statistic=null`, "statistic: missing"}, {`threshold=null`, "threshold: missing"},
	}},
	"aws:budgets/budget:Budget": {`{"name": "b", "accountId": "123456789012", "budgetType": "COST", "timeUnit": "MONTHLY", "limitAmount": "10", "limitUnit": "USD",
		"notifications": [{"comparisonOperator": "GREATER_THAN", "notificationType": "ACTUAL", "threshold": 100, "thresholdType": "PERCENTAGE", "subscriberSnsTopicArns": ["arn:aws:sns:us-east-1:123456789012:t"]}]}`, []spoiled{
		{`name="a:b"`, "name: got"}, {`namePrefix="a"`, "namePrefix: conflicts"}, {`accountId="1"`, "accountId: got"}, {`budgetType="MONEY"`, "budgetType: "}, {`timeUnit="WEEKLY"`, "timeUnit: "}, {`limitAmount="ten"`, "limitAmount: got"},
		{`notifications[0].comparisonOperator="MORE"`, "notifications[0].comparisonOperator: "}, {`notifications[0].notificationType="GUESSED"`, "notifications[0].notificationType: "},
		{`notifications[0].thresholdType="SHARE"`, "notifications[0].thresholdType: "}, {`notifications[0].threshold=0`, "notifications[0].threshold: got 0"},
		{`notifications[0].subscriberSnsTopicArns[0]="t"`, "notifications[0].subscriberSnsTopicArns[0]: "}, {`notifications[0].subscriberSnsTopicArns=null`, "notifications[0]: tells nobody"},
	}},
	"aws:cloudwatch/dashboard:Dashboard": {`{"dashboardName": "d", "dashboardBody": "{\"widgets\":[]}"}`, []spoiled{
		{`dashboardName="a b"`, "dashboardName: got"}, {`dashboardBody="{"`, "dashboardBody: not valid JSON"},
	}},
	ruleType: {`{"name": "r", "scheduleExpression": "cron(0 9 15 * ? *)", "state": "ENABLED", "roleArn": "` + anyRole + `", "description": "d", "eventPattern": "{\"source\":[\"aws.s3\"]}"}`, []spoiled{
		{`name="a b"`, "name: got"}, {`namePrefix="a"`, "namePrefix: conflicts"}, {`description=` + long(513), "description: got 513"},
		{`scheduleExpression=null & eventPattern=null`, `scheduleExpression: missing; want at least one of "scheduleExpression" or "eventPattern"`},
		{`scheduleExpression="cron(0 9 15 * * *)"`, "want ? in exactly one"}, {`scheduleExpression="at(2030-01-01T00:00:00)"`, "scheduleExpression: got"},
		{`state="ON"`, "state: "}, {`isEnabled=true`, "conflicts with"}, {`roleArn="r"`, "roleArn: "},
		{`eventPattern="{\"source\":\"aws.s3\"}"`, "eventPattern.source: got \"aws.s3\", want a list"}, {`eventPattern="{}"`, "eventPattern: got"},
		{`eventBusName="mine"`, `eventBusName: got "mine"; only the default bus`},
	}},
	"aws:cloudwatch/eventTarget:EventTarget": {`{"rule": "r", "targetId": "t", "arn": "arn:aws:states:us-east-1:123456789012:stateMachine:m", "roleArn": "` + anyRole + `",
		"deadLetterConfig": {"arn": "` + anyQueue + `"}, "input": "{}", "retryPolicy": {"maximumRetryAttempts": 3, "maximumEventAgeInSeconds": 3600}}`, []spoiled{
		{`targetId="a b"`, "targetId: got"}, {`arn="m"`, "arn: got"}, {`roleArn="r"`, "roleArn: got"}, {`deadLetterConfig.arn="q"`, "deadLetterConfig.arn: "},
		{`inputPath="$.a"`, "inputPath: conflicts"}, {`input="{"`, "input: not valid JSON"}, {`input=` + long(8193), "input: got 8193"},
		{`retryPolicy.maximumRetryAttempts=186`, "maximumRetryAttempts: got 186"}, {`retryPolicy.maximumEventAgeInSeconds=59`, "maximumEventAgeInSeconds: got 59"},
		{`ecsTarget={"taskDefinitionArn": "t", "launchType": "MOON"}`, "ecsTarget.launchType: "}, {`ecsTarget={"taskDefinitionArn": "t"}`, "ecsTarget.taskDefinitionArn: got"},
		{`ecsTarget={"taskDefinitionArn": "t", "propagateTags": "ALL"}`, "ecsTarget.propagateTags: "}, {`ecsTarget={"taskDefinitionArn": "t", "taskCount": 0}`, "ecsTarget.taskCount: "},
		{`roleArn=null`, "roleArn: missing; EventBridge needs a role to start a target of states"},
	}},
	"aws:ssm/parameter:Parameter": {`{"name": "/ds/a/b", "type": "String", "value": "v", "tier": "Standard", "dataType": "text", "description": "d", "allowedPattern": "^v$"}`, []spoiled{
		{`type="Text"`, "type: "}, {`tier="Huge"`, "tier: "}, {`dataType="json"`, "dataType: "}, {`description=` + long(1025), "description: got 1025"},
		{`name="a/b"`, "want a leading /"}, {`name="/a//b"`, "want no empty level"}, {`name="/aws/x"`, "reserved"}, {`name="/a b"`, "want letters"},
		{`name="/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16"`, "got 16 levels"}, {`name=` + long(1012), "got 1012 characters"},
		{`value=null`, `value: got nothing, want exactly one of`}, {`insecureValue="w"`, "value: got"},
		{`value="w"`, "value: does not match allowedPattern, ^v$"}, {`value=""`, "value: empty"}, {`value=` + long(4097), "value: got 4097 bytes, want at most 4096 in tier Standard"},
		{`allowedPattern="("`, "allowedPattern: "}, {`keyId="k"`, "keyId: only with type SecureString"}, {`type="SecureString" & value=null & insecureValue="v"`, "insecureValue: conflicts"},
	}},
	topicType: {`{"name": "t", "displayName": "d", "signatureVersion": 2, "tracingConfig": "Active"}`, []spoiled{
		{`name="a b"`, "name: got"}, {`name="t.fifo"`, "want .fifo at the end exactly when"}, {`namePrefix="a"`, "namePrefix: conflicts"}, {`displayName=` + long(101), "displayName: got 101"},
		{`policy="{}"`, "policy.Version: missing"}, {`deliveryPolicy="{"`, "deliveryPolicy: not valid JSON"}, {`signatureVersion=3`, "signatureVersion: got 3, want one of 1, 2"}, {`tracingConfig="On"`, "tracingConfig: "},
	}},
	"aws:sns/topicPolicy:TopicPolicy": {`{"arn": "arn:aws:sns:us-east-1:123456789012:t", "policy": "` + onResource + `"}`, []spoiled{{`arn="t"`, "arn: got"}, {`policy="{}"`, "policy.Version: missing"}}},
	"aws:sns/topicSubscription:TopicSubscription": {`{"topic": "arn:aws:sns:us-east-1:123456789012:t", "protocol": "email", "endpoint": "a@example.org", "filterPolicyScope": "MessageBody", "subscriptionRoleArn": "` + anyRole + `"}`, []spoiled{
		{`topic="t"`, "topic: got"}, {`protocol="fax"`, "protocol: "}, {`endpoint="a"`, "endpoint: does not fit protocol email, want an e-mail address"},
		{`protocol="sms"`, "a phone number"}, {`protocol="https"`, "https://"}, {`protocol="sqs"`, "an ARN of sqs"},
		{`filterPolicy="{"`, "filterPolicy: "}, {`redrivePolicy="{"`, "redrivePolicy: "}, {`deliveryPolicy="{"`, "deliveryPolicy: "}, {`filterPolicyScope="All"`, "filterPolicyScope: "}, {`subscriptionRoleArn="r"`, "subscriptionRoleArn: "},
	}},
	queueType: {`{"name": "q", "delaySeconds": 0, "redrivePolicy": "{\"deadLetterTargetArn\":\"` + anyQueue + `\",\"maxReceiveCount\":3}"}`, []spoiled{
		{`name=` + long(81), "name: got 81"}, {`name="a b"`, "name: got"}, {`name="q.fifo"`, "want .fifo at the end exactly when"}, {`namePrefix="a"`, "namePrefix: conflicts"},
		{`delaySeconds=901`, "delaySeconds: got 901, want 0 to 900"}, {`maxMessageSize=1023`, "maxMessageSize: "}, {`messageRetentionSeconds=59`, "messageRetentionSeconds: "},
		{`receiveWaitTimeSeconds=21`, "receiveWaitTimeSeconds: "}, {`visibilityTimeoutSeconds=43201`, "visibilityTimeoutSeconds: "}, {`kmsDataKeyReusePeriodSeconds=59`, "kmsDataKeyReusePeriodSeconds: "},
		{`sqsManagedSseEnabled=true & kmsMasterKeyId="k"`, "kmsMasterKeyId: conflicts"}, {`policy="{}"`, "policy.Version: missing"},
		{`redrivePolicy="{\"maxReceiveCount\":3}"`, "redrivePolicy.deadLetterTargetArn: "}, {`redrivePolicy="{"`, "redrivePolicy: not valid JSON"},
		{`deduplicationScope="all"`, "deduplicationScope: "}, {`fifoThroughputLimit="none"`, "fifoThroughputLimit: "}, {`contentBasedDeduplication=true`, "contentBasedDeduplication: only with fifoQueue"},
	}},
	"aws:dynamodb/table:Table": {`{"name": "runs", "billingMode": "PAY_PER_REQUEST", "hashKey": "period", "attributes": [{"name": "period", "type": "S"}]}`, []spoiled{
		{`name="a b"`, "name: got"}, {`billingMode="FREE"`, "billingMode: got"}, {`attributes[0].type="text"`, "attributes[0].type: got"}, {`tableClass="COLD"`, "tableClass: got"},
		{`serverSideEncryption={"enabled": true, "kmsKeyArn": "k"}`, "serverSideEncryption.kmsKeyArn: got"},
		{`attributes[1]={"name": "period", "type": "S"}`, "is used by"}, {`hashKey="month"`, `hashKey: got "month", want one of attributes`},
		{`attributes[1]={"name": "other", "type": "S"}`, `"other" is no key`}, {`hashKey=null`, "hashKey: missing"}, {`rangeKey="day"`, "rangeKey: got"},
		{`readCapacity=1`, "PAY_PER_REQUEST conflicts"}, {`billingMode=null`, "readCapacity: missing"},
	}},
	"aws:scheduler/scheduleGroup:ScheduleGroup": {`{"name": "monthly"}`, []spoiled{{`name="a b"`, "name: got"}, {`namePrefix="a"`, "namePrefix: conflicts"}}},
	"aws:scheduler/schedule:Schedule": {`{"name": "monthly", "scheduleExpression": "cron(0 9 15 * ? *)", "scheduleExpressionTimezone": "Europe/Berlin", "flexibleTimeWindow": {"mode": "OFF"},
		"target": {"arn": "arn:aws:states:us-east-1:123456789012:stateMachine:m", "roleArn": "` + anyRole + `", "input": "{}", "retryPolicy": {"maximumRetryAttempts": 1}, "deadLetterConfig": {"arn": "` + anyQueue + `"}}}`, []spoiled{
		{`name="a b"`, "name: got"}, {`namePrefix="a"`, "namePrefix: conflicts"}, {`description=` + long(513), "description: got 513"}, {`scheduleExpression="at(soon)"`, "scheduleExpression: got"},
		{`state="ON"`, "state: got"}, {`flexibleTimeWindow.mode="ON"`, "flexibleTimeWindow.mode: got"}, {`flexibleTimeWindow={"mode": "FLEXIBLE", "maximumWindowInMinutes": 1441}`, "maximumWindowInMinutes: got 1441"},
		{`kmsKeyArn="k"`, "kmsKeyArn: got"}, {`target.arn="m"`, "target.arn: got"}, {`target.roleArn="r"`, "target.roleArn: got"}, {`target.deadLetterConfig.arn="q"`, "target.deadLetterConfig.arn: got"},
		{`target.input="{"`, "target.input: not valid JSON"}, {`target.retryPolicy.maximumRetryAttempts=186`, "maximumRetryAttempts: got 186"}, {`target.retryPolicy.maximumEventAgeInSeconds=59`, "maximumEventAgeInSeconds: got 59"},
		{`scheduleExpressionTimezone="Berlin"`, "want the name of a time zone"}, {`scheduleExpressionTimezone="Local"`, "want the name of a time zone"}, {`flexibleTimeWindow.mode="FLEXIBLE"`, "want it exactly with mode FLEXIBLE"},
	}},
	"aws:sqs/queuePolicy:QueuePolicy": {`{"queueUrl": "https://sqs.us-east-1.amazonaws.com/123456789012/q", "policy": "` + onResource + `"}`, []spoiled{{`queueUrl="q"`, "queueUrl: got"}, {`policy="{}"`, "policy.Version: missing"}}},
	keyType: {`{"deletionWindowInDays": 30, "rotationPeriodInDays": 365, "keyUsage": "ENCRYPT_DECRYPT"}`, []spoiled{
		{`deletionWindowInDays=6`, "deletionWindowInDays: "}, {`rotationPeriodInDays=89`, "rotationPeriodInDays: "}, {`keyUsage="HIDE"`, "keyUsage: "}, {`policy="{}"`, "policy.Version: missing"},
	}},
	"aws:kms/alias:Alias": {`{"name": "alias/data", "targetKeyId": "k"}`, []spoiled{{`name="data"`, "name: got"}, {`name="alias/aws/s3"`, "alias/aws/ is reserved"}}},

	vpcType: {`{"cidrBlock": "10.0.0.0/16", "instanceTenancy": "default"}`, []spoiled{
		{`cidrBlock=null`, "cidrBlock: got nothing, want exactly one"}, {`cidrBlock="10.0.0.1/16"`, `want "10.0.0.0/16": no bits after the prefix`}, {`cidrBlock="10.0.0.0/15"`, "got /15, want /16 to /28"},
		{`cidrBlock="ten"`, "want an IPv4 range"}, {`instanceTenancy="mine"`, "instanceTenancy: "},
	}},
	subnetType: {`{"vpcId": "vpc-12345678", "cidrBlock": "10.0.0.0/24", "availabilityZone": "us-east-1a"}`, []spoiled{
		{`privateDnsHostnameTypeOnLaunch="name"`, "privateDnsHostnameTypeOnLaunch: "},
		{`vpcId="net"`, "vpcId: got"}, {`cidrBlock="10.0.0.0/29"`, "got /29"}, {`availabilityZoneId="use1-az1"`, "availabilityZoneId: conflicts"}, {`availabilityZone="eu-west-1a"`, "availabilityZone: got"},
	}},
	gatewayType:    {`{"vpcId": "vpc-12345678"}`, []spoiled{{`vpcId="net"`, "vpcId: got"}}},
	routeTableType: {`{"vpcId": "vpc-12345678", "routes": [{"cidrBlock": "0.0.0.0/0", "gatewayId": "igw-1"}]}`, []spoiled{{`vpcId="net"`, "vpcId: got"}, {`routes[0].natGatewayId="nat-1"`, "routes[0].carrierGatewayId: got"}, {`routes[0].cidrBlock="all"`, "routes[0].cidrBlock: "}}},
	"aws:ec2/route:Route": {`{"routeTableId": "rtb-1", "destinationCidrBlock": "0.0.0.0/0", "gatewayId": "igw-1"}`, []spoiled{
		{`destinationCidrBlock=null`, "want exactly one"}, {`natGatewayId="nat-1"`, "want exactly one"}, {`destinationCidrBlock="all"`, "destinationCidrBlock: got"},
	}},
	"aws:ec2/routeTableAssociation:RouteTableAssociation": {`{"routeTableId": "rtb-1", "subnetId": "subnet-1"}`, []spoiled{{`gatewayId="igw-1"`, "want exactly one"}}},
	securityGroupType: {`{"name": "tasks", "description": "d", "vpcId": "vpc-12345678", "egress": [{"protocol": "tcp", "fromPort": 443, "toPort": 443, "cidrBlocks": ["0.0.0.0/0"]}]}`, []spoiled{
		{`name=` + long(256), "name: got 256"}, {`name="a?b"`, "name: got"}, {`name="sg-1"`, "reserved"}, {`description="d?"`, "description: got"}, {`vpcId="net"`, "vpcId: got"},
		{`ingress[0]={"protocol": "carrier pigeon", "fromPort": 0, "toPort": 0, "self": true}`, "ingress[0].protocol: "}, {`egress[0].protocol="x"`, "egress[0].protocol: "},
		{`ingress[0]={"protocol": "tcp", "fromPort": 1, "toPort": 2, "cidrBlocks": ["all"]}`, "ingress[0].cidrBlocks[0]: "}, {`egress[0].cidrBlocks[0]="10.0.0.1/8"`, "egress[0].cidrBlocks[0]: "},
		{`egress[0].cidrBlocks=[]`, "egress[0]: reaches nobody"}, {`egress[0].protocol="-1"`, "want 0 to 0 for all protocols"}, {`egress[0].toPort=1`, "want a range within 0 to 65535"},
	}},
	"aws:ec2/securityGroupRule:SecurityGroupRule": {`{"securityGroupId": "sg-1", "type": "egress", "protocol": "tcp", "fromPort": 443, "toPort": 443, "cidrBlocks": ["0.0.0.0/0"]}`, []spoiled{
		{`type="out"`, "type: "}, {`protocol="x"`, "protocol: "}, {`cidrBlocks=[]`, "cidrBlocks: missing; want at least one"}, {`fromPort=-2`, "fromPort: got -2"}, {`toPort=65536`, "toPort: got 65536"}, {`cidrBlocks[0]="x"`, "cidrBlocks[0]: "},
	}},
	"aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": {`{"vpcId": "vpc-12345678", "ingress": [], "egress": []}`, []spoiled{
		{`vpcId="net"`, "vpcId: got"}, {`ingress[0]={"protocol": "x", "fromPort": 0, "toPort": 0, "self": true}`, "ingress[0].protocol: "}, {`egress[0]={"protocol": "x", "fromPort": 0, "toPort": 0, "self": true}`, "egress[0].protocol: "},
		{`ingress[0]={"protocol": "tcp", "fromPort": 0, "toPort": 0, "cidrBlocks": ["x"]}`, "ingress[0].cidrBlocks[0]: "}, {`egress[0]={"protocol": "tcp", "fromPort": 0, "toPort": 0, "cidrBlocks": ["x"]}`, "egress[0].cidrBlocks[0]: "},
		{`egress[0]={"protocol": "-1", "fromPort": 0, "toPort": 0}`, "egress[0]: reaches nobody"},
	}},
	"aws:ec2/vpcEndpoint:VpcEndpoint": {`{"vpcId": "vpc-12345678", "serviceName": "com.amazonaws.us-east-1.s3", "vpcEndpointType": "Gateway", "routeTableIds": ["rtb-1"]}`, []spoiled{
		{`ipAddressType="ipv5"`, "ipAddressType: "}, {`dnsOptions={"dnsRecordIpType": "ipv5"}`, "dnsOptions.dnsRecordIpType: "},
		{`vpcEndpointType="Door"`, "vpcEndpointType: "}, {`serviceName=null`, "serviceName: got nothing, want exactly one"}, {`policy="{}"`, "policy.Version: missing"}, {`vpcId="net"`, "vpcId: got"},
		{`subnetIds=["subnet-1"]`, "subnetIds: only with vpcEndpointType Interface"}, {`vpcEndpointType="Interface"`, "routeTableIds: only with vpcEndpointType Gateway"},
		{`serviceName="com.amazonaws.eu-west-1.s3"`, "want a service of this region"}, {`serviceName="com.amazonaws.us-east-1.ecr.api"`, "only s3 and dynamodb"},
	}},
	"aws:ec2/natGateway:NatGateway": {`{"subnetId": "subnet-1", "allocationId": "eipalloc-1", "connectivityType": "public"}`, []spoiled{{`connectivityType="radio"`, "connectivityType: "}, {`allocationId=null`, "allocationId: missing"}}},
	eipType:                         {`{"domain": "vpc"}`, []spoiled{{`domain="standard"`, "domain: "}}},
	"aws:ec2/flowLog:FlowLog": {`{"vpcId": "vpc-12345678", "trafficType": "ALL", "logDestinationType": "cloud-watch-logs", "maxAggregationInterval": 600, "iamRoleArn": "` + anyRole + `", "logDestination": "arn:aws:logs:us-east-1:123456789012:log-group:g"}`, []spoiled{
		{`subnetId="subnet-1"`, "want exactly one"}, {`trafficType="SOME"`, "trafficType: "}, {`logDestinationType="paper"`, "logDestinationType: "}, {`maxAggregationInterval=61`, "maxAggregationInterval: "},
		{`logDestination="g"`, "logDestination: "}, {`iamRoleArn="r"`, "iamRoleArn: got"}, {`iamRoleArn=null`, "iamRoleArn: missing"},
	}},
}

// manyRules is a list of n lifecycle rules, as JSON.
func manyRules(n int) string {
	text := []byte{'['}
	for i := range n {
		if i > 0 {
			text = append(text, ',')
		}
		text = append(text, `{"status": "Enabled", "id": "r`...)
		text = append(text, []byte{byte('0' + i/1000%10), byte('0' + i/100%10), byte('0' + i/10%10), byte('0' + i%10)}...)
		text = append(text, `", "expiration": {"days": 1}}`...)
	}
	return string(append(text, ']'))
}
