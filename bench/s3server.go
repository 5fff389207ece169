package main

import (
	"bufio"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/minio/crc64nvme"

	"ds-pipeline/internal/s3test"
)

const bucket = "bench"

// serve is an S3 server that holds the files, by their names, until its standard
// input ends. It prints its address and, with TLS, its certificate.
func serve(files []string, secure bool) error {
	inner, err := s3test.New(bucket)
	if err != nil {
		return err
	}
	s := &files3{inner: inner, files: map[string]*heldFile{}, uploads: map[string]*upload{}}
	for _, path := range files {
		if err := s.hold(path); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /-/cpu", func(w http.ResponseWriter, _ *http.Request) {
		var usage syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err == nil {
			fmt.Fprint(w, usage.Utime.Nano()+usage.Stime.Nano())
		}
	})
	mux.Handle("/", s)
	web := httptest.NewUnstartedServer(mux)
	if secure {
		web.StartTLS()
	} else {
		web.Start()
	}
	defer web.Close()
	fmt.Println(web.URL)
	if secure {
		if err := pem.Encode(os.Stdout, &pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw}); err != nil {
			return err
		}
	}
	fmt.Println()
	_, _ = bufio.NewReader(os.Stdin).ReadByte()
	return nil
}

// files3 is an S3 server that costs next to nothing, as S3's own processors are
// nobody's concern: objects are files that the system has in memory, and what is
// uploaded in parts is compared with its checksums and forgotten. All else is
// for the server of the tests.
type files3 struct {
	inner http.Handler
	files map[string]*heldFile // by key

	mu      sync.Mutex
	uploads map[string]*upload // by id
	last    atomic.Int64       // upload
}

// heldFile is an object that is a file.
type heldFile struct {
	data []byte // as the system maps it
	sum  string // CRC64NVME, in base64
}

func (f *heldFile) etag() string { return `"` + fmt.Sprintf("%x", f.sum) + `"` }

type upload struct{ bytes atomic.Int64 }

func (s *files3) hold(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	data, err := syscall.Mmap(int(file.Fd()), 0, int(info.Size()), syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return err
	}
	s.files[filepath.Base(path)] = &heldFile{data, sumOf(data)}
	return nil
}

func sumOf(data []byte) string {
	h := crc64nvme.New()
	_, _ = h.Write(data)
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

func (s *files3) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	query := r.URL.Query()
	switch file := s.files[key]; {
	case file != nil && r.Method == http.MethodHead:
		s.head(w, file)
	case file != nil && r.Method == http.MethodGet:
		s.get(w, r, file)
	case r.Method == http.MethodPost && query.Has("uploads"):
		s.create(w)
	case r.Method == http.MethodPut && query.Has("partNumber"):
		s.part(w, r)
	case r.Method == http.MethodPost && query.Has("uploadId"):
		s.complete(w, r)
	default:
		s.inner.ServeHTTP(w, r)
	}
}

func (s *files3) head(w http.ResponseWriter, file *heldFile) {
	h := w.Header()
	h.Set("ETag", file.etag())
	h.Set("Content-Length", strconv.Itoa(len(file.data)))
	h.Set("X-Amz-Checksum-Crc64nvme", file.sum)
	h.Set("X-Amz-Checksum-Type", "FULL_OBJECT")
}

func (s *files3) get(w http.ResponseWriter, r *http.Request, file *heldFile) {
	var from, to int
	if n, _ := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-%d", &from, &to); n != 2 || from > to || from >= len(file.data) {
		s3test.Fail(w, r, http.StatusRequestedRangeNotSatisfiable, "InvalidRange")
		return
	}
	to = min(to, len(file.data)-1)
	h := w.Header()
	h.Set("ETag", file.etag())
	h.Set("Content-Type", "text/csv")
	h.Set("Content-Length", strconv.Itoa(to-from+1))
	h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to, len(file.data)))
	w.WriteHeader(http.StatusPartialContent)
	_, _ = w.Write(file.data[from : to+1])
}

func (s *files3) create(w http.ResponseWriter) {
	id := strconv.FormatInt(s.last.Add(1), 10)
	s.mu.Lock()
	s.uploads[id] = &upload{}
	s.mu.Unlock()
	_, _ = fmt.Fprintf(w, "<InitiateMultipartUploadResult><UploadId>%s</UploadId></InitiateMultipartUploadResult>", id)
}

func (s *files3) part(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	u := s.uploads[r.URL.Query().Get("uploadId")]
	s.mu.Unlock()
	if u == nil {
		s3test.Fail(w, r, http.StatusNotFound, "NoSuchUpload")
		return
	}
	buf := buffers.Get().(*[64 << 10]byte)
	defer buffers.Put(buf)
	h := crc64nvme.New()
	n, err := io.CopyBuffer(struct{ io.Writer }{h}, struct{ io.Reader }{r.Body}, buf[:])
	if err != nil {
		return
	}
	sum := base64.StdEncoding.EncodeToString(h.Sum(nil))
	if r.Header.Get("X-Amz-Checksum-Crc64nvme") != sum {
		s3test.Fail(w, r, http.StatusBadRequest, "BadDigest")
		return
	}
	u.bytes.Add(n)
	w.Header().Set("ETag", `"`+fmt.Sprintf("%x", sum)+`"`)
	w.Header().Set("X-Amz-Checksum-Crc64nvme", sum)
}

var buffers = sync.Pool{New: func() any { return new([64 << 10]byte) }}

func (s *files3) complete(w http.ResponseWriter, r *http.Request) {
	id := r.URL.Query().Get("uploadId")
	s.mu.Lock()
	u := s.uploads[id]
	delete(s.uploads, id)
	s.mu.Unlock()
	if u == nil {
		s3test.Fail(w, r, http.StatusNotFound, "NoSuchUpload")
		return
	}
	if want := r.Header.Get("X-Amz-Mp-Object-Size"); want != strconv.FormatInt(u.bytes.Load(), 10) {
		s3test.Fail(w, r, http.StatusBadRequest, "InvalidRequest")
		return
	}
	_, _ = io.Copy(io.Discard, r.Body)
	_, _ = io.WriteString(w, `<CompleteMultipartUploadResult><ETag>"complete-1"</ETag></CompleteMultipartUploadResult>`)
}
