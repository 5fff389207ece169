// Package frame holds a batch of records column by column. The table package
// fills one from text, the model package turns one into another, and the table
// package writes it out; neither knows the other.
package frame

// Kind is the type of a column's values.
type Kind uint8

// Kinds of column. They are what pandas would call float64, float32, int64,
// bool and, of the last two, object.
const (
	Float   Kind = iota // Floats; NaN is missing
	Float32             // Floats, each value exactly a float32; NaN is missing
	Int                 // Ints; never missing
	Bool                // Ints: 0 false, 1 true, -1 missing
	Text                // Texts; nil is missing

	// BoolGaps is what a column as a whole is, not any batch of it: true and
	// false, of which some are missing. Its cells are Bool.
	BoolGaps
)

// Cells is the kind of a Column that holds cells of a column of kind k.
func (k Kind) Cells() Kind {
	if k == BoolGaps {
		return Bool
	}
	return k
}

// Column is one column of a batch, or a run of adjacent indicator columns.
//
// The slice that Kind names has one element per row; the others are unused and
// may be kept for reuse. A column with Hot set stands for Width columns, of
// which row i has 1 in column Hot[i] and 0 elsewhere (Hot[i] -1: 0 everywhere),
// each cell being of kind Kind.
type Column struct {
	Kind   Kind
	Floats []float64
	Ints   []int64
	Texts  [][]byte

	Width int // with Hot: how many columns; otherwise 0
	Hot   []int32
}

// RowError says why a record cannot be used.
type RowError struct {
	Row    int    // index in the batch
	Column string // input column, "" if the record as a whole
	Value  string // the value at fault, for people who may see the data
	Reason string // never contains the value
}
