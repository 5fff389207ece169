package main

import (
	"context"
	"errors"
	"log/slog"

	"ds-pipeline/preprocess/contract"
	"ds-pipeline/preprocess/job"
)

// spread settles the settings of a command of a run that is spread over many
// tasks. All problems are told.
func (p program) spread(ctx context.Context, command string, c runFlags, flags job.SpreadFlags) (job.Settings, job.Spread, error) {
	spread, wrong := job.LoadSpread(command, flags, p.getenv)
	settings, err := p.settings(ctx, c)
	return settings, spread, errors.Join(wrong, err)
}

func (p program) plan(ctx context.Context, c planCommand) error {
	log, text := p.logger(c.runFlags)
	settings, spread, err := p.spread(ctx, contract.CommandPlan, c.runFlags, job.SpreadFlags{Run: c.Run, Round: c.Round, RangeMiB: c.RangeMiB})
	if err != nil {
		return p.fail(log, text, err)
	}
	env, end := p.start(log, text, settings)
	planned, err := job.Plan(ctx, settings, spread, env)
	end()
	if err != nil {
		return p.fail(log, text, err)
	}
	log.Info("planned", "input", planned.Input, "items", planned.Items, "ranges", planned.Ranges, "bytes", planned.Bytes, "lines", planned.Lines,
		"seconds", planned.Elapsed.Seconds())
	return nil
}

func (p program) part(ctx context.Context, c partCommand) error {
	log, text := p.logger(c.runFlags)
	settings, spread, err := p.spread(ctx, contract.CommandPart, c.runFlags, job.SpreadFlags{Run: c.Run, Round: c.Round, Items: c.Items})
	if err != nil {
		return p.fail(log, text, err)
	}
	env, end := p.start(log, text, settings)
	done, err := job.Part(ctx, settings, spread, env)
	end()
	if err != nil {
		return p.fail(log, text, err)
	}
	log.Info("held", slog.Int("items", len(done.Inputs)), "rows_in", done.RowsIn, "rows_out", done.RowsOut, "rows_rejected", done.RowsRejected,
		"bytes_in", done.BytesIn, "bytes_out", done.BytesOut, "seconds", done.Elapsed.Seconds(), "mb_per_second", done.MBPerSecond())
	return nil
}

func (p program) merge(ctx context.Context, c mergeCommand) error {
	log, text := p.logger(c.runFlags)
	settings, spread, err := p.spread(ctx, contract.CommandMerge, c.runFlags, job.SpreadFlags{Run: c.Run, Round: c.Round, Results: c.Results, MaxMissing: c.MaxMissing})
	if err != nil {
		return p.fail(log, text, err)
	}
	env, end := p.start(log, text, settings)
	summary, err := job.Merge(ctx, settings, spread, env)
	end()
	if job.ExitStatus(err) == contract.ExitAnotherRound {
		log.Info(err.Error(), "exit", contract.ExitAnotherRound, "meaning", exitMeaning(contract.ExitAnotherRound))
		return err
	}
	p.printMetrics(summary, err)
	return p.report(log, text, "published", summary, err)
}
