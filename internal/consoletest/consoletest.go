// Package consoletest reads consoles as pages show them, for tests that do what a
// page says.
package consoletest

import (
	"fmt"
	"regexp"
	"strings"
)

// Step is a command and what it should print, line by line.
type Step struct {
	Command string
	Want    []string
}

var blocks = regexp.MustCompile("(?s)```console\n(.*?)```")

// Page reads the console blocks of a page, one after the other.
func Page(text string) ([]Step, error) {
	var all []Step
	for _, block := range blocks.FindAllStringSubmatch(text, -1) {
		steps, err := Steps(block[1])
		if err != nil {
			return nil, err
		}
		all = append(all, steps...)
	}
	return all, nil
}

// Steps reads one console: a command after "$ ", then what it prints.
func Steps(text string) ([]Step, error) {
	var all []Step
	for _, l := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		if command, ok := strings.CutPrefix(l, "$ "); ok {
			all = append(all, Step{Command: command})
			continue
		}
		if len(all) == 0 {
			return nil, fmt.Errorf("output without a command: %q", l)
		}
		all[len(all)-1].Want = append(all[len(all)-1].Want, l)
	}
	return all, nil
}

// Prints tells whether what was printed is what a page shows: … stands for
// anything within a line, and alone in a line for any lines.
func Prints(got string, want []string) bool {
	var pattern strings.Builder
	for _, l := range want {
		if strings.TrimSpace(l) == "…" {
			pattern.WriteString(`(?:[^\n]*\n)*?`)
			continue
		}
		for i, part := range strings.Split(strings.TrimRight(l, " "), "…") {
			if i > 0 {
				pattern.WriteString(`[^\n]*`)
			}
			pattern.WriteString(regexp.QuoteMeta(part))
		}
		pattern.WriteString(` *\n`)
	}
	return regexp.MustCompile(`^` + pattern.String() + `$`).MatchString(got)
}
