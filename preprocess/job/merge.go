package job

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"ds-pipeline/preprocess/contract"
	"ds-pipeline/preprocess/manifest"
	"ds-pipeline/preprocess/scale"
	"ds-pipeline/preprocess/storage"
	"ds-pipeline/preprocess/table"
)

// mergeAtOnce is how many records and statistics of parts a merge reads, and
// results it publishes, at the same time.
const mergeAtOnce = 16

// merge puts the parts of a run together.
type merge struct {
	*spread
	plan   *scale.Plan // nil for one result per object
	start  scale.Start // of this round
	before *place
	newest *place
	began  time.Time
	sum    Summary

	all     []mergeItem     // in the order of their keys, or of their ranges
	handed  map[string]bool // ids of the items of this round
	failed  map[string]bool // of those, the ones whose execution failed
	missing []scale.Item
	common  *scale.Common
	first   *scale.Part // the first part that has columns
	total   totals
	unseen  error // of wanted columns that no record has
}

// mergeItem is what is kept of a part: its record is read again when it is needed.
type mergeItem struct {
	scale.Item
	done    bool
	kept    bool   // its result is that of an earlier run
	kinds   string // as JSON, the same text for the same kinds
	facts   string // of all records, as text
	input   manifest.Object
	output  manifest.Object
	rejects bool
	header  string

	statistics *manifest.Object // nil for none
}

// totals are of all parts.
type totals struct {
	rows          manifest.Rows
	columns       manifest.Columns
	bytesIn       int64
	bytesText     int64
	always        int64
	endless       bool
	all, accepted []table.Facts
	seen          []bool
}

// Merge checks that every item was done once, and with the same kinds of columns
// everywhere, and publishes the result. If some parts have to be done again, it
// says what they are to start from and which they are, and fails with
// contract.ExitAnotherRound. It can be called again whenever it was killed.
func Merge(ctx context.Context, s Settings, sp Spread, env Env) (Summary, error) {
	p, err := newSpread(ctx, s, sp, env)
	m := &merge{spread: p, began: time.Now(), sum: Summary{Input: s.Input.String(), Model: s.Model.String(), Output: s.target().String(), Period: s.Period, Workers: s.Workers}}
	if err == nil {
		err = m.run(ctx)
	}
	m.sum.Elapsed = time.Since(m.began)
	return m.sum, interrupted(ctx, err)
}

func (m *merge) run(ctx context.Context) error {
	done, err := m.published(ctx)
	if done || err != nil {
		return err
	}
	if err = m.merge(ctx); err == nil || ExitStatus(err) == contract.ExitAnotherRound {
		return err
	}
	// Another merge of the same run may have been faster, and have cleaned up.
	if done, perr := m.published(ctx); done && perr == nil {
		return nil
	}
	return err
}

// published tells whether the run has published, and sees to it that nothing is
// left to be done then.
func (m *merge) published(ctx context.Context) (bool, error) {
	var err error
	if m.before, err = look(ctx, m.store, m.target()); err != nil {
		return false, err
	}
	if m.Period != "" {
		if m.newest, err = look(ctx, m.store, m.Output); err != nil {
			return false, err
		}
	}
	last := m.before.last
	if last == nil || last.Scale == nil || last.Scale.Run != m.Run {
		return false, nil
	}
	if m.newest != nil && last.Newest.Replaced && !m.newest.copies(m.before) && (m.newest.last == nil || m.newest.last.Period <= last.Period) {
		done := published{m.before.output, m.before.rejects, m.before.report, m.before.manifest}
		if err := replaceNewest(ctx, m.store, m.newest, done); err != nil {
			return false, err
		}
	}
	m.sum.told(m.before)
	m.sum.Repeated = true
	return true, m.clean(ctx, last)
}

func (m *merge) merge(ctx context.Context) error {
	var err error
	if m.plan, err = readRecord[scale.Plan](ctx, m.spread, m.file(scalePlan)); err != nil {
		return err
	}
	if m.start, err = m.spread.start(ctx); err != nil {
		return err
	}
	if err := m.findItems(ctx); err != nil {
		return err
	}
	if err := m.readParts(ctx); err != nil {
		return err
	}
	if err := m.checkMissing(); err != nil {
		return err
	}
	if err := m.checkInputs(); err != nil {
		return err
	}
	if done, err := m.repeated(ctx); done || err != nil {
		return err
	}
	if err := m.settle(ctx); err != nil {
		return err
	}
	return m.publish(ctx)
}

// repeated tells whether an earlier run has done the same, so that nothing is to
// be done. What only some of the items have of it is done again.
func (m *merge) repeated(ctx context.Context) (bool, error) {
	var kept []scale.Item
	for _, item := range m.all {
		if item.kept {
			kept = append(kept, item.Item)
		}
	}
	if len(kept) == 0 {
		return false, nil
	}
	last := m.before.last
	if len(kept) == len(m.all) && len(m.missing) == 0 && last != nil && last.Scale != nil && m.newest != nil &&
		m.before.holds(m.before.rejects, last.Rejects) && (m.plan != nil || len(last.Inputs) == len(m.all)) {
		done, err := repeat(ctx, m.store, m.before, m.newest, &m.sum)
		if err != nil {
			return false, err
		}
		if done {
			if m.plan != nil {
				if err := m.store.Discard(ctx, m.target(), m.plan.Held); err != nil {
					m.Log.Warn("cleaning up: " + err.Error())
				}
			}
			return true, m.clean(ctx, last)
		}
	}
	return false, m.another(ctx, scale.Start{Force: true}, kept, fmt.Sprintf("%d of %d results of an earlier run are not all of this one", len(kept), len(m.all)))
}

// findItems finds the items of the run, and those of this round, each of which
// has to have been handed out once.
func (m *merge) findItems(ctx context.Context) error {
	m.handed, m.failed = map[string]bool{}, map[string]bool{}
	var handed []scale.Item
	var twice []error
	err := m.eachResult(ctx, func(item scale.Item, failed bool) error {
		item, err := m.unescaped(item)
		if err != nil {
			return err
		}
		if !m.wanted(item) {
			return nil
		}
		id := item.ID()
		if m.handed[id] {
			if len(twice) < namedSpots {
				twice = append(twice, fmt.Errorf("%s was handed out twice", item))
			}
			return nil
		}
		if len(handed) == scale.MaxItems {
			return fail(contract.ExitData, "results %s: more than %d items", m.Results, scale.MaxItems)
		}
		m.handed[id] = true
		if failed {
			m.failed[id] = true
		}
		handed = append(handed, item)
		return nil
	})
	if err == nil && len(twice) > 0 {
		err = fail(contract.ExitData, "results %s: %w", m.Results, errors.Join(twice...))
	}
	if err != nil {
		return err
	}
	if m.Round > 1 || m.plan != nil {
		want, err := m.readItems(ctx, m.itemsFile(m.Round))
		if err != nil {
			return err
		}
		if err := m.sameItems(handed, want); err != nil {
			return err
		}
	}
	m.handed = nil
	all := handed
	if m.Round > 1 {
		if all, err = m.readItems(ctx, m.file(scaleAll)); err != nil {
			return err
		}
	}
	if len(all) == 0 {
		return fail(contract.ExitNoInput, "input %s: the map has handed out none of its objects", m.Input)
	}
	slices.SortFunc(all, func(a, b scale.Item) int {
		if a.Range != nil && b.Range != nil {
			return cmp.Compare(a.Number, b.Number)
		}
		return strings.Compare(a.Key, b.Key)
	})
	m.all = make([]mergeItem, len(all))
	for i, item := range all {
		if (item.Range != nil) != (m.plan != nil) {
			return fail(contract.ExitData, "results %s: %s: want ranges of one object with a plan, and only then", m.Results, item)
		}
		m.all[i].Item = item
	}
	return nil
}

// eachResult calls each with every item that the map has handed out.
func (m *merge) eachResult(ctx context.Context, each func(item scale.Item, failed bool) error) error {
	text, err := m.store.ReadAll(ctx, m.Results, scale.MaxResultsBytes)
	if err != nil {
		return fmt.Errorf("results: %w", err)
	}
	wrong := func(u storage.URI, err error) error {
		if err == nil || errors.As(err, new(*Error)) || errors.As(err, new(*storage.Error)) {
			return err
		}
		return fail(contract.ExitData, "results %s: %w", u, err)
	}
	if strings.HasPrefix(strings.TrimSpace(string(text)), "[") {
		return wrong(m.Results, scale.ReadItems(strings.NewReader(string(text)), func(i scale.Item) error { return each(i, false) }))
	}
	results, err := scale.ReadResults(text)
	if err != nil {
		return wrong(m.Results, err)
	}
	for i, key := range slices.Concat(results.Done, results.Failed) {
		u := storage.URI{Bucket: results.Bucket, Key: key}
		if !m.Results.IsS3() {
			u = storage.URI{Path: contract.Beside(m.Results.Path, path.Base(key))}
		}
		if err := m.read(ctx, u, func(r io.Reader) error {
			return scale.ReadExecutions(r, func(items []scale.Item) error {
				for _, item := range items {
					if err := each(item, i >= len(results.Done)); err != nil {
						return err
					}
				}
				return nil
			})
		}); err != nil {
			return wrong(u, err)
		}
	}
	return nil
}

// read reads an object to its end.
func (s *spread) read(ctx context.Context, u storage.URI, use func(io.Reader) error) error {
	o, err := s.store.Open(ctx, u)
	if err != nil {
		return err
	}
	defer func() { _ = o.Close() }()
	r, err := o.Reader(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	return use(r)
}

// readItems reads a list of items of this run.
func (m *merge) readItems(ctx context.Context, u storage.URI) (items []scale.Item, err error) {
	err = m.read(ctx, u, func(r io.Reader) error {
		return scale.ReadItems(r, func(i scale.Item) error {
			if len(items) == scale.MaxItems {
				return fail(contract.ExitData, "items %s: more than %d", u, scale.MaxItems)
			}
			items = append(items, i)
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("items: %w", err)
	}
	return items, nil
}

// sameItems says which items were not handed out, or should not have been.
func (m *merge) sameItems(handed, want []scale.Item) error {
	var problems []error
	wanted := map[string]bool{}
	for _, item := range want {
		wanted[item.ID()] = true
		if !m.handed[item.ID()] && len(problems) < namedSpots {
			problems = append(problems, fmt.Errorf("%s is an item of %s, but was not handed out", item, roundText(m.Round)))
		}
	}
	for _, item := range handed {
		if !wanted[item.ID()] && len(problems) < namedSpots {
			problems = append(problems, fmt.Errorf("%s was handed out, but is no item of %s", item, roundText(m.Round)))
		}
	}
	if len(problems) > 0 {
		return &Error{contract.ExitData, list("results "+m.Results.String(), problems)}
	}
	return nil
}

// readParts reads the records of all parts, and keeps little of each.
func (m *merge) readParts(ctx context.Context) error {
	known := map[string]int{}
	for i, item := range m.all {
		known[m.partFile(item.Item, partSuffix).String()] = i
	}
	// What is there beside them belongs to items that nobody was to do.
	err := m.store.Each(ctx, m.file(scaleParts), func(u storage.URI) error {
		if _, ok := known[u.String()]; !ok && strings.HasSuffix(name(u), partSuffix) {
			return fail(contract.ExitData, "%s is the record of an item that the map has not handed out; start the run again", u)
		}
		return nil
	})
	if err != nil {
		return err
	}
	var mu sync.Mutex
	texts := map[string]string{}
	same := func(v any) string { // of which there are few that differ
		text, _ := json.Marshal(v)
		if at, ok := texts[string(text)]; ok {
			return at
		}
		texts[string(text)] = string(text)
		return string(text)
	}
	return each(ctx, len(m.all), mergeAtOnce, func(ctx context.Context, i int) error {
		item := &m.all[i]
		u := m.partFile(item.Item, partSuffix)
		part, err := readRecord[scale.Part](ctx, m.spread, u)
		if err != nil || part == nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		switch {
		case part.Item.Key != item.Key || part.Item.ETag != item.ETag || part.Item.Size != item.Size || !reflect.DeepEqual(part.Item.Range, item.Range):
			return fail(contract.ExitData, "%s is of %s with the ETag %q, but what was handed out is %s with %q; start the run again", u, part.Item, part.Item.ETag, item, item.ETag)
		case m.common == nil:
			m.common = &part.Common
		case !agree(part.Common, *m.common):
			return fail(contract.ExitConfig, "%s was made by another program, with another model or with other settings than other parts of the run; start the run again", u)
		}
		if m.failed[item.ID()] && !reflect.DeepEqual(part.Start, m.start) {
			return nil // it is of an earlier round
		}
		item.done = true
		if part.Kept != nil {
			item.kept = true
			return nil
		}
		item.kinds, item.facts, item.header = same(part.Kinds), same(part.Facts.All), same(struct {
			Header []string
			Types  string
		}{part.Header, part.Types})
		item.input, item.rejects = part.Input, part.Rejects != nil
		item.statistics = part.Statistics
		item.output = manifest.Object{URI: part.Output, Size: part.Held.Size, Checksum: part.Sum}
		return m.total.add(part)
	})
}

// add adds a part.
func (t *totals) add(p *scale.Part) error {
	t.rows.In += p.Rows.In
	t.rows.Out += p.Rows.Out
	t.rows.Rejected += p.Rows.Rejected
	t.rows.Filtered += p.Rows.Filtered
	t.bytesIn += p.Bytes.In
	t.bytesText += p.Bytes.Out
	t.columns = p.Columns
	t.always += p.Always
	t.endless = t.endless || p.Endless
	if p.Header == nil {
		return nil // nothing was in it
	}
	if t.all == nil {
		t.all, t.accepted = make([]table.Facts, len(p.Facts.All)), make([]table.Facts, len(p.Facts.All))
	}
	if len(p.Facts.All) != len(t.all) {
		return fail(contract.ExitData, "item %s: %d columns of the model, want %d", p.Item, len(p.Facts.All), len(t.all))
	}
	for i := range t.all {
		t.all[i] |= p.Facts.All[i]
		if i < len(p.Facts.Accepted) {
			t.accepted[i] |= p.Facts.Accepted[i]
		}
	}
	if len(t.seen) < len(p.Seen) {
		t.seen = append(t.seen, make([]bool, len(p.Seen)-len(t.seen))...)
	}
	for i, seen := range p.Seen {
		t.seen[i] = t.seen[i] || seen
	}
	return nil
}

// checkMissing tells which items were not done, and whether the run goes on
// without them.
func (m *merge) checkMissing() error {
	kept := m.all[:0]
	n := len(m.all)
	for _, item := range m.all {
		if !item.done {
			m.missing = append(m.missing, item.Item)
			continue
		}
		kept = append(kept, item)
	}
	m.all = kept
	if len(m.missing) == 0 {
		return nil
	}
	names := ""
	for _, item := range m.missing[:min(len(m.missing), namedSpots)] {
		names += "\n  " + item.String()
	}
	if len(m.missing) > namedSpots {
		names += "\n  ..."
	}
	if m.plan != nil || len(kept) == 0 || m.MaxMissing.exceeded(int64(len(m.missing)), int64(n)) {
		return fail(contract.ExitData, "input %s: %d of %d items were not done (--max-missing is %s); nothing was published:%s", m.Input, len(m.missing), n, m.MaxMissing, names)
	}
	m.Log.Warn(fmt.Sprintf("%d of %d objects were not done and are not in the result (--max-missing is %s):%s", len(m.missing), n, m.MaxMissing, names))
	return nil
}

// checkInputs sees whether the objects have the same columns, and settles what
// the columns of JSON lines are.
func (m *merge) checkInputs() error {
	if m.common == nil {
		return fail(contract.ExitData, "input %s: no part was done", m.Input)
	}
	m.Parquet, m.Dialect.JSON = m.common.Settings.InputFormat == "parquet", m.common.Settings.InputFormat == "jsonl"
	if mine, err := m.spread.common(m.formatted()); err != nil {
		return err
	} else if !agree(mine, *m.common) {
		return fail(contract.ExitConfig, "input %s: its parts were made by another program, with another model or with other settings than this merge has; start the run again", m.Input)
	}
	return nil
}

// formatted are the settings with the format of the input that its parts have
// found.
func (m *merge) formatted() Settings {
	s := m.Settings
	if s.unnamed && s.Parquet {
		s.Dialect = table.CSV
		if !s.nullsSet {
			s.Nulls = nil
		}
	}
	return s
}

// settle tells whether all parts have read the columns as the whole has them, and
// else prepares another round.
func (m *merge) settle(ctx context.Context) error {
	m.Settings = m.formatted()
	u := storage.URI{}
	for _, item := range m.all {
		part, err := readRecord[scale.Part](ctx, m.spread, m.partFile(item.Item, partSuffix))
		if err != nil {
			return err
		}
		if part != nil && part.Header != nil {
			m.first, u = part, m.uriOf(item.Item)
			break
		}
	}
	if m.first == nil {
		return fail(contract.ExitData, "input %s: %w", m.Input, table.ErrNoRecord)
	}
	next := scale.Start{Refined: m.start.Refined, Force: m.start.Force}
	if m.Dialect.JSON && m.plan == nil {
		next.Header = m.first.Header
	}
	header, _ := json.Marshal(struct {
		Header []string
		Types  string
	}{m.first.Header, m.first.Types})
	var again []scale.Item
	why := ""
	for _, item := range m.all {
		switch {
		case item.header == string(header):
		case m.Dialect.JSON:
			again = append(again, item.Item)
			why = "the first record of " + item.Key + " has other keys than that of " + u.String()
		default:
			if err := m.otherHeader(ctx, u, item.Item); err != nil {
				return err
			}
		}
	}
	if len(again) > 0 {
		next.Facts = nil
		return m.another(ctx, next, again, why)
	}
	if m.Parquet {
		return m.settleParquet(ctx, next)
	}
	if len(next.Header) > 0 && m.start.Header == nil {
		next.Header = nil // all have the same of their own
	}

	pass := &runPass{Settings: m.Settings, Env: m.Env, model: m.model, facts: m.total.all, refined: m.start.Refined > 0, sum: m.sum}
	pl, err := m.bind()
	if err != nil {
		return err
	}
	if len(pl.layout.Inputs) != len(m.total.all) {
		return fail(contract.ExitData, "%d columns of the model, but the parts have %d", len(pl.layout.Inputs), len(m.total.all))
	}
	if _, err := pass.compile(pl, pass.kinds(pl)); err != nil {
		return err
	}
	want, _ := json.Marshal(kindsOf(pl))
	for _, item := range m.all {
		if item.kinds != string(want) {
			again = append(again, item.Item)
		}
	}
	if len(again) > 0 {
		next.Facts = m.total.all
		return m.another(ctx, next, again, fmt.Sprintf("%d of %d parts have seen other kinds of columns than all of them have", len(again), len(m.all)))
	}
	rows := m.total.rows
	if (rows.Rejected > 0 || pass.refined) && rows.Rejected < rows.In && !m.MaxRejects.none() && !m.MaxRejects.exceeded(m.total.always, rows.In) {
		t := &transformer{runPass: pass, plan: pl}
		if contradiction := t.refine(m.total.accepted); contradiction != nil {
			if next.Refined++; next.Refined > maxRefined {
				return pass.undecided(contradiction)
			}
			next.Facts = pass.facts
			for _, item := range m.all {
				again = append(again, item.Item)
			}
			return m.another(ctx, next, again, contradiction.Error())
		}
	}
	m.unseen = pl.unseen(m.total.seen)
	return nil
}

// bind binds the model to the columns that all parts have.
func (m *merge) bind() (*plan, error) {
	fields := m.first.Header
	if m.Dialect.JSON {
		fields = keys(m.model, fields, m.Settings)
	}
	return bind(m.model, fields, m.Settings)
}

// settleParquet is settle where schemas say what columns are: only whole numbers,
// and true and false, with nulls in some object are something else in all of them.
func (m *merge) settleParquet(ctx context.Context, next scale.Start) error {
	var again []scale.Item
	all, _ := json.Marshal(m.total.all)
	kinds := ""
	for _, item := range m.all {
		switch {
		case item.facts != string(all):
			again = append(again, item.Item)
		case kinds == "":
			kinds = item.kinds
		case kinds != item.kinds:
			return fail(contract.ExitData, "input %s: its columns are of other types than those of other objects", m.uriOf(item.Item))
		}
	}
	if len(again) == 0 {
		return nil
	}
	next.Facts = m.total.all
	return m.another(ctx, next, again, fmt.Sprintf("columns of %d objects without nulls have some in others", len(again)))
}

func (m *merge) uriOf(i scale.Item) storage.URI {
	u, _ := m.input(i)
	return u
}

// otherHeader says how the header of an object differs from the first one's.
func (m *merge) otherHeader(ctx context.Context, first storage.URI, i scale.Item) error {
	part, err := readRecord[scale.Part](ctx, m.spread, m.partFile(i, partSuffix))
	if err != nil || part == nil {
		return err
	}
	f := &feed{settings: m.Settings, in: &inputs{uris: []storage.URI{first, m.uriOf(i)}}, index: 1, header: m.first.Header}
	if err := f.sameHeader(part.Header); err != nil {
		return err
	}
	return fail(contract.ExitData, "input %s: its columns are of other types than those of %s", m.uriOf(i), first)
}

// another asks for another round.
func (m *merge) another(ctx context.Context, start scale.Start, items []scale.Item, why string) error {
	next := m.Round + 1
	if next > contract.ScaleMaxRounds {
		return fail(contract.ExitData, "input %s: after %d rounds still %s; nothing was published", m.Input, m.Round, why)
	}
	everything := func(yield func(scale.Item) bool) {
		for _, item := range m.all {
			if !yield(item.Item) {
				return
			}
		}
		for _, item := range m.missing {
			if !yield(item) {
				return
			}
		}
	}
	for _, w := range []struct {
		u     storage.URI
		items []scale.Item
	}{{m.file(scaleAll), slices.Collect(everything)}, {m.itemsFile(next), items}} {
		text, err := json.Marshal(w.items)
		if err == nil && w.u == m.itemsFile(next) {
			err = writeRecord(ctx, m.spread, m.file(scaleStart(next)), scale.Round{Schema: scale.RoundSchema, Number: next, Start: start}, storage.Condition{})
		}
		if err == nil {
			err = m.write(ctx, w.u, append(text, '\n'), storage.Condition{})
		}
		if err != nil {
			return fmt.Errorf("items of %s: %w", roundText(next), err)
		}
	}
	return fail(contract.ExitAnotherRound, "%s is needed: %s; %d items are in %s", roundText(next), why, len(items), m.itemsFile(next))
}
