package storage

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"testing"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

func TestServiceKind_sortsErrors(t *testing.T) {
	code := func(code string) error { return fmt.Errorf("x: %w", &smithy.GenericAPIError{Code: code}) }
	status := func(status int) error {
		return &awshttp.ResponseError{ResponseError: &smithyhttp.ResponseError{
			Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}}, Err: errors.New("x")}}
	}
	for _, test := range []struct {
		err  error
		want error
	}{
		{code("NoSuchKey"), ErrNotFound}, {code("NoSuchBucket"), ErrNotFound}, {status(404), ErrNotFound},
		{code("AccessDenied"), ErrDenied}, {code("ExpiredToken"), ErrDenied}, {status(403), ErrDenied}, {status(401), ErrDenied},
		{code("SlowDown"), ErrUnavailable}, {code("BadDigest"), ErrUnavailable}, {code("ThrottlingException"), ErrUnavailable}, {status(503), ErrUnavailable}, {status(429), ErrUnavailable},
		{code("PreconditionFailed"), ErrChanged}, {status(412), ErrChanged},
		{code("PermanentRedirect"), ErrTarget}, {status(301), ErrTarget},
		{&net.OpError{Op: "dial", Err: errors.New("refused")}, ErrUnavailable},
		{fmt.Errorf("x: %w", context.DeadlineExceeded), ErrUnavailable},
		{context.Canceled, nil}, {code("NoSuchUpload"), nil}, {status(400), nil}, {errors.New("x"), nil},
	} {
		if got := ServiceKind(test.err); !errors.Is(got, test.want) {
			t.Errorf("%v: %v, want %v", test.err, got, test.want)
		}
	}
}

func TestServiceKind_waitsForTheCredentialsOfAContainer(t *testing.T) {
	err := fmt.Errorf("x: %w", &credentialsError{&net.OpError{Op: "dial", Err: errors.New("refused")}})
	t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "")
	t.Setenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "")
	if got := ServiceKind(err); !errors.Is(got, ErrDenied) {
		t.Errorf("%v, want %v", got, ErrDenied)
	}
	t.Setenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials")
	if got := ServiceKind(err); !errors.Is(got, ErrUnavailable) {
		t.Errorf("%v, want %v", got, ErrUnavailable)
	}
}

func TestWritePart_staysWithinWhatS3Takes(t *testing.T) {
	total := 0
	for n := 1; n <= maxParts; n++ {
		size := writePart(n)
		if size < 5<<20 || size > 5<<30 || n > 1 && size < writePart(n-1) {
			t.Fatalf("part %d: %d bytes", n, size)
		}
		total += size
	}
	if total < 500e9 {
		t.Errorf("an upload holds %d bytes", total)
	}
}
