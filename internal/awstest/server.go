// Package awstest is AWS for tests, as far as an operator of the pipeline meets
// it: S3 is a real server, the other services are modeled. What they are asked
// and what they answer are the SDK's own types, read and written as the protocol
// of each service says. An operation that is not modeled is an error.
package awstest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	cwltypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/smithy-go"

	"ds-pipeline/internal/s3test"
	"ds-pipeline/preprocess/contract"
)

// The place that everything is in, and what a stack calls its parts.
const (
	Account   = "111111111111"
	Region    = "us-east-1"
	Prefix    = contract.DefaultParameterPrefix
	Input     = "ds-input-dev-" + Account + "-" + Region
	Output    = "ds-output-dev-" + Account + "-" + Region
	Artifacts = "ds-artifacts-dev-" + Account + "-" + Region
	LogGroup  = "/ecs/ds-preprocessing-dev"
	Pipeline  = "ds-preprocessing-pipeline"
	Machine   = "arn:aws:states:" + Region + ":" + Account + ":stateMachine:" + Pipeline
	Rule      = "schedule-rule-1234567"
	User      = "arn:aws:iam::" + Account + ":user/operator"
)

// Server answers as AWS does. Its fields may be changed while nothing is asked,
// or within Lock.
type Server struct {
	*httptest.Server
	S3 *s3test.Server

	mu         sync.Mutex
	Account    string // of the credentials
	Stack      Stack
	Parameters map[string]string
	Logs       map[string][]cwltypes.OutputLogEvent // by the name of a stream in LogGroup
	PageSize   int                                  // the most that one answer lists

	Expression   string // of Rule
	RuleDisabled bool
	DeadLetters  []string // bodies

	// Job is what a task does: lines of log, and its exit status. env is what the
	// container has in its environment.
	Job func(env map[string]string) (lines []string, status int)
	// Hold keeps an execution from going on once its task has been started.
	Hold bool
	// Spread is how many parts a run has; 0 is one task. Of them FailParts fail.
	Spread, FailParts int64
	// Blind is how often a new execution is said not to exist.
	Blind int

	executions []*execution // the newest first
	faults     []*Fault
	asked      []string
}

// Fault answers requests instead of the service.
type Fault struct {
	Operation     string // such as SFN.StartExecution, or S3.PUT; "*" for all
	Times         int    // how many of them; -1 for all
	Status        int    // of HTTP
	Code, Message string
}

// New makes a server with a stack in it, and ends it with the test.
func New(t interface {
	Cleanup(func())
	Fatal(...any)
}) *Server {
	inner, err := s3test.New(Input, Output, Artifacts)
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{
		S3: inner, Account: Account, PageSize: 10, Expression: "cron(0 9 15 * ? *)",
		Logs: map[string][]cwltypes.OutputLogEvent{},
		Parameters: map[string]string{
			contract.InputBucket: Input, contract.OutputBucket: Output, contract.ArtifactBucket: Artifacts,
			contract.InputKey: contract.DefaultInputKey, contract.ModelKey: contract.DefaultModelKey,
			contract.OutputStateMachineArn: Machine, contract.OutputLogGroupName: LogGroup, contract.OutputScheduleRuleName: Rule,
		},
	}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	s.Parameters[contract.OutputDeadLetterQueueURL] = s.queueURL()
	t.Cleanup(s.Close)
	return s
}

func (s *Server) queueURL() string { return s.URL + "/" + Account + "/dead-letters" }

// Lock keeps the server from answering until the result is called.
func (s *Server) Lock() (unlock func()) {
	s.mu.Lock()
	return s.mu.Unlock
}

// Fail adds a fault.
func (s *Server) Fail(f Fault) {
	defer s.Lock()()
	s.faults = append(s.faults, &f)
}

// Asked lists the operations that were asked for and contain a text, in order.
func (s *Server) Asked(text string) []string {
	defer s.Lock()()
	return slices.DeleteFunc(slices.Clone(s.asked), func(a string) bool { return !strings.Contains(a, text) })
}

// Env is the environment of a process that uses the server.
func (s *Server) Env() []string {
	return []string{"AWS_ENDPOINT_URL=" + s.URL, "AWS_REGION=" + Region, "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_EC2_METADATA_DISABLED=true"}
}

// service is one of AWS's, and how it is spoken to.
type service struct {
	name    string // as the SDK calls it
	answer  func(*Server, string, []byte, url.Values, *http.Request) (any, error)
	camel   bool              // members begin with a small letter
	version string            // of awsJson
	lists   map[string]string // wire names of lists in XML
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, layerPath) {
		s.serveLayer(w, r)
		return
	}
	svc, operation, body, form, err := s.read(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	s.asked = append(s.asked, svc.name+"."+operation)
	fault := s.fault(svc.name + "." + operation)
	s.mu.Unlock()
	if fault != nil {
		svc.refuse(w, r, fault.Status, fault.Code, fault.Message)
		return
	}
	if svc.name == "S3" {
		s.S3.ServeHTTP(w, r)
		return
	}
	s.mu.Lock()
	out, err := svc.answer(s, operation, body, form, r)
	s.mu.Unlock()
	var known smithy.APIError
	switch {
	case errors.As(err, &known):
		svc.refuse(w, r, http.StatusBadRequest, known.ErrorCode(), known.ErrorMessage())
	case err != nil:
		svc.refuse(w, r, http.StatusBadRequest, "ValidationException", err.Error())
	default:
		svc.send(w, operation, out)
	}
}

// read finds out what a request asks for.
func (s *Server) read(r *http.Request) (svc *service, operation string, body []byte, form url.Values, err error) {
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		body, err = io.ReadAll(r.Body)
		if err != nil {
			return nil, "", nil, nil, err
		}
		prefix, operation, _ := strings.Cut(target, ".")
		if svc = jsonServices[prefix]; svc == nil {
			return nil, "", nil, nil, fmt.Errorf("target %q is not modeled", target)
		}
		return svc, operation, body, nil, nil
	}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		body, err = io.ReadAll(r.Body)
		if err != nil {
			return nil, "", nil, nil, err
		}
		if form, err = url.ParseQuery(string(body)); err != nil {
			return nil, "", nil, nil, err
		}
		if svc = queryServices[form.Get("Version")]; svc == nil {
			return nil, "", nil, nil, fmt.Errorf("version %q of %s is not modeled", form.Get("Version"), form.Get("Action"))
		}
		return svc, form.Get("Action"), nil, form, nil
	}
	if path := r.URL.Path; path == "/schedules" || strings.HasPrefix(path, "/schedules/") {
		operation = "ListSchedules"
		if path != "/schedules" {
			operation = "GetSchedule"
		}
		return schedulerService, operation, nil, r.URL.Query(), nil
	}
	return &service{name: "S3"}, r.Method, nil, nil, nil
}

// fault is the one that answers, if any.
func (s *Server) fault(operation string) *Fault {
	for _, f := range s.faults {
		if f.Times != 0 && (f.Operation == "*" || f.Operation == operation) {
			f.Times--
			return f
		}
	}
	return nil
}

// refuse answers with an error.
func (svc *service) refuse(w http.ResponseWriter, r *http.Request, status int, code, message string) {
	switch {
	case svc.name == "S3":
		s3test.Fail(w, r, status, code)
	case svc.version != "":
		w.Header().Set("Content-Type", "application/x-amz-json-"+svc.version)
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, `{"__type":%q,"message":%q}`, code, message)
	case svc == schedulerService:
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Amzn-Errortype", code)
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, `{"Message":%q}`, message)
	case svc.camel: // ec2Query
		w.Header().Set("Content-Type", "text/xml")
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, "<Response><Errors><Error><Code>%s</Code><Message>%s</Message></Error></Errors><RequestID>r</RequestID></Response>", code, message)
	default:
		w.Header().Set("Content-Type", "text/xml")
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, "<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error><RequestId>r</RequestId></ErrorResponse>", code, message)
	}
}

// send answers with one of the SDK's outputs.
func (svc *service) send(w http.ResponseWriter, operation string, out any) {
	var body bytes.Buffer
	var err error
	switch {
	case svc.version != "" || svc == schedulerService:
		var text []byte
		text, err = encodeJSON(out, svc.camel)
		body.Write(text)
		w.Header().Set("Content-Type", "application/x-amz-json-"+svc.version)
	case svc.camel: // ec2Query
		fmt.Fprintf(&body, `<%sResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId>`, operation)
		err = encodeXML(&body, out, "item", svc.lists, true)
		fmt.Fprintf(&body, "</%sResponse>", operation)
		w.Header().Set("Content-Type", "text/xml")
	default:
		fmt.Fprintf(&body, "<%[1]sResponse><%[1]sResult>", operation)
		err = encodeXML(&body, out, "member", nil, false)
		fmt.Fprintf(&body, "</%[1]sResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></%[1]sResponse>", operation)
		w.Header().Set("Content-Type", "text/xml")
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_, _ = w.Write(body.Bytes())
}

// operation answers one operation of a service.
type operation func(*Server, []byte) (any, error)

// typed makes an operation of a function on the SDK's types.
func typed[In, Out any](f func(*Server, *In) (*Out, error)) operation {
	return func(s *Server, body []byte) (any, error) {
		in := new(In)
		if err := decodeJSON(body, in); err != nil {
			return nil, fmt.Errorf("request %s: %w", body, err)
		}
		return f(s, in)
	}
}

// jsonService is a service of the protocol awsJson.
func jsonService(name, version string, camel bool, operations map[string]operation) *service {
	return &service{name: name, version: version, camel: camel, answer: func(s *Server, op string, body []byte, _ url.Values, _ *http.Request) (any, error) {
		f := operations[op]
		if f == nil {
			return nil, fmt.Errorf("%s of %s is not modeled", op, name)
		}
		return f(s, body)
	}}
}

// page is a part of a list, and the token of the next; size 0 is PageSize.
func page[T any](s *Server, all []T, token *string, size int32) (part []T, next *string) {
	from := 0
	if token != nil {
		_, _ = fmt.Sscanf(*token, "from-%d", &from)
	}
	n := s.PageSize
	if size > 0 {
		n = min(n, int(size))
	}
	to := min(from+n, len(all))
	if to < len(all) {
		t := fmt.Sprintf("from-%d", to)
		next = &t
	}
	return all[from:to], next
}

func now() *time.Time {
	t := time.Now().UTC().Truncate(time.Millisecond)
	return &t
}

// Unlocked lets others ask while an answer is being made, as by a Job that asks
// itself; the result ends that.
func (s *Server) Unlocked() (lock func()) {
	s.mu.Unlock()
	return s.mu.Lock
}
