package storage

import (
	"strings"
	"testing"
)

func TestParseURI_readsObjectsAndPaths(t *testing.T) {
	for text, want := range map[string]URI{
		"s3://my-bucket/raw/data.csv": {Bucket: "my-bucket", Key: "raw/data.csv"},
		"s3://a.b.c/x//y z/ö":         {Bucket: "a.b.c", Key: "x//y z/ö"},
		"data.csv":                    {Path: "data.csv"},
		"/tmp/s3/data.csv":            {Path: "/tmp/s3/data.csv"},
		"a:b.csv":                     {Path: "a:b.csv"},
		"-":                           {Path: Stdin},
	} {
		got, err := ParseURI(text)
		if err != nil || got != want {
			t.Errorf("%q: %+v %v, want %+v", text, got, err, want)
		}
		if back := got.String(); err == nil && text != "-" && back != text {
			t.Errorf("%q became %q", text, back)
		}
	}
}

func TestParseURI_saysWhatIsWrong(t *testing.T) {
	for text, want := range map[string]string{
		"":                                      "empty; want s3://bucket/key or a path",
		"https://x/y":                           `"https://x/y": scheme "https" is not known; want s3://bucket/key or a path`,
		"S3://bucket/key":                       `"S3://bucket/key": scheme "S3" is not known; want s3://bucket/key or a path`,
		"s3:/bucket/key":                        `"s3:/bucket/key": want s3://bucket/key or a path`,
		"s3://bucket":                           `"s3://bucket": key: empty; want the name of an object`,
		"s3://bucket/":                          `"s3://bucket/": key: empty; want the name of an object`,
		"s3://bucket/folder/":                   `"s3://bucket/folder/": key "folder/": ends in a slash; want the name of an object`,
		"s3://My_Bucket/x":                      `"s3://My_Bucket/x": bucket "My_Bucket": want 3 to 63 lower-case letters, digits, dots and hyphens, a letter or digit at both ends`,
		"s3:///x":                               `"s3:///x": bucket "": want 3 to 63 lower-case letters, digits, dots and hyphens, a letter or digit at both ends`,
		"s3://abc/" + strings.Repeat("x", 1025): `"s3://abc/` + strings.Repeat("x", 1025) + `": key: 1025 bytes; want at most 1024`,
		"s3://abc/\xff":                         `"s3://abc/\xff": key: want valid UTF-8`,
		"a\x00b":                                `"a\x00b": a path holds no NUL`,
	} {
		if _, err := ParseURI(text); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}
