package table

import (
	"encoding/binary"
	"strconv"

	"ds-pipeline/preprocess/frame"
)

// Formatter writes batches as CSV the way pandas.DataFrame.to_csv(index=False)
// does: fields are quoted only if they must be, lines end in LF, missing values
// are empty, numbers are as Python's repr writes them. A carriage return is
// quoted too, or it would read back as a line end. It is not safe for
// concurrent use.
type Formatter struct {
	// QuoteEmpty quotes texts that are empty, so that a Parser without null values
	// tells them from missing ones.
	QuoteEmpty bool

	dialect Dialect
	zeros   [3][]byte // runs of zero cells: "0.0,0.0,", "0,0,", "False,False,"
	rows    int64
}

// NewFormatter makes a Formatter.
func NewFormatter(d Dialect) *Formatter { return &Formatter{dialect: d} }

// Rows is how many rows were appended so far.
func (f *Formatter) Rows() int64 { return f.rows }

// AppendHeader appends the line of column names.
func (f *Formatter) AppendHeader(dst []byte, names []string) []byte {
	start := len(dst)
	for _, name := range names {
		dst = append(f.appendText(dst, []byte(name)), f.dialect.Delimiter)
	}
	return f.endRecord(dst, start)
}

// AppendRows appends the rows of columns that are not marked in skip.
func (f *Formatter) AppendRows(dst []byte, columns []frame.Column, rows int, skip []bool) []byte {
	delimiter := f.dialect.Delimiter
	for row := range rows {
		if skip[row] {
			continue
		}
		start := len(dst)
		for i := range columns {
			c := &columns[i]
			if c.Width > 0 || c.Hot != nil {
				dst = f.appendHot(dst, c, row)
				continue
			}
			switch c.Kind {
			case frame.Text:
				dst = f.appendText(dst, c.Texts[row])
			case frame.Float: // most cells: a call would be felt
				if v := c.Floats[row]; v == v {
					dst = AppendFloat(dst, v)
				}
			default:
				dst, _ = AppendCell(dst, c, row)
			}
			dst = append(dst, delimiter)
		}
		dst = f.endRecord(dst, start)
		f.rows++
	}
	return dst
}

// AppendCell appends a cell of a column without Hot, unquoted, and tells whether
// it is there: nothing is appended for a missing one.
func AppendCell(dst []byte, c *frame.Column, row int) ([]byte, bool) {
	switch c.Kind {
	case frame.Float:
		if v := c.Floats[row]; v == v {
			return AppendFloat(dst, v), true
		}
	case frame.Float32:
		if v := c.Floats[row]; v == v {
			return AppendFloat32(dst, v), true
		}
	case frame.Int:
		return strconv.AppendInt(dst, c.Ints[row], 10), true
	case frame.Bool:
		switch c.Ints[row] {
		case 0:
			return append(dst, "False"...), true
		case 1:
			return append(dst, "True"...), true
		}
	case frame.Text:
		if text := c.Texts[row]; text != nil {
			return append(dst, text...), true
		}
	}
	return dst, false
}

// endRecord turns the delimiter after the last field into a line end. A record
// that is one empty field would be a blank line, so it is written as "", unless that
// would be another cell.
func (f *Formatter) endRecord(dst []byte, start int) []byte {
	switch {
	case len(dst) == start:
		return append(dst, '\n')
	case len(dst) == start+1 && !f.QuoteEmpty:
		return append(dst[:start], "\"\"\n"...)
	}
	dst[len(dst)-1] = '\n'
	return dst
}

// appendHot appends the cells of a run of indicator columns: a copy of zeros
// with one cell overwritten.
func (f *Formatter) appendHot(dst []byte, c *frame.Column, row int) []byte {
	zero, one, cache := "0.0", "1.0", 0
	switch c.Kind {
	case frame.Int:
		zero, one, cache = "0", "1", 1
	case frame.Bool:
		zero, one, cache = "False", "True", 2
	}
	cell := len(zero) + 1
	zeros := f.zeros[cache]
	for len(zeros) < c.Width*cell {
		zeros = append(append(zeros, zero...), f.dialect.Delimiter)
	}
	f.zeros[cache] = zeros

	hot := int(c.Hot[row])
	if hot < 0 {
		return append(dst, zeros[:c.Width*cell]...)
	}
	if len(zero) == len(one) {
		start := len(dst)
		dst = append(dst, zeros[:c.Width*cell]...)
		dst[start+hot*cell] = '1'
		return dst
	}
	dst = append(dst, zeros[:hot*cell]...)
	dst = append(append(dst, one...), f.dialect.Delimiter)
	return append(dst, zeros[:(c.Width-hot-1)*cell]...)
}

func (f *Formatter) appendText(dst, text []byte) []byte {
	quote := len(text) == 0 && text != nil && f.QuoteEmpty
	rest := text
	for delimiters := ones * uint64(f.dialect.Delimiter); len(rest) >= 8; rest = rest[8:] {
		// Bytes below '#' and delimiters, as in Parser.tokenize.
		x := binary.LittleEndian.Uint64(rest)
		d := x ^ delimiters
		if ((x-ones*'#')&^x|(d-ones)&^d)&highs != 0 {
			break
		}
	}
	for _, c := range rest {
		if c <= '"' && (c == '"' || c == '\n' || c == '\r') || c == f.dialect.Delimiter {
			quote = true
			break
		}
	}
	if !quote {
		return append(dst, text...)
	}
	dst = append(dst, '"')
	for _, c := range text {
		if c == '"' {
			dst = append(dst, '"')
		}
		dst = append(dst, c)
	}
	return append(dst, '"')
}
