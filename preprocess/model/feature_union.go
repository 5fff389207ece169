package model

import (
	"ds-pipeline/preprocess/frame"
	"ds-pipeline/preprocess/pickle"
)

// FeatureUnion gives every transformer all columns and puts the results side
// by side. See sklearn.pipeline.FeatureUnion.
type FeatureUnion struct {
	head
	Transformers []Part `json:"transformers"`
	// Plain is set by verbose_feature_names_out=False: names have no prefix.
	Plain bool `json:"plain_names,omitempty"`
}

// Part is one transformer of a FeatureUnion.
type Part struct {
	Name string `json:"name"`
	Step Box    `json:"step"`
	weighting
}

func (s *FeatureUnion) read(a *attrs) {
	s.Inputs, s.FeatureNames = 0, nil
	s.Plain = !a.flag("verbose_feature_names_out", true)
	weights := a.weights()
	v, ok := a.must("transformer_list")
	if !ok {
		return
	}
	for i, it := range a.list("transformer_list", v) {
		t, ok := a.items(it)
		if !ok || len(t) != 2 {
			a.fail("transformer_list: item %d is %s, want a name and a transformer", i, pickle.Describe(it))
			return
		}
		name, ok := pickle.Text(t[0])
		if !ok {
			a.fail("transformer_list: the name of item %d is %s, want text", i, pickle.Describe(t[0]))
			return
		}
		if t[1] == "drop" || t[1] == nil {
			continue
		}
		p := Part{Name: name, Step: Box{a.im.step(t[1], a.path+" "+quote(name))}}
		p.weighting = a.weight(weights, name)
		s.Transformers = append(s.Transformers, p)
		if s.Inputs == 0 && p.Step.width() > 0 {
			s.Inputs = p.Step.width()
		}
		if s.FeatureNames == nil {
			s.FeatureNames = p.Step.featureNames()
		}
	}
}

func (s *FeatureUnion) outputs(in int) (int, error) {
	if err := s.checkHead(in); err != nil {
		return 0, err
	}
	total := 0
	for _, p := range s.Transformers {
		n, err := Named{p.Name, p.Step}.outputs(in)
		if err != nil {
			return 0, err
		}
		if total += n; total > MaxColumns {
			return 0, s.errorf("makes more than %d columns", MaxColumns)
		}
	}
	return total, nil
}

func (s *FeatureUnion) needs(in int, down []Want) []Want {
	wants := make([]Want, in)
	if s.Output != "pandas" {
		down = ofArray(down)
	}
	for _, p := range s.Transformers {
		n, _ := p.Step.outputs(in)
		for i, w := range p.Step.needs(in, down[:n]) {
			wants[i] = both(wants[i], w)
		}
		down = down[n:]
	}
	return wants
}

func (s *FeatureUnion) names(in []string) []string {
	var names []string
	for _, p := range s.Transformers {
		for _, n := range p.Step.names(in) {
			if !s.Plain {
				n = p.Name + "__" + n
			}
			names = append(names, n)
		}
	}
	return names
}

func (s *FeatureUnion) compile(b *builder, in matrix) matrix {
	var parts []matrix
	sparse := false
	var steps []Named
	for _, p := range s.Transformers {
		steps = append(steps, Named{p.Name, p.Step})
	}
	b.alone(s, in, steps, nil)
	for _, p := range s.Transformers {
		part := b.weigh(s, apply(b, p.Step.step, in), p.weighting)
		if len(b.errs) > 0 {
			return part
		}
		sparse = sparse || part.sparse
		parts = append(parts, part)
	}
	if sparse {
		for _, p := range parts {
			for _, c := range p.cols {
				if c.kind == frame.Text {
					b.fail(s, "column %q holds text, and scikit-learn makes a sparse matrix of numbers here", c.from)
					return p
				}
			}
		}
	}
	out := b.stack(parts, s.Output == "pandas")
	out.sparse = sparse
	return out
}

func (s *FeatureUnion) describe(o *outline) {
	o.line("FeatureUnion: all columns to each, side by side")
	o.depth++
	for _, p := range s.Transformers {
		o.line("%s:", p.Name)
		o.under(p.Step.step)
	}
	o.depth--
}
