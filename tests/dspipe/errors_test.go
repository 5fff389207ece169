package dspipe

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"ds-pipeline/internal/awstest"
	"ds-pipeline/preprocess/contract"
)

func TestErrors_sayWhatToDoNext(t *testing.T) {
	t.Parallel()
	denied := "User: " + awstest.User + " is not authorized to perform: states:StartExecution on resource: " + awstest.Machine + " because no identity-based policy allows the states:StartExecution action"
	for name, tt := range map[string]struct {
		fault  awstest.Fault
		status int
		want   []string
	}{
		"expired":        {awstest.Fault{Operation: "*", Status: 403, Code: "ExpiredToken", Message: "The security token included in the request is expired"}, 77, []string{"the credentials have expired", "aws sso login"}},
		"expired, JSON":  {awstest.Fault{Operation: "SSM.GetParametersByPath", Status: 400, Code: "ExpiredTokenException", Message: "The security token included in the request is expired"}, 77, []string{"the credentials have expired"}},
		"unknown":        {awstest.Fault{Operation: "*", Status: 403, Code: "InvalidClientTokenId", Message: "The security token included in the request is invalid."}, 77, []string{"AWS does not accept these credentials", "--profile"}},
		"denied":         {awstest.Fault{Operation: "SFN.StartExecution", Status: 400, Code: "AccessDeniedException", Message: denied}, 77, []string{"permission missing: states:StartExecution on " + awstest.Machine, "Ask whoever looks after the account to allow states:StartExecution"}},
		"denied, silent": {awstest.Fault{Operation: "SSM.GetParametersByPath", Status: 400, Code: "AccessDeniedException", Message: "no"}, 77, []string{"permission missing: ssm:GetParametersByPath"}},
		"throttled":      {awstest.Fault{Operation: "SFN.StartExecution", Status: 400, Code: "ThrottlingException", Message: "Rate exceeded"}, 69, []string{"ThrottlingException", "try again in a minute"}},
		"at fault":       {awstest.Fault{Operation: "SFN.StartExecution", Status: 500, Code: "InternalServerError", Message: "oh"}, 69, []string{"InternalServerError", "try again"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := cloud(t)
			tt.fault.Times = -1
			c.Fail(tt.fault)
			run(t, c.Env(), "run", "--period", "2026-11").expect(t, tt.status, tt.want...).never(t, "https response error", "goroutine")
			if names, _ := c.Started(); len(names) > 0 {
				t.Errorf("started %q", names)
			}
		})
	}
}

func TestErrors_passingOnesAreTriedAgain(t *testing.T) {
	t.Parallel()
	c := cloud(t)
	for _, op := range []string{"STS.GetCallerIdentity", "SSM.GetParametersByPath", "SFN.StartExecution", "SFN.DescribeExecution", "SFN.GetExecutionHistory", "CloudWatch Logs.GetLogEvents"} {
		c.Fail(awstest.Fault{Operation: op, Times: 1, Status: 400, Code: "ThrottlingException", Message: "Rate exceeded"})
	}
	run(t, c.Env(), "run", "--follow").expect(t, 0, "rows      344 in")
	if names, _ := c.Started(); len(names) != 1 {
		t.Errorf("started %q, want one", names)
	}
}

func TestErrors_withoutCredentialsOrRegion(t *testing.T) {
	t.Parallel()
	c := cloud(t)
	run(t, []string{"AWS_EC2_METADATA_DISABLED=true", "AWS_REGION=us-east-1", "AWS_ENDPOINT_URL=" + c.URL}, "status").expect(t, 77, "no credentials for AWS were found", "--profile")
	run(t, []string{"AWS_EC2_METADATA_DISABLED=true"}, "status").expect(t, 78, "AWS region: missing", "--region")
	run(t, append(c.Env(), "AWS_REGION=US EAST"), "status").expect(t, 78, `AWS region: got "US EAST", want a name such as us-east-1`, "--region")
	run(t, append(c.Env(), "AWS_PROFILE=nobody"), "status").expect(t, 78, "nobody", "list-profiles")
	run(t, append(c.Env(), "AWS_ENDPOINT_URL=http://127.0.0.1:1"), "status").expect(t, 69, "did not answer", "AWS_ENDPOINT_URL")
}

func TestPlace_isRefusedInAnotherAccount(t *testing.T) {
	t.Parallel()
	c := cloud(t)
	c.Account = "999999999999"
	dir := project(t, "config:\n  aws:region: us-east-1\n  ds-pipeline:accountId: \"111111111111\"\n")
	run(t, c.Env(), "run", "--stack", "dev", "--dir", dir).expect(t, 78,
		`wrong account: the credentials belong to 999999999999, but stack "dev" may only use 111111111111 (accountId in Pulumi.dev.yaml)`, "--profile")
	if asked := c.Asked("SFN"); len(asked) > 0 {
		t.Errorf("asked %q", asked)
	}
}

func project(t *testing.T, config string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "Pulumi.yaml"), read(t, "../../Pulumi.yaml"))
	write(t, filepath.Join(dir, "Pulumi.dev.yaml"), config)
	return dir
}

func TestPlace_isWhatTheStackFileSays(t *testing.T) {
	t.Parallel()
	c := cloud(t)
	dir := project(t, "config:\n  aws:region: us-east-1\n  ds-pipeline:accountId: \"111111111111\"\n")
	env := append(c.Env(), "AWS_REGION=eu-west-3")
	run(t, env, "status", "--stack", "dev", "--dir", dir, "--json").expect(t, 0, `"region": "us-east-1"`)
	run(t, append(env, "DSPIPE_STACK=dev"), "status", "--dir", dir, "--region", "eu-north-1", "--json").expect(t, 0, `"region": "eu-north-1"`)
	run(t, env, "status", "--stack", "prod", "--dir", dir).expect(t, 78, "--stack prod: no Pulumi.prod.yaml in "+dir+", which has the stacks dev")
	run(t, env, "status", "--stack", "prod", "--dir", t.TempDir()).expect(t, 78, "no Pulumi.yaml in")
	write(t, filepath.Join(dir, "Pulumi.dev.yaml"), "config:\n  ds-pipeline:resourceSuffix: -blue\n")
	run(t, env, "status", "--stack", "dev", "--dir", dir).expect(t, 78, "no parameters below /ds/preprocessing-blue/ in account 111111111111", "pulumi up")
	write(t, filepath.Join(dir, "Pulumi.dev.yaml"), "config: [\n")
	run(t, env, "status", "--stack", "dev", "--dir", dir).expect(t, 78, "Pulumi.dev.yaml: yaml")
	run(t, env, "status", "--prefix", "ds").expect(t, 64, `--prefix: got "ds", want a path that starts and ends with a slash`)
}

func TestPlace_isWhatTheOutputsSay(t *testing.T) {
	t.Parallel()
	c := cloud(t)
	for _, o := range contract.Outputs() {
		delete(c.Parameters, o.Name)
	}
	run(t, c.Env(), "status").expect(t, 78, "parameter /ds/preprocessing/outputs/state-machine-arn: missing", "--outputs FILE")
	file := write(t, filepath.Join(t.TempDir(), "outputs.json"), `{"stateMachineArn":"`+awstest.Machine+`","logGroupName":"`+awstest.LogGroup+`","parameterPrefix":"/ds/preprocessing/","costEstimate":{"a":1}}`)
	run(t, c.Env(), "status", "--outputs", file).expect(t, 0, "no runs", "next start   none")
	run(t, c.Env(), "run", "--wait", "--outputs", file).expect(t, 0, "rows      344 in")
	bad := write(t, filepath.Join(t.TempDir(), "outputs.json"), `{}`)
	run(t, c.Env(), "status", "--outputs", bad).expect(t, 78, "no stateMachineArn")
	run(t, c.Env(), "status", "--outputs", bad+".none").expect(t, 66, "--outputs "+bad+`.none: there is no "outputs.json.none"`)
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(read(t, file), "111111111111", "222222222222")), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, c.Env(), "status", "--outputs", file).expect(t, 78, "wrong account: the credentials belong to 111111111111, but "+file+" is of 222222222222")
}

func TestHelp_namesTheExitStatuses(t *testing.T) {
	t.Parallel()
	run(t, nil, "--help").expect(t, 0, "Exit status:", "78 ", "retry ")
	run(t, nil, "run", "--help").expect(t, 0, "--period=YYYY-MM", "--follow")
	run(t, nil, "--version").expect(t, 0, "dspipe ")
}

// What a full disk has no room for was not told.
func TestErrors_anAnswerThatCannotBeWrittenIsLost(t *testing.T) {
	t.Parallel()
	c := cloud(t)
	run(t, c.Env(), "run", "--wait").expect(t, 0)
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("this system has no file that is always full: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = full.Close() }()
	for _, args := range [][]string{{"status"}, {"status", "--json"}, {"list"}, {"logs"}, {"doctor"}, {"results"}, {"man"}, {"completion", "bash"}} {
		cmd := command(t, c.Env(), args...)
		var said bytes.Buffer
		cmd.Stdout, cmd.Stderr = full, &said
		if err := cmd.Run(); cmd.ProcessState.ExitCode() != 74 || !strings.Contains(said.String(), "no space left") {
			t.Errorf("%q: got %v and %q, want exit status 74 and why", args, err, said.String())
		}
	}
}

// A reader that has seen enough, as head, is no fault.
func TestErrors_aReaderThatGoesAwayEndsIt(t *testing.T) {
	t.Parallel()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_ = reader.Close()
	cmd := command(t, nil, "man")
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = writer, &said
	_ = cmd.Run() // by a signal
	_ = writer.Close()
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGPIPE || said.Len() > 0 {
		t.Errorf("got %v and %q, want SIGPIPE and nothing said", cmd.ProcessState, said.String())
	}
}
