package job

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"ds-pipeline/preprocess/contract"
	"ds-pipeline/preprocess/manifest"
	"ds-pipeline/preprocess/report"
	"ds-pipeline/preprocess/storage"
)

// place is a result and what stands beside it, as they were when a run began.
type place struct {
	output, rejects, report, manifest storage.Info
	last                              *manifest.Manifest // of the run before; nil for none
}

// look looks at a place, and refuses one where something of others would be
// overwritten.
func look(ctx context.Context, store *storage.Store, u storage.URI) (*place, error) {
	p := &place{}
	var err error
	if p.output, err = store.Stat(ctx, u); err != nil {
		return nil, fmt.Errorf("output: %w", err)
	}
	if p.rejects, err = own(ctx, store, beside(u, contract.RejectsName), rejectsHeader); err != nil {
		return nil, fmt.Errorf("rejects: %w", err)
	}
	if p.report, err = own(ctx, store, beside(u, contract.ReportName), report.Generator); err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	if p.manifest, err = store.Stat(ctx, beside(u, contract.ManifestName)); err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	if p.manifest.Exists {
		text, err := store.ReadAll(ctx, p.manifest.URI, manifest.MaxBytes)
		if err != nil {
			return nil, fmt.Errorf("manifest: %w", err)
		}
		m, err := manifest.Read(text)
		if err != nil {
			return nil, fmt.Errorf("manifest: %w", foreign(p.manifest.URI, err))
		}
		p.last = &m
	}
	return p, nil
}

// ownBytes is how much of a file is looked at to see who wrote it.
const ownBytes = 4 << 10

// own looks at what a run may replace, and refuses what does not have the mark
// of this program.
func own(ctx context.Context, store *storage.Store, u storage.URI, mark string) (storage.Info, error) {
	info, err := store.Stat(ctx, u)
	if err != nil || !info.Exists {
		return info, err
	}
	o, err := store.Open(ctx, u)
	if err != nil {
		return info, err
	}
	defer func() { _ = o.Close() }()
	r, err := o.Reader(ctx)
	if err != nil {
		return info, err
	}
	defer func() { _ = r.Close() }()
	head := make([]byte, ownBytes)
	n, err := io.ReadFull(r, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return info, err
	}
	if !bytes.Contains(head[:n], []byte(mark)) {
		return info, foreign(u, errors.New("was not written by this program"))
	}
	return info, nil
}

// foreign refuses to overwrite something of others.
func foreign(u storage.URI, why error) error {
	return fail(contract.ExitConfig, "%s would be overwritten, but %w; want an output in another folder, or move that away", u, why)
}

// target is where the result goes: to the folder of its period, if it has one.
func (s Settings) target() storage.URI {
	switch {
	case s.Period == "" || s.Output == storage.URI{}:
		return s.Output
	case s.Output.IsS3():
		return storage.URI{Bucket: s.Output.Bucket, Key: contract.PeriodKey(s.Output.Key, s.Period)}
	}
	return storage.URI{Path: contract.PeriodKey(s.Output.Path, s.Period)}
}

// writes lists all that a run may write.
func (s Settings) writes() []storage.URI {
	var all []storage.URI
	if s.Output == (storage.URI{}) {
		return nil
	}
	for _, u := range []storage.URI{s.Output, s.target()} {
		all = append(all, u, beside(u, contract.RejectsName), beside(u, contract.ReportName), beside(u, contract.ManifestName))
	}
	return all
}

// recorded are the settings as a manifest has them.
func (s Settings) recorded() manifest.Settings {
	r := manifest.Settings{
		Input:           s.Input.String(),
		InputFormat:     "csv",
		OutputFormat:    "csv",
		Encoding:        string(s.Encoding),
		NullValues:      append([]string{}, s.Nulls...),
		Keep:            append([]string{}, s.Keep...),
		OutputDelimiter: string(rune(cmp.Or(s.OutputDialect.Delimiter, ','))),
		MaxRecordBytes:  s.MaxRecordBytes,
		MaxRejects:      s.MaxRejects.String(),
		Report:          s.Report,
		ShowValues:      s.ShowValues,
		Checksum:        s.Checksum,
	}
	if s.Script != (storage.URI{}) {
		r.ScriptStage = s.ScriptStage
	}
	if s.ParquetOutput {
		r.OutputFormat, r.OutputDelimiter = "parquet", ""
	}
	switch {
	case s.Parquet:
		r.InputFormat = "parquet"
	case s.Dialect.JSON:
		r.InputFormat = "jsonl"
	default:
		r.Delimiter = string(rune(cmp.Or(s.Dialect.Delimiter, ',')))
	}
	return r
}

// publish makes the result visible, then what belongs to it, the manifest last,
// and then makes the newest result the same.
func (p *runPass) publish(ctx context.Context, out *result, page *reportFile, transformed time.Time) error {
	output, err := out.publish()
	if err != nil {
		return err
	}
	p.sum.BytesOut, p.sum.BytesText = out.written, out.text
	// What belongs to the result follows even if the run is told to stop.
	err = p.publishRest(context.WithoutCancel(ctx), out, page, output, transformed)
	return p.incomplete(ctx, err)
}

func (p *runPass) publishRest(ctx context.Context, out *result, page *reportFile, output storage.Info, transformed time.Time) error {
	m := p.record(transformed)
	m.Output = described(output, out.digest.Checksum())
	done := published{output: output}
	var err error
	if p.rejects.upload != nil {
		done.rejects, err = p.rejects.publish()
	} else {
		err = remove(ctx, p.store, p.before.rejects)
	}
	if err != nil {
		return err
	}
	if done.rejects.Exists {
		o := described(done.rejects, p.rejects.digest.Checksum())
		m.Rejects = &o
	}
	if page != nil {
		done.report, err = page.publish()
	} else {
		err = remove(ctx, p.store, p.before.report)
	}
	if err != nil {
		return err
	}
	if done.report.Exists {
		o := described(done.report, page.sum)
		m.Report = &o
	}
	if m.Job.Build, err = build(); err != nil {
		return err
	}
	m.Finished = time.Now().UTC()
	m.Timings.Publish = m.Finished.Sub(transformed).Seconds()
	if done.manifest, err = p.publishManifest(ctx, m); err != nil {
		return err
	}
	p.sum.Manifest = done.manifest.URI.String()
	if p.newest == nil {
		return nil
	}
	if !m.Newest.Replaced {
		p.Log.Info(fmt.Sprintf("the newest result stays that of %s", m.Newest.Kept), "newest", m.Newest.URI, "period", p.Period)
		return nil
	}
	p.sum.Newest = m.Newest.URI
	return replaceNewest(ctx, p.store, p.newest, done)
}

// record is what the manifest says before anything is published.
func (p *runPass) record(transformed time.Time) manifest.Manifest {
	m := manifest.Manifest{
		Period:   p.Period,
		Job:      manifest.Job{Version: p.version(), Image: p.Image},
		Started:  p.started.UTC(),
		Settings: p.given.recorded(),
		Timings: manifest.Timings{
			Prepare:   p.prepared.Sub(p.started).Seconds(),
			Transform: transformed.Sub(p.prepared).Seconds(),
		},
		Inputs:  p.in.read,
		Model:   p.modelFile,
		Rows:    manifest.Rows{In: p.sum.RowsIn, Out: p.sum.RowsOut, Rejected: p.sum.RowsRejected, Filtered: p.sum.RowsFiltered},
		Columns: manifest.Columns{In: p.sum.ColumnsIn, Out: p.sum.ColumnsOut},
		Bytes:   manifest.Bytes{In: p.sum.BytesIn, Out: p.sum.BytesOut},
	}
	m.Script, m.Package = p.code.objects()
	if p.newest != nil {
		m.Newest = &manifest.Newest{URI: p.newest.output.URI.String(), Replaced: true}
		if last := p.newest.last; last != nil && last.Period > p.Period {
			m.Newest.Replaced, m.Newest.Kept = false, last.Period
		}
	}
	return m
}

func (e Env) version() string { return cmp.Or(e.Version, "unknown") }

func described(i storage.Info, sum manifest.Checksum) manifest.Object {
	return manifest.Object{URI: i.URI.String(), Size: i.Size, Version: i.Version, Checksum: sum}
}

// remove removes what a run before has left and this one has not.
func remove(ctx context.Context, store *storage.Store, old storage.Info) error {
	store.Clean(old.URI)
	if !old.Exists {
		return nil
	}
	if err := store.Delete(ctx, old.URI, storage.Unchanged(old)); err != nil {
		return fmt.Errorf("what a run before has left: %w", err)
	}
	return nil
}

func (p *runPass) publishManifest(ctx context.Context, m manifest.Manifest) (storage.Info, error) {
	upload, err := p.store.Create(ctx, p.before.manifest.URI, storage.Unchanged(p.before.manifest))
	if err != nil {
		return storage.Info{}, fmt.Errorf("manifest: %w", err)
	}
	var info storage.Info
	if err = manifest.Write(upload, m); err == nil {
		info, err = upload.Commit()
	}
	if err != nil {
		if abort := upload.Abort(); abort != nil {
			p.Log.Error("cleaning up: " + abort.Error())
		}
		return storage.Info{}, fmt.Errorf("manifest: %w", err)
	}
	return info, nil
}

// published is what a run has published.
type published struct{ output, rejects, report, manifest storage.Info }

// replaceNewest makes the newest result the same objects, the manifest last.
func replaceNewest(ctx context.Context, store *storage.Store, newest *place, done published) error {
	for _, o := range []struct{ from, to storage.Info }{
		{done.output, newest.output}, {done.rejects, newest.rejects}, {done.report, newest.report}, {done.manifest, newest.manifest},
	} {
		var err error
		if o.from.Exists {
			_, err = store.Copy(ctx, o.from, o.to.URI, storage.Unchanged(o.to))
		} else {
			err = remove(ctx, store, o.to)
		}
		if err != nil {
			return fmt.Errorf("newest result: %w", err)
		}
	}
	return nil
}

// finish reads what is left of the current input, so that all of it is in the
// digest, and notes what was read.
func (f *feed) finish() error {
	if f.parquet != nil {
		// Its columns are read here and there: what lies between is digested too.
		f.reader = nil // whose memory the reading takes
		file, err := f.object.Reader(f.ctx)
		if err != nil {
			return f.failed(err, 1)
		}
		defer func() { _ = file.Close() }()
		f.digest = newDigestReader(file, f.settings.Checksum)
	}
	if _, err := io.Copy(io.Discard, f.digest); err != nil {
		return f.failed(err, 1)
	}
	f.in.read = append(f.in.read[:f.index], manifest.Object{
		URI: f.uri().String(), Size: f.digest.size, Version: f.object.Version(), Checksum: f.digest.digest.Checksum(),
	})
	return nil
}
