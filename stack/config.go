// Package stack reads the configuration of one environment and puts its
// components together.
package stack

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"ds-pipeline/components"
	"ds-pipeline/internal/settings"
	"ds-pipeline/preprocess/contract"
)

// Config is everything a stack may choose. Pulumi.yaml documents each key, its
// type and its default; a key under our namespace that is not listed here is an
// error, so a typing mistake cannot pass for a default.
type Config struct {
	Region  string // aws:region
	Profile string // aws:profile, "" for the credentials of the environment

	Environment     string
	AccountID       string // "" for whatever account the credentials belong to
	ResourceSuffix  string
	ParameterPrefix string

	InputKey, ModelKey, ScriptKey, PackageKey string
	ScriptStage                               string // "" for before

	JobSettings components.JobSettings

	TaskCPU            int // CPU units: 1024 is one vCPU
	TaskMemoryMiB      int
	TaskStorageGiB     int
	UseSpot            bool
	Architecture       components.Architecture
	ImageURI           string // "" to build the image
	Image              string // what is built: default, python, or auto
	KeepImages         int
	TaskTimeoutMinutes int
	TaskAttempts       int

	ScaleSource           string // off, or one of contract.ScaleSource…
	ScaleObjects          int    // of one task
	ScaleRangeMiB         int
	ScaleVCPUs            int // of all tasks of a run together
	ScaleConcurrency      int // 0 for what ScaleVCPUs allow
	ScaleToleratedPercent int
	ScaleSpot             bool
	ScaleHours            int
	ScaleInventoryKey     string // with ScaleSource inventory only

	ScheduleExpression string
	ScheduleTimezone   string // "" for UTC
	ScheduleEnabled    bool
	StartOnArrival     bool
	NotificationEmail  string

	NotificationSubscriptions string // with commas between them
	NotifySuccess             bool

	Alarms    bool
	Dashboard bool

	AlarmRejectedPercent int // of the records of a run
	AlarmDriftedColumns  int // 0 for none
	MonthlyBudgetUSD     int // 0 for none

	LogRetentionDays  int
	ContainerInsights bool
	KeepVersionsDays  int

	InputLifecycle, OutputLifecycle, ArtifactLifecycle components.Lifecycle

	AccessLogDays    int // 0 for no access logs
	AuditTrailDays   int // 0 for no trail
	ProtectData      bool
	ForceDestroyData bool

	NetworkMode    components.NetworkMode
	NetworkCIDR    string
	EgressPerZone  bool
	VPCID          string
	SubnetIDs      string // with commas between them
	AssignPublicIP bool
	FlowLogs       bool

	Encryption             string // one of encryptions
	KMSKeyArn              string // "" to create the key, with customerKey
	KeyDeletionDays        int
	PermissionsBoundaryArn string // "" for none
}

// What may encrypt: keys of the services, or one key for everything.
const (
	serviceKeys = "sse-s3"
	customerKey = "customer-key"
)

// key is one key of the configuration.
type key = settings.Key[Config]

var (
	text   = settings.Text[Config]
	number = settings.Number[Config]
	flag   = settings.Flag[Config]
)

// keys lists every key, in the order of Pulumi.yaml. It is a function, because
// a closure over a package variable would outlive a test.
func keys() []key {
	return slices.Concat(firstKeys(), jobKeys(), secondKeys(), lifecycleKeys(), lastKeys())
}

// defaults is the configuration of a stack that sets nothing, but for what depends
// on the stack.
func defaults() Config {
	var cfg Config
	for _, k := range keys() {
		_ = k.Read(&cfg, k.Fallback) // that of a key which has to be set is no value
	}
	return cfg
}

func firstKeys() []key {
	return []key{
		text("environment", "", func(c *Config) *string { return &c.Environment }, settings.Optional(components.CheckEnvironment)),
		text("accountId", "", func(c *Config) *string { return &c.AccountID }, settings.Optional(components.CheckAccountID)),
		text("resourceSuffix", "", func(c *Config) *string { return &c.ResourceSuffix }, settings.Optional(checkSuffix)),
		text("parameterPrefix", "", func(c *Config) *string { return &c.ParameterPrefix }, settings.Optional(components.CheckParameterPrefix)),

		text("inputKey", contract.DefaultInputKey, func(c *Config) *string { return &c.InputKey }, components.CheckInputKey),
		text("modelKey", contract.DefaultModelKey, func(c *Config) *string { return &c.ModelKey }, components.CheckObjectKey),
		text("scriptKey", "", func(c *Config) *string { return &c.ScriptKey }, settings.Optional(components.CheckObjectKey)),
		text("packageKey", "", func(c *Config) *string { return &c.PackageKey }, settings.Optional(components.CheckObjectKey)),
		text("scriptStage", "", func(c *Config) *string { return &c.ScriptStage }, settings.Optional(components.CheckScriptStage)),
	}
}

// jobKeys are those of the settings that a stack hands to the job.
func jobKeys() []key {
	var all []key
	for _, s := range contract.Settings() {
		all = append(all, key{Name: s.Key, Kind: "string", Read: func(c *Config, value string) error {
			c.JobSettings.Set(s.Key, value)
			return settings.Optional(s.Check)(value)
		}})
	}
	return all
}

func secondKeys() []key {
	return []key{
		number("taskCpu", 2048, func(c *Config) *int { return &c.TaskCPU }, components.CheckTaskCPU),
		number("taskMemoryMiB", 4096, func(c *Config) *int { return &c.TaskMemoryMiB }, nil),
		number("taskStorageGiB", 20, func(c *Config) *int { return &c.TaskStorageGiB }, components.CheckTaskStorage),
		flag("useSpot", false, func(c *Config) *bool { return &c.UseSpot }),
		text("architecture", string(components.AMD64), func(c *Config) *string { return (*string)(&c.Architecture) }, checkArchitecture),
		text("imageUri", "", func(c *Config) *string { return &c.ImageURI }, settings.Optional(components.CheckImageURI)),
		text(contract.ImageSetting, imageAuto, func(c *Config) *string { return &c.Image }, checkImage),
		number("keepImages", 10, func(c *Config) *int { return &c.KeepImages }, upTo(1000)),
		number("taskTimeoutMinutes", 240, func(c *Config) *int { return &c.TaskTimeoutMinutes }, upTo(10080)),
		number("taskAttempts", 4, func(c *Config) *int { return &c.TaskAttempts }, upTo(10)),

		text("scaleOut", scaleOff, func(c *Config) *string { return &c.ScaleSource }, checkScaleOut),
		number("scaleOutObjects", 20, func(c *Config) *int { return &c.ScaleObjects }, nil),
		number("scaleOutRangeMiB", 1024, func(c *Config) *int { return &c.ScaleRangeMiB }, nil),
		number("scaleOutVcpus", 6, func(c *Config) *int { return &c.ScaleVCPUs }, upTo(100000)),
		number("scaleOutConcurrency", 0, func(c *Config) *int { return &c.ScaleConcurrency }, upToOrNone(10000)),
		number("scaleOutToleratedPercent", 0, func(c *Config) *int { return &c.ScaleToleratedPercent }, nil),
		flag("scaleOutSpot", false, func(c *Config) *bool { return &c.ScaleSpot }),
		number("scaleOutHours", 24, func(c *Config) *int { return &c.ScaleHours }, nil),
		text("scaleOutInventoryKey", "", func(c *Config) *string { return &c.ScaleInventoryKey }, nil),

		text("scheduleExpression", "cron(0 9 15 * ? *)", func(c *Config) *string { return &c.ScheduleExpression }, components.CheckScheduleExpression),
		text("scheduleTimezone", "", func(c *Config) *string { return &c.ScheduleTimezone }, settings.Optional(components.CheckTimeZone)),
		flag("scheduleEnabled", true, func(c *Config) *bool { return &c.ScheduleEnabled }),
		flag("startOnArrival", false, func(c *Config) *bool { return &c.StartOnArrival }),
		text("notificationEmail", "", func(c *Config) *string { return &c.NotificationEmail }, settings.Optional(components.CheckEmail)),
		text("notificationSubscriptions", "", func(c *Config) *string { return &c.NotificationSubscriptions }, checkSubscriptions),
		flag("notifySuccess", false, func(c *Config) *bool { return &c.NotifySuccess }),
		flag("alarms", true, func(c *Config) *bool { return &c.Alarms }),
		flag("dashboard", true, func(c *Config) *bool { return &c.Dashboard }),
		number("alarmRejectedPercent", 0, func(c *Config) *int { return &c.AlarmRejectedPercent }, func(n int) error { return components.CheckRange(n, 0, 100) }),
		number("alarmDriftedColumns", 0, func(c *Config) *int { return &c.AlarmDriftedColumns }, upToOrNone(10000)),
		number("monthlyBudgetUSD", 0, func(c *Config) *int { return &c.MonthlyBudgetUSD }, upToOrNone(1000000)),

		number("logRetentionDays", 30, func(c *Config) *int { return &c.LogRetentionDays }, components.CheckLogRetentionDays),
		flag("containerInsights", false, func(c *Config) *bool { return &c.ContainerInsights }),
		number("keepVersionsDays", 30, func(c *Config) *int { return &c.KeepVersionsDays }, upTo(3650)),
	}
}

// lifecycles are the lifecycles of the buckets, by the first word of their keys.
var lifecycles = []struct {
	bucket string
	of     func(c *Config) *components.Lifecycle
}{
	{"input", func(c *Config) *components.Lifecycle { return &c.InputLifecycle }},
	{"output", func(c *Config) *components.Lifecycle { return &c.OutputLifecycle }},
	{"artifact", func(c *Config) *components.Lifecycle { return &c.ArtifactLifecycle }},
}

// lifecycleFields ends the names of the keys of the fields of a lifecycle.
var lifecycleFields = map[string]string{
	"TransitionDays": "TransitionDays", "TransitionClass": "TransitionClass", "ExpireDays": "ExpireDays",
	"NoncurrentDays": "KeepVersionsDays", "AbortDays": "AbortUploadDays",
}

// lifecycleKeys are five for each bucket.
func lifecycleKeys() []key {
	var all []key
	for _, l := range lifecycles {
		days := func(field string, fallback int, of func(*components.Lifecycle) *int, check func(int) error) key {
			return number(l.bucket+lifecycleFields[field], fallback, func(c *Config) *int { return of(l.of(c)) }, check)
		}
		all = append(all,
			days("TransitionDays", 0, func(l *components.Lifecycle) *int { return &l.TransitionDays }, nil),
			text(l.bucket+lifecycleFields["TransitionClass"], "", func(c *Config) *string { return &l.of(c).TransitionClass }, nil),
			days("ExpireDays", 0, func(l *components.Lifecycle) *int { return &l.ExpireDays }, nil),
			days("NoncurrentDays", 0, func(l *components.Lifecycle) *int { return &l.NoncurrentDays }, nil),
			days("AbortDays", 7, func(l *components.Lifecycle) *int { return &l.AbortDays }, upTo(3650)), // 0 would be the default of the component
		)
	}
	return all
}

func lastKeys() []key {
	return []key{
		number("accessLogDays", 0, func(c *Config) *int { return &c.AccessLogDays }, upToOrNone(3650)),
		number("auditTrailDays", 0, func(c *Config) *int { return &c.AuditTrailDays }, upToOrNone(3650)),
		flag("protectData", false, func(c *Config) *bool { return &c.ProtectData }),
		flag("forceDestroyData", false, func(c *Config) *bool { return &c.ForceDestroyData }),

		text("networkMode", string(components.NetworkPublic), func(c *Config) *string { return (*string)(&c.NetworkMode) }, checkNetworkMode),
		text("networkCidr", "10.0.0.0/24", func(c *Config) *string { return &c.NetworkCIDR }, components.CheckNetworkCIDR),
		flag("egressPerZone", false, func(c *Config) *bool { return &c.EgressPerZone }),
		text("vpcId", "", func(c *Config) *string { return &c.VPCID }, settings.Optional(components.CheckVPCID)),
		text("subnetIds", "", func(c *Config) *string { return &c.SubnetIDs }, checkSubnetIDs),
		flag("assignPublicIp", false, func(c *Config) *bool { return &c.AssignPublicIP }),
		flag("flowLogs", false, func(c *Config) *bool { return &c.FlowLogs }),

		text("encryption", serviceKeys, func(c *Config) *string { return &c.Encryption }, checkEncryption),
		text("kmsKeyArn", "", func(c *Config) *string { return &c.KMSKeyArn }, nil),
		number("keyDeletionDays", 30, func(c *Config) *int { return &c.KeyDeletionDays }, checkKeyDeletionDays),
		text("permissionsBoundaryArn", "", func(c *Config) *string { return &c.PermissionsBoundaryArn }, settings.Optional(checkPolicyArn)),
	}
}

// LoadConfig reads the whole configuration and reports every problem at once:
// unknown keys, values of the wrong type, values that no component would accept,
// and values that do not go together.
func LoadConfig(ctx *pulumi.Context) (Config, error) {
	cfg, wrong, errs := settings.Read(ctx, keys())
	errs = append(errs, readPlace(ctx, &cfg), fillDefaults(ctx, &cfg), checkTogether(cfg, wrong))
	if err := errors.Join(errs...); err != nil {
		return Config{}, fmt.Errorf("configuration of stack %q:\n%w", ctx.Stack(), err)
	}
	return cfg, nil
}

// readPlace reads the two keys of the aws namespace that we use.
func readPlace(ctx *pulumi.Context, cfg *Config) error {
	var err error
	cfg.Region, cfg.Profile, err = settings.Place(ctx)
	return err
}

// fillDefaults sets what depends on other keys or on the stack.
func fillDefaults(ctx *pulumi.Context, cfg *Config) error {
	if cfg.ParameterPrefix == "" {
		cfg.ParameterPrefix = strings.TrimSuffix(contract.DefaultParameterPrefix, "/") + cfg.ResourceSuffix + "/"
	}
	if cfg.Environment != "" {
		return nil
	}
	cfg.Environment = ctx.Stack()
	if err := components.CheckEnvironment(cfg.Environment); err != nil {
		return fmt.Errorf("environment: not set, and the stack's name cannot be used instead: %w", err)
	}
	return nil
}
