package sim

import (
	"fmt"
	"testing"

	"ds-pipeline/internal/cost"
)

// The estimate that a plan comes with and the study are of the same job: what they
// say of Fargate and of S3's requests is within 5 % of each other. (What the study
// calls one task is a part and a merge, which shows in a run of a few minutes.)
func TestEstimate_isThatOfTheStudy(t *testing.T) {
	task := Size(1)
	for _, c := range []struct {
		name            string
		gb              float64
		objects, atOnce int
		ranges          bool
	}{
		{"300 GB, one task", 300, 1, 1, false},
		{"a TB of objects", 1000, 1000, 50, false},
		{"10 GB of small objects", 10, 10_000, 50, false},
		{"one object of a TB", 1000, 100, 50, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := scenario(c.objects, c.atOnce)
			s.GB, s.Task, s.Ranges = c.gb, task, c.ranges
			s.ObjectsPerTask = min(10, max(1, c.objects/100))
			study := mustRun(t, s, 1)
			fan := ""
			if c.objects > 1 {
				fan = fmt.Sprintf(`"Parts": {"Type": "Map", "MaxConcurrency": %d, "ItemBatcher": {"MaxItemsPerBatch": %d}, "Next": "Merge", "ItemProcessor": {
					"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "Part", "States": {
						"Part": {"Type": "Task", "Resource": "arn:aws:states:::ecs:runTask.sync", "End": true}}}},`, c.atOnce, s.ObjectsPerTask)
			}
			plan := ""
			if c.ranges {
				plan = fmt.Sprintf(`, "Parameters": {"Overrides": {"ContainerOverrides": [{"Environment": [{"Name": "DS_SCALE_RANGE_MIB", "Value": "%.0f"}]}]}}`,
					c.gb*1e9/(1<<20)/float64(c.objects)+0.5)
			}
			first := "Merge"
			if fan != "" {
				first = "Plan"
			}
			machine := fmt.Sprintf(`{"StartAt": %q, "States": {
				"Plan": {"Type": %q, "Resource": "arn:aws:states:::ecs:runTask.sync", "Next": "Parts"%s}, %s
				"Merge": {"Type": "Task", "Resource": "arn:aws:states:::ecs:runTask.sync", "End": true}}}`,
				first, map[bool]string{true: "Task", false: "Pass"}[c.ranges], plan, fan)
			a := cost.Defaults()
			a.InputGB, a.Objects = c.gb, float64(c.objects)
			e, err := cost.Of("us-east-1", []cost.Resource{
				{Type: "aws:s3/bucketV2:BucketV2", Name: "data"},
				{Type: "aws:ecs/taskDefinition:TaskDefinition", Name: "job", Inputs: map[string]any{"cpu": "1024", "memory": "2048"}},
				{Type: "aws:sfn/stateMachine:StateMachine", Name: "machine", Inputs: map[string]any{"definition": machine}},
			}, a)
			if err != nil {
				t.Fatal(err)
			}
			if len(e.NotPriced) > 0 {
				t.Fatalf("not priced: %q", e.NotPriced)
			}
			usd := map[string]float64{}
			for _, item := range e.PerRun {
				usd[item.What] = item.ListUSD
			}
			t.Logf("estimate %v of %v tasks, study %+v", usd, e.Tasks, study)
			if got := usd["reads of objects"] + usd["writes and listings of objects"]; !near(got, study.Requests, 0.05) {
				t.Errorf("requests cost %v dollars in the estimate, %v in the study", got, study.Requests)
			}
			if got := usd["CPU"] + usd["memory"]; !near(got, study.Fargate, 0.05) {
				t.Errorf("Fargate costs %v dollars in the estimate, %v in the study", got, study.Fargate)
			}
		})
	}
}
