package dspipe

import (
	"strings"
	"testing"

	"ds-pipeline/internal/awstest"
	"ds-pipeline/preprocess/contract"
)

func TestRun_showsHowFarThePartsAre(t *testing.T) {
	t.Parallel()
	c := cloud(t)
	c.Spread = 1000
	out := run(t, c.Env(), "run", "--period", "2026-11", "--follow").expect(t, 0,
		"Parts  a task for each part", "parts  500 of 1,000 done, 500 running", "parts  1,000 of 1,000 done", "Merge  starting the task that puts the parts together",
		"status    succeeded", "parts     1,000 of 1,000 done", "rows      344 in").
		never(t, "cost", "starting the job") // one of a thousand tasks is not what the run costs
	if n := strings.Count(out.stderr, "parts  1,000 of 1,000 done"); n != 1 {
		t.Errorf("said %d times that all is done", n)
	}
	lines := run(t, c.Env(), "run", "--period", "2026-12", "--follow", "--json").expect(t, 0).stdout
	if !strings.Contains(lines, `"step":"parts","message":"500 of 1,000 done, 500 running"`) || !strings.Contains(lines, `"parts":{"map_run":"arn:`) {
		t.Errorf("got %s", lines)
	}
}

func TestStatus_showsHowFarThePartsAre(t *testing.T) {
	t.Parallel()
	c := cloud(t)
	c.Spread = 400
	run(t, c.Env(), "run", "--period", "2026-11").expect(t, 0)
	seen := ""
	for range 20 {
		if seen = run(t, c.Env(), "status").expect(t, 0).stdout; strings.Contains(seen, "running (200 of 400)") {
			break
		}
	}
	if !strings.Contains(seen, "running (200 of 400)") {
		t.Errorf("got %s", seen)
	}
	run(t, c.Env(), "status").never(t, "$")
}

func TestRetry_runsTheFailedPartsAlone(t *testing.T) {
	t.Parallel()
	c := cloud(t)
	c.Spread, c.FailParts = 40, 3
	run(t, c.Env(), "run", "--period", "2026-11", "--wait").expect(t, 1, "parts  States.ExceedToleratedFailureThreshold", "status    failed",
		"parts     37 of 40 done, 3 failed", "aws stepfunctions list-executions --status-filter FAILED --map-run-arn arn:aws:states:"+awstest.Region, "dspipe retry dspipe-2026-11-")
	c.FailParts = 0
	run(t, c.Env(), "retry", "--wait").expect(t, 0, "redriven", "parts  40 of 40 done", "status    succeeded")
}

func TestRun_ofPartsThatMayNotBeCountedIsShownAllTheSame(t *testing.T) {
	t.Parallel()
	c := cloud(t)
	c.Spread = 4
	c.Fail(awstest.Fault{Operation: "SFN.DescribeMapRun", Times: -1, Status: 400, Code: "AccessDeniedException", Message: "not authorized to perform: states:DescribeMapRun"})
	run(t, c.Env(), "run", "--wait").expect(t, 0, "status    succeeded", "states:DescribeMapRun is missing").never(t, "of 4 done")
}

func TestDoctor_asksForTheRightsOfRunsThatAreSpread(t *testing.T) {
	t.Parallel()
	c := cloud(t)
	c.Stack.Definition = read(t, "../../components/testdata/machine-scale-object.json")
	run(t, c.Env(), "doctor").expect(t, 0, "machine may do all", "task may do all")
	for denied, want := range map[string]string{
		"machine states:StartExecution":    "states:StartExecution on " + awstest.Machine,
		"machine states:RedriveExecution":  "states:RedriveExecution on arn:aws:states:" + awstest.Region + ":" + awstest.Account + ":execution:" + awstest.Pipeline + "/Parts:part",
		"machine s3:PutObject":             "s3:PutObject on arn:aws:s3:::" + awstest.Output + "/" + contract.ScaleItems("run", 1),
		"task s3:ListMultipartUploadParts": "s3:ListMultipartUploadParts on arn:aws:s3:::" + awstest.Output,
	} {
		c.Stack.Denied = []string{denied}
		run(t, c.Env(), "doctor").expect(t, 1, want)
	}
	c.Stack.Denied = nil
	c.Stack.Definition = read(t, "../../components/testdata/machine-scale-prefix.json") // with parts on Spot
	run(t, c.Env(), "doctor").expect(t, 1, "does not offer FARGATE_SPOT")
}
