package main

import (
	"encoding/json"
	"io"
	"time"

	"ds-pipeline/preprocess/console"
	"ds-pipeline/preprocess/job"
)

// printVerification says a line of each object, and what the run was.
func printVerification(out io.Writer, v job.Verification) error {
	w := &lines{w: out}
	for _, o := range v.Objects {
		state := "same"
		if o.Problem != "" {
			state = "DIFFERS"
		}
		w.printf("%-8s  %-10s  %s (%s)", state, o.Name, o.URI, console.Size(o.Size))
	}
	m, of := v.Run, ""
	if m.Period != "" {
		of = " of " + m.Period
	}
	w.printf("run%s   published %s by %s", of, m.Finished.UTC().Format(time.RFC3339), m.Job.Version)
	w.printf("rows      %s in, %s out, %s rejected", console.Thousands(m.Rows.In), console.Thousands(m.Rows.Out), console.Thousands(m.Rows.Rejected))
	return w.err
}

func printVerificationJSON(out io.Writer, v job.Verification) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
