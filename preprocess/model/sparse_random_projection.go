package model

import (
	"slices"

	"ds-pipeline/preprocess/pickle"
)

// SparseRandomProjection projects each record on random vectors of which most
// numbers are 0:
//
//	y[k] = sum over j of x[Columns[k][j]] * Values[k][j]
//
// The sum is in the order of scipy: that in which the numbers are held, or that of
// the columns if the input is a sparse matrix. With density=1 it may differ in the
// last digit, as that of PCA may. Missing cells and infinities are refused.
// See sklearn.random_projection.SparseRandomProjection.
type SparseRandomProjection struct {
	head
	Columns [][]int   `json:"columns"`         // of each component
	Values  [][]Float `json:"values"`          // parallel to columns
	DType   string    `json:"dtype,omitempty"` // float32 if fitted on such data
	// DenseOutput makes an array of the result for a sparse matrix, too.
	DenseOutput bool `json:"dense_output,omitempty"`
}

// csrClasses are scipy's matrices of compressed rows.
var csrClasses = map[pickle.Global]bool{
	{Module: "scipy.sparse.csr", Name: "csr_matrix"}:  true,
	{Module: "scipy.sparse._csr", Name: "csr_matrix"}: true,
	{Module: "scipy.sparse._csr", Name: "csr_array"}:  true,
}

func (s *SparseRandomProjection) read(a *attrs) {
	a.ignore("n_components", "n_components_", "eps", "density", "density_", "compute_inverse_components", "inverse_components_", "_n_features_out")
	s.DenseOutput = a.flag("dense_output", false)
	v, _ := a.get("components_")
	if _, dense := v.(*pickle.Array); dense { // density=1
		s.Values, s.DType = a.grid("components_"), a.narrow("components_")
		for _, row := range s.Values {
			columns := make([]int, len(row))
			for i := range columns {
				columns[i] = i
			}
			s.Columns = append(s.Columns, columns)
			s.fixWidth(len(row))
		}
		return
	}
	o, ok := v.(*pickle.Object)
	if !ok || !csrClasses[o.Class] {
		a.fail("components_: got %s, want a sparse matrix of compressed rows; is the model fitted?", pickle.Describe(v))
		return
	}
	width, ok := s.readRows(a, o)
	if !ok {
		a.fail("components_: its rows, columns and values do not fit each other")
		return
	}
	s.fixWidth(width)
}

// readRows reads a matrix of compressed rows; of row k the columns and values are at
// indptr[k] to indptr[k+1]. It returns how many columns there are.
func (s *SparseRandomProjection) readRows(a *attrs, o *pickle.Object) (int, bool) {
	shape, _ := o.Attr("_shape")
	sizes, _ := pickle.Items(shape)
	if len(sizes) != 2 {
		return 0, false
	}
	width, ok := pickle.Int(sizes[1])
	if !ok || width < 1 || width > MaxColumns {
		return 0, false
	}
	array := func(name string) *pickle.Array {
		v, _ := o.Attr(name)
		arr, ok := v.(*pickle.Array)
		if !ok || len(arr.Shape) != 1 || !a.im.room(arr.Len(), 1) {
			return nil
		}
		return arr
	}
	indptr, indices, data := array("indptr"), array("indices"), array("data")
	if indptr == nil || indices == nil || data == nil || indptr.Len() < 1 || indptr.Len() > MaxColumns+1 {
		return 0, false
	}
	starts, err1 := indptr.Ints()
	columns, err2 := indices.Ints()
	values, err3 := data.Floats()
	if err1 != nil || err2 != nil || err3 != nil || len(columns) != len(values) || starts[0] != 0 || starts[len(starts)-1] != int64(len(values)) {
		return 0, false
	}
	if data.DType.Kind == 'f' && data.DType.Size == 4 {
		s.DType = "float32"
	}
	for k, from := range starts[:len(starts)-1] {
		to := starts[k+1]
		if from > to || to > int64(len(values)) {
			return 0, false
		}
		row := make([]int, 0, to-from)
		for _, c := range columns[from:to] {
			if c < 0 || c >= width {
				return 0, false
			}
			row = append(row, int(c))
		}
		s.Columns = append(s.Columns, row)
		s.Values = append(s.Values, append([]Float{}, toFloats(values[from:to])...))
	}
	return int(width), true
}

func (s *SparseRandomProjection) outputs(in int) (int, error) {
	if err := s.checkHead(in); err != nil {
		return 0, err
	}
	if err := s.checkNarrow(s.DType); err != nil {
		return 0, err
	}
	if len(s.Columns) == 0 || len(s.Columns) != len(s.Values) {
		return 0, s.errorf("columns and values: %d and %d components, want as many of both, and one at least", len(s.Columns), len(s.Values))
	}
	for k, columns := range s.Columns {
		if len(columns) != len(s.Values[k]) {
			return 0, s.errorf("values: component %d has %d for %d columns", k, len(s.Values[k]), len(columns))
		}
		for j, c := range columns {
			if c < 0 || c >= in {
				return 0, s.errorf("columns: component %d has column %d, want one below %d", k, c, in)
			}
			if !s.Values[k][j].isFinite() {
				return 0, s.errorf("values: component %d has %v, want finite numbers", k, s.Values[k][j])
			}
		}
	}
	return len(s.Columns), nil
}

func (s *SparseRandomProjection) needs(in int, _ []Want) []Want { return same(in, Number) }

func (s *SparseRandomProjection) names([]string) []string { return s.classNames(len(s.Columns)) }

func (s *SparseRandomProjection) compile(b *builder, in matrix) matrix {
	m := b.numbers(s, b.narrowed(in, s.DType))
	if len(b.errs) > 0 {
		return m
	}
	dt := dtFloat64
	if s.DType == "float32" && len(m.cols) > 0 {
		dt = m.cols[0].dt
	}
	b.allChecked(s.Class, m, false)
	for i, c := range m.cols {
		m.cols[i] = b.cast(c, dt)
	}
	out := matrix{sparse: in.sparse && !s.DenseOutput}
	for k, columns := range s.Columns {
		order := make([]int, len(columns))
		for j := range order {
			order[j] = j
		}
		if in.sparse {
			slices.SortStableFunc(order, func(i, j int) int { return columns[i] - columns[j] })
		}
		oc := b.derived(col{}, dt)
		o := weightedSum{out: oc.reg, narrow: dt == dtFloat32}
		for _, j := range order {
			o.in = append(o.in, m.cols[columns[j]].reg)
			o.by = append(o.by, float64(s.Values[k][j]))
		}
		b.add(o)
		out.cols = append(out.cols, oc)
	}
	return out
}

func (s *SparseRandomProjection) describe(o *outline) {
	o.line("SparseRandomProjection: %d components", len(s.Columns))
}

// weightedSum is y = sum of x[j] * by[j], rounded after every product and sum.
type weightedSum struct {
	in     []int
	by     []float64
	out    int
	narrow bool
}

func (o weightedSum) run(w *Worker, rows int) {
	to := floatsOf(&w.regs[o.out], rows)
	clear(to)
	for j, r := range o.in {
		by := o.by[j]
		from := w.regs[r].Floats[:len(to)]
		if o.narrow {
			for i, v := range from {
				to[i] = float64(float32(to[i] + float64(float32(v*by))))
			}
			continue
		}
		for i, v := range from {
			to[i] += float64(v * by)
		}
	}
}
