package contract

import (
	"fmt"
	"regexp"
)

// Commands of the job when one run is spread over many tasks: optionally a plan,
// any number of parts at once, then a merge.
const (
	// CommandPlan cuts one large object into ranges of whole records and writes
	// the items of the first round, ScaleItems.
	CommandPlan = "plan"
	// CommandPart preprocesses some items and publishes nothing yet.
	CommandPart = "part"
	// CommandMerge checks that every item was done once, and publishes.
	CommandMerge = "merge"
)

// Environment variables of these commands.
const (
	// EnvScaleRun is the name of the run that plan, parts and merge have in common.
	EnvScaleRun = "DS_SCALE_RUN"
	// EnvScaleItems are the items of one part: a JSON array, as the map over the
	// items hands them out.
	EnvScaleItems = "DS_SCALE_ITEMS"
	// EnvScaleRound is the number of the round, 1 at first.
	EnvScaleRound = "DS_SCALE_ROUND"
	// EnvScaleResults is for merge: the URI of the map's own record of the items
	// it handed out in this round, as its ResultWriter wrote it (manifest.json).
	EnvScaleResults = "DS_SCALE_RESULTS"
	// EnvScaleSource is where the items of the first round come from: one of the
	// Scale… values below.
	EnvScaleSource = "DS_SCALE_SOURCE"
	// EnvScaleRangeBytes is for plan: how long a range is about to be, in bytes.
	EnvScaleRangeBytes = "DS_SCALE_RANGE_BYTES"
	// EnvScaleTolerated is for merge: the share of the items that may have failed,
	// in percent, a whole number.
	EnvScaleTolerated = "DS_SCALE_TOLERATED_PERCENT"
)

// What EnvScaleSource may be. An item of a prefix or an inventory has Key, Etag
// and Size; those of an inventory are text as S3 writes it there, with the key
// escaped as in a URL. Items of an object are those that plan wrote.
const (
	ScaleSourcePrefix    = "prefix"
	ScaleSourceInventory = "inventory"
	ScaleSourceObject    = "object"
)

// ScaleRounds is how many rounds there are at most.
const ScaleRounds = 4

// ExitAnotherRound is how merge asks for one more round: the items of it are
// written, and nothing is wrong.
const ExitAnotherRound = 79

// ScalePrefix is where a run that is spread keeps what only itself needs: below
// OutputPrefix, in a folder that readers of data sets pass over for its first
// character.
const ScalePrefix = OutputPrefix + "_scale/"

var scaleRunPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`)

// CheckScaleRun is an error unless run can be the name of a run: that of an
// execution is one.
func CheckScaleRun(run string) error {
	if !scaleRunPattern.MatchString(run) {
		return fmt.Errorf("run %q: want 1 to 80 letters, digits, _ and -", run)
	}
	return nil
}

// ScaleFolder is where a run keeps what only itself needs.
func ScaleFolder(run string) string { return ScalePrefix + run + "/" }

// ScaleItems is the key of the items of a round: a JSON array of objects.
func ScaleItems(run string, round int) string {
	return fmt.Sprintf("%sround-%d.json", ScaleFolder(run), round)
}

// ScaleResults is the prefix below which the map writes its own record of a round.
func ScaleResults(run string, round int) string {
	return fmt.Sprintf("%sround-%d-results/", ScaleFolder(run), round)
}
