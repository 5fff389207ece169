package stack

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"ds-pipeline/components"
	"ds-pipeline/internal/settings"
	"ds-pipeline/preprocess/contract"
)

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

// scriptKeys are the keys of the fields that components.CheckScript names.
var scriptKeys = map[string]string{
	"ScriptKey": "scriptKey", "PackageKey": "packageKey", "ScriptStage": "scriptStage",
	"JobSettings.ScriptMemoryMiB": "scriptMemoryMiB", "JobSettings.ScriptTimeoutSeconds": "scriptTimeoutSeconds", "JobSettings.ScriptNetwork": "scriptNetwork",
	"JobSettings.PackageMaxFiles": "packageMaxFiles", "JobSettings.PackageMaxMiB": "packageMaxMiB",
}

// checkScript checks what belongs to a script.
func checkScript(cfg Config) error {
	var errs []error
	errs = append(errs, components.CheckScript(cfg.ScriptKey, cfg.PackageKey, cfg.ScriptStage, cfg.JobSettings, func(field string) string {
		return scriptKeys[field]
	}))
	if strings.HasSuffix(strings.ToLower(cfg.ScriptKey), ".py") && cfg.Image == imageDefault {
		errs = append(errs, fmt.Errorf("image: got default, which has no Python for the script %s; want auto or python", cfg.ScriptKey))
	}
	return errors.Join(errs...)
}

// checkTogether checks values that may be right by themselves only. wrong holds
// the keys that were not even that.
//
// A key with another value than its default that can have no effect beside the
// others is wrong: whoever set it expects one. Some may stand without:
//
//   - scaleOut… while scaleOut is off, and scheduleExpression and scheduleTimezone
//     while scheduleEnabled is false: these are switches, which are turned off for
//     a while. What is set for them is checked nevertheless.
//   - scaleOut prefix with an inputKey that is one object, or object with a prefix:
//     an execution may name another input.
//   - image with imageUri, and image python without a script: a finished image is
//     set for one deployment, for a rollback or to take to prod what was built for
//     dev, and the image that is built in dev may be for a prod that has a script.
//   - notifySuccess without an address: others subscribe to the topic, an output.
func checkTogether(cfg Config, wrong map[string]bool) error {
	var errs []error
	errs = append(errs, components.CheckJobSettings(cfg.JobSettings))
	if cfg.JobSettings.Report == "false" && cfg.AlarmDriftedColumns > 0 {
		errs = append(errs, fmt.Errorf("alarmDriftedColumns: got %d without reports, want 0: they find the drift", cfg.AlarmDriftedColumns))
	}
	errs = append(errs, checkScript(cfg))
	if !wrong["taskMemoryMiB"] {
		errs = append(errs, settings.Prefixed("taskMemoryMiB", components.CheckTaskMemory(cfg.TaskCPU, cfg.TaskMemoryMiB)))
	}
	if cfg.spot() && !wrong["taskAttempts"] {
		errs = append(errs, settings.Prefixed("taskAttempts", components.CheckSpotAttempts(cfg.TaskAttempts)))
	}
	errs = append(errs, checkScale(cfg, wrong))
	if cfg.ScheduleTimezone != "" && !wrong["scheduleTimezone"] && !wrong["scheduleExpression"] {
		errs = append(errs, settings.Prefixed("scheduleExpression", components.CheckZonedSchedule(cfg.ScheduleExpression, cfg.ScheduleTimezone)))
	}
	errs = append(errs, checkAlarms(cfg, wrong))
	if cfg.ProtectData && cfg.ForceDestroyData {
		errs = append(errs, errors.New("forceDestroyData: got true together with protectData, want one of them at most"))
	}
	errs = append(errs, checkLifecycles(cfg, wrong), checkNetwork(cfg, wrong), checkKey(cfg, wrong), checkPlace(cfg, wrong))
	return errors.Join(errs...)
}

// checkAlarms reports what needs alarms, where there are none.
func checkAlarms(cfg Config, wrong map[string]bool) error {
	if cfg.Alarms || wrong["alarms"] {
		return nil
	}
	var errs []error
	number := func(key string, got int, why string) {
		if got != 0 && !wrong[key] {
			errs = append(errs, fmt.Errorf("%s: got %d without alarms, want 0: %s", key, got, why))
		}
	}
	number("alarmRejectedPercent", cfg.AlarmRejectedPercent, "it is one of them")
	number("alarmDriftedColumns", cfg.AlarmDriftedColumns, "it is one of them")
	number("monthlyBudgetUSD", cfg.MonthlyBudgetUSD, "it tells whom they tell")
	if cfg.Dashboard {
		errs = append(errs, errors.New("dashboard: got true without alarms, want false: both or the alarms alone"))
	}
	return errors.Join(errs...)
}

// scaleOff is scaleOut of a stack whose runs are one task.
const scaleOff = "off"

func checkScaleOut(source string) error {
	if source == scaleOff {
		return nil
	}
	if err := components.CheckScaleSource(source); err != nil {
		return fmt.Errorf("%w, or %s", err, scaleOff)
	}
	return nil
}

// scaleKeys are the keys of the fields of components.ScaleOut.
var scaleKeys = map[string]string{
	"Source": "scaleOut", "ObjectsPerTask": "scaleOutObjects", "RangeMiB": "scaleOutRangeMiB", "MaxConcurrency": "scaleOutConcurrency",
	"ToleratedPercent": "scaleOutToleratedPercent", "Spot": "scaleOutSpot", "Hours": "scaleOutHours", "InventoryKey": "scaleOutInventoryKey",
}

// scaleOut is the configuration as the components know it.
func (c Config) scaleOut() components.ScaleOut {
	if c.ScaleSource == scaleOff {
		return components.ScaleOut{}
	}
	return components.ScaleOut{
		Source: c.ScaleSource, ObjectsPerTask: c.ScaleObjects, RangeMiB: c.ScaleRangeMiB, ToleratedPercent: c.ScaleToleratedPercent, Spot: c.ScaleSpot, Hours: c.ScaleHours, InventoryKey: c.ScaleInventoryKey,
		MaxConcurrency: cmp.Or(c.ScaleConcurrency, components.ScaleConcurrency(c.ScaleVCPUs, c.TaskCPU)),
	}
}

// spot is whether any task runs on Spot capacity.
func (c Config) spot() bool { return c.UseSpot || c.ScaleSource != scaleOff && c.ScaleSpot }

// checkScale checks the keys of a run that is spread, each by itself and with
// others, also while scaleOut is off: what is wrong would else be found on the day
// on which it is needed.
func checkScale(cfg Config, wrong map[string]bool) error {
	s := cfg.scaleOut()
	if cfg.ScaleSource == scaleOff || wrong["scaleOut"] {
		on := cfg
		on.ScaleSource = contract.ScaleSourcePrefix
		if cfg.ScaleInventoryKey != "" {
			on.ScaleSource = contract.ScaleSourceInventory
		}
		s = on.scaleOut()
	}
	var errs []error
	concurrency := s.MaxConcurrency
	usual := defaults()
	if s.MaxConcurrency < 1 { // told below, by the key that makes it so
		s.MaxConcurrency = 1
	}
	errs = append(errs, components.CheckScaleOut(s, func(field string) string { return scaleKeys[field] }))
	if cfg.ScaleSource == scaleOff || wrong["scaleOut"] {
		return errors.Join(errs...)
	}
	if concurrency < 1 && !wrong["scaleOutVcpus"] && !wrong["scaleOutConcurrency"] && !wrong["taskCpu"] {
		errs = append(errs, fmt.Errorf("scaleOutVcpus: got %d, want %d or more: one task has %d CPU units", cfg.ScaleVCPUs, (cfg.TaskCPU+1023)/1024, cfg.TaskCPU))
	}
	if components.CheckScaleOut(s, func(string) string { return "" }) == nil && !wrong["outputAbortUploadDays"] {
		errs = append(errs, settings.Prefixed("outputAbortUploadDays", components.CheckUploadsOutlast(cfg.OutputLifecycle.AbortDays, cfg.ScaleHours)))
	}
	switch share := cfg.ScaleConcurrency * cfg.TaskCPU; {
	case cfg.ScaleVCPUs == usual.ScaleVCPUs || share <= cfg.ScaleVCPUs*1024 || wrong["scaleOutVcpus"] || wrong["scaleOutConcurrency"] || wrong["taskCpu"]:
	default:
		errs = append(errs, fmt.Errorf("scaleOutVcpus: got %d, want %d or more: scaleOutConcurrency lets %d tasks of %d CPU units run at once; 0 there lets as many as scaleOutVcpus allows",
			cfg.ScaleVCPUs, (share+1023)/1024, cfg.ScaleConcurrency, cfg.TaskCPU))
	}
	if cfg.ScaleSource == contract.ScaleSourceObject {
		errs = append(errs, checkCut(cfg.JobSettings))
		if cfg.ScaleObjects != usual.ScaleObjects {
			errs = append(errs, fmt.Errorf("scaleOutObjects: got %d with scaleOut object, want none: a task gets one range", cfg.ScaleObjects))
		}
	} else if cfg.ScaleRangeMiB != usual.ScaleRangeMiB {
		errs = append(errs, fmt.Errorf("scaleOutRangeMiB: got %d with scaleOut %s, want none: only scaleOut object cuts an object into ranges", cfg.ScaleRangeMiB, cfg.ScaleSource))
	}
	if cfg.NetworkMode != components.NetworkExisting && !wrong["networkMode"] && !wrong["networkCidr"] {
		errs = append(errs, settings.Prefixed("networkCidr", components.CheckNetworkRoom(cfg.NetworkCIDR, s.MaxConcurrency)))
	}
	if cfg.ScriptKey != "" {
		errs = append(errs, fmt.Errorf("scaleOut: got %s with a script, want %s: a script sees all records of a run", cfg.ScaleSource, scaleOff))
	}
	return errors.Join(errs...)
}

// checkCut reports settings with which no object can be cut into ranges.
func checkCut(s components.JobSettings) error {
	var errs []error
	for _, setting := range []struct {
		key, got string
		ok       []string
	}{
		{"inputFormat", s.InputFormat, []string{"", "csv", "jsonl"}},
		{"inputEncoding", s.InputEncoding, []string{"", "utf-8"}},
		{"outputFormat", s.OutputFormat, []string{"", "csv"}},
	} {
		if !slices.Contains(setting.ok, setting.got) {
			errs = append(errs, fmt.Errorf("%s: got %s with scaleOut object, want %s: of no other an object can be cut into ranges", setting.key, setting.got, strings.Join(setting.ok[1:], " or ")))
		}
	}
	return errors.Join(errs...)
}

var suffixPattern = regexp.MustCompile(`^-?[a-z0-9]+(-[a-z0-9]+)*$`)

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
	cidr := c.NetworkCIDR
	if c.NetworkMode == components.NetworkExisting && cidr == defaults().NetworkCIDR {
		cidr = "" // nobody chose it
	}
	return components.Network{
		Mode: c.NetworkMode, CIDR: cidr, EgressPerZone: c.EgressPerZone, FlowLogGroupName: flowLogGroup,
		VPCID: c.VPCID, SubnetIDs: settings.SplitList(c.SubnetIDs), AssignPublicIP: c.AssignPublicIP,
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
	return components.CheckNetwork(cfg.network("flow"), func(field string) string { return networkKeys[field] })
}

// checkPlace checks what has to be in the account, the region or its partition.
func checkPlace(cfg Config, wrong map[string]bool) error {
	known := components.CheckRegion(cfg.Region) == nil
	if !known {
		return nil
	}
	var errs []error
	if cfg.AccountID != "" && !wrong["accountId"] && !wrong["resourceSuffix"] && components.CheckEnvironment(cfg.Environment) == nil {
		place := components.Place{AccountID: cfg.AccountID, Region: cfg.Region}
		errs = append(errs, components.CheckBucketNames(cfg.Environment, place, cfg.ResourceSuffix))
	}
	if cfg.ImageURI != "" && !wrong["imageUri"] && !wrong["networkMode"] {
		errs = append(errs, settings.Prefixed("imageUri", components.CheckImagePlace(cfg.ImageURI, cfg.Region, cfg.NetworkMode)))
	}
	if !wrong["notificationSubscriptions"] {
		errs = append(errs, settings.Prefixed("notificationSubscriptions",
			components.CheckAudience(cfg.NotificationEmail, settings.SplitList(cfg.NotificationSubscriptions), cfg.Region)))
	}
	if cfg.MonthlyBudgetUSD > 0 && !wrong["monthlyBudgetUSD"] {
		errs = append(errs, settings.Prefixed("monthlyBudgetUSD", components.CheckBudget(cfg.MonthlyBudgetUSD, cfg.Region)))
	}
	if cfg.PermissionsBoundaryArn != "" && !wrong["permissionsBoundaryArn"] {
		errs = append(errs, settings.Prefixed("permissionsBoundaryArn", checkBoundary(cfg, wrong)))
	}
	return errors.Join(errs...)
}

// checkBoundary reports a boundary that no role of the account can have.
func checkBoundary(cfg Config, wrong map[string]bool) error {
	if err := components.CheckPartition(cfg.PermissionsBoundaryArn, cfg.Region); err != nil {
		return err
	}
	owner := policyArnPattern.FindStringSubmatch(cfg.PermissionsBoundaryArn)[2]
	if cfg.AccountID != "" && !wrong["accountId"] && owner != cfg.AccountID && owner != "aws" {
		return fmt.Errorf("got a policy of account %s, want one of %s, whose roles it bounds", owner, cfg.AccountID)
	}
	return nil
}

func checkNetworkMode(text string) error {
	return components.CheckNetworkMode(components.NetworkMode(text))
}

func checkSubnetIDs(text string) error {
	return components.CheckSubnetIDs(settings.SplitList(text))
}

// checkKey checks the key against the region, and that it is asked for.
func checkKey(cfg Config, wrong map[string]bool) error {
	if wrong["encryption"] {
		return nil
	}
	var errs []error
	switch {
	case cfg.KMSKeyArn == "":
	case cfg.Encryption != customerKey:
		errs = append(errs, fmt.Errorf("kmsKeyArn: got a key with encryption %s, want encryption %s, or no key", cfg.Encryption, customerKey))
	default:
		errs = append(errs, settings.Prefixed("kmsKeyArn", components.CheckKMSKeyArn(cfg.KMSKeyArn, cfg.Region)))
	}
	if created := cfg.Encryption == customerKey && cfg.KMSKeyArn == ""; !created && !wrong["keyDeletionDays"] && cfg.KeyDeletionDays != defaults().KeyDeletionDays {
		errs = append(errs, fmt.Errorf("keyDeletionDays: got %d for a key that the stack creates, want none: it creates one only with encryption %s and without kmsKeyArn", cfg.KeyDeletionDays, customerKey))
	}
	return errors.Join(errs...)
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
	return components.CheckSubscriptions(settings.SplitList(text))
}

func upTo(high int) func(int) error {
	return func(n int) error { return components.CheckRange(n, 1, high) }
}

// upToOrNone accepts 0 for "none".
func upToOrNone(high int) func(int) error {
	return func(n int) error { return components.CheckRange(n, 0, high) }
}
