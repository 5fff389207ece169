package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	pkgresource "github.com/pulumi/pulumi/pkg/v3/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"ds-pipeline/internal/review"
	"ds-pipeline/internal/simcloud/simstack"
)

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
	planned, err := p.previewFrom(ctx, s, flags.Diff)
	if err != nil {
		return err
	}
	for _, d := range planned.Diagnostics {
		fmt.Fprintln(p.stderr, diagnosticText(d))
	}
	found := changes(planned)
	if err := printChanges(p.stdout, found, flags.JSON); err != nil {
		return err
	}
	if len(found) > 0 {
		return errChanges
	}
	return nil
}

// previewFrom previews the program against the deployment in a file.
func (p program) previewFrom(ctx context.Context, s *simstack.Stack, file string) (*simstack.Result, error) {
	deployed, err := readDeployment(file)
	if err != nil {
		return nil, err
	}
	phrase, err := p.givenPassphrase()
	if err != nil {
		return nil, err
	}
	if err := s.Import(ctx, deployed, phrase); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return inside(s, func() (*simstack.Result, error) { return s.Preview(ctx) })
}

// holds is what is lost with a resource, by type. Keys are here because what they
// encrypted is lost with them.
var holds = map[string]string{
	"aws:cloudwatch/logGroup:LogGroup": "its records",
	"aws:dynamodb/table:Table":         "its items",
	"aws:ecr/repository:Repository":    "its images",
	"aws:kms/key:Key":                  "everything that it encrypts",
	"aws:s3/bucketV2:BucketV2":         "its objects",
	"aws:sqs/queue:Queue":              "its messages",
}

// changes turns the steps of a preview into one change for each resource.
func changes(planned *simstack.Result) []review.Change {
	deployed := map[resource.URN]*pkgresource.State{}
	for _, r := range planned.Resources {
		deployed[r.URN] = r
	}
	found := []review.Change{}
	for _, step := range planned.Steps {
		op := ""
		switch step.Op {
		case review.Create, review.Update, review.Delete:
			op = step.Op
		case "create-replacement":
			op = review.Replace
		default: // same, read, and the other half of a replacement
			continue
		}
		c := review.Change{Op: op, Type: step.Type, Name: step.URN.Name(), URN: string(step.URN), Keys: step.Keys, Diffs: step.Diffs}
		if r := deployed[step.URN]; r != nil && (op == review.Delete || op == review.Replace) {
			c.Refused = r.Protect
			skip := r.Inputs["skipDestroy"]
			if stays := r.RetainOnDelete || skip.IsBool() && skip.BoolValue(); !stays {
				c.Loses = holds[step.Type]
			}
		}
		found = append(found, c)
	}
	slices.SortStableFunc(found, func(a, b review.Change) int {
		return strings.Compare(a.URN, b.URN)
	})
	return found
}

// printChanges lists the changes, what loses something first.
func printChanges(w io.Writer, found []review.Change, asJSON bool) error {
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
	for _, op := range review.Operations() {
		for _, c := range found {
			if c.Op != op.Name {
				continue
			}
			counts[op.Name]++
			why := ""
			switch {
			case len(c.Keys) > 0:
				why = "  because of " + strings.Join(c.Keys, ", ")
			case len(c.Diffs) > 0:
				why = "  " + strings.Join(c.Diffs, ", ")
			}
			if _, err := fmt.Fprintf(w, "%s %-8s %-34s %s%s\n", op.Mark, op.Name, c.Name, review.ShortType(c.Type), why); err != nil {
				return err
			}
		}
	}
	_, err := fmt.Fprintf(w, "\n%d to delete, %d to replace, %d to update, %d to create\n", counts[review.Delete], counts[review.Replace], counts[review.Update], counts[review.Create])
	return err
}
