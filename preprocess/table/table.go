// Package table reads CSV and JSON lines and writes CSV, in blocks of whole records, column by
// column.
//
//	io.Reader ──Splitter──► block ──Parser──► frame.Columns ... frame.Columns ──Formatter──► block
//
// A Splitter is sequential and cheap; a Parser and a Formatter belong to one
// worker each, so that blocks are parsed and formatted in parallel. What a
// record and a field are follows pandas.read_csv:
//
//   - a record ends at LF, CR LF or a lone CR outside quotes;
//   - a quote opens a quoted field only as the first byte of a field; elsewhere
//     it is an ordinary character, also after a closing quote ("a"b is ab);
//   - lines that are empty or hold only spaces and tabs are no records.
//
// Unlike in pandas, a record with too few or too many fields is an error, and a
// blank line of a table with a single column is a record, whose cell is missing.
package table

import (
	"fmt"

	"ds-pipeline/preprocess/frame"
)

// Dialect is how fields and records are told apart.
type Dialect struct {
	// Delimiter separates fields: a single byte for which IsDelimiter is true.
	Delimiter byte
	// JSON is set for JSONLines, which have no delimiter.
	JSON bool
}

// CSV is the usual dialect.
var CSV = Dialect{Delimiter: ','}

// IsDelimiter tells whether c can separate fields: it is ASCII and cannot be a
// part of a number, of quotes or of a line end.
func IsDelimiter(c byte) bool {
	switch {
	case c == 0 || c >= 0x7f, c == '"' || c == '\n' || c == '\r', c == '+' || c == '-' || c == '.',
		'0' <= c && c <= '9', 'a' <= c|0x20 && c|0x20 <= 'z':
		return false
	}
	return true
}

// Reject is a record that cannot be used, and why.
type Reject struct {
	// Start and End delimit the record in its block, line end excluded.
	Start, End int
	Column     string // "" if the record as a whole
	Value      string // the value at fault, for people who may see the data
	Reason     string // never contains the value
	// Always is set if the record cannot be used whatever the kinds of columns
	// are, and Endless if nobody can tell where it ends.
	Always, Endless bool
}

// BatchReject turns the error of one row of a batch into a Reject.
func (p *Parser) BatchReject(e frame.RowError) Reject {
	return Reject{
		Start:  int(p.starts[e.Row]),
		End:    int(p.ends[e.Row]),
		Column: e.Column,
		Value:  e.Value,
		Reason: e.Reason,
	}
}

// Place is where a row of the last batch stands in its block, without its line end.
func (p *Parser) Place(row int) (start, end uint32) { return p.starts[row], p.ends[row] }

// LineEnds counts the line ends in b: LF, CR LF and lone CR count one each, and of
// JSON lines, in which a CR is a blank, LF alone. The record that starts at b[i:] is
// on line 1 + LineEnds(b[:i]), provided that no CR LF is cut in two.
func (d Dialect) LineEnds(b []byte) int {
	n := count(b, '\n')
	if d.JSON {
		return n
	}
	for i := indexFrom(b, 0, '\r'); i >= 0; i = indexFrom(b, i+1, '\r') {
		if i+1 == len(b) || b[i+1] != '\n' {
			n++
		}
	}
	return n
}

// RecordTooLongError says that a record exceeds the limit that bounds memory.
type RecordTooLongError struct {
	Offset int64 // of the record in the input, in bytes
	Limit  int   // in bytes
	Quoted bool  // the limit was reached inside quotes
}

func (e *RecordTooLongError) Error() string {
	hint := ""
	if e.Quoted {
		hint = "; it is inside quotes there: is a closing quote missing?"
	}
	return fmt.Sprintf("record at byte %d is longer than %d bytes%s", e.Offset, e.Limit, hint)
}
