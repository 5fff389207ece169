package storage

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
)

// listing is a Store whose S3 answers each request for a list with a page.
func listing(t *testing.T, status int, page string) (*Store, *[]string) {
	t.Helper()
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.RequestURI())
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(status)
		_, _ = fmt.Fprint(w, page)
	}))
	t.Cleanup(server.Close)
	for name, value := range map[string]string{"AWS_ENDPOINT_URL": server.URL, "AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"} {
		t.Setenv(name, value)
	}
	return New(), &asked
}

// One page is all that is asked for, whatever comes after it.
func TestNearby_listsTheFolderInOneRequest(t *testing.T) {
	const page = `<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>more</NextContinuationToken>
<Contents><Key>raw/</Key></Contents><Contents><Key>raw/a.csv</Key></Contents><Contents><Key>raw/b.csv</Key></Contents>
<CommonPrefixes><Prefix>raw/2026/</Prefix></CommonPrefixes></ListBucketResult>`
	for key, prefix := range map[string]string{"raw/x.csv": "raw%2F", "raw/2025/": "raw%2F", "x.csv": "", "raw/": "", "a//b": "a%2F%2F"} {
		s, asked := listing(t, http.StatusOK, page)
		got, err := s.Nearby(context.Background(), URI{Bucket: "b", Key: key})
		if err != nil {
			t.Fatal(err)
		}
		want := []URI{{Bucket: "b", Key: "raw/a.csv"}, {Bucket: "b", Key: "raw/b.csv"}, {Bucket: "b", Key: "raw/2026/"}}
		if prefix != "raw%2F" {
			want = slices.Insert(want, 0, URI{Bucket: "b", Key: "raw/"}) // no marker of this folder
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", key, got, want)
		}
		if request := "GET /b?delimiter=%2F&list-type=2&max-keys=1000&prefix=" + prefix; len(*asked) != 1 || (*asked)[0] != request {
			t.Errorf("%s: asked %q, want %s", key, *asked, request)
		}
	}
}

func TestNearby_failsWhereListingIsDenied(t *testing.T) {
	s, _ := listing(t, http.StatusForbidden, "<Error><Code>AccessDenied</Code><Message>no</Message></Error>")
	if _, err := s.Nearby(context.Background(), URI{Bucket: "b", Key: "raw/x.csv"}); !errors.Is(err, ErrDenied) {
		t.Errorf("got %v, want %v", err, ErrDenied)
	}
}
