package job

import (
	"context"
	"errors"
	"fmt"
	"io"

	"ds-pipeline/preprocess/codec"
	"ds-pipeline/preprocess/contract"
	"ds-pipeline/preprocess/frame"
	"ds-pipeline/preprocess/manifest"
	"ds-pipeline/preprocess/model"
	"ds-pipeline/preprocess/parquet"
	"ds-pipeline/preprocess/storage"
	"ds-pipeline/preprocess/table"
)

// result is what is being written. Nothing of it is visible before publish.
type result struct {
	writer
	upload  upload
	written int64            // bytes of the object
	text    int64            // bytes before compression
	digest  *manifest.Digest // of the object
	done    bool             // published
}

// upload is a storage.Upload, or a storage.HeldUpload of a part.
type upload interface {
	io.Writer
	Abort() error
}

// writer writes blocks of rows in a format.
type writer interface {
	// begin writes what comes before the first row.
	begin() error
	// newEncoder makes an encoder for one goroutine.
	newEncoder() encoder
	// add writes what an encoder made of a block, and tells how many bytes that
	// is before compression.
	add(b *block) (int, error)
	// close writes what comes after the last row.
	close() error
	// abandon sees to it that nothing writes any more.
	abandon()
}

// encoder turns rows into what a writer writes.
type encoder interface {
	// append appends the rows of a batch that are not bad: the kept columns, then
	// those that the model made.
	append(b *block, batch *table.Batch, made []frame.Column)
	// finish ends a block and counts its rows. b.out, or what stands for it, and
	// b.grown are those of the rows since the last call.
	finish(b *block)
}

// createResult starts the result, in the format that the settings name.
func (p *runPass) createResult(ctx context.Context, f *feed, pl *plan, program *model.Program, names []string) (*result, error) {
	if p.ParquetOutput && len(names) == 0 {
		return nil, fail(contract.ExitData, "output %s: it has no columns, and Parquet has no rows without them; want another --keep or CSV", p.Output)
	}
	upload, err := p.createUpload(ctx)
	if err != nil {
		return nil, fmt.Errorf("output: %w", err)
	}
	r := &result{upload: upload, digest: p.Checksum.New()}
	if p.code != nil && p.ScriptStage == contract.ScriptAfter {
		after, aerr := p.newAfterWriter(ctx, counter{r}, pl, program, names)
		if aerr != nil {
			return nil, errors.Join(aerr, upload.Abort())
		}
		r.writer = after
		return r, nil
	}
	if p.ParquetOutput {
		columns := f.columns
		if p.code != nil {
			columns = nil // the input is what the script gave back
		}
		r.writer, err = newParquetWriter(counter{r}, parquetLayout(pl, columns, program, names))
	} else {
		r.writer, err = newTextWriter(counter{r}, codec.ByName(name(p.Output)), p.OutputDialect, names)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("output: %w", err), upload.Abort())
	}
	return r, nil
}

func (p *runPass) createUpload(ctx context.Context) (upload, error) {
	if p.part != nil {
		return p.part.create(ctx, p.store, p.Output)
	}
	return p.store.Create(ctx, p.Output, storage.Unchanged(p.before.output))
}

// counter counts what is written to the upload.
type counter struct{ r *result }

func (c counter) Write(p []byte) (int, error) {
	n, err := c.r.upload.Write(p)
	c.r.written += int64(n)
	_, _ = c.r.digest.Write(p[:n])
	return n, err
}

// Write writes what an encoder made of a block.
func (r *result) Write(b *block) error {
	n, err := r.add(b)
	if err != nil {
		return fmt.Errorf("output: %w", err)
	}
	r.text += int64(n)
	return nil
}

// publish makes what was written the result.
func (r *result) publish() (info storage.Info, err error) {
	if err := r.close(); err != nil {
		return storage.Info{}, fmt.Errorf("output: %w", err)
	}
	if up, ok := r.upload.(storage.Upload); ok {
		info, err = up.Commit()
	}
	r.done = err == nil
	return info, err
}

// hold keeps what was written for others to publish.
func (r *result) hold() (held storage.Held, err error) {
	if err := r.close(); err != nil {
		return storage.Held{}, fmt.Errorf("output: %w", err)
	}
	if up, ok := r.upload.(storage.HeldUpload); ok {
		held, err = up.Finish()
	}
	r.done = err == nil
	return held, err
}

// discard leaves nothing behind. After publish it does nothing.
func (r *result) discard() error {
	if r.done {
		return nil
	}
	r.abandon()
	return r.upload.Abort()
}

// textWriter writes CSV, compressed or not.
type textWriter struct {
	codec.Writer
	dialect table.Dialect
	names   []string
}

func newTextWriter(w counter, c codec.Compression, d table.Dialect, names []string) (*textWriter, error) {
	packed, err := codec.NewWriter(w, c)
	return &textWriter{packed, d, names}, err
}

func (w *textWriter) begin() error {
	header := table.NewFormatter(w.dialect).AppendHeader(nil, w.names)
	w.names = nil
	return w.Write(header, nil)
}

func (w *textWriter) add(b *block) (int, error) { return len(b.out), w.Write(b.out, b.packed) }

func (w *textWriter) close() error { return w.Close() }

func (w *textWriter) abandon() { _ = w.Close() } // what it writes is discarded

func (w *textWriter) newEncoder() encoder {
	return &textEncoder{format: table.NewFormatter(w.dialect), packer: w.Packer()}
}

type textEncoder struct {
	format  *table.Formatter
	packer  codec.Packer // nil for none
	columns []frame.Column
	rows    int64
}

func (e *textEncoder) append(b *block, batch *table.Batch, made []frame.Column) {
	e.columns = append(append(e.columns[:0], batch.Keep...), made...)
	b.out = e.format.AppendRows(b.out, e.columns, batch.Rows, batch.Bad)
}

func (e *textEncoder) finish(b *block) {
	b.written, b.grown = e.format.Rows()-e.rows, len(b.out)
	e.rows = e.format.Rows()
	packed := b.packed
	b.packed = nil
	if e.packer != nil {
		b.packed = e.packer.Pack(packed[:0], b.out)
	}
}

// parquetLayout is how the result is stored: the kept columns as text, as they
// stand in the input, or as the columns of a Parquet input are, then the model's.
func parquetLayout(pl *plan, columns []parquet.Column, program *model.Program, names []string) *parquet.Layout {
	l := &parquet.Layout{}
	for i, name := range pl.keep {
		if columns != nil {
			l.AddAs(name, &columns[pl.layout.Keep[i]])
		} else {
			l.Add(name, frame.Text, true) // an empty field is missing, as in CSV
		}
	}
	names = names[len(pl.keep):]
	for _, c := range program.Shapes() {
		if c.Width > 0 {
			l.AddRun(names[:c.Width], c.Kind)
			names = names[c.Width:]
			continue
		}
		l.Add(names[0], c.Kind, false)
		names = names[1:]
	}
	return l
}

// parquetWriter writes Parquet.
type parquetWriter struct {
	*parquet.Writer
	layout *parquet.Layout
}

func newParquetWriter(w counter, l *parquet.Layout) (*parquetWriter, error) {
	file, err := parquet.NewWriter(w, l)
	return &parquetWriter{file, l}, err
}

func (w *parquetWriter) begin() error { return nil }

func (w *parquetWriter) add(b *block) (int, error) { return b.grown, w.Add(&b.pages) }

func (w *parquetWriter) close() error { return w.Close() }

func (w *parquetWriter) abandon() {}

func (w *parquetWriter) newEncoder() encoder {
	return &parquetEncoder{Encoder: parquet.NewEncoder(w.layout)}
}

type parquetEncoder struct {
	*parquet.Encoder
	columns []frame.Column
	nulls   [][]bool
}

func (e *parquetEncoder) append(_ *block, batch *table.Batch, made []frame.Column) {
	e.columns = append(append(e.columns[:0], batch.Keep...), made...)
	e.nulls = append(append(e.nulls[:0], batch.KeepNulls...), make([][]bool, len(made))...)
	e.Append(e.columns, e.nulls, batch.Rows, batch.Bad)
}

func (e *parquetEncoder) finish(b *block) {
	b.grown = e.Finish(&b.pages)
	b.written = int64(b.pages.Rows())
}
