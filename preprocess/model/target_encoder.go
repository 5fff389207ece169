package model

import "ds-pipeline/preprocess/pickle"

// TargetEncoder replaces each category by a number learnt from the target:
//
//	y[i] = Encodings[i][k] if x[i] is category k, Means otherwise
//
// With several classes there is one such column per class, those of a feature
// side by side. See sklearn.preprocessing.TargetEncoder.
type TargetEncoder struct {
	head
	Categories []Categories `json:"categories"`
	// Told: the categories were given, not learnt. It does not change the result.
	Told bool `json:"categories_given,omitempty"`
	// Classes are the labels of a target of several classes; absent otherwise.
	Classes []string `json:"classes,omitempty"`
	// Encodings has one row per output: feature by feature, class by class.
	Encodings [][]Float `json:"encodings"`
	// Means stand for unknown categories: one per class, or one.
	Means []Float `json:"target_mean"`
}

func (s *TargetEncoder) read(a *attrs) {
	a.ignore("smooth", "cv", "shuffle", "target_type", "classes_", "_infrequent_enabled")
	s.Categories = a.categories("categories_")
	s.Told = a.told()
	if a.flag("_infrequent_enabled", false) {
		a.fail("_infrequent_enabled: got True, want False")
	}
	if v, ok := a.must("encodings_"); ok {
		for i, it := range a.list("encodings_", v) {
			fs, shape, err := a.floats(it)
			if err != nil || len(shape) != 1 {
				a.fail("encodings_: item %d: got %s, want an array of numbers", i, pickle.Describe(it))
				return
			}
			s.Encodings = append(s.Encodings, toFloats(fs))
		}
	}
	if a.option("target_type_", "", "binary", "continuous", "multiclass") == "multiclass" {
		v, _ := a.must("classes_")
		items, ok := a.items(v)
		if !ok || len(items) == 0 || len(items) > MaxColumns {
			a.fail("classes_: got %s, want a list of labels", pickle.Describe(v))
			return
		}
		bits := 64
		if arr, ok := v.(*pickle.Array); ok && arr.DType.Kind == 'f' && arr.DType.Size == 4 {
			bits = 32
		}
		for i, it := range items {
			c, err := toCell(it)
			if err != nil {
				a.fail("classes_: item %d: %v", i, err)
				return
			}
			s.Classes = append(s.Classes, c.text(bits))
		}
		s.Means = a.vector("target_mean_")
	} else {
		s.Means = []Float{a.number("target_mean_", 0)}
		a.must("target_mean_")
	}
	s.fixWidth(len(s.Categories))
}

// perFeature is how many outputs each feature has.
func (s *TargetEncoder) perFeature() int { return max(1, len(s.Classes)) }

func (s *TargetEncoder) outputs(in int) (int, error) {
	if err := s.checkHead(in); err != nil {
		return 0, err
	}
	if err := s.checkCategories(in, s.Categories, nil); err != nil {
		return 0, err
	}
	per := s.perFeature()
	if len(s.Means) != per {
		return 0, s.errorf("target_mean: %d values, want %d", len(s.Means), per)
	}
	if in > MaxColumns/per {
		return 0, s.errorf("makes more than %d columns", MaxColumns)
	}
	if len(s.Encodings) != in*per {
		return 0, s.errorf("encodings: %d, want %d", len(s.Encodings), in*per)
	}
	for i, e := range s.Encodings {
		if n := len(s.Categories[i/per].Values); len(e) != n {
			return 0, s.errorf("encodings: item %d has %d values for %d categories", i, len(e), n)
		}
	}
	return in * per, nil
}

func (s *TargetEncoder) remember(i int, n *note) { n.categories(&s.Categories[i], s.Told) }

func (s *TargetEncoder) needs(int, []Want) []Want {
	wants := make([]Want, len(s.Categories))
	for i := range wants {
		wants[i] = s.Categories[i].want()
	}
	return wants
}

func (s *TargetEncoder) names(in []string) []string {
	if s.Classes == nil {
		return in
	}
	var names []string
	for _, n := range in {
		for _, c := range s.Classes {
			names = append(names, n+"_"+c)
		}
	}
	return names
}

func (s *TargetEncoder) compile(b *builder, in matrix) matrix {
	in = b.plain(in)
	per := s.perFeature()
	var out matrix
	for i, c := range in.cols {
		cats := &s.Categories[i]
		n := len(cats.Values)
		codes := make([]int32, n)
		for k := range codes {
			codes[k] = int32(k)
		}
		unknown := int32(n)
		missing := unknown
		if at, _ := cats.missingCode(); at >= 0 {
			missing = int32(at)
		}
		l, c := b.find(s, c, cats, codes, missing, unknown)
		o := encode{lookup: l}
		for k := range per {
			oc := b.derived(c, dtFloat64)
			o.out = append(o.out, oc.reg)
			o.values = append(o.values, append(plainFloats(s.Encodings[i*per+k]), float64(s.Means[k])))
			out.cols = append(out.cols, oc)
		}
		b.add(o)
	}
	return out
}

// encode writes, for each output, the value of each row's code.
type encode struct {
	*lookup
	out    []int
	values [][]float64
}

func (o encode) run(w *Worker, rows int) {
	codes := w.codes(rows)
	o.codes(w, rows, codes)
	for j, r := range o.out {
		to := floatsOf(&w.regs[r], rows)
		values := o.values[j]
		for i, k := range codes {
			to[i] = values[k]
		}
	}
}

func (s *TargetEncoder) describe(o *outline) {
	o.line("TargetEncoder: a number per category; %s for unknown ones", some(s.Means))
	for i := range s.Categories {
		o.line("  %s: %s", o.column(i), some(s.Categories[i].labels(false)))
	}
}
