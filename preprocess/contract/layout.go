package contract

import (
	"fmt"
	"regexp"
	"strings"
)

// What a run publishes beside its result, in the same folder.
const (
	// ManifestName is written last: where it is, the run is complete.
	ManifestName = "manifest.json"
	ReportName   = "report.html"
	// RejectsName exists only if records were rejected. It is CSV: input, line,
	// column, reason, and the record's original bytes.
	RejectsName = "rejects.csv"
)

var periodPattern = regexp.MustCompile(`^[0-9]{4}-(0[1-9]|1[0-2])$`)

// CheckPeriod is an error unless period is a month such as 2026-11.
func CheckPeriod(period string) error {
	if !periodPattern.MatchString(period) {
		return fmt.Errorf("period %q: want a year and a month, such as 2026-11", period)
	}
	return nil
}

// PeriodKey is where the result of a period is, given the key or path of the
// newest result: processed/data.csv of 2026-11 is
// processed/period=2026-11/data.csv.
func PeriodKey(outputKey, period string) string {
	return Beside(outputKey, "period="+period+"/"+outputKey[strings.LastIndexByte(outputKey, '/')+1:])
}

// Beside is the key or path of name in the folder of key.
func Beside(key, name string) string {
	return key[:strings.LastIndexByte(key, '/')+1] + name
}
