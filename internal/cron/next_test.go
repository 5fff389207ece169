package cron

import (
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestNext_isTheFirstStartAfter(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	const after = "2026-11-15T09:00:00Z" // a Sunday
	for _, tt := range []struct {
		text string
		zone *time.Location
		want string // "" for never
	}{
		{"cron(0 9 15 * ? *)", time.UTC, "2026-12-15T09:00:00Z"},
		{"cron(1 9 15 * ? *)", time.UTC, "2026-11-15T09:01:00Z"},
		{"cron(0 9 15 * ? *)", berlin, "2026-12-15T08:00:00Z"},
		{"cron(0/15 * * * ? *)", time.UTC, "2026-11-15T09:15:00Z"},
		{"cron(0 18 ? * MON-FRI *)", time.UTC, "2026-11-16T18:00:00Z"},
		{"cron(0 9 L * ? *)", time.UTC, "2026-11-30T09:00:00Z"},
		{"cron(0 9 L 2 ? 2028)", time.UTC, "2028-02-29T09:00:00Z"},
		{"cron(0 9 LW 1 ? *)", time.UTC, "2027-01-29T09:00:00Z"},
		{"cron(0 9 1W 8 ? *)", time.UTC, "2027-08-02T09:00:00Z"},  // the 1st is a Sunday
		{"cron(0 9 1W 5 ? *)", time.UTC, "2027-05-03T09:00:00Z"},  // a Saturday
		{"cron(0 9 15W * ? *)", time.UTC, "2026-11-16T09:00:00Z"}, // a Sunday
		{"cron(0 9 ? * 6#3 *)", time.UTC, "2026-11-20T09:00:00Z"},
		{"cron(0 9 ? * FRI#5 *)", time.UTC, "2027-01-29T09:00:00Z"},
		{"cron(0 9 ? * 6L *)", time.UTC, "2026-11-27T09:00:00Z"},
		{"cron(0 9 ? 7 6L *)", time.UTC, "2027-07-30T09:00:00Z"},
		{"cron(0 9 ? 8 4L *)", time.UTC, "2027-08-25T09:00:00Z"},
		{"cron(0 9 ? 3 4L *)", time.UTC, "2027-03-31T09:00:00Z"}, // the 24th is seven days before the end
		{"cron(0 9 15 3-5 ? *)", time.UTC, "2027-03-15T09:00:00Z"},
		{"cron(0 9 ? * L *)", time.UTC, "2026-11-21T09:00:00Z"},
		{"cron(0 9 31 1,2 ? *)", time.UTC, "2027-01-31T09:00:00Z"},
		{"cron(0 9 15 * ? 2025)", time.UTC, ""},
		{"cron(0 9 30 2 ? *)", time.UTC, ""},
		{"rate(1 day)", time.UTC, ""},
		{"cron(nonsense)", time.UTC, ""},
	} {
		from, _ := time.Parse(time.RFC3339, after)
		got, ok := Next(tt.text, from, tt.zone)
		if ok != (tt.want != "") || ok && got.UTC().Format(time.RFC3339) != tt.want {
			t.Errorf("%s in %s: got %v %v, want %s", tt.text, tt.zone, got.UTC().Format(time.RFC3339), ok, tt.want)
		}
	}
}

// TestNext_hasNothingBefore looks at every minute up to what Next says, by the
// plain meaning of the fields.
func TestNext_hasNothingBefore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hour, day := rapid.IntRange(0, 23).Draw(t, "hour"), rapid.IntRange(1, 28).Draw(t, "day")
		after := time.Unix(rapid.Int64Range(1.7e9, 1.9e9).Draw(t, "after"), 0).UTC()
		text := "cron(30 " + strconv.Itoa(hour) + " " + strconv.Itoa(day) + " * ? *)"
		got, ok := Next(text, after, time.UTC)
		if !ok {
			t.Fatal("no start")
		}
		for at := after.Truncate(time.Minute).Add(time.Minute); ; at = at.Add(time.Minute) {
			if at.Minute() == 30 && at.Hour() == hour && at.Day() == day {
				if !at.Equal(got) {
					t.Fatalf("%s after %v: got %v, want %v", text, after, got, at)
				}
				return
			}
		}
	})
}
