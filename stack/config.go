// Package stack reads the configuration of one environment and puts its
// components together.
package stack

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"ds-pipeline/components"
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

// key is one key of the configuration: its default, which Pulumi.yaml repeats
// and a test compares, and how its text becomes a field of Config.
type key struct {
	name     string
	kind     string // string, integer or boolean, as in Pulumi.yaml
	fallback string
	read     func(c *Config, text string) error
}

// keys lists every key, in the order of Pulumi.yaml. It is a function, because
// a closure over a package variable would outlive a test.
func keys() []key {
	return slices.Concat(firstKeys(), jobKeys(), secondKeys(), lifecycleKeys(), lastKeys())
}

func firstKeys() []key {
	return []key{
		text("environment", "", func(c *Config) *string { return &c.Environment }, optional(checkEnvironment)),
		text("accountId", "", func(c *Config) *string { return &c.AccountID }, optional(components.CheckAccountID)),
		text("resourceSuffix", "", func(c *Config) *string { return &c.ResourceSuffix }, optional(checkSuffix)),
		text("parameterPrefix", "", func(c *Config) *string { return &c.ParameterPrefix }, optional(components.CheckParameterPrefix)),

		text("inputKey", contract.DefaultInputKey, func(c *Config) *string { return &c.InputKey }, components.CheckInputKey),
		text("modelKey", contract.DefaultModelKey, func(c *Config) *string { return &c.ModelKey }, components.CheckObjectKey),
		text("scriptKey", "", func(c *Config) *string { return &c.ScriptKey }, optional(components.CheckObjectKey)),
		text("packageKey", "", func(c *Config) *string { return &c.PackageKey }, optional(components.CheckObjectKey)),
		text("scriptStage", "", func(c *Config) *string { return &c.ScriptStage }, optional(components.CheckScriptStage)),
	}
}

// jobKeys are those of the settings that a stack hands to the job.
func jobKeys() []key {
	var all []key
	for _, s := range contract.Settings() {
		all = append(all, key{s.Key, "string", "", func(c *Config, value string) error {
			c.JobSettings.Set(s.Key, value)
			return optional(s.Check)(value)
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
		text("imageUri", "", func(c *Config) *string { return &c.ImageURI }, optional(components.CheckImageURI)),
		text(contract.ImageSetting, imageAuto, func(c *Config) *string { return &c.Image }, checkImage),
		number("keepImages", 10, func(c *Config) *int { return &c.KeepImages }, upTo(1000)),
		number("taskTimeoutMinutes", 240, func(c *Config) *int { return &c.TaskTimeoutMinutes }, upTo(10080)),
		number("taskAttempts", 4, func(c *Config) *int { return &c.TaskAttempts }, upTo(10)),

		text("scheduleExpression", "cron(0 9 15 * ? *)", func(c *Config) *string { return &c.ScheduleExpression }, components.CheckScheduleExpression),
		text("scheduleTimezone", "", func(c *Config) *string { return &c.ScheduleTimezone }, optional(components.CheckTimeZone)),
		flag("scheduleEnabled", true, func(c *Config) *bool { return &c.ScheduleEnabled }),
		flag("startOnArrival", false, func(c *Config) *bool { return &c.StartOnArrival }),
		text("notificationEmail", "", func(c *Config) *string { return &c.NotificationEmail }, optional(components.CheckEmail)),
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
		days := func(field string, fallback int, of func(*components.Lifecycle) *int) key {
			return number(l.bucket+lifecycleFields[field], fallback, func(c *Config) *int { return of(l.of(c)) }, nil)
		}
		all = append(all,
			days("TransitionDays", 0, func(l *components.Lifecycle) *int { return &l.TransitionDays }),
			text(l.bucket+lifecycleFields["TransitionClass"], "", func(c *Config) *string { return &l.of(c).TransitionClass }, nil),
			days("ExpireDays", 0, func(l *components.Lifecycle) *int { return &l.ExpireDays }),
			days("NoncurrentDays", 0, func(l *components.Lifecycle) *int { return &l.NoncurrentDays }),
			days("AbortDays", 7, func(l *components.Lifecycle) *int { return &l.AbortDays }),
		)
	}
	return all
}

// checkLifecycles checks each lifecycle whose keys are right by themselves.
func checkLifecycles(cfg Config, wrong map[string]bool) error {
	var errs []error
next:
	for _, l := range lifecycles {
		for _, end := range lifecycleFields {
			if wrong[l.bucket+end] {
				continue next
			}
		}
		errs = append(errs, components.CheckLifecycle(*l.of(&cfg), func(field string) string { return l.bucket + lifecycleFields[field] }))
	}
	return errors.Join(errs...)
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
		text("vpcId", "", func(c *Config) *string { return &c.VPCID }, optional(components.CheckVPCID)),
		text("subnetIds", "", func(c *Config) *string { return &c.SubnetIDs }, checkSubnetIDs),
		flag("assignPublicIp", false, func(c *Config) *bool { return &c.AssignPublicIP }),
		flag("flowLogs", false, func(c *Config) *bool { return &c.FlowLogs }),

		text("encryption", serviceKeys, func(c *Config) *string { return &c.Encryption }, checkEncryption),
		text("kmsKeyArn", "", func(c *Config) *string { return &c.KMSKeyArn }, nil),
		number("keyDeletionDays", 30, func(c *Config) *int { return &c.KeyDeletionDays }, checkKeyDeletionDays),
		text("permissionsBoundaryArn", "", func(c *Config) *string { return &c.PermissionsBoundaryArn }, optional(checkPolicyArn)),
	}
}

// LoadConfig reads the whole configuration and reports every problem at once:
// unknown keys, values of the wrong type, values that no component would accept,
// and values that do not go together.
func LoadConfig(ctx *pulumi.Context) (Config, error) {
	all := keys()
	errs := unknownKeys(ctx, all)

	var cfg Config
	wrong := map[string]bool{}
	for _, k := range all {
		value, set := ctx.GetConfig(ctx.Project() + ":" + k.name)
		if !set {
			value = k.fallback
		}
		if err := k.read(&cfg, value); err != nil {
			wrong[k.name] = true
			errs = append(errs, prefixed(k.name, err))
		}
	}
	errs = append(errs, readPlace(ctx, &cfg), fillDefaults(ctx, &cfg), checkTogether(cfg, wrong))
	if err := errors.Join(errs...); err != nil {
		return Config{}, fmt.Errorf("configuration of stack %q:\n%w", ctx.Stack(), err)
	}
	return cfg, nil
}

// readPlace reads the two keys of the aws namespace that we use.
func readPlace(ctx *pulumi.Context, cfg *Config) error {
	cfg.Profile, _ = ctx.GetConfig("aws:profile")
	region, set := ctx.GetConfig("aws:region")
	if !set {
		return errors.New("aws:region: missing; run `pulumi config set aws:region us-east-1`")
	}
	cfg.Region = region
	return prefixed("aws:region", components.CheckRegion(region))
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
	if err := checkEnvironment(cfg.Environment); err != nil {
		return fmt.Errorf("environment: not set, and the stack's name cannot be used instead: %w", err)
	}
	return nil
}

// What image may be.
const (
	imageDefault = "default"
	imagePython  = "python"
	imageAuto    = "auto"
)

func checkImage(image string) error {
	switch image {
	case imageDefault, imagePython, imageAuto:
		return nil
	}
	return fmt.Errorf("got %q, want %s, %s or %s", image, imageDefault, imagePython, imageAuto)
}

// python tells whether the image has Python: if it is asked for, or if there is a
// script.
func (c Config) python() bool {
	return c.Image == imagePython || c.Image == imageAuto && c.ScriptKey != ""
}

// checkScript checks what belongs to a script.
func checkScript(cfg Config) error {
	var errs []error
	if cfg.PackageKey != "" && cfg.ScriptKey == "" {
		errs = append(errs, errors.New("packageKey: set, but no script could use it; set scriptKey too, or unset it"))
	}
	if strings.HasSuffix(strings.ToLower(cfg.ScriptKey), ".py") && cfg.Image == imageDefault {
		errs = append(errs, fmt.Errorf("image: got default, which has no Python for the script %s; want auto or python", cfg.ScriptKey))
	}
	if cfg.ScriptKey != "" && cfg.ScriptStage == contract.ScriptAfter && cfg.JobSettings.OutputFormat == "parquet" {
		errs = append(errs, errors.New("outputFormat: got parquet, but what a script gives back after the model is written as csv"))
	}
	return errors.Join(errs...)
}

// checkTogether checks values that may be right by themselves only. wrong holds
// the keys that were not even that.
func checkTogether(cfg Config, wrong map[string]bool) error {
	var errs []error
	errs = append(errs, components.CheckJobSettings(cfg.JobSettings))
	if cfg.JobSettings.Report == "false" && cfg.AlarmDriftedColumns > 0 {
		errs = append(errs, fmt.Errorf("alarmDriftedColumns: got %d without reports, want 0: they find the drift", cfg.AlarmDriftedColumns))
	}
	errs = append(errs, checkScript(cfg))
	if !wrong["taskMemoryMiB"] {
		errs = append(errs, prefixed("taskMemoryMiB", components.CheckTaskMemory(cfg.TaskCPU, cfg.TaskMemoryMiB)))
	}
	if cfg.UseSpot && !wrong["taskAttempts"] {
		errs = append(errs, prefixed("taskAttempts", components.CheckSpotAttempts(cfg.TaskAttempts)))
	}
	if cfg.ScheduleTimezone != "" && !wrong["scheduleTimezone"] && !wrong["scheduleExpression"] {
		errs = append(errs, prefixed("scheduleExpression", components.CheckZonedSchedule(cfg.ScheduleExpression, cfg.ScheduleTimezone)))
	}
	if cfg.MonthlyBudgetUSD > 0 && !cfg.Alarms && !wrong["alarms"] {
		errs = append(errs, fmt.Errorf("monthlyBudgetUSD: got %d without alarms, want 0: it tells whom they tell", cfg.MonthlyBudgetUSD))
	}
	if cfg.Dashboard && !cfg.Alarms && !wrong["alarms"] {
		errs = append(errs, errors.New("dashboard: got true without alarms, want false: both or the alarms alone"))
	}
	if cfg.ProtectData && cfg.ForceDestroyData {
		errs = append(errs, errors.New("forceDestroyData: got true together with protectData, want one of them at most"))
	}
	errs = append(errs, checkLifecycles(cfg, wrong), checkNetwork(cfg, wrong), checkKey(cfg, wrong))
	if cfg.AccountID != "" && !wrong["accountId"] && !wrong["resourceSuffix"] &&
		checkEnvironment(cfg.Environment) == nil && components.CheckRegion(cfg.Region) == nil {
		place := components.Place{AccountID: cfg.AccountID, Region: cfg.Region}
		errs = append(errs, components.CheckBucketNames(cfg.Environment, place, cfg.ResourceSuffix))
	}
	return errors.Join(errs...)
}

var (
	environmentPattern = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
	suffixPattern      = regexp.MustCompile(`^-?[a-z0-9]+(-[a-z0-9]+)*$`)
)

func checkEnvironment(name string) error {
	if len(name) > 20 || !environmentPattern.MatchString(name) {
		return fmt.Errorf("got %q, want 1 to 20 lower-case letters, digits and single hyphens, starting with a letter", name)
	}
	return nil
}

func checkSuffix(suffix string) error {
	if len(suffix) > 20 || !suffixPattern.MatchString(suffix) {
		return fmt.Errorf("got %q, want at most 20 lower-case letters, digits and single hyphens, such as -blue", suffix)
	}
	return nil
}

// network is the configuration as the component knows it. flowLogGroup is the
// name of the group, should there be one.
func (c Config) network(flowLogGroup string) components.Network {
	if !c.FlowLogs {
		flowLogGroup = ""
	}
	return components.Network{
		Mode: c.NetworkMode, CIDR: c.NetworkCIDR, EgressPerZone: c.EgressPerZone, FlowLogGroupName: flowLogGroup,
		VPCID: c.VPCID, SubnetIDs: splitList(c.SubnetIDs), AssignPublicIP: c.AssignPublicIP,
	}
}

// networkKeys are the keys of the fields of components.Network.
var networkKeys = map[string]string{
	"Mode": "networkMode", "CIDR": "networkCidr", "EgressPerZone": "egressPerZone", "FlowLogGroupName": "flowLogs",
	"VPCID": "vpcId", "SubnetIDs": "subnetIds", "AssignPublicIP": "assignPublicIp",
}

// checkNetwork checks the keys of the network together once each is right by itself.
func checkNetwork(cfg Config, wrong map[string]bool) error {
	for _, key := range networkKeys {
		if wrong[key] {
			return nil
		}
	}
	errs := []error{components.CheckNetwork(cfg.network("flow"), func(field string) string { return networkKeys[field] })}
	if cfg.NetworkMode == components.NetworkEndpoints && cfg.ImageURI != "" && !wrong["imageUri"] && components.CheckRegion(cfg.Region) == nil {
		errs = append(errs, prefixed("imageUri", components.CheckImageRegion(cfg.ImageURI, cfg.Region)))
	}
	return errors.Join(errs...)
}

func checkNetworkMode(text string) error {
	return components.CheckNetworkMode(components.NetworkMode(text))
}

func checkSubnetIDs(text string) error {
	return components.CheckSubnetIDs(splitList(text))
}

// checkKey checks the key against the region, and that it is asked for.
func checkKey(cfg Config, wrong map[string]bool) error {
	switch {
	case cfg.KMSKeyArn == "" || wrong["encryption"]:
		return nil
	case cfg.Encryption != customerKey:
		return fmt.Errorf("kmsKeyArn: got a key with encryption %s, want encryption %s, or no key", cfg.Encryption, customerKey)
	}
	return prefixed("kmsKeyArn", components.CheckKMSKeyArn(cfg.KMSKeyArn, cfg.Region))
}

func checkEncryption(text string) error {
	if text != serviceKeys && text != customerKey {
		return fmt.Errorf("got %q, want %s or %s", text, serviceKeys, customerKey)
	}
	return nil
}

func checkKeyDeletionDays(days int) error { return components.CheckRange(days, 7, 30) }

var policyArnPattern = regexp.MustCompile(`^arn:(aws|aws-cn|aws-us-gov):iam::([0-9]{12}|aws):policy/[A-Za-z0-9+=,.@_/-]+$`)

func checkPolicyArn(arn string) error {
	if !policyArnPattern.MatchString(arn) {
		return fmt.Errorf("got %q, want arn:aws:iam::<account>:policy/<name>", arn)
	}
	return nil
}

func checkArchitecture(text string) error {
	return components.CheckArchitecture(components.Architecture(text))
}

func checkSubscriptions(text string) error {
	return components.CheckSubscriptions(splitList(text))
}

// splitList cuts a list at its commas; blanks around an entry do not count.
func splitList(text string) []string {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	entries := strings.Split(text, ",")
	for i := range entries {
		entries[i] = strings.TrimSpace(entries[i])
	}
	return entries
}

func upTo(high int) func(int) error {
	return func(n int) error { return components.CheckRange(n, 1, high) }
}

// upToOrNone accepts 0 for "none".
func upToOrNone(high int) func(int) error {
	return func(n int) error { return components.CheckRange(n, 0, high) }
}

// optional accepts "" for "not set".
func optional(check func(string) error) func(string) error {
	return func(text string) error {
		if text == "" {
			return nil
		}
		return check(text)
	}
}

func text(name, fallback string, field func(*Config) *string, check func(string) error) key {
	return key{name, "string", fallback, func(c *Config, value string) error {
		*field(c) = value
		if check == nil {
			return nil
		}
		return check(value)
	}}
}

func number(name string, fallback int, field func(*Config) *int, check func(int) error) key {
	return key{name, "integer", strconv.Itoa(fallback), func(c *Config, value string) error {
		n, err := strconv.Atoi(value)
		if err != nil {
			return fmt.Errorf("got %q, want a whole number", value)
		}
		*field(c) = n
		if check == nil {
			return nil
		}
		return check(n)
	}}
}

func flag(name string, fallback bool, field func(*Config) *bool) key {
	return key{name, "boolean", strconv.FormatBool(fallback), func(c *Config, value string) error {
		switch value {
		case "true", "false":
			*field(c) = value == "true"
			return nil
		}
		return fmt.Errorf("got %q, want true or false", value)
	}}
}

// prefixed puts a key before err, and keeps nil as nil.
func prefixed(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", name, err)
}

// unknownKeys reports every key under the project's namespace that is not ours,
// with the nearest one that is.
func unknownKeys(ctx *pulumi.Context, all []key) []error {
	var names []string
	for _, k := range all {
		names = append(names, k.name)
	}
	given, err := configKeys(ctx)
	if err != nil {
		return []error{err}
	}
	var errs []error
	for _, full := range given {
		name, ours := strings.CutPrefix(full, ctx.Project()+":")
		if !ours || slices.Contains(names, name) {
			continue
		}
		errs = append(errs, fmt.Errorf("%s: unknown key, did you mean %s? Pulumi.yaml lists all of them", name, nearest(name, names)))
	}
	return errs
}

// configKeys lists the keys of the whole configuration, sorted. The SDK looks up
// a key but does not list them, so this reads the names (never a value) from the
// context's own copy; reflection may read an unexported field. Where a later SDK
// keeps them elsewhere, the environment variable that the language host sets is
// the same list.
func configKeys(ctx *pulumi.Context) ([]string, error) {
	var names []string
	if values := contextConfig(ctx); values.IsValid() {
		for _, k := range values.MapKeys() {
			names = append(names, k.String())
		}
		sort.Strings(names)
		return names, nil
	}
	var values map[string]json.RawMessage
	if err := json.Unmarshal([]byte(os.Getenv(pulumi.EnvConfig)), &values); err != nil {
		return nil, fmt.Errorf("the list of configuration keys is not where this SDK keeps it, so unknown keys cannot be found: %w", err)
	}
	for name := range values {
		names = append(names, name)
	}
	sort.Strings(names)
	return names, nil
}

// contextConfig is the field ctx.state.info.Config, or the zero Value when this
// SDK has no such field.
func contextConfig(ctx *pulumi.Context) reflect.Value {
	v := reflect.ValueOf(ctx)
	for _, field := range []string{"state", "info", "Config"} {
		if v.Kind() == reflect.Pointer {
			v = v.Elem()
		}
		if v.Kind() != reflect.Struct {
			return reflect.Value{}
		}
		v = v.FieldByName(field)
	}
	if v.Kind() != reflect.Map || v.Type().Key().Kind() != reflect.String {
		return reflect.Value{}
	}
	return v
}

// nearest is the name that the fewest changed letters turn into got.
func nearest(got string, names []string) string {
	best, bestDistance := "", -1
	for _, name := range names {
		d := distance(strings.ToLower(got), strings.ToLower(name))
		if bestDistance < 0 || d < bestDistance {
			best, bestDistance = name, d
		}
	}
	return best
}

// distance is Levenshtein's: insertions, deletions and replacements.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
