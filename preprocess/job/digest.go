package job

import (
	"fmt"
	"io"
	"os"
	"sync"

	"ds-pipeline/preprocess/contract"
	"ds-pipeline/preprocess/manifest"
)

// digestReader computes a checksum of what is read through it, and counts it.
type digestReader struct {
	io.Reader
	digest *manifest.Digest
	size   int64
}

func newDigestReader(r io.Reader, how manifest.Algorithm) *digestReader {
	return &digestReader{Reader: r, digest: how.New()}
}

func (r *digestReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	_, _ = r.digest.Write(p[:n])
	r.size += int64(n)
	return n, err
}

func sum(data []byte) manifest.Checksum {
	d := manifest.SHA256.New()
	_, _ = d.Write(data)
	return d.Checksum()
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
	d := manifest.SHA256.New()
	if _, err := io.Copy(d, f); err != nil {
		return "", fail(contract.ExitSoftware, "read the program: %w", fmt.Errorf("%s: %w", path, err))
	}
	return d.Checksum().SHA256, nil
})
