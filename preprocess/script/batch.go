package script

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"

	"ds-pipeline/preprocess/frame"
)

// Column is one column of a batch. Its Kind is Float, Float32, Int, Bool or
// Text, and it has no Hot.
type Column struct {
	frame.Column
	// Source are the cells as they stand in the input, nil for those that are
	// missing. It is empty if they are nothing but the column's values.
	Source [][]byte
	// Gaps says that a column of true and false has missing cells somewhere in the
	// table, so that pandas holds it as objects.
	Gaps bool

	arena []byte // of the texts
}

// AppendTexts appends copies of texts to dst, which is the column's Texts or
// Source; nil where nulls says so.
func (c *Column) AppendTexts(dst, texts [][]byte, nulls []bool) [][]byte {
	for i, text := range texts {
		if text == nil || nulls != nil && nulls[i] {
			dst = append(dst, nil)
			continue
		}
		from := len(c.arena)
		c.arena = append(c.arena, text...)
		dst = append(dst, c.arena[from:len(c.arena):len(c.arena)])
	}
	return dst
}

// Batch is some rows for a script, which owns their memory.
type Batch struct {
	Rows    int
	Columns []Column
}

// NewBatch makes a batch without rows.
func NewBatch(columns int) *Batch { return &Batch{Columns: make([]Column, columns)} }

// Reset takes all rows out, and keeps the memory for others.
func (b *Batch) Reset() {
	b.Rows = 0
	for i := range b.Columns {
		c := &b.Columns[i]
		c.Floats, c.Ints, c.Texts = c.Floats[:0], c.Ints[:0], c.Texts[:0]
		c.Source, c.arena = c.Source[:0], c.arena[:0]
	}
}

// Result is what a script made of a batch, or, of a program, the next rows of
// what it wrote.
type Result struct {
	Batch   *Batch // what the script was given; nil of a program
	Rows    int
	Columns []frame.Column
	// Of says of each column of texts what the values are that they stand for: of
	// which kind all of them are in Python, Text if of none. It is nil of a program.
	Of []frame.Kind
	// Same says of each column which one of the batch it is, unchanged; else -1.
	Same []int
	// Taken are the rows of the batch that the columns of Same hold; nil for all,
	// in order.
	Taken []int64
}

// Limits of an answer: a script that makes more of a batch has a fault.
const (
	maxHead   = 64 << 20
	maxAnswer = 512 << 20 // bytes of a batch's columns
)

// wireColumn is a column in the head of a message.
type wireColumn struct {
	Kind  string `json:"kind,omitempty"`
	Bytes int    `json:"bytes"`
	Gaps  bool   `json:"gaps,omitempty"`
	Same  *int   `json:"same,omitempty"`
	Of    string `json:"of,omitempty"` // of a text: the kind of all its values
}

// encode appends the columns of a batch as a script gets them; asText is the
// form that process(rows) wants.
func (b *Batch) encode(dst []byte, asText bool) ([]byte, []wireColumn) {
	columns := make([]wireColumn, len(b.Columns))
	for i := range b.Columns {
		c := &b.Columns[i]
		w := &columns[i]
		from := len(dst)
		switch {
		case asText && len(c.Source) > 0:
			w.Kind, dst = "text", appendTexts(dst, c.Source)
		case asText && c.Kind != frame.Text:
			w.Kind, dst = "text", appendTexts(dst, c.texts())
		case c.Kind == frame.Text:
			w.Kind, dst = "text", appendTexts(dst, c.Texts)
		case c.Kind == frame.Int:
			w.Kind = "i8"
			for _, v := range c.Ints {
				dst = binary.LittleEndian.AppendUint64(dst, uint64(v))
			}
		case c.Kind == frame.Bool:
			w.Kind, w.Gaps = "b1", c.Gaps
			for _, v := range c.Ints {
				dst = append(dst, byte(v))
			}
		case c.Kind == frame.Float32:
			w.Kind = "f4"
			for _, v := range c.Floats {
				dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(float32(v)))
			}
		default:
			w.Kind = "f8"
			for _, v := range c.Floats {
				dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(v))
			}
		}
		w.Bytes = len(dst) - from
	}
	return dst, columns
}

// decode fills a column of so many rows from what a script sent.
func decode(w wireColumn, body []byte, rows int) (frame.Column, error) {
	c := frame.Column{}
	width := map[string]int{"f8": 8, "f4": 4, "i8": 8, "b1": 1}[w.Kind]
	if width*rows != len(body) && w.Kind != "text" {
		return c, fmt.Errorf("%d bytes for %d rows of kind %s", len(body), rows, w.Kind)
	}
	switch w.Kind {
	case "f8":
		c.Kind, c.Floats = frame.Float, make([]float64, rows)
		for i := range c.Floats {
			c.Floats[i] = math.Float64frombits(binary.LittleEndian.Uint64(body[8*i:]))
		}
	case "f4":
		c.Kind, c.Floats = frame.Float32, make([]float64, rows)
		for i := range c.Floats {
			c.Floats[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(body[4*i:])))
		}
	case "i8":
		c.Kind, c.Ints = frame.Int, make([]int64, rows)
		for i := range c.Ints {
			c.Ints[i] = int64(binary.LittleEndian.Uint64(body[8*i:]))
		}
	case "b1":
		c.Kind, c.Ints = frame.Bool, make([]int64, rows)
		for i := range c.Ints {
			c.Ints[i] = int64(int8(body[i]))
		}
	case "text":
		var err error
		c.Kind = frame.Text
		if c.Texts, err = parseTexts(body, rows); err != nil {
			return c, err
		}
	default:
		return c, fmt.Errorf("kind %q", w.Kind)
	}
	return c, nil
}

// of is the kind of values that texts stand for.
func (w wireColumn) of() frame.Kind {
	switch w.Of {
	case "f8":
		return frame.Float
	case "i8":
		return frame.Int
	case "b1":
		return frame.Bool
	}
	return frame.Text
}

// appendTexts appends a JSON array of strings, null where one is nil.
func appendTexts(dst []byte, texts [][]byte) []byte {
	dst = append(dst, '[')
	for i, text := range texts {
		if i > 0 {
			dst = append(dst, ',')
		}
		if text == nil {
			dst = append(dst, "null"...)
			continue
		}
		dst = append(dst, '"')
		from := 0
		for at, c := range text {
			if c >= ' ' && c != '"' && c != '\\' {
				continue
			}
			dst = append(dst, text[from:at]...)
			from = at + 1
			if c == '"' || c == '\\' {
				dst = append(dst, '\\', c)
			} else {
				const hex = "0123456789abcdef"
				dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			}
		}
		dst = append(append(dst, text[from:]...), '"')
	}
	return append(dst, ']')
}

var errTexts = errors.New("not an array of texts")

// escapes are what json.dumps writes after a backslash, beside \u.
var escapes = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// parseTexts reads an array of strings and nulls as Python's json.dumps writes it
// with ensure_ascii=False and without spaces. It keeps references to text, which
// it changes.
func parseTexts(text []byte, rows int) ([][]byte, error) {
	if len(text) < 2 || text[0] != '[' || text[len(text)-1] != ']' || !utf8.Valid(text) {
		return nil, errTexts
	}
	if rows > len(text) {
		return nil, fmt.Errorf("%w: %d bytes for %d rows", errTexts, len(text), rows)
	}
	texts := make([][]byte, 0, rows)
	b := text[1 : len(text)-1]
	for i := 0; i < len(b); {
		if len(texts) > 0 {
			if b[i] != ',' {
				return nil, errTexts
			}
			i++
		}
		switch {
		case i+4 <= len(b) && string(b[i:i+4]) == "null":
			texts = append(texts, nil)
			i += 4
			continue
		case i == len(b) || b[i] != '"':
			return nil, errTexts
		}
		i++
		from, to := i, i
		for {
			if i == len(b) {
				return nil, errTexts
			}
			c := b[i]
			if c == '"' {
				break
			}
			if c < ' ' {
				return nil, errTexts
			}
			if c == '\\' {
				if i+1 == len(b) {
					return nil, errTexts
				}
				i++
				if c = escapes[b[i]]; b[i] == 'u' {
					v, ok := hex4(b[min(i+1, len(b)):])
					if !ok || v >= 0x80 {
						return nil, errTexts
					}
					c = byte(v)
					i += 4
				} else if c == 0 {
					return nil, errTexts
				}
			}
			b[to] = c
			to++
			i++
		}
		texts = append(texts, b[from:to:to])
		i++
	}
	if len(texts) != rows {
		return nil, fmt.Errorf("%w: %d texts for %d rows", errTexts, len(texts), rows)
	}
	return texts, nil
}

func hex4(b []byte) (v int, ok bool) {
	if len(b) < 4 {
		return 0, false
	}
	for _, c := range b[:4] {
		switch {
		case '0' <= c && c <= '9':
			v = v<<4 | int(c-'0')
		case 'a' <= c && c <= 'f':
			v = v<<4 | int(c-'a'+10)
		default:
			return 0, false
		}
	}
	return v, true
}
