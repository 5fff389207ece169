package job

import (
	"context"
	"fmt"
	"slices"

	"ds-pipeline/preprocess/contract"
	"ds-pipeline/preprocess/frame"
	"ds-pipeline/preprocess/storage"
	"ds-pipeline/preprocess/table"
)

// Checked says what a check has found to be right.
type Checked struct {
	Input, Model string   // "" for none
	Columns      []string // of the input
	Result       []string // columns that a run would make; nil if a script comes before or after the model
	Steps        string   // the model in words
	Records      int64    // that were tried; none of Parquet
	Rejected     int64    // of those; a run may take them yet if it reads more
	Why          string   // the first reason to reject one, with the line
}

// CheckModel reads a model as a run would.
func CheckModel(ctx context.Context, u storage.URI, env Env) (Checked, error) {
	m, _, err := loadModel(ctx, storage.New(), u, env.Log)
	if err != nil {
		return Checked{}, explained(err)
	}
	return Checked{Model: u.String(), Steps: m.Describe()}, nil
}

// Check does what a run does before it writes anything: it reads the model and the
// beginning of the input, binds the model to the header and transforms the first
// records. It says what a run would refuse. The rest of the input is not read.
func Check(ctx context.Context, s Settings, env Env) (Checked, error) {
	store := storage.New()
	m, _, err := loadModel(ctx, store, s.Model, env.Log)
	if err != nil {
		return Checked{}, explained(err)
	}
	in, err := openInputs(ctx, store, s)
	if err != nil {
		return Checked{}, explained(err)
	}
	defer in.close()
	if s.unnamed && len(in.uris) > 0 {
		if err := in.detect(ctx, &s); err != nil {
			return Checked{}, err
		}
	}
	p := &runPass{Settings: s, Env: env, store: store, model: m, in: in, sum: Summary{Input: s.Input.String(), Model: s.Model.String()}}
	return p.check(ctx)
}

func (p *runPass) check(ctx context.Context) (Checked, error) {
	feed, err := openFeed(ctx, p.Settings, p.in)
	if err != nil {
		return Checked{}, err
	}
	defer feed.close()
	if p.Script != (storage.URI{}) && p.ScriptStage == contract.ScriptBefore {
		// Only the script knows what columns the model gets, and it is not run.
		header, _, err := feed.readNames(p.sizes().first)
		return Checked{Input: p.sum.Input, Model: p.sum.Model, Columns: slices.Clone(header), Steps: p.model.Describe()}, err
	}
	b, err := p.prepare(ctx, feed)
	if err != nil {
		return Checked{}, err
	}
	checked := Checked{Input: p.sum.Input, Model: p.sum.Model, Columns: slices.Clone(b.header), Result: b.names, Steps: p.model.Describe()}
	if p.Script != (storage.URI{}) {
		checked.Result = nil // the script changes them
	}
	if p.Parquet {
		return checked, nil // its records have types, so that few can be wrong
	}
	err = p.try(feed, b, &checked)
	return checked, err
}

// try transforms the records of the first block and keeps nothing of them.
func (p *runPass) try(feed *feed, bound *bound, checked *Checked) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = PanicError(r)
		}
	}()
	first, plan := bound.first, bound.plan
	t := &transformer{runPass: p, feed: feed, plan: plan, program: bound.program, result: &result{writer: nowhere{}}, seen: make([]bool, plan.layout.Fields)}
	w, b := t.newWorker(), t.newBlock()
	b.data = first
	w.parser.Reset(first, feed.Offset()-int64(len(first)))
	for batch := w.parser.Next(maxRows); batch != nil; batch = w.parser.Next(maxRows) {
		if err := w.transform(b, batch); err != nil {
			return err
		}
	}
	checked.Records, checked.Rejected = table.CountRecords(p.Dialect, plan.layout.Fields, first), int64(len(b.rejected))
	if len(b.rejected) > 0 {
		r := b.rejected[0]
		line := max(feed.lead, 0) + int64(p.Dialect.LineEnds(first[:r.start])) + 1
		checked.Why = fmt.Sprintf("line %d: %s", line, r.reason)
		if r.column != "" {
			checked.Why = fmt.Sprintf("line %d: column %q: %s", line, r.column, r.reason)
		}
	}
	// Later records may show that a column is of another kind, and then these may be
	// right, unless nothing can make them so.
	if len(b.rejected) == 0 || !p.MaxRejects.none() {
		return nil
	}
	_, end := feed.Next(nil, p.sizes().first)
	if b.always > 0 || table.AtEnd(end) {
		return fail(contract.ExitData, "input %s: %s", checked.Input, checked.Why)
	}
	return nil
}

// nowhere writes nothing.
type nowhere struct{}

func (nowhere) begin() error            { return nil }
func (nowhere) newEncoder() encoder     { return nowhere{} }
func (nowhere) add(*block) (int, error) { return 0, nil }
func (nowhere) close() error            { return nil }
func (nowhere) abandon()                {}

func (nowhere) append(*block, *table.Batch, []frame.Column) {}
func (nowhere) finish(*block)                               {}
