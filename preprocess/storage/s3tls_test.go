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
	"strings"
	"testing"

	"ds-pipeline/internal/s3test"
)

// Bodies are not hashed to be signed, with TLS or without, and their checksum is not
// behind them in chunks: it is in a header, which is signed.
func TestStore_writesAndReads_withAndWithoutTLS(t *testing.T) {
	for name, start := range map[string]func(http.Handler) *httptest.Server{"TLS": httptest.NewTLSServer, "plain": httptest.NewServer} {
		t.Run(name, func(t *testing.T) { writeAndRead(t, start) })
	}
}

func writeAndRead(t *testing.T, start func(http.Handler) *httptest.Server) {
	server, err := s3test.New("b")
	if err != nil {
		t.Fatal(err)
	}
	web := start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			if got := r.Header.Get("X-Amz-Content-Sha256"); got != "UNSIGNED-PAYLOAD" || r.Header.Get("X-Amz-Checksum-Crc64nvme") == "" {
				t.Errorf("%s: the body is signed as %s, and its headers are %v", r.URL, got, r.Header)
			}
			if got := r.Header.Get("Authorization"); !strings.Contains(got, "x-amz-checksum-crc64nvme") {
				t.Errorf("%s: the checksum is not signed: %s", r.URL, got)
			}
		}
		server.ServeHTTP(w, r)
	}))
	t.Cleanup(web.Close)
	if web.Certificate() != nil {
		roots := filepath.Join(t.TempDir(), "ca.pem")
		if err := os.WriteFile(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw}), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Setenv("AWS_CA_BUNDLE", roots)
	}
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
