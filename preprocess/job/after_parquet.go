package job

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"

	"ds-pipeline/preprocess/contract"
	"ds-pipeline/preprocess/frame"
	"ds-pipeline/preprocess/parquet"
	"ds-pipeline/preprocess/script"
	"ds-pipeline/preprocess/table"
)

// evidence is what the cells of a column that a script gives back show of its
// kind. It only grows, and does not depend on how rows are cut into batches.
type evidence struct {
	ints    bool
	wide    bool // whole numbers that float64 does not hold exactly
	floats  bool
	narrow  bool // float32
	missing bool // nothing but NaN in a batch of numbers: pandas keeps no gaps among whole numbers
	bools   bool
	texts   bool
}

// kind is the one kind that holds all cells as they are; otherwise where nothing
// was seen.
func (e evidence) kind(otherwise frame.Kind) frame.Kind {
	number := e.ints || e.floats || e.narrow
	switch {
	case e.texts, e.bools && number, e.wide && (e.floats || e.narrow):
		return frame.Text
	case e.bools:
		return frame.Bool
	case e.ints && (e.wide || !e.floats && !e.narrow && !e.missing):
		return frame.Int
	case e.narrow && !e.ints && !e.floats:
		return frame.Float32
	case number, e.missing:
		return frame.Float
	}
	return otherwise
}

// exactFloats is up to which size float64 holds every whole number.
const exactFloats = 1 << 53

// isWide tells whether a whole number of a column is one that float64 may not hold.
func isWide(ints []int64) bool {
	return slices.ContainsFunc(ints, func(v int64) bool { return v > exactFloats || v < -exactFloats })
}

// parquetSink writes Parquet. A column has one type in all of the file: where a
// batch shows late that it is another, the run starts again.
type parquetSink struct {
	*runPass
	w     counter
	given map[string]frame.Kind // kinds of the columns that the script gets, by name
	forms []form

	names    []string
	empty    *script.Result // of results without rows, the last one
	file     *parquetWriter // nil before the first row
	encoder  *parquet.Encoder
	block    parquet.Block
	kinds    []frame.Kind // of the file's columns
	mistaken string
	bytes    int64
	buf      []byte
}

func newParquetSink(w counter, p *runPass, names []string, kinds []frame.Kind) *parquetSink {
	s := &parquetSink{runPass: p, w: w, given: map[string]frame.Kind{}, forms: slices.Clone(p.forms)}
	for i, name := range names {
		s.given[name] = kinds[i]
	}
	return s
}

// sinkRows are encoded at once: a page of each column.
const sinkRows = 16 << 10

func (s *parquetSink) add(r *script.Result, names []string) error {
	s.names = names
	if s.forms == nil {
		s.forms = make([]form, len(names))
	}
	if r.Rows == 0 {
		s.empty = &script.Result{Columns: slices.Clone(r.Columns)}
		for i, at := range r.Same {
			if at >= 0 {
				s.empty.Columns[i] = frame.Column{Kind: r.Batch.Columns[at].Kind}
			}
		}
		return nil
	}
	columns, of := make([]frame.Column, len(names)), make([]frame.Kind, len(names))
	for i := range columns {
		columns[i], of[i] = r.Columns[i], frame.Text
		switch at := r.Same[i]; {
		case at >= 0:
			columns[i] = take(r.Batch.Columns[at].Column, r.Taken)
		case r.Batch == nil: // a program's, whose columns are those that it was given as long as they look so
			if kind, ok := s.given[names[i]]; ok && s.fits(&columns[i], kind) {
				of[i] = kind
			}
		case r.Of != nil && isOf(&columns[i], r.Of[i]):
			of[i] = r.Of[i]
		}
		s.forms[i].look(&columns[i], of[i])
	}
	if s.file == nil && s.mistaken == "" {
		if err := s.open(columns); err != nil {
			return err
		}
	}
	for i := range columns {
		if now := s.forms[i].seen.kind(s.kinds[i]); now != s.kinds[i] {
			s.mistaken = cmp.Or(s.mistaken, fmt.Sprintf("column %q of the script looked like %s at first, but is %s", names[i], kindName(s.kinds[i]), kindName(now)))
		}
	}
	if s.mistaken != "" {
		return nil
	}
	nulls := make([][]bool, len(columns))
	for i := range columns {
		columns[i], nulls[i] = s.store(&columns[i], s.kinds[i], r.Rows)
	}
	part, partNulls := make([]frame.Column, len(columns)), make([][]bool, len(columns))
	for from := 0; from < r.Rows; from += sinkRows {
		n := min(sinkRows, r.Rows-from)
		for i := range columns {
			part[i], partNulls[i] = rowsOf(&columns[i], from, n), nil
			if nulls[i] != nil {
				partNulls[i] = nulls[i][from : from+n]
			}
		}
		s.encoder.Append(part, partNulls, n, make([]bool, n))
		s.bytes += int64(s.encoder.Finish(&s.block))
		if err := s.file.Add(&s.block); err != nil {
			return fmt.Errorf("output: %w", err)
		}
	}
	return nil
}

// open starts the file, once its columns are known.
func (s *parquetSink) open(columns []frame.Column) error {
	var twice []string
	layout := &parquet.Layout{}
	for i, name := range s.names {
		if slices.Contains(s.names[:i], name) && !slices.Contains(twice, name) {
			twice = append(twice, name)
		}
		kind := frame.Text
		if i < len(columns) {
			kind = columns[i].Kind
		} else if k, ok := s.given[name]; ok {
			kind = k
		}
		s.kinds = append(s.kinds, s.forms[i].seen.kind(kind))
		layout.Add(name, s.kinds[i], false)
	}
	if len(twice) > 0 {
		return fail(contract.ExitData, "script %s: gave back %s more than once; Parquet needs different names", s.Script, quoteAll(twice))
	}
	file, err := newParquetWriter(s.w, layout)
	if err != nil {
		return fmt.Errorf("output: %w", err)
	}
	s.file, s.encoder = file, parquet.NewEncoder(layout)
	return nil
}

func (s *parquetSink) again() (string, []form) { return s.mistaken, slices.Clone(s.forms) }
func (s *parquetSink) written() int64          { return s.bytes }

func (s *parquetSink) close() error {
	if s.file == nil {
		var columns []frame.Column
		if s.empty != nil {
			columns = s.empty.Columns
		}
		if err := s.open(columns); err != nil {
			return err
		}
	}
	return s.file.close()
}

func (s *parquetSink) abandon() {}

// look notes what a batch of a column shows; of is what its texts are.
func (f *form) look(c *frame.Column, of frame.Kind) {
	e := &f.seen
	kind := c.Kind
	if kind == frame.Text {
		if !slices.ContainsFunc(c.Texts, func(text []byte) bool { return text != nil }) {
			return
		}
		kind = of
	}
	switch kind {
	case frame.Int:
		e.ints = true
		e.wide = e.wide || isWide(c.Ints) || c.Kind == frame.Text && slices.ContainsFunc(c.Texts, func(text []byte) bool {
			v, _ := strconv.ParseInt(string(text), 10, 64)
			return isWide([]int64{v})
		})
	case frame.Bool:
		e.bools = true
	case frame.Float32:
		e.narrow = true
	case frame.Float:
		if c.Kind == frame.Float && !slices.ContainsFunc(c.Floats, func(v float64) bool { return v == v }) {
			e.missing = true
		} else {
			e.floats = true
		}
	default:
		e.texts = true
	}
}

// parseCell is a cell of a kind that is not text; false for a text that is no such.
func parseCell(one *frame.Column, text []byte) bool {
	var err error
	switch one.Kind {
	case frame.Int:
		one.Ints[0], err = strconv.ParseInt(string(text), 10, 64)
	case frame.Bool:
		switch string(text) {
		case "True":
			one.Ints[0] = 1
		case "False":
			one.Ints[0] = 0
		default:
			return false
		}
	case frame.Float32:
		one.Floats[0], err = strconv.ParseFloat(string(text), 32)
	case frame.Float:
		one.Floats[0], err = strconv.ParseFloat(string(text), 64)
	default:
		return false
	}
	return err == nil
}

func oneCell(kind frame.Kind) *frame.Column {
	return &frame.Column{Kind: kind, Ints: make([]int64, 1), Floats: make([]float64, 1)}
}

// isOf tells whether all texts of a column are of a kind.
func isOf(c *frame.Column, kind frame.Kind) bool {
	one := oneCell(kind)
	return c.Kind == frame.Text && !slices.ContainsFunc(c.Texts, func(text []byte) bool { return text != nil && !parseCell(one, text) })
}

// fits tells whether all texts of a column are exactly what values of a kind are
// written as, or, of numbers with fractions, whole ones: nothing is lost if they
// are stored as such.
func (s *parquetSink) fits(c *frame.Column, kind frame.Kind) bool {
	one := oneCell(kind)
	for _, text := range c.Texts {
		if text == nil {
			continue
		}
		if !parseCell(one, text) {
			return false
		}
		s.buf, _ = table.AppendCell(s.buf[:0], one, 0)
		if bytes.Equal(s.buf, text) {
			continue
		}
		whole := oneCell(frame.Int)
		if kind != frame.Float || !parseCell(whole, text) || isWide(whole.Ints) || strconv.FormatInt(whole.Ints[0], 10) != string(text) {
			return false
		}
	}
	return true
}

// store is a column as it is stored in a column of a kind, which holds all of its
// cells, and which of them are missing beside what the kind itself has for it.
func (s *parquetSink) store(c *frame.Column, kind frame.Kind, rows int) (frame.Column, []bool) {
	if c.Kind == kind {
		return *c, nil
	}
	out := frame.Column{Kind: kind}
	var nulls []bool
	one := oneCell(kind)
	for row := range rows {
		text, there := table.AppendCell(nil, c, row)
		switch kind {
		case frame.Text:
			if !there {
				text = nil
			} else if text == nil {
				text = []byte{}
			}
			out.Texts = append(out.Texts, text)
			continue
		case frame.Float, frame.Float32:
			v := math.NaN()
			switch {
			case c.Kind == frame.Float || c.Kind == frame.Float32:
				v = c.Floats[row]
			case c.Kind == frame.Int:
				v = float64(c.Ints[row])
			case there && parseCell(one, text):
				v = one.Floats[0]
			}
			out.Floats = append(out.Floats, v)
			continue
		case frame.Bool:
			one.Ints[0] = -1
		case frame.Int:
			one.Ints[0] = 0
			if !there {
				nulls = append(slices.Grow(nulls, rows), make([]bool, row-len(nulls))...)
				nulls = append(nulls, true)
			}
		}
		if there {
			parseCell(one, text)
		}
		out.Ints = append(out.Ints, one.Ints[0])
	}
	if nulls != nil {
		nulls = append(nulls, make([]bool, rows-len(nulls))...)
	}
	return out, nulls
}
