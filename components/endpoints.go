package components

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// taskServices are the services that a task calls, by the names of their
// endpoints, and the prefix of their actions. Fargate pulls the image and writes
// the log, the job reads its parameters. S3, which also holds the layers of
// images, has an endpoint of another kind. Nothing calls KMS, which S3, ECR and
// CloudWatch Logs use themselves, or STS: ECS hands a task its credentials.
var taskServices = []struct{ endpoint, actions string }{
	{"ecr.api", "ecr:"},
	{"ecr.dkr", "ecr:"},
	{"logs", "logs:"},
	{"ssm", "ssm:"},
}

// s3Endpoint leads requests to S3 past the internet, for nothing.
func (n *ownNetwork) s3Endpoint(tables ...*ec2.RouteTable) (*ec2.VpcEndpoint, error) {
	var ids pulumi.StringArray
	for _, table := range tables {
		ids = append(ids, table.ID())
	}
	name := n.name + "-s3"
	endpoint, err := ec2.NewVpcEndpoint(n.ctx, name, &ec2.VpcEndpointArgs{
		VpcId:           n.vpc.ID(),
		ServiceName:     pulumi.String(n.place.endpointService("s3")),
		VpcEndpointType: pulumi.String("Gateway"),
		RouteTableIds:   ids,
		Policy:          n.endpointPolicy("s3:", n.imageLayers()),
		Tags:            nameTag(name),
	}, pulumi.Parent(n.parent))
	if err != nil {
		return nil, fmt.Errorf("create endpoint %q: %w", name, err)
	}
	return endpoint, nil
}

// interfaceEndpoints creates an endpoint of each service in the subnets, and
// returns the security group that they share. It lets HTTPS in from the range of
// the network, where nothing but tasks runs.
func (n *ownNetwork) interfaceEndpoints(subnets []*ec2.Subnet) (*ec2.SecurityGroup, error) {
	name := n.name + "-endpoints"
	group, err := ec2.NewSecurityGroup(n.ctx, name, &ec2.SecurityGroupArgs{
		VpcId:       n.vpc.ID(),
		Description: pulumi.String("Endpoints of AWS services: HTTPS in from tasks, nothing out"),
		Ingress: ec2.SecurityGroupIngressArray{&ec2.SecurityGroupIngressArgs{
			Description: pulumi.String("HTTPS from tasks"),
			Protocol:    pulumi.String("tcp"),
			FromPort:    pulumi.Int(443),
			ToPort:      pulumi.Int(443),
			CidrBlocks:  pulumi.StringArray{pulumi.String(n.choice.CIDR)},
		}},
		Egress: ec2.SecurityGroupEgressArray{},
		Tags:   nameTag(name),
	}, pulumi.Parent(n.parent))
	if err != nil {
		return nil, fmt.Errorf("create security group %q: %w", name, err)
	}
	var ids pulumi.StringArray
	for _, subnet := range subnets {
		ids = append(ids, subnet.ID())
	}
	for _, service := range taskServices {
		name := n.name + "-" + strings.ReplaceAll(service.endpoint, ".", "-")
		if _, err := ec2.NewVpcEndpoint(n.ctx, name, &ec2.VpcEndpointArgs{
			VpcId:             n.vpc.ID(),
			ServiceName:       pulumi.String(n.place.endpointService(service.endpoint)),
			VpcEndpointType:   pulumi.String("Interface"),
			PrivateDnsEnabled: pulumi.Bool(true),
			SubnetIds:         ids,
			SecurityGroupIds:  pulumi.StringArray{group.ID()},
			Policy:            n.endpointPolicy(service.actions),
			Tags:              nameTag(name),
		}, pulumi.Parent(n.parent)); err != nil {
			return nil, fmt.Errorf("create endpoint %q: %w", name, err)
		}
	}
	return group, nil
}

// endpointPolicy lets through an endpoint what the roles of a task may do with
// the service, and more where that is given. Credentials of another account,
// which somebody brought along to carry data away, do not pass.
func (n *ownNetwork) endpointPolicy(actions string, more ...statement) pulumi.StringOutput {
	return n.allowed.ApplyT(func(text string) (string, error) {
		var allowed policy
		if err := json.Unmarshal([]byte(text), &allowed); err != nil {
			return "", fmt.Errorf("read what tasks may do: %w", err)
		}
		var passed []statement
		for _, s := range allowed.Statement {
			ofService := slices.ContainsFunc(s.Action, func(action string) bool { return strings.HasPrefix(action, actions) })
			if !ofService {
				continue
			}
			condition := map[string]any{}
			maps.Copy(condition, s.Condition)
			equals := map[string]any{"aws:PrincipalAccount": n.place.AccountID}
			if before, ok := condition["StringEquals"].(map[string]any); ok {
				maps.Copy(equals, before)
			}
			condition["StringEquals"] = equals
			s.Principal, s.Condition = "*", condition
			passed = append(passed, s)
		}
		return renderJSON(newPolicy(append(passed, more...)...))
	}).(pulumi.StringOutput)
}

// imageLayers admits the bucket from which ECR hands out layers. Whoever asks
// comes with an address that ECR signed, so the caller is ECR and not a role here.
func (n *ownNetwork) imageLayers() statement {
	return statement{
		// A layer is called by its digest, and all images have theirs in this bucket.
		Sid:       "PullImageLayers",
		Effect:    "Allow",
		Principal: "*",
		Action:    []string{"s3:GetObject"},
		Resource:  []string{n.place.bucketArn("prod-"+n.place.Region+"-starport-layer-bucket") + "/*"},
	}
}
