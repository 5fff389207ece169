package cost

import (
	"testing"

	"pgregory.net/rapid"
)

func TestOf_neverFallsWhenAResourceOrInputIsAdded(t *testing.T) {
	types := []string{
		"aws:ec2/natGateway:NatGateway", "aws:ec2/eip:Eip", "aws:kms/key:Key", "aws:cloudwatch/metricAlarm:MetricAlarm",
		"aws:cloudwatch/dashboard:Dashboard", "aws:s3/bucketV2:BucketV2", "aws:ecr/repository:Repository",
		"aws:cloudwatch/logGroup:LogGroup", "aws:ecs/taskDefinition:TaskDefinition", "aws:unknown/thing:Thing",
	}
	rapid.Check(t, func(t *rapid.T) {
		var list []Resource
		for _, typ := range rapid.SliceOfN(rapid.SampledFrom(types), 1, 30).Draw(t, "types") {
			list = append(list, Resource{Type: typ, Name: "x", Inputs: map[string]any{"cpu": "1024", "memory": "2048"}})
		}
		less, more := Defaults(), Defaults()
		less.InputGB = rapid.Float64Range(0, 1000).Draw(t, "inputGB")
		more.InputGB = less.InputGB + rapid.Float64Range(0, 1000).Draw(t, "more")
		a, err := Of("us-east-1", list[1:], less)
		if err != nil {
			t.Fatal(err)
		}
		b, err := Of("us-east-1", list, more)
		if err != nil {
			t.Fatal(err)
		}
		if a.AtRestUSD < 0 || a.PerRunUSD < 0 || b.AtRestUSD < a.AtRestUSD-1e-9 || b.PerRunUSD < a.PerRunUSD-1e-9 {
			t.Fatalf("got %v and %v, then %v and %v for more", a.AtRestUSD, a.PerRunUSD, b.AtRestUSD, b.PerRunUSD)
		}
	})
}
