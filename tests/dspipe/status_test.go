package dspipe

import (
	"strings"
	"testing"
	"time"

	"ds-pipeline/internal/awstest"
	"ds-pipeline/preprocess/contract"
)

// metrics is the line of a run in the job's log.
func metrics(in, out, rejected, drifted string) string {
	return `{"_aws":{"Timestamp":1},"Environment":"dev","RowsIn":` + in + `,"RowsOut":` + out + `,"RowsRejected":` + rejected + `,"DriftedColumns":` + drifted + `,"Seconds":1.5}`
}

func TestStatus_showsRunsAndTheNextStart(t *testing.T) {
	t.Parallel()
	c := cloud(t)
	run(t, c.Env(), "status").expect(t, 0, "no runs", "running      0", "15 09:00:00 UTC, by cron(0 9 15 * ? *) in UTC").never(t, "dead letters")
	c.Past("first", `{"scheduledTime":"2026-09-15T09:00:00Z"}`, 30*24*time.Hour, []string{metrics("1234567", "1234500", "67", "2")}, 0)
	c.Past("second", `{"period":"2026-10"}`, time.Hour, []string{`{"level":"ERROR","msg":"line 7"}`}, 65)
	c.DeadLetters = []string{"{}"}
	c.RuleDisabled = true
	run(t, c.Env(), "status").expect(t, 0, "2026-09  succeeded    2m00s  1,234,567  67        2", "2026-10  failed (65)", "$0.0025", "cron(0 9 15 * ? *), disabled",
		"dead letters 1 starts could not be delivered", "The last run did not succeed: the job ended with exit status 65")
	got := decode[struct {
		Pipeline    string
		DeadLetters int `json:"dead_letters"`
		Schedule    struct{ Enabled bool }
		Runs        []struct {
			Name, Status string
			CostUSD      float64 `json:"cost_usd"`
		}
	}](t, run(t, c.Env(), "status", "--json").expect(t, 0))
	if got.Pipeline != awstest.Machine || got.DeadLetters != 1 || got.Schedule.Enabled || len(got.Runs) != 2 || got.Runs[0].Name != "second" || got.Runs[1].CostUSD < 0.002 {
		t.Errorf("got %+v", got)
	}
}

func TestStatus_readsAScheduleInATimeZone(t *testing.T) {
	t.Parallel()
	c := cloud(t)
	delete(c.Parameters, contract.OutputScheduleRuleName)
	c.Parameters[contract.OutputScheduleGroupName] = "schedule-group-1"
	c.Expression = "cron(30 9 15 JAN ? *)"
	run(t, c.Env(), "status").expect(t, 0, "-01-15 08:30:00 UTC, by cron(30 9 15 JAN ? *) in Europe/Berlin")
}

func TestList_goesThroughAllPages(t *testing.T) {
	t.Parallel()
	c := cloud(t)
	for i := range 13 {
		status := 0
		if i%4 == 3 {
			status = 65
		}
		c.Past("run-"+string(rune('a'+i)), `{"period":"2026-10"}`, time.Duration(100-i)*time.Hour, nil, status)
	}
	c.PageSize = 4
	all := run(t, c.Env(), "list").expect(t, 0, "run-a", "run-m")
	if n := strings.Count(all.stdout, "run-"); n != 13 {
		t.Errorf("%d runs, want 13:\n%s", n, all.stdout)
	}
	if n := strings.Count(run(t, c.Env(), "list", "--limit", "5").expect(t, 0, "run-m", "run-i").never(t, "run-h").stdout, "run-"); n != 5 {
		t.Errorf("%d runs, want 5", n)
	}
	run(t, c.Env(), "list", "--status", "failed", "--limit", "0").expect(t, 0, "run-d", "run-h", "run-l").never(t, "run-a", "run-m")
	if got := decode[[]map[string]any](t, run(t, c.Env(), "list", "--json", "-n", "2").expect(t, 0)); len(got) != 2 || got[0]["name"] != "run-m" {
		t.Errorf("got %v", got)
	}
}

func TestLogs_showsOneRunOrAllSince(t *testing.T) {
	t.Parallel()
	c := cloud(t)
	run(t, c.Env(), "logs").expect(t, 66, "there was no run yet")
	c.Past("older", `{"period":"2026-09"}`, 50*time.Hour, []string{`{"time":"t","level":"INFO","msg":"of the older"}`}, 0)
	c.Past("newer", `{"period":"2026-10"}`, time.Hour, []string{`{"time":"t","level":"INFO","msg":"starting","workers":2}`, `{"level":"WARN","msg":"odd"}`, metrics("1", "1", "0", "0"), "plain text"}, 0)
	c.PageSize = 3
	run(t, c.Env(), "logs").expect(t, 0, " starting workers=2\n", " warn: odd\n", " plain text\n").never(t, "of the older", "_aws")
	run(t, c.Env(), "logs", "older").expect(t, 0, "of the older").never(t, "starting")
	run(t, c.Env(), "logs", "newer", "--follow").expect(t, 0, "plain text")
	run(t, c.Env(), "logs", "--since", "1h").expect(t, 0, "of the older", "plain text") // both were written just now
	run(t, c.Env(), "logs", "--json").expect(t, 0, `{"event":"log","time":`, `"message":"plain text"`)
}

func TestLogs_saysWhyThereIsNone(t *testing.T) {
	t.Parallel()
	c := cloud(t)
	run(t, c.Env(), "run", "--input-key", "raw/none.csv", "--wait").expect(t, 1)
	run(t, c.Env(), "logs").expect(t, 66, "has not started a task", "raw/none.csv does not exist")
}
