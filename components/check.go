package components

import (
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"
)

// named puts the name of what was checked before err, and keeps nil as nil.
func named(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", name, err)
}

// present reports a pulumi input that was not given.
func present(name string, given bool) error {
	if !given {
		return fmt.Errorf("%s: missing", name)
	}
	return nil
}

// CheckRange reports whether got lies between low and high, both allowed.
func CheckRange(got, low, high int) error {
	if got < low || got > high {
		return fmt.Errorf("got %d, want %d to %d", got, low, high)
	}
	return nil
}

// checkName reports whether name is 1 to limit characters and matches pattern,
// which want describes.
func checkName(name string, limit int, pattern *regexp.Regexp, want string) error {
	if len(name) == 0 || len(name) > limit || !pattern.MatchString(name) {
		return fmt.Errorf("got %q, want 1 to %d characters: %s", name, limit, want)
	}
	return nil
}

// orList writes "256, 512 or 1024".
func orList[T any](values []T) string {
	var b strings.Builder
	for i, v := range values {
		switch {
		case i == 0:
		case i == len(values)-1:
			b.WriteString(" or ")
		default:
			b.WriteString(", ")
		}
		fmt.Fprint(&b, v)
	}
	return b.String()
}

// logRetentionDays are the retentions that CloudWatch Logs accepts. It also
// accepts "never expires", which we do not: logs that nobody deletes are a
// cost that only grows.
var logRetentionDays = []int{
	1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731,
	1096, 1827, 2192, 2557, 2922, 3288, 3653,
}

// CheckLogRetentionDays reports whether CloudWatch Logs can keep logs for days.
func CheckLogRetentionDays(days int) error {
	for _, d := range logRetentionDays {
		if d == days {
			return nil
		}
	}
	return fmt.Errorf("got %d, want %s", days, orList(logRetentionDays))
}

var emailPattern = regexp.MustCompile(`^[^\s@<>,;"]+@[^\s@<>,;"]+\.[^\s@<>,;".]+$`)

// CheckEmail reports whether address is one e-mail address.
func CheckEmail(address string) error {
	if !emailPattern.MatchString(address) {
		return fmt.Errorf("got %q, want one e-mail address", address)
	}
	return nil
}

// CheckObjectKey reports whether key can name an object of S3 that Parameter
// Store can also hold.
func CheckObjectKey(key string) error {
	const want = "want 1 to 1024 bytes, no slash at the start or the end, no white space at either end, no {{"
	if !validKey(key) || strings.HasSuffix(key, "/") {
		return fmt.Errorf("got %s, %s", strconv.Quote(key), want)
	}
	return nil
}

func validKey(key string) bool {
	return key != "" && len(key) <= 1024 && !strings.HasPrefix(key, "/") && strings.TrimSpace(key) == key &&
		!strings.Contains(key, "{{") && !strings.ContainsAny(key, "\x00\r\n")
}

// CheckInputKey reports whether key can name what the job reads: an object, a
// prefix that ends in a slash, or a glob.
func CheckInputKey(key string) error {
	const want = "want an object such as raw/data.csv, a prefix such as raw/ or a glob such as raw/*.csv: 1 to 1024 bytes, no slash at the start, no white space at either end, no {{"
	if !validKey(key) {
		return fmt.Errorf("got %s, %s", strconv.Quote(key), want)
	}
	if _, err := path.Match(key, ""); err != nil && !strings.HasSuffix(key, "/") {
		return fmt.Errorf("got %s, want a glob such as raw/*.csv: a bracket or a backslash in it is not closed", strconv.Quote(key))
	}
	return nil
}

// literalStart is how every name starts that an input key which CheckInputKey
// accepts stands for, and whether it can stand for several.
func literalStart(key string) (start string, several bool) {
	if strings.HasSuffix(key, "/") {
		return key, true
	}
	if i := strings.IndexAny(key, wildcards); i >= 0 {
		return key[:i], true
	}
	return key, false
}

// Parameter Store takes 15 levels, and the outputs of a stack are two below the
// prefix.
var parameterPrefixPattern = regexp.MustCompile(`^/([A-Za-z0-9_.-]+/){1,13}$`)

// CheckParameterPrefix reports whether prefix can come before the names of
// parameters in Parameter Store.
func CheckParameterPrefix(prefix string) error {
	const want = "want 1 to 13 levels of letters, digits, _ . - between slashes, such as /ds/preprocessing/," +
		" at most 900 characters, not starting with aws or ssm"
	lower := strings.ToLower(prefix)
	if len(prefix) > 900 || !parameterPrefixPattern.MatchString(prefix) ||
		strings.HasPrefix(lower, "/aws") || strings.HasPrefix(lower, "/ssm") {
		return fmt.Errorf("got %q, %s", prefix, want)
	}
	return nil
}
