package storage

import (
	"context"
	"crypto/md5"  //nolint:gosec // S3's ETags are MD5
	"crypto/sha1" //nolint:gosec // one of the checksums that S3 keeps
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"hash/crc32"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/minio/crc64nvme"
)

// sum is a checksum that S3 keeps of an object. Answers to the ranges that are
// read do not have it, and the SDK does not look at it then.
type sum struct {
	name string // as S3 calls it
	want []byte
	hash func() hash.Hash

	// An object that was uploaded in parts may have the checksum of the checksums
	// of its parts, which all have the same size in bytes but for the last. Both
	// are 0 for a checksum of the whole.
	parts, partSize int64
}

// findSum finds the checksum of the object; nil if there is none that can be
// compared. It is asked for once.
func (o *s3Object) findSum(ctx context.Context) (*sum, error) {
	if o.asked {
		return o.sum, nil
	}
	head, err := o.client.api.HeadObject(ctx, &s3.HeadObjectInput{
		Bucket: &o.uri.Bucket, Key: &o.uri.Key, IfMatch: &o.etag, ChecksumMode: types.ChecksumModeEnabled,
	})
	if err != nil {
		return nil, serviceError("read", o.uri, err)
	}
	s := keptSum(head)
	if s == nil {
		s = etagSum(head)
	}
	if s != nil && s.parts > 0 {
		first, err := o.client.api.HeadObject(ctx, &s3.HeadObjectInput{
			Bucket: &o.uri.Bucket, Key: &o.uri.Key, IfMatch: &o.etag, PartNumber: aws.Int32(1),
		})
		if err != nil {
			return nil, serviceError("read", o.uri, err)
		}
		s.partSize = aws.ToInt64(first.ContentLength)
		if s.partSize <= 0 || (o.size+s.partSize-1)/s.partSize != s.parts {
			s = nil // parts of several sizes
		}
	}
	o.sum, o.asked = s, true
	return s, nil
}

// CompareSum compares what was read of an object, in several places, with the
// CRC64NVME that S3 keeps of it: sum, as S3 writes it. It is no error that S3 keeps
// another checksum or none, or that it is a file. ErrChanged is that it is of
// another version by now.
func (s *Store) CompareSum(ctx context.Context, u URI, version, sum string) error {
	if !u.IsS3() {
		return nil
	}
	c, err := s.s3(ctx)
	if err != nil {
		return &Error{Op: "read", URI: u, Kind: ErrTarget, Err: err}
	}
	head, err := c.api.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &u.Bucket, Key: &u.Key, ChecksumMode: types.ChecksumModeEnabled})
	if err != nil {
		return serviceError("read", u, err)
	}
	if objectVersion(aws.ToInt64(head.ContentLength), aws.ToString(head.ETag)) != version {
		return &Error{Op: "read", URI: u, Kind: ErrChanged}
	}
	if kept := keptSum(head); kept != nil && kept.name == algorithmCRC64NVME {
		got, err := base64.StdEncoding.DecodeString(sum)
		if err != nil || string(got) != string(kept.want) {
			return kept.damaged(u, got)
		}
	}
	return nil
}

// damaged says that what was read is not what S3 has.
func (s *sum) damaged(u URI, got []byte) error {
	return &Error{Op: "read", URI: u, Err: fmt.Errorf("damaged on the way: the %s of what was read is %x, and that of the object %x", s.name, got, s.want)}
}

const algorithmCRC64NVME = "CRC64NVME"

// algorithm is one of S3's, with the value that an answer has.
type algorithm struct {
	name  string
	hash  func() hash.Hash
	value func(*s3.HeadObjectOutput) *string
}

// algorithms, the fastest first.
func algorithms() []algorithm {
	castagnoli := func() hash.Hash { return crc32.New(crc32.MakeTable(crc32.Castagnoli)) }
	return []algorithm{
		{algorithmCRC64NVME, func() hash.Hash { return crc64nvme.New() }, func(h *s3.HeadObjectOutput) *string { return h.ChecksumCRC64NVME }},
		{"CRC32C", castagnoli, func(h *s3.HeadObjectOutput) *string { return h.ChecksumCRC32C }},
		{"CRC32", func() hash.Hash { return crc32.NewIEEE() }, func(h *s3.HeadObjectOutput) *string { return h.ChecksumCRC32 }},
		{"SHA256", sha256.New, func(h *s3.HeadObjectOutput) *string { return h.ChecksumSHA256 }},
		{"SHA1", sha1.New, func(h *s3.HeadObjectOutput) *string { return h.ChecksumSHA1 }},
	}
}

// keptSum is the checksum that S3 keeps, the fastest if there are several.
func keptSum(head *s3.HeadObjectOutput) *sum {
	for _, a := range algorithms() {
		text, parts, composite := strings.Cut(aws.ToString(a.value(head)), "-")
		want, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(want) != a.hash().Size() {
			continue
		}
		if !composite {
			return &sum{name: a.name, want: want, hash: a.hash}
		}
		if n, err := strconv.ParseInt(parts, 10, 32); err == nil && n > 0 {
			return &sum{name: a.name, want: want, hash: a.hash, parts: n}
		}
	}
	return nil
}

// etagSum is the MD5 that the ETag of an older object is, if it was put whole
// and not encrypted with a key of KMS or of the client.
func etagSum(head *s3.HeadObjectOutput) *sum {
	want, err := hex.DecodeString(strings.Trim(aws.ToString(head.ETag), `"`))
	plain := head.SSECustomerAlgorithm == nil && (head.ServerSideEncryption == "" || head.ServerSideEncryption == types.ServerSideEncryptionAes256)
	if err != nil || len(want) != md5.Size || !plain {
		return nil
	}
	return &sum{name: "MD5", want: want, hash: md5.New}
}

// check compares all bytes of an object, in order, with its checksum.
type check struct {
	sum   *sum
	whole hash.Hash
	part  hash.Hash // nil for a checksum of the whole
	left  int64     // of part, in bytes
}

func newCheck(s *sum) *check {
	if s == nil {
		return nil
	}
	c := &check{sum: s, whole: s.hash()}
	if s.partSize > 0 {
		c.part, c.left = s.hash(), s.partSize
	}
	return c
}

func (c *check) write(p []byte) {
	switch {
	case c == nil:
		return
	case c.part == nil:
		_, _ = c.whole.Write(p)
		return
	}
	for len(p) > 0 {
		n := min(int64(len(p)), c.left)
		_, _ = c.part.Write(p[:n])
		p = p[n:]
		if c.left -= n; c.left == 0 {
			c.endPart()
		}
	}
}

func (c *check) endPart() {
	_, _ = c.whole.Write(c.part.Sum(nil))
	c.part.Reset()
	c.left = c.sum.partSize
}

// finish says whether everything was as it should be.
func (c *check) finish(u URI) error {
	if c == nil {
		return nil
	}
	if c.part != nil && c.left < c.sum.partSize {
		c.endPart()
	}
	if got := c.whole.Sum(nil); string(got) != string(c.sum.want) {
		return c.sum.damaged(u, got)
	}
	return nil
}
