package ec2

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"
)

// server answers each request with the next text; one that begins with "!" is an
// error of this code.
func server(t *testing.T, answers ...string) (*Client, *[]string) {
	t.Helper()
	var asked []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil || !strings.Contains(r.Header.Get("Authorization"), "/eu-central-1/ec2/aws4_request") {
			t.Errorf("%v, signed %q", err, r.Header.Get("Authorization"))
		}
		asked = append(asked, r.PostForm.Encode())
		answer := answers[min(len(asked), len(answers))-1]
		if code, ok := strings.CutPrefix(answer, "!"); ok {
			w.WriteHeader(http.StatusServiceUnavailable)
			answer = "<Response><Errors><Error><Code>" + code + "</Code><Message>m</Message></Error></Errors></Response>"
		}
		_, _ = w.Write([]byte(answer))
	}))
	t.Cleanup(s.Close)
	t.Setenv("AWS_ENDPOINT_URL_EC2", "")
	return New(aws.Config{Region: "eu-central-1", BaseEndpoint: &s.URL, RetryMaxAttempts: 2,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "id", SecretAccessKey: "key"}, nil
		})}), &asked
}

func TestSubnets_goesThroughPages(t *testing.T) {
	c, asked := server(t,
		"<DescribeSubnetsResponse><requestId>r</requestId><subnetSet><item><subnetId>subnet-1</subnetId><vpcId>v</vpcId><availableIpAddressCount>7</availableIpAddressCount></item></subnetSet><nextToken>n</nextToken></DescribeSubnetsResponse>",
		"<DescribeSubnetsResponse><subnetSet><item><subnetId>subnet-2</subnetId></item></subnetSet></DescribeSubnetsResponse>")
	got, err := c.Subnets(t.Context(), []string{"subnet-1", "subnet-2"})
	if err != nil || len(got) != 2 || got[0] != (Subnet{ID: "subnet-1", VPC: "v", Free: 7}) || got[1].ID != "subnet-2" {
		t.Errorf("got %+v, %v", got, err)
	}
	if len(*asked) != 2 || !strings.Contains((*asked)[0], "SubnetId.2=subnet-2") || !strings.Contains((*asked)[1], "NextToken=n") {
		t.Errorf("asked %q", *asked)
	}
}

func TestAsk_triesAgainWhatPasses(t *testing.T) {
	c, asked := server(t, "!RequestLimitExceeded", "<r><routeTableSet><item><routeTableId>rtb</routeTableId><associationSet><item><main>true</main></item></associationSet></item></routeTableSet></r>")
	got, err := c.RouteTables(t.Context(), "vpc-1")
	if err != nil || len(*asked) != 2 || len(got) != 1 || !got[0].Associations[0].Main {
		t.Errorf("got %+v, %v after %d requests", got, err, len(*asked))
	}
}

func TestAsk_namesWhatEC2Refuses(t *testing.T) {
	c, asked := server(t, "!AuthFailure")
	_, err := c.Endpoints(t.Context(), "vpc-1")
	var api smithy.APIError
	var op *smithy.OperationError
	if !errors.As(err, &api) || api.ErrorCode() != "AuthFailure" || !errors.As(err, &op) || op.Operation() != "DescribeVpcEndpoints" {
		t.Errorf("got %v", err)
	}
	if len(*asked) > 2 {
		t.Errorf("asked %d times", len(*asked))
	}
}

func TestEndpoint_isEC2sOwnUnlessThereIsAnother(t *testing.T) {
	t.Setenv("AWS_ENDPOINT_URL", "")
	t.Setenv("AWS_ENDPOINT_URL_EC2", "")
	for region, want := range map[string]string{"eu-central-1": "https://ec2.eu-central-1.amazonaws.com/", "cn-north-1": "https://ec2.cn-north-1.amazonaws.com.cn/"} {
		if got := New(aws.Config{Region: region}).endpoint(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	t.Setenv("AWS_ENDPOINT_URL_EC2", "http://localhost:1/")
	if got := New(aws.Config{Region: "eu-central-1", BaseEndpoint: aws.String("http://localhost:2")}).endpoint(); got != "http://localhost:1/" {
		t.Errorf("got %s", got)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("<r><subnetSet><item><subnetId>s</subnetId></item></subnetSet><nextToken>n</nextToken></r>"))
	f.Add([]byte("<r><subnetSet/>"))
	f.Add([]byte("<r><nextToken><a/></nextToken></r></r>"))
	f.Fuzz(func(_ *testing.T, text []byte) {
		_, _, _ = read[Subnet](text, "subnetSet")
	})
}
