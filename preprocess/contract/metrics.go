package contract

// MetricNamespace holds the metrics that a run writes into its log in
// CloudWatch's embedded metric format.
const MetricNamespace = "DSPipeline"

// MetricDimension is the only dimension of a metric; its value is the
// environment (EnvEnvironment), such as prod.
const MetricDimension = "Environment"

// EnvEnvironment names the environment variable with the value of
// MetricDimension. Without it no metrics are written.
const EnvEnvironment = "DS_ENVIRONMENT"

// Metric is one metric of a run, written once at the run's end.
type Metric struct {
	Name  string
	Unit  string // as CloudWatch spells it
	About string
}

// Names of the metrics.
const (
	MetricRowsIn         = "RowsIn"
	MetricRowsOut        = "RowsOut"
	MetricRowsRejected   = "RowsRejected"
	MetricRejectedShare  = "RejectedShare"
	MetricBytesIn        = "BytesIn"
	MetricBytesOut       = "BytesOut"
	MetricSeconds        = "Seconds"
	MetricDriftedColumns = "DriftedColumns"
)

// Metrics lists every metric of a run.
func Metrics() []Metric {
	return []Metric{
		{MetricRowsIn, "Count", "records read"},
		{MetricRowsOut, "Count", "records written"},
		{MetricRowsRejected, "Count", "records rejected"},
		{MetricRejectedShare, "Percent", "rejected records, of those read"},
		{MetricBytesIn, "Bytes", "input, unpacked"},
		{MetricBytesOut, "Bytes", "result, before compression"},
		{MetricSeconds, "Seconds", "duration of the run"},
		{MetricDriftedColumns, "Count", "columns that differ from what the model was fitted on"},
	}
}
