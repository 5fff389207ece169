package storage

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/minio/crc64nvme"
)

// contentType is what a browser is told of an object.
func contentType(key string) string {
	switch strings.ToLower(path.Ext(key)) {
	case ".gz":
		return "application/gzip"
	case ".zst":
		return "application/zstd"
	case ".html":
		return "text/html; charset=utf-8"
	case ".json":
		return "application/json"
	case ".jsonl", ".ndjson":
		return "application/x-ndjson"
	case ".tsv":
		return "text/tab-separated-values; charset=utf-8"
	case ".parquet":
		return "application/vnd.apache.parquet"
	case ".pkl", ".pickle", ".joblib":
		return "application/octet-stream"
	}
	return "text/csv; charset=utf-8"
}

// maxParts is how many parts an upload may have.
const maxParts = 10_000

// writePart is the size of part number n, from 1, in bytes: small, so that an
// upload of up to 34 GB takes little memory, and then large enough for 500 GB.
func writePart(n int) int {
	switch {
	case n <= 6500:
		return firstWritePart
	case n <= 7000:
		return 4 * firstWritePart
	}
	return 30 * firstWritePart
}

// s3Upload sends parts while it is being written. An upload of a single part
// is a plain PutObject.
type s3Upload struct {
	client    *s3Client
	uri       URI
	condition Condition
	warn      func(error)
	mark      string          // in the metadata: tells our object from others
	total     int64           // bytes
	sum       uint64          // CRC64NVME of all that was written
	partSum   uint64          // and of what is in buf
	whole     *string         // what sum is in the end, for S3 to compare; nil if it is not of the whole
	parent    context.Context // of the run
	ctx       context.Context // of the parts: ends with parent, or on the first error
	cancel    context.CancelFunc

	buf    []byte
	free   chan []byte // has room for every buffer
	atOnce int
	next   int             // number of the part in buf, from 1
	last   int             // that a part may have
	size   func(n int) int // of part n, in bytes
	keep   int             // bytes that stay in buf when a part is sent
	id     *string
	done   bool

	wait  sync.WaitGroup
	mu    sync.Mutex
	parts []types.CompletedPart
	err   error
}

func (c *s3Client) create(ctx context.Context, u URI, condition Condition, warn func(error)) *s3Upload {
	up := &s3Upload{client: c, uri: u, condition: condition, warn: warn, mark: rand.Text(), parent: ctx, next: 1, last: maxParts, size: writePart, free: make(chan []byte, writesAtOnce)}
	up.ctx, up.cancel = context.WithCancel(ctx)
	return up
}

func (up *s3Upload) fail(err error) {
	up.mu.Lock()
	defer up.mu.Unlock()
	if up.err == nil {
		up.err = err
		up.cancel()
	}
}

func (up *s3Upload) failure() error {
	up.mu.Lock()
	defer up.mu.Unlock()
	if up.err == nil && up.parent.Err() != nil {
		return serviceError("write", up.uri, up.parent.Err())
	}
	return up.err
}

func (up *s3Upload) Write(p []byte) (int, error) {
	written := 0
	for len(p) > 0 {
		if err := up.failure(); err != nil {
			return written, err
		}
		size := up.size(up.next) + up.keep
		if len(up.buf) == size {
			if err := up.send(size - up.keep); err != nil {
				return written, err
			}
			continue
		}
		n := min(len(p), size-len(up.buf))
		if cap(up.buf) < len(up.buf)+n {
			// Once for what is small, and else for all of a part: what growing leaves
			// behind would be as large as that.
			room := size
			if len(up.buf)+n <= smallWrite {
				room = smallWrite
			}
			up.buf = append(make([]byte, 0, room), up.buf...)
		}
		// Here, as what was just computed is near to the processor: in memory of
		// 5 MiB it is not any more.
		up.sum, up.partSum = crc64nvme.Update(up.sum, p[:n]), crc64nvme.Update(up.partSum, p[:n])
		up.buf = append(up.buf, p[:n]...)
		p = p[n:]
		written += n
	}
	return written, nil
}

// begin starts an upload in parts and tells its id.
func (c *s3Client) begin(ctx context.Context, u URI, mark string) (*string, error) {
	out, err := c.api.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{
		Bucket:            &u.Bucket,
		Key:               &u.Key,
		ContentType:       aws.String(contentType(u.Key)),
		ChecksumAlgorithm: types.ChecksumAlgorithmCrc64nvme,
		ChecksumType:      types.ChecksumTypeFullObject,
		Metadata:          marked(mark),
	})
	if err != nil {
		return nil, serviceError("write", u, err)
	}
	return out.UploadId, nil
}

// checksum is a CRC64NVME as S3 writes it. It goes before the body, in a header:
// the SDK's own would follow it, and cut the body into chunks for that.
func checksum(sum uint64) *string {
	return aws.String(base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, sum)))
}

// sendPart uploads one part, which S3 compares with its checksum.
func (c *s3Client) sendPart(ctx context.Context, u URI, id *string, number int32, body []byte, sum uint64) (types.CompletedPart, error) {
	out, err := c.api.UploadPart(ctx, &s3.UploadPartInput{
		Bucket:            &u.Bucket,
		Key:               &u.Key,
		UploadId:          id,
		PartNumber:        &number,
		Body:              bytes.NewReader(body),
		ChecksumCRC64NVME: checksum(sum),
	}, putOptions)
	if err != nil {
		return types.CompletedPart{}, err
	}
	return types.CompletedPart{ETag: out.ETag, PartNumber: &number, ChecksumCRC64NVME: out.ChecksumCRC64NVME}, nil
}

// send uploads the first n bytes of buf as the next part in the background and
// takes a free buffer.
func (up *s3Upload) send(n int) error {
	if up.id == nil {
		id, err := up.client.begin(up.ctx, up.uri, up.mark)
		if err != nil {
			return up.failed(err)
		}
		up.id = id
	}
	if up.next > up.last {
		return up.failed(&Error{Op: "write", URI: up.uri, Kind: ErrTooLarge, Err: fmt.Errorf("it has more than its parts can have, of which %d is the last", up.last)})
	}
	spare, err := up.spare()
	if err != nil {
		return up.failed(serviceError("write", up.uri, err))
	}
	body, number := up.buf[:n], int32(up.next)
	up.total += int64(n)
	sum := up.partSum
	if n < len(up.buf) {
		sum = crc64nvme.Checksum(body)
	}
	up.partSum = crc64nvme.Checksum(up.buf[n:])
	up.buf = append(spare[:0], up.buf[n:]...)
	up.next++
	up.wait.Add(1)
	go func() {
		defer up.wait.Done()
		part, err := up.client.sendPart(up.ctx, up.uri, up.id, number, body, sum)
		up.free <- body
		if err != nil {
			up.fail(publishError(up.uri, err, up.condition))
			return
		}
		up.mu.Lock()
		defer up.mu.Unlock()
		up.parts = append(up.parts, part)
	}()
	return nil
}

// spare is a buffer that no part is sent from. There are only as many as it takes.
func (up *s3Upload) spare() ([]byte, error) {
	select {
	case b := <-up.free:
		return b, nil
	default:
	}
	if up.atOnce < writesAtOnce {
		up.atOnce++
		return nil, nil
	}
	select {
	case b := <-up.free:
		return b, nil
	case <-up.ctx.Done():
		return nil, up.ctx.Err()
	}
}

// failed keeps the first error: a later one may only be its consequence.
func (up *s3Upload) failed(err error) error {
	up.fail(err)
	return up.failure()
}

func (up *s3Upload) Commit() (Info, error) {
	if err := up.failure(); err != nil {
		return Info{}, err
	}
	if up.id != nil {
		if err := up.finish(); err != nil {
			return Info{}, err
		}
	} else {
		up.total = int64(len(up.buf))
	}
	info, err := up.client.publish(up.parent, up.uri, up.condition, up.mark, up.warn, aws.ToString(up.id), up.complete)
	if err != nil {
		return Info{}, up.failed(err)
	}
	up.done = true
	up.cancel()
	up.buf = nil
	return info, nil
}

// finish sends what is left as the last part and waits for all of them.
func (up *s3Upload) finish() error {
	if len(up.buf) > 0 {
		if err := up.send(len(up.buf)); err != nil {
			return err
		}
	}
	up.wait.Wait()
	slices.SortFunc(up.parts, func(a, b types.CompletedPart) int { return int(*a.PartNumber - *b.PartNumber) })
	up.whole = checksum(up.sum)
	return up.failure()
}

// complete is the request that publishes.
func (up *s3Upload) complete(ctx context.Context) (Info, error) {
	ifMatch, ifNoneMatch := up.condition.headers()
	info := Info{URI: up.uri, Exists: true, Size: up.total}
	if up.id == nil {
		out, err := up.client.api.PutObject(ctx, &s3.PutObjectInput{
			Bucket:            &up.uri.Bucket,
			Key:               &up.uri.Key,
			Body:              bytes.NewReader(up.buf),
			ContentType:       aws.String(contentType(up.uri.Key)),
			ChecksumCRC64NVME: checksum(up.sum),
			Metadata:          marked(up.mark),
			IfMatch:           ifMatch,
			IfNoneMatch:       ifNoneMatch,
		}, putOptions)
		if err != nil {
			return Info{}, err
		}
		info.ETag = aws.ToString(out.ETag)
		return info, nil
	}
	out, err := up.client.api.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket:            &up.uri.Bucket,
		Key:               &up.uri.Key,
		UploadId:          up.id,
		MultipartUpload:   &types.CompletedMultipartUpload{Parts: up.parts},
		MpuObjectSize:     &up.total,
		ChecksumCRC64NVME: up.whole,
		ChecksumType:      types.ChecksumTypeFullObject,
		IfMatch:           ifMatch,
		IfNoneMatch:       ifNoneMatch,
	})
	if err != nil {
		return Info{}, err
	}
	info.ETag = aws.ToString(out.ETag)
	return info, nil
}

func (up *s3Upload) Abort() error {
	if up.done {
		return nil
	}
	up.done = true
	up.cancel()
	up.wait.Wait()
	if up.id == nil {
		return nil
	}
	return up.client.abort(up.parent, up.uri, *up.id)
}
