// Package ec2 asks EC2 the few questions about a network that dspipe has, by the
// protocol ec2Query. The module of the SDK is as large as all others together:
// docs/decisions/dspipe.md.
package ec2

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

const apiVersion = "2016-11-15"

// maxAnswer bounds an answer, in bytes.
const maxAnswer = 16 << 20

// Client asks EC2 with the credentials, the region, the endpoint and the patience
// of a configuration.
type Client struct{ cfg aws.Config }

// New makes a client.
func New(cfg aws.Config) *Client { return &Client{cfg} }

// Subnet is a subnet.
type Subnet struct {
	ID   string `xml:"subnetId"`
	VPC  string `xml:"vpcId"`
	Zone string `xml:"availabilityZone"`
	Free int    `xml:"availableIpAddressCount"` // addresses
}

// RouteTable says where packets of its subnets go.
type RouteTable struct {
	ID           string  `xml:"routeTableId"`
	Routes       []Route `xml:"routeSet>item"`
	Associations []struct {
		Subnet string `xml:"subnetId"`
		Main   bool   `xml:"main"`
	} `xml:"associationSet>item"`
}

// Route is one route; exactly one of the targets is set.
type Route struct {
	Destination    string `xml:"destinationCidrBlock"`
	State          string `xml:"state"` // active or blackhole
	Gateway        string `xml:"gatewayId"`
	NATGateway     string `xml:"natGatewayId"`
	TransitGateway string `xml:"transitGatewayId"`
	Interface      string `xml:"networkInterfaceId"`
	Peering        string `xml:"vpcPeeringConnectionId"`
}

// Target is what a route leads to.
func (r Route) Target() string {
	return cmp.Or(r.NATGateway, r.Gateway, r.TransitGateway, r.Peering, r.Interface)
}

// Endpoint is a way to one service.
type Endpoint struct {
	Service     string   `xml:"serviceName"`
	State       string   `xml:"state"`
	RouteTables []string `xml:"routeTableIdSet>item"`
}

// Subnets describes subnets by their ids. One that does not exist is an error.
func (c *Client) Subnets(ctx context.Context, ids []string) ([]Subnet, error) {
	form := url.Values{}
	for i, id := range ids {
		form.Set(fmt.Sprintf("SubnetId.%d", i+1), id)
	}
	return pages[Subnet](ctx, c, "DescribeSubnets", form, "subnetSet")
}

// RouteTables describes all route tables of a VPC.
func (c *Client) RouteTables(ctx context.Context, vpc string) ([]RouteTable, error) {
	return pages[RouteTable](ctx, c, "DescribeRouteTables", inVPC(vpc), "routeTableSet")
}

// Endpoints describes all endpoints of a VPC.
func (c *Client) Endpoints(ctx context.Context, vpc string) ([]Endpoint, error) {
	return pages[Endpoint](ctx, c, "DescribeVpcEndpoints", inVPC(vpc), "vpcEndpointSet")
}

func inVPC(vpc string) url.Values {
	return url.Values{"Filter.1.Name": {"vpc-id"}, "Filter.1.Value.1": {vpc}}
}

// pages asks until there is no further page.
func pages[T any](ctx context.Context, c *Client, operation string, form url.Values, set string) ([]T, error) {
	form.Set("Action", operation)
	form.Set("Version", apiVersion)
	var all []T
	for {
		text, err := c.ask(ctx, form)
		if err != nil {
			return nil, &smithy.OperationError{ServiceID: "EC2", OperationName: operation, Err: err}
		}
		items, next, err := read[T](text, set)
		if err != nil {
			return nil, &smithy.OperationError{ServiceID: "EC2", OperationName: operation, Err: err}
		}
		all = append(all, items...)
		if next == "" {
			return all, nil
		}
		form.Set("NextToken", next)
	}
}

// read reads the items of a set in an answer.
func read[T any](text []byte, set string) (items []T, next string, err error) {
	d := xml.NewDecoder(bytes.NewReader(text))
	depth := 0
	for {
		token, err := d.Token()
		if err == io.EOF { //nolint:errorlint // the decoder returns it as it is
			return items, next, nil
		}
		if err != nil {
			return nil, "", fmt.Errorf("read the answer: %w", err)
		}
		switch t := token.(type) {
		case xml.EndElement:
			depth--
		case xml.StartElement:
			if depth++; depth != 2 {
				continue
			}
			depth--
			switch t.Name.Local {
			case set:
				var list struct {
					Items []T `xml:"item"`
				}
				if err := d.DecodeElement(&list, &t); err != nil {
					return nil, "", fmt.Errorf("read %s: %w", set, err)
				}
				items = list.Items
			case "nextToken":
				err = d.DecodeElement(&next, &t)
			default:
				err = d.Skip()
			}
			if err != nil {
				return nil, "", fmt.Errorf("read the answer: %w", err)
			}
		}
	}
}

// ask sends a request until it is answered, or until that has no prospect.
func (c *Client) ask(ctx context.Context, form url.Values) ([]byte, error) {
	var retryer aws.Retryer = retry.NewStandard(func(o *retry.StandardOptions) {
		if c.cfg.RetryMaxAttempts > 0 {
			o.MaxAttempts = c.cfg.RetryMaxAttempts
		}
	})
	for try := 1; ; try++ {
		text, err := c.once(ctx, form)
		if err == nil || try >= retryer.MaxAttempts() || !retryer.IsErrorRetryable(err) {
			return text, err
		}
		wait, delayErr := retryer.RetryDelay(try, err)
		if delayErr != nil {
			return nil, err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (c *Client) once(ctx context.Context, form url.Values) ([]byte, error) {
	body := form.Encode()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint(), strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	credentials, err := c.cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(body))
	if err := v4.NewSigner().SignHTTP(ctx, credentials, r, hex.EncodeToString(sum[:]), "ec2", c.cfg.Region, time.Now()); err != nil {
		return nil, err
	}
	var client aws.HTTPClient = http.DefaultClient
	if c.cfg.HTTPClient != nil {
		client = c.cfg.HTTPClient
	}
	answer, err := client.Do(r)
	if err != nil {
		return nil, &smithyhttp.RequestSendError{Err: err}
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return nil, &smithyhttp.RequestSendError{Err: err}
	}
	if answer.StatusCode >= 300 {
		return nil, &awshttp.ResponseError{ResponseError: &smithyhttp.ResponseError{
			Response: &smithyhttp.Response{Response: answer}, Err: refusal(answer.StatusCode, text)}}
	}
	return text, nil
}

// refusal is what EC2 said instead of an answer.
func refusal(status int, text []byte) error {
	var doc struct {
		Code    string `xml:"Errors>Error>Code"`
		Message string `xml:"Errors>Error>Message"`
	}
	if err := xml.Unmarshal(text, &doc); err != nil || doc.Code == "" {
		doc.Code, doc.Message = fmt.Sprintf("HTTP%d", status), http.StatusText(status)
	}
	return &smithy.GenericAPIError{Code: doc.Code, Message: doc.Message}
}

// endpoint is where EC2 is, unless the environment or the profile says another.
func (c *Client) endpoint() string {
	if e := cmp.Or(os.Getenv("AWS_ENDPOINT_URL_EC2"), aws.ToString(c.cfg.BaseEndpoint), os.Getenv("AWS_ENDPOINT_URL")); e != "" {
		return strings.TrimSuffix(e, "/") + "/"
	}
	suffix := ".amazonaws.com"
	if strings.HasPrefix(c.cfg.Region, "cn-") {
		suffix += ".cn"
	}
	return "https://ec2." + c.cfg.Region + suffix + "/"
}
