package review

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// code is text as GitHub shows it in a comment, letter by letter: nothing in it
// is Markdown, HTML, a link, an emoji, a mention or a reference. GitHub looks for
// mentions and references outside of code only.
func code(text string) string {
	if text == "" {
		return ""
	}
	return "<code>" + escape(text) + "</code>"
}

// escape writes everything that could mean something as a character reference,
// and what cannot be seen as its number.
func escape(text string) string {
	var b strings.Builder
	plain := " /,-()"
	if lower := strings.ToLower(text); !strings.Contains(lower, "www") && !strings.Contains(lower, "://") {
		plain += ".:" // as in names; those of an address would make a link
	}
	for _, r := range text {
		switch {
		case strings.ContainsRune(plain, r),
			r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r)),
			r >= utf8.RuneSelf && unicode.In(r, unicode.L, unicode.N) && unicode.IsPrint(r):
			b.WriteRune(r)
		case r == '\n' || r == '\t':
			b.WriteByte(' ')
		case r == utf8.RuneError || !unicode.IsPrint(r):
			// A mark that turns the direction of a line makes it read otherwise.
			fmt.Fprintf(&b, "&#92;u%04x", r)
		default:
			fmt.Fprintf(&b, "&#%d;", r)
		}
	}
	return b.String()
}

// clip shortens a text to n characters.
func clip(text string, n int) string {
	if utf8.RuneCountInString(text) <= n {
		return text
	}
	return string([]rune(text)[:n-1]) + "…"
}

// listed shows texts one after the other, maxNames of them at most.
func listed(texts []string) string {
	var parts []string
	for i, text := range texts {
		if i == maxNames {
			parts = append(parts, fmt.Sprintf("and %d more", len(texts)-maxNames))
			break
		}
		parts = append(parts, code(clip(text, maxText)))
	}
	return strings.Join(parts, ", ")
}
