package job

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"

	"ds-pipeline/preprocess/codec"
	"ds-pipeline/preprocess/storage"
)

// result is what is being written. Nothing of it is visible before publish.
type result struct {
	codec.Writer
	upload  storage.Upload
	written int64     // bytes of the object
	text    int64     // bytes before compression
	digest  hash.Hash // of the object: SHA-256
	done    bool      // published
}

func createResult(ctx context.Context, store *storage.Store, u storage.URI, condition storage.Condition) (*result, error) {
	upload, err := store.Create(ctx, u, condition)
	if err != nil {
		return nil, fmt.Errorf("output: %w", err)
	}
	r := &result{upload: upload, digest: sha256.New()}
	if r.Writer, err = codec.NewWriter(counter{r}, codec.ByName(name(u))); err != nil {
		return nil, errors.Join(fmt.Errorf("output: %w", err), upload.Abort())
	}
	return r, nil
}

// counter counts what is written to the upload.
type counter struct{ r *result }

func (c counter) Write(p []byte) (int, error) {
	n, err := c.r.upload.Write(p)
	c.r.written += int64(n)
	_, _ = c.r.digest.Write(p[:n])
	return n, err
}

// Write writes a piece of text, and is given what a Packer made of it.
func (r *result) Write(plain, packed []byte) error {
	if err := r.Writer.Write(plain, packed); err != nil {
		return fmt.Errorf("output: %w", err)
	}
	r.text += int64(len(plain))
	return nil
}

// publish makes what was written the result.
func (r *result) publish() (storage.Info, error) {
	if err := r.Close(); err != nil {
		return storage.Info{}, fmt.Errorf("output: %w", err)
	}
	info, err := r.upload.Commit()
	r.done = err == nil
	return info, err
}

// discard leaves nothing behind. After publish it does nothing.
func (r *result) discard() error {
	if r.done {
		return nil
	}
	_ = r.Close() // so that nothing writes any more; what it writes is discarded
	return r.upload.Abort()
}

// sum is the SHA-256 of the object.
func (r *result) sum() string { return hex.EncodeToString(r.digest.Sum(nil)) }
