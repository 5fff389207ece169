package model

import (
	"slices"

	"ds-pipeline/preprocess/pickle"
)

// MissingIndicator says of each cell whether it is missing:
//
//	y[i] = x[i] is missing
//
// for the columns that had missing cells when fitted, or for all.
// See sklearn.impute.MissingIndicator.
type MissingIndicator struct {
	head
	mixture
	Missing Cell `json:"missing_values"`
	// Columns lists the columns that are looked at.
	Columns []int `json:"columns"`
	// ErrorOnNew refuses missing cells in the other columns.
	ErrorOnNew bool `json:"error_on_new,omitempty"`
	Sparse     bool `json:"sparse,omitempty"`
}

func (s *MissingIndicator) read(a *attrs) {
	a.ignore("_precomputed", "_n_features")
	s.Missing = a.missingValues()
	s.CommonType = a.commonType()
	if v, ok := a.must("features_"); ok {
		s.Columns = a.indices("features_", v)
	}
	if s.Inputs == 0 {
		s.Inputs = a.whole("_n_features", 0)
	}
	if a.option("features", "", "missing-only", "all") == "missing-only" {
		s.ErrorOnNew = a.flag("error_on_new", true)
	} else {
		a.ignore("error_on_new")
	}
	if v, ok := a.get("sparse"); ok && v != "auto" {
		on, ok := pickle.Bool(v)
		if !ok {
			a.fail("sparse: got %s, want auto, True or False", pickle.Describe(v))
		}
		s.Sparse = on
	}
}

func (s *MissingIndicator) outputs(in int) (int, error) {
	if err := s.checkHead(in); err != nil {
		return 0, err
	}
	last := -1
	for _, k := range s.Columns {
		if k <= last || k >= in {
			return 0, s.errorf("columns: %d, want ascending columns below %d", k, in)
		}
		last = k
	}
	return len(s.Columns), nil
}

// Columns that are not looked at had no missing cells.
func (s *MissingIndicator) remember(i int, n *note) {
	if s.Missing.missing() && !slices.Contains(s.Columns, i) {
		n.complete()
	}
}

func (s *MissingIndicator) needs(in int, _ []Want) []Want { return same(in, Infer) }

func (s *MissingIndicator) names(in []string) []string {
	names := make([]string, len(s.Columns))
	for j, k := range s.Columns {
		names[j] = "missingindicator_" + in[k]
	}
	return names
}

func (s *MissingIndicator) compile(b *builder, in matrix) matrix {
	m := s.common(b, b.plain(in)).array(b)
	if len(m.cols) > 0 && m.dtype().kind == 'b' {
		b.fail(s, "does not take columns of True and False alone")
		return m
	}
	nan := s.Missing.V != nil && s.Missing.missing()
	for _, c := range m.cols {
		b.refuseMissing(s, c, s.Missing, nan)
	}
	looked := make([]bool, len(m.cols))
	out := matrix{sparse: s.Sparse, bare: dtBool}
	for _, k := range s.Columns {
		looked[k] = true
		out.cols = append(out.cols, b.isMissing(m.cols[k], s.Missing))
	}
	if s.ErrorOnNew {
		for k, c := range m.cols {
			if !looked[k] {
				found := b.isMissing(c, s.Missing)
				b.add(mustBeFalse{in: found.reg, column: c.from})
			}
		}
	}
	return out
}

func (s *MissingIndicator) describe(o *outline) {
	o.line("MissingIndicator: whether each is missing: %s", o.columns(s.Columns))
}

// mustBeFalse refuses rows that a column of True and False marks.
type mustBeFalse struct {
	in     int
	column string
}

func (o mustBeFalse) run(w *Worker, rows int) {
	for i, v := range w.regs[o.in].Ints[:rows] {
		if v == 1 {
			w.refuse(i, o.column, "", "is missing, and had no missing cells when the model was fitted")
		}
	}
}
