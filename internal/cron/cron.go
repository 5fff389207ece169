// Package cron reads schedules as EventBridge does: which it accepts, and when
// the next start is.
package cron

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

const cronWant = "want cron(minutes hours day-of-month month day-of-week year) or rate(<n> minutes|hours|days)"

var (
	cronPattern = regexp.MustCompile(`^cron\(([^()]*)\)$`)
	ratePattern = regexp.MustCompile(`^rate\(([1-9][0-9]*) (minute|minutes|hour|hours|day|days)\)$`)
)

// Check reports whether an EventBridge rule accepts text as its
// schedule, which is read in UTC. Its six fields differ from those of Unix: there
// is a year, days of the week count from Sunday as 1, and exactly one of
// day-of-month and day-of-week is "?". See "Cron expressions" in the EventBridge
// user guide. A day that never comes, such as February 30, is refused, too; one that
// has passed is not.
func Check(text string) error {
	if rate := ratePattern.FindStringSubmatch(text); rate != nil {
		if (rate[1] == "1") == strings.HasSuffix(rate[2], "s") {
			return fmt.Errorf("got %q, want the unit in the singular for 1 and in the plural for more", text)
		}
		return nil
	}
	cron := cronPattern.FindStringSubmatch(text)
	if cron == nil {
		return fmt.Errorf("got %q, %s", text, cronWant)
	}
	values := strings.Fields(cron[1])
	if len(values) != len(fields) || strings.Join(values, " ") != cron[1] {
		return fmt.Errorf("got %q with %d fields, %s", text, len(values), cronWant)
	}
	var wrong []string
	for i, field := range fields {
		if problem := field.problem(values[i]); problem != "" {
			wrong = append(wrong, field.name+" "+problem)
		}
	}
	if (values[DayOfMonth] == "?") == (values[DayOfWeek] == "?") {
		wrong = append(wrong, "want exactly one of day-of-month and day-of-week to be ?")
	}
	if wrong != nil {
		return fmt.Errorf("got %q: %s", text, strings.Join(wrong, "; "))
	}
	if _, ever := next(values, time.Date(fields[Year].low, time.January, 1, 0, 0, 0, -1, time.UTC), time.UTC); !ever {
		return fmt.Errorf("got %q, want a day that there is: it would never start anything", text)
	}
	return nil
}

// Field is what one field of a cron expression accepts.
type Field struct {
	name      string
	low, high int
	names     []string // of the values from low on; nil for numbers only
	special   *regexp.Regexp
	want      string // what special accepts, in words
}

// The fields of a cron expression, by their place.
const (
	Minutes = iota
	Hours
	DayOfMonth
	Month
	DayOfWeek
	Year
)

// FieldOf is the field at a place.
func FieldOf(place int) Field { return fields[place] }

// Fields are the six fields of a cron expression; nil for a rate, and for what
// is neither.
func Fields(text string) []string {
	m := cronPattern.FindStringSubmatch(text)
	if m == nil {
		return nil
	}
	return strings.Fields(m[1])
}

var (
	months = []string{"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}
	days   = []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}

	fields = []Field{
		{name: "minutes", low: 0, high: 59},
		{name: "hours", low: 0, high: 23},
		{name: "day-of-month", low: 1, high: 31, special: regexp.MustCompile(`^(\?|L|LW|([1-9]|[12][0-9]|3[01])W)$`), want: ", ?, L, or W after a day"},
		{name: "month", low: 1, high: 12, names: months},
		{name: "day-of-week", low: 1, high: 7, names: days, special: regexp.MustCompile(`(?i)^(\?|L|([1-7]|SUN|MON|TUE|WED|THU|FRI|SAT)(L|#[1-5]))$`), want: ", ?, L, or # after a day"},
		{name: "year", low: 1970, high: 2199},
	}
)

// problem is "" for *, a value, a range, a step after any of these, lists of
// them, and what special accepts.
func (f Field) problem(text string) string {
	if text == "*" || f.special != nil && f.special.MatchString(text) {
		return ""
	}
	for _, item := range strings.Split(text, ",") {
		if !f.accepts(item) {
			return f.wrong(item)
		}
	}
	return ""
}

func (f Field) accepts(item string) bool {
	base, step, stepped := strings.Cut(item, "/")
	if stepped {
		n, err := strconv.Atoi(step)
		if err != nil || n < 1 || n > f.high || step != strconv.Itoa(n) {
			return false
		}
		if base == "*" {
			return true
		}
	}
	from, to, ranged := strings.Cut(base, "-")
	low, ok := f.value(from)
	if !ok {
		return false
	}
	if !ranged {
		return true
	}
	high, ok := f.value(to)
	return ok && low <= high
}

func (f Field) value(text string) (int, bool) {
	if i := slices.Index(f.names, strings.ToUpper(text)); i >= 0 {
		return f.low + i, true
	}
	n, err := strconv.Atoi(text)
	if err != nil || strings.TrimLeft(text, "0123456789") != "" {
		return 0, false
	}
	return n, f.low <= n && n <= f.high
}

func (f Field) wrong(item string) string {
	names := ""
	if f.names != nil {
		names = fmt.Sprintf(" or %s to %s", f.names[0], f.names[len(f.names)-1])
	}
	return fmt.Sprintf("%q: want %d to %d%s%s, *, or ranges, lists and steps of them", item, f.low, f.high, names, f.want)
}

// Values are what a field stands for that consists of numbers, names, ranges,
// lists and steps, in order.
func (f Field) Values(text string) []int {
	stands := make([]bool, f.high+1)
	for _, item := range strings.Split(text, ",") {
		base, stepText, stepped := strings.Cut(item, "/")
		step := 1
		if stepped {
			step, _ = strconv.Atoi(stepText)
		}
		from, to, ranged := strings.Cut(base, "-")
		low, high := f.low, f.high
		if base != "*" {
			low, _ = f.value(from)
			switch {
			case ranged:
				high, _ = f.value(to)
			case !stepped:
				high = low
			}
		}
		for v := low; v <= high; v += max(step, 1) {
			stands[v] = true
		}
	}
	var out []int
	for v, is := range stands {
		if is {
			out = append(out, v)
		}
	}
	return out
}
