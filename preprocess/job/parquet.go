package job

import (
	"context"
	"errors"
	"io"
	"slices"
	"strconv"
	"unicode/utf8"

	"ds-pipeline/preprocess/contract"
	"ds-pipeline/preprocess/frame"
	"ds-pipeline/preprocess/parquet"
	"ds-pipeline/preprocess/storage"
	"ds-pipeline/preprocess/table"
)

// The columns of a Parquet input go to the workers as they are: the model reads
// them without a detour over text, and their kinds are those of the schema. Only
// where the model wants something else than what is stored, or where texts mean
// missing, a cell becomes the text that it would be as CSV, and is parsed.

// openParquet reads the footer of an object. maxRecord is how many bytes of text
// a row may have.
func openParquet(ctx context.Context, o storage.Object, maxRecord int) (*parquet.File, error) {
	r, err := storage.ReaderAt(ctx, o)
	if errors.Is(err, storage.ErrOnce) {
		return nil, fail(contract.ExitData, "input: %s: Parquet cannot be read from a pipe, as it is read from its end; want a file or an object", o.URI())
	}
	if err != nil {
		return nil, err
	}
	storage.Forget(o)
	limits := parquet.DefaultLimits()
	limits.ValueBytes = maxRecord
	return parquet.Open(r, o.Size(), limits)
}

// columnPlan is what is read of Parquet inputs, and what becomes of it.
type columnPlan struct {
	wants  []parquet.Want
	texts  []bool      // of the wants: whether they have to be valid UTF-8
	inputs []columnUse // parallel to Layout.Inputs
	keep   []int       // wants, parallel to Layout.Keep
	fields []int       // of each column of the file, a want that tells what it is; or -1
}

// columnUse is how an input of the model is made.
type columnUse struct {
	want   int
	parsed bool // over text
}

// planColumns chooses what to read.
func planColumns(pl *plan, columns []parquet.Column, s Settings) *columnPlan {
	p := &columnPlan{fields: slices.Repeat([]int{-1}, len(columns))}
	want := func(w parquet.Want) int {
		i := slices.Index(p.wants, w)
		if i < 0 {
			i = len(p.wants)
			p.wants = append(p.wants, w)
			p.texts = append(p.texts, columns[w.Column].IsText() && (!w.Stored || columns[w.Column].IsUTF8()))
		}
		if at := p.fields[w.Column]; at < 0 || !w.Stored && (p.wants[at].Stored || w.Kind == columns[w.Column].Natural()) {
			p.fields[w.Column] = i
		}
		return i
	}
	for _, in := range pl.layout.Inputs {
		c := &columns[in.Index]
		kind := in.Kind.Cells()
		direct := len(s.Nulls) == 0 && c.Refusal(kind) == ""
		if !direct {
			kind = c.Natural()
		}
		p.inputs = append(p.inputs, columnUse{want(parquet.Want{Column: in.Index, Kind: kind}), !direct})
	}
	for _, field := range pl.layout.Keep {
		c := &columns[field]
		w := parquet.Want{Column: field, Kind: c.Natural()}
		if s.ParquetOutput {
			w.Kind, w.Stored = c.Stored(), true
		}
		p.keep = append(p.keep, want(w))
	}
	return p
}

// columnReader makes batches of the rows of Parquet, for one worker.
type columnReader struct {
	plan   *columnPlan
	parser *table.Parser
	names  []string
	layout table.Layout
}

// next makes a batch of the rows of b from a row on, of which Reject.Start is the
// number in b.
func (r *columnReader) next(b *parquet.Batch, from int) *table.Batch {
	rows := min(b.Rows-from, r.parser.MaxRows())
	batch := r.parser.Start(from, rows)
	for i, text := range r.plan.texts {
		if !text {
			continue
		}
		for row, cell := range b.Columns[i].Texts[from : from+rows] {
			if !utf8.Valid(cell) {
				batch.Bad[row] = true
				batch.Rejects = append(batch.Rejects, table.Reject{
					Start: from + row, End: from + row + 1, Column: r.names[r.plan.wants[i].Column], Reason: "not valid UTF-8", Always: true,
				})
			}
		}
	}
	for i, use := range r.plan.inputs {
		c := &b.Columns[use.want]
		if !use.parsed {
			batch.Inputs[i] = rowsOf(c, from, rows)
			continue
		}
		r.parser.Cells(i, func(dst []byte, row int) ([]byte, bool) {
			return appendCell(dst, c, from+row)
		})
	}
	for i, w := range r.plan.keep {
		batch.Keep[i] = rowsOf(&b.Columns[w], from, rows)
		if nulls := b.Nulls[w]; nulls != nil {
			batch.KeepNulls[i] = nulls[from : from+rows]
		}
	}
	return batch
}

// rowsOf is some rows of a column.
func rowsOf(c *frame.Column, from, rows int) frame.Column {
	part := frame.Column{Kind: c.Kind}
	switch c.Kind {
	case frame.Float, frame.Float32:
		part.Floats = c.Floats[from : from+rows]
	case frame.Text:
		part.Texts = c.Texts[from : from+rows]
	default:
		part.Ints = c.Ints[from : from+rows]
	}
	return part
}

// appendCell appends a cell as CSV has it, and tells whether it is there.
func appendCell(dst []byte, c *frame.Column, row int) ([]byte, bool) {
	switch c.Kind {
	case frame.Float, frame.Float32: // read back it is the same, however narrow
		if v := c.Floats[row]; v == v {
			return table.AppendFloat(dst, v), true
		}
	case frame.Bool:
		switch c.Ints[row] {
		case 0:
			return append(dst, "False"...), true
		case 1:
			return append(dst, "True"...), true
		}
	case frame.Int:
		return strconv.AppendInt(dst, c.Ints[row], 10), true
	case frame.Text:
		if text := c.Texts[row]; text != nil {
			return append(dst, text...), true
		}
	}
	return dst, false
}

// appendRecord appends a row as the record that it would be as CSV: texts are
// quoted, and columns that nobody asked for are empty.
func (p *columnPlan) appendRecord(dst []byte, b *parquet.Batch, row int) []byte {
	for i, w := range p.fields {
		if i > 0 {
			dst = append(dst, table.CSV.Delimiter)
		}
		if w < 0 || b.Nulls[w] != nil && b.Nulls[w][row] {
			continue
		}
		if c := &b.Columns[w]; c.Kind == frame.Text {
			if c.Texts[row] != nil {
				dst = appendQuoted(dst, c.Texts[row])
			}
		} else {
			dst, _ = appendCell(dst, c, row)
		}
	}
	return dst
}

// processColumns is process of Parquet.
func (w *worker) processColumns(b *block) error {
	rows := b.columns.Rows
	b.rows, b.lines = int64(rows), int64(rows)
	for from := 0; from < rows; {
		batch := w.columnar.next(&b.columns, from)
		from += batch.Rows
		if err := w.transform(b, batch); err != nil {
			return err
		}
	}
	w.encoder.finish(b)
	b.data = b.data[:0]
	for i := range b.rejected {
		r := &b.rejected[i]
		r.row = r.start
		r.start = uint32(len(b.data))
		b.data = w.columnar.plan.appendRecord(b.data, &b.columns, int(r.row))
		r.end = uint32(len(b.data))
	}
	return nil
}

// newColumnReader is nil unless the input is Parquet.
func (t *transformer) newColumnReader() *columnReader {
	if !t.Parquet {
		return nil
	}
	return &columnReader{plan: t.feed.chosen, parser: table.NewParser(t.plan.layout), names: t.feed.header, layout: t.plan.layout}
}

// nextColumns fills a block with rows.
func (t *transformer) nextColumns(b *block) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = PanicError(r)
		}
	}()
	return t.feed.nextColumns(&b.columns, b.target)
}

// nextColumns is the next rows, of about target bytes, of the next input if need
// be.
func (f *feed) nextColumns(b *parquet.Batch, target int) error {
	for {
		rows := target / max(f.rowBytes, 1)
		err := f.reader.Next(b, max(rows, 1), target)
		if err == nil {
			f.rowBytes = b.Bytes() / b.Rows
			return nil
		}
		if !table.AtEnd(err) || f.index+1 == len(f.in.uris) {
			return err
		}
		if err := f.advance(); err != nil {
			return err
		}
		f.lead = 0
	}
}

// position is how much was read, in bytes: of text, and of Parquet as it is
// stored, by the share of its rows.
func (f *feed) position() int64 {
	if !f.settings.Parquet {
		return f.before + f.Offset()
	}
	if f.reader == nil || f.parquet.Rows() == 0 || f.reader.Row() == f.parquet.Rows() {
		return f.before + f.object.Size()
	}
	share := float64(f.reader.Row()) / float64(f.parquet.Rows())
	return f.before + int64(share*float64(f.object.Size()))
}

// openParquet opens the current input, which has to have the columns of the
// first.
func (f *feed) openParquet(object storage.Object) error {
	file, err := openParquet(f.ctx, object, f.settings.MaxRecordBytes)
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

// choose says what is wanted, once the kinds of the inputs are known.
func (f *feed) choose(pl *plan) error {
	f.chosen = planColumns(pl, f.columns, f.settings)
	return f.readParquet()
}

func (f *feed) readParquet() error {
	columns := f.parquet.Columns()
	for _, w := range f.chosen.wants {
		c := &columns[w.Column]
		if differs := parquet.SameColumn(c, &f.columns[w.Column]); differs != "" {
			return &parquet.Error{Column: c.Name, Reason: "not as in " + f.in.uris[0].String() + ": " + differs}
		}
	}
	var err error
	f.reader, err = f.parquet.NewReader(f.chosen.wants, f.object.URI().IsS3())
	f.rowBytes = 32 * len(f.chosen.wants)
	return err
}

// parquetKinds are the kinds of the plan's inputs by the schema: as pandas would
// read them, whole numbers with nulls are numbers, and true and false with nulls
// are objects.
func (p *runPass) parquetKinds(ctx context.Context, f *feed, pl *plan) ([]frame.Kind, error) {
	inputs := pl.layout.Inputs
	if p.facts == nil {
		p.facts = make([]table.Facts, len(inputs))
	}
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
			case parquet.Int, parquet.Uint, parquet.Bool:
				nulls, err := p.facts[i]&table.SawMissing != 0, error(nil)
				if !nulls {
					if nulls, err = p.in.nulls(ctx, in.Index); err != nil {
						return nil, err
					}
				}
				if c.Meaning != parquet.Bool {
					in.Kind = frame.Int
				}
				if nulls {
					in.Kind = withGaps(in.Kind)
				}
				if nulls && p.part != nil {
					p.facts[i] = table.SawMissing
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

// withGaps is what a column of Parquet becomes of which some cells are missing.
func withGaps(k frame.Kind) frame.Kind {
	switch k {
	case frame.Int:
		return frame.Float
	case frame.Bool:
		return frame.BoolGaps
	}
	return k
}

// shown is what facts show of the kind of a column. Of Parquet, the schema says it;
// but where texts mean missing, cells may be missing that are no nulls.
func (s Settings) shown(in table.Input, f table.Facts) table.Facts {
	switch {
	case !s.Parquet:
		return f
	case in.As == table.AsFound && withGaps(in.Kind) != in.Kind:
		return f & table.SawMissing
	}
	return 0
}

// kindOf is the kind of a column of which so much was shown.
func (s Settings) kindOf(in table.Input, shown table.Facts) frame.Kind {
	switch {
	case !s.Parquet:
		return in.As.Kind(shown)
	case in.As == table.AsFound && shown&table.SawMissing != 0:
		return withGaps(in.Kind)
	}
	return in.Kind
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
	file, err := openParquet(ctx, object, table.MaxRecordLimit)
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
