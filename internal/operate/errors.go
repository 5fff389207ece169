package operate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"regexp"
	"strings"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"ds-pipeline/preprocess/contract"
	"ds-pipeline/preprocess/job"
	"ds-pipeline/preprocess/named"
	"ds-pipeline/preprocess/storage"
)

// Exit statuses of dspipe. A run that was waited for ends with the job's own,
// which package contract lists and from which these are taken where they mean
// the same.
const (
	exitOK          = contract.ExitOK
	exitNotWell     = 1 // a run did not succeed, or a check found something
	exitUsage       = contract.ExitUsage
	exitData        = contract.ExitData
	exitNotFound    = contract.ExitNoInput
	exitUnavailable = contract.ExitUnavailable
	exitFault       = contract.ExitSoftware
	exitIO          = contract.ExitIO
	exitNoPerm      = contract.ExitNoPerm
	exitConfig      = contract.ExitConfig
	exitInterrupted = 130
)

// exitStatus says what an exit status of dspipe means.
type exitStatus struct {
	code    int
	meaning string
}

// exitStatuses lists every exit status.
func exitStatuses() []exitStatus {
	return []exitStatus{
		{exitOK, "done; of doctor: all is well; of a run that was waited for: it succeeded"},
		{exitNotWell, "a check failed, or a run ended without a status of the job"},
		{exitUsage, "the command line is wrong"},
		{exitData, "the data, the model or a template was refused, or a result is not what its manifest says"},
		{exitNotFound, "what was asked for does not exist"},
		{exitUnavailable, "AWS did not answer after several tries"},
		{exitFault, "a fault in this program"},
		{exitIO, "reading or writing failed"},
		{contract.ExitTempFail, "the job was interrupted; trying again can help"},
		{exitNoPerm, "credentials or permissions are missing"},
		{exitConfig, "the stack was not found, or it is in another account"},
		{contract.ExitAnotherRound, "the job asked for another round of a run over many tasks, and none followed"},
		{exitInterrupted, "interrupted; a run that was started goes on unless it was said to be stopped"},
	}
}

// Error is a failure with its exit status and what a person can do about it.
type Error struct {
	Status int
	Err    error
	Remedy string // whole sentences; "" for none
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

func fail(status int, remedy, format string, args ...any) error {
	return &Error{Status: status, Err: fmt.Errorf(format, args...), Remedy: remedy}
}

// endedError ends the program with a status when all is said already.
type endedError int

func (e endedError) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// errInterrupted says that the person interrupted.
var errInterrupted = errors.New("interrupted")

// iamService is how IAM calls the services, by their names in the SDK.
var iamService = map[string]string{
	"CloudWatch Logs": "logs", "EC2": "ec2", "ECR": "ecr", "ECS": "ecs", "EventBridge": "events", "IAM": "iam",
	"S3": "s3", "SFN": "states", "SQS": "sqs", "SSM": "ssm", "STS": "sts", "Scheduler": "scheduler",
}

// iamAction is what IAM has to allow for an operation of S3; of other services it
// is called as the operation.
var iamAction = map[string]string{
	"HeadObject": "GetObject", "ListObjectsV2": "ListBucket", "HeadBucket": "ListBucket", "CopyObject": "PutObject",
	"CreateMultipartUpload": "PutObject", "UploadPart": "PutObject", "CompleteMultipartUpload": "PutObject",
	"ListMultipartUploads": "ListBucketMultipartUploads",
}

var notAuthorized = regexp.MustCompile(`not authorized to perform: ([a-z0-9-]+:[A-Za-z0-9]+)(?: on resource: (\S+))?`)

// explain says of any error what its exit status is and what to do next.
func explain(err error) *Error {
	var known *Error
	if errors.As(err, &known) {
		if known.Err == err { //nolint:errorlint // the same, not one like it
			return known
		}
		return &Error{Status: known.Status, Err: err, Remedy: known.Remedy}
	}
	if errors.Is(err, errInterrupted) || errors.Is(err, context.Canceled) {
		return &Error{Status: exitInterrupted, Err: errInterrupted}
	}
	if e := explainAPI(err); e != nil {
		return e
	}
	var path *fs.PathError
	switch status := job.ExitStatus(err); {
	case errors.Is(err, named.ErrKind):
		return &Error{Status: exitUsage, Err: err}
	case errors.Is(err, named.ErrTooLarge):
		return &Error{Status: exitData, Err: err}
	case errors.As(err, &path):
		if named.IsMissing(err) {
			return &Error{Status: exitNotFound, Err: err}
		}
		return &Error{Status: exitIO, Err: err}
	case status == contract.ExitTempFail:
		return &Error{Status: exitInterrupted, Err: err}
	case status == contract.ExitNoPerm:
		return &Error{Status: status, Err: err, Remedy: deniedObject(err)}
	case status == contract.ExitUnavailable:
		return &Error{Status: status, Err: err, Remedy: remedyNoAnswer}
	default:
		return &Error{Status: status, Err: err}
	}
}

const (
	remedyNoAnswer    = "Look at the network, at --region and AWS_ENDPOINT_URL, and try again; the health dashboard of AWS tells of disturbances."
	remedyCredentials = "Choose credentials with --profile or AWS_PROFILE, or log in: `aws sso login`, or `aws configure`." //nolint:gosec // words
	remedyExpired     = "Log in again: `aws sso login%s`, or set new values of AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN."
	remedyPermission  = "Ask whoever looks after the account to allow %s%s; docs/dspipe.md lists what each command needs."
)

// explainAPI explains what AWS answered, or that it did not; nil if it is neither.
func explainAPI(err error) *Error {
	service, operation := "", ""
	var op *smithy.OperationError
	if errors.As(err, &op) {
		service, operation = op.Service(), op.Operation()
	}
	if e := explainCredentials(err); e != nil {
		return e
	}
	var api smithy.APIError
	if !errors.As(err, &api) {
		var dns *net.DNSError
		var send *smithyhttp.RequestSendError
		if errors.As(err, &dns) || errors.As(err, &send) || errors.Is(err, context.DeadlineExceeded) {
			said := fmt.Errorf("%s did not answer: %w", service, innermost(err))
			var object *storage.Error
			if errors.As(err, &object) {
				said = fmt.Errorf("%s %s: %w", object.Op, object.URI, said)
			}
			return &Error{Status: exitUnavailable, Err: said, Remedy: remedyNoAnswer}
		}
		return nil
	}
	code, message := api.ErrorCode(), api.ErrorMessage()
	said := fmt.Errorf("%s %s: %s: %s", service, operation, code, message)
	switch {
	case isDenied(code):
		if service == "S3" {
			operation = cmp.Or(iamAction[operation], operation)
		}
		action, on := iamService[service]+":"+operation, ""
		if m := notAuthorized.FindStringSubmatch(message); m != nil {
			action = m[1]
			if m[2] != "" {
				on = " on " + strings.TrimRight(m[2], ".,")
			}
		}
		return &Error{Status: exitNoPerm, Err: fmt.Errorf("permission missing: %s%s: %s", action, on, message), Remedy: fmt.Sprintf(remedyPermission, action, on)}
	case strings.Contains(code, "Throttl") || code == "TooManyRequestsException" || code == "RequestLimitExceeded" || code == "SlowDown":
		return &Error{Status: exitUnavailable, Err: said, Remedy: "AWS takes no more requests of this account at the moment; try again in a minute."}
	case isMissing(code):
		return &Error{Status: exitNotFound, Err: said, Remedy: "Compare --region, --profile and --stack with where the stack is deployed; a deployment restores what is missing."}
	}
	if kind := storage.ServiceKind(err); errors.Is(kind, storage.ErrUnavailable) {
		return &Error{Status: exitUnavailable, Err: said, Remedy: remedyNoAnswer}
	}
	return &Error{Status: exitFault, Err: said, Remedy: "If --help does not explain it, report it with this message."}
}

// explainCredentials explains what is wrong with the credentials, if it is they.
func explainCredentials(err error) *Error {
	text := err.Error()
	expired := []string{"ExpiredToken", "RequestExpired", "token has expired", "session has expired", "cached SSO token is expired", "InvalidGrantException"}
	for _, sign := range expired {
		if strings.Contains(text, sign) {
			return &Error{Status: exitNoPerm, Err: errors.New("the credentials have expired"), Remedy: fmt.Sprintf(remedyExpired, "")}
		}
	}
	unknown := []string{"InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch", "InvalidAccessKeyId", "IncompleteSignature", "AuthFailure"}
	for _, sign := range unknown {
		if strings.Contains(text, sign) {
			return &Error{Status: exitNoPerm, Err: fmt.Errorf("AWS does not accept these credentials (%s)", sign), Remedy: remedyCredentials}
		}
	}
	if strings.Contains(text, "failed to get shared config profile") {
		return &Error{Status: exitConfig, Err: innermost(err), Remedy: "`aws configure list-profiles` lists the profiles; choose one with --profile."}
	}
	if strings.Contains(text, "AWS credentials:") || strings.Contains(text, "failed to retrieve credentials") || strings.Contains(text, "failed to refresh cached credentials") {
		return &Error{Status: exitNoPerm, Err: errors.New("no credentials for AWS were found"), Remedy: remedyCredentials}
	}
	return nil
}

func isDenied(code string) bool {
	return strings.HasPrefix(code, "AccessDenied") || code == "UnauthorizedOperation" || code == "Forbidden" || code == "NotAuthorized" || code == "KMSAccessDeniedException"
}

func isMissing(code string) bool {
	return strings.Contains(code, "NotFound") || strings.Contains(code, "DoesNotExist") || strings.Contains(code, "NonExistent") || code == "NoSuchKey" || code == "NoSuchBucket" || code == "NoSuchEntity"
}

// deniedObject names the permission that the error of an object is about.
func deniedObject(err error) string {
	var e *storage.Error
	if !errors.As(err, &e) || !e.URI.IsS3() {
		return remedyCredentials
	}
	action := "s3:GetObject"
	if e.Op == "write" || e.Op == "copy" {
		action = "s3:PutObject"
	}
	return fmt.Sprintf(remedyPermission, action, " on "+e.URI.String())
}

// innermost is the cause of all causes: the rest is how the SDK is built.
func innermost(err error) error {
	for {
		next := errors.Unwrap(err)
		if several, ok := err.(interface{ Unwrap() []error }); ok {
			if all := several.Unwrap(); len(all) > 0 {
				next = all[len(all)-1] // the cause, after the kind
			}
		}
		if next == nil {
			return err
		}
		err = next
	}
}

// apiCode is the code of what AWS answered, or "".
func apiCode(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

// apiMessage is what AWS answered, in words.
func apiMessage(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorMessage()
	}
	return ""
}
