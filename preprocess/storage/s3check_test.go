package storage

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// body is of several parts of a read.
var body = bytes.Repeat([]byte("0123456789abcdef\n"), 3*readPart/17+1)

// serve makes a Store of one object, with headers in the answer to HEAD that
// depend on the part that is asked for. damage changes what GET sends.
func serve(t *testing.T, headers func(part string) map[string]string, damage func([]byte)) (*Store, *atomic.Int64) {
	t.Helper()
	_, _ = objects(t) // the environment
	heads := &atomic.Int64{}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"x"`)
		sent, part := body, r.URL.Query().Get("partNumber")
		if etag := headers(part)["ETag"]; etag != "" {
			w.Header().Set("ETag", etag)
		}
		if r.Method == http.MethodHead {
			heads.Add(1)
			if part == "" && r.Header.Get("X-Amz-Checksum-Mode") != "ENABLED" {
				t.Errorf("%s asks for no checksum", r.URL)
			}
			for name, value := range headers(part) {
				w.Header().Set(name, value)
			}
			if part != "" {
				w.WriteHeader(http.StatusPartialContent)
				return
			}
		} else if damage != nil {
			sent = bytes.Clone(body)
			damage(sent)
		}
		http.ServeContent(w, r, "x", time.Time{}, bytes.NewReader(sent))
	}))
	t.Cleanup(web.Close)
	t.Setenv("AWS_ENDPOINT_URL", web.URL)
	return New(), heads
}

func readTwice(t *testing.T, s *Store) error {
	t.Helper()
	o, err := s.Open(context.Background(), URI{Bucket: "b", Key: "k"})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		r, err := o.Reader(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err := errors.Join(r.Close(), err); err != nil {
			return err
		}
		if !bytes.Equal(got, body) {
			t.Fatal("something else was read without an error")
		}
	}
	return nil
}

func checksum32(polynomial uint32, p []byte) []byte {
	h := crc32.New(crc32.MakeTable(polynomial))
	_, _ = h.Write(p)
	return h.Sum(nil)
}

// The check value of CRC-64/NVME is that of its specification.
func TestReader_comparesWithTheChecksumThatS3Keeps(t *testing.T) {
	whole64 := newCheck(&sum{hash: algorithms()[0].hash})
	whole64.write([]byte("123456789"))
	if got := hex.EncodeToString(whole64.whole.Sum(nil)); got != "ae8b14860a799888" {
		t.Fatalf("CRC-64/NVME of 123456789: %s", got)
	}
	whole64.whole.Reset()
	whole64.write(body)
	sha := sha256.Sum256(body)
	md := md5.Sum(body)
	text := base64.StdEncoding.EncodeToString

	const partSize = 1_000_003
	composite := func(size int) string {
		var sums []byte
		parts := 0
		for rest := body; len(rest) > 0; parts++ {
			n := min(len(rest), size)
			sums = append(sums, checksum32(crc32.IEEE, rest[:n])...)
			rest = rest[n:]
		}
		return fmt.Sprintf("%s-%d", text(checksum32(crc32.IEEE, sums)), parts)
	}

	one := func(name, value string) func(string) map[string]string {
		return func(string) map[string]string { return map[string]string{name: value} }
	}
	inParts := func(size int, sum string) func(string) map[string]string {
		return func(part string) map[string]string {
			if part == "1" {
				return map[string]string{"Content-Length": fmt.Sprint(size)}
			}
			return map[string]string{"X-Amz-Checksum-Crc32": sum, "X-Amz-Checksum-Type": "COMPOSITE"}
		}
	}
	for _, test := range []struct {
		name    string
		headers func(string) map[string]string
		algo    string // "" if nothing can be compared
	}{
		{"CRC-64", one("X-Amz-Checksum-Crc64nvme", text(whole64.whole.Sum(nil))), "CRC64NVME"},
		{"CRC-32C", one("X-Amz-Checksum-Crc32c", text(checksum32(crc32.Castagnoli, body))), "CRC32C"},
		{"CRC-32", one("X-Amz-Checksum-Crc32", text(checksum32(crc32.IEEE, body))), "CRC32"},
		{"SHA-256", one("X-Amz-Checksum-Sha256", text(sha[:])), "SHA256"},
		{"parts", inParts(partSize, composite(partSize)), "CRC32"},
		{"parts that are all as large", inParts(len(body)/17, composite(len(body)/17)), "CRC32"},
		{"parts of several sizes", inParts(2*partSize, composite(partSize)), ""},
		{"no part", inParts(0, composite(partSize)), ""},
		{"MD5", one("ETag", `"`+hex.EncodeToString(md[:])+`"`), "MD5"},
		{"KMS", func(string) map[string]string {
			return map[string]string{"ETag": `"` + strings.Repeat("0", 32) + `"`, "X-Amz-Server-Side-Encryption": "aws:kms"}
		}, ""},
		{"none", one("X-Other", "1"), ""},
		{"none that is whole", one("X-Amz-Checksum-Crc32", "AAAA"), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			store, heads := serve(t, test.headers, nil)
			if err := readTwice(t, store); err != nil {
				t.Errorf("undamaged: %v", err)
			}
			if n := heads.Load(); n > 2 {
				t.Errorf("%d requests for the checksum", n)
			}
			if test.algo == "" {
				return
			}
			for _, at := range []int{0, readPart, len(body) - 1} {
				store, _ := serve(t, test.headers, func(p []byte) { p[at] ^= 1 })
				err := readTwice(t, store)
				if err == nil || !strings.Contains(err.Error(), "read s3://b/k: damaged on the way: the "+test.algo+" of what was read is ") {
					t.Errorf("byte %d damaged: %v", at, err)
				}
			}
		})
	}
}

func TestReader_asksForNoChecksumOfABeginning(t *testing.T) {
	store, heads := serve(t, func(string) map[string]string { return nil }, nil)
	o, err := store.Open(context.Background(), URI{Bucket: "b", Key: "k"})
	if err != nil {
		t.Fatal(err)
	}
	r, err := o.Reader(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(r, make([]byte, 4096)); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil || heads.Load() != 0 {
		t.Errorf("%d requests, %v", heads.Load(), err)
	}
}

// A body may come a little at a time; one that stops coming is asked for again
// from where it stopped.
func TestReader_outlastsSlowAndStalledBodies(t *testing.T) {
	var stalls, slow atomic.Int64
	_, _ = objects(t) // the environment
	over := make(chan struct{})
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := httptest.NewRecorder()
		answer.Header().Set("ETag", `"x"`)
		http.ServeContent(answer, r, "x", time.Time{}, bytes.NewReader(body))
		for name, values := range answer.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(answer.Code)
		sent := answer.Body.Bytes()
		if r.Method == http.MethodGet && stalls.Add(1)%2 == 1 {
			_, _ = w.Write(sent[:len(sent)/2])
			_ = http.NewResponseController(w).Flush()
			select {
			case <-r.Context().Done():
			case <-over:
			}
			return
		}
		for len(sent) > 0 {
			n := min(len(sent), readPart/8)
			_, _ = w.Write(sent[:n])
			_ = http.NewResponseController(w).Flush()
			sent = sent[n:]
			slow.Add(1)
			time.Sleep(5 * time.Millisecond)
		}
	}))
	defer web.Close()
	defer close(over)
	t.Setenv("AWS_ENDPOINT_URL", web.URL)
	store := New()
	client, err := store.s3(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	client.stall = 200 * time.Millisecond
	if err := readTwice(t, store); err != nil {
		t.Error(err)
	}
	if stalls.Load() < 6 || slow.Load() < 12 {
		t.Errorf("%d answers stalled or not, %d pieces: the test tests nothing", stalls.Load(), slow.Load())
	}
}

func TestReader_readsWhatWasUploadedInPartsOverAnother(t *testing.T) {
	store, _ := objects(t)
	u := URI{Bucket: "results", Key: "processed/data.csv"}
	for _, text := range []string{"small", string(body), "small"} {
		if _, err := put(t, store, u, text, Condition{}); err != nil {
			t.Fatal(err)
		}
		if got, err := store.ReadAll(context.Background(), u, 1<<30); err != nil || string(got) != text {
			t.Errorf("%d bytes, want %d: %v", len(got), len(text), err)
		}
	}
}

func TestCompareSum_looksAtTheVersionThatWasRead(t *testing.T) {
	sums := map[string]string{"X-Amz-Checksum-Crc64nvme": "AAAAAAAAAAE="}
	s, _ := serve(t, func(string) map[string]string { return sums }, nil)
	u := URI{Bucket: "b", Key: "k"}
	ctx := context.Background()
	o, err := s.Open(ctx, u)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.CompareSum(ctx, u, o.Version(), "AAAAAAAAAAE="); err != nil {
		t.Errorf("the same: %v", err)
	}
	for _, sum := range []string{"AAAAAAAAAAI=", ""} {
		if err := s.CompareSum(ctx, u, o.Version(), sum); err == nil || !strings.Contains(err.Error(), "read s3://b/k: damaged on the way: the CRC64NVME of what was read is ") {
			t.Errorf("%q: %v", sum, err)
		}
	}
	if err := s.CompareSum(ctx, u, o.Version()+"x", "AAAAAAAAAAE="); !errors.Is(err, ErrChanged) {
		t.Errorf("another version: %v", err)
	}
	sums = map[string]string{"X-Amz-Checksum-Crc32": "AAAAAQ=="}
	if err := s.CompareSum(ctx, u, o.Version(), "AAAAAAAAAAE="); err != nil {
		t.Errorf("another algorithm: %v", err)
	}
	if err := s.CompareSum(ctx, URI{Path: "nothing"}, "", ""); err != nil {
		t.Errorf("a file: %v", err)
	}
}

// Who reads here and there may not have ended when another one reads all.
func TestReaderAt_readsWhileOthersReadAll(t *testing.T) {
	s, _ := serve(t, func(string) map[string]string { return nil }, nil)
	ctx := context.Background()
	o, err := s.Open(ctx, URI{Bucket: "b", Key: "k"})
	if err != nil {
		t.Fatal(err)
	}
	at, err := ReaderAt(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			p := make([]byte, 1000)
			for offset := int64(i); offset < readPart/8; offset += 50_000 {
				if n, err := at.ReadAt(p, offset); err != nil || !bytes.Equal(p[:n], body[offset:offset+1000]) {
					t.Errorf("at %d: %d bytes, %v", offset, n, err)
				}
			}
		})
	}
	r, err := o.Reader(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, body) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	wait.Wait()
	_ = r.Close()
}
