package main

import (
	"context"
	"encoding/json"
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

// isTerminal tells a terminal from a file, a pipe and /dev/null.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// bar is the progress bar of a terminal.
type bar struct {
	out io.Writer
	bar *progressbar.ProgressBar
}

func newBar(out io.Writer) *bar { return &bar{out: out} }

func (b *bar) set(done, size int64) {
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

func (b *bar) clear() {
	if b.bar != nil {
		_ = b.bar.Clear()
	}
}

// textHandler logs for people: the level unless it is the usual one, the
// message, and key=value pairs.
type textHandler struct {
	out   io.Writer
	attrs []slog.Attr
}

func (h *textHandler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= slog.LevelInfo
}

func (h *textHandler) Handle(_ context.Context, r slog.Record) error {
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

func (h *textHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &textHandler{out: h.out, attrs: append(h.attrs[:len(h.attrs):len(h.attrs)], attrs...)}
}

func (h *textHandler) WithGroup(string) slog.Handler { return h }

// printSummary says in a few aligned lines what a run did.
func printSummary(w io.Writer, s job.Summary) {
	if len(s.Inputs) > 0 {
		_, _ = fmt.Fprintf(w, "inputs    %s\n", thousands(int64(len(s.Inputs))))
	}
	_, _ = fmt.Fprintf(w, "rows      %s in, %s out, %s rejected\ncolumns   %d in, %d out\n",
		thousands(s.RowsIn), thousands(s.RowsOut), thousands(s.RowsRejected), s.ColumnsIn, s.ColumnsOut)
	if !s.Repeated {
		_, _ = fmt.Fprintf(w, "time      %.2f s with %d workers, %.1f MB/s\n", s.Elapsed.Seconds(), s.Workers, s.MBPerSecond())
	}
	_, _ = fmt.Fprintf(w, "result    %s (%s)\n", s.Output, size(s.BytesOut))
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

// printVerification says a line of each object, and what the run was.
func printVerification(out io.Writer, v job.Verification) error {
	w := &lines{w: out}
	for _, o := range v.Objects {
		state := "same"
		if o.Problem != "" {
			state = "DIFFERS"
		}
		w.printf("%-8s  %-10s  %s (%s)", state, o.Name, o.URI, size(o.Size))
	}
	m, of := v.Run, ""
	if m.Period != "" {
		of = " of " + m.Period
	}
	w.printf("run%s   published %s by %s", of, m.Finished.UTC().Format(time.RFC3339), m.Job.Version)
	w.printf("rows      %s in, %s out, %s rejected", thousands(m.Rows.In), thousands(m.Rows.Out), thousands(m.Rows.Rejected))
	return w.err
}

func printVerificationJSON(out io.Writer, v job.Verification) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// thousands writes 1234567 as 1,234,567.
func thousands(n int64) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// size writes a number of bytes in decimal units.
func size(n int64) string {
	switch {
	case n < 1e3:
		return fmt.Sprintf("%d B", n)
	case n < 1e6:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	case n < 1e9:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.1f GB", float64(n)/1e9)
}
