package model

import (
	"cmp"
	"math"

	"ds-pipeline/preprocess/frame"
	"ds-pipeline/preprocess/pickle"
)

// FunctionTransformer applies a numpy function to every cell, or, without a
// function, hands its columns on as they are. Functions of one's own are
// refused: nothing in a model is run.
// See sklearn.preprocessing.FunctionTransformer.
type FunctionTransformer struct {
	head
	// Func is the name of the numpy function, "" for none: one of a number, or
	// one of those that the fields below belong to.
	Func string `json:"func,omitempty"`
	parameters
	// Validate converts the columns to numbers first and refuses missing cells
	// and infinities.
	Validate bool `json:"validate,omitempty"`
	// AcceptSparse: Validate takes a sparse matrix, too.
	AcceptSparse bool `json:"accept_sparse,omitempty"`
	// AsArray makes all columns one type first, as pandas did when
	// scikit-learn was older than 1.0.
	AsArray bool `json:"as_array,omitempty"`
	mixture
}

// ufunc is a numpy function of one number.
type ufunc struct {
	f func(float64) float64
	// ints says what becomes of whole numbers: 'f' floats, 'i' they stay
	// whole, '?' either, of the same value, 0 refused.
	ints  byte
	whole func(int64) int64 // f of whole numbers that stay so; like numpy's it wraps around
	// truth says that the result is True or False.
	truth bool
}

var ufuncs = map[string]ufunc{
	"absolute": {f: math.Abs, ints: 'i', whole: wholeAbs},
	"arccos":   {f: math.Acos, ints: 'f'},
	"arccosh":  {f: math.Acosh, ints: 'f'},
	"arcsin":   {f: math.Asin, ints: 'f'},
	"arcsinh":  {f: math.Asinh, ints: 'f'},
	"arctan":   {f: math.Atan, ints: 'f'},
	"arctanh":  {f: math.Atanh, ints: 'f'},
	"cbrt":     {f: math.Cbrt, ints: 'f'},
	"cos":      {f: math.Cos, ints: 'f'},
	"cosh":     {f: math.Cosh, ints: 'f'},
	"deg2rad":  {f: func(x float64) float64 { return x * (math.Pi / 180) }, ints: 'f'},
	"degrees":  {f: func(x float64) float64 { return x * (180 / math.Pi) }, ints: 'f'},
	"exp":      {f: math.Exp, ints: 'f'},
	"exp2":     {f: math.Exp2, ints: 'f'},
	"expm1":    {f: math.Expm1, ints: 'f'},
	"fabs":     {f: math.Abs, ints: 'f'},
	"isfinite": {f: func(x float64) float64 { return truth(x-x == 0) }, ints: 'f', truth: true},
	"isinf":    {f: func(x float64) float64 { return truth(math.IsInf(x, 0)) }, ints: 'f', truth: true},
	"isnan":    {f: func(x float64) float64 { return truth(x != x) }, ints: 'f', truth: true},
	"log":      {f: naturalLog, ints: 'f'},
	"log10":    {f: log10, ints: 'f'},
	"log1p":    {f: math.Log1p, ints: 'f'},
	"log2":     {f: log2, ints: 'f'},
	"negative": {f: func(x float64) float64 { return -x }, ints: 'i', whole: func(v int64) int64 { return -v }},
	"positive": {f: func(x float64) float64 { return x }, ints: 'i', whole: func(v int64) int64 { return v }},
	"rad2deg":  {f: func(x float64) float64 { return x * (180 / math.Pi) }, ints: 'f'},
	"radians":  {f: func(x float64) float64 { return x * (math.Pi / 180) }, ints: 'f'},
	// Of whole numbers numpy makes whole numbers since 2.1, and floats before.
	"ceil":       {f: math.Ceil, ints: '?'},
	"floor":      {f: math.Floor, ints: '?'},
	"trunc":      {f: math.Trunc, ints: '?'},
	"reciprocal": {f: func(x float64) float64 { return 1 / x }},
	"rint":       {f: math.RoundToEven, ints: 'f'},
	"sign":       {f: sign, ints: 'i', whole: wholeSign},
	"sin":        {f: math.Sin, ints: 'f'},
	"sinh":       {f: math.Sinh, ints: 'f'},
	"sqrt":       {f: math.Sqrt, ints: 'f'},
	"square":     {f: func(x float64) float64 { return x * x }, ints: 'i', whole: func(v int64) int64 { return v * v }},
	"tan":        {f: math.Tan, ints: 'f'},
	"tanh":       {f: math.Tanh, ints: 'f'},
}

// ofSparse are those that numpy can apply to a sparse matrix of scipy.
var ofSparse = map[string]bool{
	"absolute": true, "arcsin": true, "arcsinh": true, "arctan": true, "arctanh": true, "deg2rad": true, "expm1": true, "log1p": true,
	"negative": true, "rad2deg": true, "rint": true, "sin": true, "sinh": true, "sqrt": true, "tan": true, "tanh": true,
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// log2 keeps its relative precision near 1, which math.Log2 does not.
func log2(x float64) float64 {
	if x > 0.75 && x < 1.5 {
		return naturalLog(x) / math.Ln2
	}
	return math.Log2(x)
}

// log10 is exact for powers of ten, as C's is.
func log10(x float64) float64 {
	l := naturalLog(x) / math.Ln10
	if r := math.RoundToEven(l); math.Abs(r) < 308 && math.Pow(10, r) == x {
		return r
	}
	return l
}

func sign(x float64) float64 {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	case x == 0:
		return 0 // of -0, too
	}
	return x
}

func wholeAbs(v int64) int64 {
	if v < 0 {
		return -v
	}
	return v
}

func wholeSign(v int64) int64 { return int64(cmp.Compare(v, 0)) }

// ufuncModules are where numpy 1 and 2 keep their ufuncs.
var ufuncModules = []string{"numpy", "numpy.core._multiarray_umath", "numpy._core._multiarray_umath", "numpy.core.umath", "numpy._core.umath"}

func (s *FunctionTransformer) read(a *attrs) {
	a.ignore("inverse_func", "inv_kw_args", "check_inverse", "pass_y")
	s.Validate = a.flag("validate", false)
	formats, _ := a.get("accept_sparse") // True, or the names of formats
	on, isBool := pickle.Bool(formats)
	s.AcceptSparse = s.Validate && formats != nil && (on || !isBool)
	s.CommonType = s.Validate && a.commonType()
	if v, _ := a.get("feature_names_out"); v == nil && s.Output == "pandas" {
		s.Output = "" // without names for it, scikit-learn makes no DataFrame
	}
	c, ok := a.call()
	if !ok || c.name == "" && len(c.args)+len(c.kwargs) == 0 {
		return
	}
	s.Func = c.name
	_, alone := ufuncs[s.Func]
	_, two := ofTwo[s.Func]
	s.AsArray = (alone || two) && a.before(1, 0)
	s.readParameters(a, s.Func, c)
}

func (s *FunctionTransformer) outputs(in int) (int, error) {
	if err := s.checkHead(in); err != nil {
		return 0, err
	}
	if !isFunction(s.Func) && s.Func != "" {
		return 0, s.errorf("func: got %q, want a numpy function such as log1p or clip", s.Func)
	}
	if err := s.check(s.Func); err != nil {
		return 0, s.errorf("%w", err)
	}
	return in, nil
}

func (s *FunctionTransformer) needs(in int, down []Want) []Want {
	if s.Func == "" && !s.Validate {
		return down
	}
	if s.Func != "" && ufuncs[s.Func].ints == 'f' {
		return same(in, Number)
	}
	return same(in, Infer)
}

func (s *FunctionTransformer) names(in []string) []string { return in }

func (s *FunctionTransformer) compile(b *builder, in matrix) matrix {
	if s.Validate {
		if in.sparse && !s.AcceptSparse {
			b.fail(s, "validate=True of a sparse matrix, which scikit-learn refuses without accept_sparse=True")
			return in
		}
		in = b.validNumbers(s, in, s.mixture)
	}
	if s.Func == "" || len(b.errs) > 0 {
		return in
	}
	in = b.plain(in)
	if s.AsArray {
		asFrame := in.frame
		in = in.array(b)
		in.frame = asFrame
	}
	u, alone := ufuncs[s.Func]
	if !alone {
		return s.compileCall(b, in)
	}
	if in.sparse && !ofSparse[s.Func] {
		b.fail(s, "%s of a sparse matrix, which numpy refuses", s.Func)
		return in
	}
	out := matrix{frame: in.frame, sparse: in.sparse, bare: in.bare}
	for _, c := range in.cols {
		if !s.takes(b, c) {
			return in
		}
		to := c.dt
		loose := ""
		switch {
		case c.kind == frame.Int && (u.ints == 0 || u.ints == '?' && c.dt != dtInt64):
			b.fail(s, "column %q holds whole numbers, of which %s makes floats or whole numbers, depending on the version of numpy", c.from, s.Func)
			return in
		case c.kind == frame.Int && u.ints == '?':
			to, c = dtFloat64, b.cast(c, dtFloat64)
			loose = s.Func + " makes floats or whole numbers of it, depending on the version of numpy"
		case c.kind == frame.Int && c.dt.size == 1 && !u.truth:
			b.fail(s, "column %q is of %s, of which %s makes numbers of 8 or 16 bits; want larger ones", c.from, c.dt, s.Func)
			return in
		case c.kind == frame.Int && u.ints == 'f':
			to = dtFloat64
			if c.dt.size == 2 {
				to = dtFloat32
			}
			c = b.cast(c, to)
		case c.kind == frame.Int && c.dt.size < 8:
			b.fail(s, "column %q is of %s, want int64 or floats for %s", c.from, c.dt, s.Func)
			return in
		}
		if u.truth {
			to = dtBool
		}
		oc := b.derived(c, to)
		oc.loose = loose
		b.add(eachCell{in: c.reg, out: oc.reg, f: u.f, whole: u.whole, narrow: to == dtFloat32})
		out.cols = append(out.cols, oc)
	}
	return out
}

// takes says whether a numpy function can be given the column, and records if not.
func (s *FunctionTransformer) takes(b *builder, c col) bool {
	switch {
	case c.kind == frame.Text:
		b.failText(s, c, "numbers for "+s.Func)
		return false
	case c.kind == frame.Bool:
		b.fail(s, "column %q holds True and False, want numbers for %s", c.from, s.Func)
		return false
	case c.dt.kind == 'O':
		b.fail(s, "column %q is one of Python objects, want numbers for %s", c.from, s.Func)
		return false
	}
	return true
}

// validNumbers is check_array(X) with its defaults: an array of numbers, ints
// staying ints, without infinities and missing cells.
func (b *builder) validNumbers(s step, m matrix, mix mixture) matrix {
	m = mix.common(b, m)
	dt := m.dtype()
	if dt.kind == 'O' || m.frame && mixesBools(m) {
		m = b.numbers(s, m)
	} else {
		m = b.plain(m).array(b)
		for i, c := range m.cols {
			if c.kind == frame.Text {
				b.failText(s, c, "numbers")
				return m
			}
			m.cols[i] = c
		}
	}
	if len(b.errs) == 0 {
		b.allChecked(s.header().Class, m, false)
		for _, c := range m.cols {
			if c.kind == frame.Bool && c.hot == 0 {
				b.add(mustBePresent{in: c.reg, column: c.from, class: s.header().Class})
			}
		}
	}
	return m
}

// mixture says what becomes of a DataFrame of which some columns hold True and
// False.
type mixture struct {
	// CommonType: True and False among numbers count as 1 and 0, in the type that
	// is common to all columns, as in scikit-learn since 1.2.
	CommonType bool `json:"common_type,omitempty"`
}

// commonType is what scikit-learn does with mixtures.
func (a *attrs) commonType() bool { return a.im.version != "" && !a.before(1, 2) }

// common is a DataFrame that mixes True and False with numbers as an array of
// their common type; any other matrix as it is.
func (mix mixture) common(b *builder, m matrix) matrix {
	if !mix.CommonType || !m.frame || !mixesBools(m) {
		return m
	}
	dt := dtBool
	for _, c := range m.cols {
		dt = promote(dt, c.dt)
	}
	if dt.kind == 'O' {
		return m
	}
	out := matrix{cols: make([]col, len(m.cols)), sparse: m.sparse}
	for i, c := range m.cols {
		out.cols[i] = b.cast(c, dt)
	}
	return out
}

func mixesBools(m matrix) bool {
	for _, c := range m.cols {
		if c.dt.kind == 'b' {
			return true
		}
	}
	return false
}

// eachCell is y = f(x).
type eachCell struct {
	in, out int
	f       func(float64) float64
	whole   func(int64) int64 // f of whole numbers
	narrow  bool
}

func (o eachCell) run(w *Worker, rows int) {
	in, out := &w.regs[o.in], &w.regs[o.out]
	if out.Kind == frame.Bool {
		to := intsOf(out, rows)
		for i, v := range in.Floats[:rows] {
			to[i] = int64(o.f(v))
		}
		return
	}
	if in.Kind == frame.Int {
		to := intsOf(out, rows)
		for i, v := range in.Ints[:rows] {
			to[i] = o.whole(v)
		}
		return
	}
	to := floatsOf(out, rows)
	for i, v := range in.Floats[:rows] {
		to[i] = o.f(v)
	}
	if o.narrow {
		roundAll(to)
	}
}

func (s *FunctionTransformer) describe(o *outline) {
	f := "pass through unchanged"
	if s.Func != "" {
		f = s.words(s.Func)
	}
	if s.Validate {
		f += "; numbers only, none missing"
	}
	o.line("FunctionTransformer: %s", f)
}
