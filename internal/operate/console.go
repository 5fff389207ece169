package operate

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	show "ds-pipeline/preprocess/console"
)

// console is what a person sees and answers. Colors and progress are for a
// terminal only.
type console struct {
	out      *output
	err      io.Writer
	in       *bufio.Reader
	color    bool
	progress bool // standard error is a terminal
	person   bool // somebody can be asked
}

// output is the standard output. It remembers that something could not be written,
// so that a command whose answer is lost, because a disk is full, does not end as a
// success.
type output struct {
	w  io.Writer
	mu sync.Mutex
	// failed is the first failure.
	failed error
}

func (o *output) Write(p []byte) (int, error) {
	n, err := o.w.Write(p)
	if err != nil {
		o.mu.Lock()
		defer o.mu.Unlock()
		if o.failed == nil {
			o.failed = err
		}
	}
	return n, err
}

// lost is the error of a command that did all it should, but whose answer could not
// be written.
func (o *output) lost() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.failed == nil {
		return nil
	}
	return fail(exitIO, "", "write the answer: %w", o.failed)
}

func newConsole(p Program) console {
	plain := p.Getenv("NO_COLOR") != "" || p.Getenv("TERM") == "dumb"
	return console{
		out: &output{w: p.Stdout}, err: p.Stderr, in: bufio.NewReader(p.Stdin),
		color:    show.IsTerminal(p.Stdout) && !plain,
		progress: show.IsTerminal(p.Stderr),
		person:   show.IsTerminal(p.Stderr) && show.IsTerminal(p.Stdin),
	}
}

func (c console) printf(format string, args ...any) { _, _ = fmt.Fprintf(c.out, format, args...) }

// note tells on standard error what is not part of the result.
func (c console) note(format string, args ...any) { _, _ = fmt.Fprintf(c.err, format+"\n", args...) }

// The colors of a terminal.
const (
	red    = "31"
	green  = "32"
	yellow = "33"
	faint  = "2"
	bold   = "1"
)

func (c console) paint(color, text string) string {
	if !c.color || text == "" {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}

// ask shows a question and returns the answer's first letter in lower case, or
// otherwise if there is none.
func (c console) ask(question string, otherwise byte) byte {
	_, _ = fmt.Fprint(c.err, question+" ")
	line, err := c.in.ReadString('\n')
	line = strings.ToLower(strings.TrimSpace(line))
	if err != nil && line == "" || line == "" {
		if err != nil {
			_, _ = fmt.Fprintln(c.err)
		}
		return otherwise
	}
	return line[0]
}

// printJSON prints one value as a document.
func (c console) printJSON(v any) error {
	enc := json.NewEncoder(c.out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// printLine prints one value as a line.
func (c console) printLine(v any) error {
	enc := json.NewEncoder(c.out)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// complain prints an error, the one place that does, and returns the exit status.
func (s *session) complain(err error) int {
	if err == nil {
		return exitOK
	}
	if ended, ok := err.(endedError); ok { //nolint:errorlint // never wrapped
		return int(ended)
	}
	e := explain(err)
	if e.Remedy == helpOf("") && s.command != "" {
		e = &Error{e.Status, e.Err, helpOf(s.command)}
	}
	if s.JSON {
		type problem struct {
			Message string `json:"message"`
			Remedy  string `json:"remedy,omitempty"`
			Status  int    `json:"status"`
		}
		line, _ := json.Marshal(map[string]problem{"error": {e.Error(), e.Remedy, e.Status}})
		_, _ = fmt.Fprintf(s.Stderr, "%s\n", line)
		return e.Status
	}
	_, _ = fmt.Fprintf(s.Stderr, "dspipe: %v\n", e.Err)
	if e.Remedy != "" {
		_, _ = fmt.Fprintln(s.Stderr, e.Remedy)
	}
	return e.Status
}

// table prints rows in columns; what a column has only empty cells for is left
// out. color, unless nil, paints a cell that has been padded.
func (c console) table(head []string, rows [][]string, color func(column int, cell string) string) {
	widths := make([]int, len(head))
	for i := range head {
		for _, row := range rows {
			if n := utf8.RuneCountInString(row[i]); row[i] != "" {
				widths[i] = max(widths[i], n, len(head[i]))
			}
		}
	}
	line := func(cells []string, paint func(int, string) string) {
		var b strings.Builder
		for i, cell := range cells {
			if widths[i] == 0 {
				continue
			}
			padded := cell + strings.Repeat(" ", max(widths[i]-utf8.RuneCountInString(cell), 0)+2)
			if paint != nil {
				padded = paint(i, padded)
			}
			b.WriteString(padded)
		}
		c.printf("%s\n", strings.TrimRight(b.String(), " "))
	}
	line(head, func(_ int, cell string) string { return c.paint(faint, cell) })
	for _, row := range rows {
		line(row, color)
	}
}

// durationText writes 3725 s as 1h02m.
func durationText(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	default:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
}

// timeText is a time in UTC, as schedules and periods are.
func timeText(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }
