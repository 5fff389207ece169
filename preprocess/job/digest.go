package job

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"
	"sync"

	"ds-pipeline/preprocess/contract"
)

// digestReader computes the SHA-256 of what is read through it, and counts it.
type digestReader struct {
	io.Reader
	digest hash.Hash
	size   int64
}

func newDigestReader(r io.Reader) *digestReader {
	return &digestReader{Reader: r, digest: sha256.New()}
}

func (r *digestReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	_, _ = r.digest.Write(p[:n])
	r.size += int64(n)
	return n, err
}

func (r *digestReader) sum() string { return hex.EncodeToString(r.digest.Sum(nil)) }

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

// build is the SHA-256 of the program that runs: its version may be the same of
// two that differ.
var build = sync.OnceValues(func() (string, error) {
	path := "/proc/self/exe" // leads to the program even if it was replaced
	if _, err := os.Stat(path); err != nil {
		if path, err = os.Executable(); err != nil {
			return "", fail(contract.ExitSoftware, "find the program: %w", err)
		}
	}
	f, err := os.Open(path)
	if err != nil {
		return "", fail(contract.ExitSoftware, "read the program: %w", err)
	}
	defer func() { _ = f.Close() }()
	r := newDigestReader(f)
	if _, err := io.Copy(io.Discard, r); err != nil {
		return "", fail(contract.ExitSoftware, "read the program: %w", fmt.Errorf("%s: %w", path, err))
	}
	return r.sum(), nil
})
