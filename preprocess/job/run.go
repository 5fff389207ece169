// Package job runs one preprocessing, start to finish: it settles the settings,
// reads the model, streams the input through it and publishes the result.
package job

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"ds-pipeline/preprocess/contract"
	"ds-pipeline/preprocess/frame"
	"ds-pipeline/preprocess/manifest"
	"ds-pipeline/preprocess/model"
	"ds-pipeline/preprocess/script"
	"ds-pipeline/preprocess/storage"
	"ds-pipeline/preprocess/table"
)

// MaxModelBytes bounds the file of a model.
const MaxModelBytes = 512 << 20

// Env is what a run needs from its surroundings.
type Env struct {
	Log *slog.Logger
	// Progress is told how many bytes of the input are done, of how many (-1 if
	// unknown). It is called from one goroutine at a time; nil for none.
	Progress func(done, size int64)
	// Version and Image are for the manifest: of the program, and the digest of
	// the container's image, "" if there is none.
	Version, Image string
}

// Summary says what a run did.
type Summary struct {
	Input, Model, Output string
	RowsIn               int64
	RowsOut              int64
	RowsRejected         int64
	RowsFiltered         int64  // less than 0 if a script adds rows
	Rejects              string // where the rejected records are; "" if there are none
	Manifest             string
	Period               string // "" for none
	Newest               string // the newest result, if this one took its place
	ColumnsIn            int
	ColumnsOut           int
	Inputs               []InputRows // of each object; nil if one was named
	BytesIn              int64       // of text: unpacked, in UTF-8; of Parquet as it is stored
	BytesOut             int64
	BytesText            int64  // of the result, before compression
	Report               string // "" if there is none
	Drift                Drift
	// Repeated says that nothing was done, as a run before has done the same: its
	// counts are told, and Finished is when it published.
	Repeated bool
	Finished time.Time
	Workers  int
	Elapsed  time.Duration
}

// InputRows is how many records an object had, rejected ones included.
type InputRows struct {
	Input string
	Rows  int64
}

// MBPerSecond is the input's megabytes (1e6 bytes) per second.
func (s Summary) MBPerSecond() float64 {
	return float64(s.BytesIn) / 1e6 / max(s.Elapsed.Seconds(), 1e-9)
}

// loadModel reads a model, telling its warnings to log.
func loadModel(ctx context.Context, store *storage.Store, u storage.URI, log *slog.Logger) (*model.Model, manifest.Object, error) {
	data, version, err := store.ReadVersion(ctx, u, MaxModelBytes)
	if err != nil {
		return nil, manifest.Object{}, fmt.Errorf("model: %w", hinted(ctx, store, err))
	}
	m, err := model.Load(data)
	if err != nil {
		return nil, manifest.Object{}, fail(contract.ExitData, "model %s: %w", u, err)
	}
	for _, w := range m.Warnings() {
		log.Warn("model: " + w)
	}
	return m, manifest.Object{URI: u.String(), Size: int64(len(data)), Version: version, Checksum: sum(data)}, nil
}

// Run preprocesses s.Input with s.Model and publishes s.Output, and then what
// belongs beside it; of a period first in its folder, and then s.Output and the
// rest as copies. On an error nothing is published, unless the error says so.
func Run(ctx context.Context, s Settings, env Env) (Summary, error) {
	sum, err := run(ctx, s, env)
	if err != nil && ctx.Err() != nil && (!errors.As(err, new(*Error)) || errors.As(err, new(*script.Error))) {
		// Whatever failed, it failed because of the interruption.
		err = ErrInterrupted
	}
	return sum, explained(err)
}

func run(ctx context.Context, s Settings, env Env) (Summary, error) {
	start := time.Now()
	newestURI := s.Output
	sum := Summary{Input: s.Input.String(), Model: s.Model.String(), Output: s.target().String(), Period: s.Period, Workers: s.Workers}
	store := storage.New()
	store.Warn = func(err error) { env.Log.Warn("cleaning up: " + err.Error()) }
	before, err := look(ctx, store, s.target())
	if err != nil {
		return sum, err
	}
	var newest *place
	if s.Period != "" {
		if newest, err = look(ctx, store, newestURI); err != nil {
			return sum, err
		}
	}
	m, modelFile, err := loadModel(ctx, store, s.Model, env.Log)
	if err != nil {
		return sum, err
	}
	code, err := s.fetchCode(ctx, store, env.Log)
	if err != nil {
		return sum, err
	}
	defer code.remove()
	in, err := openInputs(ctx, store, s)
	if err != nil {
		return sum, err
	}
	defer in.close()
	if s.unnamed && len(in.uris) > 0 {
		if err := in.detect(ctx, &s); err != nil {
			return sum, err
		}
	}
	s.Output = s.target()
	if s.Period != "" {
		if err := store.MakeFolder(s.Output); err != nil {
			return sum, fmt.Errorf("output: %w", err)
		}
	}
	if again, err := s.repeats(ctx, before, in, modelFile, code); err != nil {
		return sum, err
	} else if again {
		done, err := repeat(ctx, store, before, newest, &sum)
		if err != nil || done {
			sum.Elapsed = time.Since(start)
			return sum, err
		}
	}
	if err := code.unpack(s.PackageLimits); err != nil {
		return sum, err
	}
	prepared := time.Now()

	first := &runPass{Settings: s, Env: env, store: store, model: m, in: in, modelFile: modelFile, before: before, newest: newest,
		started: start, prepared: prepared, sum: sum, code: code, given: s}
	last, err := first.settle(ctx)
	for _, one := range last.sum.Inputs {
		if err == nil {
			env.Log.Info("counted", "input", one.Input, "rows", one.Rows)
		}
	}
	last.sum.Elapsed = time.Since(start)
	return last.sum, err
}

// settle goes over the input until the kinds of its columns are right, and
// returns the last pass, of which this one is the start. The kinds are guessed
// from the first block, unless they are known. If a later block contradicts, the
// pass ends with the facts of the rest of the input, and the next one starts from
// them; it can learn more, as facts only add up. If records that it rejects have
// shown what no other has, another pass goes without these, until nothing changes.
func (p *runPass) settle(ctx context.Context) (*runPass, error) {
	next, refined := *p, 0
	for pass := 1; ; pass++ {
		now := next
		err := now.run(ctx)
		var contradiction *contradictionError
		if !errors.As(err, &contradiction) {
			return &now, err
		}
		switch {
		case contradiction.refine:
			refined++
		case pass > maxPasses && (p.code == nil || pass > maxPasses+maxScriptPasses):
			return &next, &storage.Error{Op: "read", URI: p.Input, Kind: storage.ErrChanged}
		}
		if refined > maxRefined {
			return &next, p.undecided(contradiction)
		}
		p.Log.Info("starting again: "+contradiction.Error(), "input", p.sum.Input)
		next.facts, next.scriptFacts, next.forms = now.facts, now.scriptFacts, now.forms
		if contradiction.ofScript {
			next.facts, refined = nil, 0 // what the script gave back may change
		}
		next.refined = p.refined || refined > 0
	}
}

// undecided says that no kind of a column is right.
func (p *runPass) undecided(contradiction *contradictionError) error {
	return fail(contract.ExitData, "input %s: column %q: which records are rejected depends on the kind of the column, and that on which are rejected; remove the rejected records and run again",
		p.sum.Input, contradiction.column)
}

// maxPasses bounds the passes in which cells show further kinds. A column's kind
// changes at most three times, from whole numbers or bools over numbers to text.
const maxPasses = 8

// maxScriptPasses is how many more a script may need, for the columns that it gets
// and the forms of those that it gives back.
const maxScriptPasses = 8

// maxRefined is how often a run looks for kinds that the records that are not
// rejected agree with.
const maxRefined = 4

// contradictionError says that a column is not what its first records showed,
// or, to refine, not what the rejected records showed.
type contradictionError struct {
	column   string
	was, now frame.Kind
	refine   bool

	ofScript bool   // of a column that the script gets or gives back
	reason   string // in place of the rest
}

func (e *contradictionError) Error() string {
	switch {
	case e.reason != "":
		return e.reason
	case e.was == frame.Bool && e.now == frame.BoolGaps:
		return fmt.Sprintf("column %q looked as if no cell of it was missing", e.column)
	}
	if e.refine {
		return fmt.Sprintf("column %q looked like %s because of rejected records, but is %s", e.column, kindName(e.was), kindName(e.now))
	}
	return fmt.Sprintf("column %q looked like %s at first, but is %s", e.column, kindName(e.was), kindName(e.now))
}

func kindName(k frame.Kind) string {
	switch k {
	case frame.Int:
		return "whole numbers"
	case frame.Bool:
		return "true and false"
	case frame.BoolGaps:
		return "true and false with missing cells"
	case frame.Text:
		return "text"
	}
	return "numbers"
}

// runPass is one pass over the input.
type runPass struct {
	Settings
	Env
	store     *storage.Store
	model     *model.Model
	in        *inputs
	modelFile manifest.Object
	before    *place // where the result goes
	newest    *place // where a copy goes; nil without a period
	started   time.Time
	prepared  time.Time
	facts     []table.Facts // of each input column; nil before the first pass
	sum       Summary

	code        *code         // nil for no script
	given       Settings      // before the script made something else of the input
	scriptFacts []table.Facts // of each column that the script gets; nil before the first pass
	forms       []form        // of each that it gives back; nil for none known

	refined bool // the kinds are those of the records that an earlier pass did not reject
	rejects *rejectsFile
	spots   []spot // the first few rejects

	statistics *statistics // nil for none

	part   *part // of a run that is spread; nil for a run of its own
	merged bool  // of parts
}

func (p *runPass) run(ctx context.Context) error {
	feed, err := openFeed(ctx, p.Settings, p.in)
	if err != nil {
		return err
	}
	defer feed.close()
	b, err := p.prepare(ctx, feed)
	if err != nil {
		return err
	}
	defer b.before.close()
	first, plan, program, names := b.first, b.plan, b.program, b.names
	p.sum.ColumnsIn, p.sum.ColumnsOut = b.columns, len(names)

	p.statistics = p.newStatistics(plan, program)

	out, err := p.createResult(ctx, feed, plan, program, names)
	if err != nil {
		return err
	}
	// What belongs to a result that is published is published too, even if the run
	// is told to stop meanwhile.
	p.rejects = &rejectsFile{ctx: context.WithoutCancel(ctx), store: p.store, uri: p.before.rejects.URI, before: p.before.rejects}
	var page *reportFile
	err = p.transform(ctx, feed, b.before, first, plan, program, out)
	if err == nil {
		err = feed.finish()
	}
	if after, ok := out.writer.(*afterWriter); ok && err == nil {
		err = after.finish(out)
	}
	transformed := time.Now()
	switch {
	case err != nil:
	case p.part != nil:
		err = p.hold(ctx, feed, out, b)
	default:
		if page, err = p.writeReport(context.WithoutCancel(ctx)); err == nil {
			err = p.publish(ctx, out, page, transformed)
		}
	}
	var tooMany *tooManyRejects
	if errors.As(err, &tooMany) {
		err = p.explain(tooMany)
	}
	if err != nil {
		if abort := errors.Join(out.discard(), p.rejects.discard(), page.discard()); abort != nil {
			p.Log.Error("cleaning up: " + abort.Error())
		}
		return err
	}
	if p.sum.RowsRejected > 0 {
		p.sum.Rejects = p.rejects.uri.String()
		p.Log.Warn(fmt.Sprintf("%d of %d records cannot be used; they are in %s:%s",
			p.sum.RowsRejected, p.sum.RowsIn, p.sum.Rejects, p.spotLines(p.spots, p.sum.RowsRejected)))
	}
	if page != nil {
		p.sum.Report = page.uri.String()
	}
	return nil
}

// bound is a model that has found its columns in the input.
type bound struct {
	columns int      // of the input
	before  *before  // the script that runs first; nil for none
	header  []string // of the input, or of what the script gives back
	first   []byte   // records of it that are read already
	plan    *plan
	program *model.Program
	names   []string // of the result's columns
}

// prepare reads the beginning of the input, binds the model to its columns and
// compiles it for the kinds that they seem to have.
func (p *runPass) prepare(ctx context.Context, feed *feed) (b *bound, err error) {
	header, first, err := feed.readNames(p.sizes().first)
	if err != nil {
		return nil, err
	}
	columns := len(header)
	var before *before
	if p.code != nil && p.ScriptStage == contract.ScriptBefore {
		if before, err = p.startBefore(ctx, feed, header, first); err != nil {
			return nil, err
		}
		defer func() {
			if b == nil {
				before.close()
			}
		}()
		// From here on, the input is what the script gives back.
		p.Dialect, p.Parquet = table.CSV, false
		header, first = before.runner.Names(), before.peek(p.sizes().first)
	}
	if p.Dialect.JSON {
		header = keys(p.model, header, p.Settings)
		columns = len(header)
	}
	if p.Input.IsPattern() {
		p.sum.Inputs = make([]InputRows, len(p.in.uris))
		for i, u := range p.in.uris {
			p.sum.Inputs[i].Input = u.String()
		}
	}
	plan, err := bind(p.model, header, p.Settings)
	if err != nil {
		return nil, p.bindError(err, before)
	}
	var kinds []frame.Kind
	if p.Parquet {
		if kinds, err = p.parquetKinds(ctx, feed, plan); err != nil {
			return nil, err
		}
		if err := feed.choose(plan); err != nil {
			return nil, feed.failed(err, 1)
		}
	} else {
		kinds = p.findKinds(plan, first, 0)
	}
	program, err := p.compile(plan, kinds)
	if err != nil {
		return nil, err
	}
	names, err := plan.header(program.Names())
	if err != nil {
		return nil, err
	}
	return &bound{columns: columns, before: before, header: header, first: first, plan: plan, program: program, names: names}, nil
}

// compile makes a program for the kinds, which may change on the way.
func (p *runPass) compile(plan *plan, kinds []frame.Kind) (*model.Program, error) {
	program, err := plan.binding.Compile(kinds)
	for err != nil && !p.Parquet && plan.takeFigures(model.TextColumns(err)) {
		// What is no number there makes its record useless, not the input.
		program, err = plan.binding.Compile(p.kinds(plan))
	}
	if err != nil {
		return nil, fail(contract.ExitData, "model %s: %w", p.sum.Model, err)
	}
	return program, nil
}

// incomplete says that the result is published although the run has failed.
func (p *runPass) incomplete(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	status := ExitStatus(err)
	if ctx.Err() != nil {
		status = contract.ExitTempFail
	}
	return fail(status, "the result %s is published, but not what belongs beside it; run again: %w", p.Output, err)
}

// findKinds fills the kinds of the plan's inputs, from the facts of an earlier
// pass or else from the first block.
func (p *runPass) findKinds(plan *plan, first []byte, offset int64) []frame.Kind {
	inputs := plan.layout.Inputs
	if p.facts == nil {
		p.facts = make([]table.Facts, len(inputs))
		scanner := table.NewScanner(plan.layout)
		scanner.Reset(first, offset)
		for b := scanner.Next(maxRows); b != nil; b = scanner.Next(maxRows) {
			for i, f := range b.Facts {
				p.facts[i] |= f
			}
		}
	}
	return p.kinds(plan)
}

// kinds fills the kinds of the plan's inputs from the facts.
func (p *runPass) kinds(plan *plan) []frame.Kind {
	inputs := plan.layout.Inputs
	kinds := make([]frame.Kind, len(inputs))
	for i := range inputs {
		inputs[i].Kind = inputs[i].As.Kind(p.facts[i])
		inputs[i].Open = inputs[i].As.Open(p.facts[i])
		inputs[i].Sure = p.refined
		kinds[i] = inputs[i].Kind
	}
	return kinds
}
