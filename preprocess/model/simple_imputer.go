package model

import (
	"math"
	"slices"
	"strconv"

	"ds-pipeline/preprocess/frame"
	"ds-pipeline/preprocess/pickle"
)

// SimpleImputer fills the missing cells of a column with one value:
//
//	y[i] = Statistics[i] if x[i] is missing, else x[i]
//
// A column without any value when fitted has a missing statistic and is
// dropped, unless KeepEmpty is set. With an
// Indicator, columns follow that say whether those inputs were missing.
// See sklearn.impute.SimpleImputer.
type SimpleImputer struct {
	head
	mixture
	Strategy   string `json:"strategy"` // mean, median, most_frequent or constant
	Missing    Cell   `json:"missing_values"`
	Statistics []Cell `json:"statistics"`
	// DType is the dtype of the data it was fitted on: float64, float32, int64
	// or object. Object data keeps the type of every cell.
	DType string `json:"dtype"`
	// KeepEmpty is keep_empty_features; before scikit-learn 1.8 the constant
	// strategy always kept them.
	KeepEmpty bool `json:"keep_empty_features,omitempty"`
	// Indicator lists the inputs that get an indicator column.
	Indicator []int `json:"indicator,omitempty"`

	asNumbers []bool // of the inputs, set by needs: what follows takes numbers
}

func (s *SimpleImputer) read(a *attrs) {
	a.ignore("fill_value", "_fill_dtype")
	s.Strategy = a.option("strategy", "", "mean", "median", "most_frequent", "constant")
	s.Missing = a.missingValues()
	s.CommonType = a.commonType()
	s.KeepEmpty = a.flag("keep_empty_features", false)
	if s.Strategy == "constant" && a.before(1, 8) {
		s.KeepEmpty = true
	}

	if v, ok := a.must("statistics_"); ok {
		arr, isArr := v.(*pickle.Array)
		if !isArr || len(arr.Shape) != 1 || arr.Shape[0] > MaxColumns {
			a.fail("statistics_: got %s, want an array of one dimension", pickle.Describe(v))
			return
		}
		if !a.im.room(arr.Len(), cellCost) {
			return
		}
		vals, err := arr.Values()
		if err != nil {
			a.fail("statistics_: %v", err)
			return
		}
		s.Statistics = make([]Cell, len(vals))
		for i, v := range vals {
			if s.Statistics[i], err = toCell(v); err != nil {
				a.fail("statistics_: item %d: %v", i, err)
			}
		}
		s.DType = dataDType(arr.DType)
	}
	if v, ok := a.get("_fit_dtype"); ok {
		switch d := v.(type) {
		case *pickle.DType:
			s.DType = dataDType(*d)
		case pickle.DType:
			s.DType = dataDType(d)
		default:
			a.fail("_fit_dtype: got %s, want a dtype", pickle.Describe(v))
		}
	}
	if a.flag("add_indicator", false) {
		v, _ := a.must("indicator_")
		o, ok := v.(*pickle.Object)
		if !ok || o.Class.Name != "MissingIndicator" {
			a.fail("indicator_: got %s, want a MissingIndicator", pickle.Describe(v))
		} else if f, ok := o.Attr("features_"); !ok {
			a.fail("indicator_: features_: %v", errNotFitted)
		} else {
			s.Indicator = a.indices("indicator_: features_", f)
		}
	}
	a.ignore("indicator_")
	s.fixWidth(len(s.Statistics))
}

// missingValues is the missing_values parameter.
func (a *attrs) missingValues() Cell {
	v, ok := a.get("missing_values")
	if !ok {
		return Cell{math.NaN()}
	}
	if isPandasNA(v) {
		return Cell{math.NaN()} // both mean whatever pandas.isna says
	}
	c, err := toCell(v)
	if err != nil {
		a.fail("missing_values: %v", err)
	}
	return c
}

// dataDType is the dtype that arrays of such data have in a step: whole
// numbers are int64, text is object.
func dataDType(d pickle.DType) string {
	switch d.Kind {
	case 'f':
		if d.Size == 4 {
			return "float32"
		}
		return "float64"
	case 'i', 'u':
		return "int64"
	}
	return "object"
}

func (s *SimpleImputer) outputs(in int) (int, error) {
	if err := s.checkHead(in); err != nil {
		return 0, err
	}
	if err := s.checkLen("statistics", len(s.Statistics), in); err != nil {
		return 0, err
	}
	switch s.Strategy {
	case "mean", "median", "most_frequent", "constant":
	default:
		return 0, s.errorf("strategy: got %q, want mean, median, most_frequent or constant", s.Strategy)
	}
	switch s.DType {
	case "float64", "float32", "int64":
		for i, c := range s.Statistics {
			if _, ok := c.number(); !ok {
				return 0, s.errorf("statistics: item %d is %s, want a number", i, c.text(64))
			}
		}
		if _, ok := s.Missing.number(); !ok && s.Missing.V != nil {
			return 0, s.errorf("missing_values: got a text, want a number, as the data are")
		}
	case "object":
		if s.numeric() {
			return 0, s.errorf("dtype: got object, want a number type for strategy %s", s.Strategy)
		}
	default:
		return 0, s.errorf("dtype: got %q, want float64, float32, int64 or object", s.DType)
	}
	last := -1
	for _, f := range s.Indicator {
		if f <= last || f >= in {
			return 0, s.errorf("indicator: column %d, want ascending columns below %d", f, in)
		}
		last = f
	}
	return len(s.kept()) + len(s.Indicator), nil
}

// numeric says whether the data are converted to floats first.
func (s *SimpleImputer) numeric() bool { return s.Strategy == "mean" || s.Strategy == "median" }

// kept lists the inputs that are not dropped.
func (s *SimpleImputer) kept() []int {
	kept := make([]int, 0, len(s.Statistics))
	for i, c := range s.Statistics {
		if f, ok := c.V.(float64); ok && math.IsNaN(f) && !s.KeepEmpty {
			continue
		}
		kept = append(kept, i)
	}
	return kept
}

// With an indicator, the columns that it leaves out had no missing cells.
func (s *SimpleImputer) remember(i int, n *note) {
	if !s.Missing.missing() {
		return
	}
	fill, ok := s.Statistics[i].number()
	switch {
	case ok && s.Strategy == "mean":
		n.fact(&n.reference.Mean, fill)
	case ok && s.Strategy == "median":
		n.fact(&n.reference.Median, fill)
	}
	if ok && !n.filled && n.reference.Fill == nil && finite(fill) {
		n.reference.Fill = &frame.Fact{Value: fill, Step: n.step}
	}
	if s.Indicator != nil && !slices.Contains(s.Indicator, i) {
		n.complete()
	}
}

// fillIn is what later steps see of the columns.
func (s *SimpleImputer) fillIn(in []*sighting) []*sighting {
	out := make([]*sighting, 0, len(in)+len(s.Indicator))
	for _, i := range s.kept() {
		c := in[i]
		switch {
		case c == nil || c.filled:
		case !s.Missing.missing():
			c = nil // other cells than the missing ones are replaced
		default:
			fill, ok := s.Statistics[i].number()
			if !ok {
				fill = math.NaN()
			}
			c = &sighting{reference: c.reference, filled: true, fill: fill}
		}
		out = append(out, c)
	}
	return append(out, make([]*sighting, len(s.Indicator))...)
}

func (s *SimpleImputer) needs(in int, down []Want) []Want {
	wants := same(in, Number)
	if s.numeric() {
		return wants
	}
	for i := range wants {
		wants[i] = Infer
		if _, ok := s.Statistics[i].V.(string); ok {
			wants[i] = Texts // also of numbers, which then print as they stand
		}
	}
	s.asNumbers = make([]bool, in)
	for j, i := range s.kept() {
		s.asNumbers[i] = down[j] == Number
		switch d := down[j]; d {
		case Number, Bool, Texts:
			wants[i] = d
		}
	}
	return wants
}

func (s *SimpleImputer) names(in []string) []string {
	names := make([]string, 0, len(in)+len(s.Indicator))
	for _, i := range s.kept() {
		names = append(names, in[i])
	}
	for _, i := range s.Indicator {
		names = append(names, "missingindicator_"+in[i])
	}
	return names
}

func (s *SimpleImputer) compile(b *builder, in matrix) matrix {
	m := b.imputable(s, s.mixture, b.plain(in), s.DType, s.numeric())
	if len(b.errs) > 0 {
		return m
	}
	nan := s.Missing.V != nil && s.Missing.missing()
	for _, c := range m.cols {
		b.refuseMissing(s, c, s.Missing, nan)
	}
	out := matrix{sparse: in.sparse, bare: m.dtype()}
	for _, i := range s.kept() {
		c, fill := m.cols[i], s.Statistics[i]
		if _, isBool := fill.V.(bool); c.kind == frame.Bool && !isBool && i < len(s.asNumbers) && s.asNumbers[i] {
			if _, isNumber := fill.number(); isNumber { // among True and False, which then count as 1 and 0
				c = b.cast(c, dtFloat64)
			}
		}
		out.cols = append(out.cols, b.impute(s, c, s.Missing, fill))
	}
	if len(s.Indicator) == 0 {
		return out
	}
	ind := matrix{}
	for _, i := range s.Indicator {
		ind.cols = append(ind.cols, b.isMissing(m.cols[i], s.Missing))
	}
	return b.stack([]matrix{out, ind}, false)
}

// imputable is m as the imputers see it: an array of floats where they
// calculate, of objects where they were fitted on such, else as it comes.
func (b *builder) imputable(s step, mix mixture, m matrix, dtype string, numeric bool) matrix {
	switch {
	case numeric:
		return b.numbers(s, b.narrowed(m, dtype))
	case dtype == "object":
		out := matrix{}
		for _, c := range m.cols {
			out.cols = append(out.cols, b.cast(c, dtObject))
		}
		return out
	}
	m = mix.common(b, b.narrowed(m, dtype)).array(b)
	if m.dtype().kind == 'b' {
		b.fail(s, "does not take columns of True and False alone")
	}
	return m
}

// refuseMissing refuses what check_array does: infinities, and NaN unless NaN
// is what stands for missing.
func (b *builder) refuseMissing(s step, c col, missing Cell, nan bool) {
	if c.dt.kind != 'O' {
		b.checked(s.header().Class, c, nan)
		return
	}
	if nan || missing.V == nil {
		return
	}
	b.add(mustBePresent{in: c.reg, column: c.from, class: s.header().Class})
}

// mustBePresent refuses missing cells of any kind.
type mustBePresent struct {
	in     int
	column string
	class  string
}

func (o mustBePresent) run(w *Worker, rows int) {
	c := &w.regs[o.in]
	for i := range rows {
		if missingAt(c, i) {
			w.refuse(i, o.column, "", "is missing, which "+o.class+" refuses")
		}
	}
}

func missingAt(c *frame.Column, i int) bool {
	switch {
	case c.Hot != nil:
		return false
	case c.Kind == frame.Float || c.Kind == frame.Float32:
		return math.IsNaN(c.Floats[i])
	case c.Kind == frame.Bool:
		return c.Ints[i] < 0
	case c.Kind == frame.Text:
		return c.Texts[i] == nil
	}
	return false
}

// impute is column c with missing cells filled.
func (b *builder) impute(s step, c col, missing, fill Cell) col {
	nan := missing.missing()
	number, isNumber := missing.number()
	text, isText := missing.V.(string)
	switch c.kind {
	case frame.Float, frame.Float32:
		f, ok := fill.number()
		if isText {
			return c
		}
		out := b.derived(c, c.dt)
		out.kind = c.kind
		b.regs[out.reg] = c.kind
		if c.kind == frame.Float32 {
			f = float64(float32(f))
		}
		b.add(fillFloat{in: c.reg, out: out.reg, nan: nan, missing: number, fill: f, refuse: !ok, column: c.from})
		return out
	case frame.Int:
		f, ok := fill.number()
		if nan || !isNumber {
			return c
		}
		if !ok || f != f || f-f != 0 {
			b.fail(s, "column %q holds whole numbers and cannot be filled with %q", c.from, fill.text(64))
			return c
		}
		to := int64(f)
		if v, ok := fill.V.(int64); ok {
			to = v
		}
		out := b.derived(c, c.dt)
		out.kind = frame.Int
		b.regs[out.reg] = frame.Int
		b.add(fillInt{in: c.reg, out: out.reg, missing: number, fill: to})
		return out
	case frame.Bool:
		out := b.derived(c, c.dt)
		out.kind = frame.Bool
		b.regs[out.reg] = frame.Bool
		v, ok := fill.V.(bool)
		if isText || !nan {
			if isNumber {
				b.fail(s, "column %q holds True and False, and missing_values is a number", c.from)
			}
			return c
		}
		o := fillInt{in: c.reg, out: out.reg, missing: -1, refuse: !ok, column: c.from}
		if v {
			o.fill = 1
		}
		b.add(o)
		return out
	}
	if isNumber && !nan {
		return c // no text equals a number
	}
	o := fillText{in: c.reg, nan: nan, missing: text, column: c.from}
	if !fill.missing() {
		o.fill = []byte(fill.text(64))
	}
	out := b.derived(c, c.dt)
	out.kind = frame.Text
	b.regs[out.reg] = frame.Text
	o.out = out.reg
	b.add(o)
	return out
}

type fillFloat struct {
	in, out       int
	nan           bool
	missing, fill float64
	refuse        bool // the fill is not a number
	column        string
}

func (o fillFloat) run(w *Worker, rows int) {
	to := floatsOf(&w.regs[o.out], rows)
	from := w.regs[o.in].Floats[:len(to)]
	fill := o.fill
	if o.nan {
		for i, v := range from {
			if v != v {
				v = fill
				if o.refuse {
					w.refuse(i, o.column, "", "is missing in a column of numbers, and the model would fill in text")
				}
			}
			to[i] = v
		}
		return
	}
	for i, v := range from {
		if v == o.missing {
			v = fill
			if o.refuse {
				w.refuse(i, o.column, "", "is missing in a column of numbers, and the model would fill in text")
			}
		}
		to[i] = v
	}
}

type fillInt struct {
	in, out int
	missing float64
	fill    int64
	refuse  bool
	column  string
}

func (o fillInt) run(w *Worker, rows int) {
	to := intsOf(&w.regs[o.out], rows)
	for i, v := range w.regs[o.in].Ints[:len(to)] {
		if float64(v) == o.missing {
			v = o.fill
			if o.refuse {
				w.refuse(i, o.column, "", "is missing in a column of true and false, and the model would fill in something else")
			}
		}
		to[i] = v
	}
}

type fillText struct {
	in, out int
	nan     bool
	missing string
	fill    []byte
	column  string
}

func (o fillText) run(w *Worker, rows int) {
	to := textsOf(&w.regs[o.out], rows)
	from := w.regs[o.in].Texts[:len(to)]
	if o.nan {
		for i, v := range from {
			if v == nil {
				v = o.fill
			}
			to[i] = v
		}
		return
	}
	for i, v := range from {
		if v != nil && string(v) == o.missing {
			v = o.fill
		}
		to[i] = v
	}
}

// isMissing is a column of True where c is missing.
func (b *builder) isMissing(c col, missing Cell) col {
	out := b.derived(c, dtBool)
	o := findMissing{in: c.reg, out: out.reg, nan: missing.missing()}
	o.number, o.isNumber = missing.number()
	o.text, o.isText = missing.V.(string)
	b.add(o)
	return out
}

type findMissing struct {
	in, out          int
	nan              bool
	number           float64
	text             string
	isNumber, isText bool
}

func (o findMissing) run(w *Worker, rows int) {
	to := intsOf(&w.regs[o.out], rows)
	clear(to)
	c := &w.regs[o.in]
	if o.nan {
		for i := range to {
			if missingAt(c, i) {
				to[i] = 1
			}
		}
		return
	}
	switch {
	case c.Kind == frame.Text && o.isText:
		for i, v := range c.Texts[:rows] {
			if v != nil && string(v) == o.text {
				to[i] = 1
			}
		}
	case (c.Kind == frame.Float || c.Kind == frame.Float32) && o.isNumber:
		for i, v := range c.Floats[:rows] {
			if v == o.number {
				to[i] = 1
			}
		}
	case (c.Kind == frame.Int || c.Kind == frame.Bool) && o.isNumber:
		for i, v := range c.Ints[:rows] {
			if float64(v) == o.number {
				to[i] = 1
			}
		}
	}
}

func (s *SimpleImputer) describe(o *outline) {
	fills := make([]string, len(s.Statistics))
	for i, c := range s.Statistics {
		fills[i] = c.text(64)
		if _, ok := c.V.(string); ok {
			fills[i] = strconv.Quote(fills[i])
		}
		fills[i] = o.column(i) + ": " + fills[i]
	}
	missing := "missing cells"
	if !s.Missing.missing() {
		missing = "cells that are " + s.Missing.text(64)
	}
	o.line("SimpleImputer: fill %s by %s: %s", missing, s.Strategy, some(fills))
	if len(s.Indicator) > 0 {
		o.line("  and add whether each was missing: %s", o.columns(s.Indicator))
	}
}
