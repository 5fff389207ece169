package stack

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pulumi/pulumi-awsx/sdk/v2/go/awsx"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"ds-pipeline/components"
	"ds-pipeline/internal/settings"
	"ds-pipeline/preprocess/contract"
)

// Deploy creates one environment. It exports what contract.Outputs lists, with
// the meaning of each; docs/outputs.md has it as a table.
//
// Nothing is created when the configuration is wrong or the credentials belong
// to another account.
func Deploy(ctx *pulumi.Context) error {
	cfg, err := LoadConfig(ctx)
	if err != nil {
		return err
	}
	costs, err := watchCosts(ctx)
	if err != nil {
		return err
	}
	providers, err := newProviders(ctx, cfg)
	if err != nil {
		return err
	}
	place, err := cfg.account().Place(ctx, providers[0])
	if err != nil {
		return err
	}
	root, err := projectRoot(ctx)
	if err != nil {
		return err
	}
	names := newNames(cfg)
	with := pulumi.Providers(providers...)

	if cfg.PermissionsBoundaryArn != "" {
		if err := boundRoles(ctx, cfg.PermissionsBoundaryArn); err != nil {
			return err
		}
	}
	keyArn, err := encryptionKey(ctx, cfg, place, names, with)
	if err != nil {
		return err
	}
	data, err := components.NewDataBuckets(ctx, "data", &components.DataBucketsArgs{
		Place:            place,
		Environment:      cfg.Environment,
		Suffix:           cfg.ResourceSuffix,
		KeepVersionsDays: cfg.KeepVersionsDays,

		InputLifecycle:    cfg.InputLifecycle,
		OutputLifecycle:   cfg.OutputLifecycle,
		ArtifactLifecycle: cfg.ArtifactLifecycle,

		ScaleOut:      cfg.ScaleSource != scaleOff,
		AccessLogDays: cfg.AccessLogDays,
		KMSKeyArn:     keyArn,
		ProtectData:   cfg.ProtectData,
		ForceDestroy:  cfg.ForceDestroyData,
	}, with)
	if err != nil {
		return err
	}

	exported := contract.StackOutputs[pulumi.StringInput]{
		OutputsVersion:     pulumi.String(contract.OutputsVersion),
		InputBucketName:    data.InputBucketName,
		OutputBucketName:   data.OutputBucketName,
		ArtifactBucketName: data.ArtifactBucketName,
		KMSKeyArn:          keyArn,
	}
	if cfg.AuditTrailDays > 0 {
		audit, err := components.NewAuditTrail(ctx, "audit", &components.AuditTrailArgs{
			Place:        place,
			Environment:  cfg.Environment,
			Suffix:       cfg.ResourceSuffix,
			TrailName:    names.trail,
			KeepDays:     cfg.AuditTrailDays,
			BucketNames:  []pulumi.StringInput{data.InputBucketName, data.OutputBucketName, data.ArtifactBucketName},
			KMSKeyArn:    keyArn,
			ProtectData:  cfg.ProtectData,
			ForceDestroy: cfg.ForceDestroyData,
		}, with)
		if err != nil {
			return err
		}
		exported.AuditTrailArn, exported.AuditTrailBucketName = audit.TrailArn, audit.BucketName
	}

	processing, err := components.NewProcessingCluster(ctx, "processing", &components.ProcessingClusterArgs{
		Place:              place,
		RepositoryName:     names.repository,
		ClusterName:        names.cluster,
		TaskFamily:         names.taskFamily,
		Environment:        cfg.Environment,
		LogGroupName:       names.logGroup,
		TaskCPU:            cfg.TaskCPU,
		TaskMemoryMiB:      cfg.TaskMemoryMiB,
		TaskStorageGiB:     cfg.TaskStorageGiB,
		UseSpot:            cfg.spot(),
		ScaleOut:           cfg.ScaleSource != scaleOff,
		Architecture:       cfg.Architecture,
		LogRetentionDays:   cfg.LogRetentionDays,
		ContainerInsights:  cfg.ContainerInsights,
		BuildContext:       root,
		ImageURI:           cfg.ImageURI,
		Python:             cfg.python(),
		KeepImages:         cfg.KeepImages,
		ForceDestroyImages: cfg.ForceDestroyData,
		KMSKeyArn:          keyArn,
		Network:            cfg.network(names.flowLogGroup),
		ParameterPrefix:    cfg.ParameterPrefix,
		InputKey:           cfg.InputKey,
		ModelKey:           cfg.ModelKey,
		ScriptKey:          cfg.ScriptKey,
		PackageKey:         cfg.PackageKey,
		ScriptStage:        cfg.ScriptStage,
		JobSettings:        cfg.JobSettings,
		InputBucketName:    data.InputBucketName,
		OutputBucketName:   data.OutputBucketName,
		ArtifactBucketName: data.ArtifactBucketName,
	}, with)
	if err != nil {
		return err
	}

	scaleOut := cfg.scaleOut()
	pipelineArgs := &components.PipelineArgs{
		Place:              place,
		StateMachineName:   names.stateMachine,
		LogRetentionDays:   cfg.LogRetentionDays,
		TaskTimeoutMinutes: cfg.TaskTimeoutMinutes,
		Attempts:           cfg.TaskAttempts,
		UseSpot:            cfg.UseSpot,
		ScaleOut:           &scaleOut,
		NotificationEmail:  cfg.NotificationEmail,
		// Whoever sets the address with --secret wants it so in the state too.
		NotificationEmailSecret: ctx.IsConfigSecret(ctx.Project() + ":notificationEmail"),
		Subscriptions:           settings.SplitList(cfg.NotificationSubscriptions),
		SubscriptionsSecret:     ctx.IsConfigSecret(ctx.Project() + ":notificationSubscriptions"),
		NotifySuccess:           cfg.NotifySuccess,
		ProtectData:             cfg.ProtectData,
		KMSKeyArn:               keyArn,
		InputBucketName:         data.InputBucketName,
		ParameterPrefix:         cfg.ParameterPrefix,
		OutputBucketName:        data.OutputBucketName,
		ClusterArn:              processing.ClusterArn,
		ClusterName:             processing.ClusterName,
		TaskDefinitionArn:       processing.TaskDefinitionArn,
		TaskFamily:              processing.TaskFamily,
		TaskRoleArn:             processing.TaskRoleArn,
		ExecutionRoleArn:        processing.ExecutionRoleArn,
		TaskLogGroupName:        processing.LogGroupName,
		SubnetIDs:               processing.SubnetIDs,
		SecurityGroupID:         processing.SecurityGroupID,
		AssignPublicIP:          processing.AssignPublicIP,
	}
	pipeline, err := components.NewPipeline(ctx, "pipeline", pipelineArgs, with)
	if err != nil {
		return err
	}

	scheduleArgs := &components.ScheduleArgs{
		Place:           place,
		Expression:      cfg.ScheduleExpression,
		TimeZone:        cfg.ScheduleTimezone,
		Enabled:         cfg.ScheduleEnabled,
		KMSKeyArn:       keyArn,
		StateMachineArn: pipeline.StateMachineArn,
	}
	if cfg.StartOnArrival {
		scheduleArgs.ArrivalBucketName, scheduleArgs.ArrivalKey = data.InputBucketName, cfg.InputKey
	}
	schedule, err := components.NewSchedule(ctx, "schedule", scheduleArgs, with)
	if err != nil {
		return err
	}

	watchArgs := &components.WatchArgs{
		Place:            place,
		KMSKeyArn:        keyArn,
		StateMachineName: names.watch,
		LogRetentionDays: cfg.LogRetentionDays,
		Expression:       cfg.ScheduleExpression,
		TimeZone:         cfg.ScheduleTimezone,
		Enabled:          cfg.ScheduleEnabled,
		PipelineName:     names.stateMachine,
		PipelineArn:      pipeline.StateMachineArn,
		OutputBucketName: data.OutputBucketName,
		TopicArn:         pipeline.TopicArn,
		ScaleOut:         cfg.ScaleSource != scaleOff,
	}
	watch, err := components.NewWatch(ctx, "watch", watchArgs, with)
	if err != nil {
		return err
	}

	if cfg.Alarms {
		args := &components.MonitoringArgs{
			Place:                   place,
			Environment:             cfg.Environment,
			RejectedPercent:         cfg.AlarmRejectedPercent,
			DriftedColumns:          cfg.AlarmDriftedColumns,
			WatchArn:                watch.StateMachineArn,
			MonthlyBudgetUSD:        cfg.MonthlyBudgetUSD,
			DashboardName:           names.dashboard,
			NotificationEmail:       cfg.NotificationEmail,
			NotificationEmailSecret: ctx.IsConfigSecret(ctx.Project() + ":notificationEmail"),
			Subscriptions:           settings.SplitList(cfg.NotificationSubscriptions),
			SubscriptionsSecret:     ctx.IsConfigSecret(ctx.Project() + ":notificationSubscriptions"),
			KMSKeyArn:               keyArn,
			StateMachineArn:         pipeline.StateMachineArn,
			DeadLetterQueueName:     schedule.DeadLetterQueueName,
			TopicName:               pipeline.TopicName,

			WatchEndedRuleName:       watch.EndedRuleName,
			WatchDeadLetterQueueName: watch.DeadLetterQueueName,
		}
		if cfg.ScheduleTimezone == "" {
			args.RuleName, args.WatchRuleName = schedule.RuleName, watch.RuleName
		} else {
			args.ScheduleGroupName, args.WatchScheduleGroupName = schedule.ScheduleGroupName, watch.ScheduleGroupName
		}
		monitoring, err := components.NewMonitoring(ctx, "monitoring", args, with)
		if err != nil {
			return err
		}
		exported.AlarmTopicArn = monitoring.AlarmTopicArn
	}

	pipelineOutline, err := pipelineArgs.Outline(cfg.network("").PublicIP())
	if err != nil {
		return err
	}
	watchOutline, err := watchArgs.Outline()
	if err != nil {
		return err
	}
	costs.define("pipeline-machine", pipelineOutline)
	costs.define("watch-machine", watchOutline)
	estimate, err := costs.estimate(cfg.Region)
	if err != nil {
		return err
	}
	ctx.Export(contract.OutputCostEstimate, estimate)

	exported.RepositoryURL, exported.ImageURI = processing.RepositoryURL, processing.ImageURI
	exported.ClusterName, exported.ClusterArn = processing.ClusterName, processing.ClusterArn
	exported.TaskDefinitionArn = processing.TaskDefinitionArn
	exported.LogGroupName = processing.LogGroupName
	exported.ParameterPrefix = processing.ParameterPrefix
	exported.StateMachineName, exported.StateMachineArn = pipeline.StateMachineName, pipeline.StateMachineArn
	exported.TopicArn = pipeline.TopicArn
	if cfg.ScheduleTimezone == "" {
		exported.ScheduleRuleName = schedule.RuleName
	} else {
		exported.ScheduleGroupName = schedule.ScheduleGroupName
	}
	exported.DeadLetterQueueURL = schedule.DeadLetterQueueURL
	return export(ctx, cfg, exported, with)
}

// export hands the outputs to other programs: as outputs of the stack, and in
// Parameter Store.
func export(ctx *pulumi.Context, cfg Config, values contract.StackOutputs[pulumi.StringInput], with pulumi.ResourceOption) error {
	if _, err := components.NewOutputs(ctx, "outputs", &components.OutputsArgs{ParameterPrefix: cfg.ParameterPrefix, Values: values}, with); err != nil {
		return err
	}
	values.Each(func(o contract.Output, value *pulumi.StringInput) {
		if *value != nil {
			ctx.Export(o.Stack, *value)
		}
	})
	return nil
}

// names are the published physical names; the names of the buckets, which carry
// the account and the region too, are built by DataBuckets. Everything else is
// named by Pulumi.
type names struct {
	repository, cluster, taskFamily, logGroup, stateMachine string
	watch                                                   string // the machine that watches stateMachine
	flowLogGroup, key, trail                                string
	dashboard                                               string // "" for none
}

func newNames(cfg Config) names {
	dashboard := ""
	if cfg.Dashboard {
		dashboard = "ds-preprocessing-" + cfg.Environment + "-" + cfg.Region + cfg.ResourceSuffix
	}
	return names{
		dashboard:    dashboard,
		flowLogGroup: "/vpc/ds-preprocessing-" + cfg.Environment + cfg.ResourceSuffix,
		key:          "ds-preprocessing-" + cfg.Environment + cfg.ResourceSuffix,
		trail:        "ds-preprocessing-" + cfg.Environment + cfg.ResourceSuffix,
		repository:   "ds-preprocessing" + cfg.ResourceSuffix,
		cluster:      "ds-processing-cluster" + cfg.ResourceSuffix,
		taskFamily:   "ds-preprocessing" + cfg.ResourceSuffix,
		logGroup:     "/ecs/ds-preprocessing-" + cfg.Environment + cfg.ResourceSuffix,
		stateMachine: "ds-preprocessing-pipeline" + cfg.ResourceSuffix,
		watch:        "ds-preprocessing-watch" + cfg.ResourceSuffix,
	}
}

// encryptionKey is the key that encrypts everything: a new one, one that is
// there, or nil for keys of the services.
func encryptionKey(ctx *pulumi.Context, cfg Config, place components.Place, names names, with pulumi.ResourceOption) (pulumi.StringInput, error) {
	switch {
	case cfg.Encryption != customerKey:
		return nil, nil
	case cfg.KMSKeyArn != "":
		return pulumi.String(cfg.KMSKeyArn), nil
	}
	logGroups := []string{names.logGroup, components.StateMachineLogGroupName(names.stateMachine), components.StateMachineLogGroupName(names.watch)}
	if cfg.FlowLogs {
		logGroups = append(logGroups, names.flowLogGroup)
	}
	trail := ""
	if cfg.AuditTrailDays > 0 {
		trail = names.trail
	}
	key, err := components.NewEncryptionKey(ctx, "encryption", &components.EncryptionKeyArgs{
		Place:         place,
		AliasName:     names.key,
		LogGroupNames: logGroups,
		TrailName:     trail,
		DeletionDays:  cfg.KeyDeletionDays,
		ProtectData:   cfg.ProtectData,
	}, with)
	if err != nil {
		return nil, err
	}
	return key.KeyArn, nil
}

// boundRoles puts a permissions boundary on every role, also on those that a
// packaged component may create: a transform cannot forget one.
func boundRoles(ctx *pulumi.Context, boundaryArn string) error {
	err := ctx.RegisterResourceTransform(func(_ context.Context, args *pulumi.ResourceTransformArgs) *pulumi.ResourceTransformResult {
		if args.Type != "aws:iam/role:Role" {
			return nil
		}
		args.Props["permissionsBoundary"] = pulumi.String(boundaryArn)
		return &pulumi.ResourceTransformResult{Props: args.Props, Opts: args.Opts}
	})
	if err != nil {
		return fmt.Errorf("put a permissions boundary on every role: %w", err)
	}
	return nil
}

// newProviders creates the providers that every resource is given by name, so
// that nothing depends on a default one.
func newProviders(ctx *pulumi.Context, cfg Config) ([]pulumi.ProviderResource, error) {
	awsProvider, err := cfg.account().Provider(ctx)
	if err != nil {
		return nil, err
	}
	if cfg.ImageURI != "" {
		return []pulumi.ProviderResource{awsProvider}, nil // nothing is built
	}
	awsxProvider, err := awsx.NewProvider(ctx, "awsx", &awsx.ProviderArgs{})
	if err != nil {
		return nil, fmt.Errorf("configure the awsx provider: %w", err)
	}
	return []pulumi.ProviderResource{awsProvider, awsxProvider}, nil
}

// account is where the stack is deployed.
func (c Config) account() settings.Account {
	return settings.Account{ID: c.AccountID, Region: c.Region, Profile: c.Profile, Environment: c.Environment}
}

// projectRoot is the directory of Pulumi.yaml, the Dockerfile and what it
// copies. Hosts other than the CLI may not say where it is; then it is the
// nearest directory from here upwards that has a Pulumi.yaml.
func projectRoot(ctx *pulumi.Context) (string, error) {
	dir := ctx.RootDirectory()
	if dir != "" {
		return dir, nil
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for start := dir; ; {
		_, err := os.Stat(filepath.Join(dir, "Pulumi.yaml"))
		if err == nil {
			return dir, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no Pulumi.yaml in %s or above", start)
		}
		dir = filepath.Dir(dir)
	}
}
