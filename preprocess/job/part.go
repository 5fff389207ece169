package job

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"time"

	"ds-pipeline/preprocess/contract"
	"ds-pipeline/preprocess/frame"
	"ds-pipeline/preprocess/manifest"
	"ds-pipeline/preprocess/scale"
	"ds-pipeline/preprocess/storage"
	"ds-pipeline/preprocess/table"
)

// part is what a pass over an item leaves, in place of a result.
type part struct {
	item    scale.Item
	plan    *scale.Plan // of a range; nil for an object
	staging storage.URI // of a file, or of the beginning of a range
	counted storage.URI // where its statistics are to be

	accepted   []table.Facts
	rejections rejectCount
	seen       []bool
	done       scale.Part
}

// isInside tells whether something comes before what the part writes.
func (p *part) isInside() bool { return p != nil && p.plan != nil && p.item.Number > 0 }

// create starts what others will publish.
func (p *part) create(ctx context.Context, store *storage.Store, u storage.URI) (upload, error) {
	if p.plan == nil {
		return store.Hold(ctx, u, p.staging)
	}
	return store.HoldRange(ctx, u, p.plan.Held, p.plan.Span(p.item.Number), p.staging)
}

// hold keeps what the pass has written, and its rejects, and says what they are.
func (p *runPass) hold(ctx context.Context, f *feed, out *result, b *bound) error {
	statistics, err := p.holdStatistics(ctx)
	if err != nil {
		return err
	}
	held, err := out.hold()
	if err != nil {
		return err
	}
	d := &p.part.done
	d.Held, d.Sum, d.Statistics = held, out.digest.Checksum(), statistics
	if p.rejects.upload != nil {
		info, err := p.rejects.publish()
		if err != nil {
			return err
		}
		o := described(info, p.rejects.digest.Checksum())
		d.Rejects = &o
		for _, s := range p.spots {
			spot := scale.Spot{Line: s.line, Column: s.column, Reason: s.reason}
			if p.ShowValues {
				spot.Value = s.value
			}
			d.Spots = append(d.Spots, spot)
		}
	}
	d.Header, d.Names, d.Seen = f.header, b.names, nil
	if p.Dialect.JSON {
		d.Seen = p.part.seen
	}
	d.Types = typesOf(f)
	d.Kinds, d.Facts = kindsOf(b.plan), scale.Facts{All: p.facts, Accepted: p.part.accepted}
	d.Always, d.Endless = p.part.rejections.always, p.part.rejections.endless
	d.Input = p.in.read[0]
	d.Rows = manifest.Rows{In: p.sum.RowsIn, Out: p.sum.RowsOut, Rejected: p.sum.RowsRejected, Filtered: p.sum.RowsFiltered}
	d.Columns = manifest.Columns{In: p.sum.ColumnsIn, Out: p.sum.ColumnsOut}
	d.Bytes = manifest.Bytes{In: p.sum.BytesIn, Out: out.text}
	if r := p.part.item.Range; r != nil {
		d.Bytes.In -= r.Start
	}
	d.Seconds = time.Since(p.started).Seconds()
	return nil
}

// kindsOf is how a plan reads the columns of the model's input.
func kindsOf(pl *plan) []scale.Kind {
	kinds := make([]scale.Kind, len(pl.layout.Inputs))
	for i, in := range pl.layout.Inputs {
		kinds[i] = scale.Kind{As: in.As, Kind: in.Kind, Sure: in.Sure}
	}
	return kinds
}

// typesOf tells apart the schemas of Parquet whose columns are not the same.
func typesOf(f *feed) string {
	if f.columns == nil {
		return ""
	}
	var b strings.Builder
	for i := range f.columns {
		c := &f.columns[i]
		_, _ = fmt.Fprintf(&b, "%v %v %v %v\n", c.Meaning, c.Natural(), c.Stored(), c.Refusal(frame.Int))
	}
	return sum([]byte(b.String())).SHA256
}

// Part does the items of a run that is spread over many tasks, one after the
// other, and publishes nothing. What is done already is not done again. The
// summary is of all items that were done.
func Part(ctx context.Context, s Settings, sp Spread, env Env) (Summary, error) {
	began := time.Now()
	p, err := newSpread(ctx, s, sp, env)
	total := Summary{Input: s.Input.String(), Model: s.Model.String(), Output: s.target().String(), Period: s.Period, Workers: s.Workers}
	if err != nil {
		return total, interrupted(ctx, err)
	}
	start, err := p.start(ctx)
	if err != nil {
		return total, interrupted(ctx, err)
	}
	for _, item := range p.Items {
		if !p.wanted(item) {
			env.Log.Info("passed over, as it is not one of the input's objects", "item", item.String(), "input", total.Input)
			continue
		}
		one, err := p.do(ctx, item, start)
		if err != nil {
			return total, interrupted(ctx, err)
		}
		total.RowsIn += one.Rows.In
		total.RowsOut += one.Rows.Out
		total.RowsRejected += one.Rows.Rejected
		total.BytesIn += one.Bytes.In
		total.BytesOut += one.Held.Size
		total.BytesText += one.Bytes.Out
		total.ColumnsIn, total.ColumnsOut = one.Columns.In, one.Columns.Out
		total.Inputs = append(total.Inputs, InputRows{Input: item.String(), Rows: one.Rows.In})
	}
	total.Elapsed = time.Since(began)
	return total, nil
}

// interrupted is ErrInterrupted if that is why err is.
func interrupted(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil && !errors.As(err, new(*Error)) {
		return ErrInterrupted
	}
	return explained(err)
}

// do does one item, unless it is done.
func (p *spread) do(ctx context.Context, item scale.Item, start scale.Start) (scale.Part, error) {
	u, _ := p.input(item)
	in := &inputs{store: p.store, uris: []storage.URI{u}, versions: []string{""}, section: item.Range, header: start.Header}
	if item.Range != nil {
		in.header = nil // that of its object
	}
	var err error
	if in.only, err = p.store.Open(ctx, u); err != nil {
		return scale.Part{}, fmt.Errorf("input: %w", err)
	}
	defer in.close()
	listed := in.only.Version()
	if item.ETag != "" && u.IsS3() && item.Size > 0 { // what is empty is the same whatever its ETag is
		listed = storage.VersionOf(item.Size, item.ETag)
	}
	if listed != in.only.Version() || (u.IsS3() || item.Range != nil) && in.only.Size() != item.Size {
		return scale.Part{}, fail(contract.ExitData, "input %s: it changed since it was listed: it has %s, and had %s; start the run again", u, in.only.Version(), storage.VersionOf(item.Size, item.ETag))
	}
	s := p.Settings
	if s.unnamed && item.Range == nil {
		if err := in.detect(ctx, &s); err != nil {
			return scale.Part{}, err
		}
	}
	common, err := p.common(s)
	if err != nil {
		return scale.Part{}, err
	}
	file := p.partFile(item, partSuffix)
	done, seen, err := seenRecord[scale.Part](ctx, p, file)
	if err != nil {
		return scale.Part{}, err
	}
	is := func(r *scale.Part) bool {
		return r != nil && agree(r.Common, common) && reflect.DeepEqual(r.Start, start) && r.Input.Version == in.only.Version() && reflect.DeepEqual(r.Item.Range, item.Range)
	}
	if is(done) {
		p.Log.Info("done already", "item", item.String())
		return *done, nil
	}
	t := &part{item: item, counted: p.ownFile(item, statisticsSuffix), done: scale.Part{Schema: scale.PartSchema, Round: p.Round, Item: item, Common: common, Start: start}}
	if item.Range != nil {
		if t.plan, err = p.planOf(ctx, item, common, in); err != nil {
			return scale.Part{}, err
		}
		s.Output, t.staging = s.target(), p.ownFile(item, ".head")
		t.done.Head = t.staging.String()
	} else {
		if s.Output, err = p.result(item); err != nil {
			return scale.Part{}, err
		}
		t.staging = p.ownFile(item, ".data")
	}
	if err := p.store.MakeFolders(file); err != nil {
		return scale.Part{}, err
	}
	t.done.Output = s.Output.String()
	if t.done.Kept, err = p.kept(ctx, common, in, start, item.Range == nil); err != nil {
		return scale.Part{}, err
	}
	if t.done.Kept != nil {
		p.Log.Info("not done again, as an earlier run has the same result", "item", item.String(), "output", t.done.Kept.URI)
		t.done.Input, t.done.Head = manifest.Object{URI: u.String(), Size: in.only.Size(), Version: in.only.Version()}, ""
	} else if err := p.pass(ctx, s, in, t, start); err != nil {
		return scale.Part{}, err
	}
	err = writeRecord(ctx, p, file, t.done, storage.Unchanged(seen))
	if errors.Is(err, storage.ErrConflict) {
		// Somebody else was given the same item.
		now, rerr := readRecord[scale.Part](ctx, p, file)
		if rerr == nil && is(now) {
			p.Log.Info("done meanwhile by another task", "item", item.String())
			p.forget(ctx, s.Output, &t.done)
			return *now, nil
		}
	}
	if err != nil {
		p.forget(ctx, s.Output, &t.done)
		return scale.Part{}, fmt.Errorf("record of %s: %w", item, err)
	}
	p.forget(ctx, s.Output, done)
	if t.done.Kept != nil {
		return t.done, nil
	}
	p.Log.Info("done", "item", item.String(), "rows", t.done.Rows.In, "rejected", t.done.Rows.Rejected, "bytes_out", t.done.Held.Size, "seconds", t.done.Seconds)
	return t.done, nil
}

// ownFile is one that no other task writes, even if it was given the same item.
func (p *spread) ownFile(item scale.Item, suffix string) storage.URI {
	return p.partFile(item, "-"+strings.ToLower(rand.Text())+suffix)
}

// forget removes what nobody will publish. A range has nothing of its own.
func (p *spread) forget(ctx context.Context, u storage.URI, done *scale.Part) {
	if done == nil || done.Item.Range != nil {
		return
	}
	if err := p.store.Discard(ctx, u, done.Held); err != nil {
		p.Log.Warn("cleaning up: " + err.Error())
	}
}

// kept is the result of the same object that a complete run of the same period
// has published, with the same settings, model and program; nil for none.
func (p *spread) kept(ctx context.Context, common scale.Common, in *inputs, start scale.Start, ofMany bool) (*manifest.Object, error) {
	if p.Period == "" || p.Force || start.Force {
		return nil, nil //nolint:nilnil // there is none
	}
	if !p.looked {
		before, err := look(ctx, p.store, p.target())
		if err != nil {
			return nil, err
		}
		p.last, p.looked = before.last, true
	}
	last := p.last
	if last == nil || last.Scale == nil || len(last.Scale.Missing) > 0 || last.Model.URI != common.Model.URI ||
		!agree(scale.Common{Job: last.Job, Settings: last.Settings, Model: last.Model}, common) || ofMany != (len(last.Outputs) > 0) {
		return nil, nil //nolint:nilnil // there is none
	}
	at := slices.IndexFunc(last.Inputs, func(o manifest.Object) bool {
		return o.URI == in.uris[0].String() && o.Version == in.only.Version()
	})
	if at < 0 {
		return nil, nil //nolint:nilnil // there is none
	}
	output := last.Output
	if ofMany {
		if at >= len(last.Outputs) {
			return nil, nil //nolint:nilnil // there is none
		}
		output = last.Outputs[at]
	}
	u, err := storage.ParseURI(output.URI)
	if err != nil {
		return nil, err
	}
	now, err := p.store.Stat(ctx, u)
	if err != nil || now.Version != output.Version {
		return nil, err
	}
	return &output, nil
}

// planOf is the plan that a range belongs to.
func (p *spread) planOf(ctx context.Context, item scale.Item, common scale.Common, in *inputs) (*scale.Plan, error) {
	u := p.file(scalePlan)
	plan, err := readRecord[scale.Plan](ctx, p, u)
	switch {
	case err != nil:
		return nil, err
	case plan == nil:
		return nil, fail(contract.ExitConfig, "item %s: %s is missing; want a plan before the parts", item, u)
	case !agree(plan.Common, common):
		return nil, fail(contract.ExitConfig, "item %s: the plan was made with other settings, another model or another program; plan again", item)
	case item.Number >= plan.Ranges:
		return nil, fail(contract.ExitConfig, "item %s: the plan %s has %d ranges", item, u, plan.Ranges)
	case plan.Input.Version != in.only.Version():
		return nil, fail(contract.ExitData, "input %s: it changed since it was cut into ranges; start the run again", plan.Input.URI)
	}
	at, err := storage.ReaderAt(ctx, in.only)
	if err != nil {
		return nil, err
	}
	for _, end := range []int64{item.Start, item.End} {
		b := make([]byte, 1)
		if end <= plan.Head.Size || end == item.Size {
			continue
		}
		if _, err := at.ReadAt(b, end-1); err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("input: %w", err)
		}
		if b[0] != '\n' && b[0] != '\r' {
			return nil, fail(contract.ExitConfig, "item %s: no line ends before byte %d; want ranges as the plan has them", item, end)
		}
	}
	return plan, nil
}

// pass goes over one item.
func (p *spread) pass(ctx context.Context, s Settings, in *inputs, t *part, start scale.Start) error {
	given := s
	s.Input, s.MaxRejects = in.uris[0], anyRejects
	first := &runPass{
		Settings: s, Env: p.Env, given: given, store: p.store, model: p.model, in: in, modelFile: p.modelFile, started: time.Now(),
		before: &place{rejects: storage.Info{URI: p.ownFile(t.item, "-"+contract.RejectsName)}},
		facts:  slices.Clone(start.Facts), refined: start.Refined > 0,
		sum:  Summary{Input: in.uris[0].String(), Model: s.Model.String(), Output: s.Output.String()},
		part: t,
	}
	_, err := first.settle(ctx)
	if s.Dialect.JSON && t.item.Range == nil && errors.Is(err, table.ErrNoRecord) {
		t.done.Input, err = readWhole(ctx, in.only, s.Checksum) // others may know the columns
	}
	return err
}

// readWhole reads an object to its end and describes it.
func readWhole(ctx context.Context, o storage.Object, how manifest.Algorithm) (manifest.Object, error) {
	r, err := o.Reader(ctx)
	if err != nil {
		return manifest.Object{}, fmt.Errorf("input: %w", err)
	}
	defer func() { _ = r.Close() }()
	digest := newDigestReader(r, how)
	if _, err := io.Copy(io.Discard, digest); err != nil {
		return manifest.Object{}, fmt.Errorf("input: %w", err)
	}
	return manifest.Object{URI: o.URI().String(), Size: digest.size, Version: o.Version(), Checksum: digest.digest.Checksum()}, nil
}
