// Package contract names what the infrastructure and the job share: exit
// statuses, parameters, environment variables and object keys. It imports
// nothing of this project, so that both sides can import it.
package contract

// DefaultParameterPrefix is where the job's parameters live in Parameter Store.
const DefaultParameterPrefix = "/ds/preprocessing/"

// EnvParameterPrefix names the environment variable that overrides
// DefaultParameterPrefix. Its value starts and ends with a slash.
const EnvParameterPrefix = "DS_PARAMETER_PREFIX"

// Environment variables that beat the parameters. The first five hold whole
// URIs (s3://bucket/key or a path) and beat the variables of a bucket or a key.
const (
	EnvInput      = "DS_INPUT"
	EnvModel      = "DS_MODEL"
	EnvOutput     = "DS_OUTPUT"
	EnvScript     = "DS_SCRIPT"
	EnvPackage    = "DS_PACKAGE"
	EnvKeep       = "DS_KEEP"
	EnvNullValues = "DS_NULL_VALUES"
	EnvWorkers    = "DS_WORKERS"

	// EnvPeriod is the month that a run is for, such as 2026-11, as the pipeline
	// was told; "" for none.
	EnvPeriod = "DS_PERIOD"

	// EnvImage is the digest of the container's image, as the manifest tells it.
	EnvImage = "DS_IMAGE"

	EnvInputFormat     = "DS_INPUT_FORMAT"
	EnvOutputFormat    = "DS_OUTPUT_FORMAT"
	EnvDelimiter       = "DS_DELIMITER"
	EnvOutputDelimiter = "DS_OUTPUT_DELIMITER"
	EnvEncoding        = "DS_ENCODING"

	// EnvReport is true or false: whether a run writes a report.
	EnvReport = "DS_REPORT"

	// EnvChecksum is how the checksums of inputs and result are computed: crc64nvme
	// or sha256.
	EnvChecksum = "DS_CHECKSUM"

	// EnvForce is true or false: whether a run of a period is done again although
	// the same one is complete.
	EnvForce = "DS_FORCE"

	// EnvMaxRecordBytes bounds a record, and with it the memory.
	EnvMaxRecordBytes = "DS_MAX_RECORD_BYTES"

	// EnvPython is the interpreter of a script that is a .py file.
	EnvPython = "DS_PYTHON"

	// Limits of a script and of its package.
	EnvScriptMemory    = "DS_SCRIPT_MEMORY_MIB"
	EnvScriptTimeout   = "DS_SCRIPT_TIMEOUT_SECONDS"
	EnvScriptNetwork   = "DS_SCRIPT_NETWORK" // true or false: whether it may use the network
	EnvPackageMaxFiles = "DS_PACKAGE_MAX_FILES"
	EnvPackageMaxMiB   = "DS_PACKAGE_MAX_MIB"

	// EnvMaxRejects is how many records may be rejected before a run fails: a
	// count such as 100 or a share such as 0.5%.
	EnvMaxRejects = "DS_MAX_REJECTS"
)

// Parameter is one setting of the job: the last part of its name in Parameter
// Store and the environment variable that beats it.
type Parameter struct {
	Name     string // below the prefix: "input-bucket"
	Env      string // "DS_INPUT_BUCKET"
	Required bool
	Default  string // what the infrastructure stores unless configured; "" for none
	About    string
}

// Names of the parameters.
const (
	InputBucket    = "input-bucket"
	OutputBucket   = "output-bucket"
	ArtifactBucket = "artifact-bucket"
	InputKey       = "input-key"
	ModelKey       = "model-key"
	ScriptKey      = "script-key"
	PackageKey     = "package-key"
	ScriptStage    = "script-stage"
)

// What ScriptStage may be: when the script runs.
const (
	ScriptBefore = "before" // its input is the run's, and its result goes to the model
	ScriptAfter  = "after"  // its input is the model's result
)

// ImageSetting is the key in the stack's configuration that chooses an image with
// Python.
const ImageSetting = "image"

// Parameters lists every parameter the job reads, in the order it reports them.
func Parameters() []Parameter {
	return []Parameter{
		{Name: InputBucket, Env: "DS_INPUT_BUCKET", Required: true, About: "bucket that receives the input"},
		{Name: OutputBucket, Env: "DS_OUTPUT_BUCKET", Required: true, About: "bucket that receives the result"},
		{Name: ArtifactBucket, Env: "DS_ARTIFACT_BUCKET", Required: true, About: "bucket of models, scripts and packages"},
		{Name: InputKey, Env: "DS_INPUT_KEY", Required: true, Default: DefaultInputKey, About: "input object in the input bucket"},
		{Name: ModelKey, Env: "DS_MODEL_KEY", Required: true, Default: DefaultModelKey, About: "model in the artifact bucket"},
		{Name: ScriptKey, Env: "DS_SCRIPT_KEY", About: "script in the artifact bucket"},
		{Name: PackageKey, Env: "DS_PACKAGE_KEY", About: "package in the artifact bucket"},
		{Name: ScriptStage, Env: "DS_SCRIPT_STAGE", About: "when the script runs: before or after the model"},
	}
}

// Object keys.
const (
	DefaultInputKey   = "raw/monthly_data.csv"
	DefaultModelKey   = "models/preprocessing_model.pkl"
	DefaultScriptKey  = "scripts/custom_preprocessing.py"
	DefaultPackageKey = "packages/custom_package.tar.gz"

	// OutputPrefix is the only place in the output bucket the job writes to.
	OutputPrefix = "processed/"
	// OutputKey is the result.
	OutputKey = OutputPrefix + "data.csv"
	// ParquetOutputKey is the result if it is to be Parquet.
	ParquetOutputKey = OutputPrefix + "data.parquet"
)
