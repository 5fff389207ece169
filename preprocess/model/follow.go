package model

import "ds-pipeline/preprocess/frame"

// line is an op that makes a straight line of a column of float64 numbers, up to
// rounding, or fills its gaps with one number.
type line interface {
	op
	// line returns the registers and the slope; false if it is none.
	line() (in, out int, slope float64, ok bool)
}

func (o shift) line() (in, out int, slope float64, ok bool) {
	return o.in, o.out, 1 / o.div, !o.narrow
}

func (o stretch) line() (in, out int, slope float64, ok bool) {
	return o.in, o.out, o.mul, !o.narrow && !o.clip
}

func (o fillFloat) line() (in, out int, slope float64, ok bool) {
	return o.in, o.out, 1, o.nan && !o.refuse && finite(o.fill)
}

// Follows tells, parallel to the columns that Apply returns, which of them are
// straight lines of an input; nil for all others.
func (p *Program) Follows() []*frame.Follow {
	lines := make(map[int]line, len(p.ops)) // by the register that they write
	same := map[int]int{}
	for _, o := range p.ops {
		switch o := o.(type) {
		case line:
			if _, out, _, ok := o.line(); ok {
				lines[out] = o
			}
		case convert:
			if p.regs[o.in] == frame.Int && p.regs[o.out] == frame.Float {
				same[o.out] = o.in
			}
		}
	}
	follows := make([]*frame.Follow, len(p.out))
	var w *Worker // for all
	for i, c := range p.out {
		kind := p.regs[c.reg]
		if c.hot > 0 || kind != frame.Float && kind != frame.Int {
			continue
		}
		var steps []line // from the last to the first
		first, slope := c.reg, 1.0
		for {
			o, ok := lines[first]
			if !ok {
				break
			}
			in, _, by, _ := o.line()
			steps, first, slope = append(steps, o), in, slope*by
		}
		input := first
		if in, ok := same[first]; ok {
			input = in
		}
		if input >= p.inputs || !finite(slope) || slope == 0 || p.regs[input] != frame.Float && p.regs[input] != frame.Int {
			continue
		}
		follows[i] = &frame.Follow{Input: input, Slope: slope, Map: func(v float64) float64 {
			if len(steps) == 0 {
				return v
			}
			if w == nil {
				w = p.NewWorker()
				w.isBad = make([]bool, 1)
			}
			floatsOf(&w.regs[first], 1)[0] = v
			for k := len(steps) - 1; k >= 0; k-- {
				steps[k].run(w, 1)
			}
			return w.regs[c.reg].Floats[0]
		}}
	}
	return follows
}
