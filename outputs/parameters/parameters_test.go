package parameters_test

import (
	"context"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"ds-pipeline/internal/awstest"
	"ds-pipeline/outputs/parameters"
	"ds-pipeline/preprocess/contract"
)

// cloud is an account with all outputs that a stack always has.
func cloud(t *testing.T) (*awstest.Server, aws.Config) {
	t.Helper()
	s := awstest.New(t)
	for _, o := range contract.Outputs() {
		delete(s.Parameters, o.Name)
		if !o.Object && !o.Optional {
			s.Parameters[o.Name] = "the " + o.Stack
		}
	}
	s.Parameters[contract.OutputOutputsVersion] = contract.OutputsVersion
	return s, aws.Config{
		Region: awstest.Region, BaseEndpoint: &s.URL, RetryMaxAttempts: 1,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
		}),
	}
}

func TestRead_inBatchesOfTen(t *testing.T) {
	s, cfg := cloud(t)
	s.Parameters["outputs/kms-key-arn"] = "the key"
	got, err := parameters.Read(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	got.Each(func(o contract.Output, value *string) {
		want := "the " + o.Stack
		switch {
		case o.Stack == "outputsVersion":
			want = contract.OutputsVersion
		case o.Stack == "kmsKeyArn":
			want = "the key"
		case o.Optional:
			want = ""
		}
		if *value != want {
			t.Errorf("%s: got %q, want %q", o.Stack, *value, want)
		}
	})
	// The server refuses more than ten names.
	text := len(contract.Outputs()) - 1
	if asked := s.Asked("SSM."); len(asked) != (text+9)/10 {
		t.Errorf("got requests %v, want %d for %d parameters", asked, (text+9)/10, text)
	}
}

func TestRead_saysWhatIsWrong(t *testing.T) {
	const where = "outputs of the stack below /ds/preprocessing/ in Parameter Store, region us-east-1: "
	for name, c := range map[string]struct {
		spoil func(*awstest.Server)
		want  string
	}{
		"nothing there": {func(s *awstest.Server) { clear(s.Parameters) }, where + "there are none: deploy the stack there"},
		"from before there were versions": {func(s *awstest.Server) { delete(s.Parameters, contract.OutputOutputsVersion) },
			where + "the stack has no outputsVersion, so it is older than this program, which needs version " + contract.OutputsVersion},
		"older": {func(s *awstest.Server) { s.Parameters[contract.OutputOutputsVersion] = "0.9" },
			where + "the stack has version 0.9 of its outputs and this program needs " + contract.OutputsVersion + ": deploy it again with a newer ds-pipeline"},
		"newer": {func(s *awstest.Server) { s.Parameters[contract.OutputOutputsVersion] = "1000.0" }, where + "the stack has version 1000.0 of its outputs and this program reads "},
		"several missing": {func(s *awstest.Server) {
			delete(s.Parameters, contract.OutputStateMachineArn)
			delete(s.Parameters, "outputs/input-bucket-name")
		}, where + "missing: inputBucketName, stateMachineArn: somebody deleted them"},
		"not allowed": {func(s *awstest.Server) {
			s.Fail(awstest.Fault{Operation: "SSM.GetParameters", Times: -1, Status: 400, Code: "AccessDeniedException", Message: "not authorized to perform: ssm:GetParameters"})
		}, "not authorized to perform: ssm:GetParameters"},
	} {
		s, cfg := cloud(t)
		c.spoil(s)
		if _, err := parameters.Read(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

func TestRead_ofAnotherPrefix(t *testing.T) {
	_, cfg := cloud(t)
	if _, err := parameters.Read(t.Context(), cfg, func(o *parameters.Options) { o.Prefix = "/ds/other/" }); err == nil || !strings.Contains(err.Error(), "below /ds/other/ in") {
		t.Errorf("got %v, want that there is nothing below /ds/other/", err)
	}
	if _, err := parameters.Read(t.Context(), cfg, func(o *parameters.Options) { o.Prefix = "ds" }); err == nil || !strings.Contains(err.Error(), `prefix: got "ds", want a path that starts and ends with a slash`) {
		t.Errorf("got %v", err)
	}
}
