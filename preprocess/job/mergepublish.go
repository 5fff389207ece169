package job

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"reflect"
	"slices"
	"strings"
	"time"

	"ds-pipeline/preprocess/contract"
	"ds-pipeline/preprocess/manifest"
	"ds-pipeline/preprocess/report"
	"ds-pipeline/preprocess/scale"
	"ds-pipeline/preprocess/storage"
)

// publish makes the result visible, after everything was checked: the results of
// the parts, their rejects as one file, the manifest last, and then the newest
// result. What an earlier run of the period has left goes when all of it is there.
func (m *merge) publish(ctx context.Context) error {
	checked := time.Now()
	pass := &runPass{
		Settings: m.Settings, Env: m.Env, given: m.Settings, store: m.store, modelFile: m.modelFile, before: m.before, newest: m.newest,
		started: m.began, prepared: checked, sum: m.sum, in: &inputs{}, merged: true,
	}
	pass.Output = m.target()
	sum := &pass.sum
	defer func() { m.sum = *sum }()
	t := m.total
	sum.RowsIn, sum.RowsOut, sum.RowsRejected, sum.RowsFiltered = t.rows.In, t.rows.Out, t.rows.Rejected, t.rows.Filtered
	sum.ColumnsIn, sum.ColumnsOut, sum.BytesText = t.columns.In, t.columns.Out, t.bytesText
	for _, item := range m.all {
		sum.BytesOut += item.output.Size
	}
	sum.BytesIn = t.bytesIn
	if m.plan != nil {
		sum.BytesIn = m.plan.Input.Size // with the header
	} else {
		sum.Inputs = make([]InputRows, len(m.all))
		for i, item := range m.all {
			sum.Inputs[i].Input = item.input.URI
		}
	}
	err := m.store.MakeFolder(m.target())
	if err != nil {
		return fmt.Errorf("output: %w", err)
	}
	if pass.rejects, pass.spots, err = m.mergeRejects(ctx); err != nil {
		return err
	}
	limit := &tooManyRejects{rejectCount{always: t.always, endless: t.endless}, false, t.rows.Rejected, t.rows.In}
	if t.endless || m.MaxRejects.exceeded(t.rows.Rejected, t.rows.In) {
		return pass.explain(limit)
	}
	if t.rows.In != t.rows.Out+t.rows.Rejected+t.rows.Filtered {
		return errors.Join(fail(contract.ExitSoftware, "%d rows in, but %d out and %d rejected: a fault in this program; nothing was published", t.rows.In, t.rows.Out, t.rows.Rejected), pass.rejects.discard())
	}
	if m.unseen != nil {
		return errors.Join(m.unseen, pass.rejects.discard())
	}
	if err := m.mergeStatistics(ctx, pass); err != nil {
		return errors.Join(err, pass.rejects.discard())
	}
	page, err := pass.writeReport(context.WithoutCancel(ctx))
	if err != nil {
		return errors.Join(err, pass.rejects.discard())
	}
	record, outputs, err := m.publishOutputs(ctx)
	if err != nil {
		return errors.Join(err, pass.rejects.discard(), page.discard())
	}
	// What belongs to the result follows even if the merge is told to stop.
	err = m.publishRest(context.WithoutCancel(ctx), pass, page, record, outputs, checked)
	if err != nil {
		err = errors.Join(err, page.discard())
	}
	return pass.incomplete(ctx, err)
}

// publishOutputs publishes the results of the parts, and says what the manifest
// is to say of them; the Info is of the only one of ranges.
func (m *merge) publishOutputs(ctx context.Context) (record manifest.Manifest, only storage.Info, err error) {
	record.Scale = &manifest.Scale{Run: m.Run, Parts: len(m.all), Rounds: m.Round}
	for _, item := range m.missing {
		record.Scale.Missing = append(record.Scale.Missing, manifest.Missing{URI: m.uriOf(item).String(), Size: item.Size, Version: storage.VersionOf(item.Size, item.ETag)})
	}
	if m.plan != nil {
		return m.publishRanges(ctx, record)
	}
	record.Inputs, record.Outputs = make([]manifest.Object, len(m.all)), make([]manifest.Object, len(m.all))
	err = each(ctx, len(m.all), mergeAtOnce, func(ctx context.Context, i int) error {
		item := &m.all[i]
		u, err := m.result(item.Item)
		if err != nil {
			return err
		}
		part, err := readRecord[scale.Part](ctx, m.spread, m.partFile(item.Item, partSuffix))
		if err != nil || part == nil || part.Sum != item.output.Checksum || part.Output != u.String() || !reflect.DeepEqual(part.Input, item.input) {
			return cmpErr(err, fail(contract.ExitTempFail, "the record of %s changed while the parts were put together; try again", item.Item))
		}
		seen, err := m.store.Stat(ctx, u)
		if err != nil {
			return fmt.Errorf("output: %w", err)
		}
		info, err := m.store.Publish(ctx, u, part.Held, storage.Unchanged(seen))
		if err != nil {
			return fmt.Errorf("output: %w", err)
		}
		// Of thousands, the names are not kept twice.
		record.Inputs[i], record.Outputs[i] = item.input, item.output
		record.Outputs[i].Size, record.Outputs[i].Version = info.Size, info.Version
		return nil
	})
	return record, only, err
}

// cmpErr is err, or else other.
func cmpErr(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

// publishRanges puts the ranges of the only object together.
func (m *merge) publishRanges(ctx context.Context, record manifest.Manifest) (manifest.Manifest, storage.Info, error) {
	u := m.target()
	held, input, output := m.plan.Held, m.plan.Input, manifest.Object{}
	published, err := m.store.Published(ctx, u, held)
	if err != nil {
		return record, storage.Info{}, fmt.Errorf("output: %w", err)
	}
	pieces := joined{merge: m, u: u, upload: held}
	if !u.IsS3() {
		if pieces.file, err = m.store.Create(ctx, u, storage.Unchanged(m.before.output)); err != nil {
			return record, storage.Info{}, fmt.Errorf("output: %w", err)
		}
		defer func() { _ = pieces.file.Abort() }()
	}
	if m.plan.Head.Size > 0 {
		input.Pieces = append(input.Pieces, m.plan.Head)
	}
	for i, item := range m.all {
		part, err := readRecord[scale.Part](ctx, m.spread, m.partFile(item.Item, partSuffix))
		if err != nil || part == nil || part.Sum != item.output.Checksum {
			return record, storage.Info{}, cmpErr(err, fail(contract.ExitTempFail, "the record of %s changed while the parts were put together; try again", item.Item))
		}
		if part.Input.Version != input.Version {
			return record, storage.Info{}, fail(contract.ExitData, "input %s: it changed while its ranges were read; start the run again", input.URI)
		}
		input.Pieces = append(input.Pieces, manifest.Piece{Size: part.Input.Size, Checksum: part.Input.Checksum})
		output.Pieces = append(output.Pieces, manifest.Piece{Size: part.Held.Size, Checksum: part.Sum})
		output.Size += part.Held.Size
		if published {
			continue
		}
		if err := pieces.add(ctx, part, m.plan.Span(i), i+1 == len(m.all)); err != nil {
			return record, storage.Info{}, fmt.Errorf("output: %w", err)
		}
	}
	input, output = whole(input), whole(output)
	if err := m.compareInput(ctx, input); err != nil {
		return record, storage.Info{}, fmt.Errorf("input: %w; start the run again", err)
	}
	var info storage.Info
	switch {
	case pieces.file != nil:
		info, err = pieces.file.Commit()
	case published:
		info = m.before.output
	default:
		held.Parts, held.Size, held.Sum = pieces.parts, output.Size, output.CRC64NVME
		if held, err = m.store.Current(ctx, u, held); err == nil {
			info, err = m.store.Publish(ctx, u, held, storage.Unchanged(m.before.output))
		}
	}
	if err != nil {
		return record, storage.Info{}, fmt.Errorf("output: %w", err)
	}
	output.URI, output.Version = info.URI.String(), info.Version
	record.Inputs, record.Output = []manifest.Object{input}, output
	return record, info, nil
}

// compareInput compares what all ranges together have read with what S3 keeps.
func (m *merge) compareInput(ctx context.Context, input manifest.Object) error {
	if input.CRC64NVME == "" {
		return nil
	}
	u, err := storage.ParseURI(input.URI)
	if err != nil {
		return err
	}
	return m.store.CompareSum(ctx, u, input.Version, input.CRC64NVME)
}

// whole is an object with a checksum in place of its pieces, if it has one.
func whole(o manifest.Object) manifest.Object {
	if sum, ok := manifest.Join(o.Pieces); ok {
		o.Checksum, o.Pieces = sum, nil
	} else if len(o.Pieces) == 1 {
		o.Checksum, o.Pieces = o.Pieces[0].Checksum, nil
	}
	return o
}

// joined puts ranges together. Every part of an upload but the last has a least
// size. What is left of ranges that are smaller waits here, and goes into one part
// with the beginning of the next range that is not, which replaces that one's
// first part: a range keeps its beginning aside for this.
type joined struct {
	*merge
	u       storage.URI
	upload  storage.Held
	file    storage.Upload // of a file; nil of an object
	parts   []storage.HeldPart
	waiting []byte // less than storage.LeastPart
}

func (j *joined) add(ctx context.Context, part *scale.Part, span storage.PartSpan, last bool) error {
	head, err := storage.ParseURI(part.Head)
	if err != nil {
		return err
	}
	if j.file != nil {
		return j.read(ctx, head, func(r io.Reader) error {
			_, err := io.Copy(j.file, r)
			return err
		})
	}
	small := len(part.Held.Parts) == 0
	if small || len(j.waiting) > 0 {
		text, err := j.store.ReadAll(ctx, head, 2*storage.LeastPart)
		if err != nil {
			return err
		}
		j.waiting = append(j.waiting, text...)
	}
	switch {
	case len(j.waiting) >= storage.LeastPart, last && small && len(j.waiting) > 0:
		sent, err := j.store.SendPart(ctx, j.u, j.upload, int32(span.First), j.waiting)
		if err != nil {
			return err
		}
		j.parts = append(j.parts, sent)
		j.waiting = j.waiting[:0]
		if !small {
			j.parts = append(j.parts, part.Held.Parts[1:]...)
		}
	case !small:
		j.parts = append(j.parts, part.Held.Parts...)
	}
	return nil
}

// publishRest publishes what belongs to the result, and removes what an earlier
// run has left.
func (m *merge) publishRest(ctx context.Context, pass *runPass, page *reportFile, record manifest.Manifest, output storage.Info, checked time.Time) error {
	r := pass.record(time.Now())
	r.Inputs, r.Output, r.Outputs, r.Scale = record.Inputs, record.Output, record.Outputs, record.Scale
	done := published{output: output}
	var err error
	if pass.rejects.upload != nil {
		done.rejects, err = pass.rejects.publish()
	} else {
		err = remove(ctx, m.store, m.before.rejects)
	}
	if err != nil {
		return err
	}
	if done.rejects.Exists {
		o := described(done.rejects, pass.rejects.digest.Checksum())
		r.Rejects = &o
		pass.sum.Rejects = o.URI
	}
	if page != nil {
		if done.report, err = page.publish(); err != nil {
			return err
		}
		o := described(done.report, page.sum)
		r.Report = &o
		pass.sum.Report = o.URI
	}
	if r.Job.Build, err = build(); err != nil {
		return err
	}
	r.Finished = time.Now().UTC()
	r.Timings.Publish = r.Finished.Sub(checked).Seconds()
	if done.manifest, err = pass.publishManifest(ctx, r); err != nil {
		return err
	}
	pass.sum.Manifest = done.manifest.URI.String()
	if m.newest != nil && r.Newest.Replaced {
		pass.sum.Newest = r.Newest.URI
		if err := replaceNewest(ctx, m.store, m.newest, done); err != nil {
			return err
		}
	} else if m.newest != nil {
		m.Log.Info(fmt.Sprintf("the newest result stays that of %s", r.Newest.Kept), "newest", r.Newest.URI, "period", m.Period)
	}
	return m.clean(ctx, &r)
}

// clean removes what no run needs any more: results of an earlier run of the
// period that are not among those of this one, and what this one has kept in its
// folder. Only results beside the manifest are looked at that are called as this
// program calls them.
func (m *merge) clean(ctx context.Context, r *manifest.Manifest) error {
	target := m.target()
	ours := map[string]bool{}
	for _, o := range r.Published() {
		ours[o.URI] = true
	}
	var stale []storage.URI
	folder := beside(target, "")
	err := m.store.Each(ctx, beside(target, "part-"), func(u storage.URI) error {
		base := path.Base(name(u))
		if beside(u, "") == folder && strings.HasPrefix(base, "part-") && strings.HasSuffix(base, m.extension()) && !ours[u.String()] {
			stale = append(stale, u)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("what a run before has left: %w", err)
	}
	if !ours[target.String()] {
		stale = append(stale, target)
	}
	if page := beside(target, contract.ReportName); r.Report == nil {
		if info, err := own(ctx, m.store, page, report.Generator); err == nil && info.Exists {
			stale = append(stale, page)
		}
	}
	if err := m.store.Each(ctx, m.file(""), func(u storage.URI) error {
		if below := strings.TrimPrefix(name(u), name(m.file(""))); !strings.HasPrefix(below, "round-") || !strings.Contains(below, "/") {
			stale = append(stale, u) // but what the map has recorded
		}
		return nil
	}); err != nil {
		return fmt.Errorf("what the run has kept for itself: %w", err)
	}
	// What the run goes by comes last.
	slices.SortStableFunc(stale, func(a, b storage.URI) int {
		rank := func(u storage.URI) int {
			if strings.HasPrefix(name(u), name(m.file(""))) {
				return 1
			}
			return 0
		}
		return rank(a) - rank(b)
	})
	return each(ctx, len(stale), mergeAtOnce, func(ctx context.Context, i int) error {
		err := m.store.Delete(ctx, stale[i], storage.Condition{})
		if errors.Is(err, storage.ErrNotFound) {
			err = nil
		}
		if err != nil {
			return fmt.Errorf("what is not needed any more: %w", err)
		}
		return nil
	})
}

// mergeRejects makes one file of those of the parts, in their order, and tells the
// first few. Nothing of it is visible before its publish.
func (m *merge) mergeRejects(ctx context.Context) (r *rejectsFile, spots []spot, err error) {
	r = &rejectsFile{ctx: context.WithoutCancel(ctx), store: m.store, uri: m.before.rejects.URI, before: m.before.rejects, digest: manifest.SHA256.New()}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.discard())
		}
	}()
	for _, item := range m.all {
		if !item.rejects {
			continue
		}
		part, err := readRecord[scale.Part](ctx, m.spread, m.partFile(item.Item, partSuffix))
		if err != nil {
			return r, nil, err
		}
		if part == nil || part.Rejects == nil {
			return r, nil, fail(contract.ExitTempFail, "the record of %s changed while the parts were put together; try again", item.Item)
		}
		for _, s := range part.Spots {
			if len(spots) < namedSpots {
				one := spot{line: s.Line, column: s.Column, value: s.Value, reason: s.Reason}
				if m.plan == nil {
					one.input = part.Input.URI
				}
				spots = append(spots, one)
			}
		}
		u, err := storage.ParseURI(part.Rejects.URI)
		if err != nil {
			return r, nil, err
		}
		if err := m.read(ctx, u, func(from io.Reader) error {
			head := make([]byte, len(rejectsHeader))
			if _, err := io.ReadFull(from, head); err != nil || string(head) != rejectsHeader {
				return fail(contract.ExitSoftware, "rejects %s: it does not start with %q", u, rejectsHeader)
			}
			if r.upload == nil {
				if r.upload, err = m.store.Create(r.ctx, r.uri, storage.Unchanged(r.before)); err != nil {
					return err
				}
				if err := r.flush([]byte(rejectsHeader)); err != nil {
					return err
				}
			}
			_, err := io.Copy(writerFunc(func(b []byte) (int, error) { return len(b), r.flush(b) }), from)
			return err
		}); err != nil {
			return r, nil, fmt.Errorf("rejects: %w", err)
		}
		r.rows += part.Rows.Rejected
	}
	return r, spots, nil
}

// writerFunc is a function that writes.
type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }
