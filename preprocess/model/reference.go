package model

import (
	"math"

	"ds-pipeline/preprocess/frame"
	"ds-pipeline/preprocess/pickle"
)

// References tells, parallel to Inputs, what the model remembers of each column
// from when it was fitted; nil for nothing. Only steps that see a column as it
// is in the input, or with nothing but missing cells filled, can tell.
func (b *Binding) References() []*frame.Reference {
	w := &recall{references: make([]*frame.Reference, len(b.inputs))}
	in := make([]*sighting, len(b.slot))
	for i, at := range b.slot {
		if at < 0 {
			continue
		}
		w.references[at] = &frame.Reference{}
		in[i] = &sighting{reference: w.references[at]}
	}
	w.walk(b.model.root, in, "")
	for i, r := range w.references {
		if *r == (frame.Reference{}) {
			w.references[i] = nil
			continue
		}
		// All steps are fitted on the same records. Those that skip missing
		// cells count fewer.
		if r.Rows == 0 {
			r.Rows = w.rows
		}
	}
	return w.references
}

// recall collects what the steps remember.
type recall struct {
	references []*frame.Reference
	rows       int64 // most that any step was fitted on
}

// sighting is an input column where a step sees it; nil stands for a column
// that is no longer one of the input's.
type sighting struct {
	reference *frame.Reference
	filled    bool    // missing cells are filled
	fill      float64 // with it; NaN if it is not a number
}

// rememberer is a step that remembers something of its input columns.
type rememberer interface {
	// remember tells what the step remembers of its input column i.
	remember(i int, n *note)
}

// note is how a step tells what it remembers of one column.
type note struct {
	*sighting
	recall *recall
	step   string // its name, for people
}

// selector is a step that hands on some of its columns as they are.
type selector interface{ selected() []int }

// walk tells what s remembers of its columns, and what its outputs are.
func (w *recall) walk(s step, in []*sighting, path string) []*sighting {
	name := path + s.header().Class
	switch s := s.(type) {
	case *Pipeline:
		for _, st := range s.Steps {
			in = w.walk(st.Step.step, in, path)
		}
		return in
	case *FeatureUnion:
		var out []*sighting
		for _, p := range s.Transformers {
			out = append(out, weighed(w.walk(p.Step.step, in, path+p.Name+" > "), p.Weight)...)
		}
		return out
	case *ColumnTransformer:
		var out []*sighting
		for _, br := range s.Transformers {
			own := make([]*sighting, len(br.at))
			for j, k := range br.at {
				own[j] = in[k]
			}
			out = append(out, weighed(w.walk(br.Step.step, own, path+br.Name+" > "), br.Weight)...)
		}
		return out
	case *passthrough:
		return in
	case *FunctionTransformer:
		if s.Func == "" {
			return in
		}
	case selector:
		var out []*sighting
		for _, k := range s.selected() {
			out = append(out, in[k])
		}
		return out
	case *SimpleImputer:
		w.remember(s, in, name)
		return s.fillIn(in)
	case rememberer:
		w.remember(s, in, name)
	}
	n, _ := s.outputs(len(in))
	return make([]*sighting, n)
}

func (w *recall) remember(s rememberer, in []*sighting, name string) {
	for i, c := range in {
		if c != nil {
			s.remember(i, &note{c, w, name})
		}
	}
}

// weighed are outputs that are multiplied by a weight.
func weighed(out []*sighting, weight *Float) []*sighting {
	if weight == nil {
		return out
	}
	return make([]*sighting, len(out))
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// usable tells whether a fact can be compared: one about the filled column can
// only if the filling is that of the reference.
func (n *note) usable() bool {
	if !n.filled {
		return true
	}
	f := n.reference.Fill
	return f != nil && f.Value == n.fill
}

// fact keeps a number unless another step told it before.
func (n *note) fact(to **frame.Fact, v float64) {
	if *to == nil && finite(v) && n.usable() {
		*to = &frame.Fact{Value: v, Step: n.step, AfterFill: n.filled}
	}
}

// spread keeps the standard deviation, given the scale that a scaler uses and
// the variance if it is known. Scalers put 1 for the scale of a column that
// does not vary.
func (n *note) spread(scale, variance float64) {
	sd := math.Sqrt(variance)
	switch {
	case math.IsNaN(sd) && scale == 1:
		return
	case math.IsNaN(sd):
		sd = scale
	case scale == 1 && math.Abs(sd-1) > 1e-9:
		sd = 0
	}
	n.fact(&n.reference.StdDev, sd)
}

// limits keeps what nothing at fit was beyond. Of data that are rounded to
// float32 first, what is rounded to a limit is not beyond it.
func (n *note) limits(low, high float64, narrow bool) {
	if narrow {
		low = low/2 + float64(math.Nextafter32(float32(low), float32(math.Inf(-1))))/2
		high = high/2 + float64(math.Nextafter32(float32(high), float32(math.Inf(1))))/2
	}
	n.fact(&n.reference.Min, low)
	n.fact(&n.reference.Max, high)
}

// quantileRange keeps the distance of two quantiles.
func (n *note) quantileRange(v, low, high float64) {
	if n.reference.Range == nil && finite(v) && n.usable() && 0 <= low && low < high && high <= 1 {
		n.reference.Range = &frame.QuantileRange{Fact: frame.Fact{Value: v, Step: n.step, AfterFill: n.filled}, Low: low, High: high}
	}
}

// bins keeps bins and the shares below their inner edges, nil if not known.
func (n *note) bins(edges, below []float64) {
	if n.reference.Bins == nil && len(edges) > 2 && finite(edges[0]) && finite(edges[len(edges)-1]) && n.usable() {
		n.reference.Bins = &frame.Bins{Edges: edges, Below: below, Step: n.step, AfterFill: n.filled}
	}
}

// rows keeps how many records the step was fitted on.
func (n *note) rows(v float64) {
	if v >= 1 && v < 1<<53 {
		rows := int64(v)
		n.recall.rows = max(n.recall.rows, rows)
		n.reference.Rows = max(n.reference.Rows, rows)
	}
}

// categories keeps what an encoder knows. open: it was told the categories, and
// lets others pass.
func (n *note) categories(c *Categories, open bool) {
	r := n.reference
	code, _ := c.missingCode()
	if !n.filled && !open && code < 0 && r.NeverMissing == "" {
		r.NeverMissing = n.step
	}
	if r.Categories != nil {
		return
	}
	known := &frame.Categories{Step: n.step, Narrow: c.DType == "float32", Open: open}
	for _, v := range c.Values {
		if t, ok := v.V.(string); ok {
			known.Texts = append(known.Texts, t)
		} else if f, ok := v.number(); ok && !math.IsNaN(f) {
			known.Numbers = append(known.Numbers, f)
		}
	}
	if known.Texts != nil || known.Numbers != nil {
		r.Categories = known
	}
}

// complete says that the column had no missing cell.
func (n *note) complete() {
	if !n.filled && n.reference.NeverMissing == "" {
		n.reference.NeverMissing = n.step
	}
}

// at is item i of a fitted array that may be absent or have one item for all
// columns, else NaN.
func at(values []Float, i int) float64 {
	switch {
	case i < len(values):
		return float64(values[i])
	case len(values) == 1:
		return float64(values[0])
	}
	return math.NaN()
}

// samples is n_samples_seen_: one number, or one for each of width columns.
func (a *attrs) samples(name string, width int) []Float {
	v, ok := a.get(name)
	if !ok || v == nil {
		return nil
	}
	if n, ok := pickle.Float(v); ok {
		return []Float{Float(n)}
	}
	return a.extra(name, width)
}

// extra is a fitted array that does not matter to transform: it is left out
// unless it is one of so many numbers.
func (a *attrs) extra(name string, n int) []Float {
	v, ok := a.get(name)
	if !ok || v == nil {
		return nil
	}
	fs, shape, err := a.floats(v)
	if err != nil || len(shape) != 1 || len(fs) != n {
		return nil
	}
	return toFloats(fs)
}

// told says whether an encoder was given its categories.
func (a *attrs) told() bool {
	v, ok := a.get("categories")
	text, isText := v.(string)
	return ok && v != nil && (!isText || text != "auto")
}

// checkExtra checks the length of an array that may be absent.
func (h *head) checkExtra(name string, got, want int) error {
	if got == 0 {
		return nil
	}
	return h.checkLen(name, got, want)
}

// checkSamples checks a number of records, of all columns together or of each.
func (h *head) checkSamples(samples []Float, in int) error {
	if len(samples) == 1 {
		return nil
	}
	return h.checkExtra("n_samples_seen", len(samples), in)
}
