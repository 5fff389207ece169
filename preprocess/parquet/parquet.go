// Package parquet reads and writes flat Parquet files, column by column, in
// memory that does not depend on the length of the file or of its row groups.
//
//	io.ReaderAt ──File──► Reader ──► frame.Columns
//	frame.Columns ──Encoder──► block of pages ──Writer──► io.Writer
//
// A Reader holds a piece of a page, or the page where that has to be whole, and a
// dictionary of each column it reads. A Writer
// holds the compressed pages of one row group, which Encoders have made in
// parallel.
//
// The metadata is that of github.com/parquet-go/parquet-go, of which only the
// thrift codec and the structs of the format are linked. The pages are dealt with
// here, as every count and length in them is that of somebody else: nothing is
// allocated or repeated because a file says so, beyond what Limits allow.
package parquet

import (
	"fmt"
	"runtime"

	"github.com/parquet-go/parquet-go/format"
)

// Magic is how a Parquet file starts and ends.
const Magic = "PAR1"

// magicEncrypted is how a file with an encrypted footer ends.
const magicEncrypted = "PARE"

// Limits bound the memory that a file can ask for.
type Limits struct {
	// PageBytes is the most that a dictionary, or a page that has to be unpacked as
	// a whole, may hold, in bytes. Other pages may be longer.
	PageBytes int
	// HeldBytes is the most that is held of the pages and dictionaries of all
	// columns together, in bytes.
	HeldBytes int
	// ValueBytes is the longest text that is read.
	ValueBytes int
}

// DefaultLimits suit what pandas, DuckDB and Spark write: pages of 1 MiB, and
// of a row group at most.
func DefaultLimits() Limits {
	return Limits{PageBytes: 32 << 20, HeldBytes: 512 << 20, ValueBytes: 8 << 20}
}

const (
	// rowsPerByte bounds how many rows a file may have for its size. A million
	// equal rows take some hundred bytes.
	rowsPerByte = 1 << 14
	// maxFooter bounds the metadata at the end of a file, in bytes.
	maxFooter = 64 << 20
	// maxList bounds every list in the metadata but that of the row groups.
	maxList = 1 << 16
	// maxDepth bounds how deep the metadata is nested; 6 is usual.
	maxDepth = 16
	// maxHeader bounds the header of a page, in bytes.
	maxHeader = 1 << 20
)

// Error says what is wrong with a file. The errors of the file itself come
// through as they are.
type Error struct {
	Column string // "" if it is none of a column
	Row    int64  // from which on it cannot be read, from 1; 0 if unknown
	Reason string
}

func (e *Error) Error() string {
	text := e.Reason
	if e.Column != "" {
		text = fmt.Sprintf("column %q: %s", e.Column, text)
	}
	if e.Row > 0 {
		text = fmt.Sprintf("from row %d on: %s", e.Row, text)
	}
	return "Parquet: " + text
}

func damaged(format string, args ...any) error {
	return &Error{Reason: fmt.Sprintf(format, args...)}
}

// recovered turns a panic, which a hostile file might cause in the library, into
// an error. It is deferred.
func recovered(err *error) {
	switch r := recover().(type) {
	case nil:
	case runtime.Error:
		*err = damaged("it is damaged: %s", r)
	default:
		*err = damaged("it is damaged")
	}
}

// physical names a type as the format does.
func physical(t format.Type) string { return t.String() }
