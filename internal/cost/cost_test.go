package cost

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func of(t *testing.T, a Assumptions, resources ...Resource) *Estimate {
	t.Helper()
	e, err := Of("us-east-1", resources, a)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func near(got, want float64) bool { return math.Abs(got-want) < 1e-9 }

func TestOf_twoNATGatewaysAndTheirAddressesCost73Dollars(t *testing.T) {
	e := of(t, Defaults(), Resource{Type: "aws:ec2/natGateway:NatGateway"}, Resource{Type: "aws:ec2/natGateway:NatGateway"},
		Resource{Type: "aws:ec2/eip:Eip"}, Resource{Type: "aws:ec2/eip:Eip"})
	if !near(e.AtRestUSD, 73) {
		t.Errorf("got %v, want 73", e.AtRestUSD)
	}
}

func TestOf_countsWhatIsFreeOfAnAccount(t *testing.T) {
	alarms := make([]Resource, 12)
	for i := range alarms {
		alarms[i].Type = "aws:cloudwatch/metricAlarm:MetricAlarm"
	}
	if e := of(t, Defaults(), alarms...); !near(e.AtRestUSD, 0.2) || !near(e.AtRestList, 1.2) {
		t.Errorf("got %v and %v, want 0.2 and 1.2", e.AtRestUSD, e.AtRestList)
	}
}

func TestOf_namesWhatItDoesNotKnow(t *testing.T) {
	e := of(t, Defaults(), Resource{Type: "aws:rds/instance:Instance"}, Resource{Type: "aws:iam/role:Role"})
	if len(e.NotPriced) != 1 || e.NotPriced[0] != "aws:rds/instance:Instance (1)" || !strings.Contains(e.Text(), "rds") {
		t.Errorf("got %v, want the database alone", e.NotPriced)
	}
}

func TestOf_aRunByHand(t *testing.T) {
	a := Defaults()
	a.InputGB, a.MBPerSecond, a.StartSeconds = 86.4, 12, 0 // an hour on 2 vCPUs
	e := of(t, a, Resource{Type: "aws:ecs/taskDefinition:TaskDefinition", Inputs: map[string]any{"cpu": "2048", "memory": "4096"}})
	// The job's metrics are free: the first ten of an account are.
	if want := 2*0.04048 + 4*0.004445; !near(e.PerRunUSD, want) || e.RunSeconds != 3600 {
		t.Errorf("got %v in %v s, want %v in 3600 s", e.PerRunUSD, e.RunSeconds, want)
	}
}

func TestOf_aMonthIsWhatRestsAndItsRuns(t *testing.T) {
	a := Defaults()
	a.RunsPerMonth = 30
	e := of(t, a, Resource{Type: "aws:ecs/taskDefinition:TaskDefinition", Inputs: map[string]any{"cpu": "2048", "memory": "4096"}}, Resource{Type: "aws:kms/key:Key"})
	if e.AtRestUSD == 0 || e.PerRunUSD == 0 || !near(e.MonthUSD, e.AtRestUSD+30*e.PerRunUSD) {
		t.Errorf("got %v, with %v at rest and %v for each of 30 runs", e.MonthUSD, e.AtRestUSD, e.PerRunUSD)
	}
}

func TestOf_saysThatAnotherRegionIsPricedAsThisOne(t *testing.T) {
	e, err := Of("eu-north-1", nil, Defaults())
	if err != nil || !strings.Contains(e.Text(), "those of us-east-1 are used") {
		t.Errorf("got %v, %v", e, err)
	}
}

func TestOf_refusesWhatCannotBe(t *testing.T) {
	a := Defaults()
	a.MBPerSecond, a.StoredGB = 0, math.NaN()
	if _, err := Of("us-east-1", nil, a); err == nil || !strings.Contains(err.Error(), "mbPerSecond: got 0") || !strings.Contains(err.Error(), "storedGB: got NaN") {
		t.Errorf("got %v, want both named", err)
	}
}

func TestAssumptions_namesEachThatCannotBe(t *testing.T) {
	if err := Defaults().Check(); err != nil {
		t.Error(err)
	}
	for i := range reflect.TypeFor[Assumptions]().NumField() {
		name := reflect.TypeFor[Assumptions]().Field(i).Tag.Get("json")
		for _, wrong := range []float64{-1, 1e13, math.NaN()} {
			a := Defaults()
			reflect.ValueOf(&a).Elem().Field(i).SetFloat(wrong)
			if err := a.Check(); err == nil || !strings.HasPrefix(err.Error(), fmt.Sprintf("%s: got %v, want ", name, wrong)) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s %v: got %v", name, wrong, err)
			}
		}
	}
}

// machine runs a task between other states; running it again is not its normal way.
func machine(run string) Resource {
	return Resource{Type: "aws:sfn/stateMachine:StateMachine", Name: "machine", Inputs: map[string]any{
		"tracingConfiguration": map[string]any{"enabled": true},
		"definition": `{"StartAt": "Claim", "States": {
			"Claim": {"Type": "Task", "Resource": "arn:aws:states:::dynamodb:putItem", "Next": "Which"},
			"Which": {"Type": "Choice", "Choices": [{"Next": "Run"}, {"Next": "Bad"}], "Default": "Skip"},
			"Run": {"Type": "Task", "Resource": "arn:aws:states:::ecs:runTask.sync", "Next": "Done", "Catch": [{"Next": "Wait"}], "Parameters": ` + run + `},
			"Wait": {"Type": "Wait", "Next": "Run"},
			"Skip": {"Type": "Pass", "Next": "Skip2"}, "Skip2": {"Type": "Pass", "Next": "Skip3"}, "Skip3": {"Type": "Pass", "Next": "Done"},
			"Bad": {"Type": "Fail"},
			"Done": {"Type": "Succeed"}}}`,
	}}
}

const withAddress = `{"NetworkConfiguration": {"AwsvpcConfiguration": {"AssignPublicIp": "ENABLED"}}}`

// hour is a task that runs for an hour on one vCPU and 1 GB.
func hour(architecture string) (Assumptions, Resource) {
	a := Defaults()
	a.InputGB, a.MBPerSecond, a.StartSeconds = 3.6, 1, 0
	return a, Resource{Type: "aws:ecs/taskDefinition:TaskDefinition", Name: "task", Inputs: map[string]any{
		"cpu": "1024", "memory": "1024", "runtimePlatform": map[string]any{"cpuArchitecture": architecture}, "ephemeralStorage": map[string]any{"sizeInGib": 120.0},
	}}
}

// item is what an estimate says of one run or of the month.
func item(t *testing.T, e *Estimate, what string) Item {
	t.Helper()
	for _, i := range append(e.AtRest, e.PerRun...) {
		if i.What == what {
			return i
		}
	}
	return Item{}
}

func TestOf_countsTheTransitionsOfANormalRun(t *testing.T) {
	e := of(t, Defaults(), machine(withAddress))
	if i := item(t, e, "state transitions"); i.Quantity != 5 || i.USD != 0 || !near(i.ListUSD, 5*0.000025) {
		t.Errorf("got %+v, want 5: into Claim, Which, Run and Done, and out; the first 4,000 are free", i)
	}
	if i := item(t, e, "writes to the table of runs"); i.Quantity != 1 {
		t.Errorf("got %+v, want 1", i)
	}
	a := Defaults()
	a.RunsPerMonth = 1000
	if i := item(t, of(t, a, machine(withAddress)), "state transitions"); !near(i.USD*1000, 1000*0.000025) {
		t.Errorf("got %+v, want 1,000 of 5,000 paid for", i)
	}
}

func TestOf_aTaskOnARMAndOnSpot(t *testing.T) {
	for _, c := range []struct {
		name, architecture, run string
		want                    float64
	}{
		{"x86", "X86_64", `{}`, 0.04048 + 0.004445 + 100*0.000111},
		{"ARM", "ARM64", `{}`, 0.03238 + 0.00356 + 100*0.000111},
		{"Spot", "X86_64", `{"CapacityProviderStrategy": [{}]}`, 0.3*(0.04048+0.004445) + 100*0.000111},
		{"ARM and Spot", "ARM64", `{"CapacityProviderStrategy": [{}]}`, 0.3*(0.03238+0.00356) + 100*0.000111},
		{"with an address", "X86_64", withAddress, 0.04048 + 0.004445 + 100*0.000111 + 0.005},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, task := hour(c.architecture)
			e := of(t, a, machine(c.run), task)
			got := e.PerRunUSD - item(t, e, "writes to the table of runs").USD
			if !near(got, c.want) {
				t.Errorf("got %v, want %v\n%s", got, c.want, e.Text())
			}
		})
	}
}

func TestOf_namesAMachineThatItCannotFollow(t *testing.T) {
	r := Resource{Type: "aws:sfn/stateMachine:StateMachine", Name: "m", Inputs: map[string]any{"definition": `{"StartAt": "A", "States": {"A": {"Type": "Map", "End": true}}}`}}
	if e := of(t, Defaults(), r); len(e.NotPriced) != 1 || !strings.Contains(e.NotPriced[0], "state A: a Map is not counted") {
		t.Errorf("got %v", e.NotPriced)
	}
}

// fanned is a machine that runs a part for each two objects, or for each range of
// rangeBytes, five at once on Spot, and then a task.
func fanned(rangeBytes string) Resource {
	plan := `"Plan": {"Type": "Pass", "Next": "Parts"}`
	if rangeBytes != "" {
		plan = `"Plan": {"Type": "Task", "Resource": "arn:aws:states:::ecs:runTask.sync", "Next": "Parts", "Parameters": {"Overrides": {"ContainerOverrides": [
			{"Environment": [{"Name": "DS_SCALE_RANGE_MIB", "Value": "` + rangeBytes + `"}, {"Name": "DS_SCALE_RUN", "Value.$": "$.a"}]}]}}}`
	}
	return Resource{Type: "aws:sfn/stateMachine:StateMachine", Name: "machine", Inputs: map[string]any{
		"tracingConfiguration": map[string]any{"enabled": true},
		"definition": `{"StartAt": "Plan", "States": {` + plan + `,
			"Parts": {"Type": "Map", "MaxConcurrency": 5, "ItemBatcher": {"MaxItemsPerBatch": 2}, "Next": "Merge", "ItemProcessor": {
				"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "Part", "States": {
					"Part": {"Type": "Task", "Resource": "arn:aws:states:::ecs:runTask.sync", "Next": "Ended", "Parameters": {"CapacityProviderStrategy": [{}]}},
					"Ended": {"Type": "Succeed"}}}},
			"Merge": {"Type": "Task", "Resource": "arn:aws:states:::ecs:runTask.sync", "End": true}}}`,
	}}
}

func TestOf_countsThePartsOfARunThatIsSpread(t *testing.T) {
	a, task := hour("X86_64")
	a.Objects, a.StartSeconds, a.PartLogMB = 41, 60, 0.1
	logs := Resource{Type: "aws:cloudwatch/logGroup:LogGroup", Inputs: map[string]any{"retentionInDays": 30.0}}
	e := of(t, a, fanned(""), task, logs, Resource{Type: "aws:s3/bucketV2:BucketV2"})
	const parts = 21 // of two objects each
	for what, want := range map[string]float64{
		"state transitions":              4 + parts*3,
		"traces of executions":           1 + parts,
		"CPU":                            60.0 / 3600,
		"CPU, Spot":                      (parts*60 + 3600.0) / 3600,
		"logs written":                   (1 + 2*parts*0.1) / 1000,
		"writes and listings of objects": a.PutsPerRun + 41*(a.PutsPerObject+math.Ceil(5400.0/41/a.WritePartMB)) + 1 + 4,
		"reads of objects":               a.GetsPerRun + a.GetsPerTask*(parts+1) + 41*(a.GetsPerObject+math.Ceil(3600.0/41/a.ReadPartMB)),
	} {
		if got := item(t, e, what).Quantity; !near(got, want) {
			t.Errorf("%s: got %v, want %v", what, got, want)
		}
	}
	if want := 60 + 5*(60+3600.0/parts); !near(e.RunSeconds, want) {
		t.Errorf("a run takes %v s, want %v: five at once, and a task after them", e.RunSeconds, want)
	}
	// Half the objects are half the parts, and the same work.
	a.Objects = 20
	if got, want := item(t, of(t, a, fanned(""), task), "CPU, Spot").Quantity, (10*60+3600.0)/3600; !near(got, want) {
		t.Errorf("ten parts take %v vCPU-hours, want %v", got, want)
	}
}

func TestOf_countsTheRangesOfAnObject(t *testing.T) {
	a, task := hour("X86_64")
	a.StartSeconds, a.FirstByteSeconds, a.ReadsAtOnce, a.RequestMBPerSecond = 0, 0, 4, 0.5
	e := of(t, a, fanned("344"), task) // 3,434 MiB
	if got, want := item(t, e, "state transitions").Quantity, 4+10*3.0; got != want {
		t.Errorf("got %v transitions, want %v for ten ranges", got, want)
	}
	// The plan reads all of it, the merge takes the minute that is billed at least.
	if got, want := item(t, e, "CPU").Quantity, 0.5+1.0/60; !near(got, want) {
		t.Errorf("plan and merge take %v vCPU-hours, want %v", got, want)
	}
}

func TestOf_countsRequestsForTrailsAndKeys(t *testing.T) {
	a := Defaults()
	a.InputGB, a.OutputRatio, a.ReadPartMB, a.WritePartMB = 1, 2, 10, 20
	a.GetsPerRun, a.GetsPerTask, a.GetsPerObject, a.PutsPerRun, a.PutsPerObject = 2, 1, 2, 3, 4
	bucket := Resource{Type: "aws:s3/bucketV2:BucketV2"}
	trail := Resource{Type: "aws:cloudtrail/trail:Trail", Inputs: map[string]any{"eventSelectors": []any{map[string]any{}}}}
	plain, full := of(t, a, bucket), of(t, a, bucket, trail, Resource{Type: "aws:kms/key:Key"})
	if gets, puts := item(t, plain, "reads of objects").Quantity, item(t, plain, "writes and listings of objects").Quantity; gets != 105 || puts != 107 {
		t.Errorf("got %v and %v, want 105 and 107", gets, puts)
	}
	if i := item(t, plain, "data events of the trail"); i.Quantity != 0 {
		t.Errorf("without a trail: %+v", i)
	}
	for _, what := range []string{"data events of the trail", "requests to encryption keys"} {
		if i := item(t, full, what); i.Quantity != 212 {
			t.Errorf("%s: got %+v, want 212", what, i)
		}
	}
}

func TestOf_keepsLogsAsLongAsTheirGroup(t *testing.T) {
	a := Defaults()
	a.LogMB, a.RunsPerMonth = 1000, 2
	e := of(t, a, Resource{Type: "aws:cloudwatch/logGroup:LogGroup", Inputs: map[string]any{"retentionInDays": 365.0}})
	if i := item(t, e, "logs kept"); !near(i.Quantity, 24) {
		t.Errorf("got %+v, want a year of 2 GB a month", i)
	}
}

func TestOf_doesNotDependOnTheOrder(t *testing.T) {
	a, task := hour("ARM64")
	list := []Resource{task, machine(withAddress), {Type: "aws:ecr/repository:Repository"}, {Type: "aws:s3/bucketV2:BucketV2"}, {Type: "aws:kms/key:Key"}}
	want := of(t, a, list...).Text()
	slices.Reverse(list)
	if got := of(t, a, list...).Text(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestOf_metricsOfInsightsTakeWhatIsFree(t *testing.T) {
	a, task := hour("X86_64")
	cluster := Resource{Type: "aws:ecs/cluster:Cluster", Inputs: map[string]any{"settings": []any{map[string]any{"name": "containerInsights", "value": "enabled"}}}}
	e := of(t, a, task, cluster)
	if i := item(t, e, "Container Insights of the cluster"); i.USD != 0 || !near(i.ListUSD, 2.4) {
		t.Errorf("got %+v, want 8 metrics of the 10 that are free", i)
	}
}

func TestPrices_haveUnitDateAndSource(t *testing.T) {
	var table struct{ Prices map[string]price }
	if err := json.Unmarshal(priceTable, &table); err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for _, l := range lines {
		used[l.price] = true
	}
	for name, p := range table.Prices {
		if p.USD <= 0 || p.Unit == "" || !strings.HasPrefix(p.AsOf, "20") || !strings.HasPrefix(p.Source, "https://aws.amazon.com/") {
			t.Errorf("%s: %+v", name, p)
		}
		if !used[name] {
			t.Errorf("%s: no line uses it", name)
		}
	}
}

func TestPlainCDKUSD_isTwoNATGatewaysWithTheirAddresses(t *testing.T) {
	nat, address := Resource{Type: "aws:ec2/natGateway:NatGateway"}, Resource{Type: "aws:ec2/eip:Eip"}
	if e := of(t, Defaults(), nat, nat, address, address); !near(e.AtRestUSD, PlainCDKUSD) {
		t.Errorf("got %v, want %v", e.AtRestUSD, PlainCDKUSD)
	}
}

func TestOf_saysThatATransitionHasNoPrice(t *testing.T) {
	const kind = "aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2"
	rules := func(rule map[string]any) Resource {
		return Resource{Type: kind, Name: "l", Inputs: map[string]any{"rules": []any{rule}}}
	}
	expiry := rules(map[string]any{"expiration": map[string]any{"days": 3.0}, "abortIncompleteMultipartUpload": map[string]any{"daysAfterInitiation": 7.0}})
	if e := of(t, Defaults(), expiry); len(e.NotPriced) != 0 {
		t.Errorf("got %v, want expiry to be free", e.NotPriced)
	}
	moves := rules(map[string]any{"transitions": []any{map[string]any{"days": 30.0, "storageClass": "GLACIER_IR"}}})
	if e := of(t, Defaults(), moves); len(e.NotPriced) != 1 || e.NotPriced[0] != kind+" (GLACIER_IR) (1)" {
		t.Errorf("got %v, want the transition", e.NotPriced)
	}
}

func TestOf_aRunPaysForWhatItSendsThroughNATAndEndpoints(t *testing.T) {
	task := Resource{Type: "aws:ecs/taskDefinition:TaskDefinition", Inputs: map[string]any{"cpu": "2048", "memory": "4096"}}
	nat := Resource{Type: "aws:ec2/natGateway:NatGateway"}
	endpoint := func(kind, service string) Resource {
		return Resource{Type: "aws:ec2/vpcEndpoint:VpcEndpoint", Inputs: map[string]any{"vpcEndpointType": kind, "serviceName": "com.amazonaws.us-east-1." + service, "subnetIds": []any{"s"}}}
	}
	a := Defaults()
	a.InputGB, a.OutputRatio, a.ImageGB, a.LogMB, a.CallMB = 10, 2, 0.2, 3, 1
	for name, c := range map[string]struct {
		resources []Resource
		line      string
		gb, usd   float64
	}{
		"no way out":                     {nil, "", 0, 0},
		"NAT for everything":             {[]Resource{nat}, "data through NAT gateways", 30.204, 30.204 * 0.045},
		"NAT beside the gateway of S3":   {[]Resource{nat, endpoint("Gateway", "s3")}, "data through NAT gateways", 0.004, 0.004 * 0.045},
		"a gateway of another service":   {[]Resource{nat, endpoint("Gateway", "dynamodb")}, "data through NAT gateways", 30.204, 30.204 * 0.045},
		"endpoints":                      {[]Resource{endpoint("Interface", "logs"), endpoint("Gateway", "s3")}, "data through interface endpoints", 0.004, 0.004 * 0.01},
		"endpoints take what NAT would":  {[]Resource{nat, endpoint("Interface", "logs"), endpoint("Gateway", "s3")}, "data through interface endpoints", 0.004, 0.004 * 0.01},
		"the order does not change that": {[]Resource{endpoint("Gateway", "s3"), nat}, "data through NAT gateways", 0.004, 0.004 * 0.045},
	} {
		t.Run(name, func(t *testing.T) {
			found := ""
			for _, i := range of(t, a, append(c.resources, task)...).PerRun {
				if !strings.HasPrefix(i.What, "data through") {
					continue
				}
				if found += i.What; !near(i.Quantity, c.gb) || !near(i.USD, c.usd) {
					t.Errorf("got %v GB for %v, want %v for %v", i.Quantity, i.USD, c.gb, c.usd)
				}
			}
			if found != c.line {
				t.Errorf("got the line %q, want %q", found, c.line)
			}
		})
	}
}
