package job

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"ds-pipeline/preprocess/codec"
	"ds-pipeline/preprocess/contract"
	"ds-pipeline/preprocess/manifest"
	"ds-pipeline/preprocess/scale"
	"ds-pipeline/preprocess/storage"
	"ds-pipeline/preprocess/table"
)

// maxRanges bounds the ranges of a plan, so that each has some parts of the
// upload for itself.
const maxRanges = 1000

// Planned is what a plan has found.
type Planned struct {
	Input   string
	Items   string // where they are
	Ranges  int
	Bytes   int64 // of the input
	Lines   int64
	Elapsed time.Duration
}

// Plan cuts the only object of a run into ranges of whole records, begins the
// upload of its result, and writes the items of the first round. All sections of
// the object are looked at at the same time, as many as there are workers, and
// none of them knows what it starts in: each follows all that is possible, and
// once the one before it is known, so is it. A plan that was made already for the
// same is kept.
func Plan(ctx context.Context, s Settings, sp Spread, env Env) (Planned, error) {
	found, err := makePlan(ctx, s, sp, env)
	return found, interrupted(ctx, err)
}

func makePlan(ctx context.Context, s Settings, sp Spread, env Env) (Planned, error) {
	began := time.Now()
	p, err := newSpread(ctx, s, sp, env)
	if err != nil {
		return Planned{}, err
	}
	if err := s.checkCut(codec.None); err != nil { // before anything is looked for
		return Planned{}, err
	}
	in, err := openInputs(ctx, p.store, p.Settings)
	if err != nil {
		return Planned{}, err
	}
	defer in.close()
	if p.unnamed {
		if err := in.detect(ctx, &p.Settings); err != nil {
			return Planned{}, err
		}
	}
	head, err := p.readHead(ctx, in)
	if err != nil {
		return Planned{}, err
	}
	size := in.only.Size()
	sections, lines, err := p.sections(ctx, in.only, head)
	if err != nil {
		return Planned{}, err
	}
	now, err := p.store.Stat(ctx, in.uris[0])
	if err != nil {
		return Planned{}, fmt.Errorf("input: %w", err)
	}
	if now.Version != in.only.Version() {
		return Planned{}, &storage.Error{Op: "read", URI: in.uris[0], Kind: storage.ErrChanged}
	}
	items := make([]scale.Item, len(sections))
	for i, section := range sections {
		items[i] = scale.Item{Key: name(in.uris[0]), ETag: strings.Trim(now.ETag, `"`), Size: size, Range: &section}
	}
	common, err := p.common(p.Settings)
	if err != nil {
		return Planned{}, err
	}
	plan := scale.Plan{
		Schema: scale.PlanSchema, Common: common, Ranges: len(items), Output: p.target().String(),
		Input: manifest.Object{URI: in.uris[0].String(), Size: size, Version: in.only.Version()}, Head: head.piece,
		PartBytes: partBytes(size),
	}
	if err := p.save(ctx, plan, items); err != nil {
		return Planned{}, err
	}
	return Planned{
		Input: plan.Input.URI, Items: p.itemsFile(1).String(), Ranges: len(items), Bytes: size, Lines: lines, Elapsed: time.Since(began),
	}, nil
}

// partBytes is how large the parts of the result are at first, in bytes: such
// that a result half as large again as the input fits in parts of this size.
// PartSpan lets them grow, so that one of more than three times the input fits.
func partBytes(size int64) int {
	const mib = 1 << 20
	each := (size + size/2) / storage.MaxParts
	return int(max((each+mib-1)/mib*mib, storage.LeastPart))
}

// save begins the upload and keeps the plan, unless there is the same one.
func (p *spread) save(ctx context.Context, plan scale.Plan, items []scale.Item) error {
	u := p.file(scalePlan)
	if err := p.store.MakeFolders(u); err != nil {
		return err
	}
	old, seen, err := seenRecord[scale.Plan](ctx, p, u)
	if err != nil {
		return err
	}
	if old != nil && agree(old.Common, plan.Common) && old.Input.Version == plan.Input.Version && old.Ranges == plan.Ranges && old.Head == plan.Head {
		plan.Held = old.Held // parts may be there already
	} else {
		target := p.target()
		if err := p.store.MakeFolder(target); err != nil {
			return fmt.Errorf("output: %w", err)
		}
		if plan.Held, err = p.store.Begin(ctx, target); err != nil {
			return fmt.Errorf("output: %w", err)
		}
		if err := writeRecord(ctx, p, u, plan, storage.Unchanged(seen)); err != nil {
			return errors.Join(fmt.Errorf("plan: %w", err), p.store.Discard(ctx, target, plan.Held))
		}
		if old != nil {
			if err := p.store.Discard(ctx, target, old.Held); err != nil {
				p.Log.Warn("cleaning up: " + err.Error())
			}
		}
	}
	text, err := json.Marshal(items)
	if err != nil {
		return err
	}
	if err := p.write(ctx, p.itemsFile(1), append(text, '\n'), storage.Condition{}); err != nil {
		return fmt.Errorf("items: %w", err)
	}
	return nil
}

// head is what comes before the records.
type head struct {
	piece manifest.Piece
	lines int64
}

// readHead reads up to the first record, and sees whether the model fits.
func (p *spread) readHead(ctx context.Context, in *inputs) (head, error) {
	pass := &runPass{Settings: p.Settings, Env: p.Env, store: p.store, model: p.model, in: in, sum: Summary{Input: p.Input.String(), Model: p.modelFile.URI}}
	feed, err := openFeed(ctx, pass.Settings, in)
	if err != nil {
		return head{}, err
	}
	defer feed.close()
	if err := p.checkCut(feed.compression()); err != nil {
		return head{}, err
	}
	b, err := pass.prepare(ctx, feed)
	if err != nil {
		return head{}, err
	}
	end := feed.Offset() - int64(len(b.first))
	r, err := storage.Section(ctx, in.only, 0, end)
	if err != nil {
		return head{}, fmt.Errorf("input: %w", err)
	}
	defer func() { _ = r.Close() }()
	digest := newDigestReader(r, p.Checksum)
	if _, err := io.Copy(io.Discard, digest); err != nil {
		return head{}, fmt.Errorf("input: %w", err)
	}
	return head{manifest.Piece{Size: end, Checksum: digest.digest.Checksum()}, feed.lead}, nil
}

// sections cuts what follows the head into ranges of about the wanted size.
func (p *spread) sections(ctx context.Context, o storage.Object, h head) (ranges []scale.Range, lines int64, err error) {
	size, from := o.Size(), h.piece.Size
	if size < 0 {
		return nil, 0, fail(contract.ExitConfig, "input %s: it is a pipe, which cannot be cut into ranges; want a file or an object", o.URI())
	}
	step := max(p.RangeBytes, (size-from+maxRanges-1)/maxRanges, 1)
	n := int(max((size-from+step-1)/step, 1))
	found := make([]*table.Section, n)
	ends := make([]int64, n) // line ends of each
	at := func(i int) int64 { return min(from+int64(i)*step, size) }
	var mu sync.Mutex
	done := int64(0)
	err = each(ctx, n, p.Workers, func(ctx context.Context, i int) error {
		var err error
		found[i], ends[i], err = p.look(ctx, o, at(i), at(i+1), from)
		mu.Lock()
		defer mu.Unlock()
		if done += at(i+1) - at(i); p.Progress != nil {
			p.Progress(done, size)
		}
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	state, lines := table.Outside, h.lines
	for i, section := range found {
		cut, end := section.Resolve(state)
		if cut.At >= 0 && at(i)+cut.At < size || i == 0 {
			ranges = append(ranges, scale.Range{Number: len(ranges), Start: at(i) + max(cut.At, 0), Lines: lines + max(cut.Lines, 0)})
		}
		state = end
		lines += ends[i]
	}
	for i := range ranges {
		ranges[i].End = size
		if i+1 < len(ranges) {
			ranges[i].End = ranges[i+1].Start
		}
	}
	return ranges, lines, nil
}

// look reads one section.
func (p *spread) look(ctx context.Context, o storage.Object, start, end, first int64) (*table.Section, int64, error) {
	from, to := start, min(end+1, o.Size()) // with the byte behind it
	if start > first {
		from-- // and the one before
	}
	r, err := storage.Section(ctx, o, from, to)
	if err != nil {
		return nil, 0, fmt.Errorf("input: %w", err)
	}
	defer func() { _ = r.Close() }()
	one := func() (int, error) {
		b := make([]byte, 1)
		_, err := io.ReadFull(r, b)
		return int(b[0]), err
	}
	prev, next := -1, -1
	if from < start {
		if prev, err = one(); err != nil {
			return nil, 0, readError(err, o.URI(), 1)
		}
	}
	section := table.NewSection(p.Dialect, prev)
	if _, err := io.CopyN(section, r, end-start); err != nil {
		return nil, 0, readError(err, o.URI(), 1)
	}
	if to > end {
		if next, err = one(); err != nil {
			return nil, 0, readError(err, o.URI(), 1)
		}
	}
	return section, section.End(next), nil
}

// each does something for every number below n, at most so many at once, until
// the first error.
func each(parent context.Context, n, atOnce int, do func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	var wait sync.WaitGroup
	next := make(chan int)
	for range min(max(atOnce, 1), max(n, 1)) {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for i := range next {
				if err := do(ctx, i); err != nil {
					cancel(err)
					return
				}
			}
		}()
	}
	for i := range n {
		select {
		case next <- i:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(next)
	wait.Wait()
	return context.Cause(ctx)
}
