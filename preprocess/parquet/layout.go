package parquet

import (
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"ds-pipeline/preprocess/frame"
)

// Layout is what a Writer stores: the columns of a file, in order, as they come
// from frame.Columns. Every column may have nulls, so that the schema does not
// depend on the data.
type Layout struct {
	leaves []leaf
	parts  []part
}

// leaf is a column of the file.
type leaf struct {
	element format.SchemaElement
	order   order
	hot     bool // one of a run of indicator columns that has a dictionary of 0 and 1

	zero, top, one []byte // of such a run, as setIndicators tells
}

// part is a frame.Column: one leaf, or a run of them.
type part struct {
	first int // leaf
	width int // 0: not a run
	kind  frame.Kind
	blank bool // an empty text is null
}

// order is how the values of a leaf are compared for its statistics.
type order uint8

const (
	unordered order = iota
	signed
	unsigned
	floating
	bytewise
)

func (l *leaf) typ() format.Type { return l.element.Type.V }

// width is how many bytes a value takes, 0 if that differs and for booleans.
func (l *leaf) width() int {
	switch l.typ() {
	case format.Int32, format.Float:
		return 4
	case format.Int64, format.Double:
		return 8
	case format.Int96:
		return int96Bytes
	case format.FixedLenByteArray:
		return int(l.element.TypeLength.V)
	}
	return 0
}

// Add adds a column of a kind. blank says that an empty text is null too.
func (l *Layout) Add(name string, k frame.Kind, blank bool) {
	l.parts = append(l.parts, part{first: len(l.leaves), kind: k, blank: blank})
	l.leaves = append(l.leaves, leafOf(name, k))
}

// AddRun adds a run of indicator columns, as a frame.Column with Hot is.
func (l *Layout) AddRun(names []string, k frame.Kind) {
	l.parts = append(l.parts, part{first: len(l.leaves), width: len(names), kind: k})
	for _, name := range names {
		one := leafOf(name, k)
		one.hot = k != frame.Bool // true and false take a bit each anyway
		one.setIndicators()
		l.leaves = append(l.leaves, one)
	}
}

// AddAs adds a column of the type that a column of another file has, whose
// values are read with Want.Stored.
func (l *Layout) AddAs(name string, c *Column) {
	one := leaf{element: c.element, order: c.order()}
	one.element.Name = name
	one.element.RepetitionType = thrift.New(format.Optional)
	one.element.FieldID = 0
	l.parts = append(l.parts, part{first: len(l.leaves), kind: c.Stored()})
	l.leaves = append(l.leaves, one)
}

func leafOf(name string, k frame.Kind) leaf {
	e := format.SchemaElement{Name: name, RepetitionType: thrift.New(format.Optional)}
	o := floating
	switch k {
	case frame.Float:
		e.Type = thrift.New(format.Double)
	case frame.Float32:
		e.Type = thrift.New(format.Float)
	case frame.Int:
		e.Type, o = thrift.New(format.Int64), signed
	case frame.Bool:
		e.Type, o = thrift.New(format.Boolean), unsigned
	case frame.Text:
		e.Type, o = thrift.New(format.ByteArray), bytewise
		e.ConvertedType = thrift.New(deprecated.UTF8)
		e.LogicalType.Value = &format.StringType{}
	}
	return leaf{element: e, order: o}
}

// order is how the values of a column compare. That of decimals in bytes and of
// INT96 is not what readers agree on.
func (c *Column) order() order {
	switch c.typ {
	case format.Float, format.Double:
		return floating
	case format.Boolean:
		return unsigned
	case format.ByteArray:
		if c.Meaning == Text {
			return bytewise
		}
	case format.Int32, format.Int64:
		if c.Meaning == Uint {
			return unsigned
		}
		return signed
	}
	return unordered
}

// Stored is the kind of a column that is read as it is stored.
func (c *Column) Stored() frame.Kind {
	switch c.typ {
	case format.Boolean:
		return frame.Bool
	case format.Int32, format.Int64:
		return frame.Int
	case format.Float:
		return frame.Float32
	case format.Double:
		return frame.Float
	}
	return frame.Text
}

// schema is the layout as the footer has it.
func (l *Layout) schema() []format.SchemaElement {
	all := make([]format.SchemaElement, 0, len(l.leaves)+1)
	all = append(all, format.SchemaElement{Name: "schema", NumChildren: thrift.New(int32(len(l.leaves)))})
	for i := range l.leaves {
		all = append(all, l.leaves[i].element)
	}
	return all
}
