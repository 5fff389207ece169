package dspipe

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"ds-pipeline/internal/awstest"
	"ds-pipeline/preprocess/contract"
)

type diagnosis struct {
	Well   bool
	Checks []struct{ Check, Outcome, Detail, Remedy string }
}

// of is one finding as "outcome: detail → remedy".
func (d diagnosis) of(check string) string {
	for _, f := range d.Checks {
		if f.Check == check {
			return f.Outcome + ": " + f.Detail + " → " + f.Remedy
		}
	}
	return "none"
}

func TestDoctor_findsNothingWhereAllIsWell(t *testing.T) {
	t.Parallel()
	c := cloud(t)
	c.Past("fine", `{"period":"2026-10"}`, time.Hour, []string{metrics("1", "1", "0", "0")}, 0)
	c.PageSize = 3
	out := run(t, c.Env(), "doctor").expect(t, 0, "ok       credentials      "+awstest.User+" in account 111111111111, region us-east-1",
		"subnet-1 in us-east-11 by igw-1", "subnet-2 in us-east-12 by igw-1", "task may do all", "machine may do all", "7 columns in, 8 out, the first 344 records tried",
		"kept for 14 days", "for linux/amd64", "15 09:00:00 UTC").never(t, "problem", "unknown", "warning", "→")
	d := decode[diagnosis](t, run(t, c.Env(), "doctor", "--json").expect(t, 0))
	if n := strings.Count(out.stdout, "ok  "); !d.Well || len(d.Checks) != 18 || n != 18 {
		t.Errorf("%d checks, %d are fine: %+v", len(d.Checks), n, d)
	}
}

// withScript is a stack with a script, and with Python in its image.
func withScript(c *awstest.Server, key string) {
	_ = c.S3.Put(awstest.Artifacts, "scripts/s.py", "def transform(df): return df\n")
	_ = c.S3.Put(awstest.Artifacts, "scripts/s.sh", "#!/bin/sh\ncat\n")
	_ = c.S3.Put(awstest.Artifacts, "packages/p.zip", "PK")
	c.Parameters[contract.ScriptKey] = key
	c.Stack.Python = true
}

func TestDoctor_findsScriptAndPackage(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		spoil func(c *awstest.Server)
		want  string
	}{
		"none":     {func(*awstest.Server) {}, "ok: the stack has none"},
		"a script": {func(c *awstest.Server) { withScript(c, "scripts/s.py") }, "ok: s3://" + awstest.Artifacts + "/scripts/s.py, 29 B, of "},
		"an index": {func(c *awstest.Server) { withScript(c, "scripts/s.py"); c.Stack.ImageIndex = true }, "\nPython is in the image → "},
		"a package": {func(c *awstest.Server) {
			withScript(c, "scripts/s.py")
			c.Parameters[contract.PackageKey] = "packages/p.zip"
		}, "/packages/p.zip, 2 B, of "},
		"a program": {func(c *awstest.Server) { withScript(c, "scripts/s.sh"); c.Stack.Python = false }, "warning: s3://"},
		"of its own": {func(c *awstest.Server) {
			withScript(c, "scripts/s.py")
			c.Stack.Python = false
			c.Stack.Container = strings.Replace(c.Stack.Container, `"environment": [`, `"environment": [{"name": "DS_PYTHON", "value": "/opt/python3"}, `, 1)
		}, "ok: s3://"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := cloud(t)
			c.Past("fine", `{"period":"2026-10"}`, time.Hour, []string{metrics("1", "1", "0", "0")}, 0)
			tt.spoil(c)
			if got := decode[diagnosis](t, run(t, c.Env(), "doctor", "--json").expect(t, 0)).of("script"); !strings.Contains(got, tt.want) {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestDoctor_namesEachProblemAndItsRemedy(t *testing.T) {
	t.Parallel()
	toNAT := []ec2types.Route{{DestinationCidrBlock: aws.String("0.0.0.0/0"), NatGatewayId: aws.String("nat-1"), State: ec2types.RouteStateBlackhole}}
	for name, tt := range map[string]struct {
		spoil func(c *awstest.Server)
		check string
		want  string
	}{
		"no parameter":    {func(c *awstest.Server) { delete(c.Parameters, contract.ModelKey) }, "parameters", "problem: missing: /ds/preprocessing/model-key → Deploy the stack again"},
		"no outputs":      {func(c *awstest.Server) { delete(c.Parameters, contract.OutputStateMachineArn) }, "parameters", "problem: missing: /ds/preprocessing/outputs/state-machine-arn"},
		"a stage alone":   {func(c *awstest.Server) { c.Parameters[contract.ScriptStage] = "after" }, "parameters", "is set, but there is no script: the job refuses every run → Set scriptKey"},
		"a package alone": {func(c *awstest.Server) { c.Parameters[contract.PackageKey] = "p.zip" }, "parameters", "is set, but no script could use it: the job refuses every run → Set scriptKey"},
		"no machine":      {func(c *awstest.Server) { c.Parameters[contract.OutputStateMachineArn] += "x" }, "state machine", "does not exist"},
		"another machine": {func(c *awstest.Server) { c.Stack.Definition = `{"States":{}}` }, "state machine", "is not the pipeline: it has no state Preprocess"},
		"no cluster":      {func(c *awstest.Server) { c.Stack.NoCluster = true }, "cluster", "does not exist, or is not active"},
		"no Spot": {func(c *awstest.Server) {
			c.Stack.Definition = strings.Replace(c.Stack.Definition, `"LaunchType": "FARGATE"`, `"CapacityProviderStrategy": [{}]`, 1)
		}, "cluster", "does not offer FARGATE_SPOT"},
		"no task": {func(c *awstest.Server) {
			c.Stack.Definition = strings.ReplaceAll(c.Stack.Definition, "ds-preprocessing:7", "ds-preprocessing:8")
		}, "task definition", "ds-preprocessing:8 does not exist"},
		"another prefix": {func(c *awstest.Server) {
			c.Stack.Container = strings.Replace(c.Stack.Container, awstest.Prefix, "/other/", 1)
		}, "task definition", "reads its settings below /other/, not /ds/preprocessing/ → Look at the stack"},
		"no image":          {func(c *awstest.Server) { c.Stack.NoImage = true }, "image", "does not exist → Deploy the stack again, which builds"},
		"another processor": {func(c *awstest.Server) { c.Stack.Architecture = "arm64" }, "image", "is for linux/arm64, but the task runs on linux/amd64"},
		"an index":          {func(c *awstest.Server) { c.Stack.ImageIndex = true; c.Stack.Architecture = "arm64" }, "image", "is for linux/arm64, but"},
		"task role":         {func(c *awstest.Server) { c.Stack.Denied = []string{"task s3:PutObject"} }, "task role", "problem: task lacks\ns3:PutObject on arn:aws:s3:::" + awstest.Output + "/processed/data.csv"},
		"execution role":    {func(c *awstest.Server) { c.Stack.Denied = []string{"execution ecr:BatchGetImage"} }, "execution role", "ecr:BatchGetImage on arn:aws:ecr:us-east-1:111111111111:repository/ds-preprocessing"},
		"machine role":      {func(c *awstest.Server) { c.Stack.Denied = []string{"machine ecs:RunTask"} }, "machine role", "ecs:RunTask on " + awstest.TaskDefinition},
		"schedule's role":   {func(c *awstest.Server) { c.Stack.Denied = []string{"schedule states:StartExecution"} }, "schedule", "schedule lacks\nstates:StartExecution on " + awstest.Machine},
		"no subnets":        {func(c *awstest.Server) { c.Stack.NoSubnets = true }, "network", "The subnet ID 'subnet-1' does not exist"},
		"no way out":        {func(c *awstest.Server) { c.Stack.Routes = []ec2types.Route{} }, "network", "no route to the internet, and no endpoints for com.amazonaws.us-east-1.ecr.api, com"},
		"a way to nowhere":  {func(c *awstest.Server) { c.Stack.Routes = toNAT }, "network", "leads nowhere: nat-1 is gone"},
		"no address": {func(c *awstest.Server) {
			c.Stack.Definition = strings.Replace(c.Stack.Definition, `"ENABLED"`, `"DISABLED"`, 1)
		}, "network", "a task needs a public address, and it gets none"},
		"no log group": {func(c *awstest.Server) { c.Stack.NoLogGroup = true }, "log group", "/ecs/ds-preprocessing-dev does not exist: no task can start"},
		"another log group": {func(c *awstest.Server) {
			c.Stack.Container = strings.Replace(c.Stack.Container, awstest.LogGroup, "/ecs/other", 1)
		}, "log group", `the task writes to "/ecs/other"`},
		"another target": {func(c *awstest.Server) { c.Stack.OtherTarget = true }, "schedule", "starts something else than " + awstest.Machine},
		"no rule":        {func(c *awstest.Server) { c.Parameters[contract.OutputScheduleRuleName] = "gone" }, "schedule", "Rule gone does not exist"},
		"dead letters":   {func(c *awstest.Server) { c.DeadLetters = []string{`{"scheduledTime":"2026-11-15T09:00:00Z"}`} }, "dead letters", "1 starts could not be delivered\n{\"scheduledTime\":\"2026-11-15T09:00:00Z\"}: NO_PERMISSIONS → Mend"},
		"no input":       {func(c *awstest.Server) { c.Parameters[contract.InputKey] = "raw/none.csv" }, "input", "raw/none.csv does not exist → Upload it: dspipe upload --input FILE."},
		"nearly an input": {func(c *awstest.Server) { c.Parameters[contract.InputKey] = "raw/montly_data.csv" }, "input",
			"raw/montly_data.csv does not exist; did you mean \"s3://" + awstest.Input + "/raw/monthly_data.csv\"? → Upload it"},
		"nearly a prefix": {func(c *awstest.Server) { c.Parameters[contract.InputKey] = "rw/" }, "input",
			"stands for; did you mean \"s3://" + awstest.Input + "/raw/\"? → Upload it"},
		"an input that may not be looked for": {func(c *awstest.Server) {
			c.Parameters[contract.InputKey] = "raw/montly_data.csv"
			c.Fail(awstest.Fault{Operation: "S3.GET", Times: -1, Status: 403, Code: "AccessDenied", Message: "no"})
		}, "input", "raw/montly_data.csv does not exist → Upload it"},
		"an empty input": {func(c *awstest.Server) {
			_ = c.S3.Put(awstest.Input, "raw/empty.csv", "")
			c.Parameters[contract.InputKey] = "raw/empty.csv"
		}, "input", "raw/empty.csv is empty"},
		"no model":  {func(c *awstest.Server) { _ = c.S3.Put(awstest.Artifacts, contract.DefaultModelKey, "junk") }, "model", "problem: model s3://" + awstest.Artifacts},
		"no script": {func(c *awstest.Server) { withScript(c, "scripts/none.py") }, "script", "problem: the script s3://" + awstest.Artifacts + "/scripts/none.py does not exist\nPython is in the image → Upload it: dspipe upload --script FILE."},
		"no package": {func(c *awstest.Server) {
			withScript(c, "scripts/s.py")
			c.Parameters[contract.PackageKey] = "packages/none.zip"
		}, "script", "/packages/none.zip does not exist\nPython is in the image → Upload it: dspipe upload --package FILE."},
		"no Python": {func(c *awstest.Server) {
			withScript(c, "scripts/s.py")
			c.Stack.Python = false
		}, "script", "UTC\nthe image has no Python, as its environment has no DS_PYTHON: every run fails → Set image to python or auto"},
		"no Python in an index": {func(c *awstest.Server) {
			withScript(c, "scripts/s.py")
			c.Stack.Python, c.Stack.ImageIndex = false, true
		}, "script", "the image has no Python"},
		"an unknown image": {func(c *awstest.Server) {
			withScript(c, "scripts/s.py")
			c.Stack.NoImage = true
		}, "script", "unknown: s3://"},
		"other data": {func(c *awstest.Server) { _ = c.S3.Put(awstest.Input, contract.DefaultInputKey, "a,b\n1,2\n") }, "model and input", "lacks columns that the model was fitted with"},
		"a failure": {func(c *awstest.Server) {
			c.Past("broken", `{"period":"2026-10"}`, time.Hour, []string{`{"level":"ERROR","msg":"line 7"}`}, 65)
		}, "last runs", "the last one did not succeed\nbroken 2026-10: failed (65): the job ended with exit status 65"},
		"denied": {func(c *awstest.Server) {
			c.Fail(awstest.Fault{Operation: "IAM.SimulatePrincipalPolicy", Times: -1, Status: 403, Code: "AccessDenied", Message: "User is not authorized to perform: iam:SimulatePrincipalPolicy on resource: role"})
		}, "task role", "unknown: permission missing: iam:SimulatePrincipalPolicy on role"},
		"EC2 denied": {func(c *awstest.Server) {
			c.Fail(awstest.Fault{Operation: "EC2.DescribeSubnets", Times: -1, Status: 403, Code: "UnauthorizedOperation", Message: "You are not authorized to perform this operation."})
		}, "network", "unknown: permission missing: ec2:DescribeSubnets"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := cloud(t)
			tt.spoil(c)
			d := decode[diagnosis](t, run(t, c.Env(), "doctor", "--json").expect(t, 1))
			if got := d.of(tt.check); d.Well || !strings.Contains(got, tt.want) {
				t.Errorf("%s: got %q, want %q", tt.check, got, tt.want)
			}
		})
	}
}

// The doctor asks for every right that the reviewed policies give, but for those
// without which a run still does its work.
func TestDoctor_asksForTheRightsThatTheRolesHave(t *testing.T) {
	t.Parallel()
	doesWithout := regexp.MustCompile(`^(xray:.*|logs:(CreateLogDelivery|DeleteLogDelivery|Describe.*|GetLogDelivery|GetLogEvents|ListLogDeliveries|PutResourcePolicy|UpdateLogDelivery)|states:SendTaskFailure|ecr:BatchCheckLayerAvailability)$`)
	for machine, policy := range map[string]string{"machine": "policy-machine", "machine-scale-prefix": "policy-machine-scale"} {
		c := cloud(t)
		c.Stack.Definition = read(t, "../../components/testdata/"+machine+".json")
		given := map[string][]string{}
		for role, file := range map[string]string{"task": "policy-task", "execution": "policy-execution", "machine": policy} {
			var document struct{ Statement []struct{ Action []string } }
			if err := json.Unmarshal([]byte(read(t, "../../components/testdata/"+file+".json")), &document); err != nil {
				t.Fatal(err)
			}
			for _, s := range document.Statement {
				for _, action := range s.Action {
					c.Stack.Denied = append(c.Stack.Denied, role+" "+action)
					if !doesWithout.MatchString(action) {
						given[role] = append(given[role], action)
					}
				}
			}
		}
		d := decode[diagnosis](t, run(t, c.Env(), "doctor", "--json").expect(t, 1))
		for role, actions := range given {
			lacks := d.of(role + " role")
			for _, action := range actions {
				if !strings.Contains(lacks, "\n"+action+" on arn:") && !strings.Contains(lacks, "\n"+action+" on *") {
					t.Errorf("%s: nobody asked whether the %s may %s: %s", machine, role, action, lacks)
				}
			}
		}
	}
}

func TestDoctor_knowsOtherWaysOut(t *testing.T) {
	t.Parallel()
	c := cloud(t)
	c.Stack.Definition = strings.Replace(c.Stack.Definition, `"ENABLED"`, `"DISABLED"`, 1)
	c.Stack.Routes = []ec2types.Route{{DestinationCidrBlock: aws.String("0.0.0.0/0"), NatGatewayId: aws.String("nat-1"), State: ec2types.RouteStateActive}}
	run(t, c.Env(), "doctor").expect(t, 0, "subnet-1 in us-east-11 by nat-1")
	c.Stack.Routes, c.Stack.Endpoints = []ec2types.Route{}, []string{"ecr.api", "ecr.dkr", "logs", "s3", "ssm"}
	c.Fail(awstest.Fault{Operation: "EC2.DescribeRouteTables", Times: 1, Status: 503, Code: "RequestLimitExceeded", Message: "Request limit exceeded."})
	run(t, c.Env(), "doctor").expect(t, 0, "subnet-2 in us-east-12 by endpoints")
}

func TestDoctor_aDisabledScheduleIsWellIfItIsWished(t *testing.T) {
	t.Parallel()
	c := cloud(t)
	c.RuleDisabled = true
	run(t, c.Env(), "doctor").expect(t, 0, "warning  schedule")
	dir := project(t, "config:\n  aws:region: us-east-1\n  ds-pipeline:scheduleEnabled: false\n")
	run(t, c.Env(), "doctor", "--stack", "dev", "--dir", dir).expect(t, 0, "disabled, as the stack is configured")
	dir = project(t, "config:\n  aws:region: us-east-1\n")
	run(t, c.Env(), "doctor", "--stack", "dev", "--dir", dir).expect(t, 1, "is disabled, but scheduleEnabled is true")
}

func TestDoctor_withoutCredentialsAsksNothingElse(t *testing.T) {
	t.Parallel()
	c := cloud(t)
	c.Fail(awstest.Fault{Operation: "*", Times: -1, Status: 403, Code: "ExpiredToken", Message: "expired"})
	run(t, c.Env(), "doctor").expect(t, 1, "problem  credentials", "the credentials have expired", "→ Log in again").never(t, "parameters")
	c = cloud(t)
	c.Account = "999999999999"
	dir := project(t, "config:\n  aws:region: us-east-1\n  ds-pipeline:accountId: \"111111111111\"\n")
	run(t, c.Env(), "doctor", "--stack", "dev", "--dir", dir).expect(t, 1, "problem  credentials", "wrong account").never(t, "parameters")
}

// TestDoctor_isWhatThePageSays compares the checks with docs/troubleshooting.md.
func TestDoctor_isWhatThePageSays(t *testing.T) {
	t.Parallel()
	c := cloud(t)
	page := read(t, "../../docs/troubleshooting.md")
	d := decode[diagnosis](t, run(t, c.Env(), "doctor", "--json"))
	var described []string
	for _, m := range regexp.MustCompile(`(?m)^### (.+)$`).FindAllStringSubmatch(page, -1) {
		described = append(described, m[1])
	}
	var checks []string
	for _, f := range d.Checks {
		checks = append(checks, f.Check)
	}
	if got, want := strings.Join(described, ", "), strings.Join(checks, ", "); got != want {
		t.Errorf("the page describes %s\nthe checks are %s", got, want)
	}
}
