package storage

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/minio/crc64nvme"
)

// damaging is a server whose bodies arrive changed, if they are for a part or for
// an object whole.
func damaging(t *testing.T, change func(r *http.Request, body []byte)) *Store {
	t.Helper()
	_, server := objects(t)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			change(r, body)
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		server.ServeHTTP(w, r)
	}))
	t.Cleanup(web.Close)
	t.Setenv("AWS_ENDPOINT_URL", web.URL)
	t.Cleanup(func() {
		if n := server.Uploads("results"); n != 0 {
			t.Errorf("%d uploads left", n)
		}
	})
	return New()
}

func TestUpload_isSentAgainWhenItWasDamagedOnTheWay(t *testing.T) {
	for name, text := range two {
		t.Run(name, func(t *testing.T) {
			var damaged atomic.Int32
			s := damaging(t, func(r *http.Request, body []byte) {
				if part := r.URL.Query().Get("partNumber"); (part == "" || part == "2") && damaged.CompareAndSwap(0, 1) {
					body[len(body)/2] ^= 1
				}
			})
			u := URI{Bucket: "results", Key: "data.csv"}
			if _, err := put(t, s, u, text, Condition{}); err != nil {
				t.Error(err)
			}
			if damaged.Load() != 1 || content(t, s, u) != text {
				t.Errorf("damaged: %t, and what is there is right: %t", damaged.Load() == 1, content(t, s, u) == text)
			}
		})
	}
}

func TestUpload_isRefusedDamaged(t *testing.T) {
	for name, text := range two {
		t.Run(name, func(t *testing.T) {
			s := damaging(t, func(_ *http.Request, body []byte) { body[len(body)-1] ^= 0x80 })
			u := URI{Bucket: "results", Key: "data.csv"}
			_, err := put(t, s, u, text, Condition{})
			if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "BadDigest") {
				t.Errorf("error %v", err)
			}
			if look(t, s, u).Exists {
				t.Error("it was published")
			}
		})
	}
}

// Parts can each be right and make something else together.
func TestUpload_isComparedAsAWhole(t *testing.T) {
	swap := false
	s := damaging(t, func(r *http.Request, body []byte) {
		if swap && r.URL.Query().Get("partNumber") == "2" {
			body[0] ^= 1
			r.Header.Set("X-Amz-Checksum-Crc64nvme", base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, crc64nvme.Checksum(body))))
		}
	})
	u := URI{Bucket: "results", Key: "data.csv"}
	before, err := put(t, s, u, two["large"], Condition{})
	if err != nil {
		t.Fatal(err)
	}
	swap = true
	if _, err := put(t, s, u, two["large"]+"2", Unchanged(before)); err == nil || !strings.Contains(err.Error(), "BadDigest") {
		t.Errorf("put: error %v", err)
	}
	up, err := s.Hold(context.Background(), u, URI{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(up, two["large"]+"3"); err != nil {
		t.Fatal(err)
	}
	held, err := up.Finish()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Publish(context.Background(), u, held, Unchanged(before)); err == nil || !strings.Contains(err.Error(), "BadDigest") {
		t.Errorf("publish: error %v", err)
	}
	if now := look(t, s, u); now.Version != before.Version || content(t, s, u) != two["large"] {
		t.Errorf("there is %+v, was %+v", now, before)
	}
}

func TestUpload_saysWhatItIs(t *testing.T) {
	for name, want := range map[string]string{
		"a.csv": "text/csv; charset=utf-8", "a": "text/csv; charset=utf-8", "a.tsv": "text/tab-separated-values; charset=utf-8",
		"a.csv.gz": "application/gzip", "a.csv.zst": "application/zstd", "a.HTML": "text/html; charset=utf-8", "a.json": "application/json",
		"a.jsonl": "application/x-ndjson", "a.ndjson": "application/x-ndjson", "a.parquet": "application/vnd.apache.parquet",
		"a.pkl": "application/octet-stream", "a.pickle": "application/octet-stream", "a.joblib": "application/octet-stream",
	} {
		var told string
		s := damaging(t, func(r *http.Request, _ []byte) { told = r.Header.Get("Content-Type") })
		if _, err := put(t, s, URI{Bucket: "results", Key: name}, "x", Condition{}); err != nil || told != want {
			t.Errorf("%s: %q, %v, want %q", name, told, err, want)
		}
	}
}
