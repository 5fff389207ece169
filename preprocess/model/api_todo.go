package model

import (
	"errors"

	"ds-pipeline/preprocess/frame"
)

// Load reads a model from the bytes of a pickle or joblib file.
func Load(data []byte) (*Model, error) { return nil, errors.New("model: not read yet") }

// Version is the scikit-learn version that wrote the model, "" if unknown.
func (m *Model) Version() string { return m.version }

// Warnings are doubts worth telling a person, such as an unknown version.
func (m *Model) Warnings() []string { return m.warnings }

// Features are the model's input features: by name if the model has names
// (named true), otherwise x0, x1, ... by position.
func (m *Model) Features() (names []string, named bool) { return nil, false }

// Describe says in words what the model does, one line per step, indented.
func (m *Model) Describe() string { return "" }

// MarshalJSON writes the model in the form that Load reads back.
func (m *Model) MarshalJSON() ([]byte, error) { return nil, errors.New("model: not written yet") }

// Bind finds the model's columns in a header: by name if the model has feature
// names, otherwise by position. It reports every missing column at once.
func (m *Model) Bind(header []string) (*Binding, error) {
	return &Binding{model: m}, errors.New("model: not bound yet")
}

// Compile fixes the kinds of the inputs, parallel to Inputs. A Number column
// is Float (or Int, or Bool), a Bool one Bool, a Texts one Text; an Infer
// column has the kind found in the data.
func (b *Binding) Compile(kinds []frame.Kind) (*Program, error) {
	return nil, errors.New("model: not compiled yet")
}

// Apply transforms a batch of rows. in is parallel to Inputs. The result
// aliases in and the worker's scratch and is valid until the next Apply.
//
// bad lists the rows that scikit-learn would refuse, each with column and
// reason; their cells in out are meaningless. err means that the model cannot
// be applied at all.
func (w *Worker) Apply(in []frame.Column, rows int) (out []frame.Column, bad []frame.RowError, err error) {
	return nil, nil, errors.New("model: not applied yet")
}
