package cost

import (
	"math"
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
	a.InputGB, a.MBPerSecond, a.StartSeconds = 86.4, 12, 0 // an hour on 2 vCPU
	e := of(t, a, Resource{Type: "aws:ecs/taskDefinition:TaskDefinition", Inputs: map[string]any{"cpu": "2048", "memory": "4096"}})
	if want := 2*0.04048 + 4*0.004445 + 0.005; !near(e.PerRunUSD, want) || e.RunSeconds != 3600 {
		t.Errorf("got %v in %v s, want %v in 3600 s", e.PerRunUSD, e.RunSeconds, want)
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
