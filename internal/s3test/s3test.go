// Package s3test is an S3 server for tests, over HTTP and in memory. It is
// gofakes3 with what that lacks of S3's documented behavior: conditions on
// reading, completing, copying and deleting, the ETags of multipart uploads,
// copies of parts, the least size of parts, CRC64NVMEs of what is sent and of what is
// there, and empty lists of uploads.
package s3test

import (
	"bytes"
	"crypto/md5" //nolint:gosec // S3's ETags are MD5
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/minio/crc64nvme"
)

// Server answers as S3 does.
type Server struct {
	Backend gofakes3.Backend
	inner   http.Handler

	publish sync.Mutex // a condition is checked and its request done at once
	mu      sync.Mutex
	etags   map[string]multipart // by bucket/key
}

// multipart is the ETag of an object that was uploaded in parts, as long as it
// has the content with the hash.
type multipart struct{ hash, etag string }

// New makes a server with empty buckets.
func New(buckets ...string) (*Server, error) {
	s := &Server{Backend: s3mem.New(), etags: map[string]multipart{}}
	for _, b := range buckets {
		if err := s.Backend.CreateBucket(b); err != nil {
			return nil, err
		}
	}
	s.inner = gofakes3.New(s.Backend, gofakes3.WithLogger(gofakes3.DiscardLog())).Server()
	return s, nil
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	query := r.URL.Query()
	if key == "" {
		s.bucket(w, r)
		return
	}
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		etag, exists := s.etag(bucket, key)
		if want := r.Header.Get("If-Match"); exists && want != "" && want != etag {
			Fail(w, r, http.StatusPreconditionFailed, "PreconditionFailed")
			return
		}
		answer := &etagWriter{ResponseWriter: w, server: s, name: bucket + "/" + key}
		if r.Method == http.MethodHead && r.Header.Get("X-Amz-Checksum-Mode") == "ENABLED" && exists {
			answer.sum = s.checksum(bucket, key)
		}
		s.inner.ServeHTTP(answer, r)
		if !answer.wrote { // of HEAD
			answer.WriteHeader(http.StatusOK)
		}
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil || r.ContentLength >= 0 && int64(len(body)) != r.ContentLength {
		Fail(w, r, http.StatusBadRequest, "IncompleteBody")
		return
	}
	if r.Method == http.MethodPut && !compare(w, r, body) {
		Fail(w, r, http.StatusBadRequest, "BadDigest")
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if query.Has("partNumber") || query.Has("uploads") || query.Has("uploadId") && r.Method == http.MethodDelete {
		if r.Header.Get("X-Amz-Copy-Source") != "" {
			s.copyPart(w, r)
			return
		}
		s.inner.ServeHTTP(w, r)
		return
	}
	s.change(w, r, bucket, key)
}

// compare tells whether a body has the checksum that its request says, and takes
// that out: the backend would take it for metadata, and S3 tells its own. The
// answer has it, too.
func compare(w http.ResponseWriter, r *http.Request, body []byte) bool {
	want := r.Header.Get(crc64Header)
	r.Header.Del(crc64Header)
	if want == "" {
		return true
	}
	w.Header().Set(crc64Header, want)
	return want == base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, crc64nvme.Checksum(body)))
}

const crc64Header = "X-Amz-Checksum-Crc64nvme"

// change does what publishes or deletes an object, if its conditions hold.
func (s *Server) change(w http.ResponseWriter, r *http.Request, bucket, key string) {
	s.publish.Lock()
	defer s.publish.Unlock()
	if code, status := s.condition(r, bucket, key); code != "" {
		Fail(w, r, status, code)
		return
	}
	if r.Method == http.MethodPost && s.tooSmall(r) {
		Fail(w, r, http.StatusBadRequest, "EntityTooSmall")
		return
	}
	inner := r.Clone(r.Context())
	inner.Header.Del("If-Match")
	inner.Header.Del("If-None-Match")
	answer := httptest.NewRecorder()
	before, beforeErr := s.Backend.GetObject(bucket, key, nil)
	s.inner.ServeHTTP(answer, inner)
	if want := r.Header.Get(crc64Header); r.Method == http.MethodPost && want != "" && answer.Code < 300 && want != s.checksum(bucket, key) {
		// Only the backend can put the parts together, so it is undone. S3 would keep the upload.
		_, err := s.Backend.DeleteObject(bucket, key)
		if err == nil && beforeErr == nil {
			_, err = s.Backend.PutObject(bucket, key, before.Metadata, before.Contents, before.Size, nil)
		}
		if err != nil {
			Fail(w, r, http.StatusInternalServerError, "InternalError")
			return
		}
		Fail(w, r, http.StatusBadRequest, "BadDigest")
		return
	}
	if answer.Code < 300 {
		s.mu.Lock()
		delete(s.etags, bucket+"/"+key)
		var done gofakes3.CompleteMultipartUploadResult
		if r.Method == http.MethodPost && xml.Unmarshal(answer.Body.Bytes(), &done) == nil && done.ETag != "" {
			if o, err := s.Backend.HeadObject(bucket, key); err == nil {
				s.etags[bucket+"/"+key] = multipart{quote(o.Hash), done.ETag}
			}
		}
		s.mu.Unlock()
	}
	send(w, answer)
}

// leastPart is what every part of an upload has at least but the last, in bytes.
const leastPart = 5 << 20

// tooSmall tells whether an upload is to be completed of parts that may not be in
// its middle. The body of the request stays.
func (s *Server) tooSmall(r *http.Request) bool {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return false
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	var wanted gofakes3.CompleteMultipartUploadRequest
	if xml.Unmarshal(body, &wanted) != nil || len(wanted.Parts) == 0 {
		return false
	}
	sizes := map[int]int64{}
	for marker := 0; ; {
		list := httptest.NewRecorder()
		at := fmt.Sprintf("%s?uploadId=%s&part-number-marker=%d", r.URL.EscapedPath(), url.QueryEscape(r.URL.Query().Get("uploadId")), marker)
		s.inner.ServeHTTP(list, httptest.NewRequest(http.MethodGet, at, nil))
		var page gofakes3.ListMultipartUploadPartsResult
		if list.Code != http.StatusOK || xml.Unmarshal(list.Body.Bytes(), &page) != nil {
			return false
		}
		for _, p := range page.Parts {
			sizes[p.PartNumber] = p.Size
		}
		if !page.IsTruncated || page.NextPartNumberMarker <= marker {
			break
		}
		marker = page.NextPartNumberMarker
	}
	for _, p := range wanted.Parts[:len(wanted.Parts)-1] {
		if size, ok := sizes[p.PartNumber]; ok && size < leastPart {
			return true
		}
	}
	return false
}

func (s *Server) condition(r *http.Request, bucket, key string) (code string, status int) {
	etag, exists := s.etag(bucket, key)
	switch want := r.Header.Get("If-Match"); {
	case want != "" && !exists:
		return "NoSuchKey", http.StatusNotFound
	case want != "" && want != etag, r.Header.Get("If-None-Match") == "*" && exists:
		return "PreconditionFailed", http.StatusPreconditionFailed
	}
	if r.Header.Get("X-Amz-Copy-Source") != "" {
		return s.sourceCondition(r)
	}
	return "", 0
}

func (s *Server) sourceCondition(r *http.Request) (code string, status int) {
	bucket, key := source(r)
	etag, exists := s.etag(bucket, key)
	switch want := r.Header.Get("X-Amz-Copy-Source-If-Match"); {
	case !exists:
		return "NoSuchKey", http.StatusNotFound
	case want != "" && want != etag:
		return "PreconditionFailed", http.StatusPreconditionFailed
	}
	return "", 0
}

func source(r *http.Request) (bucket, key string) {
	name, _ := url.PathUnescape(r.Header.Get("X-Amz-Copy-Source"))
	bucket, key, _ = strings.Cut(strings.TrimPrefix(name, "/"), "/")
	return bucket, key
}

// copyPart is UploadPartCopy: an UploadPart of what stands in the source.
func (s *Server) copyPart(w http.ResponseWriter, r *http.Request) {
	if code, status := s.sourceCondition(r); code != "" {
		Fail(w, r, status, code)
		return
	}
	bucket, key := source(r)
	o, err := s.Backend.GetObject(bucket, key, nil)
	if err != nil {
		Fail(w, r, http.StatusNotFound, "NoSuchKey")
		return
	}
	data, err := io.ReadAll(o.Contents)
	if err != nil {
		Fail(w, r, http.StatusInternalServerError, "InternalError")
		return
	}
	if span := r.Header.Get("X-Amz-Copy-Source-Range"); span != "" {
		var from, to int
		if n, _ := fmt.Sscanf(span, "bytes=%d-%d", &from, &to); n != 2 || from > to || to >= len(data) {
			Fail(w, r, http.StatusBadRequest, "InvalidArgument")
			return
		}
		data = data[from : to+1]
	}
	inner := r.Clone(r.Context())
	inner.Header = http.Header{"Content-Length": {strconv.Itoa(len(data))}}
	inner.Body, inner.ContentLength = io.NopCloser(bytes.NewReader(data)), int64(len(data))
	answer := httptest.NewRecorder()
	s.inner.ServeHTTP(answer, inner)
	if answer.Code >= 300 {
		send(w, answer)
		return
	}
	w.Header().Set("Content-Type", "application/xml")
	_, _ = fmt.Fprintf(w, "<?xml version=\"1.0\"?><CopyPartResult><ETag>%s</ETag></CopyPartResult>", strings.ReplaceAll(answer.Header().Get("ETag"), `"`, "&quot;"))
}

// bucket answers what is about a whole bucket.
func (s *Server) bucket(w http.ResponseWriter, r *http.Request) {
	if !r.URL.Query().Has("uploads") {
		s.inner.ServeHTTP(w, r)
		return
	}
	answer := httptest.NewRecorder()
	s.inner.ServeHTTP(answer, r)
	if answer.Code == http.StatusNotFound && strings.Contains(answer.Body.String(), "NoSuchUpload") {
		w.Header().Set("Content-Type", "application/xml")
		_, _ = io.WriteString(w, "<?xml version=\"1.0\"?><ListMultipartUploadsResult><IsTruncated>false</IsTruncated></ListMultipartUploadsResult>")
		return
	}
	send(w, answer)
}

func (s *Server) etag(bucket, key string) (etag string, exists bool) {
	o, err := s.Backend.HeadObject(bucket, key)
	if err != nil {
		return "", false
	}
	return s.etagOf(bucket+"/"+key, quote(o.Hash)), true
}

// checksum is the CRC64NVME that S3 computes itself of what is sent without a
// checksum.
func (s *Server) checksum(bucket, key string) string {
	o, err := s.Backend.GetObject(bucket, key, nil)
	if err != nil {
		return ""
	}
	sum := crc64nvme.New()
	if _, err := io.Copy(sum, o.Contents); err != nil {
		return ""
	}
	return base64.StdEncoding.EncodeToString(sum.Sum(nil))
}

func (s *Server) etagOf(name, hash string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.etags[name]; m.hash == hash {
		return m.etag
	}
	return hash
}

func quote(hash []byte) string { return `"` + hex.EncodeToString(hash) + `"` }

// etagWriter tells the ETag that S3 would, and no checksum of the whole with a part.
type etagWriter struct {
	http.ResponseWriter
	server *Server
	name   string
	sum    string // CRC64NVME, for an object that was sent without a checksum; "" if not asked for
	wrote  bool
}

func (w *etagWriter) WriteHeader(status int) {
	if h := w.Header(); !w.wrote && h.Get("ETag") != "" {
		etag := w.server.etagOf(w.name, h.Get("ETag"))
		h.Set("ETag", etag)
		if w.sum != "" {
			h.Set(crc64Header, w.sum)
			h.Set("X-Amz-Checksum-Type", "FULL_OBJECT")
		}
	}
	w.wrote = true
	w.ResponseWriter.WriteHeader(status)
}

func (w *etagWriter) Write(p []byte) (int, error) {
	if !w.wrote {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(p)
}

func send(w http.ResponseWriter, answer *httptest.ResponseRecorder) {
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}

// Fail answers with an error as S3 does.
func Fail(w http.ResponseWriter, r *http.Request, status int, code string) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = fmt.Fprintf(w, "<?xml version=\"1.0\"?><Error><Code>%s</Code><Message>as the test wants</Message></Error>", code) //nolint:gosec // code is a test's
	}
}

// Put makes an object.
func (s *Server) Put(bucket, key, text string) error {
	// The backend would give it the metadata of the object before, its checksum too.
	if _, err := s.Backend.DeleteObject(bucket, key); err != nil {
		return err
	}
	_, err := s.Backend.PutObject(bucket, key, map[string]string{}, strings.NewReader(text), int64(len(text)), nil)
	return err
}

// Get returns the content of an object, or false.
func (s *Server) Get(bucket, key string) (string, bool) {
	o, err := s.Backend.GetObject(bucket, key, nil)
	if err != nil {
		return "", false
	}
	data, err := io.ReadAll(o.Contents)
	return string(data), err == nil
}

// Uploads counts the uploads to a bucket that are neither completed nor aborted.
func (s *Server) Uploads(bucket string) int {
	answer := httptest.NewRecorder()
	s.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/"+bucket+"?uploads", nil))
	return strings.Count(answer.Body.String(), "<UploadId>")
}

// ETag is the ETag of an object that is put whole.
func ETag(text string) string {
	hash := md5.Sum([]byte(text)) //nolint:gosec // S3's ETags are MD5
	return quote(hash[:])
}
