package s3test

import (
	"bytes"
	"errors"
	"net/http"
	"strconv"
	"strings"
)

// unchunk undoes the encoding aws-chunked without signatures, in which the SDK
// sends over TLS: sizes in hexadecimal before pieces, a piece of size 0 and then
// headers, which go to those of the request.
func unchunk(r *http.Request, body []byte) ([]byte, error) {
	if r.Header.Get("X-Amz-Content-Sha256") != "STREAMING-UNSIGNED-PAYLOAD-TRAILER" {
		return body, nil
	}
	broken := errors.New("the body is not as aws-chunked says")
	plain := make([]byte, 0, len(body))
	for {
		line, rest, ok := bytes.Cut(body, []byte("\r\n"))
		size, err := strconv.ParseUint(string(line), 16, 31)
		if !ok || err != nil {
			return nil, broken
		}
		body = rest
		if size == 0 {
			break
		}
		if uint64(len(body)) < size+2 || string(body[size:size+2]) != "\r\n" {
			return nil, broken
		}
		plain, body = append(plain, body[:size]...), body[size+2:]
	}
	for line := range strings.SplitSeq(string(body), "\r\n") {
		if name, value, ok := strings.Cut(line, ":"); ok {
			r.Header.Set(name, value)
		}
	}
	if want := r.Header.Get("X-Amz-Decoded-Content-Length"); want != strconv.Itoa(len(plain)) {
		return nil, broken
	}
	r.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")
	r.Header.Del("Content-Encoding")
	r.Header.Set("Content-Length", strconv.Itoa(len(plain)))
	r.ContentLength = int64(len(plain))
	return plain, nil
}
