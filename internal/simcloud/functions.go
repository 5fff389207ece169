package simcloud

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// function answers one invoke. The cloud is locked.
type function func(c *Cloud, s *session, args map[string]any) (map[string]any, error)

// functions is every data source that the simulator knows. They read what
// exists, in the account and region of the provider that they were called on.
var functions = map[string]function{
	"aws:index/getCallerIdentity:getCallerIdentity": func(_ *Cloud, s *session, _ map[string]any) (map[string]any, error) {
		return map[string]any{
			"accountId": s.account,
			"arn":       fmt.Sprintf("arn:%s:sts::%s:assumed-role/deployer/simulated", s.partition(), s.account),
			"id":        s.account,
			"userId":    "AROA" + strings.ToUpper(fakeHex(17, s.account)) + ":simulated",
		}, nil
	},
	"aws:index/getRegion:getRegion": func(_ *Cloud, s *session, args map[string]any) (map[string]any, error) {
		name := s.region
		if n := text(args, "name"); n != "" {
			name = n
		}
		if !regionPattern.MatchString(name) {
			return nil, fmt.Errorf("name: got %q, want a region such as eu-central-1", name)
		}
		return map[string]any{"name": name, "id": name, "endpoint": "ec2." + name + "." + s.dnsSuffix(), "description": name}, nil
	},
	"aws:index/getPartition:getPartition": func(_ *Cloud, s *session, _ map[string]any) (map[string]any, error) {
		return map[string]any{"partition": s.partition(), "id": s.partition(), "dnsSuffix": s.dnsSuffix(), "reverseDnsPrefix": "com.amazonaws"}, nil
	},
	"aws:index/getAvailabilityZones:getAvailabilityZones": func(_ *Cloud, s *session, args map[string]any) (map[string]any, error) {
		if state := text(args, "state"); state != "" && !slices.Contains([]string{"available", "information", "impaired", "unavailable"}, state) {
			return nil, fmt.Errorf(`state: got %q, want "available", "information", "impaired" or "unavailable"`, state)
		}
		result := map[string]any{"id": s.region, "groupNames": []any{s.region}}
		var names, ids []any
		for _, z := range zones(s.region) {
			if slices.Contains(refsOf(args["excludeNames"]), z) || slices.Contains(refsOf(args["excludeZoneIds"]), zoneID(z)) {
				continue
			}
			names, ids = append(names, z), append(ids, zoneID(z))
		}
		for k, v := range args {
			result[k] = v
		}
		result["names"], result["zoneIds"] = names, ids
		return result, nil
	},
	"aws:index/getDefaultTags:getDefaultTags": func(_ *Cloud, s *session, _ map[string]any) (map[string]any, error) {
		tags := map[string]any{}
		for k, v := range s.tags {
			tags[k] = v
		}
		return map[string]any{"id": s.region, "tags": tags}, nil
	},
	"aws:iam/getPolicyDocument:getPolicyDocument": getPolicyDocument,
	"aws:ecr/getCredentials:getCredentials": func(_ *Cloud, s *session, args map[string]any) (map[string]any, error) {
		registry := text(args, "registryId")
		if registry == "" {
			registry = s.account
		}
		return map[string]any{
			"registryId":         registry,
			"authorizationToken": base64.StdEncoding.EncodeToString([]byte("AWS:simulated-password")),
			"proxyEndpoint":      fmt.Sprintf("https://%s.dkr.ecr.%s.%s", registry, s.region, s.dnsSuffix()),
			"expiresAt":          epoch,
		}, nil
	},
	"aws:ecr/getAuthorizationToken:getAuthorizationToken": func(_ *Cloud, s *session, args map[string]any) (map[string]any, error) {
		registry := text(args, "registryId")
		if registry == "" {
			registry = s.account
		}
		return map[string]any{
			"id": s.region, "registryId": registry, "userName": "AWS", "password": "simulated-password",
			"authorizationToken": base64.StdEncoding.EncodeToString([]byte("AWS:simulated-password")),
			"proxyEndpoint":      fmt.Sprintf("https://%s.dkr.ecr.%s.%s", registry, s.region, s.dnsSuffix()),
			"expiresAt":          epoch,
		}, nil
	},
	"aws:ec2/getVpc:getVpc": func(c *Cloud, s *session, args map[string]any) (map[string]any, error) {
		id := text(args, "id")
		if flag(args, "default") {
			id = defaultVPC(s)
			return map[string]any{
				"id": id, "arn": s.arn("ec2", "vpc/"+id), "cidrBlock": "172.31.0.0/16", "default": true, "state": "available",
				"ownerId": s.account, "enableDnsSupport": true, "enableDnsHostnames": true, "instanceTenancy": "default",
				"enableNetworkAddressUsageMetrics": false, "cidrBlockAssociations": []any{}, "dhcpOptionsId": "", "ipv6AssociationId": "",
				"ipv6CidrBlock": "", "mainRouteTableId": "rtb-0" + fakeHex(16, id), "tags": map[string]any{},
			}, nil
		}
		found := c.resolve(vpcType, id)
		if found == nil {
			return nil, fmt.Errorf("no VPC %q", id)
		}
		state := found.plain()
		state["id"], state["default"], state["state"] = found.id, false, "available"
		return state, nil
	},
	"aws:ec2/getSubnet:getSubnet": func(c *Cloud, s *session, args map[string]any) (map[string]any, error) {
		id := text(args, "id")
		if vpc, known := c.others.Subnets[id]; known {
			return map[string]any{
				"id": id, "vpcId": vpc, "state": "available", "ownerId": s.account, "arn": s.arn("ec2", "subnet/"+id),
				"availabilityZone": zones(s.region)[0], "availabilityZoneId": zoneID(zones(s.region)[0]),
			}, nil
		}
		state, err := read(c, subnetType, id)
		if err != nil {
			return nil, fmt.Errorf("no matching EC2 Subnet found: %w", err)
		}
		state["state"], state["ownerId"] = "available", s.account
		return state, nil
	},
	"aws:ssm/getParameter:getParameter": func(c *Cloud, _ *session, args map[string]any) (map[string]any, error) {
		return read(c, "aws:ssm/parameter:Parameter", text(args, "name"))
	},
	"aws:s3/getBucket:getBucket": func(c *Cloud, _ *session, args map[string]any) (map[string]any, error) {
		return read(c, bucketType, text(args, "bucket"))
	},
	"aws:iam/getRole:getRole": func(c *Cloud, _ *session, args map[string]any) (map[string]any, error) {
		return read(c, roleType, text(args, "name"))
	},
	"aws:cloudwatch/getLogGroup:getLogGroup": func(c *Cloud, _ *session, args map[string]any) (map[string]any, error) {
		return read(c, logGroupType, text(args, "name"))
	},
}

func read(c *Cloud, token, id string) (map[string]any, error) {
	found := c.resolve(token, id)
	if found == nil {
		return nil, fmt.Errorf("there is no %s %q", typeName(token), id)
	}
	state := found.plain()
	state["id"] = found.id
	return state, nil
}

// getPolicyDocument renders statements as a policy, as the provider does:
// single values as text, several as a list.
func getPolicyDocument(_ *Cloud, _ *session, args map[string]any) (map[string]any, error) {
	document := map[string]any{"Version": "2012-10-17"}
	if v := text(args, "version"); v != "" {
		document["Version"] = v
	}
	if id := text(args, "policyId"); id != "" {
		document["Id"] = id
	}
	var statements []any
	list, _ := args["statements"].([]any)
	for _, e := range list {
		in, _ := e.(map[string]any)
		out := map[string]any{"Effect": "Allow"}
		if v := text(in, "effect"); v != "" {
			out["Effect"] = v
		}
		if v := text(in, "sid"); v != "" {
			out["Sid"] = v
		}
		for from, to := range map[string]string{"actions": "Action", "notActions": "NotAction", "resources": "Resource", "notResources": "NotResource"} {
			if values := refsOf(in[from]); len(values) > 0 {
				out[to] = oneOrMany(values)
			}
		}
		for from, to := range map[string]string{"principals": "Principal", "notPrincipals": "NotPrincipal"} {
			entries, _ := in[from].([]any)
			principals := map[string]any{}
			for _, p := range entries {
				principal, _ := p.(map[string]any)
				ids := refsOf(principal["identifiers"])
				if text(principal, "type") == "*" {
					out[to] = "*"
					continue
				}
				principals[text(principal, "type")] = oneOrMany(ids)
			}
			if len(principals) > 0 {
				out[to] = principals
			}
		}
		if conditions, _ := in["conditions"].([]any); len(conditions) > 0 {
			condition := map[string]map[string]any{}
			for _, e := range conditions {
				c, _ := e.(map[string]any)
				test := text(c, "test")
				if condition[test] == nil {
					condition[test] = map[string]any{}
				}
				condition[test][text(c, "variable")] = oneOrMany(refsOf(c["values"]))
			}
			out["Condition"] = condition
		}
		statements = append(statements, out)
	}
	document["Statement"] = statements
	pretty, err := json.MarshalIndent(document, "", "  ")
	if err != nil {
		return nil, err
	}
	short, err := json.Marshal(document)
	if err != nil {
		return nil, err
	}
	result := map[string]any{"id": fakeHex(10, string(short)), "json": string(pretty), "minifiedJson": string(short)}
	for k, v := range args {
		result[k] = v
	}
	return result, nil
}

func oneOrMany(values []string) any {
	if len(values) == 1 {
		return values[0]
	}
	return values
}
