package model

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"ds-pipeline/preprocess/frame"
	"ds-pipeline/preprocess/pickle"
)

// ColumnTransformer gives each transformer some of the columns and puts the
// results side by side, in the order of the transformers.
// See sklearn.compose.ColumnTransformer.
type ColumnTransformer struct {
	head
	Transformers []Branch `json:"transformers"`
	// Names says how outputs are named: "prefix" (transformer__feature),
	// "plain", or a format with {transformer_name} and {feature_name}.
	Names string `json:"feature_names_out"`
	// Sparse is set when scikit-learn's result is a sparse matrix: all columns
	// are then numbers.
	Sparse bool `json:"sparse_output,omitempty"`

	places map[string]int // of FeatureNames
}

// place is where a feature name first occurs, -1 if nowhere.
func (s *ColumnTransformer) place(name string) int {
	if s.places == nil {
		s.places = make(map[string]int, len(s.FeatureNames))
		for i, n := range s.FeatureNames {
			if _, ok := s.places[n]; !ok {
				s.places[n] = i
			}
		}
	}
	if k, ok := s.places[name]; ok {
		return k
	}
	return -1
}

// Branch is one transformer and the columns that it is given.
type Branch struct {
	Name    string      `json:"name"`
	Columns []ColumnRef `json:"columns"`
	Step    Box         `json:"step"`
	weighting

	at []int // Columns as places
}

// ColumnRef names a column of the input, or says its place from 0.
type ColumnRef struct {
	Name string
	At   int // used if Name is ""
}

// MarshalJSON writes the name or the place.
func (r ColumnRef) MarshalJSON() ([]byte, error) {
	if r.Name != "" {
		return json.Marshal(r.Name)
	}
	return json.Marshal(r.At)
}

// UnmarshalJSON reads a name or a place.
func (r *ColumnRef) UnmarshalJSON(data []byte) error {
	*r = ColumnRef{}
	if len(data) > 0 && data[0] == '"' {
		return json.Unmarshal(data, &r.Name)
	}
	return json.Unmarshal(data, &r.At)
}

func (s *ColumnTransformer) read(a *attrs) {
	a.ignore("transformers", "remainder", "sparse_threshold", "_columns", "_remainder", "output_indices_", "_df_columns",
		"_has_str_cols", "_feature_names_in", "_n_features", "_name_to_fitted_passthrough", "force_int_remainder_cols",
		"_transformers_feature_names_out", "_feature_names_out_callable")
	s.Sparse = a.flag("sparse_output_", false)
	s.Names = "prefix"
	if v, ok := a.get("verbose_feature_names_out"); ok {
		switch v := v.(type) {
		case bool:
			if !v {
				s.Names = "plain"
			}
		case string:
			s.Names = v
		default:
			a.fail("verbose_feature_names_out: got %s, want True, False or a text", pickle.Describe(v))
		}
	}
	if s.Inputs == 0 {
		if v, ok := a.get("_n_features"); ok {
			n, ok := pickle.Int(v)
			if !ok || n < 0 || n > MaxColumns {
				a.fail("_n_features: got %s, want 0 to %d", pickle.Describe(v), MaxColumns)
				return
			}
			s.Inputs = int(n)
		}
	}
	if s.FeatureNames == nil {
		// Before 1.0 the names were kept only for columns given by name.
		for _, name := range []string{"_df_columns", "_feature_names_in"} {
			v, ok := a.get(name)
			if !ok || v == nil {
				continue
			}
			items, _ := a.items(v)
			if len(items) > 0 && len(items) <= MaxColumns && allTexts(items) {
				s.FeatureNames = a.texts(name, v)
				break
			}
		}
	}
	weights := a.weights()
	var places *pickle.Dict
	if v, ok := a.get("_transformer_to_input_indices"); ok {
		places, _ = v.(*pickle.Dict)
	}
	v, ok := a.must("transformers_")
	if !ok {
		return
	}
	total := 0
	for i, it := range a.list("transformers_", v) {
		t, ok := a.items(it)
		if !ok || len(t) != 3 {
			a.fail("transformers_: item %d is %s, want name, transformer and columns", i, pickle.Describe(it))
			return
		}
		name, ok := pickle.Text(t[0])
		if !ok {
			a.fail("transformers_: the name of item %d is %s, want text", i, pickle.Describe(t[0]))
			return
		}
		if t[1] == "drop" {
			continue
		}
		at, scalar, ok := s.columns(a, name, t[2])
		if !ok {
			return
		}
		if v, ok := places.Get(name); ok {
			stored := a.indices("_transformer_to_input_indices", v)
			if !slices.Equal(stored, at) {
				a.fail("transformer %q: its columns are %v by name and %v by place", name, some(at), some(stored))
				return
			}
		}
		if len(at) == 0 {
			continue // scikit-learn skips it; it may not even be fitted
		}
		if scalar {
			a.fail("transformer %q: its column is given alone, not in a list, so that it gets a single row of values; give it a list of one column", name)
			return
		}
		if total += len(at); total > 10*MaxColumns {
			a.fail("the transformers take more than %d columns", 10*MaxColumns)
			return
		}
		br := Branch{Name: name, Columns: make([]ColumnRef, len(at)), Step: Box{a.im.step(t[1], a.path+" "+quote(name))}}
		for j, k := range at {
			br.Columns[j].At = k
			if k < len(s.FeatureNames) && s.FeatureNames[k] != "" && k == s.place(s.FeatureNames[k]) {
				br.Columns[j].Name = s.FeatureNames[k]
			}
		}
		br.weighting = a.weight(weights, name)
		s.Transformers = append(s.Transformers, br)
	}
}

func allTexts(items []pickle.Value) bool {
	for _, it := range items {
		if _, ok := pickle.Text(it); !ok {
			return false
		}
	}
	return true
}

// columns resolves a column selection of a fitted ColumnTransformer: a name, a
// place, a list or array of either, a mask or a slice.
func (s *ColumnTransformer) columns(a *attrs, name string, v pickle.Value) (at []int, scalar, ok bool) {
	bad := func() ([]int, bool, bool) {
		a.fail("transformer %q: columns: got %s, want names, places, a mask or a slice", name, pickle.Describe(v))
		return nil, false, false
	}
	if o, isObj := v.(*pickle.Object); isObj && o.Class.Name == "_RemainderColsList" {
		data, has := o.Attr("data")
		if !has {
			return bad()
		}
		v = data
	}
	switch v := v.(type) {
	case nil:
		return nil, false, true
	case string, int64:
		k, ok := s.column(a, name, v, true)
		return []int{k}, true, ok
	case *pickle.Slice:
		return s.slice(a, name, v)
	}
	items, isList := a.items(v)
	if !isList || len(items) > MaxColumns {
		return bad()
	}
	if len(items) == 0 {
		return nil, false, true
	}
	if _, isMask := pickle.Bool(items[0]); isMask {
		if len(items) != s.Inputs {
			a.fail("transformer %q: columns: a mask of %d, want %d", name, len(items), s.Inputs)
			return nil, false, false
		}
		for i, it := range items {
			on, ok := pickle.Bool(it)
			if !ok {
				return bad()
			}
			if on {
				at = append(at, i)
			}
		}
		return at, false, true
	}
	for _, it := range items {
		k, ok := s.column(a, name, it, true)
		if !ok {
			return nil, false, false
		}
		at = append(at, k)
	}
	return at, false, true
}

// column is the place of one column.
func (s *ColumnTransformer) column(a *attrs, name string, v pickle.Value, negative bool) (int, bool) {
	if text, ok := pickle.Text(v); ok {
		k := s.place(text)
		if k < 0 {
			a.fail("transformer %q: column %q is not one that the model was fitted on", name, text)
		}
		return max(k, 0), k >= 0
	}
	n, ok := pickle.Int(v)
	if _, isBool := pickle.Bool(v); !ok || isBool {
		a.fail("transformer %q: columns: got %s, want a name or a place", name, pickle.Describe(v))
		return 0, false
	}
	if n < 0 && negative {
		n += int64(s.Inputs)
	}
	if n < 0 || n >= int64(s.Inputs) {
		a.fail("transformer %q: column %d, want one below %d", name, n, s.Inputs)
		return 0, false
	}
	return int(n), true
}

// slice resolves a slice. One of names includes its stop, as in pandas.
func (s *ColumnTransformer) slice(a *attrs, name string, sl *pickle.Slice) ([]int, bool, bool) {
	n := s.Inputs
	step := int64(1)
	if sl.Step != nil {
		var ok bool
		if step, ok = pickle.Int(sl.Step); !ok || step == 0 || step > MaxColumns || step < -MaxColumns {
			a.fail("transformer %q: columns: a slice with step %s", name, pickle.Describe(sl.Step))
			return nil, false, false
		}
	}
	bound := func(v pickle.Value, def int, stop bool) (int, bool) {
		if v == nil {
			return def, true
		}
		if _, ok := pickle.Text(v); ok {
			if step != 1 {
				a.fail("transformer %q: columns: a slice of names with step %d is not supported", name, step)
				return 0, false
			}
			k, ok := s.column(a, name, v, false)
			if stop {
				k++
			}
			return k, ok
		}
		k, ok := pickle.Int(v)
		if !ok {
			a.fail("transformer %q: columns: a slice with %s", name, pickle.Describe(v))
			return 0, false
		}
		if k < 0 {
			k += int64(n)
		}
		lo, hi := int64(0), int64(n)
		if step < 0 {
			lo, hi = -1, int64(n)-1
		}
		return int(min(max(k, lo), hi)), true
	}
	first, end := 0, n
	if step < 0 {
		first, end = n-1, -1
	}
	start, ok1 := bound(sl.Start, first, false)
	stop, ok2 := bound(sl.Stop, end, true)
	if !ok1 || !ok2 {
		return nil, false, false
	}
	var at []int
	for k := start; step > 0 && k < stop || step < 0 && k > stop; k += int(step) {
		at = append(at, k)
	}
	return at, false, true
}

func (s *ColumnTransformer) outputs(in int) (int, error) {
	if err := s.checkHead(in); err != nil {
		return 0, err
	}
	if s.Names == "" {
		return 0, s.errorf(`feature_names_out: got "", want prefix, plain or a format such as {transformer_name}__{feature_name}`)
	}
	if s.Names != "prefix" && s.Names != "plain" {
		if _, err := pyFormat(s.Names, "a", "b"); err != nil {
			return 0, s.errorf("feature_names_out: %v", err)
		}
	}
	total := 0
	for i := range s.Transformers {
		br := &s.Transformers[i]
		at := make([]int, len(br.Columns))
		for j, r := range br.Columns {
			k := r.At
			if r.Name != "" {
				if k = s.place(r.Name); k < 0 {
					return 0, errNamed(br.Name, s.errorf("column %q is not one of feature_names_in", r.Name))
				}
			}
			if k < 0 || k >= in {
				return 0, errNamed(br.Name, s.errorf("column %d, want one below %d", k, in))
			}
			at[j] = k
		}
		br.at = at
		out, err := Named{br.Name, br.Step}.outputs(len(at))
		if err != nil {
			return 0, err
		}
		if total += out; total > MaxColumns {
			return 0, s.errorf("makes more than %d columns", MaxColumns)
		}
	}
	return total, nil
}

func (s *ColumnTransformer) needs(in int, down []Want) []Want {
	wants := make([]Want, in)
	if s.Output != "pandas" {
		down = ofArray(down)
	}
	for i := range s.Transformers {
		br := &s.Transformers[i]
		n, _ := br.Step.outputs(len(br.at))
		own := br.Step.needs(len(br.at), down[:n])
		down = down[n:]
		for j, k := range br.at {
			wants[k] = both(wants[k], own[j])
		}
	}
	return wants
}

func (s *ColumnTransformer) names(in []string) []string {
	var names []string
	for i := range s.Transformers {
		br := &s.Transformers[i]
		own := make([]string, len(br.at))
		for j, k := range br.at {
			own[j] = in[k]
		}
		for _, n := range br.Step.names(own) {
			switch s.Names {
			case "prefix":
				n = br.Name + "__" + n
			case "plain":
			default:
				n, _ = pyFormat(s.Names, br.Name, n)
			}
			names = append(names, n)
		}
	}
	return names
}

// pyFormat is str.format with the two names that ColumnTransformer gives.
func pyFormat(format, transformer, feature string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		switch c := format[i]; c {
		case '{', '}':
			if i+1 < len(format) && format[i+1] == c {
				b.WriteByte(c)
				i++
				continue
			}
			end := strings.IndexByte(format[i:], '}')
			if c == '}' || end < 0 {
				return "", fmt.Errorf("%q has a single %c", format, c)
			}
			switch field := format[i+1 : i+end]; field {
			case "transformer_name":
				b.WriteString(transformer)
			case "feature_name":
				b.WriteString(feature)
			default:
				return "", fmt.Errorf("%q has {%s}, want {transformer_name} and {feature_name}", format, field)
			}
			i += end
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), nil
}

func (s *ColumnTransformer) compile(b *builder, in matrix) matrix {
	var parts []matrix
	places := in.places()
	var steps []Named
	var at [][]int
	for _, br := range s.Transformers {
		steps, at = append(steps, Named{br.Name, br.Step}), append(at, br.at)
	}
	b.alone(s, in, steps, at)
	for i := range s.Transformers {
		br := &s.Transformers[i]
		part := b.weigh(s, apply(b, br.Step.step, b.take(in, places, br.at)), br.weighting)
		if len(b.errs) > 0 {
			return matrix{}
		}
		parts = append(parts, part)
	}
	if !s.Sparse {
		out := b.stack(parts, s.Output == "pandas")
		out.sparse = false
		return out
	}
	for i, p := range parts {
		for j, c := range p.cols {
			if c.kind == frame.Text {
				b.fail(s, "column %q holds text, and scikit-learn makes a sparse matrix of numbers here", c.from)
				return p
			}
			if c.dt.kind == 'O' || p.frame && p.dtype().kind == 'O' {
				p.cols[j] = b.cast(c, dtFloat64)
			}
		}
		parts[i] = p
	}
	out := b.stack(parts, false)
	out.sparse = true
	return out
}

func (s *ColumnTransformer) describe(o *outline) {
	o.line("ColumnTransformer: side by side")
	o.depth++
	for i := range s.Transformers {
		br := &s.Transformers[i]
		cols := make([]string, len(br.Columns))
		for j, r := range br.Columns {
			cols[j] = r.Name
			if r.Name == "" {
				cols[j] = fmt.Sprintf("column %d", r.At)
			}
		}
		o.line("%s: of %s", br.Name, some(cols))
		given := o.names
		if o.names != nil && len(br.at) == len(br.Columns) {
			o.names = make([]string, len(br.at))
			for j, k := range br.at {
				o.names[j] = given[k]
			}
		} else {
			o.names = nil
		}
		o.under(br.Step.step)
		o.names = given
	}
	o.depth--
}
