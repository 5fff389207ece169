package components

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ecr"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ecs"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"ds-pipeline/preprocess/contract"
)

const processingClusterType = "ds-pipeline:components:ProcessingCluster"

// What the image and the task definition agree on. The Dockerfile repeats them
// and a test compares.
const (
	containerName = contract.ContainerName
	containerUser = "65532:65532"
	scratchDir    = "/tmp"
)

// logStreamPrefix is what the names of the job's log streams begin with; the rest
// is the id of a task.
const logStreamPrefix = contract.LogStreamPrefix + "/" + containerName + "/"

// stopTimeoutSeconds is how long a task may take to end after SIGTERM. The job
// promises 30 s; Fargate allows 120.
const stopTimeoutSeconds = 60

// ProcessingClusterArgs configures ProcessingCluster. Plain Go fields are known
// while the program runs and are checked before anything is created; pulumi
// inputs may come from another resource.
type ProcessingClusterArgs struct {
	// Place is the account and region of everything here.
	Place Place `pulumi:"place"`

	// RepositoryName, ClusterName, TaskFamily and LogGroupName are the published
	// names of the ECR repository, the ECS cluster, the task definition and the
	// job's log group. Changing one replaces the resource: images and logs under
	// the old name are lost with it.
	RepositoryName string `pulumi:"repositoryName"`
	ClusterName    string `pulumi:"clusterName"`
	TaskFamily     string `pulumi:"taskFamily"`
	LogGroupName   string `pulumi:"logGroupName"`

	// Environment is the dimension of the job's metrics: "prod".
	Environment string `pulumi:"environment"`

	// TaskCPU (CPU units: 1024 is one vCPU) and TaskMemoryMiB are the size of one
	// task. Fargate offers only certain pairs.
	TaskCPU       int `pulumi:"taskCpu"`
	TaskMemoryMiB int `pulumi:"taskMemoryMiB"`

	// TaskStorageGiB is the scratch space of one task: 20, which costs nothing, to
	// 200. The job streams its data and needs little.
	TaskStorageGiB int `pulumi:"taskStorageGiB"`

	// UseSpot lets tasks on the cluster ask for Spot capacity.
	UseSpot bool `pulumi:"useSpot,optional"`

	// ScaleOut lets tasks work together on one run, see the type of that name.
	ScaleOut bool `pulumi:"scaleOut,optional"`

	// Architecture is what the image is built for and the task runs on.
	Architecture Architecture `pulumi:"architecture"`

	// LogRetentionDays is how long the job's logs are kept: one of the values of
	// CloudWatch Logs. Lowering it deletes older logs.
	LogRetentionDays int `pulumi:"logRetentionDays"`

	// ContainerInsights turns on metrics per task, which are billed as custom metrics.
	ContainerInsights bool `pulumi:"containerInsights,optional"`

	// BuildContext is the directory of the Dockerfile. It is not used with ImageURI.
	BuildContext string `pulumi:"buildContext,optional"`

	// ImageURI names a finished image by its digest, so that nothing is built. ""
	// builds the image from BuildContext.
	ImageURI string `pulumi:"imageUri,optional"`

	// Python builds the image with Python and pandas, which scripts need. It is
	// 84 MB to pull instead of 9.
	Python bool `pulumi:"python,optional"`

	// KeepImages is how many images stay for a rollback: 1 to 1000.
	KeepImages int `pulumi:"keepImages"`

	// ForceDestroyImages deletes the repository even when it holds images.
	ForceDestroyImages bool `pulumi:"forceDestroyImages,optional"`

	// KMSKeyArn encrypts images and logs, and is what the buckets are encrypted
	// with; nil uses keys of the services. Changing it replaces the repository,
	// and AWS refuses that while it holds images, unless ForceDestroyImages.
	KMSKeyArn pulumi.StringInput `pulumi:"kmsKeyArn,optional"`

	// Network is where tasks run.
	Network Network `pulumi:"network"`

	// ParameterPrefix comes before the name of each parameter of the job, starts
	// and ends with a slash.
	ParameterPrefix string `pulumi:"parameterPrefix"`

	// InputKey and ModelKey are the objects the job reads; ScriptKey and
	// PackageKey are optional ones.
	InputKey   string `pulumi:"inputKey"`
	ModelKey   string `pulumi:"modelKey"`
	ScriptKey  string `pulumi:"scriptKey,optional"`
	PackageKey string `pulumi:"packageKey,optional"`

	// ScriptStage is when the script runs, before or after the model; "" leaves
	// it to the job, which runs it before.
	ScriptStage string `pulumi:"scriptStage,optional"`

	// JobSettings are further settings of every run.
	JobSettings JobSettings `pulumi:"jobSettings"`

	// The three buckets of the data.
	InputBucketName    pulumi.StringInput `pulumi:"inputBucketName"`
	OutputBucketName   pulumi.StringInput `pulumi:"outputBucketName"`
	ArtifactBucketName pulumi.StringInput `pulumi:"artifactBucketName"`
}

var (
	ecsNamePattern  = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
	logGroupPattern = regexp.MustCompile(`^[A-Za-z0-9_/.#-]+$`)
)

const (
	ecsNameWant        = "letters, digits, _ and -"
	logGroupWant       = "letters, digits and _ / . # -"
	repositoryNameWant = "lower-case letters and digits, with single . _ - or / between them"
)

func (a *ProcessingClusterArgs) validate() error {
	if a == nil {
		return errors.New("args are required")
	}
	errs := []error{
		a.Place.validate(),
		named("RepositoryName", checkName(a.RepositoryName, 256, repositoryNamePattern, repositoryNameWant)),
		named("ClusterName", checkName(a.ClusterName, 255, ecsNamePattern, ecsNameWant)),
		named("TaskFamily", checkName(a.TaskFamily, 255, ecsNamePattern, ecsNameWant)),
		named("LogGroupName", checkName(a.LogGroupName, 512, logGroupPattern, logGroupWant)),
		named("TaskCPU", CheckTaskCPU(a.TaskCPU)),
		named("TaskMemoryMiB", CheckTaskMemory(a.TaskCPU, a.TaskMemoryMiB)),
		named("TaskStorageGiB", CheckTaskStorage(a.TaskStorageGiB)),
		named("Architecture", CheckArchitecture(a.Architecture)),
		named("JobSettings", a.JobSettings.validate()),
		CheckScript(a.ScriptKey, a.PackageKey, a.ScriptStage, a.JobSettings, func(field string) string { return field }),
		named("LogRetentionDays", CheckLogRetentionDays(a.LogRetentionDays)),
		named("KeepImages", CheckRange(a.KeepImages, 1, 1000)),
		present("Environment", a.Environment != ""),
		CheckNetwork(a.Network, networkName),
		named("ParameterPrefix", CheckParameterPrefix(a.ParameterPrefix)),
		named("InputKey", CheckInputKey(a.InputKey)),
		named("ModelKey", CheckObjectKey(a.ModelKey)),
		present("InputBucketName", a.InputBucketName != nil),
		present("OutputBucketName", a.OutputBucketName != nil),
		present("ArtifactBucketName", a.ArtifactBucketName != nil),
	}
	if a.ScriptKey != "" {
		errs = append(errs, named("ScriptKey", CheckObjectKey(a.ScriptKey)))
	}
	if a.PackageKey != "" {
		errs = append(errs, named("PackageKey", CheckObjectKey(a.PackageKey)))
	}
	if a.ScriptStage != "" {
		errs = append(errs, named("ScriptStage", CheckScriptStage(a.ScriptStage)))
	}
	if a.ImageURI != "" {
		errs = append(errs, named("ImageURI", CheckImageURI(a.ImageURI)),
			named("ImageURI", CheckImagePlace(a.ImageURI, a.Place.Region, a.Network.Mode)))
	} else {
		errs = append(errs, present("BuildContext", a.BuildContext != ""))
	}
	return errors.Join(errs...)
}

// ProcessingCluster is where the job runs, and what it needs to run:
//
//	<name>-repository  images of the job, scanned, tags that cannot move
//	<name>-image       the image, built from BuildContext
//	<name>-cluster     Fargate; a task exists only while it runs
//	<name>-logs        what the job prints
//	<name>-network     VPC with two subnets, and what leads out of them
//	<name>-<setting>   the job's parameters in Parameter Store; they are here
//	                   because the task, its role and they change together
//	<name>-task-role, <name>-execution-role, <name>-task
//
// Cost at rest: the images and logs that are kept, cents a month, and what
// Network.Mode costs.
type ProcessingCluster struct {
	pulumi.ResourceState

	RepositoryURL     pulumi.StringOutput      `pulumi:"repositoryUrl"`
	ImageURI          pulumi.StringOutput      `pulumi:"imageUri"`
	ClusterName       pulumi.StringOutput      `pulumi:"clusterName"`
	ClusterArn        pulumi.StringOutput      `pulumi:"clusterArn"`
	TaskDefinitionArn pulumi.StringOutput      `pulumi:"taskDefinitionArn"`
	TaskFamily        pulumi.StringOutput      `pulumi:"taskFamily"`
	TaskRoleArn       pulumi.StringOutput      `pulumi:"taskRoleArn"`
	ExecutionRoleArn  pulumi.StringOutput      `pulumi:"executionRoleArn"`
	LogGroupName      pulumi.StringOutput      `pulumi:"logGroupName"`
	ParameterPrefix   pulumi.StringOutput      `pulumi:"parameterPrefix"`
	SubnetIDs         pulumi.StringArrayOutput `pulumi:"subnetIds"`
	SecurityGroupID   pulumi.StringOutput      `pulumi:"securityGroupId"`
	AssignPublicIP    pulumi.BoolOutput        `pulumi:"assignPublicIp"`
}

// NewProcessingCluster creates everything a run needs, but runs nothing.
func NewProcessingCluster(ctx *pulumi.Context, name string, args *ProcessingClusterArgs, opts ...pulumi.ResourceOption) (*ProcessingCluster, error) {
	if err := args.validate(); err != nil {
		return nil, fmt.Errorf("processing cluster %q: %w", name, err)
	}
	processing := &ProcessingCluster{}
	if err := ctx.RegisterComponentResource(processingClusterType, name, processing, opts...); err != nil {
		return nil, fmt.Errorf("register processing cluster %q: %w", name, err)
	}

	repository, err := newImageRepository(ctx, name+"-repository", args, processing)
	if err != nil {
		return nil, err
	}
	imageURI, err := newImage(ctx, name+"-image", args, repository, processing)
	if err != nil {
		return nil, err
	}
	cluster, clusterName, err := newCluster(ctx, name+"-cluster", args, processing)
	if err != nil {
		return nil, err
	}
	logs, err := newLogGroup(ctx, name+"-logs", args.LogGroupName, args.LogRetentionDays, args.KMSKeyArn, processing)
	if err != nil {
		return nil, err
	}
	allowed := taskRights(args, repository, logs)
	net, err := newNetwork(ctx, name+"-network", args, allowed, processing)
	if err != nil {
		return nil, err
	}
	if err := newParameters(ctx, name, args.ParameterPrefix, args.parameters(), processing); err != nil {
		return nil, fmt.Errorf("processing cluster %q: %w", name, err)
	}
	taskRole, err := newTaskRole(ctx, name+"-task-role", args, processing)
	if err != nil {
		return nil, err
	}
	executionRole, err := newExecutionRole(ctx, name+"-execution-role", args, repository, logs, processing)
	if err != nil {
		return nil, err
	}
	task, err := newTaskDefinition(ctx, name+"-task", args, imageURI, logs, taskRole, executionRole, processing)
	if err != nil {
		return nil, err
	}

	processing.RepositoryURL = repository.RepositoryUrl
	processing.ImageURI = imageURI
	processing.ClusterName = clusterName
	processing.ClusterArn = cluster.Arn
	processing.TaskDefinitionArn = task.Arn
	processing.TaskFamily = task.Family
	processing.TaskRoleArn = taskRole.role.Arn
	processing.ExecutionRoleArn = executionRole.role.Arn
	processing.LogGroupName = logs.Name
	processing.ParameterPrefix = pulumi.String(args.ParameterPrefix).ToStringOutput()
	processing.SubnetIDs = net.subnetIDs
	processing.SecurityGroupID = net.securityGroupID
	processing.AssignPublicIP = pulumi.Bool(net.publicIP).ToBoolOutput()
	if err := ctx.RegisterResourceOutputs(processing, pulumi.Map{
		"repositoryUrl":     processing.RepositoryURL,
		"imageUri":          processing.ImageURI,
		"clusterName":       processing.ClusterName,
		"clusterArn":        processing.ClusterArn,
		"taskDefinitionArn": processing.TaskDefinitionArn,
		"taskFamily":        processing.TaskFamily,
		"taskRoleArn":       processing.TaskRoleArn,
		"executionRoleArn":  processing.ExecutionRoleArn,
		"logGroupName":      processing.LogGroupName,
		"parameterPrefix":   processing.ParameterPrefix,
		"subnetIds":         processing.SubnetIDs,
		"securityGroupId":   processing.SecurityGroupID,
		"assignPublicIp":    processing.AssignPublicIP,
	}); err != nil {
		return nil, fmt.Errorf("register outputs of processing cluster %q: %w", name, err)
	}
	return processing, nil
}

// newCluster creates a cluster for Fargate tasks; it costs nothing by itself. The
// name that it returns is known once the cluster offers what it should.
func newCluster(ctx *pulumi.Context, name string, args *ProcessingClusterArgs, parent pulumi.Resource) (*ecs.Cluster, pulumi.StringOutput, error) {
	insights := "disabled"
	if args.ContainerInsights {
		insights = "enabled"
	}
	cluster, err := ecs.NewCluster(ctx, name, &ecs.ClusterArgs{
		Name: pulumi.String(args.ClusterName),
		Settings: ecs.ClusterSettingArray{
			&ecs.ClusterSettingArgs{Name: pulumi.String("containerInsights"), Value: pulumi.String(insights)},
		},
	}, pulumi.Parent(parent))
	if err != nil {
		return nil, pulumi.StringOutput{}, fmt.Errorf("create cluster %q: %w", name, err)
	}
	if !args.UseSpot {
		return cluster, cluster.Name, nil
	}
	offered, err := ecs.NewClusterCapacityProviders(ctx, name+"-capacity", &ecs.ClusterCapacityProvidersArgs{
		ClusterName:       cluster.Name,
		CapacityProviders: pulumi.StringArray{pulumi.String(onDemandCapacity), pulumi.String(spotCapacity)},
	}, pulumi.Parent(parent))
	if err != nil {
		return nil, pulumi.StringOutput{}, fmt.Errorf("offer Spot on cluster %q: %w", name, err)
	}
	return cluster, offered.ClusterName, nil
}

// newLogGroup creates a log group that forgets after retentionDays, encrypted
// with the key, or with one that CloudWatch Logs owns if keyArn is nil.
func newLogGroup(ctx *pulumi.Context, name, logGroupName string, retentionDays int, keyArn pulumi.StringInput, parent pulumi.Resource) (*cloudwatch.LogGroup, error) {
	group, err := cloudwatch.NewLogGroup(ctx, name, &cloudwatch.LogGroupArgs{
		Name:            pulumi.String(logGroupName),
		RetentionInDays: pulumi.Int(retentionDays),
		KmsKeyId:        keyPtr(keyArn),
	}, pulumi.Parent(parent))
	if err != nil {
		return nil, fmt.Errorf("create log group %q: %w", name, err)
	}
	return group, nil
}

// CheckScriptStage reports whether a script can run at a stage.
func CheckScriptStage(stage string) error {
	if stage != contract.ScriptBefore && stage != contract.ScriptAfter {
		return fmt.Errorf("got %q, want %s or %s the model", stage, contract.ScriptBefore, contract.ScriptAfter)
	}
	return nil
}

// parameters are the values of the job's settings, by the contract's names.
func (a *ProcessingClusterArgs) parameters() map[string]pulumi.StringInput {
	values := map[string]pulumi.StringInput{
		contract.InputBucket:    a.InputBucketName,
		contract.OutputBucket:   a.OutputBucketName,
		contract.ArtifactBucket: a.ArtifactBucketName,
		contract.InputKey:       pulumi.String(a.InputKey),
		contract.ModelKey:       pulumi.String(a.ModelKey),
	}
	if a.ScriptKey != "" {
		values[contract.ScriptKey] = pulumi.String(a.ScriptKey)
	}
	if a.PackageKey != "" {
		values[contract.PackageKey] = pulumi.String(a.PackageKey)
	}
	if a.ScriptStage != "" {
		values[contract.ScriptStage] = pulumi.String(a.ScriptStage)
	}
	return values
}

// newTaskRole is what the job itself may do.
func newTaskRole(ctx *pulumi.Context, name string, args *ProcessingClusterArgs, parent pulumi.Resource) (*serviceRole, error) {
	return newServiceRole(ctx, name, serviceRoleArgs{
		place:   args.Place,
		service: ecsTasks,
		// Of one cluster alone is nothing that ECS supports here.
		sourceArns:  []pulumi.StringInput{pulumi.String(args.Place.arn("ecs", "*"))},
		description: "What the preprocessing job may do",
		policy: document(func(in []string) any {
			return taskPolicy(args, in[0], in[1], in[2]).
				// A multipart upload also decrypts: S3 reads the parts again.
				and(useKey("UseKeyOfBuckets", args.Place, in[3], "s3", "kms:Decrypt", "kms:GenerateDataKey")...)
		}, args.InputBucketName, args.OutputBucketName, args.ArtifactBucketName, keyOrNone(args.KMSKeyArn)),
	}, parent)
}

// taskPolicy lets the job read its parameters, its input and its artifacts, and
// write below one prefix of the output.
func taskPolicy(args *ProcessingClusterArgs, inputBucket, outputBucket, artifactBucket string) policy {
	place := args.Place
	input, output, artifacts := place.bucketArn(inputBucket), place.bucketArn(outputBucket), place.bucketArn(artifactBucket)
	write := []string{"s3:PutObject", "s3:GetObject", "s3:DeleteObject", "s3:AbortMultipartUpload"}
	if args.ScaleOut {
		// One task completes the uploads that others have filled.
		write = append(write, "s3:ListMultipartUploadParts")
	}
	return newPolicy(
		statement{
			Sid:      "ReadSettings",
			Effect:   "Allow",
			Action:   []string{"ssm:GetParameters"},
			Resource: parameterArns(place, args.ParameterPrefix),
		},
		statement{
			// Who starts a run may name any input and any model, and a pattern
			// stands for any number of inputs.
			Sid:      "ReadObjects",
			Effect:   "Allow",
			Action:   []string{"s3:GetObject"},
			Resource: []string{input + "/*", artifacts + "/*"},
		},
		statement{
			// Without it S3 answers 403 for a key that does not exist, and the
			// job could not tell "missing" from "forbidden", nor what was meant.
			Sid:      "TellMissingFromForbidden",
			Effect:   "Allow",
			Action:   []string{"s3:ListBucket"},
			Resource: []string{input, output, artifacts},
		},
		statement{
			// To discard the uploads that killed runs have left. It knows no
			// condition on the key.
			Sid:      "FindUnfinishedUploads",
			Effect:   "Allow",
			Action:   []string{"s3:ListBucketMultipartUploads"},
			Resource: []string{output},
		},
		statement{
			// PutObject also covers starting, filling and completing a
			// multipart upload. A conditional write, and a copy within the
			// bucket, need GetObject too.
			Sid:      "WriteResults",
			Effect:   "Allow",
			Action:   write,
			Resource: []string{output + "/" + contract.OutputPrefix + "*"},
		},
	)
}

// newExecutionRole is what Fargate may do to start the job.
func newExecutionRole(ctx *pulumi.Context, name string, args *ProcessingClusterArgs, repository *ecr.Repository, logs *cloudwatch.LogGroup, parent pulumi.Resource) (*serviceRole, error) {
	return newServiceRole(ctx, name, serviceRoleArgs{
		place:       args.Place,
		service:     ecsTasks,
		description: "What Fargate may do to start the preprocessing job",
		policy: document(func(in []string) any {
			return executionPolicy(args, in[0], in[1])
		}, repository.Arn, logs.Arn),
	}, parent)
}

// executionPolicy lets Fargate pull the image from one repository and write to
// one log group.
func executionPolicy(args *ProcessingClusterArgs, repositoryArn, logGroupArn string) policy {
	return newPolicy(
		statement{
			Sid:      "PullImage",
			Effect:   "Allow",
			Action:   []string{"ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"},
			Resource: []string{imageRepositoryArn(args.ImageURI, repositoryArn)},
		},
		statement{
			// The token belongs to the registry of the account; the action
			// accepts no resource.
			Sid:      "LogInToRegistry",
			Effect:   "Allow",
			Action:   []string{"ecr:GetAuthorizationToken"},
			Resource: []string{"*"},
		},
		statement{
			// ECS calls a stream after the task, which has no name before it runs.
			Sid:      "WriteLogs",
			Effect:   "Allow",
			Action:   []string{"logs:CreateLogStream", "logs:PutLogEvents"},
			Resource: []string{logGroupArn + ":*"},
		},
	)
}

// taskRights is what the two roles of a task may do together, for the endpoints
// of the network.
func taskRights(args *ProcessingClusterArgs, repository *ecr.Repository, logs *cloudwatch.LogGroup) pulumi.StringOutput {
	return document(func(in []string) any {
		return taskPolicy(args, in[0], in[1], in[2]).and(executionPolicy(args, in[3], in[4]).Statement...)
	}, args.InputBucketName, args.OutputBucketName, args.ArtifactBucketName, repository.Arn, logs.Arn)
}

// imageRepositoryArn is the repository that imageURI is in, which may belong to
// another account, or own when the image is built here.
func imageRepositoryArn(imageURI, own string) string {
	m := ecrImagePattern.FindStringSubmatch(imageURI)
	if m == nil {
		return own
	}
	return Place{AccountID: m[1], Region: m[2]}.arn("ecr", "repository/"+m[4])
}

// newTaskDefinition describes one run. Old revisions stay registered, so that a
// running execution keeps its own and a rollback has somewhere to go.
func newTaskDefinition(ctx *pulumi.Context, name string, args *ProcessingClusterArgs, imageURI pulumi.StringOutput, logs *cloudwatch.LogGroup, taskRole, executionRole *serviceRole, parent pulumi.Resource) (*ecs.TaskDefinition, error) {
	const scratch = "scratch"
	var storage ecs.TaskDefinitionEphemeralStoragePtrInput // ECS refuses to be told the free size
	if args.TaskStorageGiB > freeStorageGiB {
		storage = &ecs.TaskDefinitionEphemeralStorageArgs{SizeInGib: pulumi.Int(args.TaskStorageGiB)}
	}
	task, err := ecs.NewTaskDefinition(ctx, name, &ecs.TaskDefinitionArgs{
		Family:                  pulumi.String(args.TaskFamily),
		Cpu:                     pulumi.String(strconv.Itoa(args.TaskCPU)),
		Memory:                  pulumi.String(strconv.Itoa(args.TaskMemoryMiB)),
		NetworkMode:             pulumi.String("awsvpc"),
		RequiresCompatibilities: pulumi.StringArray{pulumi.String("FARGATE")},
		RuntimePlatform: &ecs.TaskDefinitionRuntimePlatformArgs{
			CpuArchitecture:       pulumi.String(args.Architecture.fargate()),
			OperatingSystemFamily: pulumi.String("LINUX"),
		},
		TaskRoleArn:      taskRole.role.Arn,
		ExecutionRoleArn: executionRole.role.Arn,
		Volumes:          ecs.TaskDefinitionVolumeArray{&ecs.TaskDefinitionVolumeArgs{Name: pulumi.String(scratch)}},
		EphemeralStorage: storage,
		SkipDestroy:      pulumi.Bool(true),
		ContainerDefinitions: document(func(in []string) any {
			return []containerDefinition{{
				Name:                   containerName,
				Image:                  in[0],
				Command:                []string{"run"},
				Essential:              true,
				User:                   containerUser,
				ReadonlyRootFilesystem: true,
				Environment: append([]keyValue{
					{"AWS_REGION", args.Place.Region},
					{contract.EnvParameterPrefix, args.ParameterPrefix},
					{contract.EnvEnvironment, args.Environment},
					// For the manifest: a task is not told which image it runs.
					{contract.EnvImage, in[0][strings.LastIndex(in[0], "@")+1:]},
				}, args.JobSettings.environment()...),
				MountPoints: []mountPoint{{SourceVolume: scratch, ContainerPath: scratchDir, ReadOnly: false}},
				Ulimits:     []ulimit{{Name: "nofile", SoftLimit: 65536, HardLimit: 65536}},
				StopTimeout: stopTimeoutSeconds,
				LogConfiguration: logConfiguration{
					LogDriver: "awslogs",
					Options: map[string]string{
						"awslogs-group":         in[1],
						"awslogs-region":        args.Place.Region,
						"awslogs-stream-prefix": contract.LogStreamPrefix,
						// A run does not wait for CloudWatch; the buffer holds far more
						// than a run prints.
						"mode":            "non-blocking",
						"max-buffer-size": "25m",
					},
				},
			}}
		}, imageURI, logs.Name),
	}, pulumi.Parent(parent), pulumi.DependsOn([]pulumi.Resource{taskRole.policy, executionRole.policy}))
	if err != nil {
		return nil, fmt.Errorf("create task definition %q: %w", name, err)
	}
	return task, nil
}

// containerDefinition is the part of ECS's container definition that we use. A
// field is either always there or left out: ECS answers a null with its default,
// and the difference would replace the task definition on every deployment.
type containerDefinition struct {
	Name                   string           `json:"name"`
	Image                  string           `json:"image"`
	Command                []string         `json:"command"`
	Essential              bool             `json:"essential"`
	User                   string           `json:"user"`
	ReadonlyRootFilesystem bool             `json:"readonlyRootFilesystem"`
	Environment            []keyValue       `json:"environment"`
	MountPoints            []mountPoint     `json:"mountPoints"`
	Ulimits                []ulimit         `json:"ulimits"`
	StopTimeout            int              `json:"stopTimeout"` // seconds
	LogConfiguration       logConfiguration `json:"logConfiguration"`
}

type keyValue struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type mountPoint struct {
	SourceVolume  string `json:"sourceVolume"`
	ContainerPath string `json:"containerPath"`
	ReadOnly      bool   `json:"readOnly"`
}

type ulimit struct {
	Name      string `json:"name"`
	SoftLimit int    `json:"softLimit"`
	HardLimit int    `json:"hardLimit"`
}

type logConfiguration struct {
	LogDriver string            `json:"logDriver"`
	Options   map[string]string `json:"options"`
}
