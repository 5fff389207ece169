package contract

import (
	"fmt"
	"strings"
)

// What the task definition, the state machine and whoever operates them agree on.
const (
	// ContainerName is the job's container in its task.
	ContainerName = "preprocess"
	// LogStreamPrefix is what ECS puts before the container in the name of a log
	// stream.
	LogStreamPrefix = "run"
)

// LogStream is the name of the log stream of a task, given its ARN or its id.
func LogStream(task string) string {
	return LogStreamPrefix + "/" + ContainerName + "/" + task[strings.LastIndexByte(task, '/')+1:]
}

// Members of what an execution of the pipeline is started with, beside InputKey
// and ModelKey. Each is optional.
const (
	RequestPeriod    = "period"        // the month that the run is for: "2026-11"
	RequestScheduled = "scheduledTime" // from the schedule; its month in UTC is the period, unless there is one
	RequestOutputKey = "output-key"    // below OutputPrefix
	RequestForce     = "force"         // true: also what is done already
)

// Purposes of buckets.
const (
	InputPurpose    = "input"
	OutputPurpose   = "output"
	ArtifactPurpose = "artifacts"
)

// BucketName is the published name of a bucket of a stack. suffix, which may be
// "", tells stacks of one environment, account and region apart.
func BucketName(purpose, environment, account, region, suffix string) string {
	return fmt.Sprintf("ds-%s-%s-%s-%s%s", purpose, environment, account, region, suffix)
}
