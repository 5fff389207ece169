package model

import (
	"fmt"
	"strings"
)

// outline collects the words of Describe.
type outline struct {
	b     strings.Builder
	depth int
	names []string // of the columns that the step at hand is given, if known
}

// column is the name of a column, or its place.
func (o *outline) column(i int) string {
	if i < len(o.names) {
		return fmt.Sprintf("%q", o.names[i])
	}
	return fmt.Sprintf("column %d", i)
}

// columns are the first few of some columns.
func (o *outline) columns(at []int) string {
	names := make([]string, 0, len(at))
	for _, i := range at {
		names = append(names, o.column(i))
	}
	return some(names)
}

// of says a value per column, of the first few.
func (o *outline) of(values []Float) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = o.column(i) + ": " + v.String()
	}
	return some(texts)
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
	if m.root.width() >= 0 {
		o.names, _ = m.Features()
	}
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
