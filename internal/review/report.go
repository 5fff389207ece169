// Package review tells people what a change of the program does to the stacks:
// what dsplan found, as Markdown for a comment on a pull request.
//
// A report comes from where the code of a pull request ran. Whoever reads one
// believes nothing in it: sizes are limited and every text is escaped.
package review

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"

	"ds-pipeline/internal/cost"
)

// Version is that of the form of a Report. It is raised when an older reader
// would misunderstand it.
const Version = 1

// Limits of what is read.
const (
	MaxReportBytes = 4 << 20
	MaxStacks      = 20
	maxEntries     = 20000
	maxUSD         = 1e9
)

// Report is what a change of the program does to one stack.
type Report struct {
	Version int    `json:"version"`
	Stack   string `json:"stack"`
	// New says that there was nothing to compare with: all is to be created.
	New bool `json:"new,omitempty"`
	// Errors are why the stack cannot be planned. The rest is empty then.
	Errors  []string       `json:"errors,omitempty"`
	Changes []Change       `json:"changes"`
	Before  *cost.Estimate `json:"costBefore,omitempty"`
	After   *cost.Estimate `json:"costAfter,omitempty"`
	Added   []Grant        `json:"grantsAdded"`
	Removed []Grant        `json:"grantsRemoved"`
}

// The operations of a Change.
const (
	Create  = "create"
	Update  = "update"
	Replace = "replace"
	Delete  = "delete"
)

// Operation is one of what a deployment does to a resource, and its mark in lists.
type Operation struct{ Name, Mark string }

// Operations are in the order in which people want to see them: first what loses
// something.
func Operations() []Operation {
	return []Operation{{Delete, "-"}, {Replace, "±"}, {Update, "~"}, {Create, "+"}}
}

// Change is what a deployment would do to one resource.
type Change struct {
	Op    string   `json:"op"` // Create, Update, Replace or Delete
	Type  string   `json:"type"`
	Name  string   `json:"name"`
	URN   string   `json:"urn"`
	Keys  []string `json:"keys,omitempty"`  // properties that ask for the replacement
	Diffs []string `json:"diffs,omitempty"` // properties that differ
	// Loses is what is gone with the resource that is deleted or replaced, such
	// as "its objects"; "" if it holds nothing, or stays in AWS.
	Loses string `json:"loses,omitempty"`
	// Refused says that Pulumi will not do it, because the resource is protected.
	Refused bool `json:"refused,omitempty"`
}

// Grant is what somebody may do, or may not.
type Grant struct {
	Who       string   `json:"who"`   // a role, by its name in the program, or who a resource's policy is about
	Where     string   `json:"where"` // the policy that says so
	Deny      bool     `json:"deny,omitempty"`
	Actions   []string `json:"actions"`
	Resources []string `json:"resources,omitempty"` // nil in the trust of a role
	If        []string `json:"if,omitempty"`
	Why       string   `json:"sid,omitempty"`
}

// Compare tells which grants of after are not in before, and the other way
// around. A grant that differs in anything counts as removed and added.
func Compare(before, after []Grant) (added, removed []Grant) {
	key := func(g Grant) string {
		text, err := json.Marshal(g)
		if err != nil {
			panic(err) // strings and flags
		}
		return string(text)
	}
	less := func(have, wanted []Grant) []Grant {
		counts := map[string]int{}
		for _, g := range have {
			counts[key(g)]++
		}
		rest := []Grant{}
		for _, g := range wanted {
			if k := key(g); counts[k] > 0 {
				counts[k]--
			} else {
				rest = append(rest, g)
			}
		}
		return rest
	}
	return less(before, after), less(after, before)
}

var stackPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

// Read reads one report, of MaxReportBytes at most, and reports everything that
// is wrong with it.
func Read(r io.Reader) (*Report, error) {
	text, err := io.ReadAll(io.LimitReader(r, MaxReportBytes+1))
	if err != nil {
		return nil, err
	}
	if len(text) > MaxReportBytes {
		return nil, fmt.Errorf("report: more than %d bytes", MaxReportBytes)
	}
	var report Report
	if err := json.Unmarshal(text, &report); err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	if report.Version != Version {
		return nil, fmt.Errorf("report: version %d, want %d; build dsplan and dscomment from the same code", report.Version, Version)
	}
	var errs []error
	if !stackPattern.MatchString(report.Stack) {
		errs = append(errs, fmt.Errorf("stack: got %q, want the name of a stack", clip(report.Stack, 120)))
	}
	for i, c := range report.Changes {
		if !slices.ContainsFunc(Operations(), func(op Operation) bool { return op.Name == c.Op }) {
			errs = append(errs, fmt.Errorf("changes[%d].op: got %q, want create, update, replace or delete", i, clip(c.Op, 20)))
			break // one tells enough
		}
	}
	for name, n := range map[string]int{"changes": len(report.Changes), "grants": len(report.Added) + len(report.Removed), "errors": len(report.Errors)} {
		if n > maxEntries {
			errs = append(errs, fmt.Errorf("%s: got %d, want %d at most", name, n, maxEntries))
		}
	}
	for name, e := range map[string]*cost.Estimate{"costBefore": report.Before, "costAfter": report.After} {
		if e != nil && !plausible(e) {
			errs = append(errs, fmt.Errorf("%s: want amounts of 0 to %.0f dollars", name, maxUSD))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	return &report, nil
}

func plausible(e *cost.Estimate) bool {
	amounts := []float64{e.AtRestUSD, e.PerRunUSD}
	for _, item := range slices.Concat(e.AtRest, e.PerRun) {
		amounts = append(amounts, item.USD)
	}
	return len(amounts) <= maxEntries && !slices.ContainsFunc(amounts, func(usd float64) bool {
		return math.IsNaN(usd) || usd < 0 || usd > maxUSD
	})
}
