package components

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

func recordNetwork(t *testing.T, n Network) *recorder {
	t.Helper()
	if n.Mode != NetworkExisting {
		n.CIDR = "10.0.0.0/24"
	}
	return recordProcessingCluster(t, func(a *ProcessingClusterArgs) { a.Network = n })
}

func count(r *recorder, kind string) int {
	found := 0
	for _, res := range r.resources {
		if strings.HasSuffix(res.kind, ":"+kind) {
			found++
		}
	}
	return found
}

func TestNetwork_eachModeHasItsOwnWayOut(t *testing.T) {
	tests := []struct {
		name    string
		network Network
		want    map[string]int
	}{
		{"public", Network{Mode: NetworkPublic}, map[string]int{"Subnet": 2, "InternetGateway": 1, "NatGateway": 0, "Eip": 0, "VpcEndpoint": 1, "RouteTable": 1, "FlowLog": 0}},
		{"private", Network{Mode: NetworkPrivate}, map[string]int{"Subnet": 3, "InternetGateway": 1, "NatGateway": 1, "Eip": 1, "VpcEndpoint": 1, "RouteTable": 2}},
		{"private per zone", Network{Mode: NetworkPrivate, EgressPerZone: true}, map[string]int{"Subnet": 4, "InternetGateway": 1, "NatGateway": 2, "Eip": 2, "VpcEndpoint": 1, "RouteTable": 3}},
		{"endpoints", Network{Mode: NetworkEndpoints}, map[string]int{"Subnet": 2, "InternetGateway": 0, "NatGateway": 0, "Eip": 0, "VpcEndpoint": 5, "Route": 0}},
		{"flow logs", Network{Mode: NetworkEndpoints, FlowLogGroupName: "/vpc/flow"}, map[string]int{"FlowLog": 1, "LogGroup": 2, "Role": 3}},
		{"existing", Network{Mode: NetworkExisting, VPCID: "vpc-01234567", SubnetIDs: []string{"subnet-01234567"}}, map[string]int{"Vpc": 0, "Subnet": 0, "VpcEndpoint": 0, "SecurityGroup": 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := recordNetwork(t, tt.network)
			for kind, want := range tt.want {
				if got := count(r, kind); got != want {
					t.Errorf("%d of %s, want %d", got, kind, want)
				}
			}
			for _, res := range r.resources {
				if strings.HasSuffix(res.kind, ":Subnet") && res.inputs["mapPublicIpOnLaunch"].BoolValue() {
					t.Errorf("%s gives out public addresses", res.name)
				}
			}
			if tt.network.Mode != NetworkExisting {
				if tables := r.one(t, "processing-network-s3").inputs["routeTableIds"]; !tables.IsArray() || len(tables.ArrayValue()) == 0 {
					t.Error("no route leads to S3 past the internet")
				}
			}
			group := r.one(t, "processing-network-task").inputs
			if len(group["ingress"].ArrayValue()) != 0 {
				t.Errorf("ingress %v", group["ingress"])
			}
			for _, rule := range group["egress"].ArrayValue() {
				if rule := rule.ObjectValue(); rule["fromPort"].NumberValue() != 443 || rule["toPort"].NumberValue() != 443 || rule["protocol"].StringValue() != "tcp" {
					t.Errorf("egress %v", rule)
				}
			}
		})
	}
}

func TestNetwork_endpointsLeadNowhereElse(t *testing.T) {
	r := recordNetwork(t, Network{Mode: NetworkEndpoints})
	// Without both, the name of a service stays that of its public address.
	if vpc := r.one(t, "processing-network").inputs; !vpc["enableDnsSupport"].BoolValue() || !vpc["enableDnsHostnames"].BoolValue() {
		t.Errorf("the network resolves no names of endpoints: %v", vpc)
	}
	for _, rule := range r.one(t, "processing-network-task").inputs["egress"].ArrayValue() {
		if rule := rule.ObjectValue(); rule["cidrBlocks"].IsArray() {
			t.Errorf("tasks reach %v", rule["cidrBlocks"])
		}
	}
	in := r.one(t, "processing-network-endpoints").inputs["ingress"].ArrayValue()
	if len(in) != 1 || in[0].ObjectValue()["cidrBlocks"].ArrayValue()[0].StringValue() != "10.0.0.0/24" {
		t.Errorf("endpoints let in %v", in)
	}
	for _, name := range []string{"s3", "ecr-api", "ecr-dkr", "logs", "ssm"} {
		endpoint := r.one(t, "processing-network-"+name)
		golden(t, "policy-endpoint-"+name, endpoint.text("policy"))
		if name != "s3" && !endpoint.inputs["privateDnsEnabled"].BoolValue() {
			t.Errorf("%s: its name leads to the internet", name)
		}
	}
}

func TestNetwork_endpointsKeepTheConditionsOfARight(t *testing.T) {
	text, err := renderJSON(newPolicy(
		statement{Sid: "Own", Effect: "Allow", Action: []string{"s3:GetObject"}, Resource: []string{"*"}, Condition: map[string]any{
			"StringEquals": map[string]any{"aws:ResourceAccount": "111111111111"}, "Bool": map[string]any{"aws:SecureTransport": "true"},
		}},
		statement{Sid: "Other", Effect: "Allow", Action: []string{"ssm:GetParameter"}, Resource: []string{"*"}},
	))
	if err != nil {
		t.Fatal(err)
	}
	var got string
	record(t, func(ctx *pulumi.Context) error {
		n := &ownNetwork{place: testPlace, allowed: pulumi.String(text).ToStringOutput()}
		ctx.Export("policy", n.endpointPolicy("s3:").ApplyT(func(text string) string { got = text; return text })) // waits
		return nil
	})
	passed := parsePolicy(t, got).Statement
	if len(passed) != 1 || passed[0].Sid != "Own" {
		t.Fatalf("got %s", got)
	}
	want := map[string]any{
		"StringEquals": map[string]any{"aws:ResourceAccount": "111111111111", "aws:PrincipalAccount": "111111111111"}, "Bool": map[string]any{"aws:SecureTransport": "true"},
	}
	if !reflect.DeepEqual(passed[0].Condition, want) {
		t.Errorf("got the conditions %v, want %v", passed[0].Condition, want)
	}
}

// Whatever a task may do, it can also reach: a right that no endpoint lets
// through would fail only where there is no internet.
func TestNetwork_endpointsLetThroughWhatTheRolesMayDo(t *testing.T) {
	r := recordNetwork(t, Network{Mode: NetworkEndpoints})
	passed := map[string]bool{}
	for _, res := range r.resources {
		if strings.HasSuffix(res.kind, ":VpcEndpoint") {
			for _, s := range parsePolicy(t, res.text("policy")).Statement {
				for _, action := range s.Action {
					for _, on := range s.Resource {
						passed[action+" on "+on] = true
					}
				}
			}
		}
	}
	for _, name := range []string{"processing-task-role-policy", "processing-execution-role-policy"} {
		for _, s := range parsePolicy(t, r.one(t, name).text("policy")).Statement {
			for _, action := range s.Action {
				for _, on := range s.Resource {
					if !passed[action+" on "+on] {
						t.Errorf("%s: %s on %s passes no endpoint", name, action, on)
					}
				}
			}
		}
	}
}

func parsePolicy(t *testing.T, text string) policy {
	t.Helper()
	var p policy
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestCheckNetwork_reportsEveryProblem(t *testing.T) {
	err := CheckNetwork(Network{Mode: NetworkPublic, CIDR: "1.0.0.0/24", EgressPerZone: true, VPCID: "vpc-01234567", AssignPublicIP: true}, networkName)
	want := `Network.EgressPerZone: only with Network.Mode private or endpoints, got public
Network.VPCID: only with Network.Mode existing, got public
Network.AssignPublicIP: only with Network.Mode existing, got public
Network.CIDR: got "1.0.0.0/24", want a private IPv4 range of /16 to /26 such as 10.0.0.0/24`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func TestCheckNetwork_givesNoRangeToNetworksOfOthers(t *testing.T) {
	err := CheckNetwork(Network{Mode: NetworkExisting, CIDR: "10.0.0.0/24", VPCID: "vpc-01234567", SubnetIDs: []string{"subnet-01234567"}}, networkName)
	const want = "Network.CIDR: only with Network.Mode public, private or endpoints, got existing"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestNetwork_subnetsOfAnotherVPCAreRefused(t *testing.T) {
	args := validProcessingCluster("")
	args.Network = Network{Mode: NetworkExisting, VPCID: "vpc-01234567", SubnetIDs: []string{"subnet-01234567", "subnet-01234568", "subnet-01234569"}}
	var got error
	_ = pulumi.RunErr(func(ctx *pulumi.Context) error {
		_, got = NewProcessingCluster(ctx, "processing", args)
		return got
	}, pulumi.WithMocks("ds-pipeline", "test", &recorder{}))
	want := `network "processing-network": Network.SubnetIDs: subnet-01234568 is in vpc-01234568, want a subnet of vpc-01234567
subnet-01234569 is in vpc-01234569, want a subnet of vpc-01234567`
	if got == nil || got.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", got, want)
	}
}

func TestCheckNetworkRoom_hasAnAddressForEachTask(t *testing.T) {
	for _, tt := range []struct {
		cidr  string
		tasks int
		want  string
	}{
		{"10.0.0.0/24", 110, ""},
		{"10.0.0.0/24", 111, "got 10.0.0.0/24 with addresses for 110 tasks, want /23 or larger for the 111 that there may be at once"},
		{"10.0.0.0/26", 14, ""},
		{"10.0.0.0/26", 10000, "got 10.0.0.0/26 with addresses for 14 tasks, want /17 or larger for the 10000 that there may be at once"},
		{"10.0.0.0/24", 238, "got 10.0.0.0/24 with addresses for 110 tasks, want /23 or larger for the 238 that there may be at once"},
		{"10.0.0.0/17", 10000, ""},
	} {
		got := ""
		if err := CheckNetworkRoom(tt.cidr, tt.tasks); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%d tasks in %s: got %q, want %q", tt.tasks, tt.cidr, got, tt.want)
		}
	}
}
