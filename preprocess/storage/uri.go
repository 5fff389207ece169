package storage

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Stdin is the URI of the standard input.
const Stdin = "-"

const s3Scheme = "s3://"

// URI is an S3 object or a file. Exactly one of Bucket and Path is set.
type URI struct {
	Bucket, Key string
	Path        string
}

// ParseURI reads s3://bucket/key or a path.
func ParseURI(s string) (URI, error) {
	if s == "" {
		return URI{}, errors.New("empty; want s3://bucket/key or a path")
	}
	rest, isS3 := strings.CutPrefix(s, s3Scheme)
	if !isS3 {
		if scheme, _, ok := strings.Cut(s, "://"); ok {
			return URI{}, fmt.Errorf("%q: scheme %q is not known; want s3://bucket/key or a path", s, scheme)
		}
		if strings.HasPrefix(strings.ToLower(s), "s3:") {
			return URI{}, fmt.Errorf("%q: want s3://bucket/key or a path", s)
		}
		if strings.ContainsRune(s, 0) {
			return URI{}, fmt.Errorf("%q: a path holds no NUL", s)
		}
		return URI{Path: s}, nil
	}
	bucket, key, _ := strings.Cut(rest, "/")
	if err := CheckBucket(bucket); err != nil {
		return URI{}, fmt.Errorf("%q: %w", s, err)
	}
	if err := CheckKey(key); err != nil {
		return URI{}, fmt.Errorf("%q: %w", s, err)
	}
	return URI{Bucket: bucket, Key: key}, nil
}

// String is what ParseURI reads.
func (u URI) String() string {
	if u.Bucket != "" {
		return s3Scheme + u.Bucket + "/" + u.Key
	}
	if u.Path == Stdin {
		return "standard input"
	}
	return u.Path
}

// IsS3 tells an object from a file.
func (u URI) IsS3() bool { return u.Bucket != "" }

var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

// CheckBucket says what is wrong with the name of a bucket.
func CheckBucket(name string) error {
	if !bucketName.MatchString(name) || strings.Contains(name, "..") {
		return fmt.Errorf("bucket %q: want 3 to 63 lower-case letters, digits, dots and hyphens, a letter or digit at both ends", name)
	}
	return nil
}

// CheckKey says what is wrong with the key of an object.
func CheckKey(key string) error {
	switch {
	case key == "":
		return errors.New("key: empty; want the name of an object")
	case len(key) > 1024:
		return fmt.Errorf("key: %d bytes; want at most 1024", len(key))
	case !utf8.ValidString(key):
		return errors.New("key: want valid UTF-8")
	case strings.HasSuffix(key, "/"):
		return fmt.Errorf("key %q: ends in a slash; want the name of an object", key)
	}
	return nil
}
