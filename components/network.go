package components

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// NetworkMode is how a task reaches AWS. In none of them can anybody connect to a task.
type NetworkMode string

const (
	// NetworkPublic gives a task a public address while it runs. Nothing costs
	// anything at rest.
	NetworkPublic NetworkMode = "public"

	// NetworkPrivate leads out through a NAT gateway: $32.85 a month and $3.65 for
	// its address.
	NetworkPrivate NetworkMode = "private"

	// NetworkEndpoints has no way to the internet, only to the services that a
	// task calls: four interface endpoints, $29.20 a month in each zone.
	NetworkEndpoints NetworkMode = "endpoints"

	// NetworkExisting uses the subnets of a VPC that others own.
	NetworkExisting NetworkMode = "existing"
)

var networkModes = []NetworkMode{NetworkPublic, NetworkPrivate, NetworkEndpoints, NetworkExisting}

// CheckNetworkMode reports whether mode is one of ours.
func CheckNetworkMode(mode NetworkMode) error {
	if !slices.Contains(networkModes, mode) {
		return fmt.Errorf("got %q, want %s", mode, orList(networkModes))
	}
	return nil
}

// Network chooses where tasks run. Changing Mode or CIDR replaces subnets; a task
// that runs meanwhile has to be waited for.
type Network struct {
	Mode NetworkMode `pulumi:"mode"`

	// CIDR is the private IPv4 range of a network of our own: /16 to /26. A network
	// that exists has its own.
	CIDR string `pulumi:"cidr,optional"`

	// EgressPerZone gives each of the two zones its own way out, in the modes
	// private and endpoints, at twice the price. Else the failure of one zone stops
	// runs in both.
	EgressPerZone bool `pulumi:"egressPerZone,optional"`

	// FlowLogGroupName is the published name of the log group that records the
	// connections of a network of our own; "" records none.
	FlowLogGroupName string `pulumi:"flowLogGroupName,optional"`

	// VPCID and SubnetIDs are the network in the mode existing.
	VPCID     string   `pulumi:"vpcId,optional"`
	SubnetIDs []string `pulumi:"subnetIds,optional"`

	// AssignPublicIP gives a task in an existing network a public address: it
	// needs one where the way out is an internet gateway, and none where it is a
	// NAT gateway or an endpoint.
	AssignPublicIP bool `pulumi:"assignPublicIp,optional"`
}

var (
	vpcPattern    = regexp.MustCompile(`^vpc-([0-9a-f]{8}|[0-9a-f]{17})$`)
	subnetPattern = regexp.MustCompile(`^subnet-([0-9a-f]{8}|[0-9a-f]{17})$`)
)

// CheckVPCID reports whether id is shaped like the id of a VPC.
func CheckVPCID(id string) error {
	if !vpcPattern.MatchString(id) {
		return fmt.Errorf("got %q, want the id of a VPC such as vpc-0123456789abcdef0", id)
	}
	return nil
}

// CheckSubnetIDs reports every id that is not shaped like one of a subnet, or
// that is there twice.
func CheckSubnetIDs(ids []string) error {
	var errs []error
	for i, id := range ids {
		switch {
		case !subnetPattern.MatchString(id):
			errs = append(errs, fmt.Errorf("number %d: got %q, want the id of a subnet such as subnet-0123456789abcdef0", i+1, id))
		case slices.Contains(ids[:i], id):
			errs = append(errs, fmt.Errorf("number %d: got %s again, want each once", i+1, id))
		}
	}
	return errors.Join(errs...)
}

// PublicIP is whether a task has a public address while it runs.
func (n Network) PublicIP() bool { return n.Mode == NetworkPublic || n.AssignPublicIP }

// CheckNetwork reports every choice that does not go with the mode. name is what
// the author of the choice calls a field of Network.
func CheckNetwork(n Network, name func(field string) string) error {
	if err := CheckNetworkMode(n.Mode); err != nil {
		return named(name("Mode"), err)
	}
	var errs []error
	only := func(field string, given bool, modes ...NetworkMode) {
		if given && !slices.Contains(modes, n.Mode) {
			errs = append(errs, fmt.Errorf("%s: only with %s %s, got %s", name(field), name("Mode"), orList(modes), n.Mode))
		}
	}
	only("CIDR", n.CIDR != "", NetworkPublic, NetworkPrivate, NetworkEndpoints)
	only("EgressPerZone", n.EgressPerZone, NetworkPrivate, NetworkEndpoints)
	only("FlowLogGroupName", n.FlowLogGroupName != "", NetworkPublic, NetworkPrivate, NetworkEndpoints)
	only("VPCID", n.VPCID != "", NetworkExisting)
	only("SubnetIDs", len(n.SubnetIDs) > 0, NetworkExisting)
	only("AssignPublicIP", n.AssignPublicIP, NetworkExisting)
	if n.Mode != NetworkExisting {
		return errors.Join(append(errs, named(name("CIDR"), CheckNetworkCIDR(n.CIDR)))...)
	}
	errs = append(errs, named(name("VPCID"), CheckVPCID(n.VPCID)), named(name("SubnetIDs"), CheckSubnetIDs(n.SubnetIDs)))
	if len(n.SubnetIDs) == 0 {
		errs = append(errs, fmt.Errorf("%s: missing, want one subnet or more of the VPC", name("SubnetIDs")))
	}
	return errors.Join(errs...)
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
// accepted: two for public subnets, then two for private ones.
func quarter(cidr string, i int) string {
	prefix := netip.MustParsePrefix(cidr)
	bits := prefix.Bits() + 2
	a := prefix.Addr().As4()
	n := uint32(a[0])<<24 | uint32(a[1])<<16 | uint32(a[2])<<8 | uint32(a[3])
	n += uint32(i) << (32 - bits)
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}), bits).String()
}

// What is taken of the addresses of a subnet: by AWS itself, and by endpoints.
const (
	reservedAddresses = 5
	endpointAddresses = 4
)

// CheckNetworkRoom reports whether so many tasks have an address each in cidr,
// which CheckNetworkCIDR accepted.
func CheckNetworkRoom(cidr string, tasks int) error {
	prefix, err := netip.ParsePrefix(cidr)
	if err != nil {
		return err
	}
	room := func(bits int) int { return zonesUsed * (1<<(32-bits-2) - reservedAddresses - endpointAddresses) }
	bits := prefix.Bits()
	if tasks <= room(bits) {
		return nil
	}
	for bits > 16 && room(bits) < tasks {
		bits--
	}
	return fmt.Errorf("got %s with addresses for %d tasks, want /%d or larger for the %d that there may be at once", cidr, room(prefix.Bits()), bits, tasks)
}

// zonesUsed is in how many availability zones tasks run, so that a zone without
// Fargate capacity does not stop a run.
const zonesUsed = 2

// network is where tasks run: they reach AWS, nothing reaches them.
type network struct {
	subnetIDs       pulumi.StringArrayOutput
	securityGroupID pulumi.StringOutput
	publicIP        bool
}

// newNetwork creates or takes over what args.Network chose. allowed is what the
// roles of a task may do; endpoints let nothing else through.
func newNetwork(ctx *pulumi.Context, name string, args *ProcessingClusterArgs, allowed pulumi.StringOutput, parent pulumi.Resource) (*network, error) {
	if args.Network.Mode == NetworkExisting {
		return useNetwork(ctx, name, args.Network, parent)
	}
	n := &ownNetwork{ctx: ctx, name: name, choice: args.Network, place: args.Place, allowed: allowed, parent: parent}
	var err error
	n.vpc, err = ec2.NewVpc(ctx, name, &ec2.VpcArgs{
		CidrBlock:          pulumi.String(n.choice.CIDR),
		EnableDnsSupport:   pulumi.Bool(true),
		EnableDnsHostnames: pulumi.Bool(true),
		Tags:               nameTag(name),
	}, pulumi.Parent(parent))
	if err != nil {
		return nil, fmt.Errorf("create VPC %q: %w", name, err)
	}
	if err := closeDefaultSecurityGroup(ctx, name+"-default", n.vpc, parent); err != nil {
		return nil, err
	}
	if n.choice.FlowLogGroupName != "" {
		if err := newFlowLogs(ctx, name+"-flow", args, n.vpc, parent); err != nil {
			return nil, err
		}
	}
	n.zones, err = availabilityZones(ctx, parent)
	if err != nil {
		return nil, err
	}
	switch n.choice.Mode {
	case NetworkPrivate:
		return n.private()
	case NetworkEndpoints:
		return n.endpoints()
	default:
		return n.public()
	}
}

// useNetwork takes subnets that others own, and makes a security group there.
func useNetwork(ctx *pulumi.Context, name string, choice Network, parent pulumi.Resource) (*network, error) {
	if err := checkSubnetsOf(ctx, choice, parent); err != nil {
		return nil, fmt.Errorf("network %q: %w", name, err)
	}
	var ids pulumi.StringArray
	for _, id := range choice.SubnetIDs {
		ids = append(ids, pulumi.String(id))
	}
	group, err := newTaskSecurityGroup(ctx, name+"-task", pulumi.String(choice.VPCID), httpsAnywhere(), parent)
	if err != nil {
		return nil, err
	}
	return &network{subnetIDs: ids.ToStringArrayOutput(), securityGroupID: group.ID().ToStringOutput(), publicIP: choice.AssignPublicIP}, nil
}

// checkSubnetsOf asks AWS for each subnet and reports those that do not exist or
// are of another VPC: a task could not be started there, which would show weeks later.
func checkSubnetsOf(ctx *pulumi.Context, choice Network, parent pulumi.Resource) error {
	var errs []error
	for _, id := range choice.SubnetIDs {
		found, err := ec2.LookupSubnet(ctx, &ec2.LookupSubnetArgs{Id: &id}, pulumi.Parent(parent))
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("look up %s: %w", id, err))
		case found.VpcId != choice.VPCID:
			errs = append(errs, fmt.Errorf("%s is in %s, want a subnet of %s", id, found.VpcId, choice.VPCID))
		}
	}
	return named(networkName("SubnetIDs"), errors.Join(errs...))
}

// ownNetwork is a VPC while it is built.
type ownNetwork struct {
	ctx     *pulumi.Context
	name    string
	choice  Network
	place   Place
	allowed pulumi.StringOutput
	parent  pulumi.Resource
	vpc     *ec2.Vpc
	zones   []string
}

// public has public subnets and no NAT gateway: a task gets a public address
// while it runs, and no security group lets anyone connect to it. All of it is
// free at rest; a running task pays for its address ($0.005 an hour).
func (n *ownNetwork) public() (*network, error) {
	routes, err := n.internetRoutes()
	if err != nil {
		return nil, err
	}
	subnets, err := n.subnets("public", 0, zonesUsed, routes)
	if err != nil {
		return nil, err
	}
	if _, err := n.s3Endpoint(routes); err != nil {
		return nil, err
	}
	return n.finish(subnets, httpsAnywhere(), true)
}

// private has subnets that lead out through a NAT gateway, in one zone or in each.
func (n *ownNetwork) private() (*network, error) {
	internet, err := n.internetRoutes()
	if err != nil {
		return nil, err
	}
	outside, err := n.subnets("public", 0, n.waysOut(), internet)
	if err != nil {
		return nil, err
	}
	var tables []*ec2.RouteTable
	for i, subnet := range outside {
		table, err := n.natRoutes(i, subnet)
		if err != nil {
			return nil, err
		}
		tables = append(tables, table)
	}
	subnets, err := n.subnets("private", zonesUsed, zonesUsed, tables...)
	if err != nil {
		return nil, err
	}
	if _, err := n.s3Endpoint(tables...); err != nil {
		return nil, err
	}
	return n.finish(subnets, httpsAnywhere(), false)
}

// endpoints has subnets that lead nowhere but to the services a task calls.
func (n *ownNetwork) endpoints() (*network, error) {
	routes, err := n.routeTable("private-routes")
	if err != nil {
		return nil, err
	}
	subnets, err := n.subnets("private", zonesUsed, zonesUsed, routes)
	if err != nil {
		return nil, err
	}
	s3, err := n.s3Endpoint(routes)
	if err != nil {
		return nil, err
	}
	group, err := n.interfaceEndpoints(subnets[:n.waysOut()])
	if err != nil {
		return nil, err
	}
	return n.finish(subnets, ec2.SecurityGroupEgressArray{
		httpsTo("The APIs of AWS", &ec2.SecurityGroupEgressArgs{SecurityGroups: pulumi.StringArray{group.ID()}}),
		httpsTo("S3", &ec2.SecurityGroupEgressArgs{PrefixListIds: pulumi.StringArray{s3.PrefixListId}}),
	}, false)
}

// waysOut is in how many zones the way out stands.
func (n *ownNetwork) waysOut() int {
	if n.choice.EgressPerZone {
		return zonesUsed
	}
	return 1
}

func (n *ownNetwork) finish(subnets []*ec2.Subnet, egress ec2.SecurityGroupEgressArray, publicIP bool) (*network, error) {
	group, err := newTaskSecurityGroup(n.ctx, n.name+"-task", n.vpc.ID(), egress, n.parent)
	if err != nil {
		return nil, err
	}
	var ids pulumi.StringArray
	for _, subnet := range subnets {
		ids = append(ids, subnet.ID())
	}
	return &network{subnetIDs: ids.ToStringArrayOutput(), securityGroupID: group.ID().ToStringOutput(), publicIP: publicIP}, nil
}

func nameTag(name string) pulumi.StringMap { return pulumi.StringMap{"Name": pulumi.String(name)} }

// closeDefaultSecurityGroup takes every rule from the group that AWS puts into
// each VPC, so that nothing is open by being forgotten.
func closeDefaultSecurityGroup(ctx *pulumi.Context, name string, vpc *ec2.Vpc, parent pulumi.Resource) error {
	_, err := ec2.NewDefaultSecurityGroup(ctx, name, &ec2.DefaultSecurityGroupArgs{
		VpcId:   vpc.ID(),
		Ingress: ec2.DefaultSecurityGroupIngressArray{},
		Egress:  ec2.DefaultSecurityGroupEgressArray{},
		Tags:    nameTag(name),
	}, pulumi.Parent(parent))
	if err != nil {
		return fmt.Errorf("close default security group %q: %w", name, err)
	}
	return nil
}

// routeTable creates a table without routes. Routes are resources of their own: a
// table with inline routes would fight with the route that the gateway endpoint adds.
func (n *ownNetwork) routeTable(purpose string) (*ec2.RouteTable, error) {
	name := n.name + "-" + purpose
	table, err := ec2.NewRouteTable(n.ctx, name, &ec2.RouteTableArgs{VpcId: n.vpc.ID(), Tags: nameTag(name)}, pulumi.Parent(n.parent))
	if err != nil {
		return nil, fmt.Errorf("create route table %q: %w", name, err)
	}
	return table, nil
}

// internetRoutes creates the way to the internet and the table that leads to it.
func (n *ownNetwork) internetRoutes() (*ec2.RouteTable, error) {
	gateway, err := ec2.NewInternetGateway(n.ctx, n.name+"-gateway", &ec2.InternetGatewayArgs{
		VpcId: n.vpc.ID(),
		Tags:  nameTag(n.name),
	}, pulumi.Parent(n.parent))
	if err != nil {
		return nil, fmt.Errorf("create internet gateway %q: %w", n.name+"-gateway", err)
	}
	routes, err := n.routeTable("routes")
	if err != nil {
		return nil, err
	}
	if _, err := ec2.NewRoute(n.ctx, n.name+"-internet", &ec2.RouteArgs{
		RouteTableId:         routes.ID(),
		DestinationCidrBlock: pulumi.String("0.0.0.0/0"),
		GatewayId:            gateway.ID(),
	}, pulumi.Parent(n.parent)); err != nil {
		return nil, fmt.Errorf("create route %q: %w", n.name+"-internet", err)
	}
	return routes, nil
}

// natRoutes creates a NAT gateway in a public subnet, and the table that leads to it.
func (n *ownNetwork) natRoutes(zone int, subnet *ec2.Subnet) (*ec2.RouteTable, error) {
	name := fmt.Sprintf("%s-nat-%d", n.name, zone+1)
	address, err := ec2.NewEip(n.ctx, name+"-address", &ec2.EipArgs{
		Domain: pulumi.String("vpc"),
		Tags:   nameTag(name),
	}, pulumi.Parent(n.parent))
	if err != nil {
		return nil, fmt.Errorf("create address %q: %w", name+"-address", err)
	}
	gateway, err := ec2.NewNatGateway(n.ctx, name, &ec2.NatGatewayArgs{
		SubnetId:     subnet.ID(),
		AllocationId: address.ID(),
		Tags:         nameTag(name),
	}, pulumi.Parent(n.parent))
	if err != nil {
		return nil, fmt.Errorf("create NAT gateway %q: %w", name, err)
	}
	routes, err := n.routeTable(fmt.Sprintf("private-routes-%d", zone+1))
	if err != nil {
		return nil, err
	}
	if _, err := ec2.NewRoute(n.ctx, name+"-internet", &ec2.RouteArgs{
		RouteTableId:         routes.ID(),
		DestinationCidrBlock: pulumi.String("0.0.0.0/0"),
		NatGatewayId:         gateway.ID(),
	}, pulumi.Parent(n.parent)); err != nil {
		return nil, fmt.Errorf("create route %q: %w", name+"-internet", err)
	}
	return routes, nil
}

// subnets creates count subnets from the quarters of the range beginning with
// first, each in another zone, and spreads them over the route tables. No subnet
// gives out public addresses: a task asks for its own.
func (n *ownNetwork) subnets(purpose string, first, count int, tables ...*ec2.RouteTable) ([]*ec2.Subnet, error) {
	var subnets []*ec2.Subnet
	for i := range count {
		name := fmt.Sprintf("%s-%s-%d", n.name, purpose, i+1)
		args := &ec2.SubnetArgs{
			VpcId:               n.vpc.ID(),
			CidrBlock:           pulumi.String(quarter(n.choice.CIDR, first+i)),
			MapPublicIpOnLaunch: pulumi.Bool(false),
			Tags:                nameTag(name),
		}
		if len(n.zones) > 0 { // else AWS chooses
			args.AvailabilityZone = pulumi.String(n.zones[i%len(n.zones)])
		}
		subnet, err := ec2.NewSubnet(n.ctx, name, args, pulumi.Parent(n.parent))
		if err != nil {
			return nil, fmt.Errorf("create subnet %q: %w", name, err)
		}
		if _, err := ec2.NewRouteTableAssociation(n.ctx, name+"-routes", &ec2.RouteTableAssociationArgs{
			SubnetId:     subnet.ID(),
			RouteTableId: tables[i%len(tables)].ID(),
		}, pulumi.Parent(n.parent)); err != nil {
			return nil, fmt.Errorf("route subnet %q: %w", name, err)
		}
		subnets = append(subnets, subnet)
	}
	return subnets, nil
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

// httpsTo completes a rule that lets tasks open connections to port 443.
func httpsTo(description string, to *ec2.SecurityGroupEgressArgs) *ec2.SecurityGroupEgressArgs {
	to.Description = pulumi.String(description)
	to.Protocol = pulumi.String("tcp")
	to.FromPort, to.ToPort = pulumi.Int(443), pulumi.Int(443)
	return to
}

// httpsAnywhere is the egress of tasks whose way out is not ours to choose: the
// addresses of AWS's APIs change.
func httpsAnywhere() ec2.SecurityGroupEgressArray {
	return ec2.SecurityGroupEgressArray{
		httpsTo("HTTPS to the APIs of AWS", &ec2.SecurityGroupEgressArgs{CidrBlocks: pulumi.StringArray{pulumi.String("0.0.0.0/0")}}),
	}
}

// newTaskSecurityGroup lets nobody connect to tasks, and tasks only where egress
// says. Name resolution inside a VPC is not filtered by security groups, so port
// 53 needs no rule.
func newTaskSecurityGroup(ctx *pulumi.Context, name string, vpcID pulumi.StringPtrInput, egress ec2.SecurityGroupEgressArray, parent pulumi.Resource) (*ec2.SecurityGroup, error) {
	group, err := ec2.NewSecurityGroup(ctx, name, &ec2.SecurityGroupArgs{
		VpcId:       vpcID,
		Description: pulumi.String("Preprocessing tasks: HTTPS out, nothing in"),
		Ingress:     ec2.SecurityGroupIngressArray{},
		Egress:      egress,
		Tags:        nameTag(name),
	}, pulumi.Parent(parent))
	if err != nil {
		return nil, fmt.Errorf("create security group %q: %w", name, err)
	}
	return group, nil
}

// networkName is how the errors of this package call a field of Network.
func networkName(field string) string { return "Network." + field }
