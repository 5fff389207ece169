package sim

import (
	"fmt"

	"ds-pipeline/internal/cost"
)

// prices are of one unit each, in US dollars.
type prices struct{ get, put, transition, logGB, addressHour, metricMonth float64 }

// thePrices are those of the estimate that a plan comes with, so that there is
// one table of prices. It is asked for a small stack that uses each of them.
func thePrices() (prices, error) {
	e, err := cost.Of("us-east-1", []cost.Resource{
		{Type: "aws:s3/bucketV2:BucketV2", Name: "data"},
		{Type: "aws:cloudwatch/logGroup:LogGroup", Name: "log", Inputs: map[string]any{"retentionInDays": 30.0}},
		{Type: "aws:ecs/taskDefinition:TaskDefinition", Name: "job", Inputs: map[string]any{"cpu": "1024", "memory": "2048"}},
		{Type: "aws:sfn/stateMachine:StateMachine", Name: "machine", Inputs: map[string]any{"definition": `{"StartAt": "Run", "States": {"Run": {
			"Type": "Task", "Resource": "arn:aws:states:::ecs:runTask.sync", "End": true,
			"Parameters": {"NetworkConfiguration": {"AwsvpcConfiguration": {"AssignPublicIp": "ENABLED"}}}}}}`}},
	}, cost.Defaults())
	if err != nil {
		return prices{}, err
	}
	var p prices
	left := map[string]*float64{
		"reads of objects": &p.get, "writes and listings of objects": &p.put, "state transitions": &p.transition,
		"logs written": &p.logGB, "public address of the task": &p.addressHour, "metrics of the job, for the hours of a run": &p.metricMonth,
	}
	for _, item := range e.PerRun {
		if to, ok := left[item.What]; ok {
			*to = item.UnitUSD
			delete(left, item.What)
		}
	}
	for what := range left {
		return prices{}, fmt.Errorf("the estimate of internal/cost has no line %q", what)
	}
	return p, nil
}
