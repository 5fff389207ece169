package model

import (
	"math"

	"ds-pipeline/preprocess/pickle"
)

// PowerTransformer makes columns more like a normal distribution. For λ of the
// column, Yeo-Johnson is
//
//	y = ((x+1)^λ - 1) / λ           x >= 0, λ != 0
//	y = log(x+1)                    x >= 0, λ = 0
//	y = -((1-x)^(2-λ) - 1) / (2-λ)  x < 0, λ != 2
//	y = -log(1-x)                   x < 0, λ = 2
//
// and Box-Cox, for positive numbers only, (x^λ - 1)/λ, or log(x) if λ = 0. The
// result is then standardized by Scaler. Missing cells stay missing.
// See sklearn.preprocessing.PowerTransformer.
type PowerTransformer struct {
	head
	Method  string  `json:"method"` // yeo-johnson or box-cox
	Lambdas []Float `json:"lambdas"`
	// Expm1 calculates Yeo-Johnson powers as expm1(λ log1p(x)), as scikit-learn
	// does since 1.9.
	Expm1 bool `json:"expm1,omitempty"`
	// Scaler is absent with standardize=False.
	Scaler *StandardScaler `json:"scaler,omitempty"`
	DType  string          `json:"dtype,omitempty"` // float32 if fitted on such data
}

func (s *PowerTransformer) read(a *attrs) {
	s.Method = a.option("method", "", "yeo-johnson", "box-cox")
	v, ok := a.must("lambdas_")
	if !ok {
		return
	}
	fs, shape, err := a.floats(v)
	if err != nil || len(shape) != 1 {
		a.fail("lambdas_: got %s, want an array of numbers", pickle.Describe(v))
		return
	}
	s.Lambdas = toFloats(fs)
	s.DType = a.narrow("lambdas_")
	s.Expm1 = s.Method == "yeo-johnson" && !a.before(1, 9)
	s.fixWidth(len(s.Lambdas))
	if a.flag("standardize", true) {
		v, ok := a.must("_scaler")
		if !ok {
			return
		}
		if s.Scaler, ok = a.im.step(v, a.path+" _scaler").(*StandardScaler); !ok {
			a.fail("_scaler: got %s, want a StandardScaler", pickle.Describe(v))
		}
	}
	a.ignore("_scaler")
}

func (s *PowerTransformer) outputs(in int) (int, error) {
	if err := s.checkHead(in); err != nil {
		return 0, err
	}
	if s.Method != "yeo-johnson" && s.Method != "box-cox" {
		return 0, s.errorf("method: got %q, want yeo-johnson or box-cox", s.Method)
	}
	if err := s.checkLen("lambdas", len(s.Lambdas), in); err != nil {
		return 0, err
	}
	if err := s.checkNarrow(s.DType); err != nil {
		return 0, err
	}
	if s.Scaler != nil {
		s.Scaler.Class = "StandardScaler"
		return s.Scaler.outputs(in)
	}
	return in, nil
}

func (s *PowerTransformer) remember(i int, n *note) {
	if s.Scaler != nil {
		n.rows(at(s.Scaler.Samples, i))
	}
}

func (s *PowerTransformer) needs(in int, _ []Want) []Want { return same(in, Number) }

func (s *PowerTransformer) names(in []string) []string { return in }

func (s *PowerTransformer) compile(b *builder, in matrix) matrix {
	m := b.numbers(s, b.narrowed(in, s.DType))
	if len(b.errs) > 0 {
		return m
	}
	b.allChecked(s.Class, m, true)
	for i, c := range m.cols {
		out := b.derived(c, c.dt)
		o := power{in: c.reg, out: out.reg, lambda: float64(s.Lambdas[i]), column: c.from, narrow: c.dt == dtFloat32, expm1: s.Expm1}
		if s.Method == "box-cox" {
			b.add(boxCox(o))
		} else {
			b.add(o)
		}
		m.cols[i] = out
	}
	if s.Scaler == nil {
		return m
	}
	return s.Scaler.compile(b, m)
}

func (s *PowerTransformer) describe(o *outline) {
	o.line("PowerTransformer: %s with lambda %s", s.Method, o.of(s.Lambdas))
	if s.Scaler != nil {
		o.under(s.Scaler)
	}
}

// power is the Yeo-Johnson transform.
type power struct {
	in, out int
	lambda  float64
	column  string
	narrow  bool
	expm1   bool
}

func (o power) run(w *Worker, rows int) {
	const eps = 0x1p-52
	l := o.lambda
	to := floatsOf(&w.regs[o.out], rows)
	from := w.regs[o.in].Floats[:len(to)]
	logPos := math.Abs(l) < eps
	logNeg := !(math.Abs(l-2) > eps)
	for i, x := range from {
		switch {
		case x != x:
			to[i] = x
		case x >= 0 && logPos:
			to[i] = math.Log1p(x)
		case x >= 0 && o.expm1:
			to[i] = math.Expm1(l*math.Log1p(x)) / l
		case x >= 0:
			to[i] = (pow(x+1, l) - 1) / l
		case logNeg:
			to[i] = -math.Log1p(-x)
		case o.expm1:
			to[i] = -math.Expm1((2-l)*math.Log1p(-x)) / (2 - l)
		default:
			to[i] = -(pow(1-x, 2-l) - 1) / (2 - l)
		}
	}
	if o.narrow {
		roundAll(to)
	}
}

func roundAll(fs []float64) {
	for i, v := range fs {
		fs[i] = float64(float32(v))
	}
}

// boxCox is the Box-Cox transform, as scipy.special.boxcox calculates it.
type boxCox power

func (o boxCox) run(w *Worker, rows int) {
	l := o.lambda
	to := floatsOf(&w.regs[o.out], rows)
	for i, x := range w.regs[o.in].Floats[:len(to)] {
		switch {
		case x <= 0:
			w.refuse(i, o.column, pyFloat(x, 64), "is not positive, and Box-Cox takes positive numbers only")
			to[i] = 0
		case math.Abs(l) < 1e-19:
			to[i] = naturalLog(x)
		case l*naturalLog(x) < 709.78:
			to[i] = math.Expm1(l*naturalLog(x)) / l
		default:
			to[i] = float64(math.Copysign(1, l) * math.Exp(float64(l*naturalLog(x))-naturalLog(math.Abs(l))))
			if l < 0 {
				to[i] -= 1 / l
			}
		}
	}
	if o.narrow {
		roundAll(to)
	}
}
