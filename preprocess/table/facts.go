package table

import "ds-pipeline/preprocess/frame"

// As says how a column's cells are to be read.
type As uint8

// Ways to read a column.
const (
	AsNumber  As = iota + 1 // numbers; a column of only true and false is Bool
	AsBool                  // true or false
	AsText                  // verbatim
	AsFound                 // the kind that pandas.read_csv would find
	AsFigures               // the same, of numbers or of true and false alone
)

// Facts is what was seen in a column. Facts of several blocks combine with |.
type Facts uint8

// What can be seen in a column.
const (
	SawMissing Facts = 1 << iota
	SawBool
	SawInt
	SawBigInt // an integer of more than 64 bits
	SawFloat
	SawText
)

// Kind is the kind of a column of which f was seen.
//
// AsFound follows pandas: integers without gaps are Int, numbers are Float,
// true and false are Bool, or BoolGaps with gaps, and everything else is Text. A
// column of integers that do not all fit in 64 bits is Text: as numbers they
// would lose digits. AsFigures makes numbers of them all the same.
func (as As) Kind(f Facts) frame.Kind {
	numbers := f & (SawInt | SawBigInt | SawFloat)
	switch as {
	case AsBool:
		return frame.Bool
	case AsText:
		return frame.Text
	case AsNumber:
		if f&SawBool != 0 && numbers == 0 {
			return frame.Bool
		}
		return frame.Float
	case AsFigures:
		switch {
		case f&SawBool != 0 && numbers == 0:
			return f.bools()
		case numbers == SawInt && f&SawMissing == 0:
			return frame.Int
		}
		return frame.Float
	}
	switch {
	case f&SawText != 0, f&SawBool != 0 && numbers != 0:
		return frame.Text
	case f&SawBool != 0:
		return f.bools()
	case f&SawFloat != 0, f&SawMissing != 0, numbers == 0:
		return frame.Float
	case f&SawBigInt != 0:
		return frame.Text
	}
	return frame.Int
}

// bools is the kind of a column of true and false.
func (f Facts) bools() frame.Kind {
	if f&SawMissing != 0 {
		return frame.BoolGaps
	}
	return frame.Bool
}

// finds tells whether the kind of a column is that of the data, of which a gap is
// a part.
func (as As) finds() bool { return as == AsFound || as == AsFigures }

// Open tells whether any cell may still change the kind of a column of which f
// was seen: nothing was seen yet, or large integers that a fraction would make
// numbers. Otherwise only a cell that is not of the kind can change it.
func (as As) Open(f Facts) bool {
	if as == AsFigures {
		return f&^SawText == 0
	}
	return as == AsFound && (f == 0 || f&(SawText|SawBool|SawMissing|SawFloat) == 0 && f&SawBigInt != 0)
}

// Settled tells whether facts prove that a column is of kind k, in which case no
// part of a larger set of facts can be of another kind unless one of its cells
// is not of kind k.
func (as As) Settled(k frame.Kind, f Facts) bool {
	if as == AsBool || as == AsText || as == AsNumber && k == frame.Float {
		return true
	}
	numbers := f & (SawInt | SawBigInt | SawFloat)
	switch k {
	case frame.Int:
		return f&SawInt != 0
	case frame.Bool:
		return f&SawBool != 0
	case frame.BoolGaps:
		return f&SawBool != 0 && f&SawMissing != 0
	case frame.Text:
		return f&SawText != 0 || f&SawBool != 0 && numbers != 0
	}
	if as == AsFigures && f&SawBigInt != 0 {
		return true
	}
	return f&SawFloat != 0 || f&SawMissing != 0 && numbers != 0
}

// Unusual tells whether facts are more than what confirms a column of numbers.
func (f Facts) Unusual() bool { return f&^SawFloat != 0 }

// refuses tells whether a cell of which f was seen makes its record useless,
// whatever the other records hold.
func (as As) refuses(f Facts) bool {
	return (as == AsNumber || as == AsFigures) && f == SawText || as == AsBool && f != SawBool
}

// look classifies one cell that is not missing.
func look(b []byte) Facts {
	_, ok, big := parseInt(b)
	if ok {
		return SawInt
	}
	if big {
		return SawBigInt
	}
	if _, ok := ParseFloat(b); ok {
		return SawFloat
	}
	if _, ok := parseBool(b); ok {
		return SawBool
	}
	return SawText
}
