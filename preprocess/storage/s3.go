package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// How patient the network code is. AWS_MAX_ATTEMPTS and the other settings of the AWS SDK
// apply as usual.
const (
	maxAttempts   = 8
	dialTimeout   = 5 * time.Second
	answerTimeout = 60 * time.Second // from the request's end to the answer's start
	stallTimeout  = 30 * time.Second // between two bytes of a body
	abortTimeout  = 10 * time.Second
	commitGrace   = 15 * time.Second // for a commit under way when the run is interrupted
	// Connections that are kept for use again: a merge and the columns of Parquet ask
	// for 16 objects at once, and each that is not kept costs a handshake.
	idleConnections = 20

	readPart       = 1 << 20
	firstReads     = 2 // at once; more when they are waited for
	readsAtOnce    = 6
	writesAtOnce   = 2       // if one is not enough
	firstWritePart = 5 << 20 // the least that S3 accepts
	smallWrite     = 256 << 10
)

// LoadAWSConfig reads the environment as every AWS tool does, with more
// patience than the SDK's default.
func LoadAWSConfig(ctx context.Context) (aws.Config, error) {
	client := awshttp.NewBuildableClient().
		WithDialerOptions(func(d *net.Dialer) { d.Timeout = dialTimeout }).
		WithTransportOptions(func(t *http.Transport) {
			t.ResponseHeaderTimeout = answerTimeout
			t.MaxIdleConnsPerHost = idleConnections
		})
	options := []func(*config.LoadOptions) error{
		config.WithHTTPClient(client),
		// What matters comes as an error; its own lines, such as one for each read that
		// is given up, would stand between those of the programs.
		config.WithLogger(logging.Nop{}),
	}
	if os.Getenv("AWS_MAX_ATTEMPTS") == "" {
		options = append(options, config.WithRetryMaxAttempts(maxAttempts))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return aws.Config{}, fmt.Errorf("AWS configuration: %w", err)
	}
	if cfg.Region == "" {
		return aws.Config{}, errors.New("AWS region: missing; set AWS_REGION")
	}
	if cfg.Credentials != nil {
		cfg.Credentials = credentials{cfg.Credentials}
	}
	return cfg, nil
}

// credentials marks the errors of a provider, to tell them from those of the
// service that the credentials are for.
type credentials struct{ aws.CredentialsProvider }

func (c credentials) Retrieve(ctx context.Context) (aws.Credentials, error) {
	v, err := c.CredentialsProvider.Retrieve(ctx)
	if err != nil {
		err = &credentialsError{err}
	}
	return v, err
}

type credentialsError struct{ err error }

func (e *credentialsError) Error() string { return "AWS credentials: " + e.err.Error() }
func (e *credentialsError) Unwrap() error { return e.err }

// kind is ErrUnavailable where credentials are promised by the container's
// surroundings, so that asking again can help, and else ErrDenied.
func (e *credentialsError) kind() error {
	if os.Getenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")+os.Getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI") != "" {
		return ErrUnavailable
	}
	return ErrDenied
}

type s3Client struct {
	api               *s3.Client
	maxCopy, copyPart int64 // bytes
	stall             time.Duration
}

func newS3Client(ctx context.Context) (*s3Client, error) {
	cfg, err := LoadAWSConfig(ctx)
	if err != nil {
		return nil, err
	}
	return &s3Client{maxCopy: maxCopy, copyPart: copyPart, stall: stallTimeout, api: s3.NewFromConfig(cfg, func(o *s3.Options) {
		// An endpoint of one's own rarely has a name for every bucket.
		o.UsePathStyle = o.BaseEndpoint != nil
		// A part of an object has no checksum, and the SDK would say so each time.
		o.DisableLogOutputChecksumValidationSkipped = true
	})}, nil
}

// badDigest is S3's answer to a body that does not have its checksum.
const badDigest = "BadDigest"

// putOptions is how bodies are sent: again if they were damaged on the way; and signed
// by their CRC64NVME only, which is in a signed header. That is what the SDK does with TLS.
// Without TLS it would hash them as well, though nothing that is read is protected then.
func putOptions(o *s3.Options) {
	o.Retryer = retry.AddWithErrorCodes(o.Retryer, badDigest)
	o.APIOptions = append(o.APIOptions, v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware)
}

// ServiceKind tells what kind of error an AWS service's error is; nil for none.
func ServiceKind(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	var missing *credentialsError
	if errors.As(err, &missing) {
		return missing.kind()
	}
	var api smithy.APIError
	if errors.As(err, &api) {
		switch api.ErrorCode() {
		case "NoSuchKey", "NoSuchBucket", "NotFound":
			return ErrNotFound
		case "AccessDenied", "AccessDeniedException", "Forbidden", "InvalidAccessKeyId", "SignatureDoesNotMatch",
			"ExpiredToken", "ExpiredTokenException", "InvalidToken", "UnrecognizedClientException", "AccountProblem",
			"AllAccessDisabled", "InvalidClientTokenId", "IncompleteSignature":
			return ErrDenied
		case "NoSuchUpload": // somebody aborted it
			return nil
		case "PreconditionFailed":
			return ErrChanged
		case "PermanentRedirect", "AuthorizationHeaderMalformed", "InvalidBucketName", "IllegalLocationConstraintException":
			return ErrTarget
		case "SlowDown", "Throttling", "ThrottlingException", "TooManyRequestsException", "RequestLimitExceeded",
			"RequestTimeout", "InternalError", "InternalServerError", "ServiceUnavailable", "OperationAborted", badDigest:
			return ErrUnavailable
		}
	}
	var response *awshttp.ResponseError
	if errors.As(err, &response) {
		switch code := response.HTTPStatusCode(); {
		case code == http.StatusNotFound:
			return ErrNotFound
		case code == http.StatusUnauthorized || code == http.StatusForbidden:
			return ErrDenied
		case code == http.StatusPreconditionFailed:
			return ErrChanged
		case code == http.StatusMovedPermanently:
			return ErrTarget
		case code == http.StatusTooManyRequests || code >= 500:
			return ErrUnavailable
		case code != 0:
			return nil
		}
	}
	if isNetwork(err) {
		return ErrUnavailable
	}
	return nil
}

func isNetwork(err error) bool {
	var op *net.OpError
	var send *smithyhttp.RequestSendError
	return errors.As(err, &op) || errors.As(err, &send) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, io.ErrUnexpectedEOF)
}

// serviceError describes the failure of one S3 operation.
func serviceError(op string, u URI, err error) error {
	if ctx := context.Canceled; errors.Is(err, ctx) {
		return fmt.Errorf("%s %s: %w", op, u, ctx)
	}
	e := &Error{Op: op, URI: u, Kind: ServiceKind(err), Err: err}
	var api smithy.APIError
	if errors.As(err, &api) {
		e.Err = fmt.Errorf("%s: %s", api.ErrorCode(), api.ErrorMessage())
		if code := api.ErrorCode(); op == "read" && (code == "AccessDenied" || code == "Forbidden") {
			// S3 hides whether an object exists from those who may not list it.
			e.Err = fmt.Errorf("%w; it is also what S3 answers for a missing object when listing is not permitted", e.Err)
		}
	}
	if op == "write" && errors.Is(e.Kind, ErrNotFound) {
		e.Kind = ErrTarget
	}
	return e
}
