package job

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"ds-pipeline/preprocess/contract"
	"ds-pipeline/preprocess/frame"
	"ds-pipeline/preprocess/manifest"
	"ds-pipeline/preprocess/model"
	"ds-pipeline/preprocess/report"
	"ds-pipeline/preprocess/storage"
)

// Drift is how many input columns differ from what the model was fitted on.
type Drift struct {
	Compared int // columns of which the model remembers something
	Small    int // columns whose largest difference is small
	Large    int
}

// Columns is how many columns have drifted.
func (d Drift) Columns() int { return d.Small + d.Large }

// statistics gathers what the report tells; nil gathers nothing.
type statistics struct {
	collector *report.Collector
}

// newStatistics starts the statistics of a pass. Kept columns are copies that
// no model has touched: they are not looked at.
func (p *runPass) newStatistics(pl *plan, program *model.Program) *statistics {
	if !p.Report || !hasFolder(p.Output) {
		return nil
	}
	config := report.Config{OutputNames: program.Names(), Follows: program.Follows(), ShowValues: p.ShowValues}
	references := pl.binding.References()
	for i, in := range pl.binding.Inputs() {
		config.Input = append(config.Input, report.InputColumn{Name: in.Name, Reference: references[i]})
	}
	return &statistics{report.NewCollector(config)}
}

// partial is the share of one worker, nil if nothing is gathered.
func (s *statistics) partial() *report.Partial {
	if s == nil {
		return nil
	}
	return s.collector.NewPartial()
}

// merge takes over a worker's share. Only one goroutine at a time may call it.
func (s *statistics) merge(p *report.Partial) error {
	if p == nil {
		return nil
	}
	if err := s.collector.Merge(p); err != nil {
		return fail(contract.ExitSoftware, "a fault in this program: %w", err)
	}
	return nil
}

// count adds a batch to the worker's share, but those of its records that are
// rejected.
func (w *worker) count(in, out []frame.Column, rows int, bad []bool, anyBad bool) error {
	if w.partial == nil {
		return nil
	}
	if !anyBad {
		bad = nil
	}
	err := w.partial.AddInput(in, rows, bad)
	if err == nil {
		err = w.partial.AddOutput(out, rows, bad)
	}
	if err != nil {
		return fail(contract.ExitSoftware, "a fault in this program: %w", err)
	}
	return nil
}

// hasFolder tells whether a file can be put beside u: it cannot beside a device
// or a pipe.
func hasFolder(u storage.URI) bool {
	if u.IsS3() {
		return true
	}
	info, err := os.Stat(u.Path)
	return err != nil || info.Mode().IsRegular()
}

// reportFile is the report beside the result. Nothing of it is visible before
// publish; nil is none.
type reportFile struct {
	uri    storage.URI
	upload storage.Upload
	sum    manifest.Checksum
}

// writeReport writes the report, unless there is to be none, and tells the log
// what has drifted, by name and size only. It is written before the result is
// published, so that little is left that can fail after that.
func (p *runPass) writeReport(ctx context.Context) (*reportFile, error) {
	if p.statistics == nil {
		return nil, nil //nolint:nilnil // there is none
	}
	now := time.Now()
	run := report.Run{
		Input: p.sum.Input, Model: p.sum.Model, Output: p.sum.Output,
		RowsIn: p.sum.RowsIn, RowsOut: p.sum.RowsOut, Rejected: p.sum.RowsRejected,
		Bytes: p.sum.BytesIn, Seconds: now.Sub(p.started).Seconds(), Finished: now,
	}
	if run.Rejected > 0 {
		run.Rejects = contract.RejectsName
	}
	r := p.statistics.collector.Report(run)
	p.sum.Drift = Drift{r.Drift.Compared, r.Drift.Small, r.Drift.Large}
	for _, f := range r.Drift.Findings {
		if f.Size != report.None {
			p.Log.Warn("drift", "column", f.Column, "measure", f.Measure, "size", string(f.Size), "step", f.Step)
		}
	}
	to := beside(p.Output, contract.ReportName)
	upload, err := p.store.Create(ctx, to, storage.Unchanged(p.before.report))
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	digest := manifest.SHA256.New()
	if err := report.WriteHTML(io.MultiWriter(upload, digest), r); err != nil {
		return nil, errors.Join(fmt.Errorf("report: %w", err), upload.Abort())
	}
	return &reportFile{to, upload, digest.Checksum()}, nil
}

// publish makes the report visible.
func (f *reportFile) publish() (storage.Info, error) {
	info, err := f.upload.Commit()
	if err != nil {
		return storage.Info{}, fmt.Errorf("report: %w", err)
	}
	return info, nil
}

// discard leaves nothing behind. After publish it does nothing.
func (f *reportFile) discard() error {
	if f == nil {
		return nil
	}
	return f.upload.Abort()
}
