package operate

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"

	"ds-pipeline/preprocess/contract"
)

// need is what somebody has to be allowed.
type need struct {
	actions  []string
	resource string
}

// arnOf names a resource of the stack's account and region.
func (d *doctor) arnOf(service, resource string) string {
	return fmt.Sprintf("arn:%s:%s:%s:%s:%s", d.partition(), service, d.aws.region(), d.place.account, resource)
}

func (d *doctor) partition() string {
	if a, err := arn.Parse(d.place.caller); err == nil {
		return a.Partition
	}
	return "aws"
}

func (d *doctor) bucketArn(name, below string) string {
	return fmt.Sprintf("arn:%s:s3:::%s%s", d.partition(), d.place.parameters[name], below)
}

func (d *doctor) taskRole(ctx context.Context) finding {
	if d.task == nil {
		return unknown("", notKnownCheck)
	}
	needs := []need{
		{[]string{"s3:GetObject"}, d.bucketArn(contract.InputBucket, "/"+d.place.parameters[contract.InputKey])},
		{[]string{"s3:GetObject"}, d.bucketArn(contract.ArtifactBucket, "/"+d.place.parameters[contract.ModelKey])},
		{[]string{"s3:ListBucket"}, d.bucketArn(contract.InputBucket, "")},
		{[]string{"s3:ListBucket"}, d.bucketArn(contract.ArtifactBucket, "")},
		{[]string{"s3:ListBucket", "s3:ListBucketMultipartUploads"}, d.bucketArn(contract.OutputBucket, "")},
		{[]string{"s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"}, d.bucketArn(contract.OutputBucket, "/"+contract.OutputKey)},
	}
	if d.machine != nil && d.machine.spread {
		needs = append(needs, need{[]string{"s3:ListMultipartUploadParts"}, d.bucketArn(contract.OutputBucket, "/"+contract.OutputKey)})
	}
	for _, p := range contract.Parameters() {
		needs = append(needs, need{[]string{"ssm:GetParameters"}, d.arnOf("ssm", "parameter"+d.place.prefix+p.Name)})
	}
	return d.simulate(ctx, d.task.taskRole, needs, nil)
}

func (d *doctor) executionRole(ctx context.Context) finding {
	if d.task == nil {
		return unknown("", notKnownCheck)
	}
	needs := []need{
		{[]string{"ecr:GetAuthorizationToken"}, "*"},
		{[]string{"logs:CreateLogStream", "logs:PutLogEvents"}, d.arnOf("logs", "log-group:"+d.task.logGroup+":log-stream:"+contract.LogStream("task"))},
	}
	if m := ecrImage.FindStringSubmatch(d.task.image); m != nil {
		repository := fmt.Sprintf("arn:%s:ecr:%s:%s:repository/%s", d.partition(), m[2], m[1], m[3])
		needs = append(needs, need{[]string{"ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"}, repository})
	}
	return d.simulate(ctx, d.task.executionRole, needs, nil)
}

func (d *doctor) machineRole(ctx context.Context) finding {
	if d.machine == nil || d.task == nil {
		return unknown("", notKnownCheck)
	}
	cluster := strings.Replace(d.machine.cluster, ":cluster/", ":task/", 1)
	needs := []need{
		{[]string{"ssm:GetParameter"}, d.arnOf("ssm", "parameter"+d.place.prefix+contract.InputKey)},
		{[]string{"s3:GetObject"}, d.bucketArn(contract.InputBucket, "/"+d.place.parameters[contract.InputKey])},
		{[]string{"s3:ListBucket"}, d.bucketArn(contract.InputBucket, "")},
		{[]string{"dynamodb:GetItem", "dynamodb:PutItem"}, d.arnOf("dynamodb", "table/"+d.machine.runsTable)},
		{[]string{"ecs:RunTask"}, d.machine.taskDefinition},
		{[]string{"ecs:DescribeTasks", "ecs:StopTask", "ecs:TagResource"}, cluster + "/task"},
		{[]string{"iam:PassRole"}, d.task.taskRole},
		{[]string{"iam:PassRole"}, d.task.executionRole},
		{[]string{"events:DescribeRule", "events:PutRule", "events:PutTargets"}, d.arnOf("events", "rule/StepFunctionsGetEventsForECSTaskRule")},
		{[]string{"sns:Publish"}, d.machine.topic},
		{[]string{"states:DescribeExecution"}, executionPrefix(d.machine.arn) + "run"},
	}
	if d.machine.spread {
		part := strings.TrimSuffix(executionPrefix(d.machine.arn), ":") + "/Parts:part"
		needs = append(needs,
			need{[]string{"states:StartExecution"}, d.machine.arn},
			need{[]string{"states:DescribeExecution", "states:RedriveExecution", "states:StopExecution"}, part},
			need{[]string{"s3:AbortMultipartUpload", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject"}, d.bucketArn(contract.OutputBucket, "/"+contract.ScaleItems("run", 1))})
	}
	return d.simulate(ctx, d.machine.role, needs, map[string]string{"ecs:cluster": d.machine.cluster, "ecs:CreateAction": "RunTask", "iam:PassedToService": "ecs-tasks.amazonaws.com"}) //nolint:gosec // keys of conditions
}

// simulate asks IAM whether a role may do what it needs. Service control policies
// and policies of resources are not part of the answer.
func (d *doctor) simulate(ctx context.Context, role string, needs []need, conditions map[string]string) finding {
	if role == "" {
		return problem(remedyDeploy, "there is no role")
	}
	var entries []iamtypes.ContextEntry
	for _, key := range slices.Sorted(maps.Keys(conditions)) {
		entries = append(entries, iamtypes.ContextEntry{ContextKeyName: aws.String(key), ContextKeyType: iamtypes.ContextKeyTypeEnumString, ContextKeyValues: []string{conditions[key]}})
	}
	// One request for all resources of the same actions.
	groups := map[string][]string{}
	for _, n := range needs {
		actions := strings.Join(n.actions, " ")
		groups[actions] = append(groups[actions], n.resource)
	}
	var denied []string
	asked := 0
	for _, actions := range slices.Sorted(maps.Keys(groups)) {
		in := &iam.SimulatePrincipalPolicyInput{PolicySourceArn: &role, ActionNames: strings.Fields(actions), ResourceArns: groups[actions], ContextEntries: entries}
		pages := iam.NewSimulatePrincipalPolicyPaginator(d.aws.iam(), in)
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if missing(err) {
				return problem(remedyDeploy, "%s does not exist", role)
			}
			if err != nil {
				return unanswered(err)
			}
			for _, r := range page.EvaluationResults {
				asked++
				if r.EvalDecision != iamtypes.PolicyEvaluationDecisionTypeAllowed {
					denied = append(denied, fmt.Sprintf("%s on %s", aws.ToString(r.EvalActionName), aws.ToString(r.EvalResourceName)))
				}
			}
		}
	}
	name := role[strings.LastIndexByte(role, '/')+1:]
	if denied != nil {
		slices.Sort(denied)
		return problem("Deploy the stack again, which restores its policies; else look for a permissions boundary that denies it.", "%s lacks\n%s", name, strings.Join(denied, "\n"))
	}
	return ok("%s may do all %d things that it needs", name, asked)
}
