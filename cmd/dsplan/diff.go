package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"

	"ds-pipeline/internal/simcloud/simstack"
)

// changeJSON is one change that a deployment would make.
type changeJSON struct {
	Op    string   `json:"op"` // create, update, replace or delete
	Type  string   `json:"type"`
	Name  string   `json:"name"`
	URN   string   `json:"urn"`
	Keys  []string `json:"keys,omitempty"`  // properties that ask for the replacement
	Diffs []string `json:"diffs,omitempty"` // properties that differ
}

// readDeployment reads what `pulumi stack export` or --export wrote.
func readDeployment(path string) (*apitype.UntypedDeployment, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var d apitype.UntypedDeployment
	if err := json.Unmarshal(text, &d); err != nil || len(d.Deployment) == 0 {
		return nil, fmt.Errorf("%s: want a deployment, as 'pulumi stack export' writes it", path)
	}
	return &d, nil
}

// diff previews the program against what is deployed, and tells what would
// change.
func (p program) diff(ctx context.Context, s *simstack.Stack, flags cli) error {
	deployed, err := readDeployment(flags.Diff)
	if err != nil {
		return err
	}
	if err := s.Import(ctx, deployed, p.givenPassphrase()); err != nil {
		return fmt.Errorf("%s: %w", flags.Diff, err)
	}
	restore, err := enter(s.Root)
	if err != nil {
		return err
	}
	planned, err := s.Preview(ctx)
	restore()
	if err != nil {
		return err
	}
	for _, d := range planned.Diagnostics {
		fmt.Fprintln(p.stderr, diagnosticText(d))
	}
	found := changes(planned.Steps)
	if err := printChanges(p.stdout, found, flags.JSON); err != nil {
		return err
	}
	if len(found) > 0 {
		return errChanges
	}
	return nil
}

// changes turns the engine's steps into one change for each resource.
func changes(steps []simstack.Step) []changeJSON {
	found := []changeJSON{}
	for _, step := range steps {
		op := ""
		switch step.Op {
		case "create", "update", "delete":
			op = step.Op
		case "create-replacement":
			op = "replace"
		default: // same, read, and the other half of a replacement
			continue
		}
		found = append(found, changeJSON{Op: op, Type: step.Type, Name: step.URN.Name(), URN: string(step.URN), Keys: step.Keys, Diffs: step.Diffs})
	}
	slices.SortStableFunc(found, func(a, b changeJSON) int {
		return strings.Compare(a.URN, b.URN)
	})
	return found
}

// printChanges lists the changes, what loses something first.
func printChanges(w io.Writer, found []changeJSON, asJSON bool) error {
	if asJSON {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(map[string]any{"changes": found})
	}
	if len(found) == 0 {
		_, err := fmt.Fprintln(w, "nothing would change")
		return err
	}
	counts := map[string]int{}
	for _, op := range []struct{ name, mark string }{{"delete", "-"}, {"replace", "±"}, {"update", "~"}, {"create", "+"}} {
		for _, c := range found {
			if c.Op != op.name {
				continue
			}
			counts[op.name]++
			why := ""
			switch {
			case len(c.Keys) > 0:
				why = "  because of " + strings.Join(c.Keys, ", ")
			case len(c.Diffs) > 0:
				why = "  " + strings.Join(c.Diffs, ", ")
			}
			if _, err := fmt.Fprintf(w, "%s %-8s %-34s %s%s\n", op.mark, op.name, c.Name, shortType(tokens.Type(c.Type), true), why); err != nil {
				return err
			}
		}
	}
	_, err := fmt.Fprintf(w, "\n%d to delete, %d to replace, %d to update, %d to create\n", counts["delete"], counts["replace"], counts["update"], counts["create"])
	return err
}
