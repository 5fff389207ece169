package model

import (
	"fmt"
	"strings"
)

// outline collects the words of Describe.
type outline struct {
	b     strings.Builder
	depth int
}

func (o *outline) line(format string, args ...any) {
	o.b.WriteString(strings.Repeat("  ", o.depth))
	fmt.Fprintf(&o.b, format, args...)
	o.b.WriteByte('\n')
}

// under describes s one level deeper.
func (o *outline) under(s step) {
	o.depth++
	s.describe(o)
	o.depth--
}

// Describe says in words what the model does, one line per step.
func (m *Model) Describe() string {
	o := &outline{}
	m.root.describe(o)
	return o.b.String()
}

// some is the first few of a list, for people.
func some[T any](items []T) string {
	const show = 8
	texts := make([]string, 0, show+1)
	for i, it := range items {
		if i == show {
			texts = append(texts, fmt.Sprintf("... (%d in all)", len(items)))
			break
		}
		texts = append(texts, fmt.Sprint(it))
	}
	return strings.Join(texts, ", ")
}
