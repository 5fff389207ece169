package dspipe

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"ds-pipeline/internal/awstest"
)

func TestRun_startsAndReturns(t *testing.T) {
	t.Parallel()
	c := cloud(t)
	r := run(t, c.Env(), "run", "--period", "2026-11").expect(t, 0, "dspipe-2026-11-", "--follow")
	names, inputs := c.Started()
	if len(names) != 1 || strings.TrimSpace(r.stdout) != names[0] || inputs[0] != `{"period":"2026-11"}` {
		t.Errorf("printed %q; started %q with %q", r.stdout, names, inputs)
	}
}

func TestRun_followsToTheEnd(t *testing.T) {
	t.Parallel()
	c := cloud(t)
	c.Blind, c.PageSize = 2, 3 // Step Functions has not heard yet; everything comes in pages
	run(t, c.Env(), "run", "--period", "2026-11", "--follow").expect(t, 0,
		"Claim  claiming the period", "CheckInput", "was started", "ended with exit status 0", // steps
		"starting version=preprocess", "published repeated=false result=s3://"+awstest.Output+"/processed/period=2026-11/data.csv", // log
		"rows      344 in, 344 out, 0 rejected", "period    2026-11", "status    succeeded", "cost      about $0.0025").
		never(t, "_aws", "\x1b[")
	if got, ok := c.S3.Get(awstest.Output, "processed/period=2026-11/data.csv"); !ok || got != read(t, penguins+"expected.csv") {
		t.Errorf("the result is there: %v", ok)
	}
}

func TestRun_endsWithTheJobsStatus(t *testing.T) {
	t.Parallel()
	c := cloud(t)
	put(t, c, awstest.Input, "raw/bad.csv", "species,island\nAdelie,Torgersen\n")
	run(t, c.Env(), "run", "--input-key", "raw/bad.csv", "--wait").expect(t, 65,
		"stopped: exit status 65: the input data, the model or the script was refused", "status    failed (65)",
		"cause     the job ended with exit status 65 (EX_DATAERR)", `lacks columns that the model was fitted with`, "next      The log names the row")
}

func TestRun_triesAgainWhatCanHelp(t *testing.T) {
	t.Parallel()
	c := cloud(t)
	good, tries := c.Job, 0
	c.Job = func(env map[string]string) ([]string, int) {
		if tries++; tries == 1 {
			return []string{`{"level":"ERROR","msg":"the network went away"}`}, 74
		}
		return good(env)
	}
	run(t, c.Env(), "run", "--follow").expect(t, 0, "exit status 74", "attempt 2 comes in 42 s", "error: the network went away", "rows      344 in")
}

func TestRun_namesWhatIsMissing(t *testing.T) {
	t.Parallel()
	c := cloud(t)
	run(t, c.Env(), "run", "--input-key", "raw/none.csv", "--wait").expect(t, 1,
		"cause     the input object s3://"+awstest.Input+"/raw/none.csv does not exist")
}

func TestRun_asJSON(t *testing.T) {
	t.Parallel()
	c := cloud(t)
	type ran struct {
		Status, Period string
		ExitStatus     *int `json:"exit_status"`
		Job            struct {
			RowsIn int `json:"rows_in"`
			Result string
		}
	}
	one := decode[ran](t, run(t, c.Env(), "run", "--wait", "--json", "--period", "2026-10").expect(t, 0))
	if one.Status != "SUCCEEDED" || one.Period != "2026-10" || one.ExitStatus == nil || *one.ExitStatus != 0 || one.Job.RowsIn != 344 || one.Job.Result == "" {
		t.Errorf("got %+v", one)
	}
	out := run(t, c.Env(), "run", "--follow", "--json", "--period", "2026-11").expect(t, 0)
	events := map[string]int{}
	var last struct {
		Event, Message string
		Run            ran
	}
	for _, l := range strings.Split(strings.TrimSpace(out.stdout), "\n") {
		if err := json.Unmarshal([]byte(l), &last); err != nil {
			t.Fatalf("%v: %s", err, l)
		}
		events[last.Event]++
	}
	if events["step"] < 4 || events["log"] < 3 || events["ended"] != 1 || last.Event != "ended" || last.Run.Status != "SUCCEEDED" {
		t.Errorf("got %v, the last %+v", events, last)
	}
	started := decode[struct{ Name, ARN string }](t, run(t, c.Env(), "run", "--json").expect(t, 0))
	if !strings.HasSuffix(started.ARN, ":"+started.Name) {
		t.Errorf("got %+v", started)
	}
}

func TestRun_sameRequestIsDoneOnce(t *testing.T) {
	t.Parallel()
	c := cloud(t)
	c.Hold = true
	run(t, c.Env(), "run", "--period", "2026-11").expect(t, 0)
	for range 4 { // so far that it has claimed the period
		run(t, c.Env(), "status").expect(t, 0, "running")
	}
	run(t, c.Env(), "run", "--period", "2026-11", "--wait").expect(t, 0, "twice", "the same was asked for already; dspipe-2026-11-")
	run(t, c.Env(), "run", "--period", "2026-11", "--input-key", "raw/late.csv", "--wait").expect(t, 1, "another execution is working on period 2026-11")
}

func TestRun_sameAsBeforeIsNotDoneAgain(t *testing.T) {
	t.Parallel()
	c := cloud(t)
	run(t, c.Env(), "run", "--period", "2026-11", "--wait").expect(t, 0).never(t, "nothing was to be done")
	run(t, c.Env(), "run", "--period", "2026-11", "--wait").expect(t, 0, "nothing was to be done: the same was published before", "rows      344 in", "processed/period=2026-11/data.csv")
	run(t, c.Env(), "run", "--period", "2026-11", "--wait", "--force").expect(t, 0, "rows      344 in").never(t, "nothing was to be done")
}

func TestRun_refusesMistakesBeforeItAsksAnybody(t *testing.T) {
	t.Parallel()
	c := cloud(t)
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"run", "--period", "2026-13"}, `--period: period "2026-13": want a year and a month, such as 2026-11`},
		{[]string{"run", "--period", "November"}, `want a year and a month`},
		{[]string{"run", "--output-key", "elsewhere/data.csv"}, "--output-key: got \"elsewhere/data.csv\", want a key below processed/"},
		{[]string{"run", "--input-key", "/raw/data.csv"}, "--input-key: got \"/raw/data.csv\", want no slash at the start"},
		{[]string{"run", "--input-key", "s3://bucket/raw/data.csv"}, "want the key alone, without the bucket"},
		{[]string{"run", "--perid", "2026-11"}, `unknown flag --perid, did you mean "--period"?`},
		{[]string{"statsu"}, `did you mean "status"?`},
		{[]string{"list", "--status", "good"}, `--status must be one of "running","succeeded"`},
		{[]string{"list", "--limit=-1"}, `--limit: got -1, want 0 or more`},
		{[]string{"results", "--period", "x"}, "dspipe results --help shows"},
		{[]string{"logs", "--since", "yesterday"}, `--since`},
		{[]string{}, `expected one of`},
	} {
		run(t, c.Env(), tt.args...).expect(t, 64, "dspipe: ", tt.want, "--help shows what can be given")
		problem := run(t, c.Env(), append(tt.args, "--json")...).expect(t, 64)
		var doc struct {
			Error struct {
				Message string
				Status  int
			}
		}
		if err := json.Unmarshal([]byte(problem.stderr), &doc); err != nil || doc.Error.Status != 64 || doc.Error.Message == "" {
			t.Errorf("%q: got %q, %v", tt.args, problem.stderr, err)
		}
	}
	if asked := c.Asked(""); len(asked) > 0 {
		t.Errorf("asked %q", asked)
	}
}

func TestCtrlC_withoutATerminalDetaches(t *testing.T) {
	t.Parallel()
	c := cloud(t)
	c.Hold = true
	code := interrupted(t, c.Env(), []string{"run", "--period", "2026-11", "--follow"}, "was started", "detached; the run goes on", "dspipe stop")
	names, _ := c.Started()
	if code != 130 || c.Status(names[0]) != "RUNNING" {
		t.Errorf("exit status %d, the run is %s", code, c.Status(names[0]))
	}
}

func TestStop_endsTheOneThatRuns(t *testing.T) {
	t.Parallel()
	c := cloud(t)
	run(t, c.Env(), "stop").expect(t, 66, "no run is running")
	c.Hold = true
	run(t, c.Env(), "run", "--period", "2026-11").expect(t, 0)
	names, _ := c.Started()
	run(t, c.Env(), "stop").expect(t, 64, "there is nobody to ask; name the run, "+names[0])
	run(t, c.Env(), "stop", "--yes").expect(t, 0, "stopped "+names[0])
	if got := c.Status(names[0]); got != "ABORTED" {
		t.Errorf("it is %s", got)
	}
	run(t, c.Env(), "stop", names[0]).expect(t, 66, "has ended already: ABORTED")
	run(t, c.Env(), "stop", "no-such-run").expect(t, 66, "no run no-such-run", "dspipe list")
	run(t, c.Env(), "stop", "arn:aws:states:us-east-1:999999999999:execution:other:run").expect(t, 64, "is not an execution of "+awstest.Machine)
	for _, period := range []string{"2026-09", "2026-10"} {
		run(t, c.Env(), "run", "--period", period).expect(t, 0)
	}
	run(t, c.Env(), "stop", "--yes").expect(t, 64, "2 runs are running; name one of dspipe-2026-10-")
}

func TestRetry_redrivesTheLastFailure(t *testing.T) {
	t.Parallel()
	c := cloud(t)
	run(t, c.Env(), "retry").expect(t, 66, "there was no run yet", "dspipe run")
	c.Past("failed", `{"period":"2026-11"}`, time.Hour, []string{`{"level":"ERROR","msg":"gone"}`}, 65)
	run(t, c.Env(), "retry", "--wait").expect(t, 0, "redriven", "status    succeeded", "rows      344 in")
	run(t, c.Env(), "retry", "failed").expect(t, 66, "run failed succeeded, so that there is nothing to try again")
	c.Past("old", `{"period":"2026-08"}`, 20*24*time.Hour, nil, 65)
	run(t, c.Env(), "retry", "old").expect(t, 66, "cannot be redriven: Execution redrivable period exceeded", "dspipe run --period 2026-08")
}
