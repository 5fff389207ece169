package storage

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
)

// markName is the name in an object's metadata of what tells it from others
// with the same content. It says who published when an answer is lost.
const markName = "upload"

func marked(mark string) map[string]string { return map[string]string{markName: mark} }

// headers are what S3 wants of a condition: If-Match and If-None-Match.
func (c Condition) headers() (ifMatch, ifNoneMatch *string) {
	switch {
	case c.seen == nil:
		return nil, nil
	case !c.seen.Exists:
		return nil, aws.String("*")
	}
	return &c.seen.ETag, nil
}

func objectVersion(size int64, etag string) string { return fmt.Sprintf("%d bytes of %s", size, etag) }

func (c *s3Client) stat(ctx context.Context, u URI) (info Info, mark string, err error) {
	out, err := c.api.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &u.Bucket, Key: &u.Key})
	var missing *types.NotFound
	if errors.As(err, &missing) {
		return Info{URI: u}, "", nil
	}
	if err != nil {
		return Info{}, "", serviceError("read", u, err)
	}
	size, etag := aws.ToInt64(out.ContentLength), aws.ToString(out.ETag)
	return Info{URI: u, Exists: true, Size: size, ETag: etag, Version: objectVersion(size, etag), Modified: aws.ToTime(out.LastModified)},
		out.Metadata[markName], nil
}

// publishError says that another run published, if that is what err means.
func publishError(u URI, err error, condition Condition) error {
	e := serviceError("write", u, err)
	var kind *Error
	if !errors.As(e, &kind) {
		return e
	}
	var api smithy.APIError
	if errors.As(err, &api) {
		switch api.ErrorCode() {
		case "PreconditionFailed", "ConditionalRequestConflict":
			kind.Kind = ErrConflict
		case "NoSuchUpload": // the winner discarded it
			kind.Kind = ErrConflict
		case "NoSuchKey": // what was to be replaced is gone
			if condition.seen != nil && condition.seen.Exists {
				kind.Kind = ErrConflict
			}
		}
	}
	var response *awshttp.ResponseError
	if errors.As(err, &response) && response.HTTPStatusCode() == http.StatusPreconditionFailed {
		kind.Kind = ErrConflict
	}
	return kind
}

// publish sends the request that publishes, and then discards the unfinished
// uploads that were there before: they could not publish any more, or nobody is
// left to finish them. Those begun later are not touched, as their runs know of
// ours. own is the upload that the request completes, if any.
func (c *s3Client) publish(parent context.Context, u URI, condition Condition, mark string, warn func(error), own string, send func(context.Context) (Info, error)) (Info, error) {
	others, listErr := c.unfinished(parent, u)
	if parent.Err() != nil {
		return Info{}, serviceError("write", u, parent.Err())
	}
	if listErr != nil {
		warn(listErr)
	}

	// An interruption that comes now would leave it open whether the result is
	// published, so the last request gets some time to end.
	ctx, cancel := context.WithCancel(context.WithoutCancel(parent))
	defer cancel()
	defer context.AfterFunc(parent, func() { time.AfterFunc(commitGrace, cancel) })()

	info, err := send(ctx)
	if err != nil {
		// S3 may have published and the answer got lost; sent again, the request
		// then meets our own object.
		now, found, statErr := c.stat(ctx, u)
		if statErr != nil || found != mark {
			return Info{}, publishError(u, err, condition)
		}
		info = now
	}
	info.Version = objectVersion(info.Size, info.ETag)
	for _, id := range others {
		if id == own {
			continue
		}
		if err := c.abort(ctx, u, id); err != nil {
			warn(err)
			break // the next run tries again
		}
	}
	return info, nil
}

// unfinished lists the uploads of exactly one key.
func (c *s3Client) unfinished(ctx context.Context, u URI) ([]string, error) {
	var ids []string
	pages := s3.NewListMultipartUploadsPaginator(c.api, &s3.ListMultipartUploadsInput{Bucket: &u.Bucket, Prefix: &u.Key})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return ids, serviceError("list the unfinished uploads of", u, err)
		}
		for _, upload := range page.Uploads {
			key := aws.ToString(upload.Key)
			if key == u.Key {
				ids = append(ids, aws.ToString(upload.UploadId))
			}
			if key > u.Key { // they are in the order of their keys
				return ids, nil
			}
		}
	}
	return ids, nil
}

func (c *s3Client) abort(parent context.Context, u URI, id string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(parent), abortTimeout)
	defer cancel()
	_, err := c.api.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &u.Bucket, Key: &u.Key, UploadId: &id})
	var gone *types.NoSuchUpload
	if err != nil && !errors.As(err, &gone) {
		return serviceError("abort an upload to", u, err)
	}
	return nil
}

// Sizes of copies, in bytes. maxCopy is the most that S3 copies in one request.
const (
	maxCopy  = 5 << 30
	copyPart = 1 << 30
)

// copySource is how S3 wants a source to be named. It reads a plus as a space.
func copySource(u URI) *string {
	return aws.String(strings.ReplaceAll((&url.URL{Path: u.Bucket + "/" + u.Key}).EscapedPath(), "+", "%2B"))
}

func (c *s3Client) copy(ctx context.Context, from Info, to URI, condition Condition, warn func(error)) (Info, error) {
	mark := rand.Text()
	if from.Size > c.maxCopy {
		return c.copyParts(ctx, from, to, condition, mark, warn)
	}
	ifMatch, ifNoneMatch := condition.headers()
	return c.publish(ctx, to, condition, mark, warn, "", func(ctx context.Context) (Info, error) {
		out, err := c.api.CopyObject(ctx, &s3.CopyObjectInput{
			Bucket:            &to.Bucket,
			Key:               &to.Key,
			CopySource:        copySource(from.URI),
			CopySourceIfMatch: &from.ETag,
			IfMatch:           ifMatch,
			IfNoneMatch:       ifNoneMatch,
			ContentType:       aws.String(contentType(to.Key)),
			Metadata:          marked(mark),
			MetadataDirective: types.MetadataDirectiveReplace,
			TaggingDirective:  types.TaggingDirectiveReplace, // reading tags is not permitted, and there are none
		})
		if err != nil {
			return Info{}, err
		}
		info := Info{URI: to, Exists: true, Size: from.Size}
		if out.CopyObjectResult != nil {
			info.ETag = aws.ToString(out.CopyObjectResult.ETag)
		}
		return info, nil
	})
}

func (c *s3Client) copyParts(ctx context.Context, from Info, to URI, condition Condition, mark string, warn func(error)) (Info, error) {
	begun, err := c.begin(ctx, to, mark)
	if err != nil {
		return Info{}, err
	}
	id := *begun
	parts, err := c.sendCopies(ctx, from, to, id, condition)
	var info Info
	if err == nil {
		ifMatch, ifNoneMatch := condition.headers()
		info, err = c.publish(ctx, to, condition, mark, warn, id, func(ctx context.Context) (Info, error) {
			out, err := c.api.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
				Bucket:          &to.Bucket,
				Key:             &to.Key,
				UploadId:        &id,
				MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
				MpuObjectSize:   &from.Size,
				ChecksumType:    types.ChecksumTypeFullObject,
				IfMatch:         ifMatch,
				IfNoneMatch:     ifNoneMatch,
			})
			if err != nil {
				return Info{}, err
			}
			return Info{URI: to, Exists: true, Size: from.Size, ETag: aws.ToString(out.ETag)}, nil
		})
	}
	if err != nil {
		if abort := c.abort(ctx, to, id); abort != nil {
			warn(abort)
		}
	}
	return info, err
}

func (c *s3Client) sendCopies(ctx context.Context, from Info, to URI, id string, condition Condition) ([]types.CompletedPart, error) {
	var parts []types.CompletedPart
	for offset := int64(0); offset < from.Size; offset += c.copyPart {
		out, err := c.api.UploadPartCopy(ctx, &s3.UploadPartCopyInput{
			Bucket:            &to.Bucket,
			Key:               &to.Key,
			UploadId:          &id,
			PartNumber:        aws.Int32(int32(len(parts) + 1)),
			CopySource:        copySource(from.URI),
			CopySourceIfMatch: &from.ETag,
			CopySourceRange:   aws.String(fmt.Sprintf("bytes=%d-%d", offset, min(offset+c.copyPart, from.Size)-1)),
		})
		if err != nil {
			return nil, publishError(to, err, condition)
		}
		if out.CopyPartResult == nil {
			return nil, &Error{Op: "write", URI: to, Err: errors.New("the service answered a copy without its ETag")}
		}
		parts = append(parts, types.CompletedPart{
			ETag: out.CopyPartResult.ETag, ChecksumCRC64NVME: out.CopyPartResult.ChecksumCRC64NVME, PartNumber: aws.Int32(int32(len(parts) + 1)),
		})
	}
	return slices.Clip(parts), nil
}

func (c *s3Client) delete(ctx context.Context, u URI, condition Condition) error {
	ifMatch, _ := condition.headers()
	_, err := c.api.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &u.Bucket, Key: &u.Key, IfMatch: ifMatch})
	var api smithy.APIError
	if errors.As(err, &api) && api.ErrorCode() == "NoSuchKey" && condition.seen == nil {
		return nil
	}
	if err != nil {
		err = publishError(u, err, condition)
		var e *Error
		if errors.As(err, &e) {
			e.Op = "delete"
		}
	}
	return err
}
