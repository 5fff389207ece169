package job

import (
	"encoding/json"
	"time"

	"ds-pipeline/preprocess/contract"
)

// Metrics is the line of log that gives CloudWatch the metrics of a run, in its
// embedded metric format, with a line end. Of a run that failed it has what was
// read, as nothing was published. It is nil if nothing was read or done, or without an
// environment to tell the metrics apart by.
func Metrics(environment string, s Summary, err error, now time.Time) []byte {
	if environment == "" || s.Input == "" || s.Repeated {
		return nil
	}
	values := map[string]float64{
		contract.MetricRowsIn:       float64(s.RowsIn),
		contract.MetricRowsRejected: float64(s.RowsRejected),
		contract.MetricBytesIn:      float64(s.BytesIn),
		contract.MetricSeconds:      s.Elapsed.Seconds(),
	}
	if s.RowsIn > 0 {
		values[contract.MetricRejectedShare] = 100 * float64(s.RowsRejected) / float64(s.RowsIn)
	}
	if err == nil {
		values[contract.MetricRowsOut] = float64(s.RowsOut)
		values[contract.MetricBytesOut] = float64(s.BytesText)
		if s.Report != "" {
			values[contract.MetricDriftedColumns] = float64(s.Drift.Columns())
		}
	}

	type definition struct {
		Name string
		Unit string
	}
	type directive struct {
		Namespace  string
		Dimensions [][]string
		Metrics    []definition
	}
	d := directive{Namespace: contract.MetricNamespace, Dimensions: [][]string{{contract.MetricDimension}}}
	line := map[string]any{contract.MetricDimension: environment}
	for _, m := range contract.Metrics() {
		if v, ok := values[m.Name]; ok {
			d.Metrics = append(d.Metrics, definition{m.Name, m.Unit})
			line[m.Name] = v
		}
	}
	line["_aws"] = struct {
		Timestamp         int64 // milliseconds
		CloudWatchMetrics []directive
	}{now.UnixMilli(), []directive{d}}
	text, err := json.Marshal(line)
	if err != nil {
		return nil // not with numbers and texts
	}
	return append(text, '\n')
}
