package operate

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/schollz/progressbar/v3"
)

func TestFitBar_keepsToTheTerminal(t *testing.T) {
	for columns := 32; columns <= 200; columns += 4 {
		for _, name := range []string{"a.csv", "größe-des-jahres-2026.csv", strings.Repeat("long", 40)} {
			what, width, amounts := fitBar(name, columns)
			var drawn bytes.Buffer
			bar := progressbar.NewOptions64(5<<30, progressbar.OptionSetWriter(&drawn), progressbar.OptionSetDescription(what),
				progressbar.OptionSetWidth(width), progressbar.OptionShowBytes(amounts))
			if err := bar.Add64(5<<30 - 1); err != nil {
				t.Fatal(err)
			}
			for line := range strings.SplitSeq(drawn.String(), "\r") {
				if n := utf8.RuneCountInString(line); n >= columns {
					t.Errorf("%q on %d columns: drew %d, %q", name, columns, n, line)
				}
			}
			if !strings.HasPrefix(name, what) || columns == 200 && len(name) < 100 && (what != name || width != 30 || !amounts) {
				t.Errorf("%q on %d columns: got %q with a bar of %d and amounts %v", name, columns, what, width, amounts)
			}
		}
	}
}
