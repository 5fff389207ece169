package model

import "slices"

// step is one scikit-learn object of the model. Its methods may only be called
// in this order: outputs, which checks the step, then the others.
type step interface {
	header() *head

	// read fills the step from the attributes of its pickled object.
	read(a *attrs)

	// width is how many columns the step takes, -1 for any number.
	width() int

	// featureNames are the names of the columns the step was fitted with, nil
	// if it was fitted on an array.
	featureNames() []string

	// outputs checks that the step is whole and can take that many columns,
	// and says how many it makes of them.
	outputs(in int) (int, error)

	// needs says how each input column must be read, when the outputs are
	// used as down says.
	needs(in int, down []Want) []Want

	// names are the names of the outputs.
	names(in []string) []string

	// compile adds the step to the program.
	compile(b *builder, in matrix) matrix

	// describe says in words what the step does.
	describe(o *outline)
}

// head is what every step has.
type head struct {
	Class string `json:"class"`
	// FeatureNames are the names of the columns the step was fitted with.
	FeatureNames []string `json:"feature_names_in,omitempty"`
	// Inputs is the number of columns the step takes; 0 for any number.
	Inputs int `json:"n_features_in,omitempty"`
	// Output is "pandas" when set_output(transform="pandas") was called.
	Output string `json:"set_output,omitempty"`
}

func (h *head) header() *head { return h }

func (h *head) width() int {
	if h.Inputs == 0 {
		return -1
	}
	return h.Inputs
}

func (h *head) featureNames() []string { return h.FeatureNames }

// checkHead is the part of outputs that is the same for every step.
func (h *head) checkHead(in int) error {
	switch {
	case h.Inputs < 0 || h.Inputs > MaxColumns:
		return h.errorf("n_features_in: got %d, want 0 to %d", h.Inputs, MaxColumns)
	case h.FeatureNames != nil && h.Inputs != len(h.FeatureNames):
		return h.errorf("feature_names_in: got %d names, want %d", len(h.FeatureNames), h.Inputs)
	case h.Inputs != 0 && in != h.Inputs:
		return h.errorf("gets %d columns, was fitted on %d", in, h.Inputs)
	case h.Output != "" && h.Output != "default" && h.Output != "pandas":
		return h.errorf("set_output: got %q, want default or pandas", h.Output)
	}
	return nil
}

// apply compiles a step, and gives its result the form that set_output asks for.
func apply(b *builder, s step, in matrix) matrix {
	if len(b.errs) > 0 {
		return matrix{}
	}
	if in = b.settle(s, in); len(b.errs) > 0 {
		return matrix{}
	}
	out := s.compile(b, in)
	if s.header().Output == "pandas" {
		if out.sparse {
			b.fail(s, "set_output(transform=\"pandas\") of a sparse matrix, which scikit-learn refuses; set sparse_output=False")
		}
		out.frame = true
	}
	return out
}

// same is n times the same want.
func same(n int, w Want) []Want {
	wants := make([]Want, n)
	for i := range wants {
		wants[i] = w
	}
	return wants
}

// ofArray is how the columns of an array must be read. It has one type, of
// which also those have a say that nothing uses.
func ofArray(wants []Want) []Want {
	if !slices.Contains(wants, Infer) || slices.Contains(wants, Texts) {
		return wants
	}
	wants = slices.Clone(wants)
	for i, w := range wants {
		if w == unused {
			wants[i] = Infer
		}
	}
	return wants
}

// both is the want that serves two uses of a column. Numbers are what can be
// made of anything that is found, so Infer with a Number stays Infer.
func both(a, b Want) Want {
	switch {
	case a == unused:
		return b
	case b == unused || a == b:
		return a
	case a == Texts || b == Texts:
		return Texts
	}
	return Infer
}
