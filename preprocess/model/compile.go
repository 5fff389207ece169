package model

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"ds-pipeline/preprocess/frame"
)

// maxRegisters bounds the columns, intermediate ones included, of a program,
// and maxWork how often steps are given one.
const (
	maxRegisters = 250_000
	maxWork      = 2_000_000
)

// builder collects a program: operations on registers, each a column of the
// batch. A register is written once, by the operation that made it, or is one
// of the inputs, which come first.
type builder struct {
	inputs int
	regs   []frame.Kind
	ops    []op
	errs   []error
	finite map[int]finiteness // what is known of a register
}

// op is one operation of a program. Operations are shared by all workers and
// keep no state.
type op interface {
	run(w *Worker, rows int)
}

type finiteness uint8

const (
	noInf finiteness = iota + 1
	noInfNoNaN
)

// col is a column, or a run of adjacent one-hot columns, as it is known before
// the data.
type col struct {
	reg  int // -1: not read
	kind frame.Kind
	dt   dtype
	hot  int    // how many one-hot columns, 0 for an ordinary column
	from string // the input column it was made from, "" for several
	// loose says why the column may be of int64 in scikit-learn, of the same
	// values; it is of float64 here. "" if it is not so.
	loose string
}

// matrix is what flows from step to step: a DataFrame, whose columns have
// their own dtypes, or an array, all of whose cells share one.
type matrix struct {
	cols   []col
	frame  bool
	sparse bool
	bare   dtype // of an array without columns; float64 if not set
}

func (m matrix) width() int {
	n := 0
	for _, c := range m.cols {
		n += c.width()
	}
	return n
}

func (c col) width() int {
	if c.hot > 0 {
		return c.hot
	}
	return 1
}

// dtype is the dtype of the matrix as an array.
func (m matrix) dtype() dtype {
	if len(m.cols) == 0 && m.bare.kind != 0 {
		return m.bare
	}
	ds := make([]dtype, len(m.cols))
	for i, c := range m.cols {
		ds[i] = c.dt
	}
	return interleave(ds)
}

// strict is the dtype of the matrix as an array, if what is loose in it is of int64.
func (m matrix) strict() dtype {
	n := m
	n.cols = slices.Clone(m.cols)
	for i := range n.cols {
		if n.cols[i].loose != "" {
			n.cols[i].dt = dtInt64
		}
	}
	return n.dtype()
}

// loosened makes an array loose if its dtype is: if it is another when what is loose in
// it is of int64. In an array of objects every cell keeps its own type.
func loosened(cols []col, dt, strict dtype) {
	why := ""
	for _, c := range cols {
		if why == "" {
			why = c.loose
		}
	}
	for i := range cols {
		switch {
		case dt == strict && dt.kind != 'O':
			cols[i].loose = ""
		case dt != strict:
			cols[i].loose = why
		}
	}
}

// settle is the input of a step. One that takes any numbers as floats takes what is
// loose; others are not given it.
func (b *builder) settle(s step, in matrix) matrix {
	isLoose := func(c col) bool { return c.loose != "" }
	if !slices.ContainsFunc(in.cols, isLoose) {
		return in
	}
	switch s := s.(type) {
	case *passthrough, *Pipeline, *ColumnTransformer, *FeatureUnion:
		return in // their steps settle it
	case *FunctionTransformer:
		if s.Func == "" && !s.Validate {
			return in
		}
	}
	places := in.places()
	n, err := s.outputs(len(places))
	if err != nil {
		b.errs = append(b.errs, err)
		return in
	}
	in.cols = slices.Clone(in.cols)
	for k, w := range s.needs(len(places), same(n, Infer)) {
		c := &in.cols[places[k].col]
		if c.loose != "" && w != Number && w != unused {
			b.failLoose(s, *c)
		}
		c.loose = ""
	}
	return in
}

// failLoose records that the type of a column is not known.
func (b *builder) failLoose(s step, c col) {
	b.fail(s, "column %q holds whole numbers: %s", c.from, c.loose)
}

// fail records that the step cannot be compiled.
func (b *builder) fail(s step, format string, args ...any) {
	switch {
	case len(b.errs) < maxProblems:
		b.errs = append(b.errs, s.header().errorf(format, args...))
	case len(b.errs) == maxProblems:
		b.errs = append(b.errs, errMore)
	}
}

// maxProblems is how many problems are told; errMore stands for the others.
const maxProblems = 20

var errMore = errors.New("and more")

// TextError says that a step takes numbers, but a column of the input holds text.
type TextError struct {
	Column string // "" for one that was made of several
	err    error
}

func (e *TextError) Error() string { return e.err.Error() }
func (e *TextError) Unwrap() error { return e.err }

// failText records that the step takes numbers, and not the text of c.
func (b *builder) failText(s step, c col, want string) {
	n := len(b.errs)
	b.fail(s, "column %q holds text, want %s", c.from, want)
	if len(b.errs) > n && n < maxProblems {
		b.errs[n] = &TextError{c.from, b.errs[n]}
	}
}

// TextColumns are the columns of the input that would have to hold numbers for
// Compile to succeed; nil if it failed for other reasons as well. There may be
// more.
func TextColumns(err error) []string {
	var all []string
	list, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return nil
	}
	for _, one := range list.Unwrap() {
		var text *TextError
		switch {
		case errors.Is(one, errMore):
		case errors.As(one, &text) && text.Column != "":
			all = append(all, text.Column)
		default:
			return nil
		}
	}
	return all
}

func (h *head) errorf(format string, args ...any) error {
	return fmt.Errorf("%s: "+format, append([]any{h.Class}, args...)...)
}

// reg makes a register.
func (b *builder) reg(k frame.Kind) int {
	if len(b.regs) >= maxRegisters {
		if len(b.errs) == 0 {
			b.errs = append(b.errs, fmt.Errorf("the model needs more than %d columns, intermediate ones included", maxRegisters))
		}
		return 0
	}
	b.regs = append(b.regs, k)
	return len(b.regs) - 1
}

func (b *builder) add(o op) {
	if len(b.errs) == 0 {
		b.ops = append(b.ops, o)
	}
}

// derived is a new column of that dtype made from c.
func (b *builder) derived(c col, dt dtype) col {
	k := dt.cells()
	return col{reg: b.reg(k), kind: k, dt: dt, from: c.from}
}

// array is the matrix as an array: every column of the common dtype.
func (m matrix) array(b *builder) matrix {
	dt := m.dtype()
	out := matrix{cols: make([]col, len(m.cols)), sparse: m.sparse}
	for i, c := range m.cols {
		out.cols[i] = b.cast(c, dt)
	}
	loosened(out.cols, dt, m.strict())
	return out
}

// cast is column c with cells of dtype dt. Cells keep their kind in an array
// of objects, as Python objects keep their type.
func (b *builder) cast(c col, dt dtype) col {
	if c.dt == dt {
		return c
	}
	if dt.kind == 'O' {
		if c.kind == frame.Float32 { // a Python float has no short form
			c = b.cast(c, dtFloat64)
		}
		c.dt = dt
		return c
	}
	k := dt.cells()
	if c.reg < 0 || k == c.kind {
		c.dt, c.kind = dt, k
		return c
	}
	if c.hot > 0 { // 0 and 1 in any type
		out := c
		out.reg, out.kind, out.dt = b.reg(k), k, dt
		b.add(rekind{c.reg, out.reg})
		return out
	}
	out := b.derived(c, dt)
	b.add(convert{in: c.reg, out: out.reg, column: c.from})
	return out
}

// rekind renames the kind of a one-hot column.
type rekind struct{ in, out int }

func (o rekind) run(w *Worker, _ int) {
	w.regs[o.out].Hot = w.regs[o.in].Hot
}

// convert changes the kind of number. Bool to a number has NaN for missing.
type convert struct {
	in, out int
	column  string
}

func (o convert) run(w *Worker, rows int) {
	in, out := &w.regs[o.in], &w.regs[o.out]
	switch out.Kind {
	case frame.Float, frame.Float32:
		to := floatsOf(out, rows)
		switch in.Kind {
		case frame.Float, frame.Float32:
			copy(to, in.Floats[:rows])
		case frame.Bool:
			for i, v := range in.Ints[:rows] {
				to[i] = float64(v)
				if v < 0 {
					to[i] = math.NaN()
				}
			}
		default:
			for i, v := range in.Ints[:rows] {
				to[i] = float64(v)
			}
		}
		if out.Kind == frame.Float32 {
			for i, v := range to {
				to[i] = float64(float32(v))
			}
		}
	default:
		to := intsOf(out, rows)
		for i, v := range in.Ints[:rows] {
			to[i] = v
			if v < 0 && in.Kind == frame.Bool {
				w.refuse(i, o.column, "", "is missing, and the model makes whole numbers of it")
			}
		}
	}
}

// numbers is the matrix as scikit-learn's check_array(dtype=FLOAT_DTYPES) makes
// it: plain columns of float32 if all are, else of float64. Text is refused.
func (b *builder) numbers(s step, m matrix) matrix {
	dt := dtFloat64
	all32 := len(m.cols) > 0
	for _, c := range m.cols {
		if c.kind == frame.Text && c.reg >= 0 {
			b.failText(s, c, "numbers")
		}
		all32 = all32 && c.dt == dtFloat32
	}
	if len(b.errs) > 0 {
		return m
	}
	if all32 {
		dt = dtFloat32
	}
	out := matrix{cols: make([]col, 0, len(m.cols)), sparse: m.sparse}
	for _, c := range b.plain(m).cols {
		out.cols = append(out.cols, b.cast(c, dt))
	}
	return out
}

// plain is the matrix without one-hot runs: each is expanded.
func (b *builder) plain(m matrix) matrix {
	runs := false
	for _, c := range m.cols {
		runs = runs || c.hot > 0
	}
	if !runs {
		return m
	}
	out := matrix{cols: make([]col, 0, m.width()), frame: m.frame, sparse: m.sparse}
	for _, c := range m.cols {
		if c.hot == 0 {
			out.cols = append(out.cols, c)
			continue
		}
		o := expand{in: c.reg}
		for range c.hot {
			r := b.reg(c.kind)
			o.out = append(o.out, r)
			out.cols = append(out.cols, col{reg: r, kind: c.kind, dt: c.dt, from: c.from})
		}
		b.add(o)
	}
	return out
}

// expand writes a one-hot run out as columns of 0 and 1.
type expand struct {
	in  int
	out []int
}

func (o expand) run(w *Worker, rows int) {
	hot := w.regs[o.in].Hot[:rows]
	for _, r := range o.out {
		if out := &w.regs[r]; out.Kind == frame.Float || out.Kind == frame.Float32 {
			clear(floatsOf(out, rows))
		} else {
			clear(intsOf(out, rows))
		}
	}
	if len(o.out) == 0 {
		return
	}
	floats := w.regs[o.out[0]].Kind == frame.Float || w.regs[o.out[0]].Kind == frame.Float32
	for i, h := range hot {
		switch {
		case h < 0:
		case floats:
			w.regs[o.out[h]].Floats[i] = 1
		default:
			w.regs[o.out[h]].Ints[i] = 1
		}
	}
}

// place is a column of a matrix: an ordinary one, or one within a one-hot run.
type place struct{ col, within int }

// places lists the columns of m.
func (m matrix) places() []place {
	places := make([]place, 0, m.width())
	for i, c := range m.cols {
		for j := range c.width() {
			places = append(places, place{i, j})
		}
	}
	return places
}

// take is the columns of m at those of its places, in that order.
func (b *builder) take(m matrix, places []place, at []int) matrix {
	out := matrix{frame: m.frame, sparse: m.sparse}
	if len(at) == 0 {
		out.bare = m.dtype()
	}
	for i := 0; i < len(at); {
		p := places[at[i]]
		c := m.cols[p.col]
		i++
		if c.hot == 0 {
			out.cols = append(out.cols, c)
			continue
		}
		// The longest stretch out of this run, no column twice.
		to := make([]int32, c.hot)
		for k := range to {
			to[k] = -1
		}
		to[p.within] = 0
		n := 1
		for ; i < len(at); i++ {
			q := places[at[i]]
			if q.col != p.col || to[q.within] >= 0 {
				break
			}
			to[q.within] = int32(n)
			n++
		}
		if n == c.hot && ascending(to) {
			out.cols = append(out.cols, c)
			continue
		}
		sub := c
		sub.reg, sub.hot = b.reg(c.kind), n
		b.add(remap{in: c.reg, out: sub.reg, to: to})
		out.cols = append(out.cols, sub)
	}
	return out
}

func ascending(to []int32) bool {
	for i, v := range to {
		if int(v) != i {
			return false
		}
	}
	return true
}

// remap renumbers a one-hot run.
type remap struct {
	in, out int
	to      []int32
}

func (o remap) run(w *Worker, rows int) {
	to := hotOf(&w.regs[o.out], rows)
	for i, h := range w.regs[o.in].Hot[:rows] {
		to[i] = -1
		if h >= 0 {
			to[i] = o.to[h]
		}
	}
}

// stack puts matrices side by side as ColumnTransformer and FeatureUnion do:
// DataFrames keep the dtypes of their columns if all are DataFrames and the
// caller asks for one. Otherwise each becomes an array, and then all is promoted
// to one dtype, of which parts without columns have a say too.
func (b *builder) stack(parts []matrix, frames bool) matrix {
	var out matrix
	all := true
	var dt, strict dtype
	for _, p := range parts {
		out.sparse = out.sparse || p.sparse
		all = all && p.frame
		if pt := p.dtype(); dt.kind == 0 {
			dt, strict = pt, p.strict()
		} else {
			dt, strict = promote(dt, pt), promote(strict, p.strict())
		}
	}
	out.frame = frames && all
	for _, p := range parts {
		if !out.frame {
			p = p.array(b)
			for i, c := range p.cols {
				p.cols[i] = b.cast(c, dt)
			}
			out.bare = dt
		}
		out.cols = append(out.cols, p.cols...)
	}
	if !out.frame {
		loosened(out.cols, dt, strict)
	}
	return out
}

// checked makes sure that scikit-learn would not raise on a column: on
// infinities, and on NaN unless allowed.
func (b *builder) checked(class string, c col, allowNaN bool) {
	if c.reg < 0 || c.hot > 0 || c.kind != frame.Float && c.kind != frame.Float32 {
		return
	}
	want := noInfNoNaN
	if allowNaN {
		want = noInf
	}
	if b.finite[c.reg] >= want {
		return
	}
	if b.finite == nil {
		b.finite = make(map[int]finiteness)
	}
	b.finite[c.reg] = want
	b.add(mustBeFinite{in: c.reg, column: c.from, class: class, allowNaN: allowNaN})
}

// allChecked is checked for every column.
func (b *builder) allChecked(class string, m matrix, allowNaN bool) {
	for _, c := range m.cols {
		b.checked(class, c, allowNaN)
	}
}

type mustBeFinite struct {
	in       int
	column   string
	class    string
	allowNaN bool
}

func (o mustBeFinite) run(w *Worker, rows int) {
	for i, v := range w.regs[o.in].Floats[:rows] {
		if v-v == 0 {
			continue
		}
		if v == v {
			w.refuse(i, o.column, pyFloat(v, 64), "is infinite, which "+o.class+" refuses")
		} else if !o.allowNaN {
			w.refuse(i, o.column, "", "is missing, which "+o.class+" refuses")
		}
	}
}

// floatsOf is the column's memory for that many floats.
func floatsOf(c *frame.Column, rows int) []float64 {
	if cap(c.Floats) < rows {
		c.Floats = make([]float64, rows)
	}
	c.Floats = c.Floats[:rows]
	return c.Floats
}

func intsOf(c *frame.Column, rows int) []int64 {
	if cap(c.Ints) < rows {
		c.Ints = make([]int64, rows)
	}
	c.Ints = c.Ints[:rows]
	return c.Ints
}

func textsOf(c *frame.Column, rows int) [][]byte {
	if cap(c.Texts) < rows {
		c.Texts = make([][]byte, rows)
	}
	c.Texts = c.Texts[:rows]
	return c.Texts
}

func hotOf(c *frame.Column, rows int) []int32 {
	if cap(c.Hot) < rows || c.Hot == nil {
		c.Hot = make([]int32, rows, max(rows, 1))
	}
	c.Hot = c.Hot[:rows]
	return c.Hot
}
