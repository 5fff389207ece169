package operate

import (
	"time"

	"github.com/schollz/progressbar/v3"
)

// bar shows on a terminal how much of something is done.
type bar struct{ *progressbar.ProgressBar }

func (c console) bar(what string, size int64) *bar {
	if !c.progress {
		return &bar{}
	}
	return &bar{progressbar.NewOptions64(size,
		progressbar.OptionSetWriter(c.err),
		progressbar.OptionSetDescription(what),
		progressbar.OptionShowBytes(true),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionSetWidth(30),
		progressbar.OptionClearOnFinish(),
	)}
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
