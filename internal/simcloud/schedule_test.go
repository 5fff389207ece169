package simcloud

import (
	"strings"
	"testing"
)

func TestSchedule_acceptsWhatEventBridgeDoes(t *testing.T) {
	for _, s := range []string{
		"cron(0 9 15 * ? *)", "cron(0/15 * * * ? *)", "cron(0 18 ? * MON-FRI *)", "cron(0 8 1 * ? 2026)", "cron(5,35 14 ? * 6L 2026-2030)",
		"cron(0 10 L * ? *)", "cron(0 10 3W JAN,JUL ? *)", "cron(0 10 ? * 3#2 *)", "cron(0 0 ? * sun *)", "cron(0 0 LW * ? 1970/2)",
		"rate(1 minute)", "rate(5 minutes)", "rate(1 hour)", "rate(12 hours)", "rate(1 day)", "rate(31 days)",
	} {
		if problem := checkSchedule(s, false); problem != "" {
			t.Errorf("%s: got %q, want it accepted", s, problem)
		}
	}
	if problem := checkSchedule("at(2026-11-15T09:00:00)", true); problem != "" {
		t.Errorf("got %q, want at() accepted where it is read", problem)
	}
}

func TestSchedule_refusesWhatEventBridgeDoes(t *testing.T) {
	for s, want := range map[string]string{
		"cron(0 9 15 * * *)":       "? in exactly one",
		"cron(0 9 ? * ? *)":        "? in exactly one",
		"cron(0 9 15 * ?)":         "got 5 fields, want 6",
		"cron(0 9 15 * ? * *)":     "got 7 fields, want 6",
		"cron(0  9 15 * ? *)":      "one space between them",
		"cron(60 9 15 * ? *)":      "minutes: got \"60\"",
		"cron(0 24 15 * ? *)":      "hours: got \"24\"",
		"cron(0 9 32 * ? *)":       "day-of-month: got \"32\"",
		"cron(0 9 0 * ? *)":        "day-of-month: got \"0\"",
		"cron(0 9 15 13 ? *)":      "month: got \"13\"",
		"cron(0 9 15 JANUARY ? *)": "month: got \"JANUARY\"",
		"cron(0 9 ? * 8 *)":        "day-of-week: got \"8\"",
		"cron(0 9 ? * 3#6 *)":      "day-of-week: got",
		"cron(0 9 15 * ? 1969)":    "year: got \"1969\"",
		"cron(? 9 15 * ? *)":       "minutes: got ?",
		"cron(0/0 9 15 * ? *)":     "minutes: got step",
		"cron(30-10 9 15 * ? *)":   "want a range from low to high",
		"cron(0 9-x 15 * ? *)":     "hours: got \"x\"",
		"rate(1 days)":             "want day after 1",
		"rate(2 day)":              "want days after 2",
		"rate(0 days)":             "from 1",
		"rate(5 weeks)":            "want cron(",
		"0 9 15 * *":               "want cron(",
		"at(2026-11-15T09:00:00)":  "want cron(",
		"":                         "want cron(",
	} {
		if problem := checkSchedule(s, false); !strings.Contains(problem, want) {
			t.Errorf("%s: got %q, want %q", s, problem, want)
		}
	}
}
