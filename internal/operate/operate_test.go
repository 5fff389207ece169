package operate

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"ds-pipeline/internal/ec2"
	"ds-pipeline/preprocess/contract"
	"ds-pipeline/preprocess/storage"
)

func apiError(service, operation, code, message string) error {
	return &smithy.OperationError{ServiceID: service, OperationName: operation, Err: &smithy.GenericAPIError{Code: code, Message: message}}
}

func TestExplain_namesStatusAndRemedy(t *testing.T) {
	object := storage.URI{Bucket: "b-1", Key: "k"}
	for _, tt := range []struct {
		err    error
		status int
		want   string // in the message or the remedy
	}{
		{apiError("SFN", "StartExecution", "AccessDeniedException", "User: u is not authorized to perform: states:StartExecution on resource: arn:x because"), 77, "permission missing: states:StartExecution on arn:x:"},
		{apiError("CloudWatch Logs", "GetLogEvents", "AccessDeniedException", "no"), 77, "allow logs:GetLogEvents;"},
		{apiError("S3", "HeadObject", "Forbidden", ""), 77, "allow s3:GetObject;"},
		{apiError("EC2", "DescribeSubnets", "UnauthorizedOperation", "no"), 77, "allow ec2:DescribeSubnets;"},
		{apiError("SFN", "ListExecutions", "ExpiredTokenException", "expired"), 77, "aws sso login"},
		{errors.New("get identity: get credentials: the SSO session has expired or is invalid"), 77, "aws sso login"},
		{apiError("STS", "GetCallerIdentity", "InvalidClientTokenId", "x"), 77, "AWS does not accept these credentials"},
		{apiError("SSM", "PutParameter", "TooManyUpdates", "x"), 70, "TooManyUpdates"},
		{apiError("SSM", "GetParametersByPath", "ThrottlingException", "Rate exceeded"), 69, "try again in a minute"},
		{apiError("EventBridge", "DescribeRule", "ResourceNotFoundException", "Rule x"), 66, "EventBridge DescribeRule: ResourceNotFoundException: Rule x"},
		{&smithy.OperationError{ServiceID: "SQS", OperationName: "X", Err: &smithyhttp.RequestSendError{Err: &net.DNSError{Err: "no such host", Name: "h"}}}, 69, "SQS did not answer: lookup h: no such host"},
		{&storage.Error{Op: "read", URI: object, Kind: storage.ErrUnavailable, Err: &smithy.OperationError{ServiceID: "S3", OperationName: "X", Err: &smithyhttp.RequestSendError{Err: errors.New("refused")}}}, 69, "read s3://b-1/k: S3 did not answer: refused\n"},
		{&storage.Error{Op: "write", URI: object, Kind: storage.ErrDenied, Err: errors.New("AccessDenied: x")}, 77, "allow s3:PutObject on s3://b-1/k;"},
		{&storage.Error{Op: "read", URI: object, Kind: storage.ErrNotFound}, 66, "s3://b-1/k: it does not exist"},
		{&fs.PathError{Op: "open", Path: "f", Err: fs.ErrNotExist}, 66, "open f"},
		{&fs.PathError{Op: "open", Path: "f", Err: os.ErrPermission}, 74, "open f"},
		{context.Canceled, 130, "interrupted"},
		{fmt.Errorf("about it: %w", fail(78, "Do that.", "wrong")), 78, "Do that."},
	} {
		e := explain(tt.err)
		if e.Status != tt.status || !strings.Contains(e.Error()+"\n"+e.Remedy, tt.want) {
			t.Errorf("%v: got %d, %q, %q; want %d, %q", tt.err, e.Status, e.Error(), e.Remedy, tt.status, tt.want)
		}
	}
}

func TestExitStatuses_areInOrderAndDoNotContradictTheJobs(t *testing.T) {
	last := -1
	for _, e := range exitStatuses() {
		if e.code <= last || e.meaning == "" {
			t.Errorf("%d after %d: %q", e.code, last, e.meaning)
		}
		last = e.code
	}
	for _, e := range contract.ExitStatuses() {
		if !strings.Contains(fmt.Sprint(exitStatuses()), fmt.Sprint(e.Code)) {
			t.Errorf("status %d of the job, which dspipe passes on, is not explained", e.Code)
		}
	}
}

func TestExitStatuses_areThoseOfThePage(t *testing.T) {
	page, err := os.ReadFile("../../docs/dspipe.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^\| ([0-9]+) \|`).FindAllStringSubmatch(string(page), -1) {
		listed[m[1]] = true
	}
	for _, e := range exitStatuses() {
		if !listed[strconv.Itoa(e.code)] {
			t.Errorf("docs/dspipe.md has no exit status %d, %s", e.code, e.meaning)
		}
		delete(listed, strconv.Itoa(e.code))
	}
	for code := range listed {
		t.Errorf("docs/dspipe.md has exit status %s, and the program has not", code)
	}
}

func TestLogLine_isForPeople(t *testing.T) {
	for line, want := range map[string]string{
		`{"time":"2026-11-15T09:00:00Z","level":"INFO","msg":"starting","workers":2,"input":"a b"}`: "starting workers=2 input=a b",
		`{"level":"ERROR","msg":"x","exit":65}`:                                                     "error: x exit=65",
		`{"_aws":{"Timestamp":1},"RowsIn":1}`:                                                       "",
		`plain`:                                                                                     "plain",
		`{"level":"INFO"} and more`:                                                                 `{"level":"INFO"} and more`,
		`{"msg":"n","big":12345678901234567890,"empty":"","null":null}`:                             "n big=12345678901234567890",
		"{\"msg\":\"n\"}\n":                                                                         "n",
	} {
		if got := logLine(line); got != want {
			t.Errorf("%s: got %q, want %q", line, got, want)
		}
	}
}

func TestJobLog_readsTheEndOfALog(t *testing.T) {
	var j jobLog
	if j.read("hello") || j.read(`{"msg":"starting"}`) {
		t.Error("took what tells nothing")
	}
	j.read(`{"_aws":{},"RowsIn":10,"RowsOut":8,"RowsRejected":2,"DriftedColumns":1,"Seconds":1.5}`)
	j.read(`{"level":"ERROR","msg":"too many"}`)
	if *j.RowsIn != 10 || *j.RowsOut != 8 || *j.RowsRejected != 2 || *j.Drifted != 1 || *j.Seconds != 1.5 || j.Message != "too many" {
		t.Errorf("got %+v", j)
	}
	j.read(`{"msg":"nothing to do","repeated":true,"result":"r","manifest":"m","rows_in":9,"rows_out":9,"rows_rejected":0,"drifted_columns":0}`)
	if !j.Repeated || *j.RowsIn != 9 || j.Drifted != nil || j.Result != "r" {
		t.Errorf("got %+v", j)
	}
}

func TestTaskOf_findsTheTaskOfAnEvent(t *testing.T) {
	ecs := aws.String("ecs")
	const task = `{"TaskArn":"arn:aws:ecs:r:a:task/c/1","Containers":[{"ExitCode":65}]}`
	for _, e := range []types.HistoryEvent{
		{TaskSubmittedEventDetails: &types.TaskSubmittedEventDetails{ResourceType: ecs, Output: aws.String(`{"Tasks":[` + task + `]}`)}},
		{TaskSucceededEventDetails: &types.TaskSucceededEventDetails{ResourceType: ecs, Output: aws.String(task)}},
		{TaskFailedEventDetails: &types.TaskFailedEventDetails{ResourceType: ecs, Cause: aws.String(task)}},
	} {
		if got := taskOf(e); got == nil || got.TaskArn != "arn:aws:ecs:r:a:task/c/1" || *got.Containers[0].ExitCode != 65 {
			t.Errorf("got %+v", got)
		}
	}
	for _, e := range []types.HistoryEvent{
		{},
		{TaskSubmittedEventDetails: &types.TaskSubmittedEventDetails{ResourceType: ecs, Output: aws.String(`{"Tasks":[],"Failures":[{}]}`)}},
		{TaskFailedEventDetails: &types.TaskFailedEventDetails{ResourceType: ecs, Cause: aws.String("Capacity is unavailable")}},
		{TaskSucceededEventDetails: &types.TaskSucceededEventDetails{ResourceType: aws.String("sns"), Output: aws.String(task)}},
	} {
		if got := taskOf(e); got != nil {
			t.Errorf("got %+v of no task", got)
		}
	}
}

func TestReadTask_costsWhatFargateBills(t *testing.T) {
	var r pipelineRun
	status := 0
	began := float64(time.Now().UnixMilli())
	task := &startedTask{TaskArn: "t", CPU: "2048", Memory: "4096", PullStartedAt: began, StoppedAt: began + 3600e3}
	task.Containers = append(task.Containers, struct {
		ExitCode *int
		Reason   string
	}{&status, ""})
	r.readTask(task)
	if r.CostUSD < 0.0987 || r.CostUSD > 0.0988 || *r.ExitStatus != 0 {
		t.Errorf("an hour of 2 vCPUs costs $%.4f", r.CostUSD)
	}
}

func TestWayOut_saysWhatIsMissing(t *testing.T) {
	table := func(r ...ec2.Route) []ec2.RouteTable {
		return []ec2.RouteTable{{ID: "rtb", Routes: r, Associations: []struct {
			Subnet string `xml:"subnetId"`
			Main   bool   `xml:"main"`
		}{{"", true}}}}
	}
	out := func(r ec2.Route) ec2.Route { r.Destination, r.State = "0.0.0.0/0", "active"; return r }
	var endpoints []ec2.Endpoint
	for _, name := range neededEndpoints("us-east-1") {
		endpoints = append(endpoints, ec2.Endpoint{Service: name, State: "available"})
	}
	elsewhere := append([]ec2.Endpoint{}, endpoints...)
	elsewhere[3] = ec2.Endpoint{Service: endpoints[3].Service, State: "available", RouteTables: []string{"rtb-other"}}
	for name, tt := range map[string]struct {
		tables    []ec2.RouteTable
		endpoints []ec2.Endpoint
		public    bool
		way       string
		problem   string
	}{
		"internet gateway":    {table(out(ec2.Route{Gateway: "igw-1"})), nil, true, "igw-1", ""},
		"without an address":  {table(out(ec2.Route{Gateway: "igw-1"})), nil, false, "", "it gets none"},
		"NAT":                 {table(out(ec2.Route{NATGateway: "nat-1"})), nil, false, "nat-1", ""},
		"transit gateway":     {table(out(ec2.Route{TransitGateway: "tgw-1"})), nil, false, "tgw-1", ""},
		"NAT and an address":  {table(out(ec2.Route{NATGateway: "nat-1"})), nil, true, "nat-1, although", ""},
		"gone":                {table(ec2.Route{Destination: "0.0.0.0/0", NATGateway: "nat-1", State: "blackhole"}), nil, false, "", "nat-1 is gone"},
		"endpoints":           {table(), endpoints, false, "endpoints", ""},
		"S3 at another table": {table(), elsewhere, false, "", "no endpoints for com.amazonaws.us-east-1.s3"},
		"nothing":             {table(), nil, false, "", "ecr.api"},
		"no table":            {nil, nil, false, "", "no route table"},
	} {
		way, problem := wayOut(ec2.Subnet{ID: "subnet-1"}, tt.tables, tt.endpoints, tt.public, "us-east-1")
		if !strings.HasPrefix(way, tt.way) || (problem == "") != (tt.problem == "") || !strings.Contains(problem, tt.problem) {
			t.Errorf("%s: got %q, %q", name, way, problem)
		}
	}
}

func TestRequest_isWhatTheMachineReads(t *testing.T) {
	for want, r := range map[string]request{
		`{}`: {},
		`{"inventory-key":"inventory/manifest.json"}`:                                                  {Inventory: "inventory/manifest.json"},
		`{"force":true,"input-key":"i","model-key":"m","output-key":"processed/o","period":"2026-11"}`: {Period: "2026-11", InputKey: "i", ModelKey: "m", OutputKey: "processed/o", Force: true},
	} {
		if got := r.input(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestPeriods_areAllMonths(t *testing.T) {
	c := backfillCommand{From: "2026-11", To: "2027-02"}
	if got := strings.Join(c.periods(), " "); got != "2026-11 2026-12 2027-01 2027-02" {
		t.Errorf("got %s", got)
	}
}

func TestSuggestKey_hasTheEndingOfTheFile(t *testing.T) {
	for _, tt := range [][3]string{
		{"raw/monthly_data.csv", "x/data.parquet", "raw/monthly_data.parquet"},
		{"raw/monthly_data.csv.gz", "data.jsonl.gz", "raw/monthly_data.jsonl"},
		{"data", "data.tsv", "data.tsv"},
	} {
		if got := suggestKey(tt[0], tt[1]); got != tt[2] {
			t.Errorf("%s for %s: got %s, want %s", tt[0], tt[1], got, tt[2])
		}
	}
}

func TestDurationText_isShort(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "0s", 59 * time.Second: "59s", time.Minute: "1m00s", time.Hour: "1h00m", 125 * time.Second: "2m05s", 3725 * time.Second: "1h02m", 50 * time.Hour: "50h00m"} {
		if got := durationText(d); got != want {
			t.Errorf("%v: got %s, want %s", d, got, want)
		}
	}
}

func FuzzLogLine(f *testing.F) {
	f.Add(`{"time":"t","level":"INFO","msg":"starting","workers":2}`)
	f.Add(`{"_aws":{},"RowsIn":1e300,"Seconds":-1}`)
	f.Add(`{"a":{"b":[1,{"c":null}]},"a":2}`)
	f.Add("{")
	f.Fuzz(func(t *testing.T, line string) {
		text := logLine(line)
		if strings.HasPrefix(line, "plain") && text != strings.TrimRight(line, "\n") {
			t.Errorf("%q became %q", line, text)
		}
		new(jobLog).read(line)
	})
}

func FuzzReadDefinition(f *testing.F) {
	if text, err := os.ReadFile("../../components/testdata/machine.json"); err == nil {
		f.Add(string(text))
	}
	f.Add(`{"States":{"Preprocess":{"Parameters":{"Cluster":"c","TaskDefinition":"t"}}}}`)
	f.Add(`{"States":{"Preprocess":{"Parameters":[]}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		if facts, err := readDefinition(text); err == nil && (facts.cluster == "" || facts.taskDefinition == "") {
			t.Errorf("took a definition that runs no task: %+v", facts)
		}
		var r pipelineRun
		r.readOutput(text)
		r.readRequest(text)
	})
}

func TestTryPackage_leavesNothing(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	pack := func(name, inside string) string {
		file, err := os.Create(filepath.Join(t.TempDir(), name))
		if err != nil {
			t.Fatal(err)
		}
		w := zip.NewWriter(file)
		if _, err := w.Create(inside); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(w.Close(), file.Close()); err != nil {
			t.Fatal(err)
		}
		return file.Name()
	}
	if err := tryPackage(pack("good.zip", "a/b.py")); err != nil {
		t.Error(err)
	}
	if err := tryPackage(pack("bad.zip", "../b.py")); err == nil {
		t.Error("a package that leads out of its folder is taken")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("it left %v, %v", left, err)
	}
}
