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

// Outputs of a stack that stand in Parameter Store too, so that whoever operates
// it finds everything from the prefix alone. One that would be empty is not there.
const (
	OutputsPrefix            = "outputs/"
	OutputStateMachineArn    = OutputsPrefix + "state-machine-arn"
	OutputLogGroupName       = OutputsPrefix + "log-group-name"
	OutputScheduleRuleName   = OutputsPrefix + "schedule-rule-name"
	OutputScheduleGroupName  = OutputsPrefix + "schedule-group-name"
	OutputDeadLetterQueueURL = OutputsPrefix + "dead-letter-queue-url"
)

// Output is an output of a stack that Parameter Store has as well.
type Output struct {
	Name  string // below the prefix
	Stack string // as the stack exports it
	About string
}

// Outputs lists what is mirrored.
func Outputs() []Output {
	return []Output{
		{OutputStateMachineArn, "stateMachineArn", "the pipeline: what to start"},
		{OutputLogGroupName, "logGroupName", "what the job prints"},
		{OutputScheduleRuleName, "scheduleRuleName", "the rule that starts the pipeline"},
		{OutputScheduleGroupName, "scheduleGroupName", "the group of the schedule that starts the pipeline"},
		{OutputDeadLetterQueueURL, "deadLetterQueueUrl", "starts that could not be delivered"},
	}
}

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
