package operate

import (
	"context"
	"regexp"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"ds-pipeline/internal/ec2"
	"ds-pipeline/preprocess/storage"
)

// cloud makes the clients of AWS's services when they are needed.
type cloud struct {
	cfg   aws.Config
	store *storage.Store

	ssm       func() *ssm.Client
	sts       func() *sts.Client
	sfn       func() *sfn.Client
	logs      func() *cloudwatchlogs.Client
	events    func() *eventbridge.Client
	scheduler func() *scheduler.Client
	sqs       func() *sqs.Client
	ecs       func() *ecs.Client
	iam       func() *iam.Client
	ec2       func() *ec2.Client
	ecr       func(region string) *ecr.Client // an image may be in another region
}

// regionPattern is what can be part of the name of a host. Which regions there are
// is for AWS to say; other services that speak its language have regions of their own.
var regionPattern = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

const remedyRegion = "Choose a region with --region, AWS_REGION or in the profile, or name the stack with --stack."

// newCloud reads the configuration as every AWS tool does.
func newCloud(ctx context.Context) (*cloud, error) {
	cfg, err := storage.LoadAWSConfig(ctx)
	if err != nil {
		if e := explainCredentials(err); e != nil {
			return nil, e
		}
		return nil, fail(exitConfig, remedyRegion, "%w", err)
	}
	if !regionPattern.MatchString(cfg.Region) {
		return nil, fail(exitConfig, remedyRegion, "AWS region: got %q, want a name such as us-east-1", cfg.Region)
	}
	return &cloud{
		cfg:       cfg,
		store:     storage.New(),
		ssm:       sync.OnceValue(func() *ssm.Client { return ssm.NewFromConfig(cfg) }),
		sts:       sync.OnceValue(func() *sts.Client { return sts.NewFromConfig(cfg) }),
		sfn:       sync.OnceValue(func() *sfn.Client { return sfn.NewFromConfig(cfg) }),
		logs:      sync.OnceValue(func() *cloudwatchlogs.Client { return cloudwatchlogs.NewFromConfig(cfg) }),
		events:    sync.OnceValue(func() *eventbridge.Client { return eventbridge.NewFromConfig(cfg) }),
		scheduler: sync.OnceValue(func() *scheduler.Client { return scheduler.NewFromConfig(cfg) }),
		sqs:       sync.OnceValue(func() *sqs.Client { return sqs.NewFromConfig(cfg) }),
		ecs:       sync.OnceValue(func() *ecs.Client { return ecs.NewFromConfig(cfg) }),
		iam:       sync.OnceValue(func() *iam.Client { return iam.NewFromConfig(cfg) }),
		ec2:       sync.OnceValue(func() *ec2.Client { return ec2.New(cfg) }),
		ecr: func(region string) *ecr.Client {
			return ecr.NewFromConfig(cfg, func(o *ecr.Options) { o.Region = region })
		},
	}, nil
}

func (c *cloud) region() string { return c.cfg.Region }
