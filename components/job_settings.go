package components

import (
	"errors"
	"fmt"

	"ds-pipeline/preprocess/contract"
)

// JobSettings are what the job finds in its environment, as its command line
// takes it: preprocess run --help tells more. What is "" is left to the job.
type JobSettings struct {
	InputFormat    string `pulumi:"inputFormat,optional"`    // csv, jsonl or parquet
	InputDelimiter string `pulumi:"inputDelimiter,optional"` // tab or one character
	InputEncoding  string `pulumi:"inputEncoding,optional"`  // such as latin-1
	NullValues     string `pulumi:"nullValues,optional"`     // texts that mean a missing value, with commas between them, or none
	MaxRecordBytes string `pulumi:"maxRecordBytes,optional"` // the longest record to accept
	MaxRejects     string `pulumi:"maxRejects,optional"`     // records that may be rejected before a run fails: 100 or 0.5%
	KeepColumns    string `pulumi:"keepColumns,optional"`    // input columns to copy, with commas between them

	// OutputFormat is csv or parquet, which makes the result processed/data.parquet.
	OutputFormat    string `pulumi:"outputFormat,optional"`
	OutputDelimiter string `pulumi:"outputDelimiter,optional"` // tab or one character
	Report          string `pulumi:"report,optional"`          // true or false: whether to write a report beside the result
	Checksum        string `pulumi:"checksum,optional"`        // crc64nvme or sha256: of inputs and result, in the manifest

	// What a script may take.
	ScriptMemoryMiB      string `pulumi:"scriptMemoryMiB,optional"`      // address space of each of its processes
	ScriptTimeoutSeconds string `pulumi:"scriptTimeoutSeconds,optional"` // for a batch
	ScriptNetwork        string `pulumi:"scriptNetwork,optional"`        // true or false: whether it may use the network
	PackageMaxFiles      string `pulumi:"packageMaxFiles,optional"`      // files and folders of its package
	PackageMaxMiB        string `pulumi:"packageMaxMiB,optional"`        // of the package, packed and unpacked
}

// field is where the setting with a key of contract.Settings stands; nil for none.
func (s *JobSettings) field(key string) *string {
	return map[string]*string{
		"inputFormat": &s.InputFormat, "inputDelimiter": &s.InputDelimiter, "inputEncoding": &s.InputEncoding,
		"nullValues": &s.NullValues, "maxRecordBytes": &s.MaxRecordBytes, "maxRejects": &s.MaxRejects,
		"keepColumns": &s.KeepColumns, "outputFormat": &s.OutputFormat, "outputDelimiter": &s.OutputDelimiter, "report": &s.Report, "checksum": &s.Checksum,
		"scriptMemoryMiB": &s.ScriptMemoryMiB, "scriptTimeoutSeconds": &s.ScriptTimeoutSeconds, "scriptNetwork": &s.ScriptNetwork,
		"packageMaxFiles": &s.PackageMaxFiles, "packageMaxMiB": &s.PackageMaxMiB,
	}[key]
}

// Set sets the setting with a key of contract.Settings.
func (s *JobSettings) Set(key, value string) { *s.field(key) = value }

func (s JobSettings) validate() error {
	var errs []error
	for _, setting := range contract.Settings() {
		if v := *s.field(setting.Key); v != "" {
			errs = append(errs, named(setting.Key, setting.Check(v)))
		}
	}
	return errors.Join(append(errs, CheckJobSettings(s))...)
}

// CheckJobSettings tells which settings, each right by itself, do not go
// together, by the keys of contract.Settings.
func CheckJobSettings(s JobSettings) error {
	var errs []error
	without := func(key, value, format string) {
		if value != "" {
			errs = append(errs, fmt.Errorf("%s: got %q, want none: %s", key, value, format))
		}
	}
	switch s.InputFormat {
	case "jsonl":
		without("inputDelimiter", s.InputDelimiter, "JSON lines have no delimiter")
	case "parquet":
		without("inputDelimiter", s.InputDelimiter, "Parquet has no delimiter")
		without("inputEncoding", s.InputEncoding, "Parquet has its own encoding")
	}
	if s.OutputFormat == "parquet" {
		without("outputDelimiter", s.OutputDelimiter, "Parquet has no delimiter")
	}
	return errors.Join(errs...)
}

// CheckScript tells what is set for a script, or for its package, that there is
// none of. stage is ScriptStage. name is what the author calls a field of
// ProcessingClusterArgs, such as ScriptKey or JobSettings.ScriptMemoryMiB.
//
// scriptNetwork "false" asks for nothing that would not be so without a script.
func CheckScript(scriptKey, packageKey, stage string, s JobSettings, name func(field string) string) error {
	var errs []error
	needs := func(field, missing string, set bool) {
		if set {
			errs = append(errs, fmt.Errorf("%s: set, but there is nothing to use it for; set %s too, or unset it", name(field), name(missing)))
		}
	}
	if scriptKey == "" {
		needs("PackageKey", "ScriptKey", packageKey != "")
		needs("ScriptStage", "ScriptKey", stage != "")
		needs("JobSettings.ScriptMemoryMiB", "ScriptKey", s.ScriptMemoryMiB != "")
		needs("JobSettings.ScriptTimeoutSeconds", "ScriptKey", s.ScriptTimeoutSeconds != "")
		needs("JobSettings.ScriptNetwork", "ScriptKey", s.ScriptNetwork == "true")
	}
	if packageKey == "" {
		needs("JobSettings.PackageMaxFiles", "PackageKey", s.PackageMaxFiles != "")
		needs("JobSettings.PackageMaxMiB", "PackageKey", s.PackageMaxMiB != "")
	}
	return errors.Join(errs...)
}

// environment is what the job finds.
func (s JobSettings) environment() []keyValue {
	var all []keyValue
	for _, setting := range contract.Settings() {
		if v := *s.field(setting.Key); v != "" {
			all = append(all, keyValue{setting.Env, v})
		}
	}
	return all
}
