package model

import (
	"math"

	"ds-pipeline/preprocess/frame"
)

// OrdinalEncoder replaces each category by its place among the categories:
//
//	y[i] = k if x[i] is category k
//
// Infrequent categories share one number. An unknown category is an error, or
// UnknownValue; NaN, where it is a category, becomes EncodedMissing.
// See sklearn.preprocessing.OrdinalEncoder.
type OrdinalEncoder struct {
	head
	Categories []Categories `json:"categories"`
	// Groups says, per column, the number of each category but NaN; null where
	// it is its place.
	Groups [][]int `json:"groups,omitempty"`
	// HandleUnknown is error or use_encoded_value.
	HandleUnknown  string `json:"handle_unknown"`
	UnknownValue   *Float `json:"unknown_value,omitempty"`
	EncodedMissing Float  `json:"encoded_missing_value"`
	DType          string `json:"dtype"`
	// Told: the categories were given, not learnt. It does not change the result.
	Told bool `json:"categories_given,omitempty"`
	// RefuseMissing: scikit-learn before 1.0 raises on missing cells.
	RefuseMissing bool `json:"refuse_missing,omitempty"`
}

func (s *OrdinalEncoder) read(a *attrs) {
	a.ignore("min_frequency", "max_categories", "_infrequent_indices", "_missing_indices")
	s.Categories = a.categories("categories_")
	s.Told = a.told()
	s.HandleUnknown = a.option("handle_unknown", "error", "error", "use_encoded_value")
	if v, ok := a.get("unknown_value"); ok && v != nil {
		f := a.number("unknown_value", 0)
		s.UnknownValue = &f
	}
	s.EncodedMissing = a.number("encoded_missing_value", math.NaN())
	s.DType = a.dtypeParam("dtype", "float64")
	s.RefuseMissing = a.before(1, 0)
	s.Groups = a.groups()
	s.fixWidth(len(s.Categories))
}

func (s *OrdinalEncoder) outputs(in int) (int, error) {
	if err := s.checkHead(in); err != nil {
		return 0, err
	}
	if err := s.checkCategories(in, s.Categories, s.Groups); err != nil {
		return 0, err
	}
	d, ok := dtypeNames[s.DType]
	if !ok || d.kind == 'O' || d.kind == 'b' {
		return 0, s.errorf("dtype: got %q, want a whole number type, float32 or float64", s.DType)
	}
	switch {
	case s.HandleUnknown == "error":
	case s.HandleUnknown != "use_encoded_value":
		return 0, s.errorf("handle_unknown: got %q, want error or use_encoded_value", s.HandleUnknown)
	case s.UnknownValue == nil:
		return 0, s.errorf("unknown_value: missing, and handle_unknown is use_encoded_value")
	case !fits(float64(*s.UnknownValue), d):
		return 0, s.errorf("unknown_value: %v does not fit %s", *s.UnknownValue, s.DType)
	}
	for i := range s.Categories {
		n := len(s.Categories[i].Values)
		if n > 1<<30 || n > 0 && !fits(float64(n-1), d) {
			return 0, s.errorf("categories: column %d has %d, and codes of dtype %s", i, n, s.DType)
		}
		nan := s.nan(i)
		if nan >= 0 && !fits(float64(s.EncodedMissing), d) {
			return 0, s.errorf("encoded_missing_value: %v does not fit %s", s.EncodedMissing, s.DType)
		}
		if g := s.group(i); g != nil {
			if nan >= 0 {
				n--
			}
			if _, err := s.checkGroup(i, g, n); err != nil {
				return 0, err
			}
		}
	}
	return in, nil
}

// fits says whether a number can be one of dtype d.
func fits(v float64, d dtype) bool {
	switch d.kind {
	case 'f':
		return true
	case 'i':
		limit := math.Ldexp(1, 8*d.size-1)
		return v == math.Trunc(v) && v >= -limit && v < limit
	case 'u':
		return v == math.Trunc(v) && v >= 0 && v < math.Ldexp(1, min(8*d.size, 63))
	}
	return false
}

func (s *OrdinalEncoder) group(i int) []int {
	if s.Groups == nil {
		return nil
	}
	return s.Groups[i]
}

// nan is the place of NaN among the categories of column i, -1 if it is none.
// With groups it comes last.
func (s *OrdinalEncoder) nan(i int) int {
	code, none := s.Categories[i].missingCode()
	if none {
		return -1
	}
	return code
}

func (s *OrdinalEncoder) remember(i int, n *note) {
	n.categories(&s.Categories[i], s.Told && s.HandleUnknown != "error")
}

func (s *OrdinalEncoder) needs(int, []Want) []Want {
	wants := make([]Want, len(s.Categories))
	for i := range wants {
		wants[i] = s.Categories[i].want()
	}
	return wants
}

func (s *OrdinalEncoder) names(in []string) []string { return in }

func (s *OrdinalEncoder) compile(b *builder, in matrix) matrix {
	in = b.plain(in)
	dt := dtypeNames[s.DType]
	var out matrix
	for i, c := range in.cols {
		cats := &s.Categories[i]
		// Codes are places in values: one per category, then unknown, then NaN.
		n := len(cats.Values)
		values := make([]float64, n+2)
		codes := make([]int32, n)
		nan := s.nan(i)
		at := 0
		for k := range codes {
			codes[k] = int32(k)
			values[k] = float64(k)
			if g := s.group(i); g != nil && k != nan {
				values[k] = float64(g[at])
				at++
			}
		}
		unknown := int32(refused)
		if s.HandleUnknown == "use_encoded_value" {
			unknown = int32(n)
			values[n] = float64(*s.UnknownValue)
		}
		missing := unknown
		if code, none := cats.missingCode(); none {
			missing = int32(code)
		} else if code >= 0 {
			missing = int32(n + 1)
			values[n+1] = float64(s.EncodedMissing)
		} else if s.RefuseMissing {
			missing = refused
		}
		if dt == dtFloat32 {
			for k, v := range values {
				values[k] = float64(float32(v))
			}
		}
		l, c := b.find(s, c, cats, codes, missing, unknown)
		oc := b.derived(c, dt)
		b.add(ordinal{lookup: l, out: oc.reg, values: values})
		out.cols = append(out.cols, oc)
	}
	return out
}

// ordinal writes the value of each row's code.
type ordinal struct {
	*lookup
	out    int
	values []float64
}

func (o ordinal) run(w *Worker, rows int) {
	codes := w.codes(rows)
	o.codes(w, rows, codes)
	out := &w.regs[o.out]
	if out.Kind == frame.Int {
		to := intsOf(out, rows)
		for i, k := range codes {
			to[i] = 0
			if k != refused {
				to[i] = int64(o.values[k])
			}
		}
		return
	}
	to := floatsOf(out, rows)
	for i, k := range codes {
		to[i] = 0
		if k != refused {
			to[i] = o.values[k]
		}
	}
}

func (s *OrdinalEncoder) describe(o *outline) {
	unknown := s.HandleUnknown
	if s.UnknownValue != nil {
		unknown = "become " + s.UnknownValue.String()
	}
	o.line("OrdinalEncoder: the place among the categories, from 0; unknown categories: %s", unknown)
	for i := range s.Categories {
		o.line("  %s: %s", o.column(i), some(s.Categories[i].labels(false)))
	}
}
