package model

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"ds-pipeline/preprocess/frame"
	"ds-pipeline/preprocess/pickle"
)

// parameters are the arguments of a numpy function beside the columns. All results
// are those of numpy to the last bit; only of two zeros of different sign, which are
// equal, numpy's version decides which one clip, maximum and minimum give.
type parameters struct {
	// Lower is a_min of clip, and Upper a_max: a whole number or a float, as in Python. One may be absent.
	Lower *Cell `json:"lower,omitempty"`
	Upper *Cell `json:"upper,omitempty"`
	// Decimals is that of round.
	Decimals int `json:"decimals,omitempty"`
	// NaN, PosInf and NegInf are what nan_to_num puts for missing cells, 0 if absent, and for infinities,
	// the largest numbers of the type if absent.
	NaN    *Float `json:"nan,omitempty"`
	PosInf *Float `json:"posinf,omitempty"`
	NegInf *Float `json:"neginf,omitempty"`
	// Overwrites: nan_to_num may change the DataFrame that it is given, as it does with pandas 2.2 and
	// numpy 2, so that no other transformer may be given the same columns.
	Overwrites bool `json:"overwrites,omitempty"`
	// Operand is the first argument of a function of two, which functools.partial gave it: add,
	// subtract, multiply, divide, maximum, minimum, fmax or fmin. A whole number or a float, as in Python.
	Operand *Cell `json:"operand,omitempty"`
	// NumpyScalars: a bound or the operand is a number of numpy's own, which beside float32 makes float32 or
	// float64, depending on the version of numpy. Columns of float32 are refused then.
	NumpyScalars bool `json:"numpy_scalars,omitempty"`
}

// ofTwo are numpy functions of two numbers, of which the first is given. whole is nil
// if they make floats of whole numbers.
var ofTwo = map[string]struct {
	f     func(x, y float64) float64
	whole func(x, y int64) int64
	// common: of a DataFrame the function makes one type first.
	common bool
}{
	"add":      {f: func(x, y float64) float64 { return x + y }, whole: func(x, y int64) int64 { return x + y }},
	"divide":   {f: func(x, y float64) float64 { return x / y }},
	"fmax":     {f: fmax, whole: func(x, y int64) int64 { return max(x, y) }, common: true},
	"fmin":     {f: fmin, whole: func(x, y int64) int64 { return min(x, y) }, common: true},
	"maximum":  {f: maximum, whole: func(x, y int64) int64 { return max(x, y) }, common: true},
	"minimum":  {f: minimum, whole: func(x, y int64) int64 { return min(x, y) }, common: true},
	"multiply": {f: func(x, y float64) float64 { return x * y }, whole: func(x, y int64) int64 { return x * y }},
	"subtract": {f: func(x, y float64) float64 { return x - y }, whole: func(x, y int64) int64 { return x - y }},
}

// maximum is y if that is NaN; x is a number.
func maximum(x, y float64) float64 {
	if y < x {
		return x
	}
	return y
}

func minimum(x, y float64) float64 {
	if y > x {
		return x
	}
	return y
}

// fmax is x if y is NaN.
func fmax(x, y float64) float64 {
	if y != y {
		return x
	}
	return maximum(x, y)
}

func fmin(x, y float64) float64 {
	if y != y {
		return x
	}
	return minimum(x, y)
}

// otherNames are the names of the same function in one version of numpy or another.
var otherNames = map[string]string{"around": "round", "round_": "round", "true_divide": "divide"}

// pythonFunctions are those that numpy keeps in Python.
var pythonFunctions = []string{"around", "clip", "nan_to_num", "round", "round_"}

// partialClass is what functools.partial makes: a function with its first arguments.
var partialClass = pickle.Global{Module: "functools", Name: "partial"}

func isFunction(name string) bool {
	_, alone := ufuncs[name]
	_, two := ofTwo[name]
	return alone || two || name == "clip" || name == "round" || name == "nan_to_num"
}

// call is a function with its arguments beside the columns, name by name.
type call struct {
	name   string
	args   []pickle.Value
	kwargs map[string]pickle.Value
}

// call reads func and kw_args of a FunctionTransformer; name is "" if there is no function.
func (a *attrs) call() (call, bool) {
	c := call{kwargs: map[string]pickle.Value{}}
	named := func(v pickle.Value, where string) bool {
		d, ok := v.(*pickle.Dict)
		if v == nil {
			return true
		}
		if !ok {
			a.fail("%s: got %s, want a dict", where, pickle.Describe(v))
			return false
		}
		for _, it := range d.Items() {
			name, ok := pickle.Text(it.Key)
			if !ok {
				a.fail("%s: the name of an argument is %s, want text", where, pickle.Describe(it.Key))
				return false
			}
			c.kwargs[name] = it.Value
		}
		return true
	}
	f, _ := a.get("func")
	where := ""
	if o, ok := f.(*pickle.Object); ok && o.Class == partialClass {
		where = partialClass.String() + " of "
		state, _ := pickle.Items(o.State)
		if len(o.Args) != 1 || len(state) != 4 || state[3] != nil {
			a.fail("func: a %s that is not one of a function and its arguments", partialClass)
			return c, false
		}
		f = state[0]
		if made, isGlobal := o.Args[0].(pickle.Global); isGlobal && f != pickle.Value(made) {
			a.fail("func: a %s of %s that becomes one of %s", partialClass, made, pickle.Describe(f))
			return c, false
		}
		if c.args, ok = pickle.Items(state[1]); !ok || !named(state[2], "func") {
			a.fail("func: a %s without arguments", partialClass)
			return c, false
		}
	}
	if v, ok := a.get("kw_args"); ok && !named(v, "kw_args") {
		return c, false
	}
	if f == nil && where == "" {
		if len(c.kwargs) > 0 {
			a.fail("kw_args: got some, want none without a function")
			return c, false
		}
		return c, true
	}
	g, isGlobal := f.(pickle.Global)
	if isGlobal {
		c.name = g.Name
		if other := otherNames[g.Name]; other != "" {
			c.name = other
		}
	}
	if !isGlobal || !inert[g] || !isFunction(c.name) {
		a.fail("func: got %s%s, want a numpy function such as numpy.log1p, numpy.clip or numpy.round", where, pickle.Describe(f))
		return c, false
	}
	return c, true
}

// take takes an argument by name.
func (c *call) take(name string) (pickle.Value, bool) {
	v, ok := c.kwargs[name]
	delete(c.kwargs, name)
	return v, ok
}

// readParameters reads the arguments of a function.
func (p *parameters) readParameters(a *attrs, name string, c call) {
	if out, ok := c.take("out"); ok && out != nil {
		c.kwargs["out"] = out
	}
	_, two := ofTwo[name]
	switch {
	case name == "clip":
		lower, hasLower := c.take("a_min")
		upper, hasUpper := c.take("a_max")
		if hasLower != hasUpper {
			a.fail("kw_args: got one of a_min and a_max, want both, of which one may be None")
			return
		}
		if !hasLower {
			lower, _ = c.take("min")
			upper, _ = c.take("max")
		}
		p.Lower, p.Upper = p.number(a, "a_min", lower), p.number(a, "a_max", upper)
		if lower == nil && upper == nil {
			a.fail("kw_args: got no bound for clip, want a_min or a_max")
		}
		if p.Lower != nil && p.Upper != nil && a.before(1, 0) {
			if lo, hi := p.Lower.float(), p.Upper.float(); lo > hi {
				a.fail("kw_args: a_min %v is above a_max %v, which a DataFrame takes in another way than an array, and a model of scikit-learn before 1.0 does not say which it was fitted on", lo, hi)
			}
		}
	case name == "round":
		if v, ok := c.take("decimals"); ok {
			n, isInt := pickle.Int(v)
			if _, isBool := pickle.Bool(v); !isInt || isBool || n < -maxDecimals || n > maxDecimals {
				a.fail("kw_args: decimals: got %s, want a whole number from -%d to %d", pickle.Describe(v), maxDecimals, maxDecimals)
				return
			}
			p.Decimals = int(n)
		}
	case name == "nan_to_num":
		if v, ok := c.take("copy"); ok && v != true {
			a.fail("kw_args: copy: got %s, want True", pickle.Describe(v))
		}
		p.Overwrites = !a.before(1, 4)
		for _, to := range []struct {
			name string
			into **Float
		}{{"nan", &p.NaN}, {"posinf", &p.PosInf}, {"neginf", &p.NegInf}} {
			v, ok := c.take(to.name)
			if !ok || v == nil && to.name != "nan" {
				continue
			}
			f, isFloat := pickle.Float(v)
			if _, isBool := pickle.Bool(v); !isFloat || isBool {
				a.fail("kw_args: %s: got %s, want a number", to.name, pickle.Describe(v))
				continue
			}
			number := Float(f)
			*to.into = &number
		}
	case two:
		if len(c.args) != 1 {
			a.fail("func: numpy.%s of %d arguments beside the columns, want one: functools.partial(numpy.%s, 2)", name, len(c.args), name)
			return
		}
		p.Operand = p.number(a, "func", c.args[0])
		if c.args[0] == nil {
			a.fail("func: got None, want a number for numpy.%s", name)
		}
		c.args = nil
	}
	if len(c.args) > 0 {
		a.fail("func: %s gives numpy.%s %s before the columns, want its arguments by name", partialClass, name, pickle.Describe(c.args[0]))
	}
	for _, k := range sortedKeys(c.kwargs) {
		a.fail("kw_args: %s: got %s, want numpy.%s without it", k, pickle.Describe(c.kwargs[k]), name)
	}
}

func sortedKeys(m map[string]pickle.Value) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// number is a bound or an operand; nil for None.
func (p *parameters) number(a *attrs, name string, v pickle.Value) *Cell {
	if v == nil {
		return nil
	}
	if s, ok := v.(*pickle.Scalar); ok {
		p.NumpyScalars = true
		if k := s.DType.Kind; k != 'f' && k != 'i' || k == 'i' && s.DType.Size < 4 || k == 'f' && s.DType.Size < 4 {
			a.fail("%s: got %s, want a number of Python, or of 32 or 64 bits", name, pickle.Describe(v))
			return nil
		}
	}
	c, err := toCell(v)
	if err != nil {
		a.fail("%s: got %s, want one number for all columns", name, pickle.Describe(v))
		return nil
	}
	if err := c.checkOperand(); err != nil {
		a.fail("%s: %v", name, err)
		return nil
	}
	return &c
}

// checkOperand says why the cell cannot be a bound or an operand.
func (c *Cell) checkOperand() error {
	switch v := c.V.(type) {
	case int64:
		if v >= -1<<53 && v <= 1<<53 {
			return nil
		}
		return fmt.Errorf("got %d, want at most 2**53", v)
	case float64:
		if v == v {
			return nil
		}
		return errors.New("got nan, want a number")
	}
	return fmt.Errorf("got %s, want one number for all columns", c.text(64))
}

// float is a bound or an operand as a float.
func (c *Cell) float() float64 {
	f, _ := c.number()
	return f
}

// maxDecimals is beyond what any float64 has.
const maxDecimals = 400

// check checks that a function has its own arguments and no others.
func (p *parameters) check(name string) error {
	_, two := ofTwo[name]
	for _, f := range []struct {
		name string
		c    *Cell
		of   bool
	}{{"lower", p.Lower, name == "clip"}, {"upper", p.Upper, name == "clip"}, {"operand", p.Operand, two}} {
		if f.c == nil {
			continue
		}
		if !f.of {
			return fmt.Errorf("%s: got %s, want none for func %q", f.name, f.c.text(64), name)
		}
		if err := f.c.checkOperand(); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	switch {
	case name == "clip" && p.Lower == nil && p.Upper == nil:
		return errors.New("lower and upper: got none, want one of them for clip")
	case two && p.Operand == nil:
		return fmt.Errorf("operand: missing for %s", name)
	case p.Decimals < -maxDecimals || p.Decimals > maxDecimals || p.Decimals != 0 && name != "round":
		return fmt.Errorf("decimals: got %d, want -%d to %d, and for round only", p.Decimals, maxDecimals, maxDecimals)
	case name != "nan_to_num" && (p.NaN != nil || p.PosInf != nil || p.NegInf != nil || p.Overwrites):
		return errors.New("nan, posinf, neginf and overwrites: want them for nan_to_num only")
	}
	return nil
}

// compileCall compiles a function with arguments.
func (s *FunctionTransformer) compileCall(b *builder, in matrix) matrix {
	if in.sparse {
		b.fail(s, "%s of a sparse matrix is not supported; make the encoder before it dense", s.Func)
		return in
	}
	asFrame := in.frame
	compile := s.compileOperand
	switch s.Func {
	case "clip":
		compile = s.compileClip
	case "round":
		compile = s.compileRound
	case "nan_to_num":
		in, asFrame = in.array(b), false
		compile = s.compileFill
	default:
		if ofTwo[s.Func].common {
			in = in.array(b)
		}
	}
	out := matrix{frame: asFrame, bare: in.bare}
	for _, c := range in.cols {
		if s.Func == "round" && asFrame && (c.kind == frame.Text || c.kind == frame.Bool || c.dt.kind == 'O') {
			out.cols = append(out.cols, c) // DataFrame.round leaves it as it is
			continue
		}
		if !s.takes(b, c) {
			return in
		}
		oc, ok := compile(b, c, asFrame)
		if !ok {
			return in
		}
		out.cols = append(out.cols, oc)
	}
	return out
}

// each adds f of every cell of c.
func (b *builder) each(c col, f func(float64) float64, whole func(int64) int64) col {
	oc := b.derived(c, c.dt)
	b.add(eachCell{in: c.reg, out: oc.reg, f: f, whole: whole, narrow: c.dt == dtFloat32})
	return oc
}

// wholeColumn says whether a column of whole numbers can be computed with, and
// records if not.
func (s *FunctionTransformer) wholeColumn(b *builder, c col) bool {
	if c.dt != dtInt64 {
		b.fail(s, "column %q is of %s, want int64 or floats for %s", c.from, c.dt, s.Func)
		return false
	}
	return true
}

// narrowOperand is an argument as a float32 column is computed with it. numpy rounds
// it; pandas does, or makes float64, after its version.
func (s *FunctionTransformer) narrowOperand(b *builder, c col, v float64, asFrame bool) (float64, bool) {
	to := float64(float32(v))
	if s.NumpyScalars || math.IsInf(to, 0) && !math.IsInf(v, 0) || asFrame && to != v {
		b.fail(s, "column %q is of float32, of which %s with %v makes float32 or float64, depending on the version of numpy and pandas; want float64", c.from, s.Func, pyFloat(v, 64))
		return 0, false
	}
	return to, true
}

// compileClip is numpy.clip of an array, and DataFrame.clip of a DataFrame.
func (s *FunctionTransformer) compileClip(b *builder, c col, asFrame bool) (col, bool) {
	lo, hi := math.Inf(-1), math.Inf(1)
	wholeLo, wholeHi := int64(math.MinInt64), int64(math.MaxInt64)
	whole := true
	for _, bound := range []struct {
		c     *Cell
		f     *float64
		n     *int64
		never float64 // the bound that cuts nothing off
	}{{s.Lower, &lo, &wholeLo, lo}, {s.Upper, &hi, &wholeHi, hi}} {
		if bound.c == nil {
			continue
		}
		*bound.f = bound.c.float()
		switch v := *bound.f; {
		case c.kind == frame.Float32:
			var ok bool
			if *bound.f, ok = s.narrowOperand(b, c, v, asFrame); !ok {
				return c, false
			}
		case isWhole(bound.c):
			*bound.n = bound.c.V.(int64)
		case !asFrame:
			whole = false // numpy makes floats of all
		case v == bound.never:
		case v == math.Trunc(v) && math.Abs(v) <= 1<<53:
			*bound.n = int64(v)
		case math.Abs(v) > 1<<53 && c.kind == frame.Int:
			b.fail(s, "column %q holds whole numbers, and the bound of clip is %s; want at most 2**53", c.from, bound.c.text(64))
			return c, false
		default:
			whole = false
		}
	}
	if asFrame && s.Lower != nil && s.Upper != nil && lo > hi { // pandas takes them either way round
		lo, hi, wholeLo, wholeHi = hi, lo, wholeHi, wholeLo
	}
	loose := ""
	if c.kind == frame.Int {
		if !s.wholeColumn(b, c) {
			return c, false
		}
		if !whole {
			c = b.cast(c, dtFloat64)
			if asFrame {
				loose = "pandas makes floats of it if clip cuts any cell off at a fraction, and else leaves whole numbers"
			}
		}
	}
	oc := b.each(c, func(v float64) float64 {
		if v < lo {
			v = lo
		}
		if v > hi {
			v = hi
		}
		return v
	}, func(v int64) int64 { return min(max(v, wholeLo), wholeHi) })
	oc.loose = loose
	return oc, true
}

func isWhole(c *Cell) bool {
	_, ok := c.V.(int64)
	return ok
}

// compileRound is numpy.round: multiply, round half to even, divide. See
// PyArray_Round in numpy/core/src/multiarray/calculation.c.
func (s *FunctionTransformer) compileRound(b *builder, c col, _ bool) (col, bool) {
	if c.kind == frame.Int && s.Decimals >= 0 {
		return c, true
	}
	scale := powerOfTen(max(s.Decimals, -s.Decimals))
	step := func(v float64) float64 { return v }
	if c.kind == frame.Float32 {
		if math.IsInf(float64(float32(scale)), 0) {
			b.fail(s, "column %q is of float32, which has no %d decimals", c.from, s.Decimals)
			return c, false
		}
		scale = float64(float32(scale))
		step = func(v float64) float64 { return float64(float32(v)) }
	}
	f := math.RoundToEven
	switch {
	case s.Decimals > 0:
		f = func(v float64) float64 { return math.RoundToEven(step(v*scale)) / scale }
	case s.Decimals < 0:
		f = func(v float64) float64 { return math.RoundToEven(step(v/scale)) * scale }
	}
	if c.kind == frame.Int && !s.wholeColumn(b, c) {
		return c, false
	}
	return b.each(c, f, func(v int64) int64 {
		r := f(float64(v))
		if !(math.Abs(r) < 1<<63) {
			return math.MinInt64 // as x86-64 converts what does not fit
		}
		return int64(r)
	}), true
}

// powerOfTen is power_of_ten of the same file, whose rounding shows.
func powerOfTen(n int) float64 {
	p := 1.0
	for range n {
		p *= 10
	}
	return p
}

// compileFill is numpy.nan_to_num.
func (s *FunctionTransformer) compileFill(b *builder, c col, _ bool) (col, bool) {
	if c.kind == frame.Int {
		return c, true
	}
	nan, largest, smallest := 0.0, math.MaxFloat64, -math.MaxFloat64
	if c.kind == frame.Float32 {
		largest, smallest = math.MaxFloat32, -math.MaxFloat32
	}
	for _, given := range []struct {
		from *Float
		to   *float64
	}{{s.NaN, &nan}, {s.PosInf, &largest}, {s.NegInf, &smallest}} {
		if given.from != nil {
			*given.to = float64(*given.from)
		}
	}
	return b.each(c, func(v float64) float64 {
		switch {
		case v != v:
			return nan
		case v > math.MaxFloat64:
			return largest
		case v < -math.MaxFloat64:
			return smallest
		}
		return v
	}, nil), true
}

// compileOperand is a function of two numbers, of which the first is given.
func (s *FunctionTransformer) compileOperand(b *builder, c col, asFrame bool) (col, bool) {
	f := ofTwo[s.Func]
	x := s.Operand.float()
	n, whole := s.Operand.V.(int64)
	switch {
	case c.kind == frame.Float32 && asFrame:
		b.fail(s, "column %q of a DataFrame is of float32, want float64 for %s", c.from, s.Func)
		return c, false
	case c.kind == frame.Float32:
		var ok bool
		if x, ok = s.narrowOperand(b, c, x, asFrame); !ok {
			return c, false
		}
	case c.kind == frame.Int:
		if !s.wholeColumn(b, c) {
			return c, false
		}
		if !whole || f.whole == nil {
			c = b.cast(c, dtFloat64)
		}
	}
	mul, add := 1.0, x
	switch s.Func {
	case "multiply":
		mul, add = x, negativeZero
	case "subtract":
		mul = -1
	}
	switch {
	case c.kind == frame.Int || s.Func != "add" && s.Func != "subtract" && s.Func != "multiply":
		return b.each(c, func(v float64) float64 { return f.f(x, v) }, func(v int64) int64 { return f.whole(n, v) }), true
	default: // a straight line, which reports can follow
		oc := b.derived(c, c.dt)
		b.add(stretch{in: c.reg, out: oc.reg, mul: mul, add: add, narrow: c.dt == dtFloat32})
		return oc, true
	}
}

// words are the function and its arguments for people.
func (p *parameters) words(name string) string {
	text := "numpy." + name
	_, two := ofTwo[name]
	switch {
	case name == "clip" && p.Lower == nil:
		return text + " of every cell: at most " + p.Upper.text(64)
	case name == "clip" && p.Upper == nil:
		return text + " of every cell: at least " + p.Lower.text(64)
	case name == "clip":
		return text + " of every cell: from " + p.Lower.text(64) + " to " + p.Upper.text(64)
	case name == "round":
		return fmt.Sprintf("%s of every cell to %d decimals", text, p.Decimals)
	case name == "nan_to_num":
		fill := func(f *Float, otherwise string) string {
			if f == nil {
				return otherwise
			}
			return f.String()
		}
		return fmt.Sprintf("%s of every cell: %s for missing ones, %s and %s for infinities", text,
			fill(p.NaN, "0.0"), fill(p.PosInf, "the largest number"), fill(p.NegInf, "the smallest"))
	case two:
		return fmt.Sprintf("%s(%s, x) of every cell x", text, p.Operand.text(64))
	}
	return text + " of every cell"
}

// overwrites says whether a step may change the DataFrame that it is given.
func overwrites(s step) bool {
	switch s := s.(type) {
	case *FunctionTransformer:
		return s.Overwrites && !s.Validate
	case *Pipeline:
		for _, n := range s.Steps {
			f, isFunction := n.Step.step.(*FunctionTransformer)
			_, passes := n.Step.step.(*passthrough)
			if passes || isFunction && f.Func == "" && !f.Validate {
				continue
			}
			return overwrites(n.Step.step)
		}
	case *FeatureUnion:
		for _, p := range s.Transformers {
			if overwrites(p.Step.step) {
				return true
			}
		}
	case *ColumnTransformer:
		for _, br := range s.Transformers {
			if overwrites(br.Step.step) {
				return true
			}
		}
	}
	return false
}

// alone makes sure that no transformer is given columns that another may have changed.
// at are the columns of each, nil if every one is given all.
func (b *builder) alone(s step, in matrix, steps []Named, at [][]int) {
	if !in.frame {
		return
	}
	for i, n := range steps {
		if !overwrites(n.Step.step) {
			continue
		}
		for j, other := range steps {
			shared := at == nil || slices.ContainsFunc(at[i], func(k int) bool { return slices.Contains(at[j], k) })
			if i != j && shared {
				b.fail(s, "numpy.nan_to_num in %q may change the columns that %q takes as well, depending on the versions of numpy and pandas; use a SimpleImputer, or one transformer for them", n.Name, other.Name)
				return
			}
		}
	}
}
