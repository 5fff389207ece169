package model

import (
	"math"
	"strconv"

	"ds-pipeline/preprocess/frame"
	"ds-pipeline/preprocess/pickle"
)

// weighting is an entry of transformer_weights: the outputs of one transformer
// are multiplied by it.
type weighting struct {
	Weight *Float `json:"weight,omitempty"` // multiplies the outputs
	// WholeWeight is set if the weight is a Python int: whole numbers, and True
	// and False, then become whole numbers. Otherwise they become floats.
	WholeWeight bool `json:"whole_weight,omitempty"`
}

// weights is the transformer_weights parameter; nil if there are none.
func (a *attrs) weights() *pickle.Dict {
	v, ok := a.get("transformer_weights")
	if !ok || v == nil {
		return nil
	}
	d, ok := v.(*pickle.Dict)
	if !ok {
		a.fail("transformer_weights: got %s, want a dict", pickle.Describe(v))
	}
	return d
}

// weight is the weight of one transformer.
func (a *attrs) weight(weights *pickle.Dict, name string) weighting {
	v, ok := weights.Get(name)
	if !ok || v == nil {
		return weighting{}
	}
	f, ok := pickle.Float(v)
	if !ok {
		a.fail("transformer_weights: %q is %s, want a number", name, pickle.Describe(v))
	}
	weight := Float(f)
	_, whole := v.(int64)
	return weighting{&weight, whole}
}

// weigh multiplies every output by a weight, if there is one.
func (b *builder) weigh(s step, m matrix, by weighting) matrix {
	if by.Weight == nil || len(b.errs) > 0 {
		return m
	}
	weight := float64(*by.Weight)
	if by.WholeWeight && (weight != math.Trunc(weight) || math.Abs(weight) > 1<<53) {
		b.fail(s, "weight: got %v, want a whole number of at most 2**53", *by.Weight)
		return m
	}
	m = b.plain(m)
	out := matrix{cols: make([]col, 0, len(m.cols)), frame: m.frame, sparse: m.sparse}
	for _, c := range m.cols {
		dt := c.dt
		switch {
		case c.reg < 0: // nothing uses it
			out.cols = append(out.cols, c)
			continue
		case c.kind == frame.Text:
			b.failText(s, c, "numbers for a weight")
			return m
		case c.loose != "" && by.WholeWeight:
			b.failLoose(s, c)
			return m
		case c.kind == frame.Float32 || c.kind == frame.Float:
		case !by.WholeWeight:
			c = b.cast(c, dtFloat64)
		case c.kind == frame.Bool:
			c = b.cast(c, dtInt64)
		case dt.kind != 'O' && !fits(weight, dt):
			b.fail(s, "weight: %s does not fit %s, the type of column %q", strconv.FormatFloat(weight, 'f', -1, 64), dt, c.from)
			return m
		}
		if dt.kind != 'O' { // else cells of their own types, as before
			dt = c.dt
		}
		oc := b.derived(c, dtypeOf(c.kind))
		oc.dt = dt
		if c.kind == frame.Int {
			b.add(scaleInt{in: c.reg, out: oc.reg, by: int64(weight), dt: dt})
		} else {
			narrow := c.kind == frame.Float32
			mul := weight
			if narrow {
				mul = float64(float32(mul))
			}
			b.add(stretch{in: c.reg, out: oc.reg, mul: mul, add: negativeZero, narrow: narrow})
		}
		out.cols = append(out.cols, oc)
	}
	return out
}

// negativeZero added changes nothing, not even the sign of a zero.
var negativeZero = math.Copysign(0, -1)

// scaleInt is y = by * x of whole numbers, which wrap around at the size of
// their type, as in numpy.
type scaleInt struct {
	in, out int
	by      int64
	dt      dtype
}

func (o scaleInt) run(w *Worker, rows int) {
	to := intsOf(&w.regs[o.out], rows)
	for i, v := range w.regs[o.in].Ints[:rows] {
		to[i] = o.dt.wrap(v * o.by)
	}
}
