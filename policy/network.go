package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/property"
)

var (
	egressPorts = Option{"ports", "TCP ports that may be reached; 443 is HTTPS", []string{"443"}}
	natLimit    = Option{"limit", "NAT gateways outside production, about $33 a month each", 1}
	natLimitIn  = Option{"productionLimit", "NAT gateways in production", 3}
)

func networkRules() []*Rule {
	return []*Rule{
		{
			Name: "network-traffic-recorded", Family: "VPC", Level: mandatory, Severity: Medium, Options: []Option{production},
			Wants:  "In production, the traffic of a network is recorded",
			Remedy: "add an ec2.FlowLog with its vpcId",
			stack: func(c *check, p *plan) {
				for _, vpc := range p.of("ec2.Vpc") {
					if c.in(production) && len(p.attached(vpc, "vpcId", "ec2.FlowLog")) == 0 {
						c.report(vpc, "it has no flow log")
					}
				}
			},
		},
		{
			Name: "default-security-group-closed", Family: "VPC", Level: mandatory, Severity: High,
			Wants:  "The security group that comes with a network lets nothing through",
			Remedy: "add an ec2.DefaultSecurityGroup without ingress and egress",
			stack: func(c *check, p *plan) {
				for _, vpc := range p.of("ec2.Vpc") {
					groups := p.attached(vpc, "vpcId", "ec2.DefaultSecurityGroup")
					if len(groups) == 0 {
						c.report(vpc, "its default security group is as AWS makes it: open inside, and to everywhere")
					}
					for _, g := range groups {
						if g.has("ingress") || g.has("egress") {
							c.report(g, "it has rules")
						}
					}
				}
			},
		},
		{
			Name: "nobody-connects-from-outside", Family: "VPC", Level: mandatory, Severity: High,
			Wants:  "No security group lets the whole internet in",
			Remedy: "name the addresses or the security group that may connect",
			resource: eachRule("ingress", func(c *check, r *resource, rule property.Value) {
				if to := anywhere(rule); to != "" {
					c.report(r, "%s may connect to %s", to, ports(rule))
				}
			}),
		},
		{
			Name: "only-https-goes-out", Family: "VPC", Level: mandatory, Severity: Medium, Options: []Option{egressPorts},
			Wants:  "A security group opens connections to HTTPS only",
			Remedy: "write an egress rule for tcp 443 alone",
			resource: eachRule("egress", func(c *check, r *resource, rule property.Value) {
				for _, name := range []string{"protocol", "ipProtocol", "fromPort", "toPort"} {
					if within(rule, name).IsComputed() {
						return
					}
				}
				if p := ports(rule); !slices.Contains(c.settings.texts(egressPorts), strings.TrimPrefix(p, "tcp ")) {
					c.report(r, "%s goes out", p)
				}
			}),
		},
		{
			Name: "no-public-address-at-rest", Family: "VPC", Level: mandatory, Severity: Medium,
			Wants:    "Nothing has a public address by default or for ever, except a NAT gateway",
			Remedy:   "set mapPublicIpOnLaunch and assignPublicIp to false; give an address to what needs one while it needs it",
			resource: noPublicAddress,
			stack: func(c *check, p *plan) {
				for _, address := range p.of("ec2.Eip") {
					if len(p.attached(address, "allocationId", "ec2.NatGateway")) == 0 {
						c.report(address, "it is a public address, and not a NAT gateway's")
					}
				}
			},
		},
		{
			Name: "few-nat-gateways", Family: "VPC", Level: mandatory, Severity: Low, Options: []Option{natLimit, natLimitIn, production},
			Wants:  "A program has no more NAT gateways than somebody decided to pay for",
			Remedy: "use one for all zones, or endpoints, or raise the limit in this rule's configuration",
			stack: func(c *check, p *plan) {
				limit := c.settings.number(natLimit)
				if c.in(production) {
					limit = c.settings.number(natLimitIn)
				}
				gateways := p.of("ec2.NatGateway")
				for i := limit; i < len(gateways); i++ {
					c.report(gateways[i], "it is NAT gateway %d of %d, want at most %d", i+1, len(gateways), limit)
				}
			},
		},
	}
}

// eachRule calls fn for each rule of a direction, wherever it is written.
func eachRule(direction string, fn func(c *check, r *resource, rule property.Value)) func(c *check, r *resource) {
	return func(c *check, r *resource) {
		switch {
		case r.is("ec2.SecurityGroup"):
			for _, rule := range items(r.get(direction)) {
				fn(c, r, rule)
			}
		case r.is("ec2.SecurityGroupRule") && text(r.get("type")) == direction,
			r.is("vpc.SecurityGroupIngressRule") && direction == "ingress",
			r.is("vpc.SecurityGroupEgressRule") && direction == "egress":
			fn(c, r, property.New(r.inputs))
		}
	}
}

// anywhere is the range of all addresses that a rule names, or "".
func anywhere(rule property.Value) string {
	for _, name := range []string{"cidrBlocks", "ipv6CidrBlocks", "cidrIpv4", "cidrIpv6"} {
		for _, cidr := range texts(within(rule, name)) {
			if cidr == "0.0.0.0/0" || cidr == "::/0" {
				return cidr
			}
		}
	}
	return ""
}

// ports says what a rule lets through: "tcp 443", "tcp 0-65535", "every protocol".
func ports(rule property.Value) string {
	protocol := text(within(rule, "protocol")) + text(within(rule, "ipProtocol"))
	switch protocol {
	case "-1", "all", "":
		return "every protocol"
	case "6":
		protocol = "tcp"
	}
	from, to := within(rule, "fromPort"), within(rule, "toPort")
	switch {
	case !from.IsNumber() || !to.IsNumber():
		return protocol + " on every port"
	case from.AsNumber() == to.AsNumber():
		return fmt.Sprintf("%s %.0f", protocol, from.AsNumber())
	}
	return fmt.Sprintf("%s %.0f-%.0f", protocol, from.AsNumber(), to.AsNumber())
}

func noPublicAddress(c *check, r *resource) {
	switch {
	case r.is("ec2.Subnet") && isTrue(r.get("mapPublicIpOnLaunch")):
		c.report(r, "everything in it gets a public address")
	case r.is("ec2.Instance") && isTrue(r.get("associatePublicIpAddress")):
		c.report(r, "it has a public address")
	case r.is("ecs.Service") && isTrue(r.get("networkConfiguration", "assignPublicIp")):
		c.report(r, "its tasks always have a public address")
	}
}
