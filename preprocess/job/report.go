package job

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
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
	config := report.Config{OutputNames: program.Names(), Follows: program.Follows(), ShowValues: p.ShowValues, Portable: p.part != nil || p.merged}
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

// statisticsSuffix ends the names of files of statistics.
const statisticsSuffix = ".statistics"

// holdStatistics keeps the statistics of a part for the merge; nil for none.
func (p *runPass) holdStatistics(ctx context.Context) (*manifest.Object, error) {
	if p.statistics == nil {
		return nil, nil //nolint:nilnil // there are none
	}
	text, err := p.statistics.collector.Encode()
	if err != nil {
		return nil, fail(contract.ExitSoftware, "report: %w; --no-report runs without", err)
	}
	info, err := writeText(ctx, p.store, p.part.counted, text, storage.Condition{})
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	o := described(info, sum(text))
	return &o, nil
}

// mergeStatistics gathers the statistics of the parts that are part of the
// result, a few at a time, in their order.
func (m *merge) mergeStatistics(ctx context.Context, pass *runPass) error {
	pl, err := m.bind()
	if err != nil {
		return err
	}
	kinds := make([]frame.Kind, len(m.first.Kinds)) // which all parts have
	for i, k := range m.first.Kinds {
		kinds[i] = k.Kind
	}
	program, err := pl.binding.Compile(kinds)
	if err != nil {
		return fail(contract.ExitData, "model %s: %w", m.Model, err)
	}
	if pass.statistics = pass.newStatistics(pl, program); pass.statistics == nil {
		return nil
	}
	rows := int64(0)
	for some := range slices.Chunk(m.all, mergeAtOnce) {
		partials := make([]*report.Partial, len(some))
		if err := each(ctx, len(some), len(some), func(ctx context.Context, i int) error {
			o := some[i].statistics
			if o == nil {
				return nil
			}
			u, err := storage.ParseURI(o.URI)
			if err != nil {
				return err
			}
			text, err := m.store.ReadAll(ctx, u, report.MaxEncodedBytes)
			if err != nil {
				return fmt.Errorf("report: %w", err)
			}
			if sum(text) != o.Checksum {
				return fail(contract.ExitData, "report: %s is not what its part has written; start the run again", u)
			}
			if partials[i], err = pass.statistics.collector.DecodePartial(text); err != nil {
				return fail(contract.ExitData, "report: %s: %w", u, err)
			}
			return nil
		}); err != nil {
			return err
		}
		for _, p := range partials {
			if p != nil {
				rows += p.Rows()
			}
			if err := pass.statistics.merge(p); err != nil {
				return err
			}
		}
	}
	if rows != m.total.rows.Out {
		return fail(contract.ExitSoftware, "report: the parts have statistics of %d records, but %d are in the result: a fault in this program; nothing was published", rows, m.total.rows.Out)
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
