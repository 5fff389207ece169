package operate

import (
	"os"
	"time"
	"unicode/utf8"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// bar shows on a terminal how much of something is done.
type bar struct{ *progressbar.ProgressBar }

func (c console) bar(what string, size int64) *bar {
	if !c.progress {
		return &bar{}
	}
	what, width, bytes := fitBar(what, c.columns())
	return &bar{progressbar.NewOptions64(size,
		progressbar.OptionSetWriter(c.err),
		progressbar.OptionSetDescription(what),
		progressbar.OptionShowBytes(bytes),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionSetWidth(width),
		progressbar.OptionClearOnFinish(),
	)}
}

// columns is how wide the terminal of messages is; 80 if nobody knows.
func (c console) columns() int {
	if f, ok := c.err.(*os.File); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
			return width
		}
	}
	return 80
}

// fitBar is what a line of so many columns has room for: a line that wraps is not
// drawn over, but again and again. First the bar gets shorter, then it is without
// bytes, then the name is cut.
func fitBar(what string, columns int) (name string, width int, bytes bool) {
	const (
		widest, narrowest = 30, 5
		times             = len(" 100% || [59m59s:59m59s] ") + 2
		amounts           = len("(999.9 MB/s) ")
	)
	room := columns - times - utf8.RuneCountInString(what)
	if bytes = room-amounts >= narrowest; bytes {
		room -= amounts
	}
	if room < narrowest {
		runes := []rune(what)
		what, room = string(runes[:max(len(runes)+room-narrowest, 0)]), narrowest
	}
	return what, min(room, widest), bytes
}

func (b *bar) Write(p []byte) (int, error) {
	if b.ProgressBar != nil {
		_ = b.Add64(int64(len(p)))
	}
	return len(p), nil
}

func (b *bar) clear() {
	if b.ProgressBar != nil {
		_ = b.Clear()
	}
}
