package components

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// newFlowLogs records who connected to whom in a VPC, and who tried to. Cost:
// $0.50 for a GB of records, of which a run of ten minutes makes a few kB.
func newFlowLogs(ctx *pulumi.Context, name string, args *ProcessingClusterArgs, vpc *ec2.Vpc, parent pulumi.Resource) error {
	place := args.Place
	logs, err := newLogGroup(ctx, name+"-logs", args.Network.FlowLogGroupName, args.LogRetentionDays, args.KMSKeyArn, parent)
	if err != nil {
		return err
	}
	role, err := newServiceRole(ctx, name+"-role", serviceRoleArgs{
		place:   place,
		service: flowLogs,
		// The flow log is made with the role, and has no id before.
		sourceArns:  []pulumi.StringInput{pulumi.String(place.arn("ec2", "vpc-flow-log/*"))},
		description: "Writes the flow logs of the preprocessing network",
		policy: document(func(in []string) any {
			return newPolicy(
				statement{
					// A stream is called after a network interface, which a task has
					// only while it runs.
					Sid:      "WriteRecords",
					Effect:   "Allow",
					Action:   []string{"logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"},
					Resource: []string{in[0] + ":*"},
				},
				statement{
					// Lists the groups of the account: the action accepts no single one.
					Sid:      "FindLogGroup",
					Effect:   "Allow",
					Action:   []string{"logs:DescribeLogGroups"},
					Resource: []string{place.arn("logs", "log-group:*")},
				},
			)
		}, logs.Arn),
	}, parent)
	if err != nil {
		return err
	}
	if _, err := ec2.NewFlowLog(ctx, name, &ec2.FlowLogArgs{
		VpcId:                  vpc.ID(),
		TrafficType:            pulumi.String("ALL"),
		LogDestinationType:     pulumi.String("cloud-watch-logs"),
		LogDestination:         logs.Arn,
		IamRoleArn:             role.role.Arn,
		MaxAggregationInterval: pulumi.Int(600), // seconds
		Tags:                   nameTag(name),
	}, pulumi.Parent(parent), pulumi.DependsOn([]pulumi.Resource{role.policy})); err != nil {
		return fmt.Errorf("create flow log %q: %w", name, err)
	}
	return nil
}
