package cron

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxYear is the last year that an expression can name.
const maxYear = 2199

// Next is the first start of a cron expression after a point in time, read in
// zone; false if there is none, if text is a rate, whose starts count from when
// EventBridge heard of it, or if Check refuses text.
//
// A time that the clocks of zone skip is moved by as much as they are, and one
// that they repeat starts once, at the first.
func Next(text string, after time.Time, zone *time.Location) (time.Time, bool) {
	expression := Fields(text)
	if expression == nil || Check(text) != nil {
		return time.Time{}, false
	}
	return next(expression, after, zone)
}

// next is Next of six fields that are right.
func next(expression []string, after time.Time, zone *time.Location) (time.Time, bool) {
	minutes, hours := fields[Minutes].Values(expression[Minutes]), fields[Hours].Values(expression[Hours])
	isMonth, isYear := fields[Month].Values(expression[Month]), fields[Year].Values(expression[Year])
	local := after.In(zone)
	// From the day before: the clocks may be moved over midnight.
	for day := time.Date(local.Year(), local.Month(), local.Day()-1, 0, 0, 0, 0, time.UTC); day.Year() <= maxYear; day = day.AddDate(0, 0, 1) {
		if !slices.Contains(isYear, day.Year()) {
			day = time.Date(day.Year(), time.December, 31, 0, 0, 0, 0, time.UTC)
			continue
		}
		if !slices.Contains(isMonth, int(day.Month())) || !isDay(expression[DayOfMonth], expression[DayOfWeek], day) {
			continue
		}
		for _, h := range hours {
			for _, m := range minutes {
				if t := time.Date(day.Year(), day.Month(), day.Day(), h, m, 0, 0, zone); t.After(after) {
					return t, true
				}
			}
		}
	}
	return time.Time{}, false
}

// isDay reports whether an expression starts on a day.
func isDay(dayOfMonth, dayOfWeek string, day time.Time) bool {
	last := time.Date(day.Year(), day.Month()+1, 0, 0, 0, 0, 0, time.UTC)
	if dayOfMonth == "?" {
		return isWeekday(strings.ToUpper(dayOfWeek), day, last)
	}
	switch {
	case dayOfMonth == "L":
		return day.Equal(last)
	case dayOfMonth == "LW":
		return day.Equal(nearestWeekday(last))
	case strings.HasSuffix(dayOfMonth, "W"):
		n, _ := strconv.Atoi(strings.TrimSuffix(dayOfMonth, "W"))
		if n > last.Day() {
			return false
		}
		return day.Equal(nearestWeekday(time.Date(day.Year(), day.Month(), n, 0, 0, 0, 0, time.UTC)))
	}
	return slices.Contains(fields[DayOfMonth].Values(dayOfMonth), day.Day())
}

// nearestWeekday is the day from Monday to Friday of the same month that is
// nearest to a day.
func nearestWeekday(day time.Time) time.Time {
	move := 0
	switch day.Weekday() {
	case time.Saturday:
		if move = -1; day.Day() == 1 {
			move = 2
		}
	case time.Sunday:
		if move = 1; day.AddDate(0, 0, 1).Month() != day.Month() {
			move = -2
		}
	}
	return day.AddDate(0, 0, move)
}

// isWeekday reports whether a day of the week, or the nth or last one of the
// month, is this day.
func isWeekday(text string, day, last time.Time) bool {
	is := func(name string) bool {
		n, ok := fields[DayOfWeek].value(name)
		return ok && n == int(day.Weekday())+1
	}
	if name, nth, ok := strings.Cut(text, "#"); ok {
		n, _ := strconv.Atoi(nth)
		return is(name) && (day.Day()-1)/7+1 == n
	}
	if text == "L" { // the last day of the week
		return day.Weekday() == time.Saturday
	}
	if name, ok := strings.CutSuffix(text, "L"); ok {
		return is(name) && last.Day()-day.Day() < 7
	}
	return slices.Contains(fields[DayOfWeek].Values(text), int(day.Weekday())+1)
}
