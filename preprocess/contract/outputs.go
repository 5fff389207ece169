package contract

import (
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// OutputsVersion is the version of the list of outputs, major.minor. It counts by
// itself, not with releases: an output more raises the minor number; one that is
// removed, renamed, of another type or no longer always there raises the major
// number. Package outputs keeps what each version had.
const OutputsVersion = "1.0"

// StackOutputs is the list of what a stack exports: of each output that is text
// its name, the version that brought it, and what it means. T is what holds one:
// a string, or an input or output of Pulumi. One that is optional may be absent.
//
// Each output stands in Parameter Store too, so none of them may be a secret.
type StackOutputs[T any] struct {
	OutputsVersion T `output:"outputsVersion" since:"1.0" about:"the version of this list, major.minor"`

	InputBucketName    T `output:"inputBucketName" since:"1.0" about:"where the owner of the data writes it"`
	OutputBucketName   T `output:"outputBucketName" since:"1.0" about:"where the results are, below processed/"`
	ArtifactBucketName T `output:"artifactBucketName" since:"1.0" about:"where models, scripts and packages are"`

	RepositoryURL     T `output:"repositoryUrl" since:"1.0" about:"the repository of the job's images"`
	ImageURI          T `output:"imageUri" since:"1.0" about:"the image that runs, by digest"`
	ClusterName       T `output:"clusterName" since:"1.0" about:"the ECS cluster"`
	ClusterArn        T `output:"clusterArn" since:"1.0" about:"the ECS cluster"`
	TaskDefinitionArn T `output:"taskDefinitionArn" since:"1.0" about:"the revision that runs"`
	LogGroupName      T `output:"logGroupName" since:"1.0" about:"what the job prints"`
	ParameterPrefix   T `output:"parameterPrefix" since:"1.0" about:"before the names of the job's parameters"`

	StateMachineName T `output:"stateMachineName" since:"1.0" about:"the pipeline"`
	StateMachineArn  T `output:"stateMachineArn" since:"1.0" about:"the pipeline: what to start, with {}"`
	TopicArn         T `output:"topicArn" since:"1.0" about:"where failures are announced"`

	ScheduleRuleName   T `output:"scheduleRuleName,optional" since:"1.0" about:"the rule that starts the pipeline, unless there is a time zone"`
	ScheduleGroupName  T `output:"scheduleGroupName,optional" since:"1.0" about:"the group of the schedule that starts the pipeline, with a time zone"`
	DeadLetterQueueURL T `output:"deadLetterQueueUrl" since:"1.0" about:"starts that could not be delivered"`

	AlarmTopicArn        T `output:"alarmTopicArn,optional" since:"1.0" about:"where alarms go, unless they are switched off"`
	KMSKeyArn            T `output:"kmsKeyArn,optional" since:"1.0" about:"the key that encrypts everything, if there is one"`
	AuditTrailArn        T `output:"auditTrailArn,optional" since:"1.0" about:"the trail that records requests for objects, if there is one"`
	AuditTrailBucketName T `output:"auditTrailBucketName,optional" since:"1.0" about:"the record of the trail, if there is one"`
}

// OutputCostEstimate is the one output that is no text: an object.
const OutputCostEstimate = "costEstimate"

// Output describes an output of a stack.
type Output struct {
	Name     string // of its parameter, below the prefix; "" when it has none
	Stack    string // as the stack exports it
	About    string
	Since    string // the version of the list that brought it
	Object   bool   // it is an object, else text
	Optional bool   // it may be absent
}

// Type is the output's type as the lists of versions have it.
func (o Output) Type() string {
	switch {
	case o.Object:
		return "object"
	case o.Optional:
		return "string, optional"
	default:
		return "string"
	}
}

// Outputs lists every output.
func Outputs() []Output {
	var all []Output
	new(StackOutputs[struct{}]).Each(func(o Output, _ *struct{}) { all = append(all, o) })
	return append(all, Output{
		Stack: OutputCostEstimate, Since: "1.0", Object: true,
		About: "a month at rest and a run in US dollars, as of when, and what that assumes; dsplan --cost has the items",
	})
}

// Each calls f for every output that is text, with where s holds it.
func (s *StackOutputs[T]) Each(f func(Output, *T)) {
	v := reflect.ValueOf(s).Elem()
	for i := range v.NumField() {
		tag := v.Type().Field(i).Tag
		name, option, _ := strings.Cut(tag.Get("output"), ",")
		f(Output{Name: OutputsPrefix + kebab(name), Stack: name, About: tag.Get("about"), Since: tag.Get("since"), Optional: option == "optional"},
			v.Field(i).Addr().Interface().(*T))
	}
}

// kebab is a name in small letters, with hyphens: inputBucketName is
// input-bucket-name.
func kebab(name string) string {
	var b strings.Builder
	for _, r := range name {
		if unicode.IsUpper(r) {
			b.WriteByte('-')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// Names of parameters with outputs, below the prefix, that dspipe looks for.
const (
	OutputsPrefix            = "outputs/"
	OutputStateMachineArn    = OutputsPrefix + "state-machine-arn"
	OutputLogGroupName       = OutputsPrefix + "log-group-name"
	OutputScheduleRuleName   = OutputsPrefix + "schedule-rule-name"
	OutputScheduleGroupName  = OutputsPrefix + "schedule-group-name"
	OutputDeadLetterQueueURL = OutputsPrefix + "dead-letter-queue-url"
	OutputOutputsVersion     = OutputsPrefix + "outputs-version"
)

var outputsVersionPattern = regexp.MustCompile(`^(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})$`)

// ParseOutputsVersion reads a version of the list of outputs, such as 1.0.
func ParseOutputsVersion(text string) (major, minor int, err error) {
	m := outputsVersionPattern.FindStringSubmatch(text)
	if m == nil {
		return 0, 0, fmt.Errorf("outputsVersion: got %q, want <major>.<minor> such as %s", text, OutputsVersion)
	}
	major, _ = strconv.Atoi(m[1])
	minor, _ = strconv.Atoi(m[2])
	return major, minor, nil
}

// CheckOutputsVersion reports whether a program that was built with version want of
// the list can read a stack whose outputs are of version got; "" is a stack from
// before there was one.
func CheckOutputsVersion(got, want string) error {
	const older = "deploy it again with a newer ds-pipeline before this program"
	if got == "" {
		return fmt.Errorf("the stack has no outputsVersion, so it is older than this program, which needs version %s of its outputs: %s", want, older)
	}
	gotMajor, gotMinor, err := ParseOutputsVersion(got)
	if err != nil {
		return err
	}
	wantMajor, wantMinor, err := ParseOutputsVersion(want)
	switch {
	case err != nil:
		return err
	case gotMajor < wantMajor, gotMajor == wantMajor && gotMinor < wantMinor:
		return fmt.Errorf("the stack has version %s of its outputs and this program needs %s: %s", got, want, older)
	case gotMajor > wantMajor:
		return fmt.Errorf("the stack has version %s of its outputs and this program reads %d.x: build it with the package outputs of a newer ds-pipeline, and look at what changed in docs/outputs.md", got, wantMajor)
	}
	return nil
}
