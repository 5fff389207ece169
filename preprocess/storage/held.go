package storage

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/minio/crc64nvme"
)

// LeastPart is what every part of an upload to S3 has at least but the last one,
// in bytes; MaxParts is how many parts there may be.
const (
	LeastPart = firstWritePart
	MaxParts  = maxParts
)

// Held is what was written and nobody sees before Publish, which another process
// may call: it can be kept as JSON. Of an object it is an upload that is not
// completed, of a file one in a staging folder.
type Held struct {
	Upload string     `json:"upload,omitempty"`    // id; "" of a file
	Mark   string     `json:"mark,omitempty"`      // by which the object is known once it is published
	Parts  []HeldPart `json:"parts,omitempty"`     // in the order of their numbers
	Sum    string     `json:"crc64nvme,omitempty"` // of all parts, as S3 writes it; "" if it is not known
	File   string     `json:"file,omitempty"`      // path
	Size   int64      `json:"size"`                // bytes
}

// HeldPart is a part of an upload that is not completed.
type HeldPart struct {
	Number int32  `json:"number"`
	ETag   string `json:"etag"`
	Sum    string `json:"crc64nvme,omitempty"` // as S3 tells it; "" if it does not
}

// HeldUpload is something that is being written and not to be published yet.
type HeldUpload interface {
	io.Writer
	// Finish ends the writing.
	Finish() (Held, error)
	// Abort discards what was written. After Finish it does nothing.
	Abort() error
}

// Hold starts to write what Publish makes u. A file is put at staging until then.
func (s *Store) Hold(ctx context.Context, u, staging URI) (HeldUpload, error) {
	if !u.IsS3() {
		return s.holdFile(ctx, staging)
	}
	c, err := s.s3(ctx)
	if err != nil {
		return nil, &Error{Op: "write", URI: u, Kind: ErrTarget, Err: err}
	}
	return s3Held{c.create(ctx, u, Condition{}, s.warn)}, nil
}

type s3Held struct{ *s3Upload }

func (h s3Held) Finish() (Held, error) {
	if err := h.failure(); err != nil {
		return Held{}, err
	}
	if h.id == nil {
		if err := h.send(len(h.buf)); err != nil { // which may be empty
			return Held{}, err
		}
	}
	if err := h.finish(); err != nil {
		return Held{}, err
	}
	return h.held(), nil
}

// held is what was sent. From here on, Abort does nothing.
func (up *s3Upload) held() Held {
	up.done = true
	up.cancel()
	held := Held{Upload: aws.ToString(up.id), Mark: up.mark, Size: up.total, Sum: aws.ToString(up.whole)}
	for _, p := range up.parts {
		held.Parts = append(held.Parts, HeldPart{*p.PartNumber, aws.ToString(p.ETag), aws.ToString(p.ChecksumCRC64NVME)})
	}
	return held
}

type fileHeld struct {
	Upload
	uri  URI
	size int64
}

func (s *Store) holdFile(ctx context.Context, staging URI) (HeldUpload, error) {
	up, err := s.Create(ctx, staging, Condition{})
	return &fileHeld{Upload: up, uri: staging}, err
}

func (h *fileHeld) Write(p []byte) (int, error) {
	n, err := h.Upload.Write(p)
	h.size += int64(n)
	return n, err
}

func (h *fileHeld) Finish() (Held, error) {
	_, err := h.Commit()
	return Held{File: h.uri.Path, Size: h.size}, err
}

// Publish makes u what is held, if the condition holds. It can be called again:
// what is published already stays.
func (s *Store) Publish(ctx context.Context, u URI, held Held, condition Condition) (Info, error) {
	if err := condition.isFor(u); err != nil {
		return Info{}, err
	}
	if !u.IsS3() {
		from, err := s.Stat(ctx, URI{Path: held.File})
		if err != nil {
			return Info{}, err
		}
		return s.Copy(ctx, from, u, condition)
	}
	c, err := s.s3(ctx)
	if err != nil {
		return Info{}, &Error{Op: "write", URI: u, Kind: ErrTarget, Err: err}
	}
	now, mark, err := c.stat(ctx, u)
	if err != nil || now.Exists && mark == held.Mark {
		return now, err
	}
	up := &s3Upload{client: c, uri: u, condition: condition, mark: held.Mark, total: held.Size, id: &held.Upload}
	if held.Sum != "" {
		up.whole = &held.Sum
	}
	for _, p := range held.Parts {
		part := types.CompletedPart{PartNumber: aws.Int32(p.Number), ETag: aws.String(p.ETag)}
		if p.Sum != "" {
			part.ChecksumCRC64NVME = aws.String(p.Sum)
		}
		up.parts = append(up.parts, part)
	}
	return c.publish(ctx, u, condition, held.Mark, s.warn, held.Upload, up.complete)
}

// Discard removes what is held and not published. It is no error that it is gone.
func (s *Store) Discard(ctx context.Context, u URI, held Held) error {
	switch {
	case held.Upload != "":
		c, err := s.s3(ctx)
		if err != nil {
			return &Error{Op: "delete", URI: u, Kind: ErrTarget, Err: err}
		}
		return c.abort(ctx, u, held.Upload)
	case held.File != "":
		if err := s.Delete(ctx, URI{Path: held.File}, Condition{}); err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	return nil
}

// Published tells whether u is what is held.
func (s *Store) Published(ctx context.Context, u URI, held Held) (bool, error) {
	if !u.IsS3() {
		return false, nil
	}
	c, err := s.s3(ctx)
	if err != nil {
		return false, &Error{Op: "read", URI: u, Kind: ErrTarget, Err: err}
	}
	now, mark, err := c.stat(ctx, u)
	return now.Exists && mark == held.Mark, err
}

// Begin starts an upload without any parts, to which HoldRange and SendPart add
// some. A file needs none.
func (s *Store) Begin(ctx context.Context, u URI) (Held, error) {
	if !u.IsS3() {
		return Held{}, nil
	}
	c, err := s.s3(ctx)
	if err != nil {
		return Held{}, &Error{Op: "write", URI: u, Kind: ErrTarget, Err: err}
	}
	held := Held{Mark: rand.Text()}
	id, err := c.begin(ctx, u, held.Mark)
	held.Upload = aws.ToString(id)
	return held, err
}

// PartSpan is the numbers that the parts of a range may have, and how large they
// are at first, in bytes.
type PartSpan struct {
	First, Count int
	Bytes        int
}

// size is that of part n. The first one is as small as it may be, as it is kept
// aside too; the others grow, so that a result that is larger than expected fits.
func (s PartSpan) size(n int) int {
	switch at := n - s.First; {
	case at == 0:
		return LeastPart
	case at < s.Count/3:
		return s.Bytes
	case at < 2*s.Count/3:
		return 2 * s.Bytes
	}
	return 4 * s.Bytes
}

// Room is how many bytes parts of these numbers have at most.
func (s PartSpan) Room() int64 {
	room := int64(0)
	for n := s.First; n < s.First+s.Count; n++ {
		room += int64(s.size(n))
	}
	return room
}

// HoldRange starts to write a range of what Publish makes u: parts of the upload
// that Begin started. Every part is as large as S3 wants it in the middle of an
// upload. The beginning, which is the first part or, if the range is smaller
// than that, all of it, is put at head too: what came before may turn out to be
// too small for a part, and then both become one. Of a file, all of it is put at
// head.
func (s *Store) HoldRange(ctx context.Context, u URI, upload Held, span PartSpan, head URI) (HeldUpload, error) {
	if !u.IsS3() {
		return s.holdFile(ctx, head)
	}
	c, err := s.s3(ctx)
	if err != nil {
		return nil, &Error{Op: "write", URI: u, Kind: ErrTarget, Err: err}
	}
	up := c.create(ctx, u, Condition{}, s.warn)
	up.id, up.mark = &upload.Upload, upload.Mark
	up.next, up.last, up.size, up.keep = span.First, span.First+span.Count-1, span.size, LeastPart
	return &s3Range{s3Upload: up, store: s, span: span, headURI: head}, nil
}

type s3Range struct {
	*s3Upload
	store   *Store
	span    PartSpan
	headURI URI
	head    []byte
}

func (r *s3Range) Write(p []byte) (int, error) {
	if missing := 2*LeastPart - len(r.head); missing > 0 {
		r.head = append(r.head, p[:min(missing, len(p))]...)
	}
	return r.s3Upload.Write(p)
}

func (r *s3Range) Finish() (Held, error) {
	if err := r.failure(); err != nil {
		return Held{}, err
	}
	switch {
	case r.next == r.span.First && len(r.buf) < LeastPart: // too small for a part
		r.total = int64(len(r.buf))
	default:
		if r.next > r.span.First {
			r.head = r.head[:LeastPart]
		}
		if err := r.finish(); err != nil {
			return Held{}, err
		}
		r.whole = nil // others send parts, too
	}
	up, err := r.store.Create(r.parent, r.headURI, Condition{})
	if err != nil {
		return Held{}, err
	}
	if _, err = up.Write(r.head); err == nil {
		_, err = up.Commit()
	}
	if err != nil {
		return Held{}, errors.Join(err, up.Abort())
	}
	return r.held(), nil
}

// Abort leaves the upload to others: it is not this range's own.
func (r *s3Range) Abort() error {
	if !r.done {
		r.done = true
		r.cancel()
		r.wait.Wait()
	}
	return nil
}

// SendPart adds a part to an upload that is not completed, or replaces it.
func (s *Store) SendPart(ctx context.Context, u URI, upload Held, number int32, body []byte) (HeldPart, error) {
	c, err := s.s3(ctx)
	if err != nil {
		return HeldPart{}, &Error{Op: "write", URI: u, Kind: ErrTarget, Err: err}
	}
	p, err := c.sendPart(ctx, u, &upload.Upload, number, body, crc64nvme.Checksum(body))
	if err != nil {
		return HeldPart{}, serviceError("write", u, err)
	}
	return HeldPart{number, aws.ToString(p.ETag), aws.ToString(p.ChecksumCRC64NVME)}, nil
}

// Current is held with the ETags that its parts have now. A part that was sent
// again has another one where S3 encrypts with a key of KMS, though the bytes are
// the same; where both times have a checksum, it has to be the same.
func (s *Store) Current(ctx context.Context, u URI, held Held) (Held, error) {
	c, err := s.s3(ctx)
	if err != nil {
		return Held{}, &Error{Op: "read", URI: u, Kind: ErrTarget, Err: err}
	}
	held.Parts = slices.Clone(held.Parts)
	at := map[int32]*HeldPart{}
	for i := range held.Parts {
		at[held.Parts[i].Number] = &held.Parts[i]
	}
	found := 0
	pages := s3.NewListPartsPaginator(c.api, &s3.ListPartsInput{Bucket: &u.Bucket, Key: &u.Key, UploadId: &held.Upload})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return Held{}, serviceError("list the parts of the upload to", u, err)
		}
		for _, p := range page.Parts {
			part := at[aws.ToInt32(p.PartNumber)]
			if part == nil {
				continue
			}
			found++
			if sum := aws.ToString(p.ChecksumCRC64NVME); sum != "" && part.Sum != "" && sum != part.Sum {
				return Held{}, &Error{Op: "write", URI: u, Err: fmt.Errorf("part %d of the upload is not what its range has sent", part.Number)}
			}
			part.ETag = cmp.Or(aws.ToString(p.ETag), part.ETag)
		}
	}
	if found < len(held.Parts) {
		return Held{}, &Error{Op: "write", URI: u, Err: fmt.Errorf("%d of %d parts of the upload are gone", len(held.Parts)-found, len(held.Parts))}
	}
	return held, nil
}

// Each calls each with the URI of everything whose name starts with a prefix, in
// the order of the names, hidden or not. Of files, a prefix that does not end in a
// slash stands for what is in its folder itself. A folder that does not exist has
// nothing in it.
func (s *Store) Each(ctx context.Context, prefix URI, each func(URI) error) error {
	if !prefix.IsS3() {
		return listAllFiles(ctx, prefix, func(name string) error { return each(URI{Path: name}) })
	}
	c, err := s.s3(ctx)
	if err != nil {
		return &Error{Op: "list", URI: prefix, Kind: ErrTarget, Err: err}
	}
	return c.listAll(ctx, prefix, prefix.Key, func(name string) error { return each(URI{Bucket: prefix.Bucket, Key: name}) })
}

// VersionOf is the Version of an object of S3 with a size in bytes and an ETag,
// in quotes or not.
func VersionOf(size int64, etag string) string {
	if etag != "" && etag[0] != '"' {
		etag = `"` + etag + `"`
	}
	return objectVersion(size, etag)
}
