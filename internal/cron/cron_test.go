package cron

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestCheck_acceptsWhatEventBridgeAccepts(t *testing.T) {
	for _, text := range []string{
		"cron(0 9 15 * ? *)", "cron(0/15 * * * ? *)", "cron(0 10 * * ? *)", "cron(15 12 * * ? *)", "cron(0 18 ? * MON-FRI *)",
		"cron(0 8 1 * ? *)", "cron(0/10 * ? * MON-FRI *)", "cron(0/5 8-17 ? * MON-FRI *)", "cron(30 20 ? * 7 2026-2030)",
		"cron(0 9 L * ? *)", "cron(0 9 LW * ? *)", "cron(0 9 3W * ? *)", "cron(0 9 ? * 6#3 *)", "cron(0 9 ? * FRI#3 *)", "cron(0 9 ? * 6L *)",
		"cron(0 9 1,15 JAN,jul ? *)", "cron(0 9 15 */3 ? *)", "cron(0 9 29 2 ? 2028)", "cron(0 9 15 * ? 1970)", "cron(0 9 ? * sun *)", "cron(59 23 31 12 ? 2199)", "cron(0 9 1-7/2 * ? *)",
		"rate(1 minute)", "rate(5 minutes)", "rate(1 hour)", "rate(12 hours)", "rate(1 day)", "rate(30 days)",
	} {
		if err := Check(text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestCheck_refusesTheRestAndSaysWhy(t *testing.T) {
	for text, want := range map[string]string{
		"":                            "want cron(",
		"0 9 15 * ? *":                "want cron(",
		"cron(0 9 15 * ?)":            "with 5 fields",
		"cron(0 9 15 * ? * *)":        "with 7 fields",
		"cron(0  9 15 * ? *)":         "with 6 fields",
		"cron( 0 9 15 * ? *)":         "with 6 fields",
		"cron(0 9 15 * * *)":          "exactly one of day-of-month and day-of-week",
		"cron(0 9 ? * ? *)":           "exactly one of day-of-month and day-of-week",
		"cron(60 9 15 * ? *)":         `minutes "60": want 0 to 59`,
		"cron(0 24 15 * ? *)":         `hours "24": want 0 to 23`,
		"cron(0 9 32 * ? *)":          `day-of-month "32": want 1 to 31, ?, L, or W after a day, *, or ranges, lists and steps of them`,
		"cron(0 9 0 * ? *)":           `day-of-month "0": want 1 to 31`,
		"cron(0 9 15 13 ? *)":         `month "13": want 1 to 12 or JAN to DEC`,
		"cron(0 9 15 MAI ? *)":        `month "MAI"`,
		"cron(0 9 ? * 0 *)":           `day-of-week "0": want 1 to 7 or SUN to SAT, ?, L, or # after a day, *, or ranges, lists and steps of them`,
		"cron(0 9 ? * 6#6 *)":         `day-of-week "6#6"`,
		"cron(0 9 15 * ? 1969)":       `year "1969": want 1970 to 2199`,
		"cron(0 9 15 * ? 2200)":       `year "2200"`,
		"cron(5-1 9 15 * ? *)":        `minutes "5-1"`,
		"cron(0/0 9 15 * ? *)":        `minutes "0/0"`,
		"cron(0/ 9 15 * ? *)":         `minutes "0/"`,
		"cron(1,,2 9 15 * ? *)":       `minutes ""`,
		"cron(+5 9 15 * ? *)":         `minutes "+5"`,
		"cron(61 25 15 * ? *)":        `hours "25"`,
		"cron(L 9 15 * ? *)":          `minutes "L"`,
		"cron(0 9 32W * ? *)":         `day-of-month "32W"`,
		"cron(0 9 30 2 ? *)":          "want a day that there is",
		"cron(0 9 29 FEB ? 2027)":     "want a day that there is",
		"cron(0 9 31W 4,6 ? *)":       "want a day that there is",
		"rate(1 days)":                "singular",
		"rate(2 day)":                 "plural",
		"rate(0 days)":                "want cron(",
		"rate(1 month)":               "want cron(",
		"at(2026-11-15T09:00:00)":     "want cron(",
		"cron(0 9 15 * ? *)\n":        "want cron(",
		"rate(5 minutes) or whatever": "want cron(",
	} {
		if err := Check(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

func TestValues_ofNamesAreTheirNumbers(t *testing.T) {
	for place, names := range map[int]string{Month: "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC", DayOfWeek: "sun mon tue wed thu fri sat"} {
		for i, name := range strings.Fields(names) {
			if got := FieldOf(place).Values(name); !slices.Equal(got, []int{i + 1}) {
				t.Errorf("%s is %v, want %d", name, got, i+1)
			}
		}
	}
}

// TestCheck_looksAtEveryFieldAlone writes fields that are right
// by construction, and then puts one number out of its range.
func TestCheck_looksAtEveryFieldAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := make([]string, len(fields))
		for i, field := range fields {
			values[i] = rightItems(t, field)
		}
		values[rapid.SampledFrom([]int{2, 4}).Draw(t, "unused day")] = "?"
		text := "cron(" + strings.Join(values, " ") + ")"
		if err := Check(text); err != nil && !strings.Contains(err.Error(), "want a day that there is") {
			t.Fatal(err)
		}

		i := rapid.IntRange(0, len(values)-1).Draw(t, "field")
		wrong := rapid.SampledFrom([]int{fields[i].low - 1, fields[i].high + 1}).Draw(t, "wrong")
		values[i] = strconv.Itoa(wrong)
		if err := Check("cron(" + strings.Join(values, " ") + ")"); err == nil || !strings.Contains(err.Error(), fields[i].name+` "`+values[i]) {
			t.Fatalf("%s with %s: got %v", fields[i].name, values[i], err)
		}
	})
}

// rightItems is a list of values, ranges and steps that a field accepts.
func rightItems(t *rapid.T, field Field) string {
	var items []string
	for range rapid.IntRange(1, 3).Draw(t, "items") {
		low := rapid.IntRange(field.low, field.high).Draw(t, "low")
		item := strconv.Itoa(low)
		if field.names != nil && rapid.Bool().Draw(t, "named") {
			item = field.names[low-field.low]
		}
		if rapid.Bool().Draw(t, "range") {
			item += "-" + strconv.Itoa(rapid.IntRange(low, field.high).Draw(t, "high"))
		}
		if rapid.Bool().Draw(t, "step") {
			item += "/" + strconv.Itoa(rapid.IntRange(1, field.high).Draw(t, "every"))
		}
		items = append(items, item)
	}
	return strings.Join(items, ",")
}
