package storage

import (
	"bytes"
	"context"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"ds-pipeline/internal/s3test"
)

// Over TLS bodies are not hashed to be signed, and their checksum is not behind
// them in chunks.
func TestStore_writesAndReadsOverTLS(t *testing.T) {
	server, err := s3test.New("b")
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("X-Amz-Content-Sha256"); r.Method == http.MethodPut && (got != "UNSIGNED-PAYLOAD" || r.Header.Get("X-Amz-Checksum-Crc64nvme") == "") {
			t.Errorf("%s: the body is signed as %s, and its headers are %v", r.URL, got, r.Header)
		}
		server.ServeHTTP(w, r)
	}))
	t.Cleanup(web.Close)
	roots := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_CA_BUNDLE", roots)
	t.Setenv("AWS_ENDPOINT_URL", web.URL)
	t.Setenv("AWS_REGION", "eu-central-1")
	t.Setenv("AWS_ACCESS_KEY_ID", "x")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "x")
	ctx, s := context.Background(), New()
	for _, size := range []int{0, 10, firstWritePart, 3*firstWritePart + 1} {
		want := bytes.Repeat([]byte("0123456789abcdef"), size/16+1)[:size]
		u := URI{Bucket: "b", Key: strconv.Itoa(size)}
		up, err := s.Create(ctx, u, Condition{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := up.Write(want); err != nil {
			t.Fatal(err)
		}
		if _, err := up.Commit(); err != nil {
			t.Fatal(err)
		}
		o, err := s.Open(ctx, u)
		if err != nil {
			t.Fatal(err)
		}
		r, err := o.Reader(ctx)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes: got %d that are the same: %t, %v", size, len(got), bytes.Equal(got, want), err)
		}
		_ = r.Close()
		_ = o.Close()
	}
}
