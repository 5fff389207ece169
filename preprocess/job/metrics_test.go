package job

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"ds-pipeline/preprocess/contract"
)

// units are those of CloudWatch's MetricDatum.
var units = []string{
	"Seconds", "Microseconds", "Milliseconds",
	"Bytes", "Kilobytes", "Megabytes", "Gigabytes", "Terabytes", "Bits", "Kilobits", "Megabits", "Gigabits", "Terabits",
	"Percent", "Count",
	"Bytes/Second", "Kilobytes/Second", "Megabytes/Second", "Gigabytes/Second", "Terabytes/Second",
	"Bits/Second", "Kilobits/Second", "Megabits/Second", "Gigabits/Second", "Terabits/Second",
	"Count/Second", "None",
}

// checkEMF checks what CloudWatch's specification of the embedded metric format requires.
func checkEMF(t *testing.T, line []byte) map[string]any {
	t.Helper()
	if len(line) == 0 || slices.Index(line, '\n') != len(line)-1 || len(line) > 1<<20 {
		t.Fatalf("want one line of at most 1 MB: %q", line)
	}
	var all map[string]any
	var meta struct {
		AWS struct {
			Timestamp         *int64
			CloudWatchMetrics []struct {
				Namespace  string
				Dimensions [][]string
				Metrics    []struct{ Name, Unit string }
			}
		} `json:"_aws"`
	}
	if err := errors.Join(json.Unmarshal(line, &all), json.Unmarshal(line, &meta)); err != nil {
		t.Fatal(err)
	}
	if meta.AWS.Timestamp == nil || len(meta.AWS.CloudWatchMetrics) != 1 {
		t.Fatalf("want a timestamp and one directive: %s", line)
	}
	d := meta.AWS.CloudWatchMetrics[0]
	if d.Namespace == "" || len(d.Namespace) > 1024 || len(d.Metrics) == 0 || len(d.Metrics) > 100 || len(d.Dimensions) == 0 {
		t.Errorf("directive: %+v", d)
	}
	for _, set := range d.Dimensions {
		for _, dimension := range set {
			if v, ok := all[dimension].(string); !ok || v == "" || len(v) > 1024 {
				t.Errorf("dimension %s: got %v", dimension, all[dimension])
			}
		}
	}
	for _, m := range d.Metrics {
		if _, ok := all[m.Name].(float64); !ok || !slices.Contains(units, m.Unit) {
			t.Errorf("metric %+v: got %v", m, all[m.Name])
		}
	}
	if len(all) != len(d.Metrics)+2 {
		t.Errorf("members that are neither metric nor dimension: %s", line)
	}
	return all
}

var metricsSummary = Summary{Input: "in", Report: "report.html", RowsIn: 200, RowsOut: 190, RowsRejected: 10, BytesIn: 4000, BytesText: 3000, BytesOut: 1000,
	Elapsed: 1500 * time.Millisecond, Drift: Drift{Compared: 5, Small: 1, Large: 2}}

func TestMetrics_followTheSpecification(t *testing.T) {
	got := checkEMF(t, Metrics("prod", metricsSummary, nil, time.UnixMilli(1700000000123)))
	want := map[string]float64{contract.MetricRowsIn: 200, contract.MetricRowsOut: 190, contract.MetricRowsRejected: 10, contract.MetricRejectedShare: 5,
		contract.MetricBytesIn: 4000, contract.MetricBytesOut: 3000, contract.MetricSeconds: 1.5, contract.MetricDriftedColumns: 3}
	for _, m := range contract.Metrics() {
		if got[m.Name] != want[m.Name] {
			t.Errorf("%s: got %v, want %v", m.Name, got[m.Name], want[m.Name])
		}
	}
	if got["_aws"].(map[string]any)["Timestamp"] != 1700000000123.0 || got[contract.MetricDimension] != "prod" {
		t.Errorf("got %v", got)
	}
}

func TestMetrics_ofAFailedRunAreWhatIsKnown(t *testing.T) {
	got := checkEMF(t, Metrics("dev", metricsSummary, errors.New("refused"), time.Now()))
	for _, name := range []string{contract.MetricRowsOut, contract.MetricBytesOut, contract.MetricDriftedColumns} {
		if v, ok := got[name]; ok {
			t.Errorf("%s: got %v, and nothing was published", name, v)
		}
	}
	if got[contract.MetricRowsIn] != 200.0 {
		t.Error("rows in are missing")
	}
}

func TestMetrics_needAnEnvironment(t *testing.T) {
	if line := Metrics("", metricsSummary, nil, time.Now()); line != nil {
		t.Errorf("got %s", line)
	}
	if line := Metrics("prod", Summary{}, errors.New("settings"), time.Now()); line != nil {
		t.Errorf("got %s", line)
	}
}
