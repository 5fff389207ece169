package operate

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	show "ds-pipeline/preprocess/console"
)

// parts is how far the parts are of a run that is spread over many tasks: those of
// its last map, which is another one in each further round. Parts are tasks, Items
// are objects or ranges.
type parts struct {
	MapRun    string `json:"map_run"` // ARN
	Status    string `json:"status"`  // as Step Functions has it
	Total     int64  `json:"total"`
	Succeeded int64  `json:"succeeded"`
	Failed    int64  `json:"failed"` // timed out and stopped ones too
	Running   int64  `json:"running"`
	Pending   int64  `json:"pending"`
	Items     int64  `json:"items"`
}

// text says it in words.
func (p *parts) text() string {
	text := fmt.Sprintf("%s of %s done", show.Thousands(p.Succeeded), show.Thousands(p.Total))
	for _, more := range []struct {
		n    int64
		what string
	}{{p.Failed, "failed"}, {p.Running, "running"}, {p.Pending, "waiting"}} {
		if more.n > 0 {
			text += fmt.Sprintf(", %s %s", show.Thousands(more.n), more.what)
		}
	}
	return text
}

// describeParts asks how far the parts of a map are; nil without the permission
// states:DescribeMapRun, as the run itself can be seen without it.
func (s *session) describeParts(ctx context.Context, mapRun string) (*parts, error) {
	d, err := s.aws.sfn().DescribeMapRun(ctx, &sfn.DescribeMapRunInput{MapRunArn: &mapRun})
	if isDenied(apiCode(err)) {
		return nil, nil //nolint:nilnil // as said above
	}
	if err != nil {
		return nil, err
	}
	p := &parts{MapRun: mapRun, Status: string(d.Status)}
	if c := d.ExecutionCounts; c != nil {
		p.Total, p.Succeeded, p.Running, p.Pending = c.Total, c.Succeeded, c.Running, c.Pending
		p.Failed = c.Failed + c.TimedOut + c.Aborted
	}
	if c := d.ItemCounts; c != nil {
		p.Items = c.Total
	}
	return p, nil
}

// mapRunOf is the ARN of the map that an event begins or goes on with; "" for none.
func mapRunOf(e types.HistoryEvent) string {
	switch {
	case e.MapRunStartedEventDetails != nil:
		return aws.ToString(e.MapRunStartedEventDetails.MapRunArn)
	case e.MapRunRedrivenEventDetails != nil:
		return aws.ToString(e.MapRunRedrivenEventDetails.MapRunArn)
	}
	return ""
}

// tooManyFailed is the error of a run of whose parts more failed than are tolerated.
const tooManyFailed = "States.ExceedToleratedFailureThreshold"

// partsRemedy is what to do about it.
func (r *pipelineRun) partsRemedy() string {
	return "Its failed parts say why: aws stepfunctions list-executions --status-filter FAILED --map-run-arn " + strings.TrimSpace(r.mapRun) +
		". Mend that; then dspipe retry " + r.Name + " runs those parts again, and no other."
}
