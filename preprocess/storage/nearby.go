package storage

import (
	"context"
	"path"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// nearbyNames bounds the names that Nearby finds: one page of S3's, in one request.
const nearbyNames = 1000

// Nearby lists what stands beside an object of S3, or beside a prefix, which ends in
// a slash, so that one can tell what was meant by a name that is not there: objects,
// and prefixes of one more level, 1,000 at most, in the order of their names.
func (s *Store) Nearby(ctx context.Context, u URI) ([]URI, error) {
	c, err := s.s3(ctx)
	if err != nil {
		return nil, &Error{Op: "list", URI: u, Kind: ErrTarget, Err: err}
	}
	folder := u.Folder()
	page, err := c.api.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &u.Bucket, Prefix: &folder.Key, Delimiter: aws.String("/"), MaxKeys: aws.Int32(nearbyNames)})
	if err != nil {
		return nil, serviceError("list", folder, err)
	}
	var all []URI
	for _, o := range page.Contents {
		if key := aws.ToString(o.Key); key != folder.Key { // the marker of the folder
			all = append(all, URI{Bucket: u.Bucket, Key: key})
		}
	}
	for _, p := range page.CommonPrefixes {
		all = append(all, URI{Bucket: u.Bucket, Key: aws.ToString(p.Prefix)})
	}
	return all, nil
}

// Folder is the prefix in which an object of S3, or another prefix, stands: s3://bucket/
// for one at the top.
func (u URI) Folder() URI {
	dir, _ := path.Split(strings.TrimSuffix(u.Key, "/"))
	return URI{Bucket: u.Bucket, Key: dir}
}
