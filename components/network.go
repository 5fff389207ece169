package components

import (
	"fmt"
	"net/netip"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// network is where tasks run: they reach AWS, nothing reaches them.
type network struct {
	subnetIDs       pulumi.StringArrayOutput
	securityGroupID pulumi.StringOutput
}

// CheckNetworkCIDR reports whether cidr is a private IPv4 range that can be cut
// into the subnets.
func CheckNetworkCIDR(cidr string) error {
	prefix, err := netip.ParsePrefix(cidr)
	if err != nil || !prefix.Addr().Is4() || !prefix.Addr().IsPrivate() || prefix.Masked() != prefix ||
		prefix.Bits() < 16 || prefix.Bits() > 26 {
		return fmt.Errorf("got %q, want a private IPv4 range of /16 to /26 such as 10.0.0.0/24", cidr)
	}
	return nil
}

// quarter is the i-th of the four equal parts of cidr, which CheckNetworkCIDR
// accepted. Two are used; two stay free for subnets without a public address.
func quarter(cidr string, i int) string {
	prefix := netip.MustParsePrefix(cidr)
	bits := prefix.Bits() + 2
	a := prefix.Addr().As4()
	n := uint32(a[0])<<24 | uint32(a[1])<<16 | uint32(a[2])<<8 | uint32(a[3])
	n += uint32(i) << (32 - bits)
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}), bits).String()
}

// newPublicNetwork creates a VPC with two public subnets and no NAT gateway: a
// task gets a public address while it runs, and no security group lets anyone
// connect to it. S3 is reached through a gateway endpoint. All of it is free at
// rest; a running task pays for its address ($0.005 an hour).
func newPublicNetwork(ctx *pulumi.Context, name, cidr string, place Place, parent pulumi.Resource) (*network, error) {
	tags := func(name string) pulumi.StringMap { return pulumi.StringMap{"Name": pulumi.String(name)} }
	vpc, err := ec2.NewVpc(ctx, name, &ec2.VpcArgs{
		CidrBlock:          pulumi.String(cidr),
		EnableDnsSupport:   pulumi.Bool(true),
		EnableDnsHostnames: pulumi.Bool(true),
		Tags:               tags(name),
	}, pulumi.Parent(parent))
	if err != nil {
		return nil, fmt.Errorf("create VPC %q: %w", name, err)
	}
	if err := closeDefaultSecurityGroup(ctx, name+"-default", vpc, parent); err != nil {
		return nil, err
	}
	routes, err := newInternetRoutes(ctx, name, vpc, parent)
	if err != nil {
		return nil, err
	}
	subnetIDs, err := newPublicSubnets(ctx, name, cidr, vpc, routes, parent)
	if err != nil {
		return nil, err
	}
	if _, err := ec2.NewVpcEndpoint(ctx, name+"-s3", &ec2.VpcEndpointArgs{
		VpcId:           vpc.ID(),
		ServiceName:     pulumi.String(place.endpointService("s3")),
		VpcEndpointType: pulumi.String("Gateway"),
		RouteTableIds:   pulumi.StringArray{routes.ID()},
		Tags:            tags(name + "-s3"),
	}, pulumi.Parent(parent)); err != nil {
		return nil, fmt.Errorf("create endpoint %q: %w", name+"-s3", err)
	}
	group, err := newOutboundSecurityGroup(ctx, name+"-task", vpc, parent)
	if err != nil {
		return nil, err
	}
	return &network{subnetIDs: subnetIDs, securityGroupID: group.ID().ToStringOutput()}, nil
}

// closeDefaultSecurityGroup takes every rule from the group that AWS puts into
// each VPC, so that nothing is open by being forgotten.
func closeDefaultSecurityGroup(ctx *pulumi.Context, name string, vpc *ec2.Vpc, parent pulumi.Resource) error {
	_, err := ec2.NewDefaultSecurityGroup(ctx, name, &ec2.DefaultSecurityGroupArgs{
		VpcId:   vpc.ID(),
		Ingress: ec2.DefaultSecurityGroupIngressArray{},
		Egress:  ec2.DefaultSecurityGroupEgressArray{},
		Tags:    pulumi.StringMap{"Name": pulumi.String(name)},
	}, pulumi.Parent(parent))
	if err != nil {
		return fmt.Errorf("close default security group %q: %w", name, err)
	}
	return nil
}

// newInternetRoutes creates the way out and the table that leads to it.
func newInternetRoutes(ctx *pulumi.Context, name string, vpc *ec2.Vpc, parent pulumi.Resource) (*ec2.RouteTable, error) {
	gateway, err := ec2.NewInternetGateway(ctx, name+"-gateway", &ec2.InternetGatewayArgs{
		VpcId: vpc.ID(),
		Tags:  pulumi.StringMap{"Name": pulumi.String(name)},
	}, pulumi.Parent(parent))
	if err != nil {
		return nil, fmt.Errorf("create internet gateway %q: %w", name+"-gateway", err)
	}
	// Routes are resources of their own: a table with inline routes would fight
	// with the route that the gateway endpoint adds.
	routes, err := ec2.NewRouteTable(ctx, name+"-routes", &ec2.RouteTableArgs{
		VpcId: vpc.ID(),
		Tags:  pulumi.StringMap{"Name": pulumi.String(name + "-public")},
	}, pulumi.Parent(parent))
	if err != nil {
		return nil, fmt.Errorf("create route table %q: %w", name+"-routes", err)
	}
	if _, err := ec2.NewRoute(ctx, name+"-internet", &ec2.RouteArgs{
		RouteTableId:         routes.ID(),
		DestinationCidrBlock: pulumi.String("0.0.0.0/0"),
		GatewayId:            gateway.ID(),
	}, pulumi.Parent(parent)); err != nil {
		return nil, fmt.Errorf("create route %q: %w", name+"-internet", err)
	}
	return routes, nil
}

// newPublicSubnets creates two subnets in different availability zones, so
// that a zone without Fargate capacity does not stop a run. Addresses are given
// by the task's own request, not by the subnet.
func newPublicSubnets(ctx *pulumi.Context, name, cidr string, vpc *ec2.Vpc, routes *ec2.RouteTable, parent pulumi.Resource) (pulumi.StringArrayOutput, error) {
	zones, err := availabilityZones(ctx, parent)
	if err != nil {
		return pulumi.StringArrayOutput{}, err
	}
	var ids pulumi.StringArray
	for i := range 2 {
		subnetName := fmt.Sprintf("%s-public-%d", name, i+1)
		args := &ec2.SubnetArgs{
			VpcId:               vpc.ID(),
			CidrBlock:           pulumi.String(quarter(cidr, i)),
			MapPublicIpOnLaunch: pulumi.Bool(false),
			Tags:                pulumi.StringMap{"Name": pulumi.String(subnetName)},
		}
		if len(zones) > 0 { // else AWS chooses
			args.AvailabilityZone = pulumi.String(zones[i%len(zones)])
		}
		subnet, err := ec2.NewSubnet(ctx, subnetName, args, pulumi.Parent(parent))
		if err != nil {
			return pulumi.StringArrayOutput{}, fmt.Errorf("create subnet %q: %w", subnetName, err)
		}
		if _, err := ec2.NewRouteTableAssociation(ctx, subnetName+"-routes", &ec2.RouteTableAssociationArgs{
			SubnetId:     subnet.ID(),
			RouteTableId: routes.ID(),
		}, pulumi.Parent(parent)); err != nil {
			return pulumi.StringArrayOutput{}, fmt.Errorf("route subnet %q: %w", subnetName, err)
		}
		ids = append(ids, subnet.ID())
	}
	return ids.ToStringArrayOutput(), nil
}

// availabilityZones lists the region's ordinary zones, without Local Zones and
// without zones that the account would have to opt in to.
func availabilityZones(ctx *pulumi.Context, parent pulumi.Resource) ([]string, error) {
	state := "available"
	zones, err := aws.GetAvailabilityZones(ctx, &aws.GetAvailabilityZonesArgs{
		State: &state,
		Filters: []aws.GetAvailabilityZonesFilter{
			{Name: "opt-in-status", Values: []string{"opt-in-not-required"}},
			{Name: "zone-type", Values: []string{"availability-zone"}},
		},
	}, pulumi.Parent(parent))
	if err != nil {
		return nil, fmt.Errorf("list availability zones: %w", err)
	}
	return zones.Names, nil
}

// newOutboundSecurityGroup lets tasks open connections to HTTPS anywhere, and
// lets nobody connect to them. Name resolution inside a VPC is not filtered by
// security groups, so port 53 needs no rule.
func newOutboundSecurityGroup(ctx *pulumi.Context, name string, vpc *ec2.Vpc, parent pulumi.Resource) (*ec2.SecurityGroup, error) {
	group, err := ec2.NewSecurityGroup(ctx, name, &ec2.SecurityGroupArgs{
		VpcId:       vpc.ID(),
		Description: pulumi.String("Preprocessing tasks: HTTPS out, nothing in"),
		Ingress:     ec2.SecurityGroupIngressArray{},
		Egress: ec2.SecurityGroupEgressArray{
			&ec2.SecurityGroupEgressArgs{
				Description: pulumi.String("HTTPS to the APIs of AWS"),
				Protocol:    pulumi.String("tcp"),
				FromPort:    pulumi.Int(443),
				ToPort:      pulumi.Int(443),
				CidrBlocks:  pulumi.StringArray{pulumi.String("0.0.0.0/0")},
			},
		},
		Tags: pulumi.StringMap{"Name": pulumi.String(name)},
	}, pulumi.Parent(parent))
	if err != nil {
		return nil, fmt.Errorf("create security group %q: %w", name, err)
	}
	return group, nil
}
