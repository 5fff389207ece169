// Package storage reads and writes S3 objects and files behind one small
// interface. What is written appears whole or not at all, and if wished only
// where nobody else published meanwhile.
//
// What each operation asks of IAM, on the object unless said otherwise:
//
//	Open, ReadAll, Stat, s3:GetObject; s3:ListBucket on the bucket, without
//	CompareSum           which S3 denies a missing object instead of saying so
//	List, Nearby         s3:ListBucket on the bucket
//	Create               s3:PutObject, s3:AbortMultipartUpload, s3:GetObject (to
//	                     compare, and to find out what became of an unanswered
//	                     request); s3:ListBucketMultipartUploads on the bucket
//	Copy                 what Stat needs of the source and Create of the target
//	Delete               s3:DeleteObject
//	Begin, Hold,         s3:PutObject, s3:AbortMultipartUpload; HoldRange and
//	HoldRange, SendPart  ReadAll of what it keeps aside
//	Publish              what Create needs; of a range also
//	                     s3:ListMultipartUploadParts
//
// Objects encrypted with a key of KMS need kms:Decrypt on it to be read, to be
// copied and to be written in parts, and kms:GenerateDataKey to be written.
package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
)

// Kinds of error, for errors.Is. An error that is none of them is a fault of
// reading or writing.
var (
	ErrNotFound    = errors.New("it does not exist")
	ErrDenied      = errors.New("permission denied")
	ErrUnavailable = errors.New("the service did not answer")
	ErrChanged     = errors.New("it changed while it was read")
	ErrTarget      = errors.New("it cannot be used")
	ErrTooLarge    = errors.New("it is too large")
	ErrOnce        = errors.New("it can be read only once")
	ErrConflict    = errors.New("another run published meanwhile")
)

// Error says what was being done to which object.
type Error struct {
	Op   string // such as "read"
	URI  URI
	Kind error // one of the above, or nil
	Err  error // the cause; nil if Kind says it all
}

func (e *Error) Error() string {
	switch {
	case e.Kind == nil:
		return fmt.Sprintf("%s %s: %v", e.Op, e.URI, e.Err)
	case e.Err == nil:
		return fmt.Sprintf("%s %s: %v", e.Op, e.URI, e.Kind)
	}
	return fmt.Sprintf("%s %s: %v: %v", e.Op, e.URI, e.Kind, e.Err)
}

// Unwrap gives both the kind and the cause.
func (e *Error) Unwrap() []error {
	var errs []error
	if e.Kind != nil {
		errs = append(errs, e.Kind)
	}
	if e.Err != nil {
		errs = append(errs, e.Err)
	}
	return errs
}

// Object is something that can be read.
type Object interface {
	URI() URI
	// Size is in bytes, or -1 if unknown, as of a pipe.
	Size() int64
	// Version differs when the content does. It is "" of a pipe.
	Version() string
	// Reader reads from the beginning. All readers of an Object see the same
	// content, or fail with ErrChanged. A pipe has a single one: ErrOnce.
	Reader(ctx context.Context) (io.ReadCloser, error)
	Close() error
}

// Upload is something that is being written. Nothing is visible before Commit,
// and nothing is left after Abort.
type Upload interface {
	io.Writer
	// Commit publishes what was written, in place of what was there, and says
	// what is there now. The error is ErrConflict if the condition of the upload
	// does not hold, or if another run, which published, discarded the upload.
	Commit() (Info, error)
	// Abort discards what was written. After Commit it does nothing.
	Abort() error
}

// Store opens and creates objects and files. It contacts AWS only when it is
// given an S3 URI. It is safe for concurrent use.
type Store struct {
	// Warn, unless nil, is told what could not be cleaned up. It is set before
	// the Store is used, and may be called by several goroutines.
	Warn func(error)

	once   sync.Once
	client *s3Client
	err    error

	leftovers leftovers
}

// New makes a Store.
func New() *Store { return &Store{} }

// Open finds an object.
func (s *Store) Open(ctx context.Context, u URI) (Object, error) {
	if !u.IsS3() {
		return openFile(u)
	}
	c, err := s.s3(ctx)
	if err != nil {
		return nil, &Error{Op: "read", URI: u, Kind: ErrTarget, Err: err}
	}
	return c.open(ctx, u)
}

// Create starts an upload, which ctx can interrupt and which publishes only if
// the condition holds. What runs that were killed have left of uploads to the
// same place is removed: of files at once, if it was there when the Store first
// wrote to the folder, of objects after the commit.
func (s *Store) Create(ctx context.Context, u URI, condition Condition) (Upload, error) {
	if err := condition.isFor(u); err != nil {
		return nil, err
	}
	if !u.IsS3() {
		return s.createFile(ctx, u, condition)
	}
	c, err := s.s3(ctx)
	if err != nil {
		return nil, &Error{Op: "write", URI: u, Kind: ErrTarget, Err: err}
	}
	return c.create(ctx, u, condition, s.warn), nil
}

// ReadAll reads an object of at most limit bytes.
func (s *Store) ReadAll(ctx context.Context, u URI, limit int64) ([]byte, error) {
	data, _, err := s.ReadVersion(ctx, u, limit)
	return data, err
}

// ReadVersion reads an object of at most limit bytes, and tells its version.
func (s *Store) ReadVersion(ctx context.Context, u URI, limit int64) (data []byte, version string, err error) {
	o, err := s.Open(ctx, u)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = o.Close() }()
	tooLarge := &Error{Op: "read", URI: u, Kind: ErrTooLarge, Err: fmt.Errorf("want at most %d bytes", limit)}
	if o.Size() > limit {
		return nil, "", tooLarge
	}
	r, err := o.Reader(ctx)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = r.Close() }()
	data, err = io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = tooLarge
	}
	return data, o.Version(), err
}

func (s *Store) warn(err error) {
	if s.Warn != nil && err != nil {
		s.Warn(err)
	}
}

func (s *Store) s3(ctx context.Context) (*s3Client, error) {
	s.once.Do(func() { s.client, s.err = newS3Client(ctx) })
	return s.client, s.err
}

// atEnd tells whether err is io.EOF itself: a broken connection may wrap it.
func atEnd(err error) bool { return err == io.EOF } //nolint:errorlint // see above
