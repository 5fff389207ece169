package model

import "ds-pipeline/preprocess/pickle"

// Pipeline applies its steps one after the other.
// See sklearn.pipeline.Pipeline.
type Pipeline struct {
	head
	Steps []Named `json:"steps"`
	DType string  `json:"dtype,omitempty"` // float32 if fitted on such data
}

// Named is a step with its name.
type Named struct {
	Name string `json:"name"`
	Step Box    `json:"step"`
}

func (s *Pipeline) read(a *attrs) {
	a.ignore("memory", "transform_input")
	s.Inputs, s.FeatureNames = 0, nil
	v, ok := a.must("steps")
	if !ok {
		return
	}
	items := a.list("steps", v)
	for i, it := range items {
		pair, ok := a.items(it)
		if !ok || len(pair) != 2 {
			a.fail("steps: item %d is %s, want a name and a transformer", i, pickle.Describe(it))
			return
		}
		name, ok := pickle.Text(pair[0])
		if !ok {
			a.fail("steps: the name of item %d is %s, want text", i, pickle.Describe(pair[0]))
			return
		}
		s.Steps = append(s.Steps, Named{name, Box{a.im.step(pair[1], a.path+" "+quote(name))}})
	}
	s.adopt()
	if chainNarrow(s.Steps) {
		s.DType = "float32"
	}
}

// adopt takes width and names from the first step that has them.
func (s *Pipeline) adopt() {
	for _, n := range s.Steps {
		if s.Inputs == 0 && n.Step.width() > 0 {
			s.Inputs = n.Step.width()
		}
		if s.FeatureNames == nil {
			s.FeatureNames = n.Step.featureNames()
		}
		switch st := n.Step.step.(type) {
		case *passthrough:
		case *FunctionTransformer: // hands on as many columns, of the same names
			// Fitted on an array with set_output, it made the names of the next step.
			if st.Validate || st.Output == "pandas" && st.Inputs > 0 && st.FeatureNames == nil {
				return
			}
		default:
			return
		}
	}
}

func (s *Pipeline) outputs(in int) (int, error) {
	if len(s.Steps) == 0 {
		return 0, s.errorf("steps: none")
	}
	if err := s.checkHead(in); err != nil {
		return 0, err
	}
	if err := s.checkNarrow(s.DType); err != nil {
		return 0, err
	}
	n := in
	for _, st := range s.Steps {
		out, err := st.outputs(n)
		if err != nil {
			return 0, err
		}
		n = out
	}
	return n, nil
}

// outputs checks the step and adds its name to an error.
func (n Named) outputs(in int) (int, error) {
	if n.Step.step == nil {
		return 0, errNamed(n.Name, errNoStep)
	}
	out, err := n.Step.outputs(in)
	if err != nil {
		return 0, errNamed(n.Name, err)
	}
	if out > MaxColumns {
		return 0, errNamed(n.Name, n.Step.header().errorf("makes %d columns, want at most %d", out, MaxColumns))
	}
	return out, nil
}

func (s *Pipeline) needs(in int, down []Want) []Want {
	widths := make([]int, len(s.Steps))
	n := in
	for i, st := range s.Steps {
		widths[i] = n
		n, _ = st.outputs(n)
	}
	for i := len(s.Steps) - 1; i >= 0; i-- {
		down = s.Steps[i].Step.needs(widths[i], down)
	}
	return down
}

func (s *Pipeline) names(in []string) []string {
	for _, st := range s.Steps {
		in = st.Step.names(in)
	}
	return in
}

func (s *Pipeline) compile(b *builder, in matrix) matrix {
	in = b.narrowed(in, s.DType)
	for _, st := range s.Steps {
		if len(b.errs) > 0 {
			return in
		}
		in = apply(b, st.Step.step, in)
	}
	return in
}

func (s *Pipeline) describe(o *outline) {
	o.line("Pipeline: one after the other")
	o.depth++
	given := o.names
	for _, st := range s.Steps {
		o.line("%s:", st.Name)
		o.under(st.Step.step)
		if o.names != nil {
			o.names = st.Step.names(o.names)
		}
	}
	o.names = given
	o.depth--
}
