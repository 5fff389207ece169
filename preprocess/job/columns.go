package job

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"ds-pipeline/preprocess/contract"
	"ds-pipeline/preprocess/model"
	"ds-pipeline/preprocess/table"
)

// plan is how the columns of an input become the columns of the result.
type plan struct {
	binding *model.Binding
	layout  table.Layout
	keep    []string
}

// bind finds the columns of the model and those to keep in a header, and
// reports everything that is missing or ambiguous at once.
func bind(m *model.Model, header []string, s Settings) (*plan, error) {
	var problems []error
	count := map[string]int{}
	for _, name := range header {
		count[name]++
	}
	once := func(name, use string) {
		if count[name] > 1 {
			problems = append(problems, fmt.Errorf("column %q %s stands %d times in the header", name, use, count[name]))
			count[name] = 1 // say it once
		}
	}

	binding, err := m.Bind(header)
	if err != nil {
		problems = append(problems, err)
	}
	if names, named := m.Features(); named {
		for _, name := range names {
			once(name, "of the model")
		}
	}
	p := &plan{
		binding: binding,
		keep:    s.Keep,
		layout:  table.Layout{Dialect: s.Dialect, Fields: len(header), Nulls: table.NewNulls(s.Nulls)},
	}
	if s.Dialect.JSON {
		p.layout.Names = header
		_, named := m.Features()
		p.layout.Strict = !named
	}
	var missing []string
	for _, name := range s.Keep {
		i := slices.Index(header, name)
		if i < 0 {
			missing = append(missing, name)
			continue
		}
		once(name, "to keep")
		p.layout.Keep = append(p.layout.Keep, i)
	}
	if len(missing) > 0 {
		problems = append(problems, fmt.Errorf("%s to keep not in the header, which has %s", quoteAll(missing), shownHeader(header, s.ShowValues)))
	}
	if len(problems) > 0 {
		if others := otherDelimiters(header, s.Dialect); others != "" {
			problems = append(problems, fmt.Errorf("the header is one column, in which %s stands: is --delimiter right?", others))
		}
		return nil, &Error{contract.ExitData, list("columns", problems)}
	}
	for _, in := range binding.Inputs() {
		p.layout.Inputs = append(p.layout.Inputs, table.Input{Name: in.Name, Index: in.Index, As: as(in.Want)})
	}
	return p, nil
}

// shownHeader lists the columns, unless values are not to be shown: where a header is
// missing, they are a record.
func shownHeader(header []string, show bool) string {
	const most = 20 // names to show
	switch {
	case !show && len(header) == 1:
		return "1 column (--show-values names it)"
	case !show:
		return fmt.Sprintf("%d columns (--show-values names them)", len(header))
	case len(header) > most:
		return fmt.Sprintf("%s and %d more", quoteAll(header[:most]), len(header)-most)
	}
	return quoteAll(header)
}

// otherDelimiters names what may separate the fields of a header in place of the
// delimiter, with which it is a single column; "" for nothing.
func otherDelimiters(header []string, d table.Dialect) string {
	if len(header) != 1 || d.JSON {
		return ""
	}
	var found []string
	for _, c := range []string{",", ";", "\t", "|"} {
		if c != string(rune(d.Delimiter)) && strings.Contains(header[0], c) {
			found = append(found, strconv.Quote(c))
		}
	}
	return strings.Join(found, ", ")
}

// takeFigures makes columns such that what is neither a number nor true or false
// makes its record useless. It is false if none of them is one whose kind is as
// found.
func (p *plan) takeFigures(names []string) bool {
	changed := false
	for i := range p.layout.Inputs {
		in := &p.layout.Inputs[i]
		if in.As == table.AsFound && slices.Contains(names, in.Name) {
			in.As, changed = table.AsFigures, true
		}
	}
	return changed
}

// keys are the columns of JSON lines, of whose first record the keys are first.
// A key that is missing there may come later if the model knows its columns by
// their names; unseen tells whether it did. Otherwise the first record has them
// all, in order.
func keys(m *model.Model, first []string, s Settings) []string {
	names, named := m.Features()
	if !named {
		return first
	}
	all := slices.Clone(first)
	known := map[string]bool{}
	for _, name := range first {
		known[name] = true
	}
	for _, name := range slices.Concat(names, s.Keep) {
		if !known[name] {
			known[name] = true
			all = append(all, name)
		}
	}
	return all
}

// unseen reports the wanted columns that no record had.
func (p *plan) unseen(seen []bool) error {
	if !p.layout.Dialect.JSON {
		return nil
	}
	var names []string
	for field, name := range p.layout.Names {
		wanted := slices.Contains(p.layout.Keep, field) ||
			slices.ContainsFunc(p.layout.Inputs, func(in table.Input) bool { return in.Index == field })
		if wanted && !seen[field] {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return fail(contract.ExitData, "columns: %s in no record of the input", quoteAll(names))
}

func as(w model.Want) table.As {
	switch w {
	case model.Bool:
		return table.AsBool
	case model.Texts:
		return table.AsText
	case model.Infer:
		return table.AsFound
	}
	return table.AsNumber
}

// header is the first line of the result: the kept columns, then the model's.
func (p *plan) header(names []string) ([]string, error) {
	var both []string
	for _, name := range p.keep {
		if slices.Contains(names, name) {
			both = append(both, name)
		}
	}
	if len(both) > 0 {
		return nil, fail(contract.ExitData, "columns: %s to keep also made by the model; keep another column or rename it in the input", quoteAll(both))
	}
	return slices.Concat(p.keep, names), nil
}

func quoteAll(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = fmt.Sprintf("%q", n)
	}
	return strings.Join(quoted, ", ")
}
