// Package script runs a team's own code over a table, in batches: a Python file
// that defines transform(df) or process(rows), or any program that reads CSV and
// writes CSV. It runs as a process of its own with limits, and can import what a
// package holds. The package knows nothing of models. docs/scripts.md is the
// contract for those who write scripts.
package script
