package model

import "ds-pipeline/preprocess/pickle"

// OneHotEncoder makes one column of 0 and 1 per category:
//
//	y[i][k] = 1 if x[i] is category k, else 0
//
// Infrequent categories share one column, after the others. A dropped category
// has no column. An unknown category is an error, or 0 everywhere, or counts
// as infrequent where there are infrequent ones.
// See sklearn.preprocessing.OneHotEncoder.
type OneHotEncoder struct {
	head
	Categories []Categories `json:"categories"`
	// Groups says, per column, which output each category has before one is
	// dropped; null where each category has its own.
	Groups [][]int `json:"groups,omitempty"`
	// Drop is the output that is dropped, per column; -1 for none.
	Drop []int `json:"drop,omitempty"`
	// HandleUnknown is error, ignore, infrequent_if_exist or warn.
	HandleUnknown string `json:"handle_unknown"`
	DType         string `json:"dtype"`
	Sparse        bool   `json:"sparse_output,omitempty"`
	// Told: the categories were given, not learnt. It does not change the result.
	Told bool `json:"categories_given,omitempty"`
	// RefuseMissing: scikit-learn before 0.24 raises on missing cells.
	RefuseMissing bool `json:"refuse_missing,omitempty"`
}

func (s *OneHotEncoder) read(a *attrs) {
	a.ignore("min_frequency", "max_categories", "_n_features_outs", "drop", "drop_idx_", "sparse",
		"sparse_output", "_infrequent_indices", "n_values", "categorical_features", "_legacy_mode", "_n_features")
	s.Categories = a.categories("categories_")
	s.Told = a.told()
	s.HandleUnknown = a.option("handle_unknown", "", "error", "ignore", "infrequent_if_exist", "warn")
	s.DType = a.dtypeParam("dtype", "float64")
	s.RefuseMissing = a.before(0, 24)
	s.Groups = a.groups()

	if v, ok := a.get("feature_name_combiner"); ok && v != "concat" {
		a.fail("feature_name_combiner: got %s, want concat", pickle.Describe(v))
	}
	sparse := "sparse_output"
	if !a.has(sparse) {
		sparse = "sparse"
	}
	if v, _ := a.get("sparse"); v != nil && v != "deprecated" && sparse == "sparse_output" {
		sparse = "sparse" // 1.2 and 1.3: the old name wins where it is given
	}
	s.Sparse = a.flag(sparse, true)

	drop := "_drop_idx_after_grouping"
	if !a.has(drop) {
		drop = "drop_idx_"
	}
	if v, ok := a.get(drop); ok && v != nil {
		items := a.list(drop, v)
		s.Drop = make([]int, len(items))
		for i, it := range items {
			s.Drop[i] = -1
			if it == nil {
				continue
			}
			n, ok := pickle.Int(it)
			if !ok || n < 0 || n > MaxColumns {
				a.fail("%s: item %d is %s, want a category's place or None", drop, i, pickle.Describe(it))
				return
			}
			s.Drop[i] = int(n)
		}
	} else if v, ok := a.get("drop"); ok && v != nil {
		a.fail("%s: missing, and drop is %s", drop, pickle.Describe(v))
	}
	s.fixWidth(len(s.Categories))
}

// groups reads how infrequent categories are grouped.
func (a *attrs) groups() [][]int {
	if !a.flag("_infrequent_enabled", false) {
		a.ignore("_default_to_infrequent_mappings")
		return nil
	}
	v, ok := a.must("_default_to_infrequent_mappings")
	if !ok {
		return nil
	}
	items := a.list("_default_to_infrequent_mappings", v)
	groups := make([][]int, len(items))
	for i, it := range items {
		if it != nil {
			groups[i] = a.indices("_default_to_infrequent_mappings", it)
		}
	}
	return groups
}

// checkCategories checks the categories of an encoder, and how they are grouped.
func (h *head) checkCategories(in int, cats []Categories, groups [][]int) error {
	if err := h.checkLen("categories", len(cats), in); err != nil {
		return err
	}
	for i := range cats {
		if what := cats[i].check(); what != "" {
			return h.errorf("categories: column %d: %s", i, what)
		}
	}
	if groups == nil {
		return nil
	}
	return h.checkLen("groups", len(groups), in)
}

// checkGroup checks that a grouping of n categories uses 0 to its largest
// number, and returns that plus one.
func (h *head) checkGroup(column int, group []int, n int) (int, error) {
	if len(group) != n {
		return 0, h.errorf("groups: column %d has %d for %d categories", column, len(group), n)
	}
	largest := -1
	for _, g := range group {
		if g < 0 || g >= n {
			return 0, h.errorf("groups: column %d: got %d, want 0 to %d", column, g, n-1)
		}
		largest = max(largest, g)
	}
	used := make([]bool, largest+1)
	for _, g := range group {
		used[g] = true
	}
	for g, u := range used {
		if !u {
			return 0, h.errorf("groups: column %d: no category has %d", column, g)
		}
	}
	return largest + 1, nil
}

func (s *OneHotEncoder) outputs(in int) (int, error) {
	if err := s.checkHead(in); err != nil {
		return 0, err
	}
	if err := s.checkCategories(in, s.Categories, s.Groups); err != nil {
		return 0, err
	}
	if d, ok := dtypeNames[s.DType]; !ok || d.kind == 'O' {
		return 0, s.errorf("dtype: got %q, want a number type", s.DType)
	}
	switch s.HandleUnknown {
	case "error", "ignore", "infrequent_if_exist", "warn":
	default:
		return 0, s.errorf("handle_unknown: got %q, want error, ignore, infrequent_if_exist or warn", s.HandleUnknown)
	}
	if s.Drop != nil {
		if err := s.checkLen("drop", len(s.Drop), in); err != nil {
			return 0, err
		}
	}
	total := 0
	for i := range s.Categories {
		n := len(s.Categories[i].Values)
		if g := s.group(i); g != nil {
			var err error
			if n, err = s.checkGroup(i, g, n); err != nil {
				return 0, err
			}
		}
		if s.Drop != nil {
			if s.Drop[i] < -1 || s.Drop[i] >= n {
				return 0, s.errorf("drop: column %d: got %d, want -1 to %d", i, s.Drop[i], n-1)
			}
			if s.Drop[i] >= 0 {
				n--
			}
		}
		if total += n; total > MaxColumns {
			return 0, s.errorf("makes more than %d columns", MaxColumns)
		}
	}
	return total, nil
}

func (s *OneHotEncoder) group(i int) []int {
	if s.Groups == nil {
		return nil
	}
	return s.Groups[i]
}

// plan is, for column i, the output of each category (-1: none), how many
// outputs there are, and the output of the infrequent ones (-1: none).
func (s *OneHotEncoder) plan(i int) (codes []int32, width int, infrequent int32) {
	n := len(s.Categories[i].Values)
	group := s.group(i)
	groups := n
	infrequent = -1
	if group != nil {
		groups = 0
		for _, g := range group {
			groups = max(groups, g+1)
		}
		infrequent = int32(groups - 1)
	}
	drop := -1
	width = groups
	if s.Drop != nil && s.Drop[i] >= 0 {
		drop = s.Drop[i]
		width--
	}
	shift := func(g int) int32 {
		switch {
		case g == drop:
			return -1
		case drop >= 0 && g > drop:
			return int32(g - 1)
		}
		return int32(g)
	}
	codes = make([]int32, n)
	for k := range codes {
		g := k
		if group != nil {
			g = group[k]
		}
		codes[k] = shift(g)
	}
	if infrequent >= 0 {
		infrequent = shift(int(infrequent))
	}
	return codes, width, infrequent
}

func (s *OneHotEncoder) remember(i int, n *note) {
	n.categories(&s.Categories[i], s.Told && s.HandleUnknown != "error")
}

func (s *OneHotEncoder) needs(int, []Want) []Want {
	wants := make([]Want, len(s.Categories))
	for i := range wants {
		wants[i] = s.Categories[i].want()
	}
	return wants
}

func (s *OneHotEncoder) names(in []string) []string {
	var names []string
	for i := range s.Categories {
		labels := s.Categories[i].labels(s.group(i) != nil)
		codes, width, infrequent := s.plan(i)
		out := make([]string, width)
		for k, code := range codes {
			if code >= 0 {
				out[code] = in[i] + "_" + labels[k]
			}
		}
		if s.group(i) != nil && infrequent >= 0 {
			out[infrequent] = in[i] + "_infrequent_sklearn"
		}
		names = append(names, out...)
	}
	return names
}

func (s *OneHotEncoder) compile(b *builder, in matrix) matrix {
	in = b.plain(in)
	dt := dtypeNames[s.DType]
	out := matrix{sparse: s.Sparse, bare: dt}
	for i, c := range in.cols {
		cats := &s.Categories[i]
		codes, width, infrequent := s.plan(i)
		unknown := int32(-1)
		switch s.HandleUnknown {
		case "error":
			unknown = refused
		case "infrequent_if_exist", "warn":
			if s.group(i) != nil {
				unknown = infrequent
			}
		}
		missing := unknown
		if at, _ := cats.missingCode(); at >= 0 {
			missing = codes[at]
		} else if s.RefuseMissing {
			missing = refused
		}
		l, c := b.find(s, c, cats, codes, missing, unknown)
		o := oneHot{lookup: l, out: -1}
		if width > 0 {
			hot := col{reg: b.reg(dt.cells()), kind: dt.cells(), dt: dt, hot: width, from: c.from}
			o.out = hot.reg
			out.cols = append(out.cols, hot)
		}
		b.add(o)
	}
	return out
}

// oneHot writes the code of each row, -1 for a row of zeros.
type oneHot struct {
	*lookup
	out int // -1: no output, the cells are only checked
}

func (o oneHot) run(w *Worker, rows int) {
	to := w.codes(rows)
	if o.out >= 0 {
		to = hotOf(&w.regs[o.out], rows)
	}
	o.codes(w, rows, to)
	if o.unknown != refused && o.missing != refused {
		return
	}
	for i, h := range to {
		if h == refused {
			to[i] = -1
		}
	}
}

func (s *OneHotEncoder) describe(o *outline) {
	o.line("OneHotEncoder: one column per category; unknown categories: %s", s.HandleUnknown)
	for i := range s.Categories {
		extra := ""
		if s.group(i) != nil {
			extra = "; the infrequent share one column"
		}
		if s.Drop != nil && s.Drop[i] >= 0 {
			extra += "; one is dropped"
		}
		o.line("  %s: %s%s", o.column(i), some(s.Categories[i].labels(false)), extra)
	}
}
