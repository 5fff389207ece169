package awstest

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	cwltypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ebtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	schedulertypes "github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// jsonServices are the services of the protocol awsJson, by what X-Amz-Target
// begins with.
var jsonServices map[string]*service

// queryServices are those of the protocols awsQuery and ec2Query, by the version
// of their API.
var queryServices map[string]*service

var schedulerService = &service{name: "Scheduler", answer: answerScheduler}

func init() { // a literal would refer to itself through the methods
	jsonServices = map[string]*service{
		"AmazonSSM": jsonService("SSM", "1.1", false, map[string]operation{
			"GetParameters":       typed((*Server).getParameters),
			"GetParametersByPath": typed((*Server).getParametersByPath),
			"PutParameter":        typed((*Server).putParameter),
		}),
		"AWSStepFunctions": jsonService("SFN", "1.0", true, map[string]operation{
			"StartExecution":      typed((*Server).startExecution),
			"StopExecution":       typed((*Server).stopExecution),
			"RedriveExecution":    typed((*Server).redriveExecution),
			"DescribeExecution":   typed((*Server).describeExecution),
			"ListExecutions":      typed((*Server).listExecutions),
			"GetExecutionHistory": typed((*Server).getExecutionHistory),
			"DescribeMapRun":      typed((*Server).describeMapRun),

			"DescribeStateMachine": typed(describeStateMachine),
		}),
		"Logs_20140328": jsonService("CloudWatch Logs", "1.1", true, map[string]operation{
			"GetLogEvents":    typed((*Server).getLogEvents),
			"FilterLogEvents": typed((*Server).filterLogEvents),

			"DescribeLogGroups": typed(describeLogGroups),
		}),
		"AWSEvents": jsonService("EventBridge", "1.1", false, map[string]operation{
			"DescribeRule":      typed((*Server).describeRule),
			"ListTargetsByRule": typed(listTargetsByRule),
		}),
		"AmazonSQS": jsonService("SQS", "1.0", false, map[string]operation{
			"GetQueueAttributes": typed((*Server).getQueueAttributes),
			"ReceiveMessage":     typed(receiveMessage),
		}),
		"AmazonEC2ContainerServiceV20141113": jsonService("ECS", "1.1", true, map[string]operation{
			"DescribeClusters":       typed(describeClusters),
			"DescribeTaskDefinition": typed(describeTaskDefinition),
		}),
		"AmazonEC2ContainerRegistry_V20150921": jsonService("ECR", "1.1", true, map[string]operation{
			"BatchGetImage":          typed(batchGetImage),
			"GetDownloadUrlForLayer": typed(getDownloadURL),
		}),
	}
	queryServices = map[string]*service{
		"2011-06-15": {name: "STS", answer: answerSTS},
		"2010-05-08": {name: "IAM", answer: answerIAM},
		"2016-11-15": {name: "EC2", answer: answerEC2, camel: true, lists: ec2Lists},
	}
}

func answerSTS(s *Server, operation string, _ []byte, form url.Values, _ *http.Request) (any, error) {
	if operation != "GetCallerIdentity" {
		return nil, fmt.Errorf("%s of STS is not modeled", operation)
	}
	if err := decodeQuery(form, &sts.GetCallerIdentityInput{}, nil); err != nil {
		return nil, err
	}
	return &sts.GetCallerIdentityOutput{Account: &s.Account, Arn: aws.String(strings.ReplaceAll(User, Account, s.Account)), UserId: aws.String("AIDA")}, nil
}

func (s *Server) parameter(name string) (ssmtypes.Parameter, bool) {
	v, ok := s.Parameters[strings.TrimPrefix(name, Prefix)]
	return ssmtypes.Parameter{Name: &name, Value: &v, Type: ssmtypes.ParameterTypeString, Version: 1}, ok && strings.HasPrefix(name, Prefix)
}

func (s *Server) getParameters(in *ssm.GetParametersInput) (*ssm.GetParametersOutput, error) {
	if n := len(in.Names); n == 0 || n > 10 {
		return nil, fmt.Errorf("%d names, want 1 to 10", n)
	}
	out := &ssm.GetParametersOutput{}
	for _, name := range in.Names {
		if p, ok := s.parameter(name); ok {
			out.Parameters = append(out.Parameters, p)
		} else {
			out.InvalidParameters = append(out.InvalidParameters, name)
		}
	}
	return out, nil
}

func (s *Server) getParametersByPath(in *ssm.GetParametersByPathInput) (*ssm.GetParametersByPathOutput, error) {
	var all []ssmtypes.Parameter
	for _, name := range slices.Sorted(maps.Keys(s.Parameters)) {
		full := Prefix + name
		below, ok := strings.CutPrefix(full, aws.ToString(in.Path))
		if p, there := s.parameter(full); ok && there && (aws.ToBool(in.Recursive) || !strings.Contains(below, "/")) {
			all = append(all, p)
		}
	}
	out := &ssm.GetParametersByPathOutput{}
	out.Parameters, out.NextToken = page(s, all, in.NextToken, min(10, aws.ToInt32(in.MaxResults)))
	return out, nil
}

func (s *Server) putParameter(in *ssm.PutParameterInput) (*ssm.PutParameterOutput, error) {
	name := strings.TrimPrefix(aws.ToString(in.Name), Prefix)
	if _, there := s.Parameters[name]; there && !aws.ToBool(in.Overwrite) {
		return nil, &ssmtypes.ParameterAlreadyExists{Message: in.Name}
	}
	if aws.ToString(in.Value) == "" {
		return nil, fmt.Errorf("value: empty")
	}
	s.Parameters[name] = *in.Value
	return &ssm.PutParameterOutput{Version: 2, Tier: ssmtypes.ParameterTierStandard}, nil
}

func (s *Server) getLogEvents(in *cloudwatchlogs.GetLogEventsInput) (*cloudwatchlogs.GetLogEventsOutput, error) {
	stream := aws.ToString(in.LogStreamName)
	all, ok := s.Logs[stream]
	if !ok || aws.ToString(in.LogGroupName) != LogGroup {
		return nil, &cwltypes.ResourceNotFoundException{Message: aws.String("The specified log stream does not exist.")}
	}
	limit := s.PageSize
	if in.Limit != nil {
		limit = int(*in.Limit)
	}
	out := &cloudwatchlogs.GetLogEventsOutput{NextBackwardToken: aws.String("b")}
	if !aws.ToBool(in.StartFromHead) {
		out.Events, out.NextForwardToken = all[max(0, len(all)-limit):], aws.String("f/end")
		return out, nil
	}
	from := 0
	if in.NextToken != nil {
		n, err := strconv.Atoi(strings.TrimPrefix(*in.NextToken, "f/"))
		if err != nil {
			return nil, &cwltypes.InvalidParameterException{Message: in.NextToken}
		}
		from = n
	}
	to := min(from+limit, len(all))
	for _, e := range all[from:to] {
		if in.StartTime == nil || *e.Timestamp >= *in.StartTime {
			out.Events = append(out.Events, e)
		}
	}
	out.NextForwardToken = aws.String(fmt.Sprintf("f/%d", to))
	return out, nil
}

func (s *Server) filterLogEvents(in *cloudwatchlogs.FilterLogEventsInput) (*cloudwatchlogs.FilterLogEventsOutput, error) {
	var all []cwltypes.FilteredLogEvent
	for _, stream := range slices.Sorted(maps.Keys(s.Logs)) {
		for _, e := range s.Logs[stream] {
			if strings.HasPrefix(stream, aws.ToString(in.LogStreamNamePrefix)) && *e.Timestamp >= aws.ToInt64(in.StartTime) {
				all = append(all, cwltypes.FilteredLogEvent{LogStreamName: aws.String(stream), Message: e.Message, Timestamp: e.Timestamp})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b cwltypes.FilteredLogEvent) int { return int(*a.Timestamp - *b.Timestamp) })
	out := &cloudwatchlogs.FilterLogEventsOutput{}
	out.Events, out.NextToken = page(s, all, in.NextToken, 0)
	return out, nil
}

func (s *Server) describeRule(in *eventbridge.DescribeRuleInput) (*eventbridge.DescribeRuleOutput, error) {
	if aws.ToString(in.Name) != Rule {
		return nil, &ebtypes.ResourceNotFoundException{Message: aws.String("Rule " + aws.ToString(in.Name) + " does not exist on EventBus default.")}
	}
	state := ebtypes.RuleStateEnabled
	if s.RuleDisabled {
		state = ebtypes.RuleStateDisabled
	}
	return &eventbridge.DescribeRuleOutput{Name: in.Name, ScheduleExpression: &s.Expression, State: state}, nil
}

func answerScheduler(s *Server, operation string, _ []byte, form url.Values, r *http.Request) (any, error) {
	group, name := "schedule-group-1", "schedule-time-1"
	if operation == "ListSchedules" {
		out := &scheduler.ListSchedulesOutput{Schedules: []schedulertypes.ScheduleSummary{}}
		if form.Get("ScheduleGroup") == group {
			out.Schedules = append(out.Schedules, schedulertypes.ScheduleSummary{Name: &name, GroupName: &group})
		}
		return out, nil
	}
	if r.URL.Path != "/schedules/"+name || form.Get("groupName") != group {
		return nil, &schedulertypes.ResourceNotFoundException{Message: aws.String("Schedule does not exist.")}
	}
	state := schedulertypes.ScheduleStateEnabled
	if s.RuleDisabled {
		state = schedulertypes.ScheduleStateDisabled
	}
	return &scheduler.GetScheduleOutput{Name: &name, GroupName: &group, ScheduleExpression: &s.Expression,
		ScheduleExpressionTimezone: aws.String("Europe/Berlin"), State: state,
		Target: &schedulertypes.Target{Arn: aws.String(Machine), RoleArn: aws.String(roleArn("schedule"))}}, nil
}

func (s *Server) getQueueAttributes(in *sqs.GetQueueAttributesInput) (*sqs.GetQueueAttributesOutput, error) {
	if aws.ToString(in.QueueUrl) != s.queueURL() {
		return nil, &sqstypes.QueueDoesNotExist{Message: aws.String("The specified queue does not exist.")}
	}
	return &sqs.GetQueueAttributesOutput{Attributes: map[string]string{"ApproximateNumberOfMessages": strconv.Itoa(len(s.DeadLetters))}}, nil
}
