package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"os"

	"ds-pipeline/internal/review"
	"ds-pipeline/internal/simcloud/simstack"
)

// review prints what the program does to the stack, compared with its base. The
// base is planned with the rates and the account of this program, so that only
// the program and its configuration make a difference.
func (p program) review(ctx context.Context, s *simstack.Stack, flags cli) error {
	report := review.Report{Version: review.Version, Stack: s.Name, Changes: []review.Change{}, Added: []review.Grant{}, Removed: []review.Grant{}}
	err := p.compare(ctx, s, flags, &report)
	if err != nil && ctx.Err() != nil {
		return err
	}
	var failed *simstack.Error
	if errors.As(err, &failed) {
		// A comment tells it, too.
		for _, d := range failed.Diagnostics {
			report.Errors = append(report.Errors, diagnosticText(d))
		}
	} else if err != nil {
		return err
	}
	enc := json.NewEncoder(p.stdout)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return errors.Join(err, enc.Encode(report))
}

func (p program) compare(ctx context.Context, s *simstack.Stack, flags cli, report *review.Report) error {
	info, err := os.Stat(flags.Review)
	if err != nil {
		return err
	}
	report.New = info.Size() == 0
	previewed := &simstack.Result{}
	var previewErr error
	if !report.New {
		// A copy: the stack that is deployed below starts with nothing, as the base did.
		base := *s
		previewed, previewErr = p.previewFrom(ctx, &base, flags.Review)
	}
	// Of a program with mistakes this tells more of them than a preview.
	planned, err := inside(s, func() (*simstack.Result, error) { return s.Up(ctx) })
	if err := cmp.Or(err, previewErr); err != nil {
		return err
	}
	before := previewed.Resources
	report.Changes = changes(previewed)
	if report.New {
		report.Changes = changes(planned)
	}
	had, err := grants(before)
	if err != nil {
		return err
	}
	has, err := grants(planned.Resources)
	if err != nil {
		return err
	}
	report.Added, report.Removed = review.Compare(had, has)
	if report.After, err = estimateOf(planned.Resources, flags.assumed()); err != nil {
		return err
	}
	if !report.New {
		report.Before, err = estimateOf(before, flags.assumed())
	}
	return err
}
