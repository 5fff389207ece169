package components

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Place is the AWS account and region that a component is created in.
type Place struct {
	AccountID string `pulumi:"accountId"` // twelve digits
	Region    string `pulumi:"region"`    // "us-east-1"
}

var (
	accountIDPattern = regexp.MustCompile(`^[0-9]{12}$`)
	regionPattern    = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]$`)

	// Regions of partitions that partition does not know: the isolated ones, and
	// the European Sovereign Cloud.
	otherRegionPattern = regexp.MustCompile(`^(eusc|eu-isoe|us-iso[a-z]?)-`)
)

// CheckAccountID reports whether id is an AWS account number.
func CheckAccountID(id string) error {
	if !accountIDPattern.MatchString(id) {
		return fmt.Errorf("got %q, want twelve digits", id)
	}
	return nil
}

// CheckRegion reports whether region is shaped like the name of an AWS region in a
// partition that ARNs can be written for.
func CheckRegion(region string) error {
	if otherRegionPattern.MatchString(region) {
		return fmt.Errorf("got %q, want a region of the partitions aws, aws-cn or aws-us-gov", region)
	}
	if !regionPattern.MatchString(region) {
		return fmt.Errorf("got %q, want the name of an AWS region such as us-east-1", region)
	}
	return nil
}

func (p Place) validate() error {
	return errors.Join(
		named("Place.AccountID", CheckAccountID(p.AccountID)),
		named("Place.Region", CheckRegion(p.Region)),
	)
}

// partition is the first part of every ARN in the region.
func (p Place) partition() string {
	switch {
	case strings.HasPrefix(p.Region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(p.Region, "us-gov-"):
		return "aws-us-gov"
	default:
		return "aws"
	}
}

// arn names a resource of this account and region.
func (p Place) arn(service, resource string) string {
	return fmt.Sprintf("arn:%s:%s:%s:%s:%s", p.partition(), service, p.Region, p.AccountID, resource)
}

// bucketArn names a bucket: the ARNs of S3 carry neither account nor region.
func (p Place) bucketArn(bucket string) string {
	return fmt.Sprintf("arn:%s:s3:::%s", p.partition(), bucket)
}

// CheckPartition reports whether arn, of a shape that was checked before, can be
// used in region: nothing reaches into another partition.
func CheckPartition(arn, region string) error {
	want := Place{Region: region}.partition()
	if got := strings.Split(arn, ":"); len(got) < 2 || got[1] != want {
		return fmt.Errorf("got %q, want an ARN of the partition of %s, arn:%s:<...>", arn, region, want)
	}
	return nil
}

// endpointService names the VPC endpoint of an AWS service in the region. In China
// some begin with cn., among them those of ECR, and others do not: CloudWatch
// Logs, Parameter Store and the gateway of S3.
func (p Place) endpointService(service string) string {
	name := "com.amazonaws." + p.Region + "." + service
	if p.partition() == "aws-cn" && strings.HasPrefix(service, "ecr.") {
		return "cn." + name
	}
	return name
}

// consoleHost is where a browser reaches the console of the region.
func (p Place) consoleHost() string {
	switch p.partition() {
	case "aws-cn":
		return p.Region + ".console.amazonaws.cn"
	case "aws-us-gov":
		return p.Region + ".console.amazonaws-us-gov.com"
	default:
		return p.Region + ".console.aws.amazon.com"
	}
}

// dnsSuffix ends the names of the region's services.
func (p Place) dnsSuffix() string {
	if p.partition() == "aws-cn" {
		return "amazonaws.com.cn"
	}
	return "amazonaws.com"
}

// serviceHost is a service of the region as KMS names it in kms:ViaService.
func (p Place) serviceHost(service string) string {
	return service + "." + p.Region + "." + p.dnsSuffix()
}

// logsService is CloudWatch Logs as a principal: it has one in each region.
func (p Place) logsService() string {
	return "logs." + p.Region + "." + p.dnsSuffix()
}
