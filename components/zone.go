package components

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // zones must be known on every machine that deploys

	"ds-pipeline/internal/cron"
)

// Names of AWS's list of zones; a machine's own list may have more.
var zonePattern = regexp.MustCompile(`^[A-Z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}$`)

func loadZone(zone string) (*time.Location, error) {
	const want = "want the name of a time zone such as Europe/Berlin"
	if !zonePattern.MatchString(zone) || zone == "Local" {
		return nil, fmt.Errorf("got %q, %s", zone, want)
	}
	location, err := time.LoadLocation(zone)
	if err != nil {
		return nil, fmt.Errorf("got %q, %s", zone, want)
	}
	return location, nil
}

// CheckTimeZone reports whether zone names a time zone.
func CheckTimeZone(zone string) error {
	_, err := loadZone(zone)
	return err
}

// CheckZonedSchedule reports whether a schedule of EventBridge Scheduler can be
// read in zone. A run is for the month of the time that it was due at, and that
// time reaches it in UTC. So no time may be of one month in the zone and of
// another in UTC, whatever the zone's offset will be (until 2040).
func CheckZonedSchedule(expression, zone string) error {
	location, err := loadZone(zone)
	if err != nil {
		return err
	}
	if err := cron.Check(expression); err != nil {
		return err
	}
	fields := cron.Fields(expression)
	if fields == nil {
		return fmt.Errorf("got %q with time zone %s, want cron(...): a rate knows no time zone", expression, zone)
	}
	minutes, hours := cron.FieldOf(cron.Minutes).Values(fields[0]), cron.FieldOf(cron.Hours).Values(fields[1])
	earliest := time.Duration(hours[0])*time.Hour + time.Duration(minutes[0])*time.Minute
	latest := time.Duration(hours[len(hours)-1])*time.Hour + time.Duration(minutes[len(minutes)-1])*time.Minute
	west, east := offsets(location)
	first, last := monthEnds(fields[2], fields[3], fields[4])
	var errs []error
	if first && earliest < east {
		errs = append(errs, fmt.Errorf("got %q, which can run on the first of a month when UTC is still in the month before; in %s want %s or later, or days without the first",
			expression, zone, clock(east)))
	}
	if last && latest >= 24*time.Hour-west {
		errs = append(errs, fmt.Errorf("got %q, which can run on the last of a month when UTC is already in the month after; in %s want a time before %s, or days without the last",
			expression, zone, clock(24*time.Hour-west)))
	}
	return errors.Join(errs...)
}

func clock(d time.Duration) string {
	return fmt.Sprintf("%02d:%02d", int(d.Hours()), int(d.Minutes())%60)
}

// offsets are how far the zone is behind UTC at most, and ahead of it at most;
// 0 for never.
func offsets(location *time.Location) (west, east time.Duration) {
	for t := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC); t.Year() < 2041; t = t.AddDate(0, 0, 3) {
		_, seconds := t.In(location).Zone()
		ahead := time.Duration(seconds) * time.Second
		west, east = max(west, -ahead), max(east, ahead)
	}
	return west, east
}

// monthEnds reports whether a schedule can run on the first and on the last day
// of a month. In doubt it can.
func monthEnds(dayOfMonth, month, dayOfWeek string) (first, last bool) {
	days := possibleDays(dayOfMonth, dayOfWeek)
	first = days[1]
	for _, m := range cron.FieldOf(cron.Month).Values(month) {
		// Of 2028 and 2029, that February of either length is among them.
		for _, year := range []int{2028, 2029} {
			last = last || days[time.Date(year, time.Month(m)+1, 0, 0, 0, 0, 0, time.UTC).Day()]
		}
	}
	return first, last || strings.Contains(dayOfMonth, "L")
}

// possibleDays are the days of a month that a schedule can run on, apart from an
// L for the last.
func possibleDays(dayOfMonth, dayOfWeek string) map[int]bool {
	days := map[int]bool{}
	add := func(low, high int) {
		for day := low; day <= high; day++ {
			days[day] = true
		}
	}
	_, nth, isNth := strings.Cut(dayOfWeek, "#")
	switch {
	case dayOfMonth == "?" && isNth: // the nth of a weekday
		n, _ := strconv.Atoi(nth)
		add(7*n-6, 7*n)
	case dayOfMonth == "?" && strings.HasSuffix(strings.ToUpper(dayOfWeek), "L") && len(dayOfWeek) > 1: // the last of a weekday
		add(22, 31)
	case dayOfMonth == "?":
		add(1, 31)
	case strings.HasPrefix(dayOfMonth, "L"): // the last day, or the last that is no weekend
		add(26, 31)
	case strings.HasSuffix(dayOfMonth, "W"): // the nearest that is no weekend
		n, _ := strconv.Atoi(strings.TrimSuffix(dayOfMonth, "W"))
		add(n-2, n+2)
	default:
		for _, day := range cron.FieldOf(cron.DayOfMonth).Values(dayOfMonth) {
			days[day] = true
		}
	}
	return days
}
