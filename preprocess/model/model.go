// Package model turns a fitted scikit-learn preprocessing model into a program
// over columns, and refuses by name what it cannot reproduce exactly.
//
//	bytes ──Load──► Model ──Bind(header)──► Binding ──Compile(kinds)──► Program ──► Worker.Apply
//
// Each step is a plain struct in the file named after its scikit-learn class;
// that file holds its formula, how it is read from a pickle, how it is checked
// and how it is compiled. Nothing in a model is ever executed.
package model

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"ds-pipeline/preprocess/frame"
)

// Want is how a column's cells must be read.
type Want uint8

// Ways to read a column.
const (
	unused Want = iota

	// Number cells are float64. A column that holds nothing but true and false
	// counts as 1 and 0, as in numpy; its kind is then Bool.
	Number
	// Bool cells are true or false, in any case.
	Bool
	// Texts are taken as they stand, also when they look like numbers.
	Texts
	// Infer leaves the kind to the data: what pandas.read_csv would find.
	Infer
)

// String is the want in words, for messages.
func (w Want) String() string {
	switch w {
	case Number:
		return "number"
	case Bool:
		return "true or false"
	case Texts:
		return "text"
	case Infer:
		return "as found"
	}
	return "unused"
}

// MaxColumns bounds the columns that a model, or any step in it, may take or
// produce. A model beyond it is refused.
const MaxColumns = 100_000

// Model is a fitted model: checked, but not yet bound to any input.
type Model struct {
	root     step
	version  string
	warnings []string
}

// Version is the scikit-learn version that wrote the model, "" if unknown.
func (m *Model) Version() string { return m.version }

// Warnings are doubts worth telling a person, such as an unknown version.
func (m *Model) Warnings() []string { return m.warnings }

// Features are the model's input features: the names it was fitted with
// (named), or x0, x1, ... for columns by position. Both are empty for a model
// that takes any number of columns.
func (m *Model) Features() (names []string, named bool) {
	if names := m.root.featureNames(); names != nil {
		return names, true
	}
	return positional(m.root.width()), false
}

// positional names n features as scikit-learn does when they have no names.
func positional(n int) []string {
	names := make([]string, 0, max(n, 0))
	for i := range n {
		names = append(names, fmt.Sprintf("x%d", i))
	}
	return names
}

// Input is one column the model reads.
type Input struct {
	Name  string // as in the header
	Index int    // position in the header, from 0
	Want  Want
}

// Binding is a Model whose columns were found in a header.
type Binding struct {
	model  *Model
	inputs []Input
	slot   []int    // per feature: its input, or -1 where the model does not read it
	names  []string // per feature
}

// Inputs lists the columns the model reads, each once.
func (b *Binding) Inputs() []Input { return b.inputs }

// workOf is how many columns the steps are given in all; beyond maxWork it
// stops counting.
func workOf(s step, in int) int {
	work := in + 1
	add := func(s step, in int) {
		if work <= maxWork {
			work += workOf(s, in)
		}
	}
	switch s := s.(type) {
	case *Pipeline:
		for _, st := range s.Steps {
			add(st.Step.step, in)
			in, _ = st.Step.outputs(in)
		}
	case *FeatureUnion:
		for _, p := range s.Transformers {
			add(p.Step.step, in)
		}
	case *ColumnTransformer:
		for _, br := range s.Transformers {
			add(br.Step.step, len(br.at))
		}
	}
	return work
}

// Bind finds the model's columns in a header: by name if the model has feature
// names, otherwise by position. It reports every missing column at once. A
// name that occurs twice means its first column, and name.1 the second, as
// pandas.read_csv names them. It must not be called by two goroutines at once.
func (m *Model) Bind(header []string) (*Binding, error) {
	names, named := m.Features()
	n := m.root.width()
	switch {
	case n >= 0:
	case named: // with no name at all
		n = len(names)
	default:
		n = len(header)
		names = header
	}
	if n > MaxColumns {
		return nil, fmt.Errorf("%d columns: want at most %d", n, MaxColumns)
	}
	if !named && n != len(header) {
		return nil, fmt.Errorf("the input has %d columns, and the model, fitted without column names, takes exactly %d: give it those, in that order", len(header), n)
	}
	out, err := m.root.outputs(n)
	if err != nil {
		return nil, err
	}
	if work := workOf(m.root, n); work > maxWork {
		return nil, fmt.Errorf("the steps of the model together take %d columns or more, want at most %d", work, maxWork)
	}
	down := make([]Want, out)
	for i := range down {
		down[i] = Infer
	}
	wants := m.root.needs(n, down)
	if m.fittedOnArray() {
		wants = ofArray(wants)
	}

	b := &Binding{model: m, slot: make([]int, n), names: names}
	index := headerIndex(header)
	var missing []string
	for i := range n {
		b.slot[i] = -1
		if wants[i] == unused {
			continue
		}
		at := i
		if named {
			var ok bool
			if at, ok = index[names[i]]; !ok {
				missing = append(missing, fmt.Sprintf("%q", names[i]))
				continue
			}
		}
		b.slot[i] = len(b.inputs)
		b.inputs = append(b.inputs, Input{Name: header[at], Index: at, Want: wants[i]})
	}
	if len(missing) > 0 {
		const show = 20
		more := ""
		if len(missing) > show {
			more = fmt.Sprintf(" and %d more", len(missing)-show)
			missing = missing[:show]
		}
		return nil, fmt.Errorf("the input lacks columns that the model was fitted with: %s%s", strings.Join(missing, ", "), more)
	}
	return b, nil
}

// headerIndex maps names to columns, duplicates named as pandas.read_csv does.
func headerIndex(header []string) map[string]int {
	index := make(map[string]int, len(header))
	for i, name := range header {
		if _, taken := index[name]; !taken {
			index[name] = i
		}
	}
	count := make(map[string]int)
	for i, name := range header {
		if index[name] == i {
			continue
		}
		for {
			count[name]++
			alias := fmt.Sprintf("%s.%d", name, count[name])
			if _, taken := index[alias]; !taken {
				index[alias] = i
				break
			}
		}
	}
	return index
}

// Compile fixes the kinds of the inputs, parallel to Inputs. A Number column
// is Float (or Int, or Bool), a Bool one Bool, a Texts one Text; an Infer
// column has the kind found in the data.
func (b *Binding) Compile(kinds []frame.Kind) (*Program, error) {
	if len(kinds) != len(b.inputs) {
		return nil, fmt.Errorf("got %d kinds for %d columns", len(kinds), len(b.inputs))
	}
	c := &builder{inputs: len(kinds)}
	for _, k := range kinds {
		if k > frame.BoolGaps {
			return nil, fmt.Errorf("unknown kind of column %d", k)
		}
		c.regs = append(c.regs, k.Cells())
	}
	in := matrix{frame: true}
	for i, at := range b.slot {
		if at < 0 {
			in.cols = append(in.cols, col{reg: -1, kind: frame.Float, dt: dtFloat64, from: b.names[i]})
			continue
		}
		in.cols = append(in.cols, col{reg: at, kind: kinds[at].Cells(), dt: dtypeOf(kinds[at]), from: b.inputs[at].Name})
	}
	if b.model.fittedOnArray() {
		in = in.array(c)
	}
	out := apply(c, b.model.root, in)
	for _, oc := range out.cols {
		if oc.loose != "" {
			c.failLoose(b.model.root, oc)
		}
	}
	if err := errors.Join(c.errs...); err != nil {
		return nil, err
	}
	names := b.model.root.names(b.names)
	if len(names) != out.width() {
		names = positional(out.width())
	}
	p := &Program{builder: c, names: names}
	for _, oc := range out.cols {
		if oc.reg < 0 {
			return nil, fmt.Errorf("a fault in this program: column %q is used but was not read", oc.from)
		}
		p.out = append(p.out, oc)
	}
	return p, nil
}

// fittedOnArray says whether scikit-learn is given an array, not a DataFrame.
// Before 1.0 only a ColumnTransformer kept the names that tell.
func (m *Model) fittedOnArray() bool {
	if m.root.featureNames() != nil {
		return false
	}
	major, _, ok := parseVersion(m.version)
	return !ok || major > 0 || m.root.header().Class == "ColumnTransformer"
}

// Program is a Model compiled for columns of known kinds. It is immutable and
// may be shared.
type Program struct {
	*builder
	names []string
	out   []col
}

// Shapes are the output columns as Apply gives them, without their cells: the
// Kind of each, and the Width of a run of indicator columns.
func (p *Program) Shapes() []frame.Column {
	shapes := make([]frame.Column, len(p.out))
	for i, c := range p.out {
		shapes[i] = frame.Column{Kind: p.regs[c.reg], Width: c.hot}
	}
	return shapes
}

// Names are the output columns, as get_feature_names_out() names them.
func (p *Program) Names() []string { return p.names }

// Worker applies a Program to one batch after the other. It owns scratch
// memory, so it is not safe for concurrent use; a Program may have many.
type Worker struct {
	program *Program
	regs    []frame.Column
	out     []frame.Column
	bad     []frame.RowError
	isBad   []bool
	hot     []int32
	floats  []float64
	err     error
}

// NewWorker makes a Worker.
func (p *Program) NewWorker() *Worker {
	w := &Worker{
		program: p,
		regs:    make([]frame.Column, len(p.regs)),
		out:     make([]frame.Column, len(p.out)),
	}
	for i, k := range p.regs {
		w.regs[i].Kind = k
	}
	for i, c := range p.out {
		w.out[i].Width = c.hot
	}
	return w
}

// Apply transforms a batch of rows. in is parallel to Inputs. The result
// aliases in and the worker's scratch and is valid until the next Apply.
//
// bad lists the rows that scikit-learn would refuse, ascending, each once, by
// the first reason found; their cells in out are meaningless. err means that the model
// cannot be applied at all.
func (w *Worker) Apply(in []frame.Column, rows int) (out []frame.Column, bad []frame.RowError, err error) {
	p := w.program
	if len(in) != p.inputs {
		return nil, nil, fmt.Errorf("got %d columns, want %d", len(in), p.inputs)
	}
	for i := range in {
		if in[i].Kind != p.regs[i] || in[i].Hot != nil || cells(&in[i]) < rows {
			return nil, nil, fmt.Errorf("column %d is not what the model was compiled for", i)
		}
		w.regs[i] = in[i]
	}
	w.reset(rows)
	for _, op := range p.ops {
		op.run(w, rows)
		if w.err != nil {
			return nil, nil, w.err
		}
	}
	for i, c := range p.out {
		w.out[i] = w.regs[c.reg]
		w.out[i].Width = c.hot
	}
	slices.SortFunc(w.bad, func(a, b frame.RowError) int { return a.Row - b.Row })
	return w.out, w.bad, nil
}

func (w *Worker) reset(rows int) {
	w.bad = w.bad[:0]
	w.err = nil
	if cap(w.isBad) < rows {
		w.isBad = make([]bool, rows)
	}
	w.isBad = w.isBad[:rows]
	clear(w.isBad)
}

// refuse marks a row as one that scikit-learn would raise on.
func (w *Worker) refuse(row int, column, value, reason string) {
	if w.isBad[row] {
		return
	}
	w.isBad[row] = true
	w.bad = append(w.bad, frame.RowError{Row: row, Column: column, Value: value, Reason: reason})
}

// cells is how many rows a column holds.
func cells(c *frame.Column) int {
	switch {
	case c.Hot != nil:
		return len(c.Hot)
	case c.Kind == frame.Float || c.Kind == frame.Float32:
		return len(c.Floats)
	case c.Kind == frame.Text:
		return len(c.Texts)
	}
	return len(c.Ints)
}

// codes is scratch for one code per row, valid until the next call.
func (w *Worker) codes(rows int) []int32 {
	if cap(w.hot) < rows {
		w.hot = make([]int32, rows)
	}
	return w.hot[:rows]
}

// scratch is scratch for one float per row, valid until the next call.
func (w *Worker) scratch(rows int) []float64 {
	if cap(w.floats) < rows {
		w.floats = make([]float64, rows)
	}
	return w.floats[:rows]
}
