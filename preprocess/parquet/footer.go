package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// span is a piece of the footer.
type span struct{ start, end int }

// fileMeta is what is needed of format.FileMetaData. The row groups are left out:
// they are decoded one at a time.
type fileMeta struct {
	Schema     thrift.Slice[format.SchemaElement] `thrift:"2,required"`
	NumRows    int64                              `thrift:"3,required"`
	Encryption thrift.Null[present]               `thrift:"8,optional"`
}

// present is a struct of which only the presence counts.
type present struct{}

type groupMeta struct {
	Columns thrift.Slice[chunkMeta] `thrift:"1,required"`
	NumRows int64                   `thrift:"3,required"`
}

type chunkMeta struct {
	FilePath  string                  `thrift:"1,optional"`
	Meta      thrift.Null[columnMeta] `thrift:"3,optional"`
	Encrypted thrift.Null[present]    `thrift:"8,optional"`
}

type columnMeta struct {
	Type                 format.Type             `thrift:"1,required"`
	Codec                format.CompressionCodec `thrift:"4,required"`
	NumValues            int64                   `thrift:"5,required"`
	TotalCompressedSize  int64                   `thrift:"7,required"`
	DataPageOffset       int64                   `thrift:"9,required"`
	DictionaryPageOffset int64                   `thrift:"11,optional"`
	Statistics           struct {
		NullCount thrift.Null[int64] `thrift:"3,optional"`
	} `thrift:"12,optional"`
}

// File is a Parquet file of which the footer was read.
type File struct {
	r       io.ReaderAt
	size    int64
	limits  Limits
	piece   int // bytes of a page that are unpacked at once, if they need not be more
	footer  []byte
	groups  []span
	leaves  int // columns, with those inside nested ones
	columns []Column
	rows    int64
}

// Open reads the footer of a file. r has to stay open as long as the File is
// used. What is wrong with the file is an *Error.
func Open(r io.ReaderAt, size int64, limits Limits) (*File, error) {
	const tail = 8 // length of the footer, magic
	if size < int64(len(Magic)+tail) {
		return nil, damaged("%d bytes are no Parquet file", size)
	}
	var end [tail]byte
	if err := readAt(r, end[:], size-tail); err != nil {
		return nil, err
	}
	switch string(end[4:]) {
	case Magic:
	case magicEncrypted:
		return nil, damaged("it is encrypted, which is not supported")
	default:
		return nil, damaged("it does not end in %s: is it truncated?", Magic)
	}
	length := int64(binary.LittleEndian.Uint32(end[:4]))
	if length > size-tail-int64(len(Magic)) {
		return nil, damaged("the footer is said to have %d bytes, more than the file", length)
	}
	if length > maxFooter {
		return nil, damaged("the footer has %d bytes, want at most %d: too many row groups", length, maxFooter)
	}
	f := &File{r: r, size: size, limits: limits, piece: pieceBytes, footer: make([]byte, length)}
	if err := readAt(r, f.footer, size-tail-length); err != nil {
		return nil, err
	}
	if err := f.readFooter(); err != nil {
		return nil, err
	}
	return f, nil
}

// readAt fills p. A file that ends before was cut while it was read.
func readAt(r io.ReaderAt, p []byte, offset int64) error {
	n, err := r.ReadAt(p, offset)
	switch {
	case n == len(p):
		return nil
	case err == nil || errors.Is(err, io.EOF):
		return damaged("it ends at byte %d", offset+int64(n))
	}
	return &ioError{err}
}

// ioError is an error of reading, which is none of the file's content.
type ioError struct{ error }

func (e *ioError) Unwrap() error { return e.error }

func (f *File) readFooter() (err error) {
	defer recovered(&err)
	w := walker{b: f.footer}
	if err := w.file(&f.groups); err != nil {
		return damaged("the footer is damaged: %v", err)
	}
	var meta fileMeta
	if err := decode(f.footer, &meta); err != nil {
		return damaged("the footer is damaged: %v", err)
	}
	if meta.Encryption.Valid {
		return damaged("it is encrypted, which is not supported")
	}
	f.rows = meta.NumRows
	if f.columns, f.leaves, err = flatten(meta.Schema); err != nil {
		return err
	}
	total := int64(0)
	for i := range f.groups {
		g, err := f.group(i)
		if err != nil {
			return err
		}
		if g.NumRows < 0 || g.NumRows > math.MaxInt64-total {
			return damaged("row group %d has %d rows", i+1, g.NumRows)
		}
		total += g.NumRows
		for c := range f.columns {
			f.columns[c].note(g)
		}
	}
	if most := f.size * rowsPerByte; total > most {
		return damaged("it says that it has %d rows in %d bytes, want at most %d", total, f.size, most)
	}
	if total != f.rows {
		return damaged("its row groups have %d rows, but it says %d", total, f.rows)
	}
	return nil
}

// group decodes the metadata of a row group.
func (f *File) group(i int) (g *groupMeta, err error) {
	defer recovered(&err)
	g = &groupMeta{}
	if err := decode(f.footer[f.groups[i].start:f.groups[i].end], g); err != nil {
		return nil, damaged("row group %d is damaged: %v", i+1, err)
	}
	if len(g.Columns) != f.leaves {
		return nil, damaged("row group %d has %d columns, want %d", i+1, len(g.Columns), f.leaves)
	}
	return g, nil
}

// Rows is how many rows the file has.
func (f *File) Rows() int64 { return f.rows }

// Columns are the columns of the file, nested ones as one each.
func (f *File) Columns() []Column { return f.columns }

func decode(b []byte, v any) error {
	return thrift.NewDecoder(new(thrift.CompactProtocol).NewReaderFromBytes(b)).Decode(v)
}

// walker goes through a struct of the compact protocol before the library
// decodes it: the library trusts the lengths of lists, and goes as deep as the
// nesting does.
type walker struct {
	b  []byte
	at int
}

var (
	errCut  = errors.New("it ends too early")
	errDeep = errors.New("it is nested too deep")
)

// Types of the compact protocol.
const (
	typeTrue   = 1
	typeFalse  = 2
	typeByte   = 3
	typeI16    = 4
	typeI32    = 5
	typeI64    = 6
	typeDouble = 7
	typeBinary = 8
	typeList   = 9
	typeSet    = 10
	typeMap    = 11
	typeStruct = 12
)

func (w *walker) byte() (byte, error) {
	if w.at >= len(w.b) {
		return 0, errCut
	}
	w.at++
	return w.b[w.at-1], nil
}

func (w *walker) varint() (uint64, error) {
	v, n := binary.Uvarint(w.b[w.at:])
	if n == 0 {
		return 0, errCut
	}
	if n < 0 {
		return 0, errors.New("a number is too large")
	}
	w.at += n
	return v, nil
}

func (w *walker) skip(n uint64) error {
	if n > uint64(len(w.b)-w.at) {
		return errCut
	}
	w.at += int(n)
	return nil
}

// field reads the header of a field; typ 0 is the end of the struct.
func (w *walker) field(last int) (id, typ int, err error) {
	c, err := w.byte()
	if err != nil || c == 0 {
		return 0, 0, err
	}
	if c>>4 != 0 {
		return last + int(c>>4), int(c & 15), nil
	}
	v, err := w.varint()
	return int(int64(v>>1) ^ -int64(v&1)), int(c & 15), err
}

// structure skips a struct.
func (w *walker) structure(depth int) error {
	for last := 0; ; {
		id, typ, err := w.field(last)
		if err != nil || typ == 0 {
			return err
		}
		last = id
		if typ == typeTrue || typ == typeFalse {
			continue
		}
		if err := w.value(typ, depth); err != nil {
			return err
		}
	}
}

func (w *walker) value(typ, depth int) error {
	if depth > maxDepth {
		return errDeep
	}
	switch typ {
	case typeTrue, typeFalse, typeByte: // a bool in a list is a byte
		return w.skip(1)
	case typeI16, typeI32, typeI64:
		_, err := w.varint()
		return err
	case typeDouble:
		return w.skip(8)
	case typeBinary:
		n, err := w.varint()
		if err != nil {
			return err
		}
		return w.skip(n)
	case typeList, typeSet:
		n, of, err := w.list()
		if err != nil {
			return err
		}
		if n > maxList {
			return fmt.Errorf("a list has %d items", n)
		}
		for range n {
			if err := w.value(of, depth+1); err != nil {
				return err
			}
		}
		return nil
	case typeStruct:
		return w.structure(depth + 1)
	}
	return fmt.Errorf("an unknown type %d", typ) // maps do not occur
}

func (w *walker) list() (n uint64, of int, err error) {
	c, err := w.byte()
	if err != nil {
		return 0, 0, err
	}
	if n = uint64(c >> 4); n == 15 {
		if n, err = w.varint(); err != nil {
			return 0, 0, err
		}
	}
	if n > uint64(len(w.b)-w.at) { // an item has a byte at least
		return 0, 0, errCut
	}
	return n, int(c & 15), nil
}

// file goes through the metadata of a file and notes where its row groups are.
func (w *walker) file(groups *[]span) error {
	const rowGroups = 4
	for last := 0; ; {
		id, typ, err := w.field(last)
		if err != nil || typ == 0 {
			return err
		}
		last = id
		switch {
		case typ == typeTrue || typ == typeFalse:
			continue
		case id != rowGroups || typ != typeList:
			if err := w.value(typ, 1); err != nil {
				return err
			}
			continue
		}
		n, of, err := w.list()
		if err != nil {
			return err
		}
		if of != typeStruct {
			return fmt.Errorf("row groups of type %d", of)
		}
		*groups = (*groups)[:0]
		for range n {
			start := w.at
			if err := w.structure(2); err != nil {
				return err
			}
			*groups = append(*groups, span{start, w.at})
		}
	}
}
