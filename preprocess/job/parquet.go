package job

import (
	"context"
	"errors"
	"io"
	"slices"
	"strconv"

	"ds-pipeline/preprocess/contract"
	"ds-pipeline/preprocess/frame"
	"ds-pipeline/preprocess/parquet"
	"ds-pipeline/preprocess/storage"
	"ds-pipeline/preprocess/table"
)

// A Parquet input is read as the records that it would be as CSV, in which every
// text is quoted, missing values are empty, and columns that nobody asked for
// are empty too. The kinds of its columns are those of its schema.

// openParquet reads the footer of an object.
func openParquet(ctx context.Context, o storage.Object) (*parquet.File, error) {
	r, err := storage.ReaderAt(ctx, o)
	if errors.Is(err, storage.ErrOnce) {
		return nil, fail(contract.ExitData, "input: %s: Parquet cannot be read from a pipe, as it is read from its end; want a file or an object", o.URI())
	}
	if err != nil {
		return nil, err
	}
	return parquet.Open(r, o.Size(), parquet.DefaultLimits())
}

// parquetText is a Parquet file as CSV without a header.
type parquetText struct {
	reader *parquet.Reader
	fields []int // for each field of a record, the column of the batch; or -1
	narrow []bool
	batch  parquet.Batch
	buf    []byte
	left   []byte // of buf
}

const (
	parquetRows  = 256
	parquetTexts = 64 << 10 // bytes
)

func (t *parquetText) Read(p []byte) (int, error) {
	if len(t.left) == 0 {
		if err := t.reader.Next(&t.batch, parquetRows, parquetTexts); err != nil {
			return 0, err
		}
		t.buf = t.buf[:0]
		for row := range t.batch.Rows {
			for i, c := range t.fields {
				if i > 0 {
					t.buf = append(t.buf, table.CSV.Delimiter)
				}
				if c >= 0 {
					t.buf = t.appendCell(t.buf, c, row)
				}
			}
			t.buf = append(t.buf, '\n')
		}
		t.left = t.buf
	}
	n := copy(p, t.left)
	t.left = t.left[n:]
	return n, nil
}

func (t *parquetText) appendCell(dst []byte, column, row int) []byte {
	c := &t.batch.Columns[column]
	switch c.Kind {
	case frame.Float, frame.Float32:
		switch v := c.Floats[row]; {
		case v != v:
		case t.narrow[column]:
			dst = table.AppendFloat32(dst, v)
		default:
			dst = table.AppendFloat(dst, v)
		}
	case frame.Bool:
		switch c.Ints[row] {
		case 0:
			dst = append(dst, "False"...)
		case 1:
			dst = append(dst, "True"...)
		}
	case frame.Int:
		dst = strconv.AppendInt(dst, c.Ints[row], 10)
	case frame.Text:
		if text := c.Texts[row]; text != nil {
			dst = appendQuoted(dst, text)
		}
	}
	return dst
}

// openParquet opens the current input, which has to have the columns of the
// first.
func (f *feed) openParquet(object storage.Object) error {
	file, err := openParquet(f.ctx, object)
	if err == nil {
		err = f.startParquet(object, file)
	}
	if err != nil && f.in.only == nil {
		err = errors.Join(err, object.Close())
	}
	return err
}

func (f *feed) startParquet(object storage.Object, file *parquet.File) error {
	names := make([]string, len(file.Columns()))
	for i, c := range file.Columns() {
		names[i] = c.Name
	}
	if f.header == nil {
		f.header, f.columns = names, file.Columns()
	} else if err := f.sameHeader(names); err != nil {
		return err
	}
	f.mu.Lock()
	f.object, f.parquet = object, file
	f.mu.Unlock()
	if f.chosen == nil {
		return nil
	}
	return f.readParquet()
}

// choose says which columns are wanted, once they are known.
func (f *feed) choose(pl *plan) error {
	numbers := map[int]bool{}
	f.chosen = slices.Clone(pl.layout.Keep)
	for _, in := range pl.layout.Inputs {
		f.chosen = append(f.chosen, in.Index)
		numbers[in.Index] = numbers[in.Index] || in.Kind != frame.Text
	}
	slices.Sort(f.chosen)
	f.chosen, f.numbers = slices.Compact(f.chosen), numbers
	if f.chosen == nil {
		f.chosen = []int{}
	}
	return f.readParquet()
}

func (f *feed) readParquet() error {
	columns := f.parquet.Columns()
	text := &parquetText{fields: slices.Repeat([]int{-1}, len(columns))}
	var wants []parquet.Want
	for _, i := range f.chosen {
		c := &columns[i]
		if differs := parquet.SameColumn(c, &f.columns[i]); differs != "" {
			return &parquet.Error{Column: c.Name, Reason: "not as in " + f.in.uris[0].String() + ": " + differs}
		}
		kind := c.Natural()
		text.fields[i] = len(wants)
		// As a number it is read back exactly; as a text it is what people see.
		text.narrow = append(text.narrow, kind == frame.Float32 && !f.numbers[i])
		wants = append(wants, parquet.Want{Column: i, Kind: kind})
	}
	var err error
	if text.reader, err = f.parquet.NewReader(wants, f.object.URI().IsS3()); err != nil {
		return err
	}
	f.Splitter = table.NewSplitter(text, f.settings.Dialect, f.settings.MaxRecordBytes)
	return nil
}

// parquetKinds are the kinds of the plan's inputs by the schema: as pandas would
// read them, whole numbers with nulls are numbers.
func (p *runPass) parquetKinds(ctx context.Context, f *feed, pl *plan) ([]frame.Kind, error) {
	inputs := pl.layout.Inputs
	p.facts = make([]table.Facts, len(inputs))
	kinds := make([]frame.Kind, len(inputs))
	for i := range inputs {
		in := &inputs[i]
		c := &f.columns[in.Index]
		natural := c.Natural()
		switch in.As {
		case table.AsBool:
			in.Kind = frame.Bool
		case table.AsText:
			in.Kind = frame.Text
		case table.AsFound:
			in.Kind = natural
			switch c.Meaning {
			case parquet.Decimal:
				in.Kind = frame.Float
			case parquet.Int, parquet.Uint:
				nulls, err := p.in.nulls(ctx, in.Index)
				if err != nil {
					return nil, err
				}
				if in.Kind = frame.Int; nulls {
					in.Kind = frame.Float
				}
			}
		default:
			if in.Kind = natural; natural == frame.Text {
				in.Kind = frame.Float
			}
		}
		kinds[i] = in.Kind
	}
	return kinds, nil
}

// nulls tells whether a column of Parquet inputs has nulls anywhere.
func (in *inputs) nulls(ctx context.Context, column int) (bool, error) {
	for i := range in.uris {
		nulls, err := in.hasNulls(ctx, i, column)
		if err != nil {
			return false, readError(err, in.uris[i], 1)
		}
		if nulls {
			return true, nil
		}
	}
	return false, nil
}

func (in *inputs) hasNulls(ctx context.Context, i, column int) (bool, error) {
	object, err := in.open(ctx, i)
	if err != nil {
		return false, err
	}
	if in.only == nil {
		defer func() { _ = object.Close() }()
	}
	file, err := openParquet(ctx, object)
	if err != nil || column >= len(file.Columns()) { // which is told when its turn comes
		return false, err
	}
	return file.Nulls(column)
}

// isParquet tells whether an object starts and ends as Parquet does.
func isParquet(ctx context.Context, o storage.Object) (bool, error) {
	r, err := storage.ReaderAt(ctx, o)
	if err != nil || o.Size() < int64(3*len(parquet.Magic)) {
		return false, nil //nolint:nilerr // a pipe is none
	}
	b := make([]byte, len(parquet.Magic))
	for _, at := range []int64{0, o.Size() - int64(len(b))} {
		if n, err := r.ReadAt(b, at); n < len(b) && !errors.Is(err, io.EOF) {
			return false, err
		}
		if !parquet.IsParquet(b) {
			return false, nil
		}
	}
	return true, nil
}

// detect finds out whether inputs of which nobody named the format are Parquet.
func (in *inputs) detect(ctx context.Context, s *Settings) error {
	object, err := in.open(ctx, 0)
	if err != nil {
		return readError(err, in.uris[0], 1)
	}
	if in.only == nil {
		defer func() { _ = object.Close() }()
	}
	if s.Parquet, err = isParquet(ctx, object); err != nil {
		return readError(err, in.uris[0], 1)
	}
	if s.Parquet {
		s.Dialect = table.CSV
		if !s.nullsSet {
			s.Nulls = nil
		}
	}
	return nil
}

// linesIn is how many lines a piece of the input has. Of Parquet, a record
// counts as one.
func (t *transformer) linesIn(b []byte) int64 {
	if t.Parquet {
		return table.CountRecords(t.Dialect, t.plan.layout.Fields, b)
	}
	return int64(table.LineEnds(b))
}
