package simcloud

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// scheduleExpression wants each text that path reaches to be cron(...) or
// rate(...), as EventBridge reads them; at(...) only where EventBridge
// Scheduler reads it.
func scheduleExpression(path string, once bool) rule {
	return func(c *checking) {
		visit(c.props, path, func(at string, v any) {
			if s, ok := v.(string); ok {
				if problem := checkSchedule(s, once); problem != "" {
					c.problem(at, "got %s: %s", shown(s), problem)
				}
			}
		})
	}
}

var (
	ratePattern = regexp.MustCompile(`^rate\((\d+) (minutes?|hours?|days?)\)$`)
	cronPattern = regexp.MustCompile(`^cron\((.*)\)$`)
	oncePattern = regexp.MustCompile(`^at\(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\)$`)
)

// checkSchedule returns what is wrong with a schedule expression, or "".
func checkSchedule(s string, once bool) string {
	if m := ratePattern.FindStringSubmatch(s); m != nil {
		n, err := strconv.Atoi(m[1])
		switch {
		case err != nil || n < 1:
			return "a rate is a whole number from 1"
		case n == 1 && strings.HasSuffix(m[2], "s"):
			return "want " + strings.TrimSuffix(m[2], "s") + " after 1"
		case n > 1 && !strings.HasSuffix(m[2], "s"):
			return "want " + m[2] + "s after " + m[1]
		}
		return ""
	}
	if once && oncePattern.MatchString(s) {
		return ""
	}
	m := cronPattern.FindStringSubmatch(s)
	if m == nil {
		return "want cron(minutes hours day-of-month month day-of-week year) or rate(value unit)"
	}
	fields := strings.Split(m[1], " ")
	if len(fields) != len(cronFields) || slices.Contains(fields, "") {
		return fmt.Sprintf("got %d fields, want 6 with one space between them: minutes hours day-of-month month day-of-week year", len(strings.Fields(m[1])))
	}
	for i, f := range cronFields {
		if problem := f.check(fields[i]); problem != "" {
			return f.name + ": " + problem
		}
	}
	if (fields[2] == "?") == (fields[4] == "?") {
		return "want ? in exactly one of day-of-month and day-of-week"
	}
	return ""
}

// cronField is one of the six fields of a cron expression.
type cronField struct {
	name      string
	low, high int
	words     []string // names for low, low+1, ...
	question  bool     // ? is allowed
}

var cronFields = []cronField{
	{name: "minutes", low: 0, high: 59},
	{name: "hours", low: 0, high: 23},
	{name: "day-of-month", low: 1, high: 31, question: true},
	{name: "month", low: 1, high: 12, words: []string{"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}},
	{name: "day-of-week", low: 1, high: 7, words: []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}, question: true},
	{name: "year", low: 1970, high: 2199},
}

func (f cronField) check(s string) string {
	want := fmt.Sprintf("want %d to %d, *, lists, ranges or steps", f.low, f.high)
	switch s {
	case "*":
		return ""
	case "?":
		if f.question {
			return ""
		}
		return "got ?, " + want
	}
	for _, part := range strings.Split(s, ",") {
		if f.name == "day-of-month" && (part == "L" || part == "LW") {
			continue
		}
		if f.name == "day-of-month" && strings.HasSuffix(part, "W") {
			if _, ok := f.value(strings.TrimSuffix(part, "W")); ok {
				continue
			}
		}
		if f.name == "day-of-week" {
			if part == "L" {
				continue
			}
			if _, ok := f.value(strings.TrimSuffix(part, "L")); ok {
				continue
			}
			if day, nth, ok := strings.Cut(part, "#"); ok {
				n, err := strconv.Atoi(nth)
				if _, known := f.value(day); known && err == nil && n >= 1 && n <= 5 {
					continue
				}
			}
		}
		span, step, stepped := strings.Cut(part, "/")
		if n, err := strconv.Atoi(step); stepped && (err != nil || n < 1 || n > f.high) {
			return fmt.Sprintf("got step %q, want a whole number from 1", step)
		}
		if span == "*" && stepped {
			continue
		}
		from, to, ranged := strings.Cut(span, "-")
		a, okA := f.value(from)
		if !okA {
			return fmt.Sprintf("got %q, %s", from, want)
		}
		if ranged {
			b, okB := f.value(to)
			if !okB {
				return fmt.Sprintf("got %q, %s", to, want)
			}
			if b < a {
				return fmt.Sprintf("got %q, want a range from low to high", span)
			}
		}
	}
	return ""
}

func (f cronField) value(s string) (int, bool) {
	if i := slices.Index(f.words, strings.ToUpper(s)); i >= 0 {
		return f.low + i, true
	}
	n, err := strconv.Atoi(s)
	return n, err == nil && n >= f.low && n <= f.high
}
