// Package console is what the programs show to people: progress, a log, and what a
// run did.
package console

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"ds-pipeline/preprocess/job"
)

// IsTerminal tells a terminal from a file, a pipe and /dev/null.
func IsTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// Bar is the progress bar of a terminal.
type Bar struct {
	out io.Writer
	bar *progressbar.ProgressBar
}

// NewBar makes a bar, which appears when it is first set.
func NewBar(out io.Writer) *Bar { return &Bar{out: out} }

// Set shows how many bytes are done, of how many (-1 if unknown).
func (b *Bar) Set(done, size int64) {
	if b.bar == nil {
		b.bar = progressbar.NewOptions64(size,
			progressbar.OptionSetWriter(b.out),
			progressbar.OptionSetDescription("preprocessing"),
			progressbar.OptionShowBytes(true),
			progressbar.OptionSetPredictTime(size > 0),
			progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionSetWidth(30),
			progressbar.OptionClearOnFinish(),
		)
	}
	if size >= 0 && done >= size {
		return // clear ends it; the result may not be published yet
	}
	_ = b.bar.Set64(done)
}

// Clear removes it.
func (b *Bar) Clear() {
	if b.bar != nil {
		_ = b.bar.Clear()
	}
}

// TextHandler logs for people: the level unless it is the usual one, the
// message, and key=value pairs.
type TextHandler struct {
	out   io.Writer
	attrs []slog.Attr
}

// NewTextHandler makes a handler that writes to out.
func NewTextHandler(out io.Writer) *TextHandler { return &TextHandler{out: out} }

// Enabled is for messages that people should see.
func (h *TextHandler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= slog.LevelInfo
}

// Handle writes one line.
func (h *TextHandler) Handle(_ context.Context, r slog.Record) error {
	var line strings.Builder
	if r.Level != slog.LevelInfo {
		line.WriteString(strings.ToLower(r.Level.String()) + ": ")
	}
	line.WriteString(r.Message)
	add := func(a slog.Attr) bool {
		fmt.Fprintf(&line, " %s=%v", a.Key, a.Value)
		return true
	}
	for _, a := range h.attrs {
		add(a)
	}
	r.Attrs(add)
	line.WriteByte('\n')
	_, err := io.WriteString(h.out, line.String())
	return err
}

// WithAttrs makes a handler that adds these pairs to each line.
func (h *TextHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &TextHandler{out: h.out, attrs: append(h.attrs[:len(h.attrs):len(h.attrs)], attrs...)}
}

// WithGroup makes no difference.
func (h *TextHandler) WithGroup(string) slog.Handler { return h }

// PrintSummary says in a few aligned lines what a run did.
func PrintSummary(w io.Writer, s job.Summary) {
	if len(s.Inputs) > 0 {
		_, _ = fmt.Fprintf(w, "inputs    %s\n", Thousands(int64(len(s.Inputs))))
	}
	rows := fmt.Sprintf("%s in, %s out, %s rejected", Thousands(s.RowsIn), Thousands(s.RowsOut), Thousands(s.RowsRejected))
	switch {
	case s.RowsFiltered > 0:
		rows += fmt.Sprintf(", %s filtered by the script", Thousands(s.RowsFiltered))
	case s.RowsFiltered < 0:
		rows += fmt.Sprintf(", %s added by the script", Thousands(-s.RowsFiltered))
	}
	_, _ = fmt.Fprintf(w, "rows      %s\ncolumns   %d in, %d out\n", rows, s.ColumnsIn, s.ColumnsOut)
	if !s.Repeated {
		_, _ = fmt.Fprintf(w, "time      %.2f s with %d workers, %.1f MB/s\n", s.Elapsed.Seconds(), s.Workers, s.MBPerSecond())
	}
	_, _ = fmt.Fprintf(w, "result    %s (%s)\n", s.Output, Size(s.BytesOut))
	if s.Newest != "" {
		_, _ = fmt.Fprintf(w, "newest    %s\n", s.Newest)
	}
	if s.Rejects != "" {
		_, _ = fmt.Fprintf(w, "rejects   %s\n", s.Rejects)
	}
	switch {
	case s.Report == "":
	case s.Repeated:
		_, _ = fmt.Fprintf(w, "report    %s\n", s.Report)
	default:
		_, _ = fmt.Fprintf(w, "drift     %d of %d columns, see %s\n", s.Drift.Columns(), s.Drift.Compared, s.Report)
	}
}

// Thousands writes 1234567 as 1,234,567.
func Thousands(n int64) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// Size writes a number of bytes in decimal units.
func Size(n int64) string {
	switch {
	case n < 1e3:
		return fmt.Sprintf("%d B", n)
	case n < 1e6-50: // what rounds to 1000.0 is of the next unit
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	case n < 1e9-50e3:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.1f GB", float64(n)/1e9)
}
