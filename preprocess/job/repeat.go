package job

import (
	"context"
	"fmt"
	"reflect"
	"time"

	"ds-pipeline/preprocess/manifest"
	"ds-pipeline/preprocess/storage"
)

// repeats tells whether a complete run of the same period has read the same
// inputs and model with the same settings and the same program, so that another
// would publish the same. Inputs are the same if they have the same versions:
// they are not read.
func (s Settings) repeats(ctx context.Context, p *place, in *inputs, model manifest.Object, code *code) (bool, error) {
	if s.Period == "" || s.Force || !p.complete() {
		return false, nil
	}
	last := p.last
	program, err := build()
	if err != nil {
		return false, err
	}
	if last.Period != s.Period || last.Job.Build != program || last.Model.URI != model.URI || last.Model.SHA256 != model.SHA256 ||
		!reflect.DeepEqual(last.Settings, s.recorded()) || !code.same(last) {
		return false, nil
	}
	return in.same(ctx, last.Inputs)
}

// same tells whether a run had the same script and package.
func (c *code) same(last *manifest.Manifest) bool {
	same := func(a, b *manifest.Object) bool {
		return a == b || a != nil && b != nil && a.URI == b.URI && a.SHA256 == b.SHA256
	}
	file, pack := c.objects()
	return same(file, last.Script) && same(pack, last.Package)
}

// complete tells whether a place holds just what its manifest says.
func (p *place) complete() bool {
	if p.last == nil {
		return false
	}
	return p.holds(p.output, &p.last.Output) && p.holds(p.rejects, p.last.Rejects) && p.holds(p.report, p.last.Report)
}

// holds tells whether an object is what a manifest says.
func (p *place) holds(now storage.Info, o *manifest.Object) bool {
	if o == nil || !now.Exists {
		return o == nil && !now.Exists
	}
	return o.URI == now.URI.String() && o.Version == now.Version
}

// same tells whether the inputs are of the versions that a run has read.
func (in *inputs) same(ctx context.Context, read []manifest.Object) (bool, error) {
	if len(in.uris) != len(read) {
		return false, nil
	}
	for i, u := range in.uris {
		if u.String() != read[i].URI || read[i].Version == "" {
			return false, nil
		}
	}
	for i, u := range in.uris {
		version := ""
		if in.only != nil {
			version = in.only.Version()
		} else {
			now, err := in.store.Stat(ctx, u)
			if err != nil {
				return false, fmt.Errorf("input: %w", err)
			}
			version = now.Version
		}
		if version != read[i].Version {
			return false, nil
		}
	}
	return true, nil
}

// repeat makes the newest result what it has to be after a run that need not be
// done again, and says what that run did. It is false if the run has to be done
// after all.
func repeat(ctx context.Context, store *storage.Store, before, newest *place, sum *Summary) (bool, error) {
	last := before.last
	switch {
	case newest.last != nil && newest.last.Period > last.Period:
	case !last.Newest.Replaced:
		return false, nil // it kept a newer one that is gone
	case !newest.copies(before):
		done := published{before.output, before.rejects, before.report, before.manifest}
		if err := replaceNewest(ctx, store, newest, done); err != nil {
			return false, err
		}
		sum.Newest = last.Newest.URI
	}
	sum.Repeated = true
	sum.told(before)
	return true, nil
}

// told fills in what the manifest of a run before says.
func (s *Summary) told(before *place) {
	last := before.last
	s.RowsIn, s.RowsOut, s.RowsRejected, s.RowsFiltered = last.Rows.In, last.Rows.Out, last.Rows.Rejected, last.Rows.Filtered
	s.ColumnsIn, s.ColumnsOut = last.Columns.In, last.Columns.Out
	s.BytesIn, s.BytesOut = last.Bytes.In, last.Bytes.Out
	s.Manifest = before.manifest.URI.String()
	s.Finished = last.Finished
	if last.Rejects != nil {
		s.Rejects = last.Rejects.URI
	}
	if last.Report != nil {
		s.Report = last.Report.URI
	}
}

// copies tells whether a place is a whole copy of another. The manifest is
// copied last.
func (p *place) copies(of *place) bool {
	same := func(a, b storage.Info) bool { return a.Exists == b.Exists && a.Size == b.Size }
	return p.last != nil && reflect.DeepEqual(p.last, of.last) &&
		same(p.output, of.output) && same(p.rejects, of.rejects) && same(p.report, of.report)
}

// RepeatedText says in words that nothing was to be done.
func (s Summary) RepeatedText() string {
	what := s.Output
	if s.Period != "" {
		what += " of " + s.Period
	}
	return fmt.Sprintf("nothing to do: %s is there already, of the same inputs, model, script, settings and program; it was published at %s (--force runs again)",
		what, s.Finished.UTC().Format(time.RFC3339))
}
