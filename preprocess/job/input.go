package job

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"

	"ds-pipeline/preprocess/codec"
	"ds-pipeline/preprocess/contract"
	"ds-pipeline/preprocess/manifest"
	"ds-pipeline/preprocess/parquet"
	"ds-pipeline/preprocess/scale"
	"ds-pipeline/preprocess/storage"
	"ds-pipeline/preprocess/table"
)

// inputs is what a run reads: one object, or several in the order of their names.
type inputs struct {
	store    *storage.Store
	uris     []storage.URI
	versions []string          // as first opened; "" before
	only     storage.Object    // kept open if there is one: a stream opens once
	read     []manifest.Object // what the last pass has read to the end

	section *scale.Range // that is read of the only one; nil for all of it
	header  []string     // in place of the keys of the first record of JSON lines; nil for these
}

func openInputs(ctx context.Context, store *storage.Store, s Settings) (*inputs, error) {
	uris, err := store.List(ctx, s.Input)
	if err != nil {
		return nil, fmt.Errorf("input: %w", hinted(ctx, store, err))
	}
	other := storage.OneOf(append(s.writes(), s.Model)...)
	for _, u := range uris {
		if other(u) {
			return nil, fail(contract.ExitConfig, "input %s: %s is one of its objects, and also the model or the output; want a pattern without it", s.Input, u)
		}
	}
	in := &inputs{store: store, uris: uris, versions: make([]string, len(uris))}
	if len(uris) == 1 {
		in.only, err = store.Open(ctx, uris[0])
		if info, serr := os.Stat(uris[0].Path); errors.Is(err, storage.ErrTarget) && !uris[0].IsS3() && serr == nil && info.IsDir() {
			err = fmt.Errorf("%w, or %s/ for all files in it", err, uris[0])
		}
		if err != nil {
			return nil, fmt.Errorf("input: %w", hinted(ctx, store, err))
		}
	}
	return in, nil
}

func (in *inputs) close() {
	if in.only != nil {
		_ = in.only.Close()
	}
}

// open opens an object, which has to be the same in every pass.
func (in *inputs) open(ctx context.Context, i int) (storage.Object, error) {
	if in.only != nil {
		return in.only, nil
	}
	o, err := in.store.Open(ctx, in.uris[i])
	if err != nil {
		return nil, err
	}
	if was := in.versions[i]; was != "" && was != o.Version() {
		return nil, errors.Join(&storage.Error{Op: "read", URI: in.uris[i], Kind: storage.ErrChanged}, o.Close())
	}
	in.versions[i] = o.Version()
	return o, nil
}

// feed gives the records of the inputs, in blocks, for one pass. A block is of
// one input.
type feed struct {
	*table.Splitter // of the current input
	ctx             context.Context
	settings        Settings
	in              *inputs
	header          []string // of the first input, as it stands there
	index           int      // of the current input
	lead            int64    // lines before the next block, if it is the first of its input; else -1
	before          int64    // bytes of text in the inputs before

	// Of Parquet:
	columns  []parquet.Column // of the first input
	chosen   *columnPlan      // nil before it is known
	parquet  *parquet.File    // the current input
	reader   *parquet.Reader  // of it
	rowBytes int              // about how much memory a row takes

	mu     sync.Mutex // of what is closed and asked for while the feed reads
	object storage.Object
	file   io.ReadCloser
	digest *digestReader // of file
	packed *codec.Reader
	past   int64 // bytes of the inputs before, as they were read
	closed bool
}

// openFeed starts reading from the beginning.
func openFeed(ctx context.Context, s Settings, in *inputs) (*feed, error) {
	f := &feed{ctx: ctx, settings: s, in: in, lead: -1}
	if err := f.open(); err != nil {
		return nil, f.failed(err, 1)
	}
	return f, nil
}

// open opens the current input.
func (f *feed) open() error {
	object, err := f.in.open(f.ctx, f.index)
	if err != nil {
		return err
	}
	if f.settings.Parquet {
		return f.openParquet(object)
	}
	file, err := object.Reader(f.ctx)
	if errors.Is(err, storage.ErrOnce) {
		return fail(contract.ExitData, "input: %s: the kinds of its columns became clear only late, and a stream cannot be read again; want a file or an object", object.URI())
	}
	if err != nil {
		return err
	}
	digest := newDigestReader(file, f.settings.Checksum)
	packed, err := codec.NewReader(digest, codec.ByName(name(object.URI())))
	if err != nil {
		return errors.Join(err, file.Close())
	}
	text, err := codec.NewTextReader(packed, f.settings.Encoding)
	if err != nil {
		return errors.Join(err, file.Close())
	}
	f.Splitter = table.NewSplitter(text, f.settings.Dialect, f.settings.MaxRecordBytes)

	f.mu.Lock()
	f.object, f.file, f.digest, f.packed = object, file, digest, packed
	closed := f.closed
	f.mu.Unlock()
	if closed {
		f.shut()
		return context.Canceled
	}
	return nil
}

// shut closes the current input.
func (f *feed) shut() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.parquet != nil {
		f.past += f.object.Size()
		if f.in.only == nil {
			_ = f.object.Close()
		}
		f.parquet = nil
		return
	}
	if f.packed == nil {
		return
	}
	f.past += f.packed.Consumed()
	_ = f.file.Close()
	if f.in.only == nil {
		_ = f.object.Close()
	}
	f.packed = nil
}

// close ends the pass. The feed may still be reading, which then fails.
func (f *feed) close() {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.shut()
}

// uri is the current input.
func (f *feed) uri() storage.URI { return f.in.uris[f.index] }

// readNames reads the columns of the first input: the header of a CSV, the keys
// of the first record of JSON lines. It returns the rest of the block they stand
// in, of which lead tells the lines before.
func (f *feed) readNames(first int) (names []string, rest []byte, err error) {
	if f.settings.Parquet {
		f.lead = 0
		return f.header, nil, nil
	}
	if f.in.header != nil {
		f.header, f.lead = f.in.header, 0
		rest, err = f.nextOrNone(first)
		return f.header, rest, err
	}
	names, rest, err = f.readHeader(first)
	f.header = names
	if err == nil && f.in.section != nil {
		rest, err = f.enterSection(first)
	}
	return names, rest, err
}

// nextOrNone is the next block; empty at the end of the input.
func (f *feed) nextOrNone(first int) ([]byte, error) {
	block, err := f.Splitter.Next(nil, first)
	if table.AtEnd(err) {
		return nil, nil
	}
	if err != nil {
		return nil, f.failed(err, f.lead+1)
	}
	return block, nil
}

// enterSection goes on with the section of the input that is to be read.
func (f *feed) enterSection(first int) ([]byte, error) {
	object, section := f.object, f.in.section
	f.shut()
	file, err := storage.Section(f.ctx, object, section.Start, section.End)
	if err != nil {
		return nil, f.failed(err, 1)
	}
	digest := newDigestReader(file, f.settings.Checksum)
	packed := codec.NewPlainReader(digest)
	f.Splitter = table.NewSplitterAt(packed, f.settings.Dialect, f.settings.MaxRecordBytes, section.Start)
	f.lead = section.Lines
	f.mu.Lock()
	f.file, f.digest, f.packed = file, digest, packed
	closed := f.closed
	f.mu.Unlock()
	if closed {
		f.shut()
		return nil, context.Canceled
	}
	return f.nextOrNone(first)
}

// maxUnreadable bounds how much of JSON lines is kept when the first records cannot
// be read, until one comes that tells the columns.
const maxUnreadable = 1 << 20

func (f *feed) readHeader(first int) (names []string, rest []byte, err error) {
	lines := 0
	var unreadable []byte // records that are to be rejected once the columns are known
	var fault error       // of the first of them
	for {
		block, err := f.next(nil, first)
		if fault != nil && (table.AtEnd(err) || f.lead >= 0 || len(unreadable)+len(block) > maxUnreadable) {
			return nil, nil, fault
		}
		if table.AtEnd(err) {
			empty := table.ErrNoHeader
			if f.settings.Dialect.JSON {
				empty = table.ErrNoRecord
			}
			return nil, nil, fail(contract.ExitData, "input %s: %w", f.uri(), empty)
		}
		line := lines + f.settings.Dialect.LineEnds(unreadable) + 1
		if err != nil {
			return nil, nil, f.failed(err, int64(line))
		}
		if f.lead >= 0 { // the next one of JSON lines
			lines, line, f.lead = 0, 1, -1
		}
		end := len(block)
		if f.settings.Dialect.JSON {
			var wrong error
			if names, wrong = table.ReadKeys(block, line); wrong != nil && fault == nil {
				fault = fail(contract.ExitData, "input %s: %w", f.uri(), wrong)
			}
			if names != nil || fault != nil {
				end = 0 // these are records
			}
		} else if names, end, err = table.ReadHeader(f.settings.Dialect, block); err != nil {
			return nil, nil, fail(contract.ExitData, "input %s: %w", f.uri(), err)
		}
		lines += f.settings.Dialect.LineEnds(block[:end])
		if names != nil {
			f.lead = int64(lines)
			return names, append(unreadable, block[end:]...), nil
		}
		unreadable = append(unreadable, block[end:]...)
	}
}

// next is the next block, of the next input if need be where there are no headers.
func (f *feed) next(buf []byte, target int) ([]byte, error) {
	for {
		block, err := f.Splitter.Next(buf, target)
		if !table.AtEnd(err) || !f.settings.Dialect.JSON || f.index+1 == len(f.in.uris) {
			return block, err
		}
		if err := f.advance(); err != nil {
			return nil, err
		}
		f.lead = 0
	}
}

// Next is the next block. Every further input has to have the first one's header.
func (f *feed) Next(buf []byte, target int) ([]byte, error) {
	for {
		block, err := f.next(buf, target)
		if !table.AtEnd(err) || f.settings.Dialect.JSON || f.index+1 == len(f.in.uris) {
			return block, err
		}
		if err := f.advance(); err != nil {
			return nil, err
		}
		header, rest, err := f.readHeader(target)
		if err != nil {
			return nil, err
		}
		if err := f.sameHeader(header); err != nil {
			return nil, err
		}
		f.Unread(rest)
	}
}

// advance goes on to the next input.
func (f *feed) advance() error {
	if err := f.finish(); err != nil {
		return err
	}
	f.before = f.position()
	f.shut()
	f.index++
	if err := f.open(); err != nil {
		return f.failed(err, 1)
	}
	return nil
}

// sameHeader compares without telling what stands there: where a header is
// missing, that is a record.
func (f *feed) sameHeader(header []string) error {
	differs := func(format string, args ...any) error {
		return fail(contract.ExitData, "input %s: its header is not that of %s: %s", f.uri(), f.in.uris[0], fmt.Sprintf(format, args...))
	}
	if slices.Equal(header, f.header) {
		return nil
	}
	for i := range min(len(header), len(f.header)) {
		if header[i] != f.header[i] {
			if f.settings.ShowValues {
				return differs("column %d is %q, want %q", i+1, header[i], f.header[i])
			}
			return differs("column %d is not %q", i+1, f.header[i])
		}
	}
	if len(header) < len(f.header) {
		return differs("%d columns, want %d: %q is missing", len(header), len(f.header), f.header[len(header)])
	}
	return differs("%d columns, want %d", len(header), len(f.header))
}

// progress is how much of the input is done, of how much, when so much of the
// text is. Where the text is not what was read, the reader counts, which is a
// little ahead.
func (f *feed) progress(text int64) (done, size int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.settings.Parquet {
		if f.in.only == nil {
			return text, -1
		}
		return text, f.in.only.Size()
	}
	if f.in.only == nil {
		done = f.past
		if f.packed != nil {
			done += f.packed.Consumed()
		}
		return done, -1
	}
	if f.packed != nil && (f.settings.Encoding != codec.UTF8 || f.packed.Compression() != codec.None) {
		text = f.packed.Consumed()
	}
	return text, f.in.only.Size()
}

// textSize is how much text the input has in all, in bytes, if that is known
// before it is read.
func (f *feed) textSize() (int64, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.in.only == nil || f.packed == nil || f.packed.Compression() != codec.None || f.settings.Encoding != codec.UTF8 {
		return 0, false
	}
	return f.in.only.Size(), f.in.only.Size() >= 0
}

// compression is that of the current input.
func (f *feed) compression() codec.Compression {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.packed == nil {
		return codec.None
	}
	return f.packed.Compression()
}

// failed says where reading the current input failed; line is where the last
// block began.
func (f *feed) failed(err error, line int64) error { return readError(err, f.uri(), line) }

func readError(err error, u storage.URI, line int64) error {
	var long *table.RecordTooLongError
	switch {
	case errors.As(err, new(*Error)):
		return err
	case errors.As(err, &long):
		return fail(contract.ExitData, "input %s: line %d: %w (raise --max-record-bytes if it is right)", u, line, err)
	case errors.As(err, new(*codec.Error)), errors.As(err, new(*parquet.Error)):
		return fail(contract.ExitData, "input %s: %w", u, err)
	}
	return fmt.Errorf("input: %w", err)
}

// name is the part of a URI that may say what is in the object.
func name(u storage.URI) string {
	if u.IsS3() {
		return u.Key
	}
	return u.Path
}
