package parquet

import (
	"fmt"
	"math"
	"strings"

	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/format"

	"ds-pipeline/preprocess/frame"
)

// Meaning is what the values of a column are.
type Meaning uint8

// Meanings of columns.
const (
	Unsupported Meaning = iota
	Bool
	Int    // of up to 64 bits, signed
	Uint   // of up to 64 bits
	Float  // 64 bits
	Single // 32 bits
	Text
	Decimal
	Date
	Timestamp
	Time
)

// Column is a column of a file.
type Column struct {
	Name    string
	Meaning Meaning

	refusal  string // why it cannot be read
	typ      format.Type
	length   int // of FIXED_LEN_BYTE_ARRAY
	scale    int // of decimals
	unit     int // of times: how many in a second
	utc      bool
	optional bool
	leaf     int   // index among the chunks of a row group
	nulls    int64 // as the statistics say
	counted  bool  // all row groups say so
	element  format.SchemaElement
}

// note adds up the nulls of a row group.
func (c *Column) note(g *groupMeta) {
	if !c.optional || c.Meaning == Unsupported {
		return
	}
	meta := g.Columns[c.leaf].Meta.V
	if n, ok := meta.Statistics.NullCount.Get(); ok && n >= 0 && n <= g.NumRows {
		c.nulls += n
	} else {
		c.counted = false
	}
}

// String says what type the column has, in the words of the format.
func (c *Column) String() string {
	switch c.Meaning {
	case Text:
		return "STRING"
	case Uint:
		return "UINT"
	case Decimal:
		return "DECIMAL"
	case Date:
		return "DATE"
	case Timestamp:
		return "TIMESTAMP"
	case Time:
		return "TIME"
	}
	return physical(c.typ)
}

// same tells whether another file's column is read in the same way.
func (c *Column) same(d *Column) bool {
	return c.Name == d.Name && c.Meaning == d.Meaning && c.scale == d.scale && c.utc == d.utc
}

// flatten lists the columns of a schema, and counts its leaves.
func flatten(schema []format.SchemaElement) (columns []Column, leaves int, err error) {
	if len(schema) == 0 || schema[0].NumChildren.V < 0 {
		return nil, 0, damaged("it has no schema")
	}
	at := 1
	var skip func(depth int) error // a subtree
	skip = func(depth int) error {
		if at >= len(schema) || depth > maxDepth*4 {
			return damaged("its schema is damaged")
		}
		e := &schema[at]
		at++
		if !e.NumChildren.Valid || e.NumChildren.V == 0 && e.Type.Valid {
			leaves++
			return nil
		}
		for range e.NumChildren.V {
			if err := skip(depth + 1); err != nil {
				return err
			}
		}
		return nil
	}
	for range schema[0].NumChildren.V {
		if at >= len(schema) {
			return nil, 0, damaged("its schema is damaged")
		}
		e := &schema[at]
		c := Column{Name: strings.Clone(e.Name), leaf: leaves, counted: true}
		if e.NumChildren.V > 0 || !e.Type.Valid {
			c.refusal = "it is nested, want a column of plain values"
		} else {
			c.describe(e)
		}
		columns = append(columns, c)
		if err := skip(0); err != nil {
			return nil, 0, err
		}
	}
	if at != len(schema) {
		return nil, 0, damaged("its schema is damaged")
	}
	return columns, leaves, nil
}

// describe finds out what a leaf means.
func (c *Column) describe(e *format.SchemaElement) {
	c.element = *e
	c.element.Name = "" // which may alias the footer
	c.typ, c.length, c.optional = e.Type.V, int(e.TypeLength.V), e.RepetitionType.V == format.Optional
	if c.typ == format.Int96 {
		c.length = int96Bytes
	}
	switch e.RepetitionType.V {
	case format.Required, format.Optional:
	default:
		c.refusal = "it is repeated, want one value per row"
		return
	}
	c.Meaning = c.meaning(e)
	if c.Meaning != Unsupported && c.Meaning != Decimal && c.typ == format.FixedLenByteArray {
		c.Meaning = Unsupported
	}
	if c.Meaning == Unsupported && c.refusal == "" {
		c.refusal = "its type " + typeName(e) + " is not supported"
	}
}

func typeName(e *format.SchemaElement) string {
	name := physical(e.Type.V)
	switch {
	case e.LogicalType.Value != nil:
		name += " (" + e.LogicalType.Value.String() + ")"
	case e.ConvertedType.Valid:
		name += fmt.Sprintf(" (converted type %d)", e.ConvertedType.V)
	}
	return name
}

// perSecond are the units of times.
const (
	millis = 1_000
	micros = 1_000_000
	nanos  = 1_000_000_000
)

func (c *Column) meaning(e *format.SchemaElement) Meaning {
	switch l := e.LogicalType.Value.(type) {
	case *format.StringType, *format.EnumType, *format.JsonType:
		return c.only(Text, format.ByteArray)
	case *format.DecimalType:
		return c.decimal(l.Scale, l.Precision)
	case *format.DateType:
		return c.only(Date, format.Int32)
	case *format.TimestampType:
		c.utc = l.IsAdjustedToUTC
		c.unit = int(1e9 / max(unitOf(l.Unit), 1))
		return c.only(Timestamp, format.Int64)
	case *format.TimeType:
		c.unit = int(1e9 / max(unitOf(l.Unit), 1))
		if c.unit == millis {
			return c.only(Time, format.Int32)
		}
		return c.only(Time, format.Int64)
	case *format.IntType:
		if l.IsSigned {
			return c.only(Int, format.Int32, format.Int64)
		}
		return c.only(Uint, format.Int32, format.Int64)
	case *format.NullType:
		return c.plain()
	case nil:
	default:
		return Unsupported
	}
	if !e.ConvertedType.Valid {
		return c.plain()
	}
	switch e.ConvertedType.V {
	case deprecated.UTF8, deprecated.Enum, deprecated.Json:
		return c.only(Text, format.ByteArray)
	case deprecated.Decimal:
		return c.decimal(e.Scale.V, e.Precision.V)
	case deprecated.Date:
		return c.only(Date, format.Int32)
	case deprecated.TimestampMillis, deprecated.TimestampMicros:
		c.utc, c.unit = true, millis
		if e.ConvertedType.V == deprecated.TimestampMicros {
			c.unit = micros
		}
		return c.only(Timestamp, format.Int64)
	case deprecated.TimeMillis:
		c.unit = millis
		return c.only(Time, format.Int32)
	case deprecated.TimeMicros:
		c.unit = micros
		return c.only(Time, format.Int64)
	case deprecated.Uint8, deprecated.Uint16, deprecated.Uint32, deprecated.Uint64:
		return c.only(Uint, format.Int32, format.Int64)
	case deprecated.Int8, deprecated.Int16, deprecated.Int32, deprecated.Int64:
		return c.only(Int, format.Int32, format.Int64)
	}
	return Unsupported
}

func unitOf(u format.TimeUnit) int64 {
	if u.Value == nil {
		return 0
	}
	return int64(u.Value.Duration())
}

// only is m if the column is stored as one of the types.
func (c *Column) only(m Meaning, types ...format.Type) Meaning {
	for _, t := range types {
		if t == c.typ {
			return m
		}
	}
	return Unsupported
}

// plain is the meaning of a type without annotation. Texts had none once.
func (c *Column) plain() Meaning {
	switch c.typ {
	case format.Boolean:
		return Bool
	case format.Int32, format.Int64:
		return Int
	case format.Float:
		return Single
	case format.Double:
		return Float
	case format.ByteArray:
		return Text
	case format.Int96: // as Spark and Impala wrote times once
		c.unit = nanos
		return Timestamp
	}
	return Unsupported
}

// int96Bytes is how long an INT96 is.
const int96Bytes = 12

// maxDecimal is the longest decimal, in bytes: 128 bits.
const maxDecimal = 16

func (c *Column) decimal(scale, precision int32) Meaning {
	c.scale = int(scale)
	switch {
	case scale < 0 || scale > precision || precision > 38:
		c.refusal = fmt.Sprintf("its decimals of %d digits, %d of them after the point, are not supported", precision, scale)
	case c.typ == format.FixedLenByteArray && (c.length < 1 || c.length > maxDecimal):
		c.refusal = fmt.Sprintf("its decimals of %d bytes are not supported", c.length)
	default:
		return c.only(Decimal, format.Int32, format.Int64, format.ByteArray, format.FixedLenByteArray)
	}
	return Unsupported
}

// Refusal is why a column cannot be read as a kind, or "". Whole numbers are
// Int only without nulls, which Nulls tells.
func (c *Column) Refusal(k frame.Kind) string {
	ok := false
	switch c.Meaning {
	case Unsupported:
		return c.refusal
	case Bool:
		ok = k == frame.Bool || k == frame.Text
	case Int, Uint:
		ok = k == frame.Int || k == frame.Float || k == frame.Text
	case Float:
		ok = k == frame.Float
	case Single:
		ok = k == frame.Float || k == frame.Float32
	case Text, Date, Timestamp, Time:
		ok = k == frame.Text
	case Decimal:
		ok = k == frame.Float || k == frame.Text
	}
	if ok {
		return ""
	}
	return fmt.Sprintf("it is %s, want %s", c, kindName(k))
}

func kindName(k frame.Kind) string {
	switch k {
	case frame.Float, frame.Float32:
		return "numbers"
	case frame.Int:
		return "whole numbers"
	case frame.Bool:
		return "true and false"
	}
	return "text"
}

// IsText tells whether the values of a column are texts, and IsUTF8 whether the
// file says that they are.
func (c *Column) IsText() bool { return c.Meaning == Text }

// IsUTF8 is false of bytes that may be anything.
func (c *Column) IsUTF8() bool {
	return c.Meaning == Text && (c.element.LogicalType.Value != nil || c.element.ConvertedType.Valid)
}

// SameColumn compares a column with that of the same position in another file,
// and says what differs, or "".
func SameColumn(c, first *Column) string {
	if c.same(first) {
		return ""
	}
	if c.Name != first.Name {
		return fmt.Sprintf("it is called %q, want %q", c.Name, first.Name)
	}
	return fmt.Sprintf("it is %s, want %s", c, first)
}

// limitRows is the most rows that a page may say it has.
const limitRows = math.MaxInt32

// Natural is the kind that holds all values of a column as they are: whole
// numbers, decimals, dates and times are Text, as any of them may be null.
func (c *Column) Natural() frame.Kind {
	switch c.Meaning {
	case Bool:
		return frame.Bool
	case Float:
		return frame.Float
	case Single:
		return frame.Float32
	}
	return frame.Text
}
