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
	// EnvScaleMaxMissing is for merge: how many of the objects may be missing
	// because their part failed, as a count or a share, like EnvMaxRejects.
	EnvScaleMaxMissing = "DS_SCALE_MAX_MISSING"
	// EnvScaleRangeMiB is for plan: about how much of the object a range has.
	EnvScaleRangeMiB = "DS_SCALE_RANGE_MIB"
)

// ScaleMaxRounds is how many rounds a run may take: one as a rule, a second one
// where a part shows what others have not seen, more where rejects change that.
const ScaleMaxRounds = 4

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
