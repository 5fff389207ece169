// Package model turns a fitted scikit-learn preprocessing model into a program
// over columns, and refuses by name what it cannot reproduce exactly.
//
//	bytes ──Load──► Model ──Bind(header)──► Binding ──Compile(kinds)──► Program ──► Worker.Apply
//
// Each step is a plain struct in the file named after its scikit-learn class;
// that file holds its formula, how it is read from a pickle, how it is checked
// and how it is compiled. Nothing in a model is ever executed.
package model

import "ds-pipeline/preprocess/frame"

// Want is how a column's cells must be read.
type Want uint8

// Ways to read a column.
const (
	// Number cells are float64. A column that holds nothing but true and false
	// counts as 1 and 0, as in numpy; its kind is then Bool.
	Number Want = iota + 1
	// Bool cells are true or false, in any case.
	Bool
	// Texts are taken as they stand, also when they look like numbers.
	Texts
	// Infer leaves the kind to the data: what pandas.read_csv would find.
	Infer
)

// String is the want in words, for messages.
func (w Want) String() string {
	switch w {
	case Number:
		return "number"
	case Bool:
		return "true or false"
	case Texts:
		return "text"
	case Infer:
		return "as found"
	}
	return "unused"
}

// Input is one column the model reads.
type Input struct {
	Name  string // as in the header
	Index int    // position in the header, from 0
	Want  Want
}

// Model is a fitted model: checked, but not yet bound to any input.
type Model struct {
	root     step
	version  string
	warnings []string
}

// Binding is a Model whose columns were found in a header.
type Binding struct {
	model  *Model
	inputs []Input
	// features maps each feature of the model to its input, or -1 where the
	// model does not read it.
	features []int
	names    []string
}

// Inputs lists the columns the model reads, each at most once per Want: a
// column that one step reads as numbers and another as text is listed twice.
func (b *Binding) Inputs() []Input { return b.inputs }

// Program is a Model compiled for columns of known kinds. It is immutable and
// may be shared.
type Program struct {
	names []string
}

// Names are the output columns, as get_feature_names_out() names them.
func (p *Program) Names() []string { return p.names }

// Worker applies a Program to one batch after the other. It owns scratch
// memory, so it is not safe for concurrent use; a Program may have many.
type Worker struct {
	program *Program
}

// NewWorker makes a Worker.
func (p *Program) NewWorker() *Worker { return &Worker{program: p} }

// step is one scikit-learn object of the model.
type step interface {
	class() string
}

var _ = frame.Float
