package job

import (
	"context"
	"errors"
	"fmt"
	"io"

	"ds-pipeline/preprocess/codec"
	"ds-pipeline/preprocess/contract"
	"ds-pipeline/preprocess/storage"
	"ds-pipeline/preprocess/table"
)

// feed gives the records of the input, in blocks, for one pass.
type feed struct {
	*table.Splitter
	object storage.Object
	file   io.ReadCloser
	packed *codec.Reader

	converted bool // from another encoding
}

// openFeed starts reading from the beginning.
func openFeed(ctx context.Context, s Settings, in storage.Object) (*feed, error) {
	file, err := in.Reader(ctx)
	if errors.Is(err, storage.ErrOnce) {
		return nil, fail(contract.ExitData, "input: %s: the kinds of its columns became clear only late, and a stream cannot be read again; want a file or an object", in.URI())
	}
	if err != nil {
		return nil, fmt.Errorf("input: %w", err)
	}
	f := &feed{object: in, file: file}
	if err := f.open(s); err != nil {
		return nil, errors.Join(inputError(in.URI(), err), file.Close())
	}
	return f, nil
}

func (f *feed) open(s Settings) (err error) {
	if f.packed, err = codec.NewReader(f.file, codec.ByName(name(f.object.URI()))); err != nil {
		return err
	}
	text, err := codec.NewTextReader(f.packed, s.Encoding)
	if err != nil {
		return err
	}
	f.converted = s.Encoding != codec.UTF8
	f.Splitter = table.NewSplitter(text, s.Dialect, s.MaxRecordBytes)
	return nil
}

// name is the part of a URI that may say what is in the object.
func name(u storage.URI) string {
	if u.IsS3() {
		return u.Key
	}
	return u.Path
}

// progress is how much of the object is done, of how much, when the text before
// offset is. Where the text is not what was read, the reader counts, which is a
// little ahead.
func (f *feed) progress(offset int64) (done, size int64) {
	if f.converted || f.packed.Compression() != codec.None {
		offset = f.packed.Consumed()
	}
	return offset, f.object.Size()
}

func (f *feed) close() { _ = f.file.Close() }

// inputError gives the faults of the input's bytes their exit status.
func inputError(u storage.URI, err error) error {
	if errors.As(err, new(*codec.Error)) {
		return fail(contract.ExitData, "input %s: %w", u, err)
	}
	return fmt.Errorf("input: %w", err)
}
