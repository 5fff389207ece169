package simcloud

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
)

const (
	vpcType           = "aws:ec2/vpc:Vpc"
	subnetType        = "aws:ec2/subnet:Subnet"
	routeTableType    = "aws:ec2/routeTable:RouteTable"
	gatewayType       = "aws:ec2/internetGateway:InternetGateway"
	securityGroupType = "aws:ec2/securityGroup:SecurityGroup"
	eipType           = "aws:ec2/eip:Eip"
)

// inVPC: networks are often made elsewhere, so an unknown id is taken as it is.
var inVPC = Parent{Property: "vpcId", Type: vpcType, Holds: true, Outside: true}

func ec2Arn(kind string) func(*instance) {
	return func(i *instance) {
		i.arn("ec2", kind+"/"+i.id)
		i.set("ownerId", i.session.account)
	}
}

var ec2Types = []*Type{
	{
		TypeName: vpcType, Args: ec2.VpcArgs{}, Outputs: ec2.Vpc{},
		Replace: []string{"cidrBlock", "ipv4IpamPoolId", "ipv4NetmaskLength"},
		Rules: []rule{
			exactlyOne("", "cidrBlock", "ipv4IpamPoolId"),
			cidr("cidrBlock", 16, 28),
			oneOf("instanceTenancy", "default", "dedicated"),
		},
		Defaults: map[string]any{"enableDnsSupport": true, "enableDnsHostnames": false, "instanceTenancy": "default", "enableNetworkAddressUsageMetrics": false},
		ID:       newID("vpc-"),
		State: func(i *instance) {
			ec2Arn("vpc")(i)
			i.set("defaultSecurityGroupId", "sg-0"+i.fake(16, "default"))
			i.set("defaultNetworkAclId", "acl-0"+i.fake(16, "default"))
			i.set("defaultRouteTableId", "rtb-0"+i.fake(16, "main"))
			i.set("mainRouteTableId", "rtb-0"+i.fake(16, "main"))
			i.set("dhcpOptionsId", "dopt-0"+fakeHex(16, i.session.account, i.session.region))
		},
	},
	{
		TypeName: subnetType, Args: ec2.SubnetArgs{}, Outputs: ec2.Subnet{},
		Replace: []string{"vpcId", "cidrBlock", "availabilityZone", "availabilityZoneId", "ipv6Native", "outpostArn"},
		Parents: []Parent{inVPC},
		Rules: []rule{
			like("vpcId", `^vpc-[0-9a-f]{8,17}$`, "the id of a VPC"),
			cidr("cidrBlock", 16, 28),
			atMostOne("", "availabilityZone", "availabilityZoneId"),
			oneOf("privateDnsHostnameTypeOnLaunch", "ip-name", "resource-name"),
			func(c *checking) {
				if zone, ok := c.props["availabilityZone"].(string); ok && !slices.Contains(zones(c.session.region), zone) {
					c.problem("availabilityZone", "got %q, want a zone of this region: %s", zone, quotedList(zones(c.session.region)))
				}
			},
		},
		ID: newID("subnet-"),
		Create: func(i *instance) error {
			mine, err := netip.ParsePrefix(text(i.in, "cidrBlock"))
			if err != nil {
				return nil
			}
			if vpc := i.cloud.resolve(vpcType, text(i.in, "vpcId")); vpc != nil {
				whole, err := netip.ParsePrefix(text(vpc.plain(), "cidrBlock"))
				if err == nil && (!whole.Contains(mine.Addr()) || mine.Bits() < whole.Bits()) {
					return fmt.Errorf("InvalidSubnet.Range: cidrBlock: %s is not inside the VPC's %s", mine, whole)
				}
			}
			for _, other := range i.cloud.all(subnetType, nil) {
				theirs, err := netip.ParsePrefix(text(other.plain(), "cidrBlock"))
				if err == nil && other.id != i.id && text(other.plain(), "vpcId") == text(i.in, "vpcId") && theirs.Overlaps(mine) {
					return fmt.Errorf("InvalidSubnet.Conflict: cidrBlock: %s overlaps %s of %s", mine, theirs, other.urn)
				}
			}
			return nil
		},
		Defaults: map[string]any{"mapPublicIpOnLaunch": false, "assignIpv6AddressOnCreation": false, "privateDnsHostnameTypeOnLaunch": "ip-name"},
		State: func(i *instance) {
			ec2Arn("subnet")(i)
			if i.in["availabilityZone"] == nil {
				i.keep("availabilityZone", func() any { return zones(i.session.region)[0] })
			}
			zone := i.text("availabilityZone")
			i.set("availabilityZoneId", zoneID(zone))
		},
	},
	{
		TypeName: gatewayType, Args: ec2.InternetGatewayArgs{}, Outputs: ec2.InternetGateway{},
		Parents: []Parent{inVPC}, ID: newID("igw-"), State: ec2Arn("internet-gateway"),
		Rules: []rule{like("vpcId", `^vpc-[0-9a-f]{8,17}$`, "the id of a VPC")},
		Create: func(i *instance) error {
			for _, other := range i.cloud.all(gatewayType, nil) {
				if vpc := text(i.in, "vpcId"); vpc != "" && other.id != i.id && text(other.plain(), "vpcId") == vpc {
					return fmt.Errorf("Resource.AlreadyAssociated: vpcId: %s has an internet gateway already, %s", vpc, other.urn)
				}
			}
			return nil
		},
	},
	{
		TypeName: routeTableType, Args: ec2.RouteTableArgs{}, Outputs: ec2.RouteTable{},
		Replace: []string{"vpcId"}, Parents: []Parent{inVPC}, ID: newID("rtb-"), State: ec2Arn("route-table"),
		Rules: []rule{
			like("vpcId", `^vpc-[0-9a-f]{8,17}$`, "the id of a VPC"),
			exactlyOne("routes[]", routeTargets...),
			cidr("routes[].cidrBlock", 0, 32),
		},
	},
	{
		TypeName: "aws:ec2/route:Route", Args: ec2.RouteArgs{}, Outputs: ec2.Route{},
		Replace: []string{"routeTableId", "destinationCidrBlock", "destinationIpv6CidrBlock", "destinationPrefixListId"},
		Parents: []Parent{{Property: "routeTableId", Type: routeTableType, Holds: true, Outside: true}, {Property: "gatewayId", Type: gatewayType, Holds: true, Outside: true}},
		OnePer:  []string{"routeTableId", "destinationCidrBlock", "destinationIpv6CidrBlock", "destinationPrefixListId"},
		Rules: []rule{
			exactlyOne("", "destinationCidrBlock", "destinationIpv6CidrBlock", "destinationPrefixListId"),
			exactlyOne("", routeTargets...),
			cidr("destinationCidrBlock", 0, 32),
		},
		ID: func(i *instance) string {
			return "r-" + text(i.in, "routeTableId") + fakeHex(10, text(i.in, "destinationCidrBlock"), text(i.in, "destinationIpv6CidrBlock"), text(i.in, "destinationPrefixListId"))
		},
		State: func(i *instance) {
			i.set("origin", "CreateRoute")
			i.set("state", "active")
		},
	},
	{
		TypeName: "aws:ec2/routeTableAssociation:RouteTableAssociation", Args: ec2.RouteTableAssociationArgs{}, Outputs: ec2.RouteTableAssociation{},
		Replace: []string{"subnetId", "gatewayId"},
		Parents: []Parent{{Property: "routeTableId", Type: routeTableType, Holds: true, Outside: true}, {Property: "subnetId", Type: subnetType, Holds: true, Outside: true}},
		OnePer:  []string{"subnetId", "gatewayId"},
		Rules:   []rule{exactlyOne("", "subnetId", "gatewayId")},
		ID:      newID("rtbassoc-"),
	},
	{
		TypeName: securityGroupType, Args: ec2.SecurityGroupArgs{}, Outputs: ec2.SecurityGroup{},
		Name:    &Naming{Property: "name", Scope: "none", Max: 255},
		Replace: []string{"name", "namePrefix", "vpcId", "description"}, Parents: []Parent{inVPC},
		OnePer: []string{"vpcId", "name"}, ID: newID("sg-"),
		Rules: append([]rule{
			sized("name", 1, 255),
			like("name", `^[a-zA-Z0-9 ._\-:/()#,@\[\]+=&;{}!$*]*$`, "letters, digits, spaces and ._-:/()#,@[]+=&;{}!$*"),
			func(c *checking) {
				if strings.HasPrefix(text(c.props, "name"), "sg-") {
					c.problem("name", "got %q; names that begin with sg- are reserved", text(c.props, "name"))
				}
			},
			like("description", `^[a-zA-Z0-9 ._\-:/()#,@\[\]+=&;{}!$*]{0,255}$`, "at most 255 letters, digits, spaces and ._-:/()#,@[]+=&;{}!$*"),
			like("vpcId", `^vpc-[0-9a-f]{8,17}$`, "the id of a VPC"),
		}, groupRules...),
		Defaults: map[string]any{"description": "Managed by Pulumi", "revokeRulesOnDelete": false},
		State: func(i *instance) {
			ec2Arn("security-group")(i)
			if i.in["vpcId"] == nil {
				i.set("vpcId", defaultVPC(i.session))
			}
		},
	},
	{
		TypeName: "aws:ec2/securityGroupRule:SecurityGroupRule", Args: ec2.SecurityGroupRuleArgs{}, Outputs: ec2.SecurityGroupRule{},
		Replace: []string{"*"}, Update: []string{"description"},
		Parents: []Parent{{Property: "securityGroupId", Type: securityGroupType, Outside: true}},
		Rules: []rule{
			oneOf("type", "ingress", "egress"),
			like("protocol", protocolPattern, protocolWords),
			atLeastOne("", "cidrBlocks", "ipv6CidrBlocks", "prefixListIds", "self", "sourceSecurityGroupId"),
			between("fromPort", -1, 65535), between("toPort", -1, 65535),
			cidr("cidrBlocks[]", 0, 32),
		},
		ID: newID("sgrule-"),
		State: func(i *instance) {
			i.set("securityGroupRuleId", "sgr-0"+i.fake(16))
		},
	},
	{
		TypeName: "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup", Args: ec2.DefaultSecurityGroupArgs{}, Outputs: ec2.DefaultSecurityGroup{},
		Replace: []string{"vpcId"}, Parents: []Parent{{Property: "vpcId", Type: vpcType, Outside: true}}, OnePer: []string{"vpcId"},
		Rules:    append([]rule{like("vpcId", `^vpc-[0-9a-f]{8,17}$`, "the id of a VPC")}, groupRules...),
		Defaults: map[string]any{"revokeRulesOnDelete": false},
		ID: func(i *instance) string {
			// The group exists already: this resource takes it over.
			if vpc := i.cloud.resolve(vpcType, text(i.in, "vpcId")); vpc != nil {
				return text(vpc.plain(), "defaultSecurityGroupId")
			}
			return "sg-0" + fakeHex(16, "default", text(i.in, "vpcId"))
		},
		State: func(i *instance) {
			ec2Arn("security-group")(i)
			i.set("name", "default")
			i.set("description", "default VPC security group")
			if i.in["vpcId"] == nil {
				i.set("vpcId", defaultVPC(i.session))
			}
		},
	},
	{
		TypeName: "aws:ec2/vpcEndpoint:VpcEndpoint", Args: ec2.VpcEndpointArgs{}, Outputs: ec2.VpcEndpoint{},
		Replace: []string{"vpcId", "serviceName", "vpcEndpointType", "serviceRegion"}, Parents: []Parent{inVPC},
		Documents: []string{"policy"}, ID: newID("vpce-"),
		Rules: []rule{
			oneOf("vpcEndpointType", "Gateway", "Interface", "GatewayLoadBalancer", "Resource", "ServiceNetwork"),
			exactlyOne("", "serviceName", "resourceConfigurationArn", "serviceNetworkArn"),
			oneOf("ipAddressType", "ipv4", "ipv6", "dualstack"),
			oneOf("dnsOptions.dnsRecordIpType", "ipv4", "ipv6", "dualstack", "service-defined"),
			policy("policy", resourcePolicy),
			like("vpcId", `^vpc-[0-9a-f]{8,17}$`, "the id of a VPC"),
			func(c *checking) {
				gateway := !c.has("vpcEndpointType") || text(c.props, "vpcEndpointType") == "Gateway"
				for _, name := range []string{"subnetIds", "securityGroupIds", "privateDnsEnabled"} {
					if gateway && len(given(c.props, []string{name})) > 0 {
						c.problem(name, "only with vpcEndpointType Interface")
					}
				}
				if !gateway && len(given(c.props, []string{"routeTableIds"})) > 0 {
					c.problem("routeTableIds", "only with vpcEndpointType Gateway")
				}
				service, ok := c.props["serviceName"].(string)
				if ok && strings.Contains(service, ".amazonaws.") && !strings.Contains(service, "."+c.session.region+".") && !c.has("serviceRegion") {
					c.problem("serviceName", "got %q, want a service of this region, %s", service, c.session.region)
				}
				if ok && gateway && !strings.HasSuffix(service, ".s3") && !strings.HasSuffix(service, ".dynamodb") {
					c.problem("serviceName", "got %q; only s3 and dynamodb have Gateway endpoints", service)
				}
			},
		},
		Create: func(i *instance) error {
			for _, other := range i.cloud.all("aws:ec2/vpcEndpoint:VpcEndpoint", nil) {
				o := other.plain()
				if other.id == i.id || text(o, "vpcId") != text(i.in, "vpcId") || text(o, "serviceName") != text(i.in, "serviceName") {
					continue
				}
				for _, table := range refsOf(o["routeTableIds"]) {
					if slices.Contains(refsOf(i.in["routeTableIds"]), table) {
						return fmt.Errorf("RouteAlreadyExists: routeTableIds: %s has a route to this service already, of %s", table, other.urn)
					}
				}
				if flag(o, "privateDnsEnabled") && flag(i.in, "privateDnsEnabled") {
					return fmt.Errorf("InvalidParameter: privateDnsEnabled: %s has this service's private name already", other.urn)
				}
			}
			return nil
		},
		Defaults: map[string]any{"vpcEndpointType": "Gateway", "privateDnsEnabled": false, "ipAddressType": "ipv4"},
		State: func(i *instance) {
			ec2Arn("vpc-endpoint")(i)
			i.set("state", "available")
			i.set("prefixListId", "pl-"+fakeHex(8, i.session.region, text(i.in, "serviceName")))
			if i.in["policy"] == nil {
				i.set("policy", `{"Statement":[{"Action":"*","Effect":"Allow","Principal":"*","Resource":"*"}],"Version":"2008-10-17"}`)
			}
		},
	},
	{
		TypeName: "aws:ec2/natGateway:NatGateway", Args: ec2.NatGatewayArgs{}, Outputs: ec2.NatGateway{},
		Replace: []string{"*"}, Update: []string{"secondaryAllocationIds", "secondaryPrivateIpAddressCount", "secondaryPrivateIpAddresses"},
		Parents: []Parent{{Property: "subnetId", Type: subnetType, Holds: true, Outside: true}, {Property: "allocationId", Type: eipType, Holds: true, Outside: true}},
		OnePer:  []string{"allocationId", "subnetId"}, ID: newID("nat-"),
		Rules: []rule{
			oneOf("connectivityType", "public", "private"),
			func(c *checking) {
				if text(c.props, "connectivityType") != "private" && !c.has("allocationId") {
					c.problem("allocationId", "missing; a public NAT gateway needs an address")
				}
			},
		},
		Defaults: map[string]any{"connectivityType": "public"},
		State: func(i *instance) {
			i.set("networkInterfaceId", "eni-0"+i.fake(16))
			if eip := i.cloud.resolve(eipType, text(i.in, "allocationId")); eip != nil {
				i.set("publicIp", text(eip.plain(), "publicIp"))
			}
		},
	},
	{
		TypeName: eipType, Args: ec2.EipArgs{}, Outputs: ec2.Eip{},
		Replace: []string{"domain", "vpc", "publicIpv4Pool", "networkBorderGroup"}, ID: newID("eipalloc-"),
		Rules: []rule{oneOf("domain", "vpc")},
		State: func(i *instance) {
			i.arn("ec2", "elastic-ip/"+i.id)
			i.set("allocationId", i.id)
			n := i.fake(2, "ip")
			i.set("publicIp", "203.0.113."+fmt.Sprint(int(n[0])%16*16+int(n[1])%16)) // a range for documentation
			i.set("domain", "vpc")
		},
	},
	{
		TypeName: "aws:ec2/flowLog:FlowLog", Args: ec2.FlowLogArgs{}, Outputs: ec2.FlowLog{},
		Replace: []string{"*"}, ID: newID("fl-"), State: func(i *instance) { i.arn("ec2", "vpc-flow-log/"+i.id) },
		Rules: []rule{
			exactlyOne("", "eniId", "subnetId", "transitGatewayId", "transitGatewayAttachmentId", "vpcId"),
			oneOf("trafficType", "ACCEPT", "REJECT", "ALL"),
			oneOf("logDestinationType", "cloud-watch-logs", "s3", "kinesis-data-firehose"),
			numbers("maxAggregationInterval", 60, 600),
			arn("logDestination"), arn("iamRoleArn", "iam"),
			func(c *checking) {
				if kind := text(c.props, "logDestinationType"); (kind == "" || kind == "cloud-watch-logs") && !c.has("iamRoleArn") {
					c.problem("iamRoleArn", "missing; flow logs need a role to write to CloudWatch Logs")
				}
			},
		},
		Defaults: map[string]any{"logDestinationType": "cloud-watch-logs", "maxAggregationInterval": 600},
	},
}

var routeTargets = []string{
	"carrierGatewayId", "coreNetworkArn", "egressOnlyGatewayId", "gatewayId", "localGatewayId", "natGatewayId",
	"networkInterfaceId", "transitGatewayId", "vpcEndpointId", "vpcPeeringConnectionId",
}

const (
	protocolPattern = `^(-1|all|tcp|udp|icmp|icmpv6|\d{1,3})$`
	protocolWords   = `"-1", "tcp", "udp", "icmp", "icmpv6" or a protocol number`
)

// groupRules check the inline rules of a security group.
var groupRules = []rule{
	like("ingress[].protocol", protocolPattern, protocolWords),
	like("egress[].protocol", protocolPattern, protocolWords),
	cidr("ingress[].cidrBlocks[]", 0, 32),
	cidr("egress[].cidrBlocks[]", 0, 32),
	func(c *checking) {
		for _, direction := range []string{"ingress", "egress"} {
			sources := []string{"cidrBlocks", "ipv6CidrBlocks", "prefixListIds", "securityGroups", "self"}
			objects(c.props, direction+"[]", func(at string, r map[string]any) {
				if len(given(r, sources)) == 0 {
					c.problem(at, "reaches nobody; want at least one of %s", quotedList(sources))
				}
				from, okFrom := r["fromPort"].(float64)
				to, okTo := r["toPort"].(float64)
				if !okFrom || !okTo {
					return
				}
				everything := r["protocol"] == "-1" || r["protocol"] == "all"
				switch {
				case everything && (from != 0 || to != 0):
					c.problem(at+".fromPort", "got %s to %s, want 0 to 0 for all protocols", shown(from), shown(to))
				case from < -1 || to > 65535 || from > to:
					c.problem(at+".fromPort", "got %s to %s, want a range within 0 to 65535", shown(from), shown(to))
				}
			})
		}
	},
}

// cidr wants each text that path reaches to be an IPv4 range whose prefix has
// low to high bits, without host bits.
func cidr(path string, low, high int) rule {
	return func(c *checking) {
		visit(c.props, path, func(at string, v any) {
			s, ok := v.(string)
			if !ok {
				return
			}
			p, err := netip.ParsePrefix(s)
			switch {
			case err != nil || !p.Addr().Is4():
				c.problem(at, "got %q, want an IPv4 range such as 10.0.0.0/24", s)
			case p.Masked() != p:
				c.problem(at, "got %q, want %q: no bits after the prefix", s, p.Masked())
			case p.Bits() < low || p.Bits() > high:
				c.problem(at, "got /%d, want /%d to /%d", p.Bits(), low, high)
			}
		})
	}
}

// zones lists a region's availability zones; every simulated region has three.
func zones(region string) []string { return []string{region + "a", region + "b", region + "c"} }

// zoneID is the id that a zone has in every account: euc1-az1 for eu-central-1a.
func zoneID(zone string) string {
	if zone == "" {
		return ""
	}
	region, letter := zone[:len(zone)-1], zone[len(zone)-1]
	parts := strings.Split(region, "-")
	short := parts[0]
	for _, p := range parts[1 : len(parts)-1] {
		short += p[:1]
	}
	return fmt.Sprintf("%s%s-az%d", short, parts[len(parts)-1], letter-'a'+1)
}

// defaultVPC is the VPC that every region has from the start.
func defaultVPC(s *session) string { return "vpc-0" + fakeHex(16, "default", s.account, s.region) }
