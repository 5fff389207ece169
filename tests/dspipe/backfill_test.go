package dspipe

import (
	"slices"
	"strings"
	"testing"

	"ds-pipeline/internal/awstest"
)

type periods struct {
	Periods []struct {
		Period, State string
		Run           *struct{ Name string }
	}
}

func (p periods) states() string {
	var all []string
	for _, m := range p.Periods {
		all = append(all, m.Period+" "+m.State)
	}
	return strings.Join(all, ", ")
}

// monthly is a cloud with an input for each month of 2026 up to November, but
// for February, and a broken one for April.
func monthly(t *testing.T) *awstest.Server {
	t.Helper()
	c := cloud(t)
	text := read(t, penguins+"penguins.csv")
	for _, m := range []string{"01", "03", "05", "06", "10", "11"} {
		put(t, c, awstest.Input, "raw/2026-"+m+".csv", text)
	}
	put(t, c, awstest.Input, "raw/2026-04.csv", "a,b\n1,2\n")
	return c
}

func TestBackfill_runsEveryMonthAndSkipsWhatIsDone(t *testing.T) {
	t.Parallel()
	c := monthly(t)
	args := []string{"backfill", "--from", "2026-01", "--to", "2026-06", "--input-key", "raw/{period}.csv"}
	run(t, c.Env(), append(args, "--dry-run")...).expect(t, 0, "2026-01  waiting", "raw/2026-06.csv")
	run(t, c.Env(), args...).expect(t, 1, "2026-01  succeeded", "344   0", "2026-02  failed: the input object s3://", "2026-04  failed with 65", "2026-06  succeeded", "2026-03 succeeded")
	if names, _ := c.Started(); len(names) != 6 {
		t.Errorf("started %q", names)
	}
	put(t, c, awstest.Input, "raw/2026-02.csv", read(t, penguins+"penguins.csv"))
	put(t, c, awstest.Input, "raw/2026-04.csv", read(t, penguins+"penguins.csv"))
	again := decode[periods](t, run(t, c.Env(), append(args, "--json")...).expect(t, 0))
	if got, want := again.states(), "2026-01 done before, 2026-02 succeeded, 2026-03 done before, 2026-04 succeeded, 2026-05 done before, 2026-06 done before"; got != want {
		t.Errorf("got %s", got)
	}
	run(t, c.Env(), append(args, "--force", "--to", "2026-01")...).expect(t, 0, "2026-01  succeeded")
	if names, _ := c.Started(); len(names) != 9 {
		t.Errorf("%d runs, want 9", len(names))
	}
	put(t, c, awstest.Input, "raw/2026-03.csv", strings.Replace(read(t, penguins+"penguins.csv"), "181", "182", 1))
	run(t, c.Env(), append(args, "--dry-run")...).expect(t, 0, "2026-03  waiting", "2026-05  done before")
	// Of another model it is not done.
	put(t, c, awstest.Artifacts, "models/next.pkl", read(t, penguins+"model.pkl"))
	run(t, c.Env(), append(args, "--dry-run", "--model-key", "models/next.pkl")...).expect(t, 0, "2026-05  waiting")
}

func TestBackfill_ofSeveralObjectsAMonth(t *testing.T) {
	t.Parallel()
	c := cloud(t)
	text := read(t, penguins+"penguins.csv")
	c.Job = func(job func(map[string]string) ([]string, int)) func(map[string]string) ([]string, int) {
		return func(env map[string]string) ([]string, int) {
			env["DS_INPUT_KEY"] = "raw/2026-01/" // the server knows objects only
			return job(env)
		}
	}(c.Job)
	put(t, c, awstest.Input, "raw/2026-01/", "marks the folder")
	put(t, c, awstest.Input, "raw/2026-01/a.csv", text)
	put(t, c, awstest.Input, "raw/2026-01/b.csv", text)
	args := []string{"backfill", "--from", "2026-01", "--to", "2026-01", "--input-key", "raw/{period}/"}
	run(t, c.Env(), args...).expect(t, 0, "2026-01  succeeded", "688")
	run(t, c.Env(), args...).expect(t, 0, "2026-01  done before")
	put(t, c, awstest.Input, "raw/2026-01/c.csv", text)
	run(t, c.Env(), append(args, "--dry-run")...).expect(t, 0, "2026-01  waiting")
}

func TestBackfill_keepsToItsLimitAndAdoptsWhatRuns(t *testing.T) {
	t.Parallel()
	c := monthly(t)
	c.Hold = true
	run(t, c.Env(), "run", "--period", "2026-05", "--input-key", "raw/2026-05.csv").expect(t, 0)
	running := func() (n int) {
		names, _ := c.Started()
		for _, name := range names {
			if c.Status(name) == "RUNNING" {
				n++
			}
		}
		return n
	}
	most := 0
	c.Job, c.Hold = func(job func(map[string]string) ([]string, int)) func(map[string]string) ([]string, int) {
		return func(env map[string]string) ([]string, int) {
			lines, status := job(env)
			unlock := c.Unlocked()
			most = max(most, running())
			unlock()
			return lines, status
		}
	}(c.Job), false
	p := decode[periods](t, run(t, c.Env(), "backfill", "--from", "2026-03", "--to", "2026-06", "--input-key", "raw/{period}.csv", "--parallel", "2", "--json").expect(t, 1))
	if got, want := p.states(), "2026-03 succeeded, 2026-04 failed, 2026-05 succeeded, 2026-06 succeeded"; got != want {
		t.Errorf("got %s", got)
	}
	if names, _ := c.Started(); len(names) != 4 || most > 2 {
		t.Errorf("%d runs, want 4; %d at a time, want 2 at most", len(names), most)
	}
}

func TestBackfill_isDetachedAndGoesOn(t *testing.T) {
	t.Parallel()
	c := monthly(t)
	c.Hold = true
	args := []string{"backfill", "--from", "2026-10", "--to", "2026-11", "--input-key", "raw/{period}.csv", "--parallel", "1"}
	code := interrupted(t, c.Env(), args, "2026-10 started", "detached; 1 runs go on", "the same command goes on")
	names, _ := c.Started()
	if code != 130 || len(names) != 1 || c.Status(names[0]) != "RUNNING" {
		t.Errorf("exit status %d, runs %q", code, names)
	}
	unlock := c.Lock()
	c.Hold = false
	unlock()
	run(t, c.Env(), args...).expect(t, 0, "2026-10  succeeded", "2026-11  succeeded")
	if names, _ := c.Started(); len(names) != 2 {
		t.Errorf("started %q, want two", names)
	}
}

func TestBackfill_endsWhenItIsRefused(t *testing.T) {
	t.Parallel()
	c := monthly(t)
	c.Fail(awstest.Fault{Operation: "SFN.StartExecution", Times: -1, Status: 400, Code: "AccessDeniedException", Message: "no"})
	run(t, c.Env(), "backfill", "--from", "2026-01", "--to", "2026-06", "--input-key", "raw/{period}.csv").expect(t, 77, "permission missing: states:StartExecution")
	if asked := c.Asked("StartExecution"); len(asked) > 3 {
		t.Errorf("asked %d times", len(asked))
	}
}

func TestBackfill_refusesMistakes(t *testing.T) {
	t.Parallel()
	c := cloud(t)
	for want, args := range map[string][]string{
		`--from: period "2026"`:                       {"--from", "2026", "--to", "2026-02", "--input-key", "raw/{period}.csv"},
		"--from 2026-03 is after --to 2026-02":        {"--from", "2026-03", "--to", "2026-02", "--input-key", "raw/{period}.csv"},
		"--parallel: got 0, want 1 to 20":             {"--from", "2026-01", "--to", "2026-02", "--input-key", "raw/{period}.csv", "--parallel", "0"},
		"every month would read the same object":      {"--from", "2026-01", "--to", "2026-02", "--input-key", "raw/data.csv"},
		"are more than 600 months":                    {"--from", "1900-01", "--to", "2026-02", "--input-key", "raw/{period}.csv"},
		"missing flags: --from=YYYY-MM, --to=YYYY-MM": {"--input-key", "raw/{period}.csv"},
	} {
		run(t, c.Env(), slices.Concat([]string{"backfill"}, args)...).expect(t, 64, want)
	}
}
